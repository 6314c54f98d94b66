//! `flux run --watch`, driven as a person would: the document is saved while it runs.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use support::Scratch;

/// Longer than any step takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program under watch, and the lines that it writes to either stream.
struct Watched {
    child: Child,
    lines: Receiver<String>,
}

impl Watched {
    fn start(document: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_flux"))
            .arg("run")
            .arg(document)
            .args(arguments)
            .env("NO_COLOR", "1")
            .env("HOME", "/nonexistent")
            .env_remove("XDG_CONFIG_HOME")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("flux starts");
        let (sender, lines) = channel();
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("its output")),
            Box::new(child.stderr.take().expect("its words")),
        ];
        for stream in streams {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Self { child, lines }
    }

    /// Waits for a line with this text; gives the lines before it.
    fn until(&self, text: &str) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        let mut before = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(text) => return before,
                Ok(line) => before.push(line),
                Err(_) => panic!("no line {text:?} in:\n{}", before.join("\n")),
            }
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn document(step: &str) -> String {
    format!("# Watched\n\n## Agent\nname: watched\nperiod: 50ms\n\n## Loop\n1. {step}\n2. YIELD\n")
}

#[test]
fn a_save_begins_anew_and_one_with_errors_does_not() {
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
    watched.until("the documents start anew");
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
fn a_save_of_a_library_begins_anew() {
    let scratch = Scratch::new("watch-library");
    let library = |word: &str| format!("# Words\n\n```flux\nconst WORD: str = \"the {word}\"\n```\n");
    scratch.file("words.flux.md", library("first"));
    let importing = format!("## import: words.flux.md\n\n{}", document("Log words.WORD"));
    let file = scratch.file("watched.flux.md", importing);
    let watched = Watched::start(&file, &["--watch"]);
    watched.until("the first");
    scratch.file("words.flux.md", library("second"));
    watched.until("the documents start anew");
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
