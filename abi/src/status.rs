//! Status codes of system calls and host instructions.

macro_rules! codes {
    ($($num:literal $variant:ident $name:literal = $meaning:literal;)*) => {
        /// Outcome of a call; R61 holds the number, sign-extended.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(i8)]
        pub enum Status { $(#[doc = $meaning] $variant = $num,)* }

        impl Status {
            /// Every status in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The status with this number, if there is one.
            pub const fn from_code(code: i64) -> Option<Self> {
                match code { $($num => Some(Self::$variant),)* _ => None }
            }

            /// Its name, as logs print it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it means, in one line.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// The number, 0 or negative.
            pub const fn code(self) -> i64 {
                self as i64
            }
        }
    };
}

codes! {
    0 Ok "OK" = "done";
    -1 General "GENERAL" = "failed";
    -2 NoMemory "NOMEM" = "no memory left in the quota";
    -3 Invalid "INVALID" = "an argument is not valid";
    -4 Denied "DENIED" = "a capability or right is missing";
    -5 Timeout "TIMEOUT" = "the deadline passed";
    -6 Busy "BUSY" = "full or in use";
    -7 NotFound "NOTFOUND" = "there is no such thing here";
    -8 Exists "EXISTS" = "it is there already";
    -9 Overflow "OVERFLOW" = "too large";
    -10 Deadlock "DEADLOCK" = "waiting would never end";
}
