//! The language: syntax, names and types.

pub mod syntax;
