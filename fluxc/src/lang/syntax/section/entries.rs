//! `- name: type = value` entries of Config and State, and the family's sections of keys.

use alloc::vec::Vec;

use super::super::ast::{ConfigEntry, Export, Expr, Ident, Import, KeyValue, Region, StateEntry, Type};
use super::super::heading::Kind;
use super::super::keys;
use super::super::lexer::{Mode, Tok};
use super::super::parser::{Failed, Parsed, Parser};
use super::{Part, Reader};
use crate::diag::{Diagnostic, Sink, codes};
use crate::md::BlockKind;
use crate::span::{Span, clamp};

impl<'s> Reader<'s, '_> {
    /// The first paragraph of each list item of a section, and errors for entries outside lists.
    pub(super) fn entries(&mut self, part: Part) -> Vec<Span> {
        let mut entries = Vec::new();
        let mut at = part.body.from;
        while at < part.body.to {
            let Some(block) = self.blocks.get(at).copied() else { break };
            match block.kind {
                BlockKind::List { .. } => {
                    for (item, _) in self.blocks.children(at) {
                        let first = self.blocks.children(item).next();
                        if let Some((_, text)) = first.filter(|(_, b)| b.kind == BlockKind::Paragraph) {
                            self.sink.keep(&mut entries, text.content, text.content);
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
    pub(super) fn stray_entry(&mut self, content: Span) {
        let line = content.text(self.source).lines().next().unwrap_or("").trim_end();
        let span = Span::new(content.start, content.start.saturating_add(clamp(line.len())));
        let mut silent = Sink::new(self.sink.source());
        let mut parser = Parser::new(self.source, span, Mode::Step, &mut silent);
        let entry = entry(&mut parser);
        if entry.is_ok_and(|entry| entry.2.is_some() && help(&mut parser).is_ok()) {
            self.sink.push(
                Diagnostic::new(codes::BAD_ENTRY, span, "this reads like an entry, but it is no list item")
                    .expected("`- name: type = value`")
                    .replace("make it a list item", Span::empty(span.start), "- "),
            );
        }
    }

    pub(super) fn config(&mut self, part: Part) {
        for span in self.entries(part) {
            if let Some((name, ty, default, help)) = self.entry(span)
                && let Some(agent) = self.agents.get_mut(part.agent)
            {
                let entry = ConfigEntry { span, name, ty, default, help };
                self.sink.keep(&mut agent.doc.config, entry, span);
            }
        }
    }

    pub(super) fn state(&mut self, part: Part) {
        for span in self.entries(part) {
            if let Some((name, ty, initial, help)) = self.entry(span)
                && let Some(agent) = self.agents.get_mut(part.agent)
            {
                let entry = StateEntry { span, name, ty, initial, help };
                self.sink.keep(&mut agent.doc.state, entry, span);
            }
        }
    }

    pub(super) fn entry(&mut self, span: Span) -> Option<Entry<'s>> {
        let mut parser = Parser::new(self.source, span, Mode::Step, self.sink);
        let result = entry(&mut parser).and_then(|mut entry| {
            entry.3 = help(&mut parser)?;
            Ok(entry)
        });
        result.ok()
    }

    pub(super) fn family(&mut self, part: Part, rest: Span) {
        let name = Ident { text: rest.text(self.source).trim_matches('"'), span: rest };
        if name.text.is_empty() {
            self.bad_heading(part.heading, "expected a name after the colon", "a name");
            return;
        }
        let lines = keys::lines(self.source, &self.blocks, part.body.from, part.body.to, self.sink);
        let heading = part.heading;
        match part.kind {
            Kind::Region(_) => {
                let mut region = Region { heading, name, size: None, perm: None };
                for KeyValue { key, value } in lines.keys {
                    match key.text {
                        "size" => region.size = keys::whole(value, "a size such as 64KB", "64KB", self.sink),
                        "perm" => region.perm = Some(value),
                        _ => keys::unknown(key, "a region", &["size", "perm"], self.sink),
                    }
                }
                self.sink.keep(&mut self.document.regions, region, heading);
            }
            Kind::Import(_) => {
                self.declarations(part.body);
                // The path may be in quotes, with another name behind it.
                let path = Ident { text: rest.text(self.source), span: rest };
                let import = Import { heading, path, keys: lines.keys };
                self.sink.keep(&mut self.document.imports, import, heading);
            }
            _ => {
                self.declarations(part.body);
                let export = Export { heading, name, keys: lines.keys };
                self.sink.keep(&mut self.document.exports, export, heading);
            }
        }
    }
}

type Entry<'s> = (Ident<'s>, Option<Type<'s>>, Option<Expr<'s>>, Option<Ident<'s>>);

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
