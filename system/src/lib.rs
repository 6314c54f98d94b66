//! Joins the kernel and the agent runtime into one bootable whole.
#![no_std]
#![forbid(unsafe_code)]
