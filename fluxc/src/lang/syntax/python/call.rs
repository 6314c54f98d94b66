//! Calls of Python: built-in functions, `math`, dataclasses, functions of the document.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::super::ast::{BinaryOp, Call, Expr, ExprKind, FieldInit, Ident, Provided, StrPart, StructLiteral};
use super::super::foreign::Node;
use super::super::parser::{Failed, Parsed};
use super::{Parser, library};
use crate::diag::{Diagnostic, codes};
use crate::span::Span;

/// Arguments as they are read.
struct Arguments<'s> {
    all: Vec<Expr<'s>>,
    named: Vec<FieldInit<'s>>,
    height: usize,
    span: Span,
}

impl<'s> Parser<'s, '_, '_> {
    fn arguments(&mut self, start: Span) -> Parsed<Arguments<'s>> {
        let open = self.bump().span;
        self.core.enter(open)?;
        let mut args = Arguments { all: Vec::new(), named: Vec::new(), height: 0, span: open };
        while !self.at(")") {
            if self.at("*") || self.at("**") {
                let span = self.tok().span;
                return Err(self.core.outside(span, "a list as arguments", "write each argument"));
            }
            let value = self.value()?;
            if self.at("for") {
                let span = self.tok().span;
                return Err(self.core.outside(span, "a generator", "write a loop"));
            }
            let value = match value.expr.kind {
                ExprKind::Name(text) if self.eat("=") => {
                    let name = Ident { text, span: value.expr.span };
                    let value = self.value()?;
                    args.height = args.height.max(value.height);
                    self.core.keep(&mut args.named, FieldInit { name, value: value.expr }, open)?;
                    None
                }
                _ => Some(value),
            };
            if let Some(value) = value {
                if let Some(named) = args.named.last() {
                    let span = named.name.span;
                    return Err(self.core.outside(span, "names for some of the values", "name all or none"));
                }
                args.height = args.height.max(value.height);
                self.core.keep(&mut args.all, value.expr, open)?;
            }
            if !self.eat(",") {
                break;
            }
        }
        self.core.leave();
        let close = self.expect(")", "`,` or `)`")?;
        args.span = start.to(close);
        if !args.all.is_empty() && !args.named.is_empty() {
            return Err(self.core.outside(args.span, "names for some of the values", "name all or none"));
        }
        Ok(args)
    }

    fn wrong_count(&mut self, name: Ident<'s>, expected: &str, args: &Arguments<'s>) -> Failed {
        let (span, found) = (args.span, args.all.len());
        self.core.report(codes::WRONG_ARGUMENTS, span, |_| {
            Diagnostic::new(
                codes::WRONG_ARGUMENTS,
                span,
                format!("`{}` takes {expected}, {found} given", name.text),
            )
            .label(format!("{found} given"))
            .expected(expected)
        });
        Failed
    }

    /// The only argument.
    fn one(&mut self, name: Ident<'s>, mut args: Arguments<'s>) -> Parsed<Node<'s>> {
        match (args.all.pop(), args.all.is_empty()) {
            (Some(expr), true) => Ok(Node { expr, height: args.height }),
            (popped, _) => {
                args.all.extend(popped);
                Err(self.wrong_count(name, "one value", &args))
            }
        }
    }

    fn two(&mut self, name: Ident<'s>, mut args: Arguments<'s>) -> Parsed<(Node<'s>, Node<'s>)> {
        if args.all.len() != 2 {
            return Err(self.wrong_count(name, "two values", &args));
        }
        let height = args.height;
        match (args.all.pop(), args.all.pop()) {
            (Some(second), Some(first)) => Ok((Node { expr: first, height }, Node { expr: second, height })),
            _ => Err(self.wrong_count(name, "two values", &args)),
        }
    }

    /// `name(…)`.
    pub(super) fn call(&mut self, name: Ident<'s>) -> Parsed<Node<'s>> {
        let args = self.arguments(name.span)?;
        let span = args.span;
        if !args.named.is_empty() {
            return self.core.node(
                span,
                ExprKind::Struct(Box::new(StructLiteral { name, fields: args.named })),
                args.height,
            );
        }
        if self.from_math.contains(&name.text) {
            return self.math(name, args);
        }
        match name.text {
            "abs" => {
                let value = self.one(name, args)?;
                self.core.provided_call("abs", value, None, span)
            }
            "min" => self.least(name, "min", args),
            "max" => self.least(name, "max", args),
            "pow" => {
                let (base, exponent) = self.two(name, args)?;
                self.core.binary(BinaryOp::Power, name.span, base, exponent)
            }
            "len" => self.length(name, args),
            "int" => self.converted(name, args, "i64"),
            "float" => {
                let infinite = match args.all.as_slice() {
                    [Expr { kind: ExprKind::Str(parts), .. }] => infinity(parts),
                    _ => None,
                };
                match infinite {
                    Some(value) => self.core.leaf(span, ExprKind::Float(value)),
                    None => self.converted(name, args, "f64"),
                }
            }
            "bool" => self.provided(name, Provided::Truth, args),
            "round" => self.provided(name, Provided::RoundEven, args),
            "list" => self.provided(name, Provided::Copy, args),
            "str" => {
                let value = self.one(name, args)?;
                let parts =
                    alloc::vec![StrPart::Text(alloc::borrow::Cow::Borrowed("")), StrPart::Expr(value.expr)];
                self.core.node(span, ExprKind::Str(parts), value.height)
            }
            other => {
                if let Some(instead) = library::instead_of(other) {
                    let what = format!("`{other}`");
                    return Err(self.core.outside(name.span, &what, instead));
                }
                self.facts.called(name.text, &args.all);
                let callee = self.core.name(name)?.expr;
                self.core.node(span, ExprKind::Call(Box::new(Call { callee, args: args.all })), args.height)
            }
        }
    }

    fn provided(&mut self, name: Ident<'s>, operation: Provided, args: Arguments<'s>) -> Parsed<Node<'s>> {
        let span = args.span;
        if operation == Provided::RoundEven && args.all.len() == 2 {
            return Err(self.core.outside(span, "rounding to digits", "round when the value is shown"));
        }
        let value = self.one(name, args)?;
        self.core.node(span, ExprKind::Provided(operation, alloc::vec![value.expr]), value.height)
    }

    fn converted(&mut self, name: Ident<'s>, args: Arguments<'s>, ty: &'static str) -> Parsed<Node<'s>> {
        let span = args.span;
        let value = self.one(name, args)?;
        self.core.cast_to(value, ty, span)
    }

    /// `len(x)`; of a text only as `len(x.encode())`, which counts bytes in Python too.
    fn length(&mut self, name: Ident<'s>, args: Arguments<'s>) -> Parsed<Node<'s>> {
        let span = args.span;
        let value = self.one(name, args)?;
        if matches!(value.expr.kind, ExprKind::Provided(Provided::TextBytes, _)) {
            return Ok(value);
        }
        self.core.provided_call("len", value, None, span)
    }

    /// `min(a, b, c)`: two at a time.
    fn least(&mut self, name: Ident<'s>, method: &'static str, args: Arguments<'s>) -> Parsed<Node<'s>> {
        if args.all.len() < 2 {
            return Err(self.wrong_count(name, "two values at least", &args));
        }
        let (span, height) = (args.span, args.height);
        let mut all = args.all.into_iter();
        let Some(first) = all.next() else { return Err(Failed) };
        let mut node = Node { expr: first, height };
        for expr in all {
            node = self.core.provided_call(method, node, Some(Node { expr, height }), span)?;
        }
        Ok(node)
    }

    /// `base.name(…)`.
    pub(super) fn method(&mut self, base: Node<'s>, name: Ident<'s>) -> Parsed<Node<'s>> {
        let start = base.expr.span;
        let args = self.arguments(start)?;
        let span = args.span;
        match (&base.expr.kind, name.text) {
            (ExprKind::Name("math"), _) => self.math(name, args),
            (ExprKind::Name("copy"), "copy" | "deepcopy") => self.provided(name, Provided::Copy, args),
            (_, "copy") if args.all.is_empty() => {
                let kind = ExprKind::Provided(Provided::Copy, alloc::vec![base.expr]);
                self.core.node(span, kind, base.height)
            }
            (_, "encode") if args.all.is_empty() => {
                let kind = ExprKind::Provided(Provided::TextBytes, alloc::vec![base.expr]);
                self.core.node(span, kind, base.height)
            }
            (_, "append" | "pop" | "insert" | "extend" | "remove" | "clear") => Err(self.core.outside(
                name.span,
                "a list that grows",
                "begin with `[0] * n` and count how many are used",
            )),
            _ => {
                let what = format!("the method `{}`", name.text);
                Err(self.core.outside(name.span, &what, "write a function that takes the value"))
            }
        }
    }

    /// A function of `math`.
    fn math(&mut self, name: Ident<'s>, args: Arguments<'s>) -> Parsed<Node<'s>> {
        let span = args.span;
        if let Some(method) = library::math(name.text) {
            let value = self.converted(name, args, "f64")?;
            return self.core.provided_call(method, value, None, span);
        }
        if let Some(method) = library::math_to_int(name.text) {
            let value = self.converted(name, args, "f64")?;
            let whole = self.core.provided_call(method, value, None, span)?;
            return self.core.cast_to(whole, "i64", span);
        }
        if let Some(method) = library::math_of_two(name.text) {
            let (a, b) = self.two(name, args)?;
            let a = self.core.cast_to(a, "f64", span)?;
            let b = self.core.cast_to(b, "f64", span)?;
            return self.core.provided_call(method, a, Some(b), span);
        }
        if name.text == "fmod" {
            let (a, b) = self.two(name, args)?;
            let height = a.height.max(b.height);
            let kind = ExprKind::Provided(Provided::FloatRem, alloc::vec![a.expr, b.expr]);
            return self.core.node(span, kind, height);
        }
        let factor = match name.text {
            "radians" => core::f64::consts::PI / 180.0,
            "degrees" => 180.0 / core::f64::consts::PI,
            _ => {
                let what = format!("`math.{}`", name.text);
                return Err(self.core.outside(
                    name.span,
                    &what,
                    "sqrt, pow, floor, ceil, trunc, fabs, fmod, exp, log, log2, log10, sin, cos, tan, asin, acos, atan, atan2, radians and degrees are there",
                ));
            }
        };
        let value = self.converted(name, args, "f64")?;
        let factor = self.core.leaf(span, ExprKind::Float(factor))?;
        self.core.binary(BinaryOp::Mul, name.span, value, factor)
    }
}

/// `"inf"` and the like.
fn infinity(parts: &[StrPart<'_>]) -> Option<f64> {
    match parts {
        [StrPart::Text(text)] => match text.as_ref() {
            "inf" => Some(f64::INFINITY),
            "-inf" => Some(f64::NEG_INFINITY),
            "nan" => Some(f64::NAN),
            _ => None,
        },
        _ => None,
    }
}
