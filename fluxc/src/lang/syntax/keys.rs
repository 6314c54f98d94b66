//! `key: value` lines: Compile, Agent, frontmatter and the family's forms.

use alloc::borrow::Cow;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::ast::{
    AgentKeys, CompileKeys, ExprKind, Frontmatter, Ident, KeyValue, Optimize, Spanned, Target, Topic,
};
use super::habits;
use super::nearest::nearest;
use super::number;
use crate::diag::{Diagnostic, Sink, codes};
use crate::md::{BlockKind, Blocks};
use crate::span::{Span, clamp};

/// A part of a line, as an identifier with its place.
pub(super) fn part<'s>(text: &'s str, line: &'s str, start: u32) -> Ident<'s> {
    let offset = (text.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
    let at = start.saturating_add(clamp(offset));
    Ident { text, span: Span::new(at, at.saturating_add(clamp(text.len()))) }
}

/// `key: value`, the value without a final ` (…)` and without quotes around it.
pub(super) fn key_value(line: &str, start: u32) -> Option<KeyValue<'_>> {
    let (key, value) = line.split_once(':')?;
    let key = key.trim();
    let word = |ch: char| ch.is_alphanumeric() || ch == '_' || ch == '-';
    if key.is_empty() || !key.chars().all(word) {
        return None;
    }
    let value = unquoted(without_remark(value.trim()));
    Some(KeyValue { key: part(key, line, start), value: part(value, line, start) })
}

pub(super) fn without_remark(value: &str) -> &str {
    if !value.ends_with(')') {
        return value;
    }
    match value.rfind(" (") {
        Some(at) => value.get(..at).unwrap_or(value).trim_end(),
        None => value,
    }
}

fn unquoted(value: &str) -> &str {
    let inside = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.filter(|inside| !inside.contains('"')).unwrap_or(value)
}

/// What a section of keys holds, apart from prose.
pub(super) struct KeyLines<'s> {
    pub(super) keys: Vec<KeyValue<'s>>,
    /// Items of lists that are no `key: value` lines.
    pub(super) items: Vec<Ident<'s>>,
    /// Where the keys begin that are list items.
    pub(super) listed: BTreeSet<u32>,
}

/// Collects the `key: value` lines of the blocks `from..to`.
pub(super) fn lines<'s>(
    source: &'s str,
    blocks: &Blocks,
    from: u32,
    to: u32,
    sink: &mut Sink,
) -> KeyLines<'s> {
    let mut found = KeyLines { keys: Vec::new(), items: Vec::new(), listed: BTreeSet::new() };
    let mut at = from;
    while at < to {
        let Some(block) = blocks.get(at) else { break };
        match block.kind {
            BlockKind::Paragraph => {
                paragraph(source, block.content, &mut found, sink);
                at = block.next;
            }
            BlockKind::List { .. } => {
                for (item, _) in blocks.children(at) {
                    if let Some((_, text)) =
                        blocks.children(item).next().filter(|(_, b)| b.kind == BlockKind::Paragraph)
                    {
                        let line = text.content.text(source);
                        match key_value(line, text.content.start) {
                            Some(key) if !line.contains('\n') => {
                                if sink.keep(&mut found.keys, key, text.content) {
                                    found.listed.insert(key.key.span.start);
                                }
                            }
                            _ => {
                                let item = Ident { text: line, span: text.content };
                                sink.keep(&mut found.items, item, text.content);
                            }
                        }
                    }
                }
                at = block.next;
            }
            BlockKind::SetextHeading { .. } => {
                sink.push(
                    Diagnostic::new(
                        codes::SETEXT_SECTION,
                        block.span,
                        "this text is a heading, since a line `---` or `===` is under it",
                    )
                    .label("an underlined heading")
                    .expected("`key: value` lines")
                    .hint("put an empty line above the line of dashes"),
                );
                at = block.next;
            }
            _ => at = block.next.max(at.saturating_add(1)),
        }
    }
    found
}

fn paragraph<'s>(source: &'s str, content: Span, found: &mut KeyLines<'s>, sink: &mut Sink) {
    let text = content.text(source);
    // A paragraph without any key is documentation.
    if !text.split(['\n', '\r']).any(|line| key_value(line, 0).is_some()) {
        return;
    }
    let mut start = content.start;
    for row in text.split_inclusive(['\n', '\r']) {
        let line = row.trim_end();
        match key_value(line, start) {
            Some(key) => {
                sink.keep(&mut found.keys, key, content);
            }
            // What is left of a line ending of two characters.
            None if line.is_empty() => {}
            None => {
                let line = line.trim_start();
                let span = part(line, row, start).span;
                sink.push(
                    Diagnostic::new(codes::BAD_KEY_LINE, span, "this is no `key: value` line")
                        .expected("`key: value`")
                        .hint("put an empty line between keys and text"),
                );
            }
        }
        start = start.saturating_add(clamp(row.len()));
    }
}

/// Reports a key that the section does not have.
pub(super) fn unknown(key: Ident<'_>, section: &str, known: &[&str], sink: &mut Sink) {
    let diagnostic =
        Diagnostic::new(codes::UNKNOWN_KEY, key.span, format!("{section} has no key `{}`", key.text))
            .expected(known.join(", "))
            .found(key.text);
    sink.push(match nearest(key.text, known.iter().copied()) {
        Some(near) => diagnostic.replace(format!("did you mean `{near}`?"), key.span, near),
        None => diagnostic,
    });
}

/// Where the keys of a section stand that were given, at most one for each key that there is.
pub(super) type Given<'s> = Vec<Ident<'s>>;

/// Puts a value into its place, or reports that the key was given before.
pub(super) fn once<'s, T>(
    place: &mut Option<T>,
    value: Option<T>,
    key: Ident<'s>,
    given: &mut Given<'s>,
    sink: &mut Sink,
) {
    if place.is_some() {
        let diagnostic =
            Diagnostic::new(codes::DUPLICATE_KEY, key.span, format!("`{}` is given twice", key.text));
        sink.push(match given.iter().find(|first| first.text == key.text) {
            Some(first) => diagnostic.secondary(first.span, "first here"),
            None => diagnostic,
        });
    } else if value.is_some() {
        *place = value;
        given.push(key);
    }
}

pub(super) fn bad(value: Ident<'_>, expected: &str, hint: Option<&str>, sink: &mut Sink) {
    let message = if value.text.is_empty() {
        format!("the value is missing; expected {expected}")
    } else {
        format!("`{}` is not allowed here; expected {expected}", value.text)
    };
    let diagnostic =
        Diagnostic::new(codes::BAD_VALUE, value.span, message).expected(expected).found(value.text);
    sink.push(match hint {
        // Behind the colon a space stands before the value.
        Some(hint) if value.text.is_empty() => {
            diagnostic.replace(format!("for example `{hint}`"), value.span, format!(" {hint}"))
        }
        Some(hint) => diagnostic.replace(format!("for example `{hint}`"), value.span, hint),
        None => diagnostic,
    });
}

fn text<'s>(value: Ident<'s>, expected: &str, sink: &mut Sink) -> Option<Ident<'s>> {
    if value.text.is_empty() {
        bad(value, expected, None, sink);
        return None;
    }
    Some(value)
}

/// A time, in nanoseconds, at least 1.
pub(super) fn duration(value: Ident<'_>, sink: &mut Sink) -> Option<Spanned<u64>> {
    if let Ok(ExprKind::Duration(ns)) = number_value(value.text)
        && let Ok(ns) = u64::try_from(ns)
        && ns > 0
    {
        return Some(Spanned { value: ns, span: value.span });
    }
    let meant = with_unit(value.text, "s").unwrap_or_else(|| String::from("30s"));
    bad(value, "a time above zero such as 30s or 500ms", Some(&meant), sink);
    None
}

/// `30 seconds` and `64kb` with the unit that is meant, `30` with the one that is usual.
fn with_unit(text: &str, usual: &str) -> Option<String> {
    let digits = text.find(|ch: char| !ch.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = if unit.is_empty() { usual } else { habits::unit(unit.trim())? };
    (number.bytes().any(|digit| digit != b'0')).then(|| format!("{number}{unit}"))
}

/// A whole number; sizes with a unit are bytes.
pub(super) fn whole(value: Ident<'_>, what: &str, example: &str, sink: &mut Sink) -> Option<Spanned<u64>> {
    if let Ok(ExprKind::Int(number)) = number_value(value.text) {
        return Some(Spanned { value: number, span: value.span });
    }
    let meant = with_unit(value.text, "").filter(|text| matches!(number_value(text), Ok(ExprKind::Int(_))));
    bad(value, what, Some(meant.as_deref().unwrap_or(example)), sink);
    None
}

fn number_value(text: &str) -> Result<ExprKind<'_>, ()> {
    if !text.starts_with(|ch: char| ch.is_ascii_digit()) {
        return Err(());
    }
    // `64 KB` is as good as `64KB`.
    match text.split_once(' ') {
        Some((number, unit)) => number::value(&format!("{number}{}", unit.trim())).map_err(|_| ()),
        None => number::value(text).map_err(|_| ()),
    }
}

/// `A, B` or `[A, B]`, without quotes.
pub(super) fn words<'s>(value: Ident<'s>) -> Vec<Ident<'s>> {
    let inside = value.text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let list = inside.unwrap_or(value.text);
    let parts = list.split(',').map(|word| unquoted(word.trim()));
    parts.filter(|word| !word.is_empty()).map(|word| part(word, value.text, value.span.start)).collect()
}

/// Keys of `## Compile`.
pub const COMPILE_KEYS: &[&str] = &["target", "optimize", "board", "heap", "stack", "gas"];

/// The keys of `## Compile`.
pub(super) fn compile<'s>(found: &KeyLines<'s>, keys: &mut CompileKeys<'s>, sink: &mut Sink) {
    let mut given = Given::new();
    for KeyValue { key, value } in found.keys.iter().copied() {
        let spanned = |v| Spanned { value: v, span: value.span };
        match key.text {
            "target" => {
                let target = match value.text {
                    "native" => Some(Target::Native),
                    "bytecode" => Some(Target::Bytecode),
                    "x86_64" => Some(Target::X86_64),
                    "arm64" => Some(Target::Arm64),
                    "riscv64" => Some(Target::Riscv64),
                    "wasm32" => Some(Target::Wasm32),
                    "c" => Some(Target::C),
                    _ => {
                        let expected = "native, bytecode, x86_64, arm64, riscv64, wasm32 or c";
                        bad(value, expected, Some("bytecode"), sink);
                        None
                    }
                };
                once(
                    &mut keys.target,
                    target.map(|v| Spanned { value: v, span: value.span }),
                    key,
                    &mut given,
                    sink,
                );
            }
            "optimize" => {
                let level = match value.text {
                    "-O0" => Some(Optimize::O0),
                    "-O1" => Some(Optimize::O1),
                    "-O2" => Some(Optimize::O2),
                    "-O3" => Some(Optimize::O3),
                    "-Os" => Some(Optimize::Os),
                    "-Oz" => Some(Optimize::Oz),
                    _ => {
                        bad(value, "-O0, -O1, -O2, -O3, -Os or -Oz", Some("-O2"), sink);
                        None
                    }
                };
                once(&mut keys.optimize, level.map(spanned), key, &mut given, sink);
            }
            "board" => {
                let board = text(value, "the name of a board", sink);
                once(&mut keys.board, board, key, &mut given, sink);
            }
            "heap" => {
                let size = whole(value, "a size such as 64KB", "64KB", sink);
                once(&mut keys.heap, size, key, &mut given, sink);
            }
            "stack" => {
                let size = whole(value, "a size such as 64KB", "64KB", sink);
                once(&mut keys.stack, size, key, &mut given, sink);
            }
            "gas" => {
                let expected = "a whole number of gas above zero";
                let gas = whole(value, expected, "50000000", sink).filter(|gas| {
                    if gas.value == 0 {
                        bad(value, expected, Some("50000000"), sink);
                    }
                    gas.value > 0
                });
                once(&mut keys.gas, gas, key, &mut given, sink);
            }
            _ => unknown(key, "`## Compile`", COMPILE_KEYS, sink),
        }
    }
}

/// Keys of `## Agent`.
pub const AGENT_KEYS: &[&str] =
    &["name", "version", "capabilities", "heartbeat", "period", "priority", "memory", "subscribe"];

/// The keys of `## Agent`.
pub(super) fn agent<'s>(found: &KeyLines<'s>, keys: &mut AgentKeys<'s>, sink: &mut Sink) {
    let mut capabilities: Option<Vec<Ident<'s>>> = None;
    let mut subscribe: Option<Vec<Topic<'s>>> = None;
    let mut name: Option<Ident<'s>> = None;
    let mut given = Given::new();
    for KeyValue { key, value } in found.keys.iter().copied() {
        match key.text {
            "name" => {
                let found = agent_name(value, sink);
                once(&mut name, found, key, &mut given, sink);
            }
            "version" => {
                once(&mut keys.version, text(value, "a version such as 1", sink), key, &mut given, sink)
            }
            "capabilities" => once(&mut capabilities, Some(words(value)), key, &mut given, sink),
            "heartbeat" => once(&mut keys.heartbeat, duration(value, sink), key, &mut given, sink),
            "period" => once(&mut keys.period, duration(value, sink), key, &mut given, sink),
            "priority" => {
                let number = whole(value, "a number from 0 to 255", "100", sink);
                let priority = number.and_then(|number| match u8::try_from(number.value) {
                    Ok(value) => Some(Spanned { value, span: number.span }),
                    Err(_) => {
                        bad(value, "a number from 0 to 255", Some("255"), sink);
                        None
                    }
                });
                once(&mut keys.priority, priority, key, &mut given, sink);
            }
            "memory" => {
                let size = whole(value, "a size such as 512KB", "512KB", sink);
                once(&mut keys.memory, size, key, &mut given, sink);
            }
            "subscribe" => {
                let topics = words(value)
                    .into_iter()
                    .map(|topic| Topic { name: Cow::Borrowed(topic.text), span: topic.span })
                    .collect();
                once(&mut subscribe, Some(topics), key, &mut given, sink);
            }
            _ => unknown(key, "`## Agent`", AGENT_KEYS, sink),
        }
    }
    match (name, keys.name) {
        (Some(name), Some(heading)) if name.text != heading.text => sink.push(
            Diagnostic::new(
                codes::KEYS_DISAGREE,
                name.span,
                "the name here and in the heading are not the same",
            )
            .label("here")
            .secondary(heading.span, "in the heading")
            .hint("leave this line out: the heading names the agent"),
        ),
        (Some(name), _) => keys.name = Some(name),
        (None, _) => {}
    }
    keys.capabilities = capabilities.unwrap_or_default();
    keys.subscribe = subscribe.unwrap_or_default();
}

/// A name of letters, digits, `-` and `_`.
pub(super) fn agent_name<'s>(value: Ident<'s>, sink: &mut Sink) -> Option<Ident<'s>> {
    let good = |ch: char| ch.is_alphanumeric() || ch == '-' || ch == '_';
    let starts = value.text.starts_with(|ch: char| ch.is_alphabetic());
    if starts && !value.text.ends_with('-') && value.text.chars().all(good) {
        return Some(value);
    }
    let joined = value.text.split_whitespace().collect::<Vec<_>>().join("-");
    let joined = joined.trim_start_matches(|ch: char| !ch.is_alphabetic()).trim_end_matches('-');
    let example = if !joined.is_empty() && joined.chars().all(good) { joined } else { "temp-monitor" };
    bad(value, "a name of letters, digits, `-` and `_`", Some(example), sink);
    None
}

const FRONTMATTER: &[&str] = &["flux", "agent", "capabilities", "trust", "tiles", "dependencies"];

/// The version of the language that this compiler reads.
const LANGUAGE_VERSION: &str = "1";

/// The frontmatter between its two `---` lines.
pub(super) fn frontmatter<'s>(source: &'s str, span: Span, sink: &mut Sink) -> Frontmatter<'s> {
    let mut front = Frontmatter { span: Some(span), ..Frontmatter::default() };
    let mut start = span.start;
    // The list key that `- item` lines belong to.
    let mut list: Option<&str> = None;
    let mut given = Given::new();
    for row in span.text(source).split_inclusive(['\n', '\r']) {
        let at = start;
        start = start.saturating_add(clamp(row.len()));
        let line = row.split(" #").next().unwrap_or(row).trim_end();
        if line.is_empty() || line == "---" || line == "..." || line.trim_start().starts_with('#') {
            continue;
        }
        if let Some(entry) = line.trim_start().strip_prefix("- ") {
            let entry = part(unquoted(entry.trim()), row, at);
            match list {
                Some("capabilities") => {
                    sink.keep(&mut front.capabilities, entry, entry.span);
                }
                Some("tiles") => {
                    sink.keep(&mut front.tiles, entry, entry.span);
                }
                Some("dependencies") => {
                    sink.keep(&mut front.dependencies, entry, entry.span);
                }
                // A list under a key that is not ours.
                Some(_) => {}
                None => bad_row(part(line, row, at).span, sink),
            }
            continue;
        }
        if line.starts_with([' ', '\t']) && list.is_some() {
            continue;
        }
        let Some(KeyValue { key, value }) = key_value(line, at) else {
            bad_row(part(line, row, at).span, sink);
            continue;
        };
        list = Some(key.text);
        match key.text {
            "flux" => {
                if !matches!(value.text, LANGUAGE_VERSION | "1.0") {
                    bad(value, "the version of the language, which is 1", Some(LANGUAGE_VERSION), sink);
                }
                once(&mut front.flux, Some(value), key, &mut given, sink);
            }
            "agent" => {
                let name = agent_name(value, sink);
                once(&mut front.agent, name, key, &mut given, sink);
            }
            "trust" => {
                let trust = value.text.parse::<f64>().ok().filter(|t| (0.0..=1.0).contains(t));
                if trust.is_none() {
                    bad(value, "a number from 0 to 1", Some("0.5"), sink);
                }
                let trust = trust.map(|value_| Spanned { value: value_, span: value.span });
                once(&mut front.trust, trust, key, &mut given, sink);
            }
            "capabilities" => front.capabilities.append(&mut words(value)),
            "tiles" => front.tiles.append(&mut words(value)),
            "dependencies" => front.dependencies.append(&mut words(value)),
            other => {
                // Frontmatter is shared with other tools, so only a slip is worth a word.
                if let Some(near) = nearest(other, FRONTMATTER.iter().copied()) {
                    sink.push(
                        Diagnostic::new(
                            codes::FRONTMATTER_KEY,
                            key.span,
                            format!("`{other}` is no key of the language"),
                        )
                        .replace(format!("did you mean `{near}`?"), key.span, near),
                    );
                }
            }
        }
    }
    front
}

fn bad_row(span: Span, sink: &mut Sink) {
    sink.push(
        Diagnostic::new(codes::FRONTMATTER_SYNTAX, span, "this line of the frontmatter is not understood")
            .expected("`key: value`, `key: [a, b]` or `- item` lines"),
    );
}
