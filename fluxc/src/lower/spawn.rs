//! Statements over other agents: starting them, giving them rights, ending them.

use super::SEND_MARK;
use super::function::Lowering;
use super::message::Failure;
use crate::fir::{Access, FloatCompare, FloatKind, IntCompare, IntKind, Type as FirType, ValueId};
use crate::lang::sema::tree::{Block, Entrusting, ExprId, LinkId, Spawning, Way};
use crate::lang::sema::types::Type;
use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::device::DeviceValue;
use flux_abi::ioctl::{Operation, SIGNAL_STOP};
use flux_abi::opcode::Opcode;
use flux_abi::status::Status;
use flux_abi::trap::TrapKind;

/// Whether agents hold a handle of the kind itself, beside those of what it reaches.
const fn is_held_plain(kind: CapabilityKind) -> bool {
    !matches!(kind, CapabilityKind::IoRead | CapabilityKind::IoWrite)
}

impl<'p> Lowering<'_, 'p, '_> {
    pub(super) fn spawn(&mut self, spawning: &'p Spawning) {
        let Spawning { link, bind, otherwise } = spawning;
        let module = self.link(*link);
        let none = self.b.i64(0);
        let handle = self.b.host(Opcode::Spawn, 0, FirType::I64, &[module, none]);
        let status = self.b.last_status();
        let end = self.b.create_block();
        self.check(status, end, otherwise.as_deref(), Failure::Trap, &mut |lowering| {
            if let (Some(handle), Some(place)) = (handle, *bind) {
                lowering.store_place(place, handle);
            }
        });
        self.b.seal_block(end);
        self.b.switch_to(end);
    }

    pub(super) fn entrust(&mut self, entrusting: &Entrusting) {
        let Entrusting { way, agent, kind, links } = entrusting;
        // NETWORK includes COMMUNICATE, which is what handles are of.
        let kind = if *kind == CapabilityKind::Network { CapabilityKind::Communicate } else { *kind };
        let operation = match way {
            Way::Give => Operation::Entrust,
            Way::Take => Operation::Withhold,
        };
        let agent = self.expr(*agent);
        let kinds = self.b.i64(i64::from(CapabilitySet::EMPTY.with(kind).bits()));
        if is_held_plain(kind) {
            let none = self.b.i64(0);
            let number = self.b.i64(kind as i64);
            if let Some(own) = self.ioctl(none, Operation::Own, number) {
                self.hand(own, operation, [agent, kinds]);
            }
        }
        for link in links {
            let handle = self.link(*link);
            self.hand(handle, operation, [agent, kinds]);
        }
    }

    /// One operation on a handle, with a record of two words.
    pub(super) fn hand(&mut self, handle: ValueId, operation: Operation, words: [ValueId; 2]) {
        let record = self.b.constant(FirType::Ptr, SEND_MARK);
        self.shared.send_words = self.shared.send_words.max(2);
        for (word, offset) in words.into_iter().zip([0, 8]) {
            let word = self.word(word);
            self.b.store(Access::W64, word, record, offset);
        }
        let record = self.b.cast(FirType::I64, record);
        self.ioctl(handle, operation, record);
    }

    /// A capability of one kind on what a link names.
    pub(super) fn hold_right(&mut self, place: ExprId, link: LinkId, kind: CapabilityKind) {
        let handle = self.link(link);
        let kinds = self.b.i64(i64::from(CapabilitySet::EMPTY.with(kind).bits()));
        let narrow = self.ioctl(handle, Operation::Narrow, kinds);
        let status = self.b.last_status();
        let end = self.b.create_block();
        self.check(status, end, None, Failure::Trap, &mut |lowering| {
            if let Some(narrow) = narrow {
                lowering.store_place(place, narrow);
            }
        });
        self.b.seal_block(end);
        self.b.switch_to(end);
    }

    /// Whether the device of a capability is on or off, and not a number.
    fn is_switch(&mut self, held: ValueId) -> ValueId {
        let none = self.b.i64(0);
        // One that is not held gives 0; the access itself traps then.
        let kind = self.ioctl(held, Operation::ValueKind, none).unwrap_or(none);
        let switch = self.b.i64(DeviceValue::Bool as i64);
        self.b.compare(IntCompare::Eq, kind, switch)
    }

    pub(super) fn read_held(&mut self, place: ExprId, held: ExprId, otherwise: Option<&'p Block>) {
        let held = self.expr(held);
        let switch = self.is_switch(held);
        let word = self.b.host(Opcode::IoRead, 0, FirType::I64, &[held]);
        let status = self.b.last_status();
        let end = self.b.create_block();
        self.check(status, end, otherwise, Failure::Skip, &mut |lowering| {
            if let Some(word) = word {
                let on = lowering.b.int_to_float(IntKind::I64, FloatKind::F64, word);
                let number = lowering.b.cast(FirType::F64, word);
                let value = lowering.b.select(switch, on, number);
                lowering.store_place(place, value);
            }
        });
        self.b.seal_block(end);
        self.b.switch_to(end);
    }

    pub(super) fn write_held(&mut self, held: ExprId, value: ExprId) {
        let is_bool = self.settled(self.shared.program.expr(value).ty) == Type::Bool;
        let held = self.expr(held);
        let value = self.expr(value);
        let (on, number) = if is_bool {
            let (one, zero) = (self.b.f64(1.0), self.b.f64(0.0));
            (value, self.b.select(value, one, zero))
        } else {
            let zero = self.b.f64(0.0);
            (self.b.float_compare(FloatCompare::Ne, FloatKind::F64, value, zero), value)
        };
        let switch = self.is_switch(held);
        let (on, number) = (self.word(on), self.word(number));
        let word = self.b.select(switch, on, number);
        self.b.host(Opcode::IoWrite, 0, FirType::Void, &[held, word]);
        let status = self.b.last_status();
        let end = self.b.create_block();
        self.check(status, end, None, Failure::Skip, &mut |_| {});
        self.b.seal_block(end);
        self.b.switch_to(end);
    }

    /// One that was taken back already is given up as well.
    pub(super) fn give_up(&mut self, held: ExprId) {
        let held = self.expr(held);
        let none = self.b.i64(0);
        self.ioctl(held, Operation::Revoke, none);
    }

    pub(super) fn stop_agent(&mut self, agent: ExprId) {
        let agent = self.expr(agent);
        let signal = self.b.i64(SIGNAL_STOP);
        self.ioctl(agent, Operation::Signal, signal);
        // Nobody is stopped already; everybody else is stopped only by whom may.
        let status = self.b.last_status();
        let denied = self.b.i64(Status::Denied.code());
        let denied = self.b.compare(IntCompare::Eq, status, denied);
        let nobody = self.b.i64(0);
        let nobody = self.b.compare(IntCompare::Eq, agent, nobody);
        let (asked, refused, end) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.branch(nobody, end, asked);
        self.b.seal_block(asked);
        self.b.switch_to(asked);
        self.b.branch(denied, refused, end);
        self.b.seal_block(refused);
        self.b.seal_block(end);
        self.b.switch_to(refused);
        self.b.trap(TrapKind::Capability);
        self.b.switch_to(end);
    }

    /// An agent that has ended in the meantime is no error of whoever names it: the status is not looked at.
    pub(super) fn ioctl(
        &mut self,
        handle: ValueId,
        operation: Operation,
        record: ValueId,
    ) -> Option<ValueId> {
        let number = i64::try_from(operation.number()).unwrap_or(i64::MAX);
        let operation = self.b.i64(number);
        self.b.host(Opcode::Ioctl, 0, FirType::I64, &[handle, operation, record])
    }
}
