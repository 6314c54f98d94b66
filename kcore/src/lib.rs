//! The kernel's logic as pure state machines.
//!
//! Nothing here reads a clock, draws a random number, touches a device or knows an
//! architecture: time is injected, so a whole kernel can be stepped in a test.
//!
//! # How the pieces fit
//!
//! ```text
//!  kernel (layer 5) ── implements ──▶ Syscalls ◀── calls ── agent (layer 5)
//!     │ owns                                              │ implements
//!     ▼                                                   ▼
//!  Shard ── poll() ─▶ Event ── kernel hands it on ──▶ AgentRuntime::event
//!     │    dispatch() ─▶ Dispatch ──────────────────▶ AgentRuntime::run(slice) ─▶ Step
//!     │
//!     ├ agents      table of agents: state machine, mailbox, quotas   (id, agent_state, mailbox, quota)
//!     ├ scheduler   who runs next                                     (sched)
//!     ├ capability  handles and their derivation                      (capability)
//!     ├ requests    ASK and DELEGATE to exactly one outcome           (request)
//!     ├ timers      deadlines and wake-ups                            (timer)
//!     ├ topics, barriers, dead letters                                (topic, barrier, dead_letter)
//!     └ processes   256 slots                                         (process)
//!  supervise      which children start again, for the runtime to ask
//!  swap           when a new program is tried and when it stays, for the runtime to ask
//! ```
//!
//! A [`shard::Shard`] is one single-threaded kernel core. The kernel's loop is
//!
//! ```text
//! loop {
//!     while let Some((agent, event)) = shard.poll() { if runtime.event(sys, agent, event) is Ready → shard.wake(agent, …) }
//!     if let Some(d) = shard.dispatch() { step = runtime.run(sys, d.agent, d.slice); shard.settle(d.agent, step);
//!                                         if Ended(exit) → shard.end(d.agent, exit); continue }
//!     match shard.next_event() { Some(time) → wait until then and shard.advance(time), None → all is quiet }
//! }
//! ```
//!
//! The kernel implements [`runtime::Syscalls`] mostly by passing on to the shard; what it
//! adds is devices, log and the compile service. The agent runtime holds what is not kernel
//! knowledge: VM instances, suspended runs, payload conversion. Neither crate names the other.
//!
//! # Invariants
//! 1. No operation panics, recurses without bound, or allocates infallibly.
//! 2. What one agent can make the kernel hold is bounded by its own limits.
//! 3. Equal calls in equal order give equal results: no hash order, no address, no thread.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test"))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod agent_state;
pub mod audit;
pub mod barrier;
pub mod capability;
pub mod dead_letter;
pub mod id;
mod list;
pub mod mailbox;
pub mod message;
mod names;
pub mod process;
pub mod quota;
pub mod rate;
pub mod request;
pub mod runtime;
pub mod sched;
pub mod shard;
mod sorted;
pub mod supervise;
pub mod swap;
pub mod time;
pub mod timer;
pub mod topic;
pub mod watch;
