//! `## Supervise`: the table of what an agent does when one that it started ends.
//!
//! # Invariants
//! 1. Each child is an agent that a step of the supervisor starts.
//! 2. The table is sorted by document and agent, each once.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use flux_abi::supervise::{DEFAULT_RESTARTS, DEFAULT_WINDOW_NS, Strategy};
use flux_isa::{Supervise as Table, Supervised};

use super::Checker;
use super::scope::nearest;
use crate::children::sites;
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast::{AgentDoc, Supervise, SupervisedChild};

impl<'s> Checker<'_, 's> {
    /// The table of an agent; after its steps were looked through for what they start.
    pub(super) fn supervise(&mut self, doc: &AgentDoc<'s>) -> Option<Table> {
        let section = doc.supervise.as_ref()?;
        let started: Vec<&str> = sites(doc).iter().map(|site| site.agent.text).collect();
        if section.children.is_empty() {
            self.nobody_supervised(section, &started);
            return None;
        }
        let mut children: Vec<Supervised> = Vec::new();
        for (at, child) in section.children.iter().enumerate() {
            let before = section.children.iter().take(at).find(|other| other.name.text == child.name.text);
            if let Some(before) = before {
                self.child_twice(child, before);
                continue;
            }
            if !started.contains(&child.name.text) {
                self.unknown_child(child, &started);
                continue;
            }
            // What is wrong with the document of a child was said before: then it has no row.
            let documents = self.agent.started.iter().filter(|started| started.agent == child.name.text);
            children.extend(documents.map(|started| Supervised {
                document: started.path().to_string(),
                agent: child.name.text.to_string(),
                restart: child.restart,
            }));
        }
        children.sort_by(|a, b| (&a.document, &a.agent).cmp(&(&b.document, &b.agent)));
        children.dedup_by(|a, b| (&a.document, &a.agent) == (&b.document, &b.agent));
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let (restarts, window_ns) = section
            .restarts
            .map_or((DEFAULT_RESTARTS, DEFAULT_WINDOW_NS), |limit| (limit.restarts, signed(limit.window_ns)));
        let (wait_ns, longest_ns) =
            section.wait.map_or((0, 0), |wait| (signed(wait.first_ns), signed(wait.longest_ns)));
        let strategy = section.strategy.map_or(Strategy::OneForOne, |strategy| strategy.value);
        (!children.is_empty()).then_some(Table {
            strategy,
            restarts,
            window_ns,
            wait_ns,
            longest_ns,
            children,
        })
    }

    fn nobody_supervised(&mut self, section: &Supervise<'s>, started: &[&str]) {
        let row = Diagnostic::new(codes::NO_CHILD, section.heading, "`## Supervise` names no child")
            .label("nobody is started again")
            .expected("a list of agents that steps here spawn");
        self.report(match started.first() {
            Some(first) => row.hint(format!("add `- {first}`")),
            None => row.hint(
                "add `- worker` for a step such as `Spawn worker from \"worker.flux.md\" as w`, or leave the section out",
            ),
        });
    }

    fn child_twice(&mut self, child: &SupervisedChild<'s>, first: &SupervisedChild<'s>) {
        self.report(
            Diagnostic::new(
                codes::CHILD_TWICE,
                child.name.span,
                format!("`{}` is a child already", child.name.text),
            )
            .label("again here")
            .secondary(first.name.span, "first here")
            .hint("one item is for all agents of this name, however many are started"),
        );
    }

    fn unknown_child(&mut self, child: &SupervisedChild<'s>, started: &[&str]) {
        let name = child.name.text;
        let row = Diagnostic::new(
            codes::CHILD_UNKNOWN,
            child.name.span,
            format!("no step of this agent spawns `{name}`"),
        )
        .label("not a child")
        .found(name);
        let row = if started.is_empty() { row } else { row.expected(started.join(", ")) };
        let row = match nearest(name, started.iter().copied()).map(String::from) {
            Some(near) => row.replace(format!("did you mean `{near}`?"), child.name.span, near),
            None if self.own_agents.contains(&name) => row.hint(
                "agents of this document run from its start; a supervisor looks after those that it spawns",
            ),
            None => row.hint(format!(
                "add a step: `Spawn {name} from \"{name}.flux.md\" as {}`",
                name.replace('-', "_")
            )),
        };
        self.report(row);
    }
}
