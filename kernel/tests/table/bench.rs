//! A caller with a machine and everything that a test may show a system call.

use std::sync::Arc;

use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::ioctl::{OPERATIONS, ObjectType, Operation};
use flux_abi::status::Status;
use flux_abi::syscall::{SYSCALLS, Syscall};
use flux_hal::HardwareInfo;
use flux_kcore::capability::{Grant, Rights};
use flux_kcore::id::{AgentId, ProcessId};
use flux_kernel::Kernel;
use flux_kernel::user_memory::{UserMemory, words};
use flux_vm::{Config, Instance, Program};

use crate::memory_failures::Shortage;
use crate::support::{self, Still};

pub(crate) type Answer = Result<u64, Status>;

/// A row of the table of calls, or of that of IOCTL's operations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Row {
    Call(Syscall),
    Operation(Operation),
}

impl Row {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let calls = SYSCALLS.iter().map(|row| Self::Call(row.call));
        calls.chain(OPERATIONS.iter().map(|row| Self::Operation(row.operation)))
    }

    fn of(call: Syscall, second: u64) -> Self {
        match Operation::from_number(second) {
            Some(operation) if call == Syscall::Ioctl => Self::Operation(operation),
            _ => Self::Call(call),
        }
    }

    pub(crate) fn statuses(self) -> &'static [Status] {
        match self {
            Self::Call(call) => call.info().statuses,
            Self::Operation(operation) => operation.statuses(),
        }
    }
}

/// A caller whose memory is a machine's, so that it can have regions.
pub(crate) struct Bench {
    pub(crate) kernel: Kernel<Still>,
    pub(crate) agent: AgentId,
    pub(crate) root: u64,
    pub(crate) machine: Instance,
    pub(crate) next: u64,
    /// Calls that were made.
    pub(crate) calls: usize,
    /// The rows that they belong to.
    pub(crate) rows: Vec<Row>,
    /// The call in which memory ends, and how.
    pub(crate) fail: Option<(usize, Shortage)>,
    /// Whether an allocation failed in it.
    pub(crate) failed: bool,
    /// Why it was refused.
    pub(crate) refused: Option<Status>,
    /// The call whose arguments are others than the ones given.
    pub(crate) change: Option<(usize, [Option<u64>; 4])>,
    /// The call, the argument that names its record, and the word of the record that is another.
    pub(crate) record: Option<(usize, usize, u64, u64)>,
    /// What the changed call did although it was refused.
    pub(crate) effect: Option<String>,
}

/// Bytes that the caller may be charged for.
pub(crate) const QUOTA: u64 = 1 << 20;

/// Claims that reach outside of the caller's memory, or wrap.
pub(crate) const HOSTILE: [u64; 7] =
    [1 << 19, u32::MAX as u64, 1 << 32, i64::MAX as u64, 1 << 63, u64::MAX - 7, u64::MAX];

pub(crate) fn assemble(head: &str) -> Vec<u8> {
    let text = format!(
        ".memory 65536\n.gas 1000\n.period 1000000000\n{head}\n.export loop \"\" function @l\n.function l\nRET\n"
    );
    flux_isa::asm::assemble(&text).unwrap().encode()
}

pub(crate) fn bench_with(grant: Grant) -> Bench {
    let hardware = HardwareInfo {
        architecture: "test64",
        processor: "Test Processor".into(),
        features: vec!["one", "two"],
        cores: 3,
        memory_bytes: 1 << 30,
    };
    let devices = [
        "i2c:0x48=const(21.5)",
        "gpio:17",
        "adc:2=const(1)",
        "i2c:0x50=const(1)+fault(timeout, 0s)",
        "i2c:0x51=const(1)+fault(missing, 0s)",
        "i2c:0x52=const(1)+fault(data, 0s)",
        "i2c:0x53=const(1)+fault(io, 0s)",
        "i2c:0x54=const(1)",
    ];
    let mut kernel = support::kernel(&devices, Some(hardware));
    let (_, agent, root) = kernel.native_process("caller", grant).unwrap();
    let text = ".name \"m\"\n.state 65536\n.export loop \"\" function @l\n.function l\nRET\n";
    let verified = flux_verify::verify(flux_isa::asm::assemble(text).unwrap()).unwrap();
    let config = Config { quota: QUOTA, capabilities: CapabilitySet::EMPTY };
    let machine = Instance::new(Arc::new(Program::load(verified).unwrap()), config).unwrap();
    let next = machine.memory_ref().writable_base().max(8);
    Bench {
        kernel,
        agent,
        root: root.word(),
        machine,
        next,
        calls: 0,
        rows: Vec::new(),
        refused: None,
        fail: None,
        failed: false,
        change: None,
        record: None,
        effect: None,
    }
}

pub(crate) fn bench() -> Bench {
    bench_with(Grant::ROOT)
}

impl Bench {
    pub(crate) fn refusal(&mut self, call: Syscall, arguments: [u64; 4]) -> (Answer, u64) {
        self.calls += 1;
        let mut arguments = arguments;
        if let Some((_, others)) = self.change.filter(|(at, _)| *at == self.calls) {
            for (argument, other) in arguments.iter_mut().zip(others) {
                *argument = other.unwrap_or(*argument);
            }
        }
        if let Some((_, place, word, value)) = self.record.filter(|(at, ..)| *at == self.calls) {
            let at = arguments[place] + word * 8;
            UserMemory::write(self.machine.memory(), at, &value.to_le_bytes()).unwrap();
        }
        let changed = self.change.is_some_and(|(at, _)| at == self.calls)
            || self.record.is_some_and(|(at, ..)| at == self.calls);
        let calm = changed.then(|| self.shown());
        let fails = self.fail.filter(|(at, _)| *at == self.calls);
        let before = fails.map(|_| self.shown());
        let memory = self.machine.memory();
        if let Some((_, shortage)) = fails {
            crate::memory_failures::arm(shortage);
        }
        let made = self.kernel.syscall(self.agent, call.number(), arguments, memory);
        self.failed |= fails.is_some() && crate::memory_failures::disarm();
        let (answer, needed) = match made {
            Ok(value) => (Ok(value), 0),
            Err(refusal) => (Err(refusal.status), refusal.value),
        };
        if let Some(calm) = calm.filter(|_| answer.is_err()) {
            let now = self.shown();
            // COMPILE says in its record how much room it needs.
            let says = call == Syscall::Compile && answer == Err(Status::Overflow);
            self.effect = (now != calm && !says).then_some(now);
        }
        if let Some(before) = before.filter(|_| answer.is_err()) {
            assert_eq!(self.shown(), before, "{call:?} {arguments:?} is refused and has an effect");
            self.refused = answer.err();
            return (self.call(call, arguments), 0);
        }
        let row = Row::of(call, arguments[1]);
        self.rows.push(row);
        let status = answer.err().unwrap_or(Status::Ok);
        assert!(row.statuses().contains(&status), "the table has no {} for {row:?}", status.name());
        (answer, needed)
    }

    /// What others could see of the kernel, and all of the caller's memory.
    pub(crate) fn shown(&mut self) -> String {
        use std::fmt::Write as _;
        let started = self.kernel.start_pending().map_err(|error| error.to_string());
        let core = self.kernel.core();
        let mut text = format!("{started:?} {} {:?}", self.kernel.living(), core.files());
        for (id, agent) in core.shard().agents() {
            let (state, queued, memory) = (agent.state(), agent.queued(), agent.memory());
            let held: Vec<_> = core.shard().capabilities().held(id).collect();
            write!(text, "\n{id:?} {} {state:?} {queued} {memory:?} {held:?}", agent.name()).unwrap();
        }
        let memory = self.machine.memory_ref();
        let regions: Vec<_> = (1..=15)
            .map(|number| memory.region(number).map(|(region, rights)| (region.length(), rights)))
            .collect();
        write!(text, "\n{regions:?} {}", memory.charged()).unwrap();
        for at in (0..1 << 16).step_by(8) {
            if let Ok(word) = UserMemory::read(memory, at, 8).map(|word| word != [0; 8]) {
                text.push(if word { '#' } else { ' ' });
            }
        }
        text
    }

    pub(crate) fn call(&mut self, call: Syscall, arguments: [u64; 4]) -> Answer {
        self.refusal(call, arguments).0
    }

    /// `call` in the name of another agent.
    pub(crate) fn call_as(&mut self, agent: AgentId, call: Syscall, arguments: [u64; 4]) -> Answer {
        let own = core::mem::replace(&mut self.agent, agent);
        let answer = self.call(call, arguments);
        self.agent = own;
        answer
    }

    pub(crate) fn reserve(&mut self, length: u64) -> u64 {
        let at = self.next;
        self.next = (at + length).next_multiple_of(8);
        at
    }

    pub(crate) fn place(&mut self, bytes: &[u8]) -> u64 {
        let at = self.reserve(bytes.len() as u64);
        self.machine.memory().write(at, bytes).unwrap();
        at
    }

    pub(crate) fn text(&mut self, text: &str) -> u64 {
        let mut bytes = (text.len() as u32).to_le_bytes().repeat(2);
        bytes.extend_from_slice(text.as_bytes());
        self.place(&bytes)
    }

    pub(crate) fn bytes(&self, at: u64, length: u64) -> Vec<u8> {
        UserMemory::read(self.machine.memory_ref(), at, length).unwrap().to_vec()
    }

    /// A handle of another grant, held by an agent of its own.
    pub(crate) fn other(&mut self, name: &str, grant: Grant) -> (AgentId, u64) {
        let (agent, handle) = self.kernel.native_agent(name, ProcessId::KERNEL, grant).unwrap();
        (agent, handle.word())
    }

    pub(crate) fn load(&mut self, head: &str) -> u64 {
        let bytes = assemble(head);
        let at = self.place(&bytes);
        self.call(Syscall::BcLoad, [self.root, at, bytes.len() as u64, 0]).unwrap()
    }

    pub(crate) fn execute(&mut self, module: u64) -> Answer {
        let record = self.place(&words(&[module, self.root, 0, 0, 0, 0, 0, 0]));
        self.call(Syscall::BcExec, [self.root, module, record, 0])
    }

    /// An operation on the object of a handle, with a word or the offset of a record.
    pub(crate) fn operate(&mut self, operation: Operation, handle: u64, third: u64) -> Answer {
        self.call(Syscall::Ioctl, [handle, operation.number(), third, 0])
    }

    pub(crate) fn words(&mut self, values: &[u64]) -> u64 {
        self.place(&words(values))
    }

    pub(crate) fn derive(&mut self, parent: u64, record: [u64; 6]) -> Answer {
        let record = self.words(&record);
        self.operate(Operation::Derive, parent, record)
    }

    /// A handle of one kind for one object, derived from the root for the caller.
    pub(crate) fn object(&mut self, kind: CapabilityKind, rights: Rights, object: (ObjectType, u64)) -> u64 {
        let kinds = u64::from(CapabilitySet::EMPTY.with(kind).bits());
        let root = self.root;
        self.derive(root, [0, kinds, u64::from(rights.bits()), 0, object.0 as u64, object.1]).unwrap()
    }

    /// An endpoint handle of the caller for an agent.
    pub(crate) fn endpoint(&mut self, target: AgentId, rights: Rights) -> u64 {
        self.object(CapabilityKind::Communicate, rights, (ObjectType::Agent, target.word()))
    }

    /// Fills the caller's table of handles up.
    pub(crate) fn fill_handles(&mut self) {
        let root = self.root;
        let record = self.words(&[0, 0, 0, 0, 0, 0]);
        while self.operate(Operation::Derive, root, record).is_ok() {}
    }

    /// The end of an agent that `handle` manages.
    pub(crate) fn end(&mut self, handle: u64) {
        self.operate(Operation::Signal, handle, 9).unwrap();
        self.kernel.start_pending().unwrap();
    }

    /// A started agent: its handle.
    pub(crate) fn child(&mut self, name: &str) -> u64 {
        let module = self.load(&format!(".name \"{name}\""));
        let handle = self.execute(module).unwrap();
        self.kernel.start_pending().unwrap();
        handle
    }

    pub(crate) fn open(&mut self, name: &str) -> Answer {
        let name = self.text(name);
        self.call(Syscall::Open, [self.root, name, 0, 0])
    }

    /// Each hostile pointer is refused as INVALID.
    pub(crate) fn hostile(&mut self, call: Syscall, arguments: impl Fn(u64) -> [u64; 4]) {
        for pointer in HOSTILE {
            assert_eq!(self.call(call, arguments(pointer)), Err(Status::Invalid), "{call:?} {pointer:#x}");
        }
    }

    /// Text that a call writes to a buffer, and OVERFLOW with the length if it does not fit.
    pub(crate) fn text_of(&mut self, call: Syscall, arguments: impl Fn(u64, u64) -> [u64; 4]) -> String {
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
