//! Steps that send, wait for and answer messages.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::evaluate::Reason;
use super::scope::Binding;
use super::tree::{
    Deadline, ExprId, ExprKind, Form, LinkId, List, SendKind, SendSite, Sending, StmtKind, Target,
};
use super::types::{Open, Type, TypeId};
use super::{Answer, Carrier, Checker, Use};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{AgentRef, Ident, Message, Step, StepKind, Topic};
use crate::span::Span;
use flux_abi::capability::CapabilityKind;
use flux_abi::limits;
use flux_abi::topic::Form as TopicForm;
use flux_isa::LinkKind;

const WRITE: u8 = 2;
/// Right to read, in a link.
pub(super) const READ: u8 = 1;

impl<'s> Checker<'_, 's> {
    pub(super) fn message_step(&mut self, step: &Step<'s>) -> Option<StmtKind> {
        match &step.kind {
            StepKind::Tell { target, message } => {
                self.send(step, SendKind::Tell, *target, message, None, None)
            }
            StepKind::Ask { target, message, bind, within } => {
                self.send(step, SendKind::Ask, *target, message, *bind, within.as_deref())
            }
            StepKind::Delegate { target, message, bind, within } => {
                self.send(step, SendKind::Delegate, *target, message, *bind, within.as_deref())
            }
            StepKind::Publish { value, topic } => {
                let value = self.value(value, TypeId::ERROR);
                self.note_carried(self.ty(value), self.span(value), Carrier::Message);
                let link = self.topic_link(step, topic, WRITE);
                let args = self.list(&[value]);
                let name = self.text(topic.name.clone());
                let form = Form { name, result: TypeId::UNIT, deadline: Deadline::Usual };
                let otherwise = self.with_otherwise(step, |_| {});
                let kind = SendKind::Publish;
                Some(StmtKind::Send(Box::new(Sending {
                    kind,
                    target: Target::Link(link),
                    form,
                    args,
                    bind: None,
                    store: None,
                    otherwise,
                })))
            }
            StepKind::Subscribe { topic } => {
                let link = self.topic_link(step, topic, READ);
                Some(StmtKind::Subscribe(link))
            }
            StepKind::WaitFor { ticket, within } => self.wait_for(step, *ticket, within.as_deref()),
            StepKind::Barrier { count, name, within } => {
                let count = self.expr_of(count, TypeId::I64);
                let within = self.within(within.as_deref());
                self.check_topic(name);
                self.need(CapabilityKind::Communicate, step.span, step.kind.name());
                let name = self.text(name.name.clone());
                let otherwise = self.with_otherwise(step, |_| {});
                Some(StmtKind::Barrier { name, count, within, otherwise })
            }
            StepKind::Reply { value } => self.reply(step, value.as_ref()),
            _ => None,
        }
    }

    fn topic_link(&mut self, step: &Step<'s>, topic: &Topic<'s>, rights: u8) -> LinkId {
        if rights & READ == 0 {
            self.check_one_topic(topic, "published on");
        } else {
            self.check_topics(topic);
        }
        self.need(CapabilityKind::Communicate, step.span, step.kind.name());
        self.link(LinkKind::Topic, topic.name.as_ref().into(), "", rights, topic.span)
    }

    /// Checks what is subscribed to: a topic, or a pattern for many.
    pub(super) fn check_topics(&mut self, topic: &Topic<'s>) {
        self.check_topic(topic);
        if flux_abi::topic::form(&topic.name) == TopicForm::Misplaced {
            self.report(
                Diagnostic::new(
                    codes::TOPIC_PATTERN,
                    topic.span,
                    "`+` and `#` stand for whole levels between `/`, and `#` for the last ones",
                )
                .label("wildcard inside a level, or `#` before the end")
                .hint("for example: \"greenhouse/+\" or \"greenhouse/#\""),
            );
        }
    }

    /// Checks the topic of an event: no pattern.
    pub(super) fn check_one_topic(&mut self, topic: &Topic<'s>, what: &str) {
        self.check_topic(topic);
        if flux_abi::topic::form(&topic.name) != TopicForm::Name {
            self.report(
                Diagnostic::new(
                    codes::TOPIC_PATTERN,
                    topic.span,
                    format!("`+` and `#` are wildcards: one topic is {what}, not many"),
                )
                .label("a pattern")
                .hint("write the topic out, for example \"greenhouse/temp\""),
            );
        }
    }

    pub(super) fn check_topic(&mut self, topic: &Topic<'s>) {
        let length = topic.name.len();
        if length > limits::TOPIC_BYTES || length == 0 {
            self.report(
                Diagnostic::new(
                    codes::LIMIT_PASSED,
                    topic.span,
                    format!("a name of {length} bytes; 1 to {} are possible", limits::TOPIC_BYTES),
                )
                .label(if length == 0 { "empty" } else { "too long" }),
            );
        }
    }

    fn within(&mut self, within: Option<&ast::Expr<'s>>) -> Deadline {
        let Some(within) = within else { return Deadline::Usual };
        let id = self.duration(within);
        if self.is_invalid(id) {
            return Deadline::Usual;
        }
        // What is known now is checked now.
        let known = self.constant(id).is_some() || self.unknown_part(id).1 == Reason::Trap;
        if known {
            return self.interval(id, "a deadline").map_or(Deadline::Usual, Deadline::After);
        }
        Deadline::Computed(id)
    }

    fn send(
        &mut self,
        step: &Step<'s>,
        kind: SendKind,
        target: AgentRef<'s>,
        message: &Message<'s>,
        bind: Option<Ident<'s>>,
        within: Option<&ast::Expr<'s>>,
    ) -> Option<StmtKind> {
        self.need(CapabilityKind::Communicate, step.span, step.kind.name());
        let receiver = match self.agent_variable(target) {
            Some(handle) => Target::Handle(handle),
            None => Target::Link(self.link(LinkKind::Agent, target.name.into(), "", WRITE, target.span)),
        };
        let (shape, told) = match receiver {
            Target::Link(_) => (self.handlers.get(&(target.name, message.name.text)).cloned(), None),
            Target::Handle(_) => (None, self.answer_of_started(message)),
        };
        let mut args: Vec<ExprId> = Vec::with_capacity(message.args.len());
        for (index, arg) in message.args.iter().enumerate() {
            let want = shape.as_ref().and_then(|shape| shape.params.get(index)).copied();
            let id = self.value(arg, want.unwrap_or(TypeId::ERROR));
            args.push(match want {
                Some(want) => self.coerce(id, want),
                None => id,
            });
        }
        if let Some(shape) = &shape
            && shape.params.len() != args.len()
        {
            let heading = shape.heading;
            self.wrong_count(message.name, shape.params.len(), args.len(), message.span, Some(heading));
        }
        if args.len() > 255 {
            self.report(
                Diagnostic::new(
                    codes::LIMIT_PASSED,
                    message.span,
                    format!("a message of {} values; 255 are possible", args.len()),
                )
                .label("too many"),
            );
        }
        for arg in &args {
            self.note_carried(self.ty(*arg), self.span(*arg), Carrier::Message);
        }
        let count = u8::try_from(args.len()).unwrap_or(u8::MAX);
        if let Target::Link(_) = receiver {
            let target = Ident { text: target.name, span: target.span };
            let site = SendSite { kind, target, request: message.name, count };
            self.sink.keep(&mut self.program.sends, site, Span::empty(0));
        }
        let args: List = self.list(&args);
        let deadline = self.within(within);
        let name = self.text(message.name.text.into());
        let answer = match (&shape, bind) {
            (_, None) => TypeId::UNIT,
            (Some(shape), _) => shape.ret,
            (None, Some(_)) => told.unwrap_or_else(|| self.program.types.variable(Open::Any)),
        };
        let form_result = if kind == SendKind::Ask { answer } else { TypeId::UNIT };
        let form = Form { name, result: form_result, deadline };
        let (mut local, mut store) = (None, None);
        let otherwise = self.with_otherwise(step, |checker| {
            let Some(name) = bind else { return };
            let symbol = checker.names.symbol(name.text);
            if let (SendKind::Ask, Binding::State(id)) = (kind, checker.names.binding(symbol)) {
                checker.note_state_use(id);
                let taken = checker.new_local(name, answer, Use::Variable);
                let value = checker.new_expr(ExprKind::Local(taken), answer, name.span);
                let ty = checker.agent.state_ty(id);
                let place = checker.new_expr(ExprKind::State(id), ty, name.span);
                let value = checker.value_for_place(value, place);
                (local, store) = (Some(taken), Some((place, value)));
            } else {
                local = Some(checker.bind_answer(kind, name, answer));
            }
        });
        let target = receiver;
        Some(StmtKind::Send(Box::new(Sending { kind, target, form, args, bind: local, store, otherwise })))
    }

    fn bind_answer(&mut self, kind: SendKind, name: Ident<'s>, answer: TypeId) -> super::tree::LocalId {
        let symbol = self.names.symbol(name.text);
        let local = if let Binding::Local(known) = self.names.binding(symbol)
            && kind != SendKind::Delegate
            && self.local_use(known) == Use::Variable
            && self.program.types.unify(self.local_ty(known), answer)
        {
            // The Otherwise, or a step before, gave the name a value: it is one variable.
            known
        } else if kind == SendKind::Delegate {
            let result = self.new_local(name, answer, Use::Variable);
            self.declare_local(name, TypeId::TICKET, Use::Ticket(result))
        } else {
            self.declare_local(name, answer, Use::Variable)
        };
        self.flow.assign(local);
        local
    }

    fn wait_for(
        &mut self,
        step: &Step<'s>,
        ticket: Ident<'s>,
        within: Option<&ast::Expr<'s>>,
    ) -> Option<StmtKind> {
        let deadline = self.within(within);
        let symbol = self.names.symbol(ticket.text);
        let found = match self.names.binding(symbol) {
            Binding::Local(local) => match self.local_use(local) {
                Use::Ticket(result) => Some((local, result)),
                _ => None,
            },
            _ => None,
        };
        let Some((local, result)) = found else {
            self.report(
                Diagnostic::new(codes::TYPE_MISMATCH, ticket.span, format!("`{}` is no ticket", ticket.text))
                    .label("not a ticket")
                    .expected("a name from `DELEGATE to …: …(…) as name`")
                    .hint(format!("keep the ticket: end the DELEGATE step with `as {}`", ticket.text)),
            );
            return None;
        };
        if !self.flow.is_assigned(local) {
            self.unset(ticket);
            return None;
        }
        let id = self.new_expr(ExprKind::Local(local), TypeId::TICKET, ticket.span);
        let name = self.text(ticket.text.into());
        let form = Form { name, result: self.local_ty(result), deadline };
        // In Otherwise the name means the result already, so that a step can give it a value.
        self.names.bind(symbol, Binding::Local(result));
        let otherwise = self.with_otherwise(step, |checker| checker.flow.assign(result));
        self.names.bind(symbol, Binding::Local(local));
        Some(StmtKind::WaitFor { ticket: id, form, bind: result, otherwise })
    }

    fn reply(&mut self, step: &Step<'s>, value: Option<&ast::Expr<'s>>) -> Option<StmtKind> {
        let ret = self.result_type();
        let value = match value {
            // A section that is no handler has no result.
            Some(expr) if ret != TypeId::UNIT => {
                let id = self.value(expr, ret);
                Some(self.coerce(id, ret))
            }
            Some(expr) => Some(self.value(expr, TypeId::ERROR)),
            None => None,
        };
        let Some(request) = self.ctx.request else {
            self.report(
                Diagnostic::new(codes::REPLY_OUTSIDE, step.span, "there is no request to answer here")
                    .label("not in a handler")
                    .expected("a section `## On request(…)` around it"),
            );
            return None;
        };
        self.ctx.replies = true;
        if let Some(answered) = self.ctx.answered {
            self.flow.assign(answered);
        }
        Some(StmtKind::Reply(request, value))
    }

    /// Keeps the answers of a section whose type only their uses can tell.
    pub(super) fn note_answers(&mut self) {
        for (index, local) in self.ctx.locals.iter().enumerate() {
            if self.ctx.read.get(index).copied().unwrap_or(false)
                && self.program.types.get(local.ty) == Err(Open::Any)
            {
                self.answers.push(Answer { name: local.name, ty: local.ty, span: local.span });
            }
        }
    }

    pub(super) fn check_answers(&mut self) {
        for answer in core::mem::take(&mut self.answers) {
            if self.program.types.get(answer.ty) == Err(Open::Any) && !self.has_error_in(answer.span) {
                self.report(
                    Diagnostic::new(
                        codes::TYPE_UNKNOWN,
                        answer.span,
                        format!("nothing tells the type of `{}`", answer.name),
                    )
                    .label("of any type")
                    .hint(format!(
                        "calculate or compare with it, or copy it into a variable of `## State` that has a type: `- last_{}: f64 = 0`",
                        answer.name
                    )),
                );
            }
        }
    }

    /// Remembers a value that must outlive its run.
    pub(super) fn note_carried(&mut self, ty: TypeId, span: Span, carrier: Carrier) {
        // Types without parts are told apart at once.
        if !matches!(
            self.get(ty),
            Ok(Type::Bool | Type::Int(_) | Type::Float(_) | Type::Str | Type::Duration)
        ) {
            self.sink.keep(&mut self.carried, (ty, span, carrier), span);
        }
    }

    /// Refuses function values where they would outlive their run, now that all types are known.
    pub(super) fn check_carried(&mut self) {
        for (ty, span, carrier) in core::mem::take(&mut self.carried) {
            if carrier == Carrier::Message && self.program.types.holds_itself(ty) {
                let name = self.type_name(ty);
                self.report(
                    Diagnostic::new(
                        codes::TYPE_MISMATCH,
                        span,
                        format!("a value of type {name} cannot be sent in a message: it can hold values of its own type"),
                    )
                    .label("of any depth")
                    .hint("send what the other agent needs of it as a list, one value after another"),
                );
                continue;
            }
            if !self.program.types.holds_function(ty) {
                continue;
            }
            let name = self.type_name(ty);
            let place = match carrier {
                Carrier::Message => "sent in a message",
                Carrier::State => "kept in State",
            };
            self.report(
                Diagnostic::new(
                    codes::TYPE_MISMATCH,
                    span,
                    format!("a value of type {name} cannot be {place}: function values end with their run"),
                )
                .label("is or holds a function value")
                .hint("keep or send an enum that says which function is meant, and choose with `match`"),
            );
        }
    }

    /// A span for what has none of its own.
    pub(super) fn heading_text(&self, heading: Span) -> &'s str {
        let text = self.source_text(heading);
        text.lines().next().unwrap_or("").trim_start_matches('#').trim().trim_end_matches('#').trim()
    }
}
