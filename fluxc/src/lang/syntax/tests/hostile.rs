//! No input makes the front end panic, hang or fill the memory.

use super::super::parse;
use super::show;
use crate::diag::Sink;
use crate::lang::syntax::ast::{Document, StepKind};
use crate::span::SourceId;
use proptest::prelude::*;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

const SENSOR: &[u8] = include_bytes!("../../../../../apps/sensor.flux.md");

/// Reads bytes, and checks what holds for every result.
fn survive(bytes: &[u8]) {
    let mut sink = Sink::new(SourceId(0));
    let document = parse(bytes, &mut sink);
    assert!(document.is_some() || sink.has_errors());
    let len = u32::try_from(bytes.len()).unwrap();
    for diagnostic in sink.diagnostics() {
        assert!(diagnostic.span.end <= len, "{diagnostic:?}");
        assert!(!diagnostic.message.is_empty());
        if let Some(document) = &document {
            let (start, end) = (diagnostic.span.start as usize, diagnostic.span.end as usize);
            assert!(document.source.get(start..end).is_some(), "{diagnostic:?}");
        }
    }
    if let Some(document) = document {
        let text = all(&document);
        if !sink.has_errors() {
            assert!(!text.contains("invalid\n"), "{text}");
        }
    }
}

/// Goes through the whole tree.
fn all(document: &Document<'_>) -> String {
    let mut out = String::new();
    for agent in &document.agents {
        let sections = agent.init.iter().chain(&agent.main_loop).map(|s| &s.body);
        let handlers = agent.handlers.iter().map(|h| &h.body).chain(agent.timers.iter().map(|t| &t.body));
        for block in sections.chain(handlers) {
            out.push_str(&show::steps(block));
        }
    }
    for item in &document.items {
        out.push_str(&show::item(item));
    }
    out
}

const PIECES: &[&str] = &[
    "## Loop\n",
    "## State\n",
    "## Agent\n",
    "## agent: x\n",
    "### Loop\n",
    "## fn: f(a: int) -> int\n",
    "## Test \"t\"\n",
    "## On go(a)\n",
    "## Every 5s\n",
    "## Config\n",
    "---\n",
    "- ",
    "  - ",
    "1. ",
    "2. If a:\n",
    "\n",
    "\n\n",
    "> ",
    "```flux\n",
    "```\n",
    "`",
    "Set ",
    "Read x from ",
    "GPIO pin 1",
    "I2C sensor (addr 0x48)",
    "Log ",
    "\"a {b}\"",
    "\"",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "If ",
    "Otherwise:",
    "Otherwise if ",
    "Every 60s: ",
    "YIELD",
    "TELL a-b: f(",
    "to ",
    "x",
    "y ",
    " is above 3",
    "the ",
    "and ",
    "not ",
    "1 + 2",
    "30s",
    "10%",
    "512KB",
    ": ",
    ", ",
    "let a = ",
    "fn g() ",
    "struct S ",
    "enum E ",
    "match x ",
    "=> ",
    "for i in 0..3 ",
    "if a ",
    "else ",
    "return ",
    "|x| ",
    "?? ",
    "?.",
    ".",
    "as f64 ",
    "\\n",
    "\\q",
    "é",
    "“",
    "\u{feff}",
    "\t",
    "name: a\n",
    "capabilities: IO_READ\n",
    "- x: int = 1\n",
    "Expect ",
    "a trap",
    "no TELL",
    "Given ",
    "When ",
    "Wait for ",
    "-",
    "%",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_give_a_tree_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        survive(&bytes);
    }

    #[test]
    fn random_text_gives_a_tree_or_an_error(text in "(?s).{0,300}") {
        survive(text.as_bytes());
        survive(format!("## Loop\n- {text}").as_bytes());
        survive(format!("```flux\n{text}").as_bytes());
    }

    #[test]
    fn random_pieces_of_the_language_give_a_tree_or_an_error(pieces in prop::collection::vec(0..PIECES.len(), 0..60)) {
        let text: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
        survive(text.as_bytes());
        survive(format!("## Loop\n- {text}").as_bytes());
        survive(format!("```flux\nfn f() {{\n{text}").as_bytes());
    }

    #[test]
    fn the_first_program_with_bytes_changed_gives_a_tree_or_an_error(
        edits in prop::collection::vec((0..SENSOR.len(), any::<u8>(), 0..3_u8), 1..8)
    ) {
        let mut bytes = SENSOR.to_vec();
        for (at, byte, kind) in edits {
            let at = at.min(bytes.len() - 1);
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte % 128),
                _ => { bytes.remove(at); }
            }
        }
        survive(&bytes);
    }
}

#[test]
fn the_first_program_cut_anywhere_gives_a_tree_or_an_error() {
    for end in 0..SENSOR.len() {
        survive(&SENSOR[..end]);
    }
}

#[test]
fn attack_22_nesting_ten_thousand_deep_gives_errors() {
    let deep = [
        format!("## Loop\n- {}Stop\n", "If a: ".repeat(5_000)),
        (0..3_000).map(|n| format!("{}- If a:\n", "  ".repeat(n.min(2_000)))).collect(),
        format!("## Loop\n{}", "> - ".repeat(10_000)),
        format!("## Loop\n- Set x to {}1{}\n", "(".repeat(10_000), ")".repeat(10_000)),
        format!("## Loop\n- Log {}\n", "\"{".repeat(10_000)),
        format!("## Loop\n- Stop {}\n", "(".repeat(10_000)),
    ];
    for source in &deep {
        survive(source.as_bytes());
    }
    let mut sink = Sink::new(SourceId(0));
    let _ = parse(deep[0].as_bytes(), &mut sink);
    assert_eq!(sink.diagnostics()[0].code.to_string(), "E0003");
}

/// A kernel has little stack: the deepest trees that are allowed must fit.
#[test]
fn the_deepest_document_needs_little_stack() {
    let nested =
        |open: &str, inner: &str, close: &str| format!("{}{inner}{}", open.repeat(62), close.repeat(62));
    let steps: String = (0..31).map(|n| format!("{}- If a:\n", "  ".repeat(n))).collect();
    let source = format!(
        "## Loop\n{steps}{}- Set x to {}\n```fluxfn\nfn f() {{ {} }}\nfn g() {{ let x = {} }}\n```\n",
        "  ".repeat(31),
        nested("(1 + ", "1", ")"),
        nested("while a { ", "b", " }"),
        nested("\"{", "1", "}\""),
    );
    let parse_in = |stack: usize| {
        let source = source.clone();
        std::thread::Builder::new()
            .stack_size(stack)
            .spawn(move || {
                let mut sink = Sink::new(SourceId(0));
                let document = parse(source.as_bytes(), &mut sink).unwrap();
                let found: Vec<String> = sink.diagnostics().iter().map(|d| d.message.clone()).collect();
                assert!(found.is_empty(), "{found:?}");
                assert_eq!(document.items.len(), 2);
            })
            .unwrap()
            .join()
    };
    // Without optimisation; optimised code takes a fraction.
    assert!(parse_in(1 << 20).is_ok());
}

#[test]
fn attack_24_errors_by_the_hundred_thousand_stay_bounded() {
    let source = "## Loop\n".to_string() + &"- Raed x form GPIO\n".repeat(100_000);
    let mut sink = Sink::new(SourceId(0));
    let document = parse(source.as_bytes(), &mut sink).unwrap();
    assert_eq!(sink.diagnostics().len(), Sink::LIMIT);
    assert_eq!(sink.errors(), 100_000);
    let steps = &document.agents[0].main_loop.as_ref().unwrap().body.steps;
    assert!(steps.len() <= Sink::LIMIT && steps.iter().all(|s| matches!(s.kind, StepKind::Invalid)));
}

/// Documents that a quadratic step anywhere would make take minutes.
#[test]
fn time_is_linear_in_the_length_of_the_document() {
    let units: Vec<(&str, String)> = [
        ("## Loop\n", "- Set x to (a + b * 3) / 2\n"),
        ("## Loop\n", "1. If a:\n- Log \"x {y}\"\n"),
        ("## Loop\n", "Read the text of this line.\n"),
        ("## Loop\n", "- Log \"\n"),
        ("## Loop\n- Log \"", "a{b}\n"),
        ("## Loop\n- Stop (", "(a)\n"),
        ("", "## On f(a: int)\n- Reply with a\n"),
        ("", "## agent: a\n### Loop\n- YIELD\n"),
        ("```flux\n", "fn f(a: int) -> int { return a + 1 }\n"),
        ("```flux\nfn f() {\n", "{\n"),
        ("```flux\n", "}\n"),
        ("```flux\n", "let \"{\n"),
        ("## State\n", "- x: int = 1\n"),
        ("## Agent\n", "name: x\n"),
        ("---\n", "- x\n"),
        ("## fn: f()\n", "```\n"),
    ]
    .iter()
    .map(|(head, unit)| (*head, unit.repeat(60_000)))
    .collect();
    for (head, body) in units {
        let source = format!("{head}{body}");
        let start = std::time::Instant::now();
        survive(source.as_bytes());
        let took = start.elapsed();
        assert!(took.as_secs() < 10, "{head:?} took {took:?}");
    }
}
