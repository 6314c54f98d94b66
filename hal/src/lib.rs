//! Hardware traits and their architectures.
#![cfg_attr(not(test), no_std)]
