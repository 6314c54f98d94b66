//! One line of a document as a cursor over bytes and columns.
//!
//! Tab stops are 4 columns apart. A container may take only part of a tab, so position and
//! column are separate.

use crate::span::clamp;

/// A line without its line ending.
#[derive(Clone, Debug)]
pub(super) struct Line<'s> {
    bytes: &'s [u8],
    /// Offset of the line in the document.
    start: usize,
    /// Next byte.
    at: usize,
    /// Column of `at`, where a tab that is partly taken counts as the columns left.
    column: usize,
    /// Columns left of the tab at `at` if part of it is taken.
    tab_left: usize,
    /// First byte from `at` that is neither space nor tab, and its column.
    nonspace: usize,
    nonspace_column: usize,
}

impl<'s> Line<'s> {
    pub(super) fn new(bytes: &'s [u8], start: usize) -> Self {
        let mut line = Self { bytes, start, at: 0, column: 0, tab_left: 0, nonspace: 0, nonspace_column: 0 };
        line.look();
        line
    }

    /// Finds the first byte that is no white space.
    fn look(&mut self) {
        let (mut at, mut column) = (self.at, self.column);
        if self.tab_left > 0 {
            at = at.saturating_add(1);
            column = column.saturating_add(self.tab_left);
        }
        loop {
            match self.bytes.get(at) {
                Some(b' ') => column = column.saturating_add(1),
                Some(b'\t') => column = (column | 3).saturating_add(1),
                _ => break,
            }
            at = at.saturating_add(1);
        }
        self.nonspace = at;
        self.nonspace_column = column;
    }

    /// Columns of white space before the text.
    pub(super) fn indent(&self) -> usize {
        self.nonspace_column.saturating_sub(self.column)
    }

    /// Tells whether only white space is left.
    pub(super) fn is_blank(&self) -> bool {
        self.nonspace >= self.bytes.len()
    }

    /// The first byte that is no white space.
    pub(super) fn first(&self) -> Option<u8> {
        self.bytes.get(self.nonspace).copied()
    }

    /// What is left, from the first byte that is no white space.
    pub(super) fn text(&self) -> &'s [u8] {
        self.bytes.get(self.nonspace..).unwrap_or(&[])
    }

    /// Document offset of the first byte that is no white space.
    pub(super) fn text_start(&self) -> u32 {
        clamp(self.start.saturating_add(self.nonspace))
    }

    /// Document offset of the cursor.
    pub(super) fn position(&self) -> u32 {
        clamp(self.start.saturating_add(self.at))
    }

    /// Document offset after the last byte of the line.
    pub(super) fn end(&self) -> u32 {
        clamp(self.start.saturating_add(self.bytes.len()))
    }

    /// Document offset after the last byte that is no white space.
    pub(super) fn trimmed_end(&self) -> u32 {
        let tail = self.bytes.iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
        clamp(self.start.saturating_add(self.bytes.len().saturating_sub(tail)))
    }

    /// Goes to the text.
    pub(super) fn skip_space(&mut self) {
        self.at = self.nonspace;
        self.column = self.nonspace_column;
        self.tab_left = 0;
    }

    /// Goes `count` bytes on from the text; they hold no tab.
    pub(super) fn skip_text(&mut self, count: usize) {
        self.skip_space();
        self.at = self.at.saturating_add(count);
        self.column = self.column.saturating_add(count);
        self.look();
    }

    /// Goes `columns` on within white space, at most to the text.
    pub(super) fn skip_columns(&mut self, columns: usize) {
        let target = self.column.saturating_add(columns);
        while self.column < target {
            match self.bytes.get(self.at) {
                Some(b' ') => {
                    self.at = self.at.saturating_add(1);
                    self.column = self.column.saturating_add(1);
                }
                Some(b'\t') => {
                    let left = if self.tab_left > 0 {
                        self.tab_left
                    } else {
                        (self.column | 3).saturating_add(1).saturating_sub(self.column)
                    };
                    let want = target.saturating_sub(self.column);
                    if want >= left {
                        self.at = self.at.saturating_add(1);
                        self.column = self.column.saturating_add(left);
                        self.tab_left = 0;
                    } else {
                        self.column = target;
                        self.tab_left = left.saturating_sub(want);
                    }
                }
                _ => break,
            }
        }
    }
}
