//! Small documents with all that the compiler says about them, or with what they give.
//!
//! `rules/NAME.txt` holds cases, each ended by a line `====`: a document (begins with `#`), the fences of
//! one (begins with ```` ``` ````), or the inside of a `flux` fence; then, behind a line `----`, what comes of it: the
//! diagnostics, the parameters with the codes of their types, the actions of its tests, then the text that `fn f()` gives or what
//! the agent logs in Init, the same at every level.
//! A line `@ PATH` begins a document that those before it use or start; it is shown with its places.
//! `FLUX_BLESS=1` writes what comes of it; read it before you commit it.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};

use flux_fluxc::diag::Diagnostic;
use flux_fluxc::span::{LineTable, SourceId, Span};
use flux_fluxc::{Options, Sources, Tests, compile};
use support::{End, bundle, call, init_log, library};

/// The name of the document of a case.
const NAME: &str = "test.flux.md";

/// The document of a case, with those that it uses.
fn document(case: &str) -> Vec<u8> {
    let mut parts = case.split("\n@ ");
    let first = parts.next().unwrap_or_default();
    let first = match first.as_bytes() {
        [b'#' | b'-', ..] => format!("{first}\n"),
        [b'`', ..] => format!("# Test\n{first}\n"),
        _ => library(first),
    };
    let others = parts.map(|part| part.split_once('\n').unwrap_or((part, "")));
    let files: Vec<(&str, &str)> = iter::once((NAME, first.as_str())).chain(others).collect();
    bundle(&files)
}

/// Line and text of a place, behind the path of a document that is not the first.
fn place(sources: &Sources<'_>, source: SourceId, span: Span) -> String {
    let (path, bytes) = sources.document(source);
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let path = if source == SourceId(0) { String::new() } else { format!("{path} ") };
    let line = LineTable::new(text).line(span.start);
    let text = text.get(span.start as usize..span.end as usize).unwrap_or("?");
    let mut lines = text.lines();
    let (first, more) = (lines.next().unwrap_or_default(), lines.next().map_or("", |_| " …"));
    format!("{path}{line} `{first}{more}`")
}

fn shown(sources: &Sources<'_>, row: &Diagnostic) -> String {
    let at = place(sources, row.source, row.span);
    let mut text = format!("{} {at}: {} [{}]", row.code, row.message, row.label);
    for label in &row.secondary {
        let _ = write!(text, "\n  at {}: {}", place(sources, label.source, label.span), label.text);
    }
    let pair = |name: &str, value: &Option<String>| {
        value.iter().map(|value| format!(" {name} {value};")).collect::<String>()
    };
    let values = pair("expected", &row.expected) + &pair("found", &row.found);
    if !values.is_empty() {
        let _ = write!(text, "\n  {}", values.trim());
    }
    if let Some(hint) = &row.hint {
        let _ = write!(text, "\n  help: {}", hint.text);
        if let Some(edit) = &hint.replacement {
            let _ = write!(text, ": {} -> `{}`", place(sources, row.source, edit.span), edit.text);
        }
    }
    text + "\n"
}

/// What comes of a case.
fn outcome(case: &str) -> String {
    let source = document(case);
    let sources = Sources::new(&source, NAME).expect("documents that can be taken apart");
    let tests = if case.contains("# Test \"") { Tests::Include } else { Tests::Leave };
    let options = Options { tests, ..Options::default() };
    let compiled = compile(&source, NAME, &options);
    let mut text: String = compiled.diagnostics.iter().map(|row| shown(&sources, row)).collect();
    if compiled.errors > 0 {
        return text;
    }
    for row in compiled.modules.iter().flat_map(|module| &module.parameters) {
        let _ = writeln!(text, "parameter {}: {}", row.name, row.desc);
    }
    for step in compiled.tests.iter().flat_map(|test| &test.steps) {
        let _ = writeln!(text, "{} => {:?}", step.text, step.action);
    }
    if case.contains("fn f() -> str") {
        match call(&source, "f", &[]) {
            End::Text(given) => text.push_str(&format!("= {given}\n")),
            other => text.push_str(&format!("= {other:?}\n")),
        }
    } else if case.contains("\n## Init") {
        for line in init_log(&source) {
            let _ = writeln!(text, "log {line}");
        }
    }
    if text.is_empty() { "nothing to say\n".to_owned() } else { text }
}

/// A file of cases with what comes of each now.
fn renewed(text: &str) -> String {
    let mut out = String::new();
    for case in text.split("====\n").filter(|case| !case.trim().is_empty()) {
        let case = case.split("----\n").next().unwrap_or_default().trim_end();
        let _ = write!(out, "{case}\n----\n{}====\n", outcome(case));
    }
    out
}

fn check(name: &str) {
    let path: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules").join(name).with_extension("txt");
    let wanted = fs::read_to_string(&path).expect("a file of cases");
    let found = renewed(&wanted);
    if std::env::var_os("FLUX_BLESS").is_some() {
        fs::write(&path, found).expect("the file is written");
        return;
    }
    for (wanted, found) in wanted.split("====\n").zip(found.split("====\n")) {
        assert_eq!(wanted, found, "in {}", path.display());
    }
    assert_eq!(wanted, found);
}

#[test]
fn constants_are_computed_as_the_machine_would() {
    check("constants");
}

#[test]
fn provided_operations_give_what_they_say() {
    check("provided");
}

#[test]
fn choices_take_every_value_once() {
    check("choices");
}

#[test]
fn c_converts_as_its_standard_says() {
    check("c");
}

#[test]
fn c_knows_on_which_ways_a_name_has_a_value() {
    check("c_ways");
}

#[test]
fn c_counts_in_the_types_of_its_standard() {
    check("c_values");
}

#[test]
fn python_counts_in_two_types_of_numbers() {
    check("python_values");
}

#[test]
fn branches_give_values_of_one_type() {
    check("branches");
}

#[test]
fn elements_have_one_type_and_known_methods() {
    check("elements");
}

#[test]
fn names_of_data_are_not_changed() {
    check("data_names");
}

#[test]
fn patterns_mean_variants_before_names() {
    check("patterns");
}

#[test]
fn declarations_are_complete_and_finite() {
    check("declared");
}

#[test]
fn python_means_what_it_means_elsewhere() {
    check("python");
}

#[test]
fn data_has_the_types_of_its_values() {
    check("data");
}

#[test]
fn a_wrong_type_comes_with_what_to_write() {
    check("hints");
}

#[test]
fn a_constant_alone_takes_the_values_that_are_equal_to_it() {
    check("constant_arms");
}

#[test]
fn devices_have_numbers_that_are_known_before_the_first_step() {
    check("devices");
}

#[test]
fn what_is_gone_through_or_handed_over_stays_as_it_was() {
    check("walk");
}

#[test]
fn operators_ask_for_operands_that_fit() {
    check("operators");
}

#[test]
fn function_values_have_one_type() {
    check("lambdas");
}

#[test]
fn a_place_says_what_its_value_may_be() {
    check("values");
}

#[test]
fn what_a_constant_needs_is_known_or_said_not_to_be() {
    check("evaluation");
}

#[test]
fn tests_are_plans_of_what_can_be_met() {
    check("plans");
}

#[test]
fn a_migration_says_what_becomes_of_each_variable() {
    check("migrations");
}

#[test]
fn steps_give_names_and_values() {
    check("steps");
}

#[test]
fn a_name_means_what_is_in_sight() {
    check("names");
}

#[test]
fn messages_have_names_values_and_answers() {
    check("messages");
}

#[test]
fn statements_and_places() {
    check("statements");
}

#[test]
fn a_call_has_the_values_that_its_function_takes() {
    check("calls");
}

#[test]
fn agents_that_are_started_get_what_they_are_granted() {
    check("started");
}

#[test]
fn a_part_is_of_the_value_as_it_was_and_may_be_of_the_value_of_a_key() {
    check("parts");
}

#[test]
fn what_a_beginner_meets_is_told_with_the_way_out() {
    check("advice");
}
