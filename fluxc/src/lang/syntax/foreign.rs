//! What the readers of C and Python have in common: bounded nesting, counted memory, and the
//! order in which the fences of a document are read.
//!
//! The readers make the syntax tree of the code language, so that names, types, definite assignment
//! and lowering are the same for all; nodes of their own stand only for what means something else.
//!
//! # Invariants
//! 1. Recursion is bounded by the expression nesting of the tree (128), whatever the text.
//! 2. Every node is counted against the memory of the compilation.
//! 3. Spans are those of the document, so that a trap names the line inside the fence.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use flux_abi::limits;

use super::ast::{
    Access, BinaryOp, Cast, Change, CodeBlock, Document, Expr, ExprKind, ForeignKind, Ident, If, Item,
    MethodCall, Stmt, StmtKind, Type, TypeKind, UnaryOp,
};
use super::parser::{Failed, Parsed};
use super::{c, given, python};
use crate::diag::{Code, Diagnostic, Sink, codes};
use crate::span::Span;

/// Reads the fences of other languages and puts what they declare into the document.
pub(super) fn read<'s>(document: &mut Document<'s>, sink: &mut Sink) {
    let fences = core::mem::take(&mut document.fences);
    let before = document.items.len();
    let mut names = c::Names::of(&document.items);
    for fence in &fences {
        if sink.is_spent() {
            break;
        }
        match fence.kind {
            ForeignKind::C => {
                c::read(document.source, fence.content.span, &mut names, &mut document.items, sink)
            }
            ForeignKind::Python => {
                python::read(document.source, fence.content.span, &mut document.items, sink);
            }
            ForeignKind::Fir => given::read_fir(fence.content, &mut document.items, sink),
            ForeignKind::Assembly => {
                given::read_assembly(document.source, fence.content, &mut document.items, sink);
            }
            ForeignKind::Json | ForeignKind::Yaml | ForeignKind::Toml => {}
        }
    }
    if document.items.len() > before {
        document.items.sort_by_key(|item| item.span.start);
    }
    document.fences = fences;
}

/// An expression and how high its tree is.
pub(super) struct Node<'s> {
    pub(super) expr: Expr<'s>,
    pub(super) height: usize,
}

/// The document, and what is counted while a fence of it is read.
pub(super) struct Core<'s, 'k> {
    pub(super) source: &'s str,
    pub(super) sink: &'k mut Sink,
    depth: usize,
}

impl<'s, 'k> Core<'s, 'k> {
    pub(super) fn new(source: &'s str, sink: &'k mut Sink) -> Self {
        Self { source, sink, depth: 0 }
    }

    pub(super) fn text(&self, span: Span) -> &'s str {
        span.text(self.source)
    }

    /// Reports a diagnostic; its text is only made if the sink still keeps it.
    pub(super) fn report(&mut self, code: Code, span: Span, make: impl FnOnce(Diagnostic) -> Diagnostic) {
        let row = Diagnostic::new(code, span, "");
        self.sink.push(if self.sink.is_full() { row } else { make(row) });
    }

    /// Reports what the language has and its subset here has not.
    pub(super) fn outside(&mut self, span: Span, what: &str, instead: &str) -> Failed {
        self.report(codes::OUTSIDE_SUBSET, span, |_| {
            Diagnostic::new(codes::OUTSIDE_SUBSET, span, format!("{what} cannot be used here"))
                .label("outside the subset that is compiled")
                .hint(instead)
        });
        Failed
    }

    /// Reports that `what` should stand where something else does.
    pub(super) fn unexpected(&mut self, span: Span, what: &str, found: &str) -> Failed {
        self.report(codes::UNEXPECTED_TOKEN, span, |_| {
            Diagnostic::new(codes::UNEXPECTED_TOKEN, span, format!("expected {what}, found {found}"))
                .label(format!("expected {what}"))
                .expected(what)
                .found(found)
        });
        Failed
    }

    pub(super) fn bad_number(&mut self, span: Span, message: String) -> Failed {
        self.report(codes::BAD_NUMBER, span, |_| Diagnostic::new(codes::BAD_NUMBER, span, message));
        Failed
    }

    pub(super) fn bad_string(&mut self, span: Span, message: &str) -> Failed {
        self.report(codes::BAD_STRING, span, |_| Diagnostic::new(codes::BAD_STRING, span, message));
        Failed
    }

    /// Goes one expression or block deeper.
    pub(super) fn enter(&mut self, span: Span) -> Parsed<()> {
        if self.depth >= limits::EXPRESSION_NESTING {
            return Err(self.too_deep(span));
        }
        self.depth = self.depth.saturating_add(1);
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// How deep reading is, for [`Core::reset`] after an error.
    pub(super) const fn mark(&self) -> usize {
        self.depth
    }

    pub(super) const fn reset(&mut self, mark: usize) {
        self.depth = mark;
    }

    pub(super) fn too_deep(&mut self, span: Span) -> Failed {
        self.report(codes::EXPRESSION_TOO_DEEP, span, |_| {
            Diagnostic::new(
                codes::EXPRESSION_TOO_DEEP,
                span,
                format!("expressions and blocks may be nested {} deep", limits::EXPRESSION_NESTING),
            )
            .hint("give a part of it a name, or move it into a function")
        });
        Failed
    }

    /// Appends to a list of the tree.
    pub(super) fn keep<T>(&mut self, list: &mut Vec<T>, item: T, span: Span) -> Parsed<()> {
        if self.sink.keep(list, item, span) { Ok(()) } else { Err(Failed) }
    }

    /// Stands for a statement that could not be read: what follows it is not looked at closely, since
    /// it may need what the statement did.
    pub(super) fn lost(&mut self, stmts: &mut Vec<Stmt<'s>>, span: Span) {
        let value = Expr { span, kind: ExprKind::Invalid };
        self.sink.keep(stmts, Stmt { span, kind: StmtKind::Return(Some(value)) }, span);
    }

    /// A node above others, the highest of which has the height `below`.
    pub(super) fn node(&mut self, span: Span, kind: ExprKind<'s>, below: usize) -> Parsed<Node<'s>> {
        // No node has more than two others in boxes.
        if !self.sink.charge(size_of::<Expr<'_>>().saturating_mul(2), span) {
            return Err(Failed);
        }
        let height = below.saturating_add(1);
        if self.depth.saturating_add(height) > limits::EXPRESSION_NESTING.saturating_add(1) {
            return Err(self.too_deep(span));
        }
        Ok(Node { expr: Expr { span, kind }, height })
    }

    /// A node without others below it.
    pub(super) fn leaf(&mut self, span: Span, kind: ExprKind<'s>) -> Parsed<Node<'s>> {
        self.node(span, kind, 0)
    }

    pub(super) fn name(&mut self, ident: Ident<'s>) -> Parsed<Node<'s>> {
        self.leaf(ident.span, ExprKind::Name(ident.text))
    }

    pub(super) fn unary(&mut self, op: UnaryOp, operand: Node<'s>, span: Span) -> Parsed<Node<'s>> {
        self.node(span, ExprKind::Unary { op, operand: Box::new(operand.expr) }, operand.height)
    }

    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        left: Node<'s>,
        right: Node<'s>,
    ) -> Parsed<Node<'s>> {
        let span = left.expr.span.to(right.expr.span);
        let height = left.height.max(right.height);
        let kind = ExprKind::Binary { op, op_span, sides: Box::new([left.expr, right.expr]) };
        self.node(span, kind, height)
    }

    pub(super) fn cast(&mut self, value: Node<'s>, ty: Type<'s>, span: Span) -> Parsed<Node<'s>> {
        self.node(span, ExprKind::Cast(Box::new(Cast { value: value.expr, ty })), value.height)
    }

    /// A conversion to a built-in type.
    pub(super) fn cast_to(&mut self, value: Node<'s>, ty: &'static str, span: Span) -> Parsed<Node<'s>> {
        self.cast(value, Type { span, kind: TypeKind::Name(ty) }, span)
    }

    /// A choice between two values.
    pub(super) fn choice(
        &mut self,
        cond: Node<'s>,
        then: Node<'s>,
        otherwise: Node<'s>,
        span: Span,
    ) -> Parsed<Node<'s>> {
        let height = cond.height.max(then.height).max(otherwise.height);
        let then = self.value_block(Vec::new(), then.expr)?;
        let otherwise = Some(self.value_block(Vec::new(), otherwise.expr)?);
        self.node(span, ExprKind::If(Box::new(If { cond: cond.expr, then, otherwise })), height)
    }

    /// A block that ends with a value.
    pub(super) fn value_block(&mut self, mut stmts: Vec<Stmt<'s>>, value: Expr<'s>) -> Parsed<CodeBlock<'s>> {
        let span = value.span;
        self.keep(&mut stmts, Stmt { span, kind: StmtKind::Expr(value) }, span)?;
        Ok(CodeBlock { span, stmts })
    }

    /// A function that the language provides, by a name that no function of the document hides.
    pub(super) fn provided_call(
        &mut self,
        name: &'static str,
        first: Node<'s>,
        rest: Option<Node<'s>>,
        span: Span,
    ) -> Parsed<Node<'s>> {
        let mut args = Vec::new();
        let mut height = first.height;
        if let Some(rest) = rest {
            height = height.max(rest.height);
            self.keep(&mut args, rest.expr, span)?;
        }
        let name = Ident { text: name, span };
        let call = MethodCall { base: first.expr, name, args, access: Access::Plain };
        let kind = ExprKind::Method(Box::new(call));
        self.node(span, kind, height)
    }
}

/// What a function does to its parameters, seen while it is read.
#[derive(Default)]
pub(super) struct Facts<'s> {
    /// The parameters.
    params: Vec<&'s str>,
    /// Parameters that are given another value.
    pub(super) replaced: Vec<bool>,
    /// Parameters of which a part is assigned to, or that are handed on.
    pub(super) changes: Vec<Change<'s>>,
}

impl<'s> Facts<'s> {
    pub(super) fn new(params: Vec<&'s str>) -> Self {
        let replaced = alloc::vec![false; params.len()];
        Self { params, replaced, changes: Vec::new() }
    }

    fn param(&self, name: &str) -> Option<u32> {
        self.params.iter().position(|param| *param == name).and_then(|at| u32::try_from(at).ok())
    }

    /// A place is assigned to.
    pub(super) fn assigned(&mut self, place: &Expr<'s>) {
        let mut at = place;
        let mut whole = true;
        loop {
            match &at.kind {
                ExprKind::Name(name) => {
                    let Some(param) = self.param(name) else { return };
                    if !whole {
                        self.note(Change { param, passed_to: None });
                    } else if let Some(slot) = self.replaced.get_mut(param as usize) {
                        *slot = true;
                    }
                    return;
                }
                _ => {
                    let Some(base) = at.part_of() else { return };
                    at = base;
                    whole = false;
                }
            }
        }
    }

    /// A function is called with these arguments.
    pub(super) fn called(&mut self, callee: &'s str, args: &[Expr<'s>]) {
        for (index, arg) in args.iter().enumerate() {
            let mut root = arg;
            while let Some(base) = root.part_of() {
                root = base;
            }
            if let ExprKind::Name(name) = root.kind
                && let (Some(param), Ok(index)) = (self.param(name), u32::try_from(index))
            {
                self.note(Change { param, passed_to: Some((callee, index)) });
            }
        }
    }

    fn note(&mut self, change: Change<'s>) {
        if self
            .changes
            .last()
            .is_none_or(|last| (last.param, last.passed_to) != (change.param, change.passed_to))
        {
            self.changes.push(change);
        }
    }
}

/// The whole declaration of an item, for its place among the others.
pub(super) fn item(span: Span, kind: super::ast::ItemKind<'_>) -> Item<'_> {
    Item { span, kind }
}
