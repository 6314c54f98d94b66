//! Installs what the tests need, with the system's package manager.
//!
//! # Invariants
//! 1. No package that is there is removed: every command carries `--no-remove`.
//! 2. QEMU's packages are of one version. When `qemu-utils` of another version
//!    than the distribution's is there (a backport), the emulator of that
//!    version is taken from the backports archive by lists of its own; the
//!    machine's package sources stay as they are.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::error::{Error, run, stdout_of};
use crate::metal::Places;
use crate::toolchain::{DEBIAN_PACKAGES, TARGETS, choose, find_program};

const EMULATOR: &str = "qemu-system-x86";

/// Whether the package manager may be started without a question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Consent {
    /// Install at once.
    Given,
    /// Only say what would be installed.
    Ask,
}

/// Installs the packages that are missing.
///
/// # Errors
/// [`Error::Missing`] with the commands to run by hand when this machine has no
/// `apt-get`, when nobody agreed, or when the emulator can't be had beside the
/// QEMU packages that are there.
pub(crate) fn install(consent: Consent) -> Result<(), Error> {
    let places = Places::find()?;
    let mut packages: Vec<&str> = Vec::new();
    if let Err(Error::Missing(_)) = choose(&places.target) {
        packages.extend(DEBIAN_PACKAGES);
    }
    if find_program("g++").is_none() {
        packages.push("g++");
    }
    // The client that tests the language server gets an environment of its own.
    if !has_venv() {
        packages.extend(["python3", "python3-venv"]);
    }
    // So does the tokenizer that tests the grammars of the extension.
    if find_program("npm").is_none() {
        packages.extend(["nodejs", "npm"]);
    }
    let wants_emulator = find_program("qemu-system-x86_64").is_none();
    if packages.is_empty() && !wants_emulator {
        println!("install: everything is there");
        return Ok(());
    }

    let mut wanted = packages.clone();
    if wants_emulator {
        wanted.push(EMULATOR);
    }
    if find_program("apt-get").is_none() {
        return Err(Error::Missing(format!(
            "install: no apt-get here; install by your own means: {} — or, for the compiler, rustup target add {}",
            wanted.join(" "),
            TARGETS.join(" ")
        )));
    }
    if consent == Consent::Ask {
        return Err(Error::Missing(format!(
            "install: would install {}; run `cargo xtask install --yes`",
            wanted.join(" ")
        )));
    }

    println!("install: {}", wanted.join(" "));
    run(apt(&[])?.arg("update"))?;
    if !packages.is_empty() {
        run(apt(&[])?.args(["install", "--yes", "--no-install-recommends", "--no-remove"]).args(&packages))?;
    }
    if wants_emulator {
        install_emulator(&places.target)?;
    }
    println!("install: done");
    Ok(())
}

/// Tells whether Python can make an environment with its package installer.
fn has_venv() -> bool {
    find_program("python3").is_some()
        && stdout_of(Command::new("python3").args(["-c", "import venv, ensurepip"])).is_ok()
}

fn install_emulator(target_dir: &Path) -> Result<(), Error> {
    let rehearsal = stdout_of(Command::new("apt-get").args([
        "install",
        "--simulate",
        "--no-install-recommends",
        EMULATOR,
    ]))?;
    if !rehearsal.lines().any(|line| line.starts_with("Remv ")) {
        return run(apt(&[])?.args(["install", "--yes", "--no-install-recommends", "--no-remove", EMULATOR]));
    }

    let there = stdout_of(Command::new("dpkg-query").args(["-W", "-f=${Version}", "qemu-utils"]))?;
    let suite = format!("{}-backports", codename()?);
    println!("install: qemu-utils {there} is there, so {EMULATOR} of that version from {suite}");
    let lists = target_dir.join("apt-backports");
    fs::create_dir_all(lists.join("lists/partial"))?;
    fs::create_dir_all(lists.join("parts"))?;
    fs::write(lists.join("parts/backports.sources"), sources(&fs::read_to_string(ARCHIVE)?, &suite)?)?;
    let shown = lists.display();
    let options = [
        "Dir::Etc::sourcelist=/dev/null".to_owned(),
        format!("Dir::Etc::sourceparts={shown}/parts"),
        format!("Dir::State::lists={shown}/lists"),
        "Dir::Cache::pkgcache=".to_owned(),
        "Dir::Cache::srcpkgcache=".to_owned(),
    ];
    run(apt(&options)?.arg("update"))?;
    run(apt(&options)?
        .args(["install", "--yes", "--no-install-recommends", "--no-remove", "-t", &suite])
        .arg(format!("{EMULATOR}={there}")))
    .map_err(|failure| {
        Error::Missing(format!(
            "install: {failure}\n  {EMULATOR} of another version would remove qemu-utils {there}; \
             install {EMULATOR} {there} by hand, or remove qemu-utils first"
        ))
    })
}

/// Where Debian 12 and later keep their package sources.
const ARCHIVE: &str = "/etc/apt/sources.list.d/debian.sources";

/// The machine's own sources with the backports suite added to the main archive's.
fn sources(own: &str, suite: &str) -> Result<String, Error> {
    let release = suite.trim_end_matches("-backports");
    let mut found = false;
    let mut text = String::with_capacity(own.len().saturating_add(suite.len()));
    for line in own.lines() {
        text.push_str(line);
        if let Some(suites) = line.strip_prefix("Suites:")
            && suites.split_whitespace().any(|name| name == release)
        {
            text.push(' ');
            text.push_str(suite);
            found = true;
        }
        text.push('\n');
    }
    if found {
        Ok(text)
    } else {
        Err(Error::Missing(format!("install: {ARCHIVE} does not name {release}; add {suite} by hand")))
    }
}

fn codename() -> Result<String, Error> {
    fs::read_to_string("/etc/os-release")?
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME=").map(str::to_owned))
        .ok_or_else(|| Error::Missing("install: /etc/os-release names no release".to_owned()))
}

/// `apt-get`, through `sudo` unless this user is root; never asks a question.
fn apt(options: &[String]) -> Result<Command, Error> {
    let root = stdout_of(Command::new("id").arg("-u"))?.trim() == "0";
    let mut command = if root {
        Command::new("apt-get")
    } else if find_program("sudo").is_some() {
        let mut sudo = Command::new("sudo");
        sudo.args(["--non-interactive", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        sudo
    } else {
        return Err(Error::Missing("install: neither root nor sudo here; run it as root".to_owned()));
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    for option in options {
        command.args(["-o", option]);
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backports_join_the_main_archive_and_not_the_security_one() {
        let own = "Suites: bookworm bookworm-updates\nComponents: main\n\nSuites: bookworm-security\n";
        let text = sources(own, "bookworm-backports").unwrap();
        assert_eq!(
            text,
            "Suites: bookworm bookworm-updates bookworm-backports\nComponents: main\n\nSuites: bookworm-security\n"
        );
    }

    #[test]
    fn sources_of_another_release_are_refused() {
        assert!(matches!(sources("Suites: trixie\n", "bookworm-backports"), Err(Error::Missing(_))));
    }
}
