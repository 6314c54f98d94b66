//! The layout of lists: markers, numbers, indentation.
//!
//! A list is laid out as a whole or left as it is: where a line could turn into another block
//! when it moves, nothing of its list moves.

use flux_fluxc::md::{Block, BlockKind, Blocks, Closing, ListStyle};
use flux_fluxc::span::Span;

use super::code;
use super::edit::Edits;

/// Whether the numbers of a list are made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Numbering {
    /// Steps count from 1 through their section.
    Made,
    /// As the author numbered.
    Kept,
}

/// Lays out lists of one document.
pub(super) struct Lists<'d> {
    pub(super) source: &'d str,
    pub(super) blocks: &'d Blocks,
    pub(super) numbering: Numbering,
}

/// Where the first line of a block stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum First {
    /// Behind the marker of its item.
    AfterMarker,
    /// On a line of its own.
    OwnLine,
}

/// Why a list is left as it is.
struct Left;

/// Where a line begins, and its first character that is no space.
struct Margin {
    start: usize,
    text: usize,
}

impl Lists<'_> {
    /// Lays out the lists among the outermost blocks of a section.
    ///
    /// What is found to be left as it is leaves no edits of its list.
    pub(super) fn siblings(&self, from: u32, to: u32, edits: &mut Edits) {
        let mut count = 0_u64;
        let mut before: Option<&Block> = None;
        let mut at = from;
        while at < to {
            let Some(block) = self.blocks.get(at) else { break };
            if let BlockKind::List { .. } = block.kind {
                let number = self.first_number(block, before, count);
                let mut own = Edits::default();
                let behind = self.blocks.get(block.next).filter(|_| block.next < to);
                let swallows = behind.is_some_and(|behind| self.is_swallowed(behind, 0));
                match self.list(at, block, 0, number, &mut own) {
                    Ok(items) if !swallows => {
                        count = number.saturating_sub(1).saturating_add(items);
                        edits.append(own);
                    }
                    _ => count = 0,
                }
            }
            before = Some(block);
            at = block.next.max(at.saturating_add(1));
        }
    }

    /// Tells whether a block that stays where it is, behind a list whose markers go to `column`, would
    /// come to stand in the last item.
    fn is_swallowed(&self, block: &Block, column: usize) -> bool {
        let moves = matches!(block.kind, BlockKind::List { .. }) || is_code(block, self.source);
        let margin = self.margin_at(start_of_line(self.source, block.span.start as usize));
        !moves && margin.text - margin.start >= column + 2
    }

    /// The number that a list begins with: lists of a section go on, unless prose stands between and
    /// the author began anew, or the list would then be text of that prose.
    fn first_number(&self, list: &Block, before: Option<&Block>, count: u64) -> u64 {
        let prose = before
            .is_some_and(|block| !matches!(block.kind, BlockKind::List { .. } | BlockKind::Fence { .. }));
        let written = self.written_number(list.span);
        if prose && written == Some(1) { 1 } else { count.saturating_add(1) }
    }

    fn written_number(&self, item: Span) -> Option<u64> {
        let text = item.text(self.source);
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        text.get(..digits)?.parse().ok()
    }

    /// Lays out one list whose markers go to `column`; gives how many of its items are numbered.
    fn list(
        &self,
        index: u32,
        list: &Block,
        column: usize,
        first: u64,
        edits: &mut Edits,
    ) -> Result<u64, Left> {
        let BlockKind::List { style } = list.kind else { return Err(Left) };
        let mut numbered = 0;
        for (item, block) in self.blocks.children(index) {
            let marker = match (style, self.numbering) {
                (ListStyle::Bullet, _) => "-".to_owned(),
                (ListStyle::Ordered, Numbering::Made) => format!("{}.", first.saturating_add(numbered)),
                (ListStyle::Ordered, Numbering::Kept) => {
                    format!("{}.", self.written_number(block.span).ok_or(Left)?)
                }
            };
            if style == ListStyle::Ordered {
                numbered += 1;
            }
            self.item(item, block, column, &marker, edits)?;
        }
        Ok(numbered)
    }

    fn item(
        &self,
        index: u32,
        item: &Block,
        column: usize,
        marker: &str,
        edits: &mut Edits,
    ) -> Result<(), Left> {
        let Some((_, first)) = self.blocks.children(index).next() else { return Err(Left) };
        let margin = self.margin(item.span.start)?;
        if margin.text != item.span.start as usize {
            return Err(Left);
        }
        // The first block stands on the line of the marker and is one that cannot join with it.
        let plain = matches!(first.kind, BlockKind::Paragraph | BlockKind::Fence { .. });
        let between = Span::new(item.span.start, first.span.start).text(self.source);
        if !plain || between.contains(['\n', '\r', '\t']) || self.begins_block(first) {
            return Err(Left);
        }
        let old = (first.span.start as usize).saturating_sub(margin.start);
        let new = column + marker.len() + 1;
        edits.replace(
            Span::from_usize(margin.start, first.span.start as usize),
            format!("{}{marker} ", " ".repeat(column)),
        );
        let mut count = 0_u64;
        let mut before: Option<&Block> = None;
        for (child, block) in self.blocks.children(index) {
            let fresh = if child == index.saturating_add(1) { First::AfterMarker } else { First::OwnLine };
            match block.kind {
                BlockKind::Paragraph => self.paragraph(block, new, fresh, edits)?,
                BlockKind::List { .. } => {
                    let number = self.first_number(block, before, count);
                    count =
                        number.saturating_sub(1).saturating_add(self.list(child, block, new, number, edits)?);
                }
                BlockKind::Fence { .. } if is_code(block, self.source) => {
                    fence(self.source, block, new, fresh, edits);
                }
                _ => {
                    self.shifted(block, old, new, fresh, edits)?;
                    // Behind a list it must not go into the last item.
                    let behind_list = matches!(before.map(|block| block.kind), Some(BlockKind::List { .. }));
                    if behind_list && self.is_swallowed(block, old) {
                        return Err(Left);
                    }
                }
            }
            before = Some(block);
        }
        Ok(())
    }

    /// Tells whether the text of an item would be a marker, rule or the like after another marker.
    fn begins_block(&self, block: &Block) -> bool {
        block.kind == BlockKind::Paragraph && opens_block(block.span.text(self.source))
    }

    /// Moves the lines of a paragraph to `column`; the first one only if it stands on its own line.
    fn paragraph(&self, block: &Block, column: usize, fresh: First, edits: &mut Edits) -> Result<(), Left> {
        for start in self.line_starts(block.span, fresh) {
            let margin = self.margin_at(start);
            let text = self.source.get(margin.text..block.span.end as usize).unwrap_or("");
            if opens_block(text) {
                return Err(Left);
            }
            edits.replace(Span::from_usize(margin.start, margin.text), " ".repeat(column));
        }
        Ok(())
    }

    /// Moves the lines of a block from one column to another; what is deeper stays so much deeper.
    fn shifted(
        &self,
        block: &Block,
        old: usize,
        new: usize,
        fresh: First,
        edits: &mut Edits,
    ) -> Result<(), Left> {
        for start in self.line_starts(block.span, fresh) {
            let rest = self.source.get(start..block.span.end as usize).unwrap_or("");
            let spaces = rest.len() - rest.trim_start_matches(' ').len();
            let blank = rest.lines().next().is_none_or(|line| line.trim().is_empty());
            if blank {
                continue;
            }
            if spaces < old || rest.get(spaces..).is_some_and(|rest| rest.starts_with('\t')) {
                return Err(Left);
            }
            edits.replace(Span::from_usize(start, start + old), " ".repeat(new));
        }
        Ok(())
    }

    /// Starts of the lines of a block; of the first one only if it is its own line.
    fn line_starts(&self, span: Span, first: First) -> Vec<usize> {
        lines_of(self.source, span)
            .into_iter()
            .enumerate()
            .filter(|(number, _)| *number > 0 || first == First::OwnLine)
            .map(|(_, line)| line.start as usize)
            .collect()
    }

    fn margin_at(&self, start: usize) -> Margin {
        let rest = self.source.get(start..).unwrap_or("");
        Margin { start, text: start + rest.len() - rest.trim_start_matches([' ', '\t']).len() }
    }

    /// The margin of the line that `at` is on; not one that a mark of byte order stands in.
    fn margin(&self, at: u32) -> Result<Margin, Left> {
        let start = start_of_line(self.source, at as usize);
        let margin = self.margin_at(start);
        let tabs = self.source.get(start..margin.text).is_some_and(|space| space.contains('\t'));
        if tabs { Err(Left) } else { Ok(margin) }
    }
}

/// Tells whether a line could begin another block than a paragraph.
fn opens_block(text: &str) -> bool {
    let first = text.chars().next().unwrap_or(' ');
    if matches!(first, '-' | '*' | '+' | '>' | '#' | '~' | '<' | '=' | '_' | '[') || text.starts_with("```") {
        return true;
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    digits > 0
        && text.get(digits..).is_some_and(|rest| rest.starts_with(['.', ')']) && !rest.starts_with(".."))
}

fn start_of_line(source: &str, at: usize) -> usize {
    let before = source.get(..at).unwrap_or("");
    before.rfind(['\n', '\r']).map_or(0, |end| end + 1)
}

/// The lines that a span touches, whole at their start, without their line endings.
pub(super) fn lines_of(source: &str, span: Span) -> Vec<Span> {
    let mut out = Vec::new();
    let mut start = start_of_line(source, span.start as usize);
    let end = span.end as usize;
    loop {
        let rest = source.get(start..).unwrap_or("");
        let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
        out.push(Span::from_usize(start, start + length));
        let ending = if rest.get(length..).is_some_and(|rest| rest.starts_with("\r\n")) { 2 } else { 1 };
        start += length + ending;
        if start >= end || length == rest.len() {
            return out;
        }
    }
}

/// Tells whether a fence holds code of the language.
pub(super) fn is_code(block: &Block, source: &str) -> bool {
    let BlockKind::Fence { info, .. } = block.kind else { return false };
    matches!(info.text(source).split_whitespace().next(), Some("flux" | "fluxfn" | "flux-type"))
}

/// Lays out a fence of code whose lines go to `column`.
pub(super) fn fence(source: &str, block: &Block, column: usize, first: First, edits: &mut Edits) {
    let BlockKind::Fence { closing, .. } = block.kind else { return };
    let margin = " ".repeat(column);
    let rows = lines_of(source, block.span);
    let (Some((opening, rows)), true) = (rows.split_first(), !block.span.is_empty()) else { return };
    if first == First::OwnLine {
        edits.replace(Span::new(opening.start, block.span.start), margin.clone());
    }
    let (inside, end) = match (closing, rows.split_last()) {
        (Closing::Fence, Some((last, inside))) => (inside, Some(last)),
        _ => (rows, None),
    };
    let code: Vec<&str> = inside.iter().map(|row| row.text(source).trim()).collect();
    for (row, line) in inside.iter().zip(code::lines(&code)) {
        edits.replace(*row, if line.is_empty() { line } else { format!("{margin}{line}") });
    }
    if let Some(end) = end {
        edits.replace(*end, format!("{margin}{}", end.text(source).trim()));
    }
}
