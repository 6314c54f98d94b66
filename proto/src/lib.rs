//! Bounded decoders for everything that comes over a wire.
#![no_std]
#![forbid(unsafe_code)]
