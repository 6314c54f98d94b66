//! A run that goes on beside the test, and the lines that it writes.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Longer than any step takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program under watch, and the lines that it writes to either stream.
pub(crate) struct Watched {
    pub(crate) child: Child,
    lines: Receiver<String>,
}

impl Watched {
    /// Runs a document; the sockets of runs lie in its folder.
    pub(crate) fn start(document: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_flux"))
            .arg("run")
            .arg(document)
            .args(arguments)
            .env("NO_COLOR", "1")
            .env("HOME", "/nonexistent")
            .env_remove("XDG_CONFIG_HOME")
            .current_dir(document.parent().expect("a folder"))
            .env("XDG_RUNTIME_DIR", document.parent().expect("a folder"))
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
    pub(crate) fn until(&self, text: &str) -> Vec<String> {
        self.look_for(text).0
    }

    /// Waits for a line with this text, and gives it.
    #[allow(dead_code, reason = "each test file uses its part")]
    pub(crate) fn find(&self, text: &str) -> String {
        self.look_for(text).1
    }

    fn look_for(&self, text: &str) -> (Vec<String>, String) {
        let end = Instant::now() + PATIENCE;
        let mut before = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(text) => return (before, line),
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
