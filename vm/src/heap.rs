//! The heap part of region 0: arena chunks and state allocations over one linear space.
//!
//! The space is cut into pages of 1 KiB. Arena chunks are whole pages with a bump pointer; state
//! allocations up to 512 bytes share pages of one size class, larger ones take whole pages. All
//! records lie outside the memory that the program can write.
//!
//! # Invariants
//! 1. Offsets depend on the sequence of calls alone: the smallest free run of pages that fits is
//!    taken, the lowest among equals; within a page the lowest free place.
//! 2. A page is free, or belongs to the arena, to one size class or to one large allocation.
//! 3. An offset is given back only if it starts a live state allocation.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use flux_abi::select::AllocKind;

/// Bytes of a page.
pub(crate) const PAGE: u32 = 1024;
/// Least size class in bytes, as a power of two.
const LEAST_CLASS: u32 = 4;
/// Greatest size class in bytes, as a power of two.
const GREATEST_CLASS: u32 = 9;
/// Most pages that 32-bit offsets reach.
const MOST_PAGES: u32 = u32::MAX / PAGE;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Page {
    Free,
    Arena,
    /// Places of 2^class bytes; bit n of `live`: place n is in use.
    Slab {
        class: u32,
        live: u64,
    },
    /// First page of a large state allocation of so many pages.
    Large(u32),
    Rest,
}

/// A place in the arena to which it can be reset.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct ArenaMark {
    chunks: usize,
    top: u32,
    end: u32,
}

/// Page records; offsets are relative to the start of the heap.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heap {
    pages: Vec<Page>,
    /// Free runs by first page: pages.
    runs: BTreeMap<u32, u32>,
    /// Free runs as (pages, first page).
    sizes: BTreeSet<(u32, u32)>,
    /// Pages of a size class with a free place, as (class, page).
    partial: BTreeSet<(u32, u32)>,
    /// Arena chunks as (first page, pages), oldest first.
    chunks: Vec<(u32, u32)>,
    top: u32,
    end: u32,
}

/// The heap would need more pages than allowed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Full;

/// Pages that hold `bytes`.
const fn pages_for(bytes: u32) -> u32 {
    bytes.div_ceil(PAGE)
}

impl Heap {
    /// Bytes that the heap spans now.
    pub(crate) fn span(&self) -> u64 {
        self.pages.len() as u64 * u64::from(PAGE)
    }

    /// `size` bytes in the arena, aligned to 8, in a space of at most `limit` bytes.
    pub(crate) fn arena(&mut self, size: u32, limit: u64) -> Result<u32, Full> {
        let size = size.max(1).checked_next_multiple_of(8).ok_or(Full)?;
        if self.end - self.top < size {
            let count = pages_for(size);
            let first = self.take(count, limit)?;
            self.mark_pages(first, count, Page::Arena, Page::Arena);
            self.chunks.push((first, count));
            self.top = first * PAGE;
            self.end = (first + count) * PAGE;
        }
        let offset = self.top;
        self.top += size;
        Ok(offset)
    }

    /// `size` bytes of state memory, aligned to 8, in a space of at most `limit` bytes.
    pub(crate) fn state(&mut self, size: u32, limit: u64) -> Result<u32, Full> {
        let class = size.max(1 << LEAST_CLASS).checked_next_power_of_two().ok_or(Full)?.trailing_zeros();
        if class > GREATEST_CLASS {
            let count = pages_for(size);
            let first = self.take(count, limit)?;
            self.mark_pages(first, count, Page::Large(count), Page::Rest);
            return Ok(first * PAGE);
        }
        let page = match self.partial.range((class, 0)..=(class, u32::MAX)).next() {
            Some(&(_, page)) => page,
            None => {
                let page = self.take(1, limit)?;
                self.pages[page as usize] = Page::Slab { class, live: 0 };
                self.partial.insert((class, page));
                page
            }
        };
        let Page::Slab { live, .. } = &mut self.pages[page as usize] else { return Err(Full) };
        let place = live.trailing_ones();
        *live |= 1 << place;
        if live.count_ones() == PAGE >> class {
            self.partial.remove(&(class, page));
        }
        Ok(page * PAGE + (place << class))
    }

    /// Bytes of the state allocation that starts at `offset`, if one does.
    pub(crate) fn state_size(&self, offset: u32) -> Option<u32> {
        match *self.pages.get((offset / PAGE) as usize)? {
            Page::Large(count) if offset.is_multiple_of(PAGE) => Some(count * PAGE),
            Page::Slab { class, live } => {
                let within = offset % PAGE;
                let starts = within.is_multiple_of(1 << class) && live & (1 << (within >> class)) != 0;
                starts.then_some(1 << class)
            }
            _ => None,
        }
    }

    /// Gives back the state allocation at `offset`; `false` if none starts there.
    pub(crate) fn free_state(&mut self, offset: u32) -> bool {
        if self.state_size(offset).is_none() {
            return false;
        }
        let page = offset / PAGE;
        match &mut self.pages[page as usize] {
            Page::Large(count) => {
                let count = *count;
                self.give(page, count);
            }
            Page::Slab { class, live } => {
                let class = *class;
                *live &= !(1 << ((offset % PAGE) >> class));
                if *live == 0 {
                    self.partial.remove(&(class, page));
                    self.give(page, 1);
                } else {
                    self.partial.insert((class, page));
                }
            }
            _ => return false,
        }
        true
    }

    /// Takes back the newest allocation, which grew the space.
    pub(crate) fn undo(&mut self, kind: AllocKind, offset: u32) {
        match kind {
            AllocKind::State => {
                self.free_state(offset);
            }
            AllocKind::Arena => {
                if let Some((first, count)) = self.chunks.pop() {
                    self.give(first, count);
                }
                // The chunk before keeps its bytes; its rest is not used again.
                self.top = self.end;
            }
        }
        self.trim();
    }

    /// The arena's present place.
    pub(crate) fn mark(&self) -> ArenaMark {
        ArenaMark { chunks: self.chunks.len(), top: self.top, end: self.end }
    }

    /// Frees what the arena got since `mark`.
    pub(crate) fn reset(&mut self, mark: ArenaMark) {
        if mark.chunks > self.chunks.len() {
            // An older run ended before a younger one; what lay above is gone already.
            return;
        }
        while self.chunks.len() > mark.chunks {
            if let Some((first, count)) = self.chunks.pop() {
                self.give(first, count);
            }
        }
        // A mark of a chunk that is no longer the newest (runs that ended out of order) names no room.
        let room = self.chunks.last().map(|(first, count)| (first * PAGE, (first + count) * PAGE));
        let fits = room.is_some_and(|(start, end)| mark.end == end && (start..=end).contains(&mark.top));
        (self.top, self.end) = if fits { (mark.top, mark.end) } else { (0, 0) };
    }

    /// Drops free pages at the end of the space.
    pub(crate) fn trim(&mut self) {
        if let Some((&first, &count)) = self.runs.last_key_value()
            && (first + count) as usize == self.pages.len()
        {
            self.runs.remove(&first);
            self.sizes.remove(&(count, first));
            self.pages.truncate(first as usize);
        }
    }

    /// Takes `count` pages from the free runs, or from the end of the space.
    fn take(&mut self, count: u32, limit: u64) -> Result<u32, Full> {
        if let Some(&(length, first)) = self.sizes.range((count, 0)..).next() {
            self.sizes.remove(&(length, first));
            self.runs.remove(&first);
            if length > count {
                self.insert_run(first + count, length - count);
            }
            return Ok(first);
        }
        // A free run at the end grows into new pages.
        let pages = self.pages.len() as u32;
        let last = self.runs.last_key_value().map(|(&first, &length)| (first, length));
        let first = match last {
            Some((first, length)) if first + length == pages => first,
            _ => pages,
        };
        let end = first.checked_add(count).filter(|end| *end <= MOST_PAGES).ok_or(Full)?;
        if u64::from(end) * u64::from(PAGE) > limit {
            return Err(Full);
        }
        self.pages.try_reserve((end - pages) as usize).map_err(|_| Full)?;
        if first < pages {
            self.runs.remove(&first);
            self.sizes.remove(&(pages - first, first));
        }
        self.pages.resize(end as usize, Page::Free);
        Ok(first)
    }

    fn mark_pages(&mut self, first: u32, count: u32, head: Page, rest: Page) {
        self.pages[first as usize..(first + count) as usize].fill(rest);
        self.pages[first as usize] = head;
    }

    /// Makes pages free and joins them with free neighbours.
    fn give(&mut self, first: u32, count: u32) {
        self.mark_pages(first, count, Page::Free, Page::Free);
        let (mut first, mut count) = (first, count);
        if let Some((&before, &length)) = self.runs.range(..first).next_back()
            && before + length == first
        {
            self.remove_run(before, length);
            first = before;
            count += length;
        }
        if let Some(&length) = self.runs.get(&(first + count)) {
            self.remove_run(first + count, length);
            count += length;
        }
        self.insert_run(first, count);
    }

    fn insert_run(&mut self, first: u32, count: u32) {
        self.runs.insert(first, count);
        self.sizes.insert((count, first));
    }

    fn remove_run(&mut self, first: u32, count: u32) {
        self.runs.remove(&first);
        self.sizes.remove(&(count, first));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: u64 = 64 << 10;

    #[test]
    fn arena_places_follow_each_other_and_a_reset_gives_them_back() {
        let mut heap = Heap::default();
        let start = heap.mark();
        assert_eq!(heap.arena(5, LIMIT), Ok(0));
        assert_eq!(heap.arena(8, LIMIT), Ok(8));
        let inner = heap.mark();
        assert_eq!(heap.arena(3000, LIMIT), Ok(1024));
        heap.reset(inner);
        assert_eq!(heap.arena(8, LIMIT), Ok(16));
        heap.reset(start);
        heap.trim();
        assert_eq!(heap.span(), 0);
    }

    #[test]
    fn a_mark_of_another_heap_gives_no_room_that_is_in_use() {
        let mut other = Heap::default();
        other.arena(5000, LIMIT).unwrap();
        other.arena(100, LIMIT).unwrap();
        let mut heap = Heap::default();
        let kept = heap.state(600, LIMIT).unwrap();
        for mark in [other.mark(), ArenaMark { chunks: 0, top: 8, end: 4096 }] {
            heap.reset(mark);
            assert_ne!(heap.arena(8, LIMIT).unwrap() / PAGE, kept / PAGE);
            assert!(heap.span() <= LIMIT);
        }
    }

    #[test]
    fn a_wrong_offset_is_never_freed() {
        let mut heap = Heap::default();
        let small = heap.state(20, LIMIT).unwrap();
        let large = heap.state(2000, LIMIT).unwrap();
        let arena = heap.arena(8, LIMIT).unwrap();
        for wrong in [small + 1, small + 32, large + 1, large + PAGE, arena, u32::MAX, 1 << 20] {
            assert!(!heap.free_state(wrong), "{wrong}");
        }
        assert!(heap.free_state(small) && !heap.free_state(small));
        assert!(heap.free_state(large) && !heap.free_state(large));
    }

    #[test]
    fn the_limit_is_kept_and_sizes_near_the_end_of_numbers_do_not_fit() {
        let mut heap = Heap::default();
        assert_eq!(heap.state(u32::MAX, u64::MAX), Err(Full));
        assert_eq!(heap.arena(u32::MAX, u64::MAX), Err(Full));
        assert_eq!(heap.arena(3 * PAGE, 2 * u64::from(PAGE)), Err(Full));
        assert_eq!(heap.span(), 0);
    }

    proptest! {
        #[test]
        fn live_allocations_never_overlap(steps in proptest::collection::vec((0u8..4, 0u32..3000), 1..200)) {
            let mut heap = Heap::default();
            let mut live: Vec<(u32, u32)> = Vec::new();
            let mut arena: Vec<(u32, u32)> = Vec::new();
            let start = heap.mark();
            for (kind, size) in steps {
                match kind {
                    0 | 1 => if let Ok(offset) = heap.state(size, LIMIT) {
                        for (other, length) in live.iter().chain(&arena) {
                            prop_assert!(offset + size <= *other || other + length <= offset);
                        }
                        prop_assert!(u64::from(offset + size) <= heap.span().min(LIMIT));
                        live.push((offset, size));
                    },
                    2 => if let Ok(offset) = heap.arena(size, LIMIT) {
                        for (other, length) in live.iter().chain(&arena) {
                            prop_assert!(offset + size <= *other || other + length <= offset);
                        }
                        arena.push((offset, size));
                    },
                    _ => if size.is_multiple_of(5) {
                        heap.reset(start);
                        arena.clear();
                        heap.trim();
                    } else if !live.is_empty() {
                        let (offset, _) = live.remove(size as usize % live.len());
                        prop_assert!(heap.free_state(offset));
                    },
                }
            }
            for (offset, _) in live {
                prop_assert!(heap.free_state(offset));
            }
            heap.reset(start);
            heap.trim();
            prop_assert_eq!(heap.span(), 0);
        }
    }
}
