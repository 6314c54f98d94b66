//! Connections that this kernel makes: one attempt after the other, ever more seldom while they fail.

use std::io::ErrorKind;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::ClientConfig;

use super::connection::{Connection, Origin};
use super::peer::{Carried, Peer};
use super::tls::{self, Refusal};
use super::{Address, Pace, Shared, locked};

/// Tries until the links end.
pub(super) fn dial(shared: &Shared, peer: &Arc<Peer>, address: &Address, config: &Arc<ClientConfig>) {
    let mut waits = Waits::new(shared.pace, shared.jitter ^ peer.key.seed());
    let mut pause = Duration::ZERO;
    while peer.pause(pause) {
        match attempt(shared, peer, address, config) {
            Ok(Carried::Up) => waits.reset(),
            Ok(Carried::Never) => {}
            Err(why) => peer.failed(format!("no link to {address}: {why}")),
        }
        pause = waits.next();
    }
}

fn attempt(
    shared: &Shared,
    peer: &Arc<Peer>,
    address: &Address,
    config: &Arc<ClientConfig>,
) -> Result<Carried, String> {
    // Nothing to say when the links end.
    let Some(stream) = reach(peer, address, shared.pace.handshake) else { return Ok(Carried::Never) };
    let stream = stream.map_err(|error| match error.kind() {
        ErrorKind::TimedOut => "nothing answers there".to_owned(),
        _ => error.to_string(),
    })?;
    let mut session = tls::client(Arc::clone(config)).map_err(|error| Refusal::Tls(error).to_string())?;
    {
        let Some(_opening) = shared.dialed.enter(&stream) else { return Ok(Carried::Never) };
        shared.settle(&stream).map_err(|error| error.to_string())?;
        tls::handshake(&mut session, &stream, Instant::now() + shared.pace.handshake)
            .map_err(|refusal| refusal.to_string())?;
        shared.silence(&stream).map_err(|error| error.to_string())?;
    }
    let connection = Arc::new(Connection::new(Origin::Dialed, stream, session));
    Ok(peer.carry(&connection, &shared.threads))
}

/// Connects; none when the links end.
///
/// Looking up a name and connecting can't be interrupted, so a thread that nobody waits for does both; it ends by itself.
fn reach(peer: &Arc<Peer>, address: &Address, most: Duration) -> Option<std::io::Result<TcpStream>> {
    let found = Arc::new(Mutex::new(None));
    let run = {
        let (peer, found, address) = (Arc::clone(peer), Arc::clone(&found), address.clone());
        move || {
            let stream = connect(&address, most);
            *locked(&found) = Some(stream);
            peer.look_again();
        }
    };
    if let Err(error) = std::thread::Builder::new().name(format!("link reach {}", peer.name)).spawn(run) {
        return Some(Err(error));
    }
    peer.wait_until(|| locked(&found).take())
}

fn connect(address: &Address, most: Duration) -> std::io::Result<TcpStream> {
    let mut outcome = Err(std::io::Error::new(ErrorKind::NotFound, "the name has no address"));
    let until = Instant::now() + most;
    for place in address.as_str().to_socket_addrs()? {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        outcome = TcpStream::connect_timeout(&place, left);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// How long to wait before the next attempt: doubling, and by chance a quarter less or more, so that kernels that lost
/// their links together do not come back together.
#[derive(Debug)]
struct Waits {
    pace: Pace,
    wait: Duration,
    chance: u64,
}

impl Waits {
    fn new(pace: Pace, seed: u64) -> Self {
        Self { pace, wait: pace.first_wait, chance: seed | 1 }
    }

    fn reset(&mut self) {
        self.wait = self.pace.first_wait;
    }

    fn next(&mut self) -> Duration {
        let wait = self.wait;
        self.wait = (wait * 2).min(self.pace.longest_wait);
        // Xorshift (Marsaglia 2003).
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        let part = u32::try_from(self.chance % 512).unwrap_or(0);
        wait * 3 / 4 + wait * part / 1_024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_the_longest_with_a_quarter_of_chance_and_begin_anew() {
        let mut waits = Waits::new(Pace::USUAL, 7);
        let mut first = Vec::new();
        for step in [100u64, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000] {
            let wait = waits.next();
            first.push(wait);
            let (least, most) = (Duration::from_millis(step * 3 / 4), Duration::from_millis(step * 5 / 4));
            assert!(least <= wait && wait <= most, "{wait:?} for {step} ms");
        }
        assert!(first[6] != first[7] || first[7] != first[8]);
        waits.reset();
        assert!(waits.next() <= Duration::from_millis(125));
        assert_ne!(Waits::new(Pace::USUAL, 8).next(), first[0]);
    }
}
