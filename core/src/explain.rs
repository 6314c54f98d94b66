//! Pages that explain each diagnostic: what it means, a document that has it, how to mend it.
//!
//! Title and meaning stand in the compiler's table of codes; the longer texts stand here, where
//! they burden no kernel. A test holds the two together.
//!
//! # Invariants
//! 1. Every code of [`codes::TABLE`] has one page, and the pages stand in the table's order.
//! 2. The example of a page has the page's diagnostic; its mended version has none, apart from a State variable
//!    that a short example has no use for.
//!
//! ```
//! let page = flux_core::explain::find("e0205").unwrap();
//! assert_eq!(page.title(), "empty block");
//! ```

mod pages;

use std::fmt::Write as _;

use flux_fluxc::diag::{Code, codes};
use serde::Serialize;

use crate::error::Error;

/// A document that has the diagnostic.
#[derive(Clone, Copy, Debug)]
pub enum Example {
    /// Its text.
    Text(&'static str),
    /// One that is no text or too large to show.
    Made {
        /// What it is.
        words: &'static str,
        /// Makes it.
        make: fn() -> Vec<u8>,
    },
}

impl Example {
    /// The bytes of the document.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.as_bytes().to_vec(),
            Self::Made { make, .. } => make(),
        }
    }
}

/// The page of one code.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The code.
    pub code: Code,
    /// What to do about it.
    pub mend: &'static str,
    /// A document that has it.
    pub example: Example,
    /// The same document without it.
    pub mended: &'static str,
}

impl Page {
    /// A few words that name the rule.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.code.info().map_or("", |info| info.title)
    }

    /// Why the rule is there.
    #[must_use]
    pub fn meaning(&self) -> &'static str {
        self.code.info().map_or("", |info| info.explanation)
    }

    /// The page as Markdown, under a heading of level 2.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = format!("## {}: {}\n\n{}\n\n", self.code, self.title(), self.meaning());
        match self.example {
            Example::Text(text) => {
                let _ = write!(out, "This document has it:\n\n````markdown\n{text}````\n\n");
            }
            Example::Made { words, .. } => {
                let _ = write!(out, "Example: {words}.\n\n");
            }
        }
        let _ = write!(out, "{}\n\nMended:\n\n````markdown\n{}````\n", self.mend, self.mended);
        out
    }

    /// The page as data.
    #[must_use]
    pub fn data(&self) -> Data {
        Data {
            code: self.code.to_string(),
            severity: self.code.severity().word(),
            title: self.title(),
            meaning: self.meaning(),
            example: match self.example {
                Example::Text(text) => text,
                Example::Made { words, .. } => words,
            },
            mend: self.mend,
            mended: self.mended,
        }
    }
}

/// A page for programs.
#[derive(Clone, Debug, Serialize)]
pub struct Data {
    /// Code, `E0301`.
    pub code: String,
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// A few words that name the rule.
    pub title: &'static str,
    /// Why the rule is there.
    pub meaning: &'static str,
    /// A document that has the diagnostic, or words about one that can't be shown.
    pub example: &'static str,
    /// What to do.
    pub mend: &'static str,
    /// The document without the diagnostic.
    pub mended: &'static str,
}

/// Every page, errors first.
pub fn pages() -> impl Iterator<Item = &'static Page> {
    pages::GROUPS.iter().copied().flatten()
}

/// The page of a code as people type it: `E0301`, `e301`.
///
/// # Errors
/// [`Error::Option`] with the nearest codes.
pub fn find(text: &str) -> Result<&'static Page, Error> {
    let found = Code::parse(text.trim()).and_then(|code| pages().find(|page| page.code == code));
    found.ok_or_else(|| Error::Option {
        option: text.to_owned(),
        why: match nearest(text) {
            Some(code) => {
                format!("there is no such code; did you mean {code}? `flux explain` lists all of them")
            }
            None => {
                "there is no such code; codes look like E0301, and `flux explain` lists all of them".into()
            }
        },
    })
}

fn nearest(text: &str) -> Option<String> {
    let wanted = text.trim().to_uppercase();
    codes::TABLE
        .iter()
        .map(|row| row.code.to_string())
        .map(|code| (strsim::damerau_levenshtein(&code, &wanted), code))
        .min()
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, code)| code)
}

/// All pages as one Markdown document: docs/ERRORS.md.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(
        "# Diagnostics\n\n<!-- Made from core/src/explain by `cargo xtask docs`. Change it there. -->\n\n\
         What the compiler says about documents. Each page stands here as `flux explain CODE` shows it; a test checks\n\
         that every example has its diagnostic and that the mended document has none.\n\n",
    );
    for page in pages() {
        let anchor = format!("{}: {}", page.code, page.title()).to_lowercase();
        let anchor: String = anchor
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let _ = writeln!(out, "- [{}](#{anchor}) {}", page.code, page.title());
    }
    for page in pages() {
        out.push('\n');
        out.push_str(&page.markdown());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile;
    use crate::source::Source;
    use flux_fluxc::Level;

    /// Codes of all diagnostics of a document.
    fn codes_of(bytes: Vec<u8>) -> Vec<Code> {
        let source = Source {
            path: "example.flux.md".into(),
            name: "example.flux.md".into(),
            bytes,
            bundle: None,
            missing: Vec::new(),
        };
        let outcomes = compile::documents(&[source], Level::default());
        outcomes.iter().flat_map(|outcome| outcome.diagnostics.iter().map(|row| row.code)).collect()
    }

    #[test]
    fn every_code_has_one_page_in_order() {
        let table: Vec<Code> = codes::TABLE.iter().map(|row| row.code).collect();
        let pages: Vec<Code> = pages().map(|page| page.code).collect();
        assert_eq!(table, pages);
    }

    #[test]
    fn every_example_has_its_diagnostic_and_its_mended_version_has_none() {
        let mut faults = Vec::new();
        for page in pages() {
            let before = codes_of(page.example.bytes());
            if !before.contains(&page.code) {
                faults.push(format!("{}: the example has {before:?}", page.code));
            }
            let after = codes_of(page.mended.as_bytes().to_vec());
            if !after.is_empty() {
                let after: Vec<String> = after.iter().map(Code::to_string).collect();
                faults.push(format!("{}: the mended version has {after:?}", page.code));
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn codes_are_found_as_people_type_them() {
        for text in ["E0301", "e0301", " e301 "] {
            assert_eq!(find(text).unwrap().title(), "step not understood");
        }
        let error = find("E0303x").unwrap_err().to_string();
        assert!(error.contains("did you mean E0303?"), "{error}");
        assert!(find("what").unwrap_err().to_string().contains("codes look like E0301"));
    }
}
