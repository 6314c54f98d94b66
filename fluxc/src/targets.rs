//! Whether the agents that documents write to are there, and understand what they are told.
//!
//! # Invariants
//! 1. What is said depends on the documents alone, in their order.
//! 2. One warning for each agent, and each of its requests, that a document names in vain.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::diag::{Diagnostic, codes};
use crate::lang::sema::tree::Program;
use crate::lang::syntax::nearest::nearest;
use crate::span::Span;
use flux_isa::desc::Desc;
use flux_isa::{ExportKind, Module};

/// What a document offers to other documents and wants of them.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    /// By agent the number of values that each of its requests takes.
    agents: BTreeMap<String, BTreeMap<String, usize>>,
    /// Its agents in the order of the document.
    names: Vec<String>,
    sends: Vec<Send>,
    library: bool,
}

#[derive(Clone, Debug)]
struct Send {
    target: String,
    target_span: Span,
    request: String,
    request_span: Span,
    count: usize,
}

impl Outline {
    /// Tells whether this is of a document without an agent.
    #[must_use]
    pub const fn is_library(&self) -> bool {
        self.library
    }

    /// The outline of a document that was analysed.
    pub(crate) fn of(program: &Program<'_>) -> Self {
        let mut outline = Self { library: program.agents.is_empty(), ..Self::default() };
        for agent in &program.agents {
            outline.names.push(agent.name.clone());
            let requests = outline.agents.entry(agent.name.clone()).or_default();
            for section in agent.sections.iter().filter(|section| section.kind == ExportKind::Handler) {
                requests.insert(section.name.into(), section.body.params as usize);
            }
        }
        outline.sends = program
            .sends
            .iter()
            .map(|send| Send {
                target: send.target.text.into(),
                target_span: send.target.span,
                request: send.request.text.into(),
                request_span: send.request.span,
                count: usize::from(send.count),
            })
            .collect();
        outline
    }

    /// Names of its agents in the order of the document; none of a library.
    pub fn agents(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Adds the agent of a compiled module: what it offers. What it sends was looked at when it was made.
    pub fn add_module(&mut self, module: &Module) {
        self.names.push(module.meta.name.clone());
        let requests = self.agents.entry(module.meta.name.clone()).or_default();
        for export in module.exports.iter().filter(|export| export.kind == ExportKind::Handler) {
            let count = Desc::parse_list(&export.arguments).map_or(0, |list| list.len());
            requests.insert(export.name.clone(), count);
        }
    }
}

/// Warnings of each document about agents and requests that none of the documents has.
#[must_use]
pub fn check_targets(documents: &[&Outline]) -> Vec<Vec<Diagnostic>> {
    let mut agents: BTreeMap<&str, &BTreeMap<String, usize>> = BTreeMap::new();
    for outline in documents {
        agents.extend(outline.agents.iter().map(|(name, requests)| (name.as_str(), requests)));
    }
    documents.iter().map(|outline| check_one(outline, &agents)).collect()
}

fn check_one(outline: &Outline, agents: &BTreeMap<&str, &BTreeMap<String, usize>>) -> Vec<Diagnostic> {
    let mut said: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut rows = Vec::new();
    for send in &outline.sends {
        let Some(requests) = agents.get(send.target.as_str()) else {
            if said.insert((&send.target, "")) {
                rows.push(unknown_agent(send, agents));
            }
            continue;
        };
        match requests.get(&send.request) {
            None if said.insert((&send.target, &send.request)) => rows.push(unknown_request(send, requests)),
            // Inside one document a wrong count is an error already.
            Some(count) if *count != send.count && !outline.agents.contains_key(&send.target) => {
                let noun = if *count == 1 { "value" } else { "values" };
                rows.push(
                    Diagnostic::new(
                        codes::HANDLER_UNKNOWN,
                        send.request_span,
                        format!(
                            "`{}` of `{}` takes {count} {noun}, {} given",
                            send.request, send.target, send.count
                        ),
                    )
                    .label("will be refused"),
                );
            }
            _ => {}
        }
    }
    rows
}

fn unknown_agent(send: &Send, agents: &BTreeMap<&str, &BTreeMap<String, usize>>) -> Diagnostic {
    let row = Diagnostic::new(
        codes::TARGET_UNKNOWN,
        send.target_span,
        format!("no agent `{}` in the documents given", send.target),
    );
    match nearest(&send.target, agents.keys().copied()) {
        Some(near) => row.replace(format!("did you mean `{near}`?"), send.target_span, near),
        None => row,
    }
}

fn unknown_request(send: &Send, requests: &BTreeMap<String, usize>) -> Diagnostic {
    let row = Diagnostic::new(
        codes::HANDLER_UNKNOWN,
        send.request_span,
        format!("the agent `{}` has no `## On {}(…)`", send.target, send.request),
    )
    .label("will be refused");
    let names: Vec<&str> = requests.keys().map(String::as_str).collect();
    match nearest(&send.request, names.iter().copied()) {
        Some(near) => row.replace(format!("did you mean `{near}`?"), send.request_span, near),
        None if names.is_empty() => row.expected("it answers no requests"),
        None => row.expected(names.join(", ")),
    }
}
