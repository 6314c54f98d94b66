//! The layout of `key: value` lines.

use flux_fluxc::lang::syntax::Outline;
use flux_fluxc::md::{BlockKind, Blocks};
use flux_fluxc::span::Span;

use super::edit::Edits;
use super::list::lines_of;

/// Lays out the lines of one section.
pub(super) fn section(source: &str, blocks: &Blocks, section: &Outline, edits: &mut Edits) {
    let mut at = section.from;
    while at < section.to {
        let Some(block) = blocks.get(at) else { break };
        match block.kind {
            BlockKind::Paragraph => {
                let rows = lines_of(source, block.span);
                // A paragraph of another kind is documentation.
                if rows.iter().all(|row| key_value(row.text(source)).is_some()) {
                    for row in rows {
                        line(source, row, edits);
                    }
                }
            }
            BlockKind::List { .. } => {
                for (item, _) in blocks.children(at) {
                    let Some((_, text)) = blocks.children(item).next() else { continue };
                    if text.kind == BlockKind::Paragraph && !text.span.text(source).contains(['\n', '\r']) {
                        line(source, text.span, edits);
                    }
                }
            }
            _ => {}
        }
        at = block.next.max(at.saturating_add(1));
    }
}

/// Key and value of a line.
fn key_value(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text.split_once(':')?;
    let key = key.trim();
    let word = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    word.then(|| (key, value.trim()))
}

fn line(source: &str, span: Span, edits: &mut Edits) {
    let Some((key, value)) = key_value(span.text(source)) else { return };
    let value = if key == "capabilities" { commas(value) } else { value.to_owned() };
    edits.replace(span, format!("{key}: {value}").trim_end().to_owned());
}

/// A list with one space after each comma; a remark in parentheses stays.
fn commas(value: &str) -> String {
    let (list, remark) = value.find('(').map_or((value, ""), |at| value.split_at(at));
    let words: Vec<&str> = list.trim_end().split(',').map(str::trim).collect();
    let list = words.join(", ");
    if remark.is_empty() { list } else { format!("{list} {remark}") }
}
