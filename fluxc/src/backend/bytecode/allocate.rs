//! Linear-scan register allocation over the intervals of a plan.
//!
//! Registers are given in the order in which values begin. A value that lives across a
//! call gets one of R8 to R15; when none is free, the value with the least use for its
//! length goes to the stack for its whole life. Loop constants never go to the stack:
//! one without a register is loaded where it is used.
//!
//! # Invariants
//! 1. Two values whose intervals share a position are in different places.
//! 2. R7, R54 and R55 are given to nothing.

use super::BackendError;
use super::moves::Place;
use super::plan::{NONE, Plan, index32, refill};
use crate::fir::{BlockId, Dominators, FuncId, Function, ValueId};
use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

/// Registers that a callee leaves as they were.
pub(super) const SAVED: u64 = 0xff << 8;
/// All registers that hold values: R8 to R53.
const USABLE: u64 = (1 << 54) - (1 << 8);
/// Most slots of a frame.
pub(crate) const SLOTS: usize = 32_000;

/// What holds a register at the moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Holder {
    Nothing,
    Value(u32),
    Constant(u32),
}

/// Where each value lives. Like a [`Plan`] it serves function after function.
#[derive(Debug, Default)]
pub(super) struct Allocation {
    places: Vec<Option<Place>>,
    /// Per loop constant its register.
    constants: Vec<Option<u8>>,
    /// How many of R8, R9, … are used and must be saved.
    pub(super) saved: u8,
    /// Slots of the frame behind the saved registers.
    pub(super) slots: u16,
    /// Per place whether the frame is there when its block is done.
    framed: Vec<bool>,
    /// Place of the block that makes the frame.
    pub(super) frame_home: usize,
    /// A register that a block parameter should best be in.
    preferred: Vec<u8>,
    spilled: Vec<u32>,
    /// Blocks that need the frame.
    users: Vec<BlockId>,
    dominators: Dominators,
}

struct Scan<'a> {
    plan: &'a Plan,
    places: &'a mut [Option<Place>],
    constants: &'a mut [Option<u8>],
    /// Registers free at the moment; the others are busy to the end of their holder.
    free: u64,
    holders: [Holder; 64],
    ends: [u32; 64],
    /// The least of `ends` over busy registers: nothing becomes free before it.
    soonest: u32,
    preferred: &'a mut [u8],
    spilled: &'a mut Vec<u32>,
    used: u64,
}

impl Allocation {
    /// Allocates all values of a planned function.
    pub(super) fn refresh(
        &mut self,
        function: &Function,
        plan: &Plan,
        id: FuncId,
    ) -> Result<(), BackendError> {
        let values = function.values.len();
        refill(&mut self.places, values, None);
        refill(&mut self.constants, plan.loop_constants.len(), None);
        refill(&mut self.preferred, values, u8::MAX);
        self.spilled.clear();
        let mut scan = Scan {
            plan,
            places: &mut self.places,
            constants: &mut self.constants,
            free: USABLE,
            holders: [Holder::Nothing; 64],
            ends: [0; 64],
            soonest: u32::MAX,
            preferred: &mut self.preferred,
            spilled: &mut self.spilled,
            used: 0,
        };
        let mut constants = plan.homes.iter().copied().peekable();
        for place in 0..plan.cfg.order.len() {
            let block = &function.blocks[plan.block(place).index()];
            for (n, &param) in block.params.iter().enumerate() {
                if place == 0 && n < 4 {
                    scan.preferred[param.index()] = 16 + index32(n).to_le_bytes()[0];
                }
                scan.allocate_value(param);
            }
            for &inst in &block.insts {
                let data = &function.insts[inst.index()];
                if let Some(result) = data.result
                    && plan.root(result) == result
                    && !plan.is_silent(&data.inst, data.result)
                {
                    scan.allocate_value(result);
                }
            }
            while let Some(number) =
                constants.next_if(|&number| plan.loop_constants[number as usize].home as usize <= place)
            {
                scan.allocate_constant(number);
            }
        }
        let saved_used = (scan.used & SAVED) >> 8;
        self.saved = u8::try_from(64 - saved_used.leading_zeros()).unwrap_or(8);
        self.framed.clear();
        self.frame_home = 0;
        self.assign_slots(plan, id)?;
        self.find_frame(function, plan);
        Ok(())
    }

    /// Tells whether the frame is there when the block at `place` is done.
    pub(super) fn is_framed(&self, place: usize) -> bool {
        self.framed.get(place).copied().unwrap_or(false)
    }

    /// Finds the block where the frame is made: the closest one outside loops that dominates
    /// all values in the frame and whose part of the function is left only by its end.
    fn find_frame(&mut self, function: &Function, plan: &Plan) {
        if self.saved == 0 && self.slots == 0 {
            return;
        }
        let order = &plan.cfg.order;
        refill(&mut self.framed, order.len(), true);
        if order.len() == 1 {
            return;
        }
        let mut users = core::mem::take(&mut self.users);
        let needs_frame = |value: ValueId| self.needs_frame(value);
        users.clear();
        for (place, &id) in order.iter().enumerate() {
            let block = &function.blocks[id.index()];
            let mut results = block.insts.iter().filter_map(|inst| function.insts[inst.index()].result);
            if block.params.iter().any(|&param| needs_frame(param)) || results.any(needs_frame) {
                users.push(id);
            }
            // A loop constant may be in a saved register too.
            let in_saved = |number: usize| self.constants[number].is_some_and(|r| SAVED & (1 << r) != 0);
            if plan.loop_constants_of(place).any(|(number, _)| in_saved(number)) {
                users.push(id);
            }
        }
        if let Some(home) = self.find_home(function, plan, &users) {
            let Self { framed, dominators, .. } = self;
            framed.clear();
            framed.extend(order.iter().map(|&id| dominators.dominates(home, id)));
            self.frame_home = plan.cfg.position(home).unwrap_or(0);
        }
        self.users = users;
    }

    /// The block that makes the frame for these users, if it is not the entry.
    fn find_home(&mut self, function: &Function, plan: &Plan, users: &[BlockId]) -> Option<BlockId> {
        let mut home = *users.first()?;
        if home == *plan.cfg.order.first()? {
            return None;
        }
        self.dominators.refresh(&plan.cfg);
        let dominators = &self.dominators;
        loop {
            let place = plan.cfg.position(home)?;
            if place == 0 {
                return None;
            }
            let block = &function.blocks[home.index()];
            let edge_moves =
                !plan.has_own_moves(home) && block.params.iter().any(|&param| self.needs_frame(param));
            if !plan.is_in_loop(place)
                && !edge_moves
                && users.iter().all(|&user| dominators.dominates(home, user))
                && is_closed(function, plan, dominators, home)
            {
                return Some(home);
            }
            home = dominators.immediate(home)?;
        }
    }

    /// Tells whether a value is in the frame, or in a register that is saved there.
    fn needs_frame(&self, value: ValueId) -> bool {
        match self.places[value.index()] {
            Some(Place::Register(register)) => SAVED & (1 << register) != 0,
            Some(Place::Slot(_)) => true,
            None => false,
        }
    }

    /// Where a value is; `None` if it has no place of its own.
    pub(super) fn place(&self, plan: &Plan, value: ValueId) -> Option<Place> {
        self.places[plan.root(value).index()]
    }

    /// The register of a loop constant.
    pub(super) fn constant(&self, number: usize) -> Option<u8> {
        self.constants[number]
    }

    /// Gives spilled values slots behind the saved registers, shared by values apart.
    fn assign_slots(&mut self, plan: &Plan, id: FuncId) -> Result<(), BackendError> {
        let spilled = &mut self.spilled;
        spilled.sort_unstable_by_key(|&value| (plan.start[value as usize], value));
        let mut free: Vec<u32> = Vec::new();
        let mut busy: BinaryHeap<Reverse<(u32, u32)>> = BinaryHeap::new();
        let mut count = 0u32;
        for &value in spilled.iter() {
            let at = value as usize;
            while let Some(&Reverse((end, slot))) = busy.peek()
                && end < plan.start[at]
            {
                free.push(slot);
                busy.pop();
            }
            let slot = free.pop().unwrap_or_else(|| {
                count += 1;
                count - 1
            });
            busy.push(Reverse((plan.end[at], slot)));
            let number = i16::try_from(slot + u32::from(self.saved)).unwrap_or(i16::MAX);
            self.places[at] = Some(Place::Slot(number));
        }
        if count as usize > SLOTS {
            return Err(BackendError::TooManySlots(id, count as usize));
        }
        self.slots = u16::try_from(count).unwrap_or(u16::MAX);
        Ok(())
    }
}

/// Tells whether no edge leaves the blocks that `home` dominates.
fn is_closed(function: &Function, plan: &Plan, dominators: &Dominators, home: BlockId) -> bool {
    plan.cfg.order.iter().filter(|&&id| dominators.dominates(home, id)).all(|id| {
        let terminator = &function.blocks[id.index()].terminator;
        terminator.successors().all(|call| dominators.dominates(home, call.block))
    })
}

impl Scan<'_> {
    fn allocate_value(&mut self, value: ValueId) {
        let at = value.index();
        let (start, end) = (self.plan.start[at], self.plan.end[at]);
        if end == 0 {
            return;
        }
        self.expire(start);
        let allowed = if self.plan.crosses_call(start, end) { SAVED } else { USABLE };
        let weight = ratio(self.plan.weight[at], start, end);
        let holder = Holder::Value(index32(at));
        let register = self.best(allowed, self.hint(value)).or_else(|| self.evict(allowed, weight));
        match register {
            Some(register) => {
                self.take(register, holder, end);
                self.places[at] = Some(Place::Register(register));
                let target = self.plan.passed_to[at];
                if target != NONE
                    && let Some(preferred) = self.preferred.get_mut(target as usize)
                    && *preferred == u8::MAX
                {
                    *preferred = register;
                }
            }
            None => self.spilled.push(index32(at)),
        }
    }

    fn allocate_constant(&mut self, number: u32) {
        let constant = self.plan.loop_constants[number as usize];
        self.expire(constant.start);
        let weight = ratio(constant.weight, constant.start, constant.end);
        let register = self.best(USABLE, None).or_else(|| self.evict(USABLE & !SAVED, weight));
        if let Some(register) = register {
            self.take(register, Holder::Constant(number), constant.end);
            self.constants[number as usize] = Some(register);
        }
    }

    /// A register that saves a move: of the parameter it is passed to, or a fixed one.
    fn hint(&self, value: ValueId) -> Option<u64> {
        let at = value.index();
        let bit = |register: u8| if register < 64 { 1u64 << register } else { 0 };
        let target = self.plan.passed_to[at] as usize;
        let of_target = match self.places.get(target) {
            Some(Some(Place::Register(register))) => bit(*register),
            Some(_) => bit(self.preferred[target]),
            None => 0,
        };
        let candidates = [of_target, bit(self.preferred[at]), bit(self.plan.wanted[at])];
        candidates.into_iter().find(|&mask| mask & self.free != 0)
    }

    /// Frees registers whose holders ended before `position`.
    fn expire(&mut self, position: u32) {
        if self.soonest >= position {
            return;
        }
        let mut soonest = u32::MAX;
        let mut busy = USABLE & !self.free;
        while busy != 0 {
            let register = busy.trailing_zeros() as usize;
            busy &= busy - 1;
            if self.ends[register] < position {
                self.free |= 1 << register;
                self.holders[register] = Holder::Nothing;
            } else {
                soonest = soonest.min(self.ends[register]);
            }
        }
        self.soonest = soonest;
    }

    /// The best free register: the hint, a temporary, an argument register, a saved one.
    fn best(&self, allowed: u64, hint: Option<u64>) -> Option<u8> {
        let free = self.free & allowed;
        let hinted = free & hint.unwrap_or(0);
        let choice = [hinted, free >> 20 << 20, free & !SAVED, free].into_iter().find(|&mask| mask != 0)?;
        u8::try_from(choice.trailing_zeros()).ok()
    }

    fn take(&mut self, register: u8, holder: Holder, end: u32) {
        let at = usize::from(register);
        self.free &= !(1 << register);
        self.used |= 1 << register;
        self.holders[at] = holder;
        self.ends[at] = end;
        self.soonest = self.soonest.min(end);
    }

    /// Takes an allowed register from the holder that needs it least, if that is less
    /// than `weight`.
    fn evict(&mut self, allowed: u64, weight: u64) -> Option<u8> {
        let mut busy = allowed & USABLE & !self.free;
        let mut least = (weight, None);
        while busy != 0 {
            let register = busy.trailing_zeros() as usize;
            busy &= busy - 1;
            let other = match self.holders[register] {
                Holder::Nothing => continue,
                Holder::Value(value) => {
                    let at = value as usize;
                    ratio(self.plan.weight[at], self.plan.start[at], self.plan.end[at])
                }
                Holder::Constant(number) => {
                    let constant = &self.plan.loop_constants[number as usize];
                    ratio(constant.weight, constant.start, constant.end)
                }
            };
            if other < least.0 {
                least = (other, Some(register));
            }
        }
        let register = least.1?;
        match self.holders[register] {
            Holder::Value(value) => {
                self.places[value as usize] = None;
                self.spilled.push(value);
            }
            Holder::Constant(number) => self.constants[number as usize] = None,
            Holder::Nothing => {}
        }
        u8::try_from(register).ok()
    }
}

/// Uses for each position of an interval, as a fixed-point number.
fn ratio(weight: u32, start: u32, end: u32) -> u64 {
    (u64::from(weight) << 24) / u64::from(end.saturating_sub(start).max(1))
}
