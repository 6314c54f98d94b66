//! Files that agents have open.
//!
//! # Invariants
//! 1. A number names one opened file for as long as the kernel runs; it is never given again.
//! 2. An agent has at most [`OPEN_FILES`] files open; what it opened is closed when it ends.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;

use flux_abi::limits::OPEN_FILES;
use flux_abi::status::Status;
use flux_hal::files::{FileError, FileId, FilePath, FileSystem, OpenMode};
use flux_kcore::capability::Handle;
use flux_kcore::id::AgentId;

#[derive(Clone, Copy, Debug)]
struct Open {
    id: FileId,
    owner: AgentId,
    /// The handle that was given for it, once it is made.
    handle: Handle,
}

/// The open files of one kernel.
pub struct FileTable {
    system: Box<dyn FileSystem>,
    open: BTreeMap<u32, Open>,
    next: u32,
}

impl core::fmt::Debug for FileTable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("FileTable").field("open", &self.open).finish_non_exhaustive()
    }
}

impl FileTable {
    /// Files of `system`.
    pub(crate) const fn new(system: Box<dyn FileSystem>) -> Self {
        Self { system, open: BTreeMap::new(), next: 0 }
    }

    /// What people call the file system.
    pub fn name(&self) -> String {
        self.system.name()
    }

    /// Tells whether no file is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Opens a file for `owner`; its number.
    pub(crate) fn open(&mut self, owner: AgentId, path: FilePath<'_>, mode: OpenMode) -> Result<u32, Status> {
        if self.of(owner).count() >= OPEN_FILES {
            return Err(Status::Busy);
        }
        let number = self.next;
        let next = number.checked_add(1).ok_or(Status::Busy)?;
        let id = self.system.open(path, mode).map_err(FileError::status)?;
        self.next = next;
        self.open.insert(number, Open { id, owner, handle: Handle::NONE });
        Ok(number)
    }

    /// Keeps the handle that stands for a file.
    pub(crate) fn set_handle(&mut self, number: u32, handle: Handle) {
        if let Some(open) = self.open.get_mut(&number) {
            open.handle = handle;
        }
    }

    /// Numbers and handles of the files that an agent opened.
    pub(crate) fn of(&self, owner: AgentId) -> impl Iterator<Item = (u32, Handle)> {
        self.open
            .iter()
            .filter(move |(_, open)| open.owner == owner)
            .map(|(number, open)| (*number, open.handle))
    }

    /// Reads on in a file.
    pub(crate) fn read(&mut self, number: u32, buffer: &mut [u8]) -> Result<usize, Status> {
        let open = self.open.get(&number).ok_or(Status::NotFound)?;
        self.system.read(open.id, buffer).map_err(FileError::status)
    }

    /// Writes to a file, all or nothing.
    pub(crate) fn write(&mut self, number: u32, bytes: &[u8]) -> Result<usize, Status> {
        let open = self.open.get(&number).ok_or(Status::NotFound)?;
        self.system.write(open.id, bytes).map_err(FileError::status)
    }

    /// Closes a file.
    pub(crate) fn close(&mut self, number: u32) {
        if let Some(open) = self.open.remove(&number) {
            self.system.close(open.id);
        }
    }
}
