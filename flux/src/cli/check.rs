//! `flux check`, and how every command shows diagnostics.

use std::path::PathBuf;

use flux_core::compile::{self, Outcome as Compiled};
use flux_core::error::Error;
use flux_core::source::Source;
use flux_core::{Diagnostic, Severity, report};

use super::Outcome;
use super::args::Format;
use super::progress::Progress;
use super::terminal::Terminal;

pub(crate) fn check(files: &[PathBuf], terminal: &Terminal) -> Result<Outcome, Error> {
    let mut faulty = false;
    let mut json = Vec::new();
    let mut sources = Vec::new();
    for file in files {
        match Source::document(file) {
            Ok(source) => sources.push(source),
            // One file that can't be read does not keep the others from being checked.
            Err(error) if files.len() > 1 => {
                terminal.error(error.code(), &error.to_string());
                faulty = true;
            }
            Err(error) => return Err(error),
        }
    }
    let mut codes: Vec<String> = Vec::new();
    let mut progress = Progress::new(sources.len(), terminal);
    let check = |source: &Source| progress.step(&source.shown(), || compile::check(source));
    let mut outcomes: Vec<Compiled> = sources.iter().map(check).collect();
    drop(progress);
    compile::warn_of_targets(&mut outcomes);
    for (source, compiled) in sources.iter().zip(outcomes) {
        faulty |= compiled.errors > 0;
        codes.extend(compiled.diagnostics.iter().map(|row| row.code.to_string()));
        if terminal.format == Format::Json {
            json.extend(report::to_json(&source.texts(), &compiled.diagnostics));
        } else {
            show(source, &compiled.diagnostics, terminal);
            more(compiled.dropped, terminal);
            verdict(source, &compiled, terminal);
        }
    }
    if terminal.format == Format::Table {
        point_at_pages(codes, terminal);
    }
    if terminal.format == Format::Json {
        terminal.print(&format!("{:#}\n", serde_json::json!({ "diagnostics": json })));
    }
    Ok(if faulty { Outcome::AtFault } else { Outcome::Done })
}

/// Shows diagnostics in the format asked for: for people on standard error, as data on standard output.
pub(crate) fn show(source: &Source, diagnostics: &[Diagnostic], terminal: &Terminal) {
    match terminal.format {
        Format::Table => {
            terminal.print_error(&report::render(&source.texts(), diagnostics, terminal.diagnostic_style()));
        }
        Format::Json | Format::Ndjson => {
            for row in report::to_json(&source.texts(), diagnostics) {
                terminal.print(&format!("{}\n", serde_json::json!(row)));
            }
        }
        Format::Tsv | Format::Quiet => {
            for row in report::to_json(&source.texts(), diagnostics) {
                if terminal.format == Format::Tsv {
                    let place = &row.place;
                    terminal.print(&format!(
                        "{}\t{}\t{}\t{}\t{}\t{}\n",
                        row.file, place.line, place.column, row.severity, row.code, row.message
                    ));
                } else if row.severity == "error" {
                    terminal.error(&row.code, &format!("{}:{}: {}", row.file, row.place.line, row.message));
                }
            }
        }
    }
}

/// Says how to read more about what was found: the pages of at most three codes, errors first.
fn point_at_pages(mut codes: Vec<String>, terminal: &Terminal) {
    codes.sort_by_key(|code| {
        (["E", "W", "N"].iter().position(|letter| code.starts_with(letter)), code.clone())
    });
    codes.dedup();
    let commands: Vec<String> = codes.iter().take(3).map(|code| format!("flux explain {code}")).collect();
    if !commands.is_empty() {
        terminal.say(&format!("more about it: {}", commands.join(" · ")));
    }
}

fn more(dropped: usize, terminal: &Terminal) {
    if dropped > 0 {
        terminal.say(&format!("… and {dropped} more; mend these first"));
    }
}

fn verdict(source: &Source, compiled: &Compiled, terminal: &Terminal) {
    let count = |severity, one: &str| match compiled.count(severity) {
        0 => None,
        1 => Some(format!("1 {one}")),
        n => Some(format!("{n} {one}s")),
    };
    let others = [count(Severity::Warning, "warning"), count(Severity::Note, "note")];
    let others: Vec<String> = others.into_iter().flatten().collect();
    let tail = if others.is_empty() { String::new() } else { format!(", {}", others.join(", ")) };
    match compiled.errors {
        0 => {
            let agents: Vec<&str> = compiled.agents().collect();
            let what = if agents.is_empty() { "library".to_owned() } else { agents.join(", ") };
            terminal.say(&format!("{}: ok ({what}){tail}", source.shown()));
        }
        1 => terminal.say(&format!("{}: 1 error{tail}", source.shown())),
        n => terminal.say(&format!("{}: {n} errors{tail}", source.shown())),
    }
}
