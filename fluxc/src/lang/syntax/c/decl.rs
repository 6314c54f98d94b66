//! Declarations outside functions: functions, structs, enums, `typedef`s, constant tables.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::super::ast::{
    CodeBlock, Dialect, Expr, ExprKind, FnDecl, Ident, ItemKind, Mutability, Param, Stmt, StmtKind, Type,
    TypeKind,
};
use super::super::foreign::{Facts, item};
use super::super::parser::{Failed, Parsed};
use super::Parser;
use super::types::{Declarator, Place, Specifiers, Storage};
use crate::diag::{Diagnostic, codes};
use crate::span::Span;
use alloc::format;
use flux_abi::limits;

impl<'s> Parser<'s, '_, '_> {
    /// A declaration of the translation unit, or a directive.
    pub(super) fn declaration(&mut self) -> Parsed<()> {
        if self.at("#") && self.tok.first_on_line {
            return self.directive();
        }
        if self.eat(";") {
            return Ok(());
        }
        let start = self.tok.span.start;
        let mut specifiers = self.specifiers()?;
        if specifiers.storage == Storage::Typedef {
            return self.typedef(specifiers, start);
        }
        if specifiers.nameless.take().is_some() {
            return Err(self.unexpected("a name for the struct, as `struct Point { … };`"));
        }
        if self.at(";") && (specifiers.kind.is_some() || specifiers.declares) {
            self.bump();
            return Ok(());
        }
        let result = specifiers.kind.clone();
        if self.peek_function() {
            let pointer = self.at("*");
            let ret = if pointer {
                let declarator_start = self.tok.span;
                self.bump();
                if !(specifiers.constant && matches!(result, Some(TypeKind::Name("i8")))) {
                    return Err(self.core.outside(
                        declarator_start,
                        "a pointer",
                        "give back the value itself, or a struct that holds the array",
                    ));
                }
                Some(TypeKind::Name("str"))
            } else {
                result
            };
            let name = self.ident("the name of the function")?;
            let ret = ret.map(|kind| Type { span: specifiers.span, kind });
            return self.function(name, ret, start);
        }
        loop {
            let declarator = self.declarator(&specifiers, Place::Variable)?;
            self.global(&specifiers, declarator, start)?;
            if !self.eat(",") {
                break;
            }
        }
        self.semicolon()
    }

    /// Tells whether `name(` or `*name(` comes next.
    fn peek_function(&self) -> bool {
        let mut lexer = self.lexer;
        let mut token = self.tok;
        if self.core.text(token.span) == "*" {
            token = lexer.token();
        }
        token.kind == super::Tok::Word && self.core.text(lexer.token().span) == "("
    }

    fn typedef(&mut self, mut specifiers: Specifiers<'s>, start: u32) -> Parsed<()> {
        if let Some(fields) = specifiers.nameless.take() {
            let name = self.ident("the name of the struct")?;
            self.declare_struct(name, fields, self.span_from(start))?;
        } else if specifiers.kind.is_some() {
            let declarator = self.declarator(&specifiers, Place::Field)?;
            if !matches!(declarator.kind, TypeKind::Name(same) if same == declarator.name.text) {
                self.names.aliases.insert(declarator.name.text, declarator.kind);
            }
        } else {
            return Err(self.unexpected("a type with values"));
        }
        self.semicolon()
    }

    /// A constant; other variables outside functions have no place.
    fn global(&mut self, specifiers: &Specifiers<'s>, declarator: Declarator<'s>, start: u32) -> Parsed<()> {
        let name = declarator.name;
        if !specifiers.constant {
            return Err(self.core.outside(
                name.span,
                "a variable outside a function",
                "make it `const`, hand it over as a parameter, or keep it in `## State`",
            ));
        }
        if !self.eat("=") {
            return Err(self.unexpected("`=` and the value of the constant"));
        }
        let (value, kind) = self.initial_value(declarator)?;
        let ty = Type { span: specifiers.span, kind };
        let span = self.span_from(start);
        self.constant(name, Some(ty), value, span)
    }

    /// The value behind `=`, and the type with the length that it gives.
    pub(super) fn initial_value(&mut self, declarator: Declarator<'s>) -> Parsed<(Expr<'s>, TypeKind<'s>)> {
        let value = self.initializer()?.expr;
        let kind = match (declarator.open_array, declarator.kind, &value.kind) {
            (true, TypeKind::Array(element, _), ExprKind::Initializer(values)) => {
                let length = Expr { span: value.span, kind: ExprKind::Int(values.len() as u64) };
                TypeKind::Array(element, Box::new(length))
            }
            (true, ..) => {
                return Err(self.core.unexpected(value.span, "the elements in braces", "another value"));
            }
            (false, kind, _) => kind,
        };
        Ok((value, kind))
    }

    fn function(&mut self, name: Ident<'s>, ret: Option<Type<'s>>, start: u32) -> Parsed<()> {
        let (params, arrays) = self.parameters()?;
        let signature = self.span_from(name.span.start);
        if self.eat(";") {
            // A declaration before the definition says nothing new.
            return Ok(());
        }
        if !self.at("{") {
            return Err(self.unexpected("`{` or `;`"));
        }
        self.facts = Facts::new(params.iter().map(|param| param.name.text).collect());
        let mut body = self.block()?;
        let facts = core::mem::take(&mut self.facts);
        self.copy_replaced(&params, &arrays, &facts, &mut body)?;
        let span = self.span_from(start);
        // An array is its caller's; structs and numbers are copies.
        let changes = facts
            .changes
            .into_iter()
            .filter(|change| arrays.get(change.param as usize) == Some(&true))
            .collect();
        let function = FnDecl { name, signature, params, ret, body, dialect: Dialect::C, changes };
        self.core.keep(self.items, item(span, ItemKind::Fn(function)), span)
    }

    /// Parameters of C are variables: one that the body changes is copied first.
    fn copy_replaced(
        &mut self,
        params: &[Param<'s>],
        arrays: &[bool],
        facts: &Facts<'s>,
        body: &mut CodeBlock<'s>,
    ) -> Parsed<()> {
        let mut copies: Vec<Stmt<'s>> = Vec::new();
        for (index, param) in params.iter().enumerate() {
            let is_array = arrays.get(index) == Some(&true);
            let replaced = facts.replaced.get(index) == Some(&true);
            let part = facts
                .changes
                .iter()
                .any(|change| change.param as usize == index && change.passed_to.is_none());
            if is_array && replaced {
                return Err(self.core.outside(
                    param.name.span,
                    "another value for an array",
                    "set its elements",
                ));
            }
            if !is_array && (replaced || part) {
                let span = param.name.span;
                let value = Expr { span, kind: ExprKind::Name(param.name.text) };
                let kind = StmtKind::Let {
                    mutability: Mutability::Var,
                    name: param.name,
                    ty: param.ty.clone().map(Box::new),
                    value: Some(value),
                };
                self.core.keep(&mut copies, Stmt { span, kind }, span)?;
            }
        }
        if !copies.is_empty() {
            copies.append(&mut body.stmts);
            body.stmts = copies;
        }
        Ok(())
    }

    /// `(int a, double b[4])`, and which of them are arrays.
    fn parameters(&mut self) -> Parsed<(Vec<Param<'s>>, Vec<bool>)> {
        let open = self.expect("(", "`(`")?;
        let (mut params, mut arrays) = (Vec::new(), Vec::new());
        if self.at("void") && self.core.text(self.peek().span) == ")" {
            self.bump();
        }
        if self.eat(")") {
            return Ok((params, arrays));
        }
        loop {
            if self.at("...") {
                let span = self.bump().span;
                return Err(self.core.outside(
                    span,
                    "a variable number of arguments",
                    "write one function for each number, or hand over an array with its length",
                ));
            }
            let specifiers = self.specifiers()?;
            let declarator = self.declarator(&specifiers, Place::Parameter)?;
            if params.len() >= limits::PARAMETERS {
                return Err(self.too_many_parameters(declarator.name.span));
            }
            let ty = Some(Type { span: specifiers.span, kind: declarator.kind });
            self.core.keep(&mut params, Param { name: declarator.name, ty }, open)?;
            arrays.push(declarator.is_array);
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")", "`,` or `)`")?;
        Ok((params, arrays))
    }

    fn too_many_parameters(&mut self, span: Span) -> Failed {
        self.core.report(codes::TOO_MANY_PARAMETERS, span, |_| {
            Diagnostic::new(
                codes::TOO_MANY_PARAMETERS,
                span,
                format!("a function may have {} parameters", limits::PARAMETERS),
            )
            .hint("put them into a struct")
        });
        Failed
    }
}
