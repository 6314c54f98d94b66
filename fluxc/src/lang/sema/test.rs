//! Tests: plans of actions, and the probes that give their values.
//!
//! # Invariants
//! 1. Tests are looked at when everything else is decided, and add nothing to an agent but probes:
//!    a module without tests is the same whatever tests the document has.
//! 2. A name of a test is a reading, parameter or state variable of its agent, a constant or a
//!    function; no name becomes a parameter here.

mod expect;
mod given;

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::agent::AgentState;
use super::scope::Binding;
use super::tree::{Agent, Block, ExprId, ParamId, Probe as Body, StateId, Stmt, StmtKind};
use super::types::TypeId;
use super::{Checker, Mode, Place, number};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{AgentRef, Document, Message, MessageKind, StepKind, TestStep};
use crate::plan::{Action, Probe, Sent, Step, Test};
use crate::span::Span;
use flux_abi::capability::CapabilitySet;
use flux_abi::limits;

/// What is known of the test being looked at.
pub(super) struct Scene<'d, 's> {
    document: &'d Document<'s>,
    /// Number of the agent whose names are in sight.
    agent: usize,
    /// Whether the agents have started.
    started: Started,
    /// Whether the test has sent a request.
    asked: Asked,
}

/// Whether the agents of a test have started.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Started {
    No,
    Yes,
}

/// Whether there is a request that a reply could answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Asked {
    No,
    Yes,
}

const fn sent(kind: MessageKind) -> Sent {
    match kind {
        MessageKind::Tell => Sent::Tell,
        MessageKind::Ask => Sent::Ask,
        MessageKind::Delegate => Sent::Delegate,
    }
}

impl<'s> Checker<'_, 's> {
    /// Looks at all tests of the document.
    pub(super) fn tests(&mut self, document: &Document<'s>) {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for test in &document.tests {
            if self.sink.is_spent() {
                return;
            }
            if let Some(first) = seen.insert(test.name.name.as_ref(), test.heading) {
                self.report(
                    Diagnostic::new(
                        codes::DUPLICATE_NAME,
                        test.name.span,
                        format!("two tests are called \"{}\"", test.name.name),
                    )
                    .label("a name of its own is needed")
                    .secondary(first, "first here"),
                );
            }
            self.test(test, document);
        }
        self.finish_tests();
    }

    fn test(&mut self, test: &ast::Test<'s>, document: &Document<'s>) {
        let agent = match test.agent {
            None => 0,
            Some(name) => self.program.agents.iter().position(|agent| agent.name == name).unwrap_or(0),
        };
        let scope = self.names.enter();
        self.enter_agent(agent);
        let mut scene = Scene { document, agent, started: Started::No, asked: Asked::No };
        let mut steps = Vec::new();
        let mut expects = false;
        for step in &test.body.steps {
            expects |= match &step.kind {
                StepKind::Test(step) => step.name() == "Expect",
                kind => matches!(kind, StepKind::Code(_) | StepKind::Invalid),
            };
            let Some(action) = self.test_step(step, &mut scene) else { continue };
            if !action.prepares() {
                scene.started = Started::Yes;
            }
            let text: String = self.source_text(step.span).split_whitespace().collect::<Vec<_>>().join(" ");
            if !self.sink.charge(text.len(), step.span) {
                break;
            }
            self.sink.keep(&mut steps, Step { line: 0, text, action, span: step.span }, step.span);
        }
        self.leave_agent(agent);
        self.names.leave(scope);
        if !expects && !self.has_error_in(test.heading) {
            self.report(
                Diagnostic::new(codes::TEST_EXPECTS_NOTHING, test.heading, "this test cannot fail")
                    .label("no Expect and no code in it")
                    .hint("say what should be so, for example `Expect heating is true`"),
            );
        }
        let row = Test { name: test.name.name.to_string(), line: 0, agent, steps, span: test.heading };
        self.sink.keep(&mut self.program.tests, row, test.heading);
    }

    /// Brings the names of an agent in sight again.
    fn enter_agent(&mut self, agent: usize) {
        self.agent = AgentState::default();
        let Some(row) = self.program.agents.get_mut(agent) else { return };
        let state = core::mem::take(&mut row.state);
        let params = core::mem::take(&mut row.params);
        let links = core::mem::take(&mut row.links);
        for (index, param) in params.iter().enumerate() {
            let symbol = self.names.symbol(param.name);
            self.names.bind(symbol, Binding::Param(ParamId(number(index))));
        }
        for (index, variable) in state.iter().enumerate() {
            let symbol = self.names.symbol(variable.name);
            self.names.bind(symbol, Binding::State(StateId(number(index))));
        }
        let mut sorted: Vec<&'s str> =
            params.iter().map(|row| row.name).chain(state.iter().map(|row| row.name)).collect();
        sorted.sort_unstable();
        sorted.dedup();
        self.agent = AgentState { active: true, state, params, links, sorted, ..AgentState::default() };
    }

    fn leave_agent(&mut self, agent: usize) {
        let state = core::mem::take(&mut self.agent);
        if let Some(row) = self.program.agents.get_mut(agent) {
            row.state = state.state;
            row.params = state.params;
            row.links = state.links;
        }
    }

    fn test_step(&mut self, step: &ast::Step<'s>, scene: &mut Scene<'_, 's>) -> Option<Action> {
        let test_step = match &step.kind {
            StepKind::Test(test_step) => test_step,
            StepKind::Code(code) => {
                let probe = self.probe(step.span, scene.agent, |checker, out| {
                    checker.mode = Mode::Code;
                    checker.statements(&code.stmts, out);
                });
                return Some(Action::Run(probe));
            }
            StepKind::Invalid => return None,
            kind => {
                self.report(
                    Diagnostic::new(
                        codes::NO_TEST_STEP,
                        step.span,
                        format!("`{}` is a step of programs, not of tests", kind.name()),
                    )
                    .label("not in a test")
                    .expected("Given, When, Expect, a code span or a `flux` fence"),
                );
                return None;
            }
        };
        match &**test_step {
            TestStep::Given { subject, value } => self.given(subject, value, scene, step.span),
            TestStep::GivenFails { subject } => self.given_fails(subject),
            TestStep::GivenAnswer { kind, target, message, answer } => {
                self.given_answer(*kind, *target, message, answer.as_ref(), scene)
            }
            TestStep::WhenPass { duration } => {
                let probe = self.probe(step.span, scene.agent, |checker, out| {
                    let value = checker.duration(duration);
                    checker.emit(&[value], step.span, out);
                });
                Some(Action::Pass(probe))
            }
            TestStep::WhenSent { kind, target, message } => {
                if *kind != MessageKind::Tell {
                    scene.asked = Asked::Yes;
                }
                self.when_sent(*kind, *target, message, scene)
            }
            TestStep::WhenEvent { topic, value } => {
                self.check_one_topic(topic, "published on");
                let heard = self.program.agents.iter().any(|agent| {
                    agent.subscribe.iter().any(|pattern| flux_abi::topic::matches(pattern, &topic.name))
                });
                if !heard {
                    self.matches_nothing(
                        topic.span,
                        format!("no agent of this document hears the topic \"{}\"", topic.name),
                        "nobody will notice",
                    );
                }
                let value = self.value_probe(value, TypeId::ERROR, scene);
                Some(Action::Publish { topic: topic.name.to_string(), value })
            }
            expect => self.expectation(expect, scene, step.span),
        }
    }

    fn when_sent(
        &mut self,
        kind: MessageKind,
        target: Option<AgentRef<'s>>,
        message: &Message<'s>,
        scene: &Scene<'_, 's>,
    ) -> Option<Action> {
        let agent = self.receiver(target, message, scene)?;
        let key = scene.document.agents.get(agent).and_then(|doc| doc.keys.name);
        let shape = self.handlers.get(&(key.map_or("", |name| name.text), message.name.text)).cloned();
        let Some(shape) = shape else {
            self.unknown_request(agent, message);
            return None;
        };
        if shape.params.len() != message.args.len() {
            let (want, found) = (shape.params.len(), message.args.len());
            self.wrong_count(message.name, want, found, message.span, Some(shape.heading));
            return None;
        }
        let values = self.probe(message.span, scene.agent, |checker, out| {
            let mut args = Vec::new();
            for (arg, want) in message.args.iter().zip(&shape.params) {
                let id = checker.value(arg, *want);
                args.push(checker.coerce(id, *want));
            }
            checker.emit(&args, message.span, out);
        });
        Some(Action::Send { kind: sent(kind), agent, name: message.name.text.to_owned(), values })
    }

    /// The number of the agent that a message of the test is for.
    fn receiver(
        &mut self,
        target: Option<AgentRef<'s>>,
        message: &Message<'s>,
        scene: &Scene<'_, 's>,
    ) -> Option<usize> {
        if let Some(target) = target {
            let found = self.program.agents.iter().position(|agent| agent.name == target.name);
            if found.is_none() {
                self.unknown_agent(target);
            }
            return found;
        }
        let answers = |agent: usize| {
            let key = scene.document.agents.get(agent).and_then(|doc| doc.keys.name);
            self.handlers.contains_key(&(key.map_or("", |name| name.text), message.name.text))
        };
        if self.program.agents.is_empty() {
            self.report(
                Diagnostic::new(
                    codes::TEST_AGENT_UNKNOWN,
                    message.span,
                    "there is no agent in this document to send to",
                )
                .label("a library has functions only")
                .hint("try functions with code: `expect area(2.0, 3.0) == 6.0`"),
            );
            return None;
        }
        if answers(scene.agent) {
            return Some(scene.agent);
        }
        let mut others = (0..self.program.agents.len()).filter(|agent| answers(*agent));
        match (others.next(), others.next()) {
            (Some(only), None) => Some(only),
            (Some(first), Some(_)) => {
                let name = self.program.agents.get(first).map_or("", |agent| &agent.name);
                let hint = format!("name it: `When told {name}: {}(…)`", message.name.text);
                self.report(
                    Diagnostic::new(
                        codes::TEST_AGENT_UNKNOWN,
                        message.name.span,
                        format!("several agents have `## On {}(…)`", message.name.text),
                    )
                    .label("which one?")
                    .hint(hint),
                );
                None
            }
            (None, _) => {
                self.unknown_request(scene.agent, message);
                None
            }
        }
    }

    fn unknown_agent(&mut self, target: AgentRef<'s>) {
        let names: Vec<String> = self.program.agents.iter().map(|agent| agent.name.clone()).collect();
        let row = Diagnostic::new(
            codes::TEST_AGENT_UNKNOWN,
            target.span,
            format!("this document has no agent `{}`", target.name),
        )
        .label("not defined here")
        .expected(if names.is_empty() {
            "none: this is a library".to_owned()
        } else {
            names.join(", ")
        });
        let near = self.nearest(target.name, names.iter().map(String::as_str)).map(ToOwned::to_owned);
        self.report(match near {
            Some(near) => row.replace(format!("did you mean `{near}`?"), target.span, near),
            None => row,
        });
    }

    fn unknown_request(&mut self, agent: usize, message: &Message<'s>) {
        let row = self.program.agents.get(agent);
        let names: Vec<&'s str> =
            row.map_or(&[][..], |row| &row.sections).iter().fold(Vec::new(), |mut names, section| {
                if section.kind == flux_isa::ExportKind::Handler {
                    names.push(section.name);
                }
                names
            });
        let name = row.map_or_else(String::new, |row| row.name.clone());
        let row = Diagnostic::new(
            codes::HANDLER_MISSING,
            message.name.span,
            format!("the agent `{name}` has no `## On {}(…)`", message.name.text),
        )
        .label("will be refused");
        let near = self.nearest(message.name.text, names.iter().copied()).map(ToOwned::to_owned);
        self.report(match near {
            Some(near) => row.replace(format!("did you mean `{near}`?"), message.name.span, near),
            None if names.is_empty() => row.expected("it answers no requests"),
            None => row.expected(names.join(", ")),
        });
    }

    fn matches_nothing(&mut self, span: Span, message: String, label: &str) {
        self.report(Diagnostic::new(codes::TEST_MATCHES_NOTHING, span, message).label(label));
    }

    // ------------------------------------------------------------ probes

    /// A function of the agent's module with the statements that `make` adds.
    fn probe(&mut self, span: Span, agent: usize, make: impl FnOnce(&mut Self, &mut Vec<Stmt>)) -> Probe {
        self.begin_body(Place::Test, TypeId::UNIT);
        self.mode = Mode::Step;
        let scope = self.names.enter();
        let mut stmts = Vec::new();
        make(self, &mut stmts);
        self.names.leave(scope);
        self.sink.fit(&mut stmts);
        let body = self.end_body(0, Block { stmts, value: None });
        let probe = Probe(number(self.program.probes.len()));
        self.sink.keep(&mut self.program.probes, Body { agent, span, body }, span);
        probe
    }

    /// A probe that gives one value.
    fn value_probe(&mut self, value: &ast::Expr<'s>, want: TypeId, scene: &Scene<'_, 's>) -> Probe {
        self.probe(value.span, scene.agent, |checker, out| {
            let id =
                if want == TypeId::ERROR { checker.value(value, want) } else { checker.expr_of(value, want) };
            checker.emit(&[id], value.span, out);
        })
    }

    /// A statement that gives values to whoever runs the test.
    fn emit(&mut self, values: &[ExprId], span: Span, out: &mut Vec<Stmt>) {
        let list = self.list(values);
        self.sink.keep(out, Stmt { kind: StmtKind::Emit(list), span }, span);
    }
}

/// An agent without anything: where the probes of a library run.
pub(crate) fn bare_agent(name: &str) -> Agent<'static> {
    Agent {
        name: name.to_owned(),
        version: "",
        span: Span::empty(0),
        capabilities: CapabilitySet::EMPTY,
        period_ns: limits::DEFAULT_PERIOD_NS,
        heartbeat_ns: 0,
        priority: super::agent::DEFAULT_PRIORITY,
        memory: limits::DEFAULT_QUOTA,
        gas: limits::DEFAULT_GAS,
        subscribe: Vec::new(),
        state: Vec::new(),
        state_body: super::tree::Body::default(),
        params: Vec::new(),
        links: Vec::new(),
        timers: Vec::new(),
        sections: Vec::new(),
        supervise: None,
        migrations: Vec::new(),
    }
}
