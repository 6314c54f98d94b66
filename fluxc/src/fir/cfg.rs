//! Control flow of a function: order, predecessors, dominators.
//!
//! # Invariants
//! 1. `order` is a reverse postorder of the blocks that the entry reaches.
//! 2. Everything here takes near-linear time and no recursion, whatever the graph:
//!    dominators by Lengauer and Tarjan with path compression (TOPLAS 1979).

use super::{BlockId, Function};
use alloc::vec;
use alloc::vec::Vec;

const NONE: u32 = u32::MAX;

/// Order and predecessors of a function's blocks.
#[derive(Debug)]
pub struct Cfg {
    /// Reachable blocks in reverse postorder; the entry is first.
    pub order: Vec<BlockId>,
    /// Per block its place in `order`, `u32::MAX` if it is unreachable.
    position: Vec<u32>,
    starts: Vec<u32>,
    predecessors: Vec<BlockId>,
}

impl Cfg {
    /// Analyses `function`; calls to blocks that do not exist are ignored.
    #[must_use]
    pub fn new(function: &Function) -> Self {
        let count = function.blocks.len();
        let mut starts = vec![0u32; count + 2];
        let mut successors: Vec<u32> = Vec::with_capacity(count * 2);
        let mut successor_starts: Vec<u32> = Vec::with_capacity(count + 1);
        for block in &function.blocks {
            successor_starts.push(index32(successors.len()));
            for call in block.terminator.successors() {
                if call.block.index() < count {
                    successors.push(index32(call.block.index()));
                }
            }
        }
        successor_starts.push(index32(successors.len()));

        let mut position = vec![NONE; count];
        let mut order = Vec::with_capacity(count);
        // Successors are visited last to first, so that in the order a block's first
        // successor comes right behind it and the way out of a loop behind the loop.
        let mut cursor: Vec<u32> = successor_starts.iter().skip(1).copied().collect();
        let mut stack: Vec<u32> = Vec::new();
        if count > 0 {
            stack.push(0);
            position[0] = 0;
        }
        while let Some(&at) = stack.last() {
            let at = at as usize;
            if cursor[at] > successor_starts[at] {
                cursor[at] -= 1;
                let to = successors[cursor[at] as usize];
                if position[to as usize] == NONE {
                    position[to as usize] = 0;
                    stack.push(to);
                }
            } else {
                stack.pop();
                order.push(BlockId::new(at));
            }
        }
        order.reverse();
        for (place, block) in order.iter().enumerate() {
            position[block.index()] = index32(place);
        }

        for block in &order {
            let at = block.index();
            for &to in &successors[successor_starts[at] as usize..successor_starts[at + 1] as usize] {
                starts[to as usize + 2] += 1;
            }
        }
        for at in 2..starts.len() {
            starts[at] += starts[at - 1];
        }
        let total = starts.last().copied().unwrap_or(0) as usize;
        let mut predecessors = vec![BlockId::new(0); total];
        for block in &order {
            let at = block.index();
            for &to in &successors[successor_starts[at] as usize..successor_starts[at + 1] as usize] {
                let slot = &mut starts[to as usize + 1];
                predecessors[*slot as usize] = *block;
                *slot += 1;
            }
        }
        Self { order, position, starts, predecessors }
    }

    /// Place of a block in the order; `None` if it is unreachable.
    #[must_use]
    pub fn position(&self, block: BlockId) -> Option<usize> {
        match self.position.get(block.index()) {
            Some(&place) if place != NONE => Some(place as usize),
            _ => None,
        }
    }

    /// Reachable predecessors, one for each edge.
    #[must_use]
    pub fn predecessors(&self, block: BlockId) -> &[BlockId] {
        let at = block.index();
        match (self.starts.get(at), self.starts.get(at + 1)) {
            (Some(&from), Some(&to)) => &self.predecessors[from as usize..to as usize],
            _ => &[],
        }
    }
}

/// The dominator tree of the reachable blocks.
#[derive(Debug)]
pub struct Dominators {
    /// Per block its immediate dominator's place in the order; the entry has itself.
    parent: Vec<u32>,
    /// Per block number of its first and last descendant in a walk of the tree.
    first: Vec<u32>,
    last: Vec<u32>,
}

impl Dominators {
    /// Computes the tree.
    #[must_use]
    pub fn new(function: &Function, cfg: &Cfg) -> Self {
        let blocks = function.blocks.len();
        let mut tree = Self { parent: vec![NONE; blocks], first: vec![NONE; blocks], last: vec![0; blocks] };
        if cfg.order.is_empty() {
            return tree;
        }
        let (vertices, tree_parent, number) = depth_first(function);
        let count = vertices.len();
        let mut semi: Vec<u32> = (0..index32(count)).collect();
        let mut label = semi.clone();
        let mut ancestor = vec![NONE; count];
        let mut idom = vec![0u32; count];
        let mut bucket_head = vec![NONE; count];
        let mut bucket_next = vec![NONE; count];
        let mut path = Vec::new();
        for at in (1..count).rev() {
            for from in cfg.predecessors(BlockId::new(vertices[at] as usize)) {
                let from = number[from.index()];
                let best = evaluate(from, &mut ancestor, &mut label, &semi, &mut path);
                semi[at] = semi[at].min(semi[best as usize]);
            }
            let home = semi[at] as usize;
            bucket_next[at] = bucket_head[home];
            bucket_head[home] = index32(at);
            let parent = tree_parent[at];
            ancestor[at] = parent;
            let mut member = core::mem::replace(&mut bucket_head[parent as usize], NONE);
            while member != NONE {
                let best = evaluate(member, &mut ancestor, &mut label, &semi, &mut path);
                let member_at = member as usize;
                idom[member_at] = if semi[best as usize] < semi[member_at] { best } else { parent };
                member = bucket_next[member_at];
            }
        }
        for at in 1..count {
            if idom[at] != semi[at] {
                idom[at] = idom[idom[at] as usize];
            }
        }
        tree.number_tree(&vertices, &idom);
        tree
    }

    fn number_tree(&mut self, vertices: &[u32], idom: &[u32]) {
        let count = vertices.len();
        // Children lists; a child's number is greater than its dominator's.
        let mut head = vec![NONE; count];
        let mut next = vec![NONE; count];
        for at in (1..count).rev() {
            let parent = idom[at] as usize;
            next[at] = head[parent];
            head[parent] = index32(at);
            self.parent[vertices[at] as usize] = vertices[parent];
        }
        self.parent[vertices[0] as usize] = vertices[0];
        let mut clock = 0u32;
        let mut stack = vec![0u32];
        self.first[vertices[0] as usize] = 0;
        while let Some(&at) = stack.last() {
            let child = head[at as usize];
            if child == NONE {
                self.last[vertices[at as usize] as usize] = clock;
                stack.pop();
            } else {
                head[at as usize] = next[child as usize];
                clock += 1;
                self.first[vertices[child as usize] as usize] = clock;
                stack.push(child);
            }
        }
    }

    /// Tells whether every path to `below` goes through `above`; both must be reachable.
    #[must_use]
    pub fn dominates(&self, above: BlockId, below: BlockId) -> bool {
        let (above, below) = (above.index(), below.index());
        match (self.first.get(above), self.first.get(below)) {
            (Some(&a), Some(&b)) if a != NONE && b != NONE => a <= b && b <= self.last[above],
            _ => false,
        }
    }

    /// The closest other block that dominates `block`; `None` for the entry.
    #[must_use]
    pub fn immediate(&self, block: BlockId) -> Option<BlockId> {
        match self.parent.get(block.index()) {
            Some(&parent) if parent != NONE && parent as usize != block.index() => {
                Some(BlockId::new(parent as usize))
            }
            _ => None,
        }
    }
}

/// Depth-first numbering: blocks by number, tree parents by number, numbers by block.
fn depth_first(function: &Function) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
    let count = function.blocks.len();
    let mut number = vec![NONE; count];
    let (mut vertices, mut parents) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut stack = vec![(0u32, 0u32)];
    while let Some((at, parent)) = stack.pop() {
        if number[at as usize] != NONE {
            continue;
        }
        let own = index32(vertices.len());
        number[at as usize] = own;
        vertices.push(at);
        parents.push(parent);
        for call in function.blocks[at as usize].terminator.successors() {
            if call.block.index() < count && number[call.block.index()] == NONE {
                stack.push((index32(call.block.index()), own));
            }
        }
    }
    (vertices, parents, number)
}

/// The vertex of least semidominator on the linked path above `vertex`.
fn evaluate(vertex: u32, ancestor: &mut [u32], label: &mut [u32], semi: &[u32], path: &mut Vec<u32>) -> u32 {
    let mut at = vertex;
    while ancestor[at as usize] != NONE && ancestor[ancestor[at as usize] as usize] != NONE {
        path.push(at);
        at = ancestor[at as usize];
    }
    while let Some(below) = path.pop() {
        let below = below as usize;
        let above = ancestor[below] as usize;
        if semi[label[above] as usize] < semi[label[below] as usize] {
            label[below] = label[above];
        }
        ancestor[below] = ancestor[above];
    }
    if ancestor[vertex as usize] == NONE { vertex } else { label[vertex as usize] }
}

#[expect(clippy::cast_possible_truncation, reason = "arenas are bounded below 2^32")]
fn index32(index: usize) -> u32 {
    index as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fir::{Block, BlockCall, Case, Terminator, ValueId, ValueList};
    use proptest::prelude::*;

    /// A function of empty blocks with these edges.
    fn graph(edges: &[Vec<usize>]) -> Function {
        let call = |&to: &usize| BlockCall { block: BlockId::new(to), args: ValueList::EMPTY };
        let blocks = edges.iter().map(|targets| {
            let terminator = match targets.split_first() {
                None => Terminator::Return(None),
                Some((default, rest)) => Terminator::Switch {
                    value: ValueId::new(0),
                    cases: rest.iter().zip(0..).map(|(to, value)| Case { value, target: call(to) }).collect(),
                    default: call(default),
                },
            };
            Block { terminator, ..Block::default() }
        });
        Function { blocks: blocks.collect(), ..Function::default() }
    }

    fn reachable_without(edges: &[Vec<usize>], without: Option<usize>) -> Vec<bool> {
        let mut seen = vec![false; edges.len()];
        let mut work = vec![0];
        while let Some(at) = work.pop() {
            if Some(at) != without && !core::mem::replace(&mut seen[at], true) {
                work.extend(&edges[at]);
            }
        }
        seen
    }

    proptest! {
        #[test]
        fn dominators_are_those_of_the_definition(
            edges in (1usize..14).prop_flat_map(|n| {
                proptest::collection::vec(proptest::collection::vec(0..n, 0..4), n)
            }),
        ) {
            let function = graph(&edges);
            let cfg = Cfg::new(&function);
            let dominators = Dominators::new(&function, &cfg);
            let reachable = reachable_without(&edges, None);
            for (n, &is_reachable) in reachable.iter().enumerate() {
                prop_assert_eq!(cfg.position(BlockId::new(n)).is_some(), is_reachable);
            }
            for above in (0..edges.len()).filter(|&n| reachable[n]) {
                let around = reachable_without(&edges, Some(above));
                for below in (0..edges.len()).filter(|&n| reachable[n]) {
                    let found = dominators.dominates(BlockId::new(above), BlockId::new(below));
                    prop_assert_eq!(found, !around[below], "{} over {} in {:?}", above, below, edges);
                }
            }
            for &id in &cfg.order {
                if let Some(parent) = dominators.immediate(id) {
                    prop_assert!(parent != id && dominators.dominates(parent, id));
                    let others = cfg.order.iter().filter(|&&other| other != id && dominators.dominates(other, id));
                    for &other in others {
                        prop_assert!(dominators.dominates(other, parent));
                    }
                }
            }
        }
    }

    #[test]
    fn the_way_out_of_a_loop_comes_behind_the_loop() {
        // 0 -> 1; 1 -> 3 (out), 2; 2 -> 1.
        let function = graph(&[vec![1], vec![3, 2], vec![1], vec![]]);
        let order: Vec<usize> = Cfg::new(&function).order.iter().map(|id| id.index()).collect();
        assert_eq!(order, [0, 1, 2, 3]);
    }
}
