//! The compiler: document, syntax and types, FIR, back ends.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod backend;
pub mod diag;
pub mod fir;
pub mod lang;
pub mod md;
pub mod span;
