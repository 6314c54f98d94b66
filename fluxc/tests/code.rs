//! What code means: types, arithmetic, control flow, arrays, structs, texts.

mod support;

use flux_abi::trap::TrapKind;
use support::{End, call, eval, init_log, library, text, word};

fn float(value: f64) -> End {
    End::Word(value.to_bits())
}

fn trap(kind: TrapKind) -> End {
    End::Trap(kind, 4)
}

#[test]
fn integers_trap_at_the_ends_of_their_type() {
    for (ty, highest, lowest) in [
        ("i8", "127", "-128"),
        ("i16", "32767", "-32768"),
        ("i32", "2147483647", "-2147483648"),
        ("i64", "9223372036854775807", "-9223372036854775808"),
        ("u8", "255", "0"),
        ("u16", "65535", "0"),
        ("u32", "4294967295", "0"),
        ("u64", "18446744073709551615", "0"),
    ] {
        let add = library(&format!(
            "fn test(a: {ty}, b: {ty}) -> {ty} {{ return a + b }}\nfn high() -> {ty} {{ return test({highest}, 0) }}\nfn over() -> {ty} {{ return test({highest}, 1) }}\nfn sub(a: {ty}, b: {ty}) -> {ty} {{ return a - b }}\nfn under() -> {ty} {{ return sub({lowest}, 1) }}\nfn wrap() -> {ty} {{ return wrapping_add({highest}, 1) }}"
        ));
        assert!(matches!(call(&add, "high", &[]), End::Word(_)), "{ty}");
        assert!(matches!(call(&add, "over", &[]), End::Trap(TrapKind::Overflow, _)), "{ty}");
        assert!(matches!(call(&add, "under", &[]), End::Trap(TrapKind::Overflow, _)), "{ty}");
        let wrapped = match lowest {
            "0" => 0,
            lowest => lowest.parse::<i64>().unwrap(),
        };
        assert_eq!(call(&add, "wrap", &[]), word(wrapped), "{ty}");
    }
}

#[test]
fn division_truncates_and_traps_on_zero() {
    assert_eq!(eval("int", "-7 / 2"), word(-3));
    assert_eq!(eval("int", "-7 % 2"), word(-1));
    let source = library("fn test(a: int, b: int) -> int { return a / b }");
    assert_eq!(call(&source, "test", &[7, 0]), trap(TrapKind::DivideByZero));
    let least = i64::MIN.cast_unsigned();
    assert_eq!(call(&source, "test", &[least, u64::MAX]), trap(TrapKind::Overflow));
}

#[test]
fn conversions_check_the_range() {
    assert_eq!(eval("u8", "255 as u8"), word(255));
    let narrow = library("fn test(a: int) -> u8 { return a as u8 }");
    assert_eq!(call(&narrow, "test", &[256]), trap(TrapKind::Conversion));
    let whole = library("fn test(a: f64) -> int { return a as int }");
    assert_eq!(call(&whole, "test", &[(-2.9f64).to_bits()]), word(-2));
    assert_eq!(call(&whole, "test", &[f64::NAN.to_bits()]), trap(TrapKind::Conversion));
    assert_eq!(call(&whole, "test", &[1e300f64.to_bits()]), trap(TrapKind::Conversion));
    assert_eq!(eval("int", "true as int + (1500ms as int)"), word(1_500_000_001));
    assert_eq!(eval("f64", "(1.0 as f32 / 3.0) as f64"), float(f64::from(1.0f32 / 3.0)));
}

#[test]
fn a_literal_takes_the_type_of_the_other_operand() {
    let source = library("fn test(a: f64) -> f64 { return a * 2 + 1 }");
    assert_eq!(call(&source, "test", &[1.5f64.to_bits()]), float(4.0));
    assert_eq!(eval("u32", "0xFFFF_FFFF & 255 << 4"), word(0xFF0));
    assert_eq!(eval("f64", "50%"), float(0.5));
    assert_eq!(eval("int", "2KB"), word(2048));
}

#[test]
fn and_and_or_look_at_the_right_side_only_when_they_must() {
    let source = library(
        "fn boom() -> bool { return 1 / zero() == 0 }\nfn zero() -> int { return 0 }\nfn test(a: bool) -> bool { return a || boom() }\nfn both(a: bool) -> bool { return a && boom() }",
    );
    assert_eq!(call(&source, "test", &[1]), word(1));
    assert!(matches!(call(&source, "test", &[0]), End::Trap(TrapKind::DivideByZero, 4)));
    assert_eq!(call(&source, "both", &[0]), word(0));
}

#[test]
fn loops_break_continue_and_count_inclusively_to_the_last_number() {
    let source = library(
        "fn test(n: int) -> int {
  var sum = 0
  for i in 0..n {
    if i == 3 { continue }
    if i == 6 { break }
    sum += i
  }
  return sum
}
fn all() -> int {
  var count = 0
  for i in 250..=255 { let b: u8 = i; count += b as int }
  return count
}
fn upto(last: i64) -> int {
  var count = 0
  for i in last - 2..=last { count += 1 }
  return count
}
fn nested() -> int {
  var steps = 0
  var i = 0
  while true {
    var j = 0
    while j < 3 { j += 1; steps += 1; if steps == 7 { break } }
    i += 1
    if i == 3 { break }
  }
  return steps
}",
    );
    assert_eq!(call(&source, "test", &[100]), word(1 + 2 + 4 + 5));
    assert_eq!(call(&source, "all", &[]), word(250 + 251 + 252 + 253 + 254 + 255));
    assert_eq!(call(&source, "upto", &[i64::MAX as u64]), word(3));
    assert_eq!(call(&source, "nested", &[]), word(7));
}

#[test]
fn an_index_out_of_range_traps_on_its_line() {
    let source = library("fn test(i: int) -> int {\n  let a: [int; 3] = [10, 20, 30]\n  return a[i]\n}");
    assert_eq!(call(&source, "test", &[2]), word(30));
    assert_eq!(call(&source, "test", &[3]), End::Trap(TrapKind::Index, 6));
    assert_eq!(call(&source, "test", &[u64::MAX]), End::Trap(TrapKind::Index, 6));
}

#[test]
fn arrays_of_every_element_width_keep_their_values() {
    for (ty, value) in [
        ("i8", "-100"),
        ("i16", "-30000"),
        ("i32", "-2000000000"),
        ("i64", "-9000000000000000000"),
        ("u8", "200"),
        ("u16", "60000"),
        ("u32", "4000000000"),
        ("u64", "18000000000000000000"),
        ("f32", "1.5"),
        ("f64", "-2.25"),
    ] {
        let source = library(&format!(
            "fn put(i: int) -> bool {{
  var a: [{ty}; 5] = [0; 5]
  a[i] = {value}
  a[i] += 1
  a[i] -= 1
  var clean = true
  for j in 0..5 {{ if j != i && a[j] != 0 {{ clean = false }} }}
  return clean && a[i] == {value}
}}"
        ));
        for i in 0..5 {
            assert_eq!(call(&source, "put", &[i]), word(1), "{ty} {i}");
        }
    }
    let source = library(
        "fn test() -> bool { var a: [bool; 9] = [true; 9]; a[4] = false; return a[3] && !a[4] && a[8] }",
    );
    assert_eq!(call(&source, "test", &[]), word(1));
}

#[test]
fn structs_and_arrays_are_values() {
    let source = library(
        "struct P { x: int, y: u8, z: f64 }
struct Q { a: P, list: [P; 3], flag: bool }
fn bump(p: P) -> P { var q = p; q.x += 1; return q }
fn same(p: P) -> P { return p }
fn test() -> int {
  var a = P { x: 1, y: 2, z: 3.0 }
  var b = a
  b.x = 10
  let c = bump(a)
  var q = Q { a: a, list: [a, b, c], flag: true }
  q.list[1].x += 5
  q.a = q.list[1]
  q.list[0] = same(q.a)
  q.a.x = 1000
  let copy = q
  q.list[2] = P { x: q.list[0].x, y: 0, z: 0.0 }
  var sum = 0
  for p in copy.list { sum = sum * 100 + p.x }
  return sum * 10000 + q.list[2].x * 100 + a.x
}
fn swap() -> int {
  var a = P { x: 1, y: 2, z: 0.0 }
  var i = 0
  while i < 3 {
    a = P { x: a.y as int, y: a.x as u8, z: a.z }
    i += 1
  }
  return a.x * 10 + a.y as int
}
fn pick(first: bool) -> int {
  let a = P { x: 7, y: 0, z: 0.0 }
  let b = P { x: 9, y: 0, z: 0.0 }
  let c = if first { a } else { b }
  return c.x
}",
    );
    assert_eq!(call(&source, "test", &[]), word(151_502 * 10_000 + 15 * 100 + 1));
    assert_eq!(call(&source, "swap", &[]), word(21));
    assert_eq!(call(&source, "pick", &[1]), word(7));
    assert_eq!(call(&source, "pick", &[0]), word(9));
}

#[test]
fn each_activation_of_a_recursive_function_has_its_own_arrays() {
    let source = library(
        "struct P { left: int, right: int }
fn walk(n: int) -> P {
  var seen: [int; 4] = [n; 4]
  if n == 0 { return P { left: 0, right: 1 } }
  let below = walk(n - 1)
  seen[n % 4] += below.left
  return P { left: seen[n % 4] + below.right, right: seen[(n + 1) % 4] }
}
fn test() -> int { let p = walk(10); return p.left * 1000 + p.right }
fn even(n: int) -> bool { var a: [int; 1] = [n]; if n == 0 { return true }; return odd(n - 1) && a[0] == n }
fn odd(n: int) -> bool { var a: [int; 1] = [n]; if n == 0 { return false }; return even(n - 1) && a[0] == n }",
    );
    fn walk(n: i64) -> (i64, i64) {
        if n == 0 {
            return (0, 1);
        }
        let below = walk(n - 1);
        (n + below.0 + below.1, n)
    }
    let (left, right) = walk(10);
    assert_eq!(call(&source, "test", &[]), word(left * 1000 + right));
    assert_eq!(call(&source, "even", &[20]), word(1));
    assert_eq!(call(&source, "even", &[7]), word(0));
}

#[test]
fn a_function_with_arrays_can_be_called_very_often() {
    // Its frame is at a fixed place: nothing grows.
    let source = library(
        "fn mean(a: f64, b: f64) -> f64 { var v: [f64; 64] = [a; 64]; v[1] = b; return (v[0] + v[1]) / 2.0 }
fn test() -> f64 { var x = 0.0; for i in 0..100000 { x = mean(x, 1.0) }; return x }",
    );
    let End::Word(bits) = call(&source, "test", &[]) else { panic!() };
    assert!((f64::from_bits(bits) - 1.0).abs() < 1e-9);
}

#[test]
fn texts_are_joined_compared_and_measured() {
    assert_eq!(eval("str", "\"a\" + \"b{1 + 2}c{true}{1.5}{90s}\""), text("ab3ctrue1.590s"));
    assert_eq!(eval("int", "\"grün\".len()"), word(5));
    assert_eq!(
        eval("bool", "\"abc\" < \"abd\" && \"\" < \"a\" && \"a\" == \"a\" && \"a\" != \"b\""),
        word(1)
    );
    let source = library("fn test(n: u64) -> str { return \"{n}\" }");
    assert_eq!(call(&source, "test", &[u64::MAX]), text("18446744073709551615"));
}

#[test]
fn match_takes_the_first_arm_that_fits() {
    let source = library(
        "enum E { A, B, C }
fn name(e: E) -> str { return match e { A => \"a\", E.B => \"b\", C => \"c\" } }
fn test(n: int) -> str {
  return match n {
    -5..0 => \"below\",
    0 => \"zero\",
    1 | 2 => \"few\",
    x if x > 100 && x % 2 == 0 => \"big even {x}\",
    3..=9 => \"some\",
    _ => name(E.C),
  }
}
fn flip(b: bool) -> int { match b { true => { return 1 }, false => { return 2 } } }
fn word(s: str) -> int { return match s { \"on\" => 1, \"off\" => 0, _ => -1 } }
fn words() -> int { return word(\"on\") * 100 + word(\"off\") * 10 + word(\"?\") }",
    );
    for (n, expected) in
        [(0, "zero"), (2, "few"), (-5, "below"), (102, "big even 102"), (101, "c"), (9, "some"), (10, "c")]
    {
        assert_eq!(call(&source, "test", &[i64::cast_unsigned(n)]), text(expected), "{n}");
    }
    assert_eq!(call(&source, "flip", &[0]), word(2));
    assert_eq!(call(&source, "words", &[]), word(99));
}

#[test]
fn constants_may_be_tables() {
    let source = library(
        "const N: int = 2 + 2
const TABLE: [u16; N] = [1, 10, 100, 1000]
const NAMES: [str; 2] = [\"zero\", \"one\"]
struct P { x: f64, y: f64 }
const ORIGIN: P = P { x: 1.5, y: -2.0 }
fn sum() -> int { var s = 0; for t in TABLE { s += t as int }; return s }
fn name(i: int) -> str { return NAMES[i] }
fn y() -> f64 { return ORIGIN.y }",
    );
    assert_eq!(call(&source, "sum", &[]), word(1111));
    assert_eq!(call(&source, "name", &[1]), text("one"));
    assert_eq!(call(&source, "y", &[]), float(-2.0));
}

#[test]
fn a_function_takes_more_arguments_than_registers() {
    let params: Vec<String> = (0..40).map(|i| format!("p{i}: int")).collect();
    let sum: Vec<String> = (0..40).map(|i| format!("p{i} * {}", i + 1)).collect();
    let args: Vec<String> = (0..40).map(|i| format!("{i}")).collect();
    let source = library(&format!(
        "fn many({}) -> int {{ return {} }}\nfn test() -> int {{ return many({}) }}",
        params.join(", "),
        sum.join(" + "),
        args.join(", ")
    ));
    let expected: i64 = (0..40).map(|i| i * (i + 1)).sum();
    assert_eq!(call(&source, "test", &[]), word(expected));
}

#[test]
fn state_outlives_a_run_and_texts_in_it_are_its_own() {
    let source = "# T
## Types
```flux
struct R { label: str, parts: [str; 2], n: int }
```
## Agent
name: t
## State
- name: str = \"first\"
- before: str = \"\"
- r: R = R { label: \"l\", parts: [\"p\", \"q\"], n: 1 }
- n: int = 3
## Init
1. Set kept to name
2. Set copy to r
3. Set name to name + \"{n}\"
4. Set before to kept
5. Set r.parts[1] to name
6. Set r.label to r.parts[0]
7. ```flux
   r = R { label: r.parts[1], parts: [r.label, copy.parts[1]], n: r.n + 1 }
   ```
8. Repeat 2000 times:
   - Set name to \"value {n}\"
   - Add 1 to n
9. Log \"{kept} {name} {before} {copy.label}{copy.parts[0]}{copy.parts[1]} {r.label} {r.parts[0]} {r.parts[1]} {r.n}\"
";
    assert_eq!(init_log(source), ["first value 2002 first lpq first3 p q 2"]);
}

#[test]
fn steps_mix_int_and_f64_and_code_does_not() {
    let source = "## Agent
name: t
## State
- count: int = 7
## Init
1. Set half to count * 0.5
2. Log \"{half} {max(count, 2.5)} {count / 2}\"
";
    assert_eq!(init_log(source), ["3.5 7 3"]);
    let code = library("fn test(count: int) -> f64 { return count * 0.5 }");
    assert_eq!(support::codes(&code), ["E0506"]);
}

#[test]
fn expect_traps_with_its_text_in_the_log() {
    let source = "## Agent\nname: t\n## Init\n1. `expect 1 > 2, \"one is {1}\"`\n";
    assert_eq!(init_log(source), ["one is 1", "Trap(Assertion, 4)"]);
}

#[test]
fn a_part_of_a_constant_is_a_constant() {
    let source = library(
        "struct P { x: int, tags: [str; 2] }
const P0: P = P { x: 3, tags: [\"a\", \"b\"] }
const N: int = P0.x
const TAG: str = P0.tags[1]
const ROW: [u8; N] = [7; N]
const LAST: u8 = ROW[2]
fn f() -> str { return \"{N} {TAG} {ROW.len()} {LAST}\" }",
    );
    assert_eq!(call(&source, "f", &[]), text("3 b 3 7"));
    let outside = library("const A: [int; 2] = [1, 2]\nconst B: int = A[2]");
    assert_eq!(support::codes(&outside), ["E0512"]);
}

/// The array has the value that it had before the first round.
#[test]
fn a_loop_goes_through_the_elements_as_they_were() {
    let source = library(
        "fn f() -> int {
  var row = [1, 2, 3]
  var grid = [[1, 2], [3, 4]]
  var seen = 0
  for n in row {
    row[2] = 9
    seen = seen * 10 + n
  }
  for line in grid {
    grid[1] = [7, 7]
    for n in line { seen = seen * 10 + n }
  }
  return seen * 10 + row[2]
}",
    );
    assert_eq!(call(&source, "f", &[]), End::Word(12_312_349));
}

#[test]
fn a_struct_shows_as_it_is_written() {
    let source = library(
        "struct Reading { at: int, value: f64 }
struct Row { name: str, worst: Reading?, all: [Reading], by: map[str]Reading, next: [Row] }
enum E { A(Reading), B }
struct Nothing {}
fn plain() -> str { return \"{Reading { at: 3, value: 1.5 }}\" }
fn deep() -> str {
  let one = Reading { at: 1, value: 2.0 }
  let last = Row { name: \"end\", worst: none, all: [], by: {}, next: [] }
  let row = Row { name: \"x\", worst: one, all: [one, one], by: { \"k\": one }, next: [last] }
  return \"{row}; {E.A(one)}; {Nothing {}}\"
}",
    );
    assert_eq!(call(&source, "plain", &[]), text("Reading { at: 3, value: 1.5 }"));
    let one = "Reading { at: 1, value: 2 }";
    let last = "Row { name: end, worst: none, all: [], by: {}, next: [] }";
    let deep = format!(
        "Row {{ name: x, worst: {one}, all: [{one}, {one}], by: {{k: {one}}}, next: [{last}] }}; A({one}); Nothing {{}}"
    );
    assert_eq!(call(&source, "deep", &[]), text(&deep));
}
