//! The interpreter: the reference for what a FLUX program means.
#![no_std]

extern crate alloc;

pub mod exit;
mod heap;
pub mod host;
pub mod memory;
pub mod region;

pub use exit::{Exit, FunctionIndex, Gas, LoadError, Pc, Stop, Trap, VmError};
pub use host::{Host, HostCall, HostOutcome, NoHost};
pub use memory::{Memory, MemoryError};
pub use region::SharedRegion;
