//! A running system with a bystander that must not notice, and an attacker that may make every call.

use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::ioctl::{ObjectType, Operation};
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_abi::trap::TrapKind;
use flux_isa::Module;
use flux_kcore::capability::{Grant, Rights};
use flux_kcore::id::{AgentId, ProcessId};
use flux_kernel::compile::KernelCompiler;
use flux_kernel::user_memory::{NativeMemory, words};
use flux_system::{ClockMode, Config, Next, Platform, System, Time};

use crate::support::{Lines, SECOND, platform};

pub(crate) const MILLISECOND: i64 = SECOND / 1_000;

pub(crate) type Answer = Result<u64, Status>;

const BYSTANDER: &str = "# Bystander\n## Agent\nname: bystander\n## State\n- n: int = 0\n## Every 10ms\n1. Add 1 to n\n2. Log \"alive {n}\"\n";

pub(crate) struct Ground {
    pub(crate) system: System,
    pub(crate) config: Config,
    pub(crate) lines: Lines,
    now: i64,
    /// An agent that is part of the kernel's process, with the right to everything.
    pub(crate) attacker: AgentId,
    pub(crate) root: u64,
    pub(crate) memory: NativeMemory,
    alive: usize,
    next: usize,
}

impl Ground {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// With more documents than the bystander's.
    pub(crate) fn with(documents: &[(&str, &str)]) -> Self {
        let all = std::iter::once(&("bystander.flux.md", BYSTANDER)).chain(documents);
        let documents = all.map(|(name, text)| ((*name).into(), text.as_bytes().to_vec())).collect();
        let config = Config { documents, clock: ClockMode::Real, ..Config::default() };
        let platform = Platform {
            compiler: Box::new(KernelCompiler::default()),
            ..platform(1, &[("adc:0", "const(1)"), ("gpio:4", "const(0)")])
        };
        let mut lines = Lines::default();
        let mut system =
            System::boot(platform, &config, &mut lines).unwrap_or_else(|error| panic!("{error:?}"));
        let (_, attacker, root) = system.kernel_mut().native_process("attacker", Grant::ROOT).unwrap();
        let memory = NativeMemory::new();
        Self { system, config, lines, now: 0, attacker, root: root.word(), memory, alive: 0, next: 0 }
    }

    pub(crate) fn call(&mut self, call: Syscall, arguments: [u64; 4]) -> Answer {
        self.call_as(self.attacker, call, arguments)
    }

    pub(crate) fn call_as(&mut self, agent: AgentId, call: Syscall, arguments: [u64; 4]) -> Answer {
        let kernel = self.system.kernel_mut();
        let made = kernel.syscall(agent, call.number(), arguments, &mut self.memory);
        made.map_err(|refusal| refusal.status)
    }

    pub(crate) fn operate(
        &mut self,
        agent: AgentId,
        handle: u64,
        operation: Operation,
        third: u64,
    ) -> Answer {
        self.call_as(agent, Syscall::Ioctl, [handle, operation.number(), third, 0])
    }

    pub(crate) fn place(&mut self, bytes: &[u8]) -> u64 {
        self.memory.place(bytes).unwrap()
    }

    pub(crate) fn words(&mut self, values: &[u64]) -> u64 {
        self.place(&words(values))
    }

    /// Another agent of the kernel's own, with this authority and no more.
    pub(crate) fn other(&mut self, name: &str, grant: Grant) -> (AgentId, u64) {
        let made = self.system.kernel_mut().native_agent(name, ProcessId::KERNEL, grant);
        let (agent, handle) = made.unwrap();
        (agent, handle.word())
    }

    /// Derives by DERIVE for `to` (0 the caller).
    pub(crate) fn derive(&mut self, by: AgentId, parent: u64, record: [u64; 6]) -> Answer {
        let record = self.words(&record);
        self.operate(by, parent, Operation::Derive, record)
    }

    /// An endpoint handle of the attacker.
    pub(crate) fn endpoint(&mut self, target: AgentId, rights: Rights) -> u64 {
        let record = [
            0,
            kinds(&[CapabilityKind::Communicate]),
            u64::from(rights.bits()),
            0,
            ObjectType::Agent as u64,
            target.word(),
        ];
        self.derive(self.attacker, self.root, record).unwrap()
    }

    pub(crate) fn load(&mut self, bytes: &[u8]) -> Answer {
        self.memory.clear();
        let at = self.place(bytes);
        self.call(Syscall::BcLoad, [self.root, at, bytes.len() as u64, 0])
    }

    /// Starts an agent of a module with all rights that it lists.
    pub(crate) fn start(&mut self, module: u64) -> Answer {
        let record = self.words(&[module, self.root, 0, 0, 0, 0, 0, 0]);
        let started = self.call(Syscall::BcExec, [self.root, module, record, 0])?;
        self.system.kernel_mut().start_pending().map_err(|error| error.status())?;
        Ok(started)
    }

    pub(crate) fn compile(&mut self, text: &str) -> Answer {
        self.memory.clear();
        let at = self.place(text.as_bytes());
        let name = self.place(b"villain.flux.md");
        let output = self.memory.reserve(1 << 20).unwrap();
        let record = self.words(&[at, text.len() as u64, name, 15, output, 1 << 20, 0, 0]);
        self.call(Syscall::Compile, [self.root, record, 0, 0])
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, ns: i64) {
        let end = self.now + ns;
        loop {
            match self.system.advance(Time::from_ns(self.now), &mut self.lines) {
                Next::Again => {}
                Next::Sleep(next) => {
                    if self.now >= end {
                        break;
                    }
                    self.now = next.map_or(end, |next| next.ns().min(end));
                }
                Next::Over => panic!("{}", self.lines.joined()),
            }
        }
        self.alive = self.lines.count("alive");
    }

    pub(crate) fn living(&self, name: &str) -> Option<AgentId> {
        self.system.kernel().core().shard().find(name)
    }

    /// The bystander and the supervisor go on as if nothing had been.
    pub(crate) fn unharmed(&mut self) {
        let before = self.lines.count("alive");
        self.pass(100 * MILLISECOND);
        let after = self.alive;
        assert!((9..=11).contains(&(after - before)), "{before} {after}\n{}", self.lines.joined());
        let supervisor = self.system.kernel().core().shard().supervisor();
        assert!(self.system.kernel().core().shard().agent(supervisor).is_some());
        assert!(!self.lines.log.iter().any(|line| line.contains("agent bystander")));
    }

    /// What was logged and not asked for yet holds `text`.
    pub(crate) fn says(&mut self, text: &str) -> bool {
        let from = std::mem::replace(&mut self.next, self.lines.log.len());
        self.lines.log[from..].iter().any(|line| line.contains(text))
    }

    /// A program of one function, run as `## Init` of an agent called `villain`, ends in this trap.
    pub(crate) fn traps(&mut self, code: &str, trap: TrapKind) {
        let module = self.load(&program(code).encode()).unwrap_or_else(|status| panic!("{status:?}\n{code}"));
        self.start(module).unwrap();
        self.pass(5 * MILLISECOND);
        let told = format!("trapped: {}", trap.name());
        assert!(self.says(&told), "{told}\n{code}\n{}", self.lines.joined());
        assert_eq!(self.living("villain"), None, "{code}");
    }

    /// A module is refused at load.
    pub(crate) fn refused(&mut self, module: &Module) {
        let before = self.system.kernel().core().agent_count();
        assert_eq!(self.load(&module.encode()), Err(Status::Invalid));
        assert_eq!(self.system.kernel().core().agent_count(), before);
    }
}

pub(crate) fn kinds(kinds: &[CapabilityKind]) -> u64 {
    u64::from(kinds.iter().copied().fold(CapabilitySet::EMPTY, CapabilitySet::with).bits())
}

pub(crate) const HEAD: &str = ".name \"villain\"\n.memory 1048576\n.gas 300000\n.period 1000000000\n\
    .capability MEMORY COMMUNICATE\n.zero 32\n.state 64\n.export init \"\" function @main\n";

/// The module of an agent `villain` whose `## Init` is this code.
pub(crate) fn program(code: &str) -> Module {
    let text = format!("{HEAD}.function main\n{code}");
    flux_isa::asm::assemble(&text).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"))
}
