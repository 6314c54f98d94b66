//! Messages and topics.

use flux_abi::capability::CapabilityKind;
use flux_abi::limits::PAYLOAD_BYTES;
use flux_abi::message::MessageType;
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_kcore::capability::{Grant, Object, Rights};
use flux_kcore::id::{AgentId, TopicId};
use flux_kcore::time::Time;
use flux_kernel::syscall::MESSAGE_BYTES;
use flux_kernel::user_memory::{Words, words};

use crate::bench::{Bench, HOSTILE, bench};

/// A payload: handler `hi` without values.
pub(crate) const HI: &[u8] = b"\x02hi\x00";

pub(crate) fn send() {
    let mut bench = bench();
    let child = bench.child("worker");
    let hi = bench.place(HI);
    let record = |bench: &mut Bench, kind: u64, reply: u64, at: u64, length: u64| {
        bench.place(&words(&[kind, reply, at, length, 0]))
    };
    let tell = MessageType::Tell as u64;
    let good = record(&mut bench, tell, 0, hi, HI.len() as u64);
    assert!(bench.call(Syscall::A2aSend, [child, good, 0, 0]).is_ok());
    for kind in [MessageType::Ask, MessageType::Delegate] {
        let at = record(&mut bench, kind as u64, 0, hi, HI.len() as u64);
        assert!(bench.call(Syscall::A2aSend, [child, at, 0, 0]).is_ok(), "{kind:?}");
    }
    // Not every handle of the kind is an endpoint that may be written to.
    assert_eq!(bench.call(Syscall::A2aSend, [bench.root, good, 0, 0]), Err(Status::Denied));
    let target = Object::Endpoint(bench.agent);
    let (other, read_only) =
        bench.other("reader", Grant::new(CapabilityKind::Communicate, target, Rights::READ));
    assert_eq!(bench.call_as(other, Syscall::A2aSend, [read_only, good, 0, 0]), Err(Status::Denied));
    for kind in [MessageType::Event as u64, 11, 256, u64::MAX] {
        let at = record(&mut bench, kind, 0, hi, HI.len() as u64);
        assert_eq!(bench.call(Syscall::A2aSend, [child, at, 0, 0]), Err(Status::Invalid), "{kind}");
    }
    // A reply that nobody asked for is a fault, which is INVALID to a caller without a machine.
    for (kind, reply) in [(MessageType::Reply, 0), (MessageType::Reply, 77), (MessageType::Result, u64::MAX)]
    {
        let at = record(&mut bench, kind as u64, reply, hi, HI.len() as u64);
        assert_eq!(bench.call(Syscall::A2aSend, [child, at, 0, 0]), Err(Status::Invalid));
    }
    let garbage = bench.place(&[0xFF; 8]);
    let at = record(&mut bench, tell, 0, garbage, 8);
    assert_eq!(bench.call(Syscall::A2aSend, [child, at, 0, 0]), Err(Status::Invalid));
    let at = record(&mut bench, tell, 0, hi, PAYLOAD_BYTES as u64 + 1);
    assert_eq!(bench.call(Syscall::A2aSend, [child, at, 0, 0]), Err(Status::Overflow));
    bench.hostile(Syscall::A2aSend, |pointer| [child, pointer, 0, 0]);
    for pointer in HOSTILE {
        let at = record(&mut bench, tell, 0, pointer, HI.len() as u64);
        assert_eq!(bench.call(Syscall::A2aSend, [child, at, 0, 0]), Err(Status::Invalid));
    }
    let full = (0..100).map(|_| bench.call(Syscall::A2aSend, [child, good, 0, 0])).find(Result::is_err);
    assert_eq!(full, Some(Err(Status::Busy)));
    bench.call(Syscall::Kill, [child, 0, 0, 0]).unwrap();
    bench.kernel.start_pending().unwrap();
    assert_eq!(bench.call(Syscall::A2aSend, [child, good, 0, 0]), Err(Status::NotFound));
}

pub(crate) fn receive() {
    let mut bench = bench();
    let root = bench.root;
    let target = Object::Endpoint(bench.agent);
    let grant = Grant { badge: 9, ..Grant::new(CapabilityKind::Communicate, target, Rights::WRITE) };
    let (sender, endpoint) = bench.other("sender", grant);
    let hi = bench.place(HI);
    let record = bench.place(&words(&[MessageType::Tell as u64, 0, hi, HI.len() as u64, 0]));
    let buffer = bench.reserve(MESSAGE_BYTES);
    assert_eq!(bench.call(Syscall::A2aRecv, [root, buffer, MESSAGE_BYTES, 0]), Err(Status::NotFound));
    bench.call_as(sender, Syscall::A2aSend, [endpoint, record, 0, 0]).unwrap();
    bench.kernel.run(Time::from_ns(1), 8);
    // What is refused leaves the message where it is.
    for size in [0, MESSAGE_BYTES - 1] {
        assert_eq!(bench.call(Syscall::A2aRecv, [root, buffer, size, 0]), Err(Status::Invalid));
    }
    bench.hostile(Syscall::A2aRecv, |pointer| [root, pointer, MESSAGE_BYTES, 0]);
    assert_eq!(bench.call(Syscall::A2aRecv, [0, buffer, MESSAGE_BYTES, 0]), Err(Status::Denied));
    let length = bench.call(Syscall::A2aRecv, [root, buffer, u64::MAX, 0]).unwrap();
    assert_eq!(length, 64 + HI.len() as u64);
    let head = Words::<8>::read(bench.machine.memory_ref(), buffer).unwrap();
    assert_eq!([head.get(1), head.get(2), head.get(3)], [MessageType::Tell as u64, sender.word(), 0]);
    assert_eq!([head.get(6), head.get(7)], [9, HI.len() as u64]);
    assert_eq!(bench.bytes(buffer + 64, HI.len() as u64), HI);
    assert_eq!(bench.call(Syscall::A2aRecv, [root, buffer, MESSAGE_BYTES, 0]), Err(Status::NotFound));
}

/// A bench whose topic 1 exists, and a handle for it held by another agent.
pub(crate) fn with_topic(rights: Rights) -> (Bench, AgentId, u64) {
    let mut bench = bench();
    let module = bench.load(".name \"worker\"\n.capability COMMUNICATE\n.subscribe \"news\"");
    bench.execute(module).unwrap();
    bench.kernel.start_pending().unwrap();
    let topic = Object::Topic(TopicId::new(1, 0).unwrap());
    let (agent, handle) = bench.other("publisher", Grant::new(CapabilityKind::Communicate, topic, rights));
    (bench, agent, handle)
}

pub(crate) fn broadcast() {
    let (mut bench, publisher, topic) = with_topic(Rights::WRITE);
    let hi = bench.place(HI);
    let record = bench.place(&words(&[hi, HI.len() as u64]));
    assert_eq!(bench.call_as(publisher, Syscall::A2aBroadcast, [topic, record, 0, 0]), Ok(1));
    assert_eq!(bench.call(Syscall::A2aBroadcast, [bench.root, record, 0, 0]), Err(Status::Denied));
    bench.agent = publisher;
    let long = bench.place(&words(&[hi, PAYLOAD_BYTES as u64 + 1]));
    assert_eq!(bench.call(Syscall::A2aBroadcast, [topic, long, 0, 0]), Err(Status::Overflow));
    bench.hostile(Syscall::A2aBroadcast, |pointer| [topic, pointer, 0, 0]);
    for pointer in HOSTILE {
        let record = bench.place(&words(&[pointer, HI.len() as u64]));
        assert_eq!(bench.call(Syscall::A2aBroadcast, [topic, record, 0, 0]), Err(Status::Invalid));
    }
}

pub(crate) fn subscribe() {
    let (mut bench, reader, topic) = with_topic(Rights::READ);
    assert_eq!(bench.call_as(reader, Syscall::A2aSubscribe, [topic, 0, 0, 0]), Ok(0));
    assert_eq!(bench.call_as(reader, Syscall::A2aSubscribe, [topic, 0, 0, 0]), Err(Status::Exists));
    assert_eq!(bench.call(Syscall::A2aSubscribe, [bench.root, 0, 0, 0]), Err(Status::Denied));
    let (mut bench, writer, topic) = with_topic(Rights::WRITE);
    assert_eq!(bench.call_as(writer, Syscall::A2aSubscribe, [topic, 0, 0, 0]), Err(Status::Denied));
}
