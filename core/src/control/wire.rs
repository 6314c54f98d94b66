//! Requests and answers as they stand on the socket.

use flux_system::{Replaced, SwapState};
use serde::{Deserialize, Serialize};

use crate::live::AgentView;

/// What is asked of a run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Tell of the run and its agents.
    Agents,
    /// Let the agents of a document go on with a new version of it.
    Swap {
        /// Absolute path of the document or module.
        path: String,
        /// The one agent that it is for; all that it describes without it.
        agent: Option<String>,
        /// Only tell whether it could be done.
        verify_only: bool,
        /// Message forms may go.
        #[serde(default)]
        drop_unfit: bool,
        /// The way back may lose what was done since the swap.
        #[serde(default)]
        lossy_way_back: bool,
    },
}

/// What a run says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// To [`Request::Agents`].
    Agents(RunInfo),
    /// To [`Request::Swap`]: one for each agent.
    Swap(Vec<SwapResult>),
    /// It can't be done, and why.
    Failed(String),
}

/// A run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RunInfo {
    /// Its process.
    pub process: u32,
    /// Nanoseconds since its kernel booted.
    pub time_ns: i64,
    /// Its agents in the order of their start, those that ended too.
    pub agents: Vec<AgentInfo>,
}

/// An agent.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AgentInfo {
    /// Its name.
    pub name: String,
    /// The document of its program.
    pub document: String,
    /// Its program, as people tell versions apart.
    pub version: String,
    /// What it does now, or how it ended.
    pub state: String,
    /// Whether it lives.
    pub alive: bool,
    /// `settled`, `asked` (another program waits for its safe point) or `probation`.
    pub swap: String,
    /// Messages that wait for it.
    pub queued: u32,
    /// Bytes in use.
    pub memory: u64,
    /// Bytes that it may use.
    pub memory_limit: u64,
    /// Its priority, 0 (low) to 255.
    pub priority: u8,
    /// Gas used until now.
    pub gas: u64,
    /// Gas that it may use in a second, if that is limited.
    pub gas_limit: Option<u64>,
    /// Calls and instructions that it was refused.
    pub refusals: u64,
    /// Messages sent: TELL, ASK, DELEGATE, EVENT.
    pub sent: u64,
    /// Messages taken.
    pub received: u64,
    /// Passes of its loop, handlers and timers that ended.
    pub runs: u64,
    /// Device readings that succeeded.
    pub readings: u64,
    /// Messages that could not be delivered.
    pub dead_letters: u64,
    /// Traps.
    pub traps: u64,
    /// Starts after the first one.
    pub restarts: u64,
}

impl From<AgentView> for AgentInfo {
    fn from(view: AgentView) -> Self {
        use flux_abi::message::MessageType::{Ask, Delegate, Event, Tell};
        let AgentView { report, state, queued, memory_limit, priority, gas_limit, refusals } = view;
        let counters = &report.counters;
        let sum = |counts: &flux_agent::report::MessageCounts| {
            [Tell, Ask, Delegate, Event].iter().map(|kind| counts.get(*kind)).sum()
        };
        let ended = || match (report.exit, &report.fault) {
            (Some(_), Some(_)) => "failed",
            (Some(_), None) => "stopped",
            (None, _) => "gone",
        };
        Self {
            name: report.name.to_string(),
            document: report.document.to_string(),
            version: report.version.clone(),
            state: state.map_or_else(ended, flux_system::AgentState::name).to_ascii_lowercase(),
            alive: state.is_some(),
            swap: match report.swap {
                SwapState::Settled => "settled",
                SwapState::Asked => "asked",
                SwapState::Probation => "probation",
            }
            .to_owned(),
            queued,
            memory: report.memory,
            memory_limit,
            priority,
            gas: report.gas,
            gas_limit,
            refusals,
            sent: sum(&counters.sent),
            received: sum(&counters.taken),
            runs: counters.runs.saturating_add(counters.passes),
            readings: counters.readings,
            dead_letters: counters.dead_letters,
            traps: counters.traps,
            restarts: report.earlier,
        }
    }
}

/// What became of one agent of a swap.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SwapResult {
    /// The agent.
    pub agent: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, if it keeps its program.
    pub reason: Option<String>,
}

/// What becomes of an agent's program.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It can be swapped.
    Fits,
    /// It is swapped at the agent's next safe point.
    Asked,
    /// The agent runs it already.
    Same,
    /// The agent keeps the one it has.
    Refused,
    /// No such agent lives.
    Missing,
}

impl From<Replaced> for SwapResult {
    fn from(replaced: Replaced) -> Self {
        let (agent, outcome, reason) = match replaced {
            Replaced::Fits { agent } => (agent, Outcome::Fits, None),
            Replaced::Asked { agent } => (agent, Outcome::Asked, None),
            Replaced::Same { agent } => (agent, Outcome::Same, None),
            Replaced::Refused { agent, reason } => (agent, Outcome::Refused, Some(reason)),
            Replaced::Missing { agent } => (agent, Outcome::Missing, None),
        };
        Self { agent, outcome, reason }
    }
}
