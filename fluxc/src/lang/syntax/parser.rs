//! What the parsers of steps, code and types share: tokens, errors, limits.
//!
//! Every function that meets an error reports it, then returns [`Failed`]; the caller recovers at
//! the next step, statement or declaration, so that one run shows all errors.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::limits;

use super::ast::{Expr, Ident};
use super::lexer::{Lexer, Mode, Tok, Token};
use crate::diag::{Code, Diagnostic, Sink, codes};
use crate::span::Span;

/// An error that has been reported.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed;

/// A value, or an error that has been reported.
pub(super) type Parsed<T> = Result<T, Failed>;

/// Whether a line ending ends a statement here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Newlines {
    /// Inside parentheses and brackets, and in steps, it is white space.
    Space,
    /// Between statements it ends one.
    End,
}

/// Whether `Name {` begins a struct literal here, or a block follows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Braces {
    /// `Name { … }` is a literal.
    Literal,
    /// `if name {`: it is a block.
    Block,
}

/// A parser of one piece of a document.
pub(super) struct Parser<'s, 'k> {
    pub(super) source: &'s str,
    pub(super) lexer: Lexer<'s>,
    pub(super) mode: Mode,
    /// The next token.
    pub(super) tok: Token,
    /// End of the token before it.
    pub(super) before: u32,
    pub(super) newlines: Newlines,
    pub(super) braces: Braces,
    /// A step of the form that is being read, for messages; empty outside steps.
    pub(super) example: &'static str,
    /// Expressions and blocks around the current place.
    depth: usize,
    /// Height of the expression or block read last.
    pub(super) height: usize,
    pub(super) sink: &'k mut Sink,
}

/// Words with a meaning in code that name nothing.
pub(super) const RESERVED: &[&str] = &[
    "and", "as", "break", "const", "continue", "else", "enum", "expect", "false", "fn", "for", "if", "in",
    "let", "match", "none", "not", "or", "return", "struct", "true", "var", "while",
];

/// Words that hold the forms of steps together; they name nothing in steps.
pub(super) const STEP_WORDS: &[&str] = &[
    "and", "as", "at", "be", "equals", "for", "from", "in", "is", "not", "off", "on", "or", "than", "then",
    "times", "to", "with", "within",
];

pub(super) const ARTICLES: &[&str] = &["the", "a", "an"];

impl<'s, 'k> Parser<'s, 'k> {
    pub(super) fn new(source: &'s str, span: Span, mode: Mode, sink: &'k mut Sink) -> Self {
        let mut lexer = Lexer::new(source, span, mode);
        let tok = lexer.token();
        let newlines = match mode {
            Mode::Step => Newlines::Space,
            Mode::Code => Newlines::End,
        };
        let before = span.start;
        let braces = Braces::Literal;
        Self { source, lexer, mode, tok, before, newlines, braces, example: "", depth: 0, height: 0, sink }
    }

    // ------------------------------------------------------------ tokens

    pub(super) fn text(&self) -> &'s str {
        self.tok.span.text(self.source)
    }

    pub(super) fn at(&self, kind: Tok) -> bool {
        self.tok.kind == kind
    }

    pub(super) fn at_end(&self) -> bool {
        self.tok.kind == Tok::End
    }

    /// Takes the next token.
    pub(super) fn bump(&mut self) -> Token {
        let token = self.tok;
        self.before = token.span.end;
        self.tok = self.lexer.token();
        token
    }

    /// Goes on reading at `offset`.
    pub(super) fn jump(&mut self, offset: u32) {
        self.before = offset;
        self.lexer.jump(offset);
        self.tok = self.lexer.token();
    }

    /// The token after the next one.
    pub(super) fn peek(&self) -> Token {
        let mut lexer = self.lexer;
        lexer.token()
    }

    pub(super) fn text_of(&self, token: Token) -> &'s str {
        token.span.text(self.source)
    }

    pub(super) fn eat(&mut self, kind: Tok) -> bool {
        let there = self.at(kind);
        if there {
            self.bump();
        }
        there
    }

    pub(super) fn expect(&mut self, kind: Tok, what: &str) -> Parsed<Token> {
        if self.at(kind) { Ok(self.bump()) } else { Err(self.unexpected(what)) }
    }

    /// Tells whether the next token is this word: exactly in code, letter case aside in steps.
    pub(super) fn at_word(&self, word: &str) -> bool {
        self.tok.kind == Tok::Word && self.is_word(self.text(), word)
    }

    pub(super) fn is_word(&self, text: &str, word: &str) -> bool {
        match self.mode {
            Mode::Step => text.eq_ignore_ascii_case(word),
            Mode::Code => text == word,
        }
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let there = self.at_word(word);
        if there {
            self.bump();
        }
        there
    }

    /// Tells whether a line ending before the next token ends the statement.
    pub(super) fn at_new_line(&self) -> bool {
        self.newlines == Newlines::End && self.tok.first_on_line
    }

    /// A name, which must not be reserved.
    pub(super) fn name(&mut self, what: &str) -> Parsed<Ident<'s>> {
        if self.mode == Mode::Step {
            self.eat_article();
        }
        if !self.at(Tok::Word) {
            return Err(self.unexpected(what));
        }
        let ident = Ident { text: self.text(), span: self.tok.span };
        let reserved =
            RESERVED.contains(&ident.text) || (self.mode == Mode::Step && is_one_of(ident.text, STEP_WORDS));
        if reserved {
            self.report(codes::RESERVED_WORD, ident.span, || {
                Diagnostic::new(
                    codes::RESERVED_WORD,
                    ident.span,
                    format!("`{}` has a meaning in the language and cannot be a name", ident.text),
                )
                .expected(what)
                .replace("add a letter or a word", ident.span, format!("{}_", ident.text))
            });
            return Err(Failed);
        }
        self.bump();
        Ok(ident)
    }

    /// `library.name` after its first word, without spaces; else the word alone.
    pub(super) fn qualified(&mut self, first: Ident<'s>) -> Parsed<Ident<'s>> {
        let next = self.peek();
        let joined = self.at(Tok::Dot)
            && self.tok.span.start == first.span.end
            && next.kind == Tok::Word
            && next.span.start == self.tok.span.end;
        if !joined {
            return Ok(first);
        }
        self.bump();
        let name = self.any_word("a name of the library")?;
        let span = first.span.to(name.span);
        Ok(Ident { text: span.text(self.source), span })
    }

    /// Any word, reserved or not: after a dot, or where a key stands.
    pub(super) fn any_word(&mut self, what: &str) -> Parsed<Ident<'s>> {
        if !self.at(Tok::Word) {
            return Err(self.unexpected(what));
        }
        let ident = Ident { text: self.text(), span: self.tok.span };
        self.bump();
        Ok(ident)
    }

    /// Drops an article that stands directly before another word of the noun phrase.
    pub(super) fn eat_article(&mut self) {
        if self.mode == Mode::Step && self.at(Tok::Word) && is_one_of(self.text(), ARTICLES) {
            let next = self.peek();
            if next.kind == Tok::Word && !is_one_of(self.text_of(next), STEP_WORDS) {
                self.bump();
            }
        }
    }

    pub(super) fn span_from(&self, start: u32) -> Span {
        Span::new(start, self.before)
    }

    // ------------------------------------------------------------ errors

    /// Reports a diagnostic; its text is only made if the sink still keeps it.
    pub(super) fn report(&mut self, code: Code, span: Span, make: impl FnOnce() -> Diagnostic) {
        let diagnostic = if self.sink.is_full() { Diagnostic::new(code, span, "") } else { make() };
        self.sink.push(diagnostic);
    }

    pub(super) fn error(&mut self, code: Code, span: Span, message: impl Into<String>) -> Failed {
        self.sink.push(Diagnostic::new(code, span, message));
        Failed
    }

    /// The next token in words, for messages.
    pub(super) fn found(&self) -> String {
        let text = self.text();
        match self.tok.kind {
            Tok::End => String::from(match self.mode {
                Mode::Step => "the end of the step",
                Mode::Code => "the end of the code",
            }),
            Tok::Quote => String::from("a string"),
            _ if text.len() > 40 => String::from("a long word"),
            _ => format!("`{text}`"),
        }
    }

    /// Reports that `what` should stand where the next token stands.
    pub(super) fn unexpected(&mut self, what: &str) -> Failed {
        // What is missing at the end of a line is shown there, not on the next line.
        let ended = self.at_new_line() && !self.at_end();
        let span = if ended { Span::empty(self.before) } else { self.tok.span };
        let (mode, kind) = (self.mode, if ended { Tok::End } else { self.tok.kind });
        let found = if ended { String::from("the end of the line") } else { self.found() };
        let code = match (kind, mode) {
            (Tok::Other, _) => codes::BAD_CHARACTER,
            (Tok::Backtick, _) => codes::CODE_IN_STEP,
            (_, Mode::Step) => codes::STEP_INCOMPLETE,
            (_, Mode::Code) => codes::UNEXPECTED_TOKEN,
        };
        let hint = if ended || self.sink.is_full() { None } else { self.hint_for_token(what) };
        let example = self.example;
        self.report(code, span, || {
            let diagnostic = Diagnostic::new(code, span, format!("expected {what}, found {found}"))
                .label(format!("expected {what}"))
                .expected(what)
                .found(found);
            match hint {
                Some(hint) => Diagnostic { hint: Some(hint), ..diagnostic },
                None if code == codes::STEP_INCOMPLETE && !example.is_empty() => {
                    diagnostic.hint(format!("for example: {example}"))
                }
                None => diagnostic,
            }
        });
        Failed
    }

    // ------------------------------------------------------------ limits

    /// Appends to a list of the tree.
    pub(super) fn keep<T>(&mut self, list: &mut Vec<T>, item: T) -> Parsed<()> {
        let kept = self.sink.keep(list, item, self.tok.span);
        self.go_on_if(kept)
    }

    /// Counts `count` boxed nodes of the tree.
    pub(super) fn charge<T>(&mut self, count: usize) -> Parsed<()> {
        let bytes = size_of::<T>().saturating_mul(count);
        let allowed = self.sink.charge(bytes, self.tok.span);
        self.go_on_if(allowed)
    }

    /// Where the memory is spent, the text ends.
    fn go_on_if(&mut self, allowed: bool) -> Parsed<()> {
        if allowed {
            return Ok(());
        }
        self.jump(self.lexer.end());
        Err(Failed)
    }

    /// Goes one expression or block deeper.
    pub(super) fn enter(&mut self) -> Parsed<()> {
        if self.depth >= limits::EXPRESSION_NESTING {
            return Err(self.too_deep());
        }
        self.depth = self.depth.saturating_add(1);
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Sets the height of a node whose highest child has the height `child`.
    pub(super) fn raise(&mut self, child: usize) -> Parsed<()> {
        // No node has more than two others in boxes.
        self.charge::<Expr<'_>>(3)?;
        let height = child.saturating_add(1);
        if self.depth.saturating_add(height) > limits::EXPRESSION_NESTING.saturating_add(1) {
            return Err(self.too_deep());
        }
        self.height = height;
        Ok(())
    }

    fn too_deep(&mut self) -> Failed {
        let span = self.tok.span;
        self.report(codes::EXPRESSION_TOO_DEEP, span, || {
            Diagnostic::new(
                codes::EXPRESSION_TOO_DEEP,
                span,
                format!("expressions and blocks may be nested {} deep", limits::EXPRESSION_NESTING),
            )
            .hint("give a part of it a name, or move it into a function")
        });
        Failed
    }
}

/// Tells whether `text` is one of `words`, letter case aside.
pub(super) fn is_one_of(text: &str, words: &[&str]) -> bool {
    text.len() <= 8 && words.iter().any(|word| word.eq_ignore_ascii_case(text))
}
