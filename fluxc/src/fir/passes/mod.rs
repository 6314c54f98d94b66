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

pub(crate) use inline::CallOrder;
pub use switch::lower_switches;

use super::compact::Renumbered;
use super::pack::SpareBlocks;
use super::{BlockCall, BlockId, Cfg, Dominators, FuncId, Function, Inst, InstId, Module, ValueId};
use alloc::vec::Vec;
use dead::{remove_dead, remove_trivial_params};
use frame::separate_calls;
use graph::clean_graph;
use inline::Inliner;
pub use rotate::Rotated;
use rotate::rotate_loops;
pub use simplify::Edges;
use simplify::simplify;

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
    let order = CallOrder::new(&module.functions, |function, visit| {
        for data in &function.insts {
            if let Inst::Call { func, .. } = data.inst {
                visit(func);
            }
        }
        if let Some(given) = &function.given {
            given.calls().for_each(visit);
        }
    });
    let mut optimizer = Optimizer::new(&order, level, room);
    let work = &mut Workspace::default();
    for &id in order.ids() {
        if let Some(function) = module.functions.get_mut(id.index())
            && function.given.is_none()
        {
            optimizer.run(id, function, work);
        }
    }
}

/// Optimises the functions of a module one by one, in the order of its calls.
///
/// It keeps the bodies that may be inlined; so a function may be gone before the next one comes.
#[derive(Debug)]
pub(crate) struct Optimizer<'o> {
    level: Level,
    /// Instructions and blocks that inlining may still add to the module.
    room: usize,
    order: &'o CallOrder,
    inliner: Inliner,
}

impl<'o> Optimizer<'o> {
    pub(crate) fn new(order: &'o CallOrder, level: Level, room: usize) -> Self {
        Self { level, room, order, inliner: Inliner::default() }
    }

    /// Optimises a verified function, of which the functions that it calls came before.
    pub(crate) fn run(&mut self, id: FuncId, function: &mut Function, work: &mut Workspace) {
        work.forget_graph();
        clean_graph(function, work);
        remove_trivial_params(function, work);
        if self.level >= Level::Basic {
            optimize_function(function, work);
        }
        if self.level == Level::Full {
            if self.inliner.inline_calls(id, function, &mut self.room) {
                // Arguments are constants only where the copies are joined, and what that folds
                // joins more.
                work.forget_graph();
                for _ in 0..2 {
                    clean_graph(function, work);
                    remove_trivial_params(function, work);
                    optimize_function(function, work);
                }
            }
            if self.order.is_called(id) {
                self.inliner.offer(id, function);
            }
        }
        finish_function(function, self.level, work);
    }
}

/// What comes last: no call is inlined into the function any more, and it into none.
fn finish_function(function: &mut Function, level: Level, work: &mut Workspace) {
    if level == Level::Full {
        match rotate_loops(function, work) {
            Rotated::Nothing => {}
            Rotated::Loops => clean_graph(function, work),
            Rotated::Decided => {
                remove_trivial_params(function, work);
                optimize_function(function, work);
            }
        }
    }
    if lower_switches(function) {
        work.forget_graph();
    }
    if level >= Level::Basic {
        separate_calls(function, work);
    }
    function.compact_in(&mut work.renumbered);
}

fn optimize_function(function: &mut Function, work: &mut Workspace) {
    let edges = simplify(function, work);
    remove_dead(function, work);
    clean_graph(function, work);
    if edges == Edges::Changed {
        remove_trivial_params(function, work);
    }
}

/// A pass alone, on any verified function.
///
/// Inside [`optimize`] a pass goes on with what the pass before it found out of the graph.
pub mod alone {
    use super::{Function, Workspace};

    macro_rules! passes {
        ($($(#[$doc:meta])* $module:ident::$name:ident -> $result:ty;)*) => {
            $(
                $(#[$doc])*
                pub fn $name(function: &mut Function, work: &mut Workspace) -> $result {
                    work.forget_graph();
                    super::$module::$name(function, work)
                }
            )*
        };
    }

    passes! {
        /// Removes unreachable blocks and joins chains.
        graph::clean_graph -> ();
        /// Folds, propagates copies, numbers values.
        simplify::simplify -> super::Edges;
        /// Removes what nothing needs.
        dead::remove_dead -> ();
        /// Replaces block parameters that can only have one value.
        dead::remove_trivial_params -> ();
        /// Rotates loops.
        rotate::rotate_loops -> super::Rotated;
        /// Gives values new names where the part with calls begins.
        frame::separate_calls -> ();
    }
}

/// What a [`Workspace`] knows of the function at hand.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
enum Known {
    #[default]
    Nothing,
    Graph,
    Dominators,
}

/// Memory of the passes: most functions are small, so that asking for it anew would cost more
/// than the work. No pass reads what an earlier one left here.
#[derive(Debug, Default)]
pub struct Workspace {
    known: Known,
    cfg: Cfg,
    dominators: Dominators,
    replacements: Replacements,
    /// Per value or block.
    marks: Vec<bool>,
    /// Per block.
    flags: Vec<bool>,
    stack: Vec<usize>,
    /// Per block.
    numbers: Vec<BlockId>,
    /// By hash.
    candidates: Vec<Option<(InstId, BlockId)>>,
    /// Per block parameter.
    arguments: Vec<dead::Argument>,
    renumbered: Renumbered,
    /// Per block where it only jumps to.
    jumps: Vec<Option<BlockCall>>,
    /// Arguments of one edge.
    values: Vec<ValueId>,
    rotation: rotate::Memory,
    frame: frame::Memory,
    /// Blocks whose memory can be used again.
    spare: SpareBlocks,
}

impl Workspace {
    /// The graph is another one from here on.
    fn forget_graph(&mut self) {
        self.known = Known::Nothing;
    }

    /// Finds out order and predecessors of the blocks, if they are not known.
    fn know_graph(&mut self, function: &Function) {
        if self.known < Known::Graph {
            self.cfg.refresh(function);
            self.known = Known::Graph;
        }
    }

    /// Finds out also what dominates what.
    fn know_dominators(&mut self, function: &Function) {
        self.know_graph(function);
        if self.known < Known::Dominators {
            self.dominators.refresh(&self.cfg);
            self.known = Known::Dominators;
        }
    }

    /// Lends the graph of the function that was optimised last, if it is known.
    pub(crate) fn lend_graph(&mut self) -> Option<&mut Cfg> {
        let known = core::mem::take(&mut self.known);
        (known >= Known::Graph).then_some(&mut self.cfg)
    }

    /// Blocks whose memory can be used again.
    pub(crate) fn spare(&mut self) -> &mut SpareBlocks {
        &mut self.spare
    }
}

/// Values that are to be replaced by others.
#[derive(Debug, Default)]
struct Replacements {
    to: Vec<ValueId>,
    /// Whether any value is replaced.
    any: bool,
}

impl Replacements {
    /// Forgets what it knew; none of `values` values is replaced.
    fn reset(&mut self, values: usize) {
        self.to.clear();
        self.to.extend((0..values).map(ValueId::new));
        self.any = false;
    }

    fn replace(&mut self, old: ValueId, new: ValueId) {
        self.any = true;
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

    /// Replaces every operand in a list; tells whether there was one.
    fn apply_to_lists(&mut self, function: &mut Function) -> bool {
        let mut changed = false;
        if self.any {
            for value in &mut function.pool {
                let new = self.find(*value);
                changed |= core::mem::replace(value, new) != new;
            }
        }
        changed
    }

    /// Replaces every operand.
    fn apply(&mut self, function: &mut Function) {
        if !self.any {
            return;
        }
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
