//! Enums whose variants have payloads: making them, taking them apart, keeping and comparing them.

mod support;

use flux_fluxc::{Options, compile};
use support::{Agent, LEVELS, call, codes, init_log, library, text};

#[test]
fn a_variant_is_made_and_taken_apart() {
    let source = library(
        "struct Point { x: f64, y: f64 }
enum Shape { Empty, Circle(Point, f64), Box(Point, Point), Named(str, int) }
fn area(s: Shape) -> f64 {
  return match s {
    Empty => 0.0,
    Circle(_, r) => 3.0 * r * r,
    Shape.Box(a, b) => (b.x - a.x) * (b.y - a.y),
    Named(\"unit\", n) => n as f64,
    Named(name, 1..=9) => name.len() as f64,
    Named(_, n) if n < 0 => -1.0,
    Named(..) => 7.0,
  }
}
fn all() -> str {
  let o = Point { x: 1, y: 1 }
  let p = Point { x: 3, y: 4 }
  let shapes: [Shape; 7] = [Empty, Circle(o, 2), Shape.Box(o, p), Named(\"unit\", 5), Named(\"four\", 5), Named(\"n\", -4), Named(\"n\", 10)]
  var out = \"\"
  for s in shapes { out = out + \"{area(s)} \" }
  return out
}"
        .replace("Named(..)", "Named(_, _)")
        .as_str(),
    );
    assert_eq!(call(&source, "all", &[]), text("0 12 6 5 4 -1 7 "));
}

#[test]
fn patterns_go_into_payloads_and_options_have_one_name_each() {
    let source = library(
        "enum Leaf { Num(int), Word(str?) }
enum Tree { One(Leaf), Two(Leaf, Leaf), None }
fn sum(t: Tree) -> int {
  return match t {
    One(Num(n)) | Two(Num(n), Word(_)) | Two(Word(_), Num(n)) => n,
    Two(Num(a), Num(b)) => a + b,
    One(Word(none)) => -1,
    One(Word(some(\"x\"))) => -2,
    One(Word(w)) => if w == \"y\" { -3 } else { 9 },
    Two(Word(_), Word(_)) | None => 0,
  }
}
fn all() -> str {
  return \"{sum(One(Num(4)))} {sum(Two(Num(4), Num(5)))} {sum(Two(Num(6), Word(none)))} {sum(Two(Word(\"a\"), Num(7)))} {sum(One(Word(none)))} {sum(One(Word(\"x\")))} {sum(One(Word(\"y\")))} {sum(Two(Word(none), Word(none)))} {sum(Tree.None)}\"
}",
    );
    assert_eq!(call(&source, "all", &[]), text("4 9 6 7 -1 -2 -3 0 0"));
}

#[test]
fn enums_have_a_text_form_and_are_compared_by_value() {
    let source = library(
        "enum Level { Low, High(f64), Range(int, int), Named(str) }
struct Reading { level: Level, places: [Level; 2] }
fn all() -> str {
  let a = Level.High(2)
  let r = Reading { level: Range(1, 2), places: [Low, Named(\"a\")] }
  var s = r
  let same = r == s
  s.places[1] = Named(\"b\")
  let x: Level? = a
  return \"{Level.Low} {a} {r.level} {r.places[1]} {x}; {a == High(2)} {a == High(3)} {a != Low} {r.places[0] == Low} {same} {r == s} {x == High(2)}\"
}",
    );
    assert_eq!(
        call(&source, "all", &[]),
        text("Low High(2) Range(1, 2) Named(a) High(2); true false true true true false true")
    );
}

#[test]
fn an_enum_is_copied_not_shared() {
    let source = library(
        "struct P { x: int }
enum E { A([int; 3]), B(P), C }
fn f() -> str {
  var list = [1, 2, 3]
  var e = A(list)
  list[0] = 9
  let before = e
  e = B(P { x: 4 })
  let first = match before { A(l) => l[0], _ => -1 }
  let second = match e { B(p) => p.x, _ => -1 }
  var n = 0
  match before {
    A(l) => {
      var mine = l
      mine[0] = 7
      n = mine[0] + l[0]
    }
    _ => {}
  }
  return \"{first} {second} {n}\"
}",
    );
    assert_eq!(call(&source, "f", &[]), text("1 4 8"));
}

#[test]
fn a_constant_may_be_an_enum() {
    let source = library(
        "const N: int = 2
enum E { A([int; N]), B(str), C }
const X: E = E.B(\"x\")
const Y: E = A([3, 4])
const Z: [E; 9] = [C, B(\"1\"), C, C, C, C, C, C, B(\"9\")]
fn name(e: E) -> str { return match e { A(l) => \"{l[0]}{l[1]}\", B(t) => t, C => \"c\" } }
fn f() -> str { return \"{name(X)} {name(Y)} {name(Z[0])} {name(Z[8])} {X == B(\"x\")}\" }",
    );
    assert_eq!(call(&source, "f", &[]), text("x 34 c 9 true"));
}

#[test]
fn state_holds_enums_and_begins_with_the_first_variant() {
    let source = "# A\n## Types\n```flux\nenum Mode { Off, On(str, int), Failed(str?) }\nfn next(m: Mode) -> Mode { return match m { Off => On(\"first\", 1), On(t, n) if n < 2 => On(t + \"!\", n + 1), On(t, _) => Failed(t), Failed(_) => Off } }\n```\n## Agent\nname: a\n## State\n- mode: Mode\n- old: [Mode; 2] = [Mode.Off, Failed(none)]\n## Init\n1. Log \"{mode} {old[1]}\"\n2. Set mode to next(mode)\n3. Set old[0] to mode\n4. Set mode to next(mode)\n5. Set old[1] to mode\n6. Set mode to next(mode)\n7. Log \"{mode} {old[0]} {old[1]}\"\n8. If mode is Failed(\"first!\"): Log \"failed\"\n9. Set mode to Off\n10. Log \"{mode} {old[0]}\"\n";
    let expected =
        ["Off Failed(none)", "Failed(first!) On(first, 1) On(first!, 2)", "failed", "Off On(first, 1)"];
    assert_eq!(init_log(source), expected.map(String::from).to_vec());
}

/// The text of one variant lies where another variant has none.
#[test]
fn overwriting_a_variant_in_the_state_gives_its_texts_back() {
    let source = "# A\n## Types\n```flux\nenum E { N(int, int), T(str), U([str; 2], str?) }\n```\n## Agent\nname: a\n## State\n- e: E\n- n: int = 0\n## Loop\n1. Add 1 to n\n2. Set e to T(\"number {n} of very many, long enough to be seen\")\n3. If n % 3 is 0: Set e to N(-1, -1)\n4. If n % 3 is 1: Set e to U([\"{n} and {n}\", \"x{n}\"], \"y{n}\")\n";
    for level in LEVELS {
        let mut agent = Agent::start(source, level);
        let before = agent.used_after(flux_isa::ExportKind::Loop, "", [[]; 12]);
        assert_eq!(agent.used_after(flux_isa::ExportKind::Loop, "", [[]; 300]), before);
    }
}

#[test]
fn what_a_match_leaves_out_is_named_with_arms_to_paste() {
    let code = "enum E { A(bool), B, C(int), D(E2) }\nenum E2 { X, Y(bool) }\nfn f(e: E) -> int {\n  return match e {\n    A(true) => 1,\n    C(5) => 2,\n    D(Y(false)) => 3,\n  }\n}";
    let compiled = compile(library(code).as_bytes(), "t.flux.md", &Options::default());
    let row = &compiled.diagnostics[0];
    assert_eq!(row.code.to_string(), "E0515");
    let hint = row.hint.clone().unwrap().text;
    assert_eq!(
        hint,
        "add arms `A(false) => { … }`, `B => { … }`, `C(_) => { … }`, `D(X) => { … }`, `D(Y(true)) => { … }`"
    );
}

/// A match whose columns multiply took time in powers of two.
#[test]
fn a_match_that_is_too_large_to_check_is_refused_in_time() {
    let flags = ["bool"; 24].join(", ");
    let arms: Vec<String> = (0..24)
        .map(|n| {
            let row: Vec<&str> = (0..24)
                .map(|m| {
                    if m == n {
                        "true"
                    } else if m == (n + 7) % 24 {
                        "false"
                    } else {
                        "_"
                    }
                })
                .collect();
            format!("F({}) => {n}", row.join(", "))
        })
        .collect();
    let source = library(&format!(
        "enum F {{ F({flags}), G }}\nfn f(x: F) -> int {{ return match x {{ {} }} }}",
        arms.join(", ")
    ));
    let start = std::time::Instant::now();
    assert_eq!(codes(&source), ["E0515"]);
    assert!(start.elapsed().as_secs() < 20);
}
