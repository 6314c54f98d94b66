//! What stands at the top of a `python` fence: functions, dataclasses, constants, imports.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::super::ast::{
    Dialect, Expr, ExprKind, Field, FnDecl, Ident, ItemKind, Mutability, Param, Stmt, StmtKind,
};
use super::super::foreign::{Facts, item};
use super::super::parser::Parsed;
use super::lexer::Tok;
use super::{Parser, library};
use crate::diag::{Diagnostic, codes};
use crate::span::Span;
use flux_abi::limits;

/// Modules of which everything that is used is known to the compiler.
const MODULES: &[&str] = &["math", "copy", "dataclasses", "typing", "__future__"];

impl<'s> Parser<'s, '_, '_> {
    pub(super) fn module(&mut self) {
        while !self.at_end() && !self.core.sink.is_spent() {
            let start = self.at;
            if self.top().is_err() {
                self.core.reset(0);
                self.recover();
            }
            if self.at == start {
                self.bump();
            }
        }
    }

    fn top(&mut self) -> Parsed<()> {
        let token = self.tok();
        if token.kind == Tok::Str {
            // A text that describes the module.
            self.bump();
            return self.end_of_statement();
        }
        if token.kind == Tok::Indent {
            return Err(self.unexpected("a line without indentation"));
        }
        match self.text() {
            "def" => self.function(),
            "@" => self.decorated(),
            "import" => self.import(),
            "from" => self.import_names(),
            "pass" => {
                self.bump();
                self.end_of_statement()
            }
            "class" => Err(self.core.outside(
                token.span,
                "a class with behaviour",
                "write `@dataclass` before a class that has fields only, and functions beside it",
            )),
            "if" | "for" | "while" => Err(self.core.outside(
                token.span,
                "a statement outside a function",
                "write a function and call it in a step",
            )),
            word => {
                if let Some((what, instead)) = library::instead_of_statement(word) {
                    return Err(self.core.outside(token.span, what, instead));
                }
                self.constant()
            }
        }
    }

    fn import(&mut self) -> Parsed<()> {
        self.bump();
        let module = self.ident("the name of a module")?;
        if !MODULES.contains(&module.text) || self.at("as") || self.at(".") || self.at(",") {
            let span = self.span_from(module.span.start);
            return Err(self.core.outside(
                span,
                "this import",
                "`import math`, `import copy` and dataclasses are known; other code stands in the document",
            ));
        }
        self.end_of_statement()
    }

    fn import_names(&mut self) -> Parsed<()> {
        self.bump();
        let module = self.ident("the name of a module")?;
        if !MODULES.contains(&module.text) {
            return Err(self.core.outside(
                module.span,
                "this import",
                "`math`, `copy` and `dataclasses` are known; other code stands in the document",
            ));
        }
        self.expect("import", "`import`")?;
        loop {
            if self.at("*") {
                let span = self.tok().span;
                return Err(self.core.outside(span, "an import of all names", "name what is used"));
            }
            let name = self.ident("a name")?;
            if self.at("as") {
                let span = self.tok().span;
                return Err(self.core.outside(span, "another name for an import", "use its own name"));
            }
            if module.text == "math" {
                self.core.keep(&mut self.from_math, name.text, name.span)?;
            }
            if !self.eat(",") {
                break;
            }
        }
        self.end_of_statement()
    }

    /// `NAME = value`, `NAME: type = value`.
    fn constant(&mut self) -> Parsed<()> {
        let start = self.tok().span.start;
        let name = self.ident("`def`, a constant or a dataclass")?;
        let ty = if self.eat(":") { self.annotation()? } else { None };
        if !self.at("=") {
            let span = self.span_from(start);
            return Err(self.core.outside(
                span,
                "a statement outside a function",
                "constants have the form `NAME = value`; everything else stands in functions",
            ));
        }
        self.bump();
        let value = self.value()?.expr;
        self.end_of_statement()?;
        let span = Span::new(start, value.span.end);
        let kind = ItemKind::Const { name, ty, value, dialect: Dialect::Python };
        self.core.keep(self.items, item(span, kind), span)
    }

    /// `@dataclass` and its class.
    fn decorated(&mut self) -> Parsed<()> {
        let start = self.bump().span.start;
        let decorator = self.ident("`dataclass`")?;
        if decorator.text != "dataclass" {
            return Err(self.core.outside(decorator.span, "a decorator", "only `@dataclass` is known"));
        }
        if self.eat("(") {
            while !self.at(")") && !self.at_kind(Tok::Newline) && !self.at_end() {
                self.bump();
            }
            self.expect(")", "`)`")?;
        }
        if !self.eat_kind(Tok::Newline) {
            return Err(self.unexpected("the end of the line"));
        }
        self.expect("class", "`class`")?;
        let name = self.ident("the name of the class")?;
        if self.at("(") {
            let span = self.tok().span;
            return Err(self.core.outside(span, "a class with a base", "write all fields into the class"));
        }
        self.open_block()?;
        let mut fields = Vec::new();
        while !self.eat_kind(Tok::Dedent) {
            if self.at_end() {
                break;
            }
            self.field(&mut fields)?;
        }
        let span = self.span_from(start);
        self.core.keep(self.items, item(span, ItemKind::Struct { name, fields }), span)
    }

    fn field(&mut self, fields: &mut Vec<Field<'s>>) -> Parsed<()> {
        if self.at_kind(Tok::Str) || self.at("pass") {
            self.bump();
            return self.end_of_statement();
        }
        if self.at("def") {
            let span = self.tok().span;
            return Err(self.core.outside(span, "a method", "write a function that takes the object"));
        }
        let name = self.ident("a field, as `x: float`")?;
        self.expect(":", "`:` and the type of the field")?;
        let Some(ty) = self.annotation()? else {
            return Err(self.core.unexpected(name.span, "a field with a value", "`None`"));
        };
        if self.at("=") {
            let span = self.tok().span;
            return Err(self.core.outside(span, "a default", "give every field a value when it is made"));
        }
        self.core.keep(fields, Field { name, ty }, name.span)?;
        self.end_of_statement()
    }

    /// `:`, the end of the line, and the deeper line.
    pub(super) fn open_block(&mut self) -> Parsed<()> {
        self.expect(":", "`:`")?;
        if !self.eat_kind(Tok::Newline) {
            return Err(self.unexpected("the end of the line"));
        }
        if self.eat_kind(Tok::Indent) { Ok(()) } else { Err(self.unexpected("a deeper line")) }
    }

    fn function(&mut self) -> Parsed<()> {
        let start = self.bump().span.start;
        let name = self.ident("the name of the function")?;
        let params = self.parameters()?;
        if !self.at("->") {
            let at = Span::empty(self.before());
            self.core.report(codes::UNEXPECTED_TOKEN, name.span, |_| {
                Diagnostic::new(
                    codes::UNEXPECTED_TOKEN,
                    name.span,
                    format!("the function `{}` does not say what it gives", name.text),
                )
                .expected("`-> type` before the colon")
                .replace("if it gives nothing", at, " -> None")
            });
            return Err(super::Failed);
        }
        self.bump();
        let ret = self.annotation()?;
        let signature = self.span_from(name.span.start);
        self.params = params.iter().map(|param| param.name.text).collect();
        self.facts = Facts::new(self.params.clone());
        self.variables = Vec::new();
        self.loops = 0;
        let mut body = self.block()?;
        let facts = core::mem::take(&mut self.facts);
        self.hoist(&params, &facts, &mut body.stmts)?;
        let span = self.span_from(start);
        let function =
            FnDecl { name, signature, params, ret, body, dialect: Dialect::Python, changes: facts.changes };
        self.core.keep(self.items, item(span, ItemKind::Fn(function)), span)
    }

    /// Names belong to the whole function, and parameters may be given another value.
    fn hoist(&mut self, params: &[Param<'s>], facts: &Facts<'s>, stmts: &mut Vec<Stmt<'s>>) -> Parsed<()> {
        let mut first: Vec<Stmt<'s>> = Vec::new();
        for (index, param) in params.iter().enumerate() {
            if facts.replaced.get(index) != Some(&true) {
                continue;
            }
            let span = param.name.span;
            let changed = facts
                .changes
                .iter()
                .any(|change| change.param as usize == index && change.passed_to.is_none());
            if changed {
                return Err(self.core.outside(
                    span,
                    "a parameter that is both changed and given another value",
                    "give the other value another name",
                ));
            }
            let value = Some(Expr { span, kind: ExprKind::Name(param.name.text) });
            let kind = StmtKind::Let {
                mutability: Mutability::Var,
                name: param.name,
                ty: param.ty.clone().map(Box::new),
                value,
            };
            self.core.keep(&mut first, Stmt { span, kind }, span)?;
        }
        for variable in core::mem::take(&mut self.variables) {
            let span = variable.name.span;
            let kind = StmtKind::Let {
                mutability: Mutability::Var,
                name: variable.name,
                ty: variable.ty.map(Box::new),
                value: None,
            };
            self.core.keep(&mut first, Stmt { span, kind }, span)?;
        }
        first.append(stmts);
        *stmts = first;
        Ok(())
    }

    fn parameters(&mut self) -> Parsed<Vec<Param<'s>>> {
        self.expect("(", "`(`")?;
        let mut params: Vec<Param<'s>> = Vec::new();
        while !self.at(")") {
            if self.at("*") || self.at("**") || self.at("/") {
                let span = self.tok().span;
                return Err(self.core.outside(
                    span,
                    "a variable number of arguments",
                    "name each parameter with its type",
                ));
            }
            let name = self.ident("a parameter")?;
            if params.len() >= limits::PARAMETERS {
                return Err(self.core.outside(name.span, "so many parameters", "put them into a dataclass"));
            }
            let ty = self.parameter_type(name)?;
            if self.at("=") {
                let span = self.tok().span;
                return Err(self.core.outside(span, "a default", "give every argument in the call"));
            }
            self.core.keep(&mut params, Param { name, ty: Some(ty) }, name.span)?;
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")", "`,` or `)`")?;
        Ok(params)
    }

    fn parameter_type(&mut self, name: Ident<'s>) -> Parsed<super::Type<'s>> {
        if !self.eat(":") {
            self.core.report(codes::UNEXPECTED_TOKEN, name.span, |_| {
                Diagnostic::new(
                    codes::UNEXPECTED_TOKEN,
                    name.span,
                    format!("the parameter `{}` has no type", name.text),
                )
                .expected("`name: type`")
                .replace("give it one", Span::empty(name.span.end), ": float")
            });
            return Err(super::Failed);
        }
        match self.annotation()? {
            Some(ty) => Ok(ty),
            None => Err(self.core.unexpected(name.span, "a parameter with a value", "`None`")),
        }
    }
}
