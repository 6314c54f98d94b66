//! What happens in the kernel, told to whoever draws it.
//!
//! # Invariants
//! 1. Being watched changes nothing of what agents do; a kernel that nobody watches only asks whether it is.

use alloc::boxed::Box;

use flux_abi::message::MessageType;
use flux_abi::status::Status;
use flux_kcore::id::{AgentId, RequestId};
use flux_kcore::message::Message;
use flux_kcore::runtime::{Exit, Step};
use flux_kcore::time::Time;

use crate::base::Core;

/// What connects two ends of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flow {
    /// A message that nobody answers, by its number.
    Message(u64),
    /// An ASK or DELEGATE.
    Request(RequestId),
    /// The outcome of one.
    Outcome(RequestId),
}

impl Flow {
    /// The flow to which a message belongs that its target takes.
    pub(crate) fn of(message: &Message) -> Self {
        message.reply_to.map_or(Self::Message(message.id), Self::Request)
    }
}

/// Something that happened to an agent or that it did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Happening<'h> {
    /// It begins; its name.
    Begins(&'h str),
    /// A time slice of it begins.
    Slice,
    /// The slice ended, how, and the gas that it took.
    SliceEnded {
        /// Gas used.
        gas: u64,
        /// How it ended.
        step: Step,
    },
    /// It sent a message or an answer.
    Sent(Flow, MessageType),
    /// It took a message or an answer.
    Took(Flow, MessageType),
    /// It called the kernel; the call's name and what came of it.
    Called(&'static str, Status),
    /// It goes on with another program, of this identity.
    Swapped(&'h [u8; 32]),
    /// It ended.
    Ended(Exit),
}

/// Who is told.
pub trait Observer {
    /// `agent` did something at `now`.
    fn happened(&mut self, now: Time, agent: AgentId, what: Happening<'_>);
}

impl Core {
    /// Whether anybody is told.
    pub(crate) const fn is_observed(&self) -> bool {
        self.observer.is_some()
    }

    /// Tells the observer, if there is one.
    pub(crate) fn note(&mut self, agent: AgentId, what: Happening<'_>) {
        if let Some(observer) = &mut self.observer {
            observer.happened(self.shard.now(), agent, what);
        }
    }

    /// Tells `observer` who is there, and from now on what happens.
    pub(crate) fn observe(&mut self, mut observer: Box<dyn Observer>) {
        let now = self.shard.now();
        for (agent, record) in self.shard.agents() {
            observer.happened(now, agent, Happening::Begins(record.name()));
        }
        self.observer = Some(observer);
    }
}
