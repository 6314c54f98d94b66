//! The two traits through which kernel and agent runtime meet without naming each other.
//!
//! The kernel owns a shard, devices and the log and implements [`Syscalls`]. The agent
//! runtime owns VM instances and runs and implements [`AgentRuntime`]. The kernel calls the
//! runtime with itself (minus the runtime) as argument:
//!
//! ```text
//! struct Kernel<R> { core: Core, runtime: R }        // Core: Syscalls + vm::Host
//! impl<R: AgentRuntime<Core>> Kernel<R> { … self.runtime.run(&mut self.core, agent, slice) … }
//! impl<S: Syscalls + vm::Host> AgentRuntime<S> for Runtime { … }   // in agent/
//! ```
//!
//! The trait is generic over the kernel type, so the runtime may ask more of it (here
//! `vm::Host` for the host instructions that it does not answer itself) without this crate
//! knowing the VM.
//!
//! # Invariants
//! 1. `caller` is the agent that the kernel runs at the moment; the runtime is trusted to
//!    pass the agent it acts for, and handles are checked against that agent's table only.
//! 2. No method blocks. What waits is told to the runtime later as an [`Event`].

use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::capability::CapabilityKind;
use flux_abi::select::LogLevel;
use flux_abi::status::Status;
use flux_abi::trap::TrapKind;

use crate::agent_state::AgentState;
use crate::audit::Act;
use crate::capability::{Grant, Handle, Rights};
use crate::id::{AgentId, RequestId, TimerId, TopicId};
use crate::message::{Failure, Message, Outcome, Outgoing, RequestKind};
use crate::sched::Gas;
use crate::swap::Policy;
use crate::time::Time;

/// Why an agent ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Exit {
    /// It stopped by itself with a status (0 is success).
    Stopped(i64),
    /// It trapped.
    Trapped(TrapKind),
    /// Another agent or the kernel ended it.
    Killed,
}

/// Whom an agent belongs to.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Role {
    /// A document of the run: it stands in the log and in the summary.
    #[default]
    Application,
    /// A part of the system: what it says stands on the boot stream.
    System,
}

/// Something that concerns one agent and that its runtime must hear of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    /// A message stands in its mailbox (see [`Syscalls::peek`] and [`Syscalls::receive`]).
    Message,
    /// Its request has an outcome (see [`Syscalls::take_outcome`]).
    Completed(RequestId),
    /// A timer that it set is due and no longer set.
    Timer {
        /// The timer.
        timer: TimerId,
        /// The word given when it was set.
        key: u64,
        /// When it was due.
        due: Time,
    },
    /// The barrier at which it waited opened, or the wait ended otherwise.
    Barrier(Status),
    /// An agent that it watches (a child) ended.
    Ended {
        /// The agent.
        agent: AgentId,
        /// Why.
        exit: Exit,
    },
    /// A capability was handed over; the handle is already in its table.
    Granted(Handle),
    /// It shall stop in order at its next safe point.
    Stop,
}

/// What an event makes of its agent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wake {
    /// It can run now.
    Ready,
    /// Nothing to do for it yet.
    Stay,
}

/// How a time slice of an agent ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// It could go on: preempted, or gave up the rest of its slice.
    Ready,
    /// It waits for an event.
    Blocked,
    /// It ended.
    Ended(Exit),
}

/// Where the next message of an agent stands in the order of its work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Arrival {
    /// When it arrived.
    pub due: Time,
    /// Its urgency.
    pub priority: u8,
    /// Its number; lower was sent earlier. Timers draw from the same sequence.
    pub sequence: u64,
}

/// How many subscribers a publication reached.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Delivery {
    /// Mailboxes that took it.
    pub delivered: u32,
    /// Mailboxes that refused it.
    pub refused: u32,
}

/// What a call to a barrier did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BarrierStep {
    /// The caller was the last one: all go on; the others hear [`Event::Barrier`].
    Open,
    /// The caller waits for [`Event::Barrier`].
    Waiting,
}

/// What the kernel does for the agent runtime.
///
/// Statuses are those of the system calls; each method lists its own.
pub trait Syscalls {
    /// The time now.
    fn now(&self) -> Time;

    /// The grant behind `handle` if it is live, of `kind` and covers `rights`. O(1).
    ///
    /// # Errors
    /// `DENIED`.
    fn check(
        &self,
        caller: AgentId,
        handle: Handle,
        kind: CapabilityKind,
        rights: Rights,
    ) -> Result<Grant, Status>;

    /// Whether the caller held `handle` once and it was revoked or moved since. O(1).
    fn is_revoked(&self, caller: AgentId, handle: Handle) -> bool;

    /// Derives from `parent` a handle for `to` that holds `narrower`.
    ///
    /// # Errors
    /// `DENIED` if wider than the parent or without GRANT right, `BUSY` or `NOMEM` if a table is full.
    fn derive(
        &mut self,
        caller: AgentId,
        parent: Handle,
        to: AgentId,
        narrower: Grant,
    ) -> Result<Handle, Status>;

    /// Revokes everything derived from `handle`, and `handle` itself.
    ///
    /// # Errors
    /// `DENIED`.
    fn revoke(&mut self, caller: AgentId, handle: Handle) -> Result<(), Status>;

    /// Sends a TELL.
    ///
    /// # Errors
    /// `DENIED`; `NOTFOUND` (ended) and `BUSY` (mailbox full or sender's share used up) are dead
    /// letters, already counted; `OVERFLOW`; `NOMEM`.
    fn tell(&mut self, caller: AgentId, target: Handle, outgoing: Outgoing<'_>) -> Result<u64, Status>;

    /// Sends an ASK or DELEGATE that has exactly one outcome, told by [`Event::Completed`].
    ///
    /// # Errors
    /// As [`Syscalls::tell`]; also `BUSY` if the caller has no free completion slot and
    /// `DEADLOCK` if an ASK would close a cycle of waiting ASKs. After an error there is no request.
    fn request(
        &mut self,
        caller: AgentId,
        target: Handle,
        kind: RequestKind,
        outgoing: Outgoing<'_>,
        deadline: Time,
    ) -> Result<RequestId, Status>;

    /// Answers `request` with a value: REPLY to an ASK, RESULT to a DELEGATE.
    ///
    /// # Errors
    /// `TIMEOUT` if the request ended otherwise before (a dead letter, counted), `INVALID` if the
    /// caller was never asked or answered already, `OVERFLOW`, `NOMEM`.
    fn answer(&mut self, caller: AgentId, request: RequestId, payload: &[u8]) -> Result<(), Status>;

    /// Answers `request` with an ERROR.
    ///
    /// # Errors
    /// As [`Syscalls::answer`].
    fn answer_error(&mut self, caller: AgentId, request: RequestId, failure: Failure) -> Result<(), Status>;

    /// Takes the outcome of a request of the caller; its completion slot is free again.
    /// `None` while it is open, or if it is not a request of the caller.
    fn take_outcome(&mut self, caller: AgentId, request: RequestId) -> Option<Outcome>;

    /// Where the caller's next message stands, without taking it.
    fn peek(&self, caller: AgentId) -> Option<Arrival>;

    /// Takes the caller's next message.
    fn receive(&mut self, caller: AgentId) -> Option<Message>;

    /// Counts a message that the runtime took but can't deliver (no such handler, wrong values).
    fn dead_letter(&mut self, caller: AgentId, message: &Message);

    /// Sends an EVENT to all subscribers of a topic.
    ///
    /// # Errors
    /// `DENIED`, `OVERFLOW`.
    fn publish(&mut self, caller: AgentId, topic: Handle, outgoing: Outgoing<'_>)
    -> Result<Delivery, Status>;

    /// Subscribes the caller to the topic of a handle.
    ///
    /// # Errors
    /// `DENIED`, `EXISTS`, `BUSY` at the limit, `NOMEM`.
    fn subscribe(&mut self, caller: AgentId, topic: Handle) -> Result<(), Status>;

    /// Ends the subscription to the topic of a handle.
    ///
    /// # Errors
    /// `DENIED`, `NOTFOUND`.
    fn unsubscribe(&mut self, caller: AgentId, topic: Handle) -> Result<(), Status>;

    /// The name of a topic.
    fn topic_name(&self, topic: TopicId) -> Option<&str>;

    /// Arrives at the barrier `name` of `parties` agents.
    ///
    /// # Errors
    /// `INVALID` if others wait there with another number, `BUSY`, `NOMEM`.
    fn barrier(
        &mut self,
        caller: AgentId,
        name: &[u8],
        parties: u32,
        deadline: Time,
    ) -> Result<BarrierStep, Status>;

    /// Sets a timer that is told once by [`Event::Timer`] with `key`.
    ///
    /// # Errors
    /// `BUSY` at the caller's limit, `NOMEM`.
    fn set_timer(&mut self, caller: AgentId, due: Time, key: u64) -> Result<TimerId, Status>;

    /// Takes a timer back; `false` if it is not set.
    fn cancel_timer(&mut self, caller: AgentId, timer: TimerId) -> bool;

    /// Shows a sign of life to the supervisor.
    fn heartbeat(&mut self, caller: AgentId);

    /// Records the agent's state for others to see.
    ///
    /// # Errors
    /// `INVALID` if the state machine has no such transition.
    fn set_state(&mut self, caller: AgentId, state: AgentState) -> Result<(), Status>;

    /// Charges memory to the caller's quota.
    ///
    /// # Errors
    /// `NOMEM` with nothing charged.
    fn charge(&mut self, caller: AgentId, bytes: u64) -> Result<(), Status>;

    /// Gives charged memory back.
    fn release(&mut self, caller: AgentId, bytes: u64);

    /// How many bytes of its quota the caller may use at present.
    fn memory_limit(&self, caller: AgentId) -> u64;

    /// Takes note that the caller was refused what the runtime does for it, or what its machine needed. What goes
    /// through [`Syscalls`] to the kernel as a system call or host instruction is taken note of there.
    fn refused(&mut self, caller: AgentId, act: Act, handle: u64, status: Status);

    /// How often the caller was refused something.
    fn refusals(&self, caller: AgentId) -> u64;

    /// The name of an agent, for logs.
    fn agent_name(&self, agent: AgentId) -> &str;

    /// Writes a record of the caller's log.
    fn log(&mut self, caller: AgentId, level: LogLevel, text: &str);

    /// Takes what the caller's device said when it last failed, for people.
    fn device_fault(&mut self, caller: AgentId) -> Option<String>;

    /// Records a value under a name.
    fn metric(&mut self, caller: AgentId, name: &str, value: f64);

    /// Numbers of the links of the caller's module that `handle` of it is for.
    fn links_for(&mut self, caller: AgentId, handle: Handle) -> Vec<usize>;

    /// Keeps the place of an agent that the caller started and that has not begun: when it ends, its
    /// name, its messages and its endpoints stay for the next generation. The agent's number.
    ///
    /// # Errors
    /// `DENIED` without MANAGE on it, `INVALID` if it has begun or another agent started it.
    fn retain(&mut self, caller: AgentId, child: Handle) -> Result<AgentId, Status>;

    /// Lets the next generation in a place begin that the caller keeps, with its initial state and what
    /// the caller gave the last one by handles that it still has. The agent's number from now on.
    ///
    /// # Errors
    /// `DENIED`; `NOTFOUND` if the caller keeps no place there, or somebody is at work in it.
    fn restart(&mut self, caller: AgentId, child: Handle) -> Result<AgentId, Status>;

    /// Ends an agent in order; a place that is kept stays so.
    ///
    /// # Errors
    /// `DENIED` without MANAGE on it.
    fn halt(&mut self, caller: AgentId, child: Handle) -> Result<(), Status>;

    /// Gives a place up that is kept, and ends whoever has it in order.
    ///
    /// # Errors
    /// `DENIED` without MANAGE on it.
    fn dismiss(&mut self, caller: AgentId, child: Handle) -> Result<(), Status>;

    /// Keeps from now on what the caller sends and answers, until it is committed or discarded.
    ///
    /// # Errors
    /// `NOMEM`: nothing is kept.
    fn hold(&mut self, caller: AgentId) -> Result<(), Status>;

    /// Lets go what was kept of the caller; what it does next is kept again.
    fn commit(&mut self, caller: AgentId);

    /// Forgets what was kept of the caller; what it does next is kept again.
    fn discard(&mut self, caller: AgentId);

    /// Lets go what was kept of the caller, and keeps nothing more.
    fn let_go(&mut self, caller: AgentId);

    /// Puts a message back that the caller took and that nothing came of: it is the next one again.
    fn put_back(&mut self, caller: AgentId, message: Message);

    /// The caller runs the program that was last asked for, or, without one, goes back to the one before.
    fn swapped(&mut self, caller: AgentId);

    /// The swap of the caller has ended: the program that it runs now stays.
    fn swap_ended(&mut self, caller: AgentId);

    /// The program that was last asked for does not come.
    fn swap_dropped(&mut self, caller: AgentId);

    /// The next word of the caller's own random stream.
    fn random(&mut self, caller: AgentId) -> u64;
}

/// What runs agents, called by the kernel.
///
/// `S` is the kernel; an implementation may require more of it than [`Syscalls`].
pub trait AgentRuntime<S: Syscalls + ?Sized> {
    /// What an agent is started from: a verified, loaded program with its wiring.
    type Image;

    /// Makes the agent; its first step is due when the kernel next dispatches it.
    ///
    /// # Errors
    /// `NOMEM`, `INVALID`: the agent then does not exist.
    fn start(&mut self, sys: &mut S, agent: AgentId, image: Self::Image) -> Result<Wake, Status>;

    /// Replaces the agent's program by that of `image` at its next safe point. The kernel has found that it
    /// can take its place.
    ///
    /// # Errors
    /// `NOTFOUND` for an agent that the runtime does not have.
    fn swap(
        &mut self,
        sys: &mut S,
        agent: AgentId,
        image: Self::Image,
        policy: Policy,
    ) -> Result<Wake, Status>;

    /// Tells the agent's runtime of an event; runs no code of the agent.
    fn event(&mut self, sys: &mut S, agent: AgentId, event: Event) -> Wake;

    /// Runs the agent for at most `slice` gas.
    fn run(&mut self, sys: &mut S, agent: AgentId, slice: Gas) -> Step;

    /// Gas that the agent used until now; 0 for one that the runtime does not have, or where it counts none.
    fn used(&self, agent: AgentId) -> u64 {
        let _ = agent;
        0
    }

    /// What the runtime knows of the agent beside what the kernel keeps, as lines of text that
    /// begin with `;`: registers, calls, trace. Empty for an agent that it does not have.
    fn inspect(&self, agent: AgentId) -> String;

    /// Ends the agent from outside and drops what it held; open requests are already ended.
    fn end(&mut self, sys: &mut S, agent: AgentId, exit: Exit);
}
