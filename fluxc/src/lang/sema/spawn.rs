//! Steps that start agents, give them rights and end them.
//!
//! # Invariants
//! 1. An agent gives away only kinds that it declares; what a kind reaches is what the modules of the
//!    agents that it starts list, so it is known when compiling and stands among its own links.
//! 2. The module of a started agent is found when compiling; there is no name to look up at run time.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::Checker;
use super::scope::{Binding, nearest};
use super::tree::{Entrusting, ExprId, ExprKind, LinkId, Spawning, StmtKind, Way};
use super::types::TypeId;
use crate::children::{ChildDocument, sites};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast::{AgentDoc, AgentRef, Ident, Message, Step, StepKind, Topic};
use crate::span::Span;
use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_isa::{Export, ExportKind, Link, LinkKind, Module};

/// Rights of links.
const READ: u8 = 1;
const WRITE: u8 = 2;

/// An agent that a step starts.
#[derive(Clone, Debug)]
pub(super) struct Started {
    document: Rc<ChildDocument>,
    pub(super) agent: String,
    /// The name of the agent in the step.
    span: Span,
}

impl Started {
    /// The path of its document.
    pub(super) fn path(&self) -> &str {
        &self.document.path
    }

    fn module(&self) -> Option<&Module> {
        self.document.module(&self.agent)
    }
}

/// Something outside that an agent uses by rights of a kind.
struct Reached {
    kind: LinkKind,
    name: String,
    channel: String,
    rights: u8,
}

impl<'s> Checker<'_, 's> {
    /// Notes what the steps of an agent start, before any of them is looked at: a Grant may stand
    /// before the Spawn.
    pub(super) fn collect_started(&mut self, doc: &AgentDoc<'s>) {
        if self.children.is_empty() {
            return;
        }
        for site in sites(doc) {
            let Some(document) = self.children.get(&site.path.span.start) else { continue };
            if document.module(site.agent.text).is_some() {
                let (document, agent) = (Rc::clone(document), site.agent.text.to_string());
                self.agent.started.push(Started { document, agent, span: site.agent.span });
            }
        }
    }

    pub(super) fn agent_step(&mut self, step: &Step<'s>) -> Option<StmtKind> {
        match &step.kind {
            StepKind::Spawn { agent, path, bind } => self.spawn(step, *agent, path.as_ref(), *bind),
            StepKind::Grant { capability, to } => self.entrust(step, Way::Give, *capability, *to),
            StepKind::Revoke { capability, from } => self.entrust(step, Way::Take, *capability, *from),
            StepKind::StopAgent { agent } => self.known_agent(*agent).map(StmtKind::StopAgent),
            StepKind::GiveUp { name } => self.held(*name).map(StmtKind::GiveUp),
            _ => None,
        }
    }

    fn spawn(
        &mut self,
        step: &Step<'s>,
        agent: Ident<'s>,
        path: Option<&Topic<'s>>,
        bind: Option<Ident<'s>>,
    ) -> Option<StmtKind> {
        self.need(CapabilityKind::Spawn, step.span, "Spawn");
        let link = self.started_link(step, agent, path);
        let mut place = None;
        let otherwise = self.with_otherwise(step, |checker| {
            if let Some(name) = bind {
                let handle = checker.new_expr(ExprKind::Invalid, TypeId::AGENT, name.span);
                place = checker.place_named(name, handle);
            }
        });
        if bind.is_some() && place.is_none() {
            return None;
        }
        Some(StmtKind::Spawn(Box::new(Spawning { link: link?, bind: place, otherwise })))
    }

    /// The link to the module of an agent that is started.
    fn started_link(
        &mut self,
        step: &Step<'s>,
        agent: Ident<'s>,
        path: Option<&Topic<'s>>,
    ) -> Option<LinkId> {
        let Some(path) = path else {
            let here = self.own_agents.contains(&agent.text);
            self.report(
                Diagnostic::new(
                    codes::SPAWN_WITHOUT_DOCUMENT,
                    step.span,
                    if here {
                        format!("`{}` is an agent of this document and runs from its start", agent.text)
                    } else {
                        format!("nothing says which document `{}` is in", agent.text)
                    },
                )
                .label("started from where?")
                .hint(format!(
                    "put it into a document of its own and write `Spawn {0} from \"{0}.flux.md\" as {1}`",
                    agent.text,
                    agent.text.replace('-', "_")
                )),
            );
            return None;
        };
        // What is wrong with the document itself was said before.
        let document = Rc::clone(self.children.get(&path.span.start)?);
        if document.module(agent.text).is_none() {
            let names: Vec<&str> = document.modules.iter().map(|module| module.meta.name.as_str()).collect();
            let row = Diagnostic::new(
                codes::AGENT_UNKNOWN,
                agent.span,
                format!("the document `{}` has no agent `{}`", document.path, agent.text),
            )
            .label("not there")
            .expected(names.join(", "))
            .found(agent.text);
            let near = nearest(agent.text, names.iter().copied());
            let only = if let [only] = names.as_slice() { Some(*only) } else { None };
            self.report(match (near, only) {
                (Some(near), _) => row.replace(format!("did you mean `{near}`?"), agent.span, near),
                (None, Some(only)) => row.replace(format!("it has `{only}`"), agent.span, only),
                (None, None) => row,
            });
            return None;
        }
        Some(self.link(LinkKind::Module, document.path.clone(), agent.text, READ, agent.span))
    }

    fn entrust(
        &mut self,
        step: &Step<'s>,
        way: Way,
        capability: Ident<'s>,
        agent: AgentRef<'s>,
    ) -> Option<StmtKind> {
        let kind = self.capability(capability);
        let agent = self.known_agent(agent);
        let kind = kind?;
        self.need(kind, step.span, step.kind.name());
        if way == Way::Give {
            self.agent.granted = self.agent.granted.with(kind);
        }
        let reached: Vec<Reached> = self
            .agent
            .started
            .iter()
            .filter_map(Started::module)
            .flat_map(|module| reached(module, kind))
            .collect();
        let mut links = Vec::new();
        for Reached { kind, name, channel, rights } in reached {
            let id = self.link(kind, name, channel, rights, capability.span);
            if !links.contains(&id) {
                links.push(id);
            }
        }
        Some(StmtKind::Entrust(Box::new(Entrusting { way, agent: agent?, kind, links })))
    }

    /// The variable of type `agent` that a name means, if it means one.
    pub(super) fn agent_variable(&mut self, agent: AgentRef<'s>) -> Option<ExprId> {
        let symbol = self.names.symbol(agent.name);
        let ty = match self.names.binding(symbol) {
            Binding::Local(local) => self.local_ty(local),
            Binding::State(id) => self.agent.state_ty(id),
            _ => return None,
        };
        if self.program.types.resolve(ty) != TypeId::AGENT {
            return None;
        }
        Some(self.name(Ident { text: agent.name, span: agent.span }))
    }

    /// The handle that a name must mean.
    fn known_agent(&mut self, agent: AgentRef<'s>) -> Option<ExprId> {
        if let Some(id) = self.agent_variable(agent) {
            return (!self.is_invalid(id)).then_some(id);
        }
        let symbol = self.names.symbol(agent.name);
        if self.names.binding(symbol) == Binding::Unset {
            self.unset(Ident { text: agent.name, span: agent.span });
            return None;
        }
        let locals = self.ctx.locals.iter().map(|local| (local.name, local.ty));
        let state = self.agent.state.iter().map(|variable| (variable.name, variable.ty));
        let names: Vec<&str> = locals
            .chain(state)
            .filter(|(_, ty)| self.program.types.resolve(*ty) == TypeId::AGENT)
            .map(|(name, _)| name)
            .collect();
        let row = Diagnostic::new(
            codes::UNDEFINED_NAME,
            agent.span,
            format!("`{}` is no agent that this one has a handle of", agent.name),
        )
        .label("not a variable of type agent")
        .expected("a name from `Spawn … as name`, or a variable of `## State` of type agent");
        self.report(match (nearest(agent.name, names.iter().copied()), names.as_slice()) {
            (Some(near), _) => row.replace(format!("did you mean `{near}`?"), agent.span, near),
            (None, [only]) => row.replace(format!("`{only}` is one"), agent.span, *only),
            (None, _) => row.hint(format!(
                "write a step before: `Spawn worker from \"worker.flux.md\" as {}`",
                agent.name.replace('-', "_")
            )),
        });
        None
    }

    /// What the started agents answer to a request, if that is one type without parts; a request that
    /// none of them has is a warning.
    pub(super) fn answer_of_started(&mut self, message: &Message<'s>) -> Option<TypeId> {
        let name = message.name;
        let modules: Vec<&Module> = self.agent.started.iter().filter_map(Started::module).collect();
        // A handle may come from elsewhere where nothing is started.
        if modules.is_empty() {
            return None;
        }
        let is_handler = |export: &&Export| export.kind == ExportKind::Handler;
        let exports: Vec<&Export> =
            modules.iter().flat_map(|module| module.exports.iter().filter(is_handler)).collect();
        let mut results =
            exports.iter().filter(|export| export.name == name.text).map(|export| &export.result);
        if let Some(first) = results.next() {
            return results.all(|result| result == first).then(|| simple_type(first)).flatten();
        }
        let mut handlers: Vec<&str> = exports.iter().map(|export| export.name.as_str()).collect();
        handlers.sort_unstable();
        handlers.dedup();
        let row = Diagnostic::new(
            codes::HANDLER_UNKNOWN,
            name.span,
            format!("no agent that is started here has `## On {}(…)`", name.text),
        )
        .label("will be refused");
        let near = nearest(name.text, handlers.iter().copied()).map(String::from);
        let all = handlers.join(", ");
        self.report(match near {
            Some(near) => row.replace(format!("did you mean `{near}`?"), name.span, near),
            None if all.is_empty() => row.hint("the agents that are started here answer no requests"),
            None => row.expected(all),
        });
        None
    }

    /// Warns of kinds that started agents declare and nobody gives them.
    pub(super) fn check_grants(&mut self) {
        let mut said: Vec<(String, CapabilityKind)> = Vec::new();
        for started in core::mem::take(&mut self.agent.started) {
            let Some(module) = started.module() else { continue };
            for kind in module.capabilities.iter().filter(|kind| *kind != CapabilityKind::Memory) {
                let key = (started.agent.clone(), kind);
                if self.agent.granted.allows(kind) || said.contains(&key) {
                    continue;
                }
                said.push(key);
                let (agent, name) = (&started.agent, kind.name());
                self.report(
                    Diagnostic::new(
                        codes::NOT_GRANTED,
                        started.span,
                        format!("`{agent}` declares {name}, and no step here grants it"),
                    )
                    .label(format!("starts without {name}"))
                    .hint(format!(
                        "an agent gets what it is given and no more: after the Spawn add `Grant {name} to` it"
                    )),
                );
            }
        }
    }
}

/// The type without parts that a descriptor is of.
fn simple_type(desc: &str) -> Option<TypeId> {
    Some(match desc {
        "b" => TypeId::BOOL,
        "l" => TypeId::I64,
        "d" => TypeId::F64,
        "s" => TypeId::STR,
        "t" => TypeId::DURATION,
        "a" => TypeId::AGENT,
        "k" => TypeId::CAPABILITY,
        "r" => TypeId::REGION,
        _ => return None,
    })
}

/// What a module uses by rights of a kind.
fn reached(module: &Module, kind: CapabilityKind) -> Vec<Reached> {
    let of_link = |link: &Link| {
        let rights = match (link.kind, kind) {
            (LinkKind::Device, CapabilityKind::IoRead) => link.rights & READ,
            (LinkKind::Device, CapabilityKind::IoWrite) => link.rights & WRITE,
            (LinkKind::Agent | LinkKind::Topic, CapabilityKind::Communicate | CapabilityKind::Network) => {
                link.rights
            }
            _ => 0,
        };
        let (name, channel) = (link.name.clone(), link.channel.clone());
        (rights != 0).then_some(Reached { kind: link.kind, name, channel, rights })
    };
    let mut all: Vec<Reached> = module.links.iter().filter_map(of_link).collect();
    if CapabilitySet::EMPTY.with(kind).allows(CapabilityKind::Communicate) {
        let handled = module.exports.iter().filter(|export| export.kind == ExportKind::Topic);
        let topics = handled.map(|export| &export.name).chain(&module.meta.subscribe);
        all.extend(topics.map(|topic| Reached {
            kind: LinkKind::Topic,
            name: topic.clone(),
            channel: String::new(),
            rights: READ,
        }));
    }
    all
}
