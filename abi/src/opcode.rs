//! The instruction set: one table from which encoder, decoder, assembler, verifier, interpreter,
//! `docs/ISA.md` and the per-opcode tests are derived.
//!
//! An instruction is a sequence of 32-bit little-endian words. The low byte of the first word is
//! the opcode. Operands follow by one rule: byte-sized operands (registers, selectors, small
//! numbers) fill bytes 1, 2, 3 of the first word in order and then the bytes of a second word;
//! a 16-bit operand fills bits 16..32 of the first word; then each 32-bit operand takes a word and
//! a 64-bit operand two (low word first). Bytes that no operand fills are zero.
//!
//! # Invariants
//! 1. `Opcode::from_byte(op as u8) == Some(op)` for each of the 184 base and 48 extension opcodes;
//!    0xB8..=0xBF and 0xF0..=0xFF name no opcode.
//! 2. No instruction has more than one 16-bit operand, and then at most one byte-sized operand.

use crate::capability::CapabilityKind;
use crate::select::SelectorKind;
use crate::trap::TrapKind;

/// What one operand of an instruction is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operand {
    /// Register that is written.
    Rd,
    /// First register that is read.
    Ra,
    /// Second register that is read.
    Rb,
    /// Third register that is read.
    Rc,
    /// Register that is read and written.
    Rm,
    /// Group of four registers (number divisible by 4) that is written, as f64×4.
    Vd,
    /// First group of four registers that is read, as f64×4.
    Va,
    /// Second group of four registers that is read, as f64×4.
    Vb,
    /// First register of a range.
    First,
    /// Last register of a range, not below the first.
    Last,
    /// Memory region number, 1..=15.
    Region,
    /// Shift of an index, 0..=3 (scale 1, 2, 4, 8).
    Shift,
    /// One choice from a named list.
    Select(SelectorKind),
    /// Unsigned 16-bit number.
    U16,
    /// Signed 16-bit slot number relative to the frame.
    Slot,
    /// Number of an entry of the module's link table.
    Link,
    /// Number of an entry of the module's parameter table.
    Param,
    /// Number of an entry of the module's timer table.
    Timer,
    /// Signed 32-bit immediate or displacement.
    I32,
    /// Unsigned 32-bit number.
    U32,
    /// 64-bit immediate.
    I64,
    /// Code offset in words from the start of the code section.
    Target,
    /// Code offset in words, or 0 for none.
    Handler,
    /// Function number.
    Function,
    /// Number of a signature of the module (arguments, results).
    Signature,
}

/// Bytes that an operand takes in the encoding.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OperandSize {
    /// One byte of a shared word.
    Byte,
    /// The upper half of the first word.
    Half,
    /// A word of its own.
    Word,
    /// Two words of its own, low word first.
    Double,
}

impl Operand {
    /// The place the operand takes in the encoding.
    pub const fn size(self) -> OperandSize {
        match self {
            Self::Rd
            | Self::Ra
            | Self::Rb
            | Self::Rc
            | Self::Rm
            | Self::Vd
            | Self::Va
            | Self::Vb
            | Self::First
            | Self::Last
            | Self::Region
            | Self::Shift
            | Self::Select(_) => OperandSize::Byte,
            Self::U16 | Self::Slot | Self::Link | Self::Param | Self::Timer => OperandSize::Half,
            Self::I32 | Self::U32 | Self::Target | Self::Handler | Self::Function | Self::Signature => {
                OperandSize::Word
            }
            Self::I64 => OperandSize::Double,
        }
    }

    /// Tells whether the operand is a register (or group of registers) whose old value is read.
    pub const fn reads(self) -> bool {
        matches!(self, Self::Ra | Self::Rb | Self::Rc | Self::Rm | Self::Va | Self::Vb)
    }

    /// Tells whether the operand is a register (or group of registers) that is written.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Rd | Self::Rm | Self::Vd)
    }
}

/// What an instruction does to the flags register.
///
/// Bits: 0 zero, 1 negative, 2 carry, 3 overflow, 4 equal, 5 less, 6 greater, 7 trap. Every effect
/// but `None` and `Restore` writes bits 0..=6 and leaves bit 7.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FlagEffect {
    /// Leaves all flags.
    None,
    /// Zero and negative from the result, carry = unsigned carry or borrow, overflow = signed
    /// overflow; equal, less, greater cleared.
    Arithmetic,
    /// Zero and negative from the result; all others cleared.
    Logic,
    /// As `Logic`, and carry = the last bit shifted out (0 when the count is 0).
    Shift,
    /// Zero = result is ±0, negative = result < 0; all others cleared.
    Float,
    /// Zero and equal = operands equal, negative = sign of the difference, carry = unsigned less,
    /// overflow = signed overflow of the difference, less and greater = signed order.
    Compare,
    /// Zero and equal = equal, less, greater = order, overflow = unordered, carry = less or
    /// unordered; negative cleared.
    FloatCompare,
    /// Zero and equal = (a & b) is 0, negative = its sign; all others cleared.
    Test,
    /// Writes bits 0..=6 from a stack slot.
    Restore,
}

/// How an instruction moves the stack, in slots of 64 bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StackEffect {
    /// Leaves the stack.
    None,
    /// Takes `pop` slots, then adds `push`.
    Fixed {
        /// Slots that must be there.
        pop: u8,
        /// Slots added afterwards.
        push: u8,
    },
    /// Adds as many zeroed slots as the 16-bit operand says.
    Reserve,
    /// Takes as many slots as the 16-bit operand says.
    Release,
    /// Pushes registers of a range, lowest first.
    PushRange,
    /// Pops registers of a range, highest first.
    PopRange,
    /// Pushes R7..=R55, lowest first.
    PushAll,
    /// Pops R55..=R7.
    PopAll,
    /// Pushes BP, sets BP to the new depth, adds as many zeroed slots as the operand says.
    Enter,
    /// Drops all slots above BP and pops BP; undoes the last `Enter` of this frame.
    Leave,
}

/// How control goes on after an instruction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flow {
    /// To the next instruction.
    Next,
    /// To the target, or to the next instruction.
    Branch,
    /// Always to the target.
    Jump,
    /// Into a function and then to the next instruction.
    Call,
    /// Never to the next instruction.
    Stop,
}

/// Who carries the instruction out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Executor {
    /// The machine itself.
    Machine,
    /// The host (the kernel): arguments are the operands, status goes to R61.
    Host,
}

/// One row of the instruction table.
#[derive(Clone, Copy, Debug)]
pub struct OpcodeInfo {
    /// The opcode.
    pub opcode: Opcode,
    /// Its mnemonic, as the assembler writes it.
    pub name: &'static str,
    /// Operands in the order of encoding and of assembly.
    pub operands: &'static [Operand],
    /// Effect on the flags register.
    pub flags: FlagEffect,
    /// Effect on the stack.
    pub stack: StackEffect,
    /// Where control goes on.
    pub flow: Flow,
    /// Who carries it out.
    pub executor: Executor,
    /// Capability kind that a module must declare to contain it.
    pub capability: Option<CapabilityKind>,
    /// Traps it can raise by itself (gas and host traps come on top).
    pub traps: &'static [TrapKind],
    /// What it does, in one line.
    pub meaning: &'static str,
}

impl OpcodeInfo {
    /// Length of the instruction in words, 1..=4.
    pub const fn words(&self) -> usize {
        let (mut bytes, mut words, mut i) = (0usize, 0usize, 0usize);
        while i < self.operands.len() {
            match self.operands[i].size() {
                OperandSize::Byte => bytes += 1,
                OperandSize::Half => {}
                OperandSize::Word => words += 1,
                OperandSize::Double => words += 2,
            }
            i += 1;
        }
        1 + words + if bytes > 3 { 1 } else { 0 }
    }
}

macro_rules! opcodes {
    (@flow) => { Flow::Next }; (@flow $f:ident) => { Flow::$f };
    (@exec) => { Executor::Machine }; (@exec host) => { Executor::Host };
    (@flags) => { FlagEffect::None }; (@flags $f:ident) => { FlagEffect::$f };
    (@cap) => { None }; (@cap $c:ident) => { Some(CapabilityKind::$c) };
    (@stack) => { StackEffect::None }; (@stack $($s:tt)+) => { StackEffect::$($s)+ };
    ($($num:literal $variant:ident $name:literal [$($opnd:expr),*]
        $(flags $flags:ident)? $(stack($($stack:tt)+))? $(flow $flow:ident)? $(exec $exec:ident)? $(cap $cap:ident)?
        $(traps[$($trap:ident),*])? = $meaning:literal;)*) => {
        /// An instruction's operation; the number is its opcode byte.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        pub enum Opcode { $(#[doc = $meaning] $variant = $num,)* }

        /// The instruction table in the order of the numbers.
        pub static OPCODES: &[OpcodeInfo] = {
            use Operand::*;
            use SelectorKind as S;
            #[allow(unused_imports, reason = "each row names only the selectors it needs")]
            use S::*;
            &[$(OpcodeInfo {
                opcode: Opcode::$variant,
                name: $name,
                operands: &[$($opnd),*],
                flags: opcodes!(@flags $($flags)?),
                stack: opcodes!(@stack $($($stack)+)?),
                flow: opcodes!(@flow $($flow)?),
                executor: opcodes!(@exec $($exec)?),
                capability: opcodes!(@cap $($cap)?),
                traps: &[$($(TrapKind::$trap),*)?],
                meaning: $meaning,
            },)*]
        };

        impl Opcode {
            /// Every opcode in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
        }
    };
}

opcodes! {
    0x00 Nop "NOP" [] = "Does nothing.";
    0x01 Halt "HALT" [] flow Stop exec host = "Ends the agent normally with status 0.";
    0x02 Trap "TRAP" [U16] flow Stop traps[User] = "Raises the trap whose number is the operand; a number that names no trap raises USER.";
    0x03 Invalid "INVALID" [] flow Stop traps[Invalid] = "Raises trap INVALID: a place that must never be reached.";
    0x04 SysWake "SYS_WAKE" [Ra] exec host cap Spawn = "Wakes the sleeping agent whose handle is ra.";
    0x05 Panic "PANIC" [Ra] flow Stop exec host = "Ends the agent as failed with the text ra as reason.";
    0x06 Debug "DEBUG" [Ra] exec host cap Debug = "Stops in an attached debugger with ra as note; without one, does nothing.";
    0x07 Info "INFO" [Rd, Select(InfoItem)] exec host = "rd = the chosen fact about the kernel.";
    0x08 Reset "RESET" [] flow Stop exec host = "Ends this run and restarts the agent from its initial state.";
    0x09 Suspend "SUSPEND" [Ra] exec host cap Spawn = "Keeps the agent whose handle is ra from running until RESUME.";
    0x0A Resume "RESUME" [Ra] exec host cap Spawn = "Lets a suspended agent run again.";
    0x0B Yield "YIELD" [] exec host = "Gives up the rest of the time slice.";
    0x0C Sleep "SLEEP" [Ra] exec host = "Suspends this run for ra nanoseconds (signed; 0 or less: no wait).";
    0x0D TimedWait "TIMED_WAIT" [Rd, Ra] exec host = "Suspends this run until ra nanoseconds have passed, in a Loop also until a handler or an Every has ended; rd = 1 if one has, else 0.";
    0x0E Interrupt "INTERRUPT" [Ra] exec host cap Hardware = "Raises software interrupt number ra at the hardware layer.";
    0x0F Exception "EXCEPTION" [Ra] flow Stop exec host = "Abandons this run with status ra: what follows is skipped with a warning, the agent goes on.";

    0x10 Iadd "IADD" [Rd, Ra, Rb] flags Arithmetic = "rd = ra + rb, wrapping.";
    0x11 Isub "ISUB" [Rd, Ra, Rb] flags Arithmetic = "rd = ra - rb, wrapping.";
    0x12 Imul "IMUL" [Rd, Ra, Rb] flags Arithmetic = "rd = ra * rb, wrapping; carry and overflow = the signed product does not fit.";
    0x13 Idiv "IDIV" [Rd, Ra, Rb] flags Arithmetic traps[DivideByZero, Overflow] = "rd = ra / rb, signed, truncated toward zero.";
    0x14 Imod "IMOD" [Rd, Ra, Rb] flags Arithmetic traps[DivideByZero, Overflow] = "rd = remainder of ra / rb, with the sign of ra.";
    0x15 Ineg "INEG" [Rd, Ra] flags Arithmetic = "rd = 0 - ra, wrapping.";
    0x16 Iabs "IABS" [Rd, Ra] flags Arithmetic = "rd = magnitude of ra, wrapping; overflow = ra is the least number, carry cleared.";
    0x17 Inc "INC" [Rd, Ra] flags Arithmetic = "rd = ra + 1, wrapping.";
    0x18 Dec "DEC" [Rd, Ra] flags Arithmetic = "rd = ra - 1, wrapping.";
    0x19 Fadd "FADD" [Rd, Ra, Rb] flags Float = "rd = ra + rb as f64.";
    0x1A Fsub "FSUB" [Rd, Ra, Rb] flags Float = "rd = ra - rb as f64.";
    0x1B Fmul "FMUL" [Rd, Ra, Rb] flags Float = "rd = ra * rb as f64.";
    0x1C Fdiv "FDIV" [Rd, Ra, Rb] flags Float = "rd = ra / rb as f64 (IEEE 754, no trap).";
    0x1D Fneg "FNEG" [Rd, Ra] flags Float = "rd = ra with its sign bit inverted (a NaN stays the canonical NaN).";
    0x1E I2f "I2F" [Rd, Ra] flags Float = "rd = the signed integer ra as f64, rounded to nearest even.";
    0x1F F2i "F2I" [Rd, Ra] flags Arithmetic traps[Conversion] = "rd = ra as f64 truncated to a signed integer; NaN and out of range trap; carry and overflow cleared.";

    0x20 Iand "IAND" [Rd, Ra, Rb] flags Logic = "rd = ra and rb, bit by bit.";
    0x21 Ior "IOR" [Rd, Ra, Rb] flags Logic = "rd = ra or rb, bit by bit.";
    0x22 Ixor "IXOR" [Rd, Ra, Rb] flags Logic = "rd = ra exclusive-or rb, bit by bit.";
    0x23 Inot "INOT" [Rd, Ra] flags Logic = "rd = ra with every bit inverted.";
    0x24 Ishl "ISHL" [Rd, Ra, Rb] flags Shift = "rd = ra shifted left by rb modulo 64.";
    0x25 Ishr "ISHR" [Rd, Ra, Rb] flags Shift = "rd = ra shifted right by rb modulo 64, filled with the sign.";
    0x26 Ushr "USHR" [Rd, Ra, Rb] flags Shift = "rd = ra shifted right by rb modulo 64, filled with zeros.";
    0x27 RotateL "ROTATE_L" [Rd, Ra, Rb] flags Logic = "rd = ra rotated left by rb modulo 64.";
    0x28 RotateR "ROTATE_R" [Rd, Ra, Rb] flags Logic = "rd = ra rotated right by rb modulo 64.";
    0x29 Popcount "POPCOUNT" [Rd, Ra] flags Logic = "rd = number of one bits in ra.";
    0x2A Clz "CLZ" [Rd, Ra] flags Logic = "rd = number of leading zero bits in ra; 64 for 0.";
    0x2B Ctz "CTZ" [Rd, Ra] flags Logic = "rd = number of trailing zero bits in ra; 64 for 0.";
    0x2C Bswap "BSWAP" [Rd, Ra] flags Logic = "rd = ra with its eight bytes in reverse order.";
    0x2D Andi "ANDI" [Rd, Ra, I32] flags Logic = "rd = ra and the sign-extended immediate.";
    0x2E Ori "ORI" [Rd, Ra, I32] flags Logic = "rd = ra or the sign-extended immediate.";
    0x2F Xori "XORI" [Rd, Ra, I32] flags Logic = "rd = ra exclusive-or the sign-extended immediate.";

    0x30 Cmp "CMP" [Ra, Rb] flags Compare = "Compares ra with rb as integers.";
    0x31 Cmpi "CMPI" [Ra, I32] flags Compare = "Compares ra with the sign-extended immediate.";
    0x32 Fcmp "FCMP" [Ra, Rb] flags FloatCompare = "Compares ra with rb as f64.";
    0x33 Test "TEST" [Ra, Rb] flags Test = "Tests ra and rb, bit by bit.";
    0x34 Testi "TESTI" [Ra, I32] flags Test = "Tests ra and the sign-extended immediate.";
    0x35 CmpEq "CMP_EQ" [Rd, Ra, Rb] = "rd = 1 if ra equals rb, else 0.";
    0x36 CmpNe "CMP_NE" [Rd, Ra, Rb] = "rd = 1 if ra differs from rb, else 0.";
    0x37 CmpLt "CMP_LT" [Rd, Ra, Rb] = "rd = 1 if ra < rb, signed, else 0.";
    0x38 CmpGt "CMP_GT" [Rd, Ra, Rb] = "rd = 1 if ra > rb, signed, else 0.";
    0x39 CmpLe "CMP_LE" [Rd, Ra, Rb] = "rd = 1 if ra <= rb, signed, else 0.";
    0x3A CmpGe "CMP_GE" [Rd, Ra, Rb] = "rd = 1 if ra >= rb, signed, else 0.";
    0x3B FcmpEq "FCMP_EQ" [Rd, Ra, Rb] = "rd = 1 if ra equals rb as f64, else 0 (NaN: 0).";
    0x3C FcmpLt "FCMP_LT" [Rd, Ra, Rb] = "rd = 1 if ra < rb as f64, else 0 (NaN: 0).";
    0x3D FcmpGt "FCMP_GT" [Rd, Ra, Rb] = "rd = 1 if ra > rb as f64, else 0 (NaN: 0).";
    0x3E FcmpLe "FCMP_LE" [Rd, Ra, Rb] = "rd = 1 if ra <= rb as f64, else 0 (NaN: 0).";
    0x3F FcmpGe "FCMP_GE" [Rd, Ra, Rb] = "rd = 1 if ra >= rb as f64, else 0 (NaN: 0).";

    0x40 Jmp "JMP" [Target] flow Jump = "Goes to the target.";
    0x41 Jz "JZ" [Target] flow Branch = "Goes to the target if zero.";
    0x42 Jnz "JNZ" [Target] flow Branch = "Goes to the target if not zero.";
    0x43 Je "JE" [Target] flow Branch = "Goes to the target if equal.";
    0x44 Jne "JNE" [Target] flow Branch = "Goes to the target if not equal.";
    0x45 Jg "JG" [Target] flow Branch = "Goes to the target if greater.";
    0x46 Jl "JL" [Target] flow Branch = "Goes to the target if less.";
    0x47 Jge "JGE" [Target] flow Branch = "Goes to the target if greater or equal.";
    0x48 Jle "JLE" [Target] flow Branch = "Goes to the target if less or equal.";
    0x49 Ja "JA" [Target] flow Branch = "Goes to the target if neither carry nor zero (unsigned above).";
    0x4A Jb "JB" [Target] flow Branch = "Goes to the target if carry (unsigned below).";
    0x4B Jae "JAE" [Target] flow Branch = "Goes to the target if no carry (unsigned above or equal).";
    0x4C Jbe "JBE" [Target] flow Branch = "Goes to the target if carry or zero (unsigned below or equal).";
    0x4D Jc "JC" [Target] flow Branch = "Goes to the target if carry.";
    0x4E Jo "JO" [Target] flow Branch = "Goes to the target if overflow.";
    0x4F Loop "LOOP" [Rm, Target] flow Branch = "Subtracts 1 from the register, wrapping, and goes to the target if it is not 0.";

    0x50 Load "LOAD" [Rd, Ra, I32] traps[BadAccess] = "rd = the 8 bytes at ra + displacement of region 0.";
    0x51 Load8 "LOAD8" [Rd, Ra, I32] traps[BadAccess] = "rd = the byte at ra + displacement of region 0, zero-extended.";
    0x52 Load16 "LOAD16" [Rd, Ra, I32] traps[BadAccess] = "rd = the 2 bytes at ra + displacement of region 0, zero-extended.";
    0x53 Load32 "LOAD32" [Rd, Ra, I32] traps[BadAccess] = "rd = the 4 bytes at ra + displacement of region 0, zero-extended.";
    0x54 Store "STORE" [Ra, Rb, I32] traps[BadAccess] = "The 8 bytes at ra + displacement of region 0 = rb.";
    0x55 Store8 "STORE8" [Ra, Rb, I32] traps[BadAccess] = "The byte at ra + displacement of region 0 = low bits of rb.";
    0x56 Store16 "STORE16" [Ra, Rb, I32] traps[BadAccess] = "The 2 bytes at ra + displacement of region 0 = low bits of rb.";
    0x57 Store32 "STORE32" [Ra, Rb, I32] traps[BadAccess] = "The 4 bytes at ra + displacement of region 0 = low bits of rb.";
    0x58 Lea "LEA" [Rd, Ra, I32] = "rd = ra + displacement, wrapping, without access.";
    0x59 Cmpxchg "CMPXCHG" [Rd, Ra, Rb, Rc] traps[BadAccess] = "rd = the 8 bytes at ra; if they equal rb they become rc.";
    0x5A AtomicAdd "ATOMIC_ADD" [Rd, Ra, Rb] traps[BadAccess] = "rd = the 8 bytes at ra, which become their sum with rb, wrapping.";
    0x5B AtomicSub "ATOMIC_SUB" [Rd, Ra, Rb] traps[BadAccess] = "rd = the 8 bytes at ra, which become their difference with rb, wrapping.";
    0x5C Fence "FENCE" [] = "Orders memory accesses before it before those after it.";
    0x5D LoadRm "LOAD_RM" [Rd, Ra, Region, I32] traps[BadAccess] = "rd = the 8 bytes at ra + displacement of the numbered region.";
    0x5E StoreRm "STORE_RM" [Ra, Rb, Region, I32] traps[BadAccess] = "The 8 bytes at ra + displacement of the numbered region = rb.";
    0x5F Memset "MEMSET" [Ra, Rb, Rc] traps[BadAccess] = "Fills rc bytes at ra of region 0 with the low byte of rb.";

    0x60 Push "PUSH" [Ra] stack(Fixed { pop: 0, push: 1 }) traps[StackOverflow] = "Pushes ra.";
    0x61 Pop "POP" [Rd] stack(Fixed { pop: 1, push: 0 }) = "Pops into rd.";
    0x62 PushImm "PUSH_IMM" [I32] stack(Fixed { pop: 0, push: 1 }) traps[StackOverflow] = "Pushes the sign-extended immediate.";
    0x63 Dup "DUP" [] stack(Fixed { pop: 1, push: 2 }) traps[StackOverflow] = "Pushes the top slot once more.";
    0x64 Swap "SWAP" [] stack(Fixed { pop: 2, push: 2 }) = "Exchanges the two top slots.";
    0x65 Enter "ENTER" [U16] stack(Enter) traps[StackOverflow] = "Pushes BP, sets BP to the new depth, adds the given number of zeroed slots.";
    0x66 Leave "LEAVE" [] stack(Leave) = "Drops all slots above BP and pops BP.";
    0x67 Pusha "PUSHA" [] stack(PushAll) traps[StackOverflow] = "Pushes R7 to R55, all of which must be written.";
    0x68 Popa "POPA" [] stack(PopAll) = "Pops R55 down to R7.";
    0x69 Pushf "PUSHF" [] stack(Fixed { pop: 0, push: 1 }) traps[StackOverflow] = "Pushes FLAGS.";
    0x6A Popf "POPF" [] flags Restore stack(Fixed { pop: 1, push: 0 }) = "Pops FLAGS; bits above 6 are ignored.";
    0x6B Pushr "PUSHR" [First, Last] stack(PushRange) traps[StackOverflow] = "Pushes a range of registers from R7 to R55, lowest first.";
    0x6C Popr "POPR" [First, Last] stack(PopRange) = "Pops a range of registers from R7 to R55, highest first.";
    0x6D StackChk "STACK_CHK" [U16] traps[StackOverflow] = "Traps unless the given number of slots is still free.";
    0x6E StackAlloc "STACK_ALLOC" [U16] stack(Reserve) traps[StackOverflow] = "Adds the given number of zeroed slots.";
    0x6F StackFree "STACK_FREE" [U16] stack(Release) = "Drops the given number of slots.";

    0x70 Call "CALL" [Function] flow Call traps[CallDepth, StackOverflow] = "Calls the function; arguments in R16..R19 and on the stack, result in R16.";
    0x71 Calli "CALLI" [Ra, Signature] flow Call traps[BadCall, CallDepth, StackOverflow] = "Calls entry ra of the module's function table, which must have the signature.";
    0x72 Ret "RET" [] flow Stop = "Returns to the caller and removes stacked arguments.";
    0x73 Reti "RETI" [Ra] flow Stop = "Leaves a trap handler: 0 stops the instance with the trap, 1 unwinds to the nearest CATCH; anything else is 0.";
    0x74 Syscall "SYSCALL" [] exec host = "Makes the system call whose constant number is in R60; arguments in R16.., result in R16, status in R61.";
    0x75 CallReg "CALL_REG" [Ra, Signature] flow Call traps[BadCall, CallDepth, StackOverflow] = "Calls the function value ra (function number + 1; 0 is none), which must have the signature.";
    0x76 Tailcall "TAILCALL" [Function] flow Stop traps[StackOverflow] = "Leaves this frame and calls a function with the same number of stacked arguments.";
    0x77 Icall "ICALL" [Link] exec host = "Calls the imported function of the link; arguments in R16..R19, result in R16.";
    0x78 CallExt "CALL_EXT" [Rd, Ra, Rb] exec host = "rd = result of host extension ra applied to the record at rb.";
    0x79 CallNative "CALL_NATIVE" [Link] exec host = "Calls the native code of the link; arguments in R16..R19, result in R16.";
    0x7A CallAgent "CALL_AGENT" [Rd, Ra, Rb, Rc] exec host cap Communicate = "As ASK, with the default deadline.";
    0x7B Throw "THROW" [Ra] flow Stop = "Unwinds to the nearest CATCH or FINALLY with ra as kind; without one raises trap USER.";
    0x7C Catch "CATCH" [Handler] = "Adds a handler record of this frame for the target; 0 removes the newest.";
    0x7D Finally "FINALLY" [Handler] = "As CATCH; the handler ends with EXCEPTION_RET, which goes on unwinding.";
    0x7E ExceptionRet "EXCEPTION_RET" [Ra] flow Stop = "Ends a handler: 0 ends this function as handled with result 0, else goes on unwinding with the caught kind.";
    0x7F SetHandler "SET_HANDLER" [Function] = "Names the function (kind, pc) that runs at a trap of this instance; it must take two arguments.";

    0x80 Delegate "DELEGATE" [Rd, Ra, Rb, Rc] exec host cap Communicate = "Sends a DELEGATE to link handle ra with form rb and argument words at rc; rd = ticket.";
    0x81 Tell "TELL" [Ra, Rb, Rc] exec host cap Communicate = "Sends a TELL to link handle ra with form rb and argument words at rc.";
    0x82 Ask "ASK" [Rd, Ra, Rb, Rc] exec host cap Communicate = "Sends an ASK and suspends until its answer; rd = the answer's value.";
    0x83 Reply "REPLY" [Ra, Rb] exec host = "Answers the request that started this run with form ra and the value word at rb.";
    0x84 Barrier "BARRIER" [Ra, Rb, Rc] exec host cap Communicate = "Suspends until rb agents are at the barrier named by text ra, at most rc nanoseconds (0: no limit).";
    0x85 Spawn "SPAWN" [Rd, Ra, Rb] exec host cap Spawn = "Starts an agent from the module of link handle ra with the grant record at rb (0: none); rd = its handle.";
    0x86 YieldAgent "YIELD_AGENT" [Select(YieldKind)] exec host = "Suspends this run until the next event of the kind.";
    0x87 CapGrant "CAP_GRANT" [Rd, Ra, Rb] exec host = "Derives from capability handle rb one for the agent of handle ra; rd = the derived handle.";
    0x88 CapCheck "CAP_CHECK" [Rd, Ra, Rb] exec host = "rd = 1 if handle ra is live and covers the rights rb, else 0.";
    0x89 CapRevoke "CAP_REVOKE" [Ra] exec host = "Revokes handle ra and everything derived from it.";
    0x8A AgentWait "AGENT_WAIT" [Rd, Ra, Rb] exec host = "Suspends until the delegation of ticket ra has ended; rd = its value, as form rb says.";
    0x8B Signal "SIGNAL" [Ra, Rb] exec host cap Communicate = "Sends signal number rb to the agent of handle ra.";
    0x8C Broadcast "BROADCAST" [Rd, Ra, Rb, Rc] exec host cap Communicate = "Sends an EVENT on topic link ra with form rb and argument words at rc; rd = delivered | refused << 32.";
    0x8D Subscribe "SUBSCRIBE" [Ra] exec host cap Communicate = "Subscribes this agent to the topic of link handle ra.";
    0x8E Unsubscribe "UNSUBSCRIBE" [Ra] exec host cap Communicate = "Ends the subscription to the topic of link handle ra.";
    0x8F Query "QUERY" [Rd, Ra, Select(QueryItem)] exec host = "rd = the chosen fact about the agent of handle ra (0: this agent).";

    0x90 IoRead "IO_READ" [Rd, Ra] exec host cap IoRead = "rd = one reading of device handle ra: f64 bits, or 0 and 1 of a bool channel.";
    0x91 IoWrite "IO_WRITE" [Ra, Rb] exec host cap IoWrite = "Writes rb (f64 bits, or 0 and 1) to device handle ra.";
    0x92 IoRead8 "IO_READ8" [Rd, Ra, Rb] exec host cap IoRead = "rd = the 8-bit register rb of device ra.";
    0x93 IoWrite8 "IO_WRITE8" [Ra, Rb, Rc] exec host cap IoWrite = "The 8-bit register rb of device ra = rc.";
    0x94 IoRead16 "IO_READ16" [Rd, Ra, Rb] exec host cap IoRead = "rd = the 16-bit register rb of device ra.";
    0x95 IoWrite16 "IO_WRITE16" [Ra, Rb, Rc] exec host cap IoWrite = "The 16-bit register rb of device ra = rc.";
    0x96 IoRead32 "IO_READ32" [Rd, Ra, Rb] exec host cap IoRead = "rd = the 32-bit register rb of device ra.";
    0x97 IoWrite32 "IO_WRITE32" [Ra, Rb, Rc] exec host cap IoWrite = "The 32-bit register rb of device ra = rc.";
    0x98 IoRead64 "IO_READ64" [Rd, Ra, Rb] exec host cap IoRead = "rd = the 64-bit register rb of device ra.";
    0x99 IoWrite64 "IO_WRITE64" [Ra, Rb, Rc] exec host cap IoWrite = "The 64-bit register rb of device ra = rc.";
    0x9A DmaRead "DMA_READ" [Ra, Rb, Rc] exec host cap Hardware = "Copies rc bytes from device ra to rb of region 0.";
    0x9B DmaWrite "DMA_WRITE" [Ra, Rb, Rc] exec host cap Hardware = "Copies rc bytes from rb of region 0 to device ra.";
    0x9C Ioctl "IOCTL" [Rd, Ra, Rb, Rc] exec host = "rd = result of operation rb on handle ra with the record at rc.";
    0x9D Mmap "MMAP" [Rd, Ra, Rb] exec host cap Memory = "Maps rb bytes of handle ra as a region; rd = its number.";
    0x9E Munmap "MUNMAP" [Ra] exec host cap Memory = "Unmaps region number ra.";
    0x9F Poll "POLL" [Rd, Ra, Rb] exec host = "rd = 1 if device handle ra has something to read within rb nanoseconds, else 0.";

    0xA0 TileLoad "TILE_LOAD" [Rd, Link] exec host = "rd = a tile value bound to the imported function of the link.";
    0xA1 TileCompose "TILE_COMPOSE" [Rd, Ra, Rb] exec host = "rd = a tile that applies ra, then rb; their shapes must be equal.";
    0xA2 TileExec "TILE_EXEC" [Rd, Ra, Rb] exec host = "rd = tile ra applied to the word rb.";
    0xA3 RegionCreate "REGION_CREATE" [Rd, Ra, Select(RegionRights)] exec host cap Memory = "Creates a zeroed region of ra bytes; rd = its number, 1..=15.";
    0xA4 RegionDestroy "REGION_DESTROY" [Ra] exec host cap Memory = "Destroys region number ra.";
    0xA5 RegionMap "REGION_MAP" [Rd, Ra, Select(RegionRights)] exec host cap Memory = "Maps the shared region of handle ra; rd = its number, 1..=15.";
    0xA6 Adapt "ADAPT" [Ra] exec host = "Asks the host to swap this agent to module handle ra at the next safe point, without migration.";
    0xA7 Evolve "EVOLVE" [Ra] exec host = "Asks the host to swap this agent to module handle ra at the next safe point, with migration.";
    0xA8 ModuleImport "MODULE_IMPORT" [Rd, Link] exec host = "rd = a handle of the imported module of the link.";
    0xA9 ModuleExport "MODULE_EXPORT" [Ra, U16] exec host = "Publishes function value ra under the export number.";
    0xAA TraceOn "TRACE_ON" [] = "Starts recording into the trace ring.";
    0xAB TraceOff "TRACE_OFF" [] = "Stops recording into the trace ring.";
    0xAC ProfStart "PROF_START" [] = "Starts counting instructions per function.";
    0xAD ProfStop "PROF_STOP" [] = "Stops counting instructions per function.";
    0xAE GasInit "GAS_INIT" [Ra] = "Lowers the gas left in this run to ra if that is less (unsigned); never raises it.";
    0xAF GasCheck "GAS_CHECK" [U32] traps[Gas] = "Charges the given gas; traps before any effect of its block if less is left.";

    0xB0 NativeCall "NATIVE_CALL" [Rd, Ra, Rb] exec host = "rd = the native function ra applied to the word rb.";
    0xB1 NativeLoad "NATIVE_LOAD" [Rd, Link] exec host = "rd = a handle of the native code of the link.";
    0xB2 VecLoad "VEC_LOAD" [Vd, Ra, I32] traps[BadAccess] = "The group = the 32 bytes at ra + displacement of region 0.";
    0xB3 VecStore "VEC_STORE" [Ra, Vb, I32] traps[BadAccess] = "The 32 bytes at ra + displacement of region 0 = the group.";
    0xB4 VecAdd "VEC_ADD" [Vd, Va, Vb] = "Adds two groups lane by lane as f64.";
    0xB5 VecMul "VEC_MUL" [Vd, Va, Vb] = "Multiplies two groups lane by lane as f64.";
    0xB6 VecDot "VEC_DOT" [Rd, Va, Vb] = "rd = ((a0*b0 + a1*b1) + a2*b2) + a3*b3 as f64.";
    0xB7 VecSplat "VEC_SPLAT" [Vd, Ra] = "Every lane of the group = ra.";

    0xC0 Mov "MOV" [Rd, Ra] = "rd = ra.";
    0xC1 Movi "MOVI" [Rd, I32] = "rd = the sign-extended immediate.";
    0xC2 Movi64 "MOVI64" [Rd, I64] = "rd = the immediate.";
    0xC3 Select "SELECT" [Rd, Ra, Rb, Rc] = "rd = rb if ra is not 0, else rc.";
    0xC4 Extend "EXTEND" [Rd, Ra, Select(Extend)] = "rd = the low bits of ra, sign- or zero-extended.";
    0xC5 Udiv "UDIV" [Rd, Ra, Rb] traps[DivideByZero] = "rd = ra / rb, unsigned.";
    0xC6 Urem "UREM" [Rd, Ra, Rb] traps[DivideByZero] = "rd = remainder of ra / rb, unsigned.";
    0xC7 CmpLtu "CMP_LTU" [Rd, Ra, Rb] = "rd = 1 if ra < rb, unsigned, else 0.";
    0xC8 CmpLeu "CMP_LEU" [Rd, Ra, Rb] = "rd = 1 if ra <= rb, unsigned, else 0.";
    0xC9 Mulh "MULH" [Rd, Ra, Rb, Select(Signedness)] = "rd = the high 64 bits of the 128-bit product.";
    0xCA Fmath1 "FMATH1" [Rd, Ra, Select(FloatUnary)] = "rd = the chosen function of ra as f64.";
    0xCB Fmath2 "FMATH2" [Rd, Ra, Rb, Select(FloatBinary)] = "rd = the chosen function of ra and rb as f64.";
    0xCC F32 "F32" [Rd, Ra, Rb, Select(Float32)] = "rd = the chosen operation of ra and rb as f32 (bits in the low half, high half 0).";
    0xCD Convert "CONVERT" [Rd, Ra, Select(Convert)] traps[Conversion] = "rd = ra converted; a value out of the target's range traps.";
    0xCE Tadd "TADD" [Rd, Ra, Rb, Select(IntType)] traps[Overflow] = "rd = ra + rb of the integer type; overflow traps.";
    0xCF Tsub "TSUB" [Rd, Ra, Rb, Select(IntType)] traps[Overflow] = "rd = ra - rb of the integer type; overflow traps.";
    0xD0 Tmul "TMUL" [Rd, Ra, Rb, Select(IntType)] traps[Overflow] = "rd = ra * rb of the integer type; overflow traps.";
    0xD1 Tneg "TNEG" [Rd, Ra, Select(IntType)] traps[Overflow] = "rd = 0 - ra of the integer type; overflow traps.";
    0xD2 Taddi "TADDI" [Rd, Ra, I32] traps[Overflow] = "rd = ra + the sign-extended immediate as i64; overflow traps.";
    0xD3 Brnz "BRNZ" [Ra, Target] flow Branch = "Goes to the target if ra is not 0.";
    0xD4 Brz "BRZ" [Ra, Target] flow Branch = "Goes to the target if ra is 0.";
    0xD5 BrEq "BR_EQ" [Ra, Rb, Target] flow Branch = "Goes to the target if ra equals rb.";
    0xD6 BrNe "BR_NE" [Ra, Rb, Target] flow Branch = "Goes to the target if ra differs from rb.";
    0xD7 BrLt "BR_LT" [Ra, Rb, Target] flow Branch = "Goes to the target if ra < rb, signed.";
    0xD8 BrLe "BR_LE" [Ra, Rb, Target] flow Branch = "Goes to the target if ra <= rb, signed.";
    0xD9 BrLtu "BR_LTU" [Ra, Rb, Target] flow Branch = "Goes to the target if ra < rb, unsigned.";
    0xDA BrLeu "BR_LEU" [Ra, Rb, Target] flow Branch = "Goes to the target if ra <= rb, unsigned.";
    0xDB BrCmpi "BR_CMPI" [Ra, Select(Condition), I32, Target] flow Branch = "Goes to the target if ra compares so with the sign-extended immediate.";
    0xDC Memcpy "MEMCPY" [Ra, Rb, Rc] traps[BadAccess] = "Copies rc bytes of region 0 from rb to ra; the ranges may overlap.";
    0xDD Memcmp "MEMCMP" [Rd, Ra, Rb, Rc] traps[BadAccess] = "rd = -1, 0 or 1: order of the rc bytes at ra and rb, compared as unsigned bytes.";
    0xDE Alloc "ALLOC" [Rd, Ra, Select(AllocKind)] traps[Quota] = "rd = offset of ra new zeroed bytes of region 0, aligned to 8.";
    0xDF StateFree "STATE_FREE" [Ra] traps[BadAccess] = "Gives back the state allocation at ra; 0 does nothing.";
    0xE0 Loadx "LOADX" [Rd, Ra, Rb, Select(Access), Shift, I32] traps[BadAccess] = "rd = the value at ra + (rb << shift) + displacement of region 0.";
    0xE1 Storex "STOREX" [Ra, Rb, Rc, Select(Access), Shift, I32] traps[BadAccess] = "The value at ra + (rb << shift) + displacement of region 0 = rc.";
    0xE2 IndexCheck "INDEX_CHECK" [Ra, Rb] traps[Index] = "Traps unless ra < rb, unsigned.";
    0xE3 SlotGet "SLOT_GET" [Rd, Slot] = "rd = the slot at the given distance from the frame's start; negative ones are stacked arguments.";
    0xE4 SlotSet "SLOT_SET" [Ra, Slot] = "The slot at the given distance from the frame's start = ra; negative ones are stacked arguments.";
    0xE5 Recv "RECV" [Rd, Ra, Rb] exec host cap Communicate = "Takes the next message into the buffer of rb bytes at ra of region 0; rd = its length, 0 if none.";
    0xE6 Param "PARAM" [Rd, Param] exec host = "rd = the parameter's value word.";
    0xE7 Link "LINK" [Rd, Link] exec host = "rd = the handle that the link was wired to, 0 if none.";
    0xE8 Pacer "PACER" [Rd, Timer] exec host = "rd = 1 if the pacer is due (its last run is then now), else 0.";
    0xE9 Metric "METRIC" [Ra, Rb] exec host = "Records the value rb (f64) under the name given by text ra.";
    0xEA Log "LOG" [Ra, Select(LogLevel)] exec host = "Writes text ra to the log.";
    0xEB Random "RANDOM" [Rd] exec host = "rd = 64 random bits of the agent's own stream.";
    0xEC Ticks "TICKS" [Rd, Select(Clock)] exec host = "rd = the chosen clock.";
    0xED Text "TEXT" [Rd, Ra, Rb, Select(TextOp)] traps[BadAccess, Quota, Index] = "rd = the chosen operation on texts of region 0.";
    0xEE Leax "LEAX" [Rd, Ra, Rb, Shift, I32] = "rd = ra + (rb << shift) + displacement, wrapping, without access.";
    0xEF Expect "EXPECT" [Ra] traps[Assertion] = "Traps unless ra is not 0.";
}

/// Number of base opcodes, 0x00..=0xB7.
pub const BASE_OPCODES: usize = 0xB8;
/// First number of the extension page.
pub const EXTENSION_START: u8 = 0xC0;

impl Opcode {
    /// The opcode with this number, if there is one.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        let index = if byte < 0xB8 {
            byte as usize
        } else if byte >= EXTENSION_START && byte < 0xF0 {
            byte as usize - 8
        } else {
            return None;
        };
        Some(Self::ALL[index])
    }

    /// Its row of the table.
    pub const fn info(self) -> &'static OpcodeInfo {
        let byte = self as usize;
        let index = if byte < BASE_OPCODES { byte } else { byte - 8 };
        &OPCODES[index]
    }

    /// The opcode with this mnemonic (upper case), if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        OPCODES.iter().find(|row| row.name == name).map(|row| row.opcode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_of_the_base_page_and_the_extension_page_is_defined_once() {
        assert_eq!(OPCODES.len(), 184 + 48);
        for byte in 0..=255u8 {
            let defined = byte < 0xB8 || (0xC0..0xF0).contains(&byte);
            match Opcode::from_byte(byte) {
                Some(op) => {
                    assert!(defined, "{byte:#04x}");
                    assert_eq!(op as u8, byte);
                    assert_eq!(op.info().opcode, op);
                    assert_eq!(Opcode::from_name(op.info().name), Some(op));
                }
                None => assert!(!defined, "{byte:#04x}"),
            }
        }
    }

    #[test]
    fn operand_lists_fit_the_layout_rule() {
        for row in OPCODES {
            let count = |size| row.operands.iter().filter(|o| o.size() == size).count();
            let (bytes, halves) = (count(OperandSize::Byte), count(OperandSize::Half));
            assert!(halves <= 1 && (halves == 0 || bytes <= 1), "{}", row.name);
            assert!(bytes <= 7, "{}", row.name);
            assert!((1..=4).contains(&row.words()), "{}", row.name);
        }
    }

    #[test]
    fn flags_are_written_only_by_arithmetic_logic_compare_and_popf() {
        for row in OPCODES {
            let byte = row.opcode as u8;
            if row.flags != FlagEffect::None {
                assert!((0x10..0x40).contains(&byte) || byte == 0x6A, "{}", row.name);
            }
        }
    }
}
