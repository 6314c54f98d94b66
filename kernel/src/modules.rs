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
pub struct ModuleTable {
    programs: Vec<Arc<Program>>,
    /// By number the modules that stand in the module, in the order in which they do.
    children: Vec<Vec<ModuleNumber>>,
    /// By number the document of a module that stands in another one.
    documents: Vec<Option<Arc<str>>>,
}

impl ModuleTable {
    /// Most modules that can be loaded.
    pub const MOST: usize = 65_536;
    /// Modules that may stand in each other.
    pub const NESTED: usize = 16;

    /// Decodes, verifies and loads a module file.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn load(&mut self, bytes: &[u8]) -> Result<ModuleNumber, KernelError> {
        self.load_within(bytes, Self::NESTED)
    }

    /// Loads a module and those in it, at most `levels` deep.
    fn load_within(&mut self, bytes: &[u8], levels: usize) -> Result<ModuleNumber, KernelError> {
        let below = levels.checked_sub(1).ok_or(KernelError::ModulesNested { limit: Self::NESTED })?;
        let module = Module::decode(bytes).map_err(KernelError::Module)?;
        let verified = flux_verify::verify(module).map_err(KernelError::Verify)?;
        let program = Program::load(verified).map_err(KernelError::Load)?;
        let same = self.programs.iter().position(|loaded| loaded.identity() == program.identity());
        if let Some(number) = same.and_then(|at| u32::try_from(at).ok()) {
            return Ok(ModuleNumber(number));
        }
        let program = Arc::new(program);
        let mut children = Vec::new();
        for child in &program.module().children {
            let number = self.load_within(&child.module, below)?;
            let at = usize::try_from(number.0).unwrap_or(usize::MAX);
            if let Some(document @ None) = self.documents.get_mut(at) {
                *document = Some(child.document.as_str().into());
            }
            children.push(number);
        }
        let count = self.programs.len();
        let number = u32::try_from(count).ok().filter(|_| count < Self::MOST);
        let number = number.ok_or(KernelError::ModulesFull { limit: Self::MOST })?;
        self.programs.push(program);
        self.children.push(children);
        self.documents.push(None);
        Ok(ModuleNumber(number))
    }

    /// Number of a loaded module.
    pub fn number(&self, program: &Arc<Program>) -> Option<ModuleNumber> {
        let at = self.programs.iter().position(|loaded| Arc::ptr_eq(loaded, program))?;
        u32::try_from(at).ok().map(ModuleNumber)
    }

    /// A loaded module.
    pub fn get(&self, number: ModuleNumber) -> Option<&Arc<Program>> {
        self.programs.get(usize::try_from(number.0).ok()?)
    }

    /// The module of an agent of a document that stands in the module of `program`.
    pub(crate) fn child(&self, program: &Arc<Program>, document: &str, agent: &str) -> Option<ModuleNumber> {
        let rows = &program.module().children;
        let at = rows.iter().position(|child| child.document == document && child.agent == agent)?;
        let own = usize::try_from(self.number(program)?.0).ok()?;
        self.children.get(own)?.get(at).copied()
    }

    /// The document of a module that stands in another one.
    pub(crate) fn document(&self, number: ModuleNumber) -> Option<&Arc<str>> {
        self.documents.get(usize::try_from(number.0).ok()?)?.as_ref()
    }

    /// Loaded modules.
    pub const fn len(&self) -> usize {
        self.programs.len()
    }

    /// Tells whether none is loaded.
    pub const fn is_empty(&self) -> bool {
        self.programs.is_empty()
    }
}
