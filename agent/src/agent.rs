//! One agent: which run goes next, and what the end of a run means.
//!
//! ```text
//! initial state ─▶ Init ─▶ live ─┬─▶ pass of Loop ──┬─▶ between passes ─▶ …
//!                                │      ▲ YIELD, Wait: handlers and timers run meanwhile
//!                                ├─▶ handler of a message ─▶ …
//!                                └─▶ timer ─▶ …
//! ```
//!
//! # Invariants
//! 1. At most one run works or waits exclusively (`task`); besides it only a Loop that stands at
//!    YIELD or Wait may exist (`paused`), and nothing starts while `task` is there.
//! 2. Order: due time, then priority, then arrival; the Loop goes on after everything else that
//!    is due at the same time, so that a timer and the grid of the Loop never make two passes.
//! 3. A request that started a run is answered exactly once.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Reverse;

use flux_abi::message::MessageType;
use flux_abi::select::{LogLevel, YieldKind};
use flux_abi::status::Status;
use flux_abi::trap::TrapKind;
use flux_kcore::agent_state::AgentState;
use flux_kcore::audit::Act;
use flux_kcore::id::RequestId;
use flux_kcore::message::{Failure, Message, Outcome, Outgoing, RequestKind};
use flux_kcore::runtime::{Event, Exit, Role, Step, Syscalls, Wake};
use flux_kcore::sched::Gas;
use flux_kcore::time::Time;
use flux_vm::{FunctionIndex, Host, HostOutcome, Instance, Place, Stop, Trap, VmError};

use crate::bridge::{Bridge, decode_outcome};
use crate::children::Children;
use crate::context::{Context, OpenRequest, Shared};
use crate::form::Form;
use crate::image::Image;
use crate::marshal::{self, MarshalError};
use crate::report::AgentReport;
use crate::tables::Tables;
use crate::task::{About, RunKind, Task, Wait};

mod debug;
mod ending;
mod inspect;
mod probe;
mod select;
mod swap;

pub(crate) use swap::Trial;

/// Where an agent stands in its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    StateInit,
    Init,
    Live,
}

/// What the Loop does while no pass of it works.
#[derive(Debug)]
enum Body {
    /// The document has none.
    None,
    /// The next pass may begin at `due`; a handler's end brings it forward if `yielding`.
    Between { due: Time, yielding: bool },
    /// A pass stands at YIELD or Wait.
    Paused { task: Box<Task>, due: Time },
    /// A pass works or waits exclusively.
    Working,
}

/// One agent.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) context: Context,
    instance: Instance,
    stage: Stage,
    task: Option<Box<Task>>,
    body: Body,
    /// When the gas budget was last filled.
    filled: Option<Time>,
    stopping: bool,
    /// Why it fails at its next step, if its children failed too often.
    failing: Option<String>,
    memory_peak: u64,
    /// Bytes that the kernel was told of.
    told: u64,
    /// Gas used before the last reset.
    gas_before: u64,
    fault: Option<String>,
    /// The last instructions before the fault, if they were recorded.
    trace: Vec<String>,
    image: Image,
    /// A swap that was asked for.
    asked: Option<Box<swap::Exchange>>,
    /// The swap whose program is on probation.
    exchange: Option<Box<swap::Exchange>>,
}

/// What may start next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Candidate {
    Timer(usize),
    Message,
    Loop,
}

impl Agent {
    /// Makes an agent; nothing of it runs yet.
    ///
    /// # Errors
    /// Memory quota, or an image whose wiring does not fit its module.
    pub(crate) fn new<S: Syscalls + ?Sized>(
        sys: &S,
        id: flux_kcore::id::AgentId,
        image: Image,
    ) -> Result<Self, VmError> {
        let instance = image.instance()?;
        let now = sys.now();
        let tables = Arc::clone(&image.tables);
        let mut context = Context {
            id,
            name: Arc::clone(&image.name),
            document: Arc::clone(&image.document),
            links: image.links.clone(),
            started_agents: Vec::new(),
            forms: crate::form::FormCache::default(),
            requests: Vec::new(),
            counters: crate::report::Counters::default(),
            started: now,
            timers: Vec::new(),
            pacers: alloc::vec![None; tables.pacers.len()],
            heartbeat: None,
            timer: None,
            children: tables.policy.and_then(Children::new),
            trial: None,
            device_failures: 0,
            state: AgentState::Created,
            tables: Arc::clone(&tables),
        };
        context.timers = tables.timers.iter().map(|timer| context.next_point(now, timer.interval)).collect();
        context.heartbeat = tables.heartbeat.map(|interval| context.next_point(now, interval));
        let memory_peak = instance.memory_ref().charged();
        Ok(Self {
            context,
            instance,
            stage: Stage::StateInit,
            task: None,
            body: if tables.body.is_some() {
                Body::Between { due: now, yielding: false }
            } else {
                Body::None
            },
            filled: None,
            stopping: false,
            failing: None,
            memory_peak,
            told: 0,
            gas_before: 0,
            fault: None,
            trace: Vec::new(),
            image,
            asked: None,
            exchange: None,
        })
    }

    /// Records what the agent executes from now on.
    pub(crate) fn start_trace(&mut self) {
        self.instance.start_trace();
    }

    /// Counts what the agent executes from now on.
    pub(crate) fn start_profile(&mut self) {
        self.instance.start_profile();
    }

    pub(crate) const fn role(&self) -> Role {
        self.image.role
    }

    fn tables(&self) -> &Tables {
        &self.context.tables
    }

    /// Whether handlers and timers may start.
    const fn is_open(&self) -> bool {
        self.task.is_none()
    }

    /// Tells the agent of an event; runs no code of it.
    pub(crate) fn event<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        event: Event,
    ) -> Wake {
        match event {
            Event::Message => match self.wait() {
                Some(Wait::Receive { .. }) => Wake::Ready,
                _ if self.is_open() => Wake::Ready,
                _ => Wake::Stay,
            },
            Event::Completed(request) => self.completed(sys, shared, request),
            Event::Timer { timer, .. } => {
                if self.context.timer.is_some_and(|(set, _)| set == timer) {
                    self.context.timer = None;
                }
                self.context.beat(sys);
                let failing = self.context.start_children(sys);
                self.failing = self.failing.take().or(failing);
                if self.due() <= sys.now() || self.failing.is_some() {
                    Wake::Ready
                } else {
                    let due = self.due();
                    self.context.arm(sys, due);
                    Wake::Stay
                }
            }
            Event::Barrier(status) => match self.wait() {
                Some(Wait::Barrier) => {
                    if let Some(task) = &mut self.task
                        && status != Status::Ok
                    {
                        let text = alloc::format!("BARRIER: {}, {}", status.meaning(), status.name());
                        task.about.why = Some((TrapKind::Message, text));
                    }
                    self.wake(0, status)
                }
                _ => Wake::Stay,
            },
            Event::Ended { agent, exit } => {
                let failing = self.context.child_ended(sys, shared, agent, exit);
                self.failing = self.failing.take().or(failing);
                match self.wait() {
                    Some(Wait::Child { agent: awaited, .. }) if *awaited == agent => {
                        let (value, status) = match exit {
                            Exit::Stopped(status) => (status.cast_unsigned(), Status::Ok),
                            Exit::Trapped(_) | Exit::Killed => (0, Status::General),
                        };
                        self.wake(value, status)
                    }
                    _ if self.failing.is_some() => Wake::Ready,
                    _ => Wake::Stay,
                }
            }
            Event::Granted(handle) => {
                for index in sys.links_for(self.context.id, handle) {
                    self.set_link(index, handle.word());
                }
                Wake::Stay
            }
            Event::Stop => {
                self.stopping = true;
                Wake::Ready
            }
        }
    }

    /// Puts a handle where the code reads that of a link.
    fn set_link(&mut self, index: usize, word: u64) {
        for links in [&mut self.context.links, &mut self.image.links] {
            if let Some(link) = links.get_mut(index) {
                *link = word;
            }
        }
        // The module has the link: the kernel has just found it there.
        let _ = self.instance.set_link(index, word);
    }

    fn completed<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        request: RequestId,
    ) -> Wake {
        match self.context.completed(sys, shared, request) {
            Some((outcome, open)) => {
                if !matches!(self.wait(), Some(Wait::Answer(awaited)) if *awaited == request) {
                    return Wake::Stay;
                }
                let form = Arc::clone(&open.form);
                self.wake_with(sys, &open, &form, &outcome)
            }
            None => {
                let Some(Wait::Ticket { request: awaited, form, .. }) = self.wait() else {
                    return Wake::Stay;
                };
                if *awaited != request {
                    return Wake::Stay;
                }
                let form = Arc::clone(form);
                let at = self.context.requests.iter().position(|open| open.request == request);
                let Some(mut open) = at.map(|at| self.context.requests.remove(at)) else { return Wake::Stay };
                let Some(outcome) = open.outcome.take() else { return Wake::Stay };
                self.wake_with(sys, &open, &form, &outcome)
            }
        }
    }

    /// Gives the working run the outcome of its request as the type that `form` expects.
    fn wake_with<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        open: &OpenRequest,
        form: &Form,
        outcome: &Outcome,
    ) -> Wake {
        let (value, status) = decode_outcome(outcome, form.result.as_ref(), self.instance.memory());
        if status == Status::NoMemory {
            sys.refused(self.context.id, Act::Need(TrapKind::Quota), 0, status);
        }
        if let Some(task) = &mut self.task {
            task.about.why = self.context.why(open, outcome, status);
        }
        self.wake(value, status)
    }

    /// What the working run waits for.
    fn wait(&self) -> Option<&Wait> {
        self.task.as_ref()?.about.wait.as_ref()
    }

    /// Gives the working run the result of what it waited for.
    fn wake(&mut self, value: u64, status: Status) -> Wake {
        if let Some(task) = &mut self.task {
            task.about.wait = None;
            task.run.complete(value, status);
        }
        Wake::Ready
    }

    /// When time alone lets something go on.
    fn due(&self) -> Time {
        self.work_due().min(self.swap_due())
    }

    fn work_due(&self) -> Time {
        if let Some(wait) = self.wait() {
            return wait.until();
        }
        if self.task.is_some() || self.stage != Stage::Live {
            return Time::START;
        }
        let timers = self.context.timers.iter().copied().min().unwrap_or(Time::NEVER);
        match &self.body {
            Body::Between { due, .. } | Body::Paused { due, .. } => timers.min(*due),
            Body::None | Body::Working => timers,
        }
    }

    /// Runs the agent for at most `slice` gas.
    pub(crate) fn step<S: Syscalls + Host + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        slice: Gas,
    ) -> Step {
        let mut left = slice.units();
        self.keep_to_limit(&*sys);
        loop {
            if let Some(text) = self.failing.take() {
                return self.trapped(sys, shared, TrapKind::Fail, text);
            }
            if self.stopping {
                return self.ended(sys, shared, Exit::Stopped(0));
            }
            self.look_at_swap(sys, shared);
            if let Err(step) = self.take_up(sys, shared) {
                return step;
            }
            if left == 0 {
                return Step::Ready;
            }
            self.fill(sys.now());
            self.context.show(sys, self.working_state());
            let Some(task) = &mut self.task else { continue };
            let before = self.instance.gas_used().0;
            let mut host = Bridge {
                sys: &mut *sys,
                shared: &mut *shared,
                context: &mut self.context,
                about: &mut task.about,
            };
            let exit = self.instance.resume(&mut task.run, &mut host, flux_vm::Gas(left));
            // A run without a charge still takes a unit, so that every slice ends.
            let used = self.instance.gas_used().0.saturating_sub(before).max(1);
            left = left.saturating_sub(used);
            if let Some(step) = self.left(sys, shared, exit) {
                return step;
            }
        }
    }

    /// Takes over how much memory the agent may use at present.
    fn keep_to_limit<S: Syscalls + ?Sized>(&mut self, sys: &S) {
        let limit = sys.memory_limit(self.context.id).min(self.image.quota);
        if self.instance.memory_ref().quota() != limit {
            self.instance.memory().set_quota(limit);
        }
    }

    /// Makes sure that a run can go on; else says how the slice ends.
    fn take_up<S: Syscalls + Host + ?Sized>(&mut self, sys: &mut S, shared: &mut Shared) -> Result<(), Step> {
        loop {
            let now = sys.now();
            match self.wait() {
                None if self.task.is_some() => return Ok(()),
                None => {}
                Some(wait) => {
                    let over = wait.until() <= now;
                    let (value, status) = match wait {
                        Wait::Receive { call, .. } if has_message(sys, &self.context) => {
                            let call = *call;
                            match sys.call(&call, self.instance.memory()) {
                                HostOutcome::Done { value, status } => (value, status),
                                _ => (0, Status::General),
                            }
                        }
                        Wait::Again(call) => {
                            let call = *call;
                            match sys.call(&call, self.instance.memory()) {
                                HostOutcome::Done { value, status } => (value, status),
                                HostOutcome::Suspend => return Err(Step::Ready),
                                _ => (0, Status::General),
                            }
                        }
                        Wait::Sleep(_) | Wait::Yield { .. } if over => (0, Status::Ok),
                        Wait::Ticket { request, .. } if over => {
                            let number = shared.numbers.get(*request);
                            let number =
                                number.map_or_else(|| String::from("the ticket"), |n| alloc::format!("#{n}"));
                            let text =
                                alloc::format!("Wait for {number}: no RESULT in the time given, TIMEOUT");
                            if let Some(task) = &mut self.task {
                                task.about.why = Some((TrapKind::Message, text));
                            }
                            (0, Status::Timeout)
                        }
                        _ if over => (0, Status::Timeout),
                        _ => return Err(self.block(sys)),
                    };
                    self.wake(value, status);
                    return Ok(());
                }
            }
            self.swap_if_safe(sys, shared);
            match self.select(sys, shared, now) {
                Ok(true) => {}
                Ok(false) => return Err(self.block(sys)),
                Err(step) => return Err(step),
            }
        }
    }

    /// Tells the kernel what is charged to the agent's quota.
    ///
    /// The machine itself keeps the quota; the kernel adds the agents of a process up.
    fn account<S: Syscalls + ?Sized>(&mut self, sys: &mut S) {
        let charged = self.instance.memory_ref().charged();
        let told = if charged > self.told {
            sys.charge(self.context.id, charged.saturating_sub(self.told)).is_ok()
        } else {
            sys.release(self.context.id, self.told.saturating_sub(charged));
            true
        };
        if told {
            self.told = charged;
        }
    }

    /// Waits for an event.
    fn block<S: Syscalls + ?Sized>(&mut self, sys: &mut S) -> Step {
        self.context.beat(sys);
        if self.told != self.instance.memory_ref().charged() {
            self.account(sys);
        }
        let due = self.due();
        self.context.arm(sys, due);
        let state = match (&self.task, &self.body) {
            (Some(_), _) => AgentState::Waiting,
            (None, Body::Paused { task, .. }) if matches!(task.about.wait, Some(Wait::Sleep(_))) => {
                AgentState::Waiting
            }
            _ if self.context.is_delegating() => AgentState::Delegating,
            _ => AgentState::Idle,
        };
        if self.stage == Stage::Live || state == AgentState::Waiting {
            self.context.show(sys, state);
        }
        Step::Blocked
    }

    /// Fills the gas budget at the first run and whenever time has advanced since.
    fn fill(&mut self, now: Time) {
        let fresh = self.task.as_ref().is_some_and(|task| !task.about.preempted);
        if fresh && self.filled.is_none_or(|filled| now > filled) {
            self.filled = Some(now);
            self.instance.set_gas(flux_vm::Gas(self.context.tables.gas));
        }
    }

    const fn working_state(&self) -> AgentState {
        match self.stage {
            Stage::StateInit | Stage::Init => AgentState::Initializing,
            Stage::Live => AgentState::Thinking,
        }
    }
}

fn has_message<S: Syscalls + ?Sized>(sys: &S, context: &Context) -> bool {
    sys.peek(context.id).is_some_and(|arrival| arrival.due <= sys.now())
}
