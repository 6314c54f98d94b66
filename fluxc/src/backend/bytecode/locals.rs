//! Where the named locals of a document are while code runs: marks of FIR to ranges of code.
//!
//! What a local has at the start of a block follows from what it has at the ends of the blocks before:
//! the same value, or what a mark of the block says comes in there. A value is in one place from its
//! definition to the end of its interval; behind that the local is gone until it has another one.
//!
//! # Invariants
//! 1. A range is inside one block, or several that follow each other and agree.
//! 2. A local has a range only where it has a value on every way from the start of the function.

use super::allocate::Allocation;
use super::moves::Place;
use super::plan::{Plan, constant_bits, index32};
use super::select::argument_place;
use crate::fir::{Function, Inst, Mark, ValueDef, ValueId};
use alloc::vec::Vec;
use core::ops::Range;
use flux_isa::{LocalPlace, LocalRange};

/// Blocks times locals of a function above which its locals are not looked for.
const MOST: usize = 1 << 22;

/// Code offsets of a selected function: of each block, and of each FIR instruction and terminator.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Whether the function has marks; without them nothing is noted.
    wanted: bool,
    blocks: Vec<u32>,
    /// In the order of the blocks; the terminator of a block follows its instructions.
    insts: Vec<u32>,
}

impl Places {
    pub(super) fn begin(&mut self, function: &Function) {
        self.blocks.clear();
        self.insts.clear();
        self.wanted = function.insts.iter().any(|data| matches!(data.inst, Inst::Mark(..)));
    }

    pub(super) fn block(&mut self, offset: u32) {
        if self.wanted {
            self.blocks.push(offset);
        }
    }

    pub(super) fn instruction(&mut self, offset: u32) {
        if self.wanted {
            self.insts.push(offset);
        }
    }

    /// Notes the end of the last block.
    pub(super) fn finish(&mut self, offset: u32) {
        self.block(offset);
    }
}

/// What a local has at a place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Held {
    /// The place has not been reached.
    Unreached,
    /// A value.
    Value(ValueId),
    /// Different values on different ways.
    Several,
    /// Nothing on some way.
    Nothing,
}

impl Held {
    fn meet(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unreached, any) | (any, Self::Unreached) => any,
            (Self::Nothing, _) | (_, Self::Nothing) => Self::Nothing,
            (one, another) if one == another => one,
            _ => Self::Several,
        }
    }

    fn after(self, mark: Mark, value: ValueId) -> Self {
        match mark {
            Mark::Joins if self == Self::Nothing => self,
            Mark::Begins | Mark::Joins => Self::Value(value),
            Mark::Keeps => self,
            Mark::Ends => Self::Nothing,
        }
    }
}

/// Finds the ranges of one function after the other.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    /// Per place of a block what each local has at its start.
    at_start: Vec<Held>,
    now: Vec<Held>,
    ranges: Vec<(u32, LocalRange)>,
}

impl Tracker {
    /// Appends the ranges of the function's locals, sorted by row and offset.
    pub(super) fn find(
        &mut self,
        function: &Function,
        plan: &Plan,
        allocation: &Allocation,
        places: &Places,
        out: &mut Vec<(u32, LocalRange)>,
    ) {
        let rows = |data: &crate::fir::InstData| match data.inst {
            Inst::Mark(_, row, _) => Some(row),
            _ => None,
        };
        let all = || function.insts.iter().filter_map(rows);
        let (Some(first), Some(last)) = (all().min(), all().max()) else { return };
        let count = (last - first) as usize + 1;
        if !places.wanted || plan.cfg.order.len().saturating_mul(count) > MOST {
            return;
        }
        self.flow(function, plan, first, count);
        let mut walk = Walk { function, plan, allocation, first, ranges: &mut self.ranges };
        let mut inst = 0;
        for (place, &id) in plan.cfg.order.iter().enumerate() {
            let block = &function.blocks[id.index()];
            let offsets = &places.insts[inst..=inst + block.insts.len()];
            inst += block.insts.len() + 1;
            if place == 0 {
                walk.arguments(places.blocks[0]);
            }
            self.now.clear();
            self.now.extend_from_slice(&self.at_start[place * count..(place + 1) * count]);
            walk.block(place, &mut self.now, offsets, places.blocks[place]..places.blocks[place + 1]);
        }
        self.ranges.sort_by_key(|(row, range)| (*row, range.start));
        for (row, range) in self.ranges.drain(..) {
            match out.last_mut() {
                Some((before, last))
                    if *before == row
                        && last.end == range.start
                        && (last.place, last.number) == (range.place, range.number) =>
                {
                    last.end = range.end;
                }
                _ => out.push((row, range)),
            }
        }
    }

    /// Finds what each local has at the start of each block. What is known of a local at a place only
    /// goes from a value to several to nothing, so that this ends.
    fn flow(&mut self, function: &Function, plan: &Plan, first: u32, count: usize) {
        self.at_start.clear();
        self.at_start.resize(plan.cfg.order.len() * count, Held::Unreached);
        self.at_start.iter_mut().take(count).for_each(|held| *held = Held::Nothing);
        let mut changed = true;
        while changed {
            changed = false;
            for (place, &id) in plan.cfg.order.iter().enumerate() {
                let block = &function.blocks[id.index()];
                self.now.clear();
                self.now.extend_from_slice(&self.at_start[place * count..(place + 1) * count]);
                for &inst in &block.insts {
                    if let Inst::Mark(mark, row, value) = function.insts[inst.index()].inst {
                        let held = &mut self.now[(row - first) as usize];
                        *held = held.after(mark, value);
                    }
                }
                block.terminator.for_each_successor(|call| {
                    let Some(target) = plan.cfg.position(call.block) else { return };
                    let starts = &mut self.at_start[target * count..(target + 1) * count];
                    for (start, held) in starts.iter_mut().zip(&self.now) {
                        let after = start.meet(*held);
                        changed |= core::mem::replace(start, after) != after;
                    }
                });
            }
        }
    }
}

struct Walk<'a> {
    function: &'a Function,
    plan: &'a Plan,
    allocation: &'a Allocation,
    first: u32,
    ranges: &'a mut Vec<(u32, LocalRange)>,
}

impl Walk<'_> {
    /// Before the first instruction arguments are where the caller put them.
    fn arguments(&mut self, start: u32) {
        let entry = &self.function.blocks[0];
        for &inst in &entry.insts {
            if let Inst::Mark(Mark::Begins, row, value) = self.function.insts[inst.index()].inst
                && let ValueDef::Param(block, n) = self.function.values[value.index()].def
                && block.index() == 0
                && !self.ranges.iter().any(|(other, _)| *other == row)
            {
                let (place, number) = place_number(argument_place(n as usize, entry.params.len()));
                self.ranges.push((row, LocalRange { start, end: start + 1, place, number }));
            }
        }
    }

    /// The ranges of one block with the code `code`; `offsets` are those of its instructions and of its
    /// terminator.
    fn block(&mut self, place: usize, now: &mut [Held], offsets: &[u32], code: Range<u32>) {
        let id = self.plan.block(place);
        let block = &self.function.blocks[id.index()];
        let mut since = alloc::vec![code.start; now.len()];
        // What comes in is there before the block charges its gas, unless the block itself moves it.
        let mut comes_in = place != 0 && !self.plan.has_own_moves(id);
        for (&inst, &offset) in block.insts.iter().zip(offsets) {
            let Inst::Mark(mark, row, value) = self.function.insts[inst.index()].inst else {
                comes_in = false;
                continue;
            };
            let offset = if comes_in { code.start } else { offset };
            let local = (row - self.first) as usize;
            let after = now[local].after(mark, value);
            if after != now[local] {
                self.close((local, now[local]), since[local]..offset, (place, offsets));
                now[local] = after;
                since[local] = offset;
            }
        }
        for (local, held) in now.iter().enumerate() {
            self.close((local, *held), since[local]..code.end, (place, offsets));
        }
    }

    /// Adds what a local had between two offsets of a block.
    fn close(&mut self, (local, held): (usize, Held), code: Range<u32>, (place, offsets): (usize, &[u32])) {
        let row = self.first + index32(local);
        let mut add = |start: u32, end: u32, (place, number): (LocalPlace, i64)| {
            if start < end {
                self.ranges.push((row, LocalRange { start, end, place, number }));
            }
        };
        let gone = (LocalPlace::Gone, 0);
        let value = match held {
            Held::Unreached | Held::Nothing => return,
            Held::Several => return add(code.start, code.end, gone),
            Held::Value(value) => self.plan.root(value),
        };
        if let Some(bits) = constant_bits(self.function, value) {
            return add(code.start, code.end, (LocalPlace::Constant, bits.cast_signed()));
        }
        let Some(at) = self.allocation.place(self.plan, value) else {
            return add(code.start, code.end, gone);
        };
        // It is there before the instruction that needs it last.
        let last = self.plan.end[value.index()];
        let first = self.plan.block_start[place] + 2;
        let n = last.checked_sub(first).map_or(0, |distance| distance as usize / 2);
        let until = match offsets.get(n) {
            _ if last < first => code.start,
            Some(offset) => (offset + 1).clamp(code.start, code.end),
            None => code.end,
        };
        add(code.start, until, place_number(at));
        add(until, code.end, gone);
    }
}

fn place_number(place: Place) -> (LocalPlace, i64) {
    match place {
        Place::Register(register) => (LocalPlace::Register, i64::from(register)),
        Place::Slot(slot) => (LocalPlace::Slot, i64::from(slot)),
    }
}
