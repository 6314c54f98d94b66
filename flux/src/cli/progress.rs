//! A bar on standard error for work that takes more than half a second.
//!
//! # Invariants
//! 1. Nothing is ever drawn where standard error is no terminal, or output is for programs.
//! 2. The bar is gone at the end, also when the work fails.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal::Terminal;

/// Work that takes less shows no bar.
const PATIENCE: Duration = Duration::from_millis(500);

/// What stands beside the bar: what is done now.
const TEMPLATE: &str = "{bar:30} {percent}% {msg}";

/// See the module.
pub(crate) struct Progress {
    bar: ProgressBar,
    start: Instant,
    draws: bool,
}

/// A handle with which text is written above the bar.
#[derive(Clone, Debug)]
pub(crate) struct Above(ProgressBar);

impl Above {
    /// Where there is no bar.
    pub(crate) fn nothing() -> Self {
        Self(ProgressBar::hidden())
    }

    /// Does something that writes; the bar is away meanwhile.
    pub(crate) fn write<T>(&self, work: impl FnOnce() -> T) -> T {
        self.0.suspend(work)
    }
}

impl Progress {
    /// For so many pieces of work.
    pub(crate) fn new(pieces: usize, terminal: &Terminal) -> Self {
        Self::over(u64::try_from(pieces).unwrap_or(u64::MAX), terminal)
    }

    /// For work up to this point, in whatever unit.
    pub(crate) fn over(end: u64, terminal: &Terminal) -> Self {
        let bar = ProgressBar::with_draw_target(Some(end), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        Self { bar, start: Instant::now(), draws: terminal.draws() }
    }

    /// Does one piece of work; what it says stands above the bar.
    pub(crate) fn step<T>(&mut self, name: &str, work: impl FnOnce() -> T) -> T {
        self.show_when_due();
        self.bar.set_message(name.to_owned());
        let done = self.bar.suspend(work);
        self.bar.inc(1);
        done
    }

    /// Tells that a point is reached, and what comes now.
    pub(crate) fn reach(&mut self, point: u64, name: &str) {
        self.show_when_due();
        if self.bar.message() != name {
            self.bar.set_message(name.to_owned());
        }
        self.bar.set_position(point);
    }

    /// For those who write while the work goes on.
    pub(crate) fn above(&self) -> Above {
        Above(self.bar.clone())
    }

    fn show_when_due(&mut self) {
        if self.draws && self.start.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.draws = false;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
