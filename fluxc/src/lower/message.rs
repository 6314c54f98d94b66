//! Statements that reach the runtime: devices, messages, time, log, end.

use alloc::string::String;

use super::SEND_MARK;
use super::function::Lowering;
use crate::fir::{Access, IntCompare, Intrinsic, Type as FirType, ValueId};
use crate::lang::sema::tree::{
    Block, Deadline, ExprId, Form, LinkId, LocalId, SendKind, Sending, Stmt, StmtKind, Target, TextId,
    YieldUntil,
};
use crate::lang::sema::types::TypeId;
use crate::lang::syntax::ast::LogLevel as Level;
use flux_abi::opcode::Opcode;
use flux_abi::select::{LogLevel, YieldKind};
use flux_abi::trap::TrapKind;

/// Words of a form: its texts, then its deadline.
const FORM_WORDS: u32 = 3;
/// Where the deadline of a form lies.
const FORM_DEADLINE: i32 = 16;

/// What happens when a host call failed and the document says nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Failure {
    /// The rest of this run is skipped.
    Skip,
    /// The agent traps.
    Trap,
}

impl<'p> Lowering<'_, 'p, '_> {
    /// A statement that reaches the runtime.
    pub(super) fn runtime(&mut self, stmt: &'p Stmt) {
        match &stmt.kind {
            StmtKind::Read(place, link, otherwise) => self.read(*place, *link, otherwise.as_deref()),
            StmtKind::Write(link, value) => {
                let value = self.expr(*value);
                let handle = self.link(*link);
                self.b.host(Opcode::IoWrite, 0, FirType::Void, &[handle, value]);
                let status = self.b.last_status();
                let end = self.b.create_block();
                self.check(status, end, None, Failure::Skip, &mut |_| {});
                self.b.seal_block(end);
                self.b.switch_to(end);
            }
            StmtKind::Every(timer, body) => {
                let due = self.b.intrinsic(Intrinsic::PacerDue, timer.0, &[]);
                let then = self.b.create_block();
                let end = self.b.create_block();
                if let Some(due) = due {
                    self.b.branch(due, then, end);
                }
                self.b.seal_block(then);
                self.b.switch_to(then);
                self.block(body);
                self.go_on(end);
                self.b.seal_block(end);
                self.b.switch_to(end);
            }
            StmtKind::Wait(duration) => {
                let duration = self.expr(*duration);
                self.b.host(Opcode::Sleep, 0, FirType::Void, &[duration]);
            }
            StmtKind::Yield(until) => match until {
                YieldUntil::Event => {
                    self.b.host(Opcode::YieldAgent, YieldKind::Event as u32, FirType::Void, &[]);
                }
                YieldUntil::Message => {
                    self.b.host(Opcode::YieldAgent, YieldKind::Message as u32, FirType::Void, &[]);
                }
                YieldUntil::Duration(duration) => {
                    let duration = self.expr(*duration);
                    self.b.host(Opcode::TimedWait, 0, FirType::I64, &[duration]);
                }
            },
            StmtKind::Send(send) => self.send(send),
            StmtKind::WaitFor { ticket, form, bind, otherwise } => {
                let ticket = self.expr(*ticket);
                let form = self.form(form, "", 0);
                let ty = self.word_type(self.local_ty(*bind));
                let value = self.b.host(Opcode::AgentWait, 0, ty, &[ticket, form]);
                self.answer(value, Some(*bind), None, otherwise.as_deref(), Failure::Trap);
            }
            StmtKind::Barrier { name, count, within, otherwise } => {
                let name = self.constant_text(*name);
                let count = self.expr(*count);
                let within = match *within {
                    Deadline::Usual => self.b.i64(0),
                    Deadline::After(ns) => self.b.i64(ns),
                    Deadline::Computed(duration) => self.computed_deadline(duration),
                };
                self.b.host(Opcode::Barrier, 0, FirType::Void, &[name, count, within]);
                self.answer(None, None, None, otherwise.as_deref(), Failure::Trap);
            }
            StmtKind::Reply(_, value) => {
                let ty = value.map_or(TypeId::UNIT, |value| self.shared.program.expr(value).ty);
                self.reply(ty, *value);
            }
            StmtKind::Emit(values) => {
                let values = self.shared.program.list(*values);
                self.answer_with(values);
            }
            StmtKind::Subscribe(link) => {
                let handle = self.link(*link);
                self.b.host(Opcode::Subscribe, 0, FirType::Void, &[handle]);
            }
            StmtKind::Log(level, text) => {
                let text = self.expr(*text);
                self.log(*level, text);
            }
            StmtKind::Record(name, value) => {
                let name = self.constant_text(*name);
                let value = self.expr(*value);
                self.b.host(Opcode::Metric, 0, FirType::Void, &[name, value]);
            }
            StmtKind::Spawn(spawning) => self.spawn(spawning),
            StmtKind::Entrust(entrusting) => self.entrust(entrusting),
            StmtKind::StopAgent(agent) => self.stop_agent(*agent),
            StmtKind::Hold(place, link, kind) => self.hold_right(*place, *link, *kind),
            StmtKind::ReadHeld(place, held, otherwise) => {
                self.read_held(*place, *held, otherwise.as_deref());
            }
            StmtKind::WriteHeld(held, value) => self.write_held(*held, *value),
            StmtKind::GiveUp(held) => self.give_up(*held),
            StmtKind::Stop => self.b.leave(Opcode::Halt, None),
            StmtKind::Fail(text) => {
                let text = self.expr(*text);
                self.b.leave(Opcode::Panic, Some(text));
            }
            _ => {}
        }
    }

    pub(super) fn link(&mut self, link: LinkId) -> ValueId {
        let handle = self.b.intrinsic(Intrinsic::Link, link.0, &[]);
        handle.unwrap_or_else(|| self.b.i64(0))
    }

    fn constant_text(&mut self, text: TextId) -> ValueId {
        let program = self.shared.program;
        let offset = self.shared.data.text(&mut self.shared.module, program.text(text));
        self.b.address(offset)
    }

    fn log(&mut self, level: Level, text: ValueId) {
        let level = match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warning => LogLevel::Warning,
            Level::Error => LogLevel::Error,
        };
        self.b.host(Opcode::Log, level as u32, FirType::Void, &[text]);
    }

    fn word_type(&self, ty: TypeId) -> FirType {
        match self.shared.fir_type(ty) {
            FirType::Void => FirType::I64,
            ty => ty,
        }
    }

    /// Goes to `end` with `success` done if the status is 0, else through `otherwise` or the failure.
    pub(super) fn check(
        &mut self,
        status: ValueId,
        end: crate::fir::BlockId,
        otherwise: Option<&'p Block>,
        failure: Failure,
        success: &mut dyn FnMut(&mut Self),
    ) {
        let fine = self.b.create_block();
        let failed = self.b.create_block();
        let zero = self.b.i64(0);
        let ok = self.b.compare(IntCompare::Eq, status, zero);
        self.b.branch(ok, fine, failed);
        self.b.seal_block(fine);
        self.b.seal_block(failed);
        self.b.switch_to(failed);
        match (otherwise, failure) {
            (Some(block), _) => {
                self.block(block);
                self.go_on(end);
            }
            (None, Failure::Skip) => self.b.leave(Opcode::Exception, Some(status)),
            (None, Failure::Trap) => self.b.trap(TrapKind::Message),
        }
        self.b.switch_to(fine);
        success(self);
        self.go_on(end);
    }

    fn read(&mut self, place: ExprId, link: LinkId, otherwise: Option<&'p Block>) {
        let ty = self.word_type(self.shared.program.expr(place).ty);
        let handle = self.link(link);
        let value = self.b.host(Opcode::IoRead, 0, ty, &[handle]);
        let status = self.b.last_status();
        let end = self.b.create_block();
        self.check(status, end, otherwise, Failure::Skip, &mut |lowering| {
            if let Some(value) = value {
                lowering.store_place(place, value);
            }
        });
        self.b.seal_block(end);
        self.b.switch_to(end);
    }

    // ------------------------------------------------------------ messages

    /// The address of a form whose values have the types `arguments`; `words` of them lie in the send area.
    fn form(&mut self, form: &Form, arguments: &str, words: u32) -> ValueId {
        let program = self.shared.program;
        let mut result = String::new();
        program.types.write_descriptor(form.result, &mut result);
        let name = program.text(form.name);
        let known = if let Deadline::After(ns) = form.deadline { ns } else { 0 };
        let offset = self.shared.data.form(&mut self.shared.module, name, arguments, &result, known);
        let constant = self.b.address(offset);
        let Deadline::Computed(duration) = form.deadline else { return constant };
        // The form of this one message lies behind its values.
        let deadline = self.computed_deadline(duration);
        let area = self.b.constant(FirType::Ptr, SEND_MARK + u64::from(words) * 8);
        for offset in [0, 8] {
            let texts = self.b.load(FirType::I64, Access::W64, constant, offset);
            self.b.store(Access::W64, texts, area, offset);
        }
        self.b.store(Access::W64, deadline, area, FORM_DEADLINE);
        self.shared.send_words = self.shared.send_words.max(words.saturating_add(FORM_WORDS));
        area
    }

    /// A deadline that is known only now, in nanoseconds; of nothing or less the least there is, since 0 is the usual one.
    fn computed_deadline(&mut self, duration: ExprId) -> ValueId {
        let duration = self.expr(duration);
        let least = self.b.i64(1);
        let short = self.b.compare(IntCompare::Slt, duration, least);
        self.b.select(short, least, duration)
    }

    /// Writes values to the send area; gives its address and their types.
    fn values(&mut self, args: &[ExprId]) -> (ValueId, String) {
        let program = self.shared.program;
        let mut types = String::new();
        let mut words = alloc::vec::Vec::with_capacity(args.len());
        for arg in args {
            let ty = program.expr(*arg).ty;
            program.types.write_descriptor(ty, &mut types);
            let value = if program.types.is_aggregate(ty) {
                let at = self.address_of_value(*arg);
                self.pointer(at)
            } else {
                self.expr(*arg)
            };
            words.push(self.word(value));
        }
        let area = self.b.constant(FirType::Ptr, SEND_MARK);
        for (index, word) in words.iter().enumerate() {
            let offset = i32::try_from(index.saturating_mul(8)).unwrap_or(i32::MAX);
            self.b.store(Access::W64, *word, area, offset);
        }
        let count = super::number(words.len());
        self.shared.send_words = self.shared.send_words.max(count);
        (area, types)
    }

    fn send(&mut self, send: &'p Sending) {
        let Sending { kind, target, form, args, bind, store, otherwise } = send;
        let (bind, otherwise) = (*bind, otherwise.as_deref());
        let program = self.shared.program;
        let (area, types) = self.values(program.list(*args));
        let words = super::number(program.list(*args).len());
        let form_at = self.form(form, &types, words);
        let handle = match target {
            Target::Link(link) => self.link(*link),
            Target::Handle(agent) => self.expr(*agent),
        };
        let operands = [handle, form_at, area];
        match kind {
            SendKind::Tell => {
                self.b.host(Opcode::Tell, 0, FirType::Void, &operands);
                self.delivered(None, None, otherwise);
            }
            SendKind::Publish => {
                self.b.host(Opcode::Broadcast, 0, FirType::I64, &operands);
                self.delivered(None, None, otherwise);
            }
            SendKind::Delegate => {
                let ticket = self.b.host(Opcode::Delegate, 0, FirType::I64, &operands);
                self.delivered(ticket, bind, otherwise);
            }
            SendKind::Ask => {
                let ty = self.word_type(form.result);
                let value = self.b.host(Opcode::Ask, 0, ty, &operands);
                self.answer(value, bind, *store, otherwise, Failure::Trap);
            }
        }
    }

    /// After a send that does not wait: the sender goes on, or takes its Otherwise.
    fn delivered(&mut self, value: Option<ValueId>, bind: Option<LocalId>, otherwise: Option<&'p Block>) {
        if otherwise.is_some() {
            self.answer(value, bind, None, otherwise, Failure::Trap);
        } else if let (Some(value), Some(local)) = (value, bind) {
            self.bind(local, value);
        }
    }

    fn answer(
        &mut self,
        value: Option<ValueId>,
        bind: Option<LocalId>,
        store: Option<(ExprId, ExprId)>,
        otherwise: Option<&'p Block>,
        failure: Failure,
    ) {
        let status = self.b.last_status();
        let end = self.b.create_block();
        self.check(status, end, otherwise, failure, &mut |lowering| {
            if let (Some(value), Some(local)) = (value, bind) {
                lowering.bind(local, value);
            }
            if let Some((place, value)) = store {
                lowering.assign(place, value);
            }
        });
        self.b.seal_block(end);
        self.b.switch_to(end);
    }

    /// Answers the request that started the run.
    pub(super) fn reply(&mut self, ty: TypeId, value: Option<ExprId>) {
        let values: &[ExprId] = match &value {
            Some(value) if ty != TypeId::UNIT => core::slice::from_ref(value),
            _ => &[],
        };
        self.answer_with(values);
    }

    fn answer_with(&mut self, values: &[ExprId]) {
        let (area, types) = self.values(values);
        let offset = self.shared.data.form(&mut self.shared.module, "", &types, "", 0);
        let form = self.b.address(offset);
        self.b.host(Opcode::Reply, 0, FirType::Void, &[form, area]);
    }

    pub(super) fn expect(&mut self, cond: ExprId, message: Option<ExprId>) {
        let Some(message) = message else {
            let cond = self.expr(cond);
            self.b.expect_true(cond);
            return;
        };
        let fine = self.b.create_block();
        let failed = self.b.create_block();
        self.condition(cond, fine, failed);
        self.b.seal_block(fine);
        self.b.seal_block(failed);
        self.b.switch_to(failed);
        let text = self.expr(message);
        self.log(Level::Error, text);
        self.b.trap(TrapKind::Assertion);
        self.b.switch_to(fine);
    }
}
