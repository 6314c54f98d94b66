//! From the typed tree to FIR and to the tables of a module.
//!
//! # Invariants
//! 1. The program comes from a document without errors; only limits can fail here.
//! 2. Every FIR instruction has the document line of the statement it comes from.
//! 3. Addresses of state and frames are known when all constants are: until then they are
//!    written as constants above 2^40 and replaced at the end.
//!
//! Region 0 of an agent: constants · state · send area and frames · heap.

mod closure;
mod data;
mod expr;
mod flow;
mod function;
mod given;
mod glue;
mod graph;
mod list;
mod locals;
mod map;
mod memory;
mod message;
mod operator;
mod own;
mod python;
mod region;
mod spawn;
mod tables;
mod tagged;
mod texts;
mod traverse;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::compile::Tests;
use crate::fir;
use crate::fir::pack::{Body, SpareBlocks};
use crate::fir::{BuilderMemory, FuncId, Signature, Type as FirType};
use crate::lang::sema::tree::{Agent, Answers, Body as TreeBody, FnId, Program};
use crate::lang::sema::types::{Type, TypeId};
use crate::plan::Probe;
use crate::span::{SourceLines, Span};
use data::Data;
use flux_isa::{ExportKind, StateField, StateLayout};
use function::{Lowering, Slot};
use hashbrown::{HashMap, HashSet};
pub(crate) use locals::Locals;

/// Why a correct document cannot be lowered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LowerError {
    /// Where.
    pub span: Span,
    /// What limit it passes: lower case, with the numbers.
    pub message: String,
    /// Whether the limit is that of memory, which everything else would pass too.
    pub scarce: Scarce,
}

/// What a limit is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scarce {
    /// The memory of the compiler.
    Memory,
    /// Something of the module or the function.
    Other,
}

impl LowerError {
    fn limit(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), scarce: Scarce::Other }
    }

    fn memory(span: Span) -> Self {
        let message = "the document takes more memory than the compiler may use".into();
        Self { span, message, scarce: Scarce::Memory }
    }
}

impl fmt::Display for LowerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for LowerError {}

/// One agent (or the functions of a library) in FIR, with the tables of its module.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// Functions and constants.
    pub fir: fir::Module,
    /// Everything of the module but code, constants and what belongs to code.
    pub shell: flux_isa::Module,
}

/// As [`Lowered`], with the functions' bodies packed.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    /// Constants, and functions without bodies.
    pub(crate) fir: fir::Module,
    /// The bodies of the functions; [`Packed::addresses`] says what addresses in them are.
    pub(crate) bodies: Vec<Body>,
    /// What was not known while functions were lowered.
    pub(crate) addresses: Addresses,
    /// Where each function stands in the document; those that the compiler makes have no place.
    places: Vec<Span>,
    /// Where the agent stands.
    whole: Span,
    /// As in [`Lowered`].
    pub(crate) shell: flux_isa::Module,
}

impl Packed {
    /// Where the function with this number stands, or else the agent.
    pub(crate) fn place(&self, function: Option<usize>) -> Span {
        function.and_then(|number| self.places.get(number)).copied().unwrap_or(self.whole)
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        let functions: usize = self.fir.functions.iter().map(fir::Function::bytes).sum();
        let bodies: usize = self.bodies.iter().map(Body::bytes).sum();
        let fields = self.shell.state.fields.iter();
        let fields: usize =
            fields.map(|field| size_of::<StateField>() + field.name.len() + field.desc.len()).sum();
        let spare = self.fir.functions.capacity() - self.fir.functions.len();
        let frames = size_of_val(self.addresses.frames.as_slice()) + size_of_val(self.places.as_slice());
        functions + bodies + frames + spare * size_of::<fir::Function>() + self.fir.data.capacity() + fields
    }

    /// All functions with their bodies at once.
    pub(crate) fn unpack(self) -> Lowered {
        let Self { mut fir, bodies, addresses, shell, .. } = self;
        let mut spare = SpareBlocks::default();
        for ((number, function), body) in fir.functions.iter_mut().enumerate().zip(bodies) {
            body.unpack(function, &mut spare, addresses.of(number));
        }
        Lowered { fir, shell }
    }
}

/// Address of the state, until it is known.
const STATE_MARK: u64 = 1 << 40;
/// Address of the frame of the function at hand, until it is known.
const FRAME_MARK: u64 = 2 << 40;
/// Address of the send area, until it is known.
const SEND_MARK: u64 = 3 << 40;
/// Size of the frame of the function at hand, until it is known; written as an address.
const SIZE_MARK: u64 = 4 << 40;
const MARK_BITS: u32 = 40;

/// What the addresses are that were not known while functions were lowered.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    state: u64,
    send: u64,
    /// Per function where its frame is behind the send area, and how large.
    frames: Vec<(u64, u32)>,
}

impl Addresses {
    /// What an address in the function with this number is.
    pub(crate) fn of(&self, function: usize) -> impl Fn(u64) -> u64 + use<> {
        let (state, send) = (self.state, self.send);
        let (frame, size) = self.frames.get(function).copied().unwrap_or_default();
        move |bits| {
            let offset = bits & ((1 << MARK_BITS) - 1);
            match bits - offset {
                STATE_MARK => state + offset,
                FRAME_MARK => send + frame + offset,
                SEND_MARK => send + offset,
                SIZE_MARK => u64::from(size),
                _ => bits,
            }
        }
    }
}

/// What one module shares among its functions.
struct Shared<'p, 's> {
    program: &'p Program<'s>,
    agent: Option<&'p Agent<'s>>,
    lines: &'p SourceLines,
    module: fir::Module,
    data: Data,
    /// FIR number of each function of the document that the module holds.
    numbers: Vec<Option<FuncId>>,
    recursive: Vec<bool>,
    /// Offset of each state variable.
    state: Vec<u32>,
    /// Words of the largest message.
    send_words: u32,
    /// Offsets of the constants that stand for functions as values.
    function_values: HashMap<FnId, u32>,
    /// Functions of the module whose first parameter is the address for an aggregate result.
    aggregate_results: HashSet<FuncId>,
    /// Offsets of constants that are aggregates.
    constants: Vec<Option<u32>>,
    /// Functions that the compiler makes.
    made: glue::Register,
    /// Bytes that the module may still take.
    room: usize,
    /// For the next function.
    builder: BuilderMemory,
    slots: Vec<Slot>,
    /// What is said of locals.
    wanted: Locals,
    /// Rows of the locals so far.
    locals: Vec<flux_isa::Local>,
}

/// One function of the module.
struct Unit<'p, 's> {
    func: FuncId,
    body: &'p TreeBody<'s>,
    role: Role,
    span: Span,
    frame: u32,
    loop_section: bool,
    /// Of a lambda: how many values it captured.
    captures: Option<u32>,
    callee: Option<FnId>,
}

/// What a function of a module is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Role {
    /// Writes the initial state.
    StateInit,
    /// A section; a handler answers with values of the type.
    Section(TypeId, Answers),
    /// A function with a result of the type.
    Function(TypeId, Recursion),
    /// Gives values of a test.
    Probe(Probe),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Recursion {
    /// It cannot be active twice.
    None,
    /// It can call itself.
    Possible,
}

/// What of a program becomes a module.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Part {
    /// All its functions.
    Library,
    /// The agent of this number.
    Agent(usize, Tests),
}

/// Lowers a part of a program.
///
/// `name` is the module's name if there is no agent; the module may take `room` bytes.
///
/// # Errors
/// A limit of FIR or of the module that the document passes.
pub(crate) fn lower<'s>(
    program: &Program<'s>,
    part: Part,
    lines: &SourceLines,
    name: &str,
    wanted: Locals,
    room: usize,
) -> Result<Packed, LowerError> {
    let (place, tests) = match part {
        Part::Library => (usize::MAX, Tests::Leave),
        Part::Agent(place, tests) => (place, tests),
    };
    let agent = program.agents.get(place);
    let probes: Vec<Probe> = match tests {
        Tests::Leave => Vec::new(),
        Tests::Include => program.probes_of(place).collect(),
    };
    let roots: Vec<FnId> = match agent {
        None => {
            let all = program.functions.iter().enumerate().take(program.untested);
            let own = all.filter(|(_, function)| function.unit == 0);
            own.map(|(index, _)| FnId(number(index))).collect()
        }
        Some(agent) => {
            let bodies = agent.sections.iter().map(|section| &section.body);
            let bodies = bodies.chain(agent.migrations.iter().map(|migration| &migration.body));
            let probes = probes.iter().filter_map(|probe| program.probe(*probe)).map(|probe| &probe.body);
            let bodies = bodies.chain([&agent.state_body]).chain(probes);
            let calls = bodies.flat_map(|body| body.calls.iter().copied());
            calls.chain(program.exports.iter().copied()).collect()
        }
    };
    let graph = graph::graph(program, roots.iter().copied());
    let name = agent.map_or(name, |agent| agent.name.as_str());
    let mut module = fir::Module::new(name);
    let data = Data::begin(&mut module);
    let mut shared = Shared {
        program,
        agent,
        lines,
        module,
        data,
        numbers: alloc::vec![None; program.functions.len()],
        recursive: graph.recursive,
        state: Vec::new(),
        send_words: 0,
        function_values: HashMap::new(),
        aggregate_results: HashSet::new(),
        constants: alloc::vec![None; program.consts.len()],
        made: glue::Register::default(),
        room,
        builder: BuilderMemory::default(),
        slots: Vec::new(),
        wanted,
        locals: Vec::new(),
    };
    let state = shared.state_layout()?;
    let mut units = shared.declare(&graph.order, &probes)?;
    let mut bodies = Vec::with_capacity(units.len());
    for unit in &mut units {
        let before = shared.module.data.len();
        let function = unit.callee.and_then(|id| program.functions.get(id.index()));
        let (body, frame) = match function.and_then(|function| function.given.as_ref()) {
            Some(given) => (shared.given(unit, given), 0),
            None => Lowering::new(&mut shared, unit)?.run()?,
        };
        unit.frame = frame;
        // A text is there a second time, to be found.
        let data = 2 * (shared.module.data.len() - before);
        shared.take(body.bytes() + data, unit.span)?;
        bodies.push(body);
    }
    // The compiler's own functions were declared behind those of the document.
    shared.made_bodies(&mut bodies)?;
    shared.finish(&units, bodies, &graph.callers_first, state)
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// The FIR type of a value.
fn fir_type(ty: Type) -> FirType {
    match ty {
        Type::Error | Type::Unit => FirType::Void,
        Type::Bool => FirType::Bool,
        Type::Int(kind) => kind.ty(),
        Type::Float(kind) => kind.ty(),
        Type::Str
        | Type::Array(..)
        | Type::List(_)
        | Type::Map(..)
        | Type::Bytes
        | Type::Struct(_)
        | Type::Optional(_)
        | Type::Union(_)
        | Type::Function(_) => FirType::Ptr,
        Type::Duration | Type::Ticket | Type::Agent | Type::Capability | Type::Region => FirType::I64,
        Type::Enum(_) => FirType::I32,
    }
}

impl<'p, 's> Shared<'p, 's> {
    /// Counts what the module takes.
    fn take(&mut self, bytes: usize, span: Span) -> Result<(), LowerError> {
        match self.room.checked_sub(bytes) {
            Some(room) => {
                self.room = room;
                Ok(())
            }
            None => Err(LowerError::memory(span)),
        }
    }

    fn line(&self, span: Span) -> u32 {
        self.lines.word(span.start)
    }

    fn fir_type(&self, ty: TypeId) -> FirType {
        fir_type(self.program.types.settled(ty))
    }

    fn state_layout(&mut self) -> Result<StateLayout, LowerError> {
        let mut layout = StateLayout::default();
        let Some(agent) = self.agent else { return Ok(layout) };
        for variable in &agent.state {
            let place = self.program.types.layout(variable.ty).and_then(|place| {
                let offset = layout.size.checked_next_multiple_of(place.align)?;
                let end = offset.checked_add(place.size)?;
                (end <= crate::lang::sema::types::AGGREGATE_BYTES).then_some((offset, end))
            });
            let Some((offset, end)) = place else {
                return Err(LowerError::limit(
                    variable.span,
                    format!("the state is larger than {} bytes", crate::lang::sema::types::AGGREGATE_BYTES),
                ));
            };
            let mut desc = String::new();
            self.program.types.write_descriptor(variable.ty, &mut desc);
            desc.shrink_to_fit();
            let bytes = 2 * size_of::<StateField>() + variable.name.len() + desc.len();
            self.take(bytes, variable.span)?;
            layout.fields.push(StateField { name: variable.name.to_owned(), offset, desc });
            layout.size = end;
            self.state.push(offset);
        }
        layout.size = layout.size.checked_next_multiple_of(8).unwrap_or(layout.size);
        Ok(layout)
    }

    /// Declares all functions of the module, sections first.
    fn declare(&mut self, functions: &[FnId], probes: &[Probe]) -> Result<Vec<Unit<'p, 's>>, LowerError> {
        let mut units = Vec::new();
        if let Some(agent) = self.agent {
            if agent.state.iter().any(|variable| variable.initial.is_some()) {
                let line = self.line(agent.span);
                let func = self.module.declare("State", Signature::default(), 0, line);
                units.push(Unit {
                    func,
                    body: &agent.state_body,
                    role: Role::StateInit,
                    span: agent.span,
                    frame: 0,
                    loop_section: false,
                    captures: None,
                    callee: None,
                });
            }
            for section in &agent.sections {
                let params = self.param_types(&section.body);
                let line = self.line(section.span);
                let answers = if self.fir_type(section.ret) == FirType::Void {
                    Answers::Perhaps
                } else {
                    section.answers
                };
                // The result word of a section that may end without an answer would be one.
                let result = match answers {
                    Answers::Perhaps => FirType::Void,
                    Answers::Returns | Answers::Replies => self.fir_type(section.ret),
                };
                let signature = Signature { params, result };
                let func = self.module.declare(&section.title, signature, 0, line);
                units.push(Unit {
                    func,
                    body: &section.body,
                    role: Role::Section(section.ret, answers),
                    span: section.span,
                    frame: 0,
                    loop_section: section.kind == ExportKind::Loop,
                    captures: None,
                    callee: None,
                });
            }
            for migration in &agent.migrations {
                let mut params = self.param_types(&migration.body);
                params.insert(0, FirType::Ptr);
                let line = self.line(migration.span);
                let signature = Signature { params, result: FirType::Void };
                let func = self.module.declare(&migration.title, signature, 0, line);
                units.push(Unit {
                    func,
                    body: &migration.body,
                    role: Role::Function(migration.ret, Recursion::None),
                    span: migration.span,
                    frame: 0,
                    loop_section: false,
                    captures: None,
                    callee: None,
                });
            }
        }
        for id in functions {
            let Some(function) = self.program.functions.get(id.index()) else { continue };
            let mut params = self.param_types(&function.body);
            let mut result = self.fir_type(function.ret);
            if function.captures.is_some() {
                params.insert(0, FirType::Ptr);
            }
            if self.program.types.is_aggregate(function.ret) {
                params.insert(0, FirType::Ptr);
                result = FirType::Void;
            }
            let recursion = if self.recursive.get(id.index()) == Some(&true) {
                Recursion::Possible
            } else {
                Recursion::None
            };
            let line = self.line(function.span);
            let name = match self.program.documents.get(usize::from(function.unit)) {
                Some(library) if function.unit > 0 => format!("{}.{}", library.stem, function.name),
                _ => function.name.to_owned(),
            };
            let func = self.module.declare(&name, Signature { params, result }, 0, line);
            if let Some(slot) = self.numbers.get_mut(id.index()) {
                *slot = Some(func);
            }
            if self.program.types.is_aggregate(function.ret) {
                self.aggregate_results.insert(func);
            }
            units.push(Unit {
                func,
                body: &function.body,
                // That of a lambda may have been found out later.
                role: Role::Function(self.program.types.resolve(function.ret), recursion),
                captures: function.captures,
                span: function.span,
                frame: 0,
                loop_section: false,
                callee: Some(*id),
            });
        }
        for probe in probes {
            let Some(row) = self.program.probe(*probe) else { continue };
            let line = self.line(row.span);
            let func = self.module.declare(&probe.export(), Signature::default(), 0, line);
            units.push(Unit {
                func,
                body: &row.body,
                role: Role::Probe(*probe),
                captures: None,
                span: row.span,
                frame: 0,
                loop_section: false,
                callee: None,
            });
        }
        if units.len() > fir::limits::FUNCTIONS {
            return Err(LowerError::limit(
                Span::empty(0),
                format!("{} functions and sections, at most 65535 are possible", units.len()),
            ));
        }
        Ok(units)
    }

    fn param_types(&self, body: &TreeBody<'s>) -> Vec<FirType> {
        let params = body.locals.iter().take(body.params as usize);
        params
            .map(|local| match self.fir_type(local.ty) {
                // A parameter of which nothing is known is passed as a word.
                FirType::Void => FirType::I64,
                ty => ty,
            })
            .collect()
    }

    /// Gives frames, state and constants their places, and fills the tables.
    fn finish(
        mut self,
        units: &[Unit<'p, 's>],
        bodies: Vec<Body>,
        callers_first: &[FnId],
        mut state: StateLayout,
    ) -> Result<Packed, LowerError> {
        let data = self.module.data.len().next_multiple_of(16);
        self.module.data.resize(data, 0);
        let state_base = data as u64;
        let send_base = state_base + u64::from(state.size).next_multiple_of(16);
        let send_bytes = u64::from(self.send_words) * 8;
        let (frames, end) = self.frames(units, callers_first, send_bytes.next_multiple_of(16));
        let Ok(scratch) = u32::try_from(end) else {
            return Err(LowerError::limit(
                self.agent.map_or(Span::empty(0), |agent| agent.span),
                format!("arrays and structs of functions take {end} bytes together, too many"),
            ));
        };
        state.scratch = scratch;
        // Units are in the order of the functions that they became.
        let frames = frames.into_iter().zip(units).map(|(frame, unit)| (frame, unit.frame)).collect();
        let addresses = Addresses { state: state_base, send: send_base, frames };
        let locals = core::mem::take(&mut self.locals);
        let mut shell = self.shell(units, state);
        shell.locals = locals;
        let places = units.iter().map(|unit| unit.span).collect();
        let whole = self.agent.map_or(Span::empty(0), |agent| agent.span);
        Ok(Packed { fir: self.module, bodies, addresses, places, whole, shell })
    }

    /// Offset of each unit's frame behind the send area, and the end of the last.
    fn frames(&self, units: &[Unit<'p, 's>], callers_first: &[FnId], start: u64) -> (Vec<u64>, u64) {
        let align = |bytes: u64| bytes.next_multiple_of(16);
        let mut bases = alloc::vec![start; self.numbers.len()];
        let mut by_function: Vec<Option<usize>> = alloc::vec![None; self.numbers.len()];
        let mut end = start;
        // The Loop may stand suspended while another section runs: its frame is its own.
        let probe = |unit: &Unit<'_, '_>| matches!(unit.role, Role::Probe(_));
        let loop_end = units
            .iter()
            .filter(|unit| unit.loop_section)
            .fold(start, |end, unit| end.max(start + align(u64::from(unit.frame))));
        let mut frames = Vec::with_capacity(units.len());
        // Any section may stand suspended while a probe runs.
        let sections_end = units
            .iter()
            .filter(|unit| unit.callee.is_none() && !unit.loop_section && !probe(unit))
            .fold(loop_end, |end, unit| end.max(loop_end + align(u64::from(unit.frame))));
        for (index, unit) in units.iter().enumerate() {
            let base = match unit.role {
                Role::Probe(_) => sections_end,
                _ if unit.loop_section => start,
                _ => loop_end,
            };
            frames.push(base);
            if let Some(id) = unit.callee {
                if let Some(slot) = by_function.get_mut(id.index()) {
                    *slot = Some(index);
                }
                continue;
            }
            let below = (base + align(u64::from(unit.frame))).max(loop_end);
            end = end.max(below);
            for callee in &unit.body.calls {
                if let Some(slot) = bases.get_mut(callee.index()) {
                    *slot = (*slot).max(below);
                }
            }
        }
        for id in callers_first {
            let Some(unit) = by_function.get(id.index()).copied().flatten().and_then(|index| {
                let base = bases.get(id.index()).copied().unwrap_or(start).max(loop_end);
                let slot = frames.get_mut(index)?;
                *slot = base;
                units.get(index)
            }) else {
                continue;
            };
            let base = bases.get(id.index()).copied().unwrap_or(start).max(loop_end);
            let own = match unit.role {
                // Its frame is in the arena.
                Role::Function(_, Recursion::Possible) => 0,
                _ => align(u64::from(unit.frame)),
            };
            let below = base + own;
            end = end.max(below);
            for callee in &unit.body.calls {
                if let Some(slot) = bases.get_mut(callee.index()) {
                    *slot = (*slot).max(below);
                }
            }
        }
        (frames, end)
    }
}
