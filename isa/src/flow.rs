//! What is known of the machine between two instructions, and how an instruction changes it.
//!
//! Only what the table's columns do not say is written here by opcode (semantics of calls, frames,
//! handlers, system calls). The verifier follows these rules from declared entries; the assembler
//! uses them to find the entries that a text leaves out.
//!
//! # Invariants
//! 1. Two kinds of registers: unwritten, word. R0–R6, R56–R59 and R61–R63 can always be read.
//! 2. The saved BP of an open ENTER is slot 0 of its frame and cannot be popped or overwritten.

use flux_abi::opcode::{Opcode, Operand, StackEffect};
use flux_abi::register::{
    FIRST_ARGUMENT, FIRST_GENERAL, FIRST_SAVED, LAST_GENERAL, LAST_SAVED, REGISTER_ARGUMENTS, SYSCALL_NUMBER,
};
use flux_abi::syscall::{SYSCALLS, Syscall, SyscallInfo};

use crate::instruction::{GROUP, Instruction};
use crate::module::{Entry, Function, Signature};

/// Bit of an entry's mask that tells of an open ENTER: R3, the base pointer.
pub const OPEN: u64 = 1 << 3;
/// R7..=R55, the registers that an entry's mask speaks of.
pub const GENERAL: u64 = registers(FIRST_GENERAL, LAST_GENERAL);
/// R8..=R15, which a call keeps.
pub const SAVED: u64 = registers(FIRST_SAVED, LAST_SAVED);
/// R16, where results are.
pub const RESULT: u64 = registers(FIRST_ARGUMENT, FIRST_ARGUMENT);
/// Registers that may be unwritten.
const TRACKED: u64 = GENERAL | registers(SYSCALL_NUMBER, SYSCALL_NUMBER);
/// Most slots of a frame: what an entry record can say.
pub const FRAME_SLOTS: u32 = 0xFFFF;

/// Mask of the registers `first..=last`, both below 64.
pub const fn registers(first: u8, last: u8) -> u64 {
    let above = 63u32.saturating_sub(last as u32);
    u64::MAX.wrapping_shr(above) & u64::MAX.wrapping_shl(first as u32)
}

/// Mask of the registers that hold the first of `count` arguments.
pub const fn argument_registers(count: u8) -> u64 {
    let count = if count > REGISTER_ARGUMENTS { REGISTER_ARGUMENTS } else { count };
    // The bits below the end, less those below the first.
    registers(0, FIRST_ARGUMENT.saturating_add(count).saturating_sub(1))
        & !registers(0, FIRST_ARGUMENT.saturating_sub(1))
}

/// Why an instruction cannot be where it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FlowError {
    /// A register is read before it is written.
    #[error("R{0} is read but not written on every way here")]
    Unwritten(u32),
    /// The stack sinks below its frame.
    #[error("{needed} slots are needed; the frame has {depth} of its own")]
    Underflow {
        /// Slots needed.
        needed: u32,
        /// Slots there, without the saved BP of an open ENTER.
        depth: u32,
    },
    /// The frame grows over the greatest depth.
    #[error("the frame grows to {0} slots; at most {FRAME_SLOTS} are allowed")]
    FrameSize(u32),
    /// A slot outside the frame and its stacked arguments.
    #[error("slot {slot} is neither in the frame, {own}..{end}, nor a stacked argument, {least}..0")]
    Slot {
        /// The slot.
        slot: i64,
        /// First slot of the frame that may be used so.
        own: i64,
        /// End of the frame.
        end: i64,
        /// First stacked argument.
        least: i64,
    },
    /// ENTER not at the start of a frame, or twice.
    #[error("ENTER needs an empty frame without another ENTER; it has {0} slots")]
    Enter(u32),
    /// LEAVE without ENTER.
    #[error("LEAVE without an open ENTER")]
    Leave,
    /// A frame is left while something is in it.
    #[error("the frame is left with {depth} slots and {handlers} handler records{}", if *.open { " and an open ENTER" } else { "" })]
    FrameLeft {
        /// Slots in it.
        depth: u32,
        /// Records of it.
        handlers: u8,
        /// Whether an ENTER is open.
        open: bool,
    },
    /// A handler record is removed where none is.
    #[error("there is no handler record to remove")]
    NoHandler,
    /// Too many handler records.
    #[error("more than 255 handler records in a frame")]
    HandlerDepth,
    /// No function has this number.
    #[error("function {0} does not exist")]
    NoFunction(u32),
    /// No signature has this number.
    #[error("signature {0} does not exist")]
    NoSignature(u32),
    /// A tail call to a function of another shape.
    #[error(
        "the tail call must keep {} stacked arguments and {} results; the called function has {} and {}",
        .own.stacked_arguments(), .own.results, .called.stacked_arguments(), .called.results
    )]
    TailShape {
        /// Signature of the function that is left.
        own: Signature,
        /// Signature of the function that is called.
        called: Signature,
    },
    /// The number of a system call is not a constant of the block.
    #[error("R60 must be set by MOVI or MOVI64 in the same block")]
    SyscallNumber,
    /// No system call has this number.
    #[error("system call {0} does not exist")]
    Syscall(u64),
    /// An edge with another stack depth.
    #[error("the stack has {depth} slots; entry {entry} declares {declared}")]
    EdgeStack {
        /// The entry.
        entry: u32,
        /// Slots here.
        depth: u32,
        /// Slots it declares.
        declared: u32,
    },
    /// An edge with another number of handler records.
    #[error("there are {handlers} handler records; entry {entry} declares {declared}")]
    EdgeHandlers {
        /// The entry.
        entry: u32,
        /// Records here.
        handlers: u8,
        /// Records it declares.
        declared: u8,
    },
    /// An edge between an open and a closed ENTER.
    #[error("entry {entry} declares {} ENTER, which is not so here", if *.declared { "an open" } else { "no open" })]
    EdgeFrame {
        /// The entry.
        entry: u32,
        /// Whether it declares an open ENTER.
        declared: bool,
    },
    /// An edge on which a declared register is not written.
    #[error("entry {entry} declares R{register} written, which it is not here")]
    EdgeRegister {
        /// The entry.
        entry: u32,
        /// The register.
        register: u32,
    },
}

/// What instructions of one function refer to.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Functions of the module.
    pub functions: &'a [Function],
    /// Signatures of the module.
    pub signatures: &'a [Signature],
    /// Signature of the function itself.
    pub own: Signature,
}

impl Context<'_> {
    /// Signature number `number`.
    ///
    /// # Errors
    /// There is none of this number.
    pub fn signature(&self, number: u32) -> Result<Signature, FlowError> {
        let index = usize::try_from(number).ok();
        let signature = index.and_then(|index| self.signatures.get(index));
        signature.copied().ok_or(FlowError::NoSignature(number))
    }

    /// Signature of function `number`.
    ///
    /// # Errors
    /// There is no such function, or its signature does not exist.
    pub fn function_signature(&self, number: u32) -> Result<Signature, FlowError> {
        let index = usize::try_from(number).ok();
        let function = index.and_then(|index| self.functions.get(index));
        self.signature(u32::from(function.ok_or(FlowError::NoFunction(number))?.signature))
    }
}

/// The machine between two instructions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct State {
    depth: u32,
    handlers: u8,
    /// Among R7..=R55, and R60 if this block wrote it.
    written: u64,
    /// Whether an ENTER of this frame is open.
    open: bool,
    /// Constant that this block put into R60.
    syscall: Option<u64>,
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
    /// What a function of this signature starts from: its arguments, and the caller's R8–R15.
    pub fn at_start(signature: Signature) -> Self {
        let written = argument_registers(signature.arguments) | SAVED;
        Self { depth: 0, handlers: 0, written, open: false, syscall: None }
    }

    /// What the block of `entry` starts from.
    pub fn of(entry: &Entry) -> Self {
        Self {
            depth: u32::from(entry.stack),
            handlers: entry.handlers,
            written: entry.written & GENERAL,
            open: entry.written & OPEN != 0,
            syscall: None,
        }
    }

    /// What a handler starts from whose record is pushed here.
    pub fn of_handler(self) -> Self {
        Self { written: SAVED | RESULT, syscall: None, ..self }
    }

    /// The entry record at `offset` that says what is known here.
    pub fn entry(&self, offset: u32) -> Entry {
        let open = if self.open { OPEN } else { 0 };
        let stack = u16::try_from(self.depth).unwrap_or(u16::MAX);
        Entry { offset, stack, handlers: self.handlers, written: self.written & GENERAL | open }
    }

    /// Slots above the frame's start.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// Handler records of this frame.
    pub fn handlers(&self) -> u8 {
        self.handlers
    }

    /// Constant that this block put into R60, if it did.
    pub fn syscall(&self) -> Option<u64> {
        self.syscall
    }

    /// What holds both here and in `other`, which must have the same frame.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        Self { written: self.written & other.written & GENERAL, syscall: None, ..self }
    }

    /// Checks the way from here into the block of `entry`.
    ///
    /// # Errors
    /// The frame differs, or a register that the entry declares is not written.
    pub fn flows_into(&self, entry: &Entry) -> Result<(), FlowError> {
        let declared = Self::of(entry);
        let entry = entry.offset;
        if self.depth != declared.depth {
            return Err(FlowError::EdgeStack { entry, depth: self.depth, declared: declared.depth });
        }
        if self.handlers != declared.handlers {
            let (handlers, declared) = (self.handlers, declared.handlers);
            return Err(FlowError::EdgeHandlers { entry, handlers, declared });
        }
        if self.open != declared.open {
            return Err(FlowError::EdgeFrame { entry, declared: declared.open });
        }
        let missing = declared.written & !self.written;
        if missing != 0 {
            return Err(FlowError::EdgeRegister { entry, register: missing.trailing_zeros() });
        }
        Ok(())
    }

    fn read(&self, mask: u64) -> Result<(), FlowError> {
        let missing = mask & TRACKED & !self.written;
        if missing == 0 { Ok(()) } else { Err(FlowError::Unwritten(missing.trailing_zeros())) }
    }

    fn pop(&mut self, slots: u32) -> Result<(), FlowError> {
        let depth = self.depth.saturating_sub(u32::from(self.open));
        if slots > depth {
            return Err(FlowError::Underflow { needed: slots, depth });
        }
        self.depth = self.depth.saturating_sub(slots);
        Ok(())
    }

    fn push(&mut self, slots: u32) -> Result<(), FlowError> {
        self.depth = self.depth.saturating_add(slots);
        if self.depth > FRAME_SLOTS { Err(FlowError::FrameSize(self.depth)) } else { Ok(()) }
    }

    /// Goes over one instruction; its numbers need not have been checked.
    ///
    /// # Errors
    /// The instruction cannot be here; the state is then of no use.
    pub fn apply(&mut self, instruction: &Instruction, context: &Context<'_>) -> Result<(), FlowError> {
        let opcode = instruction.opcode();
        let of = |wanted: fn(Operand) -> bool| {
            let operands = instruction.operands().filter(|(operand, _)| wanted(*operand));
            operands.fold(0, |mask, (operand, value)| mask | operand_mask(operand, value))
        };
        self.read(of(Operand::reads))?;
        self.move_stack(opcode.info().stack, instruction)?;
        self.irregular(instruction, context)?;
        let written = of(Operand::writes);
        self.written |= written & TRACKED;
        if written & registers(SYSCALL_NUMBER, SYSCALL_NUMBER) != 0 {
            self.syscall = match opcode {
                Opcode::Movi | Opcode::Movi64 => u64::try_from(instruction.operand(1)).ok(),
                _ => None,
            };
        }
        Ok(())
    }

    fn move_stack(&mut self, effect: StackEffect, instruction: &Instruction) -> Result<(), FlowError> {
        let (first, last) = (instruction.byte(0), instruction.byte(1));
        let (range, count) = match effect {
            StackEffect::PushAll | StackEffect::PopAll => (GENERAL, GENERAL.count_ones()),
            _ => (registers(first, last), u32::from(last.saturating_sub(first)).saturating_add(1)),
        };
        match effect {
            StackEffect::None => {}
            StackEffect::Fixed { pop, push } => {
                self.pop(u32::from(pop))?;
                self.push(u32::from(push))?;
            }
            StackEffect::Reserve => self.push(instruction.number(0))?,
            StackEffect::Release => self.pop(instruction.number(0))?,
            StackEffect::PushRange | StackEffect::PushAll => {
                self.read(range)?;
                self.push(count)?;
            }
            StackEffect::PopRange | StackEffect::PopAll => {
                self.pop(count)?;
                self.written |= range;
            }
            StackEffect::Enter if self.open || self.depth != 0 => return Err(FlowError::Enter(self.depth)),
            StackEffect::Enter => {
                self.push(instruction.number(0).saturating_add(1))?;
                self.open = true;
            }
            StackEffect::Leave if !self.open => return Err(FlowError::Leave),
            StackEffect::Leave => {
                self.open = false;
                self.depth = 0;
            }
        }
        Ok(())
    }

    fn irregular(&mut self, instruction: &Instruction, context: &Context<'_>) -> Result<(), FlowError> {
        match instruction.opcode() {
            Opcode::Call => self.call(context.function_signature(instruction.number(0))?),
            Opcode::Calli | Opcode::CallReg => self.call(context.signature(instruction.number(1))?),
            Opcode::Tailcall => {
                self.frame_empty()?;
                let (own, called) = (context.own, context.function_signature(instruction.number(0))?);
                if own.stacked_arguments() != called.stacked_arguments() || own.results != called.results {
                    return Err(FlowError::TailShape { own, called });
                }
                self.read(argument_registers(called.arguments))
            }
            Opcode::Ret => {
                self.frame_empty()?;
                self.read(if context.own.results > 0 { RESULT } else { 0 })
            }
            Opcode::Syscall => {
                let row = self.syscall_row()?;
                self.read(argument_registers(u8::try_from(row.arguments.len()).unwrap_or(u8::MAX)))?;
                self.written |= RESULT;
                Ok(())
            }
            Opcode::Icall | Opcode::CallNative => {
                self.read(argument_registers(REGISTER_ARGUMENTS))?;
                self.written |= RESULT;
                Ok(())
            }
            Opcode::Catch | Opcode::Finally => {
                let after = match instruction.target() {
                    Some(_) => self.handlers.checked_add(1).ok_or(FlowError::HandlerDepth),
                    None => self.handlers.checked_sub(1).ok_or(FlowError::NoHandler),
                };
                self.handlers = after?;
                Ok(())
            }
            Opcode::SlotGet => self.slot(instruction.operand(1), 0, context),
            Opcode::SlotSet => self.slot(instruction.operand(1), i64::from(self.open), context),
            _ => Ok(()),
        }
    }

    /// The system call that a SYSCALL here makes.
    ///
    /// # Errors
    /// R60 holds no constant of this block, or one that is no system call.
    pub fn syscall_row(&self) -> Result<&'static SyscallInfo, FlowError> {
        let number = self.syscall.ok_or(FlowError::SyscallNumber)?;
        let call = Syscall::from_number(number).ok_or(FlowError::Syscall(number))?;
        SYSCALLS.iter().find(|row| row.call == call).ok_or(FlowError::Syscall(number))
    }

    /// A call of a function of this signature: its arguments are there; what it leaves.
    fn call(&mut self, signature: Signature) -> Result<(), FlowError> {
        self.read(argument_registers(signature.arguments))?;
        self.pop(u32::from(signature.stacked_arguments()))?;
        self.written &= SAVED;
        self.written |= if signature.results > 0 { RESULT } else { 0 };
        self.syscall = None;
        Ok(())
    }

    fn frame_empty(&self) -> Result<(), FlowError> {
        if self.depth == 0 && self.handlers == 0 && !self.open {
            return Ok(());
        }
        Err(FlowError::FrameLeft { depth: self.depth, handlers: self.handlers, open: self.open })
    }

    /// A slot of the frame from `own` up, or one of the stacked arguments below it.
    fn slot(&self, slot: i64, own: i64, context: &Context<'_>) -> Result<(), FlowError> {
        let least = i64::from(context.own.stacked_arguments()).saturating_neg();
        let end = i64::from(self.depth);
        if (own..end).contains(&slot) || (least..0).contains(&slot) {
            return Ok(());
        }
        Err(FlowError::Slot { slot, own, end, least })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_name_the_registers() {
        assert_eq!(registers(0, 0), 1);
        assert_eq!(registers(63, 63), 1 << 63);
        assert_eq!(registers(0, 63), u64::MAX);
        assert_eq!(GENERAL.count_ones(), 49);
        assert_eq!(argument_registers(0), 0);
        assert_eq!(argument_registers(1), 1 << 16);
        assert_eq!(argument_registers(4), 0b1111 << 16);
        assert_eq!(argument_registers(200), 0b1111 << 16);
    }

    #[test]
    fn an_entry_says_what_a_state_says() {
        let mut state = State::at_start(Signature { arguments: 2, results: 0 });
        let context = Context { functions: &[], signatures: &[], own: Signature::default() };
        state.apply(&Instruction::new(Opcode::Enter, &[3]).unwrap(), &context).unwrap();
        let entry = state.entry(9);
        assert_eq!((entry.offset, entry.stack, entry.written), (9, 4, SAVED | 0b11 << 16 | OPEN));
        assert_eq!(State::of(&entry), state);
    }
}
