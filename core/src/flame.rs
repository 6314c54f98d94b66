//! A flame graph of a run: instructions by agent, section or function, and line of the document.
//!
//! What stands in a row is a part of what stands above it, and as wide as its share of all
//! instructions. The file stands alone: style and tool tips are in it, no program.
//!
//! # Invariants
//! 1. The same counts give the same bytes.
//! 2. Parts of a frame lie side by side inside it, the largest first; what is too narrow to be seen
//!    is left out of the picture, never of the counts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use flux_system::Executed;

use crate::source::Source;

/// Width of the picture.
const WIDTH: f64 = 1200.0;
/// Height of a row.
const ROW: f64 = 22.0;
/// Space round the picture, and for the words at the top.
const MARGIN: f64 = 10.0;
const TOP: f64 = 40.0;
/// Frames narrower than this are not drawn.
const NARROWEST: f64 = 0.4;
/// Width of a letter.
const LETTER: f64 = 6.7;

/// One frame, with what it is made of.
#[derive(Debug, Default)]
struct Frame {
    count: u64,
    parts: BTreeMap<String, Frame>,
}

impl Frame {
    fn add(&mut self, path: &[String], count: u64) {
        self.count = self.count.saturating_add(count);
        if let Some((first, rest)) = path.split_first() {
            self.parts.entry(first.clone()).or_default().add(rest, count);
        }
    }

    /// Its parts, the largest first.
    fn ordered(&self) -> Vec<(&String, &Self)> {
        let mut parts: Vec<_> = self.parts.iter().collect();
        parts.sort_by_key(|(name, part)| (std::cmp::Reverse(part.count), (*name).clone()));
        parts
    }
}

/// Draws the picture of what was executed; lines are shown as they stand in `sources`.
#[must_use]
pub fn svg(executed: &BTreeMap<Executed, u64>, sources: &[Source]) -> String {
    let mut all = Frame::default();
    for (place, count) in executed {
        let path = [place.agent.clone(), place.function.clone(), line_text(place, sources)];
        all.add(&path, *count);
    }
    let height = 4.0_f64.mul_add(ROW, TOP) + MARGIN;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"ui-monospace, monospace\" font-size=\"11\">\n\
         <style>\n\
         text {{ fill: #1b1f24; pointer-events: none }} .words {{ font-size: 13px }}\n\
         rect {{ stroke: #fff; stroke-width: 0.5 }} rect:hover {{ stroke: #1b1f24; stroke-width: 1.5 }}\n\
         .row0 {{ fill: #d0d7de }} .row1 {{ fill: #ffc680 }} .row2 {{ fill: #ffa657 }} .row3 {{ fill: #ffd8a8 }}\n\
         </style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\" stroke=\"none\"/>\n\
         <text class=\"words\" x=\"{MARGIN}\" y=\"24\">{} instructions, by agent, section or function, and line</text>",
        grouped(all.count)
    );
    let inside = 2.0_f64.mul_add(-MARGIN, WIDTH);
    draw(&mut out, "all agents", &all, (MARGIN, inside), 0, all.count);
    out.push_str("</svg>\n");
    out
}

/// Draws a frame over `(left, width)` and its parts below it.
fn draw(out: &mut String, name: &str, frame: &Frame, place: (f64, f64), row: u8, all: u64) {
    let (left, width) = place;
    if width < NARROWEST {
        return;
    }
    let top = f64::from(row).mul_add(ROW, TOP);
    let (title, shown) =
        (crate::page::escape::escape(name), crate::page::escape::escape(&fitting(name, width)));
    let share = share(frame.count, all) * 100.0;
    let _ = writeln!(
        out,
        "<g><title>{title}: {} instructions, {share:.1} %</title>\
         <rect class=\"row{row}\" x=\"{left:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{ROW}\" rx=\"2\"/>\
         <text x=\"{:.1}\" y=\"{}\">{shown}</text></g>",
        grouped(frame.count),
        left + 4.0,
        top + 15.0
    );
    let mut at = left;
    for (name, part) in frame.ordered() {
        let wide = width * self::share(part.count, frame.count);
        draw(out, name, part, (at, wide), row.saturating_add(1), all);
        at += wide;
    }
}

/// A share between 0 and 1.
#[allow(clippy::cast_precision_loss, reason = "a picture needs no more than 52 bits of a count")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// As much of a name as fits, or nothing.
fn fitting(name: &str, width: f64) -> String {
    let letters = name.chars().count();
    let room = (0..=letters)
        .rev()
        .find(|count| f64::from(u32::try_from(*count).unwrap_or(u32::MAX)).mul_add(LETTER, 8.0) <= width);
    match room {
        Some(room) if room >= letters => name.to_owned(),
        Some(room) if room > 3 => name.chars().take(room.saturating_sub(1)).chain(['…']).collect(),
        _ => String::new(),
    }
}

/// `line 12: 2. If temperature > threshold:`
fn line_text(place: &Executed, sources: &[Source]) -> String {
    let source = sources.iter().find(|source| source.name == place.document);
    let text = source.map(|source| String::from_utf8_lossy(&source.bytes));
    let index = usize::try_from(place.line).ok().and_then(|line| line.checked_sub(1));
    let line = text.as_ref().zip(index).and_then(|(text, index)| text.lines().nth(index));
    match line {
        Some(line) => format!("line {}: {}", place.line, line.trim()),
        None => String::from("before the first line"),
    }
}

/// `1,234,567`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_wide_as_their_share_and_lie_side_by_side() {
        let place = |function: &str, line| Executed {
            agent: "a".into(),
            document: "a.flux.md".into(),
            function: function.into(),
            line,
        };
        let source = Source {
            name: "a.flux.md".into(),
            bytes: b"# A\n1. If 1 < 2: Log \"x\"\n2. YIELD\n".to_vec(),
            path: "a.flux.md".into(),
            bundle: None,
            missing: Vec::new(),
        };
        let counts = BTreeMap::from([(place("Loop", 2), 750), (place("Loop", 3), 250)]);
        let picture = svg(&counts, &[source]);
        assert!(
            picture.contains("line 2: 1. If 1 &lt; 2: Log &quot;x&quot;: 750 instructions, 75.0 %"),
            "{picture}"
        );
        assert!(picture.contains("x=\"10.0\" y=\"106\" width=\"885.0\""), "{picture}");
        assert!(picture.contains("x=\"895.0\" y=\"106\" width=\"295.0\""), "{picture}");
        assert!(picture.contains("1,000 instructions, by agent"), "{picture}");
        assert!(svg(&BTreeMap::new(), &[]).contains("0 instructions"));
    }
}
