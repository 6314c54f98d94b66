//! Operations that go through an array with a function, and sorting.

use super::function::Lowering;
use super::glue::Glue;
use super::list::Sequence;
use super::memory::{Address, Element, HEAD};
use super::own::Origin;
use crate::fir::{IntCompare, IntKind, IntOp, Intrinsic, Truth, Type as FirType, ValueId};
use crate::lang::sema::tree::ExprId;
use crate::lang::sema::types::{Type, TypeId};
use crate::lang::syntax::ast::BinaryOp;

/// An array that a function goes through.
struct Pass {
    sequence: Sequence,
    /// Whose memory the elements hold; the array goes on holding them.
    origin: Origin,
    /// The function value.
    function: ValueId,
}

impl Pass {
    /// Whose memory the results of the function hold.
    fn results(&self) -> Origin {
        if self.origin == Origin::State { Origin::State } else { Origin::Fresh }
    }
}

impl Lowering<'_, '_, '_> {
    fn pass(&mut self, array: ExprId, function: ExprId) -> Pass {
        let (sequence, origin) = self.steady_sequence(array, &[function]);
        let function = self.expr(function);
        Pass { sequence, origin, function }
    }

    fn element_value(&mut self, sequence: &Sequence, index: ValueId) -> ValueId {
        let element = self.indexed(sequence.element, sequence.first, index);
        self.load_element(&element)
    }

    /// Asks the function about the element with a number.
    fn holds(&mut self, pass: &Pass, index: ValueId) -> ValueId {
        let value = self.element_value(&pass.sequence, index);
        self.call_object(pass.function, &[value], TypeId::BOOL, None).unwrap_or(value)
    }

    /// Carries something out if the condition holds.
    fn when(&mut self, condition: ValueId, then: impl FnOnce(&mut Self)) {
        let [inside, end] = core::array::from_fn(|_| self.b.create_block());
        self.b.branch(condition, inside, end);
        self.b.seal_block(inside);
        self.b.switch_to(inside);
        then(self);
        self.b.jump(end, &[]);
        self.b.seal_block(end);
        self.b.switch_to(end);
    }

    pub(super) fn map_elements(&mut self, array: ExprId, function: ExprId, ty: TypeId) -> ValueId {
        let pass = self.pass(array, function);
        let to = self.shared.program.types.element(ty).unwrap_or(TypeId::ERROR);
        let block = self.new_block(self.size(to), pass.sequence.length);
        let first = Address { base: block, offset: HEAD };
        let zero = self.b.i64(0);
        self.count_up(zero, pass.sequence.length, |lowering, index| {
            let value = lowering.element_value(&pass.sequence, index);
            let place = lowering.indexed(to, first, index);
            if lowering.shared.program.types.is_aggregate(to) {
                let at = lowering.plain(&place);
                let address = lowering.pointer(at);
                lowering.call_object(pass.function, &[value], to, Some(address));
                lowering.adopt(to, Address { base: address, offset: 0 }, pass.results());
            } else {
                let made = lowering.call_object(pass.function, &[value], to, None).unwrap_or(value);
                let made = lowering.owned_word(to, made, pass.results());
                lowering.store_element(&place, made);
            }
        });
        block
    }

    pub(super) fn filter(&mut self, array: ExprId, function: ExprId, ty: TypeId) -> ValueId {
        let pass = self.pass(array, function);
        let element = self.shared.program.types.element(ty).unwrap_or(TypeId::ERROR);
        // Room for all; those that are kept come first.
        let block = self.new_block(self.size(element), pass.sequence.length);
        let first = Address { base: block, offset: HEAD };
        let kept = self.b.declare(FirType::I64);
        let zero = self.b.i64(0);
        self.b.assign(kept, zero);
        self.count_up(zero, pass.sequence.length, |lowering, index| {
            let holds = lowering.holds(&pass, index);
            lowering.when(holds, |lowering| {
                let from = lowering.indexed(element, pass.sequence.first, index);
                let number = lowering.b.read(kept);
                let to = lowering.indexed(element, first, number);
                let to = lowering.plain(&to);
                lowering.move_to(&from, to);
                let more = lowering.add(number, 1);
                lowering.b.assign(kept, more);
            });
        });
        let count = self.b.read(kept);
        self.set_length(block, count);
        let first = self.pointer(first);
        self.adopt_elements(element, first, count, pass.origin);
        block
    }

    pub(super) fn fold(&mut self, array: ExprId, start: ExprId, function: ExprId, ty: TypeId) -> ValueId {
        if self.shared.program.types.is_aggregate(ty) {
            return self.fold_aggregate(array, start, function, ty);
        }
        let so_far = self.owned(start);
        let result = self.b.declare(self.b.value_type(so_far));
        self.b.assign(result, so_far);
        let pass = self.pass(array, function);
        let zero = self.b.i64(0);
        self.count_up(zero, pass.sequence.length, |lowering, index| {
            let value = lowering.element_value(&pass.sequence, index);
            let so_far = lowering.b.read(result);
            let made = lowering.call_object(pass.function, &[so_far, value], ty, None).unwrap_or(so_far);
            let made = lowering.owned_word(ty, made, pass.results());
            lowering.b.assign(result, made);
        });
        self.b.read(result)
    }

    fn fold_aggregate(&mut self, array: ExprId, start: ExprId, function: ExprId, ty: TypeId) -> ValueId {
        let (result, next) = (self.reserve(ty), self.reserve(ty));
        let to = self.frame_address(result);
        self.store_into(start, to);
        let pass = self.pass(array, function);
        let zero = self.b.i64(0);
        self.count_up(zero, pass.sequence.length, |lowering, index| {
            let value = lowering.element_value(&pass.sequence, index);
            let (so_far, made) = (lowering.frame_address(result), lowering.frame_address(next));
            let (so_far_at, made_at) = (lowering.pointer(so_far), lowering.pointer(made));
            lowering.call_object(pass.function, &[so_far_at, value], ty, Some(made_at));
            lowering.adopt(ty, made, pass.results());
            lowering.copy(ty, made, so_far);
        });
        let at = self.frame_address(result);
        self.pointer(at)
    }

    /// Number of the first element for which the function gives `wanted`, or -1.
    fn first_index(&mut self, pass: &Pass, wanted: Truth) -> ValueId {
        let found = self.b.declare(FirType::I64);
        let none = self.b.i64(-1);
        self.b.assign(found, none);
        let zero = self.b.i64(0);
        let out = self.b.create_block();
        self.count_up(zero, pass.sequence.length, |lowering, index| {
            let holds = lowering.holds(pass, index);
            let [hit, next] = core::array::from_fn(|_| lowering.b.create_block());
            match wanted {
                Truth::True => lowering.b.branch(holds, hit, next),
                Truth::False => lowering.b.branch(holds, next, hit),
            }
            lowering.b.seal_block(hit);
            lowering.b.seal_block(next);
            lowering.b.switch_to(hit);
            lowering.b.assign(found, index);
            lowering.b.jump(out, &[]);
            lowering.b.switch_to(next);
        });
        self.b.jump(out, &[]);
        self.b.seal_block(out);
        self.b.switch_to(out);
        self.b.read(found)
    }

    /// Whether the function holds for an element (`True`), or for all of them (`False`).
    pub(super) fn any(&mut self, array: ExprId, function: ExprId, wanted: Truth) -> ValueId {
        let pass = self.pass(array, function);
        let index = self.first_index(&pass, wanted);
        let zero = self.b.i64(0);
        let op = if wanted == Truth::True { IntCompare::Sge } else { IntCompare::Slt };
        self.b.compare(op, index, zero)
    }

    /// The first element for which the function holds, as the address of an optional.
    pub(super) fn first(&mut self, array: ExprId, function: ExprId, ty: TypeId) -> ValueId {
        let pass = self.pass(array, function);
        let index = self.first_index(&pass, Truth::True);
        let zero = self.b.i64(0);
        let some = self.b.compare(IntCompare::Sge, index, zero);
        let element = pass.sequence.element;
        self.optional_result(ty, some, &mut |lowering, to| {
            let from = lowering.indexed(element, pass.sequence.first, index);
            if lowering.shared.program.types.is_aggregate(element) {
                lowering.move_to(&from, to);
                lowering.adopt(element, to, pass.origin);
            } else {
                let value = lowering.load_element(&from);
                let value = lowering.owned_word(element, value, pass.origin);
                lowering.store_scalar(element, value, to);
            }
        })
    }

    // ------------------------------------------------------------ sorting

    pub(super) fn sort(&mut self, place: ExprId, before: Option<ExprId>) {
        let before = before.map(|function| self.expr(function));
        let sequence = self.sequence(place);
        let first = self.pointer(sequence.first);
        match before {
            Some(function) => {
                let func = self.glue(sequence.element, Glue::SortBy);
                self.b.call(func, FirType::Void, &[first, sequence.length, function]);
            }
            None => {
                let func = self.glue(sequence.element, Glue::Sort);
                self.b.call(func, FirType::Void, &[first, sequence.length]);
            }
        }
    }

    /// A loop while a condition holds.
    fn repeat_while(&mut self, condition: impl FnOnce(&mut Self) -> ValueId, body: impl FnOnce(&mut Self)) {
        let [head, inside, out] = core::array::from_fn(|_| self.b.create_block());
        self.b.jump(head, &[]);
        self.b.switch_to(head);
        let more = condition(self);
        self.b.branch(more, inside, out);
        self.b.seal_block(inside);
        self.b.switch_to(inside);
        body(self);
        self.b.jump(head, &[]);
        self.b.seal_block(head);
        self.b.seal_block(out);
        self.b.switch_to(out);
    }

    /// Merges runs of 1, 2, 4 … elements between two copies of the array; the array itself changes
    /// only at the end, so that a trap in the function leaves it as it was.
    pub(super) fn sort_body(&mut self, element: TypeId, op: Glue) {
        let (first, count) = (self.b.param(0), self.b.param(1));
        let function = (op == Glue::SortBy).then(|| self.b.param(2));
        let size = self.b.i64(i64::from(self.size(element)));
        let bytes = self.b.int_op(IntOp::WrappingMul, IntKind::I64, count, size);
        let one = self.alloc(Intrinsic::ArenaAlloc, bytes);
        let other = self.alloc(Intrinsic::ArenaAlloc, bytes);
        self.b.intrinsic(Intrinsic::MemCopy, 0, &[one, first, bytes]);
        let [from, to] = core::array::from_fn(|_| self.b.declare(FirType::Ptr));
        let width = self.b.declare(FirType::I64);
        let single = self.b.i64(1);
        self.b.assign(from, one);
        self.b.assign(to, other);
        self.b.assign(width, single);
        self.repeat_while(
            |lowering| {
                let width = lowering.b.read(width);
                lowering.b.compare(IntCompare::Slt, width, count)
            },
            |lowering| {
                let start = lowering.b.declare(FirType::I64);
                let zero = lowering.b.i64(0);
                lowering.b.assign(start, zero);
                let run = lowering.b.read(width);
                let (source, target) = (lowering.b.read(from), lowering.b.read(to));
                lowering.repeat_while(
                    |lowering| {
                        let start = lowering.b.read(start);
                        lowering.b.compare(IntCompare::Slt, start, count)
                    },
                    |lowering| {
                        let begin = lowering.b.read(start);
                        let end = lowering.merge(element, function, [source, target], begin, run, count);
                        lowering.b.assign(start, end);
                    },
                );
                lowering.b.assign(from, target);
                lowering.b.assign(to, source);
                let twice = lowering.b.int_op(IntOp::WrappingAdd, IntKind::I64, run, run);
                lowering.b.assign(width, twice);
            },
        );
        let sorted = self.b.read(from);
        self.b.intrinsic(Intrinsic::MemCopy, 0, &[first, sorted, bytes]);
        self.b.ret(None);
    }

    /// Merges two runs that begin at `begin`; gives the end of the second one.
    fn merge(
        &mut self,
        element: TypeId,
        function: Option<ValueId>,
        [source, target]: [ValueId; 2],
        begin: ValueId,
        run: ValueId,
        count: ValueId,
    ) -> ValueId {
        let middle = self.b.int_op(IntOp::WrappingAdd, IntKind::I64, begin, run);
        let middle = self.b.int_op(IntOp::Min, IntKind::I64, middle, count);
        let end = self.b.int_op(IntOp::WrappingAdd, IntKind::I64, middle, run);
        let end = self.b.int_op(IntOp::Min, IntKind::I64, end, count);
        let [left, right] = core::array::from_fn(|_| self.b.declare(FirType::I64));
        self.b.assign(left, begin);
        self.b.assign(right, middle);
        let (source, target) = (Address { base: source, offset: 0 }, Address { base: target, offset: 0 });
        self.count_up(begin, end, |lowering, number| {
            let (a, b) = (lowering.b.read(left), lowering.b.read(right));
            let second = lowering.takes_second(element, function, source, [a, b], [middle, end]);
            let taken = lowering.b.select(second, b, a);
            let from = lowering.indexed(element, source, taken);
            let to = lowering.indexed(element, target, number);
            let to = lowering.plain(&to);
            lowering.move_to(&from, to);
            let (next_a, next_b) = (lowering.add(a, 1), lowering.add(b, 1));
            let a = lowering.b.select(second, a, next_a);
            let b = lowering.b.select(second, next_b, b);
            lowering.b.assign(left, a);
            lowering.b.assign(right, b);
        });
        end
    }

    /// Whether the next element of the second run comes before that of the first.
    fn takes_second(
        &mut self,
        element: TypeId,
        function: Option<ValueId>,
        source: Address,
        [a, b]: [ValueId; 2],
        [middle, end]: [ValueId; 2],
    ) -> ValueId {
        let result = self.b.declare(FirType::Bool);
        let no = self.b.boolean(Truth::False);
        self.b.assign(result, no);
        let more = self.b.compare(IntCompare::Slt, b, end);
        self.when(more, |lowering| {
            let yes = lowering.b.boolean(Truth::True);
            lowering.b.assign(result, yes);
            let both = lowering.b.compare(IntCompare::Slt, a, middle);
            lowering.when(both, |lowering| {
                let [x, y] = [a, b].map(|index| {
                    let place: Element = lowering.indexed(element, source, index);
                    lowering.load_element(&place)
                });
                let before = match function {
                    Some(function) => {
                        lowering.call_object(function, &[y, x], TypeId::BOOL, None).unwrap_or(x)
                    }
                    None => match lowering.settled(element) {
                        Type::Error => no,
                        _ => lowering.operate(BinaryOp::Lt, element, y, x),
                    },
                };
                lowering.b.assign(result, before);
            });
        });
        self.b.read(result)
    }
}
