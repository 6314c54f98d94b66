//! Everything of an agent but its machine and the run that it works on.
//!
//! # Invariants
//! 1. One kernel timer at most is set for an agent: the earliest of what it waits for.
//! 2. Timers run on the grid start + k·interval; a point that passed while a run waited is
//!    made up once, however many passed.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Write as _;

use flux_abi::capability::CapabilityKind;
use flux_abi::limits::DEVICE_FAILURES;
use flux_abi::message::MessageType;
use flux_abi::opcode::Opcode;
use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_abi::trap::TrapKind;
use flux_kcore::agent_state::AgentState;
use flux_kcore::audit::Act;
use flux_kcore::capability::{Grant, Handle, Object, Rights};
use flux_kcore::id::{AgentId, RequestId, TimerId};
use flux_kcore::message::{Failure, Outcome, RequestKind};
use flux_kcore::runtime::Syscalls;
use flux_kcore::time::{Span, Time};
use flux_proto::payload::{Reader, Token};

use crate::agent::Trial;
use crate::children::Children;
use crate::form::{Form, FormCache};
use crate::marshal;
use crate::observe::{Observer, Seen};
use crate::report::{Counters, Metrics};
use crate::runtime::debug::Stopped;
use crate::tables::Tables;
use crate::task::{Asked, Task};

/// What all agents of a runtime share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) level: LogLevel,
    /// Agents record what they execute.
    pub(crate) tracing: bool,
    /// Agents count what they execute.
    pub(crate) profiling: bool,
    pub(crate) metrics: Metrics,
    /// Requests made until now, for `#7` in the log.
    pub(crate) requests: u64,
    /// Where payloads are written before they are sent.
    pub(crate) buffer: marshal::Buffer,
    /// Argument words of the handler that starts.
    pub(crate) words: Vec<u64>,
    /// Numbers of the requests in the log.
    pub(crate) numbers: Numbers,
    /// The agent that stopped last for a debugger.
    pub(crate) stopped: Option<Stopped>,
    /// A run that has ended, for the next one that starts.
    pub(crate) spare: Option<Box<Task>>,
    /// Who is told what agents do, if they are watched.
    pub(crate) observer: Option<Observer>,
}

/// The number in the log of each request, by the slot of the request.
///
/// The asker knows the number of its request; this is for whoever answers it.
#[derive(Debug, Default)]
pub(crate) struct Numbers(Vec<Option<(RequestId, u64)>>);

impl Numbers {
    fn place(request: RequestId) -> Option<usize> {
        usize::try_from(request.slot()).ok()
    }

    /// Keeps the number of a request; without memory for it the log does without.
    pub(crate) fn keep(&mut self, request: RequestId, number: u64) {
        let Some(at) = Self::place(request) else { return };
        let missing = at.saturating_add(1).saturating_sub(self.0.len());
        if self.0.try_reserve(missing).is_ok() {
            self.0.extend(core::iter::repeat_n(None, missing));
            if let Some(place) = self.0.get_mut(at) {
                *place = Some((request, number));
            }
        }
    }

    /// The number of a request, unless a later one has taken its slot.
    pub(crate) fn get(&self, request: RequestId) -> Option<u64> {
        let (kept, number) = (*self.0.get(Self::place(request)?)?)?;
        (kept == request).then_some(number)
    }
}

impl Shared {
    /// Tells whether records of `level` are wanted, before their text is made.
    pub(crate) fn wants(&self, level: LogLevel) -> bool {
        level <= self.level
    }
}

/// A request of the agent whose outcome it has not consumed.
#[derive(Debug)]
pub(crate) struct OpenRequest {
    pub(crate) request: RequestId,
    pub(crate) number: u64,
    pub(crate) kind: RequestKind,
    /// The word of the link or handle it was sent to.
    pub(crate) target: u64,
    pub(crate) form: Arc<Form>,
    /// Known and not yet waited for.
    pub(crate) outcome: Option<Outcome>,
}

/// Names of started agents that are kept for the log; beyond that the oldest go.
const KEPT_NAMES: usize = 256;

/// Ended delegations that are kept for a later `Wait for`; beyond that the oldest go.
const KEPT_OUTCOMES: usize = 64;

/// See the module.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) id: AgentId,
    pub(crate) name: Arc<str>,
    pub(crate) document: Arc<str>,
    pub(crate) tables: Arc<Tables>,
    pub(crate) links: Vec<u64>,
    /// Agents that it started, by the words of their handles.
    pub(crate) started_agents: Vec<(u64, String)>,
    pub(crate) forms: FormCache,
    pub(crate) requests: Vec<OpenRequest>,
    pub(crate) counters: Counters,
    pub(crate) started: Time,
    /// Next point of each `## Every`.
    pub(crate) timers: Vec<Time>,
    /// Last run of each pacer.
    pub(crate) pacers: Vec<Option<Time>>,
    pub(crate) heartbeat: Option<Time>,
    pub(crate) timer: Option<(TimerId, Time)>,
    /// Agents that it started and looks after.
    pub(crate) children: Option<Children>,
    /// What a run may have to be taken back to, if the program is on probation.
    pub(crate) trial: Option<Box<Trial>>,
    pub(crate) device_failures: u32,
    pub(crate) state: AgentState,
}

impl Context {
    /// Writes `text` to the agent's log.
    pub(crate) fn log<S: Syscalls + ?Sized>(
        &self,
        sys: &mut S,
        shared: &Shared,
        level: LogLevel,
        text: &str,
    ) {
        if shared.wants(level) {
            sys.log(self.id, level, text);
        }
    }

    /// Name of whom a link or handle word reaches, for people.
    pub(crate) fn target_name(&self, word: u64) -> &str {
        let at = self.links.iter().position(|link| *link == word);
        let link = at.and_then(|at| self.tables.links.get(at)).map(String::as_str);
        let started = || self.started_agents.iter().find(|(handle, _)| *handle == word);
        link.or_else(|| started().map(|(_, name)| name.as_str())).unwrap_or(if word == 0 {
            "nobody"
        } else {
            "an agent"
        })
    }

    /// Keeps the name of an agent that was started.
    pub(crate) fn keep_started(&mut self, handle: u64, name: String) {
        if self.started_agents.len() >= KEPT_NAMES {
            self.started_agents.remove(0);
        }
        self.started_agents.push((handle, name));
    }

    /// Keeps the names of agents that are values of a message that came, for the log.
    pub(crate) fn keep_received<S: Syscalls + ?Sized>(&mut self, sys: &S, payload: &[u8]) {
        // Few messages carry an agent.
        if !flux_proto::payload::may_refer(payload) {
            return;
        }
        let Ok(values) = Reader::new(payload) else { return };
        for token in values {
            let Token::Agent(word) = token else { continue };
            let known = self.links.contains(&word) || self.started_agents.iter().any(|row| row.0 == word);
            if word == 0 || known {
                continue;
            }
            let handle = Handle::from_word(word);
            let grant = sys.check(self.id, handle, CapabilityKind::Communicate, Rights::NONE);
            if let Ok(Grant { object: Object::Endpoint(agent), .. }) = grant {
                let name = String::from(sys.agent_name(agent));
                self.keep_started(word, name);
            }
        }
    }

    /// Tells whoever watches of a message that was sent; its payload is in the buffer.
    pub(crate) fn observe_sent<S: Syscalls + ?Sized>(
        &self,
        sys: &S,
        shared: &mut Shared,
        kind: MessageType,
        (target, form): (u64, &Form),
    ) {
        if let Some(observer) = &mut shared.observer {
            let describe =
                if kind == MessageType::Event { marshal::describe_event } else { marshal::describe };
            let shown = describe(&shared.buffer, &form.arguments);
            let payload = shared.buffer.to_vec();
            let (from, to) = (Arc::clone(&self.name), String::from(self.target_name(target)));
            observer.note(Seen::Sent { time: sys.now(), from, kind, to, payload, shown });
        }
    }

    /// Logs what was sent: `DELEGATE → alert-agent send(30.4, "lab") #7`.
    pub(crate) fn log_sent<S: Syscalls + ?Sized>(
        &self,
        sys: &mut S,
        shared: &Shared,
        kind: MessageType,
        (target, form): (u64, &Form),
        number: Option<u64>,
    ) {
        if !shared.wants(LogLevel::Info) {
            return;
        }
        let mut text = String::new();
        let call = marshal::describe(&shared.buffer, &form.arguments);
        // Writing to a String never fails.
        let _ = write!(text, "{} → {} {call}", kind.name(), self.target_name(target));
        if let Some(number) = number {
            let _ = write!(text, " #{number}");
        }
        sys.log(self.id, LogLevel::Info, &text);
    }

    /// Logs and counts a message that could not be sent.
    pub(crate) fn send_failed<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &Shared,
        kind: MessageType,
        (target, call): (u64, &str),
        reason: impl core::fmt::Display,
    ) {
        self.counters.add(|c| &mut c.dead_letters);
        if shared.wants(LogLevel::Warning) {
            let target = self.target_name(target);
            let space = if call.is_empty() { "" } else { " " };
            let text = alloc::format!("dead letter: {} → {target}{space}{call}: {reason}", kind.name());
            sys.log(self.id, LogLevel::Warning, &text);
        }
    }

    /// Number for the next request in the log.
    pub(crate) fn next_number(shared: &mut Shared) -> u64 {
        shared.requests = shared.requests.saturating_add(1);
        shared.requests
    }

    /// Logs and counts the one outcome of a request.
    pub(crate) fn settle<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &Shared,
        kind: RequestKind,
        (target, form, number): (u64, &Form, u64),
        outcome: &Outcome,
    ) {
        let name = form.name.as_str();
        let answer = kind.answer_type();
        match outcome {
            Outcome::Answer(payload) => {
                self.counters.taken.add(answer);
                self.counters.add(|c| match kind {
                    RequestKind::Ask => &mut c.replies,
                    RequestKind::Delegate => &mut c.results,
                });
                if shared.wants(LogLevel::Info) {
                    let mut text = alloc::format!("{} ← {} {name}", answer.name(), self.target_name(target));
                    if let Some(value) = marshal::describe_value(payload.bytes(), form.result.as_ref()) {
                        let _ = write!(text, " = {value}");
                    }
                    let _ = write!(text, " #{number}");
                    sys.log(self.id, LogLevel::Info, &text);
                }
            }
            Outcome::Error(failure) => self.failed(sys, shared, kind, (target, name, number), failure),
        }
    }

    /// Logs and counts the ERROR of a request.
    pub(crate) fn failed<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &Shared,
        kind: RequestKind,
        (target, name, number): (u64, &str, u64),
        reason: impl core::fmt::Display,
    ) {
        self.counters.taken.add(MessageType::Error);
        self.counters.add(|c| match kind {
            RequestKind::Ask => &mut c.ask_errors,
            RequestKind::Delegate => &mut c.delegate_errors,
        });
        if shared.wants(LogLevel::Warning) {
            let text = alloc::format!("ERROR ← {} {name} #{number}: {reason}", self.target_name(target));
            sys.log(self.id, LogLevel::Warning, &text);
        }
    }

    /// Why a run that does nothing about the outcome of its request traps; `None` if there is no reason to.
    pub(crate) fn why(
        &self,
        open: &OpenRequest,
        outcome: &Outcome,
        status: Status,
    ) -> Option<(TrapKind, String)> {
        if status == Status::Ok {
            return None;
        }
        let (kind, name) = (open.kind.message_type().name(), open.form.name.as_str());
        let mut text = alloc::format!("{kind} → {} {name} #{}: ", self.target_name(open.target), open.number);
        // Writing to a String never fails.
        let _ = match (outcome, status) {
            (Outcome::Error(failure), _) => write!(text, "{failure}, {}", status.name()),
            (Outcome::Answer(_), Status::NoMemory) => {
                write!(text, "the answer does not fit the agent's memory, {}", status.name())
            }
            (Outcome::Answer(_), _) => {
                write!(text, "the answer is not of the type that is expected, {}", status.name())
            }
        };
        Some((TrapKind::Message, text))
    }

    /// Takes the outcome of a completed request: logged, counted, kept for `Wait for`.
    ///
    /// Answers of ASKs come back to the caller, who gives them to the run that waits.
    pub(crate) fn completed<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &Shared,
        request: RequestId,
    ) -> Option<(Outcome, OpenRequest)> {
        let at = self.requests.iter().position(|open| open.request == request)?;
        let outcome = sys.take_outcome(self.id, request)?;
        let open = self.requests.get(at)?;
        let (kind, target, number, form) = (open.kind, open.target, open.number, Arc::clone(&open.form));
        self.settle(sys, shared, kind, (target, &form, number), &outcome);
        if kind == RequestKind::Ask {
            return Some((outcome, self.requests.remove(at)));
        }
        if let Some(open) = self.requests.get_mut(at) {
            open.outcome = Some(outcome);
        }
        let ended = |open: &OpenRequest| open.outcome.is_some();
        if self.requests.iter().filter(|open| ended(open)).count() > KEPT_OUTCOMES
            && let Some(oldest) = self.requests.iter().position(ended)
        {
            self.requests.remove(oldest);
        }
        None
    }

    /// Ends all open requests, because the agent ends.
    pub(crate) fn abandon_requests<S: Syscalls + ?Sized>(&mut self, sys: &mut S, shared: &Shared) {
        for open in core::mem::take(&mut self.requests) {
            if open.outcome.is_none() {
                let (target, form, number) = (open.target, &*open.form, open.number);
                match sys.take_outcome(self.id, open.request) {
                    Some(outcome) => {
                        self.settle(sys, shared, open.kind, (target, form, number), &outcome);
                    }
                    None => {
                        let what = (target, form.name.as_str(), number);
                        self.failed(sys, shared, open.kind, what, Failure::Stopped);
                    }
                }
            }
        }
    }

    /// Answers the request of a run with the payload in the buffer.
    pub(crate) fn answer<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &Shared,
        asked: &Asked,
        name: &str,
    ) {
        let answer = asked.kind.answer_type();
        match sys.answer(self.id, asked.request, &shared.buffer) {
            Ok(()) => self.counters.sent.add(answer),
            Err(status) => self.answer_failed(sys, shared, answer, (asked, name), status),
        }
    }

    /// Answers the request of a run with an ERROR.
    pub(crate) fn answer_error<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &Shared,
        asked: &Asked,
        name: &str,
        failure: Failure,
    ) {
        match sys.answer_error(self.id, asked.request, failure) {
            Ok(()) => self.counters.sent.add(MessageType::Error),
            Err(status) => self.answer_failed(sys, shared, MessageType::Error, (asked, name), status),
        }
    }

    fn answer_failed<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &Shared,
        kind: MessageType,
        (asked, name): (&Asked, &str),
        status: Status,
    ) {
        self.counters.add(|c| &mut c.dead_letters);
        sys.refused(self.id, Act::Instruction(Opcode::Reply), asked.request.word(), status);
        if shared.wants(LogLevel::Warning) {
            let reason = match status {
                Status::Timeout => "the request had ended before",
                other => other.meaning(),
            };
            let asker = asked.sender.map_or("the kernel", |sender| sys.agent_name(sender));
            let mut text = alloc::format!("dead letter: {} → {asker} {name}", kind.name());
            // Writing to a String never fails.
            let _ = match asked.number {
                Some(number) => write!(text, " #{number}: {reason}"),
                None => write!(text, ": {reason}"),
            };
            sys.log(self.id, LogLevel::Warning, &text);
        }
    }

    /// The first point of the grid start + k·`interval` after `now`.
    pub(crate) fn next_point(&self, now: Time, interval: Span) -> Time {
        next_point(self.started, now, interval)
    }

    /// Whether the pacer may run now; if so, now is its last run.
    pub(crate) fn pace(&mut self, number: u32, now: Time) -> Option<bool> {
        let index = usize::try_from(number).ok()?;
        let interval = *self.tables.pacers.get(index)?;
        let last = self.pacers.get_mut(index)?;
        let due = last.is_none_or(|last| now.since(last) >= interval);
        if due {
            *last = Some(now);
        }
        Some(due)
    }

    /// Counts a run that a device failed; `true` if it was one too many.
    pub(crate) fn device_failed(&mut self) -> bool {
        self.device_failures = self.device_failures.saturating_add(1);
        self.device_failures >= DEVICE_FAILURES
    }

    /// Sends the heartbeats that are due.
    pub(crate) fn beat<S: Syscalls + ?Sized>(&mut self, sys: &mut S) {
        let now = sys.now();
        if let (Some(due), Some(interval)) = (self.heartbeat, self.tables.heartbeat)
            && due <= now
        {
            sys.heartbeat(self.id);
            self.counters.sent.add(MessageType::Heartbeat);
            self.heartbeat = Some(self.next_point(now, interval));
        }
    }

    /// Sets the kernel timer to `due`, the next heartbeat or the next restart, whichever is earliest.
    pub(crate) fn arm<S: Syscalls + ?Sized>(&mut self, sys: &mut S, due: Time) {
        let due = self.heartbeat.map_or(due, |beat| beat.min(due));
        let due = self.children.as_ref().map_or(due, |children| children.due().min(due));
        match self.timer {
            Some((_, set)) if set == due => return,
            Some((timer, _)) => {
                sys.cancel_timer(self.id, timer);
                self.timer = None;
            }
            None => {}
        }
        if due < Time::NEVER {
            // A refused timer means that the agent's own limit is 0: then nothing wakes it.
            self.timer = sys.set_timer(self.id, due, 0).ok().map(|timer| (timer, due));
        }
    }

    /// Shows the agent's state to others, if it changed.
    pub(crate) fn show<S: Syscalls + ?Sized>(&mut self, sys: &mut S, state: AgentState) {
        if state != self.state && sys.set_state(self.id, state).is_ok() {
            self.state = state;
        }
    }

    /// Whether a delegation is open.
    pub(crate) fn is_delegating(&self) -> bool {
        self.requests.iter().any(|open| open.kind == RequestKind::Delegate && open.outcome.is_none())
    }
}

/// Why the kernel did not take a message, for people.
pub(crate) const fn refusal(status: Status) -> &'static str {
    match status {
        Status::NotFound => "no agent of this name is running",
        Status::Busy => "its mailbox, or this agent's share of it, is full",
        Status::Deadlock => "each would wait for the other",
        other => other.meaning(),
    }
}

/// The first point of the grid `start` + k·`interval` (k ≥ 1) after `now`.
pub(crate) fn next_point(start: Time, now: Time, interval: Span) -> Time {
    let elapsed = now.since(start).ns().max(0);
    let passed = elapsed.checked_div(interval.ns()).unwrap_or(0);
    start.after(Span::from_ns(passed.saturating_add(1).saturating_mul(interval.ns())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_counts_from_the_start_and_skips_what_passed() {
        let at = |start, now, interval| {
            next_point(Time::from_ns(start), Time::from_ns(now), Span::from_ns(interval)).ns()
        };
        assert_eq!(at(0, 0, 1_000), 1_000);
        assert_eq!(at(0, 999, 1_000), 1_000);
        assert_eq!(at(0, 1_000, 1_000), 2_000);
        assert_eq!(at(5, 4_321, 1_000), 5_005);
        assert_eq!(at(0, i64::MAX - 1, 1_000), i64::MAX);
        assert_eq!(at(0, 7, 0), 0);
    }
}
