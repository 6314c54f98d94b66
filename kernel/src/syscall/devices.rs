//! System calls over devices and hardware.
//!
//! # Invariants
//! 1. OPEN gives no more than its handle covers: a handle of one object opens no other.
//! 2. The number of devices that can ever be open is that of the addresses and channels that the
//!    bus lists, whatever names callers give.

use alloc::string::{String, ToString as _};
use core::fmt::Write as _;

use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_hal::DeviceAddress;
use flux_kcore::capability::{Grant, Handle, Object, Rights};
use flux_kcore::id::AgentId;
use flux_kcore::runtime::Syscalls as _;

use super::{MOST_TEXT, SMALL, bytes_out};
use crate::base::{Core, shown};
use crate::error::Refusal;
use crate::user_memory::{UserMemory, Words, room, writable};

/// Bytes of a reading or setting.
const WORD_BYTES: u64 = 8;

/// READ: one reading as a word.
pub(super) fn read(
    core: &mut Core,
    caller: AgentId,
    device: u64,
    at: u64,
    size: u64,
    memory: &mut dyn UserMemory,
) -> Result<u64, Status> {
    core.device(caller, device, CapabilityKind::IoRead)?;
    if size < WORD_BYTES {
        return Err(Status::Invalid);
    }
    // Checked before the device is asked, so that no reading is lost.
    writable(memory, at, WORD_BYTES)?;
    let word = core.read_device(caller, device)?;
    memory.write(at, &word.to_le_bytes())?;
    Ok(WORD_BYTES)
}

/// WRITE: a word to a device, text to the console.
pub(super) fn write(
    core: &mut Core,
    caller: AgentId,
    device: u64,
    at: u64,
    size: u64,
    memory: &dyn UserMemory,
) -> Result<u64, Status> {
    let number = core.device(caller, device, CapabilityKind::IoWrite)?;
    if core.devices.is_console(number) {
        if size > MOST_TEXT {
            return Err(Status::Overflow);
        }
        let text = memory.read(at, size)?;
        room(SMALL)?;
        let text = alloc::format!("console: {}", shown(text));
        core.log(caller, LogLevel::Info, &text);
        return Ok(size);
    }
    if size != WORD_BYTES {
        return Err(Status::Invalid);
    }
    let word = Words::<1>::read(memory, at)?.get(0);
    let now = core.now();
    core.devices.write(number, word, now).map_err(|fault| core.keep_fault(caller, fault))?;
    Ok(WORD_BYTES)
}

/// OPEN of a device: a handle for an address, or an address, a space and a channel.
pub(super) fn open(
    core: &mut Core,
    caller: AgentId,
    handle: u64,
    grant: Grant,
    name: &str,
) -> Result<u64, Status> {
    let kinds = [(CapabilityKind::IoRead, Rights::READ), (CapabilityKind::IoWrite, Rights::WRITE)];
    let mut narrower = Grant {
        kinds: CapabilitySet::EMPTY,
        object: grant.object,
        rights: grant.rights.attenuate(Rights::GRANT),
        badge: grant.badge,
    };
    for (kind, rights) in kinds {
        if grant.kinds.allows(kind) && grant.rights.covers(rights) {
            narrower.kinds = narrower.kinds.with(kind);
            narrower.rights = narrower.rights.with(rights);
        }
    }
    if narrower.kinds == CapabilitySet::EMPTY || grant.object == Object::Kind {
        return Err(Status::Denied);
    }
    room(SMALL)?;
    let (address, channel) = name.split_once(' ').unwrap_or((name, ""));
    let parsed: DeviceAddress = address.parse().map_err(|_| Status::Invalid)?;
    let listed = core.devices.list();
    let known = match &parsed {
        DeviceAddress::Console => channel.is_empty(),
        _ => listed.iter().any(|device| {
            let named = device.channels.iter().any(|one| one.name == channel);
            device.address == parsed && (channel.is_empty() || named)
        }),
    };
    if !known {
        return Err(Status::NotFound);
    }
    let number = core.devices.open(address, channel).map_err(|error| error.status())?;
    narrower.object = Object::Device(number.0);
    core.derive(caller, Handle::from_word(handle), caller, narrower).map(Handle::word)
}

/// What HW_INFO can be asked, by number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum HardwareItem {
    Cores,
    Memory,
    Devices,
    Architecture,
    Processor,
    Features,
    DeviceList,
    Caches,
}

impl HardwareItem {
    const ALL: [Self; 8] = [
        Self::Cores,
        Self::Memory,
        Self::Devices,
        Self::Architecture,
        Self::Processor,
        Self::Features,
        Self::DeviceList,
        Self::Caches,
    ];

    fn from_number(number: u64) -> Result<Self, Status> {
        let at = usize::try_from(number).map_err(|_| Status::Invalid)?;
        Self::ALL.get(at).copied().ok_or(Status::Invalid)
    }
}

/// HW_INFO: numbers are the result; texts go to the buffer and their length is the result.
pub(super) fn hardware(
    core: &Core,
    item: u64,
    at: u64,
    size: u64,
    memory: &mut dyn UserMemory,
) -> Result<u64, Refusal> {
    let item = HardwareItem::from_number(item)?;
    room(SMALL)?;
    let found = core.hardware.as_ref().ok_or(Status::NotFound);
    let text = match item {
        HardwareItem::Cores => return Ok(u64::from(found?.cores)),
        // The hardware layer writes 0 for memory that it does not know.
        HardwareItem::Memory => {
            let bytes = found?.memory_bytes;
            return if bytes == 0 { Err(Status::NotFound.into()) } else { Ok(bytes) };
        }
        HardwareItem::Devices => {
            return u64::try_from(core.devices.list().len()).map_err(|_| Status::Overflow.into());
        }
        HardwareItem::Architecture => found?.architecture.to_string(),
        HardwareItem::Processor => {
            let name = &found?.processor;
            if name.is_empty() {
                return Err(Status::NotFound.into());
            }
            name.clone()
        }
        HardwareItem::Features => found?.features.join(" "),
        HardwareItem::DeviceList => device_list(core),
        // No hardware layer tells of caches.
        HardwareItem::Caches => return Err(Status::NotFound.into()),
    };
    bytes_out(text.as_bytes(), at, size, memory)
}

/// A line for each device: address, driver, channels.
fn device_list(core: &Core) -> String {
    let mut text = String::new();
    for device in core.devices.list() {
        // Writing to a string does not fail.
        let _ = write!(text, "{} {}", device.address, device.driver);
        for channel in &device.channels {
            let _ = write!(text, " {}", channel.name);
        }
        text.push('\n');
    }
    text
}

/// HW_CONFIG: the items are those of HW_INFO, and no hardware layer can change any.
pub(super) fn configure(item: u64) -> Result<u64, Status> {
    HardwareItem::from_number(item).and(Err(Status::NotFound))
}

/// Access to a register of a device, which the device bus does not offer: the handle is checked.
pub(crate) fn registers(
    core: &Core,
    caller: AgentId,
    word: u64,
    kind: CapabilityKind,
) -> Result<u64, Status> {
    core.device(caller, word, kind).and(Err(Status::NotFound))
}
