//! The 17 types of the compiler's intermediate form.

macro_rules! types {
    ($($num:literal $variant:ident $name:literal;)*) => {
        /// Type of a FIR value.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        pub enum FirType { $(#[doc = concat!("`", $name, "`.")] $variant = $num,)* }

        impl FirType {
            /// Every type in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name in FIR text.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The type with this name, if there is one.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

types! {
    0 Void "void"; 1 I8 "i8"; 2 I16 "i16"; 3 I32 "i32"; 4 I64 "i64"; 5 F32 "f32"; 6 F64 "f64";
    7 Ptr "ptr"; 8 Func "func"; 9 Struct "struct"; 10 Array "array"; 11 Bool "bool";
    12 Agent "agent"; 13 Capability "capability"; 14 Bytecode "bytecode"; 15 Region "region"; 16 Any "any";
}
