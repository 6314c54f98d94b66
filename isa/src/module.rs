//! The module: everything a `.fluxbc` file holds.
//!
//! The types are plain data; [`crate::file`] gives them bytes, [`crate::asm`] gives them text, and
//! only the verifier makes them trusted.

use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::capability::CapabilitySet;
use flux_abi::numbered;
use flux_abi::supervise::{Restart, Strategy};
use sha2::{Digest, Sha256};

/// One compiled agent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Module {
    /// Name, limits and defaults.
    pub meta: Meta,
    /// Capability kinds the agent is started with; each one an instruction needs must be here.
    pub capabilities: CapabilitySet,
    /// Bytes of region 0 from offset 0, read only; the first 8 are zero unless it is empty.
    pub constants: Vec<u8>,
    /// What follows the constants in region 0.
    pub state: StateLayout,
    /// Parameters of `--set`, numbered by position.
    pub parameters: Vec<Parameter>,
    /// What the kernel wires before Init, numbered by position.
    pub links: Vec<Link>,
    /// Shapes of functions, numbered by position.
    pub signatures: Vec<Signature>,
    /// Functions by offset, contiguous, covering the code exactly.
    pub functions: Vec<Function>,
    /// Functions that the runtime starts.
    pub exports: Vec<Export>,
    /// Pacers (`Every d:` inside a section), numbered by position.
    pub timers: Vec<Timer>,
    /// Instruction words.
    pub code: Vec<u32>,
    /// One record for each block start, sorted by offset.
    pub entries: Vec<Entry>,
    /// Document lines, sorted by offset.
    pub lines: Vec<Line>,
    /// Native code made from this module, sorted by architecture.
    pub native: Vec<NativeSection>,
    /// Signature over the identity, as the fleet's key wrote it.
    pub signature: Option<Vec<u8>>,
    /// File names of the documents beside the module's own that lines are of, numbered from 1.
    pub documents: Vec<String>,
    /// Functions that turn the state of another version into this one's, or back.
    pub migrations: Vec<Migration>,
    /// Modules from which the agent starts others, sorted by document and agent.
    pub children: Vec<Child>,
    /// What the agent does when one that it started ends; nothing if there is no such table.
    pub supervise: Option<Supervise>,
    /// Named locals of the document, for debuggers, sorted by function; none unless they were asked for.
    pub locals: Vec<Local>,
}

/// Name, limits and defaults of an agent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Meta {
    /// Agent name, under which others reach it.
    pub name: String,
    /// Version as the document says it.
    pub version: String,
    /// Title of the document.
    pub title: String,
    /// Period of the loop's grid in nanoseconds.
    pub period_ns: i64,
    /// Interval of heartbeats in nanoseconds, 0 for none.
    pub heartbeat_ns: i64,
    /// Scheduling priority; higher runs first.
    pub priority: u8,
    /// Memory quota in bytes.
    pub memory: u64,
    /// Gas between two suspensions at which time advanced.
    pub gas: u64,
    /// Topics subscribed to before Init.
    pub subscribe: Vec<String>,
}

/// State fields and the areas that follow the constants in region 0.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StateLayout {
    /// Bytes of state.
    pub size: u32,
    /// Bytes of the compiler's static send area behind the state.
    pub scratch: u32,
    /// Named fields of the state, sorted by offset, not overlapping.
    pub fields: Vec<StateField>,
}

/// One named value of the state.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StateField {
    /// Its name in the document.
    pub name: String,
    /// Offset in bytes from the start of the state.
    pub offset: u32,
    /// Type descriptor ([`crate::desc`]).
    pub desc: String,
}

/// One parameter of the document.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Parameter {
    /// Its name in `--set`.
    pub name: String,
    /// Type descriptor; [`crate::shape`] tells which types parameters have.
    pub desc: String,
    /// Names of structs, fields, enums and variants in it, in the order that [`crate::shape`] reads them.
    pub names: Vec<String>,
    /// Default, as text in the syntax of `--set`.
    pub default: Option<Vec<u8>>,
    /// One line for people.
    pub help: String,
}

numbered! {
    /// What a link is wired to.
    LinkKind {
        0 Device "device" = "A device; the name is its address, `i2c:0x48`.";
        1 Agent "agent" = "An agent by name.";
        2 Topic "topic" = "A topic.";
        3 Module "module" = "A module by path.";
        4 Function "function" = "An imported function, `module/function`.";
        5 Region "region" = "A memory region of the agent's own; the channel is its size in bytes, decimal.";
    }
}

numbered! {
    /// When the runtime starts an exported function.
    ExportKind {
        0 StateInit "state_init" = "Once before Init; writes the initial state.";
        1 Init "init" = "Once at start.";
        2 Loop "loop" = "One pass of the loop.";
        3 Handler "handler" = "A message form; the name is the form's.";
        4 Topic "topic" = "An event; the name is the topic's, the argument its value.";
        5 Every "every" = "A timer of the given interval.";
        6 Function "function" = "Called by name from other modules.";
        7 Test "test" = "A test of the document.";
    }
}

numbered! {
    /// Which way a migration goes.
    MigrationWay {
        0 From "from" = "From the other version's state to this one's.";
        1 BackTo "back" = "From this version's state to the other's.";
    }
}

/// A function that turns one state into another. It takes two addresses: where the new state goes,
/// and the old state. Both lie in memory as a struct of the fields; texts of the new state may be
/// those of the old one or lie in the arena, so whoever calls it copies them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Migration {
    /// Which way.
    pub way: MigrationWay,
    /// The other version.
    pub version: String,
    /// Number of the function.
    pub function: u32,
    /// State of the other version.
    pub fields: Vec<StateField>,
}

/// One thing outside that the agent uses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    /// What it is.
    pub kind: LinkKind,
    /// Address, agent name, topic or path.
    pub name: String,
    /// Channel of a device: the variable's name; agent of a child; size of a region; else empty.
    pub channel: String,
    /// Bit 0 read, bit 1 write.
    pub rights: u8,
}

impl Link {
    /// Bytes of the memory region that the link is, if it is one and they are written as they must be.
    pub fn region_size(&self) -> Option<u64> {
        let digits = self.channel.bytes().all(|byte| byte.is_ascii_digit()) && !self.channel.starts_with('0');
        let size: u64 = self.channel.parse().ok()?;
        let fits = digits && (1..=flux_abi::limits::REGION_BYTES).contains(&size);
        (self.kind == LinkKind::Region && fits).then_some(size)
    }
}

/// Shape of a function.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Signature {
    /// Argument words; the first four in registers, the rest on the stack.
    pub arguments: u8,
    /// Result words, 0 or 1.
    pub results: u8,
}

impl Signature {
    /// Argument words in registers, 0..=4.
    pub fn register_arguments(self) -> u8 {
        self.arguments.min(flux_abi::register::REGISTER_ARGUMENTS)
    }

    /// Argument words on the stack.
    pub fn stacked_arguments(self) -> u8 {
        self.arguments.saturating_sub(flux_abi::register::REGISTER_ARGUMENTS)
    }
}

/// One function of the code.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Function {
    /// Its name, for people.
    pub name: String,
    /// First word.
    pub offset: u32,
    /// Words.
    pub length: u32,
    /// Number of its signature.
    pub signature: u16,
}

/// A function that the runtime starts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Export {
    /// When it is started.
    pub kind: ExportKind,
    /// Message form, topic, function or test name; empty where there is none.
    pub name: String,
    /// Number of the function.
    pub function: u32,
    /// Type descriptors of its arguments, one after the other.
    pub arguments: String,
    /// Type descriptor of its result, or empty.
    pub result: String,
    /// Interval of an `every` in nanoseconds, else 0.
    pub interval_ns: i64,
}

/// A pacer: `Every d:` inside a section.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Timer {
    /// Section it stands in.
    pub section: String,
    /// Interval in nanoseconds.
    pub interval_ns: i64,
    /// Its number within the section.
    pub ordinal: u16,
}

/// State of the machine that a block starts from (what the verifier checks, never infers).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Entry {
    /// First word of the block.
    pub offset: u32,
    /// Slots above the frame's start.
    pub stack: u16,
    /// Handler records of this frame.
    pub handlers: u8,
    /// Bit n: register n is written. Only R7..=R55 may be set, and R3 (BP) where an ENTER of this
    /// frame is open.
    pub written: u64,
}

/// First code offset of a document line; it holds up to the next record.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Line {
    /// First word.
    pub offset: u32,
    /// Document and line: a [`SourceLine`] as a word; line 0 for code that has none of its own, whose
    /// line is the caller's.
    pub line: u32,
}

/// A local of the document in one function.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Local {
    /// Number of the function.
    pub function: u32,
    /// Its name in the document.
    pub name: String,
    /// Type descriptor; empty for a function value.
    pub desc: String,
    /// Bytes to add to the word that is there.
    pub offset: u32,
    /// Where it is, sorted and apart. Elsewhere the name stands for nothing; without any range the
    /// local was optimised away.
    pub ranges: Vec<LocalRange>,
}

numbered! {
    /// Where a local is.
    LocalPlace {
        0 Gone "gone" = "Nowhere: what it had is not kept so far.";
        1 Register "register" = "In a register.";
        2 Slot "slot" = "In a slot of the function's frame, from where the frame starts; below 0 for arguments.";
        3 Constant "constant" = "It is a constant.";
    }
}

/// Code in which a local is in one place. The word there is the value, or its address in region 0 if
/// the type is a fixed array, a struct, an optional or an enum with payloads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LocalRange {
    /// First word of the code.
    pub start: u32,
    /// The word behind the last.
    pub end: u32,
    /// Where it is.
    pub place: LocalPlace,
    /// Register, slot or constant; 0 if it is gone.
    pub number: i64,
}

/// A line of one of the documents that a module was made from.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct SourceLine {
    /// Number of the document: 0 the module's own, from 1 those of [`Module::documents`].
    pub document: u8,
    /// Line, from 1, at most [`SourceLine::MOST`]; 0 for none.
    pub line: u32,
}

impl SourceLine {
    /// The last line that can be told; a document of the largest size has one more at most.
    pub const MOST: u32 = (1 << 24) - 1;

    /// The document in the high byte, the line below: the word of a line of the module's own
    /// document is its number.
    pub const fn word(self) -> u32 {
        let line = if self.line > Self::MOST { Self::MOST } else { self.line };
        (self.document as u32) << 24 | line
    }

    /// What the word says.
    pub const fn from_word(word: u32) -> Self {
        let [document, ..] = word.to_be_bytes();
        Self { document, line: word & Self::MOST }
    }
}

/// A module that the agent of another one starts; a link of kind `module` with its document as name
/// and its agent as channel is a handle to it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Child {
    /// Path of its document, relative to the folder of the parent's.
    pub document: String,
    /// Which agent of the document.
    pub agent: String,
    /// The bytes of its `.fluxbc` file.
    pub module: Vec<u8>,
}

/// What a supervisor does when one of its children ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Supervise {
    /// Who is started again beside the child that ended.
    pub strategy: Strategy,
    /// Most restarts within the window, at least 1; the failure after that is the supervisor's own.
    pub restarts: u32,
    /// The time in which restarts are counted, in nanoseconds.
    pub window_ns: i64,
    /// How long the first restart of a child waits, in nanoseconds.
    pub wait_ns: i64,
    /// The longest wait in nanoseconds; the wait doubles with each restart that is still counted.
    pub longest_ns: i64,
    /// The children that it looks after, sorted by document and agent; each a row of the children.
    pub children: Vec<Supervised>,
}

/// A child that a supervisor looks after.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Supervised {
    /// Path of its document.
    pub document: String,
    /// Which agent of the document.
    pub agent: String,
    /// When it is started again.
    pub restart: Restart,
}

/// Native code for one architecture.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NativeSection {
    /// Architecture, as `x86_64`.
    pub architecture: String,
    /// Identity of the module it was made from.
    pub identity: [u8; 32],
    /// The code, in the form of its back end.
    pub code: Vec<u8>,
}

/// Boundary to which constants, state and scratch area are rounded up, in bytes.
pub const AREA_ALIGNMENT: u64 = 16;

/// Identity of the state variables of a version: SHA-256 over names and type descriptors in order.
pub fn schema(fields: &[StateField]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for text in fields.iter().flat_map(|field| [&field.name, &field.desc]) {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        hash.update(length.to_le_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize().into()
}

impl Module {
    /// The locals of the function that code offset `pc` belongs to.
    pub fn locals_at(&self, pc: u32) -> &[Local] {
        let Some(function) = self.function_at(pc).and_then(|number| u32::try_from(number).ok()) else {
            return &[];
        };
        let start = self.locals.partition_point(|local| local.function < function);
        let end = self.locals.partition_point(|local| local.function <= function);
        self.locals.get(start..end).unwrap_or(&[])
    }

    /// Offset of the state in region 0.
    pub fn state_base(&self) -> u64 {
        u64::try_from(self.constants.len()).unwrap_or(u64::MAX).next_multiple_of(AREA_ALIGNMENT)
    }

    /// Offset of the scratch area in region 0.
    pub fn scratch_base(&self) -> u64 {
        self.state_base().saturating_add(u64::from(self.state.size).next_multiple_of(AREA_ALIGNMENT))
    }

    /// Offset of the heap in region 0.
    pub fn heap_base(&self) -> u64 {
        self.scratch_base().saturating_add(u64::from(self.state.scratch).next_multiple_of(AREA_ALIGNMENT))
    }

    /// Number of the function that code offset `pc` belongs to.
    pub fn function_at(&self, pc: u32) -> Option<usize> {
        let after = self.functions.partition_point(|function| function.offset <= pc);
        let index = after.checked_sub(1)?;
        let function = self.functions.get(index)?;
        (pc < function.offset.saturating_add(function.length)).then_some(index)
    }

    /// Name of the document that a line is of; `own` is the module's own.
    pub fn document_of<'m>(&'m self, line: SourceLine, own: &'m str) -> &'m str {
        let number = usize::from(line.document);
        number.checked_sub(1).and_then(|number| self.documents.get(number)).map_or(own, String::as_str)
    }

    /// Document and line that code offset `pc` belongs to, as a word of [`SourceLine`].
    pub fn line_at(&self, pc: u32) -> Option<u32> {
        let after = self.lines.partition_point(|line| line.offset <= pc);
        self.lines
            .get(after.checked_sub(1)?)
            .map(|line| line.line)
            .filter(|line| SourceLine::from_word(*line).line != 0)
    }
}
