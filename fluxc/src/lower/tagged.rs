//! Optionals and enums with payloads in memory, and the patterns of a match.
//!
//! Both are a tag of 32 bits and what the tag says; [`Types::payloads`] knows what that is.
//!
//! [`Types::payloads`]: crate::lang::sema::types::Types::payloads

use alloc::vec::Vec;

use super::function::Lowering;
use super::memory::{Address, Element, Old, Texts};
use crate::fir::{Access, BlockId, IntCompare, Truth, Type as FirType, ValueId};
use crate::lang::sema::tree::{ExprId, ExprKind, LocalId, Pattern};
use crate::lang::sema::types::{Type, TypeId};
use crate::lang::syntax::ast::{BinaryOp, Bound};
use flux_abi::select::TextOp;

/// What a match looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject {
    ty: TypeId,
    value: Held,
    /// Of an optional or enum with payloads: its tag, loaded once.
    tag: Option<ValueId>,
    /// Whether texts in it may lie in the state.
    borrowed: bool,
}

#[derive(Clone, Copy, Debug)]
enum Held {
    /// A word.
    Word(ValueId),
    /// An aggregate, or a part of one.
    At(Address),
}

impl<'x, 'p, 's> Lowering<'x, 'p, 's> {
    // ------------------------------------------------------------ tags

    pub(super) fn store_tag(&mut self, tag: u32, to: Address) {
        let tag = self.b.constant(FirType::I32, u64::from(tag));
        self.b.store(Access::S32, tag, to.base, to.displacement());
    }

    pub(super) fn tag(&mut self, at: Address) -> ValueId {
        self.b.load(FirType::I32, Access::S32, at.base, at.displacement())
    }

    /// Goes on if the condition holds, else to `other`.
    fn unless(&mut self, condition: ValueId, other: BlockId) {
        let fine = self.b.create_block();
        self.b.branch(condition, fine, other);
        self.b.seal_block(fine);
        self.b.switch_to(fine);
    }

    /// Writes a variant with its payload, which nothing at `to` is read for.
    pub(super) fn store_tagged(&mut self, ty: TypeId, tag: u32, values: &[ExprId], to: Address) {
        let payloads = self.shared.program.types.payloads(ty);
        let places = payloads.iter().find(|(known, _)| *known == tag);
        for ((_, offset), value) in places.map_or(&[][..], |(_, places)| places).iter().zip(values) {
            self.store_into(*value, to.plus(*offset));
        }
        self.store_tag(tag, to);
    }

    /// Does something for the payload of each tag that `concerns` a type of it, in a block of its
    /// own that is entered if the value at `at` has the tag.
    fn by_tag(
        &mut self,
        ty: TypeId,
        at: Address,
        concerns: impl Fn(&Self, TypeId) -> bool,
        mut each: impl FnMut(&mut Self, u32, &[(TypeId, u32)]),
    ) {
        let payloads = self.shared.program.types.payloads(ty);
        let payloads: Vec<_> = payloads
            .into_iter()
            .filter(|(_, values)| values.iter().any(|(ty, _)| concerns(self, *ty)))
            .collect();
        if payloads.is_empty() {
            return;
        }
        let tag = self.tag(at);
        let end = self.b.create_block();
        for (wanted, values) in payloads {
            let other = self.b.create_block();
            let wanted_tag = self.b.constant(FirType::I32, u64::from(wanted));
            let same = self.b.compare(IntCompare::Eq, tag, wanted_tag);
            self.unless(same, other);
            each(self, wanted, &values);
            self.go_on(end);
            self.b.seal_block(other);
            self.b.switch_to(other);
        }
        self.b.jump(end, &[]);
        self.b.seal_block(end);
        self.b.switch_to(end);
    }

    fn holds_text(&self, ty: TypeId) -> bool {
        self.shared.program.types.holds_text(ty)
    }

    /// Copies an optional or enum that holds texts.
    pub(super) fn copy_tagged(
        &mut self,
        ty: TypeId,
        from: Address,
        to: Address,
        texts: Texts,
        budget: &mut u32,
    ) {
        if texts == Texts::Keep(Old::Free) {
            // The old value may have a text where the new one has none, and the other way round.
            let offset = self.reserve(ty);
            let new = self.frame_address(offset);
            self.copy_tagged(ty, from, new, Texts::Keep(Old::None), budget);
            self.free_deep(ty, to);
            let new = self.frame_address(offset);
            self.copy(ty, new, to);
            return;
        }
        let (from, to) = (self.fixed(from), self.fixed(to));
        self.copy(ty, from, to);
        self.by_tag(ty, from, Self::holds_text, |lowering, _, values| {
            for (ty, offset) in values {
                lowering.copy_deep(*ty, from.plus(*offset), to.plus(*offset), texts, budget);
            }
        });
    }

    /// An address whose base is computed here, for use in several blocks.
    fn fixed(&mut self, at: Address) -> Address {
        Address { base: self.pointer(at), offset: 0 }
    }

    /// Gives back the texts of a value in the state.
    pub(super) fn free_deep(&mut self, ty: TypeId, at: Address) {
        if !self.shared.program.types.holds_text(ty) {
            return;
        }
        let program = self.shared.program;
        match self.settled(ty) {
            Type::Str => {
                let text = self.b.load(FirType::Ptr, Access::Z32, at.base, at.displacement());
                self.b.intrinsic(crate::fir::Intrinsic::StateFree, 0, &[text]);
            }
            Type::Optional(_) | Type::Union(_) => {
                let at = self.fixed(at);
                self.by_tag(ty, at, Self::holds_text, |lowering, _, values| {
                    for (ty, offset) in values {
                        lowering.free_deep(*ty, at.plus(*offset));
                    }
                });
            }
            Type::Struct(id) => {
                let fields = program.types.structure(id).map_or(&[][..], |row| &row.fields);
                for (index, field) in fields.iter().enumerate() {
                    let offset = program.types.field_offset(id, super::number(index)).unwrap_or(0);
                    self.free_deep(field.ty, at.plus(offset));
                }
            }
            Type::Array(element, length) => {
                let at = self.fixed(at);
                let (start, end) = (self.b.i64(0), self.b.i64(i64::from(length)));
                self.count_up(start, end, |lowering, index| {
                    let element = lowering.indexed(element, at, index);
                    let at = lowering.plain(&element);
                    lowering.free_deep(element.ty, at);
                });
            }
            _ => {}
        }
    }

    /// The text of a table that has the number `index`.
    pub(super) fn name_of(&mut self, names: &[&str], index: ValueId) -> ValueId {
        let table = self.shared.data.text_table(&mut self.shared.module, names);
        let base = self.b.address(table);
        let index = self.word(index);
        self.b.load_indexed(FirType::Ptr, Access::Z32, base, index, 0)
    }

    fn text(&mut self, text: &str) -> ValueId {
        let offset = self.shared.data.text(&mut self.shared.module, text);
        self.b.address(offset)
    }

    /// The text form of an optional or enum: the value, or the variant's name with its payload.
    pub(super) fn tagged_text(&mut self, ty: TypeId, value: ValueId) -> ValueId {
        let at = Address { base: value, offset: 0 };
        let program = self.shared.program;
        let result = self.b.declare(FirType::Ptr);
        let variants = program.types.enum_of(ty).map_or(&[][..], |(_, row)| &row.variants);
        let names: Vec<&str> = variants.iter().map(|variant| variant.name).collect();
        let plain = if names.is_empty() {
            self.text("none")
        } else {
            let tag = self.tag(at);
            self.name_of(&names, tag)
        };
        self.b.assign(result, plain);
        self.by_tag(
            ty,
            at,
            |_, _| true,
            |lowering, _, values| {
                let mut text = None;
                for (index, (ty, offset)) in values.iter().enumerate() {
                    let element = Element { ty: *ty, at: at.plus(*offset), index: None };
                    let value = lowering.load_element(&element);
                    let value = lowering.text_of(*ty, value);
                    if names.is_empty() {
                        text = Some(value);
                        continue;
                    }
                    let before = lowering.text(if index == 0 { "(" } else { ", " });
                    let so_far = text.unwrap_or(plain);
                    let joined = lowering.b.text2(TextOp::Concat, so_far, before);
                    text = Some(lowering.b.text2(TextOp::Concat, joined, value));
                }
                let mut text = text.unwrap_or(plain);
                if !names.is_empty() {
                    let close = lowering.text(")");
                    text = lowering.b.text2(TextOp::Concat, text, close);
                }
                lowering.b.assign(result, text);
            },
        );
        self.b.read(result)
    }

    // ------------------------------------------------------------ equality

    /// `==` or `!=` of two aggregates.
    pub(super) fn equality(&mut self, op: BinaryOp, left: ExprId, right: ExprId) -> ValueId {
        let program = self.shared.program;
        let ty = program.expr(left).ty;
        let none = |id: ExprId| matches!(program.expr(id).kind, ExprKind::None);
        if none(left) || none(right) {
            let at = self.address_of_value(if none(left) { right } else { left });
            let tag = self.tag(at);
            let zero = self.b.constant(FirType::I32, 0);
            let op = if op == BinaryOp::Ne { IntCompare::Ne } else { IntCompare::Eq };
            return self.b.compare(op, tag, zero);
        }
        let left = self.address_of_value(left);
        let right = self.address_of_value(right);
        let (left, right) = (self.fixed(left), self.fixed(right));
        let result = self.b.declare(FirType::Bool);
        let other = self.b.create_block();
        let end = self.b.create_block();
        self.same_or(ty, left, right, other);
        for (block, same) in [(None, true), (Some(other), false)] {
            if let Some(block) = block {
                self.b.seal_block(block);
                self.b.switch_to(block);
            }
            let truth = self.b.boolean(Truth::from(same == (op != BinaryOp::Ne)));
            self.b.assign(result, truth);
            self.b.jump(end, &[]);
        }
        self.b.seal_block(end);
        self.b.switch_to(end);
        self.b.read(result)
    }

    /// Goes on if the values at two addresses are equal, else to `other`.
    fn same_or(&mut self, ty: TypeId, a: Address, b: Address, other: BlockId) {
        match self.settled(ty) {
            Type::Optional(_) | Type::Union(_) => {
                let (left, right) = (self.tag(a), self.tag(b));
                let same = self.b.compare(IntCompare::Eq, left, right);
                self.unless(same, other);
                self.by_tag(
                    ty,
                    a,
                    |_, _| true,
                    |lowering, _, values| {
                        for (ty, offset) in values {
                            lowering.same_or(*ty, a.plus(*offset), b.plus(*offset), other);
                        }
                    },
                );
                return;
            }
            Type::Struct(id) => {
                let program = self.shared.program;
                let fields = program.types.structure(id).map_or(&[][..], |row| &row.fields);
                for (index, field) in fields.iter().enumerate() {
                    let offset = program.types.field_offset(id, super::number(index)).unwrap_or(0);
                    self.same_or(field.ty, a.plus(offset), b.plus(offset), other);
                }
                return;
            }
            Type::Array(element, length) => {
                let (a, b) = (self.fixed(a), self.fixed(b));
                let (start, end) = (self.b.i64(0), self.b.i64(i64::from(length)));
                self.count_up(start, end, |lowering, index| {
                    let left = lowering.indexed(element, a, index);
                    let right = lowering.indexed(element, b, index);
                    let (left, right) = (lowering.plain(&left), lowering.plain(&right));
                    lowering.same_or(element, left, right, other);
                });
                return;
            }
            _ => {}
        }
        let left = self.load_element(&Element { ty, at: a, index: None });
        let right = self.load_element(&Element { ty, at: b, index: None });
        let same = self.operate(BinaryOp::Eq, ty, left, right);
        self.unless(same, other);
    }

    // ------------------------------------------------------------ patterns

    /// What a match looks at; taken once.
    pub(super) fn subject(&mut self, id: ExprId) -> Subject {
        let ty = self.shared.program.expr(id).ty;
        let borrowed = self.borrows_state(id);
        let value = if self.shared.program.types.is_aggregate(ty) {
            let at = self.address_of_value(id);
            Held::At(self.fixed(at))
        } else {
            Held::Word(self.expr(id))
        };
        self.subject_part(ty, value, borrowed)
    }

    fn subject_part(&mut self, ty: TypeId, value: Held, borrowed: bool) -> Subject {
        let tag = match (value, self.settled(ty)) {
            (Held::At(at), Type::Optional(_) | Type::Union(_)) => Some(self.tag(at)),
            _ => None,
        };
        Subject { ty, value, tag, borrowed }
    }

    /// Goes on if the pattern takes the subject, with its names bound, else to `other`.
    pub(super) fn pattern(&mut self, pattern: &Pattern, subject: &Subject, other: BlockId) {
        match pattern {
            Pattern::All => {}
            Pattern::Bind(local) => self.bind_subject(*local, subject),
            Pattern::Tagged(tag, values) => {
                let (Held::At(at), Some(found)) = (subject.value, subject.tag) else { return };
                let wanted = self.b.constant(FirType::I32, u64::from(*tag));
                let same = self.b.compare(IntCompare::Eq, found, wanted);
                self.unless(same, other);
                let payloads = self.shared.program.types.payloads(subject.ty);
                let places = payloads.iter().find(|(known, _)| known == tag);
                for ((ty, offset), value) in places.map_or(&[][..], |(_, places)| places).iter().zip(values) {
                    let value_at = Held::At(at.plus(*offset));
                    if matches!(value, Pattern::All) {
                        continue;
                    }
                    let part = self.subject_part(*ty, value_at, subject.borrowed);
                    self.pattern(value, &part, other);
                }
            }
            Pattern::Equal(expected) => {
                let value = self.subject_word(subject);
                let expected = self.expr(*expected);
                let same = self.operate(BinaryOp::Eq, subject.ty, value, expected);
                self.unless(same, other);
            }
            Pattern::Range(start, end, bound) => {
                let value = self.subject_word(subject);
                let start = self.expr(*start);
                let end = self.expr(*end);
                let above = self.operate(BinaryOp::Ge, subject.ty, value, start);
                let op = if *bound == Bound::Inclusive { BinaryOp::Le } else { BinaryOp::Lt };
                let below = self.operate(op, subject.ty, value, end);
                let no = self.b.boolean(Truth::False);
                let inside = self.b.select(above, below, no);
                self.unless(inside, other);
            }
        }
    }

    fn subject_word(&mut self, subject: &Subject) -> ValueId {
        match subject.value {
            Held::Word(value) => value,
            Held::At(at) => self.load_element(&Element { ty: subject.ty, at, index: None }),
        }
    }

    /// Gives a local its own copy of the subject.
    fn bind_subject(&mut self, local: LocalId, subject: &Subject) {
        if let (super::function::Slot::Frame(offset), Held::At(at)) = (self.slot(local), subject.value) {
            let to = self.frame_address(offset);
            self.copy_texts(subject.ty, at, to, subject.borrowed);
            return;
        }
        let mut value = self.subject_word(subject);
        if subject.borrowed && self.settled(subject.ty) == Type::Str {
            value = self.b.text(TextOp::Copy, value);
        }
        self.set_local(local, value);
    }
}
