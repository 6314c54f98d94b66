//! Single rules of capability handles that random traces meet rarely or not at all.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]

use flux_abi::capability::CapabilityKind;
use flux_kcore::capability::{
    Capabilities, CapabilityError, Extent, Grant, Handle, MAX_DEPTH, Object, Progress, Revocation, Rights,
};
use flux_kcore::id::AgentId;

fn agent(slot: u32) -> AgentId {
    AgentId::new(slot, 0).unwrap()
}

/// Three agents without handles.
fn with_agents() -> Capabilities {
    let mut caps = Capabilities::new();
    for slot in 1..=3 {
        caps.open(agent(slot), 16).unwrap();
    }
    caps
}

fn device(rights: Rights) -> Grant {
    Grant::new(CapabilityKind::IoRead, Object::Device(1), rights)
}

fn finish(caps: &mut Capabilities, revocation: Revocation) {
    while caps.revoke_step(revocation, 1) == Progress::More {}
}

#[test]
fn rights_are_sets_of_five_bits() {
    for bits in 0..=u8::MAX {
        let rights = Rights::from_bits(bits);
        assert_eq!(rights.map(Rights::bits), (bits < 32).then_some(bits));
    }
    let all = || (0..32).filter_map(Rights::from_bits);
    for (one, other) in all().flat_map(|one| all().map(move |other| (one, other))) {
        assert_eq!(one.with(other).bits(), one.bits() | other.bits());
        assert_eq!(one.attenuate(other).bits(), one.bits() & other.bits());
        assert_eq!(one.covers(other), one.with(other) == one);
    }
    assert_eq!((Rights::NONE.bits(), Rights::ALL.bits()), (0, 31));
}

/// What is said of a word of slot 1 and generation 1 in which one bit is another.
fn wrong(bit: u32) -> CapabilityError {
    // Without its lowest bit the generation is 0, before the first.
    if bit == 16 { CapabilityError::Stale } else { CapabilityError::NoSuchHandle }
}

#[test]
fn a_word_of_a_generation_that_was_never_given_is_no_handle() {
    let mut caps = with_agents();
    let handle = caps.mint(agent(1), device(Rights::ALL)).unwrap();
    let later = |n: u64| Handle::from_word(handle.word() + (n << 16));
    let said = |caps: &Capabilities, n| caps.inspect(agent(1), later(n));
    assert_eq!(said(&caps, 0), Ok(device(Rights::ALL)));
    assert_eq!(said(&caps, 1), Err(CapabilityError::NoSuchHandle));
    for bit in 0..64 {
        let flipped = Handle::from_word(handle.word() ^ 1 << bit);
        assert_eq!(caps.inspect(agent(1), flipped), Err(wrong(bit)), "bit {bit}");
    }
    caps.revoke(agent(1), handle, Extent::Whole).unwrap();
    assert_eq!([0, 1, 2].map(|n| said(&caps, n).unwrap_err()), {
        // The place waits for its second grant, of which nothing was given yet.
        [CapabilityError::Stale, CapabilityError::Stale, CapabilityError::NoSuchHandle]
    });
}

#[test]
fn a_place_is_reserved_where_there_is_one() {
    let mut caps = with_agents();
    caps.close(agent(3));
    caps.open(agent(3), 1).unwrap();
    assert_eq!(caps.reserve(agent(3)), Ok(()));
    assert!(caps.is_empty());
    caps.mint(agent(3), device(Rights::ALL)).unwrap();
    assert_eq!(caps.reserve(agent(3)), Err(CapabilityError::Full { limit: 1 }));
    caps.close(agent(3));
    assert_eq!(caps.reserve(agent(3)), Err(CapabilityError::NoAgent));
}

#[test]
fn what_is_passed_on_again_is_found_and_what_goes_back_too() {
    let mut caps = with_agents();
    let (first, second) = (agent(1), agent(2));
    let upper = Rights::READ.with(Rights::GRANT);
    let root = caps.mint(first, device(upper)).unwrap();
    let given = caps.derive(first, root, second, device(Rights::READ)).unwrap();
    let again = |caps: &Capabilities, rights| caps.already_given((first, root), second, device(rights));
    assert_eq!(again(&caps, Rights::READ), Some(given));
    assert_eq!(again(&caps, Rights::NONE), None, "one for exactly that");
    let back = |caps: &Capabilities, rights| caps.already_given((second, given), first, device(rights));
    assert_eq!(back(&caps, Rights::READ), Some(root));
    assert_eq!(back(&caps, Rights::NONE), Some(root), "one from which more was derived");
    assert_eq!(back(&caps, Rights::WRITE), None, "it does not allow that itself");
    // Equal, but from elsewhere: a revocation of the one would not reach the other.
    let other = caps.mint(first, device(upper)).unwrap();
    assert_eq!(caps.already_given((first, other), second, device(Rights::READ)), None);
    assert_eq!(caps.already_given((first, root), agent(3), device(Rights::READ)), None);
}

#[test]
fn what_is_opened_by_a_handle_hangs_from_it() {
    let mut caps = with_agents();
    let root = caps.mint(agent(1), device(Rights::READ)).unwrap();
    let file = Grant::new(CapabilityKind::Filesystem, Object::File(1), Rights::ALL);
    let opened = caps.attach(agent(1), root, file).unwrap();
    let below = |caps: &Capabilities, one, other| caps.is_below((agent(1), one), (agent(1), other));
    assert!(below(&caps, opened, root) && !below(&caps, root, opened) && !below(&caps, root, root));
    assert!(caps.holds(agent(1), CapabilityKind::Filesystem));
    assert!(!caps.holds(agent(1), CapabilityKind::IoWrite));
    assert!(!caps.holds(agent(2), CapabilityKind::Filesystem));
    caps.close(agent(2));
    caps.open(agent(2), 1_024).unwrap();
    let mut last = caps.mint(agent(2), file).unwrap();
    for _ in 0..MAX_DEPTH {
        last = caps.attach(agent(2), last, file).unwrap();
    }
    assert_eq!(caps.attach(agent(2), last, file), Err(CapabilityError::TooDeep));
    assert_eq!(caps.revoke(agent(1), root, Extent::Whole), Ok(2));
    assert_eq!(caps.len(), u32::from(MAX_DEPTH) + 1);
}

#[test]
fn what_others_put_into_a_table_is_not_counted_against_a_giver() {
    let mut caps = with_agents();
    let root = caps.mint(agent(1), device(Rights::ALL)).unwrap();
    for _ in 0..8 {
        caps.mint(agent(2), device(Rights::ALL)).unwrap();
    }
    let mut give = || caps.derive(agent(1), root, agent(2), device(Rights::READ));
    for _ in 0..4 {
        assert!(give().is_ok());
    }
    assert_eq!(give(), Err(CapabilityError::Share { share: 4 }));
}

#[test]
fn the_end_of_a_revocation_of_what_was_derived_does_not_undo_one_of_the_whole() {
    let mut caps = with_agents();
    let root = caps.mint(agent(1), device(Rights::ALL)).unwrap();
    let derived = caps.revoke_start(agent(1), root, Extent::Derived).unwrap();
    let whole = caps.revoke_start(agent(1), root, Extent::Whole).unwrap();
    finish(&mut caps, derived);
    assert_eq!(caps.inspect(agent(1), root), Err(CapabilityError::Stale));
    finish(&mut caps, whole);
    assert!(caps.is_empty());
}

#[test]
fn a_revocation_of_what_was_derived_takes_the_grant_of_a_holder_that_ended() {
    for ends in [false, true] {
        let mut caps = with_agents();
        let top = caps.mint(agent(3), device(Rights::ALL)).unwrap();
        let root = caps.derive(agent(3), top, agent(1), device(Rights::ALL)).unwrap();
        let given = caps.derive(agent(1), root, agent(2), device(Rights::ALL)).unwrap();
        let derived = caps.revoke_start(agent(1), root, Extent::Derived).unwrap();
        if ends {
            caps.close(agent(1));
        }
        assert_eq!(
            caps.derive(agent(2), given, agent(2), device(Rights::READ)),
            Err(CapabilityError::Revoking)
        );
        finish(&mut caps, derived);
        assert_eq!(caps.inspect(agent(2), given), Err(CapabilityError::Stale));
        assert_eq!(caps.len(), if ends { 1 } else { 2 });
        assert_eq!(caps.revoke(agent(3), top, Extent::Whole), Ok(if ends { 1 } else { 2 }));
    }
}
