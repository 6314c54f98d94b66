//! Instruction selection: planned and allocated FIR into machine code.
//!
//! # Invariants
//! 1. A register is read only where the entry records' masks and the code before it in
//!    its block say that it is written.
//! 2. R54 and R55 hold operands that live on the stack or are constants, R7 results on
//!    their way there and what an instruction needs in between.

use super::allocate::{Allocation, SAVED};
use super::moves::{Move, Place, Source, sequence};
use super::plan::{
    Plan, absolute, condition_of, constant_bits, fits_i32, helper_constant, immediate_operand, is_call,
};
use super::{BackendError, Code, Signatures};
use crate::fir::{
    AccessFacts, BlockCall, BlockId, FloatCompare, FloatKind, FloatOp, FloatUnaryOp, FuncId, Function, Inst,
    IntCompare, IntKind, IntOp, IntUnaryOp, Intrinsic, Module, Terminator, Type, ValueDef, ValueId,
};
use alloc::vec;
use alloc::vec::Vec;
use flux_abi::opcode::{Opcode, Operand};
use flux_abi::register::{LAST_STATUS, SYSCALL_NUMBER};
use flux_abi::select::{
    Access, AllocKind, Clock, Convert, Extend, Float32, FloatBinary, FloatUnary, IntType,
};
use flux_abi::trap::TrapKind;
use flux_isa::builder::{Argument, CodeBuilder, Label};
use flux_isa::{Entry, Line};

const ZERO: u8 = 0;
const SCRATCH: u8 = 7;
const RESULT: u8 = 16;
const FIRST_OPERAND: u8 = 54;
const SECOND_OPERAND: u8 = 55;
/// Where the n-th operand goes that is in no register.
const OPERANDS: [u8; 3] = [FIRST_OPERAND, SECOND_OPERAND, SCRATCH];
/// Registers that never carry a value from one block to another.
const VOLATILE: u64 = 1 << SCRATCH | 1 << FIRST_OPERAND | 1 << SECOND_OPERAND;

/// A piece of code that is entered only at its start.
struct Piece {
    label: Label,
    /// Registers that it writes for sure.
    written: u64,
    /// Whether a call in it makes other registers unwritten.
    has_call: bool,
    /// Slots of the stack at its start.
    depth: u16,
}

/// Code for an edge that needs moves, placed behind the function's blocks.
struct Stub {
    label: Label,
    from: usize,
    call: BlockCall,
    line: u32,
}

struct Selector<'a> {
    module: &'a Module,
    function: &'a Function,
    id: FuncId,
    plan: &'a Plan,
    allocation: &'a Allocation,
    builder: &'a mut CodeBuilder,
    signatures: &'a mut Signatures,
    lines: &'a mut Vec<Line>,
    labels: Vec<Label>,
    pieces: Vec<Piece>,
    /// Control goes from a piece to a label.
    edges: Vec<(usize, Label)>,
    stubs: Vec<Stub>,
    /// Edges that got code of their own: block and number of the successor.
    split: Vec<(BlockId, usize)>,
    place: usize,
    line: u32,
    last_line: u32,
    error: Option<BackendError>,
}

/// Emits the code of one function with its entry records and lines. Returns the edges, by
/// block and number of the successor, that got a block of their own.
pub(super) fn select(
    module: &Module,
    id: FuncId,
    plan: &Plan,
    allocation: &Allocation,
    builder: &mut CodeBuilder,
    signatures: &mut Signatures,
    output: &mut Code,
) -> Result<Vec<(BlockId, usize)>, BackendError> {
    let function = module.function(id).ok_or(BackendError::Malformed(id))?;
    let labels = plan.cfg.order.iter().map(|_| builder.label()).collect();
    let mut selector = Selector {
        module,
        function,
        id,
        plan,
        allocation,
        builder,
        signatures,
        lines: &mut output.lines,
        labels,
        pieces: Vec::with_capacity(plan.cfg.order.len()),
        edges: Vec::new(),
        stubs: Vec::new(),
        split: Vec::new(),
        place: 0,
        line: function.line,
        last_line: 0,
        error: None,
    };
    for place in 0..plan.cfg.order.len() {
        selector.block(place);
    }
    for stub in core::mem::take(&mut selector.stubs) {
        selector.stub(&stub);
    }
    if let Some(error) = selector.error {
        return Err(error);
    }
    let masks = selector.written_masks();
    for (piece, mask) in selector.pieces.iter().zip(masks) {
        let offset = selector.builder.offset_of(piece.label).unwrap_or(0);
        output.entries.push(Entry { offset, stack: piece.depth, handlers: 0, written: mask });
    }
    Ok(selector.split)
}

fn reg(number: u8) -> Argument {
    Argument::Register(number)
}

fn val(number: impl Into<i64>) -> Argument {
    Argument::Value(number.into())
}

impl Selector<'_> {
    /// Depth of the stack when the block at the current place is done.
    fn depth_behind(&self) -> u16 {
        if self.allocation.is_framed(self.place) { self.frame_depth() } else { 0 }
    }

    fn frame_depth(&self) -> u16 {
        u16::from(self.allocation.saved).saturating_add(self.allocation.slots)
    }

    fn begin_piece(&mut self, label: Label, depth: u16, gas: u32) {
        self.builder.bind(label);
        self.pieces.push(Piece { label, written: 0, has_call: false, depth });
        self.emit(Opcode::GasCheck, &[val(gas)]);
    }

    /// Emits an instruction that writes no general register.
    fn emit(&mut self, opcode: Opcode, arguments: &[Argument]) {
        // What comes from no line belongs to the function's; lines count from 1.
        let line = if self.line == 0 { self.function.line.max(1) } else { self.line };
        if line != self.last_line {
            self.last_line = line;
            self.lines.push(Line { offset: self.builder.offset(), line });
        }
        self.builder.emit(opcode, arguments);
    }

    /// Emits an instruction whose first operand is the register that it writes.
    fn emit_to(&mut self, opcode: Opcode, rd: u8, rest: &[Argument]) {
        let mut arguments = [reg(rd); 7];
        for (to, &from) in arguments.iter_mut().skip(1).zip(rest) {
            *to = from;
        }
        self.emit(opcode, &arguments[..=rest.len()]);
        self.mark_written(rd);
    }

    fn mark_written(&mut self, register: u8) {
        if let Some(piece) = self.pieces.last_mut() {
            piece.written |= 1 << register;
        }
    }

    fn mark_call(&mut self) {
        if let Some(piece) = self.pieces.last_mut() {
            piece.has_call = true;
            piece.written &= SAVED;
        }
    }

    fn load_constant(&mut self, rd: u8, bits: u64) {
        match i32::try_from(bits.cast_signed()) {
            Ok(small) => self.emit_to(Opcode::Movi, rd, &[val(small)]),
            Err(_) => self.emit_to(Opcode::Movi64, rd, &[val(bits.cast_signed())]),
        }
    }

    /// A register that holds `bits` here, `scratch` if there is no other.
    fn constant_in(&mut self, bits: u64, scratch: u8) -> u8 {
        if bits == 0 {
            return ZERO;
        }
        let held =
            self.plan.loop_constant(self.place, bits).and_then(|number| self.allocation.constant(number));
        held.unwrap_or_else(|| {
            self.load_constant(scratch, bits);
            scratch
        })
    }

    /// A register that holds `value` here; `scratch` if it is in no register.
    fn read(&mut self, value: ValueId, scratch: u8) -> u8 {
        let root = self.plan.root(value);
        if let Some(bits) = constant_bits(self.function, root) {
            return self.constant_in(bits, scratch);
        }
        match self.allocation.place(self.plan, root) {
            Some(Place::Register(register)) => register,
            Some(Place::Slot(slot)) => {
                self.emit_to(Opcode::SlotGet, scratch, &[val(slot)]);
                scratch
            }
            None => ZERO,
        }
    }

    /// Reads up to three operands.
    fn read_all<const N: usize>(&mut self, values: [ValueId; N]) -> [u8; N] {
        let mut registers = [ZERO; N];
        for ((register, value), scratch) in registers.iter_mut().zip(values).zip(OPERANDS) {
            *register = self.read(value, scratch);
        }
        registers
    }

    /// The register that an instruction with this result writes.
    fn target(&self, result: Option<ValueId>) -> u8 {
        match result.and_then(|value| self.allocation.place(self.plan, value)) {
            Some(Place::Register(register)) => register,
            Some(Place::Slot(_)) => SCRATCH,
            None => ZERO,
        }
    }

    /// Stores a result that lives on the stack.
    fn finish(&mut self, result: Option<ValueId>) {
        if let Some(Place::Slot(slot)) = result.and_then(|value| self.allocation.place(self.plan, value)) {
            self.emit(Opcode::SlotSet, &[reg(SCRATCH), val(slot)]);
        }
    }

    fn source(&self, value: ValueId) -> Source {
        let root = self.plan.root(value);
        match constant_bits(self.function, root) {
            Some(bits) => {
                let held = self
                    .plan
                    .loop_constant(self.place, bits)
                    .and_then(|number| self.allocation.constant(number));
                match held {
                    Some(register) => Source::Place(Place::Register(register)),
                    None => Source::Constant(bits),
                }
            }
            None => match self.allocation.place(self.plan, root) {
                Some(place) => Source::Place(place),
                None => Source::Constant(0),
            },
        }
    }

    fn move_all(&mut self, moves: &[Move]) {
        let mut steps = Vec::with_capacity(moves.len());
        sequence(moves, SCRATCH, |to, from| steps.push((to, from)));
        for (to, from) in steps {
            match (to, from) {
                (Place::Register(rd), Source::Place(Place::Register(ra))) => {
                    self.emit_to(Opcode::Mov, rd, &[reg(ra)]);
                }
                (Place::Register(rd), Source::Place(Place::Slot(slot))) => {
                    self.emit_to(Opcode::SlotGet, rd, &[val(slot)]);
                }
                (Place::Register(rd), Source::Constant(bits)) => self.load_constant(rd, bits),
                (Place::Slot(slot), Source::Place(Place::Register(ra))) => {
                    self.emit(Opcode::SlotSet, &[reg(ra), val(slot)]);
                }
                (Place::Slot(slot), Source::Place(Place::Slot(from))) => {
                    self.emit_to(Opcode::SlotGet, FIRST_OPERAND, &[val(from)]);
                    self.emit(Opcode::SlotSet, &[reg(FIRST_OPERAND), val(slot)]);
                }
                (Place::Slot(slot), Source::Constant(bits)) => {
                    let ra = self.constant_in(bits, FIRST_OPERAND);
                    self.emit(Opcode::SlotSet, &[reg(ra), val(slot)]);
                }
            }
        }
    }

    /// The moves of an edge that change something and that its target does not make.
    fn edge_moves(&self, call: BlockCall) -> Vec<Move> {
        if self.plan.has_own_moves(call.block) { Vec::new() } else { self.moves_for(call) }
    }

    fn moves_for(&self, call: BlockCall) -> Vec<Move> {
        let target = &self.function.blocks[call.block.index()];
        let mut moves = Vec::new();
        for (&arg, &param) in self.function.list(call.args).iter().zip(&target.params) {
            let Some(to) = self.allocation.place(self.plan, param) else { continue };
            let from = self.source(arg);
            if from != Source::Place(to) {
                moves.push(Move { to, from });
            }
        }
        moves
    }

    fn block(&mut self, place: usize) {
        self.place = place;
        let id = self.plan.block(place);
        let block = &self.function.blocks[id.index()];
        self.line = block.insts.first().map_or(block.line, |inst| self.function.insts[inst.index()].line);
        let has_frame = self.allocation.is_framed(place) && place != self.allocation.frame_home;
        let depth = if has_frame { self.frame_depth() } else { 0 };
        self.begin_piece(self.labels[place], depth, self.function.gas(id));
        if place == self.allocation.frame_home {
            self.make_frame();
        }
        if place == 0 {
            self.entry_moves();
        } else if self.plan.has_own_moves(id) {
            self.own_moves(id);
        }
        for &inst in &block.insts {
            let data = &self.function.insts[inst.index()];
            if self.plan.is_silent(&data.inst, data.result) {
                continue;
            }
            self.line = data.line;
            self.inst(&data.inst, data.result);
        }
        self.line = block.line;
        self.load_loop_constants();
        self.terminator(&block.terminator);
    }

    fn stub(&mut self, stub: &Stub) {
        self.place = stub.from;
        self.line = stub.line;
        let depth = self.depth_behind();
        self.begin_piece(stub.label, depth, edge_gas(stub.call));
        let moves = self.edge_moves(stub.call);
        self.move_all(&moves);
        let label = self.label_of(stub.call);
        self.jump_to(label);
    }

    /// Sets the parameters of a block with one way in.
    fn own_moves(&mut self, id: BlockId) {
        if self.function.blocks[id.index()].params.is_empty() {
            return;
        }
        let [from] = self.plan.cfg.predecessors(id) else { return };
        let mut calls = self.function.blocks[from.index()].terminator.successors();
        if let Some(call) = calls.find(|call| call.block == id) {
            let moves = self.moves_for(call);
            self.move_all(&moves);
        }
    }

    fn make_frame(&mut self) {
        let saved = self.allocation.saved;
        if saved > 0 {
            self.emit(Opcode::Pushr, &[reg(8), reg(7 + saved)]);
        }
        if self.allocation.slots > 0 {
            self.emit(Opcode::StackAlloc, &[val(self.allocation.slots)]);
        }
    }

    fn entry_moves(&mut self) {
        let params = &self.function.blocks[0].params;
        let count = params.len();
        let mut moves = Vec::new();
        for (n, &param) in params.iter().enumerate() {
            let Some(to) = self.allocation.place(self.plan, param) else { continue };
            let from = match u8::try_from(n) {
                Ok(n @ 0..4) => Place::Register(RESULT + n),
                _ => Place::Slot(stacked_argument(n, count)),
            };
            if from != to {
                moves.push(Move { to, from: Source::Place(from) });
            }
        }
        self.move_all(&moves);
    }

    fn epilogue(&mut self) {
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

    fn load_loop_constants(&mut self) {
        for (number, constant) in self.plan.loop_constants_of(self.place) {
            if let Some(register) = self.allocation.constant(number) {
                self.load_constant(register, constant.bits);
            }
        }
    }

    fn label_of(&self, call: BlockCall) -> Label {
        let place = self.plan.cfg.position(call.block).unwrap_or(0);
        self.labels[place]
    }

    /// The label to branch to for the `slot`-th edge of this block; a stub if it needs moves.
    fn edge_label(&mut self, call: BlockCall, slot: usize) -> Label {
        if self.edge_moves(call).is_empty() {
            return self.label_of(call);
        }
        let label = self.builder.label();
        self.stubs.push(Stub { label, from: self.place, call, line: self.line });
        self.split.push((self.plan.block(self.place), slot));
        label
    }

    fn add_edge(&mut self, label: Label) {
        let from = self.pieces.len().saturating_sub(1);
        self.edges.push((from, label));
    }

    fn jump_to(&mut self, label: Label) {
        self.add_edge(label);
        self.emit(Opcode::Jmp, &[Argument::Label(label)]);
    }

    /// Goes on at an edge's target: falls through if it comes next.
    fn go(&mut self, call: BlockCall) {
        let moves = self.edge_moves(call);
        self.move_all(&moves);
        let label = self.label_of(call);
        if self.is_next(call) {
            self.add_edge(label);
        } else {
            self.jump_to(label);
        }
    }

    fn is_next(&self, call: BlockCall) -> bool {
        self.plan.cfg.position(call.block) == Some(self.place + 1)
    }

    fn terminator(&mut self, terminator: &Terminator) {
        match terminator {
            Terminator::Jump(call) => self.go(*call),
            Terminator::Branch { condition, then, otherwise } => {
                // What needs moves or comes next is behind the branch, the other its target.
                let then_here =
                    self.is_next(*then) || (!self.is_next(*otherwise) && !self.edge_moves(*then).is_empty());
                let (away, here) = if then_here { (*otherwise, *then) } else { (*then, *otherwise) };
                let label = self.edge_label(away, usize::from(then_here));
                self.branch_if(*condition, !then_here, label);
                if !self.is_next(here) || !self.edge_moves(here).is_empty() {
                    let behind = self.builder.label();
                    self.add_edge(behind);
                    let depth = self.depth_behind();
                    self.begin_piece(behind, depth, edge_gas(here));
                    self.split.push((self.plan.block(self.place), usize::from(!then_here)));
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
    fn branch_if(&mut self, condition: ValueId, sense: bool, label: Label) {
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

    fn compare_and_branch(&mut self, op: IntCompare, a: ValueId, b: ValueId, label: Label) {
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

    fn inst(&mut self, inst: &Inst, result: Option<ValueId>) {
        if is_call(inst) {
            self.call(inst, result);
            return;
        }
        let rd = self.target(result);
        match *inst {
            Inst::Int(op, kind, args) => self.int_op(inst, op, kind, args, result),
            Inst::IntUnary(op, kind, a) => self.int_unary(inst, op, kind, a, result),
            Inst::Float(op, kind, args) => self.float_op(op, kind, args, rd),
            Inst::FloatUnary(op, kind, a) => self.float_unary(op, kind, a, rd),
            Inst::IntCompare(op, [a, b]) => {
                let [a, b] = self.read_all([a, b]);
                let (opcode, a, b) = match op {
                    IntCompare::Eq => (Opcode::CmpEq, a, b),
                    IntCompare::Ne => (Opcode::CmpNe, a, b),
                    IntCompare::Slt => (Opcode::CmpLt, a, b),
                    IntCompare::Sle => (Opcode::CmpLe, a, b),
                    IntCompare::Sgt => (Opcode::CmpGt, a, b),
                    IntCompare::Sge => (Opcode::CmpGe, a, b),
                    IntCompare::Ult => (Opcode::CmpLtu, a, b),
                    IntCompare::Ule => (Opcode::CmpLeu, a, b),
                    IntCompare::Ugt => (Opcode::CmpLtu, b, a),
                    IntCompare::Uge => (Opcode::CmpLeu, b, a),
                };
                self.emit_to(opcode, rd, &[reg(a), reg(b)]);
            }
            Inst::FloatCompare(op, kind, args) => self.float_compare(op, kind, args, rd),
            Inst::BoolNot(a) => {
                let [a] = self.read_all([a]);
                self.emit_to(Opcode::CmpEq, rd, &[reg(a), reg(ZERO)]);
            }
            Inst::Select(args) => {
                let [a, b, c] = self.read_all(args);
                self.emit_to(Opcode::Select, rd, &[reg(a), reg(b), reg(c)]);
            }
            Inst::Convert { from, to, arg } => {
                let [a] = self.read_all([arg]);
                self.emit_to(Opcode::Convert, rd, &[reg(a), val(narrowing(from == IntKind::U64, to) as u8)]);
            }
            Inst::IntToFloat { from, to, arg } => {
                let [a] = self.read_all([arg]);
                let choice = match (from, to) {
                    (IntKind::U64, FloatKind::F64) => Convert::U64ToF64,
                    (IntKind::U64, FloatKind::F32) => Convert::U64ToF32,
                    (_, FloatKind::F32) => Convert::I64ToF32,
                    (_, FloatKind::F64) => {
                        self.emit_to(Opcode::I2f, rd, &[reg(a)]);
                        return self.finish(result);
                    }
                };
                self.emit_to(Opcode::Convert, rd, &[reg(a), val(choice as u8)]);
            }
            Inst::FloatToInt { from, to, arg } => self.float_to_int(from, to, arg, rd),
            Inst::FloatToFloat { to, arg } => {
                let [a] = self.read_all([arg]);
                let choice = if to == FloatKind::F32 { Convert::F64ToF32 } else { Convert::F32ToF64 };
                self.emit_to(Opcode::Convert, rd, &[reg(a), val(choice as u8)]);
            }
            Inst::PtrAdd { base, offset } => match immediate_operand(self.function, self.plan, inst) {
                Some(n) => {
                    let (other, constant) = if n == 1 { (base, offset) } else { (offset, base) };
                    let [a] = self.read_all([other]);
                    let immediate = fits_i32(self.function, self.plan.root(constant)).unwrap_or(0);
                    self.emit_to(Opcode::Lea, rd, &[reg(a), val(immediate)]);
                }
                None => {
                    let [a, b] = self.read_all([base, offset]);
                    self.emit_to(Opcode::Leax, rd, &[reg(a), reg(b), val(0), val(0)]);
                }
            },
            Inst::Load { access, base, offset, .. } => {
                let (base, offset) = self.address(base, offset, FIRST_OPERAND);
                let opcode = match access {
                    Access::W64 => Opcode::Load,
                    Access::Z8 => Opcode::Load8,
                    Access::Z16 => Opcode::Load16,
                    Access::Z32 => Opcode::Load32,
                    Access::S8 | Access::S16 | Access::S32 => {
                        let rest = [reg(base), reg(ZERO), val(access as u8), val(0), val(offset)];
                        self.emit_to(Opcode::Loadx, rd, &rest);
                        return self.finish(result);
                    }
                };
                self.emit_to(opcode, rd, &[reg(base), val(offset)]);
            }
            Inst::Store { access, value, base, offset } => {
                let value = self.read(value, SECOND_OPERAND);
                let (base, offset) = self.address(base, offset, FIRST_OPERAND);
                let opcode = match access.bytes() {
                    1 => Opcode::Store8,
                    2 => Opcode::Store16,
                    4 => Opcode::Store32,
                    _ => Opcode::Store,
                };
                self.emit(opcode, &[reg(base), reg(value), val(offset)]);
            }
            Inst::LoadIndexed { access, base, index, offset, .. } => {
                let index = self.read(index, SECOND_OPERAND);
                let (base, offset) = self.address(base, offset, FIRST_OPERAND);
                let shift = access.bytes().trailing_zeros();
                let rest = [reg(base), reg(index), val(access as u8), val(shift), val(offset)];
                self.emit_to(Opcode::Loadx, rd, &rest);
            }
            Inst::StoreIndexed { access, value, base, index, offset } => {
                let index = self.read(index, SECOND_OPERAND);
                let value = self.read(value, SCRATCH);
                let (base, offset) = self.address(base, offset, FIRST_OPERAND);
                let shift = access.bytes().trailing_zeros();
                let arguments =
                    [reg(base), reg(index), reg(value), val(access as u8), val(shift), val(offset)];
                self.emit(Opcode::Storex, &arguments);
            }
            Inst::Expect(condition) => {
                let [a] = self.read_all([condition]);
                self.emit(Opcode::Expect, &[reg(a)]);
            }
            Inst::IndexCheck { index, length } => {
                let [a, b] = self.read_all([index, length]);
                self.emit(Opcode::IndexCheck, &[reg(a), reg(b)]);
            }
            Inst::Text(op, a, b) => {
                let a = self.read(a, FIRST_OPERAND);
                let b = b.map_or(ZERO, |b| self.read(b, SECOND_OPERAND));
                self.emit_to(Opcode::Text, rd, &[reg(a), reg(b), val(op as u8)]);
            }
            Inst::Intrinsic { op, imm, args, .. } => self.intrinsic(op, imm, self.function.list(args), rd),
            Inst::Host { op, imm, args, .. } => self.host(op, imm, self.function.list(args), rd),
            // Silent, or calls.
            Inst::Const { .. }
            | Inst::FuncAddr(_)
            | Inst::Cast { .. }
            | Inst::Call { .. }
            | Inst::CallIndirect { .. } => {}
        }
        self.finish(result);
    }

    /// Base register and displacement of an access.
    fn address(&mut self, base: ValueId, offset: i32, scratch: u8) -> (u8, i32) {
        match absolute(self.function, self.plan, base, offset) {
            Some(offset) => (ZERO, offset),
            None => (self.read(base, scratch), offset),
        }
    }

    fn int_op(&mut self, inst: &Inst, op: IntOp, kind: IntKind, args: [ValueId; 2], result: Option<ValueId>) {
        let rd = self.target(result);
        if let Some(n) = immediate_operand(self.function, self.plan, inst) {
            let (other, constant) = if n == 1 { (args[0], args[1]) } else { (args[1], args[0]) };
            let immediate = fits_i32(self.function, self.plan.root(constant)).unwrap_or(0);
            let [a] = self.read_all([other]);
            return self.int_op_immediate(op, kind, a, immediate, result);
        }
        let trapping = |opcode| (opcode, val(int_type(kind) as u8));
        match op {
            IntOp::Add | IntOp::Sub | IntOp::Mul => {
                let [a, b] = self.read_all(args);
                let (opcode, choice) = trapping(match op {
                    IntOp::Add => Opcode::Tadd,
                    IntOp::Sub => Opcode::Tsub,
                    _ => Opcode::Tmul,
                });
                self.emit_to(opcode, rd, &[reg(a), reg(b), choice]);
            }
            IntOp::Div | IntOp::Rem => self.divide(op, kind, args, rd),
            IntOp::WrappingAdd | IntOp::WrappingSub | IntOp::WrappingMul => {
                let [a, b] = self.read_all(args);
                let opcode = match op {
                    IntOp::WrappingAdd => Opcode::Iadd,
                    IntOp::WrappingSub => Opcode::Isub,
                    _ => Opcode::Imul,
                };
                self.wrapped(opcode, kind, &[reg(a), reg(b)], result);
            }
            IntOp::And | IntOp::Or | IntOp::Xor => {
                let [a, b] = self.read_all(args);
                let opcode = match op {
                    IntOp::And => Opcode::Iand,
                    IntOp::Or => Opcode::Ior,
                    _ => Opcode::Ixor,
                };
                self.emit_to(opcode, rd, &[reg(a), reg(b)]);
            }
            IntOp::Shl | IntOp::Shr => {
                let [a, mut b] = self.read_all(args);
                let known = constant_bits(self.function, self.plan.root(args[1]));
                if kind.bits() < 64 && known.is_none_or(|count| count >= u64::from(kind.bits())) {
                    self.emit_to(Opcode::Andi, SCRATCH, &[reg(b), val(kind.bits() - 1)]);
                    b = SCRATCH;
                }
                match op {
                    IntOp::Shl => self.wrapped(Opcode::Ishl, kind, &[reg(a), reg(b)], result),
                    _ if kind.is_signed() => self.emit_to(Opcode::Ishr, rd, &[reg(a), reg(b)]),
                    _ => self.emit_to(Opcode::Ushr, rd, &[reg(a), reg(b)]),
                }
            }
            IntOp::RotateLeft | IntOp::RotateRight => {
                let [mut a, b] = self.read_all(args);
                let opcode = if op == IntOp::RotateLeft { Opcode::RotateL } else { Opcode::RotateR };
                match helper_constant(inst) {
                    None => self.emit_to(opcode, rd, &[reg(a), reg(b)]),
                    Some(copies) => {
                        // A word full of copies of the operand rotates as each of them does.
                        if kind.is_signed() {
                            self.emit_to(
                                Opcode::Extend,
                                FIRST_OPERAND,
                                &[reg(a), val(zero_extension(kind) as u8)],
                            );
                            a = FIRST_OPERAND;
                        }
                        let copies = self.constant_in(copies, SCRATCH);
                        self.emit_to(Opcode::Imul, SCRATCH, &[reg(a), reg(copies)]);
                        self.wrapped(opcode, kind, &[reg(SCRATCH), reg(b)], result);
                    }
                }
            }
            IntOp::Min | IntOp::Max => {
                let [a, b] = self.read_all(args);
                let opcode = if kind.is_signed() { Opcode::CmpLt } else { Opcode::CmpLtu };
                self.emit_to(opcode, SCRATCH, &[reg(a), reg(b)]);
                let (yes, no) = if op == IntOp::Min { (a, b) } else { (b, a) };
                self.emit_to(Opcode::Select, rd, &[reg(SCRATCH), reg(yes), reg(no)]);
            }
        }
    }

    fn int_op_immediate(&mut self, op: IntOp, kind: IntKind, a: u8, immediate: i32, result: Option<ValueId>) {
        let rd = self.target(result);
        let immediate = match op {
            IntOp::Sub | IntOp::WrappingSub => immediate.wrapping_neg(),
            _ => immediate,
        };
        let rest = [reg(a), val(immediate)];
        match op {
            IntOp::Add | IntOp::Sub => self.emit_to(Opcode::Taddi, rd, &rest),
            IntOp::And => self.emit_to(Opcode::Andi, rd, &rest),
            IntOp::Or => self.emit_to(Opcode::Ori, rd, &rest),
            IntOp::Xor => self.emit_to(Opcode::Xori, rd, &rest),
            _ => self.wrapped(Opcode::Lea, kind, &rest, result),
        }
    }

    /// Emits a 64-bit operation and cuts its result to the kind, if anything sees the rest.
    fn wrapped(&mut self, opcode: Opcode, kind: IntKind, rest: &[Argument], result: Option<ValueId>) {
        let rd = self.target(result);
        match extension(kind) {
            Some(choice) if !self.plan.uses_only(result, kind.bits()) => {
                self.emit_to(opcode, SCRATCH, rest);
                self.emit_to(Opcode::Extend, rd, &[reg(SCRATCH), val(choice as u8)]);
            }
            _ => self.emit_to(opcode, rd, rest),
        }
    }

    fn divide(&mut self, op: IntOp, kind: IntKind, args: [ValueId; 2], rd: u8) {
        let [a, b] = self.read_all(args);
        let opcode = match (op, kind.is_signed()) {
            (IntOp::Div, true) => Opcode::Idiv,
            (IntOp::Div, false) => Opcode::Udiv,
            (_, true) => Opcode::Imod,
            (_, false) => Opcode::Urem,
        };
        // The machine checks MIN / -1 for 64 bits; a narrow kind only meets it with -1.
        let divisor = constant_bits(self.function, self.plan.root(args[1]));
        let can_overflow =
            kind.is_signed() && kind.bits() < 64 && divisor.is_none_or(|bits| bits == u64::MAX);
        if can_overflow {
            // Negating the dividend, or 0 for another divisor, traps for the least number only.
            self.emit_to(Opcode::Inot, SCRATCH, &[reg(b)]);
            self.emit_to(Opcode::CmpEq, SCRATCH, &[reg(SCRATCH), reg(ZERO)]);
            self.emit_to(Opcode::Select, SCRATCH, &[reg(SCRATCH), reg(a), reg(ZERO)]);
            self.emit_to(Opcode::Tneg, ZERO, &[reg(SCRATCH), val(int_type(kind) as u8)]);
        }
        self.emit_to(opcode, rd, &[reg(a), reg(b)]);
    }

    fn int_unary(&mut self, inst: &Inst, op: IntUnaryOp, kind: IntKind, a: ValueId, result: Option<ValueId>) {
        let rd = self.target(result);
        let [a] = self.read_all([a]);
        let narrow = kind.bits() < 64;
        let outside = 64 - kind.bits();
        let choice = val(int_type(kind) as u8);
        match op {
            IntUnaryOp::Neg => self.emit_to(Opcode::Tneg, rd, &[reg(a), choice]),
            IntUnaryOp::Abs if !kind.is_signed() => self.emit_to(Opcode::Mov, rd, &[reg(a)]),
            IntUnaryOp::Abs => {
                // The negation traps for the least number only.
                self.emit_to(Opcode::Tneg, SCRATCH, &[reg(a), choice]);
                self.emit_to(Opcode::CmpLt, SECOND_OPERAND, &[reg(a), reg(ZERO)]);
                self.emit_to(Opcode::Select, rd, &[reg(SECOND_OPERAND), reg(SCRATCH), reg(a)]);
            }
            IntUnaryOp::WrappingNeg => self.wrapped(Opcode::Ineg, kind, &[reg(a)], result),
            IntUnaryOp::Not if kind.is_signed() || !narrow => self.emit_to(Opcode::Inot, rd, &[reg(a)]),
            IntUnaryOp::Not => self.wrapped(Opcode::Inot, kind, &[reg(a)], result),
            IntUnaryOp::Popcount => {
                let a = self.zero_extended(kind, a);
                self.emit_to(Opcode::Popcount, rd, &[reg(a)]);
            }
            IntUnaryOp::LeadingZeros => {
                let a = self.zero_extended(kind, a);
                if narrow {
                    self.emit_to(Opcode::Clz, SCRATCH, &[reg(a)]);
                    self.emit_to(Opcode::Lea, rd, &[reg(SCRATCH), val(-i64::from(outside))]);
                } else {
                    self.emit_to(Opcode::Clz, rd, &[reg(a)]);
                }
            }
            IntUnaryOp::TrailingZeros => {
                let mut a = a;
                if let Some(stop) = helper_constant(inst) {
                    let stop = self.constant_in(stop, SCRATCH);
                    self.emit_to(Opcode::Ior, SCRATCH, &[reg(a), reg(stop)]);
                    a = SCRATCH;
                } else if narrow {
                    self.emit_to(Opcode::Ori, SCRATCH, &[reg(a), val(1i64 << kind.bits())]);
                    a = SCRATCH;
                }
                self.emit_to(Opcode::Ctz, rd, &[reg(a)]);
            }
            IntUnaryOp::SwapBytes => match helper_constant(inst) {
                None => self.emit_to(Opcode::Bswap, rd, &[reg(a)]),
                Some(count) => {
                    self.emit_to(Opcode::Bswap, SCRATCH, &[reg(a)]);
                    let count = self.constant_in(count, SECOND_OPERAND);
                    let opcode = if kind.is_signed() { Opcode::Ishr } else { Opcode::Ushr };
                    self.emit_to(opcode, rd, &[reg(SCRATCH), reg(count)]);
                }
            },
            IntUnaryOp::Wrap => match extension(kind) {
                Some(choice) => self.emit_to(Opcode::Extend, rd, &[reg(a), val(choice as u8)]),
                None => self.emit_to(Opcode::Mov, rd, &[reg(a)]),
            },
        }
    }

    /// The operand's bits within the width, zero-extended.
    fn zero_extended(&mut self, kind: IntKind, a: u8) -> u8 {
        if kind.bits() == 64 || !kind.is_signed() {
            return a;
        }
        self.emit_to(Opcode::Extend, SCRATCH, &[reg(a), val(zero_extension(kind) as u8)]);
        SCRATCH
    }

    fn float_op(&mut self, op: FloatOp, kind: FloatKind, args: [ValueId; 2], rd: u8) {
        let [a, b] = self.read_all(args);
        let operands = [reg(a), reg(b)];
        if kind == FloatKind::F32 {
            let choice = match op {
                FloatOp::Add => Float32::Add,
                FloatOp::Sub => Float32::Sub,
                FloatOp::Mul => Float32::Mul,
                FloatOp::Div => Float32::Div,
                FloatOp::Rem => Float32::Rem,
                FloatOp::Min => Float32::Min,
                FloatOp::Max => Float32::Max,
                FloatOp::Pow | FloatOp::Atan2 => {
                    let widen = val(Convert::F32ToF64 as u8);
                    self.emit_to(Opcode::Convert, SCRATCH, &[reg(b), widen]);
                    self.emit_to(Opcode::Convert, FIRST_OPERAND, &[reg(a), widen]);
                    let choice = if op == FloatOp::Pow { FloatBinary::Pow } else { FloatBinary::Atan2 };
                    let rest = [reg(FIRST_OPERAND), reg(SCRATCH), val(choice as u8)];
                    self.emit_to(Opcode::Fmath2, SCRATCH, &rest);
                    self.emit_to(Opcode::Convert, rd, &[reg(SCRATCH), val(Convert::F64ToF32 as u8)]);
                    return;
                }
            };
            self.emit_to(Opcode::F32, rd, &[reg(a), reg(b), val(choice as u8)]);
            return;
        }
        let choice = match op {
            FloatOp::Add => return self.emit_to(Opcode::Fadd, rd, &operands),
            FloatOp::Sub => return self.emit_to(Opcode::Fsub, rd, &operands),
            FloatOp::Mul => return self.emit_to(Opcode::Fmul, rd, &operands),
            FloatOp::Div => return self.emit_to(Opcode::Fdiv, rd, &operands),
            FloatOp::Rem => FloatBinary::Rem,
            FloatOp::Min => FloatBinary::Min,
            FloatOp::Max => FloatBinary::Max,
            FloatOp::Pow => FloatBinary::Pow,
            FloatOp::Atan2 => FloatBinary::Atan2,
        };
        self.emit_to(Opcode::Fmath2, rd, &[reg(a), reg(b), val(choice as u8)]);
    }

    fn float_unary(&mut self, op: FloatUnaryOp, kind: FloatKind, a: ValueId, rd: u8) {
        let [a] = self.read_all([a]);
        if kind == FloatKind::F32 {
            let choice = match op {
                FloatUnaryOp::Neg => Some(Float32::Neg),
                FloatUnaryOp::Abs => Some(Float32::Abs),
                FloatUnaryOp::Sqrt => Some(Float32::Sqrt),
                _ => None,
            };
            match choice {
                Some(choice) => self.emit_to(Opcode::F32, rd, &[reg(a), reg(ZERO), val(choice as u8)]),
                None => {
                    self.emit_to(Opcode::Convert, SCRATCH, &[reg(a), val(Convert::F32ToF64 as u8)]);
                    self.float_function(op, SCRATCH, SCRATCH);
                    self.emit_to(Opcode::Convert, rd, &[reg(SCRATCH), val(Convert::F64ToF32 as u8)]);
                }
            }
            return;
        }
        self.float_function(op, a, rd);
    }

    fn float_function(&mut self, op: FloatUnaryOp, a: u8, rd: u8) {
        let choice = match op {
            FloatUnaryOp::Neg => return self.emit_to(Opcode::Fneg, rd, &[reg(a)]),
            FloatUnaryOp::Abs => FloatUnary::Abs,
            FloatUnaryOp::Sqrt => FloatUnary::Sqrt,
            FloatUnaryOp::Floor => FloatUnary::Floor,
            FloatUnaryOp::Ceil => FloatUnary::Ceil,
            FloatUnaryOp::Round => FloatUnary::Round,
            FloatUnaryOp::Trunc => FloatUnary::Trunc,
            FloatUnaryOp::Sin => FloatUnary::Sin,
            FloatUnaryOp::Cos => FloatUnary::Cos,
            FloatUnaryOp::Tan => FloatUnary::Tan,
            FloatUnaryOp::Asin => FloatUnary::Asin,
            FloatUnaryOp::Acos => FloatUnary::Acos,
            FloatUnaryOp::Atan => FloatUnary::Atan,
            FloatUnaryOp::Exp => FloatUnary::Exp,
            FloatUnaryOp::Ln => FloatUnary::Ln,
            FloatUnaryOp::Log2 => FloatUnary::Log2,
            FloatUnaryOp::Log10 => FloatUnary::Log10,
        };
        self.emit_to(Opcode::Fmath1, rd, &[reg(a), val(choice as u8)]);
    }

    fn float_compare(&mut self, op: FloatCompare, kind: FloatKind, args: [ValueId; 2], rd: u8) {
        let [a, b] = self.read_all(args);
        let target = if op == FloatCompare::Ne { SCRATCH } else { rd };
        if kind == FloatKind::F32 {
            let (choice, a, b) = match op {
                FloatCompare::Eq | FloatCompare::Ne => (Float32::Eq, a, b),
                FloatCompare::Lt => (Float32::Lt, a, b),
                FloatCompare::Le => (Float32::Le, a, b),
                FloatCompare::Gt => (Float32::Lt, b, a),
                FloatCompare::Ge => (Float32::Le, b, a),
            };
            self.emit_to(Opcode::F32, target, &[reg(a), reg(b), val(choice as u8)]);
        } else {
            let opcode = match op {
                FloatCompare::Eq | FloatCompare::Ne => Opcode::FcmpEq,
                FloatCompare::Lt => Opcode::FcmpLt,
                FloatCompare::Le => Opcode::FcmpLe,
                FloatCompare::Gt => Opcode::FcmpGt,
                FloatCompare::Ge => Opcode::FcmpGe,
            };
            self.emit_to(opcode, target, &[reg(a), reg(b)]);
        }
        if op == FloatCompare::Ne {
            self.emit_to(Opcode::CmpEq, rd, &[reg(SCRATCH), reg(ZERO)]);
        }
    }

    fn float_to_int(&mut self, from: FloatKind, to: IntKind, arg: ValueId, rd: u8) {
        let [a] = self.read_all([arg]);
        let wide = to.bits() == 64;
        let target = if wide { rd } else { SCRATCH };
        match (from, to) {
            (FloatKind::F64, IntKind::U64) => {
                self.emit_to(Opcode::Convert, target, &[reg(a), val(Convert::F64ToU64 as u8)]);
            }
            (FloatKind::F32, IntKind::U64) => {
                self.emit_to(Opcode::Convert, target, &[reg(a), val(Convert::F32ToU64 as u8)]);
            }
            (FloatKind::F64, _) => self.emit_to(Opcode::F2i, target, &[reg(a)]),
            (FloatKind::F32, _) => {
                self.emit_to(Opcode::Convert, target, &[reg(a), val(Convert::F32ToI64 as u8)]);
            }
        }
        if !wide {
            self.emit_to(Opcode::Convert, rd, &[reg(SCRATCH), val(narrowing(false, to) as u8)]);
        }
    }

    fn intrinsic(&mut self, op: Intrinsic, imm: u32, args: &[ValueId], rd: u8) {
        let mut operands = [reg(ZERO); 3];
        for ((operand, &value), scratch) in operands.iter_mut().zip(args).zip(OPERANDS) {
            *operand = reg(self.read(value, scratch));
        }
        match op {
            Intrinsic::ArenaAlloc => {
                self.emit_to(Opcode::Alloc, rd, &[operands[0], val(AllocKind::Arena as u8)])
            }
            Intrinsic::StateAlloc => {
                self.emit_to(Opcode::Alloc, rd, &[operands[0], val(AllocKind::State as u8)])
            }
            Intrinsic::StateFree => self.emit(Opcode::StateFree, &operands[..1]),
            Intrinsic::MemCopy => self.emit(Opcode::Memcpy, &operands),
            Intrinsic::MemSet => self.emit(Opcode::Memset, &operands),
            Intrinsic::MemCompare => self.emit_to(Opcode::Memcmp, rd, &operands),
            Intrinsic::Param => self.emit_to(Opcode::Param, rd, &[val(imm)]),
            Intrinsic::Link => self.emit_to(Opcode::Link, rd, &[val(imm)]),
            Intrinsic::PacerDue => self.emit_to(Opcode::Pacer, rd, &[val(imm)]),
            Intrinsic::Now => self.emit_to(Opcode::Ticks, rd, &[val(Clock::Now as u8)]),
            Intrinsic::GasUsed => self.emit_to(Opcode::Ticks, rd, &[val(Clock::Gas as u8)]),
            Intrinsic::Random => self.emit_to(Opcode::Random, rd, &[]),
            Intrinsic::LastStatus => self.emit_to(Opcode::Mov, rd, &[reg(LAST_STATUS)]),
        }
    }

    fn host(&mut self, op: Opcode, imm: u32, args: &[ValueId], rd: u8) {
        let mut inputs = args.iter().zip(OPERANDS);
        let mut arguments = Vec::with_capacity(5);
        let mut writes = false;
        for operand in op.info().operands {
            match operand {
                Operand::Rd => {
                    writes = true;
                    arguments.push(reg(rd));
                }
                Operand::Ra | Operand::Rb | Operand::Rc => {
                    let register = match inputs.next() {
                        Some((&value, scratch)) => self.read(value, scratch),
                        None => ZERO,
                    };
                    arguments.push(reg(register));
                }
                _ => arguments.push(val(imm)),
            }
        }
        self.emit(op, &arguments);
        if writes {
            self.mark_written(rd);
        }
    }

    fn call(&mut self, inst: &Inst, result: Option<ValueId>) {
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
        let mut moves = Vec::with_capacity(5);
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
                self.module.function(func).is_some_and(|callee| callee.signature.result != Type::Void)
            }
            Inst::Host { imm, .. } => {
                self.move_all(&moves);
                self.emit(Opcode::Movi, &[reg(SYSCALL_NUMBER), val(imm)]);
                self.emit(Opcode::Syscall, &[]);
                true
            }
            _ => false,
        };
        self.mark_call();
        if has_result {
            self.mark_written(RESULT);
        }
        if let Some(to) = result.and_then(|value| self.allocation.place(self.plan, value)) {
            self.move_all(&[Move { to, from: Source::Place(Place::Register(RESULT)) }]);
        }
    }

    /// Per piece the registers that are written on every way to it.
    fn written_masks(&self) -> Vec<u64> {
        let arguments = self.function.signature.params.len().min(4);
        let mut masks = vec![u64::MAX; self.pieces.len()];
        if let Some(first) = masks.first_mut() {
            *first = SAVED | (((1 << arguments) - 1) << RESULT);
        }
        let mut numbers: alloc::collections::BTreeMap<Label, usize> = alloc::collections::BTreeMap::new();
        for (number, piece) in self.pieces.iter().enumerate() {
            numbers.insert(piece.label, number);
        }
        let edges: Vec<(usize, usize)> =
            self.edges.iter().filter_map(|(from, to)| numbers.get(to).map(|&to| (*from, to))).collect();
        // Each round but the last clears a bit somewhere; a reducible function takes as
        // many rounds as its loops nest.
        let mut changed = true;
        while changed {
            changed = false;
            for &(from, to) in &edges {
                let piece = &self.pieces[from];
                let kept = if piece.has_call { masks[from] & SAVED } else { masks[from] };
                let after = masks[to] & (kept | piece.written) & !VOLATILE & GENERAL;
                if after != masks[to] {
                    masks[to] = after;
                    changed = true;
                }
            }
        }
        for mask in &mut masks {
            *mask &= GENERAL;
        }
        masks
    }
}

/// Gas of the block that an edge with code of its own becomes.
fn edge_gas(call: BlockCall) -> u32 {
    u32::try_from(call.args.len() / 4).unwrap_or(u32::MAX).max(1)
}

/// Registers that an entry record can name.
const GENERAL: u64 = (1 << 56) - (1 << 7);

/// Slot of the n-th of `count` arguments, which is on the stack.
fn stacked_argument(n: usize, count: usize) -> i16 {
    let distance = count.saturating_sub(n);
    i16::try_from(distance).map_or(i16::MIN, |distance| -distance)
}

fn int_type(kind: IntKind) -> IntType {
    match kind {
        IntKind::I8 => IntType::I8,
        IntKind::I16 => IntType::I16,
        IntKind::I32 => IntType::I32,
        IntKind::I64 => IntType::I64,
        IntKind::U8 => IntType::U8,
        IntKind::U16 => IntType::U16,
        IntKind::U32 => IntType::U32,
        IntKind::U64 => IntType::U64,
    }
}

/// How a word is cut to a kind; `None` if it need not be.
fn extension(kind: IntKind) -> Option<Extend> {
    Some(match kind {
        IntKind::I8 => Extend::S8,
        IntKind::I16 => Extend::S16,
        IntKind::I32 => Extend::S32,
        IntKind::U8 => Extend::Z8,
        IntKind::U16 => Extend::Z16,
        IntKind::U32 => Extend::Z32,
        IntKind::I64 | IntKind::U64 => return None,
    })
}

/// The zero extension of a narrow kind's width.
fn zero_extension(kind: IntKind) -> Extend {
    match kind.bits() {
        8 => Extend::Z8,
        16 => Extend::Z16,
        _ => Extend::Z32,
    }
}

/// The conversion of a 64-bit word to a kind that it may not fit.
fn narrowing(unsigned: bool, to: IntKind) -> Convert {
    match (unsigned, to) {
        (false, IntKind::I8) => Convert::I64ToI8,
        (false, IntKind::I16) => Convert::I64ToI16,
        (false, IntKind::I32) => Convert::I64ToI32,
        (false, IntKind::U8) => Convert::I64ToU8,
        (false, IntKind::U16) => Convert::I64ToU16,
        (false, IntKind::U32) => Convert::I64ToU32,
        (false, IntKind::I64 | IntKind::U64) => Convert::I64ToU64,
        (true, IntKind::I8) => Convert::U64ToI8,
        (true, IntKind::I16) => Convert::U64ToI16,
        (true, IntKind::I32) => Convert::U64ToI32,
        (true, IntKind::U8) => Convert::U64ToU8,
        (true, IntKind::U16) => Convert::U64ToU16,
        (true, IntKind::U32) => Convert::U64ToU32,
        (true, IntKind::I64 | IntKind::U64) => Convert::U64ToI64,
    }
}
