//! The canonical layout of a document's language parts.
//!
//! Key lines, entries, steps, code in `flux` fences and the space before section headings get one
//! layout; prose, tables, quotes, frontmatter and other fences stay byte for byte. Where two layouts
//! are both canonical (bullets of an ordered step indented or not, a blank line after a heading or
//! none) the author's choice stays.
//!
//! # Invariants
//! 1. The layout of a layout is the same text.
//! 2. The document means the same afterwards; this is checked before a text is given out.
//! 3. Line endings stay; a document with errors in its syntax is not touched.
//!
//! ```
//! let text = "## Loop\n1) Set  x to 1+2\n1) YIELD\n";
//! assert_eq!(flux_core::layout::format(text, "a").unwrap(), "## Loop\n1. Set x to 1 + 2\n2. YIELD\n");
//! ```

mod code;
mod edit;
mod keys;
mod list;
mod same;
mod step;
mod token;

use flux_fluxc::diag::{Diagnostic, Sink};
use flux_fluxc::lang::syntax::{self, Known, Outline, Role};
use flux_fluxc::md::{BlockKind, Blocks, Closing};
use flux_fluxc::span::{SourceId, Span};

use edit::{Edit, Edits, apply};
use list::{First, Lists, Numbering};
use step::Parts;

/// Why a document is left as it is.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// Its syntax is at fault.
    Syntax(Vec<Diagnostic>),
    /// The layout would change what it means, which is a fault of this program.
    Meaning,
}

/// The canonical layout of a document; `name` stands for the agent where the document names none.
///
/// # Errors
/// [`Refusal`].
pub fn format(source: &str, name: &str) -> Result<String, Refusal> {
    let text = settled(source)?;
    if text == source || same::meaning(source, &text, name) { Ok(text) } else { Err(Refusal::Meaning) }
}

/// Rounds after which a document whose layout still changes is left as it is.
const ROUNDS: usize = 4;

/// A layout that one more round would not change: of the blocks that move, few make another move
/// right. A document whose blocks would come to stand inside others stays as it is.
fn settled(source: &str) -> Result<String, Refusal> {
    let mut text = apply(source, &edits(source)?);
    for _ in 0..ROUNDS {
        if !same::blocks(source, &text) {
            break;
        }
        match edits(&text) {
            Ok(more) if more.is_empty() => return Ok(text),
            Ok(more) => text = apply(&text, &more),
            Err(_) => break,
        }
    }
    Ok(source.to_owned())
}

/// The edits of one round, by place.
fn edits(source: &str) -> Result<Vec<Edit>, Refusal> {
    let mut sink = Sink::new(SourceId(0));
    let parsed = syntax::parse(source.as_bytes(), &mut sink);
    let Some(document) = parsed.filter(|_| !sink.has_errors()) else {
        return Err(Refusal::Syntax(sink.into_sorted()));
    };
    let (blocks, sections) = syntax::outline(source, &mut Sink::new(SourceId(0)));
    let mut edits = Edits::default();
    let parts = Parts::of(&document);
    headings(source, &blocks, &sections, &mut edits);
    step::entries(&document, &mut edits);
    for section in &sections {
        content(source, &blocks, section, &parts, &mut edits);
    }
    end(source, &blocks, &mut edits);
    Ok(edits.into_sorted(source))
}

/// Lays out what stands under one heading.
fn content(source: &str, blocks: &Blocks, section: &Outline, parts: &Parts, edits: &mut Edits) {
    let lists = |numbering| Lists { source, blocks, numbering };
    match section.role {
        Role::Keys => keys::section(source, blocks, section, edits),
        Role::Entries => lists(Numbering::Kept).siblings(section.from, section.to, edits),
        Role::Steps => {
            lists(Numbering::Made).siblings(section.from, section.to, edits);
            step_texts(source, blocks, section, parts, edits);
        }
        Role::Prose | Role::Function => {}
    }
    if section.role != Role::Keys {
        for block in roots(blocks, section) {
            if list::is_code(block, source) {
                list::fence(source, block, 0, First::OwnLine, edits);
            }
        }
    }
}

fn roots<'b>(blocks: &'b Blocks, section: &Outline) -> impl Iterator<Item = &'b flux_fluxc::md::Block> {
    let (mut at, to) = (section.from, section.to);
    std::iter::from_fn(move || {
        let block = blocks.get(at).filter(|_| at < to)?;
        at = block.next.max(at.saturating_add(1));
        Some(block)
    })
}

/// Spaces in the text of each step: the first paragraph of each item, at any depth.
fn step_texts(source: &str, blocks: &Blocks, section: &Outline, parts: &Parts, edits: &mut Edits) {
    for at in section.from..section.to {
        let (Some(item), Some(text)) = (blocks.get(at), blocks.get(at.saturating_add(1))) else { continue };
        if item.kind == BlockKind::Item && text.kind == BlockKind::Paragraph && text.next <= item.next {
            parts.text(source, text.content, edits);
        }
    }
}

/// One blank line before each section, or none anywhere if the author wrote so; one space after the
/// number signs; code in headings.
fn headings(source: &str, blocks: &Blocks, sections: &[Outline], edits: &mut Edits) {
    let newline = newline(source);
    let known: Vec<&Outline> = sections.iter().filter(|section| section.known == Known::Section).collect();
    let before = |section: &Outline| {
        let above = source.get(..section.heading.start as usize).unwrap_or("");
        let text = above.trim_end_matches([' ', '\t', '\n', '\r']);
        (text.len(), lines(above.get(text.len()..).unwrap_or("")))
    };
    let spread = known.iter().any(|section| matches!(before(section), (1.., 2..)));
    for section in known {
        let (end, endings) = before(section);
        // What stands above is a text, not a mark of byte order alone.
        let above = source.get(..end).is_some_and(|text| !text.trim_start_matches('\u{feff}').is_empty());
        if above && endings > 0 {
            let gap = Span::from_usize(end, section.heading.start as usize);
            let count = if spread { 2 } else { 1 };
            edits.replace(gap, newline.repeat(count));
        }
        heading(source, blocks, section, newline, edits);
    }
}

fn heading(source: &str, blocks: &Blocks, section: &Outline, newline: &str, edits: &mut Edits) {
    let text = section.heading.text(source);
    let level = text.len() - text.trim_start_matches('#').len();
    let rest = text.get(level..).unwrap_or("");
    let gap = rest.len() - rest.trim_start().len();
    if level > 0 && gap > 0 && gap < rest.len() {
        let start = section.heading.start as usize + level;
        edits.replace(Span::from_usize(start, start + gap), " ");
    }
    if let Some(signature) = section.signature {
        edits.replace(signature, code::spaced(signature.text(source), code::Mode::Code));
    }
    // More than one blank line under a heading is one too many.
    if let Some(first) = blocks.get(section.from).filter(|_| section.from < section.to) {
        let below = Span::new(section.heading.end, first.span.start);
        let space = below.text(source);
        let margin = space.rfind(['\n', '\r']).map_or("", |at| space.get(at + 1..).unwrap_or(""));
        if space.trim().is_empty() && lines(space) > 2 {
            edits.replace(
                Span::new(below.start, below.end.saturating_sub(u32::try_from(margin.len()).unwrap_or(0))),
                newline.repeat(2),
            );
        }
    }
}

/// One line ending at the end of the document.
fn end(source: &str, blocks: &Blocks, edits: &mut Edits) {
    let last = blocks.table.last().map(|block| block.kind);
    let open = match last {
        Some(BlockKind::Fence { closing, .. }) => closing == Closing::End,
        Some(BlockKind::IndentedCode | BlockKind::Html) | None => true,
        _ => false,
    };
    if !open {
        let text = source.trim_end_matches([' ', '\t', '\n', '\r']);
        edits.replace(Span::from_usize(text.len(), source.len()), newline(source));
    }
}

/// The line ending that the document uses first.
fn newline(source: &str) -> &'static str {
    match source.find(['\n', '\r']).and_then(|at| source.get(at..)) {
        Some(rest) if rest.starts_with("\r\n") => "\r\n",
        Some(rest) if rest.starts_with('\r') => "\r",
        _ => "\n",
    }
}

/// Number of line endings.
fn lines(space: &str) -> usize {
    let bytes = space.as_bytes();
    let ends = |at: usize| match bytes.get(at) {
        Some(b'\n') => true,
        Some(b'\r') => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    (0..bytes.len()).filter(|at| ends(*at)).count()
}
