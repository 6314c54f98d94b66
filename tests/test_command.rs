//! `flux test` as a person and a CI server meet it.

mod support;

use std::ffi::OsString;
use std::path::Path;

use support::{Scratch, err, flux, out, root};

/// One test that passes, one that fails, and a name that XML and terminals must not take as it is.
const MIXED: &str = "\
# Counter\n\n## Agent\nname: counter\n\n## State\n- n: int = 0\n\n\
## On add(by: int) -> int\n1. Add by to n\n2. If n is above 100:\n   - Log warning \"many\"\n3. Reply with n\n\n\
## Test \"adds <& up>\"\n- When asked add(2)\n- Expect reply 2\n- Expect n is 2\n\n\
## Test \"never negative\"\n- When told add(0 - 1)\n- Expect n is at least 0\n";

fn arguments(path: &Path, rest: &[&str]) -> Vec<OsString> {
    let mut all = vec!["test".into(), path.into()];
    all.extend(rest.iter().map(Into::into));
    all
}

#[test]
fn a_failure_names_document_line_step_and_values_and_ends_with_1() {
    let scratch = Scratch::new("test-mixed");
    let path = scratch.file("counter.flux.md", MIXED);
    let output = flux(arguments(&path, &[]));
    let text = out(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for wanted in [
        "counter.flux.md:22: Expect n is at least 0",
        "found:    `n` is -1",
        "ok      adds <& up>",
        "2 tests: 1 failed",
    ] {
        assert!(text.contains(wanted), "{wanted}:\n{text}");
    }
}

#[test]
fn a_filter_chooses_by_name_and_a_list_runs_nothing() {
    let scratch = Scratch::new("test-filter");
    let path = scratch.file("counter.flux.md", MIXED);
    let chosen = flux(arguments(&path, &["--filter", "ADDS"]));
    assert_eq!(chosen.status.code(), Some(0), "{}", out(&chosen));
    assert!(!out(&chosen).contains("never negative"), "{}", out(&chosen));
    let listed = flux(arguments(&path, &["--list"]));
    assert_eq!(listed.status.code(), Some(0));
    assert!(out(&listed).contains("counter.flux.md:20: never negative"), "{}", out(&listed));
    let none = flux(arguments(&path, &["--filter", "subtracts"]));
    assert_eq!(none.status.code(), Some(1));
    assert!(err(&none).contains("--list"), "{}", err(&none));
}

#[test]
fn usage_ends_with_2_and_a_document_without_tests_says_so() {
    assert_eq!(flux(["test"]).status.code(), Some(2));
    let output = flux(["test", "apps/sensor.flux.md"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(out(&output).contains("apps/sensor.flux.md: no tests"), "{}", out(&output));
    let missing = flux(["test", "apps/no-such.flux.md"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(err(&missing).contains("no such file"), "{}", err(&missing));
}

#[test]
fn programs_get_json_and_xml_with_the_same_outcomes() {
    let scratch = Scratch::new("test-formats");
    let path = scratch.file("counter.flux.md", MIXED);
    let junit = scratch.0.join("report.xml");
    let report = junit.to_str().expect("a path of text");
    let output = flux(arguments(&path, &["--format", "json", "--coverage", "--junit", report]));
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_str(&out(&output)).expect("one JSON document");
    assert_eq!((&json["tests"], &json["passed"], &json["failed"]), (&2.into(), &1.into(), &1.into()));
    let tests = &json["documents"][0]["tests"];
    assert_eq!(tests[0]["outcome"], "passed");
    assert_eq!(tests[1]["failure"]["line"], 22);
    // The line of `Log warning` runs in no test.
    assert_eq!(json["documents"][0]["coverage"]["missed"], serde_json::json!([12]));
    let xml = std::fs::read_to_string(&junit).expect("the report");
    assert!(xml.contains("tests=\"2\" failures=\"1\" errors=\"0\""), "{xml}");
    assert!(xml.contains("name=\"adds &lt;&amp; up&gt;\""), "{xml}");
    assert!(xml.contains("found: `n` is -1"), "{xml}");
    let lines = out(&flux(arguments(&path, &["--format", "ndjson"])));
    assert_eq!(lines.lines().filter(|line| line.starts_with('{')).count(), 2, "{lines}");
}

#[test]
fn tests_change_no_byte_of_the_module_that_is_built() {
    let scratch = Scratch::new("test-identity");
    let (without, _) = MIXED.split_once("## Test").expect("a test");
    let build = |name: &str, text: &str| {
        let document = scratch.file(&format!("{name}.flux.md"), text);
        let module = scratch.0.join(format!("{name}.fluxbc"));
        let output = flux(["build".as_ref(), document.as_os_str(), "-o".as_ref(), module.as_os_str()]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        std::fs::read(module).expect("a module")
    };
    assert_eq!(build("with", MIXED), build("without", without));
}

#[test]
fn a_document_with_errors_is_not_tested() {
    let scratch = Scratch::new("test-errors");
    let path = scratch.file("counter.flux.md", MIXED.replace("Expect n is 2", "Expect m is 2"));
    let output = flux(arguments(&path, &[]));
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).contains("not tested, it has errors"), "{}", out(&output));
    assert!(err(&output).contains("E0501"), "{}", err(&output));
}

#[test]
fn the_examples_of_the_reference_pass_their_tests() {
    let page = std::fs::read_to_string(root().join("docs/LANGUAGE.md")).expect("the page");
    let scratch = Scratch::new("test-reference");
    let examples = page.split("\n````markdown\n").skip(1).filter_map(|rest| rest.split("\n````\n").next());
    let mut tested = 0;
    for example in examples.filter(|example| example.contains("\n## Test ")) {
        let path = scratch.file("example.flux.md", example);
        let output = flux(arguments(&path, &[]));
        assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
        tested += 1;
    }
    assert!(tested >= 1, "no example has tests");
}

#[test]
fn the_tests_of_the_example_programs_pass() {
    let output = flux(["test", "apps/alert.flux.md", "apps/cloud.flux.md"]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
    assert!(out(&output).contains("4 tests in 2 documents: all passed"), "{}", out(&output));
}

#[test]
fn a_parser_written_in_the_language_passes_its_tests() {
    let path = root().join("apps/reader.flux.md");
    let output = flux(arguments(&path, &[]));
    let text = out(&output);
    assert_eq!(output.status.code(), Some(0), "{text}{}", err(&output));
    assert!(text.contains("4 tests: all passed"), "{text}");
}

/// Both functions keep an array while the other one runs.
const LAMBDAS: &str = "\
# Frames\n\n## Types\n```flux\nfn apply(f: fn(int) -> int, x: int) -> int {\n  var kept = [x, x, x, x]\n\
  let result = f(x)\n  return kept[0] + kept[3] + result\n}\n\n\
fn doubled(x: int) -> int { return apply(|y| y * 2, x) }\n```\n\n\
## Test \"own\"\n- ```flux\n  let found = apply(|y: int| {\n    var own = [7, 7, 7, y]\n    \
own[0] = own[3] * 9\n    return own[0] + own[1]\n  }, 5)\n  expect found == 62\n  ```\n\
- Expect doubled(2) is 8\n\n\
## Test \"back\"\n- ```flux\n  let outer = |y: int| {\n    let inner = |z: int| z + 1\n    \
return apply(inner, y) + y\n  }\n  expect apply(outer, 5) == 31\n  ```\n";

#[test]
fn a_lambda_of_a_test_wrote_over_the_arrays_of_the_function_that_calls_it() {
    let scratch = Scratch::new("test-lambdas");
    let path = scratch.file("frames.flux.md", LAMBDAS);
    let output = flux(arguments(&path, &[]));
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
}
