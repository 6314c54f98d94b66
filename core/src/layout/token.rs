//! Tokens of code and of expressions in steps, as far as spaces between them matter.
//!
//! # Invariants
//! 1. Tokens and the white space between them are the text, byte for byte.
//! 2. What the compiler reads as one token is one token here; a string is one with all that is in it.

/// What a token is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A name or keyword.
    Word,
    /// A number with its unit.
    Number,
    /// A string with its quotes.
    Text,
    /// Brackets, operators, separators.
    Sign,
    /// `// …`.
    Comment,
    /// What is left alone.
    Other,
}

/// One token by its place in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) text: &'t str,
}

impl Token<'_> {
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.kind == Kind::Sign && self.text == text
    }
}

/// Signs of more than one character, longest first.
const SIGNS: &[&str] = &[
    "..=", "..", "??", "?.", "+=", "->", "-=", "*=", "/=", "%=", "==", "=>", "!=", "<=", "<<", ">=", ">>",
    "&&", "||", "|>",
];

/// The tokens of one line.
pub(super) fn tokens(line: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(rest) = line.get(at..) {
        let Some(first) = rest.chars().next() else { break };
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (kind, length) = token(rest, first);
        let length = length.max(first.len_utf8()).min(rest.len());
        out.push(Token { kind, start: at, text: rest.get(..length).unwrap_or(rest) });
        at += length;
    }
    out
}

fn token(rest: &str, first: char) -> (Kind, usize) {
    match first {
        '/' if rest.starts_with("//") => (Kind::Comment, rest.len()),
        '"' => (Kind::Text, string(rest)),
        '0'..='9' => (Kind::Number, number(rest)),
        c if c.is_alphabetic() || c == '_' => (Kind::Word, word(rest)),
        c if c.is_ascii_punctuation() && !matches!(c, '\'' | '`' | '#' | '$' | '@' | '\\') => {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            (Kind::Sign, sign.map_or(1, |sign| sign.len()))
        }
        c => (Kind::Other, c.len_utf8()),
    }
}

fn word(rest: &str) -> usize {
    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
}

/// Digits, fraction, exponent and unit, as the compiler's lexer takes them.
fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    if byte(0) == b'0' && matches!(byte(1), b'x' | b'b' | b'o' | b'X') {
        return word(rest);
    }
    let digits = |mut at: usize| {
        while matches!(byte(at), b'0'..=b'9' | b'_') {
            at += 1;
        }
        at
    };
    let mut at = digits(0);
    if byte(at) == b'.' && byte(at + 1).is_ascii_digit() {
        at = digits(at + 1);
    }
    let signed = matches!(byte(at + 1), b'+' | b'-') && byte(at + 2).is_ascii_digit();
    if matches!(byte(at), b'e' | b'E') && (byte(at + 1).is_ascii_digit() || signed) {
        at = digits(at + 2);
    }
    if byte(at) == b'%' {
        let next = byte(at + 1);
        let operand = next.is_ascii_alphanumeric() || matches!(next, b'_' | b'(' | b'"' | b'=');
        return if operand { at } else { at + 1 };
    }
    at + word(rest.get(at..).unwrap_or(""))
}

/// What is open at a place of a string.
#[derive(Clone, Copy)]
enum Open {
    Quote,
    Brace,
}

/// A string up to its closing quote; `{…}` in it may hold strings again.
fn string(rest: &str) -> usize {
    let mut open = vec![Open::Quote];
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match (open.last(), c) {
            (Some(Open::Quote), '\\') => {
                chars.next();
            }
            (Some(Open::Quote), '"') | (Some(Open::Brace), '}') => {
                open.pop();
            }
            (Some(Open::Brace), '"') => open.push(Open::Quote),
            (_, '{') => open.push(Open::Brace),
            _ => {}
        }
        if open.is_empty() {
            return at + 1;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<&str> {
        tokens(line).iter().map(|token| token.text).collect()
    }

    #[test]
    fn numbers_keep_their_units_and_ranges_stay_ranges() {
        assert_eq!(texts("10%3"), ["10", "%", "3"]);
        assert_eq!(texts("10% x"), ["10%", "x"]);
        assert_eq!(texts("1..5"), ["1", "..", "5"]);
        assert_eq!(texts("1.5e-3+500ms"), ["1.5e-3", "+", "500ms"]);
        assert_eq!(texts("0xFF-1"), ["0xFF", "-", "1"]);
    }

    #[test]
    fn a_string_is_one_token_with_the_expressions_in_it() {
        assert_eq!(
            texts(r#"a="x {m["k"] ?? "{b}"} \" y"+c"#),
            ["a", "=", r#""x {m["k"] ?? "{b}"} \" y""#, "+", "c"]
        );
        assert_eq!(texts("\"open"), ["\"open"]);
        assert_eq!(texts("x // a \"b"), ["x", "// a \"b"]);
    }
}
