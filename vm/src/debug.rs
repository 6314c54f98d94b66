//! Trace ring, breakpoints and profile of one instance, made when first wanted.
//!
//! A debugged instance runs the plain form of its code with every operation covered by
//! [`Op::Hook`]; the machine uncovers one operation, executes it, and covers it again. So the inner
//! loop pays nothing for debugging.

use alloc::vec::Vec;

use flux_abi::limits::{BREAKPOINTS, TRACE_RECORDS};
use flux_abi::opcode::Opcode;

use crate::execute::Cell;
use crate::exit::{Pc, VmError};
use crate::op::Op;
use crate::program::Program;

/// One executed instruction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TraceRecord {
    /// Its code offset.
    pub pc: Pc,
    /// Its opcode.
    pub opcode: Opcode,
    /// Gas used by the instance before it.
    pub gas: u64,
}

/// Counts of a profiled instance.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Profile {
    /// Instructions executed, by function number.
    pub instructions: Vec<u64>,
    /// Calls made, by number of the called function.
    pub calls: Vec<u64>,
    /// Executions of each operation, by place.
    pub(crate) executed: Vec<u64>,
}

/// At which document lines an instance stops beside its breakpoints.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LineSteps {
    /// At none.
    #[default]
    Off,
    /// Before each line that is another than the one before.
    Into,
    /// As `Into`, but not inside calls that make more than so many frames.
    Over(usize),
    /// Before the first line of each run.
    Starts,
}

/// Whether something is recorded.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Switch {
    On,
    #[default]
    Off,
}

#[derive(Debug, Default)]
pub(crate) struct Debug {
    pub(crate) tracing: Switch,
    pub(crate) profiling: Switch,
    pub(crate) profile: Profile,
    pub(crate) lines: LineSteps,
    /// Line of the last instruction that had one, of the run at work.
    line: Option<u32>,
    /// Sorted places.
    breakpoints: Vec<(u32, Pc)>,
    ring: Vec<TraceRecord>,
    /// Place of the oldest record once the ring is full.
    oldest: usize,
    /// All hooks, but for the operation being executed.
    pub(crate) covered: Vec<Cell>,
    pub(crate) plain: Vec<Cell>,
}

impl Debug {
    /// Makes the operations that debugging executes.
    pub(crate) fn prepare(&mut self, program: &Program) {
        if self.plain.is_empty() {
            self.plain = program.plain();
            self.covered = alloc::vec![Cell::new(Op::Hook); self.plain.len()];
        }
        if self.profile.instructions.is_empty() {
            self.profile.instructions = alloc::vec![0; program.module().functions.len()];
            self.profile.calls = alloc::vec![0; program.module().functions.len()];
            self.profile.executed = alloc::vec![0; self.plain.len()];
        }
    }

    /// Tells whether instructions must be looked at one by one.
    pub(crate) fn is_active(&self) -> bool {
        self.tracing == Switch::On
            || self.profiling == Switch::On
            || self.lines != LineSteps::Off
            || !self.breakpoints.is_empty()
    }

    pub(crate) fn record(&mut self, record: TraceRecord) {
        if self.ring.len() < TRACE_RECORDS {
            self.ring.push(record);
        } else if let Some(place) = self.ring.get_mut(self.oldest) {
            *place = record;
            self.oldest = (self.oldest + 1) % TRACE_RECORDS;
        }
    }

    /// Another run goes on: what line the last one was at means nothing to it.
    pub(crate) fn forget_line(&mut self) {
        self.line = None;
    }

    /// Notes the line of the next instruction; tells whether the run stops before it.
    pub(crate) fn stops_at(&mut self, line: u32, calls: usize) -> bool {
        let before = self.line.replace(line);
        let new = before != Some(line);
        match self.lines {
            LineSteps::Off => false,
            LineSteps::Into => new,
            LineSteps::Over(most) if calls > most => {
                // The line of the caller is still the one that is being stepped over.
                self.line = before;
                false
            }
            LineSteps::Over(_) => new,
            LineSteps::Starts => before.is_none(),
        }
    }

    /// The records, oldest first.
    pub(crate) fn records(&self) -> impl Iterator<Item = &TraceRecord> {
        let (young, old) = self.ring.split_at_checked(self.oldest).unwrap_or((&[], &self.ring));
        old.iter().chain(young)
    }

    pub(crate) fn set_breakpoint(&mut self, place: u32, pc: Pc) -> Result<(), VmError> {
        match self.breakpoints.binary_search_by_key(&place, |point| point.0) {
            Ok(_) => Ok(()),
            Err(_) if self.breakpoints.len() == BREAKPOINTS => Err(VmError::Breakpoints(BREAKPOINTS)),
            Err(at) => {
                self.breakpoints.insert(at, (place, pc));
                Ok(())
            }
        }
    }

    pub(crate) fn clear_breakpoint(&mut self, pc: Pc) -> bool {
        let before = self.breakpoints.len();
        self.breakpoints.retain(|point| point.1 != pc);
        self.breakpoints.len() != before
    }

    pub(crate) fn breakpoint(&self, place: u32) -> Option<Pc> {
        let at = self.breakpoints.binary_search_by_key(&place, |point| point.0).ok()?;
        self.breakpoints.get(at).map(|point| point.1)
    }
}
