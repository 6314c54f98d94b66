//! Hardware traits and their architectures.
//!
//! One trait for each concern of a machine, bundled as [`Platform`]; a backend
//! for each architecture under [`arch`], every one with the same list of files.
//! Devices that documents name are reached through [`DeviceBus`], whose backends
//! are the real devices of a machine and the simulation in [`sim`].
//!
//! # Invariants
//! 1. What a platform lacks is [`HalError::Unsupported`]: no panic and no silent
//!    success. Every method of a service trait starts out as that error.
//! 2. `cfg(target_arch)` stands under [`arch`] only.
//! 3. All `unsafe` code and assembly of this crate lies under [`arch`].
#![cfg_attr(not(any(test, feature = "native")), no_std)]
#![deny(unsafe_code)]

extern crate alloc;

pub mod address;
pub mod arch;
pub mod boot;
pub mod clock;
pub mod console;
pub mod device;
#[cfg(feature = "drivers")]
pub mod drivers;
pub mod entropy;
pub mod error;
pub mod files;
pub mod hardware;
pub mod interrupts;
pub mod memory;
pub mod power;
pub mod pvh;
pub mod serial;
pub mod sim;

pub use address::{AddressError, DeviceAddress};
pub use boot::BootLevel;
pub use clock::{Clock, Timer};
pub use console::{Console, Stream};
pub use device::{Channel, DeviceBus, DeviceError, DeviceId, DeviceInfo, Devices, FaultKind, Reading};
pub use entropy::Entropy;
pub use error::HalError;
pub use files::{FileError, FileId, FilePath, FileSystem, MemoryFiles, OpenMode};
pub use hardware::{Hardware, HardwareInfo};
pub use interrupts::Interrupts;
pub use memory::{MemoryKind, MemoryMap, MemoryRegion};
pub use power::{ExitStatus, Power};
pub use sim::{SimBus, SimSpec};

/// Everything that a machine offers the kernel.
pub trait Platform:
    Clock + Console + Devices + Entropy + Hardware + Interrupts + MemoryMap + Power + Timer
{
}

impl<T> Platform for T where
    T: Clock + Console + Devices + Entropy + Hardware + Interrupts + MemoryMap + Power + Timer
{
}
