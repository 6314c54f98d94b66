//! Optionals in memory, and the patterns of a match.

use super::function::Lowering;
use super::memory::{Address, Element};
use super::own::Origin;
use crate::fir::{Access, BlockId, IntCompare, Truth, Type as FirType, ValueId};
use crate::lang::sema::tree::{ExprId, ExprKind, LocalId, Pattern};
use crate::lang::sema::types::{Type, TypeId};
use crate::lang::syntax::ast::{BinaryOp, Bound};

/// What a match looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject {
    ty: TypeId,
    value: Held,
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

    /// Goes on if the tag at `at` is `tag`, else to `other`.
    pub(super) fn tag_is(&mut self, tag: u32, at: Address, other: BlockId) {
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

    /// An address whose base is computed here, for use in several blocks.
    pub(super) fn fixed(&mut self, at: Address) -> Address {
        Address { base: self.pointer(at), offset: 0 }
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
        let left = self.compared(left);
        let right = self.compared(right);
        self.operate(op, ty, left, right)
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
        Subject { ty, value, origin }
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
                    self.pattern(inner, &Subject { ty, value: Held::At(at), origin: subject.origin }, other);
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

    /// Lets a local stand for the subject. What lies in the state is copied, since an arm may
    /// change it; everything else is borrowed, unless the subject ends here.
    fn bind_subject(&mut self, local: LocalId, subject: &Subject) {
        if subject.origin == Origin::Shared
            && let Some(slot) = self.borrows.get_mut(local.index())
        {
            *slot = Some(Origin::Shared);
        }
        let own = if subject.origin == Origin::State { Origin::State } else { Origin::Fresh };
        if let (super::function::Slot::Frame(offset), Held::At(at)) = (self.slot(local), subject.value) {
            let to = self.frame_address(offset);
            self.copy(subject.ty, at, to);
            self.adopt(subject.ty, to, own);
            return;
        }
        let value = self.subject_word(subject);
        let value = self.owned_word(subject.ty, value, own);
        self.set_local(local, value);
    }
}
