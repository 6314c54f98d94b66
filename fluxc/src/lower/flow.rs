//! Choices and loops of statements.

use super::function::{Loop, Lowering, Slot};
use super::list::Sequence;
use super::memory::Address;
use super::own::Origin;
use crate::fir::{BlockId, IntCompare, IntKind, IntOp, ValueId};
use crate::lang::sema::tree;
use crate::lang::sema::tree::{Block, Case, ExprId, LocalId};
use crate::lang::sema::types::Type;
use crate::lang::syntax::ast::{BinaryOp, Bound, Dialect, LoopTest};
use alloc::vec::Vec;

impl<'p> Lowering<'_, 'p, '_> {
    pub(super) fn if_stmt(&mut self, arms: &'p [(ExprId, Block)], rest: Option<&'p Block>) {
        let end = self.b.create_block();
        for (cond, body) in arms {
            let then = self.b.create_block();
            let next = self.b.create_block();
            self.condition(*cond, then, next);
            self.b.seal_block(then);
            self.b.seal_block(next);
            self.b.switch_to(then);
            self.block(body);
            self.go_on(end);
            self.b.switch_to(next);
        }
        if let Some(rest) = rest {
            self.block(rest);
        }
        self.go_on(end);
        self.b.seal_block(end);
        self.b.switch_to(end);
    }

    /// Jumps there unless the block has ended already.
    pub(super) fn go_on(&mut self, to: BlockId) {
        if !self.b.is_filled() {
            self.b.jump(to, &[]);
        }
    }

    pub(super) fn loop_body(&mut self, body: &'p Block, next: BlockId, end: BlockId) {
        self.loops.push(Loop { next, end });
        self.block(body);
        self.go_on(next);
        self.loops.pop();
    }

    pub(super) fn while_stmt(&mut self, cond: ExprId, body: &'p Block) {
        let head = self.b.create_block();
        let inside = self.b.create_block();
        let end = self.b.create_block();
        self.b.jump(head, &[]);
        self.b.switch_to(head);
        self.condition(cond, inside, end);
        self.b.seal_block(inside);
        self.b.switch_to(inside);
        self.loop_body(body, head, end);
        self.b.seal_block(head);
        self.b.seal_block(end);
        self.b.switch_to(end);
    }

    /// A loop with a step; `continue` goes to the step, or to the condition behind the body.
    pub(super) fn full_loop(&mut self, parts: &'p tree::Loop) {
        let tree::Loop { cond, test, body, step } = parts;
        let cond = *cond;
        let inside = self.b.create_block();
        let next = self.b.create_block();
        let end = self.b.create_block();
        match test {
            LoopTest::Before => {
                let head = self.b.create_block();
                self.b.jump(head, &[]);
                self.b.switch_to(head);
                self.round(cond, inside, end);
                self.b.seal_block(inside);
                self.b.switch_to(inside);
                self.loop_body(body, next, end);
                self.b.seal_block(next);
                self.b.switch_to(next);
                self.block(step);
                self.go_on(head);
                self.b.seal_block(head);
            }
            LoopTest::After => {
                self.b.jump(inside, &[]);
                self.b.switch_to(inside);
                self.loop_body(body, next, end);
                self.b.seal_block(next);
                self.b.switch_to(next);
                self.round(cond, inside, end);
                self.b.seal_block(inside);
            }
        }
        self.b.seal_block(end);
        self.b.switch_to(end);
    }

    /// Goes into a further round if the condition holds.
    fn round(&mut self, cond: Option<ExprId>, inside: BlockId, end: BlockId) {
        match cond {
            Some(cond) => self.condition(cond, inside, end),
            None => self.b.jump(inside, &[]),
        }
    }

    /// A choice by number: compares label by label; cases go on into each other.
    pub(super) fn switch(&mut self, subject: ExprId, cases: &'p [Case]) {
        let ty = self.shared.program.expr(subject).ty;
        let value = self.expr(subject);
        let end = self.b.create_block();
        let bodies: Vec<BlockId> = cases.iter().map(|_| self.b.create_block()).collect();
        let mut rest = end;
        for (case, body) in cases.iter().zip(&bodies) {
            if case.takes_rest {
                rest = *body;
            }
            for label in &case.labels {
                let other = self.b.create_block();
                let expected = self.expr(*label);
                let fits = self.operate(BinaryOp::Eq, ty, value, expected);
                self.b.branch(fits, *body, other);
                self.b.seal_block(other);
                self.b.switch_to(other);
            }
        }
        self.b.jump(rest, &[]);
        let next = self.loops.last().map_or(end, |around| around.next);
        self.loops.push(Loop { next, end });
        let after = bodies.iter().skip(1).copied().chain([end]);
        for ((case, body), after) in cases.iter().zip(&bodies).zip(after) {
            // The case before it has been made, and so have all jumps to this one.
            self.b.seal_block(*body);
            self.b.switch_to(*body);
            self.block(&case.body);
            self.go_on(after);
        }
        self.loops.pop();
        self.b.seal_block(end);
        self.b.switch_to(end);
    }

    pub(super) fn repeat(&mut self, count: ExprId, body: &'p Block) {
        let count = self.expr(count);
        let zero = self.b.i64(0);
        self.counted(zero, count, IntKind::I64, Bound::Exclusive, |_, _| {}, body);
    }

    pub(super) fn for_range(
        &mut self,
        local: LocalId,
        start: ExprId,
        end: ExprId,
        bound: Bound,
        body: &'p Block,
    ) {
        let kind = match self.shared.program.types.settled(self.local_ty(local)) {
            Type::Int(kind) => kind,
            _ => IntKind::I64,
        };
        let start = self.expr(start);
        let end = self.expr(end);
        let slot = self.slot(local);
        self.counted(
            start,
            end,
            kind,
            bound,
            |lowering, value| {
                if let Slot::Variable(variable) = slot {
                    lowering.b.assign(variable, value);
                }
            },
            body,
        );
    }

    /// A loop over `start..end`; the counter cannot pass `end`, so that adding 1 never overflows.
    fn counted(
        &mut self,
        start: ValueId,
        end: ValueId,
        kind: IntKind,
        bound: Bound,
        each: impl FnOnce(&mut Self, ValueId),
        body: &'p Block,
    ) {
        let (below, upto) = if kind.is_signed() {
            (IntCompare::Slt, IntCompare::Sle)
        } else {
            (IntCompare::Ult, IntCompare::Ule)
        };
        let counter = self.b.declare(kind.ty());
        self.b.assign(counter, start);
        let head = self.b.create_block();
        let inside = self.b.create_block();
        let next = self.b.create_block();
        let out = self.b.create_block();
        match bound {
            Bound::Exclusive => {
                self.b.jump(head, &[]);
                self.b.switch_to(head);
                let value = self.b.read(counter);
                let more = self.b.compare(below, value, end);
                self.b.branch(more, inside, out);
            }
            Bound::Inclusive => {
                let any = self.b.compare(upto, start, end);
                self.b.branch(any, head, out);
                self.b.switch_to(head);
                self.b.jump(inside, &[]);
            }
        }
        self.b.seal_block(inside);
        self.b.switch_to(inside);
        let value = self.b.read(counter);
        each(self, value);
        self.loop_body(body, next, out);
        self.b.seal_block(next);
        self.b.switch_to(next);
        let value = self.b.read(counter);
        if bound == Bound::Inclusive {
            let step = self.b.create_block();
            let last = self.b.compare(IntCompare::Eq, value, end);
            self.b.branch(last, out, step);
            self.b.seal_block(step);
            self.b.switch_to(step);
        }
        let one = self.b.int(kind, 1);
        let value = self.b.int_op(IntOp::WrappingAdd, kind, value, one);
        self.b.assign(counter, value);
        self.b.jump(head, &[]);
        self.b.seal_block(head);
        self.b.seal_block(out);
        self.b.switch_to(out);
    }

    pub(super) fn for_each(&mut self, local: LocalId, array: ExprId, body: &'p Block) {
        let (sequence, origin) = self.gone_through(array, body);
        self.borrow(local, origin);
        let zero = self.b.i64(0);
        self.counted(
            zero,
            sequence.length,
            IntKind::I64,
            Bound::Exclusive,
            |lowering, index| lowering.bind_element(local, &sequence, index),
            body,
        );
    }

    /// The elements that a loop goes through: what its body changes is copied before, but in Python,
    /// where the loop meets what was changed.
    fn gone_through(&mut self, array: ExprId, body: &'p Block) -> (Sequence, Origin) {
        let program = self.shared.program;
        if self.dialect != Dialect::Python && program.shows_change(array, &|root| program.changes(body, root))
        {
            return (self.copied_sequence(array), Origin::Shared);
        }
        let origin = self.origin(array).max(Origin::Shared);
        (self.sequence(array), origin)
    }

    /// The elements of an array as they are before `later` is looked at.
    pub(super) fn steady_sequence(&mut self, array: ExprId, later: &[ExprId]) -> (Sequence, Origin) {
        let program = self.shared.program;
        if program.shows_change(array, &|root| later.iter().any(|other| program.expr_changes(*other, root))) {
            return (self.copied_sequence(array), Origin::Shared);
        }
        let origin = self.origin(array).max(Origin::Shared);
        (self.sequence(array), origin)
    }

    /// The elements of a copy of an array.
    fn copied_sequence(&mut self, array: ExprId) -> Sequence {
        let origin = self.origin(array).max(Origin::Shared);
        let ty = self.shared.program.expr(array).ty;
        if let Type::Array(element, length) = self.settled(ty) {
            let offset = self.reserve(ty);
            let copy = self.frame_address(offset);
            self.store_into(array, copy);
            let first = self.frame_address(offset);
            let base = self.pointer(first);
            let length = self.b.i64(i64::from(length));
            return Sequence { element, first: Address { base, offset: 0 }, length };
        }
        let block = self.expr(array);
        let block = self.owned_word(ty, block, origin);
        self.sequence_of_block(ty, block)
    }
}
