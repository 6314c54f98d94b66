//! Agent 1: a document of the repository, compiled at boot like any other.

use alloc::string::String;

use flux_agent::Runtime;
use flux_fluxc::Options;
use flux_kernel::error::KernelError;
use flux_kernel::kernel::Kernel;

use crate::error::BootError;

/// File name of the document, for reports.
const NAME: &str = "supervisor.flux.md";
/// The document itself; whoever changes it compiles it with every test that boots.
const SOURCE: &str = include_str!("../../std/supervisor.flux.md");

/// Compiles the built-in supervisor and starts it.
///
/// # Errors
/// [`BootError::Agent`]: the document does not fit this compiler or this kernel.
pub(crate) fn start(kernel: &mut Kernel<Runtime>) -> Result<(), BootError> {
    let refused = |error| BootError::Agent { document: String::from(NAME), error };
    let compiled = flux_fluxc::compile(SOURCE.as_bytes(), NAME, &Options::default());
    let Some(module) = compiled.modules.first() else {
        let errors = usize::try_from(compiled.errors).unwrap_or(usize::MAX);
        return Err(refused(KernelError::Diagnostics { document: String::from(NAME), errors }));
    };
    kernel.start_supervisor(NAME, &module.encode()).map(drop).map_err(refused)
}
