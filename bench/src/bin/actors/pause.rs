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
use flux_system::{Config, Effect, Next, NoSink, Policy, Replaced, Replacement, Span, Time};

use crate::flux::{Bench, document};
use crate::measure::{Failure, quantile};

/// Swaps that are measured, after a tenth of that many.
const SWAPS: usize = 1_000;

/// Simulated distance of two passes of the agent.
const PASS_NS: i64 = 1_000_000;

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

/// Swaps the program of one agent again and again while `others` live.
pub fn measure(others: usize) -> Result<Pauses, Failure> {
    let versions = [1, 2].map(|version| {
        let text = document(NAME)?.replace("version: 1", &format!("version: {version}"));
        let compiled = compile(text.as_bytes(), NAME, &Options::default());
        let module = compiled.modules.first().ok_or("the counter does not compile")?;
        Ok::<_, Failure>(module.encode())
    });
    let [first, second] = versions;
    let versions = [second?, first?];
    let mut bench = Bench::boot(&[NAME])?;
    bench.spawn("idle.flux.md", others as u64)?;
    bench.rest();
    let swapped = Rc::new(Cell::new(0));
    bench.system.observe(Box::new(Witness(Rc::clone(&swapped))));
    let policy = Policy { wait: Span::from_ns(1_000_000_000), runs: 1, time: Span::from_ns(0) };
    let mut present = bench.system.now();
    let (mut pauses, mut preparations, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..SWAPS + SWAPS / 10 {
        let source = &versions[number % 2];
        let begun = ProcessTime::now();
        let replacement = Replacement { name: NAME, source, agent: None, effect: Effect::Swap(policy) };
        let replaced = bench.system.replace(&Config::default(), &replacement)?;
        let preparation = begun.elapsed();
        let [Replaced::Asked { .. }] = replaced.as_slice() else {
            return Err(format!("the swap was refused: {replaced:?}").into());
        };
        let before = bench.system.kernel().core().shard().steps();
        let mut pause = None;
        // Its next pass may stand at a point of time that is not there yet.
        for _ in 0..8 {
            present = present.after(Span::from_ns(PASS_NS));
            loop {
                let begun = ProcessTime::now();
                let next = bench.system.advance_slices(present, 1, &mut NoSink);
                let elapsed = begun.elapsed();
                if pause.is_none() && swapped.get() > number {
                    pause = Some((elapsed, bench.system.kernel().core().shard().steps() - before));
                }
                if next != Next::Again {
                    break;
                }
            }
        }
        let (pause, taken) =
            pause.ok_or_else(|| format!("swap {number}: the agent has reached no safe point"))?;
        if number >= SWAPS / 10 {
            pauses.push(pause.as_secs_f64() * 1e9);
            preparations.push(preparation.as_secs_f64() * 1e9);
            steps.push(taken as f64);
        }
    }
    let spread = |values: &mut [f64]| [0.5, 0.99, 1.0].map(|part| quantile(values, part));
    Ok(Pauses {
        others: others as f64,
        pause_ns: spread(&mut pauses),
        preparation_ns: spread(&mut preparations),
        steps: [0.0, 1.0].map(|part| quantile(&mut steps, part)),
    })
}
