//! Pieces that several forms of steps have: linking words, names of agents, messages, deadlines.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use super::super::ast::{AgentRef, Expr, ExprKind, Ident, Message};
use super::super::lexer::{Mode, Tok};
use super::super::parser::{Failed, Parsed, Parser, STEP_WORDS, is_one_of};
use crate::diag::{Diagnostic, codes};
use crate::span::Span;

impl<'s> Parser<'s, '_> {
    /// A word that holds a form together, after a name or expression.
    pub(super) fn link(&mut self, word: &str, before: Option<Span>) -> Parsed<()> {
        if self.eat_word(word) {
            return Ok(());
        }
        if let Some(first) = before
            && self.at(Tok::Word)
            && !is_one_of(self.text(), STEP_WORDS)
        {
            let start = first.start;
            let mut joined = String::from(first.text(self.source));
            while self.at(Tok::Word) && !is_one_of(self.text(), STEP_WORDS) && joined.len() < 64 {
                joined.push('_');
                joined.push_str(self.text());
                self.bump();
            }
            let span = self.span_from(start);
            self.report(codes::NAME_OF_WORDS, span, || {
                Diagnostic::new(codes::NAME_OF_WORDS, span, "a name is one word")
                    .expected(format!("`{word}` after the name"))
                    .replace(format!("write `{joined}`"), span, joined)
            });
            return Err(Failed);
        }
        let (span, code) = (self.tok.span, codes::STEP_INCOMPLETE);
        let edit = match (word, self.tok.kind) {
            ("to", Tok::Eq) => Some((span, String::from("to"))),
            ("times", Tok::Colon) => Some((Span::empty(span.start), String::from(" times"))),
            _ => None,
        };
        let Some((place, text)) = edit else { return Err(self.unexpected(&format!("`{word}`"))) };
        let found = self.found();
        self.report(code, span, || {
            Diagnostic::new(code, span, format!("expected `{word}`, found {found}"))
                .label(format!("expected `{word}`"))
                .expected(format!("`{word}`"))
                .found(found)
                .replace(format!("write `{word}`"), place, text)
        });
        Err(Failed)
    }

    pub(super) fn name_span(expr: &Expr<'s>) -> Option<Span> {
        matches!(expr.kind, ExprKind::Name(_)).then_some(expr.span)
    }

    /// A name, field or element.
    pub(super) fn place(&mut self) -> Parsed<Expr<'s>> {
        let place = self.postfix()?;
        self.check_place(&place)?;
        Ok(place)
    }

    pub(in crate::lang::syntax) fn check_place(&mut self, place: &Expr<'s>) -> Parsed<()> {
        if place.is_place() {
            return Ok(());
        }
        let code = match self.mode {
            Mode::Step => codes::STEP_INCOMPLETE,
            Mode::Code => codes::UNEXPECTED_TOKEN,
        };
        let span = place.span;
        self.report(code, span, || {
            Diagnostic::new(code, span, "nothing can be assigned to this")
                .expected("a name, a field or an element")
        });
        Err(Failed)
    }

    /// The name of an agent (`cloud-agent`) or of a handle.
    pub(super) fn agent_ref(&mut self) -> Parsed<AgentRef<'s>> {
        self.eat_article();
        let name = self.hyphenated("the name of an agent")?;
        Ok(AgentRef { name: name.text, span: name.span })
    }

    /// A word that may have hyphens in it.
    pub(super) fn hyphenated(&mut self, what: &str) -> Parsed<Ident<'s>> {
        if !self.at(Tok::Word) {
            return Err(self.unexpected(what));
        }
        let start = self.tok.span.start as usize;
        let rest = self.source.get(start..self.lexer.end() as usize).unwrap_or("");
        let len = rest.find(|ch: char| !ch.is_alphanumeric() && ch != '_' && ch != '-').unwrap_or(rest.len());
        let text = rest.get(..len).unwrap_or("").trim_end_matches('-');
        if is_one_of(text, STEP_WORDS) {
            return Err(self.unexpected(what));
        }
        let span = Span::from_usize(start, start.saturating_add(text.len()));
        self.jump(span.end);
        Ok(Ident { text, span })
    }

    /// `f(a, b)` as the content of a message or call.
    pub(super) fn call(&mut self, what: &str) -> Parsed<Message<'s>> {
        let name = self.name(what)?;
        if self.at(Tok::LParen) && self.tok.span.start > name.span.end {
            return Err(self.space_before_arguments(name.span));
        }
        if !self.at(Tok::LParen) {
            let span = Span::empty(name.span.end);
            self.report(codes::STEP_INCOMPLETE, name.span, || {
                Diagnostic::new(
                    codes::STEP_INCOMPLETE,
                    name.span,
                    format!("`{}` has no arguments in parentheses", name.text),
                )
                .expected("`name(…)`")
                .replace("without arguments write `()`", span, "()")
            });
            return Err(Failed);
        }
        let args = self.args()?;
        Ok(Message { span: self.span_from(name.span.start), name, args })
    }

    /// `[to] agent: f(…)`.
    pub(super) fn send(&mut self) -> Parsed<(AgentRef<'s>, Message<'s>)> {
        self.eat_word("to");
        let target = self.agent_ref()?;
        if !self.eat(Tok::Colon) {
            return Err(self.unexpected("`:` after the agent"));
        }
        Ok((target, self.call("the request, `name(…)`")?))
    }

    /// `as x` and `within d`, in either order.
    pub(super) fn bind_and_deadline(&mut self) -> Parsed<(Option<Ident<'s>>, Option<Box<Expr<'s>>>)> {
        let (mut bind, mut within) = (None, None);
        loop {
            if bind.is_none() && self.eat_word("as") {
                bind = Some(self.name("a name for the result")?);
            } else if within.is_none() && self.at_word("within") {
                within = self.within()?;
            } else {
                return Ok((bind, within));
            }
        }
    }

    pub(super) fn within(&mut self) -> Parsed<Option<Box<Expr<'s>>>> {
        if self.eat_word("within") { self.expr().map(|period| Some(Box::new(period))) } else { Ok(None) }
    }

    /// Tells whether the step ends here, apart from a remark.
    pub(super) fn step_ends(&self) -> bool {
        matches!(self.tok.kind, Tok::End | Tok::LParen) || (self.at(Tok::Dot) && self.peek().kind == Tok::End)
    }
}
