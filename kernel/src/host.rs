//! Host instructions that need the kernel: devices, handles, other agents, kernel facts.
//!
//! The agent runtime answers what belongs to a run (messages, waits, log) and passes the rest on.
//!
//! # Invariants
//! 1. The caller is the agent that the kernel runs; no operand names it.
//! 2. A handle that the caller does not hold, or that lacks the right, is a CAPABILITY trap for an
//!    instruction, a handle that was revoked is a REVOKED trap, and both are DENIED for a system call.
//! 3. What this platform lacks answers NOTFOUND: a defined result, never a pretended success.

use alloc::string::String;

use flux_abi::capability::CapabilityKind;
use flux_abi::ioctl::Operation;
use flux_abi::opcode::Opcode;
use flux_abi::select::{InfoItem, LogLevel, QueryItem};
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_abi::trap::TrapKind;
use flux_kcore::audit::Act;
use flux_kcore::capability::{Handle, Object, Rights};
use flux_kcore::id::AgentId;
use flux_kcore::runtime::Syscalls;
use flux_vm::{Host, HostCall, HostOutcome, Memory};

use crate::base::Core;
use crate::devices::DeviceNumber;
use crate::exchange::{StateRule, SwapRules};
use crate::syscall;
use crate::timeline::Happening;

impl Host for Core {
    fn call(&mut self, call: &HostCall, memory: &mut Memory) -> HostOutcome {
        let Some(caller) = self.current() else { return HostOutcome::Trap(TrapKind::Host) };
        let [a, b, c, ..] = call.arguments;
        let result = match call.opcode {
            Opcode::Syscall => return self.vm_syscall(caller, call, memory),
            Opcode::IoRead => {
                self.reach(caller, a, CapabilityKind::IoRead).and_then(|()| self.read_device(caller, a))
            }
            Opcode::IoWrite => self
                .reach(caller, a, CapabilityKind::IoWrite)
                .and_then(|()| self.write_device(caller, a, b, memory)),
            Opcode::IoRead8 | Opcode::IoRead16 | Opcode::IoRead32 | Opcode::IoRead64 => {
                syscall::registers(self, caller, a, CapabilityKind::IoRead)
            }
            Opcode::IoWrite8 | Opcode::IoWrite16 | Opcode::IoWrite32 | Opcode::IoWrite64 => {
                syscall::registers(self, caller, a, CapabilityKind::IoWrite)
            }
            // Every device here answers when it is read, so there is always something to read.
            Opcode::Poll => self.device(caller, a, CapabilityKind::IoRead).map(|_| 1),
            Opcode::Ioctl => syscall::ioctl(self, caller, [a, b, c], memory),
            Opcode::Mmap => self
                .check(caller, Handle::from_word(a), CapabilityKind::Memory, Rights::USE)
                .and_then(|_| syscall::map_new(b, memory)),
            Opcode::Info => self.info(u64::from(call.immediate)),
            Opcode::Query => self.query(caller, a, call.immediate),
            Opcode::CapCheck => Ok(u64::from(self.covers(caller, a, b))),
            Opcode::CapGrant => self.grant(caller, a, b),
            Opcode::CapRevoke => self.revoke(caller, Handle::from_word(a)).map(|()| 0),
            Opcode::Spawn => syscall::spawn(self, caller, a, b, memory).map_err(|refusal| refusal.status),
            Opcode::Adapt | Opcode::Evolve => {
                let state =
                    if call.opcode == Opcode::Adapt { StateRule::Same } else { StateRule::ThereAndBack };
                let rules = SwapRules { state, ..SwapRules::default() };
                let exchanged = syscall::exchange(self, caller, (a, 0), (0, rules), memory);
                exchanged.map_err(|refusal| refusal.status)
            }
            Opcode::Suspend => self.managed(caller, a).and_then(|agent| self.hold(agent)),
            Opcode::Resume | Opcode::SysWake => self.managed(caller, a).and_then(|agent| self.unhold(agent)),
            Opcode::Signal => self.managed(caller, a).and_then(|agent| self.signal(agent, b)),
            Opcode::Recv => syscall::receive(self, caller, a, b, memory),
            // Without a debugger there is nobody to stop for.
            Opcode::Debug => Ok(0),
            _ => Err(Status::NotFound),
        };
        self.note(caller, Happening::Called(call.opcode.info().name, result.err().unwrap_or(Status::Ok)));
        if let Err(status) = result {
            let act = match Operation::from_number(b) {
                Some(operation) if call.opcode == Opcode::Ioctl => Act::Operation(operation),
                _ => Act::Instruction(call.opcode),
            };
            self.note_refusal(caller, act, a, status);
        }
        match result {
            Ok(value) => HostOutcome::value(value),
            Err(Status::Denied) => HostOutcome::Trap(self.denied(caller, handles(call))),
            Err(status) => HostOutcome::status(status),
        }
    }
}

/// The handles among the arguments of an instruction.
fn handles(call: &HostCall) -> &[u64] {
    let handles = match call.opcode {
        Opcode::CapGrant => call.arguments.get(..2),
        Opcode::Info | Opcode::Recv | Opcode::Debug => None,
        _ => call.arguments.get(..1),
    };
    handles.unwrap_or_default()
}

/// Signals that an agent may be sent.
const SIGNAL_STOP: u64 = 15;
const SIGNAL_KILL: u64 = 9;

impl Core {
    /// The trap of an instruction that was refused for want of authority.
    fn denied(&self, caller: AgentId, handles: &[u64]) -> TrapKind {
        if handles.iter().any(|word| self.is_revoked(caller, Handle::from_word(*word))) {
            TrapKind::Revoked
        } else {
            TrapKind::Capability
        }
    }

    fn vm_syscall(&mut self, caller: AgentId, call: &HostCall, memory: &mut Memory) -> HostOutcome {
        let [number, arguments @ ..] = call.arguments;
        let answer = syscall::dispatch(self, caller, number, arguments, memory);
        if self.is_observed()
            && let Some(call) = Syscall::from_number(number)
        {
            let status = answer.as_ref().err().map_or(Status::Ok, |refusal| refusal.status);
            self.note(caller, Happening::Called(call.info().name, status));
        }
        match answer {
            Ok(syscall::Answer::Value(value)) => HostOutcome::value(value),
            Ok(syscall::Answer::Wait) => HostOutcome::Suspend,
            Ok(syscall::Answer::Fault(kind)) => HostOutcome::Trap(kind),
            Err(refusal) => HostOutcome::Done { value: refusal.value, status: refusal.status },
        }
    }

    /// The device behind a handle of the caller.
    pub(crate) fn device(
        &self,
        caller: AgentId,
        word: u64,
        kind: CapabilityKind,
    ) -> Result<DeviceNumber, Status> {
        let rights = if kind == CapabilityKind::IoWrite { Rights::WRITE } else { Rights::READ };
        match self.check(caller, Handle::from_word(word), kind, rights)?.object {
            Object::Device(number) => Ok(DeviceNumber(number)),
            _ => Err(Status::Invalid),
        }
    }

    /// Sees that an instruction may reach a device, and counts that it does.
    fn reach(&mut self, caller: AgentId, word: u64, kind: CapabilityKind) -> Result<(), Status> {
        self.device(caller, word, kind)?;
        self.access(caller)
    }

    pub(crate) fn read_device(&mut self, caller: AgentId, word: u64) -> Result<u64, Status> {
        let number = self.device(caller, word, CapabilityKind::IoRead)?;
        let now = self.now();
        self.devices.read(number, now).map_err(|fault| self.keep_fault(caller, fault))
    }

    pub(crate) fn write_device(
        &mut self,
        caller: AgentId,
        word: u64,
        value: u64,
        memory: &Memory,
    ) -> Result<u64, Status> {
        let number = self.device(caller, word, CapabilityKind::IoWrite)?;
        if self.devices.is_console(number) {
            let bytes = memory.str(value).map_err(|_| Status::Invalid)?;
            let text = alloc::format!("console: {}", String::from_utf8_lossy(bytes));
            self.log(caller, LogLevel::Info, &text);
            return Ok(0);
        }
        let now = self.now();
        self.devices.write(number, value, now).map(|()| 0).map_err(|fault| self.keep_fault(caller, fault))
    }

    /// Keeps what a device said for the run that meets the failure, see `Syscalls::device_fault`.
    pub(crate) fn keep_fault(&mut self, caller: AgentId, (status, what): (Status, String)) -> Status {
        self.fault = Some((caller, what));
        status
    }

    /// A fact about the kernel.
    pub(crate) fn info(&self, item: u64) -> Result<u64, Status> {
        let item = u8::try_from(item).ok().and_then(InfoItem::from_byte).ok_or(Status::Invalid)?;
        Ok(match item {
            InfoItem::Version => VERSION,
            InfoItem::Uptime => self.now().ns().cast_unsigned(),
            InfoItem::Agents => u64::from(self.agent_count()),
            InfoItem::Messages => self.message_count(),
            InfoItem::Memory => self.charged(),
            InfoItem::Refusals => self.audit().total(),
            InfoItem::Unrecorded => self.audit().unrecorded(),
        })
    }

    /// A fact about an agent; the word 0 is the caller.
    fn query(&self, caller: AgentId, word: u64, item: u32) -> Result<u64, Status> {
        let agent = match word {
            0 => caller,
            word => self.endpoint(caller, word, Rights::NONE)?,
        };
        let item = u8::try_from(item).ok().and_then(QueryItem::from_byte).ok_or(Status::Invalid)?;
        match item {
            QueryItem::Id => Ok(agent.word()),
            QueryItem::State => self.state(agent).map(|state| state as u64).ok_or(Status::NotFound),
            QueryItem::Queue => self.queued(agent).map(u64::from).ok_or(Status::NotFound),
            QueryItem::Capabilities => {
                self.capabilities_of(agent).map(|set| u64::from(set.bits())).ok_or(Status::NotFound)
            }
            // Sender and memory of the caller itself are the runtime's to tell; of others nobody's.
            QueryItem::Sender | QueryItem::Memory => Err(Status::NotFound),
        }
    }

    /// The agent behind an endpoint handle of the caller.
    pub(crate) fn endpoint(&self, caller: AgentId, word: u64, rights: Rights) -> Result<AgentId, Status> {
        let grant = self.inspect(caller, Handle::from_word(word))?;
        match grant.object {
            Object::Endpoint(agent) if grant.rights.covers(rights) => Ok(agent),
            Object::Endpoint(_) => Err(Status::Denied),
            _ => Err(Status::Invalid),
        }
    }

    /// The agent behind a handle that allows to manage it.
    pub(crate) fn managed(&self, caller: AgentId, word: u64) -> Result<AgentId, Status> {
        self.endpoint(caller, word, Rights::MANAGE)
    }

    pub(crate) fn covers(&self, caller: AgentId, word: u64, rights: u64) -> bool {
        let needed = u8::try_from(rights).ok().and_then(Rights::from_bits);
        match (self.inspect(caller, Handle::from_word(word)), needed) {
            (Ok(grant), Some(needed)) => grant.rights.covers(needed),
            _ => false,
        }
    }

    fn grant(&mut self, caller: AgentId, to: u64, word: u64) -> Result<u64, Status> {
        let to = self.endpoint(caller, to, Rights::NONE)?;
        let handle = Handle::from_word(word);
        let grant = self.inspect(caller, handle)?;
        self.derive(caller, handle, to, grant).map(Handle::word)
    }

    pub(crate) fn signal(&mut self, agent: AgentId, number: u64) -> Result<u64, Status> {
        match number {
            SIGNAL_STOP => self.ask_to_stop(agent),
            SIGNAL_KILL => self.ask_to_kill(agent),
            _ => Err(Status::Invalid),
        }
    }
}

/// major << 32 | minor << 16 | patch.
const VERSION: u64 = 1 << 16;
