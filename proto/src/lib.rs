//! Bounded decoders for everything that comes over a wire.
//!
//! - [`payload`]: handler name and values of one message between agents.
//! - [`archive`]: documents and settings that a booting machine is given.
//! - [`link`]: what two kernels say to each other, over connections that may be cut.
//! - [`bundle`]: a document with the documents that it depends on.
//!
//! # Invariants
//! 1. Decoding never panics, recurses without bound, or takes memory out of proportion to its input.
//! 2. All formats are canonical: what is accepted encodes to the same bytes again.
#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test"))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod archive;
pub mod bundle;
mod cursor;
pub mod link;
pub mod payload;
