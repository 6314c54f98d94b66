//! What a module was refused for.

use alloc::string::String;
use core::fmt;

use flux_abi::capability::CapabilityKind;
use flux_abi::opcode::Opcode;
use flux_abi::supervise::MOST_RESTARTS;
use flux_isa::desc::DescError;
use flux_isa::flow::FlowError;
use flux_isa::{DecodeError, LinkKind};

/// A rule that does not hold, and where.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct VerifyError {
    /// Where.
    pub place: Place,
    /// What.
    pub problem: Problem,
}

/// Where in a module.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// In the module as a whole.
    Module,
    /// In row `row` of a table, from 0.
    Table {
        /// Name of the table.
        table: &'static str,
        /// The row.
        row: usize,
    },
    /// At an instruction.
    Code {
        /// Number of the function.
        function: usize,
        /// Its name, cut to 64 characters.
        name: String,
        /// Offset in words.
        offset: u32,
        /// The instruction, if it was decoded.
        opcode: Option<Opcode>,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module => f.write_str("module"),
            Self::Table { table, row } => write!(f, "{table} {row}"),
            Self::Code { function, name, offset, opcode } => {
                write!(f, "function {function} `{name}`, offset {offset}")?;
                opcode.map_or(Ok(()), |opcode| write!(f, ", {}", opcode.info().name))
            }
        }
    }
}

/// What does not hold.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Problem {
    /// A table or value is over its limit.
    #[error("{count} {what}; at most {limit} are allowed")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// How many.
        count: u64,
        /// The limit.
        limit: u64,
    },
    /// The first 8 bytes of the constants are not zero.
    #[error("the first 8 bytes of the constants must be zero, so that offset 0 names nothing")]
    ConstantsStart,
    /// Constants, state and scratch area do not fit.
    #[error("constants, state and scratch area take {size} bytes; the quota is {quota}")]
    Quota {
        /// Bytes they take.
        size: u64,
        /// Bytes allowed.
        quota: u64,
    },
    /// A name is missing or too long.
    #[error("the name has {length} bytes; 1 to {limit} are allowed")]
    Name {
        /// Its length in bytes.
        length: usize,
        /// Greatest length.
        limit: usize,
    },
    /// A value has to be positive or not negative.
    #[error("the interval of {value} ns must {}", if *.positive { "be above 0" } else { "be 0 or more" })]
    Interval {
        /// The interval.
        value: i64,
        /// Whether 0 is refused too.
        positive: bool,
    },
    /// An interval where none belongs.
    #[error("an interval of {0} ns is given where none belongs")]
    UnusedInterval(i64),
    /// A type descriptor does not parse.
    #[error("{0}")]
    Desc(DescError),
    /// A parameter's type is none that people can write values of, or its names do not fit.
    #[error("a parameter is of a type that has no values in text, or its names do not fit its type")]
    ParameterType,
    /// Rights are not 1, 2 or 3.
    #[error("rights {0} are none of 1 (read), 2 (write), 3 (both)")]
    Rights(u8),
    /// The size of a region is no decimal number in its range.
    #[error("a region takes 1 to {} bytes, written as a decimal number", flux_abi::limits::REGION_BYTES)]
    RegionSize,
    /// A state field lies outside the state, on another field or off its alignment.
    #[error("the field at {offset} must start at {least} or above, aligned to {align}, and end by {end}")]
    Field {
        /// Offset of the field.
        offset: u32,
        /// End of the field before it.
        least: u32,
        /// Its alignment.
        align: u32,
        /// End of the state.
        end: u32,
    },
    /// A function returns more than one word.
    #[error("{0} results; a function has 0 or 1")]
    Results(u8),
    /// Functions do not cover the code one after the other.
    #[error("the function starts at {offset} with {length} words; it must start at {wanted} with 1 or more")]
    FunctionPlace {
        /// Its first word.
        offset: u32,
        /// Its words.
        length: u32,
        /// Where it must start.
        wanted: u32,
    },
    /// Functions end before or behind the code.
    #[error("the functions end at word {end}; the code has {words}")]
    FunctionsEnd {
        /// End of the last function.
        end: u64,
        /// Words of code.
        words: u64,
    },
    /// A number names nothing in its table.
    #[error("{table} {number} does not exist; there are {count}")]
    NoSuch {
        /// The table.
        table: &'static str,
        /// The number.
        number: u64,
        /// Rows of the table.
        count: u64,
    },
    /// An export's types do not fit its function.
    #[error(
        "the export has {arguments} arguments and {results} results; its function {wanted_arguments} and {wanted_results}"
    )]
    ExportShape {
        /// Arguments by the descriptors.
        arguments: usize,
        /// Results by the descriptor.
        results: u8,
        /// Arguments of the function's signature.
        wanted_arguments: u8,
        /// Results of the function's signature.
        wanted_results: u8,
    },
    /// An export of this kind takes another number of arguments.
    #[error("an export of kind {kind} takes {wanted} arguments, not {given}")]
    ExportArguments {
        /// The kind.
        kind: &'static str,
        /// Arguments it takes.
        wanted: usize,
        /// Arguments given.
        given: usize,
    },
    /// An export that may be there once is there again.
    #[error("a second export of kind {0}; one is allowed")]
    ExportTwice(&'static str),
    /// A supervisor that restarts never, or too often.
    #[error("{restarts} restarts are allowed; it must be 1 to {MOST_RESTARTS}")]
    Restarts {
        /// The number.
        restarts: u32,
    },
    /// The longest wait before a restart is shorter than the first one.
    #[error("the longest wait of {longest} ns is shorter than the first one of {wait} ns")]
    LongestWait {
        /// The longest wait in nanoseconds.
        longest: i64,
        /// The first wait in nanoseconds.
        wait: i64,
    },
    /// A supervisor without a child.
    #[error("it supervises no child")]
    NobodySupervised,
    /// A supervised child that is not among the children.
    #[error("no child of the module has its document and agent")]
    NoSuchChild,
    /// Rows are not in ascending order.
    #[error("it must come behind the row before it, in ascending order, each once")]
    Order,
    /// An offset is not inside the code.
    #[error("offset {offset} is not inside the code of {words} words")]
    OutsideCode {
        /// The offset.
        offset: u32,
        /// Words of code.
        words: usize,
    },
    /// A line of a document that is not in the table.
    #[error("the line is of document {document}, the module names {documents}")]
    NoDocument {
        /// Number of the document.
        document: u8,
        /// Documents that the module names.
        documents: usize,
    },
    /// A place that no local can be in.
    #[error("no local is in {place} {number}")]
    NoPlace {
        /// The kind of place.
        place: &'static str,
        /// Its number.
        number: i64,
    },
    /// Native code of another module.
    #[error("the native code was made from another module")]
    NativeIdentity,

    /// Words are no instruction.
    #[error("{0}")]
    Decode(DecodeError),
    /// An instruction cannot be where it is.
    #[error("{0}")]
    Flow(FlowError),
    /// An instruction reaches over the end of its function.
    #[error("the instruction reaches over the end of its function at {end}")]
    Straddles {
        /// End of the function.
        end: u32,
    },
    /// An entry record inside an instruction.
    #[error("entry record {entry} is not at the start of an instruction")]
    EntryInside {
        /// Offset of the record.
        entry: u32,
    },
    /// An entry record is missing.
    #[error("an entry record is missing here: a function starts, or the instruction before ends a block")]
    EntryMissing,
    /// An entry record names a register it cannot speak of.
    #[error("the entry's mask {mask:#x} has bits that no general register has")]
    EntryMask {
        /// The mask.
        mask: u64,
    },
    /// A function does not start empty.
    #[error(
        "a function starts with 0 slots, 0 handlers, no ENTER; only its arguments and R8 to R15 are written"
    )]
    FunctionStart,
    /// A branch or handler target that is no entry of the function.
    #[error("target {target} is not an entry of this function")]
    Target {
        /// The target.
        target: u32,
    },
    /// The function's last instruction goes on behind it.
    #[error("the function falls off its end")]
    FallsOff,
    /// The stack sinks while a handler needs it.
    #[error(
        "a handler of this function starts with {handler} slots, but the stack sinks to {least} while a record is active"
    )]
    HandlerStack {
        /// Greatest depth that a handler starts at.
        handler: u32,
        /// Least depth while a record is active.
        least: u32,
    },
    /// A trap handler of another shape.
    #[error("a trap handler takes 2 arguments, not {0}")]
    HandlerShape(u8),
    /// A trap handler that returns, or RETI elsewhere.
    #[error("a function that SET_HANDLER names is left only by RETI, and no other function has RETI")]
    HandlerReturn,
    /// A capability is used and not declared.
    #[error("capability {} is needed and not declared", .0.name())]
    Capability(CapabilityKind),
    /// A link of another kind.
    #[error("link {number} is of kind {}; {} is needed", given.name(), wanted.name())]
    LinkKind {
        /// The link.
        number: u64,
        /// Its kind.
        given: LinkKind,
        /// The kind that is needed.
        wanted: LinkKind,
    },
    /// A block does not start with its charge.
    #[error("a block starts with GAS_CHECK of 1 or more")]
    GasMissing,
    /// A charge covers too much.
    #[error("the GAS_CHECK before covers more than {limit} instructions")]
    GasCover {
        /// Instructions it may cover.
        limit: u64,
    },
}

impl From<DescError> for Problem {
    fn from(error: DescError) -> Self {
        Self::Desc(error)
    }
}

impl From<FlowError> for Problem {
    fn from(error: FlowError) -> Self {
        Self::Flow(error)
    }
}
