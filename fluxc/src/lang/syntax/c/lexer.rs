//! Tokens of C.

use crate::span::{Span, clamp};

/// Kinds of tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tok {
    /// A name or keyword.
    Word,
    /// What begins with a digit, or with a point and a digit.
    Number,
    /// `"…"`, or up to the end of the line if it is not closed.
    Str,
    /// `'…'`.
    Char,
    /// An operator or bracket.
    Punct,
    /// A comment that does not end.
    OpenComment,
    /// A character that C does not have.
    Other,
    /// The end of the fence.
    End,
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Tok,
    pub(super) span: Span,
    /// Whether it is the first on its line: directives end there.
    pub(super) first_on_line: bool,
}

/// Operators of several characters, longest first.
const PUNCTUATORS: &[&str] = &[
    "<<=", ">>=", "...", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "+=", "-=", "*=",
    "/=", "%=", "&=", "|=", "^=", "##",
];

/// A cursor over a fence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexer<'s> {
    source: &'s str,
    start: usize,
    at: usize,
    end: usize,
}

impl<'s> Lexer<'s> {
    pub(super) fn new(source: &'s str, span: Span) -> Self {
        let end = (span.end as usize).min(source.len());
        let start = (span.start as usize).min(end);
        Self { source, start, at: start, end }
    }

    fn rest(&self) -> &'s [u8] {
        self.source.as_bytes().get(self.at..self.end).unwrap_or(&[])
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.rest().get(ahead).copied()
    }

    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes).min(self.end);
    }

    fn skip_while(&mut self, keep: impl Fn(u8) -> bool) {
        let count = self.rest().iter().take_while(|byte| keep(**byte)).count();
        self.skip(count);
    }

    /// Skips space and comments; tells whether a line ended, and whether a comment did not.
    fn skip_space(&mut self) -> (bool, bool) {
        let mut line_ended = false;
        loop {
            match (self.byte(0), self.byte(1)) {
                (Some(b' ' | b'\t' | 0x0b | 0x0c), _) => self.skip(1),
                (Some(b'\n' | b'\r'), _) => {
                    line_ended = true;
                    self.skip(1);
                }
                // A line that goes on.
                (Some(b'\\'), Some(b'\n')) => self.skip(2),
                (Some(b'\\'), Some(b'\r')) => {
                    self.skip(2);
                    if self.byte(0) == Some(b'\n') {
                        self.skip(1);
                    }
                }
                (Some(b'/'), Some(b'/')) => self.skip_while(|byte| !matches!(byte, b'\n' | b'\r')),
                (Some(b'/'), Some(b'*')) => {
                    let rest = self.rest();
                    let close = rest.windows(2).skip(2).position(|pair| pair == b"*/");
                    match close {
                        Some(at) => self.skip(at.saturating_add(4)),
                        None => return (line_ended, true),
                    }
                }
                _ => return (line_ended, false),
            }
        }
    }

    /// The next token; at the end, [`Tok::End`] for ever.
    pub(super) fn token(&mut self) -> Token {
        let begin = self.at == self.start;
        let (line_ended, open) = self.skip_space();
        let first_on_line = line_ended || begin;
        let start = self.at;
        let kind = if open {
            self.at = self.end;
            Tok::OpenComment
        } else {
            self.kind()
        };
        Token { kind, span: Span::new(clamp(start), clamp(self.at)), first_on_line }
    }

    fn kind(&mut self) -> Tok {
        let Some(first) = self.byte(0) else { return Tok::End };
        match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                self.skip_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                Tok::Word
            }
            b'0'..=b'9' => self.number(),
            b'.' if self.byte(1).is_some_and(|byte| byte.is_ascii_digit()) => self.number(),
            b'"' => self.quoted(b'"', Tok::Str),
            b'\'' => self.quoted(b'\'', Tok::Char),
            0x80.. => {
                let length = self.source.get(self.at..).and_then(|rest| rest.chars().next());
                self.skip(length.map_or(1, char::len_utf8));
                Tok::Other
            }
            _ => {
                let rest = self.rest();
                let long = PUNCTUATORS.iter().find(|text| rest.starts_with(text.as_bytes()));
                self.skip(long.map_or(1, |text| text.len()));
                if long.is_some() || b"+-*/%=<>!&|^~?:;,.(){}[]#".contains(&first) {
                    Tok::Punct
                } else {
                    Tok::Other
                }
            }
        }
    }

    /// A preprocessing number: letters, digits, points, and signs after an exponent.
    fn number(&mut self) -> Tok {
        let hex = self.byte(0) == Some(b'0') && matches!(self.byte(1), Some(b'x' | b'X'));
        let mut before = 0;
        while let Some(byte) = self.byte(0) {
            let exponent = if hex { matches!(before, b'p' | b'P') } else { matches!(before, b'e' | b'E') };
            if !(byte.is_ascii_alphanumeric()
                || matches!(byte, b'.' | b'_')
                || (exponent && matches!(byte, b'+' | b'-')))
            {
                break;
            }
            before = byte;
            self.skip(1);
        }
        Tok::Number
    }

    fn quoted(&mut self, quote: u8, kind: Tok) -> Tok {
        self.skip(1);
        while let Some(byte) = self.byte(0) {
            match byte {
                b'\n' | b'\r' => break,
                b'\\' if !matches!(self.byte(1), None | Some(b'\n' | b'\r')) => {
                    self.skip(1);
                    self.skip_char();
                }
                _ if byte == quote => {
                    self.skip(1);
                    break;
                }
                _ => self.skip_char(),
            }
        }
        kind
    }

    fn skip_char(&mut self) {
        let length = self.source.get(self.at..self.end).and_then(|rest| rest.chars().next());
        self.skip(length.map_or(1, char::len_utf8));
    }
}
