//! The subset of Python that `python` fences hold.
//!
//! Typed functions, `int`, `float`, `bool`, `str`, lists of a known length, dataclasses, constants and
//! all control flow but exceptions. Names that a function assigns to are variables of the whole
//! function, as in Python; their type is that of their first value.
//!
//! # Invariants
//! 1. Any text gives declarations or errors, never a panic; time is linear in its length.
//! 2. After an error reading goes on at the next statement.

mod call;
mod expr;
mod lexer;
mod library;
mod literal;
mod module;
mod stmt;
mod types;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::ast::{Ident, Item, Type};
use super::foreign::{Core, Facts};
use super::parser::{Failed, Parsed};
use crate::diag::{Diagnostic, Hint, Replacement, Sink, codes};
use crate::span::Span;
use lexer::{Tok, Token};
pub(crate) use stmt::ELEMENT;

/// A variable of a function.
struct Variable<'s> {
    name: Ident<'s>,
    /// What it is annotated with.
    ty: Option<Type<'s>>,
}

struct Parser<'s, 'k, 'n> {
    core: Core<'s, 'k>,
    tokens: Vec<Token>,
    at: usize,
    items: &'n mut Vec<Item<'s>>,
    /// Names that `from math import …` brought.
    from_math: Vec<&'s str>,
    facts: Facts<'s>,
    /// Names that the function assigns to, in the order of their first assignment.
    variables: Vec<Variable<'s>>,
    params: Vec<&'s str>,
    /// Loops around the statement.
    loops: usize,
}

/// Reads one fence.
pub(super) fn read<'s>(source: &'s str, span: Span, items: &mut Vec<Item<'s>>, sink: &mut Sink) {
    let mut core = Core::new(source, sink);
    let Ok(tokens) = lexer::tokens(&mut core, span, 0) else { return };
    let bytes = tokens.capacity().saturating_mul(size_of::<Token>());
    let mut parser = Parser {
        core,
        tokens,
        at: 0,
        items,
        from_math: Vec::new(),
        facts: Facts::default(),
        variables: Vec::new(),
        params: Vec::new(),
        loops: 0,
    };
    parser.module();
    parser.core.sink.release(bytes);
}

impl<'s> Parser<'s, '_, '_> {
    // ------------------------------------------------------------ tokens

    fn tok(&self) -> Token {
        let last = self.tokens.len().saturating_sub(1);
        let end = Token { kind: Tok::End, span: Span::default() };
        self.tokens.get(self.at.min(last)).copied().unwrap_or(end)
    }

    fn peek(&self, ahead: usize) -> Token {
        let last = self.tokens.len().saturating_sub(1);
        let at = self.at.saturating_add(ahead).min(last);
        self.tokens.get(at).copied().unwrap_or_else(|| self.tok())
    }

    fn text(&self) -> &'s str {
        self.core.text(self.tok().span)
    }

    fn at_end(&self) -> bool {
        self.tok().kind == Tok::End
    }

    fn at_kind(&self, kind: Tok) -> bool {
        self.tok().kind == kind
    }

    /// Tells whether the next token is this operator, bracket or keyword.
    fn at(&self, text: &str) -> bool {
        matches!(self.tok().kind, Tok::Punct | Tok::Word) && self.text() == text
    }

    fn bump(&mut self) -> Token {
        let token = self.tok();
        self.at = self.at.saturating_add(1);
        token
    }

    fn eat(&mut self, text: &str) -> bool {
        let there = self.at(text);
        if there {
            self.bump();
        }
        there
    }

    fn eat_kind(&mut self, kind: Tok) -> bool {
        let there = self.at_kind(kind);
        if there {
            self.bump();
        }
        there
    }

    fn expect(&mut self, text: &str, what: &str) -> Parsed<Span> {
        if self.at(text) { Ok(self.bump().span) } else { Err(self.unexpected(what)) }
    }

    fn found(&self) -> String {
        let text = self.text();
        match self.tok().kind {
            Tok::End => "the end of the block".into(),
            Tok::Newline => "the end of the line".into(),
            Tok::Indent => "a deeper line".into(),
            Tok::Dedent => "the end of the indented lines".into(),
            _ if text.len() > 40 => "a long word".into(),
            _ => format!("`{text}`"),
        }
    }

    fn unexpected(&mut self, what: &str) -> Failed {
        let (token, found) = (self.tok(), self.found());
        let span = token.span;
        let text = self.core.text(span);
        if token.kind == Tok::Other && text.contains(['"', '\'']) {
            return self.core.bad_string(span, "the string does not end");
        }
        if token.kind == Tok::Other {
            self.core.report(codes::BAD_CHARACTER, span, |_| {
                Diagnostic::new(
                    codes::BAD_CHARACTER,
                    span,
                    format!("expected {what}, found {found}, which is no part of Python"),
                )
            });
            return Failed;
        }
        let hint = self.hint_for(what);
        self.core.report(codes::UNEXPECTED_TOKEN, span, |_| {
            let row =
                Diagnostic::new(codes::UNEXPECTED_TOKEN, span, format!("expected {what}, found {found}"))
                    .label(format!("expected {what}"))
                    .expected(what)
                    .found(found);
            Diagnostic { hint, ..row }
        });
        Failed
    }

    /// What to write instead of the next token, where that is a habit of another language.
    fn hint_for(&self, what: &str) -> Option<Hint> {
        let (span, text, before) = (self.tok().span, self.text(), self.before());
        let last = self.core.text(Span::new(before.saturating_sub(1), before));
        let pair = Span::new(before.saturating_sub(1), span.end);
        let edit = |words: &str, span, text: &str| {
            let replacement = Some(Replacement { span, text: text.into() });
            Some(Hint { text: words.into(), replacement })
        };
        match text {
            "=" if what == "`:`" => edit("`=` assigns; to compare write `==`", span, "=="),
            "&" if last == "&" => edit("write `and`", pair, "and"),
            "|" if last == "|" => edit("write `or`", pair, "or"),
            "else" if self.peek_text() == "if" => {
                let next = self.tokens.get(self.at.saturating_add(1)).map_or(span, |token| token.span);
                edit("write `elif`", span.to(next), "elif")
            }
            ")" | "," if what.starts_with("`[`") => {
                let text = "say what is in it: `list[float]`".into();
                Some(Hint { text, replacement: None })
            }
            _ if what == "`:`" && self.tok().kind == Tok::Newline => {
                edit("a line that opens a block ends with `:`", Span::empty(before), ":")
            }
            _ if self.tok().kind == Tok::Newline && (last == "+" || last == "-") => {
                Some(Hint { text: "to count up write `n += 1`".into(), replacement: None })
            }
            _ => None,
        }
    }

    fn peek_text(&self) -> &str {
        let next = self.tokens.get(self.at.saturating_add(1));
        next.map_or("", |token| self.core.text(token.span))
    }

    /// End of the token before the next one.
    fn before(&self) -> u32 {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        before.map_or(0, |token| token.span.end)
    }

    fn span_from(&self, start: u32) -> Span {
        Span::new(start, self.before())
    }

    /// A name that is no keyword.
    fn ident(&mut self, what: &str) -> Parsed<Ident<'s>> {
        if !self.at_kind(Tok::Word) || library::KEYWORDS.contains(&self.text()) {
            return Err(self.unexpected(what));
        }
        let token = self.bump();
        Ok(Ident { text: self.core.text(token.span), span: token.span })
    }

    /// The end of a statement: a line ending or `;`.
    fn end_of_statement(&mut self) -> Parsed<()> {
        if self.eat(";") || self.eat_kind(Tok::Newline) || self.at_end() {
            return Ok(());
        }
        Err(self.unexpected("the end of the line"))
    }

    /// Goes on behind the line, and behind the deeper lines under it.
    fn recover(&mut self) {
        while !self.at_end() && !self.at_kind(Tok::Newline) {
            if self.at_kind(Tok::Dedent) {
                return;
            }
            if self.at_kind(Tok::Indent) {
                break;
            }
            self.bump();
        }
        self.eat_kind(Tok::Newline);
        let mut depth = 0_usize;
        while self.at_kind(Tok::Indent) || depth > 0 {
            match self.bump().kind {
                Tok::Indent => depth = depth.saturating_add(1),
                Tok::Dedent => depth = depth.saturating_sub(1),
                Tok::End => return,
                _ => {}
            }
        }
    }
}
