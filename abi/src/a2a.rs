//! What becomes of each type of message in every case.
//!
//! The cells are values, not text: `kcore/tests/a2a.rs` brings each case about for each row and compares
//! what the kernel does with what stands here, and `docs/A2A.md` is printed from it.

use crate::message::MessageType;
use crate::status::Status;

/// What whoever sends needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Needs {
    /// A handle of an agent with WRITE.
    Endpoint,
    /// A handle of a topic with WRITE.
    TopicToWrite,
    /// A handle of a topic or pattern with READ.
    TopicToRead,
    /// A handle with GRANT: what is handed over.
    HandleToGive,
    /// To be the target of an open request of this type.
    OpenRequest(MessageType),
    /// To be the target of any open request, or the kernel.
    AnyOpenRequest,
    /// COMMUNICATE, without a target.
    Communicate,
    /// Nothing.
    Nothing,
}

/// Where it goes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// A place in the receiver's mailbox.
    Mailbox,
    /// The completion slot that the asker reserved.
    CompletionSlot,
    /// Nowhere: the kernel does at once what it says, and tells those who wait by an event.
    Kernel,
}

/// What comes of it in a case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The sender gets this status; nothing was sent.
    Refused(Status),
    /// The sender gets this status, and a dead letter is counted.
    DeadLetter(Status),
    /// The asker gets an ERROR with this status.
    Error(Status),
    /// Who waits goes on with this status.
    Released(Status),
    /// It is taken as ever.
    Taken,
    /// It is taken as ever, and its answer is a dead letter.
    Orphaned,
    /// It is a dead letter: nobody is told, but it is counted.
    Unread,
    /// The one subscriber misses it: refusals are counted for it, and a dead letter.
    Missed,
    /// The receiver is no subscriber any more.
    NotReached,
    /// It is gone, and so is what it asked for; nobody is told.
    Forgotten,
    /// The case cannot come up.
    Never,
}

/// What becomes of one type of message.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The type.
    pub kind: MessageType,
    /// What whoever sends it needs.
    pub needs: Needs,
    /// Where it goes to.
    pub place: Place,
    /// The types that answer it.
    pub answers: &'static [MessageType],
    /// Its deadline passes.
    pub deadline: Outcome,
    /// It is sent to one that has ended.
    pub to_ended: Outcome,
    /// The receiver ends while it waits there, or while its answer is owed.
    pub receiver_ends: Outcome,
    /// The sender ends after it was sent.
    pub sender_ends: Outcome,
    /// The receiver's mailbox is full, or the sender's quarter of it.
    pub full: Outcome,
    /// The handle was revoked before.
    pub revoked_before: Outcome,
    /// The handle is revoked after it was sent.
    pub revoked_after: Outcome,
}

use MessageType as T;
use Outcome::{
    DeadLetter, Error, Forgotten, Missed, Never, NotReached, Orphaned, Refused, Released, Taken, Unread,
};

/// What becomes of an answer; that of a late one is told to whoever gives it.
const ANSWER: Row = Row {
    kind: T::Reply,
    needs: Needs::OpenRequest(T::Ask),
    place: Place::CompletionSlot,
    answers: &[],
    deadline: DeadLetter(Status::Timeout),
    to_ended: DeadLetter(Status::Timeout),
    receiver_ends: Forgotten,
    sender_ends: Taken,
    full: Taken,
    revoked_before: Taken,
    revoked_after: Taken,
};

const REQUEST: Row = Row {
    kind: T::Ask,
    needs: Needs::Endpoint,
    place: Place::Mailbox,
    answers: &[T::Reply, T::Error],
    deadline: Error(Status::Timeout),
    to_ended: DeadLetter(Status::NotFound),
    receiver_ends: Error(Status::NotFound),
    sender_ends: Orphaned,
    full: DeadLetter(Status::Busy),
    revoked_before: Refused(Status::Denied),
    revoked_after: Taken,
};

/// One row for each type, in the order of their numbers.
pub const ROWS: &[Row] = &[
    Row {
        kind: T::Tell,
        needs: Needs::Endpoint,
        place: Place::Mailbox,
        answers: &[],
        deadline: Never,
        to_ended: DeadLetter(Status::NotFound),
        receiver_ends: Unread,
        sender_ends: Taken,
        full: DeadLetter(Status::Busy),
        revoked_before: Refused(Status::Denied),
        revoked_after: Taken,
    },
    REQUEST,
    ANSWER,
    Row { kind: T::Delegate, answers: &[T::Result, T::Error], ..REQUEST },
    Row { kind: T::Result, needs: Needs::OpenRequest(T::Delegate), ..ANSWER },
    Row {
        kind: T::Barrier,
        needs: Needs::Communicate,
        place: Place::Kernel,
        answers: &[],
        deadline: Released(Status::Timeout),
        to_ended: Never,
        receiver_ends: Never,
        sender_ends: Forgotten,
        full: Taken,
        revoked_before: Never,
        revoked_after: Never,
    },
    Row {
        kind: T::Subscribe,
        needs: Needs::TopicToRead,
        place: Place::Kernel,
        answers: &[],
        deadline: Never,
        to_ended: Never,
        receiver_ends: Never,
        sender_ends: Forgotten,
        full: Taken,
        revoked_before: Refused(Status::Denied),
        revoked_after: NotReached,
    },
    Row {
        kind: T::Event,
        needs: Needs::TopicToWrite,
        place: Place::Mailbox,
        answers: &[],
        deadline: Never,
        to_ended: NotReached,
        receiver_ends: Unread,
        sender_ends: Taken,
        full: Missed,
        revoked_before: Refused(Status::Denied),
        revoked_after: Taken,
    },
    Row { kind: T::Error, needs: Needs::AnyOpenRequest, ..ANSWER },
    Row {
        kind: T::Capability,
        needs: Needs::HandleToGive,
        place: Place::Kernel,
        answers: &[],
        deadline: Never,
        to_ended: Refused(Status::NotFound),
        receiver_ends: Forgotten,
        sender_ends: Taken,
        full: Taken,
        revoked_before: Refused(Status::Denied),
        revoked_after: Forgotten,
    },
    Row {
        kind: T::Heartbeat,
        needs: Needs::Nothing,
        place: Place::Kernel,
        answers: &[],
        deadline: Never,
        to_ended: Taken,
        receiver_ends: Never,
        sender_ends: Taken,
        full: Taken,
        revoked_before: Never,
        revoked_after: Never,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_row() {
        assert!(ROWS.iter().map(|row| row.kind).eq(MessageType::ALL.iter().copied()));
    }
}
