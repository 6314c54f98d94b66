//! Agents over system calls: lifecycle, messages, timers.
#![no_std]
#![forbid(unsafe_code)]
