//! From the text of a document to one syntax tree.
//!
//! # Invariants
//! 1. Any bytes give a tree or an error in the sink, never a panic; time is linear in their number.
//! 2. All errors of a document are reported in one run: after one, reading goes on at the next
//!    step, statement, declaration or section.
//! 3. A document without errors in the sink has no `Invalid` node in its tree.
//!
//! ```
//! use flux_fluxc::{diag::Sink, lang::syntax, span::SourceId};
//! let mut sink = Sink::new(SourceId(0));
//! let source = b"# Hello\n## Loop\n1. Log \"hello\"\n2. YIELD\n";
//! let document = syntax::parse(source, &mut sink).expect("a text");
//! assert!(!sink.has_errors());
//! assert_eq!(document.agents[0].main_loop.as_ref().map(|l| l.body.steps.len()), Some(2));
//! ```
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod ast;
mod c;
mod code;
mod device;
mod expr;
mod fence;
mod foreign;
mod forms;
pub(crate) mod given;
pub(crate) mod habits;
mod heading;
mod hint;
mod keys;
mod lexer;
pub(crate) mod nearest;
mod number;
mod parser;
mod python;
mod section;
mod step;
mod steps;
mod strings;
mod supervise;
mod types;

pub use heading::SECTION_FORMS;
pub use keys::{AGENT_KEYS, COMPILE_KEYS};
pub use nearest::{distance, nearest};
pub(crate) use python::ELEMENT;
pub use section::{Known, Outline, Role, outline};
pub use supervise::SUPERVISE_KEYS;

use crate::diag::Sink;
use crate::md;
use ast::Document;

/// Tells whether a text is a name that code can use.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|ch: char| ch.is_alphabetic() || ch == '_')
        && text.chars().all(|ch| ch.is_alphanumeric() || ch == '_')
        && text != "_"
        && !parser::RESERVED.contains(&text)
        && !parser::is_one_of(text, parser::STEP_WORDS)
        && !types::BUILT_IN.contains(&text)
}

/// Reads a document.
///
/// The tree borrows from `source`. Errors and warnings go to `sink`; a document with errors still
/// gives the tree of what could be read. `None` only if the bytes are no text within the limits.
pub fn parse<'s>(source: &'s [u8], sink: &mut Sink) -> Option<Document<'s>> {
    let text = md::text(source, sink)?;
    Some(parse_from(text, 0, sink))
}

/// Reads the document that begins at `start` and ends with the text. Spans are of the whole text.
pub fn parse_from<'s>(text: &'s str, start: usize, sink: &mut Sink) -> Document<'s> {
    section::document(text, start, sink)
}

/// The first words of steps, each with an example of its form.
pub fn step_forms() -> impl Iterator<Item = (&'static str, &'static str)> {
    forms::FORMS.iter().map(|(_, word, example)| (*word, *example))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests may fail loudly")]
mod tests;
