//! Random bytes from the machine.

use crate::error::HalError;

/// A source of bytes that nobody can foretell.
pub trait Entropy {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`HalError::Unsupported`] without a source; then nothing is filled, since
    /// bytes that can be foretold are worse than none.
    fn fill_entropy(&mut self, bytes: &mut [u8]) -> Result<(), HalError> {
        let _ = bytes;
        Err(HalError::Unsupported { what: "a source of entropy" })
    }
}
