//! What FIR asks of the runtime and the host: shapes of the operations.

use super::op::named_enum;
use super::types::Type;
use flux_abi::opcode::{Executor, Flow, Opcode, Operand};
use flux_abi::select::TextOp;
use flux_abi::syscall::{SYSCALLS, Syscall};

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
        TextOp::CharAt
        | TextOp::Slice
        | TextOp::At
        | TextOp::Replace
        | TextOp::Pad
        | TextOp::TableFind
        | TextOp::TableIndex => &[Ptr, I64],
        TextOp::Split | TextOp::Find | TextOp::StartsWith | TextOp::EndsWith | TextOp::Join => &[Ptr, Ptr],
        TextOp::Fixed => &[F64, I64],
        TextOp::FromInt | TextOp::FromUint | TextOp::FromChar | TextOp::FromDuration => &[I64],
        TextOp::FromFloat => &[F64],
        TextOp::FromF32 => &[F32],
        TextOp::FromBool => &[Bool],
        TextOp::Length
        | TextOp::Copy
        | TextOp::Keep
        | TextOp::Chars
        | TextOp::Trim
        | TextOp::Upper
        | TextOp::Lower
        | TextOp::IsInt
        | TextOp::ParseInt
        | TextOp::IsFloat
        | TextOp::ParseFloat
        | TextOp::IsText => &[Ptr],
    }
}

/// Result type of a text operation.
#[must_use]
pub const fn text_result(op: TextOp) -> Type {
    match op {
        TextOp::Length | TextOp::Compare | TextOp::Chars | TextOp::CharAt => Type::I64,
        TextOp::Find | TextOp::ParseInt | TextOp::TableIndex => Type::I64,
        TextOp::Equal | TextOp::StartsWith | TextOp::EndsWith => Type::Bool,
        TextOp::IsInt | TextOp::IsFloat | TextOp::IsText => Type::Bool,
        TextOp::ParseFloat => Type::F64,
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
