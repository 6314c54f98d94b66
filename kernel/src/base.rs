//! The kernel without its agent runtime: what the runtime calls.
//!
//! # Invariants
//! 1. Authority comes from handles of the caller alone; names are looked up at start, never later.
//! 2. Nothing here reads a clock: time is what the shard was advanced to.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::message::MessageType;
use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_fluxc::Outline;
use flux_fluxc::diag::Diagnostic;
use flux_hal::{DeviceBus, FileSystem, HardwareInfo, Stream};
use flux_kcore::agent_state::AgentState;
use flux_kcore::audit::Act;
use flux_kcore::capability::{CapabilityError, Extent, Grant, Handle, Rights};
use flux_kcore::dead_letter::DeadReason;
use flux_kcore::id::{AgentId, RequestId, TimerId, TopicId};
use flux_kcore::message::{Failure, Message, Outcome, Outgoing, RequestKind};
use flux_kcore::runtime::{Arrival, BarrierStep, Delivery, Role, Syscalls};
use flux_kcore::shard::Shard;
use flux_kcore::swap::Policy;
use flux_kcore::time::{Span, Time};
use flux_vm::Program;

use crate::compile::CompileService;
use crate::devices::DeviceTable;
use crate::exchange::Alternates;
use crate::files::FileTable;
use crate::link::Gateway;
use crate::log::LogBuffer;
use crate::modules::{ModuleNumber, ModuleTable};
use crate::places::Place;
use crate::regions::RegionTable;
use crate::services::Services;
use crate::timeline::{Flow, Happening, Observer};
use crate::wiring::Launch;

/// What a kernel is made with.
pub struct CoreConfig {
    /// Seed of all randomness.
    pub seed: u64,
    /// Time that a message takes.
    pub delay: Span,
    /// Records above this level are dropped.
    pub level: LogLevel,
    /// The devices.
    pub devices: Box<dyn DeviceBus>,
    /// The files.
    pub files: Box<dyn FileSystem>,
    /// The compile service.
    pub compiler: Box<dyn CompileService>,
    /// What the hardware layer found, if it could be asked.
    pub hardware: Option<HardwareInfo>,
}

/// Something a call asked for that only the kernel's loop can do.
#[derive(Debug)]
pub(crate) enum Pending {
    /// Start an agent that is registered already.
    Start(AgentId, Launch),
    /// Start the next generation of an agent.
    Restart(AgentId, Launch),
    /// End an agent.
    Kill(AgentId),
    /// End an agent in order.
    Halt(AgentId),
    /// Let an agent run again.
    Wake(AgentId),
    /// Let an agent go on with another program.
    Swap(AgentId, Box<Launch>, Policy),
    /// Ask the runtime what it knows of the second agent, for the first one.
    Inspect(AgentId, AgentId),
}

/// What is known of an agent beside the shard's record.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) name: Arc<str>,
    pub(crate) capabilities: CapabilitySet,
    /// What it runs, unless it is part of the kernel.
    pub(crate) program: Option<Arc<Program>>,
    /// The document that it comes from; empty for one without.
    pub(crate) document: Arc<str>,
    pub(crate) role: Role,
}

/// See the module.
pub struct Core {
    pub(crate) shard: Shard,
    pub(crate) log: LogBuffer,
    pub(crate) devices: DeviceTable,
    pub(crate) files: FileTable,
    pub(crate) services: Services,
    pub(crate) modules: ModuleTable,
    pub(crate) compiler: Box<dyn CompileService>,
    pub(crate) hardware: Option<HardwareInfo>,
    /// By slot.
    pub(crate) known: BTreeMap<u32, Known>,
    current: Option<AgentId>,
    held: BTreeSet<AgentId>,
    /// What a device said when it failed, and whose access it was.
    pub(crate) fault: Option<(AgentId, String)>,
    pub(crate) pending: Vec<Pending>,
    /// Names of agents that links reach, ended ones included.
    pub(crate) endpoints: BTreeMap<AgentId, String>,
    /// By name the number below which agents of that name have all: see [`Core::free_name`].
    pub(crate) numbers: BTreeMap<String, u32>,
    /// Places that are kept for the next generation of whoever has them.
    pub(crate) places: BTreeMap<AgentId, Place>,
    /// Places that were kept until now.
    pub(crate) kept: u64,
    /// What agents that are being swapped were or will be.
    pub(crate) alternates: BTreeMap<AgentId, Alternates>,
    /// Memory regions of the agents.
    pub(crate) regions: RegionTable,
    /// What the runtime said of an agent to whoever asked, until it is taken.
    pub(crate) inspected: BTreeMap<AgentId, (AgentId, String)>,
    /// What the compiler said, by document, until somebody takes it.
    pub(crate) diagnostics: Vec<(String, Vec<Diagnostic>)>,
    /// Agents and messages of the document that was compiled last.
    pub(crate) outline: Outline,
    /// Agents of other kernels.
    pub(crate) gateway: Gateway,
    /// Who is told what happens.
    pub(crate) observer: Option<Box<dyn Observer>>,
}

impl core::fmt::Debug for Core {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Core")
            .field("shard", &self.shard)
            .field("devices", &self.devices)
            .finish_non_exhaustive()
    }
}

impl Core {
    /// A kernel without agents at time 0.
    pub fn new(config: CoreConfig) -> Self {
        let shard = Shard::new(flux_kcore::shard::Config {
            delay: config.delay,
            seed: config.seed,
            ..flux_kcore::shard::Config::default()
        });
        Self {
            shard,
            log: LogBuffer::new(config.level),
            devices: DeviceTable::new(config.devices),
            files: FileTable::new(config.files),
            services: Services::default(),
            modules: ModuleTable::default(),
            compiler: config.compiler,
            hardware: config.hardware,
            known: BTreeMap::new(),
            current: None,
            held: BTreeSet::new(),
            fault: None,
            pending: Vec::new(),
            endpoints: BTreeMap::new(),
            numbers: BTreeMap::new(),
            places: BTreeMap::new(),
            kept: 0,
            alternates: BTreeMap::new(),
            regions: RegionTable::default(),
            inspected: BTreeMap::new(),
            diagnostics: Vec::new(),
            outline: Outline::default(),
            gateway: Gateway::default(),
            observer: None,
        }
    }

    /// The shard, to look at.
    pub const fn shard(&self) -> &Shard {
        &self.shard
    }

    /// What the hardware layer found.
    pub const fn hardware(&self) -> Option<&HardwareInfo> {
        self.hardware.as_ref()
    }

    /// Devices that could be opened.
    pub fn devices(&self) -> Vec<flux_hal::DeviceInfo> {
        self.devices.list()
    }

    /// The agent that runs at the moment.
    pub const fn current(&self) -> Option<AgentId> {
        self.current
    }

    pub(crate) const fn set_current(&mut self, agent: Option<AgentId>) {
        self.current = agent;
    }

    /// Writes a record in the name of `agent`, or of the kernel.
    pub fn record(&mut self, stream: Stream, agent: Option<AgentId>, level: LogLevel, text: &str) {
        if self.log.wants(level) {
            let name =
                agent.and_then(|agent| self.known.get(&agent.slot())).map(|known| Arc::clone(&known.name));
            self.log.push(stream, self.shard.now(), name, level, text);
        }
    }

    pub(crate) fn introduce(&mut self, agent: AgentId, known: Known) {
        self.known.insert(agent.slot(), known);
    }

    pub(crate) fn forget(&mut self, agent: AgentId) {
        if let Some(known) = self.known.remove(&agent.slot()) {
            self.free_number(&known.name);
        }
        self.held.remove(&agent);
        self.inspected.remove(&agent);
        self.alternates.remove(&agent);
        self.services.forget(agent);
        self.regions.forget(agent);
        self.close_files(agent, |_| true);
    }

    /// Closes those files of an agent whose handles are so.
    pub(crate) fn close_files(&mut self, agent: AgentId, which: impl Fn(Handle) -> bool) {
        let gone: Vec<u32> =
            self.files.of(agent).filter(|(_, handle)| which(*handle)).map(|(number, _)| number).collect();
        for number in gone {
            self.files.close(number);
        }
    }

    /// The files, to ask for their name.
    pub const fn files(&self) -> &FileTable {
        &self.files
    }

    pub(crate) fn known(&self, agent: AgentId) -> Option<&Known> {
        self.known.get(&agent.slot())
    }

    /// The module of the first living agent of the document `name`, given with its path or without.
    pub(crate) fn module_of_document(&self, name: &str) -> Option<ModuleNumber> {
        let known = self.known.values().find(|known| {
            let file = known.document.rsplit('/').next();
            !name.is_empty() && (&*known.document == name || file == Some(name))
        })?;
        self.modules.number(known.program.as_ref()?)
    }

    pub(crate) fn capabilities_of(&self, agent: AgentId) -> Option<CapabilitySet> {
        self.known(agent).map(|known| known.capabilities)
    }

    pub(crate) fn inspect(&self, caller: AgentId, handle: Handle) -> Result<Grant, Status> {
        Ok(self.shard.capabilities().inspect(caller, handle)?)
    }

    pub(crate) fn state(&self, agent: AgentId) -> Option<AgentState> {
        self.shard.agent(agent).map(flux_kcore::shard::Agent::state)
    }

    pub(crate) fn queued(&self, agent: AgentId) -> Option<u32> {
        self.shard.agent(agent).map(flux_kcore::shard::Agent::queued)
    }

    /// Living agents, the kernel's own included.
    pub fn agent_count(&self) -> u32 {
        self.shard.agent_count()
    }

    /// Messages delivered since start.
    pub const fn message_count(&self) -> u64 {
        self.shard.delivered()
    }

    pub(crate) fn charged(&self) -> u64 {
        self.shard.memory_used()
    }

    /// Keeps an agent from running.
    pub(crate) fn hold(&mut self, agent: AgentId) -> Result<u64, Status> {
        if self.shard.agent(agent).is_none() {
            return Err(Status::NotFound);
        }
        self.held.insert(agent);
        Ok(0)
    }

    /// Lets a held agent run again.
    pub(crate) fn unhold(&mut self, agent: AgentId) -> Result<u64, Status> {
        if self.shard.agent(agent).is_none() {
            return Err(Status::NotFound);
        }
        self.ask(Pending::Wake(agent))?;
        self.held.remove(&agent);
        Ok(0)
    }

    pub(crate) fn is_held(&self, agent: AgentId) -> bool {
        self.held.contains(&agent)
    }

    /// Whether an agent is registered and its start is still to come.
    pub(crate) fn is_to_begin(&self, agent: AgentId) -> bool {
        self.pending.iter().any(|pending| match pending {
            Pending::Start(starting, _) | Pending::Restart(starting, _) => *starting == agent,
            _ => false,
        })
    }

    /// Leaves something for the kernel's loop to do.
    pub(crate) fn ask(&mut self, what: Pending) -> Result<(), Status> {
        self.pending.try_reserve(1).map_err(|_| Status::NoMemory)?;
        self.pending.push(what);
        Ok(())
    }

    pub(crate) fn ask_to_stop(&mut self, agent: AgentId) -> Result<u64, Status> {
        self.shard.ask_to_stop(agent).map(|()| 0)
    }

    pub(crate) fn ask_to_kill(&mut self, agent: AgentId) -> Result<u64, Status> {
        if self.shard.agent(agent).is_none() {
            return Err(Status::NotFound);
        }
        self.ask(Pending::Kill(agent)).map(|()| 0)
    }

    /// Gives a handle of `grant` to `agent`, derived from nothing. For the kernel's own wiring.
    pub(crate) fn mint(&mut self, agent: AgentId, grant: Grant) -> Result<Handle, Status> {
        Ok(self.shard.capabilities_mut().mint(agent, grant)?)
    }
}

impl Syscalls for Core {
    fn now(&self) -> Time {
        self.shard.now()
    }

    fn check(
        &self,
        caller: AgentId,
        handle: Handle,
        kind: CapabilityKind,
        rights: Rights,
    ) -> Result<Grant, Status> {
        Ok(self.shard.capabilities().check(caller, handle, kind, rights)?)
    }

    fn is_revoked(&self, caller: AgentId, handle: Handle) -> bool {
        self.shard.capabilities().inspect(caller, handle) == Err(CapabilityError::Stale)
    }

    fn derive(
        &mut self,
        caller: AgentId,
        parent: Handle,
        to: AgentId,
        narrower: Grant,
    ) -> Result<Handle, Status> {
        self.shard.grant(caller, parent, to, narrower)
    }

    fn revoke(&mut self, caller: AgentId, handle: Handle) -> Result<(), Status> {
        self.shard.capabilities_mut().revoke(caller, handle, Extent::Whole)?;
        Ok(())
    }

    fn tell(&mut self, caller: AgentId, target: Handle, outgoing: Outgoing<'_>) -> Result<u64, Status> {
        let number = self.shard.tell(caller, target, outgoing)?;
        self.note(caller, Happening::Sent(Flow::Message(number), MessageType::Tell));
        Ok(number)
    }

    fn request(
        &mut self,
        caller: AgentId,
        target: Handle,
        kind: RequestKind,
        outgoing: Outgoing<'_>,
        deadline: Time,
    ) -> Result<RequestId, Status> {
        let request = self.shard.request(caller, target, kind, outgoing, deadline)?;
        self.note(caller, Happening::Sent(Flow::Request(request), kind.message_type()));
        Ok(request)
    }

    fn answer(&mut self, caller: AgentId, request: RequestId, payload: &[u8]) -> Result<(), Status> {
        self.shard.answer_value(caller, request, payload)?;
        if self.is_observed()
            && let Some(info) = self.shard.requests().info(request)
        {
            self.note(caller, Happening::Sent(Flow::Outcome(request), info.kind.answer_type()));
        }
        Ok(())
    }

    fn answer_error(&mut self, caller: AgentId, request: RequestId, failure: Failure) -> Result<(), Status> {
        self.shard.answer(caller, request, None, Outcome::Error(failure)).map_err(Status::from)?;
        self.note(caller, Happening::Sent(Flow::Outcome(request), MessageType::Error));
        Ok(())
    }

    fn take_outcome(&mut self, caller: AgentId, request: RequestId) -> Option<Outcome> {
        let kind = self.is_observed().then(|| self.shard.requests().outcome_type(request)).flatten();
        let outcome = self.shard.take_outcome(caller, request)?;
        if let Some(kind) = kind {
            self.note(caller, Happening::Took(Flow::Outcome(request), kind));
        }
        Some(outcome)
    }

    fn peek(&self, caller: AgentId) -> Option<Arrival> {
        self.shard.peek(caller)
    }

    fn receive(&mut self, caller: AgentId) -> Option<Message> {
        let message = self.shard.receive(caller)?;
        self.note(caller, Happening::Took(Flow::of(&message), message.kind));
        Some(message)
    }

    fn dead_letter(&mut self, _caller: AgentId, message: &Message) {
        self.shard.count_dead_letter(message.kind, DeadReason::Misfit);
    }

    fn publish(
        &mut self,
        caller: AgentId,
        topic: Handle,
        outgoing: Outgoing<'_>,
    ) -> Result<Delivery, Status> {
        self.shard.publish(caller, topic, outgoing)
    }

    fn subscribe(&mut self, caller: AgentId, topic: Handle) -> Result<(), Status> {
        self.shard.subscribe(caller, topic)
    }

    fn unsubscribe(&mut self, caller: AgentId, topic: Handle) -> Result<(), Status> {
        self.shard.unsubscribe(caller, topic)
    }

    fn topic_name(&self, topic: TopicId) -> Option<&str> {
        self.shard.topics().name(topic)
    }

    fn barrier(
        &mut self,
        caller: AgentId,
        name: &[u8],
        parties: u32,
        deadline: Time,
    ) -> Result<BarrierStep, Status> {
        self.shard.barrier(caller, name, parties, deadline)
    }

    fn set_timer(&mut self, caller: AgentId, due: Time, key: u64) -> Result<TimerId, Status> {
        self.shard.set_timer(caller, due, key)
    }

    fn cancel_timer(&mut self, caller: AgentId, timer: TimerId) -> bool {
        self.shard.cancel_timer(caller, timer)
    }

    fn heartbeat(&mut self, caller: AgentId) {
        self.shard.heartbeat(caller);
    }

    fn set_state(&mut self, caller: AgentId, state: AgentState) -> Result<(), Status> {
        self.shard.set_state(caller, state)
    }

    fn charge(&mut self, caller: AgentId, bytes: u64) -> Result<(), Status> {
        self.shard.charge(caller, bytes)
    }

    fn release(&mut self, caller: AgentId, bytes: u64) {
        self.shard.release(caller, bytes);
    }

    fn memory_limit(&self, caller: AgentId) -> u64 {
        self.shard.agent(caller).map_or(0, |record| record.memory().limit())
    }

    fn refused(&mut self, caller: AgentId, act: Act, handle: u64, status: Status) {
        self.note_refusal(caller, act, handle, status);
    }

    fn refusals(&self, caller: AgentId) -> u64 {
        self.shard.agent(caller).map_or(0, |record| record.refusals().total())
    }

    fn agent_name(&self, agent: AgentId) -> &str {
        self.known.get(&agent.slot()).map_or("an agent that has ended", |known| &known.name)
    }

    fn log(&mut self, caller: AgentId, level: LogLevel, text: &str) {
        let stream = match self.known(caller).map(|known| known.role) {
            Some(Role::System) => Stream::Boot,
            _ => Stream::Log,
        };
        self.record(stream, Some(caller), level, text);
    }

    fn device_fault(&mut self, caller: AgentId) -> Option<String> {
        self.fault.take_if(|(agent, _)| *agent == caller).map(|(_, what)| what)
    }

    fn metric(&mut self, _caller: AgentId, _name: &str, _value: f64) {
        // Metrics of a run are kept by the runtime; a fleet link will take them from here.
    }

    fn links_for(&mut self, caller: AgentId, handle: Handle) -> Vec<usize> {
        Self::links_for(self, caller, handle)
    }

    fn retain(&mut self, caller: AgentId, child: Handle) -> Result<AgentId, Status> {
        Self::retain(self, caller, child)
    }

    fn restart(&mut self, caller: AgentId, child: Handle) -> Result<AgentId, Status> {
        Self::restart(self, caller, child)
    }

    fn halt(&mut self, caller: AgentId, child: Handle) -> Result<(), Status> {
        Self::halt(self, caller, child)
    }

    fn dismiss(&mut self, caller: AgentId, child: Handle) -> Result<(), Status> {
        Self::dismiss(self, caller, child)
    }

    fn hold(&mut self, caller: AgentId) -> Result<(), Status> {
        self.shard.hold(caller)
    }

    fn commit(&mut self, caller: AgentId) {
        self.shard.commit(caller);
    }

    fn discard(&mut self, caller: AgentId) {
        self.shard.discard(caller);
    }

    fn let_go(&mut self, caller: AgentId) {
        self.shard.release_held(caller);
    }

    fn put_back(&mut self, caller: AgentId, message: Message) {
        self.shard.put_back(caller, message);
    }

    fn swapped(&mut self, caller: AgentId) {
        self.exchanged(caller);
        if let Some(program) = self.known(caller).and_then(|known| known.program.clone()) {
            self.note(caller, Happening::Swapped(program.identity()));
        }
    }

    fn swap_ended(&mut self, caller: AgentId) {
        self.exchange_ended(caller);
    }

    fn swap_dropped(&mut self, caller: AgentId) {
        self.exchange_dropped(caller);
    }

    fn random(&mut self, caller: AgentId) -> u64 {
        self.shard.random(caller)
    }
}

/// A text for a record, cut where the log would cut it anyway.
pub(crate) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(256).collect()
}
