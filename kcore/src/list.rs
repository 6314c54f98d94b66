//! Doubly linked lists through the entries of a table: no allocation, O(1) removal.
//!
//! # Invariants
//! 1. A link number is an entry number from 1; 0 ends a list.
//! 2. An entry is in at most one list of a kind `K` at a time; its owner keeps this.

/// The two neighbours of an entry in one list.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Link {
    pub(crate) prev: u32,
    pub(crate) next: u32,
}

/// A store of entries that have a link of kind `K`.
pub(crate) trait Links<const K: usize> {
    /// The link of entry `at`, if there is such an entry.
    fn link(&mut self, at: u32) -> Option<&mut Link>;
}

/// Ends and length of one list.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct List {
    pub(crate) head: u32,
    pub(crate) tail: u32,
    pub(crate) len: u32,
}

impl List {
    pub(crate) const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Adds entry `at` at the end.
    pub(crate) fn push_back<const K: usize>(&mut self, store: &mut impl Links<K>, at: u32) {
        self.insert_before(store, at, 0);
    }

    /// Adds entry `at` before entry `next` of this list, or at the end if `next` is 0.
    pub(crate) fn insert_before<const K: usize>(&mut self, store: &mut impl Links<K>, at: u32, next: u32) {
        let prev = if next == 0 { self.tail } else { store.link(next).map_or(0, |link| link.prev) };
        let Some(link) = store.link(at) else { return };
        *link = Link { prev, next };
        match store.link(prev) {
            Some(before) => before.next = at,
            None => self.head = at,
        }
        match store.link(next) {
            Some(after) => after.prev = at,
            None => self.tail = at,
        }
        self.len = self.len.saturating_add(1);
    }

    /// Takes entry `at`, which must be in this list, out.
    pub(crate) fn remove<const K: usize>(&mut self, store: &mut impl Links<K>, at: u32) {
        let Some(link) = store.link(at) else { return };
        let Link { prev, next } = core::mem::take(link);
        match store.link(prev) {
            Some(before) => before.next = next,
            None => self.head = next,
        }
        match store.link(next) {
            Some(after) => after.prev = prev,
            None => self.tail = prev,
        }
        self.len = self.len.saturating_sub(1);
    }

    /// Takes the first entry out.
    pub(crate) fn pop_front<const K: usize>(&mut self, store: &mut impl Links<K>) -> Option<u32> {
        let at = self.head;
        if at == 0 {
            return None;
        }
        self.remove(store, at);
        Some(at)
    }
}
