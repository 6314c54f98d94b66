//! Agent 1 whose first runs end in a trap.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]

mod support;

use flux_abi::capability::CapabilityKind;
use flux_abi::ioctl::Operation;
use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_abi::trap::TrapKind;
use flux_hal::{MemoryFiles, SimBus};
use flux_kcore::capability::{Grant, Object, Rights};
use flux_kcore::id::{AgentId, ProcessId};
use flux_kcore::runtime::{AgentRuntime, Event, Exit, Step, Syscalls as _, Wake};
use flux_kcore::sched::Gas;
use flux_kcore::swap::Policy;
use flux_kcore::time::Span;
use flux_kernel::user_memory::NativeMemory;
use flux_kernel::{ClockMode, Core, CoreConfig, Kernel, Launch};

/// Agents of these generations trap in their first run; all others wait.
struct Stumbling(core::ops::Range<u32>);

impl AgentRuntime<Core> for Stumbling {
    type Image = ();

    fn start(&mut self, _: &mut Core, _: AgentId, (): ()) -> Result<Wake, Status> {
        Ok(Wake::Ready)
    }

    fn swap(&mut self, _: &mut Core, _: AgentId, _: Self::Image, _: Policy) -> Result<Wake, Status> {
        Err(Status::NotFound)
    }

    fn event(&mut self, _: &mut Core, _: AgentId, _: Event) -> Wake {
        Wake::Stay
    }

    fn run(&mut self, _: &mut Core, agent: AgentId, _: Gas) -> Step {
        if self.0.contains(&agent.generation()) {
            Step::Ended(Exit::Trapped(TrapKind::DivideByZero))
        } else {
            Step::Blocked
        }
    }

    fn inspect(&self, _: AgentId) -> String {
        String::new()
    }

    fn end(&mut self, _: &mut Core, _: AgentId, _: Exit) {}
}

fn kernel(traps: core::ops::Range<u32>) -> Kernel<Stumbling> {
    let config = CoreConfig {
        seed: 1,
        delay: Span::ZERO,
        level: LogLevel::Debug,
        devices: Box::new(SimBus::new(1)),
        files: Box::new(MemoryFiles::new()),
        compiler: Box::new(support::compiler),
        hardware: None,
    };
    let imager = Box::new(|_: &Launch| Ok(()));
    let mut kernel = Kernel::new(config, ClockMode::Simulated, Gas::SLICE, Stumbling(traps), imager).unwrap();
    let module = support::compiler(b"agents supervisor", "test").unwrap().modules.remove(0).encode();
    kernel.start_supervisor("test", &module).unwrap();
    kernel
}

/// Ends agent 1 from outside; what the kernel says to that.
fn fail(kernel: &mut Kernel<Stumbling>) -> Vec<String> {
    let supervisor = kernel.core().shard().supervisor();
    let communicate = CapabilityKind::Communicate;
    let managed = Grant::new(communicate, Object::Endpoint(supervisor), Rights::MANAGE);
    let operator = match kernel.core().shard().find("operator") {
        Some(agent) => agent,
        None => kernel.native_agent("operator", ProcessId::KERNEL, Grant::ROOT).unwrap().0,
    };
    let root = kernel.core().shard().capabilities().held(operator).next().unwrap().0;
    let handle = kernel.parts_mut().0.derive(operator, root, operator, managed).unwrap();
    let kill = [handle.word(), Operation::Signal.number(), 9, 0];
    kernel.syscall(operator, Syscall::Ioctl.number(), kill, &mut NativeMemory::new()).unwrap();
    kernel.start_pending().unwrap();
    kernel.take_records().into_iter().map(|record| record.text).collect()
}

#[test]
fn one_that_traps_as_it_begins_again_is_started_until_it_stands() {
    let mut kernel = kernel(1..3);
    let said = fail(&mut kernel);
    assert!(!kernel.lost_supervisor());
    let supervisor = kernel.core().shard().supervisor();
    assert_eq!((supervisor.slot(), supervisor.generation()), (1, 3));
    assert!(kernel.core().shard().agent(supervisor).is_some());
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].contains("it ends as it begins") && said[0].contains("restart 1 of 3"), "{said:?}");
    assert!(said[2].ends_with("failed and was started again, restart 3 of 3 in 60 s"), "{said:?}");
}

#[test]
fn one_that_always_traps_as_it_begins_again_is_given_up_after_three_restarts() {
    let mut kernel = kernel(1..100);
    let said = fail(&mut kernel);
    assert!(kernel.lost_supervisor());
    let supervisor = kernel.core().shard().supervisor();
    assert!(kernel.core().shard().agent(supervisor).is_none());
    assert_eq!((supervisor.generation(), said.len()), (3, 4), "{said:?}");
    assert!(said[3].contains("failed 4 times in 60 s and is not started again"), "{said:?}");
}
