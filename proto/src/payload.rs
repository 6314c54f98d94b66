//! Handler name and values of one message between agents, at most 4,096 bytes.
//!
//! | field | bytes |
//! | --- | --- |
//! | handler | u8 length, then UTF-8; empty in an answer |
//! | count | u8 number of values |
//! | values | a tag byte each, then the content |
//!
//! | tag | value | content (little-endian) |
//! | --- | --- | --- |
//! | 0 | bool | 1 byte, 0 or 1 |
//! | 1 | int | i64 |
//! | 2 | f64 | 8 bytes; the only NaN is 0x7ff8000000000000 |
//! | 3 | str | u16 length, UTF-8 |
//! | 4 | bytes | u16 length, bytes |
//! | 5 | array | u16 count, the elements |
//! | 6 | map | u16 count, key and value of each entry in order; no key twice |
//! | 7 | struct | u16 count, the fields in order |
//! | 8 | none | – |
//! | 9 | some | the value |
//! | 10 | agent | u64 endpoint handle, 0 for nobody; translated by the kernel on the way |
//! | 11 | capability | u64 handle, translated by the kernel on the way |
//!
//! An enum whose variants have no payloads is the int of the variant's position; another enum
//! is a struct of that int and the payload of the variant.
//!
//! # Invariants
//! 1. A [`Reader`] exists only for bytes that are valid to the end and canonical.
//! 2. What [`Writer::finish`] gives, [`Reader::new`] accepts.
//! 3. Values nest at most 32 deep; reading and writing are iterative.
//!
//! ```
//! use flux_proto::payload::{Reader, Token, Writer};
//! let mut buffer = [0; 64];
//! let mut writer = Writer::new(&mut buffer, "high temperature", 1).unwrap();
//! writer.float(31.5).unwrap();
//! let bytes = writer.finish().unwrap();
//! let mut reader = Reader::new(bytes).unwrap();
//! assert_eq!((reader.handler(), reader.values()), ("high temperature", 1));
//! assert_eq!(reader.next(), Some(Token::Float(31.5)));
//! assert_eq!(reader.next(), None);
//! ```

use alloc::vec::Vec;

use flux_abi::limits::{PAYLOAD_BYTES, TYPE_NESTING};

use crate::cursor::Cursor;

mod scalars;
mod value;
mod writer;

pub use scalars::{Scalar, read_scalars, write_scalars};
pub use value::{Message, Value};
pub use writer::Writer;

/// Values that may stand inside one another.
pub const NESTING: usize = TYPE_NESTING;
/// The only NaN in a payload.
pub const CANONICAL_NAN: u64 = 0x7ff8_0000_0000_0000;

/// Whether a payload has a byte that is the tag of an agent or a capability handle: one without carries none.
#[inline]
pub fn may_refer(payload: &[u8]) -> bool {
    // Over all bytes, so that many are looked at together.
    payload
        .iter()
        .fold(false, |found, byte| found | (*byte == Tag::Agent as u8) | (*byte == Tag::Capability as u8))
}

macro_rules! tags {
    ($($num:literal $name:ident;)*) => {
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[repr(u8)]
        enum Tag { $($name = $num,)* }

        impl Tag {
            const fn from_byte(byte: u8) -> Option<Self> {
                match byte { $($num => Some(Self::$name),)* _ => None }
            }
        }
    };
}

tags! {
    0 Bool; 1 Int; 2 Float; 3 Str; 4 Bytes; 5 Array; 6 Map; 7 Struct; 8 None; 9 Some; 10 Agent; 11 Capability;
}

/// Why bytes are no payload, or values make none.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PayloadError {
    /// The payload would be too long.
    #[error("the payload needs {needed} bytes, there is room for {room}")]
    Overflow {
        /// Bytes needed at least.
        needed: usize,
        /// Bytes there are.
        room: usize,
    },
    /// A name or text is too long for its length field.
    #[error("a name or text of {len} bytes is too long, {limit} are allowed")]
    TextTooLong {
        /// Its bytes.
        len: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The bytes end inside a value.
    #[error("the payload ends at byte {at} inside a value")]
    Truncated {
        /// Offset of the value's rest.
        at: usize,
    },
    /// A text is not UTF-8.
    #[error("the text at byte {at} is not UTF-8")]
    Utf8 {
        /// Offset of the text.
        at: usize,
    },
    /// No value has this tag.
    #[error("there is no value with the tag {tag} (byte {at})")]
    Tag {
        /// The tag.
        tag: u8,
        /// Its offset.
        at: usize,
    },
    /// The content is not in the canonical form.
    #[error("the value at byte {at} is not in canonical form")]
    NotCanonical {
        /// Offset of the content.
        at: usize,
    },
    /// A map has a key twice.
    #[error("the map at byte {at} has a key twice")]
    DuplicateKey {
        /// Offset of the map's tag.
        at: usize,
    },
    /// Values nest too deep.
    #[error("values nest deeper than {NESTING} (byte {at})")]
    Nesting {
        /// Offset of the value.
        at: usize,
    },
    /// Bytes follow the last value.
    #[error("{len} bytes follow the last value at byte {at}")]
    Trailing {
        /// Offset of the first of them.
        at: usize,
        /// How many.
        len: usize,
    },
    /// Fewer values were written than announced.
    #[error("values are missing that were announced")]
    Missing,
    /// More values were written than announced.
    #[error("more values than the announced ones")]
    TooMany,
    /// The allocator gave no memory.
    #[error("no memory to check the payload")]
    NoMemory,
}

/// Values still to come at each level of nesting.
#[derive(Clone, Copy, Debug)]
struct Pending {
    counts: [u32; NESTING + 1],
    depth: usize,
}

impl Pending {
    const fn new(count: u8) -> Self {
        let mut counts = [0; NESTING + 1];
        counts[0] = count as u32;
        Self { counts, depth: 0 }
    }

    /// Values still to come at this level, once complete levels are left.
    fn left(&mut self) -> u32 {
        loop {
            match self.counts.get(self.depth) {
                Some(0) | None if self.depth > 0 => self.depth = self.depth.saturating_sub(1),
                Some(count) => return *count,
                None => return 0,
            }
        }
    }

    /// Counts one value that begins; `false` if none was announced.
    fn begin(&mut self) -> bool {
        if self.left() == 0 {
            return false;
        }
        if let Some(count) = self.counts.get_mut(self.depth) {
            *count = count.saturating_sub(1);
        }
        true
    }

    /// The value that began holds `count` values; `None` if that is too deep.
    fn open(&mut self, count: u32) -> Option<()> {
        let depth = self.depth.checked_add(1)?;
        *self.counts.get_mut(depth)? = count;
        self.depth = depth;
        Some(())
    }
}

/// One value, or the head of one that holds others; those follow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Token<'a> {
    /// A bool.
    Bool(bool),
    /// An int.
    Int(i64),
    /// An f64.
    Float(f64),
    /// A text.
    Str(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// An array of that many elements, which follow.
    Array(u16),
    /// A map of that many pairs, which follow as key, value, key, value.
    Map(u16),
    /// A struct of that many fields, which follow.
    Struct(u16),
    /// An empty optional.
    None,
    /// A filled optional; its value follows.
    Some,
    /// The number of an agent.
    Agent(u64),
    /// A capability handle.
    Capability(u64),
}

impl Token<'_> {
    /// How many values follow that belong to this one.
    pub fn inner(&self) -> u32 {
        match self {
            Self::Array(count) | Self::Struct(count) => u32::from(*count),
            Self::Map(count) => u32::from(*count).saturating_mul(2),
            Self::Some => 1,
            _ => 0,
        }
    }

    /// What it is, for messages to people.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "f64",
            Self::Str(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Struct(_) => "struct",
            Self::None => "none",
            Self::Some => "some",
            Self::Agent(_) => "agent",
            Self::Capability(_) => "capability",
        }
    }
}

/// Reads a payload without copying; it was checked as a whole when the reader was made.
///
/// Iterating gives the values from first to last, each container's head before what it holds.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    handler: &'a str,
    count: u8,
    cursor: Cursor<'a>,
}

impl<'a> Reader<'a> {
    /// Checks `bytes` and reads the head.
    ///
    /// # Errors
    /// Every [`PayloadError`] that names an offset; [`PayloadError::Overflow`] above 4,096 bytes.
    pub fn new(bytes: &'a [u8]) -> Result<Self, PayloadError> {
        if bytes.len() > PAYLOAD_BYTES {
            return Err(PayloadError::Overflow { needed: bytes.len(), room: PAYLOAD_BYTES });
        }
        let mut cursor = Cursor::new(bytes);
        let truncated = PayloadError::Truncated { at: bytes.len() };
        let len = cursor.u8().ok_or(truncated)?;
        let at = cursor.at();
        let name = cursor.take(usize::from(len)).ok_or(truncated)?;
        let handler = core::str::from_utf8(name).map_err(|_| PayloadError::Utf8 { at })?;
        let count = cursor.u8().ok_or(truncated)?;
        let reader = Self { handler, count, cursor };
        skip(&mut cursor, Pending::new(count), KeyCheck::On)?;
        match cursor.left() {
            0 => Ok(reader),
            len => Err(PayloadError::Trailing { at: cursor.at(), len }),
        }
    }

    /// Name of the handler; empty in an answer.
    pub const fn handler(&self) -> &'a str {
        self.handler
    }

    /// Number of values, not counting those inside others.
    pub const fn values(&self) -> u8 {
        self.count
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if self.cursor.left() == 0 {
            return None;
        }
        token(&mut self.cursor).ok()
    }
}

/// A word in a payload that means something only to one agent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reference {
    /// An endpoint handle of an agent, 0 for nobody.
    Agent,
    /// A capability handle.
    Capability,
}

/// Replaces every agent and capability handle by what `translate` gives for it.
///
/// # Errors
/// The first error of `translate`, before any byte is changed by a later one; `payload` must not be
/// delivered then. A payload that is not valid is `invalid`.
pub fn translate<E>(
    payload: &mut [u8],
    invalid: E,
    mut translate: impl FnMut(Reference, u64) -> Result<u64, E>,
) -> Result<(), E> {
    // Most messages carry no reference; they are left after one pass.
    let Ok(reader) = Reader::new(payload) else { return Err(invalid) };
    let mut at = reader.cursor.at();
    let end = payload.len();
    while at < end {
        let mut cursor = Cursor::new(payload.get(at..).unwrap_or_default());
        let Ok(found) = token(&mut cursor) else { return Err(invalid) };
        let next = at.saturating_add(cursor.at());
        let (kind, word) = match found {
            Token::Agent(word) => (Reference::Agent, word),
            Token::Capability(word) => (Reference::Capability, word),
            _ => {
                at = next;
                continue;
            }
        };
        let word = translate(kind, word)?;
        if let Some(place) = payload.get_mut(at.saturating_add(1)..next) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        at = next;
    }
    Ok(())
}

/// Reads one value or one head.
fn token<'a>(cursor: &mut Cursor<'a>) -> Result<Token<'a>, PayloadError> {
    let at = cursor.at();
    let tag = cursor.u8().ok_or(PayloadError::Truncated { at })?;
    let tag = Tag::from_byte(tag).ok_or(PayloadError::Tag { tag, at })?;
    let at = cursor.at();
    let truncated = PayloadError::Truncated { at };
    let not_canonical = PayloadError::NotCanonical { at };
    Ok(match tag {
        Tag::Bool => match cursor.u8().ok_or(truncated)? {
            0 => Token::Bool(false),
            1 => Token::Bool(true),
            _ => return Err(not_canonical),
        },
        Tag::Int => Token::Int(i64::from_le_bytes(cursor.array().ok_or(truncated)?)),
        Tag::Float => {
            let bits = cursor.u64().ok_or(truncated)?;
            let value = f64::from_bits(bits);
            if value.is_nan() && bits != CANONICAL_NAN {
                return Err(not_canonical);
            }
            Token::Float(value)
        }
        Tag::Str => {
            let len = cursor.u16().ok_or(truncated)?;
            let text = cursor.take(usize::from(len)).ok_or(truncated)?;
            Token::Str(core::str::from_utf8(text).map_err(|_| PayloadError::Utf8 { at })?)
        }
        Tag::Bytes => {
            let len = cursor.u16().ok_or(truncated)?;
            Token::Bytes(cursor.take(usize::from(len)).ok_or(truncated)?)
        }
        Tag::Array => Token::Array(cursor.u16().ok_or(truncated)?),
        Tag::Map => Token::Map(cursor.u16().ok_or(truncated)?),
        Tag::Struct => Token::Struct(cursor.u16().ok_or(truncated)?),
        Tag::None => Token::None,
        Tag::Some => Token::Some,
        Tag::Agent => Token::Agent(cursor.u64().ok_or(truncated)?),
        Tag::Capability => Token::Capability(cursor.u64().ok_or(truncated)?),
    })
}

/// Whether keys of maps are compared; inside a map that is being compared they were already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum KeyCheck {
    On,
    Off,
}

/// Checks the pending values and moves behind them.
fn skip(cursor: &mut Cursor<'_>, mut pending: Pending, keys: KeyCheck) -> Result<(), PayloadError> {
    while pending.begin() {
        let at = cursor.at();
        let found = token(cursor)?;
        let inner = found.inner();
        if inner > 0 || matches!(found, Token::Array(_) | Token::Map(_) | Token::Struct(_)) {
            pending.open(inner).ok_or(PayloadError::Nesting { at })?;
        }
        if let Token::Map(count) = found
            && keys == KeyCheck::On
            && count > 1
        {
            keys_differ(*cursor, count, at)?;
        }
    }
    Ok(())
}

/// Checks that the map whose entries begin at the cursor has no key twice.
fn keys_differ(mut cursor: Cursor<'_>, count: u16, at: usize) -> Result<(), PayloadError> {
    // Each entry takes two bytes at least, so the count can't ask for more memory than that.
    if usize::from(count).saturating_mul(2) > cursor.left() {
        return Err(PayloadError::Truncated { at: cursor.at() });
    }
    let mut keys: Vec<&[u8]> = Vec::new();
    keys.try_reserve_exact(usize::from(count)).map_err(|_| PayloadError::NoMemory)?;
    for _ in 0..count {
        let mut rest = cursor;
        skip(&mut cursor, Pending::new(1), KeyCheck::Off)?;
        let len = cursor.at().saturating_sub(rest.at());
        keys.push(rest.take(len).unwrap_or_default());
        skip(&mut cursor, Pending::new(1), KeyCheck::Off)?;
    }
    keys.sort_unstable();
    let twice = keys.iter().zip(keys.iter().skip(1)).any(|(a, b)| a == b);
    if twice { Err(PayloadError::DuplicateKey { at }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
