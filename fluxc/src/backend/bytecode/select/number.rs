//! Selection of integer and float operations.

use super::{FIRST_OPERAND, SCRATCH, SECOND_OPERAND, Selector, ZERO, reg, val};
use crate::backend::bytecode::plan::{constant_bits, fits_i32, helper_constant, immediate_operand};
use crate::fir::{FloatCompare, FloatKind, FloatOp, FloatUnaryOp, Inst, IntKind, IntOp, IntUnaryOp, ValueId};
use flux_abi::opcode::Opcode;
use flux_abi::select::{Convert, Extend, Float32, FloatBinary, FloatUnary, IntType};
use flux_isa::builder::Argument;

impl Selector<'_> {
    pub(super) fn int_op(
        &mut self,
        inst: &Inst,
        op: IntOp,
        kind: IntKind,
        args: [ValueId; 2],
        result: Option<ValueId>,
    ) {
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

    pub(super) fn int_op_immediate(
        &mut self,
        op: IntOp,
        kind: IntKind,
        a: u8,
        immediate: i32,
        result: Option<ValueId>,
    ) {
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
    pub(super) fn wrapped(
        &mut self,
        opcode: Opcode,
        kind: IntKind,
        rest: &[Argument],
        result: Option<ValueId>,
    ) {
        let rd = self.target(result);
        match extension(kind) {
            Some(choice) if !self.plan.uses_only(result, kind.bits()) => {
                self.emit_to(opcode, SCRATCH, rest);
                self.emit_to(Opcode::Extend, rd, &[reg(SCRATCH), val(choice as u8)]);
            }
            _ => self.emit_to(opcode, rd, rest),
        }
    }

    pub(super) fn divide(&mut self, op: IntOp, kind: IntKind, args: [ValueId; 2], rd: u8) {
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

    pub(super) fn int_unary(
        &mut self,
        inst: &Inst,
        op: IntUnaryOp,
        kind: IntKind,
        a: ValueId,
        result: Option<ValueId>,
    ) {
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
    pub(super) fn zero_extended(&mut self, kind: IntKind, a: u8) -> u8 {
        if kind.bits() == 64 || !kind.is_signed() {
            return a;
        }
        self.emit_to(Opcode::Extend, SCRATCH, &[reg(a), val(zero_extension(kind) as u8)]);
        SCRATCH
    }

    pub(super) fn float_op(&mut self, op: FloatOp, kind: FloatKind, args: [ValueId; 2], rd: u8) {
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

    pub(super) fn float_unary(&mut self, op: FloatUnaryOp, kind: FloatKind, a: ValueId, rd: u8) {
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

    pub(super) fn float_function(&mut self, op: FloatUnaryOp, a: u8, rd: u8) {
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

    pub(super) fn float_compare(&mut self, op: FloatCompare, kind: FloatKind, args: [ValueId; 2], rd: u8) {
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

    pub(super) fn float_to_int(&mut self, from: FloatKind, to: IntKind, arg: ValueId, rd: u8) {
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
pub(super) fn narrowing(unsigned: bool, to: IntKind) -> Convert {
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
