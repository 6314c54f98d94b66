//! The bytecode back end: FIR functions to the code sections of a module.
//!
//! Each function goes through three linear steps: `plan` (order, positions, uses, loops),
//! `allocate` (linear scan over live intervals) and `select` (instructions into a
//! `CodeBuilder`). Nothing depends on hashing order; equal FIR gives equal bytes.
//!
//! # Invariants
//! 1. The input passed `fir::verify`; otherwise the result is an error or code that the
//!    module verifier refuses.
//! 2. Each FIR block begins with `GAS_CHECK` of [`crate::fir::Function::gas`].
//! 3. R7, R54 and R55 never hold a value from one FIR instruction to the next.

mod allocate;
mod locals;
mod moves;
mod plan;
mod select;

pub(crate) use allocate::SLOTS;

use crate::fir::pack::LARGE;
use crate::fir::passes::lower_switches;
use crate::fir::{Cfg, FuncId, Given, Module, Type};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use flux_isa::builder::{BuildError, CodeBuilder};
use flux_isa::{Entry, Function, Line, LocalRange, Signature};

/// The code sections of a module.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Code {
    /// Instruction words.
    pub code: Vec<u32>,
    /// Functions in the order of the FIR module: function n is `FuncId` n.
    pub functions: Vec<Function>,
    /// Shapes of functions.
    pub signatures: Vec<Signature>,
    /// Entry records, sorted by offset.
    pub entries: Vec<Entry>,
    /// Debug lines, sorted by offset.
    pub lines: Vec<Line>,
    /// Where marked locals are: row of the local and range, by row and offset within a function.
    pub locals: Vec<(u32, LocalRange)>,
}

/// Why FIR cannot become bytecode.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BackendError {
    /// A function has more parameters, or a call more arguments, than a signature can say.
    TooManyArguments(FuncId, usize),
    /// A function needs more stack slots than an instruction can name.
    TooManySlots(FuncId, usize),
    /// The module has more shapes of functions than a number names.
    TooManySignatures,
    /// The function has no body, or names something that is not there.
    Malformed(FuncId),
    /// The code builder refused an instruction.
    Build(BuildError),
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyArguments(func, count) => {
                write!(f, "{count} arguments in function {func}, at most 255 are possible; pass a struct")
            }
            Self::TooManySlots(func, count) => {
                write!(f, "function {func} needs {count} stack slots, at most 32000 are possible; split it")
            }
            Self::TooManySignatures => f.write_str("more than 65535 shapes of functions"),
            Self::Malformed(func) => write!(f, "function {func} has no body or is malformed"),
            Self::Build(error) => write!(f, "cannot encode: {error}"),
        }
    }
}

impl core::error::Error for BackendError {}

impl From<BuildError> for BackendError {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

/// The shapes that the module's functions and indirect calls have.
#[derive(Default)]
struct Signatures {
    list: Vec<Signature>,
    numbers: BTreeMap<(u8, u8), u16>,
}

impl Signatures {
    fn number(&mut self, func: FuncId, arguments: usize, result: Type) -> Result<u16, BackendError> {
        let results = u8::from(result != Type::Void);
        let count = u8::try_from(arguments).map_err(|_| BackendError::TooManyArguments(func, arguments))?;
        if let Some(&number) = self.numbers.get(&(count, results)) {
            return Ok(number);
        }
        let number = u16::try_from(self.list.len()).map_err(|_| BackendError::TooManySignatures)?;
        self.list.push(Signature { arguments: count, results });
        self.numbers.insert((count, results), number);
        Ok(number)
    }
}

/// Lowers a verified FIR module. The module's data is region 0's constants as it stands.
///
/// This is the last step that changes FIR: switches become branches, and where an edge of a
/// branch needs code of its own it gets a block of its own, which charges gas. So the gas
/// of every other back end is that of the module as it is afterwards.
///
/// # Errors
/// A limit of the instruction set that the module passes; see [`BackendError`].
pub fn generate(module: &mut Module) -> Result<Code, BackendError> {
    let mut generator = Generator::new(&module.functions)?;
    for (index, function) in module.functions.iter_mut().enumerate() {
        generator.add(FuncId::new(index), function, None)?;
    }
    generator.finish(module.functions.iter().map(|function| function.name.clone()))
}

/// Where the code of one function is in the lists of a [`Generator`].
#[derive(Clone, Debug, Default)]
struct Part {
    code: Range<usize>,
    /// Words that hold code offsets.
    targets: Range<usize>,
    entries: Range<usize>,
    lines: Range<usize>,
    locals: Range<usize>,
    signature: u16,
}

/// Makes code function by function, in any order.
#[derive(Default)]
pub(crate) struct Generator {
    /// Result types of the module's functions.
    results: Vec<Type>,
    parts: Vec<Part>,
    signatures: Signatures,
    /// Of all functions so far; offsets count from the start of each function.
    code: Vec<u32>,
    targets: Vec<u32>,
    entries: Vec<Entry>,
    lines: Vec<Line>,
    locals: Vec<(u32, LocalRange)>,
    tracker: locals::Tracker,
    builder: CodeBuilder,
    plan: plan::Plan,
    allocation: allocate::Allocation,
    lists: select::Lists,
}

impl Generator {
    /// For a module with these functions, of which only the types are looked at.
    pub(crate) fn new(functions: &[crate::fir::Function]) -> Result<Self, BackendError> {
        let mut generator = Self::default();
        for (index, function) in functions.iter().enumerate() {
            let (params, result) = (function.signature.params.len(), function.signature.result);
            let signature = generator.signatures.number(FuncId::new(index), params, result)?;
            generator.parts.push(Part { signature, ..Part::default() });
            generator.results.push(result);
        }
        Ok(generator)
    }

    /// Makes the code of a function, whose graph may be known; see [`generate`] for what becomes of
    /// the function.
    pub(crate) fn add(
        &mut self,
        id: FuncId,
        function: &mut crate::fir::Function,
        graph: Option<&mut Cfg>,
    ) -> Result<(), BackendError> {
        if let Some(given) = function.given.take() {
            return self.add_given(id, &given);
        }
        let graph = if lower_switches(function) { None } else { graph };
        self.plan.refresh(function, graph).ok_or(BackendError::Malformed(id))?;
        self.allocation.refresh(function, &self.plan, id)?;
        let before =
            [self.code.len(), self.targets.len(), self.entries.len(), self.lines.len(), self.locals.len()];
        let output = select::Output {
            builder: &mut self.builder,
            signatures: &mut self.signatures,
            entries: &mut self.entries,
            lines: &mut self.lines,
        };
        select::select(function, id, &self.results, &self.plan, &self.allocation, output, &mut self.lists)?;
        self.tracker.find(function, &self.plan, &self.allocation, &self.lists.places, &mut self.locals);
        self.builder.drain_into(&mut self.code, &mut self.targets)?;
        let part = self.parts.get_mut(id.index()).ok_or(BackendError::Malformed(id))?;
        let [code, targets, entries, lines, locals] = before;
        *part = Part {
            code: code..self.code.len(),
            targets: targets..self.targets.len(),
            entries: entries..self.entries.len(),
            lines: lines..self.lines.len(),
            locals: locals..self.locals.len(),
            signature: part.signature,
        };
        for &(block, slot) in &self.lists.split {
            function.split_edge(block, slot);
        }
        if function.values.len() > LARGE {
            self.plan = plan::Plan::default();
            self.allocation = allocate::Allocation::default();
            self.lists = select::Lists::default();
        }
        Ok(())
    }

    /// Takes the code of a function as it was given.
    fn add_given(&mut self, id: FuncId, given: &Given) -> Result<(), BackendError> {
        let part = self.parts.get_mut(id.index()).ok_or(BackendError::Malformed(id))?;
        let before = [self.code.len(), self.targets.len(), self.entries.len(), self.lines.len()];
        given.append_to(&mut self.code);
        self.targets.extend_from_slice(&given.targets);
        self.entries.extend_from_slice(&given.entries);
        self.lines.extend_from_slice(&given.lines);
        let [code, targets, entries, lines] = before;
        *part = Part {
            code: code..self.code.len(),
            targets: targets..self.targets.len(),
            entries: entries..self.entries.len(),
            lines: lines..self.lines.len(),
            locals: 0..0,
            signature: part.signature,
        };
        Ok(())
    }

    /// The code of all functions in the order of their numbers; `names` are their names.
    pub(crate) fn finish(self, names: impl Iterator<Item = String>) -> Result<Code, BackendError> {
        if u32::try_from(self.code.len()).is_err() {
            return Err(BuildError::TooLong.into());
        }
        let mut output = Code {
            code: Vec::with_capacity(self.code.len()),
            functions: Vec::with_capacity(self.parts.len()),
            signatures: self.signatures.list,
            entries: Vec::with_capacity(self.entries.len()),
            lines: Vec::with_capacity(self.lines.len()),
            locals: Vec::with_capacity(self.locals.len()),
        };
        for (part, name) in self.parts.into_iter().zip(names) {
            let start = output.code.len();
            let offset = plan::index32(start);
            let length = plan::index32(part.code.len());
            output.code.extend_from_slice(&self.code[part.code]);
            for &at in &self.targets[part.targets] {
                output.code[start + at as usize] += offset;
            }
            let entries = self.entries[part.entries].iter();
            output.entries.extend(entries.map(|entry| Entry { offset: offset + entry.offset, ..*entry }));
            let lines = self.lines[part.lines].iter();
            output.lines.extend(lines.map(|line| Line { offset: offset + line.offset, ..*line }));
            let locals = self.locals[part.locals].iter();
            output.locals.extend(locals.map(|&(row, range)| {
                (row, LocalRange { start: offset + range.start, end: offset + range.end, ..range })
            }));
            output.functions.push(Function { name, offset, length, signature: part.signature });
        }
        Ok(output)
    }
}
