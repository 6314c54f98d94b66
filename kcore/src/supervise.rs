//! What a supervisor does when one of its children ends.
//!
//! ```text
//!            fails                      all that stop have ended, and the wait is over
//! Running ──────────▶ Waiting { due } ────────────────────────────────────▶ Running
//!    │ with another       ▲
//!    ▼ that fails         │ ended
//!  ToStop ──────────▶ Stopping
//! ```
//!
//! The machine only decides: whoever asks it stops and starts the agents, and says what ended.
//! Children are in the order in which they were started; a restart keeps a child's place in it.
//!
//! # Invariants
//! 1. Children are stopped in reverse order and started in order; none starts while one stops.
//! 2. In no span of [`Policy::window`] are there more than [`Policy::restarts`] restarts.
//! 3. A child that was stopped since another one failed counts as no failure of its own.

use alloc::vec::Vec;

use flux_abi::status::Status;
use flux_abi::supervise::{Restart, Strategy};

use crate::time::{Span, Time};

/// What a supervisor was told to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Policy {
    /// Who is started again beside the child that ended.
    pub strategy: Strategy,
    /// Most restarts within [`Policy::window`]; the failure after that is the supervisor's own.
    pub restarts: u32,
    /// The time in which restarts are counted.
    pub window: Span,
    /// How long the first restart of a child waits.
    pub wait: Span,
    /// The longest wait; it doubles with each restart of the child that is still counted.
    pub longest: Span,
}

/// Number of a child at its supervisor; lower was started earlier.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ChildId(u32);

/// How a child ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// By itself, with success.
    Normal,
    /// Otherwise.
    Failure,
}

/// What the end of a child means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It was to be stopped and is now; it starts again with the others.
    Expected,
    /// It does not start again.
    Gone,
    /// It starts again after a wait; others may have to be stopped first.
    Restart {
        /// Which restart it is within the window, from 1.
        number: u32,
        /// How long it waits.
        wait: Span,
    },
    /// It was one too many: all are stopped, and the supervisor fails.
    TooOften,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Running,
    /// Somebody has to stop it; then it waits until `again`, if it starts again at all.
    ToStop {
        again: Option<Time>,
    },
    Stopping {
        again: Option<Time>,
    },
    Waiting {
        due: Time,
    },
}

#[derive(Clone, Copy, Debug)]
struct Child {
    id: ChildId,
    restart: Restart,
    state: State,
    /// The supervisor lets it go: its end is nobody's concern.
    released: bool,
}

/// The children of one supervisor, and when they were restarted.
#[derive(Clone, Debug)]
pub struct Supervisor {
    policy: Policy,
    /// In the order of starting.
    children: Vec<Child>,
    /// Restarts within the window, oldest first.
    history: Vec<(Time, ChildId)>,
    next: u32,
}

impl Supervisor {
    /// A supervisor without children.
    ///
    /// # Errors
    /// `NOMEM`.
    pub fn new(policy: Policy) -> Result<Self, Status> {
        let mut history = Vec::new();
        let most = usize::try_from(policy.restarts).map_err(|_| Status::NoMemory)?;
        history.try_reserve_exact(most).map_err(|_| Status::NoMemory)?;
        Ok(Self { policy, children: Vec::new(), history, next: 0 })
    }

    /// Takes note of a child that was started.
    ///
    /// # Errors
    /// `NOMEM`.
    pub fn add(&mut self, restart: Restart) -> Result<ChildId, Status> {
        self.children.try_reserve(1).map_err(|_| Status::NoMemory)?;
        let id = ChildId(self.next);
        self.next = self.next.checked_add(1).ok_or(Status::NoMemory)?;
        self.children.push(Child { id, restart, state: State::Running, released: false });
        Ok(id)
    }

    /// Decides what the end of a child means.
    pub fn ended(&mut self, id: ChildId, end: End, now: Time) -> Verdict {
        let Some(at) = self.children.iter().position(|child| child.id == id) else { return Verdict::Gone };
        let Some(child) = self.children.get_mut(at) else { return Verdict::Gone };
        let restarts = match child.restart {
            Restart::Always => true,
            Restart::OnFailure => end == End::Failure,
            Restart::Never => false,
        };
        match child.state {
            State::ToStop { again: Some(due) } | State::Stopping { again: Some(due) } if !child.released => {
                child.state = State::Waiting { due };
                Verdict::Expected
            }
            State::Running if restarts && !child.released => self.failed(at, id, now),
            _ => {
                self.children.remove(at);
                Verdict::Gone
            }
        }
    }

    fn failed(&mut self, at: usize, id: ChildId, now: Time) -> Verdict {
        self.history.retain(|(restart, _)| now.since(*restart) < self.policy.window);
        let before = u32::try_from(self.history.len()).unwrap_or(u32::MAX);
        let number = before.saturating_add(1);
        if before >= self.policy.restarts {
            self.children.remove(at);
            self.stop_all();
            return Verdict::TooOften;
        }
        let own = self.history.iter().filter(|(_, child)| *child == id).count();
        let wait = self.wait_after(own);
        self.history.push((now, id));
        let due = now.after(wait);
        for (index, child) in self.children.iter_mut().enumerate() {
            let concerned = match self.policy.strategy {
                Strategy::OneForOne => false,
                Strategy::OneForAll => true,
                Strategy::RestForOne => index > at,
            };
            if index == at {
                child.state = State::Waiting { due };
            } else if concerned {
                child.state = stopped_until(*child, due);
            }
        }
        Verdict::Restart { number, wait }
    }

    /// The wait after so many restarts of the same child.
    fn wait_after(&self, restarts: usize) -> Span {
        let mut wait = self.policy.wait.ns();
        for _ in 0..restarts {
            if wait >= self.policy.longest.ns() {
                break;
            }
            wait = wait.saturating_mul(2);
        }
        Span::from_ns(wait.min(self.policy.longest.ns().max(self.policy.wait.ns())))
    }

    /// The next child that has to be stopped; call until there is none.
    pub fn take_stop(&mut self) -> Option<ChildId> {
        let to_stop = |child: &&mut Child| matches!(child.state, State::ToStop { .. });
        let child = self.children.iter_mut().rev().find(to_stop)?;
        if let State::ToStop { again } = child.state {
            child.state = State::Stopping { again };
        }
        Some(child.id)
    }

    /// The next child whose wait is over, which runs from now on; call until there is none.
    pub fn take_start(&mut self, now: Time) -> Option<ChildId> {
        if self.is_stopping() {
            return None;
        }
        let waits = |child: &&mut Child| matches!(child.state, State::Waiting { due } if due <= now);
        let child = self.children.iter_mut().find(waits)?;
        child.state = State::Running;
        Some(child.id)
    }

    /// When the next child starts; [`Time::NEVER`] if none waits, or one has to end first.
    pub fn due(&self) -> Time {
        let due = |child: &Child| match child.state {
            State::Waiting { due } => Some(due),
            _ => None,
        };
        let earliest = self.children.iter().filter_map(due).min().unwrap_or(Time::NEVER);
        if self.is_stopping() { Time::NEVER } else { earliest }
    }

    fn is_stopping(&self) -> bool {
        let stops = |child: &Child| matches!(child.state, State::ToStop { .. } | State::Stopping { .. });
        self.children.iter().any(stops)
    }

    /// Lets a child go: however it ends, it does not start again. Tells whether it only waited to
    /// be started, and so has no end to come.
    pub fn release(&mut self, id: ChildId) -> bool {
        let Some(at) = self.children.iter().position(|child| child.id == id) else { return false };
        let Some(child) = self.children.get_mut(at) else { return false };
        child.released = true;
        let waits = matches!(child.state, State::Waiting { .. });
        if waits {
            self.children.remove(at);
        }
        waits
    }

    /// Has all children stopped for good, since the supervisor ends.
    pub fn stop_all(&mut self) {
        for child in &mut self.children {
            child.state = State::ToStop { again: None };
        }
    }
}

/// The state of a child that has to end, or has ended, since another one failed.
const fn stopped_until(child: Child, due: Time) -> State {
    let again = match child.restart {
        Restart::Never => None,
        _ => Some(due),
    };
    match child.state {
        State::Running => State::ToStop { again },
        State::ToStop { again: Some(before) } => State::ToStop { again: Some(later(before, due)) },
        State::Stopping { again: Some(before) } => State::Stopping { again: Some(later(before, due)) },
        State::Waiting { due: before } => State::Waiting { due: later(before, due) },
        state => state,
    }
}

const fn later(a: Time, b: Time) -> Time {
    if a.ns() > b.ns() { a } else { b }
}

#[cfg(test)]
mod tests;
