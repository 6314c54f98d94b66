//! What to write instead of a token that stands where another one should.
//!
//! The look goes at the token and its neighbours only; a hint is a guess at a habit, so it never
//! changes how the text is read.

use alloc::format;
use alloc::string::String;

use super::habits;
use super::lexer::{Mode, Tok};
use super::parser::{Parser, RESERVED, STEP_WORDS, is_one_of};
use super::types::BUILT_IN;
use crate::diag::{Hint, Replacement};
use crate::span::Span;

/// Advice with an edit.
fn edit(words: impl Into<String>, span: Span, text: impl Into<String>) -> Option<Hint> {
    let replacement = Some(Replacement { span, text: text.into() });
    Some(Hint { text: words.into(), replacement })
}

/// Advice in words.
fn words(text: impl Into<String>) -> Option<Hint> {
    Some(Hint { text: text.into(), replacement: None })
}

impl Parser<'_, '_> {
    /// What to do about the next token, which stands where `what` should.
    pub(super) fn hint_for_token(&self, what: &str) -> Option<Hint> {
        self.hint_for_number().or_else(|| self.hint_for_sign()).or_else(|| match self.mode {
            Mode::Step => self.hint_in_step(what),
            Mode::Code => self.hint_in_code(what),
        })
    }

    /// The text before the next token, without white space at its end.
    fn text_before(&self) -> &str {
        self.source.get(..self.before as usize).unwrap_or("")
    }

    /// The text from the next token on.
    fn text_here(&self) -> &str {
        self.source.get(self.tok.span.start as usize..self.lexer.end() as usize).unwrap_or("")
    }

    fn touches(&self) -> bool {
        self.tok.span.start == self.before
    }

    /// The last word before the next token, with its place.
    fn word_before(&self) -> (&str, Span) {
        let text = self.text_before();
        let word = |ch: char| ch.is_alphanumeric() || ch == '_';
        let start = text.trim_end_matches(word).len();
        (text.get(start..).unwrap_or(""), Span::from_usize(start, text.len()))
    }

    /// `5 minutes`, `10 %`, `1,5`.
    fn hint_for_number(&self) -> Option<Hint> {
        let (text, last) = (self.text(), self.text_before().bytes().last()?);
        if !last.is_ascii_digit() {
            return None;
        }
        if self.at(Tok::Comma) && self.touches() {
            let after = self.text_here().as_bytes().get(1)?;
            return after.is_ascii_digit().then(|| edit("a decimal point is `.`", self.tok.span, "."))?;
        }
        let unit = habits::unit(text).filter(|_| self.at(Tok::Word) || self.at(Tok::Percent))?;
        // What stands before is a number, not a name that ends with a digit.
        let (word, _) = self.word_before();
        word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_').then_some(())?;
        edit("write the unit directly behind the number", Span::new(self.before, self.tok.span.end), unit)
    }

    /// Signs that other languages and word processors have.
    fn hint_for_sign(&self) -> Option<Hint> {
        let (span, text, before) = (self.tok.span, self.text(), self.text_before());
        let pair = Span::new(self.before.saturating_sub(1), span.end);
        let follows = |sign: &str| self.touches() && before.ends_with(sign);
        let plain = match text {
            "“" | "”" | "„" | "‘" | "’" | "'" => return self.hint_for_quote(),
            "≥" => ">=",
            "≤" => "<=",
            "≠" => "!=",
            "×" => "*",
            "÷" => "/",
            "−" => "-",
            "`" => return self.hint_for_backtick(),
            "#" if self.mode == Mode::Step => {
                return words("a remark stands in parentheses at the end of a step");
            }
            "#" => "//",
            "+" if follows("+") => return words("to count up write `n += 1`"),
            "*" if follows("*") => return words("write `pow(a, b)`; it takes floats"),
            "=" if follows("==") => return edit("write `==`", span, ""),
            "=" if follows(":") => return edit("write `=`", pair, "="),
            ">" if follows("<") => return edit("write `!=`", pair, "!="),
            "/" if follows("/") && self.mode == Mode::Step => {
                return words("a remark stands in parentheses at the end of a step");
            }
            "?" => return words("to choose a value write `if condition { a } else { b }`"),
            _ => return None,
        };
        edit(format!("write `{plain}`"), span, plain)
    }

    /// A text in quotes that are none here.
    fn hint_for_quote(&self) -> Option<Hint> {
        let text = self.text_here();
        let mut chars = text.char_indices();
        let open = chars.next()?.1;
        let close = |ch: char| match open {
            '\'' | '‘' | '’' => matches!(ch, '\'' | '’'),
            _ => matches!(ch, '“' | '”' | '"'),
        };
        let Some((at, ch)) = chars.find(|(_, ch)| close(*ch)) else {
            return edit("write `\"`", self.tok.span, "\"");
        };
        let inside = text.get(open.len_utf8()..at)?;
        let start = self.tok.span.start as usize;
        let span = Span::from_usize(start, start.saturating_add(at).saturating_add(ch.len_utf8()));
        edit("texts stand in straight double quotes", span, format!("\"{}\"", inside.replace('"', "\\\"")))
    }

    /// An expression in backticks inside a step.
    fn hint_for_backtick(&self) -> Option<Hint> {
        let text = self.text_here();
        let inside = text.strip_prefix('`').and_then(|rest| rest.split_once('`')).map(|(inside, _)| inside);
        let Some(inside) = inside else { return edit("leave out the backtick", self.tok.span, "") };
        let start = self.tok.span.start as usize;
        let span = Span::from_usize(start, start.saturating_add(inside.len()).saturating_add(2));
        edit("leave out the backticks", span, inside)
    }

    fn hint_in_step(&self, what: &str) -> Option<Hint> {
        match what {
            "`:`" | "`}`" if self.at(Tok::Word) && self.behind_a_name() => {
                let gap = Span::new(self.before, self.tok.span.start);
                edit("a name is one word", gap, "_")
            }
            "`:`" if self.at(Tok::Number) => match self.word_before().0 {
                "between" => words("write both ends: `x is at least 5 and x is at most 10`"),
                "greater" | "more" | "higher" | "less" | "lower" | "fewer" => {
                    edit("write `than`", Span::empty(self.before), " than")
                }
                _ => None,
            },
            "`}`" => words("to show a brace itself write `\\{`"),
            "a name" if self.at(Tok::Number) => words("a name begins with a letter"),
            "the topic in quotes" | "the barrier in quotes" | "the document in quotes"
                if self.at(Tok::Word) =>
            {
                let text = self.text_here();
                let len = text.find(char::is_whitespace).unwrap_or(text.len());
                let start = self.tok.span.start as usize;
                let name = text.get(..len)?;
                edit(
                    "put it in quotes",
                    Span::from_usize(start, start.saturating_add(len)),
                    format!("\"{name}\""),
                )
            }
            "`:` and a type, or `=` and a value" if self.at(Tok::Word) => {
                let text = self.text();
                if BUILT_IN.contains(&text) || habits::type_name(text).is_some() {
                    return edit("write `:` before the type", Span::empty(self.before), ":");
                }
                let gap = Span::new(self.before, self.tok.span.start);
                edit("a name is one word", gap, "_")
            }
            "an expression" if self.at_end() && self.text_before().ends_with('=') => {
                words("for example: n: int = 0")
            }
            _ => self.hint_in_list(what),
        }
    }

    /// Tells whether the token before is a word that may be a name.
    pub(super) fn behind_a_name(&self) -> bool {
        let word = self.word_before().0;
        word.starts_with(|ch: char| ch.is_alphabetic())
            && !RESERVED.contains(&word)
            && !is_one_of(word, STEP_WORDS)
            && !is_one_of(self.text(), STEP_WORDS)
    }

    fn hint_in_code(&self, what: &str) -> Option<Hint> {
        let (text, span) = (self.text(), self.tok.span);
        match (what, self.tok.kind) {
            ("`{`", Tok::Word) if text == "then" || text == "do" => {
                edit("leave it out: the braces hold the block", Span::new(self.before, span.end), "")
            }
            ("`{`", Tok::Word) if text == "is" => edit("in code write `==`", span, "=="),
            ("`{`", Tok::Word) if text == "to" => {
                edit("write `..`", Span::new(self.before, self.peek().span.start), "..")
            }
            ("`{`", Tok::Word) if matches!(text, "struct" | "enum" | "fn" | "const") => {
                words("what belongs to the declaration before stands in braces")
            }
            ("`{`", _) => words("a block stands in braces: `if a > b { … }`"),
            ("the name of the variable", Tok::LParen) | ("`in`", Tok::Eq) => {
                words("write `for i in 0..n { … }`")
            }
            ("`=` and a value", Tok::Word) if self.word_before().0 == "mut" => None,
            ("the end of the line after the statement", Tok::Eq) => {
                edit("`=` assigns; to compare write `==`", span, "==")
            }
            ("the end of the line after the statement", Tok::Word) => match text {
                "elif" | "elsif" | "elseif" => edit("write `else if`", span, "else if"),
                "xor" => edit("of two truth values write `!=`; of integers `^`", span, "!="),
                "mod" => edit("write `%`", span, "%"),
                "is" => edit("in code write `==`", span, "=="),
                _ => None,
            },
            ("`=>` after the pattern", Tok::Comma) => edit("write `|` between patterns", span, " |"),
            ("`=>` after the pattern", Tok::Arrow | Tok::Eq) => edit("write `=>`", span, "=>"),
            ("`=>` after the pattern", Tok::Colon) => {
                edit("write `=>`", Span::empty(self.before).to(span), " =>")
            }
            ("`=>` after the pattern", Tok::Gt | Tok::Lt | Tok::Ge | Tok::Le) => {
                words("a condition stands behind `if`: `n if n > 5 => …`")
            }
            ("the name of a field", _) => words("write each field with its name: `x: 1.0`"),
            ("`,` or `}`", Tok::Eq) => edit("write `:`", Span::new(self.before, span.end), ":"),
            ("`,` or `}`", Tok::LBracket) => {
                words("an array type is `[f64]`, or `[f64; 4]` with the number of its elements")
            }
            ("a type", Tok::End) => words("leave out `->` if nothing is given back"),
            _ => self.hint_in_list(what),
        }
    }

    /// In a list of values or parameters.
    fn hint_in_list(&self, what: &str) -> Option<Hint> {
        let span = self.tok.span;
        let (word, place) = self.word_before();
        match (what, self.tok.kind) {
            ("`,` or `)`" | "`,` or `]`" | "`,` or `}`", Tok::Semicolon) => edit("write `,`", span, ","),
            ("`,` or `)`", Tok::FatArrow) => words("a function value is written `|x| x + 1`"),
            ("`,` or `)`", Tok::Word) if word == "lambda" => words("a function value is written `|x| x + 1`"),
            ("`,` or `)`", Tok::Colon) => {
                words("values are given in the order of the parameters, without names")
            }
            ("`,` or `)`", Tok::Arrow) => edit("close the bracket", Span::empty(self.before), ")"),
            // A type before its name, as in C, or a name without its colon.
            ("`,` or `)`", Tok::Word) if is_type(word) && !is_type(self.text()) => {
                let ty = habits::type_name(word).unwrap_or(word);
                edit("write the type behind the name", place.to(span), format!("{}: {ty}", self.text()))
            }
            ("`,` or `)`", Tok::Word) if is_type(self.text()) => {
                edit("write `:` before the type", Span::empty(self.before), ":")
            }
            ("`,` or `)`" | "`,` or `}`", Tok::Word) => edit("write `,`", Span::empty(self.before), ","),
            _ => None,
        }
    }
}

fn is_type(word: &str) -> bool {
    BUILT_IN.contains(&word) || habits::type_name(word).is_some()
}
