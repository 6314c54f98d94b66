//! Tokens of Python, with its lines and indentation.

use alloc::vec::Vec;

use super::super::foreign::Core;
use super::super::parser::Parsed;
use crate::diag::{Diagnostic, codes};
use crate::span::{Span, clamp};
use flux_abi::limits;

/// Kinds of tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tok {
    /// A name or keyword.
    Word,
    /// What begins with a digit, or with a point and a digit.
    Number,
    /// A string with its prefix and quotes.
    Str,
    /// An operator or bracket.
    Punct,
    /// The end of a logical line.
    Newline,
    /// A line is indented deeper than the one before.
    Indent,
    /// A block ends.
    Dedent,
    /// A character that Python does not have, or a string that does not end.
    Other,
    /// The end of the fence.
    End,
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Tok,
    pub(super) span: Span,
}

/// Operators of several characters, longest first.
const PUNCTUATORS: &[&str] = &[
    "**=", "//=", "<<=", ">>=", "...", "**", "//", "<<", ">>", "<=", ">=", "==", "!=", "->", ":=", "+=",
    "-=", "*=", "/=", "%=", "&=", "|=", "^=", "@=",
];

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    end: usize,
    /// Open brackets: line endings inside mean nothing.
    brackets: usize,
    indents: Vec<usize>,
}

/// All tokens of a part of the document; `brackets` is 1 for an expression inside a string.
pub(super) fn tokens(core: &mut Core<'_, '_>, span: Span, brackets: usize) -> Parsed<Vec<Token>> {
    let end = (span.end as usize).min(core.source.len());
    let at = (span.start as usize).min(end);
    let mut lexer = Lexer { source: core.source, at, end, brackets, indents: Vec::new() };
    let mut all = Vec::new();
    lexer.run(core, &mut all)?;
    Ok(all)
}

impl<'s> Lexer<'s> {
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

    fn skip_char(&mut self) {
        let length = self.source.get(self.at..self.end).and_then(|rest| rest.chars().next());
        self.skip(length.map_or(1, char::len_utf8));
    }

    fn run(&mut self, core: &mut Core<'_, '_>, all: &mut Vec<Token>) -> Parsed<()> {
        let mut fresh = self.brackets == 0;
        loop {
            if fresh {
                fresh = false;
                self.indentation(core, all)?;
            }
            self.skip_while(|byte| matches!(byte, b' ' | b'\t' | 0x0c));
            let start = self.at;
            let Some(first) = self.byte(0) else { break };
            if first == b'#' {
                self.skip_while(|byte| !matches!(byte, b'\n' | b'\r'));
                continue;
            }
            if matches!(first, b'\n' | b'\r') {
                self.line_ending();
                if self.brackets == 0 {
                    let ends = all.last().is_some_and(|token| !is_layout(token.kind));
                    if ends {
                        push(core, all, Tok::Newline, start, start)?;
                    }
                    fresh = true;
                }
                continue;
            }
            if first == b'\\' && matches!(self.byte(1), Some(b'\n' | b'\r')) {
                self.skip(1);
                self.line_ending();
                continue;
            }
            let kind = self.kind(first);
            push(core, all, kind, start, self.at)?;
        }
        let end = self.at;
        if all.last().is_some_and(|token| !is_layout(token.kind)) {
            push(core, all, Tok::Newline, end, end)?;
        }
        while self.indents.len() > 1 {
            self.indents.pop();
            push(core, all, Tok::Dedent, end, end)?;
        }
        push(core, all, Tok::End, end, end)
    }

    fn line_ending(&mut self) {
        let both = self.byte(0) == Some(b'\r') && self.byte(1) == Some(b'\n');
        self.skip(if both { 2 } else { 1 });
    }

    /// Compares the indentation of a line with the blocks around it; empty lines say nothing.
    fn indentation(&mut self, core: &mut Core<'_, '_>, all: &mut Vec<Token>) -> Parsed<()> {
        let start = self.at;
        let mut column = 0_usize;
        loop {
            match self.byte(0) {
                Some(b' ') => column = column.saturating_add(1),
                Some(b'\t') => column = (column | 7).saturating_add(1),
                _ => break,
            }
            self.skip(1);
        }
        if matches!(self.byte(0), None | Some(b'#' | b'\n' | b'\r')) {
            return Ok(());
        }
        let Some(around) = self.indents.last().copied() else {
            self.indents.push(column);
            return Ok(());
        };
        if column > around {
            if self.indents.len() > limits::EXPRESSION_NESTING {
                let span = Span::new(clamp(start), clamp(self.at));
                return Err(core.too_deep(span));
            }
            self.indents.push(column);
            return push(core, all, Tok::Indent, self.at, self.at);
        }
        while self.indents.len() > 1 && self.indents.last().is_some_and(|around| column < *around) {
            self.indents.pop();
            push(core, all, Tok::Dedent, self.at, self.at)?;
        }
        if self.indents.last() != Some(&column) {
            let span = Span::new(clamp(start), clamp(self.at));
            core.report(codes::UNEXPECTED_TOKEN, span, |_| {
                Diagnostic::new(
                    codes::UNEXPECTED_TOKEN,
                    span,
                    "the indentation is that of no block around the line",
                )
                .label("indented differently")
                .expected("the indentation of the block that goes on")
            });
        }
        Ok(())
    }

    fn kind(&mut self, first: u8) -> Tok {
        match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let length = self.rest().iter().take_while(|byte| is_word(**byte)).count();
                let prefix = self.rest().get(..length).unwrap_or(&[]);
                let quoted = matches!(self.byte(length), Some(b'"' | b'\''));
                if quoted && length <= 2 && prefix.iter().all(|byte| b"rRbBfFuU".contains(byte)) {
                    self.skip(length);
                    return self.string();
                }
                self.skip(length);
                Tok::Word
            }
            b'0'..=b'9' => self.number(),
            b'.' if self.byte(1).is_some_and(|byte| byte.is_ascii_digit()) => self.number(),
            b'"' | b'\'' => self.string(),
            0x80.. => {
                let alphabetic = self
                    .source
                    .get(self.at..)
                    .and_then(|rest| rest.chars().next())
                    .is_some_and(char::is_alphabetic);
                self.skip_char();
                if alphabetic {
                    self.skip_while(is_word);
                    Tok::Word
                } else {
                    Tok::Other
                }
            }
            _ => {
                let rest = self.rest();
                let long = PUNCTUATORS.iter().find(|text| rest.starts_with(text.as_bytes()));
                self.skip(long.map_or(1, |text| text.len()));
                match first {
                    b'(' | b'[' | b'{' => self.brackets = self.brackets.saturating_add(1),
                    b')' | b']' | b'}' => self.brackets = self.brackets.saturating_sub(1),
                    _ => {}
                }
                if long.is_some() || b"+-*/%=<>!&|^~:;,.(){}[]@".contains(&first) {
                    Tok::Punct
                } else {
                    Tok::Other
                }
            }
        }
    }

    fn number(&mut self) -> Tok {
        let hex = self.byte(0) == Some(b'0') && matches!(self.byte(1), Some(b'x' | b'X'));
        let mut before = 0;
        while let Some(byte) = self.byte(0) {
            let sign = !hex && matches!(before, b'e' | b'E') && matches!(byte, b'+' | b'-');
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || sign) {
                break;
            }
            before = byte;
            self.skip(1);
        }
        Tok::Number
    }

    /// From the quote on: `"…"` on one line, `"""…"""` over several.
    fn string(&mut self) -> Tok {
        let Some(quote) = self.byte(0) else { return Tok::Other };
        let triple = self.byte(1) == Some(quote) && self.byte(2) == Some(quote);
        self.skip(if triple { 3 } else { 1 });
        loop {
            match self.byte(0) {
                None => return Tok::Other,
                Some(b'\n' | b'\r') if !triple => return Tok::Other,
                Some(b'\\') => {
                    self.skip(1);
                    self.skip_char();
                }
                Some(byte) if byte == quote => {
                    if !triple {
                        self.skip(1);
                        return Tok::Str;
                    }
                    if self.byte(1) == Some(quote) && self.byte(2) == Some(quote) {
                        self.skip(3);
                        return Tok::Str;
                    }
                    self.skip(1);
                }
                Some(_) => self.skip_char(),
            }
        }
    }
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

const fn is_layout(kind: Tok) -> bool {
    matches!(kind, Tok::Newline | Tok::Indent | Tok::Dedent)
}

fn push(core: &mut Core<'_, '_>, all: &mut Vec<Token>, kind: Tok, start: usize, end: usize) -> Parsed<()> {
    let span = Span::new(clamp(start), clamp(end));
    core.keep(all, Token { kind, span }, span)
}
