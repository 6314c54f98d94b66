//! Why an instance stopped: one table of trap kinds.

macro_rules! traps {
    ($($num:literal $variant:ident $name:literal $catch:ident = $meaning:literal;)*) => {
        crate::numbered! {
            /// Kind of a trap; the number is what handlers see.
            TrapKind { $($num $variant $name = $meaning;)* }
        }

        impl TrapKind {
            /// Tells whether CATCH and SET_HANDLER see it; resource traps end the instance always.
            pub const fn is_catchable(self) -> bool {
                match self { $(Self::$variant => traps!(@ $catch),)* }
            }
        }
    };
    (@ yes) => { true }; (@ no) => { false };
}

traps! {
    1 BadAccess "BAD_ACCESS" yes = "memory access outside the region or against its rights";
    2 DivideByZero "DIVIDE_BY_ZERO" yes = "division by zero";
    3 Overflow "OVERFLOW" yes = "a number or payload does not fit";
    4 StackOverflow "STACK_OVERFLOW" no = "the stack is full";
    5 CallDepth "CALL_DEPTH" no = "too many nested calls";
    6 Gas "GAS" no = "gas is used up: the run works too long without a pause";
    7 Quota "QUOTA" no = "the memory quota is used up";
    8 Capability "CAPABILITY" yes = "a capability is missing";
    9 Revoked "REVOKED" no = "a capability was revoked";
    10 Assertion "ASSERTION" yes = "an expected condition does not hold";
    11 Index "INDEX" yes = "index out of range";
    12 Conversion "CONVERSION" yes = "a number is outside the range of the target type";
    13 Invalid "INVALID" yes = "a place that must never be reached was reached";
    14 User "USER" yes = "raised by the program";
    15 Fail "FAIL" no = "the agent failed on purpose";
    16 Device "DEVICE" yes = "a device failed too often";
    17 Missing "MISSING" yes = "a value is missing";
    18 Message "MESSAGE" yes = "a request ended in an error that nobody handles";
    19 Reply "REPLY" yes = "a request was answered twice, or there is none to answer";
    20 Protocol "PROTOCOL" no = "a message that the protocol does not allow";
    21 BadCall "BAD_CALL" yes = "call of no function, or of one with another signature";
    22 Host "HOST" yes = "the host refused a call that can't be refused";
    23 Killed "KILLED" no = "ended from outside";
}
