//! `c` and `python` fences: what they mean, what they refuse, and texts that were made to break readers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use flux_abi::trap::TrapKind;
use flux_fluxc::{Options, compile};
use proptest::prelude::*;
use support::{End, call, codes, diagnostics, word};

fn c(code: &str) -> String {
    format!("# Test\n```c\n{code}\n```\n")
}

fn python(code: &str) -> String {
    format!("# Test\n```python\n{code}\n```\n")
}

#[test]
fn signed_c_traps_and_unsigned_c_wraps() {
    let source = c(
        "int high(int a) { return a + 1; }\nunsigned wrap(unsigned a) { return a + 1; }\nuint8_t cut(int a) { return a; }\nint8_t sign(int a) { return (int8_t)a; }\nint mixed(int a, unsigned b) { return a < b; }",
    );
    assert_eq!(call(&source, "high", &[i32::MAX as u64]), End::Trap(TrapKind::Overflow, 3));
    assert_eq!(call(&source, "wrap", &[u64::from(u32::MAX)]), word(0));
    assert_eq!(call(&source, "cut", &[0x1FF]), word(0xFF));
    assert_eq!(call(&source, "sign", &[0xFF]), word(-1));
    // -1 is the greatest unsigned number.
    assert_eq!(call(&source, "mixed", &[(-1i64).cast_unsigned(), 1]), word(0));
}

#[test]
fn a_trap_names_the_line_inside_the_fence() {
    let source = c("int f(int n) {\n    int a[3] = {1, 2, 3};\n    return a[n];\n}");
    assert!(matches!(call(&source, "f", &[3]), End::Trap(_, 5)));
    let source = python("def f(n: int) -> int:\n    m = n - n\n    return (n\n        % m)");
    assert!(matches!(call(&source, "f", &[3]), End::Trap(TrapKind::DivideByZero, 5 | 6)));
    let source = python("def f(n: int) -> float:\n    return n / (n - n)");
    assert_eq!(call(&source, "f", &[3]), End::Trap(TrapKind::DivideByZero, 4));
}

#[test]
fn cases_go_on_into_each_other_and_continue_belongs_to_the_loop() {
    let source = c(
        "int f(int n) {\n  int r = 0;\n  for (int i = 0; i < 6; i++) {\n    switch (i) {\n      case 0: r += 1;\n      case 1: r += 10; break;\n      case 2: continue;\n      case 4: if (n) break; r += 100;\n      default: r += 1000;\n    }\n    r += 100000;\n  }\n  return r;\n}",
    );
    assert_eq!(call(&source, "f", &[0]), word(503_121));
    assert_eq!(call(&source, "f", &[1]), word(502_021));
}

#[test]
fn arrays_of_c_belong_to_the_caller_and_structs_do_not() {
    let source = c(
        "struct P { int x; };\nvoid set(int a[2], int v) { a[1] = v; }\nvoid pass(int a[2]) { set(a, 7); }\nint alter(struct P p) { p.x += 1; return p.x; }\nint f(void) { int a[2]; struct P p = {4}; pass(a); return a[1] * 100 + alter(p) * 10 + p.x; }",
    );
    assert_eq!(call(&source, "f", &[]), word(754));
    let flux = format!("{source}```flux\nfn g() {{ let a: [i32; 2] = [1, 2]\n pass(a) }}\n```\n");
    assert_eq!(codes(&flux), ["E0521"]);
}

#[test]
fn initializers_fill_up_with_zeros() {
    let source = c(
        "typedef struct { int a; double b[2]; } S;\nstatic const S TABLE[3] = {{1, {2}}, {.b = {3, 4}}};\nint f(int n) { S s = {.a = 5}; int all[300] = {0}; return TABLE[n].a + (int)TABLE[n].b[1] + s.a + (int)s.b[1] + all[299] + (int)(sizeof(all) / sizeof all[0]); }",
    );
    assert_eq!(call(&source, "f", &[0]), word(306));
    assert_eq!(call(&source, "f", &[1]), word(309));
    assert_eq!(call(&source, "f", &[2]), word(305));
}

#[test]
fn python_divides_towards_minus_infinity() {
    let source = python(
        "def div(a: int, b: int) -> int:\n    return a // b\ndef rem(a: int, b: int) -> int:\n    return a % b\ndef power(a: int, b: int) -> int:\n    return a ** b\ndef back(a: int) -> int:\n    cells = [1, 2, 3]\n    return cells[-1] + cells[a]",
    );
    for (a, b, div, rem) in [(7, 2, 3, 1), (-7, 2, -4, 1), (7, -2, -4, -1), (-7, -2, 3, -1), (6, -2, -3, 0)] {
        let args = [i64::cast_unsigned(a), i64::cast_unsigned(b)];
        assert_eq!(call(&source, "div", &args), word(div));
        assert_eq!(call(&source, "rem", &args), word(rem));
    }
    assert_eq!(call(&source, "power", &[(-2i64).cast_unsigned(), 63]), word(i64::MIN));
    assert_eq!(call(&source, "power", &[2, 63]), End::Trap(TrapKind::Overflow, 8));
    assert_eq!(call(&source, "power", &[2, u64::MAX]), End::Trap(TrapKind::Conversion, 8));
    assert_eq!(call(&source, "back", &[0]), word(4));
}

#[test]
fn python_names_belong_to_the_function_and_lists_to_the_caller() {
    let source = python(
        "def find(n: int) -> int:\n    i = -1\n    for i in range(10):\n        if i * i > n:\n            break\n    return i\n\ndef fill(cells: \"[int; 3]\") -> None:\n    for i in range(len(cells)):\n        cells[i] = i * 10\n\ndef total(n: int) -> int:\n    cells = [n] * 3\n    kept = cells[:]\n    fill(cells)\n    s = 0\n    for cell in cells:\n        s += cell\n    return s + kept[0]",
    );
    assert_eq!(call(&source, "find", &[20]), word(5));
    assert_eq!(call(&source, "total", &[1000]), word(1030));
}

#[test]
fn a_name_that_is_there_twice_shows_both_places() {
    let source = "# Test\n```c\nint f(int a) { return a; }\n```\n```python\ndef f(a: int) -> int:\n    return a\n```\n";
    let rows = compile(source.as_bytes(), "test.flux.md", &Options::default()).diagnostics;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].code.to_string().as_str(), rows[0].secondary.len()), ("E0208", 1));
}

#[test]
fn what_is_outside_the_subset_is_said_once_and_with_a_hint() {
    for code in [
        "int f(int *a) { return 1; }",
        "int f(int a) { return *a; }",
        "int f(int a) { goto end; }",
        "int f(int a, ...) { return a; }",
        "int f(int a[]) { return a[0]; }",
        "int x = 1;",
        "#if 1",
        "#define F(x) x",
        "int f(int a) { static int n = 1; return a; }",
        "int f(int a) { return a = 1; }",
        "int f(int a) { return a++; }",
        "union U { int a; };",
        "int f(int a) { printf(\"x\"); return 1; }",
        "int f(volatile int a) { return a; }",
    ] {
        assert_eq!(codes(&c(code)), ["E0414"], "{code}: {:?}", diagnostics(&c(code)));
    }
    for code in [
        "import os",
        "def f(a: int = 1) -> int:\n    return a",
        "def f(*a: int) -> int:\n    return 1",
        "def f(a: int) -> int:\n    raise ValueError()",
        "def f(a: int) -> int:\n    return [i for i in a]",
        "def f(a: int) -> int:\n    return a is 1",
        "def f(a: dict[str, int]) -> int:\n    return 1",
        "class A:\n    pass",
        "print(1)",
    ] {
        assert_eq!(codes(&python(code)), ["E0414"], "{code}: {:?}", diagnostics(&python(code)));
    }
}

#[test]
fn nesting_as_deep_as_one_likes_ends_in_a_diagnostic() {
    let deep = 10_000;
    for code in [
        format!("int f(int a) {{ return {}a{}; }}", "(".repeat(deep), ")".repeat(deep)),
        format!("int f(int a) {{ return {}a; }}", "-".repeat(deep)),
        format!("int f(int a) {{ return {}a; }}", "!".repeat(deep)),
        format!("int f(int a) {{ {} }}", "{".repeat(deep)),
        format!("int f(int a) {{ {} ; }}", "if (a) ".repeat(deep)),
        format!("int f(int a) {{ {} ; }}", "if (a) {} else ".repeat(deep)),
        format!("int f(int a) {{ return a{}; }}", "[a".repeat(deep)),
        format!("int f(int a) {{ return a{}; }}", " + a".repeat(deep)),
        format!("int f(int a) {{ return {}a; }}", "a ? ".repeat(deep)),
        format!("int f(int a) {{ return {}a; }}", "a ? a : ".repeat(deep)),
        format!("int f(int a) {{ int b[1] = {}; }}", "{".repeat(deep)),
        format!("int f(int a{}) {{ return 1; }}", "[2]".repeat(deep)),
        "struct { ".repeat(deep),
        format!("int f(int a) {{ return {}; }}", "9".repeat(deep)),
        format!("int f(int a) {{ return 1{}; }}", ".f(1)".repeat(deep)),
        "int f(int a) { return \"".to_string(),
        "int f(int a) { /*".to_string(),
        "int".to_string(),
    ] {
        let found = codes(&c(&code));
        assert!(
            !found.is_empty() && found.len() <= 201,
            "{}: {} codes",
            &code[..40.min(code.len())],
            found.len()
        );
    }
    let blocks: String = (1..300).map(|at| format!("{}if a:\n", " ".repeat(at))).collect();
    for code in [
        format!("def f(a: int) -> int:\n    return {}a{}", "(".repeat(deep), ")".repeat(deep)),
        format!("def f(a: int) -> int:\n    return {}a", "-".repeat(deep)),
        format!("def f(a: int) -> int:\n    return {}a", "not ".repeat(deep)),
        format!("def f(a: int) -> int:\n    return a{}", " < a".repeat(deep)),
        format!("def f(a: int) -> int:\n    return a{}", " ** a".repeat(deep)),
        format!("def f(a: int) -> int:\n    return {}", "[".repeat(deep)),
        format!("def f(a: int) -> int:\n    return a{}", "[a".repeat(deep)),
        format!("def f(a: int) -> int:\n    return {}a", "a if a else ".repeat(deep)),
        format!("def f(a: {}int) -> int:\n    return 1", "list[".repeat(deep)),
        format!("def f(a: int) -> int:\n    return f\"{}\"", "{f'".repeat(deep)),
        format!(
            "def f(a: int) -> int:\n    if a:\n        return 1\n{}",
            "    elif a:\n        return 1\n".repeat(deep)
        ),
        format!("def f(a: int) -> int:\n    return {}", "9".repeat(deep)),
        format!("def f(a: int) -> int:\n{blocks}"),
        "def f(a: int) -> int:\n    return \"".to_string(),
        "def f(a: int) -> int:\n    return \"\"\"".to_string(),
        "def".to_string(),
        "  x = 1\n y = 2".to_string(),
    ] {
        let found = codes(&python(&code));
        assert!(
            !found.is_empty() && found.len() <= 201,
            "{}: {} codes",
            &code[..40.min(code.len())],
            found.len()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_words_of_c_panic(words in proptest::collection::vec(proptest::sample::select(C_WORDS.to_vec()), 0..60)) {
        let _ = codes(&c(&words.join(" ")));
        let _ = codes(&c(&format!("int f(int a) {{ {} }}", words.join(" "))));
    }

    #[test]
    fn no_words_of_python_panic(words in proptest::collection::vec(proptest::sample::select(PYTHON_WORDS.to_vec()), 0..60)) {
        let _ = codes(&python(&words.join(" ")));
        let _ = codes(&python(&format!("def f(a: int) -> int:\n    {}", words.join(" "))));
    }

    #[test]
    fn no_text_panics(text in "[ -~\\n\\té–]{0,200}") {
        let _ = codes(&c(&text));
        let _ = codes(&python(&text));
    }
}

const C_WORDS: &[&str] = &[
    "int", "double", "unsigned", "struct", "enum", "typedef", "const", "static", "if", "else", "for",
    "while", "do", "switch", "case", "default", ":", "break", "continue", "return", "a", "f", "P", "(", ")",
    "{", "}", "[", "]", ";", ",", "=", "+", "-", "*", "/", "++", "<", "==", "&&", "!", "?", "1", "2.5", "0x",
    "\"s\"", "'c'", ".", "->", "sizeof", "#define", "#include", "\n", "sqrt", "<<", "void", "/*", "//",
];

const PYTHON_WORDS: &[&str] = &[
    "def",
    "f",
    "(",
    ")",
    ":",
    "->",
    "int",
    "a",
    "b",
    "\n",
    "\n    ",
    "\n        ",
    "if",
    "elif",
    "else",
    "for",
    "in",
    "range",
    "while",
    "return",
    "=",
    "+=",
    "//",
    "**",
    "<",
    "==",
    "and",
    "not",
    "[",
    "]",
    ",",
    ".",
    "1",
    "2.5",
    "\"s\"",
    "f\"{a}\"",
    "class",
    "@dataclass",
    "import",
    "math",
    "from",
    "None",
    "True",
    "lambda",
    "len",
    "min",
    "round",
    "copy",
    "*",
    "-",
    "{",
    "}",
    "assert",
    "break",
    "pass",
    "#",
];

/// A conversion of C that keeps every value was an instruction that cut nothing off.
#[test]
fn a_conversion_to_a_wider_type_of_c_takes_no_instruction() {
    let length = |result: &str, argument: &str| {
        let source = format!("# Test\n```c\n{result} f({argument} a) {{ return a; }}\n```\n");
        support::compiled(&source, flux_fluxc::Level::None).modules[0].code.len()
    };
    let plain = length("int", "int");
    for (wide, narrow) in
        [("int", "int8_t"), ("int", "uint16_t"), ("int16_t", "uint8_t"), ("int64_t", "unsigned")]
    {
        assert_eq!(length(wide, narrow), plain, "{wide} of {narrow}");
    }
    assert!(length("int8_t", "int") > plain && length("unsigned", "int") > plain);
}
