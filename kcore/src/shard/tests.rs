use alloc::collections::BTreeMap;
use std::vec::Vec;

use flux_abi::limits::{MAILBOX, PAYLOAD_BYTES};
use flux_abi::trap::TrapKind;
use flux_proto::payload::{Reader, Token, Writer};
use proptest::prelude::*;

use super::*;
use crate::capability::{CapabilityError, Extent};
use crate::mailbox::SHARE;
use crate::request::COMPLETIONS;
use crate::topic::TopicError;

mod explore;
mod limits;
mod requests;
mod succession;
mod swapping;
mod transaction;

const SECOND: i64 = 1_000_000_000;
const PAYLOAD: Outgoing<'static> = Outgoing::new(&[0, 0]);

struct World {
    shard: Shard,
    process: ProcessId,
    events: Vec<(AgentId, Event)>,
}

impl World {
    fn new() -> Self {
        let mut shard = Shard::new(Config::default());
        let process = shard.processes_mut().create(None, u64::MAX).unwrap();
        Self { shard, process, events: Vec::new() }
    }

    fn with_agents(count: u32) -> (Self, Vec<AgentId>) {
        let mut world = Self::new();
        let agents = (0..count).map(|n| world.spawn(&std::format!("agent-{n}"), None)).collect();
        (world, agents)
    }

    fn spawn(&mut self, name: &str, parent: Option<AgentId>) -> AgentId {
        self.shard.spawn(Birth { parent, ..Birth::new(name, self.process) }).unwrap()
    }

    /// A handle through which `from` may send to `to`.
    fn link(&mut self, from: AgentId, to: AgentId) -> Handle {
        let grant = Grant::new(CapabilityKind::Communicate, Object::Endpoint(to), Rights::WRITE);
        self.shard.capabilities_mut().mint(from, grant).unwrap()
    }

    fn topic(&mut self, agent: AgentId, name: &str) -> Handle {
        let topic = self.shard.topics_mut().topic(name).unwrap();
        let rights = Rights::READ.with(Rights::WRITE);
        let grant = Grant::new(CapabilityKind::Communicate, Object::Topic(topic), rights);
        self.shard.capabilities_mut().mint(agent, grant).unwrap()
    }

    /// Moves time on by `ns` in the steps of what is due, and notes every event.
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

    fn completions(&self, agent: AgentId, request: RequestId) -> usize {
        self.events.iter().filter(|event| **event == (agent, Event::Completed(request))).count()
    }
}

fn ask(world: &mut World, from: AgentId, link: Handle) -> Result<RequestId, Status> {
    let deadline = world.shard.now().after(Span::from_ns(5 * SECOND));
    world.shard.request(from, link, RequestKind::Ask, PAYLOAD, deadline)
}

fn answer() -> Outcome {
    Outcome::Answer(Payload::copy_of(b"42").unwrap())
}

#[test]
fn a_message_arrives_a_microsecond_after_it_was_sent() {
    let (mut world, agents) = World::with_agents(2);
    let link = world.link(agents[0], agents[1]);
    world.shard.advance(Time::from_ns(SECOND));
    world.shard.tell(agents[0], link, PAYLOAD).unwrap();
    assert!(world.shard.poll().is_none() && world.shard.receive(agents[1]).is_none());
    assert_eq!(world.shard.next_event(), Some(Time::from_ns(SECOND + 1_000)));
    world.pass(1_000);
    assert_eq!(world.events, [(agents[1], Event::Message)]);
    let message = world.shard.receive(agents[1]).unwrap();
    assert_eq!((message.sender, message.sent), (Some(agents[0]), Time::from_ns(SECOND)));
}

#[test]
fn events_come_in_the_order_of_time_and_then_of_sending() {
    let (mut world, agents) = World::with_agents(2);
    let link = world.link(agents[0], agents[1]);
    let due = world.shard.now().after(Span::MESSAGE_DELAY);
    let early = world.shard.set_timer(agents[1], due, 1).unwrap();
    world.shard.tell(agents[0], link, PAYLOAD).unwrap();
    let late = world.shard.set_timer(agents[1], due, 2).unwrap();
    world.pass(2_000);
    let timer = |timer, key| Event::Timer { timer, key, due };
    let expected = [timer(early, 1), Event::Message, timer(late, 2)];
    assert_eq!(world.events.iter().map(|(_, event)| *event).collect::<Vec<_>>(), expected);
}

#[test]
fn a_delegation_ends_in_its_result_without_a_mailbox_place() {
    let (mut world, agents) = World::with_agents(2);
    let link = world.link(agents[0], agents[1]);
    let deadline = Time::from_ns(60 * SECOND);
    let request = world.shard.request(agents[0], link, RequestKind::Delegate, PAYLOAD, deadline).unwrap();
    world.pass(1_000);
    let message = world.shard.receive(agents[1]).unwrap();
    assert_eq!((message.reply_to, message.kind), (Some(request), MessageType::Delegate));
    world.shard.answer(agents[1], request, None, answer()).unwrap();
    assert_eq!(world.shard.take_outcome(agents[0], request), None, "it is still on its way");
    world.pass(1_000);
    assert_eq!(world.completions(agents[0], request), 1);
    assert_eq!(world.shard.take_outcome(agents[0], request), Some(answer()));
    assert_eq!(world.shard.agent(agents[0]).unwrap().queued(), 0);
    assert_eq!(world.shard.next_event(), None, "the deadline's timer is gone");
    let counters = *world.shard.agent(agents[0]).unwrap().counters();
    assert_eq!((counters.sent(MessageType::Delegate), counters.received(MessageType::Result)), (1, 1));
}

#[test]
fn attack_28_a_deputy_that_is_sent_its_own_handle_word_gets_no_use_of_it() {
    let (mut world, agents) = World::with_agents(3);
    let [weak, strong, _] = agents[..] else { unreachable!("three agents") };
    let link = world.link(weak, strong);
    let secret = Grant::new(CapabilityKind::IoWrite, Object::Device(1), Rights::ALL);
    let secret = world.shard.capabilities_mut().mint(strong, secret).unwrap();
    let mut buffer = [0; 64];
    let mut writer = Writer::new(&mut buffer, "write through", 1).unwrap();
    writer.capability(secret.word()).unwrap();
    let payload = writer.finish().unwrap();
    // The word is the strong agent's; in the weak one's table it names nothing.
    assert_eq!(world.shard.tell(weak, link, Outgoing::new(payload)), Err(Status::Denied));
    world.pass(SECOND);
    assert!(world.shard.receive(strong).is_none());
}

#[test]
fn a_handle_in_a_message_becomes_one_of_the_receiver() {
    let (mut world, agents) = World::with_agents(2);
    let link = world.link(agents[0], agents[1]);
    let grant = Grant::new(CapabilityKind::IoRead, Object::Device(1), Rights::READ.with(Rights::GRANT));
    let own = world.shard.capabilities_mut().mint(agents[0], grant).unwrap();
    let keep = Grant { rights: Rights::READ, ..grant };
    let kept = world.shard.capabilities_mut().mint(agents[0], keep).unwrap();
    let message = |words: &[Handle]| {
        let mut buffer = [0; 64];
        let mut writer = Writer::new(&mut buffer, "use", u8::try_from(words.len()).unwrap()).unwrap();
        for word in words {
            writer.capability(word.word()).unwrap();
        }
        writer.finish().unwrap().to_vec()
    };
    // One that may not be given: nothing of the message is, not even the first handle.
    let refused = world.shard.tell(agents[0], link, Outgoing::new(&message(&[own, kept])));
    assert_eq!(refused, Err(Status::Denied));
    assert_eq!(world.shard.capabilities().held(agents[1]).count(), 0);
    world.shard.tell(agents[0], link, Outgoing::new(&message(&[own]))).unwrap();
    world.pass(1_000);
    let message = world.shard.receive(agents[1]).unwrap();
    let Some(Token::Capability(word)) = Reader::new(message.payload.bytes()).unwrap().next() else {
        unreachable!("the payload holds one handle")
    };
    assert_eq!(world.shard.capabilities().inspect(agents[1], Handle::from_word(word)), Ok(grant));
    world.shard.capabilities_mut().revoke(agents[0], own, Extent::Whole).unwrap();
    assert_eq!(
        world.shard.capabilities().inspect(agents[1], Handle::from_word(word)),
        Err(CapabilityError::Stale)
    );
}

#[test]
fn an_answer_that_comes_too_late_hands_no_handle_over() {
    let (mut world, agents) = World::with_agents(2);
    let link = world.link(agents[0], agents[1]);
    let own = world.shard.capabilities_mut().mint(agents[1], Grant::ROOT).unwrap();
    let held = world.shard.capabilities().held(agents[0]).count();
    let request = ask(&mut world, agents[0], link).unwrap();
    world.pass(10 * SECOND);
    let mut buffer = [0; 64];
    let mut writer = Writer::new(&mut buffer, "", 1).unwrap();
    writer.capability(own.word()).unwrap();
    let payload = writer.finish().unwrap();
    assert_eq!(world.shard.answer_value(agents[1], request, payload), Err(Status::Timeout));
    assert_eq!(world.shard.capabilities().held(agents[0]).count(), held);
    assert_eq!(world.shard.dead_letters().of_reason(DeadReason::Late), 1);
    // In time it arrives as a handle of the asker.
    let request = ask(&mut world, agents[0], link).unwrap();
    world.shard.answer_value(agents[1], request, payload).unwrap();
    assert_eq!(world.shard.capabilities().held(agents[0]).count(), held + 1);
}

#[test]
fn sending_needs_a_handle_and_a_name_is_none() {
    let (mut world, agents) = World::with_agents(3);
    let link = world.link(agents[0], agents[1]);
    for handle in [Handle::NONE, Handle::from_word(agents[1].word())] {
        assert_eq!(world.shard.tell(agents[0], handle, PAYLOAD), Err(Status::Denied));
    }
    assert_eq!(world.shard.tell(agents[2], link, PAYLOAD), Err(Status::Denied));
    assert_eq!(world.shard.find("agent-1"), Some(agents[1]));
    let required = Outgoing { required: Some(CapabilityKind::IoRead), ..PAYLOAD };
    assert_eq!(world.shard.tell(agents[0], link, required), Err(Status::Denied));
    assert!(world.shard.tell(agents[0], link, PAYLOAD).is_ok());
}

#[test]
fn attack_30_a_flood_costs_its_senders_and_nobody_else() {
    let (mut world, agents) = World::with_agents(10);
    let victim = agents[9];
    let large = std::vec![0; PAYLOAD_BYTES];
    let mut taken = BTreeMap::new();
    for _ in 0..1_000 {
        for sender in &agents[..8] {
            let held = world.shard.capabilities().held(*sender).next();
            let link = held.map_or_else(|| world.link(*sender, victim), |(handle, _)| handle);
            match world.shard.tell(*sender, link, Outgoing::new(&large)) {
                Ok(_) => *taken.entry(*sender).or_insert(0) += 1,
                Err(status) => assert_eq!(status, Status::Busy),
            }
        }
    }
    assert_eq!(world.shard.pool.used() as usize, MAILBOX);
    assert!(taken.values().all(|count| *count <= SHARE));
    let refused = 8_000 - MAILBOX as u64;
    assert_eq!(world.shard.dead_letters().total(), refused);
    assert_eq!(world.shard.agent(victim).unwrap().counters().refused(), refused);
    // Another agent is served as before.
    let link = world.link(agents[0], agents[8]);
    assert!(world.shard.tell(agents[0], link, PAYLOAD).is_ok());
    // Once read, there is room again.
    world.pass(1_000);
    while world.shard.receive(victim).is_some() {}
    let link = world.link(agents[8], victim);
    assert!(world.shard.tell(agents[8], link, PAYLOAD).is_ok());
}

#[test]
fn attack_32_answers_that_nobody_waits_for_are_refused_to_their_sender() {
    let (mut world, agents) = World::with_agents(3);
    let [asker, target, other] = agents[..] else { unreachable!("three agents") };
    let link = world.link(asker, target);
    let never = RequestId::new(1, 0).unwrap();
    assert_eq!(world.shard.answer(target, never, None, answer()), Err(AnswerError::NeverAsked));
    let request = ask(&mut world, asker, link).unwrap();
    assert_eq!(world.shard.answer(other, request, None, answer()), Err(AnswerError::NotTarget));
    assert_eq!(world.shard.answer(asker, request, None, answer()), Err(AnswerError::NotTarget));
    let raw = Some(RequestKind::Delegate);
    assert_eq!(world.shard.answer(target, request, raw, answer()), Err(AnswerError::WrongType));
    assert_eq!(world.shard.answer(target, request, None, answer()), Ok(()));
    assert_eq!(world.shard.answer(target, request, None, answer()), Err(AnswerError::Closed));
    world.pass(1_000);
    assert!(world.shard.take_outcome(asker, request).is_some());
    assert_eq!(world.shard.answer(target, request, None, answer()), Err(AnswerError::Closed));
    let orphaned = ask(&mut world, asker, link).unwrap();
    world.shard.end(asker, Exit::Trapped(TrapKind::Gas)).unwrap();
    assert_eq!(world.shard.answer(target, orphaned, None, answer()), Err(AnswerError::Closed));
    assert_eq!(world.shard.dead_letters().of_reason(DeadReason::Late), 3);
}

#[test]
fn attack_32_a_barrier_with_a_missing_member_ends_by_its_deadline() {
    let (mut world, agents) = World::with_agents(3);
    let deadline = Time::from_ns(SECOND);
    for agent in &agents[..2] {
        assert_eq!(world.shard.barrier(*agent, b"all", 3, deadline), Ok(BarrierStep::Waiting));
    }
    world.shard.end(agents[1], Exit::Killed).unwrap();
    world.pass(2 * SECOND);
    assert_eq!(world.events, [(agents[0], Event::Barrier(Status::Timeout))]);
    assert!(world.shard.barriers.is_empty() && world.shard.timers.is_empty());
}

#[test]
fn the_last_to_arrive_opens_the_barrier_for_all() {
    let (mut world, agents) = World::with_agents(3);
    for agent in &agents[..2] {
        world.shard.barrier(*agent, b"all", 3, Time::from_ns(SECOND)).unwrap();
    }
    assert_eq!(world.shard.barrier(agents[2], b"all", 3, Time::NEVER), Ok(BarrierStep::Open));
    world.pass(2 * SECOND);
    let open = Event::Barrier(Status::Ok);
    assert_eq!(world.events, [(agents[0], open), (agents[1], open)]);
}

#[test]
fn attack_35_a_spawn_bomb_ends_at_the_limit_and_ended_agents_make_room() {
    let mut shard = Shard::new(Config { agents: 100, ..Config::default() });
    let process = shard.processes_mut().create(None, u64::MAX).unwrap();
    let mut agents = Vec::new();
    for n in 0..100 {
        agents.push(shard.spawn(Birth::new(&std::format!("bomb-{n}"), process)).unwrap());
    }
    assert_eq!(shard.spawn(Birth::new("one more", process)), Err(Status::Busy));
    assert_eq!(shard.processes().get(process).unwrap().agents(), 100);
    assert_eq!(shard.find("one more"), None);
    shard.end(agents[50], Exit::Killed).unwrap();
    assert!(shard.end(agents[50], Exit::Killed).is_none(), "nobody ends twice");
    let next = shard.spawn(Birth::new("bomb-50", process)).unwrap();
    assert_eq!(next.slot(), agents[50].slot());
    assert_ne!(next, agents[50]);
    assert_eq!(shard.spawn(Birth::new("bomb-50", process)), Err(Status::Exists));
}

#[test]
fn attack_35_an_agent_that_ends_leaves_nothing_held() {
    let (mut world, agents) = World::with_agents(3);
    let [parent, agent, other] = agents[..] else { unreachable!("three agents") };
    let child = world.spawn("child", Some(parent));
    let (to, from) = (world.link(child, other), world.link(other, child));
    let topic = world.topic(child, "weather");
    world.shard.subscribe(child, topic).unwrap();
    world.shard.set_timer(child, Time::from_ns(SECOND), 0).unwrap();
    world.shard.charge(child, 1_000).unwrap();
    world.shard.barrier(child, b"never", 9, Time::from_ns(SECOND)).unwrap();
    let asked = ask(&mut world, child, to).unwrap();
    let deadline = Time::from_ns(60 * SECOND);
    let served = world.shard.request(other, from, RequestKind::Delegate, PAYLOAD, deadline).unwrap();
    let back = world.link(agent, child);
    world.shard.tell(agent, back, PAYLOAD).unwrap();
    world.shard.wake(child, Boost::None);
    // Ended in the middle of its ASK, and while it is READY.
    let remains = world.shard.end(child, Exit::Killed).unwrap();
    assert_eq!((remains.unread, remains.agent.state()), (2, AgentState::Terminated));
    assert!(world.shard.dispatch().is_none());
    world.pass(120 * SECOND);
    let told: Vec<_> = world.events.iter().filter(|(_, event)| *event != Event::Message).copied().collect();
    assert_eq!(
        told,
        [(other, Event::Completed(served)), (parent, Event::Ended { agent: child, exit: Exit::Killed })]
    );
    assert_eq!(world.shard.take_outcome(other, served), Some(Outcome::Error(Failure::TargetEnded)));
    assert_eq!(world.shard.take_outcome(child, asked), None);
    assert!(world.shard.timers.is_empty() && world.shard.barriers.is_empty());
    assert!(world.shard.requests.is_empty());
    assert_eq!(world.shard.memory_used(), 0);
    assert_eq!(world.shard.processes().get(world.process).unwrap().memory.used(), 0);
    assert_eq!(world.shard.tell(agent, back, PAYLOAD), Err(Status::NotFound));
    assert_eq!(world.shard.dead_letters().of_reason(DeadReason::Unread), 1);
    assert_eq!(world.shard.dead_letters().of_reason(DeadReason::TargetEnded), 1);
}

#[test]
fn a_cycle_of_asks_is_a_deadlock_for_the_one_that_closes_it() {
    let (mut world, agents) = World::with_agents(3);
    let links: Vec<_> = (0..3).map(|n| world.link(agents[n], agents[(n + 1) % 3])).collect();
    let first = ask(&mut world, agents[0], links[0]).unwrap();
    ask(&mut world, agents[1], links[1]).unwrap();
    assert_eq!(ask(&mut world, agents[2], links[2]), Err(Status::Deadlock));
    world.shard.answer(agents[1], first, None, answer()).unwrap();
    assert!(ask(&mut world, agents[2], links[2]).is_ok());
    let own = world.link(agents[0], agents[0]);
    assert_eq!(ask(&mut world, agents[0], own), Err(Status::Deadlock));
}

#[test]
fn a_refused_request_leaves_nothing_behind() {
    let (mut world, agents) = World::with_agents(2);
    let link = world.link(agents[0], agents[1]);
    let deadline = Time::from_ns(SECOND);
    let request = |world: &mut World, payload: &[u8]| {
        let kind = RequestKind::Delegate;
        world.shard.request(agents[0], link, kind, Outgoing::new(payload), deadline)
    };
    for _ in 0..SHARE {
        request(&mut world, &[]).unwrap();
    }
    let (requests, timers) = (world.shard.requests.len(), world.shard.timers.len());
    assert_eq!(request(&mut world, &[]), Err(Status::Busy));
    assert_eq!(request(&mut world, &[0; PAYLOAD_BYTES + 1]), Err(Status::Overflow));
    assert_eq!((world.shard.requests.len(), world.shard.timers.len()), (requests, timers));
    // Completion slots run out even when the mailbox is read.
    for _ in SHARE..COMPLETIONS as usize {
        world.pass(1_000);
        while world.shard.receive(agents[1]).is_some() {}
        request(&mut world, &[]).unwrap();
    }
    assert_eq!(request(&mut world, &[]), Err(Status::Busy));
}

#[test]
fn a_publication_counts_who_took_it_and_who_did_not() {
    let (mut world, agents) = World::with_agents(4);
    let handles: Vec<_> = agents.iter().map(|agent| world.topic(*agent, "weather")).collect();
    for n in 1..4 {
        world.shard.subscribe(agents[n], handles[n]).unwrap();
    }
    let again = world.shard.subscribe(agents[1], handles[1]);
    assert_eq!(again, Err(TopicError::Subscribed.into()));
    for _ in 0..SHARE {
        assert_eq!(
            world.shard.publish(agents[0], handles[0], PAYLOAD),
            Ok(Delivery { delivered: 3, refused: 0 })
        );
    }
    world.pass(1_000);
    while world.shard.receive(agents[2]).is_some() {}
    world.shard.unsubscribe(agents[3], handles[3]).unwrap();
    assert_eq!(
        world.shard.publish(agents[0], handles[0], PAYLOAD),
        Ok(Delivery { delivered: 1, refused: 1 })
    );
    let topic = world.shard.topics_mut().topic("weather").unwrap();
    assert_eq!(world.shard.topics().subscription(topic, agents[1]).unwrap().refused, 1);
}

#[test]
fn a_subscription_ends_with_the_handle_by_which_it_was_made() {
    let (mut world, agents) = World::with_agents(4);
    let [owner, reader, other, third] = agents[..] else { unreachable!("four agents") };
    let own = world.topic(owner, "weather");
    let grant = world.shard.capabilities().inspect(owner, own).unwrap();
    let reading = Grant { rights: Rights::READ, ..grant };
    let publish = |world: &mut World| world.shard.publish(owner, own, PAYLOAD).map(|d| d.delivered);
    let mut handles = Vec::new();
    for agent in [reader, other, third] {
        let handle = world.shard.capabilities_mut().mint(agent, reading).unwrap();
        world.shard.subscribe(agent, handle).unwrap();
        handles.push(handle);
    }
    assert_eq!(publish(&mut world), Ok(3));
    world.shard.capabilities_mut().revoke(reader, handles[0], Extent::Whole).unwrap();
    assert_eq!(publish(&mut world), Ok(2), "those behind it are not passed over");
    let again = world.shard.capabilities_mut().mint(reader, reading).unwrap();
    world.shard.subscribe(reader, again).unwrap();
    assert_eq!(publish(&mut world), Ok(3));
    // Not noticed by a publication yet, and not in the way of the next one.
    world.shard.capabilities_mut().revoke(reader, again, Extent::Whole).unwrap();
    let anew = world.shard.capabilities_mut().mint(reader, reading).unwrap();
    assert_eq!(world.shard.subscribe(reader, anew), Ok(()));
    assert_eq!(world.shard.subscribe(reader, anew), Err(Status::Exists));
    world.shard.unsubscribe(reader, anew).unwrap();
    assert_eq!(publish(&mut world), Ok(2));
}

#[test]
fn a_pattern_is_subscribed_to_and_never_published_on() {
    let (mut world, agents) = World::with_agents(3);
    let pattern = world.topic(agents[1], "house/+");
    let all = world.topic(agents[1], "#");
    let (door, garden) = (world.topic(agents[0], "house/door"), world.topic(agents[0], "garden"));
    world.shard.subscribe(agents[1], pattern).unwrap();
    assert_eq!(world.shard.publish(agents[1], pattern, PAYLOAD), Err(Status::Invalid));
    assert_eq!(world.shard.publish(agents[0], garden, PAYLOAD), Ok(Delivery { delivered: 0, refused: 0 }));
    world.shard.subscribe(agents[1], all).unwrap();
    for _ in 0..=SHARE {
        world.shard.publish(agents[0], door, PAYLOAD).unwrap();
    }
    let [by_pattern, by_all] = ["house/+", "#"].map(|name| {
        let topic = world.shard.topics_mut().topic(name).unwrap();
        world.shard.topics().subscription(topic, agents[1]).unwrap().refused
    });
    assert_eq!((by_pattern, by_all), (1, 0), "counted where it came from");
    world.pass(1_000);
    let topic = world.shard.receive(agents[1]).unwrap().topic.unwrap();
    assert_eq!(world.shard.topics().name(topic), Some("house/door"), "the topic, not the pattern");
}

#[test]
fn a_heartbeat_takes_no_place_and_wakes_nobody() {
    let (mut world, agents) = World::with_agents(2);
    world.shard.advance(Time::from_ns(7));
    world.shard.heartbeat(agents[1]);
    world.pass(SECOND);
    assert!(world.events.is_empty());
    assert_eq!(world.shard.agent(agents[1]).unwrap().heartbeat(), Some(Time::from_ns(7)));
    let supervisor = world.shard.agent(AgentId::SUPERVISOR).unwrap();
    assert_eq!((supervisor.queued(), supervisor.counters().received(MessageType::Heartbeat)), (0, 1));
}

#[test]
fn timers_are_bounded_and_belong_to_who_set_them() {
    let (mut world, agents) = World::with_agents(2);
    let first = world.shard.set_timer(agents[0], Time::from_ns(1), 0).unwrap();
    for _ in 1..TIMERS {
        world.shard.set_timer(agents[0], Time::from_ns(1), 0).unwrap();
    }
    assert_eq!(world.shard.set_timer(agents[0], Time::from_ns(1), 0), Err(Status::Busy));
    assert!(!world.shard.cancel_timer(agents[1], first));
    assert!(world.shard.cancel_timer(agents[0], first));
    assert!(!world.shard.cancel_timer(agents[0], first));
    assert!(world.shard.set_timer(agents[0], Time::from_ns(1), 0).is_ok());
}

#[test]
fn memory_is_charged_to_agent_and_process_or_to_neither() {
    let mut shard = Shard::new(Config::default());
    let process = shard.processes_mut().create(None, 1_500).unwrap();
    let birth = Birth { memory: 1_000, ..Birth::new("a", process) };
    let first = shard.spawn(birth).unwrap();
    let second = shard.spawn(Birth { name: "b", ..birth }).unwrap();
    shard.charge(first, 900).unwrap();
    assert_eq!(shard.charge(first, 200), Err(Status::NoMemory));
    assert_eq!(shard.charge(second, 700), Err(Status::NoMemory));
    assert_eq!(shard.agent(second).unwrap().memory().used(), 0);
    shard.charge(second, 600).unwrap();
    shard.release(first, 5_000);
    assert_eq!(shard.memory_used(), 600);
    assert_eq!(shard.processes().get(process).unwrap().memory.used(), 600);
}

#[test]
fn a_random_stream_belongs_to_seed_and_agent() {
    let stream = |seed, name| {
        let mut shard = Shard::new(Config { seed, ..Config::default() });
        let process = shard.processes_mut().create(None, 0).unwrap();
        let agent = shard.spawn(Birth::new(name, process)).unwrap();
        (0..4).map(|_| shard.random(agent)).collect::<Vec<_>>()
    };
    assert_eq!(stream(1, "a"), stream(1, "a"));
    assert_ne!(stream(1, "a"), stream(2, "a"));
    assert_ne!(stream(1, "a"), stream(1, "b"));
}

/// What may happen to one request, each at most once, in every order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Act {
    Send,
    Answer,
    AnswerError,
    Deadline,
    AskerStops,
    AskerEnds,
    TargetEnds,
    Take,
}

const ACTS: [Act; 8] = [
    Act::Send,
    Act::Answer,
    Act::AnswerError,
    Act::Deadline,
    Act::AskerStops,
    Act::AskerEnds,
    Act::TargetEnds,
    Act::Take,
];

/// Plays one order of acts and checks the request against a model of one variable: its first cause.
fn play(kind: RequestKind, order: &[Act]) {
    let (mut world, agents) = World::with_agents(3);
    let [_, asker, target] = agents[..] else { unreachable!("three agents") };
    let link = world.link(asker, target);
    let mut request = None;
    let mut expected: Option<Outcome> = None;
    let (mut asker_lives, mut target_lives) = (true, true);
    let mut taken = 0;
    let take = |world: &mut World, request: RequestId, expected: &Option<Outcome>| {
        let told = world.completions(asker, request) == 1;
        let outcome = world.shard.take_outcome(asker, request);
        assert_eq!(outcome.as_ref(), expected.as_ref().filter(|_| told), "{kind:?} {order:?}");
        usize::from(outcome.is_some())
    };
    for act in order {
        let open = request.is_some() && expected.is_none() && asker_lives;
        match act {
            Act::Send => {
                let deadline = world.shard.now().after(Span::from_ns(SECOND));
                let sent = world.shard.request(asker, link, kind, PAYLOAD, deadline);
                assert_eq!(sent.is_ok(), asker_lives && target_lives);
                request = sent.ok();
            }
            Act::Answer | Act::AnswerError => {
                let outcome = if *act == Act::Answer {
                    answer()
                } else {
                    Outcome::Error(Failure::Answered(Status::Invalid))
                };
                if let Some(id) = request {
                    let answered = world.shard.answer(target, id, None, outcome);
                    // Who is dead runs nothing; its number is refused as one that was not asked.
                    assert_eq!(answered.is_ok(), open && target_lives, "{kind:?} {order:?}");
                    if answered.is_ok() {
                        expected = Some(if *act == Act::Answer {
                            answer()
                        } else {
                            Outcome::Error(Failure::Answered(Status::Invalid))
                        });
                    }
                }
            }
            Act::Deadline => {
                world.pass(2 * SECOND);
                if open {
                    expected = Some(Outcome::Error(Failure::Deadline));
                }
            }
            Act::AskerStops => {
                world.shard.fail_requests_of(asker, Failure::Stopped);
                if open {
                    expected = Some(Outcome::Error(Failure::Stopped));
                }
            }
            Act::AskerEnds => {
                world.shard.end(asker, Exit::Stopped(0));
                asker_lives = false;
            }
            Act::TargetEnds => {
                world.shard.end(target, Exit::Killed);
                target_lives = false;
                if open {
                    expected = Some(Outcome::Error(Failure::TargetEnded));
                }
            }
            Act::Take => {
                world.pass(1_000);
                if let Some(id) = request.filter(|_| asker_lives && taken == 0) {
                    taken += take(&mut world, id, &expected);
                }
            }
        }
    }
    let told_before_end = request.map_or(0, |id| world.completions(asker, id));
    world.pass(2 * SECOND);
    if let Some(id) = request {
        if asker_lives {
            expected.get_or_insert(Outcome::Error(Failure::Deadline));
            assert_eq!(world.completions(asker, id), 1, "{kind:?} {order:?}");
            if taken == 0 {
                taken = take(&mut world, id, &expected);
            }
            assert_eq!(taken, 1, "{kind:?} {order:?}");
        } else {
            assert_eq!(world.completions(asker, id), told_before_end, "{kind:?} {order:?}");
        }
        assert_eq!(world.shard.take_outcome(asker, id), None);
    }
    assert!(world.shard.requests.is_empty() && world.shard.timers.is_empty(), "{kind:?} {order:?}");
    assert_eq!(world.shard.requests.open_count(), 0);
}

fn every_order(left: &mut Vec<Act>, order: &mut Vec<Act>, visit: &mut impl FnMut(&[Act])) {
    if left.is_empty() {
        visit(order);
        return;
    }
    for at in 0..left.len() {
        order.push(left.remove(at));
        every_order(left, order, visit);
        if let Some(act) = order.pop() {
            left.insert(at, act);
        }
    }
}

#[test]
fn a_request_has_exactly_one_outcome_in_every_order_of_events() {
    let mut orders = 0;
    for kind in [RequestKind::Ask, RequestKind::Delegate] {
        every_order(&mut ACTS.to_vec(), &mut Vec::new(), &mut |order| {
            orders += 1;
            play(kind, order);
        });
        // Without one of them each, so that no cause is always masked by another one.
        for without in &ACTS[1..] {
            let mut some: Vec<Act> = ACTS.iter().copied().filter(|act| act != without).collect();
            if matches!(without, Act::AskerEnds | Act::TargetEnds | Act::Deadline) {
                every_order(&mut some, &mut Vec::new(), &mut |order| {
                    orders += 1;
                    play(kind, order);
                });
            }
        }
    }
    assert_eq!(orders, 2 * (40_320 + 3 * 5_040));
}

#[derive(Clone, Debug)]
enum Step {
    Tell(usize, usize),
    Request(usize, usize, bool, i64),
    Answer(usize),
    Receive(usize),
    Pass(i64),
    Timer(usize, i64),
    Barrier(usize, u32, i64),
    Publish(usize),
    Subscribe(usize),
    End(usize),
}

const AGENTS_OF_TEST: usize = 6;

fn step() -> impl Strategy<Value = Step> {
    let who = 0..AGENTS_OF_TEST;
    prop_oneof![
        4 => (who.clone(), who.clone()).prop_map(|(from, to)| Step::Tell(from, to)),
        4 => (who.clone(), who.clone(), any::<bool>(), 0i64..5_000)
            .prop_map(|(from, to, asks, within)| Step::Request(from, to, asks, within)),
        4 => any::<usize>().prop_map(Step::Answer),
        4 => who.clone().prop_map(Step::Receive),
        3 => (0i64..3_000).prop_map(Step::Pass),
        1 => (who.clone(), 0i64..3_000).prop_map(|(agent, within)| Step::Timer(agent, within)),
        1 => (who.clone(), 1u32..4, 0i64..3_000).prop_map(|(agent, parties, within)| Step::Barrier(agent, parties, within)),
        1 => who.clone().prop_map(Step::Publish),
        1 => who.clone().prop_map(Step::Subscribe),
        1 => who.prop_map(Step::End),
    ]
}

proptest! {
    #[test]
    fn whatever_agents_do_nothing_is_lost_doubled_or_left_over(steps in proptest::collection::vec(step(), 1..200)) {
        let (mut world, mut agents) = World::with_agents(u32::try_from(AGENTS_OF_TEST).unwrap());
        let mut links = BTreeMap::new();
        let mut requests: Vec<(RequestId, AgentId, AgentId)> = Vec::new();
        let mut told: BTreeMap<RequestId, usize> = BTreeMap::new();
        let mut ended: Vec<AgentId> = Vec::new();
        for step in steps {
            let mut link = |world: &mut World, agents: &[AgentId], from: usize, to: usize| {
                let pair = (agents[from], agents[to]);
                *links.entry(pair).or_insert_with(|| world.link(pair.0, pair.1))
            };
            match step {
                Step::Tell(from, to) => {
                    let handle = link(&mut world, &agents, from, to);
                    let queued = world.shard.agent(agents[to]).unwrap().queued();
                    let told = world.shard.tell(agents[from], handle, PAYLOAD);
                    let after = world.shard.agent(agents[to]).unwrap().queued();
                    prop_assert_eq!(after, queued + u32::from(told.is_ok()));
                }
                Step::Request(from, to, asks, within) => {
                    let handle = link(&mut world, &agents, from, to);
                    let kind = if asks { RequestKind::Ask } else { RequestKind::Delegate };
                    // An agent that waits in an ASK does nothing else.
                    if world.shard.requests().waits_for(agents[from]).is_none() {
                        let deadline = world.shard.now().after(Span::from_ns(within));
                        if let Ok(request) = world.shard.request(agents[from], handle, kind, PAYLOAD, deadline) {
                            requests.push((request, agents[from], agents[to]));
                        }
                    }
                }
                Step::Answer(pick) => {
                    if let Some((request, _, target)) = requests.get(pick % requests.len().max(1)) {
                        let open = world.shard.requests().is_open(*request);
                        let done = world.shard.answer(*target, *request, None, answer());
                        prop_assert_eq!(done.is_ok(), open);
                    }
                }
                Step::Receive(agent) => { world.shard.receive(agents[agent]); }
                Step::Pass(ns) => world.pass(ns),
                Step::Timer(agent, within) => {
                    let due = world.shard.now().after(Span::from_ns(within));
                    let _ = world.shard.set_timer(agents[agent], due, 0);
                }
                Step::Barrier(agent, parties, within) => {
                    let deadline = world.shard.now().after(Span::from_ns(within));
                    let _ = world.shard.barrier(agents[agent], b"b", parties, deadline);
                }
                Step::Publish(agent) => {
                    let handle = world.topic(agents[agent], "t");
                    world.shard.publish(agents[agent], handle, PAYLOAD).unwrap();
                }
                Step::Subscribe(agent) => {
                    let handle = world.topic(agents[agent], "t");
                    let _ = world.shard.subscribe(agents[agent], handle);
                }
                Step::End(agent) => {
                    world.shard.end(agents[agent], Exit::Killed).unwrap();
                    ended.push(agents[agent]);
                    let name = std::format!("next-{}", ended.len());
                    agents[agent] = world.spawn(&name, None);
                }
            }
            for (agent, event) in world.events.drain(..) {
                prop_assert!(!ended.contains(&agent), "an ended agent hears nothing");
                if let Event::Completed(request) = event {
                    *told.entry(request).or_insert(0) += 1;
                    prop_assert!(world.shard.take_outcome(agent, request).is_some());
                }
            }
            let queued: u32 = world.shard.agents().map(|(_, agent)| agent.queued()).sum();
            prop_assert_eq!(queued, world.shard.pool.used());
        }
        // Every deadline passes; then all end.
        world.pass(SECOND);
        for (agent, event) in world.events.drain(..) {
            if let Event::Completed(request) = event {
                *told.entry(request).or_insert(0) += 1;
                prop_assert!(world.shard.take_outcome(agent, request).is_some());
            }
        }
        for (request, asker, _) in &requests {
            let times = told.get(request).copied().unwrap_or(0);
            if ended.contains(asker) {
                prop_assert!(times <= 1);
            } else {
                prop_assert_eq!(times, 1);
            }
        }
        for agent in agents {
            world.shard.end(agent, Exit::Killed).unwrap();
        }
        prop_assert_eq!(world.shard.pool.used(), 0);
        prop_assert!(world.shard.requests.is_empty() && world.shard.timers.is_empty());
        prop_assert!(world.shard.barriers.is_empty() && world.shard.capabilities.is_empty());
        prop_assert_eq!(world.shard.processes().get(world.process).unwrap().agents(), 0);
    }
}

/// A message with agents as values.
fn about(agents: &[u64]) -> Vec<u8> {
    let mut buffer = [0; 64];
    let mut writer = Writer::new(&mut buffer, "meet", u8::try_from(agents.len()).unwrap()).unwrap();
    for word in agents {
        writer.agent(*word).unwrap();
    }
    writer.finish().unwrap().to_vec()
}

impl World {
    /// What the agent that a TELL was for finds in it as its first value.
    fn received_agent(&mut self, agent: AgentId) -> u64 {
        self.pass(1_000);
        let message = self.shard.receive(agent).unwrap();
        match Reader::new(message.payload.bytes()).unwrap().next() {
            Some(Token::Agent(word)) => word,
            other => unreachable!("{other:?}"),
        }
    }

    fn tell_about(&mut self, from: AgentId, link: Handle, agent: Handle) -> Result<u64, Status> {
        self.shard.tell(from, link, Outgoing::new(&about(&[agent.word()])))
    }

    /// A handle of an agent with these rights, as whoever starts it gets it.
    fn owned(&mut self, owner: AgentId, agent: AgentId, rights: Rights) -> Handle {
        let grant = Grant::new(CapabilityKind::Communicate, Object::Endpoint(agent), rights);
        self.shard.capabilities_mut().mint(owner, grant).unwrap()
    }
}

const OWNER: Rights = Rights::MANAGE.with(Rights::WRITE).with(Rights::GRANT);

#[test]
fn an_agent_in_a_message_becomes_an_endpoint_and_nothing_wider() {
    let (mut world, agents) = World::with_agents(3);
    let [boss, clerk, worker] = agents[..] else { unreachable!("three agents") };
    let link = world.link(boss, clerk);
    let own = world.owned(boss, worker, OWNER);
    world.tell_about(boss, link, own).unwrap();
    let word = world.received_agent(clerk);
    let passed =
        Grant::new(CapabilityKind::Communicate, Object::Endpoint(worker), Rights::WRITE.with(Rights::GRANT));
    assert_eq!(world.shard.capabilities().inspect(clerk, Handle::from_word(word)), Ok(passed));
    world.shard.tell(clerk, Handle::from_word(word), PAYLOAD).unwrap();
    world.pass(1_000);
    assert_eq!(world.shard.receive(worker).unwrap().sender, Some(clerk));
    // Nobody stays nobody.
    world.shard.tell(boss, link, Outgoing::new(&about(&[0]))).unwrap();
    assert_eq!(world.received_agent(clerk), 0);
}

#[test]
fn attack_an_agent_that_the_sender_does_not_hold_is_not_passed_on() {
    let (mut world, agents) = World::with_agents(4);
    let [boss, clerk, worker, thief] = agents[..] else { unreachable!("four agents") };
    let link = world.link(thief, clerk);
    let own = world.owned(boss, worker, OWNER);
    let device = Grant::new(CapabilityKind::IoRead, Object::Device(1), Rights::ALL);
    let device = world.shard.capabilities_mut().mint(thief, device).unwrap();
    let silent = Grant {
        kinds: flux_abi::capability::CapabilitySet::EMPTY,
        ..Grant::new(CapabilityKind::Communicate, Object::Endpoint(worker), OWNER)
    };
    let silent = world.shard.capabilities_mut().mint(thief, silent).unwrap();
    let kept = world.link(thief, worker);
    let gone = world.owned(thief, worker, OWNER);
    world.shard.capabilities_mut().revoke(thief, gone, Extent::Whole).unwrap();
    let forged = [own.word(), worker.word(), 1, u64::MAX, gone.word() ^ (1 << 16)].map(Handle::from_word);
    // Somebody else's word, made-up ones, a device, one without COMMUNICATE, one without GRANT, a revoked one.
    for handle in forged.into_iter().chain([device, silent, kept, gone]) {
        assert_eq!(world.tell_about(thief, link, handle), Err(Status::Denied), "{handle:?}");
    }
    world.pass(SECOND);
    assert!(world.shard.receive(clerk).is_none());
    assert_eq!(world.shard.capabilities().held(clerk).count(), 0);
}

#[test]
fn revocation_reaches_an_agent_that_still_lies_in_a_mailbox() {
    let (mut world, agents) = World::with_agents(4);
    let [boss, clerk, worker, friend] = agents[..] else { unreachable!("four agents") };
    let (link, onwards) = (world.link(boss, clerk), world.link(clerk, friend));
    let own = world.owned(boss, worker, OWNER);
    world.tell_about(boss, link, own).unwrap();
    let word = Handle::from_word(world.received_agent(clerk));
    world.tell_about(clerk, onwards, word).unwrap();
    world.tell_about(boss, link, own).unwrap();
    world.shard.capabilities_mut().revoke(boss, own, Extent::Whole).unwrap();
    for agent in [clerk, friend] {
        let word = Handle::from_word(world.received_agent(agent));
        assert_eq!(world.shard.tell(agent, word, PAYLOAD), Err(Status::Denied));
        assert_eq!(world.shard.capabilities().inspect(agent, word), Err(CapabilityError::Stale));
    }
}

#[test]
fn an_agent_that_is_sent_again_and_again_takes_one_place_and_returns_as_itself() {
    let (mut world, agents) = World::with_agents(3);
    let [boss, clerk, worker] = agents[..] else { unreachable!("three agents") };
    let (link, back) = (world.link(boss, clerk), world.link(clerk, boss));
    let own = world.owned(boss, worker, OWNER);
    let mut words = Vec::new();
    for _ in 0..200 {
        world.tell_about(boss, link, own).unwrap();
        words.push(world.received_agent(clerk));
        world.tell_about(clerk, back, Handle::from_word(words[0])).unwrap();
        assert_eq!(world.received_agent(boss), own.word());
    }
    words.dedup();
    assert_eq!(words.len(), 1);
    assert_eq!(world.shard.capabilities().held(clerk).count(), 2);
}

#[test]
fn an_answer_with_an_agent_that_cannot_be_passed_on_is_an_error_to_the_asker() {
    let (mut world, agents) = World::with_agents(3);
    let [asker, clerk, worker] = agents[..] else { unreachable!("three agents") };
    let link = world.link(asker, clerk);
    let kept = world.link(clerk, worker);
    let request = ask(&mut world, asker, link).unwrap();
    world.pass(1_000);
    let answered = world.shard.answer_value(clerk, request, &about(&[kept.word()]));
    assert_eq!(answered, Err(Status::Denied));
    world.pass(1_000);
    let failure = Outcome::Error(Failure::Answered(Status::Denied));
    assert_eq!(world.shard.take_outcome(asker, request), Some(failure));
}

#[test]
fn where_messages_take_no_time_one_event_tells_of_all_that_wait() {
    let mut shard = Shard::new(Config { delay: Span::ZERO, ..Config::default() });
    let process = shard.processes_mut().create(None, u64::MAX).unwrap();
    let [sender, receiver] = ["a", "b"].map(|name| shard.spawn(Birth::new(name, process)).unwrap());
    let grant = Grant::new(CapabilityKind::Communicate, Object::Endpoint(receiver), Rights::WRITE);
    let link = shard.capabilities_mut().mint(sender, grant).unwrap();
    for round in 1..=2 {
        for _ in 0..3 {
            shard.tell(sender, link, Outgoing::new(&[0, 0])).unwrap();
        }
        assert_eq!(shard.poll(), Some((receiver, Event::Message)));
        assert_eq!(shard.poll(), None);
        let taken = core::iter::from_fn(|| shard.receive(receiver)).count();
        // The next one finds it at rest, so there is an event again.
        assert_eq!((taken, shard.delivered()), (3, 3 * round));
    }
}
