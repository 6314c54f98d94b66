//! What the language tag of a fence means.

use super::ast::{Foreign, ForeignKind, Ident};
use crate::md::{Block, BlockKind};
use crate::span::Span;

/// What a fence holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Language {
    /// `flux`: statements in the place of a step, else declarations.
    Flux,
    /// `fluxfn`, `flux-type`: declarations everywhere.
    Declarations,
    /// Another language that means something.
    Foreign(ForeignKind),
    /// Anything else.
    Documentation,
}

/// A fence by its tag.
pub(super) struct Fence<'s> {
    pub(super) language: Language,
    pub(super) content: Span,
    name: Option<Ident<'s>>,
    second_name: Option<Ident<'s>>,
}

impl<'s> Fence<'s> {
    /// Reads the tag of a block; one that is no fence is documentation.
    pub(super) fn read(source: &'s str, block: &Block) -> Self {
        let content = block.content;
        let BlockKind::Fence { info, .. } = block.kind else {
            return Self { language: Language::Documentation, content, name: None, second_name: None };
        };
        let text = info.text(source);
        let tag = text.split_whitespace().next().unwrap_or("");
        let mut names = text.split_whitespace().filter_map(|word| word.strip_prefix("name=")).map(|value| {
            let value = value.trim_matches('"');
            let start = (value.as_ptr() as usize).saturating_sub(source.as_ptr() as usize);
            Ident { text: value, span: Span::from_usize(start, start.saturating_add(value.len())) }
        });
        let name = names.next();
        let second_name = names.next();
        let data = |kind| match name {
            Some(_) => Language::Foreign(kind),
            None => Language::Documentation,
        };
        let language = match tag {
            "flux" => Language::Flux,
            "fluxfn" | "flux-type" => Language::Declarations,
            "fir" => Language::Foreign(ForeignKind::Fir),
            "fluxasm" => Language::Foreign(ForeignKind::Assembly),
            "c" => Language::Foreign(ForeignKind::C),
            "python" => Language::Foreign(ForeignKind::Python),
            "json" => data(ForeignKind::Json),
            "yaml" | "yml" => data(ForeignKind::Yaml),
            "toml" => data(ForeignKind::Toml),
            _ => Language::Documentation,
        };
        Self { language, content, name, second_name }
    }

    pub(super) fn foreign(&self, source: &'s str, kind: ForeignKind, span: Span) -> Foreign<'s> {
        let content = Ident { text: self.content.text(source), span: self.content };
        Foreign { span, kind, name: self.name, second_name: self.second_name, content }
    }
}
