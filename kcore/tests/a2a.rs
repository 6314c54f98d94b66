//! Every cell of the table of messages (`flux_abi::a2a`), brought about and compared with what the kernel does.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a failure here fails the test"
)]

use flux_abi::a2a::{Needs, Outcome, Place, ROWS, Row};
use flux_abi::capability::CapabilityKind;
use flux_abi::limits::MAILBOX;
use flux_abi::message::MessageType;
use flux_abi::status::Status;
use flux_kcore::capability::{Extent, Grant, Handle, Object, Rights};
use flux_kcore::dead_letter::DeadReason;
use flux_kcore::id::{AgentId, ProcessId, RequestId};
use flux_kcore::mailbox::SHARE;
use flux_kcore::message::{self, Failure, Outgoing, Payload, RequestKind};
use flux_kcore::runtime::{BarrierStep, Event, Exit};
use flux_kcore::shard::{Birth, Config, Shard};
use flux_kcore::time::{Span, Time};

const SECOND: i64 = 1_000_000_000;
const EMPTY: Outgoing<'static> = Outgoing::new(&[0, 0]);

/// One sender, one receiver and what they hold: all that any type of message needs.
struct Scene {
    shard: Shard,
    process: ProcessId,
    kind: MessageType,
    sender: AgentId,
    receiver: AgentId,
    /// What the sender sends through, or what it gives away.
    handle: Handle,
    /// For answers: the request of the receiver that the sender owes an answer for. Else the one that was made.
    request: Option<RequestId>,
    /// What the receiver was given.
    given: Option<Handle>,
    delivered: u32,
    refused: u32,
    events: Vec<(AgentId, Event)>,
}

impl Scene {
    fn new(kind: MessageType) -> Self {
        let mut shard = Shard::new(Config::default());
        let process = shard.processes_mut().create(None, u64::MAX).unwrap();
        let sender = shard.spawn(Birth::new("sender", process)).unwrap();
        let receiver = shard.spawn(Birth::new("receiver", process)).unwrap();
        shard.appoint_supervisor(receiver);
        let mut scene = Self {
            shard,
            process,
            kind,
            sender,
            receiver,
            handle: Handle::NONE,
            request: None,
            given: None,
            delivered: 0,
            refused: 0,
            events: Vec::new(),
        };
        match row(kind).needs {
            Needs::Endpoint => scene.handle = scene.endpoint(sender, receiver),
            Needs::OpenRequest(asked) => scene.owe(asked),
            Needs::AnyOpenRequest => scene.owe(MessageType::Ask),
            Needs::TopicToWrite => {
                scene.handle = scene.topic(sender, Rights::WRITE);
                let reading = scene.topic(receiver, Rights::READ);
                scene.shard.subscribe(receiver, reading).unwrap();
            }
            Needs::TopicToRead => scene.handle = scene.topic(sender, Rights::READ),
            Needs::HandleToGive => {
                let grant = Grant::new(CapabilityKind::IoRead, Object::Device(1), Rights::ALL);
                scene.handle = scene.shard.capabilities_mut().mint(sender, grant).unwrap();
            }
            Needs::Communicate | Needs::Nothing => {}
        }
        scene
    }

    fn endpoint(&mut self, from: AgentId, to: AgentId) -> Handle {
        let grant = Grant::new(CapabilityKind::Communicate, Object::Endpoint(to), Rights::WRITE);
        self.shard.capabilities_mut().mint(from, grant).unwrap()
    }

    fn topic(&mut self, agent: AgentId, rights: Rights) -> Handle {
        let topic = self.shard.topics_mut().topic("weather").unwrap();
        let grant = Grant::new(CapabilityKind::Communicate, Object::Topic(topic), rights);
        self.shard.capabilities_mut().mint(agent, grant).unwrap()
    }

    /// The receiver asks the sender, which has not answered yet.
    fn owe(&mut self, asked: MessageType) {
        let kind = if asked == MessageType::Ask { RequestKind::Ask } else { RequestKind::Delegate };
        self.handle = self.endpoint(self.receiver, self.sender);
        let request = self.shard.request(self.receiver, self.handle, kind, EMPTY, self.soon());
        self.request = Some(request.unwrap());
        self.pass(1_000);
        assert!(self.shard.receive(self.sender).is_some());
    }

    fn soon(&self) -> Time {
        self.shard.now().after(Span::from_ns(5 * SECOND))
    }

    /// Sends one message of the scene's type.
    fn send(&mut self) -> Result<(), Status> {
        let (shard, sender, handle) = (&mut self.shard, self.sender, self.handle);
        let soon = shard.now().after(Span::from_ns(5 * SECOND));
        match self.kind {
            MessageType::Tell => shard.tell(sender, handle, EMPTY).map(|_| ()),
            MessageType::Ask => {
                self.request = Some(shard.request(sender, handle, RequestKind::Ask, EMPTY, soon)?);
                Ok(())
            }
            MessageType::Delegate => {
                self.request = Some(shard.request(sender, handle, RequestKind::Delegate, EMPTY, soon)?);
                Ok(())
            }
            MessageType::Reply | MessageType::Result | MessageType::Error => {
                let (kind, outcome) = match self.kind {
                    MessageType::Reply => (Some(RequestKind::Ask), message::Outcome::Answer(Payload::EMPTY)),
                    MessageType::Result => {
                        (Some(RequestKind::Delegate), message::Outcome::Answer(Payload::EMPTY))
                    }
                    _ => (None, message::Outcome::Error(Failure::Answered(Status::General))),
                };
                Ok(shard.answer(sender, self.request.unwrap(), kind, outcome)?)
            }
            MessageType::Barrier => {
                assert_eq!(shard.barrier(sender, b"all", 2, soon)?, BarrierStep::Waiting);
                Ok(())
            }
            MessageType::Subscribe => shard.subscribe(sender, handle),
            MessageType::Event => {
                let delivery = shard.publish(sender, handle, EMPTY)?;
                (self.delivered, self.refused) = (delivery.delivered, delivery.refused);
                Ok(())
            }
            MessageType::Capability => {
                let narrower = Grant::new(CapabilityKind::IoRead, Object::Device(1), Rights::READ);
                self.given = Some(shard.grant(sender, handle, self.receiver, narrower)?);
                Ok(())
            }
            MessageType::Heartbeat => {
                shard.heartbeat(sender);
                Ok(())
            }
        }
    }

    fn pass(&mut self, ns: i64) {
        let end = self.shard.now().after(Span::from_ns(ns));
        loop {
            while let Some(event) = self.shard.poll() {
                self.events.push(event);
            }
            match self.shard.next_event() {
                Some(time) if time <= end => self.shard.advance(time),
                _ => break,
            }
        }
        self.shard.advance(end);
    }

    /// Fills the mailbox of the receiver, and of the sender, by others.
    fn fill(&mut self) {
        for n in 0..MAILBOX / SHARE {
            let other = self.shard.spawn(Birth::new(&std::format!("other-{n}"), self.process)).unwrap();
            for to in [self.receiver, self.sender] {
                let link = self.endpoint(other, to);
                for _ in 0..SHARE {
                    self.shard.tell(other, link, EMPTY).unwrap();
                }
            }
        }
        self.pass(1_000);
    }

    fn revoke(&mut self) {
        // An answer is given through no handle; what is revoked is the one by which it was asked for.
        let holder = if self.is_answer() { self.receiver } else { self.sender };
        self.shard.capabilities_mut().revoke(holder, self.handle, Extent::Whole).unwrap();
    }

    fn is_answer(&self) -> bool {
        matches!(row(self.kind).needs, Needs::OpenRequest(_) | Needs::AnyOpenRequest)
    }

    fn dead(&self) -> u64 {
        self.shard.dead_letters().total()
    }

    /// Sends, and says what the sender finds out.
    fn attempt(&mut self) -> Outcome {
        let dead = self.dead();
        match self.send() {
            Err(status) if self.dead() == dead => Outcome::Refused(status),
            Err(status) => {
                assert_eq!(self.dead(), dead + 1);
                assert_eq!(self.shard.dead_letters().of_type(self.kind), 1);
                Outcome::DeadLetter(status)
            }
            Ok(()) if self.kind == MessageType::Event => match (self.delivered, self.refused) {
                (0, 0) => Outcome::NotReached,
                (0, 1) => {
                    assert_eq!(self.dead(), dead + 1);
                    Outcome::Missed
                }
                _ => self.arrival(),
            },
            Ok(()) => self.arrival(),
        }
    }

    /// What became of what was sent: it arrived, or not.
    fn arrival(&mut self) -> Outcome {
        self.events.clear();
        let (sender, receiver) = (self.sender, self.receiver);
        match row(self.kind).place {
            Place::Mailbox => {
                let now = self.shard.now().after(Span::MESSAGE_DELAY);
                self.shard.advance(now);
                let unread = core::iter::from_fn(|| self.shard.receive(receiver));
                if unread.filter(|message| message.kind == self.kind).count() == 1 {
                    Outcome::Taken
                } else {
                    Outcome::Forgotten
                }
            }
            Place::CompletionSlot => {
                self.pass(1_000);
                let request = self.request.unwrap();
                let told = self.events.contains(&(receiver, Event::Completed(request)));
                if told && self.shard.take_outcome(receiver, request).is_some() {
                    Outcome::Taken
                } else {
                    Outcome::Forgotten
                }
            }
            Place::Kernel => match self.kind {
                MessageType::Barrier => {
                    let other = self.shard.spawn(Birth::new("last", self.process)).unwrap();
                    let arrived = self.shard.barrier(other, b"all", 2, Time::NEVER);
                    self.pass(1_000);
                    let released = self.events.contains(&(sender, Event::Barrier(Status::Ok)));
                    assert_eq!(arrived == Ok(BarrierStep::Open), released);
                    if released { Outcome::Taken } else { Outcome::Forgotten }
                }
                MessageType::Subscribe => {
                    let other = self.shard.spawn(Birth::new("publisher", self.process)).unwrap();
                    let handle = self.topic(other, Rights::WRITE);
                    let delivery = self.shard.publish(other, handle, EMPTY).unwrap();
                    let lives = self.shard.agent(sender).is_some();
                    match delivery.delivered + delivery.refused {
                        0 if lives => Outcome::NotReached,
                        0 => Outcome::Forgotten,
                        _ => Outcome::Taken,
                    }
                }
                MessageType::Capability => {
                    self.pass(1_000);
                    let given = self.given.unwrap();
                    let told = self.events.contains(&(receiver, Event::Granted(given)));
                    let live = self.shard.capabilities().inspect(receiver, given).is_ok();
                    assert!(told || !live);
                    if live { Outcome::Taken } else { Outcome::Forgotten }
                }
                _ => Outcome::Taken,
            },
        }
    }
}

fn row(kind: MessageType) -> &'static Row {
    ROWS.iter().find(|row| row.kind == kind).unwrap()
}

/// Brings one case about for every row where it can come up, and compares.
fn compare(case: impl Fn(&Row) -> Outcome, bring_about: impl Fn(&mut Scene) -> Outcome) {
    for row in ROWS {
        let expected = case(row);
        if expected != Outcome::Never {
            let found = bring_about(&mut Scene::new(row.kind));
            assert_eq!(found, expected, "{}", row.kind.name());
        }
    }
}

#[test]
fn what_is_sent_is_taken_where_the_table_says() {
    for row in ROWS {
        let mut scene = Scene::new(row.kind);
        scene.shard.advance(Time::from_ns(SECOND));
        assert_eq!(scene.send(), Ok(()), "{}", row.kind.name());
        let queued = scene.shard.agent(scene.receiver).unwrap().queued();
        assert_eq!(queued == 1, row.place == Place::Mailbox, "{}", row.kind.name());
        assert_eq!(scene.arrival(), Outcome::Taken, "{}", row.kind.name());
        assert_eq!(scene.dead(), 0);
    }
}

#[test]
fn only_what_the_table_names_answers() {
    for row in ROWS.iter().filter(|row| !row.answers.is_empty()) {
        for answer in ROWS {
            let (kind, outcome) = match answer.kind {
                MessageType::Reply => (Some(RequestKind::Ask), message::Outcome::Answer(Payload::EMPTY)),
                MessageType::Result => {
                    (Some(RequestKind::Delegate), message::Outcome::Answer(Payload::EMPTY))
                }
                MessageType::Error => (None, message::Outcome::Error(Failure::Answered(Status::Invalid))),
                // No other type names a request at all.
                _ => {
                    assert!(!row.answers.contains(&answer.kind));
                    continue;
                }
            };
            let mut scene = Scene::new(row.kind);
            scene.send().unwrap();
            let (request, receiver) = (scene.request.unwrap(), scene.receiver);
            let answered = scene.shard.answer(receiver, request, kind, outcome).map_err(Status::from);
            let expected = if row.answers.contains(&answer.kind) { Ok(()) } else { Err(Status::Invalid) };
            assert_eq!(answered, expected, "{} {}", row.kind.name(), answer.kind.name());
            assert_eq!(scene.shard.requests().outcome_type(request).is_some(), answered.is_ok());
            if answered.is_ok() {
                assert_eq!(scene.shard.requests().outcome_type(request), Some(answer.kind));
            }
        }
    }
}

#[test]
fn a_deadline_ends_it_as_the_table_says() {
    compare(
        |row| row.deadline,
        |scene| {
            if scene.is_answer() {
                scene.pass(10 * SECOND);
                scene.events.clear();
                return scene.attempt();
            }
            scene.send().unwrap();
            scene.pass(10 * SECOND);
            let told: Vec<Event> = scene.events.iter().filter(|e| e.0 == scene.sender).map(|e| e.1).collect();
            match told[..] {
                [Event::Barrier(status)] => Outcome::Released(status),
                [Event::Completed(request)] => match scene.shard.take_outcome(scene.sender, request) {
                    Some(message::Outcome::Error(failure)) => Outcome::Error(failure.status()),
                    other => panic!("{other:?}"),
                },
                _ => panic!("{told:?}"),
            }
        },
    );
    // What has no deadline waits for ever.
    for row in ROWS.iter().filter(|row| row.deadline == Outcome::Never) {
        let mut scene = Scene::new(row.kind);
        scene.send().unwrap();
        scene.pass(1_000_000 * SECOND);
        assert_eq!(scene.shard.next_event(), None, "{}", row.kind.name());
        if row.place != Place::Kernel {
            assert_eq!(scene.arrival(), Outcome::Taken, "{}", row.kind.name());
        }
    }
}

#[test]
fn one_that_has_ended_is_reached_as_the_table_says() {
    compare(
        |row| row.to_ended,
        |scene| {
            scene.shard.end(scene.receiver, Exit::Killed).unwrap();
            scene.attempt()
        },
    );
}

#[test]
fn the_end_of_the_receiver_leaves_what_the_table_says() {
    compare(
        |row| row.receiver_ends,
        |scene| {
            scene.send().unwrap();
            scene.shard.end(scene.receiver, Exit::Killed).unwrap();
            if scene.shard.dead_letters().of_reason(DeadReason::Unread) == 1 {
                return Outcome::Unread;
            }
            scene.pass(1_000);
            let request = scene.request.filter(|_| !scene.is_answer());
            match request.and_then(|request| scene.shard.take_outcome(scene.sender, request)) {
                Some(message::Outcome::Error(failure)) => Outcome::Error(failure.status()),
                Some(other) => panic!("{other:?}"),
                None => {
                    assert!(scene.shard.requests().is_empty());
                    scene.arrival()
                }
            }
        },
    );
}

#[test]
fn the_end_of_the_sender_leaves_what_the_table_says() {
    compare(
        |row| row.sender_ends,
        |scene| {
            scene.send().unwrap();
            scene.shard.end(scene.sender, Exit::Killed).unwrap();
            let arrival = scene.arrival();
            let Some(request) = scene.request.filter(|_| !scene.is_answer()) else { return arrival };
            assert_eq!(arrival, Outcome::Taken);
            let late =
                scene.shard.answer(scene.receiver, request, None, message::Outcome::Answer(Payload::EMPTY));
            assert_eq!(late.map_err(Status::from), Err(Status::Timeout));
            assert_eq!(scene.shard.dead_letters().of_reason(DeadReason::Late), 1);
            Outcome::Orphaned
        },
    );
}

#[test]
fn a_full_mailbox_refuses_what_the_table_says_and_nothing_is_lost() {
    compare(
        |row| row.full,
        |scene| {
            scene.fill();
            let outcome = scene.attempt();
            if row(scene.kind).place == Place::Mailbox {
                let queued = scene.shard.agent(scene.receiver).unwrap().queued();
                assert_eq!(queued as usize, MAILBOX, "what was there stays");
                assert!(scene.shard.requests().is_empty(), "there is no request then");
            }
            outcome
        },
    );
    // The quarter of one sender, with room for others.
    for row in ROWS.iter().filter(|row| row.place == Place::Mailbox) {
        let mut scene = Scene::new(row.kind);
        let link = scene.endpoint(scene.sender, scene.receiver);
        for _ in 0..SHARE {
            scene.shard.tell(scene.sender, link, EMPTY).unwrap();
        }
        assert_eq!(scene.attempt(), row.full, "{}", row.kind.name());
        assert_eq!(scene.shard.dead_letters().of_reason(DeadReason::SenderShare), 1);
    }
}

#[test]
fn a_revoked_handle_sends_what_the_table_says() {
    compare(
        |row| row.revoked_before,
        |scene| {
            scene.revoke();
            scene.attempt()
        },
    );
}

#[test]
fn a_revocation_afterwards_leaves_what_the_table_says() {
    compare(
        |row| row.revoked_after,
        |scene| {
            scene.send().unwrap();
            scene.revoke();
            let arrival = scene.arrival();
            let Some(request) = scene.request.filter(|_| !scene.is_answer()) else { return arrival };
            // The answer needs no handle.
            let answer = message::Outcome::Answer(Payload::EMPTY);
            scene.shard.answer(scene.receiver, request, None, answer).unwrap();
            scene.pass(1_000);
            assert!(scene.shard.take_outcome(scene.sender, request).is_some());
            arrival
        },
    );
}

#[test]
fn of_messages_that_arrive_at_once_the_more_urgent_is_taken_first_and_equals_in_order() {
    let mut scene = Scene::new(MessageType::Tell);
    for (number, priority) in [(0u8, 128u8), (1, 0), (2, 255), (3, 128), (4, 255)] {
        let payload = [0, number];
        let outgoing = Outgoing { priority, ..Outgoing::new(&payload) };
        scene.shard.tell(scene.sender, scene.handle, outgoing).unwrap();
    }
    // One that comes later waits, however urgent.
    scene.pass(500);
    let late = Outgoing { priority: 255, ..Outgoing::new(&[0, 5]) };
    scene.shard.tell(scene.sender, scene.handle, late).unwrap();
    scene.pass(1_000);
    let order: Vec<u8> = core::iter::from_fn(|| scene.shard.receive(scene.receiver))
        .map(|message| message.payload.bytes()[1])
        .collect();
    assert_eq!(order, [2, 4, 0, 3, 1, 5]);
}

#[test]
fn a_request_takes_a_completion_slot_and_the_ask_that_would_close_a_cycle_is_refused() {
    let mut scene = Scene::new(MessageType::Ask);
    scene.send().unwrap();
    let back = scene.endpoint(scene.receiver, scene.sender);
    let closing = scene.shard.request(scene.receiver, back, RequestKind::Ask, EMPTY, scene.soon());
    assert_eq!(closing, Err(Status::Deadlock));
    assert!(scene.shard.request(scene.receiver, back, RequestKind::Delegate, EMPTY, scene.soon()).is_ok());
    for _ in 1..flux_kcore::request::COMPLETIONS {
        scene.pass(1_000);
        while scene.shard.receive(scene.sender).is_some() {}
        scene.shard.request(scene.receiver, back, RequestKind::Delegate, EMPTY, scene.soon()).unwrap();
    }
    let more = scene.shard.request(scene.receiver, back, RequestKind::Delegate, EMPTY, scene.soon());
    assert_eq!((more, scene.dead()), (Err(Status::Busy), 0));
}
