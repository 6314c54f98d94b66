//! Region 0 of an instance and what is charged to its quota.
//!
//! Region 0 is one range of offsets: the program's constants (shared by all its instances, read
//! only), then state and scratch area, then the heap. The writable part starts at
//! [`Memory::writable_base`].
//!
//! # Invariants
//! 1. `writable_base` + writable bytes fits 32 bits.
//! 2. An access lies wholly in the constants or wholly in the writable part; one that straddles
//!    their border, or reaches outside, is refused and touches nothing.
//! 3. Writable bytes, mapped regions and stacks together never exceed the quota.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::limits::REGIONS;
use flux_abi::select::{AllocKind, RegionRights};

use crate::heap::{ArenaMark, Heap};
use crate::region::{Mapping, SharedRegion};

/// Why memory was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MemoryError {
    /// The bytes do not lie inside region 0, or not where they may be written.
    #[error("{length} bytes at offset {offset} are not inside the memory of {size} bytes")]
    Access {
        /// Offset of the first byte.
        offset: u64,
        /// Number of bytes.
        length: u64,
        /// Size of region 0.
        size: u64,
    },
    /// The quota is used up.
    #[error("{needed} bytes are needed, {left} are left of a quota of {quota}")]
    Quota {
        /// Bytes asked for.
        needed: u64,
        /// Bytes left.
        left: u64,
        /// Bytes of the quota.
        quota: u64,
    },
    /// All region numbers are in use.
    #[error("all 15 regions are in use")]
    NoRegion,
}

/// Why the rights of a region were not changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protection {
    /// No region has this number.
    NoRegion,
    /// The region was mapped with less.
    Wider,
}

/// Memory of one instance.
#[derive(Debug)]
pub struct Memory {
    constants: Arc<[u8]>,
    data: Vec<u8>,
    /// Bytes of state and scratch area; the heap follows.
    fixed: u32,
    heap: Heap,
    quota: u64,
    charged: u64,
    regions: Option<Box<[Option<Mapping>; REGIONS]>>,
}

/// What stood in the writable part of a memory, and which of it was in use; mapped regions are not part of it.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    data: Vec<u8>,
    heap: Heap,
}

macro_rules! integers {
    ($($read:ident $write:ident $type:ty;)*) => {$(
        /// The little-endian integer at `offset`.
        ///
        /// # Errors
        /// It does not lie inside.
        pub fn $read(&self, offset: u64) -> Result<$type, MemoryError> {
            self.array(offset).map(<$type>::from_le_bytes)
        }

        /// Writes the little-endian integer at `offset`.
        ///
        /// # Errors
        /// It does not lie inside the writable part.
        pub fn $write(&mut self, offset: u64, value: $type) -> Result<(), MemoryError> {
            self.write(offset, &value.to_le_bytes())
        }
    )*};
}

impl Memory {
    /// Memory of a program: its padded constants and so many bytes of state and scratch area.
    pub(crate) fn new(constants: Arc<[u8]>, fixed: u32, quota: u64) -> Result<Self, MemoryError> {
        let mut memory = Self {
            constants,
            data: Vec::new(),
            fixed,
            heap: Heap::default(),
            quota,
            charged: 0,
            regions: None,
        };
        memory.set_writable(u64::from(fixed))?;
        Ok(memory)
    }

    /// Offset at which the writable part starts; bytes below are constants.
    pub fn writable_base(&self) -> u64 {
        self.constants.len() as u64
    }

    /// Size of region 0 in bytes.
    pub fn size(&self) -> u64 {
        self.writable_base() + self.data.len() as u64
    }

    /// Offset of the heap.
    pub fn heap_base(&self) -> u64 {
        self.writable_base() + u64::from(self.fixed)
    }

    /// Bytes charged to the quota: writable part, regions, stacks.
    pub fn charged(&self) -> u64 {
        self.charged
    }

    /// The quota in bytes.
    pub fn quota(&self) -> u64 {
        self.quota
    }

    /// Changes the quota; what is charged already stays.
    pub fn set_quota(&mut self, quota: u64) {
        self.quota = quota;
    }

    /// Charges `bytes` to the quota.
    ///
    /// # Errors
    /// They are not left.
    pub fn charge(&mut self, bytes: u64) -> Result<(), MemoryError> {
        let left = self.quota.saturating_sub(self.charged);
        if bytes > left {
            return Err(MemoryError::Quota { needed: bytes, left, quota: self.quota });
        }
        self.charged += bytes;
        Ok(())
    }

    /// Gives charged bytes back.
    pub fn release(&mut self, bytes: u64) {
        self.charged = self.charged.saturating_sub(bytes);
    }

    /// A copy of the writable part, to go back to.
    ///
    /// # Errors
    /// The host itself has no memory for it.
    pub fn checkpoint(&self) -> Result<Checkpoint, MemoryError> {
        let needed = self.data.len() as u64;
        let mut data = Vec::new();
        data.try_reserve_exact(self.data.len()).map_err(|_| MemoryError::Quota {
            needed,
            left: 0,
            quota: self.quota,
        })?;
        data.extend_from_slice(&self.data);
        Ok(Checkpoint { data, heap: self.heap.clone() })
    }

    /// Goes back to a checkpoint of this memory. Runs that began since must have been ended.
    pub fn restore(&mut self, checkpoint: Checkpoint) {
        self.release(self.data.len() as u64);
        // It was charged when the checkpoint was made, and the quota may have been lowered since.
        self.charged = self.charged.saturating_add(checkpoint.data.len() as u64);
        self.data = checkpoint.data;
        self.heap = checkpoint.heap;
    }

    fn outside(&self, offset: u64, length: u64) -> MemoryError {
        MemoryError::Access { offset, length, size: self.size() }
    }

    /// The bytes of region 0 at `offset`.
    ///
    /// # Errors
    /// They do not lie wholly in the constants or wholly in the writable part.
    pub fn bytes(&self, offset: u64, length: u64) -> Result<&[u8], MemoryError> {
        if length == 0 {
            return Ok(&[]);
        }
        let (part, start) = match offset.checked_sub(self.writable_base()) {
            Some(start) => (&self.data[..], start),
            None => (&self.constants[..], offset),
        };
        range(start, length).and_then(|range| part.get(range)).ok_or(self.outside(offset, length))
    }

    /// The writable bytes of region 0 at `offset`.
    ///
    /// # Errors
    /// They do not lie wholly in the writable part.
    pub fn bytes_mut(&mut self, offset: u64, length: u64) -> Result<&mut [u8], MemoryError> {
        if length == 0 {
            return Ok(&mut []);
        }
        let error = self.outside(offset, length);
        let start = offset.checked_sub(self.writable_base()).ok_or(error)?;
        range(start, length).and_then(|range| self.data.get_mut(range)).ok_or(error)
    }

    /// Copies `bytes` to `offset`.
    ///
    /// # Errors
    /// They do not lie wholly in the writable part.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), MemoryError> {
        self.bytes_mut(offset, bytes.len() as u64)?.copy_from_slice(bytes);
        Ok(())
    }

    /// Copies `length` bytes inside region 0; the ranges may overlap.
    ///
    /// # Errors
    /// The source does not lie inside, or the destination not inside the writable part.
    pub fn copy(&mut self, to: u64, from: u64, length: u64) -> Result<(), MemoryError> {
        self.bytes(from, length)?;
        self.bytes_mut(to, length)?;
        if length == 0 {
            return Ok(());
        }
        let base = self.writable_base();
        // Both ranges were found inside just above, so they fit `usize`.
        let (to, length) = ((to - base) as usize, length as usize);
        match from.checked_sub(base) {
            Some(from) => self.data.copy_within(from as usize..from as usize + length, to),
            None => {
                let from = from as usize;
                self.data[to..to + length].copy_from_slice(&self.constants[from..from + length]);
            }
        }
        Ok(())
    }

    fn array<const N: usize>(&self, offset: u64) -> Result<[u8; N], MemoryError> {
        self.bytes(offset, N as u64)?.try_into().map_err(|_| self.outside(offset, N as u64))
    }

    integers! {
        read_u8 write_u8 u8;
        read_u16 write_u16 u16;
        read_u32 write_u32 u32;
        read_u64 write_u64 u64;
    }

    /// The bytes of the text at `ptr`: {length u32, capacity u32, bytes}; 0 is the empty text.
    ///
    /// # Errors
    /// Header or bytes do not lie inside.
    pub fn str(&self, ptr: u64) -> Result<&[u8], MemoryError> {
        if ptr == 0 {
            return Ok(&[]);
        }
        let length = self.read_u64(ptr)? & u64::from(u32::MAX);
        self.bytes(ptr.wrapping_add(8), length)
    }

    /// Offset of `size` new zeroed bytes, aligned to 8.
    ///
    /// # Errors
    /// The quota is used up.
    pub fn alloc(&mut self, kind: AllocKind, size: u64) -> Result<u32, MemoryError> {
        let left = self.quota.saturating_sub(self.charged);
        let full = MemoryError::Quota { needed: size, left, quota: self.quota };
        let bytes = u32::try_from(size).map_err(|_| full)?;
        let before = self.heap.span();
        let limit = before.saturating_add(left).min(u64::from(u32::MAX) - self.heap_base());
        let offset = match kind {
            AllocKind::Arena => self.heap.arena(bytes, limit),
            AllocKind::State => self.heap.state(bytes, limit),
        }
        .map_err(|_| full)?;
        if self.heap.span() > before
            && let Err(error) = self.set_writable(u64::from(self.fixed) + self.heap.span())
        {
            // The host itself has no memory: take the pages back, nothing has seen them.
            self.heap.undo(kind, offset);
            return Err(error);
        }
        let start = self.fixed as usize + offset as usize;
        self.data[start..start + bytes as usize].fill(0);
        // `limit` keeps the sum below 2^32.
        Ok((self.heap_base() + u64::from(offset)) as u32)
    }

    /// A text with these bytes; 0 for none.
    ///
    /// # Errors
    /// The quota is used up.
    pub fn alloc_str(&mut self, kind: AllocKind, bytes: &[u8]) -> Result<u32, MemoryError> {
        let Some(length) = u32::try_from(bytes.len()).ok().filter(|length| *length > 0) else {
            return Ok(0);
        };
        let ptr = self.alloc(kind, u64::from(length) + 8)?;
        self.write_u32(u64::from(ptr), length)?;
        self.write_u32(u64::from(ptr) + 4, length)?;
        self.write(u64::from(ptr) + 8, bytes)?;
        Ok(ptr)
    }

    /// Gives back the state allocation at `ptr`; 0 does nothing.
    ///
    /// # Errors
    /// No state allocation starts there.
    pub fn free(&mut self, ptr: u64) -> Result<(), MemoryError> {
        if ptr == 0 {
            return Ok(());
        }
        let offset = ptr.checked_sub(self.heap_base()).and_then(|offset| u32::try_from(offset).ok());
        match offset {
            Some(offset) if self.heap.free_state(offset) => Ok(()),
            _ => Err(self.outside(ptr, 0)),
        }
    }

    /// Makes the writable part `length` bytes long and charges the difference.
    fn set_writable(&mut self, length: u64) -> Result<(), MemoryError> {
        let before = self.data.len() as u64;
        if length > before {
            let more = length - before;
            self.charge(more)?;
            let added = usize::try_from(more).unwrap_or(usize::MAX);
            if self.data.try_reserve(added).is_err() {
                self.release(more);
                return Err(MemoryError::Quota { needed: more, left: 0, quota: self.quota });
            }
            self.data.resize(self.data.len() + added, 0);
        } else {
            self.release(before - length);
            self.data.truncate(length as usize);
            // A small rest is kept: the next run will want it again.
            if self.data.capacity() - self.data.len() > 2 * crate::heap::PAGE as usize {
                self.data.shrink_to_fit();
            }
        }
        Ok(())
    }

    pub(crate) fn arena_mark(&self) -> ArenaMark {
        self.heap.mark()
    }

    /// Frees what the arena got since `mark` and gives the end of the heap back.
    pub(crate) fn arena_reset(&mut self, mark: ArenaMark) {
        if self.heap.mark() == mark {
            return;
        }
        self.heap.reset(mark);
        self.heap.trim();
        let length = u64::from(self.fixed) + self.heap.span();
        if length < self.data.len() as u64 {
            // Shrinking never fails.
            let _ = self.set_writable(length);
        }
    }

    /// Constants and writable part, for the interpreter's inner loop.
    pub(crate) fn split(&mut self) -> (&[u8], &mut [u8]) {
        (&self.constants, &mut self.data)
    }

    /// Maps `region` under the lowest free number and charges `charged` bytes for it.
    ///
    /// # Errors
    /// All numbers are in use, or the quota is used up.
    pub fn map_region(
        &mut self,
        region: SharedRegion,
        rights: RegionRights,
        charged: u64,
    ) -> Result<u8, MemoryError> {
        let number = (1..REGIONS)
            .find(|number| self.regions.as_ref().is_none_or(|regions| regions[*number].is_none()))
            .ok_or(MemoryError::NoRegion)?;
        self.charge(charged)?;
        let regions = self.regions.get_or_insert_with(Box::default);
        regions[number] = Some(Mapping { region, rights, most: rights, charged });
        Ok(number as u8)
    }

    /// Unmaps a region; `false` if there is none of this number.
    pub fn unmap_region(&mut self, number: u64) -> bool {
        let place = usize::try_from(number).ok().filter(|number| *number < REGIONS);
        let mapping = place.and_then(|place| self.regions.as_mut()?[place].take());
        if let Some(mapping) = &mapping {
            self.release(mapping.charged);
        }
        if self.regions.as_ref().is_some_and(|regions| regions.iter().all(Option::is_none)) {
            self.regions = None;
        }
        mapping.is_some()
    }

    /// Changes the rights of a region to some of those that it was mapped with.
    ///
    /// # Errors
    /// No such region, or wider rights; nothing is changed then.
    pub fn protect_region(&mut self, number: u64, rights: RegionRights) -> Result<(), Protection> {
        let place = usize::try_from(number).ok();
        let mapping = place.and_then(|place| self.regions.as_mut()?.get_mut(place)?.as_mut());
        let mapping = mapping.ok_or(Protection::NoRegion)?;
        if rights as u8 & !(mapping.most as u8) != 0 {
            return Err(Protection::Wider);
        }
        mapping.rights = rights;
        Ok(())
    }

    /// The region of this number and its rights, 1..=15.
    pub fn region(&self, number: u64) -> Option<(&SharedRegion, RegionRights)> {
        let number = usize::try_from(number).ok()?;
        let mapping = self.regions.as_ref()?.get(number)?.as_ref()?;
        Some((&mapping.region, mapping.rights))
    }
}

/// The range of `length` bytes from `start`, if it fits `usize`.
fn range(start: u64, length: u64) -> Option<core::ops::Range<usize>> {
    let end = usize::try_from(start.checked_add(length)?).ok()?;
    Some(start as usize..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(quota: u64) -> Memory {
        Memory::new(Arc::from(&[7u8; 16][..]), 32, quota).unwrap()
    }

    #[test]
    fn constants_are_read_only_and_no_access_straddles_their_end() {
        let mut memory = memory(1 << 16);
        assert_eq!(memory.read_u64(8), Ok(0x0707_0707_0707_0707));
        assert!(memory.read_u64(9).is_err() && memory.read_u64(15).is_err());
        assert!(memory.write_u8(15, 1).is_err());
        memory.write_u64(16, 5).unwrap();
        assert_eq!(memory.read_u64(16), Ok(5));
        assert!(memory.copy(16, 12, 8).is_err());
        memory.copy(16, 8, 8).unwrap();
        assert_eq!(memory.read_u64(16), Ok(0x0707_0707_0707_0707));
    }

    #[test]
    fn accesses_at_the_end_and_near_the_end_of_numbers_are_refused() {
        let mut memory = memory(1 << 16);
        assert_eq!(memory.size(), 48);
        assert!(memory.read_u64(40).is_ok());
        for offset in [41, 47, 48, 1 << 32, i64::MIN as u64, u64::MAX - 7, u64::MAX] {
            assert!(memory.read_u64(offset).is_err(), "{offset}");
            assert!(memory.write_u64(offset, 1).is_err(), "{offset}");
            assert!(memory.bytes(offset, 8).is_err(), "{offset}");
            assert!(memory.bytes(offset, u64::MAX).is_err(), "{offset}");
        }
    }

    #[test]
    fn allocation_is_zeroed_charged_and_bounded_by_the_quota() {
        let mut memory = memory(8 << 10);
        let mark = memory.arena_mark();
        let ptr = u64::from(memory.alloc(AllocKind::Arena, 100).unwrap());
        assert_eq!((ptr, memory.charged()), (48, 32 + 1024));
        memory.bytes_mut(ptr, 100).unwrap().fill(9);
        memory.arena_reset(mark);
        assert_eq!((memory.charged(), memory.size()), (32, 48));
        let again = u64::from(memory.alloc(AllocKind::State, 100).unwrap());
        assert_eq!(memory.bytes(again, 100).unwrap(), [0; 100]);
        assert!(memory.alloc(AllocKind::Arena, 8 << 10).is_err());
        assert!(memory.alloc(AllocKind::State, u64::MAX).is_err());
        assert_eq!(memory.charged(), 32 + 1024);
        assert!(memory.free(again + 8).is_err() && memory.free(again).is_ok() && memory.free(again).is_err());
        assert!(memory.free(0).is_ok() && memory.free(16).is_err() && memory.free(u64::MAX).is_err());
    }

    #[test]
    fn texts_with_a_lying_length_are_refused() {
        let mut memory = memory(8 << 10);
        let ptr = u64::from(memory.alloc_str(AllocKind::State, b"hello").unwrap());
        assert_eq!(memory.str(ptr), Ok(&b"hello"[..]));
        assert_eq!(memory.str(0), Ok(&b""[..]));
        memory.write_u32(ptr, u32::MAX).unwrap();
        assert!(memory.str(ptr).is_err());
        assert!(memory.str(u64::MAX - 3).is_err());
    }

    #[test]
    fn regions_take_the_lowest_free_number_and_their_charge_comes_back() {
        let mut memory = memory(4 << 10);
        let region = SharedRegion::new(64).unwrap();
        let map = |memory: &mut Memory| memory.map_region(region.clone(), RegionRights::ReadWrite, 64);
        for number in 1..=15 {
            assert_eq!(map(&mut memory), Ok(number));
        }
        assert_eq!(map(&mut memory), Err(MemoryError::NoRegion));
        assert!(memory.unmap_region(7) && !memory.unmap_region(7) && !memory.unmap_region(16));
        assert_eq!(map(&mut memory), Ok(7));
        assert_eq!(memory.charged(), 32 + 15 * 64);
        assert!(
            memory.region(0).is_none() && memory.region(16).is_none() && memory.region(u64::MAX).is_none()
        );
        for number in 1..=15 {
            assert!(memory.unmap_region(number));
        }
        assert_eq!(memory.charged(), 32);
    }

    #[test]
    fn rights_of_a_region_never_grow_beyond_those_it_was_mapped_with() {
        let mut memory = memory(4 << 10);
        let region = SharedRegion::new(64).unwrap();
        memory.map_region(region, RegionRights::ReadWrite, 64).unwrap();
        assert_eq!(memory.protect_region(1, RegionRights::Read), Ok(()));
        assert_eq!(memory.region(1).unwrap().1, RegionRights::Read);
        assert_eq!(memory.protect_region(1, RegionRights::ReadWrite), Ok(()));
        assert_eq!(memory.protect_region(1, RegionRights::ReadShare), Err(Protection::Wider));
        assert_eq!(memory.region(1).unwrap().1, RegionRights::ReadWrite);
        for number in [0, 2, 15, 16, u64::MAX] {
            assert_eq!(memory.protect_region(number, RegionRights::Read), Err(Protection::NoRegion));
        }
    }
}
