//! Operators: what they ask of their operands, and what they give.

use super::tree::{Builtin, ExprId, ExprKind, Sign};
use super::types::{Open, Type, TypeId};
use super::{Checker, Decide, Mode, Pending};
use crate::diag::{Diagnostic, Hint, Replacement, codes};
use crate::fir::{FloatKind, IntKind, IntUnaryOp};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{BinaryOp, UnaryOp};
use crate::span::Span;
use alloc::format;
use alloc::string::ToString;

/// Kinds of operators by what they ask of their operands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    Arithmetic,
    Bits,
    Order,
    Equality,
    Logic,
    Coalesce,
}

pub(super) fn class(op: BinaryOp) -> Class {
    match op {
        BinaryOp::Mul
        | BinaryOp::Div
        | BinaryOp::Rem
        | BinaryOp::Add
        | BinaryOp::Sub
        | BinaryOp::TrueDiv
        | BinaryOp::FloorDiv
        | BinaryOp::FloorRem
        | BinaryOp::Power => Class::Arithmetic,
        BinaryOp::Shl
        | BinaryOp::Shr
        | BinaryOp::ShlExact
        | BinaryOp::ShrAny
        | BinaryOp::BitAnd
        | BinaryOp::BitXor
        | BinaryOp::BitOr => Class::Bits,
        BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => Class::Order,
        BinaryOp::Eq | BinaryOp::Ne => Class::Equality,
        BinaryOp::And | BinaryOp::Or => Class::Logic,
        BinaryOp::Coalesce => Class::Coalesce,
    }
}

impl<'s> Checker<'_, 's> {
    pub(super) fn unary(&mut self, op: UnaryOp, operand: &ast::Expr<'s>, want: TypeId, span: Span) -> ExprId {
        if let (UnaryOp::Neg, ast::ExprKind::Int(value)) = (op, &operand.kind) {
            return self.integer(Sign::Minus, *value, want, span);
        }
        if op == UnaryOp::Not {
            let id = self.condition(operand);
            return self.new_expr(ExprKind::Unary(op, id), TypeId::BOOL, span);
        }
        let mut id = self.value(operand, want);
        if self.mode.is_foreign() {
            id = self.promote(id);
        }
        let ty = self.ty(id);
        if let (Mode::C, UnaryOp::Neg, Ok(Type::Int(kind))) = (self.mode, op, self.get(ty))
            && !kind.is_signed()
        {
            let list = self.list(&[id]);
            let builtin = Builtin::IntUnary(IntUnaryOp::WrappingNeg);
            return self.new_expr(ExprKind::Builtin(builtin, list), ty, span);
        }
        let fits = match (op, self.get(ty)) {
            (_, Ok(Type::Error)) => return self.invalid(span),
            (UnaryOp::Neg, Ok(Type::Int(kind))) => kind.is_signed(),
            (UnaryOp::Neg, Ok(Type::Float(_) | Type::Duration) | Err(_)) => true,
            (UnaryOp::BitNot, Ok(Type::Int(_)) | Err(Open::Integer)) => true,
            _ => false,
        };
        if !fits {
            let found = self.type_name(ty);
            let expected = if op == UnaryOp::Neg { "a signed number" } else { "an integer" };
            self.report(
                Diagnostic::new(codes::TYPE_MISMATCH, span, format!("expected {expected}, found {found}"))
                    .label(format!("this is {found}"))
                    .expected(expected)
                    .found(found),
            );
            return self.invalid(span);
        }
        self.new_expr(ExprKind::Unary(op, id), ty, span)
    }

    pub(super) fn binary_of(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        left: &ast::Expr<'s>,
        right: &ast::Expr<'s>,
        want: TypeId,
        span: Span,
    ) -> ExprId {
        match class(op) {
            Class::Coalesce => self.coalesce(left, right, want, span),
            Class::Logic => {
                let left = self.logic_operand(left);
                // The right side may not run: what it assigns does not count.
                let fork = self.flow.fork();
                let right = self.logic_operand(right);
                self.flow.drop_path(fork);
                self.new_expr(ExprKind::Binary(op, left, right), TypeId::BOOL, span)
            }
            kind => {
                let hint = if matches!(kind, Class::Arithmetic | Class::Bits) { want } else { TypeId::ERROR };
                let left = self.value(left, hint);
                let right = self.value(right, self.ty(left));
                self.binary(op, op_span, left, right, span)
            }
        }
    }

    /// An operator between operands that are known.
    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        left: ExprId,
        right: ExprId,
        span: Span,
    ) -> ExprId {
        if self.mode.is_foreign() {
            return self.foreign_binary(op, op_span, left, right, span);
        }
        let (left, right) =
            if class(op) == Class::Equality { self.both_optional(left, right) } else { (left, right) };
        let (left, right) = match self.same(left, right) {
            Same::Yes(left, right) => (left, right),
            Same::Later => {
                let ty = if matches!(class(op), Class::Order | Class::Equality) {
                    TypeId::BOOL
                } else {
                    self.program.types.variable(Open::Any)
                };
                let expr = self.new_expr(ExprKind::Binary(op, left, right), ty, span);
                let span = self.span(expr);
                self.sink.keep(&mut self.pending, Pending { expr, op }, span);
                return expr;
            }
            Same::No => {
                self.operands_differ(op_span, left, right);
                return self.invalid(span);
            }
        };
        let ty = self.ty(left);
        // Whether there is a value can be asked of every optional.
        let none = |id| matches!(self.program.expr(id).kind, ExprKind::None);
        if class(op) == Class::Equality && (none(left) || none(right)) {
            return self.new_expr(ExprKind::Binary(op, left, right), TypeId::BOOL, span);
        }
        match self.operator_result(op, ty) {
            Some(result) => {
                let expr = self.new_expr(ExprKind::Binary(op, left, right), result, span);
                if self.get(ty) == Err(Open::Any) {
                    self.sink.keep(&mut self.open_operators, expr, span);
                }
                expr
            }
            None => {
                self.bad_operand(op, op_span, ty);
                self.invalid(span)
            }
        }
    }

    /// Beside an optional a plain value counts as one, so that `x == 5` works.
    fn both_optional(&mut self, left: ExprId, right: ExprId) -> (ExprId, ExprId) {
        let (l, r) = (self.ty(left), self.ty(right));
        let whole = |checker: &Self, id: ExprId, ty| {
            let none = matches!(checker.program.expr(id).kind, ExprKind::None);
            matches!(checker.get(ty), Ok(Type::Optional(_))) && !none
        };
        match (whole(self, left, l), whole(self, right, r)) {
            (true, false) => (left, self.fitted(right, l).unwrap_or(right)),
            (false, true) => (self.fitted(left, r).unwrap_or(left), right),
            _ => (left, right),
        }
    }

    /// Tells whether `==` goes through values of the type.
    pub(super) fn comparable(&self, ty: TypeId) -> bool {
        match self.get(ty) {
            Ok(Type::Int(_) | Type::Float(_) | Type::Str | Type::Duration | Type::Bool | Type::Enum(_))
            | Ok(Type::Error | Type::Agent | Type::Capability | Type::Region)
            | Err(_) => true,
            Ok(Type::Optional(inner) | Type::Array(inner, _) | Type::List(inner)) => self.comparable(inner),
            Ok(Type::Map(_, value)) => self.comparable(value),
            Ok(Type::Bytes) => true,
            // Of what cannot be compared a field can only be a function.
            Ok(Type::Struct(_) | Type::Union(_)) => !self.program.types.holds_function(ty),
            Ok(Type::Unit | Type::Ticket | Type::Function(_)) => false,
        }
    }

    /// Both operands in one type, if that goes.
    pub(super) fn same(&mut self, left: ExprId, right: ExprId) -> Same {
        let (l, r) = (self.ty(left), self.ty(right));
        if self.mode.is_foreign() {
            return self.foreign_same(left, right);
        }
        if self.mode == Mode::Step {
            let float = |ty| matches!(ty, Ok(Type::Float(FloatKind::F64)) | Err(Open::Float));
            match (self.get(l), self.get(r)) {
                (Err(Open::Any), other) if float(other) => self.taken_as_float.insert(left),
                (other, Err(Open::Any)) if float(other) => self.taken_as_float.insert(right),
                _ => false,
            };
            // A literal with a point beside an integer is an f64.
            match (self.get(l), self.get(r)) {
                (Ok(Type::Int(_)), Err(Open::Float)) => {
                    self.program.types.settle(r);
                }
                (Err(Open::Float), Ok(Type::Int(_))) => {
                    self.program.types.settle(l);
                }
                _ => {}
            }
            match (self.get(l), self.get(r)) {
                (Ok(Type::Int(_)), Ok(Type::Float(FloatKind::F64))) => {
                    return Same::Yes(self.coerce(left, r), right);
                }
                (Ok(Type::Float(FloatKind::F64)), Ok(Type::Int(_))) => {
                    return Same::Yes(left, self.coerce(right, l));
                }
                (Ok(Type::Int(IntKind::I64)), Err(Open::Any))
                | (Err(Open::Any), Ok(Type::Int(IntKind::I64))) => return Same::Later,
                _ => {}
            }
        }
        if self.program.types.unify(l, r) { Same::Yes(left, right) } else { Same::No }
    }

    /// The type of `op` on two values of type `ty`.
    pub(super) fn operator_result(&self, op: BinaryOp, ty: TypeId) -> Option<TypeId> {
        let operand = self.get(ty);
        if operand == Ok(Type::Error) {
            return Some(if matches!(class(op), Class::Order | Class::Equality) { TypeId::BOOL } else { ty });
        }
        let number = matches!(operand, Ok(Type::Int(_) | Type::Float(_)) | Err(_));
        match class(op) {
            Class::Arithmetic => match (op, operand) {
                (BinaryOp::Add, Ok(Type::Str | Type::List(_) | Type::Bytes)) => Some(ty),
                (BinaryOp::Add | BinaryOp::Sub, Ok(Type::Duration)) => Some(ty),
                _ => number.then_some(ty),
            },
            Class::Bits => matches!(operand, Ok(Type::Int(_)) | Err(Open::Integer | Open::Any)).then_some(ty),
            Class::Order => {
                (number || matches!(operand, Ok(Type::Str | Type::Duration))).then_some(TypeId::BOOL)
            }
            Class::Equality => self.comparable(ty).then_some(TypeId::BOOL),
            Class::Logic | Class::Coalesce => None,
        }
    }

    pub(super) fn operands_differ(&mut self, op_span: Span, left: ExprId, right: ExprId) {
        let (l, r) = (self.ty(left), self.ty(right));
        let (left_name, right_name) = (self.type_name(l), self.type_name(r));
        let operator = self.source_text(op_span);
        let mut diagnostic = Diagnostic::new(
            codes::TYPE_MISMATCH,
            op_span,
            format!("`{operator}` between {left_name} and {right_name}"),
        )
        .label("both sides must have one type")
        .secondary(self.span(left), left_name.clone())
        .secondary(self.span(right), right_name.clone())
        .expected(left_name.clone())
        .found(right_name);
        // Towards the float if one side is: nothing is cut off.
        if let Some(hint) = self.operand_hint(operator, left, right) {
            diagnostic.hint = Some(hint);
        } else if !self.mode.is_foreign() && self.converts(r, l) {
            let to_right = matches!(self.get(r), Ok(Type::Float(_)) | Err(Open::Float));
            let (side, to) = if to_right { (left, self.type_name(r)) } else { (right, left_name) };
            let span = self.span(side);
            let text = self.as_operand(span);
            diagnostic = diagnostic.replace("convert one side", span, format!("{text} as {to}"));
        }
        if self.is_optional_of(l, r) {
            let text = self.source_text(self.span(left));
            diagnostic = diagnostic.hint(format!("say what to take when there is none: `({text} ?? …)`"));
        } else if self.is_optional_of(r, l) {
            let text = self.source_text(self.span(right));
            diagnostic = diagnostic.hint(format!("say what to take when there is none: `({text} ?? …)`"));
        }
        self.report(diagnostic);
    }

    pub(super) fn bad_operand(&mut self, op: BinaryOp, op_span: Span, ty: TypeId) {
        let found = self.type_name(ty);
        let operator = self.source_text(op_span).to_string();
        let expected = match (class(op), self.get(ty)) {
            (Class::Arithmetic, Ok(Type::Duration)) => "numbers (durations take `+` and `-` only)",
            (Class::Arithmetic, _) => "numbers",
            (Class::Bits, _) => "integers",
            (Class::Order, _) => "numbers, durations or texts",
            _ => "plain values",
        };
        let mut diagnostic =
            Diagnostic::new(codes::TYPE_MISMATCH, op_span, format!("`{operator}` does not work on {found}"))
                .label(format!("both sides are {found}"))
                .expected(expected)
                .found(found);
        match self.get(ty) {
            Ok(Type::Optional(_)) if class(op) != Class::Equality => {
                diagnostic = diagnostic.hint("say what to take when there is none: `x ?? 0`");
            }
            Ok(Type::Duration) => {
                diagnostic = diagnostic.hint("calculate with its nanoseconds: `pause as int`");
            }
            Ok(Type::Struct(_) | Type::Array(..)) if class(op) == Class::Order => {
                diagnostic = diagnostic.hint("compare the fields or elements one by one");
            }
            _ => {}
        }
        self.report(diagnostic);
    }

    /// Decides an operator of a step between a parameter and an `int`.
    pub(super) fn decide(&mut self, pending: Pending, when: Decide) {
        let expr = self.program.expr(pending.expr);
        let ExprKind::Binary(op, left, right) = expr.kind else { return };
        self.mode = Mode::Step;
        // What is done with the result may say what the parameter is.
        if class(op) == Class::Arithmetic {
            let wanted = match self.get(expr.ty) {
                _ if when == Decide::IfWhole && self.taken_as_float.contains(&pending.expr) => None,
                Ok(Type::Float(FloatKind::F64)) | Err(Open::Float) => Some(TypeId::F64),
                Ok(Type::Int(IntKind::I64)) => Some(TypeId::I64),
                _ => None,
            };
            if let Some(wanted) = wanted {
                for side in [left, right] {
                    let ty = self.ty(side);
                    if self.get(ty) == Err(Open::Any) {
                        self.program.types.unify(ty, wanted);
                    }
                }
            }
        }
        let (left, right) = match self.same(left, right) {
            Same::Yes(left, right) => (left, right),
            Same::Later if when != Decide::Now => {
                let span = self.span(pending.expr);
                self.sink.keep(&mut self.pending, pending, span);
                return;
            }
            Same::Later => {
                // Only whole numbers were met.
                let (l, r) = (self.ty(left), self.ty(right));
                if self.program.types.unify(l, r) {
                    (left, right)
                } else {
                    let left = self.widened(left);
                    (left, self.widened(right))
                }
            }
            Same::No => {
                self.operands_differ(expr.span, left, right);
                return;
            }
        };
        let ty = self.ty(left);
        match self.operator_result(pending.op, ty) {
            Some(result) if self.program.types.unify(expr.ty, result) => {}
            // The place takes an `f64`, and its other uses say that the parameter is an `int`.
            Some(result) if self.taken_as_float.contains(&pending.expr) && self.is_whole(result) => {
                self.program.types.unify(expr.ty, TypeId::F64);
                let whole = self.new_expr(ExprKind::Binary(op, left, right), result, expr.span);
                if let Some(slot) = self.program.exprs.get_mut(pending.expr.index()) {
                    slot.kind = ExprKind::Convert(whole);
                }
                return;
            }
            // The place took it for an `int` and all uses say `f64`.
            Some(result) => {
                let found = self.new_expr(ExprKind::Binary(op, left, right), result, expr.span);
                self.mismatch(found, expr.ty);
            }
            None => self.bad_operand(op, expr.span, ty),
        }
        if let Some(slot) = self.program.exprs.get_mut(pending.expr.index()) {
            slot.kind = ExprKind::Binary(op, left, right);
        }
    }

    fn is_whole(&self, ty: TypeId) -> bool {
        matches!(self.get(ty), Ok(Type::Int(_)))
    }

    /// Looks again at operators on operands of which nothing was known then.
    pub(super) fn check_open_operators(&mut self) {
        for id in core::mem::take(&mut self.open_operators) {
            let expr = self.program.expr(id);
            let ExprKind::Binary(op, left, _) = expr.kind else { continue };
            let ty = self.ty(left);
            if self.operator_result(op, ty).is_none() {
                self.bad_operand(op, expr.span, ty);
            }
        }
    }

    /// A number as `f64`.
    pub(super) fn widened(&mut self, id: ExprId) -> ExprId {
        let ty = self.ty(id);
        if self.program.types.unify(ty, TypeId::F64) {
            return id;
        }
        let span = self.span(id);
        self.new_expr(ExprKind::Convert(id), TypeId::F64, span)
    }

    pub(super) fn cast(&mut self, value: &ast::Expr<'s>, ty: &ast::Type<'s>, span: Span) -> ExprId {
        let to = self.type_of(ty);
        if self.mode.is_foreign() {
            return self.foreign_cast(value, to, span);
        }
        let hint = match (&value.kind, self.get(to)) {
            // A literal is written in the type at once.
            (ast::ExprKind::Int(_), Ok(Type::Int(_) | Type::Float(_)))
            | (ast::ExprKind::Float(_), Ok(Type::Float(_))) => to,
            _ => TypeId::ERROR,
        };
        let id = self.value(value, hint);
        let from = self.ty(id);
        if self.get(from) == Ok(Type::Error) || self.get(to) == Ok(Type::Error) {
            return self.invalid(span);
        }
        self.program.types.settle(from);
        let from = self.ty(id);
        if from == self.program.types.resolve(to) {
            return id;
        }
        if self.get(from) == Err(Open::Any) {
            // A parameter that is converted may be of any type; its other uses say which.
            return self.new_expr(ExprKind::Convert(id), to, span);
        }
        if !self.converts(from, to) {
            let hint = self.number_of_text(id, to).or_else(|| self.fitting(id, to));
            let (from, to) = (self.type_name(from), self.type_name(to));
            let row =
                Diagnostic::new(codes::TYPE_MISMATCH, span, format!("no conversion from {from} to {to}"))
                    .label("`as` goes between numbers, from bool to an integer, and between int and duration")
                    .found(from);
            // The edit takes the place of the whole conversion.
            let hint = hint.map(|hint| {
                let replacement = hint.replacement.map(|edit| Replacement { span, ..edit });
                Hint { replacement, ..hint }
            });
            self.report(Diagnostic { hint, ..row });
            return self.invalid(span);
        }
        self.new_expr(ExprKind::Convert(id), to, span)
    }
}

/// Whether two operands have one type.
pub(super) enum Same {
    /// They have, as these expressions.
    Yes(ExprId, ExprId),
    /// One is a parameter beside an `int`: not known yet.
    Later,
    /// They have not.
    No,
}
