//! The inner loop.
//!
//! # Invariants
//! 1. `ip` always points at an operation of `ops`: the verifier proved that no function falls off
//!    its end and that every target is an instruction (its invariants 1 and 5), and a place that is
//!    kept (a return, a handler, a suspended run) was such a pointer before.
//! 2. Nothing here changes the size of region 0, so the bounds taken at the start hold until the
//!    loop is left.
//! 3. An operation that leaves the loop has had no effect; `ip` points at it.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "register places are masked below 64; stack places are checked against the stack's length"
)]

use flux_abi::limits::CALL_DEPTH;
use flux_abi::opcode::Opcode;
use flux_abi::select::IntType;
use flux_abi::trap::TrapKind;

use crate::memory::Memory;
use crate::number::{self, Checked, bits, flag, float};
use crate::op::{OP_BYTES, Op, R};
use crate::run::{Caught, Core, Frame};

/// Why the inner loop was left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Why {
    /// The GAS_CHECK at the place wants more than is left.
    Gas,
    /// The operation at the place is carried out elsewhere.
    Slow,
    /// A debugger wants to see the place.
    Hook,
    /// The stack must hold so many slots first.
    Stack(usize),
    /// The operation at the place traps.
    Trap(TrapKind, u64),
    /// The run's function returned.
    Finished,
}

/// How the inner loop was left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    pub(crate) why: Why,
    /// Gas not used.
    pub(crate) fuel: u64,
}

/// Tells whether the branch by flags is taken.
pub(crate) fn flags_say(opcode: Opcode, flags: u8) -> bool {
    let any = |mask: u8| flags & mask != 0;
    match opcode {
        Opcode::Jz => any(flag::ZERO),
        Opcode::Jnz => !any(flag::ZERO),
        Opcode::Je => any(flag::EQUAL),
        Opcode::Jne => !any(flag::EQUAL),
        Opcode::Jg => any(flag::GREATER),
        Opcode::Jl => any(flag::LESS),
        Opcode::Jge => any(flag::GREATER | flag::EQUAL),
        Opcode::Jle => any(flag::LESS | flag::EQUAL),
        Opcode::Ja => !any(flag::CARRY | flag::ZERO),
        Opcode::Jb | Opcode::Jc => any(flag::CARRY),
        Opcode::Jae => !any(flag::CARRY),
        Opcode::Jbe => any(flag::CARRY | flag::ZERO),
        Opcode::Jo => any(flag::OVERFLOW),
        _ => false,
    }
}

/// The constant of `width` bytes at a + (b << shift) + k + length of the constants, computed exactly.
#[cold]
#[inline(never)]
fn constant(constants: &[u8], a: u64, b: u64, shift: u8, k: i64, width: usize) -> Result<u64, u64> {
    let base = constants.len() as i128;
    let address = i128::from(a) + (i128::from(b) << (shift & 3)) + i128::from(k) + base;
    let start = usize::try_from(address).ok().filter(|_| address < base);
    let bytes = start.and_then(|start| constants.get(start..start.checked_add(width)?));
    let Some(bytes) = bytes else { return Err(address as u64) };
    let mut word = [0; 8];
    word[..width].copy_from_slice(bytes);
    Ok(u64::from_le_bytes(word))
}

#[cold]
#[inline(never)]
fn address(constants: &[u8], a: u64, b: u64, shift: u8, k: i64) -> u64 {
    let sum = i128::from(a) + (i128::from(b) << (shift & 3)) + i128::from(k) + constants.len() as i128;
    sum as u64
}

/// Forgets what the frames above `frames` were handling.
#[cold]
#[inline(never)]
fn forget(caught: &mut alloc::vec::Vec<Caught>, frames: usize) {
    caught.retain(|caught| caught.frame as usize <= frames);
}

/// Executes from `core.ip` until something else must be done; `fuel` is the gas it may use.
#[inline(never)]
pub(crate) fn execute(ops: &[Op], core: &mut Core, memory: &mut Memory, fuel: u64) -> Left {
    let base = ops.as_ptr();
    if core.ip as usize >= ops.len() {
        return Left { why: Why::Trap(TrapKind::Invalid, 0), fuel };
    }
    // SAFETY: checked just above.
    let mut ip: *const Op = unsafe { base.add(core.ip as usize) };
    let mut fuel = fuel;
    let (constants, data) = memory.split();
    // Offsets below `endN` start N bytes that lie inside the writable part.
    let end1 = data.len() as u64;
    let (end2, end4, end8) = (end1.saturating_sub(1), end1.saturating_sub(3), end1.saturating_sub(7));
    let data = data.as_mut_ptr();
    let Core { regs, stack, frames, caught, sp, fp, bp, flags, .. } = core;
    let (mut stack_top, mut frame_start) = (*sp as usize, *fp as usize);

    macro_rules! next {
        () => {
            next!(1)
        };
        ($n:expr) => {{
            // SAFETY: invariant 1: every operation but the last of a function is followed by one.
            ip = unsafe { ip.add($n) };
            continue;
        }};
    }
    // Leaves by the edge at `rel`, paying `gas` for the GAS_CHECK before its end (0: none is passed).
    macro_rules! go {
        ($rel:expr, $gas:expr) => {{
            // SAFETY: invariant 1: the decoder computed the distance to an operation of this code.
            ip = unsafe { ip.byte_offset($rel as isize) };
            match fuel.checked_sub(u64::from($gas)) {
                Some(left) => fuel = left,
                None => {
                    // SAFETY: `gas` is not 0, so a GAS_CHECK stands before the target.
                    ip = unsafe { ip.sub(1) };
                    break Why::Gas;
                }
            }
            continue;
        }};
    }
    macro_rules! branch {
        ($taken:expr, $ways:expr) => {
            branch!($taken, $ways, 1)
        };
        ($taken:expr, $ways:expr, $places:expr) => {{
            if $taken {
                go!($ways.rel, $ways.taken)
            }
            match fuel.checked_sub(u64::from($ways.fall)) {
                Some(left) => fuel = left,
                None => {
                    // SAFETY: invariant 1: a branch is followed by an operation.
                    ip = unsafe { ip.add($places) };
                    break Why::Gas;
                }
            }
            next!($places + usize::from($ways.fall > 0))
        }};
    }
    macro_rules! value {
        ($d:expr, $value:expr) => {{
            regs[$d.at()] = $value;
            next!()
        }};
    }
    macro_rules! binary {
        ($d:expr, $a:expr, $b:expr, $f:expr) => {{
            regs[$d.at()] = $f(regs[$a.at()], regs[$b.at()]);
            next!()
        }};
    }
    macro_rules! compare {
        ($d:expr, $a:expr, $b:expr, $type:ty, $operator:tt) => {{
            regs[$d.at()] = u64::from((regs[$a.at()] as $type) $operator (regs[$b.at()] as $type));
            next!()
        }};
    }
    macro_rules! float_compare {
        ($d:expr, $a:expr, $b:expr, $operator:tt) => {{
            regs[$d.at()] = u64::from(float(regs[$a.at()]) $operator float(regs[$b.at()]));
            next!()
        }};
    }
    macro_rules! float_binary {
        ($d:expr, $a:expr, $b:expr, $operator:tt) => {{
            regs[$d.at()] = bits(float(regs[$a.at()]) $operator float(regs[$b.at()]));
            next!()
        }};
    }
    macro_rules! trapping {
        ($d:expr, $result:expr, $value:expr) => {{
            match $result {
                Ok(value) => regs[$d.at()] = value,
                Err(kind) => break Why::Trap(kind, $value),
            }
            next!()
        }};
    }
    macro_rules! checked {
        ($d:expr, $result:expr) => {{
            match $result {
                Some(value) => regs[$d.at()] = value as u64,
                None => break Why::Trap(TrapKind::Overflow, 0),
            }
            next!()
        }};
    }
    macro_rules! narrow {
        ($d:expr, $a:expr, $b:expr, $kind:expr, $operation:expr) => {{
            let kind = IntType::from_byte($kind).unwrap_or(IntType::I64);
            trapping!($d, number::checked($operation, kind, regs[$a.at()], regs[$b.at()]), 0)
        }};
    }
    // Reads at $a + $k of the writable part, else from the constants.
    macro_rules! load {
        ($d:expr, $a:expr, $k:expr, $type:ty, $end:expr) => {{
            let at = regs[$a.at()].wrapping_add($k as u64);
            regs[$d.at()] = if at < $end {
                // SAFETY: `at < $end` says that the bytes lie inside the writable part, whose
                // bounds hold by invariant 2.
                u64::from(unsafe { data.add(at as usize).cast::<$type>().read_unaligned() }.to_le())
            } else {
                match constant(constants, regs[$a.at()], 0, 0, $k, size_of::<$type>()) {
                    Ok(value) => value,
                    Err(address) => break Why::Trap(TrapKind::BadAccess, address),
                }
            };
            next!()
        }};
    }
    macro_rules! store {
        ($value:expr, $a:expr, $k:expr, $type:ty, $end:expr) => {{
            let at = regs[$a.at()].wrapping_add($k as u64);
            if at < $end {
                let value = (regs[$value.at()] as $type).to_le();
                // SAFETY: `at < $end` says that the bytes lie inside the writable part, whose
                // bounds hold by invariant 2.
                unsafe { data.add(at as usize).cast::<$type>().write_unaligned(value) };
            } else {
                let address = address(constants, regs[$a.at()], 0, 0, $k);
                break Why::Trap(TrapKind::BadAccess, address);
            }
            next!()
        }};
    }
    // The place of an indexed access, or a number that no memory reaches.
    macro_rules! indexed {
        ($a:expr, $b:expr, $shift:expr, $k:expr) => {{
            let (a, b) = (regs[$a.at()], regs[$b.at()]);
            // Operands below 2^32 can't wrap upward; all others lie outside any memory.
            if (a | b) >> 32 == 0 {
                a.wrapping_add(b << ($shift & 3)).wrapping_add($k as u64)
            } else {
                u64::MAX
            }
        }};
    }
    macro_rules! load_indexed {
        ($d:expr, $a:expr, $b:expr, $shift:expr, $k:expr, $type:ty, $signed:ty, $end:expr) => {{
            let at = indexed!($a, $b, $shift, $k);
            regs[$d.at()] = if at < $end {
                // SAFETY: `at < $end` says that the bytes lie inside the writable part, whose
                // bounds hold by invariant 2.
                let value = unsafe { data.add(at as usize).cast::<$type>().read_unaligned() }.to_le();
                value as $signed as u64
            } else {
                let (a, b) = (regs[$a.at()], regs[$b.at()]);
                match constant(constants, a, b, $shift, $k, size_of::<$type>()) {
                    Ok(value) => value as $signed as u64,
                    Err(address) => break Why::Trap(TrapKind::BadAccess, address),
                }
            };
            next!()
        }};
    }
    macro_rules! store_indexed {
        ($value:expr, $a:expr, $b:expr, $shift:expr, $k:expr, $type:ty, $end:expr) => {{
            let at = indexed!($a, $b, $shift, $k);
            if at < $end {
                let value = (regs[$value.at()] as $type).to_le();
                // SAFETY: `at < $end` says that the bytes lie inside the writable part, whose
                // bounds hold by invariant 2.
                unsafe { data.add(at as usize).cast::<$type>().write_unaligned(value) };
            } else {
                let address = address(constants, regs[$a.at()], regs[$b.at()], $shift, $k);
                break Why::Trap(TrapKind::BadAccess, address);
            }
            next!()
        }};
    }
    // TADDI of the pair's first half.
    macro_rules! add_first {
        ($d:expr, $a:expr, $imm:expr) => {
            match (regs[$a.at()] as i64).checked_add(i64::from($imm)) {
                Some(value) => regs[$d.at()] = value as u64,
                None => break Why::Trap(TrapKind::Overflow, 0),
            }
        };
    }
    macro_rules! slot {
        ($slot:expr) => {
            frame_start.wrapping_add_signed($slot as isize)
        };
    }

    let why = loop {
        // SAFETY: invariant 1.
        match unsafe { *ip } {
            Op::Slow { .. } | Op::View { .. } => break Why::Slow,
            Op::Hook => break Why::Hook,
            Op::Nop => next!(),
            Op::GasCheck { gas } => {
                match fuel.checked_sub(u64::from(gas)) {
                    Some(left) => fuel = left,
                    None => break Why::Gas,
                }
                next!()
            }

            Op::Jump(way) => go!(way.rel, way.gas),
            Op::BrNz(a, ways) => branch!(regs[a.at()] != 0, ways),
            Op::BrZ(a, ways) => branch!(regs[a.at()] == 0, ways),
            Op::BrEq(a, b, ways) => branch!(regs[a.at()] == regs[b.at()], ways),
            Op::BrNe(a, b, ways) => branch!(regs[a.at()] != regs[b.at()], ways),
            Op::BrLt(a, b, ways) => branch!((regs[a.at()] as i64) < regs[b.at()] as i64, ways),
            Op::BrLe(a, b, ways) => branch!(regs[a.at()] as i64 <= regs[b.at()] as i64, ways),
            Op::BrLtu(a, b, ways) => branch!(regs[a.at()] < regs[b.at()], ways),
            Op::BrLeu(a, b, ways) => branch!(regs[a.at()] <= regs[b.at()], ways),
            Op::BrEqI(a, imm, ways) => branch!(regs[a.at()] as i64 == i64::from(imm), ways),
            Op::BrNeI(a, imm, ways) => branch!(regs[a.at()] as i64 != i64::from(imm), ways),
            Op::BrLtI(a, imm, ways) => branch!((regs[a.at()] as i64) < i64::from(imm), ways),
            Op::BrLeI(a, imm, ways) => branch!(regs[a.at()] as i64 <= i64::from(imm), ways),
            Op::BrGtI(a, imm, ways) => branch!(regs[a.at()] as i64 > i64::from(imm), ways),
            Op::BrGeI(a, imm, ways) => branch!(regs[a.at()] as i64 >= i64::from(imm), ways),
            Op::BrLtuI(a, imm, ways) => branch!(regs[a.at()] < i64::from(imm) as u64, ways),
            Op::BrLeuI(a, imm, ways) => branch!(regs[a.at()] <= i64::from(imm) as u64, ways),
            Op::BrGtuI(a, imm, ways) => branch!(regs[a.at()] > i64::from(imm) as u64, ways),
            Op::BrGeuI(a, imm, ways) => branch!(regs[a.at()] >= i64::from(imm) as u64, ways),
            Op::Loop(a, ways) => {
                let left = regs[a.at()].wrapping_sub(1);
                regs[a.at()] = left;
                branch!(left != 0, ways)
            }
            Op::BrFlags(opcode, ways) => branch!(flags_say(opcode, *flags), ways),
            Op::Call(way) => {
                if frames.len() > CALL_DEPTH {
                    break Why::Trap(TrapKind::CallDepth, 0);
                }
                let place = (ip as usize - base as usize) / OP_BYTES;
                frames.push(Frame { back: place as u32 + 1, fp: frame_start as u32, bp: *bp });
                frame_start = stack_top;
                go!(way.rel, way.gas)
            }
            Op::Ret { stacked } => {
                if frames.len() <= 1 {
                    break Why::Finished;
                }
                let Some(frame) = frames.pop() else { break Why::Finished };
                if !caught.is_empty() {
                    forget(caught, frames.len());
                }
                stack_top = frame_start - usize::from(stacked);
                frame_start = frame.fp as usize;
                *bp = frame.bp;
                // SAFETY: invariant 1: the place behind a CALL, kept in the private call stack.
                ip = unsafe { base.add(frame.back as usize) };
                continue;
            }
            Op::Tailcall(way) => {
                if !caught.is_empty() {
                    forget(caught, frames.len() - 1);
                }
                go!(way.rel, way.gas)
            }

            Op::Mov(d, a) => value!(d, regs[a.at()]),
            Op::MovI(d, imm) => value!(d, imm as u64),
            Op::Select(d, a, b, c) => {
                value!(d, if regs[a.at()] != 0 { regs[b.at()] } else { regs[c.at()] })
            }
            Op::Add(d, a, b) => binary!(d, a, b, u64::wrapping_add),
            Op::Sub(d, a, b) => binary!(d, a, b, u64::wrapping_sub),
            Op::Mul(d, a, b) => binary!(d, a, b, u64::wrapping_mul),
            Op::Div(d, a, b) => trapping!(d, number::div(regs[a.at()], regs[b.at()]), 0),
            Op::Rem(d, a, b) => trapping!(d, number::rem(regs[a.at()], regs[b.at()]), 0),
            Op::Udiv(d, a, b) => trapping!(d, number::udiv(regs[a.at()], regs[b.at()]), 0),
            Op::Urem(d, a, b) => trapping!(d, number::urem(regs[a.at()], regs[b.at()]), 0),
            Op::And(d, a, b) => binary!(d, a, b, |a, b| a & b),
            Op::Or(d, a, b) => binary!(d, a, b, |a, b| a | b),
            Op::Xor(d, a, b) => binary!(d, a, b, |a, b| a ^ b),
            Op::Not(d, a) => value!(d, !regs[a.at()]),
            Op::Neg(d, a) => value!(d, regs[a.at()].wrapping_neg()),
            Op::Shl(d, a, b) => binary!(d, a, b, number::shl),
            Op::Sar(d, a, b) => binary!(d, a, b, number::sar),
            Op::Ushr(d, a, b) => binary!(d, a, b, number::ushr),
            Op::Rotl(d, a, b) => binary!(d, a, b, number::rotl),
            Op::Rotr(d, a, b) => binary!(d, a, b, number::rotr),
            Op::Popcount(d, a) => value!(d, u64::from(regs[a.at()].count_ones())),
            Op::Clz(d, a) => value!(d, u64::from(regs[a.at()].leading_zeros())),
            Op::Ctz(d, a) => value!(d, u64::from(regs[a.at()].trailing_zeros())),
            Op::Bswap(d, a) => value!(d, regs[a.at()].swap_bytes()),
            Op::AddI(d, a, imm) => value!(d, regs[a.at()].wrapping_add(imm as u64)),
            Op::AndI(d, a, imm) => value!(d, regs[a.at()] & imm as u64),
            Op::OrI(d, a, imm) => value!(d, regs[a.at()] | imm as u64),
            Op::XorI(d, a, imm) => value!(d, regs[a.at()] ^ imm as u64),
            Op::CmpEq(d, a, b) => compare!(d, a, b, u64, ==),
            Op::CmpNe(d, a, b) => compare!(d, a, b, u64, !=),
            Op::CmpLt(d, a, b) => compare!(d, a, b, i64, <),
            Op::CmpLe(d, a, b) => compare!(d, a, b, i64, <=),
            Op::CmpLtu(d, a, b) => compare!(d, a, b, u64, <),
            Op::CmpLeu(d, a, b) => compare!(d, a, b, u64, <=),
            Op::FcmpEq(d, a, b) => float_compare!(d, a, b, ==),
            Op::FcmpLt(d, a, b) => float_compare!(d, a, b, <),
            Op::FcmpLe(d, a, b) => float_compare!(d, a, b, <=),
            Op::S8(d, a) => value!(d, regs[a.at()] as i8 as u64),
            Op::S16(d, a) => value!(d, regs[a.at()] as i16 as u64),
            Op::S32(d, a) => value!(d, regs[a.at()] as i32 as u64),
            Op::Z8(d, a) => value!(d, u64::from(regs[a.at()] as u8)),
            Op::Z16(d, a) => value!(d, u64::from(regs[a.at()] as u16)),
            Op::Z32(d, a) => value!(d, u64::from(regs[a.at()] as u32)),
            Op::Tadd(d, a, b) => checked!(d, (regs[a.at()] as i64).checked_add(regs[b.at()] as i64)),
            Op::Tsub(d, a, b) => checked!(d, (regs[a.at()] as i64).checked_sub(regs[b.at()] as i64)),
            Op::Tmul(d, a, b) => checked!(d, (regs[a.at()] as i64).checked_mul(regs[b.at()] as i64)),
            Op::TaddI(d, a, imm) => checked!(d, (regs[a.at()] as i64).checked_add(i64::from(imm))),
            Op::TaddN(d, a, b, kind) => narrow!(d, a, b, kind, Checked::Add),
            Op::TsubN(d, a, b, kind) => narrow!(d, a, b, kind, Checked::Sub),
            Op::TmulN(d, a, b, kind) => narrow!(d, a, b, kind, Checked::Mul),
            Op::Leax(d, a, b, shift, imm) => {
                let offset = (regs[b.at()] << (shift & 3)).wrapping_add(i64::from(imm) as u64);
                value!(d, regs[a.at()].wrapping_add(offset))
            }
            Op::Fadd(d, a, b) => float_binary!(d, a, b, +),
            Op::Fsub(d, a, b) => float_binary!(d, a, b, -),
            Op::Fmul(d, a, b) => float_binary!(d, a, b, *),
            Op::Fdiv(d, a, b) => float_binary!(d, a, b, /),
            Op::Fneg(d, a) => value!(d, number::fneg(regs[a.at()])),
            Op::I2f(d, a) => value!(d, number::i2f(regs[a.at()])),
            Op::F2i(d, a) => trapping!(d, number::f2i(regs[a.at()]), regs[a.at()]),
            Op::Fsqrt(d, a) => value!(d, bits(libm::sqrt(float(regs[a.at()])))),
            Op::Fabs(d, a) => value!(d, bits(libm::fabs(float(regs[a.at()])))),

            Op::Load64(d, a, k) => load!(d, a, k, u64, end8),
            Op::Load32(d, a, k) => load!(d, a, k, u32, end4),
            Op::Load16(d, a, k) => load!(d, a, k, u16, end2),
            Op::Load8(d, a, k) => load!(d, a, k, u8, end1),
            Op::Store64(value, a, k) => store!(value, a, k, u64, end8),
            Op::Store32(value, a, k) => store!(value, a, k, u32, end4),
            Op::Store16(value, a, k) => store!(value, a, k, u16, end2),
            Op::Store8(value, a, k) => store!(value, a, k, u8, end1),
            Op::LoadX64(d, a, b, shift, k) => load_indexed!(d, a, b, shift, k, u64, u64, end8),
            Op::LoadXZ8(d, a, b, shift, k) => load_indexed!(d, a, b, shift, k, u8, u8, end1),
            Op::LoadXZ16(d, a, b, shift, k) => load_indexed!(d, a, b, shift, k, u16, u16, end2),
            Op::LoadXZ32(d, a, b, shift, k) => load_indexed!(d, a, b, shift, k, u32, u32, end4),
            Op::LoadXS8(d, a, b, shift, k) => load_indexed!(d, a, b, shift, k, u8, i8, end1),
            Op::LoadXS16(d, a, b, shift, k) => load_indexed!(d, a, b, shift, k, u16, i16, end2),
            Op::LoadXS32(d, a, b, shift, k) => load_indexed!(d, a, b, shift, k, u32, i32, end4),
            Op::StoreX64(value, a, b, shift, k) => store_indexed!(value, a, b, shift, k, u64, end8),
            Op::StoreX32(value, a, b, shift, k) => store_indexed!(value, a, b, shift, k, u32, end4),
            Op::StoreX16(value, a, b, shift, k) => store_indexed!(value, a, b, shift, k, u16, end2),
            Op::StoreX8(value, a, b, shift, k) => store_indexed!(value, a, b, shift, k, u8, end1),
            Op::IndexCheck(a, b) => {
                if regs[a.at()] >= regs[b.at()] {
                    break Why::Trap(TrapKind::Index, regs[a.at()]);
                }
                next!()
            }
            Op::Expect(a) => {
                if regs[a.at()] == 0 {
                    break Why::Trap(TrapKind::Assertion, 0);
                }
                next!()
            }

            Op::Push(a) => {
                let Some(slot) = stack.get_mut(stack_top) else { break Why::Stack(stack_top + 1) };
                *slot = regs[a.at()];
                stack_top += 1;
                next!()
            }
            Op::Pop(d) => {
                stack_top -= 1;
                value!(d, stack[stack_top])
            }
            Op::PushRange(first, last) => {
                let range = first.at()..=last.at();
                let end = stack_top + range.end() + 1 - range.start();
                let Some(slots) = stack.get_mut(stack_top..end) else { break Why::Stack(end) };
                for (slot, register) in slots.iter_mut().zip(range) {
                    *slot = regs[R(register as u8).at()];
                }
                stack_top = end;
                next!()
            }
            Op::PopRange(first, last) => {
                let range = first.at()..=last.at();
                stack_top -= range.end() + 1 - range.start();
                for (slot, register) in stack[stack_top..].iter().zip(range) {
                    regs[R(register as u8).at()] = *slot;
                }
                next!()
            }
            Op::StackAlloc(count) => {
                let end = stack_top + usize::from(count);
                let Some(slots) = stack.get_mut(stack_top..end) else { break Why::Stack(end) };
                slots.fill(0);
                stack_top = end;
                next!()
            }
            Op::StackFree(count) => {
                stack_top -= usize::from(count);
                next!()
            }
            Op::Enter(count) => {
                let end = stack_top + 1 + usize::from(count);
                let Some(slots) = stack.get_mut(stack_top..end) else { break Why::Stack(end) };
                slots.fill(0);
                slots[0] = u64::from(*bp);
                stack_top += 1;
                *bp = stack_top as u32;
                stack_top = end;
                next!()
            }
            Op::Leave => {
                stack_top = *bp as usize - 1;
                *bp = stack[stack_top] as u32;
                next!()
            }
            Op::SlotGet(d, slot) => value!(d, stack[slot!(slot)]),
            Op::SlotSet(a, slot) => {
                stack[slot!(slot)] = regs[a.at()];
                next!()
            }

            Op::TaddIJump(d, a, imm, way) => {
                add_first!(d, a, imm);
                go!(way.rel, way.gas)
            }
            Op::TaddIBrLt(d, a, imm, x, y, ways) => {
                add_first!(d, a, imm);
                branch!((regs[x.at()] as i64) < regs[y.at()] as i64, ways, 2)
            }
            Op::TaddIBrLe(d, a, imm, x, y, ways) => {
                add_first!(d, a, imm);
                branch!(regs[x.at()] as i64 <= regs[y.at()] as i64, ways, 2)
            }
            Op::TaddIBrLtu(d, a, imm, x, y, ways) => {
                add_first!(d, a, imm);
                branch!(regs[x.at()] < regs[y.at()], ways, 2)
            }
            Op::TaddIBrNe(d, a, imm, x, y, ways) => {
                add_first!(d, a, imm);
                branch!(regs[x.at()] != regs[y.at()], ways, 2)
            }
            Op::TaddIBrLtI(d, imm, limit, ways) => {
                add_first!(d, d, imm);
                branch!((regs[d.at()] as i64) < i64::from(limit), ways, 2)
            }
            Op::TaddIBrGeI(d, imm, limit, ways) => {
                add_first!(d, d, imm);
                branch!(regs[d.at()] as i64 >= i64::from(limit), ways, 2)
            }
            Op::TaddIBrNeI(d, imm, limit, ways) => {
                add_first!(d, d, imm);
                branch!(regs[d.at()] as i64 != i64::from(limit), ways, 2)
            }
        }
    };
    *sp = stack_top as u32;
    *fp = frame_start as u32;
    core.ip = ((ip as usize - base as usize) / OP_BYTES) as u32;
    Left { why, fuel }
}
