//! What an agent may use, and what it was refused.

use core::num::NonZeroU64;

use super::*;
use crate::audit::{Act, EACH};
use crate::runtime::Step;

const READ: Act = Act::Instruction(flux_abi::opcode::Opcode::IoRead);

fn rate(value: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(value)
}

/// Lets agents that always have something to do run for `seconds`, each slice `slice` gas; gas by agent.
fn work(world: &mut World, seconds: i64, slice: u64) -> BTreeMap<AgentId, u64> {
    let mut used = BTreeMap::new();
    let end = world.shard.now().after(Span::from_ns(seconds * SECOND));
    while world.shard.now() < end {
        while world.shard.poll().is_some() {}
        if let Some(dispatch) = world.shard.dispatch() {
            let agent = dispatch.agent;
            if world.shard.rests(agent) {
                world.shard.settle(agent, Step::Blocked);
                continue;
            }
            let gas = slice.min(world.shard.gas_left(agent).unwrap_or(slice));
            world.shard.spend(agent, gas);
            *used.entry(agent).or_default() += gas;
            world.shard.settle(agent, Step::Ready);
        }
        let next = world.shard.now().after(Span::from_ns(SECOND / 100));
        world.shard.advance(next);
    }
    used
}

#[test]
fn an_agent_above_its_gas_rests_and_others_run_meanwhile() {
    let (mut world, agents) = World::with_agents(2);
    world.shard.set_rate(agents[0], Metered::Gas, rate(25)).unwrap();
    agents.iter().for_each(|agent| world.shard.wake(*agent, Boost::None));
    let used = work(&mut world, 10, 10);
    assert_eq!(used[&agents[0]], 10 * 25);
    // A slice in each hundredth of a second but for the 30 that the limited one took.
    assert!(used[&agents[1]] >= 10 * (1_000 - 40), "{used:?}");
    world.shard.set_rate(agents[0], Metered::Gas, None).unwrap();
    assert!(work(&mut world, 1, 10)[&agents[0]] > 400, "without its limit it takes its turns at once");
}

#[test]
fn a_message_does_not_wake_an_agent_that_rests() {
    let (mut world, agents) = World::with_agents(1);
    world.shard.set_rate(agents[0], Metered::Gas, rate(1)).unwrap();
    world.shard.spend(agents[0], 3);
    assert!(world.shard.rests(agents[0]) && world.shard.rests(agents[0]));
    assert_eq!(world.shard.next_event(), Some(Time::from_ns(3 * SECOND)), "one timer");
    world.shard.wake(agents[0], Boost::Message);
    assert!(world.shard.dispatch().is_some() && world.shard.rests(agents[0]));
    world.shard.settle(agents[0], Step::Blocked);
    assert!(world.shard.dispatch().is_none());
    world.pass(3 * SECOND);
    assert_eq!(world.shard.dispatch().map(|dispatch| dispatch.agent), Some(agents[0]));
    assert!(!world.shard.rests(agents[0]));
}

#[test]
fn an_access_above_the_limit_is_busy_until_the_next_second() {
    let (mut world, agents) = World::with_agents(2);
    world.shard.set_rate(agents[0], Metered::Accesses, rate(2)).unwrap();
    let mut access = |agent| world.shard.access(agent);
    assert_eq!([(); 4].map(|()| access(agents[0])), [Ok(()), Ok(()), Err(Status::Busy), Err(Status::Busy)]);
    assert_eq!(access(agents[1]), Ok(()));
    world.pass(SECOND);
    assert_eq!([(); 3].map(|()| world.shard.access(agents[0])), [Ok(()), Ok(()), Err(Status::Busy)]);
}

#[test]
fn the_next_generation_has_the_limits_the_debt_and_all_messages() {
    let (mut world, agents) = World::with_agents(4);
    let old = world.spawn("worker", Some(agents[0]));
    for agent in &agents {
        let link = world.link(*agent, old);
        for _ in 0..5 {
            world.shard.tell(*agent, link, PAYLOAD).unwrap();
        }
    }
    world.pass(SECOND);
    world.shard.set_rate(old, Metered::Gas, rate(100)).unwrap();
    world.shard.set_rate(old, Metered::Accesses, rate(7)).unwrap();
    world.shard.set_memory_limit(old, Some(512)).unwrap();
    world.shard.set_mailbox_limit(old, 4).unwrap();
    world.shard.set_priority(old, 9).unwrap();
    world.shard.spend(old, 1_000);
    assert!(world.shard.rests(old));
    world.shard.refuse(old, READ, 1, Status::Denied);
    let birth = Birth { parent: Some(agents[0]), ..Birth::new("worker", world.process) };
    let (new, _) = world.shard.succeed(old, Exit::Killed, birth).unwrap();
    let record = world.shard.agent(new).unwrap();
    assert_eq!(
        (record.queued(), record.mailbox_limit()),
        (20, 4),
        "what waited is not lost to the lower limit"
    );
    assert_eq!(record.rate_limit(Metered::Gas).map(NonZeroU64::get), Some(100));
    assert_eq!(record.rate_limit(Metered::Accesses).map(NonZeroU64::get), Some(7));
    assert_eq!((record.memory().limit(), record.memory().most()), (512, DEFAULT_QUOTA));
    assert_eq!((world.shard.priority(new), record.refusals().total()), (Some(9), 1));
    // The timer of the old generation is gone; the new one sets its own.
    world.pass(SECOND);
    assert!(world.shard.rests(new));
    assert_eq!(world.shard.next_event(), Some(Time::from_ns(11 * SECOND)));
    let link = world.link(agents[1], new);
    assert_eq!(world.shard.tell(agents[1], link, PAYLOAD), Err(Status::Busy));
}

#[test]
fn what_an_agent_starts_has_its_limits_and_owes_nothing() {
    let (mut world, agents) = World::with_agents(1);
    world.shard.set_rate(agents[0], Metered::Gas, rate(100)).unwrap();
    world.shard.set_memory_limit(agents[0], Some(4_096)).unwrap();
    world.shard.spend(agents[0], 100);
    let child = world.spawn("child", Some(agents[0]));
    let record = world.shard.agent(child).unwrap();
    assert_eq!(record.rate_limit(Metered::Gas).map(NonZeroU64::get), Some(100));
    assert_eq!((record.rate_limit(Metered::Accesses), record.memory().limit()), (None, 4_096));
    assert!(world.shard.rests(agents[0]) && !world.shard.rests(child));
}

#[test]
fn an_agent_that_ends_while_it_rests_leaves_no_timer() {
    let (mut world, agents) = World::with_agents(1);
    world.shard.set_rate(agents[0], Metered::Gas, rate(1)).unwrap();
    world.shard.spend(agents[0], 1);
    assert!(world.shard.rests(agents[0]));
    world.shard.end(agents[0], Exit::Killed).unwrap();
    assert_eq!((world.shard.next_event(), world.shard.timers.len()), (None, 0));
    assert_eq!(world.shard.set_rate(agents[0], Metered::Gas, None), Err(Status::NotFound));
    assert_eq!(world.shard.set_memory_limit(agents[0], None), Err(Status::NotFound));
}

#[test]
fn a_flood_of_refusals_is_counted_and_others_have_their_records() {
    let (mut world, agents) = World::with_agents(2);
    for handle in 0..1_000 {
        world.shard.refuse(agents[0], READ, handle, Status::Denied);
    }
    assert!(world.shard.refuse(agents[1], READ, 5, Status::NoMemory).is_some());
    assert!(world.shard.refuse(agents[1], READ, 5, Status::Invalid).is_none(), "an answer");
    let audit = world.shard.audit();
    let records: Vec<_> = audit.records().map(|record| (record.number, record.name.as_str())).collect();
    assert_eq!(records.len(), EACH as usize + 1);
    assert_eq!((records[0], *records.last().unwrap()), ((1, "agent-0"), (1_001, "agent-1")));
    assert_eq!((audit.total(), audit.unrecorded()), (1_001, 1_000 - u64::from(EACH)));
    let totals = [0, 1].map(|n| world.shard.agent(agents[n]).unwrap().refusals().total());
    assert_eq!(totals, [1_000, 1]);
    assert!(world.shard.refuse(AgentId::new(77, 0).unwrap(), READ, 0, Status::Denied).is_none());
}
