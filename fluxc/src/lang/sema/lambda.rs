//! Function values: names of functions, lambdas with what they capture, calls of values.
//!
//! # Invariants
//! 1. A lambda becomes a function of its own, whose locals after its parameters are what it
//!    captures. It reads nothing of the body around it, so that it may outlive it.
//! 2. Values are captured when the lambda is made, and by value.
//! 3. What a function value may lead to is among the calls of every body that calls one of its
//!    type, so that the frames of both are apart.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use hashbrown::{HashMap, HashSet};

use super::code::{Want, gives_value};
use super::scope::Binding;
use super::tree::{Block, Body, ExprId, ExprKind, FnId, Function, Program, Stmt, StmtKind};
use super::types::{Open, Type, TypeId};
use super::{Answer, Checker, Mode, Place, Use, number};
use crate::diag::{Diagnostic, Sink, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{CodeBlock, Dialect, Ident, Param, walk_block};
use crate::span::Span;
use flux_abi::limits;

/// Most values that a lambda captures; they and its parameters are arguments of one function.
const MOST_CAPTURES: usize = 128;

/// A name of the body around a lambda, and the value that it has there.
struct Capture<'s> {
    name: Ident<'s>,
    value: ExprId,
}

impl<'s> Checker<'_, 's> {
    /// The name of a function as a value.
    pub(super) fn function_value(&mut self, function: FnId, span: Span) -> ExprId {
        let Some(row) = self.program.functions.get(function.index()) else { return self.invalid(span) };
        let count = usize::try_from(row.body.params).unwrap_or(usize::MAX);
        let params: Vec<TypeId> = row.body.locals.iter().take(count).map(|local| local.ty).collect();
        let ret = row.ret;
        let changes = row.changes.contains(&true);
        let ty = self.program.types.function(params, ret);
        self.note_call(function);
        if self.growing.get(function.index()) == Some(&true) {
            self.grows(span, "a growable value in the function");
        }
        self.sink.keep(&mut self.program.taken, (ty, function), span);
        if changes {
            self.report(
                Diagnostic::new(
                    codes::CHANGES_ARGUMENT,
                    span,
                    "this function changes an argument and cannot be a value",
                )
                .label("values of functions take copies")
                .hint("write a function there that gives the changed value back as its result"),
            );
            return self.invalid(span);
        }
        self.new_expr(ExprKind::Function(function), ty, span)
    }

    /// `|x| e`, `fn(x: int) -> int { … }`.
    pub(super) fn lambda(
        &mut self,
        params: &[Param<'s>],
        ret: Option<&ast::Type<'s>>,
        body: &CodeBlock<'s>,
        want: TypeId,
        span: Span,
    ) -> ExprId {
        if self.program.functions.len() >= limits::FUNCTIONS {
            self.report(
                Diagnostic::new(
                    codes::LIMIT_PASSED,
                    span,
                    format!("more than {} functions", limits::FUNCTIONS),
                )
                .label("one too many"),
            );
            return self.invalid(span);
        }
        let wanted = self.program.types.signature_of(want).filter(|row| row.params.len() == params.len());
        let (want_params, want_ret) = wanted.map_or((Vec::new(), None), |row| (row.params, Some(row.ret)));
        let mut types = Vec::with_capacity(params.len());
        for (index, param) in params.iter().enumerate() {
            let known = want_params.get(index).copied();
            types.push(match (&param.ty, known) {
                (Some(ty), _) => self.stored_type_of(ty),
                (None, Some(ty)) => ty,
                (None, None) => self.program.types.variable(Open::Any),
            });
        }
        let ret = match (ret, want_ret) {
            (Some(ty), _) => self.stored_type_of(ty),
            (None, Some(ty)) => ty,
            (None, None) => self.program.types.variable(Open::Any),
        };
        let (captures, unset) = self.captures(params, body);
        if captures.len() > MOST_CAPTURES {
            self.report(
                Diagnostic::new(
                    codes::LIMIT_PASSED,
                    span,
                    format!("a lambda that captures more than {MOST_CAPTURES} values"),
                )
                .label("too many")
                .hint("put them into a struct"),
            );
        }
        let values: Vec<ExprId> = captures.iter().map(|capture| capture.value).collect();
        let (body, grows) = self.lambda_body(params, &types, ret, &captures, &unset, body);
        let ty = self.program.types.function(types, ret);
        let id = FnId(number(self.program.functions.len()));
        self.call_marks.push(0);
        let row = Function {
            name: "lambda",
            unit: self.names.unit(),
            span,
            ret,
            dialect: Dialect::Flux,
            given: None,
            changes: Vec::new(),
            body,
            captures: Some(number(captures.len())),
            grows,
        };
        self.sink.keep(&mut self.program.functions, row, span);
        self.note_call(id);
        if grows.is_some() {
            self.grows(span, "a growable value in the lambda");
        }
        self.sink.keep(&mut self.program.taken, (ty, id), span);
        let list = self.list(&values);
        self.new_expr(ExprKind::Closure(id, list), ty, span)
    }

    /// What the body names of what is around it, each with its value; and names without a value.
    fn captures(&mut self, params: &[Param<'s>], body: &CodeBlock<'s>) -> (Vec<Capture<'s>>, Vec<&'s str>) {
        let mut seen: HashSet<&'s str> = params.iter().map(|param| param.name.text).collect();
        let mut names: Vec<Ident<'s>> = Vec::new();
        walk_block(body, &mut |expr| {
            if let ast::ExprKind::Name(text) = expr.kind
                && seen.insert(text)
            {
                names.push(Ident { text, span: expr.span });
            }
        });
        let introduced = introduced_in(body);
        let (mut captures, mut unset) = (Vec::new(), Vec::new());
        for name in names {
            let symbol = self.names.symbol(name.text);
            match self.names.binding(symbol) {
                Binding::Const(_) => continue,
                Binding::Unset => {
                    unset.push(name.text);
                    continue;
                }
                Binding::Local(local) => {
                    let there = match self.local_use(local) {
                        Use::Ticket(result) => self.flow.is_assigned(result),
                        _ => self.flow.is_assigned(local),
                    };
                    if !there {
                        unset.push(name.text);
                        continue;
                    }
                }
                Binding::None => {
                    // In a step it may be short for a name, or a parameter of the agent.
                    if self.mode == Mode::Code
                        || introduced.contains(name.text)
                        || self.names.function(symbol).is_some()
                        || self.names.ty(symbol).is_some()
                        || self.variants.contains_key(name.text)
                        || self.library(name.text).is_some()
                    {
                        continue;
                    }
                }
                Binding::State(_) | Binding::Param(_) | Binding::BuiltinParam | Binding::Region(_) => {}
            }
            let value = self.name(name);
            captures.push(Capture { name, value });
        }
        (captures, unset)
    }

    fn lambda_body(
        &mut self,
        params: &[Param<'s>],
        types: &[TypeId],
        ret: TypeId,
        captures: &[Capture<'s>],
        unset: &[&'s str],
        code: &CodeBlock<'s>,
    ) -> (Body<'s>, Option<(Span, &'static str)>) {
        let outer = core::mem::take(&mut self.ctx);
        let flow = core::mem::take(&mut self.flow);
        let (mode, number_outside) = (self.mode, self.body_number);
        self.mode = Mode::Code;
        self.begin_body(Place::Function, ret);
        let scope = self.names.enter();
        for (index, param) in params.iter().enumerate() {
            let first = params.iter().take(index).find(|other| other.name.text == param.name.text);
            if let Some(first) = first.filter(|_| param.name.text != "_") {
                self.defined_twice(param.name, "parameter of this function", Some(first.name.span));
            }
            let ty = types.get(index).copied().unwrap_or(TypeId::ERROR);
            let local = self.declare_local(param.name, ty, Use::Parameter);
            self.flow.assign(local);
            let row = Answer { name: param.name.text, ty, span: param.name.span };
            self.sink.keep(&mut self.lambda_params, row, param.name.span);
        }
        for capture in captures {
            let ty = self.ty(capture.value);
            let local = self.declare_local(capture.name, ty, Use::Captured);
            self.flow.assign(local);
        }
        for name in unset {
            let symbol = self.names.symbol(name);
            self.names.bind(symbol, Binding::Unset);
        }
        let block = self.lambda_block(code, ret);
        self.names.leave(scope);
        let grows = self.ctx.grows;
        let body = self.end_body(number(params.len()), block);
        self.ctx = outer;
        self.flow = flow;
        self.mode = mode;
        self.body_number = number_outside;
        (body, grows)
    }

    /// The code of a lambda; its last statement gives the result if one is wanted or nothing says.
    fn lambda_block(&mut self, code: &CodeBlock<'s>, ret: TypeId) -> Block {
        let known = self.program.types.resolve(ret);
        let open = self.get(ret) == Err(Open::Any);
        if known == TypeId::UNIT || (!open && !gives_value(code)) {
            return self.function_block(code, known, "the lambda");
        }
        if !gives_value(code) {
            let block = self.block(code, Want::Nothing);
            if !self.flow.is_dead() && !self.program.types.unify(ret, TypeId::UNIT) {
                self.value_missing(code.span);
            }
            return block;
        }
        let mut block = self.block(code, Want::Value(ret));
        let Some(value) = block.value.take() else { return block };
        let span = self.span(value);
        if self.ty(value) == TypeId::UNIT && self.program.types.unify(ret, TypeId::UNIT) {
            self.sink.keep(&mut block.stmts, Stmt { kind: StmtKind::Eval(value), span }, span);
            return block;
        }
        let value = self.coerce(value, ret);
        self.sink.keep(&mut block.stmts, Stmt { kind: StmtKind::Return(Some(value)), span }, span);
        block
    }

    // ------------------------------------------------------------ calls

    /// A call of a value that is a function.
    pub(super) fn call_value(&mut self, callee: ExprId, args: &[ast::Expr<'s>], span: Span) -> ExprId {
        let ty = self.ty(callee);
        let Some(signature) = self.program.types.signature_of(ty) else {
            if self.get(ty) != Ok(Type::Error) {
                let found = self.type_name(ty);
                self.report(
                    Diagnostic::new(
                        codes::TYPE_MISMATCH,
                        self.span(callee),
                        format!("{found} cannot be called"),
                    )
                    .label(format!("this is {found}"))
                    .expected("a function")
                    .found(found),
                );
            }
            for arg in args {
                self.expr(arg, TypeId::ERROR);
            }
            return self.invalid(span);
        };
        let ret = signature.ret;
        if signature.params.len() != args.len() {
            let text = self.source_text(self.span(callee));
            let name = Ident { text, span: self.span(callee) };
            self.wrong_count(name, signature.params.len(), args.len(), span, None);
            return self.new_expr(ExprKind::Invalid, ret, span);
        }
        let mut exprs = Vec::with_capacity(args.len());
        for (arg, want) in args.iter().zip(signature.params) {
            exprs.push(self.expr_of(arg, want));
        }
        self.note_indirect(ty, span);
        let list = self.list(&exprs);
        self.new_expr(ExprKind::CallValue(callee, list), ret, span)
    }

    /// Says that the body at hand calls a function value of type `ty`.
    pub(super) fn note_indirect(&mut self, ty: TypeId, span: Span) {
        if self.ctx.indirect.last() != Some(&ty) {
            self.sink.keep(&mut self.ctx.indirect, ty, span);
        }
    }

    /// Reports parameters of lambdas whose type nothing tells.
    pub(super) fn check_lambda_params(&mut self) {
        for row in core::mem::take(&mut self.lambda_params) {
            if self.get(row.ty) != Err(Open::Any) || self.is_in_error(row.span) {
                continue;
            }
            self.report(
                Diagnostic::new(
                    codes::TYPE_UNKNOWN,
                    row.span,
                    format!("nothing tells the type of `{}`", row.name),
                )
                .label("of any type")
                .replace("write it", Span::empty(row.span.end), ": f64"),
            );
        }
    }
}

impl Program<'_> {
    /// Adds to the calls of each body what the function values that it calls may be.
    ///
    /// Values of tests are not known when this is done for the modules without them, and it is
    /// done again for those with tests.
    pub(crate) fn join_values(&mut self, sink: &mut Sink) {
        let Self { types, functions, agents, probes, taken, .. } = self;
        let mut by_type: HashMap<String, Vec<FnId>> = HashMap::new();
        for (ty, function) in taken {
            sink.keep(by_type.entry(types.name(*ty)).or_default(), *function, Span::empty(0));
        }
        if by_type.is_empty() {
            return;
        }
        let bodies = functions.iter_mut().map(|function| &mut function.body);
        let sections = agents.iter_mut().flat_map(|agent| {
            let sections = agent.sections.iter_mut().map(|section| &mut section.body);
            sections.chain([&mut agent.state_body])
        });
        let probes = probes.iter_mut().map(|probe| &mut probe.body);
        for body in bodies.chain(sections).chain(probes).filter(|body| !body.indirect.is_empty()) {
            let mut known: HashSet<FnId> = body.calls.iter().copied().collect();
            for ty in &body.indirect {
                for function in by_type.get(&types.name(*ty)).into_iter().flatten() {
                    // Once the memory is spent, what follows is of no use.
                    if known.insert(*function) && !sink.keep(&mut body.calls, *function, Span::empty(0)) {
                        return;
                    }
                }
            }
        }
    }
}

/// Names that the body of a lambda in a step introduces. There `if` chooses between expressions and `match`
/// does not stand, so that only statements and further lambdas do.
fn introduced_in<'s>(body: &CodeBlock<'s>) -> HashSet<&'s str> {
    let mut names = HashSet::new();
    statements(body, &mut names);
    walk_block(body, &mut |expr| {
        if let ast::ExprKind::Lambda(lambda) = &expr.kind {
            names.extend(lambda.params.iter().map(|param| param.name.text));
            statements(&lambda.body, &mut names);
        }
    });
    names
}

fn statements<'s>(block: &CodeBlock<'s>, names: &mut HashSet<&'s str>) {
    for stmt in &block.stmts {
        match &stmt.kind {
            ast::StmtKind::Let { name, .. } => {
                names.insert(name.text);
            }
            ast::StmtKind::For { name, body, .. } => {
                names.insert(name.text);
                statements(body, names);
            }
            ast::StmtKind::While { body, .. } => statements(body, names),
            _ => {}
        }
    }
}
