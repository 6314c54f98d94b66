//! What C and Python do unasked: conversions, conditions, arithmetic that is not that of code.
//!
//! # Invariants
//! 1. C: small integers become `i32` before arithmetic; two operands meet in the type that C's usual
//!    arithmetic conversions give; a conversion to an integer keeps the low bits, arithmetic of
//!    unsigned types wraps, that of signed types traps.
//! 2. Python: every integer is an `int`, every float an `f64`; an `int` beside a float becomes one;
//!    what leaves 64 bits traps.
//! 3. A float becomes an integer with a check; a value that does not fit traps.

use alloc::format;

use super::operator::{Class, Same, class};
use super::tree::{Builtin, ExprId, ExprKind, LocalId, Sign, StmtKind};
use super::types::{Open, Type, TypeId};
use super::{Checker, Mode};
use crate::diag::{Diagnostic, codes};
use crate::fir::{FloatKind, IntKind, IntOp, IntUnaryOp};
use crate::lang::syntax::ELEMENT;
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::BinaryOp;
use crate::span::Span;

/// Tells whether every value of one kind is a value of the other.
fn holds(outer: IntKind, inner: IntKind) -> bool {
    outer.lowest() <= inner.lowest() && inner.highest() <= outer.highest()
}

impl<'s> Checker<'_, 's> {
    // ------------------------------------------------------------ conditions

    /// A condition: of type bool in steps and code, any number in C and Python.
    pub(super) fn condition(&mut self, cond: &ast::Expr<'s>) -> ExprId {
        if !self.mode.is_foreign() {
            return self.expr_of(cond, TypeId::BOOL);
        }
        if let ast::ExprKind::Binary { op: op @ (BinaryOp::And | BinaryOp::Or), sides, .. } = &cond.kind {
            let [left, right] = &**sides;
            let left = self.condition(left);
            let fork = self.flow.fork();
            let right = self.condition(right);
            self.flow.drop_path(fork);
            return self.new_expr(ExprKind::Binary(*op, left, right), TypeId::BOOL, cond.span);
        }
        let id = self.value(cond, TypeId::ERROR);
        self.truth(id)
    }

    /// An operand of `and`, `or`: in Python, where a value is wanted, only truth values.
    pub(super) fn logic_operand(&mut self, operand: &ast::Expr<'s>) -> ExprId {
        if self.mode != Mode::Python {
            return self.condition(operand);
        }
        let id = self.value(operand, TypeId::BOOL);
        if self.program.types.unify(self.ty(id), TypeId::BOOL) {
            return id;
        }
        let (span, found) = (self.span(id), self.type_name(self.ty(id)));
        let text = self.as_operand(span);
        self.report(
            Diagnostic::new(
                codes::TYPE_MISMATCH,
                span,
                format!("`and` and `or` give one of their operands, expected bool, found {found}"),
            )
            .label(format!("this is {found}"))
            .expected("bool")
            .found(found)
            .replace("compare it", span, format!("{text} != 0")),
        );
        self.invalid(span)
    }

    /// Whether a value is not zero, or a text not empty.
    pub(super) fn truth(&mut self, id: ExprId) -> ExprId {
        let (ty, span) = (self.ty(id), self.span(id));
        let zero = match self.get(ty) {
            Ok(Type::Bool | Type::Error) => return id,
            Ok(Type::Int(_)) => self.new_expr(ExprKind::Int(Sign::Plus, 0), ty, span),
            Ok(Type::Float(_)) => self.new_expr(ExprKind::Float(0.0), ty, span),
            Ok(Type::Str) if self.mode == Mode::Python => {
                let text = self.text(alloc::borrow::Cow::Borrowed(""));
                self.new_expr(ExprKind::Text(text), ty, span)
            }
            _ => {
                self.mismatch(id, TypeId::BOOL);
                return self.invalid(span);
            }
        };
        self.new_expr(ExprKind::Binary(BinaryOp::Ne, id, zero), TypeId::BOOL, span)
    }

    /// Tells whether a loop with this condition ends by `break` and `return` only.
    pub(super) fn always_holds(&self, cond: &ast::Expr<'s>) -> bool {
        match cond.kind {
            ast::ExprKind::Bool(value) => value,
            ast::ExprKind::Int(value) => self.mode.is_foreign() && value != 0,
            _ => false,
        }
    }

    // ------------------------------------------------------------ conversions

    /// The type that an operand has in arithmetic.
    pub(super) fn promote(&mut self, id: ExprId) -> ExprId {
        let to = match (self.mode, self.get(self.ty(id))) {
            (
                Mode::C,
                Ok(Type::Bool | Type::Int(IntKind::I8 | IntKind::I16 | IntKind::U8 | IntKind::U16)),
            ) => TypeId::I32,
            (
                Mode::Python,
                Ok(Type::Int(
                    IntKind::I8
                    | IntKind::I16
                    | IntKind::I32
                    | IntKind::U8
                    | IntKind::U16
                    | IntKind::U32
                    | IntKind::U64,
                )),
            ) => TypeId::I64,
            (Mode::Python, Ok(Type::Float(FloatKind::F32))) => TypeId::F64,
            _ => return id,
        };
        self.converted(id, to)
    }

    pub(super) fn converted(&mut self, id: ExprId, to: TypeId) -> ExprId {
        let span = self.span(id);
        self.new_expr(ExprKind::Convert(id), to, span)
    }

    /// A value as the type that its place asks for, if the language converts it unasked.
    pub(super) fn foreign_coerce(&mut self, id: ExprId, want: TypeId) -> Option<ExprId> {
        match self.mode {
            Mode::C => self.c_coerce(id, want),
            Mode::Python => match (self.get(self.ty(id)), self.get(want)) {
                (Ok(Type::Int(_)), Ok(Type::Int(_) | Type::Float(_)))
                | (Ok(Type::Float(_)), Ok(Type::Float(_))) => Some(self.converted(id, want)),
                _ => None,
            },
            Mode::Step | Mode::Code => None,
        }
    }

    fn c_coerce(&mut self, id: ExprId, want: TypeId) -> Option<ExprId> {
        match (self.get(self.ty(id)), self.get(want)) {
            (Ok(Type::Int(from)), Ok(Type::Int(to))) => Some(self.c_integer(id, from, to, want)),
            (Ok(Type::Bool), Ok(Type::Int(_)))
            | (Ok(Type::Int(_) | Type::Float(_)), Ok(Type::Float(_)))
            | (Ok(Type::Float(_)), Ok(Type::Int(_))) => Some(self.converted(id, want)),
            (Ok(Type::Bool), Ok(Type::Float(_))) => {
                let id = self.converted(id, TypeId::I32);
                Some(self.converted(id, want))
            }
            (Ok(Type::Int(_) | Type::Float(_)), Ok(Type::Bool)) => Some(self.truth(id)),
            _ => None,
        }
    }

    /// An integer as another integer type: its low bits.
    fn c_integer(&mut self, id: ExprId, from: IntKind, to: IntKind, want: TypeId) -> ExprId {
        if holds(to, from) {
            return self.converted(id, want);
        }
        let span = self.span(id);
        let list = self.list(&[id]);
        self.new_expr(ExprKind::Builtin(Builtin::IntUnary(IntUnaryOp::Wrap), list), want, span)
    }

    pub(super) fn foreign_cast(&mut self, value: &ast::Expr<'s>, to: TypeId, span: Span) -> ExprId {
        if matches!(value.kind, ast::ExprKind::Initializer(_)) {
            return self.expr_of(value, to);
        }
        let id = self.value(value, TypeId::ERROR);
        let from = self.ty(id);
        if self.program.types.unify(from, to) {
            return id;
        }
        let converted = match (self.mode, self.get(from), self.get(to)) {
            (Mode::Python, Ok(Type::Float(_) | Type::Bool), Ok(Type::Int(_))) => Some(self.converted(id, to)),
            (Mode::Python, Ok(Type::Bool), Ok(Type::Float(_))) => {
                let id = self.converted(id, TypeId::I64);
                Some(self.converted(id, to))
            }
            _ => self.foreign_coerce(id, to),
        };
        if let Some(id) = converted {
            return id;
        }
        let (from, to) = (self.type_name(from), self.type_name(to));
        self.report(
            Diagnostic::new(codes::TYPE_MISMATCH, span, format!("no conversion from {from} to {to}"))
                .label("conversions go between numbers")
                .found(from),
        );
        self.invalid(span)
    }

    /// A value for a place that is assigned to. A new name of Python takes the type of its first value.
    pub(super) fn value_for_place(&mut self, value: ExprId, place: ExprId) -> ExprId {
        let ty = self.ty(place);
        let value = if self.get(ty) == Err(Open::Any) { self.promote(value) } else { value };
        self.coerce(value, ty)
    }

    pub(super) fn python_hint(&self, diagnostic: Diagnostic, id: ExprId, want: TypeId) -> Diagnostic {
        let span = self.span(id);
        let text = self.as_operand(span);
        let call = |name| format!("{name}({})", text.trim_start_matches('(').trim_end_matches(')'));
        match (self.get(self.ty(id)), self.get(want)) {
            (Ok(Type::Float(_)), Ok(Type::Int(_))) => {
                diagnostic.replace("cut it off, or let the name begin as a float", span, call("int"))
            }
            (Ok(Type::Bool), Ok(Type::Int(_))) => diagnostic.replace("convert it", span, call("int")),
            (Ok(Type::Int(_) | Type::Float(_)), Ok(Type::Str)) => {
                diagnostic.replace("convert it", span, call("str"))
            }
            (Ok(Type::Optional(_)), _) => self.optional_hint(diagnostic, id),
            _ => diagnostic,
        }
    }

    /// C and Python have no operator for a value that may be missing.
    pub(super) fn optional_hint(&self, diagnostic: Diagnostic, id: ExprId) -> Diagnostic {
        let text = self.source_text(self.span(id));
        diagnostic.hint(format!(
            "let a function of a `flux` fence say what to take when there is none: `return {text} ?? …`"
        ))
    }

    // ------------------------------------------------------------ operators

    /// Both operands in the type that arithmetic and comparison have on them.
    pub(super) fn foreign_same(&mut self, left: ExprId, right: ExprId) -> Same {
        let (left, right) = (self.promote(left), self.promote(right));
        let (l, r) = (self.ty(left), self.ty(right));
        let common = match (self.get(l), self.get(r)) {
            (Ok(Type::Float(a)), Ok(Type::Float(b))) if a != b => TypeId::F64,
            (Ok(Type::Float(_)), Ok(Type::Int(_))) => l,
            (Ok(Type::Int(_)), Ok(Type::Float(_))) => r,
            (Ok(Type::Int(a)), Ok(Type::Int(b))) => {
                [(IntKind::U64, TypeId::U64), (IntKind::I64, TypeId::I64), (IntKind::U32, TypeId::U32)]
                    .into_iter()
                    .find(|(kind, _)| *kind == a || *kind == b)
                    .map_or(TypeId::I32, |(_, ty)| ty)
            }
            // Python compares and adds truth values as numbers.
            (Ok(Type::Bool), Ok(Type::Int(_) | Type::Float(_)))
            | (Ok(Type::Int(_) | Type::Float(_)), Ok(Type::Bool)) => {
                let left = self.truth_as_number(left);
                let right = self.truth_as_number(right);
                return self.foreign_same(left, right);
            }
            _ => {
                return if self.program.types.unify(l, r) { Same::Yes(left, right) } else { Same::No };
            }
        };
        match (self.as_type(left, common), self.as_type(right, common)) {
            (Some(left), Some(right)) => Same::Yes(left, right),
            _ => Same::No,
        }
    }

    fn truth_as_number(&mut self, id: ExprId) -> ExprId {
        if self.get(self.ty(id)) == Ok(Type::Bool) { self.converted(id, TypeId::I64) } else { id }
    }

    fn as_type(&mut self, id: ExprId, ty: TypeId) -> Option<ExprId> {
        if self.program.types.unify(self.ty(id), ty) { Some(id) } else { self.foreign_coerce(id, ty) }
    }

    /// An operator of C or Python between operands that are known.
    pub(super) fn foreign_binary(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        left: ExprId,
        right: ExprId,
        span: Span,
    ) -> ExprId {
        let kind = class(op);
        let (mut left, mut right) = (left, right);
        if kind == Class::Arithmetic && self.mode == Mode::Python {
            left = self.truth_as_number(left);
            right = self.truth_as_number(right);
        }
        if op == BinaryOp::TrueDiv {
            left = self.as_float(left);
            right = self.as_float(right);
        }
        let shift = matches!(op, BinaryOp::Shl | BinaryOp::Shr | BinaryOp::ShlExact | BinaryOp::ShrAny);
        let operands = if shift { self.shift_operands(left, right) } else { self.foreign_same(left, right) };
        let Same::Yes(left, right) = operands else {
            self.operands_differ(op_span, left, right);
            return self.invalid(span);
        };
        let ty = self.ty(left);
        let operand = self.get(ty);
        if self.mode == Mode::C && !self.c_has(op, operand, op_span) {
            return self.invalid(span);
        }
        let Some(result) = self.operator_result(op, ty) else {
            self.bad_operand(op, op_span, ty);
            return self.invalid(span);
        };
        if let (Mode::C, Ok(Type::Int(kind))) = (self.mode, operand)
            && !kind.is_signed()
            && let Some(wrapping) = wrapping(op)
        {
            let list = self.list(&[left, right]);
            return self.new_expr(ExprKind::Builtin(Builtin::Int(wrapping), list), result, span);
        }
        self.new_expr(ExprKind::Binary(op, left, right), result, span)
    }

    fn as_float(&mut self, id: ExprId) -> ExprId {
        match self.get(self.ty(id)) {
            Ok(Type::Int(_)) => self.converted(id, TypeId::F64),
            _ => id,
        }
    }

    /// A count has the type of what is shifted.
    fn shift_operands(&mut self, left: ExprId, right: ExprId) -> Same {
        let (left, right) = (self.promote(left), self.promote(right));
        let (l, r) = (self.ty(left), self.ty(right));
        match (self.get(l), self.get(r)) {
            (Ok(Type::Int(_)), Ok(Type::Int(_))) => Same::Yes(left, self.converted(right, l)),
            _ => {
                if self.program.types.unify(l, r) {
                    Same::Yes(left, right)
                } else {
                    Same::No
                }
            }
        }
    }

    /// Reports operators that other languages have on a type and C has not.
    fn c_has(&mut self, op: BinaryOp, operand: Result<Type, Open>, op_span: Span) -> bool {
        let hint = match (op, operand) {
            (BinaryOp::Rem, Ok(Type::Float(_))) => "write `fmod(a, b)`",
            (_, Ok(Type::Str)) => "texts are handed on only; work on them in `flux` code",
            _ => return true,
        };
        let operator = self.source_text(op_span);
        let what = if matches!(operand, Ok(Type::Str)) { "texts" } else { "floats" };
        self.report(
            Diagnostic::new(codes::TYPE_MISMATCH, op_span, format!("C has no `{operator}` on {what}"))
                .label(format!("both sides are {what}"))
                .hint(hint),
        );
        false
    }

    /// `place op= value`.
    pub(super) fn foreign_update(
        &mut self,
        place: ExprId,
        op: BinaryOp,
        value: ExprId,
        span: Span,
    ) -> StmtKind {
        let result = self.foreign_binary(op, span, place, value, span);
        let stored = self.coerce(result, self.ty(place));
        // Not an update, which computes the value first: that may change the place.
        StmtKind::Rewrite(place, stored)
    }

    /// A value of Python that gets a name or a place: an array or struct that has one already would
    /// have two, and a change through one would show in the other.
    pub(super) fn own_object(&mut self, id: ExprId) -> ExprId {
        if self.mode != Mode::Python || !self.is_named_object(id) {
            return id;
        }
        let span = self.span(id);
        let text = self.as_operand(span);
        let found = self.type_name(self.ty(id));
        if let ExprKind::Local(local) = self.program.expr(id).kind
            && self.ctx.locals.get(local.index()).is_some_and(|local| local.name == ELEMENT)
        {
            self.report(
                Diagnostic::new(
                    codes::SHARED_OBJECT,
                    span,
                    format!("`{text}` would be a second name of an element of type {found}"),
                )
                .label("in Python a change of it shows in the list; here values are copied")
                .hint("count the elements, `for i in range(len(values)):`, and name them `values[i]`"),
            );
            return id;
        }
        let copy = match self.get(self.ty(id)) {
            Ok(Type::Array(..) | Type::List(_)) => format!("{text}[:]"),
            _ => format!("copy.copy({text})"),
        };
        self.report(
            Diagnostic::new(
                codes::SHARED_OBJECT,
                span,
                format!("this would be a second name of one {found}"),
            )
            .label("in Python a change through one name shows in the other; here values are copied")
            .replace("say that a copy is wanted", span, copy),
        );
        id
    }

    /// Tells whether a value of Python is an object of data: it cannot change, so a second name for it
    /// is as good as the first.
    pub(super) fn names_data(&self, id: ExprId) -> bool {
        self.mode == Mode::Python && self.is_named_object(id) && self.is_of_data(id)
    }

    /// Tells whether a value is a constant or a part of one, or has a name that was given to such.
    pub(super) fn is_of_data(&self, id: ExprId) -> bool {
        match self.program.expr(self.root(id)).kind {
            ExprKind::Const(_) => true,
            ExprKind::Local(local) => self.ctx.data_names.contains(&local),
            _ => false,
        }
    }

    /// An object of data gets a name, or its place in another object.
    pub(super) fn name_data(&mut self, value: ExprId, place: ExprId) {
        let ExprKind::Local(local) = self.program.expr(place).kind else {
            self.own_object(value);
            return;
        };
        self.ctx.data_names.push(local);
        let changed = self.ctx.changed.iter().find(|row| row.0 == local);
        if let Some((_, at)) = changed.copied() {
            self.changes_data(at);
        }
    }

    /// A part of a local of Python is changed.
    pub(super) fn changed_in_part(&mut self, local: LocalId, at: ExprId) {
        if self.ctx.data_names.contains(&local) {
            self.changes_data(at);
        } else {
            self.ctx.changed.push((local, at));
        }
    }

    fn changes_data(&mut self, at: ExprId) {
        let span = self.span(at);
        let name = self.source_text(self.span(self.root(at)));
        self.report(
            Diagnostic::new(
                codes::NOT_ASSIGNABLE,
                span,
                format!("`{name}` is a name of data, which cannot be changed"),
            )
            .label("would change the data")
            .hint("copy what shall change: `name = copy.deepcopy(data)`, or `data[:]` of a list"),
        );
    }

    /// What a field or element is a part of.
    fn root(&self, id: ExprId) -> ExprId {
        let mut root = id;
        while let ExprKind::Field(base, ..) | ExprKind::Index(base, _) = self.program.expr(root).kind {
            root = base;
        }
        root
    }

    /// The result of a Python function must not be an object that the caller has already.
    pub(super) fn own_result(&mut self, id: ExprId) {
        if self.mode != Mode::Python {
            return;
        }
        let root = self.root(id);
        let callers = match self.program.expr(root).kind {
            ExprKind::Local(local) => local.0 < self.ctx.params || root != id,
            _ => true,
        };
        if callers {
            self.own_object(id);
        }
    }

    fn is_named_object(&self, id: ExprId) -> bool {
        let expr = self.program.expr(id);
        matches!(self.get(expr.ty), Ok(Type::Array(..) | Type::List(_) | Type::Map(..) | Type::Struct(_)))
            && matches!(
                expr.kind,
                ExprKind::Local(_) | ExprKind::Const(_) | ExprKind::Field(..) | ExprKind::Index(..)
            )
    }
}

/// The operation that unsigned types of C have instead of one that traps.
fn wrapping(op: BinaryOp) -> Option<IntOp> {
    match op {
        BinaryOp::Add => Some(IntOp::WrappingAdd),
        BinaryOp::Sub => Some(IntOp::WrappingSub),
        BinaryOp::Mul => Some(IntOp::WrappingMul),
        _ => None,
    }
}
