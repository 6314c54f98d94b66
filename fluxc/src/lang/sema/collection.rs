//! Methods of growable arrays, bytes, maps and texts.
//!
//! What makes or changes a growable value needs the capability MEMORY: of the agent in whose
//! sections it stands, or whose sections call the function that it stands in.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::tree::{CollectionOp, ExprId, ExprKind, FloatOrInt};
use super::types::{Open, Type, TypeId};
use super::{Checker, Place};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::Ident;
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
        let (methods, method): (&[&str], _) = match self.get(ty) {
            Ok(Type::List(element)) => (LIST, self.list_method(name.text, ty, element)),
            Ok(Type::Bytes) => (BYTES, self.list_method(name.text, ty, TypeId::U8)),
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
        let list = self.list(&exprs);
        Some(self.new_expr(ExprKind::Collection(method.op, list), method.result, span))
    }

    fn list_method(&mut self, name: &str, ty: TypeId, element: TypeId) -> Option<Method> {
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
            _ => None,
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
const LIST: &[&str] = &["push", "pop", "len", "insert", "remove", "contains", "slice", "join"];

/// Methods of bytes.
const BYTES: &[&str] = &["push", "pop", "len", "insert", "remove", "contains", "slice", "text"];

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
