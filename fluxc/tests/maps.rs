//! Maps, and operations that go through arrays with a function.

mod support;

use flux_abi::trap::TrapKind;
use flux_isa::ExportKind;
use support::{Agent, End, LEVELS, call, codes, diagnostics, init_log, keeps_no_more, library};

fn word(value: i64) -> End {
    End::Word(value.cast_unsigned())
}

fn text(value: &str) -> End {
    End::Text(value.into())
}

#[test]
fn entries_come_in_the_order_of_their_keys_first_use() {
    let source = library(
        "fn test() -> str {
  var counts: map[str]int = {}
  for word in \"b a c a b a\".split(\" \") { counts[word] = (counts[word] ?? 0) + 1 }
  counts.insert(\"z\", 9)
  let gone = counts.remove(\"a\")
  let never = counts.remove(\"a\")
  var shown = \"\"
  for key in counts { shown += \"{key}={counts[key] ?? -1} \" }
  return \"{shown}{counts.len()} {counts.has(\"b\")} {counts.has(\"a\")} {gone} {never} {counts[\"q\"]} {counts.keys()} {counts.values()} {counts}\"
}",
    );
    assert_eq!(
        call(&source, "test", &[]),
        text("b=2 c=1 z=9 3 true false 3 none none [b, c, z] [2, 1, 9] {b: 2, c: 1, z: 9}")
    );
}

#[test]
fn every_key_type_is_found_among_many() {
    for (ty, key) in [
        ("int", "i * 7 - 900"),
        ("u8", "(i % 200) as u8"),
        ("i16", "(i - 150) as i16"),
        ("u64", "(i * 1000000007) as u64"),
        ("duration", "(i * 3) as duration"),
        ("str", "\"key {i}\""),
    ] {
        let source = library(&format!(
            "fn test() -> int {{
  var m: map[{ty}]int = {{}}
  for i in 0..200 {{ m[{key}] = i }}
  for i in 0..200 {{ if i % 3 == 0 {{ m.remove({key}) }} }}
  var sum = m.len() * 1000000
  for i in 0..200 {{
    expect m.has({key}) == (i % 3 != 0)
    sum += m[{key}] ?? 0
  }}
  return sum
}}"
        ));
        let kept: i64 = (0..200).filter(|i| i % 3 != 0).sum();
        assert_eq!(call(&source, "test", &[]), word(133 * 1_000_000 + kept), "{ty}");
    }
}

#[test]
fn enums_and_truth_values_are_keys() {
    let source = library(
        "enum Side { Left, Right }
fn test() -> str {
  var by_side: map[Side][int] = {Side.Right: [1], Side.Left: []}
  var list = by_side[Side.Right] ?? []
  list.push(2)
  by_side[Side.Right] = list
  let flags = {true: \"yes\", false: \"no\"}
  return \"{by_side} {flags[3 > 2]} {flags == {false: \"no\", true: \"yes\"}} {flags == {true: \"yes\"}}\"
}",
    );
    assert_eq!(call(&source, "test", &[]), text("{Right: [1, 2], Left: []} yes true false"));
}

#[test]
fn maps_are_values() {
    let source = library(
        "struct Box { m: map[str]map[int]str, n: int }
fn changed(m: map[str]int) -> map[str]int {
  var mine = m
  mine[\"a\"] = 100
  mine[\"new\"] = 1
  return mine
}
fn test() -> str {
  var a = {\"a\": 1, \"b\": 2}
  var b = a
  b[\"a\"] = 5
  let c = changed(a)
  var box = Box { m: {\"x\": {1: \"one\"}}, n: 0 }
  var other = box
  var inner = other.m[\"x\"] ?? {}
  inner[2] = \"two\"
  other.m[\"x\"] = inner
  var list: [map[str]int] = [a, b]
  list[0][\"a\"] = 7
  for key in a { a.remove(key) }
  return \"{a} {b} {c} {box.m} {other.m} {list}\"
}",
    );
    assert_eq!(
        call(&source, "test", &[]),
        text(
            "{} {a: 5, b: 2} {a: 100, b: 2, new: 1} {x: {1: one}} {x: {1: one, 2: two}} [{a: 7, b: 2}, {a: 5, b: 2}]"
        )
    );
}

#[test]
fn state_keeps_maps_over_runs_and_gives_memory_back() {
    let source = "# A\n## Agent\nname: a\ncapabilities: MEMORY, COMMUNICATE\n## State\n- seen: map[str][str] = {}\n- counts: map[int]int = {}\n## On add(n: int)\n```flux\nlet key = \"key {n % 20}\"\nvar list = seen[key] ?? []\nlist.push(\"n {n}\")\nif list.len() > 3 { seen.remove(key) } else { seen[key] = list }\ncounts[n] = n\nif counts.len() > 30 { counts.remove(n - 30) }\nlet copy = seen\nseen = copy\n```\n";
    keeps_no_more(source, 400, 4096);
}

#[test]
fn steps_set_entries_and_go_through_keys() {
    let source = "# A\n## Agent\nname: a\ncapabilities: MEMORY\n## State\n- rooms: map[str]f64 = {\"hall\": 20}\n## Init\n1. Set rooms[\"attic\"] to 25\n2. Set rooms[\"hall\"] to (rooms[\"hall\"] ?? 0) + 1\n3. For each room in rooms: Log \"{room} {rooms[room] ?? 0}\"\n4. Log \"{rooms}\"\n";
    assert_eq!(init_log(source), ["hall 21", "attic 25", "{hall: 21, attic: 25}"]);
}

#[test]
fn functions_go_through_arrays() {
    let source = library(
        "struct Item { name: str, price: int }
fn double(n: int) -> int { return n * 2 }
fn test() -> str {
  let xs: [int] = [5, 3, 8]
  let fixed = [1, 2, 3, 4]
  let items = xs.map(|x| Item { name: \"i{x}\", price: x })
  let limit = 4
  let best = items.find(|item| item.price > limit)
  let names = items.filter(|item| item.price < 6).map(|item| item.name)
  let sum = items.fold(0, |sum, item| sum + item.price)
  let all = xs.fold(\"\", |text, x| text + \"{x}\")
  let pair = xs.fold([0, 0], |pair, x| [pair[0] + 1, pair[1] + x])
  return \"{xs.map(double)} {fixed.map(|x| x * x)} {best?.name} {names} {sum} {all} {pair} {xs.any(|x| x == 3)} {xs.all(|x| x > 3)} {fixed.filter(|x| x % 2 == 0)} {fixed.contains(3)} {fixed.slice(1, 3)} {xs.find(|x| x > 100)}\"
}",
    );
    assert_eq!(
        call(&source, "test", &[]),
        text("[10, 6, 16] [1, 4, 9, 16] i5 [i5, i3] 16 538 [3, 16] true false [2, 4] true [2, 3] none")
    );
}

#[test]
fn sorting_is_stable_and_by_value_or_function() {
    let source = library(
        "struct Item { name: str, price: int }
fn test() -> str {
  var xs: [int] = []
  for i in 0..100 { xs.push((i * 37) % 101) }
  xs.sort()
  for i in 1..100 { expect xs[i - 1] < xs[i] }
  var words = \"pear fig apple date\".split(\" \")
  words.sort()
  var items: [Item] = []
  for i in 0..20 { items.push(Item { name: \"n{i}\", price: i % 3 }) }
  items.sort(|a, b| a.price < b.price)
  var names = \"\"
  for item in items { names += item.name + \" \" }
  var fixed = [2.5, -1.0, 9.0]
  fixed.sort()
  var down: [int] = [1, 2, 3]
  down.sort(|a, b| a > b)
  var empty: [int] = []
  empty.sort()
  return \"{words} {names}{fixed} {down} {empty}\"
}",
    );
    assert_eq!(
        call(&source, "test", &[]),
        text(
            "[apple, date, fig, pear] n0 n3 n6 n9 n12 n15 n18 n1 n4 n7 n10 n13 n16 n19 n2 n5 n8 n11 n14 n17 [-1, 2.5, 9] [3, 2, 1] []"
        )
    );
}

#[test]
fn state_is_sorted_and_filtered_without_losing_its_texts() {
    let source = "# A\n## Agent\nname: a\ncapabilities: MEMORY, COMMUNICATE\n## State\n- names: [str] = [\"c\", \"a\", \"b\"]\n- long: [str] = []\n## On add(n: int)\n```flux\nnames.push(\"n{n % 7}\")\nnames.sort()\nlong = names.filter(|name| name.len() > 1)\nif names.len() > 12 { names = names.slice(0, 5) }\nlet first = long.find(|name| name == \"n1\")\nlong = long.map(|name| name + \"!\")\nexpect first == none or first == \"n1\"\n```\n## Init\n1. `names.sort()`\n2. Log \"{names}\"\n";
    assert_eq!(init_log(source), ["[a, b, c]"]);
    for level in LEVELS {
        let mut agent = Agent::start(source, level);
        let mut charged = 0;
        for n in 0..600 {
            assert_eq!(agent.export(ExportKind::Handler, "add", &[n]).unwrap(), word(0), "{n} {level:?}");
            if n == 300 {
                charged = agent.instance.memory_ref().charged();
            }
        }
        let grown = agent.instance.memory_ref().charged().saturating_sub(charged);
        assert!(grown <= 2048, "{grown} bytes more after 300 runs");
    }
}

#[test]
fn a_trap_in_a_function_has_the_line_of_the_function() {
    let source = library(
        "fn test() -> int {\n  let xs: [int] = [1, 0]\n  let ys = xs.map(\n    |x| 10 / x)\n  return ys[0]\n}",
    );
    let end = call(&source, "test", &[]);
    assert!(matches!(end, End::Trap(TrapKind::DivideByZero, 7)), "{end:?}");
}

#[test]
fn texts_show_enums_that_hold_themselves() {
    let source = library(
        "enum Tree { Leaf(int), Node([Tree]) }\nfn test() -> str { return \"{Tree.Node([Tree.Leaf(1), Tree.Node([])])}\" }",
    );
    assert_eq!(call(&source, "test", &[]), text("Node([Leaf(1), Node([])])"));
}

#[test]
fn what_cannot_be_is_said_with_its_reason() {
    let body = |code: &str| {
        library(&format!("struct P {{ x: int }}\nfn test(m: map[str]int) -> int {{\n  {code}\n}}"))
    };
    for (code, expected) in [
        ("m[\"a\"] = 1\n  return 0", "E0508 line 6: `m` cannot be assigned to"),
        ("var n = m\n  n[\"a\"][0] += 1\n  return 0", "E0506 line 7: expected an array, found int"),
        ("var n = m\n  n[1] = 1\n  return 0", "E0506 line 7: expected str, found int"),
        ("return m[\"a\"]", "E0506 line 6: expected int, found int?"),
        ("let n: map[f64]int = {}\n  return 0", "E0506 line 6: a map cannot have keys of type f64"),
        ("let n = {1.5: 1}\n  return 0", "E0506 line 6: a map cannot have keys of type f64"),
        ("let n = {}\n  return 0", "E0510 line 6: nothing tells what is in this empty value"),
        ("return m.size()", "E0503 line 6: map[str]int has no method `size`"),
        ("var ps: [P] = []\n  ps.sort()\n  return 0", "E0506 line 7: values of type P have no order"),
        (
            "let xs: [int] = []\n  xs.map(|x| x)\n  return xs.filter(|x| x)",
            "E0506 line 8: expected bool, found int",
        ),
    ] {
        let said = diagnostics(&body(code));
        assert!(said.iter().any(|line| line.starts_with(expected)), "{code}: {said:?}");
    }
    let agent = "# A\n## Agent\nname: a\n## State\n- m: map[str]int\n## Init\n1. Set m[\"a\"] to 1\n";
    assert_eq!(codes(agent), ["E0601"]);
}
