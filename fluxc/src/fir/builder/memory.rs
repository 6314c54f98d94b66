//! What a builder keeps while it builds, and from one function to the next.

use super::Variable;
use crate::fir::pack::{LARGE, SpareBlocks};
use crate::fir::types::Type;
use crate::fir::{BlockId, Function, InstId, ValueId};
use alloc::vec::Vec;
use hashbrown::HashMap;

/// The end of a list.
pub(super) const END: u32 = u32::MAX;

/// A list of edges or parameters, which are linked in the order in which they were added.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) count: u32,
}

impl Chain {
    pub(super) const EMPTY: Self = Self { first: END, last: END, count: 0 };

    /// Appends; gives the one that stood last so far, which is to lead to the new one.
    pub(super) fn append(&mut self, number: u32) -> u32 {
        if self.count == 0 {
            self.first = number;
        }
        self.count += 1;
        core::mem::replace(&mut self.last, number)
    }
}

#[derive(Debug)]
pub(super) struct BlockState {
    pub(super) sealed: bool,
    pub(super) filled: bool,
    /// Edges that lead here.
    pub(super) predecessors: Chain,
    /// Parameters for variables, behind the explicit ones.
    pub(super) params: Chain,
}

#[derive(Debug)]
pub(super) struct Edge {
    pub(super) from: BlockId,
    /// Which successor of `from`.
    pub(super) slot: u32,
    /// The next edge to the same block.
    pub(super) next: u32,
}

/// A block parameter that a variable needed.
#[derive(Debug)]
pub(super) struct VariableParam {
    pub(super) block: BlockId,
    pub(super) variable: Variable,
    /// The next one of the same block.
    pub(super) next: u32,
    /// Where its values for the edges begin in `incoming`; [`END`] until they are found.
    pub(super) incoming: u32,
}

/// Memory of a builder, which may serve one function after the other.
#[derive(Debug, Default)]
pub(crate) struct BuilderMemory {
    /// Lists of a function that is needed no more.
    pub(super) function: Function,
    pub(super) spare: SpareBlocks,
    pub(super) variables: Vec<Type>,
    /// Rows of the locals that variables are, sorted by variable.
    pub(super) rows: Vec<(Variable, u32)>,
    /// Parameters for such variables, with their rows.
    pub(super) joins: Vec<(BlockId, u32, ValueId)>,
    /// Per variable its latest definition; older ones of other blocks are in `older`.
    pub(super) latest: Vec<Option<(BlockId, ValueId)>>,
    pub(super) older: HashMap<(Variable, BlockId), ValueId>,
    pub(super) states: Vec<BlockState>,
    pub(super) edges: Vec<Edge>,
    pub(super) params: Vec<VariableParam>,
    /// Values for variable parameters, edge by edge.
    pub(super) incoming: Vec<ValueId>,
    /// Variable parameters whose incoming values are to be found.
    pub(super) work: Vec<u32>,
    /// Zeros of variables that nothing defines; they go to the front of the entry.
    pub(super) zeros: Vec<InstId>,
}

impl BuilderMemory {
    /// Takes back the lists of a function that was built with this memory.
    pub(crate) fn recycle(&mut self, mut function: Function) {
        if function.values.capacity() > LARGE {
            *self = Self::default();
            return;
        }
        self.spare.keep_all(&mut function.blocks);
        self.function = function;
    }

    pub(super) fn clear(&mut self) {
        self.spare.keep_all(&mut self.function.blocks);
        self.function.insts.clear();
        self.function.values.clear();
        self.function.pool.clear();
        self.variables.clear();
        self.rows.clear();
        self.joins.clear();
        self.latest.clear();
        if self.older.capacity() > KEPT {
            // Emptying a map takes as long as it is large.
            self.older = HashMap::new();
        }
        self.older.clear();
        self.states.clear();
        self.edges.clear();
        self.params.clear();
        self.incoming.clear();
        self.work.clear();
        self.zeros.clear();
    }
}

/// Most entries of a map that is kept for the next function.
const KEPT: usize = 1_024;
