//! Named choices that instructions carry in one byte.
//!
//! Each list is one table: number, assembler name, meaning.

macro_rules! selectors {
    ($($(#[$doc:meta])* $kind:ident { $($num:literal $variant:ident $name:literal = $meaning:literal;)* })*) => {
        $(crate::numbered! { $(#[$doc])* $kind { $($num $variant $name = $meaning;)* } })*

        /// The list that a selector operand chooses from.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum SelectorKind { $(#[doc = concat!("Choices of [`", stringify!($kind), "`].")] $kind,)* }

        impl SelectorKind {
            /// Every list.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// The list's name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => stringify!($kind),)* }
            }

            /// Rows of the list: number, assembler name, meaning.
            pub const fn choices(self) -> &'static [(u8, &'static str, &'static str)] {
                match self { $(Self::$kind => &[$(($num, $name, $meaning)),*],)* }
            }

            /// The assembler name of choice `byte`, if there is one.
            pub fn choice_name(self, byte: u8) -> Option<&'static str> {
                self.choices().iter().find(|row| row.0 == byte).map(|row| row.1)
            }

            /// The number of the choice with this assembler name, if there is one.
            pub fn choice_number(self, name: &str) -> Option<u8> {
                self.choices().iter().find(|row| row.1 == name).map(|row| row.0)
            }
        }
    };
}

selectors! {
    /// Integer types of trapping arithmetic. Narrow values are kept sign- or zero-extended to 64 bits.
    IntType {
        0 I64 "i64" = "Signed, 64 bits.";
        1 I32 "i32" = "Signed, 32 bits.";
        2 I16 "i16" = "Signed, 16 bits.";
        3 I8 "i8" = "Signed, 8 bits.";
        4 U64 "u64" = "Unsigned, 64 bits.";
        5 U32 "u32" = "Unsigned, 32 bits.";
        6 U16 "u16" = "Unsigned, 16 bits.";
        7 U8 "u8" = "Unsigned, 8 bits.";
    }
    /// Sign and zero extension of low bits.
    Extend {
        0 S8 "s8" = "Low 8 bits, sign-extended.";
        1 S16 "s16" = "Low 16 bits, sign-extended.";
        2 S32 "s32" = "Low 32 bits, sign-extended.";
        3 Z8 "z8" = "Low 8 bits, zero-extended.";
        4 Z16 "z16" = "Low 16 bits, zero-extended.";
        5 Z32 "z32" = "Low 32 bits, zero-extended.";
    }
    /// Signed or unsigned reading of both operands.
    Signedness {
        0 Signed "s" = "Both operands signed.";
        1 Unsigned "u" = "Both operands unsigned.";
    }
    /// f64 functions of one argument (libm's results on every target; NaN results are canonical).
    FloatUnary {
        0 Sqrt "sqrt" = "Square root.";
        1 Abs "abs" = "Magnitude.";
        2 Floor "floor" = "Largest integer not above.";
        3 Ceil "ceil" = "Least integer not below.";
        4 Round "round" = "Nearest integer, halves away from zero.";
        5 Trunc "trunc" = "Integer part.";
        6 Sin "sin" = "Sine, radians.";
        7 Cos "cos" = "Cosine, radians.";
        8 Tan "tan" = "Tangent, radians.";
        9 Exp "exp" = "e to the power.";
        10 Ln "ln" = "Natural logarithm.";
        11 Log10 "log10" = "Decimal logarithm.";
        12 Log2 "log2" = "Binary logarithm.";
        13 Asin "asin" = "Arc sine.";
        14 Acos "acos" = "Arc cosine.";
        15 Atan "atan" = "Arc tangent.";
    }
    /// f64 functions of two arguments.
    FloatBinary {
        0 Min "min" = "Lesser; the other one if one is NaN; -0 before +0.";
        1 Max "max" = "Greater; the other one if one is NaN; +0 after -0.";
        2 Rem "rem" = "Remainder of the truncated quotient (C fmod).";
        3 Pow "pow" = "First to the power of the second.";
        4 Atan2 "atan2" = "Angle of the point (second, first).";
        5 CopySign "copysign" = "First with the sign of the second.";
    }
    /// f32 operations; operands and results are f32 bits in the low half.
    Float32 {
        0 Add "add" = "a + b.";
        1 Sub "sub" = "a - b.";
        2 Mul "mul" = "a * b.";
        3 Div "div" = "a / b.";
        4 Eq "eq" = "1 if a equals b, else 0.";
        5 Lt "lt" = "1 if a < b, else 0.";
        6 Le "le" = "1 if a <= b, else 0.";
        7 Neg "neg" = "-a; b is ignored.";
        8 Abs "abs" = "Magnitude of a; b is ignored.";
        9 Sqrt "sqrt" = "Square root of a; b is ignored.";
        10 Min "min" = "Lesser, as for f64.";
        11 Max "max" = "Greater, as for f64.";
        12 Rem "rem" = "Remainder of the truncated quotient.";
    }
    /// Conversions between numbers; what does not fit the target traps.
    Convert {
        0 I64ToI32 "i64.i32" = "Signed 64 to signed 32 bits.";
        1 I64ToI16 "i64.i16" = "Signed 64 to signed 16 bits.";
        2 I64ToI8 "i64.i8" = "Signed 64 to signed 8 bits.";
        3 I64ToU64 "i64.u64" = "Signed 64 to unsigned 64 bits.";
        4 I64ToU32 "i64.u32" = "Signed 64 to unsigned 32 bits.";
        5 I64ToU16 "i64.u16" = "Signed 64 to unsigned 16 bits.";
        6 I64ToU8 "i64.u8" = "Signed 64 to unsigned 8 bits.";
        7 U64ToI64 "u64.i64" = "Unsigned 64 to signed 64 bits.";
        8 U64ToI32 "u64.i32" = "Unsigned 64 to signed 32 bits.";
        9 U64ToI16 "u64.i16" = "Unsigned 64 to signed 16 bits.";
        10 U64ToI8 "u64.i8" = "Unsigned 64 to signed 8 bits.";
        11 U64ToU32 "u64.u32" = "Unsigned 64 to unsigned 32 bits.";
        12 U64ToU16 "u64.u16" = "Unsigned 64 to unsigned 16 bits.";
        13 U64ToU8 "u64.u8" = "Unsigned 64 to unsigned 8 bits.";
        14 U64ToF64 "u64.f64" = "Unsigned 64 bits to f64, nearest even.";
        15 F64ToU64 "f64.u64" = "f64 truncated to unsigned 64 bits.";
        16 F64ToF32 "f64.f32" = "f64 to f32, nearest even.";
        17 F32ToF64 "f32.f64" = "f32 to f64, exact.";
        18 I64ToF32 "i64.f32" = "Signed 64 bits to f32, nearest even.";
        19 U64ToF32 "u64.f32" = "Unsigned 64 bits to f32, nearest even.";
        20 F32ToI64 "f32.i64" = "f32 truncated to signed 64 bits.";
        21 F32ToU64 "f32.u64" = "f32 truncated to unsigned 64 bits.";
    }
    /// Conditions of a compare-and-branch with an immediate.
    Condition {
        0 Eq "eq" = "Equal.";
        1 Ne "ne" = "Different.";
        2 Lt "lt" = "Less, signed.";
        3 Le "le" = "Less or equal, signed.";
        4 Gt "gt" = "Greater, signed.";
        5 Ge "ge" = "Greater or equal, signed.";
        6 Ltu "ltu" = "Less, unsigned.";
        7 Leu "leu" = "Less or equal, unsigned.";
        8 Gtu "gtu" = "Greater, unsigned.";
        9 Geu "geu" = "Greater or equal, unsigned.";
    }
    /// Width and extension of an indexed access; a store uses the width alone.
    Access {
        0 W64 "w64" = "8 bytes.";
        1 Z8 "z8" = "1 byte, zero-extended.";
        2 Z16 "z16" = "2 bytes, zero-extended.";
        3 Z32 "z32" = "4 bytes, zero-extended.";
        4 S8 "s8" = "1 byte, sign-extended.";
        5 S16 "s16" = "2 bytes, sign-extended.";
        6 S32 "s32" = "4 bytes, sign-extended.";
    }
    /// Where an allocation lives.
    AllocKind {
        0 Arena "arena" = "Until the run ends.";
        1 State "state" = "Until it is freed; survives runs.";
    }
    /// What a YIELD waits for.
    YieldKind {
        0 Event "event" = "The next period, or the end of a handler or timer run.";
        1 Message "message" = "The end of a handler run, however long.";
    }
    /// Facts about the kernel.
    InfoItem {
        0 Version "version" = "Kernel version: major << 32 | minor << 16 | patch.";
        1 Uptime "uptime" = "Nanoseconds since start.";
        2 Agents "agents" = "Living agents.";
        3 Messages "messages" = "Messages delivered since start.";
        4 Memory "memory" = "Bytes charged to quotas.";
        5 Refusals "refusals" = "Calls and instructions refused with DENIED, NOMEM or BUSY since start.";
        6 Unrecorded "unrecorded" = "Refusals without a record of their own: more than 16 of an agent in a second.";
    }
    /// Facts about an agent.
    QueryItem {
        0 Id "id" = "Agent number.";
        1 State "state" = "Agent state number.";
        2 Queue "queue" = "Messages waiting.";
        3 Sender "sender" = "Agent number of the request that started this run, 0 if none.";
        4 Memory "memory" = "Bytes charged to its quota.";
        5 Capabilities "capabilities" = "Capability kinds it was started with, as a bit set.";
    }
    /// Rights of a memory region.
    RegionRights {
        1 Read "r" = "Read.";
        2 Write "w" = "Write.";
        3 ReadWrite "rw" = "Read and write.";
        5 ReadShare "rs" = "Read, may be shared.";
        7 ReadWriteShare "rws" = "Read and write, may be shared.";
    }
    /// Severity of a log record.
    LogLevel {
        0 Error "error" = "Something failed.";
        1 Warning "warning" = "Something may be wrong.";
        2 Info "info" = "What a person wants to know.";
        3 Debug "debug" = "What an engineer wants to know.";
    }
    /// Clocks.
    Clock {
        0 Now "now" = "Kernel time in nanoseconds (simulated when the run is).";
        1 Gas "gas" = "Gas used by this agent.";
    }
    /// Operations on texts, arrays of texts and tables. A text is an offset of {length u32,
    /// capacity u32, bytes}, an array of texts of {length, capacity, offsets u32}; a table of
    /// {length, capacity, entry bytes, key bytes u32, entries, slots u32}: keys of 0 bytes are
    /// texts; above 8 entries of capacity there are slots, at least twice as many. 0 is empty.
    TextOp {
        0 Concat "concat" = "ra followed by rb, in the arena.";
        1 FromInt "int" = "Decimal text of the signed integer ra; rb is ignored.";
        2 FromUint "uint" = "Decimal text of the unsigned integer ra; rb is ignored.";
        3 FromFloat "float" = "Shortest text of the f64 ra that reads back equal; rb is ignored.";
        4 FromBool "bool" = "true or false; rb is ignored.";
        5 Length "len" = "Length of ra in bytes; rb is ignored.";
        6 Compare "cmp" = "-1, 0 or 1: order of ra and rb by bytes.";
        7 Equal "eq" = "1 if ra and rb have equal bytes, else 0.";
        8 Copy "copy" = "A copy of ra in the arena; rb is ignored.";
        9 Keep "keep" = "A copy of ra in the state memory; rb is ignored.";
        10 Chars "chars" = "Number of characters of ra; rb is ignored.";
        11 CharAt "char" = "Scalar value of character rb of ra; traps INDEX beyond the end.";
        12 FromChar "fromchar" = "Text of the one character with scalar value ra; rb is ignored.";
        13 FromF32 "float32" = "Shortest text of the f32 ra that reads back equal; rb is ignored.";
        14 FromDuration "duration" = "Text of ra nanoseconds with the largest unit that divides it; rb is ignored.";
        15 Slice "slice" = "Characters of ra from the low half of rb to before the high half; traps INDEX beyond the end.";
        16 At "at" = "Character rb of ra as a text; traps INDEX beyond the end.";
        17 Split "split" = "Array of the texts between each rb in ra; of its characters if rb is empty.";
        18 Trim "trim" = "ra without white space at its ends; rb is ignored.";
        19 Find "find" = "Number of the character at which rb first begins in ra, -1 if nowhere.";
        20 Replace "replace" = "ra with the text in the high half of rb for each one in the low half.";
        21 StartsWith "starts" = "1 if ra begins with rb, else 0.";
        22 EndsWith "ends" = "1 if ra ends with rb, else 0.";
        23 Upper "upper" = "ra with A to Z for a to z; rb is ignored.";
        24 Lower "lower" = "ra with a to z for A to Z; rb is ignored.";
        25 IsInt "isint" = "1 if ra is the decimal text of a signed 64-bit integer, else 0; rb is ignored.";
        26 ParseInt "toint" = "The integer whose text ra is, 0 if it is none; rb is ignored.";
        27 IsFloat "isfloat" = "1 if ra is the text of a number, else 0; rb is ignored.";
        28 ParseFloat "tofloat" = "The nearest f64 to the number whose text ra is, 0 if it is none; rb is ignored.";
        29 Join "join" = "The texts of the array ra with rb between each two.";
        30 Fixed "fixed" = "Text of the f64 ra with rb decimals, at most 64.";
        31 Pad "pad" = "ra with spaces up to as many characters as the low half of rb; high half 0: behind it, 1: before it, 2: on both sides.";
        32 IsText "istext" = "1 if the bytes of ra are UTF-8, else 0; rb is ignored.";
        33 TableFind "find_entry" = "Address of the entry of the table ra with the key rb, 0 if there is none.";
        34 TableIndex "index" = "Enters the entries of the table ra from number rb into its slots, all anew if that is 0; gives 0.";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_of_a_list_are_unique() {
        for kind in SelectorKind::ALL {
            for (i, a) in kind.choices().iter().enumerate() {
                for b in &kind.choices()[i + 1..] {
                    assert!(a.0 != b.0 && a.1 != b.1, "{} {} {}", kind.name(), a.1, b.1);
                }
                assert_eq!(kind.choice_number(a.1), Some(a.0));
                assert_eq!(kind.choice_name(a.0), Some(a.1));
            }
        }
    }
}
