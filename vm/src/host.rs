//! What the machine asks of the kernel.
//!
//! An instruction whose row of the opcode table says `exec host` leaves the machine as one
//! [`HostCall`]; the host answers at once, suspends the run, or ends it. The machine itself answers
//! the few that need no kernel: PARAM, LINK, TICKS gas, YIELD, REGION_CREATE, REGION_DESTROY and
//! MUNMAP; HALT, PANIC, RESET and EXCEPTION leave as [`Exit::Stopped`](crate::Exit::Stopped).

use flux_abi::opcode::Opcode;
use flux_abi::status::Status;
use flux_abi::trap::TrapKind;

use crate::exit::Stop;
use crate::memory::Memory;

/// Most argument words of a host call.
pub const HOST_ARGUMENTS: usize = 5;

/// One instruction for the host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HostCall {
    /// The instruction's opcode.
    pub opcode: Opcode,
    /// Its selector, link, parameter, timer or other number; 0 if it has none.
    pub immediate: u32,
    /// Values of the registers it reads, in order; SYSCALL: R60, R16..R19; ICALL and CALL_NATIVE:
    /// R16..R19. Unused places are 0.
    pub arguments: [u64; HOST_ARGUMENTS],
}

/// The host's answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HostOutcome {
    /// Carried out or refused: `value` goes to the result register, `status` to R61.
    Done {
        /// The result word; 0 if the instruction has none.
        value: u64,
        /// How it went.
        status: Status,
    },
    /// The run waits; [`Run::complete`](crate::Run::complete) gives the answer later.
    Suspend,
    /// The run ends here.
    Stop(Stop),
    /// The instruction traps.
    Trap(TrapKind),
}

impl HostOutcome {
    /// Done, with a result.
    pub const fn value(value: u64) -> Self {
        Self::Done { value, status: Status::Ok }
    }

    /// Done or refused, without a result.
    pub const fn status(status: Status) -> Self {
        Self::Done { value: 0, status }
    }
}

/// The kernel's side of host instructions.
pub trait Host {
    /// Carries `call` out; `memory` is the calling instance's.
    fn call(&mut self, call: &HostCall, memory: &mut Memory) -> HostOutcome;
}

/// A host that has nothing: every call answers NOTFOUND, which is a defined result.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHost;

impl Host for NoHost {
    fn call(&mut self, _: &HostCall, _: &mut Memory) -> HostOutcome {
        HostOutcome::status(Status::NotFound)
    }
}
