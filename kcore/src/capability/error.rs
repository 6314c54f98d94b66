//! Why an operation on a handle was refused.

use flux_abi::capability::CapabilityKind;
use flux_abi::status::Status;

use super::MAX_DEPTH;

/// Why an operation on a handle was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CapabilityError {
    /// The agent has no table: it does not live.
    #[error("the agent has no handles: it has ended or never started")]
    NoAgent,
    /// No such place in the table, or the word does not fit what is there.
    #[error("no such handle")]
    NoSuchHandle,
    /// The grant was revoked or moved away.
    #[error("the handle is stale: its grant was revoked or moved")]
    Stale,
    /// The capability is real but of another kind.
    #[error("the handle is not for {}", .0.name())]
    WrongKind(CapabilityKind),
    /// The capability is real but lacks a right.
    #[error("the handle has the rights {held:#04x}, {needed:#04x} are needed")]
    MissingRight {
        /// Rights that it has, as bits.
        held: u8,
        /// Rights that are needed, as bits.
        needed: u8,
    },
    /// The derived grant would be wider than its parent.
    #[error("a derived handle can't allow more than the one it comes from")]
    Wider,
    /// The chain of derivations is too long.
    #[error("{MAX_DEPTH} derivations in a row are the limit")]
    TooDeep,
    /// The grant, or one above it, is being revoked.
    #[error("the handle is being revoked")]
    Revoking,
    /// The table of the receiver is full.
    #[error("the receiver's table of {limit} handles is full")]
    Full {
        /// Handles that it may hold.
        limit: u16,
    },
    /// The giver used up its share of the receiver's table.
    #[error("one agent may fill at most {share} places of another one's table")]
    Share {
        /// A quarter of the receiver's table.
        share: u16,
    },
    /// The allocator gave no memory.
    #[error("no memory for a handle")]
    NoMemory,
}

impl From<CapabilityError> for Status {
    fn from(error: CapabilityError) -> Self {
        match error {
            CapabilityError::NoAgent => Self::NotFound,
            CapabilityError::NoSuchHandle
            | CapabilityError::Stale
            | CapabilityError::WrongKind(_)
            | CapabilityError::MissingRight { .. }
            | CapabilityError::Wider
            | CapabilityError::Revoking => Self::Denied,
            CapabilityError::TooDeep => Self::Overflow,
            CapabilityError::Full { .. } | CapabilityError::Share { .. } => Self::Busy,
            CapabilityError::NoMemory => Self::NoMemory,
        }
    }
}
