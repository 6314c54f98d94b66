//! A copy of the workspace with all mutants in it, and which of them compile.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::constant::{Constants, File, Needed};
use super::list::{Mutant, by_place};
use super::{instrument, sites};
use crate::error::{Error, stdout_of};

/// What the copy gets as a module of the crate that is changed.
pub(super) const RUNTIME: &str = include_str!("runtime.txt");

/// Times that the copy is built to find out what does not compile; each round takes out what the
/// compiler named.
const ROUNDS: u32 = 12;

/// Why a mutant is not tried here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Dropped {
    /// It does not compile.
    Unviable,
    /// It can't be switched while the program runs; `cargo mutants` itself can try it.
    Left,
}

impl Dropped {
    /// A line that keeps it until the next run.
    pub(crate) fn row(self, mutant: &Mutant) -> String {
        format!("{self:?}\t{}\n", mutant.name)
    }
}

/// What an earlier run took out, by what it kept.
pub(crate) fn known(mutants: &[Mutant], kept: &str) -> BTreeMap<u32, Dropped> {
    let rows = kept.lines().filter_map(|line| line.split_once('\t'));
    let why: BTreeMap<&str, &str> = rows.map(|(why, name)| (name, why)).collect();
    let dropped = mutants.iter().filter_map(|mutant| {
        let why = *why.get(mutant.name.as_str())?;
        Some((mutant.id, if why == "Left" { Dropped::Left } else { Dropped::Unviable }))
    });
    dropped.collect()
}

/// The copy and where it is built.
#[derive(Debug)]
pub(crate) struct Copy {
    root: PathBuf,
    folder: PathBuf,
    build: PathBuf,
}

impl Copy {
    /// The copy of the workspace at `root`, below its target directory.
    pub(crate) fn new(root: &Path, target: &Path) -> Self {
        let home = target.join("mutants");
        Self { root: root.to_owned(), folder: home.join("workspace"), build: home.join("target") }
    }

    /// Writes the copy with `mutants` but those `dropped` in it, and takes out what does not compile,
    /// until it does.
    ///
    /// # Errors
    /// [`Error::Check`] if it does not compile for another reason; that of a file.
    pub(crate) fn prepare(
        &self,
        package: &str,
        mutants: &[Mutant],
        mut dropped: BTreeMap<u32, Dropped>,
    ) -> Result<BTreeMap<u32, Dropped>, Error> {
        let needed = self.constants(mutants)?;
        for round in 1..=ROUNDS {
            self.write(mutants, &needed, &mut dropped)?;
            let errors = self.errors(package)?;
            if errors.is_empty() {
                return Ok(dropped);
            }
            let before = dropped.len();
            for error in &errors {
                self.blame(error, &mut dropped)?;
            }
            let found = dropped.len().saturating_sub(before);
            println!("mutants: round {round}: {} errors, {found} mutants taken out", errors.len());
            if found == 0 {
                let first = errors.first().and_then(|error| error["rendered"].as_str()).unwrap_or_default();
                return Err(Error::Check(format!("mutants: no mutant is to blame for this:\n{first}")));
            }
        }
        Err(Error::Check(format!("mutants: the copy does not compile after {ROUNDS} rounds")))
    }

    /// The names of the workspace's files, each ended by a zero.
    fn listing(&self) -> Result<String, Error> {
        let mut listing = Command::new("git");
        listing
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&self.root);
        stdout_of(&mut listing)
    }

    /// The functions that the compiler itself calls.
    fn constants(&self, mutants: &[Mutant]) -> Result<Needed, Error> {
        let changed: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.file.as_str()).collect();
        let mut constants = Constants::default();
        for name in self.listing()?.split('\0').filter(|name| name.ends_with(".rs")) {
            // A file that was removed is listed until the removal is committed.
            let Ok(source) = fs::read_to_string(self.root.join(name)) else { continue };
            let file = if changed.contains(name) { File::Changed } else { File::Unchanged };
            constants.add(&source, file).map_err(|error| Error::Check(format!("{name}: {error}")))?;
        }
        Ok(constants.needed())
    }

    /// Copies each file of the workspace; a file that is as it was keeps its time, so that cargo builds
    /// no more than it must.
    fn write(
        &self,
        mutants: &[Mutant],
        needed: &Needed,
        dropped: &mut BTreeMap<u32, Dropped>,
    ) -> Result<(), Error> {
        let listing = self.listing()?;
        let names: BTreeSet<&str> =
            listing.split('\0').filter(|name| self.root.join(name).is_file()).collect();
        for name in &names {
            let content = fs::read(self.root.join(name))?;
            let of: Vec<&Mutant> = mutants.iter().filter(|mutant| mutant.file == *name).collect();
            let content =
                if of.is_empty() { content } else { changed(name, &content, &of, needed, dropped)? };
            write_if_other(&self.folder.join(name), &content)?;
        }
        for source in
            mutants.iter().filter_map(|mutant| mutant.file.split_once("/src/")).collect::<BTreeSet<_>>()
        {
            let folder = self.folder.join(source.0).join("src");
            let count = mutants.len();
            let text = format!("{RUNTIME}\nconst COUNT: usize = {count};\n");
            write_if_other(&folder.join("mutant.rs"), text.as_bytes())?;
            let original = fs::read_to_string(self.root.join(source.0).join("src/lib.rs"))?;
            let of = mutants.iter().filter(|mutant| mutant.file == format!("{}/src/lib.rs", source.0));
            let of: Vec<&Mutant> = of.collect();
            let content = original.into_bytes();
            let content =
                if of.is_empty() { content } else { changed("lib.rs", &content, &of, needed, dropped)? };
            write_if_other(&folder.join("lib.rs"), &[&content, b"\nmod mutant;\n".as_slice()].concat())?;
        }
        self.remove_others(&listing, &names)
    }

    /// Removes what an earlier run copied and the workspace no longer has.
    fn remove_others(&self, listing: &str, names: &BTreeSet<&str>) -> Result<(), Error> {
        let memory = self.folder.with_extension("files");
        for name in fs::read_to_string(&memory).unwrap_or_default().split('\0') {
            let file = self.folder.join(name);
            if !names.contains(name) && file.is_file() {
                fs::remove_file(file)?;
            }
        }
        Ok(fs::write(memory, listing)?)
    }

    /// A cargo command in the copy. Lints are off: the mutants would trip over many.
    pub(crate) fn cargo(&self, verb: &str) -> Command {
        let mut command = Command::new("cargo");
        command.args([verb, "--locked", "--message-format=json"]).current_dir(&self.folder);
        command.env("CARGO_TARGET_DIR", &self.build).env("RUSTFLAGS", "--cap-lints=allow");
        command
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
            .stderr(Stdio::null());
        command
    }

    fn errors(&self, package: &str) -> Result<Vec<Value>, Error> {
        let messages = messages(self.cargo("check").args(["--package", package]))?;
        let messages = messages.into_iter().map(|mut row| row["message"].take());
        Ok(messages
            .filter(|message| message["level"] == "error" && message["spans"][0].is_object())
            .collect())
    }

    /// Takes out the mutants that an error of the compiler is about.
    fn blame(&self, error: &Value, dropped: &mut BTreeMap<u32, Dropped>) -> Result<(), Error> {
        let mut spans: Vec<&Value> = error["spans"].as_array().into_iter().flatten().collect();
        spans.sort_by_key(|span| span["is_primary"] != true);
        for span in spans {
            let text = fs::read_to_string(self.folder.join(span["file_name"].as_str().unwrap_or_default()))?;
            let at = |name: &str| span[name].as_u64().and_then(|at| usize::try_from(at).ok()).unwrap_or(0);
            let (ids, why) = enclosing(&text, at("byte_start"), at("byte_end"));
            if !ids.is_empty() {
                for id in ids {
                    dropped.entry(id).or_insert(why);
                }
                break;
            }
        }
        Ok(())
    }
}

/// A file with its mutants; those that have no place in it are left.
fn changed(
    name: &str,
    content: &[u8],
    mutants: &[&Mutant],
    needed: &Needed,
    dropped: &mut BTreeMap<u32, Dropped>,
) -> Result<Vec<u8>, Error> {
    let source = String::from_utf8_lossy(content);
    let mut places = by_place(mutants.iter().copied().filter(|mutant| !dropped.contains_key(&mutant.id)));
    let found = sites::find(&source, needed, &mut places)
        .map_err(|error| Error::Check(format!("{name}: {error}")))?;
    dropped.extend(found.unviable.iter().map(|mutant| (mutant.id, Dropped::Unviable)));
    let unknown = mutants.iter().copied().filter(|mutant| mutant.genre.is_none());
    for mutant in places.into_values().flatten().chain(unknown) {
        dropped.insert(mutant.id, Dropped::Left);
    }
    Ok(instrument::instrument(&source, &found.sites).into_bytes())
}

fn write_if_other(file: &Path, content: &[u8]) -> Result<(), Error> {
    if fs::read(file).is_ok_and(|before| before == content) {
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::write(file, content)?)
}

/// What a cargo command reports, whether or not it ends well.
pub(crate) fn messages(command: &mut Command) -> Result<Vec<Value>, Error> {
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// The mutants of the innermost marks round a range of bytes, and what an error there means for them.
pub(super) fn enclosing(text: &str, start: usize, end: usize) -> (Vec<u32>, Dropped) {
    let mut open: Vec<(usize, &str)> = Vec::new();
    for (at, _) in text.match_indices("/*") {
        let mark = text.get(at + 2..).and_then(|rest| rest.split_once("*/")).map_or("", |(mark, _)| mark);
        if mark.starts_with(['<', '[']) {
            open.push((at, mark));
        } else if mark.ends_with(['>', ']'])
            && let Some((from, mark)) = open.pop()
            && from <= start
            && end <= at
        {
            let why = if mark.starts_with('<') { Dropped::Unviable } else { Dropped::Left };
            let ids = mark.get(1..).unwrap_or_default().split(',').filter_map(|id| id.parse().ok());
            return (ids.collect(), why);
        }
    }
    (Vec::new(), Dropped::Left)
}
