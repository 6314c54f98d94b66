//! Replacing the program of a living agent: when it is tried, and when it is settled.
//!
//! ```text
//!  new() ─▶ Asked ── safe point: begin() ─▶ Probation ── enough good runs ─▶ Committed
//!             │                                │
//!             └── no safe point in time ─▶ Busy└── a run trapped ─▶ back to the old program
//! ```
//!
//! The machine only decides. What a safe point is, and how state goes from one program to the
//! other, is the agent runtime's.
//!
//! # Invariants
//! 1. Time alone ends every stage, so no swap stays open for ever.
//! 2. A program is committed only after [`Policy::time`] in which no run of it trapped, and after
//!    [`Policy::runs`] runs or ten times that time.

use crate::time::{Span, Time};

/// How long a swap may take, and how long the new program has to prove itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Policy {
    /// How long the agent may take to reach a safe point.
    pub wait: Span,
    /// Runs that end without a trap before the new program stays.
    pub runs: u32,
    /// The time that must have passed, too.
    pub time: Span,
}

impl Policy {
    /// One second to a safe point; 16 runs and 10 seconds of probation.
    pub const USUAL: Self =
        Self { wait: Span::from_ns(1_000_000_000), runs: 16, time: Span::from_ns(10_000_000_000) };

    /// Times [`Policy::time`] after which a program stays whatever it ran.
    const WAIVED_AFTER: i64 = 10;
}

impl Default for Policy {
    fn default() -> Self {
        Self::USUAL
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Asked { until: Time },
    Probation { since: Time, runs: u32 },
}

/// What time means for a swap.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Nothing yet.
    Wait,
    /// The agent reached no safe point in time: it keeps its program.
    Busy,
    /// The new program stays.
    Commit,
}

/// One swap of one agent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Swap {
    policy: Policy,
    stage: Stage,
}

impl Swap {
    /// A swap that was asked for now.
    pub const fn new(policy: Policy, now: Time) -> Self {
        Self { policy, stage: Stage::Asked { until: now.after(policy.wait) } }
    }

    /// Whether the new program has not been put in place yet.
    pub const fn is_asked(&self) -> bool {
        matches!(self.stage, Stage::Asked { .. })
    }

    /// The new program is in place; a second call changes nothing.
    pub const fn begin(&mut self, now: Time) {
        if self.is_asked() {
            self.stage = Stage::Probation { since: now, runs: 0 };
        }
    }

    /// A run of the new program ended without a trap.
    pub const fn run_ended(&mut self) {
        if let Stage::Probation { runs, .. } = &mut self.stage {
            *runs = runs.saturating_add(1);
        }
    }

    /// When time alone decides next.
    pub const fn due(&self) -> Time {
        match self.stage {
            Stage::Asked { until } => until,
            Stage::Probation { since, runs } if runs >= self.policy.runs => since.after(self.policy.time),
            Stage::Probation { since, .. } => {
                let whole = self.policy.time.ns().saturating_mul(Policy::WAIVED_AFTER);
                since.after(Span::from_ns(whole))
            }
        }
    }

    /// What the time now means.
    pub const fn decide(&self, now: Time) -> Verdict {
        if now.ns() < self.due().ns() {
            return Verdict::Wait;
        }
        match self.stage {
            Stage::Asked { .. } => Verdict::Busy,
            Stage::Probation { .. } => Verdict::Commit,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn at(seconds: i64) -> Time {
        Time::from_ns(seconds * SECOND)
    }

    #[test]
    fn a_swap_without_a_safe_point_ends_after_the_wait() {
        let swap = Swap::new(Policy::USUAL, at(5));
        assert!(swap.is_asked());
        assert_eq!(swap.due(), at(6));
        assert_eq!(swap.decide(Time::from_ns(6 * SECOND - 1)), Verdict::Wait);
        assert_eq!(swap.decide(at(6)), Verdict::Busy);
    }

    #[test]
    fn probation_takes_runs_and_time_or_ten_times_the_time() {
        let mut swap = Swap::new(Policy::USUAL, at(0));
        swap.run_ended();
        swap.begin(at(1));
        swap.begin(at(100));
        assert!(!swap.is_asked());
        assert_eq!(swap.due(), at(101), "a run before it began counts for nothing");
        for _ in 0..15 {
            swap.run_ended();
        }
        assert_eq!((swap.due(), swap.decide(at(100))), (at(101), Verdict::Wait));
        swap.run_ended();
        assert_eq!(
            (swap.due(), swap.decide(at(10)), swap.decide(at(11))),
            (at(11), Verdict::Wait, Verdict::Commit)
        );
    }

    proptest! {
        /// Against the rule written down plainly.
        #[test]
        fn every_swap_is_settled_as_the_rule_says(
            wait in 0i64..4, runs in 0u32..5, time in 0i64..5,
            steps in prop::collection::vec((0i64..3, any::<bool>()), 1..60),
            safe_after in 0usize..20,
        ) {
            let policy = Policy { wait: Span::from_ns(wait), runs, time: Span::from_ns(time) };
            let mut swap = Swap::new(policy, Time::START);
            let (mut now, mut begun, mut good) = (0i64, None, 0u32);
            for (step, (passed, ended)) in steps.into_iter().enumerate() {
                now += passed;
                let wanted = match begun {
                    None if now >= wait => Verdict::Busy,
                    None => Verdict::Wait,
                    Some(since) if now - since >= time * 10 || (now - since >= time && good >= runs) => Verdict::Commit,
                    Some(_) => Verdict::Wait,
                };
                prop_assert_eq!(swap.decide(Time::from_ns(now)), wanted);
                prop_assert_eq!(swap.due() <= Time::from_ns(now), wanted != Verdict::Wait);
                if wanted != Verdict::Wait {
                    return Ok(());
                }
                if step == safe_after {
                    swap.begin(Time::from_ns(now));
                    begun = begun.or(Some(now));
                }
                if ended {
                    swap.run_ended();
                    good += u32::from(begun.is_some());
                }
            }
        }
    }
}
