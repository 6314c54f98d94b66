//! The threads of the links, and the sockets whose handshakes are not over, so that both can be ended.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::locked;

/// Threads that are counted while they live.
#[derive(Debug, Default)]
pub(super) struct Threads {
    state: Mutex<ThreadState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct ThreadState {
    alive: usize,
    stopping: bool,
}

/// A thread that lives.
struct Alive(Arc<Threads>);

impl Drop for Alive {
    fn drop(&mut self) {
        let mut state = locked(&self.0.state);
        state.alive = state.alive.saturating_sub(1);
        self.0.changed.notify_all();
    }
}

impl Threads {
    pub(super) fn spawn(
        self: &Arc<Self>,
        name: &str,
        run: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<JoinHandle<()>> {
        locked(&self.state).alive += 1;
        let alive = Alive(Arc::clone(self));
        Builder::new().name(format!("link {name}")).spawn(move || {
            let _alive = alive;
            run();
        })
    }

    /// Waits some time; tells whether to go on.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let state = locked(&self.state);
        let wait = self.changed.wait_timeout_while(state, time, |state| !state.stopping);
        !wait.unwrap_or_else(PoisonError::into_inner).0.stopping
    }

    pub(super) fn stopping(&self) -> bool {
        locked(&self.state).stopping
    }

    pub(super) fn stop(&self) {
        locked(&self.state).stopping = true;
        self.changed.notify_all();
    }

    /// Waits for the end of all of them, but not without end.
    pub(super) fn join(&self, most: Duration) {
        let until = Instant::now() + most;
        let mut state = locked(&self.state);
        while state.alive > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Sockets that strangers may have opened: at most so many at a time, of which the oldest gives way to a new one.
///
/// A kernel needs milliseconds for its handshake. So whoever fills the list with connections that say nothing keeps
/// none of them out, unless it opens the whole list anew within those milliseconds.
#[derive(Debug)]
pub(super) struct Openings {
    most: usize,
    state: Mutex<OpeningState>,
}

#[derive(Debug, Default)]
struct OpeningState {
    next: u64,
    streams: BTreeMap<u64, TcpStream>,
    stopping: bool,
}

/// A handshake that is not over.
#[derive(Debug)]
pub(super) struct Opening<'o> {
    openings: &'o Openings,
    number: u64,
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        locked(&self.openings.state).streams.remove(&self.number);
    }
}

impl Openings {
    pub(super) fn new(most: usize) -> Self {
        Self { most, state: Mutex::default() }
    }

    /// Enters a socket until the handshake is over; none when the links end.
    pub(super) fn enter(&self, stream: &TcpStream) -> Option<Opening<'_>> {
        let kept = stream.try_clone().ok()?;
        let mut state = locked(&self.state);
        if state.stopping {
            return None;
        }
        if state.streams.len() >= self.most
            && let Some((_, oldest)) = state.streams.pop_first()
        {
            let _ = oldest.shutdown(Shutdown::Both);
        }
        let number = state.next;
        state.next += 1;
        state.streams.insert(number, kept);
        Some(Opening { openings: self, number })
    }

    pub(super) fn stop(&self) {
        let mut state = locked(&self.state);
        state.stopping = true;
        for stream in state.streams.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
