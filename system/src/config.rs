//! What a run is made of.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::ioctl::Limit;
use flux_abi::select::LogLevel;
use flux_hal::{DeviceBus, FileSystem, HardwareInfo, SimBus};
use flux_kcore::sched::Gas;
use flux_kernel::compile::CompileService;
use flux_kernel::kernel::ClockMode;
use flux_kernel::link::Links;

/// What the machine offers.
pub struct Platform {
    /// Where the kernel runs, as people call it: `hosted`, `bare x86_64`.
    pub name: String,
    /// Simulated devices.
    pub simulated: SimBus,
    /// Real devices; never used in simulated time.
    pub devices: Option<Box<dyn DeviceBus>>,
    /// The files; without any they are kept in memory and go with the kernel.
    pub files: Option<Box<dyn FileSystem>>,
    /// What the hardware layer found, if it could be asked.
    pub hardware: Option<HardwareInfo>,
    /// The compile service.
    pub compiler: Box<dyn CompileService>,
}

impl core::fmt::Debug for Platform {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Platform")
            .field("name", &self.name)
            .field("hardware", &self.hardware)
            .finish_non_exhaustive()
    }
}

/// A limit of an agent, set before it begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AgentLimit {
    /// The agent's name.
    pub agent: String,
    /// What is limited.
    pub limit: Limit,
    /// How much it may have, as SET-LIMIT takes it.
    pub value: u64,
}

/// What to run, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Documents and compiled modules in the order in which their agents start: name and bytes.
    pub documents: Vec<(String, Vec<u8>)>,
    /// `--set` in order: name and text. A later one of the same name wins.
    pub parameters: Vec<(String, String)>,
    /// What `device_id` is unless a parameter says so.
    pub device_id: String,
    /// What `location` is unless a parameter says so.
    pub location: String,
    /// Gas of agents between two pauses, instead of what their modules say.
    pub gas: Option<u64>,
    /// Seed of all randomness.
    pub seed: u64,
    /// Events before this time are processed, in nanoseconds; `None` is without end.
    pub duration_ns: Option<i64>,
    /// The clock.
    pub clock: ClockMode,
    /// Records above this level are dropped.
    pub level: LogLevel,
    /// Gas of a time slice.
    pub slice: Gas,
    /// Limits of agents of the documents.
    pub limits: Vec<AgentLimit>,
    /// Agents record what they execute; the last instructions of one that traps are shown at the end.
    pub trace: bool,
    /// Other kernels, and the agents of this one that they may send to.
    pub links: Links,
    /// Instructions are counted by place, for [`crate::System::executed`].
    pub profile: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            documents: Vec::new(),
            parameters: Vec::new(),
            device_id: String::from("flux-device"),
            location: String::from("local"),
            gas: None,
            seed: 1,
            duration_ns: None,
            clock: ClockMode::Real,
            level: LogLevel::Info,
            slice: Gas::SLICE,
            limits: Vec::new(),
            trace: false,
            links: Links::default(),
            profile: false,
        }
    }
}
