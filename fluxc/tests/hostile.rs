//! Documents made to exhaust the compiler: each ends in a module or in diagnostics, within the
//! memory that the limits allow.
//!
//! Time is not measured here; where work grew faster than the document once, the test beside the
//! code counts it.
#![allow(unsafe_code, reason = "an allocator that counts has to be one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use flux_abi::limits::{COMPILE_BYTES_BASE, COMPILE_BYTES_PER_SOURCE_BYTE};
use flux_fluxc::diag::Sink;
use flux_fluxc::{Compiled, Options, compile};

struct Counting;

thread_local! {
    static USED: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; the counts are beside it, in cells
// of the thread that need no allocation themselves.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.get().wrapping_add(layout.size());
        USED.set(used);
        PEAK.set(PEAK.get().max(used));
        // SAFETY: the caller keeps the contract of `alloc`, which is the same here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        USED.set(USED.get().wrapping_sub(layout.size()));
        // SAFETY: the caller keeps the contract of `dealloc`, which is the same here.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes of a document that repeats one thing.
const BYTES: usize = 512 << 10;

/// What came of a document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// Modules.
    Compiled,
    /// Errors about what it says.
    Refused,
    /// The error that it takes too much memory, alone or last.
    TooMuch,
}

/// Compiles, and checks that the most bytes in use at once are within the limit.
fn bounded(name: &str, source: &str) -> (End, Compiled) {
    USED.set(0);
    PEAK.set(0);
    let compiled = compile(source.as_bytes(), "hostile.flux.md", &Options::default());
    let (peak, limit) = (PEAK.get(), source.len() * COMPILE_BYTES_PER_SOURCE_BYTE + COMPILE_BYTES_BASE);
    let codes: Vec<String> = compiled.diagnostics.iter().map(|row| row.code.to_string()).collect();
    let end = match compiled.errors {
        0 => End::Compiled,
        _ if codes.iter().any(|code| code == "E0008") => End::TooMuch,
        _ => End::Refused,
    };
    assert!(peak <= limit, "{name}: {peak} bytes of {limit} ({end:?})");
    assert!(compiled.diagnostics.len() <= Sink::LIMIT);
    assert_eq!(compiled.modules.is_empty(), end != End::Compiled, "{name}");
    (end, compiled)
}

fn end(name: &str, source: &str) -> End {
    bounded(name, source).0
}

/// `unit` as often as the document may be long.
fn repeated(head: &str, unit: &str, tail: &str) -> String {
    format!("{head}{}{tail}", unit.repeat((BYTES - head.len()) / unit.len()))
}

/// Lines with their numbers, as many as the document may be long.
fn numbered(head: &str, line: impl Fn(usize) -> String, tail: &str) -> String {
    let mut source = String::from(head);
    for n in 0.. {
        if source.len() >= BYTES {
            break;
        }
        source.push_str(&line(n));
    }
    source + tail
}

fn many(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

const CODE: &str = "# T\n## Types\n```flux\n";
const FENCE: &str = "```\n";
const LOOP: &str = "# T\n## Agent\nname: t\ncapabilities: COMMUNICATE\n## Loop\n";

/// A function with this body.
fn function(head: &str, body: &str) -> String {
    format!("{CODE}fn f{head} {{\n{body}}}\n{FENCE}")
}

fn statements(head: &str, first: &str, unit: &str) -> String {
    repeated(&format!("{CODE}fn f{head} {{\n{first}"), unit, &format!("}}\n{FENCE}"))
}

/// The syntax tree of 13 MiB of such statements took 1.2 GB.
#[test]
fn statements_of_one_character() {
    assert_eq!(end("lines", &statements("(a: int)", "", "a\n")), End::TooMuch);
    assert_eq!(end("undefined names", &statements("()", "", "b\n")), End::Refused);
    assert_eq!(end("semicolons", &statements("(a: int)", "", "a;a;a;a;a;a;a;a;a;a;a;a;\n")), End::TooMuch);
    assert_eq!(end("code spans", &repeated(LOOP, "- `1`\n", "")), End::Compiled);
    // A few thousand are nobody's attack.
    assert_eq!(end("few", &function("(a: int)", &"a\n".repeat(20_000))), End::Compiled);
}

#[test]
fn small_statements_and_steps_by_the_hundred_thousand() {
    for (name, source) in [
        ("assign", statements("(a: int)", "var x = 0\n", "x=a\n")),
        ("float", statements("(a: f64)", "var x = a\n", "x=x+1.5\n")),
        ("cast", statements("(a: int)", "var x = 1 as u8\n", "x=a as u8\n")),
        ("call", statements("(a: int)", "", "f(1)\n")),
        ("if", statements("(a: bool)", "", "if a{}\n")),
        ("if of one statement", statements("(a: bool)", "", "if a{a}\n")),
        ("while", statements("()", "", "while false{}\n")),
        ("if value", statements("(a: bool)", "var x = 1\n", "x=if a{1}else{2}\n")),
        (
            "struct",
            repeated(
                &format!("{CODE}struct S{{a:int}}\nfn f() {{\nvar x = S{{a:1}}\n"),
                "x=S{a:1}\n",
                "}\n```\n",
            ),
        ),
        ("element", statements("()", "var a=[1,2,3,4]\n", "a[0]=a[1]\n")),
        ("parentheses", statements("(a: int)", "", "((((((a))))))\n")),
        (
            "deep sums",
            statements("(a: int)", "var x=0\n", &format!("x={}1{}\n", "(a+".repeat(60), ")".repeat(60))),
        ),
        ("Stop", repeated(LOOP, "- Stop\n", "")),
        ("YIELD", repeated(LOOP, "1. YIELD\n", "")),
        ("Set", repeated(LOOP, "- Set x to 1\n", "")),
        ("Log", repeated(LOOP, "- Log \"\"\n", "")),
        ("Log values", repeated(LOOP, "- Log \"{1}{1}{1}{1}\"\n", "")),
        ("TELL", repeated(LOOP, "- TELL a: b()\n", "")),
        ("Record", repeated(LOOP, "- Record a 1\n", "")),
        ("Otherwise if", repeated(&format!("{LOOP}- If on: Stop\n"), "- Otherwise if on: Stop\n", "")),
        (
            "Read",
            repeated(
                "# T\n## Agent\nname: t\ncapabilities: IO_READ\n## Loop\n",
                "- Read x from ADC channel 2\n",
                "",
            ),
        ),
    ] {
        end(name, &source);
    }
}

#[test]
fn long_lists_of_expressions() {
    let elements = |unit: &str| {
        numbered(&format!("{CODE}const X: [int; 3] = [\n"), |_| unit.repeat(1_000) + "\n", "]\n```\n")
    };
    assert_ne!(end("constant", &elements("0,")), End::Compiled);
    let array = function("(a: int) -> int", &format!("let x=[\n{}]\nreturn x[a]\n", "a,\n".repeat(100_000)));
    assert_eq!(end("100,000 elements", &array), End::Compiled);
    let constant = format!(
        "{CODE}const X:[int; 50000]=[\n{}]\nfn f(a: int)->int{{\nvar s=0\n{}return s\n}}\n{FENCE}",
        "1,2,3,4,5,\n".repeat(10_000),
        "s=X[a]\n".repeat(10_000)
    );
    assert_eq!(end("constant often used", &constant), End::Compiled);
    end("pieces of a text", &function("(a: int) -> str", &format!("return \"{}\"\n", "{a}".repeat(20_000))));
    end("arguments", &function("(a: int)", &format!("f(\n{})\n", "a,\n".repeat(100_000))));
    end(
        "patterns",
        &function(
            "(a: int)",
            &format!("match a {{\n{}_=>{{}}\n}}\n", many(30_000, |n| format!("{n}=>{{}}\n"))),
        ),
    );
    end(
        "texts as patterns",
        &function(
            "(a: str)",
            &format!("match a {{\n{}_=>{{}}\n}}\n", many(20_000, |n| format!("\"k{n}\"=>{{}}\n"))),
        ),
    );
}

#[test]
fn declarations_by_the_ten_thousand() {
    for (name, source) in [
        ("functions", numbered(CODE, |n| format!("fn f{n}(){{}}\n"), FENCE)),
        ("one function often", repeated(CODE, "fn f(){}\n", FENCE)),
        ("function sections", numbered("# T\n", |n| format!("## fn: f{n}()\n```\n1\n```\n"), "")),
        ("constants", numbered(CODE, |n| format!("const c{n}=1\n"), FENCE)),
        ("structs", numbered(CODE, |n| format!("struct c{n}{{a:i8}}\n"), FENCE)),
        ("enums", numbered(CODE, |n| format!("enum E{n}{{A,B}}\n"), FENCE)),
        ("fields", format!("{CODE}struct S{{{}}}\n{FENCE}", many(30_000, |n| format!("a{n}:u8,\n")))),
        ("locals", numbered(&format!("{CODE}fn f() {{\n"), |n| format!("let x{n}=1\n"), "}\n```\n")),
        ("parameters", numbered(LOOP, |n| format!("- Log \"{{p{n}}}\"\n"), "")),
        (
            "state",
            numbered(
                "# T\n## Agent\nname: t\nmemory: 64MB\n## State\n",
                |n| format!("- s{n}: int = 1\n"),
                "## Loop\n- Stop\n",
            ),
        ),
        ("config", numbered("# T\n## Config\n", |n| format!("- c{n}: int = 1\n"), "## Loop\n- Stop\n")),
        ("handlers", numbered("# T\n## Agent\nname: t\n", |n| format!("## On h{n}()\n- Stop\n"), "")),
        ("one handler often", repeated("# T\n## Agent\nname: t\n", "## On f()\n- Stop\n", "")),
        ("targets", numbered(LOOP, |n| format!("- TELL a{n}: b()\n"), "")),
        ("pacers", numbered(LOOP, |n| format!("- Every {}s: Stop\n", n + 1), "")),
        ("topics", numbered(LOOP, |n| format!("- Subscribe to \"t{n}\"\n"), "")),
        (
            "exports",
            many(20_000, |n| format!("## export: f{n}\n"))
                + "```flux\n"
                + &many(20_000, |n| format!("fn f{n}(){{}}\n"))
                + FENCE,
        ),
        (
            "capabilities",
            format!("---\ncapabilities:\n{}---\n{LOOP}- Stop\n", many(50_000, |n| format!("- A{n}\n"))),
        ),
    ] {
        end(name, &source);
    }
}

#[test]
fn agents_by_the_ten_thousand() {
    end("agents", &numbered("# T\n", |n| format!("## agent: a{n}\n### Loop\n- Stop\n"), ""));
    end("one agent often", &repeated("# T\n", "## agent: a\n### Loop\n- Stop\n", ""));
}

/// Each agent's module has all functions that the agent reaches.
#[test]
fn many_agents_that_share_many_functions() {
    let functions =
        many(2_000, |n| format!("fn f{n}(a: int)->int{{ return f{}(a+1)*3 }}\n", (n + 1) % 2_000));
    let agents = many(2_000, |n| format!("## agent: a{n}\n### Loop\n- Log \"{{f0(1)}}\"\n"));
    assert_eq!(end("shared", &format!("{CODE}{functions}{FENCE}{agents}")), End::TooMuch);
}

/// A constant of 8 KB that held 60 million values took 2 GB.
#[test]
fn constants_made_of_constants() {
    let row = |name: &str, ty: &str, count: usize, of: &str| {
        format!("const {name}: {ty} = [{}]\n", vec![of; count].join(", "))
    };
    let rows = row("A", "[bool; 1000]", 1000, "true") + &row("B", "[[bool; 1000]; 200]", 200, "A");
    let document = |more: &str| format!("{CODE}{rows}{more}{FENCE}");
    assert_eq!(end("rows", &document("fn f() -> bool { return B[199][999] }\n")), End::Compiled);
    let (found, compiled) =
        bounded("rows of rows", &document(&row("C", "[[[bool; 1000]; 200]; 300]", 300, "B")));
    assert_eq!(found, End::TooMuch);
    assert_eq!(compiled.diagnostics.len(), 1, "{:#?}", compiled.diagnostics);
    // In a function they are put together while running.
    let local = format!(
        "fn f(n: int) -> bool {{\n  let rows = [{}]\n  return rows[n][n][n]\n}}\n",
        vec!["B"; 20].join(", ")
    );
    assert_eq!(end("rows of rows in a function", &document(&local)), End::Compiled);
    let text = format!("const T: str = \"{}\"\n", "x".repeat(100_000));
    let texts = text + &row("A", "[str; 1000]", 1000, "T");
    assert_eq!(end("texts", &format!("{CODE}{texts}{FENCE}")), End::TooMuch);
}

/// Layouts and descriptors were made anew for each use: two structs in each took time in powers
/// of two.
#[test]
fn attack_23_structs_of_structs() {
    let doubled = many(31, |n| format!("struct S{}{{a:S{n},b:S{n}}}\n", n + 1));
    assert_eq!(end("doubled", &format!("{CODE}struct S0{{a:u8}}\n{doubled}{FENCE}")), End::Refused);
    let empty = format!("{CODE}struct S0{{}}\n{doubled}fn f(a: S30) {{ var b = a\nb = a }}\n{FENCE}");
    assert_eq!(end("of nothing", &empty), End::Refused);
    let wide = |n: usize| format!("struct S{}{{{}}}\n", n + 1, many(250, |k| format!("a{k}:S{n},")));
    assert_eq!(end("wide", &format!("{CODE}struct S0{{a:u8}}\n{}{FENCE}", many(4, wide))), End::Refused);
    let chain = many(20_000, |n| format!("struct S{n}{{a:S{}}}\n", n + 1));
    assert_eq!(end("chain", &format!("{CODE}{chain}struct S20000{{}}\n{FENCE}")), End::Refused);
}

/// A copy of a struct of texts is one instruction for each text and more.
#[test]
fn attack_23_copies_of_structs_of_texts() {
    let fields = many(250, |k| format!("a{k}:str,"));
    let source = format!(
        "{CODE}struct S{{{fields}}}\n{FENCE}## Agent\nname: t\n## State\n- s: S\n- r: S\n## Loop\n{}",
        "- `s=r`\n".repeat(20_000)
    );
    assert_eq!(end("copies", &source), End::TooMuch);
}

#[test]
fn attack_23_descriptors_of_large_structs() {
    let fields = |ty: &str, count| many(count, |k| format!("a{k}:{ty},"));
    let source = format!(
        "{CODE}struct S{{{}}}\nstruct R{{{}}}\n{FENCE}## Agent\nname: t\nmemory: 64MB\n## State\n{}## Loop\n- Stop\n",
        fields("u8", 250),
        fields("S", 15),
        many(20_000, |k| format!("- s{k}: R\n"))
    );
    assert_eq!(end("descriptors", &source), End::TooMuch);
}

/// Inlining moved the rest of the block for each call, and counted what was inlined but not its
/// blocks.
#[test]
fn attack_23_calls_of_tiny_functions() {
    let source = format!("{CODE}fn g(){{}}\nfn f() {{\n{}}}\n{FENCE}", "g()\n".repeat(90_000));
    end("of nothing", &source);
    let body = "a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a";
    let source = format!(
        "{CODE}fn g(a: int)->int{{return {body}}}\n{}{FENCE}",
        many(20_000, |n| format!("fn f{n}()->int{{return g({n})}}\n"))
    );
    assert_eq!(end("from everywhere", &source), End::Compiled);
    let chain = many(20_000, |n| format!("fn f{n}(){{f{}()}}\n", n + 1));
    assert_eq!(end("chain", &format!("{CODE}{chain}fn f20000(){{}}\n{FENCE}")), End::Compiled);
}

/// Every variable that is read behind every choice could become a value of every block.
#[test]
fn attack_23_many_variables_and_many_joins() {
    let variables = many(4_000, |n| format!("var x{n}={n}\n"));
    let sum = many(4_000, |n| format!("x0=x0+x{n}\n"));
    let body = format!("{variables}{}{sum}return x0\n", "if a {x0=x0+1}\n".repeat(20_000));
    assert_eq!(end("joins", &function("(a: bool) -> int", &body)), End::TooMuch);
    let loops = format!(
        "{}{}{}{}return x0\n",
        many(2_000, |n| format!("var x{n}={n}\n")),
        "while a {\n".repeat(60),
        many(2_000, |n| format!("x{n}=x{n}+1\n")),
        "}\n".repeat(60)
    );
    assert_eq!(end("loops", &function("(a: bool) -> int", &loops)), End::Compiled);
}

#[test]
fn more_values_alive_than_registers() {
    for (name, value) in [("products", "a*"), ("calls", "f(a)+")] {
        let body = format!(
            "var s=0\n{}{}return s\n",
            many(4_000, |n| format!("let x{n}={value}{n}\n")),
            many(4_000, |n| format!("s=s+x{n}\n"))
        );
        assert_eq!(end(name, &function("(a: int) -> int", &body)), End::Compiled);
    }
}

/// Comparing two names of 60 KB took 3.6 billion steps.
#[test]
fn long_names_that_nearly_exist() {
    let name = "x".repeat(60_000);
    let constants = many(20, |n| format!("const {name}{n}=1\n"));
    let uses = many(20, |n| format!("\n{name}q{n}"));
    assert_eq!(end("names", &format!("{CODE}{constants}fn f() {{{uses} }}\n{FENCE}")), End::Refused);
}

/// Each pacer carries the name of its section.
#[test]
fn a_long_name_that_is_kept_often() {
    let pacers = many(20_000, |n| format!("- Every {}s: Stop\n", n + 1));
    let source = format!("# T\n## Agent\nname: t\n## On {}()\n{pacers}", "x".repeat(60_000));
    assert_eq!(end("section", &source), End::TooMuch);
}

#[test]
fn names_that_many_names_begin_with() {
    let state = many(10_000, |n| format!("- temperature{n}: int = 1\n"));
    let source = format!("# T\n## State\n{state}## Loop\n{}", "- Log \"{temp}\"\n".repeat(10_000));
    assert_eq!(end("ambiguous", &source), End::Refused);
    let set = many(4_000, |n| format!("- Set long{n} to 1\n"));
    let log = many(10_000, |n| format!("- Log \"{{other{n}}}\"\n"));
    assert_eq!(end("unknown", &format!("{LOOP}{set}{log}")), End::Refused);
}

#[test]
fn markdown_without_end() {
    for (name, source) in [
        ("headings", repeated("", "#\n", "")),
        ("sections", repeated("# T\n", "## x\n", "")),
        ("empty items", repeated("# T\n## Loop\n", "-\n", "")),
        ("nested items", repeated("# T\n## Loop\n", "- - - - - - - - Stop\n", "")),
        ("quotes", repeated("# T\n## Loop\n", &(">".repeat(30) + " - a\n"), "")),
        ("empty lines", repeated(LOOP, "\n", "")),
        ("fences", repeated("# T\n", "```flux\n```\n", "")),
        ("data", repeated("# T\n", "```json\n```\n", "")),
        ("frontmatter", repeated("---\n", "a: b\n", &format!("---\n{LOOP}- Stop\n"))),
        ("links", repeated("# T\n[", "[a](b)\n", "")),
        ("definitions", repeated("# T\n", "[a]: b\n", "")),
        ("html", repeated("# T\n", "<div>\n<x>\n", "")),
        ("backticks", repeated("# T\n## Loop\n- ", "``` ` ``\n  ", "")),
        ("one step", repeated("# T\n## Init\n- Log \"", "word word word\n  ", "\"\n")),
        ("escapes", repeated("# T\n## Init\n- Log \"", "\\n\\u{41}\n  ", "\"\n")),
        ("prose", repeated("# T\n## Loop\n- Stop\n\n", "Read the text of the book\n", "")),
        ("wrong steps", repeated(LOOP, "- x\n", "")),
        ("a line", "## Loop\n- ".to_string() + &"x".repeat(BYTES)),
    ] {
        end(name, &source);
    }
}

#[test]
fn nesting_ten_thousand_deep() {
    for (name, source) in [
        ("parentheses", function("(a: int)", &format!("{}a{}\n", "(".repeat(10_000), ")".repeat(10_000)))),
        ("blocks", function("(a: bool)", &format!("{}{}", "if a {\n".repeat(10_000), "}\n".repeat(10_000)))),
        ("types", function(&format!("(a: {}int{})", "[".repeat(10_000), ";1]".repeat(10_000)), "")),
        ("texts", function("(a: int)", &format!("{}\n", "\"{".repeat(10_000)))),
        ("signs", function("(a: int)", &format!("let x = {}a\n", "-".repeat(10_000)))),
        ("fields", function("(a: int)", &format!("a{}\n", ".b".repeat(10_000)))),
        ("else if", function("(a: int)", &format!("if a==1 {{}}{}\n", "\nelse if a==1 {}".repeat(10_000)))),
        ("lists", many(3_000, |n| format!("{}- If a:\n", "  ".repeat(n.min(2_000))))),
        ("openers", format!("{LOOP}- {}Stop\n", "If on: ".repeat(5_000))),
    ] {
        assert_eq!(end(name, &format!("{LOOP}- Stop\n\n{source}")), End::Refused, "{name}");
    }
}

#[test]
fn errors_by_the_hundred_thousand_are_counted_and_not_kept() {
    let (end, compiled) = bounded("errors", &repeated(LOOP, "- Raed x form GPIO\n", ""));
    assert_eq!(end, End::Refused);
    assert!(compiled.dropped > 20_000 && compiled.diagnostics.len() == Sink::LIMIT);
}

/// What is refused for memory says so once, and where.
#[test]
fn too_much_memory_is_one_error_with_a_place() {
    let source = statements("(a: int)", "", "a\n");
    let (end, compiled) = bounded("statements", &source);
    assert_eq!((end, compiled.errors), (End::TooMuch, 1));
    let row = &compiled.diagnostics[0];
    assert!(row.span.start > 100 && (row.span.end as usize) < source.len() && row.hint.is_some());
    let limit = source.len() * COMPILE_BYTES_PER_SOURCE_BYTE + COMPILE_BYTES_BASE;
    assert_eq!(row.message, format!("the compiler would need more than {limit} bytes"));
}

/// Documents as people write them stay far below the limit, however long.
#[test]
fn a_long_ordinary_document_is_no_attack() {
    let part = |n: usize| {
        format!(
            "## fn: smooth_{n}(value: f64, weight: f64, count: int) -> f64\n\nWeighs a new value against the old ones.\n\n\
             ```flux\nvar sum = value * weight\nvar i = 0\nwhile i < count {{\n  if i % 3 == 0 {{\n    sum = sum + 0.125 * (i as f64)\n  \
             }} else {{\n    sum = sum - 0.5\n  }}\n  i += 1\n}}\nreturn clamp(sum, -1000.0, 1000.0)\n```\n\n\
             ## On machine_{n}(value: f64, count: int) -> f64\n\n1. Add 1 to runs\n2. Set smoothed to smooth_{n}(value, 0.75, count)\n\
             3. If smoothed is above 75 and count is at least 2:\n   - Log warning \"machine {n} at {{smoothed}} after {{count}} values\"\n\
             4. Reply with smoothed + runs\n\n"
        )
    };
    let source = format!("# Plant\n## Agent\nname: plant\n## State\n- runs: int = 0\n{}", many(4_000, part));
    USED.set(0);
    assert_eq!(end("plant", &source), End::Compiled);
    assert!(
        PEAK.get() <= source.len() * COMPILE_BYTES_PER_SOURCE_BYTE * 3 / 4,
        "{}",
        PEAK.get() / source.len()
    );
}

/// A document with one fence of data that code uses.
fn data(format: &str, text: &str) -> String {
    format!("# T\n```{format} name=d\n{text}```\n## Agent\nname: t\n## Loop\n- Log \"{{d.len()}}\"\n- Stop\n")
}

/// The tokens of 4 MiB of TOML took 320 MB, those of YAML in brackets 1.3 GB.
#[test]
fn data_of_many_small_values() {
    let lines = |head: &str, unit: &str, tail: &str| repeated(head, &(unit.repeat(500) + "\n"), tail);
    for (name, source, wanted) in [
        ("json numbers", data("json", &lines("[", "1,", "1]\n")), End::Compiled),
        ("json floats", data("json", &lines("[0.5", ",1", "]\n")), End::Compiled),
        ("json nulls", data("json", &lines("[", "null,", "1]\n")), End::Compiled),
        ("json texts", data("json", &lines("[", "\"\",", "\"\"]\n")), End::Compiled),
        ("json escapes", data("json", &lines("[", "\"\\n\",", "\"\"]\n")), End::Compiled),
        ("json arrays", data("json", &lines("[", "[1],", "[1]]\n")), End::Compiled),
        ("json objects", data("json", &lines("[", "{\"a\":1},", "{\"a\":1}]\n")), End::Compiled),
        ("json maps", data("json", &lines("[", "{\" \":1},", "{\" \":1}]\n")), End::Compiled),
        ("yaml numbers", data("yaml", &repeated("", "- 1\n", "")), End::Compiled),
        ("yaml arrays", data("yaml", &repeated("", "- - 1\n", "")), End::Compiled),
        ("yaml lines of brackets", data("yaml", &repeated("", "- [1, 2, 3]\n", "")), End::Compiled),
        ("yaml blocks", data("yaml", &repeated("", "- |\n  a\n", "")), End::Compiled),
        ("yaml brackets", data("yaml", &lines("[", "1,", "1]\n")), End::Refused),
        ("yaml open brackets", data("yaml", &lines("", "[", "")), End::Refused),
        ("yaml pairs", data("yaml", &lines("[", "a: 1,", "a: 1]\n")), End::Refused),
        ("yaml questions", data("yaml", &lines("[", "? a,", "a: 1]\n")), End::Refused),
        ("yaml texts", data("yaml", &lines("[", "\"a\",", "1]\n")), End::Refused),
        ("yaml short brackets", data("yaml", &format!("[{}1]\n", "1,".repeat(20_000))), End::Compiled),
        ("toml numbers", data("toml", &lines("\"a b\" = [", "1,", "1]\n")), End::Compiled),
        ("toml spaces", data("toml", &lines("\"a b\" = [", "1 ,", "1]\n")), End::Compiled),
        ("toml texts", data("toml", &lines("\"a b\" = [", "'',", "'']\n")), End::Compiled),
        ("toml tables", data("toml", &repeated("", "[['a b']]\nx=1\n", "")), End::Compiled),
        ("toml inline tables", data("toml", &lines("\"a b\" = [", "{x=1},", "{x=1}]\n")), End::Compiled),
    ] {
        assert_eq!(end(name, &source), wanted, "{name}");
    }
}

#[test]
fn data_with_many_and_long_keys() {
    let long = "k".repeat(60_000);
    for (name, source, wanted) in [
        ("json", data("json", &numbered("{\"a b\":0", |n| format!("\n,\"k{n}\":1"), "}\n")), End::Compiled),
        ("yaml", data("yaml", &numbered("a b: 0\n", |n| format!("k{n}: 1\n"), "")), End::Compiled),
        ("toml", data("toml", &numbered("'a b' = 0\n", |n| format!("k{n} = 1\n"), "")), End::Compiled),
        ("names", data("json", &numbered("{\"a\":0", |n| format!("\n,\"k{n}\":1"), "}\n")), End::Refused),
        ("dotted", data("toml", &numbered("'a b'.c = 0\n", |n| format!("k{n}.c = 1\n"), "")), End::Compiled),
        (
            "long",
            data("json", &format!("{{\"a b\":0{}}}\n", many(8, |n| format!(",\n\"{long}{n}\":1")))),
            End::Compiled,
        ),
        (
            "long and nearly equal",
            data(
                "json",
                &format!("[{}\n{{\"{long}\":1}}]\n", many(7, |n| format!("{{\"{long}{n}\":1}},\n"))),
            ),
            End::Refused,
        ),
        // One is there twice, behind all others.
        (
            "json twice",
            data("json", &numbered("{\"a b\":0", |n| format!("\n,\"k{n}\":1"), ",\"k0\":1}\n")),
            End::Refused,
        ),
        (
            "yaml twice",
            data("yaml", &numbered("a b: 0\n", |n| format!("k{n}: 1\n"), "k0: 1\n")),
            End::Refused,
        ),
        (
            "toml twice",
            data("toml", &numbered("'a b' = 0\n", |n| format!("k{n} = 1\n"), "k0 = 1\n")),
            End::Refused,
        ),
        ("always twice", data("json", &repeated("{\"a\":0", "\n,\"a\":1", "}\n")), End::Refused),
    ] {
        assert_eq!(end(name, &source), wanted, "{name}");
    }
    // The keys of each object in another order.
    let object =
        |n: usize| format!("{{{}}},\n", many(255, |k| format!("\"k{}\":1,", (k * 7 + n) % 255)) + "\"z\":1");
    assert_eq!(
        end(
            "orders",
            &data("json", &format!("[{}{}]\n", many(200, object), object(0).trim_end_matches(",\n")))
        ),
        End::Compiled
    );
}

#[test]
fn deep_data_and_huge_numbers() {
    for format in ["json", "yaml"] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = |levels: usize| format!("{}1{}\n", open.repeat(levels), close.repeat(levels));
            assert_eq!(end("deep", &data(format, &deep(10_000))), End::Refused, "{format} {open}");
        }
        assert_eq!(end("number", &data(format, &format!("[{}]\n", "9".repeat(60_000)))), End::Refused);
        assert_eq!(end("digits", &data(format, &format!("[1.{}]\n", "9".repeat(60_000)))), End::Compiled);
        assert_eq!(end("exponent", &data(format, &format!("[1e{}]\n", "9".repeat(60_000)))), End::Refused);
        assert_eq!(end("zeros", &data(format, &repeated("[", "1e999999999,\n", "1]\n"))), End::Refused);
    }
    assert_eq!(end("yaml block", &data("yaml", &format!("{}1\n", "- ".repeat(10_000)))), End::Refused);
    let steps = many(2_000, |n| format!("{}- a:\n", " ".repeat(2 * n)));
    assert_eq!(end("yaml steps", &data("yaml", &steps)), End::Refused);
    assert_eq!(
        end("toml", &data("toml", &format!("a = {}1{}\n", "[".repeat(10_000), "]".repeat(10_000)))),
        End::Refused
    );
    assert_eq!(end("toml dots", &data("toml", &format!("a{} = 1\n", ".a".repeat(10_000)))), End::Refused);
    assert_eq!(end("toml number", &data("toml", &format!("'a b' = {}\n", "9".repeat(60_000)))), End::Refused);
    assert_eq!(end("toml header", &data("toml", &format!("[a{}]\n", ".a".repeat(10_000)))), End::Refused);
}

/// Many fences, each of which begins names and types of its own.
#[test]
fn data_fences_by_the_ten_thousand() {
    end("fences", &numbered("# T\n", |n| format!("```json name=d{n}\n[{{\"a\":1}}]\n```\n"), ""));
    end("one name", &repeated("# T\n", "```json name=d\n[1]\n```\n", ""));
    let wide = format!("{{{}\"z\":{{\"a\":1}}}}", many(200, |n| format!("\"k{n}\":{{\"a\":1}},\n")));
    end("structs", &repeated("# T\n", &format!("```json name=d\n{wide}\n```\n"), ""));
}
