//! The text as a draft: tables filled, code as items with names still in it.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use flux_abi::capability::CapabilityKind;
use flux_abi::limits;
use flux_abi::opcode::{OPCODES, Opcode, Operand};
use flux_abi::supervise::{DEFAULT_RESTARTS, DEFAULT_WINDOW_NS, Restart, Strategy};

use super::token::{Cursor, Token, clip, integer, tokens};
use super::{AsmError, AsmProblem, DIRECTIVES, Errors, Position, nearest};
use crate::flow::registers;
use crate::instruction::operand_range;
use crate::module::{
    Child, Entry, Export, ExportKind, Function, Link, LinkKind, Local, LocalPlace, LocalRange, Migration,
    MigrationWay, Module, NativeSection, Parameter, Signature, StateField, Supervise, Supervised, Timer,
};

/// One operand as the text has it.
#[derive(Clone, Debug)]
pub(super) enum Argument {
    Value(i64),
    Label(String),
    Function(Reference),
}

/// A function by name or number.
#[derive(Clone, Debug)]
pub(super) enum Reference {
    Name(String),
    Number(u32),
}

/// A piece of the code.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// The function of this number starts.
    Begin(usize),
    Label(String),
    /// A document line from here or from the offset.
    Line(u32, Option<u32>),
    /// An entry record for here or for its offset.
    Entry(Entry, Option<u32>),
    Word(u32),
    /// An instruction; each operand with its column.
    Instruction(Opcode, Vec<(Argument, u32)>),
}

/// The text, line by line.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// All tables but functions' places, exports' functions, code, entries and lines.
    pub(super) module: Module,
    /// Function of each export.
    pub(super) exports: Vec<(Reference, Position)>,
    pub(super) items: Vec<(Item, Position)>,
    pub(super) exact: bool,
    /// First number of each signature.
    shapes: BTreeMap<Signature, usize>,
}

pub(super) fn parse(text: &str, errors: &mut Errors) -> Draft {
    let mut draft = Draft::default();
    let meta = &mut draft.module.meta;
    meta.period_ns = limits::DEFAULT_PERIOD_NS;
    meta.memory = limits::DEFAULT_QUOTA;
    meta.gas = limits::DEFAULT_GAS;
    for (text, line) in text.split('\n').zip(1u32..) {
        if let Err(error) = draft.line(text, line) {
            errors.push(error);
        }
        if errors.is_full() {
            break;
        }
    }
    draft
}

fn with_hint(mut error: AsmError, hint: impl FnOnce() -> Option<String>) -> AsmError {
    error.hint = error.hint.or_else(hint);
    error
}

impl Draft {
    fn line(&mut self, text: &str, line: u32) -> Result<(), AsmError> {
        let tokens = tokens(text, line)?;
        let end = u32::try_from(text.chars().count()).unwrap_or(u32::MAX).saturating_add(1);
        let mut cursor = Cursor::new(&tokens, line, end);
        loop {
            let position = cursor.position();
            match cursor.label() {
                Some(name) => self.items.push((Item::Label(name.to_owned()), position)),
                None => break,
            }
        }
        if cursor.is_empty() {
            return Ok(());
        }
        let position = cursor.position();
        let word = cursor.word("a directive or an instruction")?;
        match word.strip_prefix('.') {
            Some(name) => {
                let row = DIRECTIVES.iter().find(|row| row.0 == name);
                let row = row.ok_or_else(|| {
                    with_hint(position.error(AsmProblem::Directive(clip(name))), || {
                        let near = nearest(name, DIRECTIVES.iter().map(|row| row.0))?;
                        Some(alloc::format!("did you mean .{near}?"))
                    })
                })?;
                let done = self.directive(name, &mut cursor, position).and_then(|()| cursor.finish());
                done.map_err(|error| with_hint(error, || Some(alloc::format!("form: .{name} {}", row.1))))
            }
            None => self.instruction(word, &mut cursor, position),
        }
    }

    fn instruction(
        &mut self,
        word: &str,
        cursor: &mut Cursor<'_>,
        position: Position,
    ) -> Result<(), AsmError> {
        let upper = word.to_ascii_uppercase();
        let opcode = Opcode::from_name(&upper).ok_or_else(|| {
            with_hint(position.error(AsmProblem::Mnemonic(clip(word))), || {
                let near = nearest(&upper, OPCODES.iter().map(|row| row.name))?;
                Some(alloc::format!("did you mean {near}?"))
            })
        })?;
        let info = opcode.info();
        let mut arguments = Vec::new();
        while !cursor.is_empty() {
            if !arguments.is_empty() && !cursor.take(&Token::Comma) {
                return Err(cursor.wanted("a comma"));
            }
            let column = cursor.position().column;
            let Some(operand) = info.operands.get(arguments.len()) else {
                let given = arguments.len().saturating_add(1);
                return Err(operand_count(cursor.position(), opcode, given));
            };
            arguments.push((argument(*operand, cursor)?, column));
        }
        if arguments.len() != info.operands.len() {
            return Err(operand_count(cursor.position(), opcode, arguments.len()));
        }
        self.items.push((Item::Instruction(opcode, arguments), position));
        Ok(())
    }

    fn directive(&mut self, name: &str, cursor: &mut Cursor<'_>, position: Position) -> Result<(), AsmError> {
        let module = &mut self.module;
        let meta = &mut module.meta;
        match name {
            "exact" => self.exact = true,
            "name" => meta.name = cursor.text("a text")?,
            "version" => meta.version = cursor.text("a text")?,
            "title" => meta.title = cursor.text("a text")?,
            "period" => meta.period_ns = cursor.number("a number")?,
            "heartbeat" => meta.heartbeat_ns = cursor.number("a number")?,
            "priority" => meta.priority = cursor.number("a number")?,
            "memory" => meta.memory = cursor.number("a number")?,
            "gas" => meta.gas = cursor.number("a number")?,
            "subscribe" => meta.subscribe.push(cursor.text("a topic")?),
            "document" => module.documents.push(cursor.text("the name of a document")?),
            "child" => {
                let document = cursor.text("the name of a document")?;
                let agent = cursor.text("the name of an agent")?;
                module.children.push(Child { document, agent, module: Vec::new() });
            }
            "child_hex" => {
                let bytes = cursor.hex()?;
                let child = module.children.last_mut();
                append(&mut child.ok_or_else(|| cursor.wanted("a .child before"))?.module, &bytes, position)?;
            }
            "supervise" => module.supervise = Some(supervise(cursor)?),
            "supervised" => {
                let document = cursor.text("the name of a document")?;
                let agent = cursor.text("the name of an agent")?;
                let restart = choice(cursor, "kind of restart", Restart::from_name)?;
                let table = module.supervise.as_mut().ok_or_else(|| cursor.wanted("a .supervise before"))?;
                table.children.push(Supervised { document, agent, restart });
            }
            "local" => {
                let function = cursor.number("the number of a function")?;
                let (name, desc) = (cursor.text("a name")?, cursor.text("a type descriptor")?);
                let offset = if cursor.keyword("offset") { cursor.number("a number of bytes")? } else { 0 };
                module.locals.push(Local { function, name, desc, offset, ranges: Vec::new() });
            }
            "lives" => {
                let range = local_range(cursor)?;
                let local = module.locals.last_mut();
                local.ok_or_else(|| cursor.wanted("a .local before"))?.ranges.push(range);
            }
            "capability" => {
                while !cursor.is_empty() {
                    let kind = choice(cursor, "capability kind", CapabilityKind::from_name)?;
                    module.capabilities = module.capabilities.with(kind);
                }
            }
            "hex" => {
                let bytes = cursor.hex()?;
                append(&mut module.constants, &bytes, position)?;
            }
            "text" => {
                let bytes = cursor.bytes("a text")?;
                append(&mut module.constants, &bytes, position)?;
            }
            "zero" => {
                let count = usize::try_from(cursor.number::<u32>("a number")?).unwrap_or(usize::MAX);
                let length = module.constants.len().saturating_add(count);
                check_length(length, position)?;
                module.constants.resize(length, 0);
            }
            "state" => {
                module.state.size = cursor.number("a number")?;
                if cursor.keyword("scratch") {
                    module.state.scratch = cursor.number("a number")?;
                }
            }
            "field" => module.state.fields.push(StateField {
                name: cursor.text("a name")?,
                offset: cursor.number("an offset")?,
                desc: cursor.text("a type descriptor")?,
            }),
            "parameter" => module.parameters.push(parameter(cursor)?),
            "link" => module.links.push(link(cursor)?),
            "signature" => {
                let signature = Signature {
                    arguments: cursor.number("a number of arguments")?,
                    results: cursor.number("a number of results")?,
                };
                self.shapes.entry(signature).or_insert(module.signatures.len());
                module.signatures.push(signature);
            }
            "timer" => module.timers.push(Timer {
                section: cursor.text("a section")?,
                interval_ns: cursor.number("an interval")?,
                ordinal: if cursor.keyword("ordinal") { cursor.number("a number")? } else { 0 },
            }),
            "export" => {
                let (export, function) = export(cursor, position)?;
                module.exports.push(export);
                self.exports.push(function);
            }
            "migration" => module.migrations.push(Migration {
                way: choice(cursor, "way", MigrationWay::from_name)?,
                version: cursor.text("a version")?,
                function: cursor.number("the number of a function")?,
                fields: Vec::new(),
            }),
            "old" => {
                let field = StateField {
                    name: cursor.text("a name")?,
                    offset: cursor.number("an offset")?,
                    desc: cursor.text("a type descriptor")?,
                };
                let migration = module.migrations.last_mut();
                migration.ok_or_else(|| cursor.wanted("a .migration before"))?.fields.push(field);
            }
            "function" => self.function(cursor, position)?,
            "entry" => {
                let item = entry(cursor)?;
                self.items.push((item, position));
            }
            "line" => {
                let line = cursor.number("a line number")?;
                let at = if cursor.keyword("at") { Some(cursor.number("an offset")?) } else { None };
                self.items.push((Item::Line(line, at), position));
            }
            "word" => self.items.push((Item::Word(cursor.number("a number")?), position)),
            "native" => {
                let architecture = cursor.text("an architecture")?;
                let position = cursor.position();
                let identity = cursor.hex()?.try_into().map_err(|_| position.error(AsmProblem::Hex))?;
                module.native.push(NativeSection { architecture, identity, code: Vec::new() });
            }
            "code" => {
                let bytes = cursor.hex()?;
                let native = module.native.last_mut();
                append(&mut native.ok_or_else(|| cursor.wanted("a .native before"))?.code, &bytes, position)?;
            }
            // `DIRECTIVES` has no other name but this.
            _ => {
                let bytes = cursor.hex()?;
                append(module.signature.get_or_insert_default(), &bytes, position)?;
            }
        }
        Ok(())
    }

    fn function(&mut self, cursor: &mut Cursor<'_>, position: Position) -> Result<(), AsmError> {
        let mut function = Function { name: cursor.name("a name")?, ..Function::default() };
        let mut shape = Signature::default();
        let mut number = None;
        let mut placed = false;
        while !cursor.is_empty() {
            if cursor.keyword("signature") {
                number = Some(cursor.number("a signature number")?);
            } else if cursor.keyword("arguments") {
                shape.arguments = cursor.number("a number of arguments")?;
            } else if cursor.keyword("results") {
                shape.results = cursor.number("a number of results")?;
            } else if cursor.keyword("at") {
                function.offset = cursor.number("an offset")?;
                if !cursor.keyword("length") {
                    return Err(cursor.wanted("`length`"));
                }
                function.length = cursor.number("a number of words")?;
                placed = true;
            } else {
                return Err(cursor.wanted("`signature`, `arguments`, `results` or `at`"));
            }
        }
        let signatures = &mut self.module.signatures;
        function.signature = match number {
            Some(number) => number,
            None => {
                let index = *self.shapes.entry(shape).or_insert_with(|| {
                    signatures.push(shape);
                    signatures.len().saturating_sub(1)
                });
                let limit = usize::from(u16::MAX);
                let problem = AsmProblem::Limit { what: "signatures", limit };
                u16::try_from(index).map_err(|_| position.error(problem))?
            }
        };
        if !placed {
            self.items.push((Item::Begin(self.module.functions.len()), position));
        }
        self.module.functions.push(function);
        Ok(())
    }
}

fn operand_count(position: Position, opcode: Opcode, given: usize) -> AsmError {
    let operands = opcode.info().operands;
    let hint = || Some(alloc::format!("form: {}", super::print::form(opcode)));
    with_hint(position.error(AsmProblem::Operands { given, wanted: operands.len() }), hint)
}

fn check_length(length: usize, position: Position) -> Result<(), AsmError> {
    let problem = AsmProblem::Limit { what: "the bytes", limit: limits::MODULE_BYTES };
    if length > limits::MODULE_BYTES { Err(position.error(problem)) } else { Ok(()) }
}

fn append(to: &mut Vec<u8>, bytes: &[u8], position: Position) -> Result<(), AsmError> {
    check_length(to.len().saturating_add(bytes.len()), position)?;
    to.extend(bytes);
    Ok(())
}

fn choice<T>(
    cursor: &mut Cursor<'_>,
    list: &'static str,
    find: fn(&str) -> Option<T>,
) -> Result<T, AsmError> {
    let position = cursor.position();
    let name = cursor.word(list)?;
    find(name).ok_or_else(|| position.error(AsmProblem::Choice { name: clip(name), list }))
}

/// `one-for-one [restarts number] [window ns] [wait ns] [longest ns]`.
fn supervise(cursor: &mut Cursor<'_>) -> Result<Supervise, AsmError> {
    let strategy = choice(cursor, "strategy", Strategy::from_name)?;
    let restarts = if cursor.keyword("restarts") { cursor.number("a number")? } else { DEFAULT_RESTARTS };
    let mut time = |keyword, usual| {
        if cursor.keyword(keyword) { cursor.number::<i64>("a number") } else { Ok(usual) }
    };
    let window_ns = time("window", DEFAULT_WINDOW_NS)?;
    let wait_ns = time("wait", 0)?;
    let longest_ns = time("longest", wait_ns)?;
    Ok(Supervise { strategy, restarts, window_ns, wait_ns, longest_ns, children: Vec::new() })
}

/// `start end place number`.
fn local_range(cursor: &mut Cursor<'_>) -> Result<LocalRange, AsmError> {
    Ok(LocalRange {
        start: cursor.number("a code offset")?,
        end: cursor.number("a code offset")?,
        place: choice(cursor, "place of a local", LocalPlace::from_name)?,
        number: cursor.number("a number")?,
    })
}

fn parameter(cursor: &mut Cursor<'_>) -> Result<Parameter, AsmError> {
    let (name, desc) = (cursor.text("a name")?, cursor.text("a type descriptor")?);
    let mut names = Vec::new();
    while cursor.keyword("name") {
        names.push(cursor.text("a name in the type")?);
    }
    Ok(Parameter {
        name,
        desc,
        names,
        default: if cursor.keyword("default") { Some(cursor.bytes("a text")?) } else { None },
        help: if cursor.keyword("help") { cursor.text("a text")? } else { String::new() },
    })
}

fn link(cursor: &mut Cursor<'_>) -> Result<Link, AsmError> {
    let kind = choice(cursor, "kind of link", LinkKind::from_name)?;
    let name = cursor.text("a name")?;
    let channel = if cursor.keyword("channel") { cursor.text("a name")? } else { String::new() };
    let rights = if !cursor.keyword("rights") || cursor.keyword("rw") {
        3
    } else if cursor.keyword("r") {
        1
    } else if cursor.keyword("w") {
        2
    } else {
        cursor.number("rights")?
    };
    Ok(Link { kind, name, channel, rights })
}

fn export(cursor: &mut Cursor<'_>, position: Position) -> Result<(Export, (Reference, Position)), AsmError> {
    let kind = choice(cursor, "kind of export", ExportKind::from_name)?;
    let name = cursor.text("a name")?;
    if !cursor.keyword("function") {
        return Err(cursor.wanted("`function`"));
    }
    let function = (reference(cursor)?, position);
    let arguments = if cursor.keyword("arguments") { cursor.text("descriptors")? } else { String::new() };
    let result = if cursor.keyword("result") { cursor.text("a descriptor")? } else { String::new() };
    let interval_ns = if cursor.keyword("interval") { cursor.number("an interval")? } else { 0 };
    Ok((Export { kind, name, function: 0, arguments, result, interval_ns }, function))
}

fn reference(cursor: &mut Cursor<'_>) -> Result<Reference, AsmError> {
    if cursor.take(&Token::At) {
        return cursor.name("a function's name").map(Reference::Name);
    }
    cursor.number("@ and a function's name, or its number").map(Reference::Number)
}

fn entry(cursor: &mut Cursor<'_>) -> Result<Item, AsmError> {
    let at = if cursor.keyword("at") { Some(cursor.number("an offset")?) } else { None };
    let mut entry = Entry::default();
    if cursor.keyword("stack") {
        entry.stack = cursor.number("a number of slots")?;
    }
    if cursor.keyword("handlers") {
        entry.handlers = cursor.number("a number of records")?;
    }
    if cursor.keyword("written") {
        loop {
            let position = cursor.position();
            let word = cursor.word("registers")?;
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            let range = register(first).zip(register(last)).filter(|(first, last)| first <= last);
            let list = "register or range of registers";
            let problem = || position.error(AsmProblem::Choice { name: clip(word), list });
            let (first, last) = range.ok_or_else(problem)?;
            entry.written |= registers(first, last);
            if !cursor.take(&Token::Comma) {
                break;
            }
        }
    }
    Ok(Item::Entry(entry, at))
}

/// Number of the register that a word names.
fn register(word: &str) -> Option<u8> {
    let digits = word.strip_prefix(['R', 'r'])?;
    let number =
        if digits.starts_with(|first: char| first.is_ascii_digit()) { digits.parse().ok()? } else { 64 };
    (number < 64).then_some(number)
}

fn argument(operand: Operand, cursor: &mut Cursor<'_>) -> Result<Argument, AsmError> {
    let position = cursor.position();
    let wrong = |name: &str, list| position.error(AsmProblem::Choice { name: clip(name), list });
    match operand {
        Operand::Rd
        | Operand::Ra
        | Operand::Rb
        | Operand::Rc
        | Operand::Rm
        | Operand::Vd
        | Operand::Va
        | Operand::Vb
        | Operand::First
        | Operand::Last => {
            let word = cursor.word("a register")?;
            let number = register(word).ok_or_else(|| wrong(word, "register; there are R0 to R63"))?;
            Ok(Argument::Value(i64::from(number)))
        }
        Operand::Select(kind) => {
            let word = cursor.word("a choice")?;
            let number = kind.choice_number(word).ok_or_else(|| {
                with_hint(wrong(word, kind.name()), || {
                    let names: Vec<_> = kind.choices().iter().map(|choice| choice.1).collect();
                    Some(alloc::format!("there are: {}", names.join(" ")))
                })
            })?;
            Ok(Argument::Value(i64::from(number)))
        }
        Operand::Function => reference(cursor).map(Argument::Function),
        Operand::Target | Operand::Handler => {
            let word = cursor.word("a label")?;
            match integer(word) {
                Some(value) => number(operand, value, position).map(Argument::Value),
                None => Ok(Argument::Label(word.to_string())),
            }
        }
        Operand::I64 => {
            let here = cursor.wanted("a number");
            let word = cursor.word("a number")?;
            let value = match integer(word) {
                // An unsigned constant has the same bits.
                Some(value) => match u64::try_from(value) {
                    Ok(value) => value.cast_signed(),
                    Err(_) => return number(operand, value, position).map(Argument::Value),
                },
                None => word.parse::<f64>().map_err(|_| here)?.to_bits().cast_signed(),
            };
            Ok(Argument::Value(value))
        }
        _ => {
            let here = cursor.wanted("a number");
            let value = integer(cursor.word("a number")?).ok_or(here)?;
            number(operand, value, position).map(Argument::Value)
        }
    }
}

fn number(operand: Operand, value: i128, position: Position) -> Result<i64, AsmError> {
    let (least, greatest) = operand_range(operand);
    let in_range = i64::try_from(value).ok().filter(|value| (least..=greatest).contains(value));
    in_range.ok_or_else(|| {
        let (least, greatest) = (i128::from(least), i128::from(greatest));
        position.error(AsmProblem::Number { value, least, greatest })
    })
}
