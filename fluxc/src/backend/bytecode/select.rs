//! Instruction selection: planned and allocated FIR into machine code.
//!
//! # Invariants
//! 1. A register is read only where the entry records' masks and the code before it in
//!    its block say that it is written.
//! 2. R54 and R55 hold operands that live on the stack or are constants, R7 results on
//!    their way there and what an instruction needs in between.

use super::allocate::{Allocation, SAVED};
use super::locals::Places;
use super::moves::{Move, Place, Source, sequence};
use super::plan::{
    NONE, Plan, absolute, constant_bits, fits_i32, immediate_operand, index32, is_call, refill,
};
use super::{BackendError, Signatures};
use crate::fir::{
    AccessFacts, BlockCall, BlockId, FloatKind, FuncId, Function, Inst, IntCompare, IntKind, Type, ValueId,
};
use alloc::vec::Vec;
use flux_abi::opcode::Opcode;
use flux_abi::select::{Access, Convert};
use flux_isa::builder::{Argument, CodeBuilder, Label};
use flux_isa::{Entry, Line};

mod control;
mod number;
mod runtime;

pub(super) use control::argument_place;
use number::narrowing;

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

/// Lists of a selection; they serve function after function.
#[derive(Default)]
pub(super) struct Lists {
    /// Per place the label of its block.
    labels: Vec<Label>,
    pieces: Vec<Piece>,
    /// Control goes from a piece to a label.
    edges: Vec<(usize, Label)>,
    stubs: Vec<Stub>,
    /// Edges that got code of their own: block and number of the successor.
    pub(super) split: Vec<(BlockId, usize)>,
    /// Moves of one edge or call.
    moves: Vec<Move>,
    /// Per label the piece that begins there.
    piece_at: Vec<u32>,
    /// Per piece the registers that are written on every way to it.
    masks: Vec<u64>,
    /// Where each FIR instruction of a function with marks begins.
    pub(super) places: Places,
}

struct Selector<'a> {
    function: &'a Function,
    id: FuncId,
    /// Result types of the module's functions.
    results: &'a [Type],
    plan: &'a Plan,
    allocation: &'a Allocation,
    builder: &'a mut CodeBuilder,
    signatures: &'a mut Signatures,
    lines: &'a mut Vec<Line>,
    lists: &'a mut Lists,
    place: usize,
    line: u32,
    last_line: u32,
    error: Option<BackendError>,
}

/// What selection adds to.
pub(super) struct Output<'a> {
    pub(super) builder: &'a mut CodeBuilder,
    pub(super) signatures: &'a mut Signatures,
    pub(super) entries: &'a mut Vec<Entry>,
    pub(super) lines: &'a mut Vec<Line>,
}

/// Emits the code of one function with its entry records and lines. The edges, by block and
/// number of the successor, that got a block of their own are in `lists.split` then.
pub(super) fn select(
    function: &Function,
    id: FuncId,
    results: &[Type],
    plan: &Plan,
    allocation: &Allocation,
    output: Output<'_>,
    lists: &mut Lists,
) -> Result<(), BackendError> {
    let Output { builder, signatures, entries, lines } = output;
    lists.labels.clear();
    lists.labels.extend(plan.cfg.order.iter().map(|_| builder.label()));
    lists.pieces.clear();
    lists.edges.clear();
    lists.stubs.clear();
    lists.split.clear();
    lists.places.begin(function);
    let mut selector = Selector {
        function,
        id,
        results,
        plan,
        allocation,
        builder,
        signatures,
        lines,
        lists,
        place: 0,
        line: function.line,
        last_line: u32::MAX,
        error: None,
    };
    for place in 0..plan.cfg.order.len() {
        selector.block(place);
    }
    let end = selector.builder.offset();
    selector.lists.places.finish(end);
    let stubs = core::mem::take(&mut selector.lists.stubs);
    stubs.iter().for_each(|stub| selector.stub(stub));
    selector.lists.stubs = stubs;
    if let Some(error) = selector.error {
        return Err(error);
    }
    selector.find_masks();
    let Lists { pieces, masks, .. } = selector.lists;
    for (piece, &mask) in pieces.iter().zip(&*masks) {
        let offset = selector.builder.offset_of(piece.label).unwrap_or(0);
        entries.push(Entry { offset, stack: piece.depth, handlers: 0, written: mask });
    }
    Ok(())
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
        self.lists.pieces.push(Piece { label, written: 0, has_call: false, depth });
        self.emit(Opcode::GasCheck, &[val(gas)]);
    }

    /// Emits an instruction that writes no general register.
    fn emit(&mut self, opcode: Opcode, arguments: &[Argument]) {
        // What comes from no line belongs to the function's; 0 is that of the caller.
        let line = if self.line == 0 { self.function.line } else { self.line };
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
        if let Some(piece) = self.lists.pieces.last_mut() {
            piece.written |= 1 << register;
        }
    }

    fn mark_call(&mut self) {
        if let Some(piece) = self.lists.pieces.last_mut() {
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
        sequence(moves, SCRATCH, |to, from| self.move_one(to, from));
    }

    fn move_one(&mut self, to: Place, from: Source) {
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

    /// Tells whether an edge has moves that its target does not make.
    fn has_edge_moves(&self, call: BlockCall) -> bool {
        !self.plan.has_own_moves(call.block) && self.moves_for(call).next().is_some()
    }

    /// Makes the moves of an edge, but those that its target makes.
    fn make_edge_moves(&mut self, call: BlockCall) {
        if !self.plan.has_own_moves(call.block) {
            self.make_moves(call);
        }
    }

    /// Makes all moves of an edge.
    fn make_moves(&mut self, call: BlockCall) {
        let mut moves = core::mem::take(&mut self.lists.moves);
        moves.clear();
        moves.extend(self.moves_for(call));
        self.move_all(&moves);
        self.lists.moves = moves;
    }

    /// The moves of an edge that change something.
    fn moves_for(&self, call: BlockCall) -> impl Iterator<Item = Move> + '_ {
        let params = &self.function.blocks[call.block.index()].params;
        self.function.list(call.args).iter().zip(params).filter_map(|(&arg, &param)| {
            let to = self.allocation.place(self.plan, param)?;
            let from = self.source(arg);
            (from != Source::Place(to)).then_some(Move { to, from })
        })
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
            | Inst::Mark(..)
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

    /// Finds for each piece the registers that are written on every way to it.
    fn find_masks(&mut self) {
        let Lists { pieces, edges, piece_at, masks, .. } = &mut *self.lists;
        let arguments = self.function.signature.params.len().min(4);
        refill(masks, pieces.len(), u64::MAX);
        if let Some(first) = masks.first_mut() {
            *first = SAVED | (((1 << arguments) - 1) << RESULT);
        }
        piece_at.clear();
        for (number, piece) in pieces.iter().enumerate() {
            let label = piece.label.number() as usize;
            if piece_at.len() <= label {
                piece_at.resize(label + 1, NONE);
            }
            piece_at[label] = index32(number);
        }
        // Each round but the last clears a bit somewhere; a reducible function takes as
        // many rounds as its loops nest.
        let mut changed = true;
        while changed {
            changed = false;
            for &(from, to) in &*edges {
                let Some(to) = piece_at.get(to.number() as usize).filter(|&&to| to != NONE) else { continue };
                let to = *to as usize;
                let piece = &pieces[from];
                let kept = if piece.has_call { masks[from] & SAVED } else { masks[from] };
                let after = masks[to] & (kept | piece.written) & !VOLATILE & GENERAL;
                if after != masks[to] {
                    masks[to] = after;
                    changed = true;
                }
            }
        }
        for mask in masks {
            *mask &= GENERAL;
        }
    }
}

/// Registers that an entry record can name.
const GENERAL: u64 = (1 << 56) - (1 << 7);
