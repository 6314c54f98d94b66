//! The code language: expressions, statements, declarations, types, recovery.

use super::{clean, read, show};
use std::format;
use std::string::String;
use std::vec::Vec;

fn items(code: &str) -> Vec<String> {
    clean(&format!("```flux\n{code}\n```\n")).items.iter().map(show::item).collect()
}

/// The body of a function of these statements.
fn body(code: &str) -> String {
    let item = items(&format!("fn f() {{\n{code}\n}}"));
    item[0].strip_prefix("fn f() ").unwrap().into()
}

fn errors(code: &str) -> Vec<String> {
    read(&format!("```flux\n{code}\n```\n")).1
}

#[test]
fn the_program_of_the_language_page_is_read() {
    let code = r#"const LIMIT: f64 = 85.0
struct Reading { at: int, value: f64 }
enum Level { Low, Normal, High(f64) }

fn classify(r: Reading) -> Level {
  if r.value > LIMIT { return Level.High(r.value - LIMIT) }
  return if r.value < 5.0 { Level.Low } else { Level.Normal }
}

fn summary(readings: [Reading]) -> str {
  var worst: f64? = none
  var counts: map[str]int = {}
  for r in readings {
    match classify(r) {
      High(over) => { worst = max(worst ?? over, over) }
      Low => counts["low"] = (counts["low"] ?? 0) + 1,
      Normal => {}
    }
  }
  for i in 0..readings.len() { expect readings[i].at >= 0 }
  return "worst {worst ?? 0.0}, low {counts["low"] ?? 0}"
}"#;
    assert_eq!(
        items(code),
        [
            "const LIMIT: f64 = 85.0",
            "struct Reading {at: int, value: f64}",
            "enum Level {Low, Normal, High(f64)}",
            "fn classify(r: Reading) -> Level { if (Gt r.value LIMIT) { return Level.High((Sub r.value LIMIT)) }; \
             return if (Lt r.value 5.0) { Level.Low } else { Level.Normal } }",
            "fn summary(readings: [Reading]) -> str { Var worst: f64? = none; Var counts: map[str]int = map{}; \
             for r in readings { match classify(r) [High(over) => { worst = max((Coalesce worst over), over) }; \
             Low => { counts[\"low\"] = (Add (Coalesce counts[\"low\"] 0) 1) }; Normal => {  }] }; \
             for i in (0..readings.len()) { expect (Ge readings[i].at 0) }; \
             return \"worst {(Coalesce worst 0.0)}, low {(Coalesce counts[\"low\"] 0)}\" }",
        ]
    );
}

#[test]
fn operators_bind_as_usual() {
    let cases = [
        ("a + b * c - d", "(Sub (Add a (Mul b c)) d)"),
        ("-a * b", "(Mul (Neg a) b)"),
        ("a || b && c == d", "(Or a (And b (Eq c d)))"),
        ("a & b == c", "(Eq (BitAnd a b) c)"),
        ("1 << 2 + 3", "(Shl 1 (Add 2 3))"),
        ("a ?? b ?? c", "(Coalesce a (Coalesce b c))"),
        ("a as f64 / 2.0", "(Div (a as f64) 2.0)"),
        ("!a.b(c)[d]?.e", "(Not a.b(c)[d]?.e)"),
        ("not a == b", "(Not (Eq a b))"),
        ("[1, 2, 3,]", "[1, 2, 3]"),
        ("[0; 16]", "[0; 16]"),
        ("{\"a\": 1, \"b\": 2}", "map{\"a\": 1, \"b\": 2}"),
        ("Reading { at: 1, value }", "Reading{at: 1, value: value}"),
        ("xs.map(|x| x + 1)", "xs.map(fn(x) { (Add x 1) })"),
        (
            "xs.fold(0, fn(a: int, b: int) -> int { return a + b })",
            "xs.fold(0, fn(a: int, b: int) -> int { return (Add a b) })",
        ),
        ("0..=n + 1", "(0..=(Add n 1))"),
        ("10% + 10 % 3 + 10%3", "(Add (Add 0.1 (Rem 10 3)) (Rem 10 3))"),
        ("512KB", "524288"),
        ("a ^ b | c", "(BitOr (BitXor a b) c)"),
        ("~a", "(BitNot a)"),
        ("\"\\n\\t\\\"\\{\\}\\u{20AC}\"", "\"\\n\\t\\\"{}€\""),
        ("\"\"", "\"\""),
        ("f(x)(y)", "f(x)(y)"),
        ("1.max(2)", "1.max(2)"),
    ];
    for (code, tree) in cases {
        assert_eq!(body(&format!("let v = {code}")), format!("{{ Let v = {tree} }}"), "{code}");
    }
}

#[test]
fn a_line_ending_ends_a_statement_unless_it_cannot() {
    assert_eq!(body("let a = b\nlet c = d"), "{ Let a = b; Let c = d }");
    assert_eq!(body("let a = b +\n c"), "{ Let a = (Add b c) }");
    assert_eq!(body("let a = b\n  + c"), "{ Let a = (Add b c) }");
    assert_eq!(body("let a = b\n  .c()\n  .d"), "{ Let a = b.c().d }");
    assert_eq!(body("let a = (b\n - c)"), "{ Let a = (Sub b c) }");
    assert_eq!(body("f()\n(g)()\n[1].len()"), "{ f(); g(); [1].len() }");
    assert_eq!(body("return\nf()"), "{ return; f() }");
    assert_eq!(body("a = 1; b += 2; // comment\nbreak"), "{ a = 1; b Add= 2; break }");
    assert_eq!(errors("fn f() {\nlet a = b\n- c\n}"), ["E0401 -"]);
}

#[test]
fn statements_of_every_kind_are_read() {
    assert_eq!(body("while a < b { a += 1 }"), "{ while (Lt a b) { a Add= 1 } }");
    assert_eq!(body("for x in xs { continue }"), "{ for x in xs { continue } }");
    assert_eq!(
        body("if a { b() } else if c { d() } else { e() }"),
        "{ if a { b() } else { if c { d() } else { e() } } }"
    );
    assert_eq!(body("expect a, \"why\""), "{ expect a, \"why\" }");
    assert_eq!(body("var x: [u8; 4]"), "{ Var x: [u8; 4] }");
    assert_eq!(
        body(
            "match x { 1 | 2 => a, -1 => b, 3..=5 => c, \"s\" => d, none => e, true => g, L.H(v, _) if v > 1 => h, _ => i }"
        ),
        "{ match x [1|2 => { a }; (Neg 1) => { b }; 3Inclusive5 => { c }; \"s\" => { d }; none => { e }; true => { g }; L.H(v, _) if (Gt v 1) => { h }; _ => { i }] }"
    );
}

#[test]
fn types_of_every_kind_are_read() {
    let source =
        "struct S {\n  a: [map[str][int; 4]]?\n  b: fn(int, str) -> bool\n  c: (fn())?\n  d: int??\n}";
    assert_eq!(
        items(source),
        ["struct S {a: [map[str][int; 4]]?, b: fn(int, str) -> bool, c: fn()?, d: int??}"]
    );
}

#[test]
fn each_error_is_reported_and_the_rest_is_read() {
    let code = "fn f() {\n  let = 1\n  let ok = 2\n  x +\n}\nfn g( { }\nlet y = 1\nstruct S { a int }\nfn h() -> int { return 1 }";
    let source = format!("```flux\n{code}\n```\n");
    let (document, diagnostics) = read(&source);
    assert_eq!(diagnostics, ["E0401 =", "E0401", "E0401 {", "E0401 int"]);
    let names: Vec<String> = document.items.iter().map(show::item).collect();
    assert_eq!(names, ["fn f() { Let ok = 2 }", "type S ?", "fn h() -> int { return 1 }"]);
}

#[test]
fn errors_of_code_point_at_their_place() {
    let cases = [
        ("fn f() { let x = 99999999999999999999 }", "E0402 99999999999999999999"),
        ("fn f() { let x = \"abc\n }", "E0403 \"abc"),
        ("fn f() { let x = \"a{}\" }", "E0403 {}"),
        ("fn f() { let x = \"\\q\" }", "E0403 \\q"),
        ("fn f() { let x = @ }", "E0404 @"),
        ("fn f() { let while = 1 }", "E0408 while"),
        ("fn f() { a < b < c }", "E0409 <"),
        ("fn f() { g(1", "E0407 ("),
        ("fn f(x) { }", "E0401 x"),
        ("fn f() { 1 + 2 = 3 }", "E0401 1 + 2"),
        ("fn f() { struct S { a: int }\n }", "E0412 struct"),
        ("x", "E0413 x"),
        ("fn f() { }}", "E0401 }"),
    ];
    for (code, want) in cases {
        let found = errors(code);
        assert!(found.iter().any(|e| e == want), "{code}: {found:?}");
    }
}

#[test]
fn attack_22_expressions_and_types_nested_too_deeply_are_errors() {
    let nested = |open: &str, inner: &str, close: &str, n: usize| {
        format!("fn f() {{ let x = {}{inner}{} }}", open.repeat(n), close.repeat(n))
    };
    for (open, inner, close) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("-", "1", ""),
        ("!", "a", ""),
        ("f(", "1", ")"),
        ("\"{", "1", "}\""),
        ("|x| ", "1", ""),
        ("not ", "a", ""),
        ("a ?? ", "b", ""),
        ("if a { ", "1", " }"),
        ("{1: ", "2", "}"),
        ("match a { _ => ", "1", " }"),
        ("S { a: ", "1", "}"),
        ("fn() { ", "1", " }"),
        ("", "1", " + 1"),
        ("", "a", ".b"),
        ("", "a", "[0]"),
        ("", "a", "()"),
        ("", "a", " as int"),
        ("a == (b + ", "1", ")"),
        ("if a { } else ", "if b { }", ""),
    ] {
        assert!(errors(&nested(open, inner, close, 20)).is_empty(), "{open}{close} 20 deep");
        let found = errors(&nested(open, inner, close, 10_000));
        assert!(found.iter().any(|e| e.starts_with("E0405")), "{open}{close}: {found:?}");
    }
    for (open, close) in [
        ("[", "]"),
        ("map[", "]int"),
        ("map[int]", ""),
        ("fn(", ")"),
        ("(", ")"),
        ("", "?"),
        ("fn() -> ", ""),
    ] {
        let ty = |n: usize| format!("struct S {{ a: {}int{} }}", open.repeat(n), close.repeat(n));
        assert!(errors(&ty(20)).is_empty(), "{open}{close}");
        assert!(errors(&ty(10_000)).iter().any(|e| e.starts_with("E0406")), "{open}{close}");
    }
    let blocks = format!("fn f() {{ {} {} }}", "while a { ".repeat(10_000), "}".repeat(10_000));
    assert!(errors(&blocks).iter().any(|e| e.starts_with("E0405")));
}
