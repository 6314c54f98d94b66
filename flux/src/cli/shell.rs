//! `flux completions` and `flux man`: derived from the definition of the command line.

use std::path::Path;

use clap::{Command, CommandFactory};
use flux_core::error::Error;
use flux_core::module;

use super::Outcome;
use super::args::{Arguments, CompletionsArguments, ManArguments};
use super::reference;
use super::terminal::Terminal;

pub(crate) fn completions(arguments: &CompletionsArguments, terminal: &Terminal) -> Result<Outcome, Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "flux", &mut script);
    terminal.write(&script);
    Ok(Outcome::Done)
}

pub(crate) fn man(arguments: &ManArguments, terminal: &Terminal) -> Result<Outcome, Error> {
    let mut command = Arguments::command();
    command.build();
    match &arguments.folder {
        Some(folder) => {
            std::fs::create_dir_all(folder)
                .map_err(|error| Error::Write { path: folder.clone(), why: error.to_string() })?;
            let pages = write_pages(&command, "", folder)?;
            terminal.say(&format!(
                "wrote {pages} pages; `man -M` wants them in a folder man1, or read one with: man {}",
                folder.join("flux.1").display()
            ));
        }
        None if arguments.markdown => terminal.print(&reference::markdown(&command)),
        None => terminal.write(&page(&command, "flux")?),
    }
    Ok(Outcome::Done)
}

/// Writes the page of a command and those below it; gives their number.
fn write_pages(command: &Command, above: &str, folder: &Path) -> Result<usize, Error> {
    let name = if above.is_empty() {
        command.get_name().to_owned()
    } else {
        format!("{above}-{}", command.get_name())
    };
    module::write(&folder.join(format!("{name}.1")), &page(command, &name)?)?;
    let mut pages = 1;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        pages += write_pages(below, &name, folder)?;
    }
    Ok(pages)
}

/// A page in the format of `man`, without a date so that it is the same each time.
fn page(command: &Command, name: &str) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone())
        .title(name)
        .date("")
        .render(&mut text)
        .map_err(|error| Error::Boot(format!("the page of {name} can't be made: {error}")))?;
    Ok(text)
}
