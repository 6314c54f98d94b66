//! From a machine that is up to agents at work.

use alloc::boxed::Box;
use alloc::format;

use flux_hal::arch::Machine;
use flux_hal::{
    BootLevel, Clock, Console, ExitStatus, HalError, Hardware, Interrupts, MemoryMap, Power, Stream, Timer,
};
use flux_proto::archive::{Archive, RunClock};
use flux_system::compile::KernelCompiler;
use flux_system::{
    BootError, ClockMode, Config, LogSink, Next, Platform, Record, SOURCES, System, Time, bus,
};

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
        "FLUX OS {} on bare {}: {}\n{SOURCES}\nfeatures: {}\nheap: {} KiB\n",
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
        Some(Ok(archive)) => run_archive(machine, archive),
    }
}

/// The one door into the system: kernel, compiler and agents.
fn run_archive(machine: &mut Machine, archive: Archive) -> Result<ExitStatus, HalError> {
    let no_files = &mut |path: &str| Err(format!("{path} can't be read: a booted kernel has no files"));
    let simulated = match bus::simulated(archive.seed, &archive.simulations, no_files) {
        Ok(simulated) => simulated,
        Err(error) => {
            machine.write(Stream::Boot, &format!("{error}\n"))?;
            return Ok(ExitStatus::Failure);
        }
    };
    let hardware = machine.hardware()?;
    let platform = Platform {
        name: format!("bare {}", hardware.architecture),
        simulated,
        devices: None,
        files: None,
        hardware: Some(hardware),
        compiler: Box::new(KernelCompiler::default()),
    };
    let config = Config {
        documents: archive.documents.into_iter().map(|document| (document.name, document.bytes)).collect(),
        parameters: archive.parameters,
        seed: archive.seed,
        duration_ns: archive.duration_ns,
        clock: match archive.clock {
            RunClock::Simulated => ClockMode::Simulated,
            RunClock::Real => ClockMode::Real,
        },
        ..Config::default()
    };
    let begin = machine.now_ns()?;
    let mut sink = Serial { machine, broken: None };
    let mut system = match System::boot(platform, &config, &mut sink) {
        Ok(system) => system,
        Err(error) => return explain(&error, sink.machine),
    };
    loop {
        let elapsed = sink.machine.now_ns()?.saturating_sub(begin);
        match system.advance(Time::from_ns(elapsed), &mut sink) {
            Next::Over => break,
            Next::Again => {}
            Next::Sleep(due) => {
                let due = due.map_or(elapsed.saturating_add(LONGEST_SLEEP_NS), Time::ns);
                sink.machine.sleep_until(begin.saturating_add(due))?;
            }
        }
        if let Some(error) = sink.broken.take() {
            return Err(error);
        }
    }
    let summary = system.finish(&mut sink);
    Ok(if summary.traps() > 0 { ExitStatus::Failure } else { ExitStatus::Success })
}

/// Says why the system does not start, one line for each mistake.
fn explain(error: &BootError, machine: &mut Machine) -> Result<ExitStatus, HalError> {
    let mut text = format!("{error}\n");
    if let BootError::Documents(rejected) = error {
        for one in rejected {
            for row in &one.diagnostics {
                text.push_str(&format!(
                    "{}: byte {}: {}: {}\n",
                    one.document, row.span.start, row.code, row.message
                ));
            }
        }
    }
    machine.write(Stream::Boot, &text)?;
    Ok(ExitStatus::Failure)
}

/// Longest sleep when nothing is due, so that the loop goes on looking.
const LONGEST_SLEEP_NS: i64 = 1_000_000_000;

/// The serial line as the place where records go.
struct Serial<'m> {
    machine: &'m mut Machine,
    /// The first error of the console: the run ends with it.
    broken: Option<HalError>,
}

impl LogSink for Serial<'_> {
    fn record(&mut self, record: &Record, line: &str) {
        let result =
            self.machine.write(record.stream, line).and_then(|()| self.machine.write(record.stream, "\n"));
        if let Err(error) = result {
            self.broken.get_or_insert(error);
        }
    }
}
