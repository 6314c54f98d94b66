//! What is known of the machine before an instruction, and how instructions change it.

use flux_abi::opcode::{Opcode, Operand, StackEffect};
use flux_abi::register::{
    FIRST_ARGUMENT, FIRST_GENERAL, FIRST_SAVED, LAST_GENERAL, LAST_SAVED, REGISTER_ARGUMENTS, SYSCALL_NUMBER,
};
use flux_isa::instruction::GROUP;
use flux_isa::{Entry, Instruction, Signature};

use crate::error::Problem;

/// Bit of an entry's mask that tells of an open ENTER: R3, the base pointer.
pub(crate) const OPEN: u64 = 1 << 3;
/// R7..=R55.
pub(crate) const GENERAL: u64 = registers(FIRST_GENERAL, LAST_GENERAL);
/// R8..=R15.
pub(crate) const SAVED: u64 = registers(FIRST_SAVED, LAST_SAVED);
/// R16.
pub(crate) const RESULT: u64 = registers(FIRST_ARGUMENT, FIRST_ARGUMENT);
/// Registers that a block may find unwritten; all others can always be read.
const TRACKED: u64 = GENERAL | registers(SYSCALL_NUMBER, SYSCALL_NUMBER);
/// Most slots of a frame; what an entry record can say.
const FRAME_SLOTS: u64 = 0xFFFF;

/// Mask of registers `first..=last`, both below 64.
pub(crate) const fn registers(first: u8, last: u8) -> u64 {
    (u64::MAX >> (63u32.saturating_sub(last as u32))) & (u64::MAX << first)
}

/// Mask of the argument registers of a signature.
pub(crate) const fn arguments(count: u8) -> u64 {
    let count = if count > REGISTER_ARGUMENTS { REGISTER_ARGUMENTS } else { count };
    if count == 0 {
        0
    } else {
        registers(FIRST_ARGUMENT, FIRST_ARGUMENT.saturating_add(count).saturating_sub(1))
    }
}

/// The machine before an instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    /// Slots above the frame's start.
    pub(crate) depth: u32,
    /// Handler records of this frame.
    pub(crate) handlers: u8,
    /// Written registers among R7..=R55, and R60 if this block wrote it.
    pub(crate) written: u64,
    /// Whether an ENTER of this frame is open; slot 0 then holds the caller's BP.
    pub(crate) open: bool,
    /// Constant that this block put into R60.
    pub(crate) syscall: Option<u64>,
}

/// The registers that an operand stands for.
fn operand_mask(operand: Operand, value: i64) -> u64 {
    let Ok(first) = u8::try_from(value) else { return 0 };
    match operand {
        Operand::Vd | Operand::Va | Operand::Vb => {
            registers(first, first.saturating_add(GROUP).saturating_sub(1))
        }
        _ if operand.reads() || operand.writes() => registers(first, first),
        _ => 0,
    }
}

impl State {
    pub(crate) fn of(entry: &Entry) -> Self {
        Self {
            depth: u32::from(entry.stack),
            handlers: entry.handlers,
            written: entry.written & GENERAL,
            open: entry.written & OPEN != 0,
            syscall: None,
        }
    }

    /// Fails unless all registers of the mask are written.
    pub(crate) fn read(&self, mask: u64) -> Result<(), Problem> {
        let missing = mask & TRACKED & !self.written;
        if missing == 0 { Ok(()) } else { Err(Problem::Unwritten(missing.trailing_zeros())) }
    }

    /// Fails unless the way from here into the block of `entry` agrees with its record.
    pub(crate) fn flows_into(&self, entry: &Entry) -> Result<(), Problem> {
        self.frame_agrees(entry, self.handlers)?;
        let missing = entry.written & GENERAL & !self.written;
        if missing != 0 {
            let register = missing.trailing_zeros();
            return Err(Problem::EdgeRegister { entry: entry.offset, register });
        }
        Ok(())
    }

    /// Fails unless a trap under the record that is pushed here may go to the block of `entry`.
    pub(crate) fn unwinds_into(&self, entry: &Entry) -> Result<(), Problem> {
        self.frame_agrees(entry, self.handlers)?;
        let missing = entry.written & GENERAL & !(SAVED | RESULT);
        if missing != 0 {
            let register = missing.trailing_zeros();
            return Err(Problem::EdgeRegister { entry: entry.offset, register });
        }
        Ok(())
    }

    fn frame_agrees(&self, entry: &Entry, handlers: u8) -> Result<(), Problem> {
        let declared = Self::of(entry);
        let entry = entry.offset;
        if self.depth != declared.depth {
            return Err(Problem::EdgeStack { entry, depth: self.depth, declared: declared.depth });
        }
        if handlers != declared.handlers {
            return Err(Problem::EdgeHandlers { entry, handlers, declared: declared.handlers });
        }
        if self.open != declared.open {
            return Err(Problem::EdgeFrame { entry, declared: declared.open });
        }
        Ok(())
    }

    /// Checks the registers that the operands read.
    pub(crate) fn read_operands(&self, instruction: &Instruction) -> Result<(), Problem> {
        let read = instruction.operands().filter(|(operand, _)| operand.reads());
        self.read(read.fold(0, |mask, (operand, value)| mask | operand_mask(operand, value)))
    }

    /// Marks the registers that the operands write, and follows the constant in R60.
    pub(crate) fn write_operands(&mut self, instruction: &Instruction) {
        let written = instruction.operands().filter(|(operand, _)| operand.writes());
        let mask = written.fold(0, |mask, (operand, value)| mask | operand_mask(operand, value));
        self.written |= mask & TRACKED;
        if mask & registers(SYSCALL_NUMBER, SYSCALL_NUMBER) != 0 {
            self.syscall = match instruction.opcode() {
                Opcode::Movi | Opcode::Movi64 => u64::try_from(instruction.operand(1)).ok(),
                _ => None,
            };
        }
    }

    /// Takes slots off the frame; the saved BP of an open ENTER stays.
    pub(crate) fn pop(&mut self, slots: u32) -> Result<(), Problem> {
        let depth = self.depth.saturating_sub(u32::from(self.open));
        if slots > depth {
            return Err(Problem::Underflow { needed: slots, depth });
        }
        self.depth = self.depth.saturating_sub(slots);
        Ok(())
    }

    fn push(&mut self, slots: u32) -> Result<(), Problem> {
        let depth = self.depth.saturating_add(slots);
        if u64::from(depth) > FRAME_SLOTS {
            return Err(Problem::FrameSize { depth: u64::from(depth) });
        }
        self.depth = depth;
        Ok(())
    }

    /// Moves the stack as the table says.
    pub(crate) fn move_stack(
        &mut self,
        effect: StackEffect,
        instruction: &Instruction,
    ) -> Result<(), Problem> {
        let range = || {
            let (first, last) = (instruction.byte(0), instruction.byte(1));
            (registers(first, last), u32::from(last.saturating_sub(first)).saturating_add(1))
        };
        match effect {
            StackEffect::None => {}
            StackEffect::Fixed { pop, push } => {
                self.pop(u32::from(pop))?;
                self.push(u32::from(push))?;
            }
            StackEffect::Reserve => self.push(instruction.number(0))?,
            StackEffect::Release => self.pop(instruction.number(0))?,
            StackEffect::PushRange => {
                let (mask, count) = range();
                self.read(mask)?;
                self.push(count)?;
            }
            StackEffect::PopRange => {
                let (mask, count) = range();
                self.pop(count)?;
                self.written |= mask;
            }
            StackEffect::PushAll => {
                self.read(GENERAL)?;
                self.push(GENERAL.count_ones())?;
            }
            StackEffect::PopAll => {
                self.pop(GENERAL.count_ones())?;
                self.written |= GENERAL;
            }
            StackEffect::Enter => {
                if self.open || self.depth != 0 {
                    return Err(Problem::Enter(self.depth));
                }
                self.push(instruction.number(0).saturating_add(1))?;
                self.open = true;
            }
            StackEffect::Leave => {
                if !self.open {
                    return Err(Problem::Leave);
                }
                self.open = false;
                self.depth = 0;
            }
        }
        Ok(())
    }

    /// A call of a function of this signature: its arguments are there; what it leaves.
    pub(crate) fn call(&mut self, signature: Signature) -> Result<(), Problem> {
        self.read(arguments(signature.arguments))?;
        self.pop(u32::from(signature.stacked_arguments()))?;
        self.written &= SAVED;
        if signature.results > 0 {
            self.written |= RESULT;
        }
        self.syscall = None;
        Ok(())
    }

    /// Fails unless the frame is as it was at the function's start.
    pub(crate) fn frame_empty(&self) -> Result<(), Problem> {
        if self.depth == 0 && self.handlers == 0 && !self.open {
            return Ok(());
        }
        Err(Problem::FrameLeft { depth: self.depth, handlers: self.handlers, open: self.open })
    }
}
