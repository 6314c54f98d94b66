//! The `flux` command.
#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

use flux_hal::arch::native::heap::Nursery;
use mimalloc::MiMalloc;

/// Most commands are over before a large heap would be worth its setting up; the trees of large documents are millions of
/// small pieces, which the C library's allocator joins one by one.
#[global_allocator]
static HEAP: Nursery<MiMalloc> = Nursery::before(MiMalloc);

fn main() -> ExitCode {
    cli::main()
}
