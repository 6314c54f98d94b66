//! The layout inside steps and entries: spaces between words, and in expressions.

use flux_fluxc::lang::syntax::ast::{
    Block, ConfigEntry, Document, Expr, StateEntry, Step, StepKind, TestStep, Type, YieldUntil,
};
use flux_fluxc::span::Span;

use super::code::{Mode, spaced};
use super::edit::Edits;
use super::list::lines_of;
use super::token::{Kind, tokens};

/// What a part of a step is laid out as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    /// An expression of a step.
    Expression,
    /// A code span.
    Code,
    /// Words for people.
    Remark,
}

/// The parts of all steps of a document, by place.
#[derive(Debug, Default)]
pub(super) struct Parts {
    list: Vec<(Span, Part)>,
}

impl Parts {
    /// Collects the parts of every step.
    pub(super) fn of(document: &Document<'_>) -> Self {
        let mut parts = Self::default();
        for agent in &document.agents {
            let sections = agent.init.iter().chain(&agent.main_loop).map(|section| &section.body);
            let timers = agent.timers.iter().map(|timer| &timer.body);
            let handlers = agent.handlers.iter().map(|handler| &handler.body);
            let topics = agent.topics.iter().map(|topic| &topic.body);
            let migrations = agent.migrations.iter().map(|migration| &migration.body);
            for block in sections.chain(timers).chain(handlers).chain(topics).chain(migrations) {
                parts.block(block);
            }
        }
        for test in &document.tests {
            parts.block(&test.body);
        }
        parts.list.sort_by_key(|(span, _)| (span.start, span.end));
        parts
    }

    fn block(&mut self, block: &Block<'_>) {
        for step in &block.steps {
            self.step(step);
        }
    }

    fn expression(&mut self, expression: &Expr<'_>) {
        self.list.push((expression.span, Part::Expression));
    }

    fn step(&mut self, step: &Step<'_>) {
        if let Some(remark) = &step.remark {
            self.list.push((remark.span, Part::Remark));
        }
        if let Some(otherwise) = &step.otherwise {
            self.block(&otherwise.body);
        }
        match &step.kind {
            StepKind::Write { value, .. }
            | StepKind::Let { value, .. }
            | StepKind::Publish { value, .. }
            | StepKind::Record { value, .. }
            | StepKind::Wait { duration: value }
            | StepKind::Log { message: value, .. }
            | StepKind::Fail { message: value }
            | StepKind::Yield { until: YieldUntil::Duration(value) }
            | StepKind::Reply { value: Some(value) } => self.expression(value),
            StepKind::Set { place, value } | StepKind::Update { place, value, .. } => {
                self.expression(place);
                self.expression(value);
            }
            StepKind::If { arms } => {
                for arm in arms {
                    self.expression(&arm.cond);
                    self.block(&arm.body);
                }
            }
            StepKind::Repeat { count: head, body }
            | StepKind::While { cond: head, body }
            | StepKind::ForEach { iter: head, body, .. }
            | StepKind::Every { period: head, body } => {
                self.expression(head);
                self.block(body);
            }
            StepKind::WaitFor { within: Some(within), .. } => self.expression(within),
            StepKind::Barrier { count, within, .. } => {
                self.expression(count);
                within.iter().for_each(|within| self.expression(within));
            }
            StepKind::Tell { message, .. } => self.list.push((message.span, Part::Expression)),
            StepKind::Test(step) => self.test(step),
            StepKind::Ask { message, within, .. } | StepKind::Delegate { message, within, .. } => {
                self.list.push((message.span, Part::Expression));
                within.iter().for_each(|within| self.expression(within));
            }
            StepKind::Call { args, .. } => args.iter().for_each(|value| self.expression(value)),
            StepKind::Code(code) => self.list.push((code.span, Part::Code)),
            _ => {}
        }
    }

    fn test(&mut self, step: &TestStep<'_>) {
        match step {
            TestStep::Given { value, .. }
            | TestStep::WhenPass { duration: value }
            | TestStep::WhenEvent { value, .. }
            | TestStep::Expect { cond: value } => self.expression(value),
            TestStep::WhenSent { message, .. } => self.list.push((message.span, Part::Expression)),
            TestStep::GivenAnswer { answer: Some(answer), .. } => self.expression(answer),
            _ => {}
        }
    }

    /// Lays out the text of one step.
    pub(super) fn text(&self, source: &str, content: Span, edits: &mut Edits) {
        let first = self.list.partition_point(|(span, _)| span.end <= content.start);
        let inside: Vec<(Span, Part)> = self
            .list
            .iter()
            .skip(first)
            .take_while(|(span, _)| span.start < content.end)
            .filter(|(span, _)| span.start >= content.start && span.end <= content.end)
            .copied()
            .collect();
        for (span, part) in &inside {
            let text = span.text(source);
            if *part != Part::Remark && !text.contains(['\n', '\r']) {
                let mode = if *part == Part::Code { Mode::Code } else { Mode::Step };
                edits.replace(*span, spaced(text, mode));
            }
        }
        for line in lines_of(source, content) {
            let line = Span::new(line.start.max(content.start), line.end.min(content.end).max(line.start));
            let text = line.text(source);
            // A code span is a step of its own; what is not in its span is its backticks.
            if text.contains('`') {
                continue;
            }
            let tokens = tokens(text);
            for (before, after) in tokens.iter().zip(tokens.iter().skip(1)) {
                let gap =
                    Span::from_usize(line.start as usize + before.end(), line.start as usize + after.start);
                let free = inside.iter().all(|(span, _)| gap.end <= span.start || span.end <= gap.start);
                let words = before.kind != Kind::Comment && after.kind != Kind::Comment;
                if free && words && gap.len() > 1 {
                    edits.replace(gap, " ");
                }
            }
        }
    }
}

/// An entry of Config or State: name, type, value; its help text stays.
struct Entry<'d, 's> {
    name: Span,
    ty: Option<&'d Type<'s>>,
    value: Option<&'d Expr<'s>>,
}

/// Lays out the entries of all agents.
pub(super) fn entries(document: &Document<'_>, edits: &mut Edits) {
    let of_config = |entry: &ConfigEntry<'_>, edits: &mut Edits| {
        let entry = Entry { name: entry.name.span, ty: entry.ty.as_ref(), value: entry.default.as_ref() };
        entry.layout(document.source, edits);
    };
    let of_state = |entry: &StateEntry<'_>, edits: &mut Edits| {
        let entry = Entry { name: entry.name.span, ty: entry.ty.as_ref(), value: entry.initial.as_ref() };
        entry.layout(document.source, edits);
    };
    for agent in &document.agents {
        agent.config.iter().for_each(|entry| of_config(entry, edits));
        agent.state.iter().for_each(|entry| of_state(entry, edits));
    }
}

impl Entry<'_, '_> {
    fn layout(&self, source: &str, edits: &mut Edits) {
        let mut end = self.name.end;
        let parts =
            [self.ty.map(|ty| (ty.span, ":", ": ")), self.value.map(|value| (value.span, "=", " = "))];
        for (span, sign, canonical) in parts.into_iter().flatten() {
            let gap = Span::new(end, span.start);
            // Nothing but the sign may stand between; articles and the like stay.
            if gap.text(source).trim() == sign {
                edits.replace(gap, canonical);
            }
            let text = span.text(source);
            if !text.contains(['\n', '\r']) {
                edits.replace(span, spaced(text, Mode::Step));
            }
            end = span.end;
        }
    }
}
