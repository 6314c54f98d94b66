//! The language: syntax, names and types.

pub mod sema;
pub mod syntax;
