//! Growable arrays and bytes: literals, methods, going through their elements.
//!
//! An operation that changes an array works on the block of its place: it takes the values
//! first, so that nothing moves the block between its address and the change.

use super::function::{Lowering, Slot};
use super::glue::Glue;
use super::map::Column;
use super::memory::{Address, Element, HEAD};
use super::own::{Home, Origin};
use crate::fir::{Access, IntCompare, IntKind, IntOp, Intrinsic, Truth, Type as FirType, ValueId, Variable};
use crate::lang::sema::tree::{CollectionOp, ExprId, ExprKind, List, LocalId};
use crate::lang::sema::types::{Owns, Type, TypeId};
use alloc::vec::Vec;

/// Elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sequence {
    /// Their type.
    pub(super) element: TypeId,
    /// Where the first one is.
    pub(super) first: Address,
    /// How many.
    pub(super) length: ValueId,
}

/// Where the address of a block is held.
#[derive(Clone, Copy, Debug)]
pub(super) enum Holder {
    Variable(Variable),
    Place(Element),
}

impl Lowering<'_, '_, '_> {
    /// The elements of an array of any kind, which stay where they are.
    pub(super) fn sequence(&mut self, array: ExprId) -> Sequence {
        let ty = self.shared.program.expr(array).ty;
        if let Type::Array(element, length) = self.settled(ty) {
            let first = self.address_of_value(array);
            let base = self.pointer(first);
            let length = self.b.i64(i64::from(length));
            return Sequence { element, first: Address { base, offset: 0 }, length };
        }
        let block = self.expr(array);
        self.sequence_of_block(ty, block)
    }

    /// The elements of a block.
    pub(super) fn sequence_of_block(&mut self, ty: TypeId, block: ValueId) -> Sequence {
        let element = self.shared.program.types.element(ty).unwrap_or(TypeId::ERROR);
        let length = self.length_of(block);
        Sequence { element, first: Address { base: block, offset: HEAD }, length }
    }

    /// Makes a local one that borrows what it holds.
    pub(super) fn borrow(&mut self, local: LocalId, origin: Origin) {
        let ty = self.local_ty(local);
        if self.shared.program.types.is_aggregate(ty) {
            let address = self.b.declare(FirType::Ptr);
            if let Some(slot) = self.slots.get_mut(local.index()) {
                *slot = Slot::Variable(address);
            }
            self.introduce(local);
        }
        if let Some(slot) = self.borrows.get_mut(local.index()) {
            *slot = Some(origin);
        }
    }

    /// Lets a local that borrows stand for the element with this number.
    pub(super) fn bind_element(&mut self, local: LocalId, sequence: &Sequence, index: ValueId) {
        let element = self.indexed(sequence.element, sequence.first, index);
        let value = self.load_element(&element);
        self.set_local(local, value);
    }

    // ------------------------------------------------------------ literals

    /// A block for so many elements, its length set; 0 for none.
    pub(super) fn new_block(&mut self, size: u32, count: ValueId) -> ValueId {
        let size = self.b.i64(i64::from(size));
        self.runtime_glue(Glue::NewBlock, &[count, size])
    }

    /// `[a, b]` as a growable array or bytes.
    pub(super) fn list_literal(&mut self, list: List, ty: TypeId) -> ValueId {
        let values = self.shared.program.list(list);
        if values.is_empty() {
            return self.b.address(0);
        }
        let element = self.shared.program.types.element(ty).unwrap_or(TypeId::ERROR);
        let size = self.size(element);
        let count = self.b.i64(i64::from(super::number(values.len())));
        let block = self.new_block(size, count);
        for (index, value) in values.iter().enumerate() {
            let offset = HEAD.saturating_add(super::number(index).saturating_mul(size));
            self.store_into(*value, Address { base: block, offset });
        }
        block
    }

    /// `[a; n]` as a growable array or bytes.
    pub(super) fn list_repeat(&mut self, value: ExprId, count: ExprId, ty: TypeId) -> ValueId {
        let element = self.shared.program.types.element(ty).unwrap_or(TypeId::ERROR);
        let count = self.expr(count);
        let block = self.new_block(self.size(element), count);
        self.fill(value, element, count, Address { base: block, offset: HEAD });
        block
    }

    // ------------------------------------------------------------ operations

    pub(super) fn collection(&mut self, op: CollectionOp, list: List, ty: TypeId) -> Option<ValueId> {
        let program = self.shared.program;
        let ids = program.list(list);
        let nth = |index: usize| ids.get(index).copied().unwrap_or(ExprId(u32::MAX));
        Some(match op {
            CollectionOp::Length => {
                let block = self.expr(nth(0));
                self.length_of(block)
            }
            CollectionOp::Push => {
                self.push(nth(0), nth(1));
                return None;
            }
            CollectionOp::Insert => {
                self.insert(nth(0), nth(1), nth(2));
                return None;
            }
            CollectionOp::Remove => self.remove(nth(0), nth(1), ty),
            CollectionOp::Contains => self.contains(nth(0), nth(1)),
            CollectionOp::Slice => self.slice(nth(0), nth(1), nth(2)),
            CollectionOp::Concat => {
                let (a, b) = (self.steady(nth(0), &[nth(1)]), self.expr(nth(1)));
                self.concat(ty, a, b)
            }
            CollectionOp::Pop => self.pop(nth(0), ty),
            CollectionOp::MapOf => self.map_literal(ids, ty),
            CollectionOp::Get => self.get(nth(0), nth(1), ty),
            CollectionOp::Set => {
                self.set(nth(0), nth(1), nth(2));
                return None;
            }
            CollectionOp::Has => {
                let (_, found) = self.find_entry(nth(0), nth(1));
                found
            }
            CollectionOp::Take => self.take(nth(0), nth(1), ty),
            CollectionOp::Keys => self.column(nth(0), Column::Keys),
            CollectionOp::Values => self.column(nth(0), Column::Values),
            CollectionOp::Map => self.map_elements(nth(0), nth(1), ty),
            CollectionOp::Filter => self.filter(nth(0), nth(1), ty),
            CollectionOp::Fold => self.fold(nth(0), nth(1), nth(2), ty),
            CollectionOp::Any => self.any(nth(0), nth(1), Truth::True),
            CollectionOp::All => self.any(nth(0), nth(1), Truth::False),
            CollectionOp::First => self.first(nth(0), nth(1), ty),
            CollectionOp::OfRegion(op) => return self.region_operation(op, ids),
            CollectionOp::Sort => {
                self.sort(nth(0), ids.get(1).copied());
                return None;
            }
            _ => self.text_method(op, ids, ty),
        })
    }

    /// Where a growable value is held.
    pub(super) fn holder(&mut self, place: ExprId) -> Holder {
        if let ExprKind::Local(local) = self.shared.program.expr(place).kind
            && let Slot::Variable(variable) = self.slot(local)
        {
            return Holder::Variable(variable);
        }
        let element = self.element(place);
        let at = self.plain(&element);
        Holder::Place(Element::at(element.ty, at))
    }

    pub(super) fn held(&mut self, holder: Holder) -> ValueId {
        match holder {
            Holder::Variable(variable) => self.b.read(variable),
            Holder::Place(place) => self.load_element(&place),
        }
    }

    pub(super) fn hold(&mut self, holder: Holder, block: ValueId) {
        match holder {
            Holder::Variable(variable) => self.b.assign(variable, block),
            Holder::Place(place) => self.store_element(&place, block),
        }
    }

    pub(super) fn set_length(&mut self, block: ValueId, length: ValueId) {
        self.b.store(Access::Z32, length, block, 0);
    }

    pub(super) fn add(&mut self, value: ValueId, by: i64) -> ValueId {
        let by = self.b.i64(by);
        self.b.int_op(IntOp::WrappingAdd, IntKind::I64, value, by)
    }

    /// Address of an element of a block.
    fn element_address(&mut self, block: ValueId, index: ValueId, size: u32) -> ValueId {
        let size = self.b.i64(i64::from(size));
        let bytes = self.b.int_op(IntOp::WrappingMul, IntKind::I64, index, size);
        let base = self.b.ptr_add(block, bytes);
        self.pointer(Address { base, offset: HEAD })
    }

    /// Makes room for one more element in the block of a place. Gives block and length; a block of
    /// the state that was left behind is in the third, to be freed when the element is in place.
    fn make_room(&mut self, place: ExprId, size: u32) -> (ValueId, ValueId, Option<ValueId>) {
        let home = self.home(place);
        let holder = self.holder(place);
        let old = self.held(holder);
        let length = self.length_of(old);
        let capacity = self.b.load(FirType::I64, Access::Z32, old, 4);
        let block = self.b.declare(FirType::Ptr);
        let left = self.b.declare(FirType::Ptr);
        self.b.assign(block, old);
        let nothing = self.b.address(0);
        self.b.assign(left, nothing);
        let full = self.b.compare(IntCompare::Eq, length, capacity);
        let grow = self.b.create_block();
        let go_on = self.b.create_block();
        self.b.branch(full, grow, go_on);
        self.b.seal_block(grow);
        self.b.switch_to(grow);
        let bytes = self.b.i64(i64::from(size));
        let op = if home == Home::State { Glue::GrowState } else { Glue::Grow };
        let grown = self.runtime_glue(op, &[old, bytes]);
        self.hold(holder, grown);
        self.b.assign(block, grown);
        self.b.assign(left, old);
        self.b.jump(go_on, &[]);
        self.b.seal_block(go_on);
        self.b.switch_to(go_on);
        let block = self.b.read(block);
        let left = (home == Home::State).then(|| self.b.read(left));
        (block, length, left)
    }

    fn push(&mut self, place: ExprId, value: ExprId) {
        let element = self.shared.program.expr(value).ty;
        let size = self.size(element);
        let item = self.item(value, self.home(place));
        let (block, length, left) = self.make_room(place, size);
        let target = self.indexed(element, Address { base: block, offset: HEAD }, length);
        self.put(item, &target);
        let longer = self.add(length, 1);
        self.set_length(block, longer);
        if let Some(left) = left {
            self.b.intrinsic(Intrinsic::StateFree, 0, &[left]);
        }
    }

    fn insert(&mut self, place: ExprId, index: ExprId, value: ExprId) {
        let element = self.shared.program.expr(value).ty;
        let size = self.size(element);
        let index = self.expr(index);
        let item = self.item(value, self.home(place));
        let (block, length, left) = self.make_room(place, size);
        let longer = self.add(length, 1);
        self.b.index_check(index, longer);
        let from = self.element_address(block, index, size);
        let bytes = self.b.i64(i64::from(size));
        let to = self.b.ptr_add(from, bytes);
        let behind = self.b.int_op(IntOp::WrappingSub, IntKind::I64, length, index);
        let moved = self.b.int_op(IntOp::WrappingMul, IntKind::I64, behind, bytes);
        self.b.intrinsic(Intrinsic::MemCopy, 0, &[to, from, moved]);
        let target = self.indexed(element, Address { base: block, offset: HEAD }, index);
        self.put(item, &target);
        self.set_length(block, longer);
        if let Some(left) = left {
            self.b.intrinsic(Intrinsic::StateFree, 0, &[left]);
        }
    }

    /// Takes an element out; the value is a word, or the address of an aggregate in the frame.
    fn remove(&mut self, place: ExprId, index: ExprId, element: TypeId) -> ValueId {
        let home = self.home(place);
        let index = self.expr(index);
        let holder = self.holder(place);
        let block = self.held(holder);
        let length = self.length_of(block);
        self.b.index_check(index, length);
        let at = self.indexed(element, Address { base: block, offset: HEAD }, index);
        let value = self.taken_out(&at, home);
        let size = self.size(element);
        let to = self.element_address(block, index, size);
        let bytes = self.b.i64(i64::from(size));
        let from = self.b.ptr_add(to, bytes);
        let shorter = self.add(length, -1);
        let behind = self.b.int_op(IntOp::WrappingSub, IntKind::I64, shorter, index);
        let moved = self.b.int_op(IntOp::WrappingMul, IntKind::I64, behind, bytes);
        self.b.intrinsic(Intrinsic::MemCopy, 0, &[to, from, moved]);
        self.set_length(block, shorter);
        value
    }

    /// Takes the last element out; gives the address of an optional.
    fn pop(&mut self, place: ExprId, ty: TypeId) -> ValueId {
        let element = self.shared.program.types.element(self.shared.program.expr(place).ty);
        let element = element.unwrap_or(TypeId::ERROR);
        let home = self.home(place);
        let holder = self.holder(place);
        let block = self.held(holder);
        let length = self.length_of(block);
        let zero = self.b.i64(0);
        let some = self.b.compare(IntCompare::Ne, length, zero);
        self.optional_result(ty, some, &mut |lowering, to| {
            let shorter = lowering.add(length, -1);
            let last = lowering.indexed(element, Address { base: block, offset: HEAD }, shorter);
            let value = lowering.taken_out(&last, home);
            if lowering.shared.program.types.is_aggregate(element) {
                lowering.copy(element, Address { base: value, offset: 0 }, to);
            } else {
                lowering.store_scalar(element, value, to);
            }
            lowering.set_length(block, shorter);
        })
    }

    /// Moves the value in a place to the arena: a word, or the address of an aggregate.
    pub(super) fn taken_out(&mut self, from: &Element, home: Home) -> ValueId {
        let ty = from.ty;
        if !self.shared.program.types.is_aggregate(ty) {
            let value = self.load_element(from);
            if home == Home::State && self.owns(ty) != Owns::Nothing {
                let own = self.remade(ty, value, Glue::Copy);
                self.release_word(ty, value);
                return own;
            }
            return value;
        }
        let at = self.plain(from);
        let offset = self.reserve(ty);
        let to = self.frame_address(offset);
        self.copy(ty, at, to);
        if home == Home::State {
            self.adopt(ty, to, Origin::State);
            self.release(&Element::at(ty, at));
        }
        self.pointer(to)
    }

    fn contains(&mut self, array: ExprId, value: ExprId) -> ValueId {
        let (sequence, _) = self.steady_sequence(array, &[value]);
        let element = sequence.element;
        let wanted = self.compared(value);
        let found = self.b.declare(FirType::Bool);
        let no = self.b.boolean(Truth::False);
        self.b.assign(found, no);
        let zero = self.b.i64(0);
        let out = self.b.create_block();
        self.count_up(zero, sequence.length, |lowering, index| {
            let at = lowering.indexed(element, sequence.first, index);
            let value = lowering.load_element(&at);
            let equal = lowering.equal(element, value, wanted);
            let hit = lowering.b.create_block();
            let next = lowering.b.create_block();
            lowering.b.branch(equal, hit, next);
            lowering.b.seal_block(hit);
            lowering.b.seal_block(next);
            lowering.b.switch_to(hit);
            let yes = lowering.b.boolean(Truth::True);
            lowering.b.assign(found, yes);
            lowering.b.jump(out, &[]);
            lowering.b.switch_to(next);
        });
        self.b.jump(out, &[]);
        self.b.seal_block(out);
        self.b.switch_to(out);
        self.b.read(found)
    }

    /// A value to compare with: a word, or the address of an aggregate.
    pub(super) fn compared(&mut self, id: ExprId) -> ValueId {
        if self.shared.program.types.is_aggregate(self.shared.program.expr(id).ty) {
            let at = self.address_of_value(id);
            return self.pointer(at);
        }
        self.expr(id)
    }

    fn slice(&mut self, array: ExprId, from: ExprId, to: ExprId) -> ValueId {
        let (sequence, origin) = self.steady_sequence(array, &[from, to]);
        let from = self.expr(from);
        let to = self.expr(to);
        // from <= to <= length, unsigned: a negative number is above every length.
        let above = self.add(sequence.length, 1);
        self.b.index_check(to, above);
        let above = self.add(to, 1);
        self.b.index_check(from, above);
        let count = self.b.int_op(IntOp::WrappingSub, IntKind::I64, to, from);
        let size = self.size(sequence.element);
        let block = self.new_block(size, count);
        let first = self.pointer(sequence.first);
        let size_value = self.b.i64(i64::from(size));
        let skipped = self.b.int_op(IntOp::WrappingMul, IntKind::I64, from, size_value);
        let source = self.b.ptr_add(first, skipped);
        self.copy_elements(sequence.element, source, block, 0, count, origin);
        block
    }

    /// Copies elements to the front of a block, behind `skip` bytes; each owns what it holds.
    fn copy_elements(
        &mut self,
        element: TypeId,
        from: ValueId,
        block: ValueId,
        skip: u32,
        count: ValueId,
        origin: Origin,
    ) {
        let size = self.b.i64(i64::from(self.size(element)));
        let bytes = self.b.int_op(IntOp::WrappingMul, IntKind::I64, count, size);
        let to = self.pointer(Address { base: block, offset: HEAD.saturating_add(skip) });
        self.b.intrinsic(Intrinsic::MemCopy, 0, &[to, from, bytes]);
        self.adopt_elements(element, to, count, origin);
    }

    /// Gives elements, whose bytes were copied from `origin`, memory of their own.
    pub(super) fn adopt_elements(&mut self, element: TypeId, first: ValueId, count: ValueId, origin: Origin) {
        let op = match (origin, self.owns(element)) {
            (_, Owns::Nothing) | (Origin::Fresh, _) | (Origin::Shared, Owns::Texts) => return,
            (Origin::Shared, Owns::Blocks) => Glue::Share,
            (Origin::State, _) => Glue::Copy,
        };
        self.each_remade(element, first, count, op);
    }

    /// Replaces what each of some elements owns by copies.
    pub(super) fn each_remade(&mut self, element: TypeId, first: ValueId, count: ValueId, op: Glue) {
        let zero = self.b.i64(0);
        let first = Address { base: first, offset: 0 };
        self.count_up(zero, count, |lowering, index| {
            let at = lowering.indexed(element, first, index);
            if lowering.shared.program.types.is_aggregate(element) {
                let at = lowering.plain(&at);
                let at = lowering.pointer(at);
                lowering.remake(element, at, op);
            } else {
                let old = lowering.load_element(&at);
                let new = lowering.remade(element, old, op);
                lowering.store_element(&at, new);
            }
        });
    }

    /// One array behind another, as a new one.
    pub(super) fn concat(&mut self, ty: TypeId, a: ValueId, b: ValueId) -> ValueId {
        let element = self.shared.program.types.element(ty).unwrap_or(TypeId::ERROR);
        let (first, second) = (self.length_of(a), self.length_of(b));
        let count = self.b.int_op(IntOp::Add, IntKind::I64, first, second);
        let size = self.size(element);
        let block = self.new_block(size, count);
        let bytes = self.b.i64(i64::from(size));
        let mut to = self.pointer(Address { base: block, offset: HEAD });
        let mut parts = Vec::new();
        for (from, length) in [(a, first), (b, second)] {
            let from = self.pointer(Address { base: from, offset: HEAD });
            let moved = self.b.int_op(IntOp::WrappingMul, IntKind::I64, length, bytes);
            self.b.intrinsic(Intrinsic::MemCopy, 0, &[to, from, moved]);
            parts.push((to, length));
            to = self.b.ptr_add(to, moved);
        }
        for (first, length) in parts {
            // Its parts may be of the state, as far as this can tell.
            self.adopt_elements(element, first, length, Origin::State);
        }
        block
    }

    // ------------------------------------------------------------ equality

    /// Tells whether two values of one type are equal: words, or addresses of aggregates.
    pub(super) fn equal(&mut self, ty: TypeId, a: ValueId, b: ValueId) -> ValueId {
        match self.settled(ty) {
            kind if kind.is_aggregate() || matches!(kind, Type::List(_) | Type::Bytes | Type::Map(..)) => {
                let func = self.glue(ty, Glue::Equal);
                let equal = self.b.call(func, FirType::Bool, &[a, b]);
                equal.unwrap_or(a)
            }
            _ => self.operate(crate::lang::syntax::ast::BinaryOp::Eq, ty, a, b),
        }
    }
}
