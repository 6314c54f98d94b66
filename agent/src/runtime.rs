//! The agents of one kernel, as the kernel calls them.

pub mod debug;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_kcore::id::AgentId;
use flux_kcore::runtime::{AgentRuntime, Event, Exit, Role, Step, Syscalls, Wake};
use flux_kcore::sched::Gas;
use flux_kcore::swap::Policy;
use flux_vm::{Host, VmError};

use crate::agent::Agent;
use crate::context::Shared;
use crate::image::Image;
use crate::marshal::Buffer;
use crate::observe::{Answering, Executed, Given, Observer, ProbeError, Seen};
use crate::report::{AgentReport, Metrics};

/// Reports of ended agents of one name.
const MOST_REPORTS: usize = 16;

/// See the module.
#[derive(Debug)]
pub struct Runtime {
    shared: Shared,
    /// By slot number.
    agents: Vec<Option<Box<Agent>>>,
    /// Reports of agents that have ended, by name, in the order in which they ended.
    ended: BTreeMap<Arc<str>, VecDeque<(u64, AgentReport)>>,
    /// Agents started until now; reports are in this order.
    started: u64,
    /// Number in the order of starting of each agent that lives.
    order: BTreeMap<AgentId, u64>,
    /// What agents that have ended executed, if it is counted.
    executed: BTreeMap<Executed, u64>,
    /// Agents that have ended, if they are watched.
    kept: BTreeMap<AgentId, Box<Agent>>,
}

impl Runtime {
    /// No agents. Messages are logged up to `level`.
    pub fn new(level: LogLevel) -> Self {
        Self {
            shared: Shared {
                level,
                tracing: false,
                profiling: false,
                metrics: Metrics::default(),
                requests: 0,
                buffer: Buffer::new(),
                words: Vec::new(),
                numbers: crate::context::Numbers::default(),
                stopped: None,
                spare: None,
                observer: None,
            },
            agents: Vec::new(),
            ended: BTreeMap::new(),
            started: 0,
            order: BTreeMap::new(),
            executed: BTreeMap::new(),
            kept: BTreeMap::new(),
        }
    }

    /// Keeps from now on what agents do, and agents that have ended; requests to stand-ins are
    /// answered by `answering`.
    pub fn watch(&mut self, answering: Box<Answering>) {
        let observer = self.shared.observer.get_or_insert_default();
        observer.answer_by(answering);
    }

    /// Lets `agent`, which is part of the kernel, take its messages as a stand-in called `name`.
    pub fn add_stand_in(&mut self, agent: AgentId, name: &str) {
        if let Some(observer) = &mut self.shared.observer {
            observer.add_stand_in(agent, name);
        }
    }

    /// Takes what agents did since the last call, if they are watched.
    pub fn take_seen(&mut self) -> Vec<Seen> {
        self.shared.observer.as_mut().map(Observer::take).unwrap_or_default()
    }

    /// Calls a function of an agent that is watched, between two of its runs or after its end.
    ///
    /// # Errors
    /// [`ProbeError`].
    pub fn probe<S: Syscalls + Host + ?Sized>(
        &mut self,
        sys: &mut S,
        id: AgentId,
        name: &str,
    ) -> Result<Option<Given>, ProbeError> {
        let living = index(id).and_then(|at| self.agents.get_mut(at)).and_then(Option::as_mut);
        let living = living.filter(|agent| agent.context.id == id);
        let agent = living.or_else(|| self.kept.get_mut(&id)).ok_or(ProbeError::NoAgent)?;
        agent.probe(sys, &mut self.shared, name)
    }

    /// Lets agents that start from now on record what they execute, for [`AgentReport::trace`].
    pub const fn start_tracing(&mut self) {
        self.shared.tracing = true;
    }

    /// Lets agents that start from now on count what they execute, for [`Runtime::executed_lines`].
    pub const fn start_profiling(&mut self) {
        self.shared.profiling = true;
    }

    /// How often each line of a document was executed by agents that are watched or live, probes
    /// of tests left out; the counts are of instructions.
    pub fn executed_lines(&self) -> BTreeMap<u32, u64> {
        let mut lines = BTreeMap::new();
        let living = self.agents.iter().flatten();
        for agent in living.chain(self.kept.values()) {
            agent.count_lines(&mut lines);
        }
        lines
    }

    /// How many instructions each place executed, of agents that live and of those that have ended.
    pub fn executed_places(&self) -> BTreeMap<Executed, u64> {
        let mut places = self.executed.clone();
        for agent in self.agents.iter().flatten() {
            agent.count_places(&mut places);
        }
        places
    }

    fn close(&mut self, id: AgentId, exit: Exit) {
        let agent = index(id).and_then(|at| self.agents.get_mut(at)).and_then(Option::take);
        if let Some(agent) = agent {
            if let Some(number) = self.order.remove(&id) {
                self.keep(number, agent.report(Some(exit)));
            }
            if self.shared.profiling {
                agent.count_places(&mut self.executed);
            }
            if self.shared.observer.is_some() {
                self.kept.insert(id, agent);
            }
        }
    }

    /// Keeps the report of an agent that ended; of many with one name the oldest two become one.
    fn keep(&mut self, number: u64, report: AgentReport) {
        let same = self.ended.entry(Arc::clone(&report.name)).or_default();
        if same.len() >= MOST_REPORTS
            && let Some((_, oldest)) = same.pop_front()
            && let Some((_, next)) = same.front_mut()
        {
            next.absorb(&oldest);
        }
        same.push_back((number, report));
    }

    /// A line of the summary for each agent, in the order of starting.
    pub fn reports(&self) -> Vec<AgentReport> {
        let living = self.order.iter().filter_map(|(id, number)| {
            let agent = self.agents.get(index(*id)?)?.as_ref()?;
            Some((*number, agent.report(None)))
        });
        let mut all: Vec<(u64, AgentReport)> = living.chain(self.ended.values().flatten().cloned()).collect();
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
        if self.shared.profiling {
            agent.start_profile();
        }
        let missing = at.saturating_add(1).saturating_sub(self.agents.len());
        self.agents.try_reserve(missing).map_err(|_| Status::NoMemory)?;
        self.agents.extend(core::iter::repeat_with(|| None).take(missing));
        let place = self.agents.get_mut(at).ok_or(Status::NoMemory)?;
        let reported = agent.role() == Role::Application;
        *place = Some(Box::new(agent));
        if reported {
            self.order.insert(id, self.started);
            self.started = self.started.saturating_add(1);
        }
        Ok(Wake::Ready)
    }

    fn swap(&mut self, sys: &mut S, id: AgentId, image: Image, policy: Policy) -> Result<Wake, Status> {
        let place = index(id).and_then(|at| self.agents.get_mut(at)).and_then(Option::as_mut);
        let agent = place.filter(|agent| agent.context.id == id).ok_or(Status::NotFound)?;
        agent.ask_swap(sys, &mut self.shared, image, policy);
        Ok(Wake::Ready)
    }

    fn event(&mut self, sys: &mut S, id: AgentId, event: Event) -> Wake {
        let place = index(id).and_then(|at| self.agents.get_mut(at)).and_then(Option::as_mut);
        match place {
            Some(agent) if agent.context.id == id => agent.event(sys, &mut self.shared, event),
            _ => {
                if let (Event::Message, Some(observer)) = (event, &mut self.shared.observer) {
                    observer.serve(sys, id);
                }
                Wake::Stay
            }
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

    fn used(&self, id: AgentId) -> u64 {
        let place = index(id).and_then(|at| self.agents.get(at)).and_then(Option::as_ref);
        place.filter(|agent| agent.context.id == id).map_or(0, |agent| agent.gas())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Counters, SwapState};

    #[test]
    fn reports_of_one_name_are_bounded_and_their_sums_stay() {
        let mut runtime = Runtime::new(LogLevel::Info);
        let report = |name: &str, gas| AgentReport {
            agent: AgentId::SUPERVISOR,
            name: name.into(),
            earlier: 0,
            document: "a.flux.md".into(),
            version: String::new(),
            swap: SwapState::Settled,
            counters: Counters::default(),
            gas,
            memory: 0,
            memory_peak: 0,
            exit: None,
            fault: None,
            trace: Vec::new(),
        };
        for number in 0..40 {
            runtime.keep(2 * number, report("a", number));
            runtime.keep(2 * number + 1, report(if number < 3 { "b" } else { "c" }, 1));
        }
        let gas = |runtime: &Runtime, name: &str| -> Vec<u64> {
            let reports = runtime.reports().into_iter();
            reports.filter(|report| &*report.name == name).map(|report| report.gas).collect()
        };
        let all = gas(&runtime, "a");
        assert_eq!((all.len(), all.iter().sum::<u64>(), all[15]), (MOST_REPORTS, 780, 39));
        assert_eq!(gas(&runtime, "b"), [1, 1, 1]);
        assert_eq!(gas(&runtime, "c").len(), MOST_REPORTS);
        assert_eq!(gas(&runtime, "c").iter().sum::<u64>(), 37);
    }
}
