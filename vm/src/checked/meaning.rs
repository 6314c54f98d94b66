//! What each instruction means, from the table's meaning column.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use flux_abi::limits::{STACK_SLOTS, STRING_BYTES};
use flux_abi::opcode::{Executor, Opcode, Operand};
use flux_abi::select::{
    Access, AllocKind, Clock, Condition, Convert, Extend, Float32, FloatBinary, FloatUnary, IntType,
    RegionRights, Signedness, TextOp,
};
use flux_abi::status::Status;
use flux_abi::trap::TrapKind;
use flux_isa::Instruction;

use super::{After, Handled, Handler, Model, Outcome, Trapped};
use crate::exit::Stop;
use crate::host::{HostCall, HostOutcome};
use crate::testing::{HostMemory, TestHost};

/// A float result: one NaN.
fn f64_word(value: f64) -> u64 {
    if value.is_nan() { 0x7FF8 << 48 } else { value.to_bits() }
}

fn f32_word(value: f32) -> u64 {
    if value.is_nan() { 0x7FC0_0000 } else { u64::from(value.to_bits()) }
}

fn signed(word: u64) -> i128 {
    i128::from(word as i64)
}

/// Bits and signedness of an integer type.
fn shape(kind: IntType) -> (u32, bool) {
    match kind {
        IntType::I64 => (64, true),
        IntType::I32 => (32, true),
        IntType::I16 => (16, true),
        IntType::I8 => (8, true),
        IntType::U64 => (64, false),
        IntType::U32 => (32, false),
        IntType::U16 => (16, false),
        IntType::U8 => (8, false),
    }
}

/// The low `bits` of a word as a number.
fn low(word: u64, (bits, is_signed): (u32, bool)) -> i128 {
    let value = i128::from(word) & ((1i128 << bits) - 1);
    if is_signed && value >> (bits - 1) & 1 == 1 { value - (1i128 << bits) } else { value }
}

fn in_type(value: i128, (bits, is_signed): (u32, bool)) -> bool {
    let (least, most) = if is_signed {
        (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)
    } else {
        (0, (1i128 << bits) - 1)
    };
    least <= value && value <= most
}

/// A float's integer part, if it lies in the type.
fn whole(value: f64, kind: (u32, bool)) -> Option<u64> {
    // Beyond 2^100 no type reaches; below, the integer part is exact in 128 bits.
    if value.is_nan() || value.abs() > 1e30 {
        return None;
    }
    let integer = value as i128;
    in_type(integer, kind).then_some(integer as u64)
}

fn conversion(from: u64, how: Convert) -> Option<u64> {
    let float = f64::from_bits(from);
    let float32 = f32::from_bits(from as u32);
    let from_signed = |kind| in_type(signed(from), kind).then_some(from);
    let from_unsigned = |kind| in_type(i128::from(from), kind).then_some(from);
    match how {
        Convert::I64ToI32 => from_signed((32, true)),
        Convert::I64ToI16 => from_signed((16, true)),
        Convert::I64ToI8 => from_signed((8, true)),
        Convert::I64ToU64 => from_signed((64, false)),
        Convert::I64ToU32 => from_signed((32, false)),
        Convert::I64ToU16 => from_signed((16, false)),
        Convert::I64ToU8 => from_signed((8, false)),
        Convert::U64ToI64 => from_unsigned((64, true)),
        Convert::U64ToI32 => from_unsigned((32, true)),
        Convert::U64ToI16 => from_unsigned((16, true)),
        Convert::U64ToI8 => from_unsigned((8, true)),
        Convert::U64ToU32 => from_unsigned((32, false)),
        Convert::U64ToU16 => from_unsigned((16, false)),
        Convert::U64ToU8 => from_unsigned((8, false)),
        Convert::U64ToF64 => Some(f64_word(i128::from(from) as f64)),
        Convert::F64ToU64 => whole(float, (64, false)),
        Convert::F64ToF32 => Some(f32_word(float as f32)),
        Convert::F32ToF64 => Some(f64_word(f64::from(float32))),
        Convert::I64ToF32 => Some(f32_word(signed(from) as f32)),
        Convert::U64ToF32 => Some(f32_word(i128::from(from) as f32)),
        Convert::F32ToI64 => whole(f64::from(float32), (64, true)),
        Convert::F32ToU64 => whole(f64::from(float32), (64, false)),
    }
}

fn unary(x: f64, which: FloatUnary) -> f64 {
    match which {
        FloatUnary::Sqrt => libm::sqrt(x),
        FloatUnary::Abs => f64::from_bits(x.to_bits() & !(1 << 63)),
        FloatUnary::Floor => libm::floor(x),
        FloatUnary::Ceil => libm::ceil(x),
        FloatUnary::Round => libm::round(x),
        FloatUnary::Trunc => libm::trunc(x),
        FloatUnary::Sin => libm::sin(x),
        FloatUnary::Cos => libm::cos(x),
        FloatUnary::Tan => libm::tan(x),
        FloatUnary::Exp => libm::exp(x),
        FloatUnary::Ln => libm::log(x),
        FloatUnary::Log10 => libm::log10(x),
        FloatUnary::Log2 => libm::log2(x),
        FloatUnary::Asin => libm::asin(x),
        FloatUnary::Acos => libm::acos(x),
        FloatUnary::Atan => libm::atan(x),
    }
}

/// Order that also tells the zeros apart; neither operand is NaN.
fn below(x: f64, y: f64) -> bool {
    x < y || (x == 0.0 && y == 0.0 && x.to_bits() >> 63 > y.to_bits() >> 63)
}

fn binary(x: f64, y: f64, which: FloatBinary) -> f64 {
    match which {
        FloatBinary::Min | FloatBinary::Max if x.is_nan() => y,
        FloatBinary::Min | FloatBinary::Max if y.is_nan() => x,
        FloatBinary::Min => {
            if below(y, x) {
                y
            } else {
                x
            }
        }
        FloatBinary::Max => {
            if below(x, y) {
                y
            } else {
                x
            }
        }
        FloatBinary::Rem => libm::fmod(x, y),
        FloatBinary::Pow => libm::pow(x, y),
        FloatBinary::Atan2 => libm::atan2(x, y),
        FloatBinary::CopySign => f64::from_bits(x.to_bits() & !(1 << 63) | y.to_bits() & 1 << 63),
    }
}

fn single(a: u64, b: u64, which: Float32) -> u64 {
    let (x, y) = (f32::from_bits(a as u32), f32::from_bits(b as u32));
    let (wide_x, wide_y) = (f64::from(x), f64::from(y));
    match which {
        Float32::Add => f32_word(x + y),
        Float32::Sub => f32_word(x - y),
        Float32::Mul => f32_word(x * y),
        Float32::Div => f32_word(x / y),
        Float32::Eq => u64::from(x == y),
        Float32::Lt => u64::from(x < y),
        Float32::Le => u64::from(x <= y),
        Float32::Neg => f32_word(f32::from_bits(x.to_bits() ^ 1 << 31)),
        Float32::Abs => f32_word(f32::from_bits(x.to_bits() & !(1 << 31))),
        Float32::Sqrt => f32_word(libm::sqrtf(x)),
        Float32::Min => f32_word(binary(wide_x, wide_y, FloatBinary::Min) as f32),
        Float32::Max => f32_word(binary(wide_x, wide_y, FloatBinary::Max) as f32),
        Float32::Rem => f32_word(libm::fmodf(x, y)),
    }
}

fn duration(nanoseconds: i64) -> String {
    if nanoseconds == 0 {
        return String::from("0s");
    }
    let units = [
        (3_600_000_000_000i64, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
    ];
    for (length, name) in units {
        if nanoseconds % length == 0 {
            return (nanoseconds / length).to_string() + name;
        }
    }
    nanoseconds.to_string() + "ns"
}

impl Model<'_> {
    /// One instruction.
    pub(super) fn step(&mut self, host: &mut TestHost) -> Result<After, Trapped> {
        let Some(i) = self.decoded() else { return Ok(self.violation("no instruction")) };
        if let Some(what) = self.check_place(&i).or_else(|| self.check_reads(&i)) {
            return Ok(self.violation(what));
        }
        let opcode = i.opcode();
        if opcode.info().executor == Executor::Host {
            return self.host(&i, host);
        }
        if (Opcode::Iadd as u8..=Opcode::Xori as u8).contains(&(opcode as u8)) {
            let (value, overflow, carry) = self.arithmetic(&i)?;
            self.write(i.byte(0), value);
            let float = (Opcode::Fadd as u8..=Opcode::I2f as u8).contains(&(opcode as u8));
            if float {
                let value = f64::from_bits(value);
                self.set_flags([value == 0.0, value < 0.0, false, false, false, false, false]);
            } else {
                self.set_flags([value == 0, value >> 63 == 1, carry, overflow, false, false, false]);
            }
            return Ok(After::Next);
        }
        if let Some(taken) = self.condition(&i) {
            let target = i.target().unwrap_or(0);
            return Ok(if taken { After::Go(target) } else { After::Next });
        }
        if (0x50..0x60).contains(&(opcode as u8)) {
            return self.memory_access(&i).map(|()| After::Next);
        }
        if (0x60..0x70).contains(&(opcode as u8)) {
            return self.stack_access(&i).map(|()| After::Next);
        }
        self.rest(&i)
    }

    /// Pages 0x10 and 0x20: result, overflow, carry.
    fn arithmetic(&self, i: &Instruction) -> Result<(u64, bool, bool), Trapped> {
        let (a, b) = (self.read(i.byte(1)), self.read(i.byte(2)));
        let (x, y) = (signed(a), signed(b));
        let (float_a, float_b) = (f64::from_bits(a), f64::from_bits(b));
        let exact = |value: i128, carry: bool| (value as u64, !in_type(value, (64, true)), carry);
        let plain = |value: u64| (value, false, false);
        let immediate = i.operand(2) as u64;
        let count = (b % 64) as u32;
        let bit = |number: u32| a >> number & 1 == 1;
        Ok(match i.opcode() {
            Opcode::Iadd => exact(x + y, i128::from(a) + i128::from(b) >= 1 << 64),
            Opcode::Isub => exact(x - y, a < b),
            Opcode::Imul => {
                let (value, overflow, _) = exact(x * y, false);
                (value, overflow, overflow)
            }
            Opcode::Idiv | Opcode::Imod if y == 0 => return Err((TrapKind::DivideByZero, 0)),
            Opcode::Idiv | Opcode::Imod if !in_type(x / y, (64, true)) => {
                return Err((TrapKind::Overflow, 0));
            }
            Opcode::Idiv => plain((x / y) as u64),
            Opcode::Imod => plain((x % y) as u64),
            Opcode::Ineg => exact(-x, a != 0),
            Opcode::Iabs => exact(if x < 0 { -x } else { x }, false),
            Opcode::Inc => exact(x + 1, a == u64::MAX),
            Opcode::Dec => exact(x - 1, a == 0),
            Opcode::Fadd => plain(f64_word(float_a + float_b)),
            Opcode::Fsub => plain(f64_word(float_a - float_b)),
            Opcode::Fmul => plain(f64_word(float_a * float_b)),
            Opcode::Fdiv => plain(f64_word(float_a / float_b)),
            Opcode::Fneg => plain(f64_word(f64::from_bits(a ^ 1 << 63))),
            Opcode::I2f => plain(f64_word(x as f64)),
            Opcode::F2i => plain(whole(float_a, (64, true)).ok_or((TrapKind::Conversion, a))?),
            Opcode::Iand => plain(a & b),
            Opcode::Ior => plain(a | b),
            Opcode::Ixor => plain(a ^ b),
            Opcode::Inot => plain(a ^ u64::MAX),
            Opcode::Ishl => (
                ((u128::from(a) << count) & u128::from(u64::MAX)) as u64,
                false,
                count > 0 && bit(64 - count),
            ),
            Opcode::Ishr => ((x >> count) as u64, false, count > 0 && bit(count - 1)),
            Opcode::Ushr => ((u128::from(a) >> count) as u64, false, count > 0 && bit(count - 1)),
            Opcode::RotateL => {
                let wide = u128::from(a) << count;
                plain(wide as u64 | (wide >> 64) as u64)
            }
            Opcode::RotateR => {
                let wide = u128::from(a) << (64 - count);
                plain(wide as u64 | (wide >> 64) as u64)
            }
            Opcode::Popcount => plain((0..64).filter(|number| bit(*number)).count() as u64),
            Opcode::Clz => plain((0..64).rev().take_while(|number| !bit(*number)).count() as u64),
            Opcode::Ctz => plain((0..64).take_while(|number| !bit(*number)).count() as u64),
            Opcode::Bswap => {
                let mut bytes = a.to_be_bytes();
                bytes.reverse();
                plain(u64::from_be_bytes(bytes))
            }
            Opcode::Andi => plain(a & immediate),
            Opcode::Ori => plain(a | immediate),
            _ => plain(a ^ immediate),
        })
    }

    /// Page 0x30 without a result, page 0x40 and the branches of the extension page: taken or not.
    fn condition(&mut self, i: &Instruction) -> Option<bool> {
        let (a, b) = (self.read(i.byte(0)), self.read(i.byte(1)));
        let [zero, _, carry, overflow, equal, less, greater, _] = self.flags;
        Some(match i.opcode() {
            Opcode::Jmp => true,
            Opcode::Jz => zero,
            Opcode::Jnz => !zero,
            Opcode::Je => equal,
            Opcode::Jne => !equal,
            Opcode::Jg => greater,
            Opcode::Jl => less,
            Opcode::Jge => greater || equal,
            Opcode::Jle => less || equal,
            Opcode::Ja => !carry && !zero,
            Opcode::Jb | Opcode::Jc => carry,
            Opcode::Jae => !carry,
            Opcode::Jbe => carry || zero,
            Opcode::Jo => overflow,
            Opcode::Loop => {
                let left = (i128::from(a) - 1) as u64;
                self.write(i.byte(0), left);
                left != 0
            }
            Opcode::Brnz => a != 0,
            Opcode::Brz => a == 0,
            Opcode::BrEq => a == b,
            Opcode::BrNe => a != b,
            Opcode::BrLt => signed(a) < signed(b),
            Opcode::BrLe => signed(a) <= signed(b),
            Opcode::BrLtu => a < b,
            Opcode::BrLeu => a <= b,
            Opcode::BrCmpi => {
                let b = i.operand(2) as u64;
                match Condition::from_byte(i.byte(1))? {
                    Condition::Eq => a == b,
                    Condition::Ne => a != b,
                    Condition::Lt => signed(a) < signed(b),
                    Condition::Le => signed(a) <= signed(b),
                    Condition::Gt => signed(a) > signed(b),
                    Condition::Ge => signed(a) >= signed(b),
                    Condition::Ltu => a < b,
                    Condition::Leu => a <= b,
                    Condition::Gtu => a > b,
                    Condition::Geu => a >= b,
                }
            }
            _ => return None,
        })
    }

    fn access(&self, offset: i128, width: u64, extend: bool) -> Result<u64, Trapped> {
        let value = self.memory.number(offset, width).ok_or((TrapKind::BadAccess, offset as u64))?;
        Ok(if extend { low(value, (8 * width as u32, true)) as u64 } else { value })
    }

    pub(super) fn store(&mut self, offset: i128, width: u64, value: u64) -> Result<(), Trapped> {
        self.memory.set_number(offset, width, value).ok_or((TrapKind::BadAccess, offset as u64))
    }

    /// Page 0x50.
    fn memory_access(&mut self, i: &Instruction) -> Result<(), Trapped> {
        let opcode = i.opcode();
        let near = |model: &Self, register: usize| {
            i128::from(model.read(i.byte(register))) + i128::from(i.operand(i.operands().count() - 1))
        };
        match opcode {
            Opcode::Load | Opcode::Load8 | Opcode::Load16 | Opcode::Load32 => {
                let width = [8, 1, 2, 4][opcode as usize - Opcode::Load as usize];
                let value = self.access(near(self, 1), width, false)?;
                self.write(i.byte(0), value);
            }
            Opcode::Store | Opcode::Store8 | Opcode::Store16 | Opcode::Store32 => {
                let width = [8, 1, 2, 4][opcode as usize - Opcode::Store as usize];
                self.store(near(self, 0), width, self.read(i.byte(1)))?;
            }
            Opcode::Lea => self.write(i.byte(0), near(self, 1) as u64),
            Opcode::Cmpxchg | Opcode::AtomicAdd | Opcode::AtomicSub => {
                let at = i128::from(self.read(i.byte(1)));
                if self.memory.range(at, 8, true).is_none() {
                    return Err((TrapKind::BadAccess, at as u64));
                }
                let old = self.access(at, 8, false)?;
                let b = self.read(i.byte(2));
                let new = match opcode {
                    Opcode::Cmpxchg if old == b => self.read(i.byte(3)),
                    Opcode::Cmpxchg => old,
                    Opcode::AtomicAdd => (signed(old) + signed(b)) as u64,
                    _ => (signed(old) - signed(b)) as u64,
                };
                self.store(at, 8, new)?;
                self.write(i.byte(0), old);
            }
            Opcode::Fence => {}
            Opcode::LoadRm => {
                let at = near(self, 1);
                let trap = (TrapKind::BadAccess, at as u64);
                let (region, rights) = self.memory.region(i.byte(2)).ok_or(trap)?;
                if rights == RegionRights::Write || at < 0 || at + 8 > i128::from(region.length()) {
                    return Err(trap);
                }
                let value = region.read(at as u64).ok_or(trap)?;
                self.write(i.byte(0), value);
            }
            Opcode::StoreRm => {
                let at = near(self, 0);
                let trap = (TrapKind::BadAccess, at as u64);
                let value = self.read(i.byte(1));
                let (region, rights) = self.memory.region(i.byte(2)).ok_or(trap)?;
                let read_only = matches!(rights, RegionRights::Read | RegionRights::ReadShare);
                if read_only || at < 0 || at + 8 > i128::from(region.length()) {
                    return Err(trap);
                }
                region.write(at as u64, value).ok_or(trap)?;
            }
            _ => {
                let (at, byte, length) = (self.read(i.byte(0)), self.read(i.byte(1)), self.read(i.byte(2)));
                // MEMSET ra rb rc: rc bytes at ra become rb.
                self.writable(at, length)?;
                self.charge(length / 64)?;
                if let Some(bytes) = self.memory.get_mut(i128::from(at), length) {
                    bytes.fill(byte as u8);
                }
            }
        }
        Ok(())
    }

    fn writable(&self, at: u64, length: u64) -> Result<(), Trapped> {
        self.memory.range(i128::from(at), length, true).map(|_| ()).ok_or((TrapKind::BadAccess, at))
    }

    pub(super) fn readable(&self, at: u64, length: u64) -> Result<Vec<u8>, Trapped> {
        self.memory.get(i128::from(at), length).map(<[u8]>::to_vec).ok_or((TrapKind::BadAccess, at))
    }

    /// Page 0x60.
    fn stack_access(&mut self, i: &Instruction) -> Result<(), Trapped> {
        match i.opcode() {
            Opcode::Push => self.push(self.read(i.byte(0)))?,
            Opcode::Pop => {
                let value = self.pop();
                self.write(i.byte(0), value);
            }
            Opcode::PushImm => self.push(i.operand(0) as u64)?,
            Opcode::Dup => self.push(self.stack.last().copied().unwrap_or(0))?,
            Opcode::Swap => {
                let top = self.stack.len();
                self.stack.swap(top - 1, top - 2);
            }
            Opcode::Enter => {
                let count = i.operand(0) as usize;
                self.reserve(self.stack.len() + 1 + count)?;
                self.stack.push(self.base);
                self.base = self.stack.len() as u64;
                self.stack.resize(self.stack.len() + count, 0);
            }
            Opcode::Leave => {
                self.stack.truncate(self.base as usize);
                self.base = self.pop();
            }
            Opcode::Pusha | Opcode::Pushr => {
                let range = if i.opcode() == Opcode::Pusha { 7..=55 } else { i.byte(0)..=i.byte(1) };
                self.reserve(self.stack.len() + range.clone().count())?;
                for register in range {
                    self.stack.push(self.registers[usize::from(register)]);
                }
            }
            Opcode::Popa | Opcode::Popr => {
                let range = if i.opcode() == Opcode::Popa { 7..=55 } else { i.byte(0)..=i.byte(1) };
                for register in range.rev() {
                    let value = self.pop();
                    self.write(register, value);
                }
            }
            Opcode::Pushf => self.push(self.flags())?,
            Opcode::Popf => {
                let value = self.pop();
                self.set_flags(core::array::from_fn(|bit| value >> bit & 1 == 1));
            }
            Opcode::StackChk => {
                if self.stack.len() + i.operand(0) as usize > STACK_SLOTS {
                    return Err((TrapKind::StackOverflow, 0));
                }
            }
            Opcode::StackAlloc => {
                self.reserve(self.stack.len() + i.operand(0) as usize)?;
                self.stack.resize(self.stack.len() + i.operand(0) as usize, 0);
            }
            _ => self.stack.truncate(self.stack.len() - i.operand(0) as usize),
        }
        Ok(())
    }

    /// All other instructions of the machine.
    fn rest(&mut self, i: &Instruction) -> Result<After, Trapped> {
        let opcode = i.opcode();
        let (r0, r1, r2, r3) =
            (self.read(i.byte(0)), self.read(i.byte(1)), self.read(i.byte(2)), self.read(i.byte(3)));
        let floats = |word: u64| f64::from_bits(word);
        let back = self.pc + i.words() as u32;
        let select = i.byte(2);
        let invalid = (TrapKind::Invalid, 0);
        let value = match opcode {
            Opcode::Nop => return Ok(After::Next),
            Opcode::Trap => {
                let kind = TrapKind::ALL.iter().copied().find(|kind| *kind as i64 == i.operand(0));
                return Err((kind.unwrap_or(TrapKind::User), i.operand(0) as u64));
            }
            Opcode::Invalid => return Err(invalid),
            Opcode::Cmp | Opcode::Cmpi => {
                let other = if opcode == Opcode::Cmp { r1 } else { i.operand(1) as u64 };
                let difference = signed(r0) - signed(other);
                self.set_flags([
                    r0 == other,
                    difference as i64 <= -1,
                    r0 < other,
                    !in_type(difference, (64, true)),
                    r0 == other,
                    signed(r0) < signed(other),
                    signed(r0) > signed(other),
                ]);
                return Ok(After::Next);
            }
            Opcode::Fcmp => {
                let (x, y) = (floats(r0), floats(r1));
                let unordered = x.is_nan() || y.is_nan();
                self.set_flags([x == y, false, unordered || x < y, unordered, x == y, x < y, x > y]);
                return Ok(After::Next);
            }
            Opcode::Test | Opcode::Testi => {
                let both = r0 & if opcode == Opcode::Test { r1 } else { i.operand(1) as u64 };
                self.set_logic(both);
                self.flags[4] = both == 0;
                return Ok(After::Next);
            }
            Opcode::CmpEq => u64::from(r1 == r2),
            Opcode::CmpNe => u64::from(r1 != r2),
            Opcode::CmpLt => u64::from(signed(r1) < signed(r2)),
            Opcode::CmpGt => u64::from(signed(r1) > signed(r2)),
            Opcode::CmpLe => u64::from(signed(r1) <= signed(r2)),
            Opcode::CmpGe => u64::from(signed(r1) >= signed(r2)),
            Opcode::CmpLtu => u64::from(r1 < r2),
            Opcode::CmpLeu => u64::from(r1 <= r2),
            Opcode::FcmpEq => u64::from(floats(r1) == floats(r2)),
            Opcode::FcmpLt => u64::from(floats(r1) < floats(r2)),
            Opcode::FcmpGt => u64::from(floats(r1) > floats(r2)),
            Opcode::FcmpLe => u64::from(floats(r1) <= floats(r2)),
            Opcode::FcmpGe => u64::from(floats(r1) >= floats(r2)),
            Opcode::Call => return self.call(i.number(0) as usize, back),
            Opcode::Calli | Opcode::CallReg => {
                let number = if opcode == Opcode::Calli { i128::from(r0) } else { i128::from(r0) - 1 };
                let bad = (TrapKind::BadCall, r0);
                let number = usize::try_from(number).map_err(|_| bad)?;
                let function = self.module.functions.get(number).ok_or(bad)?;
                let has = self.module.signatures.get(usize::from(function.signature));
                if has != self.module.signatures.get(i.number(1) as usize) {
                    return Err(bad);
                }
                return self.call(number, back);
            }
            Opcode::Ret => return Ok(self.leave()),
            Opcode::Tailcall => {
                let depth = self.calls.len();
                self.handled.retain(|handled| handled.calls < depth);
                let function = i.number(0) as usize;
                if let Some(frame) = self.calls.last_mut() {
                    frame.function = function;
                }
                self.start(function);
                return Ok(After::Go(self.module.functions.get(function).map_or(0, |row| row.offset)));
            }
            Opcode::Throw => {
                return self.unwind(r0, None).ok_or((TrapKind::User, r0));
            }
            Opcode::Catch | Opcode::Finally => {
                match i.target() {
                    Some(target) => self.handlers.push(Handler {
                        calls: self.calls.len(),
                        target,
                        stack: self.stack.len(),
                        base: self.base,
                        finally: opcode == Opcode::Finally,
                    }),
                    None => {
                        self.handlers.pop();
                    }
                }
                return Ok(After::Next);
            }
            Opcode::ExceptionRet => return self.end_handler(r0),
            Opcode::Reti => return self.end_trap_handler(r0),
            Opcode::SetHandler => {
                self.trap_handler = i.number(0) + 1;
                return Ok(After::Next);
            }
            Opcode::TraceOn | Opcode::TraceOff => {
                self.tracing = opcode == Opcode::TraceOn;
                return Ok(After::Next);
            }
            Opcode::ProfStart | Opcode::ProfStop => {
                self.profiling = opcode == Opcode::ProfStart;
                return Ok(After::Next);
            }
            Opcode::GasInit => {
                self.gas_left = self.gas_left.min(r0);
                return Ok(After::Next);
            }
            Opcode::GasCheck => {
                self.charge(u64::from(i.number(0)))?;
                return Ok(After::Next);
            }
            Opcode::VecLoad => {
                let at = i128::from(r1) + i128::from(i.operand(2));
                self.memory.get(at, 32).ok_or((TrapKind::BadAccess, at as u64))?;
                for lane in 0..4u8 {
                    let value = self.access(at + 8 * i128::from(lane), 8, false)?;
                    self.write(i.byte(0) + lane, value);
                }
                return Ok(After::Next);
            }
            Opcode::VecStore => {
                let at = i128::from(r0) + i128::from(i.operand(2));
                self.memory.range(at, 32, true).ok_or((TrapKind::BadAccess, at as u64))?;
                for lane in 0..4u8 {
                    self.store(at + 8 * i128::from(lane), 8, self.read(i.byte(1) + lane))?;
                }
                return Ok(After::Next);
            }
            Opcode::VecAdd | Opcode::VecMul | Opcode::VecSplat => {
                let mut results = [0; 4];
                for (lane, result) in (0u8..).zip(&mut results) {
                    let x = floats(self.read((i.byte(1) + lane) & 63));
                    let y = floats(self.read((i.byte(2) + lane) & 63));
                    *result = match opcode {
                        Opcode::VecAdd => f64_word(x + y),
                        Opcode::VecMul => f64_word(x * y),
                        _ => r1,
                    };
                }
                for (lane, result) in (0u8..).zip(results) {
                    self.write(i.byte(0) + lane, result);
                }
                return Ok(After::Next);
            }
            Opcode::VecDot => {
                let mut sum = 0.0;
                for lane in 0..4u8 {
                    let product = floats(self.read(i.byte(1) + lane)) * floats(self.read(i.byte(2) + lane));
                    sum = if lane == 0 { product } else { sum + product };
                }
                f64_word(sum)
            }
            Opcode::Mov => r1,
            Opcode::Movi | Opcode::Movi64 => i.operand(1) as u64,
            Opcode::Select => {
                if r1 != 0 {
                    r2
                } else {
                    r3
                }
            }
            Opcode::Extend => {
                let kind = match Extend::from_byte(select).ok_or(invalid)? {
                    Extend::S8 => (8, true),
                    Extend::S16 => (16, true),
                    Extend::S32 => (32, true),
                    Extend::Z8 => (8, false),
                    Extend::Z16 => (16, false),
                    Extend::Z32 => (32, false),
                };
                low(r1, kind) as u64
            }
            Opcode::Udiv | Opcode::Urem if r2 == 0 => return Err((TrapKind::DivideByZero, 0)),
            Opcode::Udiv => (i128::from(r1) / i128::from(r2)) as u64,
            Opcode::Urem => (i128::from(r1) % i128::from(r2)) as u64,
            Opcode::Mulh => match Signedness::from_byte(i.byte(3)).ok_or(invalid)? {
                Signedness::Signed => ((signed(r1) * signed(r2)) >> 64) as u64,
                Signedness::Unsigned => ((u128::from(r1) * u128::from(r2)) >> 64) as u64,
            },
            Opcode::Fmath1 => f64_word(unary(floats(r1), FloatUnary::from_byte(select).ok_or(invalid)?)),
            Opcode::Fmath2 => {
                let which = FloatBinary::from_byte(i.byte(3)).ok_or(invalid)?;
                f64_word(binary(floats(r1), floats(r2), which))
            }
            Opcode::F32 => single(r1, r2, Float32::from_byte(i.byte(3)).ok_or(invalid)?),
            Opcode::Convert => {
                let how = Convert::from_byte(select).ok_or(invalid)?;
                conversion(r1, how).ok_or((TrapKind::Conversion, r1))?
            }
            Opcode::Tadd | Opcode::Tsub | Opcode::Tmul | Opcode::Tneg | Opcode::Taddi => {
                let position = if opcode == Opcode::Tneg { 2 } else { 3 };
                let kind = match opcode {
                    Opcode::Taddi => (64, true),
                    _ => shape(IntType::from_byte(i.byte(position)).ok_or(invalid)?),
                };
                let (x, y) = (low(r1, kind), low(r2, kind));
                let exact = match opcode {
                    Opcode::Tadd => x + y,
                    Opcode::Tsub => x - y,
                    Opcode::Tneg => -x,
                    Opcode::Taddi => x + i128::from(i.operand(2)),
                    // The product of two u64 may not fit i128; it then does not fit the type either.
                    _ => x.checked_mul(y).ok_or((TrapKind::Overflow, 0))?,
                };
                if !in_type(exact, kind) {
                    return Err((TrapKind::Overflow, 0));
                }
                exact as u64
            }
            Opcode::Memcpy => {
                let bytes = self.readable(r1, r2)?;
                self.writable(r0, r2)?;
                self.charge(r2 / 64)?;
                if let Some(to) = self.memory.get_mut(i128::from(r0), r2) {
                    to.copy_from_slice(&bytes);
                }
                return Ok(After::Next);
            }
            Opcode::Memcmp => {
                let (x, y) = (self.readable(r1, r3)?, self.readable(r2, r3)?);
                self.charge(r3 / 64)?;
                let differ = x.iter().zip(&y).find(|(x, y)| x != y);
                differ.map_or(0, |(x, y)| if x < y { u64::MAX } else { 1 })
            }
            Opcode::Alloc => {
                if r1 > self.memory.quota() {
                    return Err((TrapKind::Quota, 0));
                }
                self.charge(r1 / 64)?;
                let kind = AllocKind::from_byte(select).ok_or(invalid)?;
                self.memory.alloc(kind, r1).ok_or((TrapKind::Quota, 0))?
            }
            Opcode::StateFree => {
                self.memory.free(r0).ok_or((TrapKind::BadAccess, r0))?;
                return Ok(After::Next);
            }
            Opcode::Loadx => {
                let at = i128::from(r1) + (i128::from(r2) << i.byte(4)) + i128::from(i.operand(5));
                let (width, extend) = width(Access::from_byte(i.byte(3)).ok_or(invalid)?);
                self.access(at, width, extend)?
            }
            Opcode::Storex => {
                let at = i128::from(r0) + (i128::from(r1) << i.byte(4)) + i128::from(i.operand(5));
                let (width, _) = width(Access::from_byte(i.byte(3)).ok_or(invalid)?);
                self.store(at, width, r2)?;
                return Ok(After::Next);
            }
            Opcode::IndexCheck if r0 < r1 => return Ok(After::Next),
            Opcode::IndexCheck => return Err((TrapKind::Index, r0)),
            Opcode::SlotGet => {
                let slot = self.frame().start as i64 + i.operand(1);
                self.stack.get(slot as usize).copied().unwrap_or(0)
            }
            Opcode::SlotSet => {
                let slot = self.frame().start as i64 + i.operand(1);
                let Some(place) = self.stack.get_mut(slot as usize) else {
                    return Ok(self.violation("a slot outside the stack"));
                };
                *place = r0;
                return Ok(After::Next);
            }
            Opcode::Text => self.text(r1, r2, TextOp::from_byte(i.byte(3)).ok_or(invalid)?)?,
            Opcode::Leax => {
                let shifted = u128::from(r2) << i.byte(3);
                (u128::from(r1) + (shifted & u128::from(u64::MAX)) + u128::from(i.operand(4) as u64)) as u64
            }
            Opcode::Expect if r0 != 0 => return Ok(After::Next),
            Opcode::Expect => return Err((TrapKind::Assertion, 0)),
            _ => return Ok(self.violation("an instruction without meaning")),
        };
        self.write(i.byte(0), value);
        Ok(After::Next)
    }

    fn end_handler(&mut self, action: u64) -> Result<After, Trapped> {
        let depth = self.calls.len();
        let Some(Handled { calls, kind, trap, finally }) = self.handled.last().copied() else {
            return Err((TrapKind::Invalid, 0));
        };
        if calls != depth {
            return Err((TrapKind::Invalid, 0));
        }
        self.handled.pop();
        if action == 0 && !finally {
            self.registers[16] = 0;
            return Ok(self.leave());
        }
        match (self.unwind(kind, trap), trap) {
            (Some(after), _) => Ok(after),
            (None, Some((kind, pc, value))) => Ok(After::End(Outcome::Trapped(kind, pc, value))),
            (None, None) => Err((TrapKind::User, kind)),
        }
    }

    fn end_trap_handler(&mut self, action: u64) -> Result<After, Trapped> {
        let Some((below, trap)) = self.in_handler.take() else { return Err((TrapKind::Invalid, 0)) };
        self.handlers.retain(|record| record.calls <= below);
        self.handled.retain(|handled| handled.calls <= below);
        if let Some(frame) = self.calls.get(below).copied() {
            self.stack.truncate(frame.start);
            self.base = frame.base;
            self.calls.truncate(below);
        }
        if action == 1
            && let Some(after) = self.unwind(trap.0 as u64, Some(trap))
        {
            return Ok(after);
        }
        Ok(After::End(Outcome::Trapped(trap.0, trap.1, trap.2)))
    }

    /// The bytes of a text, and the offset that a trap names.
    pub(super) fn text_bytes(&self, ptr: u64) -> Result<Vec<u8>, Trapped> {
        if ptr == 0 {
            return Ok(Vec::new());
        }
        let header = i128::from(ptr);
        self.memory.get(header, 8).ok_or((TrapKind::BadAccess, ptr))?;
        let length = self.memory.number(header, 4).unwrap_or(0);
        self.readable(ptr + 8, length)
    }

    fn text(&mut self, a: u64, b: u64, operation: TextOp) -> Result<u64, Trapped> {
        let is_start = |byte: &u8| !(0x80..0xC0).contains(byte);
        let place = match operation {
            TextOp::Keep => AllocKind::State,
            _ => AllocKind::Arena,
        };
        let made: Vec<u8> = match operation {
            TextOp::Length => return Ok(self.text_bytes(a)?.len() as u64),
            TextOp::Compare | TextOp::Equal => {
                let (x, y) = (self.text_bytes(a)?, self.text_bytes(b)?);
                self.charge((x.len() + y.len()) as u64 / 64)?;
                return Ok(match operation {
                    TextOp::Equal => u64::from(x == y),
                    _ if x == y => 0,
                    _ if x < y => u64::MAX,
                    _ => 1,
                });
            }
            TextOp::Chars => {
                let bytes = self.text_bytes(a)?;
                self.charge(bytes.len() as u64 / 64)?;
                return Ok(bytes.iter().filter(|byte| is_start(byte)).count() as u64);
            }
            TextOp::CharAt => {
                let bytes = self.text_bytes(a)?;
                self.charge(bytes.len() as u64 / 64)?;
                let mut starts: Vec<usize> = (0..bytes.len()).filter(|at| is_start(&bytes[*at])).collect();
                let nth = usize::try_from(b).ok().filter(|nth| *nth < starts.len());
                let nth = nth.ok_or((TrapKind::Index, b))?;
                starts.push(bytes.len());
                // At most four bytes are looked at.
                let end = starts[nth + 1].min(starts[nth] + 4);
                let text = core::str::from_utf8(&bytes[starts[nth]..end]);
                return Ok(text.ok().and_then(|text| text.chars().next()).map_or(0xFFFD, u64::from));
            }
            TextOp::Concat => {
                let mut bytes = self.text_bytes(a)?;
                bytes.extend(self.text_bytes(b)?);
                self.charge(bytes.len() as u64 / 64)?;
                bytes
            }
            TextOp::Copy | TextOp::Keep => {
                let bytes = self.text_bytes(a)?;
                self.charge(bytes.len() as u64 / 64)?;
                bytes
            }
            TextOp::Slice | TextOp::At => {
                let bytes = self.text_bytes(a)?;
                self.charge(bytes.len() as u64 / 64)?;
                let mut places: Vec<usize> = (0..bytes.len()).filter(|at| is_start(&bytes[*at])).collect();
                places.push(bytes.len());
                let (from, to) = match operation {
                    TextOp::At => (b, b.checked_add(1).ok_or((TrapKind::Index, b))?),
                    _ => (b & 0xffff_ffff, b >> 32),
                };
                let place = |n: u64| usize::try_from(n).ok().and_then(|n| places.get(n)).copied();
                match (place(from), place(to)) {
                    (Some(from), Some(to)) if from <= to => bytes[from..to].to_vec(),
                    _ => return Err((TrapKind::Index, if operation == TextOp::At { b } else { to })),
                }
            }
            TextOp::Split => return self.split(a, b),
            TextOp::Trim | TextOp::Upper | TextOp::Lower => {
                let mut bytes = self.text_bytes(a)?;
                self.charge(bytes.len() as u64 / 64)?;
                match operation {
                    TextOp::Trim => bytes.trim_ascii().to_vec(),
                    _ => {
                        for byte in &mut bytes {
                            match (operation, *byte) {
                                (TextOp::Upper, b'a'..=b'z') => *byte -= 32,
                                (TextOp::Lower, b'A'..=b'Z') => *byte += 32,
                                _ => {}
                            }
                        }
                        bytes
                    }
                }
            }
            TextOp::Find => {
                let (bytes, wanted) = (self.text_bytes(a)?, self.text_bytes(b)?);
                self.charge((bytes.len() as u64 + 1) * (wanted.len() as u64 + 1) / 64)?;
                let at = (0..=bytes.len()).find(|at| bytes[*at..].starts_with(&wanted));
                let before = at.map(|at| bytes[..at].iter().filter(|byte| is_start(byte)).count());
                return Ok(before.map_or(u64::MAX, |count| count as u64));
            }
            TextOp::Replace => {
                let (bytes, wanted) = (self.text_bytes(a)?, self.text_bytes(b & 0xffff_ffff)?);
                self.charge((bytes.len() as u64 + 1) * (wanted.len() as u64 + 1) / 64)?;
                let new = self.text_bytes(b >> 32)?;
                let mut made = Vec::new();
                let mut at = 0;
                while at < bytes.len() {
                    if !wanted.is_empty() && bytes[at..].starts_with(&wanted) {
                        made.extend_from_slice(&new);
                        at += wanted.len();
                    } else {
                        made.push(bytes[at]);
                        at += 1;
                    }
                    if made.len() > STRING_BYTES {
                        return Err((TrapKind::Quota, 0));
                    }
                }
                made
            }
            TextOp::StartsWith | TextOp::EndsWith => {
                let (bytes, part) = (self.text_bytes(a)?, self.text_bytes(b)?);
                self.charge((bytes.len() + part.len()) as u64 / 64)?;
                return Ok(u64::from(match operation {
                    TextOp::StartsWith => bytes.get(..part.len()) == Some(&part),
                    _ => bytes.len() >= part.len() && bytes[bytes.len() - part.len()..] == part,
                }));
            }
            TextOp::IsInt | TextOp::ParseInt | TextOp::IsFloat | TextOp::ParseFloat | TextOp::IsText => {
                let bytes = self.text_bytes(a)?;
                self.charge(bytes.len() as u64 / 64)?;
                let text = String::from_utf8(bytes);
                let integer = text.as_ref().ok().and_then(|text| text.parse::<i64>().ok());
                let number = text
                    .as_ref()
                    .ok()
                    .filter(|text| !text.contains(|c: char| !"0123456789+-.eE".contains(c)));
                let number =
                    number.and_then(|text| text.parse::<f64>().ok()).filter(|number| number.is_finite());
                return Ok(match operation {
                    TextOp::IsInt => u64::from(integer.is_some()),
                    TextOp::ParseInt => integer.unwrap_or(0) as u64,
                    TextOp::IsFloat => u64::from(number.is_some()),
                    TextOp::ParseFloat => number.unwrap_or(0.0).to_bits(),
                    _ => u64::from(text.is_ok()),
                });
            }
            TextOp::Join => self.joined(a, b)?,
            TextOp::Fixed => {
                let decimals = b.min(64) as usize;
                alloc::format!("{:.decimals$}", f64::from_bits(a)).into_bytes()
            }
            TextOp::Pad => {
                let bytes = self.text_bytes(a)?;
                self.charge(bytes.len() as u64 / 64)?;
                let characters = bytes.iter().filter(|byte| is_start(byte)).count() as u64;
                let missing = (b & 0xffff_ffff).saturating_sub(characters);
                if missing + bytes.len() as u64 > STRING_BYTES as u64 {
                    return Err((TrapKind::Quota, 0));
                }
                let before = match b >> 32 {
                    0 => 0,
                    1 => missing,
                    _ => missing / 2,
                };
                let mut made = " ".repeat(before as usize).into_bytes();
                made.extend(bytes);
                made.extend(" ".repeat((missing - before) as usize).into_bytes());
                made
            }
            TextOp::TableFind => return self.find_entry(a, b),
            TextOp::TableIndex => return self.index_entries(a, b),
            TextOp::FromInt => (a as i64).to_string().into_bytes(),
            TextOp::FromUint => a.to_string().into_bytes(),
            TextOp::FromFloat => f64::from_bits(a).to_string().into_bytes(),
            TextOp::FromF32 => f32::from_bits(a as u32).to_string().into_bytes(),
            TextOp::FromBool => (a != 0).to_string().into_bytes(),
            TextOp::FromChar => {
                let scalar = u32::try_from(a).ok().and_then(char::from_u32);
                scalar.ok_or((TrapKind::Index, a))?.to_string().into_bytes()
            }
            TextOp::FromDuration => duration(a as i64).into_bytes(),
        };
        if made.len() > STRING_BYTES {
            return Err((TrapKind::Quota, 0));
        }
        if made.is_empty() {
            return Ok(0);
        }
        self.charge(made.len() as u64 / 64)?;
        let length = made.len() as u64;
        let ptr = self.memory.alloc(place, length + 8).ok_or((TrapKind::Quota, 0))?;
        let at = i128::from(ptr);
        self.store(at, 4, length)?;
        self.store(at + 4, 4, length)?;
        if let Some(to) = self.memory.get_mut(at + 8, length) {
            to.copy_from_slice(&made);
        }
        Ok(ptr)
    }

    /// A host instruction.
    fn host(&mut self, i: &Instruction, host: &mut TestHost) -> Result<After, Trapped> {
        let opcode = i.opcode();
        let words: Vec<u64> = match opcode {
            Opcode::Syscall => [60, 16, 17, 18, 19].map(|register| self.read(register)).to_vec(),
            Opcode::Icall | Opcode::CallNative => {
                [16, 17, 18, 19].map(|register| self.read(register)).to_vec()
            }
            _ => {
                let reads = i.operands().filter(|(operand, _)| operand.reads());
                reads.map(|(_, register)| self.read(register as u8)).collect()
            }
        };
        let number = i.operands().find(|(operand, _)| !operand.reads() && !operand.writes());
        let mut call =
            HostCall { opcode, immediate: number.map_or(0, |(_, number)| number as u32), arguments: [0; 5] };
        for (to, from) in call.arguments.iter_mut().zip(words) {
            *to = from;
        }
        let a = call.arguments[0];
        let row = call.immediate as usize;
        let outcome = match opcode {
            Opcode::Halt => return Ok(After::End(Outcome::Stopped(Stop::Halt))),
            Opcode::Reset => return Ok(After::End(Outcome::Stopped(Stop::Reset))),
            Opcode::Exception => return Ok(After::End(Outcome::Stopped(Stop::Exception(a as i64)))),
            Opcode::Panic => {
                let reason = self.memory.text(a).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                return Ok(After::End(Outcome::Stopped(Stop::Panic(
                    reason.unwrap_or(String::from("the reason is not readable")),
                ))));
            }
            Opcode::Yield => HostOutcome::status(Status::Ok),
            Opcode::Param => HostOutcome::value(self.settings.parameters.get(row).copied().unwrap_or(0)),
            Opcode::Link => HostOutcome::value(self.settings.links.get(row).copied().unwrap_or(0)),
            Opcode::Ticks if row == Clock::Gas as usize => HostOutcome::value(self.gas_used),
            Opcode::RegionCreate => {
                let rights = RegionRights::from_byte(row as u8).ok_or((TrapKind::Invalid, 0))?;
                match self.memory.create_region(a, rights) {
                    Ok(number) => HostOutcome::value(number),
                    Err(status) => HostOutcome::status(status),
                }
            }
            Opcode::RegionDestroy | Opcode::Munmap => {
                HostOutcome::status(match self.memory.destroy_region(a) {
                    true => Status::Ok,
                    false => Status::NotFound,
                })
            }
            _ => host.handle(&call, &mut self.memory),
        };
        match outcome {
            HostOutcome::Done { value, status } => {
                let result = match opcode {
                    Opcode::Syscall | Opcode::Icall | Opcode::CallNative => 16,
                    _ if i.operands().any(|(operand, _)| operand == Operand::Rd) => i.byte(0),
                    _ => 0,
                };
                self.write(result, value);
                self.status = status.code();
                Ok(After::Next)
            }
            HostOutcome::Suspend => Ok(After::End(Outcome::Suspended)),
            HostOutcome::Stop(stop) => Ok(After::End(Outcome::Stopped(stop))),
            HostOutcome::Trap(kind) => Err((kind, 0)),
        }
    }
}

fn width(access: Access) -> (u64, bool) {
    match access {
        Access::W64 => (8, false),
        Access::Z8 => (1, false),
        Access::Z16 => (2, false),
        Access::Z32 => (4, false),
        Access::S8 => (1, true),
        Access::S16 => (2, true),
        Access::S32 => (4, true),
    }
}
