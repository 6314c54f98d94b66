//! Choices: `if` and `match`, as statements and as values.

use super::code::Want;
use super::scope::Paths;
use super::tree::{Arm, Block, BlockId, ExprId, ExprKind, LocalId, MatchId, Pattern, StmtKind};
use super::types::{Open, Type, TypeId};
use super::{Checker, Use, number};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{CodeBlock, Ident, MatchPatternKind};
use crate::span::Span;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

impl<'s> Checker<'_, 's> {
    pub(super) fn if_stmt(&mut self, expr: &ast::Expr<'s>) -> StmtKind {
        let mut arms = Vec::new();
        let mut rest = None;
        let mut paths = Paths::default();
        let mut at = expr;
        let fork = self.flow.fork();
        while let ast::ExprKind::If { cond, then, otherwise } = &at.kind {
            let cond = self.expr_of(cond, TypeId::BOOL);
            let block = self.block(then, Want::Nothing);
            self.flow.end_path(fork, &mut paths);
            self.sink.keep(&mut arms, (cond, block), at.span);
            match otherwise {
                None => {
                    // The path on which no condition holds.
                    self.flow.end_path(fork, &mut paths);
                    break;
                }
                Some(code) => {
                    if let [ast::Stmt { kind: ast::StmtKind::Expr(next), .. }] = code.stmts.as_slice()
                        && matches!(next.kind, ast::ExprKind::If { .. })
                    {
                        at = next;
                        continue;
                    }
                    rest = Some(self.block(code, Want::Nothing));
                    self.flow.end_path(fork, &mut paths);
                    break;
                }
            }
        }
        self.flow.join(&paths);
        StmtKind::If(arms, rest)
    }

    pub(super) fn if_value(
        &mut self,
        cond: &ast::Expr<'s>,
        then: &CodeBlock<'s>,
        otherwise: Option<&CodeBlock<'s>>,
        want: TypeId,
        span: Span,
    ) -> ExprId {
        let cond = self.expr_of(cond, TypeId::BOOL);
        let Some(otherwise) = otherwise else {
            self.report(
                Diagnostic::new(codes::TYPE_MISMATCH, span, "an `if` that gives a value needs an `else`")
                    .label("no value when the condition does not hold"),
            );
            return self.invalid(span);
        };
        let mut paths = Paths::default();
        let fork = self.flow.fork();
        let mut then = self.block(then, Want::Value(want));
        then.value = then.value.map(|value| self.wanted(value, want));
        let then_lives = !self.flow.is_dead();
        self.flow.end_path(fork, &mut paths);
        let hint = match then.value {
            Some(value) if self.get(self.ty(value)).is_ok() => self.ty(value),
            _ => want,
        };
        let mut rest = self.block(otherwise, Want::Value(hint));
        let rest_lives = !self.flow.is_dead();
        self.flow.end_path(fork, &mut paths);
        self.flow.join(&paths);
        let ty = match (then.value, rest.value) {
            (Some(a), Some(b)) => {
                let (a, b) = self.one_type(a, b);
                then.value = Some(a);
                rest.value = Some(b);
                self.ty(a)
            }
            (Some(a), None) if !rest_lives => self.ty(a),
            (None, Some(b)) if !then_lives => self.ty(b),
            _ => TypeId::ERROR,
        };
        let then = self.new_block(then);
        let rest = self.new_block(rest);
        self.new_expr(ExprKind::If(cond, then, Some(rest)), ty, span)
    }

    /// The value of a branch as the optional that the whole choice is to be.
    fn wanted(&mut self, value: ExprId, want: TypeId) -> ExprId {
        match self.get(want) {
            Ok(Type::Optional(_)) => self.fitted(value, want).unwrap_or(value),
            _ => value,
        }
    }

    /// Two values of one type: those of the branches of a choice.
    pub(super) fn one_type(&mut self, a: ExprId, b: ExprId) -> (ExprId, ExprId) {
        match self.same(a, b) {
            super::operator::Same::Yes(a, b) => (a, b),
            _ => {
                let want = self.ty(b);
                if let Ok(Type::Optional(_)) = self.get(want)
                    && let Some(a) = self.fitted(a, want)
                {
                    return (a, b);
                }
                let want = self.ty(a);
                (a, self.coerce(b, want))
            }
        }
    }

    pub(super) fn new_block(&mut self, block: Block) -> BlockId {
        let id = BlockId(number(self.program.blocks.len()));
        self.sink.keep(&mut self.program.blocks, block, Span::empty(0));
        id
    }

    pub(super) fn match_value(
        &mut self,
        value: &ast::Expr<'s>,
        arms: &[ast::MatchArm<'s>],
        want: TypeId,
        span: Span,
    ) -> ExprId {
        self.match_of(value, arms, Want::Value(want), span)
    }

    pub(super) fn match_of(
        &mut self,
        value: &ast::Expr<'s>,
        arms: &[ast::MatchArm<'s>],
        want: Want,
        span: Span,
    ) -> ExprId {
        let subject = self.value(value, TypeId::ERROR);
        let ty = self.ty(subject);
        if !matches!(
            self.get(ty),
            Ok(Type::Int(_)
                | Type::Bool
                | Type::Str
                | Type::Enum(_)
                | Type::Error
                | Type::Duration
                | Type::Optional(_))
                | Err(Open::Integer)
        ) {
            let found = self.type_name(ty);
            self.report(
                Diagnostic::new(
                    codes::TYPE_MISMATCH,
                    value.span,
                    format!("`match` does not work on {found}"),
                )
                .label(format!("this is {found}"))
                .expected("an integer, bool, str, duration, an enum or an optional")
                .found(found),
            );
            return self.invalid(span);
        }
        let mut rows: Vec<Arm> = Vec::new();
        let mut covered = Covered::default();
        let mut paths = Paths::default();
        let mut result: Option<ExprId> = None;
        let fork = self.flow.fork();
        for arm in arms {
            let scope = self.names.enter();
            let mut row = Arm { patterns: Vec::new(), guard: None, body: Block::default() };
            let mut bind = None;
            for pattern in &arm.patterns {
                let bound = bind.is_some();
                let read = self.pattern(pattern, ty, &mut bind);
                if arm.patterns.len() > 1 && !bound && bind.is_some() {
                    self.report(
                        Diagnostic::new(
                            codes::TYPE_MISMATCH,
                            pattern.span,
                            "a name among several patterns may have no value",
                        )
                        .label("takes a value that the other patterns have not")
                        .hint("write an arm of its own for it"),
                    );
                }
                covered.add(self, &read, arm.guard.is_some());
                self.sink.keep(&mut row.patterns, read, arm.span);
            }
            row.guard = arm.guard.as_ref().map(|guard| self.expr_of(guard, TypeId::BOOL));
            let inner = match (want, result) {
                (Want::Value(_), Some(value)) => Want::Value(self.ty(value)),
                _ => want,
            };
            row.body = self.block(&arm.body, inner);
            if let (Some(value), Want::Value(want)) = (row.body.value, want) {
                let value = self.wanted(value, want);
                row.body.value = Some(value);
                match result {
                    None => result = Some(value),
                    Some(first) => {
                        let (wider, value) = self.one_type(first, value);
                        row.body.value = Some(value);
                        if wider != first {
                            // The values so far become optionals too.
                            let want = self.ty(value);
                            for earlier in &mut rows {
                                earlier.body.value = earlier.body.value.map(|value| self.wanted(value, want));
                            }
                            result = Some(wider);
                        }
                    }
                }
            }
            self.flow.end_path(fork, &mut paths);
            self.names.leave(scope);
            self.sink.keep(&mut rows, row, arm.span);
        }
        if let Some(missing) = covered.missing(self, ty) {
            self.report(
                Diagnostic::new(codes::MATCH_NOT_COMPLETE, span, "the match does not take every value")
                    .label(format!("{missing} is not taken"))
                    .expected("an arm for every value")
                    .hint("add an arm `_ => { … }`"),
            );
        }
        self.flow.join(&paths);
        let ty = match want {
            Want::Nothing => TypeId::UNIT,
            Want::Value(_) => result.map_or(TypeId::ERROR, |value| self.ty(value)),
        };
        let id = MatchId(number(self.program.matches.len()));
        self.sink.fit(&mut rows);
        self.sink.keep(&mut self.program.matches, rows, span);
        self.new_expr(ExprKind::Match(subject, id), ty, span)
    }

    pub(super) fn pattern(
        &mut self,
        pattern: &ast::MatchPattern<'s>,
        ty: TypeId,
        bind: &mut Option<LocalId>,
    ) -> Pattern {
        if let Ok(Type::Optional(inner)) = self.get(ty) {
            return match &pattern.kind {
                MatchPatternKind::Wildcard => Pattern::All,
                MatchPatternKind::None => Pattern::None,
                MatchPatternKind::Variant { of: None, name, binds: Some(binds) } if name.text == "some" => {
                    let [value] = binds.as_slice() else {
                        self.wrong_count(*name, 1, binds.len(), pattern.span, None);
                        return Pattern::All;
                    };
                    if value.text == "_" {
                        return Pattern::Some(Box::new(Pattern::All));
                    }
                    Pattern::Some(Box::new(self.bind_pattern(*value, inner, bind)))
                }
                // Any other pattern is one for the value.
                _ => Pattern::Some(Box::new(self.pattern(pattern, inner, bind))),
            };
        }
        match &pattern.kind {
            MatchPatternKind::Wildcard => Pattern::All,
            MatchPatternKind::None => {
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
            MatchPatternKind::Literal(expr) => Pattern::Equal(self.pattern_value(expr, ty)),
            MatchPatternKind::Range(start, end, bound) => {
                let start = self.pattern_value(start, ty);
                Pattern::Range(start, self.pattern_value(end, ty), *bound)
            }
            MatchPatternKind::Variant { of, name, binds } => {
                if binds.is_some() {
                    self.unsupported(pattern.span, "an enum with values in its variants");
                    return Pattern::All;
                }
                if let Some(of) = of {
                    match self.type_named(*of) {
                        Some(named) if self.program.types.unify(named, ty) => {}
                        Some(named) => {
                            let (expected, found) = (self.type_name(ty), self.type_name(named));
                            self.report(
                                Diagnostic::new(
                                    codes::TYPE_MISMATCH,
                                    of.span,
                                    format!("expected {expected}, found {found}"),
                                )
                                .label("another type")
                                .expected(expected)
                                .found(found),
                            );
                            return Pattern::All;
                        }
                        None => return Pattern::All,
                    }
                    return Pattern::Equal(self.variant(ty, *name, pattern.span));
                }
                if let Ok(Type::Enum(id)) = self.get(ty) {
                    let known = self
                        .program
                        .types
                        .enumeration(id)
                        .is_some_and(|row| row.variants.contains(&name.text));
                    if known || name.text.starts_with(|first: char| first.is_ascii_uppercase()) {
                        return Pattern::Equal(self.variant(ty, *name, pattern.span));
                    }
                }
                self.bind_pattern(*name, ty, bind)
            }
        }
    }

    fn bind_pattern(&mut self, name: Ident<'s>, ty: TypeId, bind: &mut Option<LocalId>) -> Pattern {
        let local = match *bind {
            Some(local) => local,
            None => {
                let local = self.declare_local(name, ty, Use::Constant);
                self.flow.assign(local);
                *bind = Some(local);
                local
            }
        };
        Pattern::Bind(local)
    }

    pub(super) fn pattern_value(&mut self, expr: &ast::Expr<'s>, ty: TypeId) -> ExprId {
        let id = self.expr_of(expr, ty);
        if self.get(self.ty(id)) != Ok(Type::Error) && self.constant(id).is_none() {
            self.not_constant(id, "a pattern");
        }
        id
    }
}

/// Which values the arms of a match take.
#[derive(Default)]
struct Covered {
    /// Of an optional: none, and the value if there is one.
    every: bool,
    none: bool,
    /// Every value, where there is one.
    all: bool,
    truths: [bool; 2],
    tags: Vec<bool>,
}

impl Covered {
    fn add(&mut self, checker: &Checker<'_, '_>, pattern: &Pattern, guarded: bool) {
        if guarded {
            return;
        }
        match pattern {
            Pattern::All | Pattern::Bind(_) => self.every = true,
            Pattern::None => self.none = true,
            Pattern::Some(inner) if matches!(**inner, Pattern::All | Pattern::Bind(_)) => self.all = true,
            Pattern::Some(inner) => self.add(checker, inner, guarded),
            Pattern::Equal(id) => match checker.program.expr(*id).kind {
                ExprKind::Bool(value) => {
                    if let Some(slot) = self.truths.get_mut(usize::from(value)) {
                        *slot = true;
                    }
                }
                ExprKind::Variant(_, tag) => {
                    let tag = tag as usize;
                    if self.tags.len() <= tag {
                        self.tags.resize(tag.saturating_add(1), false);
                    }
                    if let Some(slot) = self.tags.get_mut(tag) {
                        *slot = true;
                    }
                }
                _ => {}
            },
            Pattern::Range(..) => {}
        }
    }

    fn missing(&self, checker: &Checker<'_, '_>, ty: TypeId) -> Option<alloc::string::String> {
        if self.every {
            return None;
        }
        match checker.get(ty) {
            Ok(Type::Error) => None,
            Ok(Type::Optional(_)) if !self.none => Some("`none`".into()),
            _ if self.all => None,
            Ok(Type::Optional(inner)) => self.missing(checker, inner),
            Ok(Type::Bool) => {
                let at = self.truths.iter().position(|taken| !taken)?;
                Some(format!("`{}`", at == 1))
            }
            Ok(Type::Enum(id)) => {
                let variants = checker.program.types.enumeration(id).map_or(&[][..], |row| &row.variants);
                let at = (0..variants.len()).find(|tag| self.tags.get(*tag) != Some(&true))?;
                variants.get(at).map(|name| format!("`{name}`"))
            }
            _ => Some(format!("a value of type {}", checker.type_name(ty))),
        }
    }
}
