//! An agent that is limited is slowed or refused, and others go on; what was refused has a record.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]
#![allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]
#![allow(clippy::indexing_slicing, reason = "an index out of range fails the test")]

mod support;

use flux_abi::capability::CapabilityKind;
use flux_abi::ioctl::Limit;
use flux_abi::opcode::Opcode;
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_abi::trap::TrapKind;
use flux_kcore::audit::{Act, EACH, RECORDS};
use flux_kcore::capability::{Grant, Object, Rights};
use flux_kcore::id::{AgentId, ProcessId};
use flux_kernel::compile::KernelCompiler;
use flux_kernel::user_memory::NativeMemory;
use flux_system::{AgentLimit, BootError, Config, Platform, System};
use support::{Doc, Lines, config, platform};

fn booted(documents: &[&str], limits: &[(&str, Limit, u64)], lines: &mut Lines) -> Result<System, BootError> {
    let documents = documents.iter().enumerate();
    let documents = documents.map(|(n, text)| (format!("d{n}.flux.md"), text.as_bytes().to_vec())).collect();
    let limits = limits.iter().map(|(agent, limit, value)| AgentLimit {
        agent: String::from(*agent),
        limit: *limit,
        value: *value,
    });
    let config = Config { documents, limits: limits.collect(), ..config(&[], 10) };
    let platform =
        Platform { compiler: Box::new(KernelCompiler::default()), ..platform(1, &[("adc:0", "const(1)")]) };
    System::boot(platform, &config, lines)
}

fn boot(documents: &[&str], limits: &[(&str, Limit, u64)], lines: &mut Lines) -> System {
    booted(documents, limits, lines).unwrap_or_else(|error| panic!("{error}"))
}

fn worker(name: &str, steps: &str) -> String {
    format!(
        "# W\n## Agent\nname: {name}\ncapabilities: MEMORY, IO_READ\n## State\n- n: int = 0\n- list: [int] = []\n\
         ## Every 100ms\n{steps}- Add 1 to n\n- Log \"{name} {{n}}\"\n"
    )
}

#[test]
fn an_agent_over_its_gas_rests_and_another_one_goes_on() {
    let busy = "- Repeat 1000 times:\n  - Add 1 to n\n- Set n to n - 1000\n";
    let (one, two) = (worker("slow", busy), worker("free", busy));
    let mut lines = Lines::default();
    let mut system = boot(&[&one, &two], &[("slow", Limit::Gas, 5_000)], &mut lines);
    system.run_simulated(&mut lines);
    let (slow, free) = (lines.count("slow "), lines.count("free "));
    assert!(free >= 99, "{free}\n{}", lines.joined());
    assert!(slow > 0 && slow * 2 < free, "{slow} of {free}");
    assert_eq!(system.kernel().core().audit().total(), 0, "who waits is not refused anything");
    let summary = system.finish(&mut lines);
    let gas = |name: &str| summary.agents.iter().find(|agent| &*agent.name == name).unwrap().gas;
    // Ten seconds and the one under way, and what the last block went over.
    assert!(gas("slow") <= 11 * 5_000 + 100, "{}", gas("slow"));
    assert!(gas("free") > 2 * gas("slow"));
    assert_eq!(summary.traps(), 0);
}

#[test]
fn equal_inputs_with_limits_give_equal_logs() {
    let busy = "- Repeat 1000 times:\n  - Add 1 to n\n- Set n to n - 1000\n- Read v from ADC channel 0\n";
    let limits = [("slow", Limit::Gas, 5_000), ("free", Limit::Accesses, 3)];
    let run = || {
        let mut lines = Lines::default();
        let mut system = boot(&[&worker("slow", busy), &worker("free", busy)], &limits, &mut lines);
        system.run_simulated(&mut lines);
        system.finish(&mut lines);
        lines.joined()
    };
    assert_eq!(run(), run());
}

#[test]
fn an_agent_over_its_accesses_is_busy_and_another_one_reads_on() {
    let read = "- Read v from ADC channel 0\n";
    let slow = worker("slow", &format!("{read}- Otherwise:\n  - Log \"slowed\"\n"));
    let mut lines = Lines::default();
    let mut system = boot(&[&slow, &worker("free", read)], &[("slow", Limit::Accesses, 4)], &mut lines);
    system.run_simulated(&mut lines);
    assert!(lines.count("free ") >= 99, "{}", lines.joined());
    let slowed = lines.count("slowed");
    assert!((55..=61).contains(&slowed), "four of ten readings in a second: {slowed}");
    assert!(lines.has("more than 4 accesses to devices and files in a second"), "{}", lines.joined());
    let audit = system.kernel().core().audit();
    assert_eq!((audit.total(), audit.unrecorded()), (slowed as u64, 0), "one record for each refusal");
    let read = Act::Instruction(Opcode::IoRead);
    assert!(
        audit
            .records()
            .all(|record| (record.name.as_str(), record.act, record.status) == ("slow", read, Status::Busy))
    );
}

#[test]
fn an_agent_with_less_memory_traps_alone_and_the_refusal_has_a_record() {
    let grow = "- Repeat 40 times:\n  - `list.push(n)`\n";
    let mut lines = Lines::default();
    let limits = [("small", Limit::Memory, 16_384)];
    let mut system = boot(&[&worker("small", grow), &worker("large", grow)], &limits, &mut lines);
    system.run_simulated(&mut lines);
    assert!(lines.has("small") && lines.has("QUOTA") && lines.has("16384 bytes"), "{}", lines.joined());
    assert_eq!(system.kernel().core().shard().find("small"), None);
    assert!(lines.count("large ") >= 99);
    let records: Vec<_> = system.kernel().core().audit().records().cloned().collect();
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((record.name.as_str(), record.act), ("small", Act::Need(TrapKind::Quota)));
    let summary = system.finish(&mut lines);
    let refused =
        |name: &str| summary.agents.iter().find(|agent| &*agent.name == name).unwrap().counters.refusals;
    assert_eq!((refused("small"), refused("large")), (1, 0));
}

#[test]
fn a_full_mailbox_and_a_missing_capability_each_make_one_record() {
    let sender = "# S\n## Agent\nname: sender\ncapabilities: COMMUNICATE\n## Every 1s\n\
        - Repeat 3 times:\n  - TELL taker: take()\n";
    let taker = "# T\n## Agent\nname: taker\n## On take()\n- Log \"took\"\n";
    let mut lines = Lines::default();
    let mut system = boot(&[sender, taker], &[("taker", Limit::Mailbox, 4)], &mut lines);
    system.run_simulated(&mut lines);
    let audit = system.kernel().core().audit();
    // A sender has a quarter of the four places: one of three messages in each second.
    assert_eq!(audit.total(), 18, "{}", lines.joined());
    let tell = Act::Instruction(Opcode::Tell);
    assert!(audit.records().all(|record| (record.name.as_str(), record.act, record.status)
        == ("sender", tell, Status::Busy)));
    assert_eq!(lines.count("took"), 9);

    // A word that nobody gave, and a system call with it that the program goes on after.
    let mut thief = Doc::new("thief");
    thief.head(".capability IO_READ").init(
        "MOVI R16, 77\n MOVI R17, 8\n MOVI R18, 8\n MOVI R60, 600\n SYSCALL\n MOVI R20, 77\n IO_READ R21, R20\n RET",
    );
    let mut lines = Lines::default();
    let mut system = System::boot(platform(1, &[]), &config(&[&thief], 10), &mut lines).unwrap();
    system.run_simulated(&mut lines);
    assert!(lines.has("thief trapped: CAPABILITY"), "{}", lines.joined());
    let records = system.kernel().core().audit().records();
    let records: Vec<_> = records.map(|record| (record.act, record.handle, record.status)).collect();
    let read = (Act::Call(Syscall::Read), 77, Status::Denied);
    assert_eq!(records, [read, (Act::Instruction(Opcode::IoRead), 77, Status::Denied)]);
}

#[test]
fn each_refusal_has_a_record_and_a_flood_of_them_is_bounded() {
    let mut lines = Lines::default();
    let mut system = boot(&[&worker("bystander", "")], &[], &mut lines);
    let kernel = system.kernel_mut();
    let grant = Grant::new(CapabilityKind::Memory, Object::Kind, Rights::USE);
    let call = |kernel: &mut flux_kernel::Kernel<_>, agent: AgentId, call: Syscall, first: u64| {
        kernel
            .syscall(agent, call.number(), [first, 1, 8, 8], &mut NativeMemory::new())
            .map_err(|no| no.status)
    };
    let (villain, _) = kernel.native_agent("villain", ProcessId::KERNEL, grant).unwrap();
    assert_eq!(call(kernel, villain, Syscall::BcLoad, 77), Err(Status::Denied));
    assert_eq!(call(kernel, villain, Syscall::Info, 99), Err(Status::Invalid), "an answer, no refusal");
    let records: Vec<_> = kernel.core().audit().records().cloned().collect();
    let [one] = records.as_slice() else { panic!("{records:?}") };
    let expected = (villain, Act::Call(Syscall::BcLoad), 77, Status::Denied);
    assert_eq!((one.agent, one.act, one.handle, one.status), expected);
    for _ in 0..100_000 {
        assert!(call(kernel, villain, Syscall::BcLoad, 78).is_err());
    }
    let audit = kernel.core().audit();
    assert_eq!(audit.records().count(), EACH as usize);
    assert_eq!((audit.total(), audit.unrecorded()), (100_001, 100_001 - u64::from(EACH)));
    // INFO tells both; somebody else's refusal still has its record, however many there were.
    for (item, value) in [(5, audit.total()), (6, audit.unrecorded())] {
        assert_eq!(call(kernel, villain, Syscall::Info, item), Ok(value));
    }
    for n in 0..200 {
        let (other, _) = kernel.native_agent(&format!("other {n}"), ProcessId::KERNEL, grant).unwrap();
        (0..20).for_each(|_| assert!(call(kernel, other, Syscall::Open, 5).is_err()));
        let last = kernel.core().audit().records().last().unwrap();
        assert_eq!((last.agent, last.act), (other, Act::Call(Syscall::Open)));
    }
    assert_eq!(kernel.core().audit().records().count(), RECORDS);
}

#[test]
fn a_limit_of_nobody_or_of_nothing_is_an_error_before_the_first_step() {
    let mut lines = Lines::default();
    let text = |limits: &[(&str, Limit, u64)], lines: &mut Lines| {
        booted(&[&worker("a", "")], limits, lines).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let nobody = text(&[("b", Limit::Gas, 1)], &mut lines);
    assert_eq!(nobody, "the limit `gas` of agent b: no document of the run has an agent of this name");
    assert!(text(&[("a", Limit::Mailbox, 65)], &mut lines).contains("1 to 64"));
}
