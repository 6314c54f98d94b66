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
mod moves;
mod plan;
mod select;

use crate::fir::passes::lower_switches;
use crate::fir::{FuncId, Module, Type};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;
use flux_isa::builder::{BuildError, CodeBuilder};
use flux_isa::{Entry, Function, Line, Signature};

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
    generate_with(module, |_| {})
}

/// As [`generate`], with `prepare` for each function right before it.
///
/// # Errors
/// As [`generate`].
pub fn generate_with(
    module: &mut Module,
    mut prepare: impl FnMut(&mut crate::fir::Function),
) -> Result<Code, BackendError> {
    let mut builder = CodeBuilder::new();
    let mut signatures = Signatures::default();
    let mut output = Code::default();
    for index in 0..module.functions.len() {
        let id = FuncId::new(index);
        prepare(&mut module.functions[index]);
        lower_switches(&mut module.functions[index]);
        let function = &module.functions[index];
        let signature = signatures.number(id, function.signature.params.len(), function.signature.result)?;
        let plan = plan::Plan::new(function).ok_or(BackendError::Malformed(id))?;
        let allocation = allocate::Allocation::new(function, &plan, id)?;
        let offset = builder.offset();
        let split =
            select::select(module, id, &plan, &allocation, &mut builder, &mut signatures, &mut output)?;
        let function = &mut module.functions[index];
        for (block, slot) in split {
            function.split_edge(block, slot);
        }
        output.functions.push(Function {
            name: function.name.clone(),
            offset,
            length: builder.offset() - offset,
            signature,
        });
    }
    output.signatures = signatures.list;
    output.code = builder.finish()?;
    Ok(output)
}
