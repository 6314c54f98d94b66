//! Tiles: functions of one value that `|>` chains.

mod support;

use flux_abi::trap::TrapKind;
use support::{End, bundle, call, codes, diagnostics, text, word};

const TILES: &str = "# T\n## tile: half(value: int) -> int\ncategory: scaling\n```flux\nreturn value / 2\n```\n## tile: shown(value: int) -> str\ncategory: texts\n```flux\nreturn \"<{value}>\"\n```\n## tile: checked(value: int) -> int\ncategory: limits\n```flux\nexpect value < 100\nreturn value\n```\n";

fn with(code: &str) -> String {
    format!("{TILES}## Types\n```flux\n{code}\n```\n")
}

#[test]
fn a_chain_calls_from_left_to_right() {
    assert_eq!(call(&with("fn f(a: int) -> int { return a |> half |> half }"), "f", &[13]), word(3));
    assert_eq!(call(&with("fn f(a: int) -> str { return a + 1 |> half |> shown }"), "f", &[13]), text("<7>"));
    // Every operator but `..` binds stronger.
    assert_eq!(
        call(
            &with(
                "fn f(a: int) -> bool { return a > 3 && a < 9 |> flip }\nfn flip(b: bool) -> bool { return !b }"
            ),
            "f",
            &[5]
        ),
        word(0)
    );
    let count = "fn f(a: int) -> int { var n = 0\nfor i in 0..a |> half { n += i }\nreturn n }";
    assert_eq!(call(&with(count), "f", &[8]), word(6));
    let lines = "fn f(a: int) -> int {\n  let b = a\n    |> half\n    |> half\n  return b\n}";
    assert_eq!(call(&with(lines), "f", &[40]), word(10));
}

#[test]
fn bars_and_comparisons_are_what_they_were() {
    assert_eq!(call(&with("fn f(a: int) -> int { return a | 4 }"), "f", &[1]), word(5));
    let code = "fn f(a: int) -> bool { return [a].map(|v| v > 1)[0] }";
    assert_eq!(call(&with(code), "f", &[2]), word(1));
}

#[test]
fn a_tile_is_a_value_and_traps_on_its_own_line() {
    let code = "fn f(a: int) -> int { return each([a, 8], half)[1] }\nfn each(v: [int], g: fn(int) -> int) -> [int] { return v.map(g) }";
    assert_eq!(call(&with(code), "f", &[2]), word(4));
    let source = with("fn f(a: int) -> int { return a |> checked }");
    assert_eq!(call(&source, "f", &[99]), word(99));
    assert_eq!(call(&source, "f", &[100]), End::Trap(TrapKind::Assertion, 15));
}

#[test]
fn tiles_that_do_not_fit_are_refused_where_they_meet() {
    let source = with("fn f(a: int) -> int { return a |> shown |> half }");
    assert_eq!(diagnostics(&source), ["E0506 line 20: expected int, found str"]);
}

#[test]
fn a_chain_is_as_long_as_an_expression_may_be() {
    let chain =
        |count: usize| with(&format!("fn f(a: int) -> int {{ return a{} }}", " |> half".repeat(count)));
    assert_eq!(call(&chain(100), "f", &[0]), word(0));
    assert_eq!(codes(&chain(1_000)), ["E0405"]);
}

#[test]
fn what_a_library_took_over_it_does_not_show() {
    let base = "# Base\n## tile: half(value: int) -> int\n```flux\nreturn value / 2\n```\n";
    let middle = "---\ndependencies: [base.flux.md]\ntiles: [base.half]\n---\n# Middle\n## tile: quarter(value: int) -> int\n```flux\nreturn value |> half |> half\n```\n";
    let user = |tile: &str| {
        format!(
            "---\ndependencies: [middle.flux.md]\ntiles: [middle.{tile}]\n---\n# T\n## Types\n```flux\nfn f(a: int) -> int {{ return a |> {tile} }}\n```\n"
        )
    };
    let files =
        |main: &str| bundle(&[("main.flux.md", main), ("middle.flux.md", middle), ("base.flux.md", base)]);
    assert_eq!(call(&files(&user("quarter")), "f", &[9]), word(2));
    let hidden = diagnostics(&files(&user("half")));
    assert!(hidden[0].ends_with("the library `middle` has no function `half`"), "{hidden:?}");
}
