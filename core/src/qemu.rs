//! Boots the real kernel in QEMU and separates what it says.
//!
//! The kernel writes both streams over one serial line with a marker before each line; here the
//! markers are taken off again. Success is the exit status that only the kernel can give, inside
//! the time allowed: a machine that crashes or resets ends with another status.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use flux_hal::Stream;
use flux_hal::serial::Decoder;

use crate::error::Error;

/// The emulator.
const EMULATOR: &str = "qemu-system-x86_64";
/// Memory of the machine in MiB.
const MEMORY_MIB: u32 = 512;
/// QEMU's status when the kernel reports success, and when agents or arguments were at fault;
/// see the power-off of the kernel's x86_64 hardware layer.
const EXIT_SUCCESS: i32 = 33;
const EXIT_FAILURE: i32 = 35;

/// How a booted kernel ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// Everything was done.
    Success,
    /// Agents or arguments were at fault; the streams say why.
    AtFault,
}

/// Finds the kernel image: the one named, else beside this program, else what
/// `cargo xtask kernel` has made in a checkout.
///
/// # Errors
/// [`Error::Boot`] that lists where it looked and how to make one.
pub fn find_kernel(named: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(path) = named {
        return if path.is_file() {
            Ok(path.to_owned())
        } else {
            Err(Error::Option {
                option: "--kernel".into(),
                why: format!("there is no file {}", path.display()),
            })
        };
    }
    let mut places = Vec::new();
    if let Some(path) = std::env::var_os("FLUX_KERNEL") {
        places.push(PathBuf::from(path));
    }
    if let Some(folder) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
        places.push(folder.join("flux-kernel-x86_64.elf"));
        // target/debug/flux and target/debug/deps/… both lie below the target folder.
        for target in folder.ancestors().skip(1).take(2) {
            places.push(target.join("x86_64-unknown-none/kernel/flux-boot"));
        }
    }
    match places.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => {
            let looked: Vec<String> = places.iter().map(|path| format!("  {}", path.display())).collect();
            Err(Error::Boot(format!(
                "no kernel image; make one with `cargo xtask kernel --arch x86_64`, or name one with --kernel; looked at\n{}",
                looked.join("\n")
            )))
        }
    }
}

/// Tells whether a kernel image was made from the sources of this program.
///
/// # Errors
/// [`Error::Boot`] when it can't be read.
pub fn is_current(kernel: &Path) -> Result<bool, Error> {
    let bytes = std::fs::read(kernel)
        .map_err(|error| Error::Boot(format!("the kernel image {}: {error}", kernel.display())))?;
    let wanted = flux_system::SOURCES.as_bytes();
    Ok(bytes.windows(wanted.len()).any(|window| window == wanted))
}

/// Boots `kernel` with `archive` on board and hands over each piece of output as it comes.
///
/// # Errors
/// [`Error::Boot`] when the emulator is missing, the time is over, or the kernel breaks.
pub fn boot(
    kernel: &Path,
    archive: &Path,
    timeout: Duration,
    emit: &mut dyn FnMut(Stream, &[u8]),
) -> Result<End, Error> {
    let mut child = start(kernel, archive)?;
    let Some(mut serial) = child.stdout.take() else {
        let _ = child.kill();
        return Err(Error::Boot("the emulator's output can't be read".into()));
    };
    let (sender, pieces) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(count) = serial.read(&mut buffer) {
            let piece = buffer.get(..count).unwrap_or_default().to_vec();
            if count == 0 || sender.send(piece).is_err() {
                break;
            }
        }
    });
    let deadline = Instant::now() + timeout;
    let mut decoder = Decoder::new();
    loop {
        match pieces.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(piece) => decoder.decode(&piece, emit),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(Error::Boot(format!(
                    "the kernel did not finish within {timeout:?}; give it more with --timeout"
                )));
            }
        }
    }
    let status = child.wait().map_err(|error| Error::Boot(format!("{EMULATOR}: {error}")))?;
    let _ = reader.join();
    match status.code() {
        Some(EXIT_SUCCESS) => Ok(End::Success),
        Some(EXIT_FAILURE) => Ok(End::AtFault),
        _ => {
            let mut words = String::new();
            if let Some(mut stderr) = child.stderr.take() {
                let _ = stderr.read_to_string(&mut words);
            }
            Err(Error::Boot(format!("the machine broke ({status}); {}", words.trim())))
        }
    }
}

fn start(kernel: &Path, archive: &Path) -> Result<Child, Error> {
    Command::new(EMULATOR)
        .args(["-M", "q35", "-cpu", "max", "-accel", "tcg", "-m", &format!("{MEMORY_MIB}M")])
        .args(["-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot", "-nodefaults"])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(archive)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::Boot(format!(
                "{EMULATOR} is not installed; run `cargo xtask install --yes`, or apt-get install qemu-system-x86"
            )),
            _ => Error::Boot(format!("{EMULATOR}: {error}")),
        })
}
