//! Physical memory: the loader's map, and the rights of the kernel's own pages.
//!
//! The boot code maps the first 4 GiB in pages of 2 MiB, writable and
//! executable. [`protect`] replaces the ones that hold the kernel by pages of
//! 4 KiB with the rights of its segments, takes away execution everywhere else,
//! and leaves page 0 and the page below the stack unmapped, so that a null
//! pointer and a stack that is full are faults.

use core::ptr::NonNull;

use x86_64::PhysAddr;
use x86_64::instructions::tlb;
use x86_64::registers::control::Cr3;
use x86_64::structures::paging::page_table::PageTableFlags as Flags;
use x86_64::structures::paging::{PageTable, PhysFrame};

use super::Machine;
use crate::error::HalError;
use crate::memory::{MemoryMap, MemoryRegion};
use crate::pvh::PhysicalMemory;

/// Size of a small page.
pub(super) const PAGE_BYTES: u64 = 4096;
const LARGE_PAGE_BYTES: u64 = 2 << 20;
/// Where the mapped memory ends.
pub(super) const MAPPED_END: u64 = 4 << 30;
/// Firmware and loader leave their tables below; the heap stays above.
pub(super) const LOW_MEMORY_END: u64 = 1 << 20;
/// Large pages that the kernel may touch: an image of at most 32 MiB.
const MOST_SPLIT: usize = 16;

/// Where the parts of the running kernel lie, page-aligned addresses.
#[derive(Clone, Copy, Debug)]
pub struct KernelImage {
    /// First byte of the code.
    pub text_start: u64,
    /// End of the code and start of the constants.
    pub text_end: u64,
    /// End of the constants and start of the variables.
    pub constants_end: u64,
    /// The page that nobody may touch, below the stack.
    pub stack_guard: u64,
    /// End of the variables.
    pub end: u64,
}

impl KernelImage {
    /// First address and the address after the last one.
    pub(super) const fn range(&self) -> (u64, u64) {
        (self.text_start, self.end)
    }

    /// Rights of the page at `address`; `None` for one that stays unmapped.
    fn rights(&self, address: u64) -> Option<Flags> {
        let readable = Flags::PRESENT | Flags::GLOBAL;
        if address == 0 || address == self.stack_guard {
            None
        } else if (self.text_start..self.text_end).contains(&address) {
            Some(readable)
        } else if (self.text_end..self.constants_end).contains(&address) {
            Some(readable | Flags::NO_EXECUTE)
        } else {
            Some(readable | Flags::WRITABLE | Flags::NO_EXECUTE)
        }
    }
}

/// The tables that [`protect`] puts in place of large pages.
struct Split([PageTable; MOST_SPLIT]);

static mut SPLIT: Split = Split([const { PageTable::new() }; MOST_SPLIT]);

/// Gives every page of the mapped memory the rights that it needs.
///
/// # Safety
/// Called once, on the page tables of the boot code: four levels, 4 GiB at their
/// own addresses in large pages; `image` describes the running kernel, which
/// lies in its first 32 MiB.
///
/// # Errors
/// [`HalError::Failed`] when the tables are not the boot code's or the kernel is
/// too large; then some of its pages have no rights of their own.
pub(super) unsafe fn protect(image: &KernelImage) -> Result<(), HalError> {
    const FAILED: HalError = HalError::Failed { what: "giving the kernel's pages their rights" };
    let (root, _) = Cr3::read();
    let directories = table_at(root.start_address()).and_then(|top| next(top, 0)).ok_or(FAILED)?;
    let split = &raw mut SPLIT;
    // SAFETY: called once (contract), so this is the only reference.
    let split = unsafe { &mut *split };
    let mut spare = split.0.iter_mut();

    for gigabyte in 0..(MAPPED_END >> 30) {
        let directory = next(directories, gigabyte).ok_or(FAILED)?;
        // SAFETY: a page directory of the boot code, mapped at its own address;
        // nothing else refers to it now (one core, called once).
        let directory = unsafe { &mut *directory.as_ptr() };
        for large in 0..512_u64 {
            let start = (gigabyte << 30) | (large * LARGE_PAGE_BYTES);
            let entry = &mut directory[index(large)];
            let holds_kernel = start < image.end && image.text_start < start + LARGE_PAGE_BYTES;
            let table = if holds_kernel || start == 0 { spare.next() } else { None };
            match table {
                Some(table) => {
                    for small in 0..512_u64 {
                        let address = start + small * PAGE_BYTES;
                        if let Some(rights) = image.rights(address) {
                            table[index(small)].set_addr(PhysAddr::new(address), rights);
                        }
                    }
                    let frame = PhysFrame::containing_address(PhysAddr::new(
                        core::ptr::from_ref(table).addr() as u64,
                    ));
                    entry.set_frame(frame, Flags::PRESENT | Flags::WRITABLE);
                }
                None if holds_kernel => return Err(FAILED),
                None => entry.set_flags(entry.flags() | Flags::NO_EXECUTE),
            }
        }
    }
    tlb::flush_all();
    Ok(())
}

fn index(entry: u64) -> usize {
    // Always below 512, the callers' loop bound.
    usize::try_from(entry).unwrap_or(0)
}

fn table_at(address: PhysAddr) -> Option<NonNull<PageTable>> {
    NonNull::new(core::ptr::with_exposed_provenance_mut(usize::try_from(address.as_u64()).ok()?))
}

fn next(table: NonNull<PageTable>, entry: u64) -> Option<NonNull<PageTable>> {
    // SAFETY: a table of the boot code, mapped at its own address; only read.
    let table = unsafe { table.as_ref() };
    let entry = &table[index(entry)];
    if entry.flags().contains(Flags::PRESENT) { table_at(entry.addr()) } else { None }
}

/// Physical memory, at its own addresses. QEMU leaves the start information in
/// page 0, so that page is read too, before [`protect`] takes it away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity;

impl PhysicalMemory for Identity {
    fn bytes(&self, start: u64, length: u64) -> Option<&[u8]> {
        let end = start.checked_add(length)?;
        if start == 0 || end > MAPPED_END {
            return None;
        }
        let pointer: *const u8 = core::ptr::with_exposed_provenance(usize::try_from(start).ok()?);
        // SAFETY: the range lies in the first 4 GiB, which are mapped at their own
        // addresses (contract of `Machine::start`); page 0 is asked for only before
        // `protect` (`Machine::module` refuses it). The
        // loader's data is never written by this kernel: `Machine::free_memory`
        // keeps the heap away from it and `Machine::module` refuses overlaps
        // with the kernel's own variables.
        Some(unsafe { core::slice::from_raw_parts(pointer, usize::try_from(length).ok()?) })
    }
}

impl MemoryMap for Machine {
    fn memory_map(&self) -> Result<&[MemoryRegion], HalError> {
        if self.info.regions.is_empty() {
            return Err(HalError::Unsupported { what: "a physical memory map" });
        }
        Ok(&self.info.regions)
    }
}
