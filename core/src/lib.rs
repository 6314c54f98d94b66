//! The one library that every face of FLUX OS uses: what the command line can do, the others can.
#![forbid(unsafe_code)]

pub mod error;
pub mod report;
pub mod source;
