//! Time from the processor's time-stamp counter, ticks from the interval timer.
//!
//! The counter's rate is measured once against the 8254 interval timer (Intel
//! 8254 data sheet), whose rate is the same on every PC.

use core::arch::x86_64::_rdtsc;

use x86_64::instructions::interrupts;
use x86_64::instructions::port::Port;

use super::Machine;
use super::interrupts::ticks;
use crate::clock::{Clock, Timer};
use crate::error::HalError;

/// Input frequency of the interval timer, in hertz.
const PIT_HERTZ: u64 = 1_193_182;
/// Counts of one measurement: 4 ms.
const GATE_COUNTS: u16 = 4773;
/// How often the gate is read before the timer counts as missing.
const MOST_POLLS: u32 = 10_000_000;
const NS_PER_S: u128 = 1_000_000_000;
/// Slowest tick that the timer's 16 bits allow, in hertz.
const LEAST_HERTZ: u32 = 19;
/// Fastest tick that leaves time for anything else.
const MOST_HERTZ: u32 = 10_000;

/// The counter, its value at start and its rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tsc {
    start: u64,
    hertz: u64,
}

fn counter() -> u64 {
    // SAFETY: the instruction exists on every 64-bit processor and reads a
    // register without touching memory.
    unsafe { _rdtsc() }
}

impl Tsc {
    /// Measures the counter's rate; `None` when the timer does not answer.
    pub(super) fn calibrate() -> Option<Self> {
        let mut gate = Port::<u8>::new(0x61);
        let mut command = Port::<u8>::new(0x43);
        let mut channel_2 = Port::<u8>::new(0x42);
        let [low, high] = GATE_COUNTS.to_le_bytes();
        // SAFETY: the interval timer's ports and the speaker gate, which this
        // module alone drives; they do not reach memory. Channel 2 runs in mode 0:
        // its output rises when the count is over.
        unsafe {
            let silent = gate.read() & !0b11;
            gate.write(silent);
            command.write(0b1011_0000);
            channel_2.write(low);
            channel_2.write(high);
            gate.write(silent | 0b01);
        }
        let start = counter();
        let mut polls = 0_u32;
        loop {
            // SAFETY: reading the gate has no effect on memory.
            if unsafe { gate.read() } & (1 << 5) != 0 {
                break;
            }
            polls = polls.checked_add(1).filter(|polls| *polls < MOST_POLLS)?;
        }
        let counted = u128::from(counter().wrapping_sub(start));
        let hertz = counted.checked_mul(u128::from(PIT_HERTZ))?.checked_div(u128::from(GATE_COUNTS))?;
        let hertz = u64::try_from(hertz).ok().filter(|hertz| *hertz > 0)?;
        Some(Self { start, hertz })
    }

    fn now_ns(&self) -> Option<i64> {
        let counted = u128::from(counter().wrapping_sub(self.start));
        let ns = counted.checked_mul(NS_PER_S)?.checked_div(u128::from(self.hertz))?;
        i64::try_from(ns).ok()
    }
}

impl Clock for Machine {
    fn now_ns(&self) -> Result<i64, HalError> {
        let tsc = self.tsc.ok_or(HalError::Unsupported { what: "a monotonic clock" })?;
        tsc.now_ns().ok_or(HalError::Failed { what: "the monotonic clock" })
    }
}

impl Timer for Machine {
    fn start_tick(&mut self, hertz: u32) -> Result<(), HalError> {
        let range = HalError::Range {
            what: "a timer tick in hertz",
            asked: u64::from(hertz),
            least: u64::from(LEAST_HERTZ),
            most: u64::from(MOST_HERTZ),
        };
        if !(LEAST_HERTZ..=MOST_HERTZ).contains(&hertz) {
            return Err(range);
        }
        let counts = PIT_HERTZ.checked_div(u64::from(hertz)).and_then(|counts| u16::try_from(counts).ok());
        let [low, high] = counts.ok_or(range)?.to_le_bytes();
        // SAFETY: the interval timer's ports; they do not reach memory. Channel 0
        // runs in mode 2, one interrupt per period.
        unsafe {
            Port::<u8>::new(0x43).write(0b0011_0100);
            let mut channel_0 = Port::<u8>::new(0x40);
            channel_0.write(low);
            channel_0.write(high);
        }
        Ok(())
    }

    fn ticks(&self) -> Result<u64, HalError> {
        Ok(ticks())
    }

    fn sleep_until(&mut self, deadline_ns: i64) -> Result<(), HalError> {
        while self.now_ns()? < deadline_ns {
            if !interrupts::are_enabled() {
                return Err(HalError::Failed { what: "sleep without interrupts" });
            }
            // The tick ends the halt; one that came just before delays by a period.
            x86_64::instructions::hlt();
        }
        Ok(())
    }
}
