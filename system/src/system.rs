//! One run: boot, event loop, ordered stop, summary.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::select::LogLevel;
use flux_agent::observe::Executed;
use flux_agent::parameters;
use flux_agent::tables::Tables;
use flux_agent::{Image, Runtime};
use flux_fluxc::diag::Diagnostic;
use flux_hal::{BootLevel, DeviceBus, FileSystem, HardwareInfo, MemoryFiles, Stream};
use flux_kcore::time::{Span, Time};
use flux_kernel::base::CoreConfig;
use flux_kernel::boot::{BootReport, SubsystemState};
use flux_kernel::compile::CompileService;
use flux_kernel::kernel::{ClockMode, Kernel, Pause};
use flux_kernel::link::Links;
use flux_kernel::log::{LineFormat, LogSink, Record};
use flux_kernel::timeline::Observer;
use flux_kernel::wiring::Launch;
use flux_vm::Program;

use crate::bus::Layered;
use crate::config::{Config, Platform};
use crate::error::BootError;
use crate::loader;
use crate::loader::{Replaced, Replacement};
use crate::summary::Summary;
use crate::supervisor;

/// What the shell does next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// Call again at once.
    Again,
    /// Nothing is due before this time; `None` if nothing will ever be.
    Sleep(Option<Time>),
    /// The run is over: call [`System::finish`].
    Over,
}

/// Slices between two looks at the log and at the shell.
const SLICES: u32 = 1_024;

/// What a kernel is booted on.
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) bus: Box<dyn DeviceBus>,
    pub(crate) files: Box<dyn FileSystem>,
    pub(crate) hardware: Option<HardwareInfo>,
    pub(crate) compiler: Box<dyn CompileService>,
}

/// A booted kernel with its agents.
pub struct System {
    kernel: Kernel<Runtime>,
    format: LineFormat,
    report: BootReport,
    seed: u64,
    clock: ClockMode,
    end: Time,
    remarks: Vec<(String, Vec<Diagnostic>)>,
    links: Links,
}

impl System {
    /// Boots the kernel and starts the agents of `config`; nothing of them has run yet.
    ///
    /// # Errors
    /// [`BootError`]; the boot stream then ends at the level that was reached.
    pub fn boot(platform: Platform, config: &Config, sink: &mut dyn LogSink) -> Result<Self, BootError> {
        let Platform { name, simulated, devices, files, hardware, compiler } = platform;
        // In simulated time a device that no wave covers is an error, whatever the machine has.
        let devices = devices.filter(|_| config.clock == ClockMode::Real);
        let bus = Box::new(Layered::new(simulated, devices));
        let files = files.unwrap_or_else(|| Box::new(MemoryFiles::new()));
        let machine = Machine { name, bus, files, hardware, compiler };
        Self::boot_on(machine, config, sink, |_| Ok(()))
    }

    /// Boots as [`System::boot`]; `prepare` sees the kernel, with its supervisor, before the first
    /// document is loaded.
    ///
    /// # Errors
    /// As [`System::boot`], or that of `prepare`.
    pub(crate) fn boot_on(
        machine: Machine,
        config: &Config,
        sink: &mut dyn LogSink,
        prepare: impl FnOnce(&mut Kernel<Runtime>) -> Result<(), BootError>,
    ) -> Result<Self, BootError> {
        let mut report = BootReport::default();
        let Machine { name, bus, files, hardware, compiler } = machine;
        let core = CoreConfig {
            seed: config.seed,
            delay: match config.clock {
                ClockMode::Simulated => Span::MESSAGE_DELAY,
                ClockMode::Real => Span::ZERO,
            },
            level: config.level,
            devices: bus,
            files,
            compiler,
            hardware,
        };
        let mut runtime = Runtime::new(config.level);
        if config.trace {
            runtime.start_tracing();
        }
        if config.profile {
            runtime.start_profiling();
        }
        let kernel = Kernel::new(core, config.clock, config.slice, runtime, imager(config))
            .map_err(|status| BootError::Kernel { what: "its process table", status })?;
        let mut system = Self {
            kernel,
            format: LineFormat::default(),
            report: BootReport::default(),
            seed: config.seed,
            clock: config.clock,
            end: config.duration_ns.map_or(Time::NEVER, Time::from_ns),
            remarks: Vec::new(),
            links: config.links.clone(),
        };
        system.banner(&name, config);
        system.probe(&mut report);
        system.reach(&mut report, sink);
        system.ready(&mut report, config);
        system.reach(&mut report, sink);
        system.drivers(&mut report, config);
        system.reach(&mut report, sink);
        system.kernel.parts_mut().0.open_links(config.links.clone());
        let result = supervisor::start(&mut system.kernel)
            .and_then(|()| prepare(&mut system.kernel))
            .and_then(|()| system.full(&mut report, config));
        if result.is_ok() {
            system.reach(&mut report, sink);
            let reports = system.kernel.runtime().reports();
            system.format = LineFormat::for_names(reports.iter().map(|report| report.name.as_ref()));
        }
        system.flush(sink);
        system.report = report;
        result.map(|()| system)
    }

    fn say(&mut self, text: &str) {
        self.kernel.record(Stream::Boot, LogLevel::Info, text);
    }

    fn banner(&mut self, platform: &str, config: &Config) {
        let clock = match (config.clock, config.duration_ns) {
            (ClockMode::Simulated, _) => "simulated time",
            (ClockMode::Real, _) => "real time",
        };
        let version = env!("CARGO_PKG_VERSION");
        self.say(&alloc::format!("FLUX OS {version} · {platform} · {clock} · seed {}", config.seed));
    }

    fn reach(&mut self, report: &mut BootReport, sink: &mut dyn LogSink) {
        let level = report.reach();
        for line in report.lines(level) {
            self.say(&line);
        }
        self.flush(sink);
    }

    fn probe(&self, report: &mut BootReport) {
        report.subsystem("console", SubsystemState::Up, String::from("streams boot and log"));
        match &self.kernel.core().hardware() {
            Some(hardware) => {
                let memory = match hardware.memory_bytes {
                    0 => String::from("memory unknown"),
                    bytes => alloc::format!("{} MiB", bytes / (1 << 20)),
                };
                let detail = alloc::format!(
                    "{}, {}, {} cores, {memory}",
                    hardware.architecture,
                    if hardware.processor.is_empty() { "unnamed processor" } else { &hardware.processor },
                    hardware.cores
                );
                report.subsystem("hardware", SubsystemState::Up, detail);
            }
            None => {
                report.subsystem("hardware", SubsystemState::Absent, String::from("nothing can be asked"))
            }
        }
        let clock = match self.clock {
            ClockMode::Simulated => "simulated: code takes no time",
            ClockMode::Real => "the machine's",
        };
        report.subsystem("clock", SubsystemState::Up, clock.to_string());
    }

    fn ready(&self, report: &mut BootReport, config: &Config) {
        use flux_abi::limits;
        let up = SubsystemState::Up;
        report.subsystem(
            "processes",
            up,
            alloc::format!("{} slots, {} agents", limits::PROCESSES, limits::AGENTS),
        );
        report.subsystem(
            "scheduler",
            up,
            alloc::format!("256 priorities, slices of {} gas", config.slice.units()),
        );
        report.subsystem("capabilities", up, String::from("11 kinds, handles with generations"));
        report.subsystem(
            "messages",
            up,
            alloc::format!(
                "11 types, mailboxes of {}, payloads of {} bytes",
                limits::MAILBOX,
                limits::PAYLOAD_BYTES
            ),
        );
        report.subsystem("machine", up, String::from("verified bytecode, 184 base opcodes"));
        report.subsystem("compiler", up, String::from("FLUX.MD to bytecode"));
    }

    fn name_links(report: &mut BootReport, links: &Links) {
        if links.peers.is_empty() {
            return;
        }
        let shared = match links.shared.as_slice() {
            [] => String::from("no agent is shared"),
            shared => alloc::format!("shared: {}", shared.join(", ")),
        };
        report.subsystem(
            "links",
            SubsystemState::Up,
            alloc::format!("to {}; {shared}", links.peers.join(", ")),
        );
    }

    fn drivers(&self, report: &mut BootReport, config: &Config) {
        let devices = self.kernel.core().devices();
        if devices.is_empty() {
            report.subsystem("devices", SubsystemState::Absent, String::from("none found or simulated"));
        }
        report.subsystem("files", SubsystemState::Up, self.kernel.core().files().name());
        Self::name_links(report, &config.links);
        for device in devices {
            let channels: Vec<String> = device
                .channels
                .iter()
                .map(|channel| {
                    let unit = channel.unit.as_str();
                    if unit.is_empty() {
                        channel.name.clone()
                    } else {
                        alloc::format!("{} ({unit})", channel.name)
                    }
                })
                .collect();
            let detail = alloc::format!("{} by {} {}", device.address, device.driver, channels.join(", "));
            report.subsystem("device", SubsystemState::Up, detail.trim_end().to_string());
        }
    }

    fn full(&mut self, report: &mut BootReport, config: &Config) -> Result<(), BootError> {
        report.subsystem("supervisor", SubsystemState::Up, String::from("agent 1"));
        self.remarks = loader::load(&mut self.kernel, config)?;
        let agents = self.kernel.living();
        report.subsystem(
            "loader",
            SubsystemState::Up,
            alloc::format!("process 2: {} documents, {agents} agents", config.documents.len()),
        );
        Ok(())
    }

    /// Compiles a new version of a document and lets the agents that run the old one go on with it: at their next
    /// safe point, with their state, messages and handles, or tells whether they could. `config` has the
    /// parameters of the run.
    ///
    /// # Errors
    /// What is wrong with the document; nothing is swapped then.
    pub fn replace(
        &mut self,
        config: &Config,
        replacement: &Replacement<'_>,
    ) -> Result<Vec<Replaced>, BootError> {
        loader::replace(&mut self.kernel, config, replacement)
    }

    /// The level that boot reached.
    pub const fn level(&self) -> BootLevel {
        self.report.level()
    }

    /// What came up at boot.
    pub const fn boot_report(&self) -> &BootReport {
        &self.report
    }

    /// Warnings and notes of the compiler, by document; they stand on the boot stream as well.
    pub fn remarks(&self) -> &[(String, Vec<Diagnostic>)] {
        &self.remarks
    }

    /// Other kernels that were named, and what they may reach.
    pub const fn links(&self) -> &Links {
        &self.links
    }

    /// The kernel, to look at.
    pub const fn kernel(&self) -> &Kernel<Runtime> {
        &self.kernel
    }

    /// The kernel, for shells that add agents to a running system.
    pub const fn kernel_mut(&mut self) -> &mut Kernel<Runtime> {
        &mut self.kernel
    }

    /// Tells `observer` who is there, and from now on what happens.
    pub fn observe(&mut self, observer: Box<dyn Observer>) {
        self.kernel.observe(observer);
    }

    /// Kernel time now.
    pub fn now(&self) -> Time {
        self.kernel.now()
    }

    /// Goes on with the run for a bounded while.
    ///
    /// `present` is the time since boot by the machine's clock; simulated time takes no notice of
    /// it. The log goes to `sink` in the order of writing.
    pub fn advance(&mut self, present: Time, sink: &mut dyn LogSink) -> Next {
        self.advance_slices(present, SLICES, sink)
    }

    /// As [`System::advance`], for at most so many slices: with 1 it comes back where an agent stopped
    /// for a debugger.
    pub fn advance_slices(&mut self, present: Time, slices: u32, sink: &mut dyn LogSink) -> Next {
        let until = match self.clock {
            ClockMode::Simulated => self.end,
            ClockMode::Real => present.min(self.end),
        };
        let pause = self.kernel.run(until, slices);
        self.look_after_supervisor();
        self.flush(sink);
        if self.kernel.living() == 0 {
            return Next::Over;
        }
        match (pause, self.clock) {
            (Pause::Busy, ClockMode::Real) if present >= self.end => Next::Over,
            (Pause::Busy, _) => Next::Again,
            // Simulated time has come to its end, or nothing will ever happen again.
            (Pause::Until(_), ClockMode::Simulated) => Next::Over,
            (Pause::Until(next), ClockMode::Real) => {
                let next = next.min(self.end);
                if present >= self.end {
                    Next::Over
                } else {
                    Next::Sleep((next < Time::NEVER).then_some(next))
                }
            }
        }
    }

    /// Without agent 1 the system goes on, a level lower.
    fn look_after_supervisor(&mut self) {
        if self.kernel.lost_supervisor() && self.report.level() == BootLevel::Full {
            let level = self.report.fall();
            self.say(&alloc::format!("boot level {}: {level}, since there is no supervisor", level as u8));
        }
    }

    /// Runs a simulated system to its end.
    pub fn run_simulated(&mut self, sink: &mut dyn LogSink) {
        while self.advance(Time::START, sink) == Next::Again {}
    }

    /// How many instructions each place of the documents executed, if [`Config::profile`] asks for it.
    #[must_use]
    pub fn executed(&self) -> BTreeMap<Executed, u64> {
        self.kernel.runtime().executed_places()
    }

    /// Stops all agents in order and gives the summary, which the log ends with.
    pub fn finish(&mut self, sink: &mut dyn LogSink) -> Summary {
        if self.clock == ClockMode::Simulated && self.end < Time::NEVER && self.kernel.living() > 0 {
            self.kernel.set_time(self.end);
        }
        let time = self.kernel.now();
        self.kernel.stop();
        self.flush(sink);
        let summary = Summary {
            time,
            seed: self.seed,
            agents: self.kernel.runtime().reports(),
            metrics: self.kernel.runtime().metrics().list().to_vec(),
        };
        for agent in &summary.agents {
            for text in &agent.trace {
                let text = alloc::format!("trace {}: {text}", agent.name);
                let record = Record { stream: Stream::Boot, time, agent: None, level: LogLevel::Debug, text };
                sink.record(&record, &self.format.line(&record));
            }
        }
        for line in summary.lines() {
            let record = Record { stream: Stream::Log, time, agent: None, level: LogLevel::Info, text: line };
            sink.record(&record, &self.format.line(&record));
        }
        summary
    }

    pub(crate) fn flush(&mut self, sink: &mut dyn LogSink) {
        for record in self.kernel.take_records() {
            let line = self.format.line(&record);
            sink.record(&record, &line);
        }
    }
}

/// Makes images: tables shared by all agents of a program, parameters bound.
fn imager(config: &Config) -> flux_kernel::kernel::Imager<Image> {
    let mut tables: BTreeMap<[u8; 32], Arc<Tables>> = BTreeMap::new();
    let (device_id, location) = (config.device_id.clone(), config.location.clone());
    // Agents that agents start take the parameters of the run.
    let common = config.parameters.clone();
    Box::new(move |launch: &Launch| {
        let program: &Arc<Program> = &launch.program;
        let module = program.module();
        let shared = match tables.get(program.identity()) {
            Some(shared) => Arc::clone(shared),
            None => {
                let made = Arc::new(Tables::new(module).map_err(|error| error.to_string())?);
                tables.insert(*program.identity(), Arc::clone(&made));
                made
            }
        };
        let mut values = Vec::new();
        for parameter in &module.parameters {
            let own = launch.parameters.iter().rev();
            let given = own.chain(common.iter().rev()).find(|(name, _)| *name == parameter.name);
            let always = match parameter.name.as_str() {
                "device_id" => Some(device_id.as_str()),
                "location" => Some(location.as_str()),
                _ => None,
            };
            let given = given.map(|(_, text)| text.as_str());
            values.push(
                parameters::bind(&launch.name, parameter, given, always)
                    .map_err(|error| error.to_string())?,
            );
        }
        Ok(Image {
            name: Arc::clone(&launch.name),
            document: Arc::clone(&launch.document),
            tables: shared,
            program: Arc::clone(program),
            quota: launch.memory(),
            capabilities: launch.capabilities,
            links: launch.links.clone(),
            parameters: values,
            role: launch.role,
        })
    })
}
