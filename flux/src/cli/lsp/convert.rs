//! Between byte offsets and the protocol's positions.

use flux_core::editor::{LineTable, Span};
use lsp_types::{Position, PositionEncodingKind, Range};

/// What a position's column counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Encoding {
    /// Bytes.
    Utf8,
    /// Units of UTF-16.
    Utf16,
}

impl Encoding {
    pub(super) fn kind(self) -> PositionEncodingKind {
        match self {
            Self::Utf8 => PositionEncodingKind::UTF8,
            Self::Utf16 => PositionEncodingKind::UTF16,
        }
    }

    fn width(self, ch: char) -> u32 {
        let width = match self {
            Self::Utf8 => ch.len_utf8(),
            Self::Utf16 => ch.len_utf16(),
        };
        u32::try_from(width).unwrap_or(4)
    }

    /// The position of the byte at `offset`.
    pub(super) fn position(self, text: &str, lines: &LineTable, offset: u32) -> Position {
        let line = lines.line(offset);
        let start = lines.start_of(line).unwrap_or(0);
        let before = Span::new(start, offset).text(text);
        let character = before.chars().map(|ch| self.width(ch)).sum();
        Position { line: line.saturating_sub(1), character }
    }

    /// The range of a span.
    pub(super) fn range(self, text: &str, lines: &LineTable, span: Span) -> Range {
        Range { start: self.position(text, lines, span.start), end: self.position(text, lines, span.end) }
    }

    /// The byte at a position; one behind the end of its line, or of the text, is that end.
    pub(super) fn offset(self, text: &str, lines: &LineTable, position: Position) -> u32 {
        let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let Some(start) = lines.start_of(position.line.saturating_add(1)) else { return end };
        let mut offset = start;
        let mut column = 0;
        for ch in text.get(start as usize..).unwrap_or("").chars() {
            if column >= position.character || matches!(ch, '\n' | '\r') {
                break;
            }
            column += self.width(ch);
            offset = offset.saturating_add(u32::try_from(ch.len_utf8()).unwrap_or(4));
        }
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_as_the_editor_does() {
        let text = "a\n°😀x\nend";
        let lines = LineTable::new(text);
        let at = u32::try_from(text.find('x').unwrap()).unwrap();
        for (encoding, character) in [(Encoding::Utf16, 3), (Encoding::Utf8, 6)] {
            let position = encoding.position(text, &lines, at);
            assert_eq!(position, Position { line: 1, character });
            assert_eq!(encoding.offset(text, &lines, position), at);
        }
    }

    #[test]
    fn a_position_outside_the_text_is_its_nearest_end() {
        let text = "ab\ncd";
        let lines = LineTable::new(text);
        let at = |line, character| Encoding::Utf16.offset(text, &lines, Position { line, character });
        assert_eq!((at(0, 99), at(1, 99), at(9, 0)), (2, 5, 5));
    }
}
