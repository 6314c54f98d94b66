//! Selection of blocks, branches, frames and calls.

use super::{FIRST_OPERAND, RESULT, SECOND_OPERAND, Selector, Stub, reg, val};
use crate::backend::bytecode::BackendError;
use crate::backend::bytecode::moves::{Move, Place, Source};
use crate::backend::bytecode::plan::{condition_of, constant_bits, fits_i32};
use crate::fir::{BlockCall, BlockId, Inst, IntCompare, Terminator, Type, ValueDef, ValueId};
use flux_abi::opcode::Opcode;
use flux_abi::register::SYSCALL_NUMBER;
use flux_abi::trap::TrapKind;
use flux_isa::builder::{Argument, Label};

impl Selector<'_> {
    pub(super) fn block(&mut self, place: usize) {
        self.place = place;
        let id = self.plan.block(place);
        let block = &self.function.blocks[id.index()];
        let code = block.insts.iter().map(|inst| &self.function.insts[inst.index()]);
        let first = code.clone().find(|data| !matches!(data.inst, Inst::Mark(..)));
        self.line = first.map_or(block.line, |data| data.line);
        self.lists.places.block(self.builder.offset());
        let has_frame = self.allocation.is_framed(place) && place != self.allocation.frame_home;
        let depth = if has_frame { self.frame_depth() } else { 0 };
        self.begin_piece(self.lists.labels[place], depth, self.function.gas(id));
        if place == self.allocation.frame_home {
            self.make_frame();
        }
        if place == 0 {
            self.entry_moves();
        } else if self.plan.has_own_moves(id) {
            self.own_moves(id);
        }
        for data in code {
            self.lists.places.instruction(self.builder.offset());
            if self.plan.is_silent(&data.inst, data.result) {
                continue;
            }
            self.line = data.line;
            self.inst(&data.inst, data.result);
        }
        self.line = block.line;
        self.lists.places.instruction(self.builder.offset());
        self.load_loop_constants();
        self.terminator(&block.terminator);
    }

    pub(super) fn stub(&mut self, stub: &Stub) {
        self.place = stub.from;
        self.line = stub.line;
        let depth = self.depth_behind();
        self.begin_piece(stub.label, depth, edge_gas(stub.call));
        self.make_edge_moves(stub.call);
        let label = self.label_of(stub.call);
        self.jump_to(label);
    }

    /// Sets the parameters of a block with one way in.
    pub(super) fn own_moves(&mut self, id: BlockId) {
        if self.function.blocks[id.index()].params.is_empty() {
            return;
        }
        let [from] = self.plan.cfg.predecessors(id) else { return };
        let mut calls = self.function.blocks[from.index()].terminator.successors();
        if let Some(call) = calls.find(|call| call.block == id) {
            self.make_moves(call);
        }
    }

    pub(super) fn make_frame(&mut self) {
        let saved = self.allocation.saved;
        if saved > 0 {
            self.emit(Opcode::Pushr, &[reg(8), reg(7 + saved)]);
        }
        if self.allocation.slots > 0 {
            self.emit(Opcode::StackAlloc, &[val(self.allocation.slots)]);
        }
    }

    pub(super) fn entry_moves(&mut self) {
        let params = &self.function.blocks[0].params;
        let count = params.len();
        let mut moves = core::mem::take(&mut self.lists.moves);
        moves.clear();
        for (n, &param) in params.iter().enumerate() {
            let Some(to) = self.allocation.place(self.plan, param) else { continue };
            let from = argument_place(n, count);
            if from != to {
                moves.push(Move { to, from: Source::Place(from) });
            }
        }
        self.move_all(&moves);
        self.lists.moves = moves;
    }

    pub(super) fn epilogue(&mut self) {
        if !self.allocation.is_framed(self.place) {
            self.emit(Opcode::Ret, &[]);
            return;
        }
        if self.allocation.slots > 0 {
            self.emit(Opcode::StackFree, &[val(self.allocation.slots)]);
        }
        let saved = self.allocation.saved;
        if saved > 0 {
            self.emit(Opcode::Popr, &[reg(8), reg(7 + saved)]);
        }
        self.emit(Opcode::Ret, &[]);
    }

    pub(super) fn load_loop_constants(&mut self) {
        for (number, constant) in self.plan.loop_constants_of(self.place) {
            if let Some(register) = self.allocation.constant(number) {
                self.load_constant(register, constant.bits);
            }
        }
    }

    pub(super) fn label_of(&self, call: BlockCall) -> Label {
        let place = self.plan.cfg.position(call.block).unwrap_or(0);
        self.lists.labels[place]
    }

    /// The label to branch to for the `slot`-th edge of this block; a stub if it needs moves.
    pub(super) fn edge_label(&mut self, call: BlockCall, slot: usize) -> Label {
        if !self.has_edge_moves(call) {
            return self.label_of(call);
        }
        let label = self.builder.label();
        self.lists.stubs.push(Stub { label, from: self.place, call, line: self.line });
        self.lists.split.push((self.plan.block(self.place), slot));
        label
    }

    pub(super) fn add_edge(&mut self, label: Label) {
        let from = self.lists.pieces.len().saturating_sub(1);
        self.lists.edges.push((from, label));
    }

    pub(super) fn jump_to(&mut self, label: Label) {
        self.add_edge(label);
        self.emit(Opcode::Jmp, &[Argument::Label(label)]);
    }

    /// Goes on at an edge's target: falls through if it comes next.
    pub(super) fn go(&mut self, call: BlockCall) {
        self.make_edge_moves(call);
        let label = self.label_of(call);
        if self.is_next(call) {
            self.add_edge(label);
        } else {
            self.jump_to(label);
        }
    }

    pub(super) fn is_next(&self, call: BlockCall) -> bool {
        self.plan.cfg.position(call.block) == Some(self.place + 1)
    }

    pub(super) fn terminator(&mut self, terminator: &Terminator) {
        match terminator {
            Terminator::Jump(call) => self.go(*call),
            Terminator::Branch { condition, then, otherwise } => {
                // What needs moves or comes next is behind the branch, the other its target.
                let then_here =
                    self.is_next(*then) || (!self.is_next(*otherwise) && self.has_edge_moves(*then));
                let (away, here) = if then_here { (*otherwise, *then) } else { (*then, *otherwise) };
                let label = self.edge_label(away, usize::from(then_here));
                self.branch_if(*condition, !then_here, label);
                if !self.is_next(here) || self.has_edge_moves(here) {
                    let behind = self.builder.label();
                    self.add_edge(behind);
                    let depth = self.depth_behind();
                    self.begin_piece(behind, depth, edge_gas(here));
                    self.lists.split.push((self.plan.block(self.place), usize::from(!then_here)));
                }
                self.go(here);
            }
            // `generate` lowered it to branches.
            Terminator::Switch { .. } => {
                self.error.get_or_insert(BackendError::Malformed(self.id));
            }
            Terminator::Return(value) => {
                if let Some(value) = value {
                    let from = self.source(*value);
                    self.move_all(&[Move { to: Place::Register(RESULT), from }]);
                }
                self.epilogue();
            }
            Terminator::Trap(kind) => self.emit(Opcode::Trap, &[val(*kind as u8)]),
            Terminator::Leave(op, word) => match word {
                Some(word) => {
                    let register = self.read(*word, FIRST_OPERAND);
                    self.emit(*op, &[reg(register)]);
                }
                None => self.emit(*op, &[]),
            },
            Terminator::Unreachable => self.emit(Opcode::Trap, &[val(TrapKind::Invalid as u8)]),
        }
    }

    /// Branches to `label` if the condition is `sense`.
    pub(super) fn branch_if(&mut self, condition: ValueId, sense: bool, label: Label) {
        self.add_edge(label);
        let root = self.plan.root(condition);
        if self.plan.is_fused(root)
            && let ValueDef::Inst(inst) = self.function.values[root.index()].def
            && let Inst::IntCompare(op, [a, b]) = self.function.insts[inst.index()].inst
        {
            self.compare_and_branch(if sense { op } else { op.negated() }, a, b, label);
            return;
        }
        let register = self.read(condition, FIRST_OPERAND);
        let opcode = if sense { Opcode::Brnz } else { Opcode::Brz };
        self.emit(opcode, &[reg(register), Argument::Label(label)]);
    }

    pub(super) fn compare_and_branch(&mut self, op: IntCompare, a: ValueId, b: ValueId, label: Label) {
        let constant = |value| fits_i32(self.function, self.plan.root(value));
        let (op, a, b, immediate) = match (constant(b), constant(a)) {
            (Some(immediate), _) => (op, a, b, Some(immediate)),
            (None, Some(immediate)) => (op.swapped(), b, a, Some(immediate)),
            (None, None) => (op, a, b, None),
        };
        let target = Argument::Label(label);
        if let Some(immediate) = immediate {
            let ra = self.read(a, FIRST_OPERAND);
            match (op, immediate) {
                (IntCompare::Ne, 0) => self.emit(Opcode::Brnz, &[reg(ra), target]),
                (IntCompare::Eq, 0) => self.emit(Opcode::Brz, &[reg(ra), target]),
                _ => {
                    let condition = condition_of(op) as u8;
                    self.emit(Opcode::BrCmpi, &[reg(ra), val(condition), val(immediate), target]);
                }
            }
            return;
        }
        let [ra, rb] = self.read_all([a, b]);
        let (opcode, ra, rb) = match op {
            IntCompare::Eq => (Opcode::BrEq, ra, rb),
            IntCompare::Ne => (Opcode::BrNe, ra, rb),
            IntCompare::Slt => (Opcode::BrLt, ra, rb),
            IntCompare::Sle => (Opcode::BrLe, ra, rb),
            IntCompare::Sgt => (Opcode::BrLt, rb, ra),
            IntCompare::Sge => (Opcode::BrLe, rb, ra),
            IntCompare::Ult => (Opcode::BrLtu, ra, rb),
            IntCompare::Ule => (Opcode::BrLeu, ra, rb),
            IntCompare::Ugt => (Opcode::BrLtu, rb, ra),
            IntCompare::Uge => (Opcode::BrLeu, rb, ra),
        };
        self.emit(opcode, &[reg(ra), reg(rb), target]);
    }

    pub(super) fn call(&mut self, inst: &Inst, result: Option<ValueId>) {
        let args = self.function.list(inst.operand_list().unwrap_or_default());
        for &arg in args.iter().skip(4) {
            match constant_bits(self.function, self.plan.root(arg))
                .map(|bits| i32::try_from(bits.cast_signed()))
            {
                Some(Ok(small)) => self.emit(Opcode::PushImm, &[val(small)]),
                _ => {
                    let register = self.read(arg, FIRST_OPERAND);
                    self.emit(Opcode::Push, &[reg(register)]);
                }
            }
        }
        let mut moves = core::mem::take(&mut self.lists.moves);
        moves.clear();
        for (&arg, register) in args.iter().zip(RESULT..RESULT + 4) {
            moves.push(Move { to: Place::Register(register), from: self.source(arg) });
        }
        let has_result = match *inst {
            Inst::CallIndirect { callee, args, result } => {
                let number = match self.signatures.number(self.id, args.len(), result) {
                    Ok(number) => number,
                    Err(error) => {
                        self.error.get_or_insert(error);
                        0
                    }
                };
                moves.push(Move { to: Place::Register(SECOND_OPERAND), from: self.source(callee) });
                self.move_all(&moves);
                self.emit(Opcode::CallReg, &[reg(SECOND_OPERAND), val(number)]);
                result != Type::Void
            }
            Inst::Call { func, .. } => {
                self.move_all(&moves);
                self.emit(Opcode::Call, &[val(i64::try_from(func.index()).unwrap_or(i64::MAX))]);
                self.results.get(func.index()).is_some_and(|&result| result != Type::Void)
            }
            Inst::Host { imm, .. } => {
                self.move_all(&moves);
                self.emit(Opcode::Movi, &[reg(SYSCALL_NUMBER), val(imm)]);
                self.emit(Opcode::Syscall, &[]);
                true
            }
            _ => false,
        };
        self.lists.moves = moves;
        self.mark_call();
        if has_result {
            self.mark_written(RESULT);
        }
        if let Some(to) = result.and_then(|value| self.allocation.place(self.plan, value)) {
            self.move_all(&[Move { to, from: Source::Place(Place::Register(RESULT)) }]);
        }
    }
}

/// Gas of the block that an edge with code of its own becomes.
fn edge_gas(call: BlockCall) -> u32 {
    u32::try_from(call.args.len() / 4).unwrap_or(u32::MAX).max(1)
}

/// Where a caller puts the n-th of `count` arguments.
pub(in crate::backend::bytecode) fn argument_place(n: usize, count: usize) -> Place {
    match u8::try_from(n) {
        Ok(n @ 0..4) => Place::Register(RESULT + n),
        _ => Place::Slot(stacked_argument(n, count)),
    }
}

/// Slot of the n-th of `count` arguments, which is on the stack.
fn stacked_argument(n: usize, count: usize) -> i16 {
    let distance = count.saturating_sub(n);
    i16::try_from(distance).map_or(i16::MIN, |distance| -distance)
}
