//! Numbers of processes, agents, requests and timers, and the table that issues them.
//!
//! # Invariants
//! 1. A number is a slot and the generation it was issued for; a slot never issues
//!    the same generation twice, so a stale number never names a new owner.
//! 2. A slot whose generations are used up is retired, not reused.
//! 3. Slot 0 does not exist: the word 0 means "none" everywhere.
//!
//! ```
//! use flux_kcore::id::{AgentId, Table};
//! let mut table: Table<AgentId, &str> = Table::new(2);
//! let first = table.insert("sensor").unwrap();
//! assert_eq!(table.remove(first), Some("sensor"));
//! let second = table.insert("alert").unwrap();
//! assert_eq!(first.slot(), second.slot());
//! assert_eq!(table.get(first), None);
//! ```

use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU64;

/// A number made of slot and generation.
pub trait Id: Copy + Eq {
    /// The number of `slot` (at least 1) in `generation`; `None` for slot 0.
    fn from_parts(slot: u32, generation: u32) -> Option<Self>;
    /// Its slot, at least 1.
    fn slot(self) -> u32;
    /// Its generation, from 0.
    fn generation(self) -> u32;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// The word is `generation << 32 | slot`; it is never 0.
        #[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(NonZeroU64);

        impl $name {
            /// The number of `slot` (at least 1) in `generation`; `None` for slot 0.
            pub const fn new(slot: u32, generation: u32) -> Option<Self> {
                if slot == 0 {
                    return None;
                }
                match NonZeroU64::new((generation as u64) << 32 | slot as u64) {
                    Some(word) => Some(Self(word)),
                    None => None,
                }
            }

            /// Its slot, at least 1.
            #[expect(clippy::cast_possible_truncation, reason = "the slot is the low half")]
            pub const fn slot(self) -> u32 {
                self.0.get() as u32
            }

            /// Its generation, from 0.
            pub const fn generation(self) -> u32 {
                (self.0.get() >> 32) as u32
            }

            /// The number as one word for registers and messages.
            pub const fn word(self) -> u64 {
                self.0.get()
            }

            /// The number that `word` claims to be; proves nothing until looked up.
            pub const fn from_word(word: u64) -> Option<Self> {
                if word & 0xFFFF_FFFF == 0 {
                    return None;
                }
                match NonZeroU64::new(word) {
                    Some(word) => Some(Self(word)),
                    None => None,
                }
            }
        }

        impl Id for $name {
            fn from_parts(slot: u32, generation: u32) -> Option<Self> {
                Self::new(slot, generation)
            }
            fn slot(self) -> u32 {
                $name::slot(self)
            }
            fn generation(self) -> u32 {
                $name::generation(self)
            }
        }

        /// `7`, or `7.2` in the second reuse of slot 7.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.generation() {
                    0 => write!(f, "{}", self.slot()),
                    generation => write!(f, "{}.{generation}", self.slot()),
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    )*};
}

ids! {
    /// Number of a process.
    ProcessId;
    /// Number of an agent.
    AgentId;
    /// Number of an open ASK or DELEGATE: its completion slot; also called a ticket.
    RequestId;
    /// Number of a timer that is set.
    TimerId;
    /// Number of a topic.
    TopicId;
    /// Number of a barrier at which agents wait.
    BarrierId;
}

impl AgentId {
    /// Agent 1, the supervisor.
    pub const SUPERVISOR: Self = Self(NonZeroU64::MIN);
}

impl ProcessId {
    /// Process 1, the kernel.
    pub const KERNEL: Self = Self(NonZeroU64::MIN);
}

/// Why a table took no further entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TableError {
    /// Every slot up to the limit is taken or retired.
    #[error("the table is full: all of its {limit} slots are taken")]
    Full {
        /// Slots that the table may have.
        limit: u32,
    },
    /// The allocator gave no memory.
    #[error("no memory for another slot")]
    NoMemory,
}

impl From<TableError> for flux_abi::status::Status {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Full { .. } => Self::Busy,
            TableError::NoMemory => Self::NoMemory,
        }
    }
}

#[derive(Clone, Debug)]
enum Content<T> {
    Occupied(T),
    Vacant { next: u32 },
    Retired,
}

#[derive(Clone, Debug)]
struct Slot<T> {
    generation: u32,
    content: Content<T>,
}

/// A table whose entries are named by numbers with generations.
///
/// Insert, look-up and removal take constant time; memory grows with the most
/// entries that ever lived at once, up to the limit.
#[derive(Clone, Debug)]
pub struct Table<I, T> {
    slots: Vec<Slot<T>>,
    free: u32,
    len: u32,
    limit: u32,
    id: core::marker::PhantomData<I>,
}

impl<I: Id, T> Table<I, T> {
    /// An empty table of at most `limit` entries; allocates nothing yet.
    pub const fn new(limit: u32) -> Self {
        Self { slots: Vec::new(), free: 0, len: 0, limit, id: core::marker::PhantomData }
    }

    /// Live entries.
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Tells whether nothing is in the table.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number that the next [`Table::insert`] will issue, if it succeeds.
    pub fn next_id(&self) -> Option<I> {
        match self.slot(self.free) {
            Some(slot) => I::from_parts(self.free, slot.generation),
            None => I::from_parts(u32::try_from(self.slots.len()).ok()?.checked_add(1)?, 0),
        }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`TableError::Full`] at the limit, [`TableError::NoMemory`] if the table can't grow.
    pub fn insert(&mut self, value: T) -> Result<I, TableError> {
        let full = TableError::Full { limit: self.limit };
        let slot_number = self.free;
        let id = if let Some(slot) = index(slot_number).and_then(|at| self.slots.get_mut(at)) {
            let Content::Vacant { next } = slot.content else { return Err(full) };
            self.free = next;
            slot.content = Content::Occupied(value);
            I::from_parts(slot_number, slot.generation).ok_or(full)?
        } else {
            let number = u32::try_from(self.slots.len()).ok().and_then(|n| n.checked_add(1)).ok_or(full)?;
            if number > self.limit {
                return Err(full);
            }
            self.slots.try_reserve(1).map_err(|_| TableError::NoMemory)?;
            self.slots.push(Slot { generation: 0, content: Content::Occupied(value) });
            I::from_parts(number, 0).ok_or(full)?
        };
        self.len = self.len.saturating_add(1);
        Ok(id)
    }

    /// Makes room for `count` more entries so that the next ones can't fail for want of memory.
    ///
    /// # Errors
    /// [`TableError::NoMemory`].
    pub fn reserve(&mut self, count: u32) -> Result<(), TableError> {
        self.slots.try_reserve(count as usize).map_err(|_| TableError::NoMemory)
    }

    /// The entry of `id`, if that very generation still lives.
    pub fn get(&self, id: I) -> Option<&T> {
        match self.slot(id.slot())? {
            Slot { generation, content: Content::Occupied(value) } if *generation == id.generation() => {
                Some(value)
            }
            _ => None,
        }
    }

    /// The entry of `id` for change, if that very generation still lives.
    pub fn get_mut(&mut self, id: I) -> Option<&mut T> {
        match self.slots.get_mut(index(id.slot())?)? {
            Slot { generation, content: Content::Occupied(value) } if *generation == id.generation() => {
                Some(value)
            }
            _ => None,
        }
    }

    /// Tells whether `id` lives.
    pub fn contains(&self, id: I) -> bool {
        self.get(id).is_some()
    }

    /// Tells whether `id` was issued once, whether or not it still lives.
    pub fn was_issued(&self, id: I) -> bool {
        self.slot(id.slot()).is_some_and(|slot| match slot.content {
            Content::Occupied(_) | Content::Retired => id.generation() <= slot.generation,
            Content::Vacant { .. } => id.generation() < slot.generation,
        })
    }

    /// Takes the entry of `id` out; its number is stale from now on.
    pub fn remove(&mut self, id: I) -> Option<T> {
        let slot = self.slots.get_mut(index(id.slot())?)?;
        if slot.generation != id.generation() || !matches!(slot.content, Content::Occupied(_)) {
            return None;
        }
        let next = match slot.generation.checked_add(1) {
            Some(generation) => {
                slot.generation = generation;
                let vacant = Content::Vacant { next: self.free };
                self.free = id.slot();
                vacant
            }
            None => Content::Retired,
        };
        self.len = self.len.saturating_sub(1);
        match core::mem::replace(&mut slot.content, next) {
            Content::Occupied(value) => Some(value),
            Content::Vacant { .. } | Content::Retired => None,
        }
    }

    /// The living number in `slot`, if there is one.
    pub fn id_at(&self, slot: u32) -> Option<I> {
        match self.slot(slot)? {
            Slot { generation, content: Content::Occupied(_) } => I::from_parts(slot, *generation),
            _ => None,
        }
    }

    /// Numbers and entries in the order of the slots.
    pub fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        (1u32..).zip(&self.slots).filter_map(|(number, slot)| match &slot.content {
            Content::Occupied(value) => I::from_parts(number, slot.generation).map(|id| (id, value)),
            _ => None,
        })
    }

    /// All living entries, to change them.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(|slot| match &mut slot.content {
            Content::Occupied(value) => Some(value),
            Content::Vacant { .. } | Content::Retired => None,
        })
    }

    /// The living entry in `slot`, whatever its generation; for links between entries.
    pub(crate) fn at(&self, slot: u32) -> Option<&T> {
        match &self.slot(slot)?.content {
            Content::Occupied(value) => Some(value),
            Content::Vacant { .. } | Content::Retired => None,
        }
    }

    /// The living entry in `slot`, for change.
    pub(crate) fn at_mut(&mut self, slot: u32) -> Option<&mut T> {
        match &mut self.slots.get_mut(index(slot)?)?.content {
            Content::Occupied(value) => Some(value),
            Content::Vacant { .. } | Content::Retired => None,
        }
    }

    fn slot(&self, number: u32) -> Option<&Slot<T>> {
        self.slots.get(index(number)?)
    }
}

/// Index of slot `number` in a vector; slot 0 has none.
pub(crate) fn index(number: u32) -> Option<usize> {
    number.checked_sub(1).map(|at| at as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    #[test]
    fn a_worn_out_slot_is_retired() {
        let mut table: Table<AgentId, u8> = Table::new(2);
        let first = table.insert(1).unwrap();
        table.slots[0].generation = u32::MAX;
        let last = AgentId::new(first.slot(), u32::MAX).unwrap();
        assert_eq!(table.remove(last), Some(1));
        assert_eq!(table.insert(2).unwrap().slot(), 2);
        assert_eq!(table.insert(3), Err(TableError::Full { limit: 2 }));
        assert!(table.was_issued(last) && !table.contains(last));
    }

    #[test]
    fn the_first_agent_and_process_are_number_one() {
        let mut agents: Table<AgentId, ()> = Table::new(9);
        assert_eq!(agents.next_id(), Some(AgentId::SUPERVISOR));
        assert_eq!(agents.insert(()), Ok(AgentId::SUPERVISOR));
        assert_eq!(AgentId::SUPERVISOR.word(), 1);
        assert_eq!(AgentId::from_word(1 << 32), None);
    }

    proptest! {
        #[test]
        fn a_stale_number_never_names_a_new_owner(steps in proptest::collection::vec((any::<bool>(), 0usize..40), 1..200)) {
            let mut table: Table<AgentId, u32> = Table::new(16);
            let mut live: BTreeMap<AgentId, u32> = BTreeMap::new();
            let mut issued: Vec<AgentId> = Vec::new();
            for (n, (insert, pick)) in steps.into_iter().enumerate() {
                let value = u32::try_from(n).unwrap();
                if insert {
                    let expected = table.next_id();
                    match table.insert(value) {
                        Ok(id) => {
                            prop_assert_eq!(Some(id), expected);
                            prop_assert!(!issued.contains(&id));
                            issued.push(id);
                            live.insert(id, value);
                        }
                        Err(error) => {
                            prop_assert_eq!(error, TableError::Full { limit: 16 });
                            prop_assert_eq!(live.len(), 16);
                        }
                    }
                } else if let Some(id) = issued.get(pick) {
                    prop_assert_eq!(table.remove(*id), live.remove(id));
                }
                prop_assert_eq!(table.len() as usize, live.len());
                for id in &issued {
                    prop_assert_eq!(table.get(*id), live.get(id));
                    prop_assert!(table.was_issued(*id));
                }
                prop_assert!(table.iter().all(|(id, value)| live.get(&id) == Some(value)));
            }
        }
    }
}
