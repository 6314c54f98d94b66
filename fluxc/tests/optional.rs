//! Values that may be none: in code, in State, in messages, at every level of optimisation.

mod support;

use support::{Agent, End, LEVELS, call, diagnostics, eval, init_log, library, text, word};

#[test]
fn a_plain_value_becomes_an_optional_where_one_is_wanted() {
    let source = library(
        "struct Box { width: f64?, tag: str? }
fn half(a: int) -> int? {
  if a % 2 == 0 { return a / 2 }
  return none
}
fn twice(a: int?) -> int? { return match a { none => none, v => v * 2 } }
fn show() -> str {
  var x: int? = 3
  let before = x
  x = half(7)
  let box = Box { width: 2, tag: none }
  let list: [int?; 3] = [1, none, half(8)]
  return \"{before} {x} {half(8)} {twice(5)} {twice(none)} {box.width} {box.tag} {list[0]} {list[1]} {list[2]}\"
}",
    );
    assert_eq!(call(&source, "show", &[]), text("3 none 4 10 none 2 none 1 none 4"));
}

#[test]
fn the_right_side_of_coalesce_runs_only_for_none() {
    let source = library(
        "fn count(a: [int; 1]?) -> int { return (a ?? [7 / 0])[0] }
fn some() -> int { return count([5]) }
fn missing() -> int { return count(none) }
fn chain(a: int?, b: int?) -> int { return a ?? b ?? 9 }
fn chains() -> str { return \"{chain(1, 2)} {chain(none, 2)} {chain(none, none)}\" }
fn still(a: int?, b: int?) -> int? { return a ?? b }
fn optional() -> str { return \"{still(none, none)} {still(none, 4)} {still(3, none)}\" }",
    );
    assert_eq!(call(&source, "some", &[]), word(5));
    assert!(matches!(call(&source, "missing", &[]), End::Trap(flux_abi::trap::TrapKind::DivideByZero, _)));
    assert_eq!(call(&source, "chains", &[]), text("1 2 9"));
    assert_eq!(call(&source, "optional", &[]), text("none 4 3"));
}

#[test]
fn fields_and_methods_of_none_are_none() {
    let source = library(
        "struct Inner { n: int, name: str? }
struct Outer { inner: Inner? }
fn number(o: Outer?) -> int? { return o?.inner?.n }
fn name(o: Outer?) -> str? { return o?.inner?.name }
fn length(o: Outer?) -> int { return o?.inner?.name?.len() ?? -1 }
fn show(o: Outer?) -> str { return \"{number(o)} {name(o)} {length(o)}\" }
fn all() -> str {
  let full = Outer { inner: Inner { n: 4, name: \"four\" } }
  let bare = Outer { inner: Inner { n: 5, name: none } }
  return show(none) + \"; \" + show(Outer { inner: none }) + \"; \" + show(full) + \"; \" + show(bare)
}",
    );
    assert_eq!(call(&source, "all", &[]), text("none none -1; none none -1; 4 four 4; 5 none -1"));
}

#[test]
fn optionals_are_equal_when_both_are_none_or_their_values_are_equal() {
    let source = library(
        "fn same(a: str?, b: str?) -> bool { return a == b }
fn all() -> str {
  let x: int? = 5
  let y: f64? = none
  let five = 5
  return \"{same(none, none)} {same(none, \"\")} {same(\"a\", \"a\")} {same(\"a\", \"b\")} {x == five} {five != x} {y == none} {y != none} {x == 6}\"
}
fn part(a: [int; 2]?) -> bool { return a == none }
fn parts() -> str { return \"{part(none)} {part([1, 2])}\" }",
    );
    assert_eq!(call(&source, "all", &[]), text("true false true false true false true false false"));
    assert_eq!(call(&source, "parts", &[]), text("true false"));
}

#[test]
fn a_match_takes_none_literals_names_and_guards() {
    let source = library(
        "enum Side { Left, Right }
fn kind(a: int?) -> str {
  return match a {
    none => \"none\",
    0 => \"zero\",
    1..=9 => \"digit\",
    some(n) if n < 0 => \"minus {-n}\",
    n => \"{n}\",
  }
}
fn side(s: Side?) -> str { return match s { Left => \"l\", Right => \"r\", none => \"?\" } }
fn rest(s: str?) -> str { return match s { \"a\" => \"A\", _ => \"rest\" } }
fn all() -> str {
  return \"{kind(none)} {kind(0)} {kind(9)} {kind(-4)} {kind(10)} {side(none)}{side(Side.Left)}{side(Side.Right)} {rest(none)} {rest(\"a\")}\"
}",
    );
    assert_eq!(call(&source, "all", &[]), text("none zero digit minus 4 10 ?lr rest A"));
}

#[test]
fn a_branch_without_a_value_makes_the_whole_choice_an_optional() {
    assert_eq!(eval("str", "\"{if 1 > 2 { 5 } else { none }}\""), text("none"));
    assert_eq!(eval("str", "\"{match 3 { 1 => 1.5, 2 => none, _ => 2.5 }}\""), text("2.5"));
    let source = library(
        "fn f(a: bool) -> f64? { return if a { 1 } else { none } }\nfn g() -> str { return \"{f(true)} {f(false)}\" }",
    );
    assert_eq!(call(&source, "g", &[]), text("1 none"));
}

#[test]
fn an_optional_is_copied_not_shared() {
    let source = library(
        "struct P { x: int }
fn f() -> str {
  var a: P? = P { x: 1 }
  let b = a
  var p = a ?? P { x: 0 }
  p.x = 9
  a = P { x: 2 }
  var list: [P?; 2] = [a, b]
  a = none
  return \"{a?.x} {b?.x} {p.x} {list[0]?.x} {list[1]?.x}\"
}",
    );
    assert_eq!(call(&source, "f", &[]), text("none 1 9 2 1"));
}

#[test]
fn state_begins_as_none_and_steps_set_it() {
    let source = "# A\n## Agent\nname: a\n## State\n- best: f64?\n- name: str? = \"first\"\n- marks: [int?; 2] = [none, 4]\n## Init\n1. Log \"{best} {name} {marks[0]} {marks[1]}\"\n2. If best is none: Set best to 2\n3. If best is not none: Log \"{best ?? 0}\"\n4. Set best to 7\n5. Set name to none\n6. Log \"{best} {name}\"\n7. Set name to \"last {best}\"\n8. Set copy to name\n9. Set name to \"changed\"\n10. Set marks[0] to marks[1]\n11. Log \"{copy} {name} {marks[0]}\"\n12. If best is 7: Log \"seven\"\n13. Set total to (best ?? 0) + 1\n14. Log total\n";
    let expected =
        ["none first none 4", "2", "7 none", "last 7 changed 4", "seven", "8"].map(String::from).to_vec();
    assert_eq!(init_log(source), expected);
}

/// A text that a `none` replaces must be given back, and one that replaces it kept.
#[test]
fn overwriting_an_optional_text_in_the_state_gives_its_memory_back() {
    let source = "# A\n## Agent\nname: a\n## State\n- last: str?\n- n: int = 0\n## Loop\n1. Add 1 to n\n2. Set last to \"number {n} of very many, long enough to fill the quota soon\"\n3. If n % 3 is 0: Set last to none\n";
    for level in LEVELS {
        let mut agent = Agent::start(source, level);
        let before = agent.used_after(flux_isa::ExportKind::Loop, "", [[]; 9]);
        assert_eq!(agent.used_after(flux_isa::ExportKind::Loop, "", [[]; 300]), before);
    }
}

#[test]
fn a_constant_may_be_an_optional() {
    let source = library(
        "const A: int? = none\nconst B: int? = 3\nconst C: [f64?; 10] = [1, none, 3, 4, 5, 6, 7, 8, 9, none]\nfn f() -> str { return \"{A} {B} {C[0]} {C[1]} {C[8]}\" }",
    );
    assert_eq!(call(&source, "f", &[]), text("none 3 1 none 9"));
}

#[test]
fn what_is_said_of_an_optional_names_the_way_out() {
    let source = library("fn f(a: int?) -> int { return a }");
    assert_eq!(diagnostics(&source), ["E0506 line 4: expected int, found int?"]);
    let source = library("fn f(a: int?) -> int { return a + 1 }");
    assert_eq!(diagnostics(&source), ["E0506 line 4: `+` between int? and int"]);
}
