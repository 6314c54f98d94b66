//! A run: one activation of a function, and what it waits for.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::select::YieldKind;
use flux_abi::trap::TrapKind;
use flux_kcore::id::{AgentId, RequestId};
use flux_kcore::message::RequestKind;
use flux_kcore::time::Time;
use flux_vm::{HostCall, Run};

use crate::form::Form;
use crate::tables::Tables;

/// Why a run was started.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RunKind {
    /// Writes the initial state.
    StateInit,
    /// `## Init`.
    Init,
    /// One pass of `## Loop`.
    Loop,
    /// `## On …`, by its number in the tables.
    Handler(usize),
    /// `## On topic …`, by its number in the tables.
    Topic(usize),
    /// `## Every …`, by its number in the tables.
    Every(usize),
    /// A function that a test calls.
    Probe,
}

impl RunKind {
    /// Whether a message started the run, so that it may answer.
    pub(crate) const fn is_message(self) -> bool {
        matches!(self, Self::Handler(_) | Self::Topic(_))
    }

    /// What people call it.
    pub(crate) fn name(self, tables: &Tables) -> &str {
        match self {
            Self::StateInit => "initial state",
            Self::Init => "init",
            Self::Loop => "loop",
            Self::Handler(at) => tables.handlers.get(at).map_or("handler", |handler| &handler.name),
            Self::Topic(at) => tables.topics.get(at).map_or("topic", |handler| &handler.name),
            Self::Every(_) => "every",
            Self::Probe => "test",
        }
    }
}

/// What a suspended run waits for.
#[derive(Debug)]
pub(crate) enum Wait {
    /// `Wait 500ms`.
    Sleep(Time),
    /// `YIELD`, with a time of its own or without.
    Yield {
        /// What ends it.
        kind: YieldKind,
        /// The point of the grid, or the end of the time given.
        until: Time,
    },
    /// The answer to its ASK.
    Answer(RequestId),
    /// The end of a delegation.
    Ticket {
        /// The delegation.
        request: RequestId,
        /// Holds the type of the result.
        form: Arc<Form>,
        /// When it gives up.
        until: Time,
    },
    /// Other agents at a barrier.
    Barrier,
    /// A message for a receiving call, which is then made again.
    Receive {
        /// The call.
        call: HostCall,
        /// When it gives up.
        until: Time,
    },
    /// The kernel's loop, which prepares what the call needs; it is then made again.
    Again(HostCall),
    /// The end of another agent.
    Child {
        /// The agent.
        agent: AgentId,
        /// When it gives up.
        until: Time,
    },
}

impl Wait {
    /// When time alone ends it.
    pub(crate) const fn until(&self) -> Time {
        match self {
            Self::Sleep(until)
            | Self::Yield { until, .. }
            | Self::Ticket { until, .. }
            | Self::Receive { until, .. }
            | Self::Child { until, .. } => *until,
            Self::Answer(_) | Self::Barrier | Self::Again(_) => Time::NEVER,
        }
    }

    /// Whether handlers and timers may run meanwhile, if it is the Loop that waits.
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self, Self::Sleep(_) | Self::Yield { .. })
    }
}

/// A request that a run may answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Asked {
    pub(crate) request: RequestId,
    pub(crate) kind: RequestKind,
    /// Who asked.
    pub(crate) sender: Option<AgentId>,
    /// Its number in the log, if it is still known.
    pub(crate) number: Option<u64>,
}

/// What is known of a run beside its registers.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) kind: RunKind,
    /// The request that started it and that it may still answer.
    pub(crate) request: Option<Asked>,
    pub(crate) sender: Option<AgentId>,
    /// Reply with was executed.
    pub(crate) replied: bool,
    /// It was suspended once.
    pub(crate) suspended: bool,
    /// Its last slice ended in the middle of work.
    pub(crate) preempted: bool,
    /// A device access of it succeeded.
    pub(crate) device_worked: bool,
    /// Status of EXIT.
    pub(crate) status: i64,
    pub(crate) wait: Option<Wait>,
    /// State allocations that hold its arguments, freed at its end.
    pub(crate) owned: Vec<u32>,
    /// What a device said that failed, until it is logged.
    pub(crate) fault: Option<String>,
    /// What the last host instruction failed for, and the trap that follows if nobody handles it.
    pub(crate) why: Option<(TrapKind, String)>,
}

impl About {
    /// A run that nothing is known of yet.
    pub(crate) const fn new(kind: RunKind) -> Self {
        Self {
            kind,
            request: None,
            sender: None,
            replied: false,
            suspended: false,
            preempted: false,
            device_worked: false,
            status: 0,
            wait: None,
            owned: Vec::new(),
            fault: None,
            why: None,
        }
    }
}

/// A run with its registers.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) run: Run,
    pub(crate) about: About,
}
