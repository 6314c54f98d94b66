//! Code, files, devices, the kernel.

use flux_abi::ioctl::Operation;
use flux_abi::limits::{FILE_BYTES, MODULE_BYTES, OPEN_FILES};
use flux_abi::status::Status as S;
use flux_abi::syscall::Syscall::*;

use super::{Case, FORGED, on};

pub(super) const CASES: &[Case] = &[
    (on(BcLoad), S::Ok, "a module file", |b| {
        let bytes = crate::bench::assemble(".name \"x\"");
        let at = b.place(&bytes);
        b.call(BcLoad, [b.root, at, bytes.len() as u64, 0])
    }),
    (on(BcLoad), S::Invalid, "bytes that are no module", |b| b.call(BcLoad, [b.root, 8, 64, 0])),
    (on(BcLoad), S::Denied, "a handle that nobody gave", |b| b.call(BcLoad, [FORGED, 8, 64, 0])),
    (on(BcLoad), S::Busy, "the caller has no place for the handle of the module", |b| {
        b.fill_handles();
        let bytes = crate::bench::assemble(".name \"x\"");
        let at = b.place(&bytes);
        b.call(BcLoad, [b.root, at, bytes.len() as u64, 0])
    }),
    (on(BcLoad), S::Overflow, "a file that is too long", |b| {
        b.call(BcLoad, [b.root, 8, MODULE_BYTES as u64 + 1, 0])
    }),
    (on(BcStatus), S::Ok, "the caller", |b| {
        let at = b.reserve(32);
        b.call(BcStatus, [0, at, 32, 0])
    }),
    (on(BcStatus), S::Invalid, "a buffer outside of the memory", |b| b.call(BcStatus, [0, u64::MAX, 32, 0])),
    (on(BcStatus), S::Denied, "an agent that the caller has no handle of", |b| {
        b.call(BcStatus, [FORGED, 8, 32, 0])
    }),
    (on(BcStatus), S::NotFound, "an agent that has ended", |b| {
        let child = b.ended();
        b.call(BcStatus, [child, 8, 32, 0])
    }),
    (on(BcStatus), S::Overflow, "a buffer that is too small", |b| b.call(BcStatus, [0, 8, 31, 0])),
    (on(BcDump), S::Ok, "a child", |b| {
        let child = b.child("worker");
        let at = b.reserve(4096);
        b.call(BcDump, [b.root, child, at, 4096])
    }),
    (on(BcDump), S::Invalid, "a buffer outside of the memory", |b| {
        let child = b.child("worker");
        b.call(BcDump, [b.root, child, u64::MAX, 4096])
    }),
    (on(BcDump), S::Denied, "an agent that the caller has no handle of", |b| {
        b.call(BcDump, [b.root, FORGED, 8, 4096])
    }),
    (on(BcDump), S::NotFound, "an agent that has no code", |b| b.call(BcDump, [b.root, 0, 8, 4096])),
    (on(BcDump), S::Overflow, "a buffer that is too small", |b| {
        let child = b.child("worker");
        b.call(BcDump, [b.root, child, 8, 1])
    }),
    (on(Compile), S::Ok, "a document", |b| b.compiled("agents a", 4096)),
    (on(Compile), S::General, "the compile service is broken", |b| b.compiled("broken", 4096)),
    (on(Compile), S::Invalid, "a document with a mistake", |b| b.compiled("agents", 4096)),
    (on(Compile), S::Denied, "a handle that nobody gave", |b| b.call(Compile, [FORGED, 8, 0, 0])),
    (on(Compile), S::Overflow, "an output that is too small", |b| b.compiled("agents a", 8)),
    (on(Emit), S::Ok, "a module to a file", |b| {
        let file = b.opened("m", 1).unwrap();
        let at = b.artifact(None);
        b.call(Emit, [b.root, at, file, 0])
    }),
    (on(Emit), S::General, "the file fails", |b| {
        let file = b.opened("broken/m", 1).unwrap();
        let at = b.artifact(None);
        b.call(Emit, [b.root, at, file, 0])
    }),
    (on(Emit), S::Invalid, "bytes that are no module", |b| {
        let file = b.opened("m", 1).unwrap();
        let at = b.artifact(Some(4));
        b.call(Emit, [b.root, at, file, 0])
    }),
    (on(Emit), S::Denied, "a file that is open to be read", |b| {
        let file = b.readable("m", b"x");
        let at = b.artifact(None);
        b.call(Emit, [b.root, at, file, 0])
    }),
    (on(Emit), S::Busy, "no room for more files", |b| {
        let file = b.opened("m", 1).unwrap();
        let at = b.place(&[0; 32_768]);
        while b.call(Write, [file, at, 32_768, 0]).is_ok() {}
        let at = b.artifact(None);
        b.call(Emit, [b.root, at, file, 0])
    }),
    (on(Emit), S::NotFound, "a file that whoever opened it has left", |b| {
        let file = b.orphaned(1);
        let at = b.artifact(None);
        b.call(Emit, [b.root, at, file, 0])
    }),
    (on(Emit), S::Overflow, "more than a file can hold", |b| {
        let file = b.opened("m", 1).unwrap();
        let at = b.artifact(Some(FILE_BYTES as u64 + 1));
        b.call(Emit, [b.root, at, file, 0])
    }),
    (on(Devcode), S::Denied, "a handle that nobody gave", |b| b.call(Devcode, [FORGED, 8, 0, 0])),
    (on(Devcode), S::NotFound, "nobody writes documents here", |b| b.call(Devcode, [b.root, 8, 0, 0])),
    (on(Read), S::Ok, "a device", |b| {
        let device = b.opened("i2c:0x48", 0).unwrap();
        let at = b.reserve(8);
        b.call(Read, [device, at, 8, 0])
    }),
    (on(Read), S::General, "the bus fails", |b| {
        let device = b.opened("i2c:0x53", 0).unwrap();
        let at = b.reserve(8);
        b.call(Read, [device, at, 8, 0])
    }),
    (on(Read), S::Invalid, "the device answers with something that can not be", |b| {
        let device = b.opened("i2c:0x52", 0).unwrap();
        let at = b.reserve(8);
        b.call(Read, [device, at, 8, 0])
    }),
    (on(Read), S::Denied, "a handle that nobody gave", |b| b.call(Read, [FORGED, 8, 8, 0])),
    (on(Read), S::Timeout, "the device does not answer in time", |b| {
        let device = b.opened("i2c:0x50", 0).unwrap();
        let at = b.reserve(8);
        b.call(Read, [device, at, 8, 0])
    }),
    (on(Read), S::Busy, "more accesses in a second than the caller may make", |b| {
        let device = b.opened("i2c:0x48", 0).unwrap();
        let at = b.reserve(8);
        let limit = b.words(&[4, 1]);
        b.operate(Operation::SetLimit, 0, limit).unwrap();
        b.call(Read, [device, at, 8, 0]).unwrap();
        b.call(Read, [device, at, 8, 0])
    }),
    (on(Read), S::NotFound, "a file that whoever opened it has left", |b| {
        let file = b.orphaned(0);
        let at = b.reserve(8);
        b.call(Read, [file, at, 8, 0])
    }),
    (on(Write), S::Ok, "a device", |b| {
        let device = b.opened("gpio:17", 0).unwrap();
        let at = b.reserve(8);
        b.call(Write, [device, at, 8, 0])
    }),
    (on(Write), S::General, "the bus fails", |b| {
        let device = b.opened("i2c:0x53", 0).unwrap();
        let at = b.reserve(8);
        b.call(Write, [device, at, 8, 0])
    }),
    (on(Write), S::Invalid, "a size that is no setting", |b| {
        let device = b.opened("gpio:17", 0).unwrap();
        b.call(Write, [device, 8, 7, 0])
    }),
    (on(Write), S::Denied, "a device that can only be read", |b| {
        let device = b.opened("adc:2", 0).unwrap();
        let at = b.reserve(8);
        b.call(Write, [device, at, 8, 0])
    }),
    (on(Write), S::Timeout, "the device does not answer in time", |b| {
        let device = b.opened("i2c:0x50", 0).unwrap();
        let at = b.reserve(8);
        b.call(Write, [device, at, 8, 0])
    }),
    (on(Write), S::Busy, "no room for more bytes", |b| {
        let file = b.opened("a", 1).unwrap();
        let at = b.place(&[0; 32_768]);
        while b.call(Write, [file, at, 32_768, 0]).is_ok() {}
        b.call(Write, [file, at, 32_768, 0])
    }),
    (on(Write), S::NotFound, "a file that whoever opened it has left", |b| {
        let file = b.orphaned(1);
        b.call(Write, [file, 8, 8, 0])
    }),
    (on(Write), S::Overflow, "more than a call carries", |b| {
        let file = b.opened("a", 1).unwrap();
        b.call(Write, [file, 8, 65_537, 0])
    }),
    (on(Ioctl), S::Denied, "an operation that there is not, of a handle that nobody gave", |b| {
        b.call(Ioctl, [FORGED, 99, 0, 0])
    }),
    (on(Ioctl), S::NotFound, "an operation that there is not", |b| b.call(Ioctl, [b.root, 99, 0, 0])),
    (on(Open), S::Ok, "a device", |b| b.opened("i2c:0x48", 0)),
    (on(Open), S::General, "the storage fails", |b| b.opened("dead", 1)),
    (on(Open), S::Invalid, "a path that leads elsewhere", |b| b.opened("../a", 0)),
    (on(Open), S::Denied, "a handle that nobody gave", |b| b.call(Open, [FORGED, 8, 0, 0])),
    (on(Open), S::Timeout, "the device does not answer in time", |b| b.opened("i2c:0x54", 0)),
    (on(Open), S::Busy, "as many files as may be", |b| {
        (0..OPEN_FILES).for_each(|_| assert!(b.opened("a", 1).is_ok()));
        b.opened("a", 1)
    }),
    (on(Open), S::NotFound, "no such file", |b| b.opened("a", 0)),
    (on(Open), S::Overflow, "a name that is too long", |b| {
        let at = b.words(&[u64::from(u32::MAX)]);
        b.call(Open, [b.root, at, 0, 0])
    }),
    (on(Close), S::Ok, "a device", |b| {
        let device = b.opened("i2c:0x48", 0).unwrap();
        b.call(Close, [device, 0, 0, 0])
    }),
    (on(Close), S::Invalid, "a handle of no device or file", |b| b.call(Close, [b.root, 0, 0, 0])),
    (on(Close), S::Denied, "a handle that nobody gave", |b| b.call(Close, [FORGED, 0, 0, 0])),
    (on(HwInfo), S::Ok, "the cores", |b| b.call(HwInfo, [0; 4])),
    (on(HwInfo), S::Invalid, "an item that there is not", |b| b.call(HwInfo, [8, 0, 0, 0])),
    (on(HwInfo), S::NotFound, "the caches, of which nobody tells", |b| b.call(HwInfo, [7, 0, 0, 0])),
    (on(HwInfo), S::Overflow, "a buffer that is too small", |b| b.call(HwInfo, [3, 8, 1, 0])),
    (on(HwConfig), S::Invalid, "an item that there is not", |b| b.call(HwConfig, [b.root, 8, 0, 0])),
    (on(HwConfig), S::Denied, "a handle that nobody gave", |b| b.call(HwConfig, [FORGED, 0, 0, 0])),
    (on(HwConfig), S::NotFound, "an item that can not be changed", |b| b.call(HwConfig, [b.root, 0, 0, 0])),
    (on(Info), S::Ok, "the version", |b| b.call(Info, [0; 4])),
    (on(Info), S::Invalid, "an item that there is not", |b| b.call(Info, [99, 0, 0, 0])),
    (on(Log), S::Ok, "a text", |b| {
        let at = b.text("x");
        b.call(Log, [2, at, 0, 0])
    }),
    (on(Log), S::Invalid, "a level that there is not", |b| b.call(Log, [99, 0, 0, 0])),
    (on(Log), S::Overflow, "a text that is too long", |b| {
        let at = b.words(&[u64::from(u32::MAX)]);
        b.call(Log, [2, at, 0, 0])
    }),
];
