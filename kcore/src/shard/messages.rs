//! What agents do through the shard: send, ask, answer, publish, wait, charge.
//!
//! A handle in a payload is never copied: the receiver gets one derived from the sender's,
//! so a number that merely looks like a handle of somebody else carries nothing over.

use alloc::vec::Vec;

use flux_proto::payload::Reference;

use super::*;
use crate::capability::Extent;

impl Shard {
    /// The agent behind an endpoint handle, and the handle's badge.
    fn endpoint(&self, caller: AgentId, handle: Handle) -> Result<(AgentId, u16), Status> {
        let grant = self.capabilities.check(caller, handle, CapabilityKind::Communicate, Rights::WRITE)?;
        match grant.object {
            Object::Endpoint(agent) => Ok((agent, grant.badge)),
            _ => Err(Status::Denied),
        }
    }

    fn topic_of(&self, caller: AgentId, handle: Handle, rights: Rights) -> Result<TopicId, Status> {
        let grant = self.capabilities.check(caller, handle, CapabilityKind::Communicate, rights)?;
        match grant.object {
            Object::Topic(topic) => Ok(topic),
            _ => Err(Status::Denied),
        }
    }

    /// Sends a TELL through an endpoint handle; the number of the message.
    ///
    /// # Errors
    /// `DENIED`; `NOTFOUND` and `BUSY`, counted as dead letters; `OVERFLOW`; `NOMEM`.
    pub fn tell(&mut self, caller: AgentId, target: Handle, outgoing: Outgoing<'_>) -> Result<u64, Status> {
        let (target, badge) = self.endpoint(caller, target)?;
        self.post(&Letter {
            kind: MessageType::Tell,
            sender: Some(caller),
            target,
            badge,
            reply_to: None,
            topic: None,
            deadline: Time::NEVER,
            outgoing,
        })
    }

    /// Sends a TELL in the name of the kernel itself.
    ///
    /// # Errors
    /// `NOTFOUND` and `BUSY`, counted as dead letters; `OVERFLOW`; `NOMEM`.
    pub fn tell_from_kernel(&mut self, target: AgentId, outgoing: Outgoing<'_>) -> Result<u64, Status> {
        self.post(&Letter {
            kind: MessageType::Tell,
            sender: None,
            target,
            badge: 0,
            reply_to: None,
            topic: None,
            deadline: Time::NEVER,
            outgoing,
        })
    }

    /// Sends an ASK or DELEGATE that ends in exactly one [`Event::Completed`].
    ///
    /// # Errors
    /// As [`Shard::tell`]; `BUSY` without a free completion slot; `DEADLOCK`. There is no request then.
    pub fn request(
        &mut self,
        caller: AgentId,
        target: Handle,
        kind: RequestKind,
        outgoing: Outgoing<'_>,
        deadline: Time,
    ) -> Result<RequestId, Status> {
        let (target, badge) = self.endpoint(caller, target)?;
        if !self.agents.contains(target) {
            self.dead_letters.count(kind.message_type(), DeadReason::TargetEnded);
            return Err(Status::NotFound);
        }
        if kind == RequestKind::Ask {
            // Its agent waits for it, which it can't if it may be undone.
            self.commit(caller);
        }
        let request = self.requests.open(caller, target, kind, deadline)?;
        let sent = self.set_deadline(caller, request, deadline, outgoing.priority).and_then(|()| {
            self.post(&Letter {
                kind: kind.message_type(),
                sender: Some(caller),
                target,
                badge,
                reply_to: Some(request),
                topic: None,
                deadline,
                outgoing,
            })
        });
        match sent {
            Ok(_) => Ok(request),
            Err(status) => {
                if let Some(timer) = self.requests.withdraw(request) {
                    self.timers.cancel(timer);
                }
                Err(status)
            }
        }
    }

    fn set_deadline(
        &mut self,
        asker: AgentId,
        request: RequestId,
        deadline: Time,
        priority: u8,
    ) -> Result<(), Status> {
        if deadline == Time::NEVER {
            return Ok(());
        }
        let sequence = self.next_sequence();
        let order = Order { due: deadline, priority: Reverse(priority), sequence };
        let timer = self.timers.set(asker, order, TimerKind::Request(request))?;
        self.requests.set_timer(request, timer);
        Ok(())
    }

    /// Answers a request: REPLY to an ASK, RESULT to a DELEGATE, ERROR for [`Outcome::Error`].
    ///
    /// `kind` is what the type of a raw message answers; a handler's end gives `None`.
    ///
    /// # Errors
    /// Every [`AnswerError`]; [`AnswerError::Closed`] is counted as a dead letter.
    pub fn answer(
        &mut self,
        caller: AgentId,
        request: RequestId,
        kind: Option<RequestKind>,
        outcome: Outcome,
    ) -> Result<(), AnswerError> {
        if self.outboxes.keeps(caller) && self.requests.may_answer(caller, request, kind).is_ok() {
            return self.keep_answer(caller, request, outcome);
        }
        self.answer_now(caller, request, kind, outcome)
    }

    pub(super) fn answer_now(
        &mut self,
        caller: AgentId,
        request: RequestId,
        kind: Option<RequestKind>,
        outcome: Outcome,
    ) -> Result<(), AnswerError> {
        let asked = self.requests.info(request).map_or(RequestKind::Ask, |info| info.kind);
        let answer_type = match outcome {
            Outcome::Answer(_) => kind.unwrap_or(asked).answer_type(),
            Outcome::Error(_) => MessageType::Error,
        };
        let decided = match self.requests.answer(caller, request, kind, outcome) {
            Ok(decided) => decided,
            Err(error) => {
                if error == AnswerError::Closed {
                    self.dead_letters.count(answer_type, DeadReason::Late);
                }
                return Err(error);
            }
        };
        if let Some(record) = self.agents.get_mut(caller) {
            record.counters.count_sent(answer_type);
        }
        self.tell_outcome(decided);
        Ok(())
    }

    /// Answers a request with the bytes of a payload.
    ///
    /// # Errors
    /// As [`crate::runtime::Syscalls::answer`].
    pub fn answer_value(
        &mut self,
        caller: AgentId,
        request: RequestId,
        payload: &[u8],
    ) -> Result<(), Status> {
        // Checked first, so that a refused answer hands no handle over.
        if self.outboxes.has_answer(caller, request) {
            self.dead_letters.count(MessageType::Reply, DeadReason::Late);
            return Err(AnswerError::Closed.into());
        }
        if let Err(error) = self.requests.may_answer(caller, request, None) {
            let _ = self.answer(caller, request, None, Outcome::Answer(Payload::EMPTY));
            return Err(error.into());
        }
        let mut payload = Payload::copy_of(payload)?;
        if let Some(info) = self.requests.info(request)
            && let Err(status) = translate(&mut self.capabilities, caller, info.asker, &mut payload)
        {
            // The asker must not wait for an answer that cannot be given.
            let failure = Outcome::Error(Failure::Answered(status));
            self.answer(caller, request, None, failure)?;
            return Err(status);
        }
        self.answer(caller, request, None, Outcome::Answer(payload)).map_err(Status::from)
    }

    /// Ends every open request of an agent in an ERROR, as before it or the kernel stops.
    pub fn fail_requests_of(&mut self, asker: AgentId, failure: Failure) {
        loop {
            let open = self.requests.open_of(asker).next();
            let Some(decided) = open.and_then(|request| self.requests.fail(request, failure)) else { return };
            self.tell_outcome(decided);
        }
    }

    /// Takes the outcome of a request that the caller was told of; its completion slot is free again.
    pub fn take_outcome(&mut self, caller: AgentId, request: RequestId) -> Option<Outcome> {
        self.requests.take(caller, request)
    }

    /// Where the caller's next message stands.
    pub fn peek(&self, caller: AgentId) -> Option<Arrival> {
        let message = self.agents.get(caller)?.mailbox.peek(&self.pool, self.now)?;
        Some(Arrival { due: message.arrives, priority: message.priority, sequence: message.id })
    }

    /// Takes the caller's next message.
    pub fn receive(&mut self, caller: AgentId) -> Option<Message> {
        let record = self.agents.get_mut(caller)?;
        let message = record.mailbox.take(&mut self.pool, self.now)?;
        record.counters.count_received(message.kind);
        Some(message)
    }

    /// Sends an EVENT to all subscribers of the topic of a handle, and of the patterns that match it, to each
    /// once: see [`Topics`].
    ///
    /// A subscription whose handle was revoked or moved since ends here.
    ///
    /// # Errors
    /// `DENIED`, `OVERFLOW`; `INVALID` for a pattern.
    pub fn publish(
        &mut self,
        caller: AgentId,
        topic: Handle,
        outgoing: Outgoing<'_>,
    ) -> Result<Delivery, Status> {
        let topic = self.topic_of(caller, topic, Rights::WRITE)?;
        let len = outgoing.payload.len();
        if len > flux_abi::limits::PAYLOAD_BYTES {
            return Err(PayloadError::TooLong { len }.into());
        }
        if self.topics.is_pattern(topic) {
            return Err(Status::Invalid);
        }
        let mut delivery = Delivery::default();
        let mut place = Place::default();
        while let Some((by, subscriber)) = self.topics.next_subscriber(topic, &mut place) {
            if !self.may_hear(subscriber) {
                // The one behind it has its place now.
                let _ = self.topics.unsubscribe(by, subscriber.agent);
                place.step_back();
                continue;
            }
            let posted = self.post(&Letter {
                kind: MessageType::Event,
                sender: Some(caller),
                target: subscriber.agent,
                badge: 0,
                reply_to: None,
                topic: Some(topic),
                deadline: Time::NEVER,
                outgoing,
            });
            if posted.is_ok() {
                delivery.delivered = delivery.delivered.saturating_add(1);
            } else {
                delivery.refused = delivery.refused.saturating_add(1);
                self.topics.count_refusal(by, subscriber.agent);
            }
        }
        Ok(delivery)
    }

    /// Subscribes the caller to the topic or pattern of a handle, for as long as it has the handle.
    ///
    /// # Errors
    /// `DENIED`, `EXISTS`, `BUSY`, `NOMEM`.
    pub fn subscribe(&mut self, caller: AgentId, handle: Handle) -> Result<(), Status> {
        let topic = self.topic_of(caller, handle, Rights::READ)?;
        if self.topics.subscription(topic, caller).is_some_and(|subscriber| !self.may_hear(subscriber)) {
            self.topics.unsubscribe(topic, caller)?;
        }
        Ok(self.topics.subscribe(topic, caller, Some(handle))?)
    }

    /// Tells whether a subscriber still has the handle by which it subscribed.
    fn may_hear(&self, subscriber: Subscriber) -> bool {
        let has = |handle| self.topic_of(subscriber.agent, handle, Rights::READ).is_ok();
        subscriber.through.is_none_or(has)
    }

    /// Ends the caller's subscription to the topic of a handle.
    ///
    /// # Errors
    /// `DENIED`, `NOTFOUND`.
    pub fn unsubscribe(&mut self, caller: AgentId, topic: Handle) -> Result<(), Status> {
        let topic = self.topic_of(caller, topic, Rights::READ)?;
        Ok(self.topics.unsubscribe(topic, caller)?)
    }

    /// The caller arrives at a barrier; [`Time::NEVER`] waits without limit.
    ///
    /// # Errors
    /// `NOTFOUND` if the caller does not live, `INVALID`, `BUSY`, `NOMEM`.
    pub fn barrier(
        &mut self,
        caller: AgentId,
        name: &[u8],
        parties: u32,
        deadline: Time,
    ) -> Result<BarrierStep, Status> {
        if !self.agents.contains(caller) {
            return Err(Status::NotFound);
        }
        match self.barriers.arrive(caller, name, parties)? {
            Arrived::Opens(waiting) => {
                for waiter in waiting {
                    if let Some(timer) = waiter.timer {
                        self.timers.cancel(timer);
                    }
                    let sequence = self.next_sequence();
                    self.depart(waiter.agent, sequence, Event::Barrier(Status::Ok));
                }
                Ok(BarrierStep::Open)
            }
            Arrived::Waits => {
                if deadline != Time::NEVER {
                    let sequence = self.next_sequence();
                    let order = Order { due: deadline, priority: Reverse(Outgoing::PRIORITY), sequence };
                    match self.timers.set(caller, order, TimerKind::Barrier) {
                        Ok(timer) => self.barriers.set_timer(caller, timer),
                        Err(error) => {
                            self.barriers.leave(caller);
                            return Err(error.into());
                        }
                    }
                }
                Ok(BarrierStep::Waiting)
            }
        }
    }

    /// Sets a timer that is told once by [`Event::Timer`] with `key`.
    ///
    /// # Errors
    /// `NOTFOUND` if the caller does not live, `BUSY` at [`TIMERS`], `NOMEM`.
    pub fn set_timer(&mut self, caller: AgentId, due: Time, key: u64) -> Result<TimerId, Status> {
        let sequence = self.next_sequence();
        let record = self.agents.get_mut(caller).ok_or(Status::NotFound)?;
        if record.timers >= TIMERS {
            return Err(Status::Busy);
        }
        let order = Order { due, priority: Reverse(Outgoing::PRIORITY), sequence };
        let timer = self.timers.set(caller, order, TimerKind::Agent(key))?;
        record.timers = record.timers.saturating_add(1);
        Ok(timer)
    }

    /// Takes a timer of the caller back; `false` if it is not set.
    pub fn cancel_timer(&mut self, caller: AgentId, timer: TimerId) -> bool {
        let own = matches!(self.timers.get(timer), Some((owner, TimerKind::Agent(_))) if owner == caller);
        if own && self.timers.cancel(timer).is_some() {
            if let Some(record) = self.agents.get_mut(caller) {
                record.timers = record.timers.saturating_sub(1);
            }
            return true;
        }
        false
    }

    /// Notes a sign of life; it takes no mailbox place and wakes nobody.
    pub fn heartbeat(&mut self, caller: AgentId) {
        let now = self.now;
        if let Some(record) = self.agents.get_mut(caller) {
            record.heartbeat = Some(now);
            record.counters.count_sent(MessageType::Heartbeat);
        }
        let supervisor = self.supervisor();
        if let Some(supervisor) = self.agents.get_mut(supervisor) {
            supervisor.counters.count_received(MessageType::Heartbeat);
        }
    }

    /// Charges memory to an agent and to its process.
    ///
    /// # Errors
    /// `NOTFOUND`; `NOMEM` with nothing charged.
    pub fn charge(&mut self, caller: AgentId, bytes: u64) -> Result<(), Status> {
        let record = self.agents.get_mut(caller).ok_or(Status::NotFound)?;
        record.memory.charge(bytes)?;
        if let Some(process) = self.processes.get_mut(record.process)
            && let Err(error) = process.memory.charge(bytes)
        {
            record.memory.release(bytes);
            return Err(error.into());
        }
        Ok(())
    }

    /// Gives charged memory back.
    pub fn release(&mut self, caller: AgentId, bytes: u64) {
        if let Some(record) = self.agents.get_mut(caller) {
            let given = bytes.min(record.memory.used());
            record.memory.release(given);
            if let Some(process) = self.processes.get_mut(record.process) {
                process.memory.release(given);
            }
        }
    }

    /// The next word of an agent's own random stream (SplitMix64; Steele, Lea, Flood 2014).
    pub fn random(&mut self, caller: AgentId) -> u64 {
        self.agents.get_mut(caller).map_or(0, |record| split_mix(&mut record.random))
    }

    /// Sends a message, or keeps it if its sender is held.
    fn post(&mut self, letter: &Letter<'_>) -> Result<u64, Status> {
        match letter.sender {
            Some(sender) if letter.kind != MessageType::Ask && self.outboxes.keeps(sender) => {
                self.keep(sender, letter)
            }
            _ => self.deliver(letter),
        }
    }

    /// Puts a message into a mailbox, on its way for the delay.
    pub(super) fn deliver(&mut self, letter: &Letter<'_>) -> Result<u64, Status> {
        let Letter { kind, sender, target, badge, reply_to, topic, deadline, outgoing } = *letter;
        self.reserve_flight()?;
        let Some(record) = self.agents.get_mut(target) else {
            self.dead_letters.count(kind, DeadReason::TargetEnded);
            return Err(Status::NotFound);
        };
        if outgoing.required.is_some_and(|kind| !self.capabilities.holds(target, kind)) {
            return Err(Status::Denied);
        }
        let mut payload = Payload::copy_of(outgoing.payload)?;
        // The place first: handles that are derived for a message which then finds none would stay behind.
        let admitted = record.mailbox.admits(&self.pool, sender).and_then(|()| self.pool.make_room());
        if let (Ok(()), Some(sender)) = (admitted, sender) {
            translate(&mut self.capabilities, sender, target, &mut payload)?;
        }
        // Where messages take no time, the receiver of one that waits will look for others before it rests.
        let is_told = self.delay == Span::ZERO && !record.mailbox.is_empty();
        let sent = self.now;
        let sequence = self.sequence.saturating_add(1);
        let message = Message {
            id: sequence,
            reply_to,
            kind,
            sender,
            target,
            required: outgoing.required,
            sent,
            arrives: sent.after(self.delay),
            deadline,
            priority: outgoing.priority,
            topic,
            badge,
            payload,
        };
        if let Err(refusal) = admitted.and_then(|()| record.mailbox.put(&mut self.pool, message)) {
            record.counters.refused = record.counters.refused.saturating_add(1);
            self.dead_letters.count(kind, dead_reason(refusal));
            return Err(refusal.into());
        }
        self.sequence = sequence;
        if is_told {
            self.delivered = self.delivered.saturating_add(1);
        } else {
            self.depart(target, sequence, Event::Message);
        }
        if let Some(record) = sender.and_then(|sender| self.agents.get_mut(sender)) {
            record.counters.count_sent(kind);
        }
        Ok(sequence)
    }
}

/// A message before it has a number and a time.
pub(super) struct Letter<'p> {
    pub(super) kind: MessageType,
    pub(super) sender: Option<AgentId>,
    pub(super) target: AgentId,
    pub(super) badge: u16,
    pub(super) reply_to: Option<RequestId>,
    pub(super) topic: Option<TopicId>,
    pub(super) deadline: Time,
    pub(super) outgoing: Outgoing<'p>,
}

/// Replaces each agent and each capability handle of `sender` in a payload by one derived for `target`.
///
/// An agent becomes an endpoint through which the receiver may send, and pass the agent on, whatever else
/// the sender may do with it.
///
/// A payload that is not valid stays as it is; its receiver refuses it.
fn translate(
    capabilities: &mut Capabilities,
    sender: AgentId,
    target: AgentId,
    payload: &mut Payload,
) -> Result<(), Status> {
    // Few payloads carry a handle; those without its tag need no closer look.
    if !flux_proto::payload::may_refer(payload.bytes()) {
        return Ok(());
    }
    if flux_proto::payload::Reader::new(payload.bytes()).is_err() {
        return Ok(());
    }
    let mut given: Vec<Handle> = Vec::new();
    let result = flux_proto::payload::translate(payload.bytes_mut(), Status::Invalid, |kind, word| {
        let handle = Handle::from_word(word);
        if kind == Reference::Agent && handle == Handle::NONE {
            return Ok(word);
        }
        given.try_reserve(1).map_err(|_| Status::NoMemory)?;
        let mut grant = capabilities.inspect(sender, handle)?;
        if kind == Reference::Agent {
            grant = endpoint_of(grant)?;
        }
        let same = (sender == target).then_some(handle);
        let known = same.or_else(|| capabilities.already_given((sender, handle), target, grant));
        if let Some(known) = known {
            return Ok(known.word());
        }
        let derived = capabilities.derive(sender, handle, target, grant)?;
        given.push(derived);
        Ok(derived.word())
    });
    if result.is_err() {
        for handle in given {
            // It was derived a moment ago, so it is live.
            let _ = capabilities.revoke(target, handle, Extent::Whole);
        }
    }
    result
}

/// What an agent that is a value in a message grants to whoever receives it.
fn endpoint_of(grant: Grant) -> Result<Grant, Status> {
    let is_endpoint = matches!(grant.object, Object::Endpoint(_));
    if !is_endpoint || !grant.kinds.allows(CapabilityKind::Communicate) {
        return Err(Status::Denied);
    }
    let rights = Rights::WRITE.with(Rights::GRANT);
    let passed = Grant::new(CapabilityKind::Communicate, grant.object, rights);
    Ok(Grant { badge: grant.badge, ..passed })
}

pub(super) const fn dead_reason(refusal: Refusal) -> DeadReason {
    match refusal {
        Refusal::Full => DeadReason::MailboxFull,
        Refusal::Share => DeadReason::SenderShare,
        Refusal::NoMemory => DeadReason::NoMemory,
    }
}

pub(super) fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}
