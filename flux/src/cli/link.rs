//! `flux link`: keys of the links between kernels.

use flux_core::error::Error;
use flux_core::link::Key;
use flux_core::linked;

use super::Outcome;
use super::args::{Format, LinkAction};
use super::terminal::Terminal;

pub(crate) fn link(action: &LinkAction, terminal: &Terminal) -> Result<Outcome, Error> {
    let LinkAction::Key { key } = action;
    let path = linked::key_path(key.as_deref())?;
    let public = Key::load_or_create(&path)?.public();
    match terminal.format {
        Format::Json | Format::Ndjson => {
            let text = serde_json::json!({ "key": public.to_string(), "file": path.display().to_string() });
            terminal.print(&format!("{text}\n"));
        }
        Format::Table | Format::Tsv | Format::Quiet => {
            terminal.print(&format!("{public}\n"));
            terminal.say(&format!("kept in {}", path.display()));
        }
    }
    Ok(Outcome::Done)
}
