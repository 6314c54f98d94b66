//! `flux doc`: a document as an HTML page.

use std::path::Path;

use flux_core::error::Error;
use flux_core::source::Source;
use flux_core::{Severity, module, page};

use super::args::{DocArguments, Format};
use super::terminal::Terminal;
use super::{Outcome, check};

pub(crate) fn doc(arguments: &DocArguments, terminal: &Terminal) -> Result<Outcome, Error> {
    let source = Source::document(&arguments.file)?;
    let html = match page::html(&source) {
        Ok(html) => html,
        Err(diagnostics) => {
            check::show(&source, &diagnostics, terminal);
            let errors = diagnostics.iter().filter(|row| row.severity() == Severity::Error).count();
            return Err(Error::Document { name: source.shown(), errors });
        }
    };
    let path = arguments.output.clone().unwrap_or_else(|| super::module::beside(&arguments.file, "html"));
    if path == Path::new("-") {
        terminal.print(&html);
        return Ok(Outcome::Done);
    }
    module::write(&path, html.as_bytes())?;
    match terminal.format {
        Format::Table => {
            terminal.say(&format!("wrote {} ({} bytes); open it in a browser", path.display(), html.len()))
        }
        Format::Json | Format::Ndjson => {
            terminal.print(&format!("{}\n", serde_json::json!({ "file": path, "bytes": html.len() })));
        }
        Format::Tsv => terminal.row(&[&path.display().to_string(), &html.len().to_string()]),
        Format::Quiet => {}
    }
    Ok(Outcome::Done)
}
