//! Literals of Python: numbers and strings.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::ast::{ExprKind, StrPart};
use super::super::foreign::Node;
use super::super::parser::Parsed;
use super::Parser;
use super::lexer::{self, Tok};
use crate::span::Span;
use flux_abi::limits;

impl<'s> Parser<'s, '_, '_> {
    pub(super) fn number(&mut self) -> Parsed<Node<'s>> {
        let span = self.bump().span;
        let text = self.core.text(span);
        let lower = text.get(..2).unwrap_or("");
        let (radix, digits) = match lower {
            "0x" | "0X" => (16, text.get(2..).unwrap_or("")),
            "0b" | "0B" => (2, text.get(2..).unwrap_or("")),
            "0o" | "0O" => (8, text.get(2..).unwrap_or("")),
            _ => (10, text),
        };
        let plain: String = digits.chars().filter(|ch| *ch != '_').collect();
        if radix == 10 && plain.contains(['.', 'e', 'E']) {
            return match plain.parse::<f64>() {
                Ok(value) if value.is_finite() => self.core.leaf(span, ExprKind::Float(value)),
                _ => Err(self.core.bad_number(span, format!("`{}` is no number", short(text)))),
            };
        }
        let all_digits = !plain.is_empty() && plain.chars().all(|ch| ch.is_digit(radix));
        match u64::from_str_radix(&plain, radix) {
            // The lowest integer is written as its negation.
            Ok(value) if value <= i64::MIN.unsigned_abs() => self.core.leaf(span, ExprKind::Int(value)),
            _ if all_digits => {
                Err(self.core.bad_number(span, format!("{} does not fit in 64 bits", short(text))))
            }
            _ => Err(self.core.bad_number(span, format!("`{}` is no number", short(text)))),
        }
    }

    /// Strings one after the other are one.
    pub(super) fn strings(&mut self) -> Parsed<Node<'s>> {
        let start = self.tok().span.start;
        let mut parts: Vec<StrPart<'s>> = Vec::new();
        let mut text = String::new();
        let mut height = 0_usize;
        while self.at_kind(Tok::Str) {
            let span = self.bump().span;
            let whole = self.core.text(span);
            let prefix = whole.find(['"', '\'']).unwrap_or(0);
            let letters = whole.get(..prefix).unwrap_or("");
            let quotes = if whole.get(prefix..).is_some_and(|rest| {
                rest.len() >= 6 && (rest.starts_with("\"\"\"") || rest.starts_with("'''"))
            }) {
                3
            } else {
                1
            };
            let from = (span.start as usize).saturating_add(prefix).saturating_add(quotes);
            let to = (span.end as usize).saturating_sub(quotes);
            let inner = Span::from_usize(from, to);
            if letters.contains(['b', 'B']) {
                return Err(self.core.outside(span, "a string of bytes", "use a list of numbers"));
            }
            let raw = letters.contains(['r', 'R']);
            if letters.contains(['f', 'F']) {
                self.formatted(inner, raw, &mut text, &mut parts, &mut height)?;
            } else {
                let inner = self.core.text(inner);
                if raw {
                    text.push_str(inner);
                } else if let Err(problem) = unescape(inner, &mut text) {
                    return Err(self.core.bad_string(span, problem));
                }
            }
            if text.len() > limits::STRING_BYTES {
                return Err(self.core.bad_string(span, "the string is longer than 1 MiB"));
            }
        }
        let span = self.span_from(start);
        self.core.sink.charge(text.len(), span);
        if !text.is_empty() || parts.is_empty() {
            self.core.keep(&mut parts, StrPart::Text(Cow::Owned(text)), span)?;
        }
        self.core.node(span, ExprKind::Str(parts), height)
    }

    /// The inside of `f"…"`.
    fn formatted(
        &mut self,
        inner: Span,
        raw: bool,
        text: &mut String,
        parts: &mut Vec<StrPart<'s>>,
        height: &mut usize,
    ) -> Parsed<()> {
        let source = self.core.text(inner);
        let mut at = 0_usize;
        while let Some(found) = source.get(at..).and_then(|rest| rest.find(['{', '}'])) {
            let brace = at.saturating_add(found);
            let plain = source.get(at..brace).unwrap_or("");
            if raw {
                text.push_str(plain);
            } else if let Err(problem) = unescape(plain, text) {
                return Err(self.core.bad_string(inner, problem));
            }
            let rest = source.get(brace..).unwrap_or("");
            if rest.starts_with("{{") || rest.starts_with("}}") {
                text.push_str(rest.get(..1).unwrap_or(""));
                at = brace.saturating_add(2);
                continue;
            }
            let open = brace.saturating_add(1);
            let length = if rest.starts_with('{') { closing(source.get(open..).unwrap_or("")) } else { None };
            let Some(length) = length else {
                return Err(self.core.bad_string(inner, "a brace in a text is written twice: `{{` or `}}`"));
            };
            if !text.is_empty() {
                let piece = core::mem::take(text);
                self.core.sink.charge(piece.len(), inner);
                self.core.keep(parts, StrPart::Text(Cow::Owned(piece)), inner)?;
            }
            let start = (inner.start as usize).saturating_add(open);
            let hole = Span::from_usize(start, start.saturating_add(length));
            let value = self.inserted(hole)?;
            *height = (*height).max(value.height);
            self.core.keep(parts, StrPart::Expr(value.expr), hole)?;
            at = open.saturating_add(length).saturating_add(1);
        }
        let plain = source.get(at..).unwrap_or("");
        if raw {
            text.push_str(plain);
            return Ok(());
        }
        unescape(plain, text).map_err(|problem| self.core.bad_string(inner, problem))
    }

    /// The expression in `{…}`.
    fn inserted(&mut self, hole: Span) -> Parsed<Node<'s>> {
        self.core.enter(hole)?;
        let tokens = lexer::tokens(&mut self.core, hole, 1)?;
        let (outer, at) = (core::mem::replace(&mut self.tokens, tokens), core::mem::take(&mut self.at));
        let value = self.value();
        let rest = self.tok();
        let complete = matches!(rest.kind, Tok::Newline | Tok::End);
        self.tokens = outer;
        self.at = at;
        let value = value?;
        self.core.leave();
        if !complete {
            return Err(self.core.outside(
                rest.span,
                "a format in a text",
                "insert the value itself; values have one text form",
            ));
        }
        Ok(value)
    }
}

/// Length of the expression before the `}` that closes it.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth = depth.saturating_add(1),
            b'}' if depth == 0 => return Some(at),
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// The beginning of a literal, for messages.
fn short(text: &str) -> &str {
    text.char_indices().nth(40).and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

/// Resolves the escapes of Python.
fn unescape(text: &str, out: &mut String) -> Result<(), &'static str> {
    const BAD: &str = "escapes are \\n \\t \\r \\0 \\\\ \\' \\\" \\xhh and \\uhhhh";
    let mut chars = text.chars();
    while let Some(ch) = chars.next() {
        if ch != '\\' {
            out.push(ch);
            continue;
        }
        let digits = match chars.next() {
            Some('n') => {
                out.push('\n');
                continue;
            }
            Some('t') => {
                out.push('\t');
                continue;
            }
            Some('r') => {
                out.push('\r');
                continue;
            }
            Some('0') => {
                out.push('\0');
                continue;
            }
            Some('\n') => continue,
            Some(same @ ('\\' | '\'' | '"')) => {
                out.push(same);
                continue;
            }
            Some('x') => 2,
            Some('u') => 4,
            _ => return Err(BAD),
        };
        let mut value = 0_u32;
        for _ in 0..digits {
            let digit = chars.next().and_then(|ch| ch.to_digit(16)).ok_or(BAD)?;
            value = value.saturating_mul(16).saturating_add(digit);
        }
        out.push(char::from_u32(value).ok_or(BAD)?);
    }
    Ok(())
}
