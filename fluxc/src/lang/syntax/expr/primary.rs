//! Operands: literals, names, brackets, and the expressions that hold blocks.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::super::ast::{
    Bound, CodeBlock, Expr, ExprKind, FieldInit, Ident, If, Lambda, Match, MatchArm, MatchPattern,
    MatchPatternKind, Param, Stmt, StmtKind, StructLiteral, UnaryOp,
};
use super::super::lexer::{Mode, Tok};
use super::super::number;
use super::super::parser::{Braces, Newlines, Parsed, Parser, RESERVED, STEP_WORDS, is_one_of};
use crate::diag::codes;
use crate::span::Span;

impl<'s> Parser<'s, '_> {
    pub(super) fn primary(&mut self) -> Parsed<Expr<'s>> {
        if self.mode == Mode::Step {
            self.eat_article();
        }
        let span = self.tok.span;
        self.height = 1;
        let kind = match self.tok.kind {
            Tok::Word => return self.word(),
            Tok::Quote => return self.string(),
            Tok::Number => {
                let text = self.text();
                self.bump();
                match number::value(text) {
                    Ok(kind) => kind,
                    Err(message) => {
                        self.error(codes::BAD_NUMBER, span, message);
                        ExprKind::Invalid
                    }
                }
            }
            Tok::LParen => {
                self.bump();
                let mut expr = self.inner()?;
                self.close(Tok::RParen, "`)`", span)?;
                expr.span = self.span_from(span.start);
                return Ok(expr);
            }
            Tok::LBracket => return self.array(),
            Tok::LBrace => return self.map(),
            Tok::Bar | Tok::BarBar => return self.lambda(),
            _ => return Err(self.unexpected("an expression")),
        };
        Ok(Expr { span, kind })
    }

    fn word(&mut self) -> Parsed<Expr<'s>> {
        let (text, span) = (self.text(), self.tok.span);
        let step = self.mode == Mode::Step;
        let kind = if self.is_word(text, "true") || (step && self.is_word(text, "on")) {
            ExprKind::Bool(true)
        } else if self.is_word(text, "false") || (step && self.is_word(text, "off")) {
            ExprKind::Bool(false)
        } else if self.is_word(text, "none") {
            ExprKind::None
        } else {
            match text {
                "if" if !step || !self.link_follows() => return self.if_expr(),
                "match" if !step => return self.match_expr(),
                "fn" => return self.fn_expr(),
                "_" => return Err(self.unexpected("an expression")),
                _ => {}
            }
            if RESERVED.contains(&text) || (step && is_one_of(text, STEP_WORDS)) {
                return Err(self.unexpected("an expression"));
            }
            if self.braces == Braces::Literal && self.struct_follows() {
                return self.struct_literal();
            }
            ExprKind::Name(text)
        };
        self.bump();
        Ok(Expr { span, kind })
    }

    /// A word that holds the parts of a step together comes next.
    fn link_follows(&self) -> bool {
        let next = self.peek();
        next.kind == Tok::Word && is_one_of(self.text_of(next), STEP_WORDS)
    }

    /// `Name {` on one line.
    fn struct_follows(&self) -> bool {
        self.lexer.brace_follows().unwrap_or_else(|| {
            let next = self.peek();
            next.kind == Tok::LBrace && !next.first_on_line
        })
    }

    fn struct_literal(&mut self) -> Parsed<Expr<'s>> {
        let name = self.name("the name of a struct")?;
        self.struct_fields(name)
    }

    /// The braces of a struct literal.
    pub(super) fn struct_fields(&mut self, name: Ident<'s>) -> Parsed<Expr<'s>> {
        let open = self.expect(Tok::LBrace, "`{`")?.span;
        let literal = self.fields_in_braces(name, open);
        if literal.is_err() {
            self.skip_braces();
        }
        literal
    }

    /// Behind an error in braces, goes on after the brace that closes them if it is on this line.
    fn skip_braces(&mut self) {
        let mut ahead = self.lexer;
        let (mut token, mut depth) = (self.tok, 0_usize);
        loop {
            match token.kind {
                Tok::End => return,
                Tok::LBrace => depth = depth.saturating_add(1),
                Tok::RBrace => match depth.checked_sub(1) {
                    Some(less) => depth = less,
                    None => break,
                },
                _ if token.first_on_line => return,
                _ => {}
            }
            token = ahead.token();
        }
        self.jump(token.span.end);
        if self.mode == Mode::Code {
            self.newlines = Newlines::End;
        }
    }

    fn fields_in_braces(&mut self, name: Ident<'s>, open: Span) -> Parsed<Expr<'s>> {
        let mut fields = Vec::new();
        let mut height = 0;
        while !self.at(Tok::RBrace) {
            let field = self.any_word("the name of a field")?;
            let value = if self.eat(Tok::Colon) {
                self.inner()?
            } else {
                self.height = 1;
                Expr { span: field.span, kind: ExprKind::Name(field.text) }
            };
            height = height.max(self.height);
            self.keep(&mut fields, FieldInit { name: field, value })?;
            if !self.eat(Tok::Comma) && !self.tok.first_on_line {
                break;
            }
        }
        self.close_list(Tok::RBrace, "`}`", open)?;
        self.raise(height)?;
        let span = self.span_from(name.span.start);
        Ok(Expr { span, kind: ExprKind::Struct(Box::new(StructLiteral { name, fields })) })
    }

    fn array(&mut self) -> Parsed<Expr<'s>> {
        let open = self.bump().span;
        if self.eat(Tok::RBracket) {
            self.height = 1;
            return Ok(Expr { span: self.span_from(open.start), kind: ExprKind::Array(Vec::new()) });
        }
        let first = self.inner()?;
        let mut height = self.height;
        let kind = if self.eat(Tok::Semicolon) {
            let count = self.inner()?;
            height = height.max(self.height);
            self.close(Tok::RBracket, "`]`", open)?;
            ExprKind::ArrayRepeat { value: Box::new(first), count: Box::new(count) }
        } else {
            let mut list = Vec::new();
            self.keep(&mut list, first)?;
            if self.eat(Tok::Comma) {
                self.list_into(&mut list, Tok::RBracket, "`]`", open)?;
                height = height.max(self.height);
            } else {
                self.close_list(Tok::RBracket, "`]`", open)?;
            }
            ExprKind::Array(list)
        };
        self.raise(height)?;
        Ok(Expr { span: self.span_from(open.start), kind })
    }

    fn map(&mut self) -> Parsed<Expr<'s>> {
        let open = self.bump().span;
        let mut entries = Vec::new();
        let mut height = 0;
        while !self.at(Tok::RBrace) {
            let key = self.inner()?;
            height = height.max(self.height);
            self.expect(Tok::Colon, "`:` after the key")?;
            let value = self.inner()?;
            height = height.max(self.height);
            self.keep(&mut entries, (key, value))?;
            if !self.eat(Tok::Comma) {
                break;
            }
        }
        self.close_list(Tok::RBrace, "`}`", open)?;
        self.raise(height)?;
        Ok(Expr { span: self.span_from(open.start), kind: ExprKind::Map(entries) })
    }

    /// `|x, y| e`.
    fn lambda(&mut self) -> Parsed<Expr<'s>> {
        let open = self.bump();
        let mut params = Vec::new();
        if open.kind == Tok::Bar {
            while !self.at(Tok::Bar) {
                let name = self.name("the name of a parameter")?;
                let ty = if self.eat(Tok::Colon) { Some(self.ty()?) } else { None };
                self.keep(&mut params, Param { name, ty })?;
                if !self.eat(Tok::Comma) {
                    break;
                }
            }
            self.close_list(Tok::Bar, "`|`", open.span)?;
        }
        let body = if self.at(Tok::LBrace) && self.mode == Mode::Code {
            self.block()?
        } else {
            let value = self.expr()?;
            self.raise(self.height)?;
            self.charge::<Stmt<'_>>(1)?;
            one_expression(value)
        };
        self.raise(self.height)?;
        let span = self.span_from(open.span.start);
        Ok(Expr { span, kind: ExprKind::Lambda(Box::new(Lambda { params, ret: None, body })) })
    }

    /// `fn(x: int) -> int { … }`.
    fn fn_expr(&mut self) -> Parsed<Expr<'s>> {
        let start = self.bump().span.start;
        let params = self.params()?;
        let ret = if self.eat(Tok::Arrow) { Some(self.ty()?) } else { None };
        let body = self.block()?;
        self.raise(self.height)?;
        let span = self.span_from(start);
        Ok(Expr { span, kind: ExprKind::Lambda(Box::new(Lambda { params, ret, body })) })
    }

    fn if_expr(&mut self) -> Parsed<Expr<'s>> {
        self.enter()?;
        let result = self.if_inner();
        self.leave();
        result
    }

    fn if_inner(&mut self) -> Parsed<Expr<'s>> {
        let start = self.bump().span.start;
        let cond = self.before_block()?;
        let mut height = self.height;
        let then = self.branch()?;
        height = height.max(self.height);
        let otherwise = if self.eat_word("else") {
            let block = if self.at_word("if") {
                let nested = self.if_expr()?;
                self.raise(self.height)?;
                self.charge::<Stmt<'_>>(1)?;
                one_expression(nested)
            } else {
                self.branch()?
            };
            height = height.max(self.height);
            Some(block)
        } else {
            None
        };
        self.raise(height)?;
        let span = self.span_from(start);
        Ok(Expr { span, kind: ExprKind::If(Box::new(If { cond, then, otherwise })) })
    }

    /// A branch of an `if` expression; steps act, so in a step it is one expression.
    fn branch(&mut self) -> Parsed<CodeBlock<'s>> {
        if self.mode == Mode::Code {
            return self.block();
        }
        let open = self.expect(Tok::LBrace, "`{`")?.span;
        let value = self.inner()?;
        self.close(Tok::RBrace, "`}`", open)?;
        self.charge::<Stmt<'_>>(1)?;
        Ok(one_expression(value))
    }

    fn match_expr(&mut self) -> Parsed<Expr<'s>> {
        self.enter()?;
        let result = self.match_inner();
        self.leave();
        result
    }

    fn match_inner(&mut self) -> Parsed<Expr<'s>> {
        let start = self.bump().span.start;
        let value = self.before_block()?;
        let mut height = self.height;
        let open = self.expect(Tok::LBrace, "`{`")?.span;
        let (newlines, braces) = (self.newlines, self.braces);
        let mut arms = Vec::new();
        while !self.at(Tok::RBrace) && !self.at_end() {
            self.newlines = Newlines::End;
            self.braces = Braces::Literal;
            let arm = self.arm().and_then(|arm| self.keep(&mut arms, arm));
            if arm.is_err() {
                self.next_line();
            }
            height = height.max(self.height);
            if !self.eat(Tok::Comma) && !self.tok.first_on_line && !self.at(Tok::RBrace) {
                self.unexpected("`,` or the next line after the arm");
                self.next_line();
            }
        }
        self.newlines = newlines;
        self.braces = braces;
        self.close(Tok::RBrace, "`}`", open)?;
        self.sink.fit(&mut arms);
        self.raise(height)?;
        let span = self.span_from(start);
        Ok(Expr { span, kind: ExprKind::Match(Box::new(Match { value, arms })) })
    }

    fn arm(&mut self) -> Parsed<MatchArm<'s>> {
        let start = self.tok.span.start;
        let mut patterns = Vec::new();
        loop {
            let pattern = self.pattern()?;
            self.keep(&mut patterns, pattern)?;
            if !self.eat(Tok::Bar) {
                break;
            }
        }
        let mut height = 0;
        let guard = if self.eat_word("if") {
            let guard = self.expr()?;
            height = self.height;
            Some(guard)
        } else {
            None
        };
        self.expect(Tok::FatArrow, "`=>` after the pattern")?;
        let body = if self.at(Tok::LBrace) {
            self.block()?
        } else {
            let stmt = self.statement()?;
            self.raise(self.height)?;
            self.charge::<Stmt<'_>>(1)?;
            CodeBlock { span: stmt.span, stmts: Vec::from([stmt]) }
        };
        self.height = self.height.max(height);
        Ok(MatchArm { span: self.span_from(start), patterns, guard, body })
    }

    fn pattern(&mut self) -> Parsed<MatchPattern<'s>> {
        let start = self.tok.span.start;
        let kind = match self.tok.kind {
            Tok::Word if self.at_word("_") => {
                self.bump();
                MatchPatternKind::Wildcard
            }
            Tok::Word if self.at_word("none") => {
                self.bump();
                MatchPatternKind::None
            }
            Tok::Word if !self.at_word("true") && !self.at_word("false") => self.variant()?,
            _ => {
                let first = self.literal()?;
                let bound = match self.tok.kind {
                    Tok::DotDot => Some(Bound::Exclusive),
                    Tok::DotDotEq => Some(Bound::Inclusive),
                    _ => None,
                };
                match bound {
                    Some(bound) => {
                        self.bump();
                        MatchPatternKind::Range(first, self.literal()?, bound)
                    }
                    None => MatchPatternKind::Literal(first),
                }
            }
        };
        Ok(MatchPattern { span: self.span_from(start), kind })
    }

    fn literal(&mut self) -> Parsed<Expr<'s>> {
        let literal = match self.tok.kind {
            Tok::Minus => self.peek().kind == Tok::Number,
            Tok::Number | Tok::Quote | Tok::Word => true,
            _ => false,
        };
        if literal { self.prefix_literal() } else { Err(self.unexpected("a pattern")) }
    }

    fn prefix_literal(&mut self) -> Parsed<Expr<'s>> {
        if self.at(Tok::Minus) {
            let start = self.bump().span;
            let operand = self.primary()?;
            return self.unary(start, UnaryOp::Neg, operand);
        }
        self.primary()
    }

    fn variant(&mut self) -> Parsed<MatchPatternKind<'s>> {
        let mut name = self.name("a pattern")?;
        let mut of = None;
        let dotted = self.at(Tok::Dot) || (self.at(Tok::Colon) && self.double_colon());
        if dotted {
            if self.bump().kind == Tok::Colon {
                self.bump();
            }
            of = Some(name);
            name = self.any_word("the name of a variant")?;
            if let Some(library) = of
                && self.eat(Tok::Dot)
            {
                let span = library.span.to(name.span);
                of = Some(Ident { text: span.text(self.source), span });
                name = self.any_word("the name of a variant")?;
            }
        }
        let payload = if self.at(Tok::LParen) { Some(self.payload_patterns()?) } else { None };
        Ok(MatchPatternKind::Variant { of, name, payload })
    }

    /// `(over, _)` after the name of a variant.
    fn payload_patterns(&mut self) -> Parsed<Vec<MatchPattern<'s>>> {
        let open = self.bump().span;
        self.enter()?;
        let newlines = self.newlines;
        self.newlines = Newlines::Space;
        let mut patterns = Vec::new();
        let mut read = Ok(());
        while read.is_ok() && !self.at(Tok::RParen) {
            read = self.pattern().and_then(|pattern| self.keep(&mut patterns, pattern));
            if !self.eat(Tok::Comma) {
                break;
            }
        }
        self.newlines = newlines;
        self.leave();
        read?;
        self.close_list(Tok::RParen, "`)`", open)?;
        Ok(patterns)
    }
}

/// A block whose value is one expression.
fn one_expression(value: Expr<'_>) -> CodeBlock<'_> {
    let span = value.span;
    CodeBlock { span, stmts: Vec::from([Stmt { span, kind: StmtKind::Expr(value) }]) }
}
