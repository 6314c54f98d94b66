//! The form of a list of named choices: one table of number, name and meaning.

/// An enumeration from a table of number, variant, name and meaning, with lookup by number and by name.
#[macro_export]
macro_rules! numbered {
    ($($(#[$doc:meta])* $kind:ident { $($num:literal $variant:ident $name:literal = $meaning:literal;)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        pub enum $kind { $(#[doc = $meaning] $variant = $num,)* }

        impl $kind {
            /// Every choice in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The choice with this number, if there is one.
            pub const fn from_byte(byte: u8) -> Option<Self> {
                match byte { $($num => Some(Self::$variant),)* _ => None }
            }

            /// Its name, as documents, assembly and logs write it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it means, in one line.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// The choice with this name, if there is one.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|choice| choice.name() == name)
            }
        }
    )*};
}
