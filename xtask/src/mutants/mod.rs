//! Tries every mutant that `cargo mutants` lists, from one build.
//!
//! `cargo mutants` builds the crate anew for each change, half a minute and more. Here all changes go
//! into one copy of the workspace, each behind a switch that a test reads from its environment
//! (mutant schemata: Untch, Offutt, Harrold, "Mutation analysis using mutant schemata", 1993), so that
//! a change costs only the tests that reach it. What can't be switched while the program runs is
//! counted as left to `cargo mutants`.

mod constant;
mod copy;
mod instrument;
mod list;
mod run;
mod sites;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::time::Instant;

use copy::{Copy, Dropped};
use list::Mutant;
use run::Tests;

use crate::error::Error;
use crate::metal::Places;

/// What is tried, and with what.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The crate that is changed.
    package: String,
    /// Only files that match, as `--file` of `cargo mutants`.
    #[arg(long = "path", value_name = "GLOB")]
    paths: Vec<String>,
    /// Only one part of the mutants, as `1/4`.
    #[arg(long)]
    shard: Option<String>,
    /// Crates whose tests are run; those of the changed one by default.
    #[arg(long = "tests", value_name = "CRATE")]
    tests: Vec<String>,
    /// Only these programs of tests, as `--test` of `cargo test`.
    #[arg(long = "test", value_name = "NAME")]
    programs: Vec<String>,
    /// Tests that take longer than this alone are not run: each survivor would wait for them.
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    longest: f64,
    /// Only those that no test noticed when this was run last.
    #[arg(long)]
    again: bool,
}

/// Tries the mutants and prints those that no test notices; they are also written to
/// `target/mutants/survivors.txt`.
///
/// # Errors
/// [`Error::Check`] if there is one, or if the copy can't be built; that of a program or file.
pub(crate) fn mutants(arguments: &Arguments) -> Result<(), Error> {
    let places = Places::find()?;
    let home = places.target.join("mutants");
    fs::create_dir_all(&home)?;
    let survivors_file = home.join("survivors.txt");
    let mutants = list::list(&arguments.package, &arguments.paths, arguments.shard.as_deref())?;
    let dropped_file = home.join("dropped.txt");
    // The copy stays as it was, so that only what changed since is built.
    let known = if arguments.again { fs::read_to_string(&dropped_file)? } else { String::new() };
    let before = if arguments.again { Some(fs::read_to_string(&survivors_file)?) } else { None };
    let before: Option<BTreeSet<&str>> =
        before.as_ref().map(|text| text.lines().filter_map(|line| Some(line.split_once('\t')?.1)).collect());
    let wanted =
        |mutant: &Mutant| before.as_ref().is_none_or(|names| names.contains(&*mutant.lasting_name()));
    let copy = Copy::new(&places.root, &places.target);
    let dropped = copy.prepare(&arguments.package, &mutants, copy::known(&mutants, &known))?;
    let rows = mutants.iter().filter_map(|mutant| Some(dropped.get(&mutant.id)?.row(mutant)));
    fs::write(dropped_file, rows.collect::<String>())?;
    let count = |why| dropped.values().filter(|other| **other == why).count();
    let (unviable, left) = (count(Dropped::Unviable), count(Dropped::Left));
    println!("mutants: {} listed, {unviable} do not compile, {left} left to cargo mutants", mutants.len());
    for mutant in &mutants {
        if dropped.get(&mutant.id) == Some(&Dropped::Left) {
            println!("left: {}", mutant.name);
        }
    }
    let own = [arguments.package.clone()];
    let packages = if arguments.tests.is_empty() { &own[..] } else { &arguments.tests };
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    let programs = arguments.programs.iter().flat_map(|program| ["--test", program]);
    let which: Vec<&str> = packages.chain(programs).collect();
    let mut tests = Tests::record(&copy, &which, &home.join("reached.txt"), arguments.longest)?;
    println!("mutants: {}", tests.summary());
    let start = Instant::now();
    let (mut caught, mut survivors, mut log) = (0usize, String::new(), String::new());
    for mutant in mutants.iter().filter(|mutant| !dropped.contains_key(&mutant.id) && wanted(mutant)) {
        match tests.catches(mutant)? {
            Ok(test) => {
                caught += 1;
                let _ = writeln!(log, "{}\t{test}", mutant.name);
            }
            Err(reached) => {
                println!("survives {reached} tests: {}", mutant.name);
                let _ = writeln!(survivors, "{}\t{}", mutant.name, mutant.lasting_name());
            }
        }
    }
    fs::write(&survivors_file, &survivors)?;
    fs::write(home.join("caught.txt"), log)?;
    let survived = survivors.lines().count();
    println!("mutants: {caught} caught, {survived} survive, in {:.0} s", start.elapsed().as_secs_f64());
    if survived == 0 {
        Ok(())
    } else {
        Err(Error::Check(format!("mutants: {survived} changes that no test notices")))
    }
}
