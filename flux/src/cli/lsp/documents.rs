//! The documents that the editor has open, each looked over once for each change.

use std::collections::HashMap;
use std::path::PathBuf;

use flux_core::editor::{self, Analysis, LineTable};
use lsp_types::{TextDocumentContentChangeEvent, Uri};

use super::convert::Encoding;

/// An open document.
pub(super) struct Open {
    pub(super) uri: Uri,
    pub(super) text: String,
    pub(super) lines: LineTable,
    pub(super) analysis: Analysis,
    pub(super) encoding: Encoding,
}

impl Open {
    /// The name of its file.
    pub(super) fn name(&self) -> &str {
        file_name(&self.uri)
    }
}

/// All of them.
pub(super) struct Documents {
    open: HashMap<String, Open>,
    encoding: Encoding,
}

impl Documents {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { open: HashMap::new(), encoding }
    }

    pub(super) fn get(&self, uri: &Uri) -> Option<&Open> {
        self.open.get(uri.as_str())
    }

    /// Every open document, in the order of their names.
    pub(super) fn all(&self) -> Vec<&Open> {
        let mut all: Vec<&Open> = self.open.values().collect();
        all.sort_by_key(|open| open.uri.as_str().to_owned());
        all
    }

    pub(super) fn open(&mut self, uri: Uri, text: String) {
        let lines = LineTable::new(&text);
        let analysis = editor::analyse(&text, &path(&uri));
        let encoding = self.encoding;
        self.open.insert(uri.as_str().to_owned(), Open { uri, text, lines, analysis, encoding });
    }

    /// Applies changes in their order; ranges refer to the text as the ones before left it.
    pub(super) fn change(&mut self, uri: &Uri, changes: Vec<TextDocumentContentChangeEvent>) {
        let Some(open) = self.open.remove(uri.as_str()) else { return };
        let (mut text, mut lines) = (open.text, open.lines);
        for change in changes {
            match change.range {
                Some(range) => {
                    let start = self.encoding.offset(&text, &lines, range.start) as usize;
                    let end = self.encoding.offset(&text, &lines, range.end) as usize;
                    text.replace_range(start..end.max(start), &change.text);
                }
                None => text = change.text,
            }
            lines = LineTable::new(&text);
        }
        self.open(open.uri, text);
    }

    pub(super) fn close(&mut self, uri: &Uri) {
        self.open.remove(uri.as_str());
    }
}

/// The path of a document; of one that is no file, its name.
fn path(uri: &Uri) -> PathBuf {
    let Some(path) = uri.as_str().strip_prefix("file://") else { return file_name(uri).into() };
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|two| std::str::from_utf8(two).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}

fn file_name(uri: &Uri) -> &str {
    uri.as_str().rsplit('/').next().unwrap_or("document.flux.md")
}
