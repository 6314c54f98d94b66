//! Host instructions of a run: what belongs to the run is done here, the rest goes to the kernel.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Write as _;

use flux_abi::capability::CapabilityKind;
use flux_abi::ioctl::{Operation, SIGNAL_STOP};
use flux_abi::limits::{ASK_DEADLINE_NS, DELEGATE_DEADLINE_NS};
use flux_abi::message::MessageType;
use flux_abi::opcode::Opcode;
use flux_abi::select::{Clock, LogLevel, QueryItem, YieldKind};
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_abi::trap::TrapKind;
use flux_kcore::audit::Act;
use flux_kcore::capability::{Grant, Handle, Object, Rights};
use flux_kcore::id::{AgentId, RequestId};
use flux_kcore::message::{Failure, Outcome, Outgoing, RequestKind};
use flux_kcore::runtime::{BarrierStep, Syscalls};
use flux_kcore::time::{Span, Time};
use flux_proto::payload::{Reader, Token};
use flux_vm::{Host, HostCall, HostOutcome, Memory, Stop};

use crate::context::{Context, OpenRequest, Shared};
use crate::form::Form;
use crate::marshal::{self, MarshalError};
use crate::observe::{Given, Seen};
use crate::task::{About, RunKind, Wait};

/// The word of a variable of type `agent` that nothing was put into: nobody, as an agent that has ended.
const NOBODY: u64 = 0;

/// The host of one run for the time of one slice.
pub(crate) struct Bridge<'a, S: ?Sized> {
    pub(crate) sys: &'a mut S,
    pub(crate) shared: &'a mut Shared,
    pub(crate) context: &'a mut Context,
    pub(crate) about: &'a mut About,
}

/// The trap of an operation of the agent page that was refused with `status`; `None` for a
/// status that the run is told.
const fn refused(status: Status) -> Option<TrapKind> {
    match status {
        Status::Denied => Some(TrapKind::Capability),
        Status::Overflow => Some(TrapKind::Overflow),
        _ => None,
    }
}

/// Whether what a call did stays done when its run is taken back. What is sent or answered does not, since the kernel
/// holds it; what only looks, waits, computes or tells people needs no taking back.
fn lasts(call: &HostCall) -> bool {
    let [number, ..] = call.arguments;
    match call.opcode {
        Opcode::Syscall => !matches!(
            Syscall::from_number(number),
            Some(
                Syscall::Yield
                    | Syscall::Wait
                    | Syscall::Getpid
                    | Syscall::A2aSend
                    | Syscall::A2aBroadcast
                    | Syscall::BcStatus
                    | Syscall::BcDump
                    | Syscall::Compile
                    | Syscall::Read
                    | Syscall::HwInfo
                    | Syscall::Info
                    | Syscall::Log
            ) | None
        ),
        Opcode::IoWrite
        | Opcode::IoWrite8
        | Opcode::IoWrite16
        | Opcode::IoWrite32
        | Opcode::IoWrite64
        | Opcode::Ioctl
        | Opcode::Mmap
        | Opcode::Spawn
        | Opcode::Suspend
        | Opcode::Resume
        | Opcode::SysWake
        | Opcode::Signal
        | Opcode::CapGrant
        | Opcode::CapRevoke
        | Opcode::Subscribe
        | Opcode::Unsubscribe
        | Opcode::Recv => true,
        _ => false,
    }
}

impl<S: Syscalls + Host + ?Sized> Host for Bridge<'_, S> {
    fn call(&mut self, call: &HostCall, memory: &mut Memory) -> HostOutcome {
        let outcome = self.carry_out(call, memory);
        if lasts(call)
            && let Some(trial) = &mut self.context.trial
        {
            self.sys.commit(self.context.id);
            trial.commit(memory);
            trial.answered = self.about.replied;
        }
        outcome
    }
}

impl<S: Syscalls + Host + ?Sized> Bridge<'_, S> {
    fn carry_out(&mut self, call: &HostCall, memory: &mut Memory) -> HostOutcome {
        let [a, b, c, ..] = call.arguments;
        self.about.why = None;
        if let Some(fault) = self.about.fault.take_if(|_| call.opcode != Opcode::Exception) {
            self.context.log(self.sys, self.shared, LogLevel::Warning, &fault);
        }
        match call.opcode {
            Opcode::Tell => self.tell(memory, a, b, c),
            Opcode::Ask | Opcode::CallAgent => self.request(memory, RequestKind::Ask, call),
            Opcode::Delegate => self.request(memory, RequestKind::Delegate, call),
            Opcode::Reply => self.reply(memory, a, b),
            Opcode::Broadcast => self.broadcast(memory, a, b, c),
            Opcode::AgentWait => self.wait_for(memory, a, b),
            Opcode::Barrier => self.barrier(memory, a, b, c),
            Opcode::Subscribe => self.subscription(call.opcode, Syscalls::subscribe, a),
            Opcode::Unsubscribe => self.subscription(call.opcode, Syscalls::unsubscribe, a),
            Opcode::YieldAgent => self.pause(call.immediate),
            Opcode::Sleep => match self.until(a) {
                Some(due) => self.suspend(Wait::Sleep(due)),
                None => HostOutcome::value(0),
            },
            Opcode::TimedWait => self.timed_wait(a),
            Opcode::Pacer => match self.context.pace(call.immediate, self.sys.now()) {
                Some(due) => HostOutcome::value(u64::from(due)),
                None => HostOutcome::status(Status::NotFound),
            },
            Opcode::Log => self.log(memory, a, call.immediate),
            Opcode::Metric => self.metric(memory, a, b),
            Opcode::Random => HostOutcome::value(self.sys.random(self.context.id)),
            Opcode::Ticks if call.immediate == Clock::Now as u32 => {
                HostOutcome::value(self.sys.now().ns().cast_unsigned())
            }
            Opcode::Query if a == 0 && call.immediate == QueryItem::Sender as u32 => {
                HostOutcome::value(self.about.sender.map_or(0, AgentId::word))
            }
            Opcode::Query if a == 0 && call.immediate == QueryItem::Memory as u32 => {
                HostOutcome::value(memory.charged())
            }
            Opcode::IoRead | Opcode::IoRead8 | Opcode::IoRead16 | Opcode::IoRead32 | Opcode::IoRead64 => {
                let outcome = self.sys.call(call, memory);
                let outcome = self.granted(outcome, a, CapabilityKind::IoRead);
                self.device(outcome, |context| &mut context.counters.readings)
            }
            Opcode::IoWrite
            | Opcode::IoWrite8
            | Opcode::IoWrite16
            | Opcode::IoWrite32
            | Opcode::IoWrite64 => {
                let outcome = self.sys.call(call, memory);
                let outcome = self.granted(outcome, a, CapabilityKind::IoWrite);
                self.device(outcome, |context| &mut context.counters.writes)
            }
            Opcode::Syscall => self.syscall(call, memory),
            Opcode::Spawn => self.spawn(call, memory),
            Opcode::Ioctl if [b, c] == [Operation::Signal.number(), SIGNAL_STOP.cast_unsigned()] => {
                self.context.release_child(self.sys, Handle::from_word(a));
                self.sys.call(call, memory)
            }
            _ => self.sys.call(call, memory),
        }
    }
}

impl<S: Syscalls + Host + ?Sized> Bridge<'_, S> {
    fn suspend(&mut self, wait: Wait) -> HostOutcome {
        self.about.wait = Some(wait);
        HostOutcome::Suspend
    }

    /// Starts an agent, and keeps its name for the log.
    fn spawn(&mut self, call: &HostCall, memory: &mut Memory) -> HostOutcome {
        let [link, ..] = call.arguments;
        let outcome = self.sys.call(call, memory);
        match outcome {
            HostOutcome::Done { value, status: Status::Ok } => {
                let handle = Handle::from_word(value);
                let grant =
                    self.sys.check(self.context.id, handle, CapabilityKind::Communicate, Rights::NONE);
                if let Ok(Grant { object: Object::Endpoint(agent), .. }) = grant {
                    let name = String::from(self.sys.agent_name(agent));
                    let text = alloc::format!("SPAWN → {name}");
                    self.context.log(self.sys, self.shared, LogLevel::Info, &text);
                    self.context.adopt(self.sys, link, handle, &name);
                    self.context.keep_started(value, name);
                }
                outcome
            }
            HostOutcome::Done { status, .. } => {
                let what = self.context.target_name(link);
                let reason = alloc::format!("SPAWN → {what}: {}, {}", status.meaning(), status.name());
                self.context.log(self.sys, self.shared, LogLevel::Warning, &reason);
                self.failed(status, reason)
            }
            outcome => self.granted(outcome, link, CapabilityKind::Spawn),
        }
    }

    /// Says of what a capability is missing that the use of a link needs.
    fn granted(&mut self, outcome: HostOutcome, link: u64, kind: CapabilityKind) -> HostOutcome {
        if let HostOutcome::Trap(trap @ TrapKind::Capability) = outcome {
            let (kind, what) = (kind.name(), self.context.target_name(link));
            return self.trap(trap, alloc::format!("{kind} on {what} was not granted, DENIED"));
        }
        outcome
    }

    /// The time `ns` (signed) from now; `None` for 0 or less.
    fn until(&self, ns: u64) -> Option<Time> {
        let ns = ns.cast_signed();
        (ns > 0).then(|| self.sys.now().after(Span::from_ns(ns)))
    }

    /// Traps for a reason that people read behind the trap.
    fn trap(&mut self, kind: TrapKind, reason: String) -> HostOutcome {
        self.about.why = Some((kind, reason));
        HostOutcome::Trap(kind)
    }

    /// Tells the run `status`; if it has no answer to that, its trap says `reason`.
    fn failed(&mut self, status: Status, reason: String) -> HostOutcome {
        self.about.why = Some((TrapKind::Message, reason));
        HostOutcome::status(status)
    }

    /// What the kernel did for an instruction that is carried out here; a refusal is taken note of.
    fn noted<T>(&mut self, opcode: Opcode, handle: u64, result: Result<T, Status>) -> Result<T, Status> {
        if let Err(status) = result {
            self.sys.refused(self.context.id, Act::Instruction(opcode), handle, status);
        }
        result
    }

    /// Ends an operation of the agent page that was refused: a trap, or a status.
    fn refuse(&mut self, status: Status, handle: u64, what: &str) -> HostOutcome {
        let reason = alloc::format!("{what}: {}, {}", crate::context::refusal(status), status.name());
        match refused(status) {
            Some(TrapKind::Capability) if self.sys.is_revoked(self.context.id, Handle::from_word(handle)) => {
                self.trap(TrapKind::Revoked, reason)
            }
            Some(kind) => self.trap(kind, reason),
            None => self.failed(status, reason),
        }
    }

    /// Ends a message that was refused: over its target, or over an agent among its values.
    fn refuse_message(&mut self, status: Status, target: u64, what: &str) -> HostOutcome {
        let id = self.context.id;
        let claim = Handle::from_word(target);
        let reaches = self.sys.check(id, claim, CapabilityKind::Communicate, Rights::WRITE).is_ok();
        let Some(values) = Reader::new(&self.shared.buffer).ok().filter(|_| reaches) else {
            return self.refuse(status, target, what);
        };
        let words = values.filter_map(|token| match token {
            Token::Agent(word) if word != NOBODY => Some((word, "an agent")),
            Token::Capability(word) => Some((word, "a capability")),
            _ => None,
        });
        let words: Vec<(u64, &str)> = words.collect();
        let revoked = words.iter().copied().find(|row| self.sys.is_revoked(id, Handle::from_word(row.0)));
        match revoked.or(words.first().copied()) {
            Some((word, of)) => {
                self.refuse(status, word, &alloc::format!("{what} with {of} among its values"))
            }
            None => self.refuse(status, target, what),
        }
    }

    /// What is sent and to whom, for people: `TELL → alert-agent send_notification`.
    fn what(&self, kind: MessageType, target: u64, form: &Form) -> String {
        let mut text = alloc::format!("{} → {}", kind.name(), self.context.target_name(target));
        // The form of an event is named as its topic.
        if kind != MessageType::Event {
            // Writing to a String never fails.
            let _ = write!(text, " {}", form.name);
        }
        text
    }

    fn form(&mut self, memory: &Memory, form: u64) -> Result<Arc<Form>, HostOutcome> {
        self.context.forms.get(memory, form).map_err(HostOutcome::Trap)
    }

    /// Puts the call that `form` and the words at `words` make in the buffer.
    fn encode(&mut self, memory: &Memory, form: &Form, words: u64) -> Result<(), MarshalError> {
        if marshal::encode_scalars(&mut self.shared.buffer, memory, form, words).is_some() {
            return Ok(());
        }
        marshal::encode_call(&mut self.shared.buffer, memory, &form.name, &form.arguments, words)
    }

    /// A message whose values can't be sent: a trap, or a dead letter.
    fn unsent(
        &mut self,
        kind: MessageType,
        target: u64,
        form: &Form,
        error: MarshalError,
    ) -> Result<HostOutcome, Status> {
        match error.trap() {
            Some(trap) => {
                let reason = alloc::format!("{}: {error}", self.what(kind, target, form));
                Ok(self.trap(trap, reason))
            }
            None => Err(Status::Invalid),
        }
    }

    /// Encodes a TELL or EVENT; one that can't be sent is a trap or a dead letter.
    fn letter(
        &mut self,
        memory: &Memory,
        kind: MessageType,
        [target, form, words]: [u64; 3],
    ) -> Result<Arc<Form>, HostOutcome> {
        let form = self.form(memory, form)?;
        match self.encode(memory, &form, words) {
            Ok(()) => Ok(form),
            Err(error) => Err(self.unsent(kind, target, &form, error).unwrap_or_else(|status| {
                let call = if kind == MessageType::Event { "" } else { &form.name };
                self.context.send_failed(self.sys, self.shared, kind, (target, call), error);
                HostOutcome::status(status)
            })),
        }
    }

    /// A TELL or EVENT that the kernel did not take: a trap or a dead letter.
    fn not_taken(&mut self, kind: MessageType, target: u64, form: &Form, status: Status) -> HostOutcome {
        if refused(status).is_some() {
            let what = self.what(kind, target, form);
            return self.refuse_message(status, target, &what);
        }
        let describe = if kind == MessageType::Event { marshal::describe_event } else { marshal::describe };
        let call = describe(&self.shared.buffer, &form.arguments);
        let reason = crate::context::refusal(status);
        self.context.send_failed(self.sys, self.shared, kind, (target, &call), reason);
        HostOutcome::status(status)
    }

    fn tell(&mut self, memory: &Memory, target: u64, form: u64, words: u64) -> HostOutcome {
        // What most TELLs are: nobody is told of it, and nothing is in its way.
        let quick = self.shared.observer.is_none() && !self.shared.wants(LogLevel::Info) && target != NOBODY;
        if let Some(known) = self.context.forms.kept(form).filter(|_| quick)
            && marshal::encode_scalars(&mut self.shared.buffer, memory, known, words).is_some()
        {
            let outgoing = Outgoing::new(&self.shared.buffer);
            return match self.sys.tell(self.context.id, Handle::from_word(target), outgoing) {
                Ok(_) => {
                    self.context.counters.sent.add(MessageType::Tell);
                    HostOutcome::value(0)
                }
                Err(status) => {
                    let form = Arc::clone(known);
                    self.not_taken(MessageType::Tell, target, &form, status)
                }
            };
        }
        let form = match self.letter(memory, MessageType::Tell, [target, form, words]) {
            Ok(form) => form,
            Err(outcome) => return outcome,
        };
        let outgoing = Outgoing::new(&self.shared.buffer);
        let sent = match target {
            NOBODY => Err(Status::NotFound),
            _ => self.sys.tell(self.context.id, Handle::from_word(target), outgoing),
        };
        let sent = self.noted(Opcode::Tell, target, sent);
        match sent {
            Ok(_) => {
                self.context.counters.sent.add(MessageType::Tell);
                self.context.observe_sent(self.sys, self.shared, MessageType::Tell, (target, &form));
                self.context.log_sent(self.sys, self.shared, MessageType::Tell, (target, &form), None);
                HostOutcome::value(0)
            }
            Err(status) => self.not_taken(MessageType::Tell, target, &form, status),
        }
    }

    fn request(&mut self, memory: &Memory, kind: RequestKind, call: &HostCall) -> HostOutcome {
        let [target, form, words, ..] = call.arguments;
        let form = match self.form(memory, form) {
            Ok(form) => form,
            Err(outcome) => return outcome,
        };
        let message = kind.message_type();
        if let Err(error) = self.encode(memory, &form, words) {
            return self.unsent(message, target, &form, error).unwrap_or_else(|status| {
                self.never_asked(kind, target, &form, (status, &alloc::format!("{error}")))
            });
        }
        let usual = match kind {
            RequestKind::Ask => ASK_DEADLINE_NS,
            RequestKind::Delegate => DELEGATE_DEADLINE_NS,
        };
        let given = form.deadline.filter(|_| call.opcode != Opcode::CallAgent);
        let deadline = self.sys.now().after(given.unwrap_or(Span::from_ns(usual)));
        let outgoing = Outgoing::new(&self.shared.buffer);
        let sent = match target {
            NOBODY => Err(Status::NotFound),
            _ => self.sys.request(self.context.id, Handle::from_word(target), kind, outgoing, deadline),
        };
        let sent = self.noted(call.opcode, target, sent);
        match sent {
            Ok(request) => {
                let number = Context::next_number(self.shared);
                self.shared.numbers.keep(request, number);
                self.context.counters.sent.add(message);
                self.context.observe_sent(self.sys, self.shared, message, (target, &form));
                self.context.log_sent(self.sys, self.shared, message, (target, &form), Some(number));
                self.context.requests.push(OpenRequest {
                    request,
                    number,
                    kind,
                    target,
                    form,
                    outcome: None,
                });
                match kind {
                    RequestKind::Ask => self.suspend(Wait::Answer(request)),
                    RequestKind::Delegate => HostOutcome::value(request.word()),
                }
            }
            Err(status) if refused(status).is_some() => {
                let what = self.what(message, target, &form);
                self.refuse_message(status, target, &what)
            }
            Err(status) => {
                // Shown as sent: without a request in the kernel, it ends in its ERROR at once.
                let number = self.shared.requests.saturating_add(1);
                self.context.log_sent(self.sys, self.shared, message, (target, &form), Some(number));
                self.never_asked(kind, target, &form, (status, crate::context::refusal(status)))
            }
        }
    }

    /// A request that did not come to be: it is counted, and its ERROR too.
    fn never_asked(
        &mut self,
        kind: RequestKind,
        target: u64,
        form: &Form,
        (status, reason): (Status, &str),
    ) -> HostOutcome {
        let number = Context::next_number(self.shared);
        self.context.counters.sent.add(kind.message_type());
        let what = (target, form.name.as_str(), number);
        self.context.failed(self.sys, self.shared, kind, what, reason);
        let what = self.what(kind.message_type(), target, form);
        self.failed(status, alloc::format!("{what} #{number}: {reason}, {}", status.name()))
    }

    fn reply(&mut self, memory: &Memory, form: u64, words: u64) -> HostOutcome {
        if self.about.kind == RunKind::Probe {
            return self.give(memory, form, words);
        }
        if self.about.replied || !self.about.kind.is_message() {
            return HostOutcome::Trap(TrapKind::Reply);
        }
        let form = match self.form(memory, form) {
            Ok(form) => form,
            Err(outcome) => return outcome,
        };
        let tables = Arc::clone(&self.context.tables);
        let name = self.about.kind.name(&tables);
        let encoded = self.encode(memory, &form, words);
        if let Err(error) = encoded
            && let Some(trap) = error.trap()
        {
            return self.trap(trap, alloc::format!("the answer to {name}: {error}"));
        }
        self.about.replied = true;
        match (&self.about.request, encoded) {
            (Some(asked), Ok(())) => self.context.answer(self.sys, self.shared, asked, name),
            (Some(asked), Err(error)) => {
                let text = alloc::format!("the answer to {name} is the error INVALID: {error}");
                self.context.log(self.sys, self.shared, LogLevel::Warning, &text);
                let failure = Failure::Answered(Status::Invalid);
                self.context.answer_error(self.sys, self.shared, asked, name, failure);
            }
            (None, _) => {}
        }
        HostOutcome::value(0)
    }

    /// Keeps the values of a probe for whoever called it.
    fn give(&mut self, memory: &Memory, form: u64, words: u64) -> HostOutcome {
        let form = match self.form(memory, form) {
            Ok(form) => form,
            Err(outcome) => return outcome,
        };
        match self.encode(memory, &form, words) {
            Ok(()) => {
                let shown = marshal::describe_event(&self.shared.buffer, &form.arguments);
                let given = Given { payload: self.shared.buffer.to_vec(), shown };
                if let Some(observer) = &mut self.shared.observer {
                    observer.given = Some(given);
                }
                HostOutcome::value(0)
            }
            Err(error) => {
                let kind = error.trap().unwrap_or(TrapKind::Invalid);
                self.trap(kind, alloc::format!("the values of the test: {error}"))
            }
        }
    }

    fn broadcast(&mut self, memory: &Memory, topic: u64, form: u64, words: u64) -> HostOutcome {
        let form = match self.letter(memory, MessageType::Event, [topic, form, words]) {
            Ok(form) => form,
            Err(outcome) => return outcome,
        };
        let outgoing = Outgoing::new(&self.shared.buffer);
        let sent = self.sys.publish(self.context.id, Handle::from_word(topic), outgoing);
        match self.noted(Opcode::Broadcast, topic, sent) {
            Ok(delivery) => {
                self.context.counters.sent.add(MessageType::Event);
                self.context.observe_sent(self.sys, self.shared, MessageType::Event, (topic, &form));
                let level = if delivery.refused > 0 { LogLevel::Warning } else { LogLevel::Info };
                if self.shared.wants(level) {
                    let mut text = alloc::format!(
                        "EVENT → \"{}\" {} ({} delivered",
                        self.context.target_name(topic),
                        marshal::describe_event(&self.shared.buffer, &form.arguments),
                        delivery.delivered
                    );
                    let _ = match delivery.refused {
                        0 => write!(text, ")"),
                        refused => write!(text, ", {refused} refused: mailbox full)"),
                    };
                    self.sys.log(self.context.id, level, &text);
                }
                for _ in 0..delivery.refused {
                    self.context.counters.add(|c| &mut c.dead_letters);
                }
                HostOutcome::value(u64::from(delivery.delivered) | u64::from(delivery.refused) << 32)
            }
            Err(status) => self.not_taken(MessageType::Event, topic, &form, status),
        }
    }

    fn wait_for(&mut self, memory: &mut Memory, ticket: u64, form: u64) -> HostOutcome {
        let form = match self.context.forms.get(memory, form) {
            Ok(form) => form,
            Err(kind) => return HostOutcome::Trap(kind),
        };
        let open = RequestId::from_word(ticket)
            .and_then(|ticket| self.context.requests.iter().position(|open| open.request == ticket));
        let Some((at, open)) = open.and_then(|at| Some((at, self.context.requests.get_mut(at)?))) else {
            let reason = String::from("no delegation has this ticket, or it was waited for before");
            return self.failed(Status::NotFound, reason);
        };
        let request = open.request;
        match open.outcome.take() {
            Some(outcome) => {
                let open = self.context.requests.remove(at);
                let (value, status) = decode_outcome(&outcome, form.result.as_ref(), memory);
                self.about.why = self.context.why(&open, &outcome, status);
                HostOutcome::Done { value, status }
            }
            None => {
                let until = form.deadline.map_or(Time::NEVER, |span| self.sys.now().after(span));
                self.suspend(Wait::Ticket { request, form, until })
            }
        }
    }

    fn barrier(&mut self, memory: &Memory, name: u64, parties: u64, limit: u64) -> HostOutcome {
        let Ok(name) = memory.str(name) else { return HostOutcome::Trap(TrapKind::BadAccess) };
        let what = || alloc::format!("BARRIER {:?}", String::from_utf8_lossy(name));
        let Ok(parties) = u32::try_from(parties) else {
            return self.failed(Status::Invalid, alloc::format!("{}: {parties} agents", what()));
        };
        let deadline = self.until(limit).unwrap_or(Time::NEVER);
        let arrived = self.sys.barrier(self.context.id, name, parties, deadline);
        match self.noted(Opcode::Barrier, 0, arrived) {
            Ok(BarrierStep::Open) => {
                self.context.counters.sent.add(MessageType::Barrier);
                HostOutcome::value(0)
            }
            Ok(BarrierStep::Waiting) => {
                self.context.counters.sent.add(MessageType::Barrier);
                self.suspend(Wait::Barrier)
            }
            Err(status) => self.refuse(status, 0, &what()),
        }
    }

    fn subscription(
        &mut self,
        opcode: Opcode,
        operation: fn(&mut S, AgentId, Handle) -> Result<(), Status>,
        topic: u64,
    ) -> HostOutcome {
        let done = operation(self.sys, self.context.id, Handle::from_word(topic));
        match self.noted(opcode, topic, done) {
            Ok(()) => {
                self.context.counters.sent.add(MessageType::Subscribe);
                HostOutcome::value(0)
            }
            // Subscribed already, or not at all: what was asked for holds.
            Err(Status::Exists) => HostOutcome::value(0),
            Err(status) => {
                let text = alloc::format!("{} \"{}\"", opcode.info().name, self.context.target_name(topic));
                if refused(status).is_none() {
                    // No document looks at this status.
                    let text = alloc::format!("{text}: {} ({})", status.meaning(), status.name());
                    self.context.log(self.sys, self.shared, LogLevel::Warning, &text);
                }
                self.refuse(status, topic, &text)
            }
        }
    }

    fn pause(&mut self, kind: u32) -> HostOutcome {
        let now = self.sys.now();
        let kind = u8::try_from(kind).ok().and_then(YieldKind::from_byte).unwrap_or(YieldKind::Event);
        let until = match kind {
            YieldKind::Event => self.context.next_point(now, self.context.tables.period),
            YieldKind::Message => Time::NEVER,
        };
        self.suspend(Wait::Yield { kind, until })
    }

    fn timed_wait(&mut self, ns: u64) -> HostOutcome {
        // Outside of the Loop no handler runs meanwhile, so nothing but time ends it.
        match self.until(ns) {
            Some(until) => self.suspend(Wait::Yield { kind: YieldKind::Event, until }),
            None => HostOutcome::value(0),
        }
    }

    fn log(&mut self, memory: &Memory, text: u64, level: u32) -> HostOutcome {
        let level = u8::try_from(level).ok().and_then(LogLevel::from_byte).unwrap_or(LogLevel::Info);
        let Ok(bytes) = memory.str(text) else { return HostOutcome::Trap(TrapKind::BadAccess) };
        if let Some(observer) = &mut self.shared.observer {
            let (agent, text) = (Arc::clone(&self.context.name), String::from_utf8_lossy(bytes).into_owned());
            observer.note(Seen::Logged { agent, level, text });
        }
        if self.shared.wants(level) {
            self.sys.log(self.context.id, level, &String::from_utf8_lossy(bytes));
        }
        HostOutcome::value(0)
    }

    fn metric(&mut self, memory: &Memory, name: u64, value: u64) -> HostOutcome {
        let Ok(bytes) = memory.str(name) else { return HostOutcome::Trap(TrapKind::BadAccess) };
        let name = String::from_utf8_lossy(bytes);
        let value = f64::from_bits(value);
        self.shared.metrics.record(&name, value);
        self.sys.metric(self.context.id, &name, value);
        if self.shared.wants(LogLevel::Debug) {
            let text = alloc::format!("METRIC {name} = {}", marshal::Number(value));
            self.sys.log(self.context.id, LogLevel::Debug, &text);
        }
        HostOutcome::value(0)
    }

    fn device(&mut self, outcome: HostOutcome, count: fn(&mut Context) -> &mut u64) -> HostOutcome {
        if let HostOutcome::Done { status, .. } = outcome {
            let count = if status == Status::Ok {
                self.about.device_worked = true;
                count(self.context)
            } else {
                // Logged before what the run does next, or with the end of the run that it causes.
                self.about.fault = self.sys.device_fault(self.context.id);
                &mut self.context.counters.device_errors
            };
            *count = count.saturating_add(1);
        }
        outcome
    }

    /// System calls that end or suspend the run; the others are the kernel's.
    fn syscall(&mut self, call: &HostCall, memory: &mut Memory) -> HostOutcome {
        let [number, first, second, _, fourth] = call.arguments;
        match Syscall::from_number(number) {
            Some(Syscall::Yield) => HostOutcome::value(0),
            Some(Syscall::Exit) => {
                self.about.status = first.cast_signed();
                HostOutcome::Stop(Stop::Halt)
            }
            Some(Syscall::Log) => {
                let level = u32::try_from(first).unwrap_or(u32::MAX);
                match self.log(memory, second, level) {
                    HostOutcome::Trap(_) => HostOutcome::status(Status::Invalid),
                    outcome => outcome,
                }
            }
            Some(Syscall::Wait) => match (self.sys.call(call, memory), AgentId::from_word(first)) {
                (HostOutcome::Suspend, Some(agent)) => {
                    let until = self.until(second).unwrap_or(Time::NEVER);
                    self.suspend(Wait::Child { agent, until })
                }
                (outcome, _) => outcome,
            },
            Some(Syscall::BcDump) => match self.sys.call(call, memory) {
                HostOutcome::Suspend => self.suspend(Wait::Again(*call)),
                outcome => outcome,
            },
            Some(Syscall::A2aRecv) => match (self.sys.call(call, memory), self.until(fourth)) {
                (HostOutcome::Done { status: Status::NotFound, .. }, Some(until)) => {
                    self.suspend(Wait::Receive { call: *call, until })
                }
                (outcome, _) => outcome,
            },
            _ => {
                let outcome = self.sys.call(call, memory);
                self.about.fault = self.sys.device_fault(self.context.id);
                outcome
            }
        }
    }
}

/// What a run sees of the outcome of its request: value word and status.
pub(crate) fn decode_outcome(
    outcome: &Outcome,
    result: Option<&flux_isa::desc::Desc>,
    memory: &mut Memory,
) -> (u64, Status) {
    match (outcome, result) {
        (Outcome::Error(failure), _) => (0, failure.status()),
        (Outcome::Answer(_), None) => (0, Status::Ok),
        (Outcome::Answer(payload), Some(desc)) => {
            match marshal::decode_value(payload.bytes(), desc, memory) {
                Ok(value) => (value, Status::Ok),
                Err(MarshalError::Quota) => (0, Status::NoMemory),
                Err(_) => (0, Status::Invalid),
            }
        }
    }
}
