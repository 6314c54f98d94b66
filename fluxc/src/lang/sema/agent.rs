//! One agent: keys, capabilities, Config, State, sections, links, parameters.

use alloc::borrow::{Cow, ToOwned};
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::scope::{Binding, Symbol};
use super::tree::{Agent, Answers, Link, LinkId, Param, ParamId, Section, StateId, StateVar, Timer};
use super::types::{Open, TypeId};
use super::{Carrier, Checker, HandlerShape, Mode, Place, Use, number};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{AgentDoc, Document, Ident};
use crate::span::Span;
use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::limits;
use flux_isa::{ExportKind, LinkKind};

/// Priority of an agent that names none.
pub(super) const DEFAULT_PRIORITY: u8 = 128;

/// The agent being looked at.
#[derive(Debug, Default)]
pub(super) struct AgentState<'s> {
    pub(super) active: bool,
    pub(super) state: Vec<StateVar<'s>>,
    pub(super) params: Vec<Param<'s>>,
    pub(super) implicit: HashMap<Symbol, ParamId>,
    pub(super) links: Vec<Link<'s>>,
    pub(super) link_index: HashMap<(LinkKind, String, Cow<'s, str>), LinkId>,
    pub(super) timers: Vec<Timer>,
    /// Agents that its steps start.
    pub(super) started: Vec<super::spawn::Started>,
    /// Kinds that it gives to them.
    pub(super) granted: CapabilitySet,
    /// Its memory regions.
    pub(super) regions: Vec<super::region::RegionRow<'s>>,
    pub(super) sections: Vec<Section<'s>>,
    /// First step that needs each kind.
    pub(super) needs: [Option<(Span, &'static str)>; 11],
    /// Names of State and Config, sorted, for the prefix rule.
    pub(super) sorted: Vec<&'s str>,
    /// Names of locals of all sections, for spelling hints.
    pub(super) local_names: Vec<&'s str>,
    /// The heading of Init, if it ends the agent on every way.
    pub(super) ended_in: Option<Span>,
}

impl<'s> AgentState<'s> {
    /// Tells whether an agent is being looked at.
    pub(super) fn active(&self) -> bool {
        self.active
    }

    pub(super) fn state_ty(&self, id: StateId) -> TypeId {
        self.state.get(id.index()).map_or(TypeId::ERROR, |row| row.ty)
    }

    pub(super) fn param_ty(&self, id: ParamId) -> TypeId {
        self.params.get(id.index()).map_or(TypeId::ERROR, |row| row.ty)
    }

    pub(super) fn state_names(&self) -> impl Iterator<Item = &'s str> + '_ {
        self.sorted.iter().copied()
    }

    /// Names of State and Config that begin so.
    pub(super) fn with_prefix<'x>(&'x self, prefix: &'x str) -> impl Iterator<Item = &'s str> + 'x {
        let start = self.sorted.binary_search(&prefix).unwrap_or_else(|start| start);
        self.sorted.iter().skip(start).copied().take_while(move |name| name.starts_with(prefix))
    }
}

impl<'s> Checker<'_, 's> {
    /// Types of all handlers, before any body is looked at.
    pub(super) fn collect_handlers(&mut self, document: &Document<'s>) {
        for agent in &document.agents {
            let name = agent.keys.name.map_or("", |name| name.text);
            for handler in &agent.handlers {
                let params = self.param_types(&handler.params);
                let ret = match &handler.ret {
                    Some(ty) => self.stored_type_of(ty),
                    None => self.program.types.variable(Open::Any),
                };
                let shape = HandlerShape { params, ret, heading: handler.heading };
                if let Some(first) = self.handlers.get(&(name, handler.name.text)) {
                    let first = first.heading;
                    self.defined_twice(handler.name, "handler of this agent", Some(first));
                } else {
                    self.handlers.insert((name, handler.name.text), shape);
                }
            }
        }
    }

    pub(super) fn param_types(&mut self, params: &[ast::Param<'s>]) -> Vec<TypeId> {
        params
            .iter()
            .map(|param| match &param.ty {
                Some(ty) => self.stored_type_of(ty),
                None => self.program.types.variable(Open::Any),
            })
            .collect()
    }

    /// An agent; `gas` is what a run of it may use.
    pub(super) fn agent(
        &mut self,
        doc: &mut AgentDoc<'s>,
        regions: &[ast::Region<'s>],
        gas: u64,
        stem: &str,
    ) {
        self.agent = AgentState { active: true, ..AgentState::default() };
        let scope = self.names.enter();
        let name_ident = doc.keys.name;
        let name = name_ident.map_or_else(|| stem.to_owned(), |name| name.text.to_string());
        let span = name_ident.map(|name| name.span).or(doc.heading).or(doc.keys.heading).unwrap_or_default();
        match self.agent_names.get(&name).copied() {
            Some(first) => {
                let name = Ident { text: name_ident.map_or("", |name| name.text), span };
                self.defined_twice(name, "agent", Some(first));
            }
            None => {
                self.agent_names.insert(name.clone(), span);
            }
        }
        let declared = self.capabilities(doc);
        self.collect_started(doc);
        let supervise = self.supervise(doc);
        for builtin in ["device_id", "location"] {
            let symbol = self.names.symbol(builtin);
            if self.names.binding(symbol) == Binding::None {
                self.names.bind(symbol, Binding::BuiltinParam);
            }
        }
        self.config(doc);
        let state_body = self.state(doc);
        self.regions(regions, doc.keys.memory.map_or(limits::DEFAULT_QUOTA, |memory| memory.value));
        let mut subscribe: Vec<String> = Vec::new();
        for topic in &doc.keys.subscribe {
            self.check_topics(topic);
            self.need(CapabilityKind::Communicate, topic.span, "subscribe");
            push_once(&mut subscribe, &topic.name);
        }
        self.sections(doc, &mut subscribe);
        let migrations = self.migrations(doc);
        self.check_subscriptions(doc);
        self.check_capabilities(doc, declared);
        self.check_grants();
        self.names.leave(scope);
        let state = core::mem::take(&mut self.agent);
        // 16 bits name them.
        let mut counts = [state.links.len(), state.timers.len()].into_iter();
        if counts.any(|count| u16::try_from(count).is_err()) {
            self.report(
                Diagnostic::new(
                    codes::LIMIT_PASSED,
                    span,
                    format!("more than {} devices, targets and topics, or pacers, in one agent", u16::MAX),
                )
                .label("too many"),
            );
        }
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let agent = Agent {
            name,
            version: doc.keys.version.map_or("", |version| version.text),
            span,
            capabilities: declared,
            period_ns: doc.keys.period.map_or(limits::DEFAULT_PERIOD_NS, |period| signed(period.value)),
            heartbeat_ns: doc.keys.heartbeat.map_or(0, |heartbeat| signed(heartbeat.value)),
            priority: doc.keys.priority.map_or(DEFAULT_PRIORITY, |priority| priority.value),
            memory: doc.keys.memory.map_or(limits::DEFAULT_QUOTA, |memory| memory.value),
            gas,
            subscribe,
            state: state.state,
            state_body,
            params: state.params,
            links: state.links,
            timers: state.timers,
            sections: state.sections,
            migrations,
            supervise,
        };
        self.sink.keep(&mut self.program.agents, agent, span);
        self.suggest_names(&state.local_names, &state.sorted);
    }

    // ------------------------------------------------------------ sections

    pub(super) fn sections(&mut self, doc: &mut AgentDoc<'s>, subscribe: &mut Vec<String>) {
        let plain = |kind, title: &str, span| Head {
            kind,
            title: title.to_owned(),
            name: "",
            interval_ns: 0,
            span,
            place: Place::Section,
            ret: TypeId::UNIT,
        };
        if let Some(section) = &mut doc.init {
            self.section(plain(ExportKind::Init, "Init", section.heading), &[], &[], &section.body);
            self.done_with(&mut section.body);
        }
        if let Some(section) = &mut doc.main_loop {
            self.section(plain(ExportKind::Loop, "Loop", section.heading), &[], &[], &section.body);
            self.done_with(&mut section.body);
        }
        for timer in &mut doc.timers {
            self.mode = Mode::Code;
            self.begin_body(Place::Value, TypeId::UNIT);
            let period = self.value(&timer.period, TypeId::DURATION);
            let interval = self.interval(period, "the interval of a timer");
            self.ctx = super::Context::default();
            let title = self.heading_text(timer.heading);
            let mut head = plain(ExportKind::Every, title, timer.heading);
            head.interval_ns = interval.unwrap_or(1);
            self.section(head, &[], &[], &timer.body);
            self.done_with(&mut timer.body);
        }
        let agent_name = doc.keys.name.map_or("", |name| name.text);
        for handler in &mut doc.handlers {
            let Some(shape) = self.handlers.get(&(agent_name, handler.name.text)).cloned() else { continue };
            if shape.heading != handler.heading {
                continue;
            }
            let title = format!("On {}", handler.name.text);
            let head = Head {
                kind: ExportKind::Handler,
                title,
                name: handler.name.text,
                interval_ns: 0,
                span: handler.heading,
                place: Place::Handler,
                ret: shape.ret,
            };
            self.section(head, &handler.params, &shape.params, &handler.body);
            self.done_with(&mut handler.body);
        }
        for (index, topic) in doc.topics.iter().enumerate() {
            self.check_topics(&topic.topic);
            let before = doc.topics.iter().take(index.min(64));
            let first = before.map(|other| &other.topic).find(|other| other.name == topic.topic.name);
            if let Some(first) = first {
                self.report(
                    Diagnostic::new(
                        codes::DUPLICATE_NAME,
                        topic.topic.span,
                        format!("two sections for the topic \"{}\"", topic.topic.name),
                    )
                    .label("handled before")
                    .secondary(first.span, "first here"),
                );
            }
            self.need(CapabilityKind::Communicate, topic.heading, "On topic");
            push_once(subscribe, &topic.topic.name);
            let types = self.param_types(&topic.params);
            let title = format!("On topic \"{}\"", topic.topic.name);
            let mut head = plain(ExportKind::Topic, &title, topic.heading);
            head.name = match &topic.topic.name {
                Cow::Borrowed(name) => name,
                Cow::Owned(_) => {
                    let text = self.source_text(topic.topic.span);
                    text.trim_matches('"')
                }
            };
            self.section(head, &topic.params, &types, &topic.body);
        }
    }

    fn section(
        &mut self,
        head: Head<'s>,
        params: &[ast::Param<'s>],
        types: &[TypeId],
        body: &ast::Block<'s>,
    ) {
        let scope = self.names.enter();
        self.begin_body(head.place, head.ret);
        self.ctx.section.clone_from(&head.title);
        if head.place == Place::Handler {
            self.ctx.request = Some(self.text(head.name.into()));
        }
        if head.place == Place::Handler {
            self.note_carried(head.ret, head.span, Carrier::Message);
        }
        for (index, (param, ty)) in params.iter().zip(types).enumerate() {
            let name = param.name.text;
            if let Some(first) = params.iter().take(index).find(|first| first.name.text == name) {
                self.defined_twice(param.name, "parameter of this section", Some(first.name.span));
            }
            self.note_carried(*ty, param.name.span, Carrier::Message);
            let local = self.declare_local(param.name, *ty, Use::Parameter);
            self.flow.assign(local);
        }
        if head.place == Place::Handler {
            let name = Ident { text: "_", span: head.span };
            self.ctx.answered = Some(self.new_local(name, TypeId::UNIT, Use::Constant));
        }
        self.mode = Mode::Step;
        let block = if Self::is_code_only(body) {
            self.code_body(body).unwrap_or_default()
        } else {
            self.mark_introduced(body);
            self.steps(body)
        };
        self.note_answers();
        let room = limits::LOCALS.saturating_sub(self.agent.local_names.len());
        self.agent.local_names.extend(self.ctx.introduced.iter().take(room).map(|(name, _)| *name));
        let answers = match self.ctx.answered {
            Some(answered) if self.flow.is_assigned(answered) => {
                if self.ctx.replies {
                    Answers::Replies
                } else {
                    Answers::Returns
                }
            }
            _ => Answers::Perhaps,
        };
        self.note_section_end(head.kind, head.span);
        let body = self.end_body(number(params.len()), block);
        self.names.leave(scope);
        self.sink.charge(head.title.len(), head.span);
        let section = Section {
            kind: head.kind,
            title: head.title,
            name: head.name,
            interval_ns: head.interval_ns,
            span: head.span,
            ret: head.ret,
            answers,
            body,
        };
        self.sink.keep(&mut self.agent.sections, section, head.span);
    }

    /// Warns of topics that the agent subscribes to without handling their events.
    fn check_subscriptions(&mut self, doc: &AgentDoc<'s>) {
        let keys = doc.keys.subscribe.iter().map(|topic| (topic.name.to_string(), topic.span));
        let steps =
            self.agent.links.iter().filter(|link| {
                link.link.kind == LinkKind::Topic && link.link.rights & super::send::READ != 0
            });
        let steps = steps.map(|link| (link.link.name.clone(), link.span));
        let handled: BTreeSet<&str> = doc.topics.iter().map(|topic| topic.topic.name.as_ref()).collect();
        // One with a misplaced wildcard has its error already.
        let is_handled = |name: &str| {
            flux_abi::topic::form(name) == flux_abi::topic::Form::Misplaced
                || handled.contains(name)
                || handled.iter().any(|pattern| flux_abi::topic::matches(pattern, name))
        };
        let all: Vec<(String, Span)> = keys.chain(steps).filter(|(name, _)| !is_handled(name)).collect();
        for (name, span) in all {
            self.report(
                Diagnostic::new(
                    codes::TOPIC_UNHANDLED,
                    span,
                    format!("nothing handles the events of \"{name}\""),
                )
                .hint(format!("add a section `## On topic \"{name}\"`")),
            );
        }
    }

    /// The link to something outside; one for each thing and channel.
    pub(super) fn link(
        &mut self,
        kind: LinkKind,
        name: String,
        channel: impl Into<Cow<'s, str>>,
        rights: u8,
        span: Span,
    ) -> LinkId {
        let key = (kind, name, channel.into());
        if let Some(id) = self.agent.link_index.get(&key).copied() {
            if let Some(link) = self.agent.links.get_mut(id.index()) {
                link.link.rights |= rights;
            }
            return id;
        }
        let id = LinkId(number(self.agent.links.len()));
        let link = flux_isa::Link { kind, name: key.1.clone(), channel: key.2.clone().into_owned(), rights };
        // The name is in the index too.
        self.sink.charge(
            size_of_val(&key).saturating_add(key.1.len().saturating_mul(2)).saturating_add(key.2.len()),
            span,
        );
        // What is only handed on has no name here.
        let name = if let Cow::Borrowed(name) = key.2 { name } else { "" };
        self.sink.keep(&mut self.agent.links, Link { link, span, name }, span);
        self.agent.link_index.insert(key, id);
        id
    }
}

/// What a section is, before its body is known.
struct Head<'s> {
    kind: ExportKind,
    title: String,
    name: &'s str,
    interval_ns: i64,
    span: Span,
    place: Place,
    ret: TypeId,
}

fn push_once(list: &mut Vec<String>, text: &str) {
    if !list.iter().any(|known| known == text) {
        list.push(text.to_owned());
    }
}
