//! `flux fmt`: the canonical layout of documents.

use std::io::Read;
use std::path::Path;

use flux_core::error::Error;
use flux_core::layout::{self, Refusal};
use flux_core::module;
use flux_core::source::Source;

use super::args::{FmtArguments, Format};
use super::progress::Progress;
use super::terminal::Terminal;
use super::{Outcome, check};

pub(crate) fn fmt(arguments: &FmtArguments, terminal: &Terminal) -> Result<Outcome, Error> {
    if arguments.stdin {
        return standard_input(arguments, terminal);
    }
    let mut faulty = false;
    let mut progress = Progress::new(arguments.files.len(), terminal);
    for file in &arguments.files {
        let outcome = progress.step(&file.to_string_lossy(), || {
            Source::document(file).and_then(|source| one(&source, arguments, terminal))
        });
        match outcome {
            Ok(Outcome::Done) => {}
            Ok(Outcome::AtFault) => faulty = true,
            // One file that can't be read does not keep the others from their layout.
            Err(error) if arguments.files.len() > 1 => {
                terminal.error(error.code(), &error.to_string());
                faulty = true;
            }
            Err(error) => return Err(error),
        }
    }
    drop(progress);
    if faulty && arguments.check {
        terminal.say("`flux fmt` without --check writes the canonical layout");
    }
    Ok(if faulty { Outcome::AtFault } else { Outcome::Done })
}

fn one(source: &Source, arguments: &FmtArguments, terminal: &Terminal) -> Result<Outcome, Error> {
    let Some(text) = laid_out(source, terminal)? else { return Ok(Outcome::AtFault) };
    let changed = text.as_bytes() != source.bytes.as_slice();
    if changed && !arguments.check {
        module::replace(&source.path, text.as_bytes())?;
    }
    told(source, changed, arguments, terminal);
    Ok(if changed && arguments.check { Outcome::AtFault } else { Outcome::Done })
}

/// The layout; `None` after saying what is wrong with the document.
fn laid_out(source: &Source, terminal: &Terminal) -> Result<Option<String>, Error> {
    let Ok(text) = std::str::from_utf8(&source.bytes) else {
        // The diagnostics of the compiler say where and what to do.
        let compiled = flux_core::compile::document(source, flux_core::Level::default());
        check::show(source, &compiled.diagnostics, terminal);
        return Err(Error::Document { name: source.shown(), errors: compiled.errors });
    };
    match layout::format(text, &source.name) {
        Ok(text) => Ok(Some(text)),
        Err(Refusal::Meaning) => Err(Error::Layout { name: source.shown() }),
        Err(Refusal::Syntax(diagnostics)) => {
            check::show(source, &diagnostics, terminal);
            terminal.say(&format!("{}: not laid out; mend what is wrong first", source.shown()));
            Ok(None)
        }
    }
}

fn told(source: &Source, changed: bool, arguments: &FmtArguments, terminal: &Terminal) {
    let (name, word) = (
        source.shown(),
        match (changed, arguments.check) {
            (false, _) => "canonical",
            (true, true) => "not canonical",
            (true, false) => "laid out",
        },
    );
    match terminal.format {
        Format::Table if changed || terminal.verbose > 0 => terminal.say(&format!("{name}: {word}")),
        Format::Json | Format::Ndjson => {
            terminal.print(&format!("{}\n", serde_json::json!({ "file": name, "layout": word })));
        }
        Format::Tsv => terminal.row(&[&name, word]),
        Format::Table | Format::Quiet => {}
    }
}

fn standard_input(arguments: &FmtArguments, terminal: &Terminal) -> Result<Outcome, Error> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(flux_core::source::DOCUMENT_BYTES).unwrap_or(u64::MAX);
    let read = std::io::stdin().take(limit + 1).read_to_end(&mut bytes);
    let fail = |why: String| Error::Read { path: "<stdin>".into(), why, advice: "give a document".into() };
    if read.map_err(|error| fail(error.to_string()))? as u64 > limit {
        return Err(fail(format!("it holds more than {limit} bytes")));
    }
    let source = Source {
        path: Path::new("<stdin>").to_owned(),
        name: "stdin.flux.md".into(),
        bytes,
        bundle: None,
        missing: Vec::new(),
    };
    let Some(text) = laid_out(&source, terminal)? else { return Ok(Outcome::AtFault) };
    let changed = text.as_bytes() != source.bytes.as_slice();
    if arguments.check {
        told(&source, changed, arguments, terminal);
        return Ok(if changed { Outcome::AtFault } else { Outcome::Done });
    }
    terminal.print(&text);
    Ok(Outcome::Done)
}
