//! The kernel's loop over an agent runtime.
//!
//! # Two clocks
//! In *simulated* time code takes no time: an agent runs until it waits, and time jumps to the next
//! event when nobody can run. How long a slice is has no visible effect. In *real* time the shell
//! tells the time; agents take turns by slices, and [`Kernel::next_wake`] says when to come back.
//!
//! # Invariants
//! 1. Events are told in the order of time, urgency, sequence; equal inputs give equal runs.
//! 2. A fault of one agent ends that agent; the loop itself has no failure.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::capability::CapabilityKind;
use flux_abi::ioctl::Limit;
use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_fluxc::Outline;
use flux_fluxc::diag::Diagnostic;
use flux_hal::Stream;
use flux_kcore::capability::{Grant, Handle, Object, Rights};
use flux_kcore::id::{AgentId, ProcessId};
use flux_kcore::message::Failure;
use flux_kcore::runtime::{AgentRuntime, Event, Exit, Role, Step, Wake};
use flux_kcore::sched::{Boost, Gas};
use flux_kcore::shard::{Birth, Remains};
use flux_kcore::time::{Span, Time};

use crate::base::{Core, CoreConfig, Known, Pending};
use crate::error::{KernelError, Refusal};
use crate::log::Record;
use crate::syscall::{self, Answer};
use crate::timeline::{Happening, Observer};
use crate::user_memory::UserMemory;
use crate::wiring::Launch;

mod exchange;
mod supervision;

use supervision::Supervision;

/// Which clock a kernel runs by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClockMode {
    /// Time jumps from event to event.
    Simulated,
    /// The shell tells the time.
    Real,
}

/// Why [`Kernel::run`] came back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pause {
    /// Nothing is left to do before this time; [`Time::NEVER`] if nothing will ever be.
    Until(Time),
    /// Agents could go on; come back after looking at the clock and the log.
    Busy,
}

/// Makes an agent runtime's image of a launch; says in words why it can't.
pub type Imager<I> = Box<dyn FnMut(&Launch) -> Result<I, String>>;

/// A kernel with its agent runtime.
pub struct Kernel<R: AgentRuntime<Core>> {
    core: Core,
    runtime: R,
    imager: Imager<R::Image>,
    clock: ClockMode,
    slice: Gas,
    /// Agents in the order of starting.
    order: Vec<AgentId>,
    /// In simulated time, the agent that goes on first when the kernel comes back.
    unfinished: Option<AgentId>,
    supervision: Supervision,
    /// Agents that stopped in the middle of work at the end of a slice.
    preempted: BTreeSet<AgentId>,
    /// Agents that were asked to stop before they began.
    stopped_early: BTreeSet<AgentId>,
}

impl<R: AgentRuntime<Core>> Kernel<R> {
    /// A kernel at time 0 with process 1 and nothing in it.
    ///
    /// # Errors
    /// No memory for the process table.
    pub fn new(
        config: CoreConfig,
        clock: ClockMode,
        slice: Gas,
        runtime: R,
        imager: Imager<R::Image>,
    ) -> Result<Self, Status> {
        let mut core = Core::new(config);
        core.shard.processes_mut().create(None, u64::MAX).map_err(Status::from)?;
        Ok(Self {
            core,
            runtime,
            imager,
            clock,
            slice,
            order: Vec::new(),
            unfinished: None,
            supervision: Supervision::None,
            preempted: BTreeSet::new(),
            stopped_early: BTreeSet::new(),
        })
    }

    /// The kernel without its runtime.
    pub const fn core(&self) -> &Core {
        &self.core
    }

    /// The runtime.
    pub const fn runtime(&self) -> &R {
        &self.runtime
    }

    /// The runtime, for a debugger.
    pub const fn runtime_mut(&mut self) -> &mut R {
        &mut self.runtime
    }

    /// The kernel and its runtime, for shells that act in the name of agents that are part of the kernel.
    pub const fn parts_mut(&mut self) -> (&mut Core, &mut R) {
        (&mut self.core, &mut self.runtime)
    }

    /// A handle that lets `native`, which is part of the kernel, send to the agent `target`.
    ///
    /// # Errors
    /// `BUSY` or `NOMEM` if its handle table is full.
    pub fn endpoint_for(&mut self, native: AgentId, target: AgentId) -> Result<Handle, Status> {
        let grant = Grant::new(CapabilityKind::Communicate, Object::Endpoint(target), Rights::WRITE);
        self.core.mint(native, grant)
    }

    /// A handle that lets `native`, which is part of the kernel, publish on the topic `name`.
    ///
    /// # Errors
    /// As [`Kernel::endpoint_for`]; `OVERFLOW` for a name that is too long.
    pub fn topic_for(&mut self, native: AgentId, name: &str) -> Result<Handle, Status> {
        let topic = self.core.topic(name)?;
        let grant = Grant::new(CapabilityKind::Communicate, Object::Topic(topic), Rights::WRITE);
        self.core.mint(native, grant)
    }

    /// Tells `observer` who is there, and from now on what happens.
    pub fn observe(&mut self, observer: Box<dyn Observer>) {
        self.core.observe(observer);
    }

    /// The time now.
    pub fn now(&self) -> Time {
        self.core.shard.now()
    }

    /// Writes a record of the kernel itself.
    pub fn record(&mut self, stream: Stream, level: LogLevel, text: &str) {
        self.core.record(stream, None, level, text);
    }

    /// Takes the records that were written since the last call.
    pub fn take_records(&mut self) -> Vec<Record> {
        self.core.log.take()
    }

    /// Takes what the compiler said, by document.
    pub fn take_diagnostics(&mut self) -> Vec<(String, Vec<Diagnostic>)> {
        core::mem::take(&mut self.core.diagnostics)
    }

    /// Takes the agents and messages of the document that was compiled last.
    pub fn take_outline(&mut self) -> Outline {
        core::mem::take(&mut self.core.outline)
    }

    /// Makes a process whose only agent is part of the kernel and holds `grant`.
    ///
    /// # Errors
    /// `EXISTS` if the name is taken, `BUSY`, `NOMEM`.
    pub fn native_process(
        &mut self,
        name: &str,
        grant: Grant,
    ) -> Result<(ProcessId, AgentId, Handle), Status> {
        let processes = self.core.shard.processes_mut();
        let process = processes.create(Some(ProcessId::KERNEL), u64::MAX).map_err(Status::from)?;
        let (agent, handle) = self.native_agent(name, process, grant)?;
        Ok((process, agent, handle))
    }

    /// Makes an agent that is part of the kernel and holds `grant`; it never runs bytecode.
    ///
    /// # Errors
    /// As [`Kernel::native_process`].
    pub fn native_agent(
        &mut self,
        name: &str,
        process: ProcessId,
        grant: Grant,
    ) -> Result<(AgentId, Handle), Status> {
        let agent = self.core.shard.spawn(Birth::new(name, process))?;
        self.core.introduce(
            agent,
            Known {
                name: name.into(),
                capabilities: grant.kinds,
                program: None,
                document: "".into(),
                role: Role::Application,
            },
        );
        let handle = self.core.mint(agent, grant)?;
        Ok((agent, handle))
    }

    /// Sets a limit of an agent, in the name of whoever runs the kernel.
    ///
    /// # Errors
    /// `NOTFOUND`; `INVALID` for a value that the limit can't have.
    pub fn limit(&mut self, agent: AgentId, limit: Limit, value: u64) -> Result<(), Status> {
        syscall::apply_limit(&mut self.core, agent, limit, value)
    }

    /// Ends an agent that is part of the kernel; its handles go, what it started stays.
    pub fn end_native(&mut self, agent: AgentId, exit: Exit) {
        self.core.shard.end(agent, exit);
        self.core.forget(agent);
    }

    /// Makes a system call in the name of `caller`.
    ///
    /// # Errors
    /// The refusal.
    pub fn syscall(
        &mut self,
        caller: AgentId,
        number: u64,
        arguments: [u64; 4],
        memory: &mut dyn UserMemory,
    ) -> Result<u64, Refusal> {
        let mut answer = syscall::dispatch(&mut self.core, caller, number, arguments, memory)?;
        let asked = |pending: &mut Pending| matches!(pending, Pending::Inspect(by, _) if *by == caller);
        if let Some(Pending::Inspect(_, agent)) = self.core.pending.pop_if(asked) {
            self.inspect(caller, agent);
            answer = syscall::dispatch(&mut self.core, caller, number, arguments, memory)?;
        }
        match answer {
            Answer::Value(value) => Ok(value),
            // Nobody who calls from Rust can be suspended or trapped.
            Answer::Wait => Err(Status::Busy.into()),
            Answer::Fault(_) => Err(Status::Invalid.into()),
        }
    }

    /// Starts agents that were executed and does what else calls asked for.
    ///
    /// # Errors
    /// The first agent that can't be started; the others are.
    pub fn start_pending(&mut self) -> Result<(), KernelError> {
        let mut first = Ok(());
        let mut later = Vec::new();
        while !self.core.pending.is_empty() {
            for pending in core::mem::take(&mut self.core.pending) {
                match pending {
                    // What is granted in the run that started it is there when it begins, wherever
                    // slices end.
                    Pending::Start(_, ref launch) if self.preempted.contains(&launch.grantor.0) => {
                        later.push(pending);
                    }
                    Pending::Start(agent, launch) | Pending::Restart(agent, launch) => {
                        if let Err(error) = self.start(agent, launch) {
                            self.discard(agent);
                            first = first.and(Err(error));
                        }
                    }
                    Pending::Swap(agent, launch, policy) => self.begin_queued_swap(agent, &launch, policy),
                    Pending::Kill(agent) => self.end(agent, Exit::Killed),
                    Pending::Halt(agent) => self.end(agent, Exit::Stopped(0)),
                    Pending::Inspect(caller, agent) => self.inspect(caller, agent),
                    Pending::Wake(agent) => self.core.shard.wake(agent, Boost::None),
                }
            }
        }
        self.core.pending = later;
        first
    }

    fn start(&mut self, agent: AgentId, mut launch: Launch) -> Result<(), KernelError> {
        // Somebody ended it before it began.
        if self.core.shard.agent(agent).is_none() {
            return Ok(());
        }
        self.core.wire(agent, &mut launch)?;
        let wake = self.begin(agent, &launch)?;
        if self.stopped_early.remove(&agent) {
            let _ = self.runtime.event(&mut self.core, agent, Event::Stop);
        }
        self.order.push(agent);
        self.core.note(agent, Happening::Begins(&launch.name));
        if self.core.log.wants(LogLevel::Info) {
            let text = self.core.holdings(agent, &launch);
            self.core.record(Stream::Log, Some(agent), LogLevel::Info, &text);
        }
        if wake == Wake::Ready {
            self.core.shard.wake(agent, Boost::None);
        }
        Ok(())
    }

    /// Makes the runtime's part of a wired agent.
    fn begin(&mut self, agent: AgentId, launch: &Launch) -> Result<Wake, KernelError> {
        let refused = |reason: String| KernelError::Start { agent: launch.name.as_ref().into(), reason };
        let image = (self.imager)(launch).map_err(refused)?;
        self.runtime.start(&mut self.core, agent, image).map_err(|status| {
            let reason = match status {
                Status::NoMemory => String::from("its memory quota does not hold its state; raise `memory:`"),
                status => String::from(status.meaning()),
            };
            KernelError::Start { agent: launch.name.as_ref().into(), reason }
        })
    }

    /// Keeps for `caller` what the runtime knows of `agent`.
    fn inspect(&mut self, caller: AgentId, agent: AgentId) {
        if self.core.shard.agent(caller).is_some() {
            let text = self.runtime.inspect(agent);
            self.core.inspected.insert(caller, (agent, text));
        }
    }

    /// Ends an agent from outside.
    fn end(&mut self, agent: AgentId, exit: Exit) {
        if self.core.shard.agent(agent).is_some() {
            self.runtime.end(&mut self.core, agent, exit);
            self.bury(agent, exit);
        }
    }

    /// Ends an agent that could not begin.
    fn discard(&mut self, agent: AgentId) {
        if self.core.succeed(agent, Exit::Killed).is_none() {
            self.core.shard.end(agent, Exit::Killed);
            self.core.forget(agent);
        }
    }

    fn bury(&mut self, agent: AgentId, exit: Exit) {
        self.core.note(agent, Happening::Ended(exit));
        self.preempted.remove(&agent);
        self.stopped_early.remove(&agent);
        if let Some(at) = self.order.iter().rposition(|other| *other == agent) {
            self.order.remove(at);
        }
        if self.core.shard.agent(agent).is_none() {
            return;
        }
        if self.is_supervisor(agent) {
            self.revive(exit);
            return;
        }
        let remains = match self.core.succeed(agent, exit) {
            Some(remains) => Some(remains),
            None => self.part_with(agent, exit),
        };
        self.core.leave_places_of(agent);
        for linked in remains.map_or_else(Vec::new, |remains| remains.linked) {
            self.core.pending.push(Pending::Kill(linked));
        }
    }

    /// Ends an agent that nobody keeps a place for.
    fn part_with(&mut self, agent: AgentId, exit: Exit) -> Option<Remains> {
        let remains = self.core.shard.end(agent, exit);
        if let Some(remains) = &remains
            && remains.unread > 0
        {
            let text = match remains.unread {
                1 => String::from("1 message was never read"),
                unread => alloc::format!("{unread} messages were never read"),
            };
            self.core.record(Stream::Log, Some(agent), LogLevel::Warning, &text);
        }
        self.core.forget(agent);
        remains
    }

    /// Runs until time `until` (exclusive), at most for `slices` slices.
    ///
    /// In real time `until` is the present: events that are due are told, and the kernel's clock
    /// is set to it. In simulated time it is the end of the run.
    pub fn run(&mut self, until: Time, slices: u32) -> Pause {
        if self.clock == ClockMode::Real {
            self.core.shard.advance(until);
        }
        let mut left = slices;
        loop {
            if let Some(agent) = self.unfinished.take() {
                left = left.saturating_sub(self.step(agent, left));
                if left == 0 || self.core.log.is_full() {
                    return Pause::Busy;
                }
            }
            while let Some((agent, event)) = self.core.shard.poll() {
                self.tell(agent, event);
                self.carry_out(agent);
            }
            if let Some(dispatch) = self.core.shard.dispatch() {
                left = left.saturating_sub(self.step(dispatch.agent, left));
                if left == 0 || self.core.log.is_full() {
                    return Pause::Busy;
                }
                continue;
            }
            match (self.core.shard.next_event(), self.clock) {
                (Some(next), ClockMode::Simulated) if next < until => self.core.shard.advance(next),
                // A message of this moment, since delivery takes no time here.
                (Some(next), ClockMode::Real) if next <= self.now() => {}
                (Some(next), _) => return Pause::Until(next),
                (None, _) => return Pause::Until(Time::NEVER),
            }
        }
    }

    fn tell(&mut self, agent: AgentId, event: Event) {
        // Its runtime does not have it yet; what else it is told it finds when it begins.
        if event == Event::Stop && self.core.is_to_begin(agent) {
            self.stopped_early.insert(agent);
            return;
        }
        if self.core.gateway.stands_in(agent) {
            self.core.stand_in_hears(agent, event);
            return;
        }
        let boost = if event == Event::Message { Boost::Message } else { Boost::None };
        let wake = self.runtime.event(&mut self.core, agent, event);
        if wake == Wake::Ready && !self.core.is_held(agent) {
            self.core.shard.wake(agent, boost);
        }
    }

    /// One slice of an agent, no longer than its limit of gas allows.
    fn turn(&mut self, agent: AgentId) -> Step {
        let left = self.core.shard.gas_left(agent);
        let counted = left.is_some() || self.core.is_observed();
        let before = counted.then(|| self.runtime.used(agent));
        self.core.note(agent, Happening::Slice);
        self.core.set_current(Some(agent));
        let slice = left.map_or(self.slice, |left| self.slice.min(Gas::new(left.max(1))));
        let step = self.runtime.run(&mut self.core, agent, slice);
        self.core.set_current(None);
        if let Some(before) = before {
            let gas = self.runtime.used(agent).saturating_sub(before);
            self.core.shard.spend(agent, gas);
            self.core.note(agent, Happening::SliceEnded { gas, step });
        }
        step
    }

    /// Does what `agent` asked for; errors of agents that were started by agents are in the log.
    fn carry_out(&mut self, agent: AgentId) {
        if !self.core.pending.is_empty()
            && let Err(error) = self.start_pending()
        {
            self.core.record(Stream::Log, Some(agent), LogLevel::Warning, &alloc::format!("{error}"));
        }
    }

    /// Gives the processor to an agent; how many slices it used.
    fn step(&mut self, agent: AgentId, most: u32) -> u32 {
        if self.core.is_held(agent) {
            self.core.shard.settle(agent, Step::Blocked);
            return 1;
        }
        let mut used = 0u32;
        loop {
            if self.core.shard.rests(agent) {
                self.core.shard.settle(agent, Step::Blocked);
                return used.max(1);
            }
            let step = self.turn(agent);
            used = used.saturating_add(1);
            if step == Step::Ready {
                self.preempted.insert(agent);
            } else {
                self.preempted.remove(&agent);
            }
            if let Step::Ended(exit) = step {
                self.bury(agent, exit);
            }
            self.carry_out(agent);
            // In simulated time an agent runs until it waits, so that slices have no visible effect.
            if step == Step::Ready && self.clock == ClockMode::Simulated {
                if used < most && !self.core.log.is_full() {
                    continue;
                }
                self.unfinished = Some(agent);
                return used;
            }
            if self.core.shard.agent(agent).is_some() {
                self.core.shard.settle(agent, step);
            }
            return used;
        }
    }

    /// Sets the clock forward without telling anybody of what is due.
    pub fn set_time(&mut self, time: Time) {
        self.core.shard.advance(time);
    }

    /// When something is due next, if nobody can run now.
    pub fn next_wake(&self) -> Option<Time> {
        if self.core.shard.is_busy() { Some(self.now()) } else { self.core.shard.next_event() }
    }

    /// Agents of documents that live.
    pub fn living(&self) -> usize {
        self.order.len()
    }

    /// Stops everything in order: open requests end in an ERROR, then agents stop, the youngest first.
    pub fn stop(&mut self) {
        for agent in self.order.clone() {
            self.core.shard.fail_requests_of(agent, Failure::Stopped);
        }
        let settled = self.now().after(Span::MESSAGE_DELAY);
        self.core.shard.advance(settled);
        while let Some((agent, event)) = self.core.shard.poll() {
            if let Event::Completed(_) = event {
                // Nobody runs any more: the outcome is logged and counted.
                let _ = self.runtime.event(&mut self.core, agent, event);
            }
        }
        for vacant in self.core.leave_all_places() {
            self.part_with(vacant, Exit::Stopped(0));
        }
        while let Some(agent) = self.order.last().copied() {
            self.runtime.end(&mut self.core, agent, Exit::Stopped(0));
            self.bury(agent, Exit::Stopped(0));
        }
        self.dismiss_supervisor();
    }
}
