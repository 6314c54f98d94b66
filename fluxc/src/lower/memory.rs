//! Values in memory: addresses, copies, texts that are kept or copied.
//!
//! # Invariants
//! 1. A text that a local or aggregate holds is never state memory: what is read from
//!    state is copied when it is stored elsewhere, so that overwriting the state cannot
//!    take it away.
//! 2. A text that state holds was allocated for that place, and is freed when it is overwritten.
//! 3. An aggregate is written to a place only when all that it is made of has been read.

use super::STATE_MARK;
use super::function::{Lowering, Slot};
use crate::fir::{Access, FloatKind, IntCompare, IntKind, IntOp, Intrinsic, Type as FirType, ValueId};
use crate::lang::sema::tree::{ExprId, ExprKind, Value};
use crate::lang::sema::types::{Type, TypeId};
use flux_abi::select::TextOp;

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

/// A scalar or aggregate somewhere in memory, perhaps behind an index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element {
    pub(super) ty: TypeId,
    pub(super) at: Address,
    pub(super) index: Option<ValueId>,
}

/// What is in a place of state before it is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Old {
    /// Zero bytes.
    None,
    /// Texts that must be given back.
    Free,
}

/// How texts are copied.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Texts {
    /// Into the arena.
    Copy,
    /// Into the state.
    Keep(Old),
}

/// Most texts of one struct that is copied field by field.
const MOST_TEXTS: u32 = 512;

fn access(ty: Type) -> Access {
    match ty {
        Type::Bool => Access::Z8,
        Type::Int(IntKind::I8) => Access::S8,
        Type::Int(IntKind::U8) => Access::Z8,
        Type::Int(IntKind::I16) => Access::S16,
        Type::Int(IntKind::U16) => Access::Z16,
        Type::Int(IntKind::I32) => Access::S32,
        Type::Int(IntKind::U32) | Type::Float(FloatKind::F32) | Type::Str | Type::Function(_) => Access::Z32,
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

    /// Tells whether a value may hold texts that lie in the state.
    pub(super) fn borrows_state(&self, id: ExprId) -> bool {
        let expr = self.shared.program.expr(id);
        if !self.shared.program.types.holds_text(expr.ty) {
            return false;
        }
        match expr.kind {
            ExprKind::State(_) => true,
            ExprKind::Field(base, ..) | ExprKind::Index(base, _) => self.borrows_state(base),
            ExprKind::Call(_, list) | ExprKind::CallValue(_, list) => {
                self.shared.program.list(list).iter().any(|arg| self.borrows_state(*arg))
            }
            ExprKind::If(_, then, rest) => [then, rest].into_iter().any(|block| {
                let block = self.shared.program.blocks.get(block.index());
                block.and_then(|block| block.value).is_some_and(|value| self.borrows_state(value))
            }),
            ExprKind::Match(_, arms) => {
                let arms = self.shared.program.matches.get(arms.index());
                arms.is_some_and(|arms| {
                    arms.iter().filter_map(|arm| arm.body.value).any(|value| self.borrows_state(value))
                })
            }
            _ => false,
        }
    }

    /// A scalar to be held by a local or aggregate.
    pub(super) fn owned(&mut self, id: ExprId) -> ValueId {
        let value = self.expr(id);
        if self.shared.program.expr(id).ty == TypeId::STR && self.borrows_state(id) {
            return self.b.text(TextOp::Copy, value);
        }
        value
    }

    /// A text in state memory.
    pub(super) fn keep(&mut self, text: ValueId) -> ValueId {
        self.b.text(TextOp::Keep, text)
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
                let Type::Array(element, length) = self.settled(array) else {
                    return Element { ty: expr.ty, at: self.frame_address(0), index: None };
                };
                let at = self.address(base);
                // A constant index inside the array needs no check.
                if let Some(Value::Int(known)) = self.shared.program.constant(index)
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

    /// An element behind an index that was checked.
    pub(super) fn indexed(&mut self, ty: TypeId, at: Address, index: ValueId) -> Element {
        Element { ty, at, index: Some(index) }
    }

    /// The address of an aggregate value; what is no place is put into the frame first.
    pub(super) fn address_of_value(&mut self, id: ExprId) -> Address {
        match self.shared.program.expr(id).kind {
            ExprKind::Local(_) | ExprKind::State(_) | ExprKind::Field(..) | ExprKind::Index(..) => {
                self.address(id)
            }
            _ => Address { base: self.expr(id), offset: 0 },
        }
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

    /// Writes a scalar to a place.
    pub(super) fn store_place(&mut self, place: ExprId, value: ValueId) {
        let expr = self.shared.program.expr(place);
        if let ExprKind::Local(local) = expr.kind
            && let Slot::Variable(variable) = self.slot(local)
        {
            self.b.assign(variable, value);
            return;
        }
        let element = self.element(place);
        if expr.ty == TypeId::STR && self.is_state(place) {
            let old = self.load_element(&element);
            let kept = self.keep(value);
            self.store_element(&element, kept);
            self.b.intrinsic(Intrinsic::StateFree, 0, &[old]);
            return;
        }
        self.store_element(&element, value);
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
                    && let Some(value) = program.constant(id)
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
            (ExprKind::Repeat(value), Type::Array(element, length)) => {
                self.fill(value, element, length, to);
            }
            (ExprKind::None, _) => self.store_tagged(expr.ty, 0, &[], to),
            (ExprKind::Some(value), _) => self.store_tagged(expr.ty, 1, &[value], to),
            (ExprKind::Tagged(tag, list), _) => self.store_tagged(expr.ty, tag, program.list(list), to),
            (ExprKind::Call(function, list), ty) if ty.is_aggregate() => {
                let address = self.pointer(to);
                self.call_function(function, list, Some(address));
                // Texts that came in from the state may have come out again.
                if self.borrows_state(id) {
                    self.copy_texts(expr.ty, to, to, true);
                }
            }
            (ExprKind::CallValue(callee, list), ty) if ty.is_aggregate() => {
                let address = self.pointer(to);
                self.call_closure(callee, list, expr.ty, Some(address));
                if self.borrows_state(id) {
                    self.copy_texts(expr.ty, to, to, true);
                }
            }
            (ExprKind::If(cond, then, rest), ty) if ty.is_aggregate() => {
                self.if_value(cond, then, rest, &mut |lowering, value| lowering.store_into(value, to));
            }
            (ExprKind::Match(subject, arms), ty) if ty.is_aggregate() => {
                self.match_value(subject, arms, &mut |lowering, value| lowering.store_into(value, to));
            }
            (_, ty) if ty.is_aggregate() => {
                let from = self.address_of_value(id);
                self.copy_owned(id, expr.ty, from, to);
            }
            _ => {
                let value = self.owned(id);
                self.store_scalar(expr.ty, value, to);
            }
        }
    }

    fn fill(&mut self, value: ExprId, element: TypeId, length: u32, to: Address) {
        let size = self.size(element);
        let total = size.saturating_mul(length);
        if total == 0 {
            self.effect(value);
            return;
        }
        let scalar = self.shared.program.constant(value).and_then(|known| {
            let bits = super::data::scalar_bits(self.settled(element), &known)?;
            let byte = bits & 0xff;
            let same = (0..size.min(8)).all(|at| (bits >> (8 * at)) & 0xff == byte);
            same.then_some(byte)
        });
        if let Some(byte) = scalar {
            let base = self.pointer(to);
            let byte = self.b.constant(FirType::I64, byte);
            let bytes = self.b.i64(i64::from(total));
            self.b.intrinsic(Intrinsic::MemSet, 0, &[base, byte, bytes]);
            return;
        }
        // The first element, then each one from the one before it: the value is taken once.
        self.store_into(value, to);
        if length < 2 {
            return;
        }
        let base = self.pointer(to);
        let from = Address { base, offset: 0 };
        let from_index = self.b.i64(1);
        let end = self.b.i64(i64::from(length));
        self.count_up(from_index, end, |lowering, index| {
            let target = lowering.indexed(element, from, index);
            if lowering.settled(element).is_aggregate() {
                let to = lowering.plain(&target);
                lowering.copy(element, from, to);
            } else {
                let value = lowering.load_element(&Element { ty: element, at: from, index: None });
                lowering.store_element(&target, value);
            }
        });
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

    /// Copies an aggregate to where it may stay: texts of the state are copied too.
    pub(super) fn copy_owned(&mut self, value: ExprId, ty: TypeId, from: Address, to: Address) {
        let borrowed = self.borrows_state(value);
        self.copy_texts(ty, from, to, borrowed);
    }

    pub(super) fn copy_texts(&mut self, ty: TypeId, from: Address, to: Address, borrowed: bool) {
        if borrowed && self.shared.program.types.holds_text(ty) {
            let mut budget = MOST_TEXTS;
            self.copy_deep(ty, from, to, Texts::Copy, &mut budget);
        } else {
            self.copy(ty, from, to);
        }
    }

    /// Writes a value to a place of the state that holds texts or is an aggregate.
    pub(super) fn store_state(&mut self, value: ExprId, ty: TypeId, to: Address, old: Old) {
        if !self.shared.program.types.is_aggregate(ty) {
            let new = self.expr(value);
            if ty != TypeId::STR {
                self.store_scalar(ty, new, to);
                return;
            }
            let new = self.keep(new);
            let before = match old {
                Old::None => None,
                Old::Free => Some(self.b.load(FirType::Ptr, Access::Z32, to.base, to.displacement())),
            };
            self.b.store(Access::Z32, new, to.base, to.displacement());
            if let Some(before) = before {
                self.b.intrinsic(Intrinsic::StateFree, 0, &[before]);
            }
            return;
        }
        if !self.shared.program.types.holds_text(ty) && old == Old::None {
            self.store_into(value, to);
            return;
        }
        let from = self.address_of_value(value);
        if self.shared.program.types.holds_text(ty) {
            let mut budget = MOST_TEXTS;
            self.copy_deep(ty, from, to, Texts::Keep(old), &mut budget);
        } else {
            self.copy(ty, from, to);
        }
    }

    /// Copies an aggregate field by field where it holds texts.
    pub(super) fn copy_deep(
        &mut self,
        ty: TypeId,
        from: Address,
        to: Address,
        texts: Texts,
        budget: &mut u32,
    ) {
        if !self.shared.program.types.holds_text(ty) {
            match self.settled(ty) {
                settled if settled.is_aggregate() => self.copy(ty, from, to),
                _ => {
                    let value = self.load_element(&Element { ty, at: from, index: None });
                    self.store_scalar(ty, value, to);
                }
            }
            return;
        }
        match self.settled(ty) {
            Type::Str => {
                let Some(rest) = budget.checked_sub(1) else {
                    self.fail(alloc::format!("a value that holds more than {MOST_TEXTS} texts is copied"));
                    return;
                };
                *budget = rest;
                let text = self.b.load(FirType::Ptr, Access::Z32, from.base, from.displacement());
                let op = if texts == Texts::Copy { TextOp::Copy } else { TextOp::Keep };
                let new = self.b.text(op, text);
                let before = (texts == Texts::Keep(Old::Free))
                    .then(|| self.b.load(FirType::Ptr, Access::Z32, to.base, to.displacement()));
                self.b.store(Access::Z32, new, to.base, to.displacement());
                if let Some(before) = before {
                    self.b.intrinsic(Intrinsic::StateFree, 0, &[before]);
                }
            }
            Type::Struct(id) => {
                let program = self.shared.program;
                let fields = program.types.structure(id).map_or(&[][..], |row| &row.fields);
                for (index, field) in fields.iter().enumerate() {
                    let offset = program.types.field_offset(id, super::number(index)).unwrap_or(0);
                    self.copy_deep(field.ty, from.plus(offset), to.plus(offset), texts, budget);
                    if self.error.is_some() {
                        return;
                    }
                }
            }
            Type::Optional(_) | Type::Union(_) => self.copy_tagged(ty, from, to, texts, budget),
            Type::Array(element, length) => {
                let from = Address { base: self.pointer(from), offset: 0 };
                let to = Address { base: self.pointer(to), offset: 0 };
                let start = self.b.i64(0);
                let end = self.b.i64(i64::from(length));
                self.count_up(start, end, |lowering, index| {
                    let source = lowering.indexed(element, from, index);
                    let target = lowering.indexed(element, to, index);
                    let source = lowering.plain(&source);
                    let target = lowering.plain(&target);
                    lowering.copy_deep(element, source, target, texts, budget);
                });
            }
            _ => {}
        }
    }

    /// A value as a 64-bit word, for what takes any word.
    pub(super) fn word(&mut self, value: ValueId) -> ValueId {
        if self.b.value_type(value) == FirType::I64 { value } else { self.b.cast(FirType::I64, value) }
    }
}
