//! Random traces of grant, derive, attach, transfer, revoke, spawn and exit against a plain graph.
//!
//! The graph knows nothing of slots, generations or lists of siblings: a grant is a record that names the
//! record above it, and every rule is written as the documentation of the kernel states it. After each step
//! every word that was ever issued is tried in the table of every agent, living or not, and what an agent
//! reaches is compared with what the graph says that it was given.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a failure here fails the test"
)]

use std::collections::BTreeSet;

use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::status::Status;
use flux_kcore::capability::{
    Capabilities, CapabilityError, Extent, Grant, Handle, MAX_DEPTH, Object, Progress, Revocation, Rights,
};
use flux_kcore::id::AgentId;
use proptest::prelude::*;

/// Slots of agents; each is taken by one generation after the other.
const AGENTS: usize = 4;
/// Handles of an agent; a quarter of them may come from one other agent.
const LIMIT: u16 = 12;
const KINDS: [CapabilityKind; 3] =
    [CapabilityKind::IoRead, CapabilityKind::IoWrite, CapabilityKind::Communicate];
const RIGHTS: [Rights; 5] = [Rights::READ, Rights::WRITE, Rights::USE, Rights::GRANT, Rights::MANAGE];

/// What becomes of a grant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Life {
    Live,
    /// Below a revocation that has not returned: it may still answer or not, but nothing comes of it any more.
    Doomed,
    Dead,
}

/// One grant of the plain graph.
#[derive(Clone, Debug)]
struct Record {
    holder: AgentId,
    word: Handle,
    grant: Grant,
    above: Option<usize>,
    /// Derivations between this grant and the minted one.
    depth: u8,
    /// Who put it into the holder's table, if that was another agent.
    giver: Option<AgentId>,
    /// Made by the kernel for something that was opened by the grant above, which it need not resemble, or
    /// derived from such a one whose holder ended.
    attached: bool,
    life: Life,
    /// What was derived from it is being revoked, it itself is not.
    frozen: bool,
}

#[derive(Debug)]
struct Pending {
    revocation: Revocation,
    root: usize,
    extent: Extent,
}

/// Why the documentation says that an operation must be refused.
type Causes = Vec<CapabilityError>;

#[derive(Debug, Default)]
struct Graph {
    records: Vec<Record>,
    living: Vec<AgentId>,
    /// Words that were good once and must never be again, with whom they were issued to.
    spent: Vec<(AgentId, Handle)>,
}

impl Graph {
    fn is_below(&self, at: usize, root: usize) -> bool {
        let mut above = self.records[at].above;
        while let Some(record) = above {
            if record == root {
                return true;
            }
            above = self.records[record].above;
        }
        false
    }

    fn below(&self, root: usize) -> Vec<usize> {
        (0..self.records.len()).filter(|at| self.is_below(*at, root)).collect()
    }

    fn kill(&mut self, at: usize) {
        self.records[at].life = Life::Dead;
    }

    /// Grants in an agent's table: those that live, and at least and at most how many places they take.
    fn places(&self, holder: AgentId, giver: Option<AgentId>) -> std::ops::RangeInclusive<usize> {
        let of = |life| {
            let held = self.records.iter().filter(|r| r.life == life && r.holder == holder);
            held.filter(|record| giver.is_none() || record.giver == giver).count()
        };
        let live = of(Life::Live);
        live..=live + of(Life::Doomed)
    }

    /// Refusals that concern the handle itself.
    fn handle_causes(&self, at: usize) -> Causes {
        let record = &self.records[at];
        let mut causes = Causes::new();
        if !self.living.contains(&record.holder) {
            causes.push(CapabilityError::NoAgent);
        }
        if record.life != Life::Live {
            causes.push(CapabilityError::Stale);
        }
        causes
    }

    /// Refusals of one more handle for `to`, given by the holder of `at`.
    fn giving_causes(&self, at: usize, to: AgentId) -> Causes {
        let record = &self.records[at];
        let mut causes = self.handle_causes(at);
        if record.life == Life::Doomed || record.frozen {
            causes.push(CapabilityError::Revoking);
        }
        if !self.living.contains(&to) {
            causes.push(CapabilityError::NoAgent);
        }
        if to != record.holder && !record.grant.rights.covers(Rights::GRANT) {
            let (held, needed) = (record.grant.rights.bits(), Rights::GRANT.bits());
            causes.push(CapabilityError::MissingRight { held, needed });
        }
        if to != record.holder && *self.places(to, Some(record.holder)).end() >= usize::from(LIMIT / 4) {
            causes.push(CapabilityError::Share { share: LIMIT / 4 });
        }
        if *self.places(to, None).end() >= usize::from(LIMIT) {
            causes.push(CapabilityError::Full { limit: LIMIT });
        }
        causes
    }

    /// Whether the causes allow that nothing is refused: those that a doomed place alone brings are no must.
    fn must_refuse(&self, at: usize, to: AgentId, causes: &Causes) -> bool {
        let record = &self.records[at];
        causes.iter().any(|cause| match cause {
            CapabilityError::Share { share } => {
                *self.places(to, Some(record.holder)).start() >= usize::from(*share)
            }
            CapabilityError::Full { limit } => *self.places(to, None).start() >= usize::from(*limit),
            _ => true,
        })
    }

    fn agree<T>(
        &self,
        (at, to): (usize, AgentId),
        causes: &Causes,
        result: Result<T, CapabilityError>,
    ) -> Result<Option<T>, TestCaseError> {
        match result {
            Ok(value) => {
                prop_assert!(!self.must_refuse(at, to, causes), "granted in spite of {causes:?}");
                Ok(Some(value))
            }
            Err(error) => {
                prop_assert!(causes.contains(&error), "refused with {error:?}, the rules give {causes:?}");
                Ok(None)
            }
        }
    }
}

/// No wider, as the kernel's page says it: kind by kind, object, right by right, a badge that is set stays.
fn no_wider(narrow: Grant, wide: Grant) -> bool {
    // NETWORK implies COMMUNICATE; neither is among the kinds here, so kinds are compared one by one.
    CapabilityKind::ALL.iter().all(|kind| !narrow.kinds.allows(*kind) || wide.kinds.allows(*kind))
        && (wide.object == Object::Any || wide.object == narrow.object)
        && RIGHTS.iter().all(|right| !narrow.rights.covers(*right) || wide.rights.covers(*right))
        && (wide.badge == 0 || narrow.badge == wide.badge)
}

#[derive(Clone, Debug)]
enum Operation {
    /// The kernel grants.
    Grant(usize, Grant),
    Derive(usize, usize, Grant),
    Attach(usize, Grant),
    Transfer(usize, usize),
    Revoke(usize, Extent),
    Start(usize, Extent),
    Step(usize, u32),
    /// An agent ends and the next generation of its slot is spawned with an empty table.
    Respawn(usize),
    /// It ends; its slot stays empty until the next respawn.
    Exit(usize),
    /// The endpoints of an agent reach its next generation.
    Succeed(usize),
}

fn grant() -> impl Strategy<Value = Grant> {
    let object = prop_oneof![
        3 => Just(Object::Any),
        2 => (0u32..2).prop_map(Object::Device),
        1 => (1u32..=2).prop_map(|slot| Object::Endpoint(AgentId::new(slot, 0).unwrap())),
    ];
    // Mostly wide, so that derivations succeed often enough to build deep graphs.
    let rights =
        prop_oneof![4 => Just(Rights::ALL), 1 => (0u8..32).prop_map(|b| Rights::from_bits(b).unwrap())];
    let badge = prop_oneof![4 => Just(0u16), 1 => 1u16..3];
    let kinds = prop_oneof![2 => Just(7u8), 1 => 1u8..8];
    (object, rights, badge, kinds).prop_map(|(object, rights, badge, mask)| {
        let kinds = (0..).zip(KINDS).filter(|(bit, _)| mask & 1 << bit != 0);
        let kinds = kinds.fold(CapabilitySet::EMPTY, |set, (_, kind)| set.with(kind));
        Grant { kinds, object, rights, badge }
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    let extent = || prop_oneof![Just(Extent::Whole), Just(Extent::Derived)];
    let agent = 0..AGENTS;
    prop_oneof![
        3 => (agent.clone(), grant()).prop_map(|(to, grant)| Operation::Grant(to, grant)),
        10 => (any::<usize>(), agent.clone(), grant()).prop_map(|(at, to, grant)| Operation::Derive(at, to, grant)),
        2 => (any::<usize>(), grant()).prop_map(|(at, grant)| Operation::Attach(at, grant)),
        4 => (any::<usize>(), agent.clone()).prop_map(|(at, to)| Operation::Transfer(at, to)),
        2 => (any::<usize>(), extent()).prop_map(|(at, extent)| Operation::Revoke(at, extent)),
        2 => (any::<usize>(), extent()).prop_map(|(at, extent)| Operation::Start(at, extent)),
        4 => (any::<usize>(), 0u32..4).prop_map(|(at, budget)| Operation::Step(at, budget)),
        1 => agent.clone().prop_map(Operation::Respawn),
        1 => agent.clone().prop_map(Operation::Exit),
        1 => agent.prop_map(Operation::Succeed),
    ]
}

struct Trace {
    caps: Capabilities,
    graph: Graph,
    /// The present or last generation of each slot.
    agents: [AgentId; AGENTS],
    /// Every generation that ever lived.
    known: Vec<AgentId>,
    pending: Vec<Pending>,
}

impl Trace {
    fn new() -> Self {
        let agents = [1, 2, 3, 4].map(|slot| AgentId::new(slot, 0).unwrap());
        let mut caps = Capabilities::new();
        for agent in agents {
            caps.open(agent, LIMIT).unwrap();
        }
        let graph = Graph { living: agents.to_vec(), ..Graph::default() };
        Self { caps, graph, agents, known: agents.to_vec(), pending: Vec::new() }
    }

    fn pick(&self, at: usize) -> Option<usize> {
        (!self.graph.records.is_empty()).then(|| at % self.graph.records.len())
    }

    fn step(&mut self, operation: &Operation) -> Result<(), TestCaseError> {
        match *operation {
            Operation::Grant(to, grant) => self.mint(self.agents[to], grant),
            Operation::Derive(at, to, grant) => self.derive(at, self.agents[to], grant),
            Operation::Attach(at, grant) => self.attach(at, grant),
            Operation::Transfer(at, to) => self.transfer(at, self.agents[to]),
            Operation::Revoke(at, extent) => self.revoke(at, extent),
            Operation::Start(at, extent) => self.start(at, extent),
            Operation::Step(at, budget) => self.walk(at, budget),
            Operation::Exit(slot) => self.exit(slot),
            Operation::Respawn(slot) => self.exit(slot).and_then(|()| self.spawn(slot).map(|_| ())),
            Operation::Succeed(slot) => self.succeed(slot),
        }
    }

    fn mint(&mut self, to: AgentId, grant: Grant) -> Result<(), TestCaseError> {
        let lives = self.graph.living.contains(&to);
        let places = self.graph.places(to, None);
        match self.caps.mint(to, grant) {
            Ok(word) => {
                prop_assert!(lives && *places.start() < usize::from(LIMIT));
                self.add(to, word, grant, None, false);
            }
            Err(CapabilityError::NoAgent) => prop_assert!(!lives),
            Err(error) => {
                prop_assert_eq!(error, CapabilityError::Full { limit: LIMIT });
                prop_assert!(*places.end() >= usize::from(LIMIT));
            }
        }
        Ok(())
    }

    fn add(&mut self, to: AgentId, word: Handle, grant: Grant, above: Option<usize>, attached: bool) {
        let giver = above.map(|at| self.graph.records[at].holder).filter(|giver| *giver != to);
        let depth = above.map_or(0, |at| self.graph.records[at].depth + 1);
        let life = Life::Live;
        let record = Record { holder: to, word, grant, above, depth, giver, attached, life, frozen: false };
        self.graph.records.push(record);
    }

    fn derive(&mut self, at: usize, to: AgentId, grant: Grant) -> Result<(), TestCaseError> {
        let Some(at) = self.pick(at) else { return Ok(()) };
        let record = self.graph.records[at].clone();
        let mut causes = self.graph.giving_causes(at, to);
        if !no_wider(grant, record.grant) {
            causes.push(CapabilityError::Wider);
        }
        if record.depth >= MAX_DEPTH {
            causes.push(CapabilityError::TooDeep);
        }
        let result = self.caps.derive(record.holder, record.word, to, grant);
        if let Some(word) = self.graph.agree((at, to), &causes, result)? {
            self.add(to, word, grant, Some(at), false);
        }
        Ok(())
    }

    fn attach(&mut self, at: usize, grant: Grant) -> Result<(), TestCaseError> {
        let Some(at) = self.pick(at) else { return Ok(()) };
        let record = self.graph.records[at].clone();
        let mut causes = self.graph.giving_causes(at, record.holder);
        if record.depth >= MAX_DEPTH {
            causes.push(CapabilityError::TooDeep);
        }
        let result = self.caps.attach(record.holder, record.word, grant);
        if let Some(word) = self.graph.agree((at, record.holder), &causes, result)? {
            self.add(record.holder, word, grant, Some(at), true);
        }
        Ok(())
    }

    fn transfer(&mut self, at: usize, to: AgentId) -> Result<(), TestCaseError> {
        let Some(at) = self.pick(at) else { return Ok(()) };
        let record = self.graph.records[at].clone();
        let causes = self.graph.giving_causes(at, to);
        let result = self.caps.transfer(record.holder, record.word, to);
        if let Some(word) = self.graph.agree((at, to), &causes, result)? {
            prop_assert_eq!(self.caps.inspect(record.holder, record.word), Err(CapabilityError::Stale));
            self.graph.spent.push((record.holder, record.word));
            let giver = Some(record.holder).filter(|giver| *giver != to);
            self.graph.records[at] = Record { holder: to, word, giver, ..record };
        }
        Ok(())
    }

    fn revoke(&mut self, at: usize, extent: Extent) -> Result<(), TestCaseError> {
        let Some(at) = self.pick(at) else { return Ok(()) };
        // One revocation for each root at a time.
        if self.pending.iter().any(|pending| pending.root == at) {
            return Ok(());
        }
        let record = self.graph.records[at].clone();
        match self.caps.revoke(record.holder, record.word, extent) {
            Ok(count) => {
                prop_assert!(record.life != Life::Dead);
                let below = self.graph.below(at);
                let gone = below.iter().filter(|at| self.graph.records[**at].life != Life::Dead).count();
                let gone = gone + usize::from(extent == Extent::Whole);
                // One under way has taken some before, and keeps what holders left that have ended.
                let exact = self.pending.is_empty();
                prop_assert!(!exact || count as usize == gone, "{} of {} went", count, gone);
                self.revoked(at, extent);
                // What was derived from it is gone, so a second revocation of that has nothing left to keep from growing.
                self.thaw(at);
            }
            Err(error) => prop_assert!(record.life != Life::Live, "{error}"),
        }
        Ok(())
    }

    fn revoked(&mut self, root: usize, extent: Extent) {
        for at in self.graph.below(root) {
            self.graph.kill(at);
        }
        if extent == Extent::Whole {
            self.graph.kill(root);
        }
    }

    /// The root of a revocation of what was derived from it can derive again.
    fn thaw(&mut self, root: usize) {
        self.graph.records[root].frozen = false;
    }

    fn start(&mut self, at: usize, extent: Extent) -> Result<(), TestCaseError> {
        let Some(root) = self.pick(at) else { return Ok(()) };
        // One revocation for each root; more of them, above and below each other, at once.
        if self.pending.iter().any(|pending| pending.root == root) {
            return Ok(());
        }
        let record = self.graph.records[root].clone();
        match self.caps.revoke_start(record.holder, record.word, extent) {
            Ok(revocation) => {
                prop_assert!(record.life != Life::Dead);
                for at in self.graph.below(root) {
                    if self.graph.records[at].life == Life::Live {
                        self.graph.records[at].life = Life::Doomed;
                    }
                }
                let found = self.caps.inspect(record.holder, record.word);
                if extent == Extent::Whole {
                    self.graph.records[root].life = Life::Doomed;
                    prop_assert_eq!(found, Err(CapabilityError::Stale), "the root is stale at once");
                } else {
                    self.graph.records[root].frozen = true;
                    prop_assert_eq!(found, Ok(record.grant), "the root itself stays good");
                }
                self.pending.push(Pending { revocation, root, extent });
            }
            Err(error) => prop_assert!(record.life != Life::Live, "{error}"),
        }
        Ok(())
    }

    fn walk(&mut self, at: usize, budget: u32) -> Result<(), TestCaseError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let at = at % self.pending.len();
        let before = self.caps.len();
        let Pending { revocation, root, extent } = self.pending[at];
        let progress = self.caps.revoke_step(revocation, budget);
        let gone = before - self.caps.len();
        // The holder of the root may have ended: its own entry goes with the last step.
        prop_assert!(gone <= budget + 1);
        if progress == Progress::More {
            prop_assert_eq!(gone, budget, "a step that is not the last one uses its budget up");
        } else {
            self.pending.remove(at);
            self.revoked(root, extent);
            if !self.pending.iter().any(|pending| pending.root == root) {
                self.thaw(root);
            }
        }
        Ok(())
    }

    fn exit(&mut self, slot: usize) -> Result<(), TestCaseError> {
        let old = self.agents[slot];
        self.caps.close(old);
        self.graph.living.retain(|agent| *agent != old);
        prop_assert_eq!(self.caps.held(old).count(), 0);
        for at in 0..self.graph.records.len() {
            let Record { holder, life, above, frozen, attached, .. } = self.graph.records[at];
            if holder != old || life == Life::Dead {
                continue;
            }
            // What it derived for others hangs from the grant above, unless it is being revoked.
            if life == Life::Live && !frozen {
                for record in &mut self.graph.records {
                    if record.above == Some(at) {
                        record.above = above;
                        record.attached |= attached;
                    }
                }
            }
            self.graph.kill(at);
        }
        Ok(())
    }

    fn spawn(&mut self, slot: usize) -> Result<AgentId, TestCaseError> {
        let old = self.agents[slot];
        let new = AgentId::new(old.slot(), old.generation() + 1).unwrap();
        prop_assert_eq!(self.caps.open(new, LIMIT), Ok(()));
        prop_assert_eq!(self.caps.open(new, LIMIT), Err(CapabilityError::NoAgent), "the slot is taken");
        prop_assert_eq!(self.caps.held(new).count(), 0, "nothing is inherited");
        self.agents[slot] = new;
        self.known.push(new);
        self.graph.living.push(new);
        Ok(new)
    }

    fn succeed(&mut self, slot: usize) -> Result<(), TestCaseError> {
        let old = self.agents[slot];
        self.exit(slot)?;
        let new = self.spawn(slot)?;
        self.caps.redirect(old, new);
        for record in &mut self.graph.records {
            if record.grant.object == Object::Endpoint(old) {
                record.grant.object = Object::Endpoint(new);
            }
        }
        Ok(())
    }

    /// Nobody reaches more than was given, and what was given is reached.
    fn check(&self) -> Result<(), TestCaseError> {
        for (at, record) in self.graph.records.iter().enumerate() {
            for agent in &self.known {
                let found = self.caps.inspect(*agent, record.word);
                if *agent != record.holder {
                    // The same word may be another, good handle of that agent; then the graph knows it.
                    let own = self.graph.records.iter().any(|other| {
                        other.holder == *agent && other.word == record.word && other.life != Life::Dead
                    });
                    prop_assert!(own || found.is_err(), "a word of {:?} works for {agent:?}", record.holder);
                } else if record.life == Life::Live {
                    prop_assert_eq!(found, Ok(record.grant));
                } else if record.life == Life::Dead {
                    prop_assert!(found.is_err(), "{record:?} still answers");
                }
            }
            if record.life != Life::Dead {
                self.check_is_covered(at)?;
            }
        }
        for (agent, word) in &self.graph.spent {
            prop_assert!(self.caps.inspect(*agent, *word).is_err());
        }
        for agent in &self.known {
            self.check_reach(*agent)?;
        }
        if self.pending.is_empty() {
            let live = self.graph.records.iter().filter(|record| record.life == Life::Live).count();
            prop_assert_eq!(self.caps.len() as usize, live, "nothing is left over in the graph");
            prop_assert_eq!(self.caps.is_empty(), live == 0);
        }
        Ok(())
    }

    /// Every grant is covered by each one above it up to the one that the kernel made.
    fn check_is_covered(&self, at: usize) -> Result<(), TestCaseError> {
        let record = &self.graph.records[at];
        let mut below = record;
        while let Some(above) = below.above.filter(|_| !below.attached) {
            let above = &self.graph.records[above];
            prop_assert!(no_wider(record.grant, above.grant));
            let (word, root) = ((record.holder, record.word), (above.holder, above.word));
            if record.life == Life::Live && above.life == Life::Live {
                prop_assert!(self.caps.is_below(word, root) && !self.caps.is_below(root, word));
            }
            below = above;
        }
        Ok(())
    }

    /// What the table of an agent allows, call by call, is what its records give it.
    fn check_reach(&self, agent: AgentId) -> Result<(), TestCaseError> {
        let reach = |grants: &mut dyn Iterator<Item = (Handle, Grant)>| {
            let mut reach = BTreeSet::new();
            for (word, grant) in grants {
                for (k, kind) in KINDS.iter().enumerate() {
                    for (r, right) in RIGHTS.iter().enumerate() {
                        if grant.kinds.allows(*kind) && grant.rights.covers(*right) {
                            reach.insert((word.word(), k, r, std::format!("{:?}", grant.object)));
                        }
                    }
                }
            }
            reach
        };
        let of = |life: &[Life]| {
            let records = self.graph.records.iter().filter(|r| r.holder == agent && life.contains(&r.life));
            reach(&mut records.map(|record| (record.word, record.grant)))
        };
        let held = reach(&mut self.caps.held(agent));
        prop_assert!(of(&[Life::Live]).is_subset(&held));
        prop_assert!(held.is_subset(&of(&[Life::Live, Life::Doomed])));
        for kind in KINDS {
            prop_assert_eq!(
                self.caps.holds(agent, kind),
                self.caps.held(agent).any(|(_, grant)| grant.kinds.allows(kind))
            );
        }
        for record in self.graph.records.iter().filter(|r| r.holder == agent && r.life == Life::Live) {
            for kind in KINDS {
                for right in RIGHTS {
                    let given = record.grant.kinds.allows(kind) && record.grant.rights.covers(right);
                    let allowed = self.caps.check(agent, record.word, kind, right);
                    prop_assert_eq!(allowed.is_ok(), given);
                    prop_assert!(given || allowed.map_err(Status::from) == Err(Status::Denied));
                }
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(250) })]
    #[test]
    fn nobody_reaches_more_than_was_given_after_any_step(
        operations in proptest::collection::vec(operation(), 1..100)
    ) {
        let mut trace = Trace::new();
        for operation in &operations {
            trace.step(operation)?;
            trace.check()?;
        }
        // All revocations return, all agents end: nothing is left.
        while !trace.pending.is_empty() {
            trace.walk(0, 1)?;
            trace.check()?;
        }
        for slot in 0..AGENTS {
            trace.exit(slot)?;
        }
        trace.check()?;
        prop_assert!(trace.caps.is_empty());
    }
}
