//! Who runs next: priorities, round robin, ageing, a boost for messages.
//!
//! # Invariants
//! 1. An agent is in a queue exactly when it is READY; at most one runs at a time per shard.
//! 2. Inside a priority agents take turns: who used its slice goes to the end.
//! 3. **No starvation.** Every [`AGE_PERIOD`]-th slice goes to the agent that has been READY
//!    the longest, whatever its priority. So an agent that becomes READY when `n` agents are
//!    (itself included) runs within the next `n * AGE_PERIOD` slices: each such slice takes the
//!    head of a queue in which nobody can get in front of it.
//! 4. A message raises its receiver by [`BOOST`] for one slice and no longer.
//!
//! ```
//! use flux_kcore::id::AgentId;
//! use flux_kcore::sched::{Boost, Scheduler};
//! let (low, high) = (AgentId::new(1, 0).unwrap(), AgentId::new(2, 0).unwrap());
//! let mut scheduler = Scheduler::new();
//! scheduler.admit(low, 10).unwrap();
//! scheduler.admit(high, 20).unwrap();
//! scheduler.ready(low, Boost::None);
//! scheduler.ready(high, Boost::None);
//! assert_eq!(scheduler.next().map(|d| d.agent), Some(high));
//! ```

use alloc::boxed::Box;
use alloc::vec::Vec;

use flux_abi::limits::SLICE_GAS;
use flux_abi::status::Status;

use crate::id::{AgentId, index};
use crate::list::{Link, Links, List};

/// Every so many slices the longest-waiting agent goes first.
pub const AGE_PERIOD: u32 = 16;
/// By how much a message raises the priority of its receiver for one slice.
pub const BOOST: u8 = 16;

/// An amount of gas.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Gas(u64);

impl Gas {
    /// Gas of one time slice.
    pub const SLICE: Self = Self(SLICE_GAS);

    /// An amount of `units`.
    pub const fn new(units: u64) -> Self {
        Self(units)
    }

    /// Its units.
    pub const fn units(self) -> u64 {
        self.0
    }
}

/// Whether an agent is raised for its next slice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Boost {
    /// Its own priority.
    None,
    /// Raised by [`BOOST`], because a message arrived.
    Message,
}

/// An agent that gets the processor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Dispatch {
    /// The agent.
    pub agent: AgentId,
    /// How much gas it may use.
    pub slice: Gas,
}

/// What an agent is to the scheduler.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RunState {
    /// Waits for an event.
    Blocked,
    /// Waits for the processor.
    Ready,
    /// Has the processor.
    Running,
}

#[derive(Clone, Debug)]
struct Entry {
    agent: AgentId,
    state: RunState,
    priority: u8,
    /// The queue it stands in while READY.
    level: u8,
    /// READY again when its slice ends, because an event came while it ran.
    again: Option<Boost>,
    turn: Link,
    age: Link,
}

const TURN: usize = 0;
const AGE: usize = 1;

#[derive(Clone, Debug, Default)]
struct Entries(Vec<Option<Entry>>);

impl Entries {
    fn get(&mut self, slot: u32) -> Option<&mut Entry> {
        self.0.get_mut(index(slot)?)?.as_mut()
    }

    fn of(&mut self, agent: AgentId) -> Option<&mut Entry> {
        self.get(agent.slot()).filter(|entry| entry.agent == agent)
    }
}

impl Links<TURN> for Entries {
    fn link(&mut self, at: u32) -> Option<&mut Link> {
        self.get(at).map(|entry| &mut entry.turn)
    }
}

impl Links<AGE> for Entries {
    fn link(&mut self, at: u32) -> Option<&mut Link> {
        self.get(at).map(|entry| &mut entry.age)
    }
}

/// The ready queues of one shard.
#[derive(Clone, Debug)]
pub struct Scheduler {
    entries: Entries,
    levels: Box<[List; 256]>,
    /// Bit `n % 64` of word `n / 64` is set if level `n` has a READY agent.
    occupied: [u64; 4],
    by_age: List,
    slices: u32,
}

impl Default for Scheduler {
    fn default() -> Self {
        Self::new()
    }
}

impl Scheduler {
    /// A scheduler without agents.
    pub fn new() -> Self {
        Self {
            entries: Entries::default(),
            levels: Box::new([List::default(); 256]),
            occupied: [0; 4],
            by_age: List::default(),
            slices: 0,
        }
    }

    /// Takes an agent in, BLOCKED.
    ///
    /// # Errors
    /// `EXISTS` if its slot is taken, `NOMEM`.
    pub fn admit(&mut self, agent: AgentId, priority: u8) -> Result<(), Status> {
        let at = index(agent.slot()).ok_or(Status::Invalid)?;
        let missing = at.saturating_add(1).saturating_sub(self.entries.0.len());
        self.entries.0.try_reserve(missing).map_err(|_| Status::NoMemory)?;
        for _ in 0..missing {
            self.entries.0.push(None);
        }
        let place = self.entries.0.get_mut(at).ok_or(Status::NoMemory)?;
        if place.is_some() {
            return Err(Status::Exists);
        }
        *place = Some(Entry {
            agent,
            state: RunState::Blocked,
            priority,
            level: priority,
            again: None,
            turn: Link::default(),
            age: Link::default(),
        });
        Ok(())
    }

    /// Forgets an agent, whatever its state.
    pub fn retire(&mut self, agent: AgentId) {
        if self.entries.of(agent).is_none() {
            return;
        }
        self.unqueue(agent);
        if let Some(place) = index(agent.slot()).and_then(|at| self.entries.0.get_mut(at)) {
            *place = None;
        }
    }

    /// What the agent is at the moment.
    pub fn state(&self, agent: AgentId) -> Option<RunState> {
        let entry = self.entries.0.get(index(agent.slot())?)?.as_ref()?;
        (entry.agent == agent).then_some(entry.state)
    }

    /// READY agents.
    pub const fn ready_count(&self) -> u32 {
        self.by_age.len
    }

    /// Changes an agent's own priority; a READY agent changes its queue.
    pub fn set_priority(&mut self, agent: AgentId, priority: u8) {
        let Some(entry) = self.entries.of(agent) else { return };
        entry.priority = priority;
        if entry.state == RunState::Ready {
            self.move_to_level(agent, priority);
        }
    }

    /// Makes an agent READY. A READY one is only raised; a running one is READY again after its slice.
    pub fn ready(&mut self, agent: AgentId, boost: Boost) {
        let Some(entry) = self.entries.of(agent) else { return };
        match entry.state {
            RunState::Running => entry.again = Some(boost),
            RunState::Ready => {
                let level = raised(entry.priority, boost);
                if level > entry.level {
                    self.move_to_level(agent, level);
                }
            }
            RunState::Blocked => self.enqueue(agent, boost),
        }
    }

    /// Gives the processor to the next agent, which is RUNNING from now on.
    #[expect(clippy::should_implement_trait, reason = "a scheduler never ends, it is no iterator")]
    pub fn next(&mut self) -> Option<Dispatch> {
        let oldest = self.slices.wrapping_add(1).is_multiple_of(AGE_PERIOD);
        let slot = if oldest { self.by_age.head } else { self.highest()? };
        let agent = self.entries.get(slot)?.agent;
        self.slices = self.slices.wrapping_add(1);
        self.unqueue(agent);
        let entry = self.entries.of(agent)?;
        entry.state = RunState::Running;
        entry.again = None;
        Some(Dispatch { agent, slice: Gas::SLICE })
    }

    /// The running agent goes on later: it used its slice up or gave the rest of it back.
    pub fn preempted(&mut self, agent: AgentId) {
        if self.state(agent) == Some(RunState::Running) {
            self.enqueue(agent, Boost::None);
        }
    }

    /// The running agent waits for an event, unless one came while it ran.
    pub fn blocked(&mut self, agent: AgentId) {
        let Some(entry) = self.entries.of(agent) else { return };
        match (entry.state, entry.again.take()) {
            (RunState::Running, Some(boost)) => self.enqueue(agent, boost),
            (RunState::Running, None) => entry.state = RunState::Blocked,
            (RunState::Ready, _) => self.unqueue(agent),
            (RunState::Blocked, _) => {}
        }
    }

    fn enqueue(&mut self, agent: AgentId, boost: Boost) {
        let Some(entry) = self.entries.of(agent) else { return };
        let level = raised(entry.priority, boost);
        entry.state = RunState::Ready;
        self.push_turn(agent, level);
        self.by_age.push_back::<AGE>(&mut self.entries, agent.slot());
    }

    fn unqueue(&mut self, agent: AgentId) {
        let Some(entry) = self.entries.of(agent) else { return };
        if entry.state == RunState::Ready {
            entry.state = RunState::Blocked;
            self.remove_turn(agent);
            self.by_age.remove::<AGE>(&mut self.entries, agent.slot());
        }
    }

    fn move_to_level(&mut self, agent: AgentId, level: u8) {
        self.remove_turn(agent);
        self.push_turn(agent, level);
    }

    fn push_turn(&mut self, agent: AgentId, level: u8) {
        let Some(entry) = self.entries.of(agent) else { return };
        entry.level = level;
        if let Some(list) = self.levels.get_mut(usize::from(level)) {
            list.push_back::<TURN>(&mut self.entries, agent.slot());
        }
        if let Some(word) = self.occupied.get_mut(usize::from(level >> 6)) {
            *word |= 1 << (level & 63);
        }
    }

    fn remove_turn(&mut self, agent: AgentId) {
        let Some(level) = self.entries.of(agent).map(|entry| entry.level) else { return };
        let Some(list) = self.levels.get_mut(usize::from(level)) else { return };
        list.remove::<TURN>(&mut self.entries, agent.slot());
        if list.is_empty()
            && let Some(word) = self.occupied.get_mut(usize::from(level >> 6))
        {
            *word &= !(1 << (level & 63));
        }
    }

    /// Slot of the first agent of the highest level that has one.
    fn highest(&self) -> Option<u32> {
        let (word, bits) = self.occupied.iter().enumerate().rev().find(|(_, bits)| **bits != 0)?;
        let level = word.checked_mul(64)?.checked_add(bits.checked_ilog2()? as usize)?;
        self.levels.get(level).map(|list| list.head)
    }
}

const fn raised(priority: u8, boost: Boost) -> u8 {
    match boost {
        Boost::None => priority,
        Boost::Message => priority.saturating_add(BOOST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn agent(slot: u32) -> AgentId {
        AgentId::new(slot, 0).unwrap()
    }

    fn with(priorities: &[u8]) -> Scheduler {
        let mut scheduler = Scheduler::new();
        for (slot, priority) in (1u32..).zip(priorities) {
            scheduler.admit(agent(slot), *priority).unwrap();
            scheduler.ready(agent(slot), Boost::None);
        }
        scheduler
    }

    fn run(scheduler: &mut Scheduler, slices: usize) -> Vec<u32> {
        let mut order = Vec::new();
        while order.len() < slices
            && let Some(d) = scheduler.next()
        {
            scheduler.preempted(d.agent);
            order.push(d.agent.slot());
        }
        order
    }

    #[test]
    fn equals_take_turns() {
        let mut scheduler = with(&[7, 7, 7]);
        assert_eq!(run(&mut scheduler, 7), [1, 2, 3, 1, 2, 3, 1]);
    }

    #[test]
    fn the_higher_priority_runs_first_and_the_lowest_is_not_starved() {
        let mut scheduler = with(&[0, 200]);
        let order = run(&mut scheduler, 64);
        assert_eq!(order[..15], [2; 15]);
        assert_eq!(order.iter().filter(|slot| **slot == 1).count(), 4);
    }

    #[test]
    fn a_message_raises_its_receiver_for_one_slice_only() {
        let mut scheduler = with(&[50, 60]);
        scheduler.ready(agent(1), Boost::Message);
        scheduler.ready(agent(1), Boost::None);
        assert_eq!(run(&mut scheduler, 3), [1, 2, 2]);
    }

    #[test]
    fn an_event_while_running_is_not_lost() {
        let mut scheduler = with(&[5]);
        let d = scheduler.next().unwrap();
        scheduler.ready(d.agent, Boost::Message);
        scheduler.blocked(d.agent);
        assert_eq!(scheduler.state(d.agent), Some(RunState::Ready));
        let d = scheduler.next().unwrap();
        scheduler.blocked(d.agent);
        assert_eq!(scheduler.state(d.agent), Some(RunState::Blocked));
        assert_eq!(scheduler.next(), None);
    }

    #[test]
    fn an_event_of_an_earlier_slice_does_not_wake_twice() {
        let mut scheduler = with(&[5]);
        let d = scheduler.next().unwrap();
        scheduler.ready(d.agent, Boost::Message);
        scheduler.preempted(d.agent);
        let d = scheduler.next().unwrap();
        scheduler.blocked(d.agent);
        assert_eq!(scheduler.state(d.agent), Some(RunState::Blocked));
    }

    #[test]
    fn a_retired_agent_never_runs_and_its_successor_is_not_confused_with_it() {
        let mut scheduler = with(&[5, 5]);
        scheduler.retire(agent(1));
        let successor = AgentId::new(1, 1).unwrap();
        scheduler.admit(successor, 9).unwrap();
        scheduler.ready(agent(1), Boost::None);
        assert_eq!(scheduler.state(successor), Some(RunState::Blocked));
        assert_eq!(run(&mut scheduler, 2), [2, 2]);
    }

    proptest! {
        #[test]
        fn nobody_waits_longer_than_the_stated_bound(
            priorities in proptest::collection::vec(any::<u8>(), 1..24),
            events in proptest::collection::vec((0u32..24, any::<bool>(), 0u8..4), 1..600),
        ) {
            let mut scheduler = with(&priorities);
            // Slices until which a READY agent must have run.
            let mut due: Vec<Option<u64>> = priorities.iter().map(|_| None).collect();
            let n = u64::try_from(priorities.len()).unwrap();
            for place in &mut due {
                *place = Some(n * u64::from(AGE_PERIOD));
            }
            let mut slice = 0u64;
            for (pick, boost, what) in events {
                let at = pick as usize % due.len();
                let id = agent(u32::try_from(at).unwrap() + 1);
                let was_ready = scheduler.state(id) == Some(RunState::Ready);
                scheduler.ready(id, if boost { Boost::Message } else { Boost::None });
                if !was_ready {
                    due[at] = Some(slice + u64::from(scheduler.ready_count()) * u64::from(AGE_PERIOD));
                }
                let Some(d) = scheduler.next() else { continue };
                slice += 1;
                let ran = usize::try_from(d.agent.slot()).unwrap() - 1;
                prop_assert!(due[ran].is_some_and(|limit| slice <= limit), "slice {slice} of {:?}", due[ran]);
                due[ran] = None;
                if what == 0 {
                    scheduler.blocked(d.agent);
                } else {
                    scheduler.preempted(d.agent);
                    due[ran] = Some(slice + u64::from(scheduler.ready_count()) * u64::from(AGE_PERIOD));
                }
                for (at, limit) in due.iter().enumerate() {
                    let state = scheduler.state(agent(u32::try_from(at).unwrap() + 1));
                    prop_assert_eq!(state == Some(RunState::Ready), limit.is_some());
                    prop_assert!(limit.is_none_or(|limit| slice < limit));
                }
            }
        }
    }
}
