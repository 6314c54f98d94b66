//! Timers ordered by due time, then urgency, then the order in which they were set.
//!
//! A binary heap whose entries know their place: setting and taking back cost O(log n),
//! and nothing stays behind when a timer is taken back or its owner ends.
//!
//! # Invariants
//! 1. Timers fall due in the order (due, higher priority first, sequence): a total order.
//! 2. The timers of an owner are in its list, so ending an agent costs its own timers only.

use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::id::{AgentId, Table, TableError, TimerId, index};
use crate::list::{Link, Links, List};
use crate::time::Time;

/// When a timer falls due among others; the least is first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Order {
    /// Due time.
    pub due: Time,
    /// Urgency; the higher goes first.
    pub priority: Reverse<u8>,
    /// Number from the sequence that messages draw from too.
    pub sequence: u64,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Timer<T> {
    place: usize,
    owner: AgentId,
    link: Link,
    content: T,
}

/// A timer that fell due.
#[derive(Debug, Eq, PartialEq)]
pub struct Fired<T> {
    /// Its number, stale now.
    pub timer: TimerId,
    /// When it was due.
    pub due: Time,
    /// Whose it was.
    pub owner: AgentId,
    /// What it was set with.
    pub content: T,
}

/// All timers of a shard.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct TimerQueue<T> {
    timers: Table<TimerId, Timer<T>>,
    heap: Vec<(Order, TimerId)>,
    owners: Vec<List>,
}

impl<T> Links<0> for Table<TimerId, Timer<T>> {
    fn link(&mut self, at: u32) -> Option<&mut Link> {
        self.at_mut(at).map(|timer| &mut timer.link)
    }
}

impl<T> Default for TimerQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> TimerQueue<T> {
    /// No timers.
    pub const fn new() -> Self {
        Self { timers: Table::new(u32::MAX - 1), heap: Vec::new(), owners: Vec::new() }
    }

    /// Timers that are set.
    pub const fn len(&self) -> u32 {
        self.timers.len()
    }

    /// Tells whether none is set.
    pub const fn is_empty(&self) -> bool {
        self.timers.is_empty()
    }

    /// Sets a timer.
    ///
    /// # Errors
    /// [`TableError::NoMemory`].
    pub fn set(&mut self, owner: AgentId, order: Order, content: T) -> Result<TimerId, TableError> {
        let no_memory = TableError::NoMemory;
        let at = index(owner.slot()).ok_or(no_memory)?;
        let missing = at.saturating_add(1).saturating_sub(self.owners.len());
        self.owners.try_reserve(missing).map_err(|_| no_memory)?;
        for _ in 0..missing {
            self.owners.push(List::default());
        }
        self.heap.try_reserve(1).map_err(|_| no_memory)?;
        let place = self.heap.len();
        let id = self.timers.insert(Timer { place, owner, link: Link::default(), content })?;
        self.heap.push((order, id));
        self.rise(place);
        if let Some(list) = self.owners.get_mut(at) {
            list.push_back::<0>(&mut self.timers, id.slot());
        }
        Ok(id)
    }

    /// Takes a timer back; what it was set with, or `None` if it is not set.
    pub fn cancel(&mut self, id: TimerId) -> Option<T> {
        self.remove(id).map(|timer| timer.content)
    }

    /// Who set a timer, and with what.
    pub fn get(&self, id: TimerId) -> Option<(AgentId, &T)> {
        self.timers.get(id).map(|timer| (timer.owner, &timer.content))
    }

    /// Takes back every timer of an agent that ends.
    pub fn cancel_all(&mut self, owner: AgentId) {
        let Some(at) = index(owner.slot()) else { return };
        while let Some(id) = self.owners.get(at).and_then(|list| self.timers.id_at(list.head)) {
            self.remove(id);
        }
    }

    /// When the next timer falls due.
    pub fn peek(&self) -> Option<Order> {
        self.heap.first().map(|(order, _)| *order)
    }

    /// Takes the next timer out if it is due at `now`.
    pub fn pop_due(&mut self, now: Time) -> Option<Fired<T>> {
        let (order, timer) = *self.heap.first()?;
        if order.due > now {
            return None;
        }
        let Timer { owner, content, .. } = self.remove(timer)?;
        Some(Fired { timer, due: order.due, owner, content })
    }

    /// What is set, in no order.
    #[cfg(test)]
    pub(crate) fn all(&self) -> impl Iterator<Item = (Order, AgentId, &T)> {
        let timers = self.heap.iter().filter_map(|(order, id)| Some((*order, self.timers.get(*id)?)));
        timers.map(|(order, timer)| (order, timer.owner, &timer.content))
    }

    fn remove(&mut self, id: TimerId) -> Option<Timer<T>> {
        let Timer { place, owner, .. } = *self.timers.get(id)?;
        if let Some(list) = index(owner.slot()).and_then(|at| self.owners.get_mut(at)) {
            list.remove::<0>(&mut self.timers, id.slot());
        }
        if place < self.heap.len() {
            self.heap.swap_remove(place);
            self.settle(place);
            self.rise(place);
            self.sink(place);
        }
        self.timers.remove(id)
    }

    /// Tells the timer at `place` of the heap where it stands.
    fn settle(&mut self, place: usize) {
        if let Some(timer) = self.heap.get(place).and_then(|(_, id)| self.timers.get_mut(*id)) {
            timer.place = place;
        }
    }

    fn less(&self, a: usize, b: usize) -> bool {
        match (self.heap.get(a), self.heap.get(b)) {
            (Some(a), Some(b)) => a.0 < b.0,
            _ => false,
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.settle(a);
        self.settle(b);
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 {
            let parent = place.saturating_sub(1) / 2;
            if !self.less(place, parent) {
                break;
            }
            self.swap(place, parent);
            place = parent;
        }
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let left = place.saturating_mul(2).saturating_add(1);
            let right = left.saturating_add(1);
            let child = if self.less(right, left) { right } else { left };
            if !self.less(child, place) {
                break;
            }
            self.swap(place, child);
            place = child;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    fn agent(slot: u32) -> AgentId {
        AgentId::new(slot, 0).unwrap()
    }

    fn order(due: i64, priority: u8, sequence: u64) -> Order {
        Order { due: Time::from_ns(due), priority: Reverse(priority), sequence }
    }

    #[test]
    fn timers_fall_due_by_time_then_urgency_then_order() {
        let mut queue = TimerQueue::new();
        for (n, (due, priority)) in [(5, 1), (3, 1), (3, 9), (3, 1), (7, 0)].into_iter().enumerate() {
            queue.set(agent(1), order(due, priority, n as u64), n).unwrap();
        }
        let mut fired = Vec::new();
        while let Some(timer) = queue.pop_due(Time::from_ns(5)) {
            fired.push(timer.content);
        }
        assert_eq!(fired, [2, 1, 3, 0]);
        assert_eq!(queue.peek().unwrap().due, Time::from_ns(7));
    }

    #[test]
    fn a_timer_taken_back_never_fires_and_its_number_is_stale() {
        let mut queue = TimerQueue::new();
        let first = queue.set(agent(1), order(1, 0, 0), 'a').unwrap();
        assert_eq!(queue.cancel(first), Some('a'));
        let second = queue.set(agent(1), order(1, 0, 1), 'b').unwrap();
        assert_eq!(queue.cancel(first), None);
        assert_eq!(queue.pop_due(Time::from_ns(1)).unwrap().timer, second);
    }

    proptest! {
        #[test]
        fn the_queue_equals_a_sorted_map(
            steps in proptest::collection::vec((0u8..4, 0i64..30, 0u8..3, 1u32..5), 1..300)
        ) {
            let mut queue = TimerQueue::new();
            let mut model: BTreeMap<Order, (TimerId, u32)> = BTreeMap::new();
            for (n, (what, due, priority, owner)) in steps.into_iter().enumerate() {
                match what {
                    0 | 1 => {
                        let key = order(due, priority, n as u64);
                        let id = queue.set(agent(owner), key, n).unwrap();
                        model.insert(key, (id, owner));
                    }
                    2 => {
                        let pick = usize::try_from(due).unwrap();
                        if let Some((key, (id, _))) = model.iter().nth(pick).map(|(k, v)| (*k, *v)) {
                            prop_assert!(queue.cancel(id).is_some());
                            model.remove(&key);
                        } else if due == 29 {
                            queue.cancel_all(agent(owner));
                            model.retain(|_, (_, of)| *of != owner);
                        }
                    }
                    _ => {
                        let expected = model.first_key_value().map(|(k, v)| (*k, *v))
                            .filter(|(key, _)| key.due <= Time::from_ns(due));
                        let fired = queue.pop_due(Time::from_ns(due)).map(|fired| fired.timer);
                        prop_assert_eq!(fired, expected.map(|(_, (id, _))| id));
                        if let Some((key, _)) = expected {
                            model.remove(&key);
                        }
                    }
                }
                prop_assert_eq!(queue.len() as usize, model.len());
                prop_assert_eq!(queue.peek(), model.keys().next().copied());
            }
        }
    }
}
