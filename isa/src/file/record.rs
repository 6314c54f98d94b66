//! The form of each table row in bytes: written and read by one list of fields.

use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::capability::CapabilitySet;
use flux_abi::limits::STRING_BYTES;
use flux_abi::supervise::{Restart, Strategy};

use super::{ModuleError, ModuleProblem, ParameterNames};
use crate::module::{
    Child, Entry, Export, ExportKind, Function, Line, Link, LinkKind, Local, LocalPlace, LocalRange, Meta,
    Migration, MigrationWay, NativeSection, Parameter, Signature, StateField, StateLayout, Supervise,
    Supervised, Timer,
};

pub(super) fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// What is left to read of a file or section.
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
    pub(super) offset: usize,
    pub(super) section: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) fn error(&self, problem: ModuleProblem) -> ModuleError {
        ModuleError { section: self.section, offset: self.offset, problem }
    }

    pub(super) fn bytes(&mut self, count: u32) -> Result<&'a [u8], ModuleError> {
        let left = self.rest.len();
        let split = usize::try_from(count).ok().and_then(|count| self.rest.split_at_checked(count));
        let Some((taken, rest)) = split else {
            return Err(self.error(ModuleProblem::Truncated { needed: u64::from(count), left }));
        };
        self.rest = rest;
        self.offset = self.offset.saturating_add(taken.len());
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ModuleError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            let (needed, left) = (wide(N), self.rest.len());
            return Err(self.error(ModuleProblem::Truncated { needed, left }));
        };
        self.rest = rest;
        self.offset = self.offset.saturating_add(N);
        Ok(*taken)
    }

    pub(super) fn finish(self) -> Result<(), ModuleError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.error(ModuleProblem::Trailing(self.rest.len()))) }
    }
}

/// A value with one form in bytes.
pub(super) trait Record: Sized {
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
    ParameterNames { parameter: u16, names: Vec<String> }
    Link { kind: LinkKind, name: String, channel: String, rights: u8 }
    Signature { arguments: u8, results: u8 }
    Function { name: String, offset: u32, length: u32, signature: u16 }
    Export {
        kind: ExportKind, name: String, function: u32, arguments: String, result: String, interval_ns: i64
    }
    Timer { section: String, interval_ns: i64, ordinal: u16 }
    Entry { offset: u32, stack: u16, handlers: u8, written: u64 }
    Migration { way: MigrationWay, version: String, function: u32, fields: Vec<StateField> }
    Line { offset: u32, line: u32 }
    Child { document: String, agent: String, module: Vec<u8> }
    Supervise {
        strategy: Strategy, restarts: u32, window_ns: i64, wait_ns: i64, longest_ns: i64,
        children: Vec<Supervised>
    }
    Supervised { document: String, agent: String, restart: Restart }
    Local { function: u32, name: String, desc: String, offset: u32, ranges: Vec<LocalRange> }
    LocalRange { start: u32, end: u32, place: LocalPlace, number: i64 }
    NativeSection { architecture: String, identity: [u8; 32], code: Vec<u8> }
}

impl Record for Parameter {
    const LEAST: usize = <String as Record>::LEAST.saturating_mul(3).saturating_add(Option::<Vec<u8>>::LEAST);

    fn write(&self, out: &mut Vec<u8>) {
        self.name.write(out);
        self.desc.write(out);
        self.default.write(out);
        self.help.write(out);
    }

    /// Names of its type follow in a section of their own, which most modules have no use for.
    fn read(reader: &mut Reader<'_>) -> Result<Self, ModuleError> {
        Ok(Self {
            name: Record::read(reader)?,
            desc: Record::read(reader)?,
            names: Vec::new(),
            default: Record::read(reader)?,
            help: Record::read(reader)?,
        })
    }
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

choices! {
    LinkKind "kind of link"
    ExportKind "kind of export"
    MigrationWay "way of a migration"
    Strategy "strategy"
    Restart "kind of restart"
    LocalPlace "place of a local"
}

impl Record for [u8; 32] {
    const LEAST: usize = 32;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ModuleError> {
        reader.array()
    }
}

pub(super) fn write_length(length: usize, out: &mut Vec<u8>) {
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
