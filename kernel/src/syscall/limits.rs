//! SET-LIMIT: what an agent may use.
//!
//! # Invariants
//! 1. An agent lowers its own limits and never raises them.
//! 2. Whoever manages another agent gives it no more memory, gas or accesses than it has itself; what the agent has
//!    already it may keep.

use core::num::NonZeroU64;

use flux_abi::ioctl::{Limit, NO_LIMIT};
use flux_abi::status::Status;
use flux_kcore::id::AgentId;
use flux_kcore::shard::Metered;

use crate::base::Core;
use crate::user_memory::Words;

/// Carries out SET-LIMIT with the record [limit, value]: `agent` is the caller or an agent that it manages.
pub(super) fn set_limit(
    core: &mut Core,
    caller: AgentId,
    agent: AgentId,
    record: &Words<2>,
) -> Result<u64, Status> {
    let limit = u8::try_from(record.get(0)).ok().and_then(Limit::from_byte).ok_or(Status::NotFound)?;
    let value = record.get(1);
    let raises = value > present(core, agent, limit).ok_or(Status::NotFound)?;
    let bound_by_own = !matches!(limit, Limit::Priority | Limit::Mailbox);
    let above_own = || present(core, caller, limit).is_some_and(|own| value > own);
    if raises && (caller == agent || (bound_by_own && above_own())) {
        return Err(Status::Denied);
    }
    apply(core, agent, limit, value).map(|()| 0)
}

/// Sets a limit of an agent, whoever asks for it.
pub(crate) fn apply(core: &mut Core, agent: AgentId, limit: Limit, value: u64) -> Result<(), Status> {
    let rate = || {
        let value = NonZeroU64::new(value).ok_or(Status::Invalid)?;
        Ok::<_, Status>(Some(value).filter(|value| value.get() != NO_LIMIT))
    };
    match limit {
        Limit::Priority => {
            let priority = u8::try_from(value).map_err(|_| Status::Invalid)?;
            core.shard.set_priority(agent, priority)
        }
        Limit::Mailbox => core.shard.set_mailbox_limit(agent, value),
        Limit::Memory => core.shard.set_memory_limit(agent, rate()?.map(NonZeroU64::get)),
        Limit::Gas => core.shard.set_rate(agent, Metered::Gas, rate()?),
        Limit::Accesses => core.shard.set_rate(agent, Metered::Accesses, rate()?),
    }
}

/// What a limit of an agent is now; [`NO_LIMIT`] where it has none.
fn present(core: &Core, agent: AgentId, limit: Limit) -> Option<u64> {
    let record = core.shard.agent(agent)?;
    let rate = |what| record.rate_limit(what).map_or(NO_LIMIT, NonZeroU64::get);
    Some(match limit {
        Limit::Priority => u64::from(core.shard.priority(agent)?),
        Limit::Mailbox => u64::from(record.mailbox_limit()),
        Limit::Memory if record.memory().limit() == record.memory().most() => NO_LIMIT,
        Limit::Memory => record.memory().limit(),
        Limit::Gas => rate(Metered::Gas),
        Limit::Accesses => rate(Metered::Accesses),
    })
}
