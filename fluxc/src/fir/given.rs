//! Machine code in place of a function's blocks: what a `fluxasm` fence says.
//!
//! # Invariants
//! 1. The module verifier took the code, in a module where the functions that it calls have the
//!    shapes that they have here.
//! 2. Offsets count from the start of the function.

use super::FuncId;
use alloc::vec::Vec;
use flux_isa::{Entry, Line};

/// The code of one function.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Given {
    /// Instruction words.
    pub code: Vec<u32>,
    /// Words that hold code offsets.
    pub targets: Vec<u32>,
    /// Words that hold the numbers of functions, and which.
    pub functions: Vec<(u32, FuncId)>,
    /// Entry records, sorted by offset.
    pub entries: Vec<Entry>,
    /// Debug lines, sorted by offset.
    pub lines: Vec<Line>,
}

impl Given {
    /// The functions that it calls, as often as it does.
    pub fn calls(&self) -> impl Iterator<Item = FuncId> + '_ {
        self.functions.iter().map(|(_, function)| *function)
    }

    /// Bytes that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + (self.code.capacity() + self.targets.capacity()) * size_of::<u32>()
            + self.functions.capacity() * size_of::<(u32, FuncId)>()
            + self.entries.capacity() * size_of::<Entry>()
            + self.lines.capacity() * size_of::<Line>()
    }

    /// Writes the code behind that of others, with the numbers of the functions in it.
    pub(crate) fn append_to(&self, code: &mut Vec<u32>) {
        let start = code.len();
        code.extend_from_slice(&self.code);
        for (at, function) in &self.functions {
            if let Some(word) = code.get_mut(start + *at as usize) {
                *word = u32::try_from(function.index()).unwrap_or(u32::MAX);
            }
        }
    }
}
