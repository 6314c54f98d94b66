//! Operands and arguments are looked at from left to right, each as it is when its turn comes.

mod support;

use flux_fluxc::Level;
use support::{call, compiled, init_log, library, text};

#[test]
fn an_argument_chosen_by_a_condition_does_not_see_later_changes() {
    let source = library(
        "struct Pair { list: [int], n: int }
fn first(a: [int], b: int?) -> str { return \"{a} {b}\" }
fn both(a: Pair, b: int?) -> str { return \"{a.list} {a.n} {b}\" }
fn same(a: [int]) -> [int] { return a }
fn test() -> str {
  var xs: [int] = [1, 2, 3]
  var ys: [int] = [4, 5, 6]
  let n = xs.len()
  let a = first(if n > 2 { xs } else { ys }, xs.pop())
  let b = first(match n { 3 => ys, _ => xs }, ys.pop())
  var maybe: [int]? = xs
  let c = first(maybe ?? ys, maybe?.len())
  let d = first(none ?? ys, ys.pop())
  var p = Pair { list: [7, 8], n: 1 }
  var q = p
  let e = both(if n > 2 { p } else { q }, p.list.pop())
  var groups: [[int]] = [[1, 2], [3]]
  let f = first(groups.find(|g| g.len() > 1) ?? [], groups[0].pop())
  let g = first(same(xs), xs.pop())
  return \"{a}, {b}, {c}, {d}, {e}, {f}, {g}\"
}",
    );
    assert_eq!(
        call(&source, "test", &[]),
        text("[1, 2, 3] 3, [4, 5, 6] 6, [1, 2] 2, [4, 5] 5, [7, 8] 1 8, [1, 2] 2, [1, 2] 2")
    );
}

#[test]
fn operands_of_operators_and_methods_keep_their_value() {
    let source = library(
        "fn test() -> str {
  var xs: [int] = [1, 2, 3]
  var ys: [int] = [9]
  let flag = xs.len() == 3
  let joined = (if flag { xs } else { ys }) + [xs.pop() ?? 0]
  let equal = (if flag { xs } else { ys }) == [xs.remove(0), 2]
  let there = (if flag { xs } else { ys }).contains(xs.pop() ?? 0)
  var names: [str] = [\"a-b\", \"-\"]
  let split = names[0].split(names.remove(1))
  let replaced = names[0].replace(\"-\", names.pop() ?? \"\")
  return \"{joined} {equal} {there} {split} {replaced} {xs} {names}\"
}",
    );
    assert_eq!(call(&source, "test", &[]), text("[1, 2, 3, 3] true true [a, b] aa-bb [] []"));
}

#[test]
fn a_loop_goes_through_what_a_condition_chose_as_it_was() {
    let source = library(
        "fn test() -> str {
  var xs: [int] = [1, 2]
  let ys: [int] = []
  var seen = \"\"
  for x in if xs.len() > 1 { xs } else { ys } {
    xs[1] = 9
    xs.push(x)
    seen += \"{x} \"
  }
  return \"{seen}{xs}\"
}",
    );
    assert_eq!(call(&source, "test", &[]), text("1 2 [1, 9, 1, 2]"));
}

#[test]
fn what_a_match_takes_out_stays_when_its_subject_changes() {
    let source = library(
        "struct P { x: int, tags: [str] }
fn test() -> str {
  var o: P? = P { x: 1, tags: [\"a\"] }
  let seen = match o {
    some(p) => {
      o = P { x: 2, tags: [] }
      p.x
    }
    none => 0
  }
  return \"{seen} {o?.x}\"
}",
    );
    assert_eq!(call(&source, "test", &[]), text("1 2"));
}

#[test]
fn texts_of_the_state_outlive_what_later_arguments_take_away() {
    let source = "# A\n## Agent\nname: a\ncapabilities: MEMORY\n## State\n- names: [str] = [\"alpha\", \"beta\"]\n- more: [str] = [\"gamma\"]\n## Types\n```flux\nfn same(a: str) -> str { return a }\nfn three(a: str, b: str, c: str) -> str { return \"{a} {b} {c}\" }\n```\n## Init\n1. ```flux\n   names = names.map(|name| name + \"!\")\n   let first = three(if names.len() > 1 { names[0] } else { more[0] }, names.remove(0), \"{1}{2}{3}{4}{5}{6}\")\n   let second = three(same(names[0]), names.pop() ?? \"\", \"{7}{8}{9}{0}{1}\")\n   ```\n2. Log \"{first}, {second}\"\n";
    assert_eq!(init_log(source), ["alpha! alpha! 123456, beta! beta! 78901"]);
}

/// Bytes of code without optimisation.
fn code_bytes(code: &str) -> usize {
    compiled(&library(code), Level::None).modules[0].code.len()
}

#[test]
fn what_nothing_changes_is_not_copied() {
    let round = |stmt: &str| {
        code_bytes(&format!(
            "fn f(a: [int; 3], b: [int; 3]) -> int {{
  var xs = a
  var ys = b
  var sum = 0
  for x in xs {{ {stmt}
    sum += x }}
  return sum + ys[1]
}}"
        ))
    };
    assert!(round("ys[2] = x") < round("xs[2] = x"));
    assert!(round("for i in 0..3 { ys[i] = x }") < round("for i in 0..3 { xs[i] = x }"));
    let argument = |later: &str| {
        code_bytes(&format!(
            "fn g(a: [int; 3], b: int) -> int {{ return a[0] + b }}
fn f(a: [int; 3], b: [int]) -> int {{
  var xs = a
  var ys = b
  var zs = b
  return g(xs, {later})
}}"
        ))
    };
    assert!(
        argument("if a[0] == 1 { ys.pop() ?? 0 } else { 0 }")
            < argument("if a[0] == 1 { xs[0] = 4\n ys.pop() ?? 0 } else { 0 }")
    );
}
