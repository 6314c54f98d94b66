//! The quick way for payloads of ints, floats and agents alone, which most are.
//!
//! # Invariants
//! 1. What is written here is what [`Writer`](super::Writer) writes.
//! 2. What is read here, [`Reader`](super::Reader) reads as the same values; what is not read here may still be
//!    a payload.

use flux_abi::limits::PAYLOAD_BYTES;

use super::{CANONICAL_NAN, Tag};

/// A value of eight bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// An int.
    Int(i64),
    /// An f64.
    Float(f64),
    /// An endpoint handle of an agent, 0 for nobody.
    Agent(u64),
}

/// Bytes of a value: its tag and its content.
const VALUE: usize = 9;

/// Writes a payload of such values; its length, or `None` if one of them is missing or there is no room.
#[inline]
pub fn write_scalars(
    buffer: &mut [u8],
    handler: &str,
    count: u8,
    mut value: impl FnMut(usize) -> Option<Scalar>,
) -> Option<usize> {
    let name = handler.as_bytes();
    let short = u8::try_from(name.len()).ok()?;
    let values = usize::from(count);
    let length = name.len().checked_add(2)?.checked_add(values.checked_mul(VALUE)?)?;
    let (head, rest) = buffer.get_mut(..length).filter(|_| length <= PAYLOAD_BYTES)?.split_first_mut()?;
    *head = short;
    let (place, rest) = rest.split_at_mut_checked(name.len())?;
    place.copy_from_slice(name);
    let (place, rest) = rest.split_first_mut()?;
    *place = count;
    for (at, place) in rest.chunks_exact_mut(VALUE).enumerate() {
        let (tag, word) = match value(at)? {
            Scalar::Int(value) => (Tag::Int, value.cast_unsigned()),
            Scalar::Float(value) if value.is_nan() => (Tag::Float, CANONICAL_NAN),
            Scalar::Float(value) => (Tag::Float, value.to_bits()),
            Scalar::Agent(word) => (Tag::Agent, word),
        };
        let (first, content) = place.split_first_mut()?;
        *first = tag as u8;
        content.copy_from_slice(&word.to_le_bytes());
    }
    Some(length)
}

/// Reads a payload that holds nothing but `count` such values: each is given to `take`, which refuses one
/// that it does not want. `None` for a refusal and for every other payload.
#[inline]
pub fn read_scalars(
    payload: &[u8],
    count: usize,
    mut take: impl FnMut(usize, Scalar) -> Option<()>,
) -> Option<()> {
    let (length, rest) = payload.split_first()?;
    let (values, rest) = rest.get(usize::from(*length)..)?.split_first()?;
    if usize::from(*values) != count
        || rest.len() != count.checked_mul(VALUE)?
        || payload.len() > PAYLOAD_BYTES
    {
        return None;
    }
    for (at, value) in rest.chunks_exact(VALUE).enumerate() {
        let (tag, content) = value.split_first()?;
        let word = u64::from_le_bytes(content.try_into().ok()?);
        let scalar = match Tag::from_byte(*tag)? {
            Tag::Int => Scalar::Int(word.cast_signed()),
            Tag::Float if !f64::from_bits(word).is_nan() => Scalar::Float(f64::from_bits(word)),
            Tag::Agent => Scalar::Agent(word),
            _ => return None,
        };
        take(at, scalar)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::{Reader, Token, Writer};
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn scalar() -> impl Strategy<Value = Scalar> {
        prop_oneof![
            any::<i64>().prop_map(Scalar::Int),
            any::<u64>().prop_map(|bits| Scalar::Float(f64::from_bits(bits))),
            any::<u64>().prop_map(Scalar::Agent),
        ]
    }

    fn token(scalar: Scalar) -> Token<'static> {
        match scalar {
            Scalar::Int(value) => Token::Int(value),
            Scalar::Float(value) => Token::Float(value),
            Scalar::Agent(word) => Token::Agent(word),
        }
    }

    proptest! {
        #[test]
        fn the_quick_way_writes_and_reads_what_the_other_one_does(
            handler in "[a-z ]{0,20}",
            values in proptest::collection::vec(scalar(), 0..8)
        ) {
            let (mut quick, mut usual) = ([0; 256], [0; 256]);
            let count = u8::try_from(values.len()).unwrap();
            let length = write_scalars(&mut quick, &handler, count, |at| values.get(at).copied()).unwrap();
            let mut writer = Writer::new(&mut usual, &handler, count).unwrap();
            for value in &values {
                match *value {
                    Scalar::Int(value) => writer.int(value).unwrap(),
                    Scalar::Float(value) => writer.float(value).unwrap(),
                    Scalar::Agent(word) => writer.agent(word).unwrap(),
                }
            }
            let usual = writer.finish().unwrap();
            prop_assert_eq!(&quick[..length], usual);
            let read: Vec<Token<'_>> = Reader::new(usual).unwrap().collect();
            let mut given = Vec::new();
            let whole = read_scalars(usual, values.len(), |_, scalar| {
                given.push(token(scalar));
                Some(())
            });
            // The one NaN that there is, is left to the other way.
            if values.iter().any(|value| matches!(value, Scalar::Float(value) if value.is_nan())) {
                prop_assert_eq!(whole, None);
            } else {
                prop_assert_eq!(whole, Some(()));
                prop_assert_eq!(given, read);
            }
        }

        #[test]
        fn what_is_read_quickly_is_a_payload(bytes in proptest::collection::vec(any::<u8>(), 0..40), count in 0usize..5) {
            let mut bytes = bytes;
            // A likely head.
            if let [length, rest @ ..] = bytes.as_mut_slice() {
                *length %= 4;
                let at = usize::from(*length);
                if let Some(place) = rest.get_mut(at) {
                    *place = u8::try_from(count).unwrap();
                }
            }
            let mut given = Vec::new();
            let whole = read_scalars(&bytes, count, |_, scalar| {
                given.push(token(scalar));
                Some(())
            });
            // A name that is no UTF-8 is found by whoever looks for the handler.
            let names = bytes.first().and_then(|length| bytes.get(1..=usize::from(*length)));
            if whole.is_some() && names.is_some_and(|name| core::str::from_utf8(name).is_ok()) {
                prop_assert_eq!(given, Reader::new(&bytes).unwrap().collect::<Vec<_>>());
            }
        }
    }
}
