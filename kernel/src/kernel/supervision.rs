//! Agent 1: started with the root handles, started again when it fails.
//!
//! The only policy in the kernel: [`RESTARTS`] times in [`WINDOW_NS`] the built-in version is started
//! again; a further failure in that time leaves the kernel without a supervisor.
//!
//! # Invariants
//! 1. A supervisor that ends, however it ends, is a failure; only the end of the kernel is not.
//! 2. A new generation has its initial state and fresh handles; messages that were not read stay.

use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::limits::DEFAULT_QUOTA;
use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_hal::Stream;
use flux_kcore::capability::Grant;
use flux_kcore::id::{AgentId, ProcessId};
use flux_kcore::runtime::{AgentRuntime, Exit, Role, Step, Wake};
use flux_kcore::sched::Boost;
use flux_kcore::shard::Birth;
use flux_kcore::time::Time;
use flux_vm::Program;

use super::Kernel;
use crate::base::{Core, Known};
use crate::error::KernelError;
use crate::wiring::Launch;

/// Restarts in [`WINDOW_NS`].
const RESTARTS: usize = 3;
/// The time in which restarts are counted, in nanoseconds.
const WINDOW_NS: i64 = 60_000_000_000;
/// Slices that a supervisor gets for its initial state and its Init when it starts.
const START_SLICES: u32 = 64;

/// What the kernel knows of its supervisor.
#[derive(Debug)]
pub(super) enum Supervision {
    /// None was started.
    None,
    /// It is at work.
    Present(Plan),
    /// It failed too often.
    Lost,
}

/// How to start the supervisor again.
#[derive(Debug)]
pub(super) struct Plan {
    program: Arc<Program>,
    document: Arc<str>,
    /// When it was started again, within the window.
    restarts: Vec<Time>,
}

impl Plan {
    fn birth(&self) -> Birth<'_> {
        let meta = &self.program.module().meta;
        let memory = if meta.memory == 0 { DEFAULT_QUOTA } else { meta.memory };
        Birth { priority: meta.priority, memory, ..Birth::new(&meta.name, ProcessId::KERNEL) }
    }
}

impl<R: AgentRuntime<Core>> Kernel<R> {
    /// Verifies and loads `module` and starts it as agent 1 with the root handle.
    ///
    /// # Errors
    /// [`KernelError`]; `EXISTS` if there is a supervisor, or an agent was started before it.
    pub fn start_supervisor(&mut self, document: &str, module: &[u8]) -> Result<AgentId, KernelError> {
        let number = self.core.modules.load(module)?;
        let missing = KernelError::Start { agent: document.to_string(), reason: "it is not loaded".into() };
        let program = Arc::clone(self.core.modules.get(number).ok_or(missing)?);
        let plan = Plan { program, document: document.into(), restarts: Vec::new() };
        let name = plan.program.module().meta.name.clone();
        let refused = |status| KernelError::Register { name, status };
        if !matches!(self.supervision, Supervision::None) || self.core.agent_count() > 0 {
            return Err(refused(Status::Exists));
        }
        let agent = self.core.shard.spawn(plan.birth()).map_err(refused)?;
        self.core.shard.appoint_supervisor(agent);
        let result = self.launch(agent, &plan);
        self.supervision = Supervision::Present(plan);
        if result.is_err() {
            self.dismiss_supervisor();
        }
        result.map(|()| agent)
    }

    /// Tells whether the supervisor failed so often that it is not started any more.
    pub const fn lost_supervisor(&self) -> bool {
        matches!(self.supervision, Supervision::Lost)
    }

    pub(super) fn is_supervisor(&self, agent: AgentId) -> bool {
        matches!(self.supervision, Supervision::Present(_)) && self.core.shard.supervisor() == agent
    }

    /// Wires a registered supervisor and lets it come to rest.
    fn launch(&mut self, agent: AgentId, plan: &Plan) -> Result<(), KernelError> {
        let module = plan.program.module();
        let known = Known {
            name: module.meta.name.as_str().into(),
            capabilities: module.capabilities,
            program: Some(Arc::clone(&plan.program)),
            document: Arc::clone(&plan.document),
            role: Role::System,
        };
        let name = Arc::clone(&known.name);
        self.core.introduce(agent, known);
        let root = self.core.mint(agent, Grant::ROOT).map_err(|status| KernelError::Grant {
            agent: name.to_string(),
            object: "the root handle".into(),
            status,
        })?;
        let mut launch = Launch {
            name,
            document: Arc::clone(&plan.document),
            program: Arc::clone(&plan.program),
            quota: plan.birth().memory,
            capabilities: module.capabilities,
            links: Vec::new(),
            parameters: Vec::new(),
            role: Role::System,
            grantor: (agent, root),
        };
        self.core.wire(agent, &mut launch)?;
        if self.begin(agent, &launch)? == Wake::Stay {
            return Ok(());
        }
        // One whose first message may end it begins like any other agent.
        if self.core.queued(agent).unwrap_or(0) > 0 {
            self.core.shard.wake(agent, Boost::None);
            return Ok(());
        }
        // At once and beside the scheduler, whose order of the other agents it does not disturb.
        for _ in 0..START_SLICES {
            match self.turn(agent) {
                Step::Ready => {}
                Step::Blocked => return Ok(()),
                Step::Ended(_) => {
                    let reason = "it ends as it begins".into();
                    return Err(KernelError::Start { agent: launch.name.to_string(), reason });
                }
            }
        }
        self.core.shard.wake(agent, Boost::None);
        Ok(())
    }

    /// The supervisor has failed: starts it again, as often as it may fail, or does without.
    pub(super) fn revive(&mut self, exit: Exit) {
        let Supervision::Present(mut plan) = core::mem::replace(&mut self.supervision, Supervision::None)
        else {
            return;
        };
        let now = self.now();
        plan.restarts.retain(|restart| now.since(*restart).ns() < WINDOW_NS);
        let mut exit = exit;
        loop {
            let old = self.core.shard.supervisor();
            let count = plan.restarts.len().saturating_add(1);
            self.core.forget(old);
            if plan.restarts.len() >= RESTARTS {
                self.core.shard.end(old, exit);
                self.lose(&alloc::format!("failed {count} times in 60 s and is not started again"));
                return;
            }
            plan.restarts.push(now);
            let restarted = self.core.shard.restart_supervisor(exit, plan.birth());
            let refused = |status| KernelError::Register { name: plan.document.to_string(), status };
            let result = restarted.map_err(refused).and_then(|agent| self.launch(agent, &plan));
            let (level, text) = match &result {
                Ok(()) => (LogLevel::Warning, String::from("failed and was started again")),
                Err(error) => (LogLevel::Error, alloc::format!("failed and did not start again: {error}")),
            };
            self.tell_of_supervisor(level, &alloc::format!("{text}, restart {count} of {RESTARTS} in 60 s"));
            if result.is_ok() {
                self.supervision = Supervision::Present(plan);
                return;
            }
            // It failed as it began, which is a failure like any other.
            exit = Exit::Killed;
        }
    }

    fn lose(&mut self, what: &str) {
        self.supervision = Supervision::Lost;
        self.tell_of_supervisor(LogLevel::Error, what);
    }

    fn tell_of_supervisor(&mut self, level: LogLevel, what: &str) {
        self.core.record(Stream::Boot, None, level, &alloc::format!("agent 1, the supervisor, {what}"));
    }

    /// Ends the supervisor with the kernel.
    pub(super) fn dismiss_supervisor(&mut self) {
        if let Supervision::Present(_) = self.supervision {
            self.supervision = Supervision::None;
            let agent = self.core.shard.supervisor();
            self.core.shard.end(agent, Exit::Stopped(0));
            self.core.forget(agent);
        }
    }
}
