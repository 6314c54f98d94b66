//! Power-off through QEMU's `isa-debug-exit` device.
//!
//! QEMU ends with status `2·value + 1`: 33 for success, 35 for a failure, 37 for
//! a fault. A virtual machine that resets or powers off by itself ends with 0,
//! which is therefore never success.

use core::convert::Infallible;
use core::fmt::Write;

use x86_64::instructions::port::Port;

use super::Machine;
use super::console::EmergencyConsole;
use crate::console::Stream;
use crate::error::HalError;
use crate::power::{ExitStatus, Power};

/// Port of the device: `-device isa-debug-exit,iobase=0xf4,iosize=0x04`.
const EXIT_PORT: u16 = 0xf4;

const fn code(status: ExitStatus) -> u32 {
    match status {
        ExitStatus::Success => 0x10,
        ExitStatus::Failure => 0x11,
        ExitStatus::Fault => 0x12,
    }
}

const fn last_line(status: ExitStatus) -> &'static str {
    match status {
        ExitStatus::Success => "PASS\n",
        ExitStatus::Failure => "FAIL\n",
        ExitStatus::Fault => "FAULT\n",
    }
}

/// How long the host gets to end the machine: reads of a port that takes about
/// a microsecond on a PC and costs nothing else.
const PATIENCE: u32 = 200_000;
const DELAY_PORT: u16 = 0x80;

/// Tells the host; returns only where none listens.
fn tell_host(status: ExitStatus) {
    // SAFETY: the port of the exit device; on a machine without it nothing
    // listens there, and the write has no effect on memory.
    unsafe { Port::<u32>::new(EXIT_PORT).write(code(status)) };
    // QEMU ends between two instructions, not within this one.
    for _ in 0..PATIENCE {
        // SAFETY: the port of the power-on self test; reading it has no effect.
        let _ = unsafe { Port::<u8>::new(DELAY_PORT).read() };
    }
}

impl Power for Machine {
    fn power_off(&mut self, status: ExitStatus) -> Result<Infallible, HalError> {
        // Without a console the exit status alone has to do.
        let _ = self.console.write(Stream::Boot, last_line(status));
        tell_host(status);
        Err(HalError::Unsupported { what: "power-off outside of QEMU" })
    }
}

/// Ends without a [`Machine`]: writes the last line, tells the host, and halts
/// for ever where no host listens.
pub fn stop(status: ExitStatus) -> ! {
    let _ = EmergencyConsole::new().write_str(last_line(status));
    tell_host(status);
    halt()
}

/// Does nothing for ever, with interrupts off.
pub fn halt() -> ! {
    loop {
        x86_64::instructions::interrupts::disable();
        x86_64::instructions::hlt();
    }
}
