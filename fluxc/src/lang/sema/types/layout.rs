//! Places of values in memory, and the descriptors that tell them to the machine.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::{AGGREGATE_BYTES, DESCRIPTOR_BYTES, Layout, Problem, StructId, TAG_BYTES, Type, TypeId, Types};
use crate::fir::{FloatKind, IntKind};
use flux_abi::limits::TYPE_NESTING;
use flux_isa::desc::Desc;

impl Types<'_> {
    /// The place that a value takes in memory; `None` over [`AGGREGATE_BYTES`] or over the nesting of types.
    #[must_use]
    pub fn layout(&self, id: TypeId) -> Option<Layout> {
        self.layout_within(id, TYPE_NESTING)
    }

    fn layout_within(&self, id: TypeId, depth: usize) -> Option<Layout> {
        let scalar = |size| Some(Layout { size, align: size });
        match self.settled(id) {
            Type::Error | Type::Unit => Some(Layout { size: 0, align: 1 }),
            Type::Bool => scalar(1),
            Type::Int(kind) => scalar(kind.bits() / 8),
            Type::Float(FloatKind::F32)
            | Type::Str
            | Type::List(_)
            | Type::Map(..)
            | Type::Bytes
            | Type::Function(_)
            | Type::Enum(_) => scalar(4),
            Type::Float(FloatKind::F64) | Type::Duration | Type::Ticket | Type::Agent | Type::Capability => {
                scalar(8)
            }
            Type::Array(element, length) => {
                let element = self.layout_within(element, depth.checked_sub(1)?)?;
                let size = element.size.checked_mul(length).filter(|size| *size <= AGGREGATE_BYTES)?;
                Some(Layout { size, align: element.align })
            }
            Type::Struct(_) | Type::Union(_) => {
                let shape = self.shape(id)?;
                (shape.height <= depth).then_some(shape.layout)
            }
            Type::Optional(inner) => {
                let value = self.layout_within(inner, depth.checked_sub(1)?)?;
                // A `none` of which nothing tells the type lies there as that of a bool does.
                let value =
                    if self.settled(inner) == Type::Unit { Layout { size: 1, align: 1 } } else { value };
                let align = value.align.max(TAG_BYTES);
                let end = TAG_BYTES.checked_next_multiple_of(value.align)?.checked_add(value.size)?;
                let size = end.checked_next_multiple_of(align).filter(|size| *size <= AGGREGATE_BYTES)?;
                Some(Layout { size, align })
            }
        }
    }

    /// Offset in an optional of its value, in bytes.
    #[must_use]
    pub fn value_offset(&self, inner: TypeId) -> u32 {
        let align = self.layout(inner).map_or(1, |layout| layout.align);
        TAG_BYTES.checked_next_multiple_of(align).unwrap_or(TAG_BYTES)
    }

    /// Offset of the value in an entry of a map, and the place that an entry takes.
    #[must_use]
    pub fn entry_layout(&self, key: TypeId, value: TypeId) -> Option<(u32, Layout)> {
        let (key, value) = (self.layout(key)?, self.layout(value)?);
        let offset = key.size.checked_next_multiple_of(value.align)?;
        let align = key.align.max(value.align);
        let size = offset.checked_add(value.size)?.checked_next_multiple_of(align)?;
        Some((offset, Layout { size, align }))
    }

    /// Tells whether values of a type can be the keys of a map.
    #[must_use]
    pub fn is_key(&self, ty: TypeId) -> bool {
        matches!(
            self.settled(ty),
            Type::Str | Type::Int(_) | Type::Bool | Type::Duration | Type::Enum(_) | Type::Error
        )
    }

    /// Offset of a struct's field in bytes.
    #[must_use]
    pub fn field_offset(&self, id: StructId, index: u32) -> Option<u32> {
        self.structure(id)?.shape.as_ref()?.offsets.first()?.get(index as usize).copied()
    }

    /// Appends the type descriptor ([`flux_isa::desc`]) of a type; nothing for no value.
    pub fn write_descriptor(&self, id: TypeId, out: &mut String) {
        self.describe(id, out, usize::MAX, &mut Vec::new());
    }

    /// Appends the names of structs, fields, enums and variants in a type as [`flux_isa::shape`] reads
    /// them; the type must not hold itself.
    pub fn write_names(&self, id: TypeId, out: &mut Vec<String>) {
        let parts: Vec<TypeId> = match self.settled(id) {
            Type::Array(inner, _) | Type::List(inner) | Type::Optional(inner) => [inner].into(),
            Type::Map(key, value) => [key, value].into(),
            Type::Struct(row) => {
                let Some(row) = self.structure(row) else { return };
                out.push(row.name.into());
                out.extend(row.fields.iter().map(|field| String::from(field.name)));
                row.fields.iter().map(|field| field.ty).collect()
            }
            Type::Enum(row) | Type::Union(row) => {
                let Some(row) = self.enumeration(row) else { return };
                out.push(row.name.into());
                out.extend(row.variants.iter().map(|variant| String::from(variant.name)));
                row.variants.iter().flat_map(|variant| variant.payload.iter().copied()).collect()
            }
            _ => return,
        };
        for part in parts {
            self.write_names(part, out);
        }
    }

    /// Why there is no descriptor of a type, if there is none.
    pub(in super::super) fn descriptor_problem(&self, id: TypeId) -> Option<Problem> {
        let mut text = String::new();
        self.describe(id, &mut text, DESCRIPTOR_BYTES.saturating_add(1), &mut Vec::new());
        if text.len() > DESCRIPTOR_BYTES {
            return Some(Problem::TooManyFields);
        }
        Desc::parse_list(&text).is_err().then_some(Problem::TooDeep)
    }

    /// Begins nothing more at byte `end`, nor in more structs and enums than types may be nested; `around` are those
    /// that the type stands in.
    fn describe(&self, id: TypeId, out: &mut String, end: usize, around: &mut Vec<Type>) {
        if out.len() >= end || around.len() > TYPE_NESTING {
            return;
        }
        let ty = self.settled(id);
        match ty {
            Type::Error | Type::Unit => {}
            Type::Bool => out.push('b'),
            Type::Int(kind) => out.push(match kind {
                IntKind::I64 => 'l',
                IntKind::I32 => 'w',
                IntKind::I16 => 'h',
                IntKind::I8 => 'c',
                IntKind::U64 => 'L',
                IntKind::U32 => 'W',
                IntKind::U16 => 'H',
                IntKind::U8 => 'C',
            }),
            Type::Float(FloatKind::F32) => out.push('f'),
            Type::Float(FloatKind::F64) => out.push('d'),
            Type::Str => out.push('s'),
            // Nothing that a descriptor is written for holds a function.
            Type::Function(_) => out.push('W'),
            Type::Duration => out.push('t'),
            // No message holds one; State keeps the word of the handle.
            Type::Ticket => out.push('l'),
            Type::Agent => out.push('a'),
            Type::Capability => out.push('k'),
            Type::Array(element, length) => {
                let _ = write!(out, "({length})");
                self.describe(element, out, end, around);
            }
            Type::Optional(inner) => {
                out.push('?');
                if self.settled(inner) == Type::Unit {
                    out.push('b');
                } else {
                    self.describe(inner, out, end, around);
                }
            }
            Type::List(element) => {
                out.push('[');
                self.describe(element, out, end, around);
            }
            Type::Map(key, value) => {
                out.push('m');
                self.describe(key, out, end, around);
                self.describe(value, out, end, around);
            }
            Type::Bytes => out.push('y'),
            Type::Struct(id) => {
                if let Some(up) = around.iter().rev().position(|outer| *outer == ty) {
                    let _ = write!(out, "^{up};");
                    return;
                }
                around.push(ty);
                out.push('{');
                for field in self.structure(id).map_or(&[][..], |row| &row.fields) {
                    self.describe(field.ty, out, end, around);
                }
                out.push('}');
                around.pop();
            }
            Type::Enum(id) | Type::Union(id) => {
                if let Some(up) = around.iter().rev().position(|outer| *outer == ty) {
                    let _ = write!(out, "^{up};");
                    return;
                }
                around.push(ty);
                out.push('<');
                let variants = self.enumeration(id).map_or(&[][..], |row| &row.variants);
                for (index, variant) in variants.iter().enumerate() {
                    if index > 0 {
                        out.push('|');
                    }
                    for ty in &variant.payload {
                        self.describe(*ty, out, end, around);
                    }
                }
                out.push('>');
                around.pop();
            }
        }
    }
}
