//! Pieces that several forms of steps have: linking words, names of agents, messages, deadlines.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use super::super::ast::{AgentRef, Expr, ExprKind, Ident, Message};
use super::super::habits;
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
        // `Read level of ADC channel 2`: a word of the right kind, but another one.
        let value = is_one_of(self.text(), &["on", "off", "to"]) && word == "to";
        if self.at(Tok::Word) && !value && self.text() != "to" && habits::is_preposition(self.text()) {
            return Err(self.wrong_link(word, self.tok.span, String::from(word)));
        }
        if let Some(first) = before
            && self.at(Tok::Word)
            && !is_one_of(self.text(), STEP_WORDS)
        {
            return Err(self.name_of_words(word, first));
        }
        let here = Span::empty(self.tok.span.start);
        let device = before.map(|name| name.text(self.source)).filter(|name| is_noun(name));
        match self.tok.kind {
            Tok::Eq => Err(self.wrong_link(word, self.tok.span, String::from(word))),
            Tok::Number if let Some(noun) = device => {
                let kind = if noun.eq_ignore_ascii_case("channel") { "PWM" } else { "GPIO" };
                let place = before.map_or(here, |name| Span::empty(name.start));
                Err(self.wrong_link(word, place, format!("{kind} ")))
            }
            Tok::Colon if word == "times" => Err(self.wrong_link(word, here, String::from(" times"))),
            Tok::Word | Tok::Quote | Tok::Number if word != "pass" && self.hint_for_token(word).is_none() => {
                let other = is_one_of(self.text(), &["to", "on", "off"]);
                let place = if other && self.at_word("to") { self.tok.span } else { here };
                let space = if place.is_empty() { " " } else { "" };
                Err(self.wrong_link(word, place, format!("{word}{space}")))
            }
            _ => Err(self.unexpected(&format!("`{word}`"))),
        }
    }

    /// Reports that `word` is missing, with what to write at `place`.
    fn wrong_link(&mut self, word: &str, place: Span, text: String) -> Failed {
        let (span, found) = (self.tok.span, self.found());
        self.report(codes::STEP_INCOMPLETE, span, || {
            let what = String::from(text.trim());
            Diagnostic::new(codes::STEP_INCOMPLETE, span, format!("expected `{word}`, found {found}"))
                .label(format!("expected `{word}`"))
                .expected(format!("`{word}`"))
                .found(found)
                .replace(format!("write `{what}`"), place, text)
        });
        Failed
    }

    /// `Set upper limit to 5`: a name of several words before `word`.
    fn name_of_words(&mut self, word: &str, first: Span) -> Failed {
        let start = first.start;
        let mut joined = String::from(first.text(self.source));
        while self.at(Tok::Word)
            && !is_one_of(self.text(), STEP_WORDS)
            && !habits::is_preposition(self.text())
            && joined.len() < 64
        {
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
        Failed
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
                .hint("what changes stands before `to` in Set, and behind it in Add: `Set n to 5`, `Add 5 to n`")
        });
        Err(Failed)
    }

    /// The name of an agent (`cloud-agent`) or of a handle.
    pub(super) fn agent_ref(&mut self) -> Parsed<AgentRef<'s>> {
        self.eat_article();
        if self.at(Tok::Quote) {
            return Err(self.quoted_agent());
        }
        let name = self.hyphenated("the name of an agent")?;
        Ok(AgentRef { name: name.text, span: name.span })
    }

    /// `TELL "cloud": …`.
    fn quoted_agent(&mut self) -> Failed {
        let start = self.tok.span.start;
        let Ok(name) = self.plain_string("the name of an agent") else { return Failed };
        let span = self.span_from(start);
        self.report(codes::STEP_INCOMPLETE, span, || {
            Diagnostic::new(codes::STEP_INCOMPLETE, span, "the name of an agent stands without quotes")
                .label("expected the name of an agent")
                .expected("the name of an agent")
                .found("a string")
                .replace("leave out the quotes", span, name.name)
        });
        Failed
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
        self.call_of(name)
    }

    /// `(a, b)` after the name.
    pub(super) fn call_of(&mut self, name: Ident<'s>) -> Parsed<Message<'s>> {
        if self.at(Tok::LParen) && self.tok.span.start > name.span.end {
            return Err(self.space_before_arguments(name.span));
        }
        if !self.at(Tok::LParen) {
            return Err(self.without_parentheses(name));
        }
        let args = self.args()?;
        Ok(Message { span: self.span_from(name.span.start), name, args })
    }

    /// `Call mean 1, 2`, `Call mean`.
    fn without_parentheses(&mut self, name: Ident<'s>) -> Failed {
        let values = matches!(self.tok.kind, Tok::Word | Tok::Number | Tok::Quote)
            && !is_one_of(self.text(), STEP_WORDS);
        let rest = Span::new(name.span.end, self.lexer.end());
        let text = rest.text(self.source).trim();
        // What follows the values would be taken for one.
        let plain = values && ![" as ", " within ", "("].iter().any(|word| text.contains(word));
        self.report(codes::STEP_INCOMPLETE, name.span, || {
            let message = format!("`{}` has no arguments in parentheses", name.text);
            let row = Diagnostic::new(codes::STEP_INCOMPLETE, name.span, message).expected("`name(…)`");
            if plain {
                row.replace("put the values into parentheses", rest, format!("({text})"))
            } else if values {
                row.hint("put the values into parentheses, behind the name of the function or request")
            } else {
                row.replace("without arguments write `()`", Span::empty(name.span.end), "()")
            }
        });
        Failed
    }

    /// `TELL cloud publish(n)`, `TELL cloud agent: publish(n)`, `TELL publish(n) to cloud`.
    fn no_colon_after(&mut self, target: AgentRef<'s>) -> Failed {
        let (span, found) = (self.tok.span, self.found());
        let gap = Span::new(target.span.end, span.start);
        let next = if self.at(Tok::Word) { self.peek().kind } else { Tok::End };
        self.report(codes::STEP_INCOMPLETE, span, || {
            let what = "`:` after the agent";
            let row =
                Diagnostic::new(codes::STEP_INCOMPLETE, span, format!("expected {what}, found {found}"))
                    .label(format!("expected {what}"))
                    .expected(what)
                    .found(found);
            match next {
                Tok::LParen => row.replace("write `:`", gap, ": "),
                Tok::Colon => row.replace("join a name of several words with `-`", gap, "-"),
                _ => row.hint("for example: TELL cloud-agent: publish_metric(temp, device_id)"),
            }
        });
        Failed
    }

    /// `[to] agent: f(…)`.
    pub(super) fn send(&mut self) -> Parsed<(AgentRef<'s>, Message<'s>)> {
        self.eat_word("to");
        let target = self.agent_ref()?;
        if !self.eat(Tok::Colon) {
            return Err(self.no_colon_after(target));
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

/// What a number of a device follows.
fn is_noun(word: &str) -> bool {
    is_one_of(word, &["pin", "line", "channel"])
}
