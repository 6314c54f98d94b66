//! The run's end of the socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use flux_system::{Effect, FormRule, Policy, StateRule, SwapRules};

use super::wire::{Answer, Request, RunInfo, SwapResult};
use super::{folder, socket};
use crate::live::{Signal, ask};
use crate::source::Source;

/// Clients that are served at a time; further ones are turned away.
const CLIENTS: usize = 16;

/// How long a client may take to say what it wants, or to hear the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest line that a client may send: a path and a name, and some.
const LINE_BYTES: u64 = 64 << 10;

/// An open socket; it goes with this.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
}

impl Server {
    /// Opens the socket of this process. What is asked through it is done by whoever receives the signals.
    ///
    /// # Errors
    /// Why there is none: the run goes on without.
    pub fn open(run: Sender<Signal>) -> Result<Self, String> {
        let path = socket(&folder()?, std::process::id());
        Self::open_at(path, run)
    }

    fn open_at(path: PathBuf, run: Sender<Signal>) -> Result<Self, String> {
        // A process of this number may have ended without taking its socket away.
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let serve = move || accept(&listener, &run);
        std::thread::Builder::new()
            .name("control".into())
            .spawn(serve)
            .map_err(|error| format!("no thread for it: {error}"))?;
        Ok(Self { path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Clients find no run any more; the thread waits for none that could come.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn accept(listener: &UnixListener, run: &Sender<Signal>) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // Out of file descriptors, most likely: they come back as clients go.
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        if open.load(Ordering::Acquire) >= CLIENTS {
            say(&stream, &Answer::Failed("too many others ask at the same time; try again".into()));
            continue;
        }
        open.fetch_add(1, Ordering::AcqRel);
        let (run, counted) = (run.clone(), Arc::clone(&open));
        let serve = move || {
            serve(&stream, &run);
            counted.fetch_sub(1, Ordering::AcqRel);
        };
        if std::thread::Builder::new().name("control client".into()).spawn(serve).is_err() {
            open.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

fn serve(stream: &UnixStream, run: &Sender<Signal>) {
    let bounded = stream.set_read_timeout(Some(PATIENCE)).and(stream.set_write_timeout(Some(PATIENCE)));
    if bounded.is_err() {
        return;
    }
    let mut line = String::new();
    if BufReader::new(stream.take(LINE_BYTES)).read_line(&mut line).is_err() || line.is_empty() {
        return;
    }
    let answer = match serde_json::from_str(&line) {
        Ok(request) => answer(request, run),
        Err(error) => Answer::Failed(format!("a request that is not understood: {error}")),
    };
    say(stream, &answer);
}

fn say(mut stream: &UnixStream, answer: &Answer) {
    if let Ok(mut text) = serde_json::to_string(answer) {
        text.push('\n');
        // A client that went away hears nothing.
        let _ = stream.write_all(text.as_bytes());
    }
}

fn answer(request: Request, run: &Sender<Signal>) -> Answer {
    let between = || Answer::Failed("it has no agents at the moment: it ended, or begins anew".into());
    match request {
        Request::Agents => {
            let seen = ask(run, |live| (live.now().ns(), live.agents()));
            seen.map_or_else(between, |(time_ns, agents)| {
                let agents = agents.into_iter().map(Into::into).collect();
                Answer::Agents(RunInfo { process: std::process::id(), time_ns, agents })
            })
        }
        Request::Swap { path, agent, verify_only, drop_unfit, lossy_way_back } => {
            // Reading and taking in what it depends on need not stop the agents.
            let source = match Source::runnable(Path::new(&path)) {
                Ok(source) => source,
                Err(error) => return Answer::Failed(error.to_string()),
            };
            let effect = if verify_only { Effect::Check } else { Effect::Swap(Policy::USUAL) };
            let rules = SwapRules {
                state: if lossy_way_back { StateRule::Lossy } else { StateRule::ThereAndBack },
                forms: if drop_unfit { FormRule::MayGo } else { FormRule::All },
            };
            let swapped = ask(run, move |live| live.replace(&source, agent.as_deref(), (effect, rules)));
            swapped.map_or_else(between, |result| match result {
                Ok(list) => Answer::Swap(list.into_iter().map(SwapResult::from).collect()),
                Err(error) => Answer::Failed(error.to_string()),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn line(path: &Path, text: &str) -> String {
        let mut stream = UnixStream::connect(path).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        answer
    }

    #[test]
    fn nonsense_gets_an_answer_and_a_run_that_is_over_says_so() {
        let path = std::env::temp_dir().join(format!("flux-server-{}.sock", std::process::id()));
        let (tell, run) = channel();
        let server = Server::open_at(path.clone(), tell).unwrap();
        assert!(line(server.path(), "what?\n").contains("not understood"));
        assert!(line(server.path(), "{\"do\":\"fly\"}\n").contains("not understood"));
        assert!(line(server.path(), &format!("{}\n", "x".repeat(100_000))).contains("not understood"));
        let swap = "{\"do\":\"swap\",\"path\":\"/nowhere/a.flux.md\",\"agent\":null,\"verify_only\":true}\n";
        assert!(line(server.path(), swap).contains("/nowhere/a.flux.md"));
        // Nobody serves the run any more.
        drop(run);
        assert!(line(server.path(), "{\"do\":\"agents\"}\n").contains("no agents at the moment"));
        drop(server);
        assert!(!path.exists());
    }
}
