//! Agents: started, ended, waited for, looked at.

use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_kcore::capability::Grant;
use flux_kernel::user_memory::words;

use crate::bench::{HOSTILE, bench};

pub(crate) fn spawn() {
    let mut bench = bench();
    let root = bench.root;
    let module = bench.load(".name \"worker\"");
    let record = bench.place(&words(&[module, root, 0, 0, 0, 0, 0, 0]));
    let handle = bench.call(Syscall::Spawn, [root, record, 0, 0]).unwrap();
    assert_eq!(bench.call(Syscall::Spawn, [root, record, 0, 0]), Err(Status::Exists));
    bench.kernel.start_pending().unwrap();
    assert_eq!(bench.kernel.living(), 1);
    assert_eq!(bench.call(Syscall::Kill, [handle, 0, 0, 0]), Ok(0));
    // The module must be a handle too.
    for module in [0, root ^ 1, u64::MAX] {
        let record = bench.place(&words(&[module, root, 0, 0, 0, 0, 0, 0]));
        assert_eq!(bench.call(Syscall::Spawn, [root, record, 0, 0]), Err(Status::Denied));
    }
    let record = bench.place(&words(&[root, root, 0, 0, 0, 0, 0, 0]));
    assert_eq!(bench.call(Syscall::Spawn, [root, record, 0, 0]), Err(Status::Invalid));
    bench.hostile(Syscall::Spawn, |pointer| [root, pointer, 0, 0]);
    for pointer in HOSTILE {
        for (place, length) in [(2, 8), (4, 8), (6, 8)] {
            let mut record = [module, root, 0, 0, 0, 0, 0, 0];
            (record[place], record[place + 1]) = (pointer, length);
            let at = bench.place(&words(&record));
            assert_eq!(bench.call(Syscall::Spawn, [root, at, 0, 0]), Err(Status::Invalid), "{pointer:#x}");
            record[place + 1] = u64::MAX;
            let at = bench.place(&words(&record));
            assert_eq!(bench.call(Syscall::Spawn, [root, at, 0, 0]), Err(Status::Overflow));
        }
    }
    assert_eq!(bench.kernel.core().agent_count(), 2, "a refused call starts nobody");
}

pub(crate) fn kill() {
    let mut bench = bench();
    let child = bench.child("worker");
    let (stranger, own) = bench.other("stranger", Grant::ROOT);
    assert_eq!(bench.call_as(stranger, Syscall::Kill, [child, 0, 0, 0]), Err(Status::NotFound));
    let caller = bench.agent.word();
    assert_eq!(bench.call_as(stranger, Syscall::Kill, [caller, 0, 0, 0]), Err(Status::Denied));
    assert_eq!(bench.call_as(stranger, Syscall::Kill, [own, 0, 0, 0]), Err(Status::NotFound));
    assert_eq!(bench.call(Syscall::Kill, [0; 4]), Err(Status::Invalid));
    assert_eq!(bench.call(Syscall::Kill, [u64::MAX, 0, 0, 0]), Err(Status::NotFound));
    assert_eq!(bench.call(Syscall::Kill, [child, 0, 0, 0]), Ok(0));
    bench.kernel.start_pending().unwrap();
    assert_eq!(bench.kernel.living(), 0);
    assert_eq!(bench.call(Syscall::Kill, [child, 0, 0, 0]), Err(Status::NotFound));
}

pub(crate) fn wait() {
    let mut bench = bench();
    let child = bench.child("worker");
    // Nobody who calls from Rust can be suspended.
    assert_eq!(bench.call(Syscall::Wait, [child, 1, 0, 0]), Err(Status::Busy));
    assert_eq!(bench.call(Syscall::Wait, [0; 4]), Err(Status::Invalid));
    let (stranger, _) = bench.other("stranger", Grant::ROOT);
    let caller = bench.agent.word();
    assert_eq!(bench.call_as(stranger, Syscall::Wait, [caller, 0, 0, 0]), Err(Status::Denied));
    bench.call(Syscall::Kill, [child, 0, 0, 0]).unwrap();
    bench.kernel.start_pending().unwrap();
    assert_eq!(bench.call(Syscall::Wait, [child, 1, 0, 0]), Err(Status::NotFound));
}

pub(crate) fn exec() {
    let mut bench = bench();
    let root = bench.root;
    let module = bench.load(".name \"worker\"");
    assert!(bench.execute(module).is_ok());
    assert_eq!(bench.execute(module), Err(Status::Exists));
    assert_eq!(bench.execute(root), Err(Status::Invalid));
    assert_eq!(bench.execute(0), Err(Status::Denied));
    bench.hostile(Syscall::BcExec, |pointer| [root, module, pointer, 0]);
    // Two names for two agents of one module.
    let name = bench.place(b"second");
    let record = bench.place(&words(&[module, root, name, 6, 0, 0, 0, 0]));
    assert!(bench.call(Syscall::BcExec, [root, module, record, 0]).is_ok());
}

pub(crate) fn status() {
    let mut bench = bench();
    let child = bench.child("worker");
    let buffer = bench.reserve(32);
    assert_eq!(bench.call(Syscall::BcStatus, [0, buffer, 32, 0]), Ok(32));
    assert_eq!(bench.call(Syscall::BcStatus, [child, buffer, 32, 0]), Ok(32));
    assert_eq!(bench.refusal(Syscall::BcStatus, [child, buffer, 31, 0]), (Err(Status::Overflow), 32));
    assert_eq!(bench.call(Syscall::BcStatus, [bench.root, buffer, 32, 0]), Err(Status::Invalid));
    for handle in [1, child ^ 1 << 16, u64::MAX] {
        assert_eq!(bench.call(Syscall::BcStatus, [handle, buffer, 32, 0]), Err(Status::Denied));
    }
    bench.hostile(Syscall::BcStatus, |pointer| [child, pointer, 32, 0]);
    bench.call(Syscall::Kill, [child, 0, 0, 0]).unwrap();
    bench.kernel.start_pending().unwrap();
    assert_eq!(bench.call(Syscall::BcStatus, [child, buffer, 32, 0]), Err(Status::NotFound));
}

pub(crate) fn dump() {
    let mut bench = bench();
    let root = bench.root;
    let child = bench.child("worker");
    let text = bench.text_of(Syscall::BcDump, |at, size| [root, child, at, size]);
    assert!(text.starts_with("; agent worker, state CREATED\n"), "{text}");
    assert!(text.contains("\n; seen in slot 2\n"), "{text}");
    let back = flux_isa::asm::assemble(&text).unwrap();
    assert_eq!(back.meta.name, "worker");
    // The caller itself is part of the kernel and has no code.
    assert_eq!(bench.call(Syscall::BcDump, [root, 0, 8, 8]), Err(Status::NotFound));
    assert_eq!(bench.call(Syscall::BcDump, [root, root, 8, 8]), Err(Status::Invalid));
    assert_eq!(bench.call(Syscall::BcDump, [root, u64::MAX, 8, 8]), Err(Status::Denied));
    bench.call(Syscall::Kill, [child, 0, 0, 0]).unwrap();
    bench.kernel.start_pending().unwrap();
    assert_eq!(bench.call(Syscall::BcDump, [root, child, 8, 8]), Err(Status::NotFound));
}
