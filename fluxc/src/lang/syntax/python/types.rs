//! Annotations of Python.

use alloc::boxed::Box;
use alloc::format;

use super::super::ast::{Expr, ExprKind, Type, TypeKind};
use super::super::lexer::Mode;
use super::super::parser::{Parsed, Parser as Code};
use super::Parser;
use super::lexer::Tok;
use crate::span::Span;
use flux_abi::limits;

impl<'s> Parser<'s, '_, '_> {
    /// An annotation; `None` stands for no value.
    pub(super) fn annotation(&mut self) -> Parsed<Option<Type<'s>>> {
        let span = self.tok().span;
        if self.at("None") {
            self.bump();
            return Ok(None);
        }
        if self.at_kind(Tok::Str) {
            return self.quoted_type().map(Some);
        }
        let name = self.ident("a type, as `int` or `float`")?;
        let kind = match name.text {
            "int" => TypeKind::Name("i64"),
            "float" => TypeKind::Name("f64"),
            "bool" => TypeKind::Name("bool"),
            "str" => TypeKind::Name("str"),
            "list" | "List" => return self.list(span).map(Some),
            "tuple" | "Tuple" => return self.tuple(span).map(Some),
            "dict" | "Dict" | "set" | "Set" | "object" | "Any" | "Optional" | "Union" | "Callable"
            | "complex" | "bytes" => {
                let what = format!("the type `{}`", name.text);
                return Err(self.core.outside(
                    span,
                    &what,
                    "use int, float, bool, str, a list of a known length, or a dataclass",
                ));
            }
            other => TypeKind::Name(other),
        };
        if self.at("|") || self.at(".") || self.at("[") {
            let at = self.tok().span;
            return Err(self.core.outside(at, "a type of several parts", "write one type"));
        }
        Ok(Some(Type { span, kind }))
    }

    /// `"[int; 8]"`: a type of the language in quotes.
    fn quoted_type(&mut self) -> Parsed<Type<'s>> {
        let span = self.bump().span;
        let text = self.core.text(span);
        let quoted = text.len() >= 2 && text.starts_with(['"', '\'']) && !text.starts_with("\"\"");
        if !quoted || text.contains('\\') {
            return Err(self.core.bad_string(span, "a type in quotes is a plain string, as \"[int; 8]\""));
        }
        let inner = Span::new(span.start.saturating_add(1), span.end.saturating_sub(1));
        let mut code = Code::new(self.core.source, inner, Mode::Code, self.core.sink);
        let ty = code.ty()?;
        if !code.at_end() {
            return Err(code.unexpected("the end of the type"));
        }
        Ok(ty)
    }

    fn list(&mut self, span: Span) -> Parsed<Type<'s>> {
        self.expect("[", "`[` and the type of the elements")?;
        self.core.enter(span)?;
        let element = self.annotation()?;
        self.core.leave();
        self.expect("]", "`]`")?;
        match element {
            Some(element) => {
                let span = self.span_from(span.start);
                Ok(Type { span, kind: TypeKind::List(Box::new(element)) })
            }
            None => Err(self.core.unexpected(span, "a list of values", "a list of nothing")),
        }
    }

    /// `tuple[float, float]`: values of one type.
    fn tuple(&mut self, start: Span) -> Parsed<Type<'s>> {
        self.expect("[", "`[` and the types of the values")?;
        self.core.enter(start)?;
        let mut first: Option<Type<'s>> = None;
        let mut count = 0_u64;
        let mut same = true;
        while !self.at("]") {
            if self.at("...") {
                let span = self.tok().span;
                return Err(self.core.outside(span, "a tuple of any length", "write each type"));
            }
            let from = self.tok().span.start;
            let element = self.annotation()?;
            let text = self.core.text(self.span_from(from));
            match (&first, element) {
                (_, None) => return Err(self.core.unexpected(start, "types of values", "`None`")),
                (None, Some(element)) => first = Some(element),
                (Some(first), Some(_)) => same &= self.core.text(first.span) == text,
            }
            count = count.saturating_add(1);
            if !self.eat(",") {
                break;
            }
        }
        self.expect("]", "`,` or `]`")?;
        self.core.leave();
        let span = self.span_from(start.start);
        match first {
            Some(element) if same && count <= limits::PARAMETERS as u64 => {
                let length = Expr { span, kind: ExprKind::Int(count) };
                Ok(Type { span, kind: TypeKind::Array(Box::new(element), Box::new(length)) })
            }
            _ => Err(self.core.outside(
                span,
                "a tuple of different types",
                "write a dataclass with a name for each value",
            )),
        }
    }
}
