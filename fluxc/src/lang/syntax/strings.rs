//! String literals with escapes and `{expressions}`.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::limits;

use super::ast::{Align, Expr, ExprKind, Spanned, StrPart, TextShape, Topic};
use super::lexer::{Mode, Tok};
use super::parser::{Failed, Parsed, Parser};
use crate::diag::{Diagnostic, codes};
use crate::span::Span;

/// Text between two expressions: a slice of the source as long as that is possible.
struct Piece<'s> {
    owned: Option<String>,
    slice: &'s str,
}

impl<'s> Piece<'s> {
    const fn new() -> Self {
        Self { owned: None, slice: "" }
    }

    /// Adds source text; only the first addition is borrowed.
    fn add(&mut self, text: &'s str) {
        if text.is_empty() {
            return;
        }
        match &mut self.owned {
            Some(owned) => owned.push_str(text),
            None if self.slice.is_empty() => self.slice = text,
            None => {
                let mut owned = String::from(self.slice);
                owned.push_str(text);
                self.owned = Some(owned);
            }
        }
    }

    fn owned(&mut self) -> &mut String {
        let slice = self.slice;
        self.owned.get_or_insert_with(|| String::from(slice))
    }

    fn take(&mut self) -> Option<Cow<'s, str>> {
        let slice = core::mem::take(&mut self.slice);
        match self.owned.take() {
            Some(owned) if owned.is_empty() => None,
            Some(owned) => Some(Cow::Owned(owned)),
            None if slice.is_empty() => None,
            None => Some(Cow::Borrowed(slice)),
        }
    }
}

/// Most characters that a value is filled up to.
const MOST_WIDTH: u16 = 200;
/// Most digits behind the point.
const MOST_DECIMALS: u8 = 20;

/// Reads `>8.2`.
fn shape_of(text: &str) -> Option<TextShape> {
    let text = text.trim();
    let (align, rest) = match text.bytes().next()? {
        b'<' => (Align::Left, text.get(1..)?),
        b'>' => (Align::Right, text.get(1..)?),
        b'^' => (Align::Centre, text.get(1..)?),
        _ => (Align::Usual, text),
    };
    let (width, decimals) = match rest.split_once('.') {
        Some((width, decimals)) => (width, Some(decimals)),
        None => (rest, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let width = match width {
        "" if align == Align::Usual && decimals.is_some() => 0,
        _ if digits(width) => width.parse().ok().filter(|width| (1..=MOST_WIDTH).contains(width))?,
        _ => return None,
    };
    let decimals = match decimals {
        None => None,
        Some(text) if digits(text) => Some(text.parse().ok().filter(|count| *count <= MOST_DECIMALS)?),
        Some(_) => return None,
    };
    Some(TextShape { align, width, decimals })
}

impl<'s> Parser<'s, '_> {
    /// A string; the next token is its opening quote.
    pub(super) fn string(&mut self) -> Parsed<Expr<'s>> {
        let start = self.tok.span.start;
        let mut parts = Vec::new();
        let mut piece = Piece::new();
        let mut height = 0_usize;
        // The lexer stands directly after the quote.
        loop {
            let rest = self.lexer.rest();
            let plain = rest
                .bytes()
                .position(|byte| matches!(byte, b'"' | b'\\' | b'{' | b'\n' | b'\r'))
                .unwrap_or(rest.len());
            piece.add(rest.get(..plain).unwrap_or(""));
            self.lexer.skip(plain);
            match self.lexer.byte(0) {
                Some(b'"') => {
                    self.lexer.skip(1);
                    let end = self.lexer.offset();
                    self.jump(end);
                    break;
                }
                Some(b'\\') => self.escape(&mut piece)?,
                Some(b'{') => {
                    if let Some(text) = piece.take() {
                        self.keep(&mut parts, StrPart::Text(text))?;
                    }
                    let (value, shape) = self.interpolation()?;
                    self.keep(&mut parts, StrPart::Expr(value))?;
                    if let Some((shape, span)) = shape {
                        self.keep(&mut parts, StrPart::Shape(shape, span))?;
                    }
                    height = height.max(self.height);
                }
                Some(_) if self.mode == Mode::Step => self.line_break(&mut piece),
                _ => return Err(self.unterminated(start)),
            }
        }
        if let Some(text) = piece.take() {
            self.keep(&mut parts, StrPart::Text(text))?;
        }
        self.sink.fit(&mut parts);
        let span = self.span_from(start);
        if span.len() as usize > limits::STRING_BYTES {
            let message =
                format!("the string has {} bytes, the limit is {}", span.len(), limits::STRING_BYTES);
            self.error(codes::STRING_TOO_LONG, span, message);
        }
        self.raise(height)?;
        Ok(Expr { span, kind: ExprKind::Str(parts) })
    }

    fn unterminated(&mut self, start: u32) -> Failed {
        let end = self.lexer.offset();
        let span = Span::new(start, end);
        self.jump(end);
        self.report(codes::BAD_STRING, span, || {
            Diagnostic::new(codes::BAD_STRING, span, "the string does not end")
                .label("begins here")
                .expected("`\"`")
                .replace("close it", Span::empty(end), "\"")
        });
        Failed
    }

    /// A line break in the string of a step: one space, and no white space around it.
    fn line_break(&mut self, piece: &mut Piece<'s>) {
        let owned = piece.owned();
        let kept = owned.trim_end_matches([' ', '\t']).len();
        owned.truncate(kept);
        owned.push(' ');
        while matches!(self.lexer.byte(0), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.lexer.skip(1);
        }
    }

    fn interpolation(&mut self) -> Parsed<(Expr<'s>, Option<(TextShape, Span)>)> {
        let open = self.lexer.offset();
        self.lexer.skip(1);
        let inside = self.lexer.offset();
        self.jump(inside);
        let brace = Span::new(open, inside);
        if self.at(Tok::RBrace) {
            let span = brace.to(self.tok.span);
            self.report(codes::BAD_STRING, span, || {
                Diagnostic::new(codes::BAD_STRING, span, "no expression between the braces").replace(
                    "for the characters themselves write",
                    span,
                    "\\{\\}",
                )
            });
            return Err(Failed);
        }
        let expr = self.inner()?;
        let shape = if self.at(Tok::Colon) { Some(self.text_shape()?) } else { None };
        if !self.at(Tok::RBrace) {
            return self.close(Tok::RBrace, "`}`", brace).map(|()| (expr, shape));
        }
        let end = self.tok.span.end;
        self.lexer.jump(end);
        Ok((expr, shape))
    }

    /// What stands between the colon, which is the next token, and the closing brace.
    fn text_shape(&mut self) -> Parsed<(TextShape, Span)> {
        let start = self.tok.span.end;
        let rest = self.source.get(start as usize..self.lexer.end() as usize).unwrap_or("");
        let length = rest.find(['}', '"', '\n', '\r']).unwrap_or(rest.len());
        let text = rest.get(..length).unwrap_or("");
        let span = Span::from_usize(start as usize, (start as usize).saturating_add(length));
        self.jump(span.end);
        let Some(shape) = shape_of(text) else {
            self.report(codes::BAD_STRING, span, || {
                Diagnostic::new(codes::BAD_STRING, span, "this does not say how the value is shown")
                    .label("not understood")
                    .expected(
                        "`<`, `>` or `^`, a width up to 200, `.` and up to 20 digits; each may be left out",
                    )
                    .hint("for example `{x:.2}`, `{x:8}`, `{name:>12}`, `{x:^9.1}`")
            });
            return Err(Failed);
        };
        Ok((shape, span))
    }

    fn escape(&mut self, piece: &mut Piece<'s>) -> Parsed<()> {
        let start = self.lexer.offset();
        let plain = match self.lexer.byte(1) {
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'0') => '\0',
            Some(b'\\') => '\\',
            Some(b'"') => '"',
            Some(b'\'') => '\'',
            Some(b'{') => '{',
            Some(b'}') => '}',
            Some(b'u') => {
                let (ch, len) = self.unicode(start)?;
                piece.owned().push(ch);
                self.lexer.skip(len);
                return Ok(());
            }
            _ => return Err(self.bad_escape(start, "this escape is not known")),
        };
        piece.owned().push(plain);
        self.lexer.skip(2);
        Ok(())
    }

    /// `\u{1F4A1}`: the character and the length of the escape.
    fn unicode(&mut self, start: u32) -> Parsed<(char, usize)> {
        let rest = self.lexer.rest();
        let digits = rest.get(2..).and_then(|r| r.strip_prefix('{')).and_then(|r| {
            let end = r.bytes().take(8).position(|byte| byte == b'}')?;
            r.get(..end)
        });
        let found = digits.and_then(|digits| {
            let ch = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)?;
            Some((ch, digits.len().saturating_add(4)))
        });
        match found {
            Some(found) => Ok(found),
            None => Err(self.bad_escape(start, "`\\u` wants the number of a character: `\\u{20AC}`")),
        }
    }

    fn bad_escape(&mut self, start: u32, message: &str) -> Failed {
        let ch = self.lexer.rest().chars().nth(1).map_or(0, char::len_utf8);
        self.lexer.skip(ch.saturating_add(1));
        let end = self.lexer.offset();
        let span = Span::new(start, end);
        self.jump(end);
        self.report(codes::BAD_STRING, span, || {
            Diagnostic::new(codes::BAD_STRING, span, message)
                .expected("one of `\\n \\t \\r \\0 \\\\ \\\" \\{ \\} \\u{…}`")
                .replace("for a backslash write two", Span::empty(start), "\\")
        });
        Failed
    }

    /// A string without expressions: a topic, path or name.
    pub(super) fn plain_string(&mut self, what: &str) -> Parsed<Topic<'s>> {
        if !self.at(Tok::Quote) {
            return Err(self.unexpected(what));
        }
        let expr = self.string()?;
        let ExprKind::Str(mut parts) = expr.kind else { return Err(Failed) };
        let name = match (parts.pop(), parts.is_empty()) {
            (None, _) => Cow::Borrowed(""),
            (Some(StrPart::Text(text)), true) => text,
            _ => {
                let message = format!("{what} is fixed before the program runs: no `{{…}}` in it");
                return Err(self.error(codes::BAD_STRING, expr.span, message));
            }
        };
        Ok(Topic { name, span: expr.span })
    }

    /// Words as [`Spanned`] text up to the closing parenthesis or a comma.
    pub(super) fn raw_until_separator(&mut self) -> Spanned<&'s str> {
        let start = self.tok.span.start;
        let rest = self.source.get(start as usize..self.lexer.end() as usize).unwrap_or("");
        let len = rest.find([',', ')']).unwrap_or(rest.len());
        let text = rest.get(..len).unwrap_or("").trim_end();
        let span = Span::from_usize(start as usize, (start as usize).saturating_add(text.len()));
        self.jump(span.end);
        Spanned { value: text, span }
    }
}
