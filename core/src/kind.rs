//! What kind of file a command was given, and which command takes it.

use crate::error::Error;
use crate::source::Source;

/// Kinds of files that commands take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A FLUX.MD document.
    Document,
    /// A compiled module.
    Module,
    /// Assembly text.
    Assembly,
    /// FIR text.
    Fir,
    /// Anything else.
    Other,
}

impl Kind {
    /// What it is, in words.
    const fn words(self) -> &'static str {
        match self {
            Self::Document => "a document",
            Self::Module => "a compiled module",
            Self::Assembly => "assembly text",
            Self::Fir => "FIR text",
            Self::Other => "something else",
        }
    }

    /// Which commands take a file of this kind.
    fn advice(self, path: &str) -> String {
        match self {
            Self::Document => format!("`flux build {path}` makes its module, `flux run {path}` runs it"),
            Self::Module => format!(
                "`flux run {path}` runs it, `flux inspect {path}` and `flux disasm {path}` show what is in it"
            ),
            Self::Assembly => format!("`flux asm {path}` makes its module"),
            Self::Fir => format!("`flux compile --input {path} --input-lang fir` makes its module"),
            Self::Other => "check the path".into(),
        }
    }
}

/// The kind of a file by its first bytes, and by its name where these tell nothing.
#[must_use]
pub fn kind(source: &Source) -> Kind {
    if source.is_module() {
        return Kind::Module;
    }
    let Ok(text) = std::str::from_utf8(&source.bytes) else { return Kind::Other };
    let named = |ending: &str| source.name.to_lowercase().ends_with(ending);
    if named(".md") || named(".markdown") {
        return Kind::Document;
    }
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(';'));
    match first.unwrap_or("") {
        line if line.starts_with("fir \"") => Kind::Fir,
        line if line.starts_with('.') && line.get(1..2).is_some_and(|c| c != ".") => Kind::Assembly,
        line if line.starts_with('#') || line == "---" => Kind::Document,
        _ => Kind::Other,
    }
}

/// Gives back a file that may be of the wanted kind.
///
/// # Errors
/// [`Error::Read`] for a file that is surely of another kind, with the command that takes it.
pub fn expect(source: Source, wanted: Kind) -> Result<Source, Error> {
    let found = kind(&source);
    if found == wanted || found == Kind::Other {
        return Ok(source);
    }
    let advice = found.advice(&source.shown());
    Err(Error::Read {
        path: source.path,
        why: format!("it is {}, and {} is wanted here", found.words(), wanted.words()),
        advice,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(name: &str, text: &str) -> Kind {
        kind(&Source::from_bytes(name, text.into()))
    }

    #[test]
    fn the_first_line_tells_the_kind_where_the_name_does_not() {
        assert_eq!(kind_of("a.flux.md", ".name \"x\""), Kind::Document);
        assert_eq!(kind_of("a.fluxasm", "; made by hand\n\n.exact\n"), Kind::Assembly);
        assert_eq!(kind_of("a.txt", "fir \"demo\"\n"), Kind::Fir);
        assert_eq!(kind_of("a.txt", "# Title\n"), Kind::Document);
        assert_eq!(kind_of("a.bin", "FLXM\u{1}"), Kind::Module);
        assert_eq!(kind_of("a.txt", "prose"), Kind::Other);
        assert_eq!(kind_of("a.txt", ""), Kind::Other);
    }

    #[test]
    fn a_file_of_another_kind_names_the_command_that_takes_it() {
        let source = Source::from_bytes("a.flux.md", b"# A\n".to_vec());
        let error = expect(source, Kind::Assembly).unwrap_err().to_string();
        assert!(error.contains("a document, and assembly text is wanted"), "{error}");
        assert!(error.contains("`flux build a.flux.md`"), "{error}");
        assert!(expect(Source::from_bytes("notes.txt", b"x".to_vec()), Kind::Module).is_ok());
    }
}
