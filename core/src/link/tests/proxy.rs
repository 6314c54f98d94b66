//! A network between two kernels that cuts connections or stops to carry anything.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Numbers by chance, the same for a seed (xorshift).
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// When connections are cut.
#[derive(Clone, Copy)]
pub(super) enum Cut {
    /// Behind some byte, or after some time, as it falls.
    Often {
        /// Of the chance.
        seed: u64,
    },
    Never,
}

struct Inner {
    target: SocketAddr,
    frozen: AtomicBool,
    over: AtomicBool,
    cuts: AtomicUsize,
}

pub(super) struct Proxy {
    address: SocketAddr,
    inner: Arc<Inner>,
}

impl Proxy {
    pub(super) fn start(target: SocketAddr, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            target,
            frozen: AtomicBool::new(false),
            over: AtomicBool::new(false),
            cuts: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&inner);
        std::thread::spawn(move || {
            let mut chance = Chance::new(match cut {
                Cut::Often { seed } => seed,
                Cut::Never => 0,
            });
            for stream in listener.incoming() {
                if shared.over.load(Ordering::Acquire) {
                    return;
                }
                carry(&shared, &stream.unwrap(), cut, &mut chance);
            }
        });
        Self { address, inner }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn cuts(&self) -> usize {
        self.inner.cuts.load(Ordering::Acquire)
    }

    /// Carries nothing any more, and leaves the connections open.
    pub(super) fn freeze(&self) {
        self.inner.frozen.store(true, Ordering::Release);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.inner.over.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
    }
}

fn carry(inner: &Arc<Inner>, near: &TcpStream, cut: Cut, chance: &mut Chance) {
    let Ok(far) = TcpStream::connect(inner.target) else { return };
    let budget = Arc::new(AtomicUsize::new(usize::MAX));
    if matches!(cut, Cut::Often { .. }) {
        // Some end in the handshake, which has about 1,000 bytes; most behind it.
        let most = if chance.below(4) == 0 { 1_500 } else { 200_000 };
        budget.store(usize::try_from(chance.below(most)).unwrap(), Ordering::Release);
        let (inner, near, far) = (Arc::clone(inner), near.try_clone().unwrap(), far.try_clone().unwrap());
        let after = Duration::from_millis(20 + chance.below(400));
        std::thread::spawn(move || {
            std::thread::sleep(after);
            end(&inner, &near, &far);
        });
    }
    for (from, to) in [(near, &far), (&far, near)] {
        let (inner, budget) = (Arc::clone(inner), Arc::clone(&budget));
        let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        std::thread::spawn(move || pump(&inner, &from, &to, &budget));
    }
}

fn pump(inner: &Inner, mut from: &TcpStream, mut to: &TcpStream, budget: &AtomicUsize) {
    let mut bytes = [0u8; 8_192];
    loop {
        let read = from.read(&mut bytes).unwrap_or(0);
        if inner.frozen.load(Ordering::Acquire) {
            // Neither bytes nor the end of a connection get through.
            if read > 0 {
                continue;
            }
            return;
        }
        let take = |left: usize| Some(left.saturating_sub(read));
        let before = budget.fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
        let whole = before.unwrap().min(read);
        if to.write_all(&bytes[..whole]).is_err() || read == 0 || whole < read {
            return end(inner, from, to);
        }
    }
}

fn end(inner: &Inner, one: &TcpStream, other: &TcpStream) {
    // Only the first one finds it open.
    if one.shutdown(Shutdown::Both).is_ok() {
        inner.cuts.fetch_add(1, Ordering::AcqRel);
    }
    let _ = other.shutdown(Shutdown::Both);
}
