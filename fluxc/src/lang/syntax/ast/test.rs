//! Steps that only tests have.

use alloc::vec::Vec;

use super::{AgentRef, BinaryOp, Device, Expr, Ident, LogLevel, Message, Topic};
use crate::span::Span;

/// Given, When and Expect.
#[derive(Clone, Debug)]
pub enum TestStep<'s> {
    /// `Given x is v`, `Given GPIO pin 17 is on`.
    Given {
        /// What takes the value.
        subject: Subject<'s>,
        /// The value.
        value: Expr<'s>,
    },
    /// `Given x fails`: the device behind a reading, or a device, fails from here on.
    GivenFails {
        /// What fails.
        subject: Subject<'s>,
    },
    /// `Given ASK to a: f(_) gives v`: how an agent answers that the document does not define.
    GivenAnswer {
        /// ASK or DELEGATE.
        kind: MessageKind,
        /// The agent.
        target: AgentRef<'s>,
        /// Which requests.
        message: Pattern<'s>,
        /// The answer; `None` for an ERROR.
        answer: Option<Expr<'s>>,
    },
    /// `When 20s pass`.
    WhenPass {
        /// How long.
        duration: Expr<'s>,
    },
    /// `When told f(…)`, `When asked f(…)`, `When delegated f(…)`, with `a: ` before the request
    /// for another agent than that of the test.
    WhenSent {
        /// How.
        kind: MessageKind,
        /// Whom.
        target: Option<AgentRef<'s>>,
        /// What.
        message: Message<'s>,
    },
    /// `When event "topic": v`.
    WhenEvent {
        /// On which topic.
        topic: Topic<'s>,
        /// What.
        value: Expr<'s>,
    },
    /// `Expect c`.
    Expect {
        /// The condition.
        cond: Expr<'s>,
    },
    /// `Expect GPIO pin 27 is on`: the value that was written last.
    ExpectDevice {
        /// The device.
        device: Device<'s>,
        /// What it should be.
        value: ValuePattern<'s>,
    },
    /// `Expect TELL to a: f(2, _)`, `Expect no DELEGATE`.
    ExpectMessage {
        /// Whether it is to be there.
        presence: Presence,
        /// TELL, ASK or DELEGATE.
        kind: MessageKind,
        /// To whom, if it matters.
        target: Option<AgentRef<'s>>,
        /// What, if it matters.
        message: Option<Pattern<'s>>,
    },
    /// `Expect EVENT "topic": 2`.
    ExpectEvent {
        /// Whether it is to be there.
        presence: Presence,
        /// On which topic, if it matters.
        topic: Option<Topic<'s>>,
        /// What, if it matters.
        value: Option<ValuePattern<'s>>,
    },
    /// `Expect reply 5`, `Expect no reply`.
    ExpectReply {
        /// Whether it is to be there.
        presence: Presence,
        /// What, if it matters.
        value: Option<ValuePattern<'s>>,
    },
    /// `Expect log "text"`, `Expect no log warning`.
    ExpectLog {
        /// Whether it is to be there.
        presence: Presence,
        /// How grave, if it matters.
        level: Option<LogLevel>,
        /// Words in it, if they matter.
        text: Option<Expr<'s>>,
    },
    /// `Expect a trap`, `Expect no trap`.
    ExpectTrap {
        /// Whether it is to be there.
        presence: Presence,
        /// Which kind, if it matters (`Expect trap OVERFLOW`).
        kind: Option<Ident<'s>>,
    },
}

/// What a Given is about.
#[derive(Clone, Debug)]
pub enum Subject<'s> {
    /// A reading, parameter or state variable by its name.
    Name(Ident<'s>),
    /// A device.
    Device(Device<'s>),
}

/// Whether a test wants something to be there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Presence {
    /// It must have happened.
    Some,
    /// It must not have happened.
    No,
}

/// The kinds of messages that a test sends and looks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MessageKind {
    /// TELL.
    Tell,
    /// ASK.
    Ask,
    /// DELEGATE.
    Delegate,
}

/// `f(2, _ > 3, _)` in a test.
#[derive(Clone, Debug)]
pub struct Pattern<'s> {
    /// From the name to the closing parenthesis.
    pub span: Span,
    /// The handler's name.
    pub name: Ident<'s>,
    /// The values.
    pub args: Vec<ValuePattern<'s>>,
}

/// What a value in a test should be.
#[derive(Clone, Debug)]
pub enum ValuePattern<'s> {
    /// `_`: anything.
    Any,
    /// `2`, `_ is above 3`: what compares so with the value.
    Compared(BinaryOp, Expr<'s>),
}

impl TestStep<'_> {
    /// The keyword of the form, for messages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Given { .. } | Self::GivenFails { .. } | Self::GivenAnswer { .. } => "Given",
            Self::WhenPass { .. } | Self::WhenSent { .. } | Self::WhenEvent { .. } => "When",
            Self::Expect { .. }
            | Self::ExpectDevice { .. }
            | Self::ExpectMessage { .. }
            | Self::ExpectEvent { .. }
            | Self::ExpectReply { .. }
            | Self::ExpectLog { .. }
            | Self::ExpectTrap { .. } => "Expect",
        }
    }
}
