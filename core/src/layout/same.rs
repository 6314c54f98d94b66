//! Whether two texts mean the same: the same modules, or where they do not compile the same tree.

use std::mem::{Discriminant, discriminant};

use flux_fluxc::diag::Sink;
use flux_fluxc::lang::syntax;
use flux_fluxc::md::BlockKind;
use flux_fluxc::span::SourceId;
use flux_fluxc::{Level, Options};
use flux_isa::Module;

/// Compares the meaning of two texts of one document.
pub(super) fn meaning(before: &str, after: &str, name: &str) -> bool {
    match (modules(before, name), modules(after, name)) {
        (Some(before), Some(after)) => before == after,
        (None, None) => tree(before) == tree(after),
        _ => false,
    }
}

/// Tells whether two texts have the same blocks in each other; neighbouring lists may have become one.
pub(super) fn blocks(before: &str, after: &str) -> bool {
    shape(before) == shape(after)
}

/// What each block but a list is, and how many blocks but lists it stands in.
fn shape(text: &str) -> Vec<(Discriminant<BlockKind>, usize)> {
    let (blocks, _) = syntax::outline(text, &mut Sink::new(SourceId(0)));
    let mut around: Vec<u32> = Vec::new();
    let mut out = Vec::with_capacity(blocks.table.len());
    for (at, block) in (0_u32..).zip(&blocks.table) {
        while around.last().is_some_and(|end| *end <= at) {
            around.pop();
        }
        if !matches!(block.kind, BlockKind::List { .. }) {
            out.push((discriminant(&block.kind), around.len()));
            around.push(block.next);
        }
    }
    out
}

/// The modules without the lines of their instructions; `None` if the document has errors.
fn modules(text: &str, name: &str) -> Option<Vec<Module>> {
    let options = Options { level: Level::None, ..Options::default() };
    let compiled = flux_fluxc::compile(text.as_bytes(), name, &options);
    if compiled.errors > 0 {
        return None;
    }
    let without_lines = |module: Module| Module { lines: Vec::new(), ..module };
    Some(compiled.modules.into_iter().map(without_lines).collect())
}

/// The syntax tree as text, without places.
fn tree(text: &str) -> Option<String> {
    let mut sink = Sink::new(SourceId(0));
    let document = syntax::parse(text.as_bytes(), &mut sink)?;
    let shown = format!(
        "{:?}{:?}{:?}{:?}{:?}{:?}",
        document.compile, document.agents, document.items, document.tests, document.exports, document.tiles
    );
    let mut out = String::with_capacity(shown.len());
    for (number, part) in shown.split("Span { start: ").enumerate() {
        // Two numbers and a brace, then what the tree says.
        let rest = if number == 0 { part } else { part.split_once('}').map_or("", |(_, rest)| rest) };
        out.extend(rest.split_whitespace());
    }
    Some(out)
}
