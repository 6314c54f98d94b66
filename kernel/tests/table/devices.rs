//! Devices, the hardware, the kernel itself.

use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_hal::Stream;
use flux_kcore::capability::{Grant, Object, Rights};
use flux_kernel::user_memory::words;

use crate::bench::bench;
use crate::support;

pub(crate) fn read() {
    let mut bench = bench();
    let device = bench.open("i2c:0x48").unwrap();
    let buffer = bench.place(&[0xEE; 16]);
    assert_eq!(bench.call(Syscall::Read, [device, buffer, 16, 0]), Ok(8));
    assert_eq!(bench.bytes(buffer, 8), 21.5f64.to_le_bytes());
    assert_eq!(bench.bytes(buffer + 8, 8), [0xEE; 8]);
    assert_eq!(bench.call(Syscall::Read, [device, buffer, 7, 0]), Err(Status::Invalid));
    assert_eq!(bench.call(Syscall::Read, [bench.root, buffer, 8, 0]), Err(Status::Invalid));
    bench.hostile(Syscall::Read, |pointer| [device, pointer, 8, 0]);
    bench.hostile(Syscall::Read, |pointer| [device, pointer, u64::MAX, 0]);
    let console = bench.open("console").unwrap();
    assert_eq!(bench.call(Syscall::Read, [console, buffer, 8, 0]), Err(Status::Denied));
}

pub(crate) fn write() {
    let mut bench = bench();
    let pin = bench.open("gpio:17").unwrap();
    let word = bench.place(&1u64.to_le_bytes());
    assert_eq!(bench.call(Syscall::Write, [pin, word, 8, 0]), Ok(8));
    let back = bench.reserve(8);
    bench.call(Syscall::Read, [pin, back, 8, 0]).unwrap();
    assert_eq!(bench.bytes(back, 8), 1u64.to_le_bytes());
    for size in [0, 7, 9, u64::MAX] {
        assert_eq!(bench.call(Syscall::Write, [pin, word, size, 0]), Err(Status::Invalid));
    }
    bench.hostile(Syscall::Write, |pointer| [pin, pointer, 8, 0]);
    assert_eq!(bench.call(Syscall::Write, [bench.root, word, 8, 0]), Err(Status::Invalid));
    let console = bench.open("console").unwrap();
    let text = bench.place(b"hello");
    bench.kernel.take_records();
    assert_eq!(bench.call(Syscall::Write, [console, text, 5, 0]), Ok(5));
    let records = bench.kernel.take_records();
    assert_eq!(records.last().unwrap().text, "console: hello");
    assert_eq!(bench.call(Syscall::Write, [console, text, (64 << 10) + 1, 0]), Err(Status::Overflow));
    bench.hostile(Syscall::Write, |pointer| [console, pointer, 5, 0]);
}

pub(crate) fn open() {
    let mut bench = bench();
    let root = bench.root;
    let one = bench.open("i2c:0x48").unwrap();
    assert_ne!(bench.open("i2c:1:0x48"), Ok(one), "another handle");
    for (name, status) in [
        ("/etc/passwd", Status::Invalid),
        ("notes.txt", Status::NotFound),
        ("", Status::Invalid),
        ("i2c:0x49", Status::NotFound),
        ("i2c:0x48 no such channel", Status::NotFound),
        ("console x", Status::NotFound),
        ("i2c:zero", Status::Invalid),
        ("i2c:", Status::Invalid),
    ] {
        assert_eq!(bench.open(name), Err(status), "{name}");
    }
    let long = bench.place(&words(&[u64::from(u32::MAX)]));
    assert_eq!(bench.call(Syscall::Open, [root, long, 0, 0]), Err(Status::Overflow));
    let no_text = bench.place(&[2, 0, 0, 0, 2, 0, 0, 0, 0xFF, 0xFF]);
    assert_eq!(bench.call(Syscall::Open, [root, no_text, 0, 0]), Err(Status::Invalid));
    bench.hostile(Syscall::Open, |pointer| [root, pointer, 0, 0]);
    // FILESYSTEM alone opens no device, and a handle of one object no other.
    let (plain, handle) =
        bench.other("plain", Grant::new(CapabilityKind::Filesystem, Object::Kind, Rights::ALL));
    let name = bench.text("i2c:0x48");
    assert_eq!(bench.call_as(plain, Syscall::Open, [handle, name, 0, 0]), Err(Status::Denied));
    let kinds = CapabilitySet::EMPTY.with(CapabilityKind::Filesystem).with(CapabilityKind::IoRead);
    let device = Grant { kinds, object: Object::Device(7), rights: Rights::ALL, badge: 0 };
    let (narrow, handle) = bench.other("narrow", device);
    assert_eq!(bench.call_as(narrow, Syscall::Open, [handle, name, 0, 0]), Err(Status::Denied));
    // What may only be read is opened for reading.
    let (reader, handle) = bench.other("reader", Grant { object: Object::Any, ..device });
    let opened = bench.call_as(reader, Syscall::Open, [handle, name, 0, 0]).unwrap();
    let buffer = bench.reserve(8);
    assert_eq!(bench.call_as(reader, Syscall::Read, [opened, buffer, 8, 0]), Ok(8));
    assert_eq!(bench.call_as(reader, Syscall::Write, [opened, buffer, 8, 0]), Err(Status::Denied));
}

pub(crate) fn close() {
    let mut bench = bench();
    let device = bench.open("i2c:0x48").unwrap();
    let buffer = bench.reserve(8);
    assert_eq!(bench.call(Syscall::Close, [device, 0, 0, 0]), Ok(0));
    assert_eq!(bench.call(Syscall::Close, [device, 0, 0, 0]), Err(Status::Denied));
    assert_eq!(bench.call(Syscall::Read, [device, buffer, 8, 0]), Err(Status::Denied));
    assert_eq!(bench.call(Syscall::Close, [bench.root, 0, 0, 0]), Err(Status::Invalid));
    let child = bench.child("worker");
    for handle in [0, 1, child, u64::MAX] {
        assert_eq!(bench.call(Syscall::Close, [handle, 0, 0, 0]), Err(Status::Denied), "{handle:#x}");
    }
    assert!(bench.open("i2c:0x48").is_ok());
}

pub(crate) fn hardware() {
    let mut bench = bench();
    for (item, value) in [(0, 3), (1, 1 << 30), (2, 8)] {
        assert_eq!(bench.call(Syscall::HwInfo, [item, 0, 0, 0]), Ok(value), "{item}");
    }
    let mut text = |item| bench.text_of(Syscall::HwInfo, |at, size| [item, at, size, 0]);
    assert_eq!([text(3), text(4), text(5)], ["test64", "Test Processor", "one two"]);
    let list = text(6);
    assert_eq!(list.lines().count(), 8);
    assert!(list.contains("i2c:0x48 sim"), "{list}");
    assert_eq!(bench.call(Syscall::HwInfo, [7, 0, 0, 0]), Err(Status::NotFound));
    for item in [8, 1 << 32, u64::MAX] {
        assert_eq!(bench.call(Syscall::HwInfo, [item, 0, 0, 0]), Err(Status::Invalid));
    }
    bench.kernel = support::kernel(&[], None);
    let (_, agent, _) = bench.kernel.native_process("caller", Grant::ROOT).unwrap();
    bench.agent = agent;
    for item in [0, 1, 3, 4, 5] {
        assert_eq!(bench.call(Syscall::HwInfo, [item, 0, 0, 0]), Err(Status::NotFound), "{item}");
    }
    assert_eq!(bench.call(Syscall::HwInfo, [2, 0, 0, 0]), Ok(0));
}

pub(crate) fn configure() {
    let mut bench = bench();
    for item in 0..8 {
        assert_eq!(bench.call(Syscall::HwConfig, [bench.root, item, 1, 0]), Err(Status::NotFound));
    }
    for item in [8, u64::MAX] {
        assert_eq!(bench.call(Syscall::HwConfig, [bench.root, item, 1, 0]), Err(Status::Invalid));
    }
}

pub(crate) fn info() {
    let mut bench = bench();
    assert_eq!(bench.call(Syscall::Info, [0, 0, 0, 0]), Ok(1 << 16));
    assert_eq!(bench.call(Syscall::Info, [1, 0, 0, 0]), Ok(0));
    assert_eq!(bench.call(Syscall::Info, [2, 0, 0, 0]), Ok(1));
    assert_eq!(bench.call(Syscall::Info, [3, 0, 0, 0]), Ok(0));
    assert!(bench.call(Syscall::Info, [4, 0, 0, 0]).is_ok());
    assert_eq!(bench.call(Syscall::Info, [5, 0, 0, 0]), Ok(0));
    assert_eq!(bench.call(Syscall::Info, [6, 0, 0, 0]), Ok(0));
    for item in [7, 99, 256, u64::MAX] {
        assert_eq!(bench.call(Syscall::Info, [item, 0, 0, 0]), Err(Status::Invalid));
    }
}

pub(crate) fn log() {
    let mut bench = bench();
    let text = bench.text("hello");
    bench.kernel.take_records();
    assert_eq!(bench.call(Syscall::Log, [2, text, 0, 0]), Ok(0));
    let records = bench.kernel.take_records();
    assert_eq!((records[0].stream, records[0].text.as_str()), (Stream::Log, "hello"));
    for level in [4, 256, u64::MAX] {
        assert_eq!(bench.call(Syscall::Log, [level, text, 0, 0]), Err(Status::Invalid));
    }
    let long = bench.place(&words(&[(64 << 10) + 1]));
    assert_eq!(bench.call(Syscall::Log, [2, long, 0, 0]), Err(Status::Overflow));
    let lying = bench.place(&words(&[64 << 10]));
    assert_eq!(bench.call(Syscall::Log, [2, lying, 0, 0]), Err(Status::Invalid));
    bench.hostile(Syscall::Log, |pointer| [2, pointer, 0, 0]);
    assert!(bench.kernel.take_records().is_empty());
}
