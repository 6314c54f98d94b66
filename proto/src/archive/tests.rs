use alloc::string::ToString;
use alloc::vec;

use proptest::prelude::*;

use super::*;

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::vec(("[a-z_:0-9]{0,12}", "\\PC{0,20}"), 0..4)
}

fn archive() -> impl Strategy<Value = Archive> {
    let document = ("\\PC{0,20}", proptest::collection::vec(any::<u8>(), 0..200))
        .prop_map(|(name, bytes)| Document { name, bytes });
    let documents = proptest::collection::vec(document, 0..4);
    let clock = prop_oneof![Just(RunClock::Simulated), Just(RunClock::Real)];
    let duration = proptest::option::of(0..i64::MAX);
    (documents, pairs(), pairs(), any::<u64>(), duration, clock).prop_map(
        |(documents, parameters, simulations, seed, duration_ns, clock)| Archive {
            documents,
            parameters,
            simulations,
            seed,
            duration_ns,
            clock,
        },
    )
}

/// Puts a digest that fits behind a changed body, as an attacker would.
fn seal(bytes: &mut [u8]) {
    let body = bytes.len() - DIGEST_BYTES;
    let digest = Sha256::digest(&bytes[..body]);
    bytes[body..].copy_from_slice(&digest);
}

fn sample() -> Vec<u8> {
    Archive {
        documents: vec![Document { name: "a.md".to_string(), bytes: vec![1, 2, 3] }],
        parameters: vec![("threshold".to_string(), "30".to_string())],
        duration_ns: Some(5),
        ..Archive::default()
    }
    .encode()
    .unwrap()
}

proptest! {
    #[test]
    fn what_is_packed_unpacks_to_the_same(archive in archive()) {
        let bytes = archive.encode().unwrap();
        prop_assert_eq!(Archive::length(&bytes), Ok(bytes.len() as u64));
        prop_assert_eq!(Archive::decode(&bytes).unwrap(), archive);
    }

    #[test]
    fn a_flipped_bit_is_noticed(archive in archive(), at in any::<usize>(), bit in 0u8..8) {
        let mut bytes = archive.encode().unwrap();
        let len = bytes.len();
        bytes[at % len] ^= 1 << bit;
        prop_assert!(Archive::decode(&bytes).is_err());
    }

    #[test]
    fn what_is_accepted_encodes_to_the_same_bytes(archive in archive(), at in any::<usize>(), byte in any::<u8>()) {
        let mut bytes = archive.encode().unwrap();
        let body = bytes.len() - DIGEST_BYTES;
        bytes[at % body] = byte;
        seal(&mut bytes);
        if let Ok(other) = Archive::decode(&bytes) {
            prop_assert_eq!(other.encode().unwrap(), bytes);
        }
    }

    #[test]
    fn random_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Archive::decode(&bytes).is_err());
        let mut with_magic = MAGIC.to_vec();
        with_magic.extend_from_slice(&bytes);
        prop_assert!(Archive::decode(&with_magic).is_err());
    }
}

#[test]
fn every_cut_is_refused() {
    let bytes = sample();
    for len in 0..bytes.len() {
        assert!(Archive::decode(&bytes[..len]).is_err(), "cut at {len}");
    }
}

#[test]
fn a_count_or_length_beyond_the_bytes_is_refused_without_memory() {
    let mut bytes = sample();
    bytes[HEADER_BYTES..HEADER_BYTES + 2].copy_from_slice(&[0xFF, 0xFF]);
    seal(&mut bytes);
    assert!(matches!(Archive::decode(&bytes), Err(ArchiveError::Limit { what: "documents", .. })));
    let mut bytes = sample();
    let length_at = HEADER_BYTES + 2 + 2 + 4;
    bytes[length_at..length_at + 4].copy_from_slice(&[0, 0, 0xFF, 0]);
    seal(&mut bytes);
    assert!(matches!(Archive::decode(&bytes), Err(ArchiveError::Truncated { .. })));
}

#[test]
fn a_negative_duration_and_an_unknown_clock_are_refused() {
    let negative = Archive { duration_ns: Some(-5), ..Archive::default() };
    assert!(matches!(negative.encode(), Err(ArchiveError::Field { .. })));
    let mut bytes = sample();
    bytes[28..36].copy_from_slice(&(-2i64).to_le_bytes());
    seal(&mut bytes);
    assert_eq!(Archive::decode(&bytes), Err(ArchiveError::Field { at: 28 }));
    for (at, value) in [(10, 2), (11, 1)] {
        let mut bytes = sample();
        bytes[at] = value;
        seal(&mut bytes);
        assert_eq!(Archive::decode(&bytes), Err(ArchiveError::Field { at: 10 }));
    }
}

#[test]
fn another_version_is_named() {
    let mut bytes = sample();
    bytes[8] = 9;
    assert_eq!(Archive::decode(&bytes), Err(ArchiveError::Version { found: 9 }));
    assert_eq!(Archive::decode(b"\x7fELF........"), Err(ArchiveError::Magic));
}
