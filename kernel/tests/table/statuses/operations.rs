//! Operations of IOCTL.

use flux_abi::capability::CapabilityKind as Kind;
use flux_abi::ioctl::{ObjectType, Operation as Op};
use flux_abi::status::Status as S;
use flux_abi::syscall::Syscall::*;
use flux_kcore::capability::Rights;

use super::{Case, FORGED, of};

pub(super) const CASES: &[Case] = &[
    (of(Op::Own), S::Ok, "a kind that the caller has", |b| {
        let kind = Kind::Memory;
        b.object(kind, Rights::USE, (ObjectType::Kind, 0));
        b.operate(Op::Own, 0, kind as u64)
    }),
    (of(Op::Own), S::Invalid, "a kind that there is not", |b| b.operate(Op::Own, 0, 99)),
    (of(Op::Own), S::Denied, "a handle that nobody gave, where 0 stands", |b| b.operate(Op::Own, FORGED, 0)),
    (of(Op::Own), S::NotFound, "a kind that the caller has not", |b| b.operate(Op::Own, 0, 5)),
    (of(Op::Unsubscribe), S::Ok, "a topic that the caller listens to", |b| {
        b.with_topics(1);
        let t = b.topic(Rights::READ, 1);
        b.call(A2aSubscribe, [t, 0, 0, 0]).unwrap();
        b.operate(Op::Unsubscribe, t, 0)
    }),
    (of(Op::Unsubscribe), S::Denied, "a handle that is no topic", |b| b.operate(Op::Unsubscribe, b.root, 0)),
    (of(Op::Unsubscribe), S::NotFound, "a topic that the caller does not listen to", |b| {
        b.with_topics(1);
        let t = b.topic(Rights::READ, 1);
        b.operate(Op::Unsubscribe, t, 0)
    }),
    (of(Op::Revoke), S::Ok, "an own handle", |b| b.operate(Op::Revoke, b.root, 0)),
    (of(Op::Revoke), S::Denied, "a handle that nobody gave", |b| b.operate(Op::Revoke, FORGED, 0)),
    (of(Op::Derive), S::Ok, "fewer kinds", |b| b.derive(b.root, [0; 6])),
    (of(Op::Derive), S::Invalid, "a kind that there is not", |b| b.derive(b.root, [0, 1 << 11, 0, 0, 0, 0])),
    (of(Op::Derive), S::Denied, "more than the handle covers", |b| {
        let narrow = b.derive(b.root, [0; 6]).unwrap();
        b.derive(narrow, [0, 1, 0, 0, 0, 0])
    }),
    (of(Op::Derive), S::Busy, "the caller has no place for another handle", |b| {
        b.fill_handles();
        b.derive(b.root, [0; 6])
    }),
    (of(Op::Derive), S::NotFound, "for an agent that has ended", |b| {
        let child = b.ended();
        b.derive(b.root, [child, 0, 0, 0, 0, 0])
    }),
    (of(Op::Derive), S::Overflow, "a chain that is too long", |b| {
        let deepest = b.deepest();
        b.derive(deepest, [0; 6])
    }),
    (of(Op::Transfer), S::Ok, "to another agent", |b| {
        let (_, to) = b.peer();
        b.operate(Op::Transfer, b.root, to)
    }),
    (of(Op::Transfer), S::Invalid, "to what is no agent", |b| b.operate(Op::Transfer, b.root, b.root)),
    (of(Op::Transfer), S::Denied, "a handle that nobody gave", |b| b.operate(Op::Transfer, FORGED, 0)),
    (of(Op::Transfer), S::Busy, "the receiver takes no more from the caller", |b| {
        let to = b.filled();
        b.operate(Op::Transfer, b.root, to)
    }),
    (of(Op::Transfer), S::NotFound, "to an agent that has ended", |b| {
        let child = b.ended();
        b.operate(Op::Transfer, b.root, child)
    }),
    (of(Op::Check), S::Ok, "any word", |b| b.operate(Op::Check, FORGED, 0)),
    (of(Op::Publish), S::Ok, "a name", |b| b.published("time")),
    (of(Op::Publish), S::Invalid, "no name", |b| b.published("")),
    (of(Op::Publish), S::Denied, "a handle that nobody gave", |b| b.operate(Op::Publish, FORGED, 0)),
    (of(Op::Publish), S::Busy, "more services than an agent may publish", |b| {
        (0..64).for_each(|n| assert!(b.published(&format!("s{n}")).is_ok()));
        b.published("one more")
    }),
    (of(Op::Publish), S::Exists, "a name that the caller has published", |b| {
        b.published("time").unwrap();
        b.published("time")
    }),
    (of(Op::Publish), S::Overflow, "a name that is too long", |b| b.published(&"n".repeat(65))),
    (of(Op::Withdraw), S::Ok, "an own publication", |b| {
        let service = b.published("time").unwrap();
        b.operate(Op::Withdraw, service, 0)
    }),
    (of(Op::Withdraw), S::Denied, "a handle that nobody gave", |b| b.operate(Op::Withdraw, FORGED, 0)),
    (of(Op::Withdraw), S::NotFound, "a handle of no publication", |b| b.operate(Op::Withdraw, b.root, 0)),
    (of(Op::Find), S::Ok, "a name that is published", |b| {
        b.published("time").unwrap();
        b.found("time")
    }),
    (of(Op::Find), S::Invalid, "a record outside of the memory", |b| b.operate(Op::Find, b.root, u64::MAX)),
    (of(Op::Find), S::Denied, "a handle that nobody gave", |b| b.operate(Op::Find, FORGED, 0)),
    (of(Op::Find), S::Busy, "the caller has no place for the handle", |b| {
        b.published("time").unwrap();
        b.fill_handles();
        b.found("time")
    }),
    (of(Op::Find), S::NotFound, "a name that nobody published", |b| b.found("time")),
    (of(Op::Find), S::Overflow, "a name that is too long", |b| {
        let at = b.words(&[u64::from(u32::MAX)]);
        let record = b.words(&[at, 0]);
        b.operate(Op::Find, b.root, record)
    }),
    (of(Op::Link), S::Ok, "a child", |b| {
        let child = b.child("worker");
        b.operate(Op::Link, child, 0)
    }),
    (of(Op::Link), S::Invalid, "the caller itself", |b| {
        let own = b.endpoint(b.agent, Rights::MANAGE);
        b.operate(Op::Link, own, 0)
    }),
    (of(Op::Link), S::Denied, "a handle that nobody gave", |b| b.operate(Op::Link, FORGED, 0)),
    (of(Op::Link), S::Busy, "more watches than an agent may have", |b| b.watch_all(Op::Link)),
    (of(Op::Link), S::NotFound, "an agent that has ended", |b| {
        let child = b.ended();
        b.operate(Op::Link, child, 0)
    }),
    (of(Op::Link), S::Exists, "an agent that is watched", |b| {
        let child = b.child("worker");
        b.operate(Op::Link, child, 0).unwrap();
        b.operate(Op::Link, child, 0)
    }),
    (of(Op::Monitor), S::Ok, "a child", |b| {
        let child = b.child("worker");
        b.operate(Op::Monitor, child, 0)
    }),
    (of(Op::Monitor), S::Invalid, "the caller itself", |b| {
        let own = b.endpoint(b.agent, Rights::MANAGE);
        b.operate(Op::Monitor, own, 0)
    }),
    (of(Op::Monitor), S::Denied, "a handle that nobody gave", |b| b.operate(Op::Monitor, FORGED, 0)),
    (of(Op::Monitor), S::Busy, "more watches than an agent may have", |b| b.watch_all(Op::Monitor)),
    (of(Op::Monitor), S::NotFound, "an agent that has ended", |b| {
        let child = b.ended();
        b.operate(Op::Monitor, child, 0)
    }),
    (of(Op::Monitor), S::Exists, "an agent that is watched", |b| {
        let child = b.child("worker");
        b.operate(Op::Monitor, child, 0).unwrap();
        b.operate(Op::Monitor, child, 0)
    }),
    (of(Op::Unlink), S::Ok, "an agent that is watched", |b| {
        let child = b.child("worker");
        b.operate(Op::Link, child, 0).unwrap();
        b.operate(Op::Unlink, child, 0)
    }),
    (of(Op::Unlink), S::Invalid, "a handle of no agent", |b| b.operate(Op::Unlink, b.root, 0)),
    (of(Op::Unlink), S::Denied, "a handle that nobody gave", |b| b.operate(Op::Unlink, FORGED, 0)),
    (of(Op::Unlink), S::NotFound, "an agent that is not watched", |b| {
        let child = b.child("worker");
        b.operate(Op::Unlink, child, 0)
    }),
    (of(Op::Signal), S::Ok, "an order to stop", |b| {
        let child = b.child("worker");
        b.operate(Op::Signal, child, 15)
    }),
    (of(Op::Signal), S::Invalid, "a signal that there is not", |b| {
        let child = b.child("worker");
        b.operate(Op::Signal, child, 1)
    }),
    (of(Op::Signal), S::Denied, "a handle that only sends", |b| {
        let (_, to) = b.peer();
        b.operate(Op::Signal, to, 15)
    }),
    (of(Op::Signal), S::NotFound, "an agent that has ended", |b| {
        let child = b.ended();
        b.operate(Op::Signal, child, 15)
    }),
    (of(Op::Snapshot), S::Invalid, "a handle of no agent", |b| b.operate(Op::Snapshot, b.root, 0)),
    (of(Op::Snapshot), S::Denied, "a handle that only sends", |b| {
        let (_, to) = b.peer();
        b.operate(Op::Snapshot, to, 0)
    }),
    (of(Op::Snapshot), S::NotFound, "a child: there are no snapshots yet", |b| {
        let child = b.child("worker");
        b.operate(Op::Snapshot, child, 0)
    }),
    (of(Op::SetLimit), S::Ok, "a priority", |b| {
        let child = b.child("worker");
        let at = b.words(&[0, 9]);
        b.operate(Op::SetLimit, child, at)
    }),
    (of(Op::SetLimit), S::Invalid, "a priority that there is not", |b| {
        let child = b.child("worker");
        let at = b.words(&[0, 256]);
        b.operate(Op::SetLimit, child, at)
    }),
    (of(Op::SetLimit), S::Denied, "a handle that only sends", |b| {
        let (_, to) = b.peer();
        let at = b.words(&[0, 9]);
        b.operate(Op::SetLimit, to, at)
    }),
    (of(Op::SetLimit), S::NotFound, "a limit that there is not", |b| {
        let child = b.child("worker");
        let at = b.words(&[99, 9]);
        b.operate(Op::SetLimit, child, at)
    }),
    (of(Op::Poll), S::Ok, "a device", |b| {
        let device = b.opened("i2c:0x48", 0).unwrap();
        b.operate(Op::Poll, device, 0)
    }),
    (of(Op::Poll), S::Invalid, "a handle of no device", |b| b.operate(Op::Poll, b.root, 0)),
    (of(Op::Poll), S::Denied, "a handle that nobody gave", |b| b.operate(Op::Poll, FORGED, 0)),
    (of(Op::Entrust), S::Ok, "a device that the child lists", |b| {
        let (device, child) = b.entrusting();
        b.hand(Op::Entrust, device, child)
    }),
    (of(Op::Entrust), S::Invalid, "a kind that there is not", |b| {
        let (device, child) = b.entrusting();
        let at = b.words(&[child, 1 << 15]);
        b.operate(Op::Entrust, device, at)
    }),
    (of(Op::Entrust), S::Denied, "a handle that nobody gave", |b| b.operate(Op::Entrust, FORGED, 8)),
    (of(Op::Entrust), S::NotFound, "an agent that has ended", |b| {
        let (device, child) = b.entrusting();
        b.end(child);
        b.hand(Op::Entrust, device, child)
    }),
    (of(Op::Withhold), S::Ok, "a device that the child lists", |b| {
        let (device, child) = b.entrusting();
        b.hand(Op::Withhold, device, child)
    }),
    (of(Op::Withhold), S::Invalid, "a kind that there is not", |b| {
        let (device, child) = b.entrusting();
        let at = b.words(&[child, 1 << 15]);
        b.operate(Op::Withhold, device, at)
    }),
    (of(Op::Withhold), S::Denied, "a handle that nobody gave", |b| b.operate(Op::Withhold, FORGED, 8)),
    (of(Op::Withhold), S::NotFound, "an agent that has ended", |b| {
        let (device, child) = b.entrusting();
        b.end(child);
        b.hand(Op::Withhold, device, child)
    }),
    (of(Op::Entrust), S::Busy, "the child takes no more from the caller", |b| {
        let (device, child) = b.entrusting();
        let record = b.words(&[child, 0, 0, 0, 0, 0]);
        while b.operate(Op::Derive, b.root, record).is_ok() {}
        b.hand(Op::Entrust, device, child)
    }),
    (of(Op::Entrust), S::Overflow, "a chain that is too long", |b| {
        let (_, child) = b.entrusting();
        let deepest = b.deepest_device();
        b.hand(Op::Entrust, deepest, child)
    }),
    (of(Op::Narrow), S::Ok, "one kind", |b| b.operate(Op::Narrow, b.root, 1)),
    (of(Op::Narrow), S::Invalid, "no kind", |b| b.operate(Op::Narrow, b.root, 0)),
    (of(Op::Narrow), S::Denied, "a handle that nobody gave", |b| b.operate(Op::Narrow, FORGED, 1)),
    (of(Op::Narrow), S::Busy, "the caller has no place for another handle", |b| {
        b.fill_handles();
        b.operate(Op::Narrow, b.root, 1)
    }),
    (of(Op::Narrow), S::Overflow, "a chain that is too long", |b| {
        let deepest = b.deepest_device();
        b.operate(Op::Narrow, deepest, 1 << Kind::IoRead as u16)
    }),
    (of(Op::ValueKind), S::Ok, "a device", |b| {
        let device = b.opened("i2c:0x48", 0).unwrap();
        b.operate(Op::ValueKind, device, 0)
    }),
    (of(Op::ValueKind), S::Invalid, "a handle of no device", |b| b.operate(Op::ValueKind, b.root, 0)),
    (of(Op::ValueKind), S::Denied, "a handle that nobody gave", |b| b.operate(Op::ValueKind, FORGED, 0)),
    (of(Op::ValueKind), S::NotFound, "a device that there is not", |b| {
        let device = b.object(Kind::IoRead, Rights::READ, (ObjectType::Device, 999));
        b.operate(Op::ValueKind, device, 0)
    }),
    (of(Op::RegionSize), S::Ok, "a region", |b| {
        let region = b.region(Rights::READ);
        b.operate(Op::RegionSize, region, 0)
    }),
    (of(Op::RegionSize), S::Invalid, "a handle of no region", |b| b.operate(Op::RegionSize, b.root, 0)),
    (of(Op::RegionSize), S::Denied, "a handle that nobody gave", |b| b.operate(Op::RegionSize, FORGED, 0)),
    (of(Op::ReadByte), S::Ok, "a region", |b| {
        let region = b.region(Rights::READ);
        b.operate(Op::ReadByte, region, 7)
    }),
    (of(Op::ReadByte), S::Invalid, "a handle of no region", |b| b.operate(Op::ReadByte, b.root, 0)),
    (of(Op::ReadByte), S::Denied, "a handle that nobody gave", |b| b.operate(Op::ReadByte, FORGED, 0)),
    (of(Op::ReadByte), S::Overflow, "a byte behind its end", |b| {
        let region = b.region(Rights::READ);
        b.operate(Op::ReadByte, region, 8)
    }),
    (of(Op::ReadWord), S::Ok, "a region", |b| {
        let region = b.region(Rights::READ);
        b.operate(Op::ReadWord, region, 0)
    }),
    (of(Op::ReadWord), S::Invalid, "a handle of no region", |b| b.operate(Op::ReadWord, b.root, 0)),
    (of(Op::ReadWord), S::Denied, "a handle that nobody gave", |b| b.operate(Op::ReadWord, FORGED, 0)),
    (of(Op::ReadWord), S::Overflow, "a byte behind its end", |b| {
        let region = b.region(Rights::READ);
        b.operate(Op::ReadWord, region, 1)
    }),
    (of(Op::WriteByte), S::Ok, "a region", |b| {
        let (region, at) = (b.region(Rights::WRITE), b.words(&[7, 255]));
        b.operate(Op::WriteByte, region, at)
    }),
    (of(Op::WriteByte), S::Invalid, "a record outside of the memory", |b| {
        let region = b.region(Rights::WRITE);
        b.operate(Op::WriteByte, region, u64::MAX)
    }),
    (of(Op::WriteByte), S::Denied, "a handle that only reads", |b| {
        let (region, at) = (b.region(Rights::READ), b.words(&[0, 1]));
        b.operate(Op::WriteByte, region, at)
    }),
    (of(Op::WriteByte), S::Overflow, "a byte behind its end", |b| {
        let (region, at) = (b.region(Rights::WRITE), b.words(&[8, 1]));
        b.operate(Op::WriteByte, region, at)
    }),
    (of(Op::WriteWord), S::Ok, "a region", |b| {
        let (region, at) = (b.region(Rights::WRITE), b.words(&[0, 255]));
        b.operate(Op::WriteWord, region, at)
    }),
    (of(Op::WriteWord), S::Invalid, "a record outside of the memory", |b| {
        let region = b.region(Rights::WRITE);
        b.operate(Op::WriteWord, region, u64::MAX)
    }),
    (of(Op::WriteWord), S::Denied, "a handle that only reads", |b| {
        let (region, at) = (b.region(Rights::READ), b.words(&[0, 1]));
        b.operate(Op::WriteWord, region, at)
    }),
    (of(Op::WriteWord), S::Overflow, "a byte behind its end", |b| {
        let (region, at) = (b.region(Rights::WRITE), b.words(&[1, 1]));
        b.operate(Op::WriteWord, region, at)
    }),
    (of(Op::ReadOnly), S::Ok, "a region", |b| {
        let region = b.region(Rights::READ.with(Rights::WRITE));
        b.operate(Op::ReadOnly, region, 0)
    }),
    (of(Op::ReadOnly), S::Invalid, "a handle of no region", |b| b.operate(Op::ReadOnly, b.root, 0)),
    (of(Op::ReadOnly), S::Denied, "a handle that nobody gave", |b| b.operate(Op::ReadOnly, FORGED, 0)),
    (of(Op::ReadOnly), S::Busy, "the caller has no place for another handle", |b| {
        let region = b.region(Rights::READ.with(Rights::WRITE));
        b.fill_handles();
        b.operate(Op::ReadOnly, region, 0)
    }),
    (of(Op::ReadOnly), S::Overflow, "a chain that is too long", |b| {
        let region = b.region(Rights::READ.with(Rights::WRITE));
        let deepest = b.deepest_below(region, Kind::Memory, Rights::READ.with(Rights::WRITE));
        b.operate(Op::ReadOnly, deepest, 0)
    }),
];
