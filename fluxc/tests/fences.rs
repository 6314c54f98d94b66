//! `fir` and `fluxasm` fences: what they mean, what they refuse, and texts that were made to break them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use flux_abi::trap::TrapKind;
use flux_fluxc::{Options, compile};
use proptest::prelude::*;
use support::{End, call, diagnostics, word};

/// Functions in all languages that call each other.
const ALL: &str = r#"# Test

```fir
; a + b, and what code of the document makes of it
func f0 "plus"(i64, i64) -> i64 {
b0(v0: i64, v1: i64):
  v2: i64 = add.i64 v0, v1
  return v2
}
func f1 "halved"(f64) -> f64
func f2 "by_fir"(f64) -> f64 {
b0(v0: f64):
  v1: f64 = call f1(v0)
  v2: f64 = call f1(v1)
  return v2
}
func f3 "tripled"(i64) -> i64
func f4 "nine_times"(i64) -> i64 {
b0(v0: i64):
  v1: i64 = call f3(v0)
  v2: i64 = call f3(v1)
  return v2
}
```

```fluxasm
.fn tripled(n: int) -> int
    MOVI R20, 3
    IMUL R16, R16, R20
    RET

.fn to_zero(n: int) -> int       ; n + … + 1
    MOVI R20, 0
next:
    IADD R20, R20, R16
    LOOP R16, next
    MOV R16, R20
    RET

.fn by_assembly(a: int, b: int) -> int
    PUSHR R8, R8
    MOV R8, R16
    MOV R16, R17
    CALL @to_zero
    MOV R17, R16
    MOV R16, R8
    POPR R8, R8
    CALL @plus
    CALL @doubled
    RET
```

```flux
fn halved(x: f64) -> f64 { return x / 2.0 }
fn doubled(n: int) -> int { return tripled(n) - n }
fn by_flux(n: int) -> int { return plus(nine_times(n), by_assembly(n, 4)) }
```

```c
int64_t by_c(int64_t n) { return plus(n, to_zero(n)); }
```

```python
def by_python(n: int) -> int:
    return plus(n, tripled(n)) + int(by_fir(8.0))
```
"#;

#[test]
fn functions_of_all_languages_call_each_other() {
    assert_eq!(call(ALL, "by_fir", &[8.0f64.to_bits()]), End::Word(2.0f64.to_bits()));
    assert_eq!(call(ALL, "nine_times", &[5]), word(45));
    // (7 + (4 + 3 + 2 + 1)) * 2
    assert_eq!(call(ALL, "by_assembly", &[7, 4]), word(34));
    assert_eq!(call(ALL, "by_flux", &[7]), word(63 + 34));
    assert_eq!(call(ALL, "by_c", &[4]), word(14));
    assert_eq!(call(ALL, "by_python", &[4]), word(18));
}

#[test]
fn a_trap_in_a_fence_names_its_line_in_the_document() {
    let fir = "# Test\n\n```fir\nfunc f0 \"part\"(i64, i64) -> i64 {\nb0(v0: i64, v1: i64):\n  v2: i64 = div.i64 v0, v1 @99\n  return v2\n}\n```\n";
    assert_eq!(call(fir, "part", &[7, 2]), word(3));
    assert_eq!(call(fir, "part", &[7, 0]), End::Trap(TrapKind::DivideByZero, 6));
    let assembly =
        "# Test\n\n```fluxasm\n.fn part(a: int, b: int) -> int\n\n  IDIV R16, R16, R17 ; traps\n  RET\n```\n";
    assert_eq!(call(assembly, "part", &[7, 2]), word(3));
    assert_eq!(call(assembly, "part", &[7, 0]), End::Trap(TrapKind::DivideByZero, 6));
}

#[test]
fn lines_that_end_with_a_carriage_return_count_as_well() {
    for end in ["\r\n", "\r"] {
        let text = ALL.replace('\n', end);
        assert_eq!(call(&text, "by_flux", &[7]), word(63 + 34));
        let wrong = "# Test\n\n```fluxasm\n.fn f(a: int) -> int\n  RET\n  IADD R4, R16, R16\n  RET\n```\n"
            .replace('\n', end);
        assert!(diagnostics(&wrong)[0].starts_with("E0416 line 6"), "{:?}", diagnostics(&wrong));
    }
}

#[test]
fn texts_go_through_fences_as_values() {
    let source = "# Test\n```fir\nfunc f0 \"twice\"(ptr) -> ptr {\nb0(v0: ptr):\n  v1: ptr = text.concat v0, v0\n  return v1\n}\n```\n```fluxasm\n.fn letters(text: str) -> int\n  LOAD32 R16, R16, 0\n  RET\n```\n```flux\nfn f(n: int) -> int { return letters(twice(\"abc{n}\")) }\n```\n";
    assert_eq!(call(source, "f", &[12]), word(10));
}

#[test]
fn more_than_four_arguments_come_from_the_stack() {
    let source = "# Test\n```fluxasm\n.fn last(a: int, b: int, c: int, d: int, e: int, f: int) -> int\n  SLOT_GET R16, -1\n  SLOT_GET R17, -2\n  ISUB R16, R16, R17\n  RET\n```\n```flux\nfn f(n: int) -> int { return last(1, 2, 3, 4, n, n * 10) }\n```\n";
    assert_eq!(call(source, "f", &[5]), word(45));
}

/// What the fences of a document say, each as code, line and message.
fn said(fences: &str) -> Vec<String> {
    diagnostics(&format!(
        "# Test\n```flux\nfn one(a: int) -> int {{ return a }}\nfn pair(a: [int; 2]) -> int {{ return a[0] }}\n```\n{fences}"
    ))
}

#[test]
fn wrong_fir_is_an_error_at_its_place() {
    let body = |line: &str| {
        format!("```fir\nfunc f0 \"f\"(i64) -> i64 {{\nb0(v0: i64):\n{line}\n  return v0\n}}\n```\n")
    };
    for (fences, wanted) in [
        (body("  v1: i64 = add.i64 v0"), "E0415 line 10: expected ,"),
        (body("  v1: i64 = add.i64 v0, v9"), "E0415 line 9: block b0: there is no value v9"),
        (body("  v1: bool = bool_not v0"), "E0415 line 9: block b0: value v0 is of type i64, bool is needed"),
        (body("  host YIELD[0]()"), "E0415 line 9: functions of a `fir` fence compute, and nothing else"),
        (body("  v1: i64 = runtime now[0]()"), "E0415 line 9: functions of a `fir` fence compute"),
        (body("  v1: ptr = const 0x10000000000"), "E0415 line 9"),
        (body("  v1: ptr = const 0x100"), "E0415 line 9: functions of a `fir` fence compute"),
        (body("  v1: func = func f0"), "E0415 line 9: functions of a `fir` fence compute"),
        ("```fir\ndata 00\n```\n".into(), "E0415 line 7: expected func: data of a document"),
        ("```fir\nfunc f0 \"g\"(i64) -> i64\n```\n".into(), "E0503 line 7: no function is called `g`"),
        (
            "```fir\nfunc f0 \"one\"(f64) -> i64\n```\n".into(),
            "E0506 line 7: `one` is declared with other types",
        ),
        (
            "```fir\nfunc f0 \"pair\"(ptr) -> i64\n```\n".into(),
            "E0506 line 7: `pair` takes or gives [int; 2]",
        ),
        ("```fir\nfunc f0 \"one\"(i64) -> i64 {\nb0(v0: i64):\n  return v0\n}\n```\n".into(), "E0208 line 7"),
        (
            "```fir\nfunc f0 \"a b\"(i64) -> i64 {\nb0(v0: i64):\n  return v0\n}\n```\n".into(),
            "E0415 line 7: \"a b\" is no name for code",
        ),
        (
            "```fir\nfunc f0 \"g\"(agent) -> i64 {\nb0(v0: agent):\n  trap ASSERTION\n}\n```\n".into(),
            "E0415 line 7: `g` takes or gives a value of type agent",
        ),
        (
            "```fir\nfunc f0 \"g\"(i64) -> i64 {\nb0(v0: i64):\n  leave HALT\n}\n```\n".into(),
            "E0415 line 9: functions of a `fir` fence compute",
        ),
        (
            "```fir\nfunc f0 \"g\"(i64) -> i64 {\n}\n```\n".into(),
            "E0415 line 8: expected a block such as b0:",
        ),
    ] {
        let said = said(&fences);
        assert!(said.iter().any(|row| row.starts_with(wanted)), "{fences}\n{wanted}\n{said:#?}");
    }
}

#[test]
fn wrong_assembly_is_an_error_at_its_place() {
    let body = |lines: &str| format!("```fluxasm\n.fn f(a: int) -> int\n{lines}\n  RET\n```\n");
    for (fences, wanted) in [
        (body("  IAD R16, R16, R16"), "E0416 line 8: unknown instruction IAD"),
        (body("  IADD R16, R16"), "E0416 line 8: 2 operands given, 3 wanted"),
        (body("  IADD R16, R16, R30"), "E0416 line 8: R30 is read but not written on every way here"),
        (body("  JMP nowhere"), "E0416 line 8: label nowhere is bound nowhere in this function"),
        (body("  PUSH R16"), "E0416 line 9: "),
        (body("  LOG R16, info"), "E0416 line 8: LOG in a document"),
        (body("  CALL_REG R16, 0"), "E0416 line 8: CALL_REG in a document"),
        (body("  ALLOC R16, R16, state"), "E0416 line 8: ALLOC in a document"),
        (body("  CALL @nobody"), "E0503 line 8: no function is called `nobody`"),
        (body("  CALL @pair"), "E0506 line 8: `pair` takes or gives [int; 2]"),
        (body("  CALL 9"), "E0416 line 8: function 9 does not exist"),
        (body(".entry"), "E0416 line 8: a directive in a document"),
        (body(".word 1"), "E0416 line 8: a directive in a document"),
        ("```fluxasm\n  RET\n```\n".into(), "E0416 line 7: code before the first function"),
        ("```fluxasm\n.fn f(a) -> int\n  RET\n```\n".into(), "E0401 line 7: the parameter `a` has no type"),
        ("```fluxasm\n.fn f(a: int) int\n  RET\n```\n".into(), "E0401 line 7"),
        ("```fluxasm\n.fn f(a: [int]) -> int\n  RET\n```\n".into(), "E0506 line 7: `f` takes or gives [int]"),
        ("```fluxasm\n.fn one(a: int) -> int\n  RET\n```\n".into(), "E0208 line 7"),
        ("```fluxasm\n.fn g(a: int) -> int\n```\n".into(), "E0416 line 7"),
        ("```fluxasm\n.fn g(a: int) -> int\n  NOP\n```\n".into(), "E0416 line 8"),
    ] {
        let said = said(&fences);
        assert!(said.iter().any(|row| row.starts_with(wanted)), "{fences}\n{wanted}\n{said:#?}");
    }
}

#[test]
fn memory_of_the_run_needs_its_capability() {
    let agent = |capabilities: &str| {
        format!(
            "# Test\n## Agent\nname: a\ncapabilities: {capabilities}\n## Loop\n1. Set x to cells(4)\n2. Log \"{{x}}\"\n3. YIELD\n```fluxasm\n.fn cells(n: int) -> int\n  MOVI R20, 64\n  ALLOC R21, R20, arena\n  STORE R21, R16, 8\n  LOAD R16, R21, 8\n  RET\n```\n"
        )
    };
    assert!(
        diagnostics(&agent("IO_READ")).iter().any(|row| row.starts_with("E0601")),
        "{:?}",
        diagnostics(&agent("IO_READ"))
    );
    assert!(
        diagnostics(&agent("MEMORY")).iter().all(|row| row.starts_with('W')),
        "{:?}",
        diagnostics(&agent("MEMORY"))
    );
}

/// Compiles; what comes out without an error must pass the module verifier.
fn is_sound(source: &str) {
    let compiled = compile(source.as_bytes(), "test.flux.md", &Options::default());
    for module in compiled.modules {
        if let Err(error) = flux_verify::verify(module.clone()) {
            panic!("{error}\n{source}\n{}", flux_isa::asm::disassemble(&module));
        }
    }
}

/// A document of which parts are left out, doubled or put elsewhere.
fn mutated(cuts: &[(prop::sample::Index, u8)]) -> String {
    let mut lines: Vec<String> = ALL.lines().map(str::to_owned).collect();
    for (place, kind) in cuts {
        let at = place.index(lines.len());
        let line = lines[at].clone();
        if line.starts_with("```") {
            continue;
        }
        match kind % 5 {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, line),
            2 => lines[at] = line.replace("R16", "R8").replace("v0", "v1"),
            3 => lines[at] = line.replace(['1', '3'], "2"),
            _ => lines[at] = line.chars().rev().collect(),
        }
    }
    lines.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn changed_fences_give_diagnostics_or_modules_that_verify(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        is_sound(&mutated(&cuts));
    }

    #[test]
    fn any_text_in_a_fence_is_a_diagnostic_or_a_function(
        text in "(\\.fn |func f0|@|\"f\"|\\(|\\)| -> int|i64|R16|, |\n|;|:|\\{|\\}|b0|[ -~é]){0,40}",
        language in prop::sample::select(vec!["fir", "fluxasm"]),
    ) {
        is_sound(&format!("# Test\n```{language}\n{text}\n```\n"));
    }

    #[test]
    fn random_fir_compiles_to_modules_that_verify(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let module = flux_fluxc::fir::random::module(&bytes);
        let text = format!("{module}");
        let text = text.lines().filter(|line| !line.starts_with("data")).collect::<Vec<_>>().join("\n");
        is_sound(&format!("# Test\n```fir\n{text}\n```\n"));
    }
}
