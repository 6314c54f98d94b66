//! This program's own operating system, Linux.
//!
//! Console, clock and entropy are those of the process; real devices need the
//! feature `linux`. Interrupts, the physical memory map and power-off belong to
//! the operating system and stay unsupported.

#[cfg(feature = "linux")]
mod access;
mod clock;
mod console;
mod devices;
mod entropy;
#[cfg(feature = "linux")]
mod files;
#[cfg(feature = "linux")]
pub mod gpio;
mod hardware;
#[cfg(feature = "heap")]
pub mod heap;
mod interrupts;
mod memory;
mod power;
#[cfg(feature = "linux")]
pub mod sysfs;

use std::time::Instant;

#[cfg(feature = "linux")]
pub use devices::{DeviceConfig, LinuxBus};
#[cfg(feature = "linux")]
pub use files::Directory;

/// The machine that this process runs on.
#[derive(Debug)]
pub struct Machine {
    start: Instant,
    #[cfg(feature = "linux")]
    bus: LinuxBus,
}

impl Machine {
    /// The machine, with its clock at 0 and no device configured.
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            #[cfg(feature = "linux")]
            bus: LinuxBus::new(DeviceConfig::default()),
        }
    }

    /// The machine, with its clock at 0 and these devices.
    #[cfg(feature = "linux")]
    pub fn with_devices(config: DeviceConfig) -> Self {
        Self { start: Instant::now(), bus: LinuxBus::new(config) }
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}
