//! Counters of messages that reached nobody.

use flux_abi::message::MessageType;

macro_rules! reasons {
    ($($variant:ident $name:literal = $meaning:literal;)*) => {
        /// Why a message is a dead letter.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        pub enum DeadReason { $(#[doc = $meaning] $variant,)* }

        impl DeadReason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name, as logs print it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What happened, in one line for people.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

reasons! {
    UnknownTarget "unknown target" = "no agent has this name";
    TargetEnded "target ended" = "the agent has ended";
    MailboxFull "mailbox full" = "the mailbox of the agent is full";
    SenderShare "sender share" = "too many messages of this sender wait at the agent already";
    NoMemory "no memory" = "the kernel has no memory for the message";
    Misfit "misfit" = "the agent has no handler for this message";
    Late "late" = "the request had ended before its answer came";
    Revoked "revoked" = "a handle that the message carries was revoked before it could go";
    Unread "unread" = "the agent ended before it read the message";
}

const REASONS: usize = DeadReason::ALL.len();
const TYPES: usize = MessageType::ALL.len();

/// Dead letters by reason and by message type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DeadLetters {
    by_reason: [u64; REASONS],
    by_type: [u64; TYPES],
}

impl Default for DeadLetters {
    fn default() -> Self {
        Self { by_reason: [0; REASONS], by_type: [0; TYPES] }
    }
}

impl DeadLetters {
    /// Counts one.
    pub fn count(&mut self, kind: MessageType, reason: DeadReason) {
        if let Some(count) = self.by_reason.get_mut(reason as usize) {
            *count = count.saturating_add(1);
        }
        if let Some(count) = self.by_type.get_mut(kind as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.by_reason.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Those of one reason.
    pub fn of_reason(&self, reason: DeadReason) -> u64 {
        self.by_reason.get(reason as usize).copied().unwrap_or(0)
    }

    /// Those of one message type.
    pub fn of_type(&self, kind: MessageType) -> u64 {
        self.by_type.get(kind as usize).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_counts_once_for_its_reason_and_once_for_its_type() {
        let mut letters = DeadLetters::default();
        letters.count(MessageType::Tell, DeadReason::MailboxFull);
        letters.count(MessageType::Event, DeadReason::MailboxFull);
        letters.count(MessageType::Tell, DeadReason::Late);
        assert_eq!(letters.total(), 3);
        assert_eq!(letters.of_reason(DeadReason::MailboxFull), 2);
        assert_eq!(letters.of_reason(DeadReason::Unread), 0);
        assert_eq!(letters.of_type(MessageType::Tell), 2);
    }
}
