//! Parameters of compound types: their defaults as text, what is refused.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod support;

use flux_fluxc::{Options, compile};
use support::codes;

/// Descriptor, names and default of the one parameter.
fn parameter(types: &str, entry: &str) -> (String, Vec<String>, String) {
    let source = format!(
        "# T\n## Agent\nname: t\n## Types\n```flux\n{types}\n```\n## Config\n- {entry}\n## Init\n1. Stop\n"
    );
    let compiled = compile(source.as_bytes(), "t.flux.md", &Options::default());
    let errors = compiled.diagnostics.iter().filter(|row| row.code.to_string().starts_with('E'));
    assert_eq!(errors.count(), 0, "{entry}: {:?}", compiled.diagnostics);
    let row = compiled.modules[0].parameters[0].clone();
    let default = row.default.map(|text| String::from_utf8(text).unwrap());
    (row.desc, row.names, default.unwrap_or_default())
}

#[test]
fn defaults_are_written_as_set_takes_them() {
    let types = "enum Mode { Day, Night }\nenum Level { Low, High(f64, str) }\nstruct Span { low: f64, high: f64 }\nstruct Room { span: Span, mode: Mode }\nconst TWO: int = 2\nconst FULL: Span = Span { low: 0, high: 9 }";
    for (entry, desc, default) in [
        ("x: [f64] = [1, TWO as f64 * 2.0]", "[d", "[1.0, 4.0]"),
        ("x: [int] = []", "[l", "[]"),
        ("x = [1, 2]", "(2)l", "[1, 2]"),
        ("x: [u8; 3] = [7; 3]", "(3)C", "[7, 7, 7]"),
        ("x: [bool] = [true; TWO]", "[b", "[true, true]"),
        ("x: map[str]int = {\"a\": 1, \"b\\n\\\"\": TWO}", "msl", "{\"a\": 1, \"b\\n\\\"\": 2}"),
        ("x: map[int][duration] = {1: [1s, 90s]}", "ml[t", "{1: [1s, 90s]}"),
        ("x: Span = Span { low: 1, high: 3 }", "{dd}", "{low: 1.0, high: 3.0}"),
        ("x: Span = FULL", "{dd}", "{low: 0.0, high: 9.0}"),
        (
            "x: [Room] = [Room { span: FULL, mode: Mode.Night }]",
            "[{{dd}<|>}",
            "[{span: {low: 0.0, high: 9.0}, mode: Night}]",
        ),
        ("x: Level = Level.High(2, \"a\")", "<|ds>", "High(2.0, \"a\")"),
        ("x: Level = Level.Low", "<|ds>", "Low"),
        ("x: f64? = none", "?d", "none"),
        ("x: f64? = 3", "?d", "3.0"),
        ("x: str? = \"none\"", "?s", "\"none\""),
        ("x: str = \"\\\"a\\\"\"", "s", "\"\"a\"\""),
        ("x: i8 = -5", "c", "-5"),
        ("x: bytes = [1, 2]", "y", "[1, 2]"),
        ("x: bytes = \"ab\".bytes()", "y", "[97, 98]"),
    ] {
        let (found, _, text) = parameter(types, entry);
        assert_eq!((found.as_str(), text.as_str()), (desc, default), "{entry}");
    }
    let (_, names, _) = parameter(types, "x: map[Mode]Room");
    assert_eq!(
        names,
        ["Mode", "Day", "Night", "Room", "span", "mode", "Span", "low", "high", "Mode", "Day", "Night"]
    );
}

#[test]
fn a_parameter_without_values_in_text_is_refused() {
    let types =
        "struct Node { children: [Node] }\nstruct Peer { who: agent }\nstruct Job { run: fn(int) -> int }";
    for (entry, code) in [
        ("x: Node", "E0511"),
        ("x: [Peer]", "E0511"),
        ("x: agent", "E0511"),
        ("x: Job?", "E0511"),
        ("x = []", "E0510"),
        ("x = none", "E0510"),
        ("x: [int] = [1, y]", "E0501"),
        ("x: [int] = [1, 1 / 0]", "E0513"),
        ("x: [int] = [7; 100000]", "E0518"),
        ("x: [u8] = [256]", "E0512"),
    ] {
        let source = format!(
            "# T\n## Agent\nname: t\n## Types\n```flux\n{types}\n```\n## Config\n- {entry}\n## Init\n1. Stop\n"
        );
        assert!(codes(&source).contains(&code.to_owned()), "{entry}: {:?}", codes(&source));
    }
}

#[test]
fn a_compound_parameter_can_not_be_changed_and_must_be_declared() {
    let agent = |init: &str| {
        format!(
            "# T\n## Agent\nname: t\ncapabilities: MEMORY\n## Config\n- xs: [int] = [1]\n- m: map[str]int = {{}}\n## State\n- ys: [int] = []\n## Init\n{init}\n"
        )
    };
    for step in [
        "1. Set xs to ys",
        "1. Set xs[0] to 2",
        "1. `xs.push(2)`",
        "1. `xs.sort()`",
        "1. `m[\"a\"] = 1`",
        "1. `m.remove(\"a\")`",
    ] {
        assert_eq!(codes(&agent(step)), ["E0508"], "{step}");
    }
    assert_eq!(codes(&agent("1. Set ys to zs")), ["E0511"]);
    assert_eq!(codes(&agent("1. Set ys to xs")), [""; 0]);
}
