//! Instructions of the pages 0x10 to 0x3F whose flags are read later.

use flux_abi::opcode::{FlagEffect, Opcode};
use flux_abi::trap::TrapKind;

use super::{Fault, top};
use crate::number::{self, float};
use crate::op::Slow;
use crate::run::Core;

/// An instruction of the pages 0x10 to 0x3F whose flags are read later.
pub(super) fn flagged(core: &mut Core, slow: Slow, imm: i64) -> Result<(), Fault> {
    let Slow { opcode, r, .. } = slow;
    let at = |position: usize| core.regs[r[position].at()];
    let (first, a, b) = (at(0), at(1), at(2));
    let imm = imm as u64;
    let (signed_a, signed_b) = (a as i64, b as i64);
    let logic = |value: u64| (value, number::sign_flags(value));
    let float_result = |value: u64| (value, number::float_flags(value));
    let keep = first;
    let (value, flags) = match opcode {
        // Comparisons write no register: the first one is rewritten with what it holds.
        Opcode::Cmp => (keep, number::compare_flags(first, a)),
        Opcode::Cmpi => (keep, number::compare_flags(first, imm)),
        Opcode::Fcmp => (keep, number::float_compare_flags(first, a)),
        Opcode::Test => (keep, number::test_flags(first, a)),
        Opcode::Testi => (keep, number::test_flags(first, imm)),
        Opcode::Iadd => add(a, b),
        Opcode::Inc => add(a, 1),
        Opcode::Isub => subtract(a, b),
        Opcode::Dec => subtract(a, 1),
        Opcode::Ineg => subtract(0, a),
        Opcode::Imul => {
            let (value, overflow) = signed_a.overflowing_mul(signed_b);
            (value as u64, number::arithmetic_flags(value as u64, overflow, overflow))
        }
        Opcode::Idiv => logic(number::div(a, b)?),
        Opcode::Imod => logic(number::rem(a, b)?),
        Opcode::Iabs => {
            let value = signed_a.wrapping_abs() as u64;
            (value, number::arithmetic_flags(value, false, signed_a == i64::MIN))
        }
        Opcode::Fadd => float_result(number::bits(float(a) + float(b))),
        Opcode::Fsub => float_result(number::bits(float(a) - float(b))),
        Opcode::Fmul => float_result(number::bits(float(a) * float(b))),
        Opcode::Fdiv => float_result(number::bits(float(a) / float(b))),
        Opcode::Fneg => float_result(number::fneg(a)),
        Opcode::I2f => float_result(number::i2f(a)),
        Opcode::F2i => logic(number::f2i(a).map_err(|kind| Fault { kind, value: a })?),
        Opcode::Iand => logic(a & b),
        Opcode::Ior => logic(a | b),
        Opcode::Ixor => logic(a ^ b),
        Opcode::Inot => logic(!a),
        Opcode::Andi => logic(a & imm),
        Opcode::Ori => logic(a | imm),
        Opcode::Xori => logic(a ^ imm),
        Opcode::RotateL => logic(number::rotl(a, b)),
        Opcode::RotateR => logic(number::rotr(a, b)),
        Opcode::Popcount => logic(u64::from(a.count_ones())),
        Opcode::Clz => logic(u64::from(a.leading_zeros())),
        Opcode::Ctz => logic(u64::from(a.trailing_zeros())),
        Opcode::Bswap => logic(a.swap_bytes()),
        Opcode::Ishl => {
            let value = number::shl(a, b);
            (value, number::shl_flags(a, b, value))
        }
        Opcode::Ishr => {
            let value = number::sar(a, b);
            (value, number::shr_flags(a, b, value))
        }
        Opcode::Ushr => {
            let value = number::ushr(a, b);
            (value, number::shr_flags(a, b, value))
        }
        Opcode::Popf => {
            let value = top(core, 1)?;
            core.sp -= 1;
            core.flags = core.flags & number::flag::TRAP | value as u8 & !number::flag::TRAP;
            return Ok(());
        }
        _ => return Err(TrapKind::Invalid.into()),
    };
    if !matches!(opcode.info().flags, FlagEffect::Compare | FlagEffect::FloatCompare | FlagEffect::Test) {
        core.regs[r[0].at()] = value;
    }
    core.flags = core.flags & number::flag::TRAP | flags;
    Ok(())
}

fn add(a: u64, b: u64) -> (u64, u8) {
    let (value, carry) = a.overflowing_add(b);
    let (_, overflow) = (a as i64).overflowing_add(b as i64);
    (value, number::arithmetic_flags(value, carry, overflow))
}

fn subtract(a: u64, b: u64) -> (u64, u8) {
    let (value, borrow) = a.overflowing_sub(b);
    let (_, overflow) = (a as i64).overflowing_sub(b as i64);
    (value, number::arithmetic_flags(value, borrow, overflow))
}
