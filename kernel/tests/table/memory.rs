//! Memory regions.

use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::status::Status;
use flux_abi::syscall::{MemoryType, Syscall};
use flux_kcore::capability::Grant;
use flux_kernel::syscall::EXECUTE;

use crate::bench::{QUOTA, bench, bench_with};

pub(crate) fn alloc() {
    let mut bench = bench();
    let root = bench.root;
    let before = bench.machine.memory_ref().charged();
    for kind in MemoryType::ALL {
        let expected = match kind {
            MemoryType::User => Ok(1),
            MemoryType::Bytecode => Ok(2),
            MemoryType::Agent => Ok(3),
            MemoryType::Device => Err(Status::NotFound),
            MemoryType::Kernel | MemoryType::Compiled => Err(Status::Denied),
        };
        assert_eq!(bench.call(Syscall::Alloc, [root, kind.number(), 64, 0]), expected, "{kind:?}");
    }
    assert_eq!(bench.machine.memory_ref().charged(), before + 3 * 64);
    for kind in [6, 1 << 32, u64::MAX] {
        assert_eq!(bench.call(Syscall::Alloc, [root, kind, 64, 0]), Err(Status::Invalid));
    }
    let user = MemoryType::User.number();
    assert_eq!(bench.call(Syscall::Alloc, [root, user, 0, 0]), Err(Status::Invalid));
    for size in [QUOTA, QUOTA + 1, 1 << 40, u64::MAX - 7, u64::MAX] {
        assert_eq!(bench.call(Syscall::Alloc, [root, user, size, 0]), Err(Status::NoMemory), "{size}");
    }
    for number in 4..=15 {
        assert_eq!(bench.call(Syscall::Alloc, [root, user, 8, 0]), Ok(number));
    }
    assert_eq!(bench.call(Syscall::Alloc, [root, user, 8, 0]), Err(Status::Busy));
    // DEVICE memory needs HARDWARE too.
    let kinds = CapabilitySet::EMPTY.with(CapabilityKind::Memory);
    let mut bench = bench_with(Grant { kinds, ..Grant::ROOT });
    let device = MemoryType::Device.number();
    assert_eq!(bench.call(Syscall::Alloc, [bench.root, device, 64, 0]), Err(Status::Denied));
}

pub(crate) fn release(call: Syscall) {
    let mut bench = bench();
    let root = bench.root;
    let before = bench.machine.memory_ref().charged();
    let region = bench.call(Syscall::Alloc, [root, 1, 4096, 0]).unwrap();
    for other in [0, 2, 15, 16, 1 << 32 | region, u64::MAX] {
        assert_eq!(bench.call(call, [root, other, 0, 0]), Err(Status::NotFound), "{other}");
    }
    assert_eq!(bench.machine.memory_ref().charged(), before + 4096);
    assert_eq!(bench.call(call, [root, region, 0, 0]), Ok(0));
    assert_eq!(bench.machine.memory_ref().charged(), before);
    assert_eq!(bench.call(call, [root, region, 0, 0]), Err(Status::NotFound));
}

pub(crate) fn mmap() {
    let mut bench = bench();
    let root = bench.root;
    assert_eq!(bench.call(Syscall::Mmap, [root, 0, 64, 0]), Ok(1));
    assert_eq!(bench.call(Syscall::Mmap, [root, 0, 0, 0]), Err(Status::Invalid));
    assert_eq!(bench.call(Syscall::Mmap, [root, 0, u64::MAX, 0]), Err(Status::NoMemory));
    assert_eq!(bench.call(Syscall::Mmap, [root, 7, 64, 0]), Err(Status::Denied));
    assert_eq!(bench.call(Syscall::Mmap, [root, root, 64, 0]), Err(Status::Invalid));
    let device = bench.open("i2c:0x48").unwrap();
    assert_eq!(bench.call(Syscall::Mmap, [root, device, 64, 0]), Err(Status::NotFound));
    for number in 2..=15 {
        assert_eq!(bench.call(Syscall::Mmap, [root, 0, 8, 0]), Ok(number));
    }
    assert_eq!(bench.call(Syscall::Mmap, [root, 0, 8, 0]), Err(Status::Busy));
}

pub(crate) fn mprotect() {
    const READ: u64 = 1;
    const WRITE: u64 = 2;
    const SHARE: u64 = 4;
    let mut bench = bench();
    let root = bench.root;
    let region = bench.call(Syscall::Alloc, [root, 1, 64, 0]).unwrap();
    let mut protect = |region, rights| bench.call(Syscall::Mprotect, [root, region, rights, 0]);
    assert_eq!(protect(region, READ), Ok(0));
    assert_eq!(protect(region, READ | WRITE), Ok(0));
    assert_eq!(protect(region, READ | SHARE), Err(Status::Denied));
    for both in [WRITE | EXECUTE, READ | WRITE | EXECUTE, READ | WRITE | SHARE | EXECUTE] {
        assert_eq!(protect(region, both), Err(Status::Invalid), "{both}");
    }
    assert_eq!(protect(region, READ | EXECUTE), Err(Status::NotFound));
    for rights in [0, 4, 6, 16, 1 << 32 | READ, u64::MAX] {
        assert_eq!(protect(region, rights), Err(Status::Invalid), "{rights}");
    }
    for other in [0, 2, 16, u64::MAX] {
        assert_eq!(protect(other, READ), Err(Status::NotFound), "{other}");
    }
}
