//! What the operations without memory compute: the meaning that the evaluator and
//! constant folding share.

use super::inst::{Effect, Inst};
use super::op::{FloatCompare, FloatOp, FloatUnaryOp, IntCompare, IntOp, IntUnaryOp};
use super::types::{FloatKind, IntKind};
use super::{FuncId, ValueId};
use flux_abi::trap::TrapKind;

/// The result of `inst` for the operand words that `get` gives; `None` if the operation
/// is not one of words alone (memory, calls, the runtime) or has no result.
pub(super) fn compute(inst: &Inst, get: impl Fn(ValueId) -> u64) -> Option<Result<u64, TrapKind>> {
    Some(Ok(match *inst {
        Inst::Const { bits, .. } => bits,
        Inst::FuncAddr(func) => function_word(func),
        Inst::Int(op, kind, [a, b]) => return Some(int_op(op, kind, get(a), get(b))),
        Inst::IntUnary(op, kind, a) => return Some(int_unary(op, kind, get(a))),
        Inst::Float(op, kind, [a, b]) => float_op(op, kind, get(a), get(b)),
        Inst::FloatUnary(op, kind, a) => float_unary(op, kind, get(a)),
        Inst::IntCompare(op, [a, b]) => u64::from(int_compare(op, get(a), get(b))),
        Inst::FloatCompare(op, kind, [a, b]) => {
            u64::from(float_compare(op, to_f64(kind, get(a)), to_f64(kind, get(b))))
        }
        Inst::BoolNot(a) => u64::from(get(a) == 0),
        Inst::Select([condition, then, otherwise]) => get(if get(condition) != 0 { then } else { otherwise }),
        Inst::Convert { arg, .. } if inst.effect() == Effect::None => get(arg),
        Inst::Convert { from, to, arg } => {
            return Some(in_range(to, from.number(get(arg)), TrapKind::Conversion));
        }
        Inst::IntToFloat { from, to, arg } => int_to_float(from, to, get(arg)),
        Inst::FloatToInt { from, to, arg } => return Some(float_to_int(to, to_f64(from, get(arg)))),
        Inst::FloatToFloat { to: FloatKind::F64, arg } => {
            from_f64(FloatKind::F64, to_f64(FloatKind::F32, get(arg)))
        }
        Inst::FloatToFloat { to: FloatKind::F32, arg } => from_f64(FloatKind::F32, f64::from_bits(get(arg))),
        Inst::Cast { arg, .. } => get(arg),
        Inst::PtrAdd { base, offset } => get(base).wrapping_add(get(offset)),
        _ => return None,
    }))
}

/// A function as a word: its number plus 1.
#[must_use]
pub(super) fn function_word(func: FuncId) -> u64 {
    func.index() as u64 + 1
}

#[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
fn in_range(kind: IntKind, number: i128, trap: TrapKind) -> Result<u64, TrapKind> {
    if (kind.lowest()..=kind.highest()).contains(&number) { Ok(number as u64) } else { Err(trap) }
}

fn int_op(op: IntOp, kind: IntKind, a: u64, b: u64) -> Result<u64, TrapKind> {
    let (x, y) = (kind.number(a), kind.number(b));
    let low = |word| kind.number(kind.wrap(word));
    let bits = kind.bits();
    // The width is a power of two, so the count modulo the width is a mask.
    let count = u32::try_from(b & u64::from(bits - 1)).unwrap_or(0);
    let word = match op {
        IntOp::Add => return in_range(kind, low(a) + low(b), TrapKind::Overflow),
        IntOp::Sub => return in_range(kind, low(a) - low(b), TrapKind::Overflow),
        // The product of two u64 may pass i128; then it is no number of any kind.
        IntOp::Mul => match low(a).checked_mul(low(b)) {
            Some(product) => return in_range(kind, product, TrapKind::Overflow),
            None => return Err(TrapKind::Overflow),
        },
        IntOp::Div | IntOp::Rem => {
            let quotient = x.checked_div(y).ok_or(TrapKind::DivideByZero)?;
            let quotient = in_range(kind, quotient, TrapKind::Overflow)?;
            if op == IntOp::Div { quotient } else { return in_range(kind, x % y, TrapKind::Overflow) }
        }
        IntOp::WrappingAdd => kind.wrap(a.wrapping_add(b)),
        IntOp::WrappingSub => kind.wrap(a.wrapping_sub(b)),
        IntOp::WrappingMul => kind.wrap(a.wrapping_mul(b)),
        IntOp::And => a & b,
        IntOp::Or => a | b,
        IntOp::Xor => a ^ b,
        IntOp::Shl => kind.wrap(a << count),
        IntOp::Shr => {
            if kind.is_signed() {
                (a.cast_signed() >> count).cast_unsigned()
            } else {
                a >> count
            }
        }
        IntOp::RotateLeft | IntOp::RotateRight => {
            let left = if op == IntOp::RotateLeft { count } else { (bits - count) % bits };
            let low = low_bits(kind, a);
            let high_part = low.checked_shr(bits - left).unwrap_or(0);
            kind.wrap((low << left) | high_part)
        }
        IntOp::Min => {
            if x <= y {
                a
            } else {
                b
            }
        }
        IntOp::Max => {
            if x >= y {
                a
            } else {
                b
            }
        }
    };
    Ok(word)
}

/// The operand's bits within the width, zero-extended.
fn low_bits(kind: IntKind, word: u64) -> u64 {
    word & (u64::MAX >> (64 - kind.bits()))
}

fn int_unary(op: IntUnaryOp, kind: IntKind, a: u64) -> Result<u64, TrapKind> {
    let (number, low, outside) = (kind.number(a), low_bits(kind, a), 64 - kind.bits());
    Ok(match op {
        IntUnaryOp::Neg => return in_range(kind, -kind.number(kind.wrap(a)), TrapKind::Overflow),
        IntUnaryOp::Abs => return in_range(kind, number.abs(), TrapKind::Overflow),
        IntUnaryOp::WrappingNeg => kind.wrap(a.wrapping_neg()),
        IntUnaryOp::Not => kind.wrap(!a),
        IntUnaryOp::Popcount => u64::from(low.count_ones()),
        IntUnaryOp::LeadingZeros => u64::from(low.leading_zeros() - outside),
        IntUnaryOp::TrailingZeros => u64::from(low.trailing_zeros().min(kind.bits())),
        IntUnaryOp::SwapBytes => kind.wrap(low.swap_bytes() >> outside),
        IntUnaryOp::Wrap => kind.wrap(a),
    })
}

fn int_compare(op: IntCompare, a: u64, b: u64) -> bool {
    let (x, y) = (a.cast_signed(), b.cast_signed());
    match op {
        IntCompare::Eq => a == b,
        IntCompare::Ne => a != b,
        IntCompare::Slt => x < y,
        IntCompare::Sle => x <= y,
        IntCompare::Sgt => x > y,
        IntCompare::Sge => x >= y,
        IntCompare::Ult => a < b,
        IntCompare::Ule => a <= b,
        IntCompare::Ugt => a > b,
        IntCompare::Uge => a >= b,
    }
}

fn float_compare(op: FloatCompare, a: f64, b: f64) -> bool {
    match op {
        FloatCompare::Eq => a == b,
        FloatCompare::Ne => a != b,
        FloatCompare::Lt => a < b,
        FloatCompare::Le => a <= b,
        FloatCompare::Gt => a > b,
        FloatCompare::Ge => a >= b,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "an f32 is in the low half of its word")]
fn to_f64(kind: FloatKind, word: u64) -> f64 {
    match kind {
        FloatKind::F64 => f64::from_bits(word),
        FloatKind::F32 => f64::from(f32::from_bits(word as u32)),
    }
}

/// The word of `value`, rounded to the kind; every NaN is the canonical one.
#[expect(clippy::cast_possible_truncation, reason = "rounding is the meaning")]
fn from_f64(kind: FloatKind, value: f64) -> u64 {
    match kind {
        FloatKind::F64 if value.is_nan() => 0x7ff8_0000_0000_0000,
        FloatKind::F64 => value.to_bits(),
        FloatKind::F32 if value.is_nan() => 0x7fc0_0000,
        FloatKind::F32 => u64::from((value as f32).to_bits()),
    }
}

/// For `f32` the sum, difference, product, quotient and root of `f64` rounded once more are
/// the correctly rounded ones, since 53 >= 2 * 24 + 2 (Figueroa, 1995).
fn float_op(op: FloatOp, kind: FloatKind, a: u64, b: u64) -> u64 {
    let (x, y) = (to_f64(kind, a), to_f64(kind, b));
    let value = match op {
        FloatOp::Add => x + y,
        FloatOp::Sub => x - y,
        FloatOp::Mul => x * y,
        FloatOp::Div => x / y,
        FloatOp::Rem => libm::fmod(x, y),
        FloatOp::Min => lesser(x, y),
        FloatOp::Max => -lesser(-x, -y),
        FloatOp::Pow => libm::pow(x, y),
        FloatOp::Atan2 => libm::atan2(x, y),
    };
    from_f64(kind, value)
}

/// The lesser number, the other one if one is NaN, -0 before +0.
fn lesser(x: f64, y: f64) -> f64 {
    if x.is_nan() {
        y
    } else if y.is_nan() || x < y || (x == y && x.is_sign_negative()) {
        x
    } else {
        y
    }
}

fn float_unary(op: FloatUnaryOp, kind: FloatKind, a: u64) -> u64 {
    let x = to_f64(kind, a);
    let value = match op {
        FloatUnaryOp::Neg => -x,
        FloatUnaryOp::Abs => libm::fabs(x),
        FloatUnaryOp::Sqrt => libm::sqrt(x),
        FloatUnaryOp::Floor => libm::floor(x),
        FloatUnaryOp::Ceil => libm::ceil(x),
        FloatUnaryOp::Round => libm::round(x),
        FloatUnaryOp::Trunc => libm::trunc(x),
        FloatUnaryOp::Sin => libm::sin(x),
        FloatUnaryOp::Cos => libm::cos(x),
        FloatUnaryOp::Tan => libm::tan(x),
        FloatUnaryOp::Asin => libm::asin(x),
        FloatUnaryOp::Acos => libm::acos(x),
        FloatUnaryOp::Atan => libm::atan(x),
        FloatUnaryOp::Exp => libm::exp(x),
        FloatUnaryOp::Ln => libm::log(x),
        FloatUnaryOp::Log2 => libm::log2(x),
        FloatUnaryOp::Log10 => libm::log10(x),
    };
    from_f64(kind, value)
}

fn int_to_float(from: IntKind, to: FloatKind, word: u64) -> u64 {
    let number = from.number(word);
    #[expect(clippy::cast_precision_loss, reason = "rounding to nearest is the meaning")]
    match to {
        FloatKind::F64 => (number as f64).to_bits(),
        FloatKind::F32 => u64::from((number as f32).to_bits()),
    }
}

fn float_to_int(to: IntKind, value: f64) -> Result<u64, TrapKind> {
    let whole = libm::trunc(value);
    // Beyond 2^65 the cast would saturate to a number that is out of range as well.
    if whole.is_nan() {
        return Err(TrapKind::Conversion);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates at 128 bits")]
    in_range(to, whole as i128, TrapKind::Conversion)
}
