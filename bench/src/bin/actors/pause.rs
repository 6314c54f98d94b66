//! How long an agent stands still while its program is swapped, and how long the kernel is busy with it.
//!
//! A swap has two parts. The *preparation* decodes, verifies, compares and wires the new module; agents do
//! not run meanwhile, since a shard is one thread. The *pause* is the slice in which the agent reaches its
//! safe point and goes on in the new program: carrying the state over, the copy for the way back, and the
//! first pass of the new program are in it.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;

use cpu_time::ProcessTime;
use flux_fluxc::{Options, compile};
use flux_kcore::id::AgentId;
use flux_kernel::timeline::{Happening, Observer};
use flux_system::{Config, Effect, Next, NoSink, Policy, Replaced, Replacement, Span, SwapRules, Time};

use crate::flux::{Bench, document};
use crate::measure::{Failure, quantile};

/// Swaps that are measured, after a tenth of that many.
const SWAPS: usize = 1_000;

/// Simulated distance of two passes of the agent.
const PASS_NS: i64 = 1_000_000;

/// Passes after which a swap is over.
const PASSES: usize = 8;

const NAME: &str = "counter.flux.md";

/// What swaps took with so many other agents alive.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    /// Other agents.
    pub others: f64,
    /// Nanoseconds of the pause: median, the one that 99 of 100 do not exceed, the longest.
    pub pause_ns: [f64; 3],
    /// Nanoseconds of the preparation: the same.
    pub preparation_ns: [f64; 3],
    /// Steps of the kernel's core from the request to the new program: fewest and most.
    pub steps: [f64; 2],
}

impl fmt::Display for Pauses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { others, pause_ns: [a, b, c], preparation_ns: [d, e, g], steps: [least, most] } = self;
        write!(f, "{others} {a} {b} {c} {d} {e} {g} {least} {most}")
    }
}

impl FromStr for Pauses {
    type Err = Failure;

    fn from_str(line: &str) -> Result<Self, Failure> {
        let words: Result<Vec<f64>, _> = line.split_whitespace().map(str::parse).collect();
        match words.as_deref() {
            Ok([others, a, b, c, d, e, g, least, most]) => Ok(Self {
                others: *others,
                pause_ns: [*a, *b, *c],
                preparation_ns: [*d, *e, *g],
                steps: [*least, *most],
            }),
            _ => Err(format!("no pauses: {line:?}").into()),
        }
    }
}

/// Counts swaps.
struct Witness(Rc<Cell<usize>>);

impl Observer for Witness {
    fn happened(&mut self, _: Time, _: AgentId, what: Happening<'_>) {
        if matches!(what, Happening::Swapped(_)) {
            self.0.set(self.0.get() + 1);
        }
    }
}

/// A kernel in which one agent is swapped again and again.
struct Subject {
    bench: Bench,
    others: u64,
    swapped: Rc<Cell<usize>>,
    present: Time,
    pauses: Vec<f64>,
    preparations: Vec<f64>,
    steps: Vec<f64>,
}

impl Subject {
    fn new(others: u64) -> Result<Self, Failure> {
        let mut bench = Bench::boot(&[NAME])?;
        bench.spawn("idle.flux.md", others)?;
        bench.rest();
        let swapped = Rc::new(Cell::new(0));
        bench.system.observe(Box::new(Witness(Rc::clone(&swapped))));
        let present = bench.system.now();
        let (pauses, preparations, steps) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { bench, others, swapped, present, pauses, preparations, steps })
    }

    /// Swaps the program for `source`, and lets it get through its probation.
    fn swap(&mut self, source: &[u8]) -> Result<(), Failure> {
        let policy = Policy { wait: Span::from_ns(1_000_000_000), runs: 1, time: Span::from_ns(0) };
        let replacement = Replacement {
            name: NAME,
            source,
            agent: None,
            effect: Effect::Swap(policy),
            rules: SwapRules::default(),
        };
        let system = &mut self.bench.system;
        let done = self.swapped.get();
        let begun = ProcessTime::now();
        let replaced = system.replace(&Config::default(), &replacement)?;
        let preparation = begun.elapsed();
        let [Replaced::Asked { .. }] = replaced.as_slice() else {
            return Err(format!("the swap was refused: {replaced:?}").into());
        };
        let before = system.kernel().core().shard().steps();
        let mut pause = None;
        // Its next pass may stand at a point of time that is not there yet.
        for _ in 0..PASSES {
            self.present = self.present.after(Span::from_ns(PASS_NS));
            loop {
                let begun = ProcessTime::now();
                let next = system.advance_slices(self.present, 1, &mut NoSink);
                let elapsed = begun.elapsed();
                if pause.is_none() && self.swapped.get() > done {
                    pause = Some((elapsed, system.kernel().core().shard().steps() - before));
                }
                if next != Next::Again {
                    break;
                }
            }
        }
        let (pause, steps) = pause.ok_or("the agent has reached no safe point")?;
        self.pauses.push(pause.as_secs_f64() * 1e9);
        self.preparations.push(preparation.as_secs_f64() * 1e9);
        self.steps.push(steps as f64);
        Ok(())
    }

    /// What the last [`SWAPS`] took.
    fn pauses(&self) -> Pauses {
        let measured = |values: &[f64]| values.iter().rev().take(SWAPS).copied().collect::<Vec<f64>>();
        let spread = |values: &[f64]| [0.5, 0.99, 1.0].map(|part| quantile(&mut measured(values), part));
        Pauses {
            others: self.others as f64,
            pause_ns: spread(&self.pauses),
            preparation_ns: spread(&self.preparations),
            steps: [0.0, 1.0].map(|part| quantile(&mut measured(&self.steps), part)),
        }
    }
}

/// Swaps one agent in each of several kernels in turn, so that a slow spell of the machine meets all; `others`
/// says how many other agents live in them.
pub fn measure(others: &[u64]) -> Result<Vec<Pauses>, Failure> {
    let version = |version: usize| {
        let text = document(NAME)?.replace("version: 1", &format!("version: {version}"));
        let compiled = compile(text.as_bytes(), NAME, &Options::default());
        let module = compiled.modules.first().ok_or("the counter does not compile")?;
        Ok::<_, Failure>(module.encode())
    };
    let versions = [version(2)?, version(1)?];
    let mut subjects = others.iter().map(|others| Subject::new(*others)).collect::<Result<Vec<_>, _>>()?;
    for number in 0..SWAPS + SWAPS / 10 {
        for subject in &mut subjects {
            subject.swap(&versions[number % 2])?;
        }
    }
    Ok(subjects.iter().map(Subject::pauses).collect())
}
