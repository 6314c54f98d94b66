//! What may be typed next at a place.

use flux_abi::capability::CapabilityKind;
use flux_abi::device::{ArgumentNeed, DEVICE_KINDS, DeviceKindInfo, DeviceValue, Numbering};
use flux_abi::supervise::{Restart, Strategy};
use flux_fluxc::lang::syntax;
use flux_fluxc::span::Span;

use super::index::{Index, SymbolKind};
use super::place::{Lines, line_before, lines_at, step_text};

/// What a completion is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CompletionKind {
    /// A step or heading with its form.
    Form,
    /// A name of the document.
    Name(SymbolKind),
    /// A key of a section.
    Key,
    /// A value from a fixed list.
    Value,
    /// A device phrase.
    Device,
}

/// One thing that may be typed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Completion {
    /// What people choose by.
    pub label: String,
    /// What is put into the text.
    pub insert: String,
    /// A line about it.
    pub detail: String,
    /// What it is.
    pub kind: CompletionKind,
    /// The bytes that it replaces.
    pub replace: Span,
}

/// Types that a person may write.
const TYPES: [&str; 16] = [
    "int",
    "f64",
    "bool",
    "str",
    "duration",
    "i8",
    "i16",
    "i32",
    "u8",
    "u16",
    "u32",
    "u64",
    "f32",
    "bytes",
    "agent",
    "capability",
];

/// What may be typed at `offset`.
#[must_use]
pub fn complete(text: &str, index: &Index, offset: u32) -> Vec<Completion> {
    let (line, start) = line_before(text, offset);
    let mut list = List { found: Vec::new(), replace: typed(line, start) };
    if let Some(heading) = line.strip_prefix("##") {
        list.headings(heading, Span::new(start, start.saturating_add(length(line))));
        return list.found;
    }
    match lines_at(text, offset) {
        Lines::AgentKeys if line.trim_start().starts_with("capabilities:") => list.capabilities(),
        Lines::AgentKeys if !line.contains(':') => list.keys(syntax::AGENT_KEYS),
        Lines::CompileKeys if !line.contains(':') => list.keys(syntax::COMPILE_KEYS),
        Lines::Supervise => list.supervise(line, text),
        Lines::Entries if line.contains(':') && !line.contains('=') => list.types(index),
        Lines::Steps => {
            if let Some(step) = step_text(line) {
                list.step(step, index, offset);
            }
        }
        Lines::Code => {
            list.names(index, offset);
            list.types(index);
        }
        _ => {}
    }
    list.found
}

fn length(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

/// Names of agents that steps of the document spawn.
fn spawned(text: &str) -> Vec<(&str, &str)> {
    let mut names: Vec<(&str, &str)> = Vec::new();
    for line in text.lines() {
        let mut words =
            line.split_whitespace().skip_while(|word| !word.eq_ignore_ascii_case("spawn")).skip(1);
        if let (Some(name), Some("from")) = (words.next(), words.next())
            && !names.iter().any(|(known, _)| *known == name)
        {
            names.push((name, "spawned here"));
        }
    }
    names
}

/// The word that is being typed.
fn typed(line: &str, start: u32) -> Span {
    let word: usize = line
        .chars()
        .rev()
        .take_while(|ch| ch.is_alphanumeric() || matches!(ch, '_' | '-'))
        .map(char::len_utf8)
        .sum();
    let end = start.saturating_add(length(line));
    Span::new(end.saturating_sub(u32::try_from(word).unwrap_or(0)), end)
}

struct List {
    found: Vec<Completion>,
    replace: Span,
}

impl List {
    fn add(&mut self, kind: CompletionKind, label: &str, insert: &str, detail: &str) {
        self.found.push(Completion {
            label: label.to_owned(),
            insert: insert.to_owned(),
            detail: detail.to_owned(),
            kind,
            replace: self.replace,
        });
    }

    fn headings(&mut self, typed: &str, line: Span) {
        let mark = if typed.starts_with('#') { "###" } else { "##" };
        self.replace = line;
        for (form, meaning) in syntax::SECTION_FORMS {
            self.add(CompletionKind::Form, form, &format!("{mark} {form}"), meaning);
        }
    }

    fn capabilities(&mut self) {
        for kind in CapabilityKind::ALL {
            self.add(CompletionKind::Value, kind.name(), kind.name(), kind.meaning());
        }
    }

    fn keys(&mut self, keys: &[&str]) {
        for key in keys {
            self.add(CompletionKind::Key, key, &format!("{key}: "), "");
        }
    }

    fn supervise(&mut self, line: &str, text: &str) {
        let values: Vec<(&str, &str)> = match line.split_once(':') {
            Some(("strategy", _)) => Strategy::ALL.iter().map(|row| (row.name(), row.meaning())).collect(),
            Some(("restarts", _)) => vec![("at most 3 in 60s", "the next end in that time is one too many")],
            Some(("wait", _)) => vec![("100ms, doubling up to 10s", "before a child starts again")],
            Some(_) => Restart::ALL.iter().map(|row| (row.name(), row.meaning())).collect(),
            None if line.trim_start().starts_with('-') => spawned(text),
            None => return self.keys(syntax::SUPERVISE_KEYS),
        };
        for (value, meaning) in values {
            self.add(CompletionKind::Value, value, value, meaning);
        }
    }

    fn types(&mut self, index: &Index) {
        for name in TYPES {
            self.add(CompletionKind::Value, name, name, "type");
        }
        for symbol in index.symbols().filter(|symbol| symbol.kind == SymbolKind::Type) {
            self.add(CompletionKind::Name(symbol.kind), &symbol.name, &symbol.name, &symbol.signature);
        }
    }

    fn step(&mut self, step: &str, index: &Index, offset: u32) {
        // What follows the colon of an opener is a step of its own.
        let step = opener_body(step);
        let words: Vec<&str> = step.split_whitespace().collect();
        let first = words.first().map_or("", |word| word);
        let begun = words.len() > 1 || (words.len() == 1 && step.ends_with(' '));
        if !begun {
            for (form, example) in syntax::step_forms() {
                self.add(CompletionKind::Form, form, example, example);
            }
            return;
        }
        match first.to_ascii_lowercase().as_str() {
            "read" if before_cursor(step, "from") => self.devices(Way::Read),
            "write" | "set" if before_cursor(step, "to") && first.eq_ignore_ascii_case("write") => {
                self.devices(Way::Write);
            }
            "tell" | "ask" | "delegate" => self.message(step, index, offset),
            "grant" | "revoke" => self.capabilities(),
            "log" if words.len() <= 2 => {
                for level in ["debug", "info", "warning", "error"] {
                    self.add(CompletionKind::Value, level, level, "level");
                }
                self.names(index, offset);
            }
            "call" => self.functions(index),
            _ => self.names(index, offset),
        }
    }

    fn devices(&mut self, way: Way) {
        for row in DEVICE_KINDS {
            let fits = match (way, row.value) {
                (Way::Read, DeviceValue::Text) => false,
                (Way::Read | Way::Write, _) => true,
            };
            if fits {
                let phrase = phrase(row);
                self.add(CompletionKind::Device, &phrase, &phrase, &format!("{}:… for --sim", row.prefix));
            }
        }
    }

    fn message(&mut self, step: &str, index: &Index, offset: u32) {
        let Some((head, _)) = step.split_once(": ") else {
            for symbol in index.symbols().filter(|symbol| symbol.kind == SymbolKind::Agent) {
                self.add(CompletionKind::Name(symbol.kind), &symbol.name, &symbol.name, &symbol.signature);
            }
            return;
        };
        if step.contains('(') {
            self.names(index, offset);
            return;
        }
        let agent = head.split_whitespace().last().unwrap_or("");
        for symbol in index.requests_of(agent) {
            let insert = format!("{}(", symbol.name);
            self.add(CompletionKind::Name(symbol.kind), &symbol.name, &insert, &symbol.signature);
        }
    }

    fn functions(&mut self, index: &Index) {
        for symbol in index.symbols().filter(|symbol| symbol.kind == SymbolKind::Function) {
            let insert = format!("{}(", symbol.name);
            self.add(CompletionKind::Name(symbol.kind), &symbol.name, &insert, &symbol.signature);
        }
    }

    fn names(&mut self, index: &Index, offset: u32) {
        for symbol in index.in_scope(offset) {
            let insert = match symbol.kind {
                SymbolKind::Function => format!("{}(", symbol.name),
                SymbolKind::Agent | SymbolKind::Request | SymbolKind::Type => continue,
                _ => symbol.name.clone(),
            };
            self.add(CompletionKind::Name(symbol.kind), &symbol.name, &insert, &symbol.signature);
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    Read,
    Write,
}

/// The step behind the colon of `Every 60s: …`, `If x: …`; a message has its colon for itself.
fn opener_body(step: &str) -> &str {
    let openers = ["if ", "otherwise", "else", "every ", "repeat ", "while ", "for each "];
    let lower = step.to_ascii_lowercase();
    if !openers.iter().any(|word| lower.starts_with(word)) {
        return step;
    }
    match step.split_once(": ") {
        Some((_, body)) => opener_body(body),
        None => step,
    }
}

/// Tells whether `word` stands in the step and the cursor is in what follows it.
fn before_cursor(step: &str, word: &str) -> bool {
    step.split_whitespace().skip(1).any(|found| found.eq_ignore_ascii_case(word))
}

/// How a device is written, with numbers to be changed.
fn phrase(row: &DeviceKindInfo) -> String {
    let noun = row.nouns.first().map(|noun| format!(" {noun}")).unwrap_or_default();
    let number = if row.numbered == Numbering::AfterNoun { " 0" } else { "" };
    let required: Vec<String> = row
        .arguments
        .iter()
        .filter(|argument| argument.need == ArgumentNeed::Required)
        .map(|argument| match argument.key {
            "addr" => "addr 0x48".to_owned(),
            "name" => "name chip/channel".to_owned(),
            key => format!("{key} 0"),
        })
        .collect();
    let tail = if required.is_empty() { String::new() } else { format!(" ({})", required.join(", ")) };
    format!("{}{noun}{number}{tail}", row.word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "## Agent\nname: a\ncapabilities: IO_READ\n## State\n- count: int = 0\n## Loop\n1. ";

    fn labels(tail: &str) -> Vec<String> {
        let text = format!("{TEXT}{tail}");
        let index = Index::new(&text, "t.flux.md");
        let offset = u32::try_from(text.len()).unwrap();
        complete(&text, &index, offset).into_iter().map(|item| item.label).collect()
    }

    #[test]
    fn a_step_begins_with_its_forms() {
        assert!(labels("").contains(&"Read".to_owned()));
        assert!(labels("Every 60s: ").contains(&"TELL".to_owned()));
    }

    #[test]
    fn each_part_of_a_step_offers_what_fits() {
        assert!(labels("Read x from ").contains(&"GPIO pin 0".to_owned()));
        assert!(labels("If cou").contains(&"count".to_owned()));
        assert!(labels("Read x from ").iter().all(|label| label != "count"));
    }

    /// Whatever is offered for a device is a device.
    #[test]
    fn every_device_phrase_compiles() {
        for row in DEVICE_KINDS.iter().filter(|row| row.value != DeviceValue::Text) {
            let text = format!(
                "## Agent\nname: a\ncapabilities: IO_READ\n## Loop\n1. Read x from {}\n2. Log \"{{x}}\"\n",
                phrase(row)
            );
            let errors =
                super::super::analyse(&text, std::path::Path::new("t.flux.md"), &|_| None).diagnostics;
            assert!(
                errors.iter().all(|row| row.severity() != flux_fluxc::diag::Severity::Error),
                "{text}{errors:?}"
            );
        }
    }

    #[test]
    fn keys_and_capabilities_are_offered_in_their_section() {
        let at = |text: &str| {
            let index = Index::new(text, "t.flux.md");
            let offset = u32::try_from(text.len()).unwrap();
            complete(text, &index, offset).into_iter().map(|item| item.label).collect::<Vec<_>>()
        };
        assert!(at("## Agent\nper").contains(&"period".to_owned()));
        assert!(at("## Agent\ncapabilities: IO_").contains(&"IO_WRITE".to_owned()));
        assert!(at("## Lo").contains(&"Loop".to_owned()));
        let spawn =
            "## Init\n1. Spawn pump from \"pump.flux.md\" as p\n2. Spawn pump from \"pump.flux.md\"\n";
        let supervise = |line: &str| at(&format!("{spawn}## Supervise\n{line}"));
        assert_eq!(supervise("st"), ["strategy", "restarts", "wait"]);
        assert_eq!(supervise("strategy: "), ["one-for-one", "one-for-all", "rest-for-one"]);
        assert_eq!(supervise("- pu"), ["pump"]);
        assert_eq!(supervise("- pump: "), ["on-failure", "always", "never"]);
        assert_eq!(supervise("wait: "), ["100ms, doubling up to 10s"]);
    }
}
