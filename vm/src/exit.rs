//! Why the machine gave control back.

use alloc::string::String;

use flux_abi::trap::TrapKind;

/// An amount of gas.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Gas(pub u64);

/// Number of a function of the module.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FunctionIndex(pub u32);

/// Code offset in words from the start of the code section.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Pc(pub u32);

/// Outcome of [`Instance::resume`](crate::Instance::resume).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Exit {
    /// The run's function returned; its result word (0 if it has none).
    Finished(u64),
    /// The slice is used up, or the program gave up the rest of it; resume goes on.
    Preempted,
    /// The host suspended the run; complete it, then resume.
    Suspended,
    /// The program ended its run or itself on purpose.
    Stopped(Stop),
    /// A trap that nothing in the program handled.
    Trapped(Trap),
    /// A breakpoint stands at this code offset, which was not executed yet; resume goes on.
    Breakpoint(Pc),
}

/// How a program ended its run or itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Stop {
    /// HALT: the agent ends normally.
    Halt,
    /// PANIC: the agent ends as failed with this reason.
    Panic(String),
    /// RESET: the run ends and the agent restarts from its initial state.
    Reset,
    /// EXCEPTION: the run is abandoned with this status; the agent goes on.
    Exception(i64),
}

/// A place in a program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// Code offset of the instruction.
    pub pc: Pc,
    /// Function that it belongs to.
    pub function: FunctionIndex,
    /// Document line that it belongs to, if the module says.
    pub line: Option<u32>,
}

/// A trap that ended a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{} at code offset {} of function {}: {}", kind.name(), pc.0, function.0, kind.meaning())]
pub struct Trap {
    /// What happened.
    pub kind: TrapKind,
    /// Code offset of the instruction.
    pub pc: Pc,
    /// Function that it belongs to.
    pub function: FunctionIndex,
    /// Document line that it belongs to, if the module says.
    pub line: Option<u32>,
    /// BAD_ACCESS: offset of the access modulo 2^64; INDEX: the index; CONVERSION: the operand;
    /// USER: the number raised or thrown; BAD_CALL: the number called; else 0.
    pub value: u64,
}

/// Why a verified module can't be loaded.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LoadError {
    /// Constants, state and scratch area do not fit 32-bit offsets.
    #[error("constants, state and scratch area take {0} bytes; region 0 has at most 4294967295")]
    TooLarge(u64),
    /// The code does not decode; the verifier should have said so.
    #[error("no instruction at code offset {0}; verify the module again")]
    Code(u32),
}

/// Why an instance or a run can't be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum VmError {
    /// The quota does not hold what is needed at once.
    #[error("{needed} bytes are needed, {left} are left of a quota of {quota}; raise `memory:`")]
    Quota {
        /// Bytes asked for.
        needed: u64,
        /// Bytes left.
        left: u64,
        /// Bytes of the quota.
        quota: u64,
    },
    /// The module has no such function.
    #[error("there is no function {function}; the module has {functions}")]
    Function {
        /// The number asked for.
        function: u32,
        /// Functions of the module.
        functions: u32,
    },
    /// The run has not been given back to its instance.
    #[error("the run is under way; give it to Instance::finish first")]
    Running,
    /// The function takes another number of arguments.
    #[error("function {function} takes {wanted} arguments, {given} were given")]
    Arguments {
        /// Its number.
        function: u32,
        /// Arguments given.
        given: usize,
        /// Arguments that it takes.
        wanted: u8,
    },
    /// The module's table has no such place.
    #[error("there is no {table} {index}; the module has {length}")]
    Index {
        /// `link` or `parameter`.
        table: &'static str,
        /// The number asked for.
        index: usize,
        /// Entries of the table.
        length: usize,
    },
    /// All breakpoints are in use.
    #[error("{0} breakpoints are set, which is the most there can be; remove one")]
    Breakpoints(usize),
    /// No instruction starts there.
    #[error("no instruction starts at code offset {0}")]
    NoInstruction(u32),
}
