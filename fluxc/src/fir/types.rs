//! The 17 types of FIR and the kinds that operations carry.
//!
//! # Invariants
//! 1. Every value is one 64-bit word. A value of a narrow integer type holds the
//!    *number itself* as that word: the result of a signed operation is
//!    sign-extended, that of an unsigned one zero-extended. Types `i8`…`i64` say
//!    how many bits there are, [`IntKind`] on the operation says how they are read.
//! 2. `ptr`, `struct` and `array` values are offsets into region 0, below 2^32 if they
//!    are valid; address arithmetic wraps as a word, and an access checks.
//! 3. `bool` is 0 or 1 (any other word counts as true). A `func` is the function's
//!    number plus 1; 0 is none.
//! 4. An `f64` is its IEEE bit pattern, an `f32` has its pattern in the low half. NaN
//!    results are canonical.

pub use flux_abi::fir_type::FirType as Type;

/// Facts about the types that only the compiler needs.
pub trait TypeFacts: Copy {
    /// Tells whether this is one of the four integer types.
    fn is_int(self) -> bool;
    /// Tells whether this is `f32` or `f64`.
    fn is_float(self) -> bool;
    /// Tells whether a value of this type is an offset into region 0.
    fn is_address(self) -> bool;
    /// Bytes that a value of this type takes in memory, 0 for `void`.
    fn size(self) -> u32;
    /// How a value of this type is loaded from memory and stored; an integer is
    /// read as signed. `None` for `void`.
    fn natural_access(self) -> Option<Access>;
}

impl TypeFacts for Type {
    fn is_int(self) -> bool {
        matches!(self, Self::I8 | Self::I16 | Self::I32 | Self::I64)
    }

    fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    fn is_address(self) -> bool {
        matches!(self, Self::Ptr | Self::Struct | Self::Array)
    }

    fn size(self) -> u32 {
        self.natural_access().map_or(0, Access::bytes)
    }

    fn natural_access(self) -> Option<Access> {
        Some(match self {
            Self::Void => return None,
            Self::I8 => Access::S8,
            Self::Bool => Access::Z8,
            Self::I16 => Access::S16,
            Self::I32 => Access::S32,
            Self::F32 | Self::Ptr | Self::Struct | Self::Array | Self::Func => Access::Z32,
            Self::I64
            | Self::F64
            | Self::Agent
            | Self::Capability
            | Self::Bytecode
            | Self::Region
            | Self::Any => Access::W64,
        })
    }
}

/// Width and signedness of an integer operation.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum IntKind {
    /// Signed, 8 bits.
    I8,
    /// Signed, 16 bits.
    I16,
    /// Signed, 32 bits.
    I32,
    /// Signed, 64 bits.
    I64,
    /// Unsigned, 8 bits.
    U8,
    /// Unsigned, 16 bits.
    U16,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits.
    U64,
}

impl IntKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 8] =
        [Self::I8, Self::I16, Self::I32, Self::I64, Self::U8, Self::U16, Self::U32, Self::U64];

    /// The name in the text form.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
        }
    }

    /// The number of bits: 8, 16, 32 or 64.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::I8 | Self::U8 => 8,
            Self::I16 | Self::U16 => 16,
            Self::I32 | Self::U32 => 32,
            Self::I64 | Self::U64 => 64,
        }
    }

    /// Tells whether the operation reads its operands as signed.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::I8 | Self::I16 | Self::I32 | Self::I64)
    }

    /// The type of the operands.
    #[must_use]
    pub const fn ty(self) -> Type {
        match self {
            Self::I8 | Self::U8 => Type::I8,
            Self::I16 | Self::U16 => Type::I16,
            Self::I32 | Self::U32 => Type::I32,
            Self::I64 | Self::U64 => Type::I64,
        }
    }

    /// The smallest number of this kind.
    #[must_use]
    pub const fn lowest(self) -> i128 {
        match self {
            Self::I8 => i8::MIN as i128,
            Self::I16 => i16::MIN as i128,
            Self::I32 => i32::MIN as i128,
            Self::I64 => i64::MIN as i128,
            _ => 0,
        }
    }

    /// The greatest number of this kind.
    #[must_use]
    pub const fn highest(self) -> i128 {
        match self {
            Self::I8 => i8::MAX as i128,
            Self::I16 => i16::MAX as i128,
            Self::I32 => i32::MAX as i128,
            Self::I64 => i64::MAX as i128,
            Self::U8 => u8::MAX as i128,
            Self::U16 => u16::MAX as i128,
            Self::U32 => u32::MAX as i128,
            Self::U64 => u64::MAX as i128,
        }
    }

    /// The number that the word `bits` stands for when read as this kind.
    #[must_use]
    pub const fn number(self, bits: u64) -> i128 {
        if matches!(self, Self::U64) { bits as i128 } else { bits as i64 as i128 }
    }

    /// Cuts `bits` to this width and extends it back to a word.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "cutting bits is the meaning")]
    pub const fn wrap(self, bits: u64) -> u64 {
        match self {
            Self::I8 => bits as i8 as u64,
            Self::I16 => bits as i16 as u64,
            Self::I32 => bits as i32 as u64,
            Self::U8 => bits as u8 as u64,
            Self::U16 => bits as u16 as u64,
            Self::U32 => bits as u32 as u64,
            Self::I64 | Self::U64 => bits,
        }
    }
}

/// Width of a float operation.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum FloatKind {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
}

impl FloatKind {
    /// The name in the text form.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    /// The type of the operands.
    #[must_use]
    pub const fn ty(self) -> Type {
        match self {
            Self::F32 => Type::F32,
            Self::F64 => Type::F64,
        }
    }
}

/// How a word is read from memory or written to it. Little-endian, unaligned.
pub use flux_abi::select::Access;

/// Facts about accesses that only the compiler needs.
pub trait AccessFacts: Copy {
    /// The number of bytes: 1, 2, 4 or 8.
    fn bytes(self) -> u32;
    /// Tells whether a value of type `ty` may be loaded or stored this way.
    fn fits(self, ty: Type) -> bool;
}

impl AccessFacts for Access {
    fn bytes(self) -> u32 {
        match self {
            Self::S8 | Self::Z8 => 1,
            Self::S16 | Self::Z16 => 2,
            Self::S32 | Self::Z32 => 4,
            Self::W64 => 8,
        }
    }

    fn fits(self, ty: Type) -> bool {
        match self {
            Self::S8 => ty == Type::I8,
            Self::Z8 => matches!(ty, Type::I8 | Type::Bool),
            Self::S16 | Self::Z16 => ty == Type::I16,
            Self::S32 => ty == Type::I32,
            Self::Z32 => ty.size() == 4,
            Self::W64 => ty.size() == 8,
        }
    }
}
