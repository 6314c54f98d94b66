//! The system calls: one table of numbers, names, capabilities.

use crate::capability::CapabilityKind;

macro_rules! calls {
    (@cap) => { None }; (@cap $c:ident) => { Some(CapabilityKind::$c) };
    ($($num:literal $variant:ident $name:literal [$($arg:literal),*] $(cap $cap:ident)? = $meaning:literal;)*) => {
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
            /// What it does, in one line.
            pub meaning: &'static str,
        }

        /// The system calls in the order of the numbers.
        pub static SYSCALLS: &[SyscallInfo] = &[$(SyscallInfo {
            call: Syscall::$variant, name: $name, arguments: &[$($arg),*],
            capability: calls!(@cap $($cap)?), meaning: $meaning,
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
                    capability: calls!(@cap $($cap)?), meaning: $meaning,
                } },)* }
            }
        }
    };
}

calls! {
    100 Spawn "SPAWN" ["handle", "record"] cap Spawn = "starts an agent from a loaded module with a subset of the caller's capabilities";
    101 Yield "YIELD" [] = "gives up the rest of the time slice";
    102 Exit "EXIT" ["status"] = "ends the caller";
    103 Kill "KILL" ["agent", "status"] = "ends a child, or with SUPERVISOR another agent";
    104 Wait "WAIT" ["agent", "timeout"] = "waits for the end of a child";
    105 Getpid "GETPID" [] = "own process number";
    200 Alloc "ALLOC" ["handle", "type", "size"] cap Memory = "memory of a type inside the caller's quota";
    201 Free "FREE" ["handle", "region"] cap Memory = "gives memory back";
    202 Mmap "MMAP" ["handle", "object", "size"] cap Memory = "maps new memory, or what an open file holds, as a region";
    203 Munmap "MUNMAP" ["handle", "region"] cap Memory = "unmaps a region";
    204 Mprotect "MPROTECT" ["handle", "region", "rights"] cap Memory = "changes the rights of a region";
    300 A2aSend "A2A_SEND" ["handle", "record"] cap Communicate = "sends one message";
    301 A2aRecv "A2A_RECV" ["handle", "buffer", "size", "timeout"] cap Communicate = "receives one message";
    302 A2aBroadcast "A2A_BROADCAST" ["handle", "record"] cap Communicate = "sends to all subscribers of a topic";
    303 A2aSubscribe "A2A_SUBSCRIBE" ["handle"] cap Communicate = "subscribes to a topic";
    400 BcLoad "BC_LOAD" ["handle", "bytes", "size"] cap Compile = "verifies and loads a module";
    401 BcExec "BC_EXEC" ["handle", "module", "record", "agent"] cap Spawn = "runs a module as a new agent (agent 0), or swaps it into one";
    402 BcStatus "BC_STATUS" ["agent", "buffer", "size"] = "state, counters, gas";
    403 BcDump "BC_DUMP" ["handle", "agent", "buffer", "size"] cap Debug = "disassembly, registers, trace";
    500 Compile "COMPILE" ["handle", "record"] cap Compile = "compiles a document or FIR text";
    501 Emit "EMIT" ["handle", "artifact", "target"] cap Compile = "writes a module that COMPILE made to the open file `target`";
    502 Devcode "DEVCODE" ["handle", "record"] cap Compile = "writes a document from a description in words; not supported yet: NOTFOUND";
    600 Read "READ" ["handle", "buffer", "size"] cap IoRead = "reads a file or device";
    601 Write "WRITE" ["handle", "buffer", "size"] cap IoWrite = "writes a file or device";
    602 Ioctl "IOCTL" ["handle", "operation", "record"] = "carries an operation on an object that has no number of its own";
    603 Open "OPEN" ["handle", "name", "mode"] cap Filesystem = "opens a file or device";
    604 Close "CLOSE" ["handle"] = "closes a file or device";
    700 HwInfo "HW_INFO" ["item", "buffer", "size"] = "what the hardware layer found";
    701 HwConfig "HW_CONFIG" ["handle", "item", "value"] cap Hardware = "changes the hardware's configuration; no hardware layer can change any yet: NOTFOUND";
    800 Info "INFO" ["item"] = "kernel version, uptime, counters";
    801 Log "LOG" ["level", "text"] = "one structured log record";
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
