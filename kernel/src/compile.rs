//! The compile service: documents to modules under limits.
//!
//! The kernel names the service by this trait alone, so that the service may run in a place of its
//! own (a child process, a separate heap) and be dropped when it fails.

use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::limits::DOCUMENT_BYTES;
use flux_fluxc::Outline;
use flux_fluxc::diag::Diagnostic;
use flux_isa::Module;

/// What came of a document.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// One module for each agent of the document; empty if there was an error.
    pub modules: Vec<Module>,
    /// What the compiler has to say, errors included.
    pub diagnostics: Vec<Diagnostic>,
    /// Its agents and what they send, to be held against the other documents of a run.
    pub outline: Outline,
}

/// Why a document could not even be looked at.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CompileError {
    /// The document is too large.
    #[error("the document has {bytes} bytes, {limit} are allowed; split it")]
    TooLarge {
        /// Its bytes.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The service is not there or broke.
    #[error("the compile service failed: {reason}")]
    Service {
        /// What happened.
        reason: String,
    },
}

/// Compiles documents.
pub trait CompileService {
    /// Compiles the document `source` called `name`.
    ///
    /// # Errors
    /// [`CompileError`]; mistakes in the document are diagnostics, not errors.
    fn compile(&mut self, source: &[u8], name: &str) -> Result<Compiled, CompileError>;
}

impl<F: FnMut(&[u8], &str) -> Result<Compiled, CompileError>> CompileService for F {
    fn compile(&mut self, source: &[u8], name: &str) -> Result<Compiled, CompileError> {
        self(source, name)
    }
}

/// The compiler in the kernel itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelCompiler {
    /// How hard it optimises, and what else it is told.
    pub options: flux_fluxc::Options,
}

impl CompileService for KernelCompiler {
    fn compile(&mut self, source: &[u8], name: &str) -> Result<Compiled, CompileError> {
        let (bytes, limit) = (source.len(), DOCUMENT_BYTES);
        if bytes > limit {
            return Err(CompileError::TooLarge { bytes, limit });
        }
        let compiled = flux_fluxc::compile(source, name, &self.options);
        Ok(Compiled {
            modules: compiled.modules,
            diagnostics: compiled.diagnostics,
            outline: compiled.outline,
        })
    }
}
