//! Expressions of C, by precedence. Assignments are statements: inside an expression they are errors.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::super::ast::{
    Access, BinaryOp, Call, Expr, ExprKind, FieldAccess, Ident, Init, Provided, UnaryOp,
};
use super::super::foreign::Node;
use super::super::parser::{Failed, Parsed};
use super::Parser;
use super::lexer::Tok;
use super::library::{self, Function};
use crate::diag::{Diagnostic, codes};
use crate::span::Span;

/// Operators between operands with their strength; stronger binds first.
const BINARY: &[(&str, BinaryOp, u8)] = &[
    ("||", BinaryOp::Or, 1),
    ("&&", BinaryOp::And, 2),
    ("|", BinaryOp::BitOr, 3),
    ("^", BinaryOp::BitXor, 4),
    ("&", BinaryOp::BitAnd, 5),
    ("==", BinaryOp::Eq, 6),
    ("!=", BinaryOp::Ne, 6),
    ("<", BinaryOp::Lt, 7),
    ("<=", BinaryOp::Le, 7),
    (">", BinaryOp::Gt, 7),
    (">=", BinaryOp::Ge, 7),
    ("<<", BinaryOp::Shl, 8),
    (">>", BinaryOp::Shr, 8),
    ("+", BinaryOp::Add, 9),
    ("-", BinaryOp::Sub, 9),
    ("*", BinaryOp::Mul, 10),
    ("/", BinaryOp::Div, 10),
    ("%", BinaryOp::Rem, 10),
];

const COMPARISON: u8 = 7;

impl<'s> Parser<'s, '_, '_> {
    /// An expression whose value is used.
    pub(super) fn value(&mut self) -> Parsed<Node<'s>> {
        let value = self.ternary()?;
        let op = self.text();
        if self.tok.kind == Tok::Punct && op.ends_with('=') && !matches!(op, "==" | "!=" | "<=" | ">=" | "=")
        {
            return Err(self.assignment_inside());
        }
        Ok(value)
    }

    /// A value, or values in braces.
    pub(super) fn value_or_braces(&mut self) -> Parsed<Node<'s>> {
        if self.at("{") { self.initializer() } else { self.value() }
    }

    pub(super) fn assignment_inside(&mut self) -> Failed {
        let span = self.tok.span;
        self.core.outside(span, "an assignment inside an expression", "write it as a statement of its own")
    }

    /// `a ? b : c` and all that binds stronger.
    pub(super) fn ternary(&mut self) -> Parsed<Node<'s>> {
        let cond = self.binary(1)?;
        if !self.at("?") {
            return Ok(cond);
        }
        let mark = self.bump().span;
        self.core.enter(mark)?;
        let then = self.ternary()?;
        self.expect(":", "`:` and the other value")?;
        let otherwise = self.ternary()?;
        self.core.leave();
        let span = cond.expr.span.to(otherwise.expr.span);
        self.core.choice(cond, then, otherwise, span)
    }

    fn binary(&mut self, weakest: u8) -> Parsed<Node<'s>> {
        let mut left = self.unary()?;
        let mut compared = false;
        loop {
            let found = BINARY.iter().find(|(text, ..)| self.at(text));
            let Some((_, op, strength)) = found.filter(|(.., strength)| *strength >= weakest) else {
                return Ok(left);
            };
            let op_span = self.bump().span;
            if compared && *strength == COMPARISON {
                self.core.report(codes::COMPARISON_CHAIN, op_span, |_| {
                    Diagnostic::new(
                        codes::COMPARISON_CHAIN,
                        op_span,
                        "this compares the result of a comparison, 0 or 1",
                    )
                    .label("second comparison")
                    .hint("join two comparisons with `&&`: `a < b && b < c`")
                });
                return Err(Failed);
            }
            compared = *strength == COMPARISON;
            let right = self.binary(strength.saturating_add(1))?;
            left = self.core.binary(*op, op_span, left, right)?;
        }
    }

    /// Signs, casts, `sizeof`, and what binds stronger.
    pub(super) fn unary(&mut self) -> Parsed<Node<'s>> {
        let start = self.tok.span;
        self.core.enter(start)?;
        let node = self.unary_inside(start);
        self.core.leave();
        node
    }

    fn unary_inside(&mut self, start: Span) -> Parsed<Node<'s>> {
        if self.tok.kind == Tok::Punct {
            let op = match self.text() {
                "-" => Some(UnaryOp::Neg),
                "!" => Some(UnaryOp::Not),
                "~" => Some(UnaryOp::BitNot),
                _ => None,
            };
            if let Some(op) = op {
                self.bump();
                let operand = self.unary()?;
                let span = start.to(operand.expr.span);
                return self.core.unary(op, operand, span);
            }
            match self.text() {
                "+" => {
                    self.bump();
                    return self.unary();
                }
                "++" | "--" => {
                    return Err(self.core.outside(
                        start,
                        "a change inside an expression",
                        "write it as a statement of its own",
                    ));
                }
                "*" | "&" => {
                    return Err(self.core.outside(
                        start,
                        "a pointer",
                        "use the value itself; arrays are handed over by their name",
                    ));
                }
                "(" if self.begins_type(self.peek()) => {
                    let ty = self.type_in_parentheses()?;
                    let value = if self.at("{") { self.initializer()? } else { self.unary()? };
                    let span = start.to(value.expr.span);
                    return self.core.cast(value, ty, span);
                }
                _ => {}
            }
        }
        if self.at("sizeof") {
            self.bump();
            if self.at("(") && self.begins_type(self.peek()) {
                let ty = self.type_in_parentheses()?;
                let span = self.span_from(start.start);
                return self.core.leaf(span, ExprKind::SizeOfType(Box::new(ty)));
            }
            let operand = self.unary()?;
            let span = self.span_from(start.start);
            return self.core.node(span, ExprKind::SizeOf(Box::new(operand.expr)), operand.height);
        }
        self.postfix()
    }

    fn postfix(&mut self) -> Parsed<Node<'s>> {
        let mut node = self.primary()?;
        loop {
            if self.at("[") {
                let open = self.bump().span;
                self.core.enter(open)?;
                let index = self.value()?;
                self.core.leave();
                let close = self.expect("]", "`]`")?;
                let span = node.expr.span.to(close);
                let height = node.height.max(index.height);
                let kind = ExprKind::Index { base: Box::new(node.expr), index: Box::new(index.expr) };
                node = self.core.node(span, kind, height)?;
            } else if self.at(".") {
                self.bump();
                let name = self.ident("the name of a field")?;
                let span = node.expr.span.to(name.span);
                let kind =
                    ExprKind::Field(Box::new(FieldAccess { base: node.expr, name, access: Access::Plain }));
                node = self.core.node(span, kind, node.height)?;
            } else if self.at("->") {
                let span = self.tok.span;
                return Err(self.core.outside(
                    span,
                    "`->`, a pointer to a struct",
                    "hand over the struct itself and write `.`",
                ));
            } else if self.at("(") {
                let span = self.tok.span;
                return Err(self.core.outside(span, "a call of a value", "call a function by its name"));
            } else {
                return Ok(node);
            }
        }
    }

    fn primary(&mut self) -> Parsed<Node<'s>> {
        match self.tok.kind {
            Tok::Number => self.number(),
            Tok::Char => self.character(),
            Tok::Str => self.strings(),
            Tok::Punct if self.at("(") => {
                self.bump();
                let inner = self.value()?;
                if self.at("=") {
                    return Err(self.assignment_inside());
                }
                if self.at(",") {
                    let span = self.tok.span;
                    return Err(self.core.outside(span, "the comma operator", "write two statements"));
                }
                self.expect(")", "`)`")?;
                Ok(inner)
            }
            Tok::Word => self.word(),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn word(&mut self) -> Parsed<Node<'s>> {
        let span = self.tok.span;
        match self.text() {
            "true" | "false" => {
                let value = self.text() == "true";
                self.bump();
                return self.core.leaf(span, ExprKind::Bool(value));
            }
            "NULL" => {
                return Err(self.core.outside(span, "a pointer", "use a `bool` beside the value"));
            }
            _ => {}
        }
        let name = self.ident("a value")?;
        if self.at("(") {
            return self.call(name);
        }
        match library::constant(name.text) {
            Some((kind, ty)) => {
                let value = self.core.leaf(span, kind)?;
                self.core.cast_to(value, ty, span)
            }
            None => self.core.name(name),
        }
    }

    fn call(&mut self, name: Ident<'s>) -> Parsed<Node<'s>> {
        let open = self.bump().span;
        self.core.enter(open)?;
        let mut args: Vec<Expr<'s>> = Vec::new();
        let mut height = 0_usize;
        if !self.at(")") {
            loop {
                let arg = self.value()?;
                height = height.max(arg.height);
                self.core.keep(&mut args, arg.expr, open)?;
                if !self.eat(",") {
                    break;
                }
            }
        }
        self.core.leave();
        let close = self.expect(")", "`,` or `)`")?;
        let span = name.span.to(close);
        if let Some((function, ty)) = library::function(name.text) {
            return self.library_call(name, function, ty, args, height);
        }
        if let Some(instead) = library::instead_of(name.text) {
            let what = alloc::format!("`{}`", name.text);
            return Err(self.core.outside(name.span, &what, instead));
        }
        self.facts.called(name.text, &args);
        let callee = self.core.name(name)?.expr;
        self.core.node(span, ExprKind::Call(Box::new(Call { callee, args })), height)
    }

    fn library_call(
        &mut self,
        name: Ident<'s>,
        function: Function,
        ty: &'static str,
        args: Vec<Expr<'s>>,
        height: usize,
    ) -> Parsed<Node<'s>> {
        let span = self.span_from(name.span.start);
        let expected = match function {
            Function::Float(_, count) => count,
            Function::Remainder => 2,
            Function::Abs(_) | Function::Length => 1,
        };
        if args.len() != expected {
            let found = args.len();
            self.core.report(codes::WRONG_ARGUMENTS, span, |_| {
                Diagnostic::new(
                    codes::WRONG_ARGUMENTS,
                    span,
                    alloc::format!("`{}` takes {expected} values, {found} given", name.text),
                )
                .label(alloc::format!("{found} given"))
            });
            return Err(Failed);
        }
        let mut operands = args.into_iter().map(|expr| Node { expr, height });
        let Some(first) = operands.next() else { return Err(Failed) };
        let rest = operands.next();
        match function {
            Function::Float(method, _) => {
                let first_span = first.expr.span;
                let first = self.core.cast_to(first, ty, first_span)?;
                let rest = match rest {
                    Some(rest) => {
                        let rest_span = rest.expr.span;
                        Some(self.core.cast_to(rest, ty, rest_span)?)
                    }
                    None => None,
                };
                self.core.provided_call(method, first, rest, span)
            }
            Function::Remainder => {
                let mut both = alloc::vec![first.expr];
                both.extend(rest.map(|rest| rest.expr));
                self.core.node(span, ExprKind::Provided(Provided::FloatRem, both), height)
            }
            Function::Abs(ty) => {
                let first_span = first.expr.span;
                let first = self.core.cast_to(first, ty, first_span)?;
                self.core.provided_call("abs", first, None, span)
            }
            Function::Length => {
                let kind = ExprKind::Provided(Provided::TextBytes, alloc::vec![first.expr]);
                let node = self.core.node(span, kind, height)?;
                self.core.cast_to(node, "u64", span)
            }
        }
    }

    /// A value, or values in braces.
    pub(super) fn initializer(&mut self) -> Parsed<Node<'s>> {
        if !self.at("{") {
            return self.value();
        }
        let open = self.bump().span;
        self.core.enter(open)?;
        let mut values: Vec<Init<'s>> = Vec::new();
        let mut height = 0_usize;
        while !self.at("}") {
            let mut field = None;
            if self.eat(".") {
                field = Some(self.ident("the name of a field")?);
                self.expect("=", "`=`")?;
            } else if self.at("[") {
                let span = self.tok.span;
                return Err(self.core.outside(
                    span,
                    "an index in an initializer",
                    "write the elements in their order",
                ));
            }
            let value = self.initializer()?;
            height = height.max(value.height);
            self.core.keep(&mut values, Init { field, value: value.expr }, open)?;
            if !self.eat(",") {
                break;
            }
        }
        let close = self.expect("}", "`,` or `}`")?;
        self.core.leave();
        self.core.node(open.to(close), ExprKind::Initializer(values), height)
    }
}
