//! The one library that every face of FLUX OS uses: what the command line can do, the others can.
#![forbid(unsafe_code)]

pub mod assembly;
pub mod audit;
pub mod compile;
pub mod config;
pub mod control;
pub mod debug;
pub mod editor;
pub mod error;
pub mod explain;
pub mod flame;
pub mod kind;
pub mod layout;
pub mod link;
pub mod linked;
pub mod live;
pub mod module;
pub mod page;
pub mod project;
pub mod qemu;
pub mod report;
pub mod run;
pub mod source;
pub mod test;
pub mod timeline;
pub mod watch;

pub use flux_abi::select::LogLevel;
pub use flux_fluxc::Level;
pub use flux_fluxc::diag::{Diagnostic, Severity};
pub use flux_hal::Stream;
pub use flux_system::summary::bytes;
pub use flux_system::{
    ClockMode, Effect, FormRule, LogSink, Policy, Record, Replaced, StateRule, Summary, SwapRules,
};
