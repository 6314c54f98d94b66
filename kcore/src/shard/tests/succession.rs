//! The next generation of an agent that ended.

use super::*;

fn birth<'n>(world: &World, name: &'n str, parent: AgentId) -> Birth<'n> {
    Birth { parent: Some(parent), ..Birth::new(name, world.process) }
}

#[test]
fn the_next_generation_has_the_name_the_messages_and_the_endpoints() {
    let (mut world, agents) = World::with_agents(2);
    let old = world.spawn("worker", Some(agents[0]));
    let link = world.link(agents[1], old);
    world.shard.tell(agents[1], link, PAYLOAD).unwrap();
    world.pass(SECOND);
    // One is on its way, a question waits, and another agent got the endpoint from the first.
    let request = ask(&mut world, agents[1], link).unwrap();
    world.shard.tell(agents[1], link, PAYLOAD).unwrap();
    world.events.clear();
    let born = birth(&world, "worker", agents[0]);
    let (new, remains) = world.shard.succeed(old, Exit::Trapped(TrapKind::Fail), born).unwrap();
    assert_ne!(new, old);
    assert_eq!((remains.unread, remains.agent.name()), (0, "worker"));
    assert_eq!((world.shard.find("worker"), world.shard.agent(old).is_none()), (Some(new), true));
    assert_eq!(world.shard.agent(new).unwrap().state(), AgentState::Created);
    world.shard.tell(agents[1], link, PAYLOAD).unwrap();
    world.pass(SECOND);
    assert_eq!(world.completions(agents[1], request), 1);
    let failed = Outcome::Error(Failure::TargetEnded);
    assert_eq!(world.shard.take_outcome(agents[1], request), Some(failed));
    let ended = Event::Ended { agent: old, exit: Exit::Trapped(TrapKind::Fail) };
    assert!(world.events.contains(&(agents[0], ended)));
    let messages = world.events.iter().filter(|event| **event == (new, Event::Message)).count();
    assert!(messages >= 2, "what was on its way arrives, too");
    let received = core::iter::from_fn(|| world.shard.receive(new)).count();
    assert_eq!((received, world.shard.dead_letters().total()), (3, 0));
    assert_eq!(world.shard.capabilities().held(new).count(), 0, "nothing is inherited");
}

#[test]
fn a_generation_that_finds_no_place_leaves_dead_letters() {
    let (mut world, agents) = World::with_agents(2);
    let old = world.spawn("worker", Some(agents[0]));
    let link = world.link(agents[1], old);
    world.shard.tell(agents[1], link, PAYLOAD).unwrap();
    let taken = birth(&world, "agent-1", agents[0]);
    assert_eq!(world.shard.succeed(old, Exit::Killed, taken).map(|(agent, _)| agent), Err(Status::Exists));
    assert!(world.shard.agent(old).is_none());
    assert_eq!(world.shard.dead_letters().total(), 1);
    assert_eq!(world.shard.tell(agents[1], link, PAYLOAD), Err(Status::NotFound));
    let again = birth(&world, "worker", agents[0]);
    assert_eq!(world.shard.succeed(old, Exit::Killed, again).map(|(agent, _)| agent), Err(Status::NotFound));
}

#[test]
fn a_question_has_one_outcome_through_many_generations() {
    let (mut world, agents) = World::with_agents(2);
    let mut worker = world.spawn("worker", Some(agents[0]));
    let link = world.link(agents[1], worker);
    let mut requests = Vec::new();
    for _ in 0..5 {
        requests.push(ask(&mut world, agents[1], link).unwrap());
        let born = birth(&world, "worker", agents[0]);
        worker = world.shard.succeed(worker, Exit::Trapped(TrapKind::Fail), born).unwrap().0;
        world.pass(SECOND);
        let request = requests[requests.len() - 1];
        assert!(world.shard.take_outcome(agents[1], request).is_some(), "its completion slot is free again");
    }
    for request in requests {
        assert_eq!(world.completions(agents[1], request), 1);
    }
}
