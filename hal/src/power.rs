//! Switching the machine off.

use core::convert::Infallible;

use crate::error::HalError;

/// What the host of a virtual machine learns at its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExitStatus {
    /// Everything was done.
    Success,
    /// Agents or arguments were at fault.
    Failure,
    /// The kernel itself broke: a processor fault or a panic.
    Fault,
}

/// Switches the machine off.
pub trait Power {
    /// Switches off and tells the host `status`; does not return when it works.
    ///
    /// # Errors
    /// [`HalError::Unsupported`] where nothing can be switched off.
    fn power_off(&mut self, status: ExitStatus) -> Result<Infallible, HalError> {
        let _ = status;
        Err(HalError::Unsupported { what: "power-off" })
    }
}
