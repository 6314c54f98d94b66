//! The state machine that turns lines into blocks (CommonMark 0.31, appendix "A parsing strategy").
//!
//! For each line: which open blocks does it continue, which does it open, and what of it is text.
//!
//! # Invariants
//! 1. `open` holds containers, then at most one leaf; each names its block in `table`.
//! 2. A list in `open` is followed by one of its items, or is the last entry.

mod marks;
mod opening;

use alloc::vec::Vec;

use memchr::memchr2;

use super::html::{self, HtmlKind};
use super::line::Line;
use super::{Block, BlockKind, Blocks, Closing};
use crate::diag::Sink;
use crate::span::{Span, clamp};
use marks::{atx_level, closes_fence, is_setext_underline, is_thematic_break, list_marker, opens_fence};

/// Columns of indentation that make code.
const CODE_INDENT: usize = 4;

#[derive(Clone, Copy, Debug)]
struct Open {
    block: usize,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Quote,
    List { marker: u8 },
    Item { columns: usize, content: Content },
    Fence { byte: u8, len: usize, indent: usize },
    Indented,
    Html(HtmlKind),
    Paragraph,
}

/// Whether an item has anything in it yet; an empty one ends at a blank line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Content {
    Empty,
    Some,
}

impl What {
    const fn is_leaf(self) -> bool {
        matches!(self, Self::Fence { .. } | Self::Indented | Self::Html(_) | Self::Paragraph)
    }
}

/// Reads `source` from the byte at `body`.
pub(super) fn read(source: &str, body: usize, sink: &mut Sink) -> Blocks {
    let mut reader = Reader {
        source,
        table: Vec::new(),
        open: Vec::new(),
        paragraph: Vec::new(),
        containers: 0,
        sink,
        nesting_reported: false,
    };
    let bytes = source.as_bytes();
    let mut at = body;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let len = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        reader.line(Line::new(rest.get(..len).unwrap_or(rest), at));
        let ending = match (rest.get(len), rest.get(len.saturating_add(1))) {
            (Some(b'\r'), Some(b'\n')) => 2,
            _ => 1,
        };
        at = at.saturating_add(len).saturating_add(ending);
    }
    reader.close_to(0);
    Blocks { table: reader.table, frontmatter: None }
}

struct Reader<'s, 'k> {
    source: &'s str,
    table: Vec<Block>,
    open: Vec<Open>,
    /// Text of each line of the open paragraph.
    paragraph: Vec<Span>,
    /// Lists and quotes in `open`.
    containers: usize,
    sink: &'k mut Sink,
    nesting_reported: bool,
}

impl Reader<'_, '_> {
    fn line(&mut self, mut line: Line<'_>) {
        let matched = match self.continued(&mut line) {
            Continued::Done => return,
            Continued::Blocks(matched) => matched,
        };
        self.rest_of_line(line, matched);
    }

    /// Finds how many open blocks the line continues, and takes their prefixes off it.
    fn continued(&mut self, line: &mut Line<'_>) -> Continued {
        let mut matched = 0_usize;
        while let Some(entry) = self.open.get(matched).copied() {
            let goes_on = match entry.what {
                What::List { .. } => true,
                What::Quote => {
                    let goes_on = line.indent() < CODE_INDENT && line.first() == Some(b'>');
                    if goes_on {
                        line.skip_text(1);
                        line.skip_columns(1);
                    }
                    goes_on
                }
                What::Item { columns, content } => {
                    if line.is_blank() {
                        line.skip_space();
                        content == Content::Some
                    } else {
                        let goes_on = line.indent() >= columns;
                        if goes_on {
                            line.skip_columns(columns);
                        }
                        goes_on
                    }
                }
                What::Fence { byte, len, indent } => {
                    if line.indent() < CODE_INDENT && closes_fence(line.text(), byte, len) {
                        self.close_fence(entry.block, line);
                        self.open.truncate(matched);
                        self.note_end(line.trimmed_end());
                        return Continued::Done;
                    }
                    line.skip_columns(indent.min(line.indent()));
                    true
                }
                What::Indented => {
                    if line.is_blank() {
                        line.skip_columns(CODE_INDENT);
                        true
                    } else {
                        let goes_on = line.indent() >= CODE_INDENT;
                        if goes_on {
                            line.skip_columns(CODE_INDENT);
                        }
                        goes_on
                    }
                }
                What::Html(HtmlKind::Block | HtmlKind::Other) | What::Paragraph => !line.is_blank(),
                What::Html(_) => true,
            };
            if !goes_on {
                break;
            }
            matched = matched.saturating_add(1);
        }
        Continued::Blocks(matched)
    }

    fn close_fence(&mut self, index: usize, line: &Line<'_>) {
        let next = clamp(self.table.len());
        if let Some(block) = self.table.get_mut(index) {
            if let BlockKind::Fence { closing, .. } = &mut block.kind {
                *closing = Closing::Fence;
            }
            block.span.end = line.trimmed_end();
            block.next = next;
        }
    }

    fn rest_of_line(&mut self, mut line: Line<'_>, mut matched: usize) {
        let mut opened = false;
        loop {
            let tip = matched.checked_sub(1).and_then(|at| self.open.get(at)).map(|o| o.what);
            if tip.is_some_and(|what| what.is_leaf() && !matches!(what, What::Paragraph)) {
                break;
            }
            let in_paragraph = matches!(tip, Some(What::Paragraph));
            let all_matched = opened || matched == self.open.len();
            let may_be_lazy =
                !all_matched && matches!(self.open.last().map(|o| o.what), Some(What::Paragraph));
            match self.start(&mut line, matched, in_paragraph, may_be_lazy) {
                Start::None => break,
                Start::Leaf => {
                    return;
                }
                Start::Container => {
                    opened = true;
                    matched = self.open.len();
                }
                Start::Text => {
                    opened = true;
                    matched = self.open.len();
                    break;
                }
            }
        }
        self.text(&line, matched, opened);
    }

    /// Opens the block that the text of the line begins, if it begins one.
    fn start(&mut self, line: &mut Line<'_>, matched: usize, in_paragraph: bool, may_be_lazy: bool) -> Start {
        let Some(first) = line.first() else { return Start::None };
        if line.indent() >= CODE_INDENT {
            if in_paragraph || may_be_lazy {
                return Start::None;
            }
            self.close_for_child(matched);
            line.skip_columns(CODE_INDENT);
            let at = line.position();
            self.push(BlockKind::IndentedCode, at, What::Indented);
            return Start::Text;
        }
        match first {
            b'>' => {
                if self.too_deep(line, matched) {
                    return Start::None;
                }
                self.close_for_child(matched);
                let at = line.text_start();
                line.skip_text(1);
                self.push(BlockKind::Quote, at, What::Quote);
                self.containers = self.containers.saturating_add(1);
                self.set_end(line.position());
                line.skip_columns(1);
                return Start::Container;
            }
            b'#' => {
                if let Some(level) = atx_level(line.text()) {
                    self.close_for_child(matched);
                    self.heading(line, level);
                    return Start::Leaf;
                }
            }
            b'`' | b'~' => {
                if let Some(len) = opens_fence(line.text(), first) {
                    self.close_for_child(matched);
                    self.fence(line, first, len);
                    return Start::Leaf;
                }
            }
            b'<' => {
                if let Some(kind) = html::start(line.text())
                    && !(kind == HtmlKind::Other && (in_paragraph || may_be_lazy))
                {
                    self.close_for_child(matched);
                    self.html(line, kind);
                    return Start::Leaf;
                }
            }
            _ => {}
        }
        if matches!(first, b'=' | b'-')
            && in_paragraph
            && is_setext_underline(line.text(), first)
            && self.setext(line, first)
        {
            return Start::Leaf;
        }
        if matches!(first, b'*' | b'-' | b'_') && is_thematic_break(line.text(), first) {
            self.close_for_child(matched);
            let span = Span::new(line.text_start(), line.trimmed_end());
            self.leaf(BlockKind::ThematicBreak, span, span);
            return Start::Leaf;
        }
        let in_paragraph = in_paragraph && self.open.len() == matched;
        match list_marker(line.text(), in_paragraph) {
            Some(marker) if self.goes_on(matched, marker) || !self.too_deep(line, matched) => {
                self.item(line, matched, marker);
                Start::Container
            }
            _ => Start::None,
        }
    }

    /// Puts the rest of the line where it belongs.
    fn text(&mut self, line: &Line<'_>, matched: usize, opened: bool) {
        let lazy = !opened
            && matched < self.open.len()
            && !line.is_blank()
            && matches!(self.open.last().map(|o| o.what), Some(What::Paragraph));
        if lazy {
            self.add_to_paragraph(line);
            return;
        }
        if line.is_blank() && opened {
            return;
        }
        self.close_to(matched);
        match self.open.last().map(|entry| (entry.block, entry.what)) {
            Some((_, What::Paragraph)) => self.add_to_paragraph(line),
            Some((block, What::Html(kind))) => {
                self.add_line(block, line);
                if html::ends(kind, line.text()) {
                    self.close_to(matched.saturating_sub(1));
                }
            }
            Some((block, What::Fence { .. })) => {
                if let Some(block) = self.table.get_mut(block) {
                    block.span.end = line.end();
                    block.content.end = line.end();
                }
            }
            Some((block, What::Indented)) => {
                if !line.is_blank() {
                    self.add_line(block, line);
                }
            }
            _ if line.is_blank() => {}
            _ => {
                self.close_for_child(matched);
                self.paragraph.clear();
                self.push(BlockKind::Paragraph, line.text_start(), What::Paragraph);
                self.add_to_paragraph(line);
            }
        }
    }

    fn add_line(&mut self, index: usize, line: &Line<'_>) {
        if let Some(block) = self.table.get_mut(index) {
            block.span.end = line.trimmed_end();
            block.content.end = line.trimmed_end();
        }
    }

    fn add_to_paragraph(&mut self, line: &Line<'_>) {
        let span = Span::new(line.text_start(), line.trimmed_end());
        self.sink.keep(&mut self.paragraph, span, span);
        self.set_end(span.end);
    }

    fn set_end(&mut self, end: u32) {
        if let Some(block) = self.table.last_mut() {
            block.span.end = end;
            block.content.end = end;
        }
    }

    // ------------------------------------------------------------ the table

    fn push(&mut self, kind: BlockKind, start: u32, what: What) {
        if let Some(Open { what: What::Item { content, .. }, .. }) = self.open.last_mut() {
            *content = Content::Some;
        }
        self.open.push(Open { block: self.table.len(), what });
        let span = Span::empty(start);
        self.sink.keep(&mut self.table, Block { kind, span, content: span, next: 0 }, span);
    }

    fn leaf(&mut self, kind: BlockKind, span: Span, content: Span) {
        if let Some(Open { what: What::Item { content, .. }, .. }) = self.open.last_mut() {
            *content = Content::Some;
        }
        let next = clamp(self.table.len().saturating_add(1));
        self.sink.keep(&mut self.table, Block { kind, span, content, next }, span);
        self.note_end(span.end);
    }

    /// Makes the last open block end at least at `end`.
    fn note_end(&mut self, end: u32) {
        let Some(parent) = self.open.last() else { return };
        if let Some(block) = self.table.get_mut(parent.block) {
            block.span.end = block.span.end.max(end);
        }
    }

    /// Closes what a new block after the first `matched` open ones ends: those after them, a
    /// paragraph, and a list that would hold something else than items.
    fn close_for_child(&mut self, matched: usize) {
        self.close_to(matched);
        while let Some(entry) = self.open.last() {
            if !entry.what.is_leaf() && !matches!(entry.what, What::List { .. }) {
                break;
            }
            self.close_to(self.open.len().saturating_sub(1));
        }
    }

    fn close_to(&mut self, keep: usize) {
        while self.open.len() > keep {
            let Some(entry) = self.open.pop() else { return };
            match entry.what {
                What::Paragraph if !self.finish_paragraph(entry.block) => continue,
                What::Quote | What::List { .. } => {
                    self.containers = self.containers.saturating_sub(1);
                }
                _ => {}
            }
            let next = clamp(self.table.len());
            let Some(block) = self.table.get_mut(entry.block) else { continue };
            block.next = next;
            let end = block.span.end;
            if !entry.what.is_leaf() {
                block.content = block.span;
            }
            self.note_end(end);
        }
    }

    /// Sets the extent of a paragraph; `false` if it held nothing but link definitions.
    fn finish_paragraph(&mut self, index: usize) -> bool {
        self.take_definitions();
        let extent = match (self.paragraph.first(), self.paragraph.last()) {
            (Some(first), Some(last)) => Span::new(first.start, last.end),
            _ => {
                self.table.truncate(index);
                return false;
            }
        };
        self.paragraph.clear();
        if let Some(block) = self.table.get_mut(index) {
            block.span = extent;
            block.content = extent;
        }
        true
    }
}

enum Continued {
    /// The line was a closing fence.
    Done,
    /// The line continues this many open blocks.
    Blocks(usize),
}

enum Start {
    /// The text begins no block.
    None,
    /// It began one that ends with the line.
    Leaf,
    /// It began a container; the text goes on inside.
    Container,
    /// It began a block that the rest of the line is the text of.
    Text,
}
