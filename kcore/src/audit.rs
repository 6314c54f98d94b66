//! What was refused, to whom: one record for each refusal, within bounds.
//!
//! A refusal is DENIED (a capability or right is missing), NOMEM (a quota or the machine has no more) or BUSY
//! (full, or above a limit). That an argument is wrong, or something not there, is an answer.
//!
//! # Invariants
//! 1. Every refusal has a number, in order; one without a record shows as a gap, and is counted.
//! 2. An agent has at most [`EACH`] records in a second, so that a flood of refusals hides neither its own beginning
//!    nor the refusals of others. The newest [`RECORDS`] of all are kept.
//! 3. Taking note never fails: without memory for a record the refusal is only counted.

use alloc::collections::VecDeque;
use alloc::string::String;

use flux_abi::ioctl::{OPERATIONS, Operation};
use flux_abi::opcode::Opcode;
use flux_abi::status::Status;
use flux_abi::syscall::Syscall;
use flux_abi::trap::TrapKind;

use crate::id::AgentId;
use crate::time::Time;

/// Records that are kept.
pub const RECORDS: usize = 256;
/// Records that an agent has in a second.
pub const EACH: u32 = 16;
/// A second in nanoseconds.
const SECOND_NS: i64 = 1_000_000_000;
/// Bytes of an agent's name in a record.
const NAME_BYTES: usize = 64;

/// What was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Act {
    /// A system call.
    Call(Syscall),
    /// An operation of IOCTL.
    Operation(Operation),
    /// An instruction.
    Instruction(Opcode),
    /// What a machine needed to go on, without which it traps.
    Need(TrapKind),
}

impl Act {
    /// Its name, as pages and disassembly have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Call(call) => call.info().name,
            Self::Operation(operation) => {
                OPERATIONS.iter().find(|row| row.operation == operation).map_or("IOCTL", |row| row.name)
            }
            Self::Instruction(opcode) => opcode.info().name,
            Self::Need(kind) => kind.name(),
        }
    }
}

/// Whether a status is a refusal.
pub const fn is_refusal(status: Status) -> bool {
    matches!(status, Status::Denied | Status::NoMemory | Status::Busy)
}

/// One refusal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// Its number among all refusals, from 1.
    pub number: u64,
    /// When, in kernel time.
    pub time: Time,
    /// Who was refused.
    pub agent: AgentId,
    /// The agent's name, or its beginning.
    pub name: String,
    /// What.
    pub act: Act,
    /// The word of the handle that was shown, or of the first argument.
    pub handle: u64,
    /// Why.
    pub status: Status,
}

/// The refusals of one agent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Share {
    since: Time,
    count: u32,
    total: u64,
}

impl Share {
    /// Refusals until now.
    pub const fn total(self) -> u64 {
        self.total
    }

    /// Counts one, and tells whether it has a record.
    fn take(&mut self, now: Time) -> bool {
        self.total = self.total.saturating_add(1);
        if now.since(self.since).ns() >= SECOND_NS {
            (self.since, self.count) = (now, 0);
        }
        self.count = self.count.saturating_add(1);
        self.count <= EACH
    }
}

/// The refusals of a shard.
#[derive(Clone, Debug)]
pub struct Audit {
    records: VecDeque<Record>,
    total: u64,
    unrecorded: u64,
}

impl Default for Audit {
    fn default() -> Self {
        Self::new()
    }
}

impl Audit {
    /// None yet.
    pub const fn new() -> Self {
        Self { records: VecDeque::new(), total: 0, unrecorded: 0 }
    }

    /// The records that are kept, the oldest first.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.records.iter()
    }

    /// Records with a higher number than `number`, the oldest first.
    pub fn after(&self, number: u64) -> impl Iterator<Item = &Record> {
        let first = self.records.partition_point(|record| record.number <= number);
        self.records.range(first..)
    }

    /// Refusals since start.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Refusals that never had a record.
    pub const fn unrecorded(&self) -> u64 {
        self.unrecorded
    }

    /// Takes note of a refusal; its record, if it has one.
    pub fn refuse(
        &mut self,
        share: &mut Share,
        (time, agent, name): (Time, AgentId, &str),
        (act, handle, status): (Act, u64, Status),
    ) -> Option<&Record> {
        self.total = self.total.saturating_add(1);
        if !share.take(time) || self.make_room().is_none() {
            self.unrecorded = self.unrecorded.saturating_add(1);
            return None;
        }
        let number = self.total;
        self.records.push_back(Record { number, time, agent, name: beginning(name), act, handle, status });
        self.records.back()
    }

    /// A place for one more record.
    fn make_room(&mut self) -> Option<()> {
        if self.records.len() >= RECORDS {
            self.records.pop_front();
        }
        self.records.try_reserve(1).ok()
    }
}

/// As much of a name as a record has; nothing without memory for it, since the number says who it was.
fn beginning(name: &str) -> String {
    let name = name.get(..name.floor_char_boundary(NAME_BYTES)).unwrap_or(name);
    let mut text = String::new();
    if text.try_reserve_exact(name.len()).is_ok() {
        text.push_str(name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn refuse(audit: &mut Audit, share: &mut Share, ms: i64, agent: u32) -> Option<u64> {
        let who = (Time::from_ns(ms * 1_000_000), AgentId::new(agent, 0).unwrap(), "a");
        let what = (Act::Call(Syscall::Read), 7, Status::Denied);
        audit.refuse(share, who, what).map(|record| record.number)
    }

    #[test]
    fn a_record_says_who_what_when_and_why() {
        let (mut audit, mut share) = (Audit::new(), Share::default());
        let long = "ä".repeat(40);
        let agent = AgentId::new(3, 0).unwrap();
        let who = (Time::from_ns(5), agent, long.as_str());
        let act = Act::Operation(Operation::SetLimit);
        let record = audit.refuse(&mut share, who, (act, 9, Status::Busy)).unwrap();
        assert_eq!((record.number, record.agent, record.time.ns(), record.handle), (1, agent, 5, 9));
        assert_eq!((record.act.name(), record.status, record.name.len()), ("set-limit", Status::Busy, 64));
        assert_eq!(Act::Need(TrapKind::Quota).name(), "QUOTA");
        assert_eq!(Act::Instruction(Opcode::Tell).name(), "TELL");
    }

    #[test]
    fn only_what_is_withheld_is_a_refusal() {
        let refusals: Vec<_> = Status::ALL.iter().copied().filter(|status| is_refusal(*status)).collect();
        assert_eq!(refusals, [Status::NoMemory, Status::Denied, Status::Busy]);
    }

    proptest! {
        /// Against a plain list: numbers, bounds for each agent and for all, and what a reader sees who comes late.
        #[test]
        fn records_are_those_of_a_plain_list(
            steps in proptest::collection::vec((0i64..120, 1u32..5), 1..1_200),
            look in 1usize..400
        ) {
            let mut audit = Audit::new();
            let mut shares = [Share::default(); 5];
            let mut model: Vec<(u64, u32, i64)> = Vec::new();
            // By agent: when its second began, and records in it.
            let mut seconds = [(0i64, 0u32); 5];
            let (mut now, mut seen, mut read) = (0, 0, Vec::new());
            for (n, (later, agent)) in (1u64..).zip(steps) {
                now += later / 20;
                let at = agent as usize;
                let (since, count) = seconds[at];
                seconds[at] = if now - since >= 1_000 { (now, 1) } else { (since, count + 1) };
                let expected = (seconds[at].1 <= EACH).then_some(n);
                prop_assert_eq!(refuse(&mut audit, &mut shares[at], now, agent), expected);
                if expected.is_some() {
                    model.push((n, agent, now));
                }
                if n.is_multiple_of(look as u64) {
                    read.extend(audit.after(seen).map(|record| record.number));
                    seen = audit.total();
                }
                prop_assert_eq!(audit.total(), n);
                prop_assert_eq!(audit.unrecorded(), n - model.len() as u64);
            }
            let kept: Vec<_> = audit.records().map(|record| record.number).collect();
            let newest: Vec<_> = model.iter().rev().take(RECORDS).rev().map(|(number, ..)| *number).collect();
            prop_assert_eq!(kept, newest);
            read.extend(audit.after(seen).map(|record| record.number));
            prop_assert!(read.is_sorted_by(|a, b| a < b), "nothing is read twice");
            if look <= RECORDS {
                prop_assert_eq!(read, model.iter().map(|(number, ..)| *number).collect::<Vec<_>>());
            }
            prop_assert_eq!(shares.iter().map(|share| share.total()).sum::<u64>(), audit.total());
        }
    }
}
