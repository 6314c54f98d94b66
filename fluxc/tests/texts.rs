//! Methods of texts and bytes, by character.

mod support;

use flux_abi::trap::TrapKind;
use support::{End, call, codes, library, text};

fn shown(code: &str) -> End {
    call(&library(&format!("fn test() -> str {{\n{code}\n}}")), "test", &[])
}

#[test]
fn characters_are_counted_not_bytes() {
    let code = "let s = \"aé€😀b\"
return \"{s[1]} {s[3]} {s.slice(1, 4)} {s.slice(5, 5)}| {s.chars().len()} {s.bytes().len()} {s.find(\"😀\") ?? -1} {s.find(\"x\") ?? -1}\"";
    assert_eq!(shown(code), text("é 😀 é€😀 | 5 11 3 -1"));
}

#[test]
fn texts_are_taken_apart_and_put_together() {
    let code = "let words = \" the quick  fox \".trim().split(\" \")
var out = \"\"
for c in \"abc\".chars() { out = c + out }
let empty: [str] = []
return \"{words.len()} {words.join(\"-\")} {out} {empty.join(\",\").bytes().len()} {\"\".split(\",\").len()} {\"a,,b\".split(\",\").len()} {\"\".chars().len()}\"";
    assert_eq!(shown(code), text("4 the-quick--fox cba 0 1 3 0"));
}

#[test]
fn texts_are_searched_and_changed() {
    let code = "let s = \"Hello, World\"
return \"{s.to_upper()} {s.to_lower()} {s.replace(\"o\", \"00\")} {s.replace(\"\", \"x\")} {s.contains(\"World\")} {s.contains(\"world\")} {s.starts_with(\"Hell\")} {s.ends_with(\"ld\")} {s.ends_with(\"Hello, World!\")}\"";
    assert_eq!(
        shown(code),
        text("HELLO, WORLD hello, world Hell00, W00rld Hello, World true false true true false")
    );
}

#[test]
fn numbers_are_read_or_none() {
    for (expr, value) in [
        ("\"42\".parse_int() ?? -1", "42"),
        ("\"-9223372036854775808\".parse_int() ?? -1", "-9223372036854775808"),
        ("\"9223372036854775808\".parse_int() ?? -1", "-1"),
        ("\"4 2\".parse_int() ?? -1", "-1"),
        ("\"\".parse_int() ?? -1", "-1"),
        ("\"1.5e3\".parse_float() ?? -1.0", "1500"),
        ("\"inf\".parse_float() ?? -1.0", "-1"),
        ("\"1e999\".parse_float() ?? -1.0", "-1"),
        ("\"nan\".parse_float() ?? -1.0", "-1"),
    ] {
        assert_eq!(shown(&format!("return \"{{{expr}}}\"")), text(value), "{expr}");
    }
}

#[test]
fn bytes_change_and_become_texts() {
    let code = "var b = \"hi\".bytes()
b.push(33)
b[0] = 72
var wrong = b
wrong.push(255)
let last = wrong.pop()
wrong.push(0xC3)
return \"{b.text() ?? \"-\"} {wrong.text() ?? \"no text\"} {last ?? 0} {b.slice(0, 2).text() ?? \"-\"} {b == wrong}\"";
    assert_eq!(shown(code), text("Hi! no text 255 Hi false"));
}

#[test]
fn pop_gives_the_last_or_none() {
    let code = "var xs: [str] = [\"a\", \"b\"]
var rows: [[int]] = [[1], [2, 3]]
let last = rows.pop() ?? []
let b = xs.pop() ?? \"-\"
let a = xs.pop() ?? \"-\"
let no = xs.pop() ?? \"-\"
return \"{b}{a}{no} {last.len()} {rows.len()} {xs.len()}\"";
    assert_eq!(shown(code), text("ba- 2 1 0"));
}

#[test]
fn a_character_beyond_the_end_is_a_trap_with_its_line() {
    for code in [
        "return s[3]",
        "return s[-1]",
        "return s.slice(1, 4)",
        "return s.slice(2, 1)",
        "return s.slice(-1, 2)",
        "return s.slice(0, 4294967299)",
    ] {
        let source = library(&format!("fn test() -> str {{\n  let s = \"aé€\"\n  {code}\n}}"));
        assert_eq!(call(&source, "test", &[]), End::Trap(TrapKind::Index, 6), "{code}");
    }
}

#[test]
fn what_texts_have_not_is_said() {
    for (code, expected) in [
        ("fn f(s: str) -> str { return s.trimm() }", "E0503"),
        ("fn f(s: str) -> str { return s.trim(1) }", "E0507"),
        ("fn f(s: str) { s[0] = \"x\" }", "E0508"),
        ("fn f(xs: [int]) -> str { return xs.join(\",\") }", "E0503"),
    ] {
        assert!(codes(&library(code)).contains(&expected.to_string()), "{code}: {:?}", codes(&library(code)));
    }
}

#[test]
fn a_width_and_digits_shape_a_value() {
    let source = library(
        "enum Side { Left, Right }\nfn test() -> str {\n  let x = 3.14159\n  let n = -42\n  return \"{x:.2}|{n:6}|{\"ab\":5}|{\"ab\":>5}|{\"ab\":^5}|{x:8.1}|{x:<8.0}|{Side.Left:7}|{1.0:.3}|{[1, 2]:10}|{\"longer\":3}\"\n}",
    );
    assert_eq!(
        call(&source, "test", &[]),
        text("3.14|   -42|ab   |   ab| ab  |     3.1|3       |Left   |1.000|[1, 2]    |longer")
    );
}

#[test]
fn a_shape_that_is_none_is_said_with_its_reason() {
    for (shape, expected) in [
        ("{n:.2}", "E0506 line 5: only numbers with a point have digits behind it, found int"),
        ("{n:x}", "E0403 line 5: this does not say how the value is shown"),
        ("{n:}", "E0403 line 5: this does not say how the value is shown"),
        ("{n:999}", "E0403 line 5: this does not say how the value is shown"),
        ("{n:>}", "E0403 line 5: this does not say how the value is shown"),
    ] {
        let source = library(&format!("fn test(n: int) -> str {{\n  return \"{shape}\"\n}}"));
        let said = support::diagnostics(&source);
        assert!(said.iter().any(|line| line.starts_with(expected)), "{shape}: {said:?}");
    }
}
