//! One single-threaded kernel core: agents, their messages, requests, timers and handles.
//!
//! The shard joins the parts of this crate so that what spans several of them happens at
//! once: a message takes its place in the mailbox when it is sent, a request takes its
//! completion slot and its deadline timer, the end of an agent ends all of these.
//!
//! # Invariants
//! 1. [`Shard::poll`] gives events in the order of time, then of the sequence number that
//!    messages, outcomes and timers share.
//! 2. Every request of a living asker leads to exactly one [`Event::Completed`].
//! 3. Memory for what the kernel must be able to tell later (outcomes, ends) is reserved
//!    when the request is made or the agent is started, so telling never fails.
//! 4. An agent that ended is reached by nothing: its number and handles are stale.

use alloc::collections::VecDeque;
use alloc::string::String;
use core::cmp::Reverse;

use flux_abi::capability::CapabilityKind;
use flux_abi::limits::{AGENTS, DEFAULT_QUOTA};
use flux_abi::message::MessageType;
use flux_abi::status::Status;

use crate::agent_state::AgentState;
use crate::audit::{Audit, Share};
use crate::barrier::{Arrived, Barriers};
use crate::capability::{Capabilities, Grant, HANDLES, Handle, Object, Rights};
use crate::dead_letter::{DeadLetters, DeadReason};
use crate::id::{AgentId, ProcessId, RequestId, Table, TimerId, TopicId};
use crate::mailbox::{Mailbox, Pool, Refusal};
use crate::message::{Failure, Message, Outcome, Outgoing, Payload, PayloadError, RequestKind};
use crate::names::Names;
use crate::process::Processes;
use crate::quota::Quota;
use crate::request::{AnswerError, Decided, Requests};
use crate::runtime::{Arrival, BarrierStep, Delivery, Event, Exit, Step};
use crate::sched::{Boost, Dispatch, Scheduler};
use crate::time::{Span, Time};
use crate::timer::{Order, TimerQueue};
use crate::topic::{Place, Subscriber, Topics};
use crate::watch::{WatchKind, Watches};

mod lifecycle;
mod limits;
mod messages;
mod transaction;

use limits::Limits;

pub use lifecycle::{Birth, Remains};
pub use limits::Metered;
pub use transaction::MOST_HELD;

/// Timers that one agent may have set, its deadlines not counted.
pub const TIMERS: u32 = 128;

const TYPES: usize = MessageType::ALL.len();

/// What a shard is made with.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// How long a message travels: [`Span::MESSAGE_DELAY`] in simulated time, zero in real time.
    pub delay: Span,
    /// Most agents at once, at most 65,535.
    pub agents: u32,
    /// Seed of the agents' random streams.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { delay: Span::MESSAGE_DELAY, agents: u32::MAX, seed: 1 }
    }
}

/// Messages that an agent sent and received, by type.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    sent: [u64; TYPES],
    received: [u64; TYPES],
    refused: u64,
}

impl Counters {
    /// Messages of a type that were sent and taken by a mailbox or a completion slot.
    pub fn sent(&self, kind: MessageType) -> u64 {
        self.sent.get(kind as usize).copied().unwrap_or(0)
    }

    /// Messages of a type that were taken out of the mailbox, or outcomes that were told.
    pub fn received(&self, kind: MessageType) -> u64 {
        self.received.get(kind as usize).copied().unwrap_or(0)
    }

    /// Messages that the mailbox refused.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    fn count_sent(&mut self, kind: MessageType) {
        if let Some(count) = self.sent.get_mut(kind as usize) {
            *count = count.saturating_add(1);
        }
    }

    fn uncount_received(&mut self, kind: MessageType) {
        if let Some(count) = self.received.get_mut(kind as usize) {
            *count = count.saturating_sub(1);
        }
    }

    fn count_received(&mut self, kind: MessageType) {
        if let Some(count) = self.received.get_mut(kind as usize) {
            *count = count.saturating_add(1);
        }
    }
}

/// What the kernel keeps of one agent.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct Agent {
    name: String,
    process: ProcessId,
    parent: Option<AgentId>,
    state: AgentState,
    mailbox: Mailbox,
    memory: Quota,
    limits: Limits,
    refusals: Share,
    timers: u32,
    heartbeat: Option<Time>,
    random: u64,
    counters: Counters,
}

impl Agent {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process it lives in.
    pub const fn process(&self) -> ProcessId {
        self.process
    }

    /// Who started it.
    pub const fn parent(&self) -> Option<AgentId> {
        self.parent
    }

    /// What it does.
    pub const fn state(&self) -> AgentState {
        self.state
    }

    /// Messages in its mailbox, those on their way included.
    pub const fn queued(&self) -> u32 {
        self.mailbox.len()
    }

    /// Its memory quota.
    pub const fn memory(&self) -> Quota {
        self.memory
    }

    /// Its last sign of life.
    pub const fn heartbeat(&self) -> Option<Time> {
        self.heartbeat
    }

    /// Its messages.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }
}

#[derive(Clone, Copy, Debug)]
enum TimerKind {
    /// The deadline of a request.
    Request(RequestId),
    /// The deadline of a wait at a barrier.
    Barrier,
    /// The end of a rest that its limit of gas asked for.
    Rest,
    /// Set by an agent with a word of its own.
    Agent(u64),
}

/// Something on its way to an agent.
#[derive(Clone, Copy, Debug)]
struct Flight {
    arrives: Time,
    sequence: u64,
    agent: AgentId,
    event: Event,
}

/// One kernel core.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct Shard {
    agents: Table<AgentId, Agent>,
    names: Names,
    scheduler: Scheduler,
    capabilities: Capabilities,
    processes: Processes,
    pool: Pool,
    requests: Requests,
    timers: TimerQueue<TimerKind>,
    topics: Topics,
    barriers: Barriers,
    dead_letters: DeadLetters,
    audit: Audit,
    flights: VecDeque<Flight>,
    now: Time,
    delay: Span,
    sequence: u64,
    delivered: u64,
    steps: u64,
    seed: u64,
    /// The present generation of agent 1, if it is there to hear of failures.
    supervisor: Option<AgentId>,
    watches: Watches,
    /// What agents did whose runs may still be undone.
    outboxes: transaction::Outboxes,
}

impl Shard {
    /// A core without agents, at time 0; its process table is empty too.
    pub fn new(config: Config) -> Self {
        let limit = u32::try_from(AGENTS).unwrap_or(u32::MAX).saturating_sub(1);
        Self {
            agents: Table::new(config.agents.min(limit)),
            names: Names::new(config.seed),
            scheduler: Scheduler::new(),
            capabilities: Capabilities::new(),
            processes: Processes::new(),
            pool: Pool::new(),
            requests: Requests::new(),
            timers: TimerQueue::new(),
            topics: Topics::new(),
            barriers: Barriers::new(),
            dead_letters: DeadLetters::default(),
            audit: Audit::new(),
            flights: VecDeque::new(),
            now: Time::START,
            delay: config.delay,
            sequence: 0,
            delivered: 0,
            steps: 0,
            seed: config.seed,
            supervisor: None,
            watches: Watches::new(),
            outboxes: transaction::Outboxes::new(),
        }
    }

    /// The time now.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// Moves time on; it never runs back.
    pub fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    /// When the next event is due, if anything is under way.
    pub fn next_event(&self) -> Option<Time> {
        let flight = self.flights.front().map(|flight| flight.arrives);
        let timer = self.timers.peek().map(|order| order.due);
        match (flight, timer) {
            (Some(flight), Some(timer)) => Some(flight.min(timer)),
            (flight, timer) => flight.or(timer),
        }
    }

    /// The next event that is due, with the agent that it concerns.
    pub fn poll(&mut self) -> Option<(AgentId, Event)> {
        loop {
            let flight = self.flights.front().map(|flight| (flight.arrives, flight.sequence));
            let timer = self.timers.peek().map(|order| (order.due, order.sequence));
            let timer_first = match (flight, timer) {
                (Some(flight), Some(timer)) => timer < flight,
                (flight, _) => flight.is_none(),
            };
            let event = if timer_first { self.poll_timer()? } else { self.poll_flight()? };
            if event.is_some() {
                self.steps = self.steps.saturating_add(1);
                return event;
            }
        }
    }

    /// Takes the next due timer; the inner `None` is one that concerns no agent (any more).
    fn poll_timer(&mut self) -> Option<Option<(AgentId, Event)>> {
        let fired = self.timers.pop_due(self.now)?;
        let agent = fired.owner;
        Some(match fired.content {
            TimerKind::Request(request) => {
                if let Some(decided) = self.requests.fail(request, Failure::Deadline) {
                    self.tell_outcome(decided);
                }
                None
            }
            TimerKind::Rest => {
                self.rested(agent);
                None
            }
            TimerKind::Barrier => {
                self.barriers.leave(agent).map(|_| (agent, Event::Barrier(Status::Timeout)))
            }
            TimerKind::Agent(key) => self.agents.get_mut(agent).map(|record| {
                record.timers = record.timers.saturating_sub(1);
                (agent, Event::Timer { timer: fired.timer, key, due: fired.due })
            }),
        })
    }

    /// Takes the next flight that arrived; the inner `None` is one that concerns no agent (any more).
    fn poll_flight(&mut self) -> Option<Option<(AgentId, Event)>> {
        let Flight { arrives, agent, event, .. } = *self.flights.front()?;
        if arrives > self.now {
            return None;
        }
        self.flights.pop_front();
        if self.flights.is_empty() {
            // From the start again: the ring is as long as all agents may need, and the part that is used
            // should stay in the cache.
            self.flights.clear();
        }
        let Some(record) = self.agents.get_mut(agent) else { return Some(None) };
        if let Event::Completed(request) = event {
            let kind = self.requests.outcome_type(request);
            if !self.requests.told(request) {
                return Some(None);
            }
            if let Some(kind) = kind {
                record.counters.count_received(kind);
            }
        }
        self.delivered = self.delivered.saturating_add(1);
        Some(Some((agent, event)))
    }

    /// Makes an agent runnable because of an event.
    pub fn wake(&mut self, agent: AgentId, boost: Boost) {
        self.scheduler.ready(agent, boost);
    }

    /// Gives the processor to the next agent.
    pub fn dispatch(&mut self) -> Option<Dispatch> {
        let dispatch = self.scheduler.next()?;
        self.steps = self.steps.saturating_add(1);
        Some(dispatch)
    }

    /// Takes note of how a slice ended. For [`Step::Ended`] the kernel calls [`Shard::end`].
    pub fn settle(&mut self, agent: AgentId, step: Step) {
        match step {
            Step::Ready => self.scheduler.preempted(agent),
            Step::Blocked | Step::Ended(_) => self.scheduler.blocked(agent),
        }
    }

    /// Tells whether an agent could run now.
    pub const fn is_busy(&self) -> bool {
        self.scheduler.ready_count() > 0
    }

    /// What the kernel keeps of an agent that lives.
    pub fn agent(&self, agent: AgentId) -> Option<&Agent> {
        self.agents.get(agent)
    }

    /// Numbers and records of all living agents in the order of their slots.
    pub fn agents(&self) -> impl Iterator<Item = (AgentId, &Agent)> {
        self.agents.iter()
    }

    /// Living agents.
    pub const fn agent_count(&self) -> u32 {
        self.agents.len()
    }

    /// The agent of a name. For the wiring of links by the kernel; a name is no authority.
    pub fn find(&self, name: &str) -> Option<AgentId> {
        let slot = self.names.find(name, |slot| self.has_name(slot, name))?;
        self.agents.id_at(slot)
    }

    fn has_name(&self, slot: u32, name: &str) -> bool {
        self.agents.at(slot).is_some_and(|agent| agent.name == name)
    }

    /// Handles of all agents.
    pub const fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Handles of all agents, for granting and revoking.
    pub const fn capabilities_mut(&mut self) -> &mut Capabilities {
        &mut self.capabilities
    }

    /// The process table.
    pub const fn processes(&self) -> &Processes {
        &self.processes
    }

    /// The process table, for creating and ending processes.
    pub const fn processes_mut(&mut self) -> &mut Processes {
        &mut self.processes
    }

    /// The topics.
    pub const fn topics(&self) -> &Topics {
        &self.topics
    }

    /// The topics, for the wiring of links by the kernel.
    pub const fn topics_mut(&mut self) -> &mut Topics {
        &mut self.topics
    }

    /// The requests.
    pub const fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Messages that reached nobody.
    pub const fn dead_letters(&self) -> &DeadLetters {
        &self.dead_letters
    }

    /// Counts a dead letter that the runtime found.
    pub fn count_dead_letter(&mut self, kind: MessageType, reason: DeadReason) {
        self.dead_letters.count(kind, reason);
    }

    /// Messages and outcomes delivered since the start.
    pub const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Events told and slices given since the start.
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// Bytes charged to the quotas of all living agents.
    pub fn memory_used(&self) -> u64 {
        self.agents.iter().fold(0, |sum, (_, agent)| sum.saturating_add(agent.memory.used()))
    }

    /// The supervisor: agent 1 in its present generation, living or not.
    pub fn supervisor(&self) -> AgentId {
        self.supervisor.unwrap_or(AgentId::SUPERVISOR)
    }

    /// Lets agent 1 hear of the failures of agents that nobody else supervises.
    pub const fn appoint_supervisor(&mut self, agent: AgentId) {
        self.supervisor = Some(agent);
    }

    fn next_sequence(&mut self) -> u64 {
        self.sequence = self.sequence.saturating_add(1);
        self.sequence
    }

    /// Makes room for one more flight beside those that the kernel must be able to send later.
    fn reserve_flight(&mut self) -> Result<(), Status> {
        let promised = self.requests.open_count().saturating_add(self.agents.len().saturating_mul(2));
        let room = (promised as usize).saturating_add(1);
        self.flights.try_reserve(room).map_err(|_| Status::NoMemory)
    }

    /// Sends something on its way; room for it was reserved.
    fn depart(&mut self, agent: AgentId, sequence: u64, event: Event) {
        if self.flights.len() == self.flights.capacity() && self.flights.try_reserve(1).is_err() {
            return;
        }
        let arrives = self.now.after(self.delay);
        self.flights.push_back(Flight { arrives, sequence, agent, event });
    }

    /// Lets an asker know that its request is decided.
    fn tell_outcome(&mut self, decided: Decided) {
        if let Some(timer) = decided.timer {
            self.timers.cancel(timer);
        }
        let sequence = self.next_sequence();
        self.depart(decided.asker, sequence, Event::Completed(decided.request));
    }
}

#[cfg(test)]
mod tests;
