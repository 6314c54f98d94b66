//! The list of attacks against the whole hosted kernel: an agent tries them by system calls and by
//! programs; each is refused, or ends as a trap of that agent, and nobody else takes harm.
//!
//! Where a part alone must stand an attack, the test is beside the part; `docs/ATTACKS.md` lists all.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]
#![allow(clippy::arithmetic_side_effects, reason = "an overflow in a test fails the test")]
#![allow(clippy::indexing_slicing, reason = "an index out of range fails the test")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

mod authority;
mod files;
mod ground;
mod lives;
mod machine;
mod messages;
mod sources;
#[path = "../support/mod.rs"]
mod support;
mod swaps;
