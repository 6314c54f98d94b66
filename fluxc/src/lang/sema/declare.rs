//! Declarations: structs, enums, constants, functions; types as written.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::scope::Binding;
use super::tree::{Body, Const, ConstId, FnId, Function, Local};
use super::types::{DESCRIPTOR_BYTES, EnumId, Field, Payloads, Problem, StructId, Type, TypeId, Types};
use super::{Checker, Mode, Place, Use, VariantOf, number};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{Document, Ident, ItemKind, TypeKind};
use crate::span::Span;
use flux_abi::limits;
use hashbrown::HashSet;

/// Values that a function takes.
pub(super) const MOST_VALUES: usize = 249;

/// Fields of a struct, variants of an enum.
const MOST_MEMBERS: usize = 256;

impl<'s> Checker<'_, 's> {
    /// Reports what the language has and this version of the compiler has not.
    pub(super) fn declare_items(&mut self, document: &Document<'s>) {
        let mut structs: Vec<(StructId, &[ast::Field<'s>])> = Vec::new();
        let mut enums: Vec<(EnumId, &[ast::Variant<'s>])> = Vec::new();
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
                ItemKind::Enum { name, variants } => {
                    if let Some(id) = self.declare_enum(*name, variants) {
                        enums.push((id, variants));
                    }
                }
                ItemKind::InvalidType { name } => {
                    let symbol = self.names.symbol(name.text);
                    self.names.set_ty(symbol, TypeId::ERROR);
                }
                ItemKind::Const { .. } | ItemKind::Fn(_) => {}
            }
        }
        self.declare_data(document);
        // Constants may be lengths of arrays in declared types, and those the types of constants.
        let mut late: HashSet<&'s str> = HashSet::new();
        for item in &document.items {
            if let ItemKind::Const { name, ty, value, dialect } = &item.kind {
                if self.is_late(value, &late) {
                    late.insert(name.text);
                } else {
                    self.declare_const(*name, ty.as_ref(), value, *dialect);
                }
            }
        }
        for (id, fields) in &structs {
            self.declare_fields(*id, fields);
        }
        for (id, variants) in &enums {
            self.declare_payloads(*id, variants);
        }
        for (span, problem) in self.program.types.settle_declared() {
            self.impossible_type(problem, span);
            // What is made of it is not blamed.
            let symbol = self.names.symbol(self.source_text(span));
            self.names.set_ty(symbol, TypeId::ERROR);
        }
        for item in &document.items {
            match &item.kind {
                ItemKind::Const { name, ty, value, dialect } if late.contains(name.text) => {
                    self.declare_const(*name, ty.as_ref(), value, *dialect);
                }
                ItemKind::Fn(function) => self.declare_function(function),
                _ => {}
            }
        }
        self.find_changes(document);
        self.exports(document);
    }

    fn impossible_type(&mut self, problem: Problem, span: Span) {
        let (message, label, hint) = match problem {
            Problem::TooLarge => return self.too_large(span),
            Problem::TooManyFields => (
                "the type, with the types in it, has too many fields",
                format!("its descriptor is longer than {DESCRIPTOR_BYTES} bytes"),
                "make an array of what repeats, or several structs that do not hold each other",
            ),
            Problem::TooDeep => (
                "the type, with the types in it, is nested too deep",
                format!(
                    "structs, arrays, maps, optionals and the value in them: over {} levels",
                    limits::TYPE_NESTING
                ),
                "keep what lies inside in a place of its own, and here the key or index by which it is found",
            ),
        };
        self.report(Diagnostic::new(codes::TYPE_TOO_LARGE, span, message).label(label).hint(hint));
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
                    let row = self.program.functions.get(function.index());
                    let functions = row.is_some_and(|row| {
                        row.takes_functions(&self.program.types) || self.program.types.holds_function(ret)
                    });
                    // Documents that use this one call it like any other. Modules call each other with words alone.
                    if functions || self.program.types.is_aggregate(ret) {
                        continue;
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
            Some(Type::Enum(id) | Type::Union(id)) => types.enumeration(id).map(|row| row.span),
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
            format!("{} is called `{}` already", with_article(what), name.text),
        )
        .label("defined before");
        self.report(match first {
            Some(first) => diagnostic.secondary(first, "first here"),
            None => diagnostic,
        });
    }

    /// Tells whether the value of a constant needs declared types to be complete: it makes one,
    /// or names a constant that does.
    fn is_late(&self, value: &ast::Expr<'s>, late: &HashSet<&'s str>) -> bool {
        let mut found = false;
        ast::walk(value, &mut |expr| {
            found |= match &expr.kind {
                ast::ExprKind::Struct(_)
                | ast::ExprKind::Array(_)
                | ast::ExprKind::ArrayRepeat { .. }
                | ast::ExprKind::Field(_)
                | ast::ExprKind::Method(_)
                | ast::ExprKind::Call(_)
                | ast::ExprKind::Initializer(_)
                | ast::ExprKind::SizeOf(_)
                | ast::ExprKind::SizeOfType(_)
                | ast::ExprKind::None => true,
                ast::ExprKind::Name(name) => late.contains(name) || self.variants.contains_key(name),
                _ => false,
            };
        });
        found
    }

    fn declare_enum(&mut self, name: Ident<'s>, variants: &[ast::Variant<'s>]) -> Option<EnumId> {
        if !self.type_name_is_free(name) {
            return None;
        }
        let symbol = self.names.symbol(name.text);
        let mut names: Vec<&'s str> = Vec::with_capacity(variants.len().min(MOST_MEMBERS));
        let mut spans: Vec<Span> = Vec::with_capacity(names.capacity());
        let mut payloads = Payloads::None;
        for variant in variants {
            if !variant.payload.is_empty() {
                payloads = Payloads::Some;
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
        if names.is_empty() {
            self.report(
                Diagnostic::new(codes::UNKNOWN_TYPE, name.span, "an enum needs a variant at least")
                    .label("empty"),
            );
            self.names.set_ty(symbol, TypeId::ERROR);
            return None;
        }
        let ty = self.program.types.add_enum(name.text, name.span, names.clone(), payloads);
        for variant in names {
            let of =
                if self.variants.contains_key(variant) { VariantOf::Several } else { VariantOf::One(ty) };
            self.variants.insert(variant, of);
        }
        self.names.set_ty(symbol, ty);
        self.program.types.enum_of(ty).map(|(id, _)| id)
    }

    fn declare_payloads(&mut self, id: EnumId, variants: &[ast::Variant<'s>]) {
        let mut seen: HashSet<&'s str> = HashSet::new();
        for variant in variants {
            // A second variant of that name has no row of its own.
            if !seen.insert(variant.name.text) {
                continue;
            }
            let mut types = Vec::with_capacity(variant.payload.len().min(MOST_MEMBERS));
            for ty in &variant.payload {
                if types.len() >= MOST_MEMBERS {
                    self.too_many_members(variant.name, "values in a variant");
                    break;
                }
                types.push(self.type_of(ty));
            }
            self.program.types.set_payload(id, seen.len().saturating_sub(1), types);
        }
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

    fn declare_const(
        &mut self,
        name: Ident<'s>,
        ty: Option<&ast::Type<'s>>,
        value: &ast::Expr<'s>,
        dialect: ast::Dialect,
    ) {
        let symbol = self.names.symbol(name.text);
        if self.names.binding(symbol) != Binding::None {
            let first = match self.names.binding(symbol) {
                Binding::Const(id) => self.program.consts.get(id.index()).map(|row| row.span),
                _ => None,
            };
            self.defined_twice(name, "constant", first);
            return;
        }
        self.mode = Mode::of(dialect);
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
        self.sink.charge(value.as_ref().map_or(0, super::tree::Value::bytes), name.span);
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
                // A constant holds nothing that grows.
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
            self.report(
                Diagnostic::new(
                    codes::LIMIT_PASSED,
                    function.name.span,
                    format!("more than {} functions", limits::FUNCTIONS),
                )
                .label("one too many"),
            );
            return;
        }
        self.mode = Mode::of(function.dialect);
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
        if locals.len() > MOST_VALUES {
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
            dialect: function.dialect,
            changes: Vec::new(),
            body: Body { params: number(locals.len()), locals, ..Body::default() },
            given: None,
            captures: None,
            grows: None,
        };
        self.sink.keep(&mut self.program.functions, row, function.signature);
    }

    /// The bodies of the document's functions, which were declared from number `first` on.
    pub(super) fn function_bodies(&mut self, document: &mut Document<'s>, first: usize) {
        let mut next = number(first);
        for item in &mut document.items {
            let ItemKind::Fn(function) = &mut item.kind else { continue };
            let symbol = self.names.symbol(function.name.text);
            // A second function of that name has no row of its own.
            if self.names.function(symbol) != Some(FnId(next)) {
                continue;
            }
            if !function.dialect.is_given() {
                self.function_body(FnId(next), function);
                self.done_with(&mut function.body);
            }
            next = next.saturating_add(1);
        }
    }

    fn function_body(&mut self, id: FnId, function: &ast::FnDecl<'s>) {
        let Some(row) = self.program.functions.get_mut(id.index()) else { return };
        let ret = row.ret;
        let params: Vec<Local<'s>> = row.body.locals.clone();
        let changes = row.changes.clone();
        self.mode = Mode::of(function.dialect);
        let scope = self.names.enter();
        self.begin_body(Place::Function, ret);
        self.ctx.params = number(params.len());
        for (index, param) in params.iter().enumerate() {
            let name = Ident { text: param.name, span: param.span };
            let how = if changes.get(index) == Some(&true) { Use::Variable } else { Use::Parameter };
            let local = self.declare_local(name, param.ty, how);
            self.flow.assign(local);
        }
        let block = self.function_block(&function.body, ret, function.name.text);
        self.names.leave(scope);
        let grows = self.ctx.grows;
        let body = self.end_body(number(params.len()), block);
        if let Some(row) = self.program.functions.get_mut(id.index()) {
            row.body = body;
            row.grows = grows;
        }
    }

    /// A type as written.
    pub(super) fn type_of(&mut self, ty: &ast::Type<'s>) -> TypeId {
        match &ty.kind {
            TypeKind::Name(name) => {
                if let Some(ty) = Types::builtin(name) {
                    return ty;
                }
                if *name == "bytecode" {
                    self.report(
                        Diagnostic::new(codes::NO_VALUE_OF_TYPE, ty.span, "no value has the type `bytecode`")
                            .label("nothing makes one")
                            .hint("a program is named by its document: `Spawn worker from \"worker.flux.md\" as w`"),
                    );
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
            TypeKind::List(element) => {
                let element = self.type_of(element);
                if element == TypeId::ERROR {
                    return element;
                }
                self.program.types.intern(Type::List(element))
            }
            TypeKind::Map(key, value) => {
                let (place, key, value) = (key.span, self.type_of(key), self.type_of(value));
                if key == TypeId::ERROR || value == TypeId::ERROR {
                    return TypeId::ERROR;
                }
                if !self.program.types.is_key(key) {
                    self.no_key(key, place);
                    return TypeId::ERROR;
                }
                self.program.types.intern(Type::Map(key, value))
            }
            TypeKind::Optional(inner) => {
                let inner = self.type_of(inner);
                if inner == TypeId::ERROR {
                    return inner;
                }
                self.program.types.intern(Type::Optional(inner))
            }
            TypeKind::Fn(params, ret) => {
                let params: Vec<TypeId> = params.iter().map(|ty| self.type_of(ty)).collect();
                let ret = ret.as_ref().map_or(TypeId::UNIT, |ty| self.type_of(ty));
                if ret == TypeId::ERROR || params.contains(&TypeId::ERROR) {
                    return TypeId::ERROR;
                }
                self.program.types.function(params, ret)
            }
        }
    }

    /// A type as written, of a value that is stored.
    pub(super) fn stored_type_of(&mut self, ty: &ast::Type<'s>) -> TypeId {
        let id = self.type_of(ty);
        let types = &self.program.types;
        let problem = if types.levels(id) > limits::TYPE_NESTING {
            Problem::TooDeep
        } else if types.layout(id).is_none() {
            Problem::TooLarge
        } else {
            return id;
        };
        self.impossible_type(problem, ty.span);
        TypeId::ERROR
    }
}

/// `an agent`, `a function`.
fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {noun}")
}
