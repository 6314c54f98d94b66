//! Types of expressions: literals, names, operators, conversions.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::scope::{Binding, Symbol, nearest};
use super::tree::{ExprId, ExprKind, LocalId, ParamId, Sign};
use super::types::{Open, Type, TypeId};
use super::{Checker, Decide, Mode, Pending, Use};
use crate::diag::{Diagnostic, codes};
use crate::fir::{FloatKind, IntKind};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{Access, BinaryOp, Ident, StrPart, UnaryOp};
use crate::span::Span;

/// Kinds of operators by what they ask of their operands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Class {
    Arithmetic,
    Bits,
    Order,
    Equality,
    Logic,
    Coalesce,
}

fn class(op: BinaryOp) -> Class {
    match op {
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem | BinaryOp::Add | BinaryOp::Sub => Class::Arithmetic,
        BinaryOp::Shl | BinaryOp::Shr | BinaryOp::BitAnd | BinaryOp::BitXor | BinaryOp::BitOr => Class::Bits,
        BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => Class::Order,
        BinaryOp::Eq | BinaryOp::Ne => Class::Equality,
        BinaryOp::And | BinaryOp::Or => Class::Logic,
        BinaryOp::Coalesce => Class::Coalesce,
    }
}

impl<'s> Checker<'_, 's> {
    /// An expression. `want` is the type that its place asks for, [`TypeId::ERROR`] if none:
    /// a hint for literals, not a check.
    pub(super) fn expr(&mut self, expr: &ast::Expr<'s>, want: TypeId) -> ExprId {
        let span = expr.span;
        match &expr.kind {
            ast::ExprKind::Int(value) => self.integer(Sign::Plus, *value, want, span),
            ast::ExprKind::Float(value) => {
                let ty = match self.get(want) {
                    Ok(Type::Float(_)) => want,
                    _ => self.program.types.variable(Open::Float),
                };
                self.new_expr(ExprKind::Float(*value), ty, span)
            }
            ast::ExprKind::Bool(value) => self.new_expr(ExprKind::Bool(*value), TypeId::BOOL, span),
            ast::ExprKind::Duration(value) => {
                self.new_expr(ExprKind::Duration(*value), TypeId::DURATION, span)
            }
            ast::ExprKind::Str(parts) => self.string(parts, span),
            ast::ExprKind::Name(name) => self.name(Ident { text: name, span }),
            ast::ExprKind::Field { base, name, access } => self.field(base, *name, *access, span),
            ast::ExprKind::Index { base, index } => self.index(base, index, span),
            ast::ExprKind::Call { callee, args } => self.call(callee, args, want, span),
            ast::ExprKind::Method { base, name, args, access } => {
                self.method(base, *name, args, *access, want, span)
            }
            ast::ExprKind::Unary { op, operand } => self.unary(*op, operand, want, span),
            ast::ExprKind::Binary { op, op_span, left, right } => {
                self.binary_of(*op, *op_span, left, right, want, span)
            }
            ast::ExprKind::Cast { value, ty } => self.cast(value, ty, span),
            ast::ExprKind::If { cond, then, otherwise } => {
                self.if_value(cond, then, otherwise.as_ref(), want, span)
            }
            ast::ExprKind::Match { value, arms } => self.match_value(value, arms, want, span),
            ast::ExprKind::Array(elements) => self.array(elements, want, span),
            ast::ExprKind::ArrayRepeat { value, count } => self.array_repeat(value, count, want, span),
            ast::ExprKind::Struct { name, fields } => self.struct_literal(*name, fields, span),
            ast::ExprKind::None => self.not_yet(span, "an optional"),
            ast::ExprKind::Map(_) => self.not_yet(span, "a map"),
            ast::ExprKind::Lambda { .. } => self.not_yet(span, "a function value"),
            ast::ExprKind::Range { .. } => {
                self.report(
                    Diagnostic::new(codes::TYPE_MISMATCH, span, "a range is no value")
                        .label("only `for` and patterns take ranges")
                        .hint("write `for i in 0..n { … }`"),
                );
                self.invalid(span)
            }
            ast::ExprKind::Invalid => self.invalid(span),
        }
    }

    pub(super) fn not_yet(&mut self, span: Span, what: &str) -> ExprId {
        self.unsupported(span, what);
        self.invalid(span)
    }

    /// An expression that must have the type `want`.
    pub(super) fn expr_of(&mut self, expr: &ast::Expr<'s>, want: TypeId) -> ExprId {
        let id = self.expr(expr, want);
        self.coerce(id, want)
    }

    pub(super) fn integer(&mut self, sign: Sign, value: u64, want: TypeId, span: Span) -> ExprId {
        let ty = match self.get(want) {
            Ok(Type::Int(_) | Type::Float(_)) => want,
            _ => self.program.types.variable(Open::Integer),
        };
        let id = self.new_expr(ExprKind::Int(sign, value), ty, span);
        if ty != TypeId::I64 || value > i64::MAX.unsigned_abs() {
            self.literals.push(id);
        }
        id
    }

    pub(super) fn string(&mut self, parts: &[StrPart<'s>], span: Span) -> ExprId {
        match parts {
            [] => {
                let text = self.text(Cow::Borrowed(""));
                return self.new_expr(ExprKind::Text(text), TypeId::STR, span);
            }
            [StrPart::Text(text)] => {
                let text = self.text(text.clone());
                return self.new_expr(ExprKind::Text(text), TypeId::STR, span);
            }
            _ => {}
        }
        let mut exprs = Vec::with_capacity(parts.len());
        for part in parts {
            let id = match part {
                StrPart::Text(text) => {
                    let text = self.text(text.clone());
                    self.new_expr(ExprKind::Text(text), TypeId::STR, span)
                }
                StrPart::Expr(expr) => {
                    let id = self.value(expr, TypeId::ERROR);
                    self.shown.push(id);
                    id
                }
            };
            exprs.push(id);
        }
        let list = self.list(&exprs);
        self.new_expr(ExprKind::Interpolate(list), TypeId::STR, span)
    }

    /// An expression that has a value.
    pub(super) fn value(&mut self, expr: &ast::Expr<'s>, want: TypeId) -> ExprId {
        let id = self.expr(expr, want);
        if self.ty(id) == TypeId::UNIT {
            self.report(
                Diagnostic::new(codes::TYPE_MISMATCH, expr.span, "a value is needed here")
                    .label("this gives no value")
                    .expected("a value")
                    .found("nothing"),
            );
            return self.invalid(expr.span);
        }
        id
    }

    /// `id` as a value of type `want`: in steps an `int` becomes an `f64` if need be.
    pub(super) fn coerce(&mut self, id: ExprId, want: TypeId) -> ExprId {
        let ty = self.ty(id);
        if self.program.types.unify(ty, want) {
            return id;
        }
        if self.mode == Mode::Step
            && matches!(self.get(ty), Ok(Type::Int(_)))
            && matches!(self.get(want), Ok(Type::Float(FloatKind::F64)) | Err(Open::Float))
            && self.program.types.unify(want, TypeId::F64)
        {
            let span = self.span(id);
            return self.new_expr(ExprKind::Convert(id), TypeId::F64, span);
        }
        self.mismatch(id, want);
        self.invalid(self.span(id))
    }

    fn mismatch(&mut self, id: ExprId, want: TypeId) {
        let (expected, found) = (self.type_name(want), self.type_name(self.ty(id)));
        let span = self.span(id);
        let mut diagnostic =
            Diagnostic::new(codes::TYPE_MISMATCH, span, format!("expected {expected}, found {found}"))
                .label(format!("this is {found}"))
                .expected(expected.clone())
                .found(found);
        if self.converts(self.ty(id), want) {
            let text = self.as_operand(span);
            diagnostic = diagnostic.replace("convert it", span, format!("{text} as {expected}"));
        }
        self.report(diagnostic);
    }

    /// The source text of an expression, in parentheses unless it is one word.
    fn as_operand(&self, span: Span) -> String {
        let text = self.source_text(span);
        let simple = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.');
        if simple { text.to_string() } else { format!("({text})") }
    }

    /// Tells whether `as` goes from one type to the other.
    fn converts(&self, from: TypeId, to: TypeId) -> bool {
        let number = |ty| matches!(ty, Ok(Type::Int(_) | Type::Float(_)) | Err(Open::Integer | Open::Float));
        match (self.get(from), self.get(to)) {
            (Ok(Type::Bool), Ok(Type::Int(_)))
            | (Ok(Type::Duration), Ok(Type::Int(_) | Type::Duration))
            | (Ok(Type::Int(_)) | Err(Open::Integer), Ok(Type::Duration)) => true,
            (from, to) => number(from) && number(to),
        }
    }

    // ------------------------------------------------------------ names

    pub(super) fn name(&mut self, name: Ident<'s>) -> ExprId {
        let symbol = self.names.symbol(name.text);
        let binding = match self.names.binding(symbol) {
            Binding::None => self.undefined(name, symbol),
            binding => Some(binding),
        };
        let Some(binding) = binding else { return self.invalid(name.span) };
        match binding {
            Binding::Local(local) => self.local(local, name),
            Binding::State(id) => {
                let ty = self.agent.state_ty(id);
                self.new_expr(ExprKind::State(id), ty, name.span)
            }
            Binding::Param(id) => self.param(id, name.span),
            Binding::BuiltinParam => {
                let id = self.parameter(name, symbol, TypeId::STR);
                self.param(id, name.span)
            }
            Binding::Const(id) => {
                let ty = self.program.consts.get(id.index()).map_or(TypeId::ERROR, |row| row.ty);
                self.new_expr(ExprKind::Const(id), ty, name.span)
            }
            Binding::Unset | Binding::None => {
                self.unset(name);
                self.invalid(name.span)
            }
        }
    }

    fn param(&mut self, id: ParamId, span: Span) -> ExprId {
        let ty = self.agent.param_ty(id);
        self.new_expr(ExprKind::Param(id), ty, span)
    }

    fn local(&mut self, local: LocalId, name: Ident<'s>) -> ExprId {
        let local = match self.local_use(local) {
            Use::Ticket(result) if self.flow.is_assigned(result) => result,
            Use::Ticket(_) => {
                self.report(
                    Diagnostic::new(
                        codes::USE_BEFORE_SET,
                        name.span,
                        format!("`{}` is a ticket; its RESULT is not there yet", name.text),
                    )
                    .label("wait for it first")
                    .hint(format!("put a step `Wait for {}` before this one", name.text)),
                );
                return self.invalid(name.span);
            }
            _ => local,
        };
        if !self.flow.is_assigned(local) {
            self.unset(name);
            return self.invalid(name.span);
        }
        if let Some(read) = self.ctx.read.get_mut(local.index()) {
            *read = true;
        }
        let ty = self.local_ty(local);
        self.new_expr(ExprKind::Local(local), ty, name.span)
    }

    pub(super) fn unset(&mut self, name: Ident<'s>) {
        self.report(
            Diagnostic::new(
                codes::USE_BEFORE_SET,
                name.span,
                format!("`{}` may have no value here", name.text),
            )
            .label("not set on every way to this place")
            .hint(format!(
                "give it a first value before: `Set {} to …`, or keep it in `## State`",
                name.text
            )),
        );
    }

    /// A name that nothing defines: the prefix rule, then a parameter.
    fn undefined(&mut self, name: Ident<'s>, symbol: Symbol) -> Option<Binding> {
        if self.mode == Mode::Code || !self.agent.active() || self.names.function(symbol).is_some() {
            self.undefined_in_code(name);
            return None;
        }
        let binding = match self.by_prefix(name) {
            Ok(Some(binding)) => binding,
            Ok(None) => {
                let ty = self.program.types.variable(Open::Any);
                Binding::Param(self.parameter(name, symbol, ty))
            }
            Err(()) => return None,
        };
        // The name keeps this meaning to the end of the section.
        self.names.bind(symbol, binding);
        Some(binding)
    }

    fn undefined_in_code(&mut self, name: Ident<'s>) {
        let symbol = self.names.symbol(name.text);
        let function = self.names.function(symbol).is_some();
        let what = if function { "a function, not a value" } else { "not defined" };
        let message = format!("`{}` is {what}", name.text);
        let mut diagnostic = Diagnostic::new(codes::UNDEFINED_NAME, name.span, message);
        if function {
            diagnostic = diagnostic
                .label("not called")
                .hint(format!("call it, without a space before the parenthesis: `{}(…)`", name.text));
        } else {
            diagnostic = diagnostic.label("no such name here");
            let locals = self.ctx.introduced.iter().rev().map(|(text, _)| *text);
            let consts = self.program.consts.iter().map(|row| row.name);
            let near = nearest(name.text, locals.chain(self.agent.state_names()).chain(consts));
            if let Some(near) = near {
                diagnostic = diagnostic.replace(format!("did you mean `{near}`?"), name.span, near);
            } else if self.ctx.place == super::Place::Function {
                diagnostic = diagnostic.hint(
                    "a function sees its arguments and constants only; pass state and parameters to it",
                );
            }
        }
        self.report(diagnostic);
    }

    /// The one name in sight that begins with `name`.
    fn by_prefix(&mut self, name: Ident<'s>) -> Result<Option<Binding>, ()> {
        if name.text.len() < 3 {
            return Ok(None);
        }
        let mut found: Vec<(&'s str, Symbol)> = Vec::new();
        for (text, symbol) in &self.ctx.introduced {
            if text.starts_with(name.text)
                && matches!(self.names.binding(*symbol), Binding::Local(_))
                && !found.iter().any(|(_, known)| known == symbol)
            {
                found.push((text, *symbol));
                if found.len() > 4 {
                    break;
                }
            }
        }
        for text in self.agent.with_prefix(name.text).take(4) {
            let symbol = self.names.symbol(text);
            if !found.iter().any(|(_, known)| *known == symbol) {
                found.push((text, symbol));
            }
        }
        match found.as_slice() {
            [] => Ok(None),
            [(text, symbol)] => {
                self.report(
                    Diagnostic::new(
                        codes::PREFIX_NAME,
                        name.span,
                        format!("`{}` is read as `{text}`", name.text),
                    )
                    .label(format!("short for `{text}`"))
                    .replace("write it in full", name.span, *text),
                );
                Ok(Some(self.names.binding(*symbol)))
            }
            _ => {
                let mut names = String::new();
                for (text, _) in &found {
                    if !names.is_empty() {
                        names.push_str(", ");
                    }
                    names.push('`');
                    names.push_str(text);
                    names.push('`');
                }
                self.report(
                    Diagnostic::new(
                        codes::AMBIGUOUS_NAME,
                        name.span,
                        format!("`{}` could mean {names}", name.text),
                    )
                    .label("write the name in full"),
                );
                Err(())
            }
        }
    }

    // ------------------------------------------------------------ operators

    fn unary(&mut self, op: UnaryOp, operand: &ast::Expr<'s>, want: TypeId, span: Span) -> ExprId {
        if let (UnaryOp::Neg, ast::ExprKind::Int(value)) = (op, &operand.kind) {
            return self.integer(Sign::Minus, *value, want, span);
        }
        if op == UnaryOp::Not {
            let id = self.expr_of(operand, TypeId::BOOL);
            return self.new_expr(ExprKind::Unary(op, id), TypeId::BOOL, span);
        }
        let id = self.value(operand, want);
        let ty = self.ty(id);
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

    fn binary_of(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        left: &ast::Expr<'s>,
        right: &ast::Expr<'s>,
        want: TypeId,
        span: Span,
    ) -> ExprId {
        match class(op) {
            Class::Coalesce => self.not_yet(span, "an optional"),
            Class::Logic => {
                let left = self.expr_of(left, TypeId::BOOL);
                // The right side may not run: what it assigns does not count.
                let fork = self.flow.fork();
                let right = self.expr_of(right, TypeId::BOOL);
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
        let (left, right) = match self.same(left, right) {
            Same::Yes(left, right) => (left, right),
            Same::Later => {
                let ty = if matches!(class(op), Class::Order | Class::Equality) {
                    TypeId::BOOL
                } else {
                    self.program.types.variable(Open::Any)
                };
                let expr = self.new_expr(ExprKind::Binary(op, left, right), ty, span);
                self.pending.push(Pending { expr, op });
                return expr;
            }
            Same::No => {
                self.operands_differ(op_span, left, right);
                return self.invalid(span);
            }
        };
        let ty = self.ty(left);
        match self.operator_result(op, ty) {
            Some(result) => self.new_expr(ExprKind::Binary(op, left, right), result, span),
            None => {
                self.bad_operand(op, op_span, ty);
                self.invalid(span)
            }
        }
    }

    /// Both operands in one type, if that goes.
    pub(super) fn same(&mut self, left: ExprId, right: ExprId) -> Same {
        let (l, r) = (self.ty(left), self.ty(right));
        if self.mode == Mode::Step {
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
    fn operator_result(&self, op: BinaryOp, ty: TypeId) -> Option<TypeId> {
        let operand = self.get(ty);
        if operand == Ok(Type::Error) {
            return Some(if matches!(class(op), Class::Order | Class::Equality) { TypeId::BOOL } else { ty });
        }
        let number = matches!(operand, Ok(Type::Int(_) | Type::Float(_)) | Err(_));
        match class(op) {
            Class::Arithmetic => match (op, operand) {
                (BinaryOp::Add, Ok(Type::Str)) => Some(ty),
                (BinaryOp::Add | BinaryOp::Sub, Ok(Type::Duration)) => Some(ty),
                _ => number.then_some(ty),
            },
            Class::Bits => matches!(operand, Ok(Type::Int(_)) | Err(Open::Integer)).then_some(ty),
            Class::Order => {
                (number || matches!(operand, Ok(Type::Str | Type::Duration))).then_some(TypeId::BOOL)
            }
            Class::Equality => (number
                || matches!(operand, Ok(Type::Str | Type::Duration | Type::Bool | Type::Enum(_))))
            .then_some(TypeId::BOOL),
            Class::Logic | Class::Coalesce => None,
        }
    }

    fn operands_differ(&mut self, op_span: Span, left: ExprId, right: ExprId) {
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
        if self.converts(r, l) {
            let to_right = matches!(self.get(r), Ok(Type::Float(_)) | Err(Open::Float));
            let (side, to) = if to_right { (left, self.type_name(r)) } else { (right, left_name) };
            let span = self.span(side);
            let text = self.as_operand(span);
            diagnostic = diagnostic.replace("convert one side", span, format!("{text} as {to}"));
        }
        self.report(diagnostic);
    }

    fn bad_operand(&mut self, op: BinaryOp, op_span: Span, ty: TypeId) {
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
        if matches!(self.get(ty), Ok(Type::Struct(_) | Type::Array(..))) {
            diagnostic = diagnostic.hint("compare the fields or elements one by one");
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
            Same::Later if when == Decide::IfKnown => {
                self.pending.push(pending);
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
            // The place took it for an `int` and all uses say `f64`, or it has no such operator.
            _ => self.bad_operand(op, expr.span, ty),
        }
        if let Some(slot) = self.program.exprs.get_mut(pending.expr.index()) {
            slot.kind = ExprKind::Binary(op, left, right);
        }
    }

    /// A number as `f64`.
    fn widened(&mut self, id: ExprId) -> ExprId {
        let ty = self.ty(id);
        if self.program.types.unify(ty, TypeId::F64) {
            return id;
        }
        let span = self.span(id);
        self.new_expr(ExprKind::Convert(id), TypeId::F64, span)
    }

    fn cast(&mut self, value: &ast::Expr<'s>, ty: &ast::Type<'s>, span: Span) -> ExprId {
        let to = self.type_of(ty);
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
            let (from, to) = (self.type_name(from), self.type_name(to));
            self.report(
                Diagnostic::new(codes::TYPE_MISMATCH, span, format!("no conversion from {from} to {to}"))
                    .label("`as` goes between numbers, from bool to an integer, and between int and duration")
                    .found(from),
            );
            return self.invalid(span);
        }
        self.new_expr(ExprKind::Convert(id), to, span)
    }

    // ------------------------------------------------------------ parts of values

    fn field(&mut self, base: &ast::Expr<'s>, name: Ident<'s>, access: Access, span: Span) -> ExprId {
        if access == Access::Optional {
            return self.not_yet(span, "an optional");
        }
        if let ast::ExprKind::Name(of) = &base.kind {
            let symbol = self.names.symbol(of);
            if self.names.binding(symbol) == Binding::None
                && let Some(ty) = self.names.ty(symbol)
            {
                return self.variant(ty, name, span);
            }
        }
        let base = self.value(base, TypeId::ERROR);
        let ty = self.ty(base);
        let id = match self.get(ty) {
            Ok(Type::Struct(id)) => id,
            Ok(Type::Error) => return self.invalid(span),
            _ => {
                let found = self.type_name(ty);
                self.report(
                    Diagnostic::new(codes::UNKNOWN_FIELD, name.span, format!("{found} has no fields"))
                        .label(format!("no `{}` in it", name.text))
                        .expected("a struct")
                        .found(found),
                );
                return self.invalid(span);
            }
        };
        let fields = self.program.types.structure(id).map_or(&[][..], |row| &row.fields);
        if let Some(index) = fields.iter().position(|field| field.name == name.text) {
            let ty = fields.get(index).map_or(TypeId::ERROR, |field| field.ty);
            return self.new_expr(ExprKind::Field(base, id, super::number(index)), ty, span);
        }
        let near = nearest(name.text, fields.iter().map(|field| field.name));
        let all: Vec<&str> = fields.iter().take(12).map(|field| field.name).collect();
        let mut diagnostic = Diagnostic::new(
            codes::UNKNOWN_FIELD,
            name.span,
            format!("{} has no field `{}`", self.type_name(ty), name.text),
        )
        .label("no such field")
        .expected(all.join(", "))
        .found(name.text);
        if let Some(near) = near {
            diagnostic = diagnostic.replace(format!("did you mean `{near}`?"), name.span, near);
        }
        self.report(diagnostic);
        self.invalid(span)
    }

    pub(super) fn variant(&mut self, ty: TypeId, name: Ident<'s>, span: Span) -> ExprId {
        let Ok(Type::Enum(id)) = self.get(ty) else {
            let found = self.type_name(ty);
            self.report(
                Diagnostic::new(codes::UNKNOWN_FIELD, span, format!("the type {found} has no variants"))
                    .label("only an enum has"),
            );
            return self.invalid(span);
        };
        let variants = self.program.types.enumeration(id).map_or(&[][..], |row| &row.variants);
        if let Some(tag) = variants.iter().position(|variant| *variant == name.text) {
            return self.new_expr(ExprKind::Variant(id, super::number(tag)), ty, span);
        }
        let near = nearest(name.text, variants.iter().copied());
        let all: Vec<&str> = variants.iter().take(12).copied().collect();
        let mut diagnostic = Diagnostic::new(
            codes::UNKNOWN_FIELD,
            name.span,
            format!("{} has no variant `{}`", self.type_name(ty), name.text),
        )
        .label("no such variant")
        .expected(all.join(", "))
        .found(name.text);
        if let Some(near) = near {
            diagnostic = diagnostic.replace(format!("did you mean `{near}`?"), name.span, near);
        }
        self.report(diagnostic);
        self.invalid(span)
    }

    fn index(&mut self, base: &ast::Expr<'s>, index: &ast::Expr<'s>, span: Span) -> ExprId {
        let base = self.value(base, TypeId::ERROR);
        let index = self.value(index, TypeId::ERROR);
        let ty = self.ty(index);
        if self.get(ty) == Err(Open::Any) || self.get(ty) == Err(Open::Integer) {
            self.program.types.unify(ty, TypeId::I64);
        } else if !matches!(self.get(ty), Ok(Type::Int(_) | Type::Error)) {
            let found = self.type_name(ty);
            self.report(
                Diagnostic::new(
                    codes::TYPE_MISMATCH,
                    self.span(index),
                    format!("expected an integer as index, found {found}"),
                )
                .label(format!("this is {found}"))
                .expected("an integer")
                .found(found),
            );
        }
        match self.get(self.ty(base)) {
            Ok(Type::Array(element, _)) => self.new_expr(ExprKind::Index(base, index), element, span),
            Ok(Type::Error) => self.invalid(span),
            Ok(Type::Str) => self.not_yet(span, "indexing of a text"),
            _ => {
                let found = self.type_name(self.ty(base));
                self.report(
                    Diagnostic::new(
                        codes::TYPE_MISMATCH,
                        self.span(base),
                        format!("expected an array, found {found}"),
                    )
                    .label(format!("this is {found}"))
                    .expected("an array")
                    .found(found),
                );
                self.invalid(span)
            }
        }
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
