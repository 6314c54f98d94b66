//! Fused operations: two instructions in one function.
//!
//! # Invariants
//! 1. Those of [`super`].
//! 2. A pair whose second part gives no plain result has carried out the first alone; the second is
//!    in the next place in its plain form.

use flux_abi::trap::TrapKind;

use super::{Cell, Context, Function, Machine, SLOW, Then, not_a_number, second};
use crate::number::{self, float};
use crate::op::{Alu, Chain, Compare, Op, R, Width};

/// Defines the function of a fused operation, generic over the kinds of its parts.
macro_rules! fused {
    ($name:ident<$(const $kind:ident),*>($m:ident, $cx:ident) $pattern:pat => $body:expr) => {
        /// # Safety
        /// The invariants of the module.
        pub(super) unsafe fn $name<$(const $kind: u8),*>(
            ip: *const Cell,
            registers: *mut u64,
            fuel: u64,
            data: *mut u8,
            end: u64,
            $cx: &mut Context<'_>,
        ) -> Then {
            let $m = Machine { ip, registers, fuel, data, end };
            // Operands are read where they are used, which keeps few of them in hand at a time.
            // SAFETY: invariant 1.
            match unsafe { &(*ip).op } {
                $pattern => $body,
                // SAFETY: invariant 5: this function stands in cells of that kind alone.
                _ => unsafe { core::hint::unreachable_unchecked() },
            }
        }
    };
}

/// One function for each [`Alu`].
macro_rules! by_alu {
    ($name:ident $(, $kind:literal)*) => {
        each_alu!($name, [$($kind),*], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)
    };
}

macro_rules! each_alu {
    ($name:ident, $kinds:tt, $($alu:literal),*) => { [$(one_alu!($name, $kinds, $alu)),*] };
}

macro_rules! one_alu {
    ($name:ident, [], $alu:literal) => {
        $name::<$alu>
    };
    ($name:ident, [$a:literal], $alu:literal) => {
        $name::<$a, $alu>
    };
    ($name:ident, [$a:literal, $b:literal], $alu:literal) => {
        $name::<$a, $b, $alu>
    };
}

/// Register operations.
const ALUS: usize = 18;
/// Those of them that give integers; the rest gives floats.
const INTEGERS: usize = 13;
const FLOATS: usize = ALUS - INTEGERS;

/// Registers of a range that is pushed or popped without a loop.
pub(super) const FEW: usize = 8;
pub(super) static PUSH_FEW: [Function; FEW] = [
    push_few::<1>,
    push_few::<2>,
    push_few::<3>,
    push_few::<4>,
    push_few::<5>,
    push_few::<6>,
    push_few::<7>,
    push_few::<8>,
];
pub(super) static POP_FEW: [Function; FEW] = [
    pop_few::<1>,
    pop_few::<2>,
    pop_few::<3>,
    pop_few::<4>,
    pop_few::<5>,
    pop_few::<6>,
    pop_few::<7>,
    pop_few::<8>,
];

static TWO: [[Function; ALUS]; ALUS] = [
    by_alu!(two, 0, 0),
    by_alu!(two, 0, 1),
    by_alu!(two, 0, 2),
    by_alu!(two, 0, 3),
    by_alu!(two, 0, 4),
    by_alu!(two, 0, 5),
    by_alu!(two, 0, 6),
    by_alu!(two, 0, 7),
    by_alu!(two, 0, 8),
    by_alu!(two, 0, 9),
    by_alu!(two, 0, 10),
    by_alu!(two, 0, 11),
    by_alu!(two, 0, 12),
    by_alu!(two, 0, 13),
    by_alu!(two, 0, 14),
    by_alu!(two, 0, 15),
    by_alu!(two, 0, 16),
    by_alu!(two, 0, 17),
];
/// Pairs whose second part works on the result of the first: integers.
static TWO_INTEGERS: [[[Function; INTEGERS]; INTEGERS]; 2] = [
    [
        each_alu!(two, [1, 0], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 1], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 2], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 3], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 4], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 5], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 6], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 7], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 8], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 9], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 10], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 11], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 12], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
    ],
    [
        each_alu!(two, [2, 0], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 1], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 2], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 3], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 4], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 5], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 6], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 7], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 8], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 9], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 10], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 11], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 12], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
    ],
];
/// Pairs whose second part works on the result of the first: floats.
static TWO_FLOATS: [[[Function; FLOATS]; FLOATS]; 2] = [
    [
        each_alu!(two, [1, 13], 13, 14, 15, 16, 17),
        each_alu!(two, [1, 14], 13, 14, 15, 16, 17),
        each_alu!(two, [1, 15], 13, 14, 15, 16, 17),
        each_alu!(two, [1, 16], 13, 14, 15, 16, 17),
        each_alu!(two, [1, 17], 13, 14, 15, 16, 17),
    ],
    [
        each_alu!(two, [2, 13], 13, 14, 15, 16, 17),
        each_alu!(two, [2, 14], 13, 14, 15, 16, 17),
        each_alu!(two, [2, 15], 13, 14, 15, 16, 17),
        each_alu!(two, [2, 16], 13, 14, 15, 16, 17),
        each_alu!(two, [2, 17], 13, 14, 15, 16, 17),
    ],
];
pub(super) static LOAD_ALU: [[Function; ALUS]; 3] =
    [by_alu!(load_alu, 0), by_alu!(load_alu, 1), by_alu!(load_alu, 2)];
pub(super) static ALU_STORE: [[Function; ALUS]; 2] = [by_alu!(alu_store, 0), by_alu!(alu_store, 1)];

pub(super) static ALU_LOAD: [Function; ALUS] = by_alu!(alu_load);
pub(super) static IMM_ALU: [Function; ALUS] = by_alu!(imm_alu);
pub(super) static ALU_IMM: [Function; ALUS] = by_alu!(alu_imm);
pub(super) static CHECK_LOAD_X: [Function; 3] = [check_load_x::<0>, check_load_x::<1>, check_load_x::<2>];
pub(super) static CHECK_STORE_X: [Function; 3] = [check_store_x::<0>, check_store_x::<1>, check_store_x::<2>];

/// The function of a pair of register operations.
pub(super) fn two_function(first: Alu, second: Alu, chain: Chain) -> Function {
    let (f, s) = (first as usize, second as usize);
    let side = match chain {
        Chain::No => return TWO[f][s],
        Chain::First => 0,
        Chain::Second => 1,
    };
    match (f < INTEGERS, s < INTEGERS) {
        (true, true) => TWO_INTEGERS[side][f][s],
        (false, false) => TWO_FLOATS[side][f - INTEGERS][s - INTEGERS],
        _ => TWO[f][s],
    }
}

pub(super) static LOAD_X_ALU: [[Function; ALUS]; 3] =
    [by_alu!(load_x_alu, 0), by_alu!(load_x_alu, 1), by_alu!(load_x_alu, 2)];
/// Those that compare another register than the result, then those that compare the result.
pub(super) static ALU_BR: [[[Function; ALUS]; 4]; 2] = [
    [by_alu!(alu_br, 0, 0), by_alu!(alu_br, 0, 1), by_alu!(alu_br, 0, 2), by_alu!(alu_br, 0, 3)],
    [by_alu!(alu_br, 1, 0), by_alu!(alu_br, 1, 1), by_alu!(alu_br, 1, 2), by_alu!(alu_br, 1, 3)],
];

/// The bits of a float result that is a number.
#[inline(always)]
pub(super) fn number_bits(value: f64) -> Option<u64> {
    if value.is_nan() { None } else { Some(value.to_bits()) }
}

/// Whether a register operation gives a float.
const fn is_float(kind: u8) -> bool {
    kind as usize >= INTEGERS
}

/// The register operation number `K`; `None` if its result does not fit, or is NaN.
#[inline(always)]
fn alu<const K: u8>(a: u64, b: u64) -> Option<u64> {
    const ADD: u8 = Alu::Add as u8;
    const SUB: u8 = Alu::Sub as u8;
    const MUL: u8 = Alu::Mul as u8;
    const AND: u8 = Alu::And as u8;
    const OR: u8 = Alu::Or as u8;
    const XOR: u8 = Alu::Xor as u8;
    const SHL: u8 = Alu::Shl as u8;
    const USHR: u8 = Alu::Ushr as u8;
    const MOV: u8 = Alu::Mov as u8;
    const Z32: u8 = Alu::Z32 as u8;
    const FADD: u8 = Alu::Fadd as u8;
    const FSUB: u8 = Alu::Fsub as u8;
    const FMUL: u8 = Alu::Fmul as u8;
    const FDIV: u8 = Alu::Fdiv as u8;
    const FSQRT: u8 = Alu::Fsqrt as u8;
    const TADD: u8 = Alu::Tadd as u8;
    const TSUB: u8 = Alu::Tsub as u8;
    let (x, y) = (a as i64, b as i64);
    Some(match K {
        ADD => a.wrapping_add(b),
        SUB => a.wrapping_sub(b),
        MUL => a.wrapping_mul(b),
        AND => a & b,
        OR => a | b,
        XOR => a ^ b,
        SHL => number::shl(a, b),
        USHR => number::ushr(a, b),
        MOV => a,
        Z32 => u64::from(a as u32),
        FADD => return number_bits(float(a) + float(b)),
        FSUB => return number_bits(float(a) - float(b)),
        FMUL => return number_bits(float(a) * float(b)),
        FDIV => return number_bits(float(a) / float(b)),
        FSQRT => return number_bits(libm::sqrt(float(a))),
        TADD => return x.checked_add(y).map(|value| value as u64),
        TSUB => return x.checked_sub(y).map(|value| value as u64),
        _ => return x.checked_mul(y).map(|value| value as u64),
    })
}

impl Machine {
    /// The register operation `K` on d, a, b; `false` if it gives no plain result.
    #[inline(always)]
    fn alu<const K: u8>(self, d: R, a: R, b: R) -> bool {
        match alu::<K>(self.get(a), self.get(b)) {
            Some(value) => {
                self.set(d, value);
                true
            }
            None => false,
        }
    }

    /// Carries a first part to its end that gave no plain result: NaN, or a trap. What follows it is in
    /// the next place in its plain form.
    #[inline(always)]
    fn odd<const K: u8>(self, cx: &mut Context<'_>) -> Then {
        if is_float(K) { self.not_a_number(cx) } else { self.trap(TrapKind::Overflow, 0, cx) }
    }

    /// A float result; NaN is made the one NaN on a way of its own, so that numbers do not wait for it.
    #[inline(always)]
    pub(super) fn float_value(self, d: R, value: f64, cx: &mut Context<'_>) -> Then {
        match number_bits(value) {
            Some(bits) => self.value(d, bits, cx),
            None => self.not_a_number(cx),
        }
    }

    #[inline(always)]
    pub(super) fn not_a_number(self, cx: &mut Context<'_>) -> Then {
        // SAFETY: the invariants hold here as for every operation.
        unsafe { not_a_number(self.ip, self.registers, self.fuel, self.data, self.end, cx) }
    }

    /// Leaves the second part of a pair to the plain operation in the next place.
    #[inline(always)]
    pub(super) fn second(self, cx: &mut Context<'_>) -> Then {
        // SAFETY: the invariants hold here as for every operation.
        unsafe { second(self.ip, self.registers, self.fuel, self.data, self.end, cx) }
    }

    /// TADDI; `false` if it traps.
    #[inline(always)]
    fn add_immediate(self, d: R, a: R, imm: i32) -> bool {
        match self.signed(a).checked_add(i64::from(imm)) {
            Some(value) => {
                self.set(d, value as u64);
                true
            }
            None => false,
        }
    }

    /// An indexed load of width `W`; `false` if it needs the far way.
    #[inline(always)]
    fn load_indexed<const W: u8>(self, d: R, a: R, b: R, shift: u8, k: i64) -> bool {
        let Some(at) = self.indexed(a, b, shift, k) else { return false };
        // SAFETY: invariant 3: eight bytes are there.
        let word = u64::from_le(unsafe { at.cast::<u64>().read_unaligned() });
        self.set(
            d,
            if W == W64 {
                word
            } else if W == Z32 {
                u64::from(word as u32)
            } else {
                u64::from(word as u8)
            },
        );
        true
    }

    /// An indexed store of width `W`; `false` if it needs the far way.
    #[inline(always)]
    fn store_indexed<const W: u8>(self, value: R, a: R, b: R, shift: u8, k: i64) -> bool {
        let Some(at) = self.indexed(a, b, shift, k) else { return false };
        let word = self.get(value);
        // SAFETY: invariant 3: eight bytes are there.
        unsafe {
            match W {
                W64 => at.cast::<u64>().write_unaligned(word.to_le()),
                Z32 => at.cast::<u32>().write_unaligned((word as u32).to_le()),
                _ => at.write(word as u8),
            }
        }
        true
    }
}

const W64: u8 = Width::W64 as u8;
const Z32: u8 = Width::Z32 as u8;

/// The operand at `place`, or the result just made if the chain says it is that.
#[inline(always)]
fn operand<const CHAIN: u8>(m: Machine, place: Chain, r: R, result: u64) -> u64 {
    if CHAIN == place as u8 { result } else { m.get(r) }
}

fused! { two<const CHAIN, const F, const S>(m, cx) Op::Two(_, _, _, [d, a, b, d2, a2, b2]) => {
    let Some(result) = alu::<F>(m.get(*a), m.get(*b)) else { return m.odd::<F>(cx) };
    m.set(*d, result);
    let (x, y) = (
        operand::<CHAIN>(m, Chain::First, *a2, result),
        operand::<CHAIN>(m, Chain::Second, *b2, result),
    );
    let Some(result) = alu::<S>(x, y) else { return m.second(cx) };
    m.set(*d2, result);
    m.skip(2, cx)
} }

fused! { load_alu<const CHAIN, const S>(m, cx) Op::LoadAlu(_, _, [d, a, d2, a2, b2], k) => {
    let Some(at) = m.plain(*a, *k) else { return m.far(cx) };
    // SAFETY: invariant 3: eight bytes are there.
    let loaded = u64::from_le(unsafe { at.cast::<u64>().read_unaligned() });
    m.set(*d, loaded);
    let (x, y) = (
        operand::<CHAIN>(m, Chain::First, *a2, loaded),
        operand::<CHAIN>(m, Chain::Second, *b2, loaded),
    );
    let Some(result) = alu::<S>(x, y) else { return m.second(cx) };
    m.set(*d2, result);
    m.skip(2, cx)
} }

fused! { alu_load<const F>(m, cx) Op::AluLoad(_, [d, a, b, d2, a2], k) => {
    if !m.alu::<F>(*d, *a, *b) {
        return m.odd::<F>(cx);
    }
    let Some(at) = m.plain(*a2, *k) else { return m.second(cx) };
    // SAFETY: invariant 3: eight bytes are there.
    m.set(*d2, u64::from_le(unsafe { at.cast::<u64>().read_unaligned() }));
    m.skip(2, cx)
} }

fused! { alu_store<const CHAIN, const F>(m, cx) Op::AluStore(_, _, [d, a, b, value, base], k) => {
    let Some(result) = alu::<F>(m.get(*a), m.get(*b)) else { return m.odd::<F>(cx) };
    m.set(*d, result);
    let Some(at) = m.plain(*base, *k) else { return m.second(cx) };
    let value = operand::<CHAIN>(m, Chain::First, *value, result);
    // SAFETY: invariant 3: eight bytes are there.
    unsafe { at.cast::<u64>().write_unaligned(value.to_le()) };
    m.skip(2, cx)
} }

fused! { imm_alu<const S>(m, cx) Op::ImmAlu(_, [d, a, d2, a2, b2], imm) => {
    if !m.add_immediate(*d, *a, *imm) {
        return m.trap(TrapKind::Overflow, 0, cx);
    }
    if m.alu::<S>(*d2, *a2, *b2) { m.skip(2, cx) } else { m.second(cx) }
} }

fused! { alu_imm<const F>(m, cx) Op::AluImm(_, [d, a, b, d2, a2], imm) => {
    if !m.alu::<F>(*d, *a, *b) {
        return m.odd::<F>(cx);
    }
    if m.add_immediate(*d2, *a2, *imm) { m.skip(2, cx) } else { m.second(cx) }
} }

fused! { push_few<const N>(m, cx) Op::PushRange(first, _) => {
    let end = cx.sp + usize::from(N);
    let Some(slots) = cx.stack.get_mut(cx.sp..end) else { return m.leave_for_stack(end, cx) };
    let first = first.at();
    for (place, slot) in (first..).zip(slots) {
        // Read one by one: words just written are not there yet for a wider read.
        // SAFETY: invariant 2: the range has N registers.
        *slot = unsafe { m.registers.add(place).read_volatile() };
    }
    cx.sp = end;
    m.next(cx)
} }

fused! { pop_few<const N>(m, cx) Op::PopRange(first, _) => {
    let start = cx.sp - usize::from(N);
    let Some(slots) = cx.stack.get(start..cx.sp) else { return m.leave::<SLOW>(cx) };
    let first = first.at();
    for (place, slot) in (first..).zip(slots) {
        // Written one by one: the next reads are of single words.
        // SAFETY: invariant 2: the range has N registers.
        unsafe { m.registers.add(place).write_volatile(*slot) };
    }
    cx.sp = start;
    m.next(cx)
} }

fused! { load_load<>(m, cx) Op::LoadLoad([d, a, d2, a2], k, k2) => {
    let Some(at) = m.plain(*a, i64::from(*k)) else { return m.far(cx) };
    // SAFETY: invariant 3: eight bytes are there.
    m.set(*d, u64::from_le(unsafe { at.cast::<u64>().read_unaligned() }));
    let Some(at) = m.plain(*a2, i64::from(*k2)) else { return m.second(cx) };
    // SAFETY: invariant 3: eight bytes are there.
    m.set(*d2, u64::from_le(unsafe { at.cast::<u64>().read_unaligned() }));
    m.skip(2, cx)
} }

fused! { load_x_alu<const W, const S>(m, cx) Op::LoadXAlu(_, _, [d, a, b, d2, a2, b2], shift, k) => {
    if !m.load_indexed::<W>(*d, *a, *b, *shift, i64::from(*k)) {
        return m.far(cx);
    }
    if m.alu::<S>(*d2, *a2, *b2) { m.skip(2, cx) } else { m.second(cx) }
} }

fused! { alu_br<const CHAIN, const C, const F>(m, cx) Op::AluBr(_, _, [d, a, b, x, y], ways) => {
    let Some(result) = alu::<F>(m.get(*a), m.get(*b)) else { return m.odd::<F>(cx) };
    m.set(*d, result);
    let x = operand::<CHAIN>(m, Chain::First, *x, result);
    const EQ: u8 = Compare::Eq as u8;
    const NE: u8 = Compare::Ne as u8;
    const LT: u8 = Compare::Lt as u8;
    let taken = match C {
        EQ => x == m.get(*y),
        NE => x != m.get(*y),
        LT => x.cast_signed() < m.signed(*y),
        _ => x.cast_signed() <= m.signed(*y),
    };
    m.branch(taken, *ways, 2, cx)
} }

/// TADDI and a branch that compares its result: the end of most loops. The result is not read back, which
/// would wait for it to be written.
macro_rules! count_then {
    ($($name:ident: $kind:ident($value:ident, $limit:ident) $condition:expr;)*) => {$(
        fused! { $name<>(m, cx) Op::$kind(_, a, imm, x, y, ways) => {
            let Some($value) = m.signed(*a).checked_add(i64::from(*imm)) else {
                return m.trap(TrapKind::Overflow, 0, cx);
            };
            m.set(*x, $value.cast_unsigned());
            let $limit = m.signed(*y);
            m.branch($condition, *ways, 2, cx)
        } }
    )*};
}

count_then! {
    count_br_lt: TaddIBrLt(value, limit) value < limit;
    count_br_le: TaddIBrLe(value, limit) value <= limit;
    count_br_ltu: TaddIBrLtu(value, limit) value.cast_unsigned() < limit.cast_unsigned();
    count_br_ne: TaddIBrNe(value, limit) value != limit;
}

fused! { check_load_x<const W>(m, cx) Op::CheckLoadX(_, [x, y, d, a, b], shift, k) => {
    if m.get(*x) >= m.get(*y) {
        return m.trap(TrapKind::Index, m.get(*x), cx);
    }
    if m.load_indexed::<W>(*d, *a, *b, *shift, *k) { m.skip(2, cx) } else { m.second(cx) }
} }

fused! { check_store_x<const W>(m, cx) Op::CheckStoreX(_, [x, y, value, a, b], shift, k) => {
    if m.get(*x) >= m.get(*y) {
        return m.trap(TrapKind::Index, m.get(*x), cx);
    }
    if m.store_indexed::<W>(*value, *a, *b, *shift, *k) { m.skip(2, cx) } else { m.second(cx) }
} }
