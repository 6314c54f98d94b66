//! Places that outlive a generation: name, messages and endpoints, and what the keeper gave.

use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::ioctl::{ObjectType, Operation};
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_kcore::capability::{Handle, Object, Rights};
use flux_kcore::id::AgentId;
use flux_kcore::runtime::Syscalls as _;
use flux_kernel::user_memory::words;

use crate::bench::{Bench, bench};

/// An agent whose place is kept, started, and its handle.
fn kept(bench: &mut Bench, head: &str) -> (AgentId, u64) {
    let module = bench.load(head);
    let record = bench.place(&words(&[module, 0, 0, 0, 0, 0, 0, 0]));
    let handle = bench.call(Syscall::Spawn, [bench.root, record, 0, 0]).unwrap();
    let caller = bench.agent;
    let agent = bench.kernel.parts_mut().0.retain(caller, Handle::from_word(handle)).unwrap();
    bench.kernel.start_pending().unwrap();
    (agent, handle)
}

fn living(bench: &Bench, name: &str) -> Option<AgentId> {
    bench.kernel.core().shard().find(name)
}

fn kill(bench: &mut Bench, handle: u64) {
    bench.call(Syscall::Ioctl, [handle, Operation::Signal.number(), 9, 0]).unwrap();
    bench.kernel.start_pending().unwrap();
}

fn restart(bench: &mut Bench, handle: u64) -> Result<AgentId, Status> {
    let caller = bench.agent;
    let restarted = bench.kernel.parts_mut().0.restart(caller, Handle::from_word(handle));
    bench.kernel.start_pending().unwrap();
    restarted
}

fn kinds_held(bench: &Bench, agent: AgentId) -> Vec<(CapabilitySet, bool)> {
    let held = bench.kernel.core().shard().capabilities().held(agent);
    held.map(|(_, grant)| (grant.kinds, matches!(grant.object, Object::Device(_)))).collect()
}

const WORKER: &str = ".name \"worker\"\n.capability IO_READ IO_WRITE\n.link device \"i2c:0x48\" rights rw";

#[test]
fn a_place_waits_for_its_keeper_and_takes_messages_meanwhile() {
    let mut bench = bench();
    let (first, handle) = kept(&mut bench, ".name \"worker\"");
    assert_eq!(restart(&mut bench, handle), Err(Status::NotFound), "it is at work");
    let tell = |bench: &mut Bench| {
        let hi = bench.place(crate::messages::HI);
        let tell = bench.place(&words(&[0, 0, hi, crate::messages::HI.len() as u64, 0]));
        bench.call(Syscall::A2aSend, [handle, tell, 0, 0])
    };
    tell(&mut bench).unwrap();
    kill(&mut bench, handle);
    let second = living(&bench, "worker").unwrap();
    assert_ne!(second, first);
    assert_eq!(bench.kernel.living(), 0, "nobody is at work in the place");
    tell(&mut bench).unwrap();
    // The name is taken for whoever comes.
    let module = bench.load(".name \"worker\"");
    assert_eq!(bench.execute(module), Err(Status::Exists));
    assert_eq!(restart(&mut bench, handle), Ok(second));
    assert_eq!(bench.kernel.living(), 1);
    assert_eq!(bench.kernel.core().shard().agent(second).unwrap().queued(), 2);
    assert_eq!(restart(&mut bench, handle), Err(Status::NotFound));
    // Given up: whoever has it ends, and the name is free.
    let caller = bench.agent;
    bench.kernel.parts_mut().0.dismiss(caller, Handle::from_word(handle)).unwrap();
    bench.kernel.start_pending().unwrap();
    assert_eq!((living(&bench, "worker"), bench.kernel.living()), (None, 0));
    assert_eq!(tell(&mut bench), Err(Status::NotFound));
    assert_eq!(restart(&mut bench, handle), Err(Status::NotFound));
}

#[test]
fn the_next_generation_holds_what_its_keeper_still_can_give() {
    let mut bench = bench();
    let (_, child) = kept(&mut bench, WORKER);
    let io = [CapabilityKind::IoRead, CapabilityKind::IoWrite];
    let both = io.into_iter().fold(CapabilitySet::EMPTY, CapabilitySet::with);
    let [read, write] = io.map(|kind| CapabilitySet::EMPTY.with(kind));
    let rights = u64::from(Rights::READ.with(Rights::WRITE).with(Rights::GRANT).bits());
    let record = bench.place(&words(&[0, u64::from(both.bits()), rights, 0, ObjectType::Device as u64, 0]));
    let derive = Operation::Derive.number();
    let device = bench.call(Syscall::Ioctl, [bench.root, derive, record, 0]).unwrap();
    let hand = |bench: &mut Bench, operation: Operation, kinds: CapabilitySet| {
        let record = bench.place(&words(&[child, u64::from(kinds.bits())]));
        bench.call(Syscall::Ioctl, [device, operation.number(), record, 0]).unwrap()
    };
    hand(&mut bench, Operation::Entrust, both);
    kill(&mut bench, child);
    let second = restart(&mut bench, child).unwrap();
    assert_eq!(kinds_held(&bench, second), [(both, true)]);
    // What was taken back is not given again, nor is more than that.
    hand(&mut bench, Operation::Withhold, write);
    kill(&mut bench, child);
    let third = restart(&mut bench, child).unwrap();
    assert_eq!(kinds_held(&bench, third), [(read, true)]);
    // What is granted in the wait is there when it begins, once.
    kill(&mut bench, child);
    hand(&mut bench, Operation::Entrust, write);
    let fourth = restart(&mut bench, child).unwrap();
    assert_eq!(kinds_held(&bench, fourth), [(both, true)]);
    // The keeper's handle is gone: nothing can be given by it.
    bench.call(Syscall::Ioctl, [device, Operation::Revoke.number(), 0, 0]).unwrap();
    kill(&mut bench, child);
    let fifth = restart(&mut bench, child).unwrap();
    assert_eq!(kinds_held(&bench, fifth), []);
}

#[test]
fn a_place_is_kept_by_who_started_the_agent_and_goes_with_it() {
    let mut bench = bench();
    let (agent, handle) = kept(&mut bench, ".name \"worker\"");
    let caller = bench.agent;
    let core = bench.kernel.parts_mut().0;
    assert_eq!(core.retain(caller, Handle::from_word(handle)), Err(Status::Invalid), "it has begun");
    assert_eq!(core.retain(caller, Handle::NONE), Err(Status::Denied));
    for refused in [core.restart(caller, Handle::NONE).err(), core.halt(caller, Handle::NONE).err()] {
        assert_eq!(refused, Some(Status::Denied));
    }
    assert_eq!(core.dismiss(caller, Handle::NONE), Err(Status::Denied));
    // In order, its place stays; the keeper ends, and the place with it.
    core.halt(caller, Handle::from_word(handle)).unwrap();
    bench.kernel.start_pending().unwrap();
    let next = living(&bench, "worker").unwrap();
    assert_ne!(next, agent);
    assert_eq!(bench.kernel.living(), 0);
    bench.kernel.stop();
    assert_eq!(living(&bench, "worker"), None);
    assert!(bench.kernel.core().shard().agent(next).is_none());
}
