//! Lines cut into tokens, and a cursor over the tokens of one line.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{AsmError, AsmProblem, Position};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// Anything without white space, comma, colon, quote, `;` and `@`.
    Word(&'a str),
    /// The bytes of a quoted text.
    Text(Vec<u8>),
    Comma,
    Colon,
    At,
}

impl Token<'_> {
    fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("`{}`", clip(word)),
            Self::Text(_) => "a text".to_string(),
            Self::Comma => "`,`".to_string(),
            Self::Colon => "`:`".to_string(),
            Self::At => "`@`".to_string(),
        }
    }
}

/// At most 40 characters of `word`, for messages.
pub(super) fn clip(word: &str) -> String {
    word.chars().take(40).collect()
}

fn is_word(character: char) -> bool {
    !character.is_ascii_whitespace() && !matches!(character, ',' | ':' | '"' | ';' | '@')
}

/// The tokens of `text`, a line without its end, with the column of each.
pub(super) fn tokens(text: &str, line: u32) -> Result<Vec<(Token<'_>, u32)>, AsmError> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut column = 1u32;
    let skip = |rest: &mut &str, column: &mut u32, bytes: usize| {
        let (taken, after) = rest.split_at_checked(bytes).unwrap_or((*rest, ""));
        *column = column.saturating_add(u32::try_from(taken.chars().count()).unwrap_or(u32::MAX));
        *rest = after;
    };
    while let Some(first) = rest.chars().next() {
        let position = Position { line, column };
        let mut length = first.len_utf8();
        let token = match first {
            ';' => break,
            ',' => Token::Comma,
            ':' => Token::Colon,
            '@' => Token::At,
            '"' => {
                let (bytes, taken) = quoted(rest).map_err(|problem| position.error(problem))?;
                length = taken;
                Token::Text(bytes)
            }
            _ if first.is_ascii_whitespace() => {
                skip(&mut rest, &mut column, length);
                continue;
            }
            _ => {
                length = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
                Token::Word(rest.get(..length).unwrap_or(rest))
            }
        };
        found.push((token, column));
        skip(&mut rest, &mut column, length);
    }
    Ok(found)
}

/// The bytes of the quoted text that `text` starts with, and its length with the quotes.
fn quoted(text: &str) -> Result<(Vec<u8>, usize), AsmProblem> {
    let mut bytes = Vec::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((bytes, at.saturating_add(1))),
            '\\' => {
                let (_, escape) = characters.next().ok_or(AsmProblem::OpenText)?;
                bytes.push(match escape {
                    '\\' => b'\\',
                    '"' => b'"',
                    'n' => b'\n',
                    'r' => b'\r',
                    't' => b'\t',
                    'x' => {
                        let mut digit = || characters.next().and_then(|(_, digit)| digit.to_digit(16));
                        let (high, low) = (digit(), digit());
                        let value = high.zip(low).map(|(high, low)| high << 4 | low);
                        value.and_then(|value| u8::try_from(value).ok()).ok_or(AsmProblem::Escape)?
                    }
                    _ => return Err(AsmProblem::Escape),
                });
            }
            _ => bytes.extend(character.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    Err(AsmProblem::OpenText)
}

/// The integer that a word writes: decimal or `0x…`, with `-` and `_` allowed.
pub(super) fn integer(word: &str) -> Option<i128> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word),
    };
    let (radix, digits) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => (16, digits),
        None => (10, digits),
    };
    if !digits.starts_with(|first: char| first.is_ascii_hexdigit()) {
        return None;
    }
    let digits: String = digits.chars().filter(|character| *character != '_').collect();
    let value = i128::from_str_radix(&digits, radix).ok()?;
    if negative { value.checked_neg() } else { Some(value) }
}

/// What is left of a line.
pub(super) struct Cursor<'t> {
    rest: &'t [(Token<'t>, u32)],
    line: u32,
    end: u32,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(tokens: &'t [(Token<'t>, u32)], line: u32, end: u32) -> Self {
        Self { rest: tokens, line, end }
    }

    pub(super) fn position(&self) -> Position {
        Position { line: self.line, column: self.rest.first().map_or(self.end, |(_, column)| *column) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn next(&mut self) -> Option<&'t Token<'t>> {
        let ((token, _), rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(token)
    }

    fn peek(&self) -> Option<&'t Token<'t>> {
        self.rest.first().map(|(token, _)| token)
    }

    pub(super) fn wanted(&self, wanted: &'static str) -> AsmError {
        let found = self.peek().map_or("the end of the line".to_string(), Token::describe);
        self.position().error(AsmProblem::Wanted { wanted, found })
    }

    pub(super) fn finish(&self) -> Result<(), AsmError> {
        if self.is_empty() { Ok(()) } else { Err(self.wanted("the end of the line")) }
    }

    /// Takes the token if it is this one.
    pub(super) fn take(&mut self, token: &Token<'_>) -> bool {
        let there = self.peek() == Some(token);
        if there {
            self.next();
        }
        there
    }

    /// Takes the next token if it is this word.
    pub(super) fn keyword(&mut self, word: &str) -> bool {
        self.take(&Token::Word(word))
    }

    /// Takes a label's name if one is bound here.
    pub(super) fn label(&mut self) -> Option<&'t str> {
        match self.rest {
            [(Token::Word(name), _), (Token::Colon, _), rest @ ..] => {
                self.rest = rest;
                Some(name)
            }
            _ => None,
        }
    }

    pub(super) fn word(&mut self, wanted: &'static str) -> Result<&'t str, AsmError> {
        match self.peek() {
            Some(Token::Word(word)) => {
                self.next();
                Ok(word)
            }
            _ => Err(self.wanted(wanted)),
        }
    }

    pub(super) fn bytes(&mut self, wanted: &'static str) -> Result<Vec<u8>, AsmError> {
        match self.peek() {
            Some(Token::Text(bytes)) => {
                self.next();
                Ok(bytes.clone())
            }
            _ => Err(self.wanted(wanted)),
        }
    }

    pub(super) fn text(&mut self, wanted: &'static str) -> Result<String, AsmError> {
        let position = self.position();
        let bytes = self.bytes(wanted)?;
        String::from_utf8(bytes).map_err(|_| position.error(AsmProblem::Utf8))
    }

    /// A word or a text.
    pub(super) fn name(&mut self, wanted: &'static str) -> Result<String, AsmError> {
        match self.peek() {
            Some(Token::Text(_)) => self.text(wanted),
            _ => self.word(wanted).map(str::to_string),
        }
    }

    /// A number of the type's range.
    pub(super) fn number<T: TryFrom<i128> + Bounds>(&mut self, wanted: &'static str) -> Result<T, AsmError> {
        let here = self.wanted(wanted);
        let position = self.position();
        let value = integer(self.word(wanted)?).ok_or(here)?;
        let (least, greatest) = T::BOUNDS;
        T::try_from(value).map_err(|_| position.error(AsmProblem::Number { value, least, greatest }))
    }

    /// Bytes as pairs of hexadecimal digits, to the end of the line.
    pub(super) fn hex(&mut self) -> Result<Vec<u8>, AsmError> {
        let mut bytes = Vec::new();
        while !self.is_empty() {
            let position = self.position();
            let (pairs, loose) = self.word("hexadecimal digits")?.as_bytes().as_chunks::<2>();
            if !loose.is_empty() {
                return Err(position.error(AsmProblem::Hex));
            }
            for pair in pairs {
                let pair = core::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'));
                let byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
                bytes.push(byte.ok_or_else(|| position.error(AsmProblem::Hex))?);
            }
        }
        Ok(bytes)
    }
}

/// Range of an integer type, for messages.
pub(super) trait Bounds {
    const BOUNDS: (i128, i128);
}

macro_rules! bounds {
    ($($number:ty)*) => {$(
        impl Bounds for $number {
            #[expect(clippy::as_conversions, reason = "widening in a constant; there is no const From")]
            const BOUNDS: (i128, i128) = (Self::MIN as i128, Self::MAX as i128);
        }
    )*};
}

bounds! { u8 u16 u32 u64 i64 }
