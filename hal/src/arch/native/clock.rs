//! The process's monotonic clock; sleep is the thread's.

use std::time::Duration;

use super::Machine;
use crate::clock::{Clock, Timer};
use crate::error::HalError;

impl Clock for Machine {
    fn now_ns(&self) -> Result<i64, HalError> {
        // 292 years of nanoseconds fit.
        i64::try_from(self.start.elapsed().as_nanos())
            .map_err(|_| HalError::Failed { what: "the monotonic clock" })
    }
}

impl Timer for Machine {
    fn sleep_until(&mut self, deadline_ns: i64) -> Result<(), HalError> {
        let left = deadline_ns.saturating_sub(self.now_ns()?);
        if let Ok(left) = u64::try_from(left) {
            std::thread::sleep(Duration::from_nanos(left));
        }
        Ok(())
    }
}
