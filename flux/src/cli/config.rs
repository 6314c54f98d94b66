//! `flux config`: reads and changes the configuration file.

use std::io::{IsTerminal, Write};

use anstyle::AnsiColor;
use flux_core::config::file::{File, Setting};
use flux_core::config::keys::Named;
use flux_core::error::Error;

use super::Outcome;
use super::args::{ConfigAction, Format};
use super::terminal::Terminal;

pub(crate) fn config(action: &ConfigAction, terminal: &Terminal) -> Result<Outcome, Error> {
    let mut file = File::open(terminal.config.as_deref())?;
    match action {
        ConfigAction::Get { key } => {
            let settings = file.get(&Named::find(key)?);
            if settings.iter().all(|setting| setting.from == "unset") {
                terminal.say(&format!("{key} is not set; `flux config set {key} VALUE` sets it"));
                return Ok(Outcome::AtFault);
            }
            match (terminal.format, settings.as_slice()) {
                (Format::Table, [one]) => terminal.print(&format!("{}\n", one.value)),
                _ => show(&settings, terminal),
            }
        }
        ConfigAction::Set { key, value } => {
            let named = Named::find(key)?;
            file.set(&named, value)?;
            terminal.say(&format!("{key} = {value} in {}", file.path().display()));
        }
        ConfigAction::List => {
            show(&file.list(), terminal);
            terminal.say(&format!("\nfile: {}", file.path().display()));
        }
        ConfigAction::Reset { key: Some(key), .. } => {
            if file.reset(&Named::find(key)?)? {
                terminal.say(&format!("took {key} out of {}", file.path().display()));
            } else {
                terminal.say(&format!("{key} is not in {}", file.path().display()));
            }
        }
        ConfigAction::Reset { key: None, yes } => {
            if !*yes && !asked(&file, terminal)? {
                terminal.say("nothing was changed");
                return Ok(Outcome::AtFault);
            }
            file.reset_all()?;
            terminal.say(&format!("{} is empty", file.path().display()));
        }
    }
    Ok(Outcome::Done)
}

/// Asks whether all settings may go; without a person to ask that is an error.
fn asked(file: &File, terminal: &Terminal) -> Result<bool, Error> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::Option {
            option: "flux config reset".into(),
            why: "this takes every key out of the file; name one key, or say --yes".into(),
        });
    }
    terminal.print_error(&format!("take every key and comment out of {}? [y/N] ", file.path().display()));
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    Ok(read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn show(settings: &[Setting], terminal: &Terminal) {
    match terminal.format {
        Format::Table => {
            let width = settings.iter().map(|setting| setting.key.len()).max().unwrap_or(0);
            for setting in settings {
                let key = format!("{:width$}", setting.key);
                terminal.print(&format!(
                    "{}  {:<12} {:<8} {}\n",
                    terminal.paint_out(&key, AnsiColor::Cyan),
                    if setting.from == "unset" { "–" } else { &setting.value },
                    setting.from,
                    setting.help
                ));
            }
        }
        Format::Json => terminal.print(&format!("{:#}\n", serde_json::json!(settings))),
        Format::Ndjson => {
            for setting in settings {
                terminal.print(&format!("{}\n", serde_json::json!(setting)));
            }
        }
        Format::Tsv => {
            for setting in settings {
                terminal.row(&[&setting.key, &setting.value, setting.from]);
            }
        }
        Format::Quiet => {}
    }
}
