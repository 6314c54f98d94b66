//! The forms of steps in a program, one for each first word.

use alloc::vec::Vec;

use super::super::ast::{ExprKind, Ident, IfArm, LogLevel, StepKind, UpdateOp, YieldUntil};
use super::super::forms::Keyword;
use super::super::lexer::Tok;
use super::super::parser::{Failed, Parsed, Parser, RESERVED, STEP_WORDS, is_one_of};
use super::{Context, Place};
use crate::diag::{Diagnostic, codes};

impl<'s> Parser<'s, '_> {
    pub(super) fn form(
        &mut self,
        keyword: Keyword,
        start: u32,
        context: &mut Context<'s>,
    ) -> Parsed<StepKind<'s>> {
        match keyword {
            Keyword::Read if self.at_word("from") => {
                Err(self.unexpected("the name of the variable to read into"))
            }
            Keyword::Read => {
                let name = self.name("the name of the variable to read into")?;
                self.link("from", Some(name.span))?;
                match self.held_name() {
                    Some(from) => Ok(StepKind::ReadHeld { name, from }),
                    None => Ok(StepKind::Read { name, device: self.device()? }),
                }
            }
            Keyword::Write => {
                let value = self.expr()?;
                self.link("to", Self::name_span(&value))?;
                match self.held_name() {
                    Some(to) => Ok(StepKind::WriteHeld { value, to }),
                    None => Ok(StepKind::Write { value, device: self.device()? }),
                }
            }
            Keyword::Set => self.set(),
            Keyword::Let => {
                let name = self.name("a name")?;
                if !self.eat(Tok::Eq) {
                    self.link("be", Some(name.span))?;
                }
                if self.at_capability() {
                    self.bump();
                    self.example = "Let lamp be the capability IO_WRITE on GPIO pin 17";
                    if self.at_word("on") {
                        return Err(self.unexpected("IO_READ or IO_WRITE"));
                    }
                    let capability = self.any_word("IO_READ or IO_WRITE")?;
                    self.link("on", None)?;
                    return Ok(StepKind::Hold { name, capability, device: self.device()? });
                }
                Ok(StepKind::Let { name, value: self.expr()? })
            }
            Keyword::Add | Keyword::Subtract => {
                let (op, link) = match keyword {
                    Keyword::Add => (UpdateOp::Add, "to"),
                    _ => (UpdateOp::Subtract, "from"),
                };
                let value = self.expr()?;
                self.link(link, Self::name_span(&value))?;
                Ok(StepKind::Update { op, value, place: self.place()? })
            }
            Keyword::If | Keyword::Repeat | Keyword::While | Keyword::For | Keyword::Every => {
                self.block_form(keyword, start, context)
            }
            Keyword::Wait => self.wait(),
            Keyword::Yield => self.yield_step(),
            Keyword::Tell => {
                let (target, message) = self.send()?;
                Ok(StepKind::Tell { target, message })
            }
            Keyword::Ask => {
                let (target, message) = self.send()?;
                let (bind, within) = self.bind_and_deadline()?;
                Ok(StepKind::Ask { target, message, bind, within })
            }
            Keyword::Delegate => {
                let (target, message) = self.send()?;
                let (bind, within) = self.bind_and_deadline()?;
                Ok(StepKind::Delegate { target, message, bind, within })
            }
            Keyword::Reply => {
                let value = if self.step_ends() && !self.at(Tok::LParen) {
                    None
                } else {
                    self.link("with", None)?;
                    Some(self.expr()?)
                };
                Ok(StepKind::Reply { value })
            }
            Keyword::Publish => {
                let value = self.expr()?;
                self.link("on", Self::name_span(&value))?;
                Ok(StepKind::Publish { value, topic: self.plain_string("the topic in quotes")? })
            }
            Keyword::Subscribe => {
                self.link("to", None)?;
                Ok(StepKind::Subscribe { topic: self.plain_string("the topic in quotes")? })
            }
            Keyword::Spawn => {
                self.eat_article();
                let agent = self.hyphenated("the name of an agent")?;
                let path = if self.eat_word("from") {
                    Some(self.plain_string("the document in quotes")?)
                } else {
                    None
                };
                let bind = if self.eat_word("as") { Some(self.name("a name for the agent")?) } else { None };
                Ok(StepKind::Spawn { agent, path, bind })
            }
            Keyword::Grant => {
                let capability = self.any_word("a capability such as IO_READ")?;
                self.link("to", None)?;
                Ok(StepKind::Grant { capability, to: self.agent_ref()? })
            }
            Keyword::Revoke => {
                let capability = self.any_word("a capability such as IO_READ")?;
                if self.step_ends() {
                    return Ok(StepKind::GiveUp { name: capability });
                }
                self.link("from", None)?;
                Ok(StepKind::Revoke { capability, from: self.agent_ref()? })
            }
            Keyword::Stop if self.step_ends() => Ok(StepKind::Stop),
            Keyword::Stop => Ok(StepKind::StopAgent { agent: self.agent_ref()? }),
            Keyword::Log => self.log(),
            Keyword::Record => {
                let metric = self.name("the name of the metric")?;
                let value = self.expr()?;
                Ok(StepKind::Record { metric, value, unit: self.unit() })
            }
            Keyword::Call => {
                let name = self.name("the name of a function")?;
                let name = self.qualified(name)?;
                let call = self.call_of(name)?;
                Ok(StepKind::Call { function: call.name, args: call.args })
            }
            Keyword::Fail => Ok(StepKind::Fail { message: self.expr()? }),
            Keyword::Given | Keyword::When | Keyword::Expect => {
                if context.place != Place::Test {
                    return Err(self.outside_test(start));
                }
                self.test_form(keyword)
            }
            Keyword::Otherwise | Keyword::Else => Err(self.otherwise_alone(self.tok.span)),
        }
    }

    fn set(&mut self) -> Parsed<StepKind<'s>> {
        if self.at_device() {
            let device = self.device()?;
            self.link("to", None)?;
            return Ok(StepKind::Write { value: self.expr()?, device });
        }
        let place = self.place()?;
        self.link("to", Self::name_span(&place))?;
        Ok(StepKind::Set { place, value: self.expr()? })
    }

    fn block_form(
        &mut self,
        keyword: Keyword,
        start: u32,
        context: &mut Context<'s>,
    ) -> Parsed<StepKind<'s>> {
        Ok(match keyword {
            Keyword::If => {
                let cond = self.expr()?;
                let (span, body) = self.opener(start, context)?;
                let mut arms = Vec::new();
                self.keep(&mut arms, IfArm { span, cond, body })?;
                StepKind::If { arms }
            }
            Keyword::Repeat => {
                let count = self.expr()?;
                self.link("times", Self::name_span(&count))?;
                StepKind::Repeat { count, body: self.opener(start, context)?.1 }
            }
            Keyword::While => {
                let cond = self.expr()?;
                StepKind::While { cond, body: self.opener(start, context)?.1 }
            }
            Keyword::For => {
                self.link("each", None)?;
                let name = self.name("the name of the variable")?;
                self.link("in", Some(name.span))?;
                let iter = self.expr()?;
                StepKind::ForEach { name, iter, body: self.opener(start, context)?.1 }
            }
            _ => {
                let period = self.expr()?;
                StepKind::Every { period, body: self.opener(start, context)?.1 }
            }
        })
    }

    fn wait(&mut self) -> Parsed<StepKind<'s>> {
        if !self.eat_word("for") {
            return Ok(StepKind::Wait { duration: self.expr()? });
        }
        self.example = "Wait for 3 agents at barrier \"ready\"";
        let what = self.expr()?;
        if self.eat_word("agents") || self.eat_word("agent") {
            self.link("at", None)?;
            self.eat_article();
            self.link("barrier", None)?;
            let name = self.plain_string("the barrier in quotes")?;
            let within = self.within()?;
            return Ok(StepKind::Barrier { count: what, name, within });
        }
        let ExprKind::Name(text) = what.kind else {
            let span = what.span;
            self.report(codes::STEP_INCOMPLETE, span, || {
                Diagnostic::new(codes::STEP_INCOMPLETE, span, "`Wait for` wants a ticket or agents")
                    .expected("the name of a ticket, or `3 agents at barrier \"name\"`")
                    .hint("for a time write `Wait 500ms`")
            });
            return Err(Failed);
        };
        let ticket = Ident { text, span: what.span };
        Ok(StepKind::WaitFor { ticket, within: self.within()? })
    }

    fn yield_step(&mut self) -> Parsed<StepKind<'s>> {
        let until = if self.at(Tok::LParen) {
            // The remark itself is taken by the caller.
            let rest = self.source.get(self.tok.span.end as usize..self.lexer.end() as usize);
            let inside = rest.unwrap_or("").split(')').next().unwrap_or("");
            let mut words = inside.split_whitespace();
            let forever = ["wait", "forever"]
                .iter()
                .all(|word| words.next().is_some_and(|found| found.eq_ignore_ascii_case(word)));
            if forever && words.next().is_none() { YieldUntil::Message } else { YieldUntil::NextEvent }
        } else if self.step_ends() {
            YieldUntil::NextEvent
        } else {
            self.eat_word("for");
            YieldUntil::Duration(self.expr()?)
        };
        Ok(StepKind::Yield { until })
    }

    /// What is left of the step: `ms`, `%`, `°C`, `m/s²`.
    fn unit(&mut self) -> Option<Ident<'s>> {
        let start = self.tok.span.start;
        if !matches!(self.tok.kind, Tok::Word | Tok::Percent | Tok::Other) {
            return None;
        }
        while !self.step_ends() {
            self.bump();
        }
        let span = self.span_from(start);
        Some(Ident { text: span.text(self.source), span })
    }

    fn log(&mut self) -> Parsed<StepKind<'s>> {
        let level = if self.at(Tok::Word) {
            match self.text() {
                text if text.eq_ignore_ascii_case("debug") => Some(LogLevel::Debug),
                text if text.eq_ignore_ascii_case("info") => Some(LogLevel::Info),
                text if text.eq_ignore_ascii_case("warning") => Some(LogLevel::Warning),
                text if text.eq_ignore_ascii_case("error") => Some(LogLevel::Error),
                _ => None,
            }
        } else {
            None
        };
        let next = self.peek();
        let value_follows = match next.kind {
            Tok::Quote | Tok::Number => true,
            Tok::Word => {
                let text = self.text_of(next);
                !is_one_of(text, STEP_WORDS) && !RESERVED.contains(&text)
            }
            _ => false,
        };
        let level = match level {
            Some(level) if value_follows => {
                self.bump();
                level
            }
            _ => LogLevel::Info,
        };
        Ok(StepKind::Log { level, message: self.expr()? })
    }
}
