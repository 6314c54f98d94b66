//! The forms of steps that only tests have: Given, When, Expect.

use alloc::format;
use alloc::vec::Vec;

use super::super::ast::{
    BinaryOp, LogLevel, MessageKind, Pattern, Presence, StepKind, Subject, TestStep, ValuePattern,
};
use super::super::forms::Keyword;
use super::super::lexer::Tok;
use super::super::parser::{Failed, Parsed, Parser};
use crate::diag::{Diagnostic, codes};

const GIVEN: &str = "`Given temperature is 18`, `Given GPIO pin 17 is on`, `Given temperature fails` or \
                     `Given ASK to clock: now() gives 5`";
const WHEN: &str = "`When 20s pass`, `When told f(…)`, `When asked f(…)`, `When delegated f(…)` or \
                    `When event \"topic\": value`";
const EXPECT: &str = "a condition, TELL, ASK, DELEGATE, EVENT, `reply`, `log`, `trap` or a device";

impl<'s> Parser<'s, '_> {
    pub(super) fn outside_test(&mut self, start: u32) -> Failed {
        let span = self.span_from(start);
        self.report(codes::TEST_STEP_OUTSIDE, span, || {
            Diagnostic::new(
                codes::TEST_STEP_OUTSIDE,
                span,
                format!("`{}` is a step of tests", span.text(self.source)),
            )
            .hint(if span.text(self.source).eq_ignore_ascii_case("when") {
                "a condition is written `If temperature < 5: …`; in a section `## Test \"name\"` a When lets time pass"
            } else {
                "move it under a heading `## Test \"name\"`"
            })
        });
        Failed
    }

    pub(super) fn test_form(&mut self, keyword: Keyword) -> Parsed<StepKind<'s>> {
        self.charge::<TestStep<'_>>(1)?;
        let step = match keyword {
            Keyword::Given => self.given()?,
            Keyword::When => self.when()?,
            _ => self.expect_form()?,
        };
        Ok(StepKind::Test(alloc::boxed::Box::new(step)))
    }

    fn given(&mut self) -> Parsed<TestStep<'s>> {
        if self.step_ends() {
            return Err(self.unexpected(GIVEN));
        }
        if let Some(kind) = self.message_kind() {
            self.bump();
            self.eat_word("to");
            let target = self.agent_ref()?;
            if !self.eat(Tok::Colon) {
                return Err(self.unexpected("`:` after the agent"));
            }
            let message = self.message_pattern()?;
            let answer = if self.eat_word("fails") {
                None
            } else {
                self.link("gives", None)?;
                Some(self.expr()?)
            };
            return Ok(TestStep::GivenAnswer { kind, target, message, answer });
        }
        let subject = if self.at_device() {
            Subject::Device(self.device()?)
        } else {
            Subject::Name(self.name("the name of a parameter, variable or reading")?)
        };
        if self.eat_word("fails") {
            return Ok(TestStep::GivenFails { subject });
        }
        if !self.eat(Tok::Eq) {
            let before = match &subject {
                Subject::Name(name) => Some(name.span),
                Subject::Device(_) => None,
            };
            self.link("is", before)?;
        }
        Ok(TestStep::Given { subject, value: self.expr()? })
    }

    fn when(&mut self) -> Parsed<TestStep<'s>> {
        if self.step_ends() {
            return Err(self.unexpected(WHEN));
        }
        let sent =
            [("told", MessageKind::Tell), ("asked", MessageKind::Ask), ("delegated", MessageKind::Delegate)];
        for (word, kind) in sent {
            let next = self.peek();
            if self.at_word(word) && next.kind == Tok::Word && !self.is_word(self.text_of(next), "pass") {
                self.bump();
                let target = self.agent_before_request()?;
                let message = self.call("the request, `name(…)`")?;
                return Ok(TestStep::WhenSent { kind, target, message });
            }
        }
        if self.at_word("event") && self.peek().kind == Tok::Quote {
            self.example = "When event \"house/door\": true";
            self.bump();
            let topic = self.plain_string("the topic in quotes")?;
            if !self.eat(Tok::Colon) {
                return Err(self.unexpected("`:` and the value of the event"));
            }
            return Ok(TestStep::WhenEvent { topic, value: self.expr()? });
        }
        let duration = self.expr()?;
        if !self.eat_word("passes") {
            self.link("pass", None)?;
        }
        Ok(TestStep::WhenPass { duration })
    }

    /// `agent:` before the request, for another agent than that of the test.
    fn agent_before_request(&mut self) -> Parsed<Option<super::super::ast::AgentRef<'s>>> {
        let (lexer, tok, before) = (self.lexer, self.tok, self.before);
        let target = self.agent_ref()?;
        if self.eat(Tok::Colon) {
            return Ok(Some(target));
        }
        (self.lexer, self.tok, self.before) = (lexer, tok, before);
        Ok(None)
    }

    fn expect_form(&mut self) -> Parsed<TestStep<'s>> {
        if self.step_ends() && !self.at(Tok::LParen) {
            return Err(self.unexpected(EXPECT));
        }
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
            return Ok(TestStep::ExpectTrap { presence, kind });
        }
        if let Some(kind) = self.message_kind() {
            self.bump();
            let target = if self.eat_word("to") { Some(self.agent_ref()?) } else { None };
            let message = if self.eat(Tok::Colon) { Some(self.message_pattern()?) } else { None };
            return Ok(TestStep::ExpectMessage { presence, kind, target, message });
        }
        if self.at_happening("event") {
            self.bump();
            let _ = self.eat_word("on") || self.eat_word("to");
            let topic =
                if self.at(Tok::Quote) { Some(self.plain_string("the topic in quotes")?) } else { None };
            let value = if self.eat(Tok::Colon) { Some(self.value_pattern()?) } else { None };
            return Ok(TestStep::ExpectEvent { presence, topic, value });
        }
        if self.at_happening("reply") {
            self.bump();
            self.eat(Tok::Colon);
            let value = if self.step_ends() { None } else { Some(self.value_pattern()?) };
            return Ok(TestStep::ExpectReply { presence, value });
        }
        if self.at_happening("log") {
            self.bump();
            let level = self.log_level();
            let text = if self.step_ends() { None } else { Some(self.expr()?) };
            return Ok(TestStep::ExpectLog { presence, level, text });
        }
        if presence == Presence::No {
            return Err(self.unexpected("TELL, ASK, DELEGATE, EVENT, `reply`, `log` or `trap` after `no`"));
        }
        if self.at_device() {
            let device = self.device()?;
            let value = self.comparison_of_value()?;
            return Ok(TestStep::ExpectDevice { device, value });
        }
        Ok(TestStep::Expect { cond: self.expr()? })
    }

    fn log_level(&mut self) -> Option<LogLevel> {
        let levels = [
            ("debug", LogLevel::Debug),
            ("info", LogLevel::Info),
            ("warning", LogLevel::Warning),
            ("error", LogLevel::Error),
        ];
        let level = levels.iter().find(|(word, _)| self.at_word(word)).map(|(_, level)| *level);
        if level.is_some() {
            self.bump();
        }
        level
    }

    /// Tells whether `word` stands here for what happened, not for a variable in a condition.
    fn at_happening(&self, word: &str) -> bool {
        if !self.at_word(word) {
            return false;
        }
        let next = self.peek();
        match next.kind {
            Tok::End | Tok::Colon | Tok::LParen | Tok::Quote | Tok::Number | Tok::Minus | Tok::LBrace => true,
            // `reply[0]` is an element of a variable.
            Tok::LBracket => next.span.start > self.tok.span.end,
            Tok::Word => {
                let text = self.text_of(next);
                !["is", "equals", "and", "or", "as"].iter().any(|link| self.is_word(text, link))
            }
            _ => false,
        }
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
        let kinds =
            [("tell", MessageKind::Tell), ("ask", MessageKind::Ask), ("delegate", MessageKind::Delegate)];
        let text = self.text();
        let kind = kinds.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
        kind.filter(|_| ends).map(|(_, kind)| *kind)
    }

    fn message_pattern(&mut self) -> Parsed<Pattern<'s>> {
        let name = self.name("the request, `name(…)`")?;
        let open = self.expect(Tok::LParen, "`(`")?.span;
        let mut args = Vec::new();
        while !self.at(Tok::RParen) {
            let value = self.value_pattern()?;
            self.keep(&mut args, value)?;
            if !self.eat(Tok::Comma) {
                break;
            }
        }
        self.close_list(Tok::RParen, "`)`", open)?;
        Ok(Pattern { span: self.span_from(name.span.start), name, args })
    }

    /// `_`, `_ > 3`, `_ is above 3`, or the value itself.
    fn value_pattern(&mut self) -> Parsed<ValuePattern<'s>> {
        if !self.at_word("_") {
            return Ok(ValuePattern::Compared(BinaryOp::Eq, self.inner()?));
        }
        self.bump();
        if matches!(self.tok.kind, Tok::Comma | Tok::RParen) || self.step_ends() {
            return Ok(ValuePattern::Any);
        }
        self.comparison_of_value()
    }

    /// A comparison and what is compared with, after what stands for the value.
    fn comparison_of_value(&mut self) -> Parsed<ValuePattern<'s>> {
        let (op, value) = self.comparison_tail()?;
        Ok(ValuePattern::Compared(op, value))
    }
}
