//! Statements and declarations of the code language.

use alloc::format;
use alloc::vec::Vec;

use flux_abi::limits;

use super::ast::{
    BinaryOp, CodeBlock, Dialect, Expr, ExprKind, Field, FnDecl, Ident, Item, ItemKind, Mutability, Param,
    Stmt, StmtKind, Variant,
};
use super::forms::Keyword;
use super::habits::{self, Instead};
use super::lexer::Tok;
use super::parser::{Braces, Failed, Newlines, Parsed, Parser, RESERVED};
use crate::diag::{Diagnostic, codes};
use crate::span::Span;
use alloc::boxed::Box;

const DECLARATIONS: &[&str] = &["const", "struct", "enum", "fn"];

impl<'s> Parser<'s, '_> {
    // ------------------------------------------------------------ statements

    /// The statements of a whole piece of code.
    pub(super) fn statements(&mut self) -> CodeBlock<'s> {
        let start = self.tok.span.start;
        let mut stmts = Vec::new();
        loop {
            self.statements_into(&mut stmts);
            if self.at_end() {
                self.sink.fit(&mut stmts);
                return CodeBlock { span: self.span_from(start), stmts };
            }
            let span = self.tok.span;
            self.report(codes::UNEXPECTED_TOKEN, span, || {
                Diagnostic::new(codes::UNEXPECTED_TOKEN, span, "this bracket closes nothing")
                    .label("no bracket is open here")
                    .replace("take it out", span, "")
            });
            self.bump();
        }
    }

    /// `{ … }`.
    pub(super) fn block(&mut self) -> Parsed<CodeBlock<'s>> {
        let open = self.expect(Tok::LBrace, "`{`")?.span;
        self.enter()?;
        let (newlines, braces) = (self.newlines, self.braces);
        let mut stmts = Vec::new();
        let height = self.statements_into(&mut stmts);
        self.newlines = newlines;
        self.braces = braces;
        self.leave();
        self.sink.fit(&mut stmts);
        self.close(Tok::RBrace, "`}`", open)?;
        self.raise(height)?;
        Ok(CodeBlock { span: self.span_from(open.start), stmts })
    }

    /// Statements up to a closing brace or the end; the greatest height of one.
    fn statements_into(&mut self, stmts: &mut Vec<Stmt<'s>>) -> usize {
        let mut height = 0_usize;
        while !self.at(Tok::RBrace) && !self.at_end() {
            self.newlines = Newlines::End;
            self.braces = Braces::Literal;
            if self.eat(Tok::Semicolon) {
                continue;
            }
            let start = self.tok.span;
            self.height = 0;
            if self.at(Tok::Minus) && !stmts.is_empty() {
                self.report(codes::UNEXPECTED_TOKEN, start, || {
                    Diagnostic::new(codes::UNEXPECTED_TOKEN, start, "a statement begins with `-`")
                        .hint("to go on with the line before, end that line with the operator")
                });
            }
            let result = self.statement().and_then(|stmt| {
                let ends = self.end_of_statement();
                // Of a statement that goes on strangely only the name it introduces is worth keeping.
                if ends.is_ok() || matches!(stmt.kind, StmtKind::Let { .. }) {
                    self.keep(stmts, stmt)?;
                }
                ends
            });
            height = height.max(self.height);
            if result.is_err() && !self.at_end() {
                let goes_on = self.tok.span != start && self.at_new_line();
                if self.tok.span == start {
                    self.bump();
                }
                if !goes_on {
                    self.next_line();
                }
            }
        }
        height
    }

    fn end_of_statement(&mut self) -> Parsed<()> {
        let ends = self.tok.first_on_line
            || matches!(self.tok.kind, Tok::RBrace | Tok::End | Tok::Semicolon)
            || (self.at(Tok::Word) && self.after_brace());
        if ends { Ok(()) } else { Err(self.unexpected("the end of the line after the statement")) }
    }

    /// Tells whether the statement before ends with a block, which needs no line end after it.
    fn after_brace(&self) -> bool {
        let before = self.source.get(..self.tok.span.start as usize).unwrap_or("");
        before.trim_end_matches([' ', '\t']).ends_with('}')
    }

    /// Goes to the next line of the block that the error is in.
    pub(super) fn next_line(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.tok.kind {
                Tok::End => return,
                Tok::LBrace => depth = depth.saturating_add(1),
                Tok::RBrace => match depth.checked_sub(1) {
                    Some(less) => depth = less,
                    None => return,
                },
                _ => {}
            }
            self.bump();
            if depth == 0 && self.tok.first_on_line {
                return;
            }
        }
    }

    /// A statement, without what ends it; leaves its height.
    pub(super) fn statement(&mut self) -> Parsed<Stmt<'s>> {
        let start = self.tok.span.start;
        let kind = if self.at(Tok::Word) { self.keyword_statement()? } else { None };
        let kind = match kind {
            Some(kind) => kind,
            None => self.plain_statement()?,
        };
        Ok(Stmt { span: self.span_from(start), kind })
    }

    fn keyword_statement(&mut self) -> Parsed<Option<StmtKind<'s>>> {
        let kind = match self.text() {
            "let" => self.local(Mutability::Let)?,
            "var" => self.local(Mutability::Var)?,
            "while" => {
                self.bump();
                let cond = self.condition()?;
                let height = self.height;
                let body = self.block()?;
                self.raise(height.max(self.height))?;
                StmtKind::While { cond, body }
            }
            "for" => {
                self.bump();
                let name = self.name("the name of the variable")?;
                if !self.eat_word("in") {
                    return Err(self.unexpected("`in`"));
                }
                let iter = self.condition()?;
                let height = self.height;
                let body = self.block()?;
                self.raise(height.max(self.height))?;
                StmtKind::For { name, iter: Box::new(iter), body }
            }
            "break" => {
                self.bump();
                StmtKind::Break
            }
            "continue" => {
                self.bump();
                StmtKind::Continue
            }
            "return" => {
                self.bump();
                let ends = self.tok.first_on_line
                    || matches!(self.tok.kind, Tok::RBrace | Tok::End | Tok::Semicolon | Tok::Comma);
                StmtKind::Return(if ends { None } else { Some(self.expr()?) })
            }
            "expect" => {
                self.bump();
                let cond = self.expr()?;
                let height = self.height;
                let message = if self.eat(Tok::Comma) { Some(self.expr()?) } else { None };
                self.height = height.max(self.height);
                StmtKind::Expect { cond, message }
            }
            "fn" if self.peek().kind == Tok::LParen => return Ok(None),
            word if DECLARATIONS.contains(&word) => return Err(self.declaration_here()),
            word if self.is_foreign_statement(word) => return Err(self.foreign_statement(word)),
            _ => return Ok(None),
        };
        Ok(Some(kind))
    }

    /// Tells whether a statement of another language, or a step, begins with `word`: two operands
    /// stand beside each other.
    fn is_foreign_statement(&self, word: &str) -> bool {
        let next = self.peek();
        if next.first_on_line {
            return false;
        }
        let operand = matches!(next.kind, Tok::Word | Tok::Number | Tok::Quote);
        let operand = operand && !matches!(self.text_of(next), "and" | "or" | "as" | "not" | "is" | "xor");
        let bracket = matches!(next.kind, Tok::LBrace | Tok::LParen | Tok::Colon);
        match habits::statement(word) {
            Some(_) if word == "loop" || word == "switch" || word == "do" || word == "try" => {
                operand || bracket
            }
            Some(_) => operand,
            None => operand && Keyword::of(word).is_some() && !RESERVED.contains(&word),
        }
    }

    fn foreign_statement(&mut self, word: &str) -> Failed {
        let span = self.tok.span;
        self.report(codes::UNEXPECTED_TOKEN, span, || {
            let row = Diagnostic::new(
                codes::UNEXPECTED_TOKEN,
                span,
                format!("no statement begins with `{word}`"),
            )
            .label("not a statement")
            .expected(
                "`let`, `var`, `if`, `while`, `for`, `match`, `return`, `expect`, an assignment or a call",
            );
            match habits::statement(word) {
                Some(Instead::Word(words, text)) => row.replace(words, span, text),
                Some(Instead::Words(words)) => row.hint(words),
                None => {
                    row.hint("steps act, code computes: this belongs in a step, without backticks or fence")
                }
            }
        });
        Failed
    }

    /// A declaration where statements stand: reported, then skipped as a whole.
    fn declaration_here(&mut self) -> Failed {
        let (span, word) = (self.tok.span, self.text());
        self.report(codes::STATEMENT_EXPECTED, span, || {
            let hint = if word == "const" {
                "for a local constant write `let`"
            } else {
                "put it into a `flux` fence under `## Types`, or under a heading `## fn: …`"
            };
            Diagnostic::new(
                codes::STATEMENT_EXPECTED,
                span,
                format!("`{word}` declares something, but statements stand here"),
            )
            .hint(hint)
        });
        // An error inside it is reported too.
        let _ = self.item(&mut Vec::new());
        Failed
    }

    fn local(&mut self, mutability: Mutability) -> Parsed<StmtKind<'s>> {
        let keyword = self.bump().span;
        if self.at_word("mut") && self.peek().kind == Tok::Word {
            let span = keyword.to(self.tok.span);
            self.report(codes::UNEXPECTED_TOKEN, span, || {
                Diagnostic::new(
                    codes::UNEXPECTED_TOKEN,
                    span,
                    "a variable that changes is introduced with `var`",
                )
                .replace("write `var`", span, "var")
            });
            self.bump();
        }
        let name = self.name("the name of the variable")?;
        let ty = if self.eat(Tok::Colon) { Some(Box::new(self.ty()?)) } else { None };
        self.height = 0;
        let value = if self.eat(Tok::Eq) {
            Some(self.expr()?)
        } else if mutability == Mutability::Var && ty.is_some() {
            None
        } else {
            return Err(self.unexpected("`=` and a value"));
        };
        Ok(StmtKind::Let { mutability, name, ty, value })
    }

    fn plain_statement(&mut self) -> Parsed<StmtKind<'s>> {
        let expr = self.expr()?;
        let height = self.height;
        if self.at_new_line() {
            return Ok(StmtKind::Expr(expr));
        }
        let op = match self.tok.kind {
            Tok::Eq => None,
            Tok::PlusEq => Some(BinaryOp::Add),
            Tok::MinusEq => Some(BinaryOp::Sub),
            Tok::StarEq => Some(BinaryOp::Mul),
            Tok::SlashEq => Some(BinaryOp::Div),
            Tok::PercentEq => Some(BinaryOp::Rem),
            _ => return Ok(StmtKind::Expr(expr)),
        };
        self.check_place(&expr)?;
        self.bump();
        let value = self.expr()?;
        self.height = height.max(self.height);
        Ok(StmtKind::Assign { place: expr, op, value })
    }

    // ------------------------------------------------------------ declarations

    /// The declarations of a whole piece of code.
    pub(super) fn items(&mut self, items: &mut Vec<Item<'s>>) {
        while !self.at_end() {
            self.newlines = Newlines::End;
            self.braces = Braces::Literal;
            if self.eat(Tok::Semicolon) {
                continue;
            }
            if self.at(Tok::Word) && DECLARATIONS.contains(&self.text()) {
                if self.item(items).is_ok() {
                    continue;
                }
            } else {
                let span = self.tok.span;
                let found = self.found();
                self.report(codes::DECLARATION_EXPECTED, span, || {
                    Diagnostic::new(
                        codes::DECLARATION_EXPECTED,
                        span,
                        format!("expected a declaration, found {found}"),
                    )
                    .expected("const, struct, enum or fn")
                    .found(found)
                    .hint("statements stand in the steps of a section or in a function")
                });
                self.bump();
            }
            self.next_declaration();
        }
    }

    /// Goes on to a line that begins with the keyword of a declaration.
    fn next_declaration(&mut self) {
        while !self.at_end() {
            if self.tok.first_on_line && self.at(Tok::Word) && DECLARATIONS.contains(&self.text()) {
                return;
            }
            self.bump();
        }
    }

    /// A declaration. One that is not understood is kept by its name, so that its uses are no errors.
    fn item(&mut self, items: &mut Vec<Item<'s>>) -> Parsed<()> {
        let start = self.tok.span.start;
        let keyword = self.text();
        self.bump();
        let mut result = Ok(());
        let kind = match keyword {
            "fn" => ItemKind::Fn(self.fn_item()?),
            _ => {
                let name = self.name(match keyword {
                    "const" => "the name of the constant",
                    "struct" => "the name of the struct",
                    _ => "the name of the enum",
                })?;
                let kind = match keyword {
                    "const" => self.const_item(name),
                    "struct" => self.struct_item(name),
                    _ => self.enum_item(name),
                };
                kind.unwrap_or_else(|failed| {
                    result = Err(failed);
                    let value = Expr { kind: ExprKind::Invalid, span: name.span };
                    match keyword {
                        "const" => ItemKind::Const { name, ty: None, value, dialect: Dialect::Flux },
                        _ => ItemKind::InvalidType { name },
                    }
                })
            }
        };
        self.keep(items, Item { span: self.span_from(start), kind })?;
        result?;
        if !self.tok.first_on_line && !matches!(self.tok.kind, Tok::Semicolon | Tok::End) {
            return Err(self.unexpected("the end of the line after the declaration"));
        }
        Ok(())
    }

    fn const_item(&mut self, name: Ident<'s>) -> Parsed<ItemKind<'s>> {
        let ty = if self.eat(Tok::Colon) { Some(self.ty()?) } else { None };
        self.expect(Tok::Eq, "`=` and a value")?;
        let value = self.expr()?;
        Ok(ItemKind::Const { name, ty, value, dialect: Dialect::Flux })
    }

    fn struct_item(&mut self, name: Ident<'s>) -> Parsed<ItemKind<'s>> {
        let open = self.expect(Tok::LBrace, "`{`")?.span;
        let mut fields = Vec::new();
        while !self.at(Tok::RBrace) {
            let name = self.any_word("the name of a field")?;
            self.expect(Tok::Colon, "`:` and the type of the field")?;
            let ty = self.ty()?;
            self.keep(&mut fields, Field { name, ty })?;
            if !self.eat(Tok::Comma) && !self.tok.first_on_line {
                break;
            }
        }
        self.close_list(Tok::RBrace, "`}`", open)?;
        Ok(ItemKind::Struct { name, fields })
    }

    fn enum_item(&mut self, name: Ident<'s>) -> Parsed<ItemKind<'s>> {
        let open = self.expect(Tok::LBrace, "`{`")?.span;
        let mut variants = Vec::new();
        while !self.at(Tok::RBrace) {
            let name = self.name("the name of a variant")?;
            let mut payload = Vec::new();
            if self.at(Tok::LParen) {
                let open = self.bump().span;
                while !self.at(Tok::RParen) {
                    let ty = self.ty()?;
                    self.keep(&mut payload, ty)?;
                    if !self.eat(Tok::Comma) {
                        break;
                    }
                }
                self.close_list(Tok::RParen, "`)`", open)?;
            }
            self.keep(&mut variants, Variant { name, payload })?;
            if !self.eat(Tok::Comma) && !self.tok.first_on_line {
                break;
            }
        }
        self.close_list(Tok::RBrace, "`}`", open)?;
        Ok(ItemKind::Enum { name, variants })
    }

    fn fn_item(&mut self) -> Parsed<FnDecl<'s>> {
        let mut decl = self.signature()?;
        decl.body = self.block()?;
        Ok(decl)
    }

    /// `name(a: T) -> R`; the body is empty yet.
    pub(super) fn signature(&mut self) -> Parsed<FnDecl<'s>> {
        let name = self.name("the name of the function")?;
        let params = self.params()?;
        for param in &params {
            if param.ty.is_none() {
                let span = param.name.span;
                self.report(codes::UNEXPECTED_TOKEN, span, || {
                    Diagnostic::new(
                        codes::UNEXPECTED_TOKEN,
                        span,
                        format!("the parameter `{}` has no type", param.name.text),
                    )
                    .expected("`name: type`")
                    .replace("give it one", Span::empty(span.end), ": f64")
                });
            }
        }
        let ret = if self.eat(Tok::Arrow) { Some(self.ty()?) } else { None };
        let signature = self.span_from(name.span.start);
        let body = CodeBlock::default();
        Ok(FnDecl { name, signature, params, ret, body, dialect: Dialect::Flux, changes: Vec::new() })
    }

    /// `(a: T, b)`: types may be left out here.
    pub(super) fn params(&mut self) -> Parsed<Vec<Param<'s>>> {
        let open = self.expect(Tok::LParen, "`(`")?.span;
        let newlines = self.newlines;
        self.newlines = Newlines::Space;
        let mut params: Vec<Param<'s>> = Vec::new();
        while !self.at(Tok::RParen) {
            let name = self.name("the name of a parameter")?;
            let ty = if self.eat(Tok::Colon) { Some(self.ty()?) } else { None };
            if params.len() < limits::PARAMETERS {
                self.keep(&mut params, Param { name, ty })?;
            } else {
                let message = format!("a function may have {} parameters", limits::PARAMETERS);
                return Err(self.error(codes::TOO_MANY_PARAMETERS, name.span, message));
            }
            if !self.eat(Tok::Comma) {
                break;
            }
        }
        self.newlines = newlines;
        self.close_list(Tok::RParen, "`)`", open)?;
        Ok(params)
    }
}
