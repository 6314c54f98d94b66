//! Capabilities: what an agent declares against what its steps need.

use super::Checker;
use super::scope::nearest;
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast::{AgentDoc, Document, Ident};
use crate::span::Span;
use alloc::format;
use alloc::vec::Vec;
use flux_abi::capability::{CapabilityKind, CapabilitySet};

impl<'s> Checker<'_, 's> {
    pub(super) fn capabilities(&mut self, doc: &AgentDoc<'s>) -> CapabilitySet {
        self.capability_set(&doc.keys.capabilities)
    }

    /// Looks over what the frontmatter says of capabilities where the agent says it too.
    pub(super) fn frontmatter_capabilities(&mut self, document: &Document<'s>) {
        let front = &document.frontmatter.capabilities;
        let agent = document.agents.first().map_or(&[][..], |agent| &agent.keys.capabilities);
        let place = |list: &[Ident<'s>]| list.first().map(|word| word.span);
        // Those that only the frontmatter names are the agent's, and looked over there.
        if place(front) != place(agent) {
            self.capability_set(front);
        }
    }

    fn capability_set(&mut self, words: &[Ident<'s>]) -> CapabilitySet {
        let mut set = CapabilitySet::EMPTY;
        for word in words {
            if let Some(kind) = self.capability(*word) {
                set = set.with(kind);
            }
        }
        set
    }

    /// The kind that a word names.
    pub(super) fn capability(&mut self, word: Ident<'s>) -> Option<CapabilityKind> {
        let kind = CapabilityKind::ALL.iter().copied().find(|kind| word.is(kind.name()));
        if kind.is_none() {
            let all = CapabilityKind::ALL.iter().map(|kind| kind.name());
            let upper = word.text.to_ascii_uppercase();
            let mut diagnostic = Diagnostic::new(
                codes::UNKNOWN_CAPABILITY,
                word.span,
                format!("`{}` is no capability", word.text),
            )
            .label("unknown")
            .expected(all.clone().collect::<Vec<_>>().join(", "))
            .found(word.text);
            if let Some(near) = nearest(&upper, all) {
                diagnostic = diagnostic.replace(format!("did you mean `{near}`?"), word.span, near);
            }
            self.report(diagnostic);
        }
        kind
    }

    /// Notes that a step needs a capability.
    pub(super) fn need(&mut self, kind: CapabilityKind, span: Span, what: &'static str) {
        if let Some(slot @ None) = self.agent.needs.get_mut(kind as usize) {
            *slot = Some((span, what));
        }
    }

    pub(super) fn check_capabilities(&mut self, doc: &AgentDoc<'s>, declared: CapabilitySet) {
        for kind in CapabilityKind::ALL.iter().copied() {
            let need = self.agent.needs.get(kind as usize).copied().flatten();
            match need {
                Some((span, what)) if !declared.allows(kind) => {
                    self.missing_capability(doc, kind, span, what);
                }
                _ => {}
            }
            let network = kind == CapabilityKind::Network
                && self.agent.needs.get(CapabilityKind::Communicate as usize).copied().flatten().is_some();
            if declared.contains(kind)
                && need.is_none()
                // A step with an error may be the one that needs it.
                && !self.sink.has_errors()
                && !network
                && kind != CapabilityKind::Memory
                && let Some(word) = doc.keys.capabilities.iter().find(|word| word.is(kind.name()))
            {
                self.report(
                    Diagnostic::new(
                        codes::CAPABILITY_UNUSED,
                        word.span,
                        format!("no step needs the capability {}", kind.name()),
                    )
                    .label("declared but not used")
                    .hint("take it out: an agent should hold what it needs and no more"),
                );
            }
        }
    }

    pub(super) fn missing_capability(
        &mut self,
        doc: &AgentDoc<'s>,
        kind: CapabilityKind,
        span: Span,
        what: &'static str,
    ) {
        let name = kind.name();
        let diagnostic = Diagnostic::new(
            codes::MISSING_CAPABILITY,
            span,
            format!("`{what}` needs the capability {name}, which the agent does not declare"),
        )
        .label(format!("needs {name}"))
        .expected(format!("{name} among `capabilities:` of `## Agent`"));
        let diagnostic = if let Some(last) = doc.keys.capabilities.last() {
            diagnostic.secondary(last.span, "declared here").replace(
                format!("add `, {name}`"),
                Span::empty(last.span.end),
                format!(", {name}"),
            )
        } else if let Some(heading) = doc.keys.heading.filter(|_| doc.heading.is_none()) {
            let text = format!("capabilities: {name}");
            diagnostic.replace(
                format!("add the line `{text}` under `## Agent`"),
                Span::empty(heading.end),
                format!("\n{text}"),
            )
        } else if doc.heading.is_some() {
            diagnostic.hint(format!("add `### Agent` with the line `capabilities: {name}`"))
        } else {
            diagnostic.hint(format!("add a section `## Agent` with the line `capabilities: {name}`"))
        };
        self.report(diagnostic);
    }
}
