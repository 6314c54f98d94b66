//! Drives the language server with a client library of the field, as an editor does, and the grammars of
//! the extension with the tokenizer of VS Code.
//!
//! The libraries come from the package indexes of Python and Node into folders of their own below the
//! target directory, so that nothing of the machine changes.

use std::path::Path;
use std::process::Command;

use crate::error::{Error, run};
use crate::metal::Places;

/// The client, its test fixtures and their runner, each in one version.
const REQUIREMENTS: [&str; 3] = ["pytest==8.4.2", "pytest-asyncio==1.2.0", "pytest-lsp==1.0.1"];

/// Runs `tests/editor` against the `flux` of this checkout.
///
/// # Errors
/// [`Error::Failed`] when a test fails, the environment cannot be made or `flux` does not build.
pub(crate) fn editor_test() -> Result<(), Error> {
    let places = Places::find()?;
    crate::extension::grammar_test(&places)?;
    let python = environment(&places.target.join("editor-test"))?;
    run(Command::new("cargo").args(["build", "--locked", "--package", "flux-cli"]))?;
    let flux = places.target.join("debug/flux");
    let tests = places.root.join("tests/editor");
    run(Command::new(python)
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir"])
        .arg(&tests)
        .arg(&tests)
        .env("FLUX", flux)
        .env("PYTHONDONTWRITEBYTECODE", "1"))
}

/// The interpreter of the environment, which is made once.
fn environment(folder: &Path) -> Result<std::path::PathBuf, Error> {
    let python = folder.join("bin/python");
    let stamp = folder.join("requirements");
    let wanted = REQUIREMENTS.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(REQUIREMENTS))?;
    std::fs::write(&stamp, wanted)?;
    Ok(python)
}
