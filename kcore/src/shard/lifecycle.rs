//! How agents begin, change their state and end.

use alloc::vec::Vec;

use flux_proto::payload::Writer;

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
    /// Agents that end with it.
    pub linked: Vec<AgentId>,
}

impl Shard {
    /// Registers an agent, CREATED and BLOCKED, with an empty handle table.
    ///
    /// # Errors
    /// `EXISTS` if a living agent has the name, `NOTFOUND` if the process does not live,
    /// `BUSY` at the limit of agents, `NOMEM`.
    pub fn spawn(&mut self, birth: Birth<'_>) -> Result<AgentId, Status> {
        let Birth { name, process, parent, priority, memory, handles } = birth;
        if self.find(name).is_some() {
            return Err(Status::Exists);
        }
        let no_memory = |_| Status::NoMemory;
        self.names.reserve().map_err(no_memory)?;
        self.reserve_flight()?;
        let own = text(name)?;
        let mut random = self.seed ^ self.sequence.rotate_left(32);
        for byte in name.bytes() {
            random ^= u64::from(byte);
            split_mix(&mut random);
        }
        self.processes.add_agent(process)?;
        let starter = parent.and_then(|parent| self.agents.get(parent));
        let limits = starter.map_or_else(Limits::default, |starter| starter.limits.inherited());
        let lowered = starter.map(|starter| starter.memory).filter(|quota| quota.limit() < quota.most());
        let mut memory = Quota::new(memory);
        memory.set_limit(lowered.map(Quota::limit));
        let agent = Agent {
            name: own,
            process,
            parent,
            state: AgentState::Created,
            mailbox: Mailbox::new(),
            memory,
            limits,
            refusals: Share::default(),
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
                self.names.insert(name, id.slot());
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
        self.names.remove(&record.name, |slot| slot == agent.slot());
        // What it did in a run that did not stand never was.
        self.discard(agent);
        self.outboxes.forget(agent);
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
        match record.parent.filter(|parent| self.agents.contains(*parent)) {
            Some(parent) => {
                let sequence = self.next_sequence();
                self.depart(parent, sequence, Event::Ended { agent, exit });
            }
            None if is_failure(exit) => self.tell_supervisor(&record, exit),
            None => {}
        }
        let linked = self.tell_watchers(agent, &record, exit);
        Some(Remains { agent: record, unread, linked })
    }

    /// Tells those who monitor an agent that ended; those who end with it.
    fn tell_watchers(&mut self, agent: AgentId, record: &Agent, exit: Exit) -> Vec<AgentId> {
        let mut linked = Vec::new();
        while let Some((other, kind)) = self.watches.take_next(agent) {
            match kind {
                WatchKind::Monitor => self.tell_end(other, ENDED, record, exit),
                WatchKind::Link if exit == Exit::Stopped(0) => {}
                WatchKind::Link => {
                    if linked.try_reserve(1).is_ok() {
                        linked.push(other);
                    }
                }
            }
        }
        linked
    }

    /// Lets `watcher` hear of the end of `subject`, or end with it.
    ///
    /// # Errors
    /// `NOTFOUND` if it does not live, `INVALID` for the watcher itself; as [`Watches::add`].
    pub fn watch(&mut self, watcher: AgentId, subject: AgentId, kind: WatchKind) -> Result<(), Status> {
        if watcher == subject {
            return Err(Status::Invalid);
        }
        if !self.agents.contains(subject) {
            return Err(Status::NotFound);
        }
        self.watches.add(watcher, subject, kind)
    }

    /// Takes link and monitor of `watcher` over `subject` back.
    ///
    /// # Errors
    /// `NOTFOUND`.
    pub fn unwatch(&mut self, watcher: AgentId, subject: AgentId) -> Result<(), Status> {
        self.watches.remove(watcher, subject)
    }

    /// Ends an agent and registers the next generation of it, CREATED and BLOCKED: with the same name,
    /// its limits, an empty handle table, and the messages that were not read. Endpoints of the old generation
    /// reach the new one; requests to the old one end in an ERROR.
    ///
    /// # Errors
    /// As [`Shard::spawn`]; the old generation has ended then, too. `NOTFOUND` if it does not live.
    pub fn succeed(
        &mut self,
        old: AgentId,
        exit: Exit,
        birth: Birth<'_>,
    ) -> Result<(AgentId, Remains), Status> {
        let mut kept = Mailbox::new();
        let priority = self.priority(old);
        let mut limits = None;
        if let Some(record) = self.agents.get_mut(old) {
            limits = Some((record.limits.passed_on(), record.memory.limit(), record.refusals));
            while let Some(message) = record.mailbox.pop(&mut self.pool) {
                if message.reply_to.is_none() {
                    // Its place in the pool has just become free.
                    let _ = kept.put(&mut self.pool, message);
                }
            }
            // Now, since more may wait than a lowered limit admits.
            kept.set_limit(record.mailbox.limit());
        }
        let remains = self.end(old, exit).ok_or(Status::NotFound)?;
        let spawned = self.spawn(birth);
        match spawned.as_ref().ok().and_then(|agent| self.agents.get_mut(*agent)) {
            Some(record) => {
                record.mailbox = kept;
                if let Some((limits, memory, refusals)) = limits {
                    record.limits = limits;
                    record.memory.set_limit(Some(memory));
                    record.refusals = refusals;
                }
            }
            None => {
                while let Some(message) = kept.pop(&mut self.pool) {
                    self.dead_letters.count(message.kind, DeadReason::Unread);
                }
            }
        }
        let agent = spawned?;
        if let Some(priority) = priority {
            self.scheduler.set_priority(agent, priority);
        }
        self.capabilities.redirect(old, agent);
        self.outboxes.redirect(old, agent);
        for flight in &mut self.flights {
            if flight.agent == old && flight.event == Event::Message {
                flight.agent = agent;
            }
        }
        Ok((agent, remains))
    }

    /// Starts the next generation of agent 1, as [`Shard::succeed`].
    ///
    /// # Errors
    /// As [`Shard::succeed`].
    pub fn restart_supervisor(&mut self, exit: Exit, birth: Birth<'_>) -> Result<AgentId, Status> {
        let (agent, _) = self.succeed(self.supervisor(), exit, birth)?;
        self.supervisor = Some(agent);
        Ok(agent)
    }

    /// Tells agent 1 of the failure of an agent that nobody else supervises.
    fn tell_supervisor(&mut self, record: &Agent, exit: Exit) {
        let Some(supervisor) = self.supervisor else { return };
        let admits = |agent: &Agent| agent.mailbox.admits(&self.pool, None).is_ok();
        // One that does not keep up misses notices; it is not flooded with dead letters.
        if self.agents.get(supervisor).is_some_and(admits) {
            self.tell_end(supervisor, FAILED, record, exit);
        }
    }

    /// Posts a notice of an end: name, reason, heartbeats given.
    fn tell_end(&mut self, to: AgentId, request: &str, record: &Agent, exit: Exit) {
        let mut status = [0; STATUS_BYTES];
        let reason = match exit {
            Exit::Stopped(0) => "stopped",
            Exit::Killed => "killed",
            Exit::Stopped(code) => status_text(code, &mut status),
            Exit::Trapped(kind) => kind.name(),
        };
        let heartbeats = record.counters.sent(MessageType::Heartbeat);
        let mut buffer = [0; NOTICE_BYTES];
        if let Some(payload) = notice(&mut buffer, request, [&record.name, reason], heartbeats) {
            // A full mailbox counts it as a dead letter; the log names the end all the same.
            let _ = self.tell_from_kernel(to, Outgoing::new(payload));
        }
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
        self.tell_granted(caller, to, handle);
        Ok(handle)
    }

    /// Moves a handle to another agent and tells it so by [`Event::Granted`].
    ///
    /// # Errors
    /// As [`Capabilities::transfer`]; `NOMEM`.
    pub fn transfer(&mut self, caller: AgentId, handle: Handle, to: AgentId) -> Result<Handle, Status> {
        self.reserve_flight()?;
        let handle = self.capabilities.transfer(caller, handle, to)?;
        self.tell_granted(caller, to, handle);
        Ok(handle)
    }

    /// Tells an agent of a handle that the kernel made for it.
    ///
    /// # Errors
    /// `NOMEM`.
    pub fn tell_of_handle(&mut self, to: AgentId, handle: Handle) -> Result<(), Status> {
        self.reserve_flight()?;
        let sequence = self.next_sequence();
        self.depart(to, sequence, Event::Granted(handle));
        Ok(())
    }

    fn tell_granted(&mut self, caller: AgentId, to: AgentId, handle: Handle) {
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
    }
}

/// Request by which agent 1 is told of a failure.
const FAILED: &str = "failed";
/// Request by which a monitor is told of an end.
const ENDED: &str = "ended";
/// Bytes of a notice: two texts that are cut, and what stands around them.
const NOTICE_BYTES: usize = 512;
/// Longest text in a notice in bytes.
const NOTICE_TEXT: usize = 200;

fn notice<'b>(
    buffer: &'b mut [u8; NOTICE_BYTES],
    request: &str,
    texts: [&str; 2],
    heartbeats: u64,
) -> Option<&'b [u8]> {
    let mut writer = Writer::new(buffer, request, 3).ok()?;
    for text in texts {
        writer.str(cut(text)).ok()?;
    }
    writer.int(i64::try_from(heartbeats).unwrap_or(i64::MAX)).ok()?;
    writer.finish().ok()
}

/// Bytes of the longest `status …`.
const STATUS_BYTES: usize = 32;

/// `status -17`, without an allocation: an end is told without memory, too.
fn status_text(code: i64, buffer: &mut [u8; STATUS_BYTES]) -> &str {
    let digits = core::iter::successors(Some(code.unsigned_abs()), |left| (*left > 9).then_some(left / 10));
    let mut at = buffer.len();
    let mut put = |byte: u8| {
        at = at.saturating_sub(1);
        if let Some(place) = buffer.get_mut(at) {
            *place = byte;
        }
    };
    for left in digits {
        put(b'0'.saturating_add(u8::try_from(left % 10).unwrap_or(0)));
    }
    if code < 0 {
        put(b'-');
    }
    b"status ".iter().rev().for_each(|byte| put(*byte));
    buffer.get(at..).and_then(|text| core::str::from_utf8(text).ok()).unwrap_or("status")
}

const fn is_failure(exit: Exit) -> bool {
    matches!(exit, Exit::Trapped(_)) || matches!(exit, Exit::Stopped(status) if status != 0)
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(NOTICE_TEXT)).unwrap_or(text)
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
