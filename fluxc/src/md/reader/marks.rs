//! Marks at the start of a line: list markers, headings, fences, underlines, breaks.

use crate::span::{Span, clamp};

#[derive(Clone, Copy)]
pub(super) struct Marker {
    /// `-`, `*`, `+`, `.` or `)`: items of one list have the same.
    pub(super) byte: u8,
    /// Bytes of the marker.
    pub(super) len: usize,
}

impl Marker {
    pub(super) const fn ordered(self) -> bool {
        matches!(self.byte, b'.' | b')')
    }
}

pub(super) fn list_marker(text: &[u8], interrupts_paragraph: bool) -> Option<Marker> {
    let first = *text.first()?;
    let (marker, number) = match first {
        b'-' | b'*' | b'+' => (Marker { byte: first, len: 1 }, None),
        b'0'..=b'9' => {
            let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let byte = *text.get(digits)?;
            if digits > 9 || !matches!(byte, b'.' | b')') {
                return None;
            }
            (Marker { byte, len: digits.saturating_add(1) }, text.get(..digits))
        }
        _ => return None,
    };
    let after = text.get(marker.len..)?;
    if !matches!(after.first(), None | Some(b' ' | b'\t')) {
        return None;
    }
    if interrupts_paragraph {
        let one = number.is_none_or(
            |digits| matches!(digits.split_last(), Some((b'1', rest)) if rest.iter().all(|d| *d == b'0')),
        );
        if !one || after.iter().all(|byte| byte.is_ascii_whitespace()) {
            return None;
        }
    }
    Some(marker)
}

pub(super) fn atx_level(text: &[u8]) -> Option<u8> {
    let level = text.iter().take_while(|byte| **byte == b'#').count();
    let ends = matches!(text.get(level), None | Some(b' ' | b'\t'));
    if ends && (1..=6).contains(&level) { u8::try_from(level).ok() } else { None }
}

/// The text of a heading: white space and a closing run of `#` taken off.
pub(super) fn heading_content(inside: &[u8], start: u32) -> Span {
    let lead = inside.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let mut text = inside.trim_ascii_end();
    let hashes = text.iter().rev().take_while(|byte| **byte == b'#').count();
    let before = text.get(..text.len().saturating_sub(hashes)).unwrap_or(&[]);
    if before.is_empty() || before.last().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
        text = before.trim_ascii_end();
    }
    let end = start.saturating_add(clamp(text.len()));
    let start = start.saturating_add(clamp(lead));
    Span::new(start.min(end), end)
}

pub(super) fn opens_fence(text: &[u8], byte: u8) -> Option<usize> {
    let len = text.iter().take_while(|b| **b == byte).count();
    let info = text.get(len..).unwrap_or(&[]);
    if len < 3 || (byte == b'`' && info.contains(&b'`')) { None } else { Some(len) }
}

pub(super) fn closes_fence(text: &[u8], byte: u8, len: usize) -> bool {
    let run = text.iter().take_while(|b| **b == byte).count();
    run >= len && text.get(run..).unwrap_or(&[]).iter().all(|byte| matches!(byte, b' ' | b'\t'))
}

pub(super) fn is_setext_underline(text: &[u8], byte: u8) -> bool {
    let run = text.iter().take_while(|b| **b == byte).count();
    text.get(run..).unwrap_or(&[]).iter().all(|byte| matches!(byte, b' ' | b'\t'))
}

pub(super) fn is_thematic_break(text: &[u8], byte: u8) -> bool {
    let mut count = 0_usize;
    for b in text {
        if *b == byte {
            count = count.saturating_add(1);
        } else if !matches!(b, b' ' | b'\t') {
            return false;
        }
    }
    count >= 3
}
