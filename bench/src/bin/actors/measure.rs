//! Samples: processor time of a process, the clock, resident memory.

use std::fmt;
use std::process::Command;
use std::str::FromStr;
use std::time::Instant;

use cpu_time::ProcessTime;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::erlang::Erlang;
use crate::pause::Pauses;
use crate::scenario::{Scenario, System};

/// Why something could not be measured.
pub type Failure = Box<dyn std::error::Error>;

/// What one process measured.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Processor time of the process, in nanoseconds.
    pub cpu_ns: f64,
    /// Time on the clock, in nanoseconds.
    pub wall_ns: f64,
    /// Bytes of resident memory that it added.
    pub resident: f64,
    /// Messages or actors.
    pub count: f64,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} {:.0} {:.0} {:.0}", self.cpu_ns, self.wall_ns, self.resident, self.count)
    }
}

impl FromStr for Sample {
    type Err = Failure;

    fn from_str(line: &str) -> Result<Self, Failure> {
        let words: Result<Vec<f64>, _> = line.split_whitespace().map(str::parse).collect();
        match words.as_deref() {
            Ok([cpu_ns, wall_ns, resident, count]) => {
                Ok(Self { cpu_ns: *cpu_ns, wall_ns: *wall_ns, resident: *resident, count: *count })
            }
            _ => Err(format!("no sample: {line:?}").into()),
        }
    }
}

/// Measures `work`, which tells how many messages or actors there were.
pub fn sampled(work: impl FnOnce() -> Result<u64, Failure>) -> Result<Sample, Failure> {
    let before = resident()?;
    let (clock, processor) = (Instant::now(), ProcessTime::now());
    let count = work()?;
    let (cpu, wall) = (processor.elapsed(), clock.elapsed());
    Ok(Sample {
        cpu_ns: cpu.as_secs_f64() * 1e9,
        wall_ns: wall.as_secs_f64() * 1e9,
        resident: (resident()? - before).max(0.0),
        count: count as f64,
    })
}

const PAGE: f64 = 4_096.0;

/// Bytes of resident memory of this process (Linux, proc(5)).
fn resident() -> Result<f64, Failure> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split_whitespace().nth(1).ok_or("/proc/self/statm has no second word")?;
    Ok(pages.parse::<f64>()? * PAGE)
}

/// Lets this process, and those that it starts, run on `count` cores: the last ones that it may use.
fn pin(count: usize) -> Result<(), Failure> {
    let mine = Pid::from_raw(0);
    let allowed = ALLOWED.get_or_init(|| {
        let set = sched_getaffinity(mine).unwrap_or_default();
        (0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap_or(false)).collect()
    });
    let chosen = allowed.len().checked_sub(count).and_then(|first| allowed.get(first..));
    let chosen = chosen.ok_or_else(|| format!("{count} cores are needed, {} may be used", allowed.len()))?;
    let mut set = CpuSet::new();
    for core in chosen {
        set.set(*core)?;
    }
    Ok(sched_setaffinity(mine, &set)?)
}

/// The cores that this process could use when it began.
static ALLOWED: std::sync::OnceLock<Vec<usize>> = std::sync::OnceLock::new();

/// What a sample's process printed.
pub fn output(command: &mut Command) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{program} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}

/// This program again, for one sample.
fn own(system: System, scenario: Scenario, count: u64, cores: usize) -> Result<String, Failure> {
    let words = [system.name(), scenario.name(), &count.to_string(), &cores.to_string()].map(String::from);
    output(Command::new(std::env::current_exe()?).arg("sample").args(words))
}

/// Samples of one scenario: of each system that can use so many cores.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// By system, in the order of [`System::ALL`]; none of one that was not measured.
    pub of: [Vec<Sample>; 3],
}

/// Takes samples of all systems in turn.
pub fn interleaved(
    erlang: &Erlang,
    scenario: Scenario,
    cores: usize,
    repetitions: usize,
) -> Result<Samples, Failure> {
    pin(cores)?;
    let mut samples = Samples::default();
    for _ in 0..repetitions {
        for (system, samples) in System::ALL.into_iter().zip(&mut samples.of) {
            let count = scenario.count();
            let line = match system {
                // A kernel is one shard, which is one thread: a second core does nothing for it.
                System::Flux if cores > 1 => continue,
                System::Erlang => erlang.sample(scenario, count, cores)?,
                _ => own(system, scenario, count, cores)?,
            };
            samples.push(line.trim().parse()?);
        }
    }
    Ok(samples)
}

/// Other agents that live while a program is swapped.
pub const OTHERS: [u64; 2] = [10, 10_000];

/// Pauses of swaps, by the number of other agents.
pub fn pauses() -> Result<Vec<Pauses>, Failure> {
    pin(1)?;
    own(System::Flux, Scenario::Swap, Scenario::Swap.count(), 1)?.lines().map(str::parse).collect()
}

/// The median; 0 without samples.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    quantile(&mut values.into_iter().collect::<Vec<f64>>(), 0.5)
}

/// The value that so large a part of all does not exceed; 0 without samples.
pub fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * part).round() as usize).copied().unwrap_or(0.0)
}
