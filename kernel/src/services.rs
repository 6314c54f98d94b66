//! Discovery: names under which agents let others find them.
//!
//! # Invariants
//! 1. A name is found by its audience alone.
//! 2. What is found is derived from the publisher's handle, so that its withdrawal reaches every finder.

use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::capability::CapabilityKind;
use flux_abi::limits::{AGENTS, TOPIC_BYTES};
use flux_abi::status::Status;
use flux_kcore::capability::{Extent, Grant, Handle, Object, Rights};
use flux_kcore::id::AgentId;

use crate::base::Core;

/// Services that one agent may publish.
const SERVICES: usize = 64;

/// A name that is published.
#[derive(Debug)]
struct Service {
    name: String,
    publisher: AgentId,
    /// The publisher's handle for itself.
    handle: Handle,
    /// Who may find it; everybody if nobody is named.
    audience: Option<AgentId>,
}

/// What is published on a kernel, in the order of publication.
#[derive(Debug, Default)]
pub(crate) struct Services(Vec<Service>);

impl Services {
    /// Forgets what an agent that ended published.
    pub(crate) fn forget(&mut self, publisher: AgentId) {
        self.0.retain(|service| service.publisher != publisher);
    }
}

impl Core {
    /// Publishes the caller under `name`; the handle that stands for the publication.
    pub(crate) fn publish_service(
        &mut self,
        caller: AgentId,
        name: String,
        audience: Option<AgentId>,
    ) -> Result<u64, Status> {
        match name.len() {
            0 => return Err(Status::Invalid),
            1..=TOPIC_BYTES => {}
            _ => return Err(Status::Overflow),
        }
        let own = || self.services.0.iter().filter(|service| service.publisher == caller);
        if own().any(|service| service.name == name) {
            return Err(Status::Exists);
        }
        if own().count() >= SERVICES || self.services.0.len() >= AGENTS {
            return Err(Status::Busy);
        }
        self.services.0.try_reserve(1).map_err(|_| Status::NoMemory)?;
        let rights = Rights::WRITE.with(Rights::GRANT);
        let grant = Grant::new(CapabilityKind::Communicate, Object::Endpoint(caller), rights);
        let handle = self.mint(caller, grant)?;
        self.services.0.push(Service { name, publisher: caller, handle, audience });
        Ok(handle.word())
    }

    /// Ends the publication that `handle` stands for.
    pub(crate) fn withdraw_service(&mut self, caller: AgentId, handle: Handle) -> Result<u64, Status> {
        let same = |service: &Service| service.publisher == caller && service.handle == handle;
        let at = self.services.0.iter().position(same).ok_or(Status::NotFound)?;
        self.services.0.remove(at);
        self.shard.capabilities_mut().revoke(caller, handle, Extent::Whole)?;
        Ok(0)
    }

    /// A handle for the publisher of `name` to the caller that comes after `skip` others.
    pub(crate) fn find_service(&mut self, caller: AgentId, name: &str, skip: u64) -> Result<u64, Status> {
        let capabilities = self.shard.capabilities();
        let skip = usize::try_from(skip).map_err(|_| Status::NotFound)?;
        let found = self.services.0.iter().filter(|service| {
            service.name == name
                && service.audience.is_none_or(|audience| audience == caller)
                // One that its publisher revoked by hand is withdrawn.
                && capabilities.inspect(service.publisher, service.handle).is_ok()
        });
        let (publisher, handle) =
            found.map(|service| (service.publisher, service.handle)).nth(skip).ok_or(Status::NotFound)?;
        let grant = Grant::new(CapabilityKind::Communicate, Object::Endpoint(publisher), Rights::WRITE);
        let given = self.shard.capabilities_mut().derive(publisher, handle, caller, grant)?;
        Ok(given.word())
    }
}
