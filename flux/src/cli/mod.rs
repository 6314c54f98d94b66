//! Dispatches the command line and turns outcomes into exit codes.
//!
//! Exit codes: 0 done, 1 failure, 2 usage.

mod args;
mod boot;
mod build;
mod check;
mod compile;
mod config;
mod debug;
mod doc;
mod explain;
mod fmt;
mod hot_swap;
mod link;
mod lsp;
mod module;
mod new;
mod progress;
mod reference;
mod run;
mod shell;
mod terminal;
mod test;
mod top;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser};
use flux_core::assembly::Completion;
use flux_core::config::Config;
use flux_core::error::Error;

use args::{Arguments, Command, Format, Later};
use terminal::Terminal;

/// How a command ended that could be carried out.
pub(crate) enum Outcome {
    /// All went well.
    Done,
    /// It was carried out, and what it was about is at fault; it has been said why.
    AtFault,
}

pub(crate) fn main() -> ExitCode {
    let arguments = match Arguments::try_parse_from(asked(std::env::args_os().collect())) {
        Ok(arguments) => arguments,
        Err(error) => with_nearest_command(error).exit(),
    };
    // What prints or mends the configuration must work with one that is at fault.
    let needs_config =
        !matches!(arguments.command, Command::Config(_) | Command::Completions(_) | Command::Man(_));
    let config =
        if needs_config { Config::load(arguments.global.config.as_deref()) } else { Ok(Config::default()) };
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            report(&error, &Terminal::new(&arguments.global, &Config::default()));
            return ExitCode::FAILURE;
        }
    };
    let terminal = Terminal::new(&arguments.global, &config);
    match dispatch(arguments.command, &terminal) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::AtFault) => ExitCode::FAILURE,
        Err(error) => {
            report(&error, &terminal);
            ExitCode::FAILURE
        }
    }
}

/// `flux help` and `flux help COMMAND`, as people type them, are `--help`.
fn asked(mut line: Vec<OsString>) -> Vec<OsString> {
    if line.get(1).is_some_and(|word| word == "help") {
        line.remove(1);
        line.push("--help".into());
    }
    line
}

/// Adds the command that was meant: the parser itself knows no letters that changed places.
fn with_nearest_command(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidSubcommand) else { return error };
    let commands = Arguments::command();
    let distances = commands.get_subcommands().map(|command| {
        let name = command.get_name();
        (strsim::damerau_levenshtein(name, typed), name)
    });
    let most = typed.chars().count().div_ceil(3);
    if let Some((_, name)) = distances.min().filter(|(distance, _)| *distance <= most) {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![name.to_owned()]));
    }
    error
}

fn dispatch(command: Command, terminal: &Terminal) -> Result<Outcome, Error> {
    match command {
        Command::Run(Later(arguments)) => run::run(&arguments, terminal),
        Command::Check { files } => check::check(&files, terminal),
        Command::Test(Later(arguments)) => test::test(&arguments, terminal),
        Command::Build(Later(arguments)) => build::build(&arguments, terminal),
        Command::Compile(Later(arguments)) => compile::compile(&arguments, terminal),
        Command::Asm { file, output, verbatim } => {
            let completion = if verbatim { Completion::Nothing } else { Completion::Missing };
            module::assemble(&file, output.as_deref(), completion, terminal)
        }
        Command::Disasm { file, output } => module::disassemble(&file, output.as_deref(), terminal),
        Command::Inspect { file } => module::inspect(&file, terminal),
        Command::HotSwap(Later(arguments)) => hot_swap::hot_swap(&arguments, terminal),
        Command::Top(Later(arguments)) => top::top(&arguments, terminal),
        Command::Link(action) => link::link(&action, terminal),
        Command::Boot(Later(arguments)) => boot::boot(&arguments, terminal),
        Command::Fmt(Later(arguments)) => fmt::fmt(&arguments, terminal),
        Command::New(Later(arguments)) => new::new(&arguments, terminal),
        Command::Doc(Later(arguments)) => doc::doc(&arguments, terminal),
        Command::Debug(Later(arguments)) => debug::debug(&arguments, terminal),
        Command::Explain(Later(arguments)) => explain::explain(&arguments, terminal),
        Command::Config(action) => config::config(&action, terminal),
        Command::Completions(Later(arguments)) => shell::completions(&arguments, terminal),
        Command::Man(Later(arguments)) => shell::man(&arguments, terminal),
        Command::Lsp => lsp::serve(),
    }
}

fn report(error: &Error, terminal: &Terminal) {
    match terminal.format {
        Format::Json | Format::Ndjson => {
            terminal.error_line(
                &serde_json::json!({ "error": { "code": error.code(), "message": error.to_string() } })
                    .to_string(),
            );
        }
        Format::Table | Format::Tsv | Format::Quiet => terminal.error(error.code(), &error.to_string()),
    }
}
