//! Every row of the table of system calls: success, each status, hostile pointers and lengths.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]
#![allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]
#![allow(clippy::indexing_slicing, reason = "an index out of range fails the test")]
#![allow(clippy::cast_possible_truncation, reason = "small lengths")]

mod agents;
mod bench;
mod code;
mod devices;
mod files;
mod hostile;
mod memory;
mod memory_failures;
mod messages;
mod objects;
mod places;
mod statuses;
#[path = "../support/mod.rs"]
mod support;

use bench::{bench, bench_with};
use flux_abi::capability::CapabilitySet;
use flux_abi::ioctl::Operation;
use flux_abi::status::Status;
use flux_abi::syscall::{SYSCALLS, Syscall};
use flux_kcore::capability::{Grant, Rights};

/// One case for each row; a row without one fails `every_row_has_a_case_and_it_holds`.
const CASES: &[(Syscall, fn())] = &[
    (Syscall::Spawn, agents::spawn),
    (Syscall::Yield, || assert_eq!(bench().call(Syscall::Yield, [9; 4]), Ok(0))),
    (Syscall::Exit, || assert_eq!(bench().call(Syscall::Exit, [0; 4]), Err(Status::Invalid))),
    (Syscall::Kill, agents::kill),
    (Syscall::Wait, agents::wait),
    (Syscall::Getpid, || assert_eq!(bench().call(Syscall::Getpid, [0; 4]), Ok(2))),
    (Syscall::Alloc, memory::alloc),
    (Syscall::Free, || memory::release(Syscall::Free)),
    (Syscall::Mmap, memory::mmap),
    (Syscall::Munmap, || memory::release(Syscall::Munmap)),
    (Syscall::Mprotect, memory::mprotect),
    (Syscall::A2aSend, messages::send),
    (Syscall::A2aRecv, messages::receive),
    (Syscall::A2aBroadcast, messages::broadcast),
    (Syscall::A2aSubscribe, messages::subscribe),
    (Syscall::BcLoad, code::load),
    (Syscall::BcExec, agents::exec),
    (Syscall::BcStatus, agents::status),
    (Syscall::BcDump, agents::dump),
    (Syscall::Compile, code::compile),
    (Syscall::Emit, files::emit),
    (Syscall::Devcode, || code::lacking(Syscall::Devcode)),
    (Syscall::Read, devices::read),
    (Syscall::Write, devices::write),
    (Syscall::Ioctl, objects::ioctl),
    (Syscall::Open, devices::open),
    (Syscall::Close, devices::close),
    (Syscall::HwInfo, devices::hardware),
    (Syscall::HwConfig, devices::configure),
    (Syscall::Info, devices::info),
    (Syscall::Log, devices::log),
];

#[test]
fn every_row_has_a_case_and_it_holds() {
    for row in SYSCALLS {
        let mut cases = CASES.iter().filter(|(call, _)| *call == row.call);
        let case = cases.next().unwrap_or_else(|| panic!("{} has no case", row.name));
        assert!(cases.next().is_none(), "{} has two cases", row.name);
        case.1();
    }
}

#[test]
fn a_handle_is_checked_before_everything_else() {
    let kind_of = |row: &flux_abi::syscall::SyscallInfo| row.capability;
    for row in SYSCALLS {
        let Some(kind) = kind_of(row) else { continue };
        // A handle of every kind but this one: no pointer is looked at.
        let mut others = CapabilitySet::EMPTY;
        for other in CapabilitySet::ALL.iter().filter(|other| *other != kind) {
            let implies = CapabilitySet::EMPTY.with(other).allows(kind);
            others = if implies { others } else { others.with(other) };
        }
        let mut bench = bench_with(Grant { kinds: others, ..Grant::ROOT });
        for handle in [0, 1, bench.root, bench.root ^ 1 << 16, bench.root ^ 1 << 40, u64::MAX] {
            for rest in [0, 8, u64::MAX] {
                let refused = bench.call(row.call, [handle, rest, rest, rest]);
                assert_eq!(refused, Err(Status::Denied), "{} {handle:#x}", row.name);
            }
        }
        // The kind without any right; a send looks for the right once it knows the form.
        let mut bench = bench_with(Grant { rights: Rights::NONE, ..Grant::ROOT });
        if !matches!(row.call, Syscall::A2aSend | Syscall::A2aRecv) {
            let refused = bench.call(row.call, [bench.root, u64::MAX, u64::MAX, u64::MAX]);
            assert_eq!(refused, Err(Status::Denied), "{}", row.name);
        }
    }
}

#[test]
fn a_revoked_handle_is_denied_on_every_call() {
    for row in SYSCALLS.iter().filter(|row| row.capability.is_some()) {
        let mut bench = bench();
        let root = bench.root;
        assert_eq!(bench.call(Syscall::Ioctl, [root, Operation::Revoke.number(), 0, 0]), Ok(0));
        for rest in [0, 8, u64::MAX] {
            assert_eq!(bench.call(row.call, [root, rest, rest, rest]), Err(Status::Denied), "{}", row.name);
        }
    }
}
