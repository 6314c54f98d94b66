//! The code of a module: one pass over each function, from its first word to its last.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use flux_abi::capability::CapabilityKind;
use flux_abi::limits;
use flux_abi::opcode::{Flow, Opcode, Operand};
use flux_isa::flow::{Context, GENERAL, OPEN, SAVED, State, argument_registers};
use flux_isa::{Entry, Function, Instruction, LinkKind, Module, Signature};

use crate::error::{Place, Problem, VerifyError};
use crate::tables::wide;

/// Characters of a function's name that an error shows.
const NAME_SHOWN: usize = 64;

/// What the pass finds out on the way.
pub(crate) struct Facts {
    /// Most slots of a frame, by function.
    pub(crate) frames: Vec<u32>,
    /// Instructions and edges looked at.
    pub(crate) steps: u64,
}

/// How a function may be left, and who needs it to be so.
#[derive(Clone, Copy, Default)]
struct Leaving {
    /// It has a RET or TAILCALL.
    returns: bool,
    /// Offset of a RETI in it.
    reti: Option<u32>,
    /// A SET_HANDLER names it.
    handler: bool,
}

/// Checks the code of every function.
pub(crate) fn check(module: &Module) -> Result<Facts, VerifyError> {
    let mut facts = Facts { frames: Vec::with_capacity(module.functions.len()), steps: 0 };
    let mut leaving = vec![Leaving::default(); module.functions.len()];
    let mut blocks = Vec::new();
    let mut entries = module.entries.as_slice();
    for (number, function) in module.functions.iter().enumerate() {
        let end = function.offset.saturating_add(function.length);
        // Entries are sorted and inside the code, which the functions cover: none is left over.
        let count = entries.iter().take_while(|entry| entry.offset < end).count();
        let (own, rest) = entries.split_at_checked(count).unwrap_or((entries, &[]));
        entries = rest;
        blocks.clear();
        blocks.resize(usize::try_from(function.length).unwrap_or(0), 0);
        let mut pass = Pass {
            module,
            function,
            context: Context {
                functions: &module.functions,
                signatures: &module.signatures,
                own: Signature::default(),
            },
            end,
            entries: own,
            blocks: &mut blocks,
            leaving: &mut leaving,
            number,
            deepest: 0,
            handler_depth: 0,
            least_active: u32::MAX,
            least_active_at: function.offset,
            steps: 0,
            at: function.offset,
            opcode: None,
        };
        if let Err(problem) = pass.run() {
            let (offset, opcode) = (pass.at, pass.opcode);
            return Err(error(number, function, offset, opcode, problem));
        }
        facts.frames.push(pass.deepest);
        facts.steps = facts.steps.saturating_add(pass.steps);
    }
    for (number, (leaving, function)) in leaving.iter().zip(&module.functions).enumerate() {
        if (leaving.reti.is_some() && !leaving.handler) || (leaving.handler && leaving.returns) {
            let offset = leaving.reti.unwrap_or(function.offset);
            return Err(error(number, function, offset, None, Problem::HandlerReturn));
        }
    }
    Ok(facts)
}

fn error(
    number: usize,
    function: &Function,
    offset: u32,
    opcode: Option<Opcode>,
    problem: Problem,
) -> VerifyError {
    let name: String = function.name.chars().take(NAME_SHOWN).collect();
    VerifyError { place: Place::Code { function: number, name, offset, opcode }, problem }
}

/// The pass over one function.
struct Pass<'a> {
    module: &'a Module,
    function: &'a Function,
    context: Context<'a>,
    end: u32,
    entries: &'a [Entry],
    /// For each word of the function 1 + the number of the entry there, or 0.
    blocks: &'a mut Vec<u32>,
    leaving: &'a mut [Leaving],
    number: usize,
    deepest: u32,
    /// Greatest depth at which a handler record is pushed.
    handler_depth: u32,
    /// Least depth while a handler record is active, and where.
    least_active: u32,
    least_active_at: u32,
    steps: u64,
    /// Instruction that is looked at, for errors.
    at: u32,
    opcode: Option<Opcode>,
}

/// How the instruction before went on.
enum Before {
    /// To the next instruction of the same block.
    Inside(State),
    /// To the next instruction, which must start a block.
    Falls(State),
    /// Not to the next instruction, which must start a block.
    Elsewhere,
}

impl Pass<'_> {
    fn run(&mut self) -> Result<(), Problem> {
        let function = u32::try_from(self.number).unwrap_or(u32::MAX);
        self.context.own = self.context.function_signature(function)?;
        self.check_entries()?;
        let mut before = Before::Elsewhere;
        let mut waiting = self.entries.iter().peekable();
        // Instructions that the last GAS_CHECK may still cover, and may cover at all.
        let mut cover = (0, 0);
        while self.at < self.end {
            self.opcode = None;
            self.steps = self.steps.saturating_add(1);
            let entry = match waiting.peek() {
                Some(entry) if entry.offset < self.at => {
                    return Err(Problem::EntryInside { entry: entry.offset });
                }
                Some(entry) if entry.offset == self.at => waiting.next(),
                _ => None,
            };
            let (instruction, next) = self.decode()?;
            self.opcode = Some(instruction.opcode());
            let mut state = match (entry, before) {
                (None, Before::Inside(state)) => state,
                (None, _) => return Err(Problem::EntryMissing),
                (Some(entry), Before::Inside(state) | Before::Falls(state)) => {
                    state.flows_into(entry)?;
                    State::of(entry)
                }
                (Some(entry), Before::Elsewhere) => State::of(entry),
            };
            if instruction.opcode() == Opcode::GasCheck {
                cover = charge(instruction.number(0))?;
            } else if entry.is_some() {
                return Err(Problem::GasMissing);
            } else {
                let left = cover.0.checked_sub(1u64);
                cover.0 = left.ok_or(Problem::GasCover { limit: cover.1 })?;
            }
            before = self.step(&instruction, &mut state)?;
            self.deepest = self.deepest.max(state.depth());
            self.at = next;
        }
        if let Some(entry) = waiting.next() {
            return Err(Problem::EntryInside { entry: entry.offset });
        }
        if !matches!(before, Before::Elsewhere) {
            return Err(Problem::FallsOff);
        }
        if self.least_active < self.handler_depth {
            (self.at, self.opcode) = (self.least_active_at, None);
            return Err(Problem::HandlerStack { handler: self.handler_depth, least: self.least_active });
        }
        Ok(())
    }

    /// Checks the records themselves and notes where they lie.
    fn check_entries(&mut self) -> Result<(), Problem> {
        if self.entries.len() > limits::BLOCKS {
            return Err(Problem::TooMany {
                what: "blocks in a function",
                count: wide(self.entries.len()),
                limit: wide(limits::BLOCKS),
            });
        }
        for (entry, number) in self.entries.iter().zip(1u32..) {
            self.steps = self.steps.saturating_add(1);
            self.at = entry.offset;
            if entry.written & !GENERAL & !OPEN != 0 || (entry.written & OPEN != 0 && entry.stack == 0) {
                return Err(Problem::EntryMask { mask: entry.written });
            }
            let word = usize::try_from(entry.offset.saturating_sub(self.function.offset));
            if let Some(slot) = word.ok().and_then(|word| self.blocks.get_mut(word)) {
                *slot = number;
            }
        }
        self.at = self.function.offset;
        match self.entries.first() {
            Some(first) if first.offset == self.at => {
                let arguments = argument_registers(self.context.own.arguments);
                if first.stack != 0 || first.handlers != 0 || first.written & !arguments & !SAVED != 0 {
                    return Err(Problem::FunctionStart);
                }
                Ok(())
            }
            _ => Err(Problem::EntryMissing),
        }
    }

    fn decode(&self) -> Result<(Instruction, u32), Problem> {
        let at = usize::try_from(self.at).unwrap_or(usize::MAX);
        let (instruction, words) = Instruction::decode(&self.module.code, at).map_err(Problem::Decode)?;
        let next = self.at.saturating_add(u32::try_from(words).unwrap_or(u32::MAX));
        if next > self.end {
            return Err(Problem::Straddles { end: self.end });
        }
        Ok((instruction, next))
    }

    fn entry(&mut self, target: u32) -> Result<&Entry, Problem> {
        self.steps = self.steps.saturating_add(1);
        let word = target.checked_sub(self.function.offset).and_then(|word| usize::try_from(word).ok());
        let number = word.and_then(|word| self.blocks.get(word)).and_then(|number| number.checked_sub(1));
        let number = number.and_then(|number| usize::try_from(number).ok());
        number.and_then(|number| self.entries.get(number)).ok_or(Problem::Target { target })
    }

    /// One instruction: what it needs of `state`, what it makes of it, and how control goes on.
    fn step(&mut self, instruction: &Instruction, state: &mut State) -> Result<Before, Problem> {
        let info = instruction.opcode().info();
        self.check_numbers(instruction)?;
        if let Some(kind) = info.capability {
            self.check_capability(kind)?;
        }
        self.check_irregular(instruction, state)?;
        let before = *state;
        state.apply(instruction, &self.context)?;
        if before.handlers() > 0 {
            self.note_active(before.depth().min(state.depth()));
        }
        if let (Flow::Jump | Flow::Branch, Some(target)) = (info.flow, instruction.target()) {
            state.flows_into(self.entry(target)?)?;
        }
        Ok(match info.flow {
            Flow::Next | Flow::Call => Before::Inside(*state),
            Flow::Branch => Before::Falls(*state),
            Flow::Jump | Flow::Stop => Before::Elsewhere,
        })
    }

    /// Operands that number rows of the module's tables name rows that are there.
    fn check_numbers(&self, instruction: &Instruction) -> Result<(), Problem> {
        for (operand, value) in instruction.operands() {
            let (table, count) = match operand {
                Operand::Link => ("link", self.module.links.len()),
                Operand::Param => ("parameter", self.module.parameters.len()),
                Operand::Timer => ("timer", self.module.timers.len()),
                Operand::Function => ("function", self.module.functions.len()),
                Operand::Signature => ("signature", self.module.signatures.len()),
                _ => continue,
            };
            let (number, count) = (u64::try_from(value).unwrap_or(u64::MAX), wide(count));
            if number >= count {
                return Err(Problem::NoSuch { table, number, count });
            }
        }
        let wanted = match instruction.opcode() {
            Opcode::Icall | Opcode::TileLoad => LinkKind::Function,
            Opcode::ModuleImport => LinkKind::Module,
            _ => return Ok(()),
        };
        let number = instruction.find(Operand::Link).and_then(|number| usize::try_from(number).ok());
        match number.and_then(|number| Some((number, self.module.links.get(number)?))) {
            Some((number, link)) if link.kind != wanted => {
                Err(Problem::LinkKind { number: wide(number), given: link.kind, wanted })
            }
            _ => Ok(()),
        }
    }

    fn check_capability(&self, kind: CapabilityKind) -> Result<(), Problem> {
        if self.module.capabilities.allows(kind) { Ok(()) } else { Err(Problem::Capability(kind)) }
    }

    /// What concerns more than the machine's state: handlers, returns, system calls.
    fn check_irregular(&mut self, instruction: &Instruction, state: &State) -> Result<(), Problem> {
        match (instruction.opcode(), instruction.target()) {
            (Opcode::Catch | Opcode::Finally, Some(target)) => {
                state.of_handler().flows_into(self.entry(target)?)?;
                self.handler_depth = self.handler_depth.max(state.depth());
            }
            (Opcode::Ret | Opcode::Tailcall | Opcode::ExceptionRet, _) => {
                self.mark(self.number, |leaving| leaving.returns = true);
            }
            (Opcode::Reti, _) => {
                let at = self.at;
                self.mark(self.number, |leaving| leaving.reti = leaving.reti.or(Some(at)));
            }
            (Opcode::SetHandler, _) => {
                let signature = self.context.function_signature(instruction.number(0))?;
                if signature.arguments != 2 {
                    return Err(Problem::HandlerShape(signature.arguments));
                }
                let function = usize::try_from(instruction.number(0)).unwrap_or(usize::MAX);
                self.mark(function, |leaving| leaving.handler = true);
            }
            (Opcode::Syscall, _) => {
                if let Some(kind) = state.syscall_row()?.capability {
                    self.check_capability(kind)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes a depth at which a handler record is active.
    fn note_active(&mut self, depth: u32) {
        if depth < self.least_active {
            (self.least_active, self.least_active_at) = (depth, self.at);
        }
    }

    fn mark(&mut self, function: usize, mark: impl FnOnce(&mut Leaving)) {
        if let Some(leaving) = self.leaving.get_mut(function) {
            mark(leaving);
        }
    }
}

/// Instructions that a GAS_CHECK may cover, as left and in all.
fn charge(gas: u32) -> Result<(u64, u64), Problem> {
    if gas == 0 {
        return Err(Problem::GasMissing);
    }
    let limit =
        u64::from(gas).saturating_mul(limits::GAS_COVER_FACTOR).saturating_add(limits::GAS_COVER_BASE);
    Ok((limit, limit))
}
