//! `flux check` as a person starts it: a process of its own, all of its processor time.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use flux_fluxc::testing::generate_document;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::report::{Bound, Failure, Report, median};

/// Lines of the document.
pub const LINES: usize = 500;

const SAMPLES: usize = 101;

/// The `flux` to measure.
pub fn flux() -> Result<OsString, Failure> {
    std::env::var_os("FLUX").ok_or_else(|| "set FLUX to the path of a `flux` built with --release".into())
}

/// Milliseconds of processor time of all processes that ended and were waited for.
fn spent() -> Result<f64, Failure> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok((usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e3)
}

fn once(arguments: &[OsString]) -> Result<f64, Failure> {
    let before = spent()?;
    let status = Command::new(flux()?)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .env("HOME", "/nonexistent")
        .env_remove("XDG_CONFIG_HOME")
        .status()?;
    let after = spent()?;
    if status.success() { Ok(after - before) } else { Err(format!("flux ended with {status}").into()) }
}

fn typical(arguments: &[OsString]) -> Result<f64, Failure> {
    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        samples.push(once(arguments)?);
    }
    Ok(median(&mut samples))
}

/// Measures one document, and the process alone.
pub fn measure(report: &mut Report) -> Result<(), Failure> {
    let path = std::env::temp_dir().join(format!("flux-bench-{}.flux.md", std::process::id()));
    std::fs::write(&path, generate_document(LINES))?;
    let checked = typical(&["check".into(), path.clone().into()]);
    std::fs::remove_file(&path)?;
    report.add(
        format!("`flux check`, {LINES} lines, whole process"),
        "ms CPU",
        checked?,
        Bound::Most(5.0),
        Bound::None,
    );
    let alone = typical(&["--version".into()])?;
    report.remark(format!("check: of it {alone:.2} ms are the process itself (`flux --version`)"));
    Ok(())
}
