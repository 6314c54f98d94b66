//! `fir` and `fluxasm` fences: which functions they hold. Their bodies are read where the types of the
//! document are known (`sema::given`).
//!
//! # Invariant
//! Any text gives declarations or errors with a place inside the fence; time is linear in its length.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::ast::{CodeBlock, Dialect, FnDecl, Ident, Item, ItemKind, Param, Type, TypeKind};
use super::is_name;
use super::lexer::Mode;
use super::parser::{Parsed, Parser};
use crate::diag::{Diagnostic, Sink, codes};
use crate::fir;
use crate::span::{Span, clamp};

/// The directive that begins a function of a `fluxasm` fence.
const FUNCTION: &str = ".fn";

/// A column of a line, from 1.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Column {
    /// In bytes.
    Bytes(u32),
    /// In characters.
    Characters(u32),
}

/// The inside of a fence in lines that end with LF.
#[derive(Debug)]
pub(crate) struct FenceText<'s> {
    /// The text; each byte stands where it stands in the document.
    pub(crate) text: Cow<'s, str>,
    start: u32,
    /// Where the lines begin.
    lines: Vec<u32>,
}

impl<'s> FenceText<'s> {
    pub(crate) fn new(content: Ident<'s>) -> Self {
        let mut text = Cow::Borrowed(content.text);
        if text.contains('\r') {
            // A lone CR ends a line as well.
            let mut ended: String = text.replace("\r\n", " \n");
            ended = ended.replace('\r', "\n");
            text = Cow::Owned(ended);
        }
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = ends.map(|(at, _)| clamp(at.saturating_add(1)));
        let lines = core::iter::once(0).chain(starts).collect();
        Self { text, start: content.span.start, lines }
    }

    /// Where a line begins, and its text.
    fn line(&self, line: u32) -> (u32, &str) {
        let index = line.saturating_sub(1) as usize;
        let last = clamp(self.text.len());
        let start = self.lines.get(index).copied().unwrap_or(last);
        let end = self.lines.get(index.saturating_add(1)).map_or(last, |next| next.saturating_sub(1));
        (start, self.text.get(start as usize..end as usize).unwrap_or(""))
    }

    /// The lines with their numbers, from 1.
    fn lines(&self) -> impl Iterator<Item = (u32, &str)> {
        (1..=clamp(self.lines.len())).map(|line| (line, self.line(line).1))
    }

    fn span(&self, start: u32, text: &str) -> Span {
        let start = self.start.saturating_add(start);
        Span::new(start, start.saturating_add(clamp(text.len())))
    }

    /// What a line says, without its remark.
    pub(crate) fn line_span(&self, line: u32) -> Span {
        let (start, text) = self.line(line);
        let said = without_remark(text).trim_end();
        let said = if said.trim().is_empty() { text.trim_end() } else { said };
        let indent = said.len().saturating_sub(said.trim_start().len());
        self.span(start.saturating_add(clamp(indent)), said.trim_start())
    }

    /// The word at a column of a line; the line if there is none.
    pub(crate) fn word_span(&self, line: u32, column: Column) -> Span {
        let (start, text) = self.line(line);
        let at = match column {
            Column::Bytes(column) => column.saturating_sub(1) as usize,
            Column::Characters(column) => {
                let mut places = text.char_indices().skip(column.saturating_sub(1) as usize);
                places.next().map_or(text.len(), |(at, _)| at)
            }
        };
        let rest = text.get(at..).unwrap_or("");
        let length = rest.find(|ch: char| ch.is_whitespace() || ",;()[]{}".contains(ch));
        let length = match length.unwrap_or(rest.len()) {
            0 => rest.chars().next().filter(|ch| !ch.is_whitespace() && *ch != ';').map_or(0, char::len_utf8),
            length => length,
        };
        match rest.get(..length) {
            Some(word) if !word.is_empty() => self.span(start.saturating_add(clamp(at)), word),
            _ => self.line_span(line),
        }
    }

    /// The name that stands at these bytes of the text.
    pub(crate) fn name(&self, content: Ident<'s>, at: &core::ops::Range<usize>) -> Ident<'s> {
        let text = content.text.get(at.clone()).unwrap_or("");
        Ident { text, span: self.span(clamp(at.start), text) }
    }

    /// The text as the assembler reads it: functions begin with `.function`, lines stay where they are.
    pub(crate) fn assembly(&self, mut shape: impl FnMut(u32) -> Option<String>) -> String {
        let mut text = String::with_capacity(self.text.len());
        for (number, line) in self.lines() {
            match shape(number) {
                Some(directive) => text.push_str(&directive),
                None => text.push_str(line),
            }
            text.push('\n');
        }
        text
    }
}

/// A line without what `;` begins; in brackets it separates the length of an array.
fn without_remark(line: &str) -> &str {
    let mut open = 0_u32;
    let end = line.find(|ch| {
        match ch {
            '[' => open = open.saturating_add(1),
            ']' => open = open.saturating_sub(1),
            _ => {}
        }
        ch == ';' && open == 0
    });
    end.and_then(|end| line.get(..end)).unwrap_or(line)
}

/// The language's type for a type of FIR at the edge of a fence.
const fn type_name(ty: fir::Type) -> Option<&'static str> {
    Some(match ty {
        fir::Type::I8 => "i8",
        fir::Type::I16 => "i16",
        fir::Type::I32 => "i32",
        fir::Type::I64 => "int",
        fir::Type::F32 => "f32",
        fir::Type::F64 => "f64",
        fir::Type::Bool => "bool",
        fir::Type::Ptr => "str",
        _ => return None,
    })
}

/// Declares the functions of a `fir` fence.
pub(super) fn read_fir<'s>(content: Ident<'s>, items: &mut Vec<Item<'s>>, sink: &mut Sink) {
    let lines = FenceText::new(content);
    let fence = match fir::parse_fence(&lines.text) {
        Ok(fence) => fence,
        Err(error) => {
            let span = lines.word_span(error.line, Column::Bytes(error.column));
            sink.push(Diagnostic::new(codes::BAD_FIR, span, format!("{}", error.problem)).label("here"));
            return;
        }
    };
    for (function, at) in fence.module.functions.iter().zip(&fence.names) {
        let name = lines.name(content, at);
        if !is_name(name.text) {
            sink.push(
                Diagnostic::new(
                    codes::BAD_FIR,
                    name.span,
                    format!("{:?} is no name for code", function.name),
                )
                .label("a function is called by this name")
                .expected("letters, digits and `_`"),
            );
            continue;
        }
        if function.blocks.is_empty() {
            continue;
        }
        let ty = |ty: fir::Type| {
            let kind = TypeKind::Name(type_name(ty)?);
            Some(Type { span: name.span, kind })
        };
        let unknown = function.signature.params.iter().copied().find(|param| type_name(*param).is_none());
        let result = function.signature.result;
        let unknown =
            unknown.or((result != fir::Type::Void && type_name(result).is_none()).then_some(result));
        if let Some(unknown) = unknown {
            let message = format!("`{}` takes or gives a value of type {}", name.text, unknown.name());
            sink.push(
                Diagnostic::new(codes::BAD_FIR, name.span, message)
                    .label("code has no such values")
                    .expected("i8, i16, i32, i64, f32, f64, bool, or ptr, which is a text"),
            );
            continue;
        }
        let unnamed = Ident { text: "_", span: name.span };
        let types = function.signature.params.iter().copied().filter_map(ty);
        let params = types.map(|ty| Param { name: unnamed, ty: Some(ty) }).collect();
        let decl = FnDecl {
            name,
            signature: name.span,
            params,
            ret: ty(result),
            body: CodeBlock::default(),
            dialect: Dialect::Fir,
            changes: Vec::new(),
        };
        let item = Item { span: name.span, kind: ItemKind::Fn(decl) };
        sink.keep(items, item, name.span);
    }
}

/// Declares the functions of a `fluxasm` fence.
pub(super) fn read_assembly<'s>(
    source: &'s str,
    content: Ident<'s>,
    items: &mut Vec<Item<'s>>,
    sink: &mut Sink,
) {
    let lines = FenceText::new(content);
    let mut inside = false;
    for (number, line) in lines.lines() {
        let said = line.split(';').next().unwrap_or("").trim();
        let (word, _) = said.split_once(char::is_whitespace).unwrap_or((said, ""));
        if word == FUNCTION {
            inside = true;
            let span = lines.line_span(number);
            let head = Span::new(span.start.saturating_add(clamp(FUNCTION.len())), span.end);
            if let Ok(decl) = head_of(source, head, sink) {
                let item = Item { span, kind: ItemKind::Fn(decl) };
                sink.keep(items, item, span);
            }
        } else if word.starts_with('.') {
            refuse(&lines, number, "a directive in a document", "`.fn` alone; data are constants", sink);
        } else if !said.is_empty() && !inside {
            refuse(&lines, number, "code before the first function", ".fn name(a: int) -> int", sink);
            inside = true;
        }
    }
}

/// The lines that begin a function, each with the function's name.
pub(crate) fn function_lines<'s>(lines: &FenceText<'s>, content: Ident<'s>) -> Vec<(u32, Ident<'s>)> {
    let mut found = Vec::new();
    for (number, line) in lines.lines() {
        let said = line.trim_start();
        let Some(head) = said.strip_prefix(FUNCTION).filter(|head| head.starts_with([' ', '\t'])) else {
            continue;
        };
        let name = head.trim_start();
        let length = name.find(|ch: char| !(ch.is_alphanumeric() || ch == '_')).unwrap_or(name.len());
        let start = lines.line(number).0 as usize;
        let at = start.saturating_add(line.len().saturating_sub(name.len()));
        found.push((number, lines.name(content, &(at..at.saturating_add(length)))));
    }
    found
}

fn refuse(lines: &FenceText<'_>, line: u32, message: &str, expected: &str, sink: &mut Sink) {
    let span = lines.line_span(line);
    sink.push(Diagnostic::new(codes::BAD_ASSEMBLY, span, message).label("here").expected(expected));
}

/// `name(a: int, b: f64) -> int`.
fn head_of<'s>(source: &'s str, head: Span, sink: &mut Sink) -> Parsed<FnDecl<'s>> {
    let mut parser = Parser::new(source, head, Mode::Code, sink);
    let decl = parser.signature()?;
    if !parser.at_end() {
        return Err(parser.unexpected("the end of the line"));
    }
    Ok(FnDecl { dialect: Dialect::Assembly, ..decl })
}
