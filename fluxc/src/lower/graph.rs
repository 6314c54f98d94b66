//! Which functions a module needs, which of them are recursive, and where their frames lie.
//!
//! Arrays and structs of a function live in its frame. A function that cannot be active
//! twice has its frame at a fixed place behind the state; frames of functions that are never
//! active together overlap. A recursive function takes its frame from the arena at each call.

use alloc::vec;
use alloc::vec::Vec;

use crate::lang::sema::tree::{FnId, Program};

/// The functions of a module.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    /// Functions that are needed, by number.
    pub(super) order: Vec<FnId>,
    /// For each function of the document: whether it can call itself, over others or not.
    pub(super) recursive: Vec<bool>,
    /// Needed functions so that each one stands before those that it calls (circles apart).
    pub(super) callers_first: Vec<FnId>,
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    Open(u32),
    Done,
}

/// The functions that `roots` need. Tarjan's strongly connected components without recursion.
pub(super) fn graph(program: &Program<'_>, roots: impl Iterator<Item = FnId>) -> Graph {
    let count = program.functions.len();
    let mut graph = Graph { recursive: vec![false; count], ..Graph::default() };
    let mut marks = vec![Mark::New; count];
    let mut low = vec![0u32; count];
    let mut next = 0u32;
    let mut stack: Vec<FnId> = Vec::new();
    let mut work: Vec<(FnId, usize)> = Vec::new();
    for root in roots {
        if marks.get(root.index()) == Some(&Mark::New) {
            work.push((root, 0));
        }
        while let Some((at, edge)) = work.pop() {
            let index = at.index();
            let Some(function) = program.functions.get(index) else { continue };
            if marks.get(index) == Some(&Mark::New) {
                if let (Some(mark), Some(low)) = (marks.get_mut(index), low.get_mut(index)) {
                    *mark = Mark::Open(next);
                    *low = next;
                }
                next += 1;
                stack.push(at);
            }
            let mut waits = false;
            for (position, callee) in function.body.calls.iter().enumerate().skip(edge) {
                match marks.get(callee.index()) {
                    Some(Mark::New) => {
                        // Come back to this edge: then the callee's low is known.
                        work.push((at, position));
                        work.push((*callee, 0));
                        waits = true;
                        break;
                    }
                    Some(Mark::Open(_)) => {
                        let other = low.get(callee.index()).copied().unwrap_or(0);
                        if let Some(low) = low.get_mut(index) {
                            *low = (*low).min(other);
                        }
                        if *callee == at
                            && let Some(slot) = graph.recursive.get_mut(index)
                        {
                            *slot = true;
                        }
                    }
                    _ => {}
                }
            }
            if waits {
                continue;
            }
            let least = low.get(index).copied().unwrap_or(0);
            if marks.get(index) == Some(&Mark::Open(least)) {
                let start = stack.iter().rposition(|other| *other == at).unwrap_or(0);
                let component: Vec<FnId> = stack.split_off(start);
                let many = component.len() > 1;
                for member in &component {
                    if let Some(mark) = marks.get_mut(member.index()) {
                        *mark = Mark::Done;
                    }
                    if many && let Some(slot) = graph.recursive.get_mut(member.index()) {
                        *slot = true;
                    }
                }
                graph.callers_first.extend(component);
            }
        }
    }
    // Components were closed callees first.
    graph.callers_first.reverse();
    graph.order.clone_from(&graph.callers_first);
    graph.order.sort_unstable();
    graph
}
