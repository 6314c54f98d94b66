//! Named locals for debuggers: rows of the module's table, and marks where they have their values.
//!
//! A local gets a row when its place is decided. Where marks are wanted, each assignment of a variable
//! marks the new value, and the end of the block that introduces a local keeps its value to there, so
//! that a debugger that stops in the block finds it.

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::Role;
use super::function::{Lowering, Slot};
use crate::fir::{Mark, Type as FirType, ValueId};
use crate::lang::sema::tree::LocalId;
use crate::lang::sema::types::Type;
use crate::lang::syntax::ast::Dialect;
use flux_isa::Local;

/// What a module says of the locals of its document.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Locals {
    /// Nothing.
    #[default]
    Leave,
    /// Their names and types.
    Names,
    /// Also where they are; their values are kept to the ends of their blocks.
    Places,
}

/// Most locals that are kept where control leaves several blocks at once.
const KEPT: usize = 64;

impl Lowering<'_, '_, '_> {
    /// Gives a local a row in the table once its slot is decided; if it is a variable, the latest.
    pub(super) fn introduce(&mut self, local: LocalId) {
        if self.shared.wanted == Locals::Leave {
            return;
        }
        let Some(named) = self.body.locals.get(local.index()) else { return };
        let ty = self.shared.program.types.settled(named.ty);
        if named.name.is_empty() || named.name == "_" || matches!(ty, Type::Error | Type::Unit) {
            return;
        }
        let mut desc = String::new();
        if !matches!(ty, Type::Function(_)) {
            self.shared.program.types.write_descriptor(named.ty, &mut desc);
        }
        let (slot, name) = (self.slots.get(local.index()).copied(), named.name.to_owned());
        if let Err(error) = self.shared.take(2 * (size_of::<Local>() + name.len() + desc.len()), named.span) {
            self.error.get_or_insert(error);
            return;
        }
        let row = super::number(self.shared.locals.len());
        let offset = if let Some(Slot::Frame(offset)) = slot { offset } else { 0 };
        let function = super::number(self.func.index());
        self.shared.locals.push(Local { function, name, desc, offset, ranges: alloc::vec::Vec::new() });
        if self.shared.wanted < Locals::Places {
            return;
        }
        if let Some(Slot::Variable(_)) = slot {
            self.b.name_latest(row);
        }
        self.scope.push((local, row));
    }

    /// Marks that a local in the frame has a value from here on.
    pub(super) fn begin_in_frame(&mut self, local: LocalId) {
        if let Some(Slot::Frame(_)) = self.slots.get(local.index())
            && let Some((_, row)) = self.scope.iter().rev().find(|(other, _)| *other == local).copied()
        {
            let base = self.frame_base();
            self.b.mark(Mark::Begins, row, base);
        }
    }

    /// Keeps at the end of a block what was introduced in it since the scope had `before` locals. In
    /// steps and in Python a name lives on behind its block.
    pub(super) fn leave_scope(&mut self, before: usize) {
        let lives_on = !matches!(self.role, Role::Function(..)) || self.dialect == Dialect::Python;
        let mark = if lives_on { Mark::Keeps } else { Mark::Ends };
        self.mark_from(before, mark);
        if !lives_on {
            self.scope.truncate(before);
        }
    }

    /// Keeps what is in scope where control leaves its blocks.
    pub(super) fn keep_scope(&mut self) {
        self.mark_from(self.scope.len().saturating_sub(KEPT), Mark::Keeps);
    }

    fn mark_from(&mut self, first: usize, mark: Mark) {
        for at in first..self.scope.len() {
            if self.b.is_filled() || self.b.has_failed() {
                return;
            }
            let Some((local, row)) = self.scope.get(at).copied() else { return };
            let value = match self.slots.get(local.index()) {
                Some(Slot::Variable(variable)) => self.b.read(*variable),
                // What is in a static frame stays there by itself.
                Some(Slot::Frame(_)) if mark == Mark::Ends || self.base.is_some() => self.frame_base(),
                _ => continue,
            };
            self.b.mark(mark, row, value);
        }
    }

    fn frame_base(&mut self) -> ValueId {
        match self.base {
            Some(base) => base,
            None => self.b.constant(FirType::Ptr, super::FRAME_MARK),
        }
    }
}
