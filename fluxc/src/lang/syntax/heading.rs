//! Which section of the language a heading opens.

use alloc::format;
use alloc::string::String;

use super::ast::Direction;
use super::habits;
use super::nearest::distance;
use crate::span::{Span, clamp};

/// A heading's meaning; spans are what follows the keyword.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Compile,
    Agent,
    Config,
    State,
    Init,
    Loop,
    Types,
    Supervise,
    Every(Span),
    On(Span),
    Topic(Span),
    Fn(Span),
    Test(Span),
    Migrate(Direction, Span),
    SubAgent(Span),
    Tile(Span),
    Region(Span),
    Import(Span),
    Export(Span),
    /// Documentation.
    Prose,
}

const PLAIN: &[(&str, Kind)] = &[
    ("Compile", Kind::Compile),
    ("Agent", Kind::Agent),
    ("Config", Kind::Config),
    ("State", Kind::State),
    ("Init", Kind::Init),
    ("Loop", Kind::Loop),
    ("Types", Kind::Types),
    ("Supervise", Kind::Supervise),
];

/// How the headings of sections are written, and what each holds.
pub const SECTION_FORMS: &[(&str, &str)] = &[
    ("Agent", "name, capabilities, period and other keys"),
    ("Config", "parameters with defaults"),
    ("State", "variables that outlive a run"),
    ("Init", "steps, run once"),
    ("Loop", "steps, run for ever"),
    ("Every 60s", "steps, run on a timer"),
    ("On request(value: int) -> int", "steps that answer a message"),
    ("On topic \"name\" (value: f64)", "steps for an event of a topic"),
    ("fn: name(value: f64) -> f64", "a function in a fence"),
    ("Types", "structs, enums, constants and functions in a fence"),
    ("Test \"what it shows\"", "steps that check the document"),
    ("Compile", "target, optimize, gas and other keys"),
    ("Migrate from 1", "new state from that of an older version"),
    ("Migrate back to 1", "the older state from the new one"),
    ("Supervise", "children and what happens when one fails"),
    ("agent: name", "a further agent, its sections at level 3"),
    ("import: path", "another document"),
    ("export: name", "a function that others may call"),
    ("tile: name", "a reusable module"),
    ("region: name", "a memory region"),
];

impl Kind {
    /// Tells whether sections of this kind belong to one agent rather than to the document.
    pub(super) const fn of_agent(self) -> bool {
        matches!(
            self,
            Self::Agent
                | Self::Config
                | Self::State
                | Self::Init
                | Self::Loop
                | Self::Supervise
                | Self::Every(_)
                | Self::On(_)
                | Self::Topic(_)
                | Self::Migrate(..)
        )
    }

    /// A small number for kinds that occur once for each agent.
    pub(super) const fn once(self) -> Option<usize> {
        match self {
            Self::Compile => Some(0),
            Self::Agent => Some(1),
            Self::Config => Some(2),
            Self::State => Some(3),
            Self::Init => Some(4),
            Self::Loop => Some(5),
            Self::Supervise => Some(6),
            _ => None,
        }
    }

    /// Number of kinds that occur once.
    pub(super) const ONCE: usize = 7;
}

/// What the heading with this text means.
pub(super) fn kind(source: &str, content: Span) -> Kind {
    let text = content.text(source);
    if let Some((_, kind)) = PLAIN.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        return *kind;
    }
    let rest = |len: usize| -> Span {
        let rest = text.get(len..).unwrap_or("");
        let lead = rest.len().saturating_sub(rest.trim_start().len());
        let start = content.start.saturating_add(clamp(len)).saturating_add(clamp(lead));
        Span::new(start, content.end)
    };
    let starts =
        |prefix: &str| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let first_after = |len: usize| text.get(len..).and_then(|r| r.trim_start().chars().next());
    let label = |name: &str| starts(name).then(|| rest(name.len()));
    let labelled = (label("fn:").map(Kind::Fn))
        .or_else(|| label("agent:").map(Kind::SubAgent))
        .or_else(|| label("tile:").map(Kind::Tile))
        .or_else(|| label("region:").map(Kind::Region))
        .or_else(|| label("import:").map(Kind::Import))
        .or_else(|| label("export:").map(Kind::Export));
    if let Some(kind) = labelled {
        return kind;
    }
    if starts("Every ") && first_after(6).is_some_and(|ch| ch.is_ascii_digit()) {
        return Kind::Every(rest(6));
    }
    if starts("On topic") && first_after(8) == Some('"') {
        return Kind::Topic(rest(8));
    }
    if starts("On ") {
        let request = text.get(3..).unwrap_or("").trim_start();
        let len = request.find(|ch: char| !ch.is_alphanumeric() && ch != '_').unwrap_or(request.len());
        if len > 0 && request.get(len..).is_some_and(|after| after.starts_with('(')) {
            return Kind::On(rest(3));
        }
    }
    if starts("Test") && first_after(4) == Some('"') {
        return Kind::Test(rest(4));
    }
    if starts("Migrate from ") {
        return Kind::Migrate(Direction::From, rest(13));
    }
    if starts("Migrate back to ") {
        return Kind::Migrate(Direction::BackTo, rest(16));
    }
    Kind::Prose
}

/// The heading that one of prose was meant to be, and what keeps it from being a section.
///
/// `Every minute`, `On topic alerts`, `On get -> int`, `Test heats`, `fn twice(n: int) -> int`.
/// `Test` is a common word of prose, so that a step of tests must be in the text `below`.
pub(super) fn meant(text: &str, below: &str) -> Option<(String, &'static str)> {
    let (first, rest) = text.split_once(' ')?;
    let rest = rest.trim();
    let is = |word: &str| first.eq_ignore_ascii_case(word);
    let name = |text: &str| !text.is_empty() && text.chars().all(|ch| ch.is_alphanumeric() || ch == '_');
    if is("Every") {
        let unit = habits::unit(rest)?;
        return Some((format!("Every 1{unit}"), "a number begins the time of a section `Every`"));
    }
    if is("Test") && has_test_steps(below) {
        return Some((format!("Test \"{rest}\""), "the name of a test stands in quotes"));
    }
    if is("fn") && rest.contains('(') {
        return Some((format!("fn: {rest}"), "a colon stands behind `fn`"));
    }
    if !is("On") {
        return None;
    }
    if let Some(topic) = rest.strip_prefix("topic ").map(str::trim)
        && !topic.is_empty()
        && !topic.contains(char::is_whitespace)
    {
        return Some((format!("On topic \"{topic}\""), "the topic stands in quotes"));
    }
    let (request, answer) = rest.split_once("->").map_or((rest, None), |(name, ty)| (name.trim(), Some(ty)));
    name(request).then(|| {
        let answer = answer.map_or_else(String::new, |ty| format!(" -> {}", ty.trim()));
        (format!("On {request}(){answer}"), "the request has no parentheses")
    })
}

/// Tells whether an item of a list before the next heading begins as a step of tests does.
fn has_test_steps(below: &str) -> bool {
    let lines = below.lines().skip(1).take(40).take_while(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.trim_start().split_once(' ')).any(|(marker, step)| {
        let item = marker == "-" || marker == "*" || marker.ends_with('.');
        item && ["Given", "When", "Expect"].iter().any(|word| step.trim_start().starts_with(word))
    })
}

/// The section heading that a heading of prose is near to, with what to write.
pub(super) fn near(text: &str) -> Option<&'static str> {
    let text = text.trim_end_matches(':');
    PLAIN.iter().map(|(name, _)| *name).find(|name| {
        text.len() >= 3 && name.len() >= 4 && distance(text, name).is_some_and(|edits| edits <= 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_heading_opens_a_section() {
        for (form, _) in SECTION_FORMS {
            assert_ne!(kind(form, Span::from_usize(0, form.len())), Kind::Prose, "{form}");
        }
    }
}
