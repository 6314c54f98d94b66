//! `Module` to [`VerifiedModule`] in one linear pass over declared block entries.
//!
//! The verifier infers nothing: each block starts from its entry record, and every edge into it must
//! agree with the record. What it proves, the interpreter and the native back ends rely on:
//!
//! # Invariants of a verified module
//! 1. Every word of code belongs to exactly one known instruction of one function; operands are in
//!    range, branches go to entries of the same function, and no function falls off its end.
//! 2. No register is read before it is written, except R8–R15, which hold the caller's words when a
//!    function starts.
//! 3. The stack never sinks below its frame; depth, handler records and ENTER agree at every join; at
//!    RET and TAILCALL the frame is empty. At most one ENTER is open in a frame, at its start.
//! 4. While a frame has a handler record the stack does not sink below the depth any handler of the
//!    function starts at.
//! 5. Calls name functions that exist, with their arguments written and stacked; system calls are
//!    known and constant.
//! 6. Every block starts with a GAS_CHECK, and no GAS_CHECK covers more than 16·n + 16 instructions.
//! 7. Every capability an instruction or system call needs is declared.
//! 8. Tables point only at what exists; constants, state and scratch area fit the memory quota.
//!
//! Checked when executed instead: memory, regions, indirect calls, handles, RETI outside a trap
//! handler, stack size and gas.
//!
//! ```
//! use flux_isa::asm::assemble;
//! use flux_verify::verify;
//!
//! let text = |body| format!(".name \"example\"\n.exact\n.signature 0 0\n.function main signature 0\n{body}");
//! let good = assemble(&text(".entry\nGAS_CHECK 1\nHALT")).expect("a text without errors");
//! assert!(verify(good).is_ok());
//! let bad = assemble(&text(".entry\nGAS_CHECK 1\nMOV R20, R21\nHALT")).expect("a text without errors");
//! assert_eq!(
//!     verify(bad).unwrap_err().to_string(),
//!     "function 0 `main`, offset 2, MOV: R21 is read but not written on every way here"
//! );
//! ```
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

extern crate alloc;

mod code;
mod error;
mod tables;

use alloc::vec::Vec;

use flux_isa::Module;

pub use error::{Place, Problem, VerifyError};

/// A module that passed [`verify`]; there is no other way to make one.
#[derive(Clone, Debug)]
pub struct VerifiedModule {
    module: Module,
    frames: Vec<u32>,
    steps: u64,
}

impl VerifiedModule {
    /// The module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Gives the module back, no longer known to be verified.
    pub fn into_module(self) -> Module {
        self.module
    }

    /// Most slots that a frame of function number `function` has above its start; 0 if there is no
    /// such function.
    pub fn frame_slots(&self, function: usize) -> u32 {
        self.frames.get(function).copied().unwrap_or(0)
    }

    /// Units of work the verification took: instructions, edges and table rows looked at.
    pub fn steps(&self) -> u64 {
        self.steps
    }
}

/// Checks `module` as a whole.
///
/// Takes time and memory linear in the size of the module.
///
/// # Errors
/// The first rule that does not hold, with its place.
pub fn verify(module: Module) -> Result<VerifiedModule, VerifyError> {
    let rows = tables::check(&module)?;
    let facts = code::check(&module)?;
    Ok(VerifiedModule { module, frames: facts.frames, steps: rows.saturating_add(facts.steps) })
}
