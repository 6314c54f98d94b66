//! Steps: controlled English, one form at a time.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::code::Want;
use super::scope::{Binding, Paths};
use super::tree::{Block, ExprId, ExprKind, LocalId, Stmt, StmtKind, TimerId, YieldUntil};
use super::types::{Open, TypeId};
use super::{Checker, Mode, Use, number, tree};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{BinaryOp, Ident, Step, StepKind, UpdateOp};
use crate::span::Span;
use flux_abi::capability::CapabilityKind;
use flux_abi::device::{DeviceKind, DeviceValue};
use flux_isa::LinkKind;

/// Rights of a link.
const READ: u8 = 1;
const WRITE: u8 = 2;

impl<'s> Checker<'_, 's> {
    /// Marks the names that steps introduce, so that a use before is no parameter.
    pub(super) fn mark_introduced(&mut self, block: &ast::Block<'s>) {
        for step in &block.steps {
            match &step.kind {
                StepKind::Read { name, .. }
                | StepKind::ReadHeld { name, .. }
                | StepKind::Hold { name, .. }
                | StepKind::Let { name, .. }
                | StepKind::Spawn { bind: Some(name), .. } => self.mark(*name),
                StepKind::Set { place, .. } => {
                    if let ast::ExprKind::Name(text) = place.kind {
                        self.mark(Ident { text, span: place.span });
                    }
                }
                StepKind::Ask { bind: Some(name), .. } | StepKind::Delegate { bind: Some(name), .. } => {
                    self.mark(*name);
                }
                StepKind::If { arms } => {
                    for arm in arms {
                        self.mark_introduced(&arm.body);
                    }
                }
                StepKind::ForEach { name, body, .. } => {
                    self.mark(*name);
                    self.mark_introduced(body);
                }
                StepKind::Repeat { body, .. }
                | StepKind::While { body, .. }
                | StepKind::Every { body, .. } => self.mark_introduced(body),
                StepKind::Code(code) => {
                    for stmt in &code.stmts {
                        if let ast::StmtKind::Let { name, .. } = &stmt.kind {
                            self.mark(*name);
                        }
                    }
                }
                _ => {}
            }
            if let Some(otherwise) = &step.otherwise {
                self.mark_introduced(&otherwise.body);
            }
        }
    }

    fn mark(&mut self, name: Ident<'s>) {
        let symbol = self.names.symbol(name.text);
        if matches!(self.names.binding(symbol), Binding::None | Binding::BuiltinParam) {
            self.names.bind(symbol, Binding::Unset);
        }
    }

    pub(super) fn steps(&mut self, block: &ast::Block<'s>) -> Block {
        let mut stmts = Vec::new();
        self.sink.reserve(&mut stmts, block.steps.len());
        let mut alive = !self.flow.is_dead();
        for step in &block.steps {
            if self.sink.is_spent() {
                break;
            }
            self.mode = Mode::Step;
            alive = self.note_reached(alive, step.span);
            self.step(step, &mut stmts);
        }
        self.sink.fit(&mut stmts);
        Block { stmts, value: None }
    }

    fn step(&mut self, step: &Step<'s>, out: &mut Vec<Stmt>) {
        let span = step.span;
        if self.refuse_in_migration(&step.kind, span) {
            return;
        }
        let kind = match &step.kind {
            StepKind::Read { name, device } => self.read(step, *name, device),
            StepKind::Write { value, device } => self.write(value, device),
            StepKind::ReadHeld { name, from } => self.read_held(step, *name, *from),
            StepKind::WriteHeld { value, to } => self.write_held(step, value, *to),
            StepKind::Hold { name, capability, device } => self.hold(step, *name, *capability, device),
            StepKind::Set { place, value } => Some(self.set(place, value)),
            StepKind::Let { name, value } => {
                let value = self.value(value, TypeId::ERROR);
                let ty = self.ty(value);
                let local = self.introduce(*name, ty);
                self.flow.assign(local);
                Some(StmtKind::Let(local, Some(value)))
            }
            StepKind::Update { op, value, place } => Some(self.add_to(*op, value, place, span)),
            StepKind::If { arms } => Some(self.if_step(arms, step.otherwise.as_deref())),
            StepKind::Repeat { count, body } => {
                let count = self.expr_of(count, TypeId::I64);
                let (body, _) = self.loop_body(|checker| checker.steps(body));
                Some(StmtKind::Repeat(count, body))
            }
            StepKind::While { cond, body } => {
                let cond = self.loop_condition(cond);
                let (body, _) = self.loop_body(|checker| checker.steps(body));
                Some(StmtKind::While(cond, body))
            }
            StepKind::ForEach { name, iter, body } => {
                let head = self.loop_head(*name, iter);
                let (body, _) = self.loop_body(|checker| {
                    if let Some(head) = &head {
                        checker.flow.assign(head.local);
                    }
                    checker.steps(body)
                });
                head.map(|head| head.statement(body))
            }
            StepKind::Every { period, body } => self.every(period, body),
            StepKind::Wait { duration } => Some(StmtKind::Wait(self.duration(duration))),
            StepKind::Yield { until } => Some(StmtKind::Yield(match until {
                ast::YieldUntil::NextEvent => YieldUntil::Event,
                ast::YieldUntil::Message => YieldUntil::Message,
                ast::YieldUntil::Duration(duration) => YieldUntil::Duration(self.duration(duration)),
            })),
            StepKind::Tell { .. }
            | StepKind::Ask { .. }
            | StepKind::Delegate { .. }
            | StepKind::Publish { .. }
            | StepKind::WaitFor { .. }
            | StepKind::Barrier { .. }
            | StepKind::Reply { .. }
            | StepKind::Subscribe { .. } => self.message_step(step),
            StepKind::Log { level, message } => {
                let text = self.shown_text(message);
                Some(StmtKind::Log(*level, text))
            }
            StepKind::Record { metric, value, unit } => {
                let value = self.expr_of(value, TypeId::F64);
                let name = match unit {
                    Some(unit) => format!("{} [{}]", metric.text, unit.text).into(),
                    None => metric.text.into(),
                };
                let name = self.text(name);
                Some(StmtKind::Record(name, value))
            }
            StepKind::Call { function, args } => {
                let call = self.call_named(*function, args, TypeId::ERROR, span);
                Some(StmtKind::Eval(call))
            }
            StepKind::Stop => {
                self.flow.die();
                Some(StmtKind::Stop)
            }
            StepKind::Fail { message } => {
                let text = self.shown_text(message);
                self.flow.die();
                Some(StmtKind::Fail(text))
            }
            StepKind::Code(code) => {
                self.mode = Mode::Code;
                self.statements(&code.stmts, out);
                self.mode = Mode::Step;
                None
            }
            StepKind::Spawn { .. }
            | StepKind::Grant { .. }
            | StepKind::Revoke { .. }
            | StepKind::GiveUp { .. }
            | StepKind::StopAgent { .. } => self.agent_step(step),
            // Steps of tests are not steps of programs; the reader of steps reports them.
            StepKind::Test(_) | StepKind::Invalid => None,
        };
        if let Some(kind) = kind {
            self.sink.keep(out, Stmt { kind, span }, span);
        }
    }

    pub(super) fn duration(&mut self, expr: &ast::Expr<'s>) -> ExprId {
        if let ast::ExprKind::Int(_) | ast::ExprKind::Float(_) = expr.kind {
            let value = self.source_text(expr.span);
            let found = if matches!(expr.kind, ast::ExprKind::Int(_)) { "int" } else { "f64" };
            self.report(
                Diagnostic::new(codes::TYPE_MISMATCH, expr.span, format!("{value} of what?"))
                    .label("a number without a unit")
                    .expected("a duration")
                    .found(found)
                    .replace("seconds?", expr.span, format!("{value}s")),
            );
            return self.invalid(expr.span);
        }
        self.expr_of(expr, TypeId::DURATION)
    }

    /// A value as a text: a str itself, anything else in its text form.
    pub(super) fn shown_text(&mut self, expr: &ast::Expr<'s>) -> ExprId {
        let id = self.value(expr, TypeId::ERROR);
        if self.ty(id) == TypeId::STR {
            return id;
        }
        let span = self.span(id);
        self.sink.keep(&mut self.shown, id, span);
        let list = self.list(&[id]);
        self.new_expr(ExprKind::Interpolate(list), TypeId::STR, expr.span)
    }

    // ------------------------------------------------------------ devices

    fn read(&mut self, step: &Step<'s>, name: Ident<'s>, device: &ast::Device<'s>) -> Option<StmtKind> {
        let named = self.device(device);
        let ty = match named.as_ref().map(|named| named.info.value) {
            Some(DeviceValue::Bool) => TypeId::BOOL,
            Some(DeviceValue::Float) => TypeId::F64,
            Some(DeviceValue::Text) => {
                if let Some(named) = &named {
                    self.wrong_direction(device.span, named, "read");
                }
                TypeId::ERROR
            }
            None => TypeId::ERROR,
        };
        let value = self.new_expr(ExprKind::Invalid, ty, name.span);
        let mut place = None;
        let otherwise = self.with_otherwise(step, |checker| place = checker.place_named(name, value));
        let place = place?;
        let named = named?;
        self.need(CapabilityKind::IoRead, step.span, "Read");
        let link = self.link(LinkKind::Device, named.address, name.text, READ, device.span);
        Some(StmtKind::Read(place, link, otherwise))
    }

    /// The place of a name that a step gives `value`: what has the name, or a new local.
    pub(super) fn place_named(&mut self, name: Ident<'s>, value: ExprId) -> Option<ExprId> {
        let symbol = self.names.symbol(name.text);
        let place = match self.names.binding(symbol) {
            Binding::Local(local) if !matches!(self.local_use(local), Use::Ticket(_)) => {
                let ty = self.local_ty(local);
                let id = self.new_expr(ExprKind::Local(local), ty, name.span);
                if self.local_use(local) != Use::Variable && self.flow.is_assigned(local) {
                    self.check_assignable(id);
                    return None;
                }
                id
            }
            Binding::State(id) => {
                let ty = self.agent.state_ty(id);
                self.new_expr(ExprKind::State(id), ty, name.span)
            }
            Binding::Param(_) | Binding::Const(_) | Binding::Region(_) => {
                let id = self.name(name);
                self.check_assignable(id);
                return None;
            }
            Binding::None | Binding::Unset | Binding::BuiltinParam | Binding::Local(_) => {
                let ty = self.ty(value);
                let local = self.declare_local(name, ty, Use::Variable);
                let id = self.new_expr(ExprKind::Local(local), ty, name.span);
                self.now_assigned(id);
                return Some(id);
            }
        };
        let (have, want) = (self.ty(value), self.ty(place));
        if !self.program.types.unify(have, want) {
            let (expected, found) = (self.type_name(want), self.type_name(have));
            let (what, hint) = match have {
                TypeId::AGENT => ("what is started", "give it a name of its own"),
                TypeId::CAPABILITY | TypeId::REGION => ("what is set", "give it a name of its own"),
                _ => ("the reading", "read into a name of its own"),
            };
            self.report(
                Diagnostic::new(
                    codes::TYPE_MISMATCH,
                    name.span,
                    format!("`{}` is {expected}, {what} is {found}", name.text),
                )
                .label(format!("this is {expected}"))
                .expected(found)
                .found(expected)
                .hint(hint),
            );
            return None;
        }
        self.now_assigned(place);
        Some(place)
    }

    fn write(&mut self, value: &ast::Expr<'s>, device: &ast::Device<'s>) -> Option<StmtKind> {
        let named = self.device(device);
        let value = match named.as_ref().map(|named| named.info.value) {
            Some(DeviceValue::Bool) => self.on_or_off(value),
            Some(DeviceValue::Float) => self.expr_of(value, TypeId::F64),
            Some(DeviceValue::Text) => self.shown_text(value),
            None => self.value(value, TypeId::ERROR),
        };
        let named = named?;
        if named.info.kind == DeviceKind::Adc || named.info.kind == DeviceKind::Hwmon {
            self.wrong_direction(device.span, &named, "written");
            return None;
        }
        self.need(CapabilityKind::IoWrite, device.span, "Write");
        let link = self.link(LinkKind::Device, named.address, "", WRITE, device.span);
        Some(StmtKind::Write(link, value))
    }

    /// `on`, `off`, 1, 0 or any bool.
    pub(super) fn on_or_off(&mut self, value: &ast::Expr<'s>) -> ExprId {
        match value.kind {
            ast::ExprKind::Int(0) => self.new_expr(ExprKind::Bool(false), TypeId::BOOL, Span::default()),
            ast::ExprKind::Int(1) => self.new_expr(ExprKind::Bool(true), TypeId::BOOL, Span::default()),
            ast::ExprKind::Int(number) => {
                self.report(
                    Diagnostic::new(
                        codes::TYPE_MISMATCH,
                        value.span,
                        format!("a GPIO pin is on or off, not {number}"),
                    )
                    .label("neither on nor off")
                    .expected("on, off, 1, 0 or a bool")
                    .replace("write `on`", value.span, "on"),
                );
                self.invalid(value.span)
            }
            _ => self.expr_of(value, TypeId::BOOL),
        }
    }

    // ------------------------------------------------------------ values

    fn set(&mut self, place: &ast::Expr<'s>, value: &ast::Expr<'s>) -> StmtKind {
        if let ast::ExprKind::Name(text) = place.kind {
            let symbol = self.names.symbol(text);
            // Names that steps introduce were marked so.
            if self.names.binding(symbol) == Binding::Unset {
                // The value comes first: `Set x to x + 1` does not define x.
                let value = self.value(value, TypeId::ERROR);
                let ty = self.ty(value);
                let name = Ident { text, span: place.span };
                let local = self.declare_local(name, ty, Use::Variable);
                self.flow.assign(local);
                return StmtKind::Let(local, Some(value));
            }
        }
        let hint = self.place_hint(place);
        let value = self.value(value, hint);
        let span = place.span;
        let place = self.place_to_set(place);
        if let Some(set) = self.set_entry(place, value, span) {
            return set;
        }
        let value = self.coerce(value, self.ty(place));
        self.now_assigned(place);
        StmtKind::Assign(place, value)
    }

    fn add_to(&mut self, op: UpdateOp, value: &ast::Expr<'s>, place: &ast::Expr<'s>, span: Span) -> StmtKind {
        let op = match op {
            UpdateOp::Add => BinaryOp::Add,
            UpdateOp::Subtract => BinaryOp::Sub,
        };
        let place = self.place(place);
        let hint = self.ty(place);
        let value = self.value(value, hint);
        // An `f64` added to an `int` does not fit back; said about the value, not the sum.
        if self.get(hint).is_ok()
            && matches!(self.get(self.ty(value)), Ok(_) | Err(Open::Float))
            && !self.is_invalid(place)
        {
            let value = self.coerce(value, hint);
            return self.update(place, op, value, span);
        }
        self.update(place, op, value, span)
    }

    // ------------------------------------------------------------ choices

    fn if_step(&mut self, arms: &[ast::IfArm<'s>], otherwise: Option<&ast::Otherwise<'s>>) -> StmtKind {
        let mut rows = Vec::new();
        let mut paths = Paths::default();
        let fork = self.flow.fork();
        for arm in arms {
            let cond = self.expr_of(&arm.cond, TypeId::BOOL);
            let block = self.steps(&arm.body);
            self.flow.end_path(fork, &mut paths);
            self.sink.keep(&mut rows, (cond, block), arm.span);
        }
        let rest = otherwise.map(|otherwise| Box::new(self.steps(&otherwise.body)));
        self.flow.end_path(fork, &mut paths);
        self.flow.join(&paths);
        StmtKind::If(rows, rest)
    }

    fn every(&mut self, period: &ast::Expr<'s>, body: &ast::Block<'s>) -> Option<StmtKind> {
        let period = self.duration(period);
        let interval = self.interval(period, "the interval of `Every`");
        let fork = self.flow.fork();
        let body = self.steps(body);
        self.flow.drop_path(fork);
        let interval_ns = interval?;
        let count = self.ctx.pacers.entry(interval_ns).or_insert(0);
        let ordinal = *count;
        *count = count.saturating_add(1);
        let timers = &mut self.agent.timers;
        let id = TimerId(number(timers.len()));
        if !self.sink.charge(self.ctx.section.len(), Span::empty(0)) {
            return None;
        }
        let timer = tree::Timer { section: self.ctx.section.clone(), interval_ns, ordinal };
        self.sink.keep(timers, timer, Span::empty(0));
        Some(StmtKind::Every(id, body))
    }

    /// The Otherwise of a step, as a path of its own; the other path runs `rest` and comes
    /// first, so that both mean the same by the names that it introduces.
    pub(super) fn with_otherwise(
        &mut self,
        step: &Step<'s>,
        rest: impl FnOnce(&mut Self),
    ) -> Option<Box<Block>> {
        let Some(otherwise) = &step.otherwise else {
            rest(self);
            return None;
        };
        let fork = self.flow.fork();
        let mut paths = Paths::default();
        rest(self);
        self.flow.end_path(fork, &mut paths);
        let block = self.steps(&otherwise.body);
        self.flow.end_path(fork, &mut paths);
        self.flow.join(&paths);
        Some(Box::new(block))
    }

    /// The local that a step introduces under this name: the one that another way through the
    /// section introduced before, if the types agree.
    pub(super) fn introduce(&mut self, name: Ident<'s>, ty: TypeId) -> LocalId {
        let symbol = self.names.symbol(name.text);
        if let Binding::Local(local) = self.names.binding(symbol)
            && self.local_use(local) == Use::Variable
        {
            let known = self.local_ty(local);
            if self.program.types.unify(known, ty) {
                return local;
            }
        }
        self.declare_local(name, ty, Use::Variable)
    }

    /// A fenced block that is the whole body of a section.
    pub(super) fn is_code_only(block: &ast::Block<'s>) -> bool {
        matches!(block.steps.as_slice(), [Step { kind: StepKind::Code(_), .. }])
    }

    pub(super) fn code_body(&mut self, block: &ast::Block<'s>) -> Option<Block> {
        let [Step { kind: StepKind::Code(code), .. }] = block.steps.as_slice() else { return None };
        self.mode = Mode::Code;
        Some(self.block(code, Want::Nothing))
    }
}
