//! Exhaustive exploration of a system whose every history ends.
//!
//! Depth first, each state once: what a state may still do is bounded by budgets that are part of the
//! state, so the graph has no cycles and what is visited is everything that can be reached.

use core::hash::Hash;
use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::string::String;
use std::vec::Vec;

/// Something that is explored.
pub(super) trait System: Clone {
    /// One step of it.
    type Action: Copy + core::fmt::Debug;
    /// Everything that decides what can happen from here on.
    type View: Hash;
    /// The steps that are possible now.
    fn actions(&self) -> Vec<Self::Action>;
    /// Makes a step.
    fn apply(&mut self, action: Self::Action) -> Result<(), String>;
    /// What must hold in every state.
    fn check(&self) -> Result<(), String>;
    /// Lets everything come to rest, and checks what must hold then.
    fn settle(self) -> Result<(), String>;
    fn view(&self) -> Self::View;
}

pub(super) fn hash_of(view: &impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(view)
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Explored {
    pub(super) states: usize,
    pub(super) steps: usize,
    /// States in which nothing more is possible.
    pub(super) ends: usize,
    /// Steps of the longest history.
    pub(super) longest: usize,
}

pub(super) struct Explorer<S: System> {
    seen: HashSet<u64>,
    trace: Vec<S::Action>,
    explored: Explored,
}

impl<S: System> Explorer<S> {
    pub(super) fn new() -> Self {
        Self { seen: HashSet::new(), trace: Vec::new(), explored: Explored::default() }
    }

    pub(super) fn explore(&mut self, state: &S) -> Explored {
        self.fine(state.check());
        self.visit(state);
        self.explored
    }

    fn visit(&mut self, state: &S) {
        if !self.seen.insert(hash_of(&state.view())) {
            return;
        }
        self.explored.states += 1;
        self.explored.longest = self.explored.longest.max(self.trace.len());
        self.fine(state.clone().settle());
        let actions = state.actions();
        self.explored.ends += usize::from(actions.is_empty());
        for action in actions {
            self.explored.steps += 1;
            self.trace.push(action);
            let mut next = state.clone();
            let applied = next.apply(action);
            self.fine(applied);
            self.fine(next.check());
            self.visit(&next);
            self.trace.pop();
        }
    }

    fn fine(&self, result: Result<(), String>) {
        if let Err(fault) = result {
            panic!("{fault}\nafter {:#?}", self.trace);
        }
    }
}
