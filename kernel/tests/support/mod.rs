//! A kernel whose agents never do anything, and documents of agent names.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]
#![allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]

use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_hal::files::{FileError, FileId, FilePath, FileSystem, OpenMode};
use flux_hal::{
    DeviceAddress, DeviceBus, DeviceError, DeviceId, DeviceInfo, FaultKind, HardwareInfo, Reading, SimBus,
    SimSpec,
};
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

/// A document whose text is `agents NAME…` gives a module for each name; `broken` breaks the service.
pub fn compiler(source: &[u8], _name: &str) -> Result<Compiled, CompileError> {
    let text = String::from_utf8_lossy(source);
    if text == "broken" {
        return Err(CompileError::Service { reason: "it is broken".into() });
    }
    let names = text.split_whitespace().skip(1);
    let module = |name: &str| {
        let text = format!(
            ".name \"{name}\"\n.memory 65536\n.gas 1000\n.period 1000000000\n.export loop \"\" function @l\n.function l\nRET\n"
        );
        flux_isa::asm::assemble(&text).unwrap()
    };
    Ok(Compiled { modules: names.map(module).collect(), ..Compiled::default() })
}

/// Files in memory; one below `broken` fails when it is used, `dead` when it is opened.
#[derive(Default)]
struct Faulty {
    files: flux_hal::MemoryFiles,
    broken: Vec<FileId>,
}

impl FileSystem for Faulty {
    fn open(&mut self, path: FilePath<'_>, mode: OpenMode) -> Result<FileId, FileError> {
        if path.text() == "dead" {
            return Err(FileError::Failed);
        }
        let id = self.files.open(path, mode)?;
        if path.text().starts_with("broken/") {
            self.broken.push(id);
        }
        Ok(id)
    }

    fn read(&mut self, id: FileId, buffer: &mut [u8]) -> Result<usize, FileError> {
        if self.broken.contains(&id) { Err(FileError::Failed) } else { self.files.read(id, buffer) }
    }

    fn write(&mut self, id: FileId, bytes: &[u8]) -> Result<usize, FileError> {
        if self.broken.contains(&id) { Err(FileError::Failed) } else { self.files.write(id, bytes) }
    }

    fn close(&mut self, id: FileId) {
        self.files.close(id);
    }

    fn name(&self) -> String {
        self.files.name()
    }
}

/// Simulated devices; one at `i2c:0x54` never answers to being opened.
struct Deaf(SimBus);

impl DeviceBus for Deaf {
    fn open(&mut self, address: &DeviceAddress, channel: &str) -> Result<DeviceId, DeviceError> {
        if address.to_string() == "i2c:0x54" {
            let kind = FaultKind::Timeout;
            return Err(DeviceError::Fault { address: address.clone(), kind, detail: String::new() });
        }
        self.0.open(address, channel)
    }

    fn read(&mut self, id: DeviceId, now_ns: i64) -> Result<Reading, DeviceError> {
        self.0.read(id, now_ns)
    }

    fn write(&mut self, id: DeviceId, value: Reading, now_ns: i64) -> Result<(), DeviceError> {
        self.0.write(id, value, now_ns)
    }

    fn list(&self) -> Vec<DeviceInfo> {
        self.0.list()
    }
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
        devices: Box::new(Deaf(bus)),
        files: Box::new(Faulty::default()),
        compiler: Box::new(compiler),
        hardware,
    };
    let imager = Box::new(|_: &flux_kernel::Launch| Ok(()));
    Kernel::new(config, ClockMode::Simulated, Gas::SLICE, Still, imager).unwrap()
}
