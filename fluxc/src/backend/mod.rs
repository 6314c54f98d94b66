//! Back ends: FIR in, code for one kind of machine out.

pub mod bytecode;
