//! The numbers of FLUX OS: opcodes, syscalls, capability kinds, message types, FIR types, status codes, limits.
#![no_std]
#![forbid(unsafe_code)]
