//! `flux run`: the hosted kernel with agents at work.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};

use anstyle::AnsiColor;
use flux_core::config::Config;
use flux_core::control::Server;
use flux_core::error::Error;
use flux_core::linked::LinkOptions;
use flux_core::live::Signal;
use flux_core::run::{self, Request, RunError};
use flux_core::source::Source;
use flux_core::{ClockMode, Diagnostic, LogLevel, LogSink, Record, Stream, Summary};

use super::args::{Format, LinkArguments, RunArguments, RunOptions};
use super::progress::{Above, Progress};
use super::terminal::Terminal;
use super::watch::{self, Reasons};
use super::{Outcome, check};

pub(crate) fn run(arguments: &RunArguments, terminal: &Terminal) -> Result<Outcome, Error> {
    if arguments.jit {
        return Err(Error::NotSupported("--jit".into()));
    }
    let clock = match arguments.options.duration {
        Some(_) if !arguments.realtime => ClockMode::Simulated,
        _ => ClockMode::Real,
    };
    let make = || {
        let mut request = request(&arguments.files, &arguments.options, clock, terminal)?;
        request.trace = arguments.trace;
        request.profile.clone_from(&arguments.profile);
        request.timeline.clone_from(&arguments.timeline);
        request.files.clone_from(&arguments.files_in);
        request.links = links(&arguments.links);
        request.audit.clone_from(&arguments.audit);
        request.limits.clone_from(&arguments.limit);
        Ok(request)
    };
    let config = Config::load(terminal.config.as_deref())?;
    let reasons = Arc::new(Reasons::default());
    let (tell, stop) = stop_on_interrupt(&reasons)?;
    // A run in simulated time is over before anybody could look at it.
    let _socket = match clock {
        ClockMode::Real => open_socket(&tell, terminal),
        ClockMode::Simulated => None,
    };
    if arguments.watch {
        return Ok(watch::run_on_save(arguments, terminal, &config, &make, (tell, &stop), &reasons));
    }
    let request = make()?;
    let sink = Sink::new(terminal);
    let end = request.duration_ns.filter(|_| clock == ClockMode::Simulated);
    let mut progress = Progress::over(end.map_or(0, i64::unsigned_abs), terminal);
    let mut sink = if clock == ClockMode::Real { sink.at_once() } else { sink.above(&progress) };
    let result = run::run(&request, &config, (&tell, &stop), &mut sink, &mut |now| {
        if end.is_some() {
            progress.reach(now.ns().unsigned_abs(), "of the simulated time");
        }
    });
    drop(progress);
    sink.flush();
    match result {
        Ok(summary) => Ok(outcome(&summary)),
        Err(RunError::Documents(rejected)) => Err(refused(&rejected, terminal)),
        Err(RunError::Other(error)) => Err(error),
    }
}

fn links(arguments: &LinkArguments) -> LinkOptions {
    LinkOptions {
        peers: arguments.peers.clone(),
        listen: arguments.listen.clone(),
        share: arguments.share.clone(),
        key: arguments.key.clone(),
    }
}

/// Lets other commands find this run; it goes on without if that can't be.
fn open_socket(tell: &mpsc::Sender<Signal>, terminal: &Terminal) -> Option<Server> {
    match Server::open(tell.clone()) {
        Ok(server) => Some(server),
        Err(why) => {
            terminal.say(&format!("note: `flux top` and `flux hot-swap` can't reach this run: {why}"));
            None
        }
    }
}

/// Shows why documents are refused, and gives the error for it.
pub(crate) fn refused(rejected: &[(Source, Vec<Diagnostic>)], terminal: &Terminal) -> Error {
    let mut errors = 0;
    let names: Vec<String> = rejected.iter().map(|(source, _)| source.name.clone()).collect();
    for (source, diagnostics) in rejected {
        check::show(source, diagnostics, terminal);
        errors += diagnostics.iter().filter(|row| row.severity() == flux_core::Severity::Error).count();
    }
    Error::Document { name: names.join(", "), errors }
}

/// An agent that trapped or failed makes the run a failure; the log says which and why.
pub(crate) fn outcome(summary: &Summary) -> Outcome {
    if summary.traps() > 0 { Outcome::AtFault } else { Outcome::Done }
}

pub(crate) fn request(
    files: &[PathBuf],
    options: &RunOptions,
    clock: ClockMode,
    terminal: &Terminal,
) -> Result<Request, Error> {
    Ok(Request {
        documents: files.iter().map(|file| Source::runnable(file)).collect::<Result<_, _>>()?,
        set: options.set.clone(),
        sim: options.sim.clone(),
        duration_ns: options.duration,
        clock,
        seed: options.seed.unwrap_or(terminal.seed),
        gas: options.gas,
        level: if terminal.verbose > 0 { LogLevel::Debug } else { LogLevel::Info },
        trace: false,
        profile: None,
        timeline: None,
        audit: None,
        limits: Vec::new(),
        files: None,
        links: LinkOptions::default(),
    })
}

/// A channel that hears of Ctrl-C, and of the end that a service manager asks for; the second one ends the
/// program at once.
fn stop_on_interrupt(
    reasons: &Arc<Reasons>,
) -> Result<(mpsc::Sender<Signal>, mpsc::Receiver<Signal>), Error> {
    let (sender, receiver) = mpsc::channel();
    let (tell, reasons) = (sender.clone(), reasons.clone());
    ctrlc::set_handler(move || {
        let asked = reasons.interrupted.swap(true, Ordering::AcqRel);
        if asked || sender.send(Signal::Stop).is_err() {
            std::process::exit(130);
        }
    })
    .map_err(|error| Error::Boot(format!("Ctrl-C can't be heard: {error}")))?;
    Ok((tell, receiver))
}

/// Writes records: the log to standard output, the boot stream to standard error.
pub(crate) struct Sink<'t> {
    terminal: &'t Terminal,
    out: std::io::BufWriter<std::io::Stdout>,
    /// Time of the newest record: a pause after it is when people read.
    newest: i64,
    flush: Flush,
    above: Above,
}

/// When lines leave the buffer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Flush {
    /// When it is full, and at the end.
    Full,
    /// When time goes on.
    Instant,
    /// Each line at once: after it nothing may come for hours.
    Line,
}

impl<'t> Sink<'t> {
    pub(crate) fn new(terminal: &'t Terminal) -> Self {
        let out = std::io::BufWriter::with_capacity(64 << 10, std::io::stdout());
        let flush = if terminal.watched() { Flush::Instant } else { Flush::Full };
        Self { terminal, out, newest: -1, flush, above: Above::nothing() }
    }

    /// Writes each line at once, wherever it goes.
    pub(crate) fn at_once(self) -> Self {
        Self { flush: Flush::Line, ..self }
    }

    /// Writes above a bar.
    fn above(self, progress: &Progress) -> Self {
        Self { above: progress.above(), ..self }
    }

    pub(crate) fn flush(&mut self) {
        let _ = self.above.write(|| self.out.flush());
    }

    fn paint(&self, record: &Record, line: &str) -> String {
        let colour = match record.level {
            LogLevel::Error => AnsiColor::Red,
            LogLevel::Warning => AnsiColor::Yellow,
            LogLevel::Info => return line.to_owned(),
            LogLevel::Debug => AnsiColor::BrightBlack,
        };
        self.terminal.paint_out(line, colour)
    }
}

impl LogSink for Sink<'_> {
    fn record(&mut self, record: &Record, line: &str) {
        match (self.terminal.format, record.stream) {
            (Format::Quiet, _) => {}
            (Format::Table, Stream::Boot) => self.terminal.error_line(line),
            (_, Stream::Boot) => {}
            (Format::Table, Stream::Log) => {
                let line = self.paint(record, line);
                let _ = writeln!(self.out, "{line}");
            }
            (Format::Json | Format::Ndjson, Stream::Log) => {
                let row = serde_json::json!({
                    "time_ns": record.time.ns(),
                    "agent": record.agent.as_deref(),
                    "level": record.level.name(),
                    "text": record.text,
                });
                let _ = writeln!(self.out, "{row}");
            }
            (Format::Tsv, Stream::Log) => {
                let agent = record.agent.as_deref().unwrap_or("");
                let _ = writeln!(
                    self.out,
                    "{}\t{agent}\t{}\t{}",
                    record.time.ns(),
                    record.level.name(),
                    record.text
                );
            }
        }
        let later = record.time.ns() != self.newest;
        self.newest = record.time.ns();
        if self.flush == Flush::Line || (later && self.flush == Flush::Instant) {
            self.flush();
        }
    }
}
