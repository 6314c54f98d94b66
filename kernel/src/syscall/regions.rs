//! System calls over memory regions 1 to 15 of the caller's machine.
//!
//! What a region takes is charged to the caller's quota and comes back when it is unmapped.
//!
//! # Invariants
//! 1. No region is ever writable and executable; on this kernel none is executable at all.
//! 2. A change of rights never gives more than the region was mapped with.

use flux_abi::capability::CapabilityKind;
use flux_abi::limits::FILE_BYTES;
use flux_abi::select::RegionRights;
use flux_abi::status::Status;
use flux_abi::syscall::MemoryType;
use flux_kcore::capability::{Grant, Handle, Object, Rights};
use flux_kcore::id::AgentId;
use flux_vm::{Memory, MemoryError, Protection, SharedRegion};

use crate::base::Core;
use crate::user_memory::UserMemory;

/// Bit of MPROTECT's rights that asks for execution; the lower ones are those of [`RegionRights`].
pub const EXECUTE: u64 = 8;

/// ALLOC: a zeroed region of `size` bytes; its number.
pub(super) fn allocate(
    grant: Grant,
    kind: u64,
    size: u64,
    memory: &mut dyn UserMemory,
) -> Result<u64, Status> {
    let kind = MemoryType::from_number(kind).ok_or(Status::Invalid)?;
    match kind {
        MemoryType::User | MemoryType::Bytecode | MemoryType::Agent => map_new(size, memory),
        MemoryType::Device => device(grant),
        // The kernel's own, and native code that nobody but a compiler back end may write.
        MemoryType::Kernel | MemoryType::Compiled => Err(Status::Denied),
    }
}

/// MMAP: `size` bytes of new memory for 0, else what is behind handle `object`: of a file that is
/// open for reading, the bytes that come next, padded with zeros, in a region that can only be read.
pub(super) fn map(
    core: &mut Core,
    caller: AgentId,
    grant: Grant,
    object: u64,
    size: u64,
    memory: &mut dyn UserMemory,
) -> Result<u64, Status> {
    if object == 0 {
        return map_new(size, memory);
    }
    let behind = core.inspect(caller, Handle::from_word(object))?;
    match behind.object {
        Object::Device(_) => device(grant),
        Object::File(number) if behind.rights.covers(Rights::READ) => map_file(core, number, size, memory),
        Object::File(_) => Err(Status::Denied),
        // Other objects have no memory that could be mapped.
        _ => Err(Status::Invalid),
    }
}

/// Memory of a device: needs HARDWARE, and no device bus of this kernel offers any.
fn device(grant: Grant) -> Result<u64, Status> {
    if !grant.kinds.allows(CapabilityKind::Hardware) {
        return Err(Status::Denied);
    }
    Err(Status::NotFound)
}

fn map_file(core: &mut Core, number: u32, size: u64, memory: &mut dyn UserMemory) -> Result<u64, Status> {
    if size > FILE_BYTES as u64 {
        return Err(Status::Overflow);
    }
    // Mapped first, so that nothing is read for a region that can't be had.
    let region = map_new(size, memory)?;
    let filled = fill(core, number, memory.machine()?, region);
    let kept = filled.and_then(|()| protect(region, u64::from(RegionRights::Read as u8), memory));
    if kept.is_err() {
        memory.machine()?.unmap_region(region);
    }
    kept.map(|_| region)
}

fn fill(core: &mut Core, number: u32, memory: &Memory, region: u64) -> Result<(), Status> {
    let (region, _) = memory.region(region).ok_or(Status::NotFound)?;
    let mut buffer = [0; 4_096];
    let mut at = 0u64;
    while at < region.length() {
        let left = usize::try_from(region.length().saturating_sub(at)).unwrap_or(usize::MAX);
        let wanted = buffer.get_mut(..left.min(4_096)).ok_or(Status::General)?;
        let count = core.files.read(number, wanted)?;
        if count == 0 {
            return Ok(());
        }
        for byte in wanted.iter().take(count) {
            region.write_byte(at, *byte).ok_or(Status::General)?;
            at = at.saturating_add(1);
        }
    }
    Ok(())
}

pub(crate) fn map_new(size: u64, memory: &mut dyn UserMemory) -> Result<u64, Status> {
    if size == 0 {
        return Err(Status::Invalid);
    }
    let memory = memory.machine()?;
    // Asked of the host only if the quota allows it.
    if size > memory.quota().saturating_sub(memory.charged()) {
        return Err(Status::NoMemory);
    }
    let region = SharedRegion::new(size).map_err(|_| Status::NoMemory)?;
    match memory.map_region(region, RegionRights::ReadWrite, size) {
        Ok(number) => Ok(u64::from(number)),
        Err(MemoryError::NoRegion) => Err(Status::Busy),
        Err(_) => Err(Status::NoMemory),
    }
}

/// FREE and MUNMAP.
pub(super) fn release(region: u64, memory: &mut dyn UserMemory) -> Result<u64, Status> {
    if memory.machine()?.unmap_region(region) { Ok(0) } else { Err(Status::NotFound) }
}

/// MPROTECT: bits 1 read, 2 write, 4 share, 8 execute.
pub(super) fn protect(region: u64, rights: u64, memory: &mut dyn UserMemory) -> Result<u64, Status> {
    let memory = memory.machine()?;
    let plain = u8::try_from(rights & !EXECUTE).ok();
    if rights & EXECUTE != 0 {
        let write = u64::from(RegionRights::Write as u8);
        let known = plain.is_some_and(|plain| plain <= RegionRights::ReadWriteShare as u8);
        return Err(if rights & write != 0 || !known { Status::Invalid } else { Status::NotFound });
    }
    let rights = plain.and_then(RegionRights::from_byte).ok_or(Status::Invalid)?;
    match memory.protect_region(region, rights) {
        Ok(()) => Ok(0),
        Err(Protection::NoRegion) => Err(Status::NotFound),
        Err(Protection::Wider) => Err(Status::Denied),
    }
}
