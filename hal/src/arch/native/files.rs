//! Files below one folder of this machine.
//!
//! # Invariants
//! 1. No path leaves the folder: it is walked part by part from a folder that is held open, and no
//!    part of it may be a symbolic link. `/proc/self/fd` names the held folder, so that a link which
//!    somebody puts there meanwhile is not followed either.
//! 2. Only regular files are opened; a pipe or device never blocks the kernel.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use flux_abi::limits::FILE_BYTES;

use crate::files::{FileError, FileId, FilePath, FileSystem, OpenMode};

#[derive(Debug)]
struct Open {
    file: File,
    mode: OpenMode,
}

/// The files of a folder.
#[derive(Debug)]
pub struct Directory {
    root: File,
    shown: String,
    open: BTreeMap<u32, Open>,
    next: u32,
}

impl Directory {
    /// The files below the folder at `path`, which may itself be reached through links.
    ///
    /// # Errors
    /// What the operating system said; also when it is no folder.
    pub fn new(path: &Path) -> std::io::Result<Self> {
        let root = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(path)?;
        Ok(Self { root, shown: path.display().to_string(), open: BTreeMap::new(), next: 0 })
    }
}

/// What `part` is in the folder that is held open.
fn below(folder: &File, part: &str) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(part)
}

fn refusal(error: &std::io::Error) -> FileError {
    match error.kind() {
        ErrorKind::NotFound => FileError::NotFound,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FileError::Full,
        ErrorKind::Interrupted | ErrorKind::Other | ErrorKind::UnexpectedEof => FileError::Failed,
        // A link, a folder, something in the way, or not permitted.
        _ => FileError::Refused,
    }
}

fn options(mode: OpenMode) -> OpenOptions {
    let mut options = OpenOptions::new();
    match mode {
        OpenMode::Read => options.read(true),
        // What it held goes once it is known to be a regular file.
        OpenMode::Write | OpenMode::Append => options.append(true).create(true),
    };
    options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY);
    options
}

impl FileSystem for Directory {
    fn open(&mut self, path: FilePath<'_>, mode: OpenMode) -> Result<FileId, FileError> {
        let mut folder = self.root.try_clone().map_err(|error| refusal(&error))?;
        let mut parts = path.parts().peekable();
        let file = loop {
            let part = parts.next().ok_or(FileError::NotFound)?;
            let place = below(&folder, part);
            if parts.peek().is_none() {
                break options(mode).open(place).map_err(|error| refusal(&error))?;
            }
            let flags = libc::O_NOFOLLOW | libc::O_DIRECTORY;
            let next = OpenOptions::new().read(true).custom_flags(flags).open(place);
            folder = next.map_err(|error| refusal(&error))?;
        };
        let metadata = file.metadata().map_err(|error| refusal(&error))?;
        if !metadata.is_file() {
            return Err(FileError::Refused);
        }
        match mode {
            OpenMode::Write => file.set_len(0).map_err(|error| refusal(&error))?,
            _ if metadata.len() > FILE_BYTES as u64 => return Err(FileError::TooLarge),
            _ => {}
        }
        let id = self.next;
        self.next = id.checked_add(1).ok_or(FileError::Full)?;
        self.open.insert(id, Open { file, mode });
        Ok(FileId(id))
    }

    fn read(&mut self, id: FileId, buffer: &mut [u8]) -> Result<usize, FileError> {
        let open = self.open.get_mut(&id.0).filter(|open| open.mode == OpenMode::Read);
        open.ok_or(FileError::NotOpen)?.file.read(buffer).map_err(|_| FileError::Failed)
    }

    fn write(&mut self, id: FileId, bytes: &[u8]) -> Result<usize, FileError> {
        let open = self.open.get_mut(&id.0).filter(|open| open.mode != OpenMode::Read);
        let file = &mut open.ok_or(FileError::NotOpen)?.file;
        let held = file.metadata().map_err(|error| refusal(&error))?.len();
        if held.saturating_add(bytes.len() as u64) > FILE_BYTES as u64 {
            return Err(FileError::TooLarge);
        }
        file.write_all(bytes).map_err(|error| refusal(&error))?;
        Ok(bytes.len())
    }

    fn close(&mut self, id: FileId) {
        self.open.remove(&id.0);
    }

    fn name(&self) -> String {
        self.shown.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A folder with `inside/` as the root and `secret` beside it.
    fn scratch(name: &str) -> (PathBuf, Directory) {
        let path = std::env::temp_dir().join(format!("flux-files-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("inside/folder")).unwrap();
        std::fs::write(path.join("secret"), "secret").unwrap();
        let directory = Directory::new(&path.join("inside")).unwrap();
        (path, directory)
    }

    fn open(directory: &mut Directory, path: &str, mode: OpenMode) -> Result<FileId, FileError> {
        directory.open(FilePath::new(path).unwrap(), mode)
    }

    #[test]
    fn a_file_is_written_appended_and_read_back() {
        let (path, mut directory) = scratch("plain");
        for (mode, text) in [(OpenMode::Write, "lost"), (OpenMode::Write, "one "), (OpenMode::Append, "two")]
        {
            let id = open(&mut directory, "folder/a.txt", mode).unwrap();
            assert_eq!(directory.write(id, text.as_bytes()), Ok(text.len()));
            assert_eq!(directory.read(id, &mut [0]), Err(FileError::NotOpen));
            directory.close(id);
        }
        assert_eq!(std::fs::read_to_string(path.join("inside/folder/a.txt")).unwrap(), "one two");
        let id = open(&mut directory, "folder/a.txt", OpenMode::Read).unwrap();
        let mut buffer = [0; 5];
        assert_eq!((directory.read(id, &mut buffer), &buffer), (Ok(5), b"one t"));
        assert_eq!(directory.write(id, b"x"), Err(FileError::NotOpen));
        directory.close(id);
        assert_eq!(directory.read(id, &mut buffer), Err(FileError::NotOpen));
        assert_eq!(open(&mut directory, "nowhere", OpenMode::Read), Err(FileError::NotFound));
        assert_eq!(open(&mut directory, "nowhere/a", OpenMode::Write), Err(FileError::NotFound));
        std::fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn links_folders_and_pipes_are_refused() {
        let (path, mut directory) = scratch("links");
        symlink("../secret", path.join("inside/out")).unwrap();
        symlink("..", path.join("inside/up")).unwrap();
        symlink("nowhere", path.join("inside/dangling")).unwrap();
        for mode in [OpenMode::Read, OpenMode::Write, OpenMode::Append] {
            for name in ["out", "up/secret", "up", "folder", "dangling"] {
                assert_eq!(open(&mut directory, name, mode), Err(FileError::Refused), "{name} {mode:?}");
            }
        }
        assert_eq!(std::fs::read_to_string(path.join("secret")).unwrap(), "secret");
        assert!(!path.join("inside/nowhere").exists());
        std::fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_file_over_the_limit_is_refused_and_none_grows_over_it() {
        let (path, mut directory) = scratch("large");
        let large = File::create(path.join("inside/large")).unwrap();
        large.set_len(FILE_BYTES as u64 + 1).unwrap();
        assert_eq!(open(&mut directory, "large", OpenMode::Read), Err(FileError::TooLarge));
        large.set_len(FILE_BYTES as u64).unwrap();
        let id = open(&mut directory, "large", OpenMode::Append).unwrap();
        assert_eq!(directory.write(id, b"x"), Err(FileError::TooLarge));
        std::fs::remove_dir_all(path).unwrap();
    }
}
