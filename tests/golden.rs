//! Golden documents: what they print when they run, and how they are refused.
//!
//! `tests/golden/run/NAME.flux.md` runs with the options in `NAME.args` (or `--for 10s`) and prints
//! `NAME.log`; `tests/golden/reject/NAME.flux.md` is refused with `NAME.diag`. `FLUX_BLESS=1` writes
//! the expected files; read them before you commit them.

mod support;

use std::path::{Path, PathBuf};

use support::{compare, err, flux, out, root};

fn documents(folder: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(root().join("tests/golden").join(folder))
        .expect("the folder of golden documents")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(".flux.md"))
        .collect();
    found.sort();
    found
}

fn beside(document: &Path, ending: &str) -> PathBuf {
    let name = document.file_name().expect("a name").to_string_lossy().replace(".flux.md", ending);
    document.with_file_name(name)
}

fn relative(path: &Path) -> String {
    let name = path.file_name().expect("a name").to_string_lossy();
    let folder = path.parent().and_then(Path::file_name).expect("a folder").to_string_lossy();
    format!("tests/golden/{folder}/{name}")
}

/// Options of a golden run: words of `NAME.args`, one option and value a line.
fn options(document: &Path) -> Vec<String> {
    match std::fs::read_to_string(beside(document, ".args")) {
        Ok(text) => text
            .lines()
            .filter(|line| !line.is_empty())
            .flat_map(|line| match line.split_once(' ') {
                Some((option, value)) => vec![option.to_owned(), value.to_owned()],
                None => vec![line.to_owned()],
            })
            .collect(),
        Err(_) => vec!["--for".to_owned(), "10s".to_owned()],
    }
}

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
