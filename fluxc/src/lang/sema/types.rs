//! The types of the language, their unification and their layout in memory.
//!
//! A [`TypeId`] is either a row of the type table or an inference variable. Variables
//! stand for what the document leaves open: the type of a parameter, of an integer
//! literal, of an answer. [`Types::unify`] makes two types equal; what is still free at
//! the end takes its default ([`Types::settle`]).
//!
//! # Invariants
//! 1. Rows are interned: equal types without variables have equal numbers.
//! 2. A bound variable never leads back to itself, so [`Types::resolve`] ends.
//! 3. `Error` unifies with everything, so that one mistake is reported once.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;

use hashbrown::HashMap;

use crate::fir::{FloatKind, IntKind};
use crate::span::Span;
use flux_abi::limits::TYPE_NESTING;

/// A type or an inference variable.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TypeId(u32);

const VARIABLE: u32 = 1 << 31;

/// Number of a struct of the document.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StructId(pub u32);

/// Number of an enum of the document.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EnumId(pub u32);

/// A type.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Type {
    /// A mistake was reported; goes with everything.
    Error,
    /// No value.
    Unit,
    /// `bool`.
    Bool,
    /// The integers; `int` is `i64`.
    Int(IntKind),
    /// `f32`, `f64`.
    Float(FloatKind),
    /// `str`.
    Str,
    /// `duration`, nanoseconds.
    Duration,
    /// What `DELEGATE … as t` binds until `Wait for t`.
    Ticket,
    /// `[T; n]`.
    Array(TypeId, u32),
    /// A struct.
    Struct(StructId),
    /// An enum without payloads.
    Enum(EnumId),
}

/// What a free variable may become; later ones say more.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Open {
    /// Anything.
    Any,
    /// The type of an integer literal: any integer or float; `int` if nothing says more.
    Integer,
    /// The type of a literal with a point: `f64` or `f32`; `f64` if nothing says more.
    Float,
}

#[derive(Clone, Copy, Debug)]
enum Variable {
    /// With an upper bound of the length of the chains that end here, which joining by length
    /// keeps logarithmic.
    Free(Open, u8),
    Bound(TypeId),
}

/// A field of a struct.
#[derive(Clone, Copy, Debug)]
pub struct Field<'s> {
    /// Its name.
    pub name: &'s str,
    /// Its type.
    pub ty: TypeId,
}

/// A struct.
#[derive(Clone, Debug)]
pub struct Struct<'s> {
    /// Its name.
    pub name: &'s str,
    /// Where it is declared.
    pub span: Span,
    /// Its fields in order.
    pub fields: Vec<Field<'s>>,
}

/// An enum.
#[derive(Clone, Debug)]
pub struct Enum<'s> {
    /// Its name.
    pub name: &'s str,
    /// Where it is declared.
    pub span: Span,
    /// Its variants in order; the tag is the position.
    pub variants: Vec<&'s str>,
}

/// Place that a value takes in memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Layout {
    /// Bytes, a multiple of `align`.
    pub size: u32,
    /// 1, 2, 4 or 8.
    pub align: u32,
}

/// Largest aggregate in bytes.
pub const AGGREGATE_BYTES: u32 = 64 << 20;

/// The type table of a document.
#[derive(Clone, Debug)]
pub struct Types<'s> {
    rows: Vec<Type>,
    interned: HashMap<Type, TypeId>,
    variables: Vec<Variable>,
    structs: Vec<Struct<'s>>,
    enums: Vec<Enum<'s>>,
}

macro_rules! fixed {
    ($($name:ident = $number:literal, $ty:expr;)*) => {
        impl TypeId {
            $(#[doc = concat!("`", stringify!($name), "`.")] pub const $name: Self = Self($number);)*
        }
        const FIXED: &[Type] = &[$($ty),*];
    };
}

fixed! {
    ERROR = 0, Type::Error;
    UNIT = 1, Type::Unit;
    BOOL = 2, Type::Bool;
    I8 = 3, Type::Int(IntKind::I8);
    I16 = 4, Type::Int(IntKind::I16);
    I32 = 5, Type::Int(IntKind::I32);
    I64 = 6, Type::Int(IntKind::I64);
    U8 = 7, Type::Int(IntKind::U8);
    U16 = 8, Type::Int(IntKind::U16);
    U32 = 9, Type::Int(IntKind::U32);
    U64 = 10, Type::Int(IntKind::U64);
    F32 = 11, Type::Float(FloatKind::F32);
    F64 = 12, Type::Float(FloatKind::F64);
    STR = 13, Type::Str;
    DURATION = 14, Type::Duration;
    TICKET = 15, Type::Ticket;
}

impl Default for Types<'_> {
    fn default() -> Self {
        let mut types = Self {
            rows: Vec::new(),
            interned: HashMap::new(),
            variables: Vec::new(),
            structs: Vec::new(),
            enums: Vec::new(),
        };
        for ty in FIXED {
            types.intern(*ty);
        }
        types
    }
}

fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(VARIABLE.saturating_sub(1)).min(VARIABLE.saturating_sub(1))
}

impl<'s> Types<'s> {
    /// The built-in type of that name.
    #[must_use]
    pub fn builtin(name: &str) -> Option<TypeId> {
        Some(match name {
            "int" | "i64" => TypeId::I64,
            "f64" => TypeId::F64,
            "bool" => TypeId::BOOL,
            "str" => TypeId::STR,
            "duration" => TypeId::DURATION,
            "i8" => TypeId::I8,
            "i16" => TypeId::I16,
            "i32" => TypeId::I32,
            "u8" => TypeId::U8,
            "u16" => TypeId::U16,
            "u32" => TypeId::U32,
            "u64" => TypeId::U64,
            "f32" => TypeId::F32,
            _ => return None,
        })
    }

    /// The number of a type.
    pub fn intern(&mut self, ty: Type) -> TypeId {
        if let Some(id) = self.interned.get(&ty) {
            return *id;
        }
        let id = TypeId(number(self.rows.len()));
        self.rows.push(ty);
        self.interned.insert(ty, id);
        id
    }

    /// A fresh variable.
    pub fn variable(&mut self, open: Open) -> TypeId {
        let id = TypeId(number(self.variables.len()) | VARIABLE);
        self.variables.push(Variable::Free(open, 0));
        id
    }

    /// Adds a struct, at first without fields.
    pub fn add_struct(&mut self, name: &'s str, span: Span) -> (StructId, TypeId) {
        let id = StructId(number(self.structs.len()));
        self.structs.push(Struct { name, span, fields: Vec::new() });
        (id, self.intern(Type::Struct(id)))
    }

    /// Gives a struct its fields.
    pub fn set_fields(&mut self, id: StructId, fields: Vec<Field<'s>>) {
        if let Some(row) = self.structs.get_mut(id.0 as usize) {
            row.fields = fields;
        }
    }

    /// Adds an enum.
    pub fn add_enum(&mut self, name: &'s str, span: Span, variants: Vec<&'s str>) -> TypeId {
        let id = EnumId(number(self.enums.len()));
        self.enums.push(Enum { name, span, variants });
        self.intern(Type::Enum(id))
    }

    /// A struct of the document.
    #[must_use]
    pub fn structure(&self, id: StructId) -> Option<&Struct<'s>> {
        self.structs.get(id.0 as usize)
    }

    /// Number of structs.
    #[must_use]
    pub fn struct_count(&self) -> u32 {
        number(self.structs.len())
    }

    /// An enum of the document.
    #[must_use]
    pub fn enumeration(&self, id: EnumId) -> Option<&Enum<'s>> {
        self.enums.get(id.0 as usize)
    }

    /// The end of a chain of bound variables: a row or a free variable.
    #[must_use]
    pub fn resolve(&self, mut id: TypeId) -> TypeId {
        while id.0 & VARIABLE != 0 {
            match self.variables.get((id.0 & !VARIABLE) as usize) {
                Some(Variable::Bound(next)) => id = *next,
                _ => break,
            }
        }
        id
    }

    /// The type, or what it may still become.
    pub fn get(&self, id: TypeId) -> Result<Type, Open> {
        let id = self.resolve(id);
        if id.0 & VARIABLE == 0 {
            return Ok(self.rows.get(id.0 as usize).copied().unwrap_or(Type::Error));
        }
        match self.variables.get((id.0 & !VARIABLE) as usize) {
            Some(Variable::Free(open, _)) => Err(*open),
            _ => Ok(Type::Error),
        }
    }

    /// The type with defaults for what is free: `int`, `f64`, and no value for what nothing fixes.
    #[must_use]
    pub fn settled(&self, id: TypeId) -> Type {
        match self.get(id) {
            Ok(ty) => ty,
            Err(Open::Integer) => Type::Int(IntKind::I64),
            Err(Open::Float) => Type::Float(FloatKind::F64),
            Err(Open::Any) => Type::Unit,
        }
    }

    /// Binds a free literal variable to its default.
    pub fn settle(&mut self, id: TypeId) {
        let id = self.resolve(id);
        match self.get(id) {
            Err(Open::Integer) => self.bind(id, TypeId::I64),
            Err(Open::Float) => self.bind(id, TypeId::F64),
            _ => {}
        }
    }

    fn bind(&mut self, variable: TypeId, to: TypeId) {
        if let Some(slot) = self.variables.get_mut((variable.0 & !VARIABLE) as usize) {
            *slot = Variable::Bound(to);
        }
    }

    /// Makes two types equal. `false` if they cannot be.
    pub fn unify(&mut self, a: TypeId, b: TypeId) -> bool {
        let (a, b) = (self.resolve(a), self.resolve(b));
        if a == b {
            return true;
        }
        match (self.get(a), self.get(b)) {
            (Ok(Type::Error), _) | (_, Ok(Type::Error)) => true,
            (Ok(Type::Array(x, n)), Ok(Type::Array(y, m))) => n == m && self.unify(x, y),
            (Ok(_), Ok(_)) => false,
            (Err(open), Ok(ty)) => self.bind_to(a, open, b, ty),
            (Ok(ty), Err(open)) => self.bind_to(b, open, a, ty),
            (Err(x), Err(y)) => {
                self.join(a, b, x.max(y));
                true
            }
        }
    }

    /// Binds one of two free variables to the other, which then may become `open`.
    fn join(&mut self, a: TypeId, b: TypeId, open: Open) {
        let length = |id: TypeId| match self.variables.get((id.0 & !VARIABLE) as usize) {
            Some(Variable::Free(_, length)) => *length,
            _ => 0,
        };
        let (long, short) = (length(a), length(b));
        let (root, other) = if long >= short { (a, b) } else { (b, a) };
        let grown = long.max(short.saturating_add(u8::from(long == short)));
        if let Some(slot) = self.variables.get_mut((root.0 & !VARIABLE) as usize) {
            *slot = Variable::Free(open, grown);
        }
        self.bind(other, root);
    }

    fn bind_to(&mut self, variable: TypeId, open: Open, to: TypeId, ty: Type) -> bool {
        let fits = match open {
            Open::Any => !self.mentions(to, variable),
            Open::Integer => matches!(ty, Type::Int(_) | Type::Float(_)),
            Open::Float => matches!(ty, Type::Float(_)),
        };
        if fits {
            self.bind(variable, to);
        }
        fits
    }

    fn mentions(&self, ty: TypeId, variable: TypeId) -> bool {
        let mut at = self.resolve(ty);
        loop {
            if at == variable {
                return true;
            }
            match self.get(at) {
                Ok(Type::Array(element, _)) => at = self.resolve(element),
                _ => return false,
            }
        }
    }

    /// The type as the language writes it.
    #[must_use]
    pub fn name(&self, id: TypeId) -> String {
        match self.get(id) {
            Err(Open::Any) => "a type that nothing fixes yet".to_string(),
            _ => self.type_name(self.settled(id)),
        }
    }

    fn type_name(&self, ty: Type) -> String {
        match ty {
            Type::Error => "a type with an error".to_string(),
            Type::Unit => "nothing".to_string(),
            Type::Bool => "bool".to_string(),
            Type::Int(IntKind::I64) => "int".to_string(),
            Type::Int(kind) => kind.name().to_string(),
            Type::Float(kind) => kind.name().to_string(),
            Type::Str => "str".to_string(),
            Type::Duration => "duration".to_string(),
            Type::Ticket => "a ticket".to_string(),
            Type::Array(element, length) => {
                let mut text = String::from("[");
                text.push_str(&self.name(element));
                let _ = write!(text, "; {length}]");
                text
            }
            Type::Struct(id) => self.structure(id).map_or("", |row| row.name).to_string(),
            Type::Enum(id) => self.enumeration(id).map_or("", |row| row.name).to_string(),
        }
    }

    /// Tells whether values of the type are held by address and copied when assigned.
    #[must_use]
    pub fn is_aggregate(&self, id: TypeId) -> bool {
        matches!(self.settled(id), Type::Array(..) | Type::Struct(_))
    }

    /// Tells whether a value of the type holds text, whose bytes live elsewhere.
    #[must_use]
    pub fn holds_text(&self, id: TypeId) -> bool {
        match self.settled(id) {
            Type::Str => true,
            Type::Array(element, _) => self.holds_text(element),
            Type::Struct(id) => {
                self.structure(id).is_some_and(|row| row.fields.iter().any(|field| self.holds_text(field.ty)))
            }
            _ => false,
        }
    }

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
            Type::Float(FloatKind::F32) | Type::Str | Type::Enum(_) => scalar(4),
            Type::Float(FloatKind::F64) | Type::Duration | Type::Ticket => scalar(8),
            Type::Array(element, length) => {
                let element = self.layout_within(element, depth.checked_sub(1)?)?;
                let size = element.size.checked_mul(length).filter(|size| *size <= AGGREGATE_BYTES)?;
                Some(Layout { size, align: element.align })
            }
            Type::Struct(id) => {
                let depth = depth.checked_sub(1)?;
                let (mut size, mut align) = (0u32, 1u32);
                for field in &self.structure(id)?.fields {
                    let field = self.layout_within(field.ty, depth)?;
                    size = size.checked_next_multiple_of(field.align)?.checked_add(field.size)?;
                    align = align.max(field.align);
                }
                let size = size.checked_next_multiple_of(align).filter(|size| *size <= AGGREGATE_BYTES)?;
                Some(Layout { size, align })
            }
        }
    }

    /// Offset of a struct's field in bytes.
    #[must_use]
    pub fn field_offset(&self, id: StructId, index: u32) -> Option<u32> {
        let mut at = 0u32;
        for (position, field) in self.structure(id)?.fields.iter().enumerate() {
            let layout = self.layout(field.ty)?;
            at = at.checked_next_multiple_of(layout.align)?;
            if position == index as usize {
                return Some(at);
            }
            at = at.checked_add(layout.size)?;
        }
        None
    }

    /// Appends the type descriptor ([`flux_isa::desc`]) of a type; nothing for no value.
    pub fn write_descriptor(&self, id: TypeId, out: &mut String) {
        match self.settled(id) {
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
            Type::Duration => out.push('t'),
            Type::Ticket => out.push('l'),
            Type::Array(element, length) => {
                let _ = write!(out, "({length})");
                self.write_descriptor(element, out);
            }
            Type::Struct(id) => {
                out.push('{');
                for field in self.structure(id).map_or(&[][..], |row| &row.fields) {
                    self.write_descriptor(field.ty, out);
                }
                out.push('}');
            }
            Type::Enum(id) => {
                out.push('<');
                for _ in self.enumeration(id).map_or(&[][..], |row| &row.variants).iter().skip(1) {
                    out.push('|');
                }
                out.push('>');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_takes_the_type_of_what_it_meets() {
        let mut types = Types::default();
        let literal = types.variable(Open::Integer);
        assert!(types.unify(literal, TypeId::U8));
        assert_eq!(types.settled(literal), Type::Int(IntKind::U8));
        assert!(!types.unify(literal, TypeId::F64));
        let other = types.variable(Open::Integer);
        let point = types.variable(Open::Float);
        assert!(types.unify(other, point));
        assert_eq!(types.settled(other), Type::Float(FloatKind::F64));
        assert!(!types.unify(other, TypeId::I64));
        let text = types.variable(Open::Integer);
        assert!(!types.unify(text, TypeId::STR));
        assert!(!types.unify(TypeId::DURATION, text));
    }

    #[test]
    fn a_parameter_joins_all_its_uses() {
        let mut types = Types::default();
        let (a, b) = (types.variable(Open::Any), types.variable(Open::Any));
        assert!(types.unify(a, b));
        assert!(types.unify(b, TypeId::F64));
        assert_eq!(types.settled(a), Type::Float(FloatKind::F64));
        assert!(!types.unify(a, TypeId::STR));
    }

    /// A chain as long as the document made a document of `Set x to 1` take quadratic time.
    #[test]
    fn variables_joined_in_any_order_stay_a_few_steps_from_their_end() {
        for order in [false, true] {
            let mut types = Types::default();
            let ids: Vec<TypeId> = (0..10_000).map(|_| types.variable(Open::Any)).collect();
            for pair in ids.windows(2) {
                let (a, b) = if order { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
                assert!(types.unify(a, b));
            }
            let steps = |mut id: TypeId| {
                let mut steps = 0;
                while let Some(Variable::Bound(next)) = types.variables.get((id.0 & !VARIABLE) as usize) {
                    id = *next;
                    steps += 1;
                }
                steps
            };
            assert!(ids.iter().all(|id| steps(*id) <= 14));
        }
    }

    #[test]
    fn fields_stand_at_their_natural_alignment_and_the_size_is_rounded() {
        let mut types = Types::default();
        let (id, ty) = types.add_struct("S", Span::default());
        let field = |name, ty| Field { name, ty };
        types.set_fields(
            id,
            [field("a", TypeId::U8), field("b", TypeId::F64), field("c", TypeId::I16)].into(),
        );
        assert_eq!(types.layout(ty), Some(Layout { size: 24, align: 8 }));
        assert_eq!([0, 1, 2, 3].map(|at| types.field_offset(id, at)), [Some(0), Some(8), Some(16), None]);
        let pair = types.intern(Type::Array(ty, 2));
        let mut text = String::new();
        types.write_descriptor(pair, &mut text);
        assert_eq!(text, "(2){Cdh}");
        let huge = types.intern(Type::Array(ty, u32::MAX));
        assert_eq!(types.layout(huge), None);
    }

    #[test]
    fn a_struct_that_holds_itself_has_no_layout() {
        let mut types = Types::default();
        let (id, ty) = types.add_struct("S", Span::default());
        types.set_fields(id, [Field { name: "s", ty }].into());
        assert_eq!(types.layout(ty), None);
    }
}
