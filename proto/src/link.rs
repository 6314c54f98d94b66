//! The link between two kernels: parcels over a stream that may be cut.
//!
//! ```text
//! hello   "FLXL", u8 version, boot [16], known boot [16], u64 next     once, first on each connection
//! parcel  1, u64 number, u16 length, bytes
//! seen    2, u64 next                                                  all below have arrived
//! ping    3                                                            answered by seen
//! ```
//!
//! Numbers are little-endian and count from 0 for each direction between two boots. The `next` of a hello is for the boot
//! that it names: what that one has to send first. A stream that keeps order is below (TLS over TCP); what this adds is that
//! parcels go on where they were when a connection is cut and another one made.
//!
//! # Invariants
//! 1. Between two living boots each parcel that [`Link::send`] took is told once, in the order of sending.
//! 2. At most [`PARCELS`] or [`QUEUE_BYTES`] wait, unacknowledged ones included; what comes in is never kept beyond one frame.
//! 3. When the other side is another boot than before, all that waits is dropped: nobody knows what the old one did with it.
//! 4. Bytes that are no frame end the connection and change nothing.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;

use flux_abi::limits::PAYLOAD_BYTES;

use crate::cursor::Cursor;

pub mod parcel;
#[cfg(test)]
mod tests;

/// Bytes of a parcel at most: a payload, two names and what is beside them.
pub const PARCEL_BYTES: usize = PAYLOAD_BYTES + 1_024;
/// Parcels that wait at most.
pub const PARCELS: usize = 256;
/// Bytes of the parcels that wait, at most.
pub const QUEUE_BYTES: usize = 1 << 20;
/// The version that this crate speaks.
pub const VERSION: u8 = 1;

const MAGIC: [u8; 4] = *b"FLXL";
const HELLO_BYTES: usize = 45;

/// A kernel from its start to its end: random, so that no two are equal.
pub type Boot = [u8; 16];

const NOBODY: Boot = [0; 16];

/// Why a parcel was not taken, or why a connection has to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LinkError {
    /// As many parcels wait as may.
    #[error("{PARCELS} parcels or {QUEUE_BYTES} bytes wait for the other side, no more are taken")]
    Full,
    /// The parcel is too long.
    #[error("a parcel of {0} bytes is too long, {PARCEL_BYTES} are allowed")]
    TooLong(usize),
    /// The allocator gave no memory.
    #[error("no memory for a parcel")]
    NoMemory,
    /// The other side is no kernel.
    #[error("the other side does not greet as a kernel does")]
    NoKernel,
    /// It speaks another version.
    #[error("the other side speaks version {0} of the link, this kernel version {VERSION}")]
    Version(u8),
    /// It counts otherwise than this side.
    #[error("the other side counts parcels otherwise: it says {said}, {from} to {to} are possible")]
    Count {
        /// What it said.
        said: u64,
        /// The least that it can say.
        from: u64,
        /// The most.
        to: u64,
    },
    /// There is no frame of this kind.
    #[error("there is no frame of kind {0}")]
    Kind(u8),
}

/// What comes of bytes that were received.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event<'p> {
    /// The other side has greeted: parcels flow.
    Up {
        /// It is another boot than before, which knows nothing of what was sent.
        restarted: bool,
    },
    /// A parcel.
    Parcel(&'p [u8]),
}

/// This kernel's side of the link to another one.
#[derive(Debug)]
pub struct Link {
    boot: Boot,
    peer: Boot,
    /// Not acknowledged, in the order of sending.
    waiting: VecDeque<Vec<u8>>,
    waiting_bytes: usize,
    /// Number of the first that waits.
    first: u64,
    /// Those of the waiting ones that this connection has carried.
    written: usize,
    /// Number of the parcel that comes next.
    next: u64,
    input: Vec<u8>,
    hello_due: bool,
    greeted: bool,
    seen_due: bool,
    ping_due: bool,
}

impl Link {
    /// The link of the kernel `boot` to one that it has not heard of.
    pub const fn new(boot: Boot) -> Self {
        Self {
            boot,
            peer: NOBODY,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            first: 0,
            written: 0,
            next: 0,
            input: Vec::new(),
            hello_due: false,
            greeted: false,
            seen_due: false,
            ping_due: false,
        }
    }

    /// A new connection: all bytes from here on are its own.
    pub fn connected(&mut self) {
        self.disconnected();
        self.hello_due = true;
    }

    /// The connection is gone; what waits is kept.
    pub fn disconnected(&mut self) {
        self.input = Vec::new();
        self.written = 0;
        self.hello_due = false;
        self.greeted = false;
        self.seen_due = false;
        self.ping_due = false;
    }

    /// Whether one more parcel of any length is taken.
    pub fn has_room(&self) -> bool {
        self.waiting.len() < PARCELS && self.waiting_bytes.saturating_add(PARCEL_BYTES) <= QUEUE_BYTES
    }

    /// Parcels that wait, those included that were written and not acknowledged.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes a parcel; it arrives once while both kernels live, over as many connections as it needs.
    ///
    /// # Errors
    /// [`LinkError::Full`], [`LinkError::TooLong`], [`LinkError::NoMemory`]: it was not taken.
    pub fn send(&mut self, parcel: &[u8]) -> Result<(), LinkError> {
        if parcel.len() > PARCEL_BYTES {
            return Err(LinkError::TooLong(parcel.len()));
        }
        let bytes = self.waiting_bytes.saturating_add(parcel.len());
        if self.waiting.len() >= PARCELS || bytes > QUEUE_BYTES {
            return Err(LinkError::Full);
        }
        let mut kept = Vec::new();
        kept.try_reserve_exact(parcel.len()).map_err(|_| LinkError::NoMemory)?;
        kept.extend_from_slice(parcel);
        self.waiting.try_reserve(1).map_err(|_| LinkError::NoMemory)?;
        self.waiting.push_back(kept);
        self.waiting_bytes = bytes;
        Ok(())
    }

    /// Asks the other side for a sign of life with the next bytes.
    pub const fn ping(&mut self) {
        self.ping_due = self.greeted;
    }

    /// The next bytes to write, about `most`; none if there is nothing to say.
    pub fn output(&mut self, most: usize) -> Vec<u8> {
        let mut out = Vec::new();
        if mem::take(&mut self.hello_due) {
            out.extend_from_slice(&MAGIC);
            out.push(VERSION);
            out.extend_from_slice(&self.boot);
            out.extend_from_slice(&self.peer);
            out.extend_from_slice(&self.next.to_le_bytes());
        }
        if !self.greeted {
            return out;
        }
        if mem::take(&mut self.seen_due) {
            out.push(2);
            out.extend_from_slice(&self.next.to_le_bytes());
        }
        if mem::take(&mut self.ping_due) {
            out.push(3);
        }
        while out.len() < most
            && let Some(parcel) = self.waiting.get(self.written)
        {
            out.push(1);
            out.extend_from_slice(&number(self.first, self.written).to_le_bytes());
            out.extend_from_slice(&u16::try_from(parcel.len()).unwrap_or(u16::MAX).to_le_bytes());
            out.extend_from_slice(parcel);
            self.written = self.written.saturating_add(1);
        }
        out
    }

    /// Takes bytes of the connection, and tells what they say.
    ///
    /// # Errors
    /// What is wrong with them. The connection has to end then; what was told before stands.
    pub fn received(&mut self, bytes: &[u8], tell: &mut dyn FnMut(Event<'_>)) -> Result<(), LinkError> {
        let mut input = mem::take(&mut self.input);
        input.try_reserve(bytes.len()).map_err(|_| LinkError::NoMemory)?;
        input.extend_from_slice(bytes);
        let mut at = 0usize;
        loop {
            let rest = input.get(at..).unwrap_or_default();
            let taken = if self.greeted { self.frame(rest, tell)? } else { self.hello(rest, tell)? };
            if taken == 0 {
                break;
            }
            at = at.saturating_add(taken);
        }
        input.drain(..at.min(input.len()));
        self.input = input;
        Ok(())
    }

    /// Reads the hello; gives its bytes, 0 while it is not whole.
    fn hello(&mut self, bytes: &[u8], tell: &mut dyn FnMut(Event<'_>)) -> Result<usize, LinkError> {
        let begins = MAGIC.get(..bytes.len().min(MAGIC.len())).unwrap_or_default();
        if !bytes.starts_with(begins) {
            return Err(LinkError::NoKernel);
        }
        if let Some(version) = bytes.get(MAGIC.len())
            && *version != VERSION
        {
            return Err(LinkError::Version(*version));
        }
        let mut cursor = Cursor::new(bytes);
        let fields = (|| {
            cursor.take(MAGIC.len())?;
            cursor.u8()?;
            Some((cursor.array::<16>()?, cursor.array::<16>()?, cursor.u64()?))
        })();
        let Some((boot, known, next)) = fields else { return Ok(0) };
        if boot == NOBODY || boot == self.boot {
            return Err(LinkError::NoKernel);
        }
        let restarted = self.peer != NOBODY && self.peer != boot;
        // What it knows of another boot says nothing of this one.
        let heard = if known == self.boot { next } else { 0 };
        if restarted {
            possible(heard, 0, 0)?;
            self.waiting.clear();
            self.waiting_bytes = 0;
            self.first = 0;
            self.next = 0;
        }
        self.written = self.waiting.len();
        self.acknowledge(heard)?;
        self.peer = boot;
        self.written = 0;
        self.greeted = true;
        tell(Event::Up { restarted });
        Ok(HELLO_BYTES)
    }

    /// Reads one frame; gives its bytes, 0 while it is not whole.
    fn frame(&mut self, bytes: &[u8], tell: &mut dyn FnMut(Event<'_>)) -> Result<usize, LinkError> {
        let mut cursor = Cursor::new(bytes);
        match cursor.u8() {
            None => return Ok(0),
            Some(1) => {
                let Some((number, len)) = cursor.u64().zip(cursor.u16()) else { return Ok(0) };
                let len = usize::from(len);
                if len > PARCEL_BYTES {
                    return Err(LinkError::TooLong(len));
                }
                possible(number, self.next, self.next)?;
                let Some(parcel) = cursor.take(len) else { return Ok(0) };
                self.next = self.next.saturating_add(1);
                self.seen_due = true;
                tell(Event::Parcel(parcel));
            }
            Some(2) => match cursor.u64() {
                Some(next) => self.acknowledge(next)?,
                None => return Ok(0),
            },
            Some(3) => self.seen_due = true,
            Some(kind) => return Err(LinkError::Kind(kind)),
        }
        Ok(cursor.at())
    }

    /// All below `next` have arrived.
    fn acknowledge(&mut self, next: u64) -> Result<(), LinkError> {
        possible(next, self.first, number(self.first, self.written))?;
        while self.first < next
            && let Some(parcel) = self.waiting.pop_front()
        {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(parcel.len());
            self.first = self.first.saturating_add(1);
            self.written = self.written.saturating_sub(1);
        }
        Ok(())
    }
}

fn number(first: u64, behind: usize) -> u64 {
    first.saturating_add(u64::try_from(behind).unwrap_or(u64::MAX))
}

const fn possible(said: u64, from: u64, to: u64) -> Result<(), LinkError> {
    if said < from || said > to { Err(LinkError::Count { said, from, to }) } else { Ok(()) }
}
