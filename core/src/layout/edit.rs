//! Changes of a text by place.
//!
//! # Invariants
//! 1. Edits that are applied do not overlap; of two that would, the one that was made first stays.

use flux_fluxc::span::Span;

/// Text in place of a span.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Edit {
    /// What is replaced.
    pub(super) span: Span,
    /// What stands there then.
    pub(super) text: String,
}

/// Edits of one document.
#[derive(Debug, Default)]
pub(super) struct Edits {
    list: Vec<Edit>,
}

impl Edits {
    pub(super) fn replace(&mut self, span: Span, text: impl Into<String>) {
        self.list.push(Edit { span, text: text.into() });
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.list.append(&mut other.list);
    }

    /// The edits that change something, by place and without overlaps.
    pub(super) fn into_sorted(self, source: &str) -> Vec<Edit> {
        let mut list = self.list;
        list.sort_by_key(|edit| (edit.span.start, edit.span.end));
        let mut out: Vec<Edit> = Vec::with_capacity(list.len());
        for edit in list {
            let free = out.last().is_none_or(|last| last.span.end <= edit.span.start);
            if free && edit.span.text(source) != edit.text {
                out.push(edit);
            }
        }
        out
    }
}

/// The text with edits that stand by place and do not overlap.
pub(super) fn apply(source: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(source.len() + 64);
    let mut at = 0;
    for edit in edits {
        out.push_str(source.get(at..edit.span.start as usize).unwrap_or(""));
        out.push_str(&edit.text);
        at = edit.span.end as usize;
    }
    out.push_str(source.get(at..).unwrap_or(""));
    out
}
