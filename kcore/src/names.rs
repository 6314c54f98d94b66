//! Who has a name: a table of slots, by the names that stand in the records themselves.
//!
//! Open addressing with linear probing; a removal moves up what stands behind it (Knuth, The Art of
//! Computer Programming 3, algorithm 6.4 R), so that nothing stays behind. Where an entry stands shows
//! nowhere, since nobody walks over the table.
//!
//! # Invariants
//! 1. At most three quarters of the places are taken, so every search ends.
//! 2. Between the place that its hash asks for and the one where an entry stands, no place is free.

use alloc::collections::TryReserveError;
use alloc::vec::Vec;

/// Places of the smallest table.
const LEAST: usize = 16;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// Hash in the high half, slot in the low one; 0 is a free place. A power of two of them, or none.
    places: Vec<u64>,
    len: usize,
    key: u64,
}

impl Names {
    /// No names; `key` makes the order in the table another one for each kernel.
    pub(crate) const fn new(key: u64) -> Self {
        Self { places: Vec::new(), len: 0, key }
    }

    /// The hash of a name: each eight bytes are multiplied in, and both halves of the product kept.
    fn hash(&self, name: &str) -> u32 {
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut state = self.key ^ ODD;
        for piece in name.as_bytes().chunks(8) {
            let word = piece.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
            // The length tells a short last piece from one that begins with zero bytes.
            let product = u128::from(state ^ word).wrapping_mul(u128::from(ODD ^ name.len() as u64));
            state = high(product) ^ low(product);
        }
        hash_of(state.wrapping_mul(ODD))
    }

    fn place_of(&self, hash: u32) -> usize {
        hash as usize & self.mask()
    }

    fn mask(&self) -> usize {
        self.places.len().wrapping_sub(1)
    }

    /// Where the slot of `name` stands; `is_it` tells whether a slot has the name.
    fn search(&self, name: &str, is_it: impl Fn(u32) -> bool) -> Option<(usize, u32)> {
        let hash = self.hash(name);
        let mut at = self.place_of(hash);
        loop {
            match *self.places.get(at)? {
                0 => return None,
                word if hash_of(word) == hash && is_it(slot_of(word)) => return Some((at, slot_of(word))),
                _ => at = at.wrapping_add(1) & self.mask(),
            }
        }
    }

    /// The slot of `name`; `is_it` tells whether a slot has it.
    pub(crate) fn find(&self, name: &str, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.search(name, is_it).map(|(_, slot)| slot)
    }

    /// Makes room for one more name.
    pub(crate) fn reserve(&mut self) -> Result<(), TryReserveError> {
        let needed = self.len.saturating_add(1);
        if needed.saturating_mul(4) <= self.places.len().saturating_mul(3) {
            return Ok(());
        }
        let count = self.places.len().saturating_mul(2).max(LEAST);
        let mut places = Vec::new();
        places.try_reserve_exact(count)?;
        places.resize(count, 0);
        let old = core::mem::replace(&mut self.places, places);
        for word in old.into_iter().filter(|word| *word != 0) {
            self.put(word);
        }
        Ok(())
    }

    /// Gives `name` to `slot`, which must not be 0; without room made for it nothing happens.
    pub(crate) fn insert(&mut self, name: &str, slot: u32) {
        if self.len < self.places.len() && slot != 0 {
            self.put(u64::from(self.hash(name)) << 32 | u64::from(slot));
            self.len = self.len.saturating_add(1);
        }
    }

    fn put(&mut self, word: u64) {
        let mask = self.mask();
        let mut at = self.place_of(hash_of(word));
        while let Some(place) = self.places.get_mut(at) {
            if *place == 0 {
                *place = word;
                return;
            }
            at = at.wrapping_add(1) & mask;
        }
    }

    /// Takes `name` from the slot that has it.
    pub(crate) fn remove(&mut self, name: &str, is_it: impl Fn(u32) -> bool) {
        let Some((mut gap, _)) = self.search(name, is_it) else { return };
        self.len = self.len.saturating_sub(1);
        let mask = self.mask();
        let mut at = gap;
        loop {
            at = at.wrapping_add(1) & mask;
            let word = self.places.get(at).copied().unwrap_or(0);
            if word == 0 {
                break;
            }
            // It may stand in the gap if that is no nearer than the place that it asks for.
            let home = self.place_of(hash_of(word));
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(gap) & mask {
                self.set(gap, word);
                gap = at;
            }
        }
        self.set(gap, 0);
    }

    fn set(&mut self, at: usize, word: u64) {
        if let Some(place) = self.places.get_mut(at) {
            *place = word;
        }
    }
}

const fn high(word: u128) -> u64 {
    (word >> 64) as u64
}

#[expect(clippy::cast_possible_truncation, reason = "the low half")]
const fn low(word: u128) -> u64 {
    word as u64
}

const fn hash_of(word: u64) -> u32 {
    (word >> 32) as u32
}

#[expect(clippy::cast_possible_truncation, reason = "the low half")]
const fn slot_of(word: u64) -> u32 {
    word as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::string::String;

    proptest! {
        #[test]
        fn names_are_found_as_in_a_plain_map(
            key in any::<u64>(),
            steps in proptest::collection::vec(("[ab]{0,3}[a-c]{0,8}", any::<bool>()), 1..400)
        ) {
            let mut names = Names::new(key);
            let mut model: BTreeMap<String, u32> = BTreeMap::new();
            let mut given: Vec<String> = Vec::new();
            let slot = |given: &[String], name: &str| {
                given.iter().rposition(|other| other == name).and_then(|at| u32::try_from(at + 1).ok())
            };
            for (name, add) in steps {
                let is_it = |slot: u32| given.get(slot as usize - 1) == Some(&name);
                prop_assert_eq!(names.find(&name, is_it), model.get(&name).copied());
                if add && !model.contains_key(&name) {
                    names.reserve().unwrap();
                    given.push(name.clone());
                    let slot = slot(&given, &name).unwrap();
                    names.insert(&name, slot);
                    model.insert(name, slot);
                } else if !add {
                    let present = model.remove(&name);
                    names.remove(&name, |slot| Some(slot) == present);
                }
            }
            prop_assert_eq!(names.len, model.len());
            prop_assert_eq!(names.places.iter().filter(|word| **word != 0).count(), model.len());
            for (name, slot) in &model {
                prop_assert_eq!(names.find(name, |other| other == *slot), Some(*slot));
            }
        }
    }

    #[test]
    fn short_names_that_differ_have_hashes_that_differ() {
        let names = Names::new(1);
        let mut all: Vec<u32> = (0..20_000).map(|n| names.hash(&std::format!("worker-{n}"))).collect();
        all.sort_unstable();
        all.dedup();
        // Of 20,000 random words of 32 bits 0.05 pairs are equal.
        assert!(all.len() >= 19_998, "{}", all.len());
        let places: std::collections::BTreeSet<u32> = all.iter().map(|hash| hash & 0x7FFF).collect();
        assert!(places.len() > 14_000, "{}", places.len());
    }
}
