//! Bounded mailboxes whose messages stand in one pool.
//!
//! A mailbox is the two ends of a list, so an idle agent costs a few bytes; message records
//! come from the pool of the shard and go back to it.
//!
//! # Invariants
//! 1. A mailbox holds at most [`flux_abi::limits::MAILBOX`] messages, or less if it was limited, at
//!    most a quarter of them from one agent; the place is taken when the message is sent, not when it arrives.
//! 2. A full mailbox refuses the sender; nothing that was taken is dropped.
//! 3. Messages are taken in the order (arrival, higher priority first, sending).

use alloc::vec::Vec;

use flux_abi::limits::MAILBOX;
use flux_abi::status::Status;

use crate::id::{AgentId, index};
use crate::list::{Link, Links, List};
use crate::message::Message;
use crate::time::Time;

/// Messages that one agent may have in one mailbox.
pub const SHARE: usize = MAILBOX / 4;

/// Why a mailbox did not take a message.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// It is full.
    #[error("the mailbox is full")]
    Full,
    /// The sender's share is used up.
    #[error("a quarter of the mailbox is this sender's already, no sender may have more")]
    Share,
    /// The allocator gave no memory.
    #[error("no memory for a message")]
    NoMemory,
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full | Refusal::Share => Self::Busy,
            Refusal::NoMemory => Self::NoMemory,
        }
    }
}

#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
struct Slot {
    link: Link,
    message: Option<Message>,
}

/// The message records of a shard.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub struct Pool {
    slots: Vec<Slot>,
    free: u32,
    used: u32,
}

impl Links<0> for Pool {
    fn link(&mut self, at: u32) -> Option<&mut Link> {
        self.slots.get_mut(index(at)?).map(|slot| &mut slot.link)
    }
}

impl Pool {
    /// An empty pool; it grows to the most messages that ever waited at once.
    pub const fn new() -> Self {
        Self { slots: Vec::new(), free: 0, used: 0 }
    }

    /// Messages that wait in all mailboxes.
    pub const fn used(&self) -> u32 {
        self.used
    }

    /// Makes sure that the next message finds a place.
    ///
    /// # Errors
    /// [`Refusal::NoMemory`].
    pub(crate) fn make_room(&mut self) -> Result<(), Refusal> {
        if self.free != 0 {
            return Ok(());
        }
        self.slots.try_reserve(1).map_err(|_| Refusal::NoMemory)
    }

    fn message(&self, at: u32) -> Option<&Message> {
        self.slots.get(index(at)?)?.message.as_ref()
    }

    fn put(&mut self, message: Message) -> Option<u32> {
        let at = self.free;
        let at = match index(at).and_then(|place| self.slots.get_mut(place)) {
            Some(slot) => {
                self.free = slot.link.next;
                *slot = Slot { link: Link::default(), message: Some(message) };
                at
            }
            None => {
                let at = u32::try_from(self.slots.len()).ok()?.checked_add(1)?;
                self.slots.try_reserve(1).ok()?;
                self.slots.push(Slot { link: Link::default(), message: Some(message) });
                at
            }
        };
        self.used = self.used.saturating_add(1);
        Some(at)
    }

    fn take(&mut self, at: u32) -> Option<Message> {
        let slot = self.slots.get_mut(index(at)?)?;
        let message = slot.message.take()?;
        slot.link = Link { prev: 0, next: self.free };
        self.free = at;
        self.used = self.used.saturating_sub(1);
        Some(message)
    }
}

/// The mailbox of one agent.
///
/// Dropping one leaves its messages in the pool; empty it with [`Mailbox::pop`] first.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct Mailbox {
    list: List,
    /// Messages that it may hold, 1 to [`flux_abi::limits::MAILBOX`].
    limit: u8,
}

impl Default for Mailbox {
    fn default() -> Self {
        Self::new()
    }
}

/// What a mailbox holds unless it is given less.
#[expect(clippy::cast_possible_truncation, reason = "checked when it is compiled")]
const LIMIT: u8 = {
    assert!(MAILBOX <= u8::MAX as usize);
    MAILBOX as u8
};

impl Mailbox {
    /// An empty mailbox.
    pub const fn new() -> Self {
        Self { list: List { head: 0, tail: 0, len: 0 }, limit: LIMIT }
    }

    /// Messages in it, those on their way included.
    pub const fn len(&self) -> u32 {
        self.list.len
    }

    /// How many messages it takes.
    pub(crate) const fn limit(&self) -> u8 {
        self.limit
    }

    /// Sets how many messages it takes from now on.
    pub const fn set_limit(&mut self, limit: u8) {
        self.limit = limit;
    }

    /// Tells whether nothing is in it or on its way.
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Tells whether a message of `sender` would be taken; the kernel itself has no share.
    ///
    /// # Errors
    /// [`Refusal::Full`], [`Refusal::Share`].
    pub fn admits(&self, pool: &Pool, sender: Option<AgentId>) -> Result<(), Refusal> {
        let len = self.list.len as usize;
        let limit = usize::from(self.limit);
        if len >= limit {
            return Err(Refusal::Full);
        }
        let share = (limit / 4).max(1);
        // Below a quarter in all nobody can have more than a quarter.
        if len < share || sender.is_none() {
            return Ok(());
        }
        let of_sender = self.iter(pool).filter(|message| message.sender == sender).count();
        if of_sender >= share { Err(Refusal::Share) } else { Ok(()) }
    }

    /// Takes a message that [`Mailbox::admits`].
    ///
    /// # Errors
    /// Every [`Refusal`]; the message is dropped then.
    pub fn put(&mut self, pool: &mut Pool, message: Message) -> Result<(), Refusal> {
        self.admits(pool, message.sender)?;
        let (arrives, priority) = (message.arrives, message.priority);
        let at = pool.put(message).ok_or(Refusal::NoMemory)?;
        // Time never runs back, so a message stands at the end or among those of the same instant.
        let mut next = 0;
        let mut before = self.list.tail;
        while let Some(other) = pool.message(before) {
            if (other.arrives, core::cmp::Reverse(other.priority)) <= (arrives, core::cmp::Reverse(priority))
            {
                break;
            }
            next = before;
            before = pool.link(before).map_or(0, |link| link.prev);
        }
        self.list.insert_before::<0>(pool, at, next);
        Ok(())
    }

    /// Puts a message back in front of all others, from which it was taken: it has its place whatever the limit.
    ///
    /// # Errors
    /// [`Refusal::NoMemory`]; the message is dropped then.
    pub fn put_back(&mut self, pool: &mut Pool, message: Message) -> Result<(), Refusal> {
        let at = pool.put(message).ok_or(Refusal::NoMemory)?;
        let head = self.list.head;
        self.list.insert_before::<0>(pool, at, head);
        Ok(())
    }

    /// The first message if it has arrived at `now`.
    pub fn peek<'p>(&self, pool: &'p Pool, now: Time) -> Option<&'p Message> {
        pool.message(self.list.head).filter(|message| message.arrives <= now)
    }

    /// Takes the first message if it has arrived at `now`.
    pub fn take(&mut self, pool: &mut Pool, now: Time) -> Option<Message> {
        self.peek(pool, now)?;
        self.pop(pool)
    }

    /// Takes the first message, arrived or not: for the mailbox of an agent that ends.
    pub fn pop(&mut self, pool: &mut Pool) -> Option<Message> {
        let at = self.list.pop_front::<0>(pool)?;
        pool.take(at)
    }

    pub(crate) fn iter<'p>(&self, pool: &'p Pool) -> impl Iterator<Item = &'p Message> {
        let mut at = self.list.head;
        core::iter::from_fn(move || {
            let slot = pool.slots.get(index(at)?)?;
            at = slot.link.next;
            slot.message.as_ref()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Payload;
    use flux_abi::message::MessageType;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn agent(slot: u32) -> Option<AgentId> {
        AgentId::new(slot, 0)
    }

    fn message(id: u64, sender: Option<AgentId>, arrives: i64, priority: u8) -> Message {
        Message {
            id,
            reply_to: None,
            kind: MessageType::Tell,
            sender,
            target: AgentId::SUPERVISOR,
            required: None,
            sent: Time::START,
            arrives: Time::from_ns(arrives),
            deadline: Time::NEVER,
            priority,
            topic: None,
            badge: 0,
            payload: Payload::EMPTY,
        }
    }

    #[test]
    fn a_message_record_stays_small() {
        assert!(size_of::<Slot>() <= 136, "{}", size_of::<Slot>());
        assert!(size_of::<Mailbox>() <= 16);
    }

    #[test]
    fn one_sender_gets_a_quarter_and_all_together_the_whole() {
        let (mut pool, mut mailbox) = (Pool::new(), Mailbox::new());
        let mut refused = Vec::new();
        for sender in 1..=5u32 {
            for n in 0..20 {
                if let Err(refusal) = mailbox.put(&mut pool, message(n, agent(sender), 0, 0)) {
                    refused.push((sender, n, refusal));
                }
            }
        }
        assert_eq!(mailbox.len() as usize, MAILBOX);
        assert_eq!(refused.iter().filter(|(_, _, r)| *r == Refusal::Share).count(), 3 * 4);
        assert!(refused.iter().filter(|(s, _, _)| *s >= 4).all(|(_, _, r)| *r == Refusal::Full));
        while mailbox.pop(&mut pool).is_some() {}
        assert_eq!(pool.used(), 0);
    }

    #[test]
    fn a_message_is_not_seen_before_it_arrives() {
        let (mut pool, mut mailbox) = (Pool::new(), Mailbox::new());
        mailbox.put(&mut pool, message(1, agent(1), 1_000, 0)).unwrap();
        assert!(mailbox.take(&mut pool, Time::from_ns(999)).is_none());
        assert_eq!(mailbox.take(&mut pool, Time::from_ns(1_000)).map(|m| m.id), Some(1));
    }

    proptest! {
        #[test]
        fn messages_leave_by_arrival_then_urgency_then_sending(
            steps in proptest::collection::vec((0i64..2, 0u8..3, 1u32..6, any::<bool>()), 1..300)
        ) {
            let (mut pool, mut mailbox) = (Pool::new(), Mailbox::new());
            let mut model: Vec<(i64, core::cmp::Reverse<u8>, u64, u32)> = Vec::new();
            let mut now = 0;
            for (n, (later, priority, sender, put)) in (0u64..).zip(steps) {
                now += later;
                if put {
                    let taken = mailbox.put(&mut pool, message(n, agent(sender), now, priority));
                    let of_sender = model.iter().filter(|(_, _, _, s)| *s == sender).count();
                    if model.len() >= MAILBOX {
                        prop_assert_eq!(taken, Err(Refusal::Full));
                    } else if of_sender >= SHARE {
                        prop_assert_eq!(taken, Err(Refusal::Share));
                    } else {
                        prop_assert_eq!(taken, Ok(()));
                        model.push((now, core::cmp::Reverse(priority), n, sender));
                        model.sort_unstable();
                    }
                } else {
                    let expected = if model.is_empty() { None } else { Some(model.remove(0).2) };
                    prop_assert_eq!(mailbox.take(&mut pool, Time::from_ns(now)).map(|m| m.id), expected);
                }
                prop_assert_eq!(mailbox.len() as usize, model.len());
                prop_assert_eq!(pool.used() as usize, model.len());
            }
        }
    }
}
