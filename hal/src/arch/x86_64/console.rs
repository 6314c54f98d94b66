//! The first serial port, a 16550 (National Semiconductor PC16550D data sheet).

use core::fmt;

use x86_64::instructions::port::Port;

use super::Machine;
use crate::console::{Console, Stream};
use crate::error::HalError;
use crate::serial::Encoder;

/// Base of the first serial port of a PC.
const COM1: u16 = 0x3f8;
/// Divisor of 115,200 baud.
const DIVISOR: u8 = 1;
const FIFO_BYTES: usize = 16;
/// Line status: transmitter holding register empty.
const TRANSMIT_EMPTY: u8 = 1 << 5;
/// How often the line status is read before the other side counts as gone.
const MOST_POLLS: u32 = 1_000_000;

/// The port, and which stream it writes.
#[derive(Debug)]
pub(super) struct Uart {
    registers: Registers,
    encoder: Encoder,
    /// Whether a transmitter answered when the port was opened.
    present: bool,
}

#[derive(Debug)]
struct Registers {
    data: Port<u8>,
    interrupt_enable: Port<u8>,
    fifo_control: Port<u8>,
    line_control: Port<u8>,
    modem_control: Port<u8>,
    line_status: Port<u8>,
    scratch: Port<u8>,
}

impl Registers {
    const fn new() -> Self {
        Self {
            data: Port::new(COM1),
            interrupt_enable: Port::new(COM1 + 1),
            fifo_control: Port::new(COM1 + 2),
            line_control: Port::new(COM1 + 3),
            modem_control: Port::new(COM1 + 4),
            line_status: Port::new(COM1 + 5),
            scratch: Port::new(COM1 + 7),
        }
    }

    /// Waits for room, then writes up to one FIFO of bytes; what is left comes back.
    fn write_some<'b>(&mut self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        for _ in 0..MOST_POLLS {
            // SAFETY: reading the line status has no effect on memory.
            let status = unsafe { self.line_status.read() };
            if status & TRANSMIT_EMPTY != 0 {
                let (now, later) = bytes.split_at(bytes.len().min(FIFO_BYTES));
                for byte in now {
                    // SAFETY: the port is the serial port's data register; writing
                    // it has no effect on memory, and the FIFO has room.
                    unsafe { self.data.write(*byte) };
                }
                return Some(later);
            }
            core::hint::spin_loop();
        }
        None
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), HalError> {
        while !bytes.is_empty() {
            bytes = self.write_some(bytes).ok_or(HalError::Failed { what: "writing to the serial port" })?;
        }
        Ok(())
    }
}

impl Uart {
    /// Sets the port to 115,200 baud, 8 bits, no parity, without interrupts.
    pub(super) fn open() -> Self {
        const PROBE: u8 = 0xa5;
        let mut registers = Registers::new();
        // SAFETY: these are the serial port's own registers, which this backend
        // alone drives; none of them reaches memory.
        let present = unsafe {
            registers.interrupt_enable.write(0);
            registers.line_control.write(0x80);
            registers.data.write(DIVISOR);
            registers.interrupt_enable.write(0);
            registers.line_control.write(0x03);
            registers.fifo_control.write(0xc7);
            registers.modem_control.write(0x03);
            registers.scratch.write(PROBE);
            registers.scratch.read() == PROBE
        };
        Self { registers, encoder: Encoder::new(), present }
    }

    pub(super) fn write(&mut self, stream: Stream, text: &str) -> Result<(), HalError> {
        if !self.present {
            return Err(HalError::Unsupported { what: "a serial port" });
        }
        let Self { registers, encoder, .. } = self;
        let mut result = Ok(());
        encoder.encode(stream, text, &mut |piece| {
            if result.is_ok() {
                result = registers.write_all(piece.as_bytes());
            }
        });
        result
    }
}

impl Console for Machine {
    fn write(&mut self, stream: Stream, text: &str) -> Result<(), HalError> {
        self.console.write(stream, text)
    }
}

/// Writes to the serial port without a [`Machine`]: for reports after which
/// nothing else is written.
///
/// Its lines carry no marker and thus belong to the boot stream; it begins with
/// a line end, since a line of the log may be open.
#[derive(Debug)]
pub struct EmergencyConsole {
    registers: Registers,
}

impl EmergencyConsole {
    /// Takes the port over.
    pub fn new() -> Self {
        let mut console = Self { registers: Registers::new() };
        // A port that is gone leaves nobody to tell.
        let _ = console.registers.write_all(b"\n");
        console
    }
}

impl Default for EmergencyConsole {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Write for EmergencyConsole {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.registers.write_all(text.as_bytes()).map_err(|_| fmt::Error)
    }
}
