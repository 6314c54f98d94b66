//! Steps: the controlled English of language.md §3.
//!
//! A step is read left to right with one word of look-ahead: its first word says which form it
//! has. Nothing is guessed; what has no form is an error that shows the nearest one.

mod form;
mod meant;
mod phrase;
mod test_form;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::limits;

use super::ast::{Block, Ident, IfArm, Otherwise, Step, StepKind};
use super::forms::{Keyword, is_near, nearest_forms, stands_for};
use super::lexer::{Mode, Tok};
use super::parser::{Failed, Parsed, Parser};
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
        if let Some(hint) = self.hint_behind_step(outcome) {
            let found = self.found();
            let row = Diagnostic::new(codes::STEP_TRAILING, span, format!("{found} does not belong here"))
                .label("not part of the step");
            self.sink.push(Diagnostic { hint: Some(hint), ..row });
            return Failed;
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
        self.example = keyword.example();
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
        let meant = if self.sink.is_full() { None } else { self.meant_step(word, span) };
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
            if meant.is_some() {
                return Diagnostic { hint: meant, expected: None, ..diagnostic };
            }
            match near.first() {
                // A slip of the pen: the rest of the step stays as it is.
                Some(Some(form)) if is_near(word, form.1) => {
                    let place = Span::new(start, start.saturating_add(crate::span::clamp(word.len())));
                    let meant = stands_for(word).unwrap_or(form.1);
                    diagnostic.replace(format!("did you mean `{meant}`?"), place, meant)
                }
                Some(Some(form)) => diagnostic.hint(format!("for example: {}", form.2)),
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
            return Err(self.missing_colon(start));
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
                self.charge::<Step<'_>>(1)?;
                let body = Block { span: step.span, steps: Vec::from([step]) };
                Ok((span, body))
            }
            Outcome::Otherwise(other) => Err(self.otherwise_alone(other.span)),
            Outcome::OtherwiseIf(arm) => Err(self.otherwise_alone(arm.span)),
        }
    }

    /// The opener ends, or its block begins, without a colon between.
    fn missing_colon(&mut self, start: u32) -> Failed {
        let end = self.span_from(start).end;
        let begins = self.at(Tok::Word) && Keyword::of(self.text()).is_some();
        if self.at(Tok::Eq) {
            let span = self.tok.span;
            self.report(codes::STEP_INCOMPLETE, span, || {
                Diagnostic::new(codes::STEP_INCOMPLETE, span, "a condition compares with `is`, not with `=`")
                    .label("no comparison")
                    .replace("write `is`", span, "is")
            });
            return Failed;
        }
        let gap = if self.at_word("then") || self.at_word("do") {
            let next = self.peek();
            let colon = next.kind == Tok::Colon;
            Span::new(end, if colon { next.span.end } else { self.tok.span.end })
        } else if self.at_end() || begins {
            Span::empty(end)
        } else {
            return self.unexpected("`:`");
        };
        let span = self.tok.span;
        self.report(codes::STEP_INCOMPLETE, span, || {
            Diagnostic::new(codes::STEP_INCOMPLETE, span, "this step opens a block, but `:` is missing")
                .label("`:` belongs before this")
                .replace("write `:`", gap, ":")
        });
        Failed
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
}
