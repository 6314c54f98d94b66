//! Golden documents: what they print when they run, and how they are refused.
//!
//! `tests/golden/run/NAME.flux.md` runs with the options in `NAME.args` (or `--for 10s`) and prints
//! `NAME.log`; `tests/golden/reject/NAME.flux.md` is refused with `NAME.diag`, those in `warn` are accepted with it;
//! `flux test` prints `NAME.out` for `tests/golden/test/NAME.flux.md`. `FLUX_BLESS=1` writes the expected files; read them before you commit them.

mod support;

use support::{beside, compare, documents, err, flux, options, out, relative};

#[test]
fn documents_that_run_print_their_log() {
    let all = documents("run");
    assert!(all.len() >= 15, "{} documents", all.len());
    let mut faults = Vec::new();
    for document in all {
        let mut arguments = vec!["run".to_owned(), relative(&document)];
        arguments.extend(options(&document));
        let output = flux(&arguments);
        let text = out(&output);
        if text.is_empty() {
            faults.push(format!("{} prints nothing:\n{}", document.display(), err(&output)));
        } else if let Err(fault) = compare(&beside(&document, ".log"), &text) {
            faults.push(fault);
        }
        let again = out(&flux(&arguments));
        if again != text {
            faults.push(format!("{} prints another log the second time", document.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn documents_that_are_refused_say_why() {
    let all = documents("reject");
    assert!(all.len() >= 80, "{} documents", all.len());
    let mut faults = Vec::new();
    for document in all {
        let output = flux(["check", &relative(&document)]);
        if output.status.code() != Some(1) {
            faults.push(format!("{} is not refused", document.display()));
        }
        if let Err(fault) = compare(&beside(&document, ".diag"), &err(&output)) {
            faults.push(fault);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Documents that cannot be kept as text: too large, or no text at all.
#[test]
fn documents_too_large_to_keep_are_refused_too() {
    let scratch = support::Scratch::new("made");
    let mut faults = Vec::new();
    for page in flux_core::explain::pages() {
        let flux_core::explain::Example::Made { make, .. } = page.example else { continue };
        let document = scratch.file(&format!("{}.flux.md", page.code), make());
        let output = flux(["check", &document.to_string_lossy()]);
        let mut text = err(&output).replace(&*scratch.0.to_string_lossy(), "made");
        if page.code.to_string() == "E0008" {
            text = without_places(&text);
        }
        let folder = support::root().join("tests/golden/made");
        if let Err(fault) = compare(&folder.join(format!("{}.diag", page.code)), &text) {
            faults.push(fault);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_code_is_seen_in_a_golden_document() {
    let mut seen = String::new();
    for folder in ["reject", "made", "warn"] {
        for path in support::files(folder, ".diag") {
            seen.push_str(&std::fs::read_to_string(path).expect("a text"));
        }
    }
    let missing: Vec<String> = flux_core::explain::pages()
        .map(|page| page.code.to_string())
        // A file that is too large is not given to the compiler at all: F0001.
        .filter(|code| code != "E0001" && !seen.contains(&format!("[{code}]")))
        .collect();
    assert!(missing.is_empty(), "no golden document has {missing:?}");
}

/// Documents that compile, with warnings or notes.
#[test]
fn documents_that_are_warned_of_say_why() {
    let all = documents("warn");
    assert!(!all.is_empty());
    let mut faults = Vec::new();
    for document in all {
        let output = flux(["check", &relative(&document)]);
        if output.status.code() != Some(0) || err(&output).is_empty() {
            faults.push(format!("{} is not accepted with a warning", document.display()));
        }
        if let Err(fault) = compare(&beside(&document, ".diag"), &err(&output)) {
            faults.push(fault);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn documents_with_tests_print_what_came_of_them() {
    let all = documents("test");
    assert!(all.len() >= 4, "{} documents", all.len());
    let mut faults = Vec::new();
    for document in all {
        let mut arguments = vec!["test".to_owned(), relative(&document)];
        arguments.extend(options_of_test(&document));
        let output = flux(&arguments);
        let code = output.status.code().unwrap_or(-1);
        let text = format!("{}{}exit code {code}\n", err(&output), without_times(&out(&output)));
        if let Err(fault) = compare(&beside(&document, ".out"), &text) {
            faults.push(fault);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The message and its advice: where the memory ends depends on the sizes of the compiler's types.
fn without_places(text: &str) -> String {
    let lines = text.lines().filter(|line| line.starts_with("error[") || line.contains("= help"));
    let words = lines.flat_map(str::split_whitespace).filter(|word| word.parse::<u64>().is_err());
    words.collect::<Vec<_>>().join(" ") + "\n"
}

/// Options in `NAME.args`, if there are any.
fn options_of_test(document: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string(beside(document, ".args")).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

/// The text with the times of the machine taken out: `(0.3 ms)`.
fn without_times(text: &str) -> String {
    let mut kept = String::new();
    for line in text.lines() {
        let start = line.rfind('(').filter(|_| line.ends_with(" ms)"));
        kept.push_str(start.and_then(|start| line.get(..start)).unwrap_or(line).trim_end());
        kept.push('\n');
    }
    kept
}
