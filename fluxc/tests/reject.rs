//! What the compiler refuses, and what it says and suggests.

mod support;

use flux_fluxc::diag::Diagnostic;
use flux_fluxc::{Options, compile};
use support::{codes, diagnostics, library};

fn all(source: &str) -> Vec<Diagnostic> {
    compile(source.as_bytes(), "test.flux.md", &Options::default()).diagnostics
}

fn agent(sections: &str) -> String {
    format!("# Test\n## Agent\nname: test\ncapabilities: COMMUNICATE, IO_READ, IO_WRITE\n{sections}\n")
}

/// Codes without those of capabilities, which most of these agents do not need.
fn wrong(source: &str) -> Vec<String> {
    codes(source).into_iter().filter(|code| code != "W0601").collect()
}

fn loop_of(steps: &str) -> String {
    agent(&format!("## Loop\n{steps}\n"))
}

/// The text of the first replacement.
fn fix(source: &str) -> String {
    let rows = all(source);
    let row = rows.iter().find(|row| row.hint.as_ref().is_some_and(|hint| hint.replacement.is_some()));
    row.and_then(|row| row.hint.clone())
        .and_then(|hint| hint.replacement)
        .map(|row| row.text)
        .unwrap_or_default()
}

#[test]
fn each_mistake_in_code_has_its_code() {
    for (code, expected) in [
        ("fn f() -> int { return x }", "E0501"),
        ("fn f() -> int { return g(1) }", "E0503"),
        ("fn f(a: thing) {}", "E0504"),
        ("struct S { a: int }\nfn f(s: S) -> int { return s.b }", "E0505"),
        ("enum E { A, B }\nfn f() -> E { return E.C }", "E0505"),
        ("fn f(a: int) -> f64 { return a }", "E0506"),
        ("fn f(a: int, b: f64) -> f64 { return a * b }", "E0506"),
        ("fn f(a: bool) -> bool { return a < true }", "E0506"),
        ("fn f(a: str) -> int { return a as int }", "E0506"),
        ("fn f(a: int) -> bool { return a && true }", "E0506"),
        ("fn f(a: u32) -> u32 { return -a }", "E0506"),
        ("fn f(a: f64) -> f64 { return a << 2 }", "E0506"),
        ("fn f(a: duration) -> duration { return a + 5 }", "E0506"),
        ("fn f(a: int) -> int { return a[0] }", "E0506"),
        ("fn f(a: [int; 2]) -> int { return a[1.5] }", "E0506"),
        ("fn f(a: [int; 2], b: [int; 2]) -> bool { return a < b }", "E0506"),
        ("enum E { A(int) }\nfn f(e: E, g: E) -> bool { return e < g }", "E0506"),
        ("struct S { a: fn() -> int }\nfn f(s: S) -> str { return \"{s}\" }", "E0506"),
        ("fn f(a: int) { for x in a { } }", "E0506"),
        ("fn f(a: int) -> int { return g(a, 2) }\nfn g(a: int) -> int { return a }", "E0507"),
        ("struct S { a: int, b: int }\nfn f() -> S { return S { a: 1 } }", "E0507"),
        ("fn f() { max(1) }", "E0507"),
        ("fn f(a: int) { a = 2 }", "E0508"),
        ("fn f() { let a = 1\n a = 2 }", "E0508"),
        ("const A: int = 1\nfn f() { A = 2 }", "E0508"),
        ("fn f() { var a: int\n if true { a = 1 }\n let b = a }", "E0509"),
        ("fn f() -> u8 { return 256 }", "E0512"),
        ("fn f() -> i8 { return -129 }", "E0512"),
        ("fn g() -> int { return 1 }\nconst A: int = g()", "E0513"),
        ("const A: int = 1 / 0", "E0513"),
        ("fn f(n: int) -> [int; 3] { return [0; n] }", "E0513"),
        ("fn f(a: bool) -> int { if a { return 1 } }", "E0514"),
        ("fn f(a: int) -> int { return match a { 1 => 2 } }", "E0515"),
        ("enum E { A, B }\nfn f(e: E) -> int { return match e { A => 1 } }", "E0515"),
        ("fn f() { break }", "E0516"),
        ("struct S { s: S }", "E0517"),
        ("struct A { b: B }\nstruct B { a: A }", "E0517"),
        ("fn f() { var a: [u8; 100000000] = [0; 100000000] }", "E0517"),
        ("fn f() {}\nfn f() {}", "E0208"),
        ("struct S { a: int, a: int }", "E0208"),
        ("const A: int = 1\nconst A: int = 2", "E0208"),
        ("fn f(a: [bytecode]) {}", "E0608"),
        ("fn f(a: bytecode) {}", "E0608"),
        ("fn f(a: int?) -> int { return a }", "E0506"),
        ("fn f(a: int?) -> int { return a + 1 }", "E0506"),
        ("fn f(a: int) -> int { return a ?? 1 }", "E0506"),
        ("fn f(a: int?) -> int { return a ?? \"x\" }", "E0506"),
        ("fn f(a: int) -> bool { return a == none }", "E0506"),
        ("fn f(a: str?) -> bool { return a == 5 }", "E0506"),
        ("fn f(a: str?) -> bool { return a < \"x\" }", "E0506"),
        ("fn f(a: [int; 2]?, b: [int; 3]?) -> bool { return a == b }", "E0506"),
        ("fn f(a: str) -> int? { return a?.len() }", "E0506"),
        ("struct S { a: fn() -> int }\nfn f(a: [S; 2]?) -> str { return \"{a}\" }", "E0506"),
        ("struct S { a: int }\nfn f(s: S?) -> int { return s.a }", "E0505"),
        ("struct S { s: S? }", "E0517"),
        ("fn f(a: int?) -> int { return match a { none => 1 } }", "E0515"),
        ("fn f(a: int?) -> int { return match a { v => v } }", "E0515"),
        ("fn f(a: int?) -> int { return match a { none => 0, 1 => 2 } }", "E0515"),
        ("fn f(a: bool?) -> int { return match a { none => 0, true => 2 } }", "E0515"),
        ("fn f(a: int) -> int { return match a { none => 0, v => v } }", "E0506"),
        ("fn f(a: int?) -> int { return match a { some(v) | none => 0 } }", "E0506"),
        ("fn f(a: int?) -> int { return match a { some(v, w) => 0, none => 1 } }", "E0507"),
        ("fn g() -> int? { return none }\nconst B: int = g() ?? 2", "E0513"),
        ("fn f(a: map[str]bytecode) {}", "E0608"),
        ("enum E { A(int) }\nfn f() -> E { return E.A }", "E0507"),
        ("enum E { A(int) }\nfn f() -> E { return E.A(1, 2) }", "E0507"),
        ("enum E { A(int), B }\nfn f() -> E { return E.B() }", "E0507"),
        ("enum E { A(int) }\nfn f() -> E { return E.A(1.5) }", "E0506"),
        ("enum E { A(int) }\nfn f() -> E { return C(1) }", "E0503"),
        ("enum E { A(int) }\nenum G { A(int) }\nfn f() -> int { let x = A(1)\n return 1 }", "E0502"),
        ("enum E { A(int), B }\nfn f(e: E) -> int { return match e { A(x) => x } }", "E0515"),
        ("enum E { A(int), B }\nfn f(e: E) -> int { return match e { A(1) => 1, B => 2 } }", "E0515"),
        (
            "enum E { A(int), B }\nfn f(e: E) -> int { return match e { A(x) if x > 1 => x, B => 2 } }",
            "E0515",
        ),
        ("enum E { A(int), B }\nfn f(e: E) -> int { return match e { A => 1, B => 2 } }", "E0507"),
        ("enum E { A(int), B }\nfn f(e: E) -> int { return match e { A(x, y) => 1, B => 2 } }", "E0507"),
        ("enum E { A(int), B }\nfn f(e: E) -> int { return match e { A(_) => 1, B() => 2 } }", "E0507"),
        ("enum E { A(int), B(int) }\nfn f(e: E) -> int { return match e { A(x) | B(y) => 1 } }", "E0506"),
        ("enum E { A(int), B(str) }\nfn f(e: E) -> int { return match e { A(x) | B(x) => 1 } }", "E0506"),
        ("enum E { A(int, int) }\nfn f(e: E) -> int { return match e { A(x, x) => 1 } }", "E0208"),
        ("enum E { A(f64) }\nfn f(e: E) -> int { return match e { A(1.5) => 1, _ => 2 } }", "E0506"),
        ("enum E { A(E), B }", "E0517"),
        ("enum E { A(S) }\nstruct S { e: E? }", "E0517"),
        ("struct S { a: fn() -> int }\nenum E { A([S; 2]) }\nfn f(e: E) -> str { return \"{e}\" }", "E0506"),
        ("fn f(a: int) -> int { return match a { 1 => 1, _ => 2, 3 => 3 } }", "W0502"),
        ("fn f(a: int) -> int { return match a { 1..=5 => 1, 2..5 => 3, _ => 2 } }", "W0502"),
        ("fn f(a: str) -> int { return match a { \"x\" => 1, \"x\" => 3, _ => 2 } }", "W0502"),
        (
            "enum E { A(bool), B }\nfn f(e: E) -> int { return match e { A(true) => 1, A(false) => 2, A(_) => 3, B => 4 } }",
            "W0502",
        ),
    ] {
        let found = codes(&library(code));
        assert!(found.contains(&expected.to_string()), "{code}: {found:?}");
    }
}

#[test]
fn each_mistake_in_steps_has_its_code() {
    for (steps, expected) in [
        ("1. Set x to x + 1", "E0509"),
        ("1. If count > 3:\n   - Set y to 1\n2. Log y", "E0509"),
        ("1. Log unknown_thing", "E0510"),
        ("1. TELL a: f(unknown_thing)", "E0510"),
        ("1. ASK a: f() as x\n2. Log x", "E0510"),
        ("1. Wait 5", "E0506"),
        ("1. Reply with 1", "E0519"),
        ("1. Read x from I2C sensor", "E0302"),
        ("1. Read x from I2C sensor (addr 0x90)", "E0603"),
        ("1. Read x from the console", "E0603"),
        ("1. Write 1 to ADC channel 0", "E0603"),
        ("1. Wait for x", "E0506"),
        ("1. Set threshold to 5", "E0508"),
        ("1. Every 0s: Log \"x\"", "E0512"),
        ("1. Every threshold: Log \"x\"", "E0506"),
        ("1. Spawn worker from \"w.flux.md\" as w", "E0801"),
        ("1. Publish 1 on \"\"", "E0518"),
        ("1. Call nothing(1)", "E0503"),
        ("1. Repeat 2.5 times: Log \"x\"", "E0506"),
        ("1. If 5: Log \"x\"", "E0506"),
    ] {
        let source = agent(&format!("## Config\n- threshold: f64 = 1\n## Loop\n{steps}\n"));
        let found = codes(&source);
        assert!(found.contains(&expected.to_string()), "{steps}: {found:?} {:#?}", diagnostics(&source));
    }
}

#[test]
fn all_mistakes_of_a_document_come_in_one_run_and_each_once() {
    let source = agent(
        "## Loop\n1. Set a to missing_function(1)\n2. Set b to a + 1\n3. Log \"{b}\"\n4. Wait 5\n5. Reply with b\n6. Set c to b * 2\n",
    );
    assert_eq!(wrong(&source), ["E0503", "E0506", "E0519"]);
}

#[test]
fn a_missing_capability_names_the_step_and_what_to_paste() {
    let source =
        "## Agent\nname: a\ncapabilities: MEMORY\n## Loop\n1. Read x from ADC channel 1\n2. TELL b: f(x)\n";
    let rows = all(source);
    assert_eq!(codes(source), ["E0601", "E0601"]);
    assert_eq!(rows[0].message, "`Read` needs the capability IO_READ, which the agent does not declare");
    let replacement = rows[0].hint.clone().unwrap().replacement.unwrap();
    let mut fixed = source.to_string();
    for row in rows.iter().rev() {
        let replacement = row.hint.clone().unwrap().replacement.unwrap();
        fixed.insert_str(replacement.span.start as usize, &replacement.text);
    }
    assert_eq!(replacement.text, ", IO_READ");
    assert_eq!(codes(&fixed), [] as [&str; 0], "{fixed}");
    let none = "## Agent\nname: a\n## Loop\n1. Read x from ADC channel 1\n";
    assert_eq!(fix(none), "\ncapabilities: IO_READ");
}

#[test]
fn network_implies_communicate_and_memory_may_be_unused() {
    let source = "## Agent\nname: a\ncapabilities: NETWORK, MEMORY\n## Loop\n1. TELL b: f()\n";
    assert_eq!(codes(source), [] as [&str; 0]);
    let unused = "## Agent\nname: a\ncapabilities: IO_READ, MEMORY\n## Loop\n1. Log \"x\"\n";
    assert_eq!(codes(unused), ["W0601"]);
    let unknown = "## Agent\nname: a\ncapabilities: IO_RAED\n## Loop\n1. Log \"x\"\n";
    assert_eq!(codes(unknown), ["E0602"]);
    assert_eq!(fix(unknown), "IO_READ");
}

#[test]
fn a_short_name_with_several_meanings_lists_them() {
    let source = agent("## State\n- temperature: f64 = 1\n- tempo: f64 = 1\n## Loop\n1. Log \"{temp}\"\n");
    let rows = all(&source);
    let row = rows.iter().find(|row| row.code.to_string() == "E0502").unwrap();
    assert_eq!(row.message, "`temp` could mean `temperature`, `tempo`");
}

#[test]
fn a_parameter_that_looks_like_a_slip_is_warned_of() {
    let source = agent("## State\n- pressure: f64 = 1\n## Loop\n1. If presure > 1.5: Set pressure to 1\n");
    assert_eq!(wrong(&source), ["W0501"]);
    assert_eq!(fix(&source), "pressure");
}

#[test]
fn hints_can_be_pasted() {
    for (code, expected) in [
        ("fn f(count: int) -> f64 { return count }", "count as f64"),
        ("fn f(a: int, b: f64) -> f64 { return a * b }", "a as f64"),
        ("fn f(values: [int; 2]) -> int { return valeus[0] }", "values"),
        ("fn mean(a: f64) -> f64 { return a }\nfn f() -> f64 { return maen(1.0) }", "mean"),
        ("struct S { speed: f64 }\nfn f(s: S) -> f64 { return s.sped }", "speed"),
        ("fn f(n: int) { for i in n { } }", "0..n"),
        ("fn f(a: strr) {}", "str"),
    ] {
        assert_eq!(fix(&library(code)), expected, "{code}");
    }
    assert_eq!(fix(&loop_of("1. Wait 5")), "5s");
}

#[test]
fn a_name_is_no_parameter_in_code_and_no_short_form() {
    let source =
        agent("## State\n- temperature: f64 = 1\n## Loop\n1. `let x = temp`\n2. `let y = elsewhere`\n");
    assert_eq!(wrong(&source), ["E0501", "E0501"]);
    let function = library("fn f() -> str { return location }");
    assert_eq!(codes(&function), ["E0501"]);
}

#[test]
fn senders_in_the_document_must_fit_its_handlers() {
    let source = "## Agent
name: a
capabilities: COMMUNICATE
## Loop
1. TELL b: f(\"text\")
2. TELL b: f(1, 2)
3. ASK b: g() as x
4. Set y to x + 1
## agent: b
### On f(n: int)
1. Log n
### On g() -> str
1. Reply with \"x\"
";
    assert_eq!(codes(source), ["E0506", "E0507", "E0506"]);
}

#[test]
fn limits_are_refused_with_their_numbers() {
    let locals: String = (0..4200).map(|i| format!("let x{i} = {i}\n")).collect();
    assert_eq!(codes(&library(&format!("fn f() {{\n{locals}}}"))), ["E0518"]);
    let params: String = (0..300).map(|i| format!("{}. If name_number_{i}a > 1.5: Stop\n", i + 1)).collect();
    assert!(codes(&loop_of(&params)).contains(&"E0518".to_string()));
    let fields: String = (0..300).map(|i| format!("f{i}: int, ")).collect();
    assert_eq!(codes(&library(&format!("struct S {{ {fields} }}"))), ["E0518"]);
    let doubled: String = (1..40).map(|i| format!("const S{i}: str = S{} + S{}\n", i - 1, i - 1)).collect();
    let found = codes(&library(&format!("const S0: str = \"0123456789\"\n{doubled}")));
    assert!(found.iter().all(|code| code == "E0513" || code == "E0501"), "{found:?}");
    assert!(!found.is_empty());
}

#[test]
fn circles_and_chains_of_types_end() {
    let chain: String = (0..500).map(|i| format!("struct S{i} {{ s: S{} }}\n", i + 1)).collect();
    let found = codes(&library(&format!("{chain}struct S500 {{ x: int }}")));
    assert!(found.iter().all(|code| code == "E0517"), "{found:?}");
    assert!(!found.is_empty());
}

#[test]
fn a_second_definition_did_not_show_the_first() {
    // The document, and what stands at the place that is shown as the first.
    let documents = [
        (library("fn f() {}\nfn f() {}"), "f()"),
        (library("struct S { a: int }\nenum S { A }"), "S"),
        (library("enum E { Aa, B }\nstruct E { a: int }"), "E"),
        (library("enum E { Aa, B, Aa }"), "Aa"),
        (library("struct S { aa: int, b: int, aa: int }"), "aa"),
        (library("const AA: int = 1\nconst AA: int = 2"), "AA"),
        (library("fn f(aa: int, aa: int) {}"), "aa"),
        (library("struct S { aa: int }\nfn f() -> S { return S { aa: 1, aa: 2 } }"), "aa"),
        (agent("## State\n- water: int = 0\n- water: int = 1"), "water"),
        (agent("## Config\n- water: int = 0\n- water: int = 1"), "water"),
        (agent("## Config\n- water: int = 0\n## State\n- water: int = 1"), "water"),
        (agent("## On go()\n1. Log \"a\"\n## On go()\n1. Log \"b\""), "## On go()"),
        (agent("## On topic \"news\"\n1. Log \"a\"\n## On topic \"news\"\n1. Log \"b\""), "\"news\""),
        (agent("## agent: bb\n## agent: bb"), "bb"),
        (agent("memory: 64KB\nmemory: 32KB"), "memory"),
        (agent("## Compile\ngas: 10\ngas: 20"), "gas"),
        (format!("---\ntrust: 0.5\ntrust: 0.6\n---\n{}", agent("")), "trust"),
        (loop_of("1. Read t from I2C sensor (addr 0x48, addr 0x49)"), "addr"),
    ];
    for (document, text) in documents {
        let rows = all(&document);
        let twice = ["E0104", "E0208"];
        let row = rows.iter().find(|row| twice.contains(&row.code.to_string().as_str()));
        let row = row.unwrap_or_else(|| panic!("{document}: {rows:?}"));
        let first = row.secondary.first().unwrap_or_else(|| panic!("{document}: {row:?}"));
        let shown = &document[first.span.start as usize..first.span.end as usize];
        assert_eq!((shown, first.text.as_str()), (text, "first here"), "{document}");
        assert!(first.span.start < row.span.start, "{document}");
    }
}

#[test]
fn a_declaration_that_is_not_understood_was_reported_at_each_use() {
    for (code, expected) in [
        ("const A: int = 1 +\nfn f() -> int { return A + A }", "E0401"),
        ("const A = @\nfn f() -> int { return A }", "E0404"),
        ("const A: int = 1 2\nfn f() -> int { return A }", "E0401"),
        ("struct S { a: int, b }\nfn f(s: S) -> int { return s.b }", "E0401"),
        ("enum E { A, 5 }\nfn f(e: E) -> int { return match e { A => 1, _ => 2 } }", "E0401"),
    ] {
        assert_eq!(codes(&library(code)), [expected], "{code}");
    }
}

#[test]
fn what_the_frontmatter_says_beside_the_agent_was_not_looked_at() {
    let document = |front: &str, agent: &str| {
        format!("---\n{front}\n---\n# T\n\n## Agent\nname: t\n{agent}\n\n## Init\n1. Log \"a\"\n")
    };
    assert_eq!(codes(&document("flux: 99", "")), ["E0103"]);
    assert_eq!(codes(&document("flux:", "")), ["E0103"]);
    assert_eq!(codes(&document("flux: 1", "")), [] as [&str; 0]);
    let misspelt = document("capabilities: [MEMROY]", "capabilities: MEMORY");
    assert_eq!(codes(&misspelt), ["E0602", "E0105"]);
    assert_eq!(codes(&document("capabilities: [MEMROY]", "")), ["E0602"]);
}

#[test]
fn no_gas_at_all_was_taken_for_a_budget() {
    let source = agent("## Compile\ngas: 0\n## Init\n1. Log \"a\"\n");
    assert_eq!(wrong(&source), ["E0103"]);
    assert_eq!(fix(&source), "50000000");
}

#[test]
fn frontmatter_with_line_ends_of_old_computers_was_one_line() {
    let source = "---\nflux: 1\nagent: old\ncapabilities:\n  - MEMORY\n---\n# T\n\n## Init\n1. Log \"a\"\n";
    for ending in ["\n", "\r\n", "\r"] {
        let compiled = compile(source.replace('\n', ending).as_bytes(), "test.flux.md", &Options::default());
        assert_eq!(compiled.diagnostics, [], "{ending:?}");
        assert_eq!(compiled.modules[0].meta.name, "old", "{ending:?}");
    }
}

#[test]
fn a_type_that_holds_itself_was_refused_only_when_it_was_sent() {
    let types = "struct Node { next: [Node], n: int }\nenum Tree { Leaf, Fork([Tree]) }\nstruct Flat { a: [int], b: [int] }";
    for (ty, expected) in [("Node", &["E0506"][..]), ("[Tree?]", &["E0506"]), ("[Flat]", &[])] {
        let source = format!(
            "# T\n\n```flux\n{types}\n```\n\n## Agent\nname: a\n\n## On put(value: {ty})\n1. Log \"a\"\n"
        );
        assert_eq!(codes(&source), expected, "{ty}: {:?}", diagnostics(&source));
    }
}

#[test]
fn a_part_of_an_entry_could_not_be_changed_in_place() {
    let code = "fn f() { var m: map[str][int] = {}\n m[\"a\"][0] += 1 }";
    assert_eq!(codes(&library(code)), [""; 0]);
}
