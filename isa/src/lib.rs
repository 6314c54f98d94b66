//! Encode, decode, assemble and disassemble FLUX bytecode; the .fluxbc module file.
#![no_std]
#![forbid(unsafe_code)]
