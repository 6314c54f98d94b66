//! The table of open ASKs and DELEGATEs: each has exactly one outcome.
//!
//! ```text
//!            answer by the target ─┐
//!            deadline ─────────────┤
//!  open() ─▶ OPEN ── target ends ──┼─▶ DECIDED ── told() ─▶ TOLD ── take() ─▶ gone
//!             │      asker stops ──┘
//!             └── asker ends ─▶ gone, nobody is told
//! ```
//!
//! The entry is the completion slot in the asker's quota: it is reserved when the request
//! is sent, the outcome is kept in it and never needs a place in the bounded mailbox.
//!
//! # Invariants
//! 1. The first of answer, deadline, end of the target and stop decides; all later ones are
//!    refused, each to the one who came late.
//! 2. Only the target answers, with the type that belongs to the request.
//! 3. An asker has at most [`COMPLETIONS`] entries, taken outcomes not counted.
//! 4. The waiting ASKs form no cycle: the one that would close it is refused.

use alloc::vec::Vec;

use flux_abi::message::MessageType;
use flux_abi::status::Status;

use crate::id::{AgentId, RequestId, Table, TimerId, index};
use crate::list::{Link, Links, List};
use crate::message::{Failure, Outcome, RequestKind};
use crate::time::Time;

/// Completion slots of an agent.
pub const COMPLETIONS: u32 = 64;

/// Why a request was not opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// The asker has no completion slot left.
    #[error("{COMPLETIONS} requests are open or not taken yet, no more are allowed")]
    NoSlot,
    /// It would wait for itself.
    #[error("this ASK would close a cycle of agents that wait for each other")]
    Deadlock,
    /// The allocator gave no memory.
    #[error("no memory for a request")]
    NoMemory,
}

impl From<OpenError> for Status {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NoSlot => Self::Busy,
            OpenError::Deadlock => Self::Deadlock,
            OpenError::NoMemory => Self::NoMemory,
        }
    }
}

/// Why an answer was refused.
///
/// For a raw REPLY or RESULT message every one of them is a protocol fault of the sender;
/// for the end of a handler run [`AnswerError::Closed`] is a dead letter.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AnswerError {
    /// No request ever had this number.
    #[error("nobody asked: no request has this number")]
    NeverAsked,
    /// The request has its outcome already (deadline, an earlier answer, an end), or the asker is gone.
    #[error("the request has ended before")]
    Closed,
    /// The request was sent to another agent.
    #[error("the request was sent to another agent")]
    NotTarget,
    /// A RESULT for an ASK, or a REPLY for a DELEGATE.
    #[error("an answer of this type does not belong to the request")]
    WrongType,
    /// It has to be kept until the run stands, and there is no memory for it.
    #[error("no memory to keep the answer until it is known whether the run stands")]
    NoMemory,
}

impl From<AnswerError> for Status {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Closed => Self::Timeout,
            AnswerError::NoMemory => Self::NoMemory,
            AnswerError::NeverAsked | AnswerError::NotTarget | AnswerError::WrongType => Self::Invalid,
        }
    }
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
enum State {
    Open,
    Decided(Outcome),
    Told(Outcome),
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Request {
    asker: AgentId,
    target: AgentId,
    kind: RequestKind,
    deadline: Time,
    timer: Option<TimerId>,
    state: State,
    /// Among the requests of the asker.
    of_asker: Link,
    /// Among the open requests to the target.
    of_target: Link,
}

/// What a request is, for lists and logs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RequestInfo {
    /// Who asked.
    pub asker: AgentId,
    /// Who is asked.
    pub target: AgentId,
    /// ASK or DELEGATE.
    pub kind: RequestKind,
    /// When it ends without an answer.
    pub deadline: Time,
}

/// A request that was just decided.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Decided {
    /// The request.
    pub request: RequestId,
    /// Who has to be told.
    pub asker: AgentId,
    /// The timer of its deadline, to be taken back.
    pub timer: Option<TimerId>,
}

const ASKED: usize = 0;
const SERVED: usize = 1;

#[derive(Clone, Copy, Debug, Default)]
struct Party {
    asked: List,
    serves: List,
    waits_for: Option<RequestId>,
}

/// All requests of a shard.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct Requests {
    requests: Table<RequestId, Request>,
    parties: Vec<Party>,
    open: u32,
}

impl Links<ASKED> for Table<RequestId, Request> {
    fn link(&mut self, at: u32) -> Option<&mut Link> {
        self.at_mut(at).map(|request| &mut request.of_asker)
    }
}

impl Links<SERVED> for Table<RequestId, Request> {
    fn link(&mut self, at: u32) -> Option<&mut Link> {
        self.at_mut(at).map(|request| &mut request.of_target)
    }
}

impl Default for Requests {
    fn default() -> Self {
        Self::new()
    }
}

impl Requests {
    /// No requests.
    pub const fn new() -> Self {
        Self { requests: Table::new(u32::MAX - 1), parties: Vec::new(), open: 0 }
    }

    /// Requests without an outcome.
    pub const fn open_count(&self) -> u32 {
        self.open
    }

    /// Requests with an outcome that was not taken yet, and open ones.
    pub const fn len(&self) -> u32 {
        self.requests.len()
    }

    /// Tells whether there is no request at all.
    pub const fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// What a request is; `None` once its outcome was taken.
    pub fn info(&self, id: RequestId) -> Option<RequestInfo> {
        let Request { asker, target, kind, deadline, .. } = *self.requests.get(id)?;
        Some(RequestInfo { asker, target, kind, deadline })
    }

    /// Type of the message that carries the outcome of a decided request.
    pub fn outcome_type(&self, id: RequestId) -> Option<MessageType> {
        let request = self.requests.get(id)?;
        match &request.state {
            State::Open => None,
            State::Decided(Outcome::Answer(_)) | State::Told(Outcome::Answer(_)) => {
                Some(request.kind.answer_type())
            }
            State::Decided(Outcome::Error(_)) | State::Told(Outcome::Error(_)) => Some(MessageType::Error),
        }
    }

    /// Tells whether a request has no outcome yet.
    pub fn is_open(&self, id: RequestId) -> bool {
        self.requests.get(id).is_some_and(|request| matches!(request.state, State::Open))
    }

    /// Tells whether [`Requests::open`] would succeed, without changing anything.
    ///
    /// # Errors
    /// [`OpenError::NoSlot`], [`OpenError::Deadlock`].
    pub fn admits(&self, asker: AgentId, target: AgentId, kind: RequestKind) -> Result<(), OpenError> {
        if self.party(asker).asked.len >= COMPLETIONS {
            return Err(OpenError::NoSlot);
        }
        if kind == RequestKind::Ask && self.leads_to(target, asker) {
            return Err(OpenError::Deadlock);
        }
        Ok(())
    }

    /// Opens a request: reserves the asker's completion slot. An ASK makes the asker wait.
    ///
    /// # Errors
    /// Every [`OpenError`].
    pub fn open(
        &mut self,
        asker: AgentId,
        target: AgentId,
        kind: RequestKind,
        deadline: Time,
    ) -> Result<RequestId, OpenError> {
        self.admits(asker, target, kind)?;
        self.make_parties(asker.slot().max(target.slot()))?;
        let request = Request {
            asker,
            target,
            kind,
            deadline,
            timer: None,
            state: State::Open,
            of_asker: Link::default(),
            of_target: Link::default(),
        };
        let id = self.requests.insert(request).map_err(|_| OpenError::NoMemory)?;
        if let Some(party) = party_mut(&mut self.parties, asker) {
            party.asked.push_back::<ASKED>(&mut self.requests, id.slot());
            if kind == RequestKind::Ask {
                party.waits_for = Some(id);
            }
        }
        if let Some(party) = party_mut(&mut self.parties, target) {
            party.serves.push_back::<SERVED>(&mut self.requests, id.slot());
        }
        self.open = self.open.saturating_add(1);
        Ok(id)
    }

    /// Names the timer of a request's deadline.
    pub fn set_timer(&mut self, id: RequestId, timer: TimerId) {
        if let Some(request) = self.requests.get_mut(id) {
            request.timer = Some(timer);
        }
    }

    /// Takes a request back that could not be sent; the timer of its deadline.
    pub fn withdraw(&mut self, id: RequestId) -> Option<TimerId> {
        self.forget(id).flatten()
    }

    /// Decides a request by an answer of `sender`; `kind` is what its type answers, if it says so.
    ///
    /// # Errors
    /// Every [`AnswerError`]; the outcome is dropped then.
    pub fn answer(
        &mut self,
        sender: AgentId,
        id: RequestId,
        kind: Option<RequestKind>,
        outcome: Outcome,
    ) -> Result<Decided, AnswerError> {
        self.may_answer(sender, id, kind)?;
        self.decide(id, outcome).ok_or(AnswerError::Closed)
    }

    /// Tells whether [`Requests::answer`] would succeed, without changing anything.
    ///
    /// # Errors
    /// Every [`AnswerError`].
    pub fn may_answer(
        &self,
        sender: AgentId,
        id: RequestId,
        kind: Option<RequestKind>,
    ) -> Result<(), AnswerError> {
        let Some(request) = self.requests.get(id) else {
            let known = self.requests.was_issued(id);
            return Err(if known { AnswerError::Closed } else { AnswerError::NeverAsked });
        };
        if request.target != sender {
            return Err(AnswerError::NotTarget);
        }
        if kind.is_some_and(|kind| kind != request.kind) {
            return Err(AnswerError::WrongType);
        }
        if matches!(request.state, State::Open) { Ok(()) } else { Err(AnswerError::Closed) }
    }

    /// Decides a request by a failure (deadline, stop); `None` if it has its outcome already.
    pub fn fail(&mut self, id: RequestId, failure: Failure) -> Option<Decided> {
        self.decide(id, Outcome::Error(failure))
    }

    /// Decides one open request to `target`, which ends; call until `None`.
    pub fn fail_next_of_target(&mut self, target: AgentId, failure: Failure) -> Option<Decided> {
        let id = self.requests.id_at(self.party(target).serves.head)?;
        self.fail(id, failure)
    }

    /// The open requests of an asker, oldest first.
    pub fn open_of(&self, asker: AgentId) -> impl Iterator<Item = RequestId> {
        let mut at = self.party(asker).asked.head;
        core::iter::from_fn(move || {
            let id = self.requests.id_at(at)?;
            at = self.requests.get(id)?.of_asker.next;
            Some(id)
        })
        .filter(|id| self.is_open(*id))
    }

    /// Forgets one request of an asker that ends, decided or not; its timer. Call until `None`.
    pub fn forget_next_of_asker(&mut self, asker: AgentId) -> Option<Option<TimerId>> {
        let id = self.requests.id_at(self.party(asker).asked.head)?;
        self.forget(id)
    }

    /// The asker learns that the request is decided; `false` if there is nothing to tell (any more).
    pub fn told(&mut self, id: RequestId) -> bool {
        let Some(request) = self.requests.get_mut(id) else { return false };
        match core::mem::replace(&mut request.state, State::Open) {
            State::Decided(outcome) => {
                request.state = State::Told(outcome);
                true
            }
            other => {
                request.state = other;
                false
            }
        }
    }

    /// Takes the outcome of a request that `asker` was told of; its slot is free again.
    pub fn take(&mut self, asker: AgentId, id: RequestId) -> Option<Outcome> {
        let request = self.requests.get(id)?;
        if request.asker != asker || !matches!(request.state, State::Told(_)) {
            return None;
        }
        if let Some(party) = party_mut(&mut self.parties, asker) {
            party.asked.remove::<ASKED>(&mut self.requests, id.slot());
        }
        match self.requests.remove(id)?.state {
            State::Told(outcome) => Some(outcome),
            State::Open | State::Decided(_) => None,
        }
    }

    /// Tells whether `agent` waits in an ASK, and in which.
    pub fn waits_for(&self, agent: AgentId) -> Option<RequestId> {
        self.party(agent).waits_for
    }

    fn decide(&mut self, id: RequestId, outcome: Outcome) -> Option<Decided> {
        let request = self.requests.get_mut(id)?;
        if !matches!(request.state, State::Open) {
            return None;
        }
        request.state = State::Decided(outcome);
        let timer = request.timer.take();
        let (asker, target) = (request.asker, request.target);
        self.close(id, asker, target);
        Some(Decided { request: id, asker, timer })
    }

    /// An open request is open no longer: the target owes nothing, the asker does not wait.
    fn close(&mut self, id: RequestId, asker: AgentId, target: AgentId) {
        if let Some(party) = party_mut(&mut self.parties, target) {
            party.serves.remove::<SERVED>(&mut self.requests, id.slot());
        }
        if let Some(party) = party_mut(&mut self.parties, asker)
            && party.waits_for == Some(id)
        {
            party.waits_for = None;
        }
        self.open = self.open.saturating_sub(1);
    }

    fn forget(&mut self, id: RequestId) -> Option<Option<TimerId>> {
        let request = self.requests.get(id)?;
        let (asker, target) = (request.asker, request.target);
        if matches!(request.state, State::Open) {
            self.close(id, asker, target);
        }
        if let Some(party) = party_mut(&mut self.parties, asker) {
            party.asked.remove::<ASKED>(&mut self.requests, id.slot());
        }
        self.requests.remove(id).map(|request| request.timer)
    }

    /// Tells whether following the waiting ASKs from `from` arrives at `to`.
    ///
    /// Every agent waits for at most one ASK and there is no cycle, so the walk ends.
    fn leads_to(&self, from: AgentId, to: AgentId) -> bool {
        let mut at = from;
        loop {
            if at == to {
                return true;
            }
            let next = self.party(at).waits_for.and_then(|id| self.requests.get(id));
            match next {
                Some(request) => at = request.target,
                None => return false,
            }
        }
    }

    fn party(&self, agent: AgentId) -> Party {
        index(agent.slot()).and_then(|at| self.parties.get(at)).copied().unwrap_or_default()
    }

    fn make_parties(&mut self, slot: u32) -> Result<(), OpenError> {
        let missing = (slot as usize).saturating_sub(self.parties.len());
        self.parties.try_reserve(missing).map_err(|_| OpenError::NoMemory)?;
        for _ in 0..missing {
            self.parties.push(Party::default());
        }
        Ok(())
    }
}

fn party_mut(parties: &mut [Party], agent: AgentId) -> Option<&mut Party> {
    parties.get_mut(index(agent.slot())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Payload;

    fn agent(slot: u32) -> AgentId {
        AgentId::new(slot, 0).unwrap()
    }

    fn value() -> Outcome {
        Outcome::Answer(Payload::EMPTY)
    }

    #[test]
    fn the_ask_that_would_close_a_cycle_is_refused_and_no_other() {
        let mut requests = Requests::new();
        for asker in 1..100 {
            requests.open(agent(asker), agent(asker + 1), RequestKind::Ask, Time::NEVER).unwrap();
        }
        let open = |requests: &mut Requests, target, kind| {
            requests.open(agent(100), agent(target), kind, Time::NEVER)
        };
        for target in [1, 50, 100] {
            assert_eq!(open(&mut requests, target, RequestKind::Ask), Err(OpenError::Deadlock));
        }
        assert!(open(&mut requests, 1, RequestKind::Delegate).is_ok());
        assert!(open(&mut requests, 101, RequestKind::Ask).is_ok());
    }

    #[test]
    fn a_decided_ask_no_longer_counts_as_waiting() {
        let mut requests = Requests::new();
        let first = requests.open(agent(1), agent(2), RequestKind::Ask, Time::NEVER).unwrap();
        requests.answer(agent(2), first, None, value()).unwrap();
        assert!(requests.open(agent(2), agent(1), RequestKind::Ask, Time::NEVER).is_ok());
    }

    #[test]
    fn the_end_of_a_delegation_does_not_end_the_wait_in_an_ask() {
        let mut requests = Requests::new();
        let delegation = requests.open(agent(1), agent(3), RequestKind::Delegate, Time::NEVER).unwrap();
        let asked = requests.open(agent(1), agent(2), RequestKind::Ask, Time::NEVER).unwrap();
        requests.answer(agent(3), delegation, None, value()).unwrap();
        assert_eq!(requests.waits_for(agent(1)), Some(asked));
        let closing = requests.open(agent(2), agent(1), RequestKind::Ask, Time::NEVER);
        assert_eq!(closing, Err(OpenError::Deadlock));
    }

    #[test]
    fn completion_slots_are_bounded_and_come_back_when_taken() {
        let mut requests = Requests::new();
        let open =
            |requests: &mut Requests| requests.open(agent(1), agent(2), RequestKind::Delegate, Time::NEVER);
        let first = open(&mut requests).unwrap();
        for _ in 1..COMPLETIONS {
            open(&mut requests).unwrap();
        }
        assert_eq!(open(&mut requests), Err(OpenError::NoSlot));
        requests.answer(agent(2), first, Some(RequestKind::Delegate), value()).unwrap();
        assert_eq!(open(&mut requests), Err(OpenError::NoSlot));
        assert_eq!(requests.take(agent(1), first), None);
        assert!(requests.told(first) && !requests.told(first));
        assert_eq!(requests.take(agent(2), first), None);
        assert_eq!(requests.take(agent(1), first), Some(value()));
        assert!(open(&mut requests).is_ok());
    }

    #[test]
    fn only_the_target_answers_once_and_with_the_right_type() {
        let mut requests = Requests::new();
        let id = requests.open(agent(1), agent(2), RequestKind::Ask, Time::NEVER).unwrap();
        assert_eq!(requests.answer(agent(3), id, None, value()), Err(AnswerError::NotTarget));
        let delegate = Some(RequestKind::Delegate);
        assert_eq!(requests.answer(agent(2), id, delegate, value()), Err(AnswerError::WrongType));
        let never = RequestId::new(9, 0).unwrap();
        assert_eq!(requests.answer(agent(2), never, None, value()), Err(AnswerError::NeverAsked));
        assert!(requests.answer(agent(2), id, Some(RequestKind::Ask), value()).is_ok());
        assert_eq!(requests.answer(agent(2), id, None, value()), Err(AnswerError::Closed));
        assert_eq!(requests.fail(id, Failure::Deadline), None);
    }
}
