//! What kernels say to each other about agents: one parcel each.
//!
//! | parcel | tag | content (little-endian) |
//! | --- | --- | --- |
//! | tell | 1 | sender, target, u8 priority, payload |
//! | ask | 2 | u64 request, u64 milliseconds left (all ones: no deadline), sender, target, u8 priority, payload |
//! | delegate | 3 | as ask |
//! | answer | 4 | u64 request, payload |
//! | error | 5 | u64 request, u8 failure, i8 status |
//! | here | 6 | name: an agent that the other side may reach |
//! | gone | 7 | name: one that it can't reach any more |
//!
//! A name is a u8 length and UTF-8, a payload what is left, valid as [`crate::payload`] has it and without handles: a
//! handle means nothing in another kernel.
//!
//! # Invariants
//! `decode(encode(p)) == p`, and `encode(decode(x)) == x` for every `x` that is accepted.

use alloc::vec::Vec;

use flux_abi::status::Status;

use crate::cursor::Cursor;
use crate::payload::{self, Reference};

/// Bytes of an agent's name at most.
pub const NAME_BYTES: usize = 255;

const NO_DEADLINE: u64 = u64::MAX;

/// Why an ASK or DELEGATE ended in an ERROR over there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// There is no such agent, or it ended before it answered.
    TargetEnded,
    /// It answered so, or its kernel refused the message so.
    Answered(Status),
    /// Its run trapped.
    Trapped,
    /// The other kernel stops.
    Stopped,
}

/// One thing that a kernel tells another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Parcel<'p> {
    /// A TELL.
    Tell(Letter<'p>),
    /// An ASK.
    Ask(u64, Option<u64>, Letter<'p>),
    /// A DELEGATE: the asker's number for it, the milliseconds left, the message.
    Delegate(u64, Option<u64>, Letter<'p>),
    /// REPLY or RESULT to a request of the other side, with this payload.
    Answer(u64, &'p [u8]),
    /// ERROR to a request of the other side.
    Error(u64, Failure),
    /// An agent that may be reached.
    Here(&'p str),
    /// An agent that can't be reached any more.
    Gone(&'p str),
}

/// A message with its two ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Letter<'p> {
    /// Name of the sender in its kernel.
    pub sender: &'p str,
    /// Name of the receiver in the other one.
    pub target: &'p str,
    /// Urgency.
    pub priority: u8,
    /// Handler name and values.
    pub payload: &'p [u8],
}

/// Why there is no parcel.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParcelError {
    /// The bytes end inside a field, or go on behind the last.
    #[error("a parcel of {0} bytes is no whole one")]
    Length(usize),
    /// No parcel has this tag.
    #[error("there is no parcel with the tag {0}")]
    Tag(u8),
    /// A name that is none.
    #[error("a name has 1 to {NAME_BYTES} bytes of UTF-8")]
    Name,
    /// The payload is not valid.
    #[error("the message's values are not valid")]
    Payload,
    /// The payload carries a handle.
    #[error("a handle or an agent as a value does not reach beyond its own kernel")]
    Handle,
    /// No failure or status has this number.
    #[error("no failure has the numbers {0} and {1}")]
    Failure(u8, i8),
    /// The allocator gave no memory.
    #[error("no memory for a parcel")]
    NoMemory,
}

impl<'p> Parcel<'p> {
    /// The bytes.
    ///
    /// # Errors
    /// A name or payload that can't be sent.
    pub fn encode(&self) -> Result<Vec<u8>, ParcelError> {
        let mut out = Writer::default();
        match self {
            Self::Tell(letter) => {
                out.bytes(&[1])?;
                out.letter(letter)?;
            }
            Self::Ask(request, left, letter) | Self::Delegate(request, left, letter) => {
                out.bytes(&[if matches!(self, Self::Ask(..)) { 2 } else { 3 }])?;
                out.bytes(&request.to_le_bytes())?;
                out.bytes(&left.unwrap_or(NO_DEADLINE).to_le_bytes())?;
                out.letter(letter)?;
            }
            Self::Answer(request, payload) => {
                out.bytes(&[4])?;
                out.bytes(&request.to_le_bytes())?;
                out.bytes(portable(payload)?)?;
            }
            Self::Error(request, failure) => {
                let (number, status) = numbers(*failure);
                out.bytes(&[5])?;
                out.bytes(&request.to_le_bytes())?;
                out.bytes(&[number])?;
                out.bytes(&status.to_le_bytes())?;
            }
            Self::Here(name) | Self::Gone(name) => {
                out.bytes(&[if matches!(self, Self::Here(_)) { 6 } else { 7 }])?;
                out.name(name)?;
            }
        }
        Ok(out.0)
    }

    /// The parcel that `bytes` are.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn decode(bytes: &'p [u8]) -> Result<Self, ParcelError> {
        let length = ParcelError::Length(bytes.len());
        let mut cursor = Cursor::new(bytes);
        let tag = cursor.u8().ok_or(length)?;
        let parcel = match tag {
            1 => Self::Tell(letter(&mut cursor, length)?),
            2 | 3 => {
                let (request, left) = cursor.u64().zip(cursor.u64()).ok_or(length)?;
                let left = (left != NO_DEADLINE).then_some(left);
                let letter = letter(&mut cursor, length)?;
                if tag == 2 {
                    Self::Ask(request, left, letter)
                } else {
                    Self::Delegate(request, left, letter)
                }
            }
            4 => {
                let request = cursor.u64().ok_or(length)?;
                Self::Answer(request, rest(&mut cursor, length)?)
            }
            5 => {
                let request = cursor.u64().ok_or(length)?;
                let (number, status) =
                    cursor.u8().zip(cursor.array().map(i8::from_le_bytes)).ok_or(length)?;
                Self::Error(request, failure(number, status)?)
            }
            6 => Self::Here(name(&mut cursor, length)?),
            7 => Self::Gone(name(&mut cursor, length)?),
            tag => return Err(ParcelError::Tag(tag)),
        };
        if cursor.left() == 0 { Ok(parcel) } else { Err(length) }
    }
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), ParcelError> {
        self.0.try_reserve(bytes.len()).map_err(|_| ParcelError::NoMemory)?;
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn name(&mut self, name: &str) -> Result<(), ParcelError> {
        let len = u8::try_from(name.len()).ok().filter(|len| *len > 0).ok_or(ParcelError::Name)?;
        self.bytes(&[len])?;
        self.bytes(name.as_bytes())
    }

    fn letter(&mut self, letter: &Letter<'_>) -> Result<(), ParcelError> {
        self.name(letter.sender)?;
        self.name(letter.target)?;
        self.bytes(&[letter.priority])?;
        self.bytes(portable(letter.payload)?)
    }
}

/// The payload, if it means the same in another kernel.
fn portable(payload: &[u8]) -> Result<&[u8], ParcelError> {
    payload::Reader::new(payload).map_err(|_| ParcelError::Payload)?;
    if payload::may_refer(payload) && has_handle(payload)? {
        return Err(ParcelError::Handle);
    }
    Ok(payload)
}

/// Whether a valid payload carries a handle other than that of nobody.
fn has_handle(payload: &[u8]) -> Result<bool, ParcelError> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(payload.len()).map_err(|_| ParcelError::NoMemory)?;
    copy.extend_from_slice(payload);
    let mut found = false;
    payload::translate(&mut copy, ParcelError::Payload, |kind, word| {
        found |= kind == Reference::Capability || word != 0;
        Ok(word)
    })?;
    Ok(found)
}

fn name<'p>(cursor: &mut Cursor<'p>, length: ParcelError) -> Result<&'p str, ParcelError> {
    let len = cursor.u8().ok_or(length)?;
    let bytes = cursor.take(len.into()).ok_or(length)?;
    let name = core::str::from_utf8(bytes).map_err(|_| ParcelError::Name)?;
    if name.is_empty() { Err(ParcelError::Name) } else { Ok(name) }
}

fn rest<'p>(cursor: &mut Cursor<'p>, length: ParcelError) -> Result<&'p [u8], ParcelError> {
    portable(cursor.take(cursor.left()).ok_or(length)?)
}

fn letter<'p>(cursor: &mut Cursor<'p>, length: ParcelError) -> Result<Letter<'p>, ParcelError> {
    Ok(Letter {
        sender: name(cursor, length)?,
        target: name(cursor, length)?,
        priority: cursor.u8().ok_or(length)?,
        payload: rest(cursor, length)?,
    })
}

fn numbers(failure: Failure) -> (u8, i8) {
    match failure {
        Failure::TargetEnded => (1, 0),
        Failure::Answered(status) => (2, i8::try_from(status.code()).unwrap_or_default()),
        Failure::Trapped => (3, 0),
        Failure::Stopped => (4, 0),
    }
}

fn failure(number: u8, status: i8) -> Result<Failure, ParcelError> {
    match (number, status) {
        (1, 0) => Some(Failure::TargetEnded),
        (2, status) => Status::from_code(status.into()).map(Failure::Answered),
        (3, 0) => Some(Failure::Trapped),
        (4, 0) => Some(Failure::Stopped),
        _ => None,
    }
    .ok_or(ParcelError::Failure(number, status))
}

#[cfg(test)]
mod tests {
    use std::vec;

    use proptest::prelude::*;

    use super::*;
    use crate::payload::Writer as PayloadWriter;

    fn payload(handler: &str, number: i64) -> Vec<u8> {
        let mut buffer = [0; 300];
        let mut writer = PayloadWriter::new(&mut buffer, handler, 1).unwrap();
        writer.int(number).unwrap();
        writer.finish().unwrap().to_vec()
    }

    fn round(parcel: Parcel<'_>) {
        let bytes = parcel.encode().unwrap();
        assert!(bytes.len() <= super::super::PARCEL_BYTES);
        assert_eq!(Parcel::decode(&bytes), Ok(parcel));
        for cut in 0..bytes.len() {
            // A name that lost its end, or a payload.
            assert!(Parcel::decode(&bytes[..cut]).is_err(), "{parcel:?} cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_and_nothing_shorter(
            sender in "[a-zäß-]{1,60}", target in ".{1,60}", priority: u8, request: u64, left in 0..u64::MAX, number: i64,
        ) {
            let payload = payload("reading of the plant", number);
            let letter = Letter { sender: &sender, target: &target, priority, payload: &payload };
            round(Parcel::Tell(letter));
            round(Parcel::Ask(request, Some(left), letter));
            round(Parcel::Delegate(request, None, letter));
            round(Parcel::Answer(request, &payload));
            for failure in [Failure::TargetEnded, Failure::Answered(Status::Busy), Failure::Trapped, Failure::Stopped] {
                round(Parcel::Error(request, failure));
            }
            round(Parcel::Here(&sender));
            round(Parcel::Gone(&target));
        }

        #[test]
        fn what_is_accepted_is_written_so(tag in 0..9u8, rest in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut bytes = vec![tag];
            bytes.extend(rest);
            if let Ok(parcel) = Parcel::decode(&bytes) {
                prop_assert_eq!(parcel.encode(), Ok(bytes.clone()));
            }
        }
    }

    #[test]
    fn the_longest_message_fits_and_handles_do_not_travel() {
        let name = "n".repeat(NAME_BYTES);
        let mut buffer = [0; flux_abi::limits::PAYLOAD_BYTES];
        let mut writer = PayloadWriter::new(&mut buffer, "h", 1).unwrap();
        writer.bytes(&[1; flux_abi::limits::PAYLOAD_BYTES - 6]).unwrap();
        let payload = writer.finish().unwrap();
        assert_eq!(payload.len(), flux_abi::limits::PAYLOAD_BYTES);
        round(Parcel::Ask(u64::MAX, None, Letter { sender: &name, target: &name, priority: 0, payload }));
        let long = "n".repeat(NAME_BYTES + 1);
        assert_eq!(Parcel::Here(&long).encode(), Err(ParcelError::Name));
        let of_agent = |word| {
            let mut buffer = [0; 64];
            let mut writer = PayloadWriter::new(&mut buffer, "h", 1).unwrap();
            writer.agent(word).unwrap();
            Parcel::Answer(1, writer.finish().unwrap()).encode()
        };
        assert_eq!(of_agent(77), Err(ParcelError::Handle));
        // Nobody is nobody everywhere.
        assert!(of_agent(0).is_ok());
    }
}
