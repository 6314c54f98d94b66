//! The backends, one for each architecture; [`Machine`] is the one built for.
//!
//! Every backend is a folder with the same files, one for each service:
//! `clock console devices entropy hardware interrupts memory power`. A service
//! that a backend does not drive keeps the trait's methods, which answer
//! [`crate::HalError::Unsupported`].

#[cfg(feature = "native")]
pub mod native;
#[cfg(feature = "native")]
pub use native::Machine;

#[cfg(all(target_arch = "aarch64", target_os = "none", not(feature = "native")))]
pub mod aarch64;
#[cfg(all(target_arch = "aarch64", target_os = "none", not(feature = "native")))]
pub use aarch64::Machine;

#[cfg(all(target_arch = "riscv64", target_os = "none", not(feature = "native")))]
pub mod riscv64;
#[cfg(all(target_arch = "riscv64", target_os = "none", not(feature = "native")))]
pub use riscv64::Machine;

#[cfg(all(target_arch = "wasm32", not(feature = "native")))]
pub mod wasm32;
#[cfg(all(target_arch = "wasm32", not(feature = "native")))]
pub use wasm32::Machine;

#[cfg(all(target_arch = "x86_64", target_os = "none", not(feature = "native")))]
pub mod x86_64;
#[cfg(all(target_arch = "x86_64", target_os = "none", not(feature = "native")))]
pub use x86_64::Machine;
