//! Literals of C: numbers with their suffixes, characters, strings.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use super::super::ast::{ExprKind, StrPart};
use super::super::foreign::Node;
use super::super::parser::Parsed;
use super::Parser;
use super::lexer::Tok;
use crate::span::Span;
use flux_abi::limits;

impl<'s> Parser<'s, '_, '_> {
    /// A number in the type that its suffix and size give.
    pub(super) fn number(&mut self) -> Parsed<Node<'s>> {
        let span = self.bump().span;
        let text = self.core.text(span);
        let hex = text.starts_with("0x") || text.starts_with("0X");
        let is_float = !hex && (text.contains('.') || text.contains(['e', 'E']));
        if is_float { self.float(text, span) } else { self.integer(text, hex, span) }
    }

    fn float(&mut self, text: &'s str, span: Span) -> Parsed<Node<'s>> {
        let digits = text.trim_end_matches(['f', 'F', 'l', 'L']);
        let suffix = text.get(digits.len()..).unwrap_or("");
        let value = digits.parse::<f64>().ok().filter(|value| value.is_finite());
        let (Some(value), true) = (value, suffix.len() <= 1) else {
            return Err(self.core.bad_number(span, format!("`{}` is no number of C", short(text))));
        };
        let node = self.core.leaf(span, ExprKind::Float(value))?;
        if matches!(suffix, "f" | "F") { self.core.cast_to(node, "f32", span) } else { Ok(node) }
    }

    fn integer(&mut self, text: &'s str, hex: bool, span: Span) -> Parsed<Node<'s>> {
        let number = text.trim_end_matches(['u', 'U', 'l', 'L']);
        let suffix = text.get(number.len()..).unwrap_or("");
        let (radix, digits) = if hex {
            (16, number.get(2..).unwrap_or(""))
        } else if let Some(digits) = number.strip_prefix("0b").or_else(|| number.strip_prefix("0B")) {
            (2, digits)
        } else if number.len() > 1 && number.starts_with('0') {
            (8, number)
        } else {
            (10, number)
        };
        let Ok(value) = u64::from_str_radix(digits, radix) else {
            let digits_only = !digits.is_empty() && digits.chars().all(|ch| ch.is_digit(radix));
            let problem = if digits_only { "does not fit in 64 bits" } else { "is no number of C" };
            return Err(self.core.bad_number(span, format!("`{}` {problem}", short(text))));
        };
        let unsigned = suffix.contains(['u', 'U']);
        let long = suffix.contains(['l', 'L']);
        let may_be_unsigned = unsigned || radix != 10;
        let fits_int = !unsigned && !long && i32::try_from(value).is_ok();
        let fits_unsigned = may_be_unsigned && !long && u32::try_from(value).is_ok();
        let node = self.core.leaf(span, ExprKind::Int(value))?;
        let ty = if fits_int {
            return Ok(node);
        } else if fits_unsigned {
            "u32"
        } else if !unsigned && i64::try_from(value).is_ok() {
            "i64"
        } else if may_be_unsigned {
            "u64"
        } else {
            let problem = format!("{} does not fit in 64 signed bits", short(text));
            return Err(self.core.bad_number(span, problem));
        };
        self.core.cast_to(node, ty, span)
    }

    /// `'a'`: an `int`.
    pub(super) fn character(&mut self) -> Parsed<Node<'s>> {
        let span = self.bump().span;
        let text = self.core.text(span);
        let inner = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
        let mut value = String::new();
        let read = inner.is_some_and(|inner| !inner.is_empty() && unescape(inner, &mut value).is_ok());
        let mut chars = value.chars();
        match (read, chars.next(), chars.next()) {
            (true, Some(ch), None) if ch.is_ascii() => {
                self.core.leaf(span, ExprKind::Int(u64::from(u32::from(ch))))
            }
            _ => Err(self.core.bad_string(span, "a character is one letter in single quotes, as `'a'`")),
        }
    }

    /// Strings one after the other are one.
    pub(super) fn strings(&mut self) -> Parsed<Node<'s>> {
        let start = self.tok.span.start;
        let mut value = String::new();
        while self.tok.kind == Tok::Str {
            let span = self.bump().span;
            let text = self.core.text(span);
            let inner =
                text.strip_prefix('"').filter(|_| text.len() > 1).and_then(|text| text.strip_suffix('"'));
            let Some(inner) = inner else {
                return Err(self.core.bad_string(span, "the string does not end on its line"));
            };
            if let Err(problem) = unescape(inner, &mut value) {
                return Err(self.core.bad_string(span, problem));
            }
            if value.len() > limits::STRING_BYTES {
                return Err(self.core.bad_string(span, "the string is longer than 1 MiB"));
            }
        }
        let span = self.span_from(start);
        self.core.sink.charge(value.len(), span);
        self.core.leaf(span, ExprKind::Str(alloc::vec![StrPart::Text(Cow::Owned(value))]))
    }
}

/// The beginning of a literal, for messages.
fn short(text: &str) -> &str {
    text.char_indices().nth(40).and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

/// Resolves the escapes of C.
fn unescape(text: &str, out: &mut String) -> Result<(), &'static str> {
    const BAD: &str =
        "escapes are \\n \\t \\r \\0 \\a \\b \\f \\v \\\\ \\' \\\" and \\x with two digits below 80";
    let mut chars = text.chars();
    while let Some(ch) = chars.next() {
        if ch != '\\' {
            out.push(ch);
            continue;
        }
        out.push(match chars.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('0') => '\0',
            Some('a') => '\u{7}',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('v') => '\u{b}',
            Some(same @ ('\\' | '\'' | '"' | '?')) => same,
            Some('x') => {
                let high = chars.next().and_then(|ch| ch.to_digit(16)).ok_or(BAD)?;
                let low = chars.next().and_then(|ch| ch.to_digit(16)).ok_or(BAD)?;
                let value = high.saturating_mul(16).saturating_add(low);
                u8::try_from(value).ok().filter(u8::is_ascii).map(char::from).ok_or(BAD)?
            }
            _ => return Err(BAD),
        });
    }
    Ok(())
}
