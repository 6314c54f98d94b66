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
//! | reading (READ, WRITE) | one word: f64 bits, or 0 and 1; the console takes text |
//!
//! `grants` is the handle from which the new agent's handles are derived. Parameters are
//! `name=text` pieces, each ended by a zero byte. The output of COMPILE is for each module its
//! length as a word and its bytes, padded to 8. The names of OPEN and the text of LOG are texts
//! as programs have them: {length u32, capacity u32, bytes}; OPEN takes `i2c:0x48`, or
//! `i2c:0x76 pressure` with a channel, and for everything that does not begin with a kind of device
//! the path of a file, with mode 0 to read, 1 to write anew, 2 to append. READ and WRITE of a file go
//! on from where the last one ended, at most 64 KiB at once; READ gives 0 at the end.
//!
//! EMIT takes a record [module, length] and the handle of a file that is open for writing.
//!
//! The operations of IOCTL are the table of `flux_abi::ioctl`.
//!
//! ALLOC takes a number of `flux_abi::syscall::MemoryType`; a region is a number 1 to 15 for
//! LOAD_RM and STORE_RM. MPROTECT takes the bits 1 read, 2 write, 4 share, 8 execute.
//!
//! HW_INFO and HW_CONFIG items: 0 cores, 1 bytes of memory, 2 number of devices, and as text into
//! the buffer 3 architecture, 4 processor, 5 features, 6 devices (a line each), 7 caches.
//!
//! BC_DUMP writes assembly: as comments the agent's name, state and gas, the registers of its runs
//! that are not 0 and its trace, then its module without the constants.
//!
//! What goes to a buffer that is too small gives OVERFLOW with the bytes needed as the result,
//! and nothing is written.
//!
//! # Invariants
//! 1. A call with a capability kind checks kind and rights of the handle in its first argument
//!    before it looks at anything else; a revoked handle is DENIED.
//! 2. A refused call has no effect but that it is taken note of.

use alloc::string::String;

use flux_abi::capability::CapabilitySet;
use flux_abi::limits::PAYLOAD_BYTES;
use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_abi::trap::TrapKind;
use flux_kcore::capability::{Grant, Handle, Object, Rights};
use flux_kcore::id::AgentId;
use flux_kcore::runtime::Syscalls as _;

use crate::audit::act_of;
use crate::base::Core;
use crate::error::Refusal;
use crate::exchange::SwapRules;
use crate::user_memory::{UserMemory, Words, room, text_of};

mod code;
mod devices;
mod files;
mod limits;
mod messages;
mod objects;
mod regions;

pub(crate) use code::{exchange, module_of, spawn};
pub(crate) use devices::registers;
pub(crate) use limits::apply as apply_limit;
pub(crate) use messages::receive;
pub(crate) use objects::ioctl;
pub use regions::EXECUTE;
pub(crate) use regions::map_new;

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
/// Bytes that must be free for what a call makes of small pieces.
pub(crate) const SMALL: usize = 64 << 10;
/// Bytes that a byte of a module file takes at most while it is decoded, verified and loaded.
const DECODED: usize = 32;
/// Longest name, document or parameter block of an execution, in bytes.
const MOST_TEXT: u64 = 64 << 10;

/// Rights that the handle in the first argument of a call needs beside its kind.
const fn rights(call: Syscall) -> Rights {
    match call {
        Syscall::Read | Syscall::A2aSubscribe => Rights::READ,
        Syscall::Write | Syscall::A2aBroadcast => Rights::WRITE,
        // A reply goes to whoever asked and a mailbox is the caller's own: any handle of the kind
        // shows that the caller may take part; other sends check WRITE on their target.
        Syscall::A2aSend | Syscall::A2aRecv => Rights::NONE,
        _ => Rights::USE,
    }
}

/// The grant behind the handle that `call` must show; one without kinds if it needs none.
fn authority(core: &Core, caller: AgentId, call: Syscall, handle: u64) -> Result<Grant, Status> {
    match call.info().capability {
        Some(kind) => core.check(caller, Handle::from_word(handle), kind, rights(call)),
        None => {
            Ok(Grant { kinds: CapabilitySet::EMPTY, object: Object::Kind, rights: Rights::NONE, badge: 0 })
        }
    }
}

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
    let answer = carry_out(core, caller, call, arguments, memory);
    if let Err(refusal) = &answer {
        let [first, second, ..] = arguments;
        core.note_refusal(caller, act_of(call, second), first, refusal.status);
    }
    answer
}

/// Whether a call reaches a device or file, which the limit of accesses counts.
const fn is_access(call: Syscall, second: u64) -> bool {
    match call {
        Syscall::Read | Syscall::Write | Syscall::Open | Syscall::Emit => true,
        // With an object it maps what a file holds.
        Syscall::Mmap => second != 0,
        _ => false,
    }
}

fn carry_out(
    core: &mut Core,
    caller: AgentId,
    call: Syscall,
    arguments: [u64; 4],
    memory: &mut dyn UserMemory,
) -> Result<Answer, Refusal> {
    let [first, second, third, fourth] = arguments;
    let grant = authority(core, caller, call, first)?;
    if is_access(call, second) {
        core.access(caller)?;
    }
    let value = |result: Result<u64, Status>| result.map(Answer::Value).map_err(Refusal::from);
    match call {
        Syscall::Spawn => {
            let module = Words::<1>::read(memory, second)?.get(0);
            spawn(core, caller, module, second, memory).map(Answer::Value)
        }
        Syscall::Yield => value(Ok(0)),
        // The runtime ends the run; a caller without one has nothing to end.
        Syscall::Exit => value(Err(Status::Invalid)),
        Syscall::Kill => value(kill(core, caller, first)),
        Syscall::Wait => wait(core, caller, first),
        Syscall::Getpid => value(getpid(core, caller)),
        Syscall::Alloc => value(regions::allocate(grant, second, third, memory)),
        Syscall::Free | Syscall::Munmap => value(regions::release(second, memory)),
        Syscall::Mmap => value(regions::map(core, caller, grant, second, third, memory)),
        Syscall::Mprotect => value(regions::protect(second, third, memory)),
        Syscall::A2aSend => messages::send(core, caller, first, second, memory),
        Syscall::A2aRecv => value(receive(core, caller, second, third, memory)),
        Syscall::A2aBroadcast => value(messages::broadcast(core, caller, first, second, memory)),
        Syscall::A2aSubscribe => value(core.subscribe(caller, Handle::from_word(first)).map(|()| 0)),
        Syscall::BcLoad => code::load(core, caller, second, third, memory).map(Answer::Value),
        Syscall::BcExec if fourth == 0 => spawn(core, caller, second, third, memory).map(Answer::Value),
        Syscall::BcExec => {
            let how = (fourth, SwapRules::default());
            exchange(core, caller, (second, third), how, memory).map(Answer::Value)
        }
        Syscall::BcStatus => code::status(core, caller, first, [second, third], memory).map(Answer::Value),
        Syscall::BcDump => code::dump(core, caller, second, [third, fourth], memory),
        Syscall::Compile => code::compile(core, second, memory).map(Answer::Value),
        Syscall::Emit => value(files::emit(core, caller, second, third, memory)),
        // No model writes documents here.
        Syscall::Devcode => value(Err(Status::NotFound)),
        Syscall::Read => value(match grant.object {
            Object::File(number) => files::read(core, number, second, third, memory),
            _ => devices::read(core, caller, first, second, third, memory),
        }),
        Syscall::Write => value(match grant.object {
            Object::File(number) => files::write(core, number, second, third, memory),
            _ => devices::write(core, caller, first, second, third, memory),
        }),
        Syscall::Ioctl => value(ioctl(core, caller, [first, second, third], memory)),
        Syscall::Open => value(files::open(core, caller, [first, second, third], grant, memory)),
        Syscall::Close => value(files::close(core, caller, first)),
        Syscall::HwInfo => devices::hardware(core, first, second, third, memory).map(Answer::Value),
        Syscall::HwConfig => value(devices::configure(second)),
        Syscall::Info => value(core.info(first)),
        Syscall::Log => value(log(core, caller, first, second, memory)),
    }
}

/// The bytes of the text at `at`: {length u32, capacity u32, bytes}; 0 is the empty text.
fn text_bytes(memory: &dyn UserMemory, at: u64) -> Result<&[u8], Status> {
    if at == 0 {
        return Ok(&[]);
    }
    let length = Words::<1>::read(memory, at)?.get(0) & u64::from(u32::MAX);
    if length > MOST_TEXT {
        return Err(Status::Overflow);
    }
    memory.read(at.checked_add(8).ok_or(Status::Invalid)?, length)
}

fn text_at(memory: &dyn UserMemory, at: u64) -> Result<String, Status> {
    text_of(text_bytes(memory, at)?)
}

/// Writes `bytes` to a buffer of the caller; how many there were, also if they are too many.
fn bytes_out(bytes: &[u8], at: u64, size: u64, memory: &mut dyn UserMemory) -> Result<u64, Refusal> {
    let length = u64::try_from(bytes.len()).map_err(|_| Status::Overflow)?;
    if length > size {
        return Err(Refusal { value: length, ..Refusal::from(Status::Overflow) });
    }
    memory.write(at, bytes)?;
    Ok(length)
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
    if agent == core.shard.supervisor() {
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

fn log(
    core: &mut Core,
    caller: AgentId,
    level: u64,
    text: u64,
    memory: &dyn UserMemory,
) -> Result<u64, Status> {
    let level = u8::try_from(level).ok().and_then(LogLevel::from_byte).ok_or(Status::Invalid)?;
    let text = text_bytes(memory, text)?;
    room(text.len().saturating_mul(3))?;
    let lost = core.log.lost();
    core.log(caller, level, &String::from_utf8_lossy(text));
    if core.log.lost() > lost { Err(Status::NoMemory) } else { Ok(0) }
}
