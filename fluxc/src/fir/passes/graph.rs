//! Cleans the control flow graph: unreachable blocks, blocks that only jump on, chains.

use super::Replacements;
use crate::fir::{BlockCall, BlockId, Cfg, Function, Terminator, ValueDef, ValueId};
use alloc::vec;
use alloc::vec::Vec;

/// How many blocks that only jump on are followed from one edge.
const HOPS: usize = 16;

/// Removes unreachable blocks, leads edges past blocks that only jump on, and joins a
/// block with its successor where each is the other's only one.
pub fn clean_graph(function: &mut Function) {
    drop_unreachable(function);
    thread_jumps(function);
    copy_returns(function);
    drop_unreachable(function);
    join_chains(function);
    drop_unreachable(function);
}

/// Removes blocks that the entry does not reach.
pub(super) fn drop_unreachable(function: &mut Function) {
    let cfg = Cfg::new(function);
    if cfg.order.len() == function.blocks.len() {
        return;
    }
    let mut new_id = vec![BlockId::new(0); function.blocks.len()];
    let mut count = 0;
    for (n, id) in new_id.iter_mut().enumerate() {
        if cfg.position(BlockId::new(n)).is_some() {
            *id = BlockId::new(count);
            count += 1;
        }
    }
    let blocks = core::mem::take(&mut function.blocks);
    for (n, mut block) in blocks.into_iter().enumerate() {
        if cfg.position(BlockId::new(n)).is_none() {
            for &param in &block.params {
                function.values[param.index()].def = ValueDef::None;
            }
            for &inst in &block.insts {
                if let Some(result) = function.insts[inst.index()].result {
                    function.values[result.index()].def = ValueDef::None;
                }
            }
            continue;
        }
        for (place, &param) in block.params.iter().enumerate() {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            function.values[param.index()].def = ValueDef::Param(new_id[n], place);
        }
        let mut slot = 0;
        while let Some(call) = block.terminator.successor_mut(slot) {
            call.block = new_id[call.block.index()];
            slot += 1;
        }
        function.blocks.push(block);
    }
}

/// Leads edges to a block without instructions and parameters that only jumps to where it
/// jumps.
fn thread_jumps(function: &mut Function) {
    let only_jumps: Vec<Option<BlockCall>> = function
        .blocks
        .iter()
        .enumerate()
        .map(|(n, block)| match block.terminator {
            Terminator::Jump(call) if n != 0 && block.insts.is_empty() && block.params.is_empty() => {
                Some(call)
            }
            _ => None,
        })
        .collect();
    if only_jumps.iter().all(Option::is_none) {
        return;
    }
    for block in &mut function.blocks {
        let mut slot = 0;
        while let Some(call) = block.terminator.successor_mut(slot) {
            slot += 1;
            for _ in 0..HOPS {
                match only_jumps[call.block.index()] {
                    Some(next) if next.block != call.block => *call = next,
                    _ => break,
                }
            }
        }
        if let Terminator::Branch { then, otherwise, .. } = &block.terminator
            && then.block == otherwise.block
            && then.args.of(&function.pool) == otherwise.args.of(&function.pool)
        {
            block.terminator = Terminator::Jump(*then);
        }
    }
}

/// Returns at once where a jump leads to a block that only returns.
fn copy_returns(function: &mut Function) {
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
    }
}

fn join_chains(function: &mut Function) {
    let cfg = Cfg::new(function);
    let mut replacements = Replacements::new(function.values.len());
    let mut joined = vec![false; function.blocks.len()];
    let mut any = false;
    for &id in &cfg.order {
        if joined[id.index()] {
            continue;
        }
        while let Terminator::Jump(call) = function.blocks[id.index()].terminator {
            if call.block == id || call.block.index() == 0 || cfg.predecessors(call.block).len() != 1 {
                break;
            }
            any = true;
            joined[call.block.index()] = true;
            let next = core::mem::take(&mut function.blocks[call.block.index()]);
            let args: Vec<ValueId> = function.list(call.args).to_vec();
            for (&param, arg) in next.params.iter().zip(args) {
                replacements.replace(param, arg);
                function.values[param.index()].def = ValueDef::None;
            }
            let block = &mut function.blocks[id.index()];
            if block.insts.is_empty() {
                block.insts = next.insts;
            } else {
                block.insts.extend_from_slice(&next.insts);
            }
            block.terminator = next.terminator;
            block.line = next.line;
        }
    }
    if any {
        replacements.apply(function);
    }
}
