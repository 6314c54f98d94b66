//! Python's arithmetic: division towards minus infinity, powers, shifts that lose nothing, rounding
//! to even.
//!
//! The float forms follow `float_divmod` and the int forms `i_divmod` of CPython's
//! `Objects/floatobject.c` and `Objects/longobject.c`.

use super::function::Lowering;
use crate::fir::{
    FloatCompare, FloatKind, FloatOp, FloatUnaryOp, IntCompare, IntKind, IntOp, Truth, ValueId,
};
use flux_abi::trap::TrapKind;

impl Lowering<'_, '_, '_> {
    /// Traps unless the condition holds.
    fn need(&mut self, holds: ValueId, trap: TrapKind) {
        let fine = self.b.create_block();
        let outside = self.b.create_block();
        self.b.branch(holds, fine, outside);
        self.b.seal_block(fine);
        self.b.seal_block(outside);
        self.b.switch_to(outside);
        self.b.trap(trap);
        self.b.switch_to(fine);
    }

    /// Whether a remainder is not zero and has another sign than the divisor.
    fn needs_a_step(&mut self, kind: IntKind, rem: ValueId, divisor: ValueId) -> ValueId {
        let zero = self.b.int(kind, 0);
        let some = self.b.compare(IntCompare::Ne, rem, zero);
        let signs = self.b.int_op(IntOp::Xor, kind, rem, divisor);
        let differ = self.b.compare(IntCompare::Slt, signs, zero);
        let no = self.b.boolean(Truth::False);
        self.b.select(some, differ, no)
    }

    pub(super) fn floor_div(&mut self, kind: IntKind, a: ValueId, b: ValueId) -> ValueId {
        let quotient = self.b.int_op(IntOp::Div, kind, a, b);
        let product = self.b.int_op(IntOp::WrappingMul, kind, quotient, b);
        let rem = self.b.int_op(IntOp::WrappingSub, kind, a, product);
        let step = self.needs_a_step(kind, rem, b);
        let one = self.b.int(kind, 1);
        let below = self.b.int_op(IntOp::WrappingSub, kind, quotient, one);
        self.b.select(step, below, quotient)
    }

    pub(super) fn floor_rem(&mut self, kind: IntKind, a: ValueId, b: ValueId) -> ValueId {
        // The remainder by -1 is 0, also that of the lowest number, whose quotient does not fit.
        let minus = self.b.int(kind, -1);
        let one = self.b.int(kind, 1);
        let is_minus = self.b.compare(IntCompare::Eq, b, minus);
        let divisor = self.b.select(is_minus, one, b);
        let rem = self.b.int_op(IntOp::Rem, kind, a, divisor);
        let step = self.needs_a_step(kind, rem, b);
        let moved = self.b.int_op(IntOp::WrappingAdd, kind, rem, b);
        self.b.select(step, moved, rem)
    }

    /// `a ** b` by squaring; the base is squared only while bits of the exponent are left.
    pub(super) fn power(&mut self, kind: IntKind, a: ValueId, b: ValueId) -> ValueId {
        let zero = self.b.int(kind, 0);
        let one = self.b.int(kind, 1);
        let fits = self.b.compare(IntCompare::Sge, b, zero);
        self.need(fits, TrapKind::Conversion);
        let result = self.b.declare(kind.ty());
        let base = self.b.declare(kind.ty());
        let left = self.b.declare(kind.ty());
        self.b.assign(result, one);
        self.b.assign(base, a);
        self.b.assign(left, b);
        let [head, inside, odd, even, more, end] = core::array::from_fn(|_| self.b.create_block());
        self.b.jump(head, &[]);
        self.b.switch_to(head);
        let exponent = self.b.read(left);
        let any = self.b.compare(IntCompare::Ne, exponent, zero);
        self.b.branch(any, inside, end);
        self.b.seal_block(inside);
        self.b.seal_block(end);
        self.b.switch_to(inside);
        let low = self.b.int_op(IntOp::And, kind, exponent, one);
        let is_odd = self.b.compare(IntCompare::Ne, low, zero);
        self.b.branch(is_odd, odd, even);
        self.b.seal_block(odd);
        self.b.switch_to(odd);
        let (value, factor) = (self.b.read(result), self.b.read(base));
        let product = self.b.int_op(IntOp::Mul, kind, value, factor);
        self.b.assign(result, product);
        self.b.jump(even, &[]);
        self.b.seal_block(even);
        self.b.switch_to(even);
        let rest = self.b.int_op(IntOp::Shr, kind, exponent, one);
        self.b.assign(left, rest);
        let last = self.b.compare(IntCompare::Eq, rest, zero);
        self.b.branch(last, head, more);
        self.b.seal_block(more);
        self.b.switch_to(more);
        let factor = self.b.read(base);
        let square = self.b.int_op(IntOp::Mul, kind, factor, factor);
        self.b.assign(base, square);
        self.b.jump(head, &[]);
        self.b.seal_block(head);
        self.b.switch_to(end);
        self.b.read(result)
    }

    /// `a << b`; a bit that would be lost is a trap.
    pub(super) fn shift_exact(&mut self, kind: IntKind, a: ValueId, b: ValueId) -> ValueId {
        self.shift_count(kind, b);
        let shifted = self.b.int_op(IntOp::Shl, kind, a, b);
        let back = self.b.int_op(IntOp::Shr, kind, shifted, b);
        let same = self.b.compare(IntCompare::Eq, back, a);
        self.need(same, TrapKind::Overflow);
        shifted
    }

    /// `a >> b`; from the width on nothing but the sign is left.
    pub(super) fn shift_any(&mut self, kind: IntKind, a: ValueId, b: ValueId) -> ValueId {
        let zero = self.b.int(kind, 0);
        let fits = self.b.compare(IntCompare::Sge, b, zero);
        self.need(fits, TrapKind::Overflow);
        let most = self.b.int(kind, i64::from(kind.bits()).saturating_sub(1));
        let count = self.b.int_op(IntOp::Min, kind, b, most);
        self.b.int_op(IntOp::Shr, kind, a, count)
    }

    /// Traps on division by zero, where other languages give an infinity.
    pub(super) fn float_divisor(&mut self, kind: FloatKind, b: ValueId) {
        let zero = self.float(kind, 0.0);
        let some = self.b.float_compare(FloatCompare::Ne, kind, b, zero);
        self.need(some, TrapKind::DivideByZero);
    }

    /// The remainder before and after it took the divisor's sign, and whether it had another one.
    fn float_remainder(&mut self, kind: FloatKind, a: ValueId, b: ValueId) -> (ValueId, ValueId, ValueId) {
        let zero = self.float(kind, 0.0);
        let minus_zero = self.float(kind, -0.0);
        let rem = self.b.float_op(FloatOp::Rem, kind, a, b);
        let some = self.b.float_compare(FloatCompare::Ne, kind, rem, zero);
        let below = self.b.float_compare(FloatCompare::Lt, kind, rem, zero);
        let divisor_below = self.b.float_compare(FloatCompare::Lt, kind, b, zero);
        let differ = self.b.compare(IntCompare::Ne, below, divisor_below);
        let no = self.b.boolean(Truth::False);
        let step = self.b.select(some, differ, no);
        let moved = self.b.float_op(FloatOp::Add, kind, rem, b);
        let nothing = self.b.select(divisor_below, minus_zero, zero);
        let taken = self.b.select(step, moved, rem);
        let result = self.b.select(some, taken, nothing);
        (rem, result, step)
    }

    pub(super) fn float_floor_rem(&mut self, kind: FloatKind, a: ValueId, b: ValueId) -> ValueId {
        self.float_divisor(kind, b);
        self.float_remainder(kind, a, b).1
    }

    pub(super) fn float_floor_div(&mut self, kind: FloatKind, a: ValueId, b: ValueId) -> ValueId {
        self.float_divisor(kind, b);
        let (rem, _, step) = self.float_remainder(kind, a, b);
        let zero = self.float(kind, 0.0);
        let one = self.float(kind, 1.0);
        let half = self.float(kind, 0.5);
        let whole = self.b.float_op(FloatOp::Sub, kind, a, rem);
        let quotient = self.b.float_op(FloatOp::Div, kind, whole, b);
        let below = self.b.float_op(FloatOp::Sub, kind, quotient, one);
        let quotient = self.b.select(step, below, quotient);
        let floor = self.b.float_unary(FloatUnaryOp::Floor, kind, quotient);
        let above = self.b.float_op(FloatOp::Sub, kind, quotient, floor);
        let up = self.b.float_compare(FloatCompare::Gt, kind, above, half);
        let next = self.b.float_op(FloatOp::Add, kind, floor, one);
        let result = self.b.select(up, next, floor);
        // A zero has the sign of the exact quotient.
        let exact = self.b.float_op(FloatOp::Div, kind, a, b);
        let signed_zero = self.b.float_op(FloatOp::Mul, kind, exact, zero);
        let is_zero = self.b.float_compare(FloatCompare::Eq, kind, quotient, zero);
        self.b.select(is_zero, signed_zero, result)
    }

    /// The nearest whole number, halves to the even one; traps if it does not fit.
    pub(super) fn round_even(&mut self, value: ValueId) -> ValueId {
        let kind = FloatKind::F64;
        let floor = self.b.float_unary(FloatUnaryOp::Floor, kind, value);
        let above = self.b.float_op(FloatOp::Sub, kind, value, floor);
        let half = self.float(kind, 0.5);
        let up = self.b.float_compare(FloatCompare::Gt, kind, above, half);
        let tie = self.b.float_compare(FloatCompare::Eq, kind, above, half);
        let low = self.b.float_to_int(kind, IntKind::I64, floor);
        let one = self.b.i64(1);
        let zero = self.b.i64(0);
        let bit = self.b.int_op(IntOp::And, IntKind::I64, low, one);
        let odd = self.b.compare(IntCompare::Ne, bit, zero);
        let no = self.b.boolean(Truth::False);
        let to_even = self.b.select(tie, odd, no);
        let yes = self.b.boolean(Truth::True);
        let step = self.b.select(up, yes, to_even);
        let next = self.b.int_op(IntOp::WrappingAdd, IntKind::I64, low, one);
        self.b.select(step, next, low)
    }
}
