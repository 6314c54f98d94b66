//! The numbers of FLUX OS, each one table from which decoders, documents and tests are derived.
//!
//! # Invariants
//! 1. A fact stands here once and nowhere else in the workspace.
//! 2. Numbers are stable: they are part of modules and messages that outlive a build.
#![no_std]
#![forbid(unsafe_code)]

pub mod a2a;
pub mod capability;
pub mod device;
pub mod fir_type;
pub mod ioctl;
pub mod limits;
pub mod message;
mod numbered;
pub mod opcode;
pub mod register;
pub mod select;
pub mod status;
pub mod supervise;
pub mod syscall;
pub mod table;
pub mod topic;
pub mod trap;
