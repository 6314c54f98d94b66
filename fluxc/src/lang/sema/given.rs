//! The bodies of `fir` and `fluxasm` fences: which functions they call, and that they only compute.
//!
//! # Invariants
//! 1. What is kept was verified, FIR as FIR and assembly by the module verifier, in a module where the
//!    functions that it calls are stubs of the same shape.
//! 2. It neither holds values of functions nor calls them: which functions can be active together, and so
//!    where their frames lie, is known from its calls.

mod assembly;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Checker;
use super::tree::{FnId, GivenBody, GivenCode};
use super::types::{Type, TypeId};
use crate::diag::{Diagnostic, codes};
use crate::fir;
use crate::fir::{FuncId, Inst, Intrinsic, Signature, Terminator};
use crate::lang::syntax::ast::{Document, Foreign, ForeignKind, Ident};
use crate::lang::syntax::given::FenceText;
use crate::span::Span;

impl<'s> Checker<'_, 's> {
    /// Reads the fences whose functions were declared.
    pub(super) fn given_bodies(&mut self, document: &Document<'s>) {
        for fence in &document.fences {
            match fence.kind {
                ForeignKind::Fir => self.fir_fence(fence),
                ForeignKind::Assembly => self.assembly_fence(fence),
                _ => {}
            }
        }
    }

    fn fir_fence(&mut self, fence: &Foreign<'s>) {
        let lines = FenceText::new(fence.content);
        // What is no FIR was reported where the functions were declared.
        let Ok(fir::Fence { mut module, names }) = fir::parse_fence(&lines.text) else { return };
        let mut functions = Vec::with_capacity(names.len());
        for (function, at) in module.functions.iter().zip(&names) {
            let name = lines.name(fence.content, at);
            let found = if function.blocks.is_empty() {
                self.function_for_fir(name, &function.signature)
            } else {
                self.given_function(name, name.span)
            };
            let Some(found) = found else { return };
            functions.push(found);
        }
        for index in 0..module.functions.len() {
            let id = FuncId::new(index);
            if module.function(id).is_none_or(|function| function.blocks.is_empty()) {
                continue;
            }
            if let Err(error) = fir::verify::verify_function(&module, id) {
                let block = error.block.map_or_else(String::new, |block| format!("block {block}: "));
                let span = lines.line_span(error.line);
                self.wrong_fir(span, format!("{block}{}", error.problem));
                return;
            }
            if !self.only_computes(&module, id, &lines) {
                return;
            }
        }
        for (index, id) in functions.iter().enumerate() {
            let Some(function) = module.functions.get_mut(index) else { continue };
            if function.blocks.is_empty() {
                continue;
            }
            let function = core::mem::take(function);
            let called = function.insts.iter().filter_map(|data| match data.inst {
                Inst::Call { func, .. } => functions.get(func.index()).copied(),
                _ => None,
            });
            let mut calls: Vec<FnId> = called.collect();
            calls.sort_unstable();
            calls.dedup();
            let allocates = |data: &&fir::InstData| {
                matches!(data.inst, Inst::Intrinsic { op: Intrinsic::ArenaAlloc, .. })
            };
            let grows = function.insts.iter().find(allocates).map(|data| lines.line_span(data.line));
            let body = GivenBody {
                start: fence.content.span.start,
                functions: functions.clone(),
                code: GivenCode::Fir(function),
            };
            self.keep_given(*id, body, calls, grows);
        }
    }

    /// Keeps the code of a function, and what is known of it.
    fn keep_given(&mut self, id: FnId, body: GivenBody, calls: Vec<FnId>, grows: Option<Span>) {
        let code = match &body.code {
            GivenCode::Fir(function) => function.bytes(),
            GivenCode::Machine(given) => given.bytes(),
        };
        let lists = body.functions.len().saturating_add(calls.len()).saturating_mul(size_of::<FnId>());
        let Some(row) = self.program.functions.get_mut(id.index()) else { return };
        let span = row.span;
        row.body.calls = calls;
        row.grows = grows.map(|span| (span, "memory of the run"));
        row.given = Some(Box::new(body));
        self.sink.charge(code.saturating_add(lists), span);
    }

    /// The function that a fence declares; `None` if another one has the name, which is reported already.
    fn given_function(&mut self, name: Ident<'s>, span: Span) -> Option<FnId> {
        let symbol = self.names.symbol(name.text);
        let id = self.names.function(symbol)?;
        let row = self.program.functions.get(id.index())?;
        (row.dialect.is_given() && row.span == span).then_some(id)
    }

    /// The function of the document that a fence calls.
    fn function_for_fir(&mut self, name: Ident<'s>, wanted: &Signature) -> Option<FnId> {
        let id = self.known_function(name, "`## fn:`, or give this one its blocks")?;
        let signature = self.signature_of(id, name)?;
        if signature == *wanted {
            return Some(id);
        }
        let list: Vec<&str> = signature.params.iter().map(|ty| ty.name()).collect();
        let form = format!("({}) -> {}", list.join(", "), signature.result.name());
        self.report(
            Diagnostic::new(
                codes::TYPE_MISMATCH,
                name.span,
                format!("`{}` is declared with other types", name.text),
            )
            .label("not its types")
            .expected(form),
        );
        None
    }

    fn known_function(&mut self, name: Ident<'s>, advice: &str) -> Option<FnId> {
        let symbol = self.names.symbol(name.text);
        if let Some(id) = self.names.function(symbol) {
            return Some(id);
        }
        let functions = self.program.functions.iter().map(|row| row.name);
        let near = self.nearest(name.text, functions);
        let row = Diagnostic::new(
            codes::UNKNOWN_FUNCTION,
            name.span,
            format!("no function is called `{}`", name.text),
        )
        .label("not defined in this document");
        self.report(match near {
            Some(near) => row.replace(format!("`{near}` is meant"), name.span, near),
            None => row.hint(format!("define it with {advice}")),
        });
        None
    }

    /// The types of a function that a fence calls: values of one word.
    fn signature_of(&mut self, id: FnId, name: Ident<'s>) -> Option<Signature> {
        let row = self.program.functions.get(id.index())?;
        let (params, ret) = (row.body.params as usize, row.ret);
        let types: Vec<TypeId> = row.body.locals.iter().take(params).map(|local| local.ty).collect();
        let words: Option<Vec<fir::Type>> = types.iter().map(|ty| self.word_of(*ty)).collect();
        let result = if ret == TypeId::UNIT { Some(fir::Type::Void) } else { self.word_of(ret) };
        if let (Some(params), Some(result)) = (words, result) {
            return Some(Signature { params, result });
        }
        let all = types.iter().chain([&ret]).copied();
        let wide = all.filter(|ty| *ty != TypeId::UNIT && self.word_of(*ty).is_none());
        let found = wide.map(|ty| self.type_name(ty)).next().unwrap_or_default();
        self.report(
            Diagnostic::new(
                codes::TYPE_MISMATCH,
                name.span,
                format!("`{}` takes or gives {found}, which code of a fence cannot hold", name.text),
            )
            .label(format!("has {found}"))
            .expected("bool, numbers, durations and str")
            .hint("write a function in a `flux` fence that takes its parts"),
        );
        None
    }

    /// The type in FIR of a value of one word.
    fn word_of(&self, ty: TypeId) -> Option<fir::Type> {
        Some(match self.get(ty).ok()? {
            Type::Bool => fir::Type::Bool,
            Type::Int(kind) => kind.ty(),
            Type::Float(kind) => kind.ty(),
            Type::Str => fir::Type::Ptr,
            Type::Duration => fir::Type::I64,
            _ => return None,
        })
    }

    fn wrong_fir(&mut self, span: Span, message: String) {
        self.report(Diagnostic::new(codes::BAD_FIR, span, message).label("here"));
    }

    /// Reports what in a verified function is more than a computation.
    fn only_computes(&mut self, module: &fir::Module, id: FuncId, lines: &FenceText<'s>) -> bool {
        let Some(function) = module.function(id) else { return true };
        if function.signature.params.len() > super::declare::MOST_VALUES {
            // Reported where it was declared.
            return false;
        }
        for data in &function.insts {
            let refused = match data.inst {
                Inst::Host { .. } => Some("devices, messages and the kernel are reached by steps"),
                Inst::FuncAddr(_) | Inst::CallIndirect { .. } => {
                    Some("values of functions are made and called in `flux` code")
                }
                Inst::Const { ty: fir::Type::Ptr | fir::Type::Struct | fir::Type::Array, bits }
                    if bits != 0 =>
                {
                    Some("where things lie in memory is not known: take an address as a value, or allocate")
                }
                Inst::Intrinsic { op, .. } => refused_operation(op),
                _ => None,
            };
            if let Some(reason) = refused {
                let span = lines.line_span(data.line);
                self.report(
                    Diagnostic::new(
                        codes::BAD_FIR,
                        span,
                        "functions of a `fir` fence compute, and nothing else",
                    )
                    .label("not possible here")
                    .hint(reason),
                );
                return false;
            }
        }
        for block in &function.blocks {
            if let Terminator::Leave(..) = block.terminator {
                let span = lines.line_span(block.line);
                self.report(
                    Diagnostic::new(
                        codes::BAD_FIR,
                        span,
                        "functions of a `fir` fence compute, and nothing else",
                    )
                    .label("ends the run")
                    .hint("`return`, or `trap ASSERTION`"),
                );
                return false;
            }
        }
        true
    }
}

/// Why an operation of the runtime has no place in a function of a document.
const fn refused_operation(op: Intrinsic) -> Option<&'static str> {
    match op {
        Intrinsic::ArenaAlloc | Intrinsic::MemCopy | Intrinsic::MemSet | Intrinsic::MemCompare => None,
        Intrinsic::StateAlloc | Intrinsic::StateFree => {
            Some("State is kept by the sections of the agent: give the value back as the result")
        }
        Intrinsic::Param | Intrinsic::Link | Intrinsic::PacerDue => {
            Some("parameters and rights belong to the agent: take the value as an argument")
        }
        Intrinsic::Now | Intrinsic::GasUsed | Intrinsic::Random | Intrinsic::LastStatus => {
            Some("a function gives the same for the same arguments: take the value as one")
        }
    }
}
