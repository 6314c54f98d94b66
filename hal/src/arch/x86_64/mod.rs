//! A PC without an operating system, loaded through PVH.
//!
//! One core, no user mode. The first 4 GiB of memory are mapped at their own
//! addresses by the boot code before anything here runs; memory above stays
//! unused. [`Machine::start`] is the one door: everything after it is safe code.
//!
//! # Invariants
//! 1. A [`Machine`] exists at most once; it owns every device that is driven here.
//! 2. No memory is writable and executable at once, from [`Machine::start`] on.
//! 3. Nothing here uses floating point; interrupts save integer registers alone.
#![allow(unsafe_code, reason = "this backend is the home of the processor's instructions")]

mod clock;
mod console;
mod devices;
mod entropy;
mod hardware;
mod interrupts;
mod memory;
mod power;

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::boot::BootLevel;
use crate::error::HalError;
use crate::pvh::{Module, PhysicalMemory, StartInfo, StartInfoError};

pub use console::EmergencyConsole;
pub use memory::KernelImage;
pub use power::{halt, stop};

use clock::Tsc;
use console::Uart;

/// This machine.
#[derive(Debug)]
pub struct Machine {
    info: StartInfo,
    image: KernelImage,
    console: Uart,
    /// `None` when the processor's counter could not be calibrated.
    tsc: Option<Tsc>,
    level: BootLevel,
}

/// Why a machine does not come up at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StartError {
    /// It was started before.
    Twice,
    /// What the loader handed over can't be used.
    Info(StartInfoError),
    /// The kernel's own memory can't be protected.
    Memory(HalError),
}

impl core::fmt::Display for StartError {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Twice => out.write_str("the machine was started twice"),
            Self::Info(error) => error.fmt(out),
            Self::Memory(error) => error.fmt(out),
        }
    }
}

impl From<StartInfoError> for StartError {
    fn from(error: StartInfoError) -> Self {
        Self::Info(error)
    }
}

static STARTED: AtomicBool = AtomicBool::new(false);

impl Machine {
    /// Takes over the machine: faults are reported from here on, memory is
    /// protected, the clock runs. `start_info` is the physical address that the
    /// PVH loader gave in `ebx`.
    ///
    /// # Errors
    /// [`StartError`]; a clock that can't be calibrated is no error but leaves
    /// the machine at [`BootLevel::Probe`].
    ///
    /// # Safety
    /// The processor is in 64-bit mode at privilege level 0 with interrupts off
    /// and the first 4 GiB mapped at their own addresses, `image` describes the
    /// running kernel, and a global allocator works.
    pub unsafe fn start(start_info: u64, image: KernelImage) -> Result<Self, StartError> {
        if STARTED.swap(true, Ordering::AcqRel) {
            return Err(StartError::Twice);
        }
        let console = Uart::open();
        // SAFETY: first call (checked above), privilege level 0 (this function's contract).
        unsafe { interrupts::install_tables() };
        let info = StartInfo::read(&memory::Identity, start_info)?;
        // SAFETY: as above; `image` describes the running kernel.
        unsafe { memory::protect(&image) }.map_err(StartError::Memory)?;
        let tsc = Tsc::calibrate();
        let level = if tsc.is_some() { BootLevel::Ready } else { BootLevel::Probe };
        Ok(Self { info, image, console, tsc, level })
    }

    /// How far the machine came up by itself.
    pub const fn level(&self) -> BootLevel {
        self.level
    }

    /// The range `(start, end)` of free memory that is best for a heap, `None`
    /// when the firmware left none.
    ///
    /// It overlaps neither the kernel nor the modules nor what the loader left.
    pub fn free_memory(&self) -> Option<(u64, u64)> {
        let mut taken = alloc::vec![(0, memory::LOW_MEMORY_END), self.image.range()];
        taken.extend(
            self.info.modules.iter().map(|module| (module.start, module.start.saturating_add(module.bytes))),
        );
        crate::memory::largest_free(&self.info.regions, &taken, memory::MAPPED_END, memory::PAGE_BYTES)
    }

    /// What the loader was told to pass on, `-append` of QEMU.
    pub fn command_line(&self) -> &str {
        &self.info.command_line
    }

    /// The files that the loader put into memory, in its order.
    ///
    /// # Errors
    /// [`HalError::Failed`] for one that lies outside of mapped memory.
    pub fn modules(&self) -> Result<Vec<&[u8]>, HalError> {
        self.info.modules.iter().map(|module| self.module(*module)).collect()
    }

    fn module(&self, module: Module) -> Result<&[u8], HalError> {
        let outside = HalError::Failed { what: "reading a module outside of mapped memory" };
        let (start, end) = (module.start, module.start.checked_add(module.bytes).ok_or(outside)?);
        if start < memory::PAGE_BYTES {
            return Err(outside);
        }
        let (kernel_start, kernel_end) = self.image.range();
        // A module over the kernel would alias its variables.
        if start < kernel_end && kernel_start < end {
            return Err(HalError::Failed { what: "reading a module that overlaps the kernel" });
        }
        memory::Identity.bytes(start, module.bytes).ok_or(outside)
    }
}
