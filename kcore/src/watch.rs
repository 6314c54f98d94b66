//! Who hears of whose end, and who ends with whom.
//!
//! # Invariants
//! 1. A watcher has at most [`WATCHES`] watches, so what one agent makes the kernel keep is bounded.
//! 2. When either of the two agents ends the watch is gone.

use alloc::vec::Vec;

use flux_abi::status::Status;

use crate::id::AgentId;

/// Watches that one agent may have.
pub const WATCHES: usize = 64;

/// What a watch does when its subject ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WatchKind {
    /// The watcher is told.
    Monitor,
    /// When either fails, the other is ended.
    Link,
}

#[derive(Clone, Copy, Debug)]
struct Watch {
    watcher: AgentId,
    subject: AgentId,
    kind: WatchKind,
}

/// The watches of a shard, in the order in which they were made.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub struct Watches(Vec<Watch>);

impl Watches {
    /// No watches.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a watch.
    ///
    /// # Errors
    /// `EXISTS`, `BUSY` at the limit, `NOMEM`.
    pub fn add(&mut self, watcher: AgentId, subject: AgentId, kind: WatchKind) -> Result<(), Status> {
        let of_watcher = self.0.iter().filter(|watch| watch.watcher == watcher);
        let (mut count, mut same) = (0usize, false);
        for watch in of_watcher {
            count = count.saturating_add(1);
            same |= watch.subject == subject && watch.kind == kind;
        }
        if same {
            return Err(Status::Exists);
        }
        if count >= WATCHES {
            return Err(Status::Busy);
        }
        self.0.try_reserve(1).map_err(|_| Status::NoMemory)?;
        self.0.push(Watch { watcher, subject, kind });
        Ok(())
    }

    /// Takes all watches of `watcher` over `subject` back.
    ///
    /// # Errors
    /// `NOTFOUND`.
    pub fn remove(&mut self, watcher: AgentId, subject: AgentId) -> Result<(), Status> {
        let before = self.0.len();
        self.0.retain(|watch| watch.watcher != watcher || watch.subject != subject);
        if self.0.len() < before { Ok(()) } else { Err(Status::NotFound) }
    }

    /// Takes the next watch that the end of `agent` concerns: who is at its other end, and whether
    /// that one is told or ends too. A monitor whose watcher ended is dropped silently.
    pub fn take_next(&mut self, agent: AgentId) -> Option<(AgentId, WatchKind)> {
        self.0.retain(|watch| watch.watcher != agent || watch.kind != WatchKind::Monitor);
        let at = self.0.iter().position(|watch| watch.watcher == agent || watch.subject == agent)?;
        let Watch { watcher, subject, kind } = self.0.remove(at);
        Some((if watcher == agent { subject } else { watcher }, kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(slot: u32) -> AgentId {
        AgentId::new(slot, 0).unwrap()
    }

    #[test]
    fn the_end_of_an_agent_takes_every_watch_that_names_it() {
        let mut watches = Watches::new();
        watches.add(agent(1), agent(2), WatchKind::Monitor).unwrap();
        watches.add(agent(1), agent(2), WatchKind::Link).unwrap();
        watches.add(agent(2), agent(3), WatchKind::Monitor).unwrap();
        watches.add(agent(2), agent(4), WatchKind::Link).unwrap();
        assert_eq!(watches.add(agent(1), agent(2), WatchKind::Link), Err(Status::Exists));
        let taken: Vec<_> = core::iter::from_fn(|| watches.take_next(agent(2))).collect();
        let expected =
            [(agent(1), WatchKind::Monitor), (agent(1), WatchKind::Link), (agent(4), WatchKind::Link)];
        assert_eq!(taken, expected);
        assert!(watches.0.is_empty());
    }

    #[test]
    fn watches_are_bounded_and_can_be_taken_back() {
        let mut watches = Watches::new();
        for slot in 2..66 {
            watches.add(agent(1), agent(slot), WatchKind::Monitor).unwrap();
        }
        assert_eq!(watches.add(agent(1), agent(99), WatchKind::Monitor), Err(Status::Busy));
        assert_eq!(watches.add(agent(2), agent(99), WatchKind::Monitor), Ok(()));
        assert_eq!(watches.remove(agent(1), agent(2)), Ok(()));
        assert_eq!(watches.remove(agent(1), agent(2)), Err(Status::NotFound));
        assert_eq!(watches.add(agent(1), agent(99), WatchKind::Link), Ok(()));
    }
}
