//! The subset of C that `c` fences hold.
//!
//! Functions, integers, floats, `bool`, arrays of a known length, structs by value, enum constants,
//! constant tables and all control flow but `goto`. All `c` fences of a document are one translation
//! unit, read in order.
//!
//! # Invariants
//! 1. Any text gives declarations or errors, never a panic; time is linear in its length.
//! 2. After an error reading goes on at the next statement or declaration.

mod decl;
mod expr;
mod lexer;
mod library;
mod literal;
mod stmt;
mod types;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;

use super::ast::{Dialect, Expr, Ident, Item, ItemKind, TypeKind};
use super::foreign::{Core, Facts, item};
use super::parser::{Failed, Parsed};
use crate::diag::{Diagnostic, Sink, codes};
use crate::span::Span;
use lexer::{Lexer, Tok, Token};

/// Names that decide how C is read.
#[derive(Default)]
pub(super) struct Names<'s> {
    /// Structs and enums of the document: `Point p;` declares.
    types: BTreeSet<&'s str>,
    /// `typedef`s.
    aliases: BTreeMap<&'s str, TypeKind<'s>>,
}

impl<'s> Names<'s> {
    /// The types that other fences of the document declare.
    pub(super) fn of(items: &[Item<'s>]) -> Self {
        let types = items.iter().filter_map(|item| match &item.kind {
            ItemKind::Struct { name, .. } | ItemKind::Enum { name, .. } | ItemKind::InvalidType { name } => {
                Some(name.text)
            }
            _ => None,
        });
        Self { types: types.collect(), aliases: BTreeMap::new() }
    }
}

/// Headers whose content the language provides.
const HEADERS: &[&str] = &[
    "<stdint.h>",
    "<stdbool.h>",
    "<stddef.h>",
    "<math.h>",
    "<stdlib.h>",
    "<string.h>",
    "<limits.h>",
    "<float.h>",
];

struct Parser<'s, 'k, 'n> {
    core: Core<'s, 'k>,
    lexer: Lexer<'s>,
    tok: Token,
    /// End of the token before.
    before: u32,
    names: &'n mut Names<'s>,
    items: &'n mut Vec<Item<'s>>,
    facts: Facts<'s>,
}

/// Reads one fence.
pub(super) fn read<'s>(
    source: &'s str,
    span: Span,
    names: &mut Names<'s>,
    items: &mut Vec<Item<'s>>,
    sink: &mut Sink,
) {
    let mut lexer = Lexer::new(source, span);
    let tok = lexer.token();
    let core = Core::new(source, sink);
    let facts = Facts::default();
    let mut parser = Parser { core, lexer, tok, before: span.start, names, items, facts };
    while !parser.at_end() && !parser.core.sink.is_spent() {
        let start = parser.tok.span.start;
        if parser.declaration().is_err() {
            parser.core.reset(0);
            parser.recover_declaration();
        }
        if parser.tok.span.start == start && !parser.at_end() {
            parser.bump();
        }
    }
}

impl<'s> Parser<'s, '_, '_> {
    // ------------------------------------------------------------ tokens

    fn text(&self) -> &'s str {
        self.core.text(self.tok.span)
    }

    fn at_end(&self) -> bool {
        self.tok.kind == Tok::End
    }

    /// Tells whether the next token is this operator, bracket or keyword.
    fn at(&self, text: &str) -> bool {
        matches!(self.tok.kind, Tok::Punct | Tok::Word) && self.text() == text
    }

    fn at_any(&self, texts: &[&str]) -> bool {
        texts.iter().any(|text| self.at(text))
    }

    fn bump(&mut self) -> Token {
        let token = self.tok;
        self.before = token.span.end;
        self.tok = self.lexer.token();
        token
    }

    fn peek(&self) -> Token {
        let mut lexer = self.lexer;
        lexer.token()
    }

    fn eat(&mut self, text: &str) -> bool {
        let there = self.at(text);
        if there {
            self.bump();
        }
        there
    }

    fn expect(&mut self, text: &str, what: &str) -> Parsed<Span> {
        if self.at(text) { Ok(self.bump().span) } else { Err(self.unexpected(what)) }
    }

    /// The `;` that ends a declaration or statement.
    fn semicolon(&mut self) -> Parsed<()> {
        if self.eat(";") {
            return Ok(());
        }
        if self.at_any(&["=", "++", "--"]) {
            return Err(self.assignment_inside());
        }
        let at = Span::empty(self.before);
        let span = self.tok.span;
        let found = self.found();
        self.core.report(codes::UNEXPECTED_TOKEN, span, |_| {
            Diagnostic::new(codes::UNEXPECTED_TOKEN, span, format!("expected `;`, found {found}"))
                .label("expected `;` before this")
                .expected("`;`")
                .found(found)
                .replace("end the statement", at, ";")
        });
        Err(Failed)
    }

    fn found(&self) -> alloc::string::String {
        let text = self.text();
        match self.tok.kind {
            Tok::End => "the end of the block".into(),
            Tok::OpenComment => "a comment that does not end".into(),
            _ if text.len() > 40 => "a long word".into(),
            _ => format!("`{text}`"),
        }
    }

    fn unexpected(&mut self, what: &str) -> Failed {
        let (span, found) = (self.tok.span, self.found());
        match self.tok.kind {
            Tok::Other => {
                self.core.report(codes::BAD_CHARACTER, span, |_| {
                    Diagnostic::new(
                        codes::BAD_CHARACTER,
                        span,
                        format!("expected {what}, found {found}, which is no part of C"),
                    )
                });
                Failed
            }
            Tok::OpenComment => {
                self.core.report(codes::UNCLOSED, span, |_| {
                    Diagnostic::new(codes::UNCLOSED, span, "a comment does not end").expected("`*/`")
                });
                Failed
            }
            _ => self.core.unexpected(span, what, &found),
        }
    }

    fn span_from(&self, start: u32) -> Span {
        Span::new(start, self.before)
    }

    /// A name that is no keyword.
    fn ident(&mut self, what: &str) -> Parsed<Ident<'s>> {
        if self.tok.kind != Tok::Word || library::KEYWORDS.contains(&self.text()) {
            return Err(self.unexpected(what));
        }
        let token = self.bump();
        Ok(Ident { text: self.core.text(token.span), span: token.span })
    }

    // ------------------------------------------------------------ recovery

    /// Goes on behind the declaration: after its `;` or its braces.
    fn recover_declaration(&mut self) {
        let mut depth = 0_usize;
        while !self.at_end() {
            if self.tok.first_on_line && self.at("#") && depth == 0 {
                return;
            }
            let closes = self.at("}");
            let ends = self.at(";");
            if self.at("{") {
                depth = depth.saturating_add(1);
            }
            self.bump();
            if closes {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    self.eat(";");
                    return;
                }
            }
            if ends && depth == 0 {
                return;
            }
        }
    }

    /// Goes on behind the statement: after its `;`, or before the brace that ends the block.
    fn recover_statement(&mut self) {
        let mut depth = 0_usize;
        while !self.at_end() {
            if self.at("}") {
                if depth == 0 {
                    return;
                }
                depth = depth.saturating_sub(1);
                self.bump();
                if depth == 0 {
                    return;
                }
                continue;
            }
            if self.at("{") {
                depth = depth.saturating_add(1);
            }
            if depth == 0 && self.at(";") {
                self.bump();
                return;
            }
            self.bump();
        }
    }

    // ------------------------------------------------------------ directives

    /// `#include` of a known header, or `#define NAME constant`.
    fn directive(&mut self) -> Parsed<()> {
        let start = self.bump().span.start;
        let word = if self.tok.first_on_line { "" } else { self.text() };
        match word {
            "include" => {
                self.bump();
                let from = self.tok.span.start;
                self.rest_of_line();
                let span = self.span_from(from);
                let header = self.core.text(span);
                if HEADERS.contains(&header) {
                    return Ok(());
                }
                self.core.outside(
                    span,
                    "a header that the system does not provide",
                    "declare what is needed in a `c` fence of this document, or write it in `flux` code",
                );
                Ok(())
            }
            "define" => {
                self.bump();
                self.define(start)
            }
            _ => {
                self.rest_of_line();
                let span = self.span_from(start);
                self.core.outside(
                    span,
                    "a directive of the preprocessor",
                    "`#define NAME constant` and `#include` of a standard header are read; everything else is plain C",
                );
                Ok(())
            }
        }
    }

    fn rest_of_line(&mut self) {
        while !self.at_end() && !self.tok.first_on_line {
            self.bump();
        }
    }

    fn define(&mut self, start: u32) -> Parsed<()> {
        let name = self.ident("the name of the constant")?;
        let line = Span::new(start, name.span.end);
        if self.at("(") && self.tok.span.start == name.span.end {
            self.rest_of_line();
            self.core.outside(line, "a macro with parameters", "write a function");
            return Ok(());
        }
        if self.tok.first_on_line || self.at_end() {
            self.core.outside(
                line,
                "a name without a value",
                "give it a value, `#define NAME 1`; conditions of the preprocessor are not read",
            );
            return Ok(());
        }
        let value = match self.ternary() {
            Ok(value) if self.tok.first_on_line || self.at_end() => value.expr,
            Ok(_) => {
                let span = self.tok.span;
                self.rest_of_line();
                return Err(self.core.outside(
                    span,
                    "a macro that is no constant",
                    "write a constant expression, or a function",
                ));
            }
            Err(failed) => {
                self.rest_of_line();
                return Err(failed);
            }
        };
        let span = self.span_from(start);
        self.constant(name, None, value, span)
    }

    /// A constant of the document.
    fn constant(
        &mut self,
        name: Ident<'s>,
        ty: Option<super::ast::Type<'s>>,
        value: Expr<'s>,
        span: Span,
    ) -> Parsed<()> {
        let kind = ItemKind::Const { name, ty, value, dialect: Dialect::C };
        self.core.keep(self.items, item(span, kind), span)
    }
}
