//! Runs the fuzz targets with libFuzzer on the pinned stable compiler.
//!
//! The coverage that libFuzzer needs comes from LLVM's `sancov-module` pass, which stable `rustc`
//! takes as a code generation option; no sanitizer and no nightly compiler is involved. The
//! options are those that cargo-fuzz passes.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::error::{Error, run};

/// The targets in `fuzz/src/bin/`.
const TARGETS: &[&str] = &["document", "fir_text", "grammar", "link_bytes", "module_bytes", "verify_run"];

const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Cdebug-assertions -Ccodegen-units=1";

/// Memory that a target may take, in MiB: what the compiler may use for the largest input, and some.
const MEMORY_MIB: u32 = 1024;

/// Runs one target, or all in turn, for `seconds` each; new inputs go to `fuzz/corpus/<target>`,
/// a crashing one to `fuzz/artifacts/<target>`.
///
/// # Errors
/// [`Error::Check`] for an unknown target; that of the build or of a target that found a fault.
pub(crate) fn fuzz(only: Option<&str>, seconds: u32) -> Result<(), Error> {
    if let Some(name) = only
        && !TARGETS.contains(&name)
    {
        return Err(Error::Check(format!("fuzz: no target `{name}`; there are {}", TARGETS.join(", "))));
    }
    let host = "x86_64-unknown-linux-gnu";
    let target_dir = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    let target_dir = Path::new(&target_dir).join("fuzz");
    run(Command::new("cargo")
        .args(["build", "--locked", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", host])
        .arg("--target-dir")
        .arg(&target_dir)
        .env("RUSTFLAGS", COVERAGE))?;
    for name in TARGETS.iter().filter(|name| only.is_none_or(|wanted| wanted == **name)) {
        let seeds = Path::new("fuzz/seeds").join(name);
        let corpus = target_dir.join("corpus").join(name);
        let artifacts = Path::new("fuzz/artifacts").join(name);
        for folder in [&seeds, &corpus, &artifacts] {
            fs::create_dir_all(folder)?;
        }
        println!("fuzz: {name}, {seconds} s");
        run(Command::new(target_dir.join(host).join("release").join(name))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-rss_limit_mb={MEMORY_MIB}"))
            .args(["-timeout=10", "-max_len=16384", "-print_final_stats=1", "-verbosity=0"])
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .arg(&corpus)
            .arg(&seeds))?;
    }
    Ok(())
}
