//! Choices: `if` and `match`, as statements and as values.

use super::code::Want;
use super::scope::Paths;
use super::tree::{Arm, Block, BlockId, ExprId, ExprKind, MatchId, StmtKind};
use super::types::{Open, Type, TypeId};
use super::{Checker, number};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
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
        while let ast::ExprKind::If(choice) = &at.kind {
            let cond = self.condition(&choice.cond);
            let block = self.block(&choice.then, Want::Nothing);
            self.flow.end_path(fork, &mut paths);
            self.sink.keep(&mut arms, (cond, block), at.span);
            match &choice.otherwise {
                None => {
                    // The path on which no condition holds.
                    self.flow.end_path(fork, &mut paths);
                    break;
                }
                Some(code) => {
                    if let [ast::Stmt { kind: ast::StmtKind::Expr(next), .. }] = code.stmts.as_slice()
                        && matches!(next.kind, ast::ExprKind::If(_))
                    {
                        at = next;
                        continue;
                    }
                    rest = Some(Box::new(self.block(code, Want::Nothing)));
                    self.flow.end_path(fork, &mut paths);
                    break;
                }
            }
        }
        self.flow.join(&paths);
        StmtKind::If(arms, rest)
    }

    pub(super) fn if_value(&mut self, choice: &ast::If<'s>, want: TypeId, span: Span) -> ExprId {
        let ast::If { cond, then, otherwise } = choice;
        let cond = self.condition(cond);
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
        self.new_expr(ExprKind::If(cond, then, rest), ty, span)
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
                | Type::Optional(_)
                | Type::Union(_))
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
        let mut places: Vec<Span> = Vec::new();
        let mut understood = true;
        let mut paths = Paths::default();
        let mut result: Option<ExprId> = None;
        let fork = self.flow.fork();
        for arm in arms {
            let scope = self.names.enter();
            let errors = self.sink.errors();
            let patterns = self.arm_patterns(arm, ty);
            understood &= self.sink.errors() == errors;
            let mut row = Arm { patterns, guard: None, body: Block::default() };
            let place = arm.patterns.first().map_or(arm.span, |pattern| pattern.span);
            places.push(arm.patterns.last().map_or(place, |last| place.to(last.span)));
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
        // What is left out is not known if a pattern has a mistake.
        if understood {
            self.check_arms(&rows, &places, ty, span);
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
}
