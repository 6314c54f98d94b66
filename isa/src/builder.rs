//! Code with labels: what a back end or the assembler emits instructions into.
//!
//! # Invariants
//! 1. The first thing that is wrong is kept and reported by [`CodeBuilder::finish`]; emitting goes on
//!    so that a caller needs no check after each instruction.
//! 2. In finished code every label operand holds the offset its label was bound to.
//!
//! ```
//! use flux_abi::opcode::Opcode;
//! use flux_isa::builder::{Argument, CodeBuilder};
//!
//! let mut builder = CodeBuilder::new();
//! let end = builder.label();
//! builder.emit(Opcode::Brz, &[Argument::Register(16), Argument::Label(end)]);
//! builder.emit(Opcode::Movi, &[Argument::Register(16), Argument::Value(-1)]);
//! builder.bind(end);
//! builder.emit(Opcode::Ret, &[]);
//! let code = builder.finish()?;
//! assert_eq!(code.len(), 5);
//! assert_eq!(code.get(1), Some(&4));
//! # Ok::<(), flux_isa::builder::BuildError>(())
//! ```

use alloc::vec::Vec;

use flux_abi::opcode::{Opcode, Operand};
use flux_abi::register;

use crate::instruction::{Instruction, MAX_OPERANDS, OperandError};

/// A place in the code that may be named before it is known.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Label(u32);

impl Label {
    /// Its number, in the order of [`CodeBuilder::label`].
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// One operand as the builder takes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Argument {
    /// A register or the first one of a group.
    Register(u8),
    /// A selector, index, count, code offset or immediate.
    Value(i64),
    /// A code offset that the builder fills in.
    Label(Label),
}

/// Why code cannot be finished.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BuildError {
    /// An operand does not fit.
    #[error("operand {position} of {} at offset {at}: {error}", opcode.info().name)]
    Operand {
        /// Offset of the instruction in words.
        at: u32,
        /// The opcode.
        opcode: Opcode,
        /// Position of the operand, from 1.
        position: usize,
        /// What is wrong with it.
        error: OperandError,
    },
    /// A label stands where no code offset belongs.
    #[error("operand {position} of {} at offset {at} takes no label", opcode.info().name)]
    LabelOperand {
        /// Offset of the instruction in words.
        at: u32,
        /// The opcode.
        opcode: Opcode,
        /// Position of the operand, from 1.
        position: usize,
    },
    /// A label was used and never bound.
    #[error("label {label} is used and never bound")]
    Unbound {
        /// Number of the label, in the order of [`CodeBuilder::label`].
        label: u32,
    },
    /// A label was bound twice.
    #[error("label {label} is bound twice")]
    BoundTwice {
        /// Number of the label, in the order of [`CodeBuilder::label`].
        label: u32,
    },
    /// The code has more words than an offset can name.
    #[error("the code has more than 4294967295 words")]
    TooLong,
}

/// Growing code with labels.
#[derive(Clone, Debug, Default)]
pub struct CodeBuilder {
    code: Vec<u32>,
    labels: Vec<Option<u32>>,
    fixups: Vec<(usize, Label)>,
    error: Option<BuildError>,
}

impl CodeBuilder {
    /// No code yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Offset in words of the next instruction.
    pub fn offset(&self) -> u32 {
        u32::try_from(self.code.len()).unwrap_or(u32::MAX)
    }

    /// A new label, not bound yet.
    pub fn label(&mut self) -> Label {
        let label = Label(u32::try_from(self.labels.len()).unwrap_or(u32::MAX));
        self.labels.push(None);
        label
    }

    /// Binds `label` to the next instruction.
    pub fn bind(&mut self, label: Label) {
        let offset = self.offset();
        match self.slot(label) {
            Some(slot @ None) => *slot = Some(offset),
            Some(Some(_)) => self.fail(BuildError::BoundTwice { label: label.0 }),
            None => self.fail(BuildError::Unbound { label: label.0 }),
        }
    }

    /// Offset that `label` was bound to, if it was.
    pub fn offset_of(&self, label: Label) -> Option<u32> {
        self.labels.get(usize::try_from(label.0).ok()?).copied().flatten()
    }

    /// Appends an instruction; returns its offset.
    pub fn emit(&mut self, opcode: Opcode, arguments: &[Argument]) -> u32 {
        let at = self.offset();
        let rows = opcode.info().operands;
        if self.emit_simple(opcode, rows, arguments) {
            return at;
        }
        let mut values = [0i64; MAX_OPERANDS];
        let mut used = None;
        for (position, (argument, value)) in arguments.iter().zip(&mut values).enumerate() {
            match *argument {
                Argument::Register(number) => *value = i64::from(number),
                Argument::Value(number) => *value = number,
                Argument::Label(label) => {
                    if !matches!(rows.get(position), Some(Operand::Target | Operand::Handler)) {
                        let position = position.saturating_add(1);
                        self.fail(BuildError::LabelOperand { at, opcode, position });
                    }
                    used = Some(label);
                }
            }
        }
        let values = values.get(..arguments.len()).unwrap_or(&values);
        if let Err((position, error)) = Instruction::append(opcode, values, &mut self.code) {
            let position = position.saturating_add(1);
            self.fail(BuildError::Operand { at, opcode, position, error });
        }
        if let Some(label) = used {
            // By the layout rule a code offset is the last word of its instruction.
            self.fixups.push((self.code.len().saturating_sub(1), label));
        }
        at
    }

    /// Appends an instruction, as most are: up to three registers, then at most one word that fits.
    /// Tells whether it was one.
    fn emit_simple(&mut self, opcode: Opcode, rows: &[Operand], arguments: &[Argument]) -> bool {
        if rows.len() != arguments.len() {
            return false;
        }
        let [mut bytes, mut next_bit] = [u32::from(opcode as u8), 8];
        let mut full = None;
        let mut used = None;
        for (row, argument) in rows.iter().zip(arguments) {
            match (row, *argument) {
                (Operand::Ra | Operand::Rb | Operand::Rc, Argument::Register(number))
                    if number <= register::LAST_STATUS && next_bit < 32 =>
                {
                    bytes |= u32::from(number).wrapping_shl(next_bit);
                    next_bit = next_bit.saturating_add(8);
                }
                (Operand::Rd, Argument::Register(number))
                    if (register::FIRST_GENERAL..=register::LAST_GENERAL).contains(&number)
                        && next_bit < 32 =>
                {
                    bytes |= u32::from(number).wrapping_shl(next_bit);
                    next_bit = next_bit.saturating_add(8);
                }
                (Operand::I32, Argument::Value(value)) if full.is_none() => {
                    let Ok(value) = i32::try_from(value) else { return false };
                    full = Some(value.cast_unsigned());
                }
                (Operand::U32, Argument::Value(value)) if full.is_none() => {
                    let Ok(value) = u32::try_from(value) else { return false };
                    full = Some(value);
                }
                (Operand::Target, Argument::Label(label)) if full.is_none() => {
                    full = Some(0);
                    used = Some(label);
                }
                _ => return false,
            }
        }
        self.code.push(bytes);
        if let Some(word) = full {
            self.code.push(word);
        }
        if let Some(label) = used {
            self.fixups.push((self.code.len().saturating_sub(1), label));
        }
        true
    }

    /// Appends a word as it is; whether it is part of an instruction is the caller's matter.
    pub fn emit_word(&mut self, word: u32) {
        self.code.push(word);
    }

    /// The code, all labels filled in.
    ///
    /// # Errors
    /// The first thing that was wrong while emitting, else a label that was used and never bound.
    pub fn finish(mut self) -> Result<Vec<u32>, BuildError> {
        if u32::try_from(self.code.len()).is_err() {
            self.fail(BuildError::TooLong);
        }
        for (at, label) in core::mem::take(&mut self.fixups) {
            match (self.offset_of(label), self.code.get_mut(at)) {
                (Some(offset), Some(word)) => *word = offset,
                _ => self.fail(BuildError::Unbound { label: label.0 }),
            }
        }
        self.error.map_or(Ok(self.code), Err)
    }

    /// Moves the code that has been emitted since the last time to the end of `code`, with code
    /// offsets that count from its own start; the numbers of the words that hold one go to
    /// `targets`. The builder is empty then, keeps its memory, and counts labels from 0.
    ///
    /// # Errors
    /// As [`CodeBuilder::finish`].
    pub fn drain_into(&mut self, code: &mut Vec<u32>, targets: &mut Vec<u32>) -> Result<(), BuildError> {
        for &(at, label) in &self.fixups {
            let offset = self.labels.get(label.0 as usize).copied().flatten();
            match (offset, self.code.get_mut(at), u32::try_from(at)) {
                (Some(offset), Some(word), Ok(at)) => {
                    *word = offset;
                    targets.push(at);
                }
                _ => {
                    self.error.get_or_insert(BuildError::Unbound { label: label.0 });
                }
            }
        }
        code.append(&mut self.code);
        self.labels.clear();
        self.fixups.clear();
        self.error.take().map_or(Ok(()), Err)
    }

    fn slot(&mut self, label: Label) -> Option<&mut Option<u32>> {
        self.labels.get_mut(usize::try_from(label.0).ok()?)
    }

    fn fail(&mut self, error: BuildError) {
        self.error.get_or_insert(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruction::is_choice;
    use flux_abi::opcode::{OPCODES, OperandSize};

    #[test]
    fn a_code_offset_is_the_last_word_of_every_instruction_that_has_one() {
        for row in OPCODES {
            let targets = row.operands.iter().filter(|o| matches!(o, Operand::Target | Operand::Handler));
            if targets.count() > 0 {
                let last = row.operands.last().unwrap();
                assert!(matches!(last, Operand::Target | Operand::Handler), "{}", row.name);
                assert_eq!(last.size(), OperandSize::Word);
            }
        }
    }

    #[test]
    fn every_instruction_is_what_it_is_when_it_is_encoded_alone() {
        for row in OPCODES {
            for seed in 0..8i64 {
                let (mut arguments, mut values) = (Vec::new(), Vec::new());
                for (position, &operand) in (0i64..).zip(row.operands) {
                    let number = match operand {
                        Operand::Vd | Operand::Va | Operand::Vb | Operand::First | Operand::Last => 16,
                        Operand::Region => 1 + seed,
                        Operand::Shift => seed % 4,
                        Operand::Select(kind) => (0..256).find(|n| is_choice(kind, *n)).unwrap(),
                        Operand::I32 => (seed - 4) * 500_000_000,
                        _ if operand.size() == OperandSize::Byte => 20 + (seed * 5 + position) % 30,
                        _ => seed * 1_000,
                    };
                    values.push(number);
                    arguments.push(match operand {
                        _ if operand.reads() || operand.writes() => {
                            Argument::Register(u8::try_from(number).unwrap())
                        }
                        _ => Argument::Value(number),
                    });
                }
                let mut alone = Vec::new();
                Instruction::new(row.opcode, &values).unwrap().encode_into(&mut alone);
                let mut builder = CodeBuilder::new();
                builder.emit(row.opcode, &arguments);
                assert_eq!(builder.finish().unwrap(), alone, "{} {values:?}", row.name);
            }
        }
    }

    #[test]
    fn backward_and_forward_labels_become_offsets() {
        let mut builder = CodeBuilder::new();
        let (top, end) = (builder.label(), builder.label());
        builder.bind(top);
        builder.emit(Opcode::Brnz, &[Argument::Register(16), Argument::Label(end)]);
        builder.emit(Opcode::Jmp, &[Argument::Label(top)]);
        builder.bind(end);
        builder.emit(Opcode::Halt, &[]);
        let code = builder.finish().unwrap();
        assert_eq!(Instruction::decode(&code, 0).unwrap().0.target(), Some(4));
        assert_eq!(Instruction::decode(&code, 2).unwrap().0.target(), Some(0));
    }

    #[test]
    fn drained_code_has_offsets_from_its_own_start() {
        let mut builder = CodeBuilder::new();
        let (mut code, mut targets) = (Vec::from([7]), Vec::new());
        for _ in 0..2 {
            let end = builder.label();
            builder.emit(Opcode::Ret, &[]);
            builder.emit(Opcode::Jmp, &[Argument::Label(end)]);
            builder.bind(end);
            assert_eq!(end.number(), 0);
            builder.drain_into(&mut code, &mut targets).unwrap();
            assert_eq!(builder.offset(), 0);
        }
        assert_eq!(targets, [2, 2]);
        assert_eq!((code.len(), code.get(3), code.get(6)), (7, Some(&3), Some(&3)));
        let label = builder.label();
        builder.emit(Opcode::Jmp, &[Argument::Label(label)]);
        assert_eq!(builder.drain_into(&mut code, &mut targets), Err(BuildError::Unbound { label: 0 }));
        assert_eq!(builder.drain_into(&mut code, &mut targets), Ok(()));
    }

    #[test]
    fn what_is_wrong_first_is_reported_in_the_end() {
        let mut builder = CodeBuilder::new();
        let label = builder.label();
        builder.emit(Opcode::Jmp, &[Argument::Label(label)]);
        assert_eq!(builder.clone().finish(), Err(BuildError::Unbound { label: 0 }));
        builder.emit(Opcode::Mov, &[Argument::Register(4), Argument::Register(16)]);
        builder.bind(label);
        builder.bind(label);
        let error = OperandError::ReadOnly(4);
        assert_eq!(
            builder.finish(),
            Err(BuildError::Operand { at: 2, opcode: Opcode::Mov, position: 1, error })
        );
        let mut builder = CodeBuilder::new();
        let label = builder.label();
        builder.bind(label);
        builder.emit(Opcode::Movi, &[Argument::Register(16), Argument::Label(label)]);
        assert!(matches!(builder.finish(), Err(BuildError::LabelOperand { at: 0, position: 2, .. })));
    }

    #[test]
    fn too_many_operands_are_an_error_and_no_panic() {
        let mut builder = CodeBuilder::new();
        builder.emit(Opcode::Ret, &[Argument::Value(0); 9]);
        assert!(matches!(builder.finish(), Err(BuildError::Operand { .. })));
    }
}
