//! What an agent may use: gas and accesses in a second, memory, messages, priority; and what it was refused.
//!
//! # Invariants
//! 1. An agent above its gas is not READY before the seconds have passed that pay for it; nobody else waits for that.
//! 2. The next generation of an agent has its limits and what it owes: failing is no way around them. What an agent
//!    starts has its limits too, so starting others is none either.

use core::num::NonZeroU64;

use flux_abi::limits::MAILBOX;

use super::*;
use crate::audit::{Act, Audit, Record, Share, is_refusal};
use crate::rate::Rate;

/// What a limit counts in a second.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Metered {
    /// Gas.
    Gas,
    /// Accesses to devices and files.
    Accesses,
}

/// What an agent may use, beside its quota and its mailbox.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    gas: Rate,
    accesses: Rate,
    /// What wakes it when it may go on, while it rests.
    rest: Option<TimerId>,
}

impl Limits {
    /// The same limits with nothing used, for an agent that one with these starts.
    pub(super) const fn inherited(&self) -> Self {
        Self { gas: Rate::new(self.gas.limit()), accesses: Rate::new(self.accesses.limit()), rest: None }
    }

    /// These limits with what is owed, for the next generation; the timer goes with the old one.
    pub(super) const fn passed_on(&self) -> Self {
        Self { gas: self.gas, accesses: self.accesses, rest: None }
    }
}

impl Agent {
    /// How much of something it may use in a second; `None` is as much as there is.
    pub const fn rate_limit(&self, what: Metered) -> Option<NonZeroU64> {
        match what {
            Metered::Gas => self.limits.gas.limit(),
            Metered::Accesses => self.limits.accesses.limit(),
        }
    }

    /// Messages that may wait for it.
    pub const fn mailbox_limit(&self) -> u8 {
        self.mailbox.limit()
    }

    /// What it was refused.
    pub const fn refusals(&self) -> Share {
        self.refusals
    }
}

impl Shard {
    /// Changes the priority of an agent.
    ///
    /// # Errors
    /// `NOTFOUND`.
    pub fn set_priority(&mut self, agent: AgentId, priority: u8) -> Result<(), Status> {
        if !self.agents.contains(agent) {
            return Err(Status::NotFound);
        }
        self.scheduler.set_priority(agent, priority);
        Ok(())
    }

    /// The priority of an agent.
    pub fn priority(&self, agent: AgentId) -> Option<u8> {
        self.scheduler.priority(agent)
    }

    /// Changes how many messages may wait at an agent; those that wait stay.
    ///
    /// # Errors
    /// `NOTFOUND`; `INVALID` for 0 or more than a mailbox can hold.
    pub fn set_mailbox_limit(&mut self, agent: AgentId, messages: u64) -> Result<(), Status> {
        let record = self.agents.get_mut(agent).ok_or(Status::NotFound)?;
        let limit = u8::try_from(messages).ok().filter(|limit| (1..=MAILBOX).contains(&usize::from(*limit)));
        record.mailbox.set_limit(limit.ok_or(Status::Invalid)?);
        Ok(())
    }

    /// Changes how much gas, or how many accesses to devices and files, an agent may use in a second.
    ///
    /// # Errors
    /// `NOTFOUND`.
    pub fn set_rate(
        &mut self,
        agent: AgentId,
        what: Metered,
        limit: Option<NonZeroU64>,
    ) -> Result<(), Status> {
        let record = self.agents.get_mut(agent).ok_or(Status::NotFound)?;
        match what {
            Metered::Gas => record.limits.gas.set_limit(limit),
            Metered::Accesses => record.limits.accesses.set_limit(limit),
        }
        // One that rests looks at once how long it has to wait now.
        if let Some(timer) = record.limits.rest.take() {
            self.timers.cancel(timer);
            self.scheduler.ready(agent, Boost::None);
        }
        Ok(())
    }

    /// Changes how much of the quota that it was started with an agent may use; what it uses already stays.
    ///
    /// # Errors
    /// `NOTFOUND`.
    pub fn set_memory_limit(&mut self, agent: AgentId, bytes: Option<u64>) -> Result<(), Status> {
        self.agents.get_mut(agent).ok_or(Status::NotFound)?.memory.set_limit(bytes);
        Ok(())
    }

    /// Counts gas that an agent used.
    pub fn spend(&mut self, agent: AgentId, gas: u64) {
        let now = self.now;
        if let Some(record) = self.agents.get_mut(agent) {
            record.limits.gas.take(now, gas);
        }
    }

    /// How much gas an agent may use now; `None` without a limit.
    pub fn gas_left(&self, agent: AgentId) -> Option<u64> {
        self.agents.get(agent)?.limits.gas.left(self.now)
    }

    /// Whether an agent has to rest, since it used all that its limit allows; it is READY when that is over.
    pub fn rests(&mut self, agent: AgentId) -> bool {
        let Some(record) = self.agents.get(agent) else { return false };
        let due = record.limits.gas.free_at();
        if due <= self.now {
            return false;
        }
        if record.limits.rest.is_none() {
            let sequence = self.next_sequence();
            let order = Order { due, priority: Reverse(Outgoing::PRIORITY), sequence };
            // Without memory for the timer nothing would wake it: it goes on at once.
            let Ok(timer) = self.timers.set(agent, order, TimerKind::Rest) else { return false };
            if let Some(record) = self.agents.get_mut(agent) {
                record.limits.rest = Some(timer);
            }
        }
        true
    }

    /// The rest of an agent is over.
    pub(super) fn rested(&mut self, agent: AgentId) {
        if let Some(record) = self.agents.get_mut(agent) {
            record.limits.rest = None;
        }
        self.scheduler.ready(agent, Boost::None);
    }

    /// Counts an access of an agent to a device or file.
    ///
    /// # Errors
    /// `BUSY` if its limit allows none now; what was refused is not counted.
    pub fn access(&mut self, agent: AgentId) -> Result<(), Status> {
        let now = self.now;
        let Some(record) = self.agents.get_mut(agent) else { return Ok(()) };
        if record.limits.accesses.left(now) == Some(0) {
            return Err(Status::Busy);
        }
        record.limits.accesses.take(now, 1);
        Ok(())
    }

    /// What agents were refused.
    pub const fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Takes note of what an agent was refused; its record, if the status is a refusal and it has one.
    pub fn refuse(&mut self, agent: AgentId, act: Act, handle: u64, status: Status) -> Option<&Record> {
        if !is_refusal(status) {
            return None;
        }
        let record = self.agents.get_mut(agent)?;
        self.audit.refuse(&mut record.refusals, (self.now, agent, &record.name), (act, handle, status))
    }
}
