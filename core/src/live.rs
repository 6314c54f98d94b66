//! A run while it goes on: what can be asked of it from another thread.
//!
//! # Invariants
//! 1. The run's own thread does all that is done to it, between two steps; so nobody sees a half-done one.
//! 2. A task that the run never reaches is dropped: whoever waits for its answer hears of that at once.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::mpsc::{Sender, channel};

use flux_kcore::shard::Metered;
use flux_system::{
    AgentReport, AgentState, BootError, Effect, Replaced, Replacement, SwapRules, System, Time,
};

use crate::error::Error;
use crate::source::Source;

/// What a run is told from outside.
pub enum Signal {
    /// End in order.
    Stop,
    /// Do something between two steps.
    Do(Task),
}

/// Something that a run does between two steps.
pub type Task = Box<dyn FnOnce(&mut Live<'_>) + Send>;

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stop => "Stop",
            Self::Do(_) => "Do",
        })
    }
}

/// Lets a run do something, and waits for what comes of it; `None` if the run is over.
pub fn ask<T: Send + 'static>(
    run: &Sender<Signal>,
    task: impl FnOnce(&mut Live<'_>) -> T + Send + 'static,
) -> Option<T> {
    let (answer, heard) = channel();
    let task: Task = Box::new(move |live| {
        // Whoever asked may have gone.
        let _ = answer.send(task(live));
    });
    run.send(Signal::Do(task)).ok()?;
    heard.recv().ok()
}

/// A run between two steps.
pub struct Live<'r> {
    system: &'r mut System,
    settings: &'r flux_system::Config,
}

/// An agent, for whoever watches it.
#[derive(Clone, Debug)]
pub struct AgentView {
    /// What it did, its program, and whether that is on trial.
    pub report: AgentReport,
    /// What it does now; `None` after its end.
    pub state: Option<AgentState>,
    /// Messages that wait for it.
    pub queued: u32,
    /// Bytes that it may use.
    pub memory_limit: u64,
    /// Its priority.
    pub priority: u8,
    /// Gas that it may use in a second, if that is limited.
    pub gas_limit: Option<u64>,
    /// What it was refused.
    pub refusals: u64,
}

impl<'r> Live<'r> {
    pub(crate) const fn new(system: &'r mut System, settings: &'r flux_system::Config) -> Self {
        Self { system, settings }
    }

    /// The kernel and what it runs on.
    pub(crate) const fn system_mut(&mut self) -> &mut System {
        self.system
    }

    /// Kernel time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.system.now()
    }

    /// The agents in the order of their start, those that ended too.
    #[must_use]
    pub fn agents(&self) -> Vec<AgentView> {
        let shard = self.system.kernel().core().shard();
        let view = |report: AgentReport| {
            let record = shard.agent(report.agent).filter(|_| report.exit.is_none());
            AgentView {
                state: record.map(flux_kcore::shard::Agent::state),
                queued: record.map_or(0, flux_kcore::shard::Agent::queued),
                memory_limit: record.map_or(0, |record| record.memory().limit()),
                priority: shard.priority(report.agent).unwrap_or(0),
                gas_limit: record.and_then(|record| record.rate_limit(Metered::Gas)).map(NonZeroU64::get),
                // The next generation goes on counting where the last one ended.
                refusals: record.map_or(report.counters.refusals, |record| record.refusals().total()),
                report,
            }
        };
        self.system.kernel().runtime().reports().into_iter().map(view).collect()
    }

    /// Puts a new version of a document in the place of the one that agents run, or tells whether it could.
    ///
    /// # Errors
    /// [`Error::Boot`] with what is wrong with the document; nothing is swapped then.
    pub fn replace(
        &mut self,
        source: &Source,
        agent: Option<&str>,
        (effect, rules): (Effect, SwapRules),
    ) -> Result<Vec<Replaced>, Error> {
        let replacement = Replacement { name: &source.name, source: source.compiled(), agent, effect, rules };
        self.system.replace(self.settings, &replacement).map_err(|error| match error {
            BootError::Documents(rejected) => {
                let texts = rejected.iter().map(|one| format!("{}: {}", one.document, one.error));
                Error::Boot(texts.collect::<Vec<_>>().join("\n"))
            }
            other => Error::Boot(other.to_string()),
        })
    }
}
