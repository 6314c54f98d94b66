//! Memory regions that agents hold handles of.
//!
//! A region belongs to the agent whose module lists it, and is charged to that agent's quota. It is reached by
//! handles alone, each access by itself, so that taking a handle back is felt at the next access.
//!
//! # Invariants
//! 1. A number names one region and is not given twice.
//! 2. A region is there for as long as its owner; handles of it that others hold are derived from the owner's.

use alloc::collections::BTreeMap;
use alloc::string::ToString as _;
use alloc::sync::Arc;

use flux_abi::capability::CapabilityKind;
use flux_abi::status::Status;
use flux_isa::{Link, LinkKind, Module};
use flux_kcore::capability::{Grant, Handle, Object, Rights};
use flux_kcore::id::AgentId;
use flux_vm::SharedRegion;

use crate::base::Core;
use crate::error::KernelError;
use crate::user_memory::{UserMemory, Words};
use crate::wiring::{LINK_WRITE, describe};

#[derive(Debug)]
struct Region {
    owner: AgentId,
    storage: SharedRegion,
}

/// Every region of this kernel.
#[derive(Debug, Default)]
pub(crate) struct RegionTable {
    regions: BTreeMap<u32, Region>,
    next: u32,
}

impl RegionTable {
    fn create(&mut self, owner: AgentId, size: u64) -> Result<u32, Status> {
        let number = self.next;
        let storage = SharedRegion::new(size).map_err(|_| Status::NoMemory)?;
        self.next = number.checked_add(1).ok_or(Status::NoMemory)?;
        self.regions.insert(number, Region { owner, storage });
        Ok(number)
    }

    fn get(&self, number: u32) -> Option<&SharedRegion> {
        self.regions.get(&number).map(|region| &region.storage)
    }

    /// Drops the regions of an agent that has ended.
    pub(crate) fn forget(&mut self, owner: AgentId) {
        self.regions.retain(|_, region| region.owner != owner);
    }
}

/// Bytes that the regions of a module take.
pub(crate) fn bytes_of(module: &Module) -> u64 {
    module.links.iter().filter_map(Link::region_size).fold(0, u64::saturating_add)
}

/// Refuses a module whose regions take more than the quota of its agent.
pub(crate) fn check_quota(module: &Module, quota: u64, agent: &str) -> Result<(), KernelError> {
    if bytes_of(module) <= quota {
        return Ok(());
    }
    let region = module.links.iter().find(|link| link.kind == LinkKind::Region);
    Err(KernelError::Grant {
        agent: agent.to_string(),
        object: region.map(describe).unwrap_or_default(),
        status: Status::NoMemory,
    })
}

/// The rights of a region's handle for whoever has it by this link.
const fn rights_of(link: &Link) -> Rights {
    let rights = Rights::READ.with(Rights::GRANT);
    if link.rights & LINK_WRITE != 0 { rights.with(Rights::WRITE) } else { rights }
}

impl Core {
    /// A region of the agent's own, zeroed: the word of its handle.
    pub(crate) fn own_region(
        &mut self,
        agent: AgentId,
        name: &Arc<str>,
        link: &Link,
    ) -> Result<u64, KernelError> {
        let refused = |status| KernelError::Grant { agent: name.to_string(), object: describe(link), status };
        let size = link.region_size().ok_or_else(|| refused(Status::Invalid))?;
        let number = self.regions.create(agent, size).map_err(refused)?;
        let grant = Grant::new(CapabilityKind::Memory, Object::Region(number), rights_of(link));
        self.mint(agent, grant).map(Handle::word).map_err(refused)
    }

    fn region(&self, grant: Grant, needed: Rights) -> Result<&SharedRegion, Status> {
        let Object::Region(number) = grant.object else { return Err(Status::Invalid) };
        if !grant.rights.covers(needed) {
            return Err(Status::Denied);
        }
        self.regions.get(number).ok_or(Status::Invalid)
    }

    pub(crate) fn region_size(&self, grant: Grant) -> Result<u64, Status> {
        self.region(grant, Rights::NONE).map(SharedRegion::length)
    }

    pub(crate) fn read_region_byte(&self, grant: Grant, offset: u64) -> Result<u64, Status> {
        self.region(grant, Rights::READ)?.read_byte(offset).map(u64::from).ok_or(Status::Overflow)
    }

    pub(crate) fn read_region_word(&self, grant: Grant, offset: u64) -> Result<u64, Status> {
        self.region(grant, Rights::READ)?.read(offset).ok_or(Status::Overflow)
    }

    pub(crate) fn write_region_byte(
        &self,
        grant: Grant,
        record: u64,
        memory: &dyn UserMemory,
    ) -> Result<u64, Status> {
        let region = self.region(grant, Rights::WRITE)?;
        let record = Words::<2>::read(memory, record)?;
        let byte = u8::try_from(record.get(1)).map_err(|_| Status::Invalid)?;
        region.write_byte(record.get(0), byte).map(|()| 0).ok_or(Status::Overflow)
    }

    pub(crate) fn write_region_word(
        &self,
        grant: Grant,
        record: u64,
        memory: &dyn UserMemory,
    ) -> Result<u64, Status> {
        let region = self.region(grant, Rights::WRITE)?;
        let record = Words::<2>::read(memory, record)?;
        region.write(record.get(0), record.get(1)).map(|()| 0).ok_or(Status::Overflow)
    }

    /// READ-ONLY: a handle of the caller for the region of `claim` that does not write.
    pub(crate) fn read_only_region(
        &mut self,
        caller: AgentId,
        claim: Handle,
        grant: Grant,
    ) -> Result<u64, Status> {
        self.region(grant, Rights::READ)?;
        let rights = grant.rights.attenuate(Rights::READ.with(Rights::GRANT));
        if rights == grant.rights {
            return Ok(claim.word());
        }
        self.derived_once(caller, claim, Grant { rights, ..grant })
    }
}
