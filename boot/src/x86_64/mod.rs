//! The PC: entry, memory for the kernel, and the way into safe code.

mod entry;
mod selftest;

use core::fmt::Write;
use core::panic::PanicInfo;

use flux_hal::arch::x86_64::{EmergencyConsole, KernelImage, Machine, halt, stop};
use flux_hal::power::ExitStatus;
use talc::TalcLock;
use talc::source::Claim;

use crate::start;

/// Memory for the start, until the firmware's map tells where the rest is.
const EARLY_HEAP_BYTES: usize = 128 * 1024;

static mut EARLY_HEAP: [u8; EARLY_HEAP_BYTES] = [0; EARLY_HEAP_BYTES];

/// Interrupt handlers never allocate, so its lock can't be waited for by one.
#[global_allocator]
static HEAP: TalcLock<spin::Mutex<()>, Claim> =
    // SAFETY: the array is named here alone, so that the allocator owns it.
    TalcLock::new(unsafe { Claim::array(&raw mut EARLY_HEAP) });

// Addresses that the linker script defines; only their addresses mean anything.
unsafe extern "C" {
    static __text_start: u8;
    static __text_end: u8;
    static __constants_end: u8;
    static __stack_guard: u8;
    static __end: u8;
}

fn image() -> KernelImage {
    let address = |symbol: *const u8| symbol.addr() as u64;
    KernelImage {
        text_start: address(&raw const __text_start),
        text_end: address(&raw const __text_end),
        constants_end: address(&raw const __constants_end),
        stack_guard: address(&raw const __stack_guard),
        end: address(&raw const __end),
    }
}

/// Called by the entry code, once, on the kernel's stack.
extern "sysv64" fn main(start_info: u64) -> ! {
    // SAFETY: the entry code runs once, in 64-bit mode at privilege level 0 with
    // interrupts off and 4 GiB mapped at their own addresses; the linker script
    // defines the image; the allocator has its early memory.
    let started = unsafe { Machine::start(start_info, image()) };
    let mut machine = match started {
        Ok(machine) => machine,
        Err(error) => {
            // Without a console nobody can be told; the exit status remains.
            let _ = writeln!(EmergencyConsole::new(), "this machine does not start: {error}");
            stop(ExitStatus::Fault)
        }
    };
    if let Some((from, to)) = machine.free_memory()
        && let (Ok(base), Ok(bytes)) = (usize::try_from(from), usize::try_from(to.saturating_sub(from)))
    {
        // SAFETY: the range is usable memory below 4 GiB, mapped and writable, and
        // overlaps neither the kernel nor what the loader left there.
        unsafe { HEAP.lock().claim(core::ptr::with_exposed_provenance_mut(base), bytes) };
    }
    selftest::run(machine.command_line());
    start::run(&mut machine, heap_bytes());
    halt()
}

/// Bytes that the allocator manages.
fn heap_bytes() -> usize {
    HEAP.lock().counters().claimed_bytes
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // Nothing is left to do if the console fails too.
    let _ = writeln!(EmergencyConsole::new(), "kernel {info}");
    stop(ExitStatus::Fault)
}
