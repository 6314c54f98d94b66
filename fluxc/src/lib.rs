//! The compiler: document, syntax and types, FIR, back ends.
#![no_std]
#![forbid(unsafe_code)]
