//! System calls over code: modules, agents made from them, the compile service.

use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::capability::CapabilityKind;
use flux_abi::limits::{DOCUMENT_BYTES, MODULE_BYTES};
use flux_abi::status::Status;
use flux_kcore::capability::{Grant, Handle, Object, Rights};
use flux_kcore::id::AgentId;
use flux_kcore::runtime::Syscalls as _;
use flux_kcore::swap::Policy;
use flux_vm::Program;

use super::{Answer, DECODED, MOST_TEXT, SMALL, bytes_out};
use crate::base::{Core, Pending};
use crate::error::{KernelError, Refusal};
use crate::exchange::{SwapRequest, SwapRules};
use crate::modules::ModuleNumber;
use crate::user_memory::{UserMemory, Words, room, text_of, words, writable};
use crate::wiring::Execution;

pub(super) fn load(
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
    // Nothing is loaded that the caller could not hold.
    core.shard.capabilities_mut().reserve(caller).map_err(Status::from)?;
    room(bytes.len().saturating_mul(DECODED).saturating_add(SMALL))?;
    let number = core.modules.load(bytes)?;
    let rights = Rights::USE.with(Rights::GRANT);
    let handle = core.mint(caller, Grant::new(CapabilityKind::Spawn, Object::Module(number.0), rights))?;
    Ok(handle.word())
}

pub(crate) fn module_of(
    core: &Core,
    caller: AgentId,
    word: u64,
) -> Result<(ModuleNumber, Arc<Program>), Status> {
    let grant = core.check(caller, Handle::from_word(word), CapabilityKind::Spawn, Rights::USE)?;
    let Object::Module(number) = grant.object else { return Err(Status::Invalid) };
    let number = ModuleNumber(number);
    core.modules.get(number).map(|program| (number, Arc::clone(program))).ok_or(Status::NotFound)
}

fn text(memory: &(impl UserMemory + ?Sized), at: u64, length: u64) -> Result<String, Status> {
    if length > MOST_TEXT {
        return Err(Status::Overflow);
    }
    text_of(memory.read(at, length)?)
}

/// Bytes that must be free to register an agent of a program, or to wire it anew.
fn needed(program: &Program) -> usize {
    let most = usize::try_from(MOST_TEXT).unwrap_or(usize::MAX);
    program.module().links.len().saturating_mul(LINK_BYTES).saturating_add(most.saturating_mul(8))
}

/// Bytes that the wiring of a link takes at most.
const LINK_BYTES: usize = 1_024;

/// Starts an agent from a module handle and the record at `record` (0: none); its handle.
pub(crate) fn spawn<M: UserMemory + ?Sized>(
    core: &mut Core,
    caller: AgentId,
    module: u64,
    record: u64,
    memory: &M,
) -> Result<u64, Refusal> {
    let (number, program) = module_of(core, caller, module)?;
    room(needed(&program))?;
    let execution = if record == 0 {
        let document = core.modules.document(number).map_or_else(|| "module".into(), Arc::clone);
        Execution {
            name: Some(core.free_name(&program.module().meta.name)),
            document,
            program,
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
            document: text(memory, record.get(4), record.get(5))?.into(),
            parameters: pieces.map(|(name, text)| (name.to_string(), text.to_string())).collect(),
            grants: Handle::from_word(record.get(1)),
        }
    };
    // Nobody is started whom the caller could not hold.
    core.shard.capabilities_mut().reserve(caller).map_err(Status::from)?;
    let agent = core.execute(caller, execution)?;
    // GRANT lets the agent be a value in messages.
    let rights = Rights::MANAGE.with(Rights::WRITE).with(Rights::GRANT);
    let handle =
        core.mint(caller, Grant::new(CapabilityKind::Communicate, Object::Endpoint(agent), rights))?;
    Ok(handle.word())
}

/// Lets the agent of `target` (0: the caller) go on with another program; the record at `record` (0: none)
/// is that of a start, its name left out.
pub(crate) fn exchange<M: UserMemory + ?Sized>(
    core: &mut Core,
    caller: AgentId,
    (module, record): (u64, u64),
    (target, rules): (u64, SwapRules),
    memory: &M,
) -> Result<u64, Refusal> {
    let (number, program) = module_of(core, caller, module)?;
    room(needed(&program))?;
    let agent = if target == 0 { caller } else { core.endpoint(caller, target, Rights::NONE)? };
    core.may_swap(caller, agent, Handle::from_word(target))?;
    let mut document =
        core.modules.document(number).map_or(String::from("module"), |name| String::from(&**name));
    let (mut parameters, mut grants) = (Vec::new(), Handle::NONE);
    if record != 0 {
        let record = Words::<8>::read(memory, record)?;
        grants = Handle::from_word(record.get(1));
        let named = text(memory, record.get(4), record.get(5))?;
        if !named.is_empty() {
            document = named;
        }
        let block = text(memory, record.get(6), record.get(7))?;
        let pieces = block.split('\0').filter_map(|piece| piece.split_once('='));
        parameters = pieces.map(|(name, text)| (name.to_string(), text.to_string())).collect();
    }
    let policy = Policy::USUAL;
    let wanted = SwapRequest { agent, program, document, parameters, grants, rules, policy };
    let launch = core.prepare_swap(caller, wanted)?;
    core.queue_swap(agent, launch, policy);
    Ok(0)
}

/// BC_STATUS: state and counters of an agent, the caller for 0.
pub(super) fn status(
    core: &Core,
    caller: AgentId,
    agent: u64,
    [at, size]: [u64; 2],
    memory: &mut dyn UserMemory,
) -> Result<u64, Refusal> {
    let agent = if agent == 0 { caller } else { core.endpoint(caller, agent, Rights::NONE)? };
    let record = core.shard.agent(agent).ok_or(Status::NotFound)?;
    let state = [
        record.state() as u64,
        u64::from(record.queued()),
        record.memory().used(),
        record.counters().refused(),
    ];
    bytes_out(state.map(u64::to_le_bytes).as_flattened(), at, size, memory)
}

/// Most words of code that BC_DUMP disassembles: the text is made before it is known to fit.
const MOST_DUMPED: usize = 1 << 20;

/// Bytes of text, and of its making, that a word of code takes at most.
const DUMPED: usize = 256;

/// BC_DUMP: an agent as text, the caller for 0.
///
/// Registers and trace are the runtime's, which only the kernel's loop can ask: the first call
/// waits for that, and the call is made again.
pub(super) fn dump(
    core: &mut Core,
    caller: AgentId,
    agent: u64,
    [at, size]: [u64; 2],
    memory: &mut dyn UserMemory,
) -> Result<Answer, Refusal> {
    let agent = if agent == 0 { caller } else { core.endpoint(caller, agent, Rights::NONE)? };
    let said = core.inspected.remove(&caller);
    let record = core.shard.agent(agent).ok_or(Status::NotFound)?;
    let known = core.known(agent).ok_or(Status::NotFound)?;
    // An agent of the kernel itself has no bytecode.
    let program = known.program.as_ref().ok_or(Status::NotFound)?;
    if program.module().code.len() > MOST_DUMPED {
        return Err(Status::Overflow.into());
    }
    let Some((_, said)) = said.filter(|(subject, _)| *subject == agent) else {
        // What the runtime says of it is made at once, and kept until the call is made again.
        room(SMALL)?;
        core.ask(Pending::Inspect(caller, agent))?;
        return Ok(Answer::Wait);
    };
    let lines = program.module().code.len().saturating_mul(DUMPED);
    room(lines.saturating_add(said.len().saturating_mul(4)).saturating_add(SMALL))?;
    let mut text = alloc::format!("; agent {}, state {}\n{said}", known.name, record.state().name());
    text.push_str(&flux_isa::asm::disassemble(program.module()));
    bytes_out(text.as_bytes(), at, size, memory).map(Answer::Value)
}

/// Documents whose diagnostics are kept until somebody takes them.
const MOST_DIAGNOSED: usize = 1_024;

/// COMPILE: the modules of a document; how many.
pub(super) fn compile(core: &mut Core, record_at: u64, memory: &mut dyn UserMemory) -> Result<u64, Refusal> {
    let record = Words::<8>::read(memory, record_at)?;
    let length = record.get(1);
    if length > DOCUMENT_BYTES as u64 {
        let bytes = usize::try_from(length).unwrap_or(usize::MAX);
        let error = crate::compile::CompileError::TooLarge { bytes, limit: DOCUMENT_BYTES };
        return Err(KernelError::Compile(error).into());
    }
    let name = text(memory, record.get(2), record.get(3))?;
    // What the service itself needs is its own affair: it may be dropped.
    room(SMALL)?;
    let compiled = {
        let source = memory.read(record.get(0), length)?;
        core.compiler.compile(source, &name).map_err(KernelError::Compile)?
    };
    let errors = compiled
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity() == flux_fluxc::diag::Severity::Error)
        .count();
    core.outline = compiled.outline;
    // Agents compile too, and nobody may come to take what was said to them.
    if core.diagnostics.len() < MOST_DIAGNOSED {
        core.diagnostics.push((name.clone(), compiled.diagnostics));
    }
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
    let back = record_at.checked_add(48).ok_or(Status::Invalid)?;
    if needed > record.get(5) {
        memory.write(back, &words(&[count, needed]))?;
        return Err(Refusal { value: needed, ..Refusal::from(Status::Overflow) });
    }
    // A record that can't be written is found before the output is.
    writable(memory, back, 16)?;
    memory.write(record.get(4), &output)?;
    memory.write(back, &words(&[count, needed]))?;
    Ok(count)
}
