//! What agents do, for whoever watches them: tests.
//!
//! # Invariants
//! 1. Watching changes nothing of what agents do; a runtime that nobody watches keeps nothing.
//! 2. A stand-in takes every message and answers those that it has an answer for.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::message::MessageType;
use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_abi::trap::TrapKind;
use flux_kcore::id::AgentId;
use flux_kcore::message::{Failure, Message};
use flux_kcore::runtime::Syscalls;
use flux_kcore::time::Time;

/// Something that an agent of a document did.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// It sent a TELL, ASK, DELEGATE or EVENT.
    Sent {
        /// When.
        time: Time,
        /// The agent.
        from: Arc<str>,
        /// How.
        kind: MessageType,
        /// The agent, or topic, it is for.
        to: String,
        /// What.
        payload: Vec<u8>,
        /// The payload for people.
        shown: String,
    },
    /// It executed a Log step.
    Logged {
        /// The agent.
        agent: Arc<str>,
        /// How grave.
        level: LogLevel,
        /// What.
        text: String,
    },
    /// It trapped or failed.
    Trapped {
        /// The agent.
        agent: Arc<str>,
        /// How.
        kind: TrapKind,
        /// What the log says, with the line.
        text: String,
    },
}

/// What a probe gave.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Given {
    /// The values, as a payload.
    pub payload: Vec<u8>,
    /// The values for people: `(1, "a")`.
    pub shown: String,
}

/// Why a probe gave nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProbeError {
    /// There is no such agent, or it was never started.
    #[error("the agent is not there")]
    NoAgent,
    /// The module has no such function.
    #[error("the module has no such probe; compile the document with its tests")]
    Missing,
    /// It trapped.
    #[error("{text}")]
    Trapped {
        /// The line of the document.
        line: Option<u32>,
        /// The trap and what it means.
        text: String,
    },
}

/// How a stand-in answers a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StandInAnswer {
    /// With the one value of this payload.
    Value(Vec<u8>),
    /// With an ERROR.
    Error,
    /// Not at all: the request ends at its deadline.
    Nothing,
}

/// Decides what a stand-in answers: its name and the message.
pub type Answering = dyn FnMut(&str, MessageType, &[u8]) -> StandInAnswer;

/// What is kept for whoever watches.
#[derive(Default)]
pub(crate) struct Observer {
    seen: Vec<Seen>,
    /// What the probe that runs gave.
    pub(crate) given: Option<Given>,
    stand_ins: BTreeMap<AgentId, Arc<str>>,
    answering: Option<alloc::boxed::Box<Answering>>,
}

impl core::fmt::Debug for Observer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Observer")
            .field("seen", &self.seen)
            .field("stand_ins", &self.stand_ins)
            .finish_non_exhaustive()
    }
}

/// Whether a function of a module is a probe of a test; no other function has a space in its name
/// and begins so.
#[must_use]
pub fn is_probe(function: &str) -> bool {
    function.strip_prefix("probe ").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Most things that are kept until somebody takes them; the oldest half goes first.
const KEPT: usize = 65_536;

impl Observer {
    pub(crate) fn note(&mut self, seen: Seen) {
        if self.seen.len() >= KEPT {
            self.seen.drain(..KEPT / 2);
        }
        self.seen.push(seen);
    }

    pub(crate) fn take(&mut self) -> Vec<Seen> {
        core::mem::take(&mut self.seen)
    }

    pub(crate) fn answer_by(&mut self, answering: alloc::boxed::Box<Answering>) {
        self.answering = Some(answering);
    }

    pub(crate) fn add_stand_in(&mut self, agent: AgentId, name: &str) {
        self.stand_ins.insert(agent, name.into());
    }

    /// Lets a stand-in take its messages.
    pub(crate) fn serve<S: Syscalls + ?Sized>(&mut self, sys: &mut S, agent: AgentId) {
        let Some(name) = self.stand_ins.get(&agent).map(Arc::clone) else { return };
        while sys.peek(agent).is_some_and(|arrival| arrival.due <= sys.now()) {
            let Some(message) = sys.receive(agent) else { return };
            self.serve_one(sys, agent, &name, &message);
        }
    }

    fn serve_one<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        agent: AgentId,
        name: &str,
        message: &Message,
    ) {
        let Some(request) = message.reply_to else { return };
        let Some(answering) = &mut self.answering else { return };
        // A request that ended meanwhile has its one outcome already.
        let _ = match answering(name, message.kind, message.payload.bytes()) {
            StandInAnswer::Value(payload) => sys.answer(agent, request, &payload),
            StandInAnswer::Error => sys.answer_error(agent, request, Failure::Answered(Status::General)),
            StandInAnswer::Nothing => Ok(()),
        };
    }
}

/// Where an instruction stands: what a profile counts by, from the outside in.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Executed {
    /// Name of the agent.
    pub agent: String,
    /// Name of its document.
    pub document: String,
    /// Section or function.
    pub function: String,
    /// Line of the document, 0 if none is known.
    pub line: u32,
}
