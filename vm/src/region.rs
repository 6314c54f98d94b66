//! Memory regions 1 to 15: storage that instances can share.
//!
//! # Invariants
//! 1. A region's length never changes; whoever still maps it keeps it alive, so that no copy can
//!    run into freed or shrunk memory.
//! 2. An access that does not lie wholly inside touches nothing.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use flux_abi::select::RegionRights;

/// Storage of one region. Clones name the same storage.
#[derive(Clone, Debug)]
pub struct SharedRegion {
    words: Arc<Vec<AtomicU64>>,
    length: u64,
}

/// The region's storage could not be had.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no memory for a region of {0} bytes")]
pub struct RegionError(pub u64);

/// Bytes that a region takes in small pieces, at most.
const PIECES: usize = 1_024;

impl SharedRegion {
    /// A zeroed region of `length` bytes.
    ///
    /// # Errors
    /// No memory on the host.
    pub fn new(length: u64) -> Result<Self, RegionError> {
        let count = usize::try_from(length.div_ceil(8)).map_err(|_| RegionError(length))?;
        let mut words = Vec::new();
        words.try_reserve_exact(count).map_err(|_| RegionError(length))?;
        words.resize_with(count, AtomicU64::default);
        // An Arc, and the table of regions of whoever maps this one, give no way to fail: room for both is
        // looked for first.
        Vec::<u8>::new().try_reserve_exact(PIECES).map_err(|_| RegionError(length))?;
        Ok(Self { words: Arc::new(words), length })
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Tells whether both names mean the same storage.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.words, &other.words)
    }

    /// First word and bit shift of the 8 bytes at `offset`, if they lie inside.
    fn place(&self, offset: u64) -> Option<(usize, u32)> {
        let end = offset.checked_add(8)?;
        let word = usize::try_from(offset / 8).ok()?;
        (end <= self.length).then_some((word, (offset % 8) as u32 * 8))
    }

    /// The 8 bytes at `offset`, little-endian; `None` if they do not lie inside.
    pub fn read(&self, offset: u64) -> Option<u64> {
        let (word, shift) = self.place(offset)?;
        let low = self.words.get(word)?.load(Ordering::Relaxed);
        if shift == 0 {
            return Some(low);
        }
        let high = self.words.get(word + 1)?.load(Ordering::Relaxed);
        Some(low >> shift | high << (64 - shift))
    }

    /// Writes the 8 bytes at `offset`, little-endian; `None` if they do not lie inside.
    pub fn write(&self, offset: u64, value: u64) -> Option<()> {
        let (word, shift) = self.place(offset)?;
        if shift == 0 {
            self.words.get(word)?.store(value, Ordering::Relaxed);
            return Some(());
        }
        let (low, high) = (self.words.get(word)?, self.words.get(word + 1)?);
        let merge = |cell: &AtomicU64, mask: u64, bits: u64| {
            let old = cell.load(Ordering::Relaxed);
            cell.store(old & !mask | bits & mask, Ordering::Relaxed);
        };
        merge(low, u64::MAX << shift, value << shift);
        merge(high, u64::MAX >> (64 - shift), value >> (64 - shift));
        Some(())
    }

    /// The byte at `offset`; `None` if it does not lie inside.
    pub fn read_byte(&self, offset: u64) -> Option<u8> {
        let cell = self.words.get(usize::try_from(offset / 8).ok()?).filter(|_| offset < self.length)?;
        let bytes = cell.load(Ordering::Relaxed).to_le_bytes();
        bytes.get((offset % 8) as usize).copied()
    }

    /// Writes the byte at `offset`; `None` if it does not lie inside.
    pub fn write_byte(&self, offset: u64, value: u8) -> Option<()> {
        let cell = self.words.get(usize::try_from(offset / 8).ok()?).filter(|_| offset < self.length)?;
        let shift = (offset % 8) as u32 * 8;
        let old = cell.load(Ordering::Relaxed);
        cell.store(old & !(0xFF << shift) | u64::from(value) << shift, Ordering::Relaxed);
        Some(())
    }
}

/// A region as one instance has mapped it.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub(crate) region: SharedRegion,
    pub(crate) rights: RegionRights,
    /// The rights that it was mapped with, and never more.
    pub(crate) most: RegionRights,
    /// Bytes charged to this instance's quota for it.
    pub(crate) charged: u64,
}

/// Tells whether the rights allow reading; all do.
pub(crate) const fn may_write(rights: RegionRights) -> bool {
    rights as u8 & RegionRights::Write as u8 != 0
}

/// Tells whether the rights allow reading.
pub(crate) const fn may_read(rights: RegionRights) -> bool {
    rights as u8 & RegionRights::Read as u8 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unaligned_words_are_read_as_written_and_leave_their_neighbours() {
        let region = SharedRegion::new(24).unwrap();
        for offset in 0..=16 {
            for word in [0, 8, 16] {
                region.write(word, 0x1111_1111_1111_1111).unwrap();
            }
            region.write(offset, 0x0807_0605_0403_0201).unwrap();
            assert_eq!(region.read(offset), Some(0x0807_0605_0403_0201));
            let bytes: Vec<u8> =
                [0, 8, 16].iter().flat_map(|at| region.read(*at).unwrap().to_le_bytes()).collect();
            for (at, byte) in bytes.iter().enumerate() {
                let inside = (at as u64).wrapping_sub(offset) < 8;
                assert_eq!(*byte, if inside { at as u8 - offset as u8 + 1 } else { 0x11 });
            }
        }
    }

    #[test]
    fn each_byte_is_read_as_it_was_written() {
        let region = SharedRegion::new(12).unwrap();
        for at in 0..12 {
            region.write_byte(at, at as u8 + 1).unwrap();
        }
        let bytes: Vec<Option<u8>> = (0..14).map(|at| region.read_byte(at)).collect();
        let wanted: Vec<Option<u8>> = (1..=12).map(Some).chain([None, None]).collect();
        assert_eq!(bytes, wanted);
        assert_eq!((region.read_byte(u64::MAX), region.write_byte(12, 1)), (None, None));
    }

    #[test]
    fn the_last_bytes_and_offsets_near_the_end_of_numbers_are_refused() {
        let region = SharedRegion::new(12).unwrap();
        assert_eq!(region.read(4), Some(0));
        for offset in [5, 11, 12, u64::MAX - 7, u64::MAX, 1 << 63] {
            assert_eq!(region.read(offset), None);
            assert_eq!(region.write(offset, 1), None);
        }
    }
}
