//! What one compilation may allocate, counted where it is allocated.
//!
//! The compiler runs inside a kernel: a document must not be able to take its memory. So the
//! structures that grow with a document are counted as they grow, by their size, and the document is
//! refused at the limit.
//!
//! # Invariants
//! 1. The limit is 64 bytes for each byte of the document and 16 MiB.
//! 2. Once spent, nothing more is allowed.

use alloc::vec::Vec;

use flux_abi::limits::{COMPILE_BYTES_BASE, COMPILE_BYTES_PER_SOURCE_BYTE};

/// Longest list in bytes that is made to fit.
const FIT_BYTES: usize = 16 << 10;

/// Bytes in use against their limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    limit: usize,
    used: usize,
    spent: bool,
}

impl Memory {
    /// For what is no document: pieces that are bounded otherwise.
    pub(crate) const UNLIMITED: Self = Self { limit: usize::MAX, used: 0, spent: false };

    /// For a document of so many bytes.
    pub(crate) const fn for_source(bytes: usize) -> Self {
        let limit = bytes.saturating_mul(COMPILE_BYTES_PER_SOURCE_BYTE).saturating_add(COMPILE_BYTES_BASE);
        Self { limit, used: 0, spent: false }
    }

    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) const fn used(&self) -> usize {
        self.used
    }

    /// A sixteenth is kept for what is too small to be counted.
    pub(crate) const fn left(&self) -> usize {
        self.limit.saturating_sub(self.limit / 16).saturating_sub(self.used)
    }

    pub(crate) const fn is_spent(&self) -> bool {
        self.spent
    }

    pub(crate) const fn spend(&mut self) {
        self.spent = true;
    }

    /// Counts an allocation; `false` if it is over the limit.
    pub(crate) const fn charge(&mut self, bytes: usize) -> bool {
        if self.spent || bytes > self.left() {
            return false;
        }
        self.used = self.used.saturating_add(bytes);
        true
    }

    /// Counts memory as given back.
    pub(crate) const fn release(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
    }

    /// Appends to a list that grows by this alone.
    pub(crate) fn keep<T>(&mut self, list: &mut Vec<T>, item: T) -> bool {
        let (len, capacity) = (list.len(), list.capacity());
        if len == capacity {
            let grown = match capacity {
                0 => 1,
                1 => 4,
                _ => capacity.saturating_mul(2),
            };
            // The old and the new list are there at once while the items move.
            if !self.charge(size::<T>(grown)) {
                return false;
            }
            list.reserve_exact(grown.saturating_sub(len));
            self.release(size::<T>(capacity));
        } else if self.spent {
            return false;
        }
        list.push(item);
        true
    }

    /// Makes room for `count` items in an empty list. Without it they come one by one.
    pub(crate) fn reserve<T>(&mut self, list: &mut Vec<T>, count: usize) {
        if list.capacity() == 0 && self.charge(size::<T>(count)) {
            list.reserve_exact(count);
        }
    }

    /// Gives back what a complete list has too much. A large one stays where it is: it would be
    /// there twice while it moves.
    pub(crate) fn fit<T>(&mut self, list: &mut Vec<T>) {
        let capacity = list.capacity();
        if size::<T>(capacity) > FIT_BYTES {
            return;
        }
        list.shrink_to_fit();
        self.release(size::<T>(capacity.saturating_sub(list.capacity())));
    }
}

const fn size<T>(count: usize) -> usize {
    size_of::<T>().saturating_mul(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_counted_by_its_capacity_and_both_while_it_moves() {
        let mut memory = Memory { limit: 8 * (8 + 4) * 16 / 15 + 1, used: 0, spent: false };
        let mut list: Vec<u64> = Vec::new();
        let kept = (0..100).take_while(|n| memory.keep(&mut list, *n)).count();
        assert_eq!((kept, list.capacity(), memory.used()), (8, 8, 64));
        list.truncate(3);
        memory.fit(&mut list);
        assert_eq!(memory.used(), 8 * list.capacity());
    }

    #[test]
    fn what_is_spent_stays_so() {
        let mut memory = Memory::for_source(0);
        assert!(memory.charge(COMPILE_BYTES_BASE / 16 * 15) && !memory.charge(1));
        memory.spend();
        memory.release(100);
        assert!(!memory.charge(1) && !memory.keep(&mut Vec::with_capacity(4), 1));
    }
}
