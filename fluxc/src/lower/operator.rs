//! Operators, conversions and provided operations.

use super::function::Lowering;
use crate::fir::{
    FloatCompare, FloatKind, FloatOp, FloatUnaryOp, IntCompare, IntKind, IntOp, IntUnaryOp, ValueId,
};
use crate::lang::sema::tree::{Builtin, ExprId, ExprKind, List};
use crate::lang::sema::types::{Type, TypeId};
use crate::lang::syntax::ast::{BinaryOp, UnaryOp};
use alloc::vec::Vec;
use flux_abi::select::TextOp;
use flux_abi::trap::TrapKind;

impl Lowering<'_, '_, '_> {
    pub(super) fn unary(&mut self, op: UnaryOp, operand: ExprId, ty: Type) -> ValueId {
        let value = self.expr(operand);
        match (op, ty) {
            (UnaryOp::Not, _) => self.b.bool_not(value),
            (UnaryOp::Neg, Type::Float(kind)) => self.b.float_unary(FloatUnaryOp::Neg, kind, value),
            (UnaryOp::Neg, Type::Int(kind)) => self.b.int_unary(IntUnaryOp::Neg, kind, value),
            (UnaryOp::Neg, _) => self.b.int_unary(IntUnaryOp::Neg, IntKind::I64, value),
            (UnaryOp::BitNot, Type::Int(kind)) => self.b.int_unary(IntUnaryOp::Not, kind, value),
            (UnaryOp::BitNot, _) => self.b.int_unary(IntUnaryOp::Not, IntKind::I64, value),
        }
    }

    /// An operator on two values of type `ty`.
    pub(super) fn operate(&mut self, op: BinaryOp, ty: TypeId, a: ValueId, b: ValueId) -> ValueId {
        match self.shared.program.types.settled(ty) {
            Type::Float(kind) => self.float_operate(op, kind, a, b),
            Type::Str => self.text_operate(op, a, b),
            Type::List(_) | Type::Bytes if op == BinaryOp::Add => self.concat(ty, a, b),
            kind if kind.is_aggregate() || matches!(kind, Type::List(_) | Type::Bytes | Type::Map(..)) => {
                let equal = self.equal(ty, a, b);
                if op == BinaryOp::Ne { self.b.bool_not(equal) } else { equal }
            }
            Type::Int(kind) => self.int_operate(op, kind, a, b),
            Type::Enum(_) => self.int_operate(op, IntKind::I32, a, b),
            Type::Bool => {
                let op = if op == BinaryOp::Ne { IntCompare::Ne } else { IntCompare::Eq };
                self.b.compare(op, a, b)
            }
            _ => self.int_operate(op, IntKind::I64, a, b),
        }
    }

    pub(super) fn int_operate(&mut self, op: BinaryOp, kind: IntKind, a: ValueId, b: ValueId) -> ValueId {
        let signed = kind.is_signed();
        let pick = |yes, no| if signed { yes } else { no };
        let op = match op {
            BinaryOp::Add => IntOp::Add,
            BinaryOp::Sub => IntOp::Sub,
            BinaryOp::Mul => IntOp::Mul,
            BinaryOp::Div => IntOp::Div,
            BinaryOp::Rem => IntOp::Rem,
            BinaryOp::Shl => IntOp::Shl,
            BinaryOp::Shr => IntOp::Shr,
            BinaryOp::BitAnd => IntOp::And,
            BinaryOp::BitXor => IntOp::Xor,
            BinaryOp::BitOr => IntOp::Or,
            BinaryOp::Lt => return self.b.compare(pick(IntCompare::Slt, IntCompare::Ult), a, b),
            BinaryOp::Le => return self.b.compare(pick(IntCompare::Sle, IntCompare::Ule), a, b),
            BinaryOp::Gt => return self.b.compare(pick(IntCompare::Sgt, IntCompare::Ugt), a, b),
            BinaryOp::Ge => return self.b.compare(pick(IntCompare::Sge, IntCompare::Uge), a, b),
            BinaryOp::Ne => return self.b.compare(IntCompare::Ne, a, b),
            BinaryOp::FloorDiv => return self.floor_div(kind, a, b),
            BinaryOp::FloorRem => return self.floor_rem(kind, a, b),
            BinaryOp::Power => return self.power(kind, a, b),
            BinaryOp::ShlExact => return self.shift_exact(kind, a, b),
            BinaryOp::ShrAny => return self.shift_any(kind, a, b),
            BinaryOp::Eq | BinaryOp::Coalesce | BinaryOp::And | BinaryOp::Or | BinaryOp::TrueDiv => {
                return self.b.compare(IntCompare::Eq, a, b);
            }
        };
        if matches!(op, IntOp::Shl | IntOp::Shr) {
            self.shift_count(kind, b);
        }
        self.b.int_op(op, kind, a, b)
    }

    /// Traps OVERFLOW unless `count` is a place of the number; FIR itself would mask it.
    pub(super) fn shift_count(&mut self, kind: IntKind, count: ValueId) {
        let ty = self.b.value_type(count);
        let width = self.b.constant(ty, u64::from(kind.bits()));
        // Signed counts are sign-extended, so that a negative one is above every width.
        let fits = self.b.compare(IntCompare::Ult, count, width);
        let fine = self.b.create_block();
        let outside = self.b.create_block();
        self.b.branch(fits, fine, outside);
        self.b.seal_block(fine);
        self.b.seal_block(outside);
        self.b.switch_to(outside);
        self.b.trap(TrapKind::Overflow);
        self.b.switch_to(fine);
    }

    pub(super) fn float_operate(&mut self, op: BinaryOp, kind: FloatKind, a: ValueId, b: ValueId) -> ValueId {
        let compare = match op {
            BinaryOp::Add => return self.b.float_op(FloatOp::Add, kind, a, b),
            BinaryOp::Sub => return self.b.float_op(FloatOp::Sub, kind, a, b),
            BinaryOp::Mul => return self.b.float_op(FloatOp::Mul, kind, a, b),
            BinaryOp::Div => return self.b.float_op(FloatOp::Div, kind, a, b),
            BinaryOp::Rem => return self.b.float_op(FloatOp::Rem, kind, a, b),
            BinaryOp::Power => return self.b.float_op(FloatOp::Pow, kind, a, b),
            BinaryOp::TrueDiv => {
                self.float_divisor(kind, b);
                return self.b.float_op(FloatOp::Div, kind, a, b);
            }
            BinaryOp::FloorDiv => return self.float_floor_div(kind, a, b),
            BinaryOp::FloorRem => return self.float_floor_rem(kind, a, b),
            BinaryOp::Ne => FloatCompare::Ne,
            BinaryOp::Lt => FloatCompare::Lt,
            BinaryOp::Le => FloatCompare::Le,
            BinaryOp::Gt => FloatCompare::Gt,
            BinaryOp::Ge => FloatCompare::Ge,
            _ => FloatCompare::Eq,
        };
        self.b.float_compare(compare, kind, a, b)
    }

    pub(super) fn text_operate(&mut self, op: BinaryOp, a: ValueId, b: ValueId) -> ValueId {
        let order = match op {
            BinaryOp::Add => return self.b.text2(TextOp::Concat, a, b),
            BinaryOp::Ne => {
                let equal = self.b.text2(TextOp::Equal, a, b);
                return self.b.bool_not(equal);
            }
            BinaryOp::Lt => IntCompare::Slt,
            BinaryOp::Le => IntCompare::Sle,
            BinaryOp::Gt => IntCompare::Sgt,
            BinaryOp::Ge => IntCompare::Sge,
            _ => return self.b.text2(TextOp::Equal, a, b),
        };
        let ordering = self.b.text2(TextOp::Compare, a, b);
        let zero = self.b.i64(0);
        self.b.compare(order, ordering, zero)
    }

    pub(super) fn convert(&mut self, value: ValueId, from: Type, to: Type) -> ValueId {
        match (from, to) {
            (Type::Int(from), Type::Int(to)) => self.b.convert(from, to, value),
            (Type::Int(from), Type::Float(to)) => self.b.int_to_float(from, to, value),
            (Type::Float(from), Type::Int(to)) => self.b.float_to_int(from, to, value),
            (Type::Float(from), Type::Float(to)) if from != to => self.b.float_to_float(to, value),
            (Type::Int(from), Type::Duration) => self.b.convert(from, IntKind::I64, value),
            (Type::Duration, Type::Int(to)) => self.b.convert(IntKind::I64, to, value),
            (Type::Bool, Type::Int(to)) => self.b.cast(to.ty(), value),
            _ => value,
        }
    }

    pub(super) fn builtin(&mut self, builtin: Builtin, list: List, ty: Type) -> ValueId {
        let program = self.shared.program;
        let ids = program.list(list);
        let first = ids.first().copied().unwrap_or(ExprId(u32::MAX));
        if builtin == Builtin::ArrayLength {
            // The array itself is needed only for what it does.
            if !matches!(
                program.expr(first).kind,
                ExprKind::Local(_) | ExprKind::State(_) | ExprKind::Const(_) | ExprKind::Field(..)
            ) {
                self.effect(first);
            }
            return match self.settled_of(first) {
                Type::Array(_, length) => self.b.i64(i64::from(length)),
                _ => self.b.i64(0),
            };
        }
        let args: Vec<ValueId> = ids.iter().map(|id| self.expr(*id)).collect();
        let nth = |index: usize| args.get(index).copied();
        let (Some(a), b) = (nth(0), nth(1)) else { return self.b.i64(0) };
        let (int, float) = match ty {
            Type::Int(kind) => (kind, None),
            Type::Float(kind) => (IntKind::I64, Some(kind)),
            _ => (IntKind::I64, None),
        };
        match (builtin, b, nth(2)) {
            (Builtin::TextLength, ..) => self.b.text(TextOp::Length, a),
            (Builtin::Min, Some(b), _) => self.least(a, b, int, float),
            (Builtin::Max, Some(b), _) => self.greatest(a, b, int, float),
            (Builtin::Clamp, Some(low), Some(high)) => {
                let value = self.greatest(a, low, int, float);
                self.least(value, high, int, float)
            }
            (Builtin::Abs, ..) => match float {
                Some(kind) => self.b.float_unary(FloatUnaryOp::Abs, kind, a),
                // An unsigned number is its own magnitude.
                None if !int.is_signed() => a,
                None => self.b.int_unary(IntUnaryOp::Abs, int, a),
            },
            (Builtin::RoundEven, ..) => self.round_even(a),
            (Builtin::IntUnary(op), ..) => self.b.int_unary(op, int, a),
            (Builtin::Int(op), Some(b), _) => self.b.int_op(op, int, a, b),
            (Builtin::FloatUnary(op), ..) => self.b.float_unary(op, float.unwrap_or(FloatKind::F64), a),
            (Builtin::Float(op), Some(b), _) => self.b.float_op(op, float.unwrap_or(FloatKind::F64), a, b),
            _ => a,
        }
    }

    pub(super) fn least(
        &mut self,
        a: ValueId,
        b: ValueId,
        int: IntKind,
        float: Option<FloatKind>,
    ) -> ValueId {
        match float {
            Some(kind) => self.b.float_op(FloatOp::Min, kind, a, b),
            None => self.b.int_op(IntOp::Min, int, a, b),
        }
    }

    pub(super) fn greatest(
        &mut self,
        a: ValueId,
        b: ValueId,
        int: IntKind,
        float: Option<FloatKind>,
    ) -> ValueId {
        match float {
            Some(kind) => self.b.float_op(FloatOp::Max, kind, a, b),
            None => self.b.int_op(IntOp::Max, int, a, b),
        }
    }
}
