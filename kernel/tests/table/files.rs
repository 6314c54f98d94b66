//! Files: opened, read, written, mapped, closed; artifacts.

use flux_abi::capability::CapabilityKind;
use flux_abi::limits::{FILE_BYTES, FILE_TRANSFER_BYTES, OPEN_FILES};
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_kcore::capability::{Grant, Object, Rights};
use flux_kcore::runtime::Exit;
use flux_kernel::user_memory::words;

use crate::bench::{Answer, Bench, HOSTILE, assemble, bench};

const READ: u64 = 0;
const WRITE: u64 = 1;
const APPEND: u64 = 2;

fn open(bench: &mut Bench, name: &str, mode: u64) -> Answer {
    let name = bench.text(name);
    bench.call(Syscall::Open, [bench.root, name, mode, 0])
}

fn close(bench: &mut Bench, file: u64) {
    assert_eq!(bench.call(Syscall::Close, [file, 0, 0, 0]), Ok(0));
}

/// Puts `text` into a file.
fn write(bench: &mut Bench, name: &str, mode: u64, text: &[u8]) {
    let file = open(bench, name, mode).unwrap();
    let at = bench.place(text);
    assert_eq!(bench.call(Syscall::Write, [file, at, text.len() as u64, 0]), Ok(text.len() as u64));
    close(bench, file);
}

#[test]
fn what_is_written_and_appended_is_read_back_in_pieces() {
    let mut bench = bench();
    write(&mut bench, "log/a", WRITE, b"lost");
    write(&mut bench, "log/a", WRITE, b"one ");
    write(&mut bench, "log/a", APPEND, b"two");
    let file = open(&mut bench, "log/a", READ).unwrap();
    let buffer = bench.place(&[0xEE; 8]);
    assert_eq!(bench.call(Syscall::Read, [file, buffer, 5, 0]), Ok(5));
    assert_eq!(bench.bytes(buffer, 8), b"one t\xEE\xEE\xEE");
    bench.hostile(Syscall::Read, |pointer| [file, pointer, 8, 0]);
    assert_eq!(bench.call(Syscall::Read, [file, buffer, 8, 0]), Ok(2), "a refused read loses nothing");
    assert_eq!(bench.call(Syscall::Read, [file, buffer, 8, 0]), Ok(0));
    assert_eq!(bench.call(Syscall::Write, [file, buffer, 1, 0]), Err(Status::Denied));
    close(&mut bench, file);
    for call in [Syscall::Read, Syscall::Write] {
        assert_eq!(bench.call(call, [file, buffer, 1, 0]), Err(Status::Denied));
    }
}

#[test]
fn names_modes_and_sizes_that_can_not_be_are_refused() {
    let mut bench = bench();
    for name in ["..", "a/../../b", "/etc/passwd", "a//b", "", "a\\b", "c:/x"] {
        for mode in [READ, WRITE, APPEND] {
            assert_eq!(open(&mut bench, name, mode), Err(Status::Invalid), "{name}");
        }
    }
    for mode in [3, 1 << 32, u64::MAX] {
        assert_eq!(open(&mut bench, "a", mode), Err(Status::Invalid));
    }
    assert_eq!(open(&mut bench, "a", READ), Err(Status::NotFound));
    let file = open(&mut bench, "a", WRITE).unwrap();
    for size in [FILE_TRANSFER_BYTES as u64 + 1, u64::MAX] {
        assert_eq!(bench.call(Syscall::Write, [file, 8, size, 0]), Err(Status::Overflow));
    }
    bench.hostile(Syscall::Write, |pointer| [file, pointer, 8, 0]);
    assert_eq!(bench.call(Syscall::Read, [file, 8, 8, 0]), Err(Status::Denied), "opened for writing");
}

#[test]
fn open_files_are_bounded_and_come_back_when_closed_revoked_or_left() {
    let mut bench = bench();
    let grant = Grant::new(CapabilityKind::Filesystem, Object::Kind, Rights::USE);
    let (agent, handle) = bench.other("opener", grant);
    let name = bench.text("a");
    let open = |bench: &mut Bench| bench.call_as(agent, Syscall::Open, [handle, name, WRITE, 0]);
    let files: Vec<u64> = (0..OPEN_FILES).map(|_| open(&mut bench).unwrap()).collect();
    assert_eq!(open(&mut bench), Err(Status::Busy));
    assert_eq!(bench.call_as(agent, Syscall::Close, [files[0], 0, 0, 0]), Ok(0));
    assert!(open(&mut bench).is_ok());
    assert_eq!(open(&mut bench), Err(Status::Busy));
    let revoke = flux_abi::ioctl::Operation::Revoke.number();
    assert_eq!(bench.call_as(agent, Syscall::Ioctl, [files[1], revoke, 0, 0]), Ok(0));
    assert!(open(&mut bench).is_ok(), "a revoked handle holds no place");
    // The handle of the kind takes all that it opened with it.
    assert_eq!(bench.call_as(agent, Syscall::Ioctl, [handle, revoke, 0, 0]), Ok(0));
    let at = bench.place(b"x");
    assert_eq!(bench.call_as(agent, Syscall::Write, [files[2], at, 1, 0]), Err(Status::Denied));
    bench.kernel.end_native(agent, Exit::Stopped(0));
    assert!(bench.kernel.core().files().is_empty());
}

#[test]
fn without_filesystem_no_file_is_opened() {
    let mut bench = bench();
    let name = bench.text("a");
    for kind in [CapabilityKind::IoRead, CapabilityKind::IoWrite, CapabilityKind::Hardware] {
        let (agent, handle) = bench.other(kind.name(), Grant::new(kind, Object::Any, Rights::ALL));
        assert_eq!(bench.call_as(agent, Syscall::Open, [handle, name, WRITE, 0]), Err(Status::Denied));
    }
    // A handle of one device is none of the file system.
    let device = Grant::new(CapabilityKind::Filesystem, Object::Device(0), Rights::ALL);
    let (agent, handle) = bench.other("device", device);
    assert_eq!(bench.call_as(agent, Syscall::Open, [handle, name, WRITE, 0]), Err(Status::Denied));
    // One agent's handle is nothing in the hands of another.
    let file = open(&mut bench, "a", WRITE).unwrap();
    let at = bench.place(b"x");
    assert_eq!(bench.call_as(agent, Syscall::Write, [file, at, 1, 0]), Err(Status::Denied));
}

#[test]
fn what_a_file_holds_is_mapped_to_be_read() {
    let mut bench = bench();
    let root = bench.root;
    write(&mut bench, "a", WRITE, b"12345678abc");
    let file = open(&mut bench, "a", READ).unwrap();
    let before = bench.machine.memory_ref().charged();
    let region = bench.call(Syscall::Mmap, [root, file, 24, 0]).unwrap();
    let (mapped, rights) = bench.machine.memory_ref().region(region).unwrap();
    let words: Vec<u64> = [0, 8, 16].iter().map(|at| mapped.read(*at).unwrap()).collect();
    assert_eq!(words, [u64::from_le_bytes(*b"12345678"), 0x63_62_61, 0]);
    assert_eq!(rights as u64, 1, "to be read alone");
    assert_eq!(bench.call(Syscall::Mmap, [root, file, 0, 0]), Err(Status::Invalid));
    assert_eq!(bench.call(Syscall::Mmap, [root, file, FILE_BYTES as u64 + 1, 0]), Err(Status::Overflow));
    assert_eq!(bench.call(Syscall::Mmap, [root, file, FILE_BYTES as u64, 0]), Err(Status::NoMemory));
    let writer = open(&mut bench, "b", WRITE).unwrap();
    assert_eq!(bench.call(Syscall::Mmap, [root, writer, 8, 0]), Err(Status::Denied));
    assert_eq!(bench.call(Syscall::Munmap, [root, region, 0, 0]), Ok(0));
    assert_eq!(bench.machine.memory_ref().charged(), before, "what was refused is not charged");
}

pub(crate) fn emit() {
    let mut bench = bench();
    let root = bench.root;
    let module = assemble(".name \"a\"");
    let (at, length) = (bench.place(&module), module.len() as u64);
    let artifact = bench.place(&words(&[at, length]));
    let file = open(&mut bench, "a.fluxbc", WRITE).unwrap();
    assert_eq!(bench.call(Syscall::Emit, [root, artifact, file, 0]), Ok(length));
    close(&mut bench, file);
    let file = open(&mut bench, "a.fluxbc", READ).unwrap();
    let buffer = bench.reserve(length);
    assert_eq!(bench.call(Syscall::Read, [file, buffer, length, 0]), Ok(length));
    assert_eq!(bench.bytes(buffer, length), module);
    // It goes to a file that may be written, and nowhere else.
    assert_eq!(bench.call(Syscall::Emit, [root, artifact, file, 0]), Err(Status::Denied));
    let pin = bench.open("gpio:17").unwrap();
    for target in [pin, root] {
        assert_eq!(bench.call(Syscall::Emit, [root, artifact, target, 0]), Err(Status::Invalid));
    }
    for target in [0, 1, u64::MAX] {
        assert_eq!(bench.call(Syscall::Emit, [root, artifact, target, 0]), Err(Status::Denied));
    }
    let file = open(&mut bench, "b", WRITE).unwrap();
    for cut in [0, 1, length - 1] {
        let artifact = bench.place(&words(&[at, cut]));
        assert_eq!(bench.call(Syscall::Emit, [root, artifact, file, 0]), Err(Status::Invalid));
    }
    for length in [FILE_BYTES as u64 + 1, u64::MAX] {
        let artifact = bench.place(&words(&[at, length]));
        assert_eq!(bench.call(Syscall::Emit, [root, artifact, file, 0]), Err(Status::Overflow));
    }
    for pointer in HOSTILE {
        let artifact = bench.place(&words(&[pointer, length]));
        assert_eq!(bench.call(Syscall::Emit, [root, artifact, file, 0]), Err(Status::Invalid));
    }
    bench.hostile(Syscall::Emit, |pointer| [root, pointer, file, 0]);
    let file = open(&mut bench, "b", READ).unwrap();
    assert_eq!(bench.call(Syscall::Read, [file, buffer, 8, 0]), Ok(0), "what was refused wrote nothing");
}
