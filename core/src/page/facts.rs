//! What is known of one agent: from its module, and from the steps of its sections.

use std::collections::BTreeMap;

use flux_abi::opcode::Opcode;
use flux_fluxc::lang::syntax::ast::{AgentDoc, Block, Document, Step, StepKind};
use flux_fluxc::span::Span;
use flux_isa::module::ExportKind;
use flux_isa::{Instruction, Module, SourceLine};

use super::graph::{Graph, NodeKind};
use crate::module;

/// A message or event that a section sends.
#[derive(Debug)]
pub(super) struct Sent {
    /// Heading of the section.
    pub(super) section: String,
    /// `TELL`, `ASK`, `DELEGATE`, `Publish`, `Subscribe`.
    pub(super) form: &'static str,
    /// Agent or topic.
    pub(super) target: String,
    /// The message as written.
    pub(super) message: String,
    /// Line of the step.
    pub(super) line: usize,
}

/// One agent.
#[derive(Debug)]
pub(super) struct AgentFacts {
    pub(super) module: module::Facts,
    pub(super) sent: Vec<Sent>,
    pub(super) graph: Graph,
}

/// A section with its heading and the function that it became.
struct Section<'d, 's> {
    heading: String,
    body: &'d Block<'s>,
    function: Option<u32>,
}

/// Collects the facts of the agent with this number among those of the document.
pub(super) fn of(document: &Document<'_>, index: usize, module: &Module, plain: &Module) -> AgentFacts {
    let bytes = module.encode().len();
    let mut facts =
        AgentFacts { module: module::facts(module, bytes), sent: Vec::new(), graph: Graph::default() };
    let mut nodes = BTreeMap::new();
    for (number, function) in plain.functions.iter().enumerate() {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let exported = plain.exports.iter().any(|export| export.function == number);
        let state = plain.exports.iter().any(|e| e.kind == ExportKind::StateInit && e.function == number);
        // Writing the initial state is no part of the document's own text.
        if !state {
            let kind = if exported { NodeKind::Section } else { NodeKind::Function };
            nodes.insert(number, facts.graph.node(&function.name, kind));
        }
    }
    for (from, to) in calls(plain) {
        if let (Some(from), Some(to)) = (nodes.get(&from), nodes.get(&to)) {
            facts.graph.edge(*from, *to);
        }
    }
    if let Some(agent) = document.agents.get(index) {
        for section in sections(document, agent, plain) {
            let node = section.function.and_then(|function| nodes.get(&function)).copied();
            walk(section.body, &mut |step| note(document, &section.heading, node, step, &mut facts));
        }
    }
    facts.graph.drop_lonely();
    facts
}

/// The sections of an agent that hold steps, in the order of kinds.
fn sections<'d, 's>(
    document: &Document<'s>,
    agent: &'d AgentDoc<'s>,
    module: &Module,
) -> Vec<Section<'d, 's>> {
    let heading = |span: Span| span.text(document.source).trim_start_matches('#').trim().to_owned();
    let of = |kind: ExportKind, nth: usize| {
        module.exports.iter().filter(|export| export.kind == kind).nth(nth).map(|export| export.function)
    };
    let mut out = Vec::new();
    for (kind, section) in [(ExportKind::Init, &agent.init), (ExportKind::Loop, &agent.main_loop)] {
        if let Some(section) = section {
            out.push(Section {
                heading: heading(section.heading),
                body: &section.body,
                function: of(kind, 0),
            });
        }
    }
    for (nth, timer) in agent.timers.iter().enumerate() {
        out.push(Section {
            heading: heading(timer.heading),
            body: &timer.body,
            function: of(ExportKind::Every, nth),
        });
    }
    let named = |kind: ExportKind, name: &str| {
        let mut exports = module.exports.iter();
        exports.find(|export| export.kind == kind && export.name == name).map(|export| export.function)
    };
    for handler in &agent.handlers {
        out.push(Section {
            heading: heading(handler.heading),
            body: &handler.body,
            function: named(ExportKind::Handler, handler.name.text),
        });
    }
    for topic in &agent.topics {
        out.push(Section {
            heading: heading(topic.heading),
            body: &topic.body,
            function: named(ExportKind::Topic, &topic.topic.name),
        });
    }
    out
}

/// Goes through the steps of a block and of those under them.
fn walk(block: &Block<'_>, each: &mut dyn FnMut(&Step<'_>)) {
    for step in &block.steps {
        each(step);
        match &step.kind {
            StepKind::If { arms } => arms.iter().for_each(|arm| walk(&arm.body, each)),
            StepKind::Repeat { body, .. }
            | StepKind::While { body, .. }
            | StepKind::ForEach { body, .. }
            | StepKind::Every { body, .. } => walk(body, each),
            _ => {}
        }
        if let Some(otherwise) = &step.otherwise {
            walk(&otherwise.body, each);
        }
    }
}

/// Notes what a step sends, reads or writes.
fn note(
    document: &Document<'_>,
    section: &str,
    node: Option<usize>,
    step: &Step<'_>,
    facts: &mut AgentFacts,
) {
    let text = |span: Span| span.text(document.source).split_whitespace().collect::<Vec<_>>().join(" ");
    let (form, target, message, kind) = match &step.kind {
        StepKind::Tell { target, message } => {
            ("TELL", target.name.to_owned(), text(message.span), NodeKind::Agent)
        }
        StepKind::Ask { target, message, .. } => {
            ("ASK", target.name.to_owned(), text(message.span), NodeKind::Agent)
        }
        StepKind::Delegate { target, message, .. } => {
            ("DELEGATE", target.name.to_owned(), text(message.span), NodeKind::Agent)
        }
        StepKind::Publish { value, topic } => {
            ("Publish", topic.name.to_string(), text(value.span), NodeKind::Topic)
        }
        StepKind::Subscribe { topic } => {
            ("Subscribe", topic.name.to_string(), String::new(), NodeKind::Topic)
        }
        StepKind::Read { device, .. } | StepKind::Write { device, .. } => {
            let device = facts.graph.node(&text(device.span), NodeKind::Device);
            if let Some(node) = node {
                match step.kind {
                    StepKind::Read { .. } => facts.graph.edge(device, node),
                    _ => facts.graph.edge(node, device),
                }
            }
            return;
        }
        _ => return,
    };
    let outside = facts.graph.node(&target, kind);
    if let Some(node) = node {
        facts.graph.edge(node, outside);
    }
    let before = document.source.get(..step.span.start as usize).unwrap_or("");
    let line = before.split('\n').count();
    facts.sent.push(Sent { section: section.to_owned(), form, target, message, line });
}

/// Caller and callee of each call, by function number.
fn calls(module: &Module) -> Vec<(u32, u32)> {
    let mut out = Vec::new();
    for (number, function) in module.functions.iter().enumerate() {
        let caller = u32::try_from(number).unwrap_or(u32::MAX);
        each_instruction(module, function.offset, function.length, |_, instruction| {
            if matches!(instruction.opcode(), Opcode::Call | Opcode::Tailcall) {
                out.push((caller, instruction.number(0)));
            }
        });
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// Gas that the blocks of each document line take, by line.
pub(super) fn gas_of_lines(module: &Module) -> BTreeMap<u32, u64> {
    let mut out = BTreeMap::new();
    for function in &module.functions {
        each_instruction(module, function.offset, function.length, |at, instruction| {
            if instruction.opcode() == Opcode::GasCheck {
                let row = module.lines.partition_point(|line| line.offset <= at);
                // A block's charge stands before its first instruction, which tells the line.
                let next = at.saturating_add(u32::try_from(instruction.words()).unwrap_or(1));
                let line = match module.lines.get(row) {
                    Some(line) if line.offset <= next => Some(line.line),
                    _ => row.checked_sub(1).and_then(|row| module.lines.get(row)).map(|line| line.line),
                };
                // Code of libraries is not on the page.
                if let Some(line) = line.filter(|word| SourceLine::from_word(*word).document == 0) {
                    *out.entry(line).or_insert(0) += u64::from(instruction.number(0));
                }
            }
        });
    }
    out
}

fn each_instruction(module: &Module, offset: u32, length: u32, mut each: impl FnMut(u32, &Instruction)) {
    let (mut at, end) = (offset as usize, offset.saturating_add(length) as usize);
    while at < end {
        let Ok((instruction, words)) = Instruction::decode(&module.code, at) else { return };
        each(u32::try_from(at).unwrap_or(u32::MAX), &instruction);
        at = at.saturating_add(words.max(1));
    }
}
