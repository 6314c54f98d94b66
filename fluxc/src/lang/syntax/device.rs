//! Device phrases: `I2C sensor (addr 0x48)`, `GPIO pin 17`, `ADC channel 2`, `console`.
//!
//! Kinds, nouns and arguments are the table of `flux_abi::device`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::device::{ArgumentNeed, DEVICE_KINDS, DeviceKindInfo, Numbering};

use super::ast::{Device, DeviceArg, Expr, ExprKind, Ident, StrPart};
use super::lexer::Tok;
use super::nearest::nearest;
use super::parser::{Failed, Parsed, Parser, STEP_WORDS, is_one_of};
use crate::diag::{Diagnostic, codes};
use crate::span::Span;

fn row(word: &str) -> Option<&'static DeviceKindInfo> {
    DEVICE_KINDS.iter().find(|row| row.word.eq_ignore_ascii_case(word))
}

fn is_noun(row: &DeviceKindInfo, word: &str) -> bool {
    row.nouns.iter().any(|noun| noun.eq_ignore_ascii_case(word))
}

impl<'s> Parser<'s, '_> {
    /// Tells whether a device phrase follows, where a variable could stand too: a kind, then a
    /// noun or number.
    pub(super) fn at_device(&mut self) -> bool {
        self.eat_article();
        let Some(row) = (if self.at(Tok::Word) { row(self.text()) } else { None }) else {
            return false;
        };
        let next = self.peek();
        match next.kind {
            Tok::Word => is_noun(row, self.text_of(next)),
            Tok::Number => row.numbered == Numbering::AfterNoun,
            _ => false,
        }
    }

    /// The name that ends the step where a device could stand: one word that is no kind of device, nor
    /// nearly one.
    pub(super) fn held_name(&mut self) -> Option<Ident<'s>> {
        self.eat_article();
        let text = if self.at(Tok::Word) { self.text() } else { return None };
        let ends = matches!(self.peek().kind, Tok::End | Tok::LParen | Tok::Dot);
        let near = || nearest(text, DEVICE_KINDS.iter().map(|row| row.word)).is_some();
        if !ends || row(text).is_some() || near() {
            return None;
        }
        let span = self.bump().span;
        Some(Ident { text, span })
    }

    /// Tells whether `the capability KIND on …` follows, where an expression could stand too.
    pub(super) fn at_capability(&mut self) -> bool {
        self.eat_article();
        if !self.at_word("capability") {
            return false;
        }
        let next = self.peek();
        let text = self.text_of(next);
        next.kind == Tok::Word && (text.eq_ignore_ascii_case("on") || !is_one_of(text, STEP_WORDS))
    }

    /// A device phrase.
    pub(super) fn device(&mut self) -> Parsed<Device<'s>> {
        self.eat_article();
        let start = self.tok.span.start;
        let Some(info) = (if self.at(Tok::Word) { row(self.text()) } else { None }) else {
            return Err(self.unknown_device());
        };
        let kind = self.any_word("a device")?;
        let mut noun_span = kind.span;
        if self.at(Tok::Word) && is_noun(info, self.text()) {
            noun_span = self.bump().span;
        }
        let mut args = Vec::new();
        if info.numbered == Numbering::AfterNoun {
            let noun = info.nouns.first().copied().unwrap_or("number");
            if !self.at(Tok::Number) {
                return Err(self.missing_number(info.word, noun));
            }
            let value = self.whole_number(noun)?;
            args.push(DeviceArg { key: Ident { text: noun, span: noun_span }, value });
        }
        if self.at(Tok::LParen) {
            self.device_args(info, &mut args)?;
        }
        let span = self.span_from(start);
        for argument in info.arguments {
            let given = args.iter().any(|arg| arg.key.text == argument.key);
            if argument.need == ArgumentNeed::Required && !given {
                let rest = self.argument_outside(argument.key);
                self.missing_argument(info, argument.key, span, rest);
                return Err(Failed);
            }
        }
        Ok(Device { span, kind, class: info.kind, args })
    }

    /// `ADC channel two`, or no number at all.
    fn missing_number(&mut self, device: &str, noun: &str) -> Failed {
        const WORDS: [&str; 10] =
            ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
        let (span, found) = (self.tok.span, self.found());
        let text = self.text();
        let digit = (0_u8..).zip(WORDS).find(|(_, word)| text.eq_ignore_ascii_case(word));
        self.report(codes::STEP_INCOMPLETE, span, || {
            let what = format!("the number of the {noun}");
            let diagnostic =
                Diagnostic::new(codes::STEP_INCOMPLETE, span, format!("expected {what}, found {found}"))
                    .label(format!("expected {what}"))
                    .expected(what)
                    .found(found);
            match digit {
                Some((digit, _)) => diagnostic.replace("write it in digits", span, format!("{digit}")),
                None => diagnostic.hint(format!("for example `{device} {noun} 2`")),
            }
        });
        Failed
    }

    fn unknown_device(&mut self) -> Failed {
        let span = self.tok.span;
        let found = self.found();
        let word = if self.at(Tok::Word) { self.text() } else { "" };
        self.report(codes::UNKNOWN_DEVICE, span, || {
            let kinds: Vec<&str> = DEVICE_KINDS.iter().map(|row| row.word).collect();
            let diagnostic =
                Diagnostic::new(codes::UNKNOWN_DEVICE, span, format!("expected a device, found {found}"))
                    .label("not a kind of device")
                    .expected(kinds.join(", "))
                    .found(found);
            match nearest(word, kinds.iter().copied()) {
                Some(kind) => diagnostic.replace(format!("did you mean {kind}?"), span, kind),
                None => diagnostic.hint("for example `I2C sensor (addr 0x48)` or `GPIO pin 17`"),
            }
        });
        Failed
    }

    /// `I2C sensor addr 0x48`, `I2C sensor at 0x48`: the words and the value behind the device.
    fn argument_outside(&self, key: &str) -> Option<(Span, &'s str)> {
        let start = self.before as usize;
        let rest = self.source.get(start..self.lexer.end() as usize)?;
        let mut words = rest.split_whitespace();
        let first = words.next()?;
        let known = first.eq_ignore_ascii_case(key) || is_one_of(first, &["at", "address", "with", "number"]);
        let value = if known { words.next()? } else { first };
        let value = value.trim_end_matches(['.', ',']);
        value.starts_with(|ch: char| ch.is_ascii_digit()).then_some(())?;
        let end =
            (value.as_ptr() as usize).saturating_sub(rest.as_ptr() as usize).saturating_add(value.len());
        Some((Span::from_usize(start, start.saturating_add(end)), value))
    }

    fn missing_argument(
        &mut self,
        info: &DeviceKindInfo,
        key: &str,
        span: Span,
        outside: Option<(Span, &'s str)>,
    ) {
        let example = match key {
            "addr" => "0x48",
            "name" => "coretemp/temp1",
            _ => "0",
        };
        self.report(codes::STEP_INCOMPLETE, span, || {
            Diagnostic::new(codes::STEP_INCOMPLETE, span, format!("the {} device has no `{key}`", info.word))
                .expected(format!("`({key} …)` after the device"))
                .replace(
                    format!("say its {key}"),
                    outside.map_or(Span::empty(span.end), |(place, _)| place),
                    format!(" ({key} {})", outside.map_or(example, |(_, value)| value)),
                )
        });
    }

    fn whole_number(&mut self, of: &str) -> Parsed<Expr<'s>> {
        let value = self.postfix()?;
        match value.kind {
            ExprKind::Int(_) | ExprKind::Invalid => Ok(value),
            _ => {
                let message = format!("the {of} is a whole number, without a unit");
                Err(self.error(codes::BAD_NUMBER, value.span, message))
            }
        }
    }

    fn device_args(&mut self, info: &DeviceKindInfo, args: &mut Vec<DeviceArg<'s>>) -> Parsed<()> {
        let open = self.bump().span;
        while !self.at(Tok::RParen) {
            let written = self.any_word("the name of a device argument")?;
            let Some(argument) = info.arguments.iter().find(|a| written.is(a.key)) else {
                return Err(self.unknown_argument(info, written));
            };
            let key = Ident { text: argument.key, span: written.span };
            if let Some(first) = args.iter().find(|arg| arg.key.text == key.text) {
                let diagnostic =
                    Diagnostic::new(codes::DUPLICATE_KEY, key.span, format!("`{}` is given twice", key.text))
                        .secondary(first.key.span, "first here");
                self.sink.push(diagnostic);
                return Err(Failed);
            }
            if !self.eat(Tok::Eq) {
                self.eat(Tok::Colon);
            }
            let value = match self.tok.kind {
                Tok::Number if key.text != "name" => self.whole_number(key.text)?,
                Tok::Quote => self.string()?,
                _ => {
                    let raw = self.raw_until_separator();
                    if raw.value.is_empty() {
                        return Err(self.unexpected(&format!("the value of `{}`", key.text)));
                    }
                    let text = StrPart::Text(raw.value.into());
                    Expr { span: raw.span, kind: ExprKind::Str(Vec::from([text])) }
                }
            };
            args.push(DeviceArg { key, value });
            if !self.eat(Tok::Comma) {
                break;
            }
        }
        self.close_list(Tok::RParen, "`)`", open)
    }

    fn unknown_argument(&mut self, info: &DeviceKindInfo, key: Ident<'s>) -> Failed {
        self.report(codes::UNKNOWN_DEVICE_ARGUMENT, key.span, || {
            let known: Vec<&str> = info.arguments.iter().map(|a| a.key).collect();
            let list = if known.is_empty() { String::from("no arguments") } else { known.join(", ") };
            let diagnostic = Diagnostic::new(
                codes::UNKNOWN_DEVICE_ARGUMENT,
                key.span,
                format!("{} has no argument `{}`", info.word, key.text),
            )
            .label("the parenthesis after a device holds its arguments")
            .expected(list);
            // `address` for `addr`, `ch` for `channel`.
            let lower = key.text.to_ascii_lowercase();
            let short = |known: &&&str| {
                lower.len() > 1 && (lower.starts_with(**known) || known.starts_with(lower.as_str()))
            };
            let near = known.iter().find(short).copied();
            match near.or_else(|| nearest(key.text, known.iter().copied())) {
                Some(near) => diagnostic.replace(format!("did you mean `{near}`?"), key.span, near),
                None => diagnostic.hint("put a remark into a paragraph of its own"),
            }
        });
        Failed
    }
}
