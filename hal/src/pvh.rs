//! The start information that a PVH loader hands to a kernel.
//!
//! Format: Xen's `public/arch-x86/hvm/start_info.h`, structures
//! `hvm_start_info`, `hvm_modlist_entry` and `hvm_memmap_table_entry`, all
//! little-endian. This module only decodes; how physical memory is reached is
//! the caller's part, so that it can be tested on any machine.
//!
//! # Invariants
//! 1. Nothing is read but through the caller's [`PhysicalMemory`], and no count
//!    from the structure is trusted beyond [`MOST_REGIONS`] and [`MOST_MODULES`].

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::memory::{MemoryKind, MemoryRegion};

/// The first word of the structure.
pub const MAGIC: u32 = 0x336e_c578;
/// Most entries of a memory map that are taken.
pub const MOST_REGIONS: u32 = 256;
/// Most modules that are taken.
pub const MOST_MODULES: u32 = 64;
/// Longest command line that is taken, in bytes.
pub const MOST_COMMAND_LINE: u64 = 4096;

const INFO_BYTES: u64 = 56;
const ENTRY_BYTES: u64 = 32;
const REGION_BYTES: u64 = 24;

/// Access to physical memory.
pub trait PhysicalMemory {
    /// The bytes from `start`, or `None` where that is no readable memory.
    fn bytes(&self, start: u64, length: u64) -> Option<&[u8]>;
}

/// A file that the loader put into memory, `-initrd` of QEMU.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Module {
    /// Physical address of its first byte.
    pub start: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// What the loader handed over.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StartInfo {
    /// Files in memory, in the loader's order.
    pub modules: Vec<Module>,
    /// The memory map, in the firmware's order; empty before version 1.
    pub regions: Vec<MemoryRegion>,
    /// The command line, `-append` of QEMU; empty for none. Bytes that are no
    /// UTF-8 are replaced.
    pub command_line: String,
    /// Physical address of the ACPI root pointer; 0 for none.
    pub acpi_root: u64,
}

/// Why the start information can't be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StartInfoError {
    /// It does not begin with [`MAGIC`].
    Magic(u32),
    /// It, or what it points to, lies outside of memory.
    Outside {
        /// The part.
        what: &'static str,
        /// Its physical address.
        start: u64,
    },
    /// A list is longer than this kernel takes.
    TooMany {
        /// The list.
        what: &'static str,
        /// Its length.
        count: u32,
        /// The longest that is taken.
        most: u32,
    },
}

impl fmt::Display for StartInfoError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic(word) => {
                write!(
                    out,
                    "start information begins with {word:#010x}, not {MAGIC:#010x}; was this kernel loaded by PVH?"
                )
            }
            Self::Outside { what, start } => write!(out, "{what} at {start:#x} lies outside of memory"),
            Self::TooMany { what, count, most } => {
                write!(out, "the loader gave {count} {what}, at most {most} are taken")
            }
        }
    }
}

impl core::error::Error for StartInfoError {}

impl StartInfo {
    /// Decodes the structure at physical address `start`.
    ///
    /// # Errors
    /// [`StartInfoError`], without having read anything outside of `memory`.
    pub fn read(memory: &dyn PhysicalMemory, start: u64) -> Result<Self, StartInfoError> {
        let outside = StartInfoError::Outside { what: "the start information", start };
        let info = memory.bytes(start, INFO_BYTES).ok_or(outside)?;
        let magic = word(info, 0).ok_or(outside)?;
        if magic != MAGIC {
            return Err(StartInfoError::Magic(magic));
        }
        let version = word(info, 4).ok_or(outside)?;
        let module_count = limited("modules", word(info, 12).ok_or(outside)?, MOST_MODULES)?;
        let module_list = long(info, 16).ok_or(outside)?;
        let mut result = Self { acpi_root: long(info, 32).ok_or(outside)?, ..Self::default() };
        result.command_line = text(memory, long(info, 24).ok_or(outside)?)?;

        for entry in entries(memory, "the module list", module_list, module_count, ENTRY_BYTES)? {
            if let (Some(start), Some(bytes)) = (long(entry, 0), long(entry, 8)) {
                result.modules.push(Module { start, bytes });
            }
        }
        if version >= 1 {
            let table = long(info, 40).ok_or(outside)?;
            let count = limited("memory regions", word(info, 48).ok_or(outside)?, MOST_REGIONS)?;
            for entry in entries(memory, "the memory map", table, count, REGION_BYTES)? {
                if let (Some(start), Some(bytes), Some(kind)) =
                    (long(entry, 0), long(entry, 8), word(entry, 16))
                {
                    result.regions.push(MemoryRegion { start, bytes, kind: kind_of(kind) });
                }
            }
        }
        Ok(result)
    }
}

/// The kinds of the BIOS interface E820, which the table uses (ACPI 6.5, table 15.4).
const fn kind_of(kind: u32) -> MemoryKind {
    match kind {
        1 => MemoryKind::Usable,
        2 | 4 => MemoryKind::Reserved,
        3 => MemoryKind::Reclaimable,
        other => MemoryKind::Other(other),
    }
}

fn limited(what: &'static str, count: u32, most: u32) -> Result<u32, StartInfoError> {
    if count > most { Err(StartInfoError::TooMany { what, count, most }) } else { Ok(count) }
}

/// The text at `start` up to a zero byte; 0 means none.
fn text(memory: &dyn PhysicalMemory, start: u64) -> Result<String, StartInfoError> {
    let outside = StartInfoError::Outside { what: "the command line", start };
    let mut bytes = Vec::new();
    for offset in 0..if start == 0 { 0 } else { MOST_COMMAND_LINE } {
        let at = start.checked_add(offset).ok_or(outside)?;
        match memory.bytes(at, 1).ok_or(outside)? {
            [] | [0] => break,
            more => bytes.extend_from_slice(more),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn entries<'m>(
    memory: &'m dyn PhysicalMemory,
    what: &'static str,
    start: u64,
    count: u32,
    each: u64,
) -> Result<impl Iterator<Item = &'m [u8]>, StartInfoError> {
    let length = u64::from(count).saturating_mul(each);
    let bytes = if length == 0 {
        &[][..]
    } else {
        memory.bytes(start, length).ok_or(StartInfoError::Outside { what, start })?
    };
    Ok(bytes.chunks_exact(usize::try_from(each).unwrap_or(1).max(1)))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_le_bytes(*chunk))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    struct Flat(Vec<u8>);

    impl PhysicalMemory for Flat {
        fn bytes(&self, start: u64, length: u64) -> Option<&[u8]> {
            let start = usize::try_from(start).ok()?;
            self.0.get(start..start.checked_add(usize::try_from(length).ok()?)?)
        }
    }

    /// One module of 5 bytes at 0x1000 and two regions, laid out from address 0.
    fn image() -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [MAGIC, 1, 0, 1] {
            bytes.extend(word.to_le_bytes());
        }
        for long in [64_u64, 0, 0xf_0000, 96] {
            bytes.extend(long.to_le_bytes());
        }
        bytes.extend(2_u32.to_le_bytes());
        bytes.resize(64, 0);
        for long in [0x1000_u64, 5, 0, 0, 0, 0x9_fc00] {
            bytes.extend(long.to_le_bytes());
        }
        bytes.extend(1_u64.to_le_bytes());
        for long in [0xf_0000_u64, 0x1_0000, 2] {
            bytes.extend(long.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn modules_and_memory_map_are_read_as_laid_out() {
        let info = StartInfo::read(&Flat(image()), 0).unwrap();
        assert_eq!(info.modules, [Module { start: 0x1000, bytes: 5 }]);
        assert_eq!(info.acpi_root, 0xf_0000);
        assert_eq!(
            info.regions,
            [
                MemoryRegion { start: 0, bytes: 0x9_fc00, kind: MemoryKind::Usable },
                MemoryRegion { start: 0xf_0000, bytes: 0x1_0000, kind: MemoryKind::Reserved },
            ]
        );
    }

    #[test]
    fn the_command_line_ends_at_its_zero_byte_or_is_an_error() {
        let mut bytes = image();
        let end = u64::try_from(bytes.len()).unwrap();
        bytes[24..32].copy_from_slice(&end.to_le_bytes());
        bytes.extend(b"selftest=panic\0rest");
        assert_eq!(StartInfo::read(&Flat(bytes.clone()), 0).unwrap().command_line, "selftest=panic");
        bytes.truncate(bytes.len() - "\0rest".len());
        assert!(matches!(
            StartInfo::read(&Flat(bytes), 0),
            Err(StartInfoError::Outside { what: "the command line", .. })
        ));
    }

    #[test]
    fn version_0_has_no_memory_map() {
        let mut bytes = image();
        bytes[4] = 0;
        assert_eq!(StartInfo::read(&Flat(bytes), 0).unwrap().regions, []);
    }

    #[test]
    fn another_magic_is_refused() {
        let mut bytes = image();
        bytes[0] ^= 1;
        let error = StartInfo::read(&Flat(bytes), 0).unwrap_err();
        assert_eq!(error, StartInfoError::Magic(MAGIC ^ 1));
        assert!(error.to_string().contains("PVH"));
    }

    #[test]
    fn every_truncation_is_an_error_and_counts_are_bounded() {
        let whole = image();
        for length in 0..whole.len() {
            assert!(StartInfo::read(&Flat(whole[..length].to_vec()), 0).is_err(), "{length} bytes");
        }
        for at in [12, 48] {
            let mut bytes = whole.clone();
            bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            assert!(matches!(StartInfo::read(&Flat(bytes), 0), Err(StartInfoError::TooMany { .. })));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(0_u8.., 0..256), start in 0_u64..300) {
            let mut bytes = bytes;
            if let Some(front) = bytes.first_chunk_mut() {
                *front = MAGIC.to_le_bytes();
            }
            let _ = StartInfo::read(&Flat(bytes), start);
        }
    }
}
