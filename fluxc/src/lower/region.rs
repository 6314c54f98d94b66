//! Reading and writing memory regions: each access is a system call, which checks handle, rights and bounds.

use super::function::Lowering;
use crate::fir::{FloatKind, IntCompare, IntKind, ValueId};
use crate::lang::sema::tree::{ExprId, ExprKind, RegionOp};
use crate::lang::sema::types::Type;
use crate::lang::syntax::ast::BinaryOp;
use flux_abi::ioctl::Operation;
use flux_abi::status::Status;
use flux_abi::trap::TrapKind;

impl Lowering<'_, '_, '_> {
    /// Region and index of an expression that is a byte of one.
    pub(super) fn region_place(&self, place: ExprId) -> Option<(ExprId, ExprId)> {
        match self.shared.program.expr(place).kind {
            ExprKind::Index(base, index) if self.settled_of(base) == Type::Region => Some((base, index)),
            _ => None,
        }
    }

    /// The byte with a number.
    pub(super) fn region_byte(&mut self, (region, index): (ExprId, ExprId)) -> ValueId {
        let (handle, at) = self.region_at(region, index);
        self.read_byte(handle, at)
    }

    /// `region[index] = value`; the value comes first, as for every place.
    pub(super) fn set_region_byte(&mut self, (region, index): (ExprId, ExprId), value: ExprId) {
        let value = self.expr(value);
        let (handle, at) = self.region_at(region, index);
        self.write_region(Operation::WriteByte, handle, at, value);
    }

    /// `region[index] op= value`.
    pub(super) fn update_region_byte(
        &mut self,
        place: ExprId,
        of: (ExprId, ExprId),
        op: BinaryOp,
        value: ExprId,
    ) {
        let ty = self.shared.program.expr(place).ty;
        let right = self.expr(value);
        let (handle, at) = self.region_at(of.0, of.1);
        let left = self.read_byte(handle, at);
        let result = self.operate(op, ty, left, right);
        self.write_region(Operation::WriteByte, handle, at, result);
    }

    /// An operation on a region; nothing for one without a result.
    pub(super) fn region_operation(&mut self, op: RegionOp, ids: &[ExprId]) -> Option<ValueId> {
        if let RegionOp::Own(link) = op {
            return Some(self.link(link));
        }
        let (region, rest) = ids.split_first()?;
        let handle = self.expr(*region);
        let words: alloc::vec::Vec<ValueId> = rest.iter().map(|id| self.expr(*id)).collect();
        let none = self.b.i64(0);
        match (op, words.as_slice()) {
            (RegionOp::Length, _) => Some(self.ask_region(Operation::RegionSize, handle, none)),
            (RegionOp::ReadOnly, _) => Some(self.ask_region(Operation::ReadOnly, handle, none)),
            (RegionOp::ReadInt, [at]) => Some(self.ask_region(Operation::ReadWord, handle, *at)),
            (RegionOp::ReadFloat, [at]) => {
                let word = self.ask_region(Operation::ReadWord, handle, *at);
                Some(self.b.cast(FloatKind::F64.ty(), word))
            }
            (RegionOp::WriteInt | RegionOp::WriteFloat, [at, value]) => {
                self.write_region(Operation::WriteWord, handle, *at, *value);
                None
            }
            _ => None,
        }
    }

    fn region_at(&mut self, region: ExprId, index: ExprId) -> (ValueId, ValueId) {
        let handle = self.expr(region);
        let at = self.expr(index);
        (handle, self.word(at))
    }

    fn read_byte(&mut self, handle: ValueId, at: ValueId) -> ValueId {
        let word = self.ask_region(Operation::ReadByte, handle, at);
        self.b.cast(IntKind::U8.ty(), word)
    }

    /// What the kernel answers about a region.
    fn ask_region(&mut self, operation: Operation, handle: ValueId, record: ValueId) -> ValueId {
        let word = self.ioctl(handle, operation, record);
        self.check_region();
        word.unwrap_or_else(|| self.b.i64(0))
    }

    fn write_region(&mut self, operation: Operation, handle: ValueId, at: ValueId, value: ValueId) {
        self.hand(handle, operation, [at, value]);
        self.check_region();
    }

    /// Traps unless the last access was done: INDEX outside of the region, CAPABILITY for what is no region. What is
    /// not held, or held without the right, has trapped in the call.
    fn check_region(&mut self) {
        let status = self.b.last_status();
        let [done, refused, outside, other] = core::array::from_fn(|_| self.b.create_block());
        let fine = self.b.i64(Status::Ok.code());
        let fine = self.b.compare(IntCompare::Eq, status, fine);
        self.b.branch(fine, done, refused);
        self.b.seal_block(done);
        self.b.seal_block(refused);
        self.b.switch_to(refused);
        let overflow = self.b.i64(Status::Overflow.code());
        let overflow = self.b.compare(IntCompare::Eq, status, overflow);
        self.b.branch(overflow, outside, other);
        self.b.seal_block(outside);
        self.b.seal_block(other);
        self.b.switch_to(outside);
        self.b.trap(TrapKind::Index);
        self.b.switch_to(other);
        self.b.trap(TrapKind::Capability);
        self.b.switch_to(done);
    }
}
