//! Names of the operations of FIR.

/// An enum whose variants have a name in the text form.
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

pub(super) use named_enum;
