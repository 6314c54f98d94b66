//! Operations of IOCTL (602), which carries what has no number of its own: rows 602.1 and on.

use crate::status::Status;

macro_rules! operations {
    ($($num:literal $variant:ident $object:literal $name:literal $needs:literal record $record:literal
        gives $gives:literal [$($status:ident),*] = $meaning:literal;)*) => {
        /// An operation; the number is the second argument of IOCTL.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        pub enum Operation { $(#[doc = $meaning] $variant = $num,)* }

        /// One row of the table of operations.
        #[derive(Clone, Copy, Debug)]
        pub struct OperationInfo {
            /// The operation.
            pub operation: Operation,
            /// What the handle stands for.
            pub object: &'static str,
            /// Its name.
            pub name: &'static str,
            /// The handle that it needs.
            pub needs: &'static str,
            /// What the third argument is: a word, or the words of the record that it points to.
            pub record: &'static str,
            /// What R16 holds when it is done.
            pub gives: &'static str,
            /// Every status that it can return, in the order of the codes.
            pub statuses: &'static [Status],
            /// What it does, in one line.
            pub meaning: &'static str,
        }

        /// The operations in the order of the numbers.
        pub static OPERATIONS: &[OperationInfo] = &[$(OperationInfo {
            operation: Operation::$variant, object: $object, name: $name, needs: $needs,
            record: $record, gives: $gives, statuses: &[$(Status::$status),*], meaning: $meaning,
        },)*];

        impl Operation {
            /// The operation with this number, if there is one.
            pub const fn from_number(number: u64) -> Option<Self> {
                match number { $($num => Some(Self::$variant),)* _ => None }
            }

            /// Its number.
            pub const fn number(self) -> u64 {
                self as u64
            }

            /// Every status that it can return.
            pub const fn statuses(self) -> &'static [Status] {
                match self { $(Self::$variant => &[$(Status::$status),*],)* }
            }
        }
    };
}

operations! {
    1 Own "capability" "own" "0" record "kind" gives "handle" [Ok, Invalid, Denied, NotFound]
        = "the caller's own handle of the kind with this number";
    2 Unsubscribe "topic" "unsubscribe" "READ on a topic" record "–" gives "0" [Ok, Denied, NotFound]
        = "ends the subscription to the topic";
    3 Revoke "capability" "revoke" "any handle" record "–" gives "0" [Ok, Denied]
        = "revokes the handle and everything derived from it";
    4 Derive "capability" "derive" "any handle, with GRANT for another agent"
        record "[to, kinds, rights, badge, object type, object]" gives "handle" [Ok, NoMemory, Invalid, Denied, Busy, NotFound, Overflow]
        = "derives a handle that is no wider, for the caller (to = 0) or the agent of the handle `to`";
    5 Transfer "capability" "transfer" "any handle with GRANT" record "handle of an agent" gives "handle" [Ok, NoMemory, Invalid, Denied, Busy, NotFound]
        = "moves the handle to the agent; the caller's is stale";
    6 Check "capability" "check" "any word" record "rights" gives "1 or 0" [Ok]
        = "tells whether the handle is live and covers the rights";
    7 Publish "service" "publish" "any handle of COMMUNICATE" record "[name, audience]" gives "handle" [Ok, NoMemory, Invalid, Denied, Busy, Exists, Overflow]
        = "lets others find the caller under a name: all agents, or the one of the handle `audience`";
    8 Withdraw "service" "withdraw" "the handle that publish gave" record "–" gives "0" [Ok, Denied, NotFound]
        = "ends a publication and revokes what was found through it";
    9 Find "service" "find" "any handle of COMMUNICATE" record "[name, skip]" gives "handle" [Ok, NoMemory, Invalid, Denied, Busy, NotFound, Overflow]
        = "a handle for the agent that published the name to the caller, after skipping some";
    10 Link "agent" "link" "MANAGE on an agent" record "–" gives "0" [Ok, NoMemory, Invalid, Denied, Busy, NotFound, Exists]
        = "binds the caller and the agent: when one fails, the other is ended";
    11 Monitor "agent" "monitor" "any handle of an agent" record "–" gives "0" [Ok, NoMemory, Invalid, Denied, Busy, NotFound, Exists]
        = "lets the caller have the message `ended(name, reason, heartbeats)` when the agent ends";
    12 Unlink "agent" "unlink" "any handle of an agent" record "–" gives "0" [Ok, Invalid, Denied, NotFound]
        = "takes link or monitor back";
    13 Signal "agent" "signal" "MANAGE on an agent" record "15 stop, 9 kill" gives "0" [Ok, NoMemory, Invalid, Denied, NotFound]
        = "asks the agent to stop in order, or ends it";
    14 Snapshot "agent" "snapshot" "MANAGE on an agent" record "–" gives "–" [Invalid, Denied, NotFound]
        = "not supported yet: NOTFOUND";
    15 SetLimit "agent" "set-limit" "MANAGE on an agent, or 0" record "[limit, value]" gives "0" [Ok, Invalid, Denied, NotFound]
        = "sets a limit of the agent; with 0 as the handle lowers one of the caller's own. Nobody raises a limit of memory, gas or accesses above what it has itself";
    16 Poll "device or file" "poll" "READ on a device or file" record "–" gives "1" [Ok, Invalid, Denied]
        = "tells that there is something to read; devices and files always answer";
    17 Entrust "capability" "entrust" "any handle with GRANT" record "[agent, kinds]" gives "links" [Ok, NoMemory, Invalid, Denied, Busy, NotFound, Overflow]
        = "gives the agent the handle's object for those of the kinds by which its module lists it; how many links it has then";
    18 Withhold "capability" "withhold" "any handle with GRANT" record "[agent, kinds]" gives "handles" [Ok, NoMemory, Invalid, Denied, NotFound]
        = "revokes what the agent holds of these kinds by the handle; how many handles went";
    19 Narrow "capability" "narrow" "any handle" record "kinds" gives "handle" [Ok, NoMemory, Invalid, Denied, Busy, Overflow]
        = "a handle of the caller for the same object and no more than these kinds, the same one each time; `revoke` takes it back from whoever it was passed to";
    20 ValueKind "device" "value-kind" "any handle of a device" record "–" gives "0, 1 or 2" [Ok, Invalid, Denied, NotFound]
        = "what the device reads and takes: 0 on and off, 1 numbers, 2 texts";
    21 RegionSize "region" "size" "any handle of a region" record "–" gives "bytes" [Ok, Invalid, Denied]
        = "how many bytes the region has";
    22 ReadByte "region" "read-byte" "READ on a region" record "offset" gives "byte" [Ok, Invalid, Denied, Overflow]
        = "the byte there; OVERFLOW outside of the region";
    23 ReadWord "region" "read-word" "READ on a region" record "offset" gives "word" [Ok, Invalid, Denied, Overflow]
        = "the 8 bytes from there, little-endian; OVERFLOW if one lies outside of the region";
    24 WriteByte "region" "write-byte" "WRITE on a region" record "[offset, byte]" gives "0" [Ok, Invalid, Denied, Overflow]
        = "puts a byte there; OVERFLOW outside of the region";
    25 WriteWord "region" "write-word" "WRITE on a region" record "[offset, word]" gives "0" [Ok, Invalid, Denied, Overflow]
        = "puts 8 bytes from there on, little-endian; OVERFLOW if one lies outside of the region";
    26 ReadOnly "region" "read-only" "READ on a region" record "–" gives "handle" [Ok, NoMemory, Invalid, Denied, Busy, Overflow]
        = "a handle of the caller for the same region that does not write, the same one each time";
}

/// The signal that asks an agent to stop in order.
pub const SIGNAL_STOP: i64 = 15;

crate::numbered! {
    /// Limits of an agent, as SET-LIMIT names them.
    Limit {
        0 Priority "priority" = "Priority among READY agents, 0 (low) to 255.";
        1 Mailbox "mailbox" = "Messages that may wait, 1 to 64; a sender has a quarter of them. A full mailbox refuses with BUSY.";
        2 Memory "memory" = "Bytes of the quota that it was started with; above them NOMEM, or the trap QUOTA.";
        3 Gas "gas" = "Gas in a second, above which it rests until the next one.";
        4 Accesses "io" = "Accesses to devices and files in a second, above which they are BUSY.";
    }
}

/// The value that takes a limit of memory, gas or accesses away.
pub const NO_LIMIT: u64 = u64::MAX;

/// Objects to which DERIVE narrows a handle.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum ObjectType {
    /// What the handle stands for already; the object word is not looked at.
    Same = 0,
    /// The kind itself, for calls that need no object.
    Kind = 1,
    /// A device, by its number at the kernel.
    Device = 2,
    /// An agent, by its number.
    Agent = 3,
    /// A topic, by its number.
    Topic = 4,
    /// A loaded module, by its number at the kernel.
    Module = 5,
    /// An open file, by its number at the kernel.
    File = 6,
    /// A memory region, by its number at the kernel.
    Region = 7,
}

impl ObjectType {
    /// The type with this number, if there is one.
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Same),
            1 => Some(Self::Kind),
            2 => Some(Self::Device),
            3 => Some(Self::Agent),
            4 => Some(Self::Topic),
            5 => Some(Self::Module),
            6 => Some(Self::File),
            7 => Some(Self::Region),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_operations_are_the_rows_of_602() {
        for (number, row) in (1..).zip(OPERATIONS) {
            assert_eq!(row.operation.number(), number);
            assert_eq!(Operation::from_number(number), Some(row.operation));
        }
        assert_eq!((Operation::from_number(0), Operation::from_number(27)), (None, None));
        assert_eq!(ObjectType::from_number(6), Some(ObjectType::File));
        assert_eq!(ObjectType::from_number(8), None);
    }
}
