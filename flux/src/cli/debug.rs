//! `flux debug`: the debugger on a terminal, or with commands from standard input.

use std::io::{BufRead, IsTerminal};

use flux_core::ClockMode;
use flux_core::config::Config;
use flux_core::debug::{After, NAMES, Session};
use flux_core::error::Error;
use flux_core::run::RunError;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{Context, Editor, Helper};

use super::Outcome;
use super::args::DebugArguments;
use super::run::{Sink, outcome, refused, request};
use super::terminal::Terminal;

const PROMPT: &str = "(flux) ";

/// Nanoseconds of simulated time that a run without `--for` is given.
const HOUR: i64 = 3_600_000_000_000;

pub(crate) fn debug(arguments: &DebugArguments, terminal: &Terminal) -> Result<Outcome, Error> {
    let mut request = request(&arguments.files, &arguments.options, ClockMode::Simulated, terminal)?;
    request.duration_ns = request.duration_ns.or(Some(HOUR));
    let config = Config::load(terminal.config.as_deref())?;
    let mut sink = Sink::new(terminal);
    let mut session = match Session::start(&request, &config, &mut sink) {
        Ok(session) => session,
        Err(RunError::Documents(rejected)) => return Err(refused(&rejected, terminal)),
        Err(RunError::Other(error)) => return Err(error),
    };
    sink.flush();
    terminal.say(session.greeting().trim_end());
    if std::io::stdin().is_terminal() {
        converse(&mut session, &mut sink, terminal)?;
    } else {
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(|error| unreadable(&error.to_string()))?;
            // Nobody has seen it being typed, so a transcript would hold answers alone.
            terminal.print(&format!("{PROMPT}{line}\n"));
            if carry_out(&mut session, &line, &mut sink, terminal) == After::Quit {
                break;
            }
        }
    }
    let summary = session.finish(&mut sink);
    sink.flush();
    Ok(outcome(&summary))
}

/// Carries out one line; the log of what ran stands before the answer.
fn carry_out(session: &mut Session, line: &str, sink: &mut Sink<'_>, terminal: &Terminal) -> After {
    let (text, after) = session.command(line, sink);
    sink.flush();
    terminal.print(&text);
    after
}

fn converse(session: &mut Session, sink: &mut Sink<'_>, terminal: &Terminal) -> Result<(), Error> {
    let mut editor: Editor<Commands, DefaultHistory> =
        Editor::new().map_err(|error| unreadable(&error.to_string()))?;
    editor.set_helper(Some(Commands));
    let mut before = String::new();
    loop {
        match editor.readline(PROMPT) {
            Ok(line) => {
                // An empty line does the last thing again, as debuggers do.
                let line = if line.trim().is_empty() { before.clone() } else { line };
                let _ = editor.add_history_entry(line.as_str());
                if carry_out(session, &line, sink, terminal) == After::Quit {
                    return Ok(());
                }
                before = line;
            }
            Err(ReadlineError::Eof) => return Ok(()),
            Err(ReadlineError::Interrupted) => terminal.say("`quit` ends the debugger"),
            Err(error) => return Err(unreadable(&error.to_string())),
        }
    }
}

fn unreadable(why: &str) -> Error {
    Error::Read {
        path: "<stdin>".into(),
        why: why.to_owned(),
        advice: "give commands as lines of text, such as `step`".into(),
    }
}

/// Completes the names of commands.
struct Commands;

impl Completer for Commands {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let begun = line.get(..at).unwrap_or("").to_lowercase();
        if begun.contains(' ') {
            return Ok((at, Vec::new()));
        }
        let matching = NAMES.iter().filter(|name| name.starts_with(&begun));
        Ok((0, matching.map(|name| format!("{name} ")).collect()))
    }
}

impl Hinter for Commands {
    type Hint = String;
}

impl Highlighter for Commands {}

impl Validator for Commands {}

impl Helper for Commands {}
