//! One secure connection to a peer: its socket, its TLS, and what ended it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::locked;
use super::tls::Refusal;

/// Bytes that are read from the socket at a time.
const READ_BYTES: usize = 32 << 10;

/// Which side made a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Origin {
    /// This kernel.
    Dialed,
    /// The peer.
    Accepted,
}

/// A connection after its handshake.
///
/// Its reader alone reads from the socket and its writer alone writes to it; the lock is held by neither meanwhile.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) origin: Origin,
    stream: TcpStream,
    tls: Mutex<rustls::Connection>,
    /// TLS itself has something to write, as an answer to what was read.
    answer_due: AtomicBool,
    /// Why this side ended it.
    ended: Mutex<Option<String>>,
}

impl Connection {
    pub(super) fn new(origin: Origin, stream: TcpStream, mut tls: rustls::Connection) -> Self {
        // Each write is taken out at once, and is bounded by who calls.
        tls.set_buffer_limit(None);
        Self {
            origin,
            stream,
            tls: Mutex::new(tls),
            // What was said at the end of the handshake has been written, or is now.
            answer_due: AtomicBool::new(true),
            ended: Mutex::new(None),
        }
    }

    /// Ends it: both its threads see that at once. The first reason stands.
    pub(super) fn end(&self, why: &str) {
        locked(&self.ended).get_or_insert_with(|| why.to_owned());
        // It may be closed already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Whether TLS itself has something to write; asked once for each time.
    pub(super) fn answer_due(&self) -> bool {
        self.answer_due.swap(false, Ordering::AcqRel)
    }

    /// Writes bytes to the peer.
    pub(super) fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        let sealed = {
            let mut tls = locked(&self.tls);
            tls.writer().write_all(bytes)?;
            let mut sealed = Vec::new();
            while tls.wants_write() {
                tls.write_tls(&mut sealed)?;
            }
            sealed
        };
        (&self.stream).write_all(&sealed)
    }

    /// Gives what the peer says to `take` until the connection ends; tells why it did.
    pub(super) fn read(&self, mut take: impl FnMut(&[u8]) -> Result<(), String>) -> String {
        let mut sealed = vec![0; READ_BYTES];
        let mut open = Vec::new();
        // The last bytes of the handshake may have come together with the first ones behind it.
        let mut outcome = self.open(&[], &mut open);
        loop {
            if let Err(why) = take(&open) {
                return why;
            }
            if let Err(refusal) = outcome {
                return self.why(&refusal);
            }
            open.clear();
            outcome = match (&self.stream).read(&mut sealed) {
                Ok(0) => Err(Refusal::Stream(ErrorKind::UnexpectedEof.into())),
                Ok(read) => self.open(sealed.get(..read).unwrap_or_default(), &mut open),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => Ok(()),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(Refusal::Silent),
                    _ => Err(Refusal::Stream(error)),
                },
            };
        }
    }

    /// What the other side says of the end counts most, then what this side knows, then what became of the socket.
    fn why(&self, refusal: &Refusal) -> String {
        match refusal {
            Refusal::Tls(_) => refusal.to_string(),
            _ => locked(&self.ended).take().unwrap_or_else(|| refusal.to_string()),
        }
    }

    /// Takes what came over the socket, and adds what it says to `open`; that stands after an error too.
    fn open(&self, mut sealed: &[u8], open: &mut Vec<u8>) -> Result<(), Refusal> {
        let mut tls = locked(&self.tls);
        let outcome = loop {
            let state = match tls.process_new_packets() {
                Ok(state) => state,
                Err(error) => break Err(Refusal::Tls(error)),
            };
            let from = open.len();
            open.resize(from.saturating_add(state.plaintext_bytes_to_read()), 0);
            if let Err(error) = tls.reader().read_exact(open.get_mut(from..).unwrap_or_default()) {
                open.truncate(from);
                break Err(Refusal::Stream(error));
            }
            if state.peer_has_closed() {
                break Err(Refusal::Stream(ErrorKind::UnexpectedEof.into()));
            }
            if sealed.is_empty() {
                break Ok(());
            }
            if let Err(error) = tls.read_tls(&mut sealed) {
                break Err(Refusal::Stream(error));
            }
        };
        if tls.wants_write() {
            self.answer_due.store(true, Ordering::Release);
        }
        outcome
    }
}
