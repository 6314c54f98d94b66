//! Documents that a document depends on: finding them, the order of libraries, circles.
//!
//! The compiler reads no files. [`gather`] asks its caller for every document that is named, and
//! makes one piece of all; compiling that piece needs nobody any more.
//!
//! # Invariants
//! 1. A path is looked up from the folder of the document that names it; `.` and `..` are taken out
//!    by their letters, so that one path has one spelling.
//! 2. A document is compiled once, however many name it.
//! 3. A library comes before every document that uses it; a circle is an error that shows all of it.

use alloc::borrow::{Cow, ToOwned};
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use flux_abi::limits::{DOCUMENT_BYTES, DOCUMENTS};
use flux_proto::bundle::{Bundle, BundleError, Content, Entry, TEXT_BYTES};

use crate::children;
use crate::diag::{Diagnostic, Sink, codes};
use crate::lang::syntax;
use crate::lang::syntax::ast::{Document, Ident};
use crate::md;
use crate::sources::{FileState, Sources};
use crate::span::{SourceId, Span};

/// A document that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What is the same for the same document under other paths.
    pub identity: String,
}

/// Where documents are: paths are relative to the folder of the first document.
pub type Reader<'r> = &'r mut dyn FnMut(&str) -> Result<Found, String>;

/// A document with all that it depends on in one piece, as the compiler takes it; `None` if the
/// document names no other. What cannot be read is in the piece with the reason.
///
/// `identity` is that of the document.
///
/// # Errors
/// Texts over the limits of a bundle.
pub fn gather(
    name: &str,
    document: &[u8],
    identity: String,
    read: Reader<'_>,
) -> Result<Option<Vec<u8>>, BundleError> {
    let mut wanted = named_by(document, "");
    if wanted.is_empty() {
        return Ok(None);
    }
    wanted.reverse();
    let mut total = document.len();
    let mut identities = alloc::vec![identity];
    let first = Entry { path: Cow::Owned(name.to_owned()), content: Content::Document(document.into()) };
    let mut entries: Vec<Entry<'_>> = alloc::vec![first];
    while let Some(path) = wanted.pop() {
        if entries.len() >= DOCUMENTS || entries.iter().any(|entry| entry.path == path) {
            continue;
        }
        let content = match read(&path) {
            Ok(found) => {
                match identities.iter().position(|known| !known.is_empty() && *known == found.identity) {
                    Some(same) => Content::Same(u16::try_from(same).unwrap_or(u16::MAX)),
                    None if total.saturating_add(found.bytes.len()) > DOCUMENT_BYTES / 16 * 15 => {
                        Content::Unreadable(
                            format!(
                                "with it the documents would hold more than {} bytes",
                                DOCUMENT_BYTES / 16 * 15
                            )
                            .into(),
                        )
                    }
                    None => {
                        total = total.saturating_add(found.bytes.len());
                        wanted.extend(named_by(&found.bytes, &path).into_iter().rev());
                        // Same position as the entry, so that a second path finds it.
                        identities.resize(entries.len(), String::new());
                        identities.push(found.identity);
                        Content::Document(found.bytes.into())
                    }
                }
            }
            Err(mut reason) => {
                let end = (0..=TEXT_BYTES.min(reason.len())).rev().find(|at| reason.is_char_boundary(*at));
                reason.truncate(end.unwrap_or(0));
                Content::Unreadable(reason.into())
            }
        };
        entries.push(Entry { path: path.into(), content });
    }
    Bundle { entries }.encode().map(Some)
}

/// Paths that a document names, in order; those that are no paths are left to the compiler.
fn named_by(document: &[u8], path: &str) -> Vec<String> {
    // Most documents name no other: they are not read a second time.
    let mention = [b"dependencies".as_slice(), b"import:"];
    if !mention.into_iter().any(|word| places_of(document, word).next().is_some()) && !may_spawn(document) {
        return Vec::new();
    }
    let mut sink = Sink::new(SourceId(0));
    let Some(parsed) = syntax::parse(document, &mut sink) else { return Vec::new() };
    let named = libraries(&parsed).into_iter().filter_map(|dependency| join(path, dependency.path.text).ok());
    let started = parsed.agents.iter().flat_map(children::sites);
    named.chain(started.filter_map(|site| join(path, &site.path.name).ok())).collect()
}

/// Whether the word `from` stands before a text in quotes anywhere, as in `Spawn a from "a.flux.md"`.
fn may_spawn(document: &[u8]) -> bool {
    places_of(document, b"from").any(|at| {
        let rest = document.get(at.saturating_add(4)..).unwrap_or_default();
        rest.trim_ascii_start().starts_with(b"\"")
    })
}

/// Where `word`, which is of small letters, stands in a document, its case aside.
fn places_of<'d>(document: &'d [u8], word: &'static [u8]) -> impl Iterator<Item = usize> + 'd {
    let first = word.first().copied().unwrap_or_default();
    memchr::memchr2_iter(first, first.to_ascii_uppercase(), document).filter(move |at| {
        let part = document.get(*at..at.saturating_add(word.len()));
        part.is_some_and(|part| part.eq_ignore_ascii_case(word))
    })
}

/// A dependency as written.
#[derive(Clone, Copy, Debug)]
struct Dependency<'s> {
    path: Ident<'s>,
    name: Option<Ident<'s>>,
}

/// The libraries that a document names.
fn libraries<'s>(document: &Document<'s>) -> Vec<Dependency<'s>> {
    let imports = document.imports.iter().map(|import| import.path);
    document.frontmatter.dependencies.iter().copied().chain(imports).map(dependency).collect()
}

/// `path as name`, the path perhaps in quotes.
fn dependency(written: Ident<'_>) -> Dependency<'_> {
    let text = written.text.trim();
    let quoted = text.strip_prefix('"').and_then(|rest| rest.split_once('"'));
    let (path, name) = match quoted {
        Some((path, rest)) => (path, rest.trim_start().strip_prefix("as ")),
        None => match text.rsplit_once(" as ") {
            Some((path, name)) => (path.trim_end(), Some(name)),
            None => (text, None),
        },
    };
    let part = |text| part_of(written, text);
    Dependency { path: part(path), name: name.map(|name| part(name.trim())) }
}

/// A part of a text with its place.
fn part_of<'s>(whole: Ident<'s>, text: &'s str) -> Ident<'s> {
    let offset = (text.as_ptr() as usize).saturating_sub(whole.text.as_ptr() as usize);
    let start = (whole.span.start as usize).saturating_add(offset);
    Ident { text, span: Span::from_usize(start, start.saturating_add(text.len())) }
}

/// The path of `named` as the document at `from` means it.
pub(crate) fn join(from: &str, named: &str) -> Result<String, &'static str> {
    if named.is_empty() || named.len() > TEXT_BYTES {
        return Err("a path to a document is needed");
    }
    if named.starts_with('/') || named.contains(':') {
        return Err("a path relative to this document is needed");
    }
    if named.contains('\\') || named.chars().any(char::is_control) {
        return Err("`/` stands between the folders of a path, and no control characters");
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(named.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    match parts.last() {
        None | Some(&"..") => Err("this is a folder; name a document in it"),
        Some(_) => Ok(parts.join("/")),
    }
}

/// The file that `named` means in the document at `from`; what is wrong with it goes to `sink`.
pub(crate) fn find(sources: &Sources<'_>, from: &str, named: Ident<'_>, sink: &mut Sink) -> Option<usize> {
    let path = match join(from, named.text) {
        Ok(path) => path,
        Err(expected) => {
            sink.push(
                Diagnostic::new(
                    codes::DOCUMENT_MISSING,
                    named.span,
                    format!("`{}` is no path to a document", named.text),
                )
                .expected(expected)
                .hint("for example `lib/units.flux.md`"),
            );
            return None;
        }
    };
    let files = sources.files();
    let at = files.iter().position(|file| file.path == path);
    let state = at.and_then(|at| Some((at, &files.get(at)?.state)));
    let reason = match state {
        Some((at, FileState::Text(_))) => return Some(at),
        Some((_, FileState::Same(other))) => return Some(*other),
        Some((_, FileState::Unreadable(reason))) => reason.clone(),
        None => format!("it is not among the documents given, which may be {DOCUMENTS} at most"),
    };
    sink.push(
        Diagnostic::new(
            codes::DOCUMENT_MISSING,
            named.span,
            format!("the document `{path}` can't be read: {reason}"),
        )
        .label("named here"),
    );
    None
}

/// One document of a compilation.
#[derive(Debug)]
pub(crate) struct Unit<'s> {
    /// Its syntax tree.
    pub(crate) document: Document<'s>,
    /// Its path.
    pub(crate) path: String,
    /// File name without endings, as a name of the language.
    pub(crate) stem: String,
    /// Its place in the whole text.
    pub(crate) span: Span,
    /// Libraries by the names under which it uses them.
    pub(crate) imports: Vec<Import>,
}

/// A library that a document uses.
#[derive(Clone, Debug)]
pub(crate) struct Import {
    /// Under which name.
    pub(crate) name: String,
    /// Its number.
    pub(crate) unit: usize,
    /// Where it is named.
    pub(crate) span: Span,
}

/// The documents of a compilation: number 0 is the document itself, then libraries.
#[derive(Debug, Default)]
pub(crate) struct Units<'s> {
    /// By number.
    pub(crate) units: Vec<Unit<'s>>,
    /// Numbers, each library before what uses it.
    pub(crate) order: Vec<usize>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Mark {
    Open,
    Done,
}

struct Linker<'s, 'k> {
    sources: &'s Sources<'s>,
    sink: &'k mut Sink,
    /// The file that is compiled.
    root: usize,
    units: Units<'s>,
    marks: Vec<Mark>,
    /// Unit of each file.
    of_file: Vec<Option<usize>>,
}

/// Reads the document in file `root` and its libraries. `None` if the document itself is no text.
pub(crate) fn link<'s>(sources: &'s Sources<'s>, root: usize, sink: &mut Sink) -> Option<Units<'s>> {
    let of_file = alloc::vec![None; sources.files().len()];
    let mut linker = Linker { sources, sink, root, units: Units::default(), marks: Vec::new(), of_file };
    linker.sink.charge(sources.text().len(), Span::empty(0));
    linker.open(root)?;
    // Units under way, each with the imports that are still to be looked at.
    let mut path: Vec<(usize, Vec<Dependency<'s>>)> = alloc::vec![(0, linker.wanted(0))];
    while let Some((unit, wanted)) = path.last_mut() {
        let unit = *unit;
        let Some(next) = wanted.pop() else {
            if let Some(mark) = linker.marks.get_mut(unit) {
                *mark = Mark::Done;
            }
            linker.units.order.push(unit);
            path.pop();
            continue;
        };
        let Some(file) = linker.find(unit, next.path) else { continue };
        match linker.of_file.get(file).copied().flatten() {
            Some(other) if linker.marks.get(other) == Some(&Mark::Open) => {
                let open: Vec<usize> = path.iter().map(|(unit, _)| *unit).collect();
                linker.circle(&open, other, next.path);
            }
            Some(other) => linker.import(unit, other, next),
            None => {
                if let Some(other) = linker.open(file) {
                    linker.import(unit, other, next);
                    path.push((other, linker.wanted(other)));
                } else {
                    linker.faulty(next.path, "is no text");
                }
            }
        }
    }
    Some(linker.units)
}

impl<'s> Linker<'s, '_> {
    /// Reads a file; its number as a unit.
    fn open(&mut self, file: usize) -> Option<usize> {
        let FileState::Text(bytes) = self.sources.files().get(file)?.state else { return None };
        if file == 0 {
            md::text(bytes, self.sink)?;
        } else {
            self.check(file, bytes)?;
        }
        let (text, start) = self.sources.up_to(file);
        let document = syntax::parse_from(text, start, self.sink);
        let path = self.sources.files().get(file).map_or("", |file| file.path.as_str());
        let number = self.units.units.len();
        let unit = Unit {
            document,
            path: path.to_owned(),
            stem: stem(path).replace('-', "_"),
            span: self.sources.span(file),
            imports: Vec::new(),
        };
        self.units.units.push(unit);
        self.marks.push(Mark::Open);
        *self.of_file.get_mut(file)? = Some(number);
        Some(number)
    }

    /// Looks whether a library is a text; what is wrong is said at its place in the whole text.
    fn check(&mut self, file: usize, bytes: &[u8]) -> Option<()> {
        let mut own = Sink::new(self.sink.source());
        let result = md::text(bytes, &mut own).map(|_| ());
        let start = self.sources.span(file).start;
        for mut row in own.into_sorted() {
            row.span = Span::new(row.span.start.saturating_add(start), row.span.end.saturating_add(start));
            self.sink.push(row);
        }
        result
    }

    /// The imports of a unit, the first one last.
    fn wanted(&mut self, unit: usize) -> Vec<Dependency<'s>> {
        let Some(unit) = self.units.units.get(unit) else { return Vec::new() };
        for key in unit.document.imports.iter().flat_map(|import| &import.keys) {
            self.sink.push(
                Diagnostic::new(
                    codes::UNKNOWN_KEY,
                    key.key.span,
                    format!("an import has no key `{}`", key.key.text),
                )
                .hint("another name is given in the heading: `## import: units.flux.md as u`"),
            );
        }
        let mut list = libraries(&unit.document);
        list.reverse();
        list
    }

    /// The file that a path of a unit means.
    fn find(&mut self, unit: usize, named: Ident<'s>) -> Option<usize> {
        // The first document has the name that it was given, which is no path from its own folder.
        let own = self.units.units.get(unit).filter(|_| unit > 0 || self.root > 0);
        find(self.sources, own.map_or("", |unit| unit.path.as_str()), named, self.sink)
    }

    fn circle(&mut self, open: &[usize], back_to: usize, at: Ident<'s>) {
        let name = |unit: &usize| self.units.units.get(*unit).map_or("", |unit| unit.path.as_str());
        let start = open.iter().position(|unit| *unit == back_to).unwrap_or(0);
        let mut circle: Vec<&str> = open.iter().skip(start).map(name).collect();
        circle.push(name(&back_to));
        let circle = circle.join(" → ");
        self.sink.push(
            Diagnostic::new(
                codes::DEPENDENCY_CIRCLE,
                at.span,
                format!("documents depend on each other: {circle}"),
            )
            .label("closes the circle")
            .hint("move what both need into a document of its own"),
        );
    }

    fn faulty(&mut self, at: Ident<'s>, what: &str) {
        self.sink.push(
            Diagnostic::new(codes::LIBRARY_FAULTY, at.span, format!("the library `{}` {what}", at.text))
                .label("used here"),
        );
    }

    /// Notes that a unit uses another one, under which name.
    fn import(&mut self, unit: usize, other: usize, written: Dependency<'s>) {
        let name = match (written.name, self.units.units.get(other)) {
            (Some(name), _) => name.text.to_string(),
            (None, Some(other)) => other.stem.clone(),
            (None, None) => return,
        };
        let span = written.name.unwrap_or(written.path).span;
        if !syntax::is_name(&name) {
            self.sink.push(
                Diagnostic::new(
                    codes::BAD_VALUE,
                    span,
                    format!("`{name}` can't be the name of a library in code"),
                )
                .expected("a word of letters, digits and `_` without a meaning in the language")
                .hint(format!("give it one: `{} as units`", written.path.text)),
            );
            return;
        }
        let Some(unit) = self.units.units.get_mut(unit) else { return };
        match unit.imports.iter().find(|import| import.name == name) {
            None => unit.imports.push(Import { name, unit: other, span }),
            // Naming it in the frontmatter and in a section is no mistake.
            Some(first) if first.unit == other => {}
            Some(first) => {
                let first = first.span;
                self.sink.push(
                    Diagnostic::new(
                        codes::DUPLICATE_NAME,
                        span,
                        format!("two libraries are called `{name}`"),
                    )
                    .secondary(first, "the first one")
                    .hint(format!("give one another name: `{} as {name}_2`", written.path.text)),
                );
            }
        }
    }
}

impl Units<'_> {
    /// Says of every use of a library with errors that it has them.
    pub(crate) fn report_faulty(&self, sink: &mut Sink) {
        let counted = |unit: &Unit<'_>| {
            let rows = sink.diagnostics().iter().filter(|row| row.severity() == crate::diag::Severity::Error);
            rows.filter(|row| row.span.start >= unit.span.start && row.span.start <= unit.span.end).count()
        };
        let errors: Vec<usize> = self.units.iter().map(counted).collect();
        for import in self.units.iter().flat_map(|unit| &unit.imports) {
            let (Some(count), Some(unit)) = (errors.get(import.unit), self.units.get(import.unit)) else {
                continue;
            };
            if *count > 0 {
                let noun = if *count == 1 { "error" } else { "errors" };
                sink.push(
                    Diagnostic::new(
                        codes::LIBRARY_FAULTY,
                        import.span,
                        format!("the library `{}` has {count} {noun}", unit.path),
                    )
                    .label("used here"),
                );
            }
        }
    }
}

/// The file name without folders and endings: `apps/sensor.flux.md` → `sensor`.
pub(crate) fn stem(name: &str) -> &str {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = file.split('.').next().unwrap_or(file);
    if stem.is_empty() { "agent" } else { stem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_document_that_names_them() {
        assert_eq!(join("", "units.flux.md").as_deref(), Ok("units.flux.md"));
        assert_eq!(join("lib/a.flux.md", "./b.flux.md").as_deref(), Ok("lib/b.flux.md"));
        assert_eq!(join("lib/a.flux.md", "../b.flux.md").as_deref(), Ok("b.flux.md"));
        assert_eq!(join("", "../../b.flux.md").as_deref(), Ok("../../b.flux.md"));
        for wrong in ["", "/etc/b.flux.md", "c:b.flux.md", "lib\\b.flux.md", "..", ".", "lib/.."] {
            assert!(join("", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_dependency_may_have_a_name_of_its_own() {
        let of = |text: &'static str| {
            let found = dependency(Ident { text, span: Span::from_usize(0, text.len()) });
            (found.path.text, found.name.map(|name| (name.text, name.span.start)))
        };
        assert_eq!(of("units.flux.md"), ("units.flux.md", None));
        assert_eq!(of("units.flux.md as u"), ("units.flux.md", Some(("u", 17))));
        assert_eq!(of("\"my units.flux.md\" as u"), ("my units.flux.md", Some(("u", 22))));
    }
}
