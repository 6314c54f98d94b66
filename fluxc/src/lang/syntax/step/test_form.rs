//! The forms of steps that only tests have: Given, When, Expect.

use alloc::format;
use alloc::vec::Vec;

use super::super::ast::{MessageKind, Pattern, Presence, StepKind};
use super::super::forms::Keyword;
use super::super::lexer::Tok;
use super::super::parser::{Failed, Parsed, Parser};
use crate::diag::{Diagnostic, codes};

impl<'s> Parser<'s, '_> {
    pub(super) fn outside_test(&mut self, start: u32) -> Failed {
        let span = self.span_from(start);
        self.report(codes::TEST_STEP_OUTSIDE, span, || {
            Diagnostic::new(
                codes::TEST_STEP_OUTSIDE,
                span,
                format!("`{}` is a step of tests", span.text(self.source)),
            )
            .hint("move it under a heading `## Test \"name\"`")
        });
        Failed
    }

    pub(super) fn test_form(&mut self, keyword: Keyword) -> Parsed<StepKind<'s>> {
        match keyword {
            Keyword::Given => {
                let name = self.name("the name of a parameter, variable or reading")?;
                if !self.eat(Tok::Eq) {
                    self.link("is", Some(name.span))?;
                }
                Ok(StepKind::Given { name, value: self.expr()? })
            }
            Keyword::When => {
                if self.eat_word("told") {
                    return Ok(StepKind::WhenTold { message: self.call("the request, `name(…)`")? });
                }
                let duration = self.expr()?;
                if !self.eat_word("passes") {
                    self.link("pass", None)?;
                }
                Ok(StepKind::WhenPass { duration })
            }
            _ => self.expect_form(),
        }
    }

    fn expect_form(&mut self) -> Parsed<StepKind<'s>> {
        let presence = if self.at_word("no") && self.peek().kind == Tok::Word {
            self.bump();
            Presence::No
        } else {
            self.eat_article();
            Presence::Some
        };
        if self.at_word("trap") {
            self.bump();
            let kind = if self.at(Tok::Word) { Some(self.any_word("a kind of trap")?) } else { None };
            return Ok(StepKind::ExpectTrap { presence, kind });
        }
        if let Some(kind) = self.message_kind() {
            self.bump();
            let target = if self.eat_word("to") { Some(self.agent_ref()?) } else { None };
            let message = if self.eat(Tok::Colon) { Some(self.message_pattern()?) } else { None };
            return Ok(StepKind::ExpectMessage { presence, kind, target, message });
        }
        if presence == Presence::No {
            return Err(self.unexpected("TELL, ASK, DELEGATE, EVENT, REPLY or `trap` after `no`"));
        }
        Ok(StepKind::Expect { cond: self.expr()? })
    }

    /// The kind of message that the next word names, unless it is a variable in a condition.
    fn message_kind(&self) -> Option<MessageKind> {
        if !self.at(Tok::Word) {
            return None;
        }
        let next = self.peek();
        let ends = match next.kind {
            Tok::End | Tok::Colon | Tok::LParen => true,
            Tok::Word => self.is_word(self.text_of(next), "to"),
            _ => false,
        };
        let kinds = [
            ("tell", MessageKind::Tell),
            ("ask", MessageKind::Ask),
            ("delegate", MessageKind::Delegate),
            ("event", MessageKind::Event),
            ("reply", MessageKind::Reply),
        ];
        let text = self.text();
        let kind = kinds.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
        kind.filter(|_| ends).map(|(_, kind)| *kind)
    }

    fn message_pattern(&mut self) -> Parsed<Pattern<'s>> {
        let name = self.name("the request, `name(…)`")?;
        let open = self.expect(Tok::LParen, "`(`")?.span;
        let mut args = Vec::new();
        while !self.at(Tok::RParen) {
            if self.at_word("_") {
                self.bump();
                self.keep(&mut args, None)?;
            } else {
                let value = self.expr()?;
                self.keep(&mut args, Some(value))?;
            }
            if !self.eat(Tok::Comma) {
                break;
            }
        }
        self.close(Tok::RParen, "`)`", open)?;
        Ok(Pattern { name, args })
    }
}
