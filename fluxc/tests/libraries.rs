//! Documents that use others: names, visibility, order, circles, places of errors.

mod support;

use flux_fluxc::{Found, Options, compile, gather};
use support::{End, bundle, call, compiled, diagnostics, init_log};

const UNITS: &str = "# Units

## Types
```flux
const ZERO: f64 = -273.15
struct Span { low: f64, high: f64 }
enum Scale { Celsius, Kelvin }

fn to_kelvin(celsius: f64) -> f64 { celsius - ZERO }
fn whole() -> Span { Span { low: 0.0, high: to_kelvin(0.0) } }
fn name_of(scale: Scale) -> str {
  return match scale { Celsius => \"C\", Kelvin => \"K\" }
}
```
";

const MAIN: &str = "---
dependencies: [lib/units.flux.md]
---
# Main
## Types
```flux
const LIMIT: f64 = units.ZERO
fn test() -> f64 {
  let own = units.Span { low: 1.0, high: 2.0 }
  let other: units.Span = units.whole()
  let scale = units.Scale.Kelvin
  let factor = match scale {
    units.Scale.Celsius => 1.0,
    units.Scale.Kelvin => 2.0,
  }
  return (own.high + other.high) * factor + LIMIT
}
fn text() -> str { return units.name_of(units.Scale.Kelvin) }
```
";

#[test]
fn types_functions_and_constants_of_a_library_are_used_over_its_name() {
    let source = bundle(&[("main.flux.md", MAIN), ("lib/units.flux.md", UNITS)]);
    assert_eq!(diagnostics(&source), Vec::<String>::new());
    let expected = (2.0f64 + 273.15) * 2.0 - 273.15;
    assert_eq!(call(&source, "test", &[]), End::Word(expected.to_bits()));
    assert_eq!(call(&source, "text", &[]), End::Text("K".into()));
}

#[test]
fn steps_use_libraries_as_code_does() {
    let main = "## import: units.flux.md as u
## Agent
name: main
## State
- span: u.Span = u.Span { low: 1, high: 2 }
## Init
1. Set kelvin to u.to_kelvin(20)
2. Log \"{kelvin} {span.high} {u.name_of(u.Scale.Celsius)}\"
3. If kelvin is above u.ZERO: Call u.whole()
4. Log \"above {u.ZERO}\"
";
    let source = bundle(&[("main.flux.md", main), ("units.flux.md", UNITS)]);
    assert_eq!(init_log(&source), ["293.15 2 C", "above -273.15"]);
}

#[test]
fn a_local_or_state_variable_hides_a_library_of_its_name() {
    let main = "## import: units.flux.md
## Agent
name: main
## Init
1. Let units be 3
2. Log \"{units}\"
";
    let source = bundle(&[("main.flux.md", main), ("units.flux.md", UNITS)]);
    assert_eq!(init_log(&source), ["3"]);
}

#[test]
fn a_library_is_compiled_once_however_many_use_it() {
    let (left, right) = ("## import: units.flux.md\n", "---\ndependencies:\n  - ../lib/units.flux.md\n---\n");
    let code = |name: &str| {
        format!("## Types\n```flux\nfn {name}() -> units.Span {{ return units.whole() }}\n```\n")
    };
    let main = "---\ndependencies: [lib/left.flux.md, lib/right.flux.md]\n---\n## Types\n```flux
fn test() -> f64 {
  var span = left.of_left()
  span = right.of_right()
  return span.high
}
```
";
    let files = [
        ("main.flux.md", main),
        ("lib/left.flux.md", &format!("{left}{}", code("of_left"))),
        ("lib/right.flux.md", &format!("{right}{}", code("of_right"))),
        ("lib/units.flux.md", UNITS),
    ];
    let source = bundle(&files);
    assert_eq!(call(&source, "test", &[]), End::Word(273.15f64.to_bits()));
    let module = &compiled(&source, flux_fluxc::Level::None).modules[0];
    let named = |name: &str| module.functions.iter().filter(|function| function.name == name).count();
    assert_eq!((named("units.whole"), named("left.of_left"), named("test")), (1, 1, 1));
    assert_eq!(module.documents, ["lib/left.flux.md", "lib/units.flux.md", "lib/right.flux.md"]);
    // Only the document itself is offered to others.
    assert_eq!(module.exports.len(), 1);
}

#[test]
fn what_a_library_does_not_export_is_not_there() {
    let library = format!("{UNITS}\n## export: to_kelvin\n\n## export: Span\n");
    let main = |code: &str| format!("## import: units.flux.md\n## Types\n```flux\n{code}\n```\n");
    let rows =
        |code: &str| diagnostics(&bundle(&[("main.flux.md", &main(code)), ("units.flux.md", &library)]));
    let clean = "fn f(s: units.Span) -> f64 { return units.to_kelvin(s.low) }";
    assert_eq!(rows(clean), Vec::<String>::new());
    for (code, name) in [
        ("fn f() -> f64 { return units.ZERO }", "ZERO"),
        ("fn f() { units.whole() }", "whole"),
        ("fn f(s: units.Scale) {}", "Scale"),
    ] {
        let rows = rows(code);
        assert_eq!(rows, [format!("E0804 line 4: the library `units` does not show `{name}`")]);
    }
}

#[test]
fn a_name_that_a_library_has_not_is_an_error_with_a_hint() {
    let main = "## import: units.flux.md\n## Types\n```flux
fn f() -> f64 { return units.to_kelwin(1.0) }
fn g() -> f64 { return units.NULL }
fn h(s: units.Scales) {}
fn i(s: unit.Scale) {}
fn j() -> f64 { return units.to_kelvin }
```\n";
    let source = bundle(&[("main.flux.md", main), ("units.flux.md", UNITS)]);
    assert_eq!(
        diagnostics(&source),
        [
            "E0503 line 4: the library `units` has no function `to_kelwin`",
            "E0501 line 5: the library `units` has no constant `NULL`",
            "E0504 line 6: the library `units` has no type `Scales`",
            "E0501 line 7: no library is called `unit`",
            "E0501 line 8: `to_kelvin` of the library `units` is a function, not a value",
        ]
    );
    let compiled = compile(&source, "main.flux.md", &Options::default());
    let hint = compiled.diagnostics[0].hint.as_ref().unwrap();
    assert_eq!(hint.text, "did you mean `to_kelvin`?");
}

#[test]
fn errors_of_a_library_are_shown_at_their_place_and_where_it_is_used() {
    let library =
        "# Units\n## Types\n```flux\nfn f() -> int { return x }\nfn g() -> int { return 1.5 }\n```\n";
    let main = "# Main\n\n## import: lib/units.flux.md\n\n## Types\n```flux\nfn h() -> int { return units.f() }\n```\n";
    let source = bundle(&[("main.flux.md", main), ("lib/units.flux.md", library)]);
    assert_eq!(
        diagnostics(&source),
        [
            "E0802 line 3: the library `lib/units.flux.md` has 2 errors",
            "E0501 lib/units.flux.md line 4: `x` is not defined",
            "E0506 lib/units.flux.md line 5: expected int, found f64",
        ]
    );
    let wrong = main.replace("units.f()", "units.f(1)");
    let fine = library.replace("return x", "return 1").replace("1.5", "2");
    let source = bundle(&[("main.flux.md", &wrong), ("lib/units.flux.md", &fine)]);
    let row = compile(&source, "main.flux.md", &Options::default()).diagnostics.remove(0);
    let declared = &row.secondary[0];
    assert_eq!((row.source.0, declared.source.0), (0, 1));
    assert_eq!(declared.span.text(&fine), "f() -> int");
}

#[test]
fn a_circle_is_refused_with_all_of_it() {
    let uses = |name: &str| format!("## import: {name}.flux.md\n## Types\n```flux\nconst N: int = 1\n```\n");
    let (main, a, b, c) = (uses("a"), uses("b"), uses("c"), uses("a"));
    let source = bundle(&[("main.flux.md", &main), ("a.flux.md", &a), ("b.flux.md", &b), ("c.flux.md", &c)]);
    let rows = diagnostics(&source);
    let circle = "E0803 c.flux.md line 1: documents depend on each other: a.flux.md → b.flux.md → c.flux.md → a.flux.md";
    assert!(rows.contains(&circle.to_owned()), "{rows:#?}");
    let own = uses("test");
    let rows = diagnostics(&bundle(&[("test.flux.md", &own)]));
    assert_eq!(rows, ["E0803 line 1: documents depend on each other: test.flux.md → test.flux.md"]);
}

#[test]
fn what_cannot_be_read_is_said_where_it_is_named() {
    let main = "---\ndependencies: [gone.flux.md, /etc/passwd, lib\\x.flux.md]\n---\n## import: bad.flux.md\n## Types\n```flux\nconst N: int = 1\n```\n";
    let source = bundle(&[("main.flux.md", main), ("bad.flux.md", "a\0b")]);
    assert_eq!(
        diagnostics(&source),
        [
            "E0801 line 2: the document `gone.flux.md` can't be read: there is no such file",
            "E0801 line 2: `/etc/passwd` is no path to a document",
            "E0801 line 2: `lib\\x.flux.md` is no path to a document",
            "E0802 line 4: the library `bad.flux.md` is no text",
            "E0005 bad.flux.md line 1: byte 1 is NUL: this is a binary file, not a document",
        ]
    );
    // Without its others a document says what is missing, too.
    let alone = "## import: units.flux.md\n## Types\n```flux\nconst N: int = 1\n```\n";
    let rows = diagnostics(alone);
    assert!(rows[0].starts_with("E0801 line 1: the document `units.flux.md` can't be read"), "{rows:?}");
}

#[test]
fn names_of_libraries_are_names_of_code_and_differ() {
    let main = "---
dependencies:
  - a/units.flux.md
  - b/units.flux.md
  - 2nd.flux.md
  - my-units.flux.md
---
## Types
```flux
const N: f64 = my_units.ZERO
struct units { n: int }
```
";
    let files = ["a/units.flux.md", "b/units.flux.md", "2nd.flux.md", "my-units.flux.md"];
    let mut all = vec![("main.flux.md", main)];
    all.extend(files.map(|file| (file, UNITS)));
    assert_eq!(
        diagnostics(&bundle(&all)),
        [
            "E0208 line 3: a constant or type of this document is called `units` too",
            "E0208 line 4: two libraries are called `units`",
            "E0103 line 5: `2nd` can't be the name of a library in code",
        ]
    );
}

#[test]
fn a_trap_in_a_library_names_the_line_of_the_library() {
    let library = "# Lib\n\n## Types\n```flux\nfn divide(a: int, b: int) -> int {\n  return a / b\n}\n```\n";
    let main = "## import: lib.flux.md\n## Types\n```flux\nfn test(b: int) -> int {\n  return lib.divide(1, b)\n}\n```\n";
    let source = bundle(&[("main.flux.md", main), ("lib.flux.md", library)]);
    let End::Trap(_, word) = call(&source, "test", &[0]) else { panic!("no trap") };
    let line = flux_isa::SourceLine::from_word(word);
    assert_eq!((line.document, line.line), (1, 6));
    let module = &compiled(&source, flux_fluxc::Level::Full).modules[0];
    assert_eq!(module.document_of(line, "main.flux.md"), "lib.flux.md");
}

#[test]
fn an_agent_of_a_library_is_no_part_of_the_program() {
    let library = format!("{UNITS}\n## Agent\nname: other\n## Init\n1. Log \"other\"\n");
    let main = "## import: units.flux.md\n## Agent\nname: main\n## Init\n1. Log \"{units.ZERO}\"\n";
    let source = bundle(&[("main.flux.md", main), ("units.flux.md", &library)]);
    let modules = compiled(&source, flux_fluxc::Level::Full).modules;
    assert_eq!(modules.len(), 1);
    assert_eq!(modules[0].meta.name, "main");
}

/// A link to its own folder gives one document endless paths.
#[test]
fn a_document_under_two_paths_is_one_document() {
    let library = "## import: link/lib.flux.md\n## Types\n```flux\nconst N: int = 1\n```\n";
    let main = "## import: lib.flux.md\n## import: link/lib.flux.md as same\n## Types\n```flux\nconst N: int = lib.N\n```\n";
    let mut reads = 0;
    let mut read = |_: &str| {
        reads += 1;
        Ok(Found { bytes: library.into(), identity: "the library".into() })
    };
    let source = gather("main.flux.md", main.as_bytes(), "main".into(), &mut read).unwrap().unwrap();
    assert_eq!(reads, 2);
    let rows = diagnostics(&source);
    assert_eq!(rows[0], "E0802 line 1: the library `lib.flux.md` has 1 error");
    assert!(rows[2].starts_with("E0803 lib.flux.md line 1: documents depend on each other"), "{rows:#?}");
}

#[test]
fn damaged_bundles_are_refused_in_words() {
    let source = bundle(&[("main.flux.md", MAIN), ("lib/units.flux.md", UNITS)]);
    for cut in [9, 12, 40, source.len() - 1] {
        let compiled = compile(&source[..cut], "main.flux.md", &Options::default());
        assert_eq!(compiled.errors, 1);
        assert!(compiled.diagnostics[0].message.contains("bundle"), "{:?}", compiled.diagnostics);
    }
}
