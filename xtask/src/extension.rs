//! The VS Code extension: the test of its grammars and its package, both with Node.
//!
//! Nothing is written beside the sources: modules of Node and the package lie below the target directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, run};
use crate::metal::Places;

/// The program that makes packages of extensions, in one version.
const PACKAGER: &str = "@vscode/vsce@3.9.2";

/// Tokenizes documents with the grammars of the extension, through the tokenizer of VS Code.
///
/// # Errors
/// [`Error::Failed`] when a test fails or the modules can't be had.
pub(crate) fn grammar_test(places: &Places) -> Result<(), Error> {
    let tests = places.root.join("tests/editor/grammar");
    let folder = places.target.join("editor-test/grammar");
    let (lock, stamp) = (tests.join("package-lock.json"), folder.join("installed"));
    let wanted = std::fs::read(&lock)?;
    if std::fs::read(&stamp).ok().as_deref() != Some(wanted.as_slice()) {
        std::fs::create_dir_all(&folder)?;
        for name in ["package.json", "package-lock.json"] {
            std::fs::copy(tests.join(name), folder.join(name))?;
        }
        run(npm("ci").current_dir(&folder))?;
        std::fs::write(&stamp, wanted)?;
    }
    run(Command::new("node")
        .arg("--test")
        .arg(tests.join("grammar.test.cjs"))
        .env("NODE_PATH", folder.join("node_modules"))
        .env("FLUX_ROOT", &places.root))
}

/// Packages the extension and gives the path of the `.vsix` file.
///
/// # Errors
/// [`Error::Failed`] when the modules can't be had or the packager finds a fault.
pub(crate) fn extension() -> Result<PathBuf, Error> {
    let places = Places::find()?;
    let folder = places.target.join("extension");
    let (source, tools) = (folder.join("source"), folder.join("tools"));
    if source.exists() {
        std::fs::remove_dir_all(&source)?;
    }
    copy(&places.root.join("editors/vscode"), &source)?;
    std::fs::copy(places.root.join("LICENSE"), source.join("LICENSE"))?;
    std::fs::copy(places.root.join("editors/README.md"), source.join("README.md"))?;
    run(npm("install").args(["--omit=dev", "--no-package-lock"]).current_dir(&source))?;
    std::fs::create_dir_all(&tools)?;
    run(npm("install").arg("--prefix").arg(&tools).arg(PACKAGER))?;
    let package = folder.join("flux-md.vsix");
    run(Command::new("node")
        .arg(tools.join("node_modules/@vscode/vsce/vsce"))
        .args(["package", "--allow-missing-repository", "--out"])
        .arg(&package)
        .current_dir(&source))?;
    Ok(package)
}

/// `npm`, which runs no script of a package.
fn npm(verb: &str) -> Command {
    let mut command = Command::new("npm");
    command.args([verb, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    command
}

/// Copies a folder; what an earlier `npm install` left in it stays behind.
fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "node_modules" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(name))?;
        } else {
            std::fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}
