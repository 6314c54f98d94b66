//! Giving a started agent what its module lists, and taking it back.
//!
//! Nothing is inherited: an agent that another one starts from a module has no handle for any of its
//! links until whoever started it, or anybody else with the right to, entrusts it with what lies there.
//!
//! # Invariants
//! 1. What is given is derived from a handle of the giver, no wider, and only for what the module lists.
//! 2. For one object an agent has one handle by this; a further kind widens it, a withheld one narrows it.
//! 3. A link without a handle holds a word that no table has; using it is a CAPABILITY trap.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::status::Status;
use flux_isa::{ExportKind, Link, LinkKind, Module};
use flux_kcore::capability::{Extent, Grant, Handle, Object, Rights};
use flux_kcore::id::{AgentId, TopicId};
use flux_kcore::runtime::Syscalls as _;
use flux_vm::Program;

use crate::base::Core;
use crate::error::KernelError;
use crate::syscall::SMALL;
use crate::user_memory::{Words, room};
use crate::wiring::{LINK_READ, LINK_WRITE, Launch, PLAIN_KINDS};

/// The word of link number `index` while the agent has no handle for it: place 0 of no table.
pub(crate) fn unwired(index: usize) -> u64 {
    u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1).saturating_mul(1 << 16)
}

impl Core {
    /// Fills in the links of an agent that holds what it was entrusted with before it began.
    pub(crate) fn wire_entrusted(&mut self, agent: AgentId, launch: &mut Launch) -> Result<(), KernelError> {
        let program = Arc::clone(&launch.program);
        let held: Vec<(Handle, Grant)> = self.shard.capabilities().held(agent).collect();
        let name = Arc::clone(&launch.name);
        for (index, link) in program.module().links.iter().enumerate() {
            // Its own memory is nobody's to give.
            if link.kind == LinkKind::Region {
                launch.links.push(self.own_region(agent, &name, link)?);
                continue;
            }
            let found = held.iter().find(|(_, grant)| self.is_for(&program, link, *grant));
            launch.links.push(found.map_or_else(|| unwired(index), |(handle, _)| handle.word()));
        }
        Ok(())
    }

    /// The links of an agent's module that a handle of it is for.
    pub(crate) fn links_for(&mut self, agent: AgentId, handle: Handle) -> Vec<usize> {
        let program = self.known(agent).and_then(|known| known.program.clone());
        let (Some(program), Ok(grant)) = (program, self.inspect(agent, handle)) else { return Vec::new() };
        let links = program.module().links.iter().enumerate();
        links.filter(|(_, link)| self.is_for(&program, link, grant)).map(|(index, _)| index).collect()
    }

    /// Whether a grant reaches what a link of a program names.
    fn is_for(&mut self, program: &Arc<Program>, link: &Link, grant: Grant) -> bool {
        match (link.kind, grant.object) {
            (LinkKind::Device, Object::Device(number)) => {
                self.devices.open(&link.name, &link.channel).is_ok_and(|opened| opened.0 == number)
            }
            (LinkKind::Agent, Object::Endpoint(agent)) => {
                !grant.rights.covers(Rights::MANAGE) && self.endpoint_name(agent) == Some(link.name.as_str())
            }
            (LinkKind::Topic, Object::Topic(topic)) => self.topic_name(topic) == Some(link.name.as_str()),
            (LinkKind::Module, Object::Module(number)) => {
                let child = self.modules.child(program, &link.name, &link.channel);
                child.is_some_and(|child| child.0 == number)
            }
            _ => false,
        }
    }

    fn endpoint_name(&self, agent: AgentId) -> Option<&str> {
        let living = self.shard.agent(agent).map(flux_kcore::shard::Agent::name);
        living.or_else(|| self.endpoints.get(&agent).map(String::as_str))
    }

    /// ENTRUST: gives the agent of the record what the caller's handle is for.
    pub(crate) fn entrust(
        &mut self,
        caller: AgentId,
        claim: Handle,
        grant: Grant,
        record: &Words<2>,
    ) -> Result<u64, Status> {
        let (to, kinds, program) = self.receiver(caller, record)?;
        room(SMALL)?;
        let given = self.entrust_to((caller, claim), grant, to, kinds, &program)?;
        self.note_gift(caller, claim, to, kinds);
        Ok(given)
    }

    /// Gives `to`, which runs `program`, what the caller's handle is for, as far as the module lists it.
    pub(crate) fn entrust_to(
        &mut self,
        (caller, claim): (AgentId, Handle),
        grant: Grant,
        to: AgentId,
        kinds: CapabilitySet,
        program: &Arc<Program>,
    ) -> Result<u64, Status> {
        let module = program.module();
        match grant.object {
            Object::Kind => self.entrust_kinds((caller, claim), to, kinds, program),
            Object::Topic(topic) if self.handles_topic(module, topic) => {
                let reading = Grant { rights: Rights::READ, ..grant };
                let given = self.entrust_object((caller, claim), to, reading, kinds, program)?;
                if kinds.allows(CapabilityKind::Communicate) {
                    match self.shard.topics_mut().subscribe(topic, to, None).map_err(Status::from) {
                        Ok(()) | Err(Status::Exists) => {}
                        Err(status) => return Err(status),
                    }
                }
                Ok(given)
            }
            _ => self.entrust_object(
                (caller, claim),
                to,
                Grant { rights: Rights::NONE, ..grant },
                kinds,
                program,
            ),
        }
    }

    /// A handle of the caller below `claim`, one and the same each time, so that a step that is repeated does not
    /// fill the table.
    pub(crate) fn derived_once(
        &mut self,
        caller: AgentId,
        claim: Handle,
        wanted: Grant,
    ) -> Result<u64, Status> {
        let capabilities = self.shard.capabilities();
        let known = capabilities.held(caller).find(|(handle, held)| {
            *handle != claim && *held == wanted && capabilities.is_below((caller, *handle), (caller, claim))
        });
        match known {
            Some((handle, _)) => Ok(handle.word()),
            None => Ok(self.shard.grant(caller, claim, caller, wanted)?.word()),
        }
    }

    /// NARROW: a handle of the caller below `claim` for the same object and these kinds alone.
    pub(crate) fn narrow(
        &mut self,
        caller: AgentId,
        claim: Handle,
        grant: Grant,
        kinds: u64,
    ) -> Result<u64, Status> {
        let kinds = u16::try_from(kinds).ok().and_then(CapabilitySet::from_bits).ok_or(Status::Invalid)?;
        if kinds == CapabilitySet::EMPTY {
            return Err(Status::Invalid);
        }
        let rights = rights_of(kinds).with(Rights::GRANT);
        self.derived_once(caller, claim, Grant { kinds, rights, ..grant })
    }

    /// WITHHOLD: takes back what the agent of the record has by the caller's handle.
    pub(crate) fn withhold(
        &mut self,
        caller: AgentId,
        claim: Handle,
        grant: Grant,
        record: &Words<2>,
    ) -> Result<u64, Status> {
        let (from, kinds, program) = self.receiver(caller, record)?;
        room(SMALL)?;
        self.forget_gift(caller, claim, from, kinds);
        let held: Vec<(Handle, Grant)> = self.shard.capabilities().held(from).collect();
        let mut gone = 0;
        for (handle, given) in held {
            if given.object != grant.object
                || !given.kinds.iter().any(|kind| kinds.allows(kind))
                || !self.shard.capabilities().is_below((from, handle), (caller, claim))
            {
                continue;
            }
            let rest = given.kinds.iter().filter(|kind| !kinds.allows(*kind));
            let rest = rest.fold(CapabilitySet::EMPTY, CapabilitySet::with);
            if let Object::Topic(topic) = given.object
                && self.handles_topic(program.module(), topic)
            {
                // Not subscribed is as good.
                let _ = self.shard.topics_mut().unsubscribe(topic, from);
            }
            if rest != CapabilitySet::EMPTY {
                let rights = rights_of(rest).with(Rights::GRANT);
                self.derive(caller, claim, from, Grant { kinds: rest, rights, ..given })?;
            }
            self.shard.capabilities_mut().revoke(from, handle, Extent::Whole)?;
            gone = u64::saturating_add(gone, 1);
        }
        Ok(gone)
    }

    /// Agent, kinds and program that a record names.
    fn receiver(
        &self,
        caller: AgentId,
        record: &Words<2>,
    ) -> Result<(AgentId, CapabilitySet, Arc<Program>), Status> {
        let to = self.endpoint(caller, record.get(0), Rights::NONE)?;
        let kinds = u16::try_from(record.get(1)).ok().and_then(CapabilitySet::from_bits);
        let known = self.known(to).filter(|_| self.shard.agent(to).is_some()).ok_or(Status::NotFound)?;
        let program = known.program.clone().ok_or(Status::NotFound)?;
        Ok((to, kinds.ok_or(Status::Invalid)?, program))
    }

    fn handles_topic(&self, module: &Module, topic: TopicId) -> bool {
        let Some(name) = self.topic_name(topic) else { return false };
        let handled = module.exports.iter().filter(|export| export.kind == ExportKind::Topic);
        handled.map(|export| &export.name).chain(&module.meta.subscribe).any(|known| known == name)
    }

    /// Kinds without an object, as far as the module declares them.
    fn entrust_kinds(
        &mut self,
        (caller, claim): (AgentId, Handle),
        to: AgentId,
        kinds: CapabilitySet,
        program: &Arc<Program>,
    ) -> Result<u64, Status> {
        let module = program.module();
        let plain = PLAIN_KINDS.into_iter().chain([CapabilityKind::Communicate]);
        for kind in plain.filter(|kind| kinds.contains(*kind) && module.capabilities.allows(*kind)) {
            let grant = Grant::new(kind, Object::Kind, Rights::USE.with(Rights::GRANT));
            if self.shard.capabilities().held(to).any(|(_, held)| held.covers(grant)) {
                continue;
            }
            let handle = self.derive(caller, claim, to, grant)?;
            if kind == CapabilityKind::Spawn {
                self.attach_modules(to, handle, program)?;
            }
        }
        Ok(0)
    }

    /// Lets an agent that may start others do so from the modules that stand in its own.
    fn attach_modules(&mut self, to: AgentId, handle: Handle, program: &Arc<Program>) -> Result<(), Status> {
        for link in program.module().links.iter().filter(|link| link.kind == LinkKind::Module) {
            let Some(number) = self.modules.child(program, &link.name, &link.channel) else { continue };
            let object = Object::Module(number.0);
            let grant = Grant::new(CapabilityKind::Spawn, object, Rights::USE.with(Rights::GRANT));
            let module = self.shard.capabilities_mut().attach(to, handle, grant)?;
            self.shard.tell_of_handle(to, module)?;
        }
        Ok(())
    }

    /// An object, as far as links of the module name it; `wanted.rights` are needed beside those of its links.
    fn entrust_object(
        &mut self,
        (caller, claim): (AgentId, Handle),
        to: AgentId,
        wanted: Grant,
        kinds: CapabilitySet,
        program: &Arc<Program>,
    ) -> Result<u64, Status> {
        let mut needed = CapabilitySet::EMPTY;
        let mut rights = wanted.rights;
        let mut links = 0;
        for link in &program.module().links {
            if !self.is_for(program, link, Grant { rights: Rights::NONE, ..wanted }) {
                continue;
            }
            links = u64::saturating_add(links, 1);
            for kind in kinds_of(link).iter().copied().filter(|kind| kinds.allows(*kind)) {
                needed = needed.with(kind);
                rights = rights.with(rights_for(link, kind));
            }
        }
        if rights != Rights::NONE
            && matches!(wanted.object, Object::Topic(_))
            && kinds.allows(CapabilityKind::Communicate)
        {
            needed = needed.with(CapabilityKind::Communicate);
        }
        if needed == CapabilitySet::EMPTY {
            return Ok(0);
        }
        let held: Vec<(Handle, Grant)> = self.shard.capabilities().held(to).collect();
        let before = held.into_iter().find(|(handle, grant)| {
            grant.object == wanted.object
                && !grant.rights.covers(Rights::MANAGE)
                && self.shard.capabilities().is_below((to, *handle), (caller, claim))
        });
        let had = before.map_or(CapabilitySet::EMPTY, |(_, grant)| grant.kinds);
        let kinds = had.iter().fold(needed, CapabilitySet::with);
        let rights = before.map_or(rights, |(_, grant)| rights.with(grant.rights)).with(Rights::GRANT);
        if before.is_some_and(|(_, grant)| grant.kinds == kinds && grant.rights == rights) {
            return Ok(links);
        }
        self.derive(caller, claim, to, Grant { kinds, rights, ..wanted })?;
        if let Some((handle, _)) = before {
            self.shard.capabilities_mut().revoke(to, handle, Extent::Whole)?;
        }
        Ok(links)
    }
}

/// Kinds by which a link is used.
const fn kinds_of(link: &Link) -> &'static [CapabilityKind] {
    match (link.kind, link.rights & (LINK_READ | LINK_WRITE)) {
        (LinkKind::Device, LINK_READ) => &[CapabilityKind::IoRead],
        (LinkKind::Device, LINK_WRITE) => &[CapabilityKind::IoWrite],
        (LinkKind::Device, _) => &[CapabilityKind::IoRead, CapabilityKind::IoWrite],
        (LinkKind::Agent | LinkKind::Topic, _) => &[CapabilityKind::Communicate],
        (LinkKind::Module | LinkKind::Function | LinkKind::Region, _) => &[],
    }
}

/// Rights that a link needs by a kind.
const fn rights_for(link: &Link, kind: CapabilityKind) -> Rights {
    match (link.kind, kind) {
        (LinkKind::Device, CapabilityKind::IoRead) => Rights::READ,
        (LinkKind::Topic, _) => Rights::READ.with(Rights::WRITE),
        _ => Rights::WRITE,
    }
}

/// Rights that kinds of a device, or an endpoint or topic, give.
fn rights_of(kinds: CapabilitySet) -> Rights {
    kinds.iter().fold(Rights::NONE, |rights, kind| match kind {
        CapabilityKind::IoRead => rights.with(Rights::READ),
        _ => rights.with(Rights::WRITE),
    })
}
