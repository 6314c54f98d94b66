//! Where in a document something stands.
//!
//! # Invariants
//! 1. Offsets are bytes from the start of the document as it was given, frontmatter
//!    and byte order mark included, and always lie on UTF-8 character boundaries.
//! 2. `start <= end`; a document is at most 16 MiB, so `u32` always suffices.
//!
//! ```
//! use flux_fluxc::span::{LineTable, Span};
//! let table = LineTable::new("a\nbc\n");
//! let place = table.locate("a\nbc\n", Span::new(3, 4).start);
//! assert_eq!((place.line, place.column), (2, 2));
//! ```

use alloc::vec::Vec;

use flux_isa::SourceLine;
use memchr::memchr2_iter;

/// A half-open byte range of one document.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The range from `start` to `end`; an end before the start gives an empty range at `start`.
    #[must_use]
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end: if end < start { start } else { end } }
    }

    /// The same from byte indexes, clamped to what `u32` holds.
    #[must_use]
    pub fn from_usize(start: usize, end: usize) -> Self {
        Self::new(clamp(start), clamp(end))
    }

    /// An empty range at `at`.
    #[must_use]
    pub const fn empty(at: u32) -> Self {
        Self { start: at, end: at }
    }

    /// The smallest range that covers both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// Length in bytes.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    /// Tells whether the range covers no byte.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// The text of the range, empty if `source` is not the document it belongs to.
    #[must_use]
    pub fn text(self, source: &str) -> &str {
        source.get(self.start as usize..self.end as usize).unwrap_or("")
    }
}

/// An index as an offset; documents are far smaller than `u32::MAX`, so this never clamps in use.
#[must_use]
pub(crate) fn clamp(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Number of a document within one compilation, in the order given to the compiler.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SourceId(pub u16);

/// A place for people: both numbers start at 1, the column counts characters.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// Offsets of all line starts of one document; a line ends at LF, CRLF or a lone CR.
#[derive(Clone, Debug, Default)]
pub struct LineTable {
    starts: Vec<u32>,
}

impl LineTable {
    /// Scans `source` once.
    #[must_use]
    pub fn new(source: &str) -> Self {
        let mut starts = Vec::with_capacity((source.len() / 32).saturating_add(1));
        starts.push(0);
        let bytes = source.as_bytes();
        for at in memchr2_iter(b'\n', b'\r', bytes) {
            let next = at.saturating_add(1);
            if bytes.get(at) == Some(&b'\n') || bytes.get(next) != Some(&b'\n') {
                starts.push(clamp(next));
            }
        }
        Self { starts }
    }

    /// Line number, from 1, of the byte at `offset`; an offset past the end gives the last line.
    #[must_use]
    pub fn line(&self, offset: u32) -> u32 {
        clamp(self.starts.partition_point(|start| *start <= offset)).max(1)
    }

    /// Offset of the first byte of `line` (from 1), if there is such a line.
    #[must_use]
    pub fn start_of(&self, line: u32) -> Option<u32> {
        self.starts.get((line as usize).checked_sub(1)?).copied()
    }

    /// Number of lines; an empty document has one.
    #[must_use]
    pub fn lines(&self) -> u32 {
        clamp(self.starts.len())
    }

    /// Line and column of the byte at `offset` in `source`, the text this table was made from.
    #[must_use]
    pub fn locate(&self, source: &str, offset: u32) -> Place {
        let line = self.line(offset);
        let start = self.start_of(line).unwrap_or(0);
        let before = Span::new(start, offset).text(source);
        Place { line, column: clamp(before.chars().count()).saturating_add(1) }
    }
}

/// Lines of all documents of a compilation, whose texts follow each other in one text.
///
/// A line is numbered within its document; the word also tells the document, as the debug lines of a
/// module do ([`flux_isa::SourceLine`]).
#[derive(Clone, Debug, Default)]
pub struct SourceLines {
    table: LineTable,
    /// Of each document's start the offset and line (from 1) in the whole text, and its number.
    starts: Vec<(u32, u32, u8)>,
}

/// Lines after the last one that are looked at before all are searched.
const NEAR: usize = 4;

/// A line of the whole text.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TextLine {
    /// Its number, from 1.
    pub number: u32,
    /// Offset of its first byte.
    pub start: u32,
    /// Offset of the first byte behind it.
    pub end: u32,
}

impl SourceLines {
    /// Scans the text; `starts` are offsets and numbers of the documents in ascending order, each at a
    /// line's start.
    #[must_use]
    pub fn new(text: &str, starts: &[(u32, u8)]) -> Self {
        let table = LineTable::new(text);
        let starts = starts.iter().map(|(start, number)| (*start, table.line(*start), *number)).collect();
        Self { table, starts }
    }

    /// The line of the byte at `offset`, which is most likely the one of `last` or a little further.
    #[must_use]
    pub fn line_after(&self, last: TextLine, offset: u32) -> TextLine {
        let mut line = last.number;
        for _ in 0..NEAR {
            let (start, end) = self.bounds(line);
            if offset < start {
                break;
            }
            if offset < end {
                return TextLine { number: line, start, end };
            }
            line = line.saturating_add(1);
        }
        let number = self.table.line(offset);
        let (start, end) = self.bounds(number);
        TextLine { number, start, end }
    }

    /// Where a line of the whole text begins and ends.
    fn bounds(&self, line: u32) -> (u32, u32) {
        let start = self.table.start_of(line).unwrap_or(u32::MAX);
        (start, self.table.start_of(line.saturating_add(1)).unwrap_or(u32::MAX))
    }

    /// The document and line of the byte at `offset`.
    #[must_use]
    pub fn word(&self, offset: u32) -> u32 {
        self.word_of(self.table.line(offset), offset)
    }

    /// The document and line of the byte at `offset`, which is on a line of the whole text.
    #[must_use]
    pub fn word_of(&self, line: u32, offset: u32) -> u32 {
        let at = self.starts.partition_point(|(start, ..)| *start <= offset).saturating_sub(1);
        let (first, document) = self.starts.get(at).map_or((1, 0), |(_, line, number)| (*line, *number));
        let line = line.saturating_sub(first).saturating_add(1);
        SourceLine { document, line }.word()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_within_each_document() {
        let text = "a\nb\nc\n\nd";
        let lines = SourceLines::new(text, &[(0, 0), (4, 2), (6, 3)]);
        let place = |offset| {
            let place = SourceLine::from_word(lines.word(offset));
            (place.document, place.line)
        };
        assert_eq!(
            [place(0), place(3), place(4), place(6), place(7)],
            [(0, 1), (0, 2), (2, 1), (3, 1), (3, 2)]
        );
    }

    #[test]
    fn all_three_line_endings_end_a_line() {
        let text = "a\nb\r\nc\rd";
        let table = LineTable::new(text);
        assert_eq!(table.lines(), 4);
        let lines: Vec<u32> = (0..8).map(|at| table.line(at)).collect();
        assert_eq!(lines, [1, 1, 2, 2, 2, 3, 3, 4]);
    }

    #[test]
    fn columns_count_characters_not_bytes() {
        let text = "x\nä€b";
        let table = LineTable::new(text);
        assert_eq!(table.locate(text, 7), Place { line: 2, column: 3 });
    }

    #[test]
    fn an_offset_past_the_end_is_on_the_last_line() {
        assert_eq!(LineTable::new("a\nb").line(900), 2);
    }
}
