//! A second interpreter, written from the instruction table alone: the oracle of tests and fuzzing.
//!
//! It is slow and plain on purpose: one instruction after the other, arithmetic in 128 bits, memory
//! as one list of bytes. It shares no code with the machine but the host interface. Beside the
//! result it checks what the verifier promises; a promise that does not hold is an
//! [`Outcome::Violation`], which is a bug of the verifier and never of the program.

mod compare;
mod meaning;
mod memory;
mod texts;

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use flux_abi::capability::CapabilitySet;
use flux_abi::limits::{CALL_DEPTH, STACK_SLOTS};
use flux_abi::opcode::{Opcode, Operand};
use flux_abi::trap::TrapKind;
use flux_isa::{Instruction, Module};

use crate::exit::Stop;
use crate::testing::TestHost;

pub use compare::{Agreement, compare};
pub use memory::ModelMemory;

/// How a run ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Returned with this word.
    Finished(u64),
    /// Ended on purpose.
    Stopped(Stop),
    /// Trapped: kind, code offset, value.
    Trapped(TrapKind, u32, u64),
    /// The host suspended it.
    Suspended,
    /// The given number of instructions was executed.
    OutOfSteps,
    /// Something the verifier promised does not hold.
    Violation(String),
}

/// What a model is made with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Gas budget.
    pub gas: u64,
    /// Memory quota in bytes.
    pub quota: u64,
    /// Most instructions executed.
    pub steps: u64,
    /// Words of the links.
    pub links: Vec<u64>,
    /// Words of the parameters.
    pub parameters: Vec<u64>,
    /// Granted capability kinds.
    pub capabilities: CapabilitySet,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    /// Code offset to return to.
    back: u32,
    start: usize,
    base: u64,
    /// Registers that the caller may read.
    written: u64,
    /// Function running in this frame.
    function: usize,
}

#[derive(Clone, Copy, Debug)]
struct Handler {
    calls: usize,
    target: u32,
    stack: usize,
    base: u64,
    finally: bool,
}

#[derive(Clone, Copy, Debug)]
struct Handled {
    calls: usize,
    kind: u64,
    trap: Option<(TrapKind, u32, u64)>,
    finally: bool,
}

/// What one instruction does to control.
enum After {
    Next,
    Go(u32),
    End(Outcome),
}

/// An instruction that traps: kind and value.
type Trapped = (TrapKind, u64);

/// One run of a module.
#[derive(Debug)]
pub struct Model<'a> {
    module: &'a Module,
    settings: Settings,
    registers: [u64; 64],
    written: u64,
    flags: [bool; 8],
    stack: Vec<u64>,
    /// Slots that the stack is charged for.
    slots: usize,
    memory: ModelMemory,
    calls: Vec<Call>,
    handlers: Vec<Handler>,
    handled: Vec<Handled>,
    /// Trap handler function + 1.
    trap_handler: u32,
    /// Frames below the trap handler at work, and its trap.
    in_handler: Option<(usize, (TrapKind, u32, u64))>,
    pc: u32,
    base: u64,
    gas_left: u64,
    gas_used: u64,
    tracing: bool,
    profiling: bool,
    status: i64,
    executed: BTreeSet<Opcode>,
    trapped: BTreeSet<(Opcode, TrapKind)>,
}

const SAVED: u64 = 0xFF00;
const RESULT: u64 = 1 << 16;
const ALWAYS: u64 = !0x10FF_FFFF_FFFF_FF80;

impl<'a> Model<'a> {
    /// A model of `module`, or nothing if the quota does not hold its state.
    pub fn new(module: &'a Module, settings: Settings) -> Option<Self> {
        let memory = ModelMemory::new(module, settings.quota)?;
        Some(Self {
            module,
            registers: [0; 64],
            written: 0,
            flags: [false; 8],
            stack: Vec::new(),
            slots: 0,
            memory,
            calls: Vec::new(),
            handlers: Vec::new(),
            handled: Vec::new(),
            trap_handler: 0,
            in_handler: None,
            pc: 0,
            base: 0,
            gas_left: settings.gas,
            gas_used: 0,
            tracing: false,
            profiling: false,
            status: 0,
            executed: BTreeSet::new(),
            trapped: BTreeSet::new(),
            settings,
        })
    }

    /// Runs `function`.
    pub fn run(&mut self, function: usize, arguments: &[u64], host: &mut TestHost) -> Outcome {
        let Some(row) = self.module.functions.get(function) else {
            return Outcome::Violation(String::from("no such function"));
        };
        self.written = ALWAYS | SAVED;
        for (place, word) in arguments.iter().enumerate() {
            if place < 4 {
                self.registers[16 + place] = *word;
                self.written |= 1 << (16 + place);
            } else if let Err((kind, value)) = self.push(*word) {
                return Outcome::Trapped(kind, row.offset, value);
            }
        }
        self.pc = row.offset;
        self.calls = vec![Call { back: 0, start: self.stack.len(), base: 0, written: 0, function }];
        for _ in 0..self.settings.steps {
            let opcode = self.decoded().map(|instruction| instruction.opcode());
            let after = match self.step(host) {
                Ok(after) => after,
                Err((kind, value)) => {
                    self.trapped.extend(opcode.map(|opcode| (opcode, kind)));
                    self.trap(kind, value)
                }
            };
            self.executed.extend(opcode);
            match after {
                After::Next => {
                    self.pc += self.decoded().map_or(1, |instruction| instruction.words() as u32);
                }
                After::Go(to) => self.pc = to,
                After::End(outcome) => return outcome,
            }
        }
        Outcome::OutOfSteps
    }

    /// Value of a register after the run.
    pub fn register(&self, number: usize) -> u64 {
        self.registers.get(number).copied().unwrap_or(0)
    }

    /// Flags after the run, as R5 reads.
    pub fn flags(&self) -> u64 {
        self.flags.iter().rev().fold(0, |bits, flag| bits << 1 | u64::from(*flag))
    }

    /// Its memory.
    pub fn memory(&self) -> &ModelMemory {
        &self.memory
    }

    /// Gas used.
    pub fn gas_used(&self) -> u64 {
        self.gas_used
    }

    /// Opcodes that were executed.
    pub fn executed(&self) -> &BTreeSet<Opcode> {
        &self.executed
    }

    /// Traps that instructions raised, caught ones included.
    pub fn trapped(&self) -> &BTreeSet<(Opcode, TrapKind)> {
        &self.trapped
    }

    /// Status of the last host call.
    pub fn status(&self) -> i64 {
        self.status
    }

    fn decoded(&self) -> Option<Instruction> {
        Instruction::decode(&self.module.code, self.pc as usize).ok().map(|(instruction, _)| instruction)
    }

    fn violation(&self, what: &str) -> After {
        After::End(Outcome::Violation(alloc::format!("{what} at code offset {}", self.pc)))
    }

    fn frame(&self) -> Call {
        self.calls.last().copied().unwrap_or(Call { back: 0, start: 0, base: 0, written: 0, function: 0 })
    }

    fn stacked(&self, function: usize) -> usize {
        let signature = self.module.functions.get(function).map_or(0, |row| usize::from(row.signature));
        self.module.signatures.get(signature).map_or(0, |row| usize::from(row.arguments).saturating_sub(4))
    }

    fn arguments(&self, function: usize) -> u8 {
        let signature = self.module.functions.get(function).map_or(0, |row| usize::from(row.signature));
        self.module.signatures.get(signature).map_or(0, |row| row.arguments)
    }

    fn results(&self, function: usize) -> u8 {
        let signature = self.module.functions.get(function).map_or(0, |row| usize::from(row.signature));
        self.module.signatures.get(signature).map_or(0, |row| row.results)
    }

    /// A register as an operand reads it.
    fn read(&self, number: u8) -> u64 {
        match number {
            0 => 0,
            1 if self.calls.len() > 1 => u64::from(self.frame().back),
            1 => 0,
            2 => self.stack.len() as u64,
            3 => self.base,
            4 => u64::from(self.pc),
            5 => self.flags(),
            6 => self.frame().start as u64,
            56 => {
                u64::from(self.tracing)
                    + 2 * u64::from(self.profiling)
                    + 4 * u64::from(self.in_handler.is_some())
            }
            57 => self.gas_used,
            58 => self.memory.base(),
            59 => self.memory.size(),
            61 => self.status as u64,
            62 => u64::from(self.settings.capabilities.bits()),
            63 => u64::from(self.trap_handler),
            _ => self.registers[usize::from(number & 63)],
        }
    }

    fn write(&mut self, number: u8, value: u64) {
        if number != 0 {
            self.registers[usize::from(number & 63)] = value;
            self.written |= 1 << (number & 63);
        }
    }

    /// Charges for a stack of `slots` slots: it doubles, from 64.
    fn reserve(&mut self, slots: usize) -> Result<(), Trapped> {
        if slots > STACK_SLOTS {
            return Err((TrapKind::StackOverflow, 0));
        }
        let mut size = self.slots;
        while size < slots {
            size = if size == 0 { 64 } else { size * 2 };
        }
        if !self.memory.charge(8 * (size - self.slots) as u64) {
            return Err((TrapKind::Quota, 0));
        }
        self.slots = size;
        Ok(())
    }

    fn push(&mut self, value: u64) -> Result<(), Trapped> {
        self.reserve(self.stack.len() + 1)?;
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> u64 {
        self.stack.pop().unwrap_or(0)
    }

    /// Slots of the present frame.
    fn depth(&self) -> usize {
        self.stack.len().saturating_sub(self.frame().start)
    }

    fn charge(&mut self, gas: u64) -> Result<(), Trapped> {
        if gas > self.gas_left {
            return Err((TrapKind::Gas, 0));
        }
        self.gas_left -= gas;
        self.gas_used += gas;
        Ok(())
    }

    fn set_logic(&mut self, result: u64) {
        self.set_flags([result == 0, result >> 63 == 1, false, false, false, false, false]);
    }

    fn set_flags(&mut self, flags: [bool; 7]) {
        for (to, from) in self.flags.iter_mut().zip(flags) {
            *to = from;
        }
    }

    /// What the verifier promised about the place that is reached now.
    fn check_place(&self, instruction: &Instruction) -> Option<&'static str> {
        let function = self.module.functions.get(self.frame().function)?;
        if !(function.offset..function.offset + function.length).contains(&self.pc) {
            return Some("control left its function");
        }
        if let Ok(index) = self.module.entries.binary_search_by_key(&self.pc, |entry| entry.offset) {
            let entry = self.module.entries.get(index)?;
            if instruction.opcode() != Opcode::GasCheck {
                return Some("a block starts without GAS_CHECK");
            }
            if self.depth() != usize::from(entry.stack) {
                return Some("the stack depth differs from the entry record");
            }
            let records = self.handlers.iter().filter(|record| record.calls == self.calls.len()).count();
            if records != usize::from(entry.handlers) {
                return Some("the handler depth differs from the entry record");
            }
            // Bit 3 of the mask tells of an open ENTER and is no register.
            if entry.written & !(1 << 3) & !self.written != 0 {
                return Some("a register that the entry record calls written is not");
            }
        }
        None
    }

    fn check_reads(&self, instruction: &Instruction) -> Option<&'static str> {
        for (operand, value) in instruction.operands() {
            let lanes = if matches!(operand, Operand::Va | Operand::Vb) { 4 } else { 1 };
            if operand.reads() && (0..lanes).any(|lane| self.written >> ((value + lane) & 63) & 1 == 0) {
                return Some("a register that was never written is read");
            }
        }
        None
    }

    /// Leaves the present frame for its caller.
    fn leave(&mut self) -> After {
        let frame = self.frame();
        let depth = self.calls.len();
        self.handlers.retain(|record| record.calls < depth);
        self.handled.retain(|handled| handled.calls < depth);
        if depth == 1 {
            let value = if self.results(frame.function) > 0 { self.registers[16] } else { 0 };
            return After::End(Outcome::Finished(value));
        }
        self.calls.pop();
        self.stack.truncate(frame.start - self.stacked(frame.function));
        self.base = frame.base;
        self.written = ALWAYS | frame.written & SAVED;
        if self.results(frame.function) > 0 {
            self.written |= RESULT;
        }
        After::Go(frame.back)
    }

    fn call(&mut self, function: usize, back: u32) -> Result<After, Trapped> {
        // The run's own function and 256 nested calls.
        if self.calls.len() == CALL_DEPTH + 1 {
            return Err((TrapKind::CallDepth, 0));
        }
        let frame = Call { back, start: self.stack.len(), base: self.base, written: self.written, function };
        self.calls.push(frame);
        self.start(function);
        Ok(After::Go(self.module.functions.get(function).map_or(0, |row| row.offset)))
    }

    /// Registers as a function finds them.
    fn start(&mut self, function: usize) {
        let arguments = u32::from(self.arguments(function).min(4));
        self.written = ALWAYS | SAVED | ((1 << arguments) - 1) << 16;
    }

    /// Goes back to frame number `calls` and to the handler there.
    fn unwind(&mut self, kind: u64, trap: Option<(TrapKind, u32, u64)>) -> Option<After> {
        let record = *self.handlers.last()?;
        if self.in_handler.is_some_and(|(below, _)| record.calls <= below) {
            return None;
        }
        self.handlers.pop();
        self.calls.truncate(record.calls);
        self.handled.retain(|handled| handled.calls <= record.calls);
        self.handled.push(Handled { calls: record.calls, kind, trap, finally: record.finally });
        self.stack.truncate(record.stack);
        self.base = record.base;
        self.registers[16] = kind;
        self.written = ALWAYS | SAVED | RESULT;
        self.flags[7] = true;
        Some(After::Go(record.target))
    }

    fn trap(&mut self, kind: TrapKind, value: u64) -> After {
        let trap = (kind, self.pc, value);
        if kind.is_catchable() {
            let handler = self.trap_handler as usize;
            if handler > 0 && self.in_handler.is_none() && self.calls.len() <= CALL_DEPTH {
                self.in_handler = Some((self.calls.len(), trap));
                let back = self.pc;
                let function = handler - 1;
                let frame =
                    Call { back, start: self.stack.len(), base: self.base, written: self.written, function };
                self.calls.push(frame);
                self.start(function);
                self.registers[16] = kind as u64;
                self.registers[17] = u64::from(self.pc);
                self.flags[7] = true;
                return After::Go(self.module.functions.get(function).map_or(0, |row| row.offset));
            }
            if let Some(after) = self.unwind(kind as u64, Some(trap)) {
                return after;
            }
        }
        After::End(Outcome::Trapped(trap.0, trap.1, trap.2))
    }
}
