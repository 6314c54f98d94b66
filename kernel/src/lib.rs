//! Wires kcore, vm, fluxc and hal together.
#![no_std]
#![forbid(unsafe_code)]
