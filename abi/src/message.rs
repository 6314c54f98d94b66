//! The eleven message types.

macro_rules! types {
    ($($num:literal $variant:ident $name:literal = $meaning:literal;)*) => {
        /// Type of an agent-to-agent message.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        pub enum MessageType { $(#[doc = $meaning] $variant = $num,)* }

        impl MessageType {
            /// Every type in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The type with this number, if there is one.
            pub const fn from_byte(byte: u8) -> Option<Self> {
                match byte { $($num => Some(Self::$variant),)* _ => None }
            }

            /// Its name, as logs print it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it is, in one line.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

types! {
    0 Tell "TELL" = "information; nothing is answered";
    1 Ask "ASK" = "a question; the asker waits for REPLY or ERROR";
    2 Reply "REPLY" = "the answer to an ASK";
    3 Delegate "DELEGATE" = "work handed over; ends in RESULT or ERROR";
    4 Result "RESULT" = "the outcome of a DELEGATE";
    5 Barrier "BARRIER" = "arrival at a barrier";
    6 Subscribe "SUBSCRIBE" = "subscription to a topic";
    7 Event "EVENT" = "something published on a topic";
    8 Error "ERROR" = "an ASK or DELEGATE failed";
    9 Capability "CAPABILITY" = "a capability handed over";
    10 Heartbeat "HEARTBEAT" = "sign of life to the supervisor";
}
