//! The bytes of a module: the `.fluxbc` file.
//!
//! All numbers are little-endian. The file is a header and sections:
//!
//! | Bytes | Header |
//! | --- | --- |
//! | 4 | magic `FLXM` |
//! | 2 | format version, [`VERSION`] |
//! | 2 | endianness mark, [`ENDIAN_MARK`] |
//!
//! Each section is its number (2 bytes), the length of its content (4 bytes) and the content, in
//! ascending order of the numbers, each at most once. The sections of [`SECTIONS`] must all be there
//! but `native` and `signature`, which are there if and only if the module has them. Sections from
//! [`FIRST_FOREIGN`] up are skipped, other unknown ones refused.
//!
//! In a section a list is a count (4 bytes) and its rows; a text or byte string is a length (4 bytes)
//! and its bytes; an optional value is a byte 0 or 1 and the value; the fields of a row follow each
//! other in the order in which [`crate::module`] declares them.
//!
//! # Invariants
//! 1. One module has one encoding, and only that one decodes.
//! 2. A count is checked against the bytes that are left before anything is allocated for it.

use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::capability::CapabilitySet;
use flux_abi::limits::{MODULE_BYTES, STRING_BYTES};
use sha2::{Digest, Sha256};

use crate::module::{
    Entry, Export, ExportKind, Function, Line, Link, LinkKind, Meta, Module, NativeSection, Parameter,
    Signature, StateField, StateLayout, Timer,
};

/// First bytes of a module file.
pub const MAGIC: [u8; 4] = *b"FLXM";
/// Version of the format.
pub const VERSION: u16 = 1;
/// Reads as this number when the bytes are in the right order.
pub const ENDIAN_MARK: u16 = 0x1FE0;
/// First number of sections that readers skip.
pub const FIRST_FOREIGN: u16 = 0x8000;
/// Names of the sections; the number of a section is its position here, from 1.
pub const SECTIONS: [&str; 15] = [
    "meta",
    "capabilities",
    "constants",
    "state",
    "parameters",
    "links",
    "signatures",
    "functions",
    "exports",
    "timers",
    "code",
    "entries",
    "lines",
    "native",
    "signature",
];
/// The first section that the identity leaves out; all from here on are optional.
const FIRST_OPTIONAL: u16 = 14;
const HEADER_BYTES: usize = 8;

/// Why bytes are no module.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("module file, {section}, byte {offset}: {problem}")]
pub struct ModuleError {
    /// Section, or `header`.
    pub section: &'static str,
    /// Offset in bytes from the start of the file.
    pub offset: usize,
    /// What is wrong.
    pub problem: ModuleProblem,
}

/// What is wrong with the bytes of a module.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ModuleProblem {
    /// The file is over the limit.
    #[error("the file has {0} bytes; at most {MODULE_BYTES} are allowed")]
    FileSize(usize),
    /// The first bytes are not the magic.
    #[error("this is no FLUX module: it does not start with FLXM")]
    Magic,
    /// The bytes are in the wrong order.
    #[error("the endianness mark is {0:#06x}; {ENDIAN_MARK:#06x} is wanted")]
    Endianness(u16),
    /// Another version of the format.
    #[error("format version {0} is not known; this reader knows version {VERSION}")]
    Version(u16),
    /// The bytes end too early.
    #[error("{needed} bytes are needed, {left} are left")]
    Truncated {
        /// Bytes that are needed.
        needed: u64,
        /// Bytes that are left.
        left: usize,
    },
    /// A section number that must not be used.
    #[error("section {0} is not known; only sections from {FIRST_FOREIGN} up are skipped")]
    UnknownSection(u16),
    /// A section out of order, or a second time.
    #[error("section {number} follows section {before}; sections are in ascending order, each once")]
    SectionOrder {
        /// The section.
        number: u16,
        /// The one before it.
        before: u16,
    },
    /// A section that must be there is not.
    #[error("section {0} is missing")]
    SectionMissing(&'static str),
    /// An optional section that says nothing.
    #[error("an empty section must be left out")]
    SectionEmpty,
    /// Bytes behind the content of a section.
    #[error("{0} bytes are left over at the end of the section")]
    Trailing(usize),
    /// A list is longer than the bytes for it.
    #[error("{count} rows of at least {least} bytes cannot be in the {left} bytes that are left")]
    Count {
        /// Rows by the count.
        count: u32,
        /// Bytes a row takes at least.
        least: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// A text is not UTF-8.
    #[error("the text is not UTF-8")]
    Utf8,
    /// A text is over the limit.
    #[error("the text has {0} bytes; at most {STRING_BYTES} are allowed")]
    Text(u32),
    /// A number names no choice.
    #[error("{0} names no {1}")]
    Choice(u64, &'static str),
    /// The code is not made of words.
    #[error("the code has {0} bytes, which is not a multiple of 4")]
    CodeBytes(usize),
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// What is left to read of a file or section.
struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
    section: &'static str,
}

impl<'a> Reader<'a> {
    fn error(&self, problem: ModuleProblem) -> ModuleError {
        ModuleError { section: self.section, offset: self.offset, problem }
    }

    fn bytes(&mut self, count: u32) -> Result<&'a [u8], ModuleError> {
        let left = self.rest.len();
        let split = usize::try_from(count).ok().and_then(|count| self.rest.split_at_checked(count));
        let Some((taken, rest)) = split else {
            return Err(self.error(ModuleProblem::Truncated { needed: u64::from(count), left }));
        };
        self.rest = rest;
        self.offset = self.offset.saturating_add(taken.len());
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ModuleError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            let (needed, left) = (wide(N), self.rest.len());
            return Err(self.error(ModuleProblem::Truncated { needed, left }));
        };
        self.rest = rest;
        self.offset = self.offset.saturating_add(N);
        Ok(*taken)
    }

    fn finish(self) -> Result<(), ModuleError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.error(ModuleProblem::Trailing(self.rest.len()))) }
    }
}

/// A value with one form in bytes.
trait Record: Sized {
    /// Fewest bytes that a value takes.
    const LEAST: usize;
    fn write(&self, out: &mut Vec<u8>);
    fn read(reader: &mut Reader<'_>) -> Result<Self, ModuleError>;
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Record for $number {
            const LEAST: usize = size_of::<Self>();

            fn write(&self, out: &mut Vec<u8>) {
                out.extend(self.to_le_bytes());
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, ModuleError> {
                Ok(Self::from_le_bytes(reader.array()?))
            }
        }
    )*};
}

numbers! { u8 u16 u32 u64 i64 }

macro_rules! rows {
    ($($row:ident { $($field:ident: $kind:ty),* })*) => {$(
        impl Record for $row {
            const LEAST: usize = 0 $(+ <$kind as Record>::LEAST)*;

            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write(out);)*
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, ModuleError> {
                Ok(Self { $($field: <$kind>::read(reader)?),* })
            }
        }
    )*};
}

rows! {
    Meta {
        name: String, version: String, title: String, period_ns: i64, heartbeat_ns: i64, priority: u8,
        memory: u64, gas: u64, subscribe: Vec<String>
    }
    StateLayout { size: u32, scratch: u32, fields: Vec<StateField> }
    StateField { name: String, offset: u32, desc: String }
    Parameter { name: String, desc: String, default: Option<Vec<u8>>, help: String }
    Link { kind: LinkKind, name: String, channel: String, rights: u8 }
    Signature { arguments: u8, results: u8 }
    Function { name: String, offset: u32, length: u32, signature: u16 }
    Export {
        kind: ExportKind, name: String, function: u32, arguments: String, result: String, interval_ns: i64
    }
    Timer { section: String, interval_ns: i64, ordinal: u16 }
    Entry { offset: u32, stack: u16, handlers: u8, written: u64 }
    Line { offset: u32, line: u32 }
    NativeSection { architecture: String, identity: [u8; 32], code: Vec<u8> }
}

macro_rules! choices {
    ($($kind:ident $what:literal)*) => {$(
        impl Record for $kind {
            const LEAST: usize = 1;

            fn write(&self, out: &mut Vec<u8>) {
                out.push(*self as u8);
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, ModuleError> {
                let offset = reader.offset;
                let byte = u8::read(reader)?;
                Self::from_byte(byte).ok_or(ModuleError {
                    section: reader.section,
                    offset,
                    problem: ModuleProblem::Choice(u64::from(byte), $what),
                })
            }
        }
    )*};
}

choices! { LinkKind "kind of link" ExportKind "kind of export" }

impl Record for [u8; 32] {
    const LEAST: usize = 32;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ModuleError> {
        reader.array()
    }
}

fn write_length(length: usize, out: &mut Vec<u8>) {
    // What is longer than 32 bits can say is far over the limits and no reader takes it.
    u32::try_from(length).unwrap_or(u32::MAX).write(out);
}

impl Record for String {
    const LEAST: usize = 4;

    fn write(&self, out: &mut Vec<u8>) {
        write_length(self.len(), out);
        out.extend(self.as_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ModuleError> {
        let length = u32::read(reader)?;
        if usize::try_from(length).map_or(true, |length| length > STRING_BYTES) {
            return Err(reader.error(ModuleProblem::Text(length)));
        }
        let (section, offset) = (reader.section, reader.offset);
        let text = core::str::from_utf8(reader.bytes(length)?);
        text.map(Self::from).map_err(|error| {
            let offset = offset.saturating_add(error.valid_up_to());
            ModuleError { section, offset, problem: ModuleProblem::Utf8 }
        })
    }
}

impl<T: Record> Record for Vec<T> {
    const LEAST: usize = 4;

    fn write(&self, out: &mut Vec<u8>) {
        write_length(self.len(), out);
        self.iter().for_each(|row| row.write(out));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ModuleError> {
        let count = u32::read(reader)?;
        let (left, least) = (reader.rest.len(), T::LEAST);
        if u64::from(count).saturating_mul(wide(least)) > wide(left) {
            return Err(reader.error(ModuleProblem::Count { count, least, left }));
        }
        let mut rows = Self::with_capacity(usize::try_from(count).unwrap_or(0));
        for _ in 0..count {
            rows.push(T::read(reader)?);
        }
        Ok(rows)
    }
}

impl<T: Record> Record for Option<T> {
    const LEAST: usize = 1;

    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_some()));
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ModuleError> {
        match u8::read(reader)? {
            0 => Ok(None),
            1 => T::read(reader).map(Some),
            other => Err(reader.error(ModuleProblem::Choice(u64::from(other), "presence, which is 0 or 1"))),
        }
    }
}

impl Record for CapabilitySet {
    const LEAST: usize = 2;

    fn write(&self, out: &mut Vec<u8>) {
        self.bits().write(out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ModuleError> {
        let bits = u16::read(reader)?;
        let problem = ModuleProblem::Choice(u64::from(bits), "set of capability kinds");
        Self::from_bits(bits).ok_or_else(|| reader.error(problem))
    }
}

/// Appends the content of section `number` of `module`.
fn write_section(module: &Module, number: u16, out: &mut Vec<u8>) {
    match number {
        1 => module.meta.write(out),
        2 => module.capabilities.write(out),
        3 => out.extend(&module.constants),
        4 => module.state.write(out),
        5 => module.parameters.write(out),
        6 => module.links.write(out),
        7 => module.signatures.write(out),
        8 => module.functions.write(out),
        9 => module.exports.write(out),
        10 => module.timers.write(out),
        11 => out.extend(module.code.iter().flat_map(|word| word.to_le_bytes())),
        12 => module.entries.write(out),
        13 => module.lines.write(out),
        14 => module.native.write(out),
        _ => out.extend(module.signature.iter().flatten()),
    }
}

/// Reads the content of section `number` into `module`.
fn read_section(module: &mut Module, number: u16, reader: &mut Reader<'_>) -> Result<(), ModuleError> {
    match number {
        1 => module.meta = Record::read(reader)?,
        2 => module.capabilities = Record::read(reader)?,
        3 => module.constants = core::mem::take(&mut reader.rest).to_vec(),
        4 => module.state = Record::read(reader)?,
        5 => module.parameters = Record::read(reader)?,
        6 => module.links = Record::read(reader)?,
        7 => module.signatures = Record::read(reader)?,
        8 => module.functions = Record::read(reader)?,
        9 => module.exports = Record::read(reader)?,
        10 => module.timers = Record::read(reader)?,
        11 => {
            let (words, loose) = reader.rest.as_chunks::<4>();
            if !loose.is_empty() {
                return Err(reader.error(ModuleProblem::CodeBytes(reader.rest.len())));
            }
            module.code = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
            reader.rest = &[];
        }
        12 => module.entries = Record::read(reader)?,
        13 => module.lines = Record::read(reader)?,
        14 => {
            module.native = Record::read(reader)?;
            if module.native.is_empty() {
                return Err(reader.error(ModuleProblem::SectionEmpty));
            }
        }
        _ => module.signature = Some(core::mem::take(&mut reader.rest).to_vec()),
    }
    Ok(())
}

fn section_name(number: u16) -> Option<&'static str> {
    SECTIONS.get(usize::from(number.checked_sub(1)?)).copied()
}

impl Module {
    /// The module as the bytes of a `.fluxbc` file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.encode_before(FIRST_OPTIONAL);
        if !self.native.is_empty() {
            self.append_section(14, &mut out);
        }
        if self.signature.is_some() {
            self.append_section(15, &mut out);
        }
        out
    }

    /// SHA-256 over the header and all sections but `native` and `signature`.
    ///
    /// Sections that a reader skipped are not part of it: they have no meaning here.
    pub fn identity(&self) -> [u8; 32] {
        Sha256::digest(self.encode_before(FIRST_OPTIONAL)).into()
    }

    fn encode_before(&self, end: u16) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.code.len().saturating_mul(8));
        out.extend(MAGIC);
        VERSION.write(&mut out);
        ENDIAN_MARK.write(&mut out);
        (1..end).for_each(|number| self.append_section(number, &mut out));
        out
    }

    fn append_section(&self, number: u16, out: &mut Vec<u8>) {
        number.write(out);
        let length_at = out.len();
        0u32.write(out);
        let start = out.len();
        write_section(self, number, out);
        let mut length = Vec::new();
        write_length(out.len().saturating_sub(start), &mut length);
        for (to, from) in out.iter_mut().skip(length_at).zip(length) {
            *to = from;
        }
    }

    /// The module in the bytes of a `.fluxbc` file.
    ///
    /// Nothing is verified but the form; see `flux_verify::verify` for the rest.
    ///
    /// # Errors
    /// The first byte that does not fit, with its section and what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, ModuleError> {
        let mut file = Reader { rest: bytes, offset: 0, section: "header" };
        if bytes.len() > MODULE_BYTES {
            return Err(file.error(ModuleProblem::FileSize(bytes.len())));
        }
        if !bytes.starts_with(&MAGIC) && !MAGIC.starts_with(bytes) {
            return Err(file.error(ModuleProblem::Magic));
        }
        if bytes.len() < HEADER_BYTES {
            let needed = wide(HEADER_BYTES);
            return Err(file.error(ModuleProblem::Truncated { needed, left: bytes.len() }));
        }
        file.array::<4>()?;
        let version = u16::read(&mut file)?;
        let mark = u16::read(&mut file)?;
        if mark != ENDIAN_MARK {
            return Err(file.error(ModuleProblem::Endianness(mark)));
        }
        if version != VERSION {
            return Err(file.error(ModuleProblem::Version(version)));
        }
        let mut module = Self::default();
        let mut before = 0;
        while !file.rest.is_empty() {
            file.section = "section header";
            let start = file.offset;
            let number = u16::read(&mut file)?;
            let length = u32::read(&mut file)?;
            let name = section_name(number);
            let problem = if number <= before {
                Some(ModuleProblem::SectionOrder { number, before })
            } else if name.is_none() && number < FIRST_FOREIGN {
                Some(ModuleProblem::UnknownSection(number))
            } else {
                missing(before, number)
            };
            if let Some(problem) = problem {
                return Err(ModuleError { section: file.section, offset: start, problem });
            }
            before = number;
            let offset = file.offset;
            file.section = name.unwrap_or("foreign section");
            let content = file.bytes(length)?;
            if let Some(section) = name {
                let mut reader = Reader { rest: content, offset, section };
                read_section(&mut module, number, &mut reader)?;
                reader.finish()?;
            }
        }
        match missing(before, u16::MAX) {
            Some(problem) => Err(file.error(problem)),
            None => Ok(module),
        }
    }
}

/// The first section between two that follow each other that must not be left out.
fn missing(before: u16, number: u16) -> Option<ModuleProblem> {
    let next = before.saturating_add(1);
    let needed = next < FIRST_OPTIONAL && next < number;
    section_name(next).filter(|_| needed).map(ModuleProblem::SectionMissing)
}
