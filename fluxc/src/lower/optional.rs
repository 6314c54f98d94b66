//! Optionals in memory, and the patterns of a match.

use super::function::Lowering;
use super::memory::{Address, Element, Old, Texts};
use crate::fir::{Access, BlockId, IntCompare, Truth, Type as FirType, ValueId};
use crate::lang::sema::tree::{ExprId, ExprKind, LocalId, Pattern};
use crate::lang::sema::types::{Type, TypeId};
use crate::lang::syntax::ast::{BinaryOp, Bound};

/// What a match looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject {
    ty: TypeId,
    value: Held,
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

    /// Goes on if the tag at `at` is `tag`, else to `other`.
    fn tag_is(&mut self, tag: u32, at: Address, other: BlockId) {
        let found = self.tag(at);
        let wanted = self.b.constant(FirType::I32, u64::from(tag));
        let same = self.b.compare(IntCompare::Eq, found, wanted);
        self.unless(same, other);
    }

    /// Goes on if the condition holds, else to `other`.
    fn unless(&mut self, condition: ValueId, other: BlockId) {
        let fine = self.b.create_block();
        self.b.branch(condition, fine, other);
        self.b.seal_block(fine);
        self.b.switch_to(fine);
    }

    /// Copies an optional that holds texts.
    pub(super) fn copy_optional(
        &mut self,
        ty: TypeId,
        inner: TypeId,
        from: Address,
        to: Address,
        texts: Texts,
        budget: &mut u32,
    ) {
        if texts == Texts::Keep(Old::Free) {
            // The old value may have a text where the new one has none, and the other way round.
            let offset = self.reserve(ty);
            let new = self.frame_address(offset);
            self.copy_optional(ty, inner, from, new, Texts::Keep(Old::None), budget);
            self.free_deep(ty, to);
            let new = self.frame_address(offset);
            self.copy(ty, new, to);
            return;
        }
        let (from, to) = (self.fixed(from), self.fixed(to));
        self.copy(ty, from, to);
        let end = self.b.create_block();
        self.tag_is(1, from, end);
        let offset = self.shared.program.types.value_offset(inner);
        self.copy_deep(inner, from.plus(offset), to.plus(offset), texts, budget);
        self.go_on(end);
        self.b.seal_block(end);
        self.b.switch_to(end);
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
            Type::Optional(inner) => {
                let at = self.fixed(at);
                let end = self.b.create_block();
                self.tag_is(1, at, end);
                self.free_deep(inner, at.plus(program.types.value_offset(inner)));
                self.go_on(end);
                self.b.seal_block(end);
                self.b.switch_to(end);
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

    /// The text form of an optional.
    pub(super) fn optional_text(&mut self, inner: TypeId, value: ValueId) -> ValueId {
        let at = Address { base: value, offset: 0 };
        let result = self.b.declare(FirType::Ptr);
        let none = self.shared.data.text(&mut self.shared.module, "none");
        let none = self.b.address(none);
        self.b.assign(result, none);
        let end = self.b.create_block();
        self.tag_is(1, at, end);
        let offset = self.shared.program.types.value_offset(inner);
        let value = self.load_element(&Element { ty: inner, at: at.plus(offset), index: None });
        let text = self.text_of(inner, value);
        self.b.assign(result, text);
        self.go_on(end);
        self.b.seal_block(end);
        self.b.switch_to(end);
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
        if let Type::Optional(inner) = self.settled(ty) {
            let (left, right) = (self.tag(a), self.tag(b));
            let same = self.b.compare(IntCompare::Eq, left, right);
            self.unless(same, other);
            let end = self.b.create_block();
            self.tag_is(1, a, end);
            let offset = self.shared.program.types.value_offset(inner);
            self.same_or(inner, a.plus(offset), b.plus(offset), other);
            self.go_on(end);
            self.b.seal_block(end);
            self.b.switch_to(end);
            return;
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
        Subject { ty, value, borrowed }
    }

    /// Goes on if the pattern takes the subject, with its names bound, else to `other`.
    pub(super) fn pattern(&mut self, pattern: &Pattern, subject: &Subject, other: BlockId) {
        match pattern {
            Pattern::All => {}
            Pattern::Bind(local) => self.bind_subject(*local, subject),
            Pattern::None => {
                if let Held::At(at) = subject.value {
                    self.tag_is(0, at, other);
                }
            }
            Pattern::Some(inner) => {
                if let (Held::At(at), Type::Optional(ty)) = (subject.value, self.settled(subject.ty)) {
                    self.tag_is(1, at, other);
                    let at = at.plus(self.shared.program.types.value_offset(ty));
                    self.pattern(
                        inner,
                        &Subject { ty, value: Held::At(at), borrowed: subject.borrowed },
                        other,
                    );
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
            value = self.b.text(flux_abi::select::TextOp::Copy, value);
        }
        self.set_local(local, value);
    }
}
