//! `flux run --watch`: swaps programs when a document is saved.
//!
//! The run goes on while the new text has errors. A second thread looks at the files and compiles what has
//! changed; what is without errors it gives to the run, whose agents go on with it, and with their State, from their
//! next safe point on. What can't be swapped begins anew: another agent, a state that nothing leads to.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use flux_core::compile;
use flux_core::config::Config;
use flux_core::error::Error;
use flux_core::live::{Signal, ask};
use flux_core::run::{self, Request, RunError};
use flux_core::source::Source;
use flux_core::watch::{PAUSE, Watch};
use flux_core::{Effect, Level, Policy, Replaced, SwapRules};

use super::args::RunArguments;
use super::run::{Sink, refused};
use super::terminal::Terminal;
use super::{Outcome, check};

/// Why a run ends before its time.
#[derive(Debug, Default)]
pub(crate) struct Reasons {
    /// A new version is there, and the documents begin anew with it.
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
    stop: (Sender<Signal>, &Receiver<Signal>),
    reasons: &Reasons,
) -> Outcome {
    let (tell, stop) = stop;
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| look(arguments, terminal, &tell, reasons, &over));
        loop {
            once(terminal, config, make, (&tell, stop));
            if !reasons.saved.load(Ordering::Acquire) && !reasons.interrupted.load(Ordering::Acquire) {
                terminal
                    .say("watching: the run is over; it begins anew when a document is saved (Ctrl-C ends)");
                // Either reason is told here; a lost channel ends the watch too. Who asks for something else
                // hears that there is no run.
                while let Ok(Signal::Do(_)) = stop.recv() {}
            }
            if reasons.interrupted.load(Ordering::Acquire) || !reasons.saved.swap(false, Ordering::AcqRel) {
                break;
            }
            // What was told twice is one reason.
            while stop.try_recv().is_ok() {}
            terminal.say("watching: the documents start anew, their State too");
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
    signals: (&Sender<Signal>, &Receiver<Signal>),
) {
    let mut sink = Sink::new(terminal).at_once();
    let result = make()
        .map_err(RunError::Other)
        .and_then(|request| run::run(&request, config, signals, &mut sink, &mut |_| {}));
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
    tell: &Sender<Signal>,
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
        let Some(sources) = compiled(arguments, terminal) else {
            terminal.say("watching: the new text has errors; what runs goes on as it was");
            continue;
        };
        match swap(sources, tell) {
            Ok(text) => terminal.say(&format!("watching: saved; {text}")),
            Err(why) => {
                terminal.say(&format!("watching: saved; {why}"));
                reasons.saved.store(true, Ordering::Release);
                if tell.send(Signal::Stop).is_err() {
                    return;
                }
            }
        }
    }
}

/// Gives new versions to the agents that run the old ones; why that can't be, if one of them has to begin anew.
fn swap(sources: Vec<Source>, tell: &Sender<Signal>) -> Result<String, String> {
    let check = sources.clone();
    let fits = ask(tell, move |live| {
        let each =
            check.iter().map(|source| live.replace(source, None, (Effect::Check, SwapRules::default())));
        each.collect::<Result<Vec<_>, Error>>()
    });
    // What one agent can't take ends the run, so no other is swapped before.
    let unfit = |list: &[Replaced]| {
        list.iter().find_map(|one| match one {
            Replaced::Refused { agent, reason } => {
                Some(format!("{agent} can't take the new program: {reason}"))
            }
            Replaced::Missing { agent } => Some(format!("{agent} is not among the agents that run")),
            Replaced::Fits { .. } | Replaced::Asked { .. } | Replaced::Same { .. } => None,
        })
    };
    let over = || "no agents run at the moment".to_owned();
    let fits: Vec<Replaced> =
        fits.ok_or_else(over)?.map_err(|error| error.to_string())?.into_iter().flatten().collect();
    if let Some(why) = unfit(&fits) {
        return Err(why);
    }
    let done = ask(tell, move |live| {
        let each = sources
            .iter()
            .map(|source| live.replace(source, None, (Effect::Swap(Policy::USUAL), SwapRules::default())));
        each.collect::<Result<Vec<_>, Error>>()
    });
    let done: Vec<Replaced> =
        done.ok_or_else(over)?.map_err(|error| error.to_string())?.into_iter().flatten().collect();
    if let Some(why) = unfit(&done) {
        return Err(why);
    }
    let swapped: Vec<&str> = done
        .iter()
        .filter_map(|one| match one {
            Replaced::Asked { agent } => Some(agent.as_str()),
            _ => None,
        })
        .collect();
    Ok(match swapped.as_slice() {
        [] => "the programs are the same".to_owned(),
        names => format!("{} with the new program from the next safe point on", goes_on(names)),
    })
}

fn goes_on(names: &[&str]) -> String {
    match names {
        [one] => format!("{one} goes on"),
        several => format!("{} go on", several.join(", ")),
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

/// The files as they are now, if they compile; else what is wrong is shown.
fn compiled(arguments: &RunArguments, terminal: &Terminal) -> Option<Vec<Source>> {
    let sources: Result<Vec<Source>, Error> =
        arguments.files.iter().map(|file| Source::runnable(file)).collect();
    let sources = match sources {
        Ok(sources) => sources,
        Err(error) => {
            terminal.error(error.code(), &error.to_string());
            return None;
        }
    };
    // Modules are compiled already.
    let documents: Vec<Source> = sources.iter().filter(|source| !source.is_module()).cloned().collect();
    let mut good = true;
    for (source, compiled) in documents.iter().zip(compile::documents(&documents, Level::default())) {
        if compiled.errors > 0 {
            check::show(source, &compiled.diagnostics, terminal);
            good = false;
        }
    }
    good.then_some(sources)
}
