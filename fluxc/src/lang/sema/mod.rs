//! From the syntax tree to the typed tree: names, types, definite assignment, capabilities.
//!
//! # Invariants
//! 1. Every mistake is reported into the sink and analysis goes on; a wrong expression has
//!    the error type, which goes with everything, so that it is reported once.
//! 2. Work is linear in the document (name suggestions apart, which are bounded).
//! 3. The output depends on the document alone: hash maps are looked up, never walked.
//!
//! The order is: types, constants and signatures of functions; bodies of functions; then
//! each agent with its Config, State and sections; then what inference left open; last the tests.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod agent;
mod aggregate;
mod call;
mod capability;
mod choice;
mod code;
mod collection;
mod consts;
mod cover;
mod data;
mod declare;
mod device;
mod dialect;
mod evaluate;
mod expr;
mod foreign;
mod given;
mod held;
mod hint;
mod lambda;
mod library;
mod lint;
mod migration;
mod name;
mod operator;
mod optional;
mod pattern;
mod region;
mod scope;
mod send;
mod setting;
mod spawn;
mod step;
mod supervise;
pub(crate) mod test;
pub mod tree;
pub mod types;
mod variable;
pub mod walk;

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use hashbrown::{HashMap, HashSet};

use crate::children::Children;
use crate::children::sites;
use crate::dependencies::Units;
use crate::diag::{Diagnostic, Sink, codes};
use crate::lang::syntax::ast::{BinaryOp, Dialect, Document, Ident};
use crate::span::Span;
use flux_abi::limits;
use scope::{Binding, Flow, Names, Symbol};
use tree::{Body, Expr, ExprId, ExprKind, FnId, List, Local, LocalId, Program, Sign, TextId};
use types::{Open, Type, TypeId};

/// What becomes of the syntax trees of functions and sections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bodies {
    /// They stay in the document.
    Kept,
    /// Each is dropped once it is known what it means, while it is in the cache: to look for all its
    /// pieces in memory later takes longer than to analyse it.
    Dropped,
}

/// About so many bytes of code make an expression. A list that grew as it is filled would be moved
/// again and again.
const EXPR_TEXT: usize = 12;

/// Finds out what the documents mean. `source` is the whole text, `stem` names an agent that has no
/// name of its own.
///
/// The program may be lowered only if the sink has no errors.
pub(crate) fn analyse<'s>(
    source: &'s str,
    units: &mut Units<'s>,
    children: &Children,
    bodies: Bodies,
    stem: &str,
    sink: &mut Sink,
) -> Program<'s> {
    let title = units.units.first().and_then(|unit| unit.document.title).map_or("", |title| title.text);
    let mut checker = Checker {
        source,
        children,
        bodies,
        sink,
        program: Program { title, ..Program::default() },
        links: Vec::new(),
        names: Names::default(),
        flow: Flow::default(),
        mode: Mode::Code,
        ctx: Context::default(),
        agent: agent::AgentState::default(),
        agent_names: HashMap::new(),
        own_agents: Vec::new(),
        spawned: Vec::new(),
        handlers: HashMap::new(),
        answers: Vec::new(),
        pending: Vec::new(),
        taken_as_float: HashSet::new(),
        entry_places: Vec::new(),
        literals: Vec::new(),
        shown: Vec::new(),
        empty: Vec::new(),
        growing: Vec::new(),
        meant: HashMap::new(),
        used_state: HashSet::new(),
        misread: false,
        call_marks: Vec::new(),
        body_number: 0,
        body_count: 0,
        carried: Vec::new(),
        lambda_params: Vec::new(),
        open_operators: Vec::new(),
        variants: HashMap::new(),
        match_steps: cover::DOCUMENT_STEPS,
        table_bytes: 0,
    };
    checker.misread = checker.sink.has_errors();
    checker.sink.reserve(&mut checker.program.exprs, source.len().div_ceil(EXPR_TEXT));
    for unit in &units.units {
        let imports = unit.imports.iter().map(|import| (import.name.clone(), unit_number(import.unit)));
        checker.links.push(library::Links::new(&unit.document, imports.collect()));
        let document = tree::DocumentName { path: unit.path.clone(), stem: unit.stem.clone() };
        checker.program.documents.push(document);
    }
    for number in &units.order {
        let Some(unit) = units.units.get_mut(*number) else { continue };
        checker.names.set_unit(unit_number(*number));
        // A variant without its enum is one of the document's own.
        checker.variants.clear();
        let document = &mut unit.document;
        let first = checker.program.functions.len();
        checker.declare_items(document);
        let places: Vec<Span> = unit.imports.iter().map(|import| import.span).collect();
        checker.check_library_names(&places);
        checker.name_tiles(&document.frontmatter.tiles);
        checker.function_bodies(document, first);
        checker.given_bodies(document);
        if *number == 0 {
            checker.agents(document, stem);
        } else {
            checker.check_library_starts(document);
        }
    }
    checker.finish();
    checker.names.set_unit(0);
    checker.program.untested = checker.program.functions.len();
    if let Some(unit) = units.units.first() {
        checker.tests(&unit.document);
    }
    checker.check_state_use();
    checker.program
}

fn unit_number(unit: usize) -> u16 {
    u16::try_from(unit).unwrap_or(u16::MAX)
}

/// So many expressions are made between two looks at the size of the tables.
const COUNT_EVERY: usize = 256;

/// Which rules for numbers and names hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mode {
    /// Steps: `int` beside `f64` becomes `f64`; names may be prefixes or parameters.
    Step,
    /// Code: conversions are written; every name is defined.
    Code,
    /// C: as code, with the conversions and the arithmetic of C.
    C,
    /// Python: as code, with the conversions and the arithmetic of Python.
    Python,
}

impl Mode {
    const fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Flux | Dialect::Fir | Dialect::Assembly => Self::Code,
            Dialect::C => Self::C,
            Dialect::Python => Self::Python,
        }
    }

    /// Tells whether it is a language whose conversions and conditions are not those of code.
    const fn is_foreign(self) -> bool {
        matches!(self, Self::C | Self::Python)
    }
}

/// What `break` and `continue` of a body may mean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum AroundKind {
    /// A loop: both.
    Loop,
    /// A `switch`: `break` only.
    Switch,
}

/// A loop or `switch` around the statement.
#[derive(Clone, Copy, Debug)]
struct Around {
    kind: AroundKind,
    /// Whether it has a `break`.
    breaks: bool,
    /// Whether it has a `continue`.
    continues: bool,
}

impl Around {
    const fn new(kind: AroundKind) -> Self {
        Self { kind, breaks: false, continues: false }
    }
}

/// What kind of body is being looked at.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Place {
    /// A function of the document.
    #[default]
    Function,
    /// A section that answers a request.
    Handler,
    /// Another section.
    Section,
    /// A migration, which computes and does nothing else.
    Migration,
    /// A constant or an initial value.
    Value,
    /// A step of a test.
    Test,
}

/// Which enum a variant's name alone stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum VariantOf {
    /// The only one that has it.
    One(TypeId),
    /// More than one has it.
    Several,
}

/// Where a value must outlive the run that made it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Carrier {
    Message,
    State,
}

/// How a local may be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Use {
    /// `var`, and names of steps.
    Variable,
    /// `let`.
    Constant,
    /// What a loop or an arm gives its value.
    Given,
    /// A parameter of a function or handler.
    Parameter,
    /// What a lambda captured.
    Captured,
    /// A ticket; after `Wait for` the name means this local.
    Ticket(LocalId),
}

/// The body being looked at.
#[derive(Debug, Default)]
struct Context<'s> {
    locals: Vec<Local<'s>>,
    /// How many of them are parameters of a function.
    params: u32,
    uses: Vec<Use>,
    /// Whether the name of a local is read anywhere.
    read: Vec<bool>,
    /// Loops around the statement, operations on arrays included.
    depth: u32,
    /// Depth at which each local begins.
    depths: Vec<u32>,
    /// The latest read of each local; `None` for one in a loop that the local is outside of.
    last_reads: Vec<Option<ExprId>>,
    /// The first thing that needs memory that grows.
    grows: Option<(Span, &'static str)>,
    /// Names that Python code gave to objects of data.
    data_names: Vec<LocalId>,
    /// Objects of Python code that are changed in part, and where.
    changed: Vec<(LocalId, ExprId)>,
    calls: Vec<FnId>,
    /// Types of the function values that are called.
    indirect: Vec<TypeId>,
    place: Place,
    /// Type of the result; `None` for no result.
    ret: Option<TypeId>,
    /// Name of the request, for replies.
    request: Option<TextId>,
    /// A local that counts as assigned where the request is answered.
    answered: Option<LocalId>,
    /// Whether there is a Reply.
    replies: bool,
    /// Loops and `switch`es around the statement.
    loops: Vec<Around>,
    /// Names that the section introduced so far, for the prefix rule.
    introduced: Vec<(&'s str, Symbol)>,
    /// How many pacers of each interval the section has.
    pacers: HashMap<i64, u16>,
    section: String,
    too_many_locals: bool,
}

impl Context<'_> {
    /// Makes it the context of no body, with the memory of the lists that do not become part of one.
    fn clear(&mut self) {
        let before = core::mem::take(self);
        (self.uses, self.read, self.depths) =
            (emptied(before.uses), emptied(before.read), emptied(before.depths));
        (self.loops, self.introduced) = (emptied(before.loops), emptied(before.introduced));
    }
}

/// An operator of a step between a parameter and an `int`: decided when all uses are known.
#[derive(Clone, Copy, Debug)]
struct Pending {
    expr: ExprId,
    op: BinaryOp,
}

/// Types of a handler of this document, for its body and for the senders in the document.
#[derive(Clone, Debug)]
struct HandlerShape {
    params: Vec<TypeId>,
    ret: TypeId,
    heading: Span,
}

/// An answer whose type the uses of its name must tell.
#[derive(Clone, Copy, Debug)]
struct Answer<'s> {
    name: &'s str,
    ty: TypeId,
    span: Span,
}

struct Checker<'a, 's> {
    source: &'s str,
    /// Documents that agents are started from.
    children: &'a Children,
    bodies: Bodies,
    sink: &'a mut Sink,
    program: Program<'s>,
    /// By document what it uses and shows.
    links: Vec<library::Links<'s>>,
    names: Names<'s>,
    flow: Flow,
    mode: Mode,
    ctx: Context<'s>,
    agent: agent::AgentState<'s>,
    /// Names of the agents so far.
    agent_names: HashMap<String, Span>,
    /// Names of all agents of the document, those that were not looked at yet included.
    own_agents: Vec<&'s str>,
    /// Names of all agents that the document spawns.
    spawned: Vec<&'s str>,
    /// By agent and request.
    handlers: HashMap<(&'s str, &'s str), HandlerShape>,
    /// Where the variables of State are declared that something names.
    used_state: HashSet<u32>,
    answers: Vec<Answer<'s>>,
    pending: Vec<Pending>,
    /// Values of steps that nothing said the type of when an `f64` was wanted.
    taken_as_float: HashSet<ExprId>,
    /// Where the value of a key of a map stands whose part is the place at hand.
    entry_places: Vec<Span>,
    /// Integer literals whose range is checked when their type is known.
    literals: Vec<ExprId>,
    /// Values put into texts, whose type must have a text form.
    shown: Vec<ExprId>,
    /// Empty arrays and maps, whose uses must tell what is in them.
    empty: Vec<(TypeId, Span)>,
    /// Per function whether it, or one that it calls, needs memory that grows.
    growing: Vec<bool>,
    /// By place of a parameter the defined name that it resembles.
    meant: HashMap<u32, &'s str>,
    /// Whether parts of the document were not understood before names were looked at.
    misread: bool,
    /// Per function the number of the last body that calls it.
    call_marks: Vec<u32>,
    body_number: u32,
    /// Number of the last body.
    body_count: u32,
    /// Types of values in messages and in State, where, and what they are there.
    carried: Vec<(TypeId, Span, Carrier)>,
    /// Parameters of lambdas whose type their uses must tell.
    lambda_params: Vec<Answer<'s>>,
    /// Operators on operands of which nothing was known.
    open_operators: Vec<ExprId>,
    /// By name of a variant the enum that has it.
    variants: HashMap<&'s str, VariantOf>,
    /// Work that may still be spent on finding out which values matches leave out.
    match_steps: u32,
    /// Bytes of the tables of names and types that are counted.
    table_bytes: usize,
}

impl<'s> Checker<'_, 's> {
    /// A body has been looked at.
    fn done_with<T: Default>(&self, body: &mut T) {
        if self.bodies == Bodies::Dropped {
            *body = T::default();
        }
    }

    /// The agents of the document itself.
    fn agents(&mut self, document: &mut Document<'s>, stem: &str) {
        self.spread_growth();
        self.frontmatter_capabilities(document);
        self.collect_handlers(document);
        let names = document.agents.iter().filter_map(|agent| agent.keys.name);
        self.own_agents = names.map(|name| name.text).collect();
        let spawned = document.agents.iter().flat_map(sites);
        self.spawned = spawned.map(|site| site.agent.text).collect();
        let gas = document.compile.gas.map_or(limits::DEFAULT_GAS, |gas| gas.value);
        if document.agents.is_empty() {
            self.regions_of_nobody(&document.regions);
        }
        for (number, agent) in document.agents.iter_mut().enumerate() {
            // Those of a document belong to its first agent.
            let regions = if number == 0 { document.regions.as_slice() } else { &[] };
            self.agent(agent, regions, gas, stem);
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.sink.push(diagnostic);
    }

    /// What was probably meant; not looked for once no more diagnostics are shown.
    fn nearest<'n>(&self, name: &str, candidates: impl Iterator<Item = &'n str>) -> Option<&'n str> {
        if self.sink.is_full() { None } else { scope::nearest(name, candidates) }
    }

    fn new_expr(&mut self, kind: ExprKind, ty: TypeId, span: Span) -> ExprId {
        let id = self.program.exprs.len();
        if id.is_multiple_of(COUNT_EVERY) {
            self.count_tables(span);
        }
        let kept = self.sink.keep(&mut self.program.exprs, Expr { kind, ty, span }, span);
        // A number that none has reads as an invalid expression.
        if kept { ExprId(number(id)) } else { ExprId(u32::MAX) }
    }

    /// Counts what the tables of names and types have grown by.
    fn count_tables(&mut self, at: Span) {
        let bytes = self.names.bytes().saturating_add(self.program.types.bytes());
        let grown = bytes.saturating_sub(self.table_bytes);
        self.table_bytes = bytes;
        self.sink.charge(grown, at);
    }

    fn invalid(&mut self, span: Span) -> ExprId {
        self.new_expr(ExprKind::Invalid, TypeId::ERROR, span)
    }

    fn ty(&self, id: ExprId) -> TypeId {
        let ty = self.program.exprs.get(id.index()).map_or(TypeId::ERROR, |expr| expr.ty);
        self.program.types.resolve(ty)
    }

    fn span(&self, id: ExprId) -> Span {
        self.program.exprs.get(id.index()).map_or(Span::empty(0), |expr| expr.span)
    }

    fn get(&self, ty: TypeId) -> Result<Type, Open> {
        self.program.types.get(ty)
    }

    fn type_name(&self, ty: TypeId) -> String {
        self.program.types.name(ty)
    }

    fn list(&mut self, exprs: &[ExprId]) -> List {
        let start = number(self.program.lists.len());
        for expr in exprs {
            let span = self.span(*expr);
            self.sink.keep(&mut self.program.lists, *expr, span);
        }
        List { start, len: number(exprs.len()) }
    }

    fn text(&mut self, text: Cow<'s, str>) -> TextId {
        let id = TextId(number(self.program.texts.len()));
        let owned = if let Cow::Owned(text) = &text { text.len() } else { 0 };
        self.sink.charge(owned, Span::empty(0));
        self.sink.keep(&mut self.program.texts, text, Span::empty(0));
        id
    }

    fn source_text(&self, span: Span) -> &'s str {
        span.text(self.source)
    }

    /// Starts a body; its parameters are declared next.
    fn begin_body(&mut self, place: Place, ret: TypeId) {
        self.ctx.clear();
        (self.ctx.place, self.ctx.ret) = (place, Some(ret));
        self.flow.reset();
        self.body_count = self.body_count.saturating_add(1);
        self.body_number = self.body_count;
    }

    /// Type of the result of the body at hand.
    fn result_type(&self) -> TypeId {
        self.ctx.ret.unwrap_or(TypeId::UNIT)
    }

    /// Ends a body.
    fn end_body(&mut self, params: u32, block: tree::Block) -> Body<'s> {
        let mut locals = core::mem::take(&mut self.ctx.locals);
        let mut calls = core::mem::take(&mut self.ctx.calls);
        let indirect = core::mem::take(&mut self.ctx.indirect);
        let mut last_reads = core::mem::take(&mut self.ctx.last_reads);
        self.ctx.clear();
        self.sink.fit(&mut locals);
        self.sink.fit(&mut calls);
        self.sink.fit(&mut last_reads);
        Body { params, locals, block, calls, indirect, last_reads }
    }

    fn note_call(&mut self, function: FnId) {
        if let Some(mark) = self.call_marks.get_mut(function.index())
            && *mark != self.body_number
        {
            *mark = self.body_number;
            self.sink.keep(&mut self.ctx.calls, function, Span::empty(0));
        }
    }

    /// Adds a local without giving it a name in scope.
    fn new_local(&mut self, name: Ident<'s>, ty: TypeId, how: Use) -> LocalId {
        if self.ctx.locals.len() >= limits::LOCALS {
            if !self.ctx.too_many_locals {
                self.ctx.too_many_locals = true;
                self.report(
                    Diagnostic::new(
                        codes::LIMIT_PASSED,
                        name.span,
                        format!("more than {} local names in one body", limits::LOCALS),
                    )
                    .label("one too many")
                    .hint("move a part of the work into a function"),
                );
            }
            return LocalId(0);
        }
        let id = LocalId(number(self.ctx.locals.len()));
        self.sink.keep(&mut self.ctx.locals, Local { name: name.text, ty, span: name.span }, name.span);
        self.ctx.uses.push(how);
        self.ctx.read.push(false);
        self.ctx.depths.push(self.ctx.depth);
        self.ctx.last_reads.push(None);
        id
    }

    /// Adds a local and binds its name.
    fn declare_local(&mut self, name: Ident<'s>, ty: TypeId, how: Use) -> LocalId {
        let id = self.new_local(name, ty, how);
        let symbol = self.names.symbol(name.text);
        if name.text != "_" {
            self.names.bind(symbol, Binding::Local(id));
            // One too many stands for another one.
            if !self.ctx.too_many_locals {
                self.ctx.introduced.push((name.text, symbol));
            }
        }
        id
    }

    fn local_ty(&self, id: LocalId) -> TypeId {
        self.ctx.locals.get(id.index()).map_or(TypeId::ERROR, |local| local.ty)
    }

    fn local_use(&self, id: LocalId) -> Use {
        self.ctx.uses.get(id.index()).copied().unwrap_or(Use::Variable)
    }

    /// What could be decided only with the whole document in sight.
    fn finish(&mut self) {
        self.decide_all();
        self.check_parameters();
        self.check_answers();
        self.check_values();
        self.program.join_values(self.sink);
    }

    /// The same for tests: what they are about is decided already.
    fn finish_tests(&mut self) {
        self.decide_all();
        self.check_values();
    }

    fn decide_all(&mut self) {
        for when in [Decide::IfWhole, Decide::IfKnown] {
            for _ in 0..8 {
                for pending in core::mem::take(&mut self.pending) {
                    self.decide(pending, when);
                }
            }
        }
        for pending in core::mem::take(&mut self.pending) {
            self.decide(pending, Decide::Now);
        }
    }

    fn check_values(&mut self) {
        self.check_lambda_params();
        self.check_open_operators();
        self.check_carried();
        self.check_elements();
        for id in core::mem::take(&mut self.literals) {
            self.check_literal(id);
        }
        for id in core::mem::take(&mut self.shown) {
            self.check_shown(id);
        }
    }

    fn check_literal(&mut self, id: ExprId) {
        let expr = self.program.expr(id);
        let ExprKind::Int(sign, magnitude) = expr.kind else { return };
        let Type::Int(kind) = self.program.types.settled(expr.ty) else { return };
        let value = match sign {
            Sign::Plus => i128::from(magnitude),
            Sign::Minus => i128::from(magnitude).saturating_neg(),
        };
        if value < kind.lowest() || value > kind.highest() {
            let name = self.type_name(expr.ty);
            self.report(
                Diagnostic::new(
                    codes::NUMBER_OUT_OF_RANGE,
                    expr.span,
                    format!("{value} does not fit the type {name}"),
                )
                .label(format!("{name} wanted"))
                .expected(format!("{} to {}", kind.lowest(), kind.highest()))
                .found(format!("{value}")),
            );
        }
    }

    /// Tells whether values of the type can be put into a text; `around` are the structs
    /// and enums that were looked at.
    fn has_text_form(&self, ty: TypeId, around: &mut Vec<Type>) -> bool {
        let settled = self.program.types.settled(ty);
        match settled {
            Type::Ticket | Type::Agent | Type::Capability | Type::Region | Type::Function(_) => false,
            Type::Array(inner, _) | Type::List(inner) | Type::Optional(inner) => {
                self.has_text_form(inner, around)
            }
            Type::Map(_, value) => self.has_text_form(value, around),
            Type::Struct(_) | Type::Union(_) if around.contains(&settled) => true,
            Type::Struct(id) => {
                around.push(settled);
                let fields = self.program.types.structure(id).map_or(&[][..], |row| &row.fields);
                fields.iter().all(|field| self.has_text_form(field.ty, around))
            }
            Type::Union(_) => {
                around.push(settled);
                let parts = self.program.types.payloads(ty);
                parts.iter().flat_map(|(_, values)| values).all(|(ty, _)| self.has_text_form(*ty, around))
            }
            _ => true,
        }
    }

    fn check_shown(&mut self, id: ExprId) {
        let expr = self.program.expr(id);
        if !self.has_text_form(expr.ty, &mut Vec::new()) {
            let name = self.type_name(expr.ty);
            self.report(
                Diagnostic::new(
                    codes::TYPE_MISMATCH,
                    expr.span,
                    format!("a value of type {name} has no text form"),
                )
                .label(format!("this is {name}"))
                .expected(
                    "bool, a number, a duration, str, or a struct, enum, optional, array or map of them",
                )
                .found(name)
                .hint("show its elements or fields one by one"),
            );
        }
    }
}

/// A list without its items.
fn emptied<T>(mut list: Vec<T>) -> Vec<T> {
    list.clear();
    list
}

/// Whether an open operator may be left open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Decide {
    /// Only by what has to be an `int`: an `f64` takes either.
    IfWhole,
    /// Only if the types of its operands are known.
    IfKnown,
    /// In any case: what is open becomes `int`.
    Now,
}

fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
