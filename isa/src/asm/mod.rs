//! Modules as text: the assembler and the disassembler.
//!
//! A text is a list of lines. `;` starts a comment, `.word` a directive ([`DIRECTIVES`]), `name:` binds
//! a label of the function it stands in; everything else is an instruction: the mnemonic of the
//! opcode table and its operands in the table's order, with commas between them. Registers are `R0` to
//! `R63`, choices go by name, code offsets are labels, functions `@name`, 64-bit immediates may be
//! written as floats.
//!
//! A function without `.entry` gets its entry records, and a GAS_CHECK for each block that has none,
//! from the assembler, unless [`Completion::Nothing`] or the directive `.exact` says otherwise.
//!
//! # Invariants
//! 1. `assemble(&disassemble(&module)) == Ok(module)` for every module that a file can hold.
//! 2. Every error has a line and a column; at most [`DIAGNOSTICS`] are collected.
//!
//! ```
//! let module = flux_isa::asm::assemble(r#"
//!     .name "count"
//!     .function sum arguments 1 results 1   ; n + … + 1
//!         MOVI R20, 0
//!     next:
//!         IADD R20, R20, R16
//!         LOOP R16, next
//!         MOV R16, R20
//!         RET
//! "#).map_err(|errors| errors.into_iter().next()).unwrap();
//! assert_eq!(module.functions.len(), 1);
//! assert_eq!(module.entries.len(), 3);
//! assert_eq!(flux_isa::asm::assemble(&flux_isa::asm::disassemble(&module)), Ok(module));
//! ```

mod build;
mod parse;
mod print;
mod token;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use flux_abi::limits::DIAGNOSTICS;

use crate::blocks::BlockProblem;
use crate::builder::BuildError;
use crate::instruction::OperandError;
use crate::module::Module;

pub use print::disassemble;

/// Name and form of each directive; brackets hold what may be left out.
pub const DIRECTIVES: &[(&str, &str, &str)] = &[
    ("exact", "", "adds nothing: no GAS_CHECK, no entry records"),
    ("name", "\"text\"", "agent name"),
    ("version", "\"text\"", "version of the document"),
    ("title", "\"text\"", "title of the document"),
    ("period", "ns", "period of the loop"),
    ("heartbeat", "ns", "interval of heartbeats, 0 for none"),
    ("priority", "number", "scheduling priority, 0 to 255"),
    ("memory", "bytes", "memory quota"),
    ("gas", "number", "gas between two suspensions"),
    ("subscribe", "\"topic\"", "a topic subscribed to before Init"),
    ("document", "\"name\"", "a further document that lines are of"),
    ("capability", "KIND ...", "capability kinds that are declared"),
    ("hex", "hex ...", "bytes appended to the constants"),
    ("text", "\"text\"", "the bytes of a text appended to the constants"),
    ("zero", "number", "zero bytes appended to the constants"),
    ("state", "bytes [scratch bytes]", "sizes of state and scratch area"),
    ("field", "\"name\" offset \"desc\"", "a field of the state"),
    (
        "parameter",
        "\"name\" \"desc\" [name \"name\"]... [default \"text\"] [help \"text\"]",
        "a parameter; names of structs, fields, enums and variants stand in the order of its type",
    ),
    ("link", "kind \"name\" [channel \"name\"] [rights r|w|rw|number]", "a link"),
    ("signature", "arguments results", "a signature"),
    ("timer", "\"section\" ns [ordinal number]", "a pacer"),
    (
        "export",
        "kind \"name\" function @name|number [arguments \"desc\"] [result \"desc\"] [interval ns]",
        "a function that the runtime starts",
    ),
    ("migration", "from|back \"version\" number", "a function that turns one state into another"),
    ("old", "\"name\" offset \"desc\"", "a field of the state of the migration's other version"),
    (
        "function",
        "name [signature number] [arguments number] [results number] [at offset length words]",
        "a function; its code follows, unless `at` says where it is",
    ),
    ("entry", "[at offset] [stack slots] [handlers number] [written registers]", "an entry record"),
    ("line", "number [at offset]", "document line of the code that follows; bits 24 up number its document"),
    ("word", "number", "a raw word of code"),
    ("child", "\"document\" \"agent\"", "a module from which the agent starts others"),
    ("child_hex", "hex ...", "bytes appended to the module of the child before"),
    (
        "supervise",
        "strategy [restarts number] [window ns] [wait ns] [longest ns]",
        "what the agent does when a child ends",
    ),
    ("supervised", "\"document\" \"agent\" on-failure|always|never", "a child that it looks after"),
    (
        "local",
        "number \"name\" \"desc\" [offset bytes]",
        "a local of the document in the function with this number",
    ),
    ("lives", "start end gone|register|slot|constant number", "where the local before is"),
    ("native", "\"architecture\" hex", "native code: the identity of the module it was made from"),
    ("code", "hex ...", "bytes appended to the native code before"),
    ("signed", "[hex ...]", "bytes appended to the module's signature"),
];

/// What the assembler adds to a text.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Completion {
    /// Entry records and GAS_CHECKs of functions that have no `.entry`.
    #[default]
    Missing,
    /// Nothing.
    Nothing,
}

/// What the debug lines of the module number.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum DebugLines {
    /// The lines of a document, as `.line` says.
    #[default]
    Document,
    /// The lines of the text itself.
    Text,
}

/// How a text is assembled.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AssembleOptions {
    /// What is added.
    pub completion: Completion,
    /// What debug lines number.
    pub lines: DebugLines,
}

/// What is wrong with a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AsmError {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong.
    pub problem: AsmProblem,
    /// What may help.
    pub hint: Option<String>,
}

impl fmt::Display for AsmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.problem)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

impl core::error::Error for AsmError {}

/// What is wrong in a text.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AsmProblem {
    /// A text without its closing quote.
    #[error("the text has no closing quote")]
    OpenText,
    /// An escape that texts do not have.
    #[error("unknown escape in a text; there are \\\\ \\\" \\n \\r \\t and \\xNN")]
    Escape,
    /// Something else is wanted here.
    #[error("{wanted} wanted, {found} found")]
    Wanted {
        /// What is wanted.
        wanted: &'static str,
        /// What is there.
        found: String,
    },
    /// A directive that there is none of.
    #[error("unknown directive .{0}")]
    Directive(String),
    /// A mnemonic that there is none of.
    #[error("unknown instruction {0}")]
    Mnemonic(String),
    /// A number outside its range.
    #[error("{value} is outside {least}..={greatest}")]
    Number {
        /// The number.
        value: i128,
        /// Least number that fits.
        least: i128,
        /// Greatest number that fits.
        greatest: i128,
    },
    /// A name that is none of a list.
    #[error("{name} is no {list}")]
    Choice {
        /// The name.
        name: String,
        /// The list.
        list: &'static str,
    },
    /// Hexadecimal digits that are no bytes.
    #[error("pairs of hexadecimal digits wanted")]
    Hex,
    /// A text that must be UTF-8 and is not.
    #[error("the text is not UTF-8")]
    Utf8,
    /// A table or the constants grow over their limit.
    #[error("{what} grow over {limit}")]
    Limit {
        /// What grows.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Wrong number of operands.
    #[error("{given} operands given, {wanted} wanted")]
    Operands {
        /// Operands given.
        given: usize,
        /// Operands wanted.
        wanted: usize,
    },
    /// An operand does not fit.
    #[error("{0}")]
    Operand(OperandError),
    /// A label bound twice in a function.
    #[error("label {0} is bound twice in this function")]
    LabelTwice(String),
    /// A label that is bound nowhere in the function.
    #[error("label {0} is bound nowhere in this function")]
    Label(String),
    /// A code offset as a number in a function that is still to be completed.
    #[error("a code offset as a number in a function that the assembler completes")]
    NumericTarget,
    /// A function name that there is none of.
    #[error("there is no function {0}")]
    Function(String),
    /// A function name that several functions have.
    #[error("several functions are named {0}; use the number")]
    FunctionTwice(String),
    /// Code before the first function.
    #[error("code before the first .function")]
    Outside,
    /// The code cannot be finished.
    #[error("{0}")]
    Build(BuildError),
    /// No entry records can be found for the code.
    #[error("{0}")]
    Block(BlockProblem),
}

/// The module that `text` says, completed where entries are missing.
///
/// # Errors
/// What is wrong, in the order of the lines; at most [`DIAGNOSTICS`].
pub fn assemble(text: &str) -> Result<Module, Vec<AsmError>> {
    assemble_with(text, AssembleOptions::default())
}

/// The module that `text` says.
///
/// # Errors
/// What is wrong, in the order of the lines; at most [`DIAGNOSTICS`].
pub fn assemble_with(text: &str, options: AssembleOptions) -> Result<Module, Vec<AsmError>> {
    let mut errors = Errors::default();
    let draft = parse::parse(text, &mut errors);
    let module = build::build(draft, options, &mut errors);
    if errors.list.is_empty() {
        return Ok(module);
    }
    errors.list.sort_by_key(|error| (error.line, error.column));
    Err(errors.list)
}

/// Where something stands in the text.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Position {
    line: u32,
    column: u32,
}

impl Position {
    fn error(self, problem: AsmProblem) -> AsmError {
        AsmError { line: self.line, column: self.column, problem, hint: None }
    }
}

#[derive(Default)]
struct Errors {
    list: Vec<AsmError>,
}

impl Errors {
    fn push(&mut self, error: AsmError) {
        if !self.is_full() {
            self.list.push(error);
        }
    }

    fn is_full(&self) -> bool {
        self.list.len() >= DIAGNOSTICS
    }
}

/// The name that is meant by `name`, if one is at most two changes away.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = names.filter_map(|other| distance(name, other).map(|distance| (distance, other)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, other)| other)
}

/// Changes (insert, delete, replace) from `a` to `b`, if at most two.
fn distance(a: &str, b: &str) -> Option<usize> {
    const LONGEST: usize = 32;
    if a.len() > LONGEST || b.len() > LONGEST || a.len().abs_diff(b.len()) > 2 {
        return None;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (above, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let replaced = diagonal.saturating_add(usize::from(x != y));
            diagonal = *above;
            left = replaced.min(left.saturating_add(1)).min(above.saturating_add(1));
            *above = left;
        }
    }
    row.last().copied().filter(|distance| *distance <= 2)
}

#[cfg(test)]
mod tests;
