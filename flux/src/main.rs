//! The `flux` command.
#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Trees of large documents are millions of small pieces, which the C library's allocator joins one by one.
#[global_allocator]
static HEAP: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
