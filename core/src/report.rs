//! Shows diagnostics: as text that underlines the document, and as data.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use flux_fluxc::diag::{Diagnostic, Label, Severity};
use flux_fluxc::span::{LineTable, SourceId, Span};
use serde::Serialize;

/// Whether text carries terminal colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Style {
    /// For a terminal.
    Colour,
    /// For files, pipes and `NO_COLOR`.
    Plain,
}

/// Bytes of one line that are shown; the rest of a longer one is cut.
const SHOWN_BYTES: usize = 400;

/// The documents of a compilation by number, as people know them.
#[derive(Clone, Debug)]
pub struct Texts<'t> {
    list: Vec<(String, &'t str)>,
}

impl<'t> Texts<'t> {
    /// A document alone.
    #[must_use]
    pub fn one(name: &str, source: &'t [u8]) -> Self {
        let mut texts = Self { list: Vec::new() };
        texts.push(name.to_owned(), source);
        texts
    }

    /// Adds the document of the next number.
    pub(crate) fn push(&mut self, name: String, source: &'t [u8]) {
        // Spans are offsets into valid UTF-8; a lossy copy would shift them, so damaged text is not shown.
        self.list.push((name, std::str::from_utf8(source).unwrap_or("")));
    }

    fn get(&self, source: SourceId) -> (&str, &'t str) {
        self.list.get(usize::from(source.0)).map_or(("", ""), |(name, text)| (name, text))
    }

    /// Lines of each document.
    fn tables(&self) -> Vec<LineTable> {
        self.list.iter().map(|(_, text)| LineTable::new(text)).collect()
    }
}

/// A document with its lines.
struct Place<'t> {
    name: &'t str,
    text: &'t str,
    table: &'t LineTable,
}

/// Renders diagnostics, each with the lines it is about.
#[must_use]
pub fn render(texts: &Texts<'_>, diagnostics: &[Diagnostic], style: Style) -> String {
    let tables = texts.tables();
    let none = LineTable::default();
    let place = |source: SourceId| {
        let (name, text) = texts.get(source);
        Place { name, text, table: tables.get(usize::from(source.0)).unwrap_or(&none) }
    };
    let renderer = match style {
        Style::Colour => Renderer::styled().decor_style(DecorStyle::Unicode),
        Style::Plain => Renderer::plain(),
    };
    let mut out = String::new();
    for diagnostic in diagnostics {
        let level = match diagnostic.severity() {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let code = diagnostic.code.to_string();
        let Place { name, text, table } = place(diagnostic.source);
        let window = Window::around(text, table, diagnostic.span);
        let near = |label: &&Label| label.source == diagnostic.source && window.covers(label.span);
        let mut group = level
            .primary_title(clean(&diagnostic.message))
            .id(code.as_str())
            .element(window.primary(name, diagnostic, diagnostic.secondary.iter().filter(near)));
        for label in diagnostic.secondary.iter().filter(|label| !near(label)) {
            let Place { name, text, table } = place(label.source);
            let far = Window::around(text, table, label.span);
            group = group.element(far.context(name, label.span, &label.text));
        }
        if let Some(expected) = &diagnostic.expected {
            group = group.element(Level::NOTE.with_name(Some("expected")).message(clean(expected)));
        }
        if let Some(found) = &diagnostic.found {
            group = group.element(Level::NOTE.with_name(Some("found")).message(clean(found)));
        }
        let mut report: Vec<Group<'_>> = vec![];
        if let Some(hint) = &diagnostic.hint {
            match &hint.replacement {
                Some(edit) => {
                    report.push(group);
                    let window = Window::around(text, table, edit.span);
                    report.push(
                        Level::HELP
                            .secondary_title(clean(&hint.text))
                            .element(window.patch(name, edit.span, &edit.text)),
                    );
                }
                None => report.push(group.element(Level::HELP.message(clean(&hint.text)))),
            }
        } else {
            report.push(group);
        }
        out.push_str(&renderer.render(&report));
        out.push_str("\n\n");
    }
    out
}

/// Text without control characters: a document's own words must not steer the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{FFFD}' } else { c }).collect()
}

/// The lines around a span, so that a message about a large document costs only what it shows.
struct Window {
    text: String,
    first_line: usize,
    start: usize,
}

impl Window {
    fn around(text: &str, table: &LineTable, span: Span) -> Self {
        let first = table.line(span.start);
        let last = table.line(span.end.max(span.start)).min(first.saturating_add(8));
        let start = table.start_of(first).unwrap_or(0) as usize;
        let end = table.start_of(last.saturating_add(1)).map_or(text.len(), |at| at as usize);
        let mut shown = text.get(start..end).unwrap_or("").trim_end_matches(['\r', '\n']);
        let needed = (span.end as usize).saturating_sub(start).saturating_add(SHOWN_BYTES);
        if shown.len() > needed {
            let cut = (0..=needed).rev().find(|at| shown.is_char_boundary(*at)).unwrap_or(0);
            shown = shown.get(..cut).unwrap_or(shown);
        }
        // One replacement byte each keeps offsets: control characters are one byte in UTF-8 …
        let text = shown
            .chars()
            .map(|c| if c.is_ascii_control() && c != '\n' && c != '\t' { ' ' } else { c })
            .collect();
        Self { text, first_line: first as usize, start }
    }

    fn range(&self, span: Span) -> Range<usize> {
        let clamp = |at: u32| {
            let mut at = (at as usize).saturating_sub(self.start).min(self.text.len());
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        clamp(span.start)..clamp(span.end)
    }

    fn primary<'d>(
        &self,
        name: &str,
        diagnostic: &Diagnostic,
        near: impl Iterator<Item = &'d Label>,
    ) -> Snippet<'static, annotate_snippets::Annotation<'static>> {
        let mut annotation = AnnotationKind::Primary.span(self.range(diagnostic.span));
        if !diagnostic.label.is_empty() {
            annotation = annotation.label(clean(&diagnostic.label));
        }
        let mut snippet = Snippet::source(self.text.clone())
            .line_start(self.first_line)
            .path(name.to_owned())
            .annotation(annotation);
        for label in near {
            snippet = snippet
                .annotation(AnnotationKind::Context.span(self.range(label.span)).label(clean(&label.text)));
        }
        snippet
    }

    /// Tells whether a span lies in the lines that are shown.
    fn covers(&self, span: Span) -> bool {
        (span.start as usize).checked_sub(self.start).is_some_and(|at| at < self.text.len())
    }

    fn context(
        &self,
        name: &str,
        span: Span,
        label: &str,
    ) -> Snippet<'static, annotate_snippets::Annotation<'static>> {
        Snippet::source(self.text.clone())
            .line_start(self.first_line)
            .path(name.to_owned())
            .annotation(AnnotationKind::Context.span(self.range(span)).label(clean(label)))
    }

    fn patch(&self, name: &str, span: Span, replacement: &str) -> Snippet<'static, Patch<'static>> {
        Snippet::source(self.text.clone())
            .line_start(self.first_line)
            .path(name.to_owned())
            .patch(Patch::new(self.range(span), replacement.to_owned()))
    }
}

/// A place in a document for programs: lines and columns from 1, columns in characters.
#[derive(Clone, Debug, Serialize)]
pub struct JsonPlace {
    /// The document, if it is not the one that was compiled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// First byte in the document.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Line of the first byte.
    pub line: u32,
    /// Column of the first byte.
    pub column: u32,
}

/// One diagnostic for programs.
#[derive(Clone, Debug, Serialize)]
pub struct JsonDiagnostic {
    /// Document.
    pub file: String,
    /// Code, `E0301`.
    pub code: String,
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub place: JsonPlace,
    /// What stands under the underlined place.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// Further places and what is there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<(JsonPlace, String)>,
    /// What would have been right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Edit that follows the hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement: Option<(JsonPlace, String)>,
}

/// Diagnostics for programs.
#[must_use]
pub fn to_json(texts: &Texts<'_>, diagnostics: &[Diagnostic]) -> Vec<JsonDiagnostic> {
    let tables = texts.tables();
    let none = LineTable::default();
    let place = |source: SourceId, span: Span| {
        let table = tables.get(usize::from(source.0)).unwrap_or(&none);
        let (name, text) = texts.get(source);
        let at = table.locate(text, span.start);
        let file = (source != SourceId(0)).then(|| name.to_owned());
        JsonPlace { file, start: span.start, end: span.end, line: at.line, column: at.column }
    };
    diagnostics
        .iter()
        .map(|diagnostic| JsonDiagnostic {
            file: texts.get(diagnostic.source).0.to_owned(),
            code: diagnostic.code.to_string(),
            severity: diagnostic.severity().word(),
            message: diagnostic.message.clone(),
            place: place(diagnostic.source, diagnostic.span),
            label: diagnostic.label.clone(),
            related: diagnostic
                .secondary
                .iter()
                .map(|label| (place(label.source, label.span), label.text.clone()))
                .collect(),
            expected: diagnostic.expected.clone(),
            found: diagnostic.found.clone(),
            hint: diagnostic.hint.as_ref().map(|hint| hint.text.clone()),
            replacement: diagnostic
                .hint
                .as_ref()
                .and_then(|hint| hint.replacement.as_ref())
                .map(|edit| (place(diagnostic.source, edit.span), edit.text.clone())),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flux_fluxc::diag::codes;

    fn sample() -> Diagnostic {
        Diagnostic::new(codes::UNKNOWN_STEP, Span::new(11, 15), "not understood")
            .label("no step begins so")
            .replace("write `Read`", Span::new(11, 15), "Read")
    }

    #[test]
    fn the_line_of_the_document_is_underlined_with_its_number() {
        let text =
            render(&Texts::one("a.flux.md", b"## Loop\n1. Rea temperature\n"), &[sample()], Style::Plain);
        assert!(text.contains("a.flux.md:2:4"), "{text}");
        assert!(text.contains("1. Rea temperature") && text.contains("^^^^"), "{text}");
        assert!(text.contains("write `Read`"), "{text}");
    }

    #[test]
    fn labels_on_the_line_of_the_mistake_are_drawn_in_one_snippet() {
        let near = sample().secondary(Span::new(8, 10), "near");
        let text = render(&Texts::one("a.flux.md", b"## Loop\n1. Rea temperature\n"), &[near], Style::Plain);
        assert!(text.contains("near"), "{text}");
        assert_eq!(text.matches("a.flux.md:2").count(), 1, "{text}");
        let far = sample().secondary(Span::new(0, 7), "far");
        let text = render(&Texts::one("a.flux.md", b"## Loop\n1. Rea temperature\n"), &[far], Style::Plain);
        assert!(text.contains("far") && text.contains("## Loop"), "{text}");
    }

    #[test]
    fn spans_beyond_the_text_and_damaged_text_do_not_panic() {
        let far = Diagnostic::new(codes::UNKNOWN_STEP, Span::new(9_000, 9_005), "x");
        assert!(render(&Texts::one("a", b"short"), std::slice::from_ref(&far), Style::Colour).contains('x'));
        assert!(
            render(&Texts::one("a", b"\xff\xfe"), std::slice::from_ref(&far), Style::Plain).contains('x')
        );
        assert_eq!(to_json(&Texts::one("a", b"\xff"), &[far])[0].place.line, 1);
    }

    #[test]
    fn control_characters_of_a_document_do_not_reach_the_terminal() {
        let source = b"## Loop\n1. \x1b[31mRea\n";
        let text = render(&Texts::one("a", source), &[sample()], Style::Plain);
        assert!(!text.contains('\x1b'), "{text:?}");
    }

    #[test]
    fn a_very_long_line_is_cut() {
        let mut source = b"## Loop\n1. Rea ".to_vec();
        source.extend(std::iter::repeat_n(b'x', 60_000));
        assert!(render(&Texts::one("a", &source), &[sample()], Style::Plain).len() < 4_000);
    }
}
