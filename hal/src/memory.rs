//! The physical memory map.

use crate::error::HalError;

/// What a range of physical memory may be used for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum MemoryKind {
    /// Free for the kernel.
    Usable,
    /// Firmware or devices; not to be touched.
    Reserved,
    /// Tables that may be reused once they are read.
    Reclaimable,
    /// Broken, or of a kind that this kernel does not know.
    Other(u32),
}

impl MemoryKind {
    /// Its name, as the boot stream prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usable => "usable",
            Self::Reserved => "reserved",
            Self::Reclaimable => "reclaimable",
            Self::Other(_) => "other",
        }
    }
}

/// A range of physical memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MemoryRegion {
    /// Physical address of its first byte.
    pub start: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// What it may be used for.
    pub kind: MemoryKind,
}

impl MemoryRegion {
    /// The address after its last byte; saturates at the end of the address space.
    pub const fn end(&self) -> u64 {
        self.start.saturating_add(self.bytes)
    }
}

/// Tells which memory there is.
pub trait MemoryMap {
    /// The map as the firmware gave it, in its order.
    ///
    /// # Errors
    /// [`HalError::Unsupported`] where memory belongs to somebody else.
    fn memory_map(&self) -> Result<&[MemoryRegion], HalError> {
        Err(HalError::Unsupported { what: "a physical memory map" })
    }
}

/// The longest part of a usable region that overlaps none of `taken`, within `below`.
///
/// Both ends are rounded inwards to `align`, a power of two. `taken` are ranges
/// `(start, end)` in any order. `None` when nothing is left.
pub fn largest_free(
    map: &[MemoryRegion],
    taken: &[(u64, u64)],
    below: u64,
    align: u64,
) -> Option<(u64, u64)> {
    let mut best: Option<(u64, u64)> = None;
    let mut consider = |start: u64, end: u64| {
        let Some(start) = start.checked_next_multiple_of(align) else { return };
        let end = end.checked_div(align).unwrap_or(0).saturating_mul(align);
        let better = best.is_none_or(|(s, e)| end.saturating_sub(start) > e.saturating_sub(s));
        if end > start && better {
            best = Some((start, end));
        }
    };
    for region in map.iter().filter(|region| region.kind == MemoryKind::Usable) {
        let limit = region.end().min(below);
        let mut cursor = region.start;
        // Walks the taken ranges in order of their start without sorting: the
        // list has a handful of entries.
        while cursor < limit {
            let blocked = taken
                .iter()
                .filter(|(start, end)| end > start && *end > cursor && *start < limit)
                .min_by_key(|(start, _)| *start);
            match blocked {
                Some(&(start, end)) => {
                    if start > cursor {
                        consider(cursor, start);
                    }
                    cursor = end;
                }
                None => {
                    consider(cursor, limit);
                    break;
                }
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn usable(start: u64, bytes: u64) -> MemoryRegion {
        MemoryRegion { start, bytes, kind: MemoryKind::Usable }
    }

    #[test]
    fn the_heap_lies_in_the_longest_gap_between_what_is_taken() {
        let map = [usable(0, 0x9_f000), usable(0x10_0000, 0x700_0000)];
        let taken = [(0x10_0000, 0x30_0000), (0x500_0000, 0x510_0000)];
        assert_eq!(largest_free(&map, &taken, u64::MAX, 0x1000), Some((0x30_0000, 0x500_0000)));
    }

    #[test]
    fn nothing_above_the_mapped_memory_is_taken() {
        let map = [usable(0x10_0000, 1 << 40)];
        assert_eq!(largest_free(&map, &[], 0x4000_0000, 0x1000), Some((0x10_0000, 0x4000_0000)));
    }

    #[test]
    fn a_map_that_wraps_or_is_all_taken_gives_nothing() {
        let map = [usable(u64::MAX - 10, u64::MAX)];
        assert_eq!(largest_free(&map, &[(0, u64::MAX)], u64::MAX, 0x1000), None);
        assert_eq!(largest_free(&map, &[], u64::MAX, 0x1000), None);
        let reserved = MemoryRegion { start: 0, bytes: 1 << 20, kind: MemoryKind::Reserved };
        assert_eq!(largest_free(&[reserved], &[], u64::MAX, 0x1000), None);
    }
}
