//! Control flow of a function: order, predecessors, dominators.
//!
//! # Invariants
//! 1. `order` is a reverse postorder of the blocks that the entry reaches.
//! 2. Everything here takes near-linear time and no recursion, whatever the graph:
//!    dominators by Lengauer and Tarjan with path compression (TOPLAS 1979).

use super::{BlockId, Function};
use alloc::vec::Vec;

const NONE: u32 = u32::MAX;

/// Order and predecessors of a function's blocks.
///
/// One `Cfg` may serve function after function with [`Cfg::refresh`], so that its memory is
/// asked for once.
#[derive(Debug, Default)]
pub struct Cfg {
    /// Reachable blocks in reverse postorder; the entry is first.
    pub order: Vec<BlockId>,
    /// Per block its place in `order`, `u32::MAX` if it is unreachable.
    position: Vec<u32>,
    starts: Vec<u32>,
    predecessors: Vec<BlockId>,
    /// Per block where its successors begin, and where the last one's end.
    successor_starts: Vec<u32>,
    successors: Vec<u32>,
    stack: Vec<u32>,
}

impl Cfg {
    /// Analyses `function`; calls to blocks that do not exist are ignored.
    #[must_use]
    pub fn new(function: &Function) -> Self {
        let mut cfg = Self::default();
        cfg.refresh(function);
        cfg
    }

    /// Forgets what it knew and analyses `function`.
    pub fn refresh(&mut self, function: &Function) {
        let count = function.blocks.len();
        self.successors.clear();
        self.successor_starts.clear();
        self.successor_starts.push(0);
        for block in &function.blocks {
            block.terminator.for_each_successor(|call| {
                if call.block.index() < count {
                    self.successors.push(index32(call.block.index()));
                }
            });
            self.successor_starts.push(index32(self.successors.len()));
        }
        self.find_order(count);
        self.find_predecessors(count);
    }

    fn find_order(&mut self, count: usize) {
        // While a block is on the stack its position is one past the successor to visit next.
        // Successors are visited last to first, so that in the order a block's first
        // successor comes right behind it and the way out of a loop behind the loop.
        refill(&mut self.position, count, NONE);
        self.order.clear();
        self.stack.clear();
        if count > 0 {
            self.stack.push(0);
            self.position[0] = self.successor_starts[1];
        }
        while let Some(&at) = self.stack.last() {
            let at = at as usize;
            if self.position[at] > self.successor_starts[at] {
                self.position[at] -= 1;
                let to = self.successors[self.position[at] as usize] as usize;
                if self.position[to] == NONE {
                    self.position[to] = self.successor_starts[to + 1];
                    self.stack.push(index32(to));
                }
            } else {
                self.stack.pop();
                self.order.push(BlockId::new(at));
            }
        }
        self.order.reverse();
        for (place, block) in self.order.iter().enumerate() {
            self.position[block.index()] = index32(place);
        }
    }

    fn find_predecessors(&mut self, count: usize) {
        refill(&mut self.starts, count + 2, 0);
        for block in &self.order {
            let (from, to) = self.successor_range(block.index());
            for &target in &self.successors[from..to] {
                self.starts[target as usize + 2] += 1;
            }
        }
        for at in 2..self.starts.len() {
            self.starts[at] += self.starts[at - 1];
        }
        let total = self.starts.last().copied().unwrap_or(0) as usize;
        refill(&mut self.predecessors, total, BlockId::new(0));
        for block in &self.order {
            let (from, to) = self.successor_range(block.index());
            for &target in &self.successors[from..to] {
                let slot = &mut self.starts[target as usize + 1];
                self.predecessors[*slot as usize] = *block;
                *slot += 1;
            }
        }
    }

    fn successor_range(&self, block: usize) -> (usize, usize) {
        (self.successor_starts[block] as usize, self.successor_starts[block + 1] as usize)
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
///
/// Like a [`Cfg`] it may be refreshed.
#[derive(Debug, Default)]
pub struct Dominators {
    /// Per block its immediate dominator's place in the order; the entry has itself.
    parent: Vec<u32>,
    /// Per block number of its first and last descendant in a walk of the tree.
    first: Vec<u32>,
    last: Vec<u32>,
    work: Work,
}

/// What Lengauer and Tarjan keep for each vertex, by its number in the depth-first walk.
#[derive(Clone, Copy, Debug)]
struct Vertex {
    block: u32,
    tree_parent: u32,
    semi: u32,
    label: u32,
    ancestor: u32,
    idom: u32,
    /// First of the vertices whose semidominator this is, and the next one of such a list;
    /// later the same for children in the dominator tree.
    head: u32,
    next: u32,
}

#[derive(Debug, Default)]
struct Work {
    vertices: Vec<Vertex>,
    /// Per block the number of its vertex.
    number: Vec<u32>,
    walk: Vec<(u32, u32)>,
    path: Vec<u32>,
}

/// Up to this many blocks the simple algorithm is the faster one.
const SMALL: usize = 64;

/// The closest place that dominates both, where each place's parent stands before it.
fn meet(parents: &[u32; SMALL], mut a: u32, mut b: u32) -> u32 {
    while a != b {
        if a > b {
            a = parents[a as usize];
        } else {
            b = parents[b as usize];
        }
    }
    a
}

impl Dominators {
    /// Computes the tree of a function with this graph.
    #[must_use]
    pub fn new(cfg: &Cfg) -> Self {
        let mut tree = Self::default();
        tree.refresh(cfg);
        tree
    }

    /// Forgets what it knew and computes the tree of a function with this graph.
    pub fn refresh(&mut self, cfg: &Cfg) {
        if cfg.order.len() <= SMALL {
            self.refresh_small(cfg);
        } else {
            self.refresh_large(cfg);
        }
    }

    fn reset(&mut self, cfg: &Cfg) {
        let blocks = cfg.position.len();
        refill(&mut self.parent, blocks, NONE);
        refill(&mut self.first, blocks, NONE);
        refill(&mut self.last, blocks, 0);
    }

    /// By Lengauer and Tarjan; there is a block.
    fn refresh_large(&mut self, cfg: &Cfg) {
        self.reset(cfg);
        self.work.walk_depth_first(cfg);
        let Work { vertices, number, path, .. } = &mut self.work;
        for at in (1..vertices.len()).rev() {
            for from in cfg.predecessors(BlockId::new(vertices[at].block as usize)) {
                let best = evaluate(number[from.index()], vertices, path);
                vertices[at].semi = vertices[at].semi.min(vertices[best as usize].semi);
            }
            let home = vertices[at].semi as usize;
            vertices[at].next = vertices[home].head;
            vertices[home].head = index32(at);
            let parent = vertices[at].tree_parent;
            vertices[at].ancestor = parent;
            let mut member = core::mem::replace(&mut vertices[parent as usize].head, NONE);
            while member != NONE {
                let best = evaluate(member, vertices, path);
                let semi = vertices[best as usize].semi;
                let member_at = &mut vertices[member as usize];
                member_at.idom = if semi < member_at.semi { best } else { parent };
                member = member_at.next;
            }
        }
        for at in 1..vertices.len() {
            if vertices[at].idom != vertices[at].semi {
                vertices[at].idom = vertices[vertices[at].idom as usize].idom;
            }
        }
        self.number_tree();
    }

    /// By Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm" (2001), for at most
    /// [`SMALL`] blocks, which are places in the order here.
    fn refresh_small(&mut self, cfg: &Cfg) {
        self.reset(cfg);
        let count = cfg.order.len();
        let mut parents = [NONE; SMALL];
        let mut sizes = [1u32; SMALL];
        if let Some(entry) = parents.first_mut() {
            *entry = 0;
        }
        let mut changed = true;
        while changed {
            changed = false;
            for place in 1..count {
                let mut parent = NONE;
                for from in cfg.predecessors(cfg.order[place]) {
                    let from = cfg.position[from.index()];
                    if parents[from as usize] == NONE {
                        continue;
                    }
                    parent = if parent == NONE { from } else { meet(&parents, parent, from) };
                }
                changed |= core::mem::replace(&mut parents[place], parent) != parent;
            }
        }
        for place in (1..count).rev() {
            sizes[parents[place] as usize] += sizes[place];
        }
        // Each block gets its number and as many after it as it has descendants.
        let mut next = [0u32; SMALL];
        for place in 0..count {
            let parent = parents[place] as usize;
            let first = next[parent];
            next[parent] += sizes[place];
            next[place] = first + 1;
            let block = cfg.order[place].index();
            self.parent[block] = index32(cfg.order[parent].index());
            self.first[block] = first;
            self.last[block] = first + sizes[place] - 1;
        }
    }

    fn number_tree(&mut self) {
        let vertices = &mut self.work.vertices;
        // Children lists; a child's number is greater than its dominator's.
        vertices.iter_mut().for_each(|vertex| vertex.head = NONE);
        for at in (1..vertices.len()).rev() {
            let parent = vertices[at].idom as usize;
            vertices[at].next = vertices[parent].head;
            vertices[parent].head = index32(at);
            self.parent[vertices[at].block as usize] = vertices[parent].block;
        }
        self.parent[vertices[0].block as usize] = vertices[0].block;
        let mut clock = 0u32;
        let stack = &mut self.work.path;
        stack.clear();
        stack.push(0);
        self.first[vertices[0].block as usize] = 0;
        while let Some(&at) = stack.last() {
            let at = at as usize;
            let child = vertices[at].head;
            if child == NONE {
                self.last[vertices[at].block as usize] = clock;
                stack.pop();
            } else {
                vertices[at].head = vertices[child as usize].next;
                clock += 1;
                self.first[vertices[child as usize].block as usize] = clock;
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

impl Work {
    /// Numbers the reachable blocks depth first.
    fn walk_depth_first(&mut self, cfg: &Cfg) {
        refill(&mut self.number, cfg.position.len(), NONE);
        self.vertices.clear();
        self.walk.clear();
        self.walk.push((0, 0));
        while let Some((block, tree_parent)) = self.walk.pop() {
            if self.number[block as usize] != NONE {
                continue;
            }
            let own = index32(self.vertices.len());
            self.number[block as usize] = own;
            self.vertices.push(Vertex {
                block,
                tree_parent,
                semi: own,
                label: own,
                ancestor: NONE,
                idom: 0,
                head: NONE,
                next: NONE,
            });
            let (from, to) = cfg.successor_range(block as usize);
            for &target in &cfg.successors[from..to] {
                if self.number[target as usize] == NONE {
                    self.walk.push((target, own));
                }
            }
        }
    }
}

/// The vertex of least semidominator on the linked path above `vertex`.
fn evaluate(vertex: u32, vertices: &mut [Vertex], path: &mut Vec<u32>) -> u32 {
    let mut at = vertex as usize;
    loop {
        let above = vertices[at].ancestor;
        if above == NONE || vertices[above as usize].ancestor == NONE {
            break;
        }
        path.push(index32(at));
        at = above as usize;
    }
    while let Some(below) = path.pop() {
        let Vertex { ancestor, label, .. } = vertices[below as usize];
        let above = vertices[ancestor as usize];
        if vertices[above.label as usize].semi < vertices[label as usize].semi {
            vertices[below as usize].label = above.label;
        }
        vertices[below as usize].ancestor = above.ancestor;
    }
    let Vertex { ancestor, label, .. } = vertices[vertex as usize];
    if ancestor == NONE { vertex } else { label }
}

/// Makes `list` hold `count` times `value`.
fn refill<T: Clone>(list: &mut Vec<T>, count: usize, value: T) {
    list.clear();
    list.resize(count, value);
}

#[expect(clippy::cast_possible_truncation, reason = "arenas are bounded below 2^32")]
fn index32(index: usize) -> u32 {
    index as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fir::{Block, BlockCall, Case, Terminator, ValueId, ValueList};
    use alloc::vec;
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
            let mut both = [Dominators::default(), Dominators::default()];
            both[0].refresh_small(&cfg);
            both[1].refresh_large(&cfg);
            let reachable = reachable_without(&edges, None);
            for (n, &is_reachable) in reachable.iter().enumerate() {
                prop_assert_eq!(cfg.position(BlockId::new(n)).is_some(), is_reachable);
            }
            for above in (0..edges.len()).filter(|&n| reachable[n]) {
                let around = reachable_without(&edges, Some(above));
                for below in (0..edges.len()).filter(|&n| reachable[n]) {
                    for dominators in &both {
                        let found = dominators.dominates(BlockId::new(above), BlockId::new(below));
                        prop_assert_eq!(found, !around[below], "{} over {} in {:?}", above, below, edges);
                    }
                }
            }
            for (&id, dominators) in cfg.order.iter().flat_map(|id| both.iter().map(move |tree| (id, tree))) {
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
