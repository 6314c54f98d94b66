//! Public keys as people copy them: `ed25519:` and the 32 bytes in base64url (RFC 4648, section 5) without padding.
//!
//! # Invariants
//! 1. A key has one text: another one of the same bytes is refused.
//! 2. No key of small order is taken: anybody can sign for those, and a text of nothing but `A` is one.

use std::fmt;
use std::str::FromStr;

/// Bytes of an Ed25519 public key.
const KEY_BYTES: usize = 32;
/// Their length in base64.
const KEY_LETTERS: usize = 43;
const PREFIX: &str = "ed25519:";
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What stands before the key in a `SubjectPublicKeyInfo` (RFC 8410, section 4).
const INFO: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The points of small order, without the bit for the sign of x: y is 0, 1, −1, one of two of order 8, or 0 and 1 not
/// reduced.
const SMALL_ORDER: [[u8; KEY_BYTES]; 7] = [
    [0; KEY_BYTES],
    ends([0; KEY_BYTES], 0x01, 0x00),
    ends([0xff; KEY_BYTES], 0xec, 0x7f),
    ends([0xff; KEY_BYTES], 0xed, 0x7f),
    ends([0xff; KEY_BYTES], 0xee, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn ends(mut bytes: [u8; KEY_BYTES], first: u8, last: u8) -> [u8; KEY_BYTES] {
    let [begin, .., end] = &mut bytes;
    *begin = first;
    *end = last;
    bytes
}

/// What a kernel is known by.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PublicKey([u8; KEY_BYTES]);

impl PublicKey {
    /// The key of 32 bytes; none if they are another number, or of small order.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let key: [u8; KEY_BYTES] = bytes.try_into().ok()?;
        let mut unsigned = key;
        let [.., last] = &mut unsigned;
        *last &= 0x7f;
        (!SMALL_ORDER.contains(&unsigned)).then_some(Self(key))
    }

    /// A number that other keys hardly have.
    pub(super) fn seed(self) -> u64 {
        self.0.iter().fold(0, |seed, byte| u64::rotate_left(seed, 8) ^ u64::from(*byte))
    }

    /// Its `SubjectPublicKeyInfo`, as TLS carries it (RFC 7250).
    pub(super) fn subject_public_key_info(self) -> Vec<u8> {
        [INFO.as_slice(), &self.0].concat()
    }

    /// The key that a `SubjectPublicKeyInfo` has, if it is an Ed25519 one.
    pub(super) fn from_subject_public_key_info(bytes: &[u8]) -> Option<Self> {
        Self::from_bytes(bytes.strip_prefix(&INFO)?)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        for three in self.0.chunks(3) {
            let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
            let bits = bits << (8 * (3 - three.len()));
            for place in 0..=three.len() {
                let letter = LETTERS.get((bits >> (18 - 6 * place) & 63) as usize);
                fmt::Write::write_char(f, letter.map_or('?', |letter| char::from(*letter)))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// Why a text is no public key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PublicKeyError {
    /// It does not begin as one.
    #[error("a public key begins with `{PREFIX}`, as the other kernel shows it")]
    Prefix,
    /// It has too few or too many letters.
    #[error("a public key has {KEY_LETTERS} letters after `{PREFIX}`, this one {0}; copy the whole of it")]
    Length(usize),
    /// It has a letter that no key has.
    #[error(
        "`{letter}` at letter {place} after `{PREFIX}` is in no public key, only A–Z, a–z, 0–9, - and _ are"
    )]
    Letter {
        /// The letter.
        letter: char,
        /// Which one it is, from 1.
        place: usize,
    },
    /// Its last letter is not the one that such a key ends with.
    #[error("no public key ends so; copy it again from where the other kernel shows it")]
    End,
    /// Anybody could sign for it.
    #[error(
        "this key protects nothing, since anybody can sign for it; copy the key that the other kernel shows"
    )]
    SmallOrder,
}

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        let text = text.strip_prefix(PREFIX).ok_or(PublicKeyError::Prefix)?;
        let mut bytes = Vec::with_capacity(KEY_BYTES);
        let (mut bits, mut count) = (0u32, 0u32);
        for (at, letter) in text.chars().enumerate() {
            let value = LETTERS.iter().zip(0u32..).find(|(known, _)| char::from(**known) == letter);
            let (_, value) = value.ok_or(PublicKeyError::Letter { letter, place: at + 1 })?;
            bits = bits << 6 | value;
            count += 6;
            if count >= 8 {
                count -= 8;
                bytes.push((bits >> count & 0xff) as u8);
                bits &= (1 << count) - 1;
            }
        }
        if text.len() != KEY_LETTERS {
            return Err(PublicKeyError::Length(text.len()));
        }
        if bits != 0 {
            return Err(PublicKeyError::End);
        }
        Self::from_bytes(&bytes).ok_or(PublicKeyError::SmallOrder)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The first key of RFC 8032, section 7.1, and its text by another program.
    const BYTES: [u8; 32] = [
        0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e,
        0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
    ];
    const TEXT: &str = "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn refused(text: &str) -> PublicKeyError {
        text.parse::<PublicKey>().unwrap_err()
    }

    #[test]
    fn a_key_has_the_text_that_other_programs_give_it() {
        let key = PublicKey::from_bytes(&BYTES).unwrap();
        assert_eq!(key.to_string(), TEXT);
        assert_eq!(TEXT.parse(), Ok(key));
        assert_eq!(PublicKey::from_subject_public_key_info(&key.subject_public_key_info()), Some(key));
        assert_eq!(PublicKey::from_subject_public_key_info(&BYTES), None);
    }

    #[test]
    fn what_is_no_key_is_told_by_what_is_wrong_with_it() {
        assert_eq!(refused(&TEXT["ed25519:".len()..]), PublicKeyError::Prefix);
        assert_eq!(refused(&TEXT[..TEXT.len() - 1]), PublicKeyError::Length(42));
        assert_eq!(refused(&format!("{TEXT}A")), PublicKeyError::Length(44));
        assert_eq!(refused("ed25519:"), PublicKeyError::Length(0));
        let with = |letter: &str| TEXT.replace("S_7", letter);
        assert_eq!(refused(&with("S/7")), PublicKeyError::Letter { letter: '/', place: 14 });
        assert_eq!(refused(&with("Sß7")), PublicKeyError::Letter { letter: 'ß', place: 14 });
        assert_eq!(refused(&format!("{TEXT}=")), PublicKeyError::Letter { letter: '=', place: 44 });
        // The same bytes, were the bits behind them not looked at.
        assert_eq!(refused(&TEXT.replace("HURo", "HURp")), PublicKeyError::End);
        assert_eq!(refused(&format!("ed25519:{}", "A".repeat(43))), PublicKeyError::SmallOrder);
    }

    #[test]
    fn keys_of_small_order_are_refused_with_either_sign() {
        for mut bytes in SMALL_ORDER {
            assert_eq!(PublicKey::from_bytes(&bytes), None);
            bytes[31] |= 0x80;
            assert_eq!(PublicKey::from_bytes(&bytes), None);
        }
        assert_eq!(PublicKey::from_bytes(&BYTES[..31]), None);
    }

    proptest! {
        #[test]
        fn every_key_is_read_back_and_has_no_second_text(bytes: [u8; 32], letter in 0usize..43, other in 0usize..64) {
            let Some(key) = PublicKey::from_bytes(&bytes) else { return Ok(()) };
            let mut text = key.to_string();
            prop_assert_eq!(text.parse(), Ok(key));
            let at = "ed25519:".len() + letter;
            text.replace_range(at..=at, &char::from(LETTERS[other]).to_string());
            if text != key.to_string() {
                prop_assert_ne!(text.parse(), Ok(key));
            }
        }
    }
}
