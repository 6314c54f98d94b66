//! Functions that the compiler makes: what copies, frees and compares values of one type.
//!
//! Each is made when code first needs it, once for a type and an operation. For a text or block the
//! function takes its address and gives a new one; for an aggregate it takes where it lies and
//! changes what it owns in place. A type that holds itself makes a function that calls itself.
//!
//! # Invariants
//! 1. They use no frame, so that they may be active twice.
//! 2. Their instructions have the line 0: a trap in them is one of the line that called them.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::closure::Adapter;
use super::function::Lowering;
use super::memory::{Address, Element, HEAD};
use super::{LowerError, Recursion, Role, Shared, Unit};
use crate::fir;
use crate::fir::{
    Access, FuncId, IntCompare, IntKind, IntOp, Intrinsic, Signature, Truth, Type as FirType, ValueId,
};
use crate::lang::sema::tree::Body;
use crate::lang::sema::types::{Owns, Type, TypeId};
use crate::span::Span;
use flux_abi::trap::TrapKind;

/// What a function made by the compiler does.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Glue {
    /// A copy in the arena; texts are shared.
    Share,
    /// A copy in the arena, texts included.
    Copy,
    /// A copy in the state.
    Keep,
    /// Gives back what a value of the state owns.
    Free,
    /// Compares two values.
    Equal,
    /// `(count, element size)`: a block in the arena of that length, zeroed.
    NewBlock,
    /// `(block, element size)`: a block in the arena with the same elements and twice the room.
    Grow,
    /// As `Grow`, in the state; the old block is left as it is.
    GrowState,
    /// `(table, entry size, key size)`: a table in the arena with the same entries and room for one
    /// more; the same table if it has room.
    Room,
    /// As `Room`, in the state; the old table is left as it is.
    RoomState,
    /// `(first element, count)`: sorts elements where they lie.
    Sort,
    /// `(first element, count, function value)`: as `Sort`, by what the function puts first.
    SortBy,
    /// The text of a value.
    Text,
}

impl Glue {
    const fn name(self) -> &'static str {
        match self {
            Self::Share | Self::Copy => "copy of",
            Self::Keep => "state copy of",
            Self::Free => "end of",
            Self::Equal => "comparison of",
            Self::NewBlock => "new block",
            Self::Grow | Self::GrowState | Self::Room | Self::RoomState => "more room",
            Self::Sort | Self::SortBy => "order of",
            Self::Text => "text of",
        }
    }
}

/// The functions of the compiler's own that a module needs.
#[derive(Debug, Default)]
pub(super) struct Register {
    by_type: HashMap<(TypeId, Glue), FuncId>,
    /// By the type's name: one type may have several numbers.
    by_name: HashMap<(String, Glue), FuncId>,
    /// Those whose bodies are still to be made, in the order of their numbers.
    open: VecDeque<Made>,
}

impl Register {
    /// Notes a function whose body is made when all before it are.
    pub(super) fn later(&mut self, function: Made) {
        self.open.push_back(function);
    }
}

/// A function of the compiler's own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Made {
    /// It does something to values of a type.
    Glue(FuncId, TypeId, Glue),
    /// It passes its arguments on.
    Adapter(Adapter),
}

impl<'p, 's> Shared<'p, 's> {
    fn glue(&mut self, ty: TypeId, op: Glue) -> FuncId {
        if let Some(func) = self.made.by_type.get(&(ty, op)) {
            return *func;
        }
        let name = self.program.types.name(ty);
        let func = match self.made.by_name.get(&(name.clone(), op)) {
            Some(func) => *func,
            None => {
                let signature = self.glue_signature(ty, op);
                let title = match ty {
                    TypeId::UNIT => String::from(op.name()),
                    _ => alloc::format!("{} {name}", op.name()),
                };
                let func = self.module.declare(&title, signature, 0, 0);
                self.made.by_name.insert((name, op), func);
                self.made.later(Made::Glue(func, ty, op));
                func
            }
        };
        self.made.by_type.insert((ty, op), func);
        func
    }

    fn glue_signature(&self, ty: TypeId, op: Glue) -> Signature {
        use FirType::{Bool, I64, Ptr, Void};
        let in_place = self.program.types.is_aggregate(ty);
        let (params, result): (&[FirType], _) = match op {
            Glue::Share | Glue::Copy | Glue::Keep => (&[Ptr], if in_place { Void } else { Ptr }),
            Glue::Free => (&[Ptr], Void),
            Glue::Equal => (&[Ptr, Ptr], Bool),
            Glue::NewBlock => (&[I64, I64], Ptr),
            Glue::Grow | Glue::GrowState => (&[Ptr, I64], Ptr),
            Glue::Room | Glue::RoomState => (&[Ptr, I64, I64], Ptr),
            Glue::Sort => (&[Ptr, I64], Void),
            Glue::SortBy => (&[Ptr, I64, Ptr], Void),
            Glue::Text => (&[Ptr], Ptr),
        };
        Signature { params: params.into(), result }
    }

    /// Makes the bodies of all functions that were asked for, in the order of their numbers.
    pub(super) fn made_bodies(&mut self, bodies: &mut Vec<fir::pack::Body>) -> Result<(), LowerError> {
        while let Some(function) = self.made.open.pop_front() {
            if self.module.functions.len() > fir::limits::FUNCTIONS {
                return Err(LowerError::limit(
                    Span::empty(0),
                    "too many functions, together with those that the compiler makes",
                ));
            }
            let body = match function {
                Made::Glue(func, ty, op) => self.glue_of(func, ty, op)?,
                Made::Adapter(adapter) => self.adapter_body(adapter)?,
            };
            self.take(body.bytes(), Span::empty(0))?;
            bodies.push(body);
        }
        Ok(())
    }

    fn glue_of(&mut self, func: FuncId, ty: TypeId, op: Glue) -> Result<fir::pack::Body, LowerError> {
        static BODY: Body<'static> = Body::EMPTY;
        let unit = Unit {
            func,
            body: &BODY,
            role: Role::Function(TypeId::UNIT, Recursion::None),
            span: Span::empty(0),
            frame: 0,
            loop_section: false,
            captures: None,
            callee: None,
        };
        let mut lowering = Lowering::new(self, &unit)?;
        lowering.b.set_line(0);
        lowering.glue_body(ty, op);
        let (body, _) = lowering.end()?;
        Ok(body)
    }
}

impl Lowering<'_, '_, '_> {
    /// The function that does `op` to values of a type.
    pub(super) fn glue(&mut self, ty: TypeId, op: Glue) -> FuncId {
        self.shared.glue(ty, op)
    }

    /// Calls a function that knows no type.
    pub(super) fn runtime_glue(&mut self, op: Glue, args: &[ValueId]) -> ValueId {
        let func = self.shared.glue(TypeId::UNIT, op);
        self.b.call(func, FirType::Ptr, args).unwrap_or(ValueId::new(0))
    }

    fn glue_body(&mut self, ty: TypeId, op: Glue) {
        match op {
            Glue::NewBlock => self.new_block_body(),
            Glue::Grow => self.grow_body(Intrinsic::ArenaAlloc),
            Glue::GrowState => self.grow_body(Intrinsic::StateAlloc),
            Glue::Share | Glue::Copy | Glue::Keep => self.copy_body(ty, op),
            Glue::Free => self.free_body(ty),
            Glue::Equal => self.equal_body(ty),
            Glue::Room => self.room_body(Intrinsic::ArenaAlloc),
            Glue::RoomState => self.room_body(Intrinsic::StateAlloc),
            Glue::Sort | Glue::SortBy => self.sort_body(ty, op),
            Glue::Text => self.text_body(ty),
        }
    }

    pub(super) fn alloc(&mut self, op: Intrinsic, bytes: ValueId) -> ValueId {
        self.b.intrinsic(op, 0, &[bytes]).unwrap_or(bytes)
    }

    fn new_block_body(&mut self) {
        let (count, size) = (self.b.param(0), self.b.param(1));
        // Lengths have 32 bits; a negative one is above them too.
        let most = self.b.i64(1 << 32);
        self.b.index_check(count, most);
        let bytes = self.b.int_op(IntOp::WrappingMul, IntKind::I64, count, size);
        let head = self.b.i64(i64::from(HEAD));
        let bytes = self.b.int_op(IntOp::WrappingAdd, IntKind::I64, bytes, head);
        let block = self.alloc(Intrinsic::ArenaAlloc, bytes);
        self.b.store(Access::Z32, count, block, 0);
        self.b.store(Access::Z32, count, block, 4);
        self.b.ret(Some(block));
    }

    fn grow_body(&mut self, alloc: Intrinsic) {
        let (old, size) = (self.b.param(0), self.b.param(1));
        let length = self.length_of(old);
        let capacity = self.b.load(FirType::I64, Access::Z32, old, 4);
        let twice = self.b.int_op(IntOp::WrappingAdd, IntKind::I64, capacity, capacity);
        let least = self.b.i64(4);
        let capacity = self.b.int_op(IntOp::Max, IntKind::I64, twice, least);
        let bytes = self.b.int_op(IntOp::WrappingMul, IntKind::I64, capacity, size);
        let head = self.b.i64(i64::from(HEAD));
        let bytes = self.b.int_op(IntOp::WrappingAdd, IntKind::I64, bytes, head);
        let new = self.alloc(alloc, bytes);
        self.b.store(Access::Z32, length, new, 0);
        self.b.store(Access::Z32, capacity, new, 4);
        let used = self.b.int_op(IntOp::WrappingMul, IntKind::I64, length, size);
        let to = self.b.ptr_add(new, head);
        let from = self.b.ptr_add(old, head);
        self.b.intrinsic(Intrinsic::MemCopy, 0, &[to, from, used]);
        self.b.ret(Some(new));
    }

    /// Returns `value` at once if a block is the empty one.
    fn unless_empty(&mut self, block: ValueId, value: Option<ValueId>) {
        let zero = self.b.address(0);
        let empty = self.b.compare(IntCompare::Eq, block, zero);
        let end = self.b.create_block();
        let go_on = self.b.create_block();
        self.b.branch(empty, end, go_on);
        self.b.seal_block(end);
        self.b.seal_block(go_on);
        self.b.switch_to(end);
        self.b.ret(value);
        self.b.switch_to(go_on);
    }

    fn copy_body(&mut self, ty: TypeId, op: Glue) {
        let old = self.b.param(0);
        match self.settled(ty) {
            Type::Array(element, length) => {
                let count = self.b.i64(i64::from(length));
                self.each_remade(element, old, count, op);
                self.b.ret(None);
            }
            Type::Struct(_) => {
                for field in self.owning_fields(ty, op) {
                    let place = Element::at(field.ty, Address { base: old, offset: field.offset });
                    self.remake_part(&place, op);
                }
                self.b.ret(None);
            }
            Type::Optional(_) | Type::Union(_) => {
                let at = Address { base: old, offset: 0 };
                let concerns = |lowering: &Self, ty| lowering.needs(ty, op);
                self.by_tag(ty, at, concerns, |lowering, _, values| {
                    for (ty, offset) in values {
                        if lowering.needs(*ty, op) {
                            lowering.remake_part(&Element::at(*ty, at.plus(*offset)), op);
                        }
                    }
                });
                self.b.ret(None);
            }
            Type::List(_) | Type::Bytes => {
                self.unless_empty(old, Some(old));
                let element = self.shared.program.types.element(ty).unwrap_or(TypeId::ERROR);
                let length = self.length_of(old);
                let size = self.b.i64(i64::from(self.size(element)));
                let bytes = self.b.int_op(IntOp::WrappingMul, IntKind::I64, length, size);
                let head = self.b.i64(i64::from(HEAD));
                let all = self.b.int_op(IntOp::WrappingAdd, IntKind::I64, bytes, head);
                let alloc = if op == Glue::Keep { Intrinsic::StateAlloc } else { Intrinsic::ArenaAlloc };
                let new = self.alloc(alloc, all);
                self.b.store(Access::Z32, length, new, 0);
                self.b.store(Access::Z32, length, new, 4);
                let to = self.b.ptr_add(new, head);
                let from = self.b.ptr_add(old, head);
                self.b.intrinsic(Intrinsic::MemCopy, 0, &[to, from, bytes]);
                if self.needs(element, op) {
                    self.each_remade(element, to, length, op);
                }
                self.b.ret(Some(new));
            }
            Type::Map(key, value) => {
                self.unless_empty(old, Some(old));
                let new = self.copied_table(key, value, old, op);
                self.b.ret(Some(new));
            }
            _ => self.b.trap(TrapKind::Invalid),
        }
    }

    /// Tells whether `op` does anything to values of a type.
    pub(super) fn needs(&self, ty: TypeId, op: Glue) -> bool {
        match self.owns(ty) {
            Owns::Nothing => false,
            Owns::Texts => op != Glue::Share,
            Owns::Blocks => true,
        }
    }

    /// Offsets and types of the fields of a struct to which `op` does anything.
    fn owning_fields(&self, ty: TypeId, op: Glue) -> Vec<Part> {
        let Type::Struct(id) = self.settled(ty) else { return Vec::new() };
        let types = &self.shared.program.types;
        let fields = types.structure(id).map_or(&[][..], |row| &row.fields);
        (0u32..)
            .zip(fields)
            .filter(|(_, field)| op == Glue::Equal || self.needs(field.ty, op))
            .map(|(index, field)| Part { ty: field.ty, offset: types.field_offset(id, index).unwrap_or(0) })
            .collect()
    }

    /// Replaces what is in a place by a copy, as far as it owns anything.
    pub(super) fn remake_part(&mut self, place: &Element, op: Glue) {
        if self.shared.program.types.is_aggregate(place.ty) {
            let at = self.plain(place);
            let at = self.pointer(at);
            self.remake(place.ty, at, op);
        } else {
            let old = self.load_element(place);
            let new = self.remade(place.ty, old, op);
            self.store_element(place, new);
        }
    }

    fn free_body(&mut self, ty: TypeId) {
        let value = self.b.param(0);
        match self.settled(ty) {
            Type::Array(element, length) => {
                let count = self.b.i64(i64::from(length));
                self.each_released(element, Address { base: value, offset: 0 }, count);
            }
            Type::Struct(_) => {
                for field in self.owning_fields(ty, Glue::Free) {
                    self.release(&Element::at(field.ty, Address { base: value, offset: field.offset }));
                }
            }
            Type::Optional(_) | Type::Union(_) => {
                let at = Address { base: value, offset: 0 };
                let concerns = |lowering: &Self, ty| lowering.needs(ty, Glue::Free);
                self.by_tag(ty, at, concerns, |lowering, _, values| {
                    for (ty, offset) in values {
                        lowering.release(&Element::at(*ty, at.plus(*offset)));
                    }
                });
            }
            Type::Map(key, of) => {
                self.unless_empty(value, None);
                self.release_entries(key, of, value);
                self.b.intrinsic(Intrinsic::StateFree, 0, &[value]);
            }
            Type::List(element) if self.owns(element) != Owns::Nothing => {
                self.unless_empty(value, None);
                let length = self.length_of(value);
                self.each_released(element, Address { base: value, offset: HEAD }, length);
                self.b.intrinsic(Intrinsic::StateFree, 0, &[value]);
            }
            _ => {
                self.b.intrinsic(Intrinsic::StateFree, 0, &[value]);
            }
        }
        self.b.ret(None);
    }

    fn each_released(&mut self, element: TypeId, first: Address, count: ValueId) {
        let zero = self.b.i64(0);
        self.count_up(zero, count, |lowering, index| {
            let at = lowering.indexed(element, first, index);
            lowering.release(&at);
        });
    }

    fn equal_body(&mut self, ty: TypeId) {
        let (a, b) = (self.b.param(0), self.b.param(1));
        match self.settled(ty) {
            Type::Array(element, length) => {
                let count = self.b.i64(i64::from(length));
                self.elements_equal(element, a, b, 0, count);
            }
            Type::List(_) | Type::Bytes => {
                let element = self.shared.program.types.element(ty).unwrap_or(TypeId::ERROR);
                let (count, other) = (self.length_of(a), self.length_of(b));
                let equal = self.b.compare(IntCompare::Eq, count, other);
                self.go_on_if(equal);
                self.elements_equal(element, a, b, HEAD, count);
            }
            Type::Map(key, value) => self.entries_equal(key, value, a, b),
            Type::Struct(_) => {
                for field in self.owning_fields(ty, Glue::Equal) {
                    let at = |base| Element::at(field.ty, Address { base, offset: field.offset });
                    let (x, y) = (self.load_element(&at(a)), self.load_element(&at(b)));
                    let equal = self.equal(field.ty, x, y);
                    self.go_on_if(equal);
                }
            }
            Type::Optional(_) | Type::Union(_) => self.tagged_equal(ty, a, b),
            _ => {}
        }
        let yes = self.b.boolean(Truth::True);
        self.b.ret(Some(yes));
    }

    fn tagged_equal(&mut self, ty: TypeId, a: ValueId, b: ValueId) {
        let (a, b) = (Address { base: a, offset: 0 }, Address { base: b, offset: 0 });
        let (left, right) = (self.tag(a), self.tag(b));
        let same = self.b.compare(IntCompare::Eq, left, right);
        self.go_on_if(same);
        self.by_tag(
            ty,
            a,
            |_, _| true,
            |lowering, _, values| {
                for (ty, offset) in values {
                    let (left, right) =
                        (Element::at(*ty, a.plus(*offset)), Element::at(*ty, b.plus(*offset)));
                    let (left, right) = (lowering.load_element(&left), lowering.load_element(&right));
                    let equal = lowering.equal(*ty, left, right);
                    lowering.go_on_if(equal);
                }
            },
        );
    }

    /// Returns false unless the condition holds.
    pub(super) fn go_on_if(&mut self, condition: ValueId) {
        let end = self.b.create_block();
        let go_on = self.b.create_block();
        self.b.branch(condition, go_on, end);
        self.b.seal_block(end);
        self.b.seal_block(go_on);
        self.b.switch_to(end);
        let no = self.b.boolean(Truth::False);
        self.b.ret(Some(no));
        self.b.switch_to(go_on);
    }

    fn elements_equal(&mut self, element: TypeId, a: ValueId, b: ValueId, skip: u32, count: ValueId) {
        let zero = self.b.i64(0);
        self.count_up(zero, count, |lowering, index| {
            let x = lowering.indexed(element, Address { base: a, offset: skip }, index);
            let y = lowering.indexed(element, Address { base: b, offset: skip }, index);
            let (x, y) = (lowering.load_element(&x), lowering.load_element(&y));
            let equal = lowering.equal(element, x, y);
            lowering.go_on_if(equal);
        });
    }
}

/// A field of a struct.
#[derive(Clone, Copy, Debug)]
struct Part {
    ty: TypeId,
    offset: u32,
}
