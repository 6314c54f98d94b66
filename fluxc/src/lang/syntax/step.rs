//! Steps: the controlled English of language.md §3.
//!
//! A step is read left to right with one word of look-ahead: its first word says which form it
//! has. Nothing is guessed; what has no form is an error that shows the nearest one.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::limits;

use super::ast::{
    AgentRef, Block, Expr, ExprKind, Ident, IfArm, LogLevel, Message, MessageKind, Otherwise, Pattern,
    Presence, Step, StepKind, UpdateOp, YieldUntil,
};
use super::forms::{Keyword, nearest_forms};
use super::lexer::{Mode, Tok};
use super::parser::{Failed, Parsed, Parser, RESERVED, STEP_WORDS, is_one_of};
use crate::diag::{Diagnostic, codes};
use crate::span::Span;

/// Where a step stands, as far as its form depends on that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// In a `## Test` section.
    Test,
    /// Anywhere else.
    Program,
}

/// What a list item turned out to be.
#[derive(Debug)]
pub(super) enum Outcome<'s> {
    Step(Step<'s>),
    /// `Otherwise:`, to be attached to the step before.
    Otherwise(Otherwise<'s>),
    /// `Otherwise if …:`, likewise.
    OtherwiseIf(IfArm<'s>),
}

/// One step's surroundings.
pub(super) struct Context<'s> {
    pub(super) place: Place,
    /// The steps under the item; taken by the innermost opener.
    pub(super) body: Option<Block<'s>>,
    /// Openers that may still be nested on this line.
    pub(super) depth: usize,
}

impl<'s> Parser<'s, '_> {
    /// The step that the whole text is.
    pub(super) fn step(&mut self, context: &mut Context<'s>) -> Parsed<Outcome<'s>> {
        let start = self.tok.span.start;
        let mut outcome = self.outcome(context)?;
        self.eat(Tok::Dot);
        if let Outcome::Step(step) = &mut outcome
            && self.at(Tok::LParen)
        {
            step.remark = Some(self.remark()?);
            self.eat(Tok::Dot);
        }
        if !self.at_end() {
            return Err(self.trailing(&outcome));
        }
        if context.body.is_some() {
            let span = self.span_from(start);
            self.report(codes::BLOCK_NOT_ALLOWED, span, || {
                Diagnostic::new(
                    codes::BLOCK_NOT_ALLOWED,
                    span,
                    "there are steps under this step, but it opens no block",
                )
                .expected("a step that ends with `:`")
                .hint("move them one level out, or end the step with `:` if it is a condition")
            });
            return Err(Failed);
        }
        Ok(outcome)
    }

    fn trailing(&mut self, outcome: &Outcome<'s>) -> Failed {
        let span = Span::new(self.tok.span.start, self.lexer.end());
        if self.at(Tok::Backtick) || self.at(Tok::Other) {
            return self.unexpected("the end of the step");
        }
        let name = match outcome {
            Outcome::Step(step) => step.kind.name(),
            _ => "Otherwise",
        };
        let found = self.found();
        let new_line = self.tok.first_on_line;
        let words = self.at(Tok::Word);
        self.report(codes::STEP_TRAILING, span, || {
            let diagnostic = Diagnostic::new(
                codes::STEP_TRAILING,
                span,
                format!("the step `{name}` is complete before {found}"),
            )
            .label("not part of the step")
            .expected("the end of the step, or a remark in parentheses")
            .found(found);
            if new_line {
                diagnostic.hint("leave an empty line between a step and text that is no part of it")
            } else if words {
                diagnostic.hint("put a remark in parentheses; join a name of several words with `_`")
            } else {
                diagnostic
            }
        });
        Failed
    }

    fn space_before_arguments(&mut self, name: Span) -> Failed {
        let gap = Span::new(name.end, self.tok.span.start);
        let text = name.text(self.source);
        self.report(codes::SPACE_BEFORE_ARGUMENTS, gap, || {
            Diagnostic::new(
                codes::SPACE_BEFORE_ARGUMENTS,
                gap,
                format!("there is a space between `{text}` and its arguments"),
            )
            .replace("remove the space", gap, "")
        });
        Failed
    }

    /// `( … )` after a complete step, without its parentheses.
    fn remark(&mut self) -> Parsed<Ident<'s>> {
        let open = self.tok.span;
        let rest = self.source.get(open.end as usize..self.lexer.end() as usize).unwrap_or("");
        let mut depth = 1_usize;
        for (at, byte) in rest.bytes().enumerate() {
            match byte {
                b'(' => depth = depth.saturating_add(1),
                b')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                let inside = rest.get(..at).unwrap_or("");
                let lead = inside.len().saturating_sub(inside.trim_start().len());
                let text = inside.trim();
                let start = (open.end as usize).saturating_add(lead);
                let span = Span::from_usize(start, start.saturating_add(text.len()));
                let end = (open.end as usize).saturating_add(at).saturating_add(1);
                self.jump(crate::span::clamp(end));
                return Ok(Ident { text, span });
            }
        }
        self.report(codes::UNCLOSED, open, || {
            Diagnostic::new(codes::UNCLOSED, open, "this parenthesis is not closed").label("opened here")
        });
        Err(Failed)
    }

    fn outcome(&mut self, context: &mut Context<'s>) -> Parsed<Outcome<'s>> {
        let start = self.tok.span.start;
        if self.at(Tok::Backtick) {
            return self.code_span(start);
        }
        let word = if self.at(Tok::Word) { self.text() } else { "" };
        let Some(keyword) = Keyword::of(word) else { return Err(self.unknown_step(word)) };
        self.bump();
        if matches!(keyword, Keyword::Otherwise | Keyword::Else) {
            if self.eat_word("if") {
                let cond = self.expr()?;
                let (span, body) = self.opener(start, context)?;
                return Ok(Outcome::OtherwiseIf(IfArm { span, cond, body }));
            }
            let (span, body) = self.opener(start, context)?;
            return Ok(Outcome::Otherwise(Otherwise { span, body }));
        }
        let kind = self.form(keyword, start, context)?;
        let step = Step { span: self.span_from(start), kind, remark: None, otherwise: None };
        Ok(Outcome::Step(step))
    }

    fn unknown_step(&mut self, word: &str) -> Failed {
        let (start, end) = (self.tok.span.start, self.lexer.end());
        let line_end = Span::new(start, end).text(self.source).lines().next().map_or(0, str::len);
        let span = Span::new(start, start.saturating_add(crate::span::clamp(line_end)));
        self.report(codes::UNKNOWN_STEP, span, || {
            let near = nearest_forms(word);
            let names: Vec<String> = near.iter().flatten().map(|form| format!("`{}`", form.1)).collect();
            let message = if word.is_empty() {
                String::from("a step begins with a word that says what it does")
            } else {
                format!("no form of step begins with `{}`", word.get(..40).unwrap_or(word))
            };
            let diagnostic = Diagnostic::new(codes::UNKNOWN_STEP, span, message)
                .label("not a step")
                .expected(format!("nearest: {}", names.join(", ")));
            match near.first() {
                Some(Some(form)) => diagnostic.replace(format!("for example: {}", form.2), span, form.2),
                _ => diagnostic,
            }
        });
        Failed
    }

    /// The colon of an opener and its block: the rest of the line, or the steps under it.
    fn opener(&mut self, start: u32, context: &mut Context<'s>) -> Parsed<(Span, Block<'s>)> {
        if self.at(Tok::LParen) {
            self.remark()?;
        }
        if !self.at(Tok::Colon) {
            return Err(self.unexpected("`:`"));
        }
        self.bump();
        let span = self.span_from(start);
        if self.at(Tok::LParen) {
            self.remark()?;
        }
        if self.at_end() {
            if let Some(body) = context.body.take() {
                return Ok((span, body));
            }
            self.report(codes::EMPTY_BLOCK, span, || {
                Diagnostic::new(codes::EMPTY_BLOCK, span, "this step opens a block, but nothing is in it")
                    .label("no steps under it, and none after the colon")
                    .hint("put steps under it, two spaces further in, or one on the same line")
            });
            return Err(Failed);
        }
        let Some(less) = context.depth.checked_sub(1) else {
            let message = format!("steps may be nested {} deep", limits::LIST_NESTING);
            return Err(self.error(codes::NESTING_TOO_DEEP, self.tok.span, message));
        };
        let depth = core::mem::replace(&mut context.depth, less);
        let inner = self.outcome(context);
        context.depth = depth;
        match inner? {
            Outcome::Step(mut step) => {
                if self.at(Tok::LParen) {
                    step.remark = Some(self.remark()?);
                }
                let body = Block { span: step.span, steps: Vec::from([step]) };
                Ok((span, body))
            }
            Outcome::Otherwise(other) => Err(self.otherwise_alone(other.span)),
            Outcome::OtherwiseIf(arm) => Err(self.otherwise_alone(arm.span)),
        }
    }

    pub(super) fn otherwise_alone(&mut self, span: Span) -> Failed {
        self.report(codes::OTHERWISE_ALONE, span, || {
            Diagnostic::new(
                codes::OTHERWISE_ALONE,
                span,
                "there is no step before this `Otherwise` that it could belong to",
            )
            .expected("an If, ASK, Read, TELL, DELEGATE, Publish or `Wait for` directly before it")
        });
        Failed
    }

    /// A whole-step code span.
    fn code_span(&mut self, start: u32) -> Parsed<Outcome<'s>> {
        let text = self.source.get(start as usize..self.lexer.end() as usize).unwrap_or("");
        let trimmed = text.trim_end();
        let run = trimmed.bytes().take_while(|byte| *byte == b'`').count();
        let fence = trimmed.get(..run).unwrap_or("");
        let inside = trimmed.strip_prefix(fence).and_then(|rest| rest.strip_suffix(fence));
        let inside = inside.filter(|inside| !inside.contains('`') || run > 1);
        let Some(inside) = inside.filter(|inside| !inside.trim().is_empty()) else {
            let span = Span::new(start, self.lexer.end());
            self.report(codes::CODE_IN_STEP, span, || {
                Diagnostic::new(codes::CODE_IN_STEP, span, "a code span is a whole step")
                    .expected("the step to end with the code span")
                    .hint("put the text into a paragraph, or write a step without backticks")
            });
            return Err(Failed);
        };
        let from = (start as usize).saturating_add(run);
        let span = Span::from_usize(from, from.saturating_add(inside.len()));
        let code = Parser::new(self.source, span, Mode::Code, self.sink).statements();
        let end = self.lexer.end();
        self.jump(end);
        let kind = StepKind::Code(code);
        let span = Span::from_usize(start as usize, (start as usize).saturating_add(trimmed.len()));
        Ok(Outcome::Step(Step { span, kind, remark: None, otherwise: None }))
    }

    // ------------------------------------------------------------ pieces

    /// A word that holds a form together, after a name or expression.
    fn link(&mut self, word: &str, before: Option<Span>) -> Parsed<()> {
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
        Err(self.unexpected(&format!("`{word}`")))
    }

    fn name_span(expr: &Expr<'s>) -> Option<Span> {
        matches!(expr.kind, ExprKind::Name(_)).then_some(expr.span)
    }

    /// A name, field or element.
    fn place(&mut self) -> Parsed<Expr<'s>> {
        let place = self.postfix()?;
        self.check_place(&place)?;
        Ok(place)
    }

    pub(super) fn check_place(&mut self, place: &Expr<'s>) -> Parsed<()> {
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
    fn agent_ref(&mut self) -> Parsed<AgentRef<'s>> {
        self.eat_article();
        let name = self.hyphenated("the name of an agent")?;
        Ok(AgentRef { name: name.text, span: name.span })
    }

    /// A word that may have hyphens in it.
    fn hyphenated(&mut self, what: &str) -> Parsed<Ident<'s>> {
        if !self.at(Tok::Word) || is_one_of(self.text(), STEP_WORDS) {
            return Err(self.unexpected(what));
        }
        let start = self.tok.span.start as usize;
        let rest = self.source.get(start..self.lexer.end() as usize).unwrap_or("");
        let len = rest.find(|ch: char| !ch.is_alphanumeric() && ch != '_' && ch != '-').unwrap_or(rest.len());
        let text = rest.get(..len).unwrap_or("").trim_end_matches('-');
        let span = Span::from_usize(start, start.saturating_add(text.len()));
        self.jump(span.end);
        Ok(Ident { text, span })
    }

    /// `f(a, b)` as the content of a message or call.
    fn call(&mut self, what: &str) -> Parsed<Message<'s>> {
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
    fn send(&mut self) -> Parsed<(AgentRef<'s>, Message<'s>)> {
        self.eat_word("to");
        let target = self.agent_ref()?;
        if !self.eat(Tok::Colon) {
            return Err(self.unexpected("`:` after the agent"));
        }
        Ok((target, self.call("the request, `name(…)`")?))
    }

    /// `as x` and `within d`, in either order.
    fn bind_and_deadline(&mut self) -> Parsed<(Option<Ident<'s>>, Option<Expr<'s>>)> {
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

    fn within(&mut self) -> Parsed<Option<Expr<'s>>> {
        if self.eat_word("within") { self.expr().map(Some) } else { Ok(None) }
    }

    /// Tells whether the step ends here, apart from a remark.
    fn step_ends(&self) -> bool {
        matches!(self.tok.kind, Tok::End | Tok::LParen) || (self.at(Tok::Dot) && self.peek().kind == Tok::End)
    }

    // ------------------------------------------------------------ forms

    fn form(&mut self, keyword: Keyword, start: u32, context: &mut Context<'s>) -> Parsed<StepKind<'s>> {
        match keyword {
            Keyword::Read => {
                let name = self.name("the name of the variable to read into")?;
                self.link("from", Some(name.span))?;
                Ok(StepKind::Read { name, device: self.device()? })
            }
            Keyword::Write => {
                let value = self.expr()?;
                self.link("to", Self::name_span(&value))?;
                Ok(StepKind::Write { value, device: self.device()? })
            }
            Keyword::Set => self.set(),
            Keyword::Let => {
                let name = self.name("a name")?;
                if !self.eat(Tok::Eq) {
                    self.link("be", Some(name.span))?;
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
                self.link("from", None)?;
                Ok(StepKind::Revoke { capability, from: self.agent_ref()? })
            }
            Keyword::Stop if self.step_ends() => Ok(StepKind::Stop),
            Keyword::Stop => Ok(StepKind::StopAgent { agent: self.agent_ref()? }),
            Keyword::Log => self.log(),
            Keyword::Record => {
                let metric = self.name("the name of the metric")?;
                let value = self.expr()?;
                let unit = if self.at(Tok::Word) { Some(self.any_word("a unit")?) } else { None };
                Ok(StepKind::Record { metric, value, unit })
            }
            Keyword::Call => {
                let call = self.call("the name of a function")?;
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
                StepKind::If { arms: Vec::from([IfArm { span, cond, body }]) }
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

    // ------------------------------------------------------------ tests

    fn outside_test(&mut self, start: u32) -> Failed {
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

    fn test_form(&mut self, keyword: Keyword) -> Parsed<StepKind<'s>> {
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
                args.push(None);
            } else {
                args.push(Some(self.expr()?));
            }
            if !self.eat(Tok::Comma) {
                break;
            }
        }
        self.close(Tok::RParen, "`)`", open)?;
        Ok(Pattern { name, args })
    }
}
