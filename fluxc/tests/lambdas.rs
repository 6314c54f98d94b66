//! Function values: names of functions, lambdas, captured values, calls of them.

mod support;

use flux_abi::trap::TrapKind;
use support::{End, bundle, call, codes, diagnostics, init_log, library, text, word};

#[test]
fn a_function_is_passed_by_name_or_written_in_place() {
    let source = library(
        "fn twice(f: fn(int) -> int, x: int) -> int { return f(f(x)) }
fn inc(x: int) -> int { return x + 1 }
fn named() -> int { return twice(inc, 5) }
fn lambda() -> int { return twice(|x| x * 3, 2) }
fn long() -> int {
  return twice(fn(x: int) -> int {
    if x > 10 { return x }
    return x * 10
  }, 2)
}
fn kept() -> int {
  let f = inc
  var g = |x: int| x - 1
  let a = f(1) + g(1)
  g = f
  return a * 100 + g(6)
}",
    );
    assert_eq!(call(&source, "named", &[]), word(7));
    assert_eq!(call(&source, "lambda", &[]), word(18));
    assert_eq!(call(&source, "long", &[]), word(20));
    assert_eq!(call(&source, "kept", &[]), word(207));
}

#[test]
fn a_lambda_captures_values_not_variables() {
    let source = library(
        "struct P { x: int, name: str }
fn apply(f: fn(int) -> str, x: int) -> str { return f(x) }
fn make(n: int, p: P, list: [int; 3]) -> fn(int) -> str {
  var total = n
  let f = |i| \"{total} {p.name} {list[i]} {p.x}\"
  total = 99
  return f
}
fn test() -> str {
  var list = [4, 5, 6]
  var p = P { x: 7, name: \"p\" }
  let f = make(1, p, list)
  list[1] = 0
  p.name = \"q\"
  let g = make(2, p, list)
  return apply(f, 1) + \"; \" + g(1) + \"; \" + apply(|i| f(i) + \"!\", 2)
}",
    );
    assert_eq!(call(&source, "test", &[]), text("1 p 5 7; 2 q 0 7; 1 p 6 7!"));
}

#[test]
fn function_values_take_and_give_structs_enums_and_optionals() {
    let source = library(
        "struct P { x: int, y: int }
enum E { A(P), B }
fn flip(p: P) -> P { return P { x: p.y, y: p.x } }
fn on(f: fn(P) -> P, p: P) -> P { return f(p) }
fn wrap(f: fn(P) -> E, p: P) -> E { return f(p) }
fn find(f: fn(int) -> bool, from: int) -> int? {
  for i in from..from + 10 { if f(i) { return i } }
  return none
}
fn test() -> str {
  let p = P { x: 1, y: 2 }
  let q = on(flip, p)
  let k = 10
  let r = on(|p| P { x: p.x * k, y: p.y * k }, q)
  let e = wrap(|p| if p.x > 5 { A(p) } else { B }, r)
  let x = match e { A(t) => t.x, B => -1 }
  return \"{q.x} {r.x} {x} {wrap(|_| E.B, p) == B} {find(|n| n % 7 == 0, 8)} {find(|n| n < 0, 0)}\"
}",
    );
    assert_eq!(call(&source, "test", &[]), text("2 20 20 true 14 none"));
}

#[test]
fn fields_and_arrays_hold_functions() {
    let source = library(
        "struct Op { name: str, run: fn(int, int) -> int }
fn add(a: int, b: int) -> int { return a + b }
fn test() -> str {
  let k = 3
  let ops: [Op; 3] = [Op { name: \"add\", run: add }, Op { name: \"mul\", run: |a, b| a * b }, Op { name: \"k\", run: |a, _| a + k }]
  var out = \"\"
  for op in ops { out = out + \"{op.name} {op.run(5, 6)} \" }
  let list: [fn() -> int; 2] = [|| 1, || k]
  let maybe: (fn(int) -> int)? = |x| x + 1
  let n = match maybe { none => 0, f => f(4) }
  return out + \"{list[0]()} {list[1]()} {n}\"
}",
    );
    assert_eq!(call(&source, "test", &[]), text("add 11 mul 30 k 8 1 3 5"));
}

#[test]
fn lambdas_nest_and_capture_what_is_captured() {
    let source = library(
        "fn apply(f: fn(int) -> int, x: int) -> int { return f(x) }
fn test(a: int) -> int {
  let b = a * 10
  return apply(|x| apply(|y| apply(|z| a + b + x + y + z, 100), x + 1), 1)
}
fn compose(f: fn(int) -> int, g: fn(int) -> int) -> fn(int) -> int { return |x| g(f(x)) }
fn curried() -> int {
  let add = |a: int| |b: int| a * 100 + b
  return compose(add(1), add(2))(3)
}",
    );
    assert_eq!(call(&source, "test", &[4]), word(4 + 40 + 1 + 2 + 100));
    assert_eq!(call(&source, "curried", &[]), word(303));
}

/// A function that calls what it is given may be what it is given: frames must be apart.
#[test]
fn frames_of_functions_that_call_each_other_over_values_do_not_overlap() {
    let source = library(
        "fn walk(f: fn([int; 2], int) -> [int; 2], p: [int; 2], n: int) -> [int; 2] {
  var mine = p
  mine[0] = mine[0] + 1
  let other = f(mine, n)
  return [mine[0] * 10 + other[0], other[1]]
}
fn down(p: [int; 2], n: int) -> [int; 2] {
  var q = p
  q[1] = q[1] + n
  if n == 0 { return q }
  let below = walk(down, q, n - 1)
  return [below[0] + q[0], below[1]]
}
fn test() -> int {
  let r = walk(down, [0, 0], 3)
  return r[0] * 1000 + r[1]
}",
    );
    // walk: 1, 2, 3, 4 in mine[0]; down adds up 3 + 2 + 1 + 0.
    let expected = {
        fn walk(p: (i64, i64), n: i64) -> (i64, i64) {
            let mine = (p.0 + 1, p.1);
            let other = down(mine, n);
            (mine.0 * 10 + other.0, other.1)
        }
        fn down(p: (i64, i64), n: i64) -> (i64, i64) {
            let q = (p.0, p.1 + n);
            if n == 0 {
                return q;
            }
            let below = walk(q, n - 1);
            (below.0 + q.0, below.1)
        }
        let r = walk((0, 0), 3);
        r.0 * 1000 + r.1
    };
    assert_eq!(call(&source, "test", &[]), word(expected));
}

#[test]
fn types_of_parameters_follow_from_what_is_wanted_or_from_use() {
    let source = library(
        "fn apply(f: fn(f64) -> f64, x: f64) -> f64 { return f(x) }
fn wanted() -> f64 { return apply(|x| x + 1, 2) }
fn used() -> str {
  let join = |a, b| a + b
  let half = |x| x / 2
  return join(\"a\", \"b\") + \"{half(5)}\"
}",
    );
    assert_eq!(call(&source, "wanted", &[]), End::Word(3.0f64.to_bits()));
    assert_eq!(call(&source, "used", &[]), text("ab2"));
}

#[test]
fn steps_pass_lambdas_that_see_state_and_parameters_as_they_are_now() {
    let source = "# A\n## Types\n```flux\nfn apply(f: fn(f64) -> f64, x: f64) -> f64 { return f(x) }\nfn each(f: fn(str) -> str, list: [str; 2]) -> str { return f(list[0]) + f(list[1]) }\n```\n## Agent\nname: a\n## State\n- scale: f64 = 3\n- name: str = \"n\"\n- names: [str; 2] = [\"a\", \"b\"]\n## Init\n1. Set y to apply(|v| v * scale, 2)\n2. Log y\n3. Let f be |t| t + name\n4. Set name to \"m\"\n5. Log f(\"x\")\n6. Log each(f, names)\n7. `let g = |v: f64| v + scale`\n8. Log \"{g(1)}\"\n";
    assert_eq!(init_log(source), ["6", "xn", "anbn", "4"].map(String::from).to_vec());
}

#[test]
fn a_trap_in_a_lambda_names_its_line() {
    let source = library(
        "fn apply(f: fn(int) -> int, x: int) -> int { return f(x) }\nfn test(a: int) -> int {\n  return apply(\n    |x| 10 / x, a)\n}",
    );
    assert_eq!(call(&source, "test", &[0]), End::Trap(TrapKind::DivideByZero, 7));
}

#[test]
fn each_mistake_with_function_values_has_its_code() {
    for (code, expected) in [
        ("fn f() { let g = |x| x }", "E0510"),
        ("fn f(g: fn(int) -> int) -> int { return g(1, 2) }", "E0507"),
        ("fn f(g: fn(int) -> int) -> int { return g(1.5) }", "E0506"),
        ("fn f(g: fn(int) -> int) -> int { return g }", "E0506"),
        ("fn f(a: int) -> int { return a(1) }", "E0506"),
        ("fn h(a: int) -> int { return a }\nfn f() -> fn(f64) -> int { return h }", "E0506"),
        ("fn h(g: fn(int) -> int) {}\nfn f() { h(|a, b| a) }", "E0506"),
        ("fn h(g: fn(int) -> int) {}\nfn f() { h(|a| \"x\") }", "E0506"),
        ("fn h(g: fn(int) -> int) {}\nfn f() { h(|a| { let b = a }) }", "E0514"),
        ("fn f() { var n = 0\n let g = |a: int| { n = a } }", "E0508"),
        ("fn f() { var n: int\n let g = |a: int| a + n }", "E0509"),
        ("fn f() { let g = |a: int| a + missing }", "E0501"),
        ("fn f() { let g = |a: int, a: int| 1 }", "E0208"),
        ("fn f() -> str { let g = |a: int| 1\n return \"{g}\" }", "E0506"),
        ("fn f(a: fn() -> int, b: fn() -> int) -> bool { return a == b }", "E0506"),
        ("const F: int = (|x: int| x)(1)", "E0513"),
        ("fn f() { let g = |a, b| a + b\n let x = g(true, false) }", "E0506"),
        ("fn f(g: fn(int) -> int) {}\n", ""),
    ] {
        let found = codes(&library(code));
        assert!(
            found.contains(&expected.to_string()) || (expected.is_empty() && found.is_empty()),
            "{code}: {found:?}"
        );
    }
}

#[test]
fn function_values_stay_in_their_run() {
    let agent = |sections: &str| {
        format!(
            "# A\n## Types\n```flux\nstruct S {{ f: fn(int) -> int }}\nfn inc(x: int) -> int {{ return x + 1 }}\n```\n## Agent\nname: a\ncapabilities: COMMUNICATE\n{sections}"
        )
    };
    for sections in [
        "## State\n- f: fn(int) -> int\n",
        "## State\n- f: S?\n",
        "## State\n- n: int\n## Init\n1. TELL b: f(|x: int| x)\n",
        "## Init\n1. Publish |x: int| x on \"t\"\n",
        "## On f(g: [fn(int) -> int; 2])\n1. Log \"x\"\n",
        "## On f() -> fn(int) -> int\n1. Reply with inc\n",
    ] {
        let source = agent(sections);
        assert!(codes(&source).contains(&"E0506".to_string()), "{sections}: {:?}", diagnostics(&source));
    }
}

#[test]
fn a_lambda_in_a_step_calls_functions_of_a_library() {
    let document = "---\ndependencies: [units.flux.md]\n---\n# A\n## Agent\nname: a\ncapabilities: MEMORY\n## State\n- list: [int] = [1, 2]\n## Init\n1. Log \"{list.map(|x| units.twice(x) + units.ONE)}\"\n";
    let units =
        "# Units\n## Types\n```flux\nconst ONE: int = 1\nfn twice(n: int) -> int { return n * 2 }\n```\n";
    let bundle = bundle(&[("a.flux.md", document), ("units.flux.md", units)]);
    assert_eq!(init_log(&bundle), ["[3, 5]"]);
}
