//! Thin bare-metal binaries.

fn main() {}
