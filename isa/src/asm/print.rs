//! The module as text.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Display, Write};

use flux_abi::opcode::{Opcode, Operand};

use crate::instruction::Instruction;
use crate::module::{Entry, LocalRange, Module, Supervise};

/// The whole module as text; assembled, it gives the same module.
pub fn disassemble(module: &Module) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = Printer::new(module).module(&mut out);
    out
}

/// The form of an instruction: mnemonic and operands.
pub(super) fn form(opcode: Opcode) -> String {
    let mut out = String::from(opcode.info().name);
    for (index, operand) in opcode.info().operands.iter().enumerate() {
        out.push_str(if index == 0 { " " } else { ", " });
        out.push_str(crate::instruction::operand_name(*operand));
    }
    out
}

/// Bytes as a quoted text of the assembler.
struct Quoted<'a>(&'a [u8]);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '"' => f.write_str("\\\"")?,
                    '\\' => f.write_str("\\\\")?,
                    '\n' => f.write_str("\\n")?,
                    '\r' => f.write_str("\\r")?,
                    '\t' => f.write_str("\\t")?,
                    '\0'..='\x1f' | '\x7f' => write!(f, "\\x{:02x}", u32::from(character))?,
                    _ => f.write_char(character)?,
                }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        f.write_str("\"")
    }
}

/// Text of a comment: no line ends.
struct Comment<'a>(&'a str);

impl Display for Comment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.chars().take(60);
        shown.map(|c| if c.is_control() { '.' } else { c }).try_for_each(|c| f.write_char(c))
    }
}

/// Registers of a mask as ranges.
struct Registers(u64);

impl Display for Registers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut separator = "";
        while rest != 0 {
            let first = rest.trailing_zeros();
            let length = rest.wrapping_shr(first).trailing_ones();
            let last = first.saturating_add(length).saturating_sub(1);
            match length {
                1 => write!(f, "{separator}R{first}")?,
                _ => write!(f, "{separator}R{first}-R{last}")?,
            }
            rest &=
                !crate::flow::registers(u8::try_from(first).unwrap_or(0), u8::try_from(last).unwrap_or(0));
            separator = ",";
        }
        Ok(())
    }
}

fn bytes(out: &mut String, directive: &str, bytes: &[u8]) -> fmt::Result {
    for row in bytes.chunks(32) {
        write!(out, ".{directive}")?;
        for group in row.chunks(8) {
            out.push(' ');
            group.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
        }
        out.push('\n');
    }
    Ok(())
}

struct Printer<'a> {
    module: &'a Module,
    /// Offset of each instruction, and of each word that is none, sorted.
    starts: Vec<u32>,
    /// Offsets that a label is bound to, sorted.
    labels: Vec<u32>,
    /// Whether functions follow each other from the start to the end of the code.
    contiguous: bool,
    /// Functions that have their name alone.
    named: BTreeMap<&'a str, bool>,
}

impl<'a> Printer<'a> {
    fn new(module: &'a Module) -> Self {
        let words = u64::try_from(module.code.len()).unwrap_or(u64::MAX);
        let mut end = 0u64;
        let mut contiguous = true;
        let mut named = BTreeMap::new();
        for function in &module.functions {
            contiguous &= u64::from(function.offset) == end;
            end = end.saturating_add(u64::from(function.length));
            named.entry(function.name.as_str()).and_modify(|alone| *alone = false).or_insert(true);
        }
        contiguous &= end == words;
        let mut printer = Self { module, starts: Vec::new(), labels: Vec::new(), contiguous, named };
        if contiguous {
            for function in &module.functions {
                printer.cut(function.offset, function.offset.saturating_add(function.length));
            }
        } else {
            printer.cut(0, u32::try_from(words).unwrap_or(u32::MAX));
        }
        printer.labels.sort_unstable();
        printer.labels.dedup();
        printer
    }

    /// Cuts `start..end` of the code into instructions and finds its labels.
    fn cut(&mut self, start: u32, end: u32) {
        let known = self.labels.len();
        let first = self.starts.len();
        let mut at = start;
        while at < end {
            let (instruction, words) = self.piece(at, end);
            self.labels.extend(instruction.and_then(|instruction| instruction.target()));
            self.starts.push(at);
            at = at.saturating_add(words);
        }
        let starts = self.starts.get(first..).unwrap_or(&[]);
        let mut own = self.labels.split_off(known);
        own.retain(|target| starts.binary_search(target).is_ok());
        self.labels.append(&mut own);
    }

    /// The instruction at `at` in code that ends at `end`, if there is one, and its words.
    fn piece(&self, at: u32, end: u32) -> (Option<Instruction>, u32) {
        let code = usize::try_from(end).ok().and_then(|end| self.module.code.get(..end)).unwrap_or(&[]);
        match Instruction::decode(code, usize::try_from(at).unwrap_or(usize::MAX)) {
            Ok((instruction, words)) => (Some(instruction), u32::try_from(words).unwrap_or(1)),
            Err(_) => (None, 1),
        }
    }

    fn module(&self, out: &mut String) -> fmt::Result {
        out.push_str(".exact\n");
        self.tables(out)?;
        self.exports(out)?;
        self.code(out)?;
        for local in &self.module.locals {
            let (name, desc) = (Quoted(local.name.as_bytes()), Quoted(local.desc.as_bytes()));
            writeln!(out, ".local {} {name} {desc} offset {}", local.function, local.offset)?;
            for range in &local.ranges {
                let LocalRange { start, end, place, number } = range;
                writeln!(out, ".lives {start} {end} {} {number}", place.name())?;
            }
        }
        for native in &self.module.native {
            write!(out, ".native {} ", Quoted(native.architecture.as_bytes()))?;
            native.identity.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
            out.push('\n');
            bytes(out, "code", &native.code)?;
        }
        match self.module.signature.as_deref() {
            Some([]) => out.push_str(".signed\n"),
            Some(signature) => bytes(out, "signed", signature)?,
            None => {}
        }
        Ok(())
    }

    fn tables(&self, out: &mut String) -> fmt::Result {
        let module = self.module;
        let meta = &module.meta;
        writeln!(out, ".name {}", Quoted(meta.name.as_bytes()))?;
        writeln!(out, ".version {}", Quoted(meta.version.as_bytes()))?;
        writeln!(out, ".title {}", Quoted(meta.title.as_bytes()))?;
        writeln!(out, ".period {}\n.heartbeat {}", meta.period_ns, meta.heartbeat_ns)?;
        writeln!(out, ".priority {}\n.memory {}\n.gas {}", meta.priority, meta.memory, meta.gas)?;
        for topic in &meta.subscribe {
            writeln!(out, ".subscribe {}", Quoted(topic.as_bytes()))?;
        }
        for name in &module.documents {
            writeln!(out, ".document {}", Quoted(name.as_bytes()))?;
        }
        for child in &module.children {
            let (document, agent) = (Quoted(child.document.as_bytes()), Quoted(child.agent.as_bytes()));
            writeln!(out, ".child {document} {agent}")?;
            bytes(out, "child_hex", &child.module)?;
        }
        if let Some(table) = &module.supervise {
            let Supervise { strategy, restarts, window_ns, wait_ns, longest_ns, children } = table;
            write!(out, ".supervise {} restarts {restarts} window {window_ns}", strategy.name())?;
            writeln!(out, " wait {wait_ns} longest {longest_ns}")?;
            for child in children {
                let (document, agent) = (Quoted(child.document.as_bytes()), Quoted(child.agent.as_bytes()));
                writeln!(out, ".supervised {document} {agent} {}", child.restart.name())?;
            }
        }
        for kind in module.capabilities.iter() {
            writeln!(out, ".capability {}", kind.name())?;
        }
        bytes(out, "hex", &module.constants)?;
        writeln!(out, ".state {} scratch {}", module.state.size, module.state.scratch)?;
        for field in &module.state.fields {
            let (name, desc) = (Quoted(field.name.as_bytes()), Quoted(field.desc.as_bytes()));
            writeln!(out, ".field {name} {} {desc}", field.offset)?;
        }
        for parameter in &module.parameters {
            let (name, desc) = (Quoted(parameter.name.as_bytes()), Quoted(parameter.desc.as_bytes()));
            write!(out, ".parameter {name} {desc}")?;
            for name in &parameter.names {
                write!(out, " name {}", Quoted(name.as_bytes()))?;
            }
            if let Some(default) = &parameter.default {
                write!(out, " default {}", Quoted(default))?;
            }
            writeln!(out, " help {}", Quoted(parameter.help.as_bytes()))?;
        }
        for link in &module.links {
            let (name, channel) = (Quoted(link.name.as_bytes()), Quoted(link.channel.as_bytes()));
            writeln!(out, ".link {} {name} channel {channel} rights {}", link.kind.name(), link.rights)?;
        }
        for signature in &module.signatures {
            writeln!(out, ".signature {} {}", signature.arguments, signature.results)?;
        }
        for timer in &module.timers {
            let section = Quoted(timer.section.as_bytes());
            writeln!(out, ".timer {section} {} ordinal {}", timer.interval_ns, timer.ordinal)?;
        }
        for migration in &module.migrations {
            let version = Quoted(migration.version.as_bytes());
            writeln!(out, ".migration {} {version} {}", migration.way.name(), migration.function)?;
            for field in &migration.fields {
                let (name, desc) = (Quoted(field.name.as_bytes()), Quoted(field.desc.as_bytes()));
                writeln!(out, ".old {name} {} {desc}", field.offset)?;
            }
        }
        Ok(())
    }

    fn exports(&self, out: &mut String) -> fmt::Result {
        for export in &self.module.exports {
            write!(out, ".export {} {} function ", export.kind.name(), Quoted(export.name.as_bytes()))?;
            self.function(export.function, out)?;
            let (arguments, result) = (Quoted(export.arguments.as_bytes()), Quoted(export.result.as_bytes()));
            writeln!(out, " arguments {arguments} result {result} interval {}", export.interval_ns)?;
        }
        Ok(())
    }

    /// A function by its name if it has it alone, else by its number.
    fn function(&self, number: u32, out: &mut String) -> fmt::Result {
        let function = usize::try_from(number).ok().and_then(|number| self.module.functions.get(number));
        match function.filter(|function| self.named.get(function.name.as_str()) == Some(&true)) {
            Some(function) => write!(out, "@{}", Quoted(function.name.as_bytes())),
            None => write!(out, "{number}"),
        }
    }

    fn code(&self, out: &mut String) -> fmt::Result {
        let module = self.module;
        let in_place = |offsets: &[u32]| {
            offsets.is_sorted_by(|a, b| a < b)
                && offsets.iter().all(|at| self.starts.binary_search(at).is_ok())
        };
        let entry_offsets: Vec<u32> = module.entries.iter().map(|entry| entry.offset).collect();
        let line_offsets: Vec<u32> = module.lines.iter().map(|line| line.offset).collect();
        let (entries_here, lines_here) = (in_place(&entry_offsets), in_place(&line_offsets));
        let mut functions = module.functions.iter().peekable();
        if !self.contiguous {
            for function in functions.by_ref() {
                write!(
                    out,
                    ".function {} signature {}",
                    Quoted(function.name.as_bytes()),
                    function.signature
                )?;
                writeln!(out, " at {} length {}", function.offset, function.length)?;
            }
        }
        if !entries_here {
            for entry in &module.entries {
                print_entry(entry, Some(entry.offset), out)?;
            }
        }
        if !lines_here {
            for line in &module.lines {
                writeln!(out, ".line {} at {}", line.line, line.offset)?;
            }
        }
        let mut entries = module.entries.iter().filter(|_| entries_here).peekable();
        let mut lines = module.lines.iter().filter(|_| lines_here).peekable();
        let mut bounds = (0, u32::try_from(module.code.len()).unwrap_or(u32::MAX));
        for &at in &self.starts {
            while let Some(function) = functions.next_if(|function| function.offset <= at) {
                bounds = (function.offset, function.offset.saturating_add(function.length));
                let name = Quoted(function.name.as_bytes());
                writeln!(out, "\n.function {name} signature {}", function.signature)?;
            }
            if let Some(line) = lines.next_if(|line| line.offset == at) {
                writeln!(out, ".line {}", line.line)?;
            }
            if self.labels.binary_search(&at).is_ok() {
                writeln!(out, "L{at}:")?;
            }
            if let Some(entry) = entries.next_if(|entry| entry.offset == at) {
                print_entry(entry, None, out)?;
            }
            match self.piece(at, bounds.1).0 {
                Some(instruction) => self.instruction(&instruction, bounds, out)?,
                None => {
                    let word = usize::try_from(at).ok().and_then(|at| module.code.get(at));
                    writeln!(out, "    .word {:#010x}", word.copied().unwrap_or(0))?;
                }
            }
        }
        // Functions without code at the end.
        for function in functions {
            writeln!(out, ".function {} signature {}", Quoted(function.name.as_bytes()), function.signature)?;
        }
        Ok(())
    }

    fn instruction(&self, instruction: &Instruction, bounds: (u32, u32), out: &mut String) -> fmt::Result {
        write!(out, "    {}", instruction.opcode().info().name)?;
        let mut note = String::new();
        for (index, (operand, value)) in instruction.operands().enumerate() {
            out.push_str(if index == 0 { " " } else { ", " });
            let number = u32::try_from(value).unwrap_or(u32::MAX);
            let row = usize::try_from(number).unwrap_or(usize::MAX);
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
                | Operand::Last => write!(out, "R{value}")?,
                Operand::Select(kind) => {
                    out.push_str(
                        u8::try_from(value).ok().and_then(|byte| kind.choice_name(byte)).unwrap_or("?"),
                    );
                }
                Operand::Handler if value == 0 => out.push('0'),
                Operand::Target | Operand::Handler
                    if (bounds.0..bounds.1).contains(&number)
                        && self.labels.binary_search(&number).is_ok() =>
                {
                    write!(out, "L{number}")?;
                }
                Operand::Function => self.function(number, out)?,
                Operand::Link => {
                    write!(out, "{value}")?;
                    if let Some(link) = self.module.links.get(row) {
                        write!(note, "{}", Comment(&link.name))?;
                    }
                }
                Operand::Param => {
                    write!(out, "{value}")?;
                    if let Some(parameter) = self.module.parameters.get(row) {
                        write!(note, "{}", Comment(&parameter.name))?;
                    }
                }
                Operand::I64 => {
                    write!(out, "{value}")?;
                    let float = f64::from_bits(value.cast_unsigned());
                    if (1e-9..1e15).contains(&float.abs()) {
                        write!(note, "{float}")?;
                    }
                }
                _ => write!(out, "{value}")?,
            }
        }
        if !note.is_empty() {
            write!(out, "    ; {note}")?;
        }
        out.push('\n');
        Ok(())
    }
}

fn print_entry(entry: &Entry, at: Option<u32>, out: &mut String) -> fmt::Result {
    out.push_str(".entry");
    if let Some(at) = at {
        write!(out, " at {at}")?;
    }
    write!(out, " stack {} handlers {}", entry.stack, entry.handlers)?;
    if entry.written != 0 {
        write!(out, " written {}", Registers(entry.written))?;
    }
    out.push('\n');
    Ok(())
}
