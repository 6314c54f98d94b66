//! A caller with a machine and everything that a test may show a system call.

use std::sync::Arc;

use flux_abi::capability::CapabilitySet;
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_hal::HardwareInfo;
use flux_kcore::capability::Grant;
use flux_kcore::id::{AgentId, ProcessId};
use flux_kernel::Kernel;
use flux_kernel::user_memory::{UserMemory, words};
use flux_vm::{Config, Instance, Program};

use crate::support::{self, Still};

pub(crate) type Answer = Result<u64, Status>;

/// A caller whose memory is a machine's, so that it can have regions.
pub(crate) struct Bench {
    pub(crate) kernel: Kernel<Still>,
    pub(crate) agent: AgentId,
    pub(crate) root: u64,
    pub(crate) machine: Instance,
    pub(crate) next: u64,
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

pub(crate) fn bench() -> Bench {
    bench_with(Grant::ROOT)
}

impl Bench {
    pub(crate) fn refusal(&mut self, call: Syscall, arguments: [u64; 4]) -> (Answer, u64) {
        let memory = self.machine.memory();
        match self.kernel.syscall(self.agent, call.number(), arguments, memory) {
            Ok(value) => (Ok(value), 0),
            Err(refusal) => (Err(refusal.status), refusal.value),
        }
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
