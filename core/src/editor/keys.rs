//! What the keys of sections mean, for people who point at them.

use flux_abi::supervise::{Restart, Strategy};
use flux_fluxc::span::Span;

use super::place::{Lines, line_before, lines_at};

type Rows = &'static [(&'static str, &'static str)];

const AGENT: Rows = &[
    ("name", "under which other agents reach it; the document's name if it is left out"),
    ("version", "of the program, as `1.2`; what migrations of State go by"),
    ("capabilities", "kinds of rights that it is started with, as `IO_READ, NETWORK`"),
    ("heartbeat", "time between two signs of life, as `30s`; none if it is left out"),
    ("period", "time between two passes of Loop, 1s if it is left out"),
    ("priority", "0 to 255, higher runs first; 128 if it is left out"),
    ("memory", "bytes that it may use, as `64KB`; 1 MiB if it is left out"),
    ("subscribe", "topics whose events it gets from the start, with commas"),
];

const COMPILE: Rows = &[
    ("target", "what `flux build` makes"),
    ("optimize", "how hard `flux build` optimises, as `-O2` or `-Os`"),
    ("board", "the board that it is for"),
    ("heap", "bytes for growing values"),
    ("stack", "slots of the stack"),
    ("gas", "work between two waits, after which the agent is stopped"),
];

const SUPERVISE: Rows = &[
    (
        "strategy",
        "who is started again beside the agent that ended: one-for-one, one-for-all or rest-for-one",
    ),
    ("restarts", "how often in a time, `at most 3 in 60s`; one end more is a failure of this agent itself"),
    ("wait", "before an agent is started again, `100ms` or `100ms, doubling up to 10s`"),
];

/// What is said of a key, or of a value that has a name, and where it stands.
pub(super) fn hover(text: &str, offset: u32) -> Option<(String, Span)> {
    let lines = lines_at(text, offset);
    let rows = match lines {
        Lines::AgentKeys => AGENT,
        Lines::CompileKeys => COMPILE,
        Lines::Supervise => SUPERVISE,
        _ => return None,
    };
    let (span, word) = hyphenated(text, offset)?;
    let (before, _) = line_before(text, span.start);
    if before.trim_start_matches([' ', '-', '*', '+']).is_empty() {
        let (_, meaning) = rows.iter().find(|(key, _)| *key == word)?;
        return Some((format!("**{word}** — {meaning}"), span));
    }
    let strategy = || Strategy::from_name(word).map(Strategy::meaning);
    let meaning = strategy().or_else(|| Restart::from_name(word).map(Restart::meaning));
    let meaning = meaning.filter(|_| lines == Lines::Supervise)?;
    Some((format!("**{word}** — {meaning}"), span))
}

/// The word round an offset, hyphens included.
fn hyphenated(text: &str, offset: u32) -> Option<(Span, &str)> {
    let at = offset as usize;
    let (before, after) = (text.get(..at)?, text.get(at..)?);
    let is_word = |ch: char| ch.is_alphanumeric() || ch == '_' || ch == '-';
    let start = before.rfind(|ch| !is_word(ch)).map_or(0, |last| {
        last + before.get(last..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
    });
    let end = at + after.find(|ch| !is_word(ch)).unwrap_or(after.len());
    let word = text.get(start..end)?;
    (!word.is_empty()).then(|| (Span::from_usize(start, end), word))
}

#[cfg(test)]
mod tests {
    use flux_fluxc::lang::syntax::{AGENT_KEYS, COMPILE_KEYS, SUPERVISE_KEYS};

    use super::*;

    fn at(text: &str, needle: &str) -> Option<String> {
        let offset = u32::try_from(text.find(needle).unwrap() + 1).unwrap();
        hover(text, offset).map(|(shown, _)| shown)
    }

    #[test]
    fn every_key_is_explained_where_it_stands() {
        for (heading, keys) in
            [("Agent", AGENT_KEYS), ("Compile", COMPILE_KEYS), ("Supervise", SUPERVISE_KEYS)]
        {
            for key in keys {
                let text = format!("# T\n## {heading}\n{key}: x\n");
                let shown = at(&text, &format!("{key}:")).unwrap_or_else(|| panic!("{heading} {key}"));
                assert!(
                    shown.starts_with(&format!("**{key}** — ")) && shown.len() > key.len() + 15,
                    "{shown}"
                );
            }
        }
    }

    #[test]
    fn strategies_and_kinds_of_restart_are_explained() {
        let text = "## Supervise\nstrategy: one-for-all\n\n- pump: on-failure\n";
        assert!(at(text, "one-for").unwrap().contains(Strategy::OneForAll.meaning()));
        assert!(at(text, "on-failure").unwrap().contains(Restart::OnFailure.meaning()));
        assert_eq!(at(text, "pump"), None);
        assert_eq!(at("## Loop\n1. Set wait to 1\n", "wait"), None);
    }
}
