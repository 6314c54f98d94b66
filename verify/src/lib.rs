//! Module to VerifiedModule in one linear pass.
#![no_std]
#![forbid(unsafe_code)]
