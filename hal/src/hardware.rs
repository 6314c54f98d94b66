//! What machine this is.

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::HalError;

/// What was found at start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HardwareInfo {
    /// The instruction set, as Rust names it: `x86_64`.
    pub architecture: &'static str,
    /// What the processor calls itself; empty when it does not say.
    pub processor: String,
    /// Features that a code generator may use, in the order of the table of the
    /// architecture: `sse2`, `avx2`.
    pub features: Vec<&'static str>,
    /// Processor cores that this kernel may use.
    pub cores: u32,
    /// Usable memory in bytes; 0 when unknown.
    pub memory_bytes: u64,
}

/// Tells what machine this is.
pub trait Hardware {
    /// What was found.
    ///
    /// # Errors
    /// [`HalError::Unsupported`] where nothing can be asked.
    fn hardware(&self) -> Result<HardwareInfo, HalError> {
        Err(HalError::Unsupported { what: "hardware information" })
    }
}
