//! IOCTL: each operation on the object of a handle.

use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::ioctl::{Limit, OPERATIONS, ObjectType, Operation};
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_kcore::capability::{Grant, Object, Rights};
use flux_kcore::id::AgentId;
use flux_kcore::runtime::Exit;
use flux_kcore::time::Time;
use flux_kernel::user_memory::{Words, words};

use crate::bench::{Answer, Bench, bench};
use crate::messages::with_topic;

fn as_agent(bench: &mut Bench, agent: AgentId, handle: u64, operation: Operation, record: u64) -> Answer {
    bench.call_as(agent, Syscall::Ioctl, [handle, operation.number(), record, 0])
}

fn ioctl_of(bench: &mut Bench, handle: u64, operation: Operation, record: u64) -> Answer {
    let agent = bench.agent;
    as_agent(bench, agent, handle, operation, record)
}

/// An endpoint handle for `target` that `bench.agent` derives from its root.
fn endpoint(bench: &mut Bench, target: AgentId, rights: Rights) -> u64 {
    derive(bench, [0, communicate(), u64::from(rights.bits()), 0, ObjectType::Agent as u64, target.word()])
        .unwrap()
}

fn communicate() -> u64 {
    u64::from(CapabilitySet::EMPTY.with(CapabilityKind::Communicate).bits())
}

fn derive(bench: &mut Bench, record: [u64; 6]) -> Answer {
    let (root, record) = (bench.root, bench.place(&words(&record)));
    ioctl_of(bench, root, Operation::Derive, record)
}

pub(crate) fn ioctl() {
    let (mut bench, reader, topic) = with_topic(Rights::READ);
    let mut as_reader = |arguments| bench.call_as(reader, Syscall::Ioctl, arguments);
    let (own, unsubscribe) = (Operation::Own.number(), Operation::Unsubscribe.number());
    assert_eq!(as_reader([topic, unsubscribe, 0, 0]), Err(Status::NotFound));
    assert_eq!(as_reader([topic, own, 0, 0]), Err(Status::Invalid));
    assert_eq!(as_reader([0, own, 0, 0]), Err(Status::NotFound));
    for kind in [11, 256, u64::MAX] {
        assert_eq!(as_reader([0, own, kind, 0]), Err(Status::Invalid));
    }
    for operation in [0, 27, 1 << 32 | 1, u64::MAX] {
        assert_eq!(as_reader([topic, operation, u64::MAX, 0]), Err(Status::NotFound));
        assert_eq!(as_reader([0, operation, 0, 0]), Err(Status::Denied));
    }
    for row in OPERATIONS.iter().filter(|row| !matches!(row.operation, Operation::Own | Operation::Check)) {
        for handle in [0, 1, topic ^ 1 << 16, u64::MAX] {
            // Without a handle a caller lowers limits of its own.
            if handle == 0 && row.operation == Operation::SetLimit {
                continue;
            }
            for record in [0, 8, u64::MAX] {
                let refused = as_reader([handle, row.operation.number(), record, 0]);
                assert_eq!(refused, Err(Status::Denied), "{} {handle:#x}", row.name);
            }
        }
    }
    bench.call_as(reader, Syscall::A2aSubscribe, [topic, 0, 0, 0]).unwrap();
    assert_eq!(as_agent(&mut bench, reader, topic, Operation::Unsubscribe, 0), Ok(0));
    assert_eq!(as_agent(&mut bench, reader, topic, Operation::Revoke, 0), Ok(0));
    assert_eq!(as_agent(&mut bench, reader, topic, Operation::Revoke, 0), Err(Status::Denied));
    let (holder, handle) =
        bench.other("holder", Grant::new(CapabilityKind::Memory, Object::Kind, Rights::USE));
    let memory = CapabilityKind::Memory as u64;
    assert_eq!(as_agent(&mut bench, holder, 0, Operation::Own, memory), Ok(handle));
}

#[test]
fn a_narrowed_handle_is_one_for_its_kinds_and_never_wider() {
    let mut bench = bench();
    let both = CapabilitySet::EMPTY.with(CapabilityKind::IoRead).with(CapabilityKind::IoWrite);
    let rights = Rights::READ.with(Rights::WRITE).with(Rights::GRANT);
    let grant = Grant { kinds: both, object: Object::Device(7), rights, badge: 0 };
    let (holder, device) = bench.other("holder", grant);
    let only = |kind| u64::from(CapabilitySet::EMPTY.with(kind).bits());
    let reading =
        as_agent(&mut bench, holder, device, Operation::Narrow, only(CapabilityKind::IoRead)).unwrap();
    let again =
        as_agent(&mut bench, holder, device, Operation::Narrow, only(CapabilityKind::IoRead)).unwrap();
    assert_eq!(reading, again);
    let read_only = u64::from(Rights::READ.with(Rights::GRANT).bits());
    let covers = |bench: &mut Bench, rights| as_agent(bench, holder, reading, Operation::Check, rights);
    assert_eq!(covers(&mut bench, read_only), Ok(1));
    assert_eq!(covers(&mut bench, u64::from(Rights::WRITE.bits())), Ok(0));
    // What is narrow stays narrow, and no kind can be made of none.
    for (handle, kinds) in [
        (reading, only(CapabilityKind::IoWrite)),
        (reading, u64::from(both.bits())),
        (device, only(CapabilityKind::Spawn)),
    ] {
        let refused = as_agent(&mut bench, holder, handle, Operation::Narrow, kinds);
        assert_eq!(refused, Err(Status::Denied), "{kinds:#x}");
    }
    for kinds in [0, 1 << 15, u64::MAX] {
        let refused = as_agent(&mut bench, holder, device, Operation::Narrow, kinds);
        assert_eq!(refused, Err(Status::Invalid), "{kinds:#x}");
    }
    // Giving it up leaves the first one as it was, and the next one is another.
    assert_eq!(as_agent(&mut bench, holder, reading, Operation::Revoke, 0), Ok(0));
    let next = as_agent(&mut bench, holder, device, Operation::Narrow, only(CapabilityKind::IoRead)).unwrap();
    assert_ne!(next, reading);
}

#[test]
fn a_derived_handle_is_narrower_and_goes_with_its_parent() {
    let mut bench = bench();
    let root = bench.root;
    let read = CapabilitySet::EMPTY.with(CapabilityKind::IoRead);
    let device = bench.open("i2c:0x48").unwrap();
    let record = bench.place(&words(&[0, u64::from(read.bits()), 1, 5, 0, 0]));
    let narrow = ioctl_of(&mut bench, device, Operation::Derive, record).unwrap();
    let buffer = bench.reserve(8);
    assert_eq!(bench.call(Syscall::Read, [narrow, buffer, 8, 0]), Ok(8));
    assert_eq!(bench.call(Syscall::Write, [narrow, buffer, 8, 0]), Err(Status::Denied));
    // Wider than its parent in rights, kinds, object or badge.
    let all = u64::from(CapabilitySet::ALL.bits());
    let bits = u64::from(read.bits());
    for record in [
        [0, bits, 31, 5, 0, 0],
        [0, all, 1, 5, 0, 0],
        [0, bits, 1, 6, 0, 0],
        [0, bits, 1, 5, ObjectType::Device as u64, 99],
        [0, bits, 1, 5, ObjectType::Kind as u64, 0],
        [1, bits, 1, 5, 0, 0],
    ] {
        let at = bench.place(&words(&record));
        assert_eq!(ioctl_of(&mut bench, narrow, Operation::Derive, at), Err(Status::Denied), "{record:?}");
    }
    for record in [
        [0, 1 << 11, 1, 0, 0, 0],
        [0, 1 << 16, 1, 0, 0, 0],
        [0, 0, 32, 0, 0, 0],
        [0, 0, 1 << 8, 0, 0, 0],
        [0, 0, 0, 1 << 16, 0, 0],
        [0, 0, 0, 0, 8, 0],
        [0, 0, 0, 0, ObjectType::Device as u64, 1 << 32],
        [0, 0, 0, 0, ObjectType::Agent as u64, 0],
        [0, 0, 0, 0, ObjectType::Topic as u64, 0],
        [root, 0, 0, 0, 0, 0],
    ] {
        assert_eq!(derive(&mut bench, record), Err(Status::Invalid), "{record:?}");
    }
    let derive = Operation::Derive.number();
    bench.hostile(Syscall::Ioctl, |pointer| [root, derive, pointer, 0]);
    assert_eq!(ioctl_of(&mut bench, device, Operation::Revoke, 0), Ok(0));
    assert_eq!(bench.call(Syscall::Read, [narrow, buffer, 8, 0]), Err(Status::Denied));
}

#[test]
fn a_handle_is_given_to_another_agent_or_moved_there() {
    let mut bench = bench();
    let (other, _) = bench.other("other", Grant::new(CapabilityKind::Memory, Object::Kind, Rights::USE));
    let to = endpoint(&mut bench, other, Rights::WRITE);
    let device = bench.open("i2c:0x48").unwrap();
    let read = u64::from(CapabilitySet::EMPTY.with(CapabilityKind::IoRead).bits());
    let record = bench.place(&words(&[to, read, 1, 0, 0, 0]));
    let given = ioctl_of(&mut bench, device, Operation::Derive, record).unwrap();
    let buffer = bench.reserve(8);
    assert_eq!(bench.call_as(other, Syscall::Read, [given, buffer, 8, 0]), Ok(8));
    let moved = ioctl_of(&mut bench, device, Operation::Transfer, to).unwrap();
    assert_eq!(bench.call(Syscall::Read, [device, buffer, 8, 0]), Err(Status::Denied));
    assert_eq!(bench.call_as(other, Syscall::Read, [moved, buffer, 8, 0]), Ok(8));
    // Without GRANT nothing is moved, and only an agent can be moved to.
    let back = bench.place(&words(&[0, read, 1, 0, 0, 0]));
    let fixed = as_agent(&mut bench, other, moved, Operation::Derive, back).unwrap();
    for record in [0, 1, u64::MAX] {
        assert_eq!(as_agent(&mut bench, other, fixed, Operation::Transfer, record), Err(Status::Denied));
    }
    assert_eq!(as_agent(&mut bench, other, fixed, Operation::Transfer, moved), Err(Status::Invalid));
    for (record, held) in [(1, 1), (3, 0), (32, 0), (u64::MAX, 0)] {
        assert_eq!(as_agent(&mut bench, other, fixed, Operation::Check, record), Ok(held), "{record}");
    }
    assert_eq!(ioctl_of(&mut bench, device, Operation::Check, 0), Ok(0), "what was moved is stale");
    assert_eq!(ioctl_of(&mut bench, u64::MAX, Operation::Check, 0), Ok(0));
}

#[test]
fn a_service_is_found_by_its_audience_until_it_is_withdrawn() {
    let mut bench = bench();
    let plain = Grant::new(CapabilityKind::Communicate, Object::Kind, Rights::USE);
    let (clock, own) = bench.other("clock", plain);
    let (asker, handle) = bench.other("asker", plain);
    let (stranger, strange) = bench.other("stranger", plain);
    let name = bench.text("time");
    let record = bench.place(&words(&[name, 0]));
    assert_eq!(as_agent(&mut bench, asker, handle, Operation::Find, record), Err(Status::NotFound));
    let service = as_agent(&mut bench, clock, own, Operation::Publish, record).unwrap();
    assert_eq!(as_agent(&mut bench, clock, own, Operation::Publish, record), Err(Status::Exists));
    let found = as_agent(&mut bench, asker, handle, Operation::Find, record).unwrap();
    let hi = bench.place(crate::messages::HI);
    let tell = bench.place(&words(&[0, 0, hi, crate::messages::HI.len() as u64, 0]));
    assert!(bench.call_as(asker, Syscall::A2aSend, [found, tell, 0, 0]).is_ok());
    // It may send there and nothing else.
    assert_eq!(as_agent(&mut bench, asker, found, Operation::Signal, 9), Err(Status::Denied));
    assert_eq!(as_agent(&mut bench, asker, found, Operation::Withdraw, 0), Err(Status::NotFound));
    let second = bench.place(&words(&[name, 1]));
    assert_eq!(as_agent(&mut bench, asker, handle, Operation::Find, second), Err(Status::NotFound));
    assert_eq!(as_agent(&mut bench, clock, service, Operation::Withdraw, 0), Ok(0));
    assert_eq!(bench.call_as(asker, Syscall::A2aSend, [found, tell, 0, 0]), Err(Status::Denied));
    assert_eq!(as_agent(&mut bench, asker, handle, Operation::Find, record), Err(Status::NotFound));
    // For one agent alone.
    let root = Grant { kinds: CapabilitySet::ALL, ..Grant::ROOT };
    let (host, own) = bench.other("host", root);
    let target = [0, communicate(), 2, 0, ObjectType::Agent as u64, asker.word()];
    let target = bench.place(&words(&target));
    let audience = as_agent(&mut bench, host, own, Operation::Derive, target).unwrap();
    let private = bench.place(&words(&[name, audience]));
    as_agent(&mut bench, host, own, Operation::Publish, private).unwrap();
    assert!(as_agent(&mut bench, asker, handle, Operation::Find, record).is_ok());
    assert_eq!(as_agent(&mut bench, stranger, strange, Operation::Find, record), Err(Status::NotFound));
    // What it published goes with an agent.
    bench.kernel.end_native(host, Exit::Stopped(0));
    assert_eq!(as_agent(&mut bench, asker, handle, Operation::Find, record), Err(Status::NotFound));
}

#[test]
fn services_are_bounded_and_their_names_too() {
    let mut bench = bench();
    let plain = Grant::new(CapabilityKind::Communicate, Object::Kind, Rights::USE);
    let (agent, own) = bench.other("publisher", plain);
    for (name, status) in [(String::new(), Status::Invalid), ("n".repeat(65), Status::Overflow)] {
        let name = bench.text(&name);
        let record = bench.place(&words(&[name, 0]));
        assert_eq!(as_agent(&mut bench, agent, own, Operation::Publish, record), Err(status));
    }
    for n in 0..64 {
        let name = bench.text(&format!("service {n}"));
        let record = bench.place(&words(&[name, 0]));
        assert!(as_agent(&mut bench, agent, own, Operation::Publish, record).is_ok());
    }
    let name = bench.text("one more");
    let record = bench.place(&words(&[name, 0]));
    assert_eq!(as_agent(&mut bench, agent, own, Operation::Publish, record), Err(Status::Busy));
    for operation in [Operation::Publish, Operation::Find] {
        bench.agent = agent;
        bench.hostile(Syscall::Ioctl, |pointer| [own, operation.number(), pointer, 0]);
    }
    let (memory, other) =
        bench.other("memory", Grant::new(CapabilityKind::Memory, Object::Kind, Rights::ALL));
    for operation in [Operation::Publish, Operation::Find] {
        assert_eq!(as_agent(&mut bench, memory, other, operation, record), Err(Status::Denied));
    }
}

#[test]
fn a_monitor_hears_of_the_end_and_a_link_ends_too() {
    let mut bench = bench();
    let child = bench.child("worker");
    let (watcher, _) = bench.other("watcher", Grant::ROOT);
    assert_eq!(ioctl_of(&mut bench, child, Operation::Monitor, 0), Ok(0));
    assert_eq!(ioctl_of(&mut bench, child, Operation::Monitor, 0), Err(Status::Exists));
    assert_eq!(ioctl_of(&mut bench, child, Operation::Unlink, 0), Ok(0));
    assert_eq!(ioctl_of(&mut bench, child, Operation::Unlink, 0), Err(Status::NotFound));
    assert_eq!(ioctl_of(&mut bench, child, Operation::Monitor, 0), Ok(0));
    let caller = bench.agent;
    let own = endpoint(&mut bench, caller, Rights::ALL);
    assert_eq!(ioctl_of(&mut bench, own, Operation::Link, 0), Err(Status::Invalid), "to itself");
    // A handle that may only be sent to does not bind the fate of two.
    let far = endpoint(&mut bench, watcher, Rights::WRITE);
    assert_eq!(ioctl_of(&mut bench, far, Operation::Link, 0), Err(Status::Denied));
    let partner = bench.child("partner");
    assert_eq!(ioctl_of(&mut bench, partner, Operation::Link, 0), Ok(0));
    bench.call(Syscall::Kill, [child, 0, 0, 0]).unwrap();
    bench.kernel.start_pending().unwrap();
    bench.kernel.run(Time::from_ns(1), 8);
    let buffer = bench.reserve(8192);
    let length = bench.call(Syscall::A2aRecv, [bench.root, buffer, 8192, 0]).unwrap();
    let head = Words::<8>::read(bench.machine.memory_ref(), buffer).unwrap();
    assert_eq!(head.get(2), 0, "the kernel itself says so");
    let payload = bench.bytes(buffer + 64, length - 64);
    assert!(payload.starts_with(b"\x05ended\x03"), "{payload:?}");
    assert!(payload.windows(6).any(|part| part == b"worker"), "{payload:?}");
    assert_eq!(bench.kernel.living(), 1, "who only monitors is not ended, nor is anybody else");
    assert_eq!(ioctl_of(&mut bench, child, Operation::Monitor, 0), Err(Status::NotFound));
}

#[test]
fn an_agent_that_is_linked_ends_with_the_one_that_fails() {
    let mut bench = bench();
    let (first, second) = (bench.child("first"), bench.child("second"));
    let third = bench.child("third");
    // The first watches the second, the third stands alone.
    let agent_of = |bench: &Bench, name: &str| bench.kernel.core().shard().find(name).unwrap();
    let watcher = agent_of(&bench, "first");
    let target = agent_of(&bench, "second");
    let to = bench.place(&words(&[first, communicate(), 16, 0, ObjectType::Agent as u64, target.word()]));
    let root = bench.root;
    let handle = ioctl_of(&mut bench, root, Operation::Derive, to).unwrap();
    assert_eq!(as_agent(&mut bench, watcher, handle, Operation::Link, 0), Ok(0));
    assert_eq!(ioctl_of(&mut bench, second, Operation::Signal, 9), Ok(0));
    bench.kernel.start_pending().unwrap();
    assert_eq!(bench.kernel.living(), 1);
    assert_eq!(ioctl_of(&mut bench, first, Operation::Monitor, 0), Err(Status::NotFound));
    assert_eq!(ioctl_of(&mut bench, third, Operation::Monitor, 0), Ok(0));
}

#[test]
fn signals_limits_and_what_comes_later() {
    let mut bench = bench();
    let child = bench.child("worker");
    for number in [0, 1, 16, u64::MAX] {
        assert_eq!(ioctl_of(&mut bench, child, Operation::Signal, number), Err(Status::Invalid));
    }
    assert_eq!(ioctl_of(&mut bench, child, Operation::Snapshot, 0), Err(Status::NotFound));
    let limit = |bench: &mut Bench, limit, value| {
        let record = bench.place(&words(&[limit, value]));
        ioctl_of(bench, child, Operation::SetLimit, record)
    };
    assert_eq!((limit(&mut bench, 0, 0), limit(&mut bench, 0, 255)), (Ok(0), Ok(0)));
    assert_eq!(limit(&mut bench, 0, 256), Err(Status::Invalid));
    for messages in [0, 65, u64::MAX] {
        assert_eq!(limit(&mut bench, 1, messages), Err(Status::Invalid));
    }
    for number in 2..=4 {
        assert_eq!(limit(&mut bench, number, 0), Err(Status::Invalid), "{number}");
        assert_eq!(limit(&mut bench, number, u64::MAX), Ok(0));
    }
    for number in [5, 256, u64::MAX] {
        assert_eq!(limit(&mut bench, number, 1), Err(Status::NotFound));
    }
    assert_eq!(limit(&mut bench, 1, 4), Ok(0));
    let hi = bench.place(crate::messages::HI);
    let tell = bench.place(&words(&[0, 0, hi, crate::messages::HI.len() as u64, 0]));
    let sent = (0..8).filter(|_| bench.call(Syscall::A2aSend, [child, tell, 0, 0]).is_ok()).count();
    assert_eq!(sent, 1, "a quarter of four is one");
    let set = Operation::SetLimit.number();
    bench.hostile(Syscall::Ioctl, |pointer| [child, set, pointer, 0]);
    assert_eq!(ioctl_of(&mut bench, child, Operation::Signal, 15), Ok(0));
    assert_eq!(ioctl_of(&mut bench, child, Operation::Signal, 9), Ok(0));
    bench.kernel.start_pending().unwrap();
    assert_eq!(bench.kernel.living(), 0);
    // Who may only send may do none of this.
    let (other, _) = bench.other("other", Grant::ROOT);
    let weak = endpoint(&mut bench, other, Rights::WRITE);
    for operation in [Operation::Signal, Operation::SetLimit, Operation::Snapshot, Operation::Link] {
        assert_eq!(ioctl_of(&mut bench, weak, operation, 0), Err(Status::Denied));
    }
}

#[test]
fn own_limits_are_lowered_and_nobody_gives_more_than_it_has() {
    let mut bench = bench();
    let child = bench.child("worker");
    let set = |bench: &mut Bench, handle, limit: Limit, value| {
        let record = bench.place(&words(&[limit as u64, value]));
        ioctl_of(bench, handle, Operation::SetLimit, record)
    };
    for (limit, value) in [
        (Limit::Priority, 100),
        (Limit::Mailbox, 8),
        (Limit::Memory, 65_536),
        (Limit::Gas, 1_000),
        (Limit::Accesses, 10),
    ] {
        assert_eq!(set(&mut bench, 0, limit, value), Ok(0), "{limit:?}");
        assert_eq!(set(&mut bench, 0, limit, value), Ok(0), "what it is, it may be");
        assert_eq!(set(&mut bench, 0, limit, value + 1), Err(Status::Denied), "{limit:?}");
        assert_eq!(set(&mut bench, 0, limit, value - 1), Ok(0), "{limit:?}");
        assert_eq!(set(&mut bench, 0, limit, value), Err(Status::Denied), "{limit:?}");
    }
    for limit in [Limit::Memory, Limit::Gas, Limit::Accesses] {
        assert_eq!(set(&mut bench, 0, limit, u64::MAX), Err(Status::Denied), "{limit:?}");
        // The child has no limit, and may keep having more than whoever limits it.
        assert_eq!(set(&mut bench, child, limit, u64::MAX), Ok(0), "{limit:?}");
        assert_eq!(set(&mut bench, child, limit, 2 << 20), Ok(0), "{limit:?}");
        assert_eq!(set(&mut bench, child, limit, 9), Ok(0), "{limit:?}");
        assert_eq!(set(&mut bench, child, limit, 2 << 20), Err(Status::Denied), "{limit:?}");
    }
    assert_eq!(
        (set(&mut bench, child, Limit::Priority, 255), set(&mut bench, child, Limit::Mailbox, 64)),
        (Ok(0), Ok(0))
    );
}

#[test]
fn devices_that_can_be_read_always_have_something() {
    let mut bench = bench();
    let device = bench.open("i2c:0x48").unwrap();
    assert_eq!(ioctl_of(&mut bench, device, Operation::Poll, 0), Ok(1));
    let root = bench.root;
    assert_eq!(ioctl_of(&mut bench, root, Operation::Poll, 0), Err(Status::Invalid));
    let child = bench.child("worker");
    assert_eq!(ioctl_of(&mut bench, child, Operation::Poll, 0), Err(Status::Denied));
}

#[test]
fn a_started_agent_holds_what_it_was_entrusted_with_and_no_more() {
    let mut bench = bench();
    let root = bench.root;
    let head = ".name \"worker\"\n.capability IO_READ IO_WRITE MEMORY\n.link device \"i2c:0x48\" rights rw";
    let module = bench.load(head);
    // No handle to derive from: nothing is passed on at the start.
    let record = bench.place(&words(&[module, 0, 0, 0, 0, 0, 0, 0]));
    let child = bench.call(Syscall::Spawn, [root, record, 0, 0]).unwrap();
    bench.kernel.start_pending().unwrap();
    let agent = bench.kernel.core().shard().find("worker").unwrap();
    let kinds =
        |list: &[CapabilityKind]| list.iter().copied().fold(CapabilitySet::EMPTY, CapabilitySet::with);
    let held = |bench: &Bench| -> Vec<CapabilitySet> {
        bench.kernel.core().shard().capabilities().held(agent).map(|(_, grant)| grant.kinds).collect()
    };
    assert_eq!(held(&bench), []);
    let (read, write) = (kinds(&[CapabilityKind::IoRead]), kinds(&[CapabilityKind::IoWrite]));
    let both = kinds(&[CapabilityKind::IoRead, CapabilityKind::IoWrite]);
    let device = |bench: &mut Bench, rights: Rights, number: u64| {
        let rights = u64::from(rights.bits());
        derive(bench, [0, u64::from(both.bits()), rights, 0, ObjectType::Device as u64, number]).unwrap()
    };
    let all = Rights::READ.with(Rights::WRITE);
    // The first device that was opened is the one that the module lists.
    let own = device(&mut bench, all.with(Rights::GRANT), 0);
    let hand = |bench: &mut Bench, handle, operation, kinds: CapabilitySet| {
        let record = bench.place(&words(&[child, u64::from(kinds.bits())]));
        ioctl_of(bench, handle, operation, record)
    };
    let weak = device(&mut bench, all, 0);
    assert_eq!(hand(&mut bench, weak, Operation::Entrust, read), Err(Status::Denied), "without GRANT");
    let other = device(&mut bench, all.with(Rights::GRANT), 1);
    assert_eq!(hand(&mut bench, other, Operation::Entrust, both), Ok(0), "the module does not list it");
    assert_eq!(hand(&mut bench, own, Operation::Entrust, read), Ok(1));
    assert_eq!(held(&bench), [read]);
    assert_eq!(hand(&mut bench, own, Operation::Entrust, write), Ok(1));
    assert_eq!(held(&bench), [both], "one handle for one object");
    assert_eq!(hand(&mut bench, other, Operation::Withhold, both), Ok(0), "not given by this handle");
    assert_eq!(hand(&mut bench, own, Operation::Withhold, read), Ok(1));
    assert_eq!(held(&bench), [write]);
    assert_eq!(hand(&mut bench, own, Operation::Withhold, both), Ok(1));
    assert_eq!(held(&bench), []);
    let entrust = Operation::Entrust.number();
    bench.hostile(Syscall::Ioctl, |pointer| [own, entrust, pointer, 0]);
}
