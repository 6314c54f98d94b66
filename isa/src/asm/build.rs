//! The draft as a module: gas, labels, offsets, entry records.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::opcode::{Flow, Opcode, Operand};

use super::parse::{Argument, Draft, Item, Reference};
use super::token::clip;
use super::{AsmError, AsmProblem, AssembleOptions, Completion, DebugLines, Errors, Position};
use crate::blocks;
use crate::builder::{self, CodeBuilder, Label};
use crate::flow::Context;
use crate::instruction::Instruction;
use crate::module::{Entry, Function, Line, Module};

type Items<'a> = &'a [(Item, Position)];

/// Code that shares its labels: one function, or what stands outside of functions.
struct Segment {
    /// Records of the text, or where to look for them.
    entries: Entries,
    /// Offset and place in the text of each instruction.
    places: Vec<(u32, Position)>,
}

enum Entries {
    Given(Vec<Entry>),
    Missing { function: usize, start: u32, end: u32 },
}

pub(super) fn build(draft: Draft, options: AssembleOptions, errors: &mut Errors) -> Module {
    let Draft { mut module, exports, items, exact, .. } = draft;
    let complete = options.completion == Completion::Missing && !exact;
    let names = function_names(&module.functions);
    for (export, (function, position)) in module.exports.iter_mut().zip(&exports) {
        match resolve(function, &names, *position) {
            Ok(number) => export.function = number,
            Err(error) => errors.push(error),
        }
    }
    let mut code = CodeBuilder::new();
    let mut segments = Vec::new();
    let mut lines = Vec::new();
    for part in items.chunk_by(|_, (next, _)| !matches!(next, Item::Begin(_))) {
        let function = match part.first() {
            Some((Item::Begin(function), _)) => Some(*function),
            Some((_, position)) if complete && module.functions.is_empty() => {
                errors.push(position.error(AsmProblem::Outside));
                None
            }
            _ => None,
        };
        let mut emitter = Emitter {
            code: &mut code,
            names: &names,
            labels: BTreeMap::new(),
            lines: &mut lines,
            debug: options.lines,
            errors,
        };
        let start = emitter.code.offset();
        let mut segment = emitter.segment(part, complete && function.is_some());
        let end = code.offset();
        if let Some(number) = function {
            if let Some(function) = module.functions.get_mut(number) {
                function.offset = start;
                function.length = end.saturating_sub(start);
            }
            if let Entries::Missing { function, start: from, end: to } = &mut segment.entries {
                (*function, *from, *to) = (number, start, end);
            }
        }
        segments.push(segment);
    }
    module.lines = lines;
    // Entry records are looked for only in code that is what the text says.
    if errors.list.is_empty() {
        match code.finish() {
            Ok(code) => module.code = code,
            Err(error) => errors.push(Position { line: 1, column: 1 }.error(AsmProblem::Build(error))),
        }
        for segment in segments {
            match segment_entries(&module, segment) {
                Ok(entries) => module.entries.extend(entries),
                Err(error) => errors.push(error),
            }
        }
    }
    module
}

fn segment_entries(module: &Module, segment: Segment) -> Result<Vec<Entry>, AsmError> {
    let (function, start, end) = match segment.entries {
        Entries::Given(entries) => return Ok(entries),
        Entries::Missing { function, start, end } => (function, start, end),
    };
    let mut context =
        Context { functions: &module.functions, signatures: &module.signatures, own: Default::default() };
    let place = |at: u32| {
        let after = segment.places.partition_point(|(offset, _)| *offset <= at);
        segment.places.get(after.saturating_sub(1)).map_or(Position { line: 1, column: 1 }, |place| place.1)
    };
    let wrong = |at, problem| place(at).error(AsmProblem::Block(problem));
    let number = u32::try_from(function).unwrap_or(u32::MAX);
    context.own = context
        .function_signature(number)
        .map_err(|error| wrong(start, blocks::BlockProblem::Flow(error)))?;
    blocks::entries(&module.code, start, end, &context).map_err(|error| wrong(error.at, error.problem))
}

/// Number of each function by name; none where several have it.
fn function_names(functions: &[Function]) -> BTreeMap<String, Option<u32>> {
    let mut names = BTreeMap::new();
    for (function, number) in functions.iter().zip(0u32..) {
        names.entry(function.name.clone()).and_modify(|known| *known = None).or_insert(Some(number));
    }
    names
}

fn resolve(
    reference: &Reference,
    names: &BTreeMap<String, Option<u32>>,
    position: Position,
) -> Result<u32, AsmError> {
    match reference {
        Reference::Number(number) => Ok(*number),
        Reference::Name(name) => match names.get(name) {
            Some(Some(number)) => Ok(*number),
            Some(None) => Err(position.error(AsmProblem::FunctionTwice(clip(name)))),
            None => Err(position.error(AsmProblem::Function(clip(name)))),
        },
    }
}

struct Emitter<'a> {
    code: &'a mut CodeBuilder,
    names: &'a BTreeMap<String, Option<u32>>,
    labels: BTreeMap<String, Label>,
    lines: &'a mut Vec<Line>,
    debug: DebugLines,
    errors: &'a mut Errors,
}

impl Emitter<'_> {
    fn segment(&mut self, items: Items<'_>, may_complete: bool) -> Segment {
        let complete = may_complete && !items.iter().any(|(item, _)| matches!(item, Item::Entry(..)));
        for (item, position) in items {
            if let Item::Label(name) = item
                && self.labels.insert(name.clone(), self.code.label()).is_some()
            {
                self.errors.push(position.error(AsmProblem::LabelTwice(clip(name))));
            }
        }
        let charges = if complete { charges(items) } else { BTreeMap::new() };
        let mut given = Vec::new();
        let mut places = Vec::new();
        let mut bound = BTreeSet::new();
        for (index, (item, position)) in items.iter().enumerate() {
            if let Some(gas) = charges.get(&index) {
                places.push((self.code.offset(), *position));
                self.text_line(*position);
                self.code.emit(Opcode::GasCheck, &[builder::Argument::Value(i64::from(*gas))]);
            }
            match item {
                Item::Begin(_) => {}
                Item::Label(name) => {
                    if let Some(label) = self.labels.get(name)
                        && bound.insert(name)
                    {
                        self.code.bind(*label);
                    }
                }
                Item::Line(..) if self.debug == DebugLines::Text => {}
                Item::Line(line, at) => {
                    let offset = at.unwrap_or(self.code.offset());
                    self.lines.push(Line { offset, line: *line });
                }
                Item::Entry(entry, at) => {
                    given.push(Entry { offset: at.unwrap_or(self.code.offset()), ..*entry });
                }
                Item::Word(word) => {
                    places.push((self.code.offset(), *position));
                    self.text_line(*position);
                    self.code.emit_word(*word);
                }
                Item::Instruction(opcode, arguments) => {
                    places.push((self.code.offset(), *position));
                    self.text_line(*position);
                    if let Err(error) = self.instruction(*opcode, arguments, *position, complete) {
                        self.errors.push(error);
                    }
                }
            }
        }
        let entries =
            if complete { Entries::Missing { function: 0, start: 0, end: 0 } } else { Entries::Given(given) };
        Segment { entries, places }
    }

    /// What is emitted next comes from this line of the text.
    fn text_line(&mut self, position: Position) {
        let line = position.line;
        if self.debug == DebugLines::Text && self.lines.last().is_none_or(|last| last.line != line) {
            self.lines.push(Line { offset: self.code.offset(), line });
        }
    }

    fn instruction(
        &mut self,
        opcode: Opcode,
        arguments: &[(Argument, u32)],
        position: Position,
        complete: bool,
    ) -> Result<(), AsmError> {
        let mut built = Vec::with_capacity(arguments.len());
        let mut values = Vec::with_capacity(arguments.len());
        for ((argument, column), operand) in arguments.iter().zip(opcode.info().operands) {
            let here = Position { column: *column, ..position };
            let built_argument = match argument {
                Argument::Value(value) => {
                    let target = *operand == Operand::Target || (*operand == Operand::Handler && *value != 0);
                    if complete && target {
                        let mut error = here.error(AsmProblem::NumericTarget);
                        error.hint = Some("use a label, or give the function its .entry records".into());
                        return Err(error);
                    }
                    builder::Argument::Value(*value)
                }
                Argument::Label(name) => match self.labels.get(name) {
                    Some(label) => builder::Argument::Label(*label),
                    None => {
                        let mut error = here.error(AsmProblem::Label(clip(name)));
                        let near = super::nearest(name, self.labels.keys().map(String::as_str));
                        error.hint = near.map(|near| alloc::format!("did you mean {near}?"));
                        return Err(error);
                    }
                },
                Argument::Function(reference) => {
                    builder::Argument::Value(i64::from(resolve(reference, self.names, here)?))
                }
            };
            values.push(match built_argument {
                builder::Argument::Value(value) => value,
                _ => 0,
            });
            built.push(built_argument);
        }
        Instruction::checked(opcode, &values).map_err(|(index, error)| {
            let column = arguments.get(index).map_or(position.column, |(_, column)| *column);
            Position { column, ..position }.error(AsmProblem::Operand(error))
        })?;
        self.code.emit(opcode, &built);
        Ok(())
    }
}

/// Charge of each block that has none, by the item of its first instruction.
fn charges(items: Items<'_>) -> BTreeMap<usize, u32> {
    let mut targets = BTreeSet::new();
    for (item, _) in items {
        if let Item::Instruction(_, arguments) = item {
            targets.extend(arguments.iter().filter_map(|(argument, _)| match argument {
                Argument::Label(name) => Some(name),
                _ => None,
            }));
        }
    }
    let mut charges = BTreeMap::new();
    let mut block = None;
    let mut starts = true;
    for (index, (item, _)) in items.iter().enumerate() {
        let flow = match item {
            Item::Label(name) => {
                starts |= targets.contains(name);
                continue;
            }
            Item::Word(_) => Flow::Next,
            Item::Instruction(opcode, _) => opcode.info().flow,
            Item::Begin(_) | Item::Line(..) | Item::Entry(..) => continue,
        };
        if starts {
            let charged = matches!(item, Item::Instruction(Opcode::GasCheck, _));
            block = (!charged).then_some(index);
        }
        if let Some(block) = block {
            let gas: &mut u32 = charges.entry(block).or_default();
            *gas = gas.saturating_add(1);
        }
        starts = !matches!(flow, Flow::Next | Flow::Call);
    }
    charges
}
