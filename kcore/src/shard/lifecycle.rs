//! How agents begin, change their state and end.

use super::messages::split_mix;
use super::*;

/// What an agent is started with.
#[derive(Clone, Copy, Debug)]
pub struct Birth<'n> {
    /// Its name, unique among living agents.
    pub name: &'n str,
    /// The process it lives in.
    pub process: ProcessId,
    /// Who starts it; hears of its end.
    pub parent: Option<AgentId>,
    /// Its priority, 0 (low) to 255.
    pub priority: u8,
    /// Its memory quota in bytes.
    pub memory: u64,
    /// How many handles it may hold.
    pub handles: u16,
}

impl<'n> Birth<'n> {
    /// The usual priority of an agent.
    pub const PRIORITY: u8 = 128;

    /// An agent with usual priority and limits.
    pub const fn new(name: &'n str, process: ProcessId) -> Self {
        Self {
            name,
            process,
            parent: None,
            priority: Self::PRIORITY,
            memory: DEFAULT_QUOTA,
            handles: HANDLES,
        }
    }
}

/// What is left of an agent that ended.
#[derive(Debug)]
pub struct Remains {
    /// Its record, with its last state and its counters.
    pub agent: Agent,
    /// Messages that it had not read.
    pub unread: u32,
}

impl Shard {
    /// Registers an agent, CREATED and BLOCKED, with an empty handle table.
    ///
    /// # Errors
    /// `EXISTS` if a living agent has the name, `NOTFOUND` if the process does not live,
    /// `BUSY` at the limit of agents, `NOMEM`.
    pub fn spawn(&mut self, birth: Birth<'_>) -> Result<AgentId, Status> {
        let Birth { name, process, parent, priority, memory, handles } = birth;
        if self.names.get(name).is_some() {
            return Err(Status::Exists);
        }
        let no_memory = |_| Status::NoMemory;
        self.names.reserve(1).map_err(no_memory)?;
        self.reserve_flight()?;
        let (own, key) = (text(name)?, text(name)?);
        let mut random = self.seed ^ self.sequence.rotate_left(32);
        for byte in name.bytes() {
            random ^= u64::from(byte);
            split_mix(&mut random);
        }
        self.processes.add_agent(process)?;
        let agent = Agent {
            name: own,
            process,
            parent,
            state: AgentState::Created,
            mailbox: Mailbox::new(),
            memory: Quota::new(memory),
            timers: 0,
            heartbeat: None,
            random,
            counters: Counters::default(),
        };
        let registered = self.agents.insert(agent).map_err(Status::from).and_then(|id| {
            let admitted = self.scheduler.admit(id, priority);
            let opened = admitted.and_then(|()| self.capabilities.open(id, handles).map_err(Status::from));
            if let Err(status) = opened {
                self.scheduler.retire(id);
                self.agents.remove(id);
                return Err(status);
            }
            Ok(id)
        });
        match registered {
            Ok(id) => {
                self.names.insert(key, id);
                Ok(id)
            }
            Err(status) => {
                self.processes.remove_agent(process);
                Err(status)
            }
        }
    }

    /// Changes the state of an agent.
    ///
    /// # Errors
    /// `NOTFOUND`; `INVALID` if the state machine has no such transition.
    pub fn set_state(&mut self, agent: AgentId, state: AgentState) -> Result<(), Status> {
        let record = self.agents.get_mut(agent).ok_or(Status::NotFound)?;
        let before = record.state;
        record.state = before.to(state).map_err(|_| Status::Invalid)?;
        match (is_work(before), is_work(state)) {
            (false, true) => self.processes.agent_thinks(record.process),
            (true, false) => self.processes.agent_rests(record.process),
            _ => {}
        }
        Ok(())
    }

    /// Ends an agent: its requests, those to it, its mailbox, timers, subscriptions and handles.
    ///
    /// Whoever asked it gets an ERROR; its parent hears [`Event::Ended`]. `None` if it does not live.
    pub fn end(&mut self, agent: AgentId, exit: Exit) -> Option<Remains> {
        let state = match exit {
            Exit::Stopped(0) | Exit::Killed => AgentState::Terminated,
            Exit::Stopped(_) | Exit::Trapped(_) => AgentState::Failed,
        };
        // An ended state is kept: a runtime may have set it before.
        let _ = self.set_state(agent, state);
        let mut record = self.agents.remove(agent)?;
        self.names.remove(record.name.as_str());
        self.scheduler.retire(agent);
        while self.requests.forget_next_of_asker(agent).is_some() {}
        while let Some(decided) = self.requests.fail_next_of_target(agent, Failure::TargetEnded) {
            self.tell_outcome(decided);
        }
        let mut unread = 0u32;
        while let Some(message) = record.mailbox.pop(&mut self.pool) {
            unread = unread.saturating_add(1);
            // The asker of a request hears of it otherwise.
            if message.reply_to.is_none() {
                self.dead_letters.count(message.kind, DeadReason::Unread);
            }
        }
        self.barriers.leave(agent);
        self.timers.cancel_all(agent);
        self.topics.forget(agent);
        self.capabilities.close(agent);
        if let Some(process) = self.processes.get_mut(record.process) {
            process.memory.release(record.memory.used());
        }
        self.processes.remove_agent(record.process);
        if let Some(parent) = record.parent.filter(|parent| self.agents.contains(*parent)) {
            let sequence = self.next_sequence();
            self.depart(parent, sequence, Event::Ended { agent, exit });
        }
        Some(Remains { agent: record, unread })
    }

    /// Tells an agent that it shall stop at its next safe point.
    ///
    /// # Errors
    /// `NOTFOUND`, `NOMEM`.
    pub fn ask_to_stop(&mut self, agent: AgentId) -> Result<(), Status> {
        if !self.agents.contains(agent) {
            return Err(Status::NotFound);
        }
        self.reserve_flight()?;
        let sequence = self.next_sequence();
        self.depart(agent, sequence, Event::Stop);
        Ok(())
    }

    /// Derives a handle for another agent and tells it so by [`Event::Granted`].
    ///
    /// # Errors
    /// As [`Capabilities::derive`]; `NOMEM`.
    pub fn grant(
        &mut self,
        caller: AgentId,
        parent: Handle,
        to: AgentId,
        narrower: Grant,
    ) -> Result<Handle, Status> {
        self.reserve_flight()?;
        let handle = self.capabilities.derive(caller, parent, to, narrower)?;
        if caller != to {
            if let Some(record) = self.agents.get_mut(caller) {
                record.counters.count_sent(MessageType::Capability);
            }
            if let Some(record) = self.agents.get_mut(to) {
                record.counters.count_received(MessageType::Capability);
            }
            let sequence = self.next_sequence();
            self.depart(to, sequence, Event::Granted(handle));
        }
        Ok(handle)
    }
}

/// Whether a process shows AGENT_THINKING for an agent in this state.
const fn is_work(state: AgentState) -> bool {
    matches!(state, AgentState::Initializing | AgentState::Thinking)
}

fn text(name: &str) -> Result<String, Status> {
    let mut text = String::new();
    text.try_reserve_exact(name.len()).map_err(|_| Status::NoMemory)?;
    text.push_str(name);
    Ok(text)
}
