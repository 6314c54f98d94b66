//! Runs whose effects on others wait until it is known that the run stands.
//!
//! While an agent is held, what it sends and answers is checked as usual and kept; [`Shard::commit`] lets it
//! go in order, [`Shard::discard`] makes it not to have been. Requests that it makes are open at once, so
//! that it has their numbers; they end without an outcome when they are discarded. An ASK, which its agent
//! waits for, lets go what was kept before it and is sent at once.
//!
//! # Invariants
//! 1. What was kept is let go in the order in which it was sent, before anything that is sent later.
//! 2. An agent keeps at most [`MOST_HELD`] messages; more are refused with `BUSY`. Answers are not counted:
//!    each request is answered once.
//! 3. An answer that was taken is the outcome if the run stands and the request is still open then.
//! 4. Nothing is let go but by [`Shard::commit`]: what finds no room is refused, and what is let go and not
//!    taken then is told to its asker or counted as a dead letter.

use alloc::vec::Vec;

use super::messages::{Letter, dead_reason};
use super::*;
use crate::sorted::SortedMap;

/// Messages that are kept for one agent.
pub const MOST_HELD: usize = 1_024;

/// Something that an agent did and that nobody knows of yet.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) enum Held {
    Letter {
        kind: MessageType,
        target: AgentId,
        badge: u16,
        reply_to: Option<RequestId>,
        topic: Option<TopicId>,
        deadline: Time,
        required: Option<CapabilityKind>,
        priority: u8,
        payload: Payload,
    },
    Answer {
        request: RequestId,
        outcome: Outcome,
    },
}

/// What held agents did.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Outboxes(SortedMap<AgentId, Vec<Held>>);

impl Outboxes {
    pub(super) const fn new() -> Self {
        Self(SortedMap::new())
    }

    /// Whether what `agent` sends is kept.
    pub(super) fn keeps(&self, agent: AgentId) -> bool {
        !self.0.is_empty() && self.0.get(&agent).is_some()
    }

    fn push(&mut self, agent: AgentId, held: Held) -> Result<(), Status> {
        let Some(outbox) = self.0.get_mut(&agent) else { return Err(Status::Invalid) };
        let letters = outbox.iter().filter(|held| matches!(held, Held::Letter { .. })).count();
        if letters >= MOST_HELD {
            return Err(Status::Busy);
        }
        outbox.try_reserve(1).map_err(|_| Status::NoMemory)?;
        outbox.push(held);
        Ok(())
    }

    /// Keeps the first answer to a request.
    fn push_answer(
        &mut self,
        agent: AgentId,
        request: RequestId,
        outcome: Outcome,
    ) -> Result<(), AnswerError> {
        if self.has_answer(agent, request) {
            return Err(AnswerError::Closed);
        }
        let Some(outbox) = self.0.get_mut(&agent) else { return Err(AnswerError::Closed) };
        outbox.try_reserve(1).map_err(|_| AnswerError::NoMemory)?;
        outbox.push(Held::Answer { request, outcome });
        Ok(())
    }

    /// Whether an answer to a request is kept.
    pub(super) fn has_answer(&self, agent: AgentId, request: RequestId) -> bool {
        let is_it = |held: &Held| matches!(held, Held::Answer { request: kept, .. } if *kept == request);
        !self.0.is_empty() && self.0.get(&agent).is_some_and(|outbox| outbox.iter().any(is_it))
    }

    /// Lets messages that are kept for an agent reach its next generation.
    pub(super) fn redirect(&mut self, old: AgentId, new: AgentId) {
        for held in self.0.values_mut().flatten() {
            if let Held::Letter { target, reply_to: None, .. } = held
                && *target == old
            {
                *target = new;
            }
        }
    }

    pub(super) fn forget(&mut self, agent: AgentId) {
        self.0.remove(&agent);
    }

    fn take(&mut self, agent: AgentId) -> Vec<Held> {
        self.0.get_mut(&agent).map(core::mem::take).unwrap_or_default()
    }
}

impl Shard {
    /// Keeps from now on what `agent` sends and answers.
    ///
    /// # Errors
    /// `NOTFOUND`, `NOMEM`.
    pub fn hold(&mut self, agent: AgentId) -> Result<(), Status> {
        if !self.agents.contains(agent) {
            return Err(Status::NotFound);
        }
        if !self.outboxes.keeps(agent) {
            self.outboxes.0.reserve(1).map_err(|_| Status::NoMemory)?;
            self.outboxes.0.insert(agent, Vec::new());
        }
        Ok(())
    }

    /// Lets go what was kept of an agent, and keeps nothing more.
    pub fn release_held(&mut self, agent: AgentId) {
        self.commit(agent);
        self.outboxes.forget(agent);
    }

    /// Lets go what was kept of an agent; what it does next is kept again.
    pub fn commit(&mut self, agent: AgentId) {
        if !self.outboxes.keeps(agent) {
            return;
        }
        for held in self.outboxes.take(agent) {
            match held {
                Held::Letter {
                    kind,
                    target,
                    badge,
                    reply_to,
                    topic,
                    deadline,
                    required,
                    priority,
                    payload,
                } => {
                    if reply_to.is_some_and(|request| !self.requests.is_open(request)) {
                        continue;
                    }
                    let outgoing = Outgoing { required, priority, payload: payload.bytes() };
                    let sender = Some(agent);
                    let letter = Letter { kind, sender, target, badge, reply_to, topic, deadline, outgoing };
                    let counted = self.dead_letters.total();
                    let Err(status) = self.deliver(&letter) else { continue };
                    if self.dead_letters.total() == counted {
                        self.dead_letters.count(kind, late_reason(status));
                    }
                    self.fail_request(reply_to, status);
                }
                Held::Answer { request, outcome } => {
                    // One whose request has ended meanwhile is counted as a dead letter there.
                    let _ = self.answer_now(agent, request, None, outcome);
                }
            }
        }
    }

    /// Forgets what was kept of an agent; what it does next is kept again.
    pub fn discard(&mut self, agent: AgentId) {
        for held in &self.outboxes.take(agent) {
            if let Held::Letter { reply_to: Some(request), .. } = held
                && let Some(timer) = self.requests.withdraw(*request)
            {
                self.timers.cancel(timer);
            }
        }
    }

    /// Puts a message back that the agent took and that nothing came of: it is the next one again.
    pub fn put_back(&mut self, agent: AgentId, message: Message) {
        if let Some(record) = self.agents.get_mut(agent) {
            record.counters.uncount_received(message.kind);
            let (kind, request) = (message.kind, message.reply_to);
            if record.mailbox.put_back(&mut self.pool, message).is_err() {
                self.dead_letters.count(kind, DeadReason::NoMemory);
                self.fail_request(request, Status::NoMemory);
            }
        }
    }

    /// Ends a request whose message was taken and then found no place.
    fn fail_request(&mut self, request: Option<RequestId>, status: Status) {
        let decided = request.and_then(|request| self.requests.fail(request, Failure::Answered(status)));
        if let Some(decided) = decided {
            self.tell_outcome(decided);
        }
    }

    /// Keeps a letter of a held sender, if it could be sent now.
    pub(super) fn keep(&mut self, sender: AgentId, letter: &Letter<'_>) -> Result<u64, Status> {
        let Letter { kind, target, badge, reply_to, topic, deadline, outgoing, .. } = *letter;
        let Some(record) = self.agents.get(target) else {
            self.dead_letters.count(kind, DeadReason::TargetEnded);
            return Err(Status::NotFound);
        };
        if outgoing.required.is_some_and(|kind| !self.capabilities.holds(target, kind)) {
            return Err(Status::Denied);
        }
        record.mailbox.admits(&self.pool, Some(sender)).inspect_err(|refusal| {
            self.dead_letters.count(kind, dead_reason(*refusal));
        })?;
        let payload = Payload::copy_of(outgoing.payload)?;
        let Outgoing { required, priority, .. } = outgoing;
        let held =
            Held::Letter { kind, target, badge, reply_to, topic, deadline, required, priority, payload };
        self.outboxes.push(sender, held)?;
        Ok(self.next_sequence())
    }

    /// Keeps an answer of a held agent.
    pub(super) fn keep_answer(
        &mut self,
        caller: AgentId,
        request: RequestId,
        outcome: Outcome,
    ) -> Result<(), AnswerError> {
        let kind = self.requests.info(request).map_or(RequestKind::Ask, |info| info.kind);
        let kept = self.outboxes.push_answer(caller, request, outcome);
        if kept == Err(AnswerError::Closed) {
            self.dead_letters.count(kind.answer_type(), DeadReason::Late);
        }
        kept
    }
}

/// Why a letter was not taken that could have been sent when it was kept.
const fn late_reason(status: Status) -> DeadReason {
    match status {
        Status::Denied => DeadReason::Revoked,
        _ => DeadReason::NoMemory,
    }
}
