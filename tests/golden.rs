//! Golden documents: what they print when they run, and how they are refused.
//!
//! `tests/golden/run/NAME.flux.md` runs with the options in `NAME.args` (or `--for 10s`) and prints
//! `NAME.log`; `tests/golden/reject/NAME.flux.md` is refused with `NAME.diag`. `FLUX_BLESS=1` writes
//! the expected files; read them before you commit them.

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
    assert!(all.len() >= 10, "{} documents", all.len());
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
