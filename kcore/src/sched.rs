//! Who runs next: priorities, round robin, ageing, a boost for messages.
//!
//! # Invariants
//! 1. An agent is in a queue exactly when it is READY; at most one runs at a time per shard.
//! 2. Inside a priority agents take turns: who used its slice goes to the end.
//! 3. **No starvation.** Every [`AGE_PERIOD`]-th slice goes to the agent that has been READY the longest,
//!    whatever its priority. Whoever becomes READY as the `n`-th runs within [`longest_wait`]`(n)` slices.
//! 4. A message raises its receiver by [`BOOST`] for one slice and no longer.
//!
//! # The bound on waiting
//! READY agents stand in one more queue by the time since when they are. Nobody enters it but at the end, so
//! of `n` agents in it (itself included) whoever enters last has `n - 1` in front of it and never more: a
//! change of priority, a boost, an arrival and a retirement put nobody in front. Every slice with a number that
//! [`AGE_PERIOD`] divides takes the head. So at the latest the `n`-th of these slices takes this agent; among
//! any `n * AGE_PERIOD` slices in a row there are `n` of them. The bound holds for every load, and it is
//! reached: by an agent that becomes READY right after such a slice, behind `n - 1` of its own priority, if one
//! of a higher priority becomes READY after it and never rests. In time it is that many slices of
//! [`Gas::SLICE`] gas and what the kernel does between them.
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

/// Slices within which an agent runs that becomes READY as the last of `ready` agents, itself included.
pub const fn longest_wait(ready: u32) -> u64 {
    (ready as u64).saturating_mul(AGE_PERIOD as u64)
}

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

    /// The agent's own priority.
    pub fn priority(&self, agent: AgentId) -> Option<u8> {
        let entry = self.entries.0.get(index(agent.slot())?)?.as_ref()?;
        (entry.agent == agent).then_some(entry.priority)
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
    use core::cmp::Reverse;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
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

    /// What the scheduler must do, without lists of lists: agents in the order in which they became READY.
    #[derive(Default)]
    struct Plain {
        /// Slot, level, and the turn within the level.
        ready: Vec<(u32, u8, u64)>,
        turns: u64,
        slices: u64,
    }

    impl Plain {
        fn level(priority: u8, boost: Boost) -> u8 {
            if boost == Boost::Message { priority.saturating_add(BOOST) } else { priority }
        }

        fn enter(&mut self, slot: u32, level: u8) {
            self.turns += 1;
            self.ready.push((slot, level, self.turns));
        }

        fn position(&self, slot: u32) -> Option<usize> {
            self.ready.iter().position(|entry| entry.0 == slot)
        }

        fn change(&mut self, at: usize, level: u8) {
            self.turns += 1;
            self.ready[at] = (self.ready[at].0, level, self.turns);
        }

        fn next(&mut self) -> Option<u32> {
            let first = if (self.slices + 1).is_multiple_of(u64::from(AGE_PERIOD)) {
                0
            } else {
                let best = self.ready.iter().min_by_key(|(_, level, turn)| (Reverse(*level), *turn))?.0;
                self.position(best)?
            };
            if self.ready.is_empty() {
                return None;
            }
            self.slices += 1;
            Some(self.ready.remove(first).0)
        }
    }

    #[derive(Clone, Debug)]
    enum Load {
        Ready(u32, Boost),
        Priority(u32, u8),
        Retire(u32),
        /// The next slice; then whoever had it goes on, or waits; an event may come while it runs.
        Slice {
            goes_on: bool,
            event: Option<Boost>,
        },
    }

    fn load() -> impl Strategy<Value = Load> {
        let boost = || any::<bool>().prop_map(|message| if message { Boost::Message } else { Boost::None });
        let priority = prop_oneof![Just(0u8), Just(255), Just(240), any::<u8>()];
        prop_oneof![
            3 => (1u32..24, boost()).prop_map(|(slot, boost)| Load::Ready(slot, boost)),
            1 => (1u32..24, priority).prop_map(|(slot, priority)| Load::Priority(slot, priority)),
            1 => (1u32..24).prop_map(Load::Retire),
            12 => (any::<bool>(), proptest::option::of(boost()))
                .prop_map(|(goes_on, event)| Load::Slice { goes_on, event }),
        ]
    }

    proptest! {
        /// Random loads against the plain model; nobody waits longer than the bound.
        #[test]
        fn every_slice_goes_to_the_one_of_the_plain_model_and_nobody_waits_longer_than_the_bound(
            priorities in proptest::collection::vec(any::<u8>(), 1..24),
            loads in proptest::collection::vec(load(), 1..500),
        ) {
            let mut scheduler = Scheduler::new();
            let mut plain = Plain::default();
            let mut own: BTreeMap<u32, u8> = (1u32..).zip(priorities).collect();
            let mut due: BTreeMap<u32, u64> = BTreeMap::new();
            for (slot, priority) in &own {
                scheduler.admit(agent(*slot), *priority).unwrap();
            }
            for load in loads {
                match load {
                    Load::Ready(slot, boost) => {
                        scheduler.ready(agent(slot), boost);
                        let Some(priority) = own.get(&slot) else { continue };
                        let level = Plain::level(*priority, boost);
                        match plain.position(slot) {
                            None => {
                                plain.enter(slot, level);
                                let n = u32::try_from(plain.ready.len()).unwrap();
                                due.insert(slot, plain.slices + longest_wait(n));
                            }
                            Some(at) if level > plain.ready[at].1 => plain.change(at, level),
                            Some(_) => {}
                        }
                    }
                    Load::Priority(slot, priority) => {
                        scheduler.set_priority(agent(slot), priority);
                        let Some(place) = own.get_mut(&slot) else { continue };
                        *place = priority;
                        if let Some(at) = plain.position(slot) {
                            plain.change(at, priority);
                        }
                    }
                    Load::Retire(slot) => {
                        scheduler.retire(agent(slot));
                        own.remove(&slot);
                        due.remove(&slot);
                        plain.ready.retain(|entry| entry.0 != slot);
                    }
                    Load::Slice { goes_on, event } => {
                        let ran = scheduler.next().map(|dispatch| dispatch.agent.slot());
                        prop_assert_eq!(ran, plain.next());
                        let Some(slot) = ran else { continue };
                        let limit = due.remove(&slot);
                        prop_assert!(limit.is_some_and(|limit| plain.slices <= limit), "{:?}", limit);
                        if let Some(boost) = event {
                            scheduler.ready(agent(slot), boost);
                        }
                        let again = match (goes_on, event) {
                            (true, _) => Some(Boost::None),
                            (false, event) => event,
                        };
                        if goes_on { scheduler.preempted(agent(slot)) } else { scheduler.blocked(agent(slot)) }
                        if let Some(boost) = again {
                            plain.enter(slot, Plain::level(own[&slot], boost));
                            let n = u32::try_from(plain.ready.len()).unwrap();
                            due.insert(slot, plain.slices + longest_wait(n));
                        }
                    }
                }
                prop_assert_eq!(scheduler.ready_count() as usize, plain.ready.len());
                prop_assert!(due.values().all(|limit| plain.slices < *limit), "nobody is overdue");
            }
        }
    }

    /// The worst case reaches the bound.
    #[test]
    fn the_last_of_the_lowest_waits_for_the_whole_bound_if_a_higher_one_comes_and_never_rests() {
        for others in [0u32, 1, 2, 5, 17] {
            for (above, boost) in [(255, Boost::None), (0, Boost::Message), (1, Boost::Message)] {
                let priorities: Vec<u8> = (0..others).map(|_| 0).collect();
                let mut scheduler = with(&priorities);
                let (low, high) = (agent(others + 1), agent(others + 2));
                scheduler.admit(low, 0).unwrap();
                scheduler.admit(high, above).unwrap();
                if others > 0 {
                    // The last of these slices goes by age.
                    run(&mut scheduler, AGE_PERIOD as usize);
                }
                scheduler.ready(low, Boost::None);
                scheduler.ready(high, boost);
                let bound = longest_wait(others + 1);
                let mut slice = || {
                    let ran = scheduler.next().map(|dispatch| dispatch.agent);
                    if let Some(ran) = ran {
                        // Whoever is above is called for again while it runs.
                        scheduler.ready(ran, if ran == high { boost } else { Boost::None });
                        scheduler.blocked(ran);
                    }
                    ran
                };
                let waited = (1u64..=bound).find(|_| slice() == Some(low));
                assert_eq!(waited, Some(bound), "{others} others, one above by {above} {boost:?}");
            }
        }
    }

    /// Whoever comes in between, however often and with whatever priority, stands behind.
    #[test]
    fn newcomers_boosts_and_priorities_put_nobody_in_front_of_one_that_waits() {
        let mut scheduler = with(&[0]);
        let mut slices = 0u64;
        for slot in 2..=AGE_PERIOD + 1 {
            scheduler.admit(agent(slot), 0).unwrap();
            scheduler.ready(agent(slot), Boost::Message);
            scheduler.set_priority(agent(slot), 255);
            slices += 1;
            if scheduler.next().map(|dispatch| dispatch.agent) == Some(agent(1)) {
                break;
            }
        }
        assert_eq!(slices, longest_wait(1), "it was the first to wait");
    }
}
