//! WebAssembly, in a page or in node.
//!
//! Nothing is driven yet: every service answers [`crate::HalError::Unsupported`].
//! What is here keeps the kernel's crates building for this machine.

mod clock;
mod console;
mod devices;
mod entropy;
mod hardware;
mod interrupts;
mod memory;
mod power;

/// This machine.
#[derive(Debug, Default)]
pub struct Machine {
    _private: (),
}

impl Machine {
    /// A machine of which nothing is known.
    pub const fn new() -> Self {
        Self { _private: () }
    }
}
