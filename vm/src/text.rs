//! The TEXT instruction.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use flux_abi::limits::STRING_BYTES;
use flux_abi::select::{AllocKind, TextOp};
use flux_abi::trap::TrapKind;

use crate::memory::{Memory, MemoryError};

/// What TEXT gives.
pub(crate) enum Made {
    /// A word.
    Word(u64),
    /// A new text, still to be placed.
    Text(AllocKind, Vec<u8>),
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
        _ => 0,
    })
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
    })
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
