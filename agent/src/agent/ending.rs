//! What the end of a run, or of the agent, means.

use super::*;
use crate::observe::Seen;
use crate::runtime::debug::Stopped;
use crate::task::Asked;
use flux_isa::SourceLine;

/// Instructions that a trace shows of an agent that trapped.
const SHOWN_INSTRUCTIONS: usize = 16;

impl Agent {
    /// What the machine's return means; `None` to go on with the slice.
    pub(super) fn left<S: Syscalls + Host + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        exit: flux_vm::Exit,
    ) -> Option<Step> {
        use flux_vm::Exit as Left;
        if let Some(task) = &mut self.task {
            task.about.preempted = matches!(exit, Left::Preempted | Left::Breakpoint(_));
        }
        if let Left::Breakpoint(_) = exit
            && let Some(task) = &self.task
            && let Some(line) = self.instance.place(&task.run).line.and_then(debug::own_line)
        {
            shared.stopped = Some(Stopped { agent: self.context.id, line });
        }
        match exit {
            Left::Finished(value) => self.finished(sys, shared, value),
            Left::Preempted | Left::Breakpoint(_) => Some(Step::Ready),
            Left::Suspended => {
                self.commit_run(sys);
                self.suspended();
                None
            }
            Left::Stopped(Stop::Halt) => {
                let status = self.task.as_ref().map_or(0, |task| task.about.status);
                self.close_run(sys, Failure::TargetEnded);
                Some(self.ended(sys, shared, Exit::Stopped(status)))
            }
            Left::Stopped(Stop::Panic(reason)) => {
                let place = self.task.as_ref().map(|task| self.instance.place(&task.run));
                self.tell_fault(sys, shared);
                let name = &self.context.name;
                let text = match place {
                    Some(place) => alloc::format!("agent {name} failed at {}: {reason}", self.at(place)),
                    None => alloc::format!("agent {name} failed: {reason}"),
                };
                if let Some(step) = self.go_back(sys, shared, &text) {
                    return Some(step);
                }
                self.close_run(sys, Failure::TargetEnded);
                Some(self.trapped(sys, shared, TrapKind::Fail, text))
            }
            Left::Stopped(Stop::Reset) => {
                self.close_run(sys, Failure::Answered(Status::General));
                self.reset(sys, shared)
            }
            Left::Stopped(Stop::Exception(code)) => self.abandoned(sys, shared, code),
            Left::Trapped(trap) => {
                self.tell_fault(sys, shared);
                if trap.kind == TrapKind::Quota {
                    sys.refused(self.context.id, Act::Need(trap.kind), trap.value, Status::NoMemory);
                }
                let why = self.task.as_mut().and_then(|task| task.about.why.take());
                let mut text = self.describe_trap(&trap);
                if let Some((_, why)) = why.filter(|(kind, _)| *kind == trap.kind) {
                    text.push_str(" (");
                    text.push_str(&why);
                    text.push(')');
                }
                if let Some(step) = self.go_back(sys, shared, &text) {
                    return Some(step);
                }
                self.close_run(sys, Failure::Trapped);
                Some(self.trapped(sys, shared, trap.kind, text))
            }
        }
    }

    /// The run stands in a wait. The Loop steps aside at YIELD and Wait.
    pub(super) fn suspended(&mut self) {
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
    pub(super) fn finished<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        value: u64,
    ) -> Option<Step> {
        self.tell_fault(sys, shared);
        let about = &self.task.as_ref()?.about;
        let (run, asked) = (about.kind, about.request.filter(|_| !about.replied));
        if let Some(asked) = asked
            && let Err((kind, error)) = self.answer_value(sys, shared, run, &asked, value)
        {
            let place = self.at(self.instance.place(&self.task.as_ref()?.run));
            let text = alloc::format!(
                "agent {} trapped: {} at {place}: {} (the answer to {}: {error})",
                self.context.name,
                kind.name(),
                kind.meaning(),
                run.name(self.tables())
            );
            self.close_run(sys, Failure::Trapped);
            return Some(self.trapped(sys, shared, kind, text));
        }
        let mut task = self.task.take()?;
        self.memory_peak = self.memory_peak.max(self.instance.memory_ref().charged());
        self.instance.finish(&mut task.run);
        let about = &task.about;
        self.free(&about.owned);
        if about.device_worked {
            self.context.device_failures = 0;
        }
        self.after(sys.now(), about);
        shared.spare = Some(task);
        self.commit_run(sys);
        if run != RunKind::Probe {
            self.count_run(sys, shared);
        }
        None
    }

    /// Answers the request of a handler that returned with its result, or none.
    ///
    /// # Errors
    /// A trap of the handler, and the reason for people.
    pub(super) fn answer_value<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        run: RunKind,
        asked: &Asked,
        value: u64,
    ) -> Result<(), (TrapKind, MarshalError)> {
        let tables = Arc::clone(&self.context.tables);
        let name = run.name(&tables);
        let result = match run {
            RunKind::Handler(at) => tables.handlers.get(at).and_then(|handler| handler.result.as_ref()),
            _ => None,
        };
        match marshal::encode_value(&mut shared.buffer, self.instance.memory_ref(), result, value) {
            Ok(()) => self.context.answer(sys, shared, asked, name),
            Err(error) => {
                if let Some(kind) = error.trap() {
                    return Err((kind, error));
                }
                let text = alloc::format!("the answer to {name} is the error INVALID: {error}");
                self.context.log(sys, shared, LogLevel::Warning, &text);
                let failure = Failure::Answered(Status::Invalid);
                self.context.answer_error(sys, shared, asked, name, failure);
            }
        }
        Ok(())
    }

    /// Logs what a device said that failed, if nothing that followed has.
    fn tell_fault<S: Syscalls + ?Sized>(&mut self, sys: &mut S, shared: &Shared) {
        if let Some(fault) = self.task.as_mut().and_then(|task| task.about.fault.take()) {
            self.context.log(sys, shared, LogLevel::Warning, &fault);
        }
    }

    /// What goes on after a run has ended.
    pub(super) fn after(&mut self, now: Time, about: &About) {
        match about.kind {
            RunKind::StateInit => self.stage = Stage::Init,
            RunKind::Init => self.stage = Stage::Live,
            RunKind::Probe => {}
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
    pub(super) fn end_yield(&mut self, now: Time, kind: RunKind) {
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
    pub(super) fn abandoned<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        code: i64,
    ) -> Option<Step> {
        let task = self.task.take()?;
        let Task { run, about } = *task;
        let place = self.at(self.instance.place(&run));
        let status = Status::from_code(code).unwrap_or(Status::General);
        if let Some(asked) = about.request.filter(|_| !about.replied) {
            let tables = Arc::clone(&self.context.tables);
            let name = about.kind.name(&tables);
            self.context.answer_error(sys, shared, &asked, name, Failure::Answered(status));
        }
        self.memory_peak = self.memory_peak.max(self.instance.memory_ref().charged());
        self.instance.end(run);
        self.free(&about.owned);
        self.context.counters.add(|c| &mut c.abandoned);
        let one_too_many = self.context.device_failed();
        if shared.wants(LogLevel::Warning) {
            let fault = match &about.fault {
                Some(fault) => fault.clone(),
                None => alloc::format!("{} ({})", status.meaning(), status.name()),
            };
            let text = alloc::format!(
                "{fault}; the rest of this {} is skipped, failed run {} of {} in a row",
                about.kind.name(self.tables()),
                self.context.device_failures,
                flux_abi::limits::DEVICE_FAILURES
            );
            sys.log(self.context.id, LogLevel::Warning, &text);
        }
        if one_too_many {
            let text = alloc::format!(
                "agent {} trapped: {} at {place}: {}, {} runs in a row; check the device and its wiring, or handle it with Otherwise",
                self.context.name,
                TrapKind::Device.name(),
                TrapKind::Device.meaning(),
                self.context.device_failures
            );
            return Some(self.trapped(sys, shared, TrapKind::Device, text));
        }
        self.after(sys.now(), &about);
        self.commit_run(sys);
        None
    }

    /// Ends the working run because the agent ends; its request ends in `failure`.
    pub(super) fn close_run<S: Syscalls + ?Sized>(&mut self, sys: &mut S, failure: Failure) {
        let Some(task) = self.task.take() else { return };
        let Task { run, about } = *task;
        if let Some(asked) = about.request.filter(|_| !about.replied)
            && sys.answer_error(self.context.id, asked.request, failure).is_ok()
        {
            // A request that had ended before needs no word: nobody waits for it.
            self.context.counters.sent.add(MessageType::Error);
        }
        self.memory_peak = self.memory_peak.max(self.instance.memory_ref().charged());
        self.instance.end(run);
    }

    /// Goes on with another machine, which records what the old one did.
    pub(super) fn take_machine(&mut self, shared: &Shared, instance: Instance) {
        self.gas_before = self.gas();
        self.memory_peak = self.memory_peak.max(self.instance.memory_ref().charged());
        self.instance = instance;
        if shared.tracing {
            self.start_trace();
        }
        if shared.profiling {
            self.start_profile();
        }
        self.filled = None;
    }

    /// RESET: starts again from the initial state; mailbox and requests stay.
    pub(super) fn reset<S: Syscalls + ?Sized>(&mut self, sys: &mut S, shared: &mut Shared) -> Option<Step> {
        if let Body::Paused { task, .. } = core::mem::replace(&mut self.body, Body::None) {
            self.instance.end(task.run);
        }
        self.context.dismiss_children(sys);
        let now = sys.now();
        match self.image.instance() {
            Ok(instance) => {
                self.take_machine(shared, instance);
                // What was before it is gone for good.
                self.commit_run(sys);
            }
            Err(error) => {
                let text = alloc::format!("agent {} trapped: QUOTA at its reset: {error}", self.context.name);
                sys.refused(self.context.id, Act::Need(TrapKind::Quota), 0, Status::NoMemory);
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

    /// A place as people find it: `sensor.flux.md:12 (function loop)`.
    fn at(&self, place: Place) -> String {
        let (document, function) = (&self.context.document, self.tables().function_name(place.function));
        match place.line.map(SourceLine::from_word) {
            Some(line) => {
                let document = self.image.program.module().document_of(line, document);
                alloc::format!("{document}:{} (function {function})", line.line)
            }
            None => alloc::format!("{document} (function {function}, code offset {})", place.pc.0),
        }
    }

    pub(super) fn describe_trap(&self, trap: &Trap) -> String {
        let place = self.at(Place { pc: trap.pc, function: trap.function, line: trap.line });
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
            "agent {} trapped: {} at {place}: {}{detail}",
            self.context.name,
            trap.kind.name(),
            trap.kind.meaning()
        )
    }

    /// The last instructions of the trace ring: `doc.flux.md:12  Loop  IDIV  at 17, gas 40`.
    fn last_instructions(&self) -> Vec<String> {
        let program = &self.image.program;
        let skipped = self.instance.trace().count().saturating_sub(SHOWN_INSTRUCTIONS);
        let lines = self.instance.trace().skip(skipped).map(|record| {
            let place = Place {
                pc: record.pc,
                function: program.function_at(record.pc),
                line: program.line_at(record.pc),
            };
            let (opcode, offset) = (record.opcode.info().name, record.pc.0);
            alloc::format!("{}: {opcode} at code offset {offset}, gas {}", self.at(place), record.gas)
        });
        lines.collect()
    }

    /// The agent ends in a trap or by its own failure.
    pub(super) fn trapped<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &mut Shared,
        kind: TrapKind,
        text: String,
    ) -> Step {
        if let Some(step) = self.go_back(sys, shared, &text) {
            return step;
        }
        self.context.counters.add(|c| &mut c.traps);
        self.trace = self.last_instructions();
        if let Some(observer) = &mut shared.observer {
            let agent = Arc::clone(&self.context.name);
            observer.note(Seen::Trapped { agent, kind, text: text.clone() });
        }
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
        if matches!(exit, Exit::Stopped(_)) && self.context.trial.take().is_some() {
            // It ended as it meant to: what it did until then stands.
            sys.let_go(self.context.id);
        }
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
        self.context.counters.refusals = sys.refusals(self.context.id);
        Step::Ended(exit)
    }

    pub(crate) fn gas(&self) -> u64 {
        self.gas_before.saturating_add(self.instance.gas_used().0)
    }

    /// Line of the summary.
    pub(crate) fn report(&self, exit: Option<Exit>) -> AgentReport {
        let charged = self.instance.memory_ref().charged();
        AgentReport {
            agent: self.context.id,
            name: Arc::clone(&self.context.name),
            earlier: 0,
            document: Arc::clone(&self.image.document),
            version: swap::version(&self.image),
            swap: self.swap_state(),
            counters: self.context.counters,
            gas: self.gas(),
            memory: charged,
            memory_peak: self.memory_peak.max(charged),
            exit,
            fault: self.fault.clone(),
            trace: self.trace.clone(),
        }
    }
}
