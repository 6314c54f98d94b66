//! Documents, agents and sections.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use flux_abi::supervise::{Restart, Strategy};

use super::{Block, Expr, Ident, Item, Spanned, Type};
use crate::span::Span;

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
    /// Fences of other languages that mean something: FIR, assembly, C, Python, data. The
    /// declarations of C and Python are among the items.
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
    /// Tiles of libraries that are used by their own names, as `library.tile`.
    pub tiles: Vec<Ident<'s>>,
    /// Paths of other documents, relative to this one; perhaps `as name` behind them.
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

/// `## Migrate from 1 (count: int)`, `## Migrate back to 1 (count: int)`.
#[derive(Clone, Debug)]
pub struct Migration<'s> {
    /// The heading.
    pub heading: Span,
    /// Which way.
    pub direction: Direction,
    /// The other version.
    pub version: Ident<'s>,
    /// The state of the other version.
    pub params: Vec<Param<'s>>,
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

/// `## Supervise`.
#[derive(Clone, Debug)]
pub struct Supervise<'s> {
    /// The heading.
    pub heading: Span,
    /// `strategy:`.
    pub strategy: Option<Spanned<Strategy>>,
    /// `restarts:`.
    pub restarts: Option<Intensity>,
    /// `wait:`.
    pub wait: Option<BackOff>,
    /// The list items, one for each child.
    pub children: Vec<SupervisedChild<'s>>,
}

/// `restarts: at most 3 in 60s`.
#[derive(Clone, Copy, Debug)]
pub struct Intensity {
    /// Most restarts within the time, at least 1.
    pub restarts: u32,
    /// The time in nanoseconds.
    pub window_ns: u64,
}

/// `wait: 100ms, doubling up to 10s`.
#[derive(Clone, Copy, Debug)]
pub struct BackOff {
    /// The first wait in nanoseconds.
    pub first_ns: u64,
    /// The longest wait in nanoseconds, at least the first one.
    pub longest_ns: u64,
}

/// An item of `## Supervise`: `- meter: always`.
#[derive(Clone, Copy, Debug)]
pub struct SupervisedChild<'s> {
    /// The name of the agent.
    pub name: Ident<'s>,
    /// When it is started again.
    pub restart: Restart,
}

/// `## Test "name"`.
#[derive(Clone, Debug)]
pub struct Test<'s> {
    /// The heading.
    pub heading: Span,
    /// The name.
    pub name: Topic<'s>,
    /// The agent under whose `## agent: name` it stands.
    pub agent: Option<&'s str>,
    /// The steps.
    pub body: Block<'s>,
}

/// `## tile: name(value: T) -> R`; its function is one of the document's items.
#[derive(Clone, Debug)]
pub struct Tile<'s> {
    /// The heading.
    pub heading: Span,
    /// The name.
    pub name: Ident<'s>,
    /// Name to result type.
    pub signature: Span,
    /// `category:`.
    pub category: Option<Ident<'s>>,
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
    /// The path, relative to this document; perhaps `as name` behind it.
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
    /// `name=…` after the language tag; may be empty.
    pub name: Option<Ident<'s>>,
    /// A second one, which is one too many.
    pub second_name: Option<Ident<'s>>,
    /// The lines inside.
    pub content: Ident<'s>,
}
