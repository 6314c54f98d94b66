//! How much of something an owner may use.
//!
//! # Invariants
//! 1. A charge that does not fit changes nothing: `used` grows only up to `limit`.
//! 2. `limit <= most`: a limit is lowered below what the quota was made with and raised up to that again, never above.

use flux_abi::status::Status;

/// A charge that does not fit.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{wanted} more bytes do not fit: {used} of {limit} are used")]
pub struct QuotaError {
    /// Bytes asked for.
    pub wanted: u64,
    /// Bytes used already.
    pub used: u64,
    /// Bytes allowed.
    pub limit: u64,
}

impl From<QuotaError> for Status {
    fn from(_: QuotaError) -> Self {
        Self::NoMemory
    }
}

/// A limit in bytes and what is charged to it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Quota {
    used: u64,
    peak: u64,
    limit: u64,
    most: u64,
}

impl Quota {
    /// A quota of `limit` bytes, none used.
    pub const fn new(limit: u64) -> Self {
        Self { used: 0, peak: 0, limit, most: limit }
    }

    /// Bytes charged.
    pub const fn used(self) -> u64 {
        self.used
    }

    /// The most bytes that were ever charged at once.
    pub const fn peak(self) -> u64 {
        self.peak
    }

    /// Bytes allowed.
    pub const fn limit(self) -> u64 {
        self.limit
    }

    /// Bytes that may ever be allowed.
    pub const fn most(self) -> u64 {
        self.most
    }

    /// Allows `limit` bytes and no more than the quota was made with, all of that for `None`. What is charged stays.
    pub fn set_limit(&mut self, limit: Option<u64>) {
        self.limit = limit.unwrap_or(self.most).min(self.most);
    }

    /// Charges `bytes`.
    ///
    /// # Errors
    /// [`QuotaError`] with nothing charged.
    pub fn charge(&mut self, bytes: u64) -> Result<(), QuotaError> {
        let (used, limit) = (self.used, self.limit);
        match used.checked_add(bytes) {
            Some(sum) if sum <= limit => {
                self.used = sum;
                self.peak = self.peak.max(sum);
                Ok(())
            }
            _ => Err(QuotaError { wanted: bytes, used, limit }),
        }
    }

    /// Gives `bytes` back; more than were charged leaves 0.
    pub fn release(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_that_does_not_fit_changes_nothing() {
        let mut quota = Quota::new(10);
        quota.charge(7).unwrap();
        assert_eq!(quota.charge(4), Err(QuotaError { wanted: 4, used: 7, limit: 10 }));
        assert!(quota.charge(u64::MAX).is_err());
        quota.charge(3).unwrap();
        quota.release(9);
        assert_eq!((quota.used(), quota.peak()), (1, 10));
    }

    #[test]
    fn a_limit_is_lowered_and_raised_again_up_to_what_it_was() {
        let mut quota = Quota::new(10);
        quota.charge(7).unwrap();
        quota.set_limit(Some(5));
        assert_eq!((quota.used(), quota.limit(), quota.most()), (7, 5, 10));
        assert_eq!(quota.charge(0), Err(QuotaError { wanted: 0, used: 7, limit: 5 }));
        quota.release(3);
        quota.charge(1).unwrap();
        quota.set_limit(Some(11));
        assert_eq!(quota.limit(), 10);
        quota.set_limit(Some(3));
        quota.set_limit(None);
        assert_eq!(quota.limit(), 10);
    }
}
