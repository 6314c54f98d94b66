//! `flux explain`: what a diagnostic means.

use anstyle::AnsiColor;
use flux_core::error::Error;
use flux_core::explain::{self, Page};

use super::Outcome;
use super::args::{ExplainArguments, Format};
use super::terminal::Terminal;

pub(crate) fn explain(arguments: &ExplainArguments, terminal: &Terminal) -> Result<Outcome, Error> {
    match &arguments.code {
        Some(code) => page(explain::find(code)?, terminal),
        None if arguments.markdown => terminal.print(&explain::markdown()),
        None => list(terminal),
    }
    Ok(Outcome::Done)
}

fn page(page: &Page, terminal: &Terminal) {
    let data = page.data();
    match terminal.format {
        Format::Table => {
            let text = page.markdown();
            let (heading, rest) = text.split_once('\n').unwrap_or((&text, ""));
            let heading = terminal.paint_out(heading.trim_start_matches("## "), AnsiColor::Cyan);
            terminal.print(&format!("{heading}\n{rest}"));
        }
        Format::Json => terminal.print(&format!("{:#}\n", serde_json::json!(data))),
        Format::Ndjson => terminal.print(&format!("{}\n", serde_json::json!(data))),
        Format::Tsv => terminal.row(&[&data.code, data.severity, data.title, data.meaning, data.mend]),
        Format::Quiet => {}
    }
}

fn list(terminal: &Terminal) {
    match terminal.format {
        Format::Table => {
            for page in explain::pages() {
                let code = terminal.paint_out(&page.code.to_string(), AnsiColor::Cyan);
                terminal.print(&format!("{code}  {}\n", page.title()));
            }
            terminal.say("\n`flux explain CODE` shows a page: what it means, an example, how to mend it");
        }
        Format::Json => {
            let all: Vec<_> = explain::pages().map(Page::data).collect();
            terminal.print(&format!("{:#}\n", serde_json::json!(all)));
        }
        Format::Ndjson => {
            for page in explain::pages() {
                terminal.print(&format!("{}\n", serde_json::json!(page.data())));
            }
        }
        Format::Tsv => {
            for page in explain::pages() {
                terminal.row(&[&page.code.to_string(), page.code.severity().word(), page.title()]);
            }
        }
        Format::Quiet => {}
    }
}
