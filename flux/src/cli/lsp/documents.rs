//! The documents that the editor has open, each looked over once for each change.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use flux_core::editor::{self, Analysis, LineTable};
use flux_core::source::identity;
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
        let analysis = editor::analyse(&text, &path(&uri), &|path| self.text_of(path));
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

    /// Looks over again what uses the document; gives the documents concerned, in the order of their names.
    pub(super) fn look_at_users_of(&mut self, library: &Uri) -> Vec<Uri> {
        let changed = identity(&path(library));
        let uses = |open: &&Open| open.analysis.libraries.iter().any(|path| identity(path) == changed);
        let mut users: Vec<Uri> = self.open.values().filter(uses).map(|open| open.uri.clone()).collect();
        users.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        for uri in &users {
            if let Some(open) = self.open.remove(uri.as_str()) {
                self.open(open.uri, open.text);
            }
        }
        users
    }

    /// The text of a document that is open, whatever path leads to it.
    fn text_of(&self, wanted: &Path) -> Option<String> {
        let wanted = identity(wanted);
        self.open.values().find(|open| identity(&path(&open.uri)) == wanted).map(|open| open.text.clone())
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_open_is_read_as_the_editor_has_it() {
        let folder = std::env::temp_dir().join(format!("flux-open-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let old = "# Units\n\n```flux\nconst ZERO: f64 = -273.15\n```\n";
        std::fs::write(folder.join("units.flux.md"), old).unwrap();
        let uri = |name: &str| -> Uri { format!("file://{}/{name}", folder.display()).parse().unwrap() };
        let (oven, units) = (uri("oven.flux.md"), uri("units.flux.md"));
        let text = "# Oven\n\n## import: units.flux.md\n\n## Init\n1. Log \"{units.FREEZING}\"\n";
        let mut documents = Documents::new(Encoding::Utf8);
        documents.open(oven.clone(), text.into());
        let faults = |documents: &Documents| documents.get(&oven).unwrap().analysis.diagnostics.len();
        assert_eq!(faults(&documents), 1);
        documents.open(units.clone(), old.replace("ZERO", "FREEZING"));
        assert_eq!(documents.look_at_users_of(&units), std::slice::from_ref(&oven));
        assert_eq!(faults(&documents), 0);
        // Closed without being saved.
        documents.close(&units);
        assert_eq!(documents.look_at_users_of(&units), std::slice::from_ref(&oven));
        assert_eq!(faults(&documents), 1);
        assert!(documents.look_at_users_of(&oven).is_empty());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
