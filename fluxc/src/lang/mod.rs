//! The language: syntax, names and types; data beside it.

pub mod data;
pub mod sema;
pub mod syntax;
