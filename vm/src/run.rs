//! One activation: registers, stack, frames, handler records.
//!
//! # Invariants
//! 1. `frames` is not empty while the run lives; the first one is the run's own function.
//! 2. `sp <= stack.len()`, and `stack.len()` is charged to the quota.
//! 3. Every record's frame number is at most `frames.len()`.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::limits::{REGISTERS, STACK_SLOTS};
use flux_abi::register;
use flux_abi::status::Status;
use flux_abi::trap::TrapKind;

use crate::exit::Trap;
use crate::heap::ArenaMark;
use crate::memory::Memory;
use crate::op::{R, SINK};
use crate::program::Program;

/// Slots that a stack gets at first.
const STACK_CHUNK: usize = 64;
/// Bytes of a slot.
const SLOT_BYTES: u64 = 8;

/// A call that will return.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Frame {
    /// Place of the operation to go on with.
    pub(crate) back: u32,
    /// Start of the caller's frame.
    pub(crate) fp: u32,
    /// The caller's base pointer.
    pub(crate) bp: u32,
}

/// A handler of one frame, waiting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Record {
    pub(crate) frame: u32,
    /// Place of the handler's first operation.
    pub(crate) target: u32,
    pub(crate) sp: u32,
    pub(crate) bp: u32,
    pub(crate) finally: Finally,
}

/// Whether a handler came from FINALLY.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Finally {
    Yes,
    No,
}

/// What a handler of a frame is handling.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Caught {
    pub(crate) frame: u32,
    pub(crate) kind: u64,
    /// The trap, or nothing if it was thrown.
    pub(crate) trap: Option<Trap>,
    pub(crate) finally: Finally,
}

/// The trap handler function at work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Handling {
    /// Number of its frame.
    pub(crate) frame: u32,
    pub(crate) trap: Trap,
}

/// What keeps a run from going on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Waiting {
    No,
    /// For the host's answer.
    Host,
    /// It has ended.
    Ended,
}

/// The machine's state of one activation.
#[derive(Debug)]
pub(crate) struct Core {
    /// Values by place; see [`crate::op`].
    pub(crate) regs: [u64; REGISTERS],
    pub(crate) ip: u32,
    pub(crate) fp: u32,
    pub(crate) bp: u32,
    pub(crate) sp: u32,
    pub(crate) flags: u8,
    pub(crate) waiting: Waiting,
    /// Place that takes the value of the host call under way.
    pub(crate) result: R,
    /// Breakpoint that was reported and is passed next.
    pub(crate) passed: u32,
    /// Values that the run's own function gives.
    pub(crate) results: u8,
    pub(crate) stack: Vec<u64>,
    pub(crate) frames: Vec<Frame>,
    pub(crate) records: Vec<Record>,
    pub(crate) caught: Vec<Caught>,
    pub(crate) handling: Option<Handling>,
    pub(crate) mark: ArenaMark,
}

/// The status register's place.
const STATUS: usize = register::LAST_STATUS as usize;

/// Most elements of each list that the memory of an ended run keeps room for.
const KEPT: usize = 64;

impl Core {
    /// The state before the first operation of a run; it waits for nothing and no list holds anything.
    fn new(mark: ArenaMark) -> Self {
        Self {
            regs: [0; REGISTERS],
            ip: 0,
            fp: 0,
            bp: 0,
            sp: 0,
            flags: 0,
            waiting: Waiting::Ended,
            result: SINK,
            passed: u32::MAX,
            results: 0,
            stack: Vec::new(),
            frames: Vec::new(),
            records: Vec::new(),
            caught: Vec::new(),
            handling: None,
            mark,
        }
    }

    /// Forgets the last run; its first frame stands.
    pub(crate) fn clear(&mut self, mark: ArenaMark) {
        let Self { regs, ip, fp, bp, sp, flags, waiting, result, passed, results, .. } = self;
        *regs = [0; REGISTERS];
        (*ip, *fp, *bp, *sp, *flags) = (0, 0, 0, 0, 0);
        (*waiting, *result, *passed, *results) = (Waiting::Ended, SINK, u32::MAX, 0);
        let Self { stack, frames, records, caught, handling, mark: old, .. } = self;
        stack.clear();
        frames.clear();
        frames.push(Frame { back: 0, fp: 0, bp: 0 });
        records.clear();
        caught.clear();
        (*handling, *old) = (None, mark);
    }

    /// Gives back what a run of the usual size does not need.
    pub(crate) fn shrink(&mut self) {
        fn fit<T>(list: &mut Vec<T>) {
            list.clear();
            if list.capacity() > KEPT {
                *list = Vec::new();
            }
        }
        fit(&mut self.stack);
        fit(&mut self.frames);
        fit(&mut self.records);
        fit(&mut self.caught);
    }

    /// Makes room for `slots` slots in all.
    #[cold]
    #[inline(never)]
    pub(crate) fn grow(&mut self, slots: usize, memory: &mut Memory) -> Result<(), TrapKind> {
        if slots > STACK_SLOTS {
            return Err(TrapKind::StackOverflow);
        }
        let wanted = slots.next_power_of_two().max(STACK_CHUNK);
        let more = wanted.saturating_sub(self.stack.len());
        memory.charge(more as u64 * SLOT_BYTES).map_err(|_| TrapKind::Quota)?;
        if self.stack.try_reserve_exact(more).is_err() {
            memory.release(more as u64 * SLOT_BYTES);
            return Err(TrapKind::Quota);
        }
        self.stack.resize(wanted, 0);
        Ok(())
    }

    /// Bytes charged for the stack.
    pub(crate) fn stack_bytes(&self) -> u64 {
        self.stack.len() as u64 * SLOT_BYTES
    }

    /// Ends the host call under way and goes on behind it.
    pub(crate) fn answer(&mut self, value: u64, status: Status) {
        self.regs[self.result.at()] = value;
        self.regs[STATUS] = status.code() as u64;
        self.ip += 1;
        self.waiting = Waiting::No;
    }

    /// Leaves all frames above `frame`.
    pub(crate) fn leave_above(&mut self, frame: u32) {
        if let Some(above) = self.frames.get(frame as usize) {
            self.fp = above.fp;
            self.bp = above.bp;
            self.frames.truncate(frame as usize);
        }
        self.records.retain(|record| record.frame <= frame);
        self.caught.retain(|caught| caught.frame <= frame);
    }

    /// Goes to the newest handler record, if there is one the present state may use.
    pub(crate) fn unwind(&mut self, kind: u64, trap: Option<Trap>) -> bool {
        // A trap in the trap handler function stays inside it.
        let floor = self.handling.map_or(0, |handling| handling.frame);
        let Some(record) = self.records.pop_if(|record| record.frame >= floor) else { return false };
        self.leave_above(record.frame);
        // What this frame was handling deeper inside is over.
        self.caught.push(Caught { frame: record.frame, kind, trap, finally: record.finally });
        self.sp = record.sp;
        self.bp = record.bp;
        self.regs[usize::from(register::FIRST_ARGUMENT)] = kind;
        self.flags |= crate::number::flag::TRAP;
        self.ip = record.target;
        true
    }
}

/// One activation of an instance: a loop pass, a handler, a test.
///
/// Belongs to the instance that began it; an instance may hold several, of which the youngest runs.
#[derive(Debug)]
pub struct Run {
    /// The program whose places the run holds.
    pub(crate) program: Arc<Program>,
    pub(crate) core: Box<Core>,
    /// Its memory has been given back to its instance.
    pub(crate) is_given_back: bool,
}

impl Run {
    /// Memory for a run.
    pub(crate) fn ended(program: &Arc<Program>, mark: ArenaMark) -> Self {
        Self { program: Arc::clone(program), core: Box::new(Core::new(mark)), is_given_back: true }
    }

    /// Gives the result of the host call in which the run was suspended: `value` goes to the result
    /// register, `status` to R61. Does nothing if the run was not suspended.
    pub fn complete(&mut self, value: u64, status: Status) {
        if self.core.waiting == Waiting::Host {
            self.core.answer(value, status);
        }
    }

    /// Tells whether the run waits for [`Run::complete`].
    pub fn is_suspended(&self) -> bool {
        self.core.waiting == Waiting::Host
    }

    /// Word of register `number`, R7..=R55 and R60; 0 for the others but R61.
    pub fn register(&self, number: u8) -> u64 {
        match number {
            7..=55 | register::SYSCALL_NUMBER | register::LAST_STATUS => {
                self.core.regs.get(usize::from(number)).copied().unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// Word of a slot, counted from where the frame of the innermost call starts; 0 if there is none.
    pub fn slot(&self, number: i16) -> u64 {
        let at = i64::from(self.core.fp).saturating_add(i64::from(number));
        usize::try_from(at).ok().and_then(|at| self.core.stack.get(at)).copied().unwrap_or(0)
    }

    /// Slots on the stack.
    pub fn stack_depth(&self) -> usize {
        self.core.sp as usize
    }

    /// Nested calls, the run's own function included.
    pub fn call_depth(&self) -> usize {
        self.core.frames.len()
    }
}
