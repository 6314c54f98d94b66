//! Loops as ranges of positions.

use super::{NONE, Plan, index32, refill};
use crate::fir::Function;
use alloc::vec::Vec;

/// A range of blocks that contains a way back to its start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region {
    /// First position.
    pub(super) start: u32,
    /// Position of the last block's terminator.
    pub(super) end: u32,
    /// First and last place in the order.
    pub(super) first: u32,
    pub(super) last: u32,
    /// Place of the block that loads constants for it; `NONE` if none can.
    pub(super) home: u32,
    pub(super) parent: u32,
    /// A farther ancestor, for searches in logarithmic time.
    pub(super) jump: u32,
    pub(super) depth: u32,
    pub(super) has_call: bool,
}

/// Memory of the search for regions.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Per place the last one that jumps back to it.
    last: Vec<u32>,
    outer: Vec<(u32, u32)>,
    open: Vec<u32>,
    /// Per region the place of its home.
    homes: Vec<u32>,
    /// Per region the first place that immediately dominates one of its blocks but the header.
    reached: Vec<u32>,
}

impl Plan {
    pub(super) fn find_regions(&mut self, function: &Function) {
        let mut search = core::mem::take(&mut self.search);
        self.search_regions(function, &mut search);
        self.search = search;
    }

    fn search_regions(&mut self, function: &Function, search: &mut Search) {
        let places = self.cfg.order.len();
        let Search { last, outer, open, .. } = search;
        refill(last, places, NONE);
        let mut any = false;
        for place in 0..places {
            let block = &function.blocks[self.cfg.order[place].index()];
            block.terminator.for_each_successor(|call| {
                if let Some(target) = self.cfg.position(call.block)
                    && target <= place
                {
                    // Places ascend, so the last write is the greatest.
                    last[target] = index32(place);
                    any = true;
                }
            });
        }
        if !any {
            return;
        }
        // From the back: a region takes in those that it overlaps.
        outer.clear();
        for first in (0..places).rev() {
            if last[first] == NONE {
                continue;
            }
            let mut end = last[first];
            while let Some(&(start, other)) = outer.last()
                && start <= end
            {
                end = end.max(other);
                outer.pop();
            }
            last[first] = end;
            outer.push((index32(first), end));
        }
        open.clear();
        for (place, &end) in last.iter().enumerate() {
            while let Some(&top) = open.last()
                && self.regions[top as usize].last < index32(place)
            {
                open.pop();
            }
            if end != NONE {
                let parent = open.last().copied().unwrap_or(NONE);
                open.push(index32(self.regions.len()));
                self.add_region(function, place, end, parent);
            }
            self.innermost[place] = open.last().copied().unwrap_or(NONE);
        }
    }

    pub(super) fn add_region(&mut self, function: &Function, first: usize, last: u32, parent: u32) {
        let start = self.block_start[first];
        let end = self.terminator_position(function, last as usize);
        let next = self.calls.partition_point(|&call| call < start);
        let has_call = self.calls.get(next).is_some_and(|&call| call < end);
        let (jump, depth) = match self.regions.get(parent as usize) {
            None => (NONE, 1),
            Some(up) => {
                let far = self.regions.get(up.jump as usize);
                let farther = far.and_then(|far| self.regions.get(far.jump as usize));
                let depth_of = |region: Option<&Region>| region.map_or(0, |region| region.depth);
                let even = up.depth - depth_of(far) == depth_of(far) - depth_of(farther);
                (if even && far.is_some() { far.map_or(NONE, |far| far.jump) } else { parent }, up.depth + 1)
            }
        };
        let first = index32(first);
        self.regions.push(Region { start, end, first, last, home: NONE, parent, jump, depth, has_call });
    }

    /// The outermost region around `place` that satisfies `holds`, which must hold for a
    /// region whenever it holds for one around it.
    pub(super) fn outermost(&self, place: usize, holds: impl Fn(&Region) -> bool) -> u32 {
        let mut at = self.innermost[place];
        match self.regions.get(at as usize) {
            Some(region) if holds(region) => {}
            _ => return NONE,
        }
        loop {
            let region = &self.regions[at as usize];
            match (self.regions.get(region.jump as usize), self.regions.get(region.parent as usize)) {
                (Some(far), _) if holds(far) => at = region.jump,
                (_, Some(up)) if holds(up) => at = region.parent,
                _ => return at,
            }
        }
    }

    /// Finds for each place the widest region without a call, if a constant can be loaded
    /// in front of it.
    pub(super) fn find_hoist_regions(&mut self, function: &Function) {
        if self.regions.is_empty() {
            return;
        }
        self.dominators.refresh(&self.cfg);
        let mut homes = core::mem::take(&mut self.search.homes);
        let mut reached = core::mem::take(&mut self.search.reached);
        refill(&mut homes, self.regions.len(), NONE);
        self.find_reached(&mut reached);
        for (number, region) in self.regions.iter().enumerate() {
            // The range may hold blocks that are no part of the loop, and that a way past it reaches.
            if reached[number] < region.first {
                continue;
            }
            let header = self.cfg.order[region.first as usize];
            let Some(home) = self.dominators.immediate(header).and_then(|block| self.cfg.position(block))
            else {
                continue;
            };
            let start = self.terminator_position(function, home);
            if !region.has_call && !self.crosses_call(start, region.end) {
                homes[number] = index32(home);
            }
        }
        for place in 0..self.cfg.order.len() {
            let region = self.outermost(place, |region| !region.has_call);
            if region != NONE && homes[region as usize] != NONE {
                self.hoist[place] = region;
            }
        }
        for (region, &home) in self.regions.iter_mut().zip(&homes) {
            region.home = home;
        }
        self.search.homes = homes;
        self.search.reached = reached;
    }

    /// A region whose blocks are all dominated by its header is one whose blocks but the header all have
    /// their immediate dominator in it.
    fn find_reached(&self, reached: &mut Vec<u32>) {
        refill(reached, self.regions.len(), NONE);
        for place in 0..self.cfg.order.len() {
            let inner = self.innermost[place];
            let Some(region) = self.regions.get(inner as usize) else { continue };
            let header = region.first as usize == place;
            let around = if header { region.parent } else { inner };
            let dominator = self.dominators.immediate(self.cfg.order[place]);
            let dominator = dominator.and_then(|block| self.cfg.position(block)).map_or(0, index32);
            if let Some(least) = reached.get_mut(around as usize) {
                *least = dominator.min(*least);
            }
        }
        // Parents stand before the regions in them.
        for number in (0..self.regions.len()).rev() {
            let least = reached[number];
            if let Some(around) = reached.get_mut(self.regions[number].parent as usize) {
                *around = least.min(*around);
            }
        }
    }
}
