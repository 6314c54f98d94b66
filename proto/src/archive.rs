//! Documents and settings that a booting machine is given, in one canonical file.
//!
//! | field | bytes (little-endian) |
//! | --- | --- |
//! | magic | `FLUXBOOT` |
//! | version | u16, 1 |
//! | clock | u8: 0 simulated, 1 real |
//! | reserved | u8, 0 |
//! | length | u64, bytes of the whole archive |
//! | seed | u64 |
//! | duration | i64 nanoseconds, -1 for none |
//! | documents | u16 count; each u16 name length, name, u32 length, bytes |
//! | parameters | u16 count; each u16 key length, key, u32 value length, value |
//! | simulations | as parameters: device address, what simulates it |
//! | digest | SHA-256 of everything before it |
//!
//! # Invariants
//! 1. `decode(encode(a)) == a`, and `encode(decode(b)) == b` for every `b` that is accepted.
//! 2. Decoding allocates no more than the archive's own length, and checks the digest first.

use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::limits::{DOCUMENT_BYTES, PARAMETERS};
use sha2::{Digest, Sha256};

use crate::cursor::Cursor;

/// First bytes of every archive.
pub const MAGIC: [u8; 8] = *b"FLUXBOOT";
/// The version that this crate reads and writes.
pub const VERSION: u16 = 1;
/// Documents in one archive.
pub const DOCUMENTS: usize = 1_024;
/// Simulated devices in one archive.
pub const SIMULATIONS: usize = 1_024;
/// Bytes of a name or key.
pub const NAME_BYTES: usize = 255;
/// Bytes of a parameter or of the description of a simulator.
pub const VALUE_BYTES: usize = 64 << 10;

const HEADER_BYTES: usize = 8 + 2 + 1 + 1 + 8 + 8 + 8;
const LENGTH_AT: usize = 12;
const DIGEST_BYTES: usize = 32;

/// Which clock a run uses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RunClock {
    /// Time advances when nothing is runnable.
    #[default]
    Simulated,
    /// The machine's clock.
    Real,
}

/// One document.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Document {
    /// Its name in messages to people, usually the path it was read from.
    pub name: String,
    /// Its bytes, unchecked.
    pub bytes: Vec<u8>,
}

/// Everything a run needs beside the kernel.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Archive {
    /// The documents in the order in which their agents start.
    pub documents: Vec<Document>,
    /// `--set` in order: name and text.
    pub parameters: Vec<(String, String)>,
    /// `--sim` in order: device address and simulator.
    pub simulations: Vec<(String, String)>,
    /// Seed of all randomness.
    pub seed: u64,
    /// How long to run, in nanoseconds, at least 0; `None` is without end.
    pub duration_ns: Option<i64>,
    /// The clock.
    pub clock: RunClock,
}

/// Why bytes are no archive, or content makes none.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ArchiveError {
    /// The bytes end too early.
    #[error("the archive ends at byte {at}, more is needed")]
    Truncated {
        /// Where it ends.
        at: usize,
    },
    /// The first bytes are something else.
    #[error("this is no boot archive: it does not begin with FLUXBOOT")]
    Magic,
    /// Another version.
    #[error("the archive has version {found}, this kernel reads version {VERSION}")]
    Version {
        /// The version it has.
        found: u16,
    },
    /// The length in the header and that of the bytes differ.
    #[error("the archive says {said} bytes and has {found}")]
    Length {
        /// Length in the header.
        said: u64,
        /// Bytes there are.
        found: usize,
    },
    /// The content is not what was packed.
    #[error("the digest does not fit: the archive was changed or damaged")]
    Digest,
    /// A field has a value that is never written.
    #[error("the field at byte {at} has a value that is not allowed")]
    Field {
        /// Its offset.
        at: usize,
    },
    /// A name or value is not UTF-8.
    #[error("the text at byte {at} is not UTF-8")]
    Utf8 {
        /// Its offset.
        at: usize,
    },
    /// Too many or too long.
    #[error("{what}: {found} is over the limit of {limit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        found: usize,
        /// How large it may be.
        limit: usize,
    },
    /// Bytes follow the last field.
    #[error("{len} bytes follow the last field")]
    Trailing {
        /// How many.
        len: usize,
    },
    /// The allocator gave no memory.
    #[error("no memory for the archive")]
    NoMemory,
}

impl Archive {
    /// The canonical bytes.
    ///
    /// # Errors
    /// [`ArchiveError::Limit`]; [`ArchiveError::Field`] for a negative duration.
    pub fn encode(&self) -> Result<Vec<u8>, ArchiveError> {
        let duration = match self.duration_ns {
            None => -1,
            Some(ns) if ns >= 0 => ns,
            Some(_) => return Err(ArchiveError::Field { at: HEADER_BYTES.saturating_sub(8) }),
        };
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.push(match self.clock {
            RunClock::Simulated => 0,
            RunClock::Real => 1,
        });
        out.push(0);
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&self.seed.to_le_bytes());
        out.extend_from_slice(&duration.to_le_bytes());
        put_count(&mut out, "documents", self.documents.len(), DOCUMENTS)?;
        for document in &self.documents {
            put_name(&mut out, &document.name)?;
            put_bytes(&mut out, "bytes of a document", &document.bytes, DOCUMENT_BYTES)?;
        }
        put_pairs(&mut out, "parameters", &self.parameters, PARAMETERS)?;
        put_pairs(&mut out, "simulated devices", &self.simulations, SIMULATIONS)?;
        let length = out.len().saturating_add(DIGEST_BYTES) as u64;
        if let Some(place) = out.get_mut(LENGTH_AT..LENGTH_AT.saturating_add(8)) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        let digest = Sha256::digest(&out);
        out.extend_from_slice(&digest);
        Ok(out)
    }

    /// The archive in `bytes`, all of which must belong to it (see [`Archive::length`]).
    ///
    /// # Errors
    /// Every [`ArchiveError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ArchiveError> {
        let said = Self::length(bytes)?;
        if said != bytes.len() as u64 {
            return Err(ArchiveError::Length { said, found: bytes.len() });
        }
        let truncated = ArchiveError::Truncated { at: bytes.len() };
        let body = bytes.len().checked_sub(DIGEST_BYTES).ok_or(truncated)?;
        let (body, digest) = bytes.split_at_checked(body).ok_or(truncated)?;
        if Sha256::digest(body).as_slice() != digest {
            return Err(ArchiveError::Digest);
        }
        let mut cursor = Cursor::new(body);
        cursor.take(MAGIC.len().saturating_add(2)).ok_or(truncated)?;
        let at = cursor.at();
        let clock = match cursor.u16().ok_or(truncated)? {
            0 => RunClock::Simulated,
            1 => RunClock::Real,
            _ => return Err(ArchiveError::Field { at }),
        };
        cursor.u64().ok_or(truncated)?;
        let seed = cursor.u64().ok_or(truncated)?;
        let at = cursor.at();
        let duration_ns = match i64::from_le_bytes(cursor.array().ok_or(truncated)?) {
            -1 => None,
            ns if ns >= 0 => Some(ns),
            _ => return Err(ArchiveError::Field { at }),
        };
        let mut documents = Vec::new();
        for _ in 0..get_count(&mut cursor, "documents", DOCUMENTS)? {
            let name = get_name(&mut cursor)?;
            let source = get_bytes(&mut cursor, "bytes of a document", DOCUMENT_BYTES)?;
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(source.len()).map_err(|_| ArchiveError::NoMemory)?;
            bytes.extend_from_slice(source);
            documents.try_reserve(1).map_err(|_| ArchiveError::NoMemory)?;
            documents.push(Document { name, bytes });
        }
        let parameters = get_pairs(&mut cursor, "parameters", PARAMETERS)?;
        let simulations = get_pairs(&mut cursor, "simulated devices", SIMULATIONS)?;
        match cursor.left() {
            0 => Ok(Self { documents, parameters, simulations, seed, duration_ns, clock }),
            len => Err(ArchiveError::Trailing { len }),
        }
    }

    /// Length in bytes that the header of an archive tells; a loader may have padded it.
    ///
    /// # Errors
    /// [`ArchiveError::Truncated`], [`ArchiveError::Magic`], [`ArchiveError::Version`].
    pub fn length(bytes: &[u8]) -> Result<u64, ArchiveError> {
        let truncated = ArchiveError::Truncated { at: bytes.len() };
        let mut cursor = Cursor::new(bytes);
        if cursor.array() != Some(MAGIC) {
            return Err(ArchiveError::Magic);
        }
        match cursor.u16().ok_or(truncated)? {
            VERSION => {}
            found => return Err(ArchiveError::Version { found }),
        }
        cursor.u16().ok_or(truncated)?;
        cursor.u64().ok_or(truncated)
    }
}

fn check(what: &'static str, found: usize, limit: usize) -> Result<(), ArchiveError> {
    if found > limit { Err(ArchiveError::Limit { what, found, limit }) } else { Ok(()) }
}

fn put_count(out: &mut Vec<u8>, what: &'static str, found: usize, limit: usize) -> Result<(), ArchiveError> {
    check(what, found, limit)?;
    let count = u16::try_from(found).map_err(|_| ArchiveError::Limit { what, found, limit })?;
    out.extend_from_slice(&count.to_le_bytes());
    Ok(())
}

fn put_name(out: &mut Vec<u8>, name: &str) -> Result<(), ArchiveError> {
    put_count(out, "bytes of a name", name.len(), NAME_BYTES)?;
    out.extend_from_slice(name.as_bytes());
    Ok(())
}

fn put_bytes(out: &mut Vec<u8>, what: &'static str, bytes: &[u8], limit: usize) -> Result<(), ArchiveError> {
    let found = bytes.len();
    check(what, found, limit)?;
    let len = u32::try_from(found).map_err(|_| ArchiveError::Limit { what, found, limit })?;
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

fn put_pairs(
    out: &mut Vec<u8>,
    what: &'static str,
    pairs: &[(String, String)],
    limit: usize,
) -> Result<(), ArchiveError> {
    put_count(out, what, pairs.len(), limit)?;
    for (key, value) in pairs {
        put_name(out, key)?;
        put_bytes(out, "bytes of a value", value.as_bytes(), VALUE_BYTES)?;
    }
    Ok(())
}

fn get_count(cursor: &mut Cursor<'_>, what: &'static str, limit: usize) -> Result<u16, ArchiveError> {
    let count = cursor.u16().ok_or(ArchiveError::Truncated { at: cursor.at() })?;
    check(what, usize::from(count), limit)?;
    Ok(count)
}

fn get_name(cursor: &mut Cursor<'_>) -> Result<String, ArchiveError> {
    let len = get_count(cursor, "bytes of a name", NAME_BYTES)?;
    let at = cursor.at();
    let name = cursor.take(usize::from(len)).ok_or(ArchiveError::Truncated { at })?;
    text(name, at)
}

fn get_bytes<'a>(
    cursor: &mut Cursor<'a>,
    what: &'static str,
    limit: usize,
) -> Result<&'a [u8], ArchiveError> {
    let at = cursor.at();
    let len = cursor.u32().ok_or(ArchiveError::Truncated { at })? as usize;
    check(what, len, limit)?;
    cursor.take(len).ok_or(ArchiveError::Truncated { at })
}

fn get_pairs(
    cursor: &mut Cursor<'_>,
    what: &'static str,
    limit: usize,
) -> Result<Vec<(String, String)>, ArchiveError> {
    let mut pairs = Vec::new();
    for _ in 0..get_count(cursor, what, limit)? {
        let key = get_name(cursor)?;
        let at = cursor.at();
        let value = text(get_bytes(cursor, "bytes of a value", VALUE_BYTES)?, at)?;
        pairs.try_reserve(1).map_err(|_| ArchiveError::NoMemory)?;
        pairs.push((key, value));
    }
    Ok(pairs)
}

fn text(bytes: &[u8], at: usize) -> Result<String, ArchiveError> {
    let valid = core::str::from_utf8(bytes).map_err(|_| ArchiveError::Utf8 { at })?;
    let mut text = String::new();
    text.try_reserve_exact(valid.len()).map_err(|_| ArchiveError::NoMemory)?;
    text.push_str(valid);
    Ok(text)
}

#[cfg(test)]
mod tests;
