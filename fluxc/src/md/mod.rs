//! The block structure of a CommonMark document: headings, lists, quotes, fences, paragraphs.
//!
//! Inline markup is not parsed: the language works on the raw text of a block. The reader is
//! iterative and linear in the length of the document, and keeps one flat table of blocks.
//!
//! # Invariants
//! 1. Blocks stand in source order, each before the blocks inside it ([`Block::next`]).
//! 2. Containers (lists, quotes) are nested at most 32 deep; what would be deeper is text of the
//!    deepest block and an error in the sink.
//! 3. Link reference definitions are no blocks: they leave no trace in the table.
//!
//! ```
//! use flux_fluxc::{diag::Sink, md, span::SourceId};
//! let source = "# Title\n\n1. step\n";
//! let blocks = md::read(source, &mut Sink::new(SourceId(0)));
//! assert_eq!(blocks.table.len(), 4); // heading, list, item, paragraph
//! assert_eq!(blocks.table[3].content.text(source), "step");
//! ```
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod html;
mod line;
mod links;
mod reader;

use alloc::format;
use alloc::vec::Vec;

use flux_abi::limits;

use crate::diag::{Diagnostic, Sink, codes};
use crate::span::Span;

/// What a block is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BlockKind {
    /// `## Text`.
    Heading {
        /// 1..=6.
        level: u8,
    },
    /// Text underlined with `===` or `---`.
    SetextHeading {
        /// 1 or 2.
        level: u8,
    },
    /// A list of items with markers of one kind.
    List {
        /// Numbers or bullets.
        style: ListStyle,
    },
    /// One item; its content is the blocks inside.
    Item,
    /// `> …`.
    Quote,
    /// A fenced code block.
    Fence {
        /// The text after the opening fence, trimmed.
        info: Span,
        /// Whether the closing fence is there.
        closing: Closing,
    },
    /// A code block by indentation.
    IndentedCode,
    /// Raw HTML.
    Html,
    /// Text.
    Paragraph,
    /// `---`, `***`, `___`.
    ThematicBreak,
}

/// How the items of a list are marked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListStyle {
    /// `1.` or `1)`.
    Ordered,
    /// `-`, `*` or `+`.
    Bullet,
}

/// Whether a fence is closed by a line of its own or by the end of what it stands in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Closing {
    /// By a closing fence.
    Fence,
    /// By the end of its container.
    End,
}

/// One block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// From its first character (marker or fence included) to its last one that is no white space.
    pub span: Span,
    /// Its text: of a heading or paragraph without markers and outer white space, of a code block
    /// its lines. Lines after the first may carry the prefixes of the containers.
    pub content: Span,
    /// Index of the first block that is not inside this one.
    pub next: u32,
}

/// The blocks of a document.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Blocks {
    /// All blocks in source order, a container directly before its content.
    pub table: Vec<Block>,
    /// The frontmatter with its two `---` lines.
    pub frontmatter: Option<Span>,
}

impl Blocks {
    /// Bytes that the table takes.
    pub(crate) fn bytes(&self) -> usize {
        self.table.capacity().saturating_mul(size_of::<Block>())
    }

    /// The blocks directly inside the block at `parent`, with their indexes.
    pub fn children(&self, parent: u32) -> Children<'_> {
        let end = self.get(parent).map_or(parent, |block| block.next);
        Children { blocks: self, at: parent.saturating_add(1), end }
    }

    /// The outermost blocks, with their indexes.
    pub fn roots(&self) -> Children<'_> {
        Children { blocks: self, at: 0, end: crate::span::clamp(self.table.len()) }
    }

    /// The block at `index`.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Block> {
        self.table.get(index as usize)
    }
}

/// Goes through the blocks of one level.
#[derive(Clone, Debug)]
pub struct Children<'b> {
    blocks: &'b Blocks,
    at: u32,
    end: u32,
}

impl<'b> Iterator for Children<'b> {
    type Item = (u32, &'b Block);

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let at = self.at;
        let block = self.blocks.get(at)?;
        self.at = block.next.max(at.saturating_add(1));
        Some((at, block))
    }
}

/// Checks that `bytes` is a text document within the limits: size, UTF-8, no NUL, line length.
///
/// Reports what is wrong; `None` if there is no text to work on.
pub fn text<'s>(bytes: &'s [u8], sink: &mut Sink) -> Option<&'s str> {
    sink.allow_for(bytes.len());
    if bytes.len() > limits::DOCUMENT_BYTES {
        sink.push(
            Diagnostic::new(
                codes::DOCUMENT_TOO_LARGE,
                Span::default(),
                format!("the document has {} bytes, the limit is {}", bytes.len(), limits::DOCUMENT_BYTES),
            )
            .hint("split it and name the parts under `dependencies:` in the frontmatter"),
        );
        return None;
    }
    let text = match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.valid_up_to();
            let nul = bytes.get(..at).is_some_and(|valid| valid.contains(&0));
            sink.push(if nul { binary(bytes) } else { not_utf8(bytes, at) });
            return None;
        }
    };
    if bytes.contains(&0) {
        sink.push(binary(bytes));
        return None;
    }
    let mut start = 0_usize;
    for row in bytes.split(|byte| *byte == b'\n') {
        if row.len() > limits::LINE_BYTES {
            let span = Span::from_usize(start, floor(text, start.saturating_add(80)));
            sink.push(
                Diagnostic::new(
                    codes::LINE_TOO_LONG,
                    span,
                    format!("the line has {} bytes, the limit is {}", row.len(), limits::LINE_BYTES),
                )
                .label("this line")
                .hint("break the line; a line break in a step reads as a space"),
            );
        }
        start = start.saturating_add(row.len()).saturating_add(1);
    }
    Some(text)
}

fn floor(text: &str, mut at: usize) -> usize {
    while at > 0 && !text.is_char_boundary(at) {
        at = at.saturating_sub(1);
    }
    at
}

fn binary(bytes: &[u8]) -> Diagnostic {
    let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(0);
    Diagnostic::new(
        codes::BINARY_FILE,
        Span::empty(crate::span::clamp(at)),
        format!("byte {at} is NUL: this is a binary file, not a document"),
    )
    .hint("a compiled module is run with `flux run file.fluxbc`")
}

fn not_utf8(bytes: &[u8], at: usize) -> Diagnostic {
    let byte = bytes.get(at).copied().unwrap_or(0);
    let line = bytes.iter().take(at).filter(|byte| **byte == b'\n').count().saturating_add(1);
    Diagnostic::new(
        codes::NOT_UTF8,
        Span::empty(crate::span::clamp(at)),
        format!("byte {at} (0x{byte:02x}, line {line}) is not UTF-8"),
    )
    .expected("UTF-8 text")
    .hint("save the file as UTF-8")
}

/// Reads the blocks of a document.
///
/// Reports frontmatter that does not end and nesting over the limit.
#[must_use]
pub fn read(source: &str, sink: &mut Sink) -> Blocks {
    read_from(source, 0, sink)
}

/// Reads the blocks of the document that begins at `start` and ends with the text. Spans are of the
/// whole text.
#[must_use]
pub fn read_from(source: &str, start: usize, sink: &mut Sink) -> Blocks {
    let (body, frontmatter) = frontmatter(source, start, sink);
    let mut blocks = reader::read(source, body, sink);
    blocks.frontmatter = frontmatter;
    blocks
}

/// Offset of the first byte after byte order mark and frontmatter, and the frontmatter.
fn frontmatter(source: &str, start: usize, sink: &mut Sink) -> (usize, Option<Span>) {
    let marked = source.get(start..).is_some_and(|rest| rest.starts_with('\u{feff}'));
    let start = if marked { start.saturating_add('\u{feff}'.len_utf8()) } else { start };
    let rest = source.get(start..).unwrap_or("");
    let mut at = start;
    // A line ending of two characters is followed by an empty row, which is none of the frontmatter's.
    for (number, row) in rest.split_inclusive(['\n', '\r']).enumerate() {
        let marker = row.trim_end();
        if number == 0 {
            if marker != "---" {
                return (start, None);
            }
        } else if marker == "---" || marker == "..." {
            let end = at.saturating_add(marker.len());
            let next = at.saturating_add(row.len());
            let second = row.ends_with('\r') && source.get(next..).is_some_and(|rest| rest.starts_with('\n'));
            return (next.saturating_add(usize::from(second)), Some(Span::from_usize(start, end)));
        }
        at = at.saturating_add(row.len());
    }
    if rest.is_empty() {
        return (start, None);
    }
    sink.push(
        Diagnostic::new(
            codes::FRONTMATTER_SYNTAX,
            Span::from_usize(start, start.saturating_add(3)),
            "the frontmatter that begins here does not end",
        )
        .expected("a line `---` after the keys")
        .hint("close it with a line `---`; for a thematic break write `***`"),
    );
    (start, None)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests may fail loudly")]
mod tests;
