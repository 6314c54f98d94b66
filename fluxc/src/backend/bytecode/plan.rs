//! What allocation and selection need to know about a function: order of the blocks,
//! positions, loops, and where each value lives.
//!
//! Positions count up through the blocks in their order. A block starts at an even
//! position (its parameters are defined one later); each instruction and the terminator
//! takes two: operands are read at the even one, the result is written at the odd one.
//!
//! # Invariants
//! 1. A value's interval `start..=end` holds every position where the value is live. It has
//!    no holes: a value that is defined before a loop and used in it lives to the loop's end.
//! 2. Loops are position ranges from a block that something later jumps to, to the last
//!    such jump, widened until any two are nested or apart. This holds for any graph, since
//!    in reverse postorder a definition comes before all its uses.
//! 3. All steps take near-linear time, whatever the graph.

use crate::fir::{BlockId, Cfg, Dominators, Effect, Function, Inst, Terminator, ValueDef, ValueId};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

mod operand;
mod region;

pub(super) use operand::{
    absolute, condition_of, constant_bits, fits_i32, helper_constant, immediate_operand, is_call,
};
use operand::{bits_read, same_word};
use region::Region;

pub(super) const NONE: u32 = u32::MAX;
/// No register is wanted.
pub(super) const NO_REGISTER: u8 = u8::MAX;

/// Loop constants that one block may load: this many …
const LOADS_PER_BLOCK: u32 = 6;
/// … and this many for each unit of its gas.
const LOADS_PER_GAS: u32 = 3;

/// A constant that is loaded once in front of a loop.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoopConstant {
    pub(super) bits: u64,
    /// Where it is loaded: before the terminator of the block at this place.
    pub(super) home: u32,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) weight: u32,
}

/// See the module. One `Plan` serves function after function with [`Plan::refresh`], so that its
/// memory is asked for once.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) cfg: Cfg,
    /// Per place the position where the block starts.
    pub(super) block_start: Vec<u32>,
    /// Per value the value whose word it is.
    root: Vec<u32>,
    /// Per value its interval; `end` is 0 if it is never needed in a place of its own.
    pub(super) start: Vec<u32>,
    pub(super) end: Vec<u32>,
    /// Per value how many instructions and terminators use its word.
    uses: Vec<u32>,
    /// Per value how often it is used, loops counted eight times.
    pub(super) weight: Vec<u32>,
    /// Per value a block parameter that it is passed to.
    pub(super) passed_to: Vec<u32>,
    /// Per value a register that it should best be in.
    pub(super) wanted: Vec<u8>,
    /// Per value how many of its low bits are used at most; 64 for the whole word.
    bits_used: Vec<u8>,
    /// Per value whether a comparison is part of its block's branch.
    fused: Vec<bool>,
    /// Positions of calls, ascending.
    pub(super) calls: Vec<u32>,
    regions: Vec<Region>,
    innermost: Vec<u32>,
    /// Per place the region in front of which constants are loaded.
    hoist: Vec<u32>,
    pub(super) loop_constants: Vec<LoopConstant>,
    constant_numbers: BTreeMap<(u32, u64), u32>,
    /// Per place how many constants it loads.
    room: Vec<u32>,
    /// Numbers of loop constants in the order of the places that load them.
    pub(super) homes: Vec<u32>,
    pub(super) dominators: Dominators,
    /// What the search for regions needs.
    search: region::Search,
}

/// Sets a list to `count` times `item`.
pub(super) fn refill<T: Copy>(list: &mut Vec<T>, count: usize, item: T) {
    list.clear();
    list.resize(count, item);
}

impl Plan {
    /// Plans a verified function; `None` if it has no body. A graph that is known is taken.
    pub(super) fn refresh(&mut self, function: &Function, graph: Option<&mut Cfg>) -> Option<()> {
        function.blocks.first()?;
        match graph {
            Some(graph) => core::mem::swap(&mut self.cfg, graph),
            None => self.cfg.refresh(function),
        }
        let (values, places) = (function.values.len(), self.cfg.order.len());
        self.block_start.clear();
        self.root.clear();
        self.root.extend(0..index32(values));
        refill(&mut self.start, values, 0);
        refill(&mut self.end, values, 0);
        refill(&mut self.uses, values, 0);
        refill(&mut self.weight, values, 0);
        refill(&mut self.passed_to, values, NONE);
        refill(&mut self.wanted, values, NO_REGISTER);
        refill(&mut self.bits_used, values, 0);
        refill(&mut self.fused, values, false);
        self.calls.clear();
        self.regions.clear();
        refill(&mut self.innermost, places, NONE);
        refill(&mut self.hoist, places, NONE);
        self.loop_constants.clear();
        self.constant_numbers.clear();
        refill(&mut self.room, places, 0);
        self.number(function);
        self.find_regions(function);
        self.find_hoist_regions(function);
        self.find_intervals(function);
        self.homes.clear();
        self.homes.extend(0..index32(self.loop_constants.len()));
        let constants = &self.loop_constants;
        self.homes.sort_by_key(|&number| constants[number as usize].home);
        Some(())
    }

    /// The value whose word `value` is.
    pub(super) fn root(&self, value: ValueId) -> ValueId {
        ValueId::new(self.root[value.index()] as usize)
    }

    /// The block at a place.
    pub(super) fn block(&self, place: usize) -> BlockId {
        self.cfg.order[place]
    }

    /// Tells whether a value's comparison is made by its block's branch.
    pub(super) fn is_fused(&self, value: ValueId) -> bool {
        self.fused[value.index()]
    }

    /// Tells whether a call happens while a value with this interval lives.
    pub(super) fn crosses_call(&self, start: u32, end: u32) -> bool {
        let next = self.calls.partition_point(|&call| call < start);
        self.calls.get(next).is_some_and(|&call| call < end)
    }

    /// Tells whether nothing uses more than the low `bits` bits of a result.
    pub(super) fn uses_only(&self, result: Option<ValueId>, bits: u32) -> bool {
        result.is_some_and(|value| u32::from(self.bits_used[value.index()]) <= bits)
    }

    /// Tells whether a place is in a loop.
    pub(super) fn is_in_loop(&self, place: usize) -> bool {
        self.innermost[place] != NONE
    }

    /// Tells whether a block's parameters are set at its start, since it has one way in.
    pub(super) fn has_own_moves(&self, block: BlockId) -> bool {
        self.cfg.predecessors(block).len() == 1
    }

    /// The loop constants that the block at `place` loads, with their numbers.
    pub(super) fn loop_constants_of(&self, place: usize) -> impl Iterator<Item = (usize, LoopConstant)> + '_ {
        let home = index32(place);
        let first = self.homes.partition_point(|&number| self.loop_constants[number as usize].home < home);
        self.homes[first..]
            .iter()
            .map(|&number| (number as usize, self.loop_constants[number as usize]))
            .take_while(move |(_, constant)| constant.home == home)
    }

    /// The loop constant for `bits` at a place, if there is one.
    pub(super) fn loop_constant(&self, place: usize, bits: u64) -> Option<usize> {
        let region = self.hoist[place];
        if region == NONE {
            return None;
        }
        self.constant_numbers.get(&(region, bits)).map(|&number| number as usize)
    }

    /// Positions, roots and counts of uses.
    fn number(&mut self, function: &Function) {
        let mut position = 0u32;
        for place in 0..self.cfg.order.len() {
            let block = &function.blocks[self.cfg.order[place].index()];
            self.block_start.push(position);
            for &param in &block.params {
                self.start[param.index()] = position + 1;
            }
            for &inst in &block.insts {
                position += 2;
                let data = &function.insts[inst.index()];
                if matches!(data.inst, Inst::Mark(mark, ..) if !mark.is_use()) {
                    continue;
                }
                data.inst.for_each_operand(&function.pool, |value| {
                    let root = self.root[value.index()] as usize;
                    self.uses[root] = self.uses[root].saturating_add(1);
                });
                if let Some(result) = data.result {
                    self.start[result.index()] = position + 1;
                    if let Some(same) = same_word(&data.inst) {
                        self.root[result.index()] = self.root[same.index()];
                    }
                }
                if is_call(&data.inst) {
                    self.calls.push(position);
                    if let Some(result) = data.result {
                        self.wanted[result.index()] = 16;
                    }
                }
            }
            position += 2;
            block.terminator.for_each_operand(&function.pool, |value| {
                let root = self.root[value.index()] as usize;
                self.uses[root] = self.uses[root].saturating_add(1);
            });
            position += 2;
        }
    }

    /// Position of the terminator of the block at `place`.
    pub(super) fn terminator_position(&self, function: &Function, place: usize) -> u32 {
        let insts = function.blocks[self.cfg.order[place].index()].insts.len();
        self.block_start[place] + 2 * (index32(insts) + 1)
    }

    fn find_intervals(&mut self, function: &Function) {
        for place in (0..self.cfg.order.len()).rev() {
            let block = &function.blocks[self.cfg.order[place].index()];
            let mut position = self.terminator_position(function, place);
            self.terminator_uses(function, place, position);
            for &inst in block.insts.iter().rev() {
                position -= 2;
                let data = &function.insts[inst.index()];
                if let Inst::Mark(mark, _, value) = data.inst {
                    if mark.is_use() {
                        self.use_anywhere(function, value, place, position);
                    }
                    continue;
                }
                if self.is_silent(&data.inst, data.result) {
                    continue;
                }
                self.instruction_uses(function, &data.inst, data.result, place, position);
            }
        }
    }

    /// Tells whether an instruction gives no code of its own: a constant, the same word
    /// under another name, a comparison inside a branch, a mark, or a pure one that nobody needs.
    pub(super) fn is_silent(&self, inst: &Inst, result: Option<ValueId>) -> bool {
        if matches!(inst, Inst::Const { .. } | Inst::FuncAddr(_) | Inst::Mark(..))
            || same_word(inst).is_some()
        {
            return true;
        }
        let Some(result) = result else { return false };
        self.is_fused(result) || (inst.effect() == Effect::None && self.end[result.index()] == 0)
    }

    fn terminator_uses(&mut self, function: &Function, place: usize, position: u32) {
        let id = self.cfg.order[place];
        let block = &function.blocks[id.index()];
        for call in block.terminator.successors() {
            let target = &function.blocks[call.block.index()];
            for (&arg, &param) in function.list(call.args).iter().zip(&target.params) {
                let root = self.root(arg);
                if self.passed_to[root.index()] == NONE {
                    self.passed_to[root.index()] = index32(param.index());
                }
                self.use_anywhere(function, arg, place, position);
            }
        }
        match &block.terminator {
            Terminator::Branch { condition, .. } => {
                let root = self.root(*condition);
                if self.uses[root.index()] == 1
                    && let ValueDef::Inst(inst) = function.values[root.index()].def
                    && let Inst::IntCompare(_, [a, b]) = function.insts[inst.index()].inst
                    && self.start[root.index()] > self.block_start[place]
                {
                    self.fused[root.index()] = true;
                    if fits_i32(function, self.root(b)).is_some() {
                        self.use_in_register(function, a, place, position, 64);
                    } else if fits_i32(function, self.root(a)).is_some() {
                        self.use_in_register(function, b, place, position, 64);
                    } else {
                        self.use_in_register(function, a, place, position, 64);
                        self.use_in_register(function, b, place, position, 64);
                    }
                } else {
                    self.use_in_register(function, *condition, place, position, 64);
                }
            }
            Terminator::Return(Some(value)) => {
                self.want(*value, 16);
                self.use_anywhere(function, *value, place, position);
            }
            Terminator::Switch { value, .. } | Terminator::Leave(_, Some(value)) => {
                self.use_in_register(function, *value, place, position, 64);
            }
            _ => {}
        }
    }

    fn want(&mut self, value: ValueId, register: u8) {
        let root = self.root[value.index()] as usize;
        self.wanted[root] = register;
    }

    fn instruction_uses(
        &mut self,
        function: &Function,
        inst: &Inst,
        result: Option<ValueId>,
        place: usize,
        position: u32,
    ) {
        if let Some(bits) = helper_constant(inst) {
            self.use_constant(function, bits, place);
        }
        if is_call(inst) {
            let list = inst.operand_list().unwrap_or_default();
            for (n, &arg) in function.list(list).iter().enumerate() {
                if n < 4 {
                    self.want(arg, 16 + index32(n).to_le_bytes()[0]);
                }
                self.use_anywhere(function, arg, place, position);
            }
            if let Inst::CallIndirect { callee, .. } = inst {
                self.use_anywhere(function, *callee, place, position);
            }
            return;
        }
        let immediate = immediate_operand(function, self, inst);
        // All uses of the result are behind this place, so that they are known.
        let used = result.map_or(64, |value| self.bits_used[value.index()]);
        let mut copy = *inst;
        let mut n = 0;
        let mut operands = [None; 3];
        copy.map_scalar_operands(|value| {
            operands[n] = Some(*value);
            n += 1;
        });
        for (n, value) in operands.into_iter().enumerate() {
            let Some(value) = value else { continue };
            if immediate != Some(n) {
                self.use_in_register(function, value, place, position, bits_read(inst, n, used));
            }
        }
        if let Some(list) = inst.operand_list() {
            for &value in function.list(list) {
                self.use_in_register(function, value, place, position, 64);
            }
        }
    }

    /// A use that can take a constant as it is.
    fn use_anywhere(&mut self, function: &Function, value: ValueId, place: usize, position: u32) {
        let root = self.root(value);
        if constant_bits(function, root).is_none() {
            self.use_value(root, place, position, 64);
        }
    }

    /// A use of the low `bits` bits that needs a register.
    fn use_in_register(
        &mut self,
        function: &Function,
        value: ValueId,
        place: usize,
        position: u32,
        bits: u8,
    ) {
        let root = self.root(value);
        match constant_bits(function, root) {
            Some(word) => self.use_constant(function, word, place),
            None => self.use_value(root, place, position, bits),
        }
    }

    fn use_value(&mut self, value: ValueId, place: usize, position: u32, bits: u8) {
        let at = value.index();
        self.bits_used[at] = self.bits_used[at].max(bits);
        let cost = self.cost(place);
        self.weight[at] = self.weight[at].saturating_add(cost);
        if self.end[at] >= position {
            return;
        }
        let start = self.start[at];
        let region = self.outermost(place, |region| region.start > start);
        let end = self.regions.get(region as usize).map_or(position, |region| region.end);
        self.end[at] = self.end[at].max(end);
    }

    /// How much a use at `place` weighs: 8 for each loop around it.
    fn cost(&self, place: usize) -> u32 {
        let depth = self.regions.get(self.innermost[place] as usize).map_or(0, |region| region.depth);
        1 << (3 * depth.min(6))
    }

    fn use_constant(&mut self, function: &Function, bits: u64, place: usize) {
        let number = self.hoist[place];
        if number == NONE || bits == 0 {
            return;
        }
        let cost = self.cost(place);
        let region = self.regions[number as usize];
        let count = index32(self.loop_constants.len());
        let known = self.constant_numbers.get(&(number, bits)).copied();
        let constant = known.unwrap_or(count);
        if known.is_none() {
            // What a block's gas may cover leaves room for some.
            let home = region.home;
            let gas = function.gas(self.cfg.order[home as usize]);
            let room = &mut self.room[home as usize];
            if *room >= LOADS_PER_BLOCK + LOADS_PER_GAS * gas {
                return;
            }
            *room += 1;
            self.constant_numbers.insert((number, bits), count);
            let start = self.terminator_position(function, home as usize);
            let end = region.end;
            self.loop_constants.push(LoopConstant { bits, home, start, end, weight: 0 });
        }
        let weight = &mut self.loop_constants[constant as usize].weight;
        *weight = weight.saturating_add(cost);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "arenas are bounded below 2^32")]
pub(super) fn index32(index: usize) -> u32 {
    index as u32
}
