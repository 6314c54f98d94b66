//! Types as written.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use flux_abi::limits;

use super::ast::{Expr, Type, TypeKind};
use super::lexer::{Mode, Tok};
use super::parser::{Failed, Parsed, Parser, RESERVED};
use crate::diag::{Diagnostic, codes};
use crate::span::Span;

/// Names of the built-in types.
pub(super) const BUILT_IN: &[&str] = &[
    "agent",
    "bool",
    "bytecode",
    "bytes",
    "capability",
    "duration",
    "f32",
    "f64",
    "i16",
    "i32",
    "i64",
    "i8",
    "int",
    "map",
    "region",
    "str",
    "u16",
    "u32",
    "u64",
    "u8",
];

impl<'s> Parser<'s, '_> {
    /// A type.
    pub(super) fn ty(&mut self) -> Parsed<Type<'s>> {
        self.ty_within(limits::TYPE_NESTING)
    }

    /// A type of at most `depth` levels.
    fn ty_within(&mut self, depth: usize) -> Parsed<Type<'s>> {
        let Some(mut below) = depth.checked_sub(1) else { return Err(self.type_too_deep()) };
        self.charge::<Type<'_>>(1)?;
        let start = self.tok.span.start;
        let kind = match self.tok.kind {
            Tok::LBracket => self.array_type(below)?,
            Tok::LParen => {
                let open = self.bump().span;
                let ty = self.ty_within(below)?;
                self.close(Tok::RParen, "`)`", open)?;
                ty.kind
            }
            Tok::Word if self.at_word("map") && self.peek().kind == Tok::LBracket => {
                self.bump();
                let open = self.bump().span;
                let key = self.ty_within(below)?;
                self.close(Tok::RBracket, "`]`", open)?;
                let value = self.ty_within(below)?;
                TypeKind::Map(Box::new(key), Box::new(value))
            }
            Tok::Word if self.at_word("fn") => self.fn_type(below)?,
            Tok::Word if !RESERVED.contains(&self.text()) => {
                let name = self.any_word("a type")?;
                TypeKind::Name(self.qualified(name)?.text)
            }
            _ => return Err(self.unexpected("a type")),
        };
        let mut ty = Type { span: self.span_from(start), kind };
        loop {
            let marks = match self.tok.kind {
                Tok::Question => 1,
                Tok::Coalesce => 2,
                _ => return Ok(ty),
            };
            self.bump();
            for _ in 0..marks {
                let Some(less) = below.checked_sub(1) else { return Err(self.type_too_deep()) };
                below = less;
                self.charge::<Type<'_>>(1)?;
                ty = Type { span: self.span_from(start), kind: TypeKind::Optional(Box::new(ty)) };
            }
        }
    }

    fn array_type(&mut self, below: usize) -> Parsed<TypeKind<'s>> {
        let open = self.bump().span;
        let element = Box::new(self.ty_within(below)?);
        if self.eat(Tok::Semicolon) {
            let len = Box::new(self.inner()?);
            self.charge::<Expr<'_>>(1)?;
            self.close(Tok::RBracket, "`]`", open)?;
            return Ok(TypeKind::Array(element, len));
        }
        if self.at(Tok::Comma) {
            return Err(self.comma_in_array_type());
        }
        self.close(Tok::RBracket, "`]`", open)?;
        Ok(TypeKind::List(element))
    }

    /// `[int, 4]`.
    fn comma_in_array_type(&mut self) -> Failed {
        let span = self.tok.span;
        let code = match self.mode {
            Mode::Step => codes::STEP_INCOMPLETE,
            Mode::Code => codes::UNEXPECTED_TOKEN,
        };
        self.report(code, span, || {
            Diagnostic::new(code, span, "the number of elements stands behind `;`")
                .label("expected `;` or `]`")
                .expected("`[type; number]`")
                .found("`,`")
                .replace("write `;`", span, ";")
        });
        Failed
    }

    fn fn_type(&mut self, below: usize) -> Parsed<TypeKind<'s>> {
        self.bump();
        let open = self.expect(Tok::LParen, "`(`")?.span;
        let mut params = Vec::new();
        while !self.at(Tok::RParen) {
            let param = self.ty_within(below)?;
            self.keep(&mut params, param)?;
            if !self.eat(Tok::Comma) {
                break;
            }
        }
        self.close_list(Tok::RParen, "`)`", open)?;
        let ret = if self.eat(Tok::Arrow) { Some(Box::new(self.ty_within(below)?)) } else { None };
        Ok(TypeKind::Fn(params, ret))
    }

    fn type_too_deep(&mut self) -> Failed {
        let span: Span = self.tok.span;
        self.report(codes::TYPE_TOO_DEEP, span, || {
            Diagnostic::new(
                codes::TYPE_TOO_DEEP,
                span,
                format!("types may be nested {} deep", limits::TYPE_NESTING),
            )
            .hint("give a part of it a name with `struct`")
        });
        Failed
    }
}
