//! Patterns of a match: what they mean, and the names that they give.

use alloc::format;
use alloc::vec::Vec;

use super::scope::Binding;
use super::tree::{ExprId, ExprKind, LocalId, Pattern};
use super::types::{Open, Type, TypeId};
use super::{Checker, Use};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{Ident, MatchPattern, MatchPatternKind};
use crate::span::Span;

/// Names that the patterns of one arm give.
#[derive(Default)]
struct Names<'s> {
    all: Vec<(Ident<'s>, LocalId)>,
    /// Those that the alternative at hand has given.
    given: Vec<LocalId>,
    later: bool,
    /// Whether the pattern at hand is one for a value in a payload.
    inside: bool,
}

impl<'s> Checker<'_, 's> {
    /// The patterns of an arm for a value of type `ty`, with their names declared.
    pub(super) fn arm_patterns(&mut self, arm: &ast::MatchArm<'s>, ty: TypeId) -> Vec<Pattern> {
        let mut names = Names::default();
        let mut patterns = Vec::new();
        for pattern in &arm.patterns {
            let read = self.pattern(pattern, ty, &mut names);
            if names.given.len() != names.all.len() {
                self.name_in_one_alternative(pattern.span);
            }
            names.given.clear();
            names.later = true;
            self.sink.keep(&mut patterns, read, arm.span);
        }
        patterns
    }

    fn name_in_one_alternative(&mut self, span: Span) {
        self.report(
            Diagnostic::new(
                codes::TYPE_MISMATCH,
                span,
                "patterns with `|` between them must give the same names",
            )
            .label("a name of another alternative has no value here")
            .hint("write an arm of its own for it"),
        );
    }

    fn pattern(&mut self, pattern: &MatchPattern<'s>, ty: TypeId, names: &mut Names<'s>) -> Pattern {
        let optional = match self.get(ty) {
            Ok(Type::Optional(inner)) => Some(inner),
            _ => None,
        };
        match (&pattern.kind, optional) {
            (MatchPatternKind::Wildcard, _) => Pattern::All,
            (MatchPatternKind::None, Some(_)) => Pattern::Tagged(0, Vec::new()),
            (MatchPatternKind::Variant { of: None, name, payload: Some(payload) }, Some(inner))
                if name.text == "some" =>
            {
                let values = self.payload_patterns(*name, &[inner], Some(payload), pattern.span, names);
                Pattern::Tagged(1, values)
            }
            // In a payload a name takes the optional as it is.
            (MatchPatternKind::Variant { of: None, name, payload: None }, Some(inner))
                if names.inside && !self.reads_as_variant(*name, inner) && !self.is_constant(*name) =>
            {
                self.name_pattern(*name, ty, names)
            }
            // Any other pattern is one for the value.
            (_, Some(inner)) => Pattern::Tagged(1, [self.pattern(pattern, inner, names)].into()),
            // What it is matched with is reported already.
            (MatchPatternKind::None, None) if self.get(ty) == Ok(Type::Error) => Pattern::All,
            (MatchPatternKind::Variant { name, payload: Some(payload), .. }, None)
                if self.get(ty) == Ok(Type::Error) =>
            {
                let types = alloc::vec![ty; payload.len()];
                self.payload_patterns(*name, &types, Some(payload), pattern.span, names);
                Pattern::All
            }
            (MatchPatternKind::None, None) => {
                let found = self.type_name(ty);
                self.report(
                    Diagnostic::new(
                        codes::TYPE_MISMATCH,
                        pattern.span,
                        format!("a value of type {found} is never none"),
                    )
                    .label("only an optional is")
                    .expected(found),
                );
                Pattern::All
            }
            (MatchPatternKind::Literal(expr), None) => match self.pattern_value(expr, ty) {
                Some(value) => Pattern::Equal(value),
                None => Pattern::All,
            },
            (MatchPatternKind::Range(start, end, bound), None) => {
                let start = self.pattern_value(start, ty);
                match (start, self.pattern_value(end, ty)) {
                    (Some(start), Some(end)) => Pattern::Range(start, end, *bound),
                    _ => Pattern::All,
                }
            }
            (MatchPatternKind::Variant { of, name, payload }, None) => {
                self.variant_pattern(*of, *name, payload.as_deref(), ty, pattern.span, names)
            }
        }
    }

    fn variant_pattern(
        &mut self,
        of: Option<Ident<'s>>,
        name: Ident<'s>,
        payload: Option<&[MatchPattern<'s>]>,
        ty: TypeId,
        span: Span,
        names: &mut Names<'s>,
    ) -> Pattern {
        if let Some(of) = of
            && !self.names_type(of, ty)
        {
            return Pattern::All;
        }
        if of.is_none() && payload.is_none() && !self.reads_as_variant(name, ty) {
            // A name that is a constant was taken for a new one, and the arm for every value.
            if self.is_constant(name) {
                return self.constant_pattern(name, ty);
            }
            return self.name_pattern(name, ty, names);
        }
        let Some((id, tag)) = self.variant_tag(ty, name) else { return Pattern::All };
        let variant = self.program.types.enumeration(id).and_then(|row| row.variants.get(tag));
        let types: Vec<TypeId> = variant.map_or_else(Vec::new, |variant| variant.payload.clone());
        let tag = super::number(tag);
        if let Ok(Type::Enum(_)) = self.get(ty) {
            if payload.is_some() {
                self.wrong_payload(name, &types, payload.map(<[_]>::len), span);
            }
            return Pattern::Equal(self.new_expr(ExprKind::Variant(id, tag), ty, span));
        }
        let values = self.payload_patterns(name, &types, payload, span, names);
        Pattern::Tagged(tag, values)
    }

    /// Tells whether a name alone is a variant in a pattern for values of type `ty`.
    fn reads_as_variant(&self, name: Ident<'s>, ty: TypeId) -> bool {
        self.program.types.enum_of(ty).is_some_and(|(_, row)| {
            row.variants.iter().any(|variant| variant.name == name.text)
                || name.text.starts_with(|first: char| first.is_ascii_uppercase())
        })
    }

    /// Tells whether a name is that of a constant here.
    fn is_constant(&mut self, name: Ident<'s>) -> bool {
        let symbol = self.names.symbol(name.text);
        matches!(self.names.binding(symbol), Binding::Const(_))
    }

    /// A constant alone takes the values that are equal to it.
    fn constant_pattern(&mut self, name: Ident<'s>, ty: TypeId) -> Pattern {
        if !self.compares(ty, name.span) {
            return Pattern::All;
        }
        let id = self.name(name);
        let found = self.type_name(self.ty(id));
        match self.fitted(id, ty) {
            Some(id) => Pattern::Equal(id),
            None => {
                let (text, expected) = (name.text, self.type_name(ty));
                self.report(
                    Diagnostic::new(
                        codes::TYPE_MISMATCH,
                        name.span,
                        format!("`{text}` is a constant of type {found}, which no {expected} is equal to"),
                    )
                    .label(format!("this is {found}"))
                    .expected(expected.clone())
                    .found(found)
                    .hint(format!(
                        "compare with a constant of type {expected}; for an arm that takes every value choose a name that no constant has"
                    )),
                );
                Pattern::All
            }
        }
    }

    /// Tells whether `of` is the name of the type `ty`; reports another one.
    fn names_type(&mut self, of: Ident<'s>, ty: TypeId) -> bool {
        let Some(named) = self.type_named(of) else { return false };
        if self.program.types.unify(named, ty) {
            return true;
        }
        let (expected, found) = (self.type_name(ty), self.type_name(named));
        self.report(
            Diagnostic::new(codes::TYPE_MISMATCH, of.span, format!("expected {expected}, found {found}"))
                .label("another type")
                .expected(expected)
                .found(found),
        );
        false
    }

    fn payload_patterns(
        &mut self,
        name: Ident<'s>,
        types: &[TypeId],
        patterns: Option<&[MatchPattern<'s>]>,
        span: Span,
        names: &mut Names<'s>,
    ) -> Vec<Pattern> {
        let given = patterns.unwrap_or_default();
        if given.len() != types.len() || (patterns.is_some() && types.is_empty()) {
            self.wrong_payload(name, types, patterns.map(<[_]>::len), span);
        }
        let inside = core::mem::replace(&mut names.inside, true);
        let mut values: Vec<Pattern> = Vec::with_capacity(types.len());
        for (index, ty) in types.iter().enumerate() {
            values.push(match given.get(index) {
                Some(pattern) => self.pattern(pattern, *ty, names),
                None => Pattern::All,
            });
        }
        // What has no place still gives its names, so that they are not unknown.
        for pattern in given.iter().skip(types.len()) {
            self.pattern(pattern, TypeId::ERROR, names);
        }
        names.inside = inside;
        values
    }

    fn name_pattern(&mut self, name: Ident<'s>, ty: TypeId, names: &mut Names<'s>) -> Pattern {
        let known = names.all.iter().find(|(known, _)| known.text == name.text).copied();
        match known {
            Some((_, local)) if names.later && !names.given.contains(&local) => {
                names.given.push(local);
                let first = self.local_ty(local);
                if !self.program.types.unify(first, ty) {
                    let (expected, found) = (self.type_name(first), self.type_name(ty));
                    self.report(
                        Diagnostic::new(
                            codes::TYPE_MISMATCH,
                            name.span,
                            format!("`{}` is {expected} in another alternative, {found} here", name.text),
                        )
                        .label(format!("this is {found}"))
                        .expected(expected)
                        .found(found),
                    );
                }
                Pattern::Bind(local)
            }
            Some((first, _)) => {
                self.defined_twice(name, "value of this pattern", Some(first.span));
                Pattern::All
            }
            None if names.later => {
                self.name_in_one_alternative(name.span);
                let local = self.declare_local(name, ty, Use::Given);
                self.flow.assign(local);
                Pattern::All
            }
            None => {
                let local = self.declare_local(name, ty, Use::Given);
                self.flow.assign(local);
                names.all.push((name, local));
                names.given.push(local);
                Pattern::Bind(local)
            }
        }
    }

    /// Tells whether values of a type are compared with patterns; reports another one.
    fn compares(&mut self, ty: TypeId, span: Span) -> bool {
        let known = matches!(
            self.get(ty),
            Ok(Type::Int(_) | Type::Bool | Type::Str | Type::Duration | Type::Enum(_) | Type::Error)
                | Err(Open::Integer | Open::Any)
        );
        if !known {
            let found = self.type_name(ty);
            self.report(
                Diagnostic::new(
                    codes::TYPE_MISMATCH,
                    span,
                    format!("a value of type {found} cannot be compared with a pattern"),
                )
                .label("take it under a name and compare it in a guard")
                .expected("a name or `_`")
                .hint("write `name if name > …`"),
            );
        }
        known
    }

    fn pattern_value(&mut self, expr: &ast::Expr<'s>, ty: TypeId) -> Option<ExprId> {
        if !self.compares(ty, expr.span) {
            return None;
        }
        let id = self.expr_of(expr, ty);
        if self.get(self.ty(id)) != Ok(Type::Error) && self.constant(id).is_none() {
            self.not_constant(id, "a pattern");
        }
        Some(id)
    }
}
