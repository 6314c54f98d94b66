//! The 64 registers: numbers, names, roles.

/// What may be done with a register.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RegisterRole {
    /// Reads as 0; writes are discarded.
    Zero,
    /// A read-only view; as a destination a load error.
    View,
    /// A scratch register.
    Scratch,
    /// Kept across calls by the callee.
    CalleeSaved,
    /// Argument 1..=4; the first also the result.
    Argument,
    /// Unwritten after a call.
    Temporary,
    /// Number of the next system call; a constant set in the same block.
    SyscallNumber,
}

/// First and last register, role and name of each group.
pub static GROUPS: &[(u8, u8, RegisterRole, &str)] = &[
    (0, 0, RegisterRole::Zero, "zero"),
    (1, 1, RegisterRole::View, "return address (code offset)"),
    (2, 2, RegisterRole::View, "stack pointer (slot number)"),
    (3, 3, RegisterRole::View, "base pointer (slot number)"),
    (4, 4, RegisterRole::View, "program counter (code offset)"),
    (5, 5, RegisterRole::View, "flags"),
    (6, 6, RegisterRole::View, "frame pointer (slot number)"),
    (7, 7, RegisterRole::Scratch, "scratch"),
    (8, 15, RegisterRole::CalleeSaved, "callee-saved"),
    (16, 19, RegisterRole::Argument, "arguments 1 to 4; R16 is the result"),
    (20, 31, RegisterRole::Temporary, "temporaries"),
    (32, 47, RegisterRole::Temporary, "agent registers (temporaries)"),
    (48, 55, RegisterRole::Temporary, "temporaries"),
    (56, 56, RegisterRole::View, "machine state (bit 0 tracing, bit 1 profiling, bit 2 in a trap handler)"),
    (57, 57, RegisterRole::View, "gas used by this instance"),
    (58, 58, RegisterRole::View, "base of region 0's writable part"),
    (59, 59, RegisterRole::View, "size of region 0"),
    (60, 60, RegisterRole::SyscallNumber, "system call number"),
    (61, 61, RegisterRole::View, "status of the last host call"),
    (62, 62, RegisterRole::View, "capability kinds of this agent, as a bit set"),
    (63, 63, RegisterRole::View, "function number + 1 of the trap handler, 0 if none"),
];

/// Role of register `number`; `None` for 64 and above.
pub fn role(number: u8) -> Option<RegisterRole> {
    GROUPS.iter().find(|group| (group.0..=group.1).contains(&number)).map(|group| group.2)
}

/// Lowest general register (R7).
pub const FIRST_GENERAL: u8 = 7;
/// Highest general register (R55).
pub const LAST_GENERAL: u8 = 55;
/// First callee-saved register (R8).
pub const FIRST_SAVED: u8 = 8;
/// Last callee-saved register (R15).
pub const LAST_SAVED: u8 = 15;
/// First argument register (R16), also the result.
pub const FIRST_ARGUMENT: u8 = 16;
/// Arguments that go in registers.
pub const REGISTER_ARGUMENTS: u8 = 4;
/// First temporary register (R20).
pub const FIRST_TEMPORARY: u8 = 20;
/// Register of the system call number (R60).
pub const SYSCALL_NUMBER: u8 = 60;
/// Register of the last status (R61).
pub const LAST_STATUS: u8 = 61;
