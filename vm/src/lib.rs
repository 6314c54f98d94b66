//! The interpreter: the reference for what a FLUX program means.
#![cfg_attr(not(test), no_std)]
