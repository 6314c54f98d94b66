//! The constants of a module: texts, message forms, constant arrays and structs.
//!
//! # Invariants
//! 1. Offset 0 is no value: the first eight bytes are zero, and the empty text is offset 0.
//! 2. Equal texts and equal forms are there once.

use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::table;
use hashbrown::HashMap;

use crate::fir::Module;
use crate::lang::sema::tree::Value;
use crate::lang::sema::types::{Type, TypeId, Types};

/// What makes a message form: offsets of its texts, and its deadline.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct FormKey {
    name: u32,
    arguments: u32,
    result: u32,
    deadline_ns: i64,
}

/// Offsets of what is in the constants already.
#[derive(Debug, Default)]
pub(super) struct Data {
    texts: HashMap<String, u32>,
    forms: HashMap<FormKey, u32>,
}

impl Data {
    /// Starts the constants of a module.
    pub(super) fn begin(module: &mut Module) -> Self {
        module.data.resize(8, 0);
        Self::default()
    }

    /// A text: length, capacity, bytes.
    pub(super) fn text(&mut self, module: &mut Module, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        if let Some(offset) = self.texts.get(text) {
            return *offset;
        }
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let offset = module.add_data(&length.to_le_bytes(), 8);
        module.data.extend_from_slice(&length.to_le_bytes());
        module.data.extend_from_slice(text.as_bytes());
        self.texts.insert(text.into(), offset);
        offset
    }

    /// A message form: name, types of the values, type of the answer, deadline.
    pub(super) fn form(
        &mut self,
        module: &mut Module,
        name: &str,
        arguments: &str,
        result: &str,
        deadline_ns: i64,
    ) -> u32 {
        let key = FormKey {
            name: self.text(module, name),
            arguments: self.text(module, arguments),
            result: self.text(module, result),
            deadline_ns,
        };
        if let Some(offset) = self.forms.get(&key) {
            return *offset;
        }
        let mut bytes = [0u8; 24];
        let words = [key.name, key.arguments, key.result, 0];
        let fields = words.iter().flat_map(|word| word.to_le_bytes());
        for (slot, byte) in bytes.iter_mut().zip(fields.chain(deadline_ns.to_le_bytes())) {
            *slot = byte;
        }
        let offset = module.add_data(&bytes, 8);
        self.forms.insert(key, offset);
        offset
    }

    /// An array of offsets of texts.
    pub(super) fn text_table(&mut self, module: &mut Module, texts: &[&str]) -> u32 {
        let mut bytes = Vec::with_capacity(texts.len().saturating_mul(4));
        for text in texts {
            bytes.extend_from_slice(&self.text(module, text).to_le_bytes());
        }
        module.add_data(&bytes, 8)
    }

    /// An aggregate as it lies in memory; `None` if the value does not have the type.
    pub(super) fn aggregate(
        &mut self,
        module: &mut Module,
        types: &Types<'_>,
        ty: TypeId,
        value: &Value,
    ) -> Option<u32> {
        let layout = types.layout(ty)?;
        let mut bytes = alloc::vec![0; layout.size as usize];
        self.write(module, types, ty, value, &mut bytes)?;
        Some(module.add_data(&bytes, 8))
    }

    /// A growable array or map of data, as it lies in memory: nothing, or a block or table that is full.
    pub(super) fn growable(
        &mut self,
        module: &mut Module,
        types: &Types<'_>,
        ty: TypeId,
        value: &Value,
    ) -> Option<u32> {
        match (types.settled(ty), value) {
            (Type::List(element), Value::Aggregate(values)) => self.block(module, types, element, values),
            (Type::Map(key, value), Value::Map(entries)) => {
                let (offset, place) = types.entry_layout(key, value)?;
                self.table(module, types, (offset, place.size, value), entries)
            }
            _ => None,
        }
    }

    fn block(
        &mut self,
        module: &mut Module,
        types: &Types<'_>,
        element: TypeId,
        values: &[Value],
    ) -> Option<u32> {
        if values.is_empty() {
            return Some(0);
        }
        let size = types.layout(element)?.size as usize;
        let head = super::memory::HEAD as usize;
        let mut bytes = alloc::vec![0; size.checked_mul(values.len())?.checked_add(head)?];
        let length = u32::try_from(values.len()).ok()?;
        put(bytes.get_mut(..4)?, u64::from(length))?;
        put(bytes.get_mut(4..8)?, u64::from(length))?;
        for (slot, value) in bytes.get_mut(head..)?.chunks_exact_mut(size.max(1)).zip(values) {
            self.write(module, types, element, value, slot)?;
        }
        Some(module.add_data(&bytes, 8))
    }

    /// `entry`: offset of the value in an entry, bytes of an entry, type of the value.
    fn table(
        &mut self,
        module: &mut Module,
        types: &Types<'_>,
        entry: (u32, u32, TypeId),
        entries: &[(String, Value)],
    ) -> Option<u32> {
        if entries.is_empty() {
            return Some(0);
        }
        let (offset, stride, ty) = (entry.0 as usize, entry.1 as usize, entry.2);
        let capacity = entries.len().checked_next_power_of_two()?.max(4);
        let head = usize::try_from(table::ENTRIES).ok()?;
        let slots = usize::try_from(table::slots(capacity as u64)).ok()?;
        let first_slot = capacity.checked_mul(stride)?.checked_next_multiple_of(4)?.checked_add(head)?;
        let mut bytes = alloc::vec![0; slots.checked_mul(4)?.checked_add(first_slot)?];
        let words = [entries.len(), capacity, stride, 0];
        for (slot, word) in bytes.chunks_exact_mut(4).zip(words) {
            put(slot, u64::from(u32::try_from(word).ok()?))?;
        }
        let size = types.layout(ty)?.size as usize;
        for (number, (key, value)) in entries.iter().enumerate() {
            let start = number.checked_mul(stride)?.checked_add(head)?;
            put(bytes.get_mut(start..start.checked_add(4)?)?, u64::from(self.text(module, key)))?;
            let at = start.checked_add(offset)?;
            self.write(module, types, ty, value, bytes.get_mut(at..at.checked_add(size)?)?)?;
            enter(bytes.get_mut(first_slot..)?, key, number);
        }
        Some(module.add_data(&bytes, 8))
    }

    fn write(
        &mut self,
        module: &mut Module,
        types: &Types<'_>,
        ty: TypeId,
        value: &Value,
        out: &mut [u8],
    ) -> Option<()> {
        match (types.settled(ty), value) {
            (Type::Array(element, length), Value::Aggregate(values)) => {
                let size = types.layout(element)?.size as usize;
                if values.len() != length as usize || size == 0 {
                    return (values.len() == length as usize).then_some(());
                }
                for (slot, value) in out.chunks_exact_mut(size).zip(values) {
                    self.write(module, types, element, value, slot)?;
                }
                Some(())
            }
            (Type::Array(element, _), Value::Repeat(value, _)) => {
                let size = types.layout(element)?.size as usize;
                if size == 0 {
                    return Some(());
                }
                let (first, rest) = out.split_at_mut_checked(size)?;
                self.write(module, types, element, value, first)?;
                for slot in rest.chunks_exact_mut(size) {
                    slot.copy_from_slice(first);
                }
                Some(())
            }
            (Type::Struct(id), Value::Aggregate(values)) => {
                let fields: Vec<TypeId> = types.structure(id)?.fields.iter().map(|field| field.ty).collect();
                for (index, (field, value)) in fields.iter().zip(values).enumerate() {
                    let start = types.field_offset(id, u32::try_from(index).ok()?)? as usize;
                    let end = start.checked_add(types.layout(*field)?.size as usize)?;
                    self.write(module, types, *field, value, out.get_mut(start..end)?)?;
                }
                Some(())
            }
            (Type::Optional(_) | Type::Union(_), Value::Tagged(tag, values)) => {
                put(out.get_mut(..4)?, u64::from(*tag))?;
                let payloads = types.payloads(ty);
                let Some((_, places)) = payloads.iter().find(|(known, _)| known == tag) else {
                    return Some(());
                };
                for ((ty, offset), value) in places.iter().zip(values) {
                    let start = *offset as usize;
                    let end = start.checked_add(types.layout(*ty)?.size as usize)?;
                    self.write(module, types, *ty, value, out.get_mut(start..end)?)?;
                }
                Some(())
            }
            (Type::List(_) | Type::Map(..), value) => {
                let offset = self.growable(module, types, ty, value)?;
                put(out, u64::from(offset))
            }
            (_, Value::Text(text)) => put(out, u64::from(self.text(module, text))),
            (ty, value) => put(out, scalar_bits(ty, value)?),
        }
    }
}

/// Enters a key into the first free slot from its hash on.
fn enter(slots: &mut [u8], key: &str, number: usize) {
    let count = slots.len() / 4;
    if count == 0 {
        return;
    }
    let first = usize::try_from(table::hash(key.as_bytes()) & (count as u64 - 1)).unwrap_or(0);
    for step in 0..count {
        let at = 4 * ((first + step) & (count - 1));
        if let Some(slot) = slots.get_mut(at..at + 4)
            && slot == [0; 4]
        {
            let _ = put(slot, number as u64 + 1);
            return;
        }
    }
}

/// The low bytes of `word`.
fn put(out: &mut [u8], word: u64) -> Option<()> {
    for (slot, byte) in out.iter_mut().zip(word.to_le_bytes()) {
        *slot = byte;
    }
    Some(())
}

/// The word of a scalar value; `None` for what is no scalar or a text.
pub(super) fn scalar_bits(ty: Type, value: &Value) -> Option<u64> {
    use crate::fir::FloatKind;
    Some(match (ty, value) {
        #[expect(clippy::cast_possible_truncation, reason = "the range was checked; bits are kept")]
        (Type::Int(_) | Type::Enum(_), Value::Int(value)) => *value as u64,
        #[expect(clippy::cast_possible_truncation, reason = "the value is an f32 exactly")]
        (Type::Float(FloatKind::F32), Value::Float(value)) => {
            let value = *value as f32;
            u64::from(if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() })
        }
        (Type::Float(FloatKind::F64), Value::Float(value)) => {
            if value.is_nan() {
                0x7ff8_0000_0000_0000
            } else {
                value.to_bits()
            }
        }
        (Type::Bool, Value::Bool(value)) => u64::from(*value),
        (Type::Duration, Value::Duration(value)) => value.cast_unsigned(),
        _ => return None,
    })
}
