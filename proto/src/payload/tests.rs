use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        // NaN is compared by bits elsewhere.
        (-1e12f64..1e12).prop_map(Value::Float),
        "\\PC{0,12}".prop_map(Value::Str),
        proptest::collection::vec(any::<u8>(), 0..12).prop_map(Value::Bytes),
        Just(Value::None),
        any::<u64>().prop_map(Value::Agent),
        any::<u64>().prop_map(Value::Capability),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::Struct),
            proptest::collection::vec((any::<i64>(), inner.clone()), 0..5).prop_map(|pairs| Value::Map(
                pairs
                    .into_iter()
                    .enumerate()
                    .map(|(n, (key, value))| (
                        Value::Array(vec![Value::Int(i64::try_from(n).unwrap()), Value::Int(key)]),
                        value
                    ))
                    .collect()
            )),
            inner.prop_map(|value| Value::Some(Box::new(value))),
        ]
    })
}

fn message() -> impl Strategy<Value = Message> {
    ("\\PC{0,20}", proptest::collection::vec(value(), 0..6))
        .prop_map(|(handler, values)| Message { handler, values })
}

fn nested(depth: usize) -> Message {
    let mut value = Value::Int(1);
    for _ in 0..depth {
        value = Value::Some(Box::new(value));
    }
    Message { handler: String::from("x"), values: vec![value] }
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(message in message()) {
        if let Ok(bytes) = message.encode() {
            prop_assert_eq!(Message::decode(&bytes).unwrap(), message);
        }
    }

    #[test]
    fn what_is_accepted_encodes_to_the_same_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(message) = Message::decode(&bytes) {
            prop_assert_eq!(message.encode().unwrap(), bytes);
        }
    }

    #[test]
    fn a_changed_byte_is_refused_or_read_canonically(message in message(), at in any::<usize>(), byte in any::<u8>()) {
        if let Ok(mut bytes) = message.encode() {
            let len = bytes.len();
            bytes[at % len] = byte;
            if let Ok(other) = Message::decode(&bytes) {
                prop_assert_eq!(other.encode().unwrap(), bytes);
            }
        }
    }

    #[test]
    fn every_cut_is_refused(message in message()) {
        if let Ok(bytes) = message.encode() {
            for len in 0..bytes.len() {
                prop_assert!(Reader::new(&bytes[..len]).is_err(), "cut at {len}");
            }
        }
    }

    #[test]
    fn translation_reaches_exactly_the_references(message in message()) {
        if let Ok(mut bytes) = message.encode() {
            let count = Reader::new(&bytes).unwrap()
                .filter(|t| matches!(t, Token::Agent(_) | Token::Capability(_))).count();
            let mut seen = 0;
            translate(&mut bytes, (), |_, word| { seen += 1; Ok(!word) }).unwrap();
            prop_assert_eq!(seen, count);
            translate(&mut bytes, (), |_, word| Ok(!word)).unwrap();
            prop_assert_eq!(Message::decode(&bytes).unwrap(), message);
        }
    }
}

#[test]
fn nesting_of_32_is_the_limit_for_writer_and_reader() {
    assert!(nested(NESTING).encode().is_ok());
    assert!(matches!(nested(NESTING + 1).encode(), Err(PayloadError::Nesting { .. })));
    let mut bytes = vec![0, 1];
    bytes.extend_from_slice(&[9; NESTING + 1]);
    bytes.push(8);
    assert!(matches!(Reader::new(&bytes), Err(PayloadError::Nesting { .. })));
    let mut empty_array = vec![0, 1];
    empty_array.extend_from_slice(&[9; NESTING]);
    empty_array.extend_from_slice(&[5, 0, 0]);
    assert!(matches!(Reader::new(&empty_array), Err(PayloadError::Nesting { .. })));
}

#[test]
fn a_payload_of_4096_bytes_fits_and_one_more_overflows() {
    let of = |len| Message { handler: String::new(), values: vec![Value::Bytes(vec![7; len])] };
    assert_eq!(of(PAYLOAD_BYTES - 5).encode().unwrap().len(), PAYLOAD_BYTES);
    assert_eq!(
        of(PAYLOAD_BYTES - 4).encode(),
        Err(PayloadError::Overflow { needed: PAYLOAD_BYTES + 1, room: PAYLOAD_BYTES })
    );
    assert!(matches!(of(70_000).encode(), Err(PayloadError::Overflow { .. })));
    assert!(matches!(Reader::new(&[0; PAYLOAD_BYTES + 1]), Err(PayloadError::Overflow { .. })));
}

#[test]
fn a_count_of_65535_with_ten_bytes_behind_it_costs_nothing() {
    for tag in [5, 6, 7] {
        let mut bytes = vec![0, 1, tag, 0xFF, 0xFF];
        bytes.extend_from_slice(&[8; 10]);
        assert!(matches!(Reader::new(&bytes), Err(PayloadError::Truncated { .. })), "tag {tag}");
    }
}

#[test]
fn only_the_canonical_nan_is_read_and_written() {
    let mut buffer = [0; 16];
    let mut writer = Writer::new(&mut buffer, "", 1).unwrap();
    writer.float(f64::from_bits(0xfff8_0000_0000_0001)).unwrap();
    let bytes = writer.finish().unwrap().to_vec();
    assert_eq!(bytes[3..], CANONICAL_NAN.to_le_bytes());
    let mut other = bytes;
    other[3] = 1;
    assert_eq!(Reader::new(&other).err(), Some(PayloadError::NotCanonical { at: 3 }));
}

#[test]
fn a_map_with_a_key_twice_is_refused_by_writer_and_reader() {
    let pair = |key| (Value::Int(key), Value::None);
    let of = |pairs| Message { handler: String::new(), values: vec![Value::Map(pairs)] };
    let bytes = of(vec![pair(1), pair(2)]).encode().unwrap();
    assert_eq!(of(vec![pair(1), pair(1)]).encode(), Err(PayloadError::DuplicateKey { at: 2 }));
    let mut twice = bytes;
    let second = twice.iter().rposition(|byte| *byte == 2).unwrap();
    twice[second] = 1;
    assert_eq!(Reader::new(&twice).err(), Some(PayloadError::DuplicateKey { at: 2 }));
}

#[test]
fn a_writer_keeps_to_what_it_announced() {
    let mut buffer = [0; 64];
    assert_eq!(Writer::new(&mut buffer, "f", 1).unwrap().finish(), Err(PayloadError::Missing));
    let mut writer = Writer::new(&mut buffer, "f", 1).unwrap();
    writer.array(1).unwrap();
    writer.bool(true).unwrap();
    assert_eq!(writer.bool(true), Err(PayloadError::TooMany));
    let mut writer = Writer::new(&mut buffer, "f", 1).unwrap();
    writer.structure(2).unwrap();
    writer.none().unwrap();
    assert_eq!(writer.finish(), Err(PayloadError::Missing));
    assert!(matches!(
        Writer::new(&mut buffer, &"n".repeat(256), 0),
        Err(PayloadError::TextTooLong { len: 256, limit: 255 })
    ));
}

#[test]
fn bytes_after_the_last_value_are_refused() {
    assert_eq!(Reader::new(&[0, 0, 8]).err(), Some(PayloadError::Trailing { at: 2, len: 1 }));
    let tokens: Vec<Token<'_>> = Reader::new(&[0, 1, 9, 0, 1]).unwrap().collect();
    assert_eq!(tokens, [Token::Some, Token::Bool(true)]);
    assert_eq!(Reader::new(&[0, 1, 0, 2]).err(), Some(PayloadError::NotCanonical { at: 3 }));
    assert_eq!(Reader::new(&[0, 1, 12]).err(), Some(PayloadError::Tag { tag: 12, at: 2 }));
    assert_eq!(Reader::new(&[1, 0xFF, 0]).err(), Some(PayloadError::Utf8 { at: 1 }));
}
