//! One instruction and its words.
//!
//! An [`Instruction`] is an opcode with operand values that fit the opcode's row of
//! [`OPCODES`](flux_abi::opcode::OPCODES); the layout rule stated there is the only encoder.
//!
//! # Invariants
//! 1. Every `Instruction` value encodes; decoding its words gives it back.
//! 2. Words that decode are the encoding of the result: no unused bit may be set.
//!
//! ```
//! use flux_abi::opcode::Opcode;
//! use flux_isa::Instruction;
//!
//! let add = Instruction::new(Opcode::Iadd, &[20, 16, 17])?;
//! let mut code = Vec::new();
//! add.encode_into(&mut code);
//! assert_eq!(code, [0x1110_1410]);
//! assert_eq!(Instruction::decode(&code, 0), Ok((add, 1)));
//! # Ok::<(), flux_isa::OperandError>(())
//! ```

use alloc::vec::Vec;

use flux_abi::opcode::{Opcode, Operand, OperandSize};
use flux_abi::register::{self, RegisterRole};
use flux_abi::select::SelectorKind;

use crate::flow::registers;

/// Most operands that one instruction has.
pub const MAX_OPERANDS: usize = 6;
/// Most words that one instruction takes.
pub const MAX_WORDS: usize = 4;
/// Registers in a vector group.
pub const GROUP: u8 = 4;

/// An opcode with operands that fit it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Instruction {
    opcode: Opcode,
    operands: [i64; MAX_OPERANDS],
}

/// Why an operand value does not fit its place.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OperandError {
    /// The number of values is not the number of operands.
    #[error("{given} operands given, {wanted} wanted")]
    Count {
        /// Values given.
        given: usize,
        /// Operands of the opcode.
        wanted: usize,
    },
    /// The value does not fit the operand's bits.
    #[error("{value} is outside {least}..={greatest}")]
    Range {
        /// The value.
        value: i64,
        /// Least value that fits.
        least: i64,
        /// Greatest value that fits.
        greatest: i64,
    },
    /// No register has this number.
    #[error("register {0} does not exist; there are R0 to R63")]
    Register(i64),
    /// The register is a read-only view.
    #[error("register R{0} is read-only and cannot be a destination")]
    ReadOnly(i64),
    /// The number names no group of four general registers.
    #[error("R{0} starts no vector group; groups start at R8, R12, … R52")]
    Group(i64),
    /// A register range reaches outside R7..=R55 or ends before it starts.
    #[error("R{first} to R{last} is no range inside R7 to R55")]
    RegisterRange {
        /// First register.
        first: i64,
        /// Last register.
        last: i64,
    },
    /// The number is no region that instructions may name.
    #[error("region {0} cannot be named; LOAD_RM and STORE_RM take 1 to 15")]
    Region(i64),
    /// The shift is above 3.
    #[error("shift {0} is above 3")]
    Shift(i64),
    /// The list has no choice of this number.
    #[error("{} has no choice {number}", kind.name())]
    Selector {
        /// The list.
        kind: SelectorKind,
        /// The number.
        number: i64,
    },
}

/// Why words are not an instruction.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// The code ends inside the instruction.
    #[error("the code ends inside the instruction at offset {at}, which needs {needed} words")]
    Truncated {
        /// Offset of the instruction in words.
        at: usize,
        /// Words it needs.
        needed: usize,
    },
    /// No opcode has this number.
    #[error("unknown opcode {byte:#04x} at offset {at}")]
    UnknownOpcode {
        /// Offset of the instruction in words.
        at: usize,
        /// The opcode byte.
        byte: u8,
    },
    /// Bits that no operand fills are set.
    #[error("unused bits are set in {} at offset {at}", opcode.info().name)]
    UnusedBits {
        /// Offset of the instruction in words.
        at: usize,
        /// The opcode.
        opcode: Opcode,
    },
    /// An operand does not fit.
    #[error("operand {position} of {} at offset {at}: {error}", opcode.info().name)]
    Operand {
        /// Offset of the instruction in words.
        at: usize,
        /// The opcode.
        opcode: Opcode,
        /// Position of the operand, from 1.
        position: usize,
        /// What is wrong with it.
        error: OperandError,
    },
}

/// Where the operands of an instruction lie among its bytes, by the layout rule.
struct Places {
    next_byte: usize,
    next_word: usize,
}

impl Places {
    fn of(operands: &[Operand]) -> Self {
        let bytes = operands.iter().filter(|operand| operand.size() == OperandSize::Byte).count();
        Self { next_byte: 1, next_word: if bytes > 3 { 8 } else { 4 } }
    }

    /// First byte and length of the next operand.
    fn place(&mut self, size: OperandSize) -> (usize, usize) {
        let word = |this: &mut Self, length: usize| {
            let start = this.next_word;
            this.next_word = start.saturating_add(length);
            (start, length)
        };
        match size {
            OperandSize::Byte => {
                let start = self.next_byte;
                self.next_byte = start.saturating_add(1);
                (start, 1)
            }
            OperandSize::Half => (2, 2),
            OperandSize::Word => word(self, 4),
            OperandSize::Double => word(self, 8),
        }
    }
}

/// Least and greatest value that the operand's bits hold.
pub fn operand_range(operand: Operand) -> (i64, i64) {
    match operand {
        Operand::Slot => (i64::from(i16::MIN), i64::from(i16::MAX)),
        Operand::I32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => match operand.size() {
            OperandSize::Byte => (0, i64::from(u8::MAX)),
            OperandSize::Half => (0, i64::from(u16::MAX)),
            OperandSize::Word => (0, i64::from(u32::MAX)),
            OperandSize::Double => (i64::MIN, i64::MAX),
        },
    }
}

/// The operand as forms of instructions write it.
pub const fn operand_name(operand: Operand) -> &'static str {
    match operand {
        Operand::Rd => "rd",
        Operand::Ra => "ra",
        Operand::Rb => "rb",
        Operand::Rc => "rc",
        Operand::Rm => "rm",
        Operand::Vd => "vd",
        Operand::Va => "va",
        Operand::Vb => "vb",
        Operand::First => "first",
        Operand::Last => "last",
        Operand::Region => "region",
        Operand::Shift => "shift",
        Operand::Select(kind) => kind.name(),
        Operand::U16 => "u16",
        Operand::Slot => "slot",
        Operand::Link => "link",
        Operand::Param => "param",
        Operand::Timer => "timer",
        Operand::I32 => "i32",
        Operand::U32 => "u32",
        Operand::I64 => "i64",
        Operand::Target => "target",
        Operand::Handler => "handler",
        Operand::Function => "function",
        Operand::Signature => "signature",
    }
}

/// Registers of a role that code cannot write.
const VIEWS: u64 = {
    let mut rest = register::GROUPS;
    let mut mask = 0;
    while let Some(((first, last, role, _), after)) = rest.split_first() {
        if matches!(role, RegisterRole::View) {
            mask |= registers(*first, *last);
        }
        rest = after;
    }
    mask
};

fn check_register(value: i64, written: bool) -> Result<(), OperandError> {
    match u32::try_from(value) {
        Ok(number @ 0..64) if !(written && VIEWS.wrapping_shr(number) & 1 != 0) => Ok(()),
        Ok(0..64) => Err(OperandError::ReadOnly(value)),
        _ => Err(OperandError::Register(value)),
    }
}

pub(crate) fn is_choice(kind: SelectorKind, value: i64) -> bool {
    let Ok(byte) = u8::try_from(value) else { return false };
    // Most lists count from 0 without gaps.
    let at_index = kind.choices().get(usize::from(byte));
    at_index.is_some_and(|row| row.0 == byte) || kind.choice_name(byte).is_some()
}

/// Checks one operand value; `before` is the value of the operand before it.
fn check(operand: Operand, value: i64, before: i64) -> Result<(), OperandError> {
    let general = i64::from(register::FIRST_GENERAL)..=i64::from(register::LAST_GENERAL);
    match operand {
        Operand::Rd | Operand::Ra | Operand::Rb | Operand::Rc | Operand::Rm => {
            check_register(value, operand.writes())
        }
        Operand::Vd | Operand::Va | Operand::Vb => {
            let aligned = value.trailing_zeros() >= GROUP.trailing_zeros();
            if aligned && general.contains(&value) { Ok(()) } else { Err(OperandError::Group(value)) }
        }
        Operand::First if !general.contains(&value) => {
            Err(OperandError::RegisterRange { first: value, last: value })
        }
        Operand::Last if !general.contains(&value) || value < before => {
            Err(OperandError::RegisterRange { first: before, last: value })
        }
        Operand::Region if !(1..=15).contains(&value) => Err(OperandError::Region(value)),
        Operand::Shift if !(0..=3).contains(&value) => Err(OperandError::Shift(value)),
        Operand::Select(kind) if !is_choice(kind, value) => {
            Err(OperandError::Selector { kind, number: value })
        }
        _ => {
            let (least, greatest) = operand_range(operand);
            if (least..=greatest).contains(&value) {
                Ok(())
            } else {
                Err(OperandError::Range { value, least, greatest })
            }
        }
    }
}

/// The low half of a word.
fn low(bits: u64) -> u32 {
    let [b0, b1, b2, b3, ..] = bits.to_le_bytes();
    u32::from_le_bytes([b0, b1, b2, b3])
}

impl Instruction {
    /// The instruction of `opcode` with these operand values in the order of its row.
    ///
    /// # Errors
    /// The first operand that does not fit, or a wrong number of values.
    pub fn new(opcode: Opcode, values: &[i64]) -> Result<Self, OperandError> {
        Self::checked(opcode, values).map_err(|(_, error)| error)
    }

    /// As [`Instruction::new`]; an error also says the position of the operand, from 0.
    ///
    /// # Errors
    /// The first operand that does not fit, or a wrong number of values.
    pub fn checked(opcode: Opcode, values: &[i64]) -> Result<Self, (usize, OperandError)> {
        let rows = opcode.info().operands;
        if values.len() != rows.len() {
            let error = OperandError::Count { given: values.len(), wanted: rows.len() };
            return Err((values.len().min(rows.len()), error));
        }
        let mut operands = [0; MAX_OPERANDS];
        let mut before = 0;
        for (position, ((&row, &value), out)) in rows.iter().zip(values).zip(&mut operands).enumerate() {
            check(row, value, before).map_err(|error| (position, error))?;
            *out = value;
            before = value;
        }
        Ok(Self { opcode, operands })
    }

    /// Appends the words of `opcode` with these operand values: [`Instruction::checked`] and
    /// [`Instruction::encode_into`] in one, for code that is made instruction by instruction.
    ///
    /// # Errors
    /// As [`Instruction::checked`]; then nothing is appended.
    pub fn append(opcode: Opcode, values: &[i64], code: &mut Vec<u32>) -> Result<(), (usize, OperandError)> {
        let rows = opcode.info().operands;
        if values.len() != rows.len() {
            let error = OperandError::Count { given: values.len(), wanted: rows.len() };
            return Err((values.len().min(rows.len()), error));
        }
        // The words that begin with the opcode's byte, and the full words behind them.
        let (mut bytes, mut next_bit) = (u64::from(opcode as u8), 8u32);
        let mut words = [0u32; MAX_WORDS];
        let mut free = words.iter_mut();
        let mut before = 0;
        for (position, (&row, &value)) in rows.iter().zip(values).enumerate() {
            let bits = value.cast_unsigned();
            check(row, value, before).map_err(|error| (position, error))?;
            before = value;
            match row.size() {
                OperandSize::Byte => {
                    bytes |= bits.wrapping_shl(next_bit);
                    next_bit = next_bit.saturating_add(8);
                }
                OperandSize::Half => bytes |= (bits & 0xffff).wrapping_shl(16),
                size => {
                    let count = if size == OperandSize::Double { 2 } else { 1 };
                    for (slot, word) in free.by_ref().take(count).zip([low(bits), low(bits.wrapping_shr(32))])
                    {
                        *slot = word;
                    }
                }
            }
        }
        let full = MAX_WORDS.saturating_sub(free.len());
        code.push(low(bytes));
        if next_bit > 32 {
            code.push(low(bytes.wrapping_shr(32)));
        }
        words.iter().take(full).for_each(|&word| code.push(word));
        Ok(())
    }

    /// Its opcode.
    pub fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// Value of the operand at `position` (from 0): register, selector or other number, or
    /// sign-extended immediate; 0 if there is no such operand.
    pub fn operand(&self, position: usize) -> i64 {
        self.operands.get(position).copied().unwrap_or(0)
    }

    /// The byte-sized operand (register, selector, region, shift) at `position`; 0 if there is none.
    pub fn byte(&self, position: usize) -> u8 {
        u8::try_from(self.operand(position)).unwrap_or(0)
    }

    /// The unsigned operand (index, code offset, count) at `position`; 0 if there is none.
    pub fn number(&self, position: usize) -> u32 {
        u32::try_from(self.operand(position)).unwrap_or(0)
    }

    /// Kind and value of each operand in order.
    pub fn operands(&self) -> impl Iterator<Item = (Operand, i64)> + '_ {
        self.opcode.info().operands.iter().copied().zip(self.operands)
    }

    /// Value of the first operand of this kind, if there is one.
    pub fn find(&self, kind: Operand) -> Option<i64> {
        self.operands().find(|(operand, _)| *operand == kind).map(|(_, value)| value)
    }

    /// The code offset it may go to: a branch target, or a handler that is not 0.
    pub fn target(&self) -> Option<u32> {
        self.operands().find_map(|(operand, value)| match (operand, u32::try_from(value)) {
            (Operand::Target, Ok(target)) => Some(target),
            (Operand::Handler, Ok(target)) if target != 0 => Some(target),
            _ => None,
        })
    }

    /// Its length in words, 1..=[`MAX_WORDS`].
    pub fn words(&self) -> usize {
        self.opcode.info().words()
    }

    /// Appends its words.
    pub fn encode_into(&self, code: &mut Vec<u32>) {
        let info = self.opcode.info();
        // All words as one number, the first one lowest.
        let mut all = u128::from(self.opcode as u8);
        let mut places = Places::of(info.operands);
        for (operand, value) in self.operands() {
            let (start, length) = places.place(operand.size());
            let mask = u64::MAX.wrapping_shr(
                u32::try_from(length).map_or(0, |n| 64_u32.saturating_sub(n.saturating_mul(8))),
            );
            let value = u128::from(value.cast_unsigned() & mask);
            all |= value.wrapping_shl(u32::try_from(start).map_or(0, |n| n.saturating_mul(8)));
        }
        for _ in 0..info.words() {
            let [b0, b1, b2, b3, ..] = all.to_le_bytes();
            code.push(u32::from_le_bytes([b0, b1, b2, b3]));
            all = all.wrapping_shr(32);
        }
    }

    /// The instruction at word `at` of `code` and its length in words.
    ///
    /// # Errors
    /// See [`DecodeError`]; the offset in it is `at`.
    pub fn decode(code: &[u32], at: usize) -> Result<(Self, usize), DecodeError> {
        let rest = code.get(at..).unwrap_or(&[]);
        let Some([byte, ..]) = rest.first().map(|word| word.to_le_bytes()) else {
            return Err(DecodeError::Truncated { at, needed: 1 });
        };
        let opcode = Opcode::from_byte(byte).ok_or(DecodeError::UnknownOpcode { at, byte })?;
        let info = opcode.info();
        let needed = info.words();
        let words = rest.get(..needed).ok_or(DecodeError::Truncated { at, needed })?;
        let mut bytes = [0u8; 4 * MAX_WORDS];
        for (to, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *to = word.to_le_bytes();
        }
        if let Some(first) = bytes.first_mut() {
            *first = 0;
        }
        let mut operands = [0; MAX_OPERANDS];
        let mut places = Places::of(info.operands);
        let mut before = 0;
        for (position, (&operand, out)) in info.operands.iter().zip(&mut operands).enumerate() {
            let (start, length) = places.place(operand.size());
            let mut raw = [0u8; 8];
            for (to, from) in raw.iter_mut().zip(bytes.iter_mut().skip(start).take(length)) {
                // Each byte read is cleared: what is left in the end belongs to no operand.
                *to = core::mem::take(from);
            }
            let [r0, r1, r2, r3, ..] = raw;
            let value = match operand {
                Operand::Slot => i64::from(i16::from_le_bytes([r0, r1])),
                Operand::I32 => i64::from(i32::from_le_bytes([r0, r1, r2, r3])),
                _ => i64::from_le_bytes(raw),
            };
            check(operand, value, before).map_err(|error| DecodeError::Operand {
                at,
                opcode,
                position: position.saturating_add(1),
                error,
            })?;
            *out = value;
            before = value;
        }
        if bytes != [0; 4 * MAX_WORDS] {
            return Err(DecodeError::UnusedBits { at, opcode });
        }
        Ok((Self { opcode, operands }, needed))
    }
}
