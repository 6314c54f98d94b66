//! Values between an agent's memory and payloads, guided by type descriptors.
//!
//! # Invariants
//! 1. Lengths in an agent's memory are claims: what is read is bounded by the memory and by the
//!    4,096 bytes of a payload, whatever they say.
//! 2. A value that is decoded has the type of its descriptor: an int becomes an f64 where one is
//!    wanted, an int must fit its width, everything else must match.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};
use core::ops::Deref;

use flux_abi::limits::PAYLOAD_BYTES;
use flux_abi::select::AllocKind;
use flux_abi::trap::TrapKind;
use flux_isa::desc::{Desc, Layout};
use flux_proto::payload::{PayloadError, Reader, Scalar, Token, Writer, read_scalars, write_scalars};
use flux_vm::{ENTRIES, Memory, MemoryError, index_table, table_slots};

use crate::form::Form;

/// Why a value can't be sent or taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum MarshalError {
    /// An offset in the agent's memory is none.
    #[error("a value lies outside the agent's memory")]
    Access,
    /// The payload would be too long.
    #[error("the values take more than the {PAYLOAD_BYTES} bytes of a message")]
    TooLong,
    /// An unsigned number has no place among the ints of a message.
    #[error("a number above {} can't be sent", i64::MAX)]
    TooLarge,
    /// The agent's quota does not hold the value.
    #[error("the values do not fit the agent's memory")]
    Quota,
    /// The value is not of the type.
    #[error("a value is not of its type")]
    Mismatch,
    /// Values of this type can't be sent by this version.
    #[error("types that hold themselves can't be sent by this version")]
    Unsupported,
}

impl MarshalError {
    /// The trap of the one who sends such a value; `None` if only the message is lost.
    pub(crate) const fn trap(self) -> Option<TrapKind> {
        match self {
            Self::Access => Some(TrapKind::BadAccess),
            Self::TooLong | Self::TooLarge => Some(TrapKind::Overflow),
            Self::Quota => Some(TrapKind::Quota),
            Self::Mismatch | Self::Unsupported => None,
        }
    }
}

impl From<MemoryError> for MarshalError {
    fn from(error: MemoryError) -> Self {
        match error {
            MemoryError::Access { .. } => Self::Access,
            _ => Self::Quota,
        }
    }
}

impl From<PayloadError> for MarshalError {
    fn from(error: PayloadError) -> Self {
        match error {
            PayloadError::Overflow { .. } | PayloadError::TextTooLong { .. } => Self::TooLong,
            PayloadError::NoMemory => Self::Quota,
            _ => Self::Mismatch,
        }
    }
}

/// A payload under construction; allocated once for all agents.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    len: usize,
}

impl Buffer {
    pub(crate) fn new() -> Self {
        Self { bytes: alloc::vec![0; PAYLOAD_BYTES], len: 0 }
    }

    fn write(
        &mut self,
        name: &str,
        count: usize,
        values: impl FnOnce(&mut Writer<'_>) -> Result<(), MarshalError>,
    ) -> Result<(), MarshalError> {
        self.len = 0;
        let count = u8::try_from(count).map_err(|_| MarshalError::TooLong)?;
        let mut writer = Writer::new(&mut self.bytes, name, count)?;
        values(&mut writer)?;
        self.len = writer.finish()?.len();
        Ok(())
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Writes a call: `name` and the values of the words at `words` in `memory`.
pub(crate) fn encode_call(
    buffer: &mut Buffer,
    memory: &Memory,
    name: &str,
    types: &[Desc],
    words: u64,
) -> Result<(), MarshalError> {
    buffer.write(name, types.len(), |writer| {
        let mut at = words;
        for desc in types {
            encode(writer, memory, desc, memory.read_u64(at)?)?;
            at = at.wrapping_add(8);
        }
        Ok(())
    })
}

/// Writes a call whose values are words by themselves; `None` for every other one.
pub(crate) fn encode_scalars(buffer: &mut Buffer, memory: &Memory, form: &Form, words: u64) -> Option<()> {
    let types = form.arguments.as_slice();
    let count = u8::try_from(types.len()).ok()?;
    let bytes = memory.bytes(words, u64::from(count).checked_mul(8)?).ok()?;
    let (all, _) = bytes.as_chunks::<8>();
    buffer.len = write_scalars(&mut buffer.bytes, &form.name, count, |at| {
        let word = u64::from_le_bytes(*all.get(at)?);
        match types.get(at)? {
            Desc::I64 | Desc::I32 | Desc::I16 | Desc::I8 | Desc::Duration => {
                Some(Scalar::Int(word.cast_signed()))
            }
            Desc::F64 => Some(Scalar::Float(f64::from_bits(word))),
            Desc::Agent => Some(Scalar::Agent(word)),
            _ => None,
        }
    })?;
    Some(())
}

/// Writes an answer: one value, or none without a type.
pub(crate) fn encode_value(
    buffer: &mut Buffer,
    memory: &Memory,
    desc: Option<&Desc>,
    word: u64,
) -> Result<(), MarshalError> {
    buffer.write("", 1, |writer| match desc {
        Some(desc) => encode(writer, memory, desc, word),
        None => Ok(writer.none()?),
    })
}

/// Writes the value that register word `word` stands for.
fn encode(writer: &mut Writer<'_>, memory: &Memory, desc: &Desc, word: u64) -> Result<(), MarshalError> {
    match desc {
        Desc::Bool => writer.bool(word != 0)?,
        Desc::I64 | Desc::I32 | Desc::I16 | Desc::I8 | Desc::Duration => writer.int(word.cast_signed())?,
        Desc::U64 | Desc::U32 | Desc::U16 | Desc::U8 => {
            writer.int(i64::try_from(word).map_err(|_| MarshalError::TooLarge)?)?;
        }
        Desc::F64 => writer.float(f64::from_bits(word))?,
        Desc::F32 => writer.float(f64::from(f32::from_bits(low_half(word))))?,
        Desc::Str => {
            let text = core::str::from_utf8(memory.str(word)?).map_err(|_| MarshalError::Mismatch)?;
            writer.str(text)?;
        }
        Desc::Bytes => writer.bytes(memory.str(word)?)?,
        Desc::Agent => writer.agent(word)?,
        Desc::Capability | Desc::Region => writer.capability(word)?,
        Desc::Array(element) => {
            let count = if word == 0 { 0 } else { memory.read_u32(word)? };
            let count = u16::try_from(count).map_err(|_| MarshalError::TooLong)?;
            writer.array(count)?;
            encode_elements(writer, memory, element, count, word.wrapping_add(8))?;
        }
        Desc::Fixed(count, element) => {
            let count = u16::try_from(*count).map_err(|_| MarshalError::TooLong)?;
            writer.array(count)?;
            encode_elements(writer, memory, element, count, word)?;
        }
        Desc::Struct(fields) => {
            writer.structure(u16::try_from(fields.len()).map_err(|_| MarshalError::TooLong)?)?;
            let mut layout = Layout::EMPTY;
            for field in fields {
                let (offset, next) = place(layout, field)?;
                layout = next;
                encode_at(writer, memory, field, word.wrapping_add(u64::from(offset)))?;
            }
        }
        Desc::Optional(value) => match memory.read_u32(word)? {
            0 => writer.none()?,
            1 => {
                writer.some()?;
                let (offset, _) = place(TAG, value)?;
                encode_at(writer, memory, value, word.wrapping_add(u64::from(offset)))?;
            }
            _ => return Err(MarshalError::Mismatch),
        },
        Desc::Enum(variants) if is_plain(variants) => {
            variant(variants, word)?;
            writer.int(word.cast_signed())?;
        }
        Desc::Enum(variants) => {
            let tag = u64::from(memory.read_u32(word)?);
            let payload = variant(variants, tag)?;
            let count = payload.len().saturating_add(1);
            writer.structure(u16::try_from(count).map_err(|_| MarshalError::TooLong)?)?;
            writer.int(tag.cast_signed())?;
            for (value, offset) in payload_places(variants, payload)? {
                encode_at(writer, memory, value, word.wrapping_add(u64::from(offset)))?;
            }
        }
        Desc::Map(key, value) => {
            let count = if word == 0 { 0 } else { memory.read_u32(word)? };
            let count = u16::try_from(count).map_err(|_| MarshalError::TooLong)?;
            writer.map(count)?;
            let (offset, stride) = entry(key, value)?;
            let mut at = word.wrapping_add(ENTRIES);
            for _ in 0..count {
                encode_at(writer, memory, key, at)?;
                encode_at(writer, memory, value, at.wrapping_add(offset))?;
                at = at.wrapping_add(stride);
            }
        }
        Desc::Outer(_) => return Err(MarshalError::Unsupported),
    }
    Ok(())
}

/// Offset of the value in an entry of a map, and bytes from one entry to the next.
pub(crate) fn entry(key: &Desc, value: &Desc) -> Result<(u64, u64), MarshalError> {
    let (_, layout) = place(Layout::EMPTY, key)?;
    let (offset, layout) = place(layout, value)?;
    let stride = layout.rounded().ok_or(MarshalError::Unsupported)?.size;
    Ok((u64::from(offset), u64::from(stride)))
}

/// The tag of an optional or an enum with payloads, before what follows it.
pub(crate) const TAG: Layout = Layout { size: 4, align: 4 };

/// Tells whether an enum is its tag alone.
pub(crate) fn is_plain(variants: &[Vec<Desc>]) -> bool {
    variants.iter().all(Vec::is_empty)
}

/// The payload of a variant.
pub(crate) fn variant(variants: &[Vec<Desc>], tag: u64) -> Result<&[Desc], MarshalError> {
    let found = usize::try_from(tag).ok().and_then(|tag| variants.get(tag));
    found.map(Vec::as_slice).ok_or(MarshalError::Mismatch)
}

/// The values of a variant with their offsets: all payloads of an enum begin at one place.
pub(crate) fn payload_places<'d>(
    variants: &[Vec<Desc>],
    payload: &'d [Desc],
) -> Result<Vec<(&'d Desc, u32)>, MarshalError> {
    let mut align = 1;
    for values in variants {
        align = align.max(Desc::sequence(values).ok_or(MarshalError::Unsupported)?.align);
    }
    let start = TAG.append(Layout { size: 0, align }).ok_or(MarshalError::Unsupported)?.0;
    let mut layout = Layout::EMPTY;
    let mut places = Vec::with_capacity(payload.len());
    for value in payload {
        let (offset, next) = place(layout, value)?;
        layout = next;
        places.push((value, start.saturating_add(offset)));
    }
    Ok(places)
}

/// Tells whether a value lies in place where it is held, so that its word is an address.
pub(crate) fn is_inline(desc: &Desc) -> bool {
    match desc {
        Desc::Struct(_) | Desc::Fixed(..) | Desc::Optional(_) => true,
        Desc::Enum(variants) => !is_plain(variants),
        _ => false,
    }
}

fn encode_elements(
    writer: &mut Writer<'_>,
    memory: &Memory,
    element: &Desc,
    count: u16,
    start: u64,
) -> Result<(), MarshalError> {
    let size = u64::from(element.layout().ok_or(MarshalError::Unsupported)?.size);
    for index in 0..u64::from(count) {
        encode_at(writer, memory, element, start.wrapping_add(index.wrapping_mul(size)))?;
    }
    Ok(())
}

/// Writes the value that lies at `at`.
fn encode_at(writer: &mut Writer<'_>, memory: &Memory, desc: &Desc, at: u64) -> Result<(), MarshalError> {
    let word = match desc {
        Desc::Bool | Desc::U8 => u64::from(memory.read_u8(at)?),
        Desc::I8 => i64::from(memory.read_u8(at)?.cast_signed()).cast_unsigned(),
        Desc::U16 => u64::from(memory.read_u16(at)?),
        Desc::I16 => i64::from(memory.read_u16(at)?.cast_signed()).cast_unsigned(),
        Desc::U32 | Desc::F32 | Desc::Str | Desc::Bytes | Desc::Array(_) | Desc::Map(..) => {
            u64::from(memory.read_u32(at)?)
        }
        Desc::I32 => i64::from(memory.read_u32(at)?.cast_signed()).cast_unsigned(),
        Desc::I64
        | Desc::U64
        | Desc::F64
        | Desc::Duration
        | Desc::Agent
        | Desc::Capability
        | Desc::Region => memory.read_u64(at)?,
        Desc::Enum(variants) if is_plain(variants) => u64::from(memory.read_u32(at)?),
        Desc::Struct(_) | Desc::Fixed(..) | Desc::Optional(_) | Desc::Enum(_) | Desc::Outer(_) => at,
    };
    encode(writer, memory, desc, word)
}

/// Name of the handler that a payload is for, as bytes.
pub(crate) fn name_bytes(payload: &[u8]) -> Option<&[u8]> {
    let (length, rest) = payload.split_first()?;
    rest.get(..usize::from(*length))
}

/// Name of the handler that a payload is for.
pub(crate) fn name_of(payload: &[u8]) -> Option<&str> {
    core::str::from_utf8(name_bytes(payload)?).ok()
}

/// Where decoded values are put.
struct Heap<'a> {
    memory: &'a mut Memory,
    kind: AllocKind,
    /// Offsets of what was allocated, for whoever frees it.
    owned: Option<&'a mut Vec<u32>>,
}

impl Heap<'_> {
    fn keep(&mut self, ptr: u32) -> u64 {
        if let Some(owned) = &mut self.owned
            && ptr != 0
        {
            owned.push(ptr);
        }
        u64::from(ptr)
    }

    fn alloc(&mut self, bytes: u64) -> Result<u64, MarshalError> {
        let ptr = self.memory.alloc(self.kind, bytes)?;
        Ok(self.keep(ptr))
    }

    fn text(&mut self, bytes: &[u8]) -> Result<u64, MarshalError> {
        let ptr = self.memory.alloc_str(self.kind, bytes)?;
        Ok(self.keep(ptr))
    }
}

/// Reads the arguments of a handler; each is a word, what they point to is in `owned`.
pub(crate) fn decode_arguments(
    payload: &[u8],
    types: &[Desc],
    memory: &mut Memory,
    words: &mut Vec<u64>,
    owned: &mut Vec<u32>,
) -> Result<(), MarshalError> {
    let before = words.len();
    if decode_scalars(payload, types, words).is_some() {
        return Ok(());
    }
    words.truncate(before);
    let mut reader = Reader::new(payload)?;
    if usize::from(reader.values()) != types.len() {
        return Err(MarshalError::Mismatch);
    }
    let mut heap = Heap { memory, kind: AllocKind::State, owned: Some(owned) };
    for desc in types {
        words.push(decode(&mut reader, desc, &mut heap)?);
    }
    Ok(())
}

/// Reads arguments that are words by themselves; `None` for every other ones.
fn decode_scalars(payload: &[u8], types: &[Desc], words: &mut Vec<u64>) -> Option<()> {
    read_scalars(payload, types.len(), |at, scalar| {
        words.push(match (types.get(at)?, scalar) {
            (Desc::I64 | Desc::Duration, Scalar::Int(value)) => value.cast_unsigned(),
            (Desc::F64, Scalar::Float(value)) => value.to_bits(),
            (Desc::Agent, Scalar::Agent(word)) => word,
            _ => return None,
        });
        Some(())
    })
}

/// Reads the one value of an answer into the arena of the run that waits for it.
pub(crate) fn decode_value(payload: &[u8], desc: &Desc, memory: &mut Memory) -> Result<u64, MarshalError> {
    let mut reader = Reader::new(payload)?;
    if reader.values() != 1 {
        return Err(MarshalError::Mismatch);
    }
    decode(&mut reader, desc, &mut Heap { memory, kind: AllocKind::Arena, owned: None })
}

fn integer(value: i64, desc: &Desc) -> Result<u64, MarshalError> {
    let fits = match desc {
        Desc::I64 | Desc::Duration => true,
        Desc::I32 => i32::try_from(value).is_ok(),
        Desc::I16 => i16::try_from(value).is_ok(),
        Desc::I8 => i8::try_from(value).is_ok(),
        Desc::U64 => value >= 0,
        Desc::U32 => u32::try_from(value).is_ok(),
        Desc::U16 => u16::try_from(value).is_ok(),
        Desc::U8 => u8::try_from(value).is_ok(),
        _ => false,
    };
    if fits { Ok(value.cast_unsigned()) } else { Err(MarshalError::Mismatch) }
}

#[expect(clippy::cast_precision_loss, reason = "an int that is taken as f64 is rounded to nearest even")]
fn decode(reader: &mut Reader<'_>, desc: &Desc, heap: &mut Heap<'_>) -> Result<u64, MarshalError> {
    let token = reader.next().ok_or(MarshalError::Mismatch)?;
    Ok(match (desc, token) {
        (Desc::Bool, Token::Bool(value)) => u64::from(value),
        (Desc::F64, Token::Float(value)) => value.to_bits(),
        (Desc::F64, Token::Int(value)) => (value as f64).to_bits(),
        (Desc::F32, Token::Float(value)) => u64::from(narrow(value).to_bits()),
        (Desc::F32, Token::Int(value)) => u64::from((value as f32).to_bits()),
        (Desc::Str, Token::Str(text)) => heap.text(text.as_bytes())?,
        (Desc::Bytes, Token::Bytes(bytes)) => heap.text(bytes)?,
        (Desc::Agent, Token::Agent(word)) | (Desc::Capability | Desc::Region, Token::Capability(word)) => {
            word
        }
        (Desc::Array(element), Token::Array(count)) => {
            let size = u64::from(element.layout().ok_or(MarshalError::Unsupported)?.size);
            let bytes = u64::from(count).checked_mul(size).and_then(|bytes| bytes.checked_add(8));
            let ptr = heap.alloc(bytes.ok_or(MarshalError::Quota)?)?;
            heap.memory.write_u32(ptr, u32::from(count))?;
            heap.memory.write_u32(ptr.wrapping_add(4), u32::from(count))?;
            decode_elements(reader, element, count, heap, ptr.wrapping_add(8))?;
            ptr
        }
        (desc, token) if is_inline(desc) => {
            let layout = desc.layout().ok_or(MarshalError::Unsupported)?;
            let ptr = heap.alloc(u64::from(layout.size))?;
            decode_aggregate(reader, desc, token, heap, ptr)?;
            ptr
        }
        (Desc::Enum(variants), Token::Int(tag)) => {
            let tag = u64::try_from(tag).map_err(|_| MarshalError::Mismatch)?;
            variant(variants, tag)?;
            tag
        }
        (Desc::Map(key, value), Token::Map(count)) => decode_map(reader, key, value, count, heap)?,
        (Desc::Outer(_), _) => return Err(MarshalError::Unsupported),
        (desc, Token::Int(value)) => integer(value, desc)?,
        _ => return Err(MarshalError::Mismatch),
    })
}

/// Reads the entries of a map into a table with room for as many.
fn decode_map(
    reader: &mut Reader<'_>,
    key: &Desc,
    value: &Desc,
    count: u16,
    heap: &mut Heap<'_>,
) -> Result<u64, MarshalError> {
    if count == 0 {
        return Ok(0);
    }
    let (offset, stride) = entry(key, value)?;
    let capacity = u64::from(count).max(4).next_power_of_two();
    let slots = table_slots(capacity).saturating_mul(4);
    let bytes = capacity.saturating_mul(stride).saturating_add(ENTRIES).saturating_add(slots);
    let ptr = heap.alloc(bytes)?;
    let width = match key {
        Desc::Str => 0,
        _ => key.layout().ok_or(MarshalError::Unsupported)?.size,
    };
    let words = [u64::from(count), capacity, stride, u64::from(width)];
    for (place, word) in (0u64..).step_by(4).zip(words) {
        let word = u32::try_from(word).map_err(|_| MarshalError::TooLong)?;
        heap.memory.write_u32(ptr.wrapping_add(place), word)?;
    }
    let mut at = ptr.wrapping_add(ENTRIES);
    for _ in 0..count {
        decode_at(reader, key, heap, at)?;
        decode_at(reader, value, heap, at.wrapping_add(offset))?;
        at = at.wrapping_add(stride);
    }
    index_table(ptr, 0, u64::MAX, heap.memory)?;
    Ok(ptr)
}

/// Reads what follows the head `token` of a value that lies in place.
fn decode_aggregate(
    reader: &mut Reader<'_>,
    desc: &Desc,
    token: Token<'_>,
    heap: &mut Heap<'_>,
    at: u64,
) -> Result<(), MarshalError> {
    match (desc, token) {
        (Desc::Fixed(wanted, element), Token::Array(count)) if u32::from(count) == *wanted => {
            decode_elements(reader, element, count, heap, at)
        }
        (Desc::Struct(fields), Token::Struct(count)) if usize::from(count) == fields.len() => {
            let mut layout = Layout::EMPTY;
            for field in fields {
                let (offset, next) = place(layout, field)?;
                layout = next;
                decode_at(reader, field, heap, at.wrapping_add(u64::from(offset)))?;
            }
            Ok(())
        }
        (Desc::Optional(_), Token::None) => Ok(heap.memory.write_u32(at, 0)?),
        (Desc::Optional(value), Token::Some) => {
            heap.memory.write_u32(at, 1)?;
            let (offset, _) = place(TAG, value)?;
            decode_at(reader, value, heap, at.wrapping_add(u64::from(offset)))
        }
        (Desc::Enum(variants), Token::Struct(count)) => {
            let Some(Token::Int(tag)) = reader.next() else { return Err(MarshalError::Mismatch) };
            let tag = u32::try_from(tag).map_err(|_| MarshalError::Mismatch)?;
            let payload = variant(variants, u64::from(tag))?;
            if payload.len().saturating_add(1) != usize::from(count) {
                return Err(MarshalError::Mismatch);
            }
            heap.memory.write_u32(at, tag)?;
            for (value, offset) in payload_places(variants, payload)? {
                decode_at(reader, value, heap, at.wrapping_add(u64::from(offset)))?;
            }
            Ok(())
        }
        _ => Err(MarshalError::Mismatch),
    }
}

fn decode_elements(
    reader: &mut Reader<'_>,
    element: &Desc,
    count: u16,
    heap: &mut Heap<'_>,
    start: u64,
) -> Result<(), MarshalError> {
    let size = u64::from(element.layout().ok_or(MarshalError::Unsupported)?.size);
    for index in 0..u64::from(count) {
        decode_at(reader, element, heap, start.wrapping_add(index.wrapping_mul(size)))?;
    }
    Ok(())
}

fn decode_at(reader: &mut Reader<'_>, desc: &Desc, heap: &mut Heap<'_>, at: u64) -> Result<(), MarshalError> {
    if is_inline(desc) {
        let token = reader.next().ok_or(MarshalError::Mismatch)?;
        return decode_aggregate(reader, desc, token, heap, at);
    }
    let word = decode(reader, desc, heap)?;
    let size = desc.layout().ok_or(MarshalError::Unsupported)?.size;
    let bytes = word.to_le_bytes();
    let low = usize::try_from(size).ok().and_then(|size| bytes.get(..size));
    heap.memory.write(at, low.ok_or(MarshalError::Unsupported)?)?;
    Ok(())
}

pub(crate) fn place(layout: Layout, field: &Desc) -> Result<(u32, Layout), MarshalError> {
    field.layout().and_then(|field| layout.append(field)).ok_or(MarshalError::Unsupported)
}

#[expect(clippy::cast_possible_truncation, reason = "an f32 is the low half of its word")]
const fn low_half(word: u64) -> u32 {
    word as u32
}

#[expect(clippy::cast_possible_truncation, reason = "an f64 that is taken as f32 is rounded to nearest even")]
const fn narrow(value: f64) -> f32 {
    value as f32
}

/// A number as log lines show it: at most four decimals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number(pub(crate) f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.abs();
        if !self.0.is_finite() || magnitude >= 1e15 || (magnitude != 0.0 && magnitude < 1e-4) {
            return write!(f, "{:e}", self.0);
        }
        let text = alloc::format!("{:.4}", self.0);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// Longest text that log lines show of one payload, in characters.
const SHOWN: usize = 160;
/// Longest text value that log lines show, in characters.
const SHOWN_TEXT: usize = 48;

/// A call as people read it: `send_notification(30.4, "lab")`; `types` tell durations from ints.
pub(crate) fn describe(payload: &[u8], types: &[Desc]) -> String {
    let name = name_of(payload).unwrap_or("?");
    alloc::format!("{name}({})", values(payload, types))
}

/// The values of an event as people read them: `(30.4, "lab")`; its form is named as its topic.
pub(crate) fn describe_event(payload: &[u8], types: &[Desc]) -> String {
    alloc::format!("({})", values(payload, types))
}

/// The value of an answer as people read it; `None` for none.
pub(crate) fn describe_value(payload: &[u8], desc: Option<&Desc>) -> Option<String> {
    let mut reader = Reader::new(payload).ok()?;
    match reader.next()? {
        Token::None => None,
        _ => Some(values(payload, desc.map(core::slice::from_ref).unwrap_or_default())),
    }
}

/// A container whose values are being shown.
struct Open<'t> {
    /// Values still to come.
    left: u32,
    end: char,
    types: Types<'t>,
}

impl Open<'_> {
    /// What stands before the next value, unless it is the first.
    const fn before(&self) -> &'static str {
        match self.types {
            // A value follows its key.
            Types::Pairs(..) if self.left % 2 == 1 => ": ",
            _ => ", ",
        }
    }
}

/// Types of values that follow each other.
enum Types<'t> {
    List(core::slice::Iter<'t, Desc>),
    Each(Option<&'t Desc>),
    /// Of keys and values in turn; the next one first.
    Pairs(Option<&'t Desc>, Option<&'t Desc>),
}

impl<'t> Types<'t> {
    /// Types of what follows the head of a container of type `desc`.
    fn inside(desc: Option<&'t Desc>, token: &Token<'_>) -> Self {
        match desc {
            Some(Desc::Map(key, value)) => Self::Pairs(Some(key), Some(value)),
            _ if matches!(token, Token::Map(_)) => Self::Pairs(None, None),
            Some(Desc::Struct(fields)) => Self::List(fields.iter()),
            Some(Desc::Array(element) | Desc::Fixed(_, element)) => Self::Each(Some(element)),
            _ => Self::Each(None),
        }
    }

    fn next(&mut self) -> Option<&'t Desc> {
        match self {
            Self::List(list) => list.next(),
            Self::Each(desc) => *desc,
            Self::Pairs(next, other) => {
                core::mem::swap(next, other);
                *other
            }
        }
    }
}

fn values(payload: &[u8], types: &[Desc]) -> String {
    let Ok(reader) = Reader::new(payload) else { return String::from("?") };
    let mut text = String::new();
    let mut types = Types::List(types.iter());
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut first = true;
    // The type of what an optional holds, which follows its head.
    let mut held = None;
    for token in reader {
        if text.chars().count() > SHOWN {
            text.push('…');
            break;
        }
        if !first {
            text.push_str(open.last().map_or(", ", Open::before));
        }
        first = false;
        let desc = match (held.take(), open.last_mut()) {
            (Some(desc), _) => desc,
            (None, Some(container)) => {
                container.left = container.left.saturating_sub(1);
                container.types.next()
            }
            (None, None) => types.next(),
        };
        // Writing to a String never fails.
        let _ = match token {
            Token::Bool(value) => write!(text, "{value}"),
            Token::Int(value) if matches!(desc, Some(Desc::Duration)) => {
                write!(text, "{}", flux_vm::duration(value))
            }
            Token::Int(value) => write!(text, "{value}"),
            Token::Float(value) => write!(text, "{}", Number(value)),
            Token::Str(value) => {
                let shown: String = value.chars().take(SHOWN_TEXT).collect();
                let more = if shown.len() < value.len() { "…" } else { "" };
                write!(text, "{shown:?}{more}")
            }
            Token::Bytes(value) => write!(text, "{} bytes", value.len()),
            Token::None => write!(text, "none"),
            Token::Agent(_) => write!(text, "agent"),
            Token::Capability(_) => write!(text, "capability"),
            Token::Some => Ok(()),
            Token::Array(_) => write!(text, "["),
            Token::Map(_) | Token::Struct(_) => write!(text, "{{"),
        };
        match token {
            Token::Array(_) | Token::Map(_) | Token::Struct(_) => {
                let end = if matches!(token, Token::Array(_)) { ']' } else { '}' };
                open.push(Open { left: token.inner(), end, types: Types::inside(desc, &token) });
                first = true;
            }
            Token::Some => {
                held = Some(match desc {
                    Some(Desc::Optional(inner)) => Some(&**inner),
                    _ => None,
                });
                first = true;
                continue;
            }
            _ => {}
        }
        while let Some(Open { left: 0, end, .. }) = open.last() {
            text.push(*end);
            open.pop();
            first = false;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;
    use alloc::sync::Arc;
    use flux_abi::capability::CapabilitySet;
    use flux_vm::{Config, Instance, Program};
    use proptest::prelude::*;

    /// A machine with nothing but memory.
    fn machine(quota: u64) -> Instance {
        let text =
            ".name \"m\"\n.memory 1048576\n.gas 1\n.period 1\n.state 256 scratch 0\n.function f\nRET\n";
        let module = flux_isa::asm::assemble(text).unwrap();
        let program = Program::load(flux_verify::verify(module).unwrap()).unwrap();
        Instance::new(Arc::new(program), Config { quota, capabilities: CapabilitySet::EMPTY }).unwrap()
    }

    fn leaf() -> impl Strategy<Value = Desc> {
        proptest::sample::select(alloc::vec![
            Desc::Bool,
            Desc::I64,
            Desc::I32,
            Desc::I16,
            Desc::I8,
            Desc::U64,
            Desc::U32,
            Desc::U16,
            Desc::U8,
            Desc::F64,
            Desc::F32,
            Desc::Duration,
            Desc::Str,
            Desc::Bytes,
        ])
    }

    fn desc() -> impl Strategy<Value = Desc> {
        leaf().prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                inner.clone().prop_map(|element| Desc::Array(element.into())),
                (0u32..4, inner.clone()).prop_map(|(n, element)| Desc::Fixed(n, element.into())),
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Desc::Struct),
                inner.clone().prop_map(|value| Desc::Optional(value.into())),
                proptest::collection::vec(proptest::collection::vec(inner, 0..3), 1..4).prop_map(Desc::Enum),
            ]
        })
    }

    /// A payload value of a type, made from a stream of numbers.
    fn put(
        writer: &mut Writer<'_>,
        desc: &Desc,
        seeds: &mut impl Iterator<Item = u64>,
    ) -> Result<(), PayloadError> {
        let seed = seeds.next().unwrap_or(0);
        let signed = seed.cast_signed();
        match desc {
            Desc::Bool => writer.bool(seed & 1 == 1),
            Desc::I64 | Desc::Duration => writer.int(signed),
            Desc::I32 => writer.int(signed >> 32),
            Desc::I16 => writer.int(signed >> 48),
            Desc::I8 => writer.int(signed >> 56),
            Desc::U64 => writer.int(signed & i64::MAX),
            Desc::U32 => writer.int((seed >> 32).cast_signed()),
            Desc::U16 => writer.int((seed >> 48).cast_signed()),
            Desc::U8 => writer.int((seed >> 56).cast_signed()),
            Desc::F64 => writer.float(f64::from_bits(seed)),
            Desc::F32 => writer.float(f64::from(f32::from_bits(low_half(seed)))),
            Desc::Str => writer.str(&seed.to_string()),
            Desc::Bytes => writer.bytes(&seed.to_le_bytes()),
            Desc::Array(element) => {
                let count = u16::try_from(seed % 4).unwrap_or(0);
                writer.array(count)?;
                (0..count).try_for_each(|_| put(writer, element, seeds))
            }
            Desc::Fixed(count, element) => {
                writer.array(u16::try_from(*count).unwrap_or(0))?;
                (0..*count).try_for_each(|_| put(writer, element, seeds))
            }
            Desc::Struct(fields) => {
                writer.structure(u16::try_from(fields.len()).unwrap_or(0))?;
                fields.iter().try_for_each(|field| put(writer, field, seeds))
            }
            Desc::Optional(_) if seed & 1 == 0 => writer.none(),
            Desc::Optional(value) => {
                writer.some()?;
                put(writer, value, seeds)
            }
            Desc::Enum(variants) => {
                let tag = seed % variants.len() as u64;
                let payload = &variants[usize::try_from(tag).unwrap()];
                if !is_plain(variants) {
                    writer.structure(u16::try_from(payload.len() + 1).unwrap())?;
                }
                writer.int(tag.cast_signed())?;
                payload.iter().try_for_each(|value| put(writer, value, seeds))
            }
            _ => writer.none(),
        }
    }

    proptest! {
        #[test]
        fn what_is_decoded_into_memory_encodes_to_the_same_payload(
            types in proptest::collection::vec(desc(), 0..5),
            seeds in proptest::collection::vec(any::<u64>(), 0..64),
        ) {
            let mut first = Buffer::new();
            let mut stream = seeds.into_iter();
            let written = first.write("form", types.len(), |writer| {
                types.iter().try_for_each(|desc| put(writer, desc, &mut stream)).map_err(MarshalError::from)
            });
            prop_assume!(written.is_ok());
            let mut machine = machine(1 << 20);
            let (mut words, mut owned) = (Vec::new(), Vec::new());
            decode_arguments(&first, &types, machine.memory(), &mut words, &mut owned).unwrap();
            let at = machine.memory().writable_base();
            for (n, word) in words.iter().enumerate() {
                machine.memory().write_u64(at + 8 * n as u64, *word).unwrap();
            }
            let mut second = Buffer::new();
            encode_call(&mut second, machine.memory(), "form", &types, at).unwrap();
            prop_assert_eq!(&*first, &*second);
            for ptr in owned {
                machine.memory().free(u64::from(ptr)).unwrap();
            }
        }

        #[test]
        fn a_payload_of_other_values_is_refused_and_nothing_panics(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
            types in proptest::collection::vec(desc(), 0..4),
            words in proptest::collection::vec(any::<u64>(), 4),
        ) {
            let mut machine = machine(1 << 16);
            let (mut decoded, mut owned) = (Vec::new(), Vec::new());
            let _ = decode_arguments(&bytes, &types, machine.memory(), &mut decoded, &mut owned);
            let _ = describe(&bytes, &types);
            // Words of a program are claims: offsets that lead nowhere must be refused.
            let at = machine.memory().writable_base();
            for (n, word) in words.iter().enumerate() {
                machine.memory().write_u64(at + 8 * n as u64, *word).unwrap();
            }
            let _ = encode_call(&mut Buffer::new(), machine.memory(), "f", &types, at);
            let _ = encode_call(&mut Buffer::new(), machine.memory(), "f", &types, words[0]);
        }
    }

    fn payload(values: impl FnOnce(&mut Writer<'_>) -> Result<(), MarshalError>, count: usize) -> Buffer {
        let mut buffer = Buffer::new();
        buffer.write("f", count, values).unwrap();
        buffer
    }

    #[test]
    fn an_int_becomes_an_f64_and_nothing_else_changes_its_type() {
        let mut machine = machine(1 << 16);
        let mut decode = |buffer: &Buffer, desc: Desc| {
            let mut words = Vec::new();
            decode_arguments(buffer, &[desc], machine.memory(), &mut words, &mut Vec::new())
                .map(|()| words[0])
        };
        let int = payload(|writer| Ok(writer.int(300)?), 1);
        assert_eq!(decode(&int, Desc::F64), Ok(300f64.to_bits()));
        assert_eq!(decode(&int, Desc::U16), Ok(300));
        for desc in [Desc::Bool, Desc::I8, Desc::U8, Desc::Str, Desc::Struct(Vec::new())] {
            assert_eq!(decode(&int, desc), Err(MarshalError::Mismatch));
        }
        let float = payload(|writer| Ok(writer.float(1.0)?), 1);
        assert_eq!(decode(&float, Desc::I64), Err(MarshalError::Mismatch));
        let four = Desc::Enum(alloc::vec![Vec::new(); 4]);
        let three = payload(|writer| Ok(writer.int(3)?), 1);
        assert_eq!(decode(&three, four.clone()), Ok(3));
        for tag in [-1, 4, i64::from(u32::MAX) + 1] {
            let other = payload(|writer| Ok(writer.int(tag)?), 1);
            assert_eq!(decode(&other, four.clone()), Err(MarshalError::Mismatch));
        }
        let level = Desc::Enum(alloc::vec![Vec::new(), alloc::vec![Desc::F64]]);
        for (count, tag) in [(1, 1), (2, 0), (2, 2), (3, 1)] {
            let other = payload(
                |writer| {
                    writer.structure(count)?;
                    (0..count).try_for_each(|n| Ok(writer.int(if n == 0 { tag } else { 7 })?))
                },
                1,
            );
            assert_eq!(decode(&other, level.clone()), Err(MarshalError::Mismatch), "{count} {tag}");
        }
        let negative = payload(|writer| Ok(writer.int(-1)?), 1);
        for desc in [Desc::U64, Desc::U32, Desc::U8] {
            assert_eq!(decode(&negative, desc), Err(MarshalError::Mismatch));
        }
        let two = payload(
            |writer| {
                writer.int(1)?;
                Ok(writer.int(2)?)
            },
            2,
        );
        assert_eq!(decode(&two, Desc::I64), Err(MarshalError::Mismatch));
    }

    #[test]
    fn a_text_beyond_the_payload_is_too_long_and_beyond_the_quota_refused() {
        let mut small = machine(2_048);
        let text = "x".repeat(PAYLOAD_BYTES - 8);
        let long = payload(|writer| Ok(writer.str(&text)?), 1);
        let result = decode_arguments(&long, &[Desc::Str], small.memory(), &mut Vec::new(), &mut Vec::new());
        assert_eq!(result, Err(MarshalError::Quota));
        let mut large = machine(1 << 20);
        let ptr = large.memory().alloc_str(AllocKind::State, "y".repeat(PAYLOAD_BYTES).as_bytes()).unwrap();
        let at = large.memory().writable_base();
        large.memory().write_u64(at, u64::from(ptr)).unwrap();
        let result = encode_call(&mut Buffer::new(), large.memory(), "f", &[Desc::Str], at);
        assert_eq!(result, Err(MarshalError::TooLong));
    }

    #[test]
    fn a_duration_was_shown_as_a_number_of_nanoseconds() {
        let sent = payload(
            |writer| {
                writer.int(500_000_000)?;
                writer.array(2)?;
                writer.int(90_000_000_000)?;
                writer.int(0)?;
                writer.structure(2)?;
                writer.int(7)?;
                writer.int(1_000)?;
                Ok(writer.int(500_000_000)?)
            },
            4,
        );
        let types = [
            Desc::Duration,
            Desc::Array(Desc::Duration.into()),
            Desc::Struct(alloc::vec![Desc::I64, Desc::Duration]),
            Desc::I64,
        ];
        assert_eq!(describe(&sent, &types), "f(500ms, [90s, 0s], {7, 1us}, 500000000)");
        let answer = payload(|writer| Ok(writer.int(2_000_000)?), 1);
        assert_eq!(describe_value(&answer, Some(&Desc::Duration)).as_deref(), Some("2ms"));
    }

    #[test]
    fn people_read_values_shortened_and_containers_closed() {
        let nested = payload(
            |writer| {
                writer.structure(2)?;
                writer.array(0)?;
                writer.some()?;
                writer.int(3)?;
                writer.float(1.0 / 3.0)?;
                Ok(writer.str(&"z".repeat(60))?)
            },
            3,
        );
        let shown = alloc::format!("f({{[], 3}}, 0.3333, \"{}\"…)", "z".repeat(SHOWN_TEXT));
        assert_eq!(describe(&nested, &[]), shown);
        let maps = payload(
            |writer| {
                writer.map(2)?;
                writer.str("a")?;
                writer.map(0)?;
                writer.str("b")?;
                writer.map(1)?;
                writer.int(3)?;
                writer.some()?;
                Ok(writer.int(1_500_000_000)?)
            },
            1,
        );
        let inner = Desc::Map(Desc::I64.into(), Desc::Optional(Desc::Duration.into()).into());
        let types = [Desc::Map(Desc::Str.into(), inner.into())];
        assert_eq!(describe(&maps, &types), "f({\"a\": {}, \"b\": {3: 1500ms}})");
        assert_eq!(describe(&[9, 9], &[]), "?(?)");
        let numbers = [30.4, -0.0, 1e300, f64::NAN, 0.00001, 25.0].map(|n| Number(n).to_string());
        assert_eq!(numbers, ["30.4", "-0", "1e300", "NaN", "1e-5", "25"]);
    }
}
