//! What values own outside their place: texts, growable arrays, bytes, maps.
//!
//! # Invariants
//! 1. What a local, a temporary or a result owns lies in the arena or the constants, never in the
//!    state: what is read from the state is copied when it is stored elsewhere, so that
//!    overwriting the state cannot take it away.
//! 2. What state owns was allocated for that place, and is freed when it is overwritten.
//! 3. A block that can change has one owner. Texts never change: values of the arena share them.
//! 4. A parameter, and the variable of a `for`, borrows: it is never changed and owns nothing.

use super::function::{Lowering, Slot};
use super::glue::Glue;
use super::memory::{Address, Element};
use crate::fir::{Intrinsic, Type as FirType, ValueId};
use crate::lang::sema::tree::{BlockId, CollectionOp, ExprId, ExprKind, LocalId};
use crate::lang::sema::types::{Owns, Type, TypeId};
use alloc::vec::Vec;
use flux_abi::select::TextOp;

/// Whose memory a value's texts and blocks are, in growing order of what a copy costs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Origin {
    /// Nobody else's: the value can be moved.
    Fresh,
    /// Those of another value of the arena, or constants.
    Shared,
    /// Those of the state, at least in part.
    State,
}

/// Where a value goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Home {
    /// To a local, a temporary or a result.
    Arena,
    /// To a state variable.
    State,
}

/// A value that owns what it holds, not yet in its place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    /// A scalar.
    Word(ValueId),
    /// An aggregate, here.
    At(Address),
}

impl<'p> Lowering<'_, 'p, '_> {
    pub(super) fn owns(&self, ty: TypeId) -> Owns {
        self.shared.program.types.owns(ty)
    }

    /// Whose memory a value holds.
    pub(super) fn origin(&self, id: ExprId) -> Origin {
        let expr = self.shared.program.expr(id);
        if self.owns(expr.ty) == Owns::Nothing {
            return Origin::Fresh;
        }
        match expr.kind {
            ExprKind::Local(local) if self.is_last_read(local, id) => Origin::Fresh,
            ExprKind::Local(local) => {
                self.borrows.get(local.index()).copied().flatten().unwrap_or(Origin::Shared)
            }
            ExprKind::State(_) => Origin::State,
            ExprKind::Param(_) | ExprKind::Const(_) => Origin::Shared,
            ExprKind::Field(base, ..) | ExprKind::Index(base, _) => self.origin_of_part(base),
            ExprKind::Collection(CollectionOp::Get, list) => {
                self.shared.program.list(list).first().map_or(Origin::Fresh, |map| self.origin_of_part(*map))
            }
            // What comes in may come out again, its blocks copied but not its texts.
            ExprKind::Call(_, list) | ExprKind::CallValue(_, list) => {
                self.any_of_state(self.shared.program.list(list))
            }
            ExprKind::If(_, then, rest) => self.origin_of_block(then).max(self.origin_of_block(rest)),
            ExprKind::Match(_, arms) => {
                let arms = self.shared.program.matches.get(arms.index()).map_or(&[][..], Vec::as_slice);
                let values = arms.iter().filter_map(|arm| arm.body.value);
                values.map(|value| self.origin(value)).max().unwrap_or(Origin::Fresh)
            }
            _ => Origin::Fresh,
        }
    }

    /// As [`Self::origin`] of what a part of `base` holds.
    fn origin_of_part(&self, base: ExprId) -> Origin {
        match self.shared.program.expr(base).kind {
            // A part of a value that ends here is nobody else's either.
            ExprKind::Struct(_) | ExprKind::Array(_) => Origin::Fresh,
            _ => self.origin(base),
        }
    }

    fn origin_of_block(&self, block: BlockId) -> Origin {
        let block = self.shared.program.blocks.get(block.index());
        block.and_then(|block| block.value).map_or(Origin::Fresh, |value| self.origin(value))
    }

    fn any_of_state(&self, values: &[ExprId]) -> Origin {
        let state = values.iter().any(|value| self.origin(*value) == Origin::State);
        if state { Origin::State } else { Origin::Fresh }
    }

    /// Tells whether a local is its own, and `id` the last that reads it.
    fn is_last_read(&self, local: LocalId, id: ExprId) -> bool {
        let index = local.index();
        index >= self.body.params as usize
            && self.borrows.get(index).copied().flatten().is_none()
            && self.body.last_reads.get(index).copied().flatten() == Some(id)
    }

    // ------------------------------------------------------------ into the arena

    /// A scalar to be held by a local or aggregate.
    pub(super) fn owned(&mut self, id: ExprId) -> ValueId {
        let origin = self.origin(id);
        let value = self.expr(id);
        self.owned_word(self.shared.program.expr(id).ty, value, origin)
    }

    /// A scalar whose memory is that of `origin`, to be held by a local or aggregate.
    pub(super) fn owned_word(&mut self, ty: TypeId, value: ValueId, origin: Origin) -> ValueId {
        let op = match (origin, self.owns(ty)) {
            (_, Owns::Nothing) | (Origin::Fresh, _) | (Origin::Shared, Owns::Texts) => return value,
            (Origin::Shared, Owns::Blocks) => Glue::Share,
            (Origin::State, _) => Glue::Copy,
        };
        self.remade(ty, value, op)
    }

    /// Gives an aggregate at `at`, whose bytes were copied from `origin`, memory of its own.
    pub(super) fn adopt(&mut self, ty: TypeId, at: Address, origin: Origin) {
        let op = match (origin, self.owns(ty)) {
            (_, Owns::Nothing) | (Origin::Fresh, _) | (Origin::Shared, Owns::Texts) => return,
            (Origin::Shared, Owns::Blocks) => Glue::Share,
            (Origin::State, _) => Glue::Copy,
        };
        let at = self.pointer(at);
        self.remake(ty, at, op);
    }

    /// A copy of a text or block.
    pub(super) fn remade(&mut self, ty: TypeId, value: ValueId, op: Glue) -> ValueId {
        if self.settled(ty) == Type::Str {
            return match op {
                Glue::Keep => self.b.text(TextOp::Keep, value),
                Glue::Copy => self.b.text(TextOp::Copy, value),
                _ => value,
            };
        }
        let func = self.glue(ty, op);
        self.b.call(func, FirType::Ptr, &[value]).unwrap_or(value)
    }

    /// Replaces what an aggregate in memory owns by copies.
    pub(super) fn remake(&mut self, ty: TypeId, at: ValueId, op: Glue) {
        let func = self.glue(ty, op);
        self.b.call(func, FirType::Void, &[at]);
    }

    /// A value that is used after others were: a word, or the address of an aggregate. What they
    /// change of it is copied before.
    pub(super) fn steady(&mut self, id: ExprId, later: &[ExprId]) -> ValueId {
        let program = self.shared.program;
        let ty = program.expr(id).ty;
        let aggregate = program.types.is_aggregate(ty);
        let changed = (aggregate || self.owns(ty) != Owns::Nothing)
            && program.shows_change(id, &|root| later.iter().any(|other| program.expr_changes(*other, root)));
        if !changed {
            return self.argument(id);
        }
        let origin = self.origin(id).max(Origin::Shared);
        if !aggregate {
            let value = self.expr(id);
            return self.owned_word(ty, value, origin);
        }
        let from = self.address_of_value(id);
        let offset = self.reserve(ty);
        let to = self.frame_address(offset);
        self.copy(ty, from, to);
        self.adopt(ty, to, origin);
        self.pointer(to)
    }

    /// The values of arguments, each as it was when its turn came.
    pub(super) fn steady_all(&mut self, ids: &[ExprId]) -> Vec<ValueId> {
        let mut rest = ids;
        let mut values = Vec::with_capacity(ids.len());
        while let Some((id, later)) = rest.split_first() {
            values.push(self.steady(*id, later));
            rest = later;
        }
        values
    }

    // ------------------------------------------------------------ into the state

    /// A value that owns what it holds where it goes; nothing that is done before it is stored
    /// changes it.
    pub(super) fn item(&mut self, id: ExprId, home: Home) -> Item {
        let ty = self.shared.program.expr(id).ty;
        if !self.shared.program.types.is_aggregate(ty) {
            let value = match home {
                Home::State if self.owns(ty) != Owns::Nothing => {
                    let value = self.expr(id);
                    self.remade(ty, value, Glue::Keep)
                }
                _ => self.owned(id),
            };
            return Item::Word(value);
        }
        let origin = self.origin(id);
        let from = self.address_of_value(id);
        if self.owns(ty) == Owns::Nothing {
            return Item::At(from);
        }
        let to = if origin == Origin::Fresh && !self.is_place(id) {
            from
        } else {
            let offset = self.reserve(ty);
            let to = self.frame_address(offset);
            self.copy(ty, from, to);
            to
        };
        if home == Home::State {
            let at = self.pointer(to);
            self.remake(ty, at, Glue::Keep);
        } else {
            self.adopt(ty, to, origin);
        }
        Item::At(to)
    }

    fn is_place(&self, id: ExprId) -> bool {
        let kind = self.shared.program.expr(id).kind;
        matches!(kind, ExprKind::Local(_) | ExprKind::State(_) | ExprKind::Field(..) | ExprKind::Index(..))
    }

    /// Moves a value into its place.
    pub(super) fn put(&mut self, item: Item, to: &Element) {
        match item {
            Item::Word(value) => self.store_element(to, value),
            Item::At(from) => {
                let at = self.plain(to);
                self.copy(to.ty, from, at);
            }
        }
    }

    /// Gives back what the value in a place of the state owns.
    pub(super) fn release(&mut self, place: &Element) {
        if self.owns(place.ty) == Owns::Nothing {
            return;
        }
        let value = self.load_element(place);
        self.release_word(place.ty, value);
    }

    /// As [`Self::release`], of a text or block itself or the aggregate at an address.
    pub(super) fn release_word(&mut self, ty: TypeId, value: ValueId) {
        match self.owns(ty) {
            Owns::Nothing => {}
            _ if self.settled(ty) == Type::Str => {
                self.b.intrinsic(Intrinsic::StateFree, 0, &[value]);
            }
            _ => {
                let func = self.glue(ty, Glue::Free);
                self.b.call(func, FirType::Void, &[value]);
            }
        }
    }

    /// Where a place is.
    pub(super) fn home(&self, place: ExprId) -> Home {
        if self.is_state(place) { Home::State } else { Home::Arena }
    }

    /// Writes a value to a place that is no variable of FIR.
    pub(super) fn store(&mut self, place: ExprId, value: ExprId) {
        let home = self.home(place);
        let item = self.item(value, home);
        let to = self.element(place);
        self.replace(&to, item, home);
    }

    /// Puts a value where another one is.
    pub(super) fn replace(&mut self, to: &Element, item: Item, home: Home) {
        if home == Home::Arena || self.owns(to.ty) == Owns::Nothing {
            self.put(item, to);
            return;
        }
        // The address is calculated once, before anything is freed.
        let at = self.plain(to);
        let place = Element::at(to.ty, at);
        if self.shared.program.types.is_aggregate(to.ty) {
            self.release(&place);
            self.put(item, &place);
            return;
        }
        let old = self.load_element(&place);
        self.put(item, &place);
        self.release_word(to.ty, old);
    }

    /// Writes the first value of a state variable.
    pub(super) fn store_state(&mut self, value: ExprId, ty: TypeId, to: Address) {
        if self.shared.program.types.is_aggregate(ty) && self.owns(ty) == Owns::Nothing {
            self.store_into(value, to);
            return;
        }
        let item = self.item(value, Home::State);
        self.put(item, &Element::at(ty, to));
    }

    /// Writes a scalar that came from outside to a place.
    pub(super) fn store_place(&mut self, place: ExprId, value: ValueId) {
        let expr = self.shared.program.expr(place);
        if let ExprKind::Local(local) = expr.kind
            && let Slot::Variable(variable) = self.slot(local)
        {
            self.b.assign(variable, value);
            return;
        }
        let home = self.home(place);
        let value = match home {
            Home::State if self.owns(expr.ty) != Owns::Nothing => self.remade(expr.ty, value, Glue::Keep),
            _ => value,
        };
        let to = self.element(place);
        self.replace(&to, Item::Word(value), home);
    }
}
