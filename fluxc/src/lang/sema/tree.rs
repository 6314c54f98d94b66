//! The typed tree: what a document means, with every name resolved and every type known.
//!
//! Expressions live in one arena per document and are named by number; lists of them are
//! runs of a pool. Types of expressions are settled with [`super::Types::settled`].
//!
//! # Invariants
//! 1. An operand's number is smaller than that of the expression that uses it, except for
//!    operands that inference wrapped into a conversion later.
//! 2. A tree that is lowered comes from a document without errors.
//! 3. Every expression and statement has the span of the source that it came from.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::types::{EnumId, StructId, TypeId, Types};
use crate::fir;
use crate::fir::{FloatOp, FloatUnaryOp, IntOp, IntUnaryOp};
use crate::lang::syntax::ast::{BinaryOp, Bound, Dialect, Ident, LogLevel, LoopTest, TextShape, UnaryOp};
use crate::span::Span;
use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::select::TextOp;
use flux_isa::{ExportKind, MigrationWay};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
            pub struct $name(pub u32);

            impl $name {
                /// The number as an index.
                #[must_use]
                pub const fn index(self) -> usize {
                    self.0 as usize
                }
            }
        )*
    };
}

ids! {
    /// An expression.
    ExprId;
    /// A block that is part of an expression.
    BlockId;
    /// A local variable of one function.
    LocalId;
    /// A state variable of one agent.
    StateId;
    /// A parameter of one agent.
    ParamId;
    /// A constant of the document.
    ConstId;
    /// A function of the document.
    FnId;
    /// A text of the document.
    TextId;
    /// A match of the document.
    MatchId;
    /// A link of one agent.
    LinkId;
    /// A pacer of one agent.
    TimerId;
}

/// A run of the pool of expression lists.
#[derive(Clone, Copy, Debug, Default)]
pub struct List {
    pub(super) start: u32,
    pub(super) len: u32,
}

/// A document with all names and types known.
#[derive(Clone, Debug, Default)]
pub struct Program<'s> {
    /// Text of the first level-1 heading.
    pub title: &'s str,
    /// All types.
    pub types: Types<'s>,
    /// All expressions.
    pub exprs: Vec<Expr>,
    /// Pool of expression lists.
    pub lists: Vec<ExprId>,
    /// Blocks that are parts of expressions.
    pub blocks: Vec<Block>,
    /// Matches.
    pub matches: Vec<Vec<Arm>>,
    /// Texts of literals and names.
    pub texts: Vec<Cow<'s, str>>,
    /// Constants.
    pub consts: Vec<Const<'s>>,
    /// Functions.
    pub functions: Vec<Function<'s>>,
    /// Agents; none for a library.
    pub agents: Vec<Agent<'s>>,
    /// Documents by number: the document itself, then its libraries.
    pub documents: Vec<DocumentName>,
    /// Functions named by `## export:`.
    pub exports: Vec<FnId>,
    /// Messages to agents, in the order of the document.
    pub sends: Vec<SendSite<'s>>,
    /// Tests.
    pub tests: Vec<crate::plan::Test>,
    /// Functions that give the values of tests.
    pub probes: Vec<Probe<'s>>,
    /// How many of the functions are not lambdas of tests, which follow them.
    pub untested: usize,
    /// Functions that are values somewhere, by type.
    pub(super) taken: Vec<(TypeId, FnId)>,
}

/// A function that gives values of a test; its number is that in the plan.
#[derive(Clone, Debug)]
pub struct Probe<'s> {
    /// Number of the agent in whose module it is.
    pub agent: usize,
    /// The step.
    pub span: Span,
    /// Its code.
    pub body: Body<'s>,
}

/// What a document is called.
#[derive(Clone, Debug, Default)]
pub struct DocumentName {
    /// Its path, relative to the folder of the document itself.
    pub path: String,
    /// Its file name without endings, as a name of the language.
    pub stem: String,
}

/// A message that a step sends to an agent.
#[derive(Clone, Copy, Debug)]
pub struct SendSite<'s> {
    /// How.
    pub kind: SendKind,
    /// Whom.
    pub target: Ident<'s>,
    /// Which handler.
    pub request: Ident<'s>,
    /// Values.
    pub count: u8,
}

/// An expression.
#[derive(Clone, Copy, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its type.
    pub ty: TypeId,
    /// Where.
    pub span: Span,
}

/// Sign of an integer literal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sign {
    /// None.
    Plus,
    /// `-` before it.
    Minus,
}

/// Expressions.
#[derive(Clone, Copy, Debug)]
pub enum ExprKind {
    /// A whole number; of a float type if inference says so.
    Int(Sign, u64),
    /// A number with a point.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// Nanoseconds.
    Duration(i64),
    /// A text.
    Text(TextId),
    /// Texts and values put together.
    Interpolate(List),
    /// A local.
    Local(LocalId),
    /// A state variable.
    State(StateId),
    /// A parameter.
    Param(ParamId),
    /// A constant.
    Const(ConstId),
    /// A variant of an enum without payloads.
    Variant(EnumId, u32),
    /// A variant of an enum of which a variant has a payload: tag, payload.
    Tagged(u32, List),
    /// An optional without a value.
    None,
    /// An optional with a value.
    Some(ExprId),
    /// A field of a struct.
    Field(ExprId, StructId, u32),
    /// An element of an array or of bytes: array, index. In a place that is updated also the value
    /// of a key: map, key.
    Index(ExprId, ExprId),
    /// An operation on a growable value or text, which is the first of the list.
    Collection(CollectionOp, List),
    /// A call of a function.
    Call(FnId, List),
    /// A call of a function value.
    CallValue(ExprId, List),
    /// The name of a function as a value.
    Function(FnId),
    /// A lambda with the values that it captures.
    Closure(FnId, List),
    /// An operation that the language provides.
    Builtin(Builtin, List),
    /// An operator before an operand.
    Unary(UnaryOp, ExprId),
    /// An operator between operands of one type.
    Binary(BinaryOp, ExprId, ExprId),
    /// A conversion to the expression's type.
    Convert(ExprId),
    /// A choice.
    If(ExprId, BlockId, BlockId),
    /// A choice among many.
    Match(ExprId, MatchId),
    /// An array of the listed elements.
    Array(List),
    /// An array of equal elements; a growable one has their number as second.
    Repeat(ExprId, Option<ExprId>),
    /// A struct: its fields in the order of the declaration.
    Struct(List),
    /// A mistake was reported.
    Invalid,
}

/// Operations on growable arrays, bytes, maps and texts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CollectionOp {
    /// Number of elements or entries.
    Length,
    /// Appends an element.
    Push,
    /// Puts an element before the one with this number.
    Insert,
    /// Takes the element with this number out.
    Remove,
    /// Whether an element is there.
    Contains,
    /// Elements from one number to before another.
    Slice,
    /// One array behind another.
    Concat,
    /// Takes the last element out, if there is one.
    Pop,
    /// The texts of an array with one between each two.
    Join,
    /// Bytes as a text, if they are UTF-8.
    Text,
    /// An operation on texts that gives what the machine's does.
    OfText(TextOp),
    /// Characters from one number to before another.
    TextSlice,
    /// Whether a text is in a text.
    TextContains,
    /// Number of the character where a text begins in a text, if it does.
    Find,
    /// A text with one text for each other one.
    Replace,
    /// The number whose text it is, if it is one.
    Parse(FloatOrInt),
    /// A value as a text of a given shape.
    Shaped(TextShape),
    /// A map of keys and values, which take turns in the list.
    MapOf,
    /// The value of a key, if the map has it.
    Get,
    /// Gives a key of a map a value.
    Set,
    /// Whether a map has a key.
    Has,
    /// Takes a key out of a map; its value, if it was there.
    Take,
    /// The keys of a map in the order in which they came.
    Keys,
    /// The values of a map in the order in which their keys came.
    Values,
    /// An array of what the function gives for each element.
    Map,
    /// An array of the elements for which the function holds.
    Filter,
    /// What the function makes of the value so far and each element.
    Fold,
    /// Whether the function holds for an element.
    Any,
    /// Whether the function holds for all elements.
    All,
    /// The first element for which the function holds.
    First,
    /// Sorts in place; with a function, by whether it puts one element before another.
    Sort,
    /// An operation on a memory region.
    OfRegion(RegionOp),
}

/// What is done with a memory region.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RegionOp {
    /// The handle of a region of the agent's own.
    Own(LinkId),
    /// Its bytes.
    Length,
    /// The integer from a byte on.
    ReadInt,
    /// The float from a byte on.
    ReadFloat,
    /// Puts an integer from a byte on.
    WriteInt,
    /// Puts a float from a byte on.
    WriteFloat,
    /// A handle of it that does not write.
    ReadOnly,
}

impl CollectionOp {
    /// Whether it makes or changes a growable value.
    #[must_use]
    pub const fn needs_memory(self) -> bool {
        match self {
            Self::OfText(op) => matches!(op, TextOp::Split | TextOp::Copy),
            Self::TextSlice | Self::TextContains | Self::Find | Self::Replace | Self::Parse(_) => false,
            Self::Length | Self::Contains | Self::Get | Self::Has | Self::OfRegion(_) => false,
            Self::Shaped(_) | Self::Fold | Self::Any | Self::All | Self::First => false,
            _ => true,
        }
    }
}

/// What a text is read as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FloatOrInt {
    /// A whole number.
    Int,
    /// A number.
    Float,
}

impl CollectionOp {
    /// Whether the first operand is a place that is changed.
    #[must_use]
    pub const fn changes(self) -> bool {
        matches!(
            self,
            Self::Push | Self::Pop | Self::Insert | Self::Remove | Self::Set | Self::Take | Self::Sort
        )
    }
}

/// Operations that the language provides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Builtin {
    /// Length of an array, known from its type.
    ArrayLength,
    /// Length of a text in bytes.
    TextLength,
    /// The smaller of two numbers.
    Min,
    /// The greater of two numbers.
    Max,
    /// Absolute value.
    Abs,
    /// The nearest whole number, halves to the even one, as an integer.
    RoundEven,
    /// The nearest number in a range: value, lowest, highest.
    Clamp,
    /// An integer operation of one operand.
    IntUnary(IntUnaryOp),
    /// An integer operation of two operands.
    Int(IntOp),
    /// A float operation of one operand.
    FloatUnary(FloatUnaryOp),
    /// A float operation of two operands.
    Float(FloatOp),
}

/// A block.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// Its statements.
    pub stmts: Vec<Stmt>,
    /// Its value, if one is wanted.
    pub value: Option<ExprId>,
}

/// An arm of a match.
#[derive(Clone, Debug)]
pub struct Arm {
    /// What it takes; any of these.
    pub patterns: Vec<Pattern>,
    /// A further condition.
    pub guard: Option<ExprId>,
    /// What it does.
    pub body: Block,
}

/// A pattern.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// Every value.
    All,
    /// Every value, which the local takes.
    Bind(LocalId),
    /// An optional or enum with this tag, whose payload the patterns take.
    Tagged(u32, Vec<Self>),
    /// One value: a literal or an enum's variant.
    Equal(ExprId),
    /// A range of values.
    Range(ExprId, ExprId, Bound),
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// What it does.
    pub kind: StmtKind,
    /// Where.
    pub span: Span,
}

/// What a message is made of, beside its values.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Name of the handler or topic.
    pub name: TextId,
    /// Type of the answer; [`TypeId::UNIT`] if none is wanted.
    pub result: TypeId,
    /// Until when an answer is waited for.
    pub deadline: Deadline,
}

/// How long something is waited for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Deadline {
    /// As long as usual.
    Usual,
    /// So many nanoseconds, at least 1.
    After(i64),
    /// As long as a duration says that is computed then; nothing or less has passed at once.
    Computed(ExprId),
}

/// Kinds of sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SendKind {
    /// TELL.
    Tell,
    /// ASK.
    Ask,
    /// DELEGATE.
    Delegate,
    /// Publish.
    Publish,
}

/// What a YIELD waits for.
#[derive(Clone, Copy, Debug)]
pub enum YieldUntil {
    /// The next event.
    Event,
    /// A message.
    Message,
    /// So many nanoseconds.
    Duration(ExprId),
}

/// Statements of code and steps.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// A local begins, with a value or (to be assigned later) without.
    Let(LocalId, Option<ExprId>),
    /// A place takes a value.
    Assign(ExprId, ExprId),
    /// A place takes a value in which the place itself stands, its address found once: an operator
    /// of C or Python on other types than that of the place.
    Rewrite(ExprId, ExprId),
    /// A place takes the result of an operator on itself and a value.
    Update(ExprId, BinaryOp, ExprId),
    /// An expression whose value is not used.
    Eval(ExprId),
    /// Conditions with their blocks, and the rest.
    If(Vec<(ExprId, Block)>, Option<Box<Block>>),
    /// While the condition holds.
    While(ExprId, Block),
    /// A loop with a step that also runs after `continue`.
    Loop(Box<Loop>),
    /// A choice by number: each case goes on into the next one unless it breaks.
    Switch(ExprId, Vec<Case>),
    /// So many times.
    Repeat(ExprId, Block),
    /// From start to end.
    ForRange(LocalId, ExprId, ExprId, Bound, Box<Block>),
    /// For each element of an array.
    ForEach(LocalId, ExprId, Box<Block>),
    /// Ends the innermost loop.
    Break,
    /// Goes on with the next round of the innermost loop.
    Continue,
    /// Ends the function, or answers and ends the run.
    Return(Option<ExprId>),
    /// Traps unless the condition holds; with the text of what to say.
    Expect(ExprId, Option<ExprId>),
    /// Reads a device into a place; what to do on failure.
    Read(ExprId, LinkId, Option<Box<Block>>),
    /// Writes a device.
    Write(LinkId, ExprId),
    /// At most once in the pacer's interval.
    Every(TimerId, Block),
    /// Suspends for a time.
    Wait(ExprId),
    /// Suspends until something happens.
    Yield(YieldUntil),
    /// Sends a message.
    Send(Box<Sending>),
    /// Suspends until a ticket's RESULT.
    WaitFor {
        /// The ticket.
        ticket: ExprId,
        /// What answer is expected.
        form: Form,
        /// Takes the answer.
        bind: LocalId,
        /// What to do when it fails.
        otherwise: Option<Box<Block>>,
    },
    /// Suspends until enough agents are there.
    Barrier {
        /// Its name.
        name: TextId,
        /// How many.
        count: ExprId,
        /// At most so long; usually without a limit.
        within: Deadline,
        /// What to do when it fails.
        otherwise: Option<Box<Block>>,
    },
    /// Gives values to whoever runs a test.
    Emit(List),
    /// Answers the request that started the run.
    Reply(TextId, Option<ExprId>),
    /// Subscribes to a topic.
    Subscribe(LinkId),
    /// Writes to the log.
    Log(LogLevel, ExprId),
    /// Records a metric.
    Record(TextId, ExprId),
    /// Starts another agent.
    Spawn(Box<Spawning>),
    /// Gives rights to another agent, or takes them back.
    Entrust(Box<Entrusting>),
    /// Puts a capability on the device of a link into a place.
    Hold(ExprId, LinkId, CapabilityKind),
    /// Reads the device of a capability, which comes second, into a place; what to do on failure.
    ReadHeld(ExprId, ExprId, Option<Box<Block>>),
    /// Writes a value to the device of a capability, which comes first.
    WriteHeld(ExprId, ExprId),
    /// Gives a capability up, and takes it back from whoever it was passed to.
    GiveUp(ExprId),
    /// Asks another agent to end in order.
    StopAgent(ExprId),
    /// Ends the agent in order.
    Stop,
    /// Ends the agent as failed.
    Fail(ExprId),
}

/// A loop with all its parts.
#[derive(Clone, Debug)]
pub struct Loop {
    /// Goes on while it holds; for ever without one.
    pub cond: Option<ExprId>,
    /// When the condition is looked at.
    pub test: LoopTest,
    /// The body.
    pub body: Block,
    /// After each round.
    pub step: Block,
}

/// Whom a message is sent to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target {
    /// An agent or a topic by its name.
    Link(LinkId),
    /// The agent of a handle.
    Handle(ExprId),
}

/// An agent that is started.
#[derive(Clone, Debug)]
pub struct Spawning {
    /// From which module.
    pub link: LinkId,
    /// Takes the handle.
    pub bind: Option<ExprId>,
    /// What to do when it fails.
    pub otherwise: Option<Box<Block>>,
}

/// Rights that are given to an agent, or taken back.
#[derive(Clone, Debug)]
pub struct Entrusting {
    /// Which way.
    pub way: Way,
    /// To or from whom.
    pub agent: ExprId,
    /// The kind.
    pub kind: CapabilityKind,
    /// Links to what the kind reaches, in the modules of the agents that are started.
    pub links: Vec<LinkId>,
}

/// Which way rights go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// `Grant`.
    Give,
    /// `Revoke`.
    Take,
}

/// A message that is sent.
#[derive(Clone, Debug)]
pub struct Sending {
    /// How.
    pub kind: SendKind,
    /// To whom.
    pub target: Target,
    /// What.
    pub form: Form,
    /// Its values.
    pub args: List,
    /// Takes the answer or the ticket.
    pub bind: Option<LocalId>,
    /// The state variable that takes the answer, and the answer as it takes it.
    pub store: Option<(ExprId, ExprId)>,
    /// What to do when it fails.
    pub otherwise: Option<Box<Block>>,
}

/// A case of a choice by number.
#[derive(Clone, Debug)]
pub struct Case {
    /// Constants of the subject's type, each in one case only.
    pub labels: Vec<ExprId>,
    /// Whether it takes what no label takes.
    pub takes_rest: bool,
    /// What it does.
    pub body: Block,
}

/// A value known when compiling.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Int(i128),
    /// A number; an `f32` is held exactly.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// Nanoseconds.
    Duration(i64),
    /// A text.
    Text(String),
    /// Elements or fields.
    Aggregate(Vec<Self>),
    /// Equal elements.
    Repeat(Box<Self>, u32),
    /// Values by text, each key once.
    Map(Vec<(String, Self)>),
    /// An optional, or an enum of which a variant has a payload: tag, payload.
    Tagged(u32, Vec<Self>),
}

impl Value {
    /// Bytes that it takes beside itself.
    pub(super) fn bytes(&self) -> usize {
        let inside = |value: &Self| size_of::<Self>().saturating_add(value.bytes());
        match self {
            Self::Int(_) | Self::Float(_) | Self::Bool(_) | Self::Duration(_) => 0,
            Self::Text(text) => text.len(),
            Self::Aggregate(values) | Self::Tagged(_, values) => {
                values.iter().map(inside).fold(0, usize::saturating_add)
            }
            Self::Repeat(value, _) => inside(value),
            Self::Map(entries) => entries
                .iter()
                .map(|(key, value)| {
                    key.len().saturating_add(size_of::<String>()).saturating_add(inside(value))
                })
                .fold(0, usize::saturating_add),
        }
    }
}

/// A constant.
#[derive(Clone, Debug)]
pub struct Const<'s> {
    /// Its name.
    pub name: &'s str,
    /// Number of its document.
    pub unit: u16,
    /// Where.
    pub span: Span,
    /// Its type.
    pub ty: TypeId,
    /// Its value; `None` after an error.
    pub value: Option<Value>,
}

/// A local variable.
#[derive(Clone, Copy, Debug)]
pub struct Local<'s> {
    /// Its name.
    pub name: &'s str,
    /// Its type.
    pub ty: TypeId,
    /// Where it is introduced.
    pub span: Span,
}

/// Code with its locals; the first ones are the parameters.
#[derive(Clone, Debug, Default)]
pub struct Body<'s> {
    /// How many of the locals are parameters.
    pub params: u32,
    /// All locals.
    pub locals: Vec<Local<'s>>,
    /// The code.
    pub block: Block,
    /// Functions that it calls or names, in order of the first call, then those that the function
    /// values it calls may be.
    pub calls: Vec<FnId>,
    /// Types of the function values that it calls.
    pub(super) indirect: Vec<TypeId>,
    /// Per local the expression that reads it last, if nothing reads the same value after that.
    pub last_reads: Vec<Option<ExprId>>,
}

impl Body<'_> {
    /// Nothing.
    pub const EMPTY: Self = Self {
        params: 0,
        locals: Vec::new(),
        block: Block { stmts: Vec::new(), value: None },
        calls: Vec::new(),
        indirect: Vec::new(),
        last_reads: Vec::new(),
    };
}

/// The code of a function that is no tree.
#[derive(Clone, Debug)]
pub struct GivenBody {
    /// Where the inside of the fence begins; lines of the code count from there.
    pub start: u32,
    /// The functions that the code numbers.
    pub functions: Vec<FnId>,
    /// The code.
    pub code: GivenCode,
}

/// What a fence says of a function.
#[derive(Clone, Debug)]
pub enum GivenCode {
    /// Verified FIR.
    Fir(fir::Function),
    /// Verified machine code.
    Machine(fir::Given),
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function<'s> {
    /// Its name.
    pub name: &'s str,
    /// Number of its document.
    pub unit: u16,
    /// Name to result type.
    pub span: Span,
    /// Type of its result.
    pub ret: TypeId,
    /// The language that it is written in.
    pub dialect: Dialect,
    /// By parameter, whether the body changes an array or struct of its caller.
    pub changes: Vec<bool>,
    /// Its code.
    pub body: Body<'s>,
    /// The code of a `fir` or `fluxasm` fence, in place of the body's block.
    pub given: Option<Box<GivenBody>>,
    /// Of a lambda: how many of the locals after the parameters are values that it captured.
    pub captures: Option<u32>,
    /// The first thing in it that needs memory that grows.
    pub(super) grows: Option<(Span, &'static str)>,
}

/// A state variable.
#[derive(Clone, Debug)]
pub struct StateVar<'s> {
    /// Its name.
    pub name: &'s str,
    /// Where.
    pub span: Span,
    /// Its type.
    pub ty: TypeId,
    /// Its first value; zero if left out.
    pub initial: Option<ExprId>,
}

/// What makes a name a parameter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Named {
    /// An entry of `## Config`.
    InConfig,
    /// A step that uses it.
    ByUse,
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Param<'s> {
    /// Its name.
    pub name: &'s str,
    /// Its first use or its entry in Config.
    pub span: Span,
    /// Its type.
    pub ty: TypeId,
    /// Its default, as `--set` takes it.
    pub default: Option<String>,
    /// Whether `## Config` names it.
    pub(super) named: Named,
    /// The expression that the default comes from.
    pub(super) default_expr: Option<ExprId>,
    /// One line for people.
    pub help: String,
}

/// A thing outside that an agent uses.
#[derive(Clone, Debug)]
pub struct Link<'s> {
    /// What it is wired to.
    pub link: flux_isa::Link,
    /// Its first use.
    pub span: Span,
    /// Its name as written.
    pub name: &'s str,
}

/// A pacer.
#[derive(Clone, Debug)]
pub struct Timer {
    /// The section it stands in.
    pub section: String,
    /// Its interval.
    pub interval_ns: i64,
    /// Its number within the section.
    pub ordinal: u16,
}

/// How a section answers the request that starts it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answers {
    /// It may end without an answer, or nobody asks.
    Perhaps,
    /// By `return` on every way.
    Returns,
    /// On every way, at least once by Reply.
    Replies,
}

/// A section that runs.
#[derive(Clone, Debug)]
pub struct Section<'s> {
    /// When it is started.
    pub kind: ExportKind,
    /// Its name for people, as `On reset`.
    pub title: String,
    /// Name of the request or topic.
    pub name: &'s str,
    /// Interval of an Every.
    pub interval_ns: i64,
    /// The heading.
    pub span: Span,
    /// Type of the answer.
    pub ret: TypeId,
    /// How it answers.
    pub answers: Answers,
    /// Its code.
    pub body: Body<'s>,
}

/// An agent.
#[derive(Clone, Debug)]
pub struct Agent<'s> {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: &'s str,
    /// Where it is declared.
    pub span: Span,
    /// What it declares.
    pub capabilities: CapabilitySet,
    /// Period of the loop.
    pub period_ns: i64,
    /// Interval of heartbeats; 0 for none.
    pub heartbeat_ns: i64,
    /// Priority.
    pub priority: u8,
    /// Quota in bytes.
    pub memory: u64,
    /// Gas between suspensions.
    pub gas: u64,
    /// Topics subscribed to at start.
    pub subscribe: Vec<String>,
    /// State variables.
    pub state: Vec<StateVar<'s>>,
    /// Locals and calls of the initial values.
    pub state_body: Body<'s>,
    /// Parameters.
    pub params: Vec<Param<'s>>,
    /// Links.
    pub links: Vec<Link<'s>>,
    /// Pacers.
    pub timers: Vec<Timer>,
    /// Sections.
    pub sections: Vec<Section<'s>>,
    /// Migrations, those that the compiler derived included.
    pub migrations: Vec<Migration<'s>>,
    /// What it does when an agent that it started ends.
    pub supervise: Option<flux_isa::Supervise>,
}

/// A function from one state to another: its parameter is the old state, its result the new one.
#[derive(Clone, Debug)]
pub struct Migration<'s> {
    /// Which way.
    pub way: MigrationWay,
    /// The other version.
    pub version: &'s str,
    /// Its name for people, as `Migrate from 1`.
    pub title: String,
    /// The heading.
    pub span: Span,
    /// The struct of the other version's state.
    pub other: StructId,
    /// Type of the result.
    pub ret: TypeId,
    /// Its code.
    pub body: Body<'s>,
}

impl Function<'_> {
    /// Tells whether a parameter is or holds a function value, which nobody outside can give.
    #[must_use]
    pub fn takes_functions(&self, types: &Types<'_>) -> bool {
        let params = self.body.locals.iter().take(self.body.params as usize);
        params.into_iter().any(|param| types.holds_function(param.ty))
    }
}

impl<'s> Program<'s> {
    /// An expression; `Invalid` if there is none of that number.
    #[must_use]
    pub fn expr(&self, id: ExprId) -> Expr {
        self.exprs.get(id.index()).copied().unwrap_or(Expr {
            kind: ExprKind::Invalid,
            ty: TypeId::ERROR,
            span: Span::empty(0),
        })
    }

    /// A probe.
    #[must_use]
    pub fn probe(&self, probe: crate::plan::Probe) -> Option<&Probe<'s>> {
        self.probes.get(probe.0 as usize)
    }

    /// The probes in the module of an agent.
    pub fn probes_of(&self, agent: usize) -> impl Iterator<Item = crate::plan::Probe> {
        let numbered = (0u32..).zip(&self.probes);
        numbered.filter(move |(_, row)| row.agent == agent).map(|(number, _)| crate::plan::Probe(number))
    }

    /// The expressions of a list.
    #[must_use]
    pub fn list(&self, list: List) -> &[ExprId] {
        let start = list.start as usize;
        self.lists.get(start..start.saturating_add(list.len as usize)).unwrap_or(&[])
    }

    /// A text.
    #[must_use]
    pub fn text(&self, id: TextId) -> &str {
        self.texts.get(id.index()).map_or("", |text| text.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_takes_the_bytes_of_all_that_is_in_it() {
        let text = || Value::Text("abc".into());
        let one = size_of::<Value>();
        assert_eq!([Value::Int(1), Value::Float(1.0), Value::Bool(true)].map(|value| value.bytes()), [0; 3]);
        assert_eq!(text().bytes(), 3);
        assert_eq!(Value::Aggregate(alloc::vec![text(), Value::Int(1)]).bytes(), 2 * one + 3);
        assert_eq!(Value::Tagged(1, alloc::vec![text()]).bytes(), one + 3);
        assert_eq!(Value::Repeat(Box::new(text()), 1_000).bytes(), one + 3);
        let map = Value::Map(alloc::vec![("key".into(), text())]);
        assert_eq!(map.bytes(), size_of::<String>() + 3 + one + 3);
    }
}
