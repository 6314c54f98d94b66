//! Writes the pages that are derived from tables and the pictures that pages make, or checks that they
//! are up to date.

mod a2a;
mod attacks;
mod isa;
mod pictures;
mod syscalls;
mod typed;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::error::{Error, stdout_of};

/// What to do with the pages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// Write them.
    Write,
    /// Fail when one is stale.
    Check,
}

/// What makes the text of a page.
#[derive(Clone, Copy)]
enum Maker {
    /// A table that this program shares with the kernel.
    Table(fn() -> String),
    /// The `flux` command, which alone knows its options and explanations.
    Flux(&'static [&'static str]),
}

/// Every derived page: its path from the root, and what makes its text.
const PAGES: &[(&str, Maker)] = &[
    ("docs/A2A.md", Maker::Table(a2a::a2a_markdown)),
    ("docs/ISA.md", Maker::Table(isa::isa_markdown)),
    ("docs/SYSCALLS.md", Maker::Table(syscalls::syscalls_markdown)),
    ("docs/ATTACKS.md", Maker::Table(attacks::attacks_markdown)),
    ("docs/ERRORS.md", Maker::Flux(&["explain", "--markdown"])),
    ("docs/CLI-REFERENCE.md", Maker::Flux(&["man", "--markdown"])),
];

impl Maker {
    fn text(self) -> Result<String, Error> {
        match self {
            Self::Table(make) => Ok(make()),
            Self::Flux(arguments) => stdout_of(
                Command::new("cargo")
                    .args(["run", "--locked", "--quiet", "--package", "flux-cli", "--", "--color", "never"])
                    .args(["--format", "table"])
                    .args(arguments),
            ),
        }
    }
}

/// Writes or checks every page and picture.
///
/// # Errors
/// [`Error::Check`] that names the stale pages, or that of the command or the file system.
pub(crate) fn docs(mode: Mode) -> Result<(), Error> {
    let mut stale = Vec::new();
    for (path, make) in PAGES {
        let text = make.text()?;
        if fs::read_to_string(path).is_ok_and(|old| old == text) {
            continue;
        }
        match mode {
            Mode::Check => stale.push(*path),
            Mode::Write => {
                if let Some(folder) = Path::new(path).parent() {
                    fs::create_dir_all(folder)?;
                }
                fs::write(path, text)?;
                println!("docs: wrote {path}");
            }
        }
    }
    let made = pictures::pictures()?;
    match mode {
        Mode::Write => pictures::write(&made)?,
        Mode::Check => {
            stale.extend(
                made.iter()
                    .filter(|(path, text)| !pictures::is_current(path, text))
                    .map(|(path, _)| path.as_str()),
            );
        }
    }
    let strays = if mode == Mode::Check { pictures::strays(&made)? } else { Vec::new() };
    stale.extend(strays.iter().map(String::as_str));
    if stale.is_empty() {
        println!("docs: {} pages and {} pictures are up to date", PAGES.len(), made.len());
        Ok(())
    } else {
        Err(Error::Check(format!("docs: stale: {}; run `cargo xtask docs`", stale.join(", "))))
    }
}
