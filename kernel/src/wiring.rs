//! Starting agents: name, devices, handles.
//!
//! An agent is registered by name when it is executed and wired when the kernel starts it, so
//! that all agents of one run find each other whatever their order.
//!
//! # Invariants
//! 1. An agent holds exactly one handle per link of its module and one per kind it declares,
//!    each derived from a handle of whoever starts it and never wider.
//! 2. A link whose kind the module does not declare is refused before the agent exists.

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::limits::{DEFAULT_QUOTA, TOPIC_BYTES};
use flux_abi::status::Status;
use flux_isa::{ExportKind, Link, LinkKind, Module};
use flux_kcore::capability::{Grant, Handle, Object, Rights};
use flux_kcore::id::{AgentId, ProcessId};
use flux_kcore::runtime::{Exit, Role};
use flux_kcore::shard::Birth;
use flux_vm::Program;

use crate::base::{Core, Known, Pending};
use crate::error::KernelError;
use crate::modules::ModuleNumber;
use crate::regions::{bytes_of, check_quota};

/// An agent that is about to start.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Its name.
    pub name: Arc<str>,
    /// Its document, for reports.
    pub document: Arc<str>,
    /// Its program.
    pub program: Arc<Program>,
    /// Memory quota in bytes, regions included.
    pub quota: u64,
    /// Kinds it was granted.
    pub capabilities: CapabilitySet,
    /// One handle word for each link; filled when it is wired.
    pub links: Vec<u64>,
    /// Parameters as they were given, name and text.
    pub parameters: Vec<(String, String)>,
    /// Whom it belongs to.
    pub role: Role,
    /// Who gives it its handles, and from which.
    pub(crate) grantor: (AgentId, Handle),
}

impl Launch {
    /// What of the quota is left for the agent's memory beside its regions.
    pub fn memory(&self) -> u64 {
        self.quota.saturating_sub(bytes_of(self.program.module()))
    }

    /// Whether the agent gets what others entrust it with, and nothing at its start.
    pub(crate) fn is_entrusted(&self) -> bool {
        self.grantor.1 == Handle::NONE
    }
}

/// What an execution asks for.
#[derive(Clone, Debug)]
pub(crate) struct Execution {
    pub(crate) program: Arc<Program>,
    /// Another name than the module's.
    pub(crate) name: Option<String>,
    pub(crate) document: Arc<str>,
    pub(crate) parameters: Vec<(String, String)>,
    /// The handle that the agent's handles are derived from.
    pub(crate) grants: Handle,
}

/// Kinds whose handles have no object.
pub(crate) const PLAIN_KINDS: [CapabilityKind; 7] = [
    CapabilityKind::Spawn,
    CapabilityKind::Compile,
    CapabilityKind::Memory,
    CapabilityKind::Hardware,
    CapabilityKind::Filesystem,
    CapabilityKind::Debug,
    CapabilityKind::Supervisor,
];

/// Number behind the name of the second agent that is called the same.
const FIRST_NUMBER: u32 = 2;

/// Rights bits of a link.
pub(crate) const LINK_READ: u8 = 1;
pub(crate) const LINK_WRITE: u8 = 2;

impl Core {
    /// Registers an agent and queues its start.
    pub(crate) fn execute(&mut self, caller: AgentId, wanted: Execution) -> Result<AgentId, KernelError> {
        let module = wanted.program.module();
        let name = wanted.name.unwrap_or_else(|| module.meta.name.clone());
        if name.is_empty() {
            return Err(KernelError::NoName);
        }
        let quota = if module.meta.memory == 0 { DEFAULT_QUOTA } else { module.meta.memory };
        check_quota(module, quota, &name)?;
        for link in &module.links {
            if let Some(kind) = lacking(module.capabilities, link) {
                let object = describe(link);
                return Err(KernelError::Undeclared { agent: name, object, kind });
            }
        }
        let devices = module.links.iter().filter(|link| link.kind == LinkKind::Device);
        self.devices
            .open_all(devices.map(|link| (&*link.name, &*link.channel)))
            .map_err(|error| KernelError::Device { agent: name.clone(), error: Box::new(error) })?;
        let process = self.process_of(caller);
        let birth = Birth { parent: Some(caller), ..birth_of(&name, process, module, quota) };
        let agent = self.shard.spawn(birth).map_err(|status| match status {
            Status::Exists => KernelError::NameTaken { name: name.clone() },
            status => KernelError::Register { name: name.clone(), status },
        })?;
        let known = Known {
            name: Arc::from(name.as_str()),
            capabilities: module.capabilities,
            program: Some(Arc::clone(&wanted.program)),
            document: wanted.document,
            role: Role::Application,
        };
        let launch = Launch {
            name: Arc::clone(&known.name),
            document: Arc::clone(&known.document),
            quota,
            capabilities: module.capabilities,
            links: Vec::new(),
            parameters: wanted.parameters,
            role: Role::Application,
            grantor: (caller, wanted.grants),
            program: wanted.program,
        };
        self.introduce(agent, known);
        self.pending.push(Pending::Start(agent, launch));
        Ok(agent)
    }

    /// `name`, or with the lowest number behind it that nobody has: `worker-2`.
    pub(crate) fn free_name(&mut self, name: &str) -> String {
        if self.shard.find(name).is_none() {
            return name.to_string();
        }
        let mut number = self.numbers.get(name).copied().unwrap_or(FIRST_NUMBER);
        let free = loop {
            let free = alloc::format!("{name}-{number}");
            if self.shard.find(&free).is_none() {
                break free;
            }
            number = number.saturating_add(1);
        };
        match self.numbers.get_mut(name) {
            Some(taken) => *taken = number,
            None => drop(self.numbers.insert(name.into(), number)),
        }
        free
    }

    /// Lets the number behind a name be given again.
    pub(crate) fn free_number(&mut self, name: &str) {
        let Some((name, number)) = name.rsplit_once('-') else { return };
        if let Some(least) = self.numbers.get_mut(name)
            && let Ok(number) = number.parse::<u32>()
        {
            *least = number.max(FIRST_NUMBER).min(*least);
        }
    }

    fn process_of(&self, agent: AgentId) -> ProcessId {
        self.shard.agent(agent).map_or(ProcessId::KERNEL, flux_kcore::shard::Agent::process)
    }

    /// Gives an agent the handles that its module lists, and its subscriptions.
    pub(crate) fn wire(&mut self, agent: AgentId, launch: &mut Launch) -> Result<(), KernelError> {
        if launch.is_entrusted() {
            return self.wire_entrusted(agent, launch);
        }
        let program = Arc::clone(&launch.program);
        let module = program.module();
        let name = Arc::clone(&launch.name);
        for link in &module.links {
            if link.kind == LinkKind::Region {
                launch.links.push(self.own_region(agent, &name, link)?);
                continue;
            }
            let child = self.modules.child(&program, &link.name, &link.channel);
            let word = match self.grant_of(link, child, &name)? {
                Some(grant) => self.give(agent, launch, grant, || describe(link))?.word(),
                None => 0,
            };
            launch.links.push(word);
        }
        for kind in PLAIN_KINDS.into_iter().filter(|kind| module.capabilities.contains(*kind)) {
            let grant = Grant::new(kind, Object::Kind, Rights::USE.with(Rights::GRANT));
            self.give(agent, launch, grant, || kind.name().to_string())?;
        }
        if module.capabilities.allows(CapabilityKind::Communicate) {
            // Reaches nobody: for receiving, and for finding those who let themselves be found.
            let rights = Rights::USE.with(Rights::GRANT);
            let grant = Grant::new(CapabilityKind::Communicate, Object::Kind, rights);
            self.give(agent, launch, grant, || CapabilityKind::Communicate.name().to_string())?;
            let handlers = module.exports.iter().filter(|export| export.kind == ExportKind::Topic);
            let topics = module.meta.subscribe.iter().chain(handlers.map(|export| &export.name));
            for topic in topics {
                self.subscribe_at_start(agent, &name, topic)?;
            }
        }
        Ok(())
    }

    pub(crate) fn subscribe_at_start(
        &mut self,
        agent: AgentId,
        name: &str,
        topic: &str,
    ) -> Result<(), KernelError> {
        let refused = |status| KernelError::Grant {
            agent: name.to_string(),
            object: alloc::format!("topic \"{topic}\""),
            status,
        };
        let id = self.topic(topic).map_err(refused)?;
        match self.shard.topics_mut().subscribe(id, agent, None).map_err(Status::from) {
            Ok(()) | Err(Status::Exists) => Ok(()),
            Err(status) => Err(refused(status)),
        }
    }

    pub(crate) fn topic(&mut self, name: &str) -> Result<flux_kcore::id::TopicId, Status> {
        if name.len() > TOPIC_BYTES {
            return Err(Status::Overflow);
        }
        self.shard.topics_mut().topic(name).map_err(Status::from)
    }

    /// Derives a handle for a new agent from what its starter passes on.
    pub(crate) fn give(
        &mut self,
        agent: AgentId,
        launch: &Launch,
        grant: Grant,
        object: impl FnOnce() -> String,
    ) -> Result<Handle, KernelError> {
        let (grantor, parent) = launch.grantor;
        self.shard.capabilities_mut().derive(grantor, parent, agent, grant).map_err(|error| {
            KernelError::Grant { agent: launch.name.to_string(), object: object(), status: error.into() }
        })
    }

    /// What a link's handle stands for; `None` for links that this kernel leaves unwired.
    pub(crate) fn grant_of(
        &mut self,
        link: &Link,
        child: Option<ModuleNumber>,
        agent: &str,
    ) -> Result<Option<Grant>, KernelError> {
        let refused =
            |status| KernelError::Grant { agent: agent.to_string(), object: describe(link), status };
        Ok(match link.kind {
            LinkKind::Device => {
                let number = self.devices.open(&link.name, &link.channel).map_err(|error| {
                    KernelError::Device { agent: agent.to_string(), error: Box::new(error) }
                })?;
                let object = Object::Device(number.0);
                let mut grant =
                    Grant { kinds: CapabilitySet::EMPTY, object, rights: Rights::GRANT, badge: 0 };
                if link.rights & LINK_READ != 0 {
                    grant.kinds = grant.kinds.with(CapabilityKind::IoRead);
                    grant.rights = grant.rights.with(Rights::READ);
                }
                if link.rights & LINK_WRITE != 0 {
                    grant.kinds = grant.kinds.with(CapabilityKind::IoWrite);
                    grant.rights = grant.rights.with(Rights::WRITE);
                }
                Some(grant)
            }
            LinkKind::Agent => {
                let target = match self.shard.find(&link.name) {
                    Some(target) => target,
                    None => match self.stand_in(&link.name) {
                        Some(stand_in) => stand_in.map_err(refused)?,
                        None => self.nobody(&link.name).map_err(refused)?,
                    },
                };
                self.endpoints.entry(target).or_insert_with(|| link.name.clone());
                let rights = Rights::WRITE.with(Rights::GRANT);
                Some(Grant::new(CapabilityKind::Communicate, Object::Endpoint(target), rights))
            }
            LinkKind::Topic => {
                let topic = self.topic(&link.name).map_err(refused)?;
                let rights = Rights::READ.with(Rights::WRITE).with(Rights::GRANT);
                Some(Grant::new(CapabilityKind::Communicate, Object::Topic(topic), rights))
            }
            // A document that is not part of the run leaves the link without a handle.
            LinkKind::Module => child.or_else(|| self.module_of_document(&link.name)).map(|number| {
                let rights = Rights::USE.with(Rights::GRANT);
                Grant::new(CapabilityKind::Spawn, Object::Module(number.0), rights)
            }),
            LinkKind::Function | LinkKind::Region => None,
        })
    }

    /// What a started agent holds, for the log: `starts with IO_READ i2c:0x48, COMMUNICATE agent b`.
    pub(crate) fn holdings(&self, agent: AgentId, launch: &Launch) -> String {
        let names = |set: CapabilitySet| -> Vec<&str> { set.iter().map(CapabilityKind::name).collect() };
        let grant = |word: u64| self.shard.capabilities().inspect(agent, Handle::from_word(word)).ok();
        let links = launch.program.module().links.iter().zip(&launch.links);
        let mut held: Vec<String> = Vec::new();
        for (link, word) in links {
            let Some(grant) = grant(*word) else { continue };
            let text = alloc::format!("{} {}", names(grant.kinds).join("+"), describe(link));
            // Each channel of a sensor is a link.
            if !held.contains(&text) {
                held.push(text);
            }
        }
        // Kinds without a handle of their own: a barrier needs COMMUNICATE and no target.
        let mut shown = CapabilitySet::EMPTY;
        for word in &launch.links {
            for kind in grant(*word).map_or(CapabilitySet::EMPTY, |grant| grant.kinds).iter() {
                shown = shown.with(kind);
            }
        }
        if shown.contains(CapabilityKind::Communicate) {
            shown = shown.with(CapabilityKind::Network);
        }
        let bare = launch
            .capabilities
            .iter()
            .filter(|kind| !shown.contains(*kind) && !PLAIN_KINDS.contains(kind) && !launch.is_entrusted());
        held.extend(bare.map(|kind| kind.name().to_string()));
        let owned = |kind: CapabilityKind| {
            self.shard
                .capabilities()
                .held(agent)
                .any(|(_, grant)| grant.object == Object::Kind && grant.kinds.contains(kind))
        };
        let plain =
            PLAIN_KINDS.into_iter().filter(|kind| launch.capabilities.contains(*kind) && owned(*kind));
        held.extend(plain.map(|kind| kind.name().to_string()));
        if held.is_empty() {
            return String::from("starts without capabilities");
        }
        alloc::format!("starts with {}", held.join(", "))
    }

    /// An endpoint for a name that nobody has: an agent that has ended already, so that what is
    /// sent to it is a dead letter by the same rule as for any other that has ended.
    fn nobody(&mut self, name: &str) -> Result<AgentId, Status> {
        let agent =
            self.shard.spawn(Birth { handles: 0, memory: 0, ..Birth::new(name, ProcessId::KERNEL) })?;
        self.shard.end(agent, Exit::Stopped(0));
        Ok(agent)
    }
}

/// What an agent of a module is registered with.
pub(crate) fn birth_of<'n>(name: &'n str, process: ProcessId, module: &Module, memory: u64) -> Birth<'n> {
    let handles = handles_for(module.links.len());
    Birth { priority: module.meta.priority, memory, handles, ..Birth::new(name, process) }
}

/// Places of a handle table for so many links: whoever starts an agent fills a quarter at most.
fn handles_for(links: usize) -> u16 {
    let needed = links.saturating_add(PLAIN_KINDS.len()).saturating_add(1).saturating_mul(4);
    u16::try_from(needed).unwrap_or(u16::MAX).max(flux_kcore::capability::HANDLES)
}

/// The kind that a link needs and the module does not declare.
pub(crate) fn lacking(declared: CapabilitySet, link: &Link) -> Option<CapabilityKind> {
    let needed: &[CapabilityKind] = match link.kind {
        LinkKind::Device => match link.rights & (LINK_READ | LINK_WRITE) {
            LINK_READ => &[CapabilityKind::IoRead],
            LINK_WRITE => &[CapabilityKind::IoWrite],
            _ => &[CapabilityKind::IoRead, CapabilityKind::IoWrite],
        },
        LinkKind::Agent | LinkKind::Topic => &[CapabilityKind::Communicate],
        LinkKind::Module => &[CapabilityKind::Spawn],
        LinkKind::Function => &[],
        LinkKind::Region => &[CapabilityKind::Memory],
    };
    needed.iter().copied().find(|kind| !declared.allows(*kind))
}

/// A link as people read it.
pub(crate) fn describe(link: &Link) -> String {
    match link.kind {
        LinkKind::Device => link.name.clone(),
        LinkKind::Agent => alloc::format!("agent {}", link.name),
        LinkKind::Topic => alloc::format!("topic \"{}\"", link.name),
        LinkKind::Module => alloc::format!("module {}", link.name),
        LinkKind::Function => alloc::format!("function {}", link.name),
        LinkKind::Region => alloc::format!("region {}", link.name),
    }
}
