//! Agents over system calls: which run goes next, messages, timers, answers, failures.
//!
//! A pure state machine over [`flux_kcore::runtime::Syscalls`]: it knows neither the kernel nor
//! a clock nor a device. It owns the machines ([`flux_vm::Instance`]) and the runs on them.
//!
//! # Invariants
//! 1. An agent does one thing at a time; a request that started a run is answered exactly once.
//! 2. A trap ends its agent and nothing else.
//! 3. What one agent can make the runtime hold is bounded by its quota and the limits of
//!    `flux_abi::limits`.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test"))]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod agent;
mod bridge;
mod children;
mod context;
mod form;
mod image;
mod marshal;
pub mod observe;
pub mod parameters;
pub mod report;
mod runtime;
pub mod tables;
mod task;
mod transplant;
mod value;

pub use image::Image;
pub use runtime::{Runtime, debug};
