//! `flux doc` as a person meets it.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use support::{Scratch, documents, err, flux, out, relative};

#[test]
fn a_page_stands_beside_the_document_or_where_it_is_asked_for() {
    let scratch = Scratch::new("doc");
    let path = scratch.file("lamp.flux.md", "# Lamp\n\n## Loop\n1. Log \"on\"\n2. YIELD\n");
    let output = flux(["doc", path.to_str().unwrap()]);
    assert!(output.status.success(), "{}", err(&output));
    let page = std::fs::read_to_string(scratch.0.join("lamp.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("<h1>Lamp</h1>"), "{page}");
    let printed = flux(["doc", path.to_str().unwrap(), "-o", "-"]);
    assert_eq!(out(&printed), page);
}

#[test]
fn every_golden_document_has_a_page_that_loads_nothing() {
    for document in documents("run") {
        let output = flux(["doc", &relative(&document), "-o", "-"]);
        let page = out(&output);
        assert!(output.status.success(), "{}: {}", document.display(), err(&output));
        for loads in ["<script", "<img", "<link", "<iframe", " src=", "@import", "url(http"] {
            assert!(!page.contains(loads), "{} has {loads}", document.display());
        }
        for tag in ["table", "tr", "td", "div", "p", "ul", "ol", "li", "svg", "g"] {
            let opened =
                page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
            let closed = page.matches(&format!("</{tag}>")).count();
            assert_eq!(opened, closed, "{}: <{tag}>", document.display());
        }
    }
}

#[test]
fn a_document_with_errors_shows_them_and_writes_nothing() {
    let scratch = Scratch::new("doc-error");
    let path = scratch.file("a.flux.md", "## Loop\n1. Blink\n");
    let output = flux(["doc", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("E0301"), "{}", err(&output));
    assert!(!scratch.0.join("a.html").exists());
}
