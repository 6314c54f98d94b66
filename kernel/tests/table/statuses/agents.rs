//! Agents, memory, messages.

use flux_abi::limits::{FILE_BYTES, PAYLOAD_BYTES};
use flux_abi::message::MessageType;
use flux_abi::status::Status as S;
use flux_abi::syscall::Syscall::*;
use flux_kcore::capability::Rights;
use flux_kcore::time::Time;
use flux_kernel::syscall::MESSAGE_BYTES;

use super::{Case, FORGED, on};
use crate::messages::HI;

pub(super) const CASES: &[Case] = &[
    (on(Spawn), S::Ok, "a module and a free name", |b| b.started(Spawn, |_| {})),
    (on(Spawn), S::Invalid, "the name lies outside of the memory", |b| {
        b.started(Spawn, |r| (r[2], r[3]) = (u64::MAX, 8))
    }),
    (on(Spawn), S::Denied, "the module is a word that nobody gave", |b| b.started(Spawn, |r| r[0] = FORGED)),
    (on(Spawn), S::Busy, "the caller has no place for the handle of the agent", |b| {
        b.started_with_full_table(Spawn)
    }),
    (on(Spawn), S::NotFound, "a device of the agent is not there", |b| b.deviceless(Spawn)),
    (on(Spawn), S::Exists, "a living agent has the name", |b| b.started_twice(Spawn)),
    (on(Spawn), S::Overflow, "the name is too long", |b| b.started(Spawn, |r| r[3] = 1 << 20)),
    (on(BcExec), S::Ok, "a module and a free name", |b| b.started(BcExec, |_| {})),
    (on(BcExec), S::Invalid, "the name lies outside of the memory", |b| {
        b.started(BcExec, |r| (r[2], r[3]) = (u64::MAX, 8))
    }),
    (on(BcExec), S::Denied, "the module is a word that nobody gave", |b| {
        b.started(BcExec, |r| r[0] = FORGED)
    }),
    (on(BcExec), S::Busy, "the caller has no place for the handle of the agent", |b| {
        b.started_with_full_table(BcExec)
    }),
    (on(BcExec), S::NotFound, "a device of the agent is not there", |b| b.deviceless(BcExec)),
    (on(BcExec), S::Exists, "a living agent has the name", |b| b.started_twice(BcExec)),
    (on(BcExec), S::Overflow, "the name is too long", |b| b.started(BcExec, |r| r[3] = 1 << 20)),
    (on(BcExec), S::NoMemory, "the program wants more memory than the agent has", |b| {
        b.swapped(".name \"worker\"\n.memory 65536", ".name \"worker\"\n.memory 131072", None)
    }),
    (on(Yield), S::Ok, "whoever calls", |b| b.call(Yield, [0; 4])),
    (on(Exit), S::Invalid, "a caller that is no run", |b| b.call(Exit, [0; 4])),
    (on(Kill), S::Ok, "an own child", |b| {
        let child = b.child("worker");
        b.call(Kill, [child, 0, 0, 0])
    }),
    (on(Kill), S::Invalid, "a word that is no agent", |b| b.call(Kill, [0; 4])),
    (on(Kill), S::Denied, "an agent that somebody else started", |b| {
        let (peer, _) = b.peer();
        b.call(Kill, [peer.word(), 0, 0, 0])
    }),
    (on(Kill), S::NotFound, "an agent that has ended", |b| {
        let child = b.ended();
        b.call(Kill, [child, 0, 0, 0])
    }),
    (on(Wait), S::Invalid, "a word that is no agent", |b| b.call(Wait, [0; 4])),
    (on(Wait), S::Denied, "an agent that somebody else started", |b| {
        let (peer, _) = b.peer();
        b.call(Wait, [peer.word(), 0, 0, 0])
    }),
    (on(Wait), S::Busy, "a caller that is no run and can not be suspended", |b| {
        let child = b.child("worker");
        b.call(Wait, [child, 1, 0, 0])
    }),
    (on(Wait), S::NotFound, "an agent that has ended", |b| {
        let child = b.ended();
        b.call(Wait, [child, 1, 0, 0])
    }),
    (on(Getpid), S::Ok, "whoever calls", |b| b.call(Getpid, [0; 4])),
    (on(Alloc), S::Ok, "what the quota has", |b| b.call(Alloc, [b.root, 1, 64, 0])),
    (on(Alloc), S::NoMemory, "more than the quota has", |b| b.call(Alloc, [b.root, 1, 1 << 40, 0])),
    (on(Alloc), S::Invalid, "a type that there is not", |b| b.call(Alloc, [b.root, 6, 64, 0])),
    (on(Alloc), S::Denied, "memory of the kernel", |b| b.call(Alloc, [b.root, 0, 64, 0])),
    (on(Alloc), S::Busy, "all region numbers are taken", |b| {
        b.all_regions(|b| b.call(Alloc, [b.root, 1, 8, 0]))
    }),
    (on(Alloc), S::NotFound, "memory of a device, which no bus offers", |b| {
        b.call(Alloc, [b.root, 2, 64, 0])
    }),
    (on(Free), S::Ok, "a region", |b| {
        let region = b.call(Alloc, [b.root, 1, 8, 0]).unwrap();
        b.call(Free, [b.root, region, 0, 0])
    }),
    (on(Free), S::Denied, "a handle that nobody gave", |b| b.call(Free, [FORGED, 1, 0, 0])),
    (on(Free), S::NotFound, "a region that is not mapped", |b| b.call(Free, [b.root, 1, 0, 0])),
    (on(Munmap), S::Ok, "a region", |b| {
        let region = b.call(Alloc, [b.root, 1, 8, 0]).unwrap();
        b.call(Munmap, [b.root, region, 0, 0])
    }),
    (on(Munmap), S::Denied, "a handle that nobody gave", |b| b.call(Munmap, [FORGED, 1, 0, 0])),
    (on(Munmap), S::NotFound, "a region that is not mapped", |b| b.call(Munmap, [b.root, 1, 0, 0])),
    (on(Mmap), S::Ok, "new memory", |b| b.call(Mmap, [b.root, 0, 64, 0])),
    (on(Mmap), S::General, "the file fails", |b| {
        let file = b.readable("broken/a", b"");
        b.call(Mmap, [b.root, file, 8, 0])
    }),
    (on(Mmap), S::NoMemory, "more than the quota has", |b| b.call(Mmap, [b.root, 0, 1 << 40, 0])),
    (on(Mmap), S::Invalid, "no bytes", |b| b.call(Mmap, [b.root, 0, 0, 0])),
    (on(Mmap), S::Denied, "an object that nobody gave", |b| b.call(Mmap, [b.root, FORGED, 8, 0])),
    (on(Mmap), S::Busy, "all region numbers are taken", |b| {
        b.all_regions(|b| b.call(Mmap, [b.root, 0, 8, 0]))
    }),
    (on(Mmap), S::NotFound, "a device, which has no memory to map", |b| {
        let device = b.opened("i2c:0x48", 0).unwrap();
        b.call(Mmap, [b.root, device, 8, 0])
    }),
    (on(Mmap), S::Overflow, "more than a file can hold", |b| {
        let file = b.readable("a", b"x");
        b.call(Mmap, [b.root, file, FILE_BYTES as u64 + 1, 0])
    }),
    (on(Mprotect), S::Ok, "fewer rights", |b| {
        let region = b.call(Alloc, [b.root, 1, 8, 0]).unwrap();
        b.call(Mprotect, [b.root, region, 1, 0])
    }),
    (on(Mprotect), S::Invalid, "writable and executable", |b| {
        let region = b.call(Alloc, [b.root, 1, 8, 0]).unwrap();
        b.call(Mprotect, [b.root, region, 10, 0])
    }),
    (on(Mprotect), S::Denied, "more rights than it was mapped with", |b| {
        let region = b.call(Alloc, [b.root, 1, 8, 0]).unwrap();
        b.call(Mprotect, [b.root, region, 5, 0])
    }),
    (on(Mprotect), S::NotFound, "a region that is not mapped", |b| b.call(Mprotect, [b.root, 1, 1, 0])),
    (on(A2aSend), S::Ok, "a TELL", |b| {
        let (_, to) = b.peer();
        b.tell(to)
    }),
    (on(A2aSend), S::Invalid, "a type that there is not", |b| {
        let (_, to) = b.peer();
        let at = b.words(&[99, 0, 0, 0, 0]);
        b.call(A2aSend, [to, at, 0, 0])
    }),
    (on(A2aSend), S::Denied, "a handle that is no endpoint", |b| {
        let root = b.root;
        b.tell(root)
    }),
    (on(A2aSend), S::Timeout, "a reply to a request whose deadline has passed", |b| {
        let (_, request) = b.asked(MessageType::Ask);
        b.kernel.set_time(Time::from_ns(2_000_000));
        b.kernel.run(Time::from_ns(2_000_001), 8);
        let root = b.root;
        b.send(root, MessageType::Reply, request)
    }),
    (on(A2aSend), S::Busy, "a quarter of the mailbox is the sender's", |b| {
        let (_, to) = b.peer();
        (0..16).for_each(|_| assert!(b.tell(to).is_ok()));
        b.tell(to)
    }),
    (on(A2aSend), S::NotFound, "an agent that has ended", |b| {
        let child = b.ended();
        b.tell(child)
    }),
    (on(A2aSend), S::Overflow, "a payload that is too long", |b| {
        let (_, to) = b.peer();
        let at = b.words(&[0, 0, 8, PAYLOAD_BYTES as u64 + 1, 0]);
        b.call(A2aSend, [to, at, 0, 0])
    }),
    (on(A2aSend), S::Deadlock, "an ASK to who waits for an answer of the caller", |b| {
        let (asker, _) = b.asked(MessageType::Ask);
        let to = b.endpoint(asker, Rights::WRITE);
        b.send(to, MessageType::Ask, 0)
    }),
    (on(A2aRecv), S::Ok, "a message that has arrived", |b| {
        b.asked(MessageType::Tell);
        b.kernel.run(Time::from_ns(1), 8);
        let at = b.reserve(MESSAGE_BYTES);
        b.call(A2aRecv, [b.root, at, MESSAGE_BYTES, 0])
    }),
    (on(A2aRecv), S::Invalid, "a buffer that does not hold every message", |b| {
        b.call(A2aRecv, [b.root, 8, MESSAGE_BYTES - 1, 0])
    }),
    (on(A2aRecv), S::Denied, "a handle that nobody gave", |b| b.call(A2aRecv, [FORGED, 8, MESSAGE_BYTES, 0])),
    (on(A2aRecv), S::NotFound, "no message", |b| {
        let at = b.reserve(MESSAGE_BYTES);
        b.call(A2aRecv, [b.root, at, MESSAGE_BYTES, 0])
    }),
    (on(A2aBroadcast), S::Ok, "a topic", |b| {
        b.with_topics(1);
        let t = b.topic(Rights::WRITE, 1);
        let at = b.place(HI);
        let at = b.words(&[at, HI.len() as u64]);
        b.call(A2aBroadcast, [t, at, 0, 0])
    }),
    (on(A2aBroadcast), S::Invalid, "a payload outside of the memory", |b| {
        let t = b.topic(Rights::WRITE, 1);
        let at = b.words(&[u64::MAX, 4]);
        b.call(A2aBroadcast, [t, at, 0, 0])
    }),
    (on(A2aBroadcast), S::Denied, "a handle that is no topic", |b| {
        let at = b.place(HI);
        let at = b.words(&[at, HI.len() as u64]);
        b.call(A2aBroadcast, [b.root, at, 0, 0])
    }),
    (on(A2aBroadcast), S::Overflow, "a payload that is too long", |b| {
        let t = b.topic(Rights::WRITE, 1);
        let at = b.words(&[8, PAYLOAD_BYTES as u64 + 1]);
        b.call(A2aBroadcast, [t, at, 0, 0])
    }),
    (on(A2aSubscribe), S::Ok, "a topic", |b| {
        b.with_topics(1);
        let t = b.topic(Rights::READ, 1);
        b.call(A2aSubscribe, [t, 0, 0, 0])
    }),
    (on(A2aSubscribe), S::Denied, "a handle that is no topic", |b| b.call(A2aSubscribe, [b.root, 0, 0, 0])),
    (on(A2aSubscribe), S::Busy, "more topics than an agent may listen to", |b| {
        b.with_topics(65);
        (1..=64).for_each(|number| {
            let topic = b.topic(Rights::READ, number);
            b.call(A2aSubscribe, [topic, 0, 0, 0]).unwrap();
        });
        let topic = b.topic(Rights::READ, 65);
        b.call(A2aSubscribe, [topic, 0, 0, 0])
    }),
    (on(A2aSubscribe), S::NotFound, "a topic that there is not", |b| {
        let t = b.topic(Rights::READ, 9);
        b.call(A2aSubscribe, [t, 0, 0, 0])
    }),
    (on(A2aSubscribe), S::Exists, "a topic that the caller listens to", |b| {
        b.with_topics(1);
        let t = b.topic(Rights::READ, 1);
        b.call(A2aSubscribe, [t, 0, 0, 0]).unwrap();
        b.call(A2aSubscribe, [t, 0, 0, 0])
    }),
];
