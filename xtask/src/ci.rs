//! The whole of CI as a list of jobs, each a command of its own.

use std::process::Command;
use std::time::Instant;

use crate::error::{Error, run};
use crate::install::Consent;
use crate::metal::Places;

/// Seconds that each fuzz target runs in CI.
const FUZZ_SECONDS: u32 = 20;

/// A job of CI: its command's name, and what it does.
type CiJob = (&'static str, fn() -> Result<(), Error>);

/// Runs every job in turn and stops at the first that fails.
///
/// # Errors
/// That of the job that failed, after a line that names it.
pub(crate) fn ci() -> Result<(), Error> {
    let jobs: &[CiJob] = &[
        ("install", || crate::install::install(Consent::Given)),
        ("layers", crate::layers::layers),
        ("fmt", fmt),
        ("docs", || crate::docs::docs(crate::docs::Mode::Check)),
        ("clippy", clippy),
        ("targets", || crate::metal::targets(&[])),
        ("boot-test", crate::emulator::boot_test),
        ("fuzz", || crate::fuzz::fuzz(None, FUZZ_SECONDS)),
        ("editor-test", crate::editor::editor_test),
        ("test", test),
        ("app-test", app_test),
    ];
    let mut times = Vec::new();
    for (name, job) in jobs {
        println!("ci: {name}");
        let start = Instant::now();
        if let Err(error) = job() {
            eprintln!("ci: {name} failed; run it alone with `cargo xtask {name}`");
            return Err(error);
        }
        times.push(format!("{name} {:.0} s", start.elapsed().as_secs_f64()));
    }
    println!("ci: all jobs passed: {}", times.join(", "));
    Ok(())
}

/// Checks the layout of every source file.
pub(crate) fn fmt() -> Result<(), Error> {
    run(Command::new("cargo").args(["fmt", "--all", "--check"]))
}

/// Runs the lint wall over every crate that builds on this machine, benchmarks included: nothing
/// else in CI builds those.
pub(crate) fn clippy() -> Result<(), Error> {
    for workspace in ["Cargo.toml", "bench/Cargo.toml"] {
        run(Command::new("cargo")
            .args(["clippy", "--locked", "--all-targets", "--manifest-path", workspace])
            .args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}

/// Runs every test.
pub(crate) fn test() -> Result<(), Error> {
    run(Command::new("cargo").args(["test", "--locked", "--no-fail-fast"]))
}

/// Runs the tests in the example documents.
///
/// # Errors
/// That of a test that failed, or that the documents can't be found.
pub(crate) fn app_test() -> Result<(), Error> {
    let files = std::fs::read_dir("apps")?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = files.collect::<Result<Vec<_>, _>>()?;
    files.retain(|file| file.to_string_lossy().ends_with(".flux.md"));
    files.sort();
    run(Command::new("cargo").args(["run", "--locked", "--package", "flux-cli", "--", "test"]).args(files))
}

/// Prints all figures from one run: the interpreter beside its peer, the whole system, agents beside
/// their peers.
///
/// # Errors
/// That of the first benchmark that fails, or that a figure misses what it must reach.
pub(crate) fn bench() -> Result<(), Error> {
    let flux = Places::find()?.target.join("release/flux");
    let cargo = |verb: &str, what: &[&str]| {
        let mut command = Command::new("cargo");
        command.args([verb, "--locked", "--release", "--manifest-path", "bench/Cargo.toml"]).args(what);
        run(command.env("FLUX", &flux))
    };
    run(Command::new("cargo").args(["build", "--locked", "--release", "--package", "flux-cli"]))?;
    // Building while something is measured would disturb it.
    cargo("build", &["--bins"])?;
    cargo("run", &["--bin", "interpreter"])?;
    cargo("run", &["--bin", "figures"])?;
    cargo("run", &["--bin", "actors"])
}

/// Compares `count` random typed programs as trees, as FIR and as bytecode, optimised or not.
///
/// # Errors
/// That of the build, or of a program that means two things.
pub(crate) fn programs(count: u64, seed: u64) -> Result<(), Error> {
    let what = ["--package", "flux-fluxc", "--test", "typed_programs"];
    run(Command::new("cargo")
        .args(["test", "--locked", "--release"])
        .args(what)
        .env("FLUX_PROGRAMS", count.to_string())
        .env("FLUX_SEED", seed.to_string()))
}
