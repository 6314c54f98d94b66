//! Agents under a debugger: where they stop, and what can be seen of them.
//!
//! # Invariants
//! 1. Stops have no effect on what agents do: in simulated time a run that was stopped writes the same
//!    log as one that was not.
//! 2. Lines are lines of the agent's document; an instruction that the compiler gave no line stops nothing.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_kcore::id::AgentId;
use flux_vm::{LineSteps, VmError};

use super::{Runtime, index};
use crate::agent::Agent;

/// An agent that was stopped before it executed a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stopped {
    /// The agent.
    pub agent: AgentId,
    /// The line that it executes next.
    pub line: u32,
}

/// A value by its name in the document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamedValue {
    /// The name.
    pub name: String,
    /// Type descriptor.
    pub desc: String,
    /// The value as text.
    pub text: String,
}

/// A run and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunView {
    /// What people call it: `loop`, `init`, the name of a request.
    pub name: String,
    /// Name of the function that it is in.
    pub function: String,
    /// Line of the document, if its instruction has one.
    pub line: Option<u32>,
    /// Locals of that function that have a value there, in the order in which they are introduced.
    pub locals: Vec<NamedValue>,
    /// Nested calls, its own function included.
    pub calls: usize,
    /// Slots on its stack.
    pub slots: usize,
    /// Registers R7 to R55 that are not 0.
    pub registers: Vec<(u8, u64)>,
}

/// An executed instruction with its line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TraceView {
    /// Line of the document, if it has one.
    pub line: Option<u32>,
    /// Code offset.
    pub pc: u32,
    /// Name of the instruction.
    pub opcode: &'static str,
    /// Gas used before it.
    pub gas: u64,
}

/// Bytes of memory by what they are for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MemoryView {
    /// Constants, read only, from offset 0.
    pub constants: u64,
    /// State behind them.
    pub state: u64,
    /// Where what is allocated begins.
    pub heap: u64,
    /// End of what is in use.
    pub size: u64,
    /// Bytes charged, all tables included.
    pub charged: u64,
    /// Bytes that may be charged.
    pub quota: u64,
}

/// What can be seen of one agent.
#[derive(Clone, Debug)]
pub struct AgentView {
    /// Its name.
    pub name: Arc<str>,
    /// Name of its document.
    pub document: Arc<str>,
    /// Functions and the locals that they name, if its module tells.
    pub local_names: Vec<(String, String)>,
    /// Its runs, the paused Loop first.
    pub runs: Vec<RunView>,
    /// State variables.
    pub state: Vec<NamedValue>,
    /// Parameters.
    pub parameters: Vec<NamedValue>,
    /// Regions.
    pub memory: MemoryView,
    /// Gas used.
    pub gas: u64,
}

impl Runtime {
    fn agent(&self, id: AgentId) -> Option<&Agent> {
        let place = self.agents.get(index(id)?)?.as_deref()?;
        (place.context.id == id).then_some(place)
    }

    fn agent_mut(&mut self, id: AgentId) -> Option<&mut Agent> {
        let place = self.agents.get_mut(index(id)?)?.as_deref_mut()?;
        (place.context.id == id).then_some(place)
    }

    /// Agents that live, in the order of starting.
    pub fn living(&self) -> Vec<(AgentId, Arc<str>)> {
        let mut all: Vec<(u64, AgentId)> = self.order.iter().map(|(id, number)| (*number, *id)).collect();
        all.sort_unstable();
        all.into_iter().filter_map(|(_, id)| Some((id, Arc::clone(&self.agent(id)?.context.name)))).collect()
    }

    /// At which lines an agent stops beside its breakpoints.
    pub fn step_lines(&mut self, id: AgentId, steps: LineSteps) {
        if let Some(agent) = self.agent_mut(id) {
            agent.step_lines(steps);
        }
    }

    /// Sets breakpoints at the first line from `line` on that has code; gives that line, `None` if
    /// there is none.
    ///
    /// # Errors
    /// All breakpoints of the agent are in use.
    pub fn break_at_line(&mut self, id: AgentId, line: u32) -> Result<Option<u32>, VmError> {
        self.agent_mut(id).map_or(Ok(None), |agent| agent.break_at_line(line))
    }

    /// Removes the breakpoints of a line; tells whether there were any.
    pub fn clear_line(&mut self, id: AgentId, line: u32) -> bool {
        self.agent_mut(id).is_some_and(|agent| agent.clear_line(line))
    }

    /// The agent that was stopped since the last call, if one was.
    pub fn take_stopped(&mut self) -> Option<Stopped> {
        self.shared.stopped.take()
    }

    /// What can be seen of an agent.
    pub fn view(&self, id: AgentId) -> Option<AgentView> {
        self.agent(id).map(Agent::view)
    }

    /// Instructions that an agent executed, oldest first, if it is traced.
    pub fn trace(&self, id: AgentId) -> Vec<TraceView> {
        self.agent(id).map(Agent::trace_view).unwrap_or_default()
    }
}
