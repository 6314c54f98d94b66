//! The syntax tree of one document.
//!
//! The tree borrows from the document: names are slices of the source, so that a
//! document of a million names costs no million allocations. Only string literals
//! with escapes own their text.
//!
//! # Invariants
//! 1. Every node has the span of the source it was read from.
//! 2. No expression is nested deeper than 128, no type deeper than 32, no step block
//!    deeper than 32 (`Step` inside `Step`), so recursion over the tree is bounded.
//! 3. What could not be read is left out of the tree (or is [`StepKind::Invalid`] or
//!    [`ExprKind::Invalid`]) and has an error in the sink; a tree without errors holds neither.
//! 4. Names are as written: nothing is resolved, no prefix rule or parameter rule applied.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::device::DeviceKind;

use crate::span::Span;

/// A name or word as it stands in the source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ident<'s> {
    /// The text.
    pub text: &'s str,
    /// Where.
    pub span: Span,
}

/// A value with its place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where.
    pub span: Span,
}

// ---------------------------------------------------------------- document

/// One `.flux.md` file.
#[derive(Clone, Debug, Default)]
pub struct Document<'s> {
    /// The whole text, to which all spans refer.
    pub source: &'s str,
    /// The text of the first level-1 heading.
    pub title: Option<Ident<'s>>,
    /// The YAML block at the top.
    pub frontmatter: Frontmatter<'s>,
    /// `## Compile`.
    pub compile: CompileKeys<'s>,
    /// The agents: first the one of `## Agent` (present if any agent section is), then those
    /// of `## agent: x` in source order. Empty for a library.
    pub agents: Vec<AgentDoc<'s>>,
    /// Constants, types and functions of the whole document, in source order.
    pub items: Vec<Item<'s>>,
    /// `## Test`.
    pub tests: Vec<Test<'s>>,
    /// `## tile:`.
    pub tiles: Vec<Tile<'s>>,
    /// `## region:`.
    pub regions: Vec<Region<'s>>,
    /// `## import:`.
    pub imports: Vec<Import<'s>>,
    /// `## export:`.
    pub exports: Vec<Export<'s>>,
    /// Fences of other languages that mean something: FIR, assembly, C, Python, data.
    pub fences: Vec<Foreign<'s>>,
}

/// The YAML block at the top.
#[derive(Clone, Debug, Default)]
pub struct Frontmatter<'s> {
    /// The block with its two `---` lines; `None` if there is none.
    pub span: Option<Span>,
    /// Language version.
    pub flux: Option<Ident<'s>>,
    /// The first agent's name; already merged into its [`AgentKeys::name`].
    pub agent: Option<Ident<'s>>,
    /// Capabilities; already merged into the first agent's [`AgentKeys::capabilities`].
    pub capabilities: Vec<Ident<'s>>,
    /// Trust, 0..=1.
    pub trust: Option<Spanned<f64>>,
    /// Names of tiles used.
    pub tiles: Vec<Ident<'s>>,
    /// Paths of other documents, relative to this one.
    pub dependencies: Vec<Ident<'s>>,
}

/// What `flux build` makes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target {
    /// The machine at hand.
    Native,
    /// A `.fluxbc` module.
    Bytecode,
    /// x86-64.
    X86_64,
    /// AArch64.
    Arm64,
    /// RISC-V, 64 bits.
    Riscv64,
    /// WebAssembly.
    Wasm32,
    /// C source.
    C,
}

/// Optimisation level.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Optimize {
    /// None.
    O0,
    /// Cheap passes.
    O1,
    /// Balanced.
    O2,
    /// For speed.
    O3,
    /// For size.
    Os,
    /// For the smallest size.
    Oz,
}

/// `## Compile`.
#[derive(Clone, Debug, Default)]
pub struct CompileKeys<'s> {
    /// The heading, if the section is there.
    pub heading: Option<Span>,
    /// `target:`.
    pub target: Option<Spanned<Target>>,
    /// `optimize:`.
    pub optimize: Option<Spanned<Optimize>>,
    /// `board:`.
    pub board: Option<Ident<'s>>,
    /// `heap:` in bytes.
    pub heap: Option<Spanned<u64>>,
    /// `stack:` in bytes.
    pub stack: Option<Spanned<u64>>,
    /// `gas:` between two suspensions.
    pub gas: Option<Spanned<u64>>,
}

/// One agent.
#[derive(Clone, Debug, Default)]
pub struct AgentDoc<'s> {
    /// The `## agent: x` heading; `None` for the first agent.
    pub heading: Option<Span>,
    /// `## Agent`, merged with the frontmatter; for `## agent: x` the name is x.
    pub keys: AgentKeys<'s>,
    /// `## Config`.
    pub config: Vec<ConfigEntry<'s>>,
    /// `## State`.
    pub state: Vec<StateEntry<'s>>,
    /// `## Init`.
    pub init: Option<Section<'s>>,
    /// `## Loop`.
    pub main_loop: Option<Section<'s>>,
    /// `## Every d`.
    pub timers: Vec<Timer<'s>>,
    /// `## On request(…)`.
    pub handlers: Vec<Handler<'s>>,
    /// `## On topic "…"`.
    pub topics: Vec<TopicHandler<'s>>,
    /// `## Migrate …`.
    pub migrations: Vec<Migration<'s>>,
    /// `## Supervise`.
    pub supervise: Option<Supervise<'s>>,
}

/// `## Agent`.
#[derive(Clone, Debug, Default)]
pub struct AgentKeys<'s> {
    /// The `## Agent` heading, if there.
    pub heading: Option<Span>,
    /// `name:`.
    pub name: Option<Ident<'s>>,
    /// `version:`.
    pub version: Option<Ident<'s>>,
    /// `capabilities:` as written (`IO_READ`).
    pub capabilities: Vec<Ident<'s>>,
    /// `heartbeat:` in nanoseconds, at least 1.
    pub heartbeat: Option<Spanned<u64>>,
    /// `period:` in nanoseconds, at least 1.
    pub period: Option<Spanned<u64>>,
    /// `priority:`.
    pub priority: Option<Spanned<u8>>,
    /// `memory:` in bytes.
    pub memory: Option<Spanned<u64>>,
    /// `subscribe:` topics.
    pub subscribe: Vec<Topic<'s>>,
}

/// A topic of the publish-subscribe space.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Topic<'s> {
    /// The name without its quotes.
    pub name: Cow<'s, str>,
    /// Where, quotes included.
    pub span: Span,
}

/// `- name: type = default — help`.
#[derive(Clone, Debug)]
pub struct ConfigEntry<'s> {
    /// The whole entry.
    pub span: Span,
    /// The parameter.
    pub name: Ident<'s>,
    /// Its type, if written.
    pub ty: Option<Type<'s>>,
    /// Its default, if written.
    pub default: Option<Expr<'s>>,
    /// The prose after it.
    pub help: Option<Ident<'s>>,
}

/// `- name: type = initial`.
#[derive(Clone, Debug)]
pub struct StateEntry<'s> {
    /// The whole entry.
    pub span: Span,
    /// The variable.
    pub name: Ident<'s>,
    /// Its type, if written.
    pub ty: Option<Type<'s>>,
    /// Its first value, if written.
    pub initial: Option<Expr<'s>>,
    /// The prose after it.
    pub help: Option<Ident<'s>>,
}

/// A section of steps.
#[derive(Clone, Debug)]
pub struct Section<'s> {
    /// The heading.
    pub heading: Span,
    /// The steps.
    pub body: Block<'s>,
}

/// `## Every 60s`.
#[derive(Clone, Debug)]
pub struct Timer<'s> {
    /// The heading.
    pub heading: Span,
    /// The period: a duration, a parameter or an expression of them.
    pub period: Expr<'s>,
    /// The steps.
    pub body: Block<'s>,
}

/// A parameter of a handler, function or lambda.
#[derive(Clone, Debug)]
pub struct Param<'s> {
    /// Its name.
    pub name: Ident<'s>,
    /// Its type; functions always have one, handlers and lambdas may leave it out.
    pub ty: Option<Type<'s>>,
}

/// `## On request(a: int) -> int`.
#[derive(Clone, Debug)]
pub struct Handler<'s> {
    /// The heading.
    pub heading: Span,
    /// The request.
    pub name: Ident<'s>,
    /// Its parameters, at most 256.
    pub params: Vec<Param<'s>>,
    /// The type of the answer.
    pub ret: Option<Type<'s>>,
    /// The steps.
    pub body: Block<'s>,
}

/// `## On topic "alerts"`, with the payload's values as parameters: `## On topic "alerts" (level: f64)`.
#[derive(Clone, Debug)]
pub struct TopicHandler<'s> {
    /// The heading.
    pub heading: Span,
    /// The topic.
    pub topic: Topic<'s>,
    /// Names for the values of the event.
    pub params: Vec<Param<'s>>,
    /// The steps.
    pub body: Block<'s>,
}

/// Which way a migration goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// `## Migrate from v`: from v's state to this version's.
    From,
    /// `## Migrate back to v`: from this version's state to v's.
    BackTo,
}

/// `## Migrate from 1`, `## Migrate back to 1`.
#[derive(Clone, Debug)]
pub struct Migration<'s> {
    /// The heading.
    pub heading: Span,
    /// Which way.
    pub direction: Direction,
    /// The other version.
    pub version: Ident<'s>,
    /// The steps.
    pub body: Block<'s>,
}

/// A `key: value` line as it stands.
#[derive(Clone, Copy, Debug)]
pub struct KeyValue<'s> {
    /// The key.
    pub key: Ident<'s>,
    /// The value without a final parenthesis.
    pub value: Ident<'s>,
}

/// `## Supervise`: keys such as `restart:`, and one entry for each child.
#[derive(Clone, Debug)]
pub struct Supervise<'s> {
    /// The heading.
    pub heading: Span,
    /// `key: value` lines.
    pub keys: Vec<KeyValue<'s>>,
    /// The list items, one for each child, as text.
    pub children: Vec<Ident<'s>>,
}

/// `## Test "name"`.
#[derive(Clone, Debug)]
pub struct Test<'s> {
    /// The heading.
    pub heading: Span,
    /// The name.
    pub name: Topic<'s>,
    /// The steps.
    pub body: Block<'s>,
}

/// `## tile: name`.
#[derive(Clone, Debug)]
pub struct Tile<'s> {
    /// The heading.
    pub heading: Span,
    /// The name.
    pub name: Ident<'s>,
    /// `category:` and what else is given.
    pub keys: Vec<KeyValue<'s>>,
    /// The declarations in its fences.
    pub items: Vec<Item<'s>>,
}

/// `## region: name`.
#[derive(Clone, Debug)]
pub struct Region<'s> {
    /// The heading.
    pub heading: Span,
    /// The name.
    pub name: Ident<'s>,
    /// `size:` in bytes.
    pub size: Option<Spanned<u64>>,
    /// `perm:` as written (`rw`).
    pub perm: Option<Ident<'s>>,
}

/// `## import: path`.
#[derive(Clone, Debug)]
pub struct Import<'s> {
    /// The heading.
    pub heading: Span,
    /// The path, relative to this document.
    pub path: Ident<'s>,
    /// Keys below it.
    pub keys: Vec<KeyValue<'s>>,
}

/// `## export: name`.
#[derive(Clone, Debug)]
pub struct Export<'s> {
    /// The heading.
    pub heading: Span,
    /// What is exported.
    pub name: Ident<'s>,
    /// Keys below it.
    pub keys: Vec<KeyValue<'s>>,
}

/// Languages of fences beside FLUX itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ForeignKind {
    /// `fir`: FIR text.
    Fir,
    /// `fluxasm`: assembly.
    Assembly,
    /// `c`.
    C,
    /// `python`.
    Python,
    /// `json` with `name=`.
    Json,
    /// `yaml` with `name=`.
    Yaml,
    /// `toml` with `name=`.
    Toml,
}

/// A fence of another language that means something.
#[derive(Clone, Copy, Debug)]
pub struct Foreign<'s> {
    /// The whole fence.
    pub span: Span,
    /// Its language.
    pub kind: ForeignKind,
    /// `name=…` after the language tag.
    pub name: Option<Ident<'s>>,
    /// The lines inside.
    pub content: Ident<'s>,
}

// ---------------------------------------------------------------- steps

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
    pub otherwise: Option<Otherwise<'s>>,
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
        within: Option<Expr<'s>>,
    },
    /// `Wait for n agents at barrier "b"`. May have an `otherwise`.
    Barrier {
        /// How many.
        count: Expr<'s>,
        /// The barrier.
        name: Topic<'s>,
        /// Deadline.
        within: Option<Expr<'s>>,
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
        within: Option<Expr<'s>>,
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
        within: Option<Expr<'s>>,
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
    /// `Given x is v`, in tests.
    Given {
        /// The parameter, state variable or reading.
        name: Ident<'s>,
        /// Its value.
        value: Expr<'s>,
    },
    /// `When 20s pass`, in tests.
    WhenPass {
        /// How long.
        duration: Expr<'s>,
    },
    /// `When told f(…)`, in tests.
    WhenTold {
        /// What.
        message: Message<'s>,
    },
    /// `Expect c`, in tests.
    Expect {
        /// The condition.
        cond: Expr<'s>,
    },
    /// `Expect TELL to a: f(2, _)`, `Expect no DELEGATE`, in tests.
    ExpectMessage {
        /// Whether it is to be there.
        presence: Presence,
        /// Which kind of message.
        kind: MessageKind,
        /// To whom, if it matters.
        target: Option<AgentRef<'s>>,
        /// What, if it matters.
        message: Option<Pattern<'s>>,
    },
    /// `Expect a trap`, `Expect no trap`, in tests.
    ExpectTrap {
        /// Whether it is to be there.
        presence: Presence,
        /// Which kind, if it matters (`Expect trap OVERFLOW`).
        kind: Option<Ident<'s>>,
    },
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

/// Whether a test wants something to be there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Presence {
    /// It must have happened.
    Some,
    /// It must not have happened.
    No,
}

/// The kinds of messages that a test can look for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MessageKind {
    /// TELL.
    Tell,
    /// ASK.
    Ask,
    /// DELEGATE.
    Delegate,
    /// An event of a topic; the target is its name.
    Event,
    /// REPLY or RESULT.
    Reply,
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

/// `f(2, _)` in a test.
#[derive(Clone, Debug)]
pub struct Pattern<'s> {
    /// The handler's name.
    pub name: Ident<'s>,
    /// The values; `None` for `_`.
    pub args: Vec<Option<Expr<'s>>>,
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

// ---------------------------------------------------------------- code

/// The statements of a code span, fence or braces.
#[derive(Clone, Debug, Default)]
pub struct CodeBlock<'s> {
    /// From the first character to the last, braces included if there are any.
    pub span: Span,
    /// The statements. Where a value is wanted, the last one must be [`StmtKind::Expr`].
    pub stmts: Vec<Stmt<'s>>,
}

/// A declaration.
#[derive(Clone, Debug)]
pub struct Item<'s> {
    /// The whole declaration.
    pub span: Span,
    /// What it declares.
    pub kind: ItemKind<'s>,
}

/// Declarations.
#[derive(Clone, Debug)]
pub enum ItemKind<'s> {
    /// `const NAME: T = v`.
    Const {
        /// The name.
        name: Ident<'s>,
        /// The type.
        ty: Option<Type<'s>>,
        /// The value.
        value: Expr<'s>,
    },
    /// `struct S { a: int }`.
    Struct {
        /// The name.
        name: Ident<'s>,
        /// The fields.
        fields: Vec<Field<'s>>,
    },
    /// `enum E { A, B(f64) }`.
    Enum {
        /// The name.
        name: Ident<'s>,
        /// The variants.
        variants: Vec<Variant<'s>>,
    },
    /// `fn f(a: int) -> int { … }` or a `## fn:` section.
    Fn(FnDecl<'s>),
}

/// A field of a struct.
#[derive(Clone, Debug)]
pub struct Field<'s> {
    /// The name.
    pub name: Ident<'s>,
    /// The type.
    pub ty: Type<'s>,
}

/// A variant of an enum.
#[derive(Clone, Debug)]
pub struct Variant<'s> {
    /// The name.
    pub name: Ident<'s>,
    /// The payload; empty if there is none.
    pub payload: Vec<Type<'s>>,
}

/// A function.
#[derive(Clone, Debug)]
pub struct FnDecl<'s> {
    /// The name.
    pub name: Ident<'s>,
    /// Name to return type.
    pub signature: Span,
    /// At most 256; each has a type.
    pub params: Vec<Param<'s>>,
    /// The result; nothing if left out.
    pub ret: Option<Type<'s>>,
    /// The body.
    pub body: CodeBlock<'s>,
}

/// A type as written.
#[derive(Clone, Debug)]
pub struct Type<'s> {
    /// Where.
    pub span: Span,
    /// What.
    pub kind: TypeKind<'s>,
}

/// Types as written.
#[derive(Clone, Debug)]
pub enum TypeKind<'s> {
    /// A built-in or declared type; `duration` is one of the built-in names.
    Name(&'s str),
    /// `[T; n]`.
    Array(Box<Type<'s>>, Box<Expr<'s>>),
    /// `[T]`.
    List(Box<Type<'s>>),
    /// `map[K]V`.
    Map(Box<Type<'s>>, Box<Type<'s>>),
    /// `T?`.
    Optional(Box<Type<'s>>),
    /// `fn(A) -> B`.
    Fn(Vec<Type<'s>>, Option<Box<Type<'s>>>),
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt<'s> {
    /// Where.
    pub span: Span,
    /// What.
    pub kind: StmtKind<'s>,
}

/// Statements.
#[derive(Clone, Debug)]
pub enum StmtKind<'s> {
    /// `let x: T = v`, `var x: T = v`.
    Let {
        /// `let` or `var`.
        mutability: Mutability,
        /// The name.
        name: Ident<'s>,
        /// The type, if written.
        ty: Option<Type<'s>>,
        /// The value; only a `var` with a type may be without.
        value: Option<Expr<'s>>,
    },
    /// `place = v`, `place += v`.
    Assign {
        /// A name, field or element.
        place: Expr<'s>,
        /// The operator of a compound assignment.
        op: Option<BinaryOp>,
        /// The value.
        value: Expr<'s>,
    },
    /// An expression; `if` and `match` are expressions.
    Expr(Expr<'s>),
    /// `while c { … }`.
    While {
        /// The condition.
        cond: Expr<'s>,
        /// The body.
        body: CodeBlock<'s>,
    },
    /// `for x in xs { … }`, `for i in 0..n { … }`.
    For {
        /// The variable.
        name: Ident<'s>,
        /// An [`ExprKind::Range`] or a collection.
        iter: Expr<'s>,
        /// The body.
        body: CodeBlock<'s>,
    },
    /// `break`.
    Break,
    /// `continue`.
    Continue,
    /// `return v`.
    Return(Option<Expr<'s>>),
    /// `expect c`, `expect c, "message"`.
    Expect {
        /// The condition.
        cond: Expr<'s>,
        /// What to say when it does not hold.
        message: Option<Expr<'s>>,
    },
}

/// Whether a local may be assigned again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mutability {
    /// `let`.
    Let,
    /// `var`.
    Var,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr<'s> {
    /// Where.
    pub span: Span,
    /// What.
    pub kind: ExprKind<'s>,
}

/// Expressions. Those of steps and of code are the same; `x is above 3` is `x > 3`.
#[derive(Clone, Debug)]
pub enum ExprKind<'s> {
    /// `12`, `0x48`, `0b101`, `1_000`, `512KB`.
    Int(u64),
    /// `1.5`, `1e9`, `10%`.
    Float(f64),
    /// `true`, `false`; in steps also `on`, `off`.
    Bool(bool),
    /// `none`.
    None,
    /// `30s`, `500ms`: nanoseconds.
    Duration(i64),
    /// `"text {x}"`.
    Str(Vec<StrPart<'s>>),
    /// A name.
    Name(&'s str),
    /// `a.b`, `a?.b`.
    Field {
        /// What has the field.
        base: Box<Expr<'s>>,
        /// Its name.
        name: Ident<'s>,
        /// `.` or `?.`.
        access: Access,
    },
    /// `a[i]`.
    Index {
        /// Array, map, string or bytes.
        base: Box<Expr<'s>>,
        /// Where in it.
        index: Box<Expr<'s>>,
    },
    /// `f(x)`.
    Call {
        /// A name, or any value that is a function.
        callee: Box<Expr<'s>>,
        /// The arguments.
        args: Vec<Expr<'s>>,
    },
    /// `a.f(x)`, `a?.f(x)`; also `Level.High(x)`.
    Method {
        /// What the method is called on, or the enum.
        base: Box<Expr<'s>>,
        /// The method or variant.
        name: Ident<'s>,
        /// The arguments.
        args: Vec<Expr<'s>>,
        /// `.` or `?.`.
        access: Access,
    },
    /// `-a`, `!a`, `~a`, `not a`.
    Unary {
        /// The operator.
        op: UnaryOp,
        /// The operand.
        operand: Box<Expr<'s>>,
    },
    /// `a + b`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Where the operator stands.
        op_span: Span,
        /// The left operand.
        left: Box<Expr<'s>>,
        /// The right operand.
        right: Box<Expr<'s>>,
    },
    /// `a as T`.
    Cast {
        /// What is converted.
        value: Box<Expr<'s>>,
        /// To what.
        ty: Type<'s>,
    },
    /// `a..b`, `a..=b`.
    Range {
        /// The first value.
        start: Box<Expr<'s>>,
        /// The last value, or the one after it.
        end: Box<Expr<'s>>,
        /// Whether `end` belongs to it.
        bound: Bound,
    },
    /// `if c { … } else { … }`.
    If {
        /// The condition.
        cond: Box<Expr<'s>>,
        /// When it holds.
        then: CodeBlock<'s>,
        /// When not; `else if` is a block of one [`ExprKind::If`].
        otherwise: Option<CodeBlock<'s>>,
    },
    /// `match v { … }`.
    Match {
        /// What is looked at.
        value: Box<Expr<'s>>,
        /// The arms.
        arms: Vec<MatchArm<'s>>,
    },
    /// `[a, b]`.
    Array(Vec<Expr<'s>>),
    /// `[a; n]`.
    ArrayRepeat {
        /// Each element.
        value: Box<Expr<'s>>,
        /// How many.
        count: Box<Expr<'s>>,
    },
    /// `{}`, `{"a": 1}`.
    Map(Vec<(Expr<'s>, Expr<'s>)>),
    /// `Reading { at: 1, value: 2.0 }`.
    Struct {
        /// The type.
        name: Ident<'s>,
        /// The fields as given.
        fields: Vec<FieldInit<'s>>,
    },
    /// `|x| x + 1`, `fn(x: int) -> int { … }`.
    Lambda {
        /// The parameters.
        params: Vec<Param<'s>>,
        /// The result, if written.
        ret: Option<Box<Type<'s>>>,
        /// The body; `|x| e` is a block of one expression.
        body: CodeBlock<'s>,
    },
    /// An expression that has an error.
    Invalid,
}

/// `name: value` in a struct literal; `name` alone stands for `name: name`.
#[derive(Clone, Debug)]
pub struct FieldInit<'s> {
    /// The field.
    pub name: Ident<'s>,
    /// Its value.
    pub value: Expr<'s>,
}

/// A piece of a string.
#[derive(Clone, Debug)]
pub enum StrPart<'s> {
    /// Text, escapes resolved.
    Text(Cow<'s, str>),
    /// `{expression}`.
    Expr(Expr<'s>),
}

/// How a field or method is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// `.`
    Plain,
    /// `?.`: none if the base is none.
    Optional,
}

/// Whether a range holds its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bound {
    /// `..`
    Exclusive,
    /// `..=`
    Inclusive,
}

/// Operators before an operand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UnaryOp {
    /// `-`
    Neg,
    /// `!`, `not`
    Not,
    /// `~`
    BitNot,
}

/// Operators between operands, weakest groups last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BinaryOp {
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Rem,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `<<`
    Shl,
    /// `>>`
    Shr,
    /// `&`
    BitAnd,
    /// `^`
    BitXor,
    /// `|`
    BitOr,
    /// `??`
    Coalesce,
    /// `==`, `is`
    Eq,
    /// `!=`, `is not`
    Ne,
    /// `<`, `is below`
    Lt,
    /// `<=`, `is at most`
    Le,
    /// `>`, `is above`
    Gt,
    /// `>=`, `is at least`
    Ge,
    /// `&&`, `and`
    And,
    /// `||`, `or`
    Or,
}

/// An arm of a match.
#[derive(Clone, Debug)]
pub struct MatchArm<'s> {
    /// Pattern to body.
    pub span: Span,
    /// One or more patterns, `A | B`.
    pub patterns: Vec<MatchPattern<'s>>,
    /// `if c` after the patterns.
    pub guard: Option<Expr<'s>>,
    /// The body; `=> e` is a block of one statement.
    pub body: CodeBlock<'s>,
}

/// A pattern of a match.
#[derive(Clone, Debug)]
pub struct MatchPattern<'s> {
    /// Where.
    pub span: Span,
    /// What.
    pub kind: MatchPatternKind<'s>,
}

/// Patterns.
#[derive(Clone, Debug)]
pub enum MatchPatternKind<'s> {
    /// `_`.
    Wildcard,
    /// `none`.
    None,
    /// `High`, `Level.High`, `High(over)`; also a lone lower-case name, which binds the value
    /// if no variant has that name. `some(x)` is the variant of an optional.
    Variant {
        /// The enum, if written.
        of: Option<Ident<'s>>,
        /// The variant.
        name: Ident<'s>,
        /// Names for the payload, `_` included as written; `None` if there is no parenthesis.
        binds: Option<Vec<Ident<'s>>>,
    },
    /// A literal, possibly negative.
    Literal(Expr<'s>),
    /// `1..5`, `1..=5` of literals.
    Range(Expr<'s>, Expr<'s>, Bound),
}

impl<'s> Ident<'s> {
    /// Tells whether the text is `word`, letter case aside (ASCII).
    #[must_use]
    pub fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }
}

impl Expr<'_> {
    /// Tells whether something can be assigned to it: a name, a field or an element.
    #[must_use]
    pub const fn is_place(&self) -> bool {
        matches!(
            self.kind,
            ExprKind::Name(_)
                | ExprKind::Field { access: Access::Plain, .. }
                | ExprKind::Index { .. }
                | ExprKind::Invalid
        )
    }
}

impl StepKind<'_> {
    /// The keyword of the form, for messages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Read { .. } => "Read",
            Self::Write { .. } => "Write",
            Self::Set { .. } => "Set",
            Self::Let { .. } => "Let",
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
            Self::Revoke { .. } => "Revoke",
            Self::StopAgent { .. } | Self::Stop => "Stop",
            Self::Log { .. } => "Log",
            Self::Record { .. } => "Record",
            Self::Call { .. } => "Call",
            Self::Fail { .. } => "Fail",
            Self::Given { .. } => "Given",
            Self::WhenPass { .. } | Self::WhenTold { .. } => "When",
            Self::Expect { .. } | Self::ExpectMessage { .. } | Self::ExpectTrap { .. } => "Expect",
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
                | Self::Ask { .. }
                | Self::Tell { .. }
                | Self::Delegate { .. }
                | Self::Publish { .. }
                | Self::WaitFor { .. }
                | Self::Barrier { .. }
                | Self::Invalid
        )
    }
}

impl<'s> StrPart<'s> {
    /// A piece of owned text.
    #[must_use]
    pub const fn owned(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}
