//! One peer: the state of its link, which outlives connections, and the connection that carries it now.
//!
//! # Invariants
//! 1. At most one connection carries the link; bytes of an earlier one are no longer taken.
//! 2. News of a peer are told one at a time, in the order in which they happened.
//! 3. The lock on the state is never held while something is read, written or told.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use flux_proto::link::{Event, Link, LinkError};

use super::connection::{Connection, Origin};
use super::threads::Threads;
use super::{LinkNews, Pace, PublicKey, Tell, locked};

/// Bytes that are taken from the link for one write.
const WRITE_BYTES: usize = 64 << 10;

pub(super) struct Peer {
    pub(super) name: String,
    pub(super) key: PublicKey,
    index: usize,
    /// Of two connections, one by each side, that of this origin stays; both sides agree on which that is.
    preferred: Origin,
    pace: Pace,
    state: Mutex<State>,
    changed: Condvar,
    /// Held while news are told; taken before the state.
    telling: Mutex<()>,
    tell: Tell,
}

struct State {
    link: Link,
    current: Option<Arc<Connection>>,
    /// The other side has greeted on the current connection.
    up: bool,
    stopping: bool,
    /// Why it is down, as it was told last.
    down: Option<String>,
}

/// How carrying a link over a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Carried {
    /// Parcels could flow.
    Up,
    /// The other side never greeted, or another connection is there already.
    Never,
}

impl Peer {
    pub(super) fn new(index: usize, peer: &super::Peer, own: PublicKey, setup: (Link, Pace, Tell)) -> Self {
        let (link, pace, tell) = setup;
        Self {
            name: peer.name.clone(),
            key: peer.key,
            index,
            preferred: if own < peer.key { Origin::Dialed } else { Origin::Accepted },
            pace,
            state: Mutex::new(State { link, current: None, up: false, stopping: false, down: None }),
            changed: Condvar::new(),
            telling: Mutex::new(()),
            tell,
        }
    }

    pub(super) fn room(&self) -> bool {
        locked(&self.state).link.has_room()
    }

    pub(super) fn send(&self, parcel: &[u8]) -> Result<(), LinkError> {
        locked(&self.state).link.send(parcel)?;
        self.changed.notify_all();
        Ok(())
    }

    pub(super) fn stop(&self) {
        let current = {
            let mut state = locked(&self.state);
            state.stopping = true;
            state.current.clone()
        };
        if let Some(connection) = current {
            connection.end("this kernel ends its links");
        }
        self.changed.notify_all();
    }

    /// Waits until no connection carries the link and `pause` is over; tells whether to go on.
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut state = locked(&self.state);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.stopping || (state.current.is_none() && left.is_zero()) {
                return !state.stopping;
            }
            state = if state.current.is_some() { self.wait(state) } else { self.wait_for(state, left) };
        }
    }

    /// Waits for what `ready` gives; none when the links end.
    pub(super) fn wait_until<T>(&self, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
        let mut state = locked(&self.state);
        loop {
            if state.stopping {
                return None;
            }
            if let Some(ready) = ready() {
                return Some(ready);
            }
            state = self.wait(state);
        }
    }

    /// Lets [`Self::wait_until`] look again.
    pub(super) fn look_again(&self) {
        // With the lock, so that it is either before its look or waits.
        let _state = locked(&self.state);
        self.changed.notify_all();
    }

    /// Tells why no connection came about, unless that is known.
    pub(super) fn failed(&self, why: String) {
        let _telling = locked(&self.telling);
        let state = locked(&self.state);
        if state.current.is_none() {
            self.down(state, why);
        }
    }

    /// Lets a connection carry the link until it ends.
    pub(super) fn carry(self: &Arc<Self>, connection: &Arc<Connection>, threads: &Arc<Threads>) -> Carried {
        if !self.install(connection) {
            connection.end("another connection is there already");
            return Carried::Never;
        }
        let (peer, carrier) = (Arc::clone(self), Arc::clone(connection));
        let writer = threads.spawn(&format!("to {}", self.name), move || peer.write(&carrier));
        let why = match &writer {
            Ok(_) => connection.read(|bytes| self.take(connection, bytes)),
            Err(error) => format!("no thread for it: {error}"),
        };
        connection.end(&why);
        let carried = self.remove(connection, why);
        if let Ok(writer) = writer {
            // It panics only where its counterpart would.
            let _ = writer.join();
        }
        carried
    }

    /// Puts a connection in the place of the one there is; tells whether it may be there.
    fn install(&self, connection: &Arc<Connection>) -> bool {
        let _telling = locked(&self.telling);
        let mut state = locked(&self.state);
        if state.stopping {
            return false;
        }
        if let Some(old) = &state.current {
            if old.origin != connection.origin && old.origin == self.preferred {
                return false;
            }
            old.end("a newer connection takes its place");
        }
        state.link.connected();
        let replaced = state.current.replace(Arc::clone(connection));
        self.changed.notify_all();
        if replaced.is_some() && state.up {
            self.down(state, "a newer connection takes its place".into());
        }
        true
    }

    fn remove(&self, connection: &Arc<Connection>, why: String) -> Carried {
        let _telling = locked(&self.telling);
        let mut state = locked(&self.state);
        if !state.carries(connection) {
            // It was replaced, thus it was told already; and whatever took its place can connect.
            return Carried::Up;
        }
        state.current = None;
        state.link.disconnected();
        let carried = if state.up { Carried::Up } else { Carried::Never };
        self.changed.notify_all();
        self.down(state, why);
        carried
    }

    fn down(&self, mut state: MutexGuard<'_, State>, why: String) {
        let told = state.up || state.down.as_ref() != Some(&why);
        state.up = false;
        state.down = Some(why.clone());
        // While the links end, nobody wants to hear of each.
        if told && !state.stopping {
            drop(state);
            (self.tell)(LinkNews::Down { peer: self.index, why });
        }
    }

    /// Takes what the peer said, and tells of it.
    fn take(&self, connection: &Arc<Connection>, bytes: &[u8]) -> Result<(), String> {
        let _telling = locked(&self.telling);
        let mut state = locked(&self.state);
        if state.stopping || !state.carries(connection) {
            return Err("a newer connection takes its place".into());
        }
        let (mut up, mut parcels) = (None, Vec::new());
        let was_full = !state.link.has_room();
        let taken = state.link.received(bytes, &mut |event| match event {
            // It comes before any parcel, and once for each connection.
            Event::Up { restarted } => up = Some(restarted),
            Event::Parcel(parcel) => parcels.push(parcel.to_vec()),
        });
        if up.is_some() {
            state.up = true;
            state.down = None;
        }
        let has_room_again = was_full && state.link.has_room();
        drop(state);
        // Something may have to be acknowledged.
        self.changed.notify_all();
        if let Some(restarted) = up {
            (self.tell)(LinkNews::Up { peer: self.index, restarted });
        }
        if !parcels.is_empty() {
            (self.tell)(LinkNews::Parcels { peer: self.index, parcels });
        }
        if has_room_again {
            (self.tell)(LinkNews::Room { peer: self.index });
        }
        taken.map_err(|error| error.to_string())
    }

    /// Writes what the link has to say until the connection carries it no more.
    fn write(&self, connection: &Arc<Connection>) {
        let mut ping_at = Instant::now() + self.pace.ping;
        while let Some(bytes) = self.next(connection, &mut ping_at) {
            match connection.write(&bytes) {
                Ok(()) => {}
                Err(error) => return connection.end(&format!("it takes no bytes any more: {error}")),
            }
        }
    }

    /// Waits for something to write; none when the connection carries the link no more.
    fn next(&self, connection: &Arc<Connection>, ping_at: &mut Instant) -> Option<Vec<u8>> {
        let mut state = locked(&self.state);
        loop {
            if state.stopping || !state.carries(connection) {
                return None;
            }
            let now = Instant::now();
            if now >= *ping_at {
                state.link.ping();
                *ping_at = now + self.pace.ping;
            }
            let bytes = state.link.output(WRITE_BYTES);
            if !bytes.is_empty() || connection.answer_due() {
                return Some(bytes);
            }
            state = self.wait_for(state, ping_at.saturating_duration_since(now));
        }
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for<'s>(&self, state: MutexGuard<'s, State>, time: Duration) -> MutexGuard<'s, State> {
        self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl State {
    fn carries(&self, connection: &Arc<Connection>) -> bool {
        self.current.as_ref().is_some_and(|current| Arc::ptr_eq(current, connection))
    }
}
