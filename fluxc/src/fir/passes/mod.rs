//! Transformations of FIR. Each keeps a verified module verified and its meaning.
//!
//! All are near-linear and deterministic. What a program charges as gas depends on the
//! passes that ran; it is fixed after the last one.

mod dead;
mod frame;
mod graph;
mod inline;
mod rotate;
mod simplify;
mod switch;

pub use dead::{remove_dead, remove_trivial_params};
pub use frame::separate_calls;
pub use graph::clean_graph;
pub use inline::inline_calls;
pub use rotate::rotate_loops;
pub use simplify::simplify;
pub use switch::lower_switches;

use super::compact::Renumbered;
use super::{BlockId, Cfg, Dominators, Function, InstId, Module, ValueId};
use alloc::vec::Vec;

/// How much work the compiler does to make the program fast.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// `-O0`: only what every back end needs.
    None,
    /// `-O1`: folding and removal of what is not needed.
    Basic,
    /// `-Os`: as `-O1`, and nothing that makes code larger.
    Small,
    /// `-O2`, the default: also inlining and loop rotation.
    #[default]
    Full,
}

/// Optimises a verified module.
pub fn optimize(module: &mut Module, level: Level) {
    optimize_within(module, level, usize::MAX);
}

/// As [`optimize`]; inlining adds at most `room` instructions and blocks to the whole module.
pub fn optimize_within(module: &mut Module, level: Level, room: usize) {
    let work = &mut Workspace::default();
    optimize_calls(module, level, room, work);
    for function in &mut module.functions {
        finish_function(function, level, work);
    }
}

/// The part of [`optimize_within`] that looks at calls and so at more than one function.
pub fn optimize_calls(module: &mut Module, level: Level, room: usize, work: &mut Workspace) {
    for function in &mut module.functions {
        clean_graph(function, work);
        remove_trivial_params(function, work);
        if level >= Level::Basic {
            optimize_function(function, work);
        }
    }
    if level == Level::Full {
        inline_calls(module, room, |function| {
            // Arguments are constants only where the copies are joined, and what that folds
            // joins more.
            for _ in 0..2 {
                clean_graph(function, work);
                remove_trivial_params(function, work);
                optimize_function(function, work);
            }
        });
    }
}

/// The rest of [`optimize`], one function at a time: a back end that comes right behind it finds
/// the function in the cache.
pub fn finish_function(function: &mut Function, level: Level, work: &mut Workspace) {
    if level == Level::Full && rotate_loops(function, work) {
        remove_trivial_params(function, work);
        optimize_function(function, work);
    }
    lower_switches(function);
    if level >= Level::Basic {
        separate_calls(function, work);
    }
    function.compact_in(&mut work.renumbered);
}

fn optimize_function(function: &mut Function, work: &mut Workspace) {
    simplify(function, work);
    remove_dead(function, work);
    clean_graph(function, work);
    remove_trivial_params(function, work);
}

/// Memory of the passes: most functions are small, so that asking for it anew would cost more
/// than the work. No pass reads what an earlier one left here.
#[derive(Debug, Default)]
pub struct Workspace {
    cfg: Cfg,
    dominators: Dominators,
    replacements: Replacements,
    /// Per value or block.
    marks: Vec<bool>,
    stack: Vec<usize>,
    /// Per block.
    numbers: Vec<BlockId>,
    /// By hash.
    candidates: Vec<Option<(InstId, BlockId)>>,
    /// Per block parameter.
    arguments: Vec<dead::Argument>,
    renumbered: Renumbered,
    /// A function that was built anew.
    old: Function,
}

/// Values that are to be replaced by others.
#[derive(Debug, Default)]
struct Replacements {
    to: Vec<ValueId>,
}

impl Replacements {
    /// Forgets what it knew; none of `values` values is replaced.
    fn reset(&mut self, values: usize) {
        self.to.clear();
        self.to.extend((0..values).map(ValueId::new));
    }

    fn replace(&mut self, old: ValueId, new: ValueId) {
        self.to[old.index()] = new;
    }

    /// What stands for `value` in the end; shortens the way there.
    fn find(&mut self, value: ValueId) -> ValueId {
        let mut end = value;
        while self.to[end.index()] != end {
            end = self.to[end.index()];
        }
        let mut at = value;
        while self.to[at.index()] != end {
            at = core::mem::replace(&mut self.to[at.index()], end);
        }
        end
    }

    /// Replaces every operand.
    fn apply(&mut self, function: &mut Function) {
        for data in &mut function.insts {
            data.inst.map_scalar_operands(|value| *value = self.find(*value));
        }
        for value in &mut function.pool {
            *value = self.find(*value);
        }
        for block in &mut function.blocks {
            if let Some(value) = block.terminator.own_operand_mut() {
                *value = self.find(*value);
            }
        }
    }
}
