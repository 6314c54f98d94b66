//! Modules that were verified and loaded.

use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_isa::Module;
use flux_vm::Program;

use crate::error::KernelError;

/// Number of a loaded module.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ModuleNumber(pub u32);

/// Loaded modules; equal ones share their code.
#[derive(Debug, Default)]
pub struct ModuleTable(Vec<Arc<Program>>);

impl ModuleTable {
    /// Most modules that can be loaded.
    pub const MOST: usize = 65_536;

    /// Decodes, verifies and loads a module file.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn load(&mut self, bytes: &[u8]) -> Result<ModuleNumber, KernelError> {
        let module = Module::decode(bytes).map_err(KernelError::Module)?;
        let verified = flux_verify::verify(module).map_err(KernelError::Verify)?;
        let program = Program::load(verified).map_err(KernelError::Load)?;
        let same = self.0.iter().position(|loaded| loaded.identity() == program.identity());
        if let Some(number) = same.and_then(|at| u32::try_from(at).ok()) {
            return Ok(ModuleNumber(number));
        }
        let number = u32::try_from(self.0.len()).ok().filter(|_| self.0.len() < Self::MOST);
        let number = number.ok_or(KernelError::ModulesFull { limit: Self::MOST })?;
        self.0.push(Arc::new(program));
        Ok(ModuleNumber(number))
    }

    /// Number of a loaded module.
    pub fn number(&self, program: &Arc<Program>) -> Option<ModuleNumber> {
        let at = self.0.iter().position(|loaded| Arc::ptr_eq(loaded, program))?;
        u32::try_from(at).ok().map(ModuleNumber)
    }

    /// A loaded module.
    pub fn get(&self, number: ModuleNumber) -> Option<&Arc<Program>> {
        self.0.get(usize::try_from(number.0).ok()?)
    }

    /// Loaded modules.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether none is loaded.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
