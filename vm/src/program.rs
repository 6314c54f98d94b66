//! A loaded module: verified, decoded, shared by its instances.

use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::opcode::Opcode;
use flux_isa::{Instruction, Module, Signature};
use flux_verify::VerifiedModule;

use crate::decode::{self, Code, Form};
use crate::exit::{FunctionIndex, LoadError, Pc};

/// A loaded module. Instances share it through an [`Arc`].
#[derive(Debug)]
pub struct Program {
    module: Module,
    identity: [u8; 32],
    code: Code,
    /// Constants, padded to the start of the state.
    constants: Arc<[u8]>,
    /// Bytes of state and scratch area, padded.
    fixed: u32,
}

impl Program {
    /// Decodes a verified module.
    ///
    /// # Errors
    /// The fixed part of region 0 does not fit 32-bit offsets.
    pub fn load(verified: VerifiedModule) -> Result<Self, LoadError> {
        let identity = verified.module().identity();
        let mut module = verified.into_module();
        let end = module.heap_base();
        if end > u64::from(u32::MAX) {
            return Err(LoadError::TooLarge(end));
        }
        let base = module.state_base();
        let code = decode::decode(&module, Form::Fast, base)?;
        let mut constants = core::mem::take(&mut module.constants);
        constants.resize(base as usize, 0);
        Ok(Self { module, identity, code, constants: constants.into(), fixed: (end - base) as u32 })
    }

    /// The module's tables. Its constants are in [`Program::constants`].
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The constants, padded with zeros to a multiple of 16 bytes.
    pub fn constants(&self) -> &[u8] {
        &self.constants
    }

    /// The module's identity.
    pub fn identity(&self) -> &[u8; 32] {
        &self.identity
    }

    /// Shape of a function; `None` if there is no such function.
    pub fn signature(&self, function: FunctionIndex) -> Option<Signature> {
        let function = self.module.functions.get(function.0 as usize)?;
        self.module.signatures.get(usize::from(function.signature)).copied()
    }

    /// Function that a code offset belongs to.
    pub fn function_at(&self, pc: Pc) -> FunctionIndex {
        FunctionIndex(self.module.function_at(pc.0).unwrap_or(0) as u32)
    }

    /// Document line that a code offset belongs to.
    pub fn line_at(&self, pc: Pc) -> Option<u32> {
        self.module.line_at(pc.0)
    }

    /// Whether nothing but the return from its function follows the instruction at `pc`: no effect, no branch.
    pub fn returns_after(&self, pc: Pc) -> bool {
        /// Instructions of the longest way out of a function that are looked at.
        const LONGEST: usize = 16;
        let code = &self.module.code;
        let Ok((_, words)) = Instruction::decode(code, pc.0 as usize) else { return false };
        let mut at = pc.0 as usize + words;
        for _ in 0..LONGEST {
            let Ok((instruction, words)) = Instruction::decode(code, at) else { return false };
            match instruction.opcode() {
                Opcode::Ret => return true,
                Opcode::GasCheck | Opcode::Nop | Opcode::Leave | Opcode::Pop | Opcode::Popr => at += words,
                _ => return false,
            }
        }
        false
    }

    pub(crate) fn code(&self) -> &Code {
        &self.code
    }

    pub(crate) fn shared_constants(&self) -> Arc<[u8]> {
        Arc::clone(&self.constants)
    }

    pub(crate) fn fixed(&self) -> u32 {
        self.fixed
    }

    /// Code offset of the operation at `place`.
    pub(crate) fn pc(&self, place: u32) -> Pc {
        Pc(self.code.pcs.get(place as usize).copied().unwrap_or(0))
    }

    /// Place of the first operation of a function.
    pub(crate) fn start(&self, function: u32) -> Option<u32> {
        self.code.starts.get(function as usize).copied()
    }

    /// Function that a place belongs to.
    pub(crate) fn function_of_place(&self, place: u32) -> usize {
        self.code.starts.partition_point(|start| *start <= place).saturating_sub(1)
    }

    /// Stacked arguments of the function that a place belongs to.
    pub(crate) fn stacked_at(&self, place: u32) -> u32 {
        self.code.stacked.get(self.function_of_place(place)).copied().map_or(0, u32::from)
    }

    /// The operations for a debugger: one for each instruction, none fused.
    pub(crate) fn plain(&self) -> Vec<crate::execute::Cell> {
        // The constants were taken out of the module: they end where its state begins.
        let base = self.constants.len() as u64;
        // The code was decoded once already, so this can't fail.
        decode::decode(&self.module, Form::Plain, base).map(|code| code.cells).unwrap_or_default()
    }
}
