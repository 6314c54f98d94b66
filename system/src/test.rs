//! Runs the tests of a document: each in a fresh kernel, in simulated time.
//!
//! # Time
//! The agents start at 0; the start, and every message that the test sends, takes 1 ms. So what is
//! due exactly when `When 60s pass` ends has happened.
//!
//! # Invariants
//! 1. Equal documents and seeds give equal results.
//! 2. A test ends at its first step that fails; whatever agents do, it ends.

mod bus;
mod expect;
mod value;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::rc::Rc;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::cell::RefCell;

use flux_abi::capability::CapabilityKind;
use flux_abi::limits::{ASK_DEADLINE_NS, DELEGATE_DEADLINE_NS};
use flux_abi::message::MessageType;
use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_agent::observe::{Given, ProbeError, Seen, StandInAnswer};
use flux_fluxc::plan::{Action, Presence, Probe, Reading as Channel, Sent, Step, Test};
use flux_hal::{MemoryFiles, Stream};
use flux_isa::{LinkKind, Module};
use flux_kcore::capability::{Grant, Handle, Rights};
use flux_kcore::id::{AgentId, ProcessId, RequestId};
use flux_kcore::message::{Outcome, Outgoing, RequestKind};
use flux_kcore::runtime::Syscalls as _;
use flux_kcore::time::{Span, Time};
use flux_kernel::compile::Compiled;
use flux_kernel::kernel::{ClockMode, Pause};
use flux_kernel::log::{LogSink, Record};
use flux_proto::payload::{self, Reference};

use crate::config::Config;
use crate::error::BootError;
use crate::system::{Machine, System};
use bus::TestBus;
use value::Value;

/// Time that the start, and each message of a test, takes.
const MOMENT: Span = Span::from_ns(1_000_000);
/// Slices between two looks at the log.
const SLICES: u32 = 1_024;
/// Looks at the log in one step, so that agents that never come to rest end a test.
const MOST_LOOKS: u32 = 65_536;
/// Lines of the log that a failure shows.
const SHOWN_LINES: usize = 12;
/// The name of the agent that sends for the test. No document can give it.
const TESTER: &str = "the test";

/// A document with its tests.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its name.
    pub document: &'a str,
    /// Its text.
    pub source: &'a [u8],
    /// Its modules, compiled with their probes.
    pub modules: &'a [Module],
}

/// How tests run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Seed of all randomness.
    pub seed: u64,
    /// Records above this level are not kept.
    pub level: LogLevel,
    /// Lines of the log that are kept.
    pub lines: usize,
    /// Whether it is counted which lines of the document ran.
    pub coverage: Coverage,
}

/// Whether it is counted which lines of a document ran.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Coverage {
    /// It is not.
    #[default]
    Off,
    /// It is, at some cost in time.
    On,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 1, level: LogLevel::Info, lines: SHOWN_LINES, coverage: Coverage::Off }
    }
}

/// What came of a test.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Why it failed; `None` if it passed.
    pub failure: Option<Failure>,
    /// The last lines of its log.
    pub log: Vec<String>,
    /// Simulated time that passed.
    pub time: Time,
    /// Steps that were carried out.
    pub steps: usize,
    /// Instructions executed of each line of the document, if they were counted.
    pub lines: BTreeMap<u32, u64>,
}

/// Why a test failed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failure {
    /// The line of the step, or of the heading.
    pub line: u32,
    /// The step as written; empty if the test did not begin.
    pub step: String,
    /// What should have been.
    pub expected: String,
    /// What was, a line each.
    pub found: Vec<String>,
}

/// Runs a test.
#[must_use]
pub fn run(subject: &Subject<'_>, test: &Test, settings: &Settings) -> Report {
    let mut log = Log { lines: VecDeque::new(), most: settings.lines };
    let mut report = Report::default();
    match Driver::boot(subject, test, settings, &mut log) {
        Ok(mut driver) => {
            report.failure = driver.carry_out(test, &mut log, &mut report.steps).err();
            report.time = driver.system.now();
            if settings.coverage == Coverage::On {
                report.lines = driver.system.kernel().runtime().executed_lines();
            }
        }
        Err(error) => report.failure = Some(not_started(test, &error)),
    }
    report.log = log.lines.into();
    report
}

/// Lines of a document that tests can run: those that its modules have code for.
#[must_use]
pub fn lines_with_code(modules: &[Module]) -> BTreeSet<u32> {
    let mut lines = BTreeSet::new();
    for module in modules {
        for line in &module.lines {
            let function = module.function_at(line.offset).and_then(|at| module.functions.get(at));
            if function.is_some_and(|function| !flux_agent::observe::is_probe(&function.name)) {
                lines.insert(line.line);
            }
        }
    }
    lines
}

fn not_started(test: &Test, error: &BootError) -> Failure {
    let found = match error {
        BootError::Parameters(errors) => errors.iter().map(parameter_error).collect(),
        error => error.to_string().lines().map(String::from).collect(),
    };
    let expected = String::from("the agents start");
    Failure { line: test.line, step: String::new(), expected, found }
}

fn parameter_error(error: &flux_agent::parameters::ParameterError) -> String {
    match error {
        flux_agent::parameters::ParameterError::Missing { agent, name, literal, kind, .. } => alloc::format!(
            "parameter `{name}` of {agent} has no value; begin the test with `Given {name} = {literal}` ({kind})"
        ),
        error => error.to_string(),
    }
}

/// The last lines of a log.
struct Log {
    lines: VecDeque<String>,
    most: usize,
}

impl LogSink for Log {
    fn record(&mut self, record: &Record, line: &str) {
        if record.stream == Stream::Log {
            if self.lines.len() >= self.most {
                self.lines.pop_front();
            }
            self.lines.push_back(line.to_string());
        }
    }
}

/// An answer that a test gives for an agent that is not there.
struct AnswerRule {
    target: String,
    kind: MessageType,
    name: String,
    values: Vec<Option<(flux_fluxc::plan::Compare, Value)>>,
    answer: StandInAnswer,
}

/// Answers of the agents that are not there; the latest that fits counts.
type Rules = Rc<RefCell<Vec<AnswerRule>>>;

fn answer(rules: &Rules, name: &str, kind: MessageType, payload: &[u8]) -> StandInAnswer {
    let rules = rules.borrow();
    let fits = |rule: &&AnswerRule| {
        rule.target == name && rule.kind == kind && matches(payload, &rule.name, &rule.values)
    };
    rules.iter().rev().find(fits).map_or(StandInAnswer::Nothing, |rule| rule.answer.clone())
}

/// Whether a message is the one that is wanted.
fn matches(payload: &[u8], name: &str, wanted: &[Option<(flux_fluxc::plan::Compare, Value)>]) -> bool {
    let named = payload::Reader::new(payload).is_ok_and(|reader| reader.handler() == name);
    let values = value::values(payload);
    named
        && values.len() == wanted.len()
        && values.iter().zip(wanted).all(|(value, wanted)| {
            wanted.as_ref().is_none_or(|(compare, wanted)| value.compares(*compare, wanted))
        })
}

/// What happened since the last When.
#[derive(Default)]
struct Window {
    /// Line of that When; 0 for the start.
    line: u32,
    seen: Vec<Seen>,
    /// Outcomes of requests of the test.
    replies: Vec<Outcome>,
}

/// One test at work.
struct Driver {
    system: System,
    /// Agents of the document, in the order of its modules.
    agents: Vec<AgentId>,
    /// The agent whose names the test uses.
    home: AgentId,
    tester: AgentId,
    bus: TestBus,
    rules: Rules,
    /// Up to where time has passed.
    until: Time,
    started: bool,
    requests: Vec<RequestId>,
    window: Window,
}

impl Driver {
    fn boot(
        subject: &Subject<'_>,
        test: &Test,
        settings: &Settings,
        log: &mut Log,
    ) -> Result<Self, BootError> {
        let bus = TestBus::default();
        let rules = Rules::default();
        let modules = subject.modules.to_vec();
        let compile =
            move |_: &[u8], _: &str| Ok(Compiled { modules: modules.clone(), ..Compiled::default() });
        let machine = Machine {
            name: String::from("test"),
            bus: Box::new(bus.clone()),
            files: Box::new(MemoryFiles::new()),
            hardware: None,
            compiler: Box::new(compile),
        };
        let parameters = test.steps.iter().filter_map(|step| match &step.action {
            Action::GiveParameter { name, text } => Some((name.clone(), text.clone())),
            _ => None,
        });
        let config = Config {
            documents: alloc::vec![(subject.document.to_string(), subject.source.to_vec())],
            parameters: parameters.collect(),
            seed: settings.seed,
            clock: ClockMode::Simulated,
            level: settings.level,
            ..Config::default()
        };
        let mut tester = None;
        let answering = Rc::clone(&rules);
        let system = System::boot_on(machine, &config, log, |kernel| {
            let refused = |status| BootError::Kernel { what: "the agents of a test", status };
            let (_, runtime) = kernel.parts_mut();
            if settings.coverage == Coverage::On {
                runtime.start_profiling();
            }
            runtime.watch(Box::new(move |name, kind, payload| answer(&answering, name, kind, payload)));
            let (id, _) = kernel.native_agent(TESTER, ProcessId::KERNEL, Grant::ROOT).map_err(refused)?;
            tester = Some(id);
            for name in absent(subject.modules) {
                let (id, _) = kernel.native_agent(name, ProcessId::KERNEL, Grant::ROOT).map_err(refused)?;
                kernel.parts_mut().1.add_stand_in(id, name);
            }
            Ok(())
        })?;
        let agents: Vec<AgentId> =
            system.kernel().runtime().reports().iter().map(|report| report.agent).collect();
        let missing = || BootError::Kernel { what: "the agents of a test", status: Status::NotFound };
        let home = agents.get(test.agent).copied().ok_or_else(missing)?;
        let tester = tester.ok_or_else(missing)?;
        Ok(Self {
            system,
            agents,
            home,
            tester,
            bus,
            rules,
            until: Time::START,
            started: false,
            requests: Vec::new(),
            window: Window::default(),
        })
    }

    fn carry_out(&mut self, test: &Test, log: &mut Log, done: &mut usize) -> Result<(), Failure> {
        for (at, step) in test.steps.iter().enumerate() {
            let after = test.steps.get(at.saturating_add(1)..).unwrap_or_default();
            self.step(step, after, log).map_err(|reason| reason.at(step))?;
            *done = done.saturating_add(1);
        }
        Ok(())
    }

    fn step(&mut self, step: &Step, after: &[Step], log: &mut Log) -> Result<(), Reason> {
        if !step.action.prepares() && !self.started {
            self.started = true;
            // A trap at the start is looked for by this step or those before the first When.
            let now = core::slice::from_ref(step);
            let traps = match (step.action.moves(), expected_traps(now)) {
                // The start is part of the first time that passes.
                (true, _) if matches!(step.action, Action::Pass(_)) => expected_traps(after),
                (true, _) => Traps::Fail,
                (false, Traps::Expected) => Traps::Expected,
                (false, Traps::Fail) => expected_traps(after),
            };
            self.pass(MOMENT, traps, log)?;
        }
        match &step.action {
            // Given at boot.
            Action::GiveParameter { .. } => Ok(()),
            Action::GiveReading { readings, value } => self.give_reading(readings, *value),
            Action::GiveFault { readings } => {
                for reading in readings {
                    self.bus.fail(&reading.address, reading.channel.as_deref());
                }
                Ok(())
            }
            Action::GiveAnswer { kind, target, message, answer } => {
                let values = self.wanted_values(&message.values, message.probe)?;
                let answer = match answer {
                    Some(probe) => StandInAnswer::Value(self.probe(*probe)?.payload),
                    None => StandInAnswer::Error,
                };
                let rule = AnswerRule {
                    target: target.clone(),
                    kind: message_type(*kind),
                    name: message.name.clone(),
                    values,
                    answer,
                };
                self.rules.borrow_mut().push(rule);
                Ok(())
            }
            Action::GiveState(probe) | Action::Run(probe) => self.call(*probe).map(drop),
            Action::Pass(probe) => {
                let span = match self.values(*probe)?.as_slice() {
                    [Value::Int(ns)] if *ns > 0 => Span::from_ns(*ns),
                    _ => return Err(Reason::new("a time above 0", self.shown(*probe))),
                };
                let start = match self.window.line {
                    0 => core::mem::take(&mut self.window),
                    _ => Window::default(),
                };
                self.window = Window { line: step.line, ..start };
                self.pass(span, expected_traps(after), log)
            }
            Action::Send { kind, agent, name, values } => {
                let mut payload = named(name, &self.probe(*values)?.payload)?;
                self.take_over(&mut payload)?;
                self.window = Window { line: step.line, ..Window::default() };
                self.send(*kind, *agent, &payload)?;
                self.pass(MOMENT, expected_traps(after), log)
            }
            Action::Publish { topic, value } => {
                let mut payload = named(topic, &self.probe(*value)?.payload)?;
                self.take_over(&mut payload)?;
                self.window = Window { line: step.line, ..Window::default() };
                let handle = self.system.kernel_mut().topic_for(self.tester, topic).map_err(refused)?;
                let (core, _) = self.system.kernel_mut().parts_mut();
                core.publish(self.tester, handle, Outgoing::new(&payload)).map_err(refused)?;
                self.pass(MOMENT, expected_traps(after), log)
            }
            expectation => self.expect(expectation),
        }
    }

    // ------------------------------------------------------------ time

    /// Lets time pass; a trap that no step looks for is a failure.
    fn pass(&mut self, span: Span, traps: Traps, log: &mut Log) -> Result<(), Reason> {
        self.until = self.until.after(span);
        let mut looks = 0u32;
        loop {
            let pause = self.system.kernel_mut().run(self.until, SLICES);
            self.system.flush(log);
            if let Pause::Until(_) = pause {
                break;
            }
            looks = looks.saturating_add(1);
            if looks > MOST_LOOKS {
                let found = alloc::format!("still at work after {looks} rounds of {SLICES} slices");
                return Err(Reason::new("agents that come to rest", alloc::vec![found]));
            }
        }
        self.system.kernel_mut().set_time(self.until);
        let (core, runtime) = self.system.kernel_mut().parts_mut();
        let seen = runtime.take_seen();
        let tester = self.tester;
        self.requests.retain(|request| match core.take_outcome(tester, *request) {
            Some(outcome) => {
                self.window.replies.push(outcome);
                false
            }
            None => true,
        });
        let trap = seen.iter().find_map(|seen| match seen {
            Seen::Trapped { text, .. } => Some(text.clone()),
            _ => None,
        });
        self.window.seen.extend(seen);
        match trap {
            Some(text) if traps == Traps::Fail => Err(Reason::new("no trap", alloc::vec![text])),
            _ => Ok(()),
        }
    }

    fn send(&mut self, kind: Sent, agent: usize, payload: &[u8]) -> Result<(), Reason> {
        let target = self.agents.get(agent).copied().ok_or_else(|| refused(Status::NotFound))?;
        let tester = self.tester;
        let handle = self.system.kernel_mut().endpoint_for(tester, target).map_err(refused)?;
        let (core, _) = self.system.kernel_mut().parts_mut();
        let outgoing = Outgoing::new(payload);
        let (kind, deadline) = match kind {
            Sent::Tell => return core.tell(tester, handle, outgoing).map(drop).map_err(refused),
            Sent::Ask => (RequestKind::Ask, ASK_DEADLINE_NS),
            Sent::Delegate => (RequestKind::Delegate, DELEGATE_DEADLINE_NS),
        };
        let deadline = core.now().after(Span::from_ns(deadline));
        let request = core.request(tester, handle, kind, outgoing, deadline).map_err(refused)?;
        self.requests.push(request);
        Ok(())
    }

    // ------------------------------------------------------------ values

    /// Calls a probe in the agent of the test.
    fn call(&mut self, probe: Probe) -> Result<Option<Given>, Reason> {
        let home = self.home;
        let (core, runtime) = self.system.kernel_mut().parts_mut();
        runtime.probe(core, home, &probe.export()).map_err(|error| {
            let found = match &error {
                ProbeError::Trapped { line: Some(line), text } => alloc::format!("{text}, line {line}"),
                error => error.to_string(),
            };
            Reason::new("no trap", alloc::vec![found])
        })
    }

    fn probe(&mut self, probe: Probe) -> Result<Given, Reason> {
        self.call(probe)?.ok_or_else(|| Reason::new("a value", alloc::vec![String::from("none")]))
    }

    fn values(&mut self, probe: Probe) -> Result<Vec<Value>, Reason> {
        Ok(value::values(&self.probe(probe)?.payload))
    }

    /// The values of a probe for people; computed again, since it failed to be what is wanted.
    fn shown(&mut self, probe: Probe) -> Vec<String> {
        self.probe(probe).map(|given| alloc::vec![inside(&given.shown).to_string()]).unwrap_or_default()
    }

    /// Makes agents among the values of a payload, which are handles of the test's agent, ones of the tester.
    fn take_over(&mut self, payload: &mut [u8]) -> Result<(), Reason> {
        let (home, tester) = (self.home, self.tester);
        let (core, _) = self.system.kernel_mut().parts_mut();
        payload::translate(payload, Status::Invalid, |kind, word| {
            let handle = Handle::from_word(word);
            if handle == Handle::NONE {
                return Ok(word);
            }
            let grant = match kind {
                Reference::Agent => {
                    let held = core.check(home, handle, CapabilityKind::Communicate, Rights::NONE)?;
                    let rights = Rights::WRITE.with(Rights::GRANT);
                    Grant {
                        badge: held.badge,
                        ..Grant::new(CapabilityKind::Communicate, held.object, rights)
                    }
                }
                Reference::Capability => {
                    let reading = core.check(home, handle, CapabilityKind::IoRead, Rights::NONE);
                    let held = |kind| core.check(home, handle, kind, Rights::NONE);
                    reading
                        .or_else(|_| held(CapabilityKind::IoWrite))
                        .or_else(|_| held(CapabilityKind::Memory))?
                }
            };
            core.derive(home, handle, tester, grant).map(Handle::word)
        })
        .map_err(refused)
    }

    /// For each value of a pattern what it is compared with.
    fn wanted_values(
        &mut self,
        compares: &[Option<flux_fluxc::plan::Compare>],
        probe: Probe,
    ) -> Result<Vec<Option<(flux_fluxc::plan::Compare, Value)>>, Reason> {
        let mut given = self.values(probe)?.into_iter();
        Ok(compares
            .iter()
            .map(|compare| compare.and_then(|compare| Some((compare, given.next()?))))
            .collect())
    }

    fn give_reading(&mut self, readings: &[Channel], value: Probe) -> Result<(), Reason> {
        let given = self.values(value)?;
        let reading = given.first().and_then(Value::reading);
        let reading = reading.ok_or_else(|| Reason::new("a number, on or off", Vec::new()))?;
        for channel in readings {
            self.bus.give(&channel.address, channel.channel.as_deref(), reading);
        }
        Ok(())
    }
}

/// What a trap of an agent means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Traps {
    /// The test fails.
    Fail,
    /// A step looks for it.
    Expected,
}

/// What a trap means before the steps `after`: whether one of them, up to the next When, looks for it.
fn expected_traps(after: &[Step]) -> Traps {
    let mut now = after.iter().take_while(|step| !step.action.moves());
    let looks = |step: &Step| matches!(step.action, Action::ExpectTrap { presence: Presence::Some, .. });
    if now.any(looks) { Traps::Expected } else { Traps::Fail }
}

const fn message_type(kind: Sent) -> MessageType {
    match kind {
        Sent::Tell => MessageType::Tell,
        Sent::Ask => MessageType::Ask,
        Sent::Delegate => MessageType::Delegate,
    }
}

/// The values of an answer as a message of that name.
fn named(name: &str, answer: &[u8]) -> Result<Vec<u8>, Reason> {
    let long =
        || Reason::new("a name of at most 255 bytes", alloc::vec![alloc::format!("{} bytes", name.len())]);
    let length = u8::try_from(name.len()).map_err(|_| long())?;
    let mut payload = alloc::vec![length];
    payload.extend_from_slice(name.as_bytes());
    payload.extend_from_slice(answer.get(1..).unwrap_or_default());
    Ok(payload)
}

fn refused(status: Status) -> Reason {
    let found = alloc::format!("refused: {} ({})", status.meaning(), status.name());
    Reason::new("the message is delivered", alloc::vec![found])
}

/// `(1, 2)` without its parentheses.
fn inside(shown: &str) -> &str {
    shown.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(shown)
}

/// Why a step failed.
struct Reason {
    expected: String,
    found: Vec<String>,
}

impl Reason {
    fn new(expected: impl Into<String>, found: Vec<String>) -> Self {
        Self { expected: expected.into(), found }
    }

    fn at(self, step: &Step) -> Failure {
        Failure { line: step.line, step: step.text.clone(), expected: self.expected, found: self.found }
    }
}

/// Names of agents that the modules send to and that none of them is.
fn absent(modules: &[Module]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for link in modules.iter().flat_map(|module| &module.links) {
        let known = modules.iter().any(|module| module.meta.name == link.name);
        if link.kind == LinkKind::Agent && !known && !names.contains(&link.name.as_str()) {
            names.push(&link.name);
        }
    }
    names
}
