//! Puts values of parameters into an agent's memory, as the compiler lays them out.

use alloc::vec::Vec;

use flux_abi::select::AllocKind;
use flux_isa::desc::{Desc, Layout};
use flux_vm::{ENTRIES, Memory, index_table, table_slots};

use super::ParameterValue as Value;
use crate::marshal::{MarshalError, TAG, is_inline, is_plain, payload_places, place};

/// Puts a value into memory that lives as long as the agent; gives its register word.
///
/// # Errors
/// The quota does not hold it, or it is not of the type.
pub(crate) fn store(memory: &mut Memory, desc: &Desc, value: &Value) -> Result<u64, MarshalError> {
    if is_inline(desc) {
        let size = desc.layout().ok_or(MarshalError::Unsupported)?.size;
        let at = allocate(memory, u64::from(size))?;
        write(memory, desc, value, at)?;
        return Ok(at);
    }
    word(memory, desc, value)
}

fn allocate(memory: &mut Memory, bytes: u64) -> Result<u64, MarshalError> {
    Ok(u64::from(memory.alloc(AllocKind::State, bytes)?))
}

/// The word of a value that is no aggregate.
fn word(memory: &mut Memory, desc: &Desc, value: &Value) -> Result<u64, MarshalError> {
    Ok(match (desc, value) {
        (Desc::Bool, Value::Bool(value)) => u64::from(*value),
        (Desc::F64, Value::Float(value)) => value.to_bits(),
        #[expect(clippy::cast_possible_truncation, reason = "the value is an f32 exactly")]
        (Desc::F32, Value::Float(value)) => u64::from((*value as f32).to_bits()),
        (Desc::Duration, Value::Duration(value)) => value.cast_unsigned(),
        (Desc::Str, Value::Text(text)) => u64::from(memory.alloc_str(AllocKind::State, text.as_bytes())?),
        (Desc::Bytes, Value::Bytes(bytes)) => u64::from(memory.alloc_str(AllocKind::State, bytes)?),
        (Desc::Array(element), Value::List(values)) => list(memory, element, values)?,
        (Desc::Map(key, value), Value::Map(entries)) => map(memory, (key, value), entries)?,
        (Desc::Enum(_), Value::Variant(tag, _)) => u64::from(*tag),
        (_, Value::Int(value)) => {
            let signed = i64::try_from(*value).map(i64::cast_unsigned);
            signed.or_else(|_| u64::try_from(*value)).map_err(|_| MarshalError::Mismatch)?
        }
        _ => return Err(MarshalError::Mismatch),
    })
}

/// Writes a value to the zeroed place that is its own.
fn write(memory: &mut Memory, desc: &Desc, value: &Value, at: u64) -> Result<(), MarshalError> {
    match (desc, value) {
        (Desc::Fixed(count, element), Value::List(values)) => {
            if usize::try_from(*count) != Ok(values.len()) {
                return Err(MarshalError::Mismatch);
            }
            elements(memory, element, values, at)
        }
        (Desc::Struct(fields), Value::Fields(values)) => {
            let mut layout = Layout::EMPTY;
            for (field, value) in fields.iter().zip(values) {
                let (offset, next) = place(layout, field)?;
                layout = next;
                write(memory, field, value, at.wrapping_add(u64::from(offset)))?;
            }
            Ok(())
        }
        (Desc::Optional(_), Value::Optional(None)) => Ok(memory.write_u32(at, 0)?),
        (Desc::Optional(inner), Value::Optional(Some(value))) => {
            memory.write_u32(at, 1)?;
            let (offset, _) = place(TAG, inner)?;
            write(memory, inner, value, at.wrapping_add(u64::from(offset)))
        }
        (Desc::Enum(variants), Value::Variant(tag, values)) if !is_plain(variants) => {
            memory.write_u32(at, *tag)?;
            let payload = crate::marshal::variant(variants, u64::from(*tag))?;
            let places: Vec<(&Desc, u32)> = payload_places(variants, payload)?;
            for ((desc, offset), value) in places.into_iter().zip(values) {
                write(memory, desc, value, at.wrapping_add(u64::from(offset)))?;
            }
            Ok(())
        }
        (desc, value) => {
            let word = word(memory, desc, value)?.to_le_bytes();
            let size = desc.layout().ok_or(MarshalError::Unsupported)?.size;
            let low = usize::try_from(size).ok().and_then(|size| word.get(..size));
            Ok(memory.write(at, low.ok_or(MarshalError::Unsupported)?)?)
        }
    }
}

fn elements(memory: &mut Memory, element: &Desc, values: &[Value], start: u64) -> Result<(), MarshalError> {
    let size = u64::from(element.layout().ok_or(MarshalError::Unsupported)?.size);
    for (index, value) in (0u64..).zip(values) {
        write(memory, element, value, start.wrapping_add(index.wrapping_mul(size)))?;
    }
    Ok(())
}

fn list(memory: &mut Memory, element: &Desc, values: &[Value]) -> Result<u64, MarshalError> {
    let count = u32::try_from(values.len()).map_err(|_| MarshalError::Quota)?;
    if count == 0 {
        return Ok(0);
    }
    let size = u64::from(element.layout().ok_or(MarshalError::Unsupported)?.size);
    let at = allocate(memory, size.saturating_mul(u64::from(count)).saturating_add(8))?;
    memory.write_u32(at, count)?;
    memory.write_u32(at.wrapping_add(4), count)?;
    elements(memory, element, values, at.wrapping_add(8))?;
    Ok(at)
}

fn map(
    memory: &mut Memory,
    (key, value): (&Desc, &Desc),
    entries: &[(Value, Value)],
) -> Result<u64, MarshalError> {
    let count = u64::try_from(entries.len()).map_err(|_| MarshalError::Quota)?;
    if count == 0 {
        return Ok(0);
    }
    let (offset, stride) = crate::marshal::entry(key, value)?;
    let capacity = count.max(4).next_power_of_two();
    let slots = table_slots(capacity).saturating_mul(4);
    let bytes = capacity.saturating_mul(stride).saturating_add(ENTRIES).saturating_add(slots);
    let at = allocate(memory, bytes)?;
    let width = match key {
        Desc::Str => 0,
        key => u64::from(key.layout().ok_or(MarshalError::Unsupported)?.size),
    };
    for (place, word) in (0u64..).step_by(4).zip([count, capacity, stride, width]) {
        let word = u32::try_from(word).map_err(|_| MarshalError::Quota)?;
        memory.write_u32(at.wrapping_add(place), word)?;
    }
    for (index, (first, second)) in (0u64..).zip(entries) {
        let here = at.wrapping_add(ENTRIES).wrapping_add(index.wrapping_mul(stride));
        write(memory, key, first, here)?;
        write(memory, value, second, here.wrapping_add(offset))?;
    }
    index_table(at, 0, u64::MAX, memory)?;
    Ok(at)
}
