//! What a call does when the host has no memory for it.
//!
//! A call that meets the end of memory is done all the same, or it is refused with NOMEM and has no
//! effect; the kernel goes on, and the same call then succeeds. Calls all of whose allocations can fail
//! are tried with the n-th one failing, for every n. Those that make small pieces which the language
//! gives no way to fail (a name behind an `Arc`, an entry of a map) look first whether there is room;
//! they are tried with a heap that has n bytes left, for every n. A call that met the end of memory in
//! such a piece would end this process.
#![allow(unsafe_code, reason = "an allocator that fails has to be one")]

use std::alloc::{GlobalAlloc, Layout, System as Heap};
use std::cell::Cell;

use flux_abi::ioctl::{ObjectType, Operation as Op};
use flux_abi::limits::MODULE_BYTES;
use flux_abi::status::Status;
use flux_abi::syscall::Syscall::*;
use flux_kcore::capability::Rights;

use crate::bench::{Answer, Bench, Row, bench};
use crate::statuses;

/// How the memory of the host ends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Shortage {
    /// Not at all.
    #[default]
    None,
    /// The n-th allocation fails.
    Nth(u64),
    /// So many bytes are left.
    Left(u64),
}

/// Fails what its thread asks it to.
struct Failing;

thread_local! {
    static SHORTAGE: Cell<Shortage> = const { Cell::new(Shortage::None) };
    static FAILED: Cell<bool> = const { Cell::new(false) };
}

/// Whether an allocation of `bytes` fails now.
fn fails(bytes: u64) -> bool {
    // A thread that ends has no cell any more, and nothing to fail.
    let shortage = SHORTAGE.try_with(Cell::get).unwrap_or_default();
    let (failed, next) = match shortage {
        Shortage::None => return false,
        Shortage::Nth(nth) if nth <= 1 => (true, Shortage::None),
        Shortage::Nth(nth) => (false, Shortage::Nth(nth - 1)),
        Shortage::Left(left) => (bytes > left, Shortage::Left(left.saturating_sub(bytes))),
    };
    if failed {
        FAILED.set(true);
    }
    if !failed || matches!(next, Shortage::None) {
        SHORTAGE.set(next);
    }
    failed
}

// SAFETY: every call that is answered goes to the system's allocator unchanged; a null pointer is the
// answer that `alloc` may give at any time.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if fails(layout.size() as u64) {
            return core::ptr::null_mut();
        }
        // SAFETY: the caller keeps the contract of `alloc`, which is the same here.
        unsafe { Heap.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        if let Ok(Shortage::Left(left)) = SHORTAGE.try_with(Cell::get) {
            SHORTAGE.set(Shortage::Left(left + layout.size() as u64));
        }
        // SAFETY: the caller keeps the contract of `dealloc`, which is the same here.
        unsafe { Heap.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Failing = Failing;

/// Lets memory end so from now on, until [`disarm`].
pub(crate) fn arm(shortage: Shortage) {
    FAILED.set(false);
    SHORTAGE.set(shortage);
}

/// Whether an allocation failed since [`arm`].
pub(crate) fn disarm() -> bool {
    SHORTAGE.set(Shortage::None);
    FAILED.get()
}

/// Whether the end of memory is tried over this row.
pub(crate) fn tries(row: Row) -> bool {
    row != Row::Call(Wait)
}

/// Rows that look first whether there is room.
const IN_PIECES: &[Row] = &[
    Row::Call(Spawn),
    Row::Call(BcLoad),
    Row::Call(BcExec),
    Row::Call(BcDump),
    Row::Call(Emit),
    Row::Call(Open),
    Row::Call(HwInfo),
    Row::Call(Log),
    Row::Call(Alloc),
    Row::Call(Mmap),
    Row::Operation(Op::Entrust),
    Row::Operation(Op::Withhold),
];

/// The compile service allocates as it likes and is dropped when it fails: with a child process or a heap
/// of its own. What the call does before is tried.
const SERVICE: Row = Row::Call(Compile);

/// How a call comes to be made that succeeds.
type Way = fn(&mut Bench) -> Answer;

/// More ways to success than the one of `statuses`, which reach other allocations.
const WAYS: &[(Row, Way)] = &[
    (Row::Operation(Op::Derive), |b| {
        (0..40).for_each(|_| assert!(b.derive(b.root, [0; 6]).is_ok()));
        b.derive(b.root, [0; 6])
    }),
    (Row::Operation(Op::Narrow), |b| {
        let rights = u64::from(Rights::WRITE.with(Rights::GRANT).bits());
        let narrow = |b: &mut Bench| {
            let both = b.derive(b.root, [0, 3, rights, 0, 0, 0]).unwrap();
            [1, 2].map(|kind| b.operate(Op::Narrow, both, kind))
        };
        let answers: Vec<Answer> = (0..20).flat_map(|_| narrow(b)).collect();
        answers.into_iter().find(|answer| answer.is_err()).unwrap_or(Ok(0))
    }),
    (Row::Operation(Op::ReadOnly), |b| {
        let rights = Rights::READ.with(Rights::WRITE);
        let region = b.region(rights);
        let both =
            [0, 1 << flux_abi::capability::CapabilityKind::Memory as u64, u64::from(rights.bits()), 0, 0, 0];
        let narrow = |b: &mut Bench| {
            let [_, whole] = [0, 1].map(|_| b.derive(region, both).unwrap());
            b.operate(Op::ReadOnly, whole, 0)
        };
        let answers: Vec<Answer> = (0..20).map(|_| narrow(b)).collect();
        answers.into_iter().find(|answer| answer.is_err()).unwrap_or(Ok(0))
    }),
    (Row::Operation(Op::Transfer), |b| {
        let (_, to) = b.peer();
        (0..40).for_each(|_| {
            let own =
                b.object(flux_abi::capability::CapabilityKind::Memory, Rights::ALL, (ObjectType::Kind, 0));
            assert!(b.operate(Op::Transfer, own, to).is_ok());
        });
        b.operate(Op::Transfer, b.root, to)
    }),
    (Row::Call(A2aSubscribe), |b| {
        b.with_topics(16);
        (1..=16)
            .map(|number| {
                let topic = b.topic(Rights::READ, number);
                b.call(A2aSubscribe, [topic, 0, 0, 0])
            })
            .last()
            .unwrap()
    }),
    (Row::Operation(Op::Withhold), |b| {
        let (device, child) = b.entrusting();
        b.hand(Op::Entrust, device, child).unwrap();
        b.hand(Op::Withhold, device, child)
    }),
    (Row::Call(Read), |b| {
        let file = b.readable("a", b"text");
        let at = b.reserve(64);
        b.call(Read, [file, at, 64, 0])
    }),
    (Row::Call(Write), |b| {
        let file = b.opened("a", 1).unwrap();
        let at = b.place(&[7; 4_096]);
        (0..8).map(|_| b.call(Write, [file, at, 4_096, 0])).last().unwrap()
    }),
    (Row::Call(Open), |b| b.opened("log/a", 1)),
    (Row::Call(Open), |b| b.opened("console", 1)),
    (Row::Call(HwInfo), |b| {
        let at = b.reserve(4_096);
        b.call(HwInfo, [6, at, 4_096, 0])
    }),
    (Row::Call(A2aSend), |b| b.send_all()),
    (Row::Call(BcLoad), |b| {
        // One whose every instruction takes more when it is decoded than in the file.
        let lines = "IADD R20, R21, R22\n".repeat(2_000);
        let text = format!(
            ".name \"long\"\n.memory 65536\n.gas 1000\n.period 1\n.export loop \"\" function @l\n.function l\n\
             MOVI R20, 1\nMOVI R21, 1\nMOVI R22, 1\n{lines}RET\n"
        );
        let bytes = flux_isa::asm::assemble(&text).unwrap().encode();
        assert!(bytes.len() < MODULE_BYTES);
        let at = b.place(&bytes);
        b.call(BcLoad, [b.root, at, bytes.len() as u64, 0])
    }),
];

/// Every way to success over a row.
fn ways(row: Row) -> impl Iterator<Item = Way> {
    let named = statuses::cases().filter(move |(other, status, ..)| (*other, *status) == (row, Status::Ok));
    let more = WAYS.iter().filter(move |(other, _)| *other == row).map(|(_, way)| *way);
    named.map(|(.., way)| *way).chain(more)
}

/// The shortages that are tried one after the other until memory is enough.
fn shortages(row: Row) -> Box<dyn Iterator<Item = Shortage>> {
    if IN_PIECES.contains(&row) {
        let few = (0..128).map(|n| n * 32);
        let more = std::iter::successors(Some(4_096u64), |left| Some(left + left / 16));
        return Box::new(few.chain(more).map(Shortage::Left));
    }
    Box::new((1..).map(Shortage::Nth))
}

/// Tries a way with memory ending in its call number `at`; whether it was refused.
fn starve(row: Row, way: Way, at: usize) -> bool {
    let mut refused = false;
    for shortage in shortages(row) {
        let mut bench = Bench { fail: Some((at, shortage)), ..bench() };
        // What follows a refused call finds it made again, so that the way comes to its end.
        let answer = way(&mut bench);
        if !bench.failed {
            assert!(answer.is_ok(), "{row:?}");
            break;
        }
        assert!(answer.is_ok() || bench.refused == Some(Status::NoMemory), "{row:?} {shortage:?} {answer:?}");
        refused |= bench.refused.is_some();
        if row == SERVICE {
            break;
        }
    }
    refused
}

#[test]
fn a_call_without_memory_is_done_or_refused_and_has_no_effect_then() {
    let mut wrong = Vec::new();
    for row in Row::all().filter(|row| tries(*row)) {
        let mut refused = false;
        for way in ways(row) {
            let mut bench = bench();
            way(&mut bench).unwrap();
            let made = bench.rows.iter().enumerate().filter(|(_, other)| **other == row);
            for at in made.map(|(at, _)| at + 1).collect::<Vec<_>>() {
                refused |= starve(row, way, at);
            }
        }
        if ways(row).next().is_some() {
            let has = row.statuses().contains(&Status::NoMemory);
            let by_quota = matches!(row, Row::Call(BcExec | Alloc | Mmap));
            if refused != has && !(by_quota && has) {
                wrong.push((row, refused, has));
            }
        }
    }
    assert!(wrong.is_empty(), "row, whether it was refused, whether the table has NOMEM: {wrong:?}");
}
