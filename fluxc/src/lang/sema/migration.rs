//! Migrations: functions from the state of one version to that of another.
//!
//! Both states are structs. The old one is the parameter `old`; each variable of the new one is a
//! local, which the end of the section puts together. A variable that both have with one type keeps
//! its value unless a step sets it; another one begins with its initial value.

use alloc::format;
use alloc::vec::Vec;

use super::tree::{Body, ExprId, ExprKind, FnId, LocalId, Migration, Sign, Stmt, StmtKind};
use super::types::{DESCRIPTOR_BYTES, Field, StructId, Type, TypeId};
use super::{Checker, Mode, Place, Use};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{AgentDoc, Direction, Ident, StepKind};
use crate::span::Span;
use flux_isa::MigrationWay;

/// Variables of a state that can be migrated.
const MOST_FIELDS: usize = 256;

/// Tells whether a step only computes.
pub(super) const fn computes(kind: &StepKind<'_>) -> bool {
    matches!(
        kind,
        StepKind::Set { .. }
            | StepKind::Let { .. }
            | StepKind::Update { .. }
            | StepKind::If { .. }
            | StepKind::Repeat { .. }
            | StepKind::While { .. }
            | StepKind::ForEach { .. }
            | StepKind::Call { .. }
            | StepKind::Fail { .. }
            | StepKind::Code(_)
            | StepKind::Invalid
    )
}

/// A state as a struct.
#[derive(Clone)]
struct Shape<'s> {
    id: StructId,
    ty: TypeId,
    fields: Vec<Field<'s>>,
    /// By field its first value, for the state of this version.
    initial: Vec<Option<ExprId>>,
    spans: Vec<Span>,
}

/// What a migration is made of.
struct Plan<'d, 's> {
    way: MigrationWay,
    version: &'s str,
    heading: Span,
    from: Shape<'s>,
    to: Shape<'s>,
    other: StructId,
    body: Option<&'d ast::Block<'s>>,
}

impl<'s> Checker<'_, 's> {
    /// The migrations of an agent, and the ways back that follow from them. `calls` are the functions
    /// that initial values of its state call.
    pub(super) fn migrations(&mut self, doc: &AgentDoc<'s>, calls: &[FnId]) -> Vec<Migration<'s>> {
        let mut made = Vec::new();
        let Some(first) = doc.migrations.first() else { return made };
        let Some(own) = self.own_state(first.heading) else { return made };
        for (number, migration) in doc.migrations.iter().enumerate() {
            let same = |other: &&ast::Migration<'s>| {
                other.direction == migration.direction && other.version.text == migration.version.text
            };
            if let Some(first) = doc.migrations.iter().take(number).find(same) {
                self.report(
                    Diagnostic::new(
                        codes::DUPLICATE_SECTION,
                        migration.heading,
                        format!("a second migration of this way for version {}", migration.version.text),
                    )
                    .secondary(first.heading, "the first one"),
                );
                continue;
            }
            let Some(other) = self.other_state(migration) else { continue };
            let (way, from, to) = match migration.direction {
                Direction::From => (MigrationWay::From, other.clone(), own.clone()),
                Direction::BackTo => (MigrationWay::BackTo, own.clone(), other.clone()),
            };
            let (version, heading) = (migration.version.text, migration.heading);
            let body = Some(&migration.body);
            made.push(self.migration(Plan { way, version, heading, from, to, other: other.id, body }, calls));
            if way == MigrationWay::From {
                self.way_back(doc, migration, &own, other, &mut made);
            }
        }
        made
    }

    /// The way back of a migration, if none is written: it follows if every old variable is kept.
    fn way_back(
        &mut self,
        doc: &AgentDoc<'s>,
        forth: &ast::Migration<'s>,
        own: &Shape<'s>,
        other: Shape<'s>,
        made: &mut Vec<Migration<'s>>,
    ) {
        let version = forth.version.text;
        let is_back =
            |row: &ast::Migration<'s>| row.direction == Direction::BackTo && row.version.text == version;
        if doc.migrations.iter().any(is_back) {
            return;
        }
        let gone = other.fields.iter().find(|field| self.same_field(own, field).is_none());
        if let Some(gone) = gone {
            let name = gone.name;
            self.report(
                Diagnostic::new(
                    codes::NO_WAY_BACK,
                    forth.heading,
                    format!("there is no way back to version {version}: `{name}` is not kept as it was"),
                )
                .hint(format!(
                    "write it: `## Migrate back to {version} ({name}: …)`, with steps that set `{name}`"
                )),
            );
            return;
        }
        let (way, heading, id) = (MigrationWay::BackTo, forth.heading, other.id);
        let (from, to) = (own.clone(), other);
        made.push(self.migration(Plan { way, version, heading, from, to, other: id, body: None }, &[]));
    }

    /// The field of that name and type.
    fn same_field(&self, shape: &Shape<'s>, wanted: &Field<'s>) -> Option<usize> {
        let types = &self.program.types;
        shape.fields.iter().position(|field| {
            field.name == wanted.name && types.resolve(field.ty) == types.resolve(wanted.ty)
        })
    }

    /// The state of this version.
    fn own_state(&mut self, heading: Span) -> Option<Shape<'s>> {
        let rows: Vec<_> =
            self.agent.state.iter().map(|row| (row.name, row.ty, row.initial, row.span)).collect();
        if rows.is_empty() {
            self.fault(heading, "the agent has no `## State` to migrate");
            return None;
        }
        let mut fields = Vec::with_capacity(rows.len());
        for (name, ty, ..) in &rows {
            self.program.types.settle(*ty);
            fields.push(Field { name, ty: *ty });
        }
        let initial = rows.iter().map(|row| row.2.or_else(|| self.zero(row.1, row.3))).collect();
        let spans = rows.iter().map(|row| row.3).collect();
        self.shape(heading, fields, initial, spans)
    }

    /// What a state variable without an initial value begins as; `None` for types that say it otherwise.
    fn zero(&mut self, ty: TypeId, span: Span) -> Option<ExprId> {
        let kind = match self.program.types.settled(ty) {
            Type::Bool => ExprKind::Bool(false),
            Type::Int(_) => ExprKind::Int(Sign::Plus, 0),
            Type::Float(_) => ExprKind::Float(0.0),
            Type::Duration => ExprKind::Duration(0),
            Type::Str => ExprKind::Text(self.text("".into())),
            Type::Array(element, _) => ExprKind::Repeat(self.zero(element, span)?),
            Type::Struct(id) => {
                let fields: Vec<TypeId> =
                    self.program.types.structure(id)?.fields.iter().map(|field| field.ty).collect();
                let values = fields.into_iter().map(|ty| self.zero(ty, span)).collect::<Option<Vec<_>>>()?;
                ExprKind::Struct(self.list(&values))
            }
            _ => return None,
        };
        Some(self.new_expr(kind, ty, span))
    }

    /// The state that the heading of a migration lists.
    fn other_state(&mut self, migration: &ast::Migration<'s>) -> Option<Shape<'s>> {
        if migration.params.is_empty() {
            let version = migration.version;
            self.report(
                Diagnostic::new(
                    codes::MIGRATION_FAULT,
                    version.span,
                    format!("the state of version {} is not listed", version.text),
                )
                .expected("its variables with their types in parentheses")
                .replace("for example", Span::empty(version.span.end), " (count: int)"),
            );
            return None;
        }
        let mut fields: Vec<Field<'s>> = Vec::new();
        for param in &migration.params {
            if fields.iter().any(|field| field.name == param.name.text) {
                self.fault(param.name.span, "this variable is listed twice");
                return None;
            }
            let Some(ty) = &param.ty else {
                self.fault(param.name.span, "this variable has no type");
                return None;
            };
            let ty = self.stored_type_of(ty);
            if ty == TypeId::ERROR {
                return None;
            }
            fields.push(Field { name: param.name.text, ty });
        }
        let initial = alloc::vec![None; fields.len()];
        let spans = migration.params.iter().map(|param| param.name.span).collect();
        self.shape(migration.heading, fields, initial, spans)
    }

    fn shape(
        &mut self,
        heading: Span,
        fields: Vec<Field<'s>>,
        initial: Vec<Option<ExprId>>,
        spans: Vec<Span>,
    ) -> Option<Shape<'s>> {
        let (id, ty) = self.program.types.add_struct("old", heading);
        self.program.types.set_fields(id, fields.clone());
        let problems = self.program.types.settle_structs();
        if fields.len() > MOST_FIELDS || problems.iter().any(|(problem, _)| *problem == id) {
            let message = format!(
                "a state that is migrated may have {MOST_FIELDS} variables, with {DESCRIPTOR_BYTES} bytes of type descriptors"
            );
            self.fault(heading, &message);
            return None;
        }
        Some(Shape { id, ty, fields, initial, spans })
    }

    fn fault(&mut self, span: Span, message: &str) {
        self.report(Diagnostic::new(codes::MIGRATION_FAULT, span, message));
    }

    fn migration(&mut self, plan: Plan<'_, 's>, calls: &[FnId]) -> Migration<'s> {
        let scope = self.names.enter();
        self.begin_body(Place::Migration, TypeId::UNIT);
        for function in calls {
            self.note_call(*function);
        }
        let span = plan.heading;
        let old = self.declare_local(Ident { text: "old", span }, plan.from.ty, Use::Parameter);
        self.flow.assign(old);
        let mut stmts = Vec::new();
        let mut locals = Vec::with_capacity(plan.to.fields.len());
        let rows = plan.to.fields.iter().zip(&plan.to.initial).zip(&plan.to.spans);
        for ((field, initial), place) in rows {
            let kept = self.same_field(&plan.from, field);
            let value = match kept {
                Some(index) => {
                    let base = self.new_expr(ExprKind::Local(old), plan.from.ty, span);
                    let kind = ExprKind::Field(base, plan.from.id, super::number(index));
                    Some(self.new_expr(kind, field.ty, span))
                }
                None => *initial,
            };
            let name = Ident { text: field.name, span: *place };
            let local = self.declare_local(name, field.ty, Use::Variable);
            if value.is_some() {
                self.flow.assign(local);
            }
            self.sink.keep(&mut stmts, Stmt { kind: StmtKind::Let(local, value), span }, span);
            locals.push((local, kept.is_some()));
        }
        self.mode = Mode::Step;
        if let Some(body) = plan.body {
            let mut block = self.steps(body);
            self.report_untouched(&plan, &locals, body);
            for stmt in block.stmts.drain(..) {
                self.sink.keep(&mut stmts, stmt, span);
            }
        }
        self.put_together(&plan, &locals, &mut stmts);
        let body: Body<'s> = self.end_body(1, super::tree::Block { stmts, value: None });
        self.names.leave(scope);
        let title = match plan.way {
            MigrationWay::From => format!("Migrate from {}", plan.version),
            MigrationWay::BackTo => format!("Migrate back to {}", plan.version),
        };
        Migration {
            way: plan.way,
            version: plan.version,
            title,
            span,
            other: plan.other,
            ret: plan.to.ty,
            body,
        }
    }

    /// The new state from its variables.
    fn put_together(&mut self, plan: &Plan<'_, 's>, locals: &[(LocalId, bool)], stmts: &mut Vec<Stmt>) {
        let span = plan.heading;
        if self.flow.is_dead() {
            return;
        }
        let mut values = Vec::with_capacity(locals.len());
        for ((local, _), field) in locals.iter().zip(&plan.to.fields) {
            if !self.flow.is_assigned(*local) {
                self.report(
                    Diagnostic::new(
                        codes::USE_BEFORE_SET,
                        span,
                        format!("the migration does not set `{}` on every way", field.name),
                    )
                    .label("neither kept nor set, and without an initial value")
                    .hint(format!("add a step `Set {} to …`", field.name)),
                );
            }
            values.push(self.new_expr(ExprKind::Local(*local), field.ty, span));
        }
        let list = self.list(&values);
        let state = self.new_expr(ExprKind::Struct(list), plan.to.ty, span);
        self.sink.keep(stmts, Stmt { kind: StmtKind::Return(Some(state)), span }, span);
    }

    /// Says which variables begin anew because no step sets them.
    fn report_untouched(&mut self, plan: &Plan<'_, 's>, locals: &[(LocalId, bool)], body: &ast::Block<'s>) {
        let mut set = Vec::new();
        names_set(body, &mut set);
        for ((_, kept), (field, initial)) in locals.iter().zip(plan.to.fields.iter().zip(&plan.to.initial)) {
            if !kept && initial.is_some() && !set.contains(&field.name) {
                self.report(
                    Diagnostic::new(
                        codes::MIGRATION_INITIAL,
                        plan.heading,
                        format!(
                            "the migration does not set `{}`, which begins with its initial value",
                            field.name
                        ),
                    )
                    .hint(format!("add a step `Set {} to …` if the old state tells it", field.name)),
                );
            }
        }
    }
}

/// Names that steps give a value to.
fn names_set<'s>(block: &ast::Block<'s>, out: &mut Vec<&'s str>) {
    for step in &block.steps {
        match &step.kind {
            StepKind::Set { place, .. } | StepKind::Update { place, .. } => out.extend(root_name(place)),
            StepKind::Code(code) => code_sets(code, out),
            StepKind::If { arms } => arms.iter().for_each(|arm| names_set(&arm.body, out)),
            StepKind::Repeat { body, .. } | StepKind::While { body, .. } | StepKind::ForEach { body, .. } => {
                names_set(body, out);
            }
            _ => {}
        }
        if let Some(otherwise) = &step.otherwise {
            names_set(&otherwise.body, out);
        }
    }
}

fn code_sets<'s>(code: &ast::CodeBlock<'s>, out: &mut Vec<&'s str>) {
    for stmt in &code.stmts {
        match &stmt.kind {
            ast::StmtKind::Assign { place, .. } => out.extend(root_name(place)),
            ast::StmtKind::While { body, .. } | ast::StmtKind::For { body, .. } => code_sets(body, out),
            ast::StmtKind::Expr(ast::Expr { kind: ast::ExprKind::If { then, otherwise, .. }, .. }) => {
                code_sets(then, out);
                if let Some(otherwise) = otherwise {
                    code_sets(otherwise, out);
                }
            }
            ast::StmtKind::Expr(ast::Expr { kind: ast::ExprKind::Match { arms, .. }, .. }) => {
                arms.iter().for_each(|arm| code_sets(&arm.body, out));
            }
            _ => {}
        }
    }
}

/// The name that a place is a part of.
fn root_name<'s>(place: &ast::Expr<'s>) -> Option<&'s str> {
    let mut at = place;
    loop {
        match &at.kind {
            ast::ExprKind::Name(name) => return Some(name),
            ast::ExprKind::Field { base, .. } | ast::ExprKind::Index { base, .. } => at = base,
            _ => return None,
        }
    }
}
