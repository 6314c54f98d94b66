//! Figures of the whole system from one run: compiler, boot, memory, messages, the main job.
//!
//! `cargo run --release --bin figures [part …]`; parts are `compile`, `boot`, `memory`, `messages`,
//! `job`, `sections`, `check` and `editor`. The last two measure the `flux` that the variable FLUX names. Times are of this thread's processor clock, so that another process on the machine
//! changes them little, but for `editor`, whose times are those that a person waits; each figure is the median of its samples.

mod boot;
mod check;
mod compile;
mod editor;
mod heap;
mod job;
mod memory;
mod messages;
mod report;
mod sections;
mod setup;

use report::{Failure, Report};

/// A part of the report: its name, and what measures it.
type Part = (&'static str, fn(&mut Report) -> Result<(), Failure>);

const PARTS: [Part; 8] = [
    ("messages", messages::measure),
    ("compile", compile::measure),
    ("boot", boot::measure),
    ("memory", memory::measure),
    ("job", job::measure),
    ("sections", sections::measure),
    ("check", check::measure),
    ("editor", editor::measure),
];

fn main() -> Result<(), Failure> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let mut report = Report::default();
    for (name, measure) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            measure(&mut report)?;
        }
    }
    report.print();
    if report.missed() > 0 {
        return Err(format!("{} of the figures miss what they must reach", report.missed()).into());
    }
    Ok(())
}
