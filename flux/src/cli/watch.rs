//! `flux run --watch`: begins anew when a document is saved.
//!
//! The run goes on while the new text has errors. A second thread looks at the files and compiles
//! what has changed; only when that is without errors does it end the run. State begins anew with
//! each start.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use flux_core::Level;
use flux_core::compile;
use flux_core::config::Config;
use flux_core::error::Error;
use flux_core::run::{self, Request, RunError};
use flux_core::source::Source;
use flux_core::watch::{PAUSE, Watch};

use super::args::RunArguments;
use super::run::{Sink, refused};
use super::terminal::Terminal;
use super::{Outcome, check};

/// Why a run ends before its time.
#[derive(Debug, Default)]
pub(crate) struct Reasons {
    /// A new version is there.
    saved: AtomicBool,
    /// The user wants no more.
    pub(crate) interrupted: AtomicBool,
}

/// Runs the documents again and again until the user interrupts.
pub(crate) fn run_on_save(
    arguments: &RunArguments,
    terminal: &Terminal,
    config: &Config,
    make: &dyn Fn() -> Result<Request, Error>,
    stop: (Sender<()>, &Receiver<()>),
    reasons: &Reasons,
) -> Outcome {
    let (tell, stop) = stop;
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| look(arguments, terminal, &tell, reasons, &over));
        loop {
            once(terminal, config, make, stop);
            if !reasons.saved.load(Ordering::Acquire) && !reasons.interrupted.load(Ordering::Acquire) {
                terminal
                    .say("watching: the run is over; it begins anew when a document is saved (Ctrl-C ends)");
                // Either reason is told here; a lost channel ends the watch too.
                if stop.recv().is_err() {
                    break;
                }
            }
            if reasons.interrupted.load(Ordering::Acquire) || !reasons.saved.swap(false, Ordering::AcqRel) {
                break;
            }
            // What was told twice is one reason.
            while stop.try_recv().is_ok() {}
            terminal.say("watching: saved; the documents start anew, their State too");
        }
        over.store(true, Ordering::Release);
    });
    Outcome::Done
}

/// One run; what is wrong with it is said, and the next save is waited for.
fn once(
    terminal: &Terminal,
    config: &Config,
    make: &dyn Fn() -> Result<Request, Error>,
    stop: &Receiver<()>,
) {
    let mut sink = Sink::new(terminal).at_once();
    let result = make()
        .map_err(RunError::Other)
        .and_then(|request| run::run(&request, config, stop, &mut sink, &mut |_| {}));
    sink.flush();
    let error = match result {
        Ok(_) => return,
        Err(RunError::Documents(rejected)) => refused(&rejected, terminal),
        Err(RunError::Other(error)) => error,
    };
    terminal.error(error.code(), &error.to_string());
}

/// Looks at the files until the watch is over; ends the run when a save is without errors.
fn look(
    arguments: &RunArguments,
    terminal: &Terminal,
    tell: &Sender<()>,
    reasons: &Reasons,
    over: &AtomicBool,
) {
    let mut watch = Watch::new(&arguments.files);
    watch.set_files(all_files(arguments));
    while !over.load(Ordering::Acquire) && !reasons.interrupted.load(Ordering::Acquire) {
        std::thread::sleep(PAUSE);
        if !watch.has_changed() {
            continue;
        }
        watch.set_files(all_files(arguments));
        if !compiles(arguments, terminal) {
            terminal.say("watching: the new text has errors; what runs goes on as it was");
            continue;
        }
        reasons.saved.store(true, Ordering::Release);
        if tell.send(()).is_err() {
            return;
        }
    }
}

/// The documents and all that they depend on, as far as they can be read.
fn all_files(arguments: &RunArguments) -> Vec<PathBuf> {
    let mut files = arguments.files.clone();
    for source in arguments.files.iter().filter_map(|file| Source::runnable(file).ok()) {
        files.extend(source.libraries());
    }
    files.sort();
    files.dedup();
    files
}

/// Compiles the files as they are now, and shows what is wrong.
fn compiles(arguments: &RunArguments, terminal: &Terminal) -> bool {
    let sources: Result<Vec<Source>, Error> =
        arguments.files.iter().map(|file| Source::runnable(file)).collect();
    let sources = match sources {
        // Modules are compiled already.
        Ok(sources) => sources.into_iter().filter(|source| !source.is_module()).collect::<Vec<_>>(),
        Err(error) => {
            terminal.error(error.code(), &error.to_string());
            return false;
        }
    };
    let mut good = true;
    for (source, compiled) in sources.iter().zip(compile::documents(&sources, Level::default())) {
        if compiled.errors > 0 {
            check::show(source, &compiled.diagnostics, terminal);
            good = false;
        }
    }
    good
}
