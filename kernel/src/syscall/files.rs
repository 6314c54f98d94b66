//! System calls over files, and the door that files and devices share.
//!
//! # Invariants
//! 1. A handle of a file hangs from the FILESYSTEM handle that opened it and is revoked with it.
//! 2. A call copies at most [`FILE_TRANSFER_BYTES`], whatever length a caller names.

use alloc::vec::Vec;

use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::device::DeviceKind;
use flux_abi::limits::{FILE_BYTES, FILE_TRANSFER_BYTES};
use flux_abi::status::Status;
use flux_hal::files::{FilePath, OpenMode};
use flux_isa::Module;
use flux_kcore::capability::{Grant, Handle, Object, Rights};
use flux_kcore::id::AgentId;
use flux_kcore::runtime::Syscalls as _;

use super::{DECODED, SMALL, devices, text_at};
use crate::base::Core;
use crate::user_memory::{UserMemory, Words, copied, room};

/// OPEN: a handle for the device or file that the text at `name` names.
pub(super) fn open(
    core: &mut Core,
    caller: AgentId,
    [handle, name, mode]: [u64; 3],
    grant: Grant,
    memory: &dyn UserMemory,
) -> Result<u64, Status> {
    let name = text_at(memory, name)?;
    let address = name.split_once(' ').map_or(name.as_str(), |(address, _)| address);
    let prefix = address.split_once(':').map_or(address, |(prefix, _)| prefix);
    if DeviceKind::from_prefix(prefix).is_some() {
        return devices::open(core, caller, handle, grant, &name);
    }
    if !matches!(grant.object, Object::Kind | Object::Any) {
        return Err(Status::Denied);
    }
    room(SMALL)?;
    let mode = OpenMode::from_number(mode).ok_or(Status::Invalid)?;
    let path = FilePath::new(&name).ok_or(Status::Invalid)?;
    // Files whose handles were revoked take no place.
    let live: Vec<Handle> = core.files.of(caller).map(|(_, handle)| handle).collect();
    for dead in live.into_iter().filter(|handle| core.inspect(caller, *handle).is_err()).collect::<Vec<_>>() {
        core.close_files(caller, |handle| handle == dead);
    }
    let number = core.files.open(caller, path, mode)?;
    let (kind, rights) = match mode {
        OpenMode::Read => (CapabilityKind::IoRead, Rights::READ),
        OpenMode::Write | OpenMode::Append => (CapabilityKind::IoWrite, Rights::WRITE),
    };
    let file = Grant {
        kinds: CapabilitySet::EMPTY.with(kind),
        object: Object::File(number),
        rights: rights.with(grant.rights.attenuate(Rights::GRANT)),
        badge: grant.badge,
    };
    match core.shard.capabilities_mut().attach(caller, Handle::from_word(handle), file) {
        Ok(given) => {
            core.files.set_handle(number, given);
            Ok(given.word())
        }
        Err(error) => {
            core.files.close(number);
            Err(error.into())
        }
    }
}

/// CLOSE: gives a handle of a device or file back, and what was derived from it.
pub(super) fn close(core: &mut Core, caller: AgentId, word: u64) -> Result<u64, Status> {
    let handle = Handle::from_word(word);
    let grant = core.inspect(caller, handle)?;
    let fits = [CapabilityKind::IoRead, CapabilityKind::IoWrite, CapabilityKind::Filesystem];
    if !fits.iter().any(|kind| grant.kinds.allows(*kind)) {
        return Err(Status::Denied);
    }
    match grant.object {
        Object::Device(_) => {}
        // A handle that was derived from the opener's is given back alone.
        Object::File(_) => core.close_files(caller, |opened| opened == handle),
        _ => return Err(Status::Invalid),
    }
    core.revoke(caller, handle).map(|()| 0)
}

/// READ of a file: the bytes that come next; how many, 0 at the end.
pub(super) fn read(
    core: &mut Core,
    number: u32,
    at: u64,
    size: u64,
    memory: &mut dyn UserMemory,
) -> Result<u64, Status> {
    // Checked before the file is read, so that no bytes are lost.
    let size = size.min(FILE_TRANSFER_BYTES as u64);
    let mut buffer = copied(memory.read(at, size)?)?;
    memory.write(at, &buffer)?;
    let count = core.files.read(number, &mut buffer)?;
    memory.write(at, buffer.get(..count).unwrap_or_default())?;
    u64::try_from(count).map_err(|_| Status::Overflow)
}

/// WRITE to a file, all or nothing.
pub(super) fn write(
    core: &mut Core,
    number: u32,
    at: u64,
    size: u64,
    memory: &dyn UserMemory,
) -> Result<u64, Status> {
    if size > FILE_TRANSFER_BYTES as u64 {
        return Err(Status::Overflow);
    }
    let count = core.files.write(number, memory.read(at, size)?)?;
    u64::try_from(count).map_err(|_| Status::Overflow)
}

/// EMIT: writes a module to a file that is open for writing.
pub(super) fn emit(
    core: &mut Core,
    caller: AgentId,
    artifact: u64,
    target: u64,
    memory: &dyn UserMemory,
) -> Result<u64, Status> {
    let grant = core.check(caller, Handle::from_word(target), CapabilityKind::IoWrite, Rights::WRITE)?;
    // A device takes readings and settings, or text.
    let Object::File(number) = grant.object else { return Err(Status::Invalid) };
    let record = Words::<2>::read(memory, artifact)?;
    if record.get(1) > FILE_BYTES as u64 {
        return Err(Status::Overflow);
    }
    let bytes = memory.read(record.get(0), record.get(1))?;
    // What is no module is no artifact of COMPILE; plain bytes go through WRITE.
    room(bytes.len().saturating_mul(DECODED).saturating_add(SMALL))?;
    Module::decode(bytes).map_err(|_| Status::Invalid)?;
    let count = core.files.write(number, bytes)?;
    u64::try_from(count).map_err(|_| Status::Overflow)
}
