//! Expressions of Python, by precedence.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::super::ast::{
    Access, BinaryOp, Expr, ExprKind, FieldAccess, Ident, If, Mutability, Provided, Stmt, StmtKind, UnaryOp,
};
use super::super::foreign::Node;
use super::super::parser::Parsed;
use super::Parser;
use super::lexer::Tok;

/// Operators between operands with their strength; stronger binds first.
const BINARY: &[(&str, BinaryOp, u8)] = &[
    ("|", BinaryOp::BitOr, 1),
    ("^", BinaryOp::BitXor, 2),
    ("&", BinaryOp::BitAnd, 3),
    ("<<", BinaryOp::ShlExact, 4),
    (">>", BinaryOp::ShrAny, 4),
    ("+", BinaryOp::Add, 5),
    ("-", BinaryOp::Sub, 5),
    ("*", BinaryOp::Mul, 6),
    ("/", BinaryOp::TrueDiv, 6),
    ("//", BinaryOp::FloorDiv, 6),
    ("%", BinaryOp::FloorRem, 6),
];

const COMPARISONS: &[(&str, BinaryOp)] = &[
    ("==", BinaryOp::Eq),
    ("!=", BinaryOp::Ne),
    ("<=", BinaryOp::Le),
    (">=", BinaryOp::Ge),
    ("<", BinaryOp::Lt),
    (">", BinaryOp::Gt),
];

/// The middle of a chain of comparisons.
const MIDDLE: &str = "(middle)";
const LEFT: &str = "(left)";

impl<'s> Parser<'s, '_, '_> {
    /// `a if c else b` and all that binds stronger.
    pub(super) fn value(&mut self) -> Parsed<Node<'s>> {
        let start = self.tok().span;
        self.core.enter(start)?;
        let then = self.or()?;
        let node = if self.eat("if") {
            let cond = self.or()?;
            self.expect("else", "`else` and the other value")?;
            let otherwise = self.value()?;
            let span = then.expr.span.to(otherwise.expr.span);
            self.core.choice(cond, then, otherwise, span)?
        } else {
            then
        };
        if self.at(":=") {
            let span = self.tok().span;
            return Err(self.core.outside(
                span,
                "an assignment inside an expression",
                "write it on its own line",
            ));
        }
        self.core.leave();
        Ok(node)
    }

    fn or(&mut self) -> Parsed<Node<'s>> {
        let mut left = self.and()?;
        while self.at("or") {
            let op_span = self.bump().span;
            let right = self.and()?;
            left = self.core.binary(BinaryOp::Or, op_span, left, right)?;
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed<Node<'s>> {
        let mut left = self.not()?;
        while self.at("and") {
            let op_span = self.bump().span;
            let right = self.not()?;
            left = self.core.binary(BinaryOp::And, op_span, left, right)?;
        }
        Ok(left)
    }

    fn not(&mut self) -> Parsed<Node<'s>> {
        if !self.at("not") {
            return self.comparison();
        }
        let start = self.bump().span;
        self.core.enter(start)?;
        let operand = self.not()?;
        self.core.leave();
        let span = start.to(operand.expr.span);
        self.core.unary(UnaryOp::Not, operand, span)
    }

    /// `a < b`, or a chain `a < b < c` in which b is computed once.
    fn comparison(&mut self) -> Parsed<Node<'s>> {
        let first = self.arithmetic(1)?;
        if self.at("in") || self.at("is") || (self.at("not") && self.core.text(self.peek(1).span) == "in") {
            let span = self.tok().span;
            let (what, instead) = if self.at("is") {
                ("`is`", "write `==` or `!=`")
            } else {
                ("`in`", "write a loop, or compare with `==`")
            };
            return Err(self.core.outside(span, what, instead));
        }
        let Some((op, op_span)) = self.comparison_operator() else { return Ok(first) };
        let second = self.arithmetic(1)?;
        if self.peek_comparison().is_none() {
            return self.core.binary(op, op_span, first, second);
        }
        self.chain(first, op, op_span, second)
    }

    fn peek_comparison(&self) -> Option<BinaryOp> {
        COMPARISONS.iter().find(|(text, _)| self.at(text)).map(|(_, op)| *op)
    }

    fn comparison_operator(&mut self) -> Option<(BinaryOp, crate::span::Span)> {
        let op = self.peek_comparison()?;
        Some((op, self.bump().span))
    }

    /// `left op middle op …`: both are computed, then compared; the rest only if that holds.
    fn chain(
        &mut self,
        left: Node<'s>,
        op: BinaryOp,
        op_span: crate::span::Span,
        middle: Node<'s>,
    ) -> Parsed<Node<'s>> {
        self.core.enter(op_span)?;
        let height = left.height.max(middle.height);
        let whole = left.expr.span.to(middle.expr.span);
        let (left_span, middle_span) = (left.expr.span, middle.expr.span);
        let mut stmts = Vec::new();
        for (text, value) in [(LEFT, left.expr), (MIDDLE, middle.expr)] {
            let name = Ident { text, span: value.span };
            let span = value.span;
            let kind = StmtKind::Let { mutability: Mutability::Let, name, ty: None, value: Some(value) };
            self.core.keep(&mut stmts, Stmt { span, kind }, span)?;
        }
        let a = self.core.name(Ident { text: LEFT, span: left_span })?;
        let b = self.core.name(Ident { text: MIDDLE, span: middle_span })?;
        let holds = self.core.binary(op, op_span, a, b)?;
        let again = self.core.name(Ident { text: MIDDLE, span: middle_span })?;
        let rest = match self.comparison_operator() {
            Some((op, op_span)) => {
                let next = self.arithmetic(1)?;
                if self.peek_comparison().is_some() {
                    self.chain(again, op, op_span, next)?
                } else {
                    self.core.binary(op, op_span, again, next)?
                }
            }
            None => again,
        };
        self.core.leave();
        let height = height.max(holds.height).max(rest.height).saturating_add(1);
        let span = whole.to(rest.expr.span);
        let both = self.core.binary(BinaryOp::And, op_span, holds, rest)?;
        // A block that always runs, for its names.
        let then = self.core.value_block(stmts, both.expr)?;
        let no = Expr { span, kind: ExprKind::Bool(false) };
        let otherwise = Some(self.core.value_block(Vec::new(), no)?);
        let cond = Expr { span, kind: ExprKind::Bool(true) };
        self.core.node(span, ExprKind::If(Box::new(If { cond, then, otherwise })), height)
    }

    fn arithmetic(&mut self, weakest: u8) -> Parsed<Node<'s>> {
        let mut left = self.unary()?;
        loop {
            if self.at("@") {
                let span = self.tok().span;
                return Err(self.core.outside(span, "a product of matrices", "write loops"));
            }
            let found = BINARY.iter().find(|(text, ..)| self.at(text));
            let Some((_, op, strength)) = found.filter(|(.., strength)| *strength >= weakest) else {
                return Ok(left);
            };
            let op_span = self.bump().span;
            let right = self.arithmetic(strength.saturating_add(1))?;
            left = if let (BinaryOp::Mul, ExprKind::Array(_)) = (op, &left.expr.kind) {
                self.repeated(left, right)?
            } else {
                self.core.binary(*op, op_span, left, right)?
            };
        }
    }

    /// `[0] * 8`.
    fn repeated(&mut self, list: Node<'s>, count: Node<'s>) -> Parsed<Node<'s>> {
        let span = list.expr.span.to(count.expr.span);
        let height = list.height.max(count.height);
        let ExprKind::Array(mut elements) = list.expr.kind else { return Err(super::Failed) };
        match (elements.pop(), elements.is_empty()) {
            (Some(value), true)
                if !matches!(value.kind, ExprKind::Array(_) | ExprKind::ArrayRepeat { .. }) =>
            {
                let kind = ExprKind::ArrayRepeat { value: Box::new(value), count: Box::new(count.expr) };
                self.core.node(span, kind, height)
            }
            (Some(_), true) => Err(self.core.outside(
                span,
                "a list that is repeated in a list",
                "in Python every row would be the same list: write the rows one by one",
            )),
            _ => Err(self.core.outside(
                span,
                "a list of several values that is repeated",
                "write `[0] * n` and set the elements in a loop",
            )),
        }
    }

    fn unary(&mut self) -> Parsed<Node<'s>> {
        let start = self.tok().span;
        let op = if !self.at_kind(Tok::Punct) {
            None
        } else {
            match self.text() {
                "-" => Some(Some(UnaryOp::Neg)),
                "~" => Some(Some(UnaryOp::BitNot)),
                "+" => Some(None),
                _ => None,
            }
        };
        let Some(op) = op else { return self.power() };
        self.bump();
        self.core.enter(start)?;
        let operand = self.unary()?;
        self.core.leave();
        let Some(op) = op else { return Ok(operand) };
        let span = start.to(operand.expr.span);
        self.core.unary(op, operand, span)
    }

    /// `a ** b`: binds stronger than a sign before it, and to the right.
    fn power(&mut self) -> Parsed<Node<'s>> {
        let base = self.postfix()?;
        if !self.at("**") {
            return Ok(base);
        }
        let op_span = self.bump().span;
        self.core.enter(op_span)?;
        let exponent = self.unary()?;
        self.core.leave();
        // A negative exponent makes a float of an integer.
        if matches!(&exponent.expr.kind, ExprKind::Unary { op: UnaryOp::Neg, .. }) {
            let span = base.expr.span;
            let base = self.core.cast_to(base, "f64", span)?;
            return self.core.binary(BinaryOp::Power, op_span, base, exponent);
        }
        self.core.binary(BinaryOp::Power, op_span, base, exponent)
    }

    pub(super) fn postfix(&mut self) -> Parsed<Node<'s>> {
        let mut node = self.primary()?;
        loop {
            if self.at("[") {
                node = self.subscript(node)?;
            } else if self.at(".") {
                self.bump();
                let name = self.ident("the name of a field")?;
                if self.at("(") {
                    node = self.method(node, name)?;
                    continue;
                }
                let span = node.expr.span.to(name.span);
                if let ExprKind::Name("math") = node.expr.kind {
                    node = self.math_constant(name, span)?;
                    continue;
                }
                let kind =
                    ExprKind::Field(Box::new(FieldAccess { base: node.expr, name, access: Access::Plain }));
                node = self.core.node(span, kind, node.height)?;
            } else if self.at("(") {
                let span = self.tok().span;
                return Err(self.core.outside(span, "a call of a value", "call a function by its name"));
            } else {
                return Ok(node);
            }
        }
    }

    /// `a[i]`, `a[-1]`, `a[:]`.
    fn subscript(&mut self, base: Node<'s>) -> Parsed<Node<'s>> {
        let open = self.bump().span;
        self.core.enter(open)?;
        if self.at(":") && self.core.text(self.peek(1).span) == "]" {
            self.bump();
            let close = self.bump().span;
            self.core.leave();
            let span = base.expr.span.to(close);
            return self.core.node(
                span,
                ExprKind::Provided(Provided::Copy, alloc::vec![base.expr]),
                base.height,
            );
        }
        let mut index = if self.at(":") { return Err(self.slice()) } else { self.value()? };
        if self.at(":") || self.at(",") {
            return Err(self.slice());
        }
        let close = self.expect("]", "`]`")?;
        self.core.leave();
        let span = base.expr.span.to(close);
        if let ExprKind::Unary { op: UnaryOp::Neg, operand } = &index.expr.kind
            && let ExprKind::Int(back) = operand.kind
        {
            index = self.index_back(&base, back, index.expr.span)?;
        }
        let height = base.height.max(index.height);
        let kind = ExprKind::Index { base: Box::new(base.expr), index: Box::new(index.expr) };
        self.core.node(span, kind, height)
    }

    fn slice(&mut self) -> super::Failed {
        let span = self.tok().span;
        self.core.outside(span, "a part of a list", "`a[:]` copies all of it; write a loop for a part")
    }

    /// `len(base) - back`.
    fn index_back(&mut self, base: &Node<'s>, back: u64, span: crate::span::Span) -> Parsed<Node<'s>> {
        if !matches!(base.expr.kind, ExprKind::Name(_)) {
            return Err(self.core.outside(span, "an index from the end of this", "give the list a name"));
        }
        let name = Node { expr: base.expr.clone(), height: base.height };
        let length = self.core.provided_call("len", name, None, span)?;
        let back = self.core.leaf(span, ExprKind::Int(back))?;
        self.core.binary(BinaryOp::Sub, span, length, back)
    }

    fn primary(&mut self) -> Parsed<Node<'s>> {
        let token = self.tok();
        match token.kind {
            Tok::Number => self.number(),
            Tok::Str => self.strings(),
            Tok::Word => self.word(),
            Tok::Punct if self.at("(") => self.parentheses(),
            Tok::Punct if self.at("[") => self.list_display(),
            Tok::Punct if self.at("{") => Err(self.core.outside(
                token.span,
                "a dictionary or set",
                "use a list of a known length, or a dataclass",
            )),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn parentheses(&mut self) -> Parsed<Node<'s>> {
        let open = self.bump().span;
        if self.at(")") {
            return Err(self.core.outside(open, "an empty tuple", "write `None`, or leave it out"));
        }
        let first = self.value()?;
        if self.at("for") {
            return Err(self.comprehension());
        }
        if self.eat(")") {
            return Ok(first);
        }
        self.elements(open, first, ")")
    }

    fn list_display(&mut self) -> Parsed<Node<'s>> {
        let open = self.bump().span;
        if self.at("]") {
            let close = self.bump().span;
            return self.core.leaf(open.to(close), ExprKind::Array(Vec::new()));
        }
        let first = self.value()?;
        if self.at("for") {
            return Err(self.comprehension());
        }
        self.elements(open, first, "]")
    }

    fn comprehension(&mut self) -> super::Failed {
        let span = self.tok().span;
        self.core.outside(span, "a comprehension", "write `values = [0] * n` and fill it in a loop")
    }

    fn elements(&mut self, open: crate::span::Span, first: Node<'s>, close: &str) -> Parsed<Node<'s>> {
        let (mut all, mut height) = (Vec::new(), first.height);
        self.core.keep(&mut all, first.expr, open)?;
        while self.eat(",") {
            if self.at(close) {
                break;
            }
            let next = self.value()?;
            height = height.max(next.height);
            self.core.keep(&mut all, next.expr, open)?;
        }
        let what = if close == ")" { "`,` or `)`" } else { "`,` or `]`" };
        let end = self.expect(close, what)?;
        self.core.sink.fit(&mut all);
        self.core.node(open.to(end), ExprKind::Array(all), height)
    }

    fn word(&mut self) -> Parsed<Node<'s>> {
        let span = self.tok().span;
        match self.text() {
            "True" | "False" => {
                let value = self.text() == "True";
                self.bump();
                return self.core.leaf(span, ExprKind::Bool(value));
            }
            "None" => {
                return Err(self.core.outside(
                    span,
                    "a value that may be `None`",
                    "use a `bool` beside the value",
                ));
            }
            "lambda" => return Err(self.core.outside(span, "a function value", "write a `def`")),
            "await" | "yield" => return Err(self.core.outside(span, "a coroutine", "write a loop")),
            _ => {}
        }
        let name = self.ident("a value")?;
        if self.at("(") {
            return self.call(name);
        }
        if self.from_math.contains(&name.text)
            && let Some(value) = super::library::math_constant(name.text)
        {
            return self.core.leaf(span, ExprKind::Float(value));
        }
        self.core.name(name)
    }

    fn math_constant(&mut self, name: Ident<'s>, span: crate::span::Span) -> Parsed<Node<'s>> {
        match super::library::math_constant(name.text) {
            Some(value) => self.core.leaf(span, ExprKind::Float(value)),
            None => {
                Err(self.core.outside(name.span, "this name of `math`", "pi, e, tau, inf and nan are there"))
            }
        }
    }
}
