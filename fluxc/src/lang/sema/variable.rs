//! Parameters and state variables of an agent.

use super::scope::{Binding, Symbol, nearest};
use super::setting::Settable;
use super::tree::{Local, Named, Param, ParamId, StateId, StateVar};
use super::types::{Open, Type, TypeId};
use super::{Carrier, Checker, Mode, Place, number};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast::{AgentDoc, Ident};
use crate::span::Span;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use flux_abi::limits;

impl<'s> Checker<'_, 's> {
    pub(super) fn config(&mut self, doc: &AgentDoc<'s>) {
        self.begin_body(Place::Value, TypeId::UNIT);
        // A default is a text of the module: the agent needs no memory to make it.
        let needs = self.agent.needs;
        for entry in &doc.config {
            self.mode = Mode::Code;
            let declared = entry.ty.as_ref().map(|ty| self.stored_type_of(ty));
            let default = entry.default.as_ref().map(|expr| match declared {
                Some(ty) => self.expr_of(expr, ty),
                None => self.value(expr, TypeId::ERROR),
            });
            let ty = match (declared, default) {
                (Some(ty), _) => ty,
                (None, Some(default)) => self.ty(default),
                (None, None) => self.program.types.variable(Open::Any),
            };
            let symbol = self.names.symbol(entry.name.text);
            if let Binding::Param(first) = self.names.binding(symbol) {
                let first = self.agent.params.get(first.index()).map(|param| param.span);
                self.defined_twice(entry.name, "parameter", first);
                continue;
            }
            let Some(id) = self.new_param(entry.name, ty, Named::InConfig) else { continue };
            if let Some(param) = self.agent.params.get_mut(id.index()) {
                param.default_expr = default;
                param.help = entry.help.map_or_else(String::new, |help| help.text.to_owned());
            }
            self.names.bind(symbol, Binding::Param(id));
            self.agent.sorted.push(entry.name.text);
        }
        self.agent.needs = needs;
        self.ctx = super::Context::default();
    }

    pub(super) fn new_param(&mut self, name: Ident<'s>, ty: TypeId, named: Named) -> Option<ParamId> {
        if self.agent.params.len() >= limits::PARAMETERS {
            if self.agent.params.len() == limits::PARAMETERS {
                self.report(
                    Diagnostic::new(
                        codes::LIMIT_PASSED,
                        name.span,
                        format!("more than {} parameters", limits::PARAMETERS),
                    )
                    .label("one too many"),
                );
            }
            return None;
        }
        let id = ParamId(number(self.agent.params.len()));
        self.sink.charge(size_of::<Param<'s>>(), Span::empty(0));
        self.agent.params.push(Param {
            name: name.text,
            span: name.span,
            ty,
            default: None,
            named,
            default_expr: None,
            help: String::new(),
        });
        Some(id)
    }

    /// The parameter of that name; a new one of type `ty` if no section used it before.
    pub(super) fn parameter(&mut self, name: Ident<'s>, symbol: Symbol, ty: TypeId) -> ParamId {
        if let Some(id) = self.agent.implicit.get(&symbol) {
            return *id;
        }
        let id = self.new_param(name, ty, Named::ByUse).unwrap_or(ParamId(0));
        self.agent.implicit.insert(symbol, id);
        id
    }

    pub(super) fn state(&mut self, doc: &AgentDoc<'s>) -> super::tree::Body<'s> {
        self.begin_body(Place::Value, TypeId::UNIT);
        for entry in &doc.state {
            self.mode = Mode::Code;
            let declared = entry.ty.as_ref().map(|ty| self.stored_type_of(ty));
            let initial = entry.initial.as_ref().map(|expr| match declared {
                Some(ty) => {
                    let id = self.value(expr, ty);
                    self.coerce(id, ty)
                }
                None => self.value(expr, TypeId::ERROR),
            });
            let ty = match (declared, initial) {
                (Some(ty), _) => ty,
                (None, Some(initial)) => self.ty(initial),
                (None, None) => self.program.types.variable(Open::Any),
            };
            self.note_carried(ty, entry.name.span, Carrier::State);
            let row = StateVar { name: entry.name.text, span: entry.name.span, ty, initial };
            self.sink.keep(&mut self.agent.state, row, entry.name.span);
        }
        let body = self.end_body(0, super::tree::Block::default());
        // Names of State are in sight from here on: an initial value sees Config and constants.
        for index in 0..self.agent.state.len() {
            let Some((name, span)) = self.agent.state.get(index).map(|row| (row.name, row.span)) else {
                continue;
            };
            let symbol = self.names.symbol(name);
            let again = Ident { text: name, span };
            match self.names.binding(symbol) {
                Binding::State(first) => {
                    let first = self.agent.state.get(first.index()).map(|row| row.span);
                    self.defined_twice(again, "state variable", first);
                    continue;
                }
                Binding::Param(first) => {
                    let first = self.agent.params.get(first.index()).map(|param| param.span);
                    self.defined_twice(again, "parameter", first);
                }
                _ => {}
            }
            self.names.bind(symbol, Binding::State(StateId(number(index))));
            self.agent.sorted.push(name);
        }
        self.agent.sorted.sort_unstable();
        self.agent.sorted.dedup();
        body
    }

    /// Every parameter must have one of the types that `--set` knows.
    pub(super) fn check_parameters(&mut self) {
        for agent in 0..self.program.agents.len() {
            let count = self.program.agents.get(agent).map_or(0, |agent| agent.params.len());
            for index in 0..count {
                let Some(param) = self.program.agents.get(agent).and_then(|agent| agent.params.get(index))
                else {
                    continue;
                };
                let (name, span, ty) = (param.name, param.span, param.ty);
                let (named, default) = (param.named, param.default_expr);
                self.check_parameter(name, span, ty, named);
                let Some(expr) = default else { continue };
                let text = self.setting_of(expr, "a default");
                if let Some(param) =
                    self.program.agents.get_mut(agent).and_then(|agent| agent.params.get_mut(index))
                {
                    param.default = text;
                }
            }
            let count = self.program.agents.get(agent).map_or(0, |agent| agent.state.len());
            for index in 0..count {
                let Some(row) = self.program.agents.get(agent).and_then(|agent| agent.state.get(index))
                else {
                    continue;
                };
                let (name, span, mut ty) = (row.name, row.span, row.ty);
                let mut example = "f64 = 0";
                while let Ok(Type::Optional(inner)) = self.get(ty) {
                    (ty, example) = (inner, "f64? = none");
                }
                if self.get(ty) == Err(Open::Any) {
                    self.report(
                        Diagnostic::new(
                            codes::TYPE_UNKNOWN,
                            span,
                            format!("nothing tells the type of `{name}`"),
                        )
                        .label("of any type")
                        .hint(format!("write it: `- {name}: {example}`")),
                    );
                }
            }
            self.check_section_parameters(agent);
        }
    }

    /// What a message carries must have a type, even if nothing reads it.
    fn check_section_parameters(&mut self, agent: usize) {
        let types = &self.program.types;
        let sections = self.program.agents.get(agent).map_or(&[][..], |agent| &agent.sections);
        let params = sections.iter().flat_map(|section| {
            section.body.locals.iter().take(usize::try_from(section.body.params).unwrap_or(usize::MAX))
        });
        let unknown: Vec<Local<'s>> =
            params.filter(|local| types.get(local.ty) == Err(Open::Any)).copied().collect();
        for local in unknown {
            self.report(
                Diagnostic::new(
                    codes::TYPE_UNKNOWN,
                    local.span,
                    format!("nothing tells the type of `{}`", local.name),
                )
                .label("of any type")
                .replace("write it", Span::empty(local.span.end), ": f64"),
            );
        }
    }

    fn check_parameter(&mut self, name: &str, span: Span, ty: TypeId, named: Named) {
        let near = self.meant.get(&span.start).copied();
        if let Some(near) = near
            && self.get(ty) != Err(Open::Any)
        {
            self.report(
                Diagnostic::new(
                    codes::PARAMETER_NEAR_NAME,
                    span,
                    format!("`{name}` is taken for a parameter, but `{near}` is defined"),
                )
                .label("given at run time with `--set`")
                .replace(format!("did you mean `{near}`?"), span, near),
            );
        }
        match (self.settable(ty), named) {
            // The step that defines it may be one of those that were not understood.
            (Settable::Unknown, _) if self.misread && near.is_none() => {}
            (Settable::Plain, _) | (Settable::Declared, Named::InConfig) => {}
            (Settable::Unknown, _) if self.get(ty) != Err(Open::Any) => {
                let found = self.type_name(ty);
                self.report(
                    Diagnostic::new(
                        codes::TYPE_UNKNOWN,
                        span,
                        format!("nothing tells the type of `{name}` in full: {found}"),
                    )
                    .label("a part of it may be anything")
                    .hint(format!("write it: `- {name}: [f64] = []`")),
                );
            }
            (Settable::Unknown, _) => {
                let row = Diagnostic::new(
                    codes::TYPE_UNKNOWN,
                    span,
                    format!("`{name}` is not defined, and nothing tells its type as a parameter"),
                )
                .label("no name of this section, no State, no Config");
                self.report(match near {
                    Some(near) => row.replace(format!("did you mean `{near}`?"), span, near),
                    None => row.hint(format!("say what it is in `## Config`: `- {name}: f64`")),
                });
            }
            (Settable::Declared, Named::ByUse) => {
                let found = self.type_name(ty);
                let row = Diagnostic::new(
                    codes::PARAMETER_TYPE,
                    span,
                    format!("`{name}` is not defined, and as a parameter of type {found} it must stand in `## Config`"),
                )
                .label(format!("`{name}` is {found} by its uses"))
                .expected("a name that is defined")
                .hint(format!("say in `## Config` what it is: `- {name}: {found}`"));
                let hint = self.variant_hint(name, span, ty).or_else(|| row.hint.clone());
                self.report(Diagnostic { hint, ..row });
            }
            (Settable::No, _) => {
                let found = self.type_name(ty);
                self.report(
                    Diagnostic::new(
                        codes::PARAMETER_TYPE,
                        span,
                        format!("a parameter cannot be of type {found}"),
                    )
                    .label(format!("`{name}` is {found}"))
                    .expected("a type without handles, functions and values of its own type")
                    .found(found),
                );
            }
        }
    }

    /// Finds parameters that look like a slip of the pen.
    pub(super) fn suggest_names(&mut self, locals: &[&'s str], defined: &[&'s str]) {
        let Some(agent) = self.program.agents.len().checked_sub(1) else { return };
        let count = self.program.agents.get(agent).map_or(0, |agent| agent.params.len());
        for index in 0..count {
            let Some(param) = self.program.agents.get(agent).and_then(|agent| agent.params.get(index)) else {
                continue;
            };
            let (name, span) = (param.name, param.span);
            if matches!(name, "device_id" | "location") || defined.binary_search(&name).is_ok() {
                continue;
            }
            let near = nearest(name, defined.iter().chain(locals).copied().filter(|other| *other != name));
            if let Some(near) = near {
                self.meant.insert(span.start, near);
            }
        }
    }
}
