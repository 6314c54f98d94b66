//! The TEXT instruction.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::ops::Range;

use flux_abi::limits::STRING_BYTES;
use flux_abi::select::{AllocKind, TextOp};
use flux_abi::trap::TrapKind;

use crate::memory::{Memory, MemoryError};
use crate::table;

/// What TEXT gives.
pub(crate) enum Made {
    /// A word.
    Word(u64),
    /// A new text, still to be placed.
    Text(AllocKind, Vec<u8>),
    /// Parts of the first operand, as ranges, each of which becomes a text of a new array.
    Texts(Vec<Range<usize>>),
    /// The entry of a table, or 0, and how many keys were looked at.
    Entry(u64, u64),
    /// Entries of a table from this number on are still to be entered.
    Index,
}

/// A TEXT that traps.
pub(crate) struct Refused {
    pub(crate) kind: TrapKind,
    pub(crate) value: u64,
}

impl From<MemoryError> for Refused {
    fn from(error: MemoryError) -> Self {
        match error {
            MemoryError::Access { offset, .. } => Self { kind: TrapKind::BadAccess, value: offset },
            MemoryError::Quota { .. } | MemoryError::NoRegion => Self { kind: TrapKind::Quota, value: 0 },
        }
    }
}

/// Bytes that the operation reads, for its gas; the texts are checked on the way.
pub(crate) fn bytes_read(operation: TextOp, a: u64, b: u64, memory: &Memory) -> Result<u64, Refused> {
    let length = |ptr| memory.str(ptr).map(|bytes| bytes.len() as u64);
    Ok(match operation {
        TextOp::Concat | TextOp::Compare | TextOp::Equal => length(a)? + length(b)?,
        TextOp::Copy | TextOp::Keep | TextOp::Chars | TextOp::CharAt => length(a)?,
        TextOp::Slice
        | TextOp::At
        | TextOp::Trim
        | TextOp::Upper
        | TextOp::Lower
        | TextOp::IsInt
        | TextOp::ParseInt
        | TextOp::IsFloat
        | TextOp::ParseFloat
        | TextOp::Pad
        | TextOp::IsText => length(a)?,
        TextOp::StartsWith | TextOp::EndsWith => length(a)? + length(b)?,
        // Looking for a text takes time of both together.
        TextOp::Find | TextOp::Split => {
            length(a)?.saturating_add(1).saturating_mul(length(b)?.saturating_add(1))
        }
        TextOp::Replace => length(a)?.saturating_add(1).saturating_mul(length(low(b))?.saturating_add(1)),
        TextOp::Join => {
            let parts = texts(a, memory)?;
            let between = length(b)?.saturating_mul(parts.len() as u64);
            parts.iter().fold(between, |sum, text| sum.saturating_add(text.len() as u64))
        }
        TextOp::TableFind => table::key_bytes(a, b, memory)?,
        TextOp::TableIndex => table::index_bytes(a, b, memory)?,
        TextOp::Fixed
        | TextOp::Length
        | TextOp::FromInt
        | TextOp::FromUint
        | TextOp::FromFloat
        | TextOp::FromF32
        | TextOp::FromBool
        | TextOp::FromChar
        | TextOp::FromDuration => 0,
    })
}

/// The low half of a word.
const fn low(word: u64) -> u64 {
    word & 0xffff_ffff
}

/// The texts of an array of texts.
fn texts(ptr: u64, memory: &Memory) -> Result<Vec<&[u8]>, MemoryError> {
    if ptr == 0 {
        return Ok(Vec::new());
    }
    let length = low(memory.read_u64(ptr)?);
    let offsets = memory.bytes(ptr.wrapping_add(8), length * 4)?;
    offsets.as_chunks().0.iter().map(|offset| memory.str(u64::from(u32::from_le_bytes(*offset)))).collect()
}

/// Carries `operation` out.
pub(crate) fn make(operation: TextOp, a: u64, b: u64, memory: &Memory) -> Result<Made, Refused> {
    let arena = |text: String| Made::Text(AllocKind::Arena, text.into_bytes());
    Ok(match operation {
        TextOp::Concat => {
            let (first, second) = (memory.str(a)?, memory.str(b)?);
            if first.len().saturating_add(second.len()) > STRING_BYTES {
                return Err(Refused { kind: TrapKind::Quota, value: 0 });
            }
            Made::Text(AllocKind::Arena, [first, second].concat())
        }
        TextOp::Copy => Made::Text(AllocKind::Arena, short(memory.str(a)?)?.to_vec()),
        TextOp::Keep => Made::Text(AllocKind::State, short(memory.str(a)?)?.to_vec()),
        TextOp::FromInt => arena(display(a as i64)),
        TextOp::FromUint => arena(display(a)),
        TextOp::FromFloat => arena(display(f64::from_bits(a))),
        TextOp::FromF32 => arena(display(f32::from_bits(a as u32))),
        TextOp::FromBool => arena(display(a != 0)),
        TextOp::FromDuration => arena(duration(a as i64)),
        TextOp::FromChar => {
            let scalar = u32::try_from(a).ok().and_then(char::from_u32);
            arena(display(scalar.ok_or(Refused { kind: TrapKind::Index, value: a })?))
        }
        TextOp::Length => Made::Word(memory.str(a)?.len() as u64),
        TextOp::Compare => Made::Word(memory.str(a)?.cmp(memory.str(b)?) as i64 as u64),
        TextOp::Equal => Made::Word(u64::from(memory.str(a)? == memory.str(b)?)),
        TextOp::Chars => Made::Word(starts(memory.str(a)?).count() as u64),
        TextOp::CharAt => {
            let bytes = memory.str(a)?;
            let nth = usize::try_from(b).ok().and_then(|index| starts(bytes).nth(index));
            let start = nth.ok_or(Refused { kind: TrapKind::Index, value: b })?;
            Made::Word(u64::from(scalar_at(bytes, start)))
        }
        TextOp::Slice => {
            let bytes = memory.str(a)?;
            let (from, to) = (low(b), b >> 32);
            let range = place_of(bytes, from).zip(place_of(bytes, to)).filter(|_| from <= to);
            let (start, end) = range.ok_or(Refused { kind: TrapKind::Index, value: to })?;
            Made::Text(AllocKind::Arena, short(&bytes[start..end])?.to_vec())
        }
        TextOp::At => {
            let bytes = memory.str(a)?;
            let next = b.checked_add(1).and_then(|next| place_of(bytes, next));
            let range = place_of(bytes, b).zip(next);
            let (start, end) = range.ok_or(Refused { kind: TrapKind::Index, value: b })?;
            Made::Text(AllocKind::Arena, short(&bytes[start..end])?.to_vec())
        }
        TextOp::Split => Made::Texts(pieces(memory.str(a)?, memory.str(b)?)),
        TextOp::Trim => Made::Text(AllocKind::Arena, short(memory.str(a)?.trim_ascii())?.to_vec()),
        TextOp::Find => {
            let (bytes, wanted) = (memory.str(a)?, memory.str(b)?);
            Made::Word(find(bytes, wanted).map_or(u64::MAX, |at| starts(&bytes[..at]).count() as u64))
        }
        TextOp::Replace => {
            let (bytes, wanted, new) = (memory.str(a)?, memory.str(low(b))?, memory.str(b >> 32)?);
            Made::Text(AllocKind::Arena, replace(bytes, wanted, new)?)
        }
        TextOp::StartsWith => Made::Word(u64::from(memory.str(a)?.starts_with(memory.str(b)?))),
        TextOp::EndsWith => Made::Word(u64::from(memory.str(a)?.ends_with(memory.str(b)?))),
        TextOp::Upper => Made::Text(AllocKind::Arena, short(memory.str(a)?)?.to_ascii_uppercase()),
        TextOp::Lower => Made::Text(AllocKind::Arena, short(memory.str(a)?)?.to_ascii_lowercase()),
        TextOp::IsInt => Made::Word(u64::from(integer(memory.str(a)?).is_some())),
        TextOp::ParseInt => Made::Word(integer(memory.str(a)?).unwrap_or(0).cast_unsigned()),
        TextOp::IsFloat => Made::Word(u64::from(number(memory.str(a)?).is_some())),
        TextOp::ParseFloat => Made::Word(number(memory.str(a)?).unwrap_or(0.0).to_bits()),
        TextOp::Join => {
            let (parts, between) = (texts(a, memory)?, memory.str(b)?);
            let gaps = between.len().saturating_mul(parts.len().saturating_sub(1));
            if parts.iter().fold(gaps, |sum, text| sum.saturating_add(text.len())) > STRING_BYTES {
                return Err(Refused { kind: TrapKind::Quota, value: 0 });
            }
            Made::Text(AllocKind::Arena, parts.join(between))
        }
        TextOp::Fixed => arena(fixed(f64::from_bits(a), b)),
        TextOp::Pad => Made::Text(AllocKind::Arena, pad(memory.str(a)?, low(b), b >> 32)?),
        TextOp::IsText => Made::Word(u64::from(core::str::from_utf8(memory.str(a)?).is_ok())),
        TextOp::TableFind => {
            let (entry, looked) = table::find(a, b, memory)?;
            Made::Entry(entry, looked)
        }
        TextOp::TableIndex => Made::Index,
    })
}

/// Offset of character `number`, or of the end behind the last one.
fn place_of(bytes: &[u8], number: u64) -> Option<usize> {
    let number = usize::try_from(number).ok()?;
    starts(bytes).chain([bytes.len()]).nth(number)
}

/// Where `wanted` first begins.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() {
        return Some(0);
    }
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Parts between each `separator`, or the characters if it is empty.
fn pieces(bytes: &[u8], separator: &[u8]) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    if separator.is_empty() {
        let ends = starts(bytes).skip(1).chain([bytes.len()]);
        pieces.extend(starts(bytes).zip(ends).map(|(start, end)| start..end));
        return pieces;
    }
    let mut at = 0;
    while let Some(next) = find(&bytes[at..], separator) {
        pieces.push(at..at + next);
        at += next + separator.len();
    }
    pieces.push(at..bytes.len());
    pieces
}

fn replace(bytes: &[u8], wanted: &[u8], new: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut made = Vec::new();
    let mut rest = bytes;
    while !wanted.is_empty()
        && let Some(at) = find(rest, wanted)
    {
        made.extend_from_slice(&rest[..at]);
        made.extend_from_slice(new);
        rest = &rest[at + wanted.len()..];
        short(&made)?;
    }
    made.extend_from_slice(rest);
    short(&made)?;
    Ok(made)
}

/// The integer whose text this is: digits, perhaps behind `-` or `+`.
fn integer(bytes: &[u8]) -> Option<i64> {
    core::str::from_utf8(bytes).ok()?.parse().ok()
}

/// The number whose text this is: digits, point, exponent; neither infinite nor none.
fn number(bytes: &[u8]) -> Option<f64> {
    let text = core::str::from_utf8(bytes).ok()?;
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse().ok().filter(|number: &f64| plain && number.is_finite())
}

/// Most decimals of a number.
const DECIMALS: u64 = 64;

fn fixed(number: f64, decimals: u64) -> String {
    let mut text = String::new();
    // At most 64, so that the cast loses nothing; writing to a string never fails.
    let _ = write!(text, "{number:.0$}", decimals.min(DECIMALS) as usize);
    text
}

fn pad(bytes: &[u8], width: u64, side: u64) -> Result<Vec<u8>, Refused> {
    let missing = width.saturating_sub(starts(bytes).count() as u64);
    if missing.saturating_add(bytes.len() as u64) > STRING_BYTES as u64 {
        return Err(Refused { kind: TrapKind::Quota, value: 0 });
    }
    let missing = missing as usize;
    let before = match side {
        0 => 0,
        1 => missing,
        _ => missing / 2,
    };
    let mut made = alloc::vec![b' '; before];
    made.extend_from_slice(bytes);
    made.resize(bytes.len() + missing, b' ');
    Ok(made)
}

fn short(bytes: &[u8]) -> Result<&[u8], Refused> {
    if bytes.len() > STRING_BYTES { Err(Refused { kind: TrapKind::Quota, value: 0 }) } else { Ok(bytes) }
}

fn display(value: impl core::fmt::Display) -> String {
    let mut text = String::new();
    // Writing to a string never fails.
    let _ = write!(text, "{value}");
    text
}

/// Units of durations with their nanoseconds, largest first.
const UNITS: [(&str, i64); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// `90s`, `5m`: the largest unit that divides the nanoseconds; `0s` for none.
pub fn duration(nanoseconds: i64) -> String {
    let fits = |unit: &&(&str, i64)| nanoseconds % unit.1 == 0;
    let (name, length) = match nanoseconds {
        0 => ("s", 1),
        _ => UNITS.iter().find(fits).copied().unwrap_or(("ns", 1)),
    };
    let mut text = display(nanoseconds / length);
    text.push_str(name);
    text
}

/// Offsets at which characters start: every byte that does not continue one.
fn starts(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    bytes.iter().enumerate().filter(|(_, byte)| **byte & 0xC0 != 0x80).map(|(offset, _)| offset)
}

/// The scalar value that starts at `start`; U+FFFD where the bytes are none.
fn scalar_at(bytes: &[u8], start: usize) -> u32 {
    let rest = bytes.get(start..).unwrap_or(&[]);
    let width = rest.iter().skip(1).take(3).take_while(|byte| **byte & 0xC0 == 0x80).count() + 1;
    let one = rest.get(..width).unwrap_or(&[]);
    let text = core::str::from_utf8(one).ok();
    text.and_then(|text| text.chars().next()).map_or(u32::from(char::REPLACEMENT_CHARACTER), u32::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_the_largest_unit_that_divides_them() {
        for (nanoseconds, text) in [
            (0, "0s"),
            (30_000_000_000, "30s"),
            (60_000_000_000, "1m"),
            (5_400_000_000_000, "90m"),
            (7_200_000_000_000, "2h"),
            (-500_000_000, "-500ms"),
            (1, "1ns"),
            (i64::MIN, "-9223372036854775808ns"),
        ] {
            assert_eq!(duration(nanoseconds), text);
        }
    }

    #[test]
    fn bytes_that_are_no_text_read_as_the_replacement_character() {
        assert_eq!(scalar_at("aé€😀".as_bytes(), 1), 'é' as u32);
        assert_eq!(scalar_at("aé€😀".as_bytes(), 6), '😀' as u32);
        assert_eq!(scalar_at(&[0xFF, 0x80], 0), 0xFFFD);
        assert_eq!(scalar_at(&[0xC3], 0), 0xFFFD);
        assert_eq!(starts(&[0x80, b'a', 0xFF]).collect::<Vec<_>>(), [1, 2]);
    }
}
