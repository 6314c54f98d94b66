//! Values that are known when compiling: constants, defaults, lengths, intervals.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Checker;
use super::tree::{Builtin, ExprId, ExprKind, Program, Sign, Value};
use super::types::{Owns, Type, TypeId};
use crate::diag::{Diagnostic, codes};
use crate::fir::{FloatKind, IntKind, IntOp, IntUnaryOp};
use crate::lang::syntax::ast::{BinaryOp, UnaryOp};

/// Most elements and fields of one constant.
const MOST_PARTS: usize = 1 << 20;

impl Program<'_> {
    /// The value of an expression, if it is known when compiling. Operations that would
    /// trap have none.
    #[must_use]
    pub fn constant(&self, id: ExprId) -> Option<Value> {
        let expr = self.expr(id);
        let ty = self.types.settled(expr.ty);
        match expr.kind {
            ExprKind::Int(sign, magnitude) => {
                let value = match sign {
                    Sign::Plus => i128::from(magnitude),
                    Sign::Minus => i128::from(magnitude).saturating_neg(),
                };
                match ty {
                    Type::Int(kind) => in_range(kind, value),
                    #[expect(clippy::cast_precision_loss, reason = "literals are rounded to nearest")]
                    Type::Float(kind) => Some(Value::Float(round(kind, value as f64))),
                    _ => None,
                }
            }
            ExprKind::Float(value) => match ty {
                Type::Float(kind) => Some(Value::Float(round(kind, value))),
                _ => None,
            },
            ExprKind::Bool(value) => Some(Value::Bool(value)),
            ExprKind::Duration(value) => Some(Value::Duration(value)),
            ExprKind::Text(text) => Some(Value::Text(self.text(text).into())),
            // A growable part of data has a place of its own, and is copied where it is stored.
            ExprKind::Const(_) | ExprKind::Field(..) | ExprKind::Index(..)
                if self.types.owns(expr.ty) == Owns::Blocks =>
            {
                None
            }
            ExprKind::Const(id) => self.consts.get(id.index())?.value.clone(),
            ExprKind::Variant(_, tag) => Some(Value::Int(i128::from(tag))),
            ExprKind::Tagged(tag, list) => {
                let values: Option<Vec<Value>> =
                    self.list(list).iter().map(|id| self.constant(*id)).collect();
                values.map(|values| Value::Tagged(tag, values))
            }
            ExprKind::None => Some(Value::Tagged(0, Vec::new())),
            ExprKind::Some(value) => Some(Value::Tagged(1, [self.constant(value)?].into())),
            ExprKind::Unary(op, operand) => match (op, self.constant(operand)?, ty) {
                (UnaryOp::Neg, Value::Int(value), Type::Int(kind)) => in_range(kind, value.checked_neg()?),
                (UnaryOp::Neg, Value::Float(value), _) => Some(Value::Float(-value)),
                (UnaryOp::Neg, Value::Duration(value), _) => Some(Value::Duration(value.checked_neg()?)),
                (UnaryOp::Not, Value::Bool(value), _) => Some(Value::Bool(!value)),
                _ => None,
            },
            ExprKind::Binary(op, left, right) => {
                fold(op, self.constant(left)?, self.constant(right)?, self.types.settled(self.expr(left).ty))
            }
            ExprKind::Convert(operand) => convert(self.constant(operand)?, ty),
            ExprKind::Builtin(builtin, list) => {
                let values: Option<Vec<Value>> =
                    self.list(list).iter().map(|id| self.constant(*id)).collect();
                wrapped(builtin, &values?, ty)
            }
            // A growable array is made while running.
            ExprKind::Array(_) if !matches!(ty, Type::Array(..)) => None,
            ExprKind::Array(list) | ExprKind::Struct(list) => {
                let ids = self.list(list);
                if ids.len() > MOST_PARTS {
                    return None;
                }
                let values: Option<Vec<Value>> = ids.iter().map(|id| self.constant(*id)).collect();
                values.map(Value::Aggregate)
            }
            ExprKind::Field(..) | ExprKind::Index(..) => self.part_of_constant(id).cloned(),
            ExprKind::Repeat(operand, _) => match ty {
                Type::Array(_, length) => {
                    Some(Value::Repeat(alloc::boxed::Box::new(self.constant(operand)?), length))
                }
                _ => None,
            },
            _ => None,
        }
    }
}

impl Program<'_> {
    /// A constant, or a field or element of one.
    fn part_of_constant(&self, id: ExprId) -> Option<&Value> {
        match self.expr(id).kind {
            ExprKind::Const(id) => self.consts.get(id.index())?.value.as_ref(),
            ExprKind::Field(base, _, index) => match self.part_of_constant(base)? {
                Value::Aggregate(values) => values.get(index as usize),
                _ => None,
            },
            ExprKind::Index(base, index) => {
                let Value::Int(index) = self.constant(index)? else { return None };
                let index = usize::try_from(index).ok()?;
                match self.part_of_constant(base)? {
                    Value::Aggregate(values) => values.get(index),
                    Value::Repeat(value, length) => (index < *length as usize).then_some(&**value),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

impl Checker<'_, '_> {
    /// The value of an expression, if it is known when compiling.
    pub(super) fn constant(&self, id: ExprId) -> Option<Value> {
        self.program.constant(id)
    }

    /// The value of an expression that must be known when compiling.
    pub(super) fn constant_of(&mut self, id: ExprId, what: &str) -> Option<Value> {
        if self.get(self.ty(id)) == Ok(Type::Error) {
            return None;
        }
        let value = self.constant(id);
        if value.is_none() {
            self.not_constant(id, what);
        }
        value
    }

    pub(super) fn not_constant(&mut self, id: ExprId, what: &str) {
        let span = self.span(id);
        // What is not defined is not constant either; one message is enough.
        if self.has_error_in(span) {
            return;
        }
        self.report(
            Diagnostic::new(
                codes::NOT_CONSTANT,
                span,
                format!("{what} must be known when the document is compiled"),
            )
            .label("depends on the run, or would trap")
            .expected("literals, constants and operators on them"),
        );
    }

    /// A positive number of nanoseconds that must be known when compiling.
    pub(super) fn interval(&mut self, id: ExprId, what: &str) -> Option<i64> {
        let id = self.coerce(id, TypeId::DURATION);
        match self.constant_of(id, what)? {
            Value::Duration(value) if value > 0 => Some(value),
            Value::Duration(value) => {
                let span = self.span(id);
                self.report(
                    Diagnostic::new(
                        codes::NUMBER_OUT_OF_RANGE,
                        span,
                        format!("{what} must be longer than nothing, it is {value} ns"),
                    )
                    .label("too short")
                    .expected("a duration of 1 ns or more, as `60s`"),
                );
                None
            }
            _ => None,
        }
    }
}

fn in_range(kind: IntKind, value: i128) -> Option<Value> {
    (value >= kind.lowest() && value <= kind.highest()).then_some(Value::Int(value))
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what the type asks for")]
fn round(kind: FloatKind, value: f64) -> f64 {
    match kind {
        FloatKind::F32 => f64::from(value as f32),
        FloatKind::F64 => value,
    }
}

/// An operation that wraps, and so never traps.
fn wrapped(builtin: Builtin, operands: &[Value], ty: Type) -> Option<Value> {
    let Type::Int(kind) = ty else { return None };
    let value = match (builtin, operands) {
        (Builtin::IntUnary(IntUnaryOp::Wrap), [Value::Int(value)]) => *value,
        (Builtin::IntUnary(IntUnaryOp::WrappingNeg), [Value::Int(value)]) => value.checked_neg()?,
        (Builtin::Int(IntOp::WrappingAdd), [Value::Int(a), Value::Int(b)]) => a.checked_add(*b)?,
        (Builtin::Int(IntOp::WrappingSub), [Value::Int(a), Value::Int(b)]) => a.checked_sub(*b)?,
        (Builtin::Int(IntOp::WrappingMul), [Value::Int(a), Value::Int(b)]) => a.wrapping_mul(*b),
        _ => return None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
    let word = kind.wrap(value as u64);
    let value = if kind.is_signed() { i128::from(word.cast_signed()) } else { i128::from(word) };
    in_range(kind, value)
}

fn fold(op: BinaryOp, left: Value, right: Value, operand: Type) -> Option<Value> {
    use core::cmp::Ordering;
    let compare = |ordering: Option<Ordering>| {
        let known = ordering?;
        Some(Value::Bool(match op {
            BinaryOp::Eq => known == Ordering::Equal,
            BinaryOp::Ne => known != Ordering::Equal,
            BinaryOp::Lt => known == Ordering::Less,
            BinaryOp::Le => known != Ordering::Greater,
            BinaryOp::Gt => known == Ordering::Greater,
            BinaryOp::Ge => known != Ordering::Less,
            _ => return None,
        }))
    };
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => {
            let Type::Int(kind) = operand else { return compare(Some(a.cmp(&b))) };
            let width = i128::from(kind.bits());
            let value = match op {
                BinaryOp::Add => a.checked_add(b)?,
                BinaryOp::Sub => a.checked_sub(b)?,
                BinaryOp::Mul => a.checked_mul(b)?,
                BinaryOp::Div => a.checked_div(b)?,
                BinaryOp::Rem => a.checked_rem(b)?,
                BinaryOp::BitAnd => a & b,
                BinaryOp::BitOr => a | b,
                BinaryOp::BitXor => a ^ b,
                BinaryOp::Shl if b >= 0 && b < width => {
                    // What leaves the width would be cut off by the machine: left to it.
                    a.checked_mul(1i128.checked_shl(u32::try_from(b).ok()?)?)?
                }
                BinaryOp::Shr if b >= 0 && b < width => a.checked_shr(u32::try_from(b).ok()?)?,
                _ => return compare(Some(a.cmp(&b))),
            };
            in_range(kind, value)
        }
        (Value::Float(a), Value::Float(b)) => {
            let Type::Float(kind) = operand else { return None };
            let value = match op {
                BinaryOp::Add => a + b,
                BinaryOp::Sub => a - b,
                BinaryOp::Mul => a * b,
                BinaryOp::Div => a / b,
                _ => return compare(a.partial_cmp(&b)),
            };
            Some(Value::Float(round(kind, value)))
        }
        (Value::Duration(a), Value::Duration(b)) => match op {
            BinaryOp::Add => Some(Value::Duration(a.checked_add(b)?)),
            BinaryOp::Sub => Some(Value::Duration(a.checked_sub(b)?)),
            _ => compare(Some(a.cmp(&b))),
        },
        (Value::Bool(a), Value::Bool(b)) => match op {
            BinaryOp::And => Some(Value::Bool(a && b)),
            BinaryOp::Or => Some(Value::Bool(a || b)),
            _ => compare(Some(a.cmp(&b))),
        },
        (Value::Text(mut a), Value::Text(b)) => match op {
            BinaryOp::Add => {
                if a.len().saturating_add(b.len()) > flux_abi::limits::STRING_BYTES {
                    return None;
                }
                a.push_str(&b);
                Some(Value::Text(a))
            }
            _ => compare(Some(a.cmp(&b))),
        },
        _ => None,
    }
}

fn convert(value: Value, to: Type) -> Option<Value> {
    match (value, to) {
        (Value::Int(value), Type::Int(kind)) => in_range(kind, value),
        #[expect(clippy::cast_precision_loss, reason = "conversion rounds to nearest")]
        (Value::Int(value), Type::Float(kind)) => Some(Value::Float(round(kind, value as f64))),
        (Value::Int(value), Type::Duration) => Some(Value::Duration(i64::try_from(value).ok()?)),
        (Value::Duration(value), Type::Int(kind)) => in_range(kind, i128::from(value)),
        (Value::Bool(value), Type::Int(_)) => Some(Value::Int(i128::from(value))),
        (Value::Float(value), Type::Float(kind)) => Some(Value::Float(round(kind, value))),
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
        (Value::Float(value), Type::Int(kind)) if value.abs() < 1.0e30 => in_range(kind, value as i128),
        _ => None,
    }
}

/// A value as `--set` takes it.
pub(super) fn as_setting(value: &Value) -> Option<String> {
    Some(match value {
        Value::Int(value) => format!("{value}"),
        Value::Float(value) => format!("{value:?}"),
        Value::Bool(value) => format!("{value}"),
        Value::Duration(value) => duration_text(*value),
        Value::Text(text) => text.clone(),
        Value::Aggregate(_) | Value::Repeat(..) | Value::Map(_) | Value::Tagged(..) => return None,
    })
}

/// Nanoseconds with the largest unit that divides them.
pub(crate) fn duration_text(value: i64) -> String {
    const UNITS: &[(i64, &str)] = &[
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
    ];
    for (unit, name) in UNITS {
        if value != 0
            && let (Some(0), Some(count)) = (value.checked_rem(*unit), value.checked_div(*unit))
        {
            return format!("{count}{name}");
        }
    }
    format!("{value}ns")
}
