//! Every interleaving of small systems of agents that ask, answer, delay, end and begin anew.
//!
//! The agents are played by the explorer, the shard is the real one. Beside it stands a plain record of
//! each request: what was promised to whom. A request that was taken must end in exactly one outcome at an
//! asker that lives; an answer that was taken must be that outcome.

use std::format;
use std::string::String;

use super::explore::{Explored, Explorer, System, hash_of};
use super::*;

/// What a small system may do in all.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Budget {
    requests: u8,
    /// Answers to each request: more than one are answers too many.
    answers: u8,
    /// Kinds of answers: 1 values, 2 errors too.
    outcomes: u8,
    /// Kinds of requests: 1 ASKs, 2 DELEGATEs too; ASKs alone go round.
    kinds: u8,
    ends: u8,
    successions: u8,
    revocations: u8,
    stops: u8,
    forgeries: u8,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Act {
    Request(usize, usize, RequestKind),
    Receive(usize),
    Answer(usize),
    AnswerError(usize),
    /// By the asker itself, or with the type of the other kind.
    Forge(usize),
    /// The next event that is due.
    Poll,
    /// Time passes up to the next event.
    Wait,
    Take(usize),
    /// It ends, as after a kill or a trap.
    End(usize),
    /// It ends and its next generation takes its place.
    Succeed(usize),
    /// Its open requests end, as before it stops in order.
    Stop(usize),
    /// The handle by which one sends to another is revoked.
    Revoke(usize, usize),
}

/// What the plain record knows of the outcome.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Promise {
    Open,
    Answered,
    AnsweredError,
    TargetEnded,
    Deadline,
    Stopped,
    /// The asker ended first: nobody is told.
    Void,
}

#[derive(Clone, Debug)]
struct Record {
    id: RequestId,
    asker: AgentId,
    target: AgentId,
    kind: RequestKind,
    deadline: Time,
    promise: Promise,
    told: u8,
    taken: u8,
    answers: u8,
}

#[derive(Clone, Debug)]
struct Agents {
    shard: Shard,
    process: ProcessId,
    /// The generation of each place, and whether it lives.
    places: Vec<(AgentId, bool)>,
    links: Vec<Vec<Handle>>,
    revoked: Vec<(usize, usize)>,
    records: Vec<Record>,
    /// Messages that wait in each place's mailbox.
    queued: Vec<u32>,
    left: Budget,
    /// The outcomes seen over the whole exploration are told by these.
    within: i64,
}

impl Agents {
    fn new(count: usize, left: Budget, within: i64, mailbox: u64) -> Self {
        let (mut world, agents) = World::with_agents(u32::try_from(count).unwrap());
        let links =
            agents.iter().map(|from| agents.iter().map(|to| world.link(*from, *to)).collect()).collect();
        for agent in &agents {
            world.shard.set_mailbox_limit(*agent, mailbox).unwrap();
        }
        let places: Vec<(AgentId, bool)> = agents.iter().map(|agent| (*agent, true)).collect();
        let queued = places.iter().map(|_| 0).collect();
        let (shard, process) = (world.shard, world.process);
        Self { shard, process, places, links, revoked: Vec::new(), records: Vec::new(), queued, left, within }
    }

    fn lives(&self, agent: AgentId) -> bool {
        self.places.contains(&(agent, true))
    }

    /// In the plain record: the one for whose answer an agent waits.
    fn waits_for(&self, agent: AgentId) -> Option<&Record> {
        let mut own = self.records.iter().filter(|record| record.asker == agent);
        own.find(|record| record.kind == RequestKind::Ask && record.promise == Promise::Open)
    }

    fn would_close_a_cycle(&self, asker: AgentId, target: AgentId) -> bool {
        let mut at = target;
        while at != asker {
            let Some(record) = self.waits_for(at) else { return false };
            at = record.target;
        }
        true
    }

    fn request(&mut self, from: usize, to: usize, kind: RequestKind) -> Result<(), String> {
        self.left.requests -= 1;
        let (asker, target) = (self.places[from].0, self.places[to].0);
        let deadline = self.shard.now().after(Span::from_ns(self.within));
        let refused = if self.revoked.contains(&(from, to)) {
            Some(Status::Denied)
        } else if !self.lives(target) {
            Some(Status::NotFound)
        } else if kind == RequestKind::Ask && self.would_close_a_cycle(asker, target) {
            Some(Status::Deadlock)
        } else if self.is_full(target, asker) {
            Some(Status::Busy)
        } else {
            None
        };
        let before = (self.shard.requests.len(), self.shard.timers.len(), self.shard.requests.open_count());
        match (self.shard.request(asker, self.links[from][to], kind, PAYLOAD, deadline), refused) {
            (Ok(id), None) => {
                let promise = Promise::Open;
                let record =
                    Record { id, asker, target, kind, deadline, promise, told: 0, taken: 0, answers: 0 };
                self.records.push(record);
                self.queued[to] += 1;
                Ok(())
            }
            (Err(status), Some(expected)) if status == expected => {
                let after =
                    (self.shard.requests.len(), self.shard.timers.len(), self.shard.requests.open_count());
                same(before, after, "a refused request leaves nothing behind")
            }
            (found, expected) => Err(format!("the request gave {found:?}, the record {expected:?}")),
        }
    }

    fn is_full(&self, target: AgentId, sender: AgentId) -> bool {
        let agent = self.shard.agent(target).unwrap();
        agent.mailbox.admits(&self.shard.pool, Some(sender)).is_err()
    }

    fn answer(&mut self, at: usize, promise: Promise) -> Result<(), String> {
        let Record { id, target, promise: before, .. } = self.records[at];
        self.records[at].answers += 1;
        let outcome = outcome_of(promise).ok_or("no answer")?;
        let answered = self.shard.answer(target, id, None, outcome);
        match (answered, before) {
            (Ok(()), Promise::Open) => {
                self.records[at].promise = promise;
                Ok(())
            }
            (Err(AnswerError::Closed), _) if before != Promise::Open => Ok(()),
            (answered, _) => Err(format!("an answer to one that is {before:?} gave {answered:?}")),
        }
    }

    /// Answers that must not count, whatever the state of the request.
    fn forge(&mut self, at: usize) -> Result<(), String> {
        self.left.forgeries -= 1;
        let Record { id, asker, target, kind, .. } = self.records[at];
        let other = match kind {
            RequestKind::Ask => RequestKind::Delegate,
            RequestKind::Delegate => RequestKind::Ask,
        };
        let never = RequestId::new(9, 0).ok_or("no number")?;
        for (who, request, kind) in [(target, id, Some(other)), (target, never, None), (asker, id, None)] {
            // An agent that asks itself cannot: that is a cycle. A DELEGATE to itself it may answer.
            let own = who == asker && asker == target && kind.is_none();
            if !own && self.shard.answer(who, request, kind, answer()).is_ok() {
                return Err(format!("{who:?} answered {request:?} as {kind:?}"));
            }
        }
        Ok(())
    }

    fn poll(&mut self) -> Result<(), String> {
        let now = self.shard.now();
        let open: Vec<bool> =
            self.records.iter().map(|record| self.shard.requests.is_open(record.id)).collect();
        let event = self.shard.poll();
        // A timer may have decided some on the way to the event.
        for (record, was_open) in self.records.iter_mut().zip(open) {
            if was_open && !self.shard.requests.is_open(record.id) && record.promise == Promise::Open {
                if record.deadline > now {
                    return Err(format!("{:?} ended before its deadline", record.id));
                }
                record.promise = Promise::Deadline;
            }
        }
        let Some((agent, event)) = event else { return Ok(()) };
        if !self.lives(agent) {
            return Err(format!("{agent:?} has ended and hears {event:?}"));
        }
        if let Event::Completed(id) = event {
            let record = self.records.iter_mut().find(|record| record.id == id && record.asker == agent);
            let record = record.ok_or("a completion that nobody asked for")?;
            record.told += 1;
            if record.promise == Promise::Open || record.told > 1 {
                return Err(format!("told {} times of one that is {:?}", record.told, record.promise));
            }
        }
        Ok(())
    }

    fn take(&mut self, at: usize) -> Result<(), String> {
        let Record { id, asker, promise, told, .. } = self.records[at];
        let outcome = self.shard.take_outcome(asker, id);
        if told == 0 {
            return same(outcome, None, "what was not told is not taken");
        }
        same(&outcome, &outcome_of(promise), "the outcome is what was promised")?;
        self.records[at].taken += 1;
        same(self.shard.take_outcome(asker, id), None, "it is taken once")
    }

    /// What the record must know of the end of an agent.
    fn note_end(&mut self, agent: AgentId) {
        for record in self.records.iter_mut() {
            if record.asker == agent {
                record.promise = Promise::Void;
            } else if record.target == agent && record.promise == Promise::Open {
                record.promise = Promise::TargetEnded;
            }
        }
    }

    fn end(&mut self, at: usize) -> Result<(), String> {
        self.left.ends -= 1;
        let agent = self.places[at].0;
        let unread = self.shard.end(agent, Exit::Killed).map(|remains| remains.unread);
        self.places[at].1 = false;
        self.note_end(agent);
        same(unread, Some(core::mem::take(&mut self.queued[at])), "what it had not read")
    }

    fn succeed(&mut self, at: usize) -> Result<(), String> {
        self.left.successions -= 1;
        let agent = self.places[at].0;
        let name = format!("agent-{at}");
        let birth = Birth::new(&name, self.process);
        let exit = Exit::Trapped(TrapKind::Fail);
        let (next, _) = self.shard.succeed(agent, exit, birth).map_err(|status| format!("{status:?}"))?;
        self.note_end(agent);
        self.places[at] = (next, true);
        // Requests to the old generation have ended, and there are no other messages here.
        self.queued[at] = 0;
        // Nothing is inherited: it is given links of its own.
        for to in 0..self.places.len() {
            let target = self.places[to].0;
            let grant = Grant::new(CapabilityKind::Communicate, Object::Endpoint(target), Rights::WRITE);
            let link =
                self.shard.capabilities_mut().mint(next, grant).map_err(|error| format!("{error:?}"))?;
            self.links[at][to] = link;
        }
        self.revoked.retain(|(from, _)| *from != at);
        Ok(())
    }
}

fn outcome_of(promise: Promise) -> Option<Outcome> {
    Some(match promise {
        Promise::Open | Promise::Void => return None,
        Promise::Answered => answer(),
        Promise::AnsweredError => Outcome::Error(Failure::Answered(Status::Invalid)),
        Promise::TargetEnded => Outcome::Error(Failure::TargetEnded),
        Promise::Deadline => Outcome::Error(Failure::Deadline),
        Promise::Stopped => Outcome::Error(Failure::Stopped),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "what is compared is made for it")]
pub(super) fn same<T: PartialEq + core::fmt::Debug>(found: T, expected: T, rule: &str) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{rule}: {found:?}, not {expected:?}")) }
}

/// What an event or timer is, without numbers that only grow.
type Pending = (i64, AgentId, u8, usize);

impl System for Agents {
    type Action = Act;
    type View = impl_view::View;

    fn actions(&self) -> Vec<Act> {
        let mut acts = Vec::new();
        let count = self.places.len();
        for (from, (agent, lives)) in self.places.iter().enumerate() {
            if !lives {
                continue;
            }
            let waits = self.waits_for(*agent).is_some();
            if self.left.requests > 0 && !waits {
                for to in 0..count {
                    let kinds =
                        [RequestKind::Ask, RequestKind::Delegate].into_iter().take(self.left.kinds.into());
                    let kinds = kinds.filter(|_| self.left.kinds > 1 || to == (from + 1) % count);
                    acts.extend(kinds.map(|kind| Act::Request(from, to, kind)));
                }
            }
            if !waits && self.shard.peek(*agent).is_some() {
                acts.push(Act::Receive(from));
            }
            if self.left.ends > 0 {
                acts.push(Act::End(from));
            }
            if self.left.successions > 0 {
                acts.push(Act::Succeed(from));
            }
            if self.left.stops > 0 {
                acts.push(Act::Stop(from));
            }
            if self.left.revocations > 0 {
                let live = (0..count).filter(|to| !self.revoked.contains(&(from, *to)));
                acts.extend(live.map(|to| Act::Revoke(from, to)));
            }
        }
        for (at, record) in self.records.iter().enumerate() {
            let answers = record.answers < self.left.answers && self.lives(record.target);
            if answers && self.waits_for(record.target).is_none() {
                let outcomes = [Act::Answer(at), Act::AnswerError(at)];
                acts.extend(outcomes.into_iter().take(self.left.outcomes.into()));
            }
            if self.left.forgeries > 0 && self.lives(record.target) && self.lives(record.asker) {
                acts.push(Act::Forge(at));
            }
            if self.lives(record.asker) && record.taken == 0 && record.told > 0 {
                acts.push(Act::Take(at));
            }
        }
        match self.shard.next_event() {
            Some(due) if due <= self.shard.now() => acts.push(Act::Poll),
            Some(_) => acts.push(Act::Wait),
            None => {}
        }
        acts
    }

    fn apply(&mut self, act: Act) -> Result<(), String> {
        match act {
            Act::Request(from, to, kind) => self.request(from, to, kind),
            Act::Receive(at) => {
                let message = self.shard.receive(self.places[at].0).ok_or("no message")?;
                self.queued[at] -= 1;
                let is_request = matches!(message.kind, MessageType::Ask | MessageType::Delegate);
                same(is_request, true, "no answer stands in a mailbox")
            }
            Act::Answer(at) => self.answer(at, Promise::Answered),
            Act::AnswerError(at) => self.answer(at, Promise::AnsweredError),
            Act::Forge(at) => self.forge(at),
            Act::Poll => self.poll(),
            Act::Wait => {
                if let Some(due) = self.shard.next_event() {
                    self.shard.advance(due);
                }
                Ok(())
            }
            Act::Take(at) => self.take(at),
            Act::End(at) => self.end(at),
            Act::Succeed(at) => self.succeed(at),
            Act::Stop(at) => {
                self.left.stops -= 1;
                let asker = self.places[at].0;
                self.shard.fail_requests_of(asker, Failure::Stopped);
                let own = self.records.iter_mut().filter(|record| record.asker == asker);
                own.filter(|r| r.promise == Promise::Open).for_each(|r| r.promise = Promise::Stopped);
                Ok(())
            }
            Act::Revoke(from, to) => {
                self.left.revocations -= 1;
                self.revoked.push((from, to));
                let (agent, link) = (self.places[from].0, self.links[from][to]);
                let revoked = self.shard.capabilities_mut().revoke(agent, link, Extent::Whole);
                same(revoked, Ok(1), "the link is revoked")
            }
        }
    }

    fn check(&self) -> Result<(), String> {
        let shard = &self.shard;
        let queued = |(agent, _): &(AgentId, bool)| shard.agent(*agent).map_or(0, Agent::queued);
        let found: Vec<u32> = self.places.iter().map(queued).collect();
        same(&found, &self.queued, "mailboxes hold what was sent and not read")?;
        same(shard.pool.used(), found.iter().sum(), "the pool holds what the mailboxes hold")?;
        let open = self.records.iter().filter(|record| record.promise == Promise::Open).count();
        same(shard.requests.open_count() as usize, open, "open requests")?;
        same(shard.timers.len() as usize, open, "a deadline for each open request and no other timer")?;
        let kept = self.records.iter().filter(|record| record.promise != Promise::Void && record.taken == 0);
        same(shard.requests.len() as usize, kept.count(), "completion slots that are taken")?;
        for (agent, _) in self.places.iter().filter(|(_, lives)| *lives) {
            let expected = self.waits_for(*agent).map(|record| record.id);
            same(shard.requests.waits_for(*agent), expected, "who waits in an ASK")?;
            if expected.is_some_and(|_| {
                self.waits_for(*agent).is_some_and(|record| self.would_close_a_cycle(*agent, record.target))
            }) {
                return Err(format!("{agent:?} waits for itself"));
            }
        }
        Ok(())
    }

    fn settle(mut self) -> Result<(), String> {
        loop {
            while self.shard.next_event().is_some_and(|due| due <= self.shard.now()) {
                self.poll()?;
            }
            let Some(due) = self.shard.next_event() else { break };
            self.shard.advance(due);
        }
        for at in 0..self.records.len() {
            let record = self.records[at].clone();
            if record.promise == Promise::Void {
                continue;
            }
            same(record.told, 1, "one outcome is told")?;
            if record.taken == 0 {
                self.take(at)?;
            }
        }
        self.check()?;
        same(self.shard.requests.is_empty(), true, "all completion slots are free again")?;
        for (agent, lives) in self.places.clone() {
            if lives {
                self.shard.end(agent, Exit::Stopped(0)).ok_or("it lives")?;
            }
        }
        let shard = &self.shard;
        let left = (shard.pool.used(), shard.timers.len(), shard.requests.len(), shard.requests.open_count());
        same(left, (0, 0, 0, 0), "nothing is left over")?;
        same(shard.processes().get(self.process).unwrap().agents(), 0, "nobody is left over")?;
        same(shard.capabilities.is_empty(), true, "no handle is left over")
    }

    fn view(&self) -> Self::View {
        let shard = &self.shard;
        let now = shard.now().ns();
        let number =
            |id: RequestId| self.records.iter().position(|record| record.id == id).unwrap_or(usize::MAX);
        let records = self.records.iter().map(|record| {
            let Record { asker, target, kind, deadline, promise, told, taken, answers, .. } = *record;
            let left = if promise == Promise::Open { deadline.ns() - now } else { 0 };
            (asker, target, kind, left, promise, (told, taken, answers))
        });
        // In the order in which they come about: by time, then by the sequence that all of them share.
        let mut pending: Vec<(i64, u64, Pending)> = Vec::new();
        for flight in &shard.flights {
            let (what, about) = match flight.event {
                Event::Message => (0, 0),
                Event::Completed(id) => (1, number(id)),
                _ => (2, 0),
            };
            let due = flight.arrives.ns();
            pending.push((due, flight.sequence, ((due - now).max(0), flight.agent, what, about)));
        }
        for (order, owner, kind) in shard.timers.all() {
            let about = if let TimerKind::Request(id) = kind { number(*id) } else { usize::MAX };
            let due = order.due.ns();
            pending.push((due, order.sequence, ((due - now).max(0), owner, 3, about)));
        }
        pending.sort_unstable();
        let mailboxes = self.places.iter().map(|(agent, lives)| {
            let record = shard.agent(*agent).filter(|_| *lives);
            let messages = record.into_iter().flat_map(|record| record.mailbox.iter(&shard.pool));
            let requests =
                messages.map(|message| (message.reply_to.map(number), (message.arrives.ns() - now).max(0)));
            (*agent, *lives, requests.collect())
        });
        impl_view::View {
            left: self.left,
            revoked: self.revoked.clone(),
            records: records.collect(),
            pending: pending.into_iter().map(|(_, _, pending)| pending).collect(),
            mailboxes: mailboxes.collect(),
        }
    }
}

mod impl_view {
    use super::*;

    /// A request without the numbers that only grow.
    type Request = (AgentId, AgentId, RequestKind, i64, Promise, (u8, u8, u8));
    type Waiting = Vec<(Option<usize>, i64)>;

    #[derive(Hash)]
    pub(super) struct View {
        pub(super) left: Budget,
        pub(super) revoked: Vec<(usize, usize)>,
        pub(super) records: Vec<Request>,
        pub(super) pending: Vec<Pending>,
        pub(super) mailboxes: Vec<(AgentId, bool, Waiting)>,
    }
}

const NOTHING: Budget = Budget {
    requests: 0,
    answers: 1,
    outcomes: 1,
    kinds: 2,
    ends: 0,
    successions: 0,
    revocations: 0,
    stops: 0,
    forgeries: 0,
};
/// A deadline that passes while an answer is on its way, or before.
const SHORT: i64 = 2_000;

fn explore(count: usize, left: Budget, mailbox: u64) -> Explored {
    Explorer::new().explore(&Agents::new(count, left, SHORT, mailbox))
}

#[test]
fn one_request_has_one_outcome_whatever_happens_to_asker_and_target() {
    let all = Budget { requests: 1, answers: 2, outcomes: 2, ends: 1, successions: 1, stops: 1, ..NOTHING };
    let explored = explore(2, all, 64);
    assert!(explored.states > 10_000, "{explored:?}");
}

#[test]
fn a_request_has_one_outcome_with_forged_answers_and_a_revocation_at_each_step() {
    let all = Budget { requests: 1, ends: 1, revocations: 1, forgeries: 1, ..NOTHING };
    let explored = explore(2, all, 64);
    assert!(explored.states > 1_000, "{explored:?}");
}

#[test]
fn two_requests_between_two_agents_have_one_outcome_each_with_full_mailboxes_and_an_end_at_each_step() {
    let some = Budget { requests: 2, ends: 1, ..NOTHING };
    let explored = explore(2, some, 1);
    assert!(explored.states > 10_000, "{explored:?}");
}

#[test]
fn asks_of_three_agents_never_wait_in_a_circle() {
    let asks = Budget { requests: 3, kinds: 1, ends: 1, ..NOTHING };
    let mut start = Agents::new(3, asks, SHORT, 64);
    for (from, to) in [(0, 1), (1, 2)] {
        start.apply(Act::Request(from, to, RequestKind::Ask)).unwrap();
    }
    let explored = Explorer::new().explore(&start);
    assert!(explored.states > 1_000, "{explored:?}");
}

/// The same with larger budgets: minutes, so only when asked for.
#[test]
#[ignore = "takes minutes: cargo test --release -p flux-kcore --lib larger -- --ignored --nocapture"]
fn larger_systems_have_one_outcome_for_each_request() {
    let one = Budget {
        requests: 1,
        answers: 2,
        outcomes: 2,
        ends: 2,
        successions: 1,
        revocations: 1,
        stops: 1,
        forgeries: 1,
        ..NOTHING
    };
    let two = Budget { requests: 2, outcomes: 2, ends: 1, successions: 1, ..NOTHING };
    let three = Budget { requests: 3, kinds: 1, ends: 1, ..NOTHING };
    for (agents, budget, mailbox) in [(2, one, 64), (2, two, 1), (3, three, 64)] {
        std::println!("{agents} agents, {budget:?}: {:?}", explore(agents, budget, mailbox));
    }
}

/// What each step leads to, as far as states can be told apart.
type Leads = Vec<(String, u64)>;

/// Follows every history of a few steps without merging any, and finds out whether all states that look
/// alike lead to states that look alike.
fn compare(state: &Agents, steps: usize, known: &mut BTreeMap<u64, Leads>) {
    if steps == 0 {
        return;
    }
    let next: Vec<(Act, Agents)> = state
        .actions()
        .into_iter()
        .map(|act| {
            let mut next = state.clone();
            next.apply(act).unwrap();
            (act, next)
        })
        .collect();
    let leads: Leads = next.iter().map(|(act, next)| (format!("{act:?}"), hash_of(&next.view()))).collect();
    let before = known.entry(hash_of(&state.view())).or_insert_with(|| leads.clone());
    assert_eq!(before, &leads, "{state:?}");
    for (_, next) in &next {
        compare(next, steps - 1, known);
    }
}

#[test]
fn states_that_look_alike_lead_to_states_that_look_alike() {
    let all = Budget { requests: 2, answers: 1, ends: 1, successions: 1, stops: 1, ..NOTHING };
    let mut known = BTreeMap::new();
    compare(&Agents::new(2, all, SHORT, 1), 5, &mut known);
    assert!(known.len() > 500, "{}", known.len());
}
