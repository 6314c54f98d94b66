//! Wires kcore, vm, fluxc and hal together: boot, system calls, faults, compile service.
//!
//! A library without an operating system: hosted, bare metal and WebAssembly are thin shells that
//! tell it the time and take its log. It is generic over the agent runtime and knows no
//! architecture.
//!
//! ```text
//! shell ─▶ Kernel::run(until) ─▶ Shard (who is next) ─▶ AgentRuntime::run ─▶ machine ─▶ Core (host calls)
//! ```
//!
//! # Invariants
//! 1. Every call checks the caller's handles before it has an effect.
//! 2. Time, devices and randomness are injected; equal inputs give equal runs, byte for byte.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test"))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod audit;
pub mod base;
pub mod boot;
pub mod compile;
pub mod devices;
mod entrust;
pub mod error;
pub mod exchange;
pub mod files;
mod host;
pub mod kernel;
pub mod link;
pub mod log;
pub mod modules;
mod places;
mod regions;
mod services;
pub mod syscall;
pub mod timeline;
pub mod user_memory;
pub mod wiring;

pub use base::{Core, CoreConfig};
pub use compile::{CompileError, CompileService, Compiled};
pub use error::{KernelError, Refusal};
pub use kernel::{ClockMode, Imager, Kernel, Pause};
pub use log::{LogSink, Record, Stream};
pub use user_memory::{NativeMemory, UserMemory};
pub use wiring::Launch;
