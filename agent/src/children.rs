//! Agents that a supervisor started, and what it does when one of them ends.
//!
//! The decisions are those of [`flux_kcore::supervise`]; here they become calls of the kernel and lines
//! of the log. They are made when the end is told, whatever the supervisor's own run does meanwhile.
//!
//! # Invariants
//! 1. A child that the machine knows has a place that is kept for it, and a row here.
//! 2. A place whose child does not start again is given up.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_abi::supervise::{Restart, Strategy};
use flux_abi::trap::TrapKind;
use flux_kcore::capability::Handle;
use flux_kcore::id::AgentId;
use flux_kcore::runtime::{Exit, Syscalls};
use flux_kcore::supervise::{ChildId, End, Policy, Supervisor, Verdict};
use flux_kcore::time::{Span, Time};

use crate::context::{Context, Shared};
use crate::value::duration;

/// A child that is started again when it ends.
#[derive(Debug)]
struct Row {
    id: ChildId,
    /// Its present generation.
    agent: AgentId,
    /// The supervisor's handle of it, which reaches each generation.
    handle: Handle,
    name: String,
}

/// The children of one supervisor.
#[derive(Debug)]
pub(crate) struct Children {
    policy: Policy,
    machine: Supervisor,
    rows: Vec<Row>,
}

impl Children {
    /// None yet; `None` without memory for them.
    pub(crate) fn new(policy: Policy) -> Option<Self> {
        Some(Self { policy, machine: Supervisor::new(policy).ok()?, rows: Vec::new() })
    }

    /// When the next one starts.
    pub(crate) fn due(&self) -> Time {
        self.machine.due()
    }

    fn row(&self, id: ChildId) -> Option<&Row> {
        self.rows.iter().find(|row| row.id == id)
    }

    fn add<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        supervisor: AgentId,
        (restart, handle, name): (Restart, Handle, &str),
    ) -> Result<(), Status> {
        self.rows.try_reserve(1).map_err(|_| Status::NoMemory)?;
        let agent = sys.retain(supervisor, handle)?;
        let id = self.machine.add(restart)?;
        self.rows.push(Row { id, agent, handle, name: name.to_string() });
        Ok(())
    }

    /// Gives up the place of a child that does not start again.
    fn part<S: Syscalls + ?Sized>(&mut self, sys: &mut S, supervisor: AgentId, id: ChildId) {
        if let Some(at) = self.rows.iter().position(|row| row.id == id) {
            let row = self.rows.remove(at);
            // One whose handle was revoked keeps its place until the supervisor ends.
            let _ = sys.dismiss(supervisor, row.handle);
        }
    }

    /// Stops for good whom the machine wants stopped.
    fn part_with_all<S: Syscalls + ?Sized>(&mut self, sys: &mut S, supervisor: AgentId) {
        self.machine.stop_all();
        while let Some(id) = self.machine.take_stop() {
            self.part(sys, supervisor, id);
        }
    }

    /// Stops those who start again with another one; `Err` for one that can't be.
    fn stop<S: Syscalls + ?Sized>(&mut self, sys: &mut S, supervisor: AgentId) -> Result<(), String> {
        while let Some(id) = self.machine.take_stop() {
            let Some(row) = self.row(id) else { continue };
            sys.halt(supervisor, row.handle).map_err(|status| unreachable(&row.name, status))?;
        }
        Ok(())
    }

    /// Starts those whose wait is over; `Err` for one that can't be started.
    fn start<S: Syscalls + ?Sized>(&mut self, sys: &mut S, supervisor: AgentId) -> Result<(), String> {
        while let Some(id) = self.machine.take_start(sys.now()) {
            let Some(row) = self.rows.iter_mut().find(|row| row.id == id) else { continue };
            match sys.restart(supervisor, row.handle) {
                Ok(agent) => row.agent = agent,
                Err(status) => return Err(unreachable(&row.name, status)),
            }
        }
        Ok(())
    }

    /// A restart as the log tells of it.
    fn announce(&self, name: &str, exit: Exit, number: u32, wait: Span) -> String {
        let (restarts, window) = (self.policy.restarts, duration(self.policy.window.ns()));
        let how = ended(exit);
        let with = match self.policy.strategy {
            Strategy::OneForOne => "",
            Strategy::OneForAll => " with all children",
            Strategy::RestForOne => " with those started after it",
        };
        let when = match wait {
            Span::ZERO => String::from("at once"),
            wait => alloc::format!("in {}", duration(wait.ns())),
        };
        alloc::format!("{name} {how}; restart {number} of {restarts} in {window}{with}, {when}")
    }
}

/// How an agent ended, behind its name.
fn ended(exit: Exit) -> String {
    match exit {
        Exit::Stopped(0) => String::from("stopped"),
        Exit::Stopped(status) => alloc::format!("stopped with status {status}"),
        Exit::Trapped(TrapKind::Fail) => String::from("failed"),
        Exit::Trapped(kind) => alloc::format!("trapped ({})", kind.name()),
        Exit::Killed => String::from("was ended from outside"),
    }
}

fn unreachable(name: &str, status: Status) -> String {
    alloc::format!("{name} can't be started again: {}, {}", status.meaning(), status.name())
}

impl Context {
    /// Looks from now on after an agent that was started by the link of handle `link`, if the document
    /// says so.
    pub(crate) fn adopt<S: Syscalls + ?Sized>(&mut self, sys: &mut S, link: u64, child: Handle, name: &str) {
        let at = self.links.iter().position(|word| *word == link);
        let Some(restart) = at.and_then(|at| *self.tables.supervised.get(at)?) else { return };
        if let Some(children) = &mut self.children
            && let Err(status) = children.add(sys, self.id, (restart, child, name))
        {
            let text = alloc::format!("{name} is not supervised: {}, {}", status.meaning(), status.name());
            sys.log(self.id, LogLevel::Warning, &text);
        }
    }

    /// The supervisor itself stops a child, which does not start again.
    pub(crate) fn release_child<S: Syscalls + ?Sized>(&mut self, sys: &mut S, child: Handle) {
        if let Some(children) = &mut self.children
            && let Some(id) = children.rows.iter().find(|row| row.handle == child).map(|row| row.id)
            && children.machine.release(id)
        {
            children.part(sys, self.id, id);
        }
    }

    /// Stops all children for good.
    pub(crate) fn dismiss_children<S: Syscalls + ?Sized>(&mut self, sys: &mut S) {
        if let Some(children) = &mut self.children {
            children.part_with_all(sys, self.id);
        }
    }

    /// An agent ended: if it is a child, does what the document says; the reason if the supervisor fails.
    pub(crate) fn child_ended<S: Syscalls + ?Sized>(
        &mut self,
        sys: &mut S,
        shared: &Shared,
        agent: AgentId,
        exit: Exit,
    ) -> Option<String> {
        let children = self.children.as_mut()?;
        let row = children.rows.iter().find(|row| row.agent == agent)?;
        let (id, name) = (row.id, row.name.clone());
        let end = if exit == Exit::Stopped(0) { End::Normal } else { End::Failure };
        match children.machine.ended(id, end, sys.now()) {
            Verdict::Expected => {}
            Verdict::Gone => children.part(sys, self.id, id),
            Verdict::Restart { number, wait } => {
                if shared.wants(LogLevel::Warning) {
                    sys.log(self.id, LogLevel::Warning, &children.announce(&name, exit, number, wait));
                }
                if let Err(why) = children.stop(sys, self.id) {
                    return Some(self.fail(sys, &why));
                }
            }
            Verdict::TooOften => {
                let (most, window) = (children.policy.restarts, duration(children.policy.window.ns()));
                let restarts = if most == 1 { "restart" } else { "restarts" };
                let why = alloc::format!("more than {most} {restarts} in {window}; {name} {}", ended(exit));
                children.part(sys, self.id, id);
                return Some(self.fail(sys, &why));
            }
        }
        self.start_children(sys)
    }

    /// Starts the children whose wait is over; the reason if the supervisor fails.
    pub(crate) fn start_children<S: Syscalls + ?Sized>(&mut self, sys: &mut S) -> Option<String> {
        let children = self.children.as_mut()?;
        if let Err(why) = children.start(sys, self.id) {
            return Some(self.fail(sys, &why));
        }
        let due = children.due();
        if due < Time::NEVER && self.timer.is_none_or(|(_, set)| due < set) {
            self.arm(sys, due);
        }
        None
    }

    /// All children stop, and the supervisor fails for this reason.
    fn fail<S: Syscalls + ?Sized>(&mut self, sys: &mut S, why: &str) -> String {
        self.dismiss_children(sys);
        alloc::format!("agent {} failed: {why}", self.name)
    }
}
