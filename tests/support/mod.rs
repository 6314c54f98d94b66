//! What the whole-system tests share: the program under test and files to compare with.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up fails")]

pub(crate) mod watched;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs `flux` in the root of the repository without colours and without the user's configuration.
pub(crate) fn flux<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(arguments: I) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flux"))
        .args(arguments)
        .current_dir(root())
        .env("NO_COLOR", "1")
        .env("HOME", "/nonexistent")
        .env_remove("XDG_CONFIG_HOME")
        .output()
        .expect("flux starts")
}

/// Standard output as text.
pub(crate) fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Standard error as text.
pub(crate) fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Compares with a file; with `FLUX_BLESS=1` writes it instead.
pub(crate) fn compare(path: &Path, got: &str) -> Result<(), String> {
    if std::env::var_os("FLUX_BLESS").is_some() {
        std::fs::write(path, got).map_err(|error| format!("{}: {error}", path.display()))?;
        return Ok(());
    }
    let want = std::fs::read_to_string(path)
        .map_err(|error| format!("{}: {error}; FLUX_BLESS=1 writes it", path.display()))?;
    if want == got {
        return Ok(());
    }
    let line = want.lines().zip(got.lines()).take_while(|(a, b)| a == b).count();
    Err(format!(
        "{} differs from line {}:\n  expected: {:?}\n  got:      {:?}",
        path.display(),
        line + 1,
        want.lines().nth(line),
        got.lines().nth(line)
    ))
}

/// Golden documents of a folder, by name.
pub(crate) fn documents(folder: &str) -> Vec<PathBuf> {
    files(folder, ".flux.md")
}

/// Files of a folder of golden documents with this ending, by name.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(root().join("tests/golden").join(folder))
        .expect("the folder of golden documents")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    found.sort();
    found
}

/// The file of another ending beside a document.
pub(crate) fn beside(document: &Path, ending: &str) -> PathBuf {
    let name = document.file_name().expect("a name").to_string_lossy().replace(".flux.md", ending);
    document.with_file_name(name)
}

/// Path of a golden document from the root.
pub(crate) fn relative(path: &Path) -> String {
    let name = path.file_name().expect("a name").to_string_lossy();
    let folder = path.parent().and_then(Path::file_name).expect("a folder").to_string_lossy();
    format!("tests/golden/{folder}/{name}")
}

/// Options of a golden run: words of `NAME.args`, one option and value a line.
pub(crate) fn options(document: &Path) -> Vec<String> {
    match std::fs::read_to_string(beside(document, ".args")) {
        Ok(text) => text
            .lines()
            .filter(|line| !line.is_empty())
            .flat_map(|line| match line.split_once(' ') {
                Some((option, value)) => vec![option.to_owned(), value.to_owned()],
                None => vec![line.to_owned()],
            })
            .collect(),
        Err(_) => vec!["--for".to_owned(), "10s".to_owned()],
    }
}

/// A folder of its own for one test, removed when dropped.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("flux-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).expect("a file for the test");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A document that names another one as its library; gives its path.
pub(crate) fn using_a_library(scratch: &Scratch) -> String {
    let library = "# Areas\n## fn: area(w: f64, h: f64) -> f64\n```flux\nreturn w * h\n```\n";
    scratch.file("areas.flux.md", library);
    let document = "---\ndependencies: [areas.flux.md]\n---\n# Shed\n## Agent\nname: shed\n## Loop\n1. Log \"area is {areas.area(2.0, 3.5)}\"\n2. YIELD\n";
    scratch.file("shed.flux.md", document).to_str().unwrap_or_default().to_owned()
}
