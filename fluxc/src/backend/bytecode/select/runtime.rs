//! Selection of what the runtime and the host carry out.

use super::{OPERANDS, Selector, ZERO, reg, val};
use crate::fir::{Intrinsic, ValueId};
use flux_abi::opcode::{Opcode, Operand};
use flux_abi::register::LAST_STATUS;
use flux_abi::select::{AllocKind, Clock};
use flux_isa::instruction::MAX_OPERANDS;

impl Selector<'_> {
    pub(super) fn intrinsic(&mut self, op: Intrinsic, imm: u32, args: &[ValueId], rd: u8) {
        let mut operands = [reg(ZERO); 3];
        for ((operand, &value), scratch) in operands.iter_mut().zip(args).zip(OPERANDS) {
            *operand = reg(self.read(value, scratch));
        }
        match op {
            Intrinsic::ArenaAlloc => {
                self.emit_to(Opcode::Alloc, rd, &[operands[0], val(AllocKind::Arena as u8)])
            }
            Intrinsic::StateAlloc => {
                self.emit_to(Opcode::Alloc, rd, &[operands[0], val(AllocKind::State as u8)])
            }
            Intrinsic::StateFree => self.emit(Opcode::StateFree, &operands[..1]),
            Intrinsic::MemCopy => self.emit(Opcode::Memcpy, &operands),
            Intrinsic::MemSet => self.emit(Opcode::Memset, &operands),
            Intrinsic::MemCompare => self.emit_to(Opcode::Memcmp, rd, &operands),
            Intrinsic::Param => self.emit_to(Opcode::Param, rd, &[val(imm)]),
            Intrinsic::Link => self.emit_to(Opcode::Link, rd, &[val(imm)]),
            Intrinsic::PacerDue => self.emit_to(Opcode::Pacer, rd, &[val(imm)]),
            Intrinsic::Now => self.emit_to(Opcode::Ticks, rd, &[val(Clock::Now as u8)]),
            Intrinsic::GasUsed => self.emit_to(Opcode::Ticks, rd, &[val(Clock::Gas as u8)]),
            Intrinsic::Random => self.emit_to(Opcode::Random, rd, &[]),
            Intrinsic::LastStatus => self.emit_to(Opcode::Mov, rd, &[reg(LAST_STATUS)]),
        }
    }

    pub(super) fn host(&mut self, op: Opcode, imm: u32, args: &[ValueId], rd: u8) {
        let mut inputs = args.iter().zip(OPERANDS);
        let operands = op.info().operands;
        let mut arguments = [val(imm); MAX_OPERANDS];
        let mut writes = false;
        for (argument, operand) in arguments.iter_mut().zip(operands) {
            match operand {
                Operand::Rd => {
                    writes = true;
                    *argument = reg(rd);
                }
                Operand::Ra | Operand::Rb | Operand::Rc => {
                    let register = match inputs.next() {
                        Some((&value, scratch)) => self.read(value, scratch),
                        None => ZERO,
                    };
                    *argument = reg(register);
                }
                _ => {}
            }
        }
        self.emit(op, &arguments[..operands.len()]);
        if writes {
            self.mark_written(rd);
        }
    }
}
