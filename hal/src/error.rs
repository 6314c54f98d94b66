//! What a hardware service answers when it can't serve.

use core::fmt;

use flux_abi::status::Status;

/// Why a hardware service failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HalError {
    /// This platform has no such service, or this build does not drive it.
    Unsupported {
        /// The service, as `timer tick on wasm32`.
        what: &'static str,
    },
    /// The hardware is there and did not do what it was told.
    Failed {
        /// What was tried.
        what: &'static str,
    },
    /// An argument is outside of what the hardware can do.
    Range {
        /// The quantity.
        what: &'static str,
        /// What was asked for.
        asked: u64,
        /// The least value that works.
        least: u64,
        /// The greatest value that works.
        most: u64,
    },
}

impl HalError {
    /// The status code that a system call reports for it.
    pub const fn status(self) -> Status {
        match self {
            Self::Unsupported { .. } => Status::NotFound,
            Self::Failed { .. } => Status::General,
            Self::Range { .. } => Status::Invalid,
        }
    }
}

impl fmt::Display for HalError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported { what } => write!(out, "{what} is not supported on this platform"),
            Self::Failed { what } => write!(out, "{what} failed"),
            Self::Range { what, asked, least, most } => {
                write!(out, "{what} of {asked} is outside {least}..={most}")
            }
        }
    }
}

impl core::error::Error for HalError {}
