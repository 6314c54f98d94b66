//! Statements of Python.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::super::ast::{
    BinaryOp, Bound, CodeBlock, Expr, ExprKind, Ident, If, Loop, LoopTest, Mutability, Stmt, StmtKind, Type,
};
use super::super::parser::{Failed, Parsed};
use super::lexer::Tok;
use super::{Parser, Variable, library};
use crate::diag::{Diagnostic, codes};
use crate::span::Span;

/// Augmented assignments.
const UPDATES: &[(&str, BinaryOp)] = &[
    ("+=", BinaryOp::Add),
    ("-=", BinaryOp::Sub),
    ("*=", BinaryOp::Mul),
    ("/=", BinaryOp::TrueDiv),
    ("//=", BinaryOp::FloorDiv),
    ("%=", BinaryOp::FloorRem),
    ("**=", BinaryOp::Power),
    ("<<=", BinaryOp::ShlExact),
    (">>=", BinaryOp::ShrAny),
    ("&=", BinaryOp::BitAnd),
    ("|=", BinaryOp::BitOr),
    ("^=", BinaryOp::BitXor),
];

/// Names that no Python text can have.
const VALUES: &str = "(values)";
const COUNTER: &str = "(counter)";
const STOP: &str = "(stop)";
const STEP: &str = "(step)";
/// The element of a list that a loop is at.
pub(crate) const ELEMENT: &str = "(element)";

impl<'s> Parser<'s, '_, '_> {
    /// The statements under a `:`, on its line or indented.
    pub(super) fn block(&mut self) -> Parsed<CodeBlock<'s>> {
        let colon = self.expect(":", "`:`")?;
        self.core.enter(colon)?;
        let mut stmts = Vec::new();
        if self.eat_kind(Tok::Newline) {
            if !self.eat_kind(Tok::Indent) {
                return Err(self.unexpected("a deeper line"));
            }
            while !self.eat_kind(Tok::Dedent) {
                if self.at_end() || self.core.sink.is_spent() {
                    break;
                }
                self.line(&mut stmts);
            }
        } else {
            self.simple(&mut stmts)?;
            while self.before_was(";") && !self.at_kind(Tok::Newline) && !self.at_end() {
                self.simple(&mut stmts)?;
            }
            if self.before_was(";") {
                self.eat_kind(Tok::Newline);
            }
        }
        self.core.leave();
        self.core.sink.fit(&mut stmts);
        let span = match (stmts.first(), stmts.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => colon,
        };
        Ok(CodeBlock { span, stmts })
    }

    fn before_was(&self, text: &str) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        before.is_some_and(|token| token.kind == Tok::Punct && self.core.text(token.span) == text)
    }

    /// A statement of a block; after an error reading goes on behind it.
    fn line(&mut self, out: &mut Vec<Stmt<'s>>) {
        let (start, mark, loops) = (self.at, self.core.mark(), self.loops);
        if self.statement(out).is_err() {
            self.core.reset(mark);
            let span = self.tok().span;
            self.core.lost(out, span);
            self.loops = loops;
            self.recover();
        }
        if self.at == start {
            self.bump();
        }
    }

    fn push(&mut self, out: &mut Vec<Stmt<'s>>, start: u32, kind: StmtKind<'s>) -> Parsed<()> {
        let span = self.span_from(start);
        self.core.keep(out, Stmt { span, kind }, span)
    }

    fn statement(&mut self, out: &mut Vec<Stmt<'s>>) -> Parsed<()> {
        let start = self.tok().span;
        if self.at_kind(Tok::Indent) {
            return Err(self.unexpected("a line of the same indentation"));
        }
        if self.at_kind(Tok::Word) {
            match self.text() {
                "if" => {
                    let choice = self.choice()?;
                    return self.push(out, start.start, StmtKind::Expr(choice));
                }
                "while" => {
                    self.bump();
                    let cond = self.value()?.expr;
                    let body = self.loop_body(Vec::new())?;
                    return self.push(out, start.start, StmtKind::While { cond, body });
                }
                "for" => return self.for_statement(out),
                word => {
                    if let Some((what, instead)) = library::instead_of_statement(word) {
                        return Err(self.core.outside(start, what, instead));
                    }
                    let names_next = self.peek(1).kind == Tok::Word || self.peek(1).kind == Tok::Number;
                    if word == "match" && names_next {
                        return Err(self.core.outside(start, "`match`", "write `if` and `elif`"));
                    }
                }
            }
        }
        self.simple(out)
    }

    /// A statement on one line.
    fn simple(&mut self, out: &mut Vec<Stmt<'s>>) -> Parsed<()> {
        let start = self.tok().span.start;
        if self.at_kind(Tok::Str) {
            // A text alone describes; one in an expression is read below.
            let alone = matches!(self.peek(1).kind, Tok::Newline | Tok::End);
            if alone {
                self.bump();
                return self.end_of_statement();
            }
        }
        let word = if self.at_kind(Tok::Word) { self.text() } else { "" };
        let kind = match word {
            "pass" => {
                self.bump();
                return self.end_of_statement();
            }
            "break" | "continue" => {
                self.bump();
                if word == "break" { StmtKind::Break } else { StmtKind::Continue }
            }
            "return" => {
                self.bump();
                let nothing = matches!(self.tok().kind, Tok::Newline | Tok::End) || self.at(";");
                StmtKind::Return(if nothing || self.eat("None") { None } else { Some(self.values()?) })
            }
            "assert" => {
                self.bump();
                let cond = self.value()?.expr;
                let message = if self.eat(",") { Some(self.value()?.expr) } else { None };
                StmtKind::Expect { cond, message }
            }
            _ => {
                self.assignment_or_call(out)?;
                return self.end_of_statement();
            }
        };
        self.push(out, start, kind)?;
        self.end_of_statement()
    }

    /// `if c:` with its `elif` and `else`.
    fn choice(&mut self) -> Parsed<Expr<'s>> {
        let start = self.bump().span;
        self.core.enter(start)?;
        let cond = self.value()?.expr;
        let then = self.block()?;
        let otherwise = if self.at("elif") {
            let inner = self.choice()?;
            let span = inner.span;
            let mut stmts = Vec::new();
            self.core.keep(&mut stmts, Stmt { span, kind: StmtKind::Expr(inner) }, span)?;
            Some(CodeBlock { span, stmts })
        } else if self.eat("else") {
            Some(self.block()?)
        } else {
            None
        };
        self.core.leave();
        let span = self.span_from(start.start);
        Ok(Expr { span, kind: ExprKind::If(Box::new(If { cond, then, otherwise })) })
    }

    /// The body of a loop behind statements that begin each round.
    fn loop_body(&mut self, mut first: Vec<Stmt<'s>>) -> Parsed<CodeBlock<'s>> {
        self.loops = self.loops.saturating_add(1);
        let mut body = self.block()?;
        self.loops = self.loops.saturating_sub(1);
        if self.at("else") {
            let span = self.tok().span;
            return Err(self.core.outside(span, "`else` of a loop", "set a `bool` before `break`"));
        }
        if !first.is_empty() {
            first.append(&mut body.stmts);
            body.stmts = first;
        }
        Ok(body)
    }

    fn for_statement(&mut self, out: &mut Vec<Stmt<'s>>) -> Parsed<()> {
        let start = self.bump().span.start;
        let name = self.ident("the name of the loop's variable")?;
        if self.at(",") {
            let span = self.tok().span;
            return Err(self.core.outside(
                span,
                "several variables of a loop",
                "count: `for i in range(n):`",
            ));
        }
        self.variable(name, None)?;
        self.facts.assigned(&Expr { span: name.span, kind: ExprKind::Name(name.text) });
        self.expect("in", "`in`")?;
        if self.at("range") && self.core.text(self.peek(1).span) == "(" {
            return self.range(name, start, out);
        }
        let iter = self.value()?.expr;
        let first = self.take_counter(name, ELEMENT)?;
        let body = self.loop_body(first)?;
        let hidden = Ident { text: ELEMENT, span: name.span };
        self.push(out, start, StmtKind::For { name: hidden, iter: Box::new(iter), body })
    }

    /// `name = (counter)`, at the start of each round.
    fn take_counter(&mut self, name: Ident<'s>, counter: &'static str) -> Parsed<Vec<Stmt<'s>>> {
        let span = name.span;
        let place = self.core.name(name)?.expr;
        let value = self.core.name(Ident { text: counter, span })?.expr;
        let mut first = Vec::new();
        self.core.keep(&mut first, Stmt { span, kind: StmtKind::Assign { place, op: None, value } }, span)?;
        Ok(first)
    }

    /// `for name in range(…)`.
    fn range(&mut self, name: Ident<'s>, start: u32, out: &mut Vec<Stmt<'s>>) -> Parsed<()> {
        self.bump();
        let open = self.bump().span;
        self.core.enter(open)?;
        let first = self.value()?.expr;
        let second = if self.eat(",") { Some(self.value()?.expr) } else { None };
        let third = if second.is_some() && self.eat(",") { Some(self.value()?.expr) } else { None };
        self.expect(")", "`,` or `)`")?;
        self.core.leave();
        let span = self.span_from(open.start);
        let zero = Expr { span, kind: ExprKind::Int(0) };
        let (from, to) = match second {
            Some(second) => (first, second),
            None => (zero, first),
        };
        let take = self.take_counter(name, COUNTER)?;
        let Some(step) = third else {
            let body = self.loop_body(take)?;
            let (start_value, end) = (Box::new(from), Box::new(to));
            let iter =
                Expr { span, kind: ExprKind::Range { start: start_value, end, bound: Bound::Exclusive } };
            let hidden = Ident { text: COUNTER, span: name.span };
            return self.push(out, start, StmtKind::For { name: hidden, iter: Box::new(iter), body });
        };
        self.stepped(span, [from, to, step], take, start, out)
    }

    /// A range with a step: a counter that goes up or down.
    fn stepped(
        &mut self,
        span: Span,
        values: [Expr<'s>; 3],
        take: Vec<Stmt<'s>>,
        start: u32,
        out: &mut Vec<Stmt<'s>>,
    ) -> Parsed<()> {
        let [from, to, step] = values;
        let int = || Type { span, kind: super::super::ast::TypeKind::Name("i64") };
        let mut init = Vec::new();
        for (text, value, mutability) in
            [(COUNTER, from, Mutability::Var), (STOP, to, Mutability::Let), (STEP, step, Mutability::Let)]
        {
            let name = Ident { text, span };
            let kind = StmtKind::Let { mutability, name, ty: Some(Box::new(int())), value: Some(value) };
            self.core.keep(&mut init, Stmt { span, kind }, span)?;
        }
        let mut name = |text| self.core.name(Ident { text, span });
        let (step_name, counter, stop) = (name(STEP)?, name(COUNTER)?, name(STOP)?);
        let (counter_down, stop_down) = (name(COUNTER)?, name(STOP)?);
        let (not_zero, place, by) = (name(STEP)?, name(COUNTER)?, name(STEP)?);
        let mut zero = || self.core.leaf(span, ExprKind::Int(0));
        let (zero_up, zero_check) = (zero()?, zero()?);
        let some = self.core.binary(BinaryOp::Ne, span, not_zero, zero_check)?.expr;
        self.core.keep(
            &mut init,
            Stmt { span, kind: StmtKind::Expect { cond: some, message: None } },
            span,
        )?;
        let up = self.core.binary(BinaryOp::Gt, span, step_name, zero_up)?;
        let below = self.core.binary(BinaryOp::Lt, span, counter, stop)?;
        let above = self.core.binary(BinaryOp::Gt, span, counter_down, stop_down)?;
        let cond = Some(self.core.choice(up, below, above, span)?.expr);
        let body = self.loop_body(take)?;
        let kind = StmtKind::Assign { place: place.expr, op: Some(BinaryOp::Add), value: by.expr };
        let step = CodeBlock { span, stmts: alloc::vec![Stmt { span, kind }] };
        let parts = Loop { init, cond, test: LoopTest::Before, body, step };
        self.push(out, start, StmtKind::Loop(Box::new(parts)))
    }

    // ------------------------------------------------------------ assignments

    /// Values with commas between them are a tuple.
    fn values(&mut self) -> Parsed<Expr<'s>> {
        let first = self.value()?;
        if !self.at(",") {
            return Ok(first.expr);
        }
        let start = first.expr.span.start;
        let (mut all, mut height) = (Vec::new(), first.height);
        self.core.keep(&mut all, first.expr, Span::empty(start))?;
        while self.eat(",") {
            if matches!(self.tok().kind, Tok::Newline | Tok::End) || self.at("=") {
                break;
            }
            let next = self.value()?;
            height = height.max(next.height);
            self.core.keep(&mut all, next.expr, Span::empty(start))?;
        }
        let span = self.span_from(start);
        Ok(self.core.node(span, ExprKind::Array(all), height)?.expr)
    }

    fn assignment_or_call(&mut self, out: &mut Vec<Stmt<'s>>) -> Parsed<()> {
        let start = self.tok().span.start;
        let target = self.values()?;
        if self.at(":") {
            return self.annotated(target, start, out);
        }
        if let Some((_, op)) = UPDATES.iter().find(|(text, _)| self.at(text)) {
            self.bump();
            self.target(&target)?;
            let value = self.value()?.expr;
            return self.push(out, start, StmtKind::Assign { place: target, op: Some(*op), value });
        }
        if self.at("=") {
            return self.assignment(target, start, out);
        }
        if matches!(
            target.kind,
            ExprKind::Call(_) | ExprKind::Method(_) | ExprKind::Struct(_) | ExprKind::Cast(_)
        ) {
            return self.push(out, start, StmtKind::Expr(target));
        }
        Err(self.core.unexpected(target.span, "an assignment or a call", "a value that nothing uses"))
    }

    fn annotated(&mut self, target: Expr<'s>, start: u32, out: &mut Vec<Stmt<'s>>) -> Parsed<()> {
        self.bump();
        let ty = self.annotation()?;
        let ExprKind::Name(text) = target.kind else {
            return Err(self.core.unexpected(target.span, "a name before the annotation", "another place"));
        };
        if ty.is_none() {
            return Err(self.core.unexpected(target.span, "a variable with a value", "`None`"));
        }
        self.variable(Ident { text, span: target.span }, ty)?;
        self.facts.assigned(&target);
        if !self.eat("=") {
            return Ok(());
        }
        let value = self.values()?;
        self.push(out, start, StmtKind::Assign { place: target, op: None, value })
    }

    /// `a = b = value`, `a, b = values`.
    fn assignment(&mut self, first: Expr<'s>, start: u32, out: &mut Vec<Stmt<'s>>) -> Parsed<()> {
        self.bump();
        self.target(&first)?;
        let value = self.values()?;
        if self.at("=") {
            let span = self.tok().span;
            return Err(self.core.outside(span, "two assignments in one line", "write two lines"));
        }
        let ExprKind::Array(places) = first.kind else {
            return self.push(out, start, StmtKind::Assign { place: first, op: None, value });
        };
        // All values are there before the first name changes.
        let span = self.span_from(start);
        let name = Ident { text: VALUES, span: value.span };
        let mut stmts = Vec::new();
        let kind = StmtKind::Let { mutability: Mutability::Let, name, ty: None, value: Some(value) };
        self.core.keep(&mut stmts, Stmt { span, kind }, span)?;
        for (index, place) in places.into_iter().enumerate() {
            let base = self.core.name(name)?.expr;
            let index = self.core.leaf(place.span, ExprKind::Int(index as u64))?.expr;
            let kind = ExprKind::Index { base: Box::new(base), index: Box::new(index) };
            let value = Expr { span: place.span, kind };
            let kind = StmtKind::Assign { place, op: None, value };
            self.core.keep(&mut stmts, Stmt { span, kind }, span)?;
        }
        self.push(out, start, StmtKind::Block(CodeBlock { span, stmts }))
    }

    /// Something is assigned to: names of the function become its variables.
    fn target(&mut self, place: &Expr<'s>) -> Parsed<()> {
        if let ExprKind::Array(places) = &place.kind {
            for place in places {
                self.single_target(place)?;
            }
            return Ok(());
        }
        self.single_target(place)
    }

    fn single_target(&mut self, place: &Expr<'s>) -> Parsed<()> {
        if !place.is_place() {
            let span = place.span;
            self.core.report(codes::NOT_ASSIGNABLE, span, |_| {
                Diagnostic::new(codes::NOT_ASSIGNABLE, span, "this cannot be assigned to")
                    .label("not a place")
                    .expected("a name, a field or an element")
            });
            return Err(Failed);
        }
        self.facts.assigned(place);
        if let ExprKind::Name(text) = place.kind {
            self.variable(Ident { text, span: place.span }, None)?;
        }
        Ok(())
    }

    /// A name that the function assigns to.
    fn variable(&mut self, name: Ident<'s>, ty: Option<Type<'s>>) -> Parsed<()> {
        if self.params.contains(&name.text) {
            return Ok(());
        }
        if let Some(known) = self.variables.iter_mut().find(|variable| variable.name.text == name.text) {
            if known.ty.is_none() {
                known.ty = ty;
            }
            return Ok(());
        }
        if self.variables.len() >= flux_abi::limits::LOCALS {
            return Err(self.core.outside(
                name.span,
                "so many names in one function",
                "write several functions",
            ));
        }
        let variable = Variable { name, ty };
        self.core.keep(&mut self.variables, variable, name.span)
    }
}
