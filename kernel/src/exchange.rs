//! Replacing the program of a living agent: what the kernel checks before the runtime tries it.
//!
//! # Invariants
//! 1. A new program reaches nothing that the old one did not, unless whoever swaps it in shows a handle from which
//!    that can be derived; it is derived for the agent before the swap, and stays its own.
//! 2. What the kernel knows of an agent is that of the program which it runs: it changes when the runtime says
//!    that the programs were exchanged, and back with them.

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::capability::CapabilityKind;
use flux_abi::limits::DEFAULT_QUOTA;
use flux_abi::status::Status;
use flux_isa::succession::{self, FormRule, Misfit, StateWay};
use flux_isa::{ExportKind, Link, LinkKind};
use flux_kcore::capability::{Grant, Handle, Object, Rights};
use flux_kcore::id::AgentId;
use flux_kcore::runtime::Syscalls as _;
use flux_kcore::swap::Policy;
use flux_vm::Program;

use crate::base::{Core, Known, Pending};
use crate::error::KernelError;
use crate::regions::check_quota;
use crate::wiring::{Launch, PLAIN_KINDS, describe};

/// A swap as it is asked for.
#[derive(Clone, Debug)]
pub struct SwapRequest {
    /// The agent.
    pub agent: AgentId,
    /// The program that it shall run.
    pub program: Arc<Program>,
    /// The document that the program comes from.
    pub document: String,
    /// Values of its parameters, name and text.
    pub parameters: Vec<(String, String)>,
    /// The handle from which new rights are derived; [`Handle::NONE`] if there shall be none.
    pub grants: Handle,
    /// What it may do to state and messages.
    pub rules: SwapRules,
    /// How long it may take, and how long the program has to prove itself.
    pub policy: Policy,
}

/// What a swap may do to the state and to messages.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SwapRules {
    /// Which ways of the state it may take.
    pub state: StateRule,
    /// Which message forms have to stay.
    pub forms: FormRule,
}

/// Which ways of the state a swap may take.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum StateRule {
    /// Those that lead there and back.
    #[default]
    ThereAndBack,
    /// Only that of equal states.
    Same,
    /// Those that lead there. Where none leads back, the old program goes on from the state that it had at the swap.
    Lossy,
}

/// What an agent that is being swapped was and will be.
#[derive(Debug, Default)]
pub(crate) struct Alternates {
    /// What it goes back to, while its program is on probation.
    before: Option<Known>,
    /// What it was asked to become.
    next: Option<Known>,
}

impl Core {
    /// Checks that a program can take the place of an agent's: what is known of the agent, its program, and the
    /// memory that the new one may use.
    ///
    /// # Errors
    /// [`KernelError::Swap`] with the reason.
    pub(crate) fn fits_for_swap(
        &self,
        wanted: &SwapRequest,
    ) -> Result<(Known, Arc<Program>, u64), KernelError> {
        let known = self.known(wanted.agent).cloned();
        let running = known.as_ref().and_then(|known| Some((known, known.program.clone()?)));
        let Some((known, old)) = running.filter(|_| wanted.agent != self.shard.supervisor()) else {
            return Err(refused(
                "an agent of the kernel",
                Status::NotFound,
                "it has no program that could be swapped",
            ));
        };
        let name = known.name.to_string();
        let (module, before) = (wanted.program.module(), old.module());
        let fits = if module.meta.name == before.meta.name {
            succession::succeeds(module, before, wanted.rules.forms)
        } else {
            Err(Misfit::Name { new: module.meta.name.clone() })
        };
        let way = fits.map_err(|misfit| refused(&name, Status::Invalid, &misfit.to_string()))?;
        if wanted.rules.state == StateRule::Same && way != StateWay::Same {
            return Err(refused(
                &name,
                Status::Invalid,
                "its state differs; EVOLVE carries it over, ADAPT does not",
            ));
        }
        if wanted.rules.state != StateRule::Lossy && succession::back(module, before).is_none() {
            let version = &before.meta.version;
            let text = alloc::format!(
                "there is no way back to the old state; write `## Migrate back to {version}` into the document"
            );
            return Err(refused(&name, Status::Invalid, &text));
        }
        let quota = if module.meta.memory == 0 { DEFAULT_QUOTA } else { module.meta.memory };
        let limit = self.shard.agent(wanted.agent).map_or(0, |record| record.memory().most());
        if quota > limit {
            let text =
                alloc::format!("it wants {quota} bytes of memory, the agent has {limit}; start it anew");
            return Err(refused(&name, Status::NoMemory, &text));
        }
        Ok((known.clone(), old, quota))
    }

    /// Checks that a program can take the place of an agent's, and wires what is new in it.
    ///
    /// # Errors
    /// [`KernelError::Swap`] with the reason; nothing has changed then but handles that the agent was given.
    pub(crate) fn prepare_swap(
        &mut self,
        caller: AgentId,
        wanted: SwapRequest,
    ) -> Result<Launch, KernelError> {
        let (known, old, quota) = self.fits_for_swap(&wanted)?;
        let SwapRequest { agent, program, document, parameters, grants, .. } = wanted;
        let module = program.module();
        check_quota(module, quota, &known.name)?;
        let mut launch = Launch {
            name: Arc::clone(&known.name),
            document: document.as_str().into(),
            program: Arc::clone(&program),
            quota,
            capabilities: module.capabilities,
            links: Vec::new(),
            parameters,
            role: known.role,
            grantor: (caller, grants),
        };
        self.wire_new(agent, &mut launch, &known, &old)?;
        let alternate = Known {
            capabilities: module.capabilities,
            program: Some(program),
            document: Arc::clone(&launch.document),
            ..known
        };
        self.alternates.entry(agent).or_default().next = Some(alternate);
        Ok(launch)
    }

    /// Derives handles for what the new program has and the old one had not.
    fn wire_new(
        &mut self,
        agent: AgentId,
        launch: &mut Launch,
        known: &Known,
        old: &Arc<Program>,
    ) -> Result<(), KernelError> {
        let program = Arc::clone(&launch.program);
        let module = program.module();
        let name = Arc::clone(&launch.name);
        let wider = |what: &str| {
            let text = alloc::format!(
                "it reaches {what}, which the running version does not; show the grant, or start it anew"
            );
            refused(&name, Status::Denied, &text)
        };
        for link in &module.links {
            if let Some(kind) = crate::wiring::lacking(module.capabilities, link) {
                let object = describe(link);
                return Err(KernelError::Undeclared { agent: name.to_string(), object, kind });
            }
            let had = |other: &&Link| {
                (other.kind, &other.name, &other.channel) == (link.kind, &link.name, &link.channel)
                    && link.rights & !other.rights == 0
            };
            if old.module().links.iter().any(|other| had(&other)) {
                // The runtime knows the word.
                launch.links.push(0);
                continue;
            }
            if link.kind == LinkKind::Region {
                launch.links.push(self.own_region(agent, &name, link)?);
                continue;
            }
            if launch.is_entrusted() {
                return Err(wider(&describe(link)));
            }
            let child = self.modules.child(&program, &link.name, &link.channel);
            let word = match self.grant_of(link, child, &name)? {
                Some(grant) => self.give(agent, launch, grant, || describe(link))?.word(),
                None => 0,
            };
            launch.links.push(word);
        }
        let new = |kind: &CapabilityKind| {
            module.capabilities.contains(*kind) && !known.capabilities.contains(*kind)
        };
        for kind in PLAIN_KINDS.into_iter().filter(new) {
            if launch.is_entrusted() {
                return Err(wider(kind.name()));
            }
            let grant = Grant::new(kind, Object::Kind, Rights::USE.with(Rights::GRANT));
            self.give(agent, launch, grant, || kind.name().to_string())?;
        }
        if module.capabilities.iter().any(|kind| !known.capabilities.allows(kind)) && launch.is_entrusted() {
            return Err(wider("more kinds of things"));
        }
        let handlers = module.exports.iter().filter(|export| export.kind == ExportKind::Topic);
        let topics = module.meta.subscribe.iter().chain(handlers.map(|export| &export.name));
        for topic in topics {
            let had = old.module().meta.subscribe.contains(topic)
                || old.module().exports.iter().any(|e| e.kind == ExportKind::Topic && e.name == *topic);
            if had {
                continue;
            }
            if launch.is_entrusted() {
                return Err(wider(&alloc::format!("topic \"{topic}\"")));
            }
            self.subscribe_at_start(agent, &name, topic)?;
        }
        Ok(())
    }

    /// Whether an agent runs this program.
    pub fn runs(&self, agent: AgentId, program: &Program) -> bool {
        let known = self.known(agent).and_then(|known| known.program.as_ref());
        known.is_some_and(|known| known.identity() == program.identity())
    }

    /// Whether `caller` may swap the program of `agent`: by a handle of it with MANAGE, as itself, or by SUPERVISOR.
    pub(crate) fn may_swap(&self, caller: AgentId, agent: AgentId, claim: Handle) -> Result<(), Status> {
        if caller == agent || self.endpoint(caller, claim.word(), Rights::MANAGE) == Ok(agent) {
            return Ok(());
        }
        self.check(caller, claim, CapabilityKind::Supervisor, Rights::USE).map(drop)
    }

    /// Queues a swap that was prepared.
    pub(crate) fn queue_swap(&mut self, agent: AgentId, launch: Launch, policy: Policy) {
        self.pending.push(Pending::Swap(agent, Box::new(launch), policy));
    }

    /// The runtime put the agent's next program in place, or the one before if none was asked for.
    pub(crate) fn exchanged(&mut self, agent: AgentId) {
        let Some(alternates) = self.alternates.get_mut(&agent) else { return };
        let (goes_on, known) = match alternates.next.take() {
            Some(next) => (true, next),
            None => match alternates.before.take() {
                Some(before) => (false, before),
                None => return,
            },
        };
        if let Some(place) = self.known.get_mut(&agent.slot()) {
            let left = core::mem::replace(place, known);
            alternates.before = goes_on.then_some(left);
        }
    }

    /// The program that was asked for does not come.
    pub(crate) fn exchange_dropped(&mut self, agent: AgentId) {
        if let Some(alternates) = self.alternates.get_mut(&agent) {
            alternates.next = None;
        }
    }

    /// The program that the agent runs now stays.
    pub(crate) fn exchange_ended(&mut self, agent: AgentId) {
        if let Some(alternates) = self.alternates.get_mut(&agent) {
            alternates.before = None;
            if alternates.next.is_none() {
                self.alternates.remove(&agent);
            }
        }
        let Some(known) = self.known(agent).cloned() else { return };
        if let (Some(place), Some(program)) = (self.places.get_mut(&agent), known.program) {
            place.stays_with(program, known.capabilities);
        }
    }
}

fn refused(agent: &str, status: Status, reason: &str) -> KernelError {
    KernelError::Swap { agent: agent.to_string(), status, reason: reason.to_string() }
}
