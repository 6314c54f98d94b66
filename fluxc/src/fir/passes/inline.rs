//! Inlines small functions, callees before their callers.

use crate::fir::{
    Block, BlockCall, BlockId, FuncId, Function, Inst, InstData, InstId, Terminator, Value, ValueDef,
    ValueId, ValueList,
};
use alloc::vec;
use alloc::vec::Vec;
use flux_abi::limits::{BLOCKS, FIR_INSTRUCTIONS, INLINE_GROWTH};
use hashbrown::HashMap;

/// Most instructions of a function that is inlined.
const CALLEE: usize = 24;
/// Most blocks of a function that is inlined.
const CALLEE_BLOCKS: usize = 8;
/// A function may always grow to this many instructions and blocks.
const FLOOR: usize = 64;

/// Functions in an order in which, but for recursion, callees come before callers.
#[derive(Debug)]
pub(crate) struct CallOrder {
    ids: Vec<FuncId>,
    /// Per function whether anything calls it.
    called: Vec<bool>,
}

impl CallOrder {
    /// The order of functions of which `visit_calls` visits what they call.
    pub(crate) fn new<F>(functions: &[F], visit_calls: impl Fn(&F, &mut dyn FnMut(FuncId))) -> Self {
        let count = functions.len();
        let mut called = vec![false; count];
        // Callees of all functions, and where those of each begin.
        let mut callees: Vec<FuncId> = Vec::new();
        let mut starts = Vec::with_capacity(count + 1);
        for function in functions {
            starts.push(callees.len());
            visit_calls(function, &mut |func| {
                if let Some(called) = called.get_mut(func.index()) {
                    *called = true;
                    callees.push(func);
                }
            });
        }
        starts.push(callees.len());
        let mut ids = Vec::with_capacity(count);
        let mut seen = vec![false; count];
        let mut stack: Vec<(usize, usize)> = Vec::new();
        for root in 0..count {
            if core::mem::replace(&mut seen[root], true) {
                continue;
            }
            stack.push((root, starts[root]));
            while let Some((at, next)) = stack.last_mut() {
                if *next == starts[*at + 1] {
                    ids.push(FuncId::new(*at));
                    stack.pop();
                    continue;
                }
                let callee = callees[*next].index();
                *next += 1;
                if !core::mem::replace(&mut seen[callee], true) {
                    stack.push((callee, starts[callee]));
                }
            }
        }
        Self { ids, called }
    }

    /// The functions.
    pub(crate) fn ids(&self) -> &[FuncId] {
        &self.ids
    }

    /// Tells whether anything calls a function.
    pub(crate) fn is_called(&self, id: FuncId) -> bool {
        self.called.get(id.index()).copied().unwrap_or(false)
    }
}

/// A function that is small and calls nothing.
#[derive(Debug)]
struct Leaf {
    function: Function,
    /// What a copy adds: instructions and blocks, the second half of the call's block included.
    cost: usize,
    blocks: usize,
}

/// The functions that may be inlined, and what inlining needs.
#[derive(Debug, Default)]
pub(super) struct Inliner {
    leaves: HashMap<FuncId, Leaf>,
    /// Calls of one block: their places in it.
    places: Vec<(usize, FuncId)>,
}

impl Inliner {
    /// Keeps a copy of an optimised function if it is small and calls nothing.
    pub(super) fn offer(&mut self, id: FuncId, function: &Function) {
        let is_call = |inst: &Inst| matches!(inst, Inst::Call { .. } | Inst::CallIndirect { .. });
        if function.blocks.is_empty() || function.blocks.len() > CALLEE_BLOCKS {
            return;
        }
        let size = function.instruction_count();
        let mut insts = function.blocks.iter().flat_map(|block| &block.insts);
        if size > CALLEE || insts.any(|inst| is_call(&function.insts[inst.index()].inst)) {
            return;
        }
        let mut function = function.clone();
        // What it has been before is of no use to its callers.
        function.compact();
        let blocks = function.blocks.len() + 1;
        self.leaves.insert(id, Leaf { function, cost: size + blocks, blocks });
    }

    /// Inlines calls of small functions that call nothing; tells whether there was one. A function
    /// grows at most by the factor of the limits table, and by `room` instructions and blocks, of
    /// which what it takes is taken.
    pub(super) fn inline_calls(&mut self, id: FuncId, function: &mut Function, room: &mut usize) -> bool {
        if self.leaves.is_empty() {
            return false;
        }
        let size = function.instruction_count();
        let limit = size.saturating_mul(INLINE_GROWTH).clamp(FLOOR, FIR_INSTRUCTIONS / 2);
        let mut left = limit.saturating_sub(size).min(*room);
        let before = left;
        let mut blocks_left = BLOCKS.saturating_sub(function.blocks.len());
        let Self { leaves, places } = self;
        for n in 0..function.blocks.len() {
            for (place, inst) in function.blocks[n].insts.iter().enumerate() {
                let Inst::Call { func, .. } = function.insts[inst.index()].inst else { continue };
                let Some(leaf) = leaves.get(&func) else { continue };
                let is_fit = func != id && leaf.function.source == function.source;
                if is_fit && leaf.cost <= left && leaf.blocks <= blocks_left {
                    left -= leaf.cost;
                    blocks_left -= leaf.blocks;
                    places.push((place, func));
                }
            }
            // From the last to the first, so that no instruction moves twice.
            for (place, func) in places.drain(..).rev() {
                let Some(leaf) = leaves.get(&func) else { continue };
                let Inst::Call { args, .. } = function.insts[function.blocks[n].insts[place].index()].inst
                else {
                    continue;
                };
                inline_one(function, &leaf.function, BlockId::new(n), place, args);
            }
        }
        *room -= before - left;
        left < before
    }
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
        // What the compiler made has no line of its own.
        let line_of = |own: u32| if own == 0 { line } else { own };
        let mut new = Block { line: line_of(old.line), ..Block::default() };
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
            function.insts.push(InstData { inst, result, line: line_of(data.line) });
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
