//! The record of one message and the bytes that it carries.
//!
//! # Invariants
//! 1. The sender is the agent that the kernel ran, never what a message claims.
//! 2. A payload is at most 4,096 bytes; up to [`INLINE_BYTES`] need no allocation.

use alloc::vec::Vec;
use core::fmt;

use flux_abi::capability::CapabilityKind;
use flux_abi::limits::PAYLOAD_BYTES;
use flux_abi::message::MessageType;
use flux_abi::status::Status;

use crate::id::{AgentId, RequestId, TopicId};
use crate::time::Time;

/// Payload bytes that a message holds without an allocation of its own.
pub const INLINE_BYTES: usize = 46;

/// Why a payload was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PayloadError {
    /// It is too long.
    #[error("the payload has {len} bytes, {PAYLOAD_BYTES} are allowed")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The allocator gave no memory.
    #[error("no memory for a payload of {len} bytes")]
    NoMemory {
        /// Its length in bytes.
        len: usize,
    },
}

impl From<PayloadError> for Status {
    fn from(error: PayloadError) -> Self {
        match error {
            PayloadError::TooLong { .. } => Self::Overflow,
            PayloadError::NoMemory { .. } => Self::NoMemory,
        }
    }
}

#[cfg_attr(test, derive(Clone))]
enum Bytes {
    Inline { len: u8, bytes: [u8; INLINE_BYTES] },
    Heap(Vec<u8>),
}

/// The bytes of a message: handler name and values as [`flux_proto::payload`] writes them.
#[cfg_attr(test, derive(Clone))]
pub struct Payload(Bytes);

impl Payload {
    /// No bytes.
    pub const EMPTY: Self = Self(Bytes::Inline { len: 0, bytes: [0; INLINE_BYTES] });

    /// A copy of `source`.
    ///
    /// # Errors
    /// [`PayloadError::TooLong`] above 4,096 bytes, [`PayloadError::NoMemory`].
    pub fn copy_of(source: &[u8]) -> Result<Self, PayloadError> {
        let len = source.len();
        if len > PAYLOAD_BYTES {
            return Err(PayloadError::TooLong { len });
        }
        let mut bytes = [0; INLINE_BYTES];
        if let (Some(place), Ok(short)) = (bytes.get_mut(..len), u8::try_from(len)) {
            place.copy_from_slice(source);
            return Ok(Self(Bytes::Inline { len: short, bytes }));
        }
        let mut heap = Vec::new();
        heap.try_reserve_exact(len).map_err(|_| PayloadError::NoMemory { len })?;
        heap.extend_from_slice(source);
        Ok(Self(Bytes::Heap(heap)))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or(&[]),
            Bytes::Heap(heap) => heap,
        }
    }

    /// The bytes for change in place, as the translation of handles needs it.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Bytes::Inline { len, bytes } => bytes.get_mut(..usize::from(*len)).unwrap_or_default(),
            Bytes::Heap(heap) => heap,
        }
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({:02x?})", self.bytes())
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Payload {}

/// One message in a mailbox.
///
/// Answers (REPLY, RESULT, ERROR) never stand in a mailbox: they go into the completion
/// slot that the request reserved (see [`crate::request`]).
#[derive(Debug, Eq, PartialEq)]
#[cfg_attr(test, derive(Clone))]
pub struct Message {
    /// Number of the message, unique in this kernel and rising in the order of sending.
    pub id: u64,
    /// For ASK and DELEGATE the completion slot that an answer must name; else none.
    pub reply_to: Option<RequestId>,
    /// Its type.
    pub kind: MessageType,
    /// Who sent it, filled in by the kernel; `None` is the kernel itself.
    pub sender: Option<AgentId>,
    /// Who receives it.
    pub target: AgentId,
    /// A capability that the receiver holds, because the sender asked for it.
    pub required: Option<CapabilityKind>,
    /// When it was sent.
    pub sent: Time,
    /// When it stands in the mailbox: `sent` and the delay of delivery.
    pub arrives: Time,
    /// When the sender gives up; [`Time::NEVER`] for messages that nobody waits for.
    pub deadline: Time,
    /// Urgency 0 (low) to 255: among messages that arrive at once, the higher goes first.
    pub priority: u8,
    /// The topic of an EVENT.
    pub topic: Option<TopicId>,
    /// The badge of the handle through which it was sent: 0, or what the deriver of the handle set.
    pub badge: u16,
    /// Handler name and values.
    pub payload: Payload,
}

/// What a sender hands to the kernel; sender and time are filled in there.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'p> {
    /// A capability that the receiver must hold; the message is refused with `DENIED` if it does not.
    pub required: Option<CapabilityKind>,
    /// Urgency 0 (low) to 255; [`Outgoing::PRIORITY`] unless there is a reason.
    pub priority: u8,
    /// Handler name and values, encoded.
    pub payload: &'p [u8],
}

impl<'p> Outgoing<'p> {
    /// The usual urgency.
    pub const PRIORITY: u8 = 128;

    /// A message with the usual urgency and no required capability.
    pub const fn new(payload: &'p [u8]) -> Self {
        Self { required: None, priority: Self::PRIORITY, payload }
    }
}

/// The two kinds of request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RequestKind {
    /// ASK: the asker waits; ends in REPLY or ERROR.
    Ask,
    /// DELEGATE: the asker goes on; ends in RESULT or ERROR.
    Delegate,
}

impl RequestKind {
    /// Type of the message that carries the request.
    pub const fn message_type(self) -> MessageType {
        match self {
            Self::Ask => MessageType::Ask,
            Self::Delegate => MessageType::Delegate,
        }
    }

    /// Type of the message that answers it.
    pub const fn answer_type(self) -> MessageType {
        match self {
            Self::Ask => MessageType::Reply,
            Self::Delegate => MessageType::Result,
        }
    }
}

/// Why a request ended without an answer.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum Failure {
    /// Its deadline passed.
    #[error("no answer before the deadline")]
    Deadline,
    /// The target ended before it answered.
    #[error("the agent ended before it answered")]
    TargetEnded,
    /// The target answered with an error of its own.
    #[error("answered with the error {}", .0.name())]
    Answered(Status),
    /// The run that worked on it trapped.
    #[error("the agent trapped while it worked on the request")]
    Trapped,
    /// The kernel or the asker itself stops.
    #[error("the system stops")]
    Stopped,
}

impl Failure {
    /// The status that the asker sees in R61.
    pub const fn status(self) -> Status {
        match self {
            Self::Deadline => Status::Timeout,
            Self::TargetEnded => Status::NotFound,
            Self::Answered(status) => status,
            Self::Trapped | Self::Stopped => Status::General,
        }
    }
}

/// The one outcome of a request.
#[derive(Debug, Eq, PartialEq)]
#[cfg_attr(test, derive(Clone))]
pub enum Outcome {
    /// REPLY of an ASK or RESULT of a DELEGATE with its value.
    Answer(Payload),
    /// ERROR.
    Error(Failure),
}
