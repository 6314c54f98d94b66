//! Cleans the control flow graph: unreachable blocks, blocks that only jump on, chains.

use super::{Known, Workspace};
use crate::fir::{Block, BlockCall, BlockId, Function, Terminator, ValueDef};
use alloc::vec::Vec;

/// How many blocks that only jump on are followed from one edge.
const HOPS: usize = 16;

/// Removes unreachable blocks, leads edges past blocks that only jump on, and joins a
/// block with its successor where each is the other's only one.
pub(super) fn clean_graph(function: &mut Function, work: &mut Workspace) {
    drop_unreachable(function, work);
    let mut changed = thread_jumps(function, &mut work.jumps);
    changed |= copy_returns(function);
    if changed {
        work.forget_graph();
        drop_unreachable(function, work);
    }
    if join_chains(function, work) {
        work.forget_graph();
        drop_unreachable(function, work);
    }
}

/// Removes blocks that the entry does not reach.
pub(super) fn drop_unreachable(function: &mut Function, work: &mut Workspace) {
    if work.known >= Known::Graph && work.cfg.order.len() == function.blocks.len() {
        return;
    }
    let Workspace { known, marks: reached, stack, numbers: new_id, spare, .. } = work;
    reached.clear();
    reached.resize(function.blocks.len(), false);
    stack.clear();
    let mut count = 0;
    if let Some(entry) = reached.first_mut() {
        *entry = true;
        stack.push(0);
    }
    while let Some(at) = stack.pop() {
        count += 1;
        function.blocks[at].terminator.for_each_successor(|call| {
            let target = call.block.index();
            if !core::mem::replace(&mut reached[target], true) {
                stack.push(target);
            }
        });
    }
    if count == function.blocks.len() {
        return;
    }
    *known = Known::Nothing;
    new_id.clear();
    let mut count = 0;
    for &is_reached in reached.iter() {
        new_id.push(BlockId::new(count));
        count += usize::from(is_reached);
    }
    let Function { blocks, values, insts, .. } = function;
    let mut numbers = reached.iter().zip(new_id.iter());
    blocks.retain_mut(|block| {
        let Some((&is_reached, &id)) = numbers.next() else { return false };
        if !is_reached {
            for &param in &block.params {
                values[param.index()].def = ValueDef::None;
            }
            for &inst in &block.insts {
                if let Some(result) = insts[inst.index()].result {
                    values[result.index()].def = ValueDef::None;
                }
            }
            spare.keep(core::mem::take(block));
            return false;
        }
        for (place, &param) in block.params.iter().enumerate() {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            values[param.index()].def = ValueDef::Param(id, place);
        }
        let mut slot = 0;
        while let Some(call) = block.terminator.successor_mut(slot) {
            call.block = new_id[call.block.index()];
            slot += 1;
        }
        true
    });
}

/// Leads edges to a block without instructions and parameters that only jumps to where it
/// jumps.
fn thread_jumps(function: &mut Function, only_jumps: &mut Vec<Option<BlockCall>>) -> bool {
    only_jumps.clear();
    only_jumps.extend(function.blocks.iter().enumerate().map(|(n, block)| match block.terminator {
        Terminator::Jump(call) if n != 0 && block.insts.is_empty() && block.params.is_empty() => Some(call),
        _ => None,
    }));
    let mut changed = false;
    for block in &mut function.blocks {
        let mut slot = 0;
        while let Some(call) = block.terminator.successor_mut(slot) {
            slot += 1;
            for _ in 0..HOPS {
                match only_jumps[call.block.index()] {
                    Some(next) if next.block != call.block => {
                        *call = next;
                        changed = true;
                    }
                    _ => break,
                }
            }
        }
        if let Terminator::Branch { then, otherwise, .. } = &block.terminator
            && then.block == otherwise.block
            && then.args.of(&function.pool) == otherwise.args.of(&function.pool)
        {
            block.terminator = Terminator::Jump(*then);
            changed = true;
        }
    }
    changed
}

/// Returns at once where a jump leads to a block that only returns.
fn copy_returns(function: &mut Function) -> bool {
    let mut changed = false;
    for n in 0..function.blocks.len() {
        let Terminator::Jump(call) = function.blocks[n].terminator else { continue };
        let target = &function.blocks[call.block.index()];
        let Terminator::Return(value) = target.terminator else { continue };
        if !target.insts.is_empty() || call.block.index() == n {
            continue;
        }
        let line = target.line;
        let param = value.and_then(|value| target.params.iter().position(|&param| param == value));
        let value = match param {
            Some(place) => function.list(call.args).get(place).copied(),
            None => value,
        };
        function.blocks[n].terminator = Terminator::Return(value);
        function.blocks[n].line = line;
        changed = true;
    }
    changed
}

fn join_chains(function: &mut Function, work: &mut Workspace) -> bool {
    let Workspace { replacements, marks: is_first, stack: ways, spare, .. } = work;
    // Ways into each block; all blocks are reachable here.
    ways.clear();
    ways.resize(function.blocks.len(), 0);
    for block in &function.blocks {
        block.terminator.for_each_successor(|call| ways[call.block.index()] += 1);
    }
    let next_of = |block: &Block, id: BlockId| match block.terminator {
        Terminator::Jump(call)
            if call.block != id && call.block.index() != 0 && ways[call.block.index()] == 1 =>
        {
            Some(call)
        }
        _ => None,
    };
    // Each chain is followed once, from its first block.
    is_first.clear();
    is_first.resize(function.blocks.len(), true);
    let mut any = false;
    for (n, block) in function.blocks.iter().enumerate() {
        if let Some(call) = next_of(block, BlockId::new(n)) {
            is_first[call.block.index()] = false;
            any = true;
        }
    }
    if !any {
        return false;
    }
    replacements.reset(function.values.len());
    for n in (0..function.blocks.len()).filter(|&n| is_first[n]) {
        let id = BlockId::new(n);
        while let Some(call) = next_of(&function.blocks[n], id) {
            let mut next = core::mem::take(&mut function.blocks[call.block.index()]);
            for (&param, &arg) in next.params.iter().zip(call.args.of(&function.pool)) {
                replacements.replace(param, arg);
                function.values[param.index()].def = ValueDef::None;
            }
            let block = &mut function.blocks[n];
            if block.insts.is_empty() {
                core::mem::swap(&mut block.insts, &mut next.insts);
            } else {
                block.insts.extend_from_slice(&next.insts);
            }
            block.terminator = core::mem::take(&mut next.terminator);
            block.line = next.line;
            spare.keep(next);
        }
    }
    replacements.apply(function);
    true
}
