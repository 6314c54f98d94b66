//! Rotates loops: a loop that tests at its head becomes a test in front of a loop that
//! tests at its end, which saves a jump and a block each time round.
//!
//! The head's instructions are copied to the end of the block that jumps back. Values of
//! the head that others use then have two definitions, so the function is built anew with
//! these values as variables of the [`FunctionBuilder`].

use super::Workspace;
use crate::fir::{
    BlockCall, BlockId, Cfg, Function, FunctionBuilder, Inst, Terminator, Type, ValueId, ValueList, Variable,
};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

/// Most instructions of a head that is copied.
const HEAD: usize = 12;
/// Most blocks from a head to the way back.
const LENGTH: usize = 64;
/// Most ways back to a head that is copied.
const WAYS: usize = 2;

/// Rotates the loops of a function; tells whether it changed. `clean_graph` ran before.
pub fn rotate_loops(function: &mut Function, work: &mut Workspace) -> bool {
    let cfg = &mut work.cfg;
    cfg.refresh(function);
    let heads = find_heads(function, cfg);
    if heads.is_empty() {
        return false;
    }
    let memory = core::mem::take(&mut work.old);
    match Rotation::new(function, cfg, heads, memory).rebuild() {
        Some(new) => {
            work.old = core::mem::replace(function, new);
            true
        }
        None => false,
    }
}

/// Blocks that jump back, with the heads that they jump to.
fn find_heads(function: &Function, cfg: &Cfg) -> BTreeMap<BlockId, BlockId> {
    let mut ways: BTreeMap<BlockId, Vec<BlockId>> = BTreeMap::new();
    for (place, &id) in cfg.order.iter().enumerate() {
        let Terminator::Jump(call) = function.blocks[id.index()].terminator else { continue };
        let head = &function.blocks[call.block.index()];
        let Terminator::Branch { then, otherwise, .. } = &head.terminator else { continue };
        let position = |block| cfg.position(block).unwrap_or(0);
        let goes_back = position(call.block) < place;
        // One way stays in the loop, the other leaves it.
        let inside = |block| (position(call.block) + 1..=place).contains(&position(block));
        let is_short = place - position(call.block).min(place) <= LENGTH;
        if goes_back && is_short && head.insts.len() <= HEAD && inside(then.block) != inside(otherwise.block)
        {
            ways.entry(call.block).or_default().push(id);
        }
    }
    ways.retain(|_, from| from.len() <= WAYS);
    ways.into_iter().flat_map(|(head, from)| from.into_iter().map(move |from| (from, head))).collect()
}

struct Rotation<'a> {
    old: &'a Function,
    cfg: &'a Cfg,
    heads: BTreeMap<BlockId, BlockId>,
    builder: FunctionBuilder,
    /// Per old value its new value, where it has only one.
    map: Vec<Option<ValueId>>,
    variables: Vec<Option<Variable>>,
    blocks: Vec<BlockId>,
}

impl<'a> Rotation<'a> {
    fn new(old: &'a Function, cfg: &'a Cfg, heads: BTreeMap<BlockId, BlockId>, memory: Function) -> Self {
        let mut builder = FunctionBuilder::in_memory_of(old, memory);
        // Values of a head that are used far away need a parameter at every join on the way.
        // Where these become too many the function stays as it is.
        builder.limit_values(4 * old.values.len() + 256);
        Self {
            old,
            cfg,
            heads,
            builder,
            map: vec![None; old.values.len()],
            variables: vec![None; old.values.len()],
            blocks: vec![BlockId::new(0); old.blocks.len()],
        }
    }

    fn rebuild(mut self) -> Option<Function> {
        self.declare_variables();
        self.create_blocks();
        let mut missing = self.count_predecessors();
        for place in 0..self.cfg.order.len() {
            let id = self.cfg.order[place];
            self.builder.switch_to(self.blocks[id.index()]);
            self.fill(id);
            for target in self.targets(id) {
                missing[target.index()] -= 1;
                if missing[target.index()] == 0 {
                    self.builder.seal_block(self.blocks[target.index()]);
                }
            }
        }
        self.builder.finish().ok()
    }

    /// Values of copied heads that other blocks use become variables.
    fn declare_variables(&mut self) {
        let mut is_head = vec![false; self.old.blocks.len()];
        for head in self.heads.values() {
            is_head[head.index()] = true;
        }
        let mut home = vec![BlockId::new(0); self.old.values.len()];
        for (n, block) in self.old.blocks.iter().enumerate() {
            let results = block.insts.iter().filter_map(|inst| self.old.insts[inst.index()].result);
            for value in block.params.iter().copied().chain(results) {
                home[value.index()] = BlockId::new(n);
            }
        }
        let old = self.old;
        for &id in &self.cfg.order {
            let block = &old.blocks[id.index()];
            let mut visit = |value: ValueId| {
                let at = home[value.index()];
                if at != id && is_head[at.index()] && self.variables[value.index()].is_none() {
                    self.variables[value.index()] = Some(self.builder.declare(old.value_type(value)));
                }
            };
            for &inst in &block.insts {
                old.insts[inst.index()].inst.for_each_operand(&old.pool, &mut visit);
            }
            block.terminator.for_each_operand(&old.pool, &mut visit);
        }
    }

    fn create_blocks(&mut self) {
        for &id in &self.cfg.order {
            let params = &self.old.blocks[id.index()].params;
            if id.index() == 0 {
                for (n, param) in params.iter().enumerate() {
                    self.map[param.index()] = Some(self.builder.param(n));
                }
                continue;
            }
            let block = self.builder.create_block();
            self.blocks[id.index()] = block;
            for &param in params {
                self.map[param.index()] = Some(self.builder.add_param(block, self.old.value_type(param)));
            }
        }
    }

    /// Where control goes from the new form of a block.
    fn targets(&self, id: BlockId) -> Vec<BlockId> {
        let from = self.heads.get(&id).copied().unwrap_or(id);
        self.old.blocks[from.index()].terminator.successors().map(|call| call.block).collect()
    }

    fn count_predecessors(&self) -> Vec<usize> {
        let mut count = vec![0; self.old.blocks.len()];
        for &id in &self.cfg.order {
            for target in self.targets(id) {
                count[target.index()] += 1;
            }
        }
        count
    }

    fn fill(&mut self, id: BlockId) {
        let old = self.old;
        let block = &old.blocks[id.index()];
        for &param in &block.params {
            if let (Some(variable), Some(value)) = (self.variables[param.index()], self.map[param.index()]) {
                self.builder.assign(variable, value);
            }
        }
        self.copy_insts(id, &mut None);
        let Some(&head) = self.heads.get(&id) else {
            self.copy_terminator(id, &None);
            return;
        };
        let Terminator::Jump(call) = block.terminator else { return };
        let args: Vec<ValueId> = old.list(call.args).iter().map(|&arg| self.operand(arg, &None)).collect();
        let mut local = BTreeMap::new();
        for (&param, &value) in old.blocks[head.index()].params.iter().zip(&args) {
            local.insert(param, value);
        }
        let mut local = Some(local);
        self.copy_insts(head, &mut local);
        for (&value, &new) in local.iter().flatten() {
            if let Some(variable) = self.variables[value.index()] {
                self.builder.assign(variable, new);
            }
        }
        self.copy_terminator(head, &local);
    }

    /// What an old operand is at this place; `local` holds what a copied head defined.
    fn operand(&mut self, value: ValueId, local: &Option<BTreeMap<ValueId, ValueId>>) -> ValueId {
        if let Some(&value) = local.as_ref().and_then(|local| local.get(&value)) {
            return value;
        }
        match (self.variables[value.index()], self.map[value.index()]) {
            (Some(variable), _) => self.builder.read(variable),
            (None, Some(value)) => value,
            // Only in a module that does not verify.
            (None, None) => ValueId::new(0),
        }
    }

    fn list(&mut self, list: ValueList, local: &Option<BTreeMap<ValueId, ValueId>>) -> Vec<ValueId> {
        let old = self.old;
        old.list(list).iter().map(|&value| self.operand(value, local)).collect()
    }

    fn copy_insts(&mut self, id: BlockId, local: &mut Option<BTreeMap<ValueId, ValueId>>) {
        let old = self.old;
        for &inst in &old.blocks[id.index()].insts {
            let data = &old.insts[inst.index()];
            let mut inst: Inst = data.inst;
            inst.map_scalar_operands(|value| *value = self.operand(*value, local));
            if let Some(list) = inst.operand_list() {
                let values = self.list(list, local);
                let new = self.builder.function.make_list(&values);
                if let Some(slot) = inst.operand_list_mut() {
                    *slot = new;
                }
            }
            self.builder.set_line(data.line);
            let ty = data.result.map_or(Type::Void, |value| old.value_type(value));
            let result = self.builder.push(inst, ty);
            if let (Some(value), Some(new)) = (data.result, result) {
                match local {
                    Some(local) => {
                        local.insert(value, new);
                    }
                    None => {
                        self.map[value.index()] = Some(new);
                        if let Some(variable) = self.variables[value.index()] {
                            self.builder.assign(variable, new);
                        }
                    }
                }
            }
        }
    }

    fn copy_terminator(&mut self, id: BlockId, local: &Option<BTreeMap<ValueId, ValueId>>) {
        let old = self.old;
        let block = &old.blocks[id.index()];
        let mut terminator = block.terminator.clone();
        if let Some(value) = terminator.own_operand_mut() {
            *value = self.operand(*value, local);
        }
        let mut calls: Vec<BlockCall> = Vec::new();
        for call in block.terminator.successors() {
            let values = self.list(call.args, local);
            let args = self.builder.function.make_list(&values);
            calls.push(BlockCall { block: self.blocks[call.block.index()], args });
        }
        for (slot, call) in calls.into_iter().enumerate() {
            if let Some(target) = terminator.successor_mut(slot) {
                *target = call;
            }
        }
        self.builder.set_line(block.line);
        self.builder.end_with(terminator);
    }
}
