//! No document makes the compiler panic, and what it accepts the verifier accepts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use flux_fluxc::{Level, Options, compile};
use proptest::prelude::*;
use support::LEVELS;

/// Documents of the repository, to be damaged.
fn corpus() -> Vec<String> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let mut texts = Vec::new();
    for folder in ["apps", "tests/golden/run", "tests/golden/reject"] {
        let Ok(entries) = std::fs::read_dir(format!("{root}/{folder}")) else { continue };
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths.into_iter().filter(|path| path.to_string_lossy().ends_with(".flux.md")) {
            if let Ok(text) = std::fs::read_to_string(path) {
                texts.push(text);
            }
        }
    }
    assert!(texts.len() > 3);
    texts
}

/// Compiles and, if that works, verifies every module and its round trip.
fn try_all(source: &[u8], level: Level) {
    let compiled = compile(source, "test.flux.md", &Options { level, ..Options::default() });
    assert_eq!(compiled.modules.is_empty(), compiled.has_errors());
    for module in compiled.modules {
        let bytes = module.encode();
        assert_eq!(flux_isa::Module::decode(&bytes).unwrap(), module);
        let text = flux_isa::asm::disassemble(&module);
        if let Err(error) = flux_verify::verify(module) {
            panic!("{error}\n{}\n{text}", String::from_utf8_lossy(source));
        }
    }
}

#[test]
fn every_document_of_the_repository_compiles_to_verified_modules_or_is_refused() {
    for text in corpus() {
        for level in LEVELS {
            try_all(text.as_bytes(), level);
        }
    }
}

/// Pieces that mutations put into documents.
const PIECES: &[&str] = &[
    "x",
    "temperature",
    "0",
    "1",
    "-1",
    "2.5",
    "30s",
    "\"t\"",
    "true",
    "none",
    "[1, 2]",
    "[0; 4]",
    "R { a: 1 }",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    ".",
    " as int",
    " as f64",
    " as u8",
    " + ",
    " / ",
    " and ",
    " is ",
    "if ",
    "match ",
    "while true { }",
    "return ",
    "break",
    "let x = ",
    "\n- ",
    "\n1. ",
    "\n## Loop\n",
    "\n```flux\n",
    "\n```\n",
    "Set x to ",
    "ASK a: f(x) as x",
    "Wait for x",
    "Otherwise: Stop",
    "Reply with ",
    "State",
    "\n\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn damaged_documents_are_refused_or_compile_to_verified_modules(
        seed in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, any::<prop::sample::Index>(), 0u8..4), 1..6),
        level in 0usize..3,
    ) {
        let texts = corpus();
        let mut text: Vec<char> = seed.get(&texts).chars().collect();
        for (at, length, piece, kind) in edits {
            if text.is_empty() {
                break;
            }
            let at = at.index(text.len());
            let end = (at + length).min(text.len());
            let new: Vec<char> = match kind {
                0 => Vec::new(),
                1 => piece.get(PIECES).chars().collect(),
                2 => text[at..end].iter().chain(&text[at..end]).copied().collect(),
                _ => {
                    let from = piece.index(text.len());
                    text[from..(from + length * 3).min(text.len())].to_vec()
                }
            };
            text.splice(at..end, new);
        }
        let text: String = text.into_iter().collect();
        try_all(text.as_bytes(), LEVELS[level]);
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        try_all(&bytes, Level::Full);
    }
}

#[test]
fn deep_and_wide_documents_end_in_bounded_time() {
    let deep = |open: &str, close: &str, n: usize| {
        format!(
            "## Types\n```flux\nfn f(a: bool) -> int {{ return {}1{} }}\n```\n",
            open.repeat(n),
            close.repeat(n)
        )
    };
    for n in [10, 120, 10_000] {
        try_all(deep("(", ")", n).as_bytes(), Level::Full);
        try_all(deep("-", "", n).as_bytes(), Level::Full);
        try_all(deep("if a { ", " } else { 2 }", n).as_bytes(), Level::Full);
        try_all(deep("[", "][0]", n).as_bytes(), Level::Full);
        try_all(deep("", " + 1", n).as_bytes(), Level::Full);
        try_all(deep("match 1 { _ => ", " }", n).as_bytes(), Level::Full);
    }
    let mut steps = String::from("## Loop\n");
    for n in 0..10_000 {
        steps.push_str(&"  ".repeat(n.min(60)));
        steps.push_str("- If on:\n");
    }
    try_all(steps.as_bytes(), Level::Full);
    let agents: String =
        (0..2_000).map(|n| format!("## agent: a{n}\n### Init\n1. Log \"{{f({n})}}\"\n")).collect();
    let functions: String =
        (1..1_500).map(|n| format!("fn f{n}(x: int) -> int {{ return f{}(x) }}\n", n - 1)).collect();
    let shared = format!(
        "## Types\n```flux\nfn f(x: int) -> int {{ return f1499(x) }}\nfn f0(x: int) -> int {{ return x }}\n{functions}```\n{agents}"
    );
    let compiled = compile(shared.as_bytes(), "test.flux.md", &Options::default());
    assert!(compiled.has_errors(), "2000 agents with 1500 functions each are too much");
}

#[test]
fn a_long_chain_of_calls_is_no_recursion_of_the_compiler() {
    let functions: String =
        (1..20_000).map(|n| format!("fn f{n}(x: int) -> int {{ return f{}(x) + 1 }}\n", n - 1)).collect();
    let source = format!("## Types\n```flux\nfn f0(x: int) -> int {{ return x }}\n{functions}```\n");
    try_all(source.as_bytes(), Level::None);
}
