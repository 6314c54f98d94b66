//! Methods of texts and of bytes.

use super::function::Lowering;
use super::memory::Address;
use crate::fir::{FloatKind, IntCompare, IntKind, IntOp, ValueId};
use crate::lang::sema::tree::{CollectionOp, ExprId, FloatOrInt};
use crate::lang::sema::types::{Type, TypeId};
use crate::lang::syntax::ast::{Align, TextShape};
use flux_abi::select::TextOp;

/// Greatest number that fits half a word.
const HALF: i64 = 0xffff_ffff;

impl Lowering<'_, '_, '_> {
    pub(super) fn text_method(&mut self, op: CollectionOp, ids: &[ExprId], ty: TypeId) -> ValueId {
        if let (CollectionOp::Shaped(shape), Some(value)) = (op, ids.first()) {
            return self.shaped(*value, shape);
        }
        let words = self.steady_all(ids);
        let nothing = self.b.address(0);
        let nth = |index: usize| words.get(index).copied().unwrap_or(nothing);
        let text = nth(0);
        match op {
            CollectionOp::OfText(TextOp::Split) if ids.len() < 2 => {
                self.b.text2(TextOp::Split, text, nothing)
            }
            CollectionOp::OfText(op) if ids.len() < 2 => self.b.text(op, text),
            CollectionOp::OfText(op) => {
                let other = if op == TextOp::At { self.word(nth(1)) } else { nth(1) };
                self.b.text2(op, text, other)
            }
            CollectionOp::Join => self.b.text2(TextOp::Join, text, nth(1)),
            CollectionOp::TextSlice => {
                let range = self.halves(nth(1), nth(2));
                self.b.text2(TextOp::Slice, text, range)
            }
            CollectionOp::Replace => {
                let (old, new) = (self.word(nth(1)), self.word(nth(2)));
                let both = self.halves(old, new);
                self.b.text2(TextOp::Replace, text, both)
            }
            CollectionOp::TextContains => {
                let (_, found) = self.found(text, nth(1));
                found
            }
            CollectionOp::Find => {
                let (at, found) = self.found(text, nth(1));
                self.optional_result(ty, found, &mut |lowering, to| {
                    lowering.store_scalar(TypeId::I64, at, to);
                })
            }
            CollectionOp::Parse(kind) => {
                let (asks, reads, number) = match kind {
                    FloatOrInt::Int => (TextOp::IsInt, TextOp::ParseInt, TypeId::I64),
                    FloatOrInt::Float => (TextOp::IsFloat, TextOp::ParseFloat, TypeId::F64),
                };
                let some = self.b.text(asks, text);
                self.optional_result(ty, some, &mut |lowering, to| {
                    let value = lowering.b.text(reads, text);
                    lowering.store_scalar(number, value, to);
                })
            }
            CollectionOp::Text => {
                let some = self.b.text(TextOp::IsText, text);
                self.optional_result(ty, some, &mut |lowering, to| {
                    let own = lowering.b.text(TextOp::Copy, text);
                    lowering.store_scalar(TypeId::STR, own, to);
                })
            }
            _ => text,
        }
    }

    fn shaped(&mut self, id: ExprId, shape: TextShape) -> ValueId {
        let ty = self.settled(self.shared.program.expr(id).ty);
        let text = match (shape.decimals, ty) {
            (Some(decimals), Type::Float(_)) => {
                let value = self.expr(id);
                let value = self.convert(value, ty, Type::Float(FloatKind::F64));
                let decimals = self.b.i64(i64::from(decimals));
                self.b.text2(TextOp::Fixed, value, decimals)
            }
            _ => self.shown(id),
        };
        if shape.width == 0 {
            return text;
        }
        let mode = match shape.align {
            Align::Left => 0,
            Align::Right => 1,
            Align::Centre => 2,
            Align::Usual => i64::from(matches!(ty, Type::Int(_) | Type::Float(_))),
        };
        let how = self.b.i64((mode << 32) | i64::from(shape.width));
        self.b.text2(TextOp::Pad, text, how)
    }

    /// Two numbers in the halves of a word; what is above a half or negative becomes the greatest
    /// half, which is behind the end of every text.
    fn halves(&mut self, low: ValueId, high: ValueId) -> ValueId {
        let most = self.b.i64(HALF);
        let low = self.b.int_op(IntOp::Min, IntKind::U64, low, most);
        let high = self.b.int_op(IntOp::Min, IntKind::U64, high, most);
        let by = self.b.i64(32);
        let high = self.b.int_op(IntOp::Shl, IntKind::I64, high, by);
        self.b.int_op(IntOp::Or, IntKind::I64, low, high)
    }

    /// Where a text begins in another one, and whether it does.
    fn found(&mut self, text: ValueId, wanted: ValueId) -> (ValueId, ValueId) {
        let at = self.b.text2(TextOp::Find, text, wanted);
        let zero = self.b.i64(0);
        let found = self.b.compare(IntCompare::Sge, at, zero);
        (at, found)
    }

    /// The address of an optional: with the value that `value` writes if `some`, else none.
    pub(super) fn optional_result(
        &mut self,
        ty: TypeId,
        some: ValueId,
        value: &mut dyn FnMut(&mut Self, Address),
    ) -> ValueId {
        let offset = self.reserve(ty);
        let Type::Optional(inner) = self.settled(ty) else { return some };
        let to = self.frame_address(offset);
        let base = self.pointer(to);
        let to = Address { base, offset: 0 };
        let then = self.b.create_block();
        let otherwise = self.b.create_block();
        let end = self.b.create_block();
        self.b.branch(some, then, otherwise);
        self.b.seal_block(then);
        self.b.seal_block(otherwise);
        self.b.switch_to(otherwise);
        self.store_tag(0, to);
        self.b.jump(end, &[]);
        self.b.switch_to(then);
        value(self, to.plus(self.shared.program.types.value_offset(inner)));
        self.store_tag(1, to);
        self.b.jump(end, &[]);
        self.b.seal_block(end);
        self.b.switch_to(end);
        base
    }
}
