//! From blocks to the sections of a document.
//!
//! A level-2 heading opens a section; under `## agent: x` level-3 headings do. What is under no
//! section of the language is documentation, except the fences that declare something.

mod body;
mod entries;

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;

use super::ast::{AgentDoc, Block, Document, Ident, Section};
use super::foreign;
use super::heading::{self, Kind};
use super::keys;
use super::step::Place;
use super::steps::{Siblings, StepReader};
use super::supervise::supervise;
use crate::diag::{Diagnostic, Sink, codes};
use crate::md::{self, BlockKind, Blocks};
use crate::span::Span;

/// A section before it is read.
#[derive(Clone, Copy)]
struct Part {
    kind: Kind,
    /// The heading, or an empty span for what stands before the first one.
    heading: Span,
    body: Siblings,
    /// Index into [`Reader::agents`].
    agent: usize,
}

/// Whether a section may have no steps.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Emptiness {
    Error,
    Allowed,
}

/// What the content of a section is read as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// Documentation, with fences that may declare; so are `## Types` and `## agent: x`.
    Prose,
    /// `key: value` lines.
    Keys,
    /// `- name: type = value` entries.
    Entries,
    /// Steps.
    Steps,
    /// A function whose first fence is its body.
    Function,
}

/// One section: a heading and the outermost blocks under it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outline {
    /// How its content is read.
    pub role: Role,
    /// The heading; empty for what stands before the first one.
    pub heading: Span,
    /// Whether the language knows the heading.
    pub known: Known,
    /// Code in the heading: what follows `On`, `On topic`, `fn:`.
    pub signature: Option<Span>,
    /// Index of the first block under the heading.
    pub from: u32,
    /// Index after the last one.
    pub to: u32,
}

/// Whether a heading opens a section of the language.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Known {
    /// It does.
    Section,
    /// It is documentation.
    Prose,
}

/// The blocks of a document and the sections that its headings cut them into, for tools that work
/// on the text: layout, outlines.
#[must_use]
pub fn outline(source: &str, sink: &mut Sink) -> (Blocks, Vec<Outline>) {
    let blocks = md::read(source, sink);
    let mut reader = Reader { source, blocks, sink, document: Document::default(), agents: Vec::new() };
    reader.new_agent(None, None);
    let parts = reader.parts();
    let sections = parts.iter().map(|part| part.outline()).collect();
    (core::mem::take(&mut reader.blocks), sections)
}

impl Part {
    fn outline(&self) -> Outline {
        let (role, signature) = match self.kind {
            Kind::Compile
            | Kind::Agent
            | Kind::Supervise
            | Kind::Region(_)
            | Kind::Import(_)
            | Kind::Export(_) => (Role::Keys, None),
            Kind::Config | Kind::State => (Role::Entries, None),
            Kind::Init | Kind::Loop | Kind::Every(_) | Kind::Test(_) | Kind::Migrate(..) => {
                (Role::Steps, None)
            }
            Kind::On(rest) | Kind::Topic(rest) => (Role::Steps, Some(rest)),
            Kind::Fn(rest) | Kind::Tile(rest) => (Role::Function, Some(rest)),
            Kind::Prose | Kind::Types | Kind::SubAgent(_) => (Role::Prose, None),
        };
        let known = if self.kind == Kind::Prose { Known::Prose } else { Known::Section };
        let (from, to) = (self.body.from, self.body.to);
        Outline { role, heading: self.heading, known, signature, from, to }
    }
}

/// An agent while its sections are read.
struct Building<'s> {
    doc: AgentDoc<'s>,
    /// Whether a section of it was found.
    used: Use,
    seen: [Option<Span>; Kind::ONCE],
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Use {
    None,
    Some,
}

struct Reader<'s, 'k> {
    source: &'s str,
    blocks: Blocks,
    sink: &'k mut Sink,
    document: Document<'s>,
    agents: Vec<Building<'s>>,
}

/// Reads the document that begins at `start` and ends with the text.
pub(super) fn document<'s>(source: &'s str, start: usize, sink: &mut Sink) -> Document<'s> {
    let blocks = md::read_from(source, start, sink);
    let mut document = Document { source, ..Document::default() };
    if let Some(span) = blocks.frontmatter {
        document.frontmatter = keys::frontmatter(source, span, sink);
    }
    let mut reader = Reader { source, blocks, sink, document, agents: Vec::new() };
    reader.new_agent(None, None);
    for part in reader.parts() {
        reader.part(part);
    }
    reader.finish()
}

impl<'s> Reader<'s, '_> {
    fn new_agent(&mut self, heading: Option<Span>, name: Option<Ident<'s>>) {
        let mut doc = AgentDoc { heading, ..AgentDoc::default() };
        doc.keys.name = name;
        let used = if heading.is_some() { Use::Some } else { Use::None };
        let agent = Building { doc, used, seen: [None; Kind::ONCE] };
        self.sink.keep(&mut self.agents, agent, heading.unwrap_or_default());
    }

    // ------------------------------------------------------------ cutting

    /// Cuts the outermost blocks at the headings that open sections.
    fn parts(&mut self) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        let mut current =
            Part { kind: Kind::Prose, heading: Span::default(), body: Siblings { from: 0, to: 0 }, agent: 0 };
        // Whether level-3 headings are sections: the agent that they belong to.
        let mut sub: Option<usize> = None;
        let mut at = 0_u32;
        while let Some(block) = self.blocks.get(at).copied() {
            let next = block.next.max(at.saturating_add(1));
            if let Some(opened) = self.opens(&block, &mut sub) {
                current.body.to = at;
                if !self.sink.keep(&mut parts, current, block.span) {
                    return parts;
                }
                let body = Siblings { from: next, to: next };
                current = Part { kind: opened.0, heading: block.span, body, agent: opened.1 };
            }
            at = next;
        }
        current.body.to = at;
        self.sink.keep(&mut parts, current, current.heading);
        parts
    }

    /// The section that a heading opens and its agent; `None` if it opens none.
    fn opens(&mut self, block: &md::Block, sub: &mut Option<usize>) -> Option<(Kind, usize)> {
        let level = match block.kind {
            BlockKind::Heading { level } => level,
            BlockKind::SetextHeading { level: 1 } if self.document.title.is_none() => 1,
            _ => return None,
        };
        let text = block.content.text(self.source);
        let kind = heading::kind(self.source, block.content);
        match level {
            1 => {
                if self.document.title.is_none() && !text.is_empty() {
                    self.document.title = Some(Ident { text, span: block.content });
                }
                *sub = None;
                Some((Kind::Prose, 0))
            }
            2 => {
                *sub = None;
                if let Kind::SubAgent(rest) = kind {
                    let value = Ident { text: rest.text(self.source), span: rest };
                    let name = keys::agent_name(value, self.sink);
                    *sub = Some(self.agents.len());
                    self.new_agent(Some(block.span), name);
                }
                if kind == Kind::Prose {
                    self.near_section(text, block.content);
                }
                Some((kind, sub.unwrap_or(0)))
            }
            3 => match *sub {
                Some(agent) if kind != Kind::Prose => Some((kind, agent)),
                Some(_) => {
                    self.near_section(text, block.content);
                    None
                }
                None => {
                    if kind != Kind::Prose {
                        self.prose_heading(block.span, text);
                    }
                    None
                }
            },
            _ => None,
        }
    }

    fn near_section(&mut self, text: &str, span: Span) {
        if let Some(near) = heading::near(text) {
            self.sink.push(
                Diagnostic::new(
                    codes::PROSE_HEADING_NEAR_SECTION,
                    span,
                    format!("`{text}` is documentation, since no section has this name"),
                )
                .replace(format!("did you mean `{near}`?"), span, near),
            );
        } else if let Some((meant, why)) =
            heading::meant(text, self.source.get(span.end as usize..).unwrap_or(""))
        {
            self.sink.push(
                Diagnostic::new(
                    codes::PROSE_HEADING_NEAR_SECTION,
                    span,
                    format!("`{text}` is documentation, since {why}"),
                )
                .replace("for a section write", span, meant),
            );
        }
    }

    fn prose_heading(&mut self, span: Span, text: &str) {
        let end = span.start.saturating_add(3);
        self.sink.push(
            Diagnostic::new(
                codes::PROSE_LOOKS_LIKE_SECTION,
                span,
                format!("`### {text}` is documentation: sections are headings of level 2"),
            )
            .replace("to open a section write `##`", Span::new(span.start, end), "##"),
        );
    }

    // ------------------------------------------------------------ sections

    fn part(&mut self, part: Part) {
        if part.kind.of_agent()
            && let Some(agent) = self.agents.get_mut(part.agent)
        {
            agent.used = Use::Some;
        }
        if self.repeated(part) {
            return;
        }
        if matches!(part.kind, Kind::Compile | Kind::Agent | Kind::Supervise) {
            self.declarations(part.body);
        }
        match part.kind {
            Kind::Prose | Kind::Types | Kind::SubAgent(_) => self.declarations(part.body),
            Kind::Compile => {
                if part.agent > 0 {
                    self.sink.push(
                        Diagnostic::new(
                            codes::SECTION_MISPLACED,
                            part.heading,
                            "`Compile` belongs to the document, not to one agent",
                        )
                        .hint("move it to level 2"),
                    );
                }
                let lines = self.key_lines(part, "`key: value` lines");
                self.document.compile.heading = Some(part.heading);
                keys::compile(&lines, &mut self.document.compile, self.sink);
            }
            Kind::Agent => {
                let lines = self.key_lines(part, "`key: value` lines");
                if let Some(agent) = self.agents.get_mut(part.agent) {
                    agent.doc.keys.heading = Some(part.heading);
                    keys::agent(&lines, &mut agent.doc.keys, self.sink);
                }
            }
            Kind::Config => self.config(part),
            Kind::State => self.state(part),
            Kind::Init | Kind::Loop => {
                let body = self.steps(part, Place::Program);
                let section = Section { heading: part.heading, body };
                if let Some(agent) = self.agents.get_mut(part.agent) {
                    match part.kind {
                        Kind::Init => agent.doc.init = Some(section),
                        _ => agent.doc.main_loop = Some(section),
                    }
                }
            }
            Kind::Every(rest) => self.timer(part, rest),
            Kind::On(rest) => self.handler(part, rest),
            Kind::Topic(rest) => self.topic(part, rest),
            Kind::Fn(rest) => self.function(part, rest),
            Kind::Tile(rest) => self.tile(part, rest),
            Kind::Test(rest) => self.test(part, rest),
            Kind::Migrate(direction, rest) => self.migration(part, direction, rest),
            Kind::Supervise => {
                let lines = keys::lines(self.source, &self.blocks, part.body.from, part.body.to, self.sink);
                let supervise = supervise(part.heading, &lines, self.sink);
                if let Some(agent) = self.agents.get_mut(part.agent) {
                    agent.doc.supervise = Some(supervise);
                }
            }
            Kind::Region(rest) | Kind::Import(rest) | Kind::Export(rest) => {
                self.family(part, rest);
            }
        }
    }

    /// Reports a section that the agent, or the document, has already.
    fn repeated(&mut self, part: Part) -> bool {
        let agent = if part.kind == Kind::Compile { 0 } else { part.agent };
        let Some(slot) = part
            .kind
            .once()
            .and_then(|kind| self.agents.get_mut(agent).and_then(|agent| agent.seen.get_mut(kind)))
        else {
            return false;
        };
        let Some(first) = *slot else {
            *slot = Some(part.heading);
            return false;
        };
        self.sink.push(
            Diagnostic::new(
                codes::DUPLICATE_SECTION,
                part.heading,
                format!("`{}` is there twice", part.heading.text(self.source)),
            )
            .secondary(first, "first here")
            .hint("move its content into the first one"),
        );
        true
    }

    fn key_lines(&mut self, part: Part, expected: &str) -> keys::KeyLines<'s> {
        let lines = keys::lines(self.source, &self.blocks, part.body.from, part.body.to, self.sink);
        for item in &lines.items {
            self.sink.push(
                Diagnostic::new(codes::BAD_KEY_LINE, item.span, "this is no `key: value` line")
                    .expected(expected),
            );
        }
        lines
    }

    fn steps(&mut self, part: Part, place: Place) -> Block<'s> {
        self.section_steps(part, place, Emptiness::Error)
    }

    fn section_steps(&mut self, part: Part, place: Place, empty: Emptiness) -> Block<'s> {
        let errors = self.sink.errors();
        let mut reader = StepReader {
            source: self.source,
            blocks: &self.blocks,
            sink: self.sink,
            place,
            items: &mut self.document.items,
            fences: &mut self.document.fences,
        };
        let block = reader.sequence(part.body);
        if empty == Emptiness::Error {
            reader.need_steps(&block, part.heading, errors);
        }
        block
    }

    // ------------------------------------------------------------ the end

    fn finish(mut self) -> Document<'s> {
        let blocks = core::mem::take(&mut self.blocks);
        self.sink.release(blocks.bytes());
        drop(blocks);
        self.merge_frontmatter();
        foreign::read(&mut self.document, self.sink);
        let empty = self.agents.iter().all(|agent| agent.used == Use::None)
            && self.document.items.is_empty()
            && self.document.tests.is_empty()
            && self.document.tiles.is_empty()
            && self.document.regions.is_empty()
            && self.document.imports.is_empty()
            && self.document.exports.is_empty()
            && self.document.fences.is_empty();
        if empty && !self.sink.has_errors() {
            self.sink.push(
                Diagnostic::new(
                    codes::EMPTY_DOCUMENT,
                    Span::default(),
                    "there is nothing to compile: no section of the language and no code",
                )
                .expected("a section such as `## Agent` or `## Loop`")
                .hint("begin with\n## Agent\nname: my-agent\n## Loop\n1. Log \"hello\""),
            );
        }
        for agent in self.agents.into_iter().filter(|agent| agent.used == Use::Some) {
            let span = agent.doc.heading.unwrap_or_default();
            self.sink.keep(&mut self.document.agents, agent.doc, span);
        }
        self.document
    }

    /// Frontmatter speaks of the first agent; what both say must be equal.
    fn merge_frontmatter(&mut self) {
        let front = &self.document.frontmatter;
        let Some(agent) = self.agents.first_mut() else { return };
        if front.agent.is_some() || !front.capabilities.is_empty() {
            agent.used = Use::Some;
        }
        let keys = &mut agent.doc.keys;
        match (front.agent, keys.name) {
            (Some(front), Some(name)) if front.text != name.text => {
                self.sink.push(disagree(name.span, front.span, "the name"));
            }
            (Some(front), None) => keys.name = Some(front),
            _ => {}
        }
        if front.capabilities.is_empty() {
            return;
        }
        if keys.capabilities.is_empty() {
            keys.capabilities.clone_from(&front.capabilities);
            return;
        }
        let names = |list: &[Ident<'s>]| list.iter().map(|word| word.text).collect::<BTreeSet<&str>>();
        if names(&keys.capabilities) != names(&front.capabilities) {
            let whole = |list: &[Ident<'_>]| match (list.first(), list.last()) {
                (Some(first), Some(last)) => first.span.to(last.span),
                _ => Span::default(),
            };
            let (here, there) = (whole(&keys.capabilities), whole(&front.capabilities));
            self.sink.push(disagree(here, there, "the capabilities"));
        }
    }
}

fn disagree(here: Span, front: Span, what: &str) -> Diagnostic {
    Diagnostic::new(
        codes::KEYS_DISAGREE,
        here,
        format!("{what} in `## Agent` and in the frontmatter are not the same"),
    )
    .label("here")
    .secondary(front, "in the frontmatter")
    .hint("leave one of them out")
}
