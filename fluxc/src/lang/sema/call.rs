//! Calls: functions of the document, and the operations that the language provides.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::operator::Same;
use super::scope::Binding;
use super::tree::{Builtin, CollectionOp, ExprId, ExprKind, FnId};
use super::types::{Open, Type, TypeId};
use super::{Checker, Mode, Place};
use crate::diag::{Diagnostic, codes};
use crate::fir::{FloatKind, FloatOp, FloatUnaryOp, IntOp, IntUnaryOp};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{Access, Ident};
use crate::lang::syntax::habits;
use crate::span::Span;

/// What a provided operation asks of its operands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Shape {
    /// Numbers of one type.
    Numbers(Builtin, usize),
    /// Floats of one type.
    Floats(Builtin, usize),
    /// Integers of one type.
    Integers(Builtin, usize),
    /// Length of an array or text.
    Length,
}

fn provided(name: &str) -> Option<Shape> {
    let unary = |op| Some(Shape::Floats(Builtin::FloatUnary(op), 1));
    let integer = |op| Some(Shape::Integers(Builtin::Int(op), 2));
    match name {
        "min" => Some(Shape::Numbers(Builtin::Min, 2)),
        "max" => Some(Shape::Numbers(Builtin::Max, 2)),
        "abs" => Some(Shape::Numbers(Builtin::Abs, 1)),
        "clamp" => Some(Shape::Numbers(Builtin::Clamp, 3)),
        "len" => Some(Shape::Length),
        "pow" => Some(Shape::Floats(Builtin::Float(FloatOp::Pow), 2)),
        "atan2" => Some(Shape::Floats(Builtin::Float(FloatOp::Atan2), 2)),
        "sqrt" => unary(FloatUnaryOp::Sqrt),
        "floor" => unary(FloatUnaryOp::Floor),
        "ceil" => unary(FloatUnaryOp::Ceil),
        "round" => unary(FloatUnaryOp::Round),
        "trunc" => unary(FloatUnaryOp::Trunc),
        "sin" => unary(FloatUnaryOp::Sin),
        "cos" => unary(FloatUnaryOp::Cos),
        "tan" => unary(FloatUnaryOp::Tan),
        "asin" => unary(FloatUnaryOp::Asin),
        "acos" => unary(FloatUnaryOp::Acos),
        "atan" => unary(FloatUnaryOp::Atan),
        "exp" => unary(FloatUnaryOp::Exp),
        "ln" => unary(FloatUnaryOp::Ln),
        "log2" => unary(FloatUnaryOp::Log2),
        "log10" => unary(FloatUnaryOp::Log10),
        "wrapping_add" => integer(IntOp::WrappingAdd),
        "wrapping_sub" => integer(IntOp::WrappingSub),
        "wrapping_mul" => integer(IntOp::WrappingMul),
        "rotate_left" => integer(IntOp::RotateLeft),
        "rotate_right" => integer(IntOp::RotateRight),
        "wrapping_neg" => Some(Shape::Integers(Builtin::IntUnary(IntUnaryOp::WrappingNeg), 1)),
        "count_ones" => Some(Shape::Integers(Builtin::IntUnary(IntUnaryOp::Popcount), 1)),
        "leading_zeros" => Some(Shape::Integers(Builtin::IntUnary(IntUnaryOp::LeadingZeros), 1)),
        "trailing_zeros" => Some(Shape::Integers(Builtin::IntUnary(IntUnaryOp::TrailingZeros), 1)),
        _ => None,
    }
}

const PROVIDED: &[&str] = &[
    "min",
    "max",
    "abs",
    "clamp",
    "len",
    "pow",
    "sqrt",
    "floor",
    "ceil",
    "round",
    "trunc",
    "sin",
    "cos",
    "tan",
    "exp",
    "ln",
    "wrapping_add",
    "wrapping_sub",
    "wrapping_mul",
];

impl<'s> Checker<'_, 's> {
    pub(super) fn call(
        &mut self,
        callee: &ast::Expr<'s>,
        args: &[ast::Expr<'s>],
        want: TypeId,
        span: Span,
    ) -> ExprId {
        let ast::ExprKind::Name(name) = &callee.kind else {
            let callee = self.value(callee, TypeId::ERROR);
            return self.call_value(callee, args, span);
        };
        self.call_named(Ident { text: name, span: callee.span }, args, want, span)
    }

    pub(super) fn call_named(
        &mut self,
        name: Ident<'s>,
        args: &[ast::Expr<'s>],
        want: TypeId,
        span: Span,
    ) -> ExprId {
        if name.text.contains('.') {
            // A step `Call library.name(…)`.
            return match self.function_named(name) {
                Some(function) => self.call_function(function, name, args, span),
                None => self.invalid(span),
            };
        }
        let symbol = self.names.symbol(name.text);
        if let Binding::Local(local) = self.names.binding(symbol)
            && (self.program.types.signature_of(self.local_ty(local)).is_some()
                || (self.names.function(symbol).is_none() && provided(name.text).is_none()))
        {
            let callee = self.local(local, name);
            return self.call_value(callee, args, span);
        }
        if let Some(function) = self.names.function(symbol) {
            return self.call_function(function, name, args, span);
        }
        if let Some(made) = self.construct(name, args, span) {
            return made;
        }
        if let Some(shape) = provided(name.text) {
            let args: Vec<ExprId> = args.iter().map(|arg| self.value(arg, want)).collect();
            return self.provided_call(shape, name, args, span);
        }
        if self.names.binding(symbol) == Binding::None {
            match self.variant_alone(name, want) {
                Ok(Some(ty)) => return self.variant(ty, name, Some(args), span),
                Ok(None) => {}
                Err(()) => return self.invalid(span),
            }
        }
        if self.ctx.place == Place::Value && !self.agent.active() {
            self.report(
                Diagnostic::new(
                    codes::NOT_CONSTANT,
                    span,
                    "a constant must be known when the document is compiled",
                )
                .label("calls a function")
                .expected("literals, constants and operators on them"),
            );
            return self.invalid(span);
        }
        let near = self.nearest(name.text, self.names.functions().chain(PROVIDED.iter().copied()));
        let mut diagnostic = Diagnostic::new(
            codes::UNKNOWN_FUNCTION,
            name.span,
            format!("no function is called `{}`", name.text),
        )
        .label("not defined");
        let habit = habits::function(name.text);
        diagnostic = match (habit, near) {
            (Some(habit), _) => diagnostic.hint(habit),
            (None, _) if self.names.ty(symbol).is_some() => diagnostic
                .hint(format!("a struct is made with its fields: `{} {{ field: value }}`", name.text)),
            (None, Some(near)) => diagnostic.replace(format!("did you mean `{near}`?"), name.span, near),
            (None, None) => diagnostic.hint(format!(
                "define it in a section `## fn: {}(…)` with its body in a `flux` block",
                name.text
            )),
        };
        self.report(diagnostic);
        for arg in args {
            self.expr(arg, TypeId::ERROR);
        }
        self.invalid(span)
    }

    pub(super) fn call_function(
        &mut self,
        function: FnId,
        name: Ident<'s>,
        args: &[ast::Expr<'s>],
        span: Span,
    ) -> ExprId {
        self.note_call(function);
        if self.growing.get(function.index()) == Some(&true) {
            self.grows(span, "a growable value in the function");
        }
        let Some(callee) = self.program.functions.get(function.index()) else { return self.invalid(span) };
        let ret = callee.ret;
        let params = callee.body.params as usize;
        if params != args.len() {
            let declared = callee.span;
            self.wrong_count(name, params, args.len(), span, Some(declared));
            return self.new_expr(ExprKind::Invalid, ret, span);
        }
        let mut exprs = Vec::with_capacity(args.len());
        for (index, arg) in args.iter().enumerate() {
            let want = self
                .program
                .functions
                .get(function.index())
                .and_then(|callee| callee.body.locals.get(index))
                .map_or(TypeId::ERROR, |local| local.ty);
            exprs.push(self.argument(arg, want, (function, index), name));
        }
        let list = self.list(&exprs);
        let call = self.new_expr(ExprKind::Call(function, list), ret, span);
        self.foreign_result(call, function)
    }

    pub(super) fn wrong_count(
        &mut self,
        name: Ident<'s>,
        expected: usize,
        found: usize,
        span: Span,
        declared: Option<Span>,
    ) {
        let noun = if expected == 1 { "value" } else { "values" };
        let mut diagnostic = Diagnostic::new(
            codes::WRONG_ARGUMENTS,
            span,
            format!("`{}` takes {expected} {noun}, {found} given", name.text),
        )
        .label(format!("{found} given"))
        .expected(format!("{expected} {noun}"))
        .found(format!("{found}"));
        if let Some(declared) = declared {
            diagnostic = diagnostic.secondary(declared, "declared here");
        }
        self.report(diagnostic);
    }

    pub(super) fn method(
        &mut self,
        base: &ast::Expr<'s>,
        name: Ident<'s>,
        args: &[ast::Expr<'s>],
        access: Access,
        span: Span,
    ) -> ExprId {
        if access == Access::Plain {
            if let Some(ty) = self.type_before_variant(base) {
                return self.variant(ty, name, Some(args), span);
            }
            if let Some(call) = self.library_call(base, name, args, span) {
                return call;
            }
        }
        let first = self.value(base, TypeId::ERROR);
        // What is not defined has no methods; one message is enough.
        if access == Access::Plain && self.is_invalid(first) {
            for arg in args {
                self.expr(arg, TypeId::ERROR);
            }
            return self.invalid(span);
        }
        match access {
            Access::Plain => self.method_of(first, name, args, span),
            Access::Optional => {
                self.if_there(first, span, |checker, first| checker.method_of(first, name, args, span))
            }
        }
    }

    fn method_of(&mut self, first: ExprId, name: Ident<'s>, args: &[ast::Expr<'s>], span: Span) -> ExprId {
        if let Some(field) = self.function_field(first, name) {
            return self.call_value(field, args, span);
        }
        if let Some(id) = self.collection_method(first, name, args, span) {
            return id;
        }
        let Some(shape) = provided(name.text) else {
            // What it is called on is reported already.
            if self.get(self.ty(first)) == Ok(Type::Error) {
                return self.invalid(span);
            }
            let mut diagnostic = Diagnostic::new(
                codes::UNKNOWN_FUNCTION,
                name.span,
                format!("no method is called `{}`", name.text),
            )
            .label("not a method");
            if let Some(hint) = self.growing_hint(first, name) {
                diagnostic = diagnostic.hint(hint);
            } else if let Some(habit) = habits::function(name.text) {
                diagnostic = diagnostic.hint(habit);
            } else if let Some(near) = self.nearest(name.text, PROVIDED.iter().copied()) {
                diagnostic = diagnostic.replace(format!("did you mean `{near}`?"), name.span, near);
            } else {
                let symbol = self.names.symbol(name.text);
                if self.names.function(symbol).is_some() {
                    let text = self.source_text(self.span(first));
                    diagnostic = diagnostic.hint(format!("call it as `{}({text})`", name.text));
                }
            }
            self.report(diagnostic);
            return self.invalid(span);
        };
        let hint = self.ty(first);
        let mut exprs = Vec::with_capacity(args.len().saturating_add(1));
        exprs.push(first);
        for arg in args {
            exprs.push(self.value(arg, hint));
        }
        self.provided_call(shape, name, exprs, span)
    }

    /// What to say of a method that only arrays have which grow.
    fn growing_hint(&self, array: ExprId, name: Ident<'s>) -> Option<String> {
        let Ok(Type::Array(element, _)) = self.get(self.ty(array)) else { return None };
        if !matches!(name.text, "push" | "pop" | "insert" | "remove") {
            return None;
        }
        if !matches!(self.get(element), Ok(_) | Err(Open::Integer | Open::Float)) {
            return None;
        }
        let element = self.type_name(element);
        Some(match self.program.expr(array).kind {
            ExprKind::Local(_) if self.mode == Mode::Code => {
                let text = self.source_text(self.span(array));
                format!("this array has a fixed length; let it grow: `var {text}: [{element}] = …`")
            }
            ExprKind::State(_) => {
                let text = self.source_text(self.span(array));
                format!("this array has a fixed length; let it grow: `- {text}: [{element}]` in `## State`")
            }
            _ => format!("this array has a fixed length; one of type `[{element}]` grows"),
        })
    }

    /// The field of that name, if it holds a function.
    fn function_field(&mut self, base: ExprId, name: Ident<'s>) -> Option<ExprId> {
        let Ok(Type::Struct(id)) = self.get(self.ty(base)) else { return None };
        let fields = self.program.types.structure(id).map_or(&[][..], |row| &row.fields);
        let index = fields.iter().position(|field| field.name == name.text)?;
        let ty = fields.get(index)?.ty;
        self.program.types.signature_of(ty)?;
        let span = self.span(base).to(name.span);
        Some(self.new_expr(ExprKind::Field(base, id, super::number(index)), ty, span))
    }

    fn provided_call(&mut self, shape: Shape, name: Ident<'s>, mut args: Vec<ExprId>, span: Span) -> ExprId {
        let count = match shape {
            Shape::Numbers(_, count) | Shape::Floats(_, count) | Shape::Integers(_, count) => count,
            Shape::Length => 1,
        };
        if args.len() != count {
            self.wrong_count(name, count, args.len(), span, None);
            return self.invalid(span);
        }
        if let Shape::Length = shape {
            return self.length(&args, span);
        }
        if let Shape::Floats(..) = shape {
            // What stands beside an `f32` is one too.
            let narrow = |id: &&ExprId| self.get(self.ty(**id)) == Ok(Type::Float(FloatKind::F32));
            let ty = args.iter().find(narrow).map_or(TypeId::F64, |id| self.ty(*id));
            for arg in &mut args {
                *arg = self.coerce(*arg, ty);
            }
        }
        // Twice: the last one may change the type of the first.
        for _ in 0..2 {
            for index in 1..args.len() {
                let (Some(first), Some(other)) = (args.first().copied(), args.get(index).copied()) else {
                    continue;
                };
                let (left, right) = match self.same(first, other) {
                    Same::Yes(left, right) => (left, right),
                    Same::Later => {
                        // Beside an `int`, a parameter of a call is an `int`.
                        let (l, r) = (self.ty(first), self.ty(other));
                        self.program.types.unify(l, r);
                        (first, other)
                    }
                    Same::No => {
                        let want = self.ty(first);
                        (first, self.coerce(other, want))
                    }
                };
                if let Some(slot) = args.first_mut() {
                    *slot = left;
                }
                if let Some(slot) = args.get_mut(index) {
                    *slot = right;
                }
            }
        }
        let ty = args.first().map_or(TypeId::ERROR, |arg| self.ty(*arg));
        let (builtin, expected, fits) = match (shape, self.get(ty)) {
            (_, Ok(Type::Error)) => return self.invalid(span),
            (Shape::Numbers(builtin, _), kind) => {
                (builtin, "a number", matches!(kind, Ok(Type::Int(_) | Type::Float(_)) | Err(_)))
            }
            (Shape::Floats(builtin, _), kind) => {
                (builtin, "f64", matches!(kind, Ok(Type::Float(_)) | Err(Open::Float)))
            }
            (Shape::Integers(builtin, _), kind) => {
                (builtin, "an integer", matches!(kind, Ok(Type::Int(_)) | Err(Open::Integer)))
            }
            (Shape::Length, _) => return self.invalid(span),
        };
        if !fits {
            let found = self.type_name(ty);
            self.report(
                Diagnostic::new(
                    codes::TYPE_MISMATCH,
                    span,
                    format!("`{}` works on {expected}, found {found}", name.text),
                )
                .label(format!("this is {found}"))
                .expected(expected)
                .found(found),
            );
            return self.invalid(span);
        }
        if matches!(shape, Shape::Integers(..)) {
            self.program.types.settle(ty);
        }
        let list = self.list(&args);
        self.new_expr(ExprKind::Builtin(builtin, list), ty, span)
    }

    pub(super) fn length(&mut self, args: &[ExprId], span: Span) -> ExprId {
        let Some(first) = args.first().copied() else { return self.invalid(span) };
        let builtin = match self.get(self.ty(first)) {
            Ok(Type::Array(..)) => Builtin::ArrayLength,
            Ok(Type::Str) if self.mode == Mode::Python => {
                let text = self.as_operand(self.span(first));
                self.report(
                    Diagnostic::new(codes::TYPE_MISMATCH, span, "`len` of a text counts letters in Python")
                        .label("the letters of a text are not counted yet")
                        .replace("count its bytes", span, format!("len({text}.encode())")),
                );
                return self.invalid(span);
            }
            Ok(Type::List(_) | Type::Bytes | Type::Map(..)) => {
                let list = self.list(&[first]);
                return self.new_expr(ExprKind::Collection(CollectionOp::Length, list), TypeId::I64, span);
            }
            Ok(Type::Str) => Builtin::TextLength,
            Ok(Type::Error) => return self.invalid(span),
            _ => {
                let found = self.type_name(self.ty(first));
                self.report(
                    Diagnostic::new(codes::TYPE_MISMATCH, span, format!("{found} has no length"))
                        .label(format!("this is {found}"))
                        .expected("an array or str")
                        .found(found),
                );
                return self.invalid(span);
            }
        };
        let list = self.list(&[first]);
        self.new_expr(ExprKind::Builtin(builtin, list), TypeId::I64, span)
    }
}
