//! Expect: conditions, messages, devices, logs, traps.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::super::tree::{Block, ExprId, ExprKind, SendKind, SendSite, Stmt, StmtKind};
use super::super::types::TypeId;
use super::super::{Checker, send};
use super::{Asked, Scene, sent};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{
    AgentRef, BinaryOp, Ident, LogLevel as Level, MessageKind, TestStep, Topic, UnaryOp, ValuePattern,
};
use crate::plan::{Action, Compare, Pattern, Presence, Wanted};
use crate::span::Span;
use flux_abi::device::DeviceValue;
use flux_abi::select::LogLevel;
use flux_abi::trap::TrapKind;
use flux_isa::LinkKind;

/// Most operands of a condition whose values are shown when it fails.
const SHOWN: usize = 8;

const WRITE: u8 = 2;

const fn presence(presence: ast::Presence) -> Presence {
    match presence {
        ast::Presence::Some => Presence::Some,
        ast::Presence::No => Presence::No,
    }
}

const fn compare(op: BinaryOp) -> Option<Compare> {
    match op {
        BinaryOp::Eq => Some(Compare::Equal),
        BinaryOp::Ne => Some(Compare::NotEqual),
        BinaryOp::Lt => Some(Compare::Less),
        BinaryOp::Le => Some(Compare::LessOrEqual),
        BinaryOp::Gt => Some(Compare::Greater),
        BinaryOp::Ge => Some(Compare::GreaterOrEqual),
        _ => None,
    }
}

impl<'s> Checker<'_, 's> {
    pub(super) fn expectation(
        &mut self,
        expect: &TestStep<'s>,
        scene: &Scene<'_, 's>,
        span: Span,
    ) -> Option<Action> {
        Some(match expect {
            TestStep::Expect { cond } => Action::Expect(self.condition_probe(cond, scene, span)),
            TestStep::ExpectDevice { device, value } => {
                let named = self.device(device)?;
                let written = self.links_of_document().any(|(kind, name, rights)| {
                    kind == LinkKind::Device && name == named.address && rights & WRITE != 0
                });
                if !written {
                    let message = format!("no step of this document writes to {}", named.address);
                    self.matches_nothing(device.span, message, "never written");
                }
                let wanted = self.wanted_value(value, Some(named.info.value), scene)?;
                Action::ExpectWritten { address: named.address, wanted }
            }
            TestStep::ExpectMessage { presence: there, kind, target, message } => {
                if *there == ast::Presence::Some {
                    self.check_sent(*kind, *target, message.as_ref(), "never sent");
                }
                Action::ExpectMessage {
                    presence: presence(*there),
                    kind: sent(*kind),
                    target: target.map(|target| target.name.to_owned()),
                    message: message.as_ref().map(|message| self.message_pattern(message, scene)),
                }
            }
            TestStep::ExpectEvent { presence: there, topic, value } => {
                if let Some(topic) = topic.as_ref().filter(|_| *there == ast::Presence::Some) {
                    self.check_published(topic);
                }
                Action::ExpectEvent {
                    presence: presence(*there),
                    topic: topic.as_ref().map(|topic| topic.name.to_string()),
                    value: value.as_ref().and_then(|value| self.wanted_value(value, None, scene)),
                }
            }
            TestStep::ExpectReply { presence: there, value } => {
                if scene.asked == Asked::No {
                    self.report(
                        Diagnostic::new(codes::TEST_ORDER, span, "nothing was asked before")
                            .label("no reply can come")
                            .hint("put a step `When asked name(…)` before this one"),
                    );
                    return None;
                }
                Action::ExpectReply {
                    presence: presence(*there),
                    value: value.as_ref().and_then(|value| self.wanted_value(value, None, scene)),
                }
            }
            TestStep::ExpectLog { presence: there, level, text } => Action::ExpectLog {
                presence: presence(*there),
                level: level.map(|level| match level {
                    Level::Debug => LogLevel::Debug,
                    Level::Info => LogLevel::Info,
                    Level::Warning => LogLevel::Warning,
                    Level::Error => LogLevel::Error,
                }),
                text: text.as_ref().map(|text| {
                    self.probe(text.span, scene.agent, |checker, out| {
                        let id = checker.shown_text(text);
                        checker.emit(&[id], text.span, out);
                    })
                }),
            },
            TestStep::ExpectTrap { presence: there, kind } => {
                let kind = match kind {
                    Some(kind) => Some(self.trap_kind(*kind)?),
                    None => None,
                };
                Action::ExpectTrap { presence: presence(*there), kind }
            }
            _ => return None,
        })
    }

    fn trap_kind(&mut self, name: Ident<'s>) -> Option<TrapKind> {
        let found = TrapKind::ALL.iter().copied().find(|kind| name.is(kind.name()));
        if found.is_none() {
            let upper = name.text.to_ascii_uppercase();
            let near = self.nearest(&upper, TrapKind::ALL.iter().map(|kind| kind.name()));
            let near = near.map(ToOwned::to_owned);
            let names: Vec<&str> = TrapKind::ALL.iter().map(|kind| kind.name()).collect();
            let row = Diagnostic::new(
                codes::TEST_NAME_UNKNOWN,
                name.span,
                format!("`{}` is no kind of trap", name.text),
            )
            .label("not a kind of trap");
            self.report(match near {
                Some(near) => row.replace(format!("did you mean {near}?"), name.span, near),
                None => row.expected(names.join(", ")),
            });
        }
        found
    }

    // ------------------------------------------------------------ conditions

    /// A probe that gives `true`, or `false` and the values that the condition is about.
    fn condition_probe(
        &mut self,
        cond: &ast::Expr<'s>,
        scene: &Scene<'_, 's>,
        span: Span,
    ) -> crate::plan::Probe {
        self.probe(span, scene.agent, |checker, out| {
            let cond = checker.expr_of(cond, TypeId::BOOL);
            let holds = checker.new_expr(ExprKind::Bool(true), TypeId::BOOL, span);
            let fails = checker.new_expr(ExprKind::Bool(false), TypeId::BOOL, span);
            let found = checker.found(cond, span);
            let mut then = Vec::new();
            checker.emit(&[holds], span, &mut then);
            let mut rest = Vec::new();
            checker.emit(&[fails, found], span, &mut rest);
            let arms = Vec::from([(cond, Block { stmts: then, value: None })]);
            let kind = StmtKind::If(arms, Some(Box::new(Block { stmts: rest, value: None })));
            checker.sink.keep(out, Stmt { kind, span }, span);
        })
    }

    /// A text with the values of a condition's operands: `` `heating` is false ``.
    fn found(&mut self, cond: ExprId, span: Span) -> ExprId {
        let mut operands = Vec::new();
        self.operands(cond, &mut operands);
        let mut pieces = Vec::new();
        for (index, operand) in operands.iter().enumerate() {
            let at = self.span(*operand);
            let name: String = self.source_text(at).split_whitespace().collect::<Vec<_>>().join(" ");
            let quote = if self.ty(*operand) == TypeId::STR { "\"" } else { "" };
            let before = if index == 0 { "" } else { ", " };
            pieces.push(self.text_piece(format!("{before}`{name}` is {quote}"), at));
            pieces.push(*operand);
            if !quote.is_empty() {
                pieces.push(self.text_piece(quote.to_owned(), at));
            }
        }
        if pieces.is_empty() {
            return self.text_piece("it does not".to_owned(), span);
        }
        let list = self.list(&pieces);
        self.new_expr(ExprKind::Interpolate(list), TypeId::STR, span)
    }

    fn text_piece(&mut self, text: String, span: Span) -> ExprId {
        let text = self.text(text.into());
        self.new_expr(ExprKind::Text(text), TypeId::STR, span)
    }

    /// What a condition is about: operands of its comparisons, names of truth values.
    fn operands(&self, id: ExprId, out: &mut Vec<ExprId>) {
        match self.program.expr(id).kind {
            ExprKind::Binary(BinaryOp::And | BinaryOp::Or, left, right) => {
                self.operands(left, out);
                self.operands(right, out);
            }
            // Of other operators none gives a truth value.
            ExprKind::Binary(_, left, right) => {
                for side in [left, right] {
                    self.operand(side, out);
                }
            }
            ExprKind::Unary(UnaryOp::Not, inner) => self.operands(inner, out),
            _ => self.operand(id, out),
        }
    }

    fn operand(&self, id: ExprId, out: &mut Vec<ExprId>) {
        let shown = !self.is_literal(id) && self.has_text_form(self.ty(id), &mut Vec::new());
        if shown && out.len() < SHOWN {
            out.push(id);
        }
    }

    /// Tells whether the value stands in the text as it is.
    fn is_literal(&self, id: ExprId) -> bool {
        match self.program.expr(id).kind {
            ExprKind::Int(..)
            | ExprKind::Float(_)
            | ExprKind::Bool(_)
            | ExprKind::Duration(_)
            | ExprKind::Text(_)
            | ExprKind::Variant(..)
            | ExprKind::None
            | ExprKind::Invalid => true,
            ExprKind::Unary(_, value) | ExprKind::Convert(value) | ExprKind::Some(value) => {
                self.is_literal(value)
            }
            ExprKind::Array(list) | ExprKind::Struct(list) | ExprKind::Tagged(_, list) => {
                self.program.list(list).iter().all(|value| self.is_literal(*value))
            }
            _ => false,
        }
    }

    // ------------------------------------------------------------ messages

    fn wanted_value(
        &mut self,
        value: &ValuePattern<'s>,
        device: Option<DeviceValue>,
        scene: &Scene<'_, 's>,
    ) -> Option<Wanted> {
        let ValuePattern::Compared(op, value) = value else { return None };
        let compare = compare(*op)?;
        let probe = self.probe(value.span, scene.agent, |checker, out| {
            let id = match device {
                Some(kind) => checker.device_value(kind, value),
                None => checker.value(value, TypeId::ERROR),
            };
            checker.emit(&[id], value.span, out);
        });
        Some(Wanted { compare, probe })
    }

    pub(super) fn message_pattern(&mut self, message: &ast::Pattern<'s>, scene: &Scene<'_, 's>) -> Pattern {
        let mut values = Vec::new();
        let probe = self.probe(message.span, scene.agent, |checker, out| {
            let mut ids = Vec::new();
            for arg in &message.args {
                match arg {
                    ValuePattern::Any => values.push(None),
                    ValuePattern::Compared(op, value) => {
                        values.push(compare(*op));
                        ids.push(checker.value(value, TypeId::ERROR));
                    }
                }
            }
            checker.emit(&ids, message.span, out);
        });
        Pattern { name: message.name.text.to_owned(), values, probe }
    }

    fn links_of_document(&self) -> impl Iterator<Item = (LinkKind, &str, u8)> {
        let others = self.program.agents.iter().flat_map(|agent| &agent.links);
        let links = self.agent.links.iter().chain(others);
        links.map(|link| (link.link.kind, link.link.name.as_str(), link.link.rights))
    }

    /// Warns of a message that no step of the document sends.
    pub(super) fn check_sent(
        &mut self,
        kind: MessageKind,
        target: Option<AgentRef<'s>>,
        message: Option<&ast::Pattern<'s>>,
        label: &str,
    ) {
        // What is sent to agents that the document spawns goes to variables, which name nobody.
        if self.spawned.iter().any(|name| target.is_none_or(|target| is_spawned_as(target.name, name))) {
            return;
        }
        let to = |name: &str| target.is_none_or(|target| target.name == name);
        if let Some(target) = target
            && !self.program.sends.iter().any(|send| to(send.target.text))
        {
            let names: Vec<&'s str> = self.program.sends.iter().map(|send| send.target.text).collect();
            let near = self.nearest(target.name, names.iter().copied()).map(ToOwned::to_owned);
            let row = Diagnostic::new(
                codes::TEST_MATCHES_NOTHING,
                target.span,
                format!("no step of this document sends anything to `{}`", target.name),
            )
            .label(label);
            self.report(match near {
                Some(near) => row.replace(format!("did you mean `{near}`?"), target.span, near),
                None => row,
            });
            return;
        }
        let Some(message) = message else { return self.check_kind(kind, target, label) };
        let requests: Vec<Ident<'s>> =
            self.program.sends.iter().filter(|send| to(send.target.text)).map(|send| send.request).collect();
        let named = |send: &&SendSite<'s>| to(send.target.text) && send.request.text == message.name.text;
        let ways: Vec<SendKind> = self.program.sends.iter().filter(named).map(|send| send.kind).collect();
        if !ways.is_empty() {
            self.check_way(kind, &ways, message.name, label);
            return;
        }
        let near = self.nearest(message.name.text, requests.iter().map(|request| request.text));
        let near = near.map(ToOwned::to_owned);
        let row = Diagnostic::new(
            codes::TEST_MATCHES_NOTHING,
            message.name.span,
            format!("no step of this document sends `{}(…)` there", message.name.text),
        )
        .label(label);
        self.report(match near {
            Some(near) => row.replace(format!("did you mean `{near}`?"), message.name.span, near),
            None => row,
        });
    }

    /// Warns of a kind of message that nothing is sent by.
    fn check_kind(&mut self, kind: MessageKind, target: Option<AgentRef<'s>>, label: &str) {
        let Some(target) = target else { return };
        let to = |send: &&SendSite<'s>| send.target.text == target.name;
        let ways: Vec<SendKind> = self.program.sends.iter().filter(to).map(|send| send.kind).collect();
        self.check_way(kind, &ways, Ident { text: target.name, span: target.span }, label);
    }

    /// Warns unless one of the messages is sent as the test says.
    fn check_way(&mut self, kind: MessageKind, ways: &[SendKind], what: Ident<'s>, label: &str) {
        if ways.iter().any(|way| is_way(*way, kind)) {
            return;
        }
        let all = [MessageKind::Tell, MessageKind::Ask, MessageKind::Delegate];
        let names: Vec<&str> =
            all.into_iter().filter(|kind| ways.iter().any(|way| is_way(*way, *kind))).map(way_name).collect();
        self.report(
            Diagnostic::new(
                codes::TEST_MATCHES_NOTHING,
                what.span,
                format!(
                    "no step of this document sends that by {}, but by {}",
                    way_name(kind),
                    names.join(" and ")
                ),
            )
            .label(label)
            .expected(names.join(", "))
            .found(way_name(kind)),
        );
    }

    fn check_published(&mut self, topic: &Topic<'s>) {
        self.check_one_topic(topic, "expected");
        let published = self.links_of_document().any(|(kind, name, rights)| {
            kind == LinkKind::Topic && name == topic.name && rights & !send::READ != 0
        });
        if !published {
            let message = format!("no step of this document publishes on \"{}\"", topic.name);
            self.matches_nothing(topic.span, message, "never published");
        }
    }
}

/// Whether an agent that is spawned as `spawned` may have this name: the second one is `worker-2`.
fn is_spawned_as(name: &str, spawned: &str) -> bool {
    let rest = name.strip_prefix(spawned);
    let number = |rest: &str| rest.strip_prefix('-').is_some_and(|number| number.parse::<u32>().is_ok());
    rest.is_some_and(|rest| rest.is_empty() || number(rest))
}

const fn is_way(way: SendKind, kind: MessageKind) -> bool {
    matches!(
        (way, kind),
        (SendKind::Tell, MessageKind::Tell)
            | (SendKind::Ask, MessageKind::Ask)
            | (SendKind::Delegate, MessageKind::Delegate)
    )
}

/// A kind of message as documents write it.
const fn way_name(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Tell => "TELL",
        MessageKind::Ask => "ASK",
        MessageKind::Delegate => "DELEGATE",
    }
}
