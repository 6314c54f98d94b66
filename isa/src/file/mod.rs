//! The bytes of a module: the `.fluxbc` file.
//!
//! All numbers are little-endian. The file is a header, sections and a digest:
//!
//! | Bytes | Header |
//! | --- | --- |
//! | 4 | magic `FLXM` |
//! | 2 | format version, [`VERSION`] |
//! | 2 | endianness mark, [`ENDIAN_MARK`] |
//!
//! Each section is its number (2 bytes), the length of its content (4 bytes) and the content, in
//! ascending order of the numbers, each at most once. The sections of [`SECTIONS`] must all be there
//! but `native` and those after it, which are there if and only if the module has them. Sections from
//! [`FIRST_FOREIGN`] up are skipped, other unknown ones refused.
//!
//! In a section a list is a count (4 bytes) and its rows; a text or byte string is a length (4 bytes)
//! and its bytes; an optional value is a byte 0 or 1 and the value; the fields of a row follow each
//! other in the order in which [`crate::module`] declares them.
//!
//! The last [`DIGEST_BYTES`] bytes are the SHA-256 of all bytes before them. It shows damage on the way,
//! not who made the file: that is what `signature` is for. It is no part of the identity.
//!
//! # Invariants
//! 1. One module has one encoding, and only that one decodes.
//! 2. No section of a file with a wrong digest is read.
//! 3. A count is checked against the bytes that are left before anything is allocated for it.

mod record;

use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::limits::{MODULE_BYTES, STRING_BYTES};
use sha2::{Digest, Sha256};

use crate::module::Module;
use record::{Reader, Record, wide, write_length};

/// First bytes of a module file.
pub const MAGIC: [u8; 4] = *b"FLXM";
/// Version of the format.
pub const VERSION: u16 = 1;
/// Reads as this number when the bytes are in the right order.
pub const ENDIAN_MARK: u16 = 0x1FE0;
/// First number of sections that readers skip.
pub const FIRST_FOREIGN: u16 = 0x8000;
/// Names of the sections; the number of a section is its position here, from 1.
pub const SECTIONS: [&str; 21] = [
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
    "documents",
    "migrations",
    "children",
    "supervise",
    "locals",
    "names",
];
/// The first optional section. The identity leaves out `native` and `signature`, no other.
const FIRST_OPTIONAL: u16 = 14;
/// The section of names of documents.
const DOCUMENTS: u16 = 16;
/// The section of migrations.
const MIGRATIONS: u16 = 17;
/// The section of modules that the agent starts.
const CHILDREN: u16 = 18;
/// The section of what a supervisor does.
const SUPERVISE: u16 = 19;
/// The section of named locals.
const LOCALS: u16 = 20;
/// The section of names in the types of parameters.
const NAMES: u16 = 21;
const HEADER_BYTES: usize = 8;
/// Bytes of the digest at the end of a file.
pub const DIGEST_BYTES: usize = 32;

/// Why bytes are no module.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("module file, {section}, byte {offset}: {problem}")]
pub struct ModuleError {
    /// Section, `header` or `digest`.
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
    /// The file is not as it was written.
    #[error(
        "the bytes do not match their SHA-256: the file was damaged, cut or changed; build or copy it again"
    )]
    Digest,
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
        DOCUMENTS => module.documents.write(out),
        MIGRATIONS => module.migrations.write(out),
        CHILDREN => module.children.write(out),
        SUPERVISE => module.supervise.iter().for_each(|table| table.write(out)),
        LOCALS => module.locals.write(out),
        NAMES => ParameterNames::of(module).write(out),
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
        DOCUMENTS => {
            module.documents = Record::read(reader)?;
            if module.documents.is_empty() {
                return Err(reader.error(ModuleProblem::SectionEmpty));
            }
        }
        MIGRATIONS => {
            module.migrations = Record::read(reader)?;
            if module.migrations.is_empty() {
                return Err(reader.error(ModuleProblem::SectionEmpty));
            }
        }
        CHILDREN => {
            module.children = Record::read(reader)?;
            if module.children.is_empty() {
                return Err(reader.error(ModuleProblem::SectionEmpty));
            }
        }
        SUPERVISE => module.supervise = Some(Record::read(reader)?),
        LOCALS => {
            module.locals = Record::read(reader)?;
            if module.locals.is_empty() {
                return Err(reader.error(ModuleProblem::SectionEmpty));
            }
        }
        NAMES => {
            let rows: Vec<ParameterNames> = Record::read(reader)?;
            if rows.is_empty() {
                return Err(reader.error(ModuleProblem::SectionEmpty));
            }
            let mut least = 0;
            for ParameterNames { parameter, names } in rows {
                let row = usize::from(parameter);
                let place = module.parameters.get_mut(row).filter(|_| row >= least && !names.is_empty());
                let choice = ModuleProblem::Choice(u64::from(parameter), "parameter with names");
                place.ok_or_else(|| reader.error(choice))?.names = names;
                least = row.saturating_add(1);
            }
        }
        _ => module.signature = Some(core::mem::take(&mut reader.rest).to_vec()),
    }
    Ok(())
}

/// The names in the type of a parameter, which stand in a section of their own.
struct ParameterNames {
    parameter: u16,
    names: Vec<String>,
}

impl ParameterNames {
    fn of(module: &Module) -> Vec<Self> {
        let rows = (0u16..).zip(&module.parameters).filter(|(_, row)| !row.names.is_empty());
        rows.map(|(parameter, row)| Self { parameter, names: row.names.clone() }).collect()
    }
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
        self.append_meaningful(&mut out);
        seal(out)
    }

    /// Appends the optional sections that are part of the identity.
    fn append_meaningful(&self, out: &mut Vec<u8>) {
        if !self.documents.is_empty() {
            self.append_section(DOCUMENTS, out);
        }
        if !self.migrations.is_empty() {
            self.append_section(MIGRATIONS, out);
        }
        if !self.children.is_empty() {
            self.append_section(CHILDREN, out);
        }
        if self.supervise.is_some() {
            self.append_section(SUPERVISE, out);
        }
        if !self.locals.is_empty() {
            self.append_section(LOCALS, out);
        }
        if self.parameters.iter().any(|parameter| !parameter.names.is_empty()) {
            self.append_section(NAMES, out);
        }
    }

    /// SHA-256 over the header and all sections but `native` and `signature`.
    ///
    /// Sections that a reader skipped are not part of it: they have no meaning here.
    pub fn identity(&self) -> [u8; 32] {
        let mut bytes = self.encode_before(FIRST_OPTIONAL);
        self.append_meaningful(&mut bytes);
        Sha256::digest(bytes).into()
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
        let mut file = open(bytes)?;
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

/// Appends the digest to a header and sections: the file of a module whose sections a tool changed.
pub fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let digest: [u8; DIGEST_BYTES] = Sha256::digest(&bytes).into();
    bytes.extend(digest);
    bytes
}

/// Reads the header and checks the digest; what is left are the sections.
fn open(bytes: &[u8]) -> Result<Reader<'_>, ModuleError> {
    let mut file = Reader { rest: bytes, offset: 0, section: "header" };
    if bytes.len() > MODULE_BYTES {
        return Err(file.error(ModuleProblem::FileSize(bytes.len())));
    }
    if !bytes.starts_with(&MAGIC) && !MAGIC.starts_with(bytes) {
        return Err(file.error(ModuleProblem::Magic));
    }
    let split = bytes.split_last_chunk::<DIGEST_BYTES>().filter(|(sealed, _)| sealed.len() >= HEADER_BYTES);
    let Some((sealed, digest)) = split else {
        let needed = wide(HEADER_BYTES + DIGEST_BYTES);
        return Err(file.error(ModuleProblem::Truncated { needed, left: bytes.len() }));
    };
    file.rest = sealed;
    file.array::<4>()?;
    let version = u16::read(&mut file)?;
    let mark = u16::read(&mut file)?;
    if mark != ENDIAN_MARK {
        return Err(file.error(ModuleProblem::Endianness(mark)));
    }
    if version != VERSION {
        return Err(file.error(ModuleProblem::Version(version)));
    }
    if Sha256::digest(sealed).as_slice() != digest {
        return Err(ModuleError { section: "digest", offset: sealed.len(), problem: ModuleProblem::Digest });
    }
    Ok(file)
}

/// The first section between two that follow each other that must not be left out.
fn missing(before: u16, number: u16) -> Option<ModuleProblem> {
    let next = before.saturating_add(1);
    let needed = next < FIRST_OPTIONAL && next < number;
    section_name(next).filter(|_| needed).map(ModuleProblem::SectionMissing)
}
