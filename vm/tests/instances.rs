//! Life of instances and runs: suspension, nesting, debugging, memory of idle ones.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "helpers of tests fail the test they are called from; numbers are small"
)]
#![allow(clippy::field_reassign_with_default, reason = "the host has private fields")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use common::{instance, program, settings};
use flux_abi::opcode::Opcode;
use flux_abi::status::Status;
use flux_abi::trap::TrapKind;
use flux_vm::testing::{Event, TestHost, Waits};
use flux_vm::{Exit, FunctionIndex, Gas, Instance, NoHost, Pc, Stop, VmError};

thread_local! {
    static ALLOCATED: Cell<isize> = const { Cell::new(0) };
}

/// Counts what each thread has allocated and not given back.
struct Counting;

// SAFETY: every call goes to the system's allocator with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.with(|count| count.set(count.get() + layout.size() as isize));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.with(|count| count.set(count.get() - layout.size() as isize));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocated() -> isize {
    ALLOCATED.with(Cell::get)
}

const AGENT: &str = "
.memory 1048576
.capability COMMUNICATE
.zero 16
.hex 05000000 05000000 68656c6c6f 000000
.state 64
.link agent \"other\"
.function pass results 1
line7:
.line 7
    PUSHR R8, R15
    MOVI R20, 16
    TEXT R21, R20, R20, concat
    LOG R21, info
    YIELD_AGENT event
    MOV R22, R61
    POPR R8, R15
    MOVI R16, 5
    RET
.function handler arguments 1 results 1
.line 20
    MOVI R20, 600
    ALLOC R21, R20, arena
    STORE R21, R16, 0
    LOAD R17, R21, 0
    STORE R58, R16, 0
    IADD R16, R16, R17
    RET
.function asks results 1
.line 30
    LINK R20, 0
    ASK R16, R20, R0, R58
    BRNZ R61, failed
    RET
failed:
    TRAP 18
.function stops arguments 1
    BR_CMPI R16, eq, 0, halt
    BR_CMPI R16, eq, 1, panics
    BR_CMPI R16, eq, 2, reset
    EXCEPTION R16
halt:
    HALT
panics:
    MOVI R20, 16
    PANIC R20
reset:
    RESET
";

#[test]
fn an_idle_agent_takes_less_than_four_kilobytes_beside_its_data() {
    let program = program(AGENT);
    let before = allocated();
    let mut instance = instance(&program, &settings());
    let made = allocated() - before + size_of::<Instance>() as isize;
    assert!(made <= 1024 + 64, "an instance takes {made} bytes");
    let mut host = TestHost::default();
    host.waits = Waits::Suspend;
    // A few passes and handlers leave nothing behind.
    for round in 0..3 {
        let mut pass = instance.begin(FunctionIndex(0), &[]).unwrap();
        assert_eq!(instance.resume(&mut pass, &mut host, Gas(1000)), Exit::Suspended);
        host.events.clear();
        host.events.shrink_to_fit();
        let asleep = allocated() - before + size_of::<Instance>() as isize;
        assert!(asleep <= 4096 + 64, "an agent suspended in its loop takes {asleep} bytes");
        let mut handler = instance.begin(FunctionIndex(1), &[round]).unwrap();
        assert_eq!(instance.resume(&mut handler, &mut host, Gas(1000)), Exit::Finished(2 * round));
        instance.end(handler);
        pass.complete(0, Status::Ok);
        assert_eq!(instance.resume(&mut pass, &mut host, Gas(1000)), Exit::Finished(5));
        instance.end(pass);
    }
    let idle = allocated() - before + size_of::<Instance>() as isize;
    assert!(idle <= 4096 + 64, "an idle agent takes {idle} bytes");
    assert_eq!(instance.memory().charged(), 64, "only the state is still charged");
}

#[test]
fn a_handler_runs_inside_a_suspended_pass_and_leaves_its_registers_and_texts() {
    let program = program(AGENT);
    let mut instance = instance(&program, &settings());
    let mut host = TestHost::default();
    host.waits = Waits::Suspend;
    let mut pass = instance.begin(FunctionIndex(0), &[]).unwrap();
    assert_eq!(instance.resume(&mut pass, &mut host, Gas(1000)), Exit::Suspended);
    assert!(pass.is_suspended());
    // Not completed yet: it stays where it is.
    assert_eq!(instance.resume(&mut pass, &mut host, Gas(1000)), Exit::Suspended);
    let text = pass.register(21);
    let mut handler = instance.begin(FunctionIndex(1), &[9]).unwrap();
    assert_eq!(instance.resume(&mut handler, &mut host, Gas(1000)), Exit::Finished(18));
    instance.end(handler);
    assert_eq!(instance.memory().str(text), Ok(&b"hellohello"[..]));
    pass.complete(0, Status::Timeout);
    assert_eq!(instance.resume(&mut pass, &mut host, Gas(1000)), Exit::Finished(5));
    assert_eq!(pass.register(22) as i64, Status::Timeout.code());
    assert_eq!(host.events, [Event::Logged(2, "hellohello".into())]);
    assert_eq!(instance.memory().read_u64(32), Ok(9));
    instance.end(pass);
}

#[test]
fn a_failed_request_shows_its_status_and_the_trap_its_line() {
    let program = program(AGENT);
    let mut instance = instance(&program, &settings());
    instance.set_link(0, 999).unwrap();
    let mut run = instance.begin(FunctionIndex(2), &[]).unwrap();
    let Exit::Trapped(trap) = instance.resume(&mut run, &mut TestHost::default(), Gas(1000)) else {
        panic!("no trap")
    };
    assert_eq!((trap.kind, trap.function, trap.line), (TrapKind::Message, FunctionIndex(2), Some(30)));
    assert_eq!(run.register(61) as i64, Status::NotFound.code());
    // Without a host every call is refused, which is defined.
    let mut run = instance.begin(FunctionIndex(2), &[]).unwrap();
    assert!(matches!(instance.resume(&mut run, &mut NoHost, Gas(1000)), Exit::Trapped(_)));
}

#[test]
fn a_program_ends_its_run_in_four_ways() {
    let program = program(AGENT);
    let mut instance = instance(&program, &settings());
    let ways = [Stop::Halt, Stop::Panic("hello".into()), Stop::Reset, Stop::Exception(3)];
    for (number, way) in (0u64..).zip(ways) {
        let mut run = instance.begin(FunctionIndex(3), &[number]).unwrap();
        assert_eq!(instance.resume(&mut run, &mut NoHost, Gas(1000)), Exit::Stopped(way));
        instance.end(run);
    }
}

#[test]
fn wrong_functions_arguments_links_and_quotas_are_refused() {
    let program = program(AGENT);
    let mut instance = instance(&program, &settings());
    assert!(matches!(
        instance.begin(FunctionIndex(4), &[]),
        Err(VmError::Function { function: 4, functions: 4 })
    ));
    assert!(matches!(
        instance.begin(FunctionIndex(1), &[]),
        Err(VmError::Arguments { given: 0, wanted: 1, .. })
    ));
    assert!(instance.set_link(1, 0).is_err() && instance.set_parameter(0, 0).is_err());
    let config = flux_vm::Config { quota: 63, capabilities: settings().capabilities };
    assert!(matches!(Instance::new(Arc::clone(&program), config), Err(VmError::Quota { .. })));
}

#[test]
fn a_run_of_another_program_is_refused() {
    let (first, second) = (program(AGENT), program(".function main\nRET\n"));
    let mut owner = instance(&first, &settings());
    let mut other = instance(&second, &settings());
    let mut run = owner.begin(FunctionIndex(0), &[]).unwrap();
    let exit = other.resume(&mut run, &mut NoHost, Gas(1000));
    assert!(matches!(exit, Exit::Trapped(trap) if trap.kind == TrapKind::Host), "{exit:?}");
    other.end(run);
}

#[test]
fn breakpoints_trace_and_profile_see_every_instruction_and_change_nothing() {
    let text = "
.function main arguments 1 results 1
    MOVI R20, 0
again:
    TADD R20, R20, R16, i64
    TADDI R16, R16, -1
    BR_CMPI R16, gt, 0, again
    MOV R16, R20
    CALL @twice
    RET
.function twice arguments 1 results 1
    IADD R16, R16, R16
    RET
";
    let program = program(text);
    let plain = {
        let mut instance = instance(&program, &settings());
        let mut run = instance.begin(FunctionIndex(0), &[4]).unwrap();
        (instance.resume(&mut run, &mut NoHost, Gas(1000)), instance.gas_used())
    };
    assert_eq!(plain.0, Exit::Finished(20));
    let mut instance = instance(&program, &settings());
    instance.start_trace();
    let mut run = instance.begin(FunctionIndex(0), &[4]).unwrap();
    let mut slices = 0;
    let exit = loop {
        match instance.resume(&mut run, &mut NoHost, Gas(1)) {
            Exit::Preempted => slices += 1,
            exit => break exit,
        }
    };
    assert_eq!((exit, instance.gas_used()), plain);
    assert!(slices > 3);
    let opcodes: Vec<Opcode> = instance.trace().map(|record| record.opcode).collect();
    let count = |opcode| opcodes.iter().filter(|other| **other == opcode).count();
    assert_eq!(
        (count(Opcode::Tadd), count(Opcode::BrCmpi), count(Opcode::Iadd), count(Opcode::Ret)),
        (4, 4, 1, 2)
    );
    instance.stop_trace();
    instance.end(run);

    let adds: Vec<Pc> =
        instance.trace().filter(|record| record.opcode == Opcode::Taddi).map(|record| record.pc).collect();
    assert!(instance.set_breakpoint(Pc(adds[0].0 + 1)).is_err(), "inside an instruction");
    instance.set_breakpoint(adds[0]).unwrap();
    let mut run = instance.begin(FunctionIndex(0), &[4]).unwrap();
    for round in 0..4 {
        assert_eq!(instance.resume(&mut run, &mut NoHost, Gas(1000)), Exit::Breakpoint(adds[0]));
        assert_eq!(run.register(16), 4 - round);
    }
    assert!(instance.clear_breakpoint(adds[0]) && !instance.clear_breakpoint(adds[0]));
    assert_eq!(instance.resume(&mut run, &mut NoHost, Gas(1000)), Exit::Finished(20));
    instance.end(run);
}

#[test]
fn the_trace_ring_keeps_the_newest_records_and_breakpoints_have_a_limit() {
    let text = ".function main arguments 1\nTRACE_ON\nPROF_START\nagain:\nLOOP R16, again\nPROF_STOP\nTRACE_OFF\nNOP\nRET\n";
    let program = program(text);
    let mut instance = instance(&program, &settings());
    let mut run = instance.begin(FunctionIndex(0), &[10_000]).unwrap();
    assert_eq!(instance.resume(&mut run, &mut NoHost, Gas(1_000_000)), Exit::Finished(0));
    let records: Vec<_> = instance.trace().copied().collect();
    assert_eq!(records.len(), 4096);
    assert!(records.windows(2).all(|pair| pair[0].gas <= pair[1].gas));
    assert_eq!(records.last().unwrap().opcode, Opcode::TraceOff);
    assert_eq!(instance.profile().unwrap().instructions, [20_002]);
    instance.end(run);
    let long: String = (0..70).map(|_| "NOP\n").collect();
    let program = common::program(&format!(".function main\n{long}RET\n"));
    let mut instance = common::instance(&program, &settings());
    let set: Vec<_> = (2..70).map(|pc| instance.set_breakpoint(Pc(pc)).is_ok()).collect();
    assert_eq!(set.iter().filter(|ok| **ok).count(), 64);
    instance.drop_debug();
    assert!(instance.set_breakpoint(Pc(2)).is_ok());
}

#[test]
fn a_run_in_the_memory_of_another_shows_nothing_of_it() {
    let text = "
.function first arguments 1 results 1
    PUSH R16
    MOVI R20, 77
    POP R16
    RET
.function second arguments 0 results 1
    MOVI R16, 5
    RET
";
    let program = program(text);
    let mut owner = instance(&program, &settings());
    let mut other = instance(&program, &settings());
    let mut run = owner.begin(FunctionIndex(0), &[41]).unwrap();
    assert_eq!(other.begin_again(&mut run, FunctionIndex(1), &[]), Err(VmError::Running));
    assert_eq!(owner.resume(&mut run, &mut NoHost, Gas(1_000)), Exit::Finished(41));
    let charged = owner.memory_ref().charged();
    owner.finish(&mut run);
    assert!(owner.memory_ref().charged() < charged, "the stack is given back");
    let given_back = owner.memory_ref().charged();
    owner.finish(&mut run);
    assert_eq!(owner.memory_ref().charged(), given_back, "and given back once");
    assert!(matches!(other.begin_again(&mut run, FunctionIndex(9), &[]), Err(VmError::Function { .. })));
    other.begin_again(&mut run, FunctionIndex(1), &[]).unwrap();
    assert_eq!((run.register(16), run.register(20), run.stack_depth()), (0, 0, 0));
    assert_eq!(other.resume(&mut run, &mut NoHost, Gas(1_000)), Exit::Finished(5));
    other.end(run);
}
