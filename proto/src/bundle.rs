//! A document with the documents that it depends on, in one piece.
//!
//! | field | bytes (little-endian) |
//! | --- | --- |
//! | magic | a zero byte, `FLUXDOC`: no document begins so, since none holds a zero byte |
//! | version | u16, 1 |
//! | entries | u16 count, at least 1; each as below. The first is the document itself |
//!
//! | entry | bytes |
//! | --- | --- |
//! | path | u16 length, UTF-8; relative to the folder of the first document, `/` between its parts |
//! | kind | u8: 0 a document, 1 one that could not be read, 2 the same document as an earlier entry |
//! | content | u32 length and the document's bytes; or the reason as text; or u16 number of the entry |
//!
//! # Invariants
//! 1. `decode(encode(b)) == b`, and `encode(decode(x)) == x` for every `x` that is accepted.
//! 2. Paths occur once; an entry of kind 2 names an entry of kind 0 before it.
//! 3. Decoding takes memory for the table alone: contents are borrowed.

use alloc::borrow::Cow;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use flux_abi::limits::{DOCUMENT_BYTES, DOCUMENTS};

use crate::cursor::Cursor;

/// First bytes of every bundle.
pub const MAGIC: [u8; 8] = *b"\0FLUXDOC";
/// The version that this crate reads and writes.
pub const VERSION: u16 = 1;
/// Bytes of a path, and of a reason.
pub const TEXT_BYTES: usize = 4_096;

/// What there is under a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content<'b> {
    /// A document, unchecked.
    Document(Cow<'b, [u8]>),
    /// Nothing that could be read, for this reason.
    Unreadable(Cow<'b, str>),
    /// The document of an earlier entry, under another path.
    Same(u16),
}

/// One path and what there is under it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry<'b> {
    /// The path.
    pub path: Cow<'b, str>,
    /// What is there.
    pub content: Content<'b>,
}

/// A document with all that it depends on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Bundle<'b> {
    /// The entries; the first is the document itself.
    pub entries: Vec<Entry<'b>>,
}

/// Why bytes are no bundle, or entries make none.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BundleError {
    /// The bytes end too early.
    #[error("the bundle of documents ends at byte {at}, more is needed")]
    Truncated {
        /// Where it ends.
        at: usize,
    },
    /// Another version.
    #[error("the bundle of documents has version {found}, this compiler reads version {VERSION}")]
    Version {
        /// The version it has.
        found: u16,
    },
    /// A field has a value that is never written.
    #[error("the field at byte {at} of the bundle of documents has a value that is not allowed")]
    Field {
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
}

/// Tells whether bytes are meant as a bundle rather than as one document.
#[must_use]
pub fn is_bundle(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

impl<'b> Bundle<'b> {
    /// The canonical bytes.
    ///
    /// # Errors
    /// [`BundleError::Limit`] for too much, [`BundleError::Field`] for entries that make no bundle.
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        check("documents", self.entries.len(), DOCUMENTS)?;
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        put_u16(&mut out, self.entries.len())?;
        for entry in &self.entries {
            check("bytes of a path", entry.path.len(), TEXT_BYTES)?;
            put_u16(&mut out, entry.path.len())?;
            out.extend_from_slice(entry.path.as_bytes());
            match &entry.content {
                Content::Document(bytes) => {
                    out.push(0);
                    put_bytes(&mut out, bytes)?;
                }
                Content::Unreadable(reason) => {
                    check("bytes of a reason", reason.len(), TEXT_BYTES)?;
                    out.push(1);
                    put_bytes(&mut out, reason.as_bytes())?;
                }
                Content::Same(number) => {
                    out.push(2);
                    out.extend_from_slice(&number.to_le_bytes());
                }
            }
        }
        check("bytes of a document and those it depends on", out.len(), DOCUMENT_BYTES)?;
        self.check_entries().map_err(|()| BundleError::Field { at: 0 })?;
        Ok(out)
    }

    /// The bundle in `bytes`, all of which must belong to it.
    ///
    /// # Errors
    /// Every [`BundleError`].
    pub fn decode(bytes: &'b [u8]) -> Result<Self, BundleError> {
        check("bytes of a document and those it depends on", bytes.len(), DOCUMENT_BYTES)?;
        let mut cursor = Cursor::new(bytes);
        let truncated = BundleError::Truncated { at: bytes.len() };
        if cursor.array() != Some(MAGIC) {
            return Err(BundleError::Field { at: 0 });
        }
        match cursor.u16().ok_or(truncated)? {
            VERSION => {}
            found => return Err(BundleError::Version { found }),
        }
        let count = usize::from(cursor.u16().ok_or(truncated)?);
        check("documents", count, DOCUMENTS)?;
        let mut bundle = Self { entries: Vec::with_capacity(count) };
        for _ in 0..count {
            let length = usize::from(cursor.u16().ok_or(truncated)?);
            check("bytes of a path", length, TEXT_BYTES)?;
            let path = text(&mut cursor, length, truncated)?;
            let at = cursor.at();
            let content = match cursor.u8().ok_or(truncated)? {
                0 => {
                    let length = cursor.u32().ok_or(truncated)? as usize;
                    Content::Document(Cow::Borrowed(cursor.take(length).ok_or(truncated)?))
                }
                1 => {
                    let length = cursor.u32().ok_or(truncated)? as usize;
                    check("bytes of a reason", length, TEXT_BYTES)?;
                    Content::Unreadable(Cow::Borrowed(text(&mut cursor, length, truncated)?))
                }
                2 => Content::Same(cursor.u16().ok_or(truncated)?),
                _ => return Err(BundleError::Field { at }),
            };
            bundle.entries.push(Entry { path: Cow::Borrowed(path), content });
        }
        if cursor.left() > 0 || bundle.check_entries().is_err() {
            return Err(BundleError::Field { at: cursor.at() });
        }
        Ok(bundle)
    }

    /// The rules about entries together.
    fn check_entries(&self) -> Result<(), ()> {
        let mut paths = BTreeSet::new();
        for (number, entry) in self.entries.iter().enumerate() {
            let sound = match entry.content {
                Content::Same(other) => {
                    let other = usize::from(other);
                    other < number
                        && matches!(
                            self.entries.get(other).map(|entry| &entry.content),
                            Some(Content::Document(_))
                        )
                }
                _ => true,
            };
            if !sound || !paths.insert(entry.path.as_ref()) {
                return Err(());
            }
        }
        match self.entries.first().map(|entry| &entry.content) {
            Some(Content::Document(_)) => Ok(()),
            _ => Err(()),
        }
    }
}

fn check(what: &'static str, found: usize, limit: usize) -> Result<(), BundleError> {
    if found > limit { Err(BundleError::Limit { what, found, limit }) } else { Ok(()) }
}

fn put_u16(out: &mut Vec<u8>, value: usize) -> Result<(), BundleError> {
    let limit = usize::from(u16::MAX);
    let value =
        u16::try_from(value).map_err(|_| BundleError::Limit { what: "a count", found: value, limit })?;
    out.extend_from_slice(&value.to_le_bytes());
    Ok(())
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), BundleError> {
    let (found, limit) = (bytes.len(), DOCUMENT_BYTES);
    let length = u32::try_from(found).map_err(|_| BundleError::Limit { what: "bytes", found, limit })?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

fn text<'b>(cursor: &mut Cursor<'b>, length: usize, truncated: BundleError) -> Result<&'b str, BundleError> {
    let at = cursor.at();
    let bytes = cursor.take(length).ok_or(truncated)?;
    core::str::from_utf8(bytes).map_err(|_| BundleError::Field { at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    fn sample() -> Bundle<'static> {
        let entry = |path: &'static str, content| Entry { path: path.into(), content };
        Bundle {
            entries: vec![
                entry("main.flux.md", Content::Document(b"# Main".as_slice().into())),
                entry("lib/units.flux.md", Content::Document(b"# Units".as_slice().into())),
                entry("gone.flux.md", Content::Unreadable("there is no such file".into())),
                entry("../units.flux.md", Content::Same(1)),
            ],
        }
    }

    #[test]
    fn a_bundle_reads_back_and_every_prefix_is_refused() {
        let bytes = sample().encode().unwrap();
        assert!(is_bundle(&bytes) && !is_bundle(b"# Main"));
        assert_eq!(Bundle::decode(&bytes).unwrap(), sample());
        for length in 0..bytes.len() {
            assert!(Bundle::decode(bytes.get(..length).unwrap()).is_err(), "{length} bytes");
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(matches!(Bundle::decode(&longer), Err(BundleError::Field { .. })));
    }

    #[test]
    fn one_changed_byte_is_refused_or_another_canonical_bundle() {
        let bytes = sample().encode().unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                if let Some(byte) = changed.get_mut(at) {
                    *byte ^= 1 << bit;
                }
                if let Ok(bundle) = Bundle::decode(&changed) {
                    assert_eq!(bundle.encode().unwrap(), changed, "byte {at}, bit {bit}");
                }
            }
        }
    }

    #[test]
    fn entries_that_make_no_bundle_are_refused() {
        let mut first_unreadable = sample();
        first_unreadable.entries.remove(0);
        first_unreadable.entries.remove(0);
        let mut forward = sample();
        forward.entries[3].content = Content::Same(3);
        let mut twice = sample();
        twice.entries[1].path = "main.flux.md".into();
        for bundle in [Bundle::default(), first_unreadable, forward, twice] {
            assert_eq!(bundle.encode(), Err(BundleError::Field { at: 0 }));
        }
        let many = Bundle { entries: vec![sample().entries.remove(0); DOCUMENTS + 1] };
        assert!(matches!(many.encode(), Err(BundleError::Limit { what: "documents", .. })));
    }
}
