//! Methods of growable arrays, bytes, maps and texts.
//!
//! What makes or changes a growable value needs the capability MEMORY: of the agent in whose
//! sections it stands, or whose sections call the function that it stands in.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::scope::Binding;
use super::tree::{CollectionOp, ExprId, ExprKind, FloatOrInt, StmtKind};
use super::types::{Open, Type, TypeId};
use super::{Checker, Mode, Place};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{Ident, TextShape};
use crate::span::Span;
use flux_abi::capability::CapabilityKind;
use flux_abi::select::TextOp;

/// What a method does and asks for, its first operand left out.
struct Method {
    op: CollectionOp,
    args: Vec<TypeId>,
    result: TypeId,
}

impl<'s> Checker<'_, 's> {
    /// Notes that something needs memory that grows.
    pub(super) fn grows(&mut self, span: Span, what: &'static str) {
        if self.ctx.place == Place::Function {
            self.ctx.grows.get_or_insert((span, what));
        } else if self.agent.active() {
            self.need(CapabilityKind::Memory, span, what);
        }
    }

    /// Finds out which functions need memory that grows, over others or not.
    pub(super) fn spread_growth(&mut self) {
        let functions = &self.program.functions;
        let mut callers: Vec<(u32, u32)> = Vec::new();
        for (caller, function) in (0u32..).zip(functions) {
            callers.extend(function.body.calls.iter().map(|callee| (callee.0, caller)));
        }
        callers.sort_unstable();
        let mut growing: Vec<bool> = functions.iter().map(|function| function.grows.is_some()).collect();
        let mut open: Vec<u32> =
            (0u32..).zip(&growing).filter(|(_, grows)| **grows).map(|(id, _)| id).collect();
        while let Some(callee) = open.pop() {
            let from = callers.partition_point(|(of, _)| *of < callee);
            for (_, caller) in callers.iter().skip(from).take_while(|(of, _)| *of == callee) {
                if let Some(slot @ false) = growing.get_mut(*caller as usize) {
                    *slot = true;
                    open.push(*caller);
                }
            }
        }
        self.growing = growing;
    }

    /// Reports empty arrays and maps of which nothing tells what is in them.
    pub(super) fn check_elements(&mut self) {
        for (ty, span) in core::mem::take(&mut self.empty) {
            if let Ok(Type::Map(key, _)) = self.get(ty)
                && self.get(key) != Err(Open::Any)
                && !self.program.types.is_key(key)
            {
                self.no_key(key, span);
                continue;
            }
            let unknown = |checker: &Self, id| checker.get(id) == Err(Open::Any);
            let example = match self.get(ty) {
                Ok(Type::List(element)) if unknown(self, element) => "var numbers: [int] = []",
                Ok(Type::Map(key, value)) if unknown(self, key) || unknown(self, value) => {
                    "var counts: map[str]int = {}"
                }
                _ => continue,
            };
            self.report(
                Diagnostic::new(codes::TYPE_UNKNOWN, span, "nothing tells what is in this empty value")
                    .label("of any element")
                    .hint(format!("write its type where it is introduced: `{example}`")),
            );
        }
    }

    /// A method of a growable value or text; `None` if it may be a method of something else.
    pub(super) fn collection_method(
        &mut self,
        first: ExprId,
        name: Ident<'s>,
        args: &[ast::Expr<'s>],
        span: Span,
    ) -> Option<ExprId> {
        let ty = self.ty(first);
        if self.get(ty) == Ok(Type::Region) {
            return Some(self.region_method(first, name, args, span));
        }
        let (methods, method): (&[&str], _) = match self.get(ty) {
            Ok(Type::List(element)) => (LIST, self.list_method(name.text, ty, element, args.len())),
            Ok(Type::Bytes) => (BYTES, self.list_method(name.text, ty, TypeId::U8, args.len())),
            Ok(Type::Map(key, value)) => (MAP, self.map_method(name.text, key, value)),
            Ok(Type::Array(element, _)) if self.mode != Mode::Python && ARRAY.contains(&name.text) => {
                let list = self.program.types.intern(Type::List(element));
                (ARRAY, self.list_method(name.text, list, element, args.len()))
            }
            Ok(Type::Str) => (TEXT, self.text_method(name.text)),
            _ => return None,
        };
        if name.text == "len" {
            return None;
        }
        let Some(method) = method else {
            if let Some(id) = self.unknown_method(first, name, methods) {
                return Some(id);
            }
            for arg in args {
                self.expr(arg, TypeId::ERROR);
            }
            return Some(self.invalid(span));
        };
        if args.len() != method.args.len() {
            self.wrong_count(name, method.args.len(), args.len(), span, None);
            return Some(self.new_expr(ExprKind::Invalid, method.result, span));
        }
        let mut exprs = vec![first];
        for (arg, want) in args.iter().zip(&method.args) {
            exprs.push(self.expr_of(arg, *want));
        }
        if method.op.changes() {
            self.check_changeable(first);
        }
        if method.op.needs_memory() {
            self.grows(span, "a growable array");
        }
        for (arg, want) in exprs.iter().skip(1).zip(&method.args) {
            if matches!(self.get(*want), Ok(Type::Function(_))) {
                self.note_indirect(*want, self.span(*arg));
            }
        }
        self.check_method(method.op, ty, method.result, exprs.len(), span);
        let list = self.list(&exprs);
        Some(self.new_expr(ExprKind::Collection(method.op, list), method.result, span))
    }

    /// Reports what the types alone allow and a method does not.
    fn check_method(&mut self, op: CollectionOp, ty: TypeId, result: TypeId, operands: usize, span: Span) {
        let element = self.program.types.element(ty).unwrap_or(TypeId::ERROR);
        let name = self.type_name(element);
        let found = match op {
            CollectionOp::Map
                if self.program.types.element(result).map(|ty| self.get(ty)) == Some(Ok(Type::Unit)) =>
            {
                Diagnostic::new(codes::TYPE_MISMATCH, span, "the function gives no value for the new array")
                    .label("an array of nothing")
                    .hint("go through the elements with `for`")
            }
            CollectionOp::Sort
                if operands == 1
                    && !matches!(
                        self.get(element),
                        Ok(Type::Int(_) | Type::Float(_) | Type::Str | Type::Duration | Type::Error) | Err(_)
                    ) =>
            {
                Diagnostic::new(codes::TYPE_MISMATCH, span, format!("values of type {name} have no order"))
                    .label(format!("elements of type {name}"))
                    .hint("say what comes first: `xs.sort(|a, b| a.field < b.field)`")
            }
            CollectionOp::Contains if !self.comparable(element) => Diagnostic::new(
                codes::TYPE_MISMATCH,
                span,
                format!("values of type {name} cannot be compared"),
            )
            .label(format!("elements of type {name}")),
            _ => return,
        };
        self.report(found);
    }

    /// A value as a text of a shape.
    pub(super) fn shaped(&mut self, value: ExprId, shape: TextShape, at: Span) -> ExprId {
        let ty = self.ty(value);
        if shape.decimals.is_some() {
            if self.get(ty) == Err(Open::Any) {
                self.program.types.unify(ty, TypeId::F64);
            }
            if !matches!(self.get(ty), Ok(Type::Float(_) | Type::Error) | Err(Open::Float)) {
                let found = self.type_name(ty);
                let text = self.source_text(self.span(value));
                self.report(
                    Diagnostic::new(
                        codes::TYPE_MISMATCH,
                        at,
                        format!("only numbers with a point have digits behind it, found {found}"),
                    )
                    .label(format!("the value is {found}"))
                    .hint(format!("a whole number can be made one: `{{{text} as f64:.2}}`")),
                );
            }
        }
        let list = self.list(&[value]);
        let span = self.span(value);
        self.new_expr(ExprKind::Collection(CollectionOp::Shaped(shape), list), TypeId::STR, span)
    }

    /// Reports a type that maps cannot have keys of.
    pub(super) fn no_key(&mut self, key: TypeId, span: Span) {
        let name = self.type_name(key);
        self.report(
            Diagnostic::new(codes::TYPE_MISMATCH, span, format!("a map cannot have keys of type {name}"))
                .label(format!("keys of type {name}"))
                .expected("str, a whole number, bool, duration or an enum without values"),
        );
    }

    /// `{"a": 1}`.
    pub(super) fn map_literal(
        &mut self,
        entries: &[(ast::Expr<'s>, ast::Expr<'s>)],
        want: TypeId,
        span: Span,
    ) -> ExprId {
        let (key, value) = match self.get(want) {
            Ok(Type::Map(key, value)) => (key, value),
            _ => (self.program.types.variable(Open::Any), self.program.types.variable(Open::Any)),
        };
        let mut exprs = Vec::new();
        let mut known = true;
        for (one, other) in entries {
            if self.is_bare_key(one) {
                known = false;
                self.value(other, value);
                continue;
            }
            for (expr, want) in [(one, key), (other, value)] {
                let id = self.value(expr, want);
                exprs.push(self.coerce(id, want));
            }
        }
        let ty = self.program.types.intern(Type::Map(key, value));
        self.grows(span, "a map");
        if known {
            self.sink.keep(&mut self.empty, (ty, span), span);
        }
        let list = self.list(&exprs);
        self.new_expr(ExprKind::Collection(CollectionOp::MapOf, list), ty, span)
    }

    /// Reports a key that is a word without a meaning; `false` for any other.
    fn is_bare_key(&mut self, key: &ast::Expr<'s>) -> bool {
        let ast::ExprKind::Name(text) = key.kind else { return false };
        let symbol = self.names.symbol(text);
        if self.names.binding(symbol) != Binding::None || self.names.function(symbol).is_some() {
            return false;
        }
        let message = format!("`{text}` is not defined, so that it is no key of a map");
        self.report(
            Diagnostic::new(codes::UNDEFINED_NAME, key.span, message)
                .label("no such name here; a struct begins with its name: `Point { x: 1.0 }`")
                .replace("a text as key stands in quotes", key.span, format!("\"{text}\"")),
        );
        true
    }

    /// Map and key of an expression that is the value of a key.
    pub(super) fn entry(&self, id: ExprId) -> Option<(ExprId, ExprId)> {
        let ExprKind::Collection(CollectionOp::Get, list) = self.program.expr(id).kind else { return None };
        match self.program.list(list) {
            [map, key] => Some((*map, *key)),
            _ => None,
        }
    }

    /// `map[key] = value`; `None` if the place is another one.
    pub(super) fn set_entry(&mut self, place: ExprId, value: ExprId, span: Span) -> Option<StmtKind> {
        let (map, key) = self.entry(place)?;
        let Ok(Type::Map(_, of)) = self.get(self.ty(map)) else { return None };
        let value = self.coerce(value, of);
        self.grows(span, "a map");
        let list = self.list(&[map, key, value]);
        let set = self.new_expr(ExprKind::Collection(CollectionOp::Set, list), TypeId::UNIT, span);
        Some(StmtKind::Eval(set))
    }

    /// The value of a key as a place that is read and written; any other place as it is.
    pub(super) fn entry_to_update(&mut self, place: ExprId) -> ExprId {
        let Some((map, key)) = self.entry(place) else { return place };
        let Ok(Type::Map(_, of)) = self.get(self.ty(map)) else { return place };
        let span = self.span(place);
        self.grows(span, "a map");
        self.new_expr(ExprKind::Index(map, key), of, span)
    }

    fn map_method(&mut self, name: &str, key: TypeId, value: TypeId) -> Option<Method> {
        let method = |op, args, result| Some(Method { op, args, result });
        match name {
            "has" => method(CollectionOp::Has, vec![key], TypeId::BOOL),
            "insert" => method(CollectionOp::Set, vec![key, value], TypeId::UNIT),
            "remove" => {
                let result = self.program.types.intern(Type::Optional(value));
                method(CollectionOp::Take, vec![key], result)
            }
            "keys" => {
                let result = self.program.types.intern(Type::List(key));
                method(CollectionOp::Keys, vec![], result)
            }
            "values" => {
                let result = self.program.types.intern(Type::List(value));
                method(CollectionOp::Values, vec![], result)
            }
            _ => None,
        }
    }

    /// A method that takes a function of elements.
    fn function_method(&mut self, name: &str, ty: TypeId, element: TypeId) -> Option<Method> {
        let holds = |checker: &mut Self| checker.program.types.function(vec![element], TypeId::BOOL);
        let method = |op, args, result| Some(Method { op, args, result });
        match name {
            "map" => {
                let to = self.program.types.variable(Open::Any);
                let function = self.program.types.function(vec![element], to);
                let result = self.program.types.intern(Type::List(to));
                method(CollectionOp::Map, vec![function], result)
            }
            "filter" => method(CollectionOp::Filter, vec![holds(self)], ty),
            "fold" => {
                let so_far = self.program.types.variable(Open::Any);
                let function = self.program.types.function(vec![so_far, element], so_far);
                method(CollectionOp::Fold, vec![so_far, function], so_far)
            }
            "any" => method(CollectionOp::Any, vec![holds(self)], TypeId::BOOL),
            "all" => method(CollectionOp::All, vec![holds(self)], TypeId::BOOL),
            "find" => {
                let result = self.program.types.intern(Type::Optional(element));
                method(CollectionOp::First, vec![holds(self)], result)
            }
            _ => None,
        }
    }

    fn list_method(&mut self, name: &str, ty: TypeId, element: TypeId, args: usize) -> Option<Method> {
        let method = |op, args, result| Some(Method { op, args, result });
        match name {
            "push" => method(CollectionOp::Push, vec![element], TypeId::UNIT),
            "insert" => method(CollectionOp::Insert, vec![TypeId::I64, element], TypeId::UNIT),
            "remove" => method(CollectionOp::Remove, vec![TypeId::I64], element),
            "contains" => method(CollectionOp::Contains, vec![element], TypeId::BOOL),
            "slice" => method(CollectionOp::Slice, vec![TypeId::I64, TypeId::I64], ty),
            "pop" => {
                let result = self.program.types.intern(Type::Optional(element));
                method(CollectionOp::Pop, vec![], result)
            }
            "join" if ty != TypeId::BYTES && self.program.types.unify(element, TypeId::STR) => {
                method(CollectionOp::Join, vec![TypeId::STR], TypeId::STR)
            }
            "text" if ty == TypeId::BYTES => {
                let result = self.program.types.intern(Type::Optional(TypeId::STR));
                method(CollectionOp::Text, vec![], result)
            }
            "sort" if args == 0 => method(CollectionOp::Sort, vec![], TypeId::UNIT),
            "sort" => {
                let before = self.program.types.function(vec![element, element], TypeId::BOOL);
                method(CollectionOp::Sort, vec![before], TypeId::UNIT)
            }
            _ => self.function_method(name, ty, element),
        }
    }

    fn text_method(&mut self, name: &str) -> Option<Method> {
        let method = |op, args, result| Some(Method { op, args, result });
        let of = |op, args, result| method(CollectionOp::OfText(op), args, result);
        match name {
            "chars" | "split" => {
                let result = self.program.types.intern(Type::List(TypeId::STR));
                let args = if name == "chars" { vec![] } else { vec![TypeId::STR] };
                of(TextOp::Split, args, result)
            }
            "bytes" => of(TextOp::Copy, vec![], TypeId::BYTES),
            "trim" => of(TextOp::Trim, vec![], TypeId::STR),
            "to_upper" => of(TextOp::Upper, vec![], TypeId::STR),
            "to_lower" => of(TextOp::Lower, vec![], TypeId::STR),
            "starts_with" => of(TextOp::StartsWith, vec![TypeId::STR], TypeId::BOOL),
            "ends_with" => of(TextOp::EndsWith, vec![TypeId::STR], TypeId::BOOL),
            "contains" => method(CollectionOp::TextContains, vec![TypeId::STR], TypeId::BOOL),
            "slice" => method(CollectionOp::TextSlice, vec![TypeId::I64, TypeId::I64], TypeId::STR),
            "replace" => method(CollectionOp::Replace, vec![TypeId::STR, TypeId::STR], TypeId::STR),
            "find" => {
                let result = self.program.types.intern(Type::Optional(TypeId::I64));
                method(CollectionOp::Find, vec![TypeId::STR], result)
            }
            "parse_int" => {
                let result = self.program.types.intern(Type::Optional(TypeId::I64));
                method(CollectionOp::Parse(FloatOrInt::Int), vec![], result)
            }
            "parse_float" => {
                let result = self.program.types.intern(Type::Optional(TypeId::F64));
                method(CollectionOp::Parse(FloatOrInt::Float), vec![], result)
            }
            _ => None,
        }
    }

    /// Reports a method that the type of `first` has not; `None` if this version lacks it.
    fn unknown_method(&mut self, first: ExprId, name: Ident<'s>, methods: &[&str]) -> Option<ExprId> {
        let of = self.type_name(self.ty(first));
        let mut diagnostic = Diagnostic::new(
            codes::UNKNOWN_FUNCTION,
            name.span,
            format!("{of} has no method `{}`", name.text),
        )
        .label("no such method")
        .expected(methods.join(", "));
        if let Some(near) = self.nearest(name.text, methods.iter().copied()) {
            diagnostic = diagnostic.replace(format!("did you mean `{near}`?"), name.span, near);
        }
        self.report(diagnostic);
        None
    }
}

/// Methods of growable arrays.
const LIST: &[&str] = &[
    "push", "pop", "len", "insert", "remove", "contains", "slice", "join", "sort", "map", "filter", "fold",
    "any", "all", "find",
];

/// Methods of arrays of a fixed length, of those of growable ones.
const ARRAY: &[&str] = &["contains", "slice", "sort", "map", "filter", "fold", "any", "all", "find"];

/// Methods of maps.
const MAP: &[&str] = &["len", "has", "insert", "remove", "keys", "values"];

/// Methods of bytes.
const BYTES: &[&str] = &[
    "push", "pop", "len", "insert", "remove", "contains", "slice", "text", "sort", "map", "filter", "fold",
    "any", "all", "find",
];

/// Methods of texts.
const TEXT: &[&str] = &[
    "len",
    "chars",
    "bytes",
    "split",
    "trim",
    "find",
    "contains",
    "replace",
    "starts_with",
    "ends_with",
    "parse_int",
    "parse_float",
    "slice",
    "to_upper",
    "to_lower",
];
