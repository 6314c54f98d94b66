//! Hostile programs of the attack list that the machine itself must stand.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "helpers of tests fail the test they are called from; numbers are small"
)]

mod common;

use common::{Coverage, Random, both, instance, program, settings};
use flux_abi::limits::{CALL_DEPTH, DEFAULT_GAS};
use flux_abi::select::RegionRights;
use flux_abi::status::Status;
use flux_abi::trap::TrapKind;
use flux_vm::checked::{Outcome, Settings};
use flux_vm::testing::TestHost;
use flux_vm::{Exit, FunctionIndex, Gas, Host, HostCall, HostOutcome, Memory, SharedRegion};

const HEAD: &str = "
.memory 1048576
.capability MEMORY COMMUNICATE
.zero 32
.state 64
";

/// Runs on machine and model; the kind of the trap, if it trapped.
fn trap_of(code: &str) -> Option<TrapKind> {
    let settings = Settings { quota: 1 << 20, ..settings() };
    let mut random = Random(7);
    match both(&format!("{HEAD}{code}"), &[], &settings, || 1 + random.below(500), &mut Coverage::default()) {
        Outcome::Trapped(kind, ..) => Some(kind),
        _ => None,
    }
}

#[test]
fn attack_12_the_stack_overflows_into_a_trap_and_never_grows_beyond_its_limit() {
    let eater = ".function main\nSTACK_ALLOC 1000\nCALL @main\nSTACK_FREE 1000\nRET\n";
    let settings = Settings { quota: 4 << 20, ..settings() };
    let text = format!("{HEAD}{eater}");
    let outcome = both(&text, &[], &settings, || 1000, &mut Coverage::default());
    assert!(matches!(outcome, Outcome::Trapped(TrapKind::StackOverflow, ..)), "{outcome:?}");
    // With a small quota the quota ends it first.
    assert_eq!(trap_of(eater), Some(TrapKind::StackOverflow));
    let small = Settings { quota: 4096, ..settings };
    let outcome = both(&text, &[], &small, || 1000, &mut Coverage::default());
    assert!(matches!(outcome, Outcome::Trapped(TrapKind::Quota, ..)), "{outcome:?}");
}

#[test]
fn attack_13_calls_through_wrong_numbers_and_signatures_trap() {
    for number in [3i64, 4, -1, i64::MAX, i64::MIN, 1 << 32, (1 << 32) + 1] {
        for call in ["CALLI", "CALL_REG"] {
            let code = format!(
                ".function main results 1\nMOVI64 R20, {number}\n{call} R20, 0\nRET\n.function other arguments 1 results 1\nRET\n.function third\nRET\n"
            );
            assert_eq!(trap_of(&code), Some(TrapKind::BadCall), "{call} {number}");
        }
    }
    assert_eq!(trap_of(".function main results 1\nCALL_REG R0, 0\nRET\n"), Some(TrapKind::BadCall));
}

#[test]
fn attack_14_15_no_base_and_displacement_reach_around_the_end_of_numbers() {
    for base in [i64::MIN, i64::MAX, -1, -8, -96, 1 << 63 >> 1, (1 << 32) - 8, 1 << 32, 96, 95, 90, 89] {
        for displacement in [0, 8, -8, 96, 2_147_483_647, -2_147_483_648] {
            for access in [
                "LOAD R21, R20, {}",
                "STORE R20, R20, {}",
                "VEC_LOAD R32, R20, {}",
                "LOADX R21, R20, R0, w64, 0, {}",
                "LOADX R21, R0, R20, z8, 3, {}",
                "STOREX R0, R20, R20, w64, 3, {}",
            ] {
                let line = access.replace("{}", &displacement.to_string());
                // The model computes the offset exactly, in 128 bits.
                trap_of(&format!(".function main\nMOVI64 R20, {base}\n{line}\nRET\n"));
            }
        }
    }
    // The last byte but one, eight wide: constants end at 32, the state at 96.
    for (offset, traps) in [(88, false), (89, true), (95, true), (24, false), (25, true), (31, true)] {
        let code = format!(".function main\nMOVI R20, {offset}\nLOAD R21, R20, 0\nRET\n");
        assert_eq!(trap_of(&code), traps.then_some(TrapKind::BadAccess), "{offset}");
    }
    for bulk in
        ["MEMSET R20, R21, R22", "MEMCPY R20, R21, R22", "MEMCPY R21, R20, R22", "MEMCMP R23, R20, R21, R22"]
    {
        for length in [i64::MAX, i64::MIN, -1, -32, 1 << 32] {
            let code =
                format!(".function main\nMOVI R20, 40\nMOVI R21, 48\nMOVI64 R22, {length}\n{bulk}\nRET\n");
            assert_eq!(trap_of(&code), Some(TrapKind::BadAccess), "{bulk} {length}");
        }
    }
}

#[test]
fn attack_16_regions_are_reached_by_own_numbers_alone_and_not_once_destroyed() {
    let create = ".function main\nMOVI R20, 16\nREGION_CREATE R21, R20, rw\n";
    assert_eq!(trap_of(&format!("{create}LOAD_RM R22, R0, 1, 8\nRET\n")), None);
    assert_eq!(trap_of(&format!("{create}LOAD_RM R22, R0, 2, 8\nRET\n")), Some(TrapKind::BadAccess));
    assert_eq!(trap_of(&format!("{create}LOAD_RM R22, R0, 1, 9\nRET\n")), Some(TrapKind::BadAccess));
    assert_eq!(trap_of(&format!("{create}LOAD_RM R22, R0, 1, -8\nRET\n")), Some(TrapKind::BadAccess));
    let destroyed = format!("{create}REGION_DESTROY R21\nSTORE_RM R0, R20, 1, 0\nRET\n");
    assert_eq!(trap_of(&destroyed), Some(TrapKind::BadAccess));
    let read_only = ".function main\nMOVI R20, 16\nREGION_CREATE R21, R20, r\nSTORE_RM R0, R20, 1, 0\nRET\n";
    assert_eq!(trap_of(read_only), Some(TrapKind::BadAccess));
    // Numbers that no region has are refused, and the state region is no region of this kind.
    let numbers = ".function main results 1\nMOVI64 R20, {}\nREGION_DESTROY R20\nMOV R16, R61\nRET\n";
    for number in [0, 1, 15, 16, -1, i64::MIN] {
        let text = format!("{HEAD}{}", numbers.replace("{}", &number.to_string()));
        let outcome = both(&text, &[], &settings(), || 100, &mut Coverage::default());
        assert_eq!(outcome, Outcome::Finished(Status::NotFound.code() as u64));
    }
}

/// Unmaps the caller's region while a call is under way.
struct Unmapper;

impl Host for Unmapper {
    fn call(&mut self, _: &HostCall, memory: &mut Memory) -> HostOutcome {
        memory.unmap_region(1);
        HostOutcome::status(Status::Ok)
    }
}

#[test]
fn attack_17_a_region_that_vanishes_stays_whole_for_those_who_still_map_it() {
    let text = format!(
        "{HEAD}.function main\nMOVI R20, 7\nSTORE_RM R0, R20, 1, 0\nLOG R0, info\nLOAD_RM R21, R0, 1, 0\nRET\n"
    );
    let program = program(&text);
    let shared = SharedRegion::new(64).unwrap();
    let mut first = instance(&program, &settings());
    let mut second = instance(&program, &settings());
    for instance in [&mut first, &mut second] {
        instance.memory().map_region(shared.clone(), RegionRights::ReadWriteShare, 0).unwrap();
    }
    let mut run = first.begin(FunctionIndex(0), &[]).unwrap();
    let Exit::Trapped(trap) = first.resume(&mut run, &mut Unmapper, Gas(1000)) else { panic!("no trap") };
    assert_eq!((trap.kind, trap.value), (TrapKind::BadAccess, 0));
    assert_eq!(second.memory().region(1).unwrap().0.read(0), Some(7));
}

#[test]
fn attack_18_impossible_quotients_and_conversions_trap_and_shifts_wrap() {
    for (code, kind) in [
        ("MOVI R21, 0\nIDIV R22, R20, R21", TrapKind::DivideByZero),
        ("MOVI R21, 0\nUREM R22, R20, R21", TrapKind::DivideByZero),
        ("MOVI R21, -1\nIDIV R22, R20, R21", TrapKind::Overflow),
        ("MOVI R21, -1\nIMOD R22, R20, R21", TrapKind::Overflow),
        ("MOVI64 R21, 0x7ff8000000000000\nF2I R22, R21", TrapKind::Conversion),
        ("MOVI64 R21, 0x7ff0000000000000\nF2I R22, R21", TrapKind::Conversion),
        ("MOVI64 R21, 0xfff0000000000000\nCONVERT R22, R21, f64.u64", TrapKind::Conversion),
    ] {
        let code = format!(".function main\nMOVI64 R20, -9223372036854775808\n{code}\nRET\n");
        assert_eq!(trap_of(&code), Some(kind), "{code}");
    }
    let shift =
        format!("{HEAD}.function main results 1\nMOVI R20, 5\nMOVI R21, 64\nISHL R16, R20, R21\nRET\n");
    assert_eq!(both(&shift, &[], &settings(), || 9, &mut Coverage::default()), Outcome::Finished(5));
}

#[test]
fn attack_21_endless_loops_end_by_gas_and_gas_never_comes_back() {
    assert_eq!(trap_of(".function main\nagain:\nJMP again\n"), Some(TrapKind::Gas));
    assert_eq!(trap_of(".function main\nagain:\nQUERY R20, R0, id\nJMP again\n"), Some(TrapKind::Gas));
    // Out of gas is not caught, and raising the limit does nothing.
    let stubborn = ".function main\nSET_HANDLER @handler\nCATCH caught\nMOVI R20, -1\nGAS_INIT R20\nagain:\nJMP again\ncaught:\nRET\n.function handler arguments 2\nRETI R0\n";
    assert_eq!(trap_of(stubborn), Some(TrapKind::Gas));
    // A GAS_CHECK near 2^32 and a budget near 2^64 do not wrap.
    let rich = Settings { gas: u64::MAX, ..settings() };
    let text = format!("{HEAD}.function main\nGAS_CHECK 4294967295\nRET\n");
    assert_eq!(both(&text, &[], &rich, || u64::MAX, &mut Coverage::default()), Outcome::Finished(0));
    // A trapped run that is resumed does nothing more and gains nothing.
    let program = program(&format!("{HEAD}.function main\nagain:\nJMP again\n"));
    let mut instance = instance(&program, &settings());
    instance.set_gas(Gas(100));
    let mut run = instance.begin(FunctionIndex(0), &[]).unwrap();
    assert!(matches!(instance.resume(&mut run, &mut TestHost::default(), Gas(u64::MAX)), Exit::Trapped(_)));
    instance.set_gas(Gas(DEFAULT_GAS));
    assert!(matches!(instance.resume(&mut run, &mut TestHost::default(), Gas(u64::MAX)), Exit::Stopped(_)));
    assert_eq!(instance.gas_left(), Gas(DEFAULT_GAS));
    // A loop of traps that are caught ends too.
    let phoenix = ".function main\nagain:\nCATCH caught\nEXPECT R0\nCATCH 0\nJMP again\ncaught:\nJMP again\n";
    assert_eq!(trap_of(phoenix), Some(TrapKind::Gas));
}

#[test]
fn attack_22_endless_recursion_ends_at_the_call_depth() {
    assert_eq!(trap_of(".function main\nCALL @main\nRET\n"), Some(TrapKind::CallDepth));
    let program = program(&format!("{HEAD}.function main\nCALL @main\nRET\n"));
    let mut instance = instance(&program, &settings());
    let mut run = instance.begin(FunctionIndex(0), &[]).unwrap();
    let exit = instance.resume(&mut run, &mut TestHost::default(), Gas(u64::MAX));
    assert!(matches!(exit, Exit::Trapped(trap) if trap.kind == TrapKind::CallDepth));
    assert_eq!(run.call_depth(), CALL_DEPTH + 1);
    // A tail call takes no frame: only gas ends it.
    assert_eq!(trap_of(".function main\nTAILCALL @main\n"), Some(TrapKind::Gas));
}

#[test]
fn a_long_loop_in_one_slice_takes_no_stack_of_the_host() {
    // Were a jump between operations a call, this would need gigabytes.
    let text = format!(
        "{HEAD}.function main results 1\nMOVI R16, 0\nMOVI R20, 30000000\nagain:\nINC R16, R16\nLOOP R20, again\nRET\n"
    );
    let program = program(&text);
    let mut instance = instance(&program, &settings());
    instance.set_gas(Gas(u64::MAX));
    let mut run = instance.begin(FunctionIndex(0), &[]).unwrap();
    let exit = instance.resume(&mut run, &mut TestHost::default(), Gas(u64::MAX));
    assert_eq!(exit, Exit::Finished(30_000_000));
}
