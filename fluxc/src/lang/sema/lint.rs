//! What is right by the rules and probably not meant: warnings.
//!
//! Only what is certain within the document is said, and nothing while there are errors, since
//! what was not understood may be the use that is missing.

use alloc::format;

use super::scope::nearest;
use super::tree::StateId;
use super::{Checker, Mode, Use};
use crate::diag::{Diagnostic, codes};
use crate::span::Span;
use flux_isa::ExportKind;

/// Unused variables that are named.
const MOST_UNUSED: usize = 20;

impl Checker<'_, '_> {
    /// Notes that a step, code or test names a variable of State.
    pub(super) fn note_state_use(&mut self, id: StateId) {
        if let Some(row) = self.agent.state.get(id.index()) {
            self.used_state.insert(row.span.start);
        }
    }

    /// Warns of variables of State that nothing named.
    pub(super) fn check_state_use(&mut self) {
        if self.sink.has_errors() {
            return;
        }
        let unused = self.program.agents.iter().flat_map(|agent| &agent.state);
        let unused = unused.filter(|row| !self.used_state.contains(&row.span.start));
        // A few say it; more would keep an error that comes later from being shown.
        let rows: alloc::vec::Vec<Diagnostic> = unused
            .take(MOST_UNUSED)
            .map(|row| {
                let message = format!("nothing uses the state variable `{}`", row.name);
                Diagnostic::new(codes::STATE_UNUSED, row.span, message)
                    .label("never read and never set")
                    .hint("take it out, or use it in a step")
            })
            .collect();
        for row in rows {
            self.report(row);
        }
    }

    /// Warns of the first step or statement of a block behind one that ends the run. `alive` tells
    /// whether the one before could be reached; returns the same for this one.
    pub(super) fn note_reached(&mut self, alive: bool, span: Span) -> bool {
        let lives = !self.flow.is_dead();
        // An arm that was not understood may be the one that goes on.
        if alive && !lives && !self.mode.is_foreign() && !self.misread {
            let what = if self.mode == Mode::Step { "step" } else { "statement" };
            self.report(
                Diagnostic::new(codes::NEVER_REACHED, span, format!("this {what} is never reached"))
                    .label("what stands before it ends the run or function on every way")
                    .hint("take it out, or make what ends the run depend on a condition"),
            );
        }
        lives
    }

    /// Looks at the whole of a section that was read last.
    pub(super) fn note_section_end(&mut self, kind: ExportKind, heading: Span) {
        match (kind, self.agent.ended_in) {
            (ExportKind::Init, _) if self.flow.is_dead() => self.agent.ended_in = Some(heading),
            (_, Some(init)) => {
                self.report(
                    Diagnostic::new(codes::NEVER_REACHED, heading, "this section never runs")
                        .label("the agent has ended before")
                        .secondary(init, "ends the agent on every way")
                        .hint("make the `Stop` or `Fail` there depend on a condition"),
                );
                // One message says it of all.
                self.agent.ended_in = None;
            }
            _ => {}
        }
        self.check_new_names();
    }

    /// Warns of names that a section sets and never reads, and that resemble a variable.
    fn check_new_names(&mut self) {
        if self.sink.has_errors() {
            return;
        }
        for index in 0..self.ctx.locals.len() {
            let variable = self.ctx.uses.get(index) == Some(&Use::Variable);
            let read = self.ctx.read.get(index).copied().unwrap_or(true);
            let Some(local) = self.ctx.locals.get(index).filter(|_| variable && !read) else { continue };
            let (name, span) = (local.name, local.span);
            let Some(near) = nearest(name, self.agent.state_names()) else { continue };
            self.report(
                Diagnostic::new(
                    codes::LOCAL_NEAR_NAME,
                    span,
                    format!("`{name}` is a new name, and nothing reads it"),
                )
                .label("kept to the end of this run only")
                .replace(format!("did you mean `{near}`?"), span, near),
            );
        }
    }
}
