//! 12 to 19, 21 and 22: programs that the machine must stand.

use flux_abi::capability::CapabilityKind;
use flux_abi::ioctl::Operation;
use flux_abi::syscall::Syscall;
use flux_abi::trap::TrapKind;

use crate::ground::Ground;

/// Puts the agent's own handle of MEMORY into R24.
fn own_memory() -> String {
    let (own, kind) = (Operation::Own.number(), CapabilityKind::Memory as u8);
    format!("MOVI R21, {own}\nMOVI R22, {kind}\nIOCTL R24, R0, R21, R22\n")
}

/// A system call of that handle with two more arguments; its result in R16, its status in R61.
fn call(call: Syscall, second: &str, third: u64) -> String {
    let number = call.number();
    format!("MOV R16, R24\n{second}\nMOVI R18, {third}\nMOVI R60, {number}\nSYSCALL\n")
}

#[test]
fn attack_12_a_stack_that_grows_without_end_traps() {
    let mut ground = Ground::new();
    ground.traps("STACK_ALLOC 1000\nCALL @main\nSTACK_FREE 1000\nRET\n", TrapKind::StackOverflow);
    ground.unharmed();
}

#[test]
fn attack_13_calls_through_wrong_numbers_trap() {
    let mut ground = Ground::new();
    for number in [3i64, -1, i64::MIN, 1 << 32] {
        for call in ["CALLI", "CALL_REG"] {
            ground.traps(&format!("MOVI64 R20, {number}\n{call} R20, 0\nRET\n"), TrapKind::BadCall);
        }
    }
    ground.unharmed();
}

#[test]
fn attack_14_a_base_and_a_length_that_wrap_reach_nothing() {
    let mut ground = Ground::new();
    for (base, length) in [(-8i64, 16i64), (40, i64::MAX), (40, -1), (i64::MIN, 8), (40, 1 << 32)] {
        let code =
            format!("MOVI64 R20, {base}\nMOVI R21, 48\nMOVI64 R22, {length}\nMEMSET R20, R21, R22\nRET\n");
        ground.traps(&code, TrapKind::BadAccess);
    }
    ground.unharmed();
}

#[test]
fn attack_15_accesses_at_the_end_and_beyond_trap() {
    let mut ground = Ground::new();
    for base in [i64::MIN, i64::MAX, -1, -8, 1 << 32, 95, 89] {
        for access in ["LOAD R21, R20, 0", "STORE R20, R20, 0"] {
            ground.traps(&format!("MOVI64 R20, {base}\n{access}\nRET\n"), TrapKind::BadAccess);
        }
    }
    ground.unharmed();
}

#[test]
fn attack_16_a_region_is_reached_by_its_owner_and_only_while_it_is_there() {
    let mut ground = Ground::new();
    // Another agent has a region 1 at this moment; numbers mean the own ones.
    let keeper = crate::ground::program(&format!(
        "{}{}MOVI64 R20, 9000000000\nSLEEP R20\nRET\n",
        own_memory(),
        call(Syscall::Alloc, "MOVI R17, 1", 64)
    ));
    let mut keeper = keeper;
    keeper.meta.name = "keeper".into();
    let module = ground.load(&keeper.encode()).unwrap();
    ground.start(module).unwrap();
    ground.pass(crate::ground::MILLISECOND);
    for number in [1, 2, 15] {
        ground.traps(&format!("LOAD_RM R22, R0, {number}, 0\nRET\n"), TrapKind::BadAccess);
    }
    // A handle of another agent, and one of an agent that has ended, is nobody's in this one's hands.
    let held: Vec<u64> = {
        let shard = ground.system.kernel().core().shard();
        shard.capabilities().held(shard.find("keeper").unwrap()).map(|(handle, _)| handle.word()).collect()
    };
    for word in held.into_iter().map(|word| word ^ 1 << 18).chain([1 << 40 | 1 << 16 | 9, u64::MAX]) {
        ground
            .traps(&format!("MOVI64 R20, {}\nMMAP R21, R20, R20\nRET\n", word as i64), TrapKind::Capability);
    }
    ground.unharmed();
}

#[test]
fn attack_17_a_region_that_was_freed_is_not_read() {
    let mut ground = Ground::new();
    let allocate = call(Syscall::Alloc, "MOVI R17, 1", 64);
    for free in [Syscall::Free, Syscall::Munmap] {
        let code = format!(
            "{}{allocate}MOV R25, R16\nSTORE_RM R0, R25, 1, 0\n{}LOAD_RM R22, R0, 1, 0\nRET\n",
            own_memory(),
            call(free, "MOV R17, R25", 0)
        );
        ground.traps(&code, TrapKind::BadAccess);
    }
    ground.unharmed();
}

#[test]
fn attack_18_impossible_quotients_and_conversions_trap() {
    let mut ground = Ground::new();
    for (code, trap) in [
        ("MOVI R21, 0\nIDIV R22, R20, R21", TrapKind::DivideByZero),
        ("MOVI R21, -1\nIDIV R22, R20, R21", TrapKind::Overflow),
        ("MOVI64 R21, 0x7ff8000000000000\nF2I R22, R21", TrapKind::Conversion),
        ("MOVI64 R21, 0xfff0000000000000\nCONVERT R22, R21, f64.u64", TrapKind::Conversion),
    ] {
        ground.traps(&format!("MOVI64 R20, -9223372036854775808\n{code}\nRET\n"), trap);
    }
    ground.unharmed();
}

#[test]
fn attack_19_constants_are_not_written_and_nothing_is_writable_and_executable() {
    let mut ground = Ground::new();
    // Code has no address; what lies lowest are the constants.
    for offset in [0, 8, 24] {
        ground.traps(&format!("MOVI R20, {offset}\nSTORE R20, R20, 0\nRET\n"), TrapKind::BadAccess);
    }
    // INVALID is -3: the difference is 0, which divides.
    for rights in [10, 11, 15] {
        let code = format!(
            "{}{}MOV R25, R16\n{}MOVI R20, -3\nISUB R20, R61, R20\nIDIV R20, R25, R20\nRET\n",
            own_memory(),
            call(Syscall::Alloc, "MOVI R17, 1", 64),
            call(Syscall::Mprotect, "MOV R17, R25", rights)
        );
        ground.traps(&code, TrapKind::DivideByZero);
    }
    ground.unharmed();
}

#[test]
fn attack_21_endless_loops_end_by_gas_which_never_comes_back() {
    let mut ground = Ground::new();
    ground.traps("again:\nJMP again\n", TrapKind::Gas);
    ground.traps("again:\nQUERY R20, R0, id\nJMP again\n", TrapKind::Gas);
    ground.traps("again:\nCATCH caught\nEXPECT R0\nCATCH 0\nJMP again\ncaught:\nJMP again\n", TrapKind::Gas);
    ground.traps("MOVI R20, -1\nGAS_INIT R20\nagain:\nJMP again\n", TrapKind::Gas);
    ground.unharmed();
}

#[test]
fn attack_22_endless_recursion_ends_at_the_call_depth() {
    let mut ground = Ground::new();
    ground.traps("CALL @main\nRET\n", TrapKind::CallDepth);
    ground.traps("TAILCALL @main\n", TrapKind::Gas);
    ground.unharmed();
}
