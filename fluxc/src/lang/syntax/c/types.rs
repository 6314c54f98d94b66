//! Types of C: specifiers and declarators.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::super::ast::{Expr, ExprKind, Field, Ident, ItemKind, Type, TypeKind};
use super::super::foreign::item;
use super::super::parser::Parsed;
use super::lexer::Tok;
use super::{Parser, library};
use crate::span::Span;
use flux_abi::limits;

/// What stands before the names of a declaration.
pub(super) struct Specifiers<'s> {
    /// The type; `None` for `void`.
    pub(super) kind: Option<TypeKind<'s>>,
    pub(super) span: Span,
    pub(super) constant: bool,
    pub(super) storage: Storage,
    /// A struct without a tag, which takes the name of its `typedef`.
    pub(super) nameless: Option<Vec<Field<'s>>>,
    /// Whether it declares a type by itself: `struct P { … };`
    pub(super) declares: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Storage {
    #[default]
    None,
    Static,
    Typedef,
}

/// A name with what stands around it.
pub(super) struct Declarator<'s> {
    pub(super) name: Ident<'s>,
    /// The type; an array without a length has the length `None`.
    pub(super) kind: TypeKind<'s>,
    pub(super) open_array: bool,
    pub(super) is_array: bool,
}

#[derive(Default)]
struct Words {
    signed: bool,
    unsigned: bool,
    short: bool,
    long: u8,
    base: Option<&'static str>,
}

impl Words {
    fn any(&self) -> bool {
        self.signed || self.unsigned || self.short || self.long > 0 || self.base.is_some()
    }

    fn name(&self) -> &'static str {
        match (self.base, self.unsigned) {
            (Some("float"), _) => "f32",
            (Some("double"), _) => "f64",
            (Some("bool"), _) => "bool",
            (Some("char"), true) => "u8",
            (Some("char"), false) => "i8",
            (_, true) if self.short => "u16",
            (_, false) if self.short => "i16",
            (_, true) if self.long > 0 => "u64",
            (_, false) if self.long > 0 => "i64",
            (_, true) => "u32",
            (_, false) => "i32",
        }
    }
}

impl<'s> Parser<'s, '_, '_> {
    /// Tells whether a token begins a type.
    pub(super) fn begins_type(&self, token: super::Token) -> bool {
        if token.kind != Tok::Word {
            return false;
        }
        let text = self.core.text(token.span);
        matches!(
            text,
            "void"
                | "char"
                | "short"
                | "int"
                | "long"
                | "float"
                | "double"
                | "signed"
                | "unsigned"
                | "bool"
                | "_Bool"
                | "struct"
                | "enum"
                | "union"
                | "const"
                | "static"
                | "volatile"
                | "register"
                | "typedef"
                | "auto"
                | "inline"
                | "extern"
        ) || self.type_name(text).is_some()
    }

    fn type_name(&self, text: &'s str) -> Option<TypeKind<'s>> {
        if let Some((_, name)) = library::TYPES.iter().find(|(name, _)| *name == text) {
            return Some(TypeKind::Name(name));
        }
        if let Some(kind) = self.names.aliases.get(text) {
            return Some(kind.clone());
        }
        self.names.types.contains(text).then_some(TypeKind::Name(text))
    }

    pub(super) fn specifiers(&mut self) -> Parsed<Specifiers<'s>> {
        let start = self.tok.span.start;
        let mut words = Words::default();
        let mut named: Option<TypeKind<'s>> = None;
        let mut void = false;
        let mut result = Specifiers {
            kind: None,
            span: Span::empty(start),
            constant: false,
            storage: Storage::None,
            nameless: None,
            declares: false,
        };
        while self.tok.kind == Tok::Word {
            let text = self.text();
            match text {
                "const" => result.constant = true,
                "static" => result.storage = Storage::Static,
                "typedef" => result.storage = Storage::Typedef,
                "inline" | "extern" => {}
                "signed" => words.signed = true,
                "unsigned" => words.unsigned = true,
                "short" => words.short = true,
                "long" => words.long = words.long.saturating_add(1),
                "int" => words.base = words.base.or(Some("int")),
                "char" => words.base = Some("char"),
                "float" => words.base = Some("float"),
                "double" => words.base = Some("double"),
                "bool" | "_Bool" => words.base = Some("bool"),
                "void" => void = true,
                "struct" => {
                    named = self.structure(&mut result)?;
                    continue;
                }
                "enum" => {
                    result.declares |= self.enumeration()?;
                    words.base = Some("int");
                    continue;
                }
                "union" => {
                    let span = self.tok.span;
                    return Err(self.core.outside(span, "a union", "write a struct with a field for each"));
                }
                "volatile" | "register" | "auto" | "restrict" => {
                    let span = self.tok.span;
                    let what = format!("`{text}`");
                    return Err(self.core.outside(
                        span,
                        &what,
                        "leave it out: memory is the function's own, devices are reached by steps",
                    ));
                }
                _ if named.is_none() && !words.any() && !void => match self.type_name(text) {
                    Some(kind) => named = Some(kind),
                    None => break,
                },
                _ => break,
            }
            self.bump();
        }
        result.span = self.span_from(start);
        if words.long > 0 && words.base == Some("double") {
            return Err(self.core.outside(result.span, "`long double`", "write `double`"));
        }
        result.kind = match named {
            Some(kind) => Some(kind),
            None if words.any() => Some(TypeKind::Name(words.name())),
            None if void || result.nameless.is_some() || result.declares => None,
            None => return Err(self.unexpected("a type")),
        };
        Ok(result)
    }

    /// `struct P`, `struct P { … }`, `struct { … }`.
    fn structure(&mut self, result: &mut Specifiers<'s>) -> Parsed<Option<TypeKind<'s>>> {
        let start = self.bump().span.start;
        let tag = if self.at("{") { None } else { Some(self.ident("the name of the struct")?) };
        if self.at("{") {
            let fields = self.fields()?;
            let Some(tag) = tag else {
                result.nameless = Some(fields);
                return Ok(None);
            };
            self.declare_struct(tag, fields, self.span_from(start))?;
            result.declares = true;
        }
        Ok(tag.map(|tag| TypeKind::Name(tag.text)))
    }

    pub(super) fn declare_struct(
        &mut self,
        name: Ident<'s>,
        fields: Vec<Field<'s>>,
        span: Span,
    ) -> Parsed<()> {
        self.names.types.insert(name.text);
        self.core.keep(self.items, item(span, ItemKind::Struct { name, fields }), span)
    }

    fn fields(&mut self) -> Parsed<Vec<Field<'s>>> {
        let open = self.bump().span;
        self.core.enter(open)?;
        let mut fields = Vec::new();
        while !self.at("}") {
            if self.at_end() || self.core.sink.is_spent() {
                return Err(self.unexpected("a field or `}`"));
            }
            let specifiers = self.specifiers()?;
            loop {
                let declarator = self.declarator(&specifiers, Place::Field)?;
                if self.at(":") {
                    let span = self.tok.span;
                    return Err(self.core.outside(
                        span,
                        "a bit field",
                        "write a field of its own, or use shifts and masks",
                    ));
                }
                let ty = Type { span: specifiers.span, kind: declarator.kind };
                self.core.keep(&mut fields, Field { name: declarator.name, ty }, declarator.name.span)?;
                if !self.eat(",") {
                    break;
                }
            }
            self.semicolon()?;
        }
        self.bump();
        self.core.leave();
        Ok(fields)
    }

    /// `enum { A, B = 5 }`: constants of type `int`. Tells whether it has a list.
    fn enumeration(&mut self) -> Parsed<bool> {
        self.bump();
        if !self.at("{") {
            self.ident("the name of the enum")?;
        }
        if !self.eat("{") {
            return Ok(false);
        }
        let mut before: Option<Ident<'s>> = None;
        while !self.at("}") {
            let name = self.ident("the name of a constant")?;
            let value = if self.eat("=") {
                self.ternary()?
            } else {
                match before {
                    None => self.core.leaf(name.span, ExprKind::Int(0))?,
                    Some(before) => {
                        let left = self.core.name(Ident { text: before.text, span: name.span })?;
                        let one = self.core.leaf(name.span, ExprKind::Int(1))?;
                        self.core.binary(super::super::ast::BinaryOp::Add, name.span, left, one)?
                    }
                }
            };
            let span = self.span_from(name.span.start);
            let ty = Type { span: name.span, kind: TypeKind::Name("i32") };
            self.constant(name, Some(ty), value.expr, span)?;
            before = Some(name);
            if !self.eat(",") {
                break;
            }
        }
        self.expect("}", "`,` or `}`")?;
        Ok(true)
    }

    /// `name`, `name[4]`, `*name` with the type that stands before it.
    pub(super) fn declarator(&mut self, specifiers: &Specifiers<'s>, place: Place) -> Parsed<Declarator<'s>> {
        let star = self.tok.span;
        let pointer = self.eat("*");
        let mut kind = specifiers.kind.clone();
        if pointer {
            let is_text = specifiers.constant && matches!(kind, Some(TypeKind::Name("i8")));
            while self.eat("const") {}
            if !is_text || self.at("*") {
                let instead = match place {
                    Place::Parameter => "hand over a value, or an array with its length: `int values[8]`",
                    _ => "hold the value itself, or an index into an array",
                };
                return Err(self.core.outside(star, "a pointer", instead));
            }
            kind = Some(TypeKind::Name("str"));
        }
        if self.at("(") {
            let span = self.tok.span;
            return Err(self.core.outside(span, "a pointer to a function", "call the function by its name"));
        }
        let name = self.ident("a name")?;
        let Some(kind) = kind else {
            return Err(self.core.unexpected(specifiers.span, "the type of a value", "`void`"));
        };
        self.lengths(name, kind, place)
    }

    /// `[2][3]` behind a name: two arrays of three.
    fn lengths(&mut self, name: Ident<'s>, element: TypeKind<'s>, place: Place) -> Parsed<Declarator<'s>> {
        let mut lengths: Vec<Option<Expr<'s>>> = Vec::new();
        while self.at("[") {
            let open = self.bump().span;
            if lengths.len() >= limits::TYPE_NESTING {
                return Err(self.core.outside(open, "an array of so many dimensions", "use a struct"));
            }
            let length = if self.at("]") { None } else { Some(self.ternary()?.expr) };
            let close = self.expect("]", "`]`")?;
            if length.is_none() && (place != Place::Variable || !lengths.is_empty()) {
                return Err(self.core.outside(
                    open.to(close),
                    "an array without a length",
                    "write the length, as `int values[8]`: it is part of the type and is checked",
                ));
            }
            lengths.push(length);
        }
        let is_array = !lengths.is_empty();
        let open_array = lengths.first().is_some_and(Option::is_none);
        let mut kind = element;
        for length in lengths.into_iter().rev() {
            let zero = Expr { span: name.span, kind: ExprKind::Int(0) };
            let inner = Type { span: name.span, kind };
            kind = TypeKind::Array(Box::new(inner), Box::new(length.unwrap_or(zero)));
        }
        Ok(Declarator { name, kind, open_array, is_array })
    }

    /// A type in parentheses, of a cast or `sizeof`.
    pub(super) fn type_in_parentheses(&mut self) -> Parsed<Type<'s>> {
        self.bump();
        let specifiers = self.specifiers()?;
        let mut kind = specifiers.kind.clone();
        if self.at("*") {
            let star = self.bump().span;
            if specifiers.constant && matches!(kind, Some(TypeKind::Name("i8"))) && !self.at("*") {
                kind = Some(TypeKind::Name("str"));
            } else {
                return Err(self.core.outside(star, "a pointer", "use the value itself"));
            }
        }
        self.expect(")", "`)`")?;
        match kind {
            Some(kind) => Ok(Type { span: specifiers.span, kind }),
            None => Err(self.core.unexpected(specifiers.span, "the type of a value", "`void`")),
        }
    }
}

/// Where a name is declared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    Parameter,
    Field,
    Variable,
}
