//! A bar on standard error for work over several files that takes more than half a second.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};

use super::terminal::Terminal;

/// Work that takes less shows no bar.
const PATIENCE: Duration = Duration::from_millis(500);

/// See the module.
pub(crate) struct Progress {
    bar: ProgressBar,
    start: Instant,
    draws: bool,
}

impl Progress {
    /// For so many files; nothing is ever drawn where standard error is no terminal.
    pub(crate) fn new(files: usize, terminal: &Terminal) -> Self {
        let bar = ProgressBar::with_draw_target(
            Some(u64::try_from(files).unwrap_or(u64::MAX)),
            ProgressDrawTarget::hidden(),
        );
        Self { bar, start: Instant::now(), draws: terminal.draws() }
    }

    /// Does the work of one file; what it says stands above the bar.
    pub(crate) fn step<T>(&mut self, work: impl FnOnce() -> T) -> T {
        if self.draws && self.start.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.draws = false;
        }
        let done = self.bar.suspend(work);
        self.bar.inc(1);
        done
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
