//! From a machine that is up to agents at work.

use alloc::format;

use flux_hal::arch::Machine;
use flux_hal::{
    BootLevel, Clock, Console, ExitStatus, HalError, Hardware, Interrupts, MemoryMap, Power, Stream, Timer,
};
use flux_proto::archive::Archive;

/// Timer interrupts per second: the grain of sleep.
const TICK_HERTZ: u32 = 1000;

/// Says what machine this is, starts the timer, and runs the archive.
///
/// Returns only when the machine could not be switched off.
pub(crate) fn run(machine: &mut Machine, heap_bytes: usize) {
    let status = match describe(machine, heap_bytes).and_then(|()| serve(machine)) {
        Ok(status) => status,
        Err(error) => {
            let _ = machine.write(Stream::Boot, &format!("boot ends: {error}\n"));
            ExitStatus::Failure
        }
    };
    let Err(error) = machine.power_off(status);
    // The last line stands already; what remains is to halt.
    let _ = machine.write(Stream::Boot, &format!("{error}; it is safe to switch off\n"));
}

fn describe(machine: &mut Machine, heap_bytes: usize) -> Result<(), HalError> {
    let hardware = machine.hardware()?;
    let mut text = format!(
        "FLUX OS {} on bare {}: {}\nfeatures: {}\nheap: {} KiB\n",
        env!("CARGO_PKG_VERSION"),
        hardware.architecture,
        hardware.processor,
        hardware.features.join(" "),
        heap_bytes / 1024,
    );
    match machine.memory_map() {
        Ok(map) => {
            for region in map {
                text.push_str(&format!(
                    "memory: {:#014x}..{:#014x} {:>9} KiB {}\n",
                    region.start,
                    region.end(),
                    region.bytes / 1024,
                    region.kind.name()
                ));
            }
        }
        Err(error) => text.push_str(&format!("memory: {error}\n")),
    }
    text.push_str(&format!("level {}\n", BootLevel::Probe));
    machine.write(Stream::Boot, &text)?;

    machine.start_tick(TICK_HERTZ)?;
    machine.enable_interrupts()?;
    let begin = machine.now_ns()?;
    let ticks = machine.ticks()?;
    machine.sleep_until(begin.saturating_add(5_000_000))?;
    let (slept, ticked) = (machine.now_ns()?.saturating_sub(begin), machine.ticks()?.saturating_sub(ticks));
    let text =
        format!("timer: {TICK_HERTZ} Hz, slept {slept} ns in {ticked} ticks\nlevel {}\n", machine.level());
    machine.write(Stream::Boot, &text)
}

/// Runs the archive that the loader brought, if it brought one.
fn serve(machine: &mut Machine) -> Result<ExitStatus, HalError> {
    let modules = machine.modules()?;
    let decoded = match modules.as_slice() {
        [] => None,
        [archive, ..] => Some(Archive::decode(archive)),
    };
    match decoded {
        None => {
            machine.write(Stream::Boot, "archive: none was given (-initrd of QEMU); nothing to run\n")?;
            Ok(ExitStatus::Success)
        }
        Some(Err(error)) => {
            machine.write(Stream::Boot, &format!("archive: {error}\n"))?;
            Ok(ExitStatus::Failure)
        }
        Some(Ok(archive)) => run_archive(machine, &archive),
    }
}

/// The one door into the system: kernel, compiler and agents.
fn run_archive(machine: &mut Machine, archive: &Archive) -> Result<ExitStatus, HalError> {
    for document in &archive.documents {
        let text = format!("document: {} ({} bytes)\n", document.name, document.bytes.len());
        machine.write(Stream::Boot, &text)?;
    }
    Ok(ExitStatus::Success)
}
