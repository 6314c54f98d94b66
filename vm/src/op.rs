//! The pre-decoded form of the code: one operation for each instruction.
//!
//! # Invariants
//! 1. Each instruction keeps a place of its own. A fused operation stands in the place of its first
//!    instruction and skips the places it covers, which keep their plain form; so a jump to any
//!    instruction finds it, and code offsets and places map one to one.
//! 2. A read-only view is never an operand: a [`Op::View`] before the instruction writes its value
//!    into the register's own place, which nothing else uses.
//! 3. A write to R0 goes to the place of R1, which is a view; R0's place stays 0.

use flux_abi::opcode::Opcode;

/// Number of a register's place. It is below 64, which [`R::new`] sees to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct R(u8);

/// The place that takes writes to R0.
pub(crate) const SINK: R = R(1);

impl R {
    /// The place of R0.
    pub(crate) const ZERO: Self = Self(0);

    /// The place of register `number`, modulo 64.
    pub(crate) const fn new(number: u8) -> Self {
        Self(number & 63)
    }

    /// Its index, below 64.
    #[inline(always)]
    pub(crate) fn at(self) -> usize {
        usize::from(self.0)
    }
}

/// Gas and distance of the ways out of a conditional branch.
///
/// `taken` and `fall` are what the GAS_CHECK at either end charges, where the branch does it in
/// passing; the branch then goes to the operation behind that GAS_CHECK. 0: it does not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ways {
    /// Distance in bytes from the branch's own place.
    pub(crate) rel: i32,
    pub(crate) taken: u16,
    pub(crate) fall: u16,
}

/// The one way out of a jump; see [`Ways`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Way {
    pub(crate) rel: i32,
    pub(crate) gas: u16,
}

/// An operation outside the inner loop: opcode and operands by kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Slow {
    pub(crate) opcode: Opcode,
    /// Register operands in order.
    pub(crate) r: [R; 4],
    /// Selector or region number.
    pub(crate) select: u8,
}

/// A register operation that pairs are made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Alu {
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
    Shl,
    Ushr,
    Mov,
    Z32,
    Tadd,
    Tsub,
    Tmul,
    // Floats stand last; see `execute`.
    Fadd,
    Fsub,
    Fmul,
    Fdiv,
    Fsqrt,
}

/// Which operand of a second part is the result of the first, and so needs not be read back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Chain {
    No,
    First,
    Second,
}

/// How a paired branch compares its registers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
}

/// What a paired indexed access moves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Width {
    W64,
    Z32,
    Z8,
}

/// One operation. `d` is written; `a`, `b`, `c` are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    /// Leaves the inner loop; `imm` is the operand that is no register and no selector, as a
    /// place of the code where it is a code offset.
    Slow {
        slow: Slow,
        imm: i64,
    },
    /// Leaves the inner loop before the instruction, for a debugger.
    Hook,
    Nop,
    GasCheck {
        gas: u32,
    },
    /// Materialises a view.
    View {
        view: R,
    },

    Jump(Way),
    BrNz(R, Ways),
    BrZ(R, Ways),
    BrEq(R, R, Ways),
    BrNe(R, R, Ways),
    BrLt(R, R, Ways),
    BrLe(R, R, Ways),
    BrLtu(R, R, Ways),
    BrLeu(R, R, Ways),
    BrEqI(R, i32, Ways),
    BrNeI(R, i32, Ways),
    BrLtI(R, i32, Ways),
    BrLeI(R, i32, Ways),
    BrGtI(R, i32, Ways),
    BrGeI(R, i32, Ways),
    BrLtuI(R, i32, Ways),
    BrLeuI(R, i32, Ways),
    BrGtuI(R, i32, Ways),
    BrGeuI(R, i32, Ways),
    Loop(R, Ways),
    /// Branches by the flags; the byte is the low byte of the opcode.
    BrFlags(Opcode, Ways),
    /// The number is the place to return to.
    Call(Way, u32),
    Ret {
        stacked: u8,
    },
    Tailcall(Way),

    Mov(R, R),
    MovI(R, i64),
    Select(R, R, R, R),
    Add(R, R, R),
    Sub(R, R, R),
    Mul(R, R, R),
    Div(R, R, R),
    Rem(R, R, R),
    Udiv(R, R, R),
    Urem(R, R, R),
    And(R, R, R),
    Or(R, R, R),
    Xor(R, R, R),
    Not(R, R),
    Neg(R, R),
    Shl(R, R, R),
    Sar(R, R, R),
    Ushr(R, R, R),
    Rotl(R, R, R),
    Rotr(R, R, R),
    Popcount(R, R),
    Clz(R, R),
    Ctz(R, R),
    Bswap(R, R),
    AddI(R, R, i64),
    AndI(R, R, i64),
    OrI(R, R, i64),
    XorI(R, R, i64),
    CmpEq(R, R, R),
    CmpNe(R, R, R),
    CmpLt(R, R, R),
    CmpLe(R, R, R),
    CmpLtu(R, R, R),
    CmpLeu(R, R, R),
    FcmpEq(R, R, R),
    FcmpLt(R, R, R),
    FcmpLe(R, R, R),
    S8(R, R),
    S16(R, R),
    S32(R, R),
    Z8(R, R),
    Z16(R, R),
    Z32(R, R),
    Tadd(R, R, R),
    Tsub(R, R, R),
    Tmul(R, R, R),
    TaddI(R, R, i32),
    TaddN(R, R, R, u8),
    TsubN(R, R, R, u8),
    TmulN(R, R, R, u8),
    Leax(R, R, R, u8, i32),
    Fadd(R, R, R),
    Fsub(R, R, R),
    Fmul(R, R, R),
    Fdiv(R, R, R),
    Fneg(R, R),
    I2f(R, R),
    F2i(R, R),
    Fsqrt(R, R),
    Fabs(R, R),

    /// Loads from ra + the number, which is counted from the start of the writable part and not
    /// above 0: so the sum can only wrap downward, to a number that no memory reaches.
    Load64(R, R, i64),
    Load32(R, R, i64),
    Load16(R, R, i64),
    Load8(R, R, i64),
    Store64(R, R, i64),
    Store32(R, R, i64),
    Store16(R, R, i64),
    Store8(R, R, i64),
    /// Indexed accesses: d or source, base, index, shift, displacement from the start of the
    /// writable part.
    LoadX64(R, R, R, u8, i64),
    LoadXZ8(R, R, R, u8, i64),
    LoadXZ16(R, R, R, u8, i64),
    LoadXZ32(R, R, R, u8, i64),
    LoadXS8(R, R, R, u8, i64),
    LoadXS16(R, R, R, u8, i64),
    LoadXS32(R, R, R, u8, i64),
    StoreX64(R, R, R, u8, i64),
    StoreX32(R, R, R, u8, i64),
    StoreX16(R, R, R, u8, i64),
    StoreX8(R, R, R, u8, i64),
    IndexCheck(R, R),
    Expect(R),

    Push(R),
    Pop(R),
    PushRange(R, R),
    PopRange(R, R),
    StackAlloc(u16),
    StackFree(u16),
    Enter(u16),
    Leave,
    SlotGet(R, i16),
    SlotSet(R, i16),

    // Fused pairs.
    /// TADDI, then JMP.
    TaddIJump(R, R, i32, Way),
    /// TADDI with a small immediate, then BR_LT.
    TaddIBrLt(R, R, i16, R, R, Ways),
    /// TADDI with a small immediate, then BR_LE.
    TaddIBrLe(R, R, i16, R, R, Ways),
    /// TADDI with a small immediate, then BR_LTU.
    TaddIBrLtu(R, R, i16, R, R, Ways),
    /// TADDI with a small immediate, then BR_NE.
    TaddIBrNe(R, R, i16, R, R, Ways),
    /// TADDI of one register with a byte, then BR_CMPI of it with `lt`.
    TaddIBrLtI(R, i8, i32, Ways),
    /// TADDI of one register with a byte, then BR_CMPI of it with `ge`.
    TaddIBrGeI(R, i8, i32, Ways),
    /// TADDI of one register with a byte, then BR_CMPI of it with `ne`.
    TaddIBrNeI(R, i8, i32, Ways),
    /// Two register operations.
    Two(Alu, Alu, Chain, [R; 6]),
    /// LOAD as [`Op::Load64`], then a register operation.
    LoadAlu(Alu, Chain, [R; 5], i64),
    /// A register operation, then LOAD as [`Op::Load64`].
    AluLoad(Alu, [R; 5], i64),
    /// A register operation, then STORE as [`Op::Store64`].
    AluStore(Alu, Chain, [R; 5], i64),
    /// TADDI, then a register operation.
    ImmAlu(Alu, [R; 5], i32),
    /// A register operation, then TADDI.
    AluImm(Alu, [R; 5], i32),
    /// Two LOADs as [`Op::Load64`].
    LoadLoad([R; 4], i32, i32),
    /// An indexed load, then a register operation; the byte is the shift.
    LoadXAlu(Width, Alu, [R; 6], u8, i32),
    /// An indexed load of a byte, then BRNZ of it.
    LoadXZ8BrNz(R, R, R, u8, i16, Ways),
    /// An indexed load of a byte, then BRZ of it.
    LoadXZ8BrZ(R, R, R, u8, i16, Ways),
    /// A register operation, then a branch.
    AluBr(Alu, Compare, [R; 5], Ways),
    /// INDEX_CHECK, then an indexed load.
    CheckLoadX(Width, [R; 5], u8, i64),
    /// INDEX_CHECK, then an indexed store.
    CheckStoreX(Width, [R; 5], u8, i64),
}

const _: () = assert!(size_of::<Op>() == 16, "an operation must stay at 16 bytes");
