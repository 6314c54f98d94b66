//! Hostile words at every place of every row: what a call makes of them.
//!
//! Each case of `statuses` is made again with other words in the arguments of its last call. Whatever
//! they are, the answer is one that the table lists (the bench asserts it), a refusal has no effect, no
//! memory outside of the caller's is touched, and the call that was meant then succeeds as before.

use flux_abi::status::Status;
use flux_abi::syscall::Syscall;

use crate::bench::{Bench, Row, bench};
use crate::statuses;

/// Words that are 0, at the end of the memory or beyond, or that wrap when something is added.
fn words(bench: &Bench) -> Vec<u64> {
    let end = bench.machine.memory_ref().writable_base() + 65_536;
    let near = [end - 8, end - 1, end, end + 1, 1, 7];
    let far = [u32::MAX.into(), 1 << 32, i64::MAX as u64, i64::MIN as u64, u64::MAX - 7, u64::MAX];
    std::iter::once(0).chain(near).chain(far).collect()
}

/// Lengths beside them: at the end of the memory even 2 are too many.
const LENGTHS: [u64; 7] = [0, 2, 8, 1 << 32, 1 << 63, i64::MIN as u64 + 1, u64::MAX];

/// Makes a case with other arguments in its last call.
fn with(case: &statuses::Case, calls: usize, others: [Option<u64>; 4]) {
    let mut bench = Bench { change: Some((calls, others)), ..bench() };
    let ended = (case.3)(&mut bench);
    let told = format!("{:?} {others:x?}", case.0);
    if ended.is_err() {
        assert_eq!(bench.effect, None, "{told}: a refused call has an effect");
        // The kernel goes on, and so does every other caller.
        let (other, root) = bench.other("another", flux_kcore::capability::Grant::ROOT);
        assert_eq!(bench.call_as(other, Syscall::Info, [0; 4]), Ok(1 << 16), "{told}");
        let name = bench.text("i2c:0x48");
        assert!(bench.call_as(other, Syscall::Open, [root, name, 0, 0]).is_ok(), "{told}");
    }
}

#[test]
fn hostile_words_in_any_argument_are_refused_without_effect() {
    for row in Row::all() {
        let fits = |case: &&statuses::Case| case.0 == row;
        let good = statuses::cases().filter(fits).find(|case| case.1 == Status::Ok);
        let Some(case) = good.or_else(|| statuses::cases().find(fits)) else { panic!("{row:?}") };
        let mut calm = bench();
        let _ = (case.3)(&mut calm);
        let calls = calm.calls;
        for word in words(&calm) {
            for place in 0..4 {
                let mut others = [None; 4];
                others[place] = Some(word);
                with(case, calls, others);
                // A length behind it, or in front of it.
                for length in LENGTHS.into_iter().filter(|_| place < 3) {
                    others[place + 1] = Some(length);
                    with(case, calls, others);
                }
            }
        }
    }
}

#[test]
fn hostile_words_in_any_word_of_a_record_are_refused_without_effect() {
    let records = [
        (Row::Call(Syscall::Spawn), 1, 8),
        (Row::Call(Syscall::BcExec), 2, 8),
        (Row::Call(Syscall::A2aSend), 1, 5),
        (Row::Call(Syscall::A2aBroadcast), 1, 2),
        (Row::Call(Syscall::Compile), 1, 8),
        (Row::Call(Syscall::Emit), 1, 2),
    ];
    for (row, place, count) in records {
        let case = statuses::cases().find(|case| (case.0, case.1) == (row, Status::Ok)).unwrap();
        let mut calm = bench();
        (case.3)(&mut calm).unwrap();
        let calls = calm.calls;
        for word in words(&calm) {
            for at in 0..count {
                let mut bench = Bench { record: Some((calls, place, at, word)), ..bench() };
                if (case.3)(&mut bench).is_err() {
                    assert_eq!(bench.effect, None, "{row:?} word {at} {word:#x}");
                }
            }
        }
    }
}

#[test]
fn input_and_output_may_lie_in_one_another() {
    let mut bench = bench();
    let root = bench.root;
    // The output of COMPILE over its own source, name and record.
    let source = bench.place(b"agents a");
    let room = bench.reserve(4_096);
    for output in [source, source + 1, room] {
        bench.machine.memory();
        let at = bench.place(&flux_kernel::user_memory::words(&[source, 8, source, 6, output, 2_048, 0, 0]));
        let before = bench.bytes(source, 8);
        assert_eq!(bench.call(Syscall::Compile, [root, at, 0, 0]), Ok(1), "{output}");
        flux_kernel::user_memory::UserMemory::write(bench.machine.memory(), source, &before).unwrap();
    }
    let at = bench.place(&flux_kernel::user_memory::words(&[source, 8, source, 6, 0, 2_048, 0, 0]));
    let own = flux_kernel::user_memory::words(&[at]);
    flux_kernel::user_memory::UserMemory::write(bench.machine.memory(), at + 32, &own).unwrap();
    // What comes back in the record is written last: there the output does not stand.
    assert_eq!(bench.call(Syscall::Compile, [root, at, 0, 0]), Ok(1));
    assert_eq!(flux_kernel::user_memory::Words::<8>::read(bench.machine.memory_ref(), at).unwrap().get(6), 1);
    // A record of a message in its own payload.
    let child = bench.child("worker");
    let hi = bench.place(crate::messages::HI);
    let record = bench.place(&flux_kernel::user_memory::words(&[0, 0, hi, 4, 0]));
    assert!(bench.call(Syscall::A2aSend, [child, record, 0, 0]).is_ok());
    let own = bench.place(&flux_kernel::user_memory::words(&[0, 0, 0, 40, 0]));
    flux_kernel::user_memory::UserMemory::write(bench.machine.memory(), own + 16, &own.to_le_bytes())
        .unwrap();
    assert_eq!(bench.call(Syscall::A2aSend, [child, own, 0, 0]), Err(Status::Invalid), "no payload");
}

#[test]
fn a_region_that_was_freed_is_gone_for_every_call() {
    let mut bench = bench();
    let root = bench.root;
    let region = bench.call(Syscall::Alloc, [root, 1, 64, 0]).unwrap();
    assert_eq!(bench.call(Syscall::Free, [root, region, 0, 0]), Ok(0));
    for call in [Syscall::Free, Syscall::Munmap] {
        assert_eq!(bench.call(call, [root, region, 0, 0]), Err(Status::NotFound));
    }
    assert_eq!(bench.call(Syscall::Mprotect, [root, region, 1, 0]), Err(Status::NotFound));
    assert_eq!(bench.call(Syscall::Mmap, [root, 0, 64, 0]), Ok(region), "its number is free again");
}
