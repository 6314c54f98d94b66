//! From blocks to the sections of a document.
//!
//! A level-2 heading opens a section; under `## agent: x` level-3 headings do. What is under no
//! section of the language is documentation, except the fences that declare something.

use alloc::format;
use alloc::vec::Vec;

use super::ast::{
    AgentDoc, Block, ConfigEntry, Direction, Document, Export, FnDecl, Handler, Ident, Import, Item,
    ItemKind, KeyValue, Migration, Region, Section, StateEntry, Supervise, Test, Tile, Timer, TopicHandler,
};
use super::fence::{Fence, Language};
use super::heading::{self, Kind};
use super::keys;
use super::lexer::{Mode, Tok};
use super::parser::{Failed, Parsed, Parser};
use super::step::Place;
use super::steps::{Siblings, StepReader};
use crate::diag::{Code, Diagnostic, Sink, codes};
use crate::md::{self, BlockKind, Blocks};
use crate::span::{Span, clamp};

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

/// Reads a document from its text.
pub(super) fn document<'s>(source: &'s str, sink: &mut Sink) -> Document<'s> {
    let blocks = md::read(source, sink);
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
        self.agents.push(Building { doc, used, seen: [None; Kind::ONCE] });
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
                parts.push(current);
                let body = Siblings { from: next, to: next };
                current = Part { kind: opened.0, heading: block.span, body, agent: opened.1 };
            }
            at = next;
        }
        current.body.to = at;
        parts.push(current);
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
        } else if let Some(request) = text.strip_prefix("On ").map(str::trim)
            && !request.is_empty()
            && request.chars().all(|ch| ch.is_alphanumeric() || ch == '_')
        {
            self.sink.push(
                Diagnostic::new(
                    codes::PROSE_HEADING_NEAR_SECTION,
                    span,
                    format!("`{text}` is documentation, since the request has no parentheses"),
                )
                .replace("for a handler write", Span::empty(span.end), "()"),
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
            Kind::Test(rest) => self.test(part, rest),
            Kind::Migrate(direction, rest) => self.migration(part, direction, rest),
            Kind::Supervise => {
                let lines = keys::lines(self.source, &self.blocks, part.body.from, part.body.to, self.sink);
                let supervise = Supervise { heading: part.heading, keys: lines.keys, children: lines.items };
                if let Some(agent) = self.agents.get_mut(part.agent) {
                    agent.doc.supervise = Some(supervise);
                }
            }
            Kind::Tile(rest) | Kind::Region(rest) | Kind::Import(rest) | Kind::Export(rest) => {
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
        reader.need_steps(&block, part.heading, errors);
        block
    }

    /// A parser of what follows a heading's keyword.
    fn heading_parser(&mut self, span: Span, mode: Mode) -> Parser<'s, '_> {
        Parser::new(self.source, span, mode, self.sink)
    }

    fn timer(&mut self, part: Part, rest: Span) {
        let mut parser = self.heading_parser(rest, Mode::Step);
        let period = parser.expr().and_then(|period| {
            heading_ends(&mut parser)?;
            Ok(period)
        });
        let body = self.steps(part, Place::Program);
        if let (Ok(period), Some(agent)) = (period, self.agents.get_mut(part.agent)) {
            agent.doc.timers.push(Timer { heading: part.heading, period, body });
        }
    }

    fn handler(&mut self, part: Part, rest: Span) {
        let mut parser = self.heading_parser(rest, Mode::Code);
        let read = |parser: &mut Parser<'s, '_>| -> Parsed<_> {
            let name = parser.name("the name of the request")?;
            let params = parser.params()?;
            let ret = if parser.eat(Tok::Arrow) { Some(parser.ty()?) } else { None };
            heading_ends(parser)?;
            Ok((name, params, ret))
        };
        let head = read(&mut parser);
        let body = self.steps(part, Place::Program);
        if let (Ok((name, params, ret)), Some(agent)) = (head, self.agents.get_mut(part.agent)) {
            agent.doc.handlers.push(Handler { heading: part.heading, name, params, ret, body });
        }
    }

    fn topic(&mut self, part: Part, rest: Span) {
        let mut parser = self.heading_parser(rest, Mode::Code);
        let read = |parser: &mut Parser<'s, '_>| -> Parsed<_> {
            let topic = parser.plain_string("the topic in quotes")?;
            let params = if parser.at(Tok::LParen) { parser.params()? } else { Vec::new() };
            heading_ends(parser)?;
            Ok((topic, params))
        };
        let head = read(&mut parser);
        let body = self.steps(part, Place::Program);
        if let (Ok((topic, params)), Some(agent)) = (head, self.agents.get_mut(part.agent)) {
            agent.doc.topics.push(TopicHandler { heading: part.heading, topic, params, body });
        }
    }

    fn test(&mut self, part: Part, rest: Span) {
        let mut parser = self.heading_parser(rest, Mode::Code);
        let name = parser.plain_string("the name of the test in quotes").and_then(|name| {
            heading_ends(&mut parser)?;
            Ok(name)
        });
        let body = self.steps(part, Place::Test);
        if let Ok(name) = name {
            self.document.tests.push(Test { heading: part.heading, name, body });
        }
    }

    fn migration(&mut self, part: Part, direction: Direction, rest: Span) {
        let version = Ident { text: rest.text(self.source), span: rest };
        let body = self.steps(part, Place::Program);
        if version.text.is_empty() || version.text.contains(char::is_whitespace) {
            self.bad_heading(rest, "expected the number of the other version", "a version such as 1");
            return;
        }
        if let Some(agent) = self.agents.get_mut(part.agent) {
            agent.doc.migrations.push(Migration { heading: part.heading, direction, version, body });
        }
    }

    fn bad_heading(&mut self, span: Span, message: &str, expected: &str) {
        self.sink.push(Diagnostic::new(codes::BAD_HEADING, span, message).expected(expected));
    }

    /// `## fn: name(a: T) -> R`: the first fence is the inside of its braces.
    fn function(&mut self, part: Part, rest: Span) {
        let mut parser = self.heading_parser(rest, Mode::Code);
        let decl = parser.signature().and_then(|decl| {
            heading_ends(&mut parser)?;
            Ok(decl)
        });
        let body = self.first_fence(part.body);
        let Some((index, content)) = body else {
            self.sink.push(
                Diagnostic::new(codes::NO_BODY, part.heading, "the function has no body")
                    .expected("a fence of code under the heading")
                    .hint("```flux\nreturn 0\n```"),
            );
            return;
        };
        let code = Parser::new(self.source, content, Mode::Code, self.sink).statements();
        let after = self.blocks.get(index).map_or(part.body.to, |block| block.next);
        self.declarations(Siblings { from: after, to: part.body.to });
        if let Ok(decl) = decl {
            let span = part.heading.to(code.span);
            let decl = FnDecl { body: code, ..decl };
            self.document.items.push(Item { span, kind: ItemKind::Fn(decl) });
        }
    }

    fn first_fence(&self, body: Siblings) -> Option<(u32, Span)> {
        let mut at = body.from;
        while at < body.to {
            let block = self.blocks.get(at)?;
            let fence = Fence::read(self.source, block);
            if matches!(fence.language, Language::Flux | Language::Declarations) {
                return Some((at, fence.content));
            }
            at = block.next.max(at.saturating_add(1));
        }
        None
    }

    /// The fences of a section that is no section of steps.
    fn declarations(&mut self, body: Siblings) {
        let mut items = core::mem::take(&mut self.document.items);
        self.declarations_into(body, &mut items);
        self.document.items = items;
    }

    fn declarations_into(&mut self, body: Siblings, items: &mut Vec<Item<'s>>) {
        let mut at = body.from;
        while at < body.to {
            let Some(block) = self.blocks.get(at).copied() else { break };
            at = block.next.max(at.saturating_add(1));
            let fence = Fence::read(self.source, &block);
            match fence.language {
                Language::Flux | Language::Declarations => {
                    Parser::new(self.source, fence.content, Mode::Code, self.sink).items(items);
                }
                Language::Foreign(kind) => {
                    self.document.fences.push(fence.foreign(self.source, kind, block.span));
                }
                Language::Documentation => {}
            }
        }
    }

    // ------------------------------------------------------------ entries

    /// The first paragraph of each list item of a section, and errors for entries outside lists.
    fn entries(&mut self, part: Part) -> Vec<Span> {
        let mut entries = Vec::new();
        let mut at = part.body.from;
        while at < part.body.to {
            let Some(block) = self.blocks.get(at).copied() else { break };
            match block.kind {
                BlockKind::List { .. } => {
                    for (item, _) in self.blocks.children(at) {
                        let first = self.blocks.children(item).next();
                        if let Some((_, text)) = first.filter(|(_, b)| b.kind == BlockKind::Paragraph) {
                            entries.push(text.content);
                        }
                    }
                }
                BlockKind::Paragraph => self.stray_entry(block.content),
                BlockKind::SetextHeading { .. } => {
                    self.sink.push(
                        Diagnostic::new(
                            codes::SETEXT_SECTION,
                            block.span,
                            "this text is a heading, since a line `---` or `===` is under it",
                        )
                        .expected("`- name: type = value` items")
                        .hint("put an empty line above the line of dashes"),
                    );
                }
                _ => {}
            }
            at = block.next.max(at.saturating_add(1));
        }
        self.declarations(part.body);
        entries
    }

    /// Reports a paragraph whose first line is an entry without its bullet.
    fn stray_entry(&mut self, content: Span) {
        let line = content.text(self.source).lines().next().unwrap_or("").trim_end();
        let span = Span::new(content.start, content.start.saturating_add(clamp(line.len())));
        let mut silent = Sink::new(self.sink.source());
        let mut parser = Parser::new(self.source, span, Mode::Step, &mut silent);
        let entry = entry(&mut parser);
        if entry.is_ok_and(|entry| entry.2.is_some() && parser.at_end()) {
            self.sink.push(
                Diagnostic::new(codes::BAD_ENTRY, span, "this reads like an entry, but it is no list item")
                    .expected("`- name: type = value`")
                    .replace("make it a list item", Span::empty(span.start), "- "),
            );
        }
    }

    fn config(&mut self, part: Part) {
        for span in self.entries(part) {
            if let Some((name, ty, default, help)) = self.entry(span)
                && let Some(agent) = self.agents.get_mut(part.agent)
            {
                agent.doc.config.push(ConfigEntry { span, name, ty, default, help });
            }
        }
    }

    fn state(&mut self, part: Part) {
        for span in self.entries(part) {
            if let Some((name, ty, initial, help)) = self.entry(span)
                && let Some(agent) = self.agents.get_mut(part.agent)
            {
                agent.doc.state.push(StateEntry { span, name, ty, initial, help });
            }
        }
    }

    fn entry(&mut self, span: Span) -> Option<Entry<'s>> {
        let mut parser = Parser::new(self.source, span, Mode::Step, self.sink);
        let result = entry(&mut parser).and_then(|mut entry| {
            entry.3 = help(&mut parser)?;
            Ok(entry)
        });
        result.ok()
    }

    // ------------------------------------------------------------ tile, region, import, export

    fn family(&mut self, part: Part, rest: Span) {
        let name = Ident { text: rest.text(self.source).trim_matches('"'), span: rest };
        if name.text.is_empty() {
            self.bad_heading(part.heading, "expected a name after the colon", "a name");
            return;
        }
        let lines = keys::lines(self.source, &self.blocks, part.body.from, part.body.to, self.sink);
        let heading = part.heading;
        match part.kind {
            Kind::Tile(_) => {
                let mut items = Vec::new();
                self.declarations_into(part.body, &mut items);
                self.document.tiles.push(Tile { heading, name, keys: lines.keys, items });
            }
            Kind::Region(_) => {
                let mut region = Region { heading, name, size: None, perm: None };
                for KeyValue { key, value } in lines.keys {
                    match key.text {
                        "size" => region.size = keys::whole(value, "a size such as 64KB", "64KB", self.sink),
                        "perm" => region.perm = Some(value),
                        _ => keys::unknown(key, "a region", &["size", "perm"], self.sink),
                    }
                }
                self.document.regions.push(region);
            }
            Kind::Import(_) => {
                self.declarations(part.body);
                self.document.imports.push(Import { heading, path: name, keys: lines.keys });
            }
            _ => {
                self.declarations(part.body);
                self.document.exports.push(Export { heading, name, keys: lines.keys });
            }
        }
    }

    // ------------------------------------------------------------ the end

    fn finish(mut self) -> Document<'s> {
        self.merge_frontmatter();
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
        let used = self.agents.into_iter().filter(|agent| agent.used == Use::Some);
        self.document.agents = used.map(|agent| agent.doc).collect();
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
        let covers = |a: &[Ident<'_>], b: &[Ident<'_>]| {
            b.iter().all(|wanted| a.iter().any(|have| have.text == wanted.text))
        };
        if !covers(&keys.capabilities, &front.capabilities)
            || !covers(&front.capabilities, &keys.capabilities)
        {
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

type Entry<'s> = (Ident<'s>, Option<super::ast::Type<'s>>, Option<super::ast::Expr<'s>>, Option<Ident<'s>>);

/// `name: type = value`.
fn entry<'s>(parser: &mut Parser<'s, '_>) -> Parsed<Entry<'s>> {
    let name = parser.name("a name").map_err(|_| Failed)?;
    let ty = if parser.eat(Tok::Colon) { Some(parser.ty()?) } else { None };
    let value = if parser.eat(Tok::Eq) { Some(parser.expr()?) } else { None };
    if ty.is_none() && value.is_none() {
        return Err(parser.unexpected("`:` and a type, or `=` and a value"));
    }
    Ok((name, ty, value, None))
}

/// `— prose` or `: prose`, or a parenthesis, after an entry.
fn help<'s>(parser: &mut Parser<'s, '_>) -> Parsed<Option<Ident<'s>>> {
    match parser.tok.kind {
        Tok::End => Ok(None),
        Tok::Dash | Tok::Colon | Tok::LParen => {
            let paren = parser.at(Tok::LParen);
            let start = parser.tok.span.end as usize;
            let end = parser.lexer.end();
            let rest = parser.source.get(start..end as usize).unwrap_or("");
            let lead = rest.len().saturating_sub(rest.trim_start().len());
            let mut text = rest.trim();
            if paren {
                text = text.strip_suffix(')').unwrap_or(text);
            }
            let start = start.saturating_add(lead);
            parser.jump(end);
            let span = Span::from_usize(start, start.saturating_add(text.len()));
            Ok(if text.is_empty() { None } else { Some(Ident { text, span }) })
        }
        _ => Err(parser.unexpected("the end of the entry, or `—` and its description")),
    }
}

/// The end of a heading; a remark in parentheses or after a dash may stand before it.
fn heading_ends(parser: &mut Parser<'_, '_>) -> Parsed<()> {
    if parser.at_end() || matches!(parser.tok.kind, Tok::LParen | Tok::Dash) {
        return Ok(());
    }
    let span = Span::new(parser.tok.span.start, parser.lexer.end());
    let found = parser.found();
    let code: Code = codes::BAD_HEADING;
    parser.report(code, span, || {
        Diagnostic::new(code, span, format!("the heading is complete before {found}"))
            .expected("the end of the heading")
            .found(found)
    });
    Err(Failed)
}
