//! A document as one HTML page: its text, and what the compiler knows of it.
//!
//! # Invariants
//! 1. The page loads nothing: no script, no font, no picture of another host; HTML that the document
//!    holds is shown as text, so that a page is safe to open whoever wrote the document.
//! 2. The same document gives the same bytes.

pub(crate) mod escape;
mod facts;
mod graph;
mod prose;
mod svg;
mod tables;

use std::fmt::Write as _;

use flux_fluxc::Level;
use flux_fluxc::diag::{Diagnostic, Sink};
use flux_fluxc::lang::syntax;
use flux_fluxc::span::SourceId;

use crate::compile;
use crate::source::Source;
use escape::escape;

const STYLE: &str = include_str!("page/style.css");

/// Makes the page of a document.
///
/// # Errors
/// The diagnostics of a document that does not compile.
pub fn html(source: &Source) -> Result<String, Vec<Diagnostic>> {
    let compiled = compile::document(source, Level::default());
    let mut sink = Sink::new(SourceId(0));
    let parsed = syntax::parse(&source.bytes, &mut sink);
    let (Some(document), 0) = (parsed, compiled.errors) else {
        return Err(compiled.diagnostics);
    };
    // Calls are those of the document: a higher level puts small functions into their callers.
    let plain = compile::document(source, Level::None);
    let title = document.title.map_or(source.name.as_str(), |title| title.text);
    let mut out = String::with_capacity(source.bytes.len() * 4 + 16_384);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{0}</title>\n<style>\n{STYLE}</style></head>\n<body><main>\n",
        escape(title)
    );
    if document.title.is_none() {
        let _ = writeln!(out, "<h1>{}</h1>", escape(title));
    }
    out.push_str("<article>\n");
    prose::render(&mut out, document.source, document.frontmatter.span);
    out.push_str("</article>\n<section class=\"facts\"><h2 class=\"part\">What the compiler knows</h2>\n");
    for (index, module) in compiled.modules.iter().enumerate() {
        let facts = facts::of(&document, index, module, plain.modules.get(index).unwrap_or(module));
        tables::agent(&mut out, &facts, compiled.modules.len());
    }
    tables::tiles(&mut out, &document);
    tables::lines(&mut out, document.source, &compiled.modules);
    let _ = write!(
        out,
        "</section>\n<footer>Made from {} by <code>flux doc</code>, FLUX OS {}.</footer>\n</main></body></html>\n",
        escape(&source.name),
        env!("CARGO_PKG_VERSION")
    );
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> String {
        let source = Source {
            path: "a.flux.md".into(),
            name: "a.flux.md".into(),
            bytes: text.into(),
            bundle: None,
            missing: Vec::new(),
        };
        html(&source).unwrap()
    }

    #[test]
    fn html_and_pictures_of_a_document_are_not_taken_over() {
        let out = page(
            "# <b>A</b>\n<script>alert(1)</script>\n\n![seen](https://example.org/a.png) \
             [go](javascript:alert(1)) [far](https://example.org/)\n\n## Loop\n1. Log \"<i>\"\n2. YIELD\n",
        );
        assert!(
            !out.contains("<script") && !out.contains("<img") && !out.contains("href=\"javascript:"),
            "{out}"
        );
        assert!(out.contains("&lt;script&gt;") && out.contains("href=\"https://example.org/\""), "{out}");
    }

    #[test]
    fn the_page_tells_capabilities_devices_parameters_messages_and_gas() {
        let out = page(include_str!("../../apps/sensor.flux.md"));
        for part in [
            "IO_READ",
            "i2c:0x48",
            "threshold",
            "alert-agent",
            "send_notification",
            "publish_metric",
            "<svg",
            "gas",
        ] {
            assert!(out.contains(part), "{part} is not on the page");
        }
        assert_eq!(out, page(include_str!("../../apps/sensor.flux.md")));
    }

    #[test]
    fn tiles_are_listed_by_category() {
        let tile = |name, category| {
            format!(
                "## tile: {name}(value: f64) -> f64\ncategory: {category}\n\n```flux\nreturn value\n```\n"
            )
        };
        let out =
            page(&format!("# T\n{}{}{}", tile("b", "scaling"), tile("c", "limits"), tile("a", "scaling")));
        let (_, table) = out.split_once("<h4>Tiles</h4>").unwrap();
        let at = |text: &str| table.find(text).unwrap();
        assert!(at("c(value: f64) -&gt; f64") < at("limits") && at("limits") < at("b(value"));
        assert!(at("b(value") < at("a(value"));
    }

    #[test]
    fn a_document_with_errors_has_no_page() {
        let source = Source {
            path: "a".into(),
            name: "a".into(),
            bytes: b"## Loop\n1. Blink\n".to_vec(),
            bundle: None,
            missing: Vec::new(),
        };
        assert_eq!(html(&source).unwrap_err().len(), 1);
    }
}
