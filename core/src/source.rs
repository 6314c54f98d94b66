//! Reads documents and modules from files, with an error for everything that a path can be.
//!
//! # Invariants
//! 1. No file above its limit is read whole.
//! 2. Every error names the path and what to do.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flux_abi::limits;
pub use flux_abi::limits::DOCUMENT_BYTES;
use flux_fluxc::span::SourceId;
use flux_fluxc::{Found, Sources};

use crate::error::Error;
use crate::kind::{self, Kind};
use crate::report::Texts;

/// Bytes of a file and the name that messages use for it.
#[derive(Clone, Debug)]
pub struct Source {
    /// Path as the user gave it.
    pub path: PathBuf,
    /// File name without folders: what traps call it.
    pub name: String,
    /// Contents.
    pub bytes: Vec<u8>,
    /// A document with all that it depends on, if it depends on others.
    pub bundle: Option<Vec<u8>>,
    /// Files of documents that it depends on and that can't be read.
    pub missing: Vec<PathBuf>,
}

impl Source {
    /// The path as the user gave it: what diagnostics call the document.
    #[must_use]
    pub fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// Reads a FLUX.MD document of at most 16 MiB, and the documents that it depends on. One of those
    /// that can't be read is no error here: the compiler says so where it is named.
    ///
    /// # Errors
    /// [`Error::Read`] when the path can't be read, is a folder, or the file is too large.
    pub fn document(path: &Path) -> Result<Self, Error> {
        kind::expect(Self::text(path)?, Kind::Document)?.with_libraries(&|_| None)
    }

    /// What can be run: a compiled module if the name ends in `.fluxbc` or the file begins as one, else
    /// a document.
    ///
    /// # Errors
    /// As [`Source::document`]; [`Error::Module`] when the bytes are no module.
    pub fn runnable(path: &Path) -> Result<Self, Error> {
        let source = Self::module(path)?;
        if !source.is_module() && path.extension().is_none_or(|extension| extension != "fluxbc") {
            return Self::document(path);
        }
        crate::module::decode(&source)?;
        Ok(source)
    }

    /// Whether the bytes are a compiled module.
    #[must_use]
    pub fn is_module(&self) -> bool {
        self.bytes.starts_with(&flux_isa::file::MAGIC)
    }

    /// A document as an editor holds it. `open` gives the text of a document that the editor has open,
    /// too; the others that it depends on are as the files have them.
    #[must_use]
    pub fn edited(path: &Path, text: &str, open: &dyn Fn(&Path) -> Option<String>) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let source =
            Self { path: path.to_owned(), name, bytes: text.into(), bundle: None, missing: Vec::new() };
        // Over the limits the compiler says of each library that it is not there.
        source.clone().with_libraries(open).unwrap_or(source)
    }

    /// The files of the documents that it depends on, also of those that are not there.
    #[must_use]
    pub fn libraries(&self) -> Vec<PathBuf> {
        let folder = self.path.parent().unwrap_or_else(|| Path::new(""));
        let mut files = self.missing.clone();
        if let Ok(sources) = self.sources() {
            files.extend(sources.files().iter().skip(1).map(|file| folder.join(&file.path)));
        }
        files
    }

    fn with_libraries(mut self, open: &dyn Fn(&Path) -> Option<String>) -> Result<Self, Error> {
        let path = self.path.as_path();
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let mut missing = Vec::new();
        let mut read = |relative: &str| {
            let path = folder.join(relative);
            let bytes = match open(&path) {
                Some(text) => text.into_bytes(),
                None => match Self::text(&path) {
                    Ok(source) => source.bytes,
                    Err(error) => {
                        missing.push(path);
                        return Err(error.reason());
                    }
                },
            };
            Ok(Found { bytes, identity: identity(&path) })
        };
        let all = flux_fluxc::gather(&self.name, &self.bytes, identity(path), &mut read)
            .map_err(|error| self.unfit(error.to_string()))?;
        self.bundle = all;
        self.missing = missing;
        Ok(self)
    }

    /// A file that is in memory already; it names no documents.
    #[must_use]
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Self {
        Self { path: name.into(), name: name.to_owned(), bytes, bundle: None, missing: Vec::new() }
    }

    /// Reads a text file of the size of a document.
    ///
    /// # Errors
    /// As [`Source::document`].
    pub fn text(path: &Path) -> Result<Self, Error> {
        Self::read(path, DOCUMENT_BYTES, "a document may hold 16 MiB; split it")
    }

    /// What the compiler takes: the document, with all that it depends on.
    #[must_use]
    pub fn compiled(&self) -> &[u8] {
        self.bundle.as_deref().unwrap_or(&self.bytes)
    }

    /// The texts of the compilation.
    ///
    /// # Errors
    /// [`Error::Read`] for a file that begins as several documents packed into one and is none.
    pub fn sources(&self) -> Result<Sources<'_>, Error> {
        Sources::new(self.compiled(), &self.name).map_err(|error| self.unfit(error.to_string()))
    }

    fn unfit(&self, why: String) -> Error {
        Error::Read { path: self.path.clone(), why, advice: "name a document".into() }
    }

    /// The documents that diagnostics are of, by the paths that people know.
    #[must_use]
    pub fn texts(&self) -> Texts<'_> {
        let Ok(sources) = self.sources() else { return Texts::one(&self.shown(), &self.bytes) };
        // The bytes of one that depends on others hold all of them.
        let (_, own) = sources.document(SourceId(0));
        let mut texts = Texts::one(&self.shown(), own);
        let folder = self.path.parent().unwrap_or_else(|| Path::new(""));
        for (number, file) in sources.files().iter().enumerate().skip(1) {
            let (_, bytes) = sources.document(SourceId(u16::try_from(number).unwrap_or(u16::MAX)));
            texts.push(folder.join(&file.path).display().to_string(), bytes);
        }
        texts
    }

    /// Reads a `.fluxbc` module, an assembly file or a FIR file of at most 64 MiB.
    ///
    /// # Errors
    /// As [`Source::document`].
    pub fn module(path: &Path) -> Result<Self, Error> {
        Self::read(path, limits::MODULE_BYTES, "a module may hold 64 MiB")
    }

    fn read(path: &Path, limit: usize, advice: &'static str) -> Result<Self, Error> {
        let fail =
            |why: String, advice: &str| Error::Read { path: path.to_owned(), why, advice: advice.to_owned() };
        let file = File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => fail("there is no such file".into(), &nearest(path)),
            std::io::ErrorKind::PermissionDenied => {
                fail("reading is not permitted".into(), "check the file's permissions")
            }
            _ => fail(error.to_string(), "check the path"),
        })?;
        let metadata = file.metadata().map_err(|error| fail(error.to_string(), "check the path"))?;
        if metadata.is_dir() {
            return Err(fail("it is a folder".into(), "name a file in it"));
        }
        // A device or pipe tells no size, so the reader itself keeps the limit.
        let mut bytes = Vec::new();
        let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        if metadata.is_file() && metadata.len() >= bound {
            return Err(fail(format!("it holds {} bytes", metadata.len()), advice));
        }
        file.take(bound)
            .read_to_end(&mut bytes)
            .map_err(|error| fail(error.to_string(), "check the file"))?;
        if bytes.len() > limit {
            return Err(fail(format!("it holds more than {limit} bytes"), advice));
        }
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        Ok(Self { path: path.to_owned(), name, bytes, bundle: None, missing: Vec::new() })
    }
}

/// The same for every path of one file.
#[must_use]
pub fn identity(path: &Path) -> String {
    path.canonicalize().unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}

/// Names a file in the same folder that the user may have meant.
fn nearest(path: &Path) -> String {
    let wanted = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let Ok(entries) = folder.read_dir() else {
        return format!("there is no folder {} either", folder.display());
    };
    let mut names: Vec<String> = entries
        .take(4096)
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .filter(|name| name.ends_with(".md") || name.ends_with(".fluxbc"))
        .collect();
    names.sort();
    match names.iter().map(|name| (strsim::damerau_levenshtein(name, &wanted), name)).min() {
        Some((distance, name)) if distance <= 3 => {
            format!("did you mean {}?", folder.join(name).display())
        }
        _ => "check the path".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_folder_a_missing_file_and_a_large_file_are_refused_with_advice() {
        let folder = std::env::temp_dir().join(format!("flux-source-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let text = |path: &Path| Source::document(path).unwrap_err().to_string();
        assert!(text(&folder).contains("it is a folder"));
        std::fs::write(folder.join("sensor.flux.md"), "# a").unwrap();
        assert!(text(&folder.join("sensr.flux.md")).contains("did you mean"));
        let large = folder.join("large.flux.md");
        File::create(&large).unwrap().set_len(50 << 20).unwrap();
        assert!(text(&large).contains("52428800 bytes"));
        let mut exact = File::create(&large).unwrap();
        exact.write_all(b"# fits").unwrap();
        assert_eq!(Source::document(&large).unwrap().bytes, b"# fits");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_endless_device_is_not_read_for_ever() {
        let error = Source::document(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(error.contains("more than 16777216 bytes"), "{error}");
    }
}
