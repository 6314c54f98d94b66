//! What an editor asks about a document: names and their uses, what may be typed next, explanations.
//!
//! Everything here answers from the text at hand, also while it is full of errors, and knows no
//! protocol: places are byte offsets.
//!
//! # Invariants
//! 1. No text panics, and the work is linear in its length.
//! 2. A rename is offered only where every use is known.

mod complete;
mod index;
mod keys;
mod place;

pub use complete::{Completion, CompletionKind, complete};
pub use index::{Index, Symbol, SymbolKind, Use};

use std::path::{Path, PathBuf};

use flux_abi::capability::CapabilityKind;
use flux_abi::device::DEVICE_KINDS;
use flux_fluxc::diag::Diagnostic;
use flux_fluxc::lang::syntax;
pub use flux_fluxc::span::{LineTable, Span};
use flux_fluxc::{Level, Options};

use crate::source::Source;

/// A document as an editor holds it, looked over.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// What there is to say, by place.
    pub diagnostics: Vec<Diagnostic>,
    /// Names and their uses.
    pub index: Index,
    /// The files of the documents that it depends on.
    pub libraries: Vec<PathBuf>,
}

/// Looks a document over. Documents that it depends on are read from the folder of `path`, unless
/// `open` gives their text; what is wrong in them is said where they are named.
#[must_use]
pub fn analyse(text: &str, path: &Path, open: &dyn Fn(&Path) -> Option<String>) -> Analysis {
    let options = Options { level: Level::None, ..Options::default() };
    let source = Source::edited(path, text, open);
    let mut diagnostics = flux_fluxc::check(source.compiled(), &source.name, &options).diagnostics;
    diagnostics.retain(|row| row.source == options.source);
    let index = Index::with_libraries(text, source.compiled(), &source.name);
    Analysis { diagnostics, index, libraries: source.libraries() }
}

/// What stands at a place, for people: Markdown, and the bytes that it is about.
#[must_use]
pub fn hover(text: &str, index: &Index, offset: u32) -> Option<(String, Span)> {
    if let Some((symbol, span)) = index.at(offset) {
        let mut shown = format!("```flux\n{}\n```\n{}", symbol.signature, symbol.kind.describe());
        if !symbol.help.is_empty() {
            shown.push_str(" — ");
            shown.push_str(&symbol.help);
        }
        return Some((shown, span));
    }
    if let Some(found) = keys::hover(text, offset) {
        return Some(found);
    }
    let span = place::word_at(text, offset)?;
    let word = span.text(text);
    if let Some(kind) = CapabilityKind::from_name(word) {
        return Some((format!("**{word}** — {}", kind.meaning()), span));
    }
    if place::is_first_word(text, span)
        && let Some((form, example)) = syntax::step_forms().find(|(form, _)| form.eq_ignore_ascii_case(word))
    {
        return Some((format!("**{form}**, for example\n\n`{example}`"), span));
    }
    let device = DEVICE_KINDS.iter().find(|row| row.word.eq_ignore_ascii_case(word))?;
    let mut shown = format!("**{}** device, `{}:…` for `--sim`", device.word, device.prefix);
    for argument in device.arguments {
        shown.push_str(&format!("\n- `{}` — {}", argument.key, argument.meaning));
    }
    Some((shown, span))
}

/// The edits of a rename, or why there is none.
///
/// # Errors
/// A sentence: nothing with a name stands there, its uses are not all in this document, or the new
/// name cannot be one.
pub fn rename(text: &str, index: &Index, offset: u32, new: &str) -> Result<Vec<Span>, String> {
    let Some((symbol, _)) = index.at(offset) else {
        return Err("no name of this document stands here".into());
    };
    if !symbol.kind.can_be_renamed() {
        return Err(format!("{} is known to other documents; change it by hand", symbol.kind.describe()));
    }
    let mut chars = new.chars();
    let begins = chars.next().is_some_and(|first| first.is_alphabetic() || first == '_');
    if !begins || !chars.all(|ch| ch.is_alphanumeric() || ch == '_') {
        return Err(format!("`{new}` is no name: letters, digits and `_`, not beginning with a digit"));
    }
    if index.symbols().any(|other| other.name == new && index.share_scope(symbol, other)) {
        return Err(format!("`{new}` has a meaning there already"));
    }
    let uses: Vec<Span> = index.uses_of(symbol).collect();
    // A short form (`temp` for `temperature`) is a use, but not by the name that is changed.
    Ok(uses.into_iter().filter(|span| span.text(text) == symbol.name).collect())
}

/// The agent, or the request of an agent, that a message at a place names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MessageName {
    agent: String,
    request: Option<String>,
}

/// What a step `TELL agent: request(…)` names at `offset`.
#[must_use]
pub fn message_at(text: &str, offset: u32) -> Option<MessageName> {
    let (before, start) = place::line_before(text, offset);
    let rest = text.get(start as usize..)?;
    let line = rest.lines().next()?;
    let (head, message) = line.rsplit_once(": ")?;
    let agent = head.split_whitespace().last()?;
    let addressed = head
        .split_whitespace()
        .any(|word| ["tell", "ask", "delegate"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword)));
    let request = message.split('(').next().map(str::trim).filter(|name| !name.is_empty());
    let at_request = before.len() > head.len();
    addressed.then(|| MessageName {
        agent: agent.to_owned(),
        request: request.filter(|_| at_request).map(str::to_owned),
    })
}

/// Where a document introduces what a message names.
#[must_use]
pub fn place_of(index: &Index, message: &MessageName) -> Option<Span> {
    match &message.request {
        None => index.global(SymbolKind::Agent, &message.agent).map(|symbol| symbol.place),
        Some(request) => index
            .requests_of(&message.agent)
            .find(|symbol| symbol.name == *request)
            .map(|symbol| symbol.place),
    }
}
