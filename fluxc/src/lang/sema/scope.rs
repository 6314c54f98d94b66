//! Names in scope, and which locals have a value where.
//!
//! # Invariants
//! 1. Every name of the document is interned once; a scope is a mark in the undo list, so
//!    that entering and leaving costs what was bound in it.
//! 2. A local counts as assigned at a point if every path from the start of the body to
//!    that point gives it a value.

use alloc::vec::Vec;

use hashbrown::HashMap;

use super::tree::{ConstId, FnId, LocalId, ParamId, StateId};
use super::types::TypeId;
use crate::lang::syntax::distance;

/// An interned name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Symbol(u32);

/// What a name of a value stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Binding {
    /// Nothing.
    None,
    /// A local that the section introduces further down.
    Unset,
    /// A local.
    Local(LocalId),
    /// A state variable.
    State(StateId),
    /// A parameter of Config, or one that a section used before.
    Param(ParamId),
    /// `device_id` or `location`.
    BuiltinParam,
    /// A constant.
    Const(ConstId),
    /// A memory region of the agent's own, by its place in the list of them.
    Region(u32),
}

#[derive(Clone, Copy, Debug)]
struct Info<'s> {
    text: &'s str,
    /// The document that the name is of.
    unit: u16,
    binding: Binding,
    function: Option<FnId>,
    ty: Option<TypeId>,
}

/// The names of all documents, each document's for itself.
#[derive(Debug, Default)]
pub(super) struct Names<'s> {
    index: HashMap<(u16, &'s str), Symbol>,
    /// The document that is looked at.
    unit: u16,
    infos: Vec<Info<'s>>,
    undo: Vec<(Symbol, Binding)>,
}

/// Where a scope began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope(usize);

impl<'s> Names<'s> {
    pub(super) fn symbol(&mut self, text: &'s str) -> Symbol {
        if let Some(symbol) = self.index.get(&(self.unit, text)) {
            return *symbol;
        }
        let symbol = Symbol(u32::try_from(self.infos.len()).unwrap_or(u32::MAX));
        self.infos.push(Info { text, unit: self.unit, binding: Binding::None, function: None, ty: None });
        self.index.insert((self.unit, text), symbol);
        symbol
    }

    /// The document that is looked at.
    pub(super) const fn unit(&self) -> u16 {
        self.unit
    }

    /// Goes to another document.
    pub(super) const fn set_unit(&mut self, unit: u16) {
        self.unit = unit;
    }

    /// A name of another document, if it occurs there.
    pub(super) fn symbol_in(&self, unit: u16, text: &str) -> Option<Symbol> {
        self.index.get(&(unit, text)).copied()
    }

    /// Tells whether a document declares a name.
    pub(super) fn is_declared(&self, symbol: Symbol) -> bool {
        let info = self.infos.get(symbol.0 as usize);
        info.is_some_and(|info| {
            info.function.is_some() || info.ty.is_some() || matches!(info.binding, Binding::Const(_))
        })
    }

    /// Names that a document declares, in order of first appearance.
    pub(super) fn declared(&self, unit: u16) -> impl Iterator<Item = &'s str> + '_ {
        let of_unit = (0u32..).zip(&self.infos).filter(move |(_, info)| info.unit == unit);
        of_unit.filter(|(number, _)| self.is_declared(Symbol(*number))).map(|(_, info)| info.text)
    }

    /// Bytes that the tables take.
    pub(super) fn bytes(&self) -> usize {
        let list = |count: usize, size: usize| count.saturating_mul(size);
        // A slot of the map is a key, a value and a byte of its own.
        list(self.infos.capacity(), size_of::<Info<'_>>())
            .saturating_add(list(self.index.capacity(), size_of::<((u16, &str), Symbol)>().saturating_add(1)))
            .saturating_add(list(self.undo.capacity(), size_of::<(Symbol, Binding)>()))
    }

    pub(super) fn binding(&self, symbol: Symbol) -> Binding {
        self.infos.get(symbol.0 as usize).map_or(Binding::None, |info| info.binding)
    }

    /// Binds a name until the scope ends.
    pub(super) fn bind(&mut self, symbol: Symbol, binding: Binding) {
        if let Some(info) = self.infos.get_mut(symbol.0 as usize) {
            self.undo.push((symbol, info.binding));
            info.binding = binding;
        }
    }

    pub(super) fn enter(&self) -> Scope {
        Scope(self.undo.len())
    }

    pub(super) fn leave(&mut self, scope: Scope) {
        while self.undo.len() > scope.0 {
            let Some((symbol, binding)) = self.undo.pop() else { return };
            if let Some(info) = self.infos.get_mut(symbol.0 as usize) {
                info.binding = binding;
            }
        }
    }

    pub(super) fn function(&self, symbol: Symbol) -> Option<FnId> {
        self.infos.get(symbol.0 as usize).and_then(|info| info.function)
    }

    pub(super) fn set_function(&mut self, symbol: Symbol, function: FnId) {
        if let Some(info) = self.infos.get_mut(symbol.0 as usize) {
            info.function = Some(function);
        }
    }

    pub(super) fn ty(&self, symbol: Symbol) -> Option<TypeId> {
        self.infos.get(symbol.0 as usize).and_then(|info| info.ty)
    }

    pub(super) fn set_ty(&mut self, symbol: Symbol, ty: TypeId) {
        if let Some(info) = self.infos.get_mut(symbol.0 as usize) {
            info.ty = Some(ty);
        }
    }

    /// Texts of all names that are functions, in order of first appearance.
    pub(super) fn functions(&self) -> impl Iterator<Item = &'s str> + '_ {
        let own = self.infos.iter().filter(|info| info.unit == self.unit);
        own.filter(|info| info.function.is_some()).map(|info| info.text)
    }

    /// Texts of all names that are types, in order of first appearance.
    pub(super) fn types(&self) -> impl Iterator<Item = &'s str> + '_ {
        let own = self.infos.iter().filter(|info| info.unit == self.unit);
        own.filter(|info| info.ty.is_some()).map(|info| info.text)
    }
}

/// Which locals have a value at the point that is looked at.
#[derive(Debug, Default)]
pub(super) struct Flow {
    assigned: Vec<bool>,
    trail: Vec<LocalId>,
    dead: bool,
    hits: Vec<u32>,
}

/// Where paths part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fork {
    mark: usize,
    dead: bool,
}

/// Paths that have been walked since a fork.
#[derive(Debug, Default)]
pub(super) struct Paths {
    /// Locals assigned by each path that goes on.
    living: Vec<Vec<LocalId>>,
    /// Whether any path was walked.
    any: bool,
}

impl Flow {
    pub(super) fn reset(&mut self) {
        self.assigned.clear();
        self.trail.clear();
        self.dead = false;
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead
    }

    /// Control does not go on from here.
    pub(super) fn die(&mut self) {
        self.dead = true;
    }

    pub(super) fn is_assigned(&self, local: LocalId) -> bool {
        self.dead || self.assigned.get(local.index()).copied().unwrap_or(false)
    }

    pub(super) fn assign(&mut self, local: LocalId) {
        let index = local.index();
        if self.assigned.len() <= index {
            self.assigned.resize(index.saturating_add(1), false);
        }
        if let Some(slot) = self.assigned.get_mut(index)
            && !*slot
        {
            *slot = true;
            self.trail.push(local);
        }
    }

    pub(super) fn fork(&self) -> Fork {
        Fork { mark: self.trail.len(), dead: self.dead }
    }

    /// Ends one path and goes back to the fork.
    pub(super) fn end_path(&mut self, fork: Fork, paths: &mut Paths) {
        if !self.dead {
            paths.living.push(self.trail.get(fork.mark..).unwrap_or(&[]).to_vec());
        }
        paths.any = true;
        self.drop_path(fork);
    }

    /// Goes back to the fork without keeping what the path assigned.
    pub(super) fn drop_path(&mut self, fork: Fork) {
        while self.trail.len() > fork.mark
            && let Some(local) = self.trail.pop()
        {
            if let Some(slot) = self.assigned.get_mut(local.index()) {
                *slot = false;
            }
        }
        self.dead = fork.dead;
    }

    /// Goes on where all paths meet. They cover every case.
    pub(super) fn join(&mut self, paths: &Paths) {
        if paths.living.is_empty() {
            self.dead |= paths.any;
            return;
        }
        if paths.living.iter().any(Vec::is_empty) {
            return;
        }
        self.hits.clear();
        self.hits.resize(self.assigned.len(), 0);
        for local in paths.living.iter().flatten() {
            if let Some(hit) = self.hits.get_mut(local.index()) {
                *hit = hit.saturating_add(1);
            }
        }
        let all = u32::try_from(paths.living.len()).unwrap_or(u32::MAX);
        for local in paths.living.first().map_or(&[][..], |path| path.as_slice()) {
            if self.hits.get(local.index()) == Some(&all) {
                self.assign(*local);
            }
        }
    }
}

/// Names that are compared with one that nothing defines.
const CANDIDATES: usize = 4_096;

/// The first of `candidates` that is nearest to `name`, at most two letters away (one for short names).
///
/// Looks at the first [`CANDIDATES`] of them and at no long names, so that its work is bounded.
pub(super) fn nearest<'n>(name: &str, candidates: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    // A name of two letters is near to everything; only its letter case may differ.
    let most = match name.len() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    };
    let near =
        candidates.take(CANDIDATES).filter_map(|candidate| Some((distance(name, candidate)?, candidate)));
    near.filter(|(edits, candidate)| *edits <= most && *candidate != name)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_near_to_less() {
        assert_eq!(nearest("max", ["min", "maxi"].into_iter()), Some("maxi"));
        assert_eq!(nearest("max", ["min"].into_iter()), None);
        assert_eq!(nearest("treshld", ["min", "threshold"].into_iter()), Some("threshold"));
    }

    /// Two names of 60 KB took 3.6 billion steps to compare.
    #[test]
    fn long_names_and_the_last_of_very_many_are_not_compared() {
        let long = "x".repeat(60_000);
        let other = alloc::format!("{long}y");
        assert_eq!(nearest(&long, [other.as_str()].into_iter()), None);
        let many = core::iter::repeat_n("other", CANDIDATES).chain(["threshold"]);
        assert_eq!(nearest("treshold", many), None);
    }

    #[test]
    fn a_local_is_assigned_when_every_living_path_assigns_it() {
        let mut flow = Flow::default();
        let (a, b) = (LocalId(0), LocalId(1));
        let fork = flow.fork();
        let mut paths = Paths::default();
        flow.assign(a);
        flow.assign(b);
        flow.end_path(fork, &mut paths);
        flow.assign(a);
        flow.end_path(fork, &mut paths);
        flow.die();
        flow.end_path(fork, &mut paths);
        assert!(!flow.is_assigned(a));
        flow.join(&paths);
        assert!(flow.is_assigned(a) && !flow.is_assigned(b) && !flow.is_dead());
    }

    #[test]
    fn leaving_a_scope_brings_the_outer_meaning_back() {
        let mut names = Names::default();
        let x = names.symbol("x");
        names.bind(x, Binding::State(StateId(1)));
        let scope = names.enter();
        names.bind(x, Binding::Local(LocalId(0)));
        assert_eq!(names.binding(x), Binding::Local(LocalId(0)));
        names.leave(scope);
        assert_eq!(names.binding(x), Binding::State(StateId(1)));
    }
}
