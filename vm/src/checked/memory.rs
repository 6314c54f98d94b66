//! The model's memory: all of region 0 as one list of bytes, and the allocation rules of
//! [`crate::memory`] written once more, by search instead of by index.

use alloc::vec;
use alloc::vec::Vec;

use flux_abi::select::{AllocKind, RegionRights};
use flux_abi::status::Status;
use flux_isa::Module;

use crate::region::SharedRegion;
use crate::testing::HostMemory;

const PAGE: usize = 1024;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Use {
    Free,
    Arena,
    /// Places of this many bytes each.
    Places(usize),
    /// So many pages in one piece; the following are `Rest`.
    Whole(usize),
    Rest,
}

/// Memory of a model.
#[derive(Debug)]
pub struct ModelMemory {
    bytes: Vec<u8>,
    base: usize,
    heap: usize,
    quota: u64,
    charged: u64,
    pages: Vec<Use>,
    /// Live small state allocations: offset in the heap.
    live: Vec<usize>,
    arena: (usize, usize),
    regions: Vec<Option<(SharedRegion, RegionRights, u64)>>,
}

impl ModelMemory {
    pub(super) fn new(module: &Module, quota: u64) -> Option<Self> {
        let base = module.constants.len().next_multiple_of(16);
        let heap = base
            + (module.state.size as usize).next_multiple_of(16)
            + (module.state.scratch as usize).next_multiple_of(16);
        let charged = (heap - base) as u64;
        if charged > quota {
            return None;
        }
        let mut bytes = module.constants.clone();
        bytes.resize(heap, 0);
        let regions = vec![None; 16];
        Some(Self {
            bytes,
            base,
            heap,
            quota,
            charged,
            pages: Vec::new(),
            live: Vec::new(),
            arena: (0, 0),
            regions,
        })
    }

    pub(super) fn base(&self) -> u64 {
        self.base as u64
    }

    pub(super) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// All bytes of region 0.
    pub fn all(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes charged to the quota.
    pub fn charged(&self) -> u64 {
        self.charged
    }

    pub(super) fn quota(&self) -> u64 {
        self.quota
    }

    pub(super) fn charge(&mut self, bytes: u64) -> bool {
        let fits = i128::from(self.charged) + i128::from(bytes) <= i128::from(self.quota);
        if fits {
            self.charged += bytes;
        }
        fits || bytes == 0
    }

    /// The range of an access at a mathematical offset, if it is allowed.
    pub(super) fn range(&self, offset: i128, length: u64, write: bool) -> Option<core::ops::Range<usize>> {
        if length == 0 {
            return Some(0..0);
        }
        let end = offset + i128::from(length);
        let inside = |from: usize, to: usize| offset >= from as i128 && end <= to as i128;
        let allowed = inside(self.base, self.bytes.len()) || (!write && inside(0, self.base));
        allowed.then_some(offset as usize..end as usize)
    }

    pub(super) fn get(&self, offset: i128, length: u64) -> Option<&[u8]> {
        self.range(offset, length, false).map(|range| &self.bytes[range])
    }

    pub(super) fn get_mut(&mut self, offset: i128, length: u64) -> Option<&mut [u8]> {
        self.range(offset, length, true).map(|range| &mut self.bytes[range])
    }

    /// The unsigned number of `width` bytes.
    pub(super) fn number(&self, offset: i128, width: u64) -> Option<u64> {
        let bytes = self.get(offset, width)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number * 256 + u64::from(*byte)))
    }

    pub(super) fn set_number(&mut self, offset: i128, width: u64, value: u64) -> Option<()> {
        for (place, byte) in self.get_mut(offset, width)?.iter_mut().enumerate() {
            *byte = (value >> (8 * place)) as u8;
        }
        Some(())
    }

    /// The smallest free run that holds `count` pages, the lowest among equals; else the end.
    fn take(&mut self, count: usize) -> Option<usize> {
        let mut best: Option<(usize, usize)> = None;
        let mut at = 0;
        while at < self.pages.len() {
            let length = self.pages[at..].iter().take_while(|page| **page == Use::Free).count();
            if length >= count && best.is_none_or(|(_, other)| length < other) {
                best = Some((at, length));
            }
            at += length.max(1);
        }
        if let Some((first, _)) = best {
            return Some(first);
        }
        let free = self.pages.iter().rev().take_while(|page| **page == Use::Free).count();
        let first = self.pages.len() - free;
        let more = ((first + count - self.pages.len()) * PAGE) as u64;
        let end = self.heap + (first + count) * PAGE;
        if end > u32::MAX as usize || !self.charge(more) {
            return None;
        }
        self.pages.resize(first + count, Use::Free);
        self.bytes.resize(end, 0);
        Some(first)
    }

    pub(super) fn alloc(&mut self, kind: AllocKind, size: u64) -> Option<u64> {
        let wanted = usize::try_from(size).ok().filter(|size| *size < 1 << 32)?;
        let offset = match kind {
            AllocKind::Arena => {
                let rounded = wanted.max(1).next_multiple_of(8);
                if self.arena.0 + rounded > self.arena.1 {
                    let count = rounded.div_ceil(PAGE);
                    let first = self.take(count)?;
                    self.pages[first..first + count].fill(Use::Arena);
                    self.arena = (first * PAGE, (first + count) * PAGE);
                }
                self.arena.0 += rounded;
                self.arena.0 - rounded
            }
            AllocKind::State => {
                let mut place = 16;
                while place < wanted {
                    place *= 2;
                }
                if place > PAGE / 2 {
                    let count = wanted.div_ceil(PAGE);
                    let first = self.take(count)?;
                    self.pages[first..first + count].fill(Use::Rest);
                    self.pages[first] = Use::Whole(count);
                    first * PAGE
                } else {
                    self.small(place)?
                }
            }
        };
        let start = self.heap + offset;
        self.bytes[start..start + wanted].fill(0);
        Some(start as u64)
    }

    fn small(&mut self, place: usize) -> Option<usize> {
        for (page, used) in self.pages.iter().enumerate() {
            if *used == Use::Places(place) {
                let free = (page * PAGE..(page + 1) * PAGE).step_by(place).find(|at| !self.live.contains(at));
                if let Some(at) = free {
                    self.live.push(at);
                    return Some(at);
                }
            }
        }
        let page = self.take(1)?;
        self.pages[page] = Use::Places(place);
        self.live.push(page * PAGE);
        Some(page * PAGE)
    }

    pub(super) fn free(&mut self, ptr: u64) -> Option<()> {
        if ptr == 0 {
            return Some(());
        }
        let offset = usize::try_from(ptr).ok()?.checked_sub(self.heap)?;
        let page = offset / PAGE;
        match *self.pages.get(page)? {
            Use::Whole(count) if offset % PAGE == 0 => self.pages[page..page + count].fill(Use::Free),
            Use::Places(_) if self.live.contains(&offset) => {
                self.live.retain(|other| *other != offset);
                if !self.live.iter().any(|other| other / PAGE == page) {
                    self.pages[page] = Use::Free;
                }
            }
            _ => return None,
        }
        Some(())
    }

    pub(super) fn create_region(&mut self, size: u64, rights: RegionRights) -> Result<u64, Status> {
        if i128::from(self.charged) + i128::from(size) > i128::from(self.quota) {
            return Err(Status::NoMemory);
        }
        let region = SharedRegion::new(size).map_err(|_| Status::NoMemory)?;
        let number = self.map_charged(region, rights, size)?;
        Ok(number)
    }

    fn map_charged(
        &mut self,
        region: SharedRegion,
        rights: RegionRights,
        charged: u64,
    ) -> Result<u64, Status> {
        let number = (1..16).find(|number| self.regions[*number].is_none()).ok_or(Status::Busy)?;
        self.charge(charged);
        self.regions[number] = Some((region, rights, charged));
        Ok(number as u64)
    }

    pub(super) fn destroy_region(&mut self, number: u64) -> bool {
        let place = usize::try_from(number).ok().and_then(|number| self.regions.get_mut(number));
        match place.and_then(Option::take) {
            Some((_, _, charged)) => {
                self.charged -= charged;
                true
            }
            None => false,
        }
    }

    pub(super) fn region(&self, number: u8) -> Option<(&SharedRegion, RegionRights)> {
        self.regions.get(usize::from(number))?.as_ref().map(|(region, rights, _)| (region, *rights))
    }
}

impl HostMemory for ModelMemory {
    fn read(&self, offset: u64, length: u64) -> Option<Vec<u8>> {
        self.get(i128::from(offset), length).map(<[u8]>::to_vec)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Option<()> {
        self.get_mut(i128::from(offset), bytes.len() as u64)?.copy_from_slice(bytes);
        Some(())
    }

    fn text(&self, ptr: u64) -> Option<Vec<u8>> {
        if ptr == 0 {
            return Some(Vec::new());
        }
        let ptr = i128::from(ptr);
        self.get(ptr, 8)?;
        let length = self.number(ptr, 4)?;
        self.get(ptr + 8, length).map(<[u8]>::to_vec)
    }

    fn map(&mut self, region: SharedRegion, rights: RegionRights) -> Result<u8, Status> {
        self.map_charged(region, rights, 0).map(|number| number as u8)
    }
}
