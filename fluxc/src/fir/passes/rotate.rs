//! Rotates loops: a loop that tests at its head becomes a test in front of a loop that
//! tests at its end, which saves a jump and a block each time round.
//!
//! The head's instructions are copied to the end of the block that jumps back. Values of
//! the head that others use then have two definitions, so the function is built anew with
//! these values as variables of the [`FunctionBuilder`].

use super::{Known, Workspace};
use crate::fir::pack::LARGE;
use crate::fir::{
    BlockId, BuilderMemory, Cfg, Function, FunctionBuilder, Inst, Terminator, Type, ValueId, ValueList,
    Variable,
};
use alloc::vec::Vec;

/// Most instructions of a head that is copied.
const HEAD: usize = 12;
/// Most blocks from a head to the way back.
const LENGTH: usize = 64;
/// Most ways back to a head that is copied.
const WAYS: usize = 2;

/// What a rotation keeps in memory.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Heads with the blocks that jump back to them.
    ways: Vec<(BlockId, BlockId)>,
    /// Per block the head that it jumps back to, which is copied to its end.
    heads: Vec<Option<BlockId>>,
    is_head: Vec<bool>,
    /// Per old value its new value, where it has only one.
    map: Vec<Option<ValueId>>,
    /// Per old value its new value in the copy of a head that is being made.
    local: Vec<Option<ValueId>>,
    /// The values that have one.
    copied: Vec<ValueId>,
    /// Per old value the block that defines it.
    home: Vec<BlockId>,
    variables: Vec<Option<Variable>>,
    blocks: Vec<BlockId>,
    /// Per old block how many of its predecessors are still to come.
    missing: Vec<u32>,
    /// Operands of one list.
    values: Vec<ValueId>,
}

/// Rotates the loops of a function; tells whether it changed. `clean_graph` ran before.
pub(super) fn rotate_loops(function: &mut Function, work: &mut Workspace) -> bool {
    work.know_graph(function);
    let Workspace { known, cfg, rotation: memory, builder, .. } = work;
    if !memory.find_heads(function, cfg) {
        return false;
    }
    memory.reset(function);
    let new = FunctionBuilder::in_memory(function, core::mem::take(builder));
    let result = (Rotation { old: function, cfg, memory, builder: new }).rebuild(builder);
    if function.values.len() > LARGE {
        *memory = Memory::default();
        *builder = BuilderMemory::default();
    }
    match result {
        Some(new) => {
            *known = Known::Nothing;
            builder.recycle(core::mem::replace(function, new));
            true
        }
        None => false,
    }
}

fn refill<T: Copy>(list: &mut Vec<T>, count: usize, item: T) {
    list.clear();
    list.resize(count, item);
}

impl Memory {
    /// Finds blocks that jump back, with the heads that they jump to; tells whether there are any.
    fn find_heads(&mut self, function: &Function, cfg: &Cfg) -> bool {
        self.ways.clear();
        for (place, &id) in cfg.order.iter().enumerate() {
            let Terminator::Jump(call) = function.blocks[id.index()].terminator else { continue };
            let position = |block| cfg.position(block).unwrap_or(0);
            if position(call.block) >= place || place - position(call.block) > LENGTH {
                continue;
            }
            let head = &function.blocks[call.block.index()];
            let Terminator::Branch { then, otherwise, .. } = &head.terminator else { continue };
            // One way stays in the loop, the other leaves it.
            let inside = |block| (position(call.block) + 1..=place).contains(&position(block));
            if head.insts.len() <= HEAD && inside(then.block) != inside(otherwise.block) {
                self.ways.push((call.block, id));
            }
        }
        if self.ways.is_empty() {
            return false;
        }
        self.ways.sort_unstable();
        refill(&mut self.heads, function.blocks.len(), None);
        let mut any = false;
        for ways in self.ways.chunk_by(|a, b| a.0 == b.0).filter(|ways| ways.len() <= WAYS) {
            for &(head, from) in ways {
                self.heads[from.index()] = Some(head);
                any = true;
            }
        }
        any
    }

    fn reset(&mut self, function: &Function) {
        let (blocks, values) = (function.blocks.len(), function.values.len());
        refill(&mut self.is_head, blocks, false);
        for head in self.heads.iter().flatten() {
            self.is_head[head.index()] = true;
        }
        refill(&mut self.map, values, None);
        refill(&mut self.local, values, None);
        self.copied.clear();
        refill(&mut self.home, values, BlockId::new(0));
        refill(&mut self.variables, values, None);
        refill(&mut self.blocks, blocks, BlockId::new(0));
        refill(&mut self.missing, blocks, 0);
    }
}

/// Whose instructions are being copied.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Copying {
    /// The block's own.
    Own,
    /// Those of a head, once more.
    Head,
}

struct Rotation<'a> {
    old: &'a Function,
    cfg: &'a Cfg,
    memory: &'a mut Memory,
    builder: FunctionBuilder,
}

impl<'a> Rotation<'a> {
    fn rebuild(mut self, memory: &mut BuilderMemory) -> Option<Function> {
        // Values of a head that are used far away need a parameter at every join on the way.
        // Where these become too many the function stays as it is.
        self.builder.limit_values(4 * self.old.values.len() + 256);
        self.declare_variables();
        self.create_blocks();
        self.count_predecessors();
        for &id in &self.cfg.order {
            self.builder.switch_to(self.memory.blocks[id.index()]);
            self.fill(id);
            self.terminator(id).for_each_successor(|call| {
                let target = call.block.index();
                self.memory.missing[target] -= 1;
                if self.memory.missing[target] == 0 {
                    self.builder.seal_block(self.memory.blocks[target]);
                }
            });
        }
        self.builder.finish_into(memory).ok()
    }

    /// Values of copied heads that other blocks use become variables.
    fn declare_variables(&mut self) {
        let old = self.old;
        let Memory { home, is_head, variables, .. } = &mut *self.memory;
        for (n, block) in old.blocks.iter().enumerate() {
            let results = block.insts.iter().filter_map(|inst| old.insts[inst.index()].result);
            for value in block.params.iter().copied().chain(results) {
                home[value.index()] = BlockId::new(n);
            }
        }
        for &id in &self.cfg.order {
            let block = &old.blocks[id.index()];
            let mut visit = |value: ValueId| {
                let at = home[value.index()];
                if at != id && is_head[at.index()] && variables[value.index()].is_none() {
                    variables[value.index()] = Some(self.builder.declare(old.value_type(value)));
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
                    self.memory.map[param.index()] = Some(self.builder.param(n));
                }
                continue;
            }
            let block = self.builder.create_block();
            self.memory.blocks[id.index()] = block;
            for &param in params {
                let new = self.builder.add_param(block, self.old.value_type(param));
                self.memory.map[param.index()] = Some(new);
            }
        }
    }

    /// How the new form of a block ends.
    fn terminator(&self, id: BlockId) -> &'a Terminator {
        let from = self.memory.heads[id.index()].unwrap_or(id);
        &self.old.blocks[from.index()].terminator
    }

    fn count_predecessors(&mut self) {
        for &id in &self.cfg.order {
            self.terminator(id).for_each_successor(|call| self.memory.missing[call.block.index()] += 1);
        }
    }

    fn fill(&mut self, id: BlockId) {
        let old = self.old;
        let block = &old.blocks[id.index()];
        for &param in &block.params {
            if let (Some(variable), Some(value)) =
                (self.memory.variables[param.index()], self.memory.map[param.index()])
            {
                self.builder.assign(variable, value);
            }
        }
        self.copy_insts(id, Copying::Own);
        let Some(head) = self.memory.heads[id.index()] else {
            self.copy_terminator(id);
            return;
        };
        let Terminator::Jump(call) = block.terminator else { return };
        let mut args = core::mem::take(&mut self.memory.values);
        args.clear();
        args.extend(old.list(call.args).iter().map(|&arg| self.operand(arg)));
        for (&param, &value) in old.blocks[head.index()].params.iter().zip(&args) {
            self.set_local(param, value);
        }
        self.memory.values = args;
        self.copy_insts(head, Copying::Head);
        for n in 0..self.memory.copied.len() {
            let value = self.memory.copied[n].index();
            if let (Some(variable), Some(new)) = (self.memory.variables[value], self.memory.local[value]) {
                self.builder.assign(variable, new);
            }
        }
        self.copy_terminator(head);
        for value in self.memory.copied.drain(..) {
            self.memory.local[value.index()] = None;
        }
    }

    fn set_local(&mut self, value: ValueId, new: ValueId) {
        self.memory.local[value.index()] = Some(new);
        self.memory.copied.push(value);
    }

    /// What an old operand is at this place.
    fn operand(&mut self, value: ValueId) -> ValueId {
        let at = value.index();
        if let Some(value) = self.memory.local[at] {
            return value;
        }
        match (self.memory.variables[at], self.memory.map[at]) {
            (Some(variable), _) => self.builder.read(variable),
            (None, Some(value)) => value,
            // Only in a module that does not verify.
            (None, None) => ValueId::new(0),
        }
    }

    /// A list of operands in the new function.
    fn list(&mut self, list: ValueList) -> ValueList {
        let mut values = core::mem::take(&mut self.memory.values);
        values.clear();
        values.extend(self.old.list(list).iter().map(|&value| self.operand(value)));
        let new = self.builder.function.make_list(&values);
        self.memory.values = values;
        new
    }

    fn copy_insts(&mut self, id: BlockId, copying: Copying) {
        let old = self.old;
        for &inst in &old.blocks[id.index()].insts {
            let data = &old.insts[inst.index()];
            let mut inst: Inst = data.inst;
            inst.map_scalar_operands(|value| *value = self.operand(*value));
            if let Some(list) = inst.operand_list_mut() {
                *list = self.list(*list);
            }
            self.builder.set_line(data.line);
            let ty = data.result.map_or(Type::Void, |value| old.value_type(value));
            let result = self.builder.push(inst, ty);
            let (Some(value), Some(new)) = (data.result, result) else { continue };
            if copying == Copying::Head {
                self.set_local(value, new);
                continue;
            }
            self.memory.map[value.index()] = Some(new);
            if let Some(variable) = self.memory.variables[value.index()] {
                self.builder.assign(variable, new);
            }
        }
    }

    fn copy_terminator(&mut self, id: BlockId) {
        let block = &self.old.blocks[id.index()];
        let mut terminator = block.terminator.clone();
        if let Some(value) = terminator.own_operand_mut() {
            *value = self.operand(*value);
        }
        let mut slot = 0;
        while let Some(call) = terminator.successor_mut(slot) {
            call.block = self.memory.blocks[call.block.index()];
            call.args = self.list(call.args);
            slot += 1;
        }
        self.builder.set_line(block.line);
        self.builder.end_with(terminator);
    }
}
