//! Tokens of steps and of code.
//!
//! The lexer is a cursor that can be copied, so looking ahead is copying. Strings are given as
//! their opening quote only: what is inside depends on the expressions in it, so the parser
//! reads on from there.

use crate::span::{Span, clamp};

/// Kinds of tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tok {
    /// A name or keyword.
    Word,
    /// A literal that begins with a digit, its unit included.
    Number,
    /// `"`, the opening one.
    Quote,
    /// A backtick.
    Backtick,
    LParen,
    RParen,
    LBracket,
    RBracket,
    LBrace,
    RBrace,
    Comma,
    Colon,
    Semicolon,
    Dot,
    DotDot,
    DotDotEq,
    Question,
    QuestionDot,
    Coalesce,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    PlusEq,
    MinusEq,
    StarEq,
    SlashEq,
    PercentEq,
    Eq,
    EqEq,
    NotEq,
    Lt,
    Le,
    Gt,
    Ge,
    Shl,
    Shr,
    Amp,
    AmpAmp,
    Bar,
    BarBar,
    /// `|>`.
    Pipe,
    Caret,
    Tilde,
    Bang,
    Arrow,
    FatArrow,
    /// `—` or `–`.
    Dash,
    /// A character that is no part of the language.
    Other,
    /// The end of the text.
    End,
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Tok,
    pub(super) span: Span,
    /// Whether a line ends between the token before and this one.
    pub(super) first_on_line: bool,
}

/// What is read: steps join their lines and know no comments.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mode {
    /// Controlled English.
    Step,
    /// The code language.
    Code,
}

/// A cursor over a part of a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexer<'s> {
    bytes: &'s [u8],
    source: &'s str,
    at: usize,
    end: usize,
    mode: Mode,
}

impl<'s> Lexer<'s> {
    pub(super) fn new(source: &'s str, span: Span, mode: Mode) -> Self {
        let end = (span.end as usize).min(source.len());
        Self { bytes: source.as_bytes(), source, at: span.start as usize, end, mode }
    }

    pub(super) fn offset(&self) -> u32 {
        clamp(self.at)
    }

    pub(super) fn end(&self) -> u32 {
        clamp(self.end)
    }

    pub(super) fn jump(&mut self, offset: u32) {
        self.at = (offset as usize).min(self.end);
    }

    /// The byte `ahead` of the cursor, if it is part of the text.
    pub(super) fn byte(&self, ahead: usize) -> Option<u8> {
        let at = self.at.saturating_add(ahead);
        if at < self.end { self.bytes.get(at).copied() } else { None }
    }

    /// What is left of the text.
    pub(super) fn rest(&self) -> &'s str {
        self.source.get(self.at..self.end).unwrap_or("")
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes).min(self.end);
    }

    /// Goes on over bytes of a kind.
    #[inline]
    fn skip_while(&mut self, is_kind: impl Fn(u8) -> bool) {
        let text = self.bytes.get(..self.end).unwrap_or(self.bytes);
        let mut at = self.at;
        while let Some(&byte) = text.get(at)
            && is_kind(byte)
        {
            at = at.saturating_add(1);
        }
        self.at = at;
    }

    /// Tells whether a brace comes next on this line; `None` if it takes a token to know.
    pub(super) fn brace_follows(&self) -> Option<bool> {
        let mut ahead = *self;
        ahead.skip_while(|byte| matches!(byte, b' ' | b'\t'));
        match ahead.byte(0) {
            Some(0x80.. | b'/') => None,
            byte => Some(byte == Some(b'{')),
        }
    }

    fn skip_space(&mut self) -> bool {
        let mut line_ended = false;
        loop {
            self.skip_while(|byte| matches!(byte, b' ' | b'\t'));
            match self.byte(0) {
                Some(b'\n' | b'\r') => {
                    line_ended = true;
                    self.skip(1);
                }
                Some(0xC2) if self.byte(1) == Some(0xA0) => self.skip(2),
                Some(b'/') if self.mode == Mode::Code && self.byte(1) == Some(b'/') => {
                    let rest = self.rest().as_bytes();
                    let len = rest.iter().position(|b| matches!(b, b'\n' | b'\r'));
                    self.skip(len.unwrap_or(rest.len()));
                }
                _ => return line_ended,
            }
        }
    }

    /// The next token; at the end, [`Tok::End`] for ever.
    pub(super) fn token(&mut self) -> Token {
        let first_on_line = self.skip_space();
        let start = self.at;
        let kind = self.kind();
        Token { kind, span: Span::from_usize(start, self.at), first_on_line }
    }

    fn kind(&mut self) -> Tok {
        let Some(first) = self.byte(0) else { return Tok::End };
        match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                self.word();
                return Tok::Word;
            }
            b'0'..=b'9' => {
                self.number();
                return Tok::Number;
            }
            0x80.. => return self.beyond_ascii(),
            _ => {}
        }
        let (second, third) = (self.byte(1), self.byte(2));
        let (kind, len) = match (first, second, third) {
            (b'"', ..) => (Tok::Quote, 1),
            (b'`', ..) => (Tok::Backtick, 1),
            (b'(', ..) => (Tok::LParen, 1),
            (b')', ..) => (Tok::RParen, 1),
            (b'[', ..) => (Tok::LBracket, 1),
            (b']', ..) => (Tok::RBracket, 1),
            (b'{', ..) => (Tok::LBrace, 1),
            (b'}', ..) => (Tok::RBrace, 1),
            (b',', ..) => (Tok::Comma, 1),
            (b':', ..) => (Tok::Colon, 1),
            (b';', ..) => (Tok::Semicolon, 1),
            (b'.', Some(b'.'), Some(b'=')) => (Tok::DotDotEq, 3),
            (b'.', Some(b'.'), _) => (Tok::DotDot, 2),
            (b'.', ..) => (Tok::Dot, 1),
            (b'?', Some(b'?'), _) => (Tok::Coalesce, 2),
            (b'?', Some(b'.'), _) => (Tok::QuestionDot, 2),
            (b'?', ..) => (Tok::Question, 1),
            (b'+', Some(b'='), _) => (Tok::PlusEq, 2),
            (b'+', ..) => (Tok::Plus, 1),
            (b'-', Some(b'>'), _) => (Tok::Arrow, 2),
            (b'-', Some(b'='), _) => (Tok::MinusEq, 2),
            (b'-', ..) => (Tok::Minus, 1),
            (b'*', Some(b'='), _) => (Tok::StarEq, 2),
            (b'*', ..) => (Tok::Star, 1),
            (b'/', Some(b'='), _) => (Tok::SlashEq, 2),
            (b'/', ..) => (Tok::Slash, 1),
            (b'%', Some(b'='), _) => (Tok::PercentEq, 2),
            (b'%', ..) => (Tok::Percent, 1),
            (b'=', Some(b'='), _) => (Tok::EqEq, 2),
            (b'=', Some(b'>'), _) => (Tok::FatArrow, 2),
            (b'=', ..) => (Tok::Eq, 1),
            (b'!', Some(b'='), _) => (Tok::NotEq, 2),
            (b'!', ..) => (Tok::Bang, 1),
            (b'<', Some(b'='), _) => (Tok::Le, 2),
            (b'<', Some(b'<'), _) => (Tok::Shl, 2),
            (b'<', ..) => (Tok::Lt, 1),
            (b'>', Some(b'='), _) => (Tok::Ge, 2),
            (b'>', Some(b'>'), _) => (Tok::Shr, 2),
            (b'>', ..) => (Tok::Gt, 1),
            (b'&', Some(b'&'), _) => (Tok::AmpAmp, 2),
            (b'&', ..) => (Tok::Amp, 1),
            (b'|', Some(b'|'), _) => (Tok::BarBar, 2),
            (b'|', Some(b'>'), _) => (Tok::Pipe, 2),
            (b'|', ..) => (Tok::Bar, 1),
            (b'^', ..) => (Tok::Caret, 1),
            (b'~', ..) => (Tok::Tilde, 1),
            _ => (Tok::Other, 1),
        };
        self.skip(len);
        kind
    }

    fn beyond_ascii(&mut self) -> Tok {
        let Some(ch) = self.rest().chars().next() else { return Tok::End };
        if ch.is_alphabetic() {
            self.word();
            return Tok::Word;
        }
        self.skip(ch.len_utf8());
        if matches!(ch, '—' | '–') { Tok::Dash } else { Tok::Other }
    }

    fn word(&mut self) {
        loop {
            self.skip_while(|byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_'));
            match self.byte(0) {
                Some(0x80..) => match self.rest().chars().next() {
                    Some(ch) if ch.is_alphabetic() => self.skip(ch.len_utf8()),
                    _ => return,
                },
                _ => return,
            }
        }
    }

    fn digits(&mut self) {
        while matches!(self.byte(0), Some(b'0'..=b'9' | b'_')) {
            self.skip(1);
        }
    }

    /// Digits, fraction, exponent, and the letters of a unit or the sign `%` directly after.
    fn number(&mut self) {
        if self.byte(0) == Some(b'0') && matches!(self.byte(1), Some(b'x' | b'b' | b'o' | b'X')) {
            self.word();
            return;
        }
        self.digits();
        if self.byte(0) == Some(b'.') && matches!(self.byte(1), Some(b'0'..=b'9')) {
            self.skip(1);
            self.digits();
        }
        let exponent = matches!(self.byte(0), Some(b'e' | b'E'))
            && match self.byte(1) {
                Some(b'0'..=b'9') => true,
                Some(b'+' | b'-') => matches!(self.byte(2), Some(b'0'..=b'9')),
                _ => false,
            };
        if exponent {
            self.skip(2);
            self.digits();
        }
        if self.byte(0) == Some(b'%') {
            // `10%3` is a remainder, `10%` a part of a hundred.
            let operand = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'(' | b'"' | b'=');
            if !self.byte(1).is_some_and(operand) {
                self.skip(1);
            }
            return;
        }
        self.word();
    }
}
