//! Prepares functions whose first part makes no call, such as the base case of a recursion.
//!
//! A value that lives across a call needs a place that a call leaves alone, which costs
//! saving and restoring. Where the part of a function with calls begins in one block, the
//! values that come into it get new names there, so that only this part pays.

use super::Workspace;
use crate::fir::{BlockId, Cfg, Dominators, Function, Inst, Terminator, Value, ValueDef, ValueId, ValueList};
use alloc::vec::Vec;
use flux_abi::opcode::Opcode;

/// What the search and the renaming keep in memory.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Per place in the order: loops that begin there less loops that end before it.
    in_loop: Vec<i32>,
    /// Blocks with calls.
    calls: Vec<BlockId>,
    /// Per block whether it is in the part with calls.
    is_inside: Vec<bool>,
    /// Per value whether it needs no new name there.
    is_own: Vec<bool>,
    /// Values that get new names.
    renamed: Vec<ValueId>,
    /// Per value its name there.
    names: Vec<ValueId>,
    list: Vec<ValueId>,
}

/// Renames values at the block where the part with calls begins, if there is such a block.
/// Run it last: a later pass would undo it.
pub(super) fn separate_calls(function: &mut Function, work: &mut Workspace) {
    if function.blocks.len() < 2 || !function.blocks.iter().any(|block| has_call(function, block)) {
        return;
    }
    work.know_dominators(function);
    let Workspace { cfg, dominators, frame: memory, .. } = work;
    let Some((start, from)) = find_start(function, cfg, dominators, memory) else { return };
    memory.is_inside.clear();
    let blocks = (0..function.blocks.len()).map(BlockId::new);
    memory.is_inside.extend(blocks.map(|id| dominators.dominates(start, id)));
    find_incoming(function, memory);
    let has_several = |block: &Terminator| block.successors().filter(|call| call.block == start).count() > 1;
    if memory.renamed.is_empty() || has_several(&function.blocks[from.index()].terminator) {
        return;
    }
    rename(function, start, from, memory);
}

fn has_call(function: &Function, block: &crate::fir::Block) -> bool {
    block.insts.iter().any(|inst| match function.insts[inst.index()].inst {
        Inst::Call { .. } | Inst::CallIndirect { .. } => true,
        Inst::Host { op, .. } => op == Opcode::Syscall,
        _ => false,
    })
}

/// The closest block outside loops that dominates all calls and has one way in, with the
/// block that the way comes from.
fn find_start(
    function: &Function,
    cfg: &Cfg,
    dominators: &Dominators,
    memory: &mut Memory,
) -> Option<(BlockId, BlockId)> {
    let Memory { in_loop, calls, .. } = memory;
    in_loop.clear();
    in_loop.resize(cfg.order.len() + 1, 0);
    for (place, &id) in cfg.order.iter().enumerate() {
        function.blocks[id.index()].terminator.for_each_successor(|call| {
            if let Some(target) = cfg.position(call.block)
                && target <= place
            {
                in_loop[target] += 1;
                in_loop[place + 1] -= 1;
            }
        });
    }
    for place in 1..in_loop.len() {
        in_loop[place] += in_loop[place - 1];
    }
    calls.clear();
    calls.extend(cfg.order.iter().copied().filter(|id| has_call(function, &function.blocks[id.index()])));
    let mut start = *calls.first()?;
    loop {
        let dominates_all = calls.iter().all(|&call| dominators.dominates(start, call));
        let is_free = cfg.position(start).is_some_and(|place| in_loop[place] == 0);
        if let ([from], true, true) = (cfg.predecessors(start), dominates_all, is_free) {
            return Some((start, *from));
        }
        start = dominators.immediate(start)?;
    }
}

/// Finds values from outside that are used inside, constants apart, in the order of their use.
fn find_incoming(function: &Function, memory: &mut Memory) {
    let Memory { is_inside, is_own, renamed, .. } = memory;
    is_own.clear();
    is_own.resize(function.values.len(), false);
    for (block, _) in function.blocks.iter().zip(is_inside.iter()).filter(|(_, inside)| **inside) {
        let results = block.insts.iter().filter_map(|inst| function.insts[inst.index()].result);
        for value in block.params.iter().copied().chain(results) {
            is_own[value.index()] = true;
        }
    }
    renamed.clear();
    let mut visit = |value: ValueId| {
        let is_constant = match function.values[value.index()].def {
            ValueDef::Inst(inst) => {
                matches!(function.insts[inst.index()].inst, Inst::Const { .. } | Inst::FuncAddr(_))
            }
            _ => false,
        };
        if !is_constant && !core::mem::replace(&mut is_own[value.index()], true) {
            renamed.push(value);
        }
    };
    for (block, _) in function.blocks.iter().zip(is_inside.iter()).filter(|(_, inside)| **inside) {
        for &inst in &block.insts {
            function.insts[inst.index()].inst.for_each_operand(&function.pool, &mut visit);
        }
        block.terminator.for_each_operand(&function.pool, &mut visit);
    }
}

fn rename(function: &mut Function, start: BlockId, from: BlockId, memory: &mut Memory) {
    let Memory { is_inside, renamed, names, list: new_list, .. } = memory;
    names.clear();
    names.extend((0..function.values.len()).map(ValueId::new));
    for &value in renamed.iter() {
        let new = ValueId::new(function.values.len());
        let place = function.blocks[start.index()].params.len();
        let def = ValueDef::Param(start, u32::try_from(place).unwrap_or(u32::MAX));
        function.values.push(Value { ty: function.value_type(value), def });
        function.blocks[start.index()].params.push(new);
        names[value.index()] = new;
    }
    let new_name = |value: ValueId| names.get(value.index()).copied().unwrap_or(value);
    for n in (0..function.blocks.len()).filter(|&n| is_inside[n]) {
        for place in 0..function.blocks[n].insts.len() {
            let inst = function.blocks[n].insts[place];
            let mut inst_data = function.insts[inst.index()].inst;
            inst_data.map_scalar_operands(|value| *value = new_name(*value));
            if let Some(list) = inst_data.operand_list() {
                let list = rename_list(function, list, new_list, &new_name);
                if let Some(slot) = inst_data.operand_list_mut() {
                    *slot = list;
                }
            }
            function.insts[inst.index()].inst = inst_data;
        }
        let mut terminator = core::mem::take(&mut function.blocks[n].terminator);
        if let Some(value) = terminator.own_operand_mut() {
            *value = new_name(*value);
        }
        let mut slot = 0;
        while let Some(call) = terminator.successor_mut(slot) {
            call.args = rename_list(function, call.args, new_list, &new_name);
            slot += 1;
        }
        function.blocks[n].terminator = terminator;
    }
    let mut terminator = core::mem::take(&mut function.blocks[from.index()].terminator);
    let mut slot = 0;
    while let Some(call) = terminator.successor_mut(slot) {
        slot += 1;
        if call.block == start {
            new_list.clear();
            new_list.extend_from_slice(function.list(call.args));
            new_list.extend_from_slice(renamed);
            call.args = function.make_list(new_list);
        }
    }
    function.blocks[from.index()].terminator = terminator;
}

fn rename_list(
    function: &mut Function,
    list: ValueList,
    new: &mut Vec<ValueId>,
    name: &impl Fn(ValueId) -> ValueId,
) -> ValueList {
    if function.list(list).iter().all(|&value| name(value) == value) {
        return list;
    }
    new.clear();
    new.extend(function.list(list).iter().map(|&value| name(value)));
    function.make_list(new)
}
