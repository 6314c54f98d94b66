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
use core::cmp::Reverse;

use flux_abi::message::MessageType;
use flux_abi::select::{LogLevel, YieldKind};
use flux_abi::status::Status;
use flux_abi::trap::TrapKind;
use flux_kcore::agent_state::AgentState;
use flux_kcore::id::RequestId;
use flux_kcore::message::{Failure, Message, Outgoing, RequestKind};
use flux_kcore::runtime::{Event, Exit, Step, Syscalls, Wake};
use flux_kcore::sched::Gas;
use flux_kcore::time::Time;
use flux_vm::{FunctionIndex, Host, HostOutcome, Instance, Stop, Trap, VmError};

use crate::bridge::{Bridge, decode_outcome};
use crate::context::{Context, Shared};
use crate::image::Image;
use crate::marshal::{self, MarshalError};
use crate::report::AgentReport;
use crate::tables::Tables;
use crate::task::{About, RunKind, Task, Wait};

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
    memory_peak: u64,
    /// Bytes that the kernel was told of.
    told: u64,
    /// Gas used before the last reset.
    gas_before: u64,
    fault: Option<String>,
    image: Image,
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
            forms: crate::form::FormCache::default(),
            requests: alloc::vec::Vec::new(),
            counters: crate::report::Counters::default(),
            started: now,
            timers: alloc::vec::Vec::new(),
            pacers: alloc::vec![None; tables.pacers.len()],
            heartbeat: None,
            timer: None,
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
            memory_peak,
            told: 0,
            gas_before: 0,
            fault: None,
            image,
        })
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
                Some(Wait::Message { .. } | Wait::Receive { .. }) => Wake::Ready,
                _ if self.is_open() => Wake::Ready,
                _ => Wake::Stay,
            },
            Event::Completed(request) => self.completed(sys, shared, request),
            Event::Timer { timer, .. } => {
                if self.context.timer.is_some_and(|(set, _)| set == timer) {
                    self.context.timer = None;
                }
                self.context.beat(sys);
                if self.due() <= sys.now() {
                    Wake::Ready
                } else {
                    let due = self.due();
                    self.context.arm(sys, due);
                    Wake::Stay
                }
            }
            Event::Barrier(status) => match self.wait() {
                Some(Wait::Barrier) => self.wake(0, status),
                _ => Wake::Stay,
            },
            Event::Ended { agent, exit } => match self.wait() {
                Some(Wait::Child { agent: awaited, .. }) if *awaited == agent => {
                    let (value, status) = match exit {
                        Exit::Stopped(status) => (status.cast_unsigned(), Status::Ok),
                        Exit::Trapped(_) | Exit::Killed => (0, Status::General),
                    };
                    self.wake(value, status)
                }
                _ => Wake::Stay,
            },
            Event::Granted(_) => Wake::Stay,
            Event::Stop => {
                self.stopping = true;
                Wake::Ready
            }
        }
    }

    fn completed<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        request: RequestId,
    ) -> Wake {
        match self.context.completed(sys, shared, request) {
            Some((outcome, form)) => {
                if !matches!(self.wait(), Some(Wait::Answer(awaited)) if *awaited == request) {
                    return Wake::Stay;
                }
                let (value, status) = decode_outcome(&outcome, form.result.as_ref(), self.instance.memory());
                self.wake(value, status)
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
                let outcome = at.map(|at| self.context.requests.remove(at)).and_then(|open| open.outcome);
                let Some(outcome) = outcome else { return Wake::Stay };
                let (value, status) = decode_outcome(&outcome, form.result.as_ref(), self.instance.memory());
                self.wake(value, status)
            }
        }
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
        loop {
            if self.stopping {
                return self.ended(sys, shared, Exit::Stopped(0));
            }
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
                        Wait::Message { .. } if has_message(sys, &self.context) => (1, Status::Ok),
                        Wait::Receive { call, .. } if has_message(sys, &self.context) => {
                            let call = *call;
                            match sys.call(&call, self.instance.memory()) {
                                HostOutcome::Done { value, status } => (value, status),
                                _ => (0, Status::General),
                            }
                        }
                        Wait::Message { .. } | Wait::Sleep(_) | Wait::Yield { .. } if over => (0, Status::Ok),
                        _ if over => (0, Status::Timeout),
                        _ => return Err(self.block(sys)),
                    };
                    self.wake(value, status);
                    return Ok(());
                }
            }
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

    /// Starts what is due first; `false` if nothing is.
    fn select<S: Syscalls + Host + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        now: Time,
    ) -> Result<bool, Step> {
        match self.stage {
            Stage::StateInit => {
                match self.tables().state_init {
                    Some(function) => self.start(sys, shared, RunKind::StateInit, function)?,
                    None => self.stage = Stage::Init,
                }
                return Ok(true);
            }
            Stage::Init => {
                match self.tables().init {
                    Some(function) => self.start(sys, shared, RunKind::Init, function)?,
                    None => self.stage = Stage::Live,
                }
                return Ok(true);
            }
            Stage::Live => {}
        }
        match self.next(sys, now) {
            None => Ok(false),
            Some(Candidate::Timer(at)) => {
                let Some(timer) = self.tables().timers.get(at).copied() else { return Ok(false) };
                let next = self.context.next_point(now, timer.interval);
                if let Some(due) = self.context.timers.get_mut(at) {
                    *due = next;
                }
                self.start(sys, shared, RunKind::Every(at), timer.function)?;
                Ok(true)
            }
            Some(Candidate::Message) => {
                let Some(message) = sys.receive(self.context.id) else { return Ok(false) };
                self.take(sys, shared, &message)?;
                Ok(true)
            }
            Some(Candidate::Loop) => {
                match core::mem::replace(&mut self.body, Body::Working) {
                    Body::Paused { mut task, .. } => {
                        task.about.wait = None;
                        task.run.complete(0, Status::Ok);
                        self.task = Some(task);
                    }
                    Body::Between { .. } | Body::Working => {
                        if let Some(function) = self.tables().body {
                            self.start(sys, shared, RunKind::Loop, function)?;
                        }
                    }
                    Body::None => self.body = Body::None,
                }
                Ok(true)
            }
        }
    }

    /// What is due at `now` and goes first.
    fn next<S: Syscalls + ?Sized>(&self, sys: &S, now: Time) -> Option<Candidate> {
        let usual = Reverse(Outgoing::PRIORITY);
        let timers = self.context.timers.iter().enumerate();
        // Due time; the Loop last; urgency; timers before messages, which were sent after they were set.
        let timer = timers.map(|(at, due)| ((*due, 0u8, usual, 0u8), Candidate::Timer(at)));
        let message = sys
            .peek(self.context.id)
            .map(|arrival| ((arrival.due, 0, Reverse(arrival.priority), 1), Candidate::Message));
        let body = match &self.body {
            Body::Between { due, .. } | Body::Paused { due, .. } => {
                Some(((*due, 1, usual, 0), Candidate::Loop))
            }
            Body::None | Body::Working => None,
        };
        let all = timer.chain(message).chain(body).filter(|((due, ..), _)| *due <= now);
        all.min_by_key(|(key, _)| *key).map(|(_, candidate)| candidate)
    }

    /// Starts a run without arguments.
    fn start<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        kind: RunKind,
        function: FunctionIndex,
    ) -> Result<(), Step> {
        self.begin(sys, shared, About::new(kind), function, &[])
    }

    fn begin<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        about: About,
        function: FunctionIndex,
        words: &[u64],
    ) -> Result<(), Step> {
        match self.instance.begin(function, words) {
            Ok(run) => {
                self.task = Some(Box::new(Task { run, about }));
                Ok(())
            }
            Err(error) => {
                let kind =
                    if matches!(error, VmError::Quota { .. }) { TrapKind::Quota } else { TrapKind::Host };
                if let Some((request, _)) = about.request {
                    self.context.answer_error(sys, shared, request, Failure::Trapped);
                }
                let text = alloc::format!(
                    "agent {} trapped: {} before function {}: {error}",
                    self.context.name,
                    kind.name(),
                    self.tables().function_name(function)
                );
                Err(self.trapped(sys, shared, kind, text))
            }
        }
    }

    /// Takes a message: starts its handler, or refuses it.
    fn take<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        message: &Message,
    ) -> Result<(), Step> {
        self.context.counters.taken.add(message.kind);
        let kind = match message.kind {
            MessageType::Ask => Some(RequestKind::Ask),
            MessageType::Delegate => Some(RequestKind::Delegate),
            MessageType::Tell | MessageType::Event => None,
            // Answers never come this way; what else the kernel tells needs no run.
            _ => return Ok(()),
        };
        if message.deadline <= sys.now() && kind.is_some() {
            self.refuse(sys, shared, message, "its deadline passed before the handler could start");
            return Ok(());
        }
        let payload = message.payload.bytes();
        let tables = Arc::clone(&self.context.tables);
        let (kind_of_run, handler) = if message.kind == MessageType::Event {
            let topic = message.topic.and_then(|topic| sys.topic_name(topic));
            let at = topic.and_then(|topic| tables.topic(topic));
            let handler = at.and_then(|at| tables.topics.get(at).map(|handler| (at, handler)));
            (RunKind::Topic as fn(usize) -> RunKind, handler)
        } else {
            let at = marshal::name_of(payload).and_then(|name| tables.handler(name));
            let handler = at.and_then(|at| tables.handlers.get(at).map(|handler| (at, handler)));
            (RunKind::Handler as fn(usize) -> RunKind, handler)
        };
        let Some((at, handler)) = handler else {
            self.refuse(sys, shared, message, "it has no handler of this name");
            return Ok(());
        };
        let mut about = About::new(kind_of_run(at));
        about.sender = message.sender;
        about.request = message.reply_to.zip(kind);
        let mut words = core::mem::take(&mut shared.words);
        words.clear();
        let decoded = marshal::decode_arguments(
            payload,
            &handler.arguments,
            self.instance.memory(),
            &mut words,
            &mut about.owned,
        );
        let result = match decoded {
            Ok(()) => self.begin(sys, shared, about, handler.function, &words),
            Err(error) => {
                self.free(&about.owned);
                let reason = match error {
                    MarshalError::Quota => "its values do not fit the agent's memory",
                    _ => "its values are not those of the handler",
                };
                self.refuse(sys, shared, message, reason);
                Ok(())
            }
        };
        shared.words = words;
        result
    }

    /// Refuses a message: ERROR INVALID to a request, a dead letter else.
    fn refuse<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        message: &Message,
        reason: &str,
    ) {
        if shared.wants(LogLevel::Warning) {
            let from = message.sender.map_or("the kernel", |sender| sys.agent_name(sender));
            let call = marshal::describe(message.payload.bytes());
            let what = if message.reply_to.is_some() { "refused" } else { "dead letter" };
            let text = alloc::format!("{what}: {} ← {from} {call}: {reason}", message.kind.name());
            sys.log(self.context.id, LogLevel::Warning, &text);
        }
        match message.reply_to {
            Some(request) if message.deadline > sys.now() => {
                let failure = Failure::Answered(Status::Invalid);
                self.context.answer_error(sys, shared, request, failure);
            }
            Some(_) => {}
            None => {
                self.context.counters.add(|c| &mut c.dead_letters);
                sys.dead_letter(self.context.id, message);
            }
        }
    }

    fn free(&mut self, owned: &[u32]) {
        for ptr in owned {
            // Already free if the program freed what it was given; that harms it alone.
            let _ = self.instance.memory().free(u64::from(*ptr));
        }
    }

    /// What the machine's return means; `None` to go on with the slice.
    fn left<S: Syscalls + Host + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        exit: flux_vm::Exit,
    ) -> Option<Step> {
        use flux_vm::Exit as Left;
        if let Some(task) = &mut self.task {
            task.about.preempted = matches!(exit, Left::Preempted | Left::Breakpoint(_));
        }
        match exit {
            Left::Finished(value) => {
                self.finished(sys, shared, value);
                None
            }
            Left::Preempted | Left::Breakpoint(_) => Some(Step::Ready),
            Left::Suspended => {
                self.suspended();
                None
            }
            Left::Stopped(Stop::Halt) => {
                let status = self.task.as_ref().map_or(0, |task| task.about.status);
                self.close_run(sys, Failure::TargetEnded);
                Some(self.ended(sys, shared, Exit::Stopped(status)))
            }
            Left::Stopped(Stop::Panic(reason)) => {
                self.close_run(sys, Failure::TargetEnded);
                let text = alloc::format!("agent {} failed: {reason}", self.context.name);
                Some(self.trapped(sys, shared, TrapKind::Fail, text))
            }
            Left::Stopped(Stop::Reset) => {
                self.close_run(sys, Failure::Answered(Status::General));
                self.reset(sys, shared)
            }
            Left::Stopped(Stop::Exception(code)) => self.abandoned(sys, shared, code),
            Left::Trapped(trap) => {
                self.close_run(sys, Failure::Trapped);
                let text = self.describe_trap(&trap);
                Some(self.trapped(sys, shared, trap.kind, text))
            }
        }
    }

    /// The run stands in a wait. The Loop steps aside at YIELD and Wait.
    fn suspended(&mut self) {
        let Some(mut task) = self.task.take() else { return };
        self.memory_peak = self.memory_peak.max(self.instance.memory_ref().charged());
        task.about.suspended = true;
        match &task.about.wait {
            Some(wait) if wait.is_open() && task.about.kind == RunKind::Loop => {
                let due = wait.until();
                self.body = Body::Paused { task, due };
            }
            _ => self.task = Some(task),
        }
    }

    /// The run returned.
    fn finished<S: Syscalls + ?Sized>(&mut self, sys: &mut S, shared: &mut Shared, value: u64) {
        let Some(task) = self.task.take() else { return };
        let Task { run, about } = *task;
        if let Some((request, kind)) = about.request.filter(|_| !about.replied) {
            self.answer_value(sys, shared, &about, request, kind, value);
        }
        self.memory_peak = self.memory_peak.max(self.instance.memory_ref().charged());
        self.instance.end(run);
        self.free(&about.owned);
        if about.device_worked {
            self.context.device_failures = 0;
        }
        self.after(sys.now(), &about);
    }

    /// Answers the request of a handler that returned with its result, or none.
    fn answer_value<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        about: &About,
        request: RequestId,
        kind: RequestKind,
        value: u64,
    ) {
        let tables = Arc::clone(&self.context.tables);
        let result = match about.kind {
            RunKind::Handler(at) => tables.handlers.get(at).and_then(|handler| handler.result.as_ref()),
            _ => None,
        };
        let encoded = marshal::encode_value(&mut shared.buffer, self.instance.memory_ref(), result, value);
        match encoded {
            Ok(()) => self.context.answer(sys, shared, request, kind),
            Err(error) => {
                let status = match error {
                    MarshalError::TooLong => Status::Overflow,
                    _ => Status::Invalid,
                };
                self.context.answer_error(sys, shared, request, Failure::Answered(status));
            }
        }
    }

    /// What goes on after a run has ended.
    fn after(&mut self, now: Time, about: &About) {
        match about.kind {
            RunKind::StateInit => self.stage = Stage::Init,
            RunKind::Init => self.stage = Stage::Live,
            RunKind::Loop => {
                self.context.counters.add(|c| &mut c.passes);
                // A pass that did not suspend yields at its end.
                self.body = if about.suspended {
                    Body::Between { due: now, yielding: false }
                } else {
                    Body::Between {
                        due: self.context.next_point(now, self.context.tables.period),
                        yielding: true,
                    }
                };
            }
            RunKind::Handler(_) | RunKind::Topic(_) | RunKind::Every(_) => {
                self.context.counters.add(|c| &mut c.runs);
                self.end_yield(now, about.kind);
            }
        }
    }

    /// A handler or timer has finished: a Loop at YIELD goes on.
    fn end_yield(&mut self, now: Time, kind: RunKind) {
        match &mut self.body {
            Body::Between { due, yielding: true } => *due = (*due).min(now),
            Body::Paused { task, due } => {
                let ends = match task.about.wait {
                    Some(Wait::Yield { kind: YieldKind::Event, .. }) => true,
                    Some(Wait::Yield { kind: YieldKind::Message, .. }) => kind.is_message(),
                    _ => false,
                };
                if ends {
                    *due = (*due).min(now);
                }
            }
            _ => {}
        }
    }

    /// The run gave up with a status: the rest of it is skipped.
    fn abandoned<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        code: i64,
    ) -> Option<Step> {
        let task = self.task.take()?;
        let Task { run, about } = *task;
        let status = Status::from_code(code).unwrap_or(Status::General);
        if let Some((request, _)) = about.request.filter(|_| !about.replied) {
            self.context.answer_error(sys, shared, request, Failure::Answered(status));
        }
        self.instance.end(run);
        self.free(&about.owned);
        self.context.counters.add(|c| &mut c.abandoned);
        let one_too_many = self.context.device_failed();
        if shared.wants(LogLevel::Warning) {
            let text = alloc::format!(
                "the rest of this {} is skipped: {} ({}); failure {} of {} in a row",
                about.kind.name(self.tables()),
                status.meaning(),
                status.name(),
                self.context.device_failures,
                flux_abi::limits::DEVICE_FAILURES
            );
            sys.log(self.context.id, LogLevel::Warning, &text);
        }
        if one_too_many {
            let text = alloc::format!(
                "agent {} trapped: {} in {} (section {}): {}, {} runs in a row; check the device and its wiring, or handle it with Otherwise",
                self.context.name,
                TrapKind::Device.name(),
                self.context.document,
                about.kind.name(self.tables()),
                TrapKind::Device.meaning(),
                self.context.device_failures
            );
            return Some(self.trapped(sys, shared, TrapKind::Device, text));
        }
        self.after(sys.now(), &about);
        None
    }

    /// Ends the working run because the agent ends; its request ends in `failure`.
    fn close_run<S: Syscalls + ?Sized>(&mut self, sys: &mut S, failure: Failure) {
        let Some(task) = self.task.take() else { return };
        let Task { run, about } = *task;
        if let Some((request, _)) = about.request.filter(|_| !about.replied)
            && sys.answer_error(self.context.id, request, failure).is_ok()
        {
            // A request that had ended before needs no word: nobody waits for it.
            self.context.counters.sent.add(MessageType::Error);
        }
        self.memory_peak = self.memory_peak.max(self.instance.memory_ref().charged());
        self.instance.end(run);
    }

    /// RESET: starts again from the initial state; mailbox and requests stay.
    fn reset<S: Syscalls + ?Sized>(&mut self, sys: &mut S, shared: &mut Shared) -> Option<Step> {
        if let Body::Paused { task, .. } = core::mem::replace(&mut self.body, Body::None) {
            self.instance.end(task.run);
        }
        let now = sys.now();
        match self.image.instance() {
            Ok(instance) => {
                self.gas_before = self.gas();
                self.instance = instance;
                self.filled = None;
            }
            Err(error) => {
                let text = alloc::format!("agent {} trapped: QUOTA at its reset: {error}", self.context.name);
                return Some(self.trapped(sys, shared, TrapKind::Quota, text));
            }
        }
        self.context.log(sys, shared, LogLevel::Info, "reset");
        self.stage = Stage::StateInit;
        if self.tables().body.is_some() {
            self.body = Body::Between { due: now, yielding: false };
        }
        self.context.started = now;
        for (due, timer) in self.context.timers.iter_mut().zip(&self.context.tables.timers) {
            *due = crate::context::next_point(now, now, timer.interval);
        }
        for last in &mut self.context.pacers {
            *last = None;
        }
        // A reset takes no gas by itself: give the slice back, so that a loop of resets is preempted.
        Some(Step::Ready)
    }

    fn describe_trap(&self, trap: &Trap) -> String {
        let place = match trap.line {
            Some(line) => alloc::format!("{}:{line}", self.context.document),
            None => alloc::format!("{} (code offset {})", self.context.document, trap.pc.0),
        };
        let detail = match trap.kind {
            TrapKind::Index => alloc::format!(" (index {})", trap.value.cast_signed()),
            TrapKind::BadAccess => alloc::format!(" (offset {:#x})", trap.value),
            TrapKind::Gas => alloc::format!(
                " (budget {}; raise it with gas: in ## Compile, or add a YIELD)",
                self.context.tables.gas
            ),
            TrapKind::Quota => alloc::format!(
                " ({} bytes; raise it with memory: in ## Agent)",
                self.instance.memory_ref().quota()
            ),
            _ => String::new(),
        };
        alloc::format!(
            "agent {} trapped: {} at {place} (function {}): {}{detail}",
            self.context.name,
            trap.kind.name(),
            self.tables().function_name(trap.function),
            trap.kind.meaning()
        )
    }

    /// The agent ends in a trap or by its own failure.
    fn trapped<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        kind: TrapKind,
        text: String,
    ) -> Step {
        self.context.counters.add(|c| &mut c.traps);
        self.context.log(sys, shared, LogLevel::Error, &text);
        self.fault = Some(text);
        self.ended(sys, shared, Exit::Trapped(kind))
    }

    /// The agent ends: open requests end in an ERROR first.
    pub(crate) fn ended<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        exit: Exit,
    ) -> Step {
        self.close_run(sys, Failure::TargetEnded);
        self.context.abandon_requests(sys, shared);
        if let Some((timer, _)) = self.context.timer.take() {
            sys.cancel_timer(self.context.id, timer);
        }
        let text = match exit {
            Exit::Stopped(0) => String::from("stopped"),
            Exit::Stopped(status) => alloc::format!("stopped with status {status}"),
            Exit::Trapped(_) => String::new(),
            Exit::Killed => String::from("ended from outside"),
        };
        if !text.is_empty() {
            self.context.log(sys, shared, LogLevel::Info, &text);
        }
        let state =
            if matches!(exit, Exit::Stopped(_)) { AgentState::Terminated } else { AgentState::Failed };
        self.context.show(sys, state);
        Step::Ended(exit)
    }

    fn gas(&self) -> u64 {
        self.gas_before.saturating_add(self.instance.gas_used().0)
    }

    /// Line of the summary.
    pub(crate) fn report(&self, exit: Option<Exit>) -> AgentReport {
        let charged = self.instance.memory_ref().charged();
        AgentReport {
            agent: self.context.id,
            name: Arc::clone(&self.context.name),
            counters: self.context.counters,
            gas: self.gas(),
            memory: charged,
            memory_peak: self.memory_peak.max(charged),
            exit,
            fault: self.fault.clone(),
        }
    }
}

fn has_message<S: Syscalls + ?Sized>(sys: &S, context: &Context) -> bool {
    sys.peek(context.id).is_some_and(|arrival| arrival.due <= sys.now())
}
