//! What each kind of block does when a line opens it.

use alloc::format;
use alloc::string::String;

use flux_abi::limits;

use super::marks::{Marker, heading_content, is_thematic_break};
use super::{CODE_INDENT, Content, Reader, What};
use crate::diag::{Diagnostic, codes};
use crate::md::html::{self, HtmlKind};
use crate::md::line::Line;
use crate::md::links;
use crate::md::{BlockKind, Closing, ListStyle};
use crate::span::{Span, clamp};

impl Reader<'_, '_> {
    pub(super) fn heading(&mut self, line: &Line<'_>, level: u8) {
        let start = line.text_start();
        let span = Span::new(start, line.trimmed_end());
        let text = line.text();
        let inside = text.get(usize::from(level)..).unwrap_or(&[]);
        let inside_start = start.saturating_add(u32::from(level));
        let content = heading_content(inside, inside_start);
        self.leaf(BlockKind::Heading { level }, span, content);
    }

    pub(super) fn fence(&mut self, line: &Line<'_>, byte: u8, len: usize) {
        let start = line.text_start();
        let info = line.text().get(len..).unwrap_or(&[]);
        let lead = info.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let info_start = start.saturating_add(clamp(len)).saturating_add(clamp(lead));
        let info = Span::new(info_start.min(line.trimmed_end()), line.trimmed_end());
        let kind = BlockKind::Fence { info, closing: Closing::End };
        self.push(kind, start, What::Fence { byte, len, indent: line.indent() });
        self.set_end(line.trimmed_end());
        // The lines inside begin after this line's ending.
        let next = self.after_line_ending(line.end());
        if let Some(block) = self.table.last_mut() {
            block.content = Span::empty(next);
        }
    }

    pub(super) fn after_line_ending(&self, end: u32) -> u32 {
        let rest = self.source.as_bytes().get(end as usize..).unwrap_or(&[]);
        let len = match rest {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => 0,
        };
        end.saturating_add(len)
    }

    pub(super) fn html(&mut self, line: &Line<'_>, kind: HtmlKind) {
        let span = Span::new(line.text_start(), line.trimmed_end());
        if html::ends(kind, line.text()) {
            self.leaf(BlockKind::Html, span, span);
        } else {
            self.push(BlockKind::Html, span.start, What::Html(kind));
            self.set_end(span.end);
        }
    }

    /// Turns the open paragraph into a heading, unless it holds nothing but link definitions.
    pub(super) fn setext(&mut self, line: &Line<'_>, first: u8) -> bool {
        self.take_definitions();
        let (Some(start), Some(last)) = (self.paragraph.first(), self.paragraph.last()) else {
            // The paragraph is gone; this line is a thematic break or begins the next one.
            return self.reopen_paragraph(line, first);
        };
        let content = Span::new(start.start, last.end);
        let level = if first == b'=' { 1 } else { 2 };
        let next = clamp(self.table.len());
        if let Some(block) = self.table.last_mut() {
            block.kind = BlockKind::SetextHeading { level };
            block.span = Span::new(content.start, line.trimmed_end());
            block.content = content;
            block.next = next;
        }
        self.paragraph.clear();
        self.open.pop();
        self.note_end(line.trimmed_end());
        true
    }

    /// After all lines of the open paragraph were link definitions: the underline is its text,
    /// unless it is a thematic break (`false`).
    pub(super) fn reopen_paragraph(&mut self, line: &Line<'_>, first: u8) -> bool {
        self.open.pop();
        self.table.pop();
        let text = !is_thematic_break(line.text(), first);
        if text {
            self.push(BlockKind::Paragraph, line.text_start(), What::Paragraph);
            self.add_to_paragraph(line);
        }
        text
    }

    /// Takes link reference definitions off the open paragraph.
    pub(super) fn take_definitions(&mut self) {
        let Some(first) = self.paragraph.first() else { return };
        if self.source.as_bytes().get(first.start as usize) != Some(&b'[') {
            return;
        }
        let mut joined = String::new();
        for (number, span) in self.paragraph.iter().enumerate() {
            if number > 0 {
                joined.push('\n');
            }
            joined.push_str(span.text(self.source));
        }
        let lines = links::definition_lines(&joined).min(self.paragraph.len());
        self.paragraph.drain(..lines);
    }

    pub(super) fn item(&mut self, line: &mut Line<'_>, matched: usize, marker: Marker) {
        let at = line.text_start();
        let indent = line.indent();
        line.skip_text(marker.len);
        let marker_end = line.position();
        let gap = line.indent();
        let blank = line.is_blank();
        let padding = if blank || gap > CODE_INDENT || gap == 0 {
            line.skip_columns(1);
            1
        } else {
            line.skip_columns(gap);
            gap
        };
        let columns = indent.saturating_add(marker.len).saturating_add(padding);
        if self.goes_on(matched, marker) {
            self.close_to(matched);
        } else {
            self.close_for_child(matched);
            let style = if marker.ordered() { ListStyle::Ordered } else { ListStyle::Bullet };
            self.push(BlockKind::List { style }, at, What::List { marker: marker.byte });
            self.containers = self.containers.saturating_add(1);
        }
        let content = if blank { Content::Empty } else { Content::Some };
        self.push(BlockKind::Item, at, What::Item { columns, content });
        self.set_end(marker_end);
    }

    /// Tells whether an item with this marker goes on with the last list that is still open.
    pub(super) fn goes_on(&self, matched: usize, marker: Marker) -> bool {
        matched
            .checked_sub(1)
            .and_then(|tip| self.open.get(tip))
            .is_some_and(|o| matches!(o.what, What::List { marker: m } if m == marker.byte))
    }

    /// Tells, and reports once, that no further container may be opened after the first
    /// `matched` open blocks.
    pub(super) fn too_deep(&mut self, line: &Line<'_>, matched: usize) -> bool {
        if self.containers < limits::LIST_NESTING {
            return false;
        }
        let kept = self.open.iter().take(matched);
        let kept = kept.filter(|o| matches!(o.what, What::Quote | What::List { .. })).count();
        if kept < limits::LIST_NESTING {
            return false;
        }
        if !self.nesting_reported {
            self.nesting_reported = true;
            let start = line.text_start();
            self.sink.push(
                Diagnostic::new(
                    codes::NESTING_TOO_DEEP,
                    Span::new(start, start.saturating_add(1)),
                    format!("lists and quotes are nested more than {} deep", limits::LIST_NESTING),
                )
                .label("one level too many")
                .hint("move the inner steps into a function or a handler"),
            );
        }
        true
    }
}
