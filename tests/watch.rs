//! `flux run --watch`, driven as a person would: the document is saved while it runs.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::process::Command;

use support::Scratch;
use support::watched::Watched;

fn document(step: &str) -> String {
    format!("# Watched\n\n## Agent\nname: watched\nperiod: 50ms\n\n## Loop\n1. {step}\n2. YIELD\n")
}

#[test]
fn a_save_swaps_programs_and_one_with_errors_does_not() {
    let scratch = Scratch::new("watch");
    let file = scratch.file("watched.flux.md", document("Log \"the first\""));
    let watched = Watched::start(&file, &["--watch"]);
    watched.until("the first");
    // An error is shown, and the old program goes on.
    scratch.file("watched.flux.md", document("Print \"the second\""));
    watched.until("no form of step begins with `Print`");
    watched.until("goes on as it was");
    watched.until("the first");
    // Mended: the new one takes its place.
    scratch.file("watched.flux.md", document("Log \"the third\""));
    watched.until("saved; watched goes on with the new program");
    watched.until("the third");
    let later = watched.until("the third");
    assert!(!later.iter().any(|line| line.contains("the first")), "{later:?}");
    // A program that ends waits for the next save.
    scratch.file("watched.flux.md", document("Stop"));
    watched.until("the run is over");
    scratch.file("watched.flux.md", document("Log \"the fourth\""));
    watched.until("the fourth");
}

#[test]
fn a_state_goes_on_and_one_to_which_no_way_leads_begins_anew() {
    let scratch = Scratch::new("watch-state");
    let counter = |kind: &str, words: &str| {
        let text = document(&format!("Log \"{words} {{n}}\"\n2. Add 1 to n"));
        text.replace("## Loop", &format!("## State\n- n: {kind}\n\n## Loop"))
    };
    let file = scratch.file("watched.flux.md", counter("int = 5", "old"));
    let watched = Watched::start(&file, &["--watch"]);
    watched.until("old 7");
    scratch.file("watched.flux.md", counter("int = 100", "new"));
    let before = watched.until("its state goes on");
    let last = before.iter().filter_map(|line| line.split_once("old ")?.1.parse::<u64>().ok()).next_back();
    watched.until(&format!("new {}", last.unwrap_or(7) + 1));
    // Neither variable added nor migration written: nothing can be carried over.
    scratch.file("watched.flux.md", counter("str = \"x\"", "text").replace("Add 1 to n", "Log n"));
    watched.until("watched can't take the new program: ");
    watched.until("the documents start anew, their State too");
    watched.until("text x");
}

#[test]
fn a_save_of_a_library_swaps_those_who_use_it() {
    let scratch = Scratch::new("watch-library");
    let library = |word: &str| format!("# Words\n\n```flux\nconst WORD: str = \"the {word}\"\n```\n");
    scratch.file("words.flux.md", library("first"));
    let importing = format!("## import: words.flux.md\n\n{}", document("Log words.WORD"));
    let file = scratch.file("watched.flux.md", importing);
    let watched = Watched::start(&file, &["--watch"]);
    watched.until("the first");
    scratch.file("words.flux.md", library("second"));
    watched.until("saved; watched goes on with the new program");
    watched.until("the second");
}

#[test]
fn lines_of_a_run_in_real_time_stayed_in_the_buffer_of_a_pipe() {
    let scratch = Scratch::new("pipe");
    let text =
        "# Twice\n\n## Agent\nname: twice\nperiod: 1h\n\n## Loop\n1. Log \"one\"\n2. Log \"two\"\n3. YIELD\n";
    let file = scratch.file("twice.flux.md", text);
    let watched = Watched::start(&file, &[]);
    watched.until("one");
    watched.until("two");
}

#[test]
fn a_service_manager_ends_a_run_in_order() {
    let scratch = Scratch::new("terminate");
    let file = scratch.file("watched.flux.md", document("Log \"at work\""));
    let watched = Watched::start(&file, &[]);
    watched.until("at work");
    let kill = Command::new("kill").arg(watched.child.id().to_string()).status();
    assert!(kill.is_ok_and(|status| status.success()));
    watched.until("watched       stopped");
    watched.until("summary after");
}

#[test]
fn a_library_that_comes_later_begins_anew() {
    let scratch = Scratch::new("watch-later");
    let importing = format!("## import: words.flux.md\n\n{}", document("Log words.WORD"));
    let file = scratch.file("watched.flux.md", importing);
    let watched = Watched::start(&file, &["--watch"]);
    watched.until("E0801");
    watched.until("the run is over");
    scratch.file("words.flux.md", "# Words\n\n```flux\nconst WORD: str = \"at last\"\n```\n");
    watched.until("the documents start anew");
    watched.until("at last");
}
