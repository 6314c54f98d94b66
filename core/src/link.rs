//! Links to the kernels of other processes and machines: secure connections that carry what
//! [`flux_proto::link::Link`] says.
//!
//! Each peer has one link for as long as this lives; connections come and go below it. A peer with an address is
//! dialed, the others dial this kernel. Each connection has a thread that reads and one that writes.
//!
//! ```no_run
//! use flux_core::link::{Config, Key, LinkNews, Links, Peer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = Key::load_or_create("flux.key".as_ref())?;
//! println!("this kernel is {}", key.public());
//! let yard = Peer {
//!     name: "yard".into(),
//!     key: "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".parse()?,
//!     address: Some("yard.example:7400".parse()?),
//! };
//! let config = Config { key, listen: None, peers: vec![yard] };
//! let links = Links::start(config, |news| match news {
//!     LinkNews::Up { .. } => println!("yard is there"),
//!     LinkNews::Down { why, .. } => println!("yard is gone: {why}"),
//!     LinkNews::Parcels { parcels, .. } => println!("{} parcels", parcels.len()),
//!     LinkNews::Room { .. } => println!("more can be sent"),
//! })?;
//! links.send(0, b"good morning")?;
//! # Ok(())
//! # }
//! ```
//!
//! # Invariants
//! 1. Only who proves one of the configured keys gets past the handshake; others cost a bounded time and number.
//! 2. Parcels of a peer are told once and in order, whatever becomes of connections, while both kernels live.
//! 3. Threads wait for something that happens; none looks again and again.

mod accept;
mod address;
mod connection;
mod dial;
mod key;
mod peer;
mod public;
#[cfg(test)]
mod tests;
mod threads;
mod tls;

pub use address::{Address, AddressError};
pub use flux_proto::link::{LinkError, PARCEL_BYTES};
pub use key::Key;
pub use public::{PublicKey, PublicKeyError};

use std::fmt;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flux_proto::link::Link;
use ring::rand::{SecureRandom, SystemRandom};

use crate::error::Error;
use threads::{Openings, Threads};

/// Handshakes of strangers that go on at the same time.
const HANDSHAKES: usize = 32;

/// How long the end of the links waits for their threads.
const JOIN: Duration = Duration::from_secs(5);

/// Who this kernel is and whom it links to.
#[derive(Clone, Debug)]
pub struct Config {
    /// What peers know this kernel by.
    pub key: Key,
    /// Where peers can connect.
    pub listen: Option<SocketAddr>,
    /// The kernels that it links to. The place of one in this list is its number.
    pub peers: Vec<Peer>,
}

/// Another kernel.
#[derive(Clone, Debug)]
pub struct Peer {
    /// What people call it.
    pub name: String,
    /// What it proves to have.
    pub key: PublicKey,
    /// Where it is; without one it has to connect by itself.
    pub address: Option<Address>,
}

/// What happens to the link to a peer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LinkNews {
    /// Parcels can flow.
    Up {
        /// Number of the peer.
        peer: usize,
        /// It is another process than before, which got nothing of what was sent and not delivered.
        restarted: bool,
    },
    /// They can't for now; or an attempt failed for another reason than the one before.
    Down {
        /// Number of the peer.
        peer: usize,
        /// Why, for people.
        why: String,
    },
    /// More parcels are taken again, after there was no room.
    Room {
        /// Number of the peer.
        peer: usize,
    },
    /// Parcels that came, in the order of sending.
    Parcels {
        /// Number of the peer.
        peer: usize,
        /// At least one.
        parcels: Vec<Vec<u8>>,
    },
}

/// Why a parcel was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SendError {
    /// The link does not take it.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// There is no such peer.
    #[error("there is no peer number {0}")]
    NoPeer(usize),
}

type Tell = Arc<dyn Fn(LinkNews) + Send + Sync>;

/// How often and how long.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Between two signs of life.
    ping: Duration,
    /// Without a byte from the peer, or without one that it takes, until the connection ends.
    silence: Duration,
    /// For connecting, and as long again for the handshake.
    handshake: Duration,
    /// Before the second attempt.
    first_wait: Duration,
    /// Between two attempts at most.
    longest_wait: Duration,
}

impl Pace {
    const USUAL: Self = Self {
        ping: Duration::from_secs(2),
        silence: Duration::from_secs(6),
        handshake: Duration::from_secs(5),
        first_wait: Duration::from_millis(100),
        longest_wait: Duration::from_secs(5),
    };
}

/// What the threads share.
struct Shared {
    pace: Pace,
    jitter: u64,
    peers: Vec<Arc<peer::Peer>>,
    accepted: Openings,
    dialed: Openings,
    threads: Arc<Threads>,
}

impl Shared {
    /// Prepares a socket for its handshake.
    fn settle(&self, stream: &TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(self.pace.handshake))
    }

    /// Prepares it for what comes after.
    fn silence(&self, stream: &TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(self.pace.silence))?;
        stream.set_write_timeout(Some(self.pace.silence))
    }
}

/// Links to other kernels, until this is dropped.
pub struct Links {
    shared: Arc<Shared>,
    listening: Option<SocketAddr>,
    listener: Mutex<Option<TcpStream>>,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links")
            .field("listening", &self.listening())
            .field("peers", &self.shared.peers.len())
            .finish_non_exhaustive()
    }
}

impl Links {
    /// Begins to link to the peers.
    ///
    /// What happens is told by threads of the links, for each peer one thing after the other. They wait meanwhile, so
    /// `tell` has to be quick; it may send, and must not stop the links.
    ///
    /// # Errors
    /// [`Error::Link`] when the configuration makes no sense, or the address to listen at can't be had.
    pub fn start(config: Config, tell: impl Fn(LinkNews) + Send + Sync + 'static) -> Result<Self, Error> {
        let tell: Tell = Arc::new(tell);
        Self::start_at(Pace::USUAL, config, &tell)
    }

    fn start_at(pace: Pace, config: Config, tell: &Tell) -> Result<Self, Error> {
        check(&config)?;
        let Config { key, listen, peers } = config;
        let mut boot = [0u8; 16];
        SystemRandom::new()
            .fill(&mut boot)
            .map_err(|_| unusable("the system gives no random numbers; look at /dev/urandom"))?;
        let peer = |(index, peer): (usize, &Peer)| {
            let setup = (Link::new(boot), pace, Arc::clone(tell));
            Arc::new(peer::Peer::new(index, peer, key.public(), setup))
        };
        let shared = Arc::new(Shared {
            pace,
            jitter: boot.iter().fold(0, |seed, byte| u64::rotate_left(seed, 8) ^ u64::from(*byte)),
            peers: peers.iter().enumerate().map(peer).collect(),
            accepted: Openings::new(HANDSHAKES),
            dialed: Openings::new(usize::MAX),
            threads: Arc::default(),
        });
        // From here on, what was started ends when this is dropped.
        let mut links = Self { shared, listening: None, listener: Mutex::new(None) };
        if let Some(address) = listen {
            links.listen(address, &key)?;
        }
        for (peer, address) in links.shared.peers.iter().zip(peers.into_iter().map(|peer| peer.address)) {
            let Some(address) = address else { continue };
            let tls = tls::dialing(&key, peer.key).map_err(unusable)?;
            let (shared, dialed) = (Arc::clone(&links.shared), Arc::clone(peer));
            let run = move || dial::dial(&shared, &dialed, &address, &tls);
            links.shared.threads.spawn(&format!("dial {}", peer.name), run).map_err(unusable)?;
        }
        Ok(links)
    }

    fn listen(&mut self, address: SocketAddr, key: &Key) -> Result<(), Error> {
        let failed = |error: std::io::Error| {
            let advice = "name another address to listen at, or stop what has this one";
            wrong(format!("the address {address}"), format!("{error}; {advice}"))
        };
        let keys = self.shared.peers.iter().map(|peer| peer.key).collect();
        let tls = tls::accepting(key, keys).map_err(unusable)?;
        let listener = TcpListener::bind(address).map_err(failed)?;
        self.listening = Some(listener.local_addr().map_err(failed)?);
        // The standard library can't shut a listener down, and the call is the same for all sockets.
        let end = TcpStream::from(OwnedFd::from(listener.try_clone().map_err(failed)?));
        self.listener = Mutex::new(Some(end));
        let shared = Arc::clone(&self.shared);
        let run = move || accept::accept(&shared, &listener, &tls);
        self.shared.threads.spawn("listen", run).map_err(failed)?;
        Ok(())
    }

    /// Where peers can connect, with the port that the system chose if it was to choose one.
    #[must_use]
    pub const fn listening(&self) -> Option<SocketAddr> {
        self.listening
    }

    /// Whether one more parcel of any length is taken for a peer.
    #[must_use]
    pub fn room(&self, peer: usize) -> bool {
        self.shared.peers.get(peer).is_some_and(|peer| peer.room())
    }

    /// Takes a parcel for a peer, connected or not.
    ///
    /// # Errors
    /// [`SendError`]: it was not taken.
    pub fn send(&self, peer: usize, parcel: &[u8]) -> Result<(), SendError> {
        Ok(self.shared.peers.get(peer).ok_or(SendError::NoPeer(peer))?.send(parcel)?)
    }

    /// Ends all connections and waits for the threads; parcels that wait are dropped, and nothing is told any more.
    pub fn stop(&self) {
        let shared = &self.shared;
        shared.threads.stop();
        if let Some(listener) = locked(&self.listener).take() {
            let _ = listener.shutdown(Shutdown::Both);
        }
        shared.accepted.stop();
        shared.dialed.stop();
        for peer in &shared.peers {
            peer.stop();
        }
        shared.threads.join(JOIN);
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        self.stop();
    }
}

fn wrong(what: String, why: String) -> Error {
    Error::Link { what, why }
}

fn unusable(why: impl fmt::Display) -> Error {
    wrong("links to other kernels".into(), why.to_string())
}

fn check(config: &Config) -> Result<(), Error> {
    let own = config.key.public();
    for (index, peer) in config.peers.iter().enumerate() {
        let wrong = |why: String| Err(wrong(format!("the peer `{}`", peer.name), why));
        let before = config.peers.get(..index).unwrap_or_default();
        if peer.key == own {
            return wrong("its key is that of this kernel; give the key that the other kernel shows".into());
        }
        if before.iter().any(|other| other.name == peer.name) {
            return wrong("two peers have this name; give each its own".into());
        }
        if let Some(other) = before.iter().find(|other| other.key == peer.key) {
            return wrong(format!("`{}` has the same key; each kernel has its own", other.name));
        }
        if peer.address.is_none() && config.listen.is_none() {
            return wrong(
                "it has no address, and this kernel listens at none, so they never meet; give one of both"
                    .into(),
            );
        }
    }
    Ok(())
}

/// What a mutex guards. A thread that panicked with it can't have left half a change: the changes do not panic.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
