//! Values in an agent's memory as text for people.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use flux_isa::desc::{Desc, Layout};
use flux_vm::{Memory, MemoryError};

/// Most elements of an array that are shown.
const MOST: u32 = 16;

/// The value of a type that lies at `at`; types nest at most 32 deep.
pub(crate) fn text(memory: &Memory, desc: &Desc, at: u64) -> String {
    shown(memory, desc, at).unwrap_or_else(|_| String::from("outside memory"))
}

/// The value of a type whose word is `word`: itself, or the address where it lies.
pub(crate) fn text_of_word(memory: &Memory, desc: &Desc, word: u64) -> String {
    let [a, b, c, d, ..] = word.to_le_bytes();
    let half = u32::from_le_bytes([a, b, c, d]);
    match desc {
        Desc::Bool => (word != 0).to_string(),
        Desc::I8 | Desc::I16 | Desc::I32 | Desc::I64 => word.cast_signed().to_string(),
        Desc::U8 | Desc::U16 | Desc::U32 | Desc::U64 => word.to_string(),
        Desc::F32 => f32::from_bits(half).to_string(),
        Desc::F64 => f64::from_bits(word).to_string(),
        Desc::Duration => duration(word.cast_signed()),
        Desc::Agent | Desc::Capability | Desc::Region => alloc::format!("handle {word:#x}"),
        Desc::Enum(variants) if variants.iter().all(Vec::is_empty) => tag(half, variants.len()),
        Desc::Str | Desc::Bytes | Desc::Array(_) | Desc::Map(..) => {
            block(memory, desc, word).unwrap_or_else(|_| String::from("outside memory"))
        }
        Desc::Fixed(..) | Desc::Struct(_) | Desc::Optional(_) | Desc::Enum(_) | Desc::Outer(_) => {
            text(memory, desc, word)
        }
    }
}

fn tag(tag: u32, variants: usize) -> String {
    match usize::try_from(tag) {
        Ok(at) if at < variants => alloc::format!("variant {tag}"),
        _ => alloc::format!("no variant {tag}"),
    }
}

/// A text, growing array or map whose block is at `start`; 0 is the empty one.
fn block(memory: &Memory, desc: &Desc, start: u64) -> Result<String, MemoryError> {
    Ok(match desc {
        Desc::Str => alloc::format!("{:?}", String::from_utf8_lossy(memory.str(start)?)),
        Desc::Bytes => alloc::format!("{} bytes", memory.str(start)?.len()),
        Desc::Array(element) => {
            let count = if start == 0 { 0 } else { memory.read_u32(start)? };
            elements(memory, element, count, start.saturating_add(8))?
        }
        Desc::Map(key, value) => entries(memory, key, value, start)?,
        _ => String::new(),
    })
}

fn shown(memory: &Memory, desc: &Desc, at: u64) -> Result<String, MemoryError> {
    Ok(match desc {
        Desc::Bool => (memory.read_u8(at)? != 0).to_string(),
        Desc::U8 => memory.read_u8(at)?.to_string(),
        Desc::I8 => memory.read_u8(at)?.cast_signed().to_string(),
        Desc::U16 => memory.read_u16(at)?.to_string(),
        Desc::I16 => memory.read_u16(at)?.cast_signed().to_string(),
        Desc::U32 => memory.read_u32(at)?.to_string(),
        Desc::I32 => memory.read_u32(at)?.cast_signed().to_string(),
        Desc::U64 => memory.read_u64(at)?.to_string(),
        Desc::I64 => memory.read_u64(at)?.cast_signed().to_string(),
        Desc::F32 => f32::from_bits(memory.read_u32(at)?).to_string(),
        Desc::F64 => f64::from_bits(memory.read_u64(at)?).to_string(),
        Desc::Duration => duration(memory.read_u64(at)?.cast_signed()),
        Desc::Agent | Desc::Capability | Desc::Region => alloc::format!("handle {:#x}", memory.read_u64(at)?),
        Desc::Str | Desc::Bytes | Desc::Array(_) | Desc::Map(..) => {
            block(memory, desc, u64::from(memory.read_u32(at)?))?
        }
        Desc::Fixed(count, element) => elements(memory, element, *count, at)?,
        Desc::Struct(fields) => alloc::format!("{{{}}}", sequence(memory, fields, at)?),
        Desc::Optional(value) => match memory.read_u32(at)? {
            0 => String::from("none"),
            _ => shown(memory, value, at.saturating_add(payload(core::iter::once(value.as_ref()))))?,
        },
        Desc::Enum(variants) => {
            let number = memory.read_u32(at)?;
            let name = tag(number, variants.len());
            match usize::try_from(number).ok().and_then(|number| variants.get(number)) {
                Some(fields) if !fields.is_empty() => {
                    let at = at.saturating_add(payload(variants.iter().flatten()));
                    alloc::format!("{name} ({})", sequence(memory, fields, at)?)
                }
                _ => name,
            }
        }
        Desc::Outer(_) => String::from("a value that holds values of its own type"),
    })
}

/// Offset of a payload behind its tag of 4 bytes.
fn payload<'d>(fields: impl Iterator<Item = &'d Desc>) -> u64 {
    let align = fields.filter_map(Desc::layout).map(|layout| layout.align).max();
    u64::from(align.unwrap_or(1).max(4))
}

fn sequence(memory: &Memory, fields: &[Desc], at: u64) -> Result<String, MemoryError> {
    let mut layout = Layout::EMPTY;
    let mut out: Vec<String> = Vec::with_capacity(fields.len());
    for field in fields {
        let Some((offset, next)) = field.layout().and_then(|own| layout.append(own)) else { break };
        layout = next;
        out.push(shown(memory, field, at.saturating_add(u64::from(offset)))?);
    }
    Ok(out.join(", "))
}

fn elements(memory: &Memory, element: &Desc, count: u32, start: u64) -> Result<String, MemoryError> {
    let size = element.layout().map_or(0, |layout| u64::from(layout.size));
    let mut out: Vec<String> = Vec::new();
    for index in 0..count.min(MOST) {
        out.push(shown(memory, element, start.saturating_add(u64::from(index).saturating_mul(size)))?);
    }
    if count > MOST {
        out.push(alloc::format!("… {count} in all"));
    }
    Ok(alloc::format!("[{}]", out.join(", ")))
}

/// The entries of the map at `table`, as `flux_abi::table` says how they lie; 0 is the empty one.
fn entries(memory: &Memory, key: &Desc, value: &Desc, table: u64) -> Result<String, MemoryError> {
    let place = || {
        let (_, before) = Layout::EMPTY.append(key.layout()?)?;
        before.append(value.layout()?).map(|(offset, _)| u64::from(offset))
    };
    let Some(offset) = place().filter(|_| table != 0) else { return Ok(String::from("{}")) };
    let count = memory.read_u32(table)?;
    let stride = u64::from(memory.read_u32(table.saturating_add(8))?);
    let first = table.saturating_add(flux_abi::table::ENTRIES);
    let mut out: Vec<String> = Vec::new();
    for index in 0..count.min(MOST) {
        let entry = first.saturating_add(u64::from(index).saturating_mul(stride));
        let key = shown(memory, key, entry)?;
        out.push(alloc::format!("{key}: {}", shown(memory, value, entry.saturating_add(offset))?));
    }
    if count > MOST {
        out.push(alloc::format!("… {count} in all"));
    }
    Ok(alloc::format!("{{{}}}", out.join(", ")))
}

/// A time in the largest unit that gives a whole number.
pub(crate) fn duration(nanoseconds: i64) -> String {
    const UNITS: [(i64, &str); 4] =
        [(60_000_000_000, "min"), (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")];
    let unit = UNITS.iter().find(|(unit, _)| nanoseconds != 0 && nanoseconds.checked_rem(*unit) == Some(0));
    unit.and_then(|(unit, name)| Some(alloc::format!("{}{name}", nanoseconds.checked_div(*unit)?)))
        .unwrap_or_else(|| alloc::format!("{nanoseconds}ns"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_in_the_unit_that_fits() {
        for (nanoseconds, text) in
            [(0, "0ns"), (500_000_000, "500ms"), (90_000_000_000, "90s"), (-1_000, "-1us")]
        {
            assert_eq!(duration(nanoseconds), text);
        }
    }
}
