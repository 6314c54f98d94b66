//! From verified code to operations.
//!
//! # Invariants
//! 1. `pcs[i]` is the code offset of the instruction that operation `i` belongs to; it never falls.
//! 2. Every distance in an operation leads to an operation of the same function.

use alloc::vec;
use alloc::vec::Vec;

use flux_abi::opcode::{Opcode, Operand};
use flux_abi::register::{self, RegisterRole};
use flux_abi::select::{Access, Condition, Extend, FloatUnary, IntType};
use flux_isa::{Function, Instruction, Module};

use crate::execute::{CELL_BYTES, Cell};
use crate::exit::LoadError;
use crate::liveness::Liveness;
use crate::op::{Op, R, SINK, Slow, Way, Ways};

/// What the decoded form is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// For speed: fused, flags kept only where they are read.
    Fast,
    /// One operation after the other, for a debugger.
    Plain,
}

/// The decoded code of a module.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) cells: Vec<Cell>,
    pub(crate) pcs: Vec<u32>,
    /// Place of each function's first operation.
    pub(crate) starts: Vec<u32>,
    /// Stacked arguments of each function.
    pub(crate) stacked: Vec<u8>,
}

/// Views whose value must be computed at the read; the others are kept in their places.
pub(crate) const fn is_computed_view(register: u8) -> bool {
    matches!(register, 1..=6 | 57 | 59)
}

/// The computed views that an instruction reads.
fn computed_views(instruction: &Instruction) -> impl Iterator<Item = u8> + '_ {
    let reads = instruction.operands().filter(|(operand, _)| operand.reads());
    reads.filter_map(|(_, value)| u8::try_from(value).ok()).filter(|value| is_computed_view(*value))
}

/// Place of a register that is read.
fn source(register: u8) -> R {
    R::new(register)
}

/// Place of a register that is written.
fn target(register: u8) -> R {
    match register::role(register) {
        Some(RegisterRole::Zero) | None => SINK,
        Some(_) => R::new(register),
    }
}

/// Decodes the code of a verified module.
pub(crate) fn decode(module: &Module, form: Form, base: u64) -> Result<Code, LoadError> {
    let mut instructions = Vec::new();
    // Place of the first operation of the instruction at each word.
    let mut places = vec![u32::MAX; module.code.len()];
    let mut at = 0;
    let mut place = 0u32;
    while at < module.code.len() {
        let error = LoadError::Code(at as u32);
        let (instruction, words) = Instruction::decode(&module.code, at).map_err(|_| error)?;
        places[at] = place;
        place += 1 + computed_views(&instruction).count() as u32;
        instructions.push((at as u32, instruction));
        at += words;
    }
    let liveness = match form {
        Form::Fast => Liveness::of(module, &instructions),
        Form::Plain => Liveness::all(),
    };
    let mut decoder = Decoder {
        functions: &module.functions,
        base: base as i64,
        places: &places,
        ops: Vec::with_capacity(place as usize),
        pcs: Vec::with_capacity(place as usize),
        stacked: 0,
    };
    let mut starts = Vec::with_capacity(module.functions.len());
    let mut stacked = Vec::with_capacity(module.functions.len());
    for (index, (pc, instruction)) in instructions.iter().enumerate() {
        if module.functions.get(starts.len()).is_some_and(|function| function.offset == *pc) {
            let signature = module.functions.get(starts.len()).map_or(0, |function| function.signature);
            let signature = module.signatures.get(usize::from(signature)).copied().unwrap_or_default();
            starts.push(decoder.ops.len() as u32);
            stacked.push(signature.stacked_arguments());
            decoder.stacked = signature.stacked_arguments();
        }
        for view in computed_views(instruction) {
            decoder.push(*pc, Op::View { view: R::new(view) });
        }
        let op = decoder.operation(instruction, liveness.needed(index)).ok_or(LoadError::Code(*pc))?;
        decoder.push(*pc, op);
    }
    let Decoder { mut ops, pcs, .. } = decoder;
    if form == Form::Fast {
        crate::fuse::charge_on_edges(&mut ops);
        crate::fuse::pairs(&mut ops);
    }
    let cells = ops.into_iter().map(Cell::new).collect();
    Ok(Code { cells, pcs, starts, stacked })
}

struct Decoder<'a> {
    functions: &'a [Function],
    /// Start of the writable part.
    base: i64,
    places: &'a [u32],
    ops: Vec<Op>,
    pcs: Vec<u32>,
    /// Stacked arguments of the function at hand.
    stacked: u8,
}

impl Decoder<'_> {
    fn push(&mut self, pc: u32, op: Op) {
        self.ops.push(op);
        self.pcs.push(pc);
    }

    /// Place of the instruction at code offset `offset`.
    fn place(&self, offset: u32) -> Option<u32> {
        self.places.get(offset as usize).copied().filter(|place| *place != u32::MAX)
    }

    /// Distance in bytes from the operation about to be pushed to the one at `offset`.
    fn rel(&self, offset: u32) -> Option<i32> {
        let to = i64::from(self.place(offset)?) - self.ops.len() as i64;
        i32::try_from(to * CELL_BYTES as i64).ok()
    }

    fn ways(&self, offset: u32) -> Option<Ways> {
        Some(Ways { rel: self.rel(offset)?, taken: 0, fall: 0 })
    }

    fn way(&self, offset: u32) -> Option<Way> {
        Some(Way { rel: self.rel(offset)?, gas: 0 })
    }

    /// The operation of an instruction; `flags`: whether its flags may be read.
    fn operation(&self, instruction: &Instruction, flags: Flags) -> Option<Op> {
        let opcode = instruction.opcode();
        let writes_flags = opcode.info().flags != flux_abi::opcode::FlagEffect::None;
        if writes_flags && flags == Flags::Needed {
            return self.slow(instruction);
        }
        if let Some(op) = arithmetic(instruction) {
            return Some(op);
        }
        let a = |position| source(instruction.byte(position));
        let d = |position| target(instruction.byte(position));
        let imm = |position| instruction.operand(position);
        let jump_target = instruction.target().unwrap_or(0);
        Some(match opcode {
            // Without a reader their only effect is gone.
            Opcode::Cmp | Opcode::Cmpi | Opcode::Fcmp | Opcode::Test | Opcode::Testi => Op::Nop,
            Opcode::Nop | Opcode::Fence => Op::Nop,
            Opcode::GasCheck => Op::GasCheck { gas: instruction.number(0) },
            Opcode::Jmp => Op::Jump(self.way(jump_target)?),
            Opcode::Jz
            | Opcode::Jnz
            | Opcode::Je
            | Opcode::Jne
            | Opcode::Jg
            | Opcode::Jl
            | Opcode::Jge
            | Opcode::Jle
            | Opcode::Ja
            | Opcode::Jb
            | Opcode::Jae
            | Opcode::Jbe
            | Opcode::Jc
            | Opcode::Jo => Op::BrFlags(opcode, self.ways(jump_target)?),
            // R0 counts from 0 to -1 each time.
            Opcode::Loop if instruction.byte(0) == 0 => Op::Jump(self.way(jump_target)?),
            Opcode::Loop => Op::Loop(d(0), self.ways(jump_target)?),
            Opcode::Brnz => Op::BrNz(a(0), self.ways(jump_target)?),
            Opcode::Brz => Op::BrZ(a(0), self.ways(jump_target)?),
            Opcode::BrEq => Op::BrEq(a(0), a(1), self.ways(jump_target)?),
            Opcode::BrNe => Op::BrNe(a(0), a(1), self.ways(jump_target)?),
            Opcode::BrLt => Op::BrLt(a(0), a(1), self.ways(jump_target)?),
            Opcode::BrLe => Op::BrLe(a(0), a(1), self.ways(jump_target)?),
            Opcode::BrLtu => Op::BrLtu(a(0), a(1), self.ways(jump_target)?),
            Opcode::BrLeu => Op::BrLeu(a(0), a(1), self.ways(jump_target)?),
            Opcode::BrCmpi => self.branch_immediate(instruction)?,
            Opcode::Call => Op::Call(self.call(instruction)?, self.ops.len() as u32 + 1),
            Opcode::Ret => Op::Ret { stacked: self.stacked },
            Opcode::Tailcall => Op::Tailcall(self.call(instruction)?),
            Opcode::Load => self.load(instruction, Access::W64),
            Opcode::Load32 => self.load(instruction, Access::Z32),
            Opcode::Load16 => self.load(instruction, Access::Z16),
            Opcode::Load8 => self.load(instruction, Access::Z8),
            Opcode::Store => self.store(instruction, Access::W64),
            Opcode::Store32 => self.store(instruction, Access::Z32),
            Opcode::Store16 => self.store(instruction, Access::Z16),
            Opcode::Store8 => self.store(instruction, Access::Z8),
            Opcode::Loadx => {
                let (index, shift, k) = (a(2), instruction.byte(4), imm(5) - self.base);
                match Access::from_byte(instruction.byte(3))? {
                    Access::W64 => Op::LoadX64(d(0), a(1), index, shift, k),
                    Access::Z8 => Op::LoadXZ8(d(0), a(1), index, shift, k),
                    Access::Z16 => Op::LoadXZ16(d(0), a(1), index, shift, k),
                    Access::Z32 => Op::LoadXZ32(d(0), a(1), index, shift, k),
                    Access::S8 => Op::LoadXS8(d(0), a(1), index, shift, k),
                    Access::S16 => Op::LoadXS16(d(0), a(1), index, shift, k),
                    Access::S32 => Op::LoadXS32(d(0), a(1), index, shift, k),
                }
            }
            Opcode::Storex => {
                let (index, shift, k) = (a(1), instruction.byte(4), imm(5) - self.base);
                match Access::from_byte(instruction.byte(3))? {
                    Access::W64 => Op::StoreX64(a(2), a(0), index, shift, k),
                    Access::Z8 | Access::S8 => Op::StoreX8(a(2), a(0), index, shift, k),
                    Access::Z16 | Access::S16 => Op::StoreX16(a(2), a(0), index, shift, k),
                    Access::Z32 | Access::S32 => Op::StoreX32(a(2), a(0), index, shift, k),
                }
            }
            Opcode::IndexCheck => Op::IndexCheck(a(0), a(1)),
            Opcode::Expect => Op::Expect(a(0)),
            Opcode::Push => Op::Push(a(0)),
            Opcode::Pop => Op::Pop(d(0)),
            Opcode::Pushr => Op::PushRange(a(0), a(1)),
            Opcode::Popr => Op::PopRange(a(0), a(1)),
            Opcode::Pusha => Op::PushRange(R::new(register::FIRST_GENERAL), R::new(register::LAST_GENERAL)),
            Opcode::Popa => Op::PopRange(R::new(register::FIRST_GENERAL), R::new(register::LAST_GENERAL)),
            Opcode::StackAlloc => Op::StackAlloc(imm(0) as u16),
            Opcode::StackFree => Op::StackFree(imm(0) as u16),
            Opcode::Enter => Op::Enter(imm(0) as u16),
            Opcode::Leave => Op::Leave,
            Opcode::SlotGet => Op::SlotGet(d(0), imm(1) as i16),
            Opcode::SlotSet => Op::SlotSet(a(0), imm(1) as i16),
            _ => return self.slow(instruction),
        })
    }

    fn call(&self, instruction: &Instruction) -> Option<Way> {
        self.way(self.functions.get(instruction.number(0) as usize)?.offset)
    }

    fn branch_immediate(&self, instruction: &Instruction) -> Option<Op> {
        let (register, value) = (source(instruction.byte(0)), instruction.operand(2) as i32);
        let ways = self.ways(instruction.target()?)?;
        let branch = match Condition::from_byte(instruction.byte(1))? {
            Condition::Eq => Op::BrEqI,
            Condition::Ne => Op::BrNeI,
            Condition::Lt => Op::BrLtI,
            Condition::Le => Op::BrLeI,
            Condition::Gt => Op::BrGtI,
            Condition::Ge => Op::BrGeI,
            Condition::Ltu => Op::BrLtuI,
            Condition::Leu => Op::BrLeuI,
            Condition::Gtu => Op::BrGtuI,
            Condition::Geu => Op::BrGeuI,
        };
        Some(branch(register, value, ways))
    }

    fn load(&self, instruction: &Instruction, access: Access) -> Op {
        let (d, a) = (target(instruction.byte(0)), source(instruction.byte(1)));
        let k = instruction.operand(2) - self.base;
        match access {
            // Above 0 the sum could wrap upward: the indexed form looks at the operand itself.
            Access::W64 if k > 0 => Op::LoadX64(d, a, R::ZERO, 0, k),
            Access::Z32 if k > 0 => Op::LoadXZ32(d, a, R::ZERO, 0, k),
            Access::Z16 if k > 0 => Op::LoadXZ16(d, a, R::ZERO, 0, k),
            Access::Z8 if k > 0 => Op::LoadXZ8(d, a, R::ZERO, 0, k),
            Access::Z32 => Op::Load32(d, a, k),
            Access::Z16 => Op::Load16(d, a, k),
            Access::Z8 => Op::Load8(d, a, k),
            _ => Op::Load64(d, a, k),
        }
    }

    fn store(&self, instruction: &Instruction, access: Access) -> Op {
        let (a, value) = (source(instruction.byte(0)), source(instruction.byte(1)));
        let k = instruction.operand(2) - self.base;
        match access {
            Access::W64 if k > 0 => Op::StoreX64(value, a, R::ZERO, 0, k),
            Access::Z32 if k > 0 => Op::StoreX32(value, a, R::ZERO, 0, k),
            Access::Z16 if k > 0 => Op::StoreX16(value, a, R::ZERO, 0, k),
            Access::Z8 if k > 0 => Op::StoreX8(value, a, R::ZERO, 0, k),
            Access::Z32 => Op::Store32(value, a, k),
            Access::Z16 => Op::Store16(value, a, k),
            Access::Z8 => Op::Store8(value, a, k),
            _ => Op::Store64(value, a, k),
        }
    }

    /// The general form: registers in order, selector, number.
    fn slow(&self, instruction: &Instruction) -> Option<Op> {
        let mut slow = Slow { opcode: instruction.opcode(), r: [R::ZERO; 4], select: 0 };
        let mut imm = 0;
        let mut registers = slow.r.iter_mut();
        for (operand, value) in instruction.operands() {
            let byte = u8::try_from(value).unwrap_or(0);
            match operand {
                Operand::Rd | Operand::Rm => *registers.next()? = target(byte),
                Operand::Select(_) | Operand::Region => slow.select = byte,
                Operand::Handler if value == 0 => imm = -1,
                Operand::Handler | Operand::Target => {
                    imm = i64::from(self.place(u32::try_from(value).ok()?)?);
                }
                Operand::Ra
                | Operand::Rb
                | Operand::Rc
                | Operand::Vd
                | Operand::Va
                | Operand::Vb
                | Operand::First
                | Operand::Last => *registers.next()? = source(byte),
                _ => imm = value,
            }
        }
        Some(Op::Slow { slow, imm })
    }
}

/// Whether the flags that an instruction writes can be read before they are written again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flags {
    Needed,
    Dead,
}

/// Operations on registers alone, without flags.
fn arithmetic(instruction: &Instruction) -> Option<Op> {
    let a = |position| source(instruction.byte(position));
    let d = target(instruction.byte(0));
    let imm = instruction.operand(2);
    let integers = |position: usize| IntType::from_byte(instruction.byte(position));
    Some(match instruction.opcode() {
        Opcode::Iadd => Op::Add(d, a(1), a(2)),
        Opcode::Isub => Op::Sub(d, a(1), a(2)),
        Opcode::Imul => Op::Mul(d, a(1), a(2)),
        Opcode::Idiv => Op::Div(d, a(1), a(2)),
        Opcode::Imod => Op::Rem(d, a(1), a(2)),
        Opcode::Udiv => Op::Udiv(d, a(1), a(2)),
        Opcode::Urem => Op::Urem(d, a(1), a(2)),
        Opcode::Ineg => Op::Neg(d, a(1)),
        Opcode::Inc => Op::AddI(d, a(1), 1),
        Opcode::Dec => Op::AddI(d, a(1), -1),
        Opcode::Lea => Op::AddI(d, a(1), imm),
        Opcode::Fadd => Op::Fadd(d, a(1), a(2)),
        Opcode::Fsub => Op::Fsub(d, a(1), a(2)),
        Opcode::Fmul => Op::Fmul(d, a(1), a(2)),
        Opcode::Fdiv => Op::Fdiv(d, a(1), a(2)),
        Opcode::Fneg => Op::Fneg(d, a(1)),
        Opcode::I2f => Op::I2f(d, a(1)),
        Opcode::F2i => Op::F2i(d, a(1)),
        Opcode::Iand => Op::And(d, a(1), a(2)),
        Opcode::Ior => Op::Or(d, a(1), a(2)),
        Opcode::Ixor => Op::Xor(d, a(1), a(2)),
        Opcode::Inot => Op::Not(d, a(1)),
        Opcode::Ishl => Op::Shl(d, a(1), a(2)),
        Opcode::Ishr => Op::Sar(d, a(1), a(2)),
        Opcode::Ushr => Op::Ushr(d, a(1), a(2)),
        Opcode::RotateL => Op::Rotl(d, a(1), a(2)),
        Opcode::RotateR => Op::Rotr(d, a(1), a(2)),
        Opcode::Popcount => Op::Popcount(d, a(1)),
        Opcode::Clz => Op::Clz(d, a(1)),
        Opcode::Ctz => Op::Ctz(d, a(1)),
        Opcode::Bswap => Op::Bswap(d, a(1)),
        Opcode::Andi => Op::AndI(d, a(1), imm),
        Opcode::Ori => Op::OrI(d, a(1), imm),
        Opcode::Xori => Op::XorI(d, a(1), imm),
        Opcode::CmpEq => Op::CmpEq(d, a(1), a(2)),
        Opcode::CmpNe => Op::CmpNe(d, a(1), a(2)),
        Opcode::CmpLt => Op::CmpLt(d, a(1), a(2)),
        Opcode::CmpGt => Op::CmpLt(d, a(2), a(1)),
        Opcode::CmpLe => Op::CmpLe(d, a(1), a(2)),
        Opcode::CmpGe => Op::CmpLe(d, a(2), a(1)),
        Opcode::CmpLtu => Op::CmpLtu(d, a(1), a(2)),
        Opcode::CmpLeu => Op::CmpLeu(d, a(1), a(2)),
        Opcode::FcmpEq => Op::FcmpEq(d, a(1), a(2)),
        Opcode::FcmpLt => Op::FcmpLt(d, a(1), a(2)),
        Opcode::FcmpGt => Op::FcmpLt(d, a(2), a(1)),
        Opcode::FcmpLe => Op::FcmpLe(d, a(1), a(2)),
        Opcode::FcmpGe => Op::FcmpLe(d, a(2), a(1)),
        Opcode::Mov => Op::Mov(d, a(1)),
        Opcode::Movi | Opcode::Movi64 => Op::MovI(d, instruction.operand(1)),
        Opcode::Select => Op::Select(d, a(1), a(2), a(3)),
        Opcode::Extend => match Extend::from_byte(instruction.byte(2))? {
            Extend::S8 => Op::S8(d, a(1)),
            Extend::S16 => Op::S16(d, a(1)),
            Extend::S32 => Op::S32(d, a(1)),
            Extend::Z8 => Op::Z8(d, a(1)),
            Extend::Z16 => Op::Z16(d, a(1)),
            Extend::Z32 => Op::Z32(d, a(1)),
        },
        Opcode::Tadd if integers(3)? == IntType::I64 => Op::Tadd(d, a(1), a(2)),
        Opcode::Tsub if integers(3)? == IntType::I64 => Op::Tsub(d, a(1), a(2)),
        Opcode::Tmul if integers(3)? == IntType::I64 => Op::Tmul(d, a(1), a(2)),
        Opcode::Tadd => Op::TaddN(d, a(1), a(2), instruction.byte(3)),
        Opcode::Tsub => Op::TsubN(d, a(1), a(2), instruction.byte(3)),
        Opcode::Tmul => Op::TmulN(d, a(1), a(2), instruction.byte(3)),
        Opcode::Tneg if integers(2)? == IntType::I64 => Op::Tsub(d, R::ZERO, a(1)),
        Opcode::Tneg => Op::TsubN(d, R::ZERO, a(1), instruction.byte(2)),
        Opcode::Taddi => Op::TaddI(d, a(1), imm as i32),
        Opcode::Leax => Op::Leax(d, a(1), a(2), instruction.byte(3), instruction.operand(4) as i32),
        Opcode::Fmath1 if instruction.byte(2) == FloatUnary::Sqrt as u8 => Op::Fsqrt(d, a(1)),
        Opcode::Fmath1 if instruction.byte(2) == FloatUnary::Abs as u8 => Op::Fabs(d, a(1)),
        _ => return None,
    })
}
