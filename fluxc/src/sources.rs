//! The texts of one compilation: a document alone, or with the documents that it depends on.
//!
//! All texts follow each other in one text, so that a span tells the document as well as the place.
//! What leaves the compiler has spans within each document and the document's number.
//!
//! # Invariants
//! 1. File 0 is the document itself; each file begins at a line's start of the whole text.
//! 2. The whole text is UTF-8; a file that is none stands in it as blanks of the same length.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use alloc::vec::Vec;

use flux_proto::bundle::{self, Bundle, BundleError, Content};

use crate::diag::{Diagnostic, Sink};
use crate::span::{SourceId, Span};

/// The texts of one compilation.
#[derive(Clone, Debug)]
pub struct Sources<'b> {
    text: Cow<'b, [u8]>,
    files: Vec<File<'b>>,
}

/// One path, and what there is under it.
#[derive(Clone, Debug)]
pub struct File<'b> {
    /// Its path relative to the folder of the first document; the first has the name it was given.
    pub path: String,
    /// What is there.
    pub state: FileState<'b>,
    /// Its place in the whole text.
    span: Span,
}

/// What there is under a path.
#[derive(Clone, Debug)]
pub enum FileState<'b> {
    /// A document, unchecked.
    Text(&'b [u8]),
    /// Nothing that could be read, for this reason.
    Unreadable(String),
    /// The document of another file.
    Same(usize),
}

impl<'b> Sources<'b> {
    /// The texts in `bytes`: a document called `name`, or a bundle with the document first.
    ///
    /// # Errors
    /// Bytes that begin as a bundle and are none.
    pub fn new(bytes: &'b [u8], name: &str) -> Result<Self, BundleError> {
        if !bundle::is_bundle(bytes) {
            let span = Span::from_usize(0, bytes.len());
            let file = File { path: name.to_owned(), state: FileState::Text(bytes), span };
            let text = if is_text(bytes) { Cow::Borrowed(bytes) } else { Cow::Owned(blanks(bytes.len())) };
            return Ok(Self { text, files: alloc::vec![file] });
        }
        let Bundle { entries } = Bundle::decode(bytes)?;
        let mut text = Vec::with_capacity(bytes.len());
        let mut files = Vec::with_capacity(entries.len());
        for (number, entry) in entries.into_iter().enumerate() {
            let start = text.len();
            let state = match entry.content {
                Content::Document(Cow::Borrowed(document)) => {
                    if is_text(document) {
                        text.extend_from_slice(document);
                    } else {
                        text.extend(blanks(document.len()));
                    }
                    FileState::Text(document)
                }
                // Decoding borrows.
                Content::Document(Cow::Owned(_)) => FileState::Unreadable(String::new()),
                Content::Unreadable(reason) => FileState::Unreadable(reason.into_owned()),
                Content::Same(other) => FileState::Same(usize::from(other)),
            };
            let span = Span::from_usize(start, text.len());
            text.push(b'\n');
            let path = if number == 0 { name.to_owned() } else { entry.path.into_owned() };
            files.push(File { path, state, span });
        }
        Ok(Self { text: Cow::Owned(text), files })
    }

    /// All files; the first is the document itself.
    #[must_use]
    pub fn files(&self) -> &[File<'b>] {
        &self.files
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &str {
        core::str::from_utf8(&self.text).unwrap_or("")
    }

    /// The whole text up to the end of a file, and where the file begins.
    pub(crate) fn up_to(&self, file: usize) -> (&str, usize) {
        let Some(file) = self.files.get(file) else { return ("", 0) };
        (self.text().get(..file.span.end as usize).unwrap_or(""), file.span.start as usize)
    }

    /// The place of a file in the whole text.
    pub(crate) fn span(&self, file: usize) -> Span {
        self.files.get(file).map_or(Span::empty(0), |file| file.span)
    }

    /// Number of the file that the byte at `offset` of the whole text belongs to.
    pub(crate) fn file_at(&self, offset: u32) -> usize {
        // Files without a text take a line of their own, so that starts differ.
        self.files.partition_point(|file| file.span.start <= offset).saturating_sub(1)
    }

    /// Name and bytes of the document that a diagnostic is of.
    #[must_use]
    pub fn document(&self, source: SourceId) -> (&str, &'b [u8]) {
        match self.files.get(usize::from(source.0)) {
            Some(File { path, state: FileState::Text(bytes), .. }) => (path, bytes),
            Some(file) => (&file.path, &[]),
            None => ("", &[]),
        }
    }

    /// Turns spans of the whole text into spans of the documents, and puts the diagnostics in order.
    pub(crate) fn localise(&self, diagnostics: &mut [Diagnostic]) {
        if self.files.len() > 1 {
            for row in &mut *diagnostics {
                let file = self.file_at(row.span.start);
                let within = |span: Span, file: usize| {
                    let start = self.span(file).start;
                    Span::new(span.start.saturating_sub(start), span.end.saturating_sub(start))
                };
                row.span = within(row.span, file);
                row.source = source_id(file);
                for label in &mut row.secondary {
                    let file = self.file_at(label.span.start);
                    label.span = within(label.span, file);
                    label.source = source_id(file);
                }
                if let Some(edit) = row.hint.as_mut().and_then(|hint| hint.replacement.as_mut()) {
                    edit.span = within(edit.span, file);
                }
            }
        }
        diagnostics.sort_by_key(|row| (row.source, row.span.start, row.code));
    }
}

/// What a sink holds, by document and place, with spans within each document.
#[must_use]
pub fn diagnostics(sink: Sink, sources: &Sources<'_>) -> Vec<Diagnostic> {
    let mut rows = sink.into_sorted();
    sources.localise(&mut rows);
    rows
}

fn source_id(file: usize) -> SourceId {
    SourceId(u16::try_from(file).unwrap_or(u16::MAX))
}

fn is_text(bytes: &[u8]) -> bool {
    core::str::from_utf8(bytes).is_ok()
}

fn blanks(length: usize) -> Vec<u8> {
    alloc::vec![b' '; length]
}
