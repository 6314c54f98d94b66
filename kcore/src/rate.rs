//! How much of something an agent may use in a second of kernel time.
//!
//! Seconds begin when something is first used after a pause. Who used more than a second allows, since a use
//! is only counted when it is over, pays with the seconds that follow; a pause saves nothing up.
//!
//! # Invariants
//! 1. From any moment on, uses that begin only while [`Rate::left`] is not 0 sum up to at most the limit for each second
//!    begun, the second under way, and what the last use went over.
//! 2. A rate without a limit counts nothing.

use core::num::NonZeroU64;

use crate::time::{Span, Time};

/// A second in nanoseconds.
const SECOND_NS: i64 = 1_000_000_000;

/// A limit for each second, and what was used of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Rate {
    limit: Option<NonZeroU64>,
    /// When the second began of which `used` is counted.
    since: Time,
    /// At least the limit if seconds that have not begun are used up too.
    used: u64,
}

impl Rate {
    /// A rate with this limit, of which nothing is used.
    pub const fn new(limit: Option<NonZeroU64>) -> Self {
        Self { limit, since: Time::START, used: 0 }
    }

    /// How much a second allows; `None` is as much as there is.
    pub const fn limit(&self) -> Option<NonZeroU64> {
        self.limit
    }

    /// Changes how much a second allows. Whoever used more than that waits for the next second, and no longer.
    pub fn set_limit(&mut self, limit: Option<NonZeroU64>) {
        self.limit = limit;
        self.used = limit.map_or(0, |limit| self.used.min(limit.get()));
    }

    /// From when on something may be used.
    pub fn free_at(&self) -> Time {
        let Some(limit) = self.limit else { return Time::START };
        let seconds = self.used.checked_div(limit.get()).unwrap_or(0);
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        self.since.after(Span::from_ns(seconds.saturating_mul(SECOND_NS)))
    }

    /// How much is left of this second; `None` without a limit.
    pub fn left(&self, now: Time) -> Option<u64> {
        let limit = self.limit?;
        let mut paid = *self;
        paid.pay(limit, now);
        Some(limit.get().saturating_sub(paid.used))
    }

    /// Counts what was used.
    pub fn take(&mut self, now: Time, amount: u64) {
        if let Some(limit) = self.limit {
            self.pay(limit, now);
            self.used = self.used.saturating_add(amount);
        }
    }

    /// Forgets what the seconds that have passed allowed.
    fn pay(&mut self, limit: NonZeroU64, now: Time) {
        let seconds = now.since(self.since).ns().checked_div(SECOND_NS).unwrap_or(0).max(0);
        if seconds > 0 || self.used == 0 {
            self.used = self.used.saturating_sub(limit.get().saturating_mul(seconds.unsigned_abs()));
            self.since = match self.used {
                0 => now,
                _ => self.since.after(Span::from_ns(seconds.saturating_mul(SECOND_NS))),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn at(ms: i64) -> Time {
        Time::from_ns(ms * 1_000_000)
    }

    #[test]
    fn what_a_second_does_not_allow_is_paid_with_the_next_ones() {
        let mut rate = Rate::default();
        rate.take(at(0), u64::MAX);
        assert_eq!((rate.free_at(), rate.left(at(0))), (Time::START, None));
        rate.set_limit(NonZeroU64::new(10));
        rate.take(at(500), 9);
        assert_eq!((rate.free_at() <= at(500), rate.left(at(500))), (true, Some(1)));
        rate.take(at(500), 26);
        assert_eq!((rate.free_at(), rate.left(at(500))), (at(3_500), Some(0)));
        assert_eq!(rate.left(at(3_500)), Some(5));
        rate.take(at(3_500), 5);
        assert_eq!(rate.free_at(), at(4_500));
        // A long pause saves nothing up.
        assert_eq!(rate.left(at(100_000)), Some(10));
    }

    #[test]
    fn a_lower_limit_leaves_no_debt_of_the_higher_one() {
        let mut rate = Rate::new(NonZeroU64::new(1_000));
        rate.take(at(0), 900);
        rate.set_limit(NonZeroU64::new(1));
        assert_eq!((rate.left(at(0)), rate.free_at()), (Some(0), at(1_000)));
        rate.set_limit(None);
        assert_eq!((rate.left(at(0)), rate.free_at()), (None, Time::START));
    }

    proptest! {
        /// Invariant 1, and that whoever waits until `free_at` finds something left.
        #[test]
        fn no_span_of_time_gives_more_than_its_seconds(
            limit in 1u64..50,
            uses in proptest::collection::vec((0i64..1_500, 1u64..80), 1..60)
        ) {
            let mut rate = Rate::new(NonZeroU64::new(limit));
            let mut now = 0;
            let mut used: Vec<(i64, u64, u64)> = Vec::new();
            for (later, amount) in uses {
                now += later;
                let left = rate.left(at(now)).unwrap();
                prop_assert!(left <= limit);
                prop_assert_eq!(left == 0, rate.free_at() > at(now));
                if left > 0 {
                    rate.take(at(now), amount);
                    used.push((now, amount, amount.saturating_sub(left)));
                } else {
                    prop_assert!(rate.left(rate.free_at()).unwrap() > 0);
                }
            }
            for (first, (from, ..)) in used.iter().enumerate() {
                for (last, (until, _, over)) in used.iter().enumerate().skip(first) {
                    let sum: u64 = used[first..=last].iter().map(|(_, amount, _)| amount).sum();
                    let seconds = u64::try_from((until - from) / 1_000).unwrap() + 2;
                    prop_assert!(sum <= limit * seconds + over, "{sum} from {from} to {until} at {limit}");
                }
            }
        }
    }
}
