//! What a name of a value stands for: definition, short form, parameter.

use super::scope::{Binding, Symbol};
use super::tree::{ExprId, ExprKind, LocalId, ParamId};
use super::types::{Open, TypeId};
use super::{Checker, Mode, Use};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast::Ident;
use crate::lang::syntax::habits;
use crate::span::Span;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

impl<'s> Checker<'_, 's> {
    /// A name, or a variant where nothing else has the name.
    pub(super) fn name_or_variant(&mut self, name: Ident<'s>, want: TypeId) -> ExprId {
        let symbol = self.names.symbol(name.text);
        if self.names.binding(symbol) == Binding::None {
            // In a step the name alone is more likely a call that lost its parentheses.
            let meant = self.mode == Mode::Code || self.program.types.signature_of(want).is_some();
            if let Some(function) = self.names.function(symbol).filter(|_| meant) {
                return self.function_value(function, name.span);
            }
            match self.variant_alone(name, want) {
                Ok(Some(ty)) => return self.variant(ty, name, None, name.span),
                Ok(None) => {}
                Err(()) => return self.invalid(name.span),
            }
        }
        self.name(name)
    }

    pub(super) fn name(&mut self, name: Ident<'s>) -> ExprId {
        let symbol = self.names.symbol(name.text);
        let binding = match self.names.binding(symbol) {
            Binding::None => self.undefined(name, symbol),
            binding => Some(binding),
        };
        let Some(binding) = binding else { return self.invalid(name.span) };
        match binding {
            Binding::Local(local) => self.local(local, name),
            Binding::State(id) => {
                self.note_state_use(id);
                let ty = self.agent.state_ty(id);
                self.new_expr(ExprKind::State(id), ty, name.span)
            }
            Binding::Param(id) => self.param(id, name.span),
            Binding::BuiltinParam => {
                let id = self.parameter(name, symbol, TypeId::STR);
                self.param(id, name.span)
            }
            Binding::Const(id) => {
                let ty = self.program.consts.get(id.index()).map_or(TypeId::ERROR, |row| row.ty);
                self.new_expr(ExprKind::Const(id), ty, name.span)
            }
            Binding::Region(id) => self.own_region(id, name.span),
            Binding::Unset | Binding::None => {
                self.unset(name);
                self.invalid(name.span)
            }
        }
    }

    pub(super) fn param(&mut self, id: ParamId, span: Span) -> ExprId {
        let ty = self.agent.param_ty(id);
        self.new_expr(ExprKind::Param(id), ty, span)
    }

    pub(super) fn local(&mut self, local: LocalId, name: Ident<'s>) -> ExprId {
        let local = match self.local_use(local) {
            Use::Ticket(result) if self.flow.is_assigned(result) => result,
            Use::Ticket(_) => {
                self.report(
                    Diagnostic::new(
                        codes::USE_BEFORE_SET,
                        name.span,
                        format!("`{}` is a ticket; its RESULT is not there yet", name.text),
                    )
                    .label("wait for it first")
                    .hint(format!("put a step `Wait for {}` before this one", name.text)),
                );
                return self.invalid(name.span);
            }
            _ => local,
        };
        if !self.flow.is_assigned(local) {
            self.unset(name);
            return self.invalid(name.span);
        }
        if let Some(read) = self.ctx.read.get_mut(local.index()) {
            *read = true;
        }
        let ty = self.local_ty(local);
        let id = self.new_expr(ExprKind::Local(local), ty, name.span);
        // What a loop reads it may read again, unless the local begins in it.
        let once = self.ctx.depths.get(local.index()) == Some(&self.ctx.depth);
        if let Some(slot) = self.ctx.last_reads.get_mut(local.index()) {
            *slot = once.then_some(id);
        }
        id
    }

    pub(super) fn unset(&mut self, name: Ident<'s>) {
        let text = name.text;
        let other_case = self.agent.state_names().find(|state| state.eq_ignore_ascii_case(text));
        let row =
            Diagnostic::new(codes::USE_BEFORE_SET, name.span, format!("`{text}` may have no value here"))
                .label("not set on every way to this place");
        self.report(match (self.mode, other_case) {
            (Mode::Step, Some(state)) if state != text => {
                row.replace(format!("did you mean `{state}`?"), name.span, state)
            }
            (Mode::Step, _) => {
                row.hint(format!("give it a first value before: `Set {text} to …`, or keep it in `## State`"))
            }
            _ => row.hint(format!("give it a first value before: `{text} = …`")),
        });
    }

    /// A name that nothing defines: the prefix rule, then a parameter.
    pub(super) fn undefined(&mut self, name: Ident<'s>, symbol: Symbol) -> Option<Binding> {
        let computes = self.ctx.place == super::Place::Migration;
        if self.mode == Mode::Code
            || self.library(name.text).is_some()
            || computes
            || !self.agent.active()
            || self.names.function(symbol).is_some()
        {
            self.undefined_in_code(name);
            return None;
        }
        let binding = match self.by_prefix(name) {
            Ok(Some(binding)) => binding,
            Ok(None) if self.ctx.place == super::Place::Test => {
                self.undefined_in_code(name);
                return None;
            }
            Ok(None) => {
                let ty = self.program.types.variable(Open::Any);
                Binding::Param(self.parameter(name, symbol, ty))
            }
            Err(()) => return None,
        };
        // The name keeps this meaning to the end of the section.
        self.names.bind(symbol, binding);
        Some(binding)
    }

    pub(super) fn undefined_in_code(&mut self, name: Ident<'s>) {
        if self.library_as_value(name) {
            return;
        }
        let symbol = self.names.symbol(name.text);
        let function = self.names.function(symbol).is_some();
        let what = if function { "a function, not a value" } else { "not defined" };
        let message = format!("`{}` is {what}", name.text);
        let mut diagnostic = Diagnostic::new(codes::UNDEFINED_NAME, name.span, message);
        if function {
            diagnostic = diagnostic
                .label("not called")
                .hint(format!("call it, without a space before the parenthesis: `{}(…)`", name.text));
        } else {
            diagnostic = diagnostic.label("no such name here");
            let locals = self.ctx.introduced.iter().rev().map(|(text, _)| *text);
            let unit = self.names.unit();
            let consts = self.program.consts.iter().filter(|row| row.unit == unit).map(|row| row.name);
            let near = self.nearest(name.text, locals.chain(self.agent.state_names()).chain(consts));
            let value = habits::value(name.text).filter(|_| self.mode != Mode::C);
            let value = if self.mode == Mode::Python { in_python(value.unwrap_or(name.text)) } else { value };
            if let Some(value) = value {
                diagnostic = diagnostic.replace(format!("did you mean `{value}`?"), name.span, value);
            } else if let Some(near) = near {
                diagnostic = diagnostic.replace(format!("did you mean `{near}`?"), name.span, near);
            } else if name.text.eq_ignore_ascii_case("pi") {
                diagnostic = diagnostic.hint("define it in `## Types`: `const PI: f64 = 3.141592653589793`");
            } else if name.text == "math" || name.text == "Math" {
                diagnostic = diagnostic.hint("the functions of mathematics stand alone: `sqrt(x)`");
            } else if self.ctx.place == super::Place::Test && name.text == "reply" {
                diagnostic = diagnostic.hint("write the answer behind it: `Expect reply 5`");
            } else if self.ctx.place == super::Place::Value && self.agent.active() {
                diagnostic = diagnostic
                    .hint("a value here is made of literals and constants; a text stands in quotes");
            } else if self.ctx.place == super::Place::Function {
                diagnostic = diagnostic.hint(
                    "a function sees its arguments and constants only; pass state and parameters to it",
                );
            }
        }
        self.report(diagnostic);
    }

    /// The one name in sight that begins with `name`.
    pub(super) fn by_prefix(&mut self, name: Ident<'s>) -> Result<Option<Binding>, ()> {
        if name.text.len() < 3 {
            return Ok(None);
        }
        let mut found: Vec<(&'s str, Symbol)> = Vec::new();
        for (text, symbol) in &self.ctx.introduced {
            if text.starts_with(name.text)
                && matches!(self.names.binding(*symbol), Binding::Local(_))
                && !found.iter().any(|(_, known)| known == symbol)
            {
                found.push((text, *symbol));
                if found.len() > 4 {
                    break;
                }
            }
        }
        for text in self.agent.with_prefix(name.text).take(4) {
            let symbol = self.names.symbol(text);
            if !found.iter().any(|(_, known)| *known == symbol) {
                found.push((text, symbol));
            }
        }
        match found.as_slice() {
            [] => Ok(None),
            [(text, symbol)] => {
                self.report(
                    Diagnostic::new(
                        codes::PREFIX_NAME,
                        name.span,
                        format!("`{}` is read as `{text}`", name.text),
                    )
                    .label(format!("short for `{text}`"))
                    .replace("write it in full", name.span, *text),
                );
                Ok(Some(self.names.binding(*symbol)))
            }
            _ => {
                let mut names = String::new();
                for (text, _) in &found {
                    if !names.is_empty() {
                        names.push_str(", ");
                    }
                    names.push('`');
                    names.push_str(text);
                    names.push('`');
                }
                self.report(
                    Diagnostic::new(
                        codes::AMBIGUOUS_NAME,
                        name.span,
                        format!("`{}` could mean {names}", name.text),
                    )
                    .label("write the name in full"),
                );
                Err(())
            }
        }
    }
}

/// How Python writes a literal of the language.
fn in_python(literal: &str) -> Option<&'static str> {
    Some(match literal {
        "none" => "None",
        "true" => "True",
        "false" => "False",
        _ => return None,
    })
}
