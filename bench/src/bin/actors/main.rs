//! Agents of FLUX OS beside processes of Erlang/OTP and tasks of tokio, in one run on one machine.
//!
//! `cargo run --release --bin actors -- [--repetitions N] [--json FILE] [scenario …]`
//!
//! Every sample is a process of its own, pinned to one core or to two; the three systems take turns, so
//! that a slow spell of the machine meets all of them. On one core the figure is processor time, of the
//! whole process; on two it is the clock. It ends in failure if FLUX OS misses a floor.

mod erlang;
mod flux;
mod measure;
mod pause;
mod report;
mod scenario;
mod tasks;

use std::process::ExitCode;

use measure::Failure;
use mimalloc::MiMalloc;
use report::Report;
use scenario::{Scenario, System};

/// The allocator of the `flux` command.
#[global_allocator]
static HEAP: MiMalloc = MiMalloc;

/// Samples of each figure, unless told otherwise.
const REPETITIONS: usize = 5;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(missed) => {
            eprintln!("{missed} of the figures miss what they must reach");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// How many figures miss their floor.
fn run(arguments: &[String]) -> Result<usize, Failure> {
    // The process of one sample.
    if let [first, system, scenario, count, cores] = arguments
        && first == "sample"
    {
        let scenario = Scenario::named(scenario)?;
        return sample(System::named(system)?, scenario, count.parse()?, cores.parse()?).map(|()| 0);
    }
    let mut repetitions = REPETITIONS;
    let mut json = None;
    let mut wanted = Vec::new();
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--repetitions" => repetitions = value()?.parse()?,
            "--json" => json = Some(value()?.clone()),
            name => wanted.push(Scenario::named(name)?),
        }
    }
    if repetitions == 0 {
        return Err("--repetitions must be at least 1".into());
    }
    if wanted.is_empty() {
        wanted.extend(Scenario::ALL);
    }
    let erlang = erlang::Erlang::find()?;
    let mut report = Report::new(erlang.version());
    for cores in [1, 2] {
        for scenario in wanted.iter().filter(|scenario| **scenario != Scenario::Swap) {
            report.add(*scenario, cores, &measure::interleaved(&erlang, *scenario, cores, repetitions)?);
        }
    }
    if wanted.contains(&Scenario::Swap) {
        report.add_pauses(&measure::pauses()?);
    }
    report.print();
    if let Some(path) = json {
        std::fs::write(&path, report.json()?).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(report.missed())
}

/// Takes one sample and prints it as a line of words.
fn sample(system: System, scenario: Scenario, count: u64, cores: usize) -> Result<(), Failure> {
    if scenario == Scenario::Swap {
        for pauses in pause::measure(&measure::OTHERS)? {
            println!("{pauses}");
        }
        return Ok(());
    }
    let sample = match system {
        System::Flux => flux::sample(scenario, count)?,
        System::Tokio => tasks::sample(scenario, count, cores)?,
        System::Erlang => return Err("samples of Erlang are taken by erl".into()),
    };
    println!("{sample}");
    Ok(())
}
