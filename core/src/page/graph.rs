//! A layered layout of the graph of calls, messages and devices.
//!
//! Longest paths from the sources give the layers; in each layer the nodes are ordered by the middle
//! of their neighbours, twice down and up (Sugiyama, Tagawa, Toda, 1981). Edges that close a circle
//! do not count for the layers.

use std::collections::BTreeMap;

/// What a node stands for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum NodeKind {
    /// A section of steps.
    Section,
    /// A function.
    Function,
    /// Another agent.
    Agent,
    /// A topic.
    Topic,
    /// A device.
    Device,
}

/// One node.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) label: String,
    pub(super) kind: NodeKind,
    /// Layer and place in it, once laid out.
    pub(super) layer: usize,
    pub(super) place: usize,
}

/// Nodes and directed edges.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<(usize, usize)>,
    numbers: BTreeMap<(NodeKind, String), usize>,
}

impl Graph {
    /// The number of the node with this label.
    pub(super) fn node(&mut self, label: &str, kind: NodeKind) -> usize {
        let next = self.nodes.len();
        let number = *self.numbers.entry((kind, label.to_owned())).or_insert(next);
        if number == next {
            self.nodes.push(Node { label: label.to_owned(), kind, layer: 0, place: 0 });
        }
        number
    }

    pub(super) fn edge(&mut self, from: usize, to: usize) {
        if !self.edges.contains(&(from, to)) {
            self.edges.push((from, to));
        }
    }

    /// Takes away functions that nothing calls and that call nothing: the compiler's own helpers.
    pub(super) fn drop_lonely(&mut self) {
        let keep: Vec<bool> = self
            .nodes
            .iter()
            .enumerate()
            .map(|(at, node)| {
                node.kind == NodeKind::Section || self.edges.iter().any(|(from, to)| *from == at || *to == at)
            })
            .collect();
        let mut next = 0;
        let moved: Vec<Option<usize>> = keep
            .iter()
            .map(|keep| {
                keep.then(|| {
                    next += 1;
                    next - 1
                })
            })
            .collect();
        let nodes = std::mem::take(&mut self.nodes);
        self.nodes = nodes.into_iter().zip(&keep).filter(|(_, keep)| **keep).map(|(node, _)| node).collect();
        let to = |at: usize| moved.get(at).copied().flatten();
        self.edges = self.edges.iter().filter_map(|(a, b)| Some((to(*a)?, to(*b)?))).collect();
        self.numbers.clear();
    }

    /// Gives each node its layer and place; gives the number of nodes of each layer.
    pub(super) fn lay_out(&mut self) -> Vec<usize> {
        let forward = self.without_circles();
        // Longest paths: each round settles one more layer, so the nodes bound the rounds.
        for _ in 0..self.nodes.len() {
            let mut changed = false;
            for (from, to) in &forward {
                let below = self.nodes.get(*from).map_or(0, |node| node.layer + 1);
                if let Some(node) = self.nodes.get_mut(*to).filter(|node| node.layer < below) {
                    node.layer = below;
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        let depth = self.nodes.iter().map(|node| node.layer + 1).max().unwrap_or(0);
        let mut layers: Vec<Vec<usize>> = vec![Vec::new(); depth];
        for (at, node) in self.nodes.iter().enumerate() {
            if let Some(layer) = layers.get_mut(node.layer) {
                layer.push(at);
            }
        }
        self.place(&layers);
        for _ in 0..2 {
            for layer in &mut layers {
                self.order(layer, |edge, at| (edge.1 == at).then_some(edge.0));
            }
            for layer in layers.iter_mut().rev() {
                self.order(layer, |edge, at| (edge.0 == at).then_some(edge.1));
            }
        }
        layers.iter().map(Vec::len).collect()
    }

    fn place(&mut self, layers: &[Vec<usize>]) {
        for layer in layers {
            for (place, at) in layer.iter().enumerate() {
                if let Some(node) = self.nodes.get_mut(*at) {
                    node.place = place;
                }
            }
        }
    }

    /// Orders a layer by the middle of the neighbours that `neighbour` names.
    fn order(&mut self, layer: &mut [usize], neighbour: impl Fn(&(usize, usize), usize) -> Option<usize>) {
        let middle = |at: usize| {
            let places: Vec<usize> = self
                .edges
                .iter()
                .filter_map(|edge| neighbour(edge, at))
                .filter_map(|other| self.nodes.get(other).map(|node| node.place))
                .collect();
            let own = self.nodes.get(at).map_or(0, |node| node.place);
            // In thousandths, so that no float decides.
            if places.is_empty() { own * 1_000 } else { places.iter().sum::<usize>() * 1_000 / places.len() }
        };
        let mut keyed: Vec<(usize, usize)> = layer.iter().map(|at| (middle(*at), *at)).collect();
        keyed.sort_by_key(|(middle, _)| *middle);
        for (place, (slot, (_, at))) in layer.iter_mut().zip(keyed).enumerate() {
            *slot = at;
            if let Some(node) = self.nodes.get_mut(at) {
                node.place = place;
            }
        }
    }

    /// The edges without those that lead back to a node of the path they stand on.
    fn without_circles(&self) -> Vec<(usize, usize)> {
        let mut back = Vec::new();
        // 0 not seen, 1 on the path, 2 done; the path is kept here instead of in calls.
        let mut state = vec![0_u8; self.nodes.len()];
        for root in 0..self.nodes.len() {
            let mut path = vec![(root, 0_usize)];
            if state.get(root) != Some(&0) {
                continue;
            }
            while let Some((at, nth)) = path.pop() {
                set(&mut state, at, 1);
                match self.edges.iter().filter(|(from, _)| *from == at).nth(nth) {
                    None => set(&mut state, at, 2),
                    Some((_, to)) => {
                        path.push((at, nth + 1));
                        match state.get(*to) {
                            Some(0) => path.push((*to, 0)),
                            Some(1) => back.push((at, *to)),
                            _ => {}
                        }
                    }
                }
            }
        }
        self.edges.iter().copied().filter(|edge| !back.contains(edge)).collect()
    }
}

fn set(state: &mut [u8], at: usize, value: u8) {
    if let Some(place) = state.get_mut(at) {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_follow_the_longest_path_and_circles_end() {
        let mut graph = Graph::default();
        let [a, b, c] = ["a", "b", "c"].map(|name| graph.node(name, NodeKind::Function));
        for edge in [(a, b), (b, c), (a, c), (c, a), (b, b)] {
            graph.edge(edge.0, edge.1);
        }
        assert_eq!(graph.lay_out(), [1, 1, 1]);
        assert_eq!(graph.nodes[c].layer, 2);
    }

    #[test]
    fn nodes_stand_under_their_neighbours() {
        let mut graph = Graph::default();
        let [a, b, x, y] = ["a", "b", "x", "y"].map(|name| graph.node(name, NodeKind::Function));
        graph.edge(a, y);
        graph.edge(b, x);
        graph.lay_out();
        assert!(graph.nodes[y].place < graph.nodes[x].place);
    }
}
