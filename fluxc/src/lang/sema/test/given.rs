//! Given: readings, parameters, state, answers of agents that are not there.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::Checker;
use super::super::scope::Binding;
use super::super::tree::{Stmt, StmtKind};
use super::super::types::TypeId;
use super::{Scene, Started, sent};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{AgentRef, Ident, MessageKind, Pattern, Subject};
use crate::plan::{Action, Reading};
use crate::span::Span;
use flux_abi::device::DeviceValue;
use flux_isa::LinkKind;

impl<'s> Checker<'_, 's> {
    pub(super) fn given(
        &mut self,
        subject: &Subject<'s>,
        value: &ast::Expr<'s>,
        scene: &Scene<'_, 's>,
        span: Span,
    ) -> Option<Action> {
        let name = match subject {
            Subject::Device(device) => {
                let named = self.device(device)?;
                let readings = self.readings_at(&named.address, device.span)?;
                return Some(self.give_reading(readings, named.info.value, value, scene));
            }
            Subject::Name(name) => *name,
        };
        let readings = self.readings(name);
        if let Some(first) = readings.first() {
            let kind =
                if first.address.starts_with("gpio:") { DeviceValue::Bool } else { DeviceValue::Float };
            return Some(self.give_reading(readings, kind, value, scene));
        }
        let symbol = self.names.symbol(name.text);
        match self.names.binding(symbol) {
            Binding::Param(id) => {
                let ty = self.agent.param_ty(id);
                if scene.started == Started::Yes {
                    self.report(
                        Diagnostic::new(
                            codes::TEST_ORDER,
                            span,
                            format!("`{}` keeps the value that its agent starts with", name.text),
                        )
                        .label("the agents have started already")
                        .hint("move this step before the first When or Expect"),
                    );
                    return None;
                }
                let id = self.probe_value(value, ty);
                let text = self.setting_of(id, "a value that a parameter has at the start")?;
                Some(Action::GiveParameter { name: name.text.to_owned(), text })
            }
            Binding::State(_) => {
                let probe = self.probe(span, scene.agent, |checker, out| {
                    let place = checker.name(name);
                    let hint = checker.ty(place);
                    let id = checker.value(value, hint);
                    let id = checker.coerce(id, hint);
                    let kind = StmtKind::Assign(place, id);
                    checker.sink.keep(out, Stmt { kind, span }, span);
                });
                Some(Action::GiveState(probe))
            }
            _ => {
                self.unknown_subject(name);
                None
            }
        }
    }

    pub(super) fn given_fails(&mut self, subject: &Subject<'s>) -> Option<Action> {
        let readings = match subject {
            Subject::Device(device) => {
                let named = self.device(device)?;
                self.readings_at(&named.address, device.span)?
            }
            Subject::Name(name) => {
                let readings = self.readings(*name);
                if readings.is_empty() {
                    self.unknown_subject(*name);
                    return None;
                }
                readings
            }
        };
        Some(Action::GiveFault { readings })
    }

    /// A value outside of any probe.
    fn probe_value(&mut self, value: &ast::Expr<'s>, want: TypeId) -> super::super::tree::ExprId {
        self.begin_body(super::super::Place::Test, TypeId::UNIT);
        self.mode = super::super::Mode::Step;
        let id = self.expr_of(value, want);
        self.ctx = super::super::Context::default();
        id
    }

    fn give_reading(
        &mut self,
        readings: Vec<Reading>,
        kind: DeviceValue,
        value: &ast::Expr<'s>,
        scene: &Scene<'_, 's>,
    ) -> Action {
        let value = self.probe(value.span, scene.agent, |checker, out| {
            let id = checker.device_value(kind, value);
            checker.emit(&[id], value.span, out);
        });
        Action::GiveReading { readings, value }
    }

    pub(super) fn device_value(
        &mut self,
        kind: DeviceValue,
        value: &ast::Expr<'s>,
    ) -> super::super::tree::ExprId {
        match kind {
            DeviceValue::Bool => self.on_or_off(value),
            DeviceValue::Float => self.expr_of(value, TypeId::F64),
            DeviceValue::Text => self.shown_text(value),
        }
    }

    /// What the agent reads into a variable of this name.
    fn readings(&self, name: Ident<'s>) -> Vec<Reading> {
        // What is written to has no name.
        let links = self
            .agent
            .links
            .iter()
            .filter(|link| link.link.kind == LinkKind::Device && link.link.channel == name.text);
        links
            .map(|link| Reading { address: link.link.name.clone(), channel: Some(link.link.channel.clone()) })
            .collect()
    }

    /// The device at an address, if an agent of the document uses it.
    fn readings_at(&mut self, address: &str, span: Span) -> Option<Vec<Reading>> {
        let others = self.program.agents.iter().flat_map(|agent| &agent.links);
        let used = self
            .agent
            .links
            .iter()
            .chain(others)
            .any(|link| link.link.kind == LinkKind::Device && link.link.name == address);
        if used {
            return Some(Vec::from([Reading { address: address.to_owned(), channel: None }]));
        }
        self.report(
            Diagnostic::new(
                codes::TEST_NAME_UNKNOWN,
                span,
                format!("no step of this document reads or writes {address}"),
            )
            .label("not used here"),
        );
        None
    }

    fn unknown_subject(&mut self, name: Ident<'s>) {
        let readings = self.agent.links.iter().filter(|link| link.link.kind == LinkKind::Device);
        let readings = readings.map(|link| link.name).filter(|name| !name.is_empty());
        let candidates: Vec<&'s str> = readings.chain(self.agent.state_names()).collect();
        let row = Diagnostic::new(
            codes::TEST_NAME_UNKNOWN,
            name.span,
            format!("`{}` is no reading, parameter or state variable of this agent", name.text),
        )
        .label("no such name here");
        let near = self.nearest(name.text, candidates.iter().copied()).map(ToOwned::to_owned);
        let list: Vec<String> = candidates.iter().take(8).map(|name| format!("`{name}`")).collect();
        self.report(match near {
            Some(near) => row.replace(format!("did you mean `{near}`?"), name.span, near),
            None if list.is_empty() => row.hint("this agent reads nothing and has neither Config nor State"),
            None => row.expected(list.join(", ")),
        });
    }

    pub(super) fn given_answer(
        &mut self,
        kind: MessageKind,
        target: AgentRef<'s>,
        message: &Pattern<'s>,
        answer: Option<&ast::Expr<'s>>,
        scene: &Scene<'_, 's>,
    ) -> Option<Action> {
        if self.program.agents.iter().any(|agent| agent.name == target.name) {
            self.report(
                Diagnostic::new(
                    codes::TEST_STAND_IN,
                    target.span,
                    format!("`{}` is an agent of this document and answers itself", target.name),
                )
                .label("defined here")
                .hint("leave this step out, or test that agent with `When asked`"),
            );
            return None;
        }
        if kind == MessageKind::Tell {
            self.report(
                Diagnostic::new(codes::TEST_STAND_IN, message.span, "a TELL has no answer")
                    .label("only ASK and DELEGATE are answered"),
            );
            return None;
        }
        self.check_sent(kind, Some(target), Some(message), "will never be asked");
        let message = self.message_pattern(message, scene);
        let answer = answer.map(|value| self.value_probe(value, TypeId::ERROR, scene));
        Some(Action::GiveAnswer { kind: sent(kind), target: target.name.to_owned(), message, answer })
    }
}
