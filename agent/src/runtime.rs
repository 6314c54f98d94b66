//! The agents of one kernel, as the kernel calls them.

pub mod debug;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_kcore::id::AgentId;
use flux_kcore::runtime::{AgentRuntime, Event, Exit, Step, Syscalls, Wake};
use flux_kcore::sched::Gas;
use flux_vm::{Host, VmError};

use crate::agent::Agent;
use crate::context::Shared;
use crate::image::Image;
use crate::marshal::Buffer;
use crate::report::{AgentReport, Metrics};

/// See the module.
#[derive(Debug)]
pub struct Runtime {
    shared: Shared,
    /// By slot number.
    agents: Vec<Option<Box<Agent>>>,
    /// Reports of agents that have ended.
    ended: Vec<(u64, AgentReport)>,
    /// Agents started until now; reports are in this order.
    started: u64,
    /// Number in the order of starting of each agent that lives.
    order: BTreeMap<AgentId, u64>,
}

impl Runtime {
    /// No agents. Messages are logged up to `level`.
    pub fn new(level: LogLevel) -> Self {
        Self {
            shared: Shared {
                level,
                tracing: false,
                metrics: Metrics::default(),
                requests: 0,
                buffer: Buffer::new(),
                words: Vec::new(),
                numbers: crate::context::Numbers::default(),
                stopped: None,
                spare: None,
            },
            agents: Vec::new(),
            ended: Vec::new(),
            started: 0,
            order: BTreeMap::new(),
        }
    }

    /// Lets agents that start from now on record what they execute, for [`AgentReport::trace`].
    pub const fn start_tracing(&mut self) {
        self.shared.tracing = true;
    }

    fn close(&mut self, id: AgentId, exit: Exit) {
        let agent = index(id).and_then(|at| self.agents.get_mut(at)).and_then(Option::take);
        if let Some(agent) = agent {
            let number = self.order.remove(&id).unwrap_or(u64::MAX);
            self.ended.push((number, agent.report(Some(exit))));
        }
    }

    /// A line of the summary for each agent, in the order of starting.
    pub fn reports(&self) -> Vec<AgentReport> {
        let living = self.order.iter().filter_map(|(id, number)| {
            let agent = self.agents.get(index(*id)?)?.as_ref()?;
            Some((*number, agent.report(None)))
        });
        let mut all: Vec<(u64, AgentReport)> = living.chain(self.ended.iter().cloned()).collect();
        all.sort_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, report)| report).collect()
    }

    /// Metrics that agents recorded.
    pub const fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }
}

fn index(id: AgentId) -> Option<usize> {
    usize::try_from(id.slot()).ok()
}

impl<S: Syscalls + Host + ?Sized> AgentRuntime<S> for Runtime {
    type Image = Image;

    fn start(&mut self, sys: &mut S, id: AgentId, image: Image) -> Result<Wake, Status> {
        let at = index(id).ok_or(Status::Invalid)?;
        let mut agent = Agent::new(sys, id, image).map_err(|error| match error {
            VmError::Quota { .. } => Status::NoMemory,
            _ => Status::Invalid,
        })?;
        if self.shared.tracing {
            agent.start_trace();
        }
        let missing = at.saturating_add(1).saturating_sub(self.agents.len());
        self.agents.try_reserve(missing).map_err(|_| Status::NoMemory)?;
        self.agents.extend(core::iter::repeat_with(|| None).take(missing));
        let place = self.agents.get_mut(at).ok_or(Status::NoMemory)?;
        *place = Some(Box::new(agent));
        self.order.insert(id, self.started);
        self.started = self.started.saturating_add(1);
        Ok(Wake::Ready)
    }

    fn event(&mut self, sys: &mut S, id: AgentId, event: Event) -> Wake {
        let place = index(id).and_then(|at| self.agents.get_mut(at)).and_then(Option::as_mut);
        match place {
            Some(agent) if agent.context.id == id => agent.event(sys, &mut self.shared, event),
            _ => Wake::Stay,
        }
    }

    fn run(&mut self, sys: &mut S, id: AgentId, slice: Gas) -> Step {
        let place = index(id).and_then(|at| self.agents.get_mut(at)).and_then(Option::as_mut);
        let Some(agent) = place.filter(|agent| agent.context.id == id) else {
            return Step::Ended(Exit::Killed);
        };
        let step = agent.step(sys, &mut self.shared, slice);
        if let Step::Ended(exit) = step {
            self.close(id, exit);
        }
        step
    }

    fn inspect(&self, id: AgentId) -> String {
        let place = index(id).and_then(|at| self.agents.get(at)).and_then(Option::as_ref);
        place.filter(|agent| agent.context.id == id).map_or_else(String::new, |agent| agent.inspect())
    }

    fn end(&mut self, sys: &mut S, id: AgentId, exit: Exit) {
        let place = index(id).and_then(|at| self.agents.get_mut(at)).and_then(Option::as_mut);
        if let Some(agent) = place.filter(|agent| agent.context.id == id) {
            agent.ended(sys, &mut self.shared, exit);
            self.close(id, exit);
        }
    }
}
