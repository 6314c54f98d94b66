//! FIR instructions and terminators.
//!
//! # Invariants
//! 1. An instruction has at most one result; its type is stored on the value.
//! 2. Every operation's operand and result types follow from the operation alone,
//!    except where a result type is written (`Load`, `Cast`, `Host`, `Intrinsic`).
//! 3. Integer operations work on whole words (see [`super::types`]); trapping sum,
//!    difference, product and negation on the low bits of the kind's width. A trapping
//!    operation traps when the exact result is no number of its kind, a wrapping one
//!    cuts it to the kind's width.

use super::types::{Access, FloatKind, IntKind, Type};
use super::{BlockId, FuncId, ValueId, ValueList};
use alloc::vec::Vec;
use flux_abi::opcode::{Executor, Flow, Opcode, Operand};
use flux_abi::select::TextOp;
use flux_abi::syscall::{SYSCALLS, Syscall};
use flux_abi::trap::TrapKind;

macro_rules! named_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        $vis enum $name { $($(#[$vmeta])* $variant,)+ }

        impl $name {
            /// All variants in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in the text form.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The variant of that name in the text form.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

named_enum! {
    /// Integer operations of two operands of one kind.
    pub enum IntOp {
        /// Sum; traps OVERFLOW.
        Add = "add",
        /// Difference; traps OVERFLOW.
        Sub = "sub",
        /// Product; traps OVERFLOW.
        Mul = "mul",
        /// Quotient, truncated; traps DIVIDE_BY_ZERO on zero and OVERFLOW on MIN / -1.
        Div = "div",
        /// Remainder with the sign of the dividend; traps DIVIDE_BY_ZERO on zero, OVERFLOW on MIN % -1.
        Rem = "rem",
        /// Sum, wrapped to the kind.
        WrappingAdd = "wadd",
        /// Difference, wrapped to the kind.
        WrappingSub = "wsub",
        /// Product, wrapped to the kind.
        WrappingMul = "wmul",
        /// Bitwise and.
        And = "and",
        /// Bitwise or.
        Or = "or",
        /// Bitwise exclusive or.
        Xor = "xor",
        /// Shift left, count modulo the width, wrapped to the kind.
        Shl = "shl",
        /// Shift right, count modulo the width: arithmetic for a signed kind, logical for an unsigned one.
        Shr = "shr",
        /// Rotate left within the width.
        RotateLeft = "rotl",
        /// Rotate right within the width.
        RotateRight = "rotr",
        /// The smaller operand.
        Min = "min",
        /// The greater operand.
        Max = "max",
    }
}

impl IntOp {
    /// Tells whether this operation can trap.
    #[must_use]
    pub const fn can_trap(self) -> bool {
        matches!(self, Self::Add | Self::Sub | Self::Mul | Self::Div | Self::Rem)
    }

    /// Tells whether the operands may be exchanged.
    #[must_use]
    pub const fn is_commutative(self) -> bool {
        matches!(
            self,
            Self::Add
                | Self::Mul
                | Self::WrappingAdd
                | Self::WrappingMul
                | Self::And
                | Self::Or
                | Self::Xor
                | Self::Min
                | Self::Max
        )
    }
}

named_enum! {
    /// Integer operations of one operand.
    pub enum IntUnaryOp {
        /// Negation; traps OVERFLOW.
        Neg = "neg",
        /// Absolute value; traps OVERFLOW.
        Abs = "abs",
        /// Negation, wrapped to the kind.
        WrappingNeg = "wneg",
        /// Bitwise complement within the width.
        Not = "not",
        /// Number of one bits within the width.
        Popcount = "popcnt",
        /// Number of leading zero bits within the width.
        LeadingZeros = "clz",
        /// Number of trailing zero bits within the width.
        TrailingZeros = "ctz",
        /// Bytes in reverse order within the width.
        SwapBytes = "bswap",
        /// The operand's low bits, extended by the kind; takes any integer type.
        Wrap = "wrap",
    }
}

impl IntUnaryOp {
    /// Tells whether this operation can trap.
    #[must_use]
    pub const fn can_trap(self) -> bool {
        matches!(self, Self::Neg | Self::Abs)
    }
}

named_enum! {
    /// Float operations of two operands. They never trap.
    pub enum FloatOp {
        /// Sum.
        Add = "fadd",
        /// Difference.
        Sub = "fsub",
        /// Product.
        Mul = "fmul",
        /// Quotient.
        Div = "fdiv",
        /// Remainder with the sign of the dividend.
        Rem = "frem",
        /// The smaller operand; NaN only if both are.
        Min = "fmin",
        /// The greater operand; NaN only if both are.
        Max = "fmax",
        /// Power.
        Pow = "fpow",
        /// Angle of the point (second operand, first operand), radians.
        Atan2 = "fatan2",
    }
}

named_enum! {
    /// Float operations of one operand. They never trap.
    pub enum FloatUnaryOp {
        /// Negation.
        Neg = "fneg",
        /// Absolute value.
        Abs = "fabs",
        /// Square root.
        Sqrt = "fsqrt",
        /// Greatest whole number not above.
        Floor = "ffloor",
        /// Smallest whole number not below.
        Ceil = "fceil",
        /// Nearest whole number, halves away from zero.
        Round = "fround",
        /// Whole part.
        Trunc = "ftrunc",
        /// Sine of radians.
        Sin = "fsin",
        /// Cosine of radians.
        Cos = "fcos",
        /// Tangent of radians.
        Tan = "ftan",
        /// Inverse sine, radians.
        Asin = "fasin",
        /// Inverse cosine, radians.
        Acos = "facos",
        /// Inverse tangent, radians.
        Atan = "fatan",
        /// Natural exponential.
        Exp = "fexp",
        /// Natural logarithm.
        Ln = "fln",
        /// Logarithm to base 2.
        Log2 = "flog2",
        /// Logarithm to base 10.
        Log10 = "flog10",
    }
}

named_enum! {
    /// Comparison of two words of one type.
    pub enum IntCompare {
        /// Equal; any type.
        Eq = "eq",
        /// Not equal; any type.
        Ne = "ne",
        /// Signed less.
        Slt = "slt",
        /// Signed less or equal.
        Sle = "sle",
        /// Signed greater.
        Sgt = "sgt",
        /// Signed greater or equal.
        Sge = "sge",
        /// Unsigned less.
        Ult = "ult",
        /// Unsigned less or equal.
        Ule = "ule",
        /// Unsigned greater.
        Ugt = "ugt",
        /// Unsigned greater or equal.
        Uge = "uge",
    }
}

impl IntCompare {
    /// The comparison that holds exactly when this one does not.
    #[must_use]
    pub const fn negated(self) -> Self {
        match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Slt => Self::Sge,
            Self::Sle => Self::Sgt,
            Self::Sgt => Self::Sle,
            Self::Sge => Self::Slt,
            Self::Ult => Self::Uge,
            Self::Ule => Self::Ugt,
            Self::Ugt => Self::Ule,
            Self::Uge => Self::Ult,
        }
    }

    /// The comparison that holds when the operands are exchanged.
    #[must_use]
    pub const fn swapped(self) -> Self {
        match self {
            Self::Eq => Self::Eq,
            Self::Ne => Self::Ne,
            Self::Slt => Self::Sgt,
            Self::Sle => Self::Sge,
            Self::Sgt => Self::Slt,
            Self::Sge => Self::Sle,
            Self::Ult => Self::Ugt,
            Self::Ule => Self::Uge,
            Self::Ugt => Self::Ult,
            Self::Uge => Self::Ule,
        }
    }
}

named_enum! {
    /// Comparison of two floats; every one but `fne` is false if an operand is NaN.
    pub enum FloatCompare {
        /// Equal.
        Eq = "feq",
        /// Not equal, or one is NaN.
        Ne = "fne",
        /// Less.
        Lt = "flt",
        /// Less or equal.
        Le = "fle",
        /// Greater.
        Gt = "fgt",
        /// Greater or equal.
        Ge = "fge",
    }
}

named_enum! {
    /// Operations of the runtime that every host has; see [`Intrinsic::signature`].
    pub enum Intrinsic {
        /// `(size i64) -> ptr`: zeroed bytes until the run ends; traps QUOTA.
        ArenaAlloc = "arena_alloc",
        /// `(size i64) -> ptr`: zeroed bytes until they are freed; traps QUOTA.
        StateAlloc = "state_alloc",
        /// `(ptr)`: gives state bytes back; 0 is allowed.
        StateFree = "state_free",
        /// `(to ptr, from ptr, bytes i64)`: the ranges may overlap.
        MemCopy = "mem_copy",
        /// `(to ptr, byte i64, bytes i64)`.
        MemSet = "mem_set",
        /// `(a ptr, b ptr, bytes i64) -> i64`: -1, 0 or 1 in byte order.
        MemCompare = "mem_compare",
        /// `()` and a written result type: the value word of deploy-time parameter `imm`.
        Param = "param",
        /// `() -> capability`: the handle of the module's link `imm`, 0 if none.
        Link = "link",
        /// `() -> bool`: whether pacer `imm` is due; if so its last run is now.
        PacerDue = "pacer_due",
        /// `() -> i64`: nanoseconds of the kernel's clock.
        Now = "now",
        /// `() -> i64`: gas used by this agent.
        GasUsed = "gas_used",
        /// `() -> i64`: 64 random bits of the agent's own stream.
        Random = "random",
        /// `() -> i64`: the status of the last host instruction, 0 or negative.
        LastStatus = "last_status",
    }
}

impl Intrinsic {
    /// Operand types and result type; `any` as a result means that the instruction says it.
    #[must_use]
    pub const fn signature(self) -> (&'static [Type], Type) {
        use Type::{Any, Bool, Capability, I64, Ptr, Void};
        match self {
            Self::ArenaAlloc | Self::StateAlloc => (&[I64], Ptr),
            Self::StateFree => (&[Ptr], Void),
            Self::MemCopy => (&[Ptr, Ptr, I64], Void),
            Self::MemSet => (&[Ptr, I64, I64], Void),
            Self::MemCompare => (&[Ptr, Ptr, I64], I64),
            Self::Param => (&[], Any),
            Self::Link => (&[], Capability),
            Self::PacerDue => (&[], Bool),
            Self::Now | Self::GasUsed | Self::Random | Self::LastStatus => (&[], I64),
        }
    }

    /// Tells whether `imm` means something to this operation.
    #[must_use]
    pub const fn has_immediate(self) -> bool {
        matches!(self, Self::Param | Self::Link | Self::PacerDue)
    }
}

/// Operand types of a text operation; those that it ignores are missing.
#[must_use]
pub const fn text_operands(op: TextOp) -> &'static [Type] {
    use Type::{Bool, F32, F64, I64, Ptr};
    match op {
        TextOp::Concat | TextOp::Compare | TextOp::Equal => &[Ptr, Ptr],
        TextOp::CharAt => &[Ptr, I64],
        TextOp::FromInt | TextOp::FromUint | TextOp::FromChar | TextOp::FromDuration => &[I64],
        TextOp::FromFloat => &[F64],
        TextOp::FromF32 => &[F32],
        TextOp::FromBool => &[Bool],
        TextOp::Length | TextOp::Copy | TextOp::Keep | TextOp::Chars => &[Ptr],
    }
}

/// Result type of a text operation.
#[must_use]
pub const fn text_result(op: TextOp) -> Type {
    match op {
        TextOp::Length | TextOp::Compare | TextOp::Chars | TextOp::CharAt => Type::I64,
        TextOp::Equal => Type::Bool,
        _ => Type::Ptr,
    }
}

/// The shape of a host instruction as FIR sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HostShape {
    /// Register operands that are read.
    pub arguments: usize,
    /// Whether there is a result.
    pub has_result: bool,
    /// Whether there is an immediate operand (selector, link, timer, number).
    pub has_immediate: bool,
}

/// The shape of `op` as a host instruction: an opcode that the host carries out, that goes
/// on with the next instruction, and whose operands are registers and at most one immediate.
/// SYSCALL has its number as immediate, the call's arguments and a result. `None` for any other.
#[must_use]
pub fn host_shape(op: Opcode, imm: u32) -> Option<HostShape> {
    let info = op.info();
    if info.executor != Executor::Host || info.flow != Flow::Next {
        return None;
    }
    match op {
        Opcode::Icall | Opcode::CallNative => return None,
        Opcode::Syscall => {
            let call = Syscall::from_number(u64::from(imm))?;
            let arguments = SYSCALLS.iter().find(|row| row.call == call)?.arguments.len();
            return Some(HostShape { arguments, has_result: true, has_immediate: true });
        }
        _ => {}
    }
    let mut shape = HostShape { arguments: 0, has_result: false, has_immediate: false };
    for operand in info.operands {
        match operand {
            Operand::Rd => shape.has_result = true,
            Operand::Ra | Operand::Rb | Operand::Rc => shape.arguments += 1,
            Operand::Select(_) | Operand::U16 | Operand::Link | Operand::Param | Operand::Timer
                if !shape.has_immediate =>
            {
                shape.has_immediate = true;
            }
            _ => return None,
        }
    }
    Some(shape)
}

impl HostShape {
    /// Tells whether `imm` is a possible immediate operand of `op`, whose shape this is.
    #[must_use]
    pub fn immediate_fits(self, op: Opcode, imm: u32) -> bool {
        if op == Opcode::Syscall {
            return Syscall::from_number(u64::from(imm)).is_some();
        }
        for operand in op.info().operands {
            match operand {
                Operand::Select(kind) => {
                    return u8::try_from(imm).is_ok_and(|byte| kind.choice_name(byte).is_some());
                }
                Operand::U16 | Operand::Link | Operand::Param | Operand::Timer => {
                    return u16::try_from(imm).is_ok();
                }
                _ => {}
            }
        }
        imm == 0
    }
}

/// Tells whether `op` may end a block as [`Terminator::Leave`], and whether it takes a word.
#[must_use]
pub const fn leave_takes_word(op: Opcode) -> Option<bool> {
    match op {
        Opcode::Halt | Opcode::Reset => Some(false),
        Opcode::Panic | Opcode::Exception | Opcode::Throw => Some(true),
        _ => None,
    }
}

/// What an instruction does; see the module's invariants.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Inst {
    /// A word of any type but `void`.
    Const {
        /// Its type.
        ty: Type,
        /// Its bits, extended as [`super::types`] says.
        bits: u64,
    },
    /// A function as a value, of type `func`.
    FuncAddr(FuncId),
    /// `op.kind a, b`.
    Int(IntOp, IntKind, [ValueId; 2]),
    /// `op.kind a`.
    IntUnary(IntUnaryOp, IntKind, ValueId),
    /// `op.kind a, b`.
    Float(FloatOp, FloatKind, [ValueId; 2]),
    /// `op.kind a`.
    FloatUnary(FloatUnaryOp, FloatKind, ValueId),
    /// Compares two words of one type; `bool`.
    IntCompare(IntCompare, [ValueId; 2]),
    /// Compares two floats; `bool`.
    FloatCompare(FloatCompare, FloatKind, [ValueId; 2]),
    /// The other truth value.
    BoolNot(ValueId),
    /// The second operand if the first is true, else the third.
    Select([ValueId; 3]),
    /// The same number in another kind; traps CONVERSION if it does not fit.
    Convert {
        /// How the operand is read.
        from: IntKind,
        /// What it becomes.
        to: IntKind,
        /// The operand.
        arg: ValueId,
    },
    /// Nearest float to an integer.
    IntToFloat {
        /// How the operand is read.
        from: IntKind,
        /// What it becomes.
        to: FloatKind,
        /// The operand.
        arg: ValueId,
    },
    /// Whole part of a float; traps CONVERSION on NaN and out of range.
    FloatToInt {
        /// How the operand is read.
        from: FloatKind,
        /// What it becomes.
        to: IntKind,
        /// The operand.
        arg: ValueId,
    },
    /// Nearest `f32` to an `f64`, or the `f64` equal to an `f32`.
    FloatToFloat {
        /// What it becomes; the operand is of the other width.
        to: FloatKind,
        /// The operand.
        arg: ValueId,
    },
    /// The same word under another type.
    Cast {
        /// The new type.
        to: Type,
        /// The operand.
        arg: ValueId,
    },
    /// `base + offset` as an address, wrapping as a word. `ptr`.
    PtrAdd {
        /// An address.
        base: ValueId,
        /// An `i64`.
        offset: ValueId,
    },
    /// Reads memory at `base + offset`, exact, not wrapping.
    Load {
        /// Type of the result.
        ty: Type,
        /// Width and extension.
        access: Access,
        /// An address.
        base: ValueId,
        /// In bytes.
        offset: i32,
    },
    /// Writes memory at `base + offset`.
    Store {
        /// Width.
        access: Access,
        /// What is written.
        value: ValueId,
        /// An address.
        base: ValueId,
        /// In bytes.
        offset: i32,
    },
    /// Reads memory at `base + index * width + offset`, exact, words read as unsigned.
    LoadIndexed {
        /// Type of the result.
        ty: Type,
        /// Width and extension; the width is the scale.
        access: Access,
        /// An address.
        base: ValueId,
        /// An `i64`.
        index: ValueId,
        /// In bytes.
        offset: i32,
    },
    /// Writes memory at `base + index * width + offset`, exact, words read as unsigned.
    StoreIndexed {
        /// Width; it is the scale.
        access: Access,
        /// What is written.
        value: ValueId,
        /// An address.
        base: ValueId,
        /// An `i64`.
        index: ValueId,
        /// In bytes.
        offset: i32,
    },
    /// Traps ASSERTION unless the `bool` is true.
    Expect(ValueId),
    /// An operation on texts; the second operand is there if the operation has two.
    Text(TextOp, ValueId, Option<ValueId>),
    /// Traps INDEX unless `index` is below `length`, both read as unsigned `i64`.
    IndexCheck {
        /// An `i64`.
        index: ValueId,
        /// An `i64`.
        length: ValueId,
    },
    /// Calls a function of this module.
    Call {
        /// Which.
        func: FuncId,
        /// Arguments.
        args: ValueList,
    },
    /// Calls a function value; traps if it is no function of that shape.
    CallIndirect {
        /// A `func`.
        callee: ValueId,
        /// Arguments.
        args: ValueList,
        /// Result type, may be `void`.
        result: Type,
    },
    /// An operation of the runtime.
    Intrinsic {
        /// Which.
        op: Intrinsic,
        /// Selector; 0 if the operation has none.
        imm: u32,
        /// Operands.
        args: ValueList,
        /// Result type, may be `void`.
        result: Type,
    },
    /// An instruction of the ISA that the host carries out; see [`host_shape`].
    Host {
        /// Opcode.
        op: Opcode,
        /// Immediate operand (selector, link, timer; SYSCALL: its number); 0 if there is none.
        imm: u32,
        /// Register operands in the order of the table.
        args: ValueList,
        /// Result type, may be `void`.
        result: Type,
    },
}

/// What an instruction does to the world, in growing order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Effect {
    /// Nothing; equal operands give equal results.
    None,
    /// It may trap; equal operands give equal results or the same trap.
    Trap,
    /// It reads memory and may trap.
    Read,
    /// It writes memory or reaches outside.
    Write,
}

/// A block and the values for its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlockCall {
    /// Where control goes.
    pub block: BlockId,
    /// One value for each parameter.
    pub args: ValueList,
}

/// One case of a `switch`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Case {
    /// The word that takes this case.
    pub value: i64,
    /// Where control goes.
    pub target: BlockCall,
}

/// How a block ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Terminator {
    /// Goes on elsewhere.
    Jump(BlockCall),
    /// Goes on in one of two places.
    Branch {
        /// A `bool`.
        condition: ValueId,
        /// Taken if it is true.
        then: BlockCall,
        /// Taken if it is false.
        otherwise: BlockCall,
    },
    /// Goes on where the integer `value` says.
    Switch {
        /// Any integer.
        value: ValueId,
        /// Different values, in any order.
        cases: Vec<Case>,
        /// Taken if no case fits.
        default: BlockCall,
    },
    /// Ends the function.
    Return(Option<ValueId>),
    /// Stops the program.
    Trap(TrapKind),
    /// Leaves the run by HALT, RESET, PANIC text, EXCEPTION status or THROW kind.
    Leave(Opcode, Option<ValueId>),
    /// Control does not come here; traps INVALID if it does.
    #[default]
    Unreachable,
}

impl Inst {
    /// What this instruction does to the world.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self {
            Self::Int(op, ..) if op.can_trap() => Effect::Trap,
            Self::IntUnary(op, ..) if op.can_trap() => Effect::Trap,
            Self::Convert { from, to, .. } => {
                if from.lowest() >= to.lowest() && from.highest() <= to.highest() {
                    Effect::None
                } else {
                    Effect::Trap
                }
            }
            Self::FloatToInt { .. } | Self::Expect(_) | Self::IndexCheck { .. } => Effect::Trap,
            Self::Load { .. } | Self::LoadIndexed { .. } => Effect::Read,
            Self::Intrinsic { op, .. } => match op {
                Intrinsic::Param | Intrinsic::Link => Effect::None,
                Intrinsic::MemCompare => Effect::Read,
                _ => Effect::Write,
            },
            Self::Text(op, ..) => match op {
                TextOp::Length | TextOp::Compare | TextOp::Equal | TextOp::Chars | TextOp::CharAt => {
                    Effect::Read
                }
                _ => Effect::Write,
            },
            Self::Store { .. }
            | Self::StoreIndexed { .. }
            | Self::Call { .. }
            | Self::CallIndirect { .. }
            | Self::Host { .. } => Effect::Write,
            _ => Effect::None,
        }
    }
}

impl Inst {
    /// The type of the result, `void` if there is none. `value_type` tells an
    /// operand's type, `call_result` the result type of a function of the module.
    #[must_use]
    pub fn result_type(
        &self,
        value_type: impl Fn(ValueId) -> Type,
        call_result: impl Fn(FuncId) -> Type,
    ) -> Type {
        match *self {
            Self::Const { ty, .. }
            | Self::Cast { to: ty, .. }
            | Self::Load { ty, .. }
            | Self::LoadIndexed { ty, .. }
            | Self::CallIndirect { result: ty, .. }
            | Self::Intrinsic { result: ty, .. }
            | Self::Host { result: ty, .. } => ty,
            Self::FuncAddr(_) => Type::Func,
            Self::Int(_, kind, _)
            | Self::IntUnary(_, kind, _)
            | Self::Convert { to: kind, .. }
            | Self::FloatToInt { to: kind, .. } => kind.ty(),
            Self::Float(_, kind, _)
            | Self::FloatUnary(_, kind, _)
            | Self::IntToFloat { to: kind, .. }
            | Self::FloatToFloat { to: kind, .. } => kind.ty(),
            Self::IntCompare(..) | Self::FloatCompare(..) | Self::BoolNot(_) => Type::Bool,
            Self::Select([_, then, _]) => value_type(then),
            Self::PtrAdd { .. } => Type::Ptr,
            Self::Text(op, ..) => text_result(op),
            Self::Store { .. } | Self::StoreIndexed { .. } | Self::IndexCheck { .. } | Self::Expect(_) => {
                Type::Void
            }
            Self::Call { func, .. } => call_result(func),
        }
    }
}

impl Terminator {
    /// Where control can go, in the order of the text form; the default of a switch is last.
    pub fn successors(&self) -> impl Iterator<Item = BlockCall> + '_ {
        let (first, second, cases): (_, _, &[Case]) = match self {
            Self::Jump(call) => (None, Some(*call), &[]),
            Self::Branch { then, otherwise, .. } => (Some(*then), Some(*otherwise), &[]),
            Self::Switch { cases, default, .. } => (None, Some(*default), cases),
            _ => (None, None, &[]),
        };
        cases.iter().map(|case| case.target).chain(first).chain(second)
    }

    /// The n-th of [`Terminator::successors`], to change it.
    pub fn successor_mut(&mut self, index: usize) -> Option<&mut BlockCall> {
        match self {
            Self::Jump(call) if index == 0 => Some(call),
            Self::Branch { then, otherwise, .. } => match index {
                0 => Some(then),
                1 => Some(otherwise),
                _ => None,
            },
            Self::Switch { cases, default, .. } => {
                if index == cases.len() {
                    Some(default)
                } else {
                    cases.get_mut(index).map(|case| &mut case.target)
                }
            }
            _ => None,
        }
    }
}

impl Inst {
    /// Calls `visit` with each operand in order; `pool` is the function's list storage.
    pub fn for_each_operand(&self, pool: &[ValueId], mut visit: impl FnMut(ValueId)) {
        let mut copy = *self;
        copy.map_scalar_operands(|value| {
            visit(*value);
        });
        if let Some(list) = self.operand_list() {
            list.of(pool).iter().copied().for_each(visit);
        }
    }

    /// The operands that are stored as a list.
    #[must_use]
    pub fn operand_list(&self) -> Option<ValueList> {
        match *self {
            Self::Call { args, .. }
            | Self::CallIndirect { args, .. }
            | Self::Intrinsic { args, .. }
            | Self::Host { args, .. } => Some(args),
            _ => None,
        }
    }

    /// Lets `change` replace each operand that is not in a list.
    pub fn map_scalar_operands(&mut self, mut change: impl FnMut(&mut ValueId)) {
        match self {
            Self::Const { .. }
            | Self::FuncAddr(_)
            | Self::Call { .. }
            | Self::Intrinsic { .. }
            | Self::Host { .. } => {}
            Self::Int(_, _, args)
            | Self::Float(_, _, args)
            | Self::IntCompare(_, args)
            | Self::FloatCompare(_, _, args) => args.iter_mut().for_each(change),
            Self::Select(args) => args.iter_mut().for_each(change),
            Self::IntUnary(_, _, arg)
            | Self::FloatUnary(_, _, arg)
            | Self::BoolNot(arg)
            | Self::Expect(arg)
            | Self::Convert { arg, .. }
            | Self::IntToFloat { arg, .. }
            | Self::FloatToInt { arg, .. }
            | Self::FloatToFloat { arg, .. }
            | Self::Cast { arg, .. } => change(arg),
            Self::PtrAdd { base, offset } => {
                change(base);
                change(offset);
            }
            Self::Load { base, .. } => change(base),
            Self::Store { value, base, .. } => {
                change(value);
                change(base);
            }
            Self::LoadIndexed { base, index, .. } => {
                change(base);
                change(index);
            }
            Self::StoreIndexed { value, base, index, .. } => {
                change(value);
                change(base);
                change(index);
            }
            Self::Text(_, a, b) => {
                change(a);
                if let Some(b) = b {
                    change(b);
                }
            }
            Self::IndexCheck { index, length } => {
                change(index);
                change(length);
            }
            Self::CallIndirect { callee, .. } => change(callee),
        }
    }
}

impl Terminator {
    /// Calls `visit` with each operand, those of block calls included.
    pub fn for_each_operand(&self, pool: &[ValueId], mut visit: impl FnMut(ValueId)) {
        if let Some(value) = self.own_operand() {
            visit(value);
        }
        for call in self.successors() {
            call.args.of(pool).iter().copied().for_each(&mut visit);
        }
    }

    /// The operand that is not for a block parameter.
    #[must_use]
    pub fn own_operand(&self) -> Option<ValueId> {
        match self {
            Self::Branch { condition: value, .. } | Self::Switch { value, .. } => Some(*value),
            Self::Return(value) | Self::Leave(_, value) => *value,
            Self::Jump(_) | Self::Trap(_) | Self::Unreachable => None,
        }
    }

    /// The operand that is not for a block parameter, to change it.
    pub fn own_operand_mut(&mut self) -> Option<&mut ValueId> {
        match self {
            Self::Branch { condition: value, .. } | Self::Switch { value, .. } => Some(value),
            Self::Return(value) | Self::Leave(_, value) => value.as_mut(),
            Self::Jump(_) | Self::Trap(_) | Self::Unreachable => None,
        }
    }
}

impl Inst {
    /// The operands that are stored as a list, to change them.
    pub fn operand_list_mut(&mut self) -> Option<&mut ValueList> {
        match self {
            Self::Call { args, .. }
            | Self::CallIndirect { args, .. }
            | Self::Intrinsic { args, .. }
            | Self::Host { args, .. } => Some(args),
            _ => None,
        }
    }
}
