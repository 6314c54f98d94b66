//! Time that only goes forward, and waiting for it.

use crate::error::HalError;

/// A monotonic clock.
pub trait Clock {
    /// Nanoseconds since this machine was made ready.
    ///
    /// # Errors
    /// [`HalError::Unsupported`] without a clock.
    fn now_ns(&self) -> Result<i64, HalError> {
        Err(HalError::Unsupported { what: "a monotonic clock" })
    }
}

/// A periodic interrupt, and sleep.
pub trait Timer {
    /// Starts the tick at about `hertz` interrupts per second.
    ///
    /// # Errors
    /// [`HalError::Range`] for a rate that the hardware can't give.
    fn start_tick(&mut self, hertz: u32) -> Result<(), HalError> {
        let _ = hertz;
        Err(HalError::Unsupported { what: "a timer tick" })
    }

    /// Ticks since [`Timer::start_tick`].
    ///
    /// # Errors
    /// [`HalError::Unsupported`] without a tick.
    fn ticks(&self) -> Result<u64, HalError> {
        Err(HalError::Unsupported { what: "a timer tick" })
    }

    /// Sleeps until the clock reads at least `deadline_ns`; returns at once when it does.
    ///
    /// # Errors
    /// [`HalError::Unsupported`] without a clock, [`HalError::Failed`] when
    /// nothing could wake this machine.
    fn sleep_until(&mut self, deadline_ns: i64) -> Result<(), HalError> {
        let _ = deadline_ns;
        Err(HalError::Unsupported { what: "sleep" })
    }
}
