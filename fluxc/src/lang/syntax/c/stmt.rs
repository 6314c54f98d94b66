//! Statements of C.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::super::ast::{
    BinaryOp, CodeBlock, Expr, ExprKind, Ident, If, Loop, LoopTest, Mutability, Stmt, StmtKind, SwitchCase,
    Type, TypeKind,
};
use super::super::foreign::Node;
use super::super::parser::{Failed, Parsed};
use super::lexer::Tok;
use super::types::{Place, Storage};
use super::{Parser, library};
use crate::diag::{Diagnostic, codes};
use crate::span::Span;

/// Compound assignments.
const UPDATES: &[(&str, BinaryOp)] = &[
    ("+=", BinaryOp::Add),
    ("-=", BinaryOp::Sub),
    ("*=", BinaryOp::Mul),
    ("/=", BinaryOp::Div),
    ("%=", BinaryOp::Rem),
    ("&=", BinaryOp::BitAnd),
    ("|=", BinaryOp::BitOr),
    ("^=", BinaryOp::BitXor),
    ("<<=", BinaryOp::Shl),
    (">>=", BinaryOp::Shr),
];

impl<'s> Parser<'s, '_, '_> {
    /// `{ … }`.
    pub(super) fn block(&mut self) -> Parsed<CodeBlock<'s>> {
        let open = self.expect("{", "`{`")?;
        self.core.enter(open)?;
        let mut stmts = Vec::new();
        while !self.at("}") {
            if self.at_end() {
                self.core.leave();
                self.unclosed(open);
                return Err(Failed);
            }
            if self.core.sink.is_spent() {
                return Err(Failed);
            }
            let start = self.tok.span.start;
            let mark = self.core.mark();
            if self.statement(&mut stmts).is_err() {
                self.core.reset(mark);
                self.core.lost(&mut stmts, self.tok.span);
                self.recover_statement();
                if self.tok.span.start == start && !self.at("}") && !self.at_end() {
                    self.bump();
                }
            }
        }
        let close = self.bump().span;
        self.core.leave();
        self.core.sink.fit(&mut stmts);
        Ok(CodeBlock { span: open.to(close), stmts })
    }

    fn unclosed(&mut self, open: Span) {
        let span = self.tok.span;
        self.core.report(codes::UNCLOSED, span, |_| {
            Diagnostic::new(codes::UNCLOSED, span, "the block ends before `}`")
                .label("expected `}`")
                .secondary(open, "opened here")
                .expected("`}`")
        });
    }

    fn push(&mut self, stmts: &mut Vec<Stmt<'s>>, start: u32, kind: StmtKind<'s>) -> Parsed<()> {
        let span = self.span_from(start);
        self.core.keep(stmts, Stmt { span, kind }, span)
    }

    /// One statement; a declaration of several names is several.
    fn statement(&mut self, out: &mut Vec<Stmt<'s>>) -> Parsed<()> {
        let start = self.tok.span.start;
        if self.at("#") {
            return self.directive();
        }
        if self.begins_type(self.tok) && !self.is_label() {
            return self.locals(out);
        }
        let word = if matches!(self.tok.kind, Tok::Word | Tok::Punct) { self.text() } else { "" };
        match word {
            "{" => {
                let block = self.block()?;
                self.push(out, start, StmtKind::Block(block))
            }
            ";" => {
                self.bump();
                Ok(())
            }
            "if" => {
                let choice = self.if_statement()?;
                self.push(out, start, StmtKind::Expr(choice))
            }
            "while" => {
                self.bump();
                let cond = self.condition()?;
                let body = self.body()?;
                self.push(out, start, StmtKind::While { cond, body })
            }
            "do" => self.do_statement(out, start),
            "for" => self.for_statement(out, start),
            "switch" => self.switch_statement(out, start),
            "break" | "continue" => {
                self.bump();
                self.semicolon()?;
                let kind = if word == "break" { StmtKind::Break } else { StmtKind::Continue };
                self.push(out, start, kind)
            }
            "return" => {
                self.bump();
                let value = if self.at(";") { None } else { Some(self.value()?.expr) };
                self.semicolon()?;
                self.push(out, start, StmtKind::Return(value))
            }
            "goto" => {
                let span = self.tok.span;
                Err(self.core.outside(span, "`goto`", "use a loop with `break`, or a function with `return`"))
            }
            "case" | "default" => {
                let span = self.tok.span;
                Err(self.core.unexpected(span, "a statement", "a label outside `switch`"))
            }
            _ if self.is_label() => {
                let span = self.tok.span;
                Err(self.core.outside(span, "a label", "use a loop with `break`"))
            }
            _ => {
                self.expression_statement(out)?;
                self.semicolon()
            }
        }
    }

    fn is_label(&self) -> bool {
        self.tok.kind == Tok::Word
            && !library::KEYWORDS.contains(&self.text())
            && self.core.text(self.peek().span) == ":"
    }

    /// The statement under `if`, `while` and the like, as a block.
    fn body(&mut self) -> Parsed<CodeBlock<'s>> {
        if self.at("{") {
            return self.block();
        }
        let start = self.tok.span;
        self.core.enter(start)?;
        let mut stmts = Vec::new();
        let result = self.statement(&mut stmts);
        self.core.leave();
        result?;
        Ok(CodeBlock { span: self.span_from(start.start), stmts })
    }

    fn condition(&mut self) -> Parsed<Expr<'s>> {
        self.expect("(", "`(` and a condition")?;
        let cond = self.value()?;
        if self.at("=") {
            return Err(self.assignment_inside());
        }
        self.expect(")", "`)`")?;
        Ok(cond.expr)
    }

    fn if_statement(&mut self) -> Parsed<Expr<'s>> {
        let start = self.bump().span;
        self.core.enter(start)?;
        let result = self.if_parts(start);
        self.core.leave();
        result
    }

    fn if_parts(&mut self, start: Span) -> Parsed<Expr<'s>> {
        let cond = self.condition()?;
        let then = self.body()?;
        let otherwise = if self.eat("else") {
            if self.at("if") {
                let inner = self.if_statement()?;
                let span = inner.span;
                Some(CodeBlock { span, stmts: alloc::vec![Stmt { span, kind: StmtKind::Expr(inner) }] })
            } else {
                Some(self.body()?)
            }
        } else {
            None
        };
        let span = self.span_from(start.start);
        Ok(Expr { span, kind: ExprKind::If(Box::new(If { cond, then, otherwise })) })
    }

    fn do_statement(&mut self, out: &mut Vec<Stmt<'s>>, start: u32) -> Parsed<()> {
        self.bump();
        let body = self.body()?;
        self.expect("while", "`while` and the condition")?;
        let cond = Some(self.condition()?);
        self.semicolon()?;
        let step = CodeBlock { span: Span::empty(self.before), stmts: Vec::new() };
        let parts = Loop { init: Vec::new(), cond, test: LoopTest::After, body, step };
        self.push(out, start, StmtKind::Loop(Box::new(parts)))
    }

    fn for_statement(&mut self, out: &mut Vec<Stmt<'s>>, start: u32) -> Parsed<()> {
        self.bump();
        self.expect("(", "`(`")?;
        let mut init = Vec::new();
        if self.begins_type(self.tok) {
            self.locals(&mut init)?;
        } else {
            if !self.at(";") {
                self.expression_list(&mut init)?;
            }
            self.semicolon()?;
        }
        let cond = if self.at(";") { None } else { Some(self.value()?.expr) };
        self.semicolon()?;
        let step_start = self.tok.span.start;
        let mut step = Vec::new();
        if !self.at(")") {
            self.expression_list(&mut step)?;
        }
        let step = CodeBlock { span: self.span_from(step_start), stmts: step };
        self.expect(")", "`)`")?;
        let body = self.body()?;
        let parts = Loop { init, cond, test: LoopTest::Before, body, step };
        self.push(out, start, StmtKind::Loop(Box::new(parts)))
    }

    fn switch_statement(&mut self, out: &mut Vec<Stmt<'s>>, start: u32) -> Parsed<()> {
        self.bump();
        let value = self.condition()?;
        let open = self.expect("{", "`{`")?;
        self.core.enter(open)?;
        let mut cases: Vec<SwitchCase<'s>> = Vec::new();
        while !self.at("}") {
            if self.at_end() {
                self.unclosed(open);
                return Err(Failed);
            }
            if !self.at_any(&["case", "default"]) {
                return Err(self.unexpected("`case`, `default` or `}`"));
            }
            let case = self.case()?;
            let span = case.span;
            self.core.keep(&mut cases, case, span)?;
        }
        self.bump();
        self.core.leave();
        self.push(out, start, StmtKind::Switch { value, cases })
    }

    fn case(&mut self) -> Parsed<SwitchCase<'s>> {
        let start = self.tok.span.start;
        let mut labels = Vec::new();
        let mut default = None;
        while self.at_any(&["case", "default"]) {
            let token = self.bump();
            if self.core.text(token.span) == "default" {
                default = Some(token.span);
            } else {
                let label = self.ternary()?.expr;
                self.core.keep(&mut labels, label, token.span)?;
            }
            self.expect(":", "`:`")?;
        }
        let body_start = self.tok.span.start;
        let mut stmts = Vec::new();
        while !self.at_any(&["case", "default", "}"]) && !self.at_end() {
            let at = self.tok.span.start;
            let mark = self.core.mark();
            if self.statement(&mut stmts).is_err() {
                self.core.reset(mark);
                self.core.lost(&mut stmts, self.tok.span);
                self.recover_statement();
                if self.tok.span.start == at {
                    return Err(Failed);
                }
            }
        }
        // Braces around all of a case are no scope of their own.
        if let [Stmt { kind: StmtKind::Block(_), .. }] = stmts.as_slice()
            && let Some(Stmt { kind: StmtKind::Block(block), .. }) = stmts.pop()
        {
            stmts = block.stmts;
        }
        let body = CodeBlock { span: self.span_from(body_start), stmts };
        Ok(SwitchCase { span: self.span_from(start), labels, default, body })
    }

    /// `int a = 1, b;`
    fn locals(&mut self, out: &mut Vec<Stmt<'s>>) -> Parsed<()> {
        let start = self.tok.span.start;
        let specifiers = self.specifiers()?;
        if specifiers.storage == Storage::Typedef || specifiers.declares || specifiers.nameless.is_some() {
            return Err(self.core.outside(
                specifiers.span,
                "a type inside a function",
                "declare it outside the function",
            ));
        }
        if specifiers.storage == Storage::Static && !specifiers.constant {
            return Err(self.core.outside(
                specifiers.span,
                "a variable that outlives the call",
                "hand it over as a parameter, or keep it in `## State`",
            ));
        }
        loop {
            let at = self.tok.span.start;
            let declarator = self.declarator(&specifiers, Place::Variable)?;
            let name = declarator.name;
            let (value, kind) = if self.eat("=") {
                let (value, kind) = self.initial_value(declarator)?;
                (Some(value), kind)
            } else if declarator.open_array {
                return Err(self.unexpected("`=` and the elements"));
            } else {
                (self.unset(&declarator.kind, name), declarator.kind)
            };
            let mutability = if specifiers.constant && !matches!(kind, TypeKind::Name("str")) {
                Mutability::Let
            } else {
                Mutability::Var
            };
            let ty = Some(Box::new(Type { span: specifiers.span, kind }));
            let kind = StmtKind::Let { mutability, name, ty, value };
            self.push(out, at.min(start.max(at)), kind)?;
            if !self.eat(",") {
                break;
            }
        }
        self.semicolon()
    }

    /// Arrays and structs begin as zeros; a number without a value must get one before it is read.
    fn unset(&self, kind: &TypeKind<'s>, name: Ident<'s>) -> Option<Expr<'s>> {
        const PLAIN: &[&str] =
            &["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "bool", "str"];
        match kind {
            TypeKind::Name(plain) if PLAIN.contains(plain) => None,
            _ => Some(Expr { span: name.span, kind: ExprKind::Initializer(Vec::new()) }),
        }
    }

    /// Expressions for what they do, with commas between them.
    fn expression_list(&mut self, out: &mut Vec<Stmt<'s>>) -> Parsed<()> {
        loop {
            self.expression_statement(out)?;
            if !self.eat(",") {
                return Ok(());
            }
        }
    }

    /// An assignment, `x++`, or a call.
    fn expression_statement(&mut self, out: &mut Vec<Stmt<'s>>) -> Parsed<()> {
        let start = self.tok.span.start;
        if self.at_any(&["++", "--"]) {
            let token = self.bump();
            let place = self.unary()?;
            return self.step_by_one(token.span, place, start, out);
        }
        let place = self.ternary()?;
        if self.at_any(&["++", "--"]) {
            let token = self.bump();
            return self.step_by_one(token.span, place, start, out);
        }
        if self.at("=") {
            return self.assignment(place, start, out);
        }
        if let Some((_, op)) = UPDATES.iter().find(|(text, _)| self.at(text)) {
            self.bump();
            self.need_place(&place.expr)?;
            let value = self.value()?.expr;
            let kind = StmtKind::Assign { place: place.expr, op: Some(*op), value };
            return self.push(out, start, kind);
        }
        if !matches!(place.expr.kind, ExprKind::Call(_) | ExprKind::Method(_) | ExprKind::Cast(_)) {
            let span = place.expr.span;
            return Err(self.core.unexpected(span, "an assignment or a call", "a value that nothing uses"));
        }
        self.push(out, start, StmtKind::Expr(place.expr))
    }

    /// `a = b = value`: from the right to the left.
    fn assignment(&mut self, first: Node<'s>, start: u32, out: &mut Vec<Stmt<'s>>) -> Parsed<()> {
        let mut places: Vec<Expr<'s>> = Vec::new();
        let mut value = first.expr;
        while self.eat("=") {
            self.need_place(&value)?;
            let span = value.span;
            self.core.keep(&mut places, value, span)?;
            if places.len() > 16 {
                return Err(self.unexpected("at most 16 assignments in one statement"));
            }
            value = self.value_or_braces()?.expr;
        }
        while let Some(place) = places.pop() {
            let next = place.clone();
            self.push(out, start, StmtKind::Assign { place, op: None, value })?;
            value = next;
        }
        Ok(())
    }

    fn step_by_one(
        &mut self,
        op_span: Span,
        place: Node<'s>,
        start: u32,
        out: &mut Vec<Stmt<'s>>,
    ) -> Parsed<()> {
        self.need_place(&place.expr)?;
        let op = if self.core.text(op_span) == "++" { BinaryOp::Add } else { BinaryOp::Sub };
        let value = self.core.leaf(op_span, ExprKind::Int(1))?.expr;
        self.push(out, start, StmtKind::Assign { place: place.expr, op: Some(op), value })
    }

    fn need_place(&mut self, place: &Expr<'s>) -> Parsed<()> {
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
        Ok(())
    }
}
