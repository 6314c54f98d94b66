//! Every row of the table of system calls: success, each status, hostile pointers and lengths.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]
#![allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]
#![allow(clippy::indexing_slicing, reason = "an index out of range fails the test")]
#![allow(clippy::cast_possible_truncation, reason = "small lengths")]

mod support;

use std::sync::Arc;

use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::limits::{DOCUMENT_BYTES, MODULE_BYTES, PAYLOAD_BYTES};
use flux_abi::message::MessageType;
use flux_abi::status::Status;
use flux_abi::syscall::{MemoryType, SYSCALLS, Syscall};
use flux_hal::{HardwareInfo, Stream};
use flux_kcore::capability::{Grant, Object, Rights};
use flux_kcore::id::{AgentId, ProcessId, TopicId};
use flux_kcore::time::Time;
use flux_kernel::Kernel;
use flux_kernel::syscall::{EXECUTE, MESSAGE_BYTES};
use flux_kernel::user_memory::{UserMemory, Words, words};
use flux_vm::{Config, Instance, Program};
use support::Still;

type Answer = Result<u64, Status>;

/// A caller whose memory is a machine's, so that it can have regions.
struct Bench {
    kernel: Kernel<Still>,
    agent: AgentId,
    root: u64,
    machine: Instance,
    next: u64,
}

/// Bytes that the caller may be charged for.
const QUOTA: u64 = 1 << 20;

/// Claims that reach outside of the caller's memory, or wrap.
const HOSTILE: [u64; 7] =
    [1 << 19, u32::MAX as u64, 1 << 32, i64::MAX as u64, 1 << 63, u64::MAX - 7, u64::MAX];

fn assemble(head: &str) -> Vec<u8> {
    let text = format!(
        ".memory 65536\n.gas 1000\n.period 1000000000\n{head}\n.export loop \"\" function @l\n.function l\nRET\n"
    );
    flux_isa::asm::assemble(&text).unwrap().encode()
}

fn bench_with(grant: Grant) -> Bench {
    let hardware = HardwareInfo {
        architecture: "test64",
        processor: "Test Processor".into(),
        features: vec!["one", "two"],
        cores: 3,
        memory_bytes: 1 << 30,
    };
    let devices = ["i2c:0x48=const(21.5)", "gpio:17", "adc:2=const(1)"];
    let mut kernel = support::kernel(&devices, Some(hardware));
    let (_, agent, root) = kernel.native_process("caller", grant).unwrap();
    let text = ".name \"m\"\n.state 65536\n.export loop \"\" function @l\n.function l\nRET\n";
    let verified = flux_verify::verify(flux_isa::asm::assemble(text).unwrap()).unwrap();
    let config = Config { quota: QUOTA, capabilities: CapabilitySet::EMPTY };
    let machine = Instance::new(Arc::new(Program::load(verified).unwrap()), config).unwrap();
    let next = machine.memory_ref().writable_base().max(8);
    Bench { kernel, agent, root: root.word(), machine, next }
}

fn bench() -> Bench {
    bench_with(Grant::ROOT)
}

impl Bench {
    fn refusal(&mut self, call: Syscall, arguments: [u64; 4]) -> (Answer, u64) {
        let memory = self.machine.memory();
        match self.kernel.syscall(self.agent, call.number(), arguments, memory) {
            Ok(value) => (Ok(value), 0),
            Err(refusal) => (Err(refusal.status), refusal.value),
        }
    }

    fn call(&mut self, call: Syscall, arguments: [u64; 4]) -> Answer {
        self.refusal(call, arguments).0
    }

    /// `call` in the name of another agent.
    fn call_as(&mut self, agent: AgentId, call: Syscall, arguments: [u64; 4]) -> Answer {
        let own = core::mem::replace(&mut self.agent, agent);
        let answer = self.call(call, arguments);
        self.agent = own;
        answer
    }

    fn reserve(&mut self, length: u64) -> u64 {
        let at = self.next;
        self.next = (at + length).next_multiple_of(8);
        at
    }

    fn place(&mut self, bytes: &[u8]) -> u64 {
        let at = self.reserve(bytes.len() as u64);
        self.machine.memory().write(at, bytes).unwrap();
        at
    }

    fn text(&mut self, text: &str) -> u64 {
        let mut bytes = (text.len() as u32).to_le_bytes().repeat(2);
        bytes.extend_from_slice(text.as_bytes());
        self.place(&bytes)
    }

    fn bytes(&self, at: u64, length: u64) -> Vec<u8> {
        UserMemory::read(self.machine.memory_ref(), at, length).unwrap().to_vec()
    }

    /// A handle of another grant, held by an agent of its own.
    fn other(&mut self, name: &str, grant: Grant) -> (AgentId, u64) {
        let (agent, handle) = self.kernel.native_agent(name, ProcessId::KERNEL, grant).unwrap();
        (agent, handle.word())
    }

    fn load(&mut self, head: &str) -> u64 {
        let bytes = assemble(head);
        let at = self.place(&bytes);
        self.call(Syscall::BcLoad, [self.root, at, bytes.len() as u64, 0]).unwrap()
    }

    fn execute(&mut self, module: u64) -> Answer {
        let record = self.place(&words(&[module, self.root, 0, 0, 0, 0, 0, 0]));
        self.call(Syscall::BcExec, [self.root, module, record, 0])
    }

    /// A started agent: its handle.
    fn child(&mut self, name: &str) -> u64 {
        let module = self.load(&format!(".name \"{name}\""));
        let handle = self.execute(module).unwrap();
        self.kernel.start_pending().unwrap();
        handle
    }

    fn open(&mut self, name: &str) -> Answer {
        let name = self.text(name);
        self.call(Syscall::Open, [self.root, name, 0, 0])
    }

    /// Each hostile pointer is refused as INVALID.
    fn hostile(&mut self, call: Syscall, arguments: impl Fn(u64) -> [u64; 4]) {
        for pointer in HOSTILE {
            assert_eq!(self.call(call, arguments(pointer)), Err(Status::Invalid), "{call:?} {pointer:#x}");
        }
    }

    /// Text that a call writes to a buffer, and OVERFLOW with the length if it does not fit.
    fn text_of(&mut self, call: Syscall, arguments: impl Fn(u64, u64) -> [u64; 4]) -> String {
        let at = self.reserve(4096);
        self.machine.memory().write(at, &[0xEE; 4096]).unwrap();
        let length = self.call(call, arguments(at, 4096)).unwrap();
        let text = String::from_utf8(self.bytes(at, length)).unwrap();
        assert_eq!(self.bytes(at + length, 1), [0xEE]);
        self.machine.memory().write(at, &[0xEE; 4096]).unwrap();
        assert_eq!(self.refusal(call, arguments(at, length - 1)), (Err(Status::Overflow), length));
        assert_eq!(self.bytes(at, length), vec![0xEE; length as usize], "nothing is written");
        assert_eq!(self.call(call, arguments(at, length)), Ok(length));
        for pointer in HOSTILE {
            assert_eq!(self.call(call, arguments(pointer, length)), Err(Status::Invalid));
            assert_eq!(self.call(call, arguments(pointer, u64::MAX)), Err(Status::Invalid));
        }
        text
    }
}

/// One case for each row; a row without one fails `every_row_has_a_case_and_it_holds`.
const CASES: &[(Syscall, fn())] = &[
    (Syscall::Spawn, spawn),
    (Syscall::Yield, || assert_eq!(bench().call(Syscall::Yield, [9; 4]), Ok(0))),
    (Syscall::Exit, || assert_eq!(bench().call(Syscall::Exit, [0; 4]), Err(Status::Invalid))),
    (Syscall::Kill, kill),
    (Syscall::Wait, wait),
    (Syscall::Getpid, || assert_eq!(bench().call(Syscall::Getpid, [0; 4]), Ok(2))),
    (Syscall::Alloc, alloc),
    (Syscall::Free, || release(Syscall::Free)),
    (Syscall::Mmap, mmap),
    (Syscall::Munmap, || release(Syscall::Munmap)),
    (Syscall::Mprotect, mprotect),
    (Syscall::A2aSend, send),
    (Syscall::A2aRecv, receive),
    (Syscall::A2aBroadcast, broadcast),
    (Syscall::A2aSubscribe, subscribe),
    (Syscall::BcLoad, load),
    (Syscall::BcExec, exec),
    (Syscall::BcStatus, status),
    (Syscall::BcDump, dump),
    (Syscall::Compile, compile),
    (Syscall::Emit, || lacking(Syscall::Emit)),
    (Syscall::Devcode, || lacking(Syscall::Devcode)),
    (Syscall::Read, read),
    (Syscall::Write, write),
    (Syscall::Ioctl, ioctl),
    (Syscall::Open, open),
    (Syscall::Close, close),
    (Syscall::HwInfo, hardware),
    (Syscall::HwConfig, configure),
    (Syscall::Info, info),
    (Syscall::Log, log),
];

#[test]
fn every_row_has_a_case_and_it_holds() {
    for row in SYSCALLS {
        let mut cases = CASES.iter().filter(|(call, _)| *call == row.call);
        let case = cases.next().unwrap_or_else(|| panic!("{} has no case", row.name));
        assert!(cases.next().is_none(), "{} has two cases", row.name);
        case.1();
    }
}

#[test]
fn a_handle_is_checked_before_everything_else() {
    let kind_of = |row: &flux_abi::syscall::SyscallInfo| row.capability;
    for row in SYSCALLS {
        let Some(kind) = kind_of(row) else { continue };
        // A handle of every kind but this one: no pointer is looked at.
        let mut others = CapabilitySet::EMPTY;
        for other in CapabilitySet::ALL.iter().filter(|other| *other != kind) {
            let implies = CapabilitySet::EMPTY.with(other).allows(kind);
            others = if implies { others } else { others.with(other) };
        }
        let mut bench = bench_with(Grant { kinds: others, ..Grant::ROOT });
        for handle in [0, 1, bench.root, bench.root ^ 1 << 16, bench.root ^ 1 << 40, u64::MAX] {
            for rest in [0, 8, u64::MAX] {
                let refused = bench.call(row.call, [handle, rest, rest, rest]);
                assert_eq!(refused, Err(Status::Denied), "{} {handle:#x}", row.name);
            }
        }
        // The kind without any right; a send looks for the right once it knows the form.
        let mut bench = bench_with(Grant { rights: Rights::NONE, ..Grant::ROOT });
        if !matches!(row.call, Syscall::A2aSend | Syscall::A2aRecv) {
            let refused = bench.call(row.call, [bench.root, u64::MAX, u64::MAX, u64::MAX]);
            assert_eq!(refused, Err(Status::Denied), "{}", row.name);
        }
    }
}

#[test]
fn a_revoked_handle_is_denied_on_every_call() {
    const REVOKE: u64 = 3;
    for row in SYSCALLS.iter().filter(|row| row.capability.is_some()) {
        let mut bench = bench();
        let root = bench.root;
        assert_eq!(bench.call(Syscall::Ioctl, [root, REVOKE, 0, 0]), Ok(0));
        for rest in [0, 8, u64::MAX] {
            assert_eq!(bench.call(row.call, [root, rest, rest, rest]), Err(Status::Denied), "{}", row.name);
        }
    }
}

/// Calls that this kernel does not have.
fn lacking(call: Syscall) {
    let mut bench = bench();
    for word in [0, 8, u64::MAX] {
        assert_eq!(bench.call(call, [bench.root, word, word, word]), Err(Status::NotFound));
    }
}

fn spawn() {
    let mut bench = bench();
    let root = bench.root;
    let module = bench.load(".name \"worker\"");
    let record = bench.place(&words(&[module, root, 0, 0, 0, 0, 0, 0]));
    let handle = bench.call(Syscall::Spawn, [root, record, 0, 0]).unwrap();
    assert_eq!(bench.call(Syscall::Spawn, [root, record, 0, 0]), Err(Status::Exists));
    bench.kernel.start_pending().unwrap();
    assert_eq!(bench.kernel.living(), 1);
    assert_eq!(bench.call(Syscall::Kill, [handle, 0, 0, 0]), Ok(0));
    // The module must be a handle too.
    for module in [0, root ^ 1, u64::MAX] {
        let record = bench.place(&words(&[module, root, 0, 0, 0, 0, 0, 0]));
        assert_eq!(bench.call(Syscall::Spawn, [root, record, 0, 0]), Err(Status::Denied));
    }
    let record = bench.place(&words(&[root, root, 0, 0, 0, 0, 0, 0]));
    assert_eq!(bench.call(Syscall::Spawn, [root, record, 0, 0]), Err(Status::Invalid));
    bench.hostile(Syscall::Spawn, |pointer| [root, pointer, 0, 0]);
    for pointer in HOSTILE {
        for (place, length) in [(2, 8), (4, 8), (6, 8)] {
            let mut record = [module, root, 0, 0, 0, 0, 0, 0];
            (record[place], record[place + 1]) = (pointer, length);
            let at = bench.place(&words(&record));
            assert_eq!(bench.call(Syscall::Spawn, [root, at, 0, 0]), Err(Status::Invalid), "{pointer:#x}");
            record[place + 1] = u64::MAX;
            let at = bench.place(&words(&record));
            assert_eq!(bench.call(Syscall::Spawn, [root, at, 0, 0]), Err(Status::Overflow));
        }
    }
    assert_eq!(bench.kernel.core().agent_count(), 2, "a refused call starts nobody");
}

fn kill() {
    let mut bench = bench();
    let child = bench.child("worker");
    let (stranger, own) = bench.other("stranger", Grant::ROOT);
    assert_eq!(bench.call_as(stranger, Syscall::Kill, [child, 0, 0, 0]), Err(Status::NotFound));
    let caller = bench.agent.word();
    assert_eq!(bench.call_as(stranger, Syscall::Kill, [caller, 0, 0, 0]), Err(Status::Denied));
    assert_eq!(bench.call_as(stranger, Syscall::Kill, [own, 0, 0, 0]), Err(Status::NotFound));
    assert_eq!(bench.call(Syscall::Kill, [0; 4]), Err(Status::Invalid));
    assert_eq!(bench.call(Syscall::Kill, [u64::MAX, 0, 0, 0]), Err(Status::NotFound));
    assert_eq!(bench.call(Syscall::Kill, [child, 0, 0, 0]), Ok(0));
    bench.kernel.start_pending().unwrap();
    assert_eq!(bench.kernel.living(), 0);
    assert_eq!(bench.call(Syscall::Kill, [child, 0, 0, 0]), Err(Status::NotFound));
}

fn wait() {
    let mut bench = bench();
    let child = bench.child("worker");
    // Nobody who calls from Rust can be suspended.
    assert_eq!(bench.call(Syscall::Wait, [child, 1, 0, 0]), Err(Status::Busy));
    assert_eq!(bench.call(Syscall::Wait, [0; 4]), Err(Status::Invalid));
    let (stranger, _) = bench.other("stranger", Grant::ROOT);
    let caller = bench.agent.word();
    assert_eq!(bench.call_as(stranger, Syscall::Wait, [caller, 0, 0, 0]), Err(Status::Denied));
    bench.call(Syscall::Kill, [child, 0, 0, 0]).unwrap();
    bench.kernel.start_pending().unwrap();
    assert_eq!(bench.call(Syscall::Wait, [child, 1, 0, 0]), Err(Status::NotFound));
}

fn alloc() {
    let mut bench = bench();
    let root = bench.root;
    let before = bench.machine.memory_ref().charged();
    for kind in MemoryType::ALL {
        let expected = match kind {
            MemoryType::User => Ok(1),
            MemoryType::Bytecode => Ok(2),
            MemoryType::Agent => Ok(3),
            MemoryType::Device => Err(Status::NotFound),
            MemoryType::Kernel | MemoryType::Compiled => Err(Status::Denied),
        };
        assert_eq!(bench.call(Syscall::Alloc, [root, kind.number(), 64, 0]), expected, "{kind:?}");
    }
    assert_eq!(bench.machine.memory_ref().charged(), before + 3 * 64);
    for kind in [6, 1 << 32, u64::MAX] {
        assert_eq!(bench.call(Syscall::Alloc, [root, kind, 64, 0]), Err(Status::Invalid));
    }
    let user = MemoryType::User.number();
    assert_eq!(bench.call(Syscall::Alloc, [root, user, 0, 0]), Err(Status::Invalid));
    for size in [QUOTA, QUOTA + 1, 1 << 40, u64::MAX - 7, u64::MAX] {
        assert_eq!(bench.call(Syscall::Alloc, [root, user, size, 0]), Err(Status::NoMemory), "{size}");
    }
    for number in 4..=15 {
        assert_eq!(bench.call(Syscall::Alloc, [root, user, 8, 0]), Ok(number));
    }
    assert_eq!(bench.call(Syscall::Alloc, [root, user, 8, 0]), Err(Status::Busy));
    // DEVICE memory needs HARDWARE too.
    let kinds = CapabilitySet::EMPTY.with(CapabilityKind::Memory);
    let mut bench = bench_with(Grant { kinds, ..Grant::ROOT });
    let device = MemoryType::Device.number();
    assert_eq!(bench.call(Syscall::Alloc, [bench.root, device, 64, 0]), Err(Status::Denied));
}

fn release(call: Syscall) {
    let mut bench = bench();
    let root = bench.root;
    let before = bench.machine.memory_ref().charged();
    let region = bench.call(Syscall::Alloc, [root, 1, 4096, 0]).unwrap();
    for other in [0, 2, 15, 16, 1 << 32 | region, u64::MAX] {
        assert_eq!(bench.call(call, [root, other, 0, 0]), Err(Status::NotFound), "{other}");
    }
    assert_eq!(bench.machine.memory_ref().charged(), before + 4096);
    assert_eq!(bench.call(call, [root, region, 0, 0]), Ok(0));
    assert_eq!(bench.machine.memory_ref().charged(), before);
    assert_eq!(bench.call(call, [root, region, 0, 0]), Err(Status::NotFound));
}

fn mmap() {
    let mut bench = bench();
    let root = bench.root;
    assert_eq!(bench.call(Syscall::Mmap, [root, 0, 64, 0]), Ok(1));
    assert_eq!(bench.call(Syscall::Mmap, [root, 0, 0, 0]), Err(Status::Invalid));
    assert_eq!(bench.call(Syscall::Mmap, [root, 0, u64::MAX, 0]), Err(Status::NoMemory));
    assert_eq!(bench.call(Syscall::Mmap, [root, 7, 64, 0]), Err(Status::Denied));
    assert_eq!(bench.call(Syscall::Mmap, [root, root, 64, 0]), Err(Status::Invalid));
    let device = bench.open("i2c:0x48").unwrap();
    assert_eq!(bench.call(Syscall::Mmap, [root, device, 64, 0]), Err(Status::NotFound));
    for number in 2..=15 {
        assert_eq!(bench.call(Syscall::Mmap, [root, 0, 8, 0]), Ok(number));
    }
    assert_eq!(bench.call(Syscall::Mmap, [root, 0, 8, 0]), Err(Status::Busy));
}

fn mprotect() {
    const READ: u64 = 1;
    const WRITE: u64 = 2;
    const SHARE: u64 = 4;
    let mut bench = bench();
    let root = bench.root;
    let region = bench.call(Syscall::Alloc, [root, 1, 64, 0]).unwrap();
    let mut protect = |region, rights| bench.call(Syscall::Mprotect, [root, region, rights, 0]);
    assert_eq!(protect(region, READ), Ok(0));
    assert_eq!(protect(region, READ | WRITE), Ok(0));
    assert_eq!(protect(region, READ | SHARE), Err(Status::Denied));
    for both in [WRITE | EXECUTE, READ | WRITE | EXECUTE, READ | WRITE | SHARE | EXECUTE] {
        assert_eq!(protect(region, both), Err(Status::Invalid), "{both}");
    }
    assert_eq!(protect(region, READ | EXECUTE), Err(Status::NotFound));
    for rights in [0, 4, 6, 16, 1 << 32 | READ, u64::MAX] {
        assert_eq!(protect(region, rights), Err(Status::Invalid), "{rights}");
    }
    for other in [0, 2, 16, u64::MAX] {
        assert_eq!(protect(other, READ), Err(Status::NotFound), "{other}");
    }
}

/// A payload: handler `hi` without values.
const HI: &[u8] = b"\x02hi\x00";

fn send() {
    let mut bench = bench();
    let child = bench.child("worker");
    let hi = bench.place(HI);
    let record = |bench: &mut Bench, kind: u64, reply: u64, at: u64, length: u64| {
        bench.place(&words(&[kind, reply, at, length, 0]))
    };
    let tell = MessageType::Tell as u64;
    let good = record(&mut bench, tell, 0, hi, HI.len() as u64);
    assert!(bench.call(Syscall::A2aSend, [child, good, 0, 0]).is_ok());
    for kind in [MessageType::Ask, MessageType::Delegate] {
        let at = record(&mut bench, kind as u64, 0, hi, HI.len() as u64);
        assert!(bench.call(Syscall::A2aSend, [child, at, 0, 0]).is_ok(), "{kind:?}");
    }
    // Not every handle of the kind is an endpoint that may be written to.
    assert_eq!(bench.call(Syscall::A2aSend, [bench.root, good, 0, 0]), Err(Status::Denied));
    let target = Object::Endpoint(bench.agent);
    let (other, read_only) =
        bench.other("reader", Grant::new(CapabilityKind::Communicate, target, Rights::READ));
    assert_eq!(bench.call_as(other, Syscall::A2aSend, [read_only, good, 0, 0]), Err(Status::Denied));
    for kind in [MessageType::Event as u64, 11, 256, u64::MAX] {
        let at = record(&mut bench, kind, 0, hi, HI.len() as u64);
        assert_eq!(bench.call(Syscall::A2aSend, [child, at, 0, 0]), Err(Status::Invalid), "{kind}");
    }
    // A reply that nobody asked for is a fault, which is INVALID to a caller without a machine.
    for (kind, reply) in [(MessageType::Reply, 0), (MessageType::Reply, 77), (MessageType::Result, u64::MAX)]
    {
        let at = record(&mut bench, kind as u64, reply, hi, HI.len() as u64);
        assert_eq!(bench.call(Syscall::A2aSend, [child, at, 0, 0]), Err(Status::Invalid));
    }
    let garbage = bench.place(&[0xFF; 8]);
    let at = record(&mut bench, tell, 0, garbage, 8);
    assert_eq!(bench.call(Syscall::A2aSend, [child, at, 0, 0]), Err(Status::Invalid));
    let at = record(&mut bench, tell, 0, hi, PAYLOAD_BYTES as u64 + 1);
    assert_eq!(bench.call(Syscall::A2aSend, [child, at, 0, 0]), Err(Status::Overflow));
    bench.hostile(Syscall::A2aSend, |pointer| [child, pointer, 0, 0]);
    for pointer in HOSTILE {
        let at = record(&mut bench, tell, 0, pointer, HI.len() as u64);
        assert_eq!(bench.call(Syscall::A2aSend, [child, at, 0, 0]), Err(Status::Invalid));
    }
    let full = (0..100).map(|_| bench.call(Syscall::A2aSend, [child, good, 0, 0])).find(Result::is_err);
    assert_eq!(full, Some(Err(Status::Busy)));
    bench.call(Syscall::Kill, [child, 0, 0, 0]).unwrap();
    bench.kernel.start_pending().unwrap();
    assert_eq!(bench.call(Syscall::A2aSend, [child, good, 0, 0]), Err(Status::NotFound));
}

fn receive() {
    let mut bench = bench();
    let root = bench.root;
    let target = Object::Endpoint(bench.agent);
    let grant = Grant { badge: 9, ..Grant::new(CapabilityKind::Communicate, target, Rights::WRITE) };
    let (sender, endpoint) = bench.other("sender", grant);
    let hi = bench.place(HI);
    let record = bench.place(&words(&[MessageType::Tell as u64, 0, hi, HI.len() as u64, 0]));
    let buffer = bench.reserve(MESSAGE_BYTES);
    assert_eq!(bench.call(Syscall::A2aRecv, [root, buffer, MESSAGE_BYTES, 0]), Err(Status::NotFound));
    bench.call_as(sender, Syscall::A2aSend, [endpoint, record, 0, 0]).unwrap();
    bench.kernel.run(Time::from_ns(1), 8);
    // What is refused leaves the message where it is.
    for size in [0, MESSAGE_BYTES - 1] {
        assert_eq!(bench.call(Syscall::A2aRecv, [root, buffer, size, 0]), Err(Status::Invalid));
    }
    bench.hostile(Syscall::A2aRecv, |pointer| [root, pointer, MESSAGE_BYTES, 0]);
    assert_eq!(bench.call(Syscall::A2aRecv, [0, buffer, MESSAGE_BYTES, 0]), Err(Status::Denied));
    let length = bench.call(Syscall::A2aRecv, [root, buffer, u64::MAX, 0]).unwrap();
    assert_eq!(length, 64 + HI.len() as u64);
    let head = Words::<8>::read(bench.machine.memory_ref(), buffer).unwrap();
    assert_eq!([head.get(1), head.get(2), head.get(3)], [MessageType::Tell as u64, sender.word(), 0]);
    assert_eq!([head.get(6), head.get(7)], [9, HI.len() as u64]);
    assert_eq!(bench.bytes(buffer + 64, HI.len() as u64), HI);
    assert_eq!(bench.call(Syscall::A2aRecv, [root, buffer, MESSAGE_BYTES, 0]), Err(Status::NotFound));
}

/// A bench whose topic 1 exists, and a handle for it held by another agent.
fn with_topic(rights: Rights) -> (Bench, AgentId, u64) {
    let mut bench = bench();
    let module = bench.load(".name \"worker\"\n.capability COMMUNICATE\n.subscribe \"news\"");
    bench.execute(module).unwrap();
    bench.kernel.start_pending().unwrap();
    let topic = Object::Topic(TopicId::new(1, 0).unwrap());
    let (agent, handle) = bench.other("publisher", Grant::new(CapabilityKind::Communicate, topic, rights));
    (bench, agent, handle)
}

fn broadcast() {
    let (mut bench, publisher, topic) = with_topic(Rights::WRITE);
    let hi = bench.place(HI);
    let record = bench.place(&words(&[hi, HI.len() as u64]));
    assert_eq!(bench.call_as(publisher, Syscall::A2aBroadcast, [topic, record, 0, 0]), Ok(1));
    assert_eq!(bench.call(Syscall::A2aBroadcast, [bench.root, record, 0, 0]), Err(Status::Denied));
    bench.agent = publisher;
    let long = bench.place(&words(&[hi, PAYLOAD_BYTES as u64 + 1]));
    assert_eq!(bench.call(Syscall::A2aBroadcast, [topic, long, 0, 0]), Err(Status::Overflow));
    bench.hostile(Syscall::A2aBroadcast, |pointer| [topic, pointer, 0, 0]);
    for pointer in HOSTILE {
        let record = bench.place(&words(&[pointer, HI.len() as u64]));
        assert_eq!(bench.call(Syscall::A2aBroadcast, [topic, record, 0, 0]), Err(Status::Invalid));
    }
}

fn subscribe() {
    let (mut bench, reader, topic) = with_topic(Rights::READ);
    assert_eq!(bench.call_as(reader, Syscall::A2aSubscribe, [topic, 0, 0, 0]), Ok(0));
    assert_eq!(bench.call_as(reader, Syscall::A2aSubscribe, [topic, 0, 0, 0]), Err(Status::Exists));
    assert_eq!(bench.call(Syscall::A2aSubscribe, [bench.root, 0, 0, 0]), Err(Status::Denied));
    let (mut bench, writer, topic) = with_topic(Rights::WRITE);
    assert_eq!(bench.call_as(writer, Syscall::A2aSubscribe, [topic, 0, 0, 0]), Err(Status::Denied));
}

fn load() {
    let mut bench = bench();
    let root = bench.root;
    let bytes = assemble(".name \"a\"");
    let (at, length) = (bench.place(&bytes), bytes.len() as u64);
    let module = bench.call(Syscall::BcLoad, [root, at, length, 0]).unwrap();
    assert_ne!(bench.call(Syscall::BcLoad, [root, at, length, 0]), Ok(module), "another handle");
    for size in [0, 1, length - 1, length + 8] {
        assert_eq!(bench.call(Syscall::BcLoad, [root, at, size, 0]), Err(Status::Invalid), "{size}");
    }
    for size in [MODULE_BYTES as u64 + 1, u64::MAX] {
        assert_eq!(bench.call(Syscall::BcLoad, [root, at, size, 0]), Err(Status::Overflow));
    }
    bench.hostile(Syscall::BcLoad, |pointer| [root, pointer, length, 0]);
}

fn exec() {
    let mut bench = bench();
    let root = bench.root;
    let module = bench.load(".name \"worker\"");
    assert!(bench.execute(module).is_ok());
    assert_eq!(bench.execute(module), Err(Status::Exists));
    assert_eq!(bench.execute(root), Err(Status::Invalid));
    assert_eq!(bench.execute(0), Err(Status::Denied));
    bench.hostile(Syscall::BcExec, |pointer| [root, module, pointer, 0]);
    // Two names for two agents of one module.
    let name = bench.place(b"second");
    let record = bench.place(&words(&[module, root, name, 6, 0, 0, 0, 0]));
    assert!(bench.call(Syscall::BcExec, [root, module, record, 0]).is_ok());
}

fn status() {
    let mut bench = bench();
    let child = bench.child("worker");
    let buffer = bench.reserve(32);
    assert_eq!(bench.call(Syscall::BcStatus, [0, buffer, 32, 0]), Ok(32));
    assert_eq!(bench.call(Syscall::BcStatus, [child, buffer, 32, 0]), Ok(32));
    assert_eq!(bench.refusal(Syscall::BcStatus, [child, buffer, 31, 0]), (Err(Status::Overflow), 32));
    assert_eq!(bench.call(Syscall::BcStatus, [bench.root, buffer, 32, 0]), Err(Status::Invalid));
    for handle in [1, child ^ 1 << 16, u64::MAX] {
        assert_eq!(bench.call(Syscall::BcStatus, [handle, buffer, 32, 0]), Err(Status::Denied));
    }
    bench.hostile(Syscall::BcStatus, |pointer| [child, pointer, 32, 0]);
    bench.call(Syscall::Kill, [child, 0, 0, 0]).unwrap();
    bench.kernel.start_pending().unwrap();
    assert_eq!(bench.call(Syscall::BcStatus, [child, buffer, 32, 0]), Err(Status::NotFound));
}

fn dump() {
    let mut bench = bench();
    let root = bench.root;
    let child = bench.child("worker");
    let text = bench.text_of(Syscall::BcDump, |at, size| [root, child, at, size]);
    assert!(text.starts_with("; agent worker, state CREATED\n"), "{text}");
    assert!(text.contains("\n; seen in slot 2\n"), "{text}");
    let back = flux_isa::asm::assemble(&text).unwrap();
    assert_eq!(back.meta.name, "worker");
    // The caller itself is part of the kernel and has no code.
    assert_eq!(bench.call(Syscall::BcDump, [root, 0, 8, 8]), Err(Status::NotFound));
    assert_eq!(bench.call(Syscall::BcDump, [root, root, 8, 8]), Err(Status::Invalid));
    assert_eq!(bench.call(Syscall::BcDump, [root, u64::MAX, 8, 8]), Err(Status::Denied));
    bench.call(Syscall::Kill, [child, 0, 0, 0]).unwrap();
    bench.kernel.start_pending().unwrap();
    assert_eq!(bench.call(Syscall::BcDump, [root, child, 8, 8]), Err(Status::NotFound));
}

fn compile() {
    let mut bench = bench();
    let root = bench.root;
    let source = bench.place(b"agents a b");
    let output = bench.reserve(4096);
    let good = [source, 10, source, 6, output, 4096, 0, 0];
    let at = bench.place(&words(&good));
    assert_eq!(bench.call(Syscall::Compile, [root, at, 0, 0]), Ok(2));
    let back = Words::<8>::read(bench.machine.memory_ref(), at).unwrap();
    assert_eq!(back.get(6), 2);
    let mut with = |changes: &[(usize, u64)]| {
        let mut record = good;
        for (place, word) in changes {
            record[*place] = *word;
        }
        let at = bench.place(&words(&record));
        bench.refusal(Syscall::Compile, [root, at, 0, 0])
    };
    assert_eq!(with(&[(5, 8)]), (Err(Status::Overflow), back.get(7)));
    // No agents at all is a mistake in the document.
    assert_eq!(with(&[(1, 6)]).0, Err(Status::Invalid));
    assert_eq!(with(&[(1, DOCUMENT_BYTES as u64 + 1)]).0, Err(Status::Overflow));
    assert_eq!(with(&[(1, u64::MAX)]).0, Err(Status::Overflow));
    assert_eq!(with(&[(3, u64::MAX)]).0, Err(Status::Overflow));
    for pointer in HOSTILE {
        for place in [0, 2, 4] {
            assert_eq!(with(&[(place, pointer)]).0, Err(Status::Invalid), "{place} {pointer:#x}");
        }
    }
    bench.hostile(Syscall::Compile, |pointer| [root, pointer, 0, 0]);
}

fn read() {
    let mut bench = bench();
    let device = bench.open("i2c:0x48").unwrap();
    let buffer = bench.place(&[0xEE; 16]);
    assert_eq!(bench.call(Syscall::Read, [device, buffer, 16, 0]), Ok(8));
    assert_eq!(bench.bytes(buffer, 8), 21.5f64.to_le_bytes());
    assert_eq!(bench.bytes(buffer + 8, 8), [0xEE; 8]);
    assert_eq!(bench.call(Syscall::Read, [device, buffer, 7, 0]), Err(Status::Invalid));
    assert_eq!(bench.call(Syscall::Read, [bench.root, buffer, 8, 0]), Err(Status::Invalid));
    bench.hostile(Syscall::Read, |pointer| [device, pointer, 8, 0]);
    bench.hostile(Syscall::Read, |pointer| [device, pointer, u64::MAX, 0]);
    let console = bench.open("console").unwrap();
    assert_eq!(bench.call(Syscall::Read, [console, buffer, 8, 0]), Err(Status::Denied));
}

fn write() {
    let mut bench = bench();
    let pin = bench.open("gpio:17").unwrap();
    let word = bench.place(&1u64.to_le_bytes());
    assert_eq!(bench.call(Syscall::Write, [pin, word, 8, 0]), Ok(8));
    let back = bench.reserve(8);
    bench.call(Syscall::Read, [pin, back, 8, 0]).unwrap();
    assert_eq!(bench.bytes(back, 8), 1u64.to_le_bytes());
    for size in [0, 7, 9, u64::MAX] {
        assert_eq!(bench.call(Syscall::Write, [pin, word, size, 0]), Err(Status::Invalid));
    }
    bench.hostile(Syscall::Write, |pointer| [pin, pointer, 8, 0]);
    assert_eq!(bench.call(Syscall::Write, [bench.root, word, 8, 0]), Err(Status::Invalid));
    let console = bench.open("console").unwrap();
    let text = bench.place(b"hello");
    bench.kernel.take_records();
    assert_eq!(bench.call(Syscall::Write, [console, text, 5, 0]), Ok(5));
    let records = bench.kernel.take_records();
    assert_eq!(records.last().unwrap().text, "console: hello");
    assert_eq!(bench.call(Syscall::Write, [console, text, (64 << 10) + 1, 0]), Err(Status::Overflow));
    bench.hostile(Syscall::Write, |pointer| [console, pointer, 5, 0]);
}

fn ioctl() {
    const KIND_HANDLE: u64 = 1;
    const UNSUBSCRIBE: u64 = 2;
    const REVOKE: u64 = 3;
    let (mut bench, reader, topic) = with_topic(Rights::READ);
    let mut as_reader = |arguments| bench.call_as(reader, Syscall::Ioctl, arguments);
    assert_eq!(as_reader([topic, UNSUBSCRIBE, 0, 0]), Err(Status::NotFound));
    assert_eq!(as_reader([topic, KIND_HANDLE, 0, 0]), Err(Status::Invalid));
    assert_eq!(as_reader([0, KIND_HANDLE, 0, 0]), Err(Status::NotFound));
    for kind in [11, 256, u64::MAX] {
        assert_eq!(as_reader([0, KIND_HANDLE, kind, 0]), Err(Status::Invalid));
    }
    for operation in [0, 4, u64::MAX] {
        assert_eq!(as_reader([topic, operation, u64::MAX, 0]), Err(Status::NotFound));
        assert_eq!(as_reader([0, operation, 0, 0]), Err(Status::Denied));
    }
    for operation in [UNSUBSCRIBE, REVOKE] {
        for handle in [0, 1, topic ^ 1 << 16, u64::MAX] {
            assert_eq!(as_reader([handle, operation, 0, 0]), Err(Status::Denied));
        }
    }
    bench.call_as(reader, Syscall::A2aSubscribe, [topic, 0, 0, 0]).unwrap();
    let mut as_reader = |arguments| bench.call_as(reader, Syscall::Ioctl, arguments);
    assert_eq!(as_reader([topic, UNSUBSCRIBE, 0, 0]), Ok(0));
    assert_eq!(as_reader([topic, REVOKE, 0, 0]), Ok(0));
    assert_eq!(as_reader([topic, REVOKE, 0, 0]), Err(Status::Denied));
    let (holder, handle) =
        bench.other("holder", Grant::new(CapabilityKind::Memory, Object::Kind, Rights::USE));
    let memory = u64::from(CapabilityKind::Memory as u8);
    assert_eq!(bench.call_as(holder, Syscall::Ioctl, [0, KIND_HANDLE, memory, 0]), Ok(handle));
}

fn open() {
    let mut bench = bench();
    let root = bench.root;
    let one = bench.open("i2c:0x48").unwrap();
    assert_ne!(bench.open("i2c:1:0x48"), Ok(one), "another handle");
    for (name, status) in [
        ("/etc/passwd", Status::NotFound),
        ("notes.txt", Status::NotFound),
        ("", Status::NotFound),
        ("i2c:0x49", Status::NotFound),
        ("i2c:0x48 no such channel", Status::NotFound),
        ("console x", Status::NotFound),
        ("i2c:zero", Status::Invalid),
        ("i2c:", Status::Invalid),
    ] {
        assert_eq!(bench.open(name), Err(status), "{name}");
    }
    let long = bench.place(&words(&[u64::from(u32::MAX)]));
    assert_eq!(bench.call(Syscall::Open, [root, long, 0, 0]), Err(Status::Overflow));
    let no_text = bench.place(&[2, 0, 0, 0, 2, 0, 0, 0, 0xFF, 0xFF]);
    assert_eq!(bench.call(Syscall::Open, [root, no_text, 0, 0]), Err(Status::Invalid));
    bench.hostile(Syscall::Open, |pointer| [root, pointer, 0, 0]);
    // FILESYSTEM alone opens no device, and a handle of one object no other.
    let (plain, handle) =
        bench.other("plain", Grant::new(CapabilityKind::Filesystem, Object::Kind, Rights::ALL));
    let name = bench.text("i2c:0x48");
    assert_eq!(bench.call_as(plain, Syscall::Open, [handle, name, 0, 0]), Err(Status::Denied));
    let kinds = CapabilitySet::EMPTY.with(CapabilityKind::Filesystem).with(CapabilityKind::IoRead);
    let device = Grant { kinds, object: Object::Device(7), rights: Rights::ALL, badge: 0 };
    let (narrow, handle) = bench.other("narrow", device);
    assert_eq!(bench.call_as(narrow, Syscall::Open, [handle, name, 0, 0]), Err(Status::Denied));
    // What may only be read is opened for reading.
    let (reader, handle) = bench.other("reader", Grant { object: Object::Any, ..device });
    let opened = bench.call_as(reader, Syscall::Open, [handle, name, 0, 0]).unwrap();
    let buffer = bench.reserve(8);
    assert_eq!(bench.call_as(reader, Syscall::Read, [opened, buffer, 8, 0]), Ok(8));
    assert_eq!(bench.call_as(reader, Syscall::Write, [opened, buffer, 8, 0]), Err(Status::Denied));
}

fn close() {
    let mut bench = bench();
    let device = bench.open("i2c:0x48").unwrap();
    let buffer = bench.reserve(8);
    assert_eq!(bench.call(Syscall::Close, [device, 0, 0, 0]), Ok(0));
    assert_eq!(bench.call(Syscall::Close, [device, 0, 0, 0]), Err(Status::Denied));
    assert_eq!(bench.call(Syscall::Read, [device, buffer, 8, 0]), Err(Status::Denied));
    assert_eq!(bench.call(Syscall::Close, [bench.root, 0, 0, 0]), Err(Status::Invalid));
    let child = bench.child("worker");
    for handle in [0, 1, child, u64::MAX] {
        assert_eq!(bench.call(Syscall::Close, [handle, 0, 0, 0]), Err(Status::Denied), "{handle:#x}");
    }
    assert!(bench.open("i2c:0x48").is_ok());
}

fn hardware() {
    let mut bench = bench();
    for (item, value) in [(0, 3), (1, 1 << 30), (2, 3)] {
        assert_eq!(bench.call(Syscall::HwInfo, [item, 0, 0, 0]), Ok(value), "{item}");
    }
    let mut text = |item| bench.text_of(Syscall::HwInfo, |at, size| [item, at, size, 0]);
    assert_eq!([text(3), text(4), text(5)], ["test64", "Test Processor", "one two"]);
    let list = text(6);
    assert_eq!(list.lines().count(), 3);
    assert!(list.contains("i2c:0x48 sim"), "{list}");
    assert_eq!(bench.call(Syscall::HwInfo, [7, 0, 0, 0]), Err(Status::NotFound));
    for item in [8, 1 << 32, u64::MAX] {
        assert_eq!(bench.call(Syscall::HwInfo, [item, 0, 0, 0]), Err(Status::Invalid));
    }
    bench.kernel = support::kernel(&[], None);
    let (_, agent, _) = bench.kernel.native_process("caller", Grant::ROOT).unwrap();
    bench.agent = agent;
    for item in [0, 1, 3, 4, 5] {
        assert_eq!(bench.call(Syscall::HwInfo, [item, 0, 0, 0]), Err(Status::NotFound), "{item}");
    }
    assert_eq!(bench.call(Syscall::HwInfo, [2, 0, 0, 0]), Ok(0));
}

fn configure() {
    let mut bench = bench();
    for item in 0..8 {
        assert_eq!(bench.call(Syscall::HwConfig, [bench.root, item, 1, 0]), Err(Status::NotFound));
    }
    for item in [8, u64::MAX] {
        assert_eq!(bench.call(Syscall::HwConfig, [bench.root, item, 1, 0]), Err(Status::Invalid));
    }
}

fn info() {
    let mut bench = bench();
    assert_eq!(bench.call(Syscall::Info, [0, 0, 0, 0]), Ok(1 << 16));
    assert_eq!(bench.call(Syscall::Info, [1, 0, 0, 0]), Ok(0));
    assert_eq!(bench.call(Syscall::Info, [2, 0, 0, 0]), Ok(1));
    assert_eq!(bench.call(Syscall::Info, [3, 0, 0, 0]), Ok(0));
    assert!(bench.call(Syscall::Info, [4, 0, 0, 0]).is_ok());
    for item in [5, 99, 256, u64::MAX] {
        assert_eq!(bench.call(Syscall::Info, [item, 0, 0, 0]), Err(Status::Invalid));
    }
}

fn log() {
    let mut bench = bench();
    let text = bench.text("hello");
    bench.kernel.take_records();
    assert_eq!(bench.call(Syscall::Log, [2, text, 0, 0]), Ok(0));
    let records = bench.kernel.take_records();
    assert_eq!((records[0].stream, records[0].text.as_str()), (Stream::Log, "hello"));
    for level in [4, 256, u64::MAX] {
        assert_eq!(bench.call(Syscall::Log, [level, text, 0, 0]), Err(Status::Invalid));
    }
    let long = bench.place(&words(&[(64 << 10) + 1]));
    assert_eq!(bench.call(Syscall::Log, [2, long, 0, 0]), Err(Status::Overflow));
    let lying = bench.place(&words(&[64 << 10]));
    assert_eq!(bench.call(Syscall::Log, [2, lying, 0, 0]), Err(Status::Invalid));
    bench.hostile(Syscall::Log, |pointer| [2, pointer, 0, 0]);
    assert!(bench.kernel.take_records().is_empty());
}
