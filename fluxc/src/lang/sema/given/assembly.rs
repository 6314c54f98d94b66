//! `fluxasm` fences: assembled and verified alone, then cut into functions.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use flux_abi::opcode::{Executor, Opcode, Operand};
use flux_abi::select::AllocKind;
use flux_isa::asm::{AssembleOptions, DebugLines, assemble_with};
use flux_isa::{Function, Instruction, Line, Module};
use flux_verify::{Place, verify};

use super::super::Checker;
use super::super::tree::{FnId, GivenBody, GivenCode};
use crate::diag::{Diagnostic, codes};
use crate::fir;
use crate::fir::FuncId;
use crate::lang::syntax::ast::{Foreign, Ident};
use crate::lang::syntax::given::{Column, FenceText, function_lines};
use crate::span::Span;

/// Bytes that address 0 and its surroundings take in every module.
const CONSTANTS: usize = 16;

impl<'s> Checker<'_, 's> {
    pub(super) fn assembly_fence(&mut self, fence: &Foreign<'s>) {
        let lines = FenceText::new(fence.content);
        let mut functions: Vec<FnId> = Vec::new();
        let mut directives: BTreeMap<u32, String> = BTreeMap::new();
        for (line, name) in function_lines(&lines, fence.content) {
            // What is wrong with the line was reported where the function was declared.
            let Some((id, signature)) = self.assembly_function(name, lines.line_span(line)) else { return };
            let Some(shape) = self.shape_of(signature, id, name) else { return };
            functions.push(id);
            directives.insert(line, directive(name.text, shape));
        }
        let mut text = lines.assembly(|line| directives.get(&line).cloned());
        let own = functions.len();
        let mut known: BTreeSet<&'s str> = BTreeSet::new();
        for id in &functions {
            known.extend(self.program.functions.get(id.index()).map(|row| row.name));
        }
        for name in called(&lines, fence.content) {
            if !known.insert(name.text) {
                continue;
            }
            let Some(id) = self.known_function(name, "`## fn:` or `.fn`") else { return };
            let Some(shape) = self.shape_of(name.span, id, name) else { return };
            functions.push(id);
            text.push_str(&directive(name.text, shape));
            text.push_str("\n INVALID\n");
        }
        if let Some(module) = self.assembled(&text, &lines) {
            self.keep_assembled(&module, fence, own, &functions, &lines);
        }
    }

    /// The function that a `.fn` line declares, and where its signature stands.
    fn assembly_function(&mut self, name: Ident<'s>, line: Span) -> Option<(FnId, Span)> {
        let symbol = self.names.symbol(name.text);
        let id = self.names.function(symbol)?;
        let row = self.program.functions.get(id.index())?;
        let here = row.span.start >= line.start && row.span.end <= line.end;
        (here && row.dialect.is_given()).then_some((id, row.span))
    }

    /// How many words a function takes and gives; values that are no word are reported.
    fn shape_of(&mut self, span: Span, id: FnId, name: Ident<'s>) -> Option<(usize, usize)> {
        let signature = self.signature_of(id, Ident { text: name.text, span })?;
        let arguments = signature.params.len();
        (arguments <= usize::from(u8::MAX))
            .then_some((arguments, usize::from(signature.result != fir::Type::Void)))
    }

    /// Assembles and verifies the functions of a fence, with stubs for the others.
    fn assembled(&mut self, text: &str, lines: &FenceText<'s>) -> Option<Module> {
        let options = AssembleOptions { lines: DebugLines::Text, ..AssembleOptions::default() };
        let mut module = match assemble_with(text, options) {
            Ok(module) => module,
            Err(errors) => {
                for error in errors {
                    let span = lines.word_span(error.line, Column::Characters(error.column));
                    let row = Diagnostic::new(codes::BAD_ASSEMBLY, span, error.problem.to_string());
                    let row = row.label("here");
                    self.report(match error.hint {
                        Some(hint) => row.hint(hint),
                        None => row,
                    });
                }
                return None;
            }
        };
        if !self.machine_code_only_computes(&module, lines) {
            return None;
        }
        module.constants.resize(CONSTANTS, 0);
        module.meta.name = "fence".into();
        match verify(module.clone()) {
            Ok(_) => Some(module),
            Err(error) => {
                let line = match &error.place {
                    Place::Code { offset, .. } => line_at(&module.lines, *offset),
                    Place::Module | Place::Table { .. } => 1,
                };
                let opcode = match &error.place {
                    Place::Code { opcode: Some(opcode), .. } => format!("{}: ", opcode.info().name),
                    _ => String::new(),
                };
                self.wrong_assembly(lines.line_span(line), format!("{opcode}{}", error.problem), None);
                None
            }
        }
    }

    fn wrong_assembly(&mut self, span: Span, message: String, hint: Option<&str>) {
        let row = Diagnostic::new(codes::BAD_ASSEMBLY, span, message).label("here");
        self.report(match hint {
            Some(hint) => row.hint(hint),
            None => row,
        });
    }

    /// Reports the first instruction that is more than a computation.
    fn machine_code_only_computes(&mut self, module: &Module, lines: &FenceText<'s>) -> bool {
        for function in &module.functions {
            for (offset, instruction) in instructions(module, function) {
                if let Some(reason) = refused(&instruction, function.offset) {
                    let span = lines.line_span(line_at(&module.lines, offset));
                    let name = instruction.opcode().info().name;
                    self.wrong_assembly(span, format!("{name} in a document"), Some(reason));
                    return false;
                }
            }
        }
        true
    }

    /// Cuts the module into its functions, of which the first `own` are those of the fence.
    fn keep_assembled(
        &mut self,
        module: &Module,
        fence: &Foreign<'s>,
        own: usize,
        functions: &[FnId],
        lines: &FenceText<'s>,
    ) {
        for (function, id) in module.functions.iter().zip(functions).take(own) {
            let given = cut(module, function);
            let mut calls: Vec<FnId> =
                given.calls().filter_map(|callee| functions.get(callee.index()).copied()).collect();
            calls.sort_unstable();
            calls.dedup();
            let allocation = instructions(module, function).find(|(_, row)| row.opcode() == Opcode::Alloc);
            let grows = allocation.map(|(offset, _)| lines.line_span(line_at(&module.lines, offset)));
            let start = fence.content.span.start;
            let body = GivenBody { start, functions: functions.to_vec(), code: GivenCode::Machine(given) };
            self.keep_given(*id, body, calls, grows);
        }
    }
}

/// The line of the assembler for a function.
fn directive(name: &str, (arguments, results): (usize, usize)) -> String {
    format!(".function {name} arguments {arguments} results {results}")
}

/// The names behind `@`, in the order of the text.
fn called<'s>(lines: &FenceText<'s>, content: Ident<'s>) -> Vec<Ident<'s>> {
    let mut names = Vec::new();
    let mut start = 0_usize;
    for line in lines.text.split('\n') {
        let said = line.split(';').next().unwrap_or("");
        for (at, _) in said.match_indices('@') {
            let from = start.saturating_add(at).saturating_add(1);
            let rest = said.get(at.saturating_add(1)..).unwrap_or("");
            let length = rest.find(|ch: char| !(ch.is_alphanumeric() || ch == '_')).unwrap_or(rest.len());
            if length > 0 {
                names.push(lines.name(content, &(from..from.saturating_add(length))));
            }
        }
        start = start.saturating_add(line.len()).saturating_add(1);
    }
    names
}

/// The instructions of a function with their offsets.
fn instructions<'m>(
    module: &'m Module,
    function: &Function,
) -> impl Iterator<Item = (u32, Instruction)> + 'm {
    let mut at = function.offset as usize;
    let end = at.saturating_add(function.length as usize);
    core::iter::from_fn(move || {
        let (instruction, words) =
            (at < end).then(|| Instruction::decode(&module.code, at).ok()).flatten()?;
        let offset = u32::try_from(at).ok()?;
        at = at.saturating_add(words);
        Some((offset, instruction))
    })
}

/// The line of the code at an offset.
fn line_at(lines: &[Line], offset: u32) -> u32 {
    let after = lines.partition_point(|line| line.offset <= offset);
    lines.get(after.saturating_sub(1)).map_or(1, |line| line.line)
}

/// Why an instruction has no place in a function of a document.
fn refused(instruction: &Instruction, start: u32) -> Option<&'static str> {
    let opcode = instruction.opcode();
    let last = instruction.operands().last().map(|(_, value)| value);
    match opcode {
        _ if opcode.info().executor == Executor::Host => {
            Some("devices, messages, time and the kernel are reached by steps; a function computes")
        }
        Opcode::Calli | Opcode::CallReg | Opcode::SetHandler | Opcode::Reti => {
            Some("call a function by its name: CALL @name")
        }
        Opcode::StateFree | Opcode::LoadRm | Opcode::StoreRm => {
            Some("a function works in the memory of its run")
        }
        Opcode::Alloc if last != Some(i64::from(AllocKind::Arena as u8)) => {
            Some("ALLOC rd, ra, arena takes memory of the run")
        }
        // Elsewhere this offset may be 0, which has another meaning.
        Opcode::Catch | Opcode::Finally if start > 0 && last == Some(i64::from(start)) => {
            Some("a handler does not begin where its function begins")
        }
        _ => None,
    }
}

/// The code of one function, with what in it depends on where it stands.
fn cut(module: &Module, function: &Function) -> fir::Given {
    let (start, length) = (function.offset, function.length);
    let end = start.saturating_add(length);
    let words = module.code.get(start as usize..end as usize).unwrap_or(&[]);
    let within = |offset: u32| offset >= start && offset < end;
    let mut given = fir::Given { code: words.to_vec(), ..fir::Given::default() };
    let entries = module.entries.iter().filter(|entry| within(entry.offset));
    given.entries.extend(
        entries.map(|entry| flux_isa::Entry { offset: entry.offset.saturating_sub(start), ..*entry }),
    );
    let lines = module.lines.iter().filter(|line| within(line.offset));
    given.lines.extend(lines.map(|line| Line { offset: line.offset.saturating_sub(start), line: line.line }));
    let mut all = instructions(module, function).peekable();
    while let Some((_, instruction)) = all.next() {
        let next = all.peek().map_or(end, |(offset, _)| *offset);
        // A code offset and the number of a function are the last word of their instruction.
        let at = next.saturating_sub(start).saturating_sub(1);
        let Some(word) = given.code.get_mut(at as usize) else { continue };
        match instruction.opcode().info().operands.last() {
            Some(Operand::Target) => *word = word.saturating_sub(start),
            Some(Operand::Handler) if *word != 0 => *word = word.saturating_sub(start),
            Some(Operand::Function) => {
                given.functions.push((at, FuncId::new(*word as usize)));
                continue;
            }
            _ => continue,
        }
        given.targets.push(at);
    }
    given
}
