//! What a step that has no form, or goes on behind its form, was probably meant to be.

use alloc::format;
use alloc::string::String;

use super::super::ast::StepKind;
use super::super::forms::{Keyword, stands_for};
use super::super::lexer::Tok;
use super::super::parser::Parser;
use super::Outcome;
use crate::diag::{Hint, Replacement};
use crate::span::{Span, clamp};

fn edit(words: impl Into<String>, span: Span, text: impl Into<String>) -> Option<Hint> {
    let replacement = Some(Replacement { span, text: text.into() });
    Some(Hint { text: words.into(), replacement })
}

fn words(text: impl Into<String>) -> Option<Hint> {
    Some(Hint { text: text.into(), replacement: None })
}

impl<'s> Parser<'s, '_> {
    /// What the step over `line` that begins with `word`, no first word of a form, may mean.
    pub(super) fn meant_step(&self, word: &str, line: Span) -> Option<Hint> {
        let text = line.text(self.source);
        let rest = text.get(word.len()..)?.trim_start();
        let start = Span::empty(line.start);
        let next = self.peek();
        match next.kind {
            // `n = n + 1`, `n += 1`, `mean(1, 2)`
            Tok::Eq => {
                let place = Span::new(line.start, next.span.end);
                return edit("to assign write `Set … to`", place, format!("Set {word} to"));
            }
            Tok::PlusEq | Tok::MinusEq | Tok::StarEq | Tok::SlashEq => {
                return edit("what is written as code stands in backticks", line, format!("`{text}`"));
            }
            Tok::LParen if next.span.start == self.tok.span.end && stands_for(word).is_none() => {
                return edit("to call a function write `Call`", start, "Call ");
            }
            _ => {}
        }
        if word.eq_ignore_ascii_case("turn") || word.eq_ignore_ascii_case("switch") {
            return self.switched(rest, line);
        }
        let lower = word.to_ascii_lowercase();
        let one_word = !rest.is_empty() && !rest.contains(char::is_whitespace);
        match lower.as_str() {
            "increment" | "increase" if one_word => edit("write `Add`", line, format!("Add 1 to {rest}")),
            "decrement" | "decrease" if one_word => {
                edit("write `Subtract`", line, format!("Subtract 1 from {rest}"))
            }
            "go" | "goto" => words("steps run from the first to the last; `## Loop` begins anew by itself"),
            "restart" => words("to begin anew wait for the next pass: `YIELD`; to end the agent: `Stop`"),
            "match" | "case" | "select" => {
                words("in steps write `If …:` and `Otherwise if …:`; `match` stands in code")
            }
            // `Please read …`, `Now log …`: the second word says what the step does.
            _ => {
                const BEFORE: &[&str] =
                    &["please", "now", "then", "always", "first", "next", "finally", "also", "just", "and"];
                BEFORE.contains(&lower.as_str()).then_some(())?;
                let second: &str = rest.split(|ch: char| !ch.is_alphanumeric()).next()?;
                Keyword::of(second)?;
                let len = clamp(text.len().saturating_sub(rest.len()));
                let gap = Span::new(line.start, line.start.saturating_add(len));
                edit("begin with the word that says what is done", gap, "")
            }
        }
    }

    /// `Turn on GPIO pin 27`, `Switch GPIO pin 27 off`.
    fn switched(&self, rest: &str, line: Span) -> Option<Hint> {
        let (first, last) = (rest.split(' ').next()?, rest.rsplit(' ').next()?);
        let is = |word: &str| word.eq_ignore_ascii_case("on") || word.eq_ignore_ascii_case("off");
        let (state, what) = if is(first) {
            (first, rest.get(first.len()..)?)
        } else if is(last) {
            (last, rest.get(..rest.len().saturating_sub(last.len()))?)
        } else {
            return words("for example: Set GPIO pin 27 to on");
        };
        let what = what.trim();
        let device = what.get(..4).is_some_and(|kind| kind.eq_ignore_ascii_case("GPIO"));
        if device {
            return edit("write `Set … to`", line, format!("Set {what} to {}", state.to_ascii_lowercase()));
        }
        words(format!("name the pin that switches it: Set GPIO pin 27 to {}", state.to_ascii_lowercase()))
    }

    /// What follows a step that is complete already.
    pub(super) fn hint_behind_step(&self, outcome: &Outcome<'s>) -> Option<Hint> {
        let (span, text) = (self.tok.span, self.text());
        if self.at(Tok::Word)
            && let Some(Hint { text, replacement: Some(replacement) }) =
                self.hint_for_token("the end of the step")
        {
            return Some(Hint { text, replacement: Some(replacement) });
        }
        let Outcome::Step(step) = outcome else { return None };
        match (&step.kind, self.tok.kind) {
            (StepKind::Ask { .. } | StepKind::Delegate { .. } | StepKind::WaitFor { .. }, Tok::Word)
                if matches!(text, "after" | "in" | "for" | "timeout") =>
            {
                edit("a deadline is written with `within`", span, "within")
            }
            (StepKind::Set { .. } | StepKind::Let { .. }, Tok::Comma)
                if text_behind(self).trim_start().starts_with("otherwise") =>
            {
                words("to choose a value write `if condition { a } else { b }`")
            }
            (StepKind::Test(_), Tok::Eq) => edit("an expectation compares with `is`", span, "is"),
            (StepKind::Test(_), Tok::Word) if text == "to" && self.text_of(self.peek()) == "be" => {
                edit("an expectation compares with `is`", span.to(self.peek().span), "is")
            }
            (StepKind::Test(_), Tok::Word) if text_behind(self).trim_start().starts_with(':') => {
                edit("write `to` before the agent", Span::empty(span.start), "to ")
            }
            (StepKind::Update { .. } | StepKind::Set { .. }, Tok::Word)
                if self.behind_a_name() && text_behind(self).trim().is_empty() =>
            {
                edit("a name is one word", Span::new(self.before, span.start), "_")
            }
            (_, Tok::Word) if text == "and" || text == "then" => {
                words("a step does one thing: make a second step of the rest")
            }
            (_, Tok::Comma | Tok::Semicolon) => {
                words("a step does one thing: make a second step of the rest")
            }
            (StepKind::Record { metric, .. }, Tok::Number) => {
                let place = Span::new(metric.span.end, self.before);
                let second = place.text(self.source).trim();
                edit("a name is one word", place, format!("_{second}"))
            }
            _ => None,
        }
    }
}

/// The text behind the next token.
fn text_behind<'s>(parser: &Parser<'s, '_>) -> &'s str {
    parser.source.get(parser.tok.span.end as usize..parser.lexer.end() as usize).unwrap_or("")
}
