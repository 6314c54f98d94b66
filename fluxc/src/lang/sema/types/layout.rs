//! Places of values in memory, and the descriptors that tell them to the machine.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::{AGGREGATE_BYTES, DESCRIPTOR_BYTES, Layout, Problem, StructId, TAG_BYTES, Type, TypeId, Types};
use crate::fir::{FloatKind, IntKind};
use flux_abi::limits::TYPE_NESTING;

/// A descriptor that is being written.
struct Description<'o> {
    out: &'o mut String,
    /// Where it is long enough.
    end: usize,
    /// Structs and enums that the type at hand stands in.
    around: Vec<Type>,
    /// Types that the type at hand stands in, and the most that there were, the innermost included.
    depth: usize,
    deepest: usize,
}

impl Types<'_> {
    /// The place that a value takes in memory; `None` over [`AGGREGATE_BYTES`] or over the nesting of types.
    #[must_use]
    pub fn layout(&self, id: TypeId) -> Option<Layout> {
        self.layout_within(id, TYPE_NESTING)
    }

    fn layout_within(&self, id: TypeId, depth: usize) -> Option<Layout> {
        let scalar = |size| Some(Layout { size, align: size });
        let inside = depth.checked_sub(1)?;
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
            Type::Float(FloatKind::F64)
            | Type::Duration
            | Type::Ticket
            | Type::Agent
            | Type::Capability
            | Type::Region => scalar(8),
            Type::Array(element, length) => {
                let element = self.layout_within(element, inside)?;
                let size = element.size.checked_mul(length).filter(|size| *size <= AGGREGATE_BYTES)?;
                Some(Layout { size, align: element.align })
            }
            Type::Struct(_) | Type::Union(_) => {
                let shape = self.shape(id)?;
                (shape.levels <= depth).then_some(shape.layout)
            }
            Type::Optional(inner) => {
                let value = self.layout_within(inner, inside)?;
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
        self.describe(
            id,
            &mut Description { out, end: usize::MAX, around: Vec::new(), depth: 0, deepest: 0 },
        );
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

    /// Levels of types in each other of the descriptor of a declared type, if it can have one.
    pub(super) fn measured(&self, id: TypeId) -> Result<usize, Problem> {
        let mut out = String::new();
        let end = DESCRIPTOR_BYTES.saturating_add(1);
        let mut to = Description { out: &mut out, end, around: Vec::new(), depth: 0, deepest: 0 };
        self.describe(id, &mut to);
        let deepest = to.deepest;
        if out.len() > DESCRIPTOR_BYTES {
            return Err(Problem::TooManyFields);
        }
        if deepest > TYPE_NESTING { Err(Problem::TooDeep) } else { Ok(deepest) }
    }

    /// Levels of types in each other that a type has, the type of a plain value included.
    #[must_use]
    pub fn levels(&self, id: TypeId) -> usize {
        match self.settled(id) {
            Type::Array(inner, _) | Type::List(inner) | Type::Optional(inner) | Type::Map(_, inner) => {
                self.levels(inner).saturating_add(1)
            }
            _ => self.shape(id).map_or(1, |shape| shape.levels),
        }
    }

    /// Begins nothing more behind the end, nor deeper than types may be nested.
    fn describe(&self, id: TypeId, to: &mut Description<'_>) {
        to.deepest = to.deepest.max(to.depth.saturating_add(1));
        if to.out.len() >= to.end || to.depth >= TYPE_NESTING {
            return;
        }
        let ty = self.settled(id);
        if let Some(up) = to.around.iter().rev().position(|outer| *outer == ty) {
            let _ = write!(to.out, "^{up};");
            return;
        }
        to.depth = to.depth.saturating_add(1);
        match ty {
            Type::Error | Type::Unit => {}
            Type::Bool => to.out.push('b'),
            Type::Int(kind) => to.out.push(match kind {
                IntKind::I64 => 'l',
                IntKind::I32 => 'w',
                IntKind::I16 => 'h',
                IntKind::I8 => 'c',
                IntKind::U64 => 'L',
                IntKind::U32 => 'W',
                IntKind::U16 => 'H',
                IntKind::U8 => 'C',
            }),
            Type::Float(FloatKind::F32) => to.out.push('f'),
            Type::Float(FloatKind::F64) => to.out.push('d'),
            Type::Str => to.out.push('s'),
            // Nothing that a descriptor is written for holds a function.
            Type::Function(_) => to.out.push('W'),
            Type::Duration => to.out.push('t'),
            // No message holds one; State keeps the word of the handle.
            Type::Ticket => to.out.push('l'),
            Type::Agent => to.out.push('a'),
            Type::Capability => to.out.push('k'),
            Type::Region => to.out.push('r'),
            Type::Array(element, length) => {
                let _ = write!(to.out, "({length})");
                self.describe(element, to);
            }
            Type::Optional(inner) => {
                to.out.push('?');
                if self.settled(inner) == Type::Unit {
                    to.out.push('b');
                } else {
                    self.describe(inner, to);
                }
            }
            Type::List(element) => {
                to.out.push('[');
                self.describe(element, to);
            }
            Type::Map(key, value) => {
                to.out.push('m');
                self.describe(key, to);
                self.describe(value, to);
            }
            Type::Bytes => to.out.push('y'),
            Type::Struct(id) => {
                to.around.push(ty);
                to.out.push('{');
                for field in self.structure(id).map_or(&[][..], |row| &row.fields) {
                    self.describe(field.ty, to);
                }
                to.out.push('}');
                to.around.pop();
            }
            Type::Enum(id) | Type::Union(id) => {
                to.around.push(ty);
                to.out.push('<');
                let variants = self.enumeration(id).map_or(&[][..], |row| &row.variants);
                for (index, variant) in variants.iter().enumerate() {
                    if index > 0 {
                        to.out.push('|');
                    }
                    for ty in &variant.payload {
                        self.describe(*ty, to);
                    }
                }
                to.out.push('>');
                to.around.pop();
            }
        }
        to.depth = to.depth.saturating_sub(1);
    }
}
