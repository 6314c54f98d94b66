//! Limits that every part keeps, each with a diagnostic or a defined refusal.

/// Bytes of a document; a larger file is not read whole.
pub const DOCUMENT_BYTES: usize = 16 << 20;
/// Documents of one compilation: a document and all that it depends on, which may hold
/// [`DOCUMENT_BYTES`] together.
pub const DOCUMENTS: usize = 256;
/// Bytes of one line of a document.
pub const LINE_BYTES: usize = 64 << 10;
/// Nesting of lists and quotes.
pub const LIST_NESTING: usize = 32;
/// Nesting of expressions and blocks.
pub const EXPRESSION_NESTING: usize = 128;
/// Nesting of types.
pub const TYPE_NESTING: usize = 32;
/// Functions of a module.
pub const FUNCTIONS: usize = 65_535;
/// Blocks of a function.
pub const BLOCKS: usize = 65_535;
/// FIR instructions of a function.
pub const FIR_INSTRUCTIONS: usize = 1_000_000;
/// Locals of a function.
pub const LOCALS: usize = 4_096;
/// Parameters of a document.
pub const PARAMETERS: usize = 256;
/// Bytes of one string.
pub const STRING_BYTES: usize = 1 << 20;
/// Diagnostics printed for a file before only a count follows.
pub const DIAGNOSTICS: usize = 200;
/// Bytes the compiler may use for each source byte.
pub const COMPILE_BYTES_PER_SOURCE_BYTE: usize = 64;
/// Bytes the compiler may use on top.
pub const COMPILE_BYTES_BASE: usize = 16 << 20;
/// How much inlining may grow a function, as a factor.
pub const INLINE_GROWTH: usize = 4;
/// Places in the agent table.
pub const AGENTS: usize = 65_536;
/// Process slots.
pub const PROCESSES: usize = 256;
/// Messages in a mailbox.
pub const MAILBOX: usize = 64;
/// Bytes of a message's payload.
pub const PAYLOAD_BYTES: usize = 4_096;
/// Bytes of a topic.
pub const TOPIC_BYTES: usize = 64;
/// Stack slots (64 bits each) of an instance.
pub const STACK_SLOTS: usize = 65_536;
/// Nested calls of an instance.
pub const CALL_DEPTH: usize = 256;
/// Breakpoints of an instance.
pub const BREAKPOINTS: usize = 64;
/// Records of the trace ring.
pub const TRACE_RECORDS: usize = 4_096;
/// Memory regions of an instance.
pub const REGIONS: usize = 16;
/// Registers.
pub const REGISTERS: usize = 64;
/// Gas between two suspensions at which time advanced, unless the document says otherwise.
pub const DEFAULT_GAS: u64 = 50_000_000;
/// Gas of a time slice.
pub const SLICE_GAS: u64 = 10_000;
/// Memory quota of an agent in bytes, unless the document says otherwise.
pub const DEFAULT_QUOTA: u64 = 1 << 20;
/// Deadline of an ASK, unless it says otherwise.
pub const ASK_DEADLINE_NS: i64 = 5_000_000_000;
/// Deadline of a DELEGATE, unless it says otherwise.
pub const DELEGATE_DEADLINE_NS: i64 = 60_000_000_000;
/// Period of a loop, unless the document says otherwise.
pub const DEFAULT_PERIOD_NS: i64 = 1_000_000_000;
/// Simulated time a message takes to arrive.
pub const MESSAGE_DELAY_NS: i64 = 1_000;
/// Failed device runs in a row after which an agent traps.
pub const DEVICE_FAILURES: u32 = 10;
/// Gas that one GAS_CHECK may cover: this many instructions a unit of gas …
pub const GAS_COVER_FACTOR: u64 = 16;
/// … and this many more.
pub const GAS_COVER_BASE: u64 = 16;
/// Bytes of a module file.
pub const MODULE_BYTES: usize = 64 << 20;
/// Bytes of a memory region.
pub const REGION_BYTES: u64 = 16 << 20;
/// Bytes of a file that agents may open.
pub const FILE_BYTES: usize = 16 << 20;
/// Bytes of the path of a file.
pub const FILE_NAME_BYTES: usize = 1_024;
/// Bytes of one READ or WRITE of a file.
pub const FILE_TRANSFER_BYTES: usize = 64 << 10;
/// Files that one agent may have open.
pub const OPEN_FILES: usize = 16;
