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

use super::op::{FloatCompare, FloatOp, FloatUnaryOp, IntCompare, IntOp, IntUnaryOp};
use super::runtime::{Intrinsic, text_result};
use super::types::{Access, FloatKind, IntKind, Type};
use super::{BlockId, FuncId, ValueId, ValueList};
use alloc::vec::Vec;
use flux_abi::opcode::Opcode;
use flux_abi::select::TextOp;
use flux_abi::trap::TrapKind;

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
    /// Says something of the local in row `n` of [`Module::locals`](flux_isa::Module::locals). It does
    /// nothing, charges no gas and gives no code.
    Mark(Mark, u32, ValueId),
}

/// What a mark says of a local of the document and a value.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Mark {
    /// From here on the local has the value.
    Begins,
    /// From here on it has the value if it has one on every way here.
    Joins,
    /// It still has its value, which is kept to this place.
    Keeps,
    /// As `Keeps`; behind it the name stands for nothing.
    Ends,
}

impl Mark {
    /// All, in the order of their meaning.
    pub const ALL: [Self; 4] = [Self::Begins, Self::Joins, Self::Keeps, Self::Ends];

    /// Its name in the text form.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Begins => "begins",
            Self::Joins => "joins",
            Self::Keeps => "keeps",
            Self::Ends => "ends",
        }
    }

    /// Tells whether the value lives to this place at least.
    #[must_use]
    pub const fn is_use(self) -> bool {
        matches!(self, Self::Keeps | Self::Ends)
    }
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
                TextOp::Length
                | TextOp::Compare
                | TextOp::Equal
                | TextOp::Chars
                | TextOp::CharAt
                | TextOp::Find
                | TextOp::StartsWith
                | TextOp::EndsWith
                | TextOp::IsInt
                | TextOp::ParseInt
                | TextOp::IsFloat
                | TextOp::ParseFloat
                | TextOp::IsText
                | TextOp::TableFind => Effect::Read,
                _ => Effect::Write,
            },
            // No pass may take away, join or move what a mark says.
            Self::Mark(..)
            | Self::Store { .. }
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
            Self::Store { .. }
            | Self::StoreIndexed { .. }
            | Self::IndexCheck { .. }
            | Self::Expect(_)
            | Self::Mark(..) => Type::Void,
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

    /// Calls `visit` with each of [`Terminator::successors`].
    pub fn for_each_successor(&self, mut visit: impl FnMut(&BlockCall)) {
        match self {
            Self::Jump(call) => visit(call),
            Self::Branch { then, otherwise, .. } => {
                visit(then);
                visit(otherwise);
            }
            Self::Switch { cases, default, .. } => {
                cases.iter().for_each(|case| visit(&case.target));
                visit(default);
            }
            _ => {}
        }
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

/// Goes through the operands of `$inst` that are not in a list, by reference.
macro_rules! scalar_operands {
    ($inst:ident, |$value:ident: $operand:ty| $visit:expr, $iter:ident) => {{
        let mut visit = |$value: $operand| $visit;
        match $inst {
            Self::Const { .. }
            | Self::FuncAddr(_)
            | Self::Call { .. }
            | Self::Intrinsic { .. }
            | Self::Host { .. } => {}
            Self::Int(_, _, args)
            | Self::Float(_, _, args)
            | Self::IntCompare(_, args)
            | Self::FloatCompare(_, _, args) => args.$iter().for_each(visit),
            Self::Select(args) => args.$iter().for_each(visit),
            Self::IntUnary(_, _, arg)
            | Self::FloatUnary(_, _, arg)
            | Self::BoolNot(arg)
            | Self::Expect(arg)
            | Self::Mark(_, _, arg)
            | Self::Convert { arg, .. }
            | Self::IntToFloat { arg, .. }
            | Self::FloatToInt { arg, .. }
            | Self::FloatToFloat { arg, .. }
            | Self::Cast { arg, .. }
            | Self::Load { base: arg, .. }
            | Self::CallIndirect { callee: arg, .. } => visit(arg),
            Self::PtrAdd { base: a, offset: b }
            | Self::Store { value: a, base: b, .. }
            | Self::LoadIndexed { base: a, index: b, .. }
            | Self::IndexCheck { index: a, length: b } => {
                visit(a);
                visit(b);
            }
            Self::StoreIndexed { value, base, index, .. } => {
                visit(value);
                visit(base);
                visit(index);
            }
            Self::Text(_, a, b) => {
                visit(a);
                if let Some(b) = b {
                    visit(b);
                }
            }
        }
    }};
}

impl Inst {
    /// Calls `visit` with each operand in order; `pool` is the function's list storage.
    #[inline]
    pub fn for_each_operand(&self, pool: &[ValueId], mut visit: impl FnMut(ValueId)) {
        scalar_operands!(self, |value: &ValueId| visit(*value), iter);
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
    #[inline]
    pub fn map_scalar_operands(&mut self, mut change: impl FnMut(&mut ValueId)) {
        scalar_operands!(self, |value: &mut ValueId| change(value), iter_mut);
    }
}

impl Terminator {
    /// Calls `visit` with each operand, those of block calls included.
    pub fn for_each_operand(&self, pool: &[ValueId], mut visit: impl FnMut(ValueId)) {
        if let Some(value) = self.own_operand() {
            visit(value);
        }
        self.for_each_successor(|call| call.args.of(pool).iter().copied().for_each(&mut visit));
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
