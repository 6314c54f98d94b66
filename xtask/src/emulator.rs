//! Runs the kernel in QEMU and checks how it ends.
//!
//! A virtual machine that resets ends with status 0, so success is the kernel's
//! own status **and** its last line **and** an end within the time limit.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use flux_proto::archive::Archive;

use crate::error::Error;
use crate::metal::{Arch, kernel};
use crate::toolchain::find_program;

/// A kernel that hangs is ended after this.
const LIMIT: Duration = Duration::from_secs(30);
/// How often the emulator is looked at.
const PAUSE: Duration = Duration::from_millis(5);

const EMULATOR: &str = "qemu-system-x86_64";

/// Status of QEMU after success, `isa-debug-exit` with 0x10.
const SUCCESS: i32 = 33;
/// Status of QEMU after documents or arguments were at fault.
const FAILURE: i32 = 35;
/// Status of QEMU after a fault or panic of the kernel.
const FAULT: i32 = 37;

/// What the loader brings with the kernel.
#[derive(Clone, Copy)]
enum Initrd {
    None,
    /// An archive without documents.
    Empty,
    /// An archive with one bit changed.
    Damaged,
    /// The first bytes of an archive.
    CutOff,
}

/// One start of the kernel and how it must end.
struct Case {
    name: &'static str,
    command_line: &'static str,
    archive: Initrd,
    memory: &'static str,
    status: i32,
    /// Texts that the serial console must show.
    shows: &'static [&'static str],
}

const fn fault(name: &'static str, command_line: &'static str, shows: &'static [&'static str]) -> Case {
    Case { name, command_line, archive: Initrd::None, memory: "128M", status: FAULT, shows }
}

const CASES: &[Case] = &[
    Case {
        name: "a_kernel_without_an_archive_comes_up_and_says_so",
        command_line: "",
        archive: Initrd::None,
        memory: "128M",
        status: SUCCESS,
        shows: &["B|FLUX OS ", "B|level READY\n", "B|PASS\n"],
    },
    Case {
        name: "a_kernel_with_little_memory_comes_up",
        command_line: "",
        archive: Initrd::None,
        memory: "16M",
        status: SUCCESS,
        shows: &["B|level READY\n", "B|PASS\n"],
    },
    Case {
        name: "memory_above_4_gib_is_left_alone",
        command_line: "",
        archive: Initrd::None,
        memory: "5G",
        status: SUCCESS,
        shows: &["B|level READY\n", "B|PASS\n"],
    },
    Case {
        name: "an_archive_without_documents_is_refused",
        command_line: "",
        archive: Initrd::Empty,
        memory: "128M",
        status: FAILURE,
        shows: &["B|there is no document to run", "B|FAIL\n"],
    },
    Case {
        name: "a_damaged_archive_is_refused",
        command_line: "",
        archive: Initrd::Damaged,
        memory: "128M",
        status: FAILURE,
        shows: &["B|archive: ", "B|FAIL\n"],
    },
    Case {
        name: "an_archive_that_is_cut_off_is_refused",
        command_line: "",
        archive: Initrd::CutOff,
        memory: "128M",
        status: FAILURE,
        shows: &["B|archive: ", "B|FAIL\n"],
    },
    fault(
        "a_null_pointer_is_a_page_fault_at_its_address",
        "selftest=null-pointer",
        &["processor fault 14: page fault, error code 0x0\n", "cr2 0000000000000008"],
    ),
    fault(
        "code_can_not_be_written",
        "selftest=write-code",
        &["processor fault 14: page fault, error code 0x3\n"],
    ),
    fault(
        "constants_can_not_be_executed",
        "selftest=execute-data",
        &["processor fault 14: page fault, error code 0x11\n"],
    ),
    fault(
        "a_full_stack_is_a_fault_with_a_report",
        "selftest=full-stack",
        &["processor fault 14: page fault, error code 0x2\n"],
    ),
    fault(
        "an_invalid_instruction_is_reported",
        "selftest=invalid-opcode",
        &["processor fault 6: invalid opcode"],
    ),
    fault(
        "an_index_out_of_bounds_is_a_panic_with_its_place",
        "selftest=out-of-bounds",
        &["kernel panicked at", "index out of bounds"],
    ),
    fault(
        "an_allocation_that_does_not_fit_is_a_panic",
        "selftest=out-of-memory",
        &["kernel panicked at", "allocation"],
    ),
];

/// Boots the kernel in every way of [`CASES`].
///
/// # Errors
/// [`Error::Missing`] without QEMU, [`Error::Check`] when a case fails.
pub(crate) fn boot_test() -> Result<(), Error> {
    if find_program(EMULATOR).is_none() {
        return Err(Error::Missing(format!(
            "boot-test: no {EMULATOR} here; run `cargo xtask install --yes`"
        )));
    }
    let elf = kernel(Arch::X86_64)?;
    let mut failed = 0_usize;
    for case in CASES {
        let begin = Instant::now();
        match run(case, &elf) {
            Ok(()) => println!("boot {} ... ok ({:.2} s)", case.name, begin.elapsed().as_secs_f64()),
            Err(reason) => {
                failed = failed.saturating_add(1);
                println!("boot {} ... FAILED\n{reason}", case.name);
            }
        }
    }
    println!("{} passed, {failed} failed", CASES.len().saturating_sub(failed));
    if failed == 0 { Ok(()) } else { Err(Error::Check(format!("boot-test: {failed} cases failed"))) }
}

fn run(case: &Case, elf: &Path) -> Result<(), String> {
    let mut command = Command::new(EMULATOR);
    command
        .args(["-M", "q35", "-cpu", "max", "-accel", "tcg", "-m", case.memory])
        .args(["-display", "none", "-serial", "stdio", "-monitor", "none", "-nodefaults", "-no-reboot"])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"])
        .arg("-kernel")
        .arg(elf)
        .args(["-append", case.command_line]);
    if let Some(bytes) = initrd(case.archive)? {
        let path = elf.with_extension("initrd");
        std::fs::write(&path, bytes).map_err(|error| error.to_string())?;
        command.arg("-initrd").arg(path);
    }
    let (status, output) = output_within(&mut command, LIMIT)?;
    let text = String::from_utf8_lossy(&output);
    if status != Some(case.status) {
        return Err(format!("ended with {status:?} instead of {}:\n{text}", case.status));
    }
    match case.shows.iter().find(|part| !text.contains(**part)) {
        Some(part) => Err(format!("does not show {part:?}:\n{text}")),
        None => Ok(()),
    }
}

fn initrd(kind: Initrd) -> Result<Option<Vec<u8>>, String> {
    let mut bytes = Archive::default().encode().map_err(|error| error.to_string())?;
    match kind {
        Initrd::None => return Ok(None),
        Initrd::Empty => {}
        Initrd::Damaged => {
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
            }
        }
        Initrd::CutOff => bytes.truncate(bytes.len() / 2),
    }
    Ok(Some(bytes))
}

/// Runs to the end or to the limit; what it wrote, and its status if it ended by itself.
fn output_within(command: &mut Command, limit: Duration) -> Result<(Option<i32>, Vec<u8>), String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let reader = child.stdout.take().map(|mut stdout| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // What was read before a failure is still worth showing.
            let _ = stdout.read_to_end(&mut bytes);
            bytes
        })
    });
    let begin = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status.code(),
            None if begin.elapsed() > limit => {
                child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
                break None;
            }
            None => thread::sleep(PAUSE),
        }
    };
    let output = reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
    Ok((status, output))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_end_is_ended_at_the_limit() {
        let mut command = Command::new("sleep");
        let begin = Instant::now();
        let result = output_within(command.arg("60"), Duration::from_millis(50));
        assert_eq!(result, Ok((None, Vec::new())));
        assert!(begin.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn output_and_status_of_a_program_come_back() {
        let mut command = Command::new("sh");
        let result = output_within(command.args(["-c", "echo PASS; exit 33"]), LIMIT);
        assert_eq!(result, Ok((Some(SUCCESS), b"PASS\n".to_vec())));
    }
}
