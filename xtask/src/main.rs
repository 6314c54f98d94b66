//! Every CI job as a local command.

fn main() {}
