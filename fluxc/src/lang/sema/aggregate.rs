//! Structs, arrays and enums: literals, fields, elements, variants.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::tree::{ExprId, ExprKind};
use super::types::{EnumId, Field, Open, StructId, Type, TypeId};
use super::{Checker, Mode, VariantOf};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{Access, Ident};
use crate::lang::syntax::habits;
use crate::span::Span;
use flux_abi::limits;

/// The number of elements by another name.
fn is_length(name: &str) -> bool {
    matches!(name, "length" | "size" | "count" | "len")
}

impl<'s> Checker<'_, 's> {
    pub(super) fn field(
        &mut self,
        base: &ast::Expr<'s>,
        name: Ident<'s>,
        access: Access,
        span: Span,
    ) -> ExprId {
        if access == Access::Plain {
            if let Some(ty) = self.type_before_variant(base) {
                return self.variant(ty, name, None, span);
            }
            if let Some(constant) = self.library_constant(base, name, span) {
                return constant;
            }
        }
        let base = self.value(base, TypeId::ERROR);
        match access {
            Access::Plain => self.field_of(base, name, span),
            Access::Optional => self.if_there(base, span, |checker, base| checker.field_of(base, name, span)),
        }
    }

    fn field_of(&mut self, base: ExprId, name: Ident<'s>, span: Span) -> ExprId {
        let ty = self.ty(base);
        let id = match self.get(ty) {
            Ok(Type::Struct(id)) => id,
            Ok(Type::Error) => return self.invalid(span),
            // What it was made of was not understood.
            Err(Open::Any) if self.sink.has_errors() => return self.invalid(span),
            kind => {
                let found = self.type_name(ty);
                let mut diagnostic =
                    Diagnostic::new(codes::UNKNOWN_FIELD, name.span, format!("{found} has no fields"))
                        .label(format!("no `{}` in it", name.text))
                        .expected("a struct")
                        .found(found);
                if matches!(
                    kind,
                    Ok(Type::Array(..) | Type::List(_) | Type::Map(..) | Type::Bytes | Type::Str)
                ) && is_length(name.text)
                {
                    diagnostic = diagnostic.replace("write `len()`", name.span, "len()");
                } else if let Ok(Type::Optional(_)) = kind {
                    let text = self.source_text(self.span(base));
                    diagnostic = diagnostic
                        .hint(format!("take the field only if there is a value: `{text}?.{}`", name.text));
                }
                self.report(diagnostic);
                return self.invalid(span);
            }
        };
        let fields = self.program.types.structure(id).map_or(&[][..], |row| &row.fields);
        if let Some(index) = fields.iter().position(|field| field.name == name.text) {
            let ty = fields.get(index).map_or(TypeId::ERROR, |field| field.ty);
            return self.new_expr(ExprKind::Field(base, id, super::number(index)), ty, span);
        }
        let near = self.nearest(name.text, fields.iter().map(|field| field.name));
        let all: Vec<&str> = fields.iter().take(12).map(|field| field.name).collect();
        let mut diagnostic = Diagnostic::new(
            codes::UNKNOWN_FIELD,
            name.span,
            format!("{} has no field `{}`", self.type_name(ty), name.text),
        )
        .label("no such field")
        .expected(all.join(", "))
        .found(name.text);
        if let Some(near) = near {
            diagnostic = diagnostic.replace(format!("did you mean `{near}`?"), name.span, near);
        }
        self.report(diagnostic);
        self.invalid(span)
    }

    /// A variant of the type `ty`, with what stands in the parentheses after it, if any do.
    pub(super) fn variant(
        &mut self,
        ty: TypeId,
        name: Ident<'s>,
        args: Option<&[ast::Expr<'s>]>,
        span: Span,
    ) -> ExprId {
        let Some((id, tag)) = self.variant_tag(ty, name) else {
            for arg in args.unwrap_or_default() {
                self.expr(arg, TypeId::ERROR);
            }
            return self.invalid(span);
        };
        let variant = self.program.types.enumeration(id).and_then(|row| row.variants.get(tag));
        let payload: Vec<TypeId> = variant.map_or_else(Vec::new, |variant| variant.payload.clone());
        let given = args.unwrap_or_default();
        if payload.len() != given.len() || (args.is_some() && payload.is_empty()) {
            self.wrong_payload(name, &payload, args.map(<[_]>::len), span);
            for arg in given {
                self.expr(arg, TypeId::ERROR);
            }
            return self.new_expr(ExprKind::Invalid, ty, span);
        }
        let mut values = Vec::with_capacity(payload.len());
        for (want, arg) in payload.iter().zip(given) {
            let value = self.value(arg, *want);
            values.push(self.coerce(value, *want));
        }
        let tag = super::number(tag);
        match self.get(ty) {
            Ok(Type::Enum(_)) => self.new_expr(ExprKind::Variant(id, tag), ty, span),
            _ => {
                let list = self.list(&values);
                self.new_expr(ExprKind::Tagged(tag, list), ty, span)
            }
        }
    }

    /// The enum and the tag of a variant of the type `ty`; reports one that is none.
    pub(super) fn variant_tag(&mut self, ty: TypeId, name: Ident<'s>) -> Option<(EnumId, usize)> {
        let Some((id, row)) = self.program.types.enum_of(ty) else {
            if self.get(ty) != Ok(Type::Error) {
                let found = self.type_name(ty);
                self.report(
                    Diagnostic::new(
                        codes::UNKNOWN_FIELD,
                        name.span,
                        format!("the type {found} has no variants"),
                    )
                    .label("only an enum has"),
                );
            }
            return None;
        };
        if let Some(tag) = row.variants.iter().position(|variant| variant.name == name.text) {
            return Some((id, tag));
        }
        let near = self.nearest(name.text, row.variants.iter().map(|variant| variant.name));
        let all: Vec<&str> = row.variants.iter().take(12).map(|variant| variant.name).collect();
        let mut diagnostic = Diagnostic::new(
            codes::UNKNOWN_FIELD,
            name.span,
            format!("{} has no variant `{}`", self.type_name(ty), name.text),
        )
        .label("no such variant")
        .expected(all.join(", "))
        .found(name.text);
        if let Some(near) = near {
            diagnostic = diagnostic.replace(format!("did you mean `{near}`?"), name.span, near);
        }
        self.report(diagnostic);
        None
    }

    /// Reports a variant with another number of values than it has.
    pub(super) fn wrong_payload(
        &mut self,
        name: Ident<'s>,
        payload: &[TypeId],
        given: Option<usize>,
        span: Span,
    ) {
        let types: Vec<String> = payload.iter().map(|ty| self.type_name(*ty)).collect();
        let form = if types.is_empty() {
            name.text.to_string()
        } else {
            format!("{}({})", name.text, types.join(", "))
        };
        let message = match (payload.len(), given) {
            (0, _) => format!("`{}` has no values", name.text),
            (1, None) => format!("`{}` has a value, none given", name.text),
            (1, Some(given)) => format!("`{}` has one value, {given} given", name.text),
            (count, None) => format!("`{}` has {count} values, none given", name.text),
            (count, Some(given)) => format!("`{}` has {count} values, {given} given", name.text),
        };
        self.report(
            Diagnostic::new(codes::WRONG_ARGUMENTS, span, message)
                .label("another number of values")
                .expected(format!("`{form}`")),
        );
    }

    /// The enum whose variant a name alone is here: the one that is wanted, or the only one.
    ///
    /// `Err` if several have it, which is reported.
    pub(super) fn variant_alone(&mut self, name: Ident<'s>, want: TypeId) -> Result<Option<TypeId>, ()> {
        let Some(of) = self.variants.get(name.text).copied() else { return Ok(None) };
        let wanted = self.program.types.enum_of(want);
        if wanted.is_some_and(|(_, row)| row.variants.iter().any(|variant| variant.name == name.text)) {
            return Ok(Some(want));
        }
        match of {
            VariantOf::One(ty) => Ok(Some(ty)),
            VariantOf::Several => {
                self.report(
                    Diagnostic::new(
                        codes::AMBIGUOUS_NAME,
                        name.span,
                        format!("several enums have a variant `{}`", name.text),
                    )
                    .label("which one?")
                    .hint(format!("write the enum before it: `Enum.{}`", name.text)),
                );
                Err(())
            }
        }
    }

    fn no_such_element(&mut self, place: u64, len: u32, span: Span) {
        let message = format!("an array of {len} has no element {place}");
        let row = Diagnostic::new(codes::NUMBER_OUT_OF_RANGE, span, message)
            .label("would trap each time")
            .found(format!("{place}"));
        self.report(match len.checked_sub(1) {
            Some(last) => row
                .expected(format!("0 to {last}"))
                .hint("the first element is 0, so the last is one less than the count"),
            None => row.hint("an array of 0 has no elements"),
        });
    }

    pub(super) fn index(&mut self, base: &ast::Expr<'s>, written: &ast::Expr<'s>, span: Span) -> ExprId {
        let base = self.value(base, TypeId::ERROR);
        if let Ok(Type::Map(key, value)) = self.get(self.ty(base)) {
            let index = self.expr_of(written, key);
            if self.entry_places.contains(&span) {
                return self.new_expr(ExprKind::Index(base, index), value, span);
            }
            let list = self.list(&[base, index]);
            let ty = self.program.types.intern(Type::Optional(value));
            return self.new_expr(ExprKind::Collection(super::tree::CollectionOp::Get, list), ty, span);
        }
        if let (ast::ExprKind::Str(_), Ok(Type::Struct(_))) = (&written.kind, self.get(self.ty(base))) {
            return self.field_in_brackets(base, written, span);
        }
        let index = self.value(written, TypeId::ERROR);
        let ty = self.ty(index);
        if self.get(ty) == Err(Open::Any) || self.get(ty) == Err(Open::Integer) {
            self.program.types.unify(ty, TypeId::I64);
        } else if !matches!(self.get(ty), Ok(Type::Int(_) | Type::Error)) {
            let found = self.type_name(ty);
            self.report(
                Diagnostic::new(
                    codes::TYPE_MISMATCH,
                    self.span(index),
                    format!("expected an integer as index, found {found}"),
                )
                .label(format!("this is {found}"))
                .expected("an integer")
                .found(found),
            );
        }
        match self.get(self.ty(base)) {
            Ok(Type::Array(element, len)) => {
                if let ast::ExprKind::Int(place) = written.kind
                    && place >= u64::from(len)
                {
                    self.no_such_element(place, len, written.span);
                }
                self.new_expr(ExprKind::Index(base, index), element, span)
            }
            Ok(Type::List(element)) => self.new_expr(ExprKind::Index(base, index), element, span),
            Ok(Type::Bytes) => self.new_expr(ExprKind::Index(base, index), TypeId::U8, span),
            Ok(Type::Region) => {
                self.use_region(base, super::region::Access::Read, span);
                self.new_expr(ExprKind::Index(base, index), TypeId::U8, span)
            }
            Ok(Type::Error) => self.invalid(span),
            // What it was made of was not understood.
            Err(Open::Any) if self.sink.has_errors() => self.invalid(span),
            Ok(Type::Str) => {
                let list = self.list(&[base, index]);
                let op = super::tree::CollectionOp::OfText(flux_abi::select::TextOp::At);
                self.new_expr(ExprKind::Collection(op, list), TypeId::STR, span)
            }
            _ => {
                let found = self.type_name(self.ty(base));
                self.report(
                    Diagnostic::new(
                        codes::TYPE_MISMATCH,
                        self.span(base),
                        format!("expected an array, found {found}"),
                    )
                    .label(format!("this is {found}"))
                    .expected("an array")
                    .found(found),
                );
                self.invalid(span)
            }
        }
    }

    /// `data["field"]`, as other languages have it.
    fn field_in_brackets(&mut self, base: ExprId, written: &ast::Expr<'s>, span: Span) -> ExprId {
        let (object, name) = (self.source_text(self.span(base)), self.source_text(written.span));
        let field = name.trim_matches(['"', '\'']);
        let found = self.type_name(self.ty(base));
        self.report(
            Diagnostic::new(
                codes::TYPE_MISMATCH,
                span,
                format!("{found} is a struct: its parts have names, not keys"),
            )
            .label("a key in brackets")
            .expected("a field")
            .replace("name the field", span, format!("{object}.{field}")),
        );
        self.invalid(span)
    }

    pub(super) fn array(&mut self, elements: &[ast::Expr<'s>], want: TypeId, span: Span) -> ExprId {
        let wanted = self.get(want);
        let element = match wanted {
            Ok(Type::Array(element, _) | Type::List(element)) => element,
            Ok(Type::Bytes) => TypeId::U8,
            _ => self.program.types.variable(Open::Any),
        };
        if self.mode == Mode::Python {
            return self.python_list(elements, element, span);
        }
        let growable = elements.is_empty() && !matches!(wanted, Ok(Type::Array(..)))
            || matches!(wanted, Ok(Type::List(_) | Type::Bytes));
        let mut exprs = Vec::with_capacity(elements.len());
        for expr in elements {
            let id = self.value(expr, element);
            exprs.push(self.coerce(id, element));
        }
        let list = self.list(&exprs);
        let ty = match wanted {
            Ok(Type::Bytes) => TypeId::BYTES,
            _ if growable => self.program.types.intern(Type::List(element)),
            _ => self.program.types.intern(Type::Array(element, super::number(elements.len()))),
        };
        if growable {
            self.grows(span, "[…]");
        }
        if elements.is_empty() {
            self.sink.keep(&mut self.empty, (ty, span), span);
        }
        self.new_expr(ExprKind::Array(list), ty, span)
    }

    pub(super) fn array_repeat(
        &mut self,
        value: &ast::Expr<'s>,
        count: &ast::Expr<'s>,
        want: TypeId,
        span: Span,
    ) -> ExprId {
        let wanted = self.get(want);
        let element = match wanted {
            Ok(Type::Array(element, _) | Type::List(element)) => element,
            Ok(Type::Bytes) => TypeId::U8,
            _ => TypeId::ERROR,
        };
        let id = self.value(value, element);
        if let Ok(Type::List(_) | Type::Bytes) = wanted {
            let id = self.coerce(id, element);
            let count = self.expr_of(count, TypeId::I64);
            self.grows(span, "[…; …]");
            return self.new_expr(ExprKind::Repeat(id, Some(count)), want, span);
        }
        let Some(length) = self.length_of(count) else { return self.invalid(span) };
        let element = self.ty(id);
        let ty = self.program.types.intern(Type::Array(element, length));
        if self.program.types.layout(ty).is_none() {
            self.too_large(span);
            return self.invalid(span);
        }
        self.new_expr(ExprKind::Repeat(id, None), ty, span)
    }

    pub(super) fn too_large(&mut self, span: Span) {
        self.report(
            Diagnostic::new(
                codes::TYPE_TOO_LARGE,
                span,
                format!(
                    "a value of this type is larger than {} bytes, or holds itself",
                    super::types::AGGREGATE_BYTES
                ),
            )
            .label("too large")
            .hint("make the array shorter, or break the circle of types that hold each other"),
        );
    }

    pub(super) fn struct_literal(
        &mut self,
        name: Ident<'s>,
        inits: &[ast::FieldInit<'s>],
        span: Span,
    ) -> ExprId {
        let Some(ty) = self.type_named(name) else {
            for init in inits {
                self.expr(&init.value, TypeId::ERROR);
            }
            return self.invalid(span);
        };
        let Ok(Type::Struct(id)) = self.get(ty) else {
            self.report(
                Diagnostic::new(codes::TYPE_MISMATCH, name.span, format!("`{}` is no struct", name.text))
                    .label("fields are given to structs only"),
            );
            return self.invalid(span);
        };
        let fields: Vec<Field<'s>> =
            self.program.types.structure(id).map_or_else(Vec::new, |row| row.fields.clone());
        let mut values: Vec<Option<ExprId>> = Vec::new();
        values.resize(fields.len(), None);
        let mut places = alloc::vec![Span::default(); fields.len()];
        for init in inits {
            let Some(index) = fields.iter().position(|field| field.name == init.name.text) else {
                self.no_such_field(id, init.name);
                self.expr(&init.value, TypeId::ERROR);
                continue;
            };
            let want = fields.get(index).map_or(TypeId::ERROR, |field| field.ty);
            let value = self.value(&init.value, want);
            let value = self.own_object(value);
            let value = self.coerce(value, want);
            match values.get_mut(index) {
                Some(slot @ None) => {
                    *slot = Some(value);
                    if let Some(place) = places.get_mut(index) {
                        *place = init.name.span;
                    }
                }
                _ => self.report(
                    Diagnostic::new(
                        codes::DUPLICATE_NAME,
                        init.name.span,
                        format!("field `{}` given twice", init.name.text),
                    )
                    .label("given before")
                    .secondary(places.get(index).copied().unwrap_or_default(), "first here"),
                ),
            }
        }
        let missing: Vec<&str> = fields
            .iter()
            .zip(&values)
            .filter(|(_, value)| value.is_none())
            .map(|(field, _)| field.name)
            .take(12)
            .collect();
        if !missing.is_empty() {
            let list = missing.join(", ");
            self.report(
                Diagnostic::new(
                    codes::WRONG_ARGUMENTS,
                    span,
                    format!("fields of {} without a value: {list}", name.text),
                )
                .label("not complete")
                .expected(list),
            );
            return self.new_expr(ExprKind::Invalid, ty, span);
        }
        let exprs: Vec<ExprId> = values.into_iter().flatten().collect();
        let list = self.list(&exprs);
        self.new_expr(ExprKind::Struct(list), ty, span)
    }

    pub(super) fn no_such_field(&mut self, id: StructId, name: Ident<'s>) {
        let row = self.program.types.structure(id);
        let of = row.map_or("", |row| row.name);
        let fields = row.map_or(&[][..], |row| &row.fields);
        let near = self.nearest(name.text, fields.iter().map(|field| field.name));
        let mut diagnostic =
            Diagnostic::new(codes::UNKNOWN_FIELD, name.span, format!("{of} has no field `{}`", name.text))
                .label("no such field");
        if let Some(near) = near {
            diagnostic = diagnostic.replace(format!("did you mean `{near}`?"), name.span, near);
        }
        self.report(diagnostic);
    }

    pub(super) fn unknown_type(&mut self, name: Ident<'s>) {
        const BUILT_IN: &[&str] = &[
            "int", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "bool", "str",
            "duration",
        ];
        let near = habits::type_name(name.text)
            .or_else(|| self.nearest(name.text, self.names.types().chain(BUILT_IN.iter().copied())));
        let mut diagnostic =
            Diagnostic::new(codes::UNKNOWN_TYPE, name.span, format!("no type is called `{}`", name.text))
                .label("not a type")
                .found(name.text);
        diagnostic = match near {
            Some(near) => diagnostic.replace(format!("did you mean `{near}`?"), name.span, near),
            None if name.text == "void" => diagnostic.hint("leave out `->`: nothing is given back"),
            None => diagnostic
                .hint(format!("declare it in a `flux` block of `## Types`: `struct {} {{ … }}`", name.text)),
        };
        self.report(diagnostic);
    }

    /// The length of an array type: a constant.
    pub(super) fn length_of(&mut self, count: &ast::Expr<'s>) -> Option<u32> {
        let inside = if self.mode.is_foreign() { self.mode } else { Mode::Code };
        let mode = core::mem::replace(&mut self.mode, inside);
        let mut id = self.value(count, TypeId::I64);
        // A constant of C is of another integer type.
        if !matches!(self.get(self.ty(id)), Ok(Type::Int(_))) {
            id = self.coerce(id, TypeId::I64);
        }
        self.mode = mode;
        if self.get(self.ty(id)) == Ok(Type::Error) {
            return None;
        }
        match self.constant(id) {
            Some(super::tree::Value::Int(length)) if length < 0 => {
                self.report(
                    Diagnostic::new(
                        codes::NUMBER_OUT_OF_RANGE,
                        count.span,
                        format!("an array can't have {length} elements"),
                    )
                    .label("below zero")
                    .expected("0 or more")
                    .found(format!("{length}")),
                );
                None
            }
            Some(super::tree::Value::Int(length)) => match u32::try_from(length) {
                Ok(length) if length as usize <= limits::MODULE_BYTES => Some(length),
                _ => {
                    self.too_large(count.span);
                    None
                }
            },
            _ => {
                self.not_constant(id, "the length of an array");
                None
            }
        }
    }
}
