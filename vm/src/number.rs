//! Results and flags of the numeric instructions.
//!
//! # Invariants
//! 1. Every f64 result that is NaN is 0x7ff8000000000000, every f32 one 0x7fc00000.
//! 2. Float functions come from `libm`, so that they give the same bits on every target.

use flux_abi::select::{Convert, Float32, FloatBinary, FloatUnary, IntType, Signedness};
use flux_abi::trap::TrapKind;

/// The one NaN of f64 results.
pub(crate) const NAN64: u64 = 0x7ff8_0000_0000_0000;
/// The one NaN of f32 results.
const NAN32: u32 = 0x7fc0_0000;

/// Bits of the flags register.
pub(crate) mod flag {
    pub(crate) const ZERO: u8 = 1;
    pub(crate) const NEGATIVE: u8 = 1 << 1;
    pub(crate) const CARRY: u8 = 1 << 2;
    pub(crate) const OVERFLOW: u8 = 1 << 3;
    pub(crate) const EQUAL: u8 = 1 << 4;
    pub(crate) const LESS: u8 = 1 << 5;
    pub(crate) const GREATER: u8 = 1 << 6;
    pub(crate) const TRAP: u8 = 1 << 7;
}

const fn set(bit: u8, condition: bool) -> u8 {
    if condition { bit } else { 0 }
}

/// Bits of an f64 result.
#[inline(always)]
pub(crate) fn bits(value: f64) -> u64 {
    if value.is_nan() { NAN64 } else { value.to_bits() }
}

/// The f64 with these bits.
#[inline(always)]
pub(crate) fn float(bits: u64) -> f64 {
    f64::from_bits(bits)
}

/// Bits of an f32 result, in the low half.
fn bits32(value: f32) -> u64 {
    u64::from(if value.is_nan() { NAN32 } else { value.to_bits() })
}

/// The f32 in the low half.
fn float32(word: u64) -> f32 {
    f32::from_bits(word as u32)
}

/// Zero and negative of an integer result.
pub(crate) fn sign_flags(result: u64) -> u8 {
    set(flag::ZERO, result == 0) | set(flag::NEGATIVE, (result as i64) < 0)
}

/// Zero and negative of a float result.
pub(crate) fn float_flags(result: u64) -> u8 {
    set(flag::ZERO, float(result) == 0.0) | set(flag::NEGATIVE, float(result) < 0.0)
}

/// Flags of arithmetic: `carry` unsigned, `overflow` signed.
pub(crate) fn arithmetic_flags(result: u64, carry: bool, overflow: bool) -> u8 {
    sign_flags(result) | set(flag::CARRY, carry) | set(flag::OVERFLOW, overflow)
}

/// Flags of CMP and CMPI.
pub(crate) fn compare_flags(a: u64, b: u64) -> u8 {
    let (signed_a, signed_b) = (a as i64, b as i64);
    let (difference, overflow) = signed_a.overflowing_sub(signed_b);
    set(flag::ZERO | flag::EQUAL, a == b)
        | set(flag::NEGATIVE, difference < 0)
        | set(flag::CARRY, a < b)
        | set(flag::OVERFLOW, overflow)
        | set(flag::LESS, signed_a < signed_b)
        | set(flag::GREATER, signed_a > signed_b)
}

/// Flags of FCMP.
pub(crate) fn float_compare_flags(a: u64, b: u64) -> u8 {
    let (a, b) = (float(a), float(b));
    let unordered = a.is_nan() || b.is_nan();
    set(flag::ZERO | flag::EQUAL, a == b)
        | set(flag::LESS, a < b)
        | set(flag::GREATER, a > b)
        | set(flag::OVERFLOW, unordered)
        | set(flag::CARRY, unordered || a < b)
}

/// Flags of TEST and TESTI.
pub(crate) fn test_flags(a: u64, b: u64) -> u8 {
    set(flag::ZERO | flag::EQUAL, a & b == 0) | set(flag::NEGATIVE, ((a & b) as i64) < 0)
}

/// Flags of ISHL.
pub(crate) fn shl_flags(a: u64, count: u64, result: u64) -> u8 {
    let count = (count & 63) as u32;
    sign_flags(result) | set(flag::CARRY, count != 0 && a >> (64 - count) & 1 != 0)
}

/// Flags of ISHR and USHR.
pub(crate) fn shr_flags(a: u64, count: u64, result: u64) -> u8 {
    let count = (count & 63) as u32;
    sign_flags(result) | set(flag::CARRY, count != 0 && a >> (count - 1) & 1 != 0)
}

#[inline(always)]
pub(crate) fn shl(a: u64, b: u64) -> u64 {
    a.wrapping_shl(b as u32)
}

#[inline(always)]
pub(crate) fn sar(a: u64, b: u64) -> u64 {
    (a as i64).wrapping_shr(b as u32) as u64
}

#[inline(always)]
pub(crate) fn ushr(a: u64, b: u64) -> u64 {
    a.wrapping_shr(b as u32)
}

#[inline(always)]
pub(crate) fn rotl(a: u64, b: u64) -> u64 {
    a.rotate_left(b as u32 & 63)
}

#[inline(always)]
pub(crate) fn rotr(a: u64, b: u64) -> u64 {
    a.rotate_right(b as u32 & 63)
}

#[inline(always)]
pub(crate) fn fneg(a: u64) -> u64 {
    bits(-float(a))
}

#[inline(always)]
pub(crate) fn i2f(a: u64) -> u64 {
    bits(a as i64 as f64)
}

/// Signed quotient.
#[inline(always)]
pub(crate) fn div(a: u64, b: u64) -> Result<u64, TrapKind> {
    match (a as i64).checked_div(b as i64) {
        Some(value) => Ok(value as u64),
        None => Err(division_trap(b)),
    }
}

/// Signed remainder.
#[inline(always)]
pub(crate) fn rem(a: u64, b: u64) -> Result<u64, TrapKind> {
    match (a as i64).checked_rem(b as i64) {
        Some(value) => Ok(value as u64),
        None => Err(division_trap(b)),
    }
}

#[cold]
fn division_trap(b: u64) -> TrapKind {
    if b == 0 { TrapKind::DivideByZero } else { TrapKind::Overflow }
}

/// Unsigned quotient.
#[inline(always)]
pub(crate) fn udiv(a: u64, b: u64) -> Result<u64, TrapKind> {
    a.checked_div(b).ok_or(TrapKind::DivideByZero)
}

/// Unsigned remainder.
#[inline(always)]
pub(crate) fn urem(a: u64, b: u64) -> Result<u64, TrapKind> {
    a.checked_rem(b).ok_or(TrapKind::DivideByZero)
}

/// f64 truncated to i64.
#[inline(always)]
pub(crate) fn f2i(a: u64) -> Result<u64, TrapKind> {
    let value = float(a);
    // 2^63 is exact as f64; the cast truncates toward zero.
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) {
        Ok(value as i64 as u64)
    } else {
        Err(TrapKind::Conversion)
    }
}

/// f64 truncated to u64.
fn float_to_u64(value: f64) -> Result<u64, TrapKind> {
    if value > -1.0 && value < 18_446_744_073_709_551_616.0 {
        Ok(value as u64)
    } else {
        Err(TrapKind::Conversion)
    }
}

/// High half of the 128-bit product.
pub(crate) fn mulh(a: u64, b: u64, signedness: Signedness) -> u64 {
    match signedness {
        Signedness::Signed => ((i128::from(a as i64) * i128::from(b as i64)) >> 64) as u64,
        Signedness::Unsigned => ((u128::from(a) * u128::from(b)) >> 64) as u64,
    }
}

/// An operation on integers of a type; operands are the low bits of their words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Checked {
    Add,
    Sub,
    Mul,
}

macro_rules! narrow {
    ($operation:expr, $a:expr, $b:expr, $($kind:ident $type:ty as $wide:ty;)*) => {
        match $operation {
            $((IntType::$kind, operation) => {
                let (a, b) = ($a as $type, $b as $type);
                let result = match operation {
                    Checked::Add => a.checked_add(b),
                    Checked::Sub => a.checked_sub(b),
                    Checked::Mul => a.checked_mul(b),
                };
                result.map(|value| <$wide>::from(value) as u64)
            })*
        }
    };
}

/// TADD, TSUB, TMUL of any type.
#[inline]
pub(crate) fn checked(operation: Checked, kind: IntType, a: u64, b: u64) -> Result<u64, TrapKind> {
    narrow! { (kind, operation), a, b,
        I64 i64 as i64; I32 i32 as i64; I16 i16 as i64; I8 i8 as i64;
        U64 u64 as u64; U32 u32 as u64; U16 u16 as u64; U8 u8 as u64;
    }
    .ok_or(TrapKind::Overflow)
}

/// FMATH1.
pub(crate) fn float_unary(a: u64, which: FloatUnary) -> u64 {
    let x = float(a);
    bits(match which {
        FloatUnary::Sqrt => libm::sqrt(x),
        FloatUnary::Abs => libm::fabs(x),
        FloatUnary::Floor => libm::floor(x),
        FloatUnary::Ceil => libm::ceil(x),
        FloatUnary::Round => libm::round(x),
        FloatUnary::Trunc => libm::trunc(x),
        FloatUnary::Sin => libm::sin(x),
        FloatUnary::Cos => libm::cos(x),
        FloatUnary::Tan => libm::tan(x),
        FloatUnary::Exp => libm::exp(x),
        FloatUnary::Ln => libm::log(x),
        FloatUnary::Log10 => libm::log10(x),
        FloatUnary::Log2 => libm::log2(x),
        FloatUnary::Asin => libm::asin(x),
        FloatUnary::Acos => libm::acos(x),
        FloatUnary::Atan => libm::atan(x),
    })
}

/// Lesser of two; the other one if one is NaN, -0 before +0.
fn least(a: f64, b: f64) -> f64 {
    let first = b.is_nan() || a < b || (a == b && a.is_sign_negative());
    if first { a } else { b }
}

/// Greater of two; the other one if one is NaN, +0 after -0.
fn greatest(a: f64, b: f64) -> f64 {
    let first = b.is_nan() || a > b || (a == b && a.is_sign_positive());
    if first { a } else { b }
}

/// FMATH2.
pub(crate) fn float_binary(a: u64, b: u64, which: FloatBinary) -> u64 {
    let (x, y) = (float(a), float(b));
    bits(match which {
        FloatBinary::Min => least(x, y),
        FloatBinary::Max => greatest(x, y),
        FloatBinary::Rem => libm::fmod(x, y),
        FloatBinary::Pow => libm::pow(x, y),
        FloatBinary::Atan2 => libm::atan2(x, y),
        FloatBinary::CopySign => libm::copysign(x, y),
    })
}

/// F32.
pub(crate) fn f32(a: u64, b: u64, which: Float32) -> u64 {
    let (x, y) = (float32(a), float32(b));
    // f32 values, their order and their signs are exact as f64.
    let wide = |value: f64| bits32(value as f32);
    match which {
        Float32::Add => bits32(x + y),
        Float32::Sub => bits32(x - y),
        Float32::Mul => bits32(x * y),
        Float32::Div => bits32(x / y),
        Float32::Eq => u64::from(x == y),
        Float32::Lt => u64::from(x < y),
        Float32::Le => u64::from(x <= y),
        Float32::Neg => bits32(-x),
        Float32::Abs => bits32(libm::fabsf(x)),
        Float32::Sqrt => bits32(libm::sqrtf(x)),
        Float32::Min => wide(least(f64::from(x), f64::from(y))),
        Float32::Max => wide(greatest(f64::from(x), f64::from(y))),
        Float32::Rem => bits32(libm::fmodf(x, y)),
    }
}

/// CONVERT.
pub(crate) fn convert(a: u64, how: Convert) -> Result<u64, TrapKind> {
    let signed = a as i64;
    let fits = |fits: bool| if fits { Ok(a) } else { Err(TrapKind::Conversion) };
    match how {
        Convert::I64ToI32 => fits(i32::try_from(signed).is_ok()),
        Convert::I64ToI16 => fits(i16::try_from(signed).is_ok()),
        Convert::I64ToI8 => fits(i8::try_from(signed).is_ok()),
        Convert::I64ToU64 => fits(signed >= 0),
        Convert::I64ToU32 => fits(u32::try_from(signed).is_ok()),
        Convert::I64ToU16 => fits(u16::try_from(signed).is_ok()),
        Convert::I64ToU8 => fits(u8::try_from(signed).is_ok()),
        Convert::U64ToI64 => fits(signed >= 0),
        Convert::U64ToI32 => fits(i32::try_from(a).is_ok()),
        Convert::U64ToI16 => fits(i16::try_from(a).is_ok()),
        Convert::U64ToI8 => fits(i8::try_from(a).is_ok()),
        Convert::U64ToU32 => fits(u32::try_from(a).is_ok()),
        Convert::U64ToU16 => fits(u16::try_from(a).is_ok()),
        Convert::U64ToU8 => fits(u8::try_from(a).is_ok()),
        Convert::U64ToF64 => Ok(bits(a as f64)),
        Convert::F64ToU64 => float_to_u64(float(a)),
        Convert::F64ToF32 => Ok(bits32(float(a) as f32)),
        Convert::F32ToF64 => Ok(bits(f64::from(float32(a)))),
        Convert::I64ToF32 => Ok(bits32(signed as f32)),
        Convert::U64ToF32 => Ok(bits32(a as f32)),
        Convert::F32ToI64 => f2i(f64::from(float32(a)).to_bits()),
        Convert::F32ToU64 => float_to_u64(f64::from(float32(a))),
    }
}
