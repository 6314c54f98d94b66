//! How maps lie in memory.
//!
//! A table is {length u32, capacity u32, entry bytes u32, key bytes u32}, then the entries in the
//! order in which they came, each beginning with its key, then the slots. A key of 0 bytes is the
//! offset of a text. Up to [`FEW`] entries of capacity there are no slots; above, twice as many as
//! entries, rounded up to a power of two: 0, or the number of an entry plus 1, at the first free
//! place from the key's [`hash`] on. The slots begin at a multiple of 4 behind the entries.
//!
//! The hash depends on the key alone: no seed, the same on every host.

/// Bytes before the first entry.
pub const ENTRIES: u64 = 16;
/// Entries of capacity up to which keys are compared one after the other.
pub const FEW: u64 = 8;

/// Slots of a table of this capacity.
#[must_use]
pub const fn slots(capacity: u64) -> u64 {
    if capacity > FEW { capacity.saturating_mul(2).next_power_of_two() } else { 0 }
}

/// FNV-1a of the key's bytes, its high half mixed into the low one.
#[must_use]
pub fn hash(key: &[u8]) -> u64 {
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^ (hash >> 32)
}
