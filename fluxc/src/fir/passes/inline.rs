//! Inlines small functions, callees before their callers.

use crate::fir::{
    Block, BlockCall, BlockId, FuncId, Function, Inst, InstData, InstId, Module, Terminator, Value, ValueDef,
    ValueId, ValueList,
};
use alloc::vec;
use alloc::vec::Vec;
use flux_abi::limits::{BLOCKS, FIR_INSTRUCTIONS, INLINE_GROWTH};

/// Most instructions of a function that is inlined.
const CALLEE: usize = 24;
/// Most blocks of a function that is inlined.
const CALLEE_BLOCKS: usize = 8;
/// A function may always grow to this many instructions and blocks.
const FLOOR: usize = 64;

/// Inlines calls of small functions that call nothing, and runs `after` on each function
/// once its calls are inlined. A function grows at most by the factor of the limits table, the
/// module by at most `room` instructions and blocks.
pub fn inline_calls(module: &mut Module, mut room: usize, mut after: impl FnMut(&mut Function)) {
    for id in callees_first(module) {
        let Some(slot) = module.functions.get_mut(id.index()) else { continue };
        let mut function = core::mem::take(slot);
        if inline_into(module, id, &mut function, &mut room) {
            after(&mut function);
        }
        module.define(id, function);
    }
}

/// Functions in an order in which, but for recursion, callees come before callers.
fn callees_first(module: &Module) -> Vec<FuncId> {
    let count = module.functions.len();
    let mut callees: Vec<Vec<FuncId>> = vec![Vec::new(); count];
    for (n, function) in module.functions.iter().enumerate() {
        for data in &function.insts {
            if let Inst::Call { func, .. } = data.inst
                && func.index() < count
            {
                callees[n].push(func);
            }
        }
    }
    let mut order = Vec::with_capacity(count);
    let mut seen = vec![false; count];
    let mut stack: Vec<(usize, usize)> = Vec::new();
    for root in 0..count {
        if core::mem::replace(&mut seen[root], true) {
            continue;
        }
        stack.push((root, 0));
        while let Some((at, next)) = stack.last_mut() {
            match callees[*at].get(*next) {
                Some(callee) => {
                    *next += 1;
                    if !core::mem::replace(&mut seen[callee.index()], true) {
                        stack.push((callee.index(), 0));
                    }
                }
                None => {
                    order.push(FuncId::new(*at));
                    stack.pop();
                }
            }
        }
    }
    order
}

/// Tells whether a function is small and calls nothing.
fn is_small_leaf(function: &Function) -> bool {
    function.blocks.len() <= CALLEE_BLOCKS
        && !function.blocks.is_empty()
        && function.instruction_count() <= CALLEE
        && function.blocks.iter().all(|block| {
            block.insts.iter().all(|inst| {
                !matches!(function.insts[inst.index()].inst, Inst::Call { .. } | Inst::CallIndirect { .. })
            })
        })
}

fn inline_into(module: &Module, id: FuncId, function: &mut Function, room: &mut usize) -> bool {
    let size = function.instruction_count();
    let limit = size.saturating_mul(INLINE_GROWTH).clamp(FLOOR, FIR_INSTRUCTIONS / 2);
    let mut left = limit.saturating_sub(size).min(*room);
    let before = left;
    let mut blocks_left = BLOCKS.saturating_sub(function.blocks.len());
    let mut places = Vec::new();
    for n in 0..function.blocks.len() {
        for (place, inst) in function.blocks[n].insts.iter().enumerate() {
            let Inst::Call { func, .. } = function.insts[inst.index()].inst else { continue };
            let Some(callee) = inlinable(module, id, function, func) else { continue };
            // The call's block is divided too.
            let blocks = callee.blocks.len() + 1;
            let cost = callee.instruction_count() + blocks;
            if cost <= left && blocks <= blocks_left {
                left -= cost;
                blocks_left -= blocks;
                places.push((place, func));
            }
        }
        // From the last to the first, so that no instruction moves twice.
        for (place, func) in places.drain(..).rev() {
            let Some(callee) = module.function(func) else { continue };
            let Inst::Call { args, .. } = function.insts[function.blocks[n].insts[place].index()].inst else {
                continue;
            };
            inline_one(function, callee, BlockId::new(n), place, args);
        }
    }
    *room -= before - left;
    left < before
}

fn inlinable<'m>(
    module: &'m Module,
    caller: FuncId,
    function: &Function,
    callee: FuncId,
) -> Option<&'m Function> {
    let body = module.function(callee).filter(|_| caller != callee)?;
    (body.source == function.source && is_small_leaf(body)).then_some(body)
}

/// Puts the callee's blocks in place of the call at `place` of `block`.
fn inline_one(function: &mut Function, callee: &Function, block: BlockId, place: usize, args: ValueList) {
    let first_block = function.blocks.len();
    let behind_id = BlockId::new(first_block + callee.blocks.len());
    let mut rest = function.blocks[block.index()].insts.split_off(place);
    let call = rest.remove(0);
    let args: Vec<ValueId> = function.list(args).to_vec();
    let line = function.insts[call.index()].line;

    let mut values = vec![ValueId::new(0); callee.values.len()];
    for (value, new) in callee.values.iter().zip(&mut values) {
        // Definitions are set where the value is placed.
        *new = ValueId::new(function.values.len());
        function.values.push(Value { ty: value.ty, def: ValueDef::None });
    }
    let copy_list = |function: &mut Function, list: ValueList| {
        let copy: Vec<ValueId> = callee.list(list).iter().map(|value| values[value.index()]).collect();
        function.make_list(&copy)
    };
    for (n, old) in callee.blocks.iter().enumerate() {
        let id = BlockId::new(first_block + n);
        let mut new = Block { line: old.line, ..Block::default() };
        for (at, &param) in old.params.iter().enumerate() {
            let param = values[param.index()];
            function.values[param.index()].def = ValueDef::Param(id, u32::try_from(at).unwrap_or(u32::MAX));
            new.params.push(param);
        }
        for &inst in &old.insts {
            let data = &callee.insts[inst.index()];
            let mut inst = data.inst;
            inst.map_scalar_operands(|value| *value = values[value.index()]);
            if let Some(list) = data.inst.operand_list() {
                let list = copy_list(function, list);
                if let Some(slot) = inst.operand_list_mut() {
                    *slot = list;
                }
            }
            let inst_id = InstId::new(function.insts.len());
            let result = data.result.map(|value| values[value.index()]);
            if let Some(result) = result {
                function.values[result.index()].def = ValueDef::Inst(inst_id);
            }
            function.insts.push(InstData { inst, result, line: data.line });
            new.insts.push(inst_id);
        }
        new.terminator = match &old.terminator {
            Terminator::Return(value) => {
                let value: Vec<ValueId> = value.iter().map(|value| values[value.index()]).collect();
                Terminator::Jump(BlockCall { block: behind_id, args: function.make_list(&value) })
            }
            other => {
                let mut terminator = other.clone();
                if let Some(value) = terminator.own_operand_mut() {
                    *value = values[value.index()];
                }
                let mut slot = 0;
                while let Some(call) = terminator.successor_mut(slot) {
                    call.block = BlockId::new(first_block + call.block.index());
                    call.args = copy_list(function, call.args);
                    slot += 1;
                }
                terminator
            }
        };
        function.blocks.push(new);
    }

    let mut behind = Block { insts: rest, ..Block::default() };
    let from = &mut function.blocks[block.index()];
    behind.terminator = core::mem::take(&mut from.terminator);
    behind.line = core::mem::replace(&mut from.line, line);
    if let Some(result) = function.insts[call.index()].result {
        function.values[result.index()].def = ValueDef::Param(behind_id, 0);
        behind.params.push(result);
    }
    let entry = BlockId::new(first_block);
    let args = function.make_list(&args);
    function.blocks[block.index()].terminator = Terminator::Jump(BlockCall { block: entry, args });
    function.blocks.push(behind);
}
