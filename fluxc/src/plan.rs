//! Tests of a document as plans: what whoever runs them does, one action for each step.
//!
//! Values come from *probes*: functions that are compiled into the agent's module with
//! [`crate::Tests::Include`] and exported as [`Probe::export`]. A probe takes nothing and gives its
//! values by REPLY, with a form without a name. So an expression of a test means what it means
//! everywhere else, and whoever runs the plan knows no expressions.
//!
//! # Invariants
//! 1. A plan is there only if the document has no errors.
//! 2. Every probe of a plan is an export of the module of the test's agent.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::span::Span;
use flux_abi::select::LogLevel;
use flux_abi::trap::TrapKind;

/// One `## Test` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// Its name.
    pub name: String,
    /// The line of its heading.
    pub line: u32,
    /// The agent whose names it uses: its number among the modules of the document.
    pub agent: usize,
    /// Its steps.
    pub steps: Vec<Step>,
    /// The heading.
    pub span: Span,
}

/// One step of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its line.
    pub line: u32,
    /// Its text.
    pub text: String,
    /// What to do.
    pub action: Action,
    /// Where.
    pub span: Span,
}

/// A function that gives values of a test.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Probe(pub u32);

impl Probe {
    /// The name of its export. No function of a document can have it.
    #[must_use]
    pub fn export(self) -> String {
        format!("probe {}", self.0)
    }
}

/// How a value is compared with the one that a probe gives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compare {
    /// `is`.
    Equal,
    /// `is not`.
    NotEqual,
    /// `is below`.
    Less,
    /// `is at most`.
    LessOrEqual,
    /// `is above`.
    Greater,
    /// `is at least`.
    GreaterOrEqual,
}

impl Compare {
    /// The comparison in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Equal => "is",
            Self::NotEqual => "is not",
            Self::Less => "is below",
            Self::LessOrEqual => "is at most",
            Self::Greater => "is above",
            Self::GreaterOrEqual => "is at least",
        }
    }
}

/// What a value should be: the value of the probe, compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Wanted {
    /// How.
    pub compare: Compare,
    /// With what: the one value of this probe.
    pub probe: Probe,
}

/// What a message should be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pattern {
    /// Name of the request.
    pub name: String,
    /// For each value how it is compared; `None` if it may be anything.
    pub values: Vec<Option<Compare>>,
    /// Gives what the values that matter are compared with, in order.
    pub probe: Probe,
}

/// Kinds of messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sent {
    /// TELL.
    Tell,
    /// ASK.
    Ask,
    /// DELEGATE.
    Delegate,
}

impl Sent {
    /// The word of the language.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tell => "TELL",
            Self::Ask => "ASK",
            Self::Delegate => "DELEGATE",
        }
    }
}

/// Whether something is to have happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Presence {
    /// It is.
    Some,
    /// It is not.
    No,
}

/// A channel of a device.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reading {
    /// Address of the device.
    pub address: String,
    /// The variable that it is read into; `None` for all of the device.
    pub channel: Option<String>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Gives a parameter its value, before the agents start.
    GiveParameter {
        /// Its name.
        name: String,
        /// Its value, as `--set` takes it.
        text: String,
    },
    /// Lets devices give a value from here on.
    GiveReading {
        /// The devices.
        readings: Vec<Reading>,
        /// Gives the value.
        value: Probe,
    },
    /// Lets devices fail from here on.
    GiveFault {
        /// The devices.
        readings: Vec<Reading>,
    },
    /// Lets an agent that the document does not define answer requests.
    GiveAnswer {
        /// ASK or DELEGATE.
        kind: Sent,
        /// The agent.
        target: String,
        /// Which requests.
        message: Pattern,
        /// Gives the answer; `None` for an ERROR.
        answer: Option<Probe>,
    },
    /// Sets a state variable; before the agents start, instead of its initial value.
    GiveState(Probe),
    /// Runs code.
    Run(Probe),
    /// Lets the time pass that the probe gives.
    Pass(Probe),
    /// Sends a message.
    Send {
        /// How.
        kind: Sent,
        /// Number of the agent.
        agent: usize,
        /// Name of the request.
        name: String,
        /// Gives its values.
        values: Probe,
    },
    /// Publishes an event.
    Publish {
        /// The topic.
        topic: String,
        /// Gives its value.
        value: Probe,
    },
    /// Expects that a condition holds. The probe gives `true`, or `false` and what it found.
    Expect(Probe),
    /// Expects what was written to a device last.
    ExpectWritten {
        /// Its address.
        address: String,
        /// The value.
        wanted: Wanted,
    },
    /// Expects a message of an agent of the document.
    ExpectMessage {
        /// Whether it is to be there.
        presence: Presence,
        /// How it was sent.
        kind: Sent,
        /// To whom, if it matters.
        target: Option<String>,
        /// What, if it matters.
        message: Option<Pattern>,
    },
    /// Expects an event of an agent of the document.
    ExpectEvent {
        /// Whether it is to be there.
        presence: Presence,
        /// On which topic, if it matters.
        topic: Option<String>,
        /// What, if it matters.
        value: Option<Wanted>,
    },
    /// Expects an answer to a request of the test.
    ExpectReply {
        /// Whether it is to be there.
        presence: Presence,
        /// What, if it matters.
        value: Option<Wanted>,
    },
    /// Expects a line that an agent logged.
    ExpectLog {
        /// Whether it is to be there.
        presence: Presence,
        /// How grave, if it matters.
        level: Option<LogLevel>,
        /// Gives words in it, if they matter.
        text: Option<Probe>,
    },
    /// Expects that an agent of the document trapped.
    ExpectTrap {
        /// Whether it is to be there.
        presence: Presence,
        /// How, if it matters.
        kind: Option<TrapKind>,
    },
}

impl Action {
    /// Whether time passes in it, so that messages and log lines before it no longer count.
    #[must_use]
    pub const fn moves(&self) -> bool {
        matches!(self, Self::Pass(_) | Self::Send { .. } | Self::Publish { .. })
    }

    /// Whether it may stand before the start of the agents.
    #[must_use]
    pub const fn prepares(&self) -> bool {
        matches!(
            self,
            Self::GiveParameter { .. }
                | Self::GiveReading { .. }
                | Self::GiveFault { .. }
                | Self::GiveAnswer { .. }
                | Self::GiveState(_)
        )
    }
}
