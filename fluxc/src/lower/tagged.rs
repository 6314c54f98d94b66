//! Optionals and enums with payloads in memory, and the patterns of a match.
//!
//! Both are a tag of 32 bits and what the tag says; [`Types::payloads`] knows what that is.
//!
//! [`Types::payloads`]: crate::lang::sema::types::Types::payloads

use alloc::vec::Vec;

use super::function::Lowering;
use super::memory::{Address, Element};
use super::own::Origin;
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
    /// Whose memory it holds.
    origin: Origin,
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
    pub(super) fn by_tag(
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

    /// An address whose base is computed here, for use in several blocks.
    fn fixed(&mut self, at: Address) -> Address {
        Address { base: self.pointer(at), offset: 0 }
    }

    /// The text of a table that has the number `index`.
    pub(super) fn name_of(&mut self, names: &[&str], index: ValueId) -> ValueId {
        let table = self.shared.data.text_table(&mut self.shared.module, names);
        let base = self.b.address(table);
        let index = self.word(index);
        self.b.load_indexed(FirType::Ptr, Access::Z32, base, index, 0)
    }

    pub(super) fn text(&mut self, text: &str) -> ValueId {
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
        let left = self.steady(left, &[right]);
        let right = self.argument(right);
        let equal = self.equal(ty, left, right);
        if op == BinaryOp::Ne { self.b.bool_not(equal) } else { equal }
    }

    // ------------------------------------------------------------ patterns

    /// What a match looks at; taken once.
    pub(super) fn subject(&mut self, id: ExprId) -> Subject {
        let ty = self.shared.program.expr(id).ty;
        let origin = self.origin(id);
        let value = if self.shared.program.types.is_aggregate(ty) {
            let at = self.address_of_value(id);
            Held::At(self.fixed(at))
        } else {
            Held::Word(self.expr(id))
        };
        self.subject_part(ty, value, origin)
    }

    fn subject_part(&mut self, ty: TypeId, value: Held, origin: Origin) -> Subject {
        let tag = match (value, self.settled(ty)) {
            (Held::At(at), Type::Optional(_) | Type::Union(_)) => Some(self.tag(at)),
            _ => None,
        };
        Subject { ty, value, tag, origin }
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
                    let part = self.subject_part(*ty, value_at, subject.origin);
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
            self.copy(subject.ty, at, to);
            self.adopt(subject.ty, to, subject.origin);
            self.begin_in_frame(local);
            return;
        }
        let value = self.subject_word(subject);
        let value = self.owned_word(subject.ty, value, subject.origin);
        self.set_local(local, value);
    }
}
