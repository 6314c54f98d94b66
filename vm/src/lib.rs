//! The interpreter: the reference for what a FLUX program means.
//!
//! A verified module becomes a [`Program`] (decoded once, shared), an agent an [`Instance`] (memory,
//! wired links, gas), each activation of it a [`Run`] (registers, stack, frames). What only a kernel
//! can do leaves through [`Host`].
//!
//! # Invariants
//! 1. Nothing a verified program does reaches memory outside its instance's regions, and nothing it
//!    does makes the host panic, hang or allocate beyond quota and fixed bounds.
//! 2. Results, traps and gas are the same on every host, for every slicing of a run, and with or
//!    without trace, profile or breakpoints.
//! 3. A GAS_CHECK charges before its block's first effect; bulk operations (MEMCPY, MEMSET, MEMCMP,
//!    ALLOC, TEXT) charge 1 more for each full 64 bytes they read or make, before their effect.
//!
//! Flags are kept where an instruction can read them; after a trap that nothing handled they say
//! nothing.
#![no_std]
#![allow(
    clippy::cast_possible_truncation,
    reason = "words, offsets and widths are converted as the instruction table says; conversions that \
              must fit are checked"
)]

extern crate alloc;

#[cfg(feature = "checked")]
pub mod checked;
mod debug;
mod decode;
mod execute;
pub mod exit;
mod fuse;
mod heap;
pub mod host;
mod instance;
mod liveness;
mod machine;
pub mod memory;
mod number;
mod op;
mod program;
pub mod region;
mod run;
mod table;
#[cfg(feature = "testing")]
pub mod testing;
mod text;

pub use debug::{LineSteps, Profile, TraceRecord};
pub use exit::{Exit, FunctionIndex, Gas, LoadError, Pc, Place, Stop, Trap, VmError};
pub use host::{Host, HostCall, HostOutcome, NoHost};
pub use instance::{Config, Counters, Instance};
pub use machine::BULK_BYTES_PER_GAS;
pub use memory::{Checkpoint, Memory, MemoryError, Protection};
pub use program::Program;
pub use region::SharedRegion;
pub use run::Run;
pub use table::{ENTRIES, index as index_table, slots as table_slots};
pub use text::duration;
