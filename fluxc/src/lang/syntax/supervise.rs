//! `## Supervise`: `key: value` lines, and a list of the children.
//!
//! ```markdown
//! ## Supervise
//! strategy: one-for-one
//! restarts: at most 3 in 60s
//! wait: 100ms, doubling up to 10s
//!
//! - meter
//! - pump: always
//! ```

use alloc::format;
use alloc::string::String;

use flux_abi::supervise::{MOST_RESTARTS, Restart, Strategy};

use super::ast::{BackOff, Ident, Intensity, KeyValue, Spanned, Supervise, SupervisedChild};
use super::keys::{Given, KeyLines, bad, duration, once, part, unknown, without_remark};
use super::nearest::nearest;
use crate::diag::{Diagnostic, Sink, codes};
use crate::span::Span;

/// Keys of `## Supervise`.
pub const SUPERVISE_KEYS: &[&str] = &["strategy", "restarts", "wait"];

/// How restarts are limited.
const RESTARTS_FORM: &str = "a number of restarts in a time, `at most 3 in 60s`";
/// How waits are written.
const WAIT_FORM: &str = "a time such as 100ms, or `100ms, doubling up to 10s`";

/// What the lines of a section say.
pub(super) fn supervise<'s>(heading: Span, found: &KeyLines<'s>, sink: &mut Sink) -> Supervise<'s> {
    let mut section =
        Supervise { heading, strategy: None, restarts: None, wait: None, children: alloc::vec::Vec::new() };
    let mut given = Given::new();
    for KeyValue { key, value } in found.keys.iter().copied() {
        match key.text {
            "strategy" => once(&mut section.strategy, strategy(value, sink), key, &mut given, sink),
            "restarts" => once(&mut section.restarts, intensity(value, sink), key, &mut given, sink),
            "wait" => once(&mut section.wait, back_off(value, sink), key, &mut given, sink),
            _ if found.listed.contains(&key.span.start) => {
                let restart = restart(value, sink).unwrap_or(Restart::OnFailure);
                sink.keep(&mut section.children, SupervisedChild { name: key, restart }, key.span);
            }
            _ => unknown(key, "`## Supervise`", SUPERVISE_KEYS, sink),
        }
    }
    for item in &found.items {
        let name = part(without_remark(item.text.trim()), item.text, item.span.start);
        if name.text.contains(char::is_whitespace) {
            no_child(name, sink);
        } else {
            let child = SupervisedChild { name, restart: Restart::OnFailure };
            sink.keep(&mut section.children, child, name.span);
        }
    }
    section.children.sort_by_key(|child| child.name.span.start);
    section
}

/// A list item that is no name.
fn no_child(item: Ident<'_>, sink: &mut Sink) {
    let mut words = item.text.split_whitespace().map(|word| word.trim_end_matches(','));
    let (name, last) = (words.next().unwrap_or(""), words.next_back().unwrap_or(""));
    let row = Diagnostic::new(codes::BAD_VALUE, item.span, format!("`{}` names no child", item.text))
        .expected("`- meter` or `- meter: always`")
        .found(item.text);
    sink.push(match Restart::from_name(last) {
        Some(restart) => {
            let meant = format!("{name}: {}", restart.name());
            row.replace(format!("with a colon: `{meant}`"), item.span, meant)
        }
        None => row.hint("each item is the name of an agent that a step here spawns"),
    });
}

/// A choice by its name; what comes near it is shown.
fn strategy(value: Ident<'_>, sink: &mut Sink) -> Option<Spanned<Strategy>> {
    if let Some(found) = Strategy::from_name(value.text) {
        return Some(Spanned { value: found, span: value.span });
    }
    let example =
        meant(value.text, Strategy::ALL.iter().map(|kind| kind.name())).unwrap_or(Strategy::OneForOne.name());
    bad(value, "one-for-one, one-for-all or rest-for-one", Some(example), sink);
    None
}

fn restart(value: Ident<'_>, sink: &mut Sink) -> Option<Restart> {
    let found = Restart::from_name(value.text);
    if found.is_none() {
        let example =
            meant(value.text, Restart::ALL.iter().map(|kind| kind.name())).unwrap_or(Restart::Always.name());
        bad(value, "on-failure, always or never", Some(example), sink);
    }
    found
}

/// The name that is meant by one with spaces, capitals or a slip.
fn meant(text: &str, names: impl Iterator<Item = &'static str> + Clone) -> Option<&'static str> {
    let joined = text.split_whitespace().collect::<alloc::vec::Vec<_>>().join("-").to_lowercase();
    let near = nearest(&joined, names.clone())?;
    names.into_iter().find(|name| *name == near)
}

/// `at most 3 in 60s`.
fn intensity(value: Ident<'_>, sink: &mut Sink) -> Option<Intensity> {
    let text = value.text.strip_prefix("at most ").unwrap_or(value.text);
    let Some((count, time)) = text.split_once(" in ") else {
        let number = text.trim().parse::<u32>().ok().filter(|number| *number > 0);
        let example = format!("at most {} in 60s", number.unwrap_or(3));
        bad(value, RESTARTS_FORM, Some(&example), sink);
        return None;
    };
    let count = count.trim().trim_end_matches(" times").trim_end_matches(" restarts");
    let count = part(count, value.text, value.span.start);
    let restarts = count.text.parse::<u32>().ok().filter(|number| (1..=MOST_RESTARTS).contains(number));
    if restarts.is_none() {
        let example = if count.text.parse::<u64>().is_ok_and(|number| number > 0) { "1000" } else { "3" };
        bad(count, &format!("a number of restarts from 1 to {MOST_RESTARTS}"), Some(example), sink);
    }
    let window = duration(part(time.trim(), value.text, value.span.start), sink)?;
    Some(Intensity { restarts: restarts?, window_ns: window.value })
}

/// `100ms`, or `100ms, doubling up to 10s`.
fn back_off(value: Ident<'_>, sink: &mut Sink) -> Option<BackOff> {
    let (first, rest) = match value.text.split_once(',') {
        Some((first, rest)) => (first.trim(), Some(rest.trim())),
        None => (value.text, None),
    };
    let at = |text| part(text, value.text, value.span.start);
    let Some(rest) = rest else {
        if first.contains(" doubling ") {
            bad(value, WAIT_FORM, Some("100ms, doubling up to 10s"), sink);
            return None;
        }
        let first_ns = wait(at(first), sink)?;
        return Some(BackOff { first_ns, longest_ns: first_ns });
    };
    let Some(longest) = rest.strip_prefix("doubling up to ") else {
        bad(value, WAIT_FORM, Some("100ms, doubling up to 10s"), sink);
        return None;
    };
    let longest = at(longest.trim());
    let first_ns = wait(at(first), sink);
    let longest_ns = duration(longest, sink)?.value;
    let first_ns = first_ns?;
    if longest_ns < first_ns {
        let expected = String::from("a time that is not shorter than the first wait");
        bad(longest, &expected, Some(first), sink);
        return None;
    }
    Some(BackOff { first_ns, longest_ns })
}

/// A first wait; one without a unit is most often meant in milliseconds.
fn wait(value: Ident<'_>, sink: &mut Sink) -> Option<u64> {
    let bare = !value.text.is_empty() && value.text.bytes().all(|digit| digit.is_ascii_digit());
    if bare && value.text.bytes().any(|digit| digit != b'0') {
        let meant = format!("{}ms", value.text);
        bad(value, "a time with its unit, such as 100ms or 2s", Some(&meant), sink);
        return None;
    }
    duration(value, sink).map(|wait| wait.value)
}
