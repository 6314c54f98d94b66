//! Names of libraries: `units.to_kelvin(x)`, `units.LIMIT`, `units.Level.High`.
//!
//! Each document has its own names. Those of a library are reached over the name under which the
//! document uses it; a library with `## export:` sections shows what they name alone. What a library
//! uses itself is no part of what it shows.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Checker;
use super::scope::{Binding, Symbol};
use super::tree::{ExprId, ExprKind, FnId};
use super::types::TypeId;
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{Document, Ident};
use crate::span::Span;

/// What a document uses and shows.
#[derive(Debug, Default)]
pub(super) struct Links<'s> {
    /// Libraries by name.
    imports: Vec<(String, u16)>,
    /// What the document shows to others; everything if it does not say.
    exports: Option<Vec<&'s str>>,
    /// Tiles of the document.
    tiles: Vec<&'s str>,
}

impl<'s> Links<'s> {
    pub(super) fn new(document: &Document<'s>, imports: Vec<(String, u16)>) -> Self {
        let exports = &document.exports;
        let names = || exports.iter().map(|export| export.name.text).collect();
        let tiles = document.tiles.iter().map(|tile| tile.name.text).collect();
        Self { imports, exports: (!exports.is_empty()).then(names), tiles }
    }
}

/// A name of a library in parts.
#[derive(Clone, Copy)]
struct Foreign<'s> {
    unit: u16,
    library: Ident<'s>,
    name: Ident<'s>,
}

impl<'s> Checker<'_, 's> {
    /// The library that a name means, unless something in sight is called so.
    pub(super) fn library(&mut self, name: &'s str) -> Option<u16> {
        let links = self.links.get(usize::from(self.names.unit()))?;
        let unit = links.imports.iter().find(|(known, _)| known == name)?.1;
        let symbol = self.names.symbol(name);
        (self.names.binding(symbol) == Binding::None).then_some(unit)
    }

    /// Reports the name of a library where a value stands.
    pub(super) fn library_as_value(&mut self, name: Ident<'s>) -> bool {
        let Some(unit) = self.library(name.text) else { return false };
        let shown = self.links.get(usize::from(unit)).and_then(|links| links.exports.as_ref());
        let first = self.names.declared(unit).find(|text| shown.is_none_or(|names| names.contains(text)));
        let text = name.text;
        let row =
            Diagnostic::new(codes::UNDEFINED_NAME, name.span, format!("`{text}` is a library, not a value"))
                .label("no value");
        self.report(match first {
            Some(first) => row.hint(format!("say what of it: for example `{text}.{first}`")),
            None => row,
        });
        true
    }

    /// `library.name` as one word of the source.
    fn foreign(&mut self, whole: Ident<'s>) -> Option<Foreign<'s>> {
        let (library, name) = whole.text.split_once('.')?;
        let (library, name) = (library.trim(), name.trim());
        let start = whole.span.end.saturating_sub(crate::span::clamp(name.len()));
        let name = Ident { text: name, span: Span::new(start, whole.span.end) };
        let end = whole.span.start.saturating_add(crate::span::clamp(library.len()));
        let library = Ident { text: library, span: Span::new(whole.span.start, end) };
        match self.library(library.text) {
            Some(unit) => Some(Foreign { unit, library, name }),
            None => {
                self.no_library(library);
                None
            }
        }
    }

    fn no_library(&mut self, library: Ident<'s>) {
        let links = self.links.get(usize::from(self.names.unit()));
        let names: Vec<String> = links
            .map(|links| links.imports.iter().map(|(name, _)| name.clone()).collect())
            .unwrap_or_default();
        let text = library.text;
        if names.iter().any(|name| name == text) {
            self.report(
                Diagnostic::new(
                    codes::UNDEFINED_NAME,
                    library.span,
                    format!("`{text}` does not mean the library here"),
                )
                .label("something in sight is called so too")
                .hint("give the library another name with `as`"),
            );
            return;
        }
        let near = self.nearest(text, names.iter().map(String::as_str));
        let diagnostic =
            Diagnostic::new(codes::UNDEFINED_NAME, library.span, format!("no library is called `{text}`"))
                .label("not a library of this document");
        let diagnostic = match near {
            Some(near) => diagnostic.replace(format!("did you mean `{near}`?"), library.span, near),
            None => diagnostic.hint(format!(
                "name its document: `## import: {text}.flux.md`, or under `dependencies:` in the frontmatter"
            )),
        };
        self.report(diagnostic);
    }

    /// The symbol of a name that the library shows.
    fn shown_symbol(&mut self, foreign: Foreign<'s>, what: &str) -> Option<Symbol> {
        let Foreign { unit, library, name } = foreign;
        let shown = self.links.get(usize::from(unit)).and_then(|links| links.exports.as_ref());
        let hidden = shown.is_some_and(|names| !names.contains(&name.text));
        let symbol = self.names.symbol_in(unit, name.text).filter(|symbol| self.names.is_declared(*symbol));
        match symbol {
            Some(symbol) if !hidden => Some(symbol),
            Some(_) => {
                self.report(
                    Diagnostic::new(
                        codes::NOT_EXPORTED,
                        name.span,
                        format!("the library `{}` does not show `{}`", library.text, name.text),
                    )
                    .label("not exported")
                    .hint(format!("add a section `## export: {}` to the library", name.text)),
                );
                None
            }
            None => {
                self.nothing_called(foreign, what);
                None
            }
        }
    }

    fn nothing_called(&mut self, foreign: Foreign<'s>, what: &str) {
        let Foreign { unit, library, name } = foreign;
        let code = match what {
            "type" => codes::UNKNOWN_TYPE,
            "function" => codes::UNKNOWN_FUNCTION,
            _ => codes::UNDEFINED_NAME,
        };
        let shown = self.links.get(usize::from(unit)).and_then(|links| links.exports.as_ref());
        let visible = |text: &&str| shown.is_none_or(|names| names.contains(text));
        let near = self.nearest(name.text, self.names.declared(unit).filter(visible));
        let diagnostic = Diagnostic::new(
            code,
            name.span,
            format!("the library `{}` has no {what} `{}`", library.text, name.text),
        )
        .label("not in the library");
        self.report(match near {
            Some(near) => diagnostic.replace(format!("did you mean `{near}`?"), name.span, near),
            None => diagnostic,
        });
    }

    /// The type that a name, perhaps of a library, means; reports one that means none.
    pub(super) fn type_named(&mut self, name: Ident<'s>) -> Option<TypeId> {
        if !name.text.contains('.') {
            let symbol = self.names.symbol(name.text);
            let ty = self.names.ty(symbol);
            if ty.is_none() {
                self.unknown_type(name);
            }
            return ty;
        }
        let foreign = self.foreign(name)?;
        let symbol = self.shown_symbol(foreign, "type")?;
        let ty = self.names.ty(symbol);
        if ty.is_none() {
            self.nothing_called(foreign, "type");
        }
        ty
    }

    /// The function that `library.name` means; reports one that means none.
    pub(super) fn function_named(&mut self, name: Ident<'s>) -> Option<FnId> {
        let foreign = self.foreign(name)?;
        self.function_of(foreign)
    }

    fn function_of(&mut self, foreign: Foreign<'s>) -> Option<FnId> {
        let symbol = self.shown_symbol(foreign, "function")?;
        let function = self.names.function(symbol);
        // A tile that the library took from another one is no part of what it shows.
        let own =
            |id: &FnId| self.program.functions.get(id.index()).is_some_and(|row| row.unit == foreign.unit);
        let function = function.filter(own);
        if function.is_none() {
            self.nothing_called(foreign, "function");
        }
        function
    }

    /// `tiles:` of the frontmatter: `library.tile` is `tile` in this document.
    pub(super) fn name_tiles(&mut self, tiles: &[Ident<'s>]) {
        for whole in tiles.iter().copied() {
            if !whole.text.contains('.') {
                self.report(
                    Diagnostic::new(
                        codes::UNKNOWN_FUNCTION,
                        whole.span,
                        format!("`{}` names no library", whole.text),
                    )
                    .label("which library has it?")
                    .expected("library.tile")
                    .hint("tiles of this document are called by their names without being listed"),
                );
                continue;
            }
            let Some(foreign) = self.foreign(whole) else { continue };
            let Some(function) = self.function_of(foreign) else { continue };
            let Foreign { unit, library, name } = foreign;
            let is_tile = |links: &Links<'_>| links.tiles.contains(&name.text);
            if !self.links.get(usize::from(unit)).is_some_and(is_tile) {
                self.report(
                    Diagnostic::new(
                        codes::UNKNOWN_FUNCTION,
                        name.span,
                        format!("`{}` of the library `{}` is no tile", name.text, library.text),
                    )
                    .label("a function")
                    .hint(format!("call it as `{}.{}(…)`", library.text, name.text)),
                );
                continue;
            }
            let symbol = self.names.symbol(name.text);
            if self.names.is_declared(symbol) {
                self.defined_twice(name, "function of this document", None);
            } else {
                self.names.set_function(symbol, function);
            }
        }
    }

    /// The type before a variant: `Level` or `library.Level`.
    pub(super) fn type_before_variant(&mut self, base: &ast::Expr<'s>) -> Option<TypeId> {
        match &base.kind {
            ast::ExprKind::Name(of) => {
                let symbol = self.names.symbol(of);
                let free = self.names.binding(symbol) == Binding::None;
                self.names.ty(symbol).filter(|_| free)
            }
            ast::ExprKind::Field(field) if field.access == ast::Access::Plain => {
                let name = field.name;
                let ast::ExprKind::Name(library) = field.base.kind else { return None };
                let unit = self.library(library)?;
                let symbol = self.names.symbol_in(unit, name.text)?;
                // What is hidden or no type is reported as a field of the library.
                let shown = self.links.get(usize::from(unit)).and_then(|links| links.exports.as_ref());
                let shown = shown.is_none_or(|names| names.contains(&name.text));
                self.names.ty(symbol).filter(|_| shown)
            }
            _ => None,
        }
    }

    /// `library.NAME`: a constant. `None` if `base` names no library.
    pub(super) fn library_constant(
        &mut self,
        base: &ast::Expr<'s>,
        name: Ident<'s>,
        span: Span,
    ) -> Option<ExprId> {
        let ast::ExprKind::Name(text) = base.kind else { return None };
        let unit = self.library(text)?;
        let foreign = Foreign { unit, library: Ident { text, span: base.span }, name };
        let Some(symbol) = self.shown_symbol(foreign, "constant") else { return Some(self.invalid(span)) };
        if let Binding::Const(id) = self.names.binding(symbol) {
            let ty = self.program.consts.get(id.index()).map_or(TypeId::ERROR, |row| row.ty);
            return Some(self.new_expr(ExprKind::Const(id), ty, span));
        }
        let what = if self.names.function(symbol).is_some() { "a function" } else { "a type" };
        let mut diagnostic = Diagnostic::new(
            codes::UNDEFINED_NAME,
            span,
            format!("`{}` of the library `{text}` is {what}, not a value", name.text),
        )
        .label("no value");
        if self.names.function(symbol).is_some() {
            diagnostic = diagnostic.hint(format!("call it: `{text}.{}(…)`", name.text));
        }
        self.report(diagnostic);
        Some(self.invalid(span))
    }

    /// `library.name(…)`: a call. `None` if `base` names no library.
    pub(super) fn library_call(
        &mut self,
        base: &ast::Expr<'s>,
        name: Ident<'s>,
        args: &[ast::Expr<'s>],
        span: Span,
    ) -> Option<ExprId> {
        let ast::ExprKind::Name(text) = base.kind else { return None };
        let unit = self.library(text)?;
        let library = Ident { text, span: base.span };
        Some(match self.function_of(Foreign { unit, library, name }) {
            Some(function) => self.call_function(function, name, args, span),
            None => {
                for arg in args {
                    self.expr(arg, TypeId::ERROR);
                }
                self.invalid(span)
            }
        })
    }

    /// Warns of steps of a library that would start agents.
    pub(super) fn check_library_starts(&mut self, document: &Document<'s>) {
        for site in document.agents.iter().flat_map(crate::children::sites) {
            self.report(
                Diagnostic::new(
                    codes::LIBRARY_SPAWNS,
                    site.agent.span,
                    format!("`{}` is not started: agents of a library do not run", site.agent.text),
                )
                .label("never started")
                .hint("move the step to the document that uses the library"),
            );
        }
    }

    /// Reports libraries whose names the document gives to something else; `places` are where the
    /// libraries are named.
    pub(super) fn check_library_names(&mut self, places: &[Span]) {
        let unit = self.names.unit();
        let Some(links) = self.links.get(usize::from(unit)) else { return };
        let mut rows = Vec::new();
        for ((name, _), place) in links.imports.iter().zip(places) {
            let Some(symbol) = self.names.symbol_in(unit, name) else { continue };
            if self.names.binding(symbol) != Binding::None || self.names.ty(symbol).is_some() {
                rows.push(
                    Diagnostic::new(
                        codes::DUPLICATE_NAME,
                        *place,
                        format!("a constant or type of this document is called `{name}` too"),
                    )
                    .label("the name of a library")
                    .hint("give the library another name with `as`"),
                );
            }
        }
        for row in rows {
            self.report(row);
        }
    }
}
