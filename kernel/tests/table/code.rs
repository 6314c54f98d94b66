//! Modules and the compile service.

use flux_abi::limits::{DOCUMENT_BYTES, MODULE_BYTES};
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_kernel::user_memory::{Words, words};

use crate::bench::{HOSTILE, assemble, bench};

/// Calls that this kernel does not have.
pub(crate) fn lacking(call: Syscall) {
    let mut bench = bench();
    for word in [0, 8, u64::MAX] {
        assert_eq!(bench.call(call, [bench.root, word, word, word]), Err(Status::NotFound));
    }
}

pub(crate) fn load() {
    let mut bench = bench();
    let root = bench.root;
    let bytes = assemble(".name \"a\"");
    let (at, length) = (bench.place(&bytes), bytes.len() as u64);
    let module = bench.call(Syscall::BcLoad, [root, at, length, 0]).unwrap();
    assert_ne!(bench.call(Syscall::BcLoad, [root, at, length, 0]), Ok(module), "another handle");
    for size in [0, 1, length - 1, length + 8] {
        assert_eq!(bench.call(Syscall::BcLoad, [root, at, size, 0]), Err(Status::Invalid), "{size}");
    }
    for size in [MODULE_BYTES as u64 + 1, u64::MAX] {
        assert_eq!(bench.call(Syscall::BcLoad, [root, at, size, 0]), Err(Status::Overflow));
    }
    bench.hostile(Syscall::BcLoad, |pointer| [root, pointer, length, 0]);
}

pub(crate) fn compile() {
    let mut bench = bench();
    let root = bench.root;
    let source = bench.place(b"agents a b");
    let output = bench.reserve(4096);
    let good = [source, 10, source, 6, output, 4096, 0, 0];
    let at = bench.place(&words(&good));
    assert_eq!(bench.call(Syscall::Compile, [root, at, 0, 0]), Ok(2));
    let back = Words::<8>::read(bench.machine.memory_ref(), at).unwrap();
    assert_eq!(back.get(6), 2);
    let mut with = |changes: &[(usize, u64)]| {
        let mut record = good;
        for (place, word) in changes {
            record[*place] = *word;
        }
        let at = bench.place(&words(&record));
        bench.refusal(Syscall::Compile, [root, at, 0, 0])
    };
    assert_eq!(with(&[(5, 8)]), (Err(Status::Overflow), back.get(7)));
    // No agents at all is a mistake in the document.
    assert_eq!(with(&[(1, 6)]).0, Err(Status::Invalid));
    assert_eq!(with(&[(1, DOCUMENT_BYTES as u64 + 1)]).0, Err(Status::Overflow));
    assert_eq!(with(&[(1, u64::MAX)]).0, Err(Status::Overflow));
    assert_eq!(with(&[(3, u64::MAX)]).0, Err(Status::Overflow));
    for pointer in HOSTILE {
        for place in [0, 2, 4] {
            assert_eq!(with(&[(place, pointer)]).0, Err(Status::Invalid), "{place} {pointer:#x}");
        }
    }
    bench.hostile(Syscall::Compile, |pointer| [root, pointer, 0, 0]);
}
