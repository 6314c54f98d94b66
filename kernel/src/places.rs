//! Places of agents that are started again: name, messages and endpoints outlive a generation.
//!
//! Who started an agent may keep its place. When the agent ends, the kernel registers the next
//! generation at once, which has everything but a program that runs; what is sent to it waits. Whether
//! and when it begins is decided by whoever keeps the place.
//!
//! # Invariants
//! 1. A place goes with the agent that keeps it; whoever has it then is ended, the youngest first.
//! 2. The next generation holds what its keeper gave the last one by handles that the keeper still has:
//!    never more, and less where a handle was revoked.

use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::capability::CapabilitySet;
use flux_abi::status::Status;
use flux_kcore::capability::{Handle, Rights};
use flux_kcore::id::AgentId;
use flux_kcore::runtime::Exit;
use flux_kcore::shard::{Birth, Remains};
use flux_vm::Program;

use crate::base::{Core, Pending};
use crate::wiring::{Launch, birth_of};

/// Whether somebody is at work in a place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Occupancy {
    Taken,
    /// The next generation is registered and has not begun.
    Vacant,
}

/// How to start an agent again.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    launch: Launch,
    /// What its keeper gave it, by the keeper's handles.
    gifts: Vec<(Handle, CapabilitySet)>,
    occupancy: Occupancy,
    /// Its number in the order of starting.
    number: u64,
}

impl Place {
    /// The next generation runs this program, too.
    pub(crate) fn stays_with(&mut self, program: Arc<Program>, capabilities: CapabilitySet) {
        self.launch.program = program;
        self.launch.capabilities = capabilities;
    }
}

impl Core {
    /// Keeps the place of the agent of `child`, which must not have begun yet.
    pub(crate) fn retain(&mut self, caller: AgentId, child: Handle) -> Result<AgentId, Status> {
        let agent = self.endpoint(caller, child.word(), Rights::MANAGE)?;
        let launch = self.pending.iter().find_map(|pending| match pending {
            Pending::Start(starting, launch) if *starting == agent => Some(launch.clone()),
            _ => None,
        });
        let launch = launch.filter(|launch| launch.grantor.0 == caller).ok_or(Status::Invalid)?;
        self.kept = self.kept.saturating_add(1);
        let place = Place { launch, gifts: Vec::new(), occupancy: Occupancy::Taken, number: self.kept };
        self.places.insert(agent, place);
        Ok(agent)
    }

    /// Takes note of what the keeper of a place gave to whoever has it.
    pub(crate) fn note_gift(&mut self, keeper: AgentId, claim: Handle, to: AgentId, kinds: CapabilitySet) {
        let Some(place) = self.places.get_mut(&to).filter(|place| place.launch.grantor.0 == keeper) else {
            return;
        };
        match place.gifts.iter_mut().find(|(handle, _)| *handle == claim) {
            Some((_, given)) => *given = kinds.iter().fold(*given, CapabilitySet::with),
            None => place.gifts.push((claim, kinds)),
        }
    }

    /// Takes note of what the keeper of a place took back.
    pub(crate) fn forget_gift(&mut self, keeper: AgentId, claim: Handle, to: AgentId, kinds: CapabilitySet) {
        let Some(place) = self.places.get_mut(&to).filter(|place| place.launch.grantor.0 == keeper) else {
            return;
        };
        for (_, given) in place.gifts.iter_mut().filter(|(handle, _)| *handle == claim) {
            let rest = given.iter().filter(|kind| !kinds.contains(*kind));
            *given = rest.fold(CapabilitySet::EMPTY, CapabilitySet::with);
        }
        place.gifts.retain(|(_, given)| *given != CapabilitySet::EMPTY);
    }

    /// Ends an agent whose place is kept, and registers the next generation; `None` if it is not kept.
    pub(crate) fn succeed(&mut self, agent: AgentId, exit: Exit) -> Option<Remains> {
        let mut place = self.places.remove(&agent)?;
        let keeper = place.launch.grantor.0;
        let process = self.shard.agent(agent)?.process();
        let known = self.known(agent).cloned()?;
        if place.occupancy == Occupancy::Vacant || self.shard.agent(keeper).is_none() {
            return None;
        }
        let program = Arc::clone(&place.launch.program);
        let birth = Birth {
            parent: Some(keeper),
            ..birth_of(&place.launch.name, process, program.module(), place.launch.quota)
        };
        // Without memory for the next generation the agent ends as any other, and its keeper finds no place.
        let (next, remains) = self.shard.succeed(agent, exit, birth).ok()?;
        self.forget(agent);
        self.introduce(next, known);
        if let Some(name) = self.endpoints.remove(&agent) {
            self.endpoints.insert(next, name);
        }
        place.occupancy = Occupancy::Vacant;
        self.places.insert(next, place);
        Some(remains)
    }

    /// Lets the next generation in a kept place begin.
    pub(crate) fn restart(&mut self, caller: AgentId, child: Handle) -> Result<AgentId, Status> {
        let agent = self.endpoint(caller, child.word(), Rights::MANAGE)?;
        let vacant =
            |place: &&mut Place| place.launch.grantor.0 == caller && place.occupancy == Occupancy::Vacant;
        let place = self.places.get_mut(&agent).filter(vacant).ok_or(Status::NotFound)?;
        place.occupancy = Occupancy::Taken;
        let (launch, gifts) = (place.launch.clone(), place.gifts.clone());
        for (claim, kinds) in gifts {
            if let Ok(grant) = self.inspect(caller, claim) {
                // What can't be given any more is missed where it is used, with line and kind.
                let _ = self.entrust_to((caller, claim), grant, agent, kinds, &launch.program);
            }
        }
        self.pending.push(Pending::Restart(agent, launch));
        Ok(agent)
    }

    /// Ends a child whose place stays kept.
    pub(crate) fn halt(&mut self, caller: AgentId, child: Handle) -> Result<(), Status> {
        let agent = self.endpoint(caller, child.word(), Rights::MANAGE)?;
        self.pending.push(Pending::Halt(agent));
        Ok(())
    }

    /// Gives a place up, and ends whoever has it.
    pub(crate) fn dismiss(&mut self, caller: AgentId, child: Handle) -> Result<(), Status> {
        let agent = self.endpoint(caller, child.word(), Rights::MANAGE)?;
        self.places.remove(&agent);
        self.pending.push(Pending::Halt(agent));
        Ok(())
    }

    /// Gives up the places that an agent kept which has ended.
    pub(crate) fn leave_places_of(&mut self, keeper: AgentId) {
        let kept = self.places.iter().filter(|(_, place)| place.launch.grantor.0 == keeper);
        let mut kept: Vec<(u64, AgentId)> = kept.map(|(agent, place)| (place.number, *agent)).collect();
        kept.sort_unstable_by(|a, b| b.cmp(a));
        for (_, agent) in kept {
            self.places.remove(&agent);
            self.pending.push(Pending::Halt(agent));
        }
    }

    /// Gives up all places; those in which nobody is at work.
    pub(crate) fn leave_all_places(&mut self) -> Vec<AgentId> {
        let places = core::mem::take(&mut self.places).into_iter();
        let vacant = places.filter(|(_, place)| place.occupancy == Occupancy::Vacant);
        vacant.map(|(agent, _)| agent).collect()
    }
}
