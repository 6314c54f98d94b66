//! Growable arrays: value semantics, methods, in State, limits.

mod support;

use flux_abi::trap::TrapKind;
use flux_fluxc::Level;
use flux_isa::ExportKind;
use support::{
    Agent, End, LEVELS, call, codes, compiled, diagnostics, init_log, keeps_no_more, library, text, word,
};

/// An agent whose Init is the code.
fn agent(state: &str, code: &str) -> String {
    format!(
        "# A\n## Agent\nname: a\ncapabilities: MEMORY, COMMUNICATE\n## State\n{state}\n## Init\n1. ```flux\n{}\n   ```\n",
        code.lines().map(|line| format!("   {line}")).collect::<Vec<_>>().join("\n")
    )
}

#[test]
fn elements_come_out_as_they_went_in() {
    let source = library(
        "fn test() -> str {
  var xs: [int] = [3, 1]
  xs.push(4)
  xs.insert(0, 9)
  xs.insert(4, 7)
  let gone = xs.remove(1)
  var shown = \"\"
  for x in xs { shown += \"{x} \" }
  return \"{shown}len {xs.len()} gone {gone} {xs[2]} {xs.contains(4)} {xs.contains(3)}\"
}",
    );
    assert_eq!(call(&source, "test", &[]), text("9 1 4 7 len 4 gone 3 4 true false"));
}

#[test]
fn every_element_type_is_held_in_its_width() {
    for (ty, a, b, sum) in [
        ("u8", "200", "55", 255),
        ("i8", "-100", "90", -10),
        ("u16", "60000", "5535", 65_535),
        ("i16", "-30000", "1", -29_999),
        ("u32", "4000000000", "1", 4_000_000_001),
        ("i32", "-2000000000", "1", -1_999_999_999),
        ("int", "-5", "6", 1),
    ] {
        let source = library(&format!(
            "fn test() -> int {{\n  var xs: [{ty}] = []\n  for i in 0..40 {{ xs.push({a})\n xs.push({b}) }}\n  return (xs[78] + xs[79]) as int\n}}"
        ));
        assert_eq!(call(&source, "test", &[]), word(sum), "{ty}");
    }
    let floats =
        library("fn test() -> f64 {\n  var xs: [f64] = [0.5]\n  xs.push(1.25)\n  return xs[0] + xs[1]\n}");
    assert_eq!(call(&floats, "test", &[]), End::Word(1.75f64.to_bits()));
    let flags =
        library("fn test() -> bool {\n  var xs: [bool] = [false]\n  xs.push(true)\n  return xs[1]\n}");
    assert_eq!(call(&flags, "test", &[]), word(1));
}

#[test]
fn a_copy_does_not_see_changes_of_the_original() {
    let source = library(
        "struct Row { name: str, cells: [int] }
fn changed(xs: [int]) -> [int] {
  var mine = xs
  mine[0] = 100
  mine.push(5)
  return mine
}
fn same(xs: [int]) -> [int] { return xs }
fn test() -> str {
  var a: [int] = [1, 2]
  var b = a
  b[0] = 50
  b.push(3)
  let c = changed(a)
  var d = same(a)
  d[1] = 60
  var rows: [[int]] = [a, b]
  rows[0][0] = 7
  var row = Row { name: \"r\", cells: a }
  var other = row
  other.cells[0] = 8
  row.cells.push(1)
  var kept: [Row] = []
  kept.push(row)
  kept.push(other)
  kept[0].cells[0] = 9
  return \"{a[0]} {a.len()} {b[0]} {b.len()} {c[0]} {c.len()} {d[1]} {rows[0][0]} {rows[1][0]} {row.cells[0]} {row.cells.len()} {other.cells[0]} {other.cells.len()} {kept[0].cells[0]} {kept[1].cells[0]}\"
}",
    );
    assert_eq!(call(&source, "test", &[]), text("1 2 50 3 100 3 60 7 50 1 3 8 2 9 8"));
}

#[test]
fn a_local_that_is_read_for_the_last_time_in_a_loop_is_not_moved() {
    let source = library(
        "fn test() -> str {
  var base: [int] = [1]
  var all: [[int]] = []
  for i in 0..3 { all.push(base) }
  all[0][0] = 9
  var first = all[1]
  var shown = \"{all[0][0]} {all[1][0]} {all[2][0]}\"
  var i = 0
  var out: [[int]] = []
  while i < 3 {
    var fresh: [int] = [i]
    fresh.push(i * 10)
    out.push(fresh)
    i += 1
  }
  out[1].push(4)
  return \"{shown} {first[0]} {out[0].len()} {out[1].len()} {out[2][1]}\"
}",
    );
    assert_eq!(call(&source, "test", &[]), text("9 1 1 1 2 3 20"));
}

#[test]
fn a_loop_goes_through_what_was_there_when_it_began() {
    let source = library(
        "fn test() -> str {
  var xs: [int] = [1, 2, 3]
  var n = 0
  for x in xs {
    n += x
    xs.push(x)
    xs[0] = 100
  }
  var names: [str] = [\"a\", \"b\"]
  var joined = \"\"
  for name in names { joined += name }
  return \"{n} {xs.len()} {joined}\"
}",
    );
    assert_eq!(call(&source, "test", &[]), text("6 6 ab"));
}

#[test]
fn structs_hold_arrays_of_themselves() {
    let source = library(
        "struct Node { value: int, kids: [Node] }
fn leaf(value: int) -> Node { return Node { value: value, kids: [] } }
fn sum(node: Node) -> int {
  var total = node.value
  for kid in node.kids { total += sum(kid) }
  return total
}
fn deep(levels: int) -> Node {
  if levels == 0 { return leaf(1) }
  var node = leaf(levels)
  node.kids.push(deep(levels - 1))
  node.kids.push(leaf(10))
  return node
}
fn test() -> str {
  var root = deep(4)
  var copy = root
  copy.kids[0].kids[0].value = 1000
  return \"{sum(root)} {sum(copy)} {root == copy} {root == deep(4)}\"
}",
    );
    assert_eq!(call(&source, "test", &[]), text("51 1049 false true"));
}

#[test]
fn equality_and_joining_go_element_by_element() {
    let source = library(
        "fn test() -> str {
  let a: [str] = [\"x\", \"y\"]
  let b: [str] = [\"x\"]
  var joined = b + [\"y\"]
  let nothing: [str] = []
  let grid: [[int]] = [[1], [2, 3]]
  joined += nothing
  return \"{a == joined} {a == b} {a != b} {nothing == []} {grid == [[1], [2, 3]]} {grid == [[1], [2]]} {grid.slice(1, 2)[0][1]} {a.slice(2, 2).len()}\"
}",
    );
    assert_eq!(call(&source, "test", &[]), text("true false true true true false 3 0"));
}

#[test]
fn a_bad_index_is_a_trap_with_its_line() {
    for (code, kind) in [
        ("return xs[2]", TrapKind::Index),
        ("return xs[-1]", TrapKind::Index),
        ("return xs.remove(2)", TrapKind::Index),
        ("xs.insert(3, 1)\n  return 0", TrapKind::Index),
        ("xs[2] = 1\n  return 0", TrapKind::Index),
        ("return xs.slice(1, 3).len()", TrapKind::Index),
        ("return xs.slice(2, 1).len()", TrapKind::Index),
        ("return xs.slice(-1, 1).len()", TrapKind::Index),
        ("let n = -1\n  let ys: [int] = [0; n]\n  return ys.len()", TrapKind::Index),
    ] {
        let source = library(&format!("fn test() -> int {{\n  var xs: [int] = [1, 2]\n  {code}\n}}"));
        let end = call(&source, "test", &[]);
        assert!(
            matches!(end, End::Trap(found, line) if found == kind && (6..=7).contains(&line)),
            "{code}: {end:?}"
        );
    }
}

#[test]
fn growth_beyond_the_quota_is_a_trap_of_the_line_that_grows() {
    let source = library(
        "fn test() -> int {\n  var xs: [int] = []\n  while true {\n    xs.push(1)\n  }\n  return 0\n}",
    );
    let end = call(&source, "test", &[]);
    assert_eq!(end, End::Trap(TrapKind::Quota, 7));
    let copies = library(
        "fn test() -> int {\n  let xs: [int] = [7; 500000]\n  var all: [[int]] = []\n  while true { all.push(xs) }\n  return 0\n}",
    );
    assert_eq!(call(&copies, "test", &[]), End::Trap(TrapKind::Quota, 7));
}

#[test]
fn a_length_that_is_known_while_running_makes_an_array() {
    let source = library(
        "struct P { x: int, name: str }
fn test(n: int) -> int {
  var xs: [int] = [7; n]
  let bytes: bytes = [255; n]
  var ps: [P] = [P { x: 1, name: \"p\" }; n]
  var rows: [[int]] = [[1, 2]; n]
  rows[0][0] = 5
  ps[1].x = 3
  return xs[n - 1] + bytes[0] as int + ps[0].x + ps[1].x + rows[1][0] + rows.len()
}",
    );
    assert_eq!(call(&source, "test", &[3]), word(7 + 255 + 1 + 3 + 1 + 3));
}

#[test]
fn state_keeps_arrays_over_runs_and_gives_memory_back() {
    let source = "# A\n## Agent\nname: a\ncapabilities: MEMORY, COMMUNICATE\n## Types\n```flux\nstruct Entry { name: str, values: [int] }\n```\n## State\n- entries: [Entry] = [Entry { name: \"first\", values: [1] }]\n- rows: [[str]] = []\n## On add(n: int)\n```flux\nentries.push(Entry { name: \"e{n}\", values: [n, n + 1] })\nentries[0].values.push(n)\nrows.push([\"a{n}\", \"b\"])\nif entries.len() > 5 { let old = entries.remove(1)\n  rows.remove(0) }\nrows[0][0] = rows[rows.len() - 1][0] + \"!\"\nlet copy = entries\nentries = copy\nif entries[0].values.len() > 8 { entries[0].values = [] }\n```\n## On show() -> str\n```flux\nvar text = \"\"\nfor entry in entries { text += \"{entry.name}:{entry.values.len()} \" }\nfor row in rows { text += row[0] }\nreturn text\n```\n";
    for level in LEVELS {
        let mut agent = Agent::start(source, level);
        let mut charged = 0;
        for n in 0..600 {
            let end = agent.export(ExportKind::Handler, "add", &[n]).unwrap();
            assert_eq!(end, word(0), "{n} {level:?}");
            if n == 300 {
                charged = agent.instance.memory_ref().charged();
            }
        }
        let grown = agent.instance.memory_ref().charged().saturating_sub(charged);
        assert!(grown <= 2048, "{grown} bytes more after 300 runs");
        let Some(End::Word(word)) = agent.export(ExportKind::Handler, "show", &[]) else { panic!() };
        let _ = word;
    }
}

#[test]
fn changes_of_state_do_not_show_in_locals() {
    let source = agent(
        "- xs: [str] = [\"a\", \"b\"]",
        "let before = xs\nlet first = xs[0]\nxs[0] = \"changed\"\nxs.push(xs[1])\nxs = xs\nLOG",
    )
    .replace(
        "   LOG\n   ```",
        "   ```\n2. Log \"{before[0]} {before.len()} {first} {xs[0]} {xs[2]} {xs.len()}\"",
    );
    assert_eq!(init_log(&source), ["a 2 a changed b 3"]);
}

#[test]
fn what_cannot_be_is_said_with_its_reason() {
    let body = |code: &str| library(&format!("fn test(xs: [int]) -> int {{\n  {code}\n}}"));
    for (code, expected) in [
        ("let ys: [int] = []\n  ys.push(1)\n  return 0", "E0508 line 6: `ys` cannot be assigned to"),
        ("xs.push(1)\n  return 0", "E0508 line 5: `xs` cannot be assigned to"),
        ("return xs.puhs(1)", "E0503 line 5: [int] has no method `puhs`"),
        ("var ys = xs\n  ys.push(\"a\")\n  return 0", "E0506 line 6: expected int, found str"),
        ("let ys = []\n  return 0", "E0510 line 5: nothing tells what is in this empty value"),
        ("return xs.push(1)", "E0506 line 5: a value is needed here"),
    ] {
        let said = diagnostics(&body(code));
        assert!(said.iter().any(|line| line.starts_with(expected)), "{code}: {said:?}");
    }
}

#[test]
fn growable_values_need_the_capability_memory() {
    let source =
        "# A\n## Agent\nname: a\n## Init\n1. ```flux\n   var xs: [int] = []\n   xs.push(1)\n   ```\n";
    assert_eq!(codes(source), ["E0601"]);
    let called = "# A\n## Agent\nname: a\n## fn: f() -> int\n```flux\nlet xs: [int] = [1]\nreturn xs[0]\n```\n## fn: g() -> int\n```flux\nreturn f()\n```\n## Init\n1. Log \"{g()}\"\n";
    assert_eq!(codes(called), ["E0601"]);
    let declared = called.replace("name: a\n", "name: a\ncapabilities: MEMORY\n");
    assert_eq!(compiled(&declared, Level::Full).errors, 0);
    assert_eq!(codes(&declared), Vec::<String>::new());
}

#[test]
fn enums_and_optionals_hold_arrays_of_themselves() {
    let source = library(
        "enum Tree { Leaf(int), Node(str, [Tree]) }
fn sum(tree: Tree) -> int {
  match tree {
    Leaf(n) => return n,
    Node(_, kids) => {
      var total = 0
      for kid in kids { total += sum(kid) }
      return total
    }
  }
}
fn grown(tree: Tree, by: int) -> Tree {
  return match tree {
    Leaf(n) => Tree.Node(\"new\", [Tree.Leaf(n), Tree.Leaf(by)]),
    Node(name, kids) => {
      var more = kids
      more.push(Tree.Leaf(by))
      Tree.Node(name + \"+\", more)
    }
  }
}
fn test() -> str {
  let small = Tree.Leaf(1)
  let middle = grown(small, 2)
  let large = grown(middle, 4)
  let same = Tree.Node(\"new+\", [Tree.Leaf(1), Tree.Leaf(2), Tree.Leaf(4)])
  var held: [int]? = none
  let before = held
  held = [5]
  let there = held
  return \"{sum(small)} {sum(middle)} {sum(large)} {large == same} {large == middle} {before == none} {(there ?? []).len()}\"
}",
    );
    assert_eq!(call(&source, "test", &[]), text("1 3 7 true false true 1"));
}

#[test]
fn state_keeps_enums_with_arrays_and_gives_memory_back() {
    let source = "# A\n## Agent\nname: a\ncapabilities: MEMORY, COMMUNICATE\n## Types\n```flux\nenum Tree { Leaf(str), Node([Tree]) }\n```\n## State\n- tree: Tree = Tree.Node([])\n- last: [str]?\n## On add(n: int)\n```flux\nlast = [\"{n}\"]\nmatch tree {\n  Node(kids) => {\n    var more = kids\n    more.push(Tree.Node([Tree.Leaf(\"leaf {n}\")]))\n    if more.len() > 5 { tree = Tree.Leaf(\"full\") } else { tree = Tree.Node(more) }\n  }\n  Leaf(text) => {\n    tree = Tree.Node([Tree.Leaf(text)])\n    last = none\n  }\n}\n```\n";
    keeps_no_more(source, 300, 2048);
}

#[test]
fn a_lambda_keeps_the_array_that_it_captured() {
    let source = library(
        "fn twice(f: fn(int) -> [int]) -> [[int]] { return [f(1), f(2)] }
fn test() -> str {
  var xs: [int] = [1]
  let f = |n: int| {
    var mine = xs
    mine.push(n)
    mine
  }
  xs.push(9)
  let all = twice(f)
  let last = f(3)
  let g = |n: int| xs
  var once = g(0)
  once[0] = 50
  return \"{all[0].len()} {all[1].len()} {last[1]} {xs.len()} {g(0)[0]}\"
}",
    );
    assert_eq!(call(&source, "test", &[]), text("2 2 3 2 1"));
}

#[test]
fn a_function_value_that_grows_needs_the_capability_memory() {
    let agent = "# A\n## Agent\nname: a\n## fn: apply(f: fn(int) -> int) -> int\n```flux\nreturn f(1)\n```\n## fn: grows(n: int) -> int\n```flux\nlet xs: [int] = [n]\nreturn xs[0]\n```\n## Init\n1. Log \"{apply(VALUE)}\"\n";
    for value in ["grows", "|n| grows(n)"] {
        let source = agent.replace("VALUE", value);
        assert_eq!(codes(&source), ["E0601"], "{value}");
        let declared = source.replace("name: a\n", "name: a\ncapabilities: MEMORY\n");
        assert_eq!(codes(&declared), Vec::<String>::new(), "{value}");
    }
}

#[test]
fn state_takes_no_function_value_behind_an_array() {
    let source = "# A\n## Agent\nname: a\ncapabilities: MEMORY\n## Types\n```flux\nstruct Plan { steps: [Step] }\nstruct Step { run: fn(int) -> int }\n```\n## State\n- plan: Plan = Plan { steps: [] }\n## Loop\n1. Log \"{plan.steps.len()}\"\n";
    assert_eq!(
        codes(source),
        codes(
            &source
                .replace("[Step]", "Step")
                .replace("Plan { steps: [] }", "Plan { steps: Step { run: |n| n } }")
                .replace("plan.steps.len()", "1")
        )
    );
    assert!(!codes(source).is_empty());
    let compared = library(
        "struct Plan { steps: [Step] }\nstruct Step { run: fn(int) -> int }\nfn f(a: Plan, b: Plan) -> bool { return a == b }",
    );
    assert_eq!(codes(&compared), ["E0506"]);
}

#[test]
fn an_argument_is_what_it_was_when_its_turn_came() {
    let code = "struct Row { name: str, cells: [int] }
fn both(a: [str], b: str?) -> str { return \"{a} {b ?? \"-\"}\" }
fn row(a: Row, b: Row?) -> str { return \"{a.name} {a.cells} {b?.name ?? \"-\"}\" }
";
    let body = "let one = both(names, names.pop())
  let two = row(rows[0], rows.pop())
  let three = names + [names.pop() ?? \"none\"]
  let four = both(m[\"k\"] ?? [], names.pop()) + row(rows[0], none)
  let f = |a: [str], b: str?| both(a, b)
  names = [\"p\", \"q\"]
  let five = f(names, names.pop())";
    let expected = "[x, y] y one [1] two [x, x] [v] -one [1] - [p, q] q";
    let shown = "{one} {two} {three} {four} {five}";
    let local = library(&format!(
        "{code}fn test() -> str {{
  var names: [str] = [\"x\", \"y\"]
  var rows: [Row] = [Row {{ name: \"one\", cells: [1] }}, Row {{ name: \"two\", cells: [2] }}]
  var m: map[str][str] = {{\"k\": [\"v\"]}}
  {body}
  return \"{shown}\"
}}"
    ));
    assert_eq!(call(&local, "test", &[]), text(expected));
    let state = agent(
        "- names: [str] = [\"x\", \"y\"]\n- rows: [Row] = [Row { name: \"one\", cells: [1] }, Row { name: \"two\", cells: [2] }]\n- m: map[str][str] = {\"k\": [\"v\"]}",
        &body.replace("\n  ", "\n"),
    );
    let state = format!("{state}2. Log \"{shown}\"\n\n## Types\n```flux\n{code}```\n");
    assert_eq!(init_log(&state), [expected]);
}
