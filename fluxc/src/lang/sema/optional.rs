//! Optionals: `none`, the value where there is one, `??` and `?.`.
//!
//! `a ?? b` and `a?.f` are matches on `a`, so that later stages know optionals by their
//! tag and value alone.

use alloc::format;
use alloc::vec::Vec;

use super::tree::{Arm, Block, ExprId, ExprKind, MatchId, Pattern};
use super::types::{Open, Type, TypeId};
use super::{Checker, Use, number};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{Access, BinaryOp, Ident};
use crate::span::Span;

impl<'s> Checker<'_, 's> {
    /// The type that `want` asks of an expression of that kind: of the value itself where
    /// the expression cannot be an optional as it stands.
    pub(super) fn want_for(&self, kind: &ast::ExprKind<'s>, want: TypeId) -> TypeId {
        let passes = match kind {
            ast::ExprKind::None
            | ast::ExprKind::If(_)
            | ast::ExprKind::Match(_)
            | ast::ExprKind::Binary { op: BinaryOp::Coalesce, .. } => true,
            ast::ExprKind::Method(call) => call.access == Access::Optional,
            _ => false,
        };
        match self.get(want) {
            Ok(Type::Optional(inner)) if !passes => self.want_for(kind, inner),
            _ => want,
        }
    }

    /// Tells whether values of type `ty` are of type `of`, or none.
    pub(super) fn is_optional_of(&self, ty: TypeId, of: TypeId) -> bool {
        match self.get(ty) {
            Ok(Type::Optional(inner)) => {
                let (inner, of) = (self.program.types.resolve(inner), self.program.types.resolve(of));
                inner == of || self.get(inner) == self.get(of)
            }
            _ => false,
        }
    }

    pub(super) fn none(&mut self, want: TypeId, span: Span) -> ExprId {
        let ty = match self.get(want) {
            Ok(Type::Optional(_)) => want,
            _ => {
                let inner = self.program.types.variable(Open::Any);
                self.program.types.intern(Type::Optional(inner))
            }
        };
        self.new_expr(ExprKind::None, ty, span)
    }

    /// A value as an optional; an optional stays what it is.
    fn optional(&mut self, value: ExprId) -> ExprId {
        let ty = self.ty(value);
        if matches!(self.get(ty), Ok(Type::Optional(_) | Type::Error)) {
            return value;
        }
        let ty = self.program.types.intern(Type::Optional(ty));
        let span = self.span(value);
        self.new_expr(ExprKind::Some(value), ty, span)
    }

    /// The type of the value of an optional; reports what is none.
    fn inner_type(&mut self, id: ExprId, operator: &str, fix: Option<Span>) -> Option<TypeId> {
        let ty = self.ty(id);
        match self.get(ty) {
            Ok(Type::Optional(inner)) => return Some(inner),
            Ok(Type::Error) => return None,
            _ => {}
        }
        let found = self.type_name(ty);
        let mut diagnostic = Diagnostic::new(
            codes::TYPE_MISMATCH,
            self.span(id),
            format!("`{operator}` is for a value that may be none, found {found}"),
        )
        .label("always there")
        .expected(format!("{found}?"))
        .found(found);
        if let Some(span) = fix {
            diagnostic = diagnostic.replace("write `.`", span, ".");
        }
        self.report(diagnostic);
        None
    }

    /// `some` with the value of `subject` if there is one, else `none`.
    fn either(
        &mut self,
        subject: ExprId,
        local: super::tree::LocalId,
        some: ExprId,
        none: ExprId,
        span: Span,
    ) -> ExprId {
        let arm = |pattern, value| Arm {
            patterns: [pattern].into(),
            guard: None,
            body: Block { value: Some(value), ..Block::default() },
        };
        let there = Pattern::Tagged(1, [Pattern::Bind(local)].into());
        let arms = [arm(Pattern::Tagged(0, Vec::new()), none), arm(there, some)];
        let ty = self.ty(some);
        let id = MatchId(number(self.program.matches.len()));
        self.sink.keep(&mut self.program.matches, arms.into(), span);
        self.new_expr(ExprKind::Match(subject, id), ty, span)
    }

    /// A local of the compiler's own for the value of an optional; no code can name it.
    fn value_local(&mut self, ty: TypeId, span: Span) -> (super::tree::LocalId, ExprId) {
        let local = self.new_local(Ident { text: "_", span }, ty, Use::Constant);
        (local, self.new_expr(ExprKind::Local(local), ty, span))
    }

    /// `left ?? right`.
    pub(super) fn coalesce(
        &mut self,
        left: &ast::Expr<'s>,
        right: &ast::Expr<'s>,
        want: TypeId,
        span: Span,
    ) -> ExprId {
        let hint = match self.get(want) {
            Ok(Type::Optional(_)) => want,
            _ => TypeId::ERROR,
        };
        let left = self.value(left, hint);
        let inner = self.inner_type(left, "??", None);
        // The right side may not run: what it assigns does not count.
        let fork = self.flow.fork();
        let right = self.value(right, inner.unwrap_or(TypeId::ERROR));
        self.flow.drop_path(fork);
        let Some(inner) = inner else { return self.invalid(span) };
        let (local, value) = self.value_local(inner, span);
        let ty = self.ty(right);
        let doubly = matches!(self.get(inner), Ok(Type::Optional(_)));
        if matches!(self.get(ty), Ok(Type::Optional(_))) && !doubly {
            let whole = self.ty(left);
            let right = self.coerce(right, whole);
            let value = self.new_expr(ExprKind::Some(value), whole, span);
            return self.either(left, local, value, right, span);
        }
        let right = self.coerce(right, inner);
        if self.is_invalid(right) {
            return self.invalid(span);
        }
        self.either(left, local, value, right, span)
    }

    /// `base?.` and what `member` makes of the value.
    pub(super) fn if_there(
        &mut self,
        base: ExprId,
        span: Span,
        member: impl FnOnce(&mut Self, ExprId) -> ExprId,
    ) -> ExprId {
        let base_span = self.span(base);
        let dots = self.source_text(span).get(base_span.len() as usize..).unwrap_or("");
        let blank = u32::try_from(dots.find("?.").unwrap_or(0)).unwrap_or(0);
        let start = base_span.end.saturating_add(blank);
        let fix = Span::new(start, start.saturating_add(2));
        let Some(inner) = self.inner_type(base, "?.", Some(fix)) else { return self.invalid(span) };
        let (local, value) = self.value_local(inner, base_span);
        let fork = self.flow.fork();
        let value = member(self, value);
        self.flow.drop_path(fork);
        if self.ty(value) == TypeId::UNIT {
            if !self.has_error_in(span) {
                self.report(
                    Diagnostic::new(codes::TYPE_MISMATCH, span, "a value is needed after `?.`")
                        .label("this gives no value")
                        .expected("a field, or a method with a result"),
                );
            }
            return self.invalid(span);
        }
        let some = self.optional(value);
        if self.is_invalid(some) {
            return self.invalid(span);
        }
        let ty = self.ty(some);
        let none = self.new_expr(ExprKind::None, ty, span);
        self.either(base, local, some, none, span)
    }
}
