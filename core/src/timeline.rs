//! A run as a picture over time, in the trace event format that <https://ui.perfetto.dev> opens: each agent a
//! track with its slices, messages as arrows from sender to receiver, system calls, host calls and swaps as marks.
//!
//! The format is "Trace Event Format" of the Chromium project: a JSON array of events with `ph` (kind), `ts` and
//! `dur` (microseconds), `pid` and `tid`.
//!
//! In real time a slice is as long as it took. In simulated time code takes none: there a slice is drawn one
//! nanosecond long for each gas, and those of one moment one behind the other.
//!
//! # Invariants
//! 1. What is written is a whole JSON array, also when the run is cut short by an error of the file.
//! 2. Memory does not grow with the length of the run.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use flux_abi::message::MessageType;
use flux_abi::status::Status;
use flux_kcore::id::AgentId;
use flux_kcore::runtime::{Exit, Step};
use flux_kernel::timeline::{Flow, Happening, Observer};
use flux_system::{ClockMode, Time};
use serde_json::{Value, json};

use crate::error::Error;

/// The process of the trace that all tracks belong to.
const KERNEL: u32 = 1;

/// A file that is being written.
pub struct Timeline(Rc<RefCell<Writer>>);

struct Writer {
    path: PathBuf,
    out: BufWriter<File>,
    clock: Clock,
    first: bool,
    /// The track of the slice that goes on, and when it began, in nanoseconds of the picture.
    slice: Option<(u32, i64)>,
    failed: Option<String>,
}

/// Where on the picture something is.
enum Clock {
    /// Where the machine's clock is.
    Real(Instant),
    /// Where the simulated time is, and behind what was drawn there already.
    Simulated { now: i64, drawn: i64 },
}

impl Timeline {
    /// Begins a file.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn create(path: &Path, clock: ClockMode) -> Result<Self, Error> {
        let fail = |error: std::io::Error| Error::Write { path: path.to_owned(), why: error.to_string() };
        let mut out = BufWriter::new(File::create(path).map_err(fail)?);
        out.write_all(b"[").map_err(fail)?;
        let clock = match clock {
            ClockMode::Real => Clock::Real(Instant::now()),
            ClockMode::Simulated => Clock::Simulated { now: 0, drawn: 0 },
        };
        let mut writer = Writer { path: path.to_owned(), out, clock, first: true, slice: None, failed: None };
        writer.event(
            &json!({ "ph": "M", "name": "process_name", "pid": KERNEL, "args": { "name": "FLUX OS" } }),
        );
        Ok(Self(Rc::new(RefCell::new(writer))))
    }

    /// Who tells it of what happens.
    #[must_use]
    pub fn observer(&self) -> Box<dyn Observer> {
        Box::new(Witness(Rc::clone(&self.0)))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// [`Error::Write`], also for what could not be written before.
    pub fn finish(self) -> Result<(), Error> {
        let mut writer = self.0.borrow_mut();
        let ended = writer.out.write_all(b"\n]\n").and_then(|()| writer.out.flush());
        match writer.failed.take().or(ended.err().map(|error| error.to_string())) {
            None => Ok(()),
            Some(why) => Err(Error::Write { path: writer.path.clone(), why }),
        }
    }
}

struct Witness(Rc<RefCell<Writer>>);

impl Observer for Witness {
    fn happened(&mut self, now: Time, agent: AgentId, what: Happening<'_>) {
        self.0.borrow_mut().draw(now, agent, what);
    }
}

impl Writer {
    fn event(&mut self, event: &Value) {
        if self.failed.is_some() {
            return;
        }
        let separator: &[u8] = if self.first { b"\n" } else { b",\n" };
        self.first = false;
        let written =
            self.out.write_all(separator).and_then(|()| Ok(serde_json::to_writer(&mut self.out, event)?));
        if let Err(error) = written {
            self.failed = Some(error.to_string());
        }
    }

    /// Where something that happens now is drawn.
    fn place(&mut self, time: Time) -> i64 {
        match &mut self.clock {
            Clock::Real(start) => i64::try_from(start.elapsed().as_nanos()).unwrap_or(i64::MAX),
            Clock::Simulated { now, drawn } => {
                if time.ns() > *now {
                    *now = time.ns();
                }
                *drawn = (*drawn).max(*now);
                *drawn
            }
        }
    }

    /// Draws something that takes time on a track: from where to where by the clock, or as long as its gas.
    fn piece(&mut self, name: &str, track: u32, (from, to): (i64, i64), details: &Value, gas: u64) {
        // None is without length, so that arrows find it.
        let length = match &mut self.clock {
            Clock::Real(_) => to.saturating_sub(from).max(1),
            Clock::Simulated { drawn, .. } => {
                let length = i64::try_from(gas).unwrap_or(i64::MAX).max(1);
                *drawn = from.saturating_add(length);
                length
            }
        };
        let (from, length) = (microseconds(from), microseconds(length));
        self.event(&json!({
            "ph": "X", "name": name, "cat": "slice", "ts": from, "dur": length, "pid": KERNEL, "tid": track,
            "args": details,
        }));
    }

    fn draw(&mut self, now: Time, agent: AgentId, what: Happening<'_>) {
        let place = self.place(now);
        let track = agent.slot();
        let at = microseconds(place);
        let mark = |name: String, kind: &str| json!({ "ph": "i", "s": "t", "name": name, "cat": kind, "ts": at, "pid": KERNEL, "tid": track });
        match what {
            Happening::Begins(name) => {
                self.event(&json!({ "ph": "M", "name": "thread_name", "pid": KERNEL, "tid": track, "args": { "name": name } }));
                self.event(&mark("begins".into(), "agent"));
            }
            Happening::Slice => self.slice = Some((track, place)),
            Happening::SliceEnded { gas, step } => {
                let from = self.slice.take().map_or(place, |(_, from)| from);
                let step = match step {
                    Step::Ready => "could go on",
                    Step::Blocked => "waits",
                    Step::Ended(_) => "ended",
                };
                self.piece("slice", track, (from, place), &json!({ "gas": gas, "then": step }), gas);
            }
            Happening::Sent(flow, kind) | Happening::Took(flow, kind) => {
                let end = if matches!(what, Happening::Sent(..)) { "s" } else { "f" };
                self.event(&arrow(end, flow, kind, at, track));
                // What its runtime does for an agent without running it: an arrow needs something to begin or end at.
                if self.slice.is_none_or(|(open, _)| open != track) {
                    self.piece(kind.name(), track, (place, place), &json!({}), 1);
                }
            }
            Happening::Called(name, Status::Ok) => self.event(&mark(name.to_owned(), "call")),
            Happening::Called(name, status) => {
                self.event(&mark(format!("{name}: {}", status.name()), "call"));
            }
            Happening::Swapped(identity) => {
                let hash: String = identity.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
                self.event(&mark(format!("goes on with program {hash}"), "swap"));
            }
            Happening::Ended(exit) => {
                let text = match exit {
                    Exit::Stopped(0) => "stopped".to_owned(),
                    Exit::Stopped(status) => format!("stopped with {status}"),
                    Exit::Trapped(kind) => format!("trap {}", kind.name()),
                    Exit::Killed => "killed".to_owned(),
                };
                self.event(&mark(text, "agent"));
            }
        }
    }
}

/// One end of an arrow. Ends with equal names, categories and numbers belong together.
fn arrow(end: &str, flow: Flow, kind: MessageType, at: f64, track: u32) -> Value {
    let (category, number) = match flow {
        Flow::Message(number) => ("message", number),
        Flow::Request(request) => ("request", request.word()),
        Flow::Outcome(request) => ("outcome", request.word()),
    };
    // The numbers are words of 64 bits, which a reader of JSON may take for floating-point ones.
    let id = format!("{category}-{number:x}");
    json!({
        "ph": end, "bp": "e", "id": id, "name": category, "cat": "message", "ts": at, "pid": KERNEL, "tid": track,
        "args": { "type": kind.name() },
    })
}

/// Nanoseconds in the unit of the format.
#[expect(clippy::cast_precision_loss, reason = "exact for the first hundred days")]
fn microseconds(ns: i64) -> f64 {
    ns as f64 / 1e3
}

impl std::fmt::Debug for Timeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timeline").finish_non_exhaustive()
    }
}
