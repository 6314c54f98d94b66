//! Types of expressions: literals, names, operators, conversions.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::tree::{ExprId, ExprKind, Sign};
use super::types::{Open, Type, TypeId};
use super::{Checker, Mode};
use crate::diag::{Diagnostic, codes};
use crate::fir::FloatKind;
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{Ident, StrPart};
use crate::span::Span;
impl<'s> Checker<'_, 's> {
    /// An expression. `want` is the type that its place asks for, [`TypeId::ERROR`] if none:
    /// a hint for literals, not a check.
    pub(super) fn expr(&mut self, expr: &ast::Expr<'s>, want: TypeId) -> ExprId {
        let span = expr.span;
        let want = self.want_for(&expr.kind, want);
        match &expr.kind {
            ast::ExprKind::Int(value) => self.integer(Sign::Plus, *value, want, span),
            ast::ExprKind::Float(value) => {
                let ty = match self.get(want) {
                    _ if self.mode.is_foreign() => TypeId::F64,
                    Ok(Type::Float(_)) => want,
                    _ => self.program.types.variable(Open::Float),
                };
                self.new_expr(ExprKind::Float(*value), ty, span)
            }
            ast::ExprKind::Bool(value) => {
                // In steps `Off` is a truth value, unless a variant of that name is wanted.
                let name = Ident { text: self.source_text(span), span };
                let wanted = self
                    .program
                    .types
                    .enum_of(want)
                    .is_some_and(|(_, row)| row.variants.iter().any(|variant| variant.name == name.text));
                if wanted {
                    return self.variant(want, name, None, span);
                }
                self.new_expr(ExprKind::Bool(*value), TypeId::BOOL, span)
            }
            ast::ExprKind::Duration(value) => {
                self.new_expr(ExprKind::Duration(*value), TypeId::DURATION, span)
            }
            ast::ExprKind::Str(parts) => self.string(parts, span),
            ast::ExprKind::Name(name) => self.name_or_variant(Ident { text: name, span }, want),
            ast::ExprKind::Field(field) => self.field(&field.base, field.name, field.access, span),
            ast::ExprKind::Index { base, index } => self.index(base, index, span),
            ast::ExprKind::Call(call) => self.call(&call.callee, &call.args, want, span),
            ast::ExprKind::Method(call) => self.method(&call.base, call.name, &call.args, call.access, span),
            ast::ExprKind::Unary { op, operand } => self.unary(*op, operand, want, span),
            ast::ExprKind::Binary { op, op_span, sides } => {
                let [left, right] = &**sides;
                self.binary_of(*op, *op_span, left, right, want, span)
            }
            ast::ExprKind::Cast(cast) => self.cast(&cast.value, &cast.ty, span),
            ast::ExprKind::If(choice) => self.if_value(choice, want, span),
            ast::ExprKind::Match(choice) => self.match_value(&choice.value, &choice.arms, want, span),
            ast::ExprKind::Array(elements) => self.array(elements, want, span),
            ast::ExprKind::ArrayRepeat { value, count } => self.array_repeat(value, count, want, span),
            ast::ExprKind::Struct(literal) => self.struct_literal(literal.name, &literal.fields, span),
            ast::ExprKind::Initializer(values) => self.initializer(values, want, span),
            ast::ExprKind::SizeOf(operand) => self.size_of(operand, span),
            ast::ExprKind::SizeOfType(ty) => {
                let ty = self.type_of(ty);
                self.size_of_type(ty, span)
            }
            ast::ExprKind::Provided(operation, args) => self.provided(*operation, args, span),
            ast::ExprKind::None => self.none(want, span),
            ast::ExprKind::Map(entries) => self.map_literal(entries, want, span),
            ast::ExprKind::Lambda(lambda) => {
                self.lambda(&lambda.params, lambda.ret.as_ref(), &lambda.body, want, span)
            }
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

    /// An expression that must have the type `want`.
    pub(super) fn expr_of(&mut self, expr: &ast::Expr<'s>, want: TypeId) -> ExprId {
        let id = self.expr(expr, want);
        self.coerce(id, want)
    }

    pub(super) fn integer(&mut self, sign: Sign, value: u64, want: TypeId, span: Span) -> ExprId {
        let ty = match (self.mode, self.get(want)) {
            (Mode::C, _) if i32::try_from(value).is_ok() => TypeId::I32,
            (Mode::C, _) if i64::try_from(value).is_err() => TypeId::U64,
            (Mode::C | Mode::Python, _) => TypeId::I64,
            (_, Ok(Type::Int(_) | Type::Float(_))) => want,
            _ => self.program.types.variable(Open::Integer),
        };
        let id = self.new_expr(ExprKind::Int(sign, value), ty, span);
        if ty != TypeId::I64 || i64::try_from(value).is_err() {
            self.sink.keep(&mut self.literals, id, span);
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
                StrPart::Shape(shape, at) => match exprs.pop() {
                    Some(value) => self.shaped(value, *shape, *at),
                    None => continue,
                },
                StrPart::Expr(expr) => {
                    let id = self.value(expr, TypeId::ERROR);
                    self.sink.keep(&mut self.shown, id, span);
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
        match self.fitted(id, want) {
            Some(id) => id,
            None => {
                self.mismatch(id, want);
                self.invalid(self.span(id))
            }
        }
    }

    /// As [`Self::coerce`]; `None` if it does not go, which nobody has been told.
    pub(super) fn fitted(&mut self, id: ExprId, want: TypeId) -> Option<ExprId> {
        let ty = self.ty(id);
        if let (Ok(Type::Optional(inner)), Err(Open::Any), ExprKind::Param(_)) =
            (self.get(want), self.get(ty), self.program.expr(id).kind)
        {
            // A parameter is never an optional itself.
            let value = self.fitted(id, inner)?;
            let span = self.span(id);
            return Some(self.new_expr(ExprKind::Some(value), want, span));
        }
        if self.mode == Mode::Step
            && self.get(ty) == Err(Open::Any)
            && self.get(want) == Ok(Type::Float(FloatKind::F64))
        {
            self.taken_as_float.insert(id);
        }
        if self.program.types.unify(ty, want) {
            return Some(id);
        }
        if self.mode.is_foreign()
            && let Some(id) = self.foreign_coerce(id, want)
        {
            return Some(id);
        }
        if self.mode == Mode::Step
            && matches!(self.get(ty), Ok(Type::Int(_)))
            && matches!(self.get(want), Ok(Type::Float(FloatKind::F64)) | Err(Open::Float))
            && self.program.types.unify(want, TypeId::F64)
        {
            let span = self.span(id);
            return Some(self.new_expr(ExprKind::Convert(id), TypeId::F64, span));
        }
        if let Ok(Type::Optional(inner)) = self.get(want)
            && self.get(ty) != Err(Open::Any)
        {
            let value = self.fitted(id, inner)?;
            let span = self.span(id);
            return Some(self.new_expr(ExprKind::Some(value), want, span));
        }
        None
    }

    /// Reports a function value that takes another number of values than the one that is wanted.
    fn other_count(&mut self, id: ExprId, want: TypeId) -> bool {
        let count = |ty| self.program.types.signature_of(ty).map(|row| row.params.len());
        let (Some(wanted), Some(given)) = (count(want), count(self.ty(id))) else { return false };
        if wanted == given {
            return false;
        }
        let (span, expected) = (self.span(id), self.type_name(want));
        self.report(
            Diagnostic::new(
                codes::TYPE_MISMATCH,
                span,
                format!("expected a function of {}, this one takes {given}", values(wanted)),
            )
            .label(format!("takes {}", values(given)))
            .expected(expected),
        );
        true
    }

    pub(super) fn mismatch(&mut self, id: ExprId, want: TypeId) {
        if self.other_count(id, want) {
            return;
        }
        let (expected, found) = (self.type_name(want), self.type_name(self.ty(id)));
        let span = self.span(id);
        let mut diagnostic =
            Diagnostic::new(codes::TYPE_MISMATCH, span, format!("expected {expected}, found {found}"))
                .label(format!("this is {found}"))
                .expected(expected.clone())
                .found(found);
        if self.mode == Mode::Python {
            diagnostic = self.python_hint(diagnostic, id, want);
        } else if self.mode == Mode::C && matches!(self.get(self.ty(id)), Ok(Type::Optional(_))) {
            diagnostic = self.optional_hint(diagnostic, id);
        } else if let Some(hint) = self.fitting(id, want) {
            diagnostic.hint = Some(hint);
        } else if self.converts(self.ty(id), want) {
            let text = self.as_operand(span);
            diagnostic = diagnostic.replace("convert it", span, format!("{text} as {expected}"));
        } else if self
            .program
            .types
            .signature_of(self.ty(id))
            .is_some_and(|row| self.get(row.ret) == self.get(want))
        {
            let text = self.as_operand(span);
            diagnostic = diagnostic.hint(format!("for its result, call it: `{text}(…)`"));
        } else if self.is_optional_of(self.ty(id), want) {
            let text = self.source_text(span);
            diagnostic = diagnostic.hint(format!("say what to take when there is none: `{text} ?? …`"));
        } else if matches!(self.program.exprs.get(id.index()).map(|row| &row.kind), Some(ExprKind::None)) {
            diagnostic = diagnostic.hint(format!("a place that may hold none has the type `{expected}?`"));
        }
        self.report(diagnostic);
    }

    /// The source text of an expression, in parentheses unless it is one word.
    pub(super) fn as_operand(&self, span: Span) -> String {
        let text = self.source_text(span);
        let simple = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.');
        if simple || is_in_parentheses(text) { text.to_string() } else { format!("({text})") }
    }

    /// Tells whether `as` goes from one type to the other.
    pub(super) fn converts(&self, from: TypeId, to: TypeId) -> bool {
        let number = |ty| matches!(ty, Ok(Type::Int(_) | Type::Float(_)) | Err(Open::Integer | Open::Float));
        match (self.get(from), self.get(to)) {
            (Ok(Type::Bool), Ok(Type::Int(_)))
            | (Ok(Type::Duration), Ok(Type::Int(_) | Type::Duration))
            | (Ok(Type::Int(_)) | Err(Open::Integer), Ok(Type::Duration)) => true,
            (from, to) => number(from) && number(to),
        }
    }
}

/// `1 value`, `2 values`.
fn values(count: usize) -> String {
    if count == 1 { String::from("1 value") } else { format!("{count} values") }
}

/// Tells whether a text begins with a parenthesis that its end closes.
fn is_in_parentheses(text: &str) -> bool {
    let mut depth = 0_u32;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth = depth.saturating_add(1),
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at.saturating_add(1) == text.len();
        }
    }
    false
}
