//! Sections with a heading of their own form: timers, handlers, functions, tests, migrations.

use alloc::format;
use alloc::vec::Vec;

use super::super::ast::{
    Direction, FnDecl, Handler, Ident, Item, ItemKind, KeyValue, Migration, Param, Test, Tile, Timer,
    TopicHandler,
};
use super::super::fence::{Fence, Language};
use super::super::keys;
use super::super::lexer::{Mode, Tok};
use super::super::nearest::distance;
use super::super::parser::{Failed, Parsed, Parser, STEP_WORDS, is_one_of};
use super::super::step::Place;
use super::super::steps::Siblings;
use super::{Emptiness, Part, Reader};
use crate::diag::{Code, Diagnostic, codes};
use crate::md::BlockKind;
use crate::span::Span;

impl<'s> Reader<'s, '_> {
    /// A parser of what follows a heading's keyword.
    pub(super) fn heading_parser(&mut self, span: Span, mode: Mode) -> Parser<'s, '_> {
        Parser::new(self.source, span, mode, self.sink)
    }

    pub(super) fn timer(&mut self, part: Part, rest: Span) {
        let mut parser = self.heading_parser(rest, Mode::Step);
        let period = parser.expr().and_then(|period| {
            heading_ends(&mut parser)?;
            Ok(period)
        });
        let body = self.steps(part, Place::Program);
        if let (Ok(period), Some(agent)) = (period, self.agents.get_mut(part.agent)) {
            let timer = Timer { heading: part.heading, period, body };
            self.sink.keep(&mut agent.doc.timers, timer, part.heading);
        }
    }

    pub(super) fn handler(&mut self, part: Part, rest: Span) {
        let mut parser = self.heading_parser(rest, Mode::Code);
        let read = |parser: &mut Parser<'s, '_>| -> Parsed<_> {
            let name = parser.name("the name of the request")?;
            let params = section_params(parser)?;
            let ret = if parser.eat(Tok::Arrow) { Some(parser.ty()?) } else { None };
            heading_ends(parser)?;
            Ok((name, params, ret))
        };
        let head = read(&mut parser);
        let body = self.steps(part, Place::Program);
        if let (Ok((name, params, ret)), Some(agent)) = (head, self.agents.get_mut(part.agent)) {
            let handler = Handler { heading: part.heading, name, params, ret, body };
            self.sink.keep(&mut agent.doc.handlers, handler, part.heading);
        }
    }

    pub(super) fn topic(&mut self, part: Part, rest: Span) {
        let mut parser = self.heading_parser(rest, Mode::Code);
        let read = |parser: &mut Parser<'s, '_>| -> Parsed<_> {
            let topic = parser.plain_string("the topic in quotes")?;
            let params = if parser.at(Tok::LParen) { section_params(parser)? } else { Vec::new() };
            heading_ends(parser)?;
            Ok((topic, params))
        };
        let head = read(&mut parser);
        let body = self.steps(part, Place::Program);
        if let (Ok((topic, params)), Some(agent)) = (head, self.agents.get_mut(part.agent)) {
            let handler = TopicHandler { heading: part.heading, topic, params, body };
            self.sink.keep(&mut agent.doc.topics, handler, part.heading);
        }
    }

    pub(super) fn test(&mut self, part: Part, rest: Span) {
        let mut parser = self.heading_parser(rest, Mode::Code);
        let name = parser.plain_string("the name of the test in quotes").and_then(|name| {
            heading_ends(&mut parser)?;
            Ok(name)
        });
        let body = self.steps(part, Place::Test);
        if let Ok(name) = name {
            let agent = self.agents.get(part.agent).filter(|agent| agent.doc.heading.is_some());
            let agent = agent.and_then(|agent| agent.doc.keys.name).map(|name| name.text);
            let test = Test { heading: part.heading, name, agent, body };
            self.sink.keep(&mut self.document.tests, test, part.heading);
        }
    }

    pub(super) fn migration(&mut self, part: Part, direction: Direction, rest: Span) {
        let text = rest.text(self.source);
        let word = text.split(['(', ' ', '\t']).next().unwrap_or("");
        let end = rest.start.saturating_add(crate::span::clamp(word.len()));
        let version = Ident { text: word, span: Span::new(rest.start, end) };
        let mut parser = self.heading_parser(Span::new(end, rest.end), Mode::Code);
        let params = if parser.at(Tok::LParen) { parser.params() } else { Ok(Vec::new()) };
        let params = params.and_then(|params| {
            heading_ends(&mut parser)?;
            Ok(params)
        });
        let body = self.section_steps(part, Place::Program, Emptiness::Allowed);
        if word.is_empty() {
            self.bad_heading(rest, "expected the number of the other version", "a version such as 1");
            return;
        }
        if let (Ok(params), Some(agent)) = (params, self.agents.get_mut(part.agent)) {
            let migration = Migration { heading: part.heading, direction, version, params, body };
            self.sink.keep(&mut agent.doc.migrations, migration, part.heading);
        }
    }

    pub(super) fn bad_heading(&mut self, span: Span, message: &str, expected: &str) {
        self.sink.push(Diagnostic::new(codes::BAD_HEADING, span, message).expected(expected));
    }

    /// `## fn: name(a: T) -> R`: the first fence is the inside of its braces.
    pub(super) fn function(&mut self, part: Part, rest: Span) {
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
                    .hint("its statements stand between a line ```` ```flux ```` and a line ```` ``` ````"),
            );
            return;
        };
        self.declarations(Siblings { from: part.body.from, to: index });
        let code = Parser::new(self.source, content, Mode::Code, self.sink).statements();
        let after = self.blocks.get(index).map_or(part.body.to, |block| block.next);
        self.declarations(Siblings { from: after, to: part.body.to });
        if let Ok(decl) = decl {
            let span = part.heading.to(code.span);
            let decl = FnDecl { body: code, ..decl };
            let item = Item { span, kind: ItemKind::Fn(decl) };
            self.sink.keep(&mut self.document.items, item, span);
        }
    }

    /// `## tile: name(value: T) -> R`: a function of one value, with a `category`.
    pub(super) fn tile(&mut self, part: Part, rest: Span) {
        let heading = part.heading;
        if !rest.text(self.source).contains('(') {
            self.bad_heading(rest, "a tile takes one value and gives one", "name(value: f64) -> f64");
            self.declarations(part.body);
            return;
        }
        let category = self.category(part.body);
        self.function(part, rest);
        let function = self.document.items.last().filter(|item| item.span.start == heading.start);
        let Some(ItemKind::Fn(decl)) = function.map(|item| &item.kind) else { return };
        let (name, signature) = (decl.name, decl.signature);
        if decl.params.len() != 1 || decl.ret.is_none() {
            self.sink.push(
                Diagnostic::new(
                    codes::BAD_HEADING,
                    signature,
                    format!(
                        "a tile takes one value and gives one, so that tiles can be chained; `{}` does not",
                        name.text
                    ),
                )
                .expected(format!("{}(value: f64) -> f64", name.text))
                .hint("several values go into a struct; `## fn:` is a function of any form"),
            );
        }
        let tile = Tile { heading, name, signature, category };
        self.sink.keep(&mut self.document.tiles, tile, heading);
    }

    /// The line `category: …` of a tile; other paragraphs that are no line of a key are documentation.
    fn category(&mut self, body: Siblings) -> Option<Ident<'s>> {
        let mut at = body.from;
        let (mut found, mut given) = (None, keys::Given::new());
        while at < body.to {
            let block = self.blocks.get(at).copied()?;
            at = block.next.max(at.saturating_add(1));
            let line = block.content.text(self.source);
            if block.kind != BlockKind::Paragraph || line.trim_end().contains('\n') {
                continue;
            }
            let Some(KeyValue { key, value }) = keys::key_value(line, block.content.start) else { continue };
            if key.text == "category" {
                keys::once(&mut found, Some(value), key, &mut given, self.sink);
            } else if distance("category", key.text).is_some_and(|edits| edits <= 2) {
                keys::unknown(key, "a tile", &["category"], self.sink);
            }
        }
        found
    }

    pub(super) fn first_fence(&self, body: Siblings) -> Option<(u32, Span)> {
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
    pub(super) fn declarations(&mut self, body: Siblings) {
        let mut items = core::mem::take(&mut self.document.items);
        self.declarations_into(body, &mut items);
        self.document.items = items;
    }

    pub(super) fn declarations_into(&mut self, body: Siblings, items: &mut Vec<Item<'s>>) {
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
                    let foreign = fence.foreign(self.source, kind, block.span);
                    self.sink.keep(&mut self.document.fences, foreign, block.span);
                }
                Language::Documentation => {}
            }
        }
    }
}

/// The values of a section: names that its steps use, so that no word of steps may be one.
fn section_params<'s>(parser: &mut Parser<'s, '_>) -> Parsed<Vec<Param<'s>>> {
    let params = parser.params()?;
    for name in params.iter().map(|param| param.name).filter(|name| is_one_of(name.text, STEP_WORDS)) {
        parser.report(codes::RESERVED_WORD, name.span, || {
            let message = format!("`{}` has a meaning in steps and cannot be a name there", name.text);
            Diagnostic::new(codes::RESERVED_WORD, name.span, message).replace(
                "add a letter or a word",
                name.span,
                format!("{}_", name.text),
            )
        });
    }
    Ok(params)
}

/// The end of a heading; a remark in parentheses or after a dash may stand before it.
fn heading_ends(parser: &mut Parser<'_, '_>) -> Parsed<()> {
    if parser.at_end() || matches!(parser.tok.kind, Tok::LParen | Tok::Dash) {
        return Ok(());
    }
    let span = Span::new(parser.tok.span.start, parser.lexer.end());
    let found = parser.found();
    let code: Code = codes::BAD_HEADING;
    let colon = parser.at(Tok::Colon).then_some(parser.tok.span);
    let ends_with_values = parser.at(Tok::Word) && span.text(parser.source).contains(':');
    parser.report(code, span, || {
        let row = Diagnostic::new(code, span, format!("the heading is complete before {found}"))
            .expected("the end of the heading")
            .found(found);
        match colon {
            Some(colon) => row.replace("the result stands behind `->`", colon, " ->"),
            None if ends_with_values => {
                let values = format!("({})", span.text(parser.source).trim());
                row.replace("put the values into parentheses", span, values)
            }
            None => row,
        }
    });
    Err(Failed)
}
