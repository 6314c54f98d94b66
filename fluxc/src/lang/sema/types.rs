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

mod layout;
mod shape;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;

use hashbrown::{HashMap, HashSet};

use crate::fir::{FloatKind, IntKind};
use crate::span::Span;

/// A type or an inference variable.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TypeId(u32);

/// Of the numbers from here on each is one of a variable.
const VARIABLE: u32 = 0x8000_0000;

/// Number of a struct of the document.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StructId(pub u32);

/// Number of an enum of the document.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EnumId(pub u32);

/// Number of a function type.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SignatureId(u32);

/// What a function takes and gives.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Signature {
    /// Types of the parameters.
    pub params: Vec<TypeId>,
    /// Type of the result; [`TypeId::UNIT`] for none.
    pub ret: TypeId,
}

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
    /// A handle of another agent; 0 is nobody.
    Agent,
    /// A handle of a device, with the rights that whoever made it chose; 0 is none.
    Capability,
    /// A handle of a memory region, with the rights that whoever passed it on chose; 0 is none.
    Region,
    /// `[T; n]`.
    Array(TypeId, u32),
    /// `[T]`.
    List(TypeId),
    /// `map[K]V`.
    Map(TypeId, TypeId),
    /// `bytes`.
    Bytes,
    /// A struct.
    Struct(StructId),
    /// An enum without payloads: the tag alone.
    Enum(EnumId),
    /// An enum of which a variant has a payload: a tag and the payload.
    Union(EnumId),
    /// `fn(A) -> B`: the address of a function number and what it captured.
    Function(SignatureId),
    /// `T?`: a tag, 0 for none and 1 for a value, and the value.
    Optional(TypeId),
}

impl Type {
    /// Tells whether values of the type are held by address and copied when assigned.
    #[must_use]
    pub fn is_aggregate(self) -> bool {
        matches!(self, Self::Array(..) | Self::Struct(_) | Self::Optional(_) | Self::Union(_))
    }
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
    /// Known once [`Types::settle_declared`] has looked at all declared types.
    shape: Option<Shape>,
}

/// What a declared type looks like in memory and in a descriptor.
#[derive(Clone, Debug)]
struct Shape {
    layout: Layout,
    /// Offsets in bytes of the fields, or of the payload of each variant.
    offsets: Vec<Vec<u32>>,
    /// As [`Types::levels`].
    levels: usize,
    owns: Owns,
    holds_function: bool,
}

/// What a value has in memory of its own, outside the place that it is in.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Owns {
    /// Nothing: its bytes are all of it.
    Nothing,
    /// Texts, which never change and may be shared.
    Texts,
    /// Arrays, maps or bytes that can change: each value has its own.
    Blocks,
}

/// Why a declared type cannot be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Problem {
    /// It is over [`AGGREGATE_BYTES`], or holds itself.
    TooLarge,
    /// It is over the nesting of types.
    TooDeep,
    /// It and the types in it have too many fields for a descriptor of [`DESCRIPTOR_BYTES`].
    TooManyFields,
}

/// Longest descriptor of a declared type in bytes.
pub const DESCRIPTOR_BYTES: usize = 4_096;

/// A variant of an enum.
#[derive(Clone, Debug)]
pub struct Variant<'s> {
    /// Its name.
    pub name: &'s str,
    /// Types of its payload.
    pub payload: Vec<TypeId>,
}

/// An enum.
#[derive(Clone, Debug)]
pub struct Enum<'s> {
    /// Its name.
    pub name: &'s str,
    /// Where it is declared.
    pub span: Span,
    /// Its variants in order; the tag is the position.
    pub variants: Vec<Variant<'s>>,
    /// As that of a struct; none is needed without payloads.
    shape: Option<Shape>,
}

/// A type with a name and a shape of its own: a number of a struct, or behind those of an enum.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Declared(u32);

/// Whether a variant of an enum has a payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Payloads {
    /// None has.
    None,
    /// One at least has.
    Some,
}

/// Place that a value takes in memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Layout {
    /// Bytes, a multiple of `align`.
    pub size: u32,
    /// 1, 2, 4 or 8.
    pub align: u32,
}

/// Bytes of the tag of an optional or an enum with payloads.
const TAG_BYTES: u32 = 4;

/// Largest aggregate in bytes.
pub const AGGREGATE_BYTES: u32 = 0x400_0000;

/// The type table of a document.
#[derive(Clone, Debug)]
pub struct Types<'s> {
    rows: Vec<Type>,
    interned: HashMap<Type, TypeId>,
    variables: Vec<Variable>,
    structs: Vec<Struct<'s>>,
    enums: Vec<Enum<'s>>,
    signatures: Vec<Signature>,
    signature_index: HashMap<Signature, SignatureId>,
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
    BYTES = 16, Type::Bytes;
    AGENT = 17, Type::Agent;
    CAPABILITY = 18, Type::Capability;
    REGION = 19, Type::Region;
}

impl Default for Types<'_> {
    fn default() -> Self {
        let mut types = Self {
            rows: Vec::new(),
            interned: HashMap::new(),
            variables: Vec::new(),
            structs: Vec::new(),
            enums: Vec::new(),
            signatures: Vec::new(),
            signature_index: HashMap::new(),
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
            "bytes" => TypeId::BYTES,
            "duration" => TypeId::DURATION,
            "agent" => TypeId::AGENT,
            "capability" => TypeId::CAPABILITY,
            "region" => TypeId::REGION,
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

    /// Bytes that the tables take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let list = |count: usize, size: usize| count.saturating_mul(size);
        let members = size_of::<Field<'s>>().saturating_add(size_of::<u32>()).saturating_mul(4);
        list(self.rows.capacity(), size_of::<Type>())
            .saturating_add(list(self.interned.capacity(), size_of::<(Type, TypeId)>().saturating_add(1)))
            .saturating_add(list(self.variables.capacity(), size_of::<Variable>()))
            .saturating_add(list(self.structs.capacity(), size_of::<Struct<'s>>().saturating_add(members)))
            .saturating_add(list(self.enums.capacity(), size_of::<Enum<'s>>().saturating_add(members)))
            // A signature is there twice, with its parameters.
            .saturating_add(list(self.signatures.capacity(), size_of::<Signature>().saturating_mul(4)))
    }

    /// The type of functions that take and give this.
    pub fn function(&mut self, params: Vec<TypeId>, ret: TypeId) -> TypeId {
        let signature = Signature { params, ret };
        let id = match self.signature_index.get(&signature) {
            Some(id) => *id,
            None => {
                let id = SignatureId(number(self.signatures.len()));
                self.signatures.push(signature.clone());
                self.signature_index.insert(signature, id);
                id
            }
        };
        self.intern(Type::Function(id))
    }

    /// What a function type takes and gives.
    #[must_use]
    pub fn signature_of(&self, ty: TypeId) -> Option<Signature> {
        match self.get(ty) {
            Ok(Type::Function(id)) => self.signatures.get(id.0 as usize).cloned(),
            _ => None,
        }
    }

    /// A fresh variable.
    pub fn variable(&mut self, open: Open) -> TypeId {
        let id = TypeId(VARIABLE.saturating_add(number(self.variables.len())));
        self.variables.push(Variable::Free(open, 0));
        id
    }

    /// Adds a struct, at first without fields.
    pub fn add_struct(&mut self, name: &'s str, span: Span) -> (StructId, TypeId) {
        let id = StructId(number(self.structs.len()));
        self.structs.push(Struct { name, span, fields: Vec::new(), shape: None });
        (id, self.intern(Type::Struct(id)))
    }

    /// Gives a struct its fields.
    pub fn set_fields(&mut self, id: StructId, fields: Vec<Field<'s>>) {
        if let Some(row) = self.structs.get_mut(id.0 as usize) {
            row.fields = fields;
        }
    }

    /// Gives a variant its payload.
    pub fn set_payload(&mut self, id: EnumId, tag: usize, payload: Vec<TypeId>) {
        let variants = self.enums.get_mut(id.0 as usize).map(|row| &mut row.variants);
        if let Some(variant) = variants.and_then(|variants| variants.get_mut(tag)) {
            variant.payload = payload;
        }
    }

    /// Adds an enum.
    pub fn add_enum(
        &mut self,
        name: &'s str,
        span: Span,
        variants: Vec<&'s str>,
        payloads: Payloads,
    ) -> TypeId {
        let id = EnumId(number(self.enums.len()));
        let variants = variants.into_iter().map(|name| Variant { name, payload: Vec::new() }).collect();
        self.enums.push(Enum { name, span, variants, shape: None });
        self.intern(match payloads {
            Payloads::None => Type::Enum(id),
            Payloads::Some => Type::Union(id),
        })
    }

    /// The enum that a type is.
    #[must_use]
    pub fn enum_of(&self, ty: TypeId) -> Option<(EnumId, &Enum<'s>)> {
        match self.get(ty) {
            Ok(Type::Enum(id) | Type::Union(id)) => self.enumeration(id).map(|row| (id, row)),
            _ => None,
        }
    }

    /// What follows the tag of an optional or enum: for each tag with a payload its types and their
    /// offsets in bytes.
    #[must_use]
    pub fn payloads(&self, ty: TypeId) -> Vec<(u32, Vec<(TypeId, u32)>)> {
        match self.settled(ty) {
            Type::Optional(inner) => [(1, [(inner, self.value_offset(inner))].into())].into(),
            Type::Union(id) => {
                let variants = self.enumeration(id).map_or(&[][..], |row| &row.variants);
                let rows = variants.iter().zip(self.shape(ty).map_or(&[][..], |shape| &shape.offsets));
                let rows = (0u32..).zip(rows).filter(|(_, (variant, _))| !variant.payload.is_empty());
                rows.map(|(tag, (variant, offsets))| {
                    (tag, variant.payload.iter().copied().zip(offsets.iter().copied()).collect())
                })
                .collect()
            }
            _ => Vec::new(),
        }
    }

    /// A struct of the document.
    #[must_use]
    pub fn structure(&self, id: StructId) -> Option<&Struct<'s>> {
        self.structs.get(id.0 as usize)
    }

    /// Tells whether a value of the type is or holds a handle; `around` are the types it stands in.
    pub(super) fn holds_handle(&self, ty: TypeId, around: &mut Vec<Type>) -> bool {
        let settled = self.settled(ty);
        match settled {
            Type::Agent | Type::Capability | Type::Region => true,
            Type::Array(inner, _) | Type::List(inner) | Type::Optional(inner) | Type::Map(_, inner) => {
                self.holds_handle(inner, around)
            }
            Type::Struct(_) | Type::Union(_) if around.contains(&settled) => false,
            Type::Struct(id) => {
                around.push(settled);
                let fields = self.structure(id).map_or(&[][..], |row| &row.fields);
                fields.iter().any(|field| self.holds_handle(field.ty, around))
            }
            Type::Union(_) => {
                around.push(settled);
                let parts = self.payloads(ty);
                parts.iter().flat_map(|(_, values)| values).any(|(ty, _)| self.holds_handle(*ty, around))
            }
            _ => false,
        }
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
            (Ok(Type::Optional(x)), Ok(Type::Optional(y))) => self.unify(x, y),
            (Ok(Type::Function(_)), Ok(Type::Function(_))) => self.unify_functions(a, b),
            (Ok(Type::List(x)), Ok(Type::List(y))) => self.unify(x, y),
            (Ok(Type::Map(k, v)), Ok(Type::Map(l, w))) => self.unify(k, l) && self.unify(v, w),
            (Ok(_), Ok(_)) => false,
            (Err(open), Ok(ty)) => self.bind_to(a, open, b, ty),
            (Ok(ty), Err(open)) => self.bind_to(b, open, a, ty),
            (Err(x), Err(y)) => {
                self.join(a, b, x.max(y));
                true
            }
        }
    }

    fn unify_functions(&mut self, a: TypeId, b: TypeId) -> bool {
        let (Some(a), Some(b)) = (self.signature_of(a), self.signature_of(b)) else { return false };
        a.params.len() == b.params.len()
            && a.params.iter().zip(&b.params).all(|(x, y)| self.unify(*x, *y))
            && self.unify(a.ret, b.ret)
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
        let mut open = alloc::vec![ty];
        while let Some(at) = open.pop() {
            let at = self.resolve(at);
            if at == variable {
                return true;
            }
            match self.get(at) {
                Ok(Type::Array(inner, _) | Type::List(inner) | Type::Optional(inner)) => open.push(inner),
                Ok(Type::Map(key, value)) => open.extend([key, value]),
                Ok(Type::Function(_)) => {
                    let signature = self.signature_of(at);
                    open.extend(
                        signature.into_iter().flat_map(|row| row.params.into_iter().chain([row.ret])),
                    );
                }
                _ => {}
            }
        }
        false
    }

    /// The type as the language writes it.
    #[must_use]
    pub fn name(&self, id: TypeId) -> String {
        match self.get(id) {
            Err(Open::Any) => "a type that nothing fixes yet".to_string(),
            _ => self.type_name(self.settled(id)),
        }
    }

    /// The name of a type in that of another one.
    fn inner_name(&self, id: TypeId) -> String {
        match self.get(id) {
            Err(Open::Any) => "_".to_string(),
            _ => self.name(id),
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
            Type::Agent => "agent".to_string(),
            Type::Capability => "capability".to_string(),
            Type::Region => "region".to_string(),
            Type::Array(element, length) => {
                let mut text = String::from("[");
                text.push_str(&self.inner_name(element));
                let _ = write!(text, "; {length}]");
                text
            }
            Type::Function(id) => {
                let Some(row) = self.signatures.get(id.0 as usize) else { return String::new() };
                let params: Vec<String> = row.params.iter().map(|ty| self.inner_name(*ty)).collect();
                let mut text = String::from("fn(");
                text.push_str(&params.join(", "));
                text.push(')');
                if self.settled(row.ret) != Type::Unit {
                    text.push_str(" -> ");
                    text.push_str(&self.inner_name(row.ret));
                }
                text
            }
            Type::Optional(inner) if self.get(inner) == Err(Open::Any) => "none".to_string(),
            Type::Optional(inner) => {
                let mut text = self.inner_name(inner);
                text.push('?');
                text
            }
            Type::List(element) => {
                let mut text = String::from("[");
                text.push_str(&self.inner_name(element));
                text.push(']');
                text
            }
            Type::Map(key, value) => {
                let mut text = String::from("map[");
                text.push_str(&self.inner_name(key));
                text.push(']');
                text.push_str(&self.inner_name(value));
                text
            }
            Type::Bytes => "bytes".to_string(),
            Type::Struct(id) => self.structure(id).map_or("", |row| row.name).to_string(),
            Type::Enum(id) | Type::Union(id) => self.enumeration(id).map_or("", |row| row.name).to_string(),
        }
    }

    /// Tells whether values of the type are held by address and copied when assigned.
    #[must_use]
    pub fn is_aggregate(&self, id: TypeId) -> bool {
        self.settled(id).is_aggregate()
    }

    /// What a value of the type has in memory of its own.
    #[must_use]
    pub fn owns(&self, id: TypeId) -> Owns {
        match self.settled(id) {
            Type::Str => Owns::Texts,
            Type::List(_) | Type::Map(..) | Type::Bytes => Owns::Blocks,
            Type::Array(inner, _) | Type::Optional(inner) => self.owns(inner),
            Type::Struct(_) | Type::Union(_) => self.shape(id).map_or(Owns::Nothing, |shape| shape.owns),
            _ => Owns::Nothing,
        }
    }

    /// The type of the elements of an array, growable or not, or of bytes.
    #[must_use]
    pub fn element(&self, id: TypeId) -> Option<TypeId> {
        match self.settled(id) {
            Type::Array(element, _) | Type::List(element) => Some(element),
            Type::Bytes => Some(TypeId::U8),
            _ => None,
        }
    }

    /// Tells whether a value of the type is or holds a function value, which ends with the run.
    #[must_use]
    pub fn holds_function(&self, id: TypeId) -> bool {
        match self.settled(id) {
            Type::Function(_) => true,
            Type::Array(inner, _) | Type::List(inner) | Type::Optional(inner) => self.holds_function(inner),
            Type::Map(_, value) => self.holds_function(value),
            Type::Struct(_) | Type::Union(_) => self.shape(id).is_some_and(|shape| shape.holds_function),
            _ => false,
        }
    }

    /// Tells whether values of the type, or of a part of it, can hold values of the same type.
    #[must_use]
    pub fn holds_itself(&self, id: TypeId) -> bool {
        self.goes_back(id, &mut Vec::new(), &mut HashSet::new())
    }

    fn goes_back(&self, id: TypeId, around: &mut Vec<Type>, done: &mut HashSet<Type>) -> bool {
        let ty = self.settled(id);
        match ty {
            Type::Array(inner, _) | Type::List(inner) | Type::Optional(inner) | Type::Map(_, inner) => {
                return self.goes_back(inner, around, done);
            }
            Type::Struct(_) | Type::Union(_) => {}
            _ => return false,
        }
        if around.contains(&ty) {
            return true;
        }
        if !done.insert(ty) {
            return false;
        }
        around.push(ty);
        let parts: Vec<TypeId> = match ty {
            Type::Struct(id) => {
                let fields = self.structure(id).map_or(&[][..], |row| &row.fields);
                fields.iter().map(|field| field.ty).collect()
            }
            _ => self.payloads(id).into_iter().flat_map(|(_, values)| values).map(|(ty, _)| ty).collect(),
        };
        let found = parts.into_iter().any(|part| self.goes_back(part, around, done));
        around.pop();
        found
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
        assert_eq!(types.settle_declared(), []);
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
    fn a_descriptor_tells_each_part_of_a_type() {
        let mut types = Types::default();
        let union = types.add_enum("E", Span::default(), ["A", "B", "C"].into(), Payloads::Some);
        let whole = types.intern(Type::Optional(TypeId::STR));
        let list = types.intern(Type::List(union));
        let map = types.intern(Type::Map(TypeId::U16, list));
        let (id, _) = types.enum_of(union).unwrap();
        types.set_payload(id, 1, [whole, map].into());
        let open = types.variable(Open::Any);
        let none = types.intern(Type::Optional(open));
        let plain = types.add_enum("P", Span::default(), ["X", "Y"].into(), Payloads::None);
        assert_eq!(types.settle_declared(), []);
        let described = [union, none, plain, TypeId::AGENT].map(|ty| {
            let mut text = String::new();
            types.write_descriptor(ty, &mut text);
            text
        });
        assert_eq!(described, ["<|?smH[^0;|>", "?b", "<|>", "a"]);
        assert_eq!([union, map, none, TypeId::BOOL].map(|ty| types.levels(ty)), [4, 6, 2, 1]);
    }

    #[test]
    fn the_tables_know_how_much_memory_they_take() {
        let mut types = Types::default();
        let before = types.bytes();
        for _ in 0..1_000 {
            types.add_struct("S", Span::default());
            types.variable(Open::Any);
        }
        let least = 1_000 * (size_of::<Struct<'_>>() + size_of::<Type>() + size_of::<Variable>());
        assert!(types.bytes() >= before + least && types.bytes() < before + 64 * least);
    }

    #[test]
    fn a_struct_that_holds_itself_is_refused_once() {
        let mut types = Types::default();
        let (a, a_ty) = types.add_struct("A", Span::new(1, 2));
        let (b, b_ty) = types.add_struct("B", Span::default());
        let pair = types.intern(Type::Array(a_ty, 2));
        types.set_fields(a, [Field { name: "b", ty: b_ty }].into());
        types.set_fields(b, [Field { name: "a", ty: pair }].into());
        assert_eq!(types.settle_declared(), [(Span::new(1, 2), Problem::TooLarge)]);
        assert_eq!(types.layout(b_ty), Some(Layout { size: 0, align: 1 }));
    }

    /// Looking at each use of a struct again took time in powers of two.
    #[test]
    fn structs_of_two_structs_of_two_structs_are_looked_at_once_each() {
        let mut types = Types::default();
        let mut inner = TypeId::U8;
        let mut last = None;
        for at in 0..40 {
            let (id, ty) = types.add_struct("S", Span::new(at, at + 1));
            types.set_fields(id, [Field { name: "a", ty: inner }, Field { name: "b", ty: inner }].into());
            (inner, last) = (ty, Some(id));
        }
        let problems = types.settle_declared();
        // The 11th would have 2048 fields; it is emptied, and so it goes on.
        assert_eq!(problems[0], (Span::new(10, 11), Problem::TooManyFields));
        assert!(last.is_some() && problems.len() < 5);
        assert_eq!((types.owns(inner), types.layout(inner).is_some()), (Owns::Nothing, true));
    }

    #[test]
    fn structs_in_each_other_end_at_the_nesting_of_types() {
        let mut types = Types::default();
        let ids: Vec<(StructId, TypeId)> =
            (0..34).map(|at| types.add_struct("S", Span::new(at, at + 1))).collect();
        for pair in ids.windows(2) {
            types.set_fields(pair[0].0, [Field { name: "s", ty: pair[1].1 }].into());
        }
        assert_eq!(types.settle_declared(), [(Span::new(1, 2), Problem::TooDeep)]);
        assert!(types.layout(ids[2].1).is_some());
    }
}
