//! The syntax tree of one document.
//!
//! The tree borrows from the document: names are slices of the source, so that a
//! document of a million names costs no million allocations. Only string literals
//! with escapes own their text.
//!
//! # Invariants
//! 1. Every node has the span of the source it was read from.
//! 2. No expression is nested deeper than 128, no type deeper than 32, no step block
//!    deeper than 32 (`Step` inside `Step`), so recursion over the tree is bounded.
//! 3. What could not be read is left out of the tree (or is [`StepKind::Invalid`] or
//!    [`ExprKind::Invalid`]) and has an error in the sink; a tree without errors holds neither.
//! 4. Names are as written: nothing is resolved, no prefix rule or parameter rule applied.

mod code;
mod document;
mod step;
mod test;
mod walk;

pub use code::*;
pub use document::*;
pub use step::*;
pub use test::*;
pub use walk::{walk, walk_block};

use crate::span::Span;

/// A name or word as it stands in the source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ident<'s> {
    /// The text.
    pub text: &'s str,
    /// Where.
    pub span: Span,
}

/// A value with its place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where.
    pub span: Span,
}

impl<'s> Ident<'s> {
    /// Tells whether the text is `word`, letter case aside (ASCII).
    #[must_use]
    pub fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }
}
