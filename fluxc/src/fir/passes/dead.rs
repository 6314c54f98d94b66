//! Removes what nothing needs: pure instructions, block parameters.

use super::Workspace;
use super::graph::drop_unreachable;
use crate::fir::{BlockId, Effect, Function, ValueDef, ValueId};
use alloc::vec::Vec;

/// Rounds after which `remove_trivial_params` stops; loops that nest deeper keep some.
const ROUNDS: usize = 8;

/// Removes instructions without effect whose results nothing needs, and block parameters
/// that only feed themselves. Marks from what has an effect; linear.
pub(super) fn remove_dead(function: &mut Function, work: &mut Workspace) {
    drop_unreachable(function, work);
    work.know_graph(function);
    let Workspace { cfg, marks: live, stack: work, flags, values, .. } = work;
    live.clear();
    live.resize(function.values.len(), false);
    work.clear();
    let mark = |value: ValueId, live: &mut Vec<bool>, work: &mut Vec<usize>| {
        if !core::mem::replace(&mut live[value.index()], true) {
            work.push(value.index());
        }
    };
    for &id in &cfg.order {
        let block = &function.blocks[id.index()];
        for &inst in &block.insts {
            let data = &function.insts[inst.index()];
            if data.inst.effect() != Effect::None {
                data.inst.for_each_operand(&function.pool, |value| mark(value, live, work));
            }
        }
        if let Some(value) = block.terminator.own_operand() {
            mark(value, live, work);
        }
    }
    for &param in function.blocks.first().map_or(&[][..], |entry| &entry.params) {
        live[param.index()] = true;
    }
    while let Some(value) = work.pop() {
        match function.values[value].def {
            ValueDef::Inst(inst) => {
                let data = &function.insts[inst.index()];
                data.inst.for_each_operand(&function.pool, |value| mark(value, live, work));
            }
            ValueDef::Param(block, n) => {
                // Each edge is looked at once for each parameter of its target; edges of
                // one block stand together in the list.
                let mut last = None;
                for from in cfg.predecessors(block) {
                    if last.replace(from) == Some(from) {
                        continue;
                    }
                    function.blocks[from.index()].terminator.for_each_successor(|call| {
                        if call.block == block {
                            mark(function.list(call.args)[n as usize], live, work);
                        }
                    });
                }
            }
            ValueDef::None => {}
        }
    }
    for block in &mut function.blocks {
        block.insts.retain(|inst| {
            let data = &function.insts[inst.index()];
            let keep =
                data.inst.effect() != Effect::None || data.result.is_none_or(|value| live[value.index()]);
            if let (false, Some(value)) = (keep, data.result) {
                function.values[value.index()].def = ValueDef::None;
            }
            keep
        });
    }
    remove_params(function, flags, values, |value| !live[value.index()]);
}

/// What comes in for a block parameter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Argument {
    /// Nothing but the parameter itself.
    None,
    /// One value.
    Only(ValueId),
    /// Several values.
    Several,
}

/// Replaces block parameters that can only have one value by that value.
pub(super) fn remove_trivial_params(function: &mut Function, work: &mut Workspace) {
    if function.blocks.iter().skip(1).all(|block| block.params.is_empty()) {
        return;
    }
    work.know_graph(function);
    let Workspace { cfg, replacements, marks: removed, arguments: only, flags, values, .. } = work;
    replacements.reset(function.values.len());
    removed.clear();
    removed.resize(function.values.len(), false);
    let mut any = false;
    for round in 0..ROUNDS {
        let mut changed = false;
        let mut visit = |id: BlockId| {
            if id.index() == 0 {
                return;
            }
            // One sweep over the edges collects the only argument of each parameter.
            let block = &function.blocks[id.index()];
            if block.params.is_empty() {
                return;
            }
            only.clear();
            only.resize(block.params.len(), Argument::None);
            let mut last = None;
            for &from in cfg.predecessors(id) {
                if last.replace(from) == Some(from) {
                    continue;
                }
                function.blocks[from.index()].terminator.for_each_successor(|call| {
                    if call.block != id {
                        return;
                    }
                    for ((slot, &arg), &param) in
                        only.iter_mut().zip(call.args.of(&function.pool)).zip(&block.params)
                    {
                        let arg = replacements.find(arg);
                        *slot = match *slot {
                            _ if arg == param => *slot,
                            Argument::None => Argument::Only(arg),
                            Argument::Only(other) if other == arg => *slot,
                            _ => Argument::Several,
                        };
                    }
                });
            }
            for (slot, &param) in only.iter().zip(&block.params) {
                if let Argument::Only(value) = *slot
                    && !removed[param.index()]
                {
                    removed[param.index()] = true;
                    replacements.replace(param, value);
                    changed = true;
                }
            }
        };
        if round % 2 == 0 {
            cfg.order.iter().rev().for_each(|&id| visit(id));
        } else {
            cfg.order.iter().for_each(|&id| visit(id));
        }
        any |= changed;
        if !changed {
            break;
        }
    }
    if any {
        replacements.apply(function);
        remove_params(function, flags, values, |value| removed[value.index()]);
    }
}

/// Removes block parameters and their arguments. `has_removed` and `args` lend their memory.
fn remove_params(
    function: &mut Function,
    has_removed: &mut Vec<bool>,
    args: &mut Vec<ValueId>,
    is_removed: impl Fn(ValueId) -> bool,
) {
    has_removed.clear();
    has_removed.extend(
        function
            .blocks
            .iter()
            .enumerate()
            .map(|(n, block)| n != 0 && block.params.iter().any(|&param| is_removed(param))),
    );
    if !has_removed.contains(&true) {
        return;
    }
    for n in 0..function.blocks.len() {
        let mut terminator = core::mem::take(&mut function.blocks[n].terminator);
        let mut slot = 0;
        while let Some(call) = terminator.successor_mut(slot) {
            slot += 1;
            let target = call.block.index();
            if has_removed[target] {
                let old = call.args.of(&function.pool).iter();
                let kept = old.zip(&function.blocks[target].params).filter(|&(_, &param)| !is_removed(param));
                args.clear();
                args.extend(kept.map(|(&arg, _)| arg));
                call.args = function.make_list(args);
            }
        }
        function.blocks[n].terminator = terminator;
    }
    for (n, &has_removed) in has_removed.iter().enumerate() {
        if has_removed {
            let mut params = core::mem::take(&mut function.blocks[n].params);
            params.retain(|&param| {
                let keep = !is_removed(param);
                if !keep {
                    function.values[param.index()].def = ValueDef::None;
                }
                keep
            });
            for (place, &param) in params.iter().enumerate() {
                let place = u32::try_from(place).unwrap_or(u32::MAX);
                function.values[param.index()].def = ValueDef::Param(BlockId::new(n), place);
            }
            function.blocks[n].params = params;
        }
    }
}
