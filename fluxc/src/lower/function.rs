//! One function: locals, statements, control flow.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::memory::{Address, Element};
use super::own::Origin;
use super::{FRAME_MARK, LowerError, Recursion, Role, SIZE_MARK, Shared, Unit};
use crate::fir::BuildError;
use crate::fir::pack::Body;
use crate::fir::{
    BlockId, FuncId, Function, FunctionBuilder, Inst, Intrinsic, Type as FirType, ValueDef, ValueId, Variable,
};
use crate::lang::sema::tree::{Answers, Block, ExprId, ExprKind, LocalId, Stmt, StmtKind};
use crate::lang::sema::types::{Type, TypeId};
use crate::lang::syntax::ast::{BinaryOp, Dialect};
use crate::span::{Span, TextLine};

/// Where a local lives.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot {
    /// Nowhere yet.
    None,
    /// In a FIR variable: scalars, texts, and the address of an aggregate parameter.
    Variable(Variable),
    /// In the frame, at this offset.
    Frame(u32),
}

/// A loop around the statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loop {
    pub(super) next: BlockId,
    pub(super) end: BlockId,
}

/// The function being lowered.
pub(super) struct Lowering<'x, 'p, 's> {
    pub(super) shared: &'x mut Shared<'p, 's>,
    pub(super) b: FunctionBuilder,
    pub(super) role: Role,
    pub(super) dialect: Dialect,
    pub(super) body: &'p crate::lang::sema::tree::Body<'s>,
    captures: Option<u32>,
    pub(super) slots: Vec<Slot>,
    /// Of locals that borrow what they hold: from where.
    pub(super) borrows: Vec<Option<Origin>>,
    pub(super) frame: u32,
    /// Address of the frame of a recursive function.
    pub(super) base: Option<ValueId>,
    pub(super) func: FuncId,
    /// Locals that are marked, with their rows, in the order in which they were introduced.
    pub(super) scope: Vec<(LocalId, u32)>,
    /// Address that takes an aggregate result.
    result_address: Option<ValueId>,
    pub(super) loops: Vec<Loop>,
    /// The place that is being rewritten, found already.
    pub(super) known: Option<(ExprId, Element)>,
    span: Span,
    /// The line that `span.start` is on.
    line: TextLine,
    pub(super) error: Option<LowerError>,
}

impl<'x, 'p, 's> Lowering<'x, 'p, 's> {
    pub(super) fn new(shared: &'x mut Shared<'p, 's>, unit: &Unit<'p, 's>) -> Result<Self, LowerError> {
        let Some(declared) = shared.module.function(unit.func) else {
            return Err(LowerError::limit(unit.span, "a function was not declared"));
        };
        let mut b = FunctionBuilder::in_memory(declared, core::mem::take(&mut shared.builder));
        b.limit_memory(shared.room);
        let mut slots = core::mem::take(&mut shared.slots);
        slots.clear();
        slots.resize(unit.body.locals.len(), Slot::None);
        let borrows = vec![None; unit.body.locals.len()];
        let function = unit.callee.and_then(|id| shared.program.functions.get(id.index()));
        let dialect = function.map_or(Dialect::Flux, |function| function.dialect);
        let mut lowering = Self {
            shared,
            b,
            role: unit.role,
            dialect,
            body: unit.body,
            captures: unit.captures,
            slots,
            borrows,
            frame: 0,
            base: None,
            func: unit.func,
            scope: Vec::new(),
            result_address: None,
            loops: Vec::new(),
            known: None,
            span: unit.span,
            line: TextLine::default(),
            error: None,
        };
        lowering.enter();
        Ok(lowering)
    }

    pub(super) fn enter(&mut self) {
        self.at(self.span);
        let mut first = 0;
        if let Role::Function(ret, recursion) = self.role {
            if self.shared.program.types.is_aggregate(ret) {
                self.result_address = Some(self.b.param(0));
                first = 1;
            }
            if recursion == Recursion::Possible {
                let size = self.b.constant(FirType::Ptr, SIZE_MARK);
                let size = self.b.cast(FirType::I64, size);
                self.base = self.b.intrinsic(Intrinsic::ArenaAlloc, 0, &[size]);
            }
        }
        let object = self.captures.map(|_| self.b.param(first));
        first += usize::from(object.is_some());
        for index in 0..self.body.params as usize {
            let value = self.b.param(first + index);
            let ty = self.b.value_type(value);
            let variable = self.b.declare(ty);
            if let Some(slot) = self.slots.get_mut(index) {
                *slot = Slot::Variable(variable);
            }
            self.introduce(LocalId(super::number(index)));
            self.b.assign(variable, value);
        }
        if let (Some(object), Some(count)) = (object, self.captures) {
            let start = self.body.params as usize;
            self.open_closure(object, start..start.saturating_add(count as usize));
        }
    }

    /// Lowers the body; gives it with the bytes of its frame.
    pub(super) fn run(mut self) -> Result<(Body, u32), LowerError> {
        if self.role == Role::StateInit {
            self.initial_state();
        }
        let body = self.body;
        self.block(&body.block);
        if !self.b.is_filled() {
            match self.role {
                Role::Function(ret, _) if ret != TypeId::UNIT && self.result_address.is_none() => {
                    self.b.unreachable();
                }
                _ => self.end_section(),
            }
        }
        self.end()
    }

    /// Ends a function whose body is complete.
    pub(super) fn end(self) -> Result<(Body, u32), LowerError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let (base, frame, span) = (self.base, self.frame, self.span);
        let memory = &mut self.shared.builder;
        let mut function = self.b.finish_into(memory).map_err(|error| match error {
            BuildError::Memory => LowerError::memory(span),
            other => LowerError::limit(span, format!("{other}")),
        })?;
        if let Some(base) = base.filter(|_| frame == 0) {
            drop_frame(&mut function, base);
        }
        let body = Body::pack(&mut function);
        memory.recycle(function);
        self.shared.slots = self.slots;
        Ok((body, frame))
    }

    pub(super) fn initial_state(&mut self) {
        let Some(agent) = self.shared.agent else { return };
        for (index, variable) in agent.state.iter().enumerate() {
            let Some(initial) = variable.initial else { continue };
            let Some(offset) = self.shared.state.get(index).copied() else { continue };
            self.at(variable.span);
            let address = self.state_address(offset);
            self.store_state(initial, variable.ty, address);
        }
    }

    /// The place in the document of what follows.
    pub(super) fn at(&mut self, span: Span) {
        self.span = span;
        if span.start >= self.line.start && span.start < self.line.end {
            return;
        }
        self.line = self.shared.lines.line_after(self.line, span.start);
        self.b.set_line(self.shared.lines.word_of(self.line.number, span.start));
    }

    pub(super) fn fail(&mut self, message: impl Into<alloc::string::String>) {
        let span = self.span;
        self.error.get_or_insert_with(|| LowerError::limit(span, message));
    }

    // ------------------------------------------------------------ locals

    pub(super) fn local_ty(&self, local: LocalId) -> TypeId {
        self.body.locals.get(local.index()).map_or(TypeId::ERROR, |local| local.ty)
    }

    /// Where a local lives; decided at its first use.
    pub(super) fn slot(&mut self, local: LocalId) -> Slot {
        if let Some(slot @ (Slot::Variable(_) | Slot::Frame(_))) = self.slots.get(local.index()) {
            return *slot;
        }
        let ty = self.local_ty(local);
        let slot = if self.shared.program.types.is_aggregate(ty) {
            Slot::Frame(self.reserve(ty))
        } else {
            let ty = match self.shared.fir_type(ty) {
                FirType::Void => FirType::I64,
                ty => ty,
            };
            Slot::Variable(self.b.declare(ty))
        };
        if let Some(place) = self.slots.get_mut(local.index()) {
            *place = slot;
        }
        self.introduce(local);
        slot
    }

    /// Bytes of the frame for a value.
    pub(super) fn reserve(&mut self, ty: TypeId) -> u32 {
        let layout = self.shared.program.types.layout(ty);
        let place = layout.and_then(|layout| {
            let offset = self.frame.checked_next_multiple_of(layout.align.max(8))?;
            Some((offset, offset.checked_add(layout.size)?))
        });
        match place {
            Some((offset, end)) if end <= crate::lang::sema::types::AGGREGATE_BYTES => {
                self.frame = end;
                offset
            }
            _ => {
                self.fail(format!(
                    "the arrays and structs of this function take over {} bytes",
                    crate::lang::sema::types::AGGREGATE_BYTES
                ));
                0
            }
        }
    }

    /// An address in the frame.
    pub(super) fn frame_address(&mut self, offset: u32) -> Address {
        match self.base {
            Some(base) => Address { base, offset },
            None => {
                let base = self.b.constant(FirType::Ptr, FRAME_MARK);
                Address { base, offset }
            }
        }
    }

    pub(super) fn set_local(&mut self, local: LocalId, value: ValueId) {
        if let Slot::Variable(variable) = self.slot(local) {
            self.b.assign(variable, value);
        }
    }

    /// Gives a local a value from elsewhere, as from a message.
    pub(super) fn bind(&mut self, local: LocalId, value: ValueId) {
        if let Slot::Frame(offset) = self.slot(local) {
            let to = self.frame_address(offset);
            let ty = self.local_ty(local);
            self.copy(ty, Address { base: value, offset: 0 }, to);
            self.begin_in_frame(local);
        } else {
            self.set_local(local, value);
        }
    }

    // ------------------------------------------------------------ statements

    pub(super) fn block(&mut self, block: &'p Block) {
        let before = self.scope.len();
        for stmt in &block.stmts {
            if self.error.is_some() || self.b.has_failed() {
                return;
            }
            self.stmt(stmt);
        }
        self.leave_scope(before);
    }

    pub(super) fn stmt(&mut self, stmt: &'p Stmt) {
        self.at(stmt.span);
        match &stmt.kind {
            StmtKind::Let(local, value) => {
                let Some(value) = *value else {
                    self.slot(*local);
                    if self.dialect != Dialect::Flux {
                        self.begin_in_frame(*local);
                    }
                    return;
                };
                match self.slot(*local) {
                    Slot::Frame(offset) => {
                        let to = self.frame_address(offset);
                        self.store_into(value, to);
                        self.begin_in_frame(*local);
                    }
                    _ => {
                        let value = self.owned(value);
                        self.set_local(*local, value);
                    }
                }
            }
            StmtKind::Assign(place, value) => self.assign(*place, *value),
            StmtKind::Rewrite(place, value) => self.rewrite(*place, *value),
            StmtKind::Update(place, op, value) => self.update(*place, *op, *value),
            StmtKind::Eval(expr) => {
                self.effect(*expr);
            }
            StmtKind::If(arms, rest) => self.if_stmt(arms, rest.as_deref()),
            StmtKind::While(cond, body) => self.while_stmt(*cond, body),
            StmtKind::Loop(parts) => self.full_loop(parts),
            StmtKind::Switch(subject, cases) => self.switch(*subject, cases),
            StmtKind::Repeat(count, body) => self.repeat(*count, body),
            StmtKind::ForRange(local, start, end, bound, body) => {
                self.for_range(*local, *start, *end, *bound, body);
            }
            StmtKind::ForEach(local, array, body) => self.for_each(*local, *array, body),
            StmtKind::Break => {
                self.keep_scope();
                if let Some(around) = self.loops.last().copied() {
                    self.b.jump(around.end, &[]);
                }
            }
            StmtKind::Continue => {
                self.keep_scope();
                if let Some(around) = self.loops.last().copied() {
                    self.b.jump(around.next, &[]);
                }
            }
            StmtKind::Return(value) => self.return_stmt(*value),
            StmtKind::Expect(cond, message) => self.expect(*cond, *message),
            _ => self.runtime(stmt),
        }
    }

    pub(super) fn return_stmt(&mut self, value: Option<ExprId>) {
        self.keep_scope();
        match (self.role, value) {
            (Role::Function(ret, _), Some(value)) => {
                if let Some(address) = self.result_address {
                    self.store_into(value, Address { base: address, offset: 0 });
                    self.b.ret(None);
                } else if ret == TypeId::UNIT {
                    self.effect(value);
                    self.b.ret(None);
                } else {
                    let value = self.owned(value);
                    self.b.ret(Some(value));
                }
            }
            (Role::Section(ret, answers), Some(value)) => {
                if answers == Answers::Returns {
                    let value = if self.shared.program.types.is_aggregate(ret) {
                        let at = self.address_of_value(value);
                        self.pointer(at)
                    } else {
                        self.expr(value)
                    };
                    self.b.ret(Some(value));
                    return;
                }
                self.reply(ret, Some(value));
                self.end_section();
            }
            _ => self.end_section(),
        }
    }

    /// Ends a run that has been answered, or that nobody waits for.
    pub(super) fn end_section(&mut self) {
        match self.role {
            Role::Section(ret, Answers::Returns | Answers::Replies) => {
                let ty = self.shared.fir_type(ret);
                let nothing = self.b.constant(ty, 0);
                self.b.ret(Some(nothing));
            }
            _ => self.b.ret(None),
        }
    }

    pub(super) fn assign(&mut self, place: ExprId, value: ExprId) {
        if let ExprKind::Local(local) = self.shared.program.expr(place).kind
            && let Slot::Variable(_) = self.slot(local)
        {
            let value = self.owned(value);
            self.set_local(local, value);
            return;
        }
        if let Some(of) = self.region_place(place) {
            self.set_region_byte(of, value);
            return;
        }
        self.store(place, value);
        if let ExprKind::Local(local) = self.shared.program.expr(place).kind {
            self.begin_in_frame(local);
        }
    }

    /// Only C and Python have such values, whose arrays stay where they are.
    fn rewrite(&mut self, place: ExprId, value: ExprId) {
        if let ExprKind::Local(_) = self.shared.program.expr(place).kind {
            self.assign(place, value);
            return;
        }
        let element = self.element(place);
        let at = self.plain(&element);
        let element = Element::at(element.ty, at);
        self.known = Some((place, element));
        let value = self.owned(value);
        self.known = None;
        self.store_element(&element, value);
    }

    pub(super) fn update(&mut self, place: ExprId, op: BinaryOp, value: ExprId) {
        let expr = self.shared.program.expr(place);
        if let ExprKind::Local(local) = expr.kind
            && let Slot::Variable(variable) = self.slot(local)
        {
            let right = self.expr(value);
            let left = self.b.read(variable);
            let result = self.operate(op, expr.ty, left, right);
            self.b.assign(variable, result);
            return;
        }
        if let ExprKind::Index(map, key) = expr.kind
            && let Type::Map(..) = self.settled_of(map)
        {
            self.update_entry((map, key), op, value);
            return;
        }
        if let Some(of) = self.region_place(place) {
            self.update_region_byte(place, of, op, value);
            return;
        }
        // What the value does may move the place.
        let right = self.expr(value);
        let element = self.element(place);
        let left = self.load_element(&element);
        let home = self.home(place);
        let item = self.updated(op, expr.ty, (left, right), home);
        self.replace(&element, item, home);
    }
}

/// Takes the allocation of an empty frame out of a function.
fn drop_frame(function: &mut Function, base: ValueId) {
    let mut unused = vec![base];
    while let Some(value) = unused.pop() {
        let Some(ValueDef::Inst(id)) = function.values.get(value.index()).map(|value| value.def) else {
            continue;
        };
        if let Some(entry) = function.blocks.first_mut() {
            entry.insts.retain(|inst| *inst != id);
        }
        if let Some(row) = function.values.get_mut(value.index()) {
            row.def = ValueDef::None;
        }
        let operands = match function.insts.get(id.index()).map(|data| &data.inst) {
            Some(Inst::Intrinsic { args, .. }) => function.list(*args).to_vec(),
            Some(Inst::Cast { arg, .. }) => vec![*arg],
            _ => Vec::new(),
        };
        unused.extend(operands);
    }
}
