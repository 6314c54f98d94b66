//! The text of a document as HTML.

use flux_fluxc::span::Span;
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

use super::escape::escape;

/// Renders the document; its frontmatter as it stands.
pub(super) fn render(out: &mut String, source: &str, frontmatter: Option<Span>) {
    let mut start = 0;
    if let Some(span) = frontmatter {
        out.push_str("<pre class=\"front\">");
        out.push_str(&escape(span.text(source)));
        out.push_str("</pre>\n");
        start = span.end as usize;
    }
    let text = source.get(start..).unwrap_or("").trim_start_matches('\u{feff}');
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    html::push_html(out, Parser::new_ext(text, options).map(harmless));
}

/// What can reach outside, or act, becomes text or a plain link.
fn harmless(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
        Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
        // A picture would be fetched; a link is only followed by a person.
        Event::Start(
            Tag::Image { link_type, dest_url, title, id } | Tag::Link { link_type, dest_url, title, id },
        ) => Event::Start(Tag::Link { link_type, dest_url: address(dest_url), title, id }),
        Event::End(TagEnd::Image) => Event::End(TagEnd::Link),
        other => other,
    }
}

/// Addresses of pages, mail and this document; any other scheme could run something.
fn address(url: CowStr<'_>) -> CowStr<'_> {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme.trim().to_ascii_lowercase());
    match scheme.as_deref() {
        Some("http" | "https" | "mailto") | None => url,
        Some(scheme) if scheme.contains(['/', '#', '?']) => url,
        Some(_) => CowStr::Borrowed("#"),
    }
}
