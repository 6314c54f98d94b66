//! Constants: what is evaluated when compiling, and what is refused.

mod support;

use flux_fluxc::{Options, compile};
use support::{call, codes, diagnostics, library, text, word};

#[test]
fn choices_between_constants_are_constants() {
    let source = library(
        "enum Mode { Eco, Normal, Turbo }
enum Limit { None, At(f64, int) }
const VERSION = 3
const MODE = Mode.Turbo
const RATE: f64 = if VERSION > 2 { 2.5 } else { 1.0 }
const NAME = if VERSION == 1 { \"one\" } else if VERSION == 3 { \"three\" } else { \"many\" }
const WATTS: int = match MODE {
  Mode.Eco => 100,
  Mode.Normal | Mode.Turbo if VERSION < 3 => 0,
  Mode.Turbo => 900,
  Mode.Normal => 500,
}
const CLASS = match WATTS { 0..=99 => \"low\", 100..900 => \"middle\", _ => \"high\" }
const LIMIT: Limit = if RATE > 2.0 { Limit.At(RATE, 7) } else { Limit.None }
const SUM = match LIMIT { At(rate, n) if n > 9 => 0.0, At(rate, n) => rate * n as f64, None => -1.0 }
const NOTHING: int? = none
const SET: int? = 4
const TOTAL = (NOTHING ?? 10) + (SET ?? 100)
const DOUBLED = if VERSION > 0 {
  let half = TOTAL / 2
  half * 4
} else {
  0
}
const SIZE = max(VERSION, 2) + min(1, 5) + clamp(WATTS, 0, 8) + abs(-3)
const CELLS: [int; SIZE] = [if SIZE > 3 { 1 } else { 0 }; SIZE]
const SAFE = VERSION == 0 or 10 / VERSION > 2
fn test() -> str {
  return \"{RATE} {NAME} {WATTS} {CLASS} {LIMIT} {SUM} {TOTAL} {DOUBLED} {SIZE} {CELLS.len()} {CELLS[1]} {SAFE}\"
}",
    );
    assert_eq!(call(&source, "test", &[]), text("2.5 three 900 high At(2.5, 7) 17.5 14 28 15 15 1 true"));
}

#[test]
fn a_branch_that_is_not_taken_is_not_evaluated() {
    let source = library(
        "const ZERO = 0
const A = if ZERO == 0 { 1 } else { 1 / ZERO }
const B = ZERO != 0 and 1 / ZERO > 0
fn test() -> int { return if B { 0 } else { A } }",
    );
    assert_eq!(call(&source, "test", &[]), word(1));
}

#[test]
fn defaults_and_intervals_take_choices() {
    let source = "# A\n## Types\n```flux\nconst FAST = true\n```\n## Agent\nname: a\n## Config\n- step: duration = if FAST { 1s } else { 10s }\n- count: int = if FAST { 3 } else { 30 }\n## Loop\n1. Every (if FAST { 5s } else { 1m }): Log \"{count} {step}\"\n";
    assert_eq!(codes(source), [""; 0], "{:?}", diagnostics(source));
}

#[test]
fn the_part_that_is_not_known_is_underlined() {
    for (constant, column, label) in [
        ("if twice(1) > 1 { 1 } else { 2 }", "twice(1)", "calculated only while running"),
        ("if true { 1 + 1 / 0 } else { 2 }", "1 / 0", "would trap"),
        ("match 3 { 3 => twice(2), _ => 0 }", "twice(2)", "calculated only while running"),
        ("if true { let n = twice(2)\n n } else { 2 }", "twice(2)", "calculated only while running"),
    ] {
        let source = library(&format!("fn twice(n: int) -> int {{ return n * 2 }}\nconst A = {constant}"));
        let found = compile(source.as_bytes(), "test.flux.md", &Options::default()).diagnostics;
        let row = found.first().unwrap_or_else(|| panic!("{constant} was taken"));
        let shown = &source[row.span.start as usize..row.span.end as usize];
        assert!(shown.starts_with(column), "{constant}: {shown}");
        assert_eq!(row.label, label, "{constant}");
        assert_eq!(found.len(), 1, "{constant}");
    }
}

#[test]
fn a_constant_made_of_a_wrong_one_was_reported_too() {
    let source = library("const A = 1 / 0\nconst B = A + 1\nconst C = if B > 0 { 1 } else { 2 }");
    assert_eq!(codes(&source), ["E0513"]);
}
