//! Taking note of refusals where they happen.
//!
//! # Invariants
//! 1. A refusal is noted once, by whoever answers the caller: the dispatcher of system calls, the host of
//!    instructions, or the agent runtime for what it does itself. What these call notes nothing.

use flux_abi::ioctl::Operation;
use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_hal::Stream;
use flux_kcore::audit::{Act, Audit};
use flux_kcore::id::AgentId;
use flux_kcore::shard::Metered;

use crate::base::Core;

/// What a call asks for: IOCTL has names for its operations.
pub(crate) fn act_of(call: Syscall, second: u64) -> Act {
    match Operation::from_number(second) {
        Some(operation) if call == Syscall::Ioctl => Act::Operation(operation),
        _ => Act::Call(call),
    }
}

impl Core {
    /// What agents were refused.
    pub const fn audit(&self) -> &Audit {
        self.shard.audit()
    }

    /// Takes note of what an agent was answered, if it is a refusal.
    pub(crate) fn note_refusal(&mut self, agent: AgentId, act: Act, handle: u64, status: Status) {
        let wanted = self.log.wants(LogLevel::Debug);
        if self.shard.refuse(agent, act, handle, status).is_some() && wanted && status != Status::NoMemory {
            let text = alloc::format!("refused {} of {handle:#x}: {}", act.name(), status.name());
            self.record(Stream::Boot, Some(agent), LogLevel::Debug, &text);
        }
    }

    /// Counts an access to a device or file, or says that it is one too many.
    pub(crate) fn access(&mut self, agent: AgentId) -> Result<(), Status> {
        self.shard.access(agent).map_err(|status| {
            let limit = self.shard.agent(agent).and_then(|record| record.rate_limit(Metered::Accesses));
            let limit = limit.map_or(0, core::num::NonZeroU64::get);
            let text = alloc::format!("more than {limit} accesses to devices and files in a second (BUSY)");
            self.keep_fault(agent, (status, text))
        })
    }
}
