//! Agent 1: a document like any other, restarted when it fails, and never seen in the log.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]
#![allow(clippy::print_stdout, reason = "the log is shown where a test fails")]

mod support;

use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::ioctl::{ObjectType, Operation};
use flux_abi::message::MessageType;
use flux_abi::syscall::Syscall;
use flux_hal::BootLevel;
use flux_kcore::capability::{Grant, Rights};
use flux_kcore::id::{AgentId, ProcessId};
use flux_kcore::runtime::Exit;
use flux_kcore::time::Time;
use flux_kernel::compile::KernelCompiler;
use flux_kernel::user_memory::{NativeMemory, words};
use flux_system::{ClockMode, Config, Platform, System};
use support::{Lines, SECOND, platform};

fn boot(text: &str, seconds: i64, lines: &mut Lines) -> System {
    let config = Config {
        documents: vec![("doc.flux.md".into(), text.as_bytes().to_vec())],
        duration_ns: Some(seconds * SECOND),
        clock: ClockMode::Simulated,
        level: flux_abi::select::LogLevel::Debug,
        ..Config::default()
    };
    let platform = Platform { compiler: Box::new(KernelCompiler::default()), ..platform(1, &[]) };
    System::boot(platform, &config, lines).unwrap_or_else(|error| panic!("{error:?}"))
}

/// An agent that gives heartbeats and fails after 2.5 s; one that asks the supervisor a second later.
const FAILING: &str = "## Agent\nname: shaky\nheartbeat: 1s\n## State\n- n: int = 0\n- zero: int = 0\n## Init\n\
    1. Wait 2500ms\n2. Set n to 1 / zero\n\
    ## agent: asker\n### Agent\ncapabilities: COMMUNICATE\n### State\n- count: int = 0\n- name: str = \"\"\n\
    ### Init\n1. Wait 3s\n2. ASK supervisor: failures() as n\n3. Set count to n\n\
    4. ASK supervisor: last_failed() as last\n5. Set name to last\n6. Log \"{count} {name}\"\n";

#[test]
fn the_supervisor_hears_of_failures_and_answers_for_them() {
    let mut lines = Lines::default();
    let mut system = boot(FAILING, 5, &mut lines);
    system.run_simulated(&mut lines);
    let supervisor = system.kernel().core().shard().supervisor();
    let record = system.kernel().core().shard().agent(supervisor).unwrap();
    assert_eq!((supervisor, record.name()), (AgentId::SUPERVISOR, "supervisor"));
    assert_eq!(record.counters().received(MessageType::Heartbeat), 2);
    let summary = system.finish(&mut lines);
    println!("{}", lines.joined());
    assert!(lines.has("asker         1 shaky"), "{}", lines.joined());
    assert!(
        lines.boot.iter().any(|line| line.starts_with("debug: supervisor: shaky failed (DIV")
            && line.ends_with(") after 2 heartbeats, failure 1")),
        "{}",
        lines.boot.join("\n")
    );
    // It is a part of the system: no row of the summary, and no line of the log, is its own.
    assert!(summary.agents.iter().all(|agent| &*agent.name != "supervisor"));
    assert!(!lines.log.iter().any(|line| line.contains("  supervisor  ")));
}

/// An agent of the kernel itself that holds the root: its handle of agent 1 with MANAGE.
fn operator(system: &mut System, memory: &mut NativeMemory) -> (AgentId, u64) {
    let kernel = system.kernel_mut();
    let (agent, root) = match kernel.core().shard().find("operator") {
        Some(agent) => {
            let held = kernel.core().shard().capabilities().held(agent).next().unwrap();
            (agent, held.0)
        }
        None => kernel.native_agent("operator", ProcessId::KERNEL, Grant::ROOT).unwrap(),
    };
    let communicate = CapabilitySet::EMPTY.with(CapabilityKind::Communicate).bits();
    let supervisor = kernel.core().shard().supervisor();
    let record = memory
        .place(&words(&[
            0,
            u64::from(communicate),
            u64::from(Rights::MANAGE.bits()),
            0,
            ObjectType::Agent as u64,
            supervisor.word(),
        ]))
        .unwrap();
    let arguments = [root.word(), Operation::Derive.number(), record, 0];
    (agent, kernel.syscall(agent, Syscall::Ioctl.number(), arguments, memory).unwrap())
}

/// Ends agent 1 as whoever holds MANAGE on it may.
fn fail(system: &mut System) -> AgentId {
    let mut memory = NativeMemory::new();
    let (agent, handle) = operator(system, &mut memory);
    let arguments = [handle, Operation::Signal.number(), 9, 0];
    let kernel = system.kernel_mut();
    kernel.syscall(agent, Syscall::Ioctl.number(), arguments, &mut memory).unwrap();
    kernel.start_pending().unwrap();
    kernel.core().shard().supervisor()
}

const QUIET: &str = "## Agent\nname: quiet\nheartbeat: 10s\n## Every 20s\n1. Log \"tick\"\n";

#[test]
fn the_fourth_failure_in_a_minute_drops_the_boot_level_and_the_agents_go_on() {
    let mut lines = Lines::default();
    let mut system = boot(QUIET, 100, &mut lines);
    for generation in 1..=3 {
        let supervisor = fail(&mut system);
        assert_eq!((supervisor.slot(), supervisor.generation()), (1, generation));
        assert!(system.kernel().core().shard().agent(supervisor).is_some());
    }
    assert!(!system.kernel().lost_supervisor());
    let supervisor = fail(&mut system);
    assert!(system.kernel().core().shard().agent(supervisor).is_none());
    system.run_simulated(&mut lines);
    assert_eq!(system.level(), BootLevel::Drivers);
    let boot = lines.boot.join("\n");
    assert!(boot.contains("restart 3 of 3 in 60 s"), "{boot}");
    assert!(
        boot.contains("agent 1, the supervisor, failed 4 times in 60 s and is not started again"),
        "{boot}"
    );
    assert_eq!(lines.boot.last().unwrap(), "boot level 3: DRIVERS, since there is no supervisor");
    assert_eq!(lines.count("tick"), 4, "{}", lines.joined());
    let summary = system.finish(&mut lines);
    assert_eq!((summary.traps(), summary.agents.len()), (0, 1));
}

#[test]
fn failures_further_apart_than_a_minute_are_restarted_for_ever() {
    let mut lines = Lines::default();
    let mut system = boot(QUIET, 1_000, &mut lines);
    for n in 1..8 {
        system.kernel_mut().set_time(Time::from_ns(n * 21 * SECOND));
        fail(&mut system);
    }
    assert!(!system.kernel().lost_supervisor());
    system.run_simulated(&mut lines);
    assert_eq!(system.level(), BootLevel::Full);
    let summary = system.finish(&mut lines);
    assert_eq!(summary.agents.len(), 1);
}

/// The bytecode of agent 1 itself traps: a supervisor whose first notice is its end.
#[test]
fn a_supervisor_whose_bytecode_traps_is_started_again_with_its_messages() {
    use flux_kernel::base::CoreConfig;
    use flux_kernel::{Kernel, Launch};
    let text = ".name \"supervisor\"\n.memory 65536\n.gas 1000\n.period 1000000000\n.state 8\n\
        .export handler \"failed\" function @f arguments \"ssl\"\n\
        .function f arguments 3 results 0\nMOVI R20, 0\nIDIV R21, R20, R20\nRET\n";
    let module = flux_isa::asm::assemble(text).unwrap().encode();
    let core = CoreConfig {
        seed: 1,
        delay: flux_kcore::time::Span::ZERO,
        level: flux_abi::select::LogLevel::Debug,
        devices: Box::new(flux_hal::SimBus::new(1)),
        files: Box::new(flux_hal::MemoryFiles::new()),
        compiler: Box::new(support::Assembler),
        hardware: None,
    };
    let imager = Box::new(|launch: &Launch| {
        let tables = flux_agent::tables::Tables::new(launch.program.module()).map_err(|e| e.to_string())?;
        Ok(flux_agent::Image {
            name: launch.name.clone(),
            document: launch.document.clone(),
            tables: tables.into(),
            program: launch.program.clone(),
            quota: launch.quota,
            capabilities: launch.capabilities,
            links: launch.links.clone(),
            parameters: Vec::new(),
            role: launch.role,
        })
    });
    let runtime = flux_agent::Runtime::new(flux_abi::select::LogLevel::Debug);
    let slice = flux_kcore::sched::Gas::SLICE;
    let mut kernel = Kernel::new(core, ClockMode::Simulated, slice, runtime, imager).unwrap();
    kernel.start_supervisor("test.asm", &module).unwrap();
    // Two agents fail at once: the first notice traps the first generation, the second one waits.
    for name in ["one", "two"] {
        let (agent, _) = kernel.native_agent(name, ProcessId::KERNEL, Grant::ROOT).unwrap();
        kernel.end_native(agent, Exit::Stopped(7));
    }
    kernel.run(Time::from_ns(SECOND), 1_000);
    let supervisor = kernel.core().shard().supervisor();
    assert_eq!((supervisor.slot(), supervisor.generation()), (1, 2), "each notice ended one generation");
    assert!(kernel.core().shard().agent(supervisor).is_some());
    assert!(kernel.start_supervisor("test.asm", &module).is_err(), "there is one");
    let text: Vec<String> = kernel.take_records().into_iter().map(|record| record.text).collect();
    assert!(text.iter().any(|line| line.contains("supervisor trapped: DIV")), "{text:?}");
    for _ in 0..2 {
        let (agent, _) = kernel.native_agent("three", ProcessId::KERNEL, Grant::ROOT).unwrap();
        kernel.end_native(agent, Exit::Stopped(7));
        kernel.run(Time::from_ns(SECOND), 1_000);
    }
    assert!(kernel.lost_supervisor());
}
