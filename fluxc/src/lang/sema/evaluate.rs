//! Evaluation of expressions when compiling.
//!
//! # Invariants
//! 1. A value is given only where the running program would come to the same one: an operation
//!    that would trap has none, and a branch that is not taken is not looked at.
//! 2. What is looked at changes nothing: blocks may introduce names with `let`, and no more.
//! 3. A value takes no more memory than its caller allows: one that names others often has none.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::Cell;
use core::cmp::Ordering;

use super::tree::{
    Block, BlockId, Builtin, CollectionOp, ExprId, ExprKind, LocalId, Pattern, Program, Sign, StmtKind, Value,
};
use super::types::{Owns, Type};
use crate::fir::{FloatKind, IntKind, IntOp, IntUnaryOp};
use crate::lang::syntax::ast::{BinaryOp, Bound, UnaryOp};

/// Why an expression has no value when compiling.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reason {
    /// It is a constant with an error of its own.
    Reported,
    /// It names something that has a value only while running.
    Run,
    /// It calls or does something.
    Code,
    /// It is an array or map that can grow.
    Grows,
    /// It would trap, or is outside the range of its type.
    Trap,
    /// It takes more memory than there is.
    Memory,
}

/// Bytes that values may still take, until they are too few once.
struct Room(Cell<Option<usize>>);

impl Room {
    fn take(&self, bytes: usize) -> Option<()> {
        self.0.set(self.0.get()?.checked_sub(bytes));
        self.0.get().map(|_| ())
    }

    /// A copy, if there is room for it.
    fn copy(&self, value: &Value) -> Option<Value> {
        self.take(value.bytes())?;
        Some(value.clone())
    }
}

impl Program<'_> {
    /// The value of an expression, if it is known when compiling and takes at most `room` bytes.
    /// Operations that would trap have none.
    #[must_use]
    pub fn constant(&self, id: ExprId, room: usize) -> Option<Value> {
        let room = Room(Cell::new(Some(room)));
        Evaluation { program: self, names: Vec::new(), room: &room }.value(id)
    }

    /// The part of an expression without value that is why it has none.
    pub(super) fn unknown_part(&self, id: ExprId, room: usize) -> (ExprId, Reason) {
        let room = Room(Cell::new(Some(room)));
        let mut evaluation = Evaluation { program: self, names: Vec::new(), room: &room };
        if evaluation.value(id).is_none() && room.0.get().is_none() {
            return (id, Reason::Memory);
        }
        let mut at = id;
        loop {
            let Some(part) = evaluation.unknown_operand(at) else { return (at, self.reason(at)) };
            at = part;
        }
    }

    fn reason(&self, id: ExprId) -> Reason {
        let expr = self.expr(id);
        match expr.kind {
            ExprKind::Const(id) if self.consts.get(id.index()).is_none_or(|row| row.value.is_none()) => {
                Reason::Reported
            }
            ExprKind::Invalid => Reason::Reported,
            ExprKind::Local(_) | ExprKind::State(_) | ExprKind::Param(_) => Reason::Run,
            _ if self.types.owns(expr.ty) == Owns::Blocks => Reason::Grows,
            // Of arrays and structs the compiler does not know everything.
            ExprKind::Binary(_, left, _) if self.types.is_aggregate(self.expr(left).ty) => Reason::Code,
            ExprKind::Binary(..)
            | ExprKind::Unary(..)
            | ExprKind::Convert(_)
            | ExprKind::Int(..)
            | ExprKind::Index(..) => Reason::Trap,
            ExprKind::Builtin(Builtin::Abs, _) if matches!(self.types.settled(expr.ty), Type::Int(_)) => {
                Reason::Trap
            }
            _ => Reason::Code,
        }
    }
}

/// Names that blocks and patterns around an expression give values.
struct Evaluation<'p, 's> {
    program: &'p Program<'s>,
    names: Vec<(LocalId, Value)>,
    room: &'p Room,
}

impl Evaluation<'_, '_> {
    fn value(&mut self, id: ExprId) -> Option<Value> {
        let expr = self.program.expr(id);
        let ty = self.program.types.settled(expr.ty);
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
            ExprKind::Text(text) => Some(Value::Text(self.program.text(text).into())),
            // A growable part of data has a place of its own, and is copied where it is stored.
            ExprKind::Const(_) | ExprKind::Field(..) | ExprKind::Index(..)
                if self.program.types.owns(expr.ty) == Owns::Blocks =>
            {
                None
            }
            ExprKind::Const(_) | ExprKind::Local(_) | ExprKind::Field(..) | ExprKind::Index(..) => {
                let room = self.room;
                room.copy(self.part(id)?)
            }
            ExprKind::Variant(_, tag) => Some(Value::Int(i128::from(tag))),
            ExprKind::Tagged(tag, list) => {
                let values = self.values(self.program.list(list))?;
                Some(Value::Tagged(tag, values))
            }
            ExprKind::None => Some(Value::Tagged(0, Vec::new())),
            ExprKind::Some(value) => Some(Value::Tagged(1, [self.value(value)?].into())),
            ExprKind::Unary(op, operand) => match (op, self.value(operand)?, ty) {
                (UnaryOp::Neg, Value::Int(value), Type::Int(kind)) => in_range(kind, value.checked_neg()?),
                (UnaryOp::Neg, Value::Float(value), _) => Some(Value::Float(-value)),
                (UnaryOp::Neg, Value::Duration(value), _) => Some(Value::Duration(value.checked_neg()?)),
                (UnaryOp::Not, Value::Bool(value), _) => Some(Value::Bool(!value)),
                _ => None,
            },
            ExprKind::Binary(op, left, right) => self.binary(op, left, right),
            ExprKind::Convert(operand) => convert(self.value(operand)?, ty),
            ExprKind::Builtin(builtin, list) => {
                let list = self.program.list(list);
                if builtin == Builtin::ArrayLength {
                    return self.array_length(list);
                }
                let values = self.values(list)?;
                built_in(builtin, &values).or_else(|| wrapped(builtin, &values, ty))
            }
            ExprKind::Collection(CollectionOp::Length, list) => {
                let length = match self.part(*self.program.list(list).first()?)? {
                    Value::Aggregate(values) => values.len(),
                    Value::Map(entries) => entries.len(),
                    _ => return None,
                };
                Some(Value::Int(i128::try_from(length).ok()?))
            }
            ExprKind::Collection(CollectionOp::Get, list) => self.entry(self.program.list(list)),
            // A growable array is made while running.
            ExprKind::Array(_) if !matches!(ty, Type::Array(..)) => None,
            ExprKind::Array(list) | ExprKind::Struct(list) => {
                self.values(self.program.list(list)).map(Value::Aggregate)
            }
            ExprKind::Repeat(operand, _) => match ty {
                Type::Array(_, length) => Some(Value::Repeat(Box::new(self.value(operand)?), length)),
                _ => None,
            },
            ExprKind::If(cond, then, rest) => {
                let Value::Bool(holds) = self.value(cond)? else { return None };
                self.block_value(if holds { then } else { rest })
            }
            ExprKind::Match(subject, arms) => {
                let subject = self.value(subject)?;
                let arms = self.program.matches.get(arms.index())?;
                let before = self.names.len();
                let mut result = None;
                for arm in arms {
                    let taken = self.takes(&arm.patterns, arm.guard, &subject);
                    if taken == Some(true) {
                        result = self.of_block(&arm.body);
                    }
                    self.names.truncate(before);
                    if taken != Some(false) {
                        break;
                    }
                }
                result
            }
            _ => None,
        }
    }

    fn values(&mut self, ids: &[ExprId]) -> Option<Vec<Value>> {
        self.room.take(size_of::<Value>().saturating_mul(ids.len()))?;
        let mut values = Vec::with_capacity(ids.len());
        for id in ids {
            values.push(self.value(*id)?);
        }
        Some(values)
    }

    fn named(&self, local: LocalId) -> Option<&Value> {
        self.names.iter().rev().find(|(name, _)| *name == local).map(|(_, value)| value)
    }

    fn binary(&mut self, op: BinaryOp, left: ExprId, right: ExprId) -> Option<Value> {
        let operand = self.program.types.settled(self.program.expr(left).ty);
        let left = self.value(left)?;
        match (op, &left) {
            // The right side is looked at only if it matters.
            (BinaryOp::And, Value::Bool(false)) | (BinaryOp::Or, Value::Bool(true)) => Some(left),
            _ => fold(op, left, self.value(right)?, operand),
        }
    }

    /// A constant, or a field or element of one, or of what has a name.
    fn part(&mut self, id: ExprId) -> Option<&Value> {
        match self.program.expr(id).kind {
            ExprKind::Const(id) => self.program.consts.get(id.index())?.value.as_ref(),
            ExprKind::Local(local) => self.named(local),
            ExprKind::Field(base, _, index) => match self.part(base)? {
                Value::Aggregate(values) => values.get(index as usize),
                _ => None,
            },
            ExprKind::Index(base, index) => {
                let Value::Int(index) = self.value(index)? else { return None };
                let index = usize::try_from(index).ok()?;
                match self.part(base)? {
                    Value::Aggregate(values) => values.get(index),
                    Value::Repeat(value, length) => (index < *length as usize).then_some(&**value),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The value of a key, or none.
    fn entry(&mut self, list: &[ExprId]) -> Option<Value> {
        let [map, key] = list else { return None };
        let Value::Text(key) = self.value(*key)? else { return None };
        let room = self.room;
        let Value::Map(entries) = self.part(*map)? else { return None };
        Some(match entries.iter().find(|(name, _)| *name == key) {
            Some((_, value)) => Value::Tagged(1, [room.copy(value)?].into()),
            None => Value::Tagged(0, Vec::new()),
        })
    }

    fn array_length(&self, list: &[ExprId]) -> Option<Value> {
        let array = list.first()?;
        match self.program.types.settled(self.program.expr(*array).ty) {
            Type::Array(_, length) => Some(Value::Int(i128::from(length))),
            _ => None,
        }
    }

    // ------------------------------------------------------------ choices

    fn block_value(&mut self, id: BlockId) -> Option<Value> {
        self.of_block(self.program.blocks.get(id.index())?)
    }

    fn of_block(&mut self, block: &Block) -> Option<Value> {
        let before = self.names.len();
        let value = self.introduced(block).ok().and_then(|()| self.value(block.value?));
        self.names.truncate(before);
        value
    }

    /// Gives the names that a block introduces their values. If it does anything else, or a value is not
    /// known, the error is that value.
    fn introduced(&mut self, block: &Block) -> Result<(), Option<ExprId>> {
        for stmt in &block.stmts {
            let StmtKind::Let(local, Some(value)) = stmt.kind else { return Err(None) };
            let known = self.value(value).ok_or(Some(value))?;
            self.names.push((local, known));
        }
        Ok(())
    }

    /// Tells whether an arm takes a value; `None` if that is not known.
    fn takes(&mut self, patterns: &[Pattern], guard: Option<ExprId>, subject: &Value) -> Option<bool> {
        for pattern in patterns {
            if !self.fits(pattern, subject)? {
                continue;
            }
            return match guard {
                Some(guard) => Some(self.value(guard)? == Value::Bool(true)),
                None => Some(true),
            };
        }
        Some(false)
    }

    fn fits(&mut self, pattern: &Pattern, value: &Value) -> Option<bool> {
        match pattern {
            Pattern::All => Some(true),
            Pattern::Bind(local) => {
                self.names.push((*local, self.room.copy(value)?));
                Some(true)
            }
            Pattern::Tagged(tag, parts) => {
                let Value::Tagged(found, values) = value else { return None };
                if found != tag {
                    return Some(false);
                }
                for (part, value) in parts.iter().zip(values) {
                    if !self.fits(part, value)? {
                        return Some(false);
                    }
                }
                Some(true)
            }
            Pattern::Equal(expected) => {
                let expected = self.value(*expected)?;
                compared(BinaryOp::Eq, value.clone(), expected)
            }
            Pattern::Range(start, end, bound) => {
                let (start, end) = (self.value(*start)?, self.value(*end)?);
                let below = if *bound == Bound::Inclusive { BinaryOp::Le } else { BinaryOp::Lt };
                Some(compared(BinaryOp::Ge, value.clone(), start)? && compared(below, value.clone(), end)?)
            }
        }
    }

    // ------------------------------------------------------------ what is not known

    /// An operand without a value that this one's value needs.
    fn unknown_operand(&mut self, id: ExprId) -> Option<ExprId> {
        let program = self.program;
        let mut unknown = |ids: &[ExprId]| ids.iter().copied().find(|id| self.value(*id).is_none());
        match program.expr(id).kind {
            ExprKind::Unary(_, operand) | ExprKind::Convert(operand) | ExprKind::Some(operand) => {
                unknown(&[operand])
            }
            ExprKind::Binary(_, left, right) => unknown(&[left, right]),
            ExprKind::Index(base, index) => {
                unknown(&[index]).or(Some(base).filter(|_| self.part(base).is_none()))
            }
            ExprKind::Field(base, ..) => Some(base).filter(|_| self.part(base).is_none()),
            ExprKind::Repeat(operand, None) => unknown(&[operand]),
            ExprKind::Array(list)
            | ExprKind::Struct(list)
            | ExprKind::Tagged(_, list)
            | ExprKind::Builtin(_, list) => unknown(program.list(list)),
            ExprKind::If(cond, then, rest) => match self.value(cond) {
                None => Some(cond),
                Some(holds) => {
                    let taken = if holds == Value::Bool(true) { then } else { rest };
                    self.unknown_in(program.blocks.get(taken.index())?)
                }
            },
            ExprKind::Match(subject, arms) => match self.value(subject) {
                None => Some(subject),
                Some(value) => {
                    for arm in program.matches.get(arms.index())? {
                        match self.takes(&arm.patterns, arm.guard, &value) {
                            Some(true) => return self.unknown_in(&arm.body),
                            Some(false) => {}
                            None => return arm.guard,
                        }
                    }
                    None
                }
            },
            _ => None,
        }
    }

    /// The first expression in a block whose value is not known, or the one that the block gives.
    fn unknown_in(&mut self, block: &Block) -> Option<ExprId> {
        self.introduced(block).map_or_else(|value| value, |()| block.value)
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

/// An operation on integers of one type; one that wraps never traps.
fn wrapped(builtin: Builtin, operands: &[Value], ty: Type) -> Option<Value> {
    let Type::Int(kind) = ty else { return None };
    let value = match (builtin, operands) {
        (Builtin::Abs, [Value::Int(value)]) => return in_range(kind, value.checked_abs()?),
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

fn ordered(op: BinaryOp, ordering: Option<Ordering>) -> Option<bool> {
    let Some(known) = ordering else {
        // No number differs from everything.
        return match op {
            BinaryOp::Ne => Some(true),
            BinaryOp::Eq | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => Some(false),
            _ => None,
        };
    };
    Some(match op {
        BinaryOp::Eq => known == Ordering::Equal,
        BinaryOp::Ne => known != Ordering::Equal,
        BinaryOp::Lt => known == Ordering::Less,
        BinaryOp::Le => known != Ordering::Greater,
        BinaryOp::Gt => known == Ordering::Greater,
        BinaryOp::Ge => known != Ordering::Less,
        _ => return None,
    })
}

/// A comparison of two values of one type.
fn compared(op: BinaryOp, left: Value, right: Value) -> Option<bool> {
    match fold(op, left, right, Type::Error)? {
        Value::Bool(holds) => Some(holds),
        _ => None,
    }
}

/// The least and the greatest of numbers, and the like.
fn built_in(builtin: Builtin, operands: &[Value]) -> Option<Value> {
    let less = |a: &Value, b: &Value| compared(BinaryOp::Lt, a.clone(), b.clone());
    // Where one is no number the machine decides.
    if operands.iter().any(|value| matches!(value, Value::Float(value) if value.is_nan())) {
        return None;
    }
    let pick = |a: &Value, b: &Value, least: Ordering| {
        // So it does between the two zeros, which are equal.
        if let (Value::Float(a), Value::Float(b)) = (a, b)
            && a == b
            && a.is_sign_negative() != b.is_sign_negative()
        {
            return None;
        }
        let first = if least == Ordering::Less { less(a, b)? } else { less(b, a)? };
        Some(if first { a.clone() } else { b.clone() })
    };
    match (builtin, operands) {
        (Builtin::Min, [a, b]) => pick(a, b, Ordering::Less),
        (Builtin::Max, [a, b]) => pick(a, b, Ordering::Greater),
        (Builtin::Clamp, [value, low, high]) => {
            let value = pick(value, low, Ordering::Greater)?;
            pick(&value, high, Ordering::Less)
        }
        (Builtin::Abs, [Value::Float(value)]) => Some(Value::Float(value.abs())),
        (Builtin::TextLength, [Value::Text(text)]) => Some(Value::Int(i128::try_from(text.len()).ok()?)),
        _ => None,
    }
}

fn fold(op: BinaryOp, left: Value, right: Value, operand: Type) -> Option<Value> {
    let compare = |ordering| ordered(op, ordering).map(Value::Bool);
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => {
            let Type::Int(kind) = operand else { return compare(Some(a.cmp(&b))) };
            let places = u32::try_from(b).ok().filter(|places| *places < kind.bits());
            let value = match op {
                BinaryOp::Add => a.checked_add(b)?,
                BinaryOp::Sub => a.checked_sub(b)?,
                BinaryOp::Mul => a.checked_mul(b)?,
                BinaryOp::Div => a.checked_div(b)?,
                BinaryOp::Rem => a.checked_rem(b)?,
                BinaryOp::BitAnd => a & b,
                BinaryOp::BitOr => a | b,
                BinaryOp::BitXor => a ^ b,
                // What leaves the width would be cut off by the machine: left to it.
                BinaryOp::Shl => a.checked_mul(1i128.checked_shl(places?)?)?,
                BinaryOp::Shr => a.checked_shr(places?)?,
                _ => return compare(Some(a.cmp(&b))),
            };
            in_range(kind, value)
        }
        (Value::Float(a), Value::Float(b)) => {
            let Type::Float(kind) = operand else { return compare(a.partial_cmp(&b)) };
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
        (Value::Tagged(tag, a), Value::Tagged(other, b)) => {
            equality(op, if tag == other { all_equal(a, b)? } else { false })
        }
        (Value::Aggregate(a), Value::Aggregate(b)) => equality(op, all_equal(a, b)?),
        _ => None,
    }
}

/// What `==` or `!=` gives; nothing else is there for composed values.
fn equality(op: BinaryOp, equal: bool) -> Option<Value> {
    match op {
        BinaryOp::Eq => Some(Value::Bool(equal)),
        BinaryOp::Ne => Some(Value::Bool(!equal)),
        _ => None,
    }
}

/// Tells whether the parts of two values of one type are equal, one by one.
fn all_equal(a: Vec<Value>, b: Vec<Value>) -> Option<bool> {
    for (a, b) in a.into_iter().zip(b) {
        if !compared(BinaryOp::Eq, a, b)? {
            return Some(false);
        }
    }
    Some(true)
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
        #[expect(
            clippy::cast_possible_truncation,
            reason = "what is too large becomes the largest, which is out of range"
        )]
        (Value::Float(value), Type::Int(kind)) if !value.is_nan() => in_range(kind, value as i128),
        _ => None,
    }
}
