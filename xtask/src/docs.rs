//! Writes the pages that are derived from tables, or checks that they are up to date.

mod isa;

use std::fs;
use std::path::Path;

use crate::error::Error;

/// What to do with the pages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// Write them.
    Write,
    /// Fail when one is stale.
    Check,
}

/// One derived page: its path from the root, and what makes its text.
type Page = (&'static str, fn() -> String);

/// Every derived page.
const PAGES: &[Page] = &[("docs/ISA.md", isa::isa_markdown)];

/// Writes or checks every page.
///
/// # Errors
/// [`Error::Check`] that names the stale pages, or the file system's.
pub(crate) fn docs(mode: Mode) -> Result<(), Error> {
    let mut stale = Vec::new();
    for (path, make) in PAGES {
        let text = make();
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
    if stale.is_empty() {
        println!("docs: {} pages are up to date", PAGES.len());
        Ok(())
    } else {
        Err(Error::Check(format!("docs: stale: {}; run `cargo xtask docs`", stale.join(", "))))
    }
}
