//! Declarations: structs, enums, constants, functions; types as written.

use alloc::format;
use alloc::vec::Vec;

use super::scope::Binding;
use super::tree::{Body, Const, ConstId, FnId, Function, Local};
use super::types::{DESCRIPTOR_BYTES, Field, StructId, StructProblem, Type, TypeId, Types};
use super::{Checker, Mode, Place, Use, number};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{Document, Ident, ItemKind, TypeKind};
use crate::span::Span;
use flux_abi::limits;

/// Fields of a struct, variants of an enum.
const MOST_MEMBERS: usize = 256;

impl<'s> Checker<'_, 's> {
    /// Reports what the language has and this version of the compiler has not.
    pub(super) fn refuse_what_comes_later(&mut self, document: &Document<'s>) {
        for tile in &document.frontmatter.tiles {
            self.unsupported(tile.span, "a tile");
        }
        for tile in &document.tiles {
            self.unsupported(tile.heading, "a tile");
        }
        for region in &document.regions {
            self.unsupported(region.heading, "a memory region");
        }
        for fence in &document.fences {
            self.unsupported(fence.span, "a block of this language");
        }
    }

    pub(super) fn declare_items(&mut self, document: &Document<'s>) {
        let mut structs: Vec<(StructId, &[ast::Field<'s>])> = Vec::new();
        for item in &document.items {
            match &item.kind {
                ItemKind::Struct { name, fields } => {
                    if self.type_name_is_free(*name) {
                        let (id, ty) = self.program.types.add_struct(name.text, name.span);
                        let symbol = self.names.symbol(name.text);
                        self.names.set_ty(symbol, ty);
                        structs.push((id, fields));
                    }
                }
                ItemKind::Enum { name, variants } => self.declare_enum(*name, variants),
                ItemKind::Const { .. } | ItemKind::Fn(_) => {}
            }
        }
        // Constants may be lengths of arrays in structs, and structs types of constants.
        for item in &document.items {
            if let ItemKind::Const { name, ty, value } = &item.kind
                && !matches!(value.kind, ast::ExprKind::Struct { .. } | ast::ExprKind::Array(_))
            {
                self.declare_const(*name, ty.as_ref(), value);
            }
        }
        for (id, fields) in &structs {
            self.declare_fields(*id, fields);
        }
        for (id, problem) in self.program.types.settle_structs() {
            let span = self.program.types.structure(id).map_or_else(Default::default, |row| row.span);
            match problem {
                StructProblem::TooLarge => self.too_large(span),
                StructProblem::TooManyFields => self.report(
                    Diagnostic::new(
                        codes::TYPE_TOO_LARGE,
                        span,
                        "the struct, with the structs in it, has too many fields",
                    )
                    .label(format!("its descriptor is longer than {DESCRIPTOR_BYTES} bytes"))
                    .hint("make an array of what repeats, or several structs that do not hold each other"),
                ),
            }
        }
        for item in &document.items {
            match &item.kind {
                ItemKind::Const { name, ty, value }
                    if matches!(value.kind, ast::ExprKind::Struct { .. } | ast::ExprKind::Array(_)) =>
                {
                    self.declare_const(*name, ty.as_ref(), value);
                }
                ItemKind::Fn(function) => self.declare_function(function),
                _ => {}
            }
        }
        self.exports(document);
    }

    /// What the document shows to others; functions of the document itself are part of its module.
    fn exports(&mut self, document: &Document<'s>) {
        for export in &document.exports {
            let symbol = self.names.symbol(export.name.text);
            match self.names.function(symbol) {
                Some(_) if self.names.unit() > 0 => {}
                None if self.names.is_declared(symbol) => {}
                Some(function) => {
                    let ret =
                        self.program.functions.get(function.index()).map_or(TypeId::UNIT, |row| row.ret);
                    if self.program.types.is_aggregate(ret) {
                        self.unsupported(export.name.span, "an export whose result is a struct or array");
                    }
                    self.program.exports.push(function);
                }
                None => self.report(
                    Diagnostic::new(
                        codes::UNKNOWN_FUNCTION,
                        export.name.span,
                        format!("no function, type or constant is called `{}`", export.name.text),
                    )
                    .label("not defined in this document"),
                ),
            }
        }
    }

    fn type_name_is_free(&mut self, name: Ident<'s>) -> bool {
        let symbol = self.names.symbol(name.text);
        if Types::builtin(name.text).is_none() && self.names.ty(symbol).is_none() {
            return true;
        }
        let types = &self.program.types;
        let first = match self.names.ty(symbol).and_then(|ty| self.get(ty).ok()) {
            Some(Type::Struct(id)) => types.structure(id).map(|row| row.span),
            Some(Type::Enum(id)) => types.enumeration(id).map(|row| row.span),
            // A type of the language itself.
            _ => None,
        };
        self.defined_twice(name, "type", first);
        false
    }

    /// Reports a second definition of a name; `first` is where the first one stands in the document.
    pub(super) fn defined_twice(&mut self, name: Ident<'s>, what: &str, first: Option<Span>) {
        let diagnostic = Diagnostic::new(
            codes::DUPLICATE_NAME,
            name.span,
            format!("a {what} is called `{}` already", name.text),
        )
        .label("defined before");
        self.report(match first {
            Some(first) => diagnostic.secondary(first, "first here"),
            None => diagnostic,
        });
    }

    fn declare_enum(&mut self, name: Ident<'s>, variants: &[ast::Variant<'s>]) {
        if !self.type_name_is_free(name) {
            return;
        }
        let symbol = self.names.symbol(name.text);
        let mut names: Vec<&'s str> = Vec::with_capacity(variants.len().min(MOST_MEMBERS));
        let mut spans: Vec<Span> = Vec::with_capacity(names.capacity());
        let mut payload = false;
        for variant in variants {
            if !variant.payload.is_empty() && !payload {
                payload = true;
                self.unsupported(variant.name.span, "an enum with values in its variants");
            }
            if let Some(first) = names.iter().position(|name| *name == variant.name.text) {
                self.defined_twice(variant.name, "variant", spans.get(first).copied());
            } else if names.len() >= MOST_MEMBERS {
                self.too_many_members(variant.name, "variants");
                break;
            } else {
                names.push(variant.name.text);
                spans.push(variant.name.span);
            }
        }
        let ty = if payload || names.is_empty() {
            if names.is_empty() {
                self.report(
                    Diagnostic::new(codes::UNKNOWN_TYPE, name.span, "an enum needs a variant at least")
                        .label("empty"),
                );
            }
            TypeId::ERROR
        } else {
            self.program.types.add_enum(name.text, name.span, names)
        };
        self.names.set_ty(symbol, ty);
    }

    fn too_many_members(&mut self, name: Ident<'s>, what: &str) {
        self.report(
            Diagnostic::new(codes::LIMIT_PASSED, name.span, format!("more than {MOST_MEMBERS} {what}"))
                .label("one too many"),
        );
    }

    fn declare_fields(&mut self, id: StructId, fields: &[ast::Field<'s>]) {
        let mut rows: Vec<Field<'s>> = Vec::with_capacity(fields.len().min(MOST_MEMBERS));
        let mut spans: Vec<Span> = Vec::with_capacity(rows.capacity());
        for field in fields {
            if let Some(first) = rows.iter().position(|row| row.name == field.name.text) {
                self.defined_twice(field.name, "field", spans.get(first).copied());
                continue;
            }
            if rows.len() >= MOST_MEMBERS {
                self.too_many_members(field.name, "fields");
                break;
            }
            let ty = self.type_of(&field.ty);
            rows.push(Field { name: field.name.text, ty });
            spans.push(field.name.span);
        }
        self.program.types.set_fields(id, rows);
    }

    fn declare_const(&mut self, name: Ident<'s>, ty: Option<&ast::Type<'s>>, value: &ast::Expr<'s>) {
        let symbol = self.names.symbol(name.text);
        if self.names.binding(symbol) != Binding::None {
            let first = match self.names.binding(symbol) {
                Binding::Const(id) => self.program.consts.get(id.index()).map(|row| row.span),
                _ => None,
            };
            self.defined_twice(name, "constant", first);
            return;
        }
        self.mode = Mode::Code;
        self.begin_body(Place::Value, TypeId::UNIT);
        let id = match ty {
            Some(ty) => {
                let ty = self.type_of(ty);
                self.expr_of(value, ty)
            }
            None => self.value(value, TypeId::ERROR),
        };
        let ty = self.ty(id);
        self.settle_deep(ty);
        let value = self.constant_of(id, "a constant");
        self.ctx = super::Context::default();
        let id = ConstId(number(self.program.consts.len()));
        let row = Const { name: name.text, unit: self.names.unit(), span: name.span, ty, value };
        self.sink.keep(&mut self.program.consts, row, name.span);
        self.names.bind(symbol, Binding::Const(id));
    }

    /// Gives what is open in a type its default.
    fn settle_deep(&mut self, ty: TypeId) {
        let mut at = ty;
        loop {
            self.program.types.settle(at);
            match self.get(at) {
                Ok(Type::Array(inner, _) | Type::Optional(inner)) => at = inner,
                _ => return,
            }
        }
    }

    fn declare_function(&mut self, function: &ast::FnDecl<'s>) {
        let symbol = self.names.symbol(function.name.text);
        if let Some(first) = self.names.function(symbol) {
            let first = self.program.functions.get(first.index()).map(|row| row.span);
            self.defined_twice(function.name, "function", first);
            return;
        }
        if self.program.functions.len() >= limits::FUNCTIONS {
            if self.program.functions.len() == limits::FUNCTIONS {
                self.report(
                    Diagnostic::new(
                        codes::LIMIT_PASSED,
                        function.name.span,
                        format!("more than {} functions", limits::FUNCTIONS),
                    )
                    .label("one too many"),
                );
            }
            return;
        }
        let mut locals: Vec<Local<'s>> = Vec::new();
        for param in &function.params {
            let ty = match &param.ty {
                Some(ty) => self.type_of(ty),
                None => TypeId::ERROR,
            };
            let same = |local: &&Local<'_>| local.name == param.name.text && local.name != "_";
            if let Some(first) = locals.iter().find(same) {
                self.defined_twice(param.name, "parameter of this function", Some(first.span));
            }
            let local = Local { name: param.name.text, ty, span: param.name.span };
            self.sink.keep(&mut locals, local, param.name.span);
        }
        if locals.len() >= 250 {
            self.report(
                Diagnostic::new(
                    codes::LIMIT_PASSED,
                    function.name.span,
                    format!(
                        "`{}` takes {} values, at most 249 are possible",
                        function.name.text,
                        locals.len()
                    ),
                )
                .label("too many")
                .hint("put them into a struct"),
            );
        }
        let ret = function.ret.as_ref().map_or(TypeId::UNIT, |ty| self.type_of(ty));
        let id = FnId(number(self.program.functions.len()));
        self.names.set_function(symbol, id);
        self.call_marks.push(0);
        let row = Function {
            name: function.name.text,
            unit: self.names.unit(),
            span: function.signature,
            ret,
            body: Body { params: number(locals.len()), locals, ..Body::default() },
        };
        self.sink.keep(&mut self.program.functions, row, function.signature);
    }

    /// The bodies of the document's functions, which were declared from number `first` on.
    pub(super) fn function_bodies(&mut self, document: &Document<'s>, first: usize) {
        let mut next = number(first);
        for item in &document.items {
            let ItemKind::Fn(function) = &item.kind else { continue };
            let symbol = self.names.symbol(function.name.text);
            // A second function of that name has no row of its own.
            if self.names.function(symbol) != Some(FnId(next)) {
                continue;
            }
            self.function_body(FnId(next), function);
            next = next.saturating_add(1);
        }
    }

    fn function_body(&mut self, id: FnId, function: &ast::FnDecl<'s>) {
        let Some(row) = self.program.functions.get_mut(id.index()) else { return };
        let ret = row.ret;
        let params: Vec<Local<'s>> = row.body.locals.clone();
        self.mode = Mode::Code;
        let scope = self.names.enter();
        self.begin_body(Place::Function, ret);
        for param in &params {
            let name = Ident { text: param.name, span: param.span };
            let local = self.declare_local(name, param.ty, Use::Parameter);
            self.flow.assign(local);
        }
        let block = self.function_block(&function.body, ret, function.name.text);
        self.names.leave(scope);
        let body = self.end_body(number(params.len()), block);
        if let Some(row) = self.program.functions.get_mut(id.index()) {
            row.body = body;
        }
    }

    /// A type as written.
    pub(super) fn type_of(&mut self, ty: &ast::Type<'s>) -> TypeId {
        match &ty.kind {
            TypeKind::Name(name) => {
                if let Some(ty) = Types::builtin(name) {
                    return ty;
                }
                if matches!(*name, "bytes" | "agent" | "capability" | "region" | "bytecode") {
                    let what = format!("the type `{name}`");
                    self.unsupported(ty.span, &what);
                    return TypeId::ERROR;
                }
                self.type_named(Ident { text: name, span: ty.span }).unwrap_or(TypeId::ERROR)
            }
            TypeKind::Array(element, length) => {
                let element = self.type_of(element);
                let Some(length) = self.length_of(length) else { return TypeId::ERROR };
                if element == TypeId::ERROR {
                    return element;
                }
                self.program.types.intern(Type::Array(element, length))
            }
            TypeKind::List(_) => self.later_type(ty, "a growable array"),
            TypeKind::Map(..) => self.later_type(ty, "a map"),
            TypeKind::Optional(inner) => {
                let inner = self.type_of(inner);
                if inner == TypeId::ERROR {
                    return inner;
                }
                self.program.types.intern(Type::Optional(inner))
            }
            TypeKind::Fn(..) => self.later_type(ty, "a function value"),
        }
    }

    fn later_type(&mut self, ty: &ast::Type<'s>, what: &str) -> TypeId {
        self.unsupported(ty.span, what);
        TypeId::ERROR
    }

    /// A type as written, of a value that is stored.
    pub(super) fn stored_type_of(&mut self, ty: &ast::Type<'s>) -> TypeId {
        let id = self.type_of(ty);
        if self.program.types.layout(id).is_none() {
            self.too_large(ty.span);
            return TypeId::ERROR;
        }
        id
    }
}
