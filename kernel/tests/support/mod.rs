//! A kernel whose agents never do anything, and documents of agent names.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]
#![allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]

use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_hal::{HardwareInfo, SimBus, SimSpec};
use flux_kcore::id::AgentId;
use flux_kcore::runtime::{AgentRuntime, Event, Exit, Step, Wake};
use flux_kcore::sched::Gas;
use flux_kcore::swap::Policy;
use flux_kcore::time::Span;
use flux_kernel::compile::{CompileError, Compiled};
use flux_kernel::{ClockMode, Core, CoreConfig, Kernel};

/// Agents that never do anything.
pub struct Still;

impl AgentRuntime<Core> for Still {
    type Image = ();

    fn start(&mut self, _: &mut Core, _: AgentId, (): ()) -> Result<Wake, Status> {
        Ok(Wake::Stay)
    }

    fn swap(&mut self, _: &mut Core, _: AgentId, _: Self::Image, _: Policy) -> Result<Wake, Status> {
        Err(Status::NotFound)
    }

    fn event(&mut self, _: &mut Core, _: AgentId, _: Event) -> Wake {
        Wake::Stay
    }

    fn run(&mut self, _: &mut Core, _: AgentId, _: Gas) -> Step {
        Step::Blocked
    }

    fn inspect(&self, agent: AgentId) -> String {
        format!("; seen in slot {}\n", agent.slot())
    }

    fn end(&mut self, _: &mut Core, _: AgentId, _: Exit) {}
}

/// A document whose text is `agents NAME…` gives a module for each name.
pub fn compiler(source: &[u8], _name: &str) -> Result<Compiled, CompileError> {
    let text = String::from_utf8_lossy(source);
    let names = text.split_whitespace().skip(1);
    let module = |name: &str| {
        let text = format!(
            ".name \"{name}\"\n.memory 65536\n.gas 1000\n.period 1000000000\n.export loop \"\" function @l\n.function l\nRET\n"
        );
        flux_isa::asm::assemble(&text).unwrap()
    };
    Ok(Compiled { modules: names.map(module).collect(), ..Compiled::default() })
}

/// A kernel with these simulated devices.
pub fn kernel(devices: &[&str], hardware: Option<HardwareInfo>) -> Kernel<Still> {
    let mut bus = SimBus::new(1);
    for device in devices {
        bus.add(SimSpec::parse(device, &mut |_| Err("no files".into())).unwrap()).unwrap();
    }
    let config = CoreConfig {
        seed: 1,
        delay: Span::ZERO,
        level: LogLevel::Debug,
        devices: Box::new(bus),
        files: Box::new(flux_hal::MemoryFiles::new()),
        compiler: Box::new(compiler),
        hardware,
    };
    let imager = Box::new(|_: &flux_kernel::Launch| Ok(()));
    Kernel::new(config, ClockMode::Simulated, Gas::SLICE, Still, imager).unwrap()
}
