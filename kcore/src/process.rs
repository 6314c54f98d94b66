//! The 256 process slots: address space and quota, and how many agents live in each.
//!
//! ```text
//! UNUSED ─create▶ READY ◀─▶ RUNNING ─▶ BLOCKED ─▶ READY …        (a process with code of its own)
//!                   │ host      │
//!                   ▼           └ preempted ▶ READY
//!                 AGENT_IDLE ◀─▶ AGENT_THINKING                   (a process that hosts agents)
//! READY ─compiled▶ COMPILED ─dispatch▶ RUNNING                    (its native code is ready)
//! every used state ─exit▶ ZOMBIE ─reap▶ UNUSED
//! ```
//!
//! # Invariants
//! 1. A state changes by [`ProcessState::on`] alone.
//! 2. A process shows AGENT_THINKING exactly while at least one of its agents is at work.
//! 3. Process 1 is the kernel and never ends.

use flux_abi::limits::PROCESSES;
use flux_abi::status::Status;

use crate::id::{ProcessId, Table, TableError};
use crate::quota::Quota;

/// Agents in one process.
pub const AGENTS_PER_PROCESS: u32 = 65_535;

/// What a process does.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum ProcessState {
    /// The slot is free.
    Unused = 0,
    /// It could run.
    Ready = 1,
    /// It runs.
    Running = 2,
    /// It waits.
    Blocked = 3,
    /// It ended and was not waited for yet.
    Zombie = 4,
    /// All of its agents wait.
    AgentIdle = 5,
    /// At least one of its agents is at work.
    AgentThinking = 6,
    /// Its native code is made and not started yet.
    Compiled = 7,
}

/// What happens to a process.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ProcessEvent {
    /// It takes a slot.
    Create,
    /// It gets the processor.
    Dispatch,
    /// It loses the processor and could go on.
    Preempt,
    /// It waits for something.
    Block,
    /// What it waited for has come.
    Wake,
    /// The last agent at work in it waits, or it begins to host agents.
    AgentsIdle,
    /// An agent in it is at work.
    AgentsThink,
    /// Its native code is made.
    Compiled,
    /// It ends.
    Exit,
    /// Its end was noticed; the slot is free.
    Reap,
}

/// A transition that the state machine does not have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a process that is {} can't take {event:?}", state.name())]
pub struct NoTransition {
    /// The state it is in.
    pub state: ProcessState,
    /// What should have happened.
    pub event: ProcessEvent,
}

impl ProcessState {
    /// Every state in the order of the numbers.
    pub const ALL: [Self; 8] = [
        Self::Unused,
        Self::Ready,
        Self::Running,
        Self::Blocked,
        Self::Zombie,
        Self::AgentIdle,
        Self::AgentThinking,
        Self::Compiled,
    ];

    /// Its name, as logs print it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unused => "UNUSED",
            Self::Ready => "READY",
            Self::Running => "RUNNING",
            Self::Blocked => "BLOCKED",
            Self::Zombie => "ZOMBIE",
            Self::AgentIdle => "AGENT_IDLE",
            Self::AgentThinking => "AGENT_THINKING",
            Self::Compiled => "COMPILED",
        }
    }

    /// The one transition function.
    ///
    /// # Errors
    /// [`NoTransition`].
    pub const fn on(self, event: ProcessEvent) -> Result<Self, NoTransition> {
        use ProcessEvent as E;
        use ProcessState as S;
        Ok(match (self, event) {
            (S::Unused, E::Create) => S::Ready,
            (S::Ready | S::Compiled, E::Dispatch) => S::Running,
            (S::Running, E::Preempt) => S::Ready,
            (S::Running, E::Block) => S::Blocked,
            (S::Blocked, E::Wake) => S::Ready,
            (S::Ready | S::AgentIdle | S::AgentThinking, E::AgentsIdle) => S::AgentIdle,
            (S::Ready | S::AgentIdle | S::AgentThinking, E::AgentsThink) => S::AgentThinking,
            (S::Ready, E::Compiled) => S::Compiled,
            (S::Zombie, E::Reap) => S::Unused,
            (S::Ready | S::Running | S::Blocked | S::AgentIdle | S::AgentThinking | S::Compiled, E::Exit) => {
                S::Zombie
            }
            (state, event) => return Err(NoTransition { state, event }),
        })
    }
}

/// One process.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    state: ProcessState,
    parent: Option<ProcessId>,
    agents: u32,
    thinking: u32,
    /// Memory of all its agents together.
    pub memory: Quota,
}

impl Process {
    /// What it does.
    pub const fn state(&self) -> ProcessState {
        self.state
    }

    /// Who started it.
    pub const fn parent(&self) -> Option<ProcessId> {
        self.parent
    }

    /// Agents in it.
    pub const fn agents(&self) -> u32 {
        self.agents
    }
}

/// The process table.
#[derive(Clone, Debug)]
pub struct Processes {
    table: Table<ProcessId, Process>,
}

impl Default for Processes {
    fn default() -> Self {
        Self::new()
    }
}

impl Processes {
    /// An empty table.
    #[expect(clippy::cast_possible_truncation, reason = "the limit is 256")]
    pub const fn new() -> Self {
        Self { table: Table::new(PROCESSES as u32) }
    }

    /// Takes a slot; the first one is the kernel's.
    ///
    /// # Errors
    /// [`TableError::Full`] at 256 (BUSY for the caller), [`TableError::NoMemory`].
    pub fn create(&mut self, parent: Option<ProcessId>, memory: u64) -> Result<ProcessId, TableError> {
        self.table.insert(Process {
            state: ProcessState::Ready,
            parent,
            agents: 0,
            thinking: 0,
            memory: Quota::new(memory),
        })
    }

    /// The process of a number, if it lives or is a ZOMBIE.
    pub fn get(&self, id: ProcessId) -> Option<&Process> {
        self.table.get(id)
    }

    /// The process of a number for charging memory.
    pub fn get_mut(&mut self, id: ProcessId) -> Option<&mut Process> {
        self.table.get_mut(id)
    }

    /// Numbers and processes in the order of the slots.
    pub fn iter(&self) -> impl Iterator<Item = (ProcessId, &Process)> {
        self.table.iter()
    }

    /// Used slots.
    pub const fn len(&self) -> u32 {
        self.table.len()
    }

    /// Tells whether no slot is used.
    pub const fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Lets something happen to a process.
    ///
    /// # Errors
    /// `NOTFOUND`; `INVALID` if the state machine has no such transition; `DENIED` to end the kernel.
    pub fn on(&mut self, id: ProcessId, event: ProcessEvent) -> Result<ProcessState, Status> {
        if id == ProcessId::KERNEL && matches!(event, ProcessEvent::Exit | ProcessEvent::Reap) {
            return Err(Status::Denied);
        }
        let process = self.table.get_mut(id).ok_or(Status::NotFound)?;
        process.state = process.state.on(event).map_err(|_| Status::Invalid)?;
        let state = process.state;
        if state == ProcessState::Unused {
            self.table.remove(id);
        }
        Ok(state)
    }

    /// An agent is added to a process.
    ///
    /// # Errors
    /// `NOTFOUND` if the process does not live, `BUSY` at 65,535 agents.
    pub fn add_agent(&mut self, id: ProcessId) -> Result<(), Status> {
        let process = self.table.get_mut(id).ok_or(Status::NotFound)?;
        if process.state == ProcessState::Zombie {
            return Err(Status::NotFound);
        }
        if process.agents >= AGENTS_PER_PROCESS {
            return Err(Status::Busy);
        }
        process.agents = process.agents.saturating_add(1);
        if process.agents == 1 {
            // A process with code of its own keeps its state.
            process.state = process.state.on(ProcessEvent::AgentsIdle).unwrap_or(process.state);
        }
        Ok(())
    }

    /// An agent of a process ended.
    pub fn remove_agent(&mut self, id: ProcessId) {
        if let Some(process) = self.table.get_mut(id) {
            process.agents = process.agents.saturating_sub(1);
        }
    }

    /// An agent of a process begins to work.
    pub fn agent_thinks(&mut self, id: ProcessId) {
        if let Some(process) = self.table.get_mut(id) {
            process.thinking = process.thinking.saturating_add(1);
            if process.thinking == 1 {
                process.state = process.state.on(ProcessEvent::AgentsThink).unwrap_or(process.state);
            }
        }
    }

    /// An agent of a process waits again, or ended while at work.
    pub fn agent_rests(&mut self, id: ProcessId) {
        if let Some(process) = self.table.get_mut(id) {
            process.thinking = process.thinking.saturating_sub(1);
            if process.thinking == 0 {
                process.state = process.state.on(ProcessEvent::AgentsIdle).unwrap_or(process.state);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [ProcessEvent; 10] = [
        ProcessEvent::Create,
        ProcessEvent::Dispatch,
        ProcessEvent::Preempt,
        ProcessEvent::Block,
        ProcessEvent::Wake,
        ProcessEvent::AgentsIdle,
        ProcessEvent::AgentsThink,
        ProcessEvent::Compiled,
        ProcessEvent::Exit,
        ProcessEvent::Reap,
    ];

    #[test]
    fn every_used_state_can_end_and_a_zombie_only_be_reaped() {
        for state in ProcessState::ALL {
            let used = !matches!(state, ProcessState::Unused | ProcessState::Zombie);
            assert_eq!(state.on(ProcessEvent::Exit).is_ok(), used, "{}", state.name());
            for event in EVENTS {
                let next = state.on(event);
                if state == ProcessState::Zombie {
                    assert_eq!(next.is_ok(), event == ProcessEvent::Reap);
                }
                if next == Ok(ProcessState::Unused) {
                    assert_eq!((state, event), (ProcessState::Zombie, ProcessEvent::Reap));
                }
                if next == Ok(ProcessState::Running) {
                    assert_eq!(event, ProcessEvent::Dispatch);
                }
            }
        }
    }

    #[test]
    fn attack_35_a_spawn_bomb_ends_at_slot_256_and_slots_come_back() {
        let mut processes = Processes::new();
        let kernel = processes.create(None, u64::MAX).unwrap();
        assert_eq!(kernel, ProcessId::KERNEL);
        let mut last = kernel;
        for _ in 1..PROCESSES {
            last = processes.create(Some(kernel), 0).unwrap();
        }
        let refused = processes.create(Some(last), 0);
        assert_eq!(refused.map_err(Status::from), Err(Status::Busy));
        processes.on(last, ProcessEvent::Exit).unwrap();
        assert!(processes.create(Some(kernel), 0).is_err(), "a zombie keeps its slot");
        processes.on(last, ProcessEvent::Reap).unwrap();
        let next = processes.create(Some(kernel), 0).unwrap();
        assert_eq!(next.slot(), last.slot());
        assert!(processes.get(last).is_none(), "the old number names nobody");
        assert_eq!(processes.on(kernel, ProcessEvent::Exit), Err(Status::Denied));
    }

    #[test]
    fn a_process_thinks_while_one_of_its_agents_does() {
        let mut processes = Processes::new();
        let id = processes.create(None, 0).unwrap();
        let state = |processes: &Processes| processes.get(id).unwrap().state();
        processes.add_agent(id).unwrap();
        processes.add_agent(id).unwrap();
        assert_eq!(state(&processes), ProcessState::AgentIdle);
        processes.agent_thinks(id);
        processes.agent_thinks(id);
        processes.agent_rests(id);
        assert_eq!(state(&processes), ProcessState::AgentThinking);
        processes.agent_rests(id);
        assert_eq!(state(&processes), ProcessState::AgentIdle);
    }
}
