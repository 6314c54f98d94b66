//! Rotates loops: a loop that tests at its head becomes a test in front of a loop that
//! tests at its end, which saves a jump and a block each time round.
//!
//! Those instructions of the head that give another result each time are copied to the end of
//! the block that jumps back. Their results then have two definitions: where a block behind the
//! head needs one, the block that the head goes on to gets a parameter for it.

use super::{Known, Workspace};
use crate::fir::arith::compute;
use crate::fir::{
    BlockCall, BlockId, Cfg, Dominators, Effect, Function, Inst, InstData, InstId, Terminator, Value,
    ValueDef, ValueId, ValueList,
};
use alloc::vec::Vec;

/// Most instructions of a head that is copied.
const HEAD: usize = 12;
/// Most blocks from a head to the way back.
const LENGTH: usize = 64;
/// Most ways back to a head that is copied.
const WAYS: usize = 2;

/// No index.
const NONE: u32 = u32::MAX;

/// What rotating did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rotated {
    /// There was nothing to rotate.
    Nothing,
    /// Loops were rotated.
    Loops,
    /// And the test in front of one of them always has the same outcome.
    Decided,
}

/// What a rotation keeps in memory.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Heads with the blocks that jump back to them.
    ways: Vec<(BlockId, BlockId)>,
    heads: Vec<Head>,
    /// Per value its place in `varying`, or [`NONE`].
    places: Vec<u32>,
    varying: Vec<Varying>,
    /// Targets that get parameters, with the place in `varying` that the parameter is for; by target.
    extra: Vec<(BlockId, u32)>,
    /// Operands of one list.
    values: Vec<ValueId>,
    /// Instructions of a head.
    insts: Vec<InstId>,
    /// Results of a head in front of its loop, where they are known.
    known: Vec<(ValueId, u64)>,
}

/// A block that tests whether its loop goes on.
#[derive(Clone, Copy, Debug)]
struct Head {
    block: BlockId,
    inside: BlockId,
    outside: BlockId,
    rotates: bool,
}

/// A parameter or result of a head that is another one each time round.
#[derive(Clone, Copy, Debug)]
struct Varying {
    value: ValueId,
    /// Place of its head.
    head: u32,
    /// What stands for it in the loop and behind it; at first itself where none is needed.
    inside: ValueId,
    outside: ValueId,
    needed_inside: bool,
    needed_outside: bool,
    /// What stands for it at the end of the block that jumps back.
    copy: ValueId,
}

/// Rotates the loops of a function. `clean_graph` ran before.
pub(super) fn rotate_loops(function: &mut Function, work: &mut Workspace) -> Rotated {
    work.know_graph(function);
    if !work.rotation.find_ways(function, &work.cfg) {
        return Rotated::Nothing;
    }
    work.know_dominators(function);
    let Workspace { known, cfg, dominators, rotation: memory, .. } = work;
    memory.find_heads(function, cfg, dominators);
    memory.find_varying(function);
    memory.find_uses(function, cfg, dominators);
    if !memory.heads.iter().any(|head| head.rotates) {
        return Rotated::Nothing;
    }
    memory.add_params(function);
    memory.rewrite(function, cfg, dominators);
    let decided = memory.copy_heads(function, cfg);
    *known = Known::Nothing;
    if decided { Rotated::Decided } else { Rotated::Loops }
}

impl Memory {
    /// Finds blocks that jump back, with the heads that they jump to; tells whether there are any.
    fn find_ways(&mut self, function: &Function, cfg: &Cfg) -> bool {
        self.ways.clear();
        for (place, &id) in cfg.order.iter().enumerate() {
            let Terminator::Jump(call) = function.blocks[id.index()].terminator else { continue };
            let position = |block| cfg.position(block).unwrap_or(0);
            let first = position(call.block);
            if first == 0 || first >= place || place - first > LENGTH {
                continue;
            }
            let head = &function.blocks[call.block.index()];
            let Terminator::Branch { then, otherwise, .. } = &head.terminator else { continue };
            // One way stays in the loop, the other leaves it.
            let inside = |block| (first + 1..=place).contains(&position(block));
            if head.insts.len() <= HEAD && inside(then.block) != inside(otherwise.block) {
                self.ways.push((call.block, id));
            }
        }
        self.ways.sort_unstable();
        !self.ways.is_empty()
    }

    fn find_heads(&mut self, function: &Function, cfg: &Cfg, dominators: &Dominators) {
        self.heads.clear();
        for ways in self.ways.chunk_by(|a, b| a.0 == b.0).filter(|ways| ways.len() <= WAYS) {
            let [(block, from), ..] = *ways else { continue };
            let Terminator::Branch { then, otherwise, .. } = &function.blocks[block.index()].terminator
            else {
                continue;
            };
            let position = |block| cfg.position(block).unwrap_or(0);
            let in_loop = position(block) + 1..=position(from);
            let (inside, outside) = if in_loop.contains(&position(then.block)) {
                (then.block, otherwise.block)
            } else {
                (otherwise.block, then.block)
            };
            // What a copy takes over from the head is known at its place only if no way leads there past the head.
            let through_head = ways.iter().all(|&(_, from)| dominators.dominates(block, from));
            self.heads.push(Head { block, inside, outside, rotates: through_head && position(outside) != 0 });
        }
    }

    fn find_varying(&mut self, function: &Function) {
        self.places.clear();
        self.places.resize(function.values.len(), NONE);
        self.varying.clear();
        for n in 0..self.heads.len() {
            let head = index32(n);
            let block = &function.blocks[self.heads[n].block.index()];
            block.params.iter().for_each(|&param| self.add_varying(param, head));
            for &inst in &block.insts {
                let InstData { inst, result, .. } = &function.insts[inst.index()];
                if let Some(result) = *result
                    && self.varies(inst, &function.pool, head)
                {
                    self.add_varying(result, head);
                }
            }
        }
    }

    fn add_varying(&mut self, value: ValueId, head: u32) {
        self.places[value.index()] = index32(self.varying.len());
        self.varying.push(Varying {
            value,
            head,
            inside: value,
            outside: value,
            needed_inside: false,
            needed_outside: false,
            copy: value,
        });
    }

    /// What is known of a value that varies.
    fn varying(&self, value: ValueId) -> Option<&Varying> {
        // Parameters that were added since are none.
        let place = *self.places.get(value.index())?;
        self.varying.get(place as usize)
    }

    /// Tells whether an instruction of a head does something else each time round. One that does
    /// not need not be done again: it was in front of the loop.
    fn varies(&self, inst: &Inst, pool: &[ValueId], head: u32) -> bool {
        let mut varies = inst.effect() > Effect::Trap;
        inst.for_each_operand(pool, |value| {
            varies |= self.varying(value).is_some_and(|varying| varying.head == head);
        });
        varies
    }

    /// Finds out which values need a parameter, and heads that cannot be rotated.
    fn find_uses(&mut self, function: &Function, cfg: &Cfg, dominators: &Dominators) {
        let Self { heads, places, varying, .. } = self;
        for &id in &cfg.order {
            let mut visit = |value: ValueId| {
                let Some(varying) = varying.get_mut(places[value.index()] as usize) else { return };
                let head = &mut heads[varying.head as usize];
                if head.block == id {
                } else if dominators.dominates(head.inside, id) {
                    varying.needed_inside = true;
                } else if dominators.dominates(head.block, head.outside)
                    && dominators.dominates(head.outside, id)
                {
                    varying.needed_outside = true;
                } else {
                    // Ways in and out of the loop meet in front of the block.
                    head.rotates = false;
                }
            };
            let block = &function.blocks[id.index()];
            for &inst in &block.insts {
                function.insts[inst.index()].inst.for_each_operand(&function.pool, &mut visit);
            }
            block.terminator.for_each_operand(&function.pool, &mut visit);
        }
        // Every edge to a block with such a parameter must have a value for it.
        for varying in varying {
            let head = &mut heads[varying.head as usize];
            if varying.needed_outside {
                for &from in cfg.predecessors(head.outside).iter().filter(|&&from| from != head.block) {
                    if dominators.dominates(head.inside, from) {
                        varying.needed_inside = true;
                    } else {
                        head.rotates &= dominators.dominates(head.outside, from);
                    }
                }
            }
            if varying.needed_inside {
                let mut edges = cfg.predecessors(head.inside).iter();
                head.rotates &=
                    edges.all(|&from| from == head.block || dominators.dominates(head.inside, from));
            }
        }
    }

    /// Adds the parameters; the edges get their arguments in [`Self::rewrite`].
    fn add_params(&mut self, function: &mut Function) {
        let Self { heads, varying, extra, .. } = self;
        extra.clear();
        for (place, varying) in varying.iter().enumerate() {
            let head = heads[varying.head as usize];
            let sides = [(varying.needed_inside, head.inside), (varying.needed_outside, head.outside)];
            let needed = sides.into_iter().filter(|(needed, _)| *needed && head.rotates);
            extra.extend(needed.map(|(_, target)| (target, index32(place))));
        }
        extra.sort_unstable();
        for &(target, place) in extra.iter() {
            let varying = &mut varying[place as usize];
            let params = &mut function.blocks[target.index()].params;
            let param = ValueId::new(function.values.len());
            let def = ValueDef::Param(target, index32(params.len()));
            params.push(param);
            let ty = function.value_type(varying.value);
            function.values.push(Value { ty, def });
            if heads[varying.head as usize].inside == target {
                varying.inside = param;
            } else {
                varying.outside = param;
            }
        }
    }

    /// Lets every block use the parameters, and every edge pass them.
    fn rewrite(&mut self, function: &mut Function, cfg: &Cfg, dominators: &Dominators) {
        let Self { heads, places, varying, extra, values, .. } = self;
        for &id in &cfg.order {
            let now = |value: ValueId| {
                let varying = places.get(value.index()).and_then(|&place| varying.get(place as usize));
                let Some(varying) = varying else { return value };
                let head = heads[varying.head as usize];
                if !head.rotates || head.block == id {
                    value
                } else if dominators.dominates(head.inside, id) {
                    varying.inside
                } else {
                    varying.outside
                }
            };
            let block = &function.blocks[id.index()];
            for &inst in &block.insts {
                let inst = &mut function.insts[inst.index()].inst;
                inst.map_scalar_operands(|value| *value = now(*value));
                if let Some(list) = inst.operand_list_mut() {
                    values.clear();
                    values.extend(list.of(&function.pool).iter().map(|&value| now(value)));
                    *list = replace_list(&mut function.pool, *list, values);
                }
            }
            let terminator = &mut function.blocks[id.index()].terminator;
            if let Some(value) = terminator.own_operand_mut() {
                *value = now(*value);
            }
            let mut slot = 0;
            while let Some(call) = terminator.successor_mut(slot) {
                slot += 1;
                values.clear();
                values.extend(call.args.of(&function.pool).iter().map(|&value| now(value)));
                let first = extra.partition_point(|&(target, _)| target < call.block);
                let added = extra[first..].iter().take_while(|&&(target, _)| target == call.block);
                values.extend(added.map(|&(_, place)| now(varying[place as usize].value)));
                call.args = replace_list(&mut function.pool, call.args, values);
            }
        }
    }

    /// Copies heads to the ends of the blocks that jump back; tells whether a test in front of a
    /// loop has become a jump.
    fn copy_heads(&mut self, function: &mut Function, cfg: &Cfg) -> bool {
        for n in 0..self.ways.len() {
            let (block, from) = self.ways[n];
            if let Ok(head) = self.heads.binary_search_by_key(&block, |head| head.block)
                && self.heads[head].rotates
            {
                self.copy_head(function, index32(head), from);
            }
        }
        let mut decided = false;
        for n in 0..self.heads.len() {
            decided |= self.heads[n].rotates && self.decide(function, cfg, self.heads[n].block);
        }
        decided
    }

    fn copy_head(&mut self, function: &mut Function, head: u32, from: BlockId) {
        let Head { block, .. } = self.heads[head as usize];
        let Terminator::Jump(call) = function.blocks[from.index()].terminator else { return };
        let home = &function.blocks[block.index()];
        for (&param, &arg) in home.params.iter().zip(call.args.of(&function.pool)) {
            // An added parameter is its own argument here: it belongs to a loop around this one.
            self.set_copy(param, arg);
        }
        let (line, mut terminator) = (home.line, home.terminator.clone());
        let mut insts = core::mem::take(&mut self.insts);
        insts.clear();
        insts.extend_from_slice(&home.insts);
        for &inst in &insts {
            let mut data = function.insts[inst.index()];
            if !self.varies(&data.inst, &function.pool, head) {
                continue;
            }
            data.inst.map_scalar_operands(|value| *value = self.copy_of(*value, head));
            if let Some(list) = data.inst.operand_list_mut() {
                *list = self.copy_list(function, *list, head);
            }
            let new = InstId::new(function.insts.len());
            if let Some(result) = data.result {
                let copy = ValueId::new(function.values.len());
                function.values.push(Value { ty: function.value_type(result), def: ValueDef::Inst(new) });
                data.result = Some(copy);
                self.set_copy(result, copy);
            }
            function.insts.push(data);
            function.blocks[from.index()].insts.push(new);
        }
        self.insts = insts;
        if let Some(value) = terminator.own_operand_mut() {
            *value = self.copy_of(*value, head);
        }
        let mut slot = 0;
        while let Some(call) = terminator.successor_mut(slot) {
            call.args = self.copy_list(function, call.args, head);
            slot += 1;
        }
        let end = &mut function.blocks[from.index()];
        end.terminator = terminator;
        end.line = line;
    }

    fn set_copy(&mut self, value: ValueId, copy: ValueId) {
        if let Some(&place) = self.places.get(value.index())
            && let Some(varying) = self.varying.get_mut(place as usize)
        {
            varying.copy = copy;
        }
    }

    /// What stands for a value of a head at the end of the block that jumps back.
    fn copy_of(&self, value: ValueId, head: u32) -> ValueId {
        match self.varying(value) {
            Some(varying) if varying.head == head => varying.copy,
            _ => value,
        }
    }

    fn copy_list(&mut self, function: &mut Function, list: ValueList, head: u32) -> ValueList {
        let mut values = core::mem::take(&mut self.values);
        values.clear();
        values.extend(function.list(list).iter().map(|&value| self.copy_of(value, head)));
        let new = replace_list(&mut function.pool, list, &values);
        self.values = values;
        new
    }

    /// Makes the test in front of a loop a jump where its outcome is known.
    fn decide(&mut self, function: &mut Function, cfg: &Cfg, block: BlockId) -> bool {
        let is_end = |from: BlockId| self.ways.binary_search(&(block, from)).is_ok();
        let mut before = cfg.predecessors(block).iter().filter(|&&from| !is_end(from));
        let (Some(&from), None) = (before.next(), before.next()) else { return false };
        if self.heads.iter().any(|head| head.inside == block || head.outside == block) {
            return false;
        }
        let mut args = ValueList::EMPTY;
        function.blocks[from.index()].terminator.for_each_successor(|call| {
            if call.block == block {
                args = call.args;
            }
        });
        let Self { known, .. } = self;
        known.clear();
        let home = &function.blocks[block.index()];
        for (&param, &arg) in home.params.iter().zip(args.of(&function.pool)) {
            known.extend(constant(function, known, arg).map(|bits| (param, bits)));
        }
        for &inst in &home.insts {
            let InstData { inst, result: Some(result), .. } = &function.insts[inst.index()] else { continue };
            if inst.effect() > Effect::Trap || inst.operand_list().is_some() {
                continue;
            }
            let mut all = true;
            inst.for_each_operand(&function.pool, |value| all &= constant(function, known, value).is_some());
            if !all {
                continue;
            }
            let bits = |value| constant(function, known, value).unwrap_or(0);
            if let Some(Ok(bits)) = compute(inst, bits) {
                known.push((*result, bits));
            }
        }
        let Terminator::Branch { condition, then, otherwise } = home.terminator else { return false };
        let Some(bits) = constant(function, known, condition) else { return false };
        let way: BlockCall = if bits == 0 { otherwise } else { then };
        function.blocks[block.index()].terminator = Terminator::Jump(way);
        true
    }
}

/// A constant, or what is known of a value.
fn constant(function: &Function, known: &[(ValueId, u64)], value: ValueId) -> Option<u64> {
    if let ValueDef::Inst(inst) = function.values[value.index()].def
        && let Inst::Const { bits, .. } = function.insts[inst.index()].inst
    {
        return Some(bits);
    }
    known.iter().find(|(other, _)| *other == value).map(|&(_, bits)| bits)
}

/// A list with these values; the old one where nothing changed.
fn replace_list(pool: &mut Vec<ValueId>, old: ValueList, values: &[ValueId]) -> ValueList {
    if old.of(pool) == values {
        return old;
    }
    let start = index32(pool.len());
    pool.extend_from_slice(values);
    ValueList { start, len: index32(values.len()) }
}

fn index32(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(NONE)
}
