//! Files as agents see them: opened by a relative path, read and written in order.
//!
//! # Invariants
//! 1. A path names something below the root of its file system, whatever it says: [`FilePath`] exists
//!    for names without `..`, without a leading `/` and without empty parts only.
//! 2. A file holds at most [`FILE_BYTES`](flux_abi::limits::FILE_BYTES) bytes.
//!
//! ```
//! use flux_hal::files::{FilePath, FileSystem, MemoryFiles, OpenMode};
//! let mut files = MemoryFiles::new();
//! let path = FilePath::new("notes/today.txt").unwrap();
//! let id = files.open(path, OpenMode::Write).unwrap();
//! assert_eq!(files.write(id, b"dry"), Ok(3));
//! files.close(id);
//! ```

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use flux_abi::limits::{FILE_BYTES, FILE_NAME_BYTES};
use flux_abi::status::Status;

/// A file that was opened; holds for the file system that gave it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FileId(pub u32);

/// What a file is opened for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum OpenMode {
    /// To be read from its beginning; it must be there.
    Read = 0,
    /// To be written anew; what it held is gone.
    Write = 1,
    /// To be written behind what it holds.
    Append = 2,
}

impl OpenMode {
    /// The mode with this number, if there is one.
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Read),
            1 => Some(Self::Write),
            2 => Some(Self::Append),
            _ => None,
        }
    }
}

/// Why a file can't be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FileError {
    /// There is no such file or folder.
    NotFound,
    /// It is a folder, a symbolic link or a device, or the operating system forbids it.
    Refused,
    /// It holds, or would hold, too much.
    TooLarge,
    /// No place for another file, or for more bytes.
    Full,
    /// The allocator gave no memory.
    NoMemory,
    /// It was opened for the other direction, or is not open.
    NotOpen,
    /// The storage failed.
    Failed,
}

impl FileError {
    /// The status code that a system call reports for it.
    pub const fn status(self) -> Status {
        match self {
            Self::NotFound => Status::NotFound,
            Self::Refused | Self::NotOpen => Status::Denied,
            Self::TooLarge => Status::Overflow,
            Self::Full => Status::Busy,
            Self::NoMemory => Status::NoMemory,
            Self::Failed => Status::General,
        }
    }
}

/// A path below the root of a file system.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FilePath<'p>(&'p str);

impl<'p> FilePath<'p> {
    /// The path that `text` writes, if it is relative, leads nowhere else and is not too long.
    pub fn new(text: &'p str) -> Option<Self> {
        let plain =
            |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', ':', '\0']);
        let fits = text.len() <= FILE_NAME_BYTES && text.split('/').all(plain);
        fits.then_some(Self(text))
    }

    /// The path as it was written.
    pub const fn text(self) -> &'p str {
        self.0
    }

    /// Its parts from the root on; the last one is the file.
    pub fn parts(self) -> impl Iterator<Item = &'p str> {
        self.0.split('/')
    }
}

/// Files behind one door.
pub trait FileSystem {
    /// Opens a file; for writing it is made if its folder is there.
    ///
    /// # Errors
    /// Every [`FileError`] but `NotOpen`.
    fn open(&mut self, path: FilePath<'_>, mode: OpenMode) -> Result<FileId, FileError>;

    /// Reads on into `buffer`; how many bytes, 0 at the end.
    ///
    /// # Errors
    /// [`FileError::NotOpen`], [`FileError::Failed`].
    fn read(&mut self, id: FileId, buffer: &mut [u8]) -> Result<usize, FileError>;

    /// Writes all of `bytes` or nothing; how many.
    ///
    /// # Errors
    /// [`FileError::NotOpen`], [`FileError::TooLarge`], [`FileError::Full`], [`FileError::NoMemory`], [`FileError::Failed`].
    fn write(&mut self, id: FileId, bytes: &[u8]) -> Result<usize, FileError>;

    /// Closes a file; one that is not open is none.
    fn close(&mut self, id: FileId);

    /// What people call it: `in memory`, or a folder.
    fn name(&self) -> String;
}

/// Files that a [`MemoryFiles`] may have.
const MEMORY_FILES: usize = 256;
/// Bytes of all of them.
const MEMORY_BYTES: usize = 4 << 20;

#[derive(Clone, Debug)]
struct Open {
    path: String,
    mode: OpenMode,
    at: usize,
}

/// Files that last as long as the kernel, for machines and runs without storage.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    files: BTreeMap<String, Vec<u8>>,
    open: BTreeMap<u32, Open>,
    next: u32,
}

impl MemoryFiles {
    /// No files.
    pub const fn new() -> Self {
        Self { files: BTreeMap::new(), open: BTreeMap::new(), next: 0 }
    }

    fn bytes(&self) -> usize {
        self.files.values().fold(0, |sum, file| sum.saturating_add(file.len()))
    }
}

impl FileSystem for MemoryFiles {
    fn open(&mut self, path: FilePath<'_>, mode: OpenMode) -> Result<FileId, FileError> {
        let known = self.files.contains_key(path.text());
        match mode {
            OpenMode::Read if !known => return Err(FileError::NotFound),
            OpenMode::Read => {}
            OpenMode::Write | OpenMode::Append => {
                if !known && self.files.len() >= MEMORY_FILES {
                    return Err(FileError::Full);
                }
                let file = self.files.entry(path.text().to_string()).or_default();
                if mode == OpenMode::Write {
                    file.clear();
                }
            }
        }
        let id = self.next;
        self.next = id.checked_add(1).ok_or(FileError::Full)?;
        self.open.insert(id, Open { path: path.text().to_string(), mode, at: 0 });
        Ok(FileId(id))
    }

    fn read(&mut self, id: FileId, buffer: &mut [u8]) -> Result<usize, FileError> {
        let open = self.open.get_mut(&id.0).filter(|open| open.mode == OpenMode::Read);
        let open = open.ok_or(FileError::NotOpen)?;
        let file = self.files.get(&open.path).ok_or(FileError::NotFound)?;
        let rest = file.get(open.at..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        open.at = open.at.saturating_add(count);
        Ok(count)
    }

    fn write(&mut self, id: FileId, bytes: &[u8]) -> Result<usize, FileError> {
        let open = self.open.get(&id.0).filter(|open| open.mode != OpenMode::Read);
        let path = open.ok_or(FileError::NotOpen)?.path.as_str();
        if self.bytes().saturating_add(bytes.len()) > MEMORY_BYTES {
            return Err(FileError::Full);
        }
        let file = self.files.get_mut(path).ok_or(FileError::NotFound)?;
        if file.len().saturating_add(bytes.len()) > FILE_BYTES {
            return Err(FileError::TooLarge);
        }
        file.try_reserve(bytes.len()).map_err(|_| FileError::NoMemory)?;
        file.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn close(&mut self, id: FileId) {
        self.open.remove(&id.0);
    }

    fn name(&self) -> String {
        String::from("in memory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_elsewhere_is_none() {
        for text in ["", "/", "/etc/passwd", "..", "a/../b", "a//b", "a/", "./a", "a\\b", "c:x", "a\0b"] {
            assert_eq!(FilePath::new(text), None, "{text:?}");
        }
        assert_eq!(FilePath::new(&"a".repeat(FILE_NAME_BYTES + 1)), None);
        let path = FilePath::new("a/b..c/.d").unwrap();
        assert_eq!(path.parts().collect::<Vec<_>>(), ["a", "b..c", ".d"]);
    }

    #[test]
    fn what_is_written_is_read_back_in_order() {
        let mut files = MemoryFiles::new();
        let path = FilePath::new("log/a").unwrap();
        assert_eq!(files.open(path, OpenMode::Read), Err(FileError::NotFound));
        let id = files.open(path, OpenMode::Write).unwrap();
        assert_eq!((files.write(id, b"ab"), files.read(id, &mut [0])), (Ok(2), Err(FileError::NotOpen)));
        files.close(id);
        assert_eq!(files.write(id, b"x"), Err(FileError::NotOpen));
        let id = files.open(path, OpenMode::Append).unwrap();
        files.write(id, b"cd").unwrap();
        let id = files.open(path, OpenMode::Read).unwrap();
        let mut buffer = [0; 3];
        assert_eq!((files.read(id, &mut buffer), buffer), (Ok(3), *b"abc"));
        assert_eq!((files.read(id, &mut buffer), buffer[0]), (Ok(1), b'd'));
        assert_eq!(files.read(id, &mut buffer), Ok(0));
    }

    #[test]
    fn files_in_memory_are_bounded() {
        let mut files = MemoryFiles::new();
        let id = files.open(FilePath::new("a").unwrap(), OpenMode::Write).unwrap();
        assert_eq!(files.write(id, &alloc::vec![0; MEMORY_BYTES]), Ok(MEMORY_BYTES));
        assert_eq!(files.write(id, &[0]), Err(FileError::Full));
        for n in 1..MEMORY_FILES {
            let name = alloc::format!("f{n}");
            files.open(FilePath::new(&name).unwrap(), OpenMode::Write).unwrap();
        }
        assert_eq!(files.open(FilePath::new("one-more").unwrap(), OpenMode::Write), Err(FileError::Full));
    }
}
