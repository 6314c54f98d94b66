//! Interrupts of the processor.

use crate::error::HalError;

/// Switches interrupts on and off.
pub trait Interrupts {
    /// Lets interrupts in; their handlers must be in place.
    ///
    /// # Errors
    /// [`HalError::Unsupported`] where interrupts belong to somebody else.
    fn enable_interrupts(&mut self) -> Result<(), HalError> {
        Err(HalError::Unsupported { what: "interrupt control" })
    }

    /// Keeps interrupts out.
    ///
    /// # Errors
    /// [`HalError::Unsupported`] where interrupts belong to somebody else.
    fn disable_interrupts(&mut self) -> Result<(), HalError> {
        Err(HalError::Unsupported { what: "interrupt control" })
    }
}
