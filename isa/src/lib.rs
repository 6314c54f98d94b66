//! Encode, decode, assemble and disassemble FLUX bytecode; the .fluxbc module file.
//!
//! # Invariants
//! 1. What an instruction looks like comes from `flux_abi::opcode::OPCODES` alone.
//! 2. `Module::decode(&module.encode())` gives the module back, and a module file that decodes and
//!    holds no unknown section encodes to the same bytes.
//! 3. No input makes a decoder, the assembler or the disassembler panic.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

extern crate alloc;

pub mod asm;
pub mod blocks;
pub mod builder;
pub mod desc;
pub mod file;
pub mod flow;
pub mod instruction;
pub mod module;
pub mod shape;
pub mod succession;

pub use file::{ModuleError, ModuleProblem};
pub use instruction::{DecodeError, Instruction, OperandError};
pub use module::{
    Child, Entry, Export, ExportKind, Function, Line, Link, LinkKind, Local, LocalPlace, LocalRange, Meta,
    Migration, MigrationWay, Module, NativeSection, Parameter, Signature, SourceLine, StateField,
    StateLayout, Supervise, Supervised, Timer,
};
