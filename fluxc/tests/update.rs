//! Compound assignment: `place op= value` on every place, its address found once.

mod support;

use flux_abi::trap::TrapKind;
use support::{End, call, diagnostics, init_log, keeps_no_more, library, text, word};

fn agent(state: &str, init: &str) -> String {
    format!("# A\n## Agent\nname: a\ncapabilities: MEMORY\n## State\n{state}\n## Init\n{init}\n")
}

#[test]
fn a_key_that_is_not_there_counts_from_nothing() {
    let source = library(
        "enum Side { Left, Right }
fn test() -> str {
  var counts: map[str]int = {}
  for word in \"b a c a b a\".split(\" \") { counts[word] += 1 }
  counts[\"c\"] -= 5
  counts[\"d\"] -= 2
  var sums: map[int]f64 = {1: 0.5}
  sums[1] += 1.25
  sums[2] += 3.5
  var texts: map[bool]str = {true: \"yes\"}
  texts[true] += \"!\"
  texts[false] += \"no\"
  var groups: map[Side][int] = {}
  groups[Side.Right] += [1]
  groups[Side.Right] += [2, 3]
  var times: map[u8]duration = {}
  times[7] += 2s
  times[7] -= 500ms
  return \"{counts} {sums} {texts} {groups} {times}\"
}",
    );
    assert_eq!(
        call(&source, "test", &[]),
        text(
            "{b: 2, a: 3, c: -4, d: -2} {1: 1.75, 2: 3.5} {true: yes!, false: no} {Right: [1, 2, 3]} {7: 1500ms}"
        )
    );
}

#[test]
fn what_makes_nothing_of_nothing_traps_where_the_key_is_missing() {
    for (op, there) in [("*=", 12), ("/=", 3), ("%=", 0)] {
        let source = library(&format!(
            "fn test(key: str) -> int {{\n  var m = {{\"a\": 6}}\n  m[key] {op} 2\n  return m[key] ?? 0\n}}\nfn there() -> int {{ return test(\"a\") }}\nfn missing() -> int {{ return test(\"b\") }}"
        ));
        assert_eq!(call(&source, "there", &[]), word(there), "{op}");
        assert!(matches!(call(&source, "missing", &[]), End::Trap(TrapKind::Index, _)), "{op}");
    }
}

#[test]
fn counting_below_zero_traps_for_unsigned_numbers() {
    let source = library(
        "fn test() -> int {\n  var m: map[str]u8 = {}\n  m[\"a\"] += 200\n  m[\"b\"] -= 1\n  return 0\n}",
    );
    assert!(matches!(call(&source, "test", &[]), End::Trap(TrapKind::Overflow, _)));
}

#[test]
fn index_and_key_are_evaluated_once() {
    let source = library(
        "struct Cell { n: int, by: map[str]int }
fn test() -> str {
  var order = [2, 0, 1, 2]
  var left: [int] = [2, 0, 1, 2]
  var xs: [int] = [10, 20, 30]
  var fixed = [1, 2, 3]
  var names: [str] = [\"a\", \"b\", \"a\"]
  var counts: map[str]int = {}
  var cells: [Cell] = [Cell { n: 0, by: {} }, Cell { n: 0, by: {} }]
  xs[left.remove(0)] += 1
  fixed[left.remove(0)] *= 5
  counts[names.remove(0)] += 1
  counts[names.remove(0)] += 1
  counts[names.remove(0)] += 1
  cells[left.remove(0)].n -= 3
  cells[left.pop() ?? 0 - 1].by[\"x\"] += order[3]
  return \"{xs} {fixed} {counts} {cells[0].by} {cells[1].n} {cells[1].by} {left} {names}\"
}",
    );
    let source = source.replace("left.pop() ?? 0 - 1", "(left.pop() ?? 0) - 1");
    assert_eq!(call(&source, "test", &[]), text("[10, 20, 31] [5, 2, 3] {a: 2, b: 1} {} -3 {x: 2} [] []"));
}

#[test]
fn places_inside_places_are_updated() {
    let source = library(
        "struct Inner { hits: [int; 3], by: map[str]int }
struct Outer { inner: Inner, rows: [[f64]], note: str }
fn test() -> str {
  var o = Outer { inner: Inner { hits: [0; 3], by: {\"a\": 1} }, rows: [[1.0], [2.0, 3.0]], note: \"n\" }
  let before = o
  var maps: [map[int]int] = [{}, {5: 1}]
  o.inner.hits[1] += 4
  o.inner.by[\"a\"] *= 10
  o.inner.by[\"b\"] += 1
  o.rows[1][0] /= 4.0
  o.rows[0] += [9.0]
  o.note += \"ew\"
  maps[1][5] += 1
  maps[0][5] -= 1
  return \"{o.inner.hits} {o.inner.by} {o.rows} {o.note} {maps} {before.inner.by} {before.rows}\"
}",
    );
    assert_eq!(
        call(&source, "test", &[]),
        text("[0, 4, 0] {a: 10, b: 1} [[1, 9], [0.5, 3]] new [{5: -1}, {5: 2}] {a: 1} [[1], [2, 3]]")
    );
}

#[test]
fn the_value_may_change_what_holds_the_place() {
    let source = library(
        "fn test() -> str {
  var m = {\"a\": 1, \"b\": 2}
  m[\"a\"] += m.remove(\"a\") ?? 0
  m[\"c\"] += m.remove(\"b\") ?? 0
  var xs: [int] = [1, 2, 3]
  xs[0] += xs.pop() ?? 0
  var names: [str] = [\"x\", \"y\"]
  m[names[0]] += names.remove(0).len()
  return \"{m} {xs} {names}\"
}",
    );
    assert_eq!(call(&source, "test", &[]), text("{a: 1, c: 2, x: 1} [4, 2] [y]"));
}

#[test]
fn steps_add_to_keys_and_elements() {
    let source = agent(
        "- counts: map[str]int = {}\n- rooms: map[str]f64 = {\"hall\": 20.5}\n- rows: [f64; 2] = [1, 2]",
        "1. For each word in \"b a b\".split(\" \"): Add 1 to counts[word]\n2. Add 1 to rooms[\"hall\"]\n3. Subtract 2 from rooms[\"attic\"]\n4. Add 1 to rows[1]\n5. `counts[\"a\"] *= 7`\n6. Log \"{counts} {rooms} {rows}\"",
    );
    assert_eq!(init_log(&source), ["{b: 2, a: 7} {hall: 21.5, attic: -2} [1, 3]"]);
}

#[test]
fn state_gives_back_what_was_there_before() {
    let source = "# A\n## Agent\nname: a\ncapabilities: MEMORY, COMMUNICATE\n## State\n- notes: map[str]str = {}\n- lists: map[int][str] = {}\n- counts: map[str]int = {}\n- rows: [[int]] = [[], []]\n## On add(n: int)\n```flux\nlet key = \"key {n % 20}\"\nnotes[key] += \"{n} \"\nif (notes[key]?.len() ?? 0) > 40 { notes.remove(key) }\nlists[n % 7] += [\"n {n}\"]\nif (lists[n % 7]?.len() ?? 0) > 5 { lists[n % 7] = [] }\ncounts[key] += n\nrows[n % 2] += [n]\nif rows[n % 2].len() > 10 { rows[n % 2] = [] }\n```\n";
    keeps_no_more(source, 400, 4096);
}

#[test]
fn c_and_python_find_an_element_once() {
    let source = "# L\n```c\n#include <stdint.h>\nstatic int next(int32_t at[1]) { at[0] += 1; return at[0] - 1; }\nint narrow(void) {\n  uint8_t bytes[3] = {1, 250, 3};\n  int32_t at[1] = {0};\n  bytes[next(at)] += 4;\n  bytes[next(at)] += 4;\n  bytes[next(at)] *= 3;\n  return bytes[0] * 10000 + bytes[1] * 100 + bytes[2] + at[0] * 1000000;\n}\n```\n```python\ndef following(at: \"[int; 1]\") -> int:\n    at[0] += 1\n    return at[0] - 1\n\ndef halved() -> float:\n    at = [0]\n    values = [8.0, 6.0]\n    values[following(at)] /= 2\n    values[following(at)] //= 4\n    return values[0] * 100 + values[1] * 10 + at[0]\n```\n";
    assert_eq!(call(source, "narrow", &[]), word(3_075_409));
    assert_eq!(call(source, "halved", &[]), End::Word(412.0f64.to_bits()));
}

#[test]
fn what_is_no_place_is_said() {
    let source = library(
        "struct P { x: int }
fn test(m: map[str]int) {
  m[\"a\"] += 1
  var points: map[str]P = {}
  points[\"a\"].x += 1
  points[\"a\"] += 1
  var flags: map[str]bool = {}
  flags[\"a\"] += true
  var n: map[str]int = {}
  n[\"a\"] += 1.5
  n[1] += 1
}",
    );
    assert_eq!(
        diagnostics(&source),
        [
            "E0508 line 6: `m` cannot be assigned to",
            "E0506 line 9: expected P, found int",
            "E0506 line 11: `flags[\"a\"] += true` does not work on bool",
            "E0506 line 13: expected int, found f64",
            "E0506 line 14: expected str, found int"
        ]
    );
}
