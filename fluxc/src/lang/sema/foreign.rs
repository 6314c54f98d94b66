//! What C and Python have and the code language has not: initializers, loops with a step, `switch`,
//! arguments that the callee changes, calls across languages.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;

use super::code::Want;
use super::scope::{Binding, Paths};
use super::tree::{Block, Builtin, Case, ExprId, ExprKind, FnId, Loop, Sign, Stmt, StmtKind, Value};
use super::types::{Field, Type, TypeId};
use super::{Around, AroundKind, Checker, Mode};
use crate::diag::{Diagnostic, codes};
use crate::fir::{FloatKind, FloatOp};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{Dialect, Document, Ident, ItemKind, LoopTest, Provided};
use crate::span::Span;

/// Elements that an initializer may leave out.
const MOST_ZEROS: u32 = 65_536;

impl<'s> Checker<'_, 's> {
    // ------------------------------------------------------------ initializers

    /// `{1, 2}`: as many elements or fields as there are, zeros for the rest.
    pub(super) fn initializer(&mut self, values: &[ast::Init<'s>], want: TypeId, span: Span) -> ExprId {
        match self.get(want) {
            Ok(Type::Array(element, length)) => self.array_initializer(values, element, length, want, span),
            Ok(Type::Struct(id)) => {
                let fields: Vec<Field<'s>> =
                    self.program.types.structure(id).map_or_else(Vec::new, |row| row.fields.clone());
                self.struct_initializer(values, &fields, want, span)
            }
            Ok(Type::Error) => self.invalid(span),
            _ => match values {
                [] => self.zero(want, span),
                [ast::Init { field: None, value }] => self.expr_of(value, want),
                [ast::Init { field: Some(field), .. }] => {
                    let found = self.type_name(want);
                    self.report(
                        Diagnostic::new(codes::UNKNOWN_FIELD, field.span, format!("{found} has no fields"))
                            .label("a field")
                            .hint("write the value alone"),
                    );
                    self.invalid(span)
                }
                _ => {
                    let found = self.type_name(want);
                    self.report(
                        Diagnostic::new(codes::TYPE_MISMATCH, span, format!("{found} takes one value"))
                            .label("several values")
                            .expected("one value"),
                    );
                    self.invalid(span)
                }
            },
        }
    }

    fn array_initializer(
        &mut self,
        values: &[ast::Init<'s>],
        element: TypeId,
        length: u32,
        ty: TypeId,
        span: Span,
    ) -> ExprId {
        let zero = self.zero(element, span);
        let plain_zero = match values {
            [] => true,
            [one] => one.field.is_none() && matches!(one.value.kind, ast::ExprKind::Int(0)),
            _ => false,
        };
        if plain_zero {
            return self.new_expr(ExprKind::Repeat(zero, None), ty, span);
        }
        let given = super::number(values.len());
        if given > length {
            self.report(
                Diagnostic::new(
                    codes::WRONG_ARGUMENTS,
                    span,
                    format!("{given} values for an array of {length}"),
                )
                .label("too many")
                .expected(format!("{length} values at most")),
            );
            return self.new_expr(ExprKind::Invalid, ty, span);
        }
        let mut exprs: Vec<ExprId> = Vec::with_capacity(values.len());
        for init in values {
            if let Some(field) = init.field {
                self.report(
                    Diagnostic::new(codes::UNKNOWN_FIELD, field.span, "an array has no fields")
                        .label("a field")
                        .hint("write the elements in their order"),
                );
            }
            exprs.push(self.expr_of(&init.value, element));
        }
        if length.saturating_sub(given) > MOST_ZEROS {
            self.report(
                Diagnostic::new(
                    codes::LIMIT_PASSED,
                    span,
                    format!("an initializer may leave out {MOST_ZEROS} elements"),
                )
                .label("too few values")
                .hint("begin with `{0}` and set the elements that are not zero"),
            );
            return self.new_expr(ExprKind::Invalid, ty, span);
        }
        exprs.resize(length as usize, zero);
        let list = self.list(&exprs);
        self.new_expr(ExprKind::Array(list), ty, span)
    }

    fn struct_initializer(
        &mut self,
        values: &[ast::Init<'s>],
        fields: &[Field<'s>],
        ty: TypeId,
        span: Span,
    ) -> ExprId {
        let mut given: Vec<Option<ExprId>> = alloc::vec![None; fields.len()];
        let mut next = 0_usize;
        // `{0}` is every field zero.
        let plain_zero =
            matches!(values, [one] if one.field.is_none() && matches!(one.value.kind, ast::ExprKind::Int(0)));
        for init in values.iter().filter(|_| !plain_zero) {
            let index = match init.field {
                Some(name) => match fields.iter().position(|field| field.name == name.text) {
                    Some(index) => index,
                    None => {
                        if let Ok(Type::Struct(id)) = self.get(ty) {
                            self.no_such_field(id, name);
                        }
                        continue;
                    }
                },
                None => next,
            };
            next = index.saturating_add(1);
            let Some(field) = fields.get(index) else {
                let noun = if fields.len() == 1 { "field" } else { "fields" };
                self.report(
                    Diagnostic::new(
                        codes::WRONG_ARGUMENTS,
                        init.value.span,
                        format!("a value too many: {} has {} {noun}", self.type_name(ty), fields.len()),
                    )
                    .label("no field for it"),
                );
                break;
            };
            let value = self.expr_of(&init.value, field.ty);
            if let Some(slot) = given.get_mut(index) {
                *slot = Some(value);
            }
        }
        let mut exprs = Vec::with_capacity(fields.len());
        for (field, value) in fields.iter().zip(given) {
            exprs.push(match value {
                Some(value) => value,
                None => self.zero(field.ty, span),
            });
        }
        let list = self.list(&exprs);
        self.new_expr(ExprKind::Struct(list), ty, span)
    }

    /// The value of a type whose bytes are all zero.
    fn zero(&mut self, ty: TypeId, span: Span) -> ExprId {
        match self.get(ty) {
            Ok(Type::Bool) => self.new_expr(ExprKind::Bool(false), ty, span),
            Ok(Type::Float(_)) => self.new_expr(ExprKind::Float(0.0), ty, span),
            Ok(Type::Int(_)) => self.new_expr(ExprKind::Int(Sign::Plus, 0), ty, span),
            Ok(Type::Duration) => self.new_expr(ExprKind::Duration(0), ty, span),
            Ok(Type::Enum(id)) => self.new_expr(ExprKind::Variant(id, 0), ty, span),
            Ok(Type::Str) => {
                let text = self.text(alloc::borrow::Cow::Borrowed(""));
                self.new_expr(ExprKind::Text(text), ty, span)
            }
            Ok(Type::Array(element, _)) => {
                let zero = self.zero(element, span);
                self.new_expr(ExprKind::Repeat(zero, None), ty, span)
            }
            Ok(Type::Struct(id)) => {
                let fields: Vec<Field<'s>> =
                    self.program.types.structure(id).map_or_else(Vec::new, |row| row.fields.clone());
                self.struct_initializer(&[], &fields, ty, span)
            }
            Ok(Type::Error) => self.invalid(span),
            _ => {
                let found = self.type_name(ty);
                self.report(
                    Diagnostic::new(codes::TYPE_MISMATCH, span, format!("{found} has no zero"))
                        .label("a value is needed")
                        .expected("a value for each field and element"),
                );
                self.invalid(span)
            }
        }
    }

    pub(super) fn size_of(&mut self, operand: &ast::Expr<'s>, span: Span) -> ExprId {
        // The operand is looked at and not computed.
        let fork = self.flow.fork();
        if let ast::ExprKind::Name(name) = operand.kind {
            let symbol = self.names.symbol(name);
            if let Binding::Local(local) = self.names.binding(symbol) {
                self.flow.assign(local);
            }
        }
        let id = self.value(operand, TypeId::ERROR);
        self.flow.drop_path(fork);
        let ty = self.ty(id);
        if let ExprKind::Local(local) = self.program.expr(id).kind
            && local.0 < self.ctx.params
            && matches!(self.get(ty), Ok(Type::Array(..)))
        {
            self.report(
                Diagnostic::new(
                    codes::OUTSIDE_SUBSET,
                    span,
                    "`sizeof` of an array parameter is that of a pointer in C",
                )
                .label("not the size of the array")
                .hint("give the length a name: `#define LENGTH 8`"),
            );
            return self.invalid(span);
        }
        if let Ok(Type::List(_) | Type::Map(..) | Type::Str) = self.get(ty) {
            let found = self.type_name(ty);
            self.report(
                Diagnostic::new(
                    codes::OUTSIDE_SUBSET,
                    span,
                    format!("`sizeof` of {found} says nothing of its length"),
                )
                .label("not the size of what it holds")
                .hint(
                    "let a function of a `flux` fence give it: `fn count() -> int { return values.len() }`",
                ),
            );
            return self.invalid(span);
        }
        self.size_of_type(ty, span)
    }

    pub(super) fn size_of_type(&mut self, ty: TypeId, span: Span) -> ExprId {
        let size = match self.get(ty) {
            Ok(Type::Error) | Err(_) => return self.invalid(span),
            Ok(_) => self.program.types.layout(ty).map_or(0, |layout| layout.size),
        };
        self.new_expr(ExprKind::Int(Sign::Plus, u64::from(size)), TypeId::U64, span)
    }

    /// `[a, b]` of Python: of floats if one of them is.
    pub(super) fn python_list(&mut self, elements: &[ast::Expr<'s>], element: TypeId, span: Span) -> ExprId {
        let mut ids = Vec::with_capacity(elements.len());
        for expr in elements {
            let id = self.value(expr, element);
            let id = self.own_object(id);
            ids.push(self.promote(id));
        }
        if self.get(element).is_err() {
            let floats = |id: &&ExprId| matches!(self.get(self.ty(**id)), Ok(Type::Float(_)));
            if ids.iter().find(floats).is_some() {
                self.program.types.unify(element, TypeId::F64);
            }
        }
        let length = super::number(ids.len());
        for id in &mut ids {
            *id = self.coerce(*id, element);
        }
        let list = self.list(&ids);
        let ty = self.program.types.intern(Type::Array(element, length));
        self.new_expr(ExprKind::Array(list), ty, span)
    }

    /// `Point(1.0, 2.0)` of Python: one value for each field.
    pub(super) fn construct(
        &mut self,
        name: Ident<'s>,
        args: &[ast::Expr<'s>],
        span: Span,
    ) -> Option<ExprId> {
        let symbol = self.names.symbol(name.text);
        let ty = self.names.ty(symbol).filter(|_| self.mode == Mode::Python)?;
        let Ok(Type::Struct(id)) = self.get(ty) else { return None };
        let fields: Vec<Field<'s>> =
            self.program.types.structure(id).map_or_else(Vec::new, |row| row.fields.clone());
        if fields.len() != args.len() {
            self.wrong_count(name, fields.len(), args.len(), span, None);
            return Some(self.new_expr(ExprKind::Invalid, ty, span));
        }
        let mut exprs = Vec::with_capacity(fields.len());
        for (field, arg) in fields.iter().zip(args) {
            let value = self.value(arg, field.ty);
            let value = self.own_object(value);
            exprs.push(self.coerce(value, field.ty));
        }
        let list = self.list(&exprs);
        Some(self.new_expr(ExprKind::Struct(list), ty, span))
    }

    // ------------------------------------------------------------ provided operations

    pub(super) fn provided(&mut self, operation: Provided, args: &[ast::Expr<'s>], span: Span) -> ExprId {
        let mut ids = Vec::with_capacity(args.len());
        for arg in args {
            ids.push(self.value(arg, TypeId::ERROR));
        }
        let Some(first) = ids.first().copied() else { return self.invalid(span) };
        match operation {
            Provided::Truth => self.truth(first),
            Provided::Copy => {
                if matches!(
                    self.get(self.ty(first)),
                    Ok(Type::Array(..) | Type::List(_) | Type::Map(..) | Type::Struct(_) | Type::Error)
                ) {
                    // A conversion to the same type is a value without a name.
                    let ty = self.ty(first);
                    return self.new_expr(ExprKind::Convert(first), ty, span);
                }
                let found = self.type_name(self.ty(first));
                self.report(
                    Diagnostic::new(codes::TYPE_MISMATCH, span, format!("{found} is no list or object"))
                        .label(format!("this is {found}"))
                        .hint("plain values are copied without a word"),
                );
                self.invalid(span)
            }
            Provided::TextBytes => {
                let id = self.coerce(first, TypeId::STR);
                let list = self.list(&[id]);
                self.new_expr(ExprKind::Builtin(Builtin::TextLength, list), TypeId::I64, span)
            }
            Provided::RoundEven if matches!(self.get(self.ty(first)), Ok(Type::Int(_))) => first,
            Provided::RoundEven => {
                let id = self.coerce(first, TypeId::F64);
                let list = self.list(&[id]);
                self.new_expr(ExprKind::Builtin(Builtin::RoundEven, list), TypeId::I64, span)
            }
            Provided::FloatRem => {
                let mut operands = Vec::with_capacity(2);
                for id in ids {
                    let id = self.coerce(id, TypeId::F64);
                    operands.push(id);
                }
                let list = self.list(&operands);
                self.new_expr(ExprKind::Builtin(Builtin::Float(FloatOp::Rem), list), TypeId::F64, span)
            }
        }
    }

    // ------------------------------------------------------------ loops and choices

    pub(super) fn loop_stmt(&mut self, parts: &ast::Loop<'s>, out: &mut Vec<Stmt>) -> StmtKind {
        let scope = self.names.enter();
        for stmt in &parts.init {
            self.stmt(stmt, out);
        }
        let kind = match parts.test {
            LoopTest::Before => self.loop_before(parts),
            LoopTest::After => self.loop_after(parts),
        };
        self.names.leave(scope);
        kind
    }

    fn loop_before(&mut self, parts: &ast::Loop<'s>) -> StmtKind {
        let forever = parts.cond.as_ref().is_none_or(|cond| self.always_holds(cond));
        let cond = parts.cond.as_ref().map(|cond| self.condition(cond));
        let mut step = Block::default();
        let (body, breaks) = self.loop_body(|checker| {
            let fork = checker.flow.fork();
            let body = checker.block(&parts.body, Want::Nothing);
            // `continue` may skip what the body assigns.
            checker.flow.drop_path(fork);
            step = checker.block(&parts.step, Want::Nothing);
            body
        });
        if forever && !breaks {
            self.flow.die();
        }
        StmtKind::Loop(Box::new(Loop { cond, test: LoopTest::Before, body, step }))
    }

    fn loop_after(&mut self, parts: &ast::Loop<'s>) -> StmtKind {
        self.ctx.loops.push(Around::new(AroundKind::Loop));
        let fork = self.flow.fork();
        let body = self.block(&parts.body, Want::Nothing);
        let around = self.ctx.loops.pop();
        // The first round runs to its end, unless something leaves it.
        if around.is_none_or(|around| around.continues) {
            self.flow.drop_path(fork);
        }
        let forever = parts.cond.as_ref().is_none_or(|cond| self.always_holds(cond));
        let cond = parts.cond.as_ref().map(|cond| self.condition(cond));
        if around.is_none_or(|around| around.breaks) {
            self.flow.drop_path(fork);
        } else if forever {
            self.flow.die();
        }
        StmtKind::Loop(Box::new(Loop { cond, test: LoopTest::After, body, step: Block::default() }))
    }

    pub(super) fn switch_stmt(&mut self, value: &ast::Expr<'s>, cases: &[ast::SwitchCase<'s>]) -> StmtKind {
        let subject = self.value(value, TypeId::ERROR);
        let subject = self.promote(subject);
        let ty = self.ty(subject);
        if !matches!(self.get(ty), Ok(Type::Int(_) | Type::Error)) {
            let found = self.type_name(ty);
            self.report(
                Diagnostic::new(
                    codes::TYPE_MISMATCH,
                    value.span,
                    format!("`switch` works on integers, found {found}"),
                )
                .label(format!("this is {found}"))
                .expected("an integer")
                .found(found),
            );
        }
        self.ctx.loops.push(Around::new(AroundKind::Switch));
        let mut rows: Vec<Case> = Vec::new();
        let mut taken: BTreeMap<i128, Span> = BTreeMap::new();
        let mut rest: Option<Span> = None;
        let mut paths = Paths::default();
        let fork = self.flow.fork();
        let last = cases.len().saturating_sub(1);
        for (index, case) in cases.iter().enumerate() {
            let mut labels = Vec::with_capacity(case.labels.len());
            for label in &case.labels {
                labels.extend(self.case_label(label, ty, &mut taken));
            }
            if let Some(span) = case.default
                && let Some(first) = rest.replace(span)
            {
                self.report(
                    Diagnostic::new(codes::DUPLICATE_NAME, span, "`default` is there twice")
                        .label("second one")
                        .secondary(first, "first here"),
                );
            }
            let (body, falls) = self.case_body(&case.body);
            // A case that goes on into the next one ends there.
            if falls && index != last {
                self.flow.drop_path(fork);
            } else {
                self.flow.end_path(fork, &mut paths);
            }
            let row = Case { labels, takes_rest: case.default.is_some(), body };
            self.sink.keep(&mut rows, row, case.span);
        }
        let breaks = self.ctx.loops.pop().is_some_and(|around| around.breaks);
        if breaks || rest.is_none() {
            // A way on which nothing that the cases assign is known to be assigned.
            self.flow.end_path(fork, &mut paths);
        }
        self.flow.join(&paths);
        StmtKind::Switch(subject, rows)
    }

    fn case_label(
        &mut self,
        label: &ast::Expr<'s>,
        ty: TypeId,
        taken: &mut BTreeMap<i128, Span>,
    ) -> Option<ExprId> {
        let id = self.expr_of(label, ty);
        match self.constant_of(id, "a label")? {
            Value::Int(value) => {
                if let Some(first) = taken.insert(value, label.span) {
                    self.report(
                        Diagnostic::new(
                            codes::DUPLICATE_NAME,
                            label.span,
                            format!("{value} is taken by two cases"),
                        )
                        .label("second one")
                        .secondary(first, "first here"),
                    );
                    return None;
                }
                Some(id)
            }
            _ => None,
        }
    }

    /// The statements of a case, and whether the next case goes on behind them.
    fn case_body(&mut self, code: &ast::CodeBlock<'s>) -> (Block, bool) {
        let Some((last, front)) = code.stmts.split_last() else { return (Block::default(), true) };
        if !matches!(last.kind, ast::StmtKind::Break) {
            let block = self.block(code, Want::Nothing);
            let falls = !self.flow.is_dead();
            return (block, falls);
        }
        // The `break` at the end is the end of the case: what is assigned before it stays.
        let scope = self.names.enter();
        let mut stmts = Vec::new();
        for stmt in front {
            self.stmt(stmt, &mut stmts);
        }
        self.names.leave(scope);
        self.sink.keep(&mut stmts, Stmt { kind: StmtKind::Break, span: last.span }, last.span);
        (Block { stmts, value: None }, false)
    }

    // ------------------------------------------------------------ calls across languages

    /// Finds out which functions change arrays or structs of their callers.
    pub(super) fn find_changes(&mut self, document: &Document<'s>) {
        let mut passed: Vec<(FnId, u32, FnId, u32)> = Vec::new();
        let mut changed: BTreeSet<(FnId, u32)> = BTreeSet::new();
        for item in &document.items {
            let ItemKind::Fn(function) = &item.kind else { continue };
            let symbol = self.names.symbol(function.name.text);
            let Some(id) = self.names.function(symbol) else { continue };
            for change in &function.changes {
                match change.passed_to {
                    None => {
                        changed.insert((id, change.param));
                    }
                    Some((callee, argument)) => {
                        let symbol = self.names.symbol(callee);
                        if let Some(callee) = self.names.function(symbol) {
                            passed.push((callee, argument, id, change.param));
                        }
                    }
                }
            }
        }
        passed.sort_unstable();
        passed.dedup();
        let mut open: Vec<(FnId, u32)> = changed.iter().copied().collect();
        while let Some((callee, argument)) = open.pop() {
            let from = passed.partition_point(|row| (row.0, row.1) < (callee, argument));
            for row in passed.iter().skip(from).take_while(|row| (row.0, row.1) == (callee, argument)) {
                if changed.insert((row.2, row.3)) {
                    open.push((row.2, row.3));
                }
            }
        }
        for (id, param) in changed {
            let Some(row) = self.program.functions.get_mut(id.index()) else { continue };
            let ty = row.body.locals.get(param as usize).map_or(TypeId::ERROR, |local| local.ty);
            if self.program.types.is_aggregate(ty) {
                row.changes.resize(row.body.params as usize, false);
                if let Some(slot) = row.changes.get_mut(param as usize) {
                    *slot = true;
                }
            }
        }
    }

    /// An argument of a call of a function of the document.
    pub(super) fn argument(
        &mut self,
        arg: &ast::Expr<'s>,
        want: TypeId,
        param: (FnId, usize),
        callee: Ident<'s>,
    ) -> ExprId {
        let (function, index) = param;
        let row = self.program.functions.get(function.index());
        let changes = row.is_some_and(|row| row.changes.get(index) == Some(&true));
        let dialect = row.map_or(Dialect::Flux, |row| row.dialect);
        if changes && !self.mode.is_foreign() {
            self.report(
                Diagnostic::new(
                    codes::CHANGES_ARGUMENT,
                    arg.span,
                    format!("`{}` changes this argument, and arguments are copies here", callee.text),
                )
                .label("only C and Python may call it with it")
                .hint("write a function there that gives the changed value back as its result"),
            );
            return self.invalid(arg.span);
        }
        if self.mode == Mode::Step && dialect != Dialect::Flux {
            let id = self.expr(arg, want);
            return self.number_for(id, want);
        }
        let id = self.expr_of(arg, want);
        if changes {
            self.check_changed(id);
        }
        id
    }

    /// A number of a step for a parameter of C or Python: any type that it fits at run time.
    fn number_for(&mut self, id: ExprId, want: TypeId) -> ExprId {
        match (self.get(self.ty(id)), self.get(want)) {
            (Ok(Type::Int(_)), Ok(Type::Int(_) | Type::Float(_)))
            | (Ok(Type::Float(FloatKind::F64)), Ok(Type::Float(FloatKind::F32))) => self.converted(id, want),
            _ => self.coerce(id, want),
        }
    }

    /// What a function of C or Python gives to a step: an `int` or an `f64`.
    pub(super) fn foreign_result(&mut self, call: ExprId, function: FnId) -> ExprId {
        let foreign =
            self.program.functions.get(function.index()).is_some_and(|row| row.dialect != Dialect::Flux);
        if self.mode != Mode::Step || !foreign {
            return call;
        }
        match self.get(self.ty(call)) {
            Ok(Type::Int(_)) => self.converted(call, TypeId::I64),
            Ok(Type::Float(FloatKind::F32)) => self.converted(call, TypeId::F64),
            _ => call,
        }
    }
}
