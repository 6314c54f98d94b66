//! The system calls: one table of numbers, names, capabilities.

use crate::capability::CapabilityKind;
use crate::status::Status;

macro_rules! calls {
    (@cap) => { None }; (@cap $c:ident) => { Some(CapabilityKind::$c) };
    ($($num:literal $variant:ident $name:literal [$($arg:literal),*] $(cap $cap:ident)? gives [$($status:ident),*] = $meaning:literal;)*) => {
        /// A system call; the number goes into R60.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u16)]
        pub enum Syscall { $(#[doc = $meaning] $variant = $num,)* }

        /// One row of the table of system calls.
        #[derive(Clone, Copy, Debug)]
        pub struct SyscallInfo {
            /// The call.
            pub call: Syscall,
            /// Its name.
            pub name: &'static str,
            /// Arguments in R16.. by name; with a capability, the first is a handle of that kind.
            pub arguments: &'static [&'static str],
            /// Kind of the handle that must be the first argument.
            pub capability: Option<CapabilityKind>,
            /// Every status that it can return, in the order of the codes.
            pub statuses: &'static [Status],
            /// What it does, in one line.
            pub meaning: &'static str,
        }

        /// The system calls in the order of the numbers.
        pub static SYSCALLS: &[SyscallInfo] = &[$(SyscallInfo {
            call: Syscall::$variant, name: $name, arguments: &[$($arg),*],
            capability: calls!(@cap $($cap)?), statuses: &[$(Status::$status),*], meaning: $meaning,
        },)*];

        impl Syscall {
            /// The call with this number, if there is one.
            pub const fn from_number(number: u64) -> Option<Self> {
                match number { $($num => Some(Self::$variant),)* _ => None }
            }

            /// Its number.
            pub const fn number(self) -> u64 {
                self as u64
            }

            /// Its row of the table.
            pub const fn info(self) -> &'static SyscallInfo {
                match self { $(Self::$variant => &const { SyscallInfo {
                    call: Syscall::$variant, name: $name, arguments: &[$($arg),*],
                    capability: calls!(@cap $($cap)?), statuses: &[$(Status::$status),*], meaning: $meaning,
                } },)* }
            }
        }
    };
}

calls! {
    100 Spawn "SPAWN" ["handle", "record"] cap Spawn gives [Ok, NoMemory, Invalid, Denied, Busy, NotFound, Exists, Overflow]
        = "starts an agent from a loaded module with a subset of the caller's capabilities";
    101 Yield "YIELD" [] gives [Ok]
        = "gives up the rest of the time slice";
    102 Exit "EXIT" ["status"] gives [Invalid]
        = "ends the caller";
    103 Kill "KILL" ["agent", "status"] gives [Ok, NoMemory, Invalid, Denied, NotFound]
        = "ends a child, or the agent of a handle with MANAGE";
    104 Wait "WAIT" ["agent", "timeout"] gives [Ok, General, Invalid, Denied, Timeout, Busy, NotFound]
        = "waits for the end of a child";
    105 Getpid "GETPID" [] gives [Ok]
        = "own process number";
    200 Alloc "ALLOC" ["handle", "type", "size"] cap Memory gives [Ok, NoMemory, Invalid, Denied, Busy, NotFound]
        = "memory of a type inside the caller's quota";
    201 Free "FREE" ["handle", "region"] cap Memory gives [Ok, Denied, NotFound]
        = "gives memory back";
    202 Mmap "MMAP" ["handle", "object", "size"] cap Memory gives [Ok, General, NoMemory, Invalid, Denied, Busy, NotFound, Overflow]
        = "maps new memory, or what an open file holds, as a region";
    203 Munmap "MUNMAP" ["handle", "region"] cap Memory gives [Ok, Denied, NotFound]
        = "unmaps a region";
    204 Mprotect "MPROTECT" ["handle", "region", "rights"] cap Memory gives [Ok, Invalid, Denied, NotFound]
        = "changes the rights of a region";
    300 A2aSend "A2A_SEND" ["handle", "record"] cap Communicate gives [Ok, NoMemory, Invalid, Denied, Timeout, Busy, NotFound, Overflow, Deadlock]
        = "sends one message";
    301 A2aRecv "A2A_RECV" ["handle", "buffer", "size", "timeout"] cap Communicate gives [Ok, Invalid, Denied, Timeout, NotFound]
        = "receives one message";
    302 A2aBroadcast "A2A_BROADCAST" ["handle", "record"] cap Communicate gives [Ok, NoMemory, Invalid, Denied, Overflow]
        = "sends to all subscribers of a topic";
    303 A2aSubscribe "A2A_SUBSCRIBE" ["handle"] cap Communicate gives [Ok, NoMemory, Denied, Busy, NotFound, Exists]
        = "subscribes to a topic";
    400 BcLoad "BC_LOAD" ["handle", "bytes", "size"] cap Compile gives [Ok, NoMemory, Invalid, Denied, Busy, Overflow]
        = "verifies and loads a module";
    401 BcExec "BC_EXEC" ["handle", "module", "record", "agent"] cap Spawn gives [Ok, NoMemory, Invalid, Denied, Busy, NotFound, Exists, Overflow]
        = "runs a module as a new agent (agent 0), or swaps it into one";
    402 BcStatus "BC_STATUS" ["agent", "buffer", "size"] gives [Ok, Invalid, Denied, NotFound, Overflow]
        = "state, counters, gas";
    403 BcDump "BC_DUMP" ["handle", "agent", "buffer", "size"] cap Debug gives [Ok, NoMemory, Invalid, Denied, NotFound, Overflow]
        = "disassembly, registers, trace";
    500 Compile "COMPILE" ["handle", "record"] cap Compile gives [Ok, General, NoMemory, Invalid, Denied, Overflow]
        = "compiles a document or FIR text";
    501 Emit "EMIT" ["handle", "artifact", "target"] cap Compile gives [Ok, General, NoMemory, Invalid, Denied, Busy, NotFound, Overflow]
        = "writes a module that COMPILE made to the open file `target`";
    502 Devcode "DEVCODE" ["handle", "record"] cap Compile gives [Denied, NotFound]
        = "writes a document from a description in words; not supported yet: NOTFOUND";
    600 Read "READ" ["handle", "buffer", "size"] cap IoRead gives [Ok, General, NoMemory, Invalid, Denied, Timeout, Busy, NotFound]
        = "reads a file or device";
    601 Write "WRITE" ["handle", "buffer", "size"] cap IoWrite gives [Ok, General, NoMemory, Invalid, Denied, Timeout, Busy, NotFound, Overflow]
        = "writes a file or device";
    602 Ioctl "IOCTL" ["handle", "operation", "record"] gives [Denied, NotFound]
        = "carries an operation on an object that has no number of its own";
    603 Open "OPEN" ["handle", "name", "mode"] cap Filesystem gives [Ok, General, NoMemory, Invalid, Denied, Timeout, Busy, NotFound, Overflow]
        = "opens a file or device";
    604 Close "CLOSE" ["handle"] gives [Ok, Invalid, Denied]
        = "closes a file or device";
    700 HwInfo "HW_INFO" ["item", "buffer", "size"] gives [Ok, NoMemory, Invalid, NotFound, Overflow]
        = "what the hardware layer found";
    701 HwConfig "HW_CONFIG" ["handle", "item", "value"] cap Hardware gives [Invalid, Denied, NotFound]
        = "changes the hardware's configuration; no hardware layer can change any yet: NOTFOUND";
    800 Info "INFO" ["item"] gives [Ok, Invalid]
        = "kernel version, uptime, counters";
    801 Log "LOG" ["level", "text"] gives [Ok, NoMemory, Invalid, Overflow]
        = "one structured log record";
}

/// Types of memory that ALLOC takes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum MemoryType {
    /// The kernel's own.
    Kernel = 0,
    /// Data of a program.
    User = 1,
    /// Registers and buffers of a device.
    Device = 2,
    /// Module files.
    Bytecode = 3,
    /// State of an agent.
    Agent = 4,
    /// Native code.
    Compiled = 5,
}

impl MemoryType {
    /// Every type in the order of the numbers.
    pub const ALL: [Self; 6] =
        [Self::Kernel, Self::User, Self::Device, Self::Bytecode, Self::Agent, Self::Compiled];

    /// The type with this number, if there is one.
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Kernel),
            1 => Some(Self::User),
            2 => Some(Self::Device),
            3 => Some(Self::Bytecode),
            4 => Some(Self::Agent),
            5 => Some(Self::Compiled),
            _ => None,
        }
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_31_calls_and_their_numbers_lead_back() {
        assert_eq!(SYSCALLS.len(), 31);
        for row in SYSCALLS {
            assert_eq!(Syscall::from_number(row.call.number()), Some(row.call));
            assert_eq!(row.call.info().name, row.name);
        }
        assert_eq!(Syscall::from_number(106), None);
    }

    #[test]
    fn numbers_of_memory_types_lead_back() {
        for (number, kind) in (0..).zip(MemoryType::ALL) {
            assert_eq!((kind.number(), MemoryType::from_number(number)), (number, Some(kind)));
        }
        assert_eq!(MemoryType::from_number(6), None);
    }
}
