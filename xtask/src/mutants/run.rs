//! Runs tests with one mutant switched on.
//!
//! # Invariants
//! 1. A mutant is tried by every test that reaches its place, until one fails; by no other.
//! 2. A test that takes much longer than it should has noticed the mutant.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::copy::{Copy, messages};
use super::list::Mutant;
use crate::error::{Error, run, stdout_of};

/// Memory that a test may map, in KiB: a mutant may ask for it without end.
const MEMORY_KIB: u32 = 6 << 20;

/// Tests of each kind that are tried alone.
const ALONE: usize = 3;

/// A program of tests.
#[derive(Debug)]
struct Binary {
    file: PathBuf,
    folder: PathBuf,
}

/// A test.
#[derive(Debug)]
struct Test {
    binary: Rc<Binary>,
    name: String,
    took: Duration,
}

/// All tests, shortest first.
#[derive(Debug, Default)]
pub(crate) struct Tests {
    tests: Vec<Rc<Test>>,
    /// Tests that take too long or fail as it is, and why.
    left_out: Vec<String>,
    by_site: HashMap<u32, Vec<Rc<Test>>>,
    /// Tests that caught mutants of a function, the last one last.
    catchers: HashMap<String, Vec<Rc<Test>>>,
}

impl Tests {
    /// Builds the tests that `which` names to `cargo test` in the copy, and runs each alone to see what it
    /// reaches; those that take longer than `longest` seconds, or fail without a mutant, are left out.
    ///
    /// # Errors
    /// [`Error::Check`] if nothing is built.
    pub(crate) fn record(copy: &Copy, which: &[&str], record: &Path, longest: f64) -> Result<Self, Error> {
        let binaries = binaries(&messages(copy.cargo("test").arg("--no-run").args(which))?);
        if binaries.is_empty() {
            return Err(Error::Check(
                "mutants: no tests were built; does the copy's `cargo test` work?".into(),
            ));
        }
        let (mut all, mut found) = (Self::default(), Vec::new());
        for binary in binaries.into_iter().map(Rc::new) {
            let mut list = Command::new(&binary.file);
            let list = stdout_of(list.args(["--list", "--format=terse"]).current_dir(&binary.folder))?;
            for name in list.lines().filter_map(|line| line.strip_suffix(": test")) {
                let _ = fs::remove_file(record);
                let start = Instant::now();
                let passes = run(command(&binary, &[name], None).env("FLUX_MUTANT_RECORD", record)).is_ok();
                let test = Test { binary: Rc::clone(&binary), name: name.to_owned(), took: start.elapsed() };
                let seconds = test.took.as_secs_f64();
                if !passes {
                    all.left_out.push(format!("{name} (fails)"));
                } else if seconds > longest {
                    all.left_out.push(format!("{name} ({seconds:.1} s)"));
                } else {
                    found.push((Rc::new(test), fs::read_to_string(record).unwrap_or_default()));
                }
            }
        }
        found.sort_by_key(|(test, _)| test.took);
        for (test, reached) in found {
            for site in reached.lines().filter_map(|line| line.parse().ok()) {
                let of_site: &mut Vec<_> = all.by_site.entry(site).or_default();
                // A test that starts programs may write a site for each of them.
                if !of_site.last().is_some_and(|last| Rc::ptr_eq(last, &test)) {
                    of_site.push(Rc::clone(&test));
                }
            }
            all.tests.push(test);
        }
        Ok(all)
    }

    /// How many there are, and how long they take, for people.
    pub(crate) fn summary(&self) -> String {
        let time: Duration = self.tests.iter().map(|test| test.took).sum();
        let (number, left) = (self.tests.len(), self.left_out.join(", "));
        format!("{number} tests take {:.0} s one after the other; left out: [{left}]", time.as_secs_f64())
    }

    /// The name of a test that notices the mutant, or how many tests reached it and did not.
    ///
    /// # Errors
    /// That of a program that can't be started.
    pub(crate) fn catches(&mut self, mutant: &Mutant) -> Result<Result<String, usize>, Error> {
        for group in self.groups(mutant) {
            if let Some(test) = fails(&group, mutant.id)? {
                let name = test.name.clone();
                self.catchers.entry(mutant.function.clone()).or_default().push(test);
                return Ok(Ok(name));
            }
        }
        Ok(Err(self.by_site.get(&mutant.id).map_or(0, Vec::len)))
    }

    /// The tests that reach a mutant, in the order in which they are tried: those that caught others of
    /// its function, then the shortest, each alone; then the rest program by program, because to
    /// start one costs as much as a short test.
    fn groups(&self, mutant: &Mutant) -> Vec<Vec<Rc<Test>>> {
        let reaching = self.by_site.get(&mutant.id).map_or(&[][..], Vec::as_slice);
        let known = self.catchers.get(&mutant.function).into_iter().flatten().rev();
        let known = known.filter(|test| reaching.iter().any(|other| Rc::ptr_eq(test, other)));
        let mut alone: Vec<&Rc<Test>> = Vec::new();
        for test in known.take(ALONE).chain(reaching.iter().take(ALONE)) {
            if !alone.iter().any(|other| Rc::ptr_eq(test, other)) {
                alone.push(test);
            }
        }
        let mut programs: BTreeMap<&Path, Vec<Rc<Test>>> = BTreeMap::new();
        for test in reaching.iter().filter(|test| !alone.iter().any(|other| Rc::ptr_eq(test, other))) {
            programs.entry(&test.binary.file).or_default().push(Rc::clone(test));
        }
        let mut programs: Vec<_> = programs.into_values().collect();
        programs.sort_by_key(|tests| tests.iter().map(|test| test.took).sum::<Duration>());
        alone.into_iter().map(|test| vec![Rc::clone(test)]).chain(programs).collect()
    }
}

/// The test of a group (of one program) that fails with the mutant, the first if it can't be told.
fn fails(group: &[Rc<Test>], mutant: u32) -> Result<Option<Rc<Test>>, Error> {
    let Some(first) = group.first() else { return Ok(None) };
    let names: Vec<&str> = group.iter().map(|test| test.name.as_str()).collect();
    let limit = group.iter().map(|test| test.took).sum::<Duration>() * 3 + Duration::from_secs(2);
    let mut tests = command(&first.binary, &names, Some(limit));
    let output = tests.env("FLUX_MUTANT", mutant.to_string()).stdout(Stdio::piped()).output()?;
    if output.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let failed = text.lines().find_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    Ok(Some(Rc::clone(group.iter().find(|test| Some(test.name.as_str()) == failed).unwrap_or(first))))
}

fn binaries(messages: &[Value]) -> Vec<Binary> {
    let tests = messages.iter().filter(|row| row["profile"]["test"] == true);
    let binary = |row: &Value| {
        let folder = Path::new(row["manifest_path"].as_str()?).parent()?;
        Some(Binary { file: row["executable"].as_str()?.into(), folder: folder.to_owned() })
    };
    tests.filter_map(binary).collect()
}

/// A command that runs tests of one program, out of the way of other work and with bounds.
fn command(binary: &Binary, names: &[&str], limit: Option<Duration>) -> Command {
    let seconds = limit.map_or(0.0, |limit| limit.as_secs_f64());
    let mut command = Command::new("sh");
    let script = format!("ulimit -v {MEMORY_KIB}; exec nice -n 19 timeout -k 1 \"$0\" \"$@\"");
    command.args(["-c", &script, &format!("{seconds:.1}")]).arg(&binary.file).args(names);
    command
        .args(["--exact", "--test-threads=1"])
        .current_dir(&binary.folder)
        .env("CARGO_MANIFEST_DIR", &binary.folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
