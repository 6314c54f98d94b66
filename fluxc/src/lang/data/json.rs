//! JSON by RFC 8259.
//!
//! The grammar is small, and no library gives the place of every value without `std`.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Context, Entry, Failed, Key, Kind, Node, Read, Sign};
use crate::diag::{Diagnostic, codes};
use crate::span::Span;

pub(super) fn read<'s>(context: &mut Context<'s, '_>) -> Read<Node<'s>> {
    let mut reader = Json { at: 0, context };
    let node = reader.value(0)?;
    reader.blanks()?;
    if reader.peek().is_some() {
        return Err(reader.unexpected("the end of the data", "one fence holds one value"));
    }
    Ok(node)
}

struct Json<'c, 's, 'k> {
    at: usize,
    context: &'c mut Context<'s, 'k>,
}

impl<'s> Json<'_, 's, '_> {
    fn rest(&self) -> &'s str {
        self.context.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<u8> {
        self.context.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        if there {
            self.step(1);
        }
        there
    }

    fn span_from(&self, start: usize) -> Span {
        self.context.span(start, self.at)
    }

    fn blanks(&mut self) -> Read<()> {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.step(1);
        }
        if self.rest().starts_with("//") || self.rest().starts_with("/*") || self.peek() == Some(b'#') {
            let span = self.context.span(self.at, self.at.saturating_add(1));
            return Err(self.context.fail(
                Diagnostic::new(codes::DATA_SYNTAX, span, "JSON has no comments")
                    .label("begins one")
                    .hint("put it into the text before the fence, or write the data as YAML"),
            ));
        }
        Ok(())
    }

    /// The word or character at hand, for messages.
    fn found(&self) -> (Span, String) {
        let rest = self.rest();
        let word = rest.find(|ch: char| !ch.is_alphanumeric()).unwrap_or(rest.len());
        let length = if word > 0 { word } else { rest.chars().next().map_or(0, char::len_utf8) };
        let end = self.at.saturating_add(length.min(64));
        let text = self.context.text.get(self.at..end).unwrap_or("");
        let shown = match text {
            "" => "the end of the data".into(),
            text => format!("`{}`", text.escape_debug()),
        };
        (self.context.span(self.at, end), shown)
    }

    fn unexpected(&mut self, expected: &str, hint: &str) -> Failed {
        let (span, found) = self.found();
        let row = Diagnostic::new(
            codes::DATA_SYNTAX,
            span,
            format!("expected {expected} in the JSON, found {found}"),
        )
        .label(format!("expected {expected}"));
        self.context.fail(if hint.is_empty() { row } else { row.hint(hint) })
    }

    fn value(&mut self, depth: usize) -> Read<Node<'s>> {
        self.blanks()?;
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => return self.object(depth),
            Some(b'[') => return self.array(depth),
            Some(b'"') => Kind::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Node { kind, span: self.span_from(start) })
    }

    fn word(&mut self) -> Read<Kind<'s>> {
        let rest = self.rest();
        let end = rest.find(|ch: char| !ch.is_alphanumeric()).unwrap_or(rest.len());
        let kind = match rest.get(..end).unwrap_or("") {
            "null" => Kind::Null,
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            word => {
                let hint = match word {
                    "True" | "False" | "TRUE" | "FALSE" => "JSON writes `true` and `false`",
                    "None" | "nil" | "undefined" | "NULL" | "Null" => "JSON writes `null`",
                    "NaN" | "Infinity" => "JSON has only numbers that are finite",
                    "" if rest.starts_with('\'') => "texts stand in double quotes",
                    "" if rest.starts_with(']') || rest.starts_with('}') => "leave out the comma before it",
                    "" if rest.starts_with('+') => "a number has no plus sign",
                    "" if rest.starts_with('.') => "a number begins with a digit: `0.5`",
                    "" => "",
                    _ => "texts stand in double quotes",
                };
                return Err(self.unexpected("a value", hint));
            }
        };
        self.step(end);
        Ok(kind)
    }

    fn number(&mut self) -> Read<Kind<'s>> {
        let start = self.at;
        let sign = if self.eat(b'-') { Sign::Minus } else { Sign::Plus };
        let digits = self.at;
        let first = self.peek();
        self.digits()?;
        if first == Some(b'0') && self.at > digits.saturating_add(1) {
            let span = self.span_from(start);
            return Err(self.context.syntax(span, "a number of JSON does not begin with 0"));
        }
        let mut whole = true;
        if self.eat(b'.') {
            whole = false;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.step(1);
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.step(1);
            }
            self.digits()?;
        }
        let span = self.span_from(start);
        if whole {
            let text = self.context.text.get(digits..self.at).unwrap_or("");
            return self.context.whole(sign, text, 10, span);
        }
        let text = self.context.text.get(start..self.at).unwrap_or("");
        self.context.float(text, span)
    }

    fn digits(&mut self) -> Read<()> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.unexpected("a digit", ""));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.step(1);
        }
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Read<Node<'s>> {
        let start = self.at;
        self.step(1);
        self.context.check_depth(depth, self.span_from(start))?;
        let mut items = Vec::new();
        self.blanks()?;
        while !self.eat(b']') {
            if !items.is_empty() {
                self.comma("`,` or `]`")?;
            }
            let item = self.value(depth.saturating_add(1))?;
            let span = item.span;
            self.context.keep(&mut items, item, span)?;
            self.blanks()?;
        }
        let span = self.span_from(start);
        Ok(self.context.array(items, span))
    }

    fn comma(&mut self, expected: &str) -> Read<()> {
        if self.eat(b',') { Ok(()) } else { Err(self.unexpected(expected, "")) }
    }

    fn object(&mut self, depth: usize) -> Read<Node<'s>> {
        let start = self.at;
        self.step(1);
        self.context.check_depth(depth, self.span_from(start))?;
        let mut entries: Vec<Entry<'s>> = Vec::new();
        self.blanks()?;
        while !self.eat(b'}') {
            if !entries.is_empty() {
                self.comma("`,` or `}`")?;
                self.blanks()?;
            }
            let key = self.key()?;
            self.blanks()?;
            if !self.eat(b':') {
                return Err(self.unexpected("`:`", ""));
            }
            let value = self.value(depth.saturating_add(1))?;
            let span = key.span;
            self.context.keep(&mut entries, Entry { key, value }, span)?;
            self.blanks()?;
        }
        let span = self.span_from(start);
        self.context.object(entries, span)
    }

    fn key(&mut self) -> Read<Key<'s>> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            let hint = match self.peek() {
                Some(b'}') => "leave out the comma before it",
                Some(_) => "keys stand in double quotes",
                None => "",
            };
            return Err(self.unexpected("a key", hint));
        }
        let text = self.string()?;
        Ok(Key { text, span: self.span_from(start) })
    }

    fn string(&mut self) -> Read<Cow<'s, str>> {
        let start = self.at;
        self.step(1);
        let mut text: Cow<'s, str> = Cow::Borrowed("");
        loop {
            let rest = self.rest();
            let plain = rest.find(|ch: char| ch == '"' || ch == '\\' || ch < ' ').unwrap_or(rest.len());
            let piece = rest.get(..plain).unwrap_or("");
            if text.is_empty() {
                text = Cow::Borrowed(piece);
            } else {
                text.to_mut().push_str(piece);
            }
            self.step(plain);
            match self.peek() {
                Some(b'"') => {
                    self.step(1);
                    let span = self.span_from(start);
                    return self.context.text_of(text, span);
                }
                Some(b'\\') => {
                    let ch = self.escape()?;
                    text.to_mut().push(ch);
                }
                None => {
                    let span = self.context.span(start, start.saturating_add(1));
                    return Err(self.context.syntax(span, "the text does not end"));
                }
                Some(_) => {
                    let span = self.context.span(start, self.at);
                    return Err(self.context.fail(
                        Diagnostic::new(codes::DATA_SYNTAX, span, "a text of JSON ends on its line")
                            .label("no `\"` here")
                            .hint("write `\\n` for a line break, `\\t` for a tab"),
                    ));
                }
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let start = self.at;
        self.step(1);
        let byte = self.peek();
        self.step(1);
        Ok(match byte {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(start),
            _ => {
                let span = self.context.span(start, start.saturating_add(1));
                return Err(self.context.fail(
                    Diagnostic::new(codes::DATA_SYNTAX, span, "JSON has no such escape").expected(
                        "`\\\"` `\\\\` `\\/` `\\b` `\\f` `\\n` `\\r` `\\t` or `\\u` with four digits",
                    ),
                ));
            }
        })
    }

    /// `\u` with four digits, or a pair of them above U+FFFF.
    fn unicode(&mut self, start: usize) -> Read<char> {
        let first = self.four_digits();
        let code = match first {
            Some(high @ 0xD800..=0xDBFF) if self.rest().starts_with("\\u") => {
                self.step(2);
                self.four_digits()
                    .filter(|low| (0xDC00..=0xDFFF).contains(low))
                    .map(|low| 0x1_0000_u32.saturating_add((high & 0x3FF) << 10).saturating_add(low & 0x3FF))
            }
            other => other,
        };
        code.and_then(char::from_u32).ok_or_else(|| {
            let span = self.span_from(start);
            self.context
                .syntax(span, "`\\u` and four digits of base 16 must name a character, or two such a pair")
        })
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = self.context.text.get(self.at..self.at.saturating_add(4))?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        self.step(4);
        u32::from_str_radix(digits, 16).ok()
    }
}
