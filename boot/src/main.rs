//! Thin bare-metal binaries.
//!
//! `cargo xtask kernel --arch x86_64` builds the kernel; for this machine's own
//! operating system the program only says so. See `docs/BAREMETAL.md`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
mod start;
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
mod x86_64;

#[cfg(not(target_os = "none"))]
fn main() -> std::process::ExitCode {
    use std::io::Write;
    let text = "flux-boot runs without an operating system; build it with `cargo xtask kernel`\n";
    // Without a standard error nobody can be told; the exit code remains.
    let _ = std::io::stderr().write_all(text.as_bytes());
    std::process::ExitCode::from(2)
}
