//! How instructions take their operands: as immediates, in registers, in part.

use super::Plan;
use crate::fir::{
    AccessFacts, Effect, Function, Inst, IntCompare, IntKind, IntOp, IntUnaryOp, ValueDef, ValueId,
};
use flux_abi::opcode::Opcode;
use flux_abi::select::Condition;

/// The constant word of a value, if it is one.
pub(in crate::backend::bytecode) fn constant_bits(function: &Function, value: ValueId) -> Option<u64> {
    match function.values[value.index()].def {
        ValueDef::Inst(inst) => match function.insts[inst.index()].inst {
            Inst::Const { bits, .. } => Some(bits),
            Inst::FuncAddr(func) => Some(func.index() as u64 + 1),
            _ => None,
        },
        _ => None,
    }
}

/// The constant of a value as a signed 32-bit immediate, if it is one.
pub(in crate::backend::bytecode) fn fits_i32(function: &Function, value: ValueId) -> Option<i32> {
    constant_bits(function, value).and_then(|bits| i32::try_from(bits.cast_signed()).ok())
}

/// How many low bits of its n-th operand an instruction reads, if only the low `used` bits
/// of its result are used. The low bits of sums, products and bitwise operations depend on
/// nothing but the low bits of the operands.
pub(in crate::backend::bytecode) fn bits_read(inst: &Inst, n: usize, used: u8) -> u8 {
    let cut = |kind: IntKind| used.min(kind.bits().to_le_bytes()[0]);
    match (inst, n) {
        (Inst::Int(IntOp::WrappingAdd | IntOp::WrappingSub | IntOp::WrappingMul, kind, _), _)
        | (Inst::Int(IntOp::Shl, kind, _), 0)
        | (Inst::IntUnary(IntUnaryOp::Wrap | IntUnaryOp::WrappingNeg, kind, _), _) => cut(*kind),
        (Inst::Int(IntOp::And | IntOp::Or | IntOp::Xor, ..), _) | (Inst::Select(_), 1 | 2) => used,
        (Inst::Store { access, .. } | Inst::StoreIndexed { access, .. }, 0) => {
            (access.bytes() * 8).to_le_bytes()[0]
        }
        _ => 64,
    }
}

/// The operand whose word is the result's word.
pub(in crate::backend::bytecode) fn same_word(inst: &Inst) -> Option<ValueId> {
    match *inst {
        Inst::Cast { arg, .. } => Some(arg),
        Inst::Convert { arg, .. } if inst.effect() == Effect::None => Some(arg),
        Inst::IntUnary(IntUnaryOp::Wrap, IntKind::I64 | IntKind::U64, arg) => Some(arg),
        _ => None,
    }
}

/// Tells whether an instruction leaves only R8 to R15 as they were.
pub(in crate::backend::bytecode) fn is_call(inst: &Inst) -> bool {
    match inst {
        Inst::Call { .. } | Inst::CallIndirect { .. } => true,
        Inst::Host { op, .. } => *op == Opcode::Syscall,
        _ => false,
    }
}

/// A constant that selection needs in a register for this instruction.
pub(in crate::backend::bytecode) fn helper_constant(inst: &Inst) -> Option<u64> {
    match inst {
        Inst::Int(IntOp::RotateLeft | IntOp::RotateRight, kind, _) => match kind.bits() {
            8 => Some(0x0101_0101_0101_0101),
            16 => Some(0x0001_0001_0001_0001),
            32 => Some(0x0000_0001_0000_0001),
            _ => None,
        },
        Inst::IntUnary(IntUnaryOp::TrailingZeros, kind, _) if kind.bits() == 32 => Some(1 << 32),
        Inst::IntUnary(IntUnaryOp::SwapBytes, kind, _) if kind.bits() < 64 => {
            Some(u64::from(64 - kind.bits()))
        }
        _ => None,
    }
}

/// Which operand of an instruction is an immediate of its machine instruction.
pub(in crate::backend::bytecode) fn immediate_operand(
    function: &Function,
    plan: &Plan,
    inst: &Inst,
) -> Option<usize> {
    let is_immediate = |value: ValueId| fits_i32(function, plan.root(value));
    match *inst {
        Inst::Int(op, kind, [a, b]) => match op {
            IntOp::Add if kind == IntKind::I64 => {
                if is_immediate(b).is_some() {
                    Some(1)
                } else {
                    is_immediate(a).map(|_| 0)
                }
            }
            IntOp::Sub if kind == IntKind::I64 => {
                is_immediate(b).filter(|&immediate| immediate != i32::MIN).map(|_| 1)
            }
            IntOp::WrappingAdd | IntOp::And | IntOp::Or | IntOp::Xor => {
                if is_immediate(b).is_some() {
                    Some(1)
                } else {
                    is_immediate(a).map(|_| 0)
                }
            }
            IntOp::WrappingSub => is_immediate(b).filter(|&immediate| immediate != i32::MIN).map(|_| 1),
            _ => None,
        },
        Inst::PtrAdd { base, offset } => {
            if is_immediate(offset).is_some() {
                Some(1)
            } else {
                is_immediate(base).map(|_| 0)
            }
        }
        Inst::Load { base, offset, .. } | Inst::LoadIndexed { base, offset, .. } => {
            absolute(function, plan, base, offset).map(|_| 0)
        }
        Inst::Store { base, offset, .. } | Inst::StoreIndexed { base, offset, .. } => {
            absolute(function, plan, base, offset).map(|_| 1)
        }
        _ => None,
    }
}

/// The displacement from R0 that a constant address and an offset make.
pub(in crate::backend::bytecode) fn absolute(
    function: &Function,
    plan: &Plan,
    base: ValueId,
    offset: i32,
) -> Option<i32> {
    let bits = constant_bits(function, plan.root(base))?;
    let base = i64::try_from(bits).ok()?;
    i32::try_from(base.checked_add(i64::from(offset))?).ok()
}

/// Comparisons with an immediate on the right.
pub(in crate::backend::bytecode) fn condition_of(op: IntCompare) -> Condition {
    match op {
        IntCompare::Eq => Condition::Eq,
        IntCompare::Ne => Condition::Ne,
        IntCompare::Slt => Condition::Lt,
        IntCompare::Sle => Condition::Le,
        IntCompare::Sgt => Condition::Gt,
        IntCompare::Sge => Condition::Ge,
        IntCompare::Ult => Condition::Ltu,
        IntCompare::Ule => Condition::Leu,
        IntCompare::Ugt => Condition::Gtu,
        IntCompare::Uge => Condition::Geu,
    }
}
