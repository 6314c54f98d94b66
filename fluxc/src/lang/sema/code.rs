//! Statements of code, and the expressions that hold blocks: `if` and `match`.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::scope::Binding;
use super::tree::{Block, CollectionOp, ExprId, ExprKind, LocalId, Stmt, StmtKind};
use super::types::{Open, Type, TypeId};
use super::{Around, AroundKind, Checker, Mode, Place, Use};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{CodeBlock, Ident, Mutability};
use crate::span::Span;

/// What a block is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Want {
    /// For what it does.
    Nothing,
    /// For the value of its last statement; with a hint of its type.
    Value(TypeId),
}

/// Tells whether the last statement of a block gives a value.
pub(super) fn gives_value(block: &CodeBlock<'_>) -> bool {
    match block.stmts.last().map(|stmt| &stmt.kind) {
        Some(ast::StmtKind::Expr(expr)) => match &expr.kind {
            ast::ExprKind::If(choice) => choice.otherwise.is_some() && gives_value(&choice.then),
            ast::ExprKind::Match(choice) => choice.arms.first().is_some_and(|arm| gives_value(&arm.body)),
            _ => true,
        },
        _ => false,
    }
}

impl<'s> Checker<'_, 's> {
    /// The body of a function: its last statement may be its result.
    pub(super) fn function_block(&mut self, body: &CodeBlock<'s>, ret: TypeId, name: &str) -> Block {
        if ret == TypeId::UNIT || !gives_value(body) {
            let block = self.block(body, Want::Nothing);
            if !matches!(ret, TypeId::UNIT | TypeId::ERROR)
                && !self.flow.is_dead()
                && !self.is_misread(body.span)
            {
                let expected = self.type_name(ret);
                self.report(
                    Diagnostic::new(
                        codes::MISSING_RETURN,
                        Span::new(body.span.end.saturating_sub(1), body.span.end),
                        format!("`{name}` may end without a result"),
                    )
                    .label("reached without `return`")
                    .expected(format!("`return` with a value of type {expected}"))
                    .found("the end of the function"),
                );
            }
            return block;
        }
        let mut block = self.block(body, Want::Value(ret));
        if let Some(value) = block.value.take() {
            let span = self.span(value);
            let value = self.coerce(value, ret);
            self.sink.keep(&mut block.stmts, Stmt { kind: StmtKind::Return(Some(value)), span }, span);
        }
        block
    }

    /// A block with its own scope.
    pub(super) fn block(&mut self, code: &CodeBlock<'s>, want: Want) -> Block {
        let scope = self.names.enter();
        let mut block = Block::default();
        self.sink.reserve(&mut block.stmts, code.stmts.len());
        let (last, front) = match (want, code.stmts.split_last()) {
            (Want::Value(hint), Some((last, front))) => (Some((last, hint)), front),
            _ => (None, code.stmts.as_slice()),
        };
        let mut alive = !self.flow.is_dead();
        for stmt in front {
            alive = self.note_reached(alive, stmt.span);
            self.stmt(stmt, &mut block.stmts);
        }
        if let Some((stmt, _)) = last {
            self.note_reached(alive, stmt.span);
        }
        match (want, last) {
            (Want::Value(_), Some((ast::Stmt { kind: ast::StmtKind::Expr(expr), .. }, hint))) => {
                block.value = Some(self.expr(expr, hint));
            }
            (Want::Value(_), Some((stmt, _))) => {
                self.stmt(stmt, &mut block.stmts);
                self.value_missing(stmt.span);
            }
            (Want::Value(_), None) => self.value_missing(code.span),
            (Want::Nothing, _) => {}
        }
        self.names.leave(scope);
        self.sink.fit(&mut block.stmts);
        block
    }

    pub(super) fn value_missing(&mut self, span: Span) {
        if !self.flow.is_dead() {
            self.report(
                Diagnostic::new(codes::TYPE_MISMATCH, span, "a value is needed at the end of this block")
                    .label("gives no value")
                    .expected("an expression as the last statement"),
            );
        }
    }

    /// Statements without a scope of their own: those of a step.
    pub(super) fn statements(&mut self, stmts: &[ast::Stmt<'s>], out: &mut Vec<Stmt>) {
        for stmt in stmts {
            self.stmt(stmt, out);
        }
    }

    pub(super) fn stmt(&mut self, stmt: &ast::Stmt<'s>, out: &mut Vec<Stmt>) {
        if self.sink.is_spent() {
            return;
        }
        let kind = match &stmt.kind {
            ast::StmtKind::Let { mutability, name, ty, value } => {
                self.let_stmt(*mutability, *name, ty.as_deref(), value.as_ref())
            }
            ast::StmtKind::Assign { place, op, value } => self.assign_stmt(place, *op, value, stmt.span),
            ast::StmtKind::Expr(expr) => match &expr.kind {
                ast::ExprKind::If(_) => self.if_stmt(expr),
                ast::ExprKind::Match(choice) => {
                    let id = self.match_of(&choice.value, &choice.arms, Want::Nothing, expr.span);
                    StmtKind::Eval(id)
                }
                _ => StmtKind::Eval(self.expr(expr, TypeId::ERROR)),
            },
            ast::StmtKind::While { cond, body } => self.while_stmt(cond, body),
            ast::StmtKind::For { name, iter, body } => {
                let Some(kind) = self.for_stmt(*name, iter, body) else { return };
                kind
            }
            ast::StmtKind::Break => {
                self.in_loop(stmt.span, "break");
                if let Some(last) = self.ctx.loops.last_mut() {
                    last.breaks = true;
                }
                self.flow.die();
                StmtKind::Break
            }
            ast::StmtKind::Continue => {
                self.in_loop(stmt.span, "continue");
                let around = self.ctx.loops.iter_mut().rfind(|around| around.kind == AroundKind::Loop);
                if let Some(around) = around {
                    around.continues = true;
                }
                self.flow.die();
                StmtKind::Continue
            }
            ast::StmtKind::Block(code) => {
                let scope = self.names.enter();
                for stmt in &code.stmts {
                    self.stmt(stmt, out);
                }
                self.names.leave(scope);
                return;
            }
            ast::StmtKind::Loop(parts) => self.loop_stmt(parts, out),
            ast::StmtKind::Switch { value, cases } => self.switch_stmt(value, cases),
            ast::StmtKind::Return(value) => self.return_stmt(value.as_ref(), stmt.span),
            ast::StmtKind::Expect { cond, message } => {
                let cond = self.condition(cond);
                let message = message.as_ref().map(|message| self.expr_of(message, TypeId::STR));
                StmtKind::Expect(cond, message)
            }
        };
        self.sink.keep(out, Stmt { kind, span: stmt.span }, stmt.span);
    }

    pub(super) fn in_loop(&mut self, span: Span, word: &str) {
        let mut around = self.ctx.loops.iter();
        let inside = match word {
            "continue" => around.any(|around| around.kind == AroundKind::Loop),
            _ => around.next().is_some(),
        };
        if !inside {
            self.report(
                Diagnostic::new(codes::OUTSIDE_LOOP, span, format!("`{word}` outside a loop"))
                    .label("no loop around it"),
            );
        }
    }

    pub(super) fn let_stmt(
        &mut self,
        mutability: Mutability,
        name: Ident<'s>,
        ty: Option<&ast::Type<'s>>,
        value: Option<&ast::Expr<'s>>,
    ) -> StmtKind {
        let declared = ty.map(|ty| self.stored_type_of(ty));
        let value = value.map(|value| match declared {
            Some(ty) => {
                let id = self.value(value, ty);
                self.coerce(id, ty)
            }
            None => self.value(value, TypeId::ERROR),
        });
        let ty = match (declared, value) {
            (Some(ty), _) => ty,
            (None, Some(value)) => self.ty(value),
            (None, None) => self.program.types.variable(Open::Any),
        };
        let how = match mutability {
            Mutability::Let => Use::Constant,
            Mutability::Var => Use::Variable,
        };
        let local = self.declare_local(name, ty, how);
        if value.is_some() {
            self.flow.assign(local);
        }
        StmtKind::Let(local, value)
    }

    pub(super) fn assign_stmt(
        &mut self,
        place: &ast::Expr<'s>,
        op: Option<ast::BinaryOp>,
        value: &ast::Expr<'s>,
        span: Span,
    ) -> StmtKind {
        if let Some(op) = op {
            let place_id = self.place(place);
            let hint = self.ty(place_id);
            let value = self.value(value, hint);
            return self.update(place_id, op, value, span);
        }
        // `x = x + 1` reads x first: the value comes before the place.
        let hint = self.place_hint(place);
        let value = self.value(value, hint);
        let named = self.names_data(value);
        let value = if named { value } else { self.own_object(value) };
        let place = self.place_to_set(place);
        if named {
            self.name_data(value, place);
        }
        if let Some(set) = self.set_entry(place, value, span) {
            return set;
        }
        let value = self.value_for_place(value, place);
        self.now_assigned(place);
        StmtKind::Assign(place, value)
    }

    /// `place op= value`.
    pub(super) fn update(&mut self, place: ExprId, op: ast::BinaryOp, value: ExprId, span: Span) -> StmtKind {
        let ty = self.ty(place);
        if self.mode.is_foreign() {
            return self.foreign_update(place, op, value, span);
        }
        let value = if self.mode == Mode::Step { value } else { self.coerce(value, ty) };
        if self.is_invalid(value) {
            return StmtKind::Eval(value);
        }
        // The result must fit the place; checked like the operator itself.
        let result = self.binary(op, span, place, value, span);
        // What steps do with a variable further down may say its type yet.
        if self.mode != Mode::Step {
            self.program.types.settle(ty);
        }
        let result_ty = self.ty(result);
        if self.program.types.unify(result_ty, self.ty(place)) {
            if let ExprKind::Binary(_, left, right) = self.program.expr(result).kind
                && left == place
            {
                return StmtKind::Update(place, op, right);
            }
            return StmtKind::Assign(place, result);
        }
        let result = self.coerce(result, self.ty(place));
        StmtKind::Assign(place, result)
    }

    /// The type of a place, if it is plain to see.
    pub(super) fn place_hint(&mut self, place: &ast::Expr<'s>) -> TypeId {
        let name = match &place.kind {
            ast::ExprKind::Name(name) => name,
            ast::ExprKind::Index { base, .. } => {
                let base = self.place_hint(base);
                return match self.get(base) {
                    Ok(Type::Array(element, _) | Type::List(element) | Type::Map(_, element)) => element,
                    Ok(Type::Region) => TypeId::U8,
                    _ => TypeId::ERROR,
                };
            }
            ast::ExprKind::Field(field) => {
                let base = self.place_hint(&field.base);
                let Ok(Type::Struct(id)) = self.get(base) else { return TypeId::ERROR };
                let fields = self.program.types.structure(id).map_or(&[][..], |row| &row.fields);
                let found = fields.iter().find(|row| row.name == field.name.text);
                return found.map_or(TypeId::ERROR, |row| row.ty);
            }
            _ => return TypeId::ERROR,
        };
        let symbol = self.names.symbol(name);
        match self.names.binding(symbol) {
            Binding::Local(local) => self.local_ty(local),
            Binding::State(id) => self.agent.state_ty(id),
            Binding::Region(_) => TypeId::REGION,
            _ => TypeId::ERROR,
        }
    }

    /// A place that is read and written; the value of a key of a map is one.
    pub(super) fn place(&mut self, place: &ast::Expr<'s>) -> ExprId {
        let id = self.place_value(place);
        let id = self.entry_to_update(id);
        self.check_place(id, Whole::Part);
        id
    }

    /// A place that is written.
    pub(super) fn place_to_set(&mut self, place: &ast::Expr<'s>) -> ExprId {
        if let ast::ExprKind::Name(name) = &place.kind {
            let symbol = self.names.symbol(name);
            if let Binding::Local(local) = self.names.binding(symbol) {
                let ty = self.local_ty(local);
                let id = self.new_expr(ExprKind::Local(local), ty, place.span);
                self.check_place(id, Whole::Whole);
                return id;
            }
        }
        let id = self.place_value(place);
        match self.entry(id) {
            Some((map, _)) => self.check_place(map, Whole::Part),
            None => self.check_place(id, Whole::Part),
        }
        id
    }

    /// A place, or a part of the value of a key, as an expression.
    fn place_value(&mut self, place: &ast::Expr<'s>) -> ExprId {
        let mut at = place;
        let before = self.entry_places.len();
        loop {
            at = match &at.kind {
                ast::ExprKind::Field(field) => &field.base,
                ast::ExprKind::Index { base, .. } => base,
                _ => break,
            };
            let ast::ExprKind::Index { base, .. } = &at.kind else { continue };
            let map = self.place_hint(base);
            if let Ok(Type::Map(..)) = self.get(map) {
                self.entry_places.push(at.span);
            }
        }
        let id = self.value(place, TypeId::ERROR);
        self.entry_places.truncate(before);
        id
    }

    pub(super) fn now_assigned(&mut self, place: ExprId) {
        if let ExprKind::Local(local) = self.program.expr(place).kind {
            self.flow.assign(local);
        }
    }

    /// Reports a whole place that cannot be assigned to.
    pub(super) fn check_assignable(&mut self, id: ExprId) {
        self.check_place(id, Whole::Whole);
    }

    /// Reports an argument that its function changes and that cannot be changed. One that has no name
    /// is nobody else's.
    pub(super) fn check_changed(&mut self, id: ExprId) {
        if matches!(
            self.program.expr(id).kind,
            ExprKind::Field(..) | ExprKind::Index(..) | ExprKind::Local(_) | ExprKind::Const(_)
        ) {
            self.check_place(id, Whole::Part);
        }
    }

    /// Reports a place that cannot be changed in part.
    pub(super) fn check_changeable(&mut self, id: ExprId) {
        self.check_place(id, Whole::Part);
    }

    /// Reports a place that cannot be assigned to.
    fn check_place(&mut self, id: ExprId, whole: Whole) {
        let mut at = id;
        loop {
            let expr = self.program.expr(at);
            match expr.kind {
                // A byte of a region is no part of the handle by which it is reached.
                ExprKind::Index(base, _) if self.get(self.ty(base)) == Ok(Type::Region) => {
                    self.use_region(base, super::region::Access::Write, self.span(id));
                    return;
                }
                ExprKind::Field(base, ..) | ExprKind::Index(base, _) => at = base,
                ExprKind::State(_) | ExprKind::Invalid => return,
                ExprKind::Local(local) => {
                    let how = self.local_use(local);
                    if whole == Whole::Part && self.mode == Mode::Python {
                        self.changed_in_part(local, id);
                    }
                    // The name of a loop has no value behind it, and may take one.
                    if how == Use::Variable || (whole == Whole::Whole && !self.flow.is_assigned(local)) {
                        return;
                    }
                    self.not_assignable(local, how, id);
                    return;
                }
                ExprKind::Param(_) | ExprKind::Const(_) => {
                    let name = self.source_text(expr.span);
                    let what = if matches!(expr.kind, ExprKind::Param(_)) { "parameter" } else { "constant" };
                    self.report(
                        Diagnostic::new(
                            codes::NOT_ASSIGNABLE,
                            self.span(id),
                            format!("`{name}` is a {what} and cannot be set"),
                        )
                        .label(format!("a {what}"))
                        .hint("what changes while the agent runs belongs in `## State`"),
                    );
                    return;
                }
                _ => {
                    self.report(
                        Diagnostic::new(codes::NOT_ASSIGNABLE, self.span(id), "this cannot be assigned to")
                            .label("not a place")
                            .expected("a name, a field or an element"),
                    );
                    return;
                }
            }
        }
    }

    pub(super) fn not_assignable(&mut self, local: LocalId, how: Use, id: ExprId) {
        let row = self.ctx.locals.get(local.index()).copied();
        let (name, declared) = row.map_or(("", Span::empty(0)), |row| (row.name, row.span));
        let mut diagnostic =
            Diagnostic::new(codes::NOT_ASSIGNABLE, self.span(id), format!("`{name}` cannot be assigned to"));
        let copy = match self.mode {
            Mode::Step => format!("copy it first: `Set my_{name} to {name}`"),
            Mode::Code => format!("copy it first: `var my_{name} = {name}`"),
            Mode::C | Mode::Python => format!("copy it first: `my_{name} = {name}`"),
        };
        diagnostic = match how {
            // Of the compiler's own: the value of an optional.
            _ if name == "_" => Diagnostic::new(
                codes::NOT_ASSIGNABLE,
                self.span(id),
                "what stands before `?.` is looked at and cannot be changed",
            )
            .label("would be changed")
            .hint("take it out with `??` into a `var`, change that, and set this anew"),
            Use::Captured => {
                diagnostic.label("captured by this lambda: a copy from when it was made").hint(copy)
            }
            Use::Parameter => diagnostic.label("a parameter keeps its value").hint(copy),
            Use::Given => diagnostic
                .label("a loop or an arm gives it its value")
                .secondary(declared, "introduced here")
                .hint(copy),
            _ => diagnostic
                .label("a constant of this block")
                .secondary(declared, "introduced here")
                .hint(format!("introduce it with `var {name}`")),
        };
        self.report(diagnostic);
    }

    // ------------------------------------------------------------ loops

    pub(super) fn while_stmt(&mut self, cond: &ast::Expr<'s>, body: &CodeBlock<'s>) -> StmtKind {
        let forever = self.always_holds(cond);
        let cond = self.loop_condition(cond);
        let (block, has_break) = self.loop_body(|checker| checker.block(body, Want::Nothing));
        if forever && !has_break {
            self.flow.die();
        }
        StmtKind::While(cond, block)
    }

    /// The condition of a loop, which is looked at before each round.
    pub(super) fn loop_condition(&mut self, cond: &ast::Expr<'s>) -> ExprId {
        self.ctx.depth = self.ctx.depth.saturating_add(1);
        let cond = self.condition(cond);
        self.ctx.depth = self.ctx.depth.saturating_sub(1);
        cond
    }

    /// The body of a loop; what it assigns does not count behind it.
    pub(super) fn loop_body(&mut self, body: impl FnOnce(&mut Self) -> Block) -> (Block, bool) {
        self.ctx.loops.push(Around::new(AroundKind::Loop));
        self.ctx.depth = self.ctx.depth.saturating_add(1);
        let fork = self.flow.fork();
        let block = body(self);
        self.flow.drop_path(fork);
        self.ctx.depth = self.ctx.depth.saturating_sub(1);
        (block, self.ctx.loops.pop().is_some_and(|around| around.breaks))
    }

    pub(super) fn for_stmt(
        &mut self,
        name: Ident<'s>,
        iter: &ast::Expr<'s>,
        body: &CodeBlock<'s>,
    ) -> Option<StmtKind> {
        let scope = self.names.enter();
        let head = self.loop_head(name, iter);
        let (block, _) = self.loop_body(|checker| {
            if let Some(head) = &head {
                checker.flow.assign(head.local);
            }
            checker.block(body, Want::Nothing)
        });
        self.names.leave(scope);
        head.map(|head| head.statement(block))
    }

    /// The variable of a `for` and what it goes through.
    pub(super) fn loop_head(&mut self, name: Ident<'s>, iter: &ast::Expr<'s>) -> Option<LoopHead> {
        if let ast::ExprKind::Range { start, end, bound } = &iter.kind {
            let start = self.value(start, TypeId::ERROR);
            let end = self.value(end, self.ty(start));
            let (start, end) = self.one_type(start, end);
            let ty = self.ty(start);
            if !matches!(self.get(ty), Ok(Type::Int(_) | Type::Error) | Err(Open::Any | Open::Integer)) {
                let found = self.type_name(ty);
                self.report(
                    Diagnostic::new(
                        codes::TYPE_MISMATCH,
                        iter.span,
                        format!("a range of {found} cannot be counted through"),
                    )
                    .label("the ends must be integers")
                    .expected("integers")
                    .found(found),
                );
            } else if self.get(ty) == Err(Open::Any) {
                self.program.types.unify(ty, TypeId::I64);
            }
            let local = self.declare_local(name, ty, Use::Given);
            return Some(LoopHead { local, kind: HeadKind::Range(start, end, *bound) });
        }
        let array = self.value(iter, TypeId::ERROR);
        let element = match self.get(self.ty(array)) {
            Ok(Type::Array(element, _) | Type::List(element)) => element,
            Ok(Type::Bytes) => TypeId::U8,
            Ok(Type::Error) => TypeId::ERROR,
            Ok(Type::Map(key, _)) => {
                let list = self.list(&[array]);
                let ty = self.program.types.intern(Type::List(key));
                let keys = self.new_expr(ExprKind::Collection(CollectionOp::Keys, list), ty, iter.span);
                self.grows(iter.span, "the keys of a map");
                let local = self.declare_local(name, key, Use::Given);
                return Some(LoopHead { local, kind: HeadKind::Each(keys) });
            }
            _ => {
                let found = self.type_name(self.ty(array));
                let mut diagnostic = Diagnostic::new(
                    codes::TYPE_MISMATCH,
                    iter.span,
                    format!("{found} cannot be gone through"),
                )
                .label(format!("this is {found}"))
                .expected("an array, a map or a range")
                .found(found);
                if matches!(self.get(self.ty(array)), Ok(Type::Int(_)) | Err(_)) {
                    let text = self.source_text(iter.span);
                    diagnostic = diagnostic.replace("count up to it", iter.span, format!("0..{text}"));
                }
                self.report(diagnostic);
                TypeId::ERROR
            }
        };
        let local = self.declare_local(name, element, Use::Given);
        if self.mode == Mode::Python && self.is_of_data(array) {
            self.ctx.data_names.push(local);
        }
        Some(LoopHead { local, kind: HeadKind::Each(array) })
    }

    pub(super) fn return_stmt(&mut self, value: Option<&ast::Expr<'s>>, span: Span) -> StmtKind {
        let ret = self.result_type();
        if self.ctx.place == Place::Migration {
            self.report(
                Diagnostic::new(codes::NOT_IN_MIGRATION, span, "a migration goes to its last step")
                    .label("cannot end it before")
                    .hint("put what follows into the other branch of an `if`"),
            );
        }
        let value = match (value, self.ctx.place) {
            (Some(value), Place::Function | Place::Handler)
                if self.program.types.resolve(ret) != TypeId::UNIT =>
            {
                let id = self.value(value, ret);
                self.own_result(id);
                Some(self.coerce(id, ret))
            }
            (Some(value), _) => {
                let id = self.expr(value, TypeId::ERROR);
                if self.ty(id) != TypeId::UNIT && self.get(self.ty(id)) != Ok(Type::Error) {
                    let hint = match self.ctx.place {
                        Place::Function => "declare the result: `-> type` after the parameters",
                        _ => "only a section `## On request(…)` answers",
                    };
                    self.report(
                        Diagnostic::new(codes::TYPE_MISMATCH, value.span, "nobody takes this value")
                            .label("no result is declared")
                            .expected("`return` alone")
                            .hint(hint),
                    );
                }
                None
            }
            (None, Place::Function) if !self.program.types.unify(ret, TypeId::UNIT) => {
                let expected = self.type_name(ret);
                self.report(
                    Diagnostic::new(codes::TYPE_MISMATCH, span, "`return` without the result")
                        .label("no value")
                        .expected(format!("a value of type {expected}")),
                );
                None
            }
            (None, _) => None,
        };
        self.flow.die();
        StmtKind::Return(value)
    }
}

/// Whether a place is a variable or a part of one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Whole {
    Whole,
    Part,
}

/// The head of a `for` loop.
pub(super) struct LoopHead {
    pub(super) local: LocalId,
    kind: HeadKind,
}

enum HeadKind {
    Range(ExprId, ExprId, ast::Bound),
    Each(ExprId),
}

impl LoopHead {
    pub(super) fn statement(self, body: Block) -> StmtKind {
        match self.kind {
            HeadKind::Range(start, end, bound) => {
                StmtKind::ForRange(self.local, start, end, bound, Box::new(body))
            }
            HeadKind::Each(array) => StmtKind::ForEach(self.local, array, Box::new(body)),
        }
    }
}
