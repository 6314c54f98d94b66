//! Values in memory: addresses, scalars, aggregates. What they own elsewhere is in [`super::own`].
//!
//! # Invariants
//! 1. An aggregate is written to a place only when all that it is made of has been read.
//! 2. Bytes of a growable array, of bytes and of texts follow a head of {len u32, cap u32}; the
//!    address 0 is the empty value, since the first eight bytes of the memory are zero.

use super::STATE_MARK;
use super::function::{Lowering, Slot};
use super::own::Origin;
use crate::fir::{Access, FloatKind, IntCompare, IntKind, IntOp, Intrinsic, Type as FirType, ValueId};
use crate::lang::sema::tree::{ExprId, ExprKind, Value};
use crate::lang::sema::types::{Type, TypeId};

/// An address in region 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    pub(super) base: ValueId,
    pub(super) offset: u32,
}

impl Address {
    pub(super) fn plus(self, offset: u32) -> Self {
        Self { offset: self.offset.saturating_add(offset), ..self }
    }

    /// The offset as a displacement; aggregates end far below 2^31.
    pub(super) fn displacement(self) -> i32 {
        i32::try_from(self.offset).unwrap_or(i32::MAX)
    }
}

impl Element {
    /// One at an address.
    pub(super) const fn at(ty: TypeId, at: Address) -> Self {
        Self { ty, at, index: None }
    }
}

/// Bytes of the head of a growable array, of bytes or of a text.
pub(super) const HEAD: u32 = 8;

/// A scalar or aggregate somewhere in memory, perhaps behind an index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element {
    pub(super) ty: TypeId,
    pub(super) at: Address,
    pub(super) index: Option<ValueId>,
}

fn access(ty: Type) -> Access {
    match ty {
        Type::Bool => Access::Z8,
        Type::Int(IntKind::I8) => Access::S8,
        Type::Int(IntKind::U8) => Access::Z8,
        Type::Int(IntKind::I16) => Access::S16,
        Type::Int(IntKind::U16) => Access::Z16,
        Type::Int(IntKind::I32) => Access::S32,
        Type::Int(IntKind::U32) | Type::Float(FloatKind::F32) => Access::Z32,
        Type::Str | Type::List(_) | Type::Map(..) | Type::Bytes | Type::Function(_) => Access::Z32,
        Type::Enum(_) => Access::S32,
        _ => Access::W64,
    }
}

impl<'p> Lowering<'_, 'p, '_> {
    pub(super) fn state_address(&mut self, offset: u32) -> Address {
        let base = self.b.constant(FirType::Ptr, STATE_MARK);
        Address { base, offset }
    }

    pub(super) fn settled(&self, ty: TypeId) -> Type {
        self.shared.program.types.settled(ty)
    }

    pub(super) fn size(&self, ty: TypeId) -> u32 {
        self.shared.program.types.layout(ty).map_or(0, |layout| layout.size)
    }

    /// Tells whether a place is in the state.
    pub(super) fn is_state(&self, mut place: ExprId) -> bool {
        loop {
            match self.shared.program.expr(place).kind {
                ExprKind::State(_) => return true,
                ExprKind::Field(base, ..) | ExprKind::Index(base, _) => place = base,
                _ => return false,
            }
        }
    }

    // ------------------------------------------------------------ addresses

    /// The address as one value.
    pub(super) fn pointer(&mut self, address: Address) -> ValueId {
        if address.offset == 0 {
            return address.base;
        }
        let offset = self.b.i64(i64::from(address.offset));
        self.b.ptr_add(address.base, offset)
    }

    /// The address of a place.
    pub(super) fn address(&mut self, place: ExprId) -> Address {
        let element = self.element(place);
        self.plain(&element)
    }

    /// An element's address without index.
    pub(super) fn plain(&mut self, element: &Element) -> Address {
        let Some(index) = element.index else { return element.at };
        let size = self.b.i64(i64::from(self.size(element.ty)));
        let bytes = self.b.int_op(IntOp::WrappingMul, IntKind::I64, index, size);
        let base = self.b.ptr_add(element.at.base, bytes);
        Address { base, offset: element.at.offset }
    }

    /// A place, or an aggregate value, in memory.
    pub(super) fn element(&mut self, id: ExprId) -> Element {
        if let Some((known, element)) = self.known
            && known == id
        {
            return element;
        }
        let expr = self.shared.program.expr(id);
        match expr.kind {
            ExprKind::State(state) => {
                let offset = self.shared.state.get(state.index()).copied().unwrap_or(0);
                Element { ty: expr.ty, at: self.state_address(offset), index: None }
            }
            ExprKind::Local(local) => {
                let at = match self.slot(local) {
                    Slot::Frame(offset) => self.frame_address(offset),
                    Slot::Variable(variable) => Address { base: self.b.read(variable), offset: 0 },
                    Slot::None => self.frame_address(0),
                };
                Element { ty: expr.ty, at, index: None }
            }
            ExprKind::Field(base, id, index) => {
                let at = self.address(base);
                let offset = self.shared.program.types.field_offset(id, index).unwrap_or(0);
                Element { ty: expr.ty, at: at.plus(offset), index: None }
            }
            ExprKind::Index(base, index) => {
                let array = self.shared.program.expr(base).ty;
                if let Type::Map(..) = self.settled(array) {
                    return self.entry_there(base, index);
                }
                let Type::Array(element, length) = self.settled(array) else {
                    return self.growable_element(base, index, expr.ty);
                };
                let at = self.address(base);
                // A constant index inside the array needs no check.
                if let Some(Value::Int(known)) = self.shared.program.constant(index, self.shared.room)
                    && let Ok(known) = u32::try_from(known)
                    && known < length
                {
                    let at = at.plus(known.saturating_mul(self.size(element)));
                    return Element { ty: element, at, index: None };
                }
                let index = self.expr(index);
                let index = self.word(index);
                let length = self.b.i64(i64::from(length));
                self.b.index_check(index, length);
                self.indexed(element, at, index)
            }
            _ => {
                let base = self.expr(id);
                Element { ty: expr.ty, at: Address { base, offset: 0 }, index: None }
            }
        }
    }

    /// A part of a value that is read, as the value was before its indices were looked at.
    pub(super) fn part(&mut self, id: ExprId) -> Element {
        if !self.index_changes(id) {
            return self.element(id);
        }
        let expr = self.shared.program.expr(id);
        match expr.kind {
            ExprKind::Field(base, of, index) => {
                let base = self.part(base);
                let at = self.plain(&base);
                let offset = self.shared.program.types.field_offset(of, index).unwrap_or(0);
                Element::at(expr.ty, at.plus(offset))
            }
            ExprKind::Index(base, index) => {
                let (sequence, _) = self.steady_sequence(base, &[index]);
                let index = self.expr(index);
                let index = self.word(index);
                self.b.index_check(index, sequence.length);
                self.indexed(sequence.element, sequence.first, index)
            }
            _ => self.element(id),
        }
    }

    /// Tells whether an index in `id` changes what it is an index into.
    fn index_changes(&self, mut id: ExprId) -> bool {
        let program = self.shared.program;
        loop {
            match program.expr(id).kind {
                ExprKind::Field(base, ..) => id = base,
                ExprKind::Index(base, _) if matches!(self.settled(program.expr(base).ty), Type::Map(..)) => {
                    return false;
                }
                ExprKind::Index(base, index) => {
                    if program.shows_change(base, &|root| program.expr_changes(index, root)) {
                        return true;
                    }
                    id = base;
                }
                _ => return false,
            }
        }
    }

    /// An element behind an index that was checked.
    pub(super) fn indexed(&mut self, ty: TypeId, at: Address, index: ValueId) -> Element {
        Element { ty, at, index: Some(index) }
    }

    /// The address of an aggregate value; what is no place is put into the frame first.
    pub(super) fn address_of_value(&mut self, id: ExprId) -> Address {
        match self.shared.program.expr(id).kind {
            ExprKind::Local(_) | ExprKind::State(_) | ExprKind::Field(..) | ExprKind::Index(..) => {
                let part = self.part(id);
                self.plain(&part)
            }
            _ => Address { base: self.expr(id), offset: 0 },
        }
    }

    /// The element of a growable array or of bytes; its index is checked.
    fn growable_element(&mut self, base: ExprId, index: ExprId, ty: TypeId) -> Element {
        let block = self.expr(base);
        let index = self.expr(index);
        let index = self.word(index);
        let length = self.length_of(block);
        self.b.index_check(index, length);
        Element { ty, at: Address { base: block, offset: HEAD }, index: Some(index) }
    }

    /// The number of elements of a growable value.
    pub(super) fn length_of(&mut self, block: ValueId) -> ValueId {
        self.b.load(FirType::I64, Access::Z32, block, 0)
    }

    // ------------------------------------------------------------ scalars

    pub(super) fn load_element(&mut self, element: &Element) -> ValueId {
        let ty = self.settled(element.ty);
        if ty.is_aggregate() {
            let at = self.plain(element);
            return self.pointer(at);
        }
        let (access, fir) = (access(ty), super::fir_type(ty));
        match element.index {
            Some(index) => {
                let displacement = element.at.displacement();
                self.b.load_indexed(fir, access, element.at.base, index, displacement)
            }
            None => self.b.load(fir, access, element.at.base, element.at.displacement()),
        }
    }

    pub(super) fn store_element(&mut self, element: &Element, value: ValueId) {
        let access = access(self.settled(element.ty));
        match element.index {
            Some(index) => {
                let displacement = element.at.displacement();
                self.b.store_indexed(access, value, element.at.base, index, displacement);
            }
            None => self.b.store(access, value, element.at.base, element.at.displacement()),
        }
    }

    pub(super) fn store_scalar(&mut self, ty: TypeId, value: ValueId, to: Address) {
        let access = access(self.settled(ty));
        self.b.store(access, value, to.base, to.displacement());
    }

    // ------------------------------------------------------------ aggregates

    /// Builds or copies a value at `to`, which nothing in the value reads.
    pub(super) fn store_into(&mut self, id: ExprId, to: Address) {
        let expr = self.shared.program.expr(id);
        let program = self.shared.program;
        match (expr.kind, self.settled(expr.ty)) {
            (ExprKind::Struct(list), Type::Struct(of)) => {
                for (index, field) in program.list(list).iter().enumerate() {
                    let offset = program.types.field_offset(of, super::number(index)).unwrap_or(0);
                    self.store_into(*field, to.plus(offset));
                }
            }
            (ExprKind::Array(list), Type::Array(element, _)) => {
                let values = program.list(list);
                if values.len() > 8
                    && let Some(value) = program.constant(id, self.shared.room)
                    && let Some(from) =
                        self.shared.data.aggregate(&mut self.shared.module, &program.types, expr.ty, &value)
                {
                    let base = self.b.address(from);
                    self.copy(expr.ty, Address { base, offset: 0 }, to);
                    return;
                }
                let size = self.size(element);
                for (index, value) in values.iter().enumerate() {
                    let offset = super::number(index).saturating_mul(size);
                    self.store_into(*value, to.plus(offset));
                }
            }
            (ExprKind::Repeat(value, _), Type::Array(element, length)) => {
                let count = self.b.i64(i64::from(length));
                self.fill(value, element, count, to);
            }
            (ExprKind::None, _) => self.store_tagged(expr.ty, 0, &[], to),
            (ExprKind::Some(value), _) => self.store_tagged(expr.ty, 1, &[value], to),
            (ExprKind::Tagged(tag, list), _) => self.store_tagged(expr.ty, tag, program.list(list), to),
            (ExprKind::Call(function, list), ty) if ty.is_aggregate() => {
                let address = self.pointer(to);
                self.call_function(function, list, Some(address));
                // What came in from the state may have come out again.
                let origin = self.origin(id);
                self.adopt(expr.ty, to, origin);
            }
            (ExprKind::CallValue(callee, list), ty) if ty.is_aggregate() => {
                let address = self.pointer(to);
                self.call_closure(callee, list, expr.ty, Some(address));
                let origin = self.origin(id);
                self.adopt(expr.ty, to, origin);
            }
            (ExprKind::If(cond, then, rest), ty) if ty.is_aggregate() => {
                self.if_value(cond, then, rest, &mut |lowering, value| lowering.store_into(value, to));
            }
            (ExprKind::Match(subject, arms), ty) if ty.is_aggregate() => {
                self.match_value(subject, arms, &mut |lowering, value| lowering.store_into(value, to));
            }
            (_, ty) if ty.is_aggregate() => {
                let from = self.address_of_value(id);
                let origin = self.origin(id);
                self.copy(expr.ty, from, to);
                self.adopt(expr.ty, to, origin);
            }
            _ => {
                let value = self.owned(id);
                self.store_scalar(expr.ty, value, to);
            }
        }
    }

    /// Writes `count` equal elements; the value is taken once.
    pub(super) fn fill(&mut self, value: ExprId, element: TypeId, count: ValueId, to: Address) {
        let size = self.size(element);
        if size == 0 {
            self.effect(value);
            return;
        }
        let scalar = self.shared.program.constant(value, self.shared.room).and_then(|known| {
            let bits = super::data::scalar_bits(self.settled(element), &known)?;
            let byte = bits & 0xff;
            let same = (0..size.min(8)).all(|at| (bits >> (8 * at)) & 0xff == byte);
            same.then_some(byte)
        });
        if let Some(byte) = scalar {
            let base = self.pointer(to);
            let byte = self.b.constant(FirType::I64, byte);
            let size = self.b.i64(i64::from(size));
            let bytes = self.b.int_op(IntOp::WrappingMul, IntKind::I64, count, size);
            self.b.intrinsic(Intrinsic::MemSet, 0, &[base, byte, bytes]);
            return;
        }
        let base = self.pointer(to);
        let first = Address { base, offset: 0 };
        let zero = self.b.i64(0);
        if self.settled(element).is_aggregate() {
            let offset = self.reserve(element);
            let from = self.frame_address(offset);
            self.store_into(value, from);
            self.count_up(zero, count, |lowering, index| {
                let target = lowering.indexed(element, first, index);
                let to = lowering.plain(&target);
                lowering.copy(element, from, to);
                lowering.adopt(element, to, Origin::Shared);
            });
        } else {
            let value = self.owned(value);
            self.count_up(zero, count, |lowering, index| {
                let target = lowering.indexed(element, first, index);
                let value = lowering.owned_word(element, value, Origin::Shared);
                lowering.store_element(&target, value);
            });
        }
    }

    /// A loop without a body of the document.
    pub(super) fn count_up(&mut self, start: ValueId, end: ValueId, each: impl FnOnce(&mut Self, ValueId)) {
        let counter = self.b.declare(FirType::I64);
        self.b.assign(counter, start);
        let head = self.b.create_block();
        let inside = self.b.create_block();
        let out = self.b.create_block();
        self.b.jump(head, &[]);
        self.b.switch_to(head);
        let value = self.b.read(counter);
        let more = self.b.compare(IntCompare::Slt, value, end);
        self.b.branch(more, inside, out);
        self.b.seal_block(inside);
        self.b.switch_to(inside);
        let value = self.b.read(counter);
        each(self, value);
        let one = self.b.i64(1);
        let value = self.b.int_op(IntOp::WrappingAdd, IntKind::I64, value, one);
        self.b.assign(counter, value);
        self.b.jump(head, &[]);
        self.b.seal_block(head);
        self.b.seal_block(out);
        self.b.switch_to(out);
    }

    /// Copies the bytes of an aggregate.
    pub(super) fn copy(&mut self, ty: TypeId, from: Address, to: Address) {
        let size = self.size(ty);
        if size == 0 {
            return;
        }
        let (from, to) = (self.pointer(from), self.pointer(to));
        let bytes = self.b.i64(i64::from(size));
        self.b.intrinsic(Intrinsic::MemCopy, 0, &[to, from, bytes]);
    }

    /// A value as a 64-bit word, for what takes any word.
    pub(super) fn word(&mut self, value: ValueId) -> ValueId {
        if self.b.value_type(value) == FirType::I64 { value } else { self.b.cast(FirType::I64, value) }
    }
}
