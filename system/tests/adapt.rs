//! ADAPT and EVOLVE: a program that exchanges itself for another one that it carries.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]
#![allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]

mod support;

use flux_abi::capability::CapabilityKind;
use flux_abi::ioctl::Operation;
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_system::{Config, System};
use support::{Lines, SECOND, config, platform};

/// Every second, counts `n` and logs a mark that says which program it is.
fn successor(version: u32, name: &str, state: &str, mark: &str) -> String {
    format!(
        "# C\n## Agent\nname: {name}\nversion: {version}\ncapabilities: COMPILE, SPAWN, MEMORY\n## State\n- n: int = 0\n{state}\n\
         ## Every 1s\n1. Add 1 to n\n2. Log \"{mark} {{n}}\"\n"
    )
}

/// A program of version 1 that loads the module in its constants and asks for it by `opcode`; a second
/// later it logs the status as a letter: `a` is OK. Its state is `n`, which begins with 41.
fn carrier(opcode: &str, module: &[u8], handle: &str) -> Vec<u8> {
    let base = 1 << 16;
    let mut constants = vec![0; 16];
    constants.extend(module);
    assert!(constants.len() <= base);
    constants.resize(base, 0);
    let hex: String = constants.iter().map(|byte| format!("{byte:02x}")).collect();
    let (own, compile) = (Operation::Own.number(), CapabilityKind::Compile as u8);
    let text = format!(
        ".name \"c\"\n.version \"1\"\n.memory 1048576\n.gas 5000000\n.period 1000000000\n.capability COMPILE SPAWN MEMORY\n\
         .hex {hex}\n.state 8\n.field \"n\" 0 \"l\"\n.export init \"\" function @main\n\
         .export every \"\" function @tick interval 1000000000\n\
         .function main\nMOVI R20, {base}\nMOVI R21, 41\nSTORE R20, R21, 0\n\
         MOVI R21, {own}\nMOVI R22, {compile}\nIOCTL R24, R0, R21, R22\nMOV R16, R24\nMOVI R17, 16\nMOVI R18, {}\n\
         MOVI R60, {}\nSYSCALL\nMOV R30, R16\n{handle}\n{opcode} R30\n\
         MOVI R20, 97\nISUB R26, R20, R61\nMOVI R20, 16\nALLOC R25, R20, arena\nMOVI R20, 1\nSTORE32 R25, R20, 0\n\
         STORE8 R25, R26, 8\nLOG R25, info\nRET\n\
         .function tick\nMOVI R20, {base}\nLOAD R21, R20, 0\nINC R21, R21\nSTORE R20, R21, 0\nMOVI R20, 16\n\
         ALLOC R25, R20, arena\nMOVI R20, 3\nSTORE32 R25, R20, 0\nMOVI R20, 6647407\nSTORE32 R25, R20, 8\nLOG R25, info\nRET\n",
        module.len(),
        Syscall::BcLoad.number(),
    );
    text.into_bytes()
}

fn run(source: Vec<u8>) -> Lines {
    let config = Config { documents: vec![("c.flux.md".into(), source)], ..config(&[], 6) };
    let mut lines = Lines::default();
    let mut system =
        System::boot(platform(1, &[]), &config, &mut lines).unwrap_or_else(|error| panic!("{error}"));
    system.run_simulated(&mut lines);
    lines
}

fn compiled(text: &str) -> Vec<u8> {
    let compiled = flux_fluxc::compile(text.as_bytes(), "c.flux.md", &flux_fluxc::Options::default());
    assert!(!compiled.modules.is_empty(), "{:?}", compiled.diagnostics);
    compiled.modules[0].encode()
}

fn letter(status: Status) -> String {
    let code = u8::try_from(-status.code()).unwrap();
    format!("c             {}", char::from(b'a' + code))
}

#[test]
fn a_program_adapts_to_another_one_with_the_same_state_at_its_next_safe_point() {
    let lines = run(carrier("ADAPT", &compiled(&successor(2, "c", "", "two")), ""));
    assert!(lines.has(&letter(Status::Ok)), "{}", lines.joined());
    assert!(lines.has("is swapped from version 1 to version 2: its state goes on"), "{}", lines.joined());
    // 41 went over; nothing of the old program runs any more.
    assert!(lines.has("two 42") && lines.has("two 43"), "{}", lines.joined());
    assert!(!lines.has("c             one"), "{}", lines.joined());
    let _ = SECOND;
}

#[test]
fn a_program_evolves_with_a_migration_of_its_state_and_does_not_adapt_to_that() {
    let migration = "## Migrate from 1 (n: int)\n1. Set n to old.n * 2\n2. Set m to 1\n\n## Migrate back to 1 (n: int)\n1. Set n to 1\n";
    let two = successor(2, "c", "- m: int = 0", "two") + "3. Log \"m {m}\"\n" + migration;
    let lines = run(carrier("EVOLVE", &compiled(&two), ""));
    assert!(lines.has("to version 2: its state was migrated"), "{}", lines.joined());
    assert!(lines.has("two 83") && lines.has("m 1"), "{}", lines.joined());
    let lines = run(carrier("ADAPT", &compiled(&two), ""));
    assert!(lines.has(&letter(Status::Invalid)), "{}", lines.joined());
    assert!(!lines.has("is swapped") && lines.has("c             one"), "{}", lines.joined());
    // Added variables need no migration; for ADAPT they are another state all the same.
    let added = successor(2, "c", "- m: int = 7", "two") + "3. Log \"m {m}\"\n";
    let lines = run(carrier("EVOLVE", &compiled(&added), ""));
    assert!(lines.has("two 42") && lines.has("m 7"), "{}", lines.joined());
    let lines = run(carrier("ADAPT", &compiled(&added), ""));
    assert!(lines.has(&letter(Status::Invalid)) && lines.has("c             one"), "{}", lines.joined());
}

#[test]
fn what_cannot_follow_is_refused_and_the_program_goes_on() {
    for opcode in ["ADAPT", "EVOLVE"] {
        let lines = run(carrier(opcode, &compiled(&successor(2, "d", "", "two")), ""));
        assert!(lines.has(&letter(Status::Invalid)), "another name\n{}", lines.joined());
        assert!(lines.has("c             one"), "{}", lines.joined());
        // What it does not reach it does not reach afterwards.
        let wider = successor(2, "c", "", "two")
            .replace("MEMORY", "MEMORY, IO_WRITE")
            .replace("2. Log", "2. Write 1 to GPIO pin 4\n3. Log");
        let lines = run(carrier(opcode, &compiled(&wider), ""));
        assert!(lines.has("CAPABILITY") || lines.has(&letter(Status::Denied)), "{}", lines.joined());
        assert!(!lines.has("is swapped"), "{}", lines.joined());
        // A word that is no handle, and a handle that was given back.
        for (handle, trap) in [("MOVI R30, 77", "CAPABILITY"), ("CAP_REVOKE R30", "REVOKED")] {
            let lines = run(carrier(opcode, &compiled(&successor(2, "c", "", "two")), handle));
            assert!(lines.has(&format!("trapped: {trap}")), "{handle}\n{}", lines.joined());
            assert!(!lines.has("is swapped"), "{}", lines.joined());
        }
    }
}
