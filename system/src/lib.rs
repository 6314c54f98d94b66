//! Joins the kernel and the agent runtime into one bootable whole.
//!
//! A shell (the `flux` command, a bare-metal binary, a web page) gives documents, devices and the
//! time, and takes the log:
//!
//! ```text
//! System::boot ─▶ advance, advance, … ─▶ finish ─▶ Summary
//! ```
//!
//! # Invariants
//! 1. The log stream is the same bytes on every machine for equal documents, parameters,
//!    simulations and seed.
//! 2. Whatever a document does, boot, run and stop end in a value, never in a panic.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test"))]

extern crate alloc;
#[cfg(test)]
extern crate std;

/// A mark and a number for the sources of the kernel, its crates and documents: equal in two programs if
/// they were made from equal ones.
pub const SOURCES: &str = concat!("FLUX-SOURCES:", env!("FLUX_SOURCES"));

pub mod bus;
pub mod config;
pub mod error;
mod loader;
pub mod summary;
mod supervisor;
mod system;
pub mod test;

pub use config::{AgentLimit, Config, Platform};
pub use error::BootError;
pub use flux_agent::observe::Executed;
pub use flux_agent::report::{AgentReport, SwapState};
pub use flux_isa::succession::FormRule;
pub use flux_kcore::agent_state::AgentState;
pub use flux_kcore::swap::Policy;
pub use flux_kcore::time::{Span, Time};
pub use flux_kernel::compile;
pub use flux_kernel::exchange::{StateRule, SwapRules};
pub use flux_kernel::kernel::ClockMode;
pub use flux_kernel::link::Links;
pub use flux_kernel::log::{LogSink, NoSink, Record, Seconds, Stream};
pub use loader::{Effect, Replaced, Replacement};
pub use summary::Summary;
pub use system::{Next, System};
