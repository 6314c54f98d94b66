//! Expressions, of steps and of code.
//!
//! Operators bind, from weak to strong: `..`, `|>`, `||`/`or`, `&&`/`and`, comparisons, `??` (to the
//! right), `|`, `^`, `&`, shifts, `+ -`, `* / %`, `as`. In steps a comparison may be written in
//! words (`is at least`), and `on`, `off` are truth values.

mod primary;

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::ast::{
    Access, BinaryOp, Bound, Call, Cast, Expr, ExprKind, FieldAccess, Ident, MethodCall, UnaryOp,
};
use super::lexer::{Mode, Tok};
use super::parser::{Braces, Failed, Newlines, Parsed, Parser, is_one_of};
use crate::diag::{Diagnostic, codes};
use crate::span::Span;

/// How strongly an operator binds.
type Power = u8;

const RANGE: Power = 1;
const PIPE: Power = 2;
const OR: Power = 3;
const AND: Power = 4;
const COMPARE: Power = 5;
const COALESCE: Power = 6;
const BIT_OR: Power = 7;
const BIT_XOR: Power = 8;
const BIT_AND: Power = 9;
const SHIFT: Power = 10;
const SUM: Power = 11;
const PRODUCT: Power = 12;
const CAST: Power = 13;

/// An operator between operands.
#[derive(Clone, Copy)]
enum Infix {
    Binary(BinaryOp),
    /// `is …` in words.
    Is,
    Range(Bound),
    /// `|>`, behind which a function stands.
    Pipe,
    Cast,
}

impl<'s> Parser<'s, '_> {
    /// An expression.
    pub(super) fn expr(&mut self) -> Parsed<Expr<'s>> {
        self.operand(RANGE)
    }

    /// An expression in brackets of any kind: lines may end in it, and braces are literals.
    pub(super) fn inner(&mut self) -> Parsed<Expr<'s>> {
        let (newlines, braces) = (self.newlines, self.braces);
        self.newlines = Newlines::Space;
        self.braces = Braces::Literal;
        let result = self.expr();
        self.newlines = newlines;
        self.braces = braces;
        result
    }

    /// An expression directly before a block.
    fn before_block(&mut self) -> Parsed<Expr<'s>> {
        let braces = self.braces;
        self.braces = Braces::Block;
        let result = self.expr();
        self.braces = braces;
        result
    }

    pub(super) fn condition(&mut self) -> Parsed<Expr<'s>> {
        self.before_block()
    }

    /// An expression of operators that bind at least as strongly as `least`.
    fn operand(&mut self, least: Power) -> Parsed<Expr<'s>> {
        self.enter()?;
        let result = self.chain(least);
        self.leave();
        result
    }

    fn chain(&mut self, least: Power) -> Parsed<Expr<'s>> {
        let mut left = self.prefix()?;
        let mut height = self.height;
        let mut compared: Option<Span> = None;
        while let Some((infix, power)) = self.infix() {
            if power < least {
                break;
            }
            let op_span = self.tok.span;
            if power == COMPARE
                && let Some(first) = compared.replace(op_span)
            {
                return Err(self.comparison_chain(first, op_span));
            }
            left = match infix {
                Infix::Cast => {
                    self.bump();
                    let ty = self.ty()?;
                    self.raise(height)?;
                    let span = left.span.to(ty.span);
                    Expr { span, kind: ExprKind::Cast(Box::new(Cast { value: left, ty })) }
                }
                Infix::Pipe => {
                    self.bump();
                    let call = self.piped(left)?;
                    self.raise(height)?;
                    call
                }
                Infix::Range(bound) => {
                    self.bump();
                    let end = self.operand(PIPE)?;
                    self.raise(height.max(self.height))?;
                    let span = left.span.to(end.span);
                    let (start, end) = (Box::new(left), Box::new(end));
                    Expr { span, kind: ExprKind::Range { start, end, bound } }
                }
                Infix::Binary(_) | Infix::Is => {
                    let op = match infix {
                        Infix::Binary(op) => {
                            self.bump();
                            op
                        }
                        _ => self.comparison_in_words()?,
                    };
                    let op_span = op_span.to(Span::empty(self.before));
                    let next = if power == COALESCE { power } else { power.saturating_add(1) };
                    let right = self.operand(next)?;
                    self.raise(height.max(self.height))?;
                    let span = left.span.to(right.span);
                    Expr { span, kind: ExprKind::Binary { op, op_span, sides: Box::new([left, right]) } }
                }
            };
            height = self.height;
        }
        self.height = height;
        Ok(left)
    }

    /// `value |> tile`, `value |> library.tile`: a call with the value before it.
    fn piped(&mut self, value: Expr<'s>) -> Parsed<Expr<'s>> {
        const WHAT: &str = "the name of a tile or function";
        let start = value.span;
        let first = self.name(WHAT)?;
        let callee = Expr { span: first.span, kind: ExprKind::Name(first.text) };
        let call = if self.at(Tok::Dot) {
            self.bump();
            let name = self.name(WHAT)?;
            let args = alloc::vec![value];
            ExprKind::Method(Box::new(MethodCall { base: callee, name, args, access: Access::Plain }))
        } else {
            ExprKind::Call(Box::new(Call { callee, args: alloc::vec![value] }))
        };
        if self.at(Tok::LParen) && !self.at_new_line() {
            let span = self.tok.span;
            self.report(codes::UNEXPECTED_TOKEN, span, || {
                Diagnostic::new(
                    codes::UNEXPECTED_TOKEN,
                    span,
                    "behind `|>` stands the name of a function alone",
                )
                .label("it takes the value before `|>`")
                .hint("a function of several values is called: `f(value, more)`")
            });
            return Err(Failed);
        }
        let span = start.to(Span::empty(self.before));
        Ok(Expr { span, kind: call })
    }

    /// A comparison and its right operand, where the left one stands before already.
    pub(super) fn comparison_tail(&mut self) -> Parsed<(BinaryOp, Expr<'s>)> {
        let op = match self.infix() {
            Some((Infix::Binary(op), COMPARE)) => {
                self.bump();
                op
            }
            Some((Infix::Is, _)) => self.comparison_in_words()?,
            _ => return Err(self.unexpected("a comparison such as `is 5` or `> 5`")),
        };
        Ok((op, self.operand(COMPARE.saturating_add(1))?))
    }

    fn comparison_chain(&mut self, first: Span, second: Span) -> Failed {
        let mode = self.mode;
        self.report(codes::COMPARISON_CHAIN, second, || {
            Diagnostic::new(codes::COMPARISON_CHAIN, second, "a comparison cannot be compared again")
                .label("second comparison")
                .secondary(first, "first comparison")
                .hint(match mode {
                    Mode::Step => "join two comparisons with `and`: `a < b and b < c`",
                    Mode::Code => "join two comparisons with `&&`: `a < b && b < c`",
                })
        });
        Failed
    }

    /// The operator that comes next, if the expression goes on.
    fn infix(&self) -> Option<(Infix, Power)> {
        use BinaryOp as B;
        let new_line = self.at_new_line();
        let (op, power) = match self.tok.kind {
            Tok::Word => return self.infix_word(),
            Tok::DotDot => return Some((Infix::Range(Bound::Exclusive), RANGE)),
            Tok::DotDotEq => return Some((Infix::Range(Bound::Inclusive), RANGE)),
            Tok::Pipe => return Some((Infix::Pipe, PIPE)),
            // At the start of a line these begin a statement.
            Tok::Minus | Tok::Bar if new_line => return None,
            Tok::BarBar => (B::Or, OR),
            Tok::AmpAmp => (B::And, AND),
            Tok::EqEq => (B::Eq, COMPARE),
            Tok::NotEq => (B::Ne, COMPARE),
            Tok::Lt => (B::Lt, COMPARE),
            Tok::Le => (B::Le, COMPARE),
            Tok::Gt => (B::Gt, COMPARE),
            Tok::Ge => (B::Ge, COMPARE),
            Tok::Coalesce => (B::Coalesce, COALESCE),
            Tok::Bar => (B::BitOr, BIT_OR),
            Tok::Caret => (B::BitXor, BIT_XOR),
            Tok::Amp => (B::BitAnd, BIT_AND),
            Tok::Shl => (B::Shl, SHIFT),
            Tok::Shr => (B::Shr, SHIFT),
            Tok::Plus => (B::Add, SUM),
            Tok::Minus => (B::Sub, SUM),
            Tok::Star => (B::Mul, PRODUCT),
            Tok::Slash => (B::Div, PRODUCT),
            // At the end of a step it is the unit of what is recorded.
            Tok::Percent if self.mode == Mode::Step && self.peek().kind == Tok::End => return None,
            Tok::Percent => (B::Rem, PRODUCT),
            _ => return None,
        };
        Some((Infix::Binary(op), power))
    }

    fn infix_word(&self) -> Option<(Infix, Power)> {
        let text = self.text();
        let step = self.mode == Mode::Step;
        if self.is_word(text, "and") {
            Some((Infix::Binary(BinaryOp::And), AND))
        } else if self.is_word(text, "or") {
            Some((Infix::Binary(BinaryOp::Or), OR))
        } else if self.is_word(text, "as") && (!step || self.cast_follows()) {
            Some((Infix::Cast, CAST))
        } else if step && (self.is_word(text, "is") || self.is_word(text, "equals")) {
            Some((Infix::Is, COMPARE))
        } else {
            None
        }
    }

    /// In steps `as` also names a result (`ASK … as t`); a type name makes it a conversion.
    fn cast_follows(&self) -> bool {
        let next = self.peek();
        let text = self.text_of(next);
        next.kind == Tok::Word
            && (super::types::BUILT_IN.contains(&text) || text.starts_with(|ch: char| ch.is_uppercase()))
    }

    /// `is`, `is not`, `is above`, `is at least`, `is less than or equal to`, `equals` …
    fn comparison_in_words(&mut self) -> Parsed<BinaryOp> {
        if self.eat_word("equals") {
            return Ok(BinaryOp::Eq);
        }
        self.bump();
        let negated = self.eat_word("not");
        let op = if self.eat_word("above") || self.eat_word("over") {
            BinaryOp::Gt
        } else if self.eat_word("below") || self.eat_word("under") {
            BinaryOp::Lt
        } else if self.at_word("at") {
            self.bump();
            if self.eat_word("least") {
                BinaryOp::Ge
            } else if self.eat_word("most") {
                BinaryOp::Le
            } else {
                return Err(self.unexpected("`least` or `most`"));
            }
        } else if self.words_than(&["greater", "more", "higher"]) {
            if self.or_equal()? { BinaryOp::Ge } else { BinaryOp::Gt }
        } else if self.words_than(&["less", "lower", "fewer"]) {
            if self.or_equal()? { BinaryOp::Le } else { BinaryOp::Lt }
        } else {
            if self.at_word("equal") && self.is_word(self.text_of(self.peek()), "to") {
                self.bump();
                self.bump();
            }
            BinaryOp::Eq
        };
        if !negated {
            return Ok(op);
        }
        Ok(match op {
            BinaryOp::Gt => BinaryOp::Le,
            BinaryOp::Lt => BinaryOp::Ge,
            BinaryOp::Ge => BinaryOp::Lt,
            BinaryOp::Le => BinaryOp::Gt,
            _ => BinaryOp::Ne,
        })
    }

    /// Takes `greater than` for one of `words`; a variable of that name is left alone.
    fn words_than(&mut self, words: &[&str]) -> bool {
        let there = self.at(Tok::Word)
            && is_one_of(self.text(), words)
            && self.is_word(self.text_of(self.peek()), "than");
        if there {
            self.bump();
            self.bump();
        }
        there
    }

    fn or_equal(&mut self) -> Parsed<bool> {
        if !(self.at_word("or") && self.is_word(self.text_of(self.peek()), "equal")) {
            return Ok(false);
        }
        self.bump();
        self.bump();
        if self.eat_word("to") { Ok(true) } else { Err(self.unexpected("`to`")) }
    }

    fn prefix(&mut self) -> Parsed<Expr<'s>> {
        let op = match self.tok.kind {
            Tok::Minus => UnaryOp::Neg,
            Tok::Bang => UnaryOp::Not,
            Tok::Tilde => UnaryOp::BitNot,
            Tok::Word if self.at_word("not") => {
                let start = self.bump().span;
                let operand = self.operand(COMPARE)?;
                return self.unary(start, UnaryOp::Not, operand);
            }
            _ => return self.postfix(),
        };
        let start = self.bump().span;
        self.enter()?;
        let operand = self.prefix();
        self.leave();
        self.unary(start, op, operand?)
    }

    fn unary(&mut self, start: Span, op: UnaryOp, operand: Expr<'s>) -> Parsed<Expr<'s>> {
        self.raise(self.height)?;
        let span = start.to(operand.span);
        Ok(Expr { span, kind: ExprKind::Unary { op, operand: Box::new(operand) } })
    }

    pub(super) fn postfix(&mut self) -> Parsed<Expr<'s>> {
        let mut base = self.primary()?;
        loop {
            let adjacent = self.tok.span.start == self.before;
            let here = match self.mode {
                Mode::Step => adjacent,
                Mode::Code => !self.at_new_line(),
            };
            let start = base.span;
            let height = self.height;
            let kind = self.tok.kind;
            match kind {
                Tok::Dot if self.mode == Mode::Code || self.field_follows() => {
                    self.bump();
                    base = self.member(base, Access::Plain)?;
                }
                Tok::Colon if self.mode == Mode::Code && self.double_colon() => {
                    self.bump();
                    self.bump();
                    base = self.member(base, Access::Plain)?;
                }
                Tok::QuestionDot => {
                    self.bump();
                    base = self.member(base, Access::Optional)?;
                }
                Tok::LParen if here => {
                    let args = self.args()?;
                    self.raise(height.max(self.height))?;
                    let span = self.span_from(start.start);
                    base = Expr { span, kind: ExprKind::Call(Box::new(Call { callee: base, args })) };
                }
                Tok::LBracket if here => {
                    let open = self.bump().span;
                    let index = self.inner()?;
                    self.close(Tok::RBracket, "`]`", open)?;
                    self.raise(height.max(self.height))?;
                    let span = self.span_from(start.start);
                    let (base_box, index) = (Box::new(base), Box::new(index));
                    base = Expr { span, kind: ExprKind::Index { base: base_box, index } };
                }
                _ => return Ok(base),
            }
        }
    }

    /// Reports `Mode::Off`, which reads as `Mode.Off`; `false` if it is another colon.
    pub(super) fn double_colon(&mut self) -> bool {
        let span = self.tok.span;
        let next = self.peek();
        if next.kind != Tok::Colon || next.span.start != span.end {
            return false;
        }
        let both = span.to(next.span);
        self.report(codes::UNEXPECTED_TOKEN, both, || {
            Diagnostic::new(codes::UNEXPECTED_TOKEN, both, "a variant or field stands behind a dot")
                .label("expected `.`")
                .expected("`.`")
                .found("`::`")
                .replace("write `.`", both, ".")
        });
        true
    }

    /// In steps, a dot is a full stop unless a name follows it directly.
    fn field_follows(&self) -> bool {
        let next = self.peek();
        next.kind == Tok::Word && next.span.start == self.tok.span.end
    }

    fn member(&mut self, base: Expr<'s>, access: Access) -> Parsed<Expr<'s>> {
        let height = self.height;
        let name = self.any_word("the name of a field or method")?;
        let adjacent = self.tok.span.start == self.before;
        let called = self.at(Tok::LParen)
            && match self.mode {
                Mode::Step => adjacent,
                Mode::Code => !self.at_new_line(),
            };
        let start = base.span.start;
        if called {
            let args = self.args()?;
            self.raise(height.max(self.height))?;
            let span = self.span_from(start);
            return Ok(Expr {
                span,
                kind: ExprKind::Method(Box::new(MethodCall { base, name, args, access })),
            });
        }
        let opens = self.braces == Braces::Literal && self.at(Tok::LBrace) && !self.tok.first_on_line;
        if opens && access == Access::Plain && matches!(base.kind, ExprKind::Name(_)) {
            // `library.Name { … }`.
            let span = base.span.to(name.span);
            return self.struct_fields(Ident { text: span.text(self.source), span });
        }
        self.raise(height)?;
        let span = self.span_from(start);
        Ok(Expr { span, kind: ExprKind::Field(Box::new(FieldAccess { base, name, access })) })
    }

    /// `(a, b)`; leaves the greatest height of an argument.
    pub(super) fn args(&mut self) -> Parsed<Vec<Expr<'s>>> {
        let open = self.expect(Tok::LParen, "`(`")?.span;
        self.list(Tok::RParen, "`)`", open)
    }

    /// Expressions with commas between them, to the closing bracket; a last comma may stand.
    fn list(&mut self, close: Tok, what: &str, open: Span) -> Parsed<Vec<Expr<'s>>> {
        let mut list = Vec::new();
        self.list_into(&mut list, close, what, open)?;
        Ok(list)
    }

    /// As [`Self::list`], behind expressions that were read already.
    pub(super) fn list_into(
        &mut self,
        list: &mut Vec<Expr<'s>>,
        close: Tok,
        what: &str,
        open: Span,
    ) -> Parsed<()> {
        let mut height = 0;
        while !self.at(close) {
            let value = self.inner()?;
            self.keep(list, value)?;
            height = height.max(self.height);
            if !self.eat(Tok::Comma) {
                break;
            }
        }
        self.close_list(close, what, open)?;
        self.sink.fit(list);
        self.height = height;
        Ok(())
    }

    /// The bracket that closes the one at `open`.
    pub(super) fn close(&mut self, kind: Tok, what: &str, open: Span) -> Parsed<()> {
        if self.eat(kind) {
            return Ok(());
        }
        if self.at_end() {
            let span = self.tok.span;
            self.report(codes::UNCLOSED, open, || {
                Diagnostic::new(codes::UNCLOSED, open, "this bracket is not closed")
                    .label("opened here")
                    .secondary(span, format!("expected {what}"))
                    .replace(format!("close it with {what}"), span, what.trim_matches('`'))
            });
            return Err(Failed);
        }
        Err(self.unexpected(what))
    }

    /// The bracket that closes a list with commas, opened at `open`.
    pub(super) fn close_list(&mut self, kind: Tok, what: &str, open: Span) -> Parsed<()> {
        if self.at(kind) || self.at_end() {
            return self.close(kind, what, open);
        }
        Err(self.unexpected(&format!("`,` or {what}")))
    }
}
