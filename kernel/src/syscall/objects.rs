//! IOCTL: operations on the object of a handle that have no number of their own.
//!
//! # Invariants
//! 1. Every operation needs a live handle of the caller before it looks at anything else. Without one are `own`, which
//!    looks for a handle, `check`, which asks about one, and `set-limit` by which a caller lowers a limit of its own.
//! 2. No operation gives more than the handle covers.

use alloc::string::String;

use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::ioctl::{ObjectType, Operation};
use flux_abi::status::Status;
use flux_kcore::capability::{Grant, Handle, Object, Rights};
use flux_kcore::id::{AgentId, TopicId};
use flux_kcore::runtime::Syscalls as _;
use flux_kcore::watch::WatchKind;

use super::limits::set_limit;
use super::text_at;
use crate::base::Core;
use crate::devices::DeviceNumber;
use crate::user_memory::{UserMemory, Words};

/// Carries out `operation` on the object of `handle`.
pub(crate) fn ioctl(
    core: &mut Core,
    caller: AgentId,
    [handle, operation, record]: [u64; 3],
    memory: &dyn UserMemory,
) -> Result<u64, Status> {
    let claim = Handle::from_word(handle);
    let operation = Operation::from_number(operation);
    match operation {
        Some(Operation::Own) if handle == 0 => return own(core, caller, record),
        Some(Operation::SetLimit) if handle == 0 => {
            return set_limit(core, caller, caller, &Words::read(memory, record)?);
        }
        Some(Operation::Check) => return Ok(u64::from(core.covers(caller, handle, record))),
        _ => {}
    }
    let grant = core.inspect(caller, claim)?;
    match operation.ok_or(Status::NotFound)? {
        Operation::Own | Operation::Check => Err(Status::Invalid),
        Operation::Unsubscribe => core.unsubscribe(caller, claim).map(|()| 0),
        Operation::Revoke => core.revoke(caller, claim).map(|()| 0),
        Operation::Derive => derive(core, caller, claim, grant, &Words::read(memory, record)?),
        Operation::Transfer => {
            let to = core.endpoint(caller, record, Rights::NONE)?;
            core.shard.transfer(caller, claim, to).map(Handle::word)
        }
        Operation::Publish => {
            let (name, audience) = named(core, caller, claim, record, memory)?;
            let audience = match audience {
                0 => None,
                word => Some(core.endpoint(caller, word, Rights::NONE)?),
            };
            core.publish_service(caller, name, audience)
        }
        Operation::Withdraw => core.withdraw_service(caller, claim),
        Operation::Find => {
            let (name, skip) = named(core, caller, claim, record, memory)?;
            core.find_service(caller, &name, skip)
        }
        Operation::Link => watch(core, caller, handle, Rights::MANAGE, WatchKind::Link),
        Operation::Monitor => watch(core, caller, handle, Rights::NONE, WatchKind::Monitor),
        Operation::Unlink => {
            let agent = core.endpoint(caller, handle, Rights::NONE)?;
            core.shard.unwatch(caller, agent).map(|()| 0)
        }
        Operation::Signal => core.managed(caller, handle).and_then(|agent| core.signal(agent, record)),
        // Comes with hot-swap, which needs the same state.
        Operation::Snapshot => core.managed(caller, handle).and(Err(Status::NotFound)),
        Operation::SetLimit => {
            let agent = core.managed(caller, handle)?;
            set_limit(core, caller, agent, &Words::read(memory, record)?)
        }
        Operation::Poll => poll(core, caller, claim),
        Operation::Entrust => core.entrust(caller, claim, grant, &Words::read(memory, record)?),
        Operation::Withhold => core.withhold(caller, claim, grant, &Words::read(memory, record)?),
        Operation::Narrow => core.narrow(caller, claim, grant, record),
        Operation::RegionSize => core.region_size(grant),
        Operation::ReadByte => core.read_region_byte(grant, record),
        Operation::ReadWord => core.read_region_word(grant, record),
        Operation::WriteByte => core.write_region_byte(grant, record, memory),
        Operation::WriteWord => core.write_region_word(grant, record, memory),
        Operation::ReadOnly => core.read_only_region(caller, claim, grant),
        Operation::ValueKind => match grant.object {
            Object::Device(number) => {
                core.devices.value(DeviceNumber(number)).map(|value| value as u64).ok_or(Status::NotFound)
            }
            _ => Err(Status::Invalid),
        },
    }
}

/// The caller's own handle of a kind.
fn own(core: &Core, caller: AgentId, kind: u64) -> Result<u64, Status> {
    let kind = u8::try_from(kind).ok().and_then(CapabilityKind::from_byte).ok_or(Status::Invalid)?;
    let mut held = core.shard.capabilities().held(caller);
    held.find(|(_, grant)| grant.object == Object::Kind && grant.kinds.contains(kind))
        .map(|(handle, _)| handle.word())
        .ok_or(Status::NotFound)
}

fn derive(
    core: &mut Core,
    caller: AgentId,
    parent: Handle,
    grant: Grant,
    record: &Words<6>,
) -> Result<u64, Status> {
    let to = match record.get(0) {
        0 => caller,
        word => core.endpoint(caller, word, Rights::NONE)?,
    };
    let narrower = Grant {
        kinds: u16::try_from(record.get(1)).ok().and_then(CapabilitySet::from_bits).ok_or(Status::Invalid)?,
        rights: u8::try_from(record.get(2)).ok().and_then(Rights::from_bits).ok_or(Status::Invalid)?,
        // A badge that is set stays; a derivation without one keeps it.
        badge: match u16::try_from(record.get(3)).map_err(|_| Status::Invalid)? {
            0 => grant.badge,
            badge => badge,
        },
        object: object(grant.object, record.get(4), record.get(5))?,
    };
    core.derive(caller, parent, to, narrower).map(Handle::word)
}

/// The object that a derivation names.
fn object(same: Object, kind: u64, word: u64) -> Result<Object, Status> {
    let number = || u32::try_from(word).map_err(|_| Status::Invalid);
    Ok(match ObjectType::from_number(kind).ok_or(Status::Invalid)? {
        ObjectType::Same => same,
        ObjectType::Kind => Object::Kind,
        ObjectType::Device => Object::Device(number()?),
        ObjectType::Agent => Object::Endpoint(AgentId::from_word(word).ok_or(Status::Invalid)?),
        ObjectType::Topic => Object::Topic(TopicId::from_word(word).ok_or(Status::Invalid)?),
        ObjectType::Module => Object::Module(number()?),
        ObjectType::File => Object::File(number()?),
        ObjectType::Region => Object::Region(number()?),
    })
}

/// Name and second word of a record of discovery, once the handle shows that the caller may take part.
fn named(
    core: &Core,
    caller: AgentId,
    handle: Handle,
    record: u64,
    memory: &dyn UserMemory,
) -> Result<(String, u64), Status> {
    core.check(caller, handle, CapabilityKind::Communicate, Rights::NONE)?;
    let record = Words::<2>::read(memory, record)?;
    Ok((text_at(memory, record.get(0))?, record.get(1)))
}

fn watch(
    core: &mut Core,
    caller: AgentId,
    handle: u64,
    rights: Rights,
    kind: WatchKind,
) -> Result<u64, Status> {
    let agent = core.endpoint(caller, handle, rights)?;
    core.shard.watch(caller, agent, kind).map(|()| 0)
}

/// Devices answer when they are read, files at once: there is always something to read.
fn poll(core: &Core, caller: AgentId, handle: Handle) -> Result<u64, Status> {
    let grant = core.check(caller, handle, CapabilityKind::IoRead, Rights::READ)?;
    match grant.object {
        Object::Device(_) | Object::File(_) => Ok(1),
        _ => Err(Status::Invalid),
    }
}
