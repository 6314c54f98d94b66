//! Data in a document: JSON, YAML and TOML as one tree with places.
//!
//! # Invariants
//! 1. Every node has the place in the document that it came from.
//! 2. Nothing is deeper than types may be, no object has a key twice, every number fits its type and
//!    every text the limit of texts. Time is linear in the text, and what is held is counted.
//! 3. A reader stops at its first error, which is reported; what it read so far is dropped.
//!
//! ```
//! use flux_fluxc::diag::Sink;
//! use flux_fluxc::lang::data::{read, Format, Kind};
//! use flux_fluxc::span::{SourceId, Span};
//! let text = "max: 85";
//! let node = read(Format::Yaml, text, Span::new(0, 7), &mut Sink::new(SourceId(0))).unwrap();
//! let Kind::Object(entries) = node.kind else { panic!() };
//! assert_eq!(entries[0].key.text, "max");
//! ```

mod json;
mod toml;
mod yaml;

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use hashbrown::HashMap;

use crate::diag::{Diagnostic, Sink, codes};
use crate::span::Span;
use flux_abi::limits;

/// A language of data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// JSON, RFC 8259.
    Json,
    /// YAML 1.2 with the core schema, without aliases, tags and several documents.
    Yaml,
    /// TOML 1.1.
    Toml,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub struct Node<'s> {
    /// What it is.
    pub kind: Kind<'s>,
    /// Where it stands.
    pub span: Span,
}

/// Kinds of values.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind<'s> {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number without point and exponent.
    Int(i64),
    /// Another number, finite.
    Float(f64),
    /// A text.
    Text(Cow<'s, str>),
    /// Values one after the other.
    Array(Vec<Node<'s>>),
    /// Values by key, in the order of the text.
    Object(Vec<Entry<'s>>),
}

impl Kind<'_> {
    /// The word for it, with its article.
    #[must_use]
    pub const fn noun(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a truth value",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'s> {
    /// The key.
    pub key: Key<'s>,
    /// Its value.
    pub value: Node<'s>,
}

/// A key of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Key<'s> {
    /// The key without quotes and escapes.
    pub text: Cow<'s, str>,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// An error was reported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Failed;

type Read<T> = Result<T, Failed>;

/// Reads the data at `span` of `source`. `None` after an error, which went to `sink`.
pub fn read<'s>(format: Format, source: &'s str, span: Span, sink: &mut Sink) -> Option<Node<'s>> {
    let text = source.get(span.start as usize..span.end as usize)?;
    let mut context = Context { text, base: span.start, sink };
    match format {
        Format::Json => json::read(&mut context),
        Format::Yaml => yaml::read(&mut context),
        Format::Toml => toml::read(&mut context),
    }
    .ok()
}

/// What all readers need: the text, where it begins in the document, and where to report.
struct Context<'s, 'k> {
    text: &'s str,
    base: u32,
    sink: &'k mut Sink,
}

impl<'s> Context<'s, '_> {
    /// A range of the text as one of the document.
    fn span(&self, start: usize, end: usize) -> Span {
        let base = self.base as usize;
        Span::from_usize(base.saturating_add(start), base.saturating_add(end))
    }

    fn fail(&mut self, diagnostic: Diagnostic) -> Failed {
        self.sink.push(diagnostic);
        Failed
    }

    fn syntax(&mut self, span: Span, message: impl Into<String>) -> Failed {
        self.fail(Diagnostic::new(codes::DATA_SYNTAX, span, message))
    }

    /// Adds to a list of the tree.
    fn keep<T>(&mut self, list: &mut Vec<T>, item: T, at: Span) -> Read<()> {
        if self.sink.keep(list, item, at) { Ok(()) } else { Err(Failed) }
    }

    fn charge(&mut self, bytes: usize, at: Span) -> Read<()> {
        if self.sink.charge(bytes, at) { Ok(()) } else { Err(Failed) }
    }

    /// Refuses what is nested `depth` deep if types could not be.
    fn check_depth(&mut self, depth: usize, at: Span) -> Read<()> {
        if depth < limits::TYPE_NESTING {
            return Ok(());
        }
        let most = limits::TYPE_NESTING;
        Err(self.fail(
            Diagnostic::new(codes::TYPE_TOO_DEEP, at, format!("data may be nested {most} deep"))
                .label("one level too many"),
        ))
    }

    /// A text, if it is within the limit of texts.
    fn text_of(&mut self, text: Cow<'s, str>, at: Span) -> Read<Cow<'s, str>> {
        if let Cow::Owned(text) = &text {
            self.charge(text.capacity(), at)?;
        }
        if text.len() <= limits::STRING_BYTES {
            return Ok(text);
        }
        let (most, bytes) = (limits::STRING_BYTES, text.len());
        Err(self.fail(
            Diagnostic::new(
                codes::STRING_TOO_LONG,
                at,
                format!("a text of {bytes} bytes, {most} are possible"),
            )
            .label("begins here"),
        ))
    }

    /// An object of entries that are complete.
    fn object(&mut self, mut entries: Vec<Entry<'s>>, span: Span) -> Read<Node<'s>> {
        let mut places: HashMap<&str, Span> = HashMap::with_capacity(entries.len());
        let mut twice = None;
        for entry in &entries {
            if let Some(first) = places.insert(entry.key.text.as_ref(), entry.key.span) {
                twice = Some((entry.key.clone(), first));
                break;
            }
        }
        drop(places);
        if let Some((key, first)) = twice {
            return Err(self.twice(&key, first));
        }
        self.sink.fit(&mut entries);
        Ok(Node { kind: Kind::Object(entries), span })
    }

    fn twice(&mut self, key: &Key<'s>, first: Span) -> Failed {
        self.fail(
            Diagnostic::new(
                codes::DUPLICATE_KEY,
                key.span,
                format!("the key `{}` is there twice", short(&key.text)),
            )
            .label("again here")
            .secondary(first, "first here")
            .hint("leave one of them out"),
        )
    }

    fn array(&mut self, mut items: Vec<Node<'s>>, span: Span) -> Node<'s> {
        self.sink.fit(&mut items);
        Node { kind: Kind::Array(items), span }
    }

    /// A whole number as it is written after `sign`, in a base of 2 to 16.
    fn whole(&mut self, negative: Sign, digits: &str, radix: u32, at: Span) -> Read<Kind<'s>> {
        let magnitude = u64::from_str_radix(digits, radix).ok();
        let value = match negative {
            Sign::Plus => magnitude.and_then(|value| i64::try_from(value).ok()),
            Sign::Minus => magnitude.and_then(|value| 0_i64.checked_sub_unsigned(value)),
        };
        value.map(Kind::Int).ok_or_else(|| {
            self.fail(
                Diagnostic::new(codes::NUMBER_OUT_OF_RANGE, at, "the number does not fit the type int")
                    .label("too large")
                    .expected(format!("{} to {}", i64::MIN, i64::MAX))
                    .hint("write it with a point, as an f64, or as a text"),
            )
        })
    }

    /// A number with a point or exponent.
    fn float(&mut self, text: &str, at: Span) -> Read<Kind<'s>> {
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Kind::Float(value)),
            Ok(_) => Err(self.infinite(at)),
            Err(_) => Err(self.syntax(at, "this is no number")),
        }
    }

    fn infinite(&mut self, at: Span) -> Failed {
        self.fail(
            Diagnostic::new(codes::NUMBER_OUT_OF_RANGE, at, "data holds numbers that are finite")
                .label("is none")
                .expected(format!("{:e} to {:e}", f64::MIN, f64::MAX)),
        )
    }
}

/// What stands before a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sign {
    Plus,
    Minus,
}

impl Sign {
    /// The sign of a number and the rest of it.
    fn split(text: &str) -> (Self, &str) {
        match text.strip_prefix('-') {
            Some(rest) => (Self::Minus, rest),
            None => (Self::Plus, text.strip_prefix('+').unwrap_or(text)),
        }
    }
}

/// A key or value as a message shows it.
pub(crate) fn short(text: &str) -> Cow<'_, str> {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or("").escape_debug()).into(),
        None if text.chars().any(char::is_control) => format!("{}", text.escape_debug()).into(),
        None => text.into(),
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests may fail loudly")]
mod tests;
