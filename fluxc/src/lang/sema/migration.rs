//! Migrations: functions from the state of one version to that of another.
//!
//! Both states are structs. The old one is the parameter `old`; each variable of the new one is a
//! local, which the end of the section puts together. A variable that both have with one type keeps
//! its value unless a step sets it; another one begins with its initial value.
//!
//! # Invariants
//! 1. A migration sees the old state, constants and functions, and nothing else: no parameter, no device,
//!    no message, no log. So it gives the same state wherever and whenever it runs.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::scope::Binding;
use super::tree::{self, Body, ExprId, ExprKind, LocalId, Migration, Sign, Stmt, StmtKind};
use super::types::{DESCRIPTOR_BYTES, Field, StructId, Type, TypeId};
use super::{Checker, Mode, Place, Use, number};
use crate::diag::{Diagnostic, codes};
use crate::lang::syntax::ast;
use crate::lang::syntax::ast::{AgentDoc, Direction, Ident, StepKind};
use crate::span::Span;
use flux_isa::MigrationWay;

/// Variables of a state that can be migrated.
const MOST_FIELDS: usize = 256;
/// Migrations of an agent; each holds the types of a whole state.
const MOST_MIGRATIONS: usize = 64;

/// Tells whether a step only computes.
const fn computes(kind: &StepKind<'_>) -> bool {
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
    spans: Vec<Span>,
}

/// What a migration is made of.
struct Plan<'d, 's> {
    way: MigrationWay,
    version: &'s str,
    heading: Span,
    from: Shape<'s>,
    to: Shape<'s>,
    /// Which of the two is the other version's.
    other: StructId,
    /// The steps; none of a way back that is derived.
    body: Option<&'d ast::Block<'s>>,
}

impl<'s> Checker<'_, 's> {
    /// The migrations of an agent, and the ways back that follow from them.
    pub(super) fn migrations(&mut self, doc: &AgentDoc<'s>) -> Vec<Migration<'s>> {
        let mut made = Vec::new();
        let Some(first) = doc.migrations.first() else { return made };
        let Some(own) = self.own_state(first.heading) else { return made };
        for (place, migration) in doc.migrations.iter().enumerate() {
            if place >= MOST_MIGRATIONS {
                self.fault(migration.heading, format!("more than {MOST_MIGRATIONS} migrations of one agent"));
                break;
            }
            if !self.version_is_good(doc, migration, place) {
                continue;
            }
            let Some(other) = self.other_state(migration) else { continue };
            let (way, from, to) = match migration.direction {
                Direction::From => (MigrationWay::From, other.clone(), own.clone()),
                Direction::BackTo => (MigrationWay::BackTo, own.clone(), other.clone()),
            };
            let (version, heading) = (migration.version.text, migration.heading);
            let body = Some(&migration.body);
            let plan = Plan { way, version, heading, from, to, other: other.id, body };
            let row = self.migration(doc, &plan);
            self.sink.keep(&mut made, row, heading);
            if way == MigrationWay::From {
                self.way_back(doc, migration, &own, other, &mut made);
            }
        }
        made
    }

    fn version_is_good(&mut self, doc: &AgentDoc<'s>, migration: &ast::Migration<'s>, place: usize) -> bool {
        let version = migration.version;
        match doc.keys.version {
            None => {
                let hint = "write `version: 2` into `## Agent`: a fleet tells by it which migration to take";
                self.report(
                    Diagnostic::new(
                        codes::MIGRATION_FAULT,
                        migration.heading,
                        "the agent has a migration and no version of its own",
                    )
                    .hint(hint),
                );
                return false;
            }
            Some(own) if own.text == version.text => {
                self.report(
                    Diagnostic::new(
                        codes::MIGRATION_FAULT,
                        version.span,
                        format!("{} is the version of this document", version.text),
                    )
                    .label("its own version")
                    .secondary(own.span, "here")
                    .expected("the version that the other document has in its `## Agent`"),
                );
                return false;
            }
            Some(_) => {}
        }
        let same = |other: &&ast::Migration<'s>| {
            other.direction == migration.direction && other.version.text == version.text
        };
        let Some(first) = doc.migrations.iter().take(place).find(same) else { return true };
        self.report(
            Diagnostic::new(
                codes::DUPLICATE_SECTION,
                migration.heading,
                format!("a second migration of this way for version {}", version.text),
            )
            .secondary(first.heading, "first here"),
        );
        false
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
            let list: Vec<String> = other
                .fields
                .iter()
                .map(|field| format!("{}: {}", field.name, self.type_name(field.ty)))
                .collect();
            let list = list.join(", ");
            self.report(
                Diagnostic::new(
                    codes::NO_WAY_BACK,
                    forth.heading,
                    format!("there is no way back to version {version}: `{name}` is not kept as it was"),
                )
                .hint(format!(
                    "write it: `## Migrate back to {version} ({list})`, with steps that set `{name}`"
                )),
            );
            return;
        }
        let (heading, id) = (forth.heading, other.id);
        let (from, to) = (own.clone(), other);
        let plan = Plan { way: MigrationWay::BackTo, version, heading, from, to, other: id, body: None };
        let row = self.migration(doc, &plan);
        self.sink.keep(made, row, heading);
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
        let rows: Vec<_> = self.agent.state.iter().map(|row| (row.name, row.ty, row.span)).collect();
        if rows.is_empty() {
            self.fault(heading, "the agent has no `## State` to migrate".into());
            return None;
        }
        let mut fields: Vec<Field<'s>> = Vec::with_capacity(rows.len());
        // One too many shows that there are more.
        for (name, ty, _) in rows.iter().take(MOST_FIELDS.saturating_add(1)) {
            if fields.iter().any(|field| field.name == *name) {
                return None;
            }
            self.program.types.settle(*ty);
            fields.push(Field { name, ty: *ty });
        }
        let spans = rows.iter().map(|row| row.2).collect();
        self.shape(heading, fields, spans)
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
                .label("with what variables?")
                .expected("its variables with their types, in parentheses behind the version")
                .replace("for example", Span::empty(version.span.end), " (count: int)"),
            );
            return None;
        }
        let mut fields: Vec<Field<'s>> = Vec::new();
        for param in &migration.params {
            if let Some(first) = fields.iter().position(|field| field.name == param.name.text) {
                let first = migration.params.get(first).map(|param| param.name.span);
                self.defined_twice(param.name, "variable of this state", first);
                return None;
            }
            let Some(ty) = &param.ty else {
                self.report(
                    Diagnostic::new(
                        codes::MIGRATION_FAULT,
                        param.name.span,
                        format!("`{}` has no type", param.name.text),
                    )
                    .label("of what type was it?")
                    .replace("for example", Span::empty(param.name.span.end), ": int"),
                );
                return None;
            };
            let ty = self.stored_type_of(ty);
            if ty == TypeId::ERROR {
                return None;
            }
            fields.push(Field { name: param.name.text, ty });
        }
        let spans = migration.params.iter().map(|param| param.name.span).collect();
        self.shape(migration.heading, fields, spans)
    }

    fn shape(&mut self, heading: Span, fields: Vec<Field<'s>>, spans: Vec<Span>) -> Option<Shape<'s>> {
        let (id, ty) = self.program.types.add_struct("old", heading);
        let many = fields.len() > MOST_FIELDS;
        self.program.types.set_fields(id, fields.clone());
        if self.program.types.settle_last_struct().is_some() || many {
            self.fault(
                heading,
                format!(
                    "a state that is migrated may have {MOST_FIELDS} variables, with {DESCRIPTOR_BYTES} bytes of type descriptors"
                ),
            );
            return None;
        }
        self.count_tables(heading);
        Some(Shape { id, ty, fields, spans })
    }

    fn fault(&mut self, span: Span, message: String) {
        self.report(Diagnostic::new(codes::MIGRATION_FAULT, span, message));
    }

    fn migration(&mut self, doc: &AgentDoc<'s>, plan: &Plan<'_, 's>) -> Migration<'s> {
        let scope = self.names.enter();
        self.begin_body(Place::Migration, TypeId::UNIT);
        let span = plan.heading;
        let old = self.declare_local(Ident { text: "old", span }, plan.from.ty, Use::Parameter);
        self.flow.assign(old);
        let mut stmts = Vec::new();
        let mut locals = Vec::with_capacity(plan.to.fields.len());
        for (field, place) in plan.to.fields.iter().zip(&plan.to.spans) {
            let kept = self.same_field(&plan.from, field);
            let value = match kept {
                Some(index) => Some(self.old_field(old, plan, index)),
                None if plan.way == MigrationWay::From => self.first_value(doc, field, *place),
                None => None,
            };
            let name = Ident { text: field.name, span: *place };
            let local = self.new_local(name, field.ty, Use::Variable);
            if value.is_some() {
                self.flow.assign(local);
            }
            self.sink.keep(&mut stmts, Stmt { kind: StmtKind::Let(local, value), span }, span);
            locals.push(local);
        }
        // Only now, so that an initial value does not see the variables before it.
        for (field, local) in plan.to.fields.iter().zip(&locals) {
            let symbol = self.names.symbol(field.name);
            self.names.bind(symbol, Binding::Local(*local));
            self.ctx.introduced.push((field.name, symbol));
        }
        let first_read = self.program.exprs.len();
        self.mode = Mode::Step;
        if let Some(body) = plan.body {
            self.mark_introduced(body);
            let block = self.steps(body);
            if plan.way == MigrationWay::From {
                self.report_lost(plan, old, first_read);
            }
            for stmt in block.stmts {
                self.sink.keep(&mut stmts, stmt, span);
            }
        }
        self.put_together(plan, &locals, &mut stmts);
        self.refuse_what_is_outside(first_read);
        let body: Body<'s> = self.end_body(1, tree::Block { stmts, value: None });
        self.names.leave(scope);
        let title = match plan.way {
            MigrationWay::From => format!("Migrate from {}", plan.version),
            MigrationWay::BackTo => format!("Migrate back to {}", plan.version),
        };
        self.sink.charge(title.len(), span);
        let (way, version, other, ret) = (plan.way, plan.version, plan.other, plan.to.ty);
        Migration { way, version, title, span, other, ret, body }
    }

    fn old_field(&mut self, old: LocalId, plan: &Plan<'_, 's>, index: usize) -> ExprId {
        let span = plan.heading;
        let ty = plan.from.fields.get(index).map_or(TypeId::ERROR, |field| field.ty);
        let base = self.new_expr(ExprKind::Local(old), plan.from.ty, span);
        self.new_expr(ExprKind::Field(base, plan.from.id, number(index)), ty, span)
    }

    /// The value that a variable of this version begins with.
    fn first_value(&mut self, doc: &AgentDoc<'s>, field: &Field<'s>, place: Span) -> Option<ExprId> {
        let entry = doc.state.iter().find(|entry| entry.name.text == field.name)?;
        let Some(initial) = &entry.initial else { return self.state_zero(field.ty, place, 0) };
        // What is wrong with it was said where the state was looked at.
        if self.has_error_in(initial.span) {
            return Some(self.invalid(initial.span));
        }
        self.mode = Mode::Code;
        let first = self.program.exprs.len();
        let id = self.value(initial, field.ty);
        let id = self.coerce(id, field.ty);
        let mut made = self.program.exprs.iter().skip(first);
        // A parameter is not seen here: a step gives the value.
        (!made.any(|expr| matches!(expr.kind, ExprKind::Param(_)))).then_some(id)
    }

    /// What a state variable without an initial value begins as.
    fn state_zero(&mut self, ty: TypeId, span: Span, depth: usize) -> Option<ExprId> {
        let depth = depth.checked_add(1).filter(|depth| *depth <= flux_abi::limits::TYPE_NESTING)?;
        let kind = match self.program.types.settled(ty) {
            Type::Bool => ExprKind::Bool(false),
            Type::Int(_) => ExprKind::Int(Sign::Plus, 0),
            Type::Float(_) => ExprKind::Float(0.0),
            Type::Duration => ExprKind::Duration(0),
            Type::Str => ExprKind::Text(self.text("".into())),
            Type::Array(element, _) => ExprKind::Repeat(self.state_zero(element, span, depth)?, None),
            Type::List(_) | Type::Bytes => ExprKind::Array(self.list(&[])),
            Type::Map(..) => ExprKind::Collection(tree::CollectionOp::MapOf, self.list(&[])),
            Type::Optional(_) => ExprKind::None,
            Type::Enum(id) => ExprKind::Variant(id, 0),
            Type::Struct(id) => {
                let fields: Vec<TypeId> =
                    self.program.types.structure(id)?.fields.iter().map(|field| field.ty).collect();
                let values = fields
                    .into_iter()
                    .map(|ty| self.state_zero(ty, span, depth))
                    .collect::<Option<Vec<_>>>()?;
                ExprKind::Struct(self.list(&values))
            }
            Type::Union(_) => {
                let (_, row) = self.program.types.enum_of(ty)?;
                let payload = row.variants.first()?.payload.clone();
                let values = payload
                    .into_iter()
                    .map(|ty| self.state_zero(ty, span, depth))
                    .collect::<Option<Vec<_>>>()?;
                ExprKind::Tagged(0, self.list(&values))
            }
            _ => return None,
        };
        Some(self.new_expr(kind, ty, span))
    }

    /// The new state from its variables.
    fn put_together(&mut self, plan: &Plan<'_, 's>, locals: &[LocalId], stmts: &mut Vec<Stmt>) {
        let span = plan.heading;
        if self.flow.is_dead() {
            return;
        }
        let mut values = Vec::with_capacity(locals.len());
        for (local, field) in locals.iter().zip(&plan.to.fields) {
            if !self.flow.is_assigned(*local) {
                self.report(
                    Diagnostic::new(
                        codes::USE_BEFORE_SET,
                        span,
                        format!("the migration does not set `{}` on every way", field.name),
                    )
                    .label("neither kept nor set, and no initial value that a migration sees")
                    .hint(format!("add a step `Set {} to …`", field.name)),
                );
            }
            values.push(self.new_expr(ExprKind::Local(*local), field.ty, span));
        }
        let list = self.list(&values);
        let state = self.new_expr(ExprKind::Struct(list), plan.to.ty, span);
        self.sink.keep(stmts, Stmt { kind: StmtKind::Return(Some(state)), span }, span);
    }

    /// Warns of old variables that are neither kept nor read.
    fn report_lost(&mut self, plan: &Plan<'_, 's>, old: LocalId, first_read: usize) {
        let mut read = alloc::vec![false; plan.from.fields.len()];
        let exprs = self.program.exprs.iter().skip(first_read);
        let mut named = 0_u32;
        for expr in exprs {
            match expr.kind {
                ExprKind::Local(local) if local == old => named = named.saturating_add(1),
                ExprKind::Field(base, id, index) if id == plan.from.id => {
                    if matches!(self.program.expr(base).kind, ExprKind::Local(local) if local == old) {
                        named = named.saturating_sub(1);
                    }
                    if let Some(slot) = read.get_mut(index as usize) {
                        *slot = true;
                    }
                }
                _ => {}
            }
        }
        // `old` as a whole, which something else may take apart.
        if named > 0 {
            return;
        }
        for (index, (field, place)) in plan.from.fields.iter().zip(&plan.from.spans).enumerate() {
            let kept = self.same_field(&plan.to, field).is_some();
            if kept || read.get(index) == Some(&true) {
                continue;
            }
            let name = field.name;
            let new = plan.to.fields.iter().find(|field| field.name == name);
            let row = Diagnostic::new(
                codes::OLD_VALUE_LOST,
                *place,
                format!("the value of `{name}` is lost: no step reads `old.{name}`"),
            )
            .label("not kept, not read");
            self.report(match new {
                Some(new) => row.hint(format!(
                    "`{name}` is of type {} now: add a step `Set {name} to …` that uses `old.{name}`",
                    self.type_name(new.ty)
                )),
                None => row.hint(format!("a step `Let gone be old.{name}` says that this is meant")),
            });
        }
    }

    /// Refuses parameters and variables of a running agent, which are not part of the old state.
    fn refuse_what_is_outside(&mut self, first: usize) {
        let exprs = self.program.exprs.iter().skip(first);
        let found: Vec<_> = exprs
            .filter(|expr| matches!(expr.kind, ExprKind::Param(_) | ExprKind::State(_)))
            .map(|expr| (expr.kind, expr.span))
            .collect();
        for (kind, span) in found {
            let name = self.source_text(span);
            let row = match kind {
                ExprKind::State(_) => Diagnostic::new(
                    codes::NOT_IN_MIGRATION,
                    span,
                    format!("`{name}` is no variable of the state that this migration makes"),
                )
                .label("not in the list of the heading")
                .hint(format!("`old.{name}` is the value in the state that is left")),
                _ => Diagnostic::new(
                    codes::NOT_IN_MIGRATION,
                    span,
                    format!("`{name}` is a parameter, which a migration does not see"),
                )
                .label("not part of the old state")
                .hint("a migration computes the new state from the old one and constants alone"),
            };
            self.report(row);
        }
    }

    /// Refuses a step of a migration that does more than compute.
    pub(super) fn refuse_in_migration(&mut self, kind: &StepKind<'s>, span: Span) -> bool {
        if self.ctx.place != Place::Migration || computes(kind) {
            return false;
        }
        self.report(
            Diagnostic::new(
                codes::NOT_IN_MIGRATION,
                span,
                format!("the step `{}` cannot stand in a migration", kind.name()),
            )
            .label("does more than compute")
            .expected("Set, Let, Add, Subtract, If, Repeat, While, For each, Call or code"),
        );
        true
    }
}
