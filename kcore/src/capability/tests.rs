use alloc::collections::BTreeMap;
use alloc::vec;

use proptest::prelude::*;

use flux_abi::capability::CapabilitySet;
use flux_abi::status::Status;

use super::grant::LAST_GENERATION;
use super::*;

fn agent(slot: u32, generation: u32) -> AgentId {
    AgentId::new(slot, generation).unwrap()
}

fn a(slot: u32) -> AgentId {
    agent(slot, 0)
}

fn with_agents(count: u32) -> Capabilities {
    let mut capabilities = Capabilities::new();
    for slot in 1..=count {
        capabilities.open(a(slot), HANDLES).unwrap();
    }
    capabilities
}

fn device(number: u32, rights: Rights) -> Grant {
    Grant::new(CapabilityKind::IoRead, Object::Device(number), rights)
}

fn full(number: u32) -> Grant {
    device(number, Rights::ALL)
}

#[test]
fn attack_16_a_handle_of_a_dead_agent_or_an_old_generation_reaches_nothing() {
    let mut caps = with_agents(2);
    let region = Grant::new(CapabilityKind::Memory, Object::Region(3), Rights::ALL);
    let handle = caps.mint(a(1), region).unwrap();
    assert_eq!(caps.inspect(a(2), handle), Err(CapabilityError::NoSuchHandle));
    caps.close(a(1));
    assert_eq!(caps.inspect(a(1), handle), Err(CapabilityError::NoAgent));
    caps.open(agent(1, 1), HANDLES).unwrap();
    assert_eq!(caps.inspect(a(1), handle), Err(CapabilityError::NoAgent));
    assert_eq!(caps.inspect(agent(1, 1), handle), Err(CapabilityError::NoSuchHandle));
    assert!(caps.is_empty());
}

#[test]
fn a_revoked_handle_does_not_reach_the_next_owner_of_its_place() {
    let mut caps = with_agents(1);
    let first = caps.mint(a(1), full(1)).unwrap();
    caps.revoke(a(1), first, Extent::Whole).unwrap();
    let second = caps.mint(a(1), full(2)).unwrap();
    assert_eq!(first.slot(), second.slot());
    assert_eq!(caps.inspect(a(1), first), Err(CapabilityError::Stale));
    assert_eq!(caps.inspect(a(1), second), Ok(full(2)));
}

#[test]
fn a_worn_out_place_is_retired() {
    let mut caps = with_agents(1);
    let first = caps.mint(a(1), full(1)).unwrap();
    let place = &mut caps.holders[0].as_mut().unwrap().places[0];
    place.generation = LAST_GENERATION;
    let last = Handle::new(first.slot(), LAST_GENERATION, Rights::ALL, 0);
    assert_eq!(caps.inspect(a(1), last), Ok(full(1)));
    caps.revoke(a(1), last, Extent::Whole).unwrap();
    assert_eq!(caps.inspect(a(1), last), Err(CapabilityError::Stale));
    assert_ne!(caps.mint(a(1), full(1)).unwrap().slot(), first.slot());
}

#[test]
fn attack_25_of_all_forged_words_only_the_true_ones_pass() {
    let mut caps = with_agents(2);
    for number in 0..40 {
        caps.mint(a(1), full(number)).unwrap();
    }
    let own = caps.mint(a(2), Grant { badge: 7, ..device(9, Rights::READ) }).unwrap();
    let mut passed = Vec::new();
    for slot in 0..=u16::MAX {
        for generation in [0, 1, 2, LAST_GENERATION] {
            for rights in [Rights::NONE, Rights::READ, Rights::ALL] {
                for badge in [0, 7] {
                    let word = Handle::new(slot, generation, rights, badge);
                    if caps.inspect(a(2), word).is_ok() {
                        passed.push(word);
                    }
                }
            }
        }
    }
    assert_eq!(passed, [own]);
    for bit in 0..64 {
        let flipped = Handle::from_word(own.word() ^ 1 << bit);
        assert!(caps.inspect(a(2), flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn attack_26_a_derived_handle_is_never_wider_than_its_parent() {
    let mut caps = with_agents(2);
    let read = Rights::READ.with(Rights::GRANT);
    let parent = caps.mint(a(1), Grant { badge: 5, ..device(1, read) }).unwrap();
    let good = Grant { badge: 5, ..device(1, Rights::READ) };
    let wider = [
        Grant { rights: Rights::ALL, ..good },
        Grant { rights: Rights::WRITE, ..good },
        Grant { object: Object::Device(2), ..good },
        Grant { object: Object::Any, ..good },
        Grant { kinds: good.kinds.with(CapabilityKind::IoWrite), ..good },
        Grant { badge: 0, ..good },
        Grant { badge: 6, ..good },
    ];
    for grant in wider {
        assert_eq!(caps.derive(a(1), parent, a(2), grant), Err(CapabilityError::Wider), "{grant:?}");
    }
    assert!(caps.derive(a(1), parent, a(2), good).is_ok());
    assert_eq!(caps.held(a(2)).count(), 1);
}

#[test]
fn network_allows_what_communicate_allows_and_not_the_reverse() {
    let mut caps = with_agents(1);
    let network =
        caps.mint(a(1), Grant::new(CapabilityKind::Network, Object::Endpoint(a(1)), Rights::ALL)).unwrap();
    assert!(caps.check(a(1), network, CapabilityKind::Communicate, Rights::WRITE).is_ok());
    let narrower = Grant::new(CapabilityKind::Communicate, Object::Endpoint(a(1)), Rights::WRITE);
    let communicate = caps.derive(a(1), network, a(1), narrower).unwrap();
    assert_eq!(
        caps.check(a(1), communicate, CapabilityKind::Network, Rights::WRITE),
        Err(CapabilityError::WrongKind(CapabilityKind::Network))
    );
}

#[test]
fn check_wants_kind_and_rights() {
    let mut caps = with_agents(1);
    let handle = caps.mint(a(1), device(1, Rights::READ)).unwrap();
    assert!(caps.check(a(1), handle, CapabilityKind::IoRead, Rights::READ).is_ok());
    assert_eq!(
        caps.check(a(1), handle, CapabilityKind::IoWrite, Rights::READ),
        Err(CapabilityError::WrongKind(CapabilityKind::IoWrite))
    );
    assert_eq!(
        caps.check(a(1), handle, CapabilityKind::IoRead, Rights::WRITE),
        Err(CapabilityError::MissingRight { held: 1, needed: 2 })
    );
    assert_eq!(
        caps.check(a(1), Handle::NONE, CapabilityKind::IoRead, Rights::NONE),
        Err(CapabilityError::NoSuchHandle)
    );
}

#[test]
fn attack_27_nothing_below_a_revocation_under_way_can_escape_it() {
    let mut caps = with_agents(4);
    let root = caps.mint(a(1), full(1)).unwrap();
    let mut chain = vec![(a(1), root)];
    for n in 0..40u32 {
        let (holder, handle) = chain[n as usize];
        let next = a(2 + n % 3);
        chain.push((next, caps.derive(holder, handle, next, full(1)).unwrap()));
    }
    let revocation = caps.revoke_start(a(1), root, Extent::Whole).unwrap();
    assert_eq!(caps.inspect(a(1), root), Err(CapabilityError::Stale), "the root is stale first");
    let mut steps = 0;
    loop {
        for (holder, handle) in &chain {
            assert!(caps.derive(*holder, *handle, *holder, full(1)).is_err());
            assert!(caps.transfer(*holder, *handle, a(4)).is_err());
        }
        if caps.revoke_step(revocation, 3) == Progress::Done {
            break;
        }
        steps += 1;
    }
    assert_eq!(steps, 41 / 3);
    assert!(caps.is_empty());
    assert!(chain.iter().all(|(holder, handle)| caps.inspect(*holder, *handle).is_err()));
}

#[test]
fn attack_27_two_agents_that_revoke_each_other_both_end_without_the_handle() {
    let mut caps = with_agents(2);
    let mine = caps.mint(a(1), full(1)).unwrap();
    let yours = caps.derive(a(1), mine, a(2), full(1)).unwrap();
    let back = caps.derive(a(2), yours, a(1), full(1)).unwrap();
    let inner = caps.revoke_start(a(2), yours, Extent::Whole).unwrap();
    let outer = caps.revoke_start(a(1), mine, Extent::Whole).unwrap();
    let innermost = caps.revoke_start(a(1), back, Extent::Whole).unwrap();
    for revocation in [innermost, outer, inner] {
        while caps.revoke_step(revocation, 1) == Progress::More {}
    }
    assert!(caps.is_empty());
}

#[test]
fn revoking_what_was_derived_keeps_the_handle_and_lets_it_derive_again() {
    let mut caps = with_agents(2);
    let root = caps.mint(a(1), full(1)).unwrap();
    let given = caps.derive(a(1), root, a(2), full(1)).unwrap();
    assert_eq!(caps.revoke(a(1), root, Extent::Derived), Ok(1));
    assert!(caps.inspect(a(2), given).is_err());
    assert!(caps.derive(a(1), root, a(2), full(1)).is_ok());
}

#[test]
fn what_an_ended_agent_derived_stays_usable_and_hangs_from_the_grant_above() {
    // Each child goes first once, so that every place in the list of siblings is taken out.
    for first in 0..3 {
        for minted in [false, true] {
            let mut caps = with_agents(3);
            let root = caps.mint(a(1), full(1)).unwrap();
            let middle = match minted {
                true => caps.mint(a(2), full(1)).unwrap(),
                false => caps.derive(a(1), root, a(2), full(1)).unwrap(),
            };
            let given: Vec<_> = (0..3).map(|_| caps.derive(a(2), middle, a(3), full(1)).unwrap()).collect();
            caps.close(a(2));
            assert!(given.iter().all(|handle| caps.inspect(a(3), *handle).is_ok()));
            assert_eq!(caps.revoke(a(3), given[first], Extent::Whole), Ok(1));
            let expected = if minted { 1 } else { 3 };
            assert_eq!(caps.revoke(a(1), root, Extent::Whole), Ok(expected));
            assert_eq!(caps.len(), if minted { 2 } else { 0 });
        }
    }
}

#[test]
fn attack_29_authority_that_goes_round_comes_back_no_wider() {
    let mut caps = with_agents(3);
    let mut grant = full(1);
    let (mut holder, mut handle) = (a(1), caps.mint(a(1), grant).unwrap());
    for (to, rights) in
        [(2, Rights::READ.with(Rights::GRANT).with(Rights::USE)), (3, Rights::READ.with(Rights::GRANT))]
    {
        grant.rights = rights;
        handle = caps.derive(holder, handle, a(to), grant).unwrap();
        holder = a(to);
    }
    assert_eq!(caps.derive(holder, handle, a(1), full(1)), Err(CapabilityError::Wider));
    let back = caps.derive(holder, handle, a(1), grant).unwrap();
    assert_eq!(
        caps.check(a(1), back, CapabilityKind::IoRead, Rights::WRITE).map_err(Status::from),
        Err(Status::Denied)
    );
}

#[test]
fn one_agent_fills_a_quarter_of_anothers_table_and_no_more() {
    let mut caps = Capabilities::new();
    caps.open(a(1), 100).unwrap();
    caps.open(a(2), 16).unwrap();
    let root = caps.mint(a(1), full(1)).unwrap();
    for _ in 0..2 {
        caps.derive(a(1), root, a(2), full(1)).unwrap();
        let moved = caps.mint(a(1), full(1)).unwrap();
        caps.transfer(a(1), moved, a(2)).unwrap();
    }
    assert_eq!(caps.derive(a(1), root, a(2), full(1)), Err(CapabilityError::Share { share: 4 }));
    let other = caps.mint(a(1), full(1)).unwrap();
    assert_eq!(caps.transfer(a(1), other, a(2)), Err(CapabilityError::Share { share: 4 }));
    for _ in 4..16 {
        caps.mint(a(2), full(1)).unwrap();
    }
    assert_eq!(caps.mint(a(2), full(1)), Err(CapabilityError::Full { limit: 16 }));
}

#[test]
fn a_chain_of_derivations_is_bounded() {
    let mut caps = with_agents(1);
    let mut handle = caps.mint(a(1), full(1)).unwrap();
    for _ in 0..MAX_DEPTH {
        handle = caps.derive(a(1), handle, a(1), full(1)).unwrap();
    }
    assert_eq!(caps.derive(a(1), handle, a(1), full(1)), Err(CapabilityError::TooDeep));
}

/// A grant in the plain model: a list of records that name their parent.
#[derive(Clone, Debug)]
struct Record {
    handle: Handle,
    holder: AgentId,
    giver: Option<AgentId>,
    grant: Grant,
    parent: Option<usize>,
    live: bool,
    /// Below a revocation that is not complete; may be live or stale.
    doomed: bool,
}

#[derive(Debug, Default)]
struct Model {
    records: Vec<Record>,
}

impl Model {
    fn below(&self, root: usize) -> Vec<usize> {
        let mut found = Vec::new();
        for at in 0..self.records.len() {
            let mut above = self.records[at].parent;
            while let Some(parent) = above {
                if parent == root {
                    found.push(at);
                    break;
                }
                above = self.records[parent].parent;
            }
        }
        found
    }

    fn kill(&mut self, at: usize) {
        self.records[at].live = false;
    }

    /// The holder ended: children hang from the record above.
    fn orphan(&mut self, at: usize) {
        let parent = self.records[at].parent;
        for record in &mut self.records {
            if record.parent == Some(at) {
                record.parent = parent;
            }
        }
        self.kill(at);
    }

    fn count(&self, holder: AgentId, giver: Option<AgentId>) -> usize {
        let of = self.records.iter().filter(|r| r.live && r.holder == holder);
        of.filter(|r| giver.is_none() || r.giver == giver).count()
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Mint(u32, Grant),
    Derive(usize, u32, Grant),
    Transfer(usize, u32),
    Revoke(usize, bool),
    Start(usize),
    Step(u32),
    Exit(u32),
}

fn grant() -> impl Strategy<Value = Grant> {
    let object = prop_oneof![Just(Object::Any), (0u32..2).prop_map(Object::Device)];
    // Mostly wide, so that derivations succeed often enough to build deep graphs.
    let rights = prop_oneof![3 => Just(Rights::ALL), 1 => (0u8..32).prop_map(Rights)];
    let badge = prop_oneof![4 => Just(0u16), 1 => 1u16..3];
    (object, rights, badge, any::<bool>()).prop_map(|(object, rights, badge, both)| {
        let kinds = CapabilitySet::EMPTY.with(CapabilityKind::IoRead);
        let kinds = if both { kinds.with(CapabilityKind::IoWrite) } else { kinds };
        Grant { kinds, object, rights, badge }
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        2 => (1u32..4, grant()).prop_map(|(to, grant)| Operation::Mint(to, grant)),
        8 => (any::<usize>(), 1u32..4, grant()).prop_map(|(from, to, grant)| Operation::Derive(from, to, grant)),
        2 => (any::<usize>(), 1u32..4).prop_map(|(from, to)| Operation::Transfer(from, to)),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(at, whole)| Operation::Revoke(at, whole)),
        1 => any::<usize>().prop_map(Operation::Start),
        2 => (0u32..4).prop_map(Operation::Step),
        1 => (1u32..4).prop_map(Operation::Exit),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn nobody_ever_reaches_more_than_was_given(operations in proptest::collection::vec(operation(), 1..120)) {
        const LIMIT: u16 = 12;
        let mut caps = Capabilities::new();
        let mut model = Model::default();
        let mut generations: BTreeMap<u32, u32> = (1..4).map(|slot| (slot, 0)).collect();
        for slot in 1..4 {
            caps.open(a(slot), LIMIT).unwrap();
        }
        let mut pending: Option<(Revocation, usize)> = None;
        for operation in operations {
            let now = |generations: &BTreeMap<u32, u32>, slot: u32| agent(slot, generations[&slot]);
            let pick = |at: usize, model: &Model| (!model.records.is_empty()).then(|| at % model.records.len());
            match operation {
                Operation::Mint(to, grant) => {
                    let holder = now(&generations, to);
                    if let Ok(handle) = caps.mint(holder, grant) {
                        model.records.push(Record { handle, holder, giver: None, grant, parent: None, live: true, doomed: false });
                    } else {
                        prop_assert!(pending.is_some() || model.count(holder, None) >= usize::from(LIMIT));
                    }
                }
                Operation::Derive(from, to, grant) => {
                    let Some(from) = pick(from, &model) else { continue };
                    let (above, to) = (model.records[from].clone(), now(&generations, to));
                    let foreign = above.holder != to;
                    let allowed = above.live && !above.doomed && above.grant.covers(grant)
                        && (!foreign || above.grant.rights.covers(Rights::GRANT));
                    match caps.derive(above.holder, above.handle, to, grant) {
                        Ok(handle) => {
                            prop_assert!(allowed);
                            let giver = foreign.then_some(above.holder);
                            model.records.push(Record { handle, holder: to, giver, grant, parent: Some(from), live: true, doomed: false });
                        }
                        Err(CapabilityError::Full { .. }) => {
                            prop_assert!(pending.is_some() || model.count(to, None) >= usize::from(LIMIT));
                        }
                        Err(CapabilityError::Share { .. }) => {
                            prop_assert!(pending.is_some() || model.count(to, Some(above.holder)) >= usize::from(LIMIT / 4));
                        }
                        Err(CapabilityError::TooDeep) => {}
                        Err(error) => prop_assert!(!allowed, "{error}"),
                    }
                }
                Operation::Transfer(from, to) => {
                    let Some(from) = pick(from, &model) else { continue };
                    let (record, to) = (model.records[from].clone(), now(&generations, to));
                    let foreign = record.holder != to;
                    let allowed = record.live && !record.doomed
                        && (!foreign || record.grant.rights.covers(Rights::GRANT));
                    match caps.transfer(record.holder, record.handle, to) {
                        Ok(handle) => {
                            prop_assert!(allowed);
                            // The old word is stale: it stays in the model as a dead record without children.
                            model.records[from] = Record { handle, holder: to, giver: Some(record.holder), ..record.clone() };
                            model.records.push(Record { live: false, parent: None, ..record });
                        }
                        Err(CapabilityError::Full { .. } | CapabilityError::Share { .. }) => {}
                        Err(error) => prop_assert!(!allowed, "{error}"),
                    }
                }
                Operation::Revoke(at, whole) => {
                    let Some(at) = pick(at, &model) else { continue };
                    let record = model.records[at].clone();
                    let extent = if whole { Extent::Whole } else { Extent::Derived };
                    match caps.revoke(record.holder, record.handle, extent) {
                        Ok(_) => {
                            prop_assert!(record.live);
                            for below in model.below(at) {
                                model.kill(below);
                            }
                            if whole {
                                model.kill(at);
                            }
                        }
                        Err(_) => prop_assert!(!record.live || record.doomed),
                    }
                }
                Operation::Start(at) => {
                    let Some(at) = pick(at, &model) else { continue };
                    let record = model.records[at].clone();
                    if pending.is_none() && record.live {
                        let revocation = caps.revoke_start(record.holder, record.handle, Extent::Whole).unwrap();
                        prop_assert_eq!(caps.inspect(record.holder, record.handle), Err(CapabilityError::Stale));
                        model.records[at].doomed = true;
                        for below in model.below(at) {
                            model.records[below].doomed = true;
                        }
                        pending = Some((revocation, at));
                    }
                }
                Operation::Step(budget) => {
                    if let Some((revocation, _)) = pending
                        && caps.revoke_step(revocation, budget) == Progress::Done
                    {
                        for record in &mut model.records {
                            if record.doomed {
                                record.live = false;
                            }
                        }
                        pending = None;
                    }
                }
                Operation::Exit(slot) => {
                    let old = now(&generations, slot);
                    caps.close(old);
                    for at in 0..model.records.len() {
                        if model.records[at].holder == old && model.records[at].live {
                            if model.records[at].doomed {
                                model.kill(at);
                            } else {
                                model.orphan(at);
                            }
                        }
                    }
                    *generations.get_mut(&slot).unwrap() += 1;
                    caps.open(now(&generations, slot), LIMIT).unwrap();
                }
            }
            for record in &model.records {
                let found = caps.inspect(record.holder, record.handle);
                if record.live && !record.doomed {
                    prop_assert_eq!(found, Ok(record.grant));
                } else if !record.live {
                    prop_assert!(found.is_err());
                }
                if let Some(parent) = record.parent.filter(|_| record.live) {
                    prop_assert!(model.records[parent].grant.covers(record.grant));
                }
            }
            if pending.is_none() {
                for slot in 1..4 {
                    let holder = now(&generations, slot);
                    prop_assert_eq!(caps.held(holder).count(), model.count(holder, None));
                }
                let live = model.records.iter().filter(|record| record.live).count();
                prop_assert_eq!(caps.len() as usize, live, "nothing is left over in the graph");
            }
        }
    }
}
