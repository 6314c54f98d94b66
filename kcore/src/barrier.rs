//! Barriers: agents wait under a name until enough of them are there.
//!
//! # Invariants
//! 1. A barrier exists while somebody waits at it; the number of parties is that of the first.
//! 2. An agent waits at one barrier at most.
//! 3. Everybody who waits is let go exactly once: by the last arrival, its deadline, or its end.

use alloc::vec::Vec;

use flux_abi::limits::TOPIC_BYTES;
use flux_abi::status::Status;

use crate::id::{AgentId, TimerId};
use crate::sorted::SortedMap;

/// Agents that may meet at one barrier.
pub const PARTIES: u32 = 65_535;

/// Why an arrival was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BarrierError {
    /// The name is empty or too long.
    #[error("a barrier's name has 1 to {TOPIC_BYTES} bytes, this one has {len}")]
    Name {
        /// Its bytes.
        len: usize,
    },
    /// No such number of parties.
    #[error("a barrier has 1 to {PARTIES} parties, not {parties}")]
    Parties {
        /// The number given.
        parties: u32,
    },
    /// Others wait there with another number of parties.
    #[error("others wait there for {expected} parties, not for {given}")]
    Mismatch {
        /// The number of the first.
        expected: u32,
        /// The number given.
        given: u32,
    },
    /// The agent waits at a barrier already.
    #[error("the agent waits at a barrier already")]
    Waiting,
    /// The allocator gave no memory.
    #[error("no memory for a barrier")]
    NoMemory,
}

impl From<BarrierError> for Status {
    fn from(error: BarrierError) -> Self {
        match error {
            BarrierError::Name { .. } | BarrierError::Parties { .. } | BarrierError::Mismatch { .. } => {
                Self::Invalid
            }
            BarrierError::Waiting => Self::Busy,
            BarrierError::NoMemory => Self::NoMemory,
        }
    }
}

/// One who waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Waiter {
    /// The agent.
    pub agent: AgentId,
    /// The timer of its deadline, if it has one.
    pub timer: Option<TimerId>,
}

/// A name padded with zeros, and its length: no allocation of its own.
type Name = ([u8; TOPIC_BYTES], u8);

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Barrier {
    parties: u32,
    waiting: Vec<Waiter>,
}

/// What an arrival did.
#[derive(Debug, Eq, PartialEq)]
pub enum Arrived {
    /// The caller waits.
    Waits,
    /// The caller was the last: these were waiting, in the order of arrival.
    Opens(Vec<Waiter>),
}

/// All barriers of a shard.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub struct Barriers {
    barriers: SortedMap<Name, Barrier>,
    at: SortedMap<AgentId, Name>,
}

impl Barriers {
    /// No barriers.
    pub const fn new() -> Self {
        Self { barriers: SortedMap::new(), at: SortedMap::new() }
    }

    /// An agent arrives at `name`, where `parties` agents meet.
    ///
    /// # Errors
    /// Every [`BarrierError`].
    pub fn arrive(&mut self, agent: AgentId, name: &[u8], parties: u32) -> Result<Arrived, BarrierError> {
        let name = padded(name)?;
        if parties == 0 || parties > PARTIES {
            return Err(BarrierError::Parties { parties });
        }
        if self.at.get(&agent).is_some() {
            return Err(BarrierError::Waiting);
        }
        let waiting = match self.barriers.get(&name) {
            Some(barrier) if barrier.parties != parties => {
                return Err(BarrierError::Mismatch { expected: barrier.parties, given: parties });
            }
            Some(barrier) => barrier.waiting.len(),
            None => 0,
        };
        if waiting.saturating_add(1) >= parties as usize {
            let waiting = self.barriers.remove(&name).map_or_else(Vec::new, |barrier| barrier.waiting);
            for waiter in &waiting {
                self.at.remove(&waiter.agent);
            }
            return Ok(Arrived::Opens(waiting));
        }
        let no_memory = |_| BarrierError::NoMemory;
        self.at.reserve(1).map_err(no_memory)?;
        match self.barriers.get_mut(&name) {
            Some(barrier) => {
                barrier.waiting.try_reserve(1).map_err(no_memory)?;
                barrier.waiting.push(Waiter { agent, timer: None });
            }
            None => {
                self.barriers.reserve(1).map_err(no_memory)?;
                let mut waiting = Vec::new();
                waiting.try_reserve(1).map_err(no_memory)?;
                waiting.push(Waiter { agent, timer: None });
                self.barriers.insert(name, Barrier { parties, waiting });
            }
        }
        self.at.insert(agent, name);
        Ok(Arrived::Waits)
    }

    /// Names the timer of a waiting agent's deadline.
    pub fn set_timer(&mut self, agent: AgentId, timer: TimerId) {
        let waiting = self.at.get(&agent).and_then(|name| self.barriers.get_mut(name));
        let waiter = waiting.and_then(|barrier| barrier.waiting.iter_mut().find(|w| w.agent == agent));
        if let Some(waiter) = waiter {
            waiter.timer = Some(timer);
        }
    }

    /// An agent leaves without the barrier having opened (deadline, end); `None` if it waits at none.
    pub fn leave(&mut self, agent: AgentId) -> Option<Waiter> {
        let name = self.at.remove(&agent)?;
        let barrier = self.barriers.get_mut(&name)?;
        let at = barrier.waiting.iter().position(|waiter| waiter.agent == agent)?;
        let waiter = barrier.waiting.remove(at);
        if barrier.waiting.is_empty() {
            self.barriers.remove(&name);
        }
        Some(waiter)
    }

    /// Barriers at which somebody waits.
    pub fn len(&self) -> usize {
        self.barriers.len()
    }

    /// Tells whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.barriers.is_empty()
    }
}

fn padded(name: &[u8]) -> Result<Name, BarrierError> {
    let len = name.len();
    let mut padded = [0; TOPIC_BYTES];
    match (padded.get_mut(..len), u8::try_from(len)) {
        (Some(place), Ok(short)) if len > 0 => {
            place.copy_from_slice(name);
            Ok((padded, short))
        }
        _ => Err(BarrierError::Name { len }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(slot: u32) -> AgentId {
        AgentId::new(slot, 0).unwrap()
    }

    #[test]
    fn the_last_arrival_lets_all_go_in_order() {
        let mut barriers = Barriers::new();
        assert_eq!(barriers.arrive(agent(2), b"start", 3), Ok(Arrived::Waits));
        assert_eq!(barriers.arrive(agent(1), b"start", 3), Ok(Arrived::Waits));
        let Ok(Arrived::Opens(waiting)) = barriers.arrive(agent(3), b"start", 3) else {
            unreachable!("the third of three opens")
        };
        assert_eq!(waiting.iter().map(|w| w.agent).collect::<Vec<_>>(), [agent(2), agent(1)]);
        assert!(barriers.is_empty());
        assert_eq!(barriers.arrive(agent(9), b"alone", 1), Ok(Arrived::Opens(Vec::new())));
    }

    #[test]
    fn who_leaves_no_longer_counts() {
        let mut barriers = Barriers::new();
        barriers.arrive(agent(1), b"b", 2).unwrap();
        assert_eq!(barriers.leave(agent(1)), Some(Waiter { agent: agent(1), timer: None }));
        assert_eq!(barriers.leave(agent(1)), None);
        assert_eq!(barriers.arrive(agent(2), b"b", 2), Ok(Arrived::Waits));
    }

    #[test]
    fn another_number_of_parties_and_a_second_wait_are_refused() {
        let mut barriers = Barriers::new();
        barriers.arrive(agent(1), b"b", 3).unwrap();
        assert_eq!(barriers.arrive(agent(2), b"b", 2), Err(BarrierError::Mismatch { expected: 3, given: 2 }));
        assert_eq!(barriers.arrive(agent(1), b"c", 2), Err(BarrierError::Waiting));
        assert_eq!(barriers.arrive(agent(2), b"", 2), Err(BarrierError::Name { len: 0 }));
        assert_eq!(barriers.arrive(agent(2), b"b", 0), Err(BarrierError::Parties { parties: 0 }));
    }
}
