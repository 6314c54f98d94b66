//! Steps.

use alloc::boxed::Box;
use alloc::vec::Vec;

use flux_abi::device::DeviceKind;

use super::{CodeBlock, Expr, Ident, TestStep, Topic};
use crate::span::Span;

/// Steps under one opener or in one section.
#[derive(Clone, Debug, Default)]
pub struct Block<'s> {
    /// From the first step to the last.
    pub span: Span,
    /// The steps.
    pub steps: Vec<Step<'s>>,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step<'s> {
    /// The step's own text, without the steps under it and without the list marker.
    pub span: Span,
    /// What it says.
    pub kind: StepKind<'s>,
    /// The parenthesis after the complete step.
    pub remark: Option<Ident<'s>>,
    /// The `Otherwise:` that follows: the last branch of an If, what to do when a Read fails,
    /// an ASK or Wait runs out of time or a TELL, DELEGATE or Publish is not delivered.
    pub otherwise: Option<Box<Otherwise<'s>>>,
}

/// `Otherwise:`.
#[derive(Clone, Debug)]
pub struct Otherwise<'s> {
    /// The word and its colon.
    pub span: Span,
    /// The steps.
    pub body: Block<'s>,
}

/// `If c:` or `Otherwise if c:`.
#[derive(Clone, Debug)]
pub struct IfArm<'s> {
    /// The opener.
    pub span: Span,
    /// The condition.
    pub cond: Expr<'s>,
    /// The steps.
    pub body: Block<'s>,
}

/// The forms of language.md §3.
#[derive(Clone, Debug)]
pub enum StepKind<'s> {
    /// `Read x from DEVICE`. May have an `otherwise`.
    Read {
        /// The variable that takes the value.
        name: Ident<'s>,
        /// The device.
        device: Device<'s>,
    },
    /// `Write v to DEVICE`, `Set DEVICE to v`; the console is a device.
    Write {
        /// The value.
        value: Expr<'s>,
        /// The device.
        device: Device<'s>,
    },
    /// `Set place to v`.
    Set {
        /// A name, field or element.
        place: Expr<'s>,
        /// The new value.
        value: Expr<'s>,
    },
    /// `Let x be v`.
    Let {
        /// The name.
        name: Ident<'s>,
        /// Its value.
        value: Expr<'s>,
    },
    /// `Add v to place`, `Subtract v from place`; Add to a growable array appends.
    Update {
        /// Which.
        op: UpdateOp,
        /// By how much.
        value: Expr<'s>,
        /// A name, field or element.
        place: Expr<'s>,
    },
    /// `If`, each `Otherwise if`; the final `Otherwise` is [`Step::otherwise`].
    If {
        /// At least one.
        arms: Vec<IfArm<'s>>,
    },
    /// `Repeat n times:`.
    Repeat {
        /// How often.
        count: Expr<'s>,
        /// The steps.
        body: Block<'s>,
    },
    /// `While c:`.
    While {
        /// The condition.
        cond: Expr<'s>,
        /// The steps.
        body: Block<'s>,
    },
    /// `For each x in xs:`.
    ForEach {
        /// The variable.
        name: Ident<'s>,
        /// What is gone through.
        iter: Expr<'s>,
        /// The steps.
        body: Block<'s>,
    },
    /// `Every d: …` inside a section.
    Every {
        /// The least time between two runs.
        period: Expr<'s>,
        /// The steps.
        body: Block<'s>,
    },
    /// `Wait d`.
    Wait {
        /// How long.
        duration: Expr<'s>,
    },
    /// `Wait for t within d`: until the RESULT of a ticket. May have an `otherwise`.
    WaitFor {
        /// The ticket.
        ticket: Ident<'s>,
        /// Deadline.
        within: Option<Box<Expr<'s>>>,
    },
    /// `Wait for n agents at barrier "b"`. May have an `otherwise`.
    Barrier {
        /// How many.
        count: Expr<'s>,
        /// The barrier.
        name: Topic<'s>,
        /// Deadline.
        within: Option<Box<Expr<'s>>>,
    },
    /// `YIELD`.
    Yield {
        /// Until when.
        until: YieldUntil<'s>,
    },
    /// `TELL a: f(…)`. May have an `otherwise`.
    Tell {
        /// To whom.
        target: AgentRef<'s>,
        /// What.
        message: Message<'s>,
    },
    /// `ASK a: f(…) as x within d`. May have an `otherwise`.
    Ask {
        /// Whom.
        target: AgentRef<'s>,
        /// What.
        message: Message<'s>,
        /// The variable that takes the answer.
        bind: Option<Ident<'s>>,
        /// Deadline.
        within: Option<Box<Expr<'s>>>,
    },
    /// `DELEGATE to a: f(…) as t within d`. May have an `otherwise`.
    Delegate {
        /// To whom.
        target: AgentRef<'s>,
        /// What.
        message: Message<'s>,
        /// The variable that takes the ticket.
        bind: Option<Ident<'s>>,
        /// Deadline.
        within: Option<Box<Expr<'s>>>,
    },
    /// `Reply with v`.
    Reply {
        /// The answer; `none` if left out.
        value: Option<Expr<'s>>,
    },
    /// `Publish v on "topic"`. May have an `otherwise`.
    Publish {
        /// What.
        value: Expr<'s>,
        /// Where.
        topic: Topic<'s>,
    },
    /// `Subscribe to "topic"`.
    Subscribe {
        /// To what.
        topic: Topic<'s>,
    },
    /// `Spawn a from "file" as w`.
    Spawn {
        /// The agent's name.
        agent: Ident<'s>,
        /// The document, relative to this one; `None` for an agent of this document.
        path: Option<Topic<'s>>,
        /// The variable that takes the handle.
        bind: Option<Ident<'s>>,
    },
    /// `Grant CAP to w`.
    Grant {
        /// The capability, as written.
        capability: Ident<'s>,
        /// To whom.
        to: AgentRef<'s>,
    },
    /// `Revoke CAP from w`.
    Revoke {
        /// The capability, as written.
        capability: Ident<'s>,
        /// From whom.
        from: AgentRef<'s>,
    },
    /// `Let c be the capability CAP on DEVICE`.
    Hold {
        /// The variable that takes it.
        name: Ident<'s>,
        /// The capability, as written.
        capability: Ident<'s>,
        /// The device.
        device: Device<'s>,
    },
    /// `Read x from c`, where `c` holds a capability. May have an `otherwise`.
    ReadHeld {
        /// The variable that takes the value.
        name: Ident<'s>,
        /// The capability.
        from: Ident<'s>,
    },
    /// `Write v to c`, where `c` holds a capability.
    WriteHeld {
        /// The value.
        value: Expr<'s>,
        /// The capability.
        to: Ident<'s>,
    },
    /// `Revoke c`, where `c` holds a capability.
    GiveUp {
        /// The capability.
        name: Ident<'s>,
    },
    /// `Stop w`.
    StopAgent {
        /// Whom.
        agent: AgentRef<'s>,
    },
    /// `Log "…"`, `Log warning "…"`.
    Log {
        /// How grave.
        level: LogLevel,
        /// The text, or any value.
        message: Expr<'s>,
    },
    /// `Record latency 12.5 ms`.
    Record {
        /// The metric.
        metric: Ident<'s>,
        /// The value.
        value: Expr<'s>,
        /// The unit, a label.
        unit: Option<Ident<'s>>,
    },
    /// `Call f(x)`.
    Call {
        /// The function.
        function: Ident<'s>,
        /// Its arguments.
        args: Vec<Expr<'s>>,
    },
    /// `Stop`: ends the agent in order.
    Stop,
    /// `Fail "…"`: ends the agent in a trap.
    Fail {
        /// Why.
        message: Expr<'s>,
    },
    /// Given, When and Expect.
    Test(Box<TestStep<'s>>),
    /// A code span or a `flux` fence.
    Code(CodeBlock<'s>),
    /// A step that has an error.
    Invalid,
}

/// What an [`StepKind::Update`] does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UpdateOp {
    /// Add … to.
    Add,
    /// Subtract … from.
    Subtract,
}

/// What a YIELD waits for.
#[derive(Clone, Debug)]
pub enum YieldUntil<'s> {
    /// The next event or the next point of the period's grid.
    NextEvent,
    /// `(wait forever)`: a message.
    Message,
    /// `YIELD 5s`: this long at most.
    Duration(Expr<'s>),
}

/// How grave a log record is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LogLevel {
    /// `Log debug`.
    Debug,
    /// `Log`, `Log info`.
    Info,
    /// `Log warning`.
    Warning,
    /// `Log error`.
    Error,
}

/// An agent by name (`cloud-agent`) or by a local handle (`w`): a local of that name wins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AgentRef<'s> {
    /// As written.
    pub name: &'s str,
    /// Where.
    pub span: Span,
}

/// `f(a, b)` as the content of a message.
#[derive(Clone, Debug)]
pub struct Message<'s> {
    /// From the name to the closing parenthesis.
    pub span: Span,
    /// The handler's name.
    pub name: Ident<'s>,
    /// The values.
    pub args: Vec<Expr<'s>>,
}

/// A device phrase: `I2C sensor (addr 0x48)`, `GPIO pin 17`.
#[derive(Clone, Debug)]
pub struct Device<'s> {
    /// The phrase.
    pub span: Span,
    /// The kind as written (`I2C`).
    pub kind: Ident<'s>,
    /// The kind.
    pub class: DeviceKind,
    /// The arguments in source order; `pin 17` and `(pin 17)` are the same.
    pub args: Vec<DeviceArg<'s>>,
}

/// `addr 0x48`.
#[derive(Clone, Debug)]
pub struct DeviceArg<'s> {
    /// The key as the device table spells it; for the number after a noun, the table's first
    /// noun (`pin`, `channel`).
    pub key: Ident<'s>,
    /// The value: a literal, since rights are handed out for it before the first step.
    pub value: Expr<'s>,
}

impl StepKind<'_> {
    /// The keyword of the form, for messages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Read { .. } | Self::ReadHeld { .. } => "Read",
            Self::Write { .. } | Self::WriteHeld { .. } => "Write",
            Self::Set { .. } => "Set",
            Self::Let { .. } | Self::Hold { .. } => "Let",
            Self::Update { op: UpdateOp::Add, .. } => "Add",
            Self::Update { op: UpdateOp::Subtract, .. } => "Subtract",
            Self::If { .. } => "If",
            Self::Repeat { .. } => "Repeat",
            Self::While { .. } => "While",
            Self::ForEach { .. } => "For each",
            Self::Every { .. } => "Every",
            Self::Wait { .. } | Self::WaitFor { .. } | Self::Barrier { .. } => "Wait",
            Self::Yield { .. } => "YIELD",
            Self::Tell { .. } => "TELL",
            Self::Ask { .. } => "ASK",
            Self::Delegate { .. } => "DELEGATE",
            Self::Reply { .. } => "Reply",
            Self::Publish { .. } => "Publish",
            Self::Subscribe { .. } => "Subscribe",
            Self::Spawn { .. } => "Spawn",
            Self::Grant { .. } => "Grant",
            Self::Revoke { .. } | Self::GiveUp { .. } => "Revoke",
            Self::StopAgent { .. } | Self::Stop => "Stop",
            Self::Log { .. } => "Log",
            Self::Record { .. } => "Record",
            Self::Call { .. } => "Call",
            Self::Fail { .. } => "Fail",
            Self::Test(step) => step.name(),
            Self::Code(_) => "code",
            Self::Invalid => "step",
        }
    }

    /// Tells whether `Otherwise` may follow.
    #[must_use]
    pub const fn takes_otherwise(&self) -> bool {
        matches!(
            self,
            Self::If { .. }
                | Self::Read { .. }
                | Self::ReadHeld { .. }
                | Self::Ask { .. }
                | Self::Tell { .. }
                | Self::Delegate { .. }
                | Self::Publish { .. }
                | Self::WaitFor { .. }
                | Self::Barrier { .. }
                | Self::Spawn { .. }
                | Self::Invalid
        )
    }
}
