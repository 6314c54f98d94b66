//! What held agents do, and what becomes of it.

use super::*;

fn numbered(number: u8) -> [u8; 2] {
    [0, number]
}

fn received(world: &mut World, agent: AgentId) -> Vec<u8> {
    core::iter::from_fn(|| world.shard.receive(agent)).map(|message| message.payload.bytes()[1]).collect()
}

#[test]
fn what_is_held_arrives_in_order_or_never_was() {
    let (mut world, agents) = World::with_agents(2);
    let link = world.link(agents[0], agents[1]);
    world.shard.hold(agents[0]).unwrap();
    for number in 1..4 {
        world.shard.tell(agents[0], link, Outgoing::new(&numbered(number))).unwrap();
    }
    world.pass(SECOND);
    assert_eq!(received(&mut world, agents[1]), []);
    world.shard.discard(agents[0]);
    world.shard.tell(agents[0], link, Outgoing::new(&numbered(4))).unwrap();
    world.shard.tell(agents[0], link, Outgoing::new(&numbered(5))).unwrap();
    world.shard.commit(agents[0]);
    // It is held on.
    world.shard.tell(agents[0], link, Outgoing::new(&numbered(6))).unwrap();
    world.pass(SECOND);
    assert_eq!(received(&mut world, agents[1]), [4, 5]);
    world.shard.release_held(agents[0]);
    world.shard.tell(agents[0], link, Outgoing::new(&numbered(7))).unwrap();
    world.pass(SECOND);
    assert_eq!(received(&mut world, agents[1]), [6, 7]);
}

#[test]
fn a_discarded_request_has_no_outcome_and_an_ask_takes_what_is_before_it_along() {
    let (mut world, agents) = World::with_agents(2);
    let link = world.link(agents[0], agents[1]);
    world.shard.hold(agents[0]).unwrap();
    let deadline = Time::from_ns(5 * SECOND);
    let gone = world.shard.request(agents[0], link, RequestKind::Delegate, PAYLOAD, deadline).unwrap();
    world.shard.discard(agents[0]);
    world.pass(9 * SECOND);
    assert_eq!((world.completions(agents[0], gone), received(&mut world, agents[1])), (0, Vec::new()));
    world.shard.tell(agents[0], link, Outgoing::new(&numbered(1))).unwrap();
    let asked = ask(&mut world, agents[0], link).unwrap();
    world.shard.discard(agents[0]);
    world.pass(SECOND);
    assert_eq!(received(&mut world, agents[1]), [1, 0]);
    world.shard.answer(agents[1], asked, None, answer()).unwrap();
    world.pass(SECOND);
    assert_eq!(world.completions(agents[0], asked), 1);
}

#[test]
fn held_answers_wait_and_a_request_whose_target_ended_fails_when_it_is_let_go() {
    let (mut world, agents) = World::with_agents(3);
    let (to, on) = (world.link(agents[0], agents[1]), world.link(agents[1], agents[2]));
    world.shard.hold(agents[1]).unwrap();
    let asked = ask(&mut world, agents[0], to).unwrap();
    let deadline = world.shard.now().after(Span::from_ns(5 * SECOND));
    let passed = world.shard.request(agents[1], on, RequestKind::Delegate, PAYLOAD, deadline).unwrap();
    world.shard.answer(agents[1], asked, None, answer()).unwrap();
    world.pass(1_000_000);
    assert_eq!(world.completions(agents[0], asked), 0);
    world.shard.end(agents[2], Exit::Killed);
    world.shard.commit(agents[1]);
    world.pass(1_000_000);
    assert_eq!((world.completions(agents[0], asked), world.completions(agents[1], passed)), (1, 1));
}

#[test]
fn a_message_that_is_put_back_is_the_next_one_even_in_a_full_mailbox() {
    let (mut world, agents) = World::with_agents(6);
    let links: Vec<Handle> = (1..6).map(|from| world.link(agents[from], agents[0])).collect();
    for (from, link) in (1..5).zip(&links) {
        for _ in 0..SHARE {
            world.shard.tell(agents[from], *link, Outgoing::new(&numbered(1))).unwrap();
        }
    }
    world.pass(SECOND);
    let first = world.shard.receive(agents[0]).unwrap();
    let id = first.id;
    world.shard.tell(agents[5], links[4], Outgoing::new(&numbered(5))).unwrap();
    assert_eq!(world.shard.tell(agents[5], links[4], PAYLOAD), Err(Status::Busy));
    world.shard.put_back(agents[0], first);
    world.pass(SECOND);
    assert_eq!(world.shard.agent(agents[0]).unwrap().queued() as usize, MAILBOX + 1);
    assert_eq!(world.shard.receive(agents[0]).unwrap().id, id);
    assert_eq!(received(&mut world, agents[0]).len(), MAILBOX);
}

#[test]
fn the_end_of_a_held_agent_takes_what_was_held_with_it() {
    let (mut world, agents) = World::with_agents(2);
    let link = world.link(agents[0], agents[1]);
    world.shard.hold(agents[0]).unwrap();
    world.shard.tell(agents[0], link, PAYLOAD).unwrap();
    for _ in 1..MOST_HELD {
        world.shard.tell(agents[0], link, PAYLOAD).unwrap();
    }
    assert_eq!(world.shard.tell(agents[0], link, PAYLOAD), Err(Status::Busy), "no more are kept");
    world.shard.end(agents[0], Exit::Killed);
    world.pass(SECOND);
    assert_eq!(received(&mut world, agents[1]), []);
}
