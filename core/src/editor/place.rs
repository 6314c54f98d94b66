//! Where in a document an offset is: its word, its line, its section.

use flux_fluxc::span::Span;

/// The text of a line up to `offset`, and the line's start.
pub(super) fn line_before(text: &str, offset: u32) -> (&str, u32) {
    let mut at = (offset as usize).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = text.get(..at).unwrap_or("");
    let start = before.rfind(['\n', '\r']).map_or(0, |end| end + 1);
    (before.get(start..).unwrap_or(""), u32::try_from(start).unwrap_or(u32::MAX))
}

fn is_word(ch: char) -> bool {
    ch.is_alphanumeric() || ch == '_'
}

/// The word round `offset`.
pub(super) fn word_at(text: &str, offset: u32) -> Option<Span> {
    let at = (offset as usize).min(text.len());
    if !text.is_char_boundary(at) {
        return None;
    }
    let (before, after) = text.split_at(at);
    let start = at - before.chars().rev().take_while(|ch| is_word(*ch)).map(char::len_utf8).sum::<usize>();
    let end = at + after.chars().take_while(|ch| is_word(*ch)).map(char::len_utf8).sum::<usize>();
    (start < end).then(|| Span::from_usize(start, end))
}

/// The text of a line behind its list marker: `Read …` in `1. Read …`. `None` if it has none.
pub(super) fn step_text(line: &str) -> Option<&str> {
    let rest = line.trim_start();
    let digits = rest.len() - rest.trim_start_matches(|ch: char| ch.is_ascii_digit()).len();
    let after = match digits {
        0 => rest.strip_prefix(['-', '*', '+'])?,
        _ => rest.get(digits..)?.strip_prefix(['.', ')'])?,
    };
    after.strip_prefix(' ').map(str::trim_start)
}

/// Tells whether a word begins a step, or what follows the colon of one.
pub(super) fn is_first_word(text: &str, word: Span) -> bool {
    let (line, _) = line_before(text, word.start);
    step_text(line).is_some_and(|step| step.is_empty() || step.ends_with(": "))
}

/// What kind of lines a section holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Lines {
    Steps,
    AgentKeys,
    CompileKeys,
    Supervise,
    Entries,
    Code,
    Prose,
}

/// The section round an offset: what its lines are, and the agent it belongs to is left to the index.
pub(super) fn lines_at(text: &str, offset: u32) -> Lines {
    let (_, start) = line_before(text, offset);
    let before = text.get(..start as usize).unwrap_or("");
    let mut lines = Lines::Prose;
    let mut fence: Option<&str> = None;
    for line in before.lines() {
        let trimmed = line.trim_start();
        if let Some(mark) = fence {
            if trimmed.starts_with(mark) {
                fence = None;
            }
            continue;
        }
        if let Some(mark) = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark)) {
            fence = Some(mark);
            continue;
        }
        let heading = line.strip_prefix("## ").or_else(|| line.strip_prefix("### "));
        if let Some(heading) = heading {
            lines = of_heading(heading.trim());
        }
    }
    if fence.is_some() { Lines::Code } else { lines }
}

fn of_heading(heading: &str) -> Lines {
    let lower = heading.to_lowercase();
    match lower.as_str() {
        "agent" => Lines::AgentKeys,
        "compile" => Lines::CompileKeys,
        "supervise" => Lines::Supervise,
        "config" | "state" => Lines::Entries,
        "init" | "loop" => Lines::Steps,
        other if ["every ", "on ", "test ", "migrate "].iter().any(|word| other.starts_with(word)) => {
            Lines::Steps
        }
        _ => Lines::Prose,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_what_stands_behind_the_marker() {
        assert_eq!(step_text("12. Read x"), Some("Read x"));
        assert_eq!(step_text("   - "), Some(""));
        assert_eq!(step_text("prose"), None);
        assert_eq!(step_text("1.5 metres"), None);
    }

    #[test]
    fn a_fence_hides_headings() {
        let text = "## Loop\n1. x\n```flux\n## Agent\n";
        assert_eq!(lines_at(text, 12), Lines::Steps);
        assert_eq!(lines_at(text, u32::try_from(text.len()).unwrap()), Lines::Code);
    }

    #[test]
    fn words_are_found_round_and_behind_the_cursor() {
        let text = "ä temp_1 x";
        assert_eq!(word_at(text, 3).map(|span| span.text(text)), Some("temp_1"));
        assert_eq!(word_at(text, 9).map(|span| span.text(text)), Some("temp_1"));
        assert_eq!(word_at(text, 1), None);
    }
}
