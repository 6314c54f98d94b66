//! The compiler: document, syntax and types, FIR, back ends.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod backend;
mod children;
mod compile;
mod dependencies;
pub mod diag;
pub mod fir;
pub mod lang;
pub mod lower;
pub mod md;
mod memory;
pub mod plan;
mod sources;
pub mod span;
mod targets;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use compile::{
    Analysis, Compiled, Options, Output, Stats, Symbols, Tests, analyse, check, compile, emit,
};
pub use dependencies::{Found, Reader, gather};
pub use fir::passes::Level;
pub use sources::{File, FileState, Sources, diagnostics};
pub use targets::{Outline, check_targets};
