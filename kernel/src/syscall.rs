//! The system calls: one dispatcher over the table of `flux_abi::syscall`.
//!
//! Arguments are words; what a word points to lies in the caller's memory and is copied once.
//! Records are sequences of 64-bit little-endian words:
//!
//! | record | words |
//! | --- | --- |
//! | COMPILE | source, length, name, length, output, capacity; back: modules, bytes needed |
//! | SPAWN, BC_EXEC | module, grants, name, length, document, length, parameters, length |
//! | A2A_SEND | type, reply_to, payload, length, deadline (ns from now, 0 the usual) |
//! | A2A_BROADCAST | payload, length |
//! | message (A2A_RECV, RECV) | id, type, sender, reply_to, sent, deadline, badge, length; then the payload |
//! | status (BC_STATUS) | state, messages waiting, bytes charged, messages refused |
//!
//! `grants` is the handle from which the new agent's handles are derived. Parameters are
//! `name=text` pieces, each ended by a zero byte. The output of COMPILE is for each module its
//! length as a word and its bytes, padded to 8.
//!
//! # Invariants
//! 1. A call with a capability kind checks the handle in its first argument before anything else.
//! 2. A refused call has no effect.

use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::capability::CapabilityKind;
use flux_abi::limits::{ASK_DEADLINE_NS, DELEGATE_DEADLINE_NS, DOCUMENT_BYTES, MODULE_BYTES, PAYLOAD_BYTES};
use flux_abi::message::MessageType;
use flux_abi::select::{LogLevel, RegionRights};
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_abi::trap::TrapKind;
use flux_kcore::capability::{Grant, Handle, Object, Rights};
use flux_kcore::id::{AgentId, RequestId};
use flux_kcore::message::{Message, Outgoing, RequestKind};
use flux_kcore::runtime::Syscalls;
use flux_kcore::time::Span;
use flux_vm::{Program, SharedRegion};

use crate::base::{Core, shown};
use crate::error::{KernelError, Refusal};
use crate::modules::ModuleNumber;
use crate::user_memory::{UserMemory, Words, words};
use crate::wiring::Execution;

/// Result of a call that was not refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Done.
    Value(u64),
    /// The caller waits; an event will tell it.
    Wait,
    /// The caller broke the protocol.
    Fault(TrapKind),
}

/// Words that a message record takes before its payload.
const MESSAGE_WORDS: usize = 8;
/// Bytes of a message record with the longest payload.
pub const MESSAGE_BYTES: u64 = (MESSAGE_WORDS * 8 + PAYLOAD_BYTES) as u64;
/// Longest name, document or parameter block of an execution, in bytes.
const MOST_TEXT: u64 = 64 << 10;

/// Carries out call `number` of `caller`.
///
/// # Errors
/// Every status of the table; the refusal says more where there is more to say.
pub fn dispatch(
    core: &mut Core,
    caller: AgentId,
    number: u64,
    arguments: [u64; 4],
    memory: &mut dyn UserMemory,
) -> Result<Answer, Refusal> {
    let call = Syscall::from_number(number).ok_or(Status::NotFound)?;
    let [first, second, third, _] = arguments;
    let value = |result: Result<u64, Status>| result.map(Answer::Value).map_err(Refusal::from);
    let kind = |core: &Core, kind| {
        core.check(caller, Handle::from_word(first), kind, Rights::USE).map_err(Refusal::from)
    };
    match call {
        Syscall::Spawn => {
            kind(core, CapabilityKind::Spawn)?;
            let module = Words::<1>::read(memory, second)?.get(0);
            spawn(core, caller, module, second, memory).map(Answer::Value)
        }
        Syscall::Yield => value(Ok(0)),
        // The runtime ends the run; a caller without one has nothing to end.
        Syscall::Exit => value(Err(Status::Invalid)),
        Syscall::Kill => value(kill(core, caller, first)),
        Syscall::Wait => wait(core, caller, first),
        Syscall::Getpid => value(getpid(core, caller)),
        Syscall::Alloc => {
            kind(core, CapabilityKind::Memory)?;
            value(allocate(third, memory))
        }
        Syscall::Free | Syscall::Munmap => {
            kind(core, CapabilityKind::Memory)?;
            value(release(second, memory))
        }
        // No object here has memory to map, and regions keep the rights they were made with.
        Syscall::Mmap | Syscall::Mprotect => {
            kind(core, CapabilityKind::Memory)?;
            value(Err(Status::NotFound))
        }
        Syscall::A2aSend => send(core, caller, first, second, memory),
        Syscall::A2aRecv => value(receive(core, caller, second, third, memory)),
        Syscall::A2aBroadcast => value(broadcast(core, caller, first, second, memory)),
        Syscall::A2aSubscribe => value(core.subscribe(caller, Handle::from_word(first)).map(|()| 0)),
        Syscall::BcLoad => {
            kind(core, CapabilityKind::Compile)?;
            load(core, caller, second, third, memory).map(Answer::Value)
        }
        Syscall::BcExec => {
            kind(core, CapabilityKind::Spawn)?;
            spawn(core, caller, second, third, memory).map(Answer::Value)
        }
        Syscall::BcStatus => value(status(core, caller, first, second, third, memory)),
        Syscall::BcDump => {
            kind(core, CapabilityKind::Debug)?;
            value(Err(Status::NotFound))
        }
        Syscall::Compile => {
            kind(core, CapabilityKind::Compile)?;
            compile(core, second, memory).map(Answer::Value)
        }
        // This kernel has no files to write to and no model to write documents.
        Syscall::Emit | Syscall::Devcode => {
            kind(core, CapabilityKind::Compile)?;
            value(Err(Status::NotFound))
        }
        Syscall::Read => value(read(core, caller, first, second, third, memory)),
        Syscall::Write => value(write(core, caller, first, second, third, memory)),
        Syscall::Ioctl => value(ioctl(core, caller, arguments)),
        Syscall::Open => {
            kind(core, CapabilityKind::Filesystem)?;
            value(Err(Status::NotFound))
        }
        Syscall::Close => value(core.revoke(caller, Handle::from_word(first)).map(|()| 0)),
        Syscall::HwInfo => value(hardware(core, first)),
        Syscall::HwConfig => {
            kind(core, CapabilityKind::Hardware)?;
            value(Err(Status::NotFound))
        }
        Syscall::Info => value(core.info(first)),
        Syscall::Log => value(log(core, caller, first, second, third, memory)),
    }
}

fn getpid(core: &Core, caller: AgentId) -> Result<u64, Status> {
    let record = core.shard.agent(caller).ok_or(Status::NotFound)?;
    Ok(record.process().word())
}

/// The agent that handle or number `word` names, if the caller may manage it: by a handle with
/// MANAGE, or because it is the caller's child.
fn managed(core: &Core, caller: AgentId, word: u64) -> Result<AgentId, Status> {
    if let Ok(agent) = core.endpoint(caller, word, Rights::MANAGE) {
        return Ok(agent);
    }
    let agent = AgentId::from_word(word).ok_or(Status::Invalid)?;
    let record = core.shard.agent(agent).ok_or(Status::NotFound)?;
    if record.parent() == Some(caller) { Ok(agent) } else { Err(Status::Denied) }
}

fn kill(core: &mut Core, caller: AgentId, word: u64) -> Result<u64, Status> {
    let agent = managed(core, caller, word)?;
    if agent == AgentId::SUPERVISOR {
        return Err(Status::Denied);
    }
    core.ask_to_kill(agent)
}

fn wait(core: &Core, caller: AgentId, word: u64) -> Result<Answer, Refusal> {
    let agent = managed(core, caller, word)?;
    match core.shard.agent(agent).map(flux_kcore::shard::Agent::parent) {
        Some(Some(parent)) if parent == caller => Ok(Answer::Wait),
        Some(_) => Err(Status::Denied.into()),
        None => Err(Status::NotFound.into()),
    }
}

fn allocate(size: u64, memory: &mut dyn UserMemory) -> Result<u64, Status> {
    let memory = memory.machine()?;
    if size == 0 || size > memory.quota().saturating_sub(memory.charged()) {
        return Err(if size == 0 { Status::Invalid } else { Status::NoMemory });
    }
    let region = SharedRegion::new(size).map_err(|_| Status::NoMemory)?;
    memory.map_region(region, RegionRights::ReadWrite, size).map(u64::from).map_err(|_| Status::NoMemory)
}

fn release(region: u64, memory: &mut dyn UserMemory) -> Result<u64, Status> {
    if memory.machine()?.unmap_region(region) { Ok(0) } else { Err(Status::Invalid) }
}

/// A payload of a caller.
fn payload(memory: &dyn UserMemory, at: u64, length: u64) -> Result<Vec<u8>, Status> {
    if length > PAYLOAD_BYTES as u64 {
        return Err(Status::Overflow);
    }
    let bytes = memory.read(at, length)?.to_vec();
    // What is no payload would be refused by every receiver; better the sender knows.
    flux_proto::payload::Reader::new(&bytes).map_err(|_| Status::Invalid)?;
    Ok(bytes)
}

fn send(
    core: &mut Core,
    caller: AgentId,
    target: u64,
    record: u64,
    memory: &dyn UserMemory,
) -> Result<Answer, Refusal> {
    let record = Words::<5>::read(memory, record)?;
    let kind = u8::try_from(record.get(0)).ok().and_then(MessageType::from_byte).ok_or(Status::Invalid)?;
    let bytes = payload(memory, record.get(2), record.get(3))?;
    let outgoing = Outgoing::new(&bytes);
    let target = Handle::from_word(target);
    let ask = |core: &mut Core, kind: RequestKind, usual: i64| {
        let given = record.get(4).cast_signed();
        let span = Span::from_ns(if given > 0 { given } else { usual });
        let deadline = core.now().after(span);
        let request = core.request(caller, target, kind, outgoing, deadline)?;
        Ok(Answer::Value(request.word()))
    };
    match kind {
        MessageType::Tell => Ok(Answer::Value(core.tell(caller, target, outgoing)?)),
        MessageType::Ask => ask(core, RequestKind::Ask, ASK_DEADLINE_NS),
        MessageType::Delegate => ask(core, RequestKind::Delegate, DELEGATE_DEADLINE_NS),
        MessageType::Reply | MessageType::Result => {
            let request = RequestId::from_word(record.get(1)).ok_or(Status::Invalid)?;
            match core.answer(caller, request, &bytes) {
                Ok(()) => Ok(Answer::Value(0)),
                // A reply that nobody asked for is a fault of the sender.
                Err(Status::Invalid) => Ok(Answer::Fault(TrapKind::Protocol)),
                Err(status) => Err(status.into()),
            }
        }
        _ => Err(Status::Invalid.into()),
    }
}

/// Takes the caller's next message as a record of at most `size` bytes at `at`; its length.
pub(crate) fn receive(
    core: &mut Core,
    caller: AgentId,
    at: u64,
    size: u64,
    memory: &mut dyn UserMemory,
) -> Result<u64, Status> {
    if size < MESSAGE_BYTES {
        return Err(Status::Invalid);
    }
    // Checked before the message is taken, so that none is lost.
    let place = memory.read(at, MESSAGE_BYTES)?.to_vec();
    memory.write(at, &place)?;
    let message = core.receive(caller).ok_or(Status::NotFound)?;
    let record = message_record(&message);
    memory.write(at, &record)?;
    u64::try_from(record.len()).map_err(|_| Status::Overflow)
}

fn message_record(message: &Message) -> Vec<u8> {
    let bytes = message.payload.bytes();
    let mut record = words(&[
        message.id,
        u64::from(message.kind as u8),
        message.sender.map_or(0, AgentId::word),
        message.reply_to.map_or(0, RequestId::word),
        message.sent.ns().cast_unsigned(),
        message.deadline.ns().cast_unsigned(),
        u64::from(message.badge),
        bytes.len() as u64,
    ]);
    record.extend_from_slice(bytes);
    record
}

fn broadcast(
    core: &mut Core,
    caller: AgentId,
    topic: u64,
    record: u64,
    memory: &dyn UserMemory,
) -> Result<u64, Status> {
    let record = Words::<2>::read(memory, record)?;
    let bytes = payload(memory, record.get(0), record.get(1))?;
    let delivery = core.publish(caller, Handle::from_word(topic), Outgoing::new(&bytes))?;
    Ok(u64::from(delivery.delivered) | u64::from(delivery.refused) << 32)
}

fn load(
    core: &mut Core,
    caller: AgentId,
    bytes: u64,
    size: u64,
    memory: &dyn UserMemory,
) -> Result<u64, Refusal> {
    if size > MODULE_BYTES as u64 {
        return Err(Status::Overflow.into());
    }
    let bytes = memory.read(bytes, size)?;
    let number = core.modules.load(bytes)?;
    let rights = Rights::USE.with(Rights::GRANT);
    let handle = core.mint(caller, Grant::new(CapabilityKind::Spawn, Object::Module(number.0), rights))?;
    Ok(handle.word())
}

fn module_of(core: &Core, caller: AgentId, word: u64) -> Result<Arc<Program>, Status> {
    let grant = core.check(caller, Handle::from_word(word), CapabilityKind::Spawn, Rights::USE)?;
    let Object::Module(number) = grant.object else { return Err(Status::Invalid) };
    core.modules.get(ModuleNumber(number)).map(Arc::clone).ok_or(Status::NotFound)
}

fn text(memory: &(impl UserMemory + ?Sized), at: u64, length: u64) -> Result<String, Status> {
    if length > MOST_TEXT {
        return Err(Status::Overflow);
    }
    let bytes = memory.read(at, length)?;
    core::str::from_utf8(bytes).map(String::from).map_err(|_| Status::Invalid)
}

/// Starts an agent from a module handle and the record at `record` (0: none); its handle.
pub(crate) fn spawn<M: UserMemory + ?Sized>(
    core: &mut Core,
    caller: AgentId,
    module: u64,
    record: u64,
    memory: &M,
) -> Result<u64, Refusal> {
    let program = module_of(core, caller, module)?;
    let execution = if record == 0 {
        Execution {
            program,
            name: None,
            document: String::from("module"),
            parameters: Vec::new(),
            grants: Handle::NONE,
        }
    } else {
        let record = Words::<8>::read(memory, record)?;
        let name = text(memory, record.get(2), record.get(3))?;
        let block = text(memory, record.get(6), record.get(7))?;
        let pieces = block.split('\0').filter_map(|piece| piece.split_once('='));
        Execution {
            program,
            name: (!name.is_empty()).then_some(name),
            document: text(memory, record.get(4), record.get(5))?,
            parameters: pieces.map(|(name, text)| (name.to_string(), text.to_string())).collect(),
            grants: Handle::from_word(record.get(1)),
        }
    };
    let agent = core.execute(caller, execution)?;
    let rights = Rights::MANAGE.with(Rights::WRITE);
    let handle =
        core.mint(caller, Grant::new(CapabilityKind::Communicate, Object::Endpoint(agent), rights))?;
    Ok(handle.word())
}

fn status(
    core: &Core,
    caller: AgentId,
    agent: u64,
    at: u64,
    size: u64,
    memory: &mut dyn UserMemory,
) -> Result<u64, Status> {
    let agent = if agent == 0 { caller } else { core.endpoint(caller, agent, Rights::NONE)? };
    let record = core.shard.agent(agent).ok_or(Status::NotFound)?;
    let bytes = words(&[
        record.state() as u64,
        u64::from(record.queued()),
        record.memory().used(),
        record.counters().refused(),
    ]);
    let length = u64::try_from(bytes.len()).map_err(|_| Status::Overflow)?;
    if size < length {
        return Err(Status::Invalid);
    }
    memory.write(at, &bytes)?;
    Ok(length)
}

fn compile(core: &mut Core, record_at: u64, memory: &mut dyn UserMemory) -> Result<u64, Refusal> {
    let record = Words::<8>::read(memory, record_at)?;
    let length = record.get(1);
    if length > DOCUMENT_BYTES as u64 {
        let bytes = usize::try_from(length).unwrap_or(usize::MAX);
        let error = crate::compile::CompileError::TooLarge { bytes, limit: DOCUMENT_BYTES };
        return Err(KernelError::Compile(error).into());
    }
    let name = text(memory, record.get(2), record.get(3))?;
    let compiled = {
        let source = memory.read(record.get(0), length)?;
        core.compiler.compile(source, &name).map_err(KernelError::Compile)?
    };
    let errors = compiled
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity() == flux_fluxc::diag::Severity::Error)
        .count();
    core.diagnostics.push((name.clone(), compiled.diagnostics));
    if errors > 0 || compiled.modules.is_empty() {
        return Err(KernelError::Diagnostics { document: name, errors }.into());
    }
    let mut output = Vec::new();
    for module in &compiled.modules {
        let bytes = module.encode();
        output.extend_from_slice(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        output.extend_from_slice(&bytes);
        while !output.len().is_multiple_of(8) {
            output.push(0);
        }
    }
    let count = u64::try_from(compiled.modules.len()).unwrap_or(u64::MAX);
    let needed = u64::try_from(output.len()).unwrap_or(u64::MAX);
    memory.write(record_at.saturating_add(48), &words(&[count, needed]))?;
    if needed > record.get(5) {
        return Err(Status::Overflow.into());
    }
    memory.write(record.get(4), &output)?;
    Ok(count)
}

fn read(
    core: &mut Core,
    caller: AgentId,
    device: u64,
    at: u64,
    size: u64,
    memory: &mut dyn UserMemory,
) -> Result<u64, Status> {
    if size < 8 {
        return Err(Status::Invalid);
    }
    let place = memory.read(at, 8)?.to_vec();
    memory.write(at, &place)?;
    let word = core.read_device(caller, device)?;
    memory.write(at, &word.to_le_bytes())?;
    Ok(8)
}

fn write(
    core: &mut Core,
    caller: AgentId,
    device: u64,
    at: u64,
    size: u64,
    memory: &dyn UserMemory,
) -> Result<u64, Status> {
    let number = core.device(caller, device, CapabilityKind::IoWrite)?;
    if core.devices.is_console(number) {
        let bytes = memory.read(at, size.min(MOST_TEXT))?;
        let text = alloc::format!("console: {}", shown(bytes));
        core.log(caller, LogLevel::Info, &text);
        return Ok(size.min(MOST_TEXT));
    }
    if size != 8 {
        return Err(Status::Invalid);
    }
    let word = Words::<1>::read(memory, at)?.get(0);
    let now = core.now();
    core.devices.write(number, word, now).map_err(|(status, _)| status)?;
    Ok(8)
}

/// IOCTL operation: the caller's handle for the kind whose number is the record word.
const IOCTL_KIND_HANDLE: u64 = 1;
/// IOCTL operation: ends the subscription to the topic of the handle.
const IOCTL_UNSUBSCRIBE: u64 = 2;
/// IOCTL operation: revokes what was derived from the handle, and the handle.
const IOCTL_REVOKE: u64 = 3;

fn ioctl(core: &mut Core, caller: AgentId, [handle, operation, record, _]: [u64; 4]) -> Result<u64, Status> {
    match operation {
        IOCTL_KIND_HANDLE => {
            let kind = u8::try_from(record).ok().and_then(CapabilityKind::from_bit).ok_or(Status::Invalid)?;
            let mut held = core.shard.capabilities().held(caller);
            held.find(|(_, grant)| grant.object == Object::Kind && grant.kinds.contains(kind))
                .map(|(handle, _)| handle.word())
                .ok_or(Status::NotFound)
        }
        IOCTL_UNSUBSCRIBE => core.unsubscribe(caller, Handle::from_word(handle)).map(|()| 0),
        IOCTL_REVOKE => core.revoke(caller, Handle::from_word(handle)).map(|()| 0),
        _ => {
            core.inspect(caller, Handle::from_word(handle))?;
            Err(Status::NotFound)
        }
    }
}

/// HW_INFO items: processor cores, bytes of memory, devices.
fn hardware(core: &Core, item: u64) -> Result<u64, Status> {
    let hardware = core.hardware.as_ref();
    match item {
        0 => hardware.map(|hardware| u64::from(hardware.cores)).ok_or(Status::NotFound),
        1 => hardware.map(|hardware| hardware.memory_bytes).ok_or(Status::NotFound),
        2 => u64::try_from(core.devices.list().len()).map_err(|_| Status::Overflow),
        _ => Err(Status::Invalid),
    }
}

fn log(
    core: &mut Core,
    caller: AgentId,
    level: u64,
    at: u64,
    length: u64,
    memory: &dyn UserMemory,
) -> Result<u64, Status> {
    let level = u8::try_from(level).ok().and_then(LogLevel::from_byte).ok_or(Status::Invalid)?;
    if length > MOST_TEXT {
        return Err(Status::Overflow);
    }
    let text = String::from_utf8_lossy(memory.read(at, length)?).into_owned();
    core.log(caller, level, &text);
    Ok(0)
}
