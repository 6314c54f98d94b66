//! The text as the parser of YAML reads it, with a bound on how far it reads ahead.
//!
//! A flow collection may turn out to be the key of a mapping, which only what follows it tells: until
//! then `saphyr-parser` keeps all its tokens. The input counts the characters that make tokens, and
//! ends early where their tokens would take more than is allowed.

use core::cell::Cell;

use saphyr_parser::{Input, StrInput};

/// Bytes of a token in the queue of the parser.
const TOKEN_BYTES: usize = 128;
/// Bytes that a scalar in the queue may hold beside.
const SCALAR_BYTES: usize = 64;

/// What the parser has read since its last event.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    tokens: Cell<usize>,
    allowed: Cell<usize>,
    ended: Cell<bool>,
}

impl Ahead {
    /// Before the next event: its tokens may take `bytes`.
    pub(super) fn begin(&self, bytes: usize) {
        self.tokens.set(0);
        self.allowed.set(bytes);
    }

    /// Bytes that the queue took while it grew for the event.
    pub(super) fn bytes(&self) -> usize {
        bytes_of(self.tokens.get())
    }

    /// Tells whether the text was ended early.
    pub(super) fn is_too_far(&self) -> bool {
        self.ended.get()
    }

    /// Counts what a character makes. `false` if that is too much.
    fn count(&self, ch: char) -> bool {
        let more = match ch {
            '[' | '{' => 1,
            // Itself, and the scalar in front of it.
            ',' | ']' | '}' => 2,
            // A pair in an array is a mapping of its own: begin, key, scalar, value, end.
            ':' | '?' => 5,
            _ => return true,
        };
        let tokens = self.tokens.get().saturating_add(more);
        self.tokens.set(tokens);
        if bytes_of(tokens) <= self.allowed.get() {
            return true;
        }
        self.ended.set(true);
        false
    }
}

/// A queue doubles, and while it does the old one is there too; few tokens are for nothing.
fn bytes_of(tokens: usize) -> usize {
    // What begins a document, and the scalar that is being read, have no character that counts.
    const MORE: usize = 16;
    const FREE: usize = 64;
    if tokens <= FREE {
        return 0;
    }
    let room = tokens.saturating_add(MORE).checked_next_power_of_two().unwrap_or(usize::MAX);
    let queue = room.saturating_mul(TOKEN_BYTES);
    let scalars = (tokens / 2).saturating_mul(SCALAR_BYTES);
    queue.saturating_add(queue / 2).saturating_add(scalars)
}

/// A text with its count.
pub(super) struct Bounded<'s, 'a> {
    text: StrInput<'s>,
    ahead: &'a Ahead,
}

impl<'s, 'a> Bounded<'s, 'a> {
    pub(super) fn new(text: &'s str, ahead: &'a Ahead) -> Self {
        Self { text: StrInput::new(text), ahead }
    }

    fn note(&mut self, ch: char) {
        if !self.ahead.count(ch) {
            self.text = StrInput::new("");
        }
    }
}

impl Input for Bounded<'_, '_> {
    fn lookahead(&mut self, count: usize) {
        self.text.lookahead(count);
    }

    fn buflen(&self) -> usize {
        self.text.buflen()
    }

    fn bufmaxlen(&self) -> usize {
        self.text.bufmaxlen()
    }

    fn raw_read_ch(&mut self) -> char {
        let ch = self.text.raw_read_ch();
        self.note(ch);
        ch
    }

    fn raw_read_non_breakz_ch(&mut self) -> Option<char> {
        let ch = self.text.raw_read_non_breakz_ch()?;
        self.note(ch);
        Some(ch)
    }

    fn skip(&mut self) {
        let ch = self.text.peek();
        self.text.skip();
        self.note(ch);
    }

    fn skip_n(&mut self, count: usize) {
        for _ in 0..count {
            self.skip();
        }
    }

    fn peek(&self) -> char {
        self.text.peek()
    }

    fn peek_nth(&self, n: usize) -> char {
        self.text.peek_nth(n)
    }

    fn peek_opt(&self) -> Option<char> {
        self.text.peek_opt()
    }
}
