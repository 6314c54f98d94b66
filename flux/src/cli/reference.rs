//! The reference of all commands as Markdown: docs/CLI-REFERENCE.md.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command};

/// Every command with its options, from a command that has been built.
pub(crate) fn markdown(command: &Command) -> String {
    let mut out = String::from(
        "# The `flux` command\n\n<!-- Made from the definition of the command line by `cargo xtask docs`. -->\n\n",
    );
    if let Some(about) = command.get_about() {
        let _ = writeln!(out, "{about}.\n");
    }
    out.push_str(
        "Exit codes: 0 done, 1 failure, 2 usage. Data goes to standard output, words about it to standard error.\n\n",
    );
    for below in shown(command) {
        let name = below.get_name();
        let _ = writeln!(out, "- [`flux {name}`](#flux-{name}) {}", text(below.get_about()));
    }
    out.push_str("\n## Options of every command\n");
    table(&mut out, command.get_arguments().filter(|arg| arg.is_global_set()));
    for below in shown(command) {
        section(&mut out, below, "flux", 2);
    }
    out
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help")
}

fn section(out: &mut String, command: &Command, above: &str, level: usize) {
    let name = format!("{above} {}", command.get_name());
    let _ = writeln!(out, "\n{} {name}\n\n{}.", "#".repeat(level), text(command.get_about()));
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let _ = writeln!(out, "\n```text\n{usage}\n```");
    table(out, command.get_arguments().filter(|arg| !arg.is_global_set()));
    let examples = text(command.get_after_help());
    if !examples.is_empty() {
        let lines: Vec<&str> = examples.lines().skip(1).map(str::trim).collect();
        let _ = writeln!(out, "\n```sh\n{}\n```", lines.join("\n"));
    }
    for below in shown(command) {
        section(out, below, &name, level + 1);
    }
}

fn text(about: Option<&clap::builder::StyledStr>) -> String {
    about.map(ToString::to_string).unwrap_or_default()
}

fn table<'a>(out: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    let mut rows = arguments
        .filter(|arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version"))
        .peekable();
    if rows.peek().is_none() {
        return;
    }
    out.push_str("\n| Argument | Meaning |\n| --- | --- |\n");
    for arg in rows {
        let _ = writeln!(out, "| {} | {} |", cell(&spelling(arg)), cell(&meaning(arg)));
    }
}

/// `-o`, `--output FILE`, as it is typed.
fn spelling(arg: &Arg) -> String {
    let names: Vec<String> = arg.get_value_names().into_iter().flatten().map(ToString::to_string).collect();
    let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let value = if takes_value { names.join(" ") } else { String::new() };
    let many = if matches!(arg.get_action(), ArgAction::Append) && arg.is_positional() { "…" } else { "" };
    if arg.is_positional() {
        return format!("`{value}{many}`");
    }
    let short = arg.get_short().map(|letter| format!("`-{letter}`"));
    let long = arg.get_long().map(|word| format!("`--{word}`"));
    let flags: Vec<String> = short.into_iter().chain(long).collect();
    if value.is_empty() { flags.join(", ") } else { format!("{} `{value}`", flags.join(", ")) }
}

fn meaning(arg: &Arg) -> String {
    let mut out = text(arg.get_help());
    if matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) {
        let values: Vec<String> = arg
            .get_possible_values()
            .iter()
            .filter(|value| !value.is_hide_set())
            .map(|value| match value.get_help() {
                Some(help) => format!("`{}` ({help})", value.get_name()),
                None => format!("`{}`", value.get_name()),
            })
            .collect();
        if !values.is_empty() {
            let _ = write!(out, ": {}", values.join(", "));
        }
        let defaults: Vec<String> =
            arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
        if !defaults.is_empty() {
            let _ = write!(out, " [default: {}]", defaults.join(", "));
        }
    }
    out
}

/// Text that stands in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
