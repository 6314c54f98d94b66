//! What happens around the inner loop: gas, slices, traps, and the operations it leaves to others.

mod calls;
mod flagged;
mod operations;

use flux_abi::limits::CALL_DEPTH;
use flux_abi::opcode::{Executor, FlagEffect, Opcode};
use flux_abi::trap::TrapKind;

use crate::debug::{Switch, TraceRecord};
use crate::execute::{Cell, Why, execute};
use crate::exit::{Exit, Stop, Trap};
use crate::host::HostCall;
use crate::instance::{ARGUMENT, Instance, memory_trap};
use crate::memory::MemoryError;
use crate::number;
use crate::op::{Op, R};
use crate::run::{Core, Finally, Frame, Handling, Waiting};
use crate::text;

use flagged::flagged;

/// Bytes that a bulk operation moves for one unit of gas beyond its block's.
pub const BULK_BYTES_PER_GAS: u64 = 64;

/// What the machine needs next.
pub(crate) enum Step {
    Exit(Exit),
    Host(HostCall),
}

/// How an operation outside the inner loop ended.
enum Done {
    /// Go on behind it.
    Next,
    /// Go on at the place that was set.
    Jumped,
    Exit(Exit),
    Host(HostCall),
}

/// An operation that traps.
struct Fault {
    kind: TrapKind,
    value: u64,
}

impl From<TrapKind> for Fault {
    fn from(kind: TrapKind) -> Self {
        Self { kind, value: 0 }
    }
}

impl From<MemoryError> for Fault {
    fn from(error: MemoryError) -> Self {
        let (kind, value) = memory_trap(error);
        Self { kind, value }
    }
}

impl From<text::Refused> for Fault {
    fn from(refused: text::Refused) -> Self {
        Self { kind: refused.kind, value: refused.value }
    }
}

impl Instance {
    /// Executes until the run leaves the machine; `left` is what is left of the slice.
    pub(crate) fn advance(&mut self, core: &mut Core, left: &mut u64) -> Step {
        match core.waiting {
            Waiting::No => {}
            Waiting::Host => return Step::Exit(Exit::Suspended),
            // A run that has ended does nothing more.
            Waiting::Ended => return Step::Exit(Exit::Stopped(Stop::Halt)),
        }
        loop {
            let limit = self.gas_left.min(*left);
            let debugged = self.debug.as_ref().is_some_and(|debug| debug.is_active());
            let out = if debugged {
                if let Some(exit) = self.look(core) {
                    return Step::Exit(exit);
                }
                let Some(debug) = &mut self.debug else { continue };
                let place = core.ip as usize;
                if let (Some(cover), Some(cell)) = (debug.covered.get_mut(place), debug.plain.get(place)) {
                    *cover = *cell;
                }
                let out = execute(&debug.covered, core, &mut self.memory, limit);
                if let Some(cover) = debug.covered.get_mut(place) {
                    *cover = Cell::new(Op::Hook);
                }
                out
            } else {
                execute(&self.program.code().cells, core, &mut self.memory, limit)
            };
            self.charge(limit - out.fuel, left);
            let done = match out.why {
                Why::Hook => continue,
                Why::Gas => self.pass_gas_check(core, left),
                Why::Slow => self.slow(core, left),
                Why::Stack(slots) => match core.grow(slots, &mut self.memory) {
                    Ok(()) => Ok(Done::Jumped),
                    Err(kind) => Err(Fault::from(kind)),
                },
                Why::Trap(kind, value) => Err(Fault { kind, value }),
                Why::Finished => {
                    core.waiting = Waiting::Ended;
                    let value = if core.results > 0 { core.regs[ARGUMENT] } else { 0 };
                    Ok(Done::Exit(Exit::Finished(value)))
                }
            };
            match done {
                Ok(Done::Next) => core.ip += 1,
                Ok(Done::Jumped) => {}
                Ok(Done::Exit(exit)) => return Step::Exit(exit),
                Ok(Done::Host(call)) => return Step::Host(call),
                Err(fault) => {
                    if let Some(exit) = self.raise(core, fault.kind, fault.value) {
                        return Step::Exit(exit);
                    }
                }
            }
        }
    }

    /// Books gas that was used.
    fn charge(&mut self, gas: u64, left: &mut u64) {
        self.gas_left = self.gas_left.saturating_sub(gas);
        *left = left.saturating_sub(gas);
        self.counters.gas = self.counters.gas.saturating_add(gas);
    }

    /// The operation at `core.ip`.
    fn operation(&self, core: &Core) -> Option<Op> {
        let cells = match self.debug.as_ref().filter(|debug| debug.is_active()) {
            Some(debug) => &debug.plain,
            None => &self.program.code().cells,
        };
        cells.get(core.ip as usize).map(|cell| cell.op)
    }

    /// A GAS_CHECK that wants more than is left of budget or slice.
    fn pass_gas_check(&mut self, core: &Core, left: &mut u64) -> Result<Done, Fault> {
        let Some(Op::GasCheck { gas }) = self.operation(core) else { return Err(TrapKind::Gas.into()) };
        if self.gas_left < u64::from(gas) {
            return Err(TrapKind::Gas.into());
        }
        if *left == 0 {
            return Ok(Done::Exit(Exit::Preempted));
        }
        // The slice may be overdrawn by one block, so that every slice makes progress.
        self.charge(u64::from(gas), left);
        Ok(Done::Next)
    }

    /// Charges a bulk operation over `bytes`, before its effect.
    fn charge_bulk(&mut self, bytes: u64, left: &mut u64) -> Result<(), Fault> {
        let gas = bytes / BULK_BYTES_PER_GAS;
        if gas > self.gas_left {
            return Err(TrapKind::Gas.into());
        }
        self.charge(gas, left);
        Ok(())
    }

    /// Records the instruction about to be executed; a breakpoint there leaves the machine.
    fn look(&mut self, core: &mut Core) -> Option<Exit> {
        let pc = self.program.pc(core.ip);
        // Only the first operation of an instruction counts.
        let first = core.ip.checked_sub(1).is_none_or(|before| self.program.pc(before) != pc);
        let debug = self.debug.as_mut()?;
        if let Some(pc) = debug.breakpoint(core.ip)
            && core.passed != core.ip
        {
            core.passed = core.ip;
            if let Some(line) = self.program.line_at(pc) {
                debug.stops_at(line, core.frames.len());
            }
            return Some(Exit::Breakpoint(pc));
        }
        if first
            && core.passed != core.ip
            && let Some(line) = self.program.line_at(pc)
            && debug.stops_at(line, core.frames.len())
        {
            core.passed = core.ip;
            return Some(Exit::Breakpoint(pc));
        }
        core.passed = u32::MAX;
        if !first {
            return None;
        }
        let module = self.program.module();
        let byte = module.code.get(pc.0 as usize).map_or(0, |word| word.to_le_bytes()[0]);
        let opcode = Opcode::from_byte(byte)?;
        if debug.tracing == Switch::On {
            debug.record(TraceRecord { pc, opcode, gas: self.counters.gas });
        }
        if debug.profiling == Switch::On {
            if let Some(count) = debug.profile.executed.get_mut(core.ip as usize) {
                *count += 1;
            }
            let function = self.program.function_of_place(core.ip);
            if let Some(count) = debug.profile.instructions.get_mut(function) {
                *count += 1;
            }
            let called = match opcode {
                Opcode::Call | Opcode::Tailcall => {
                    module.code.get(pc.0 as usize + 1).map(|function| *function as usize)
                }
                _ => None,
            };
            if let Some(count) = called.and_then(|function| debug.profile.calls.get_mut(function)) {
                *count += 1;
            }
        }
        None
    }

    /// Document line of `core.ip`: of the innermost call that has one.
    fn line_of(&self, core: &Core) -> Option<u32> {
        let callers = core.frames.iter().rev().map(|frame| frame.back.saturating_sub(1));
        core::iter::once(core.ip)
            .chain(callers)
            .find_map(|place| self.program.line_at(self.program.pc(place)))
    }

    /// Raises a trap at `core.ip`. `None`: a handler takes over.
    pub(crate) fn raise(&mut self, core: &mut Core, kind: TrapKind, value: u64) -> Option<Exit> {
        self.counters.traps += 1;
        let pc = self.program.pc(core.ip);
        let (function, line) = (self.program.function_at(pc), self.line_of(core));
        let trap = Trap { kind, pc, function, line, value };
        if kind.is_catchable()
            && (self.enter_trap_handler(core, trap) || core.unwind(kind as u64, Some(trap)))
        {
            return None;
        }
        core.waiting = Waiting::Ended;
        Some(Exit::Trapped(trap))
    }

    /// Calls the trap handler function, if there is one and none is at work.
    fn enter_trap_handler(&mut self, core: &mut Core, trap: Trap) -> bool {
        let start = self.trap_handler.checked_sub(1).and_then(|function| self.program.start(function));
        let Some(start) = start else { return false };
        if core.handling.is_some() || core.frames.len() > CALL_DEPTH {
            return false;
        }
        core.frames.push(Frame { back: core.ip, fp: core.fp, bp: core.bp });
        core.fp = core.sp;
        core.handling = Some(Handling { frame: core.frames.len() as u32, trap });
        core.regs[ARGUMENT] = trap.kind as u64;
        core.regs[ARGUMENT + 1] = u64::from(trap.pc.0);
        core.flags |= number::flag::TRAP;
        core.ip = start;
        self.show_views(core);
        true
    }

    /// RETI: leaves the trap handler function.
    fn leave_trap_handler(&mut self, core: &mut Core, action: u64) -> Result<Done, Fault> {
        let Some(Handling { frame, trap }) = core.handling.take() else {
            return Err(TrapKind::Invalid.into());
        };
        let below = frame.saturating_sub(1);
        if let Some(own) = core.frames.get(below as usize) {
            core.ip = own.back;
        }
        // The frame above starts where the trapped one ended.
        let start = core.frames.get(frame as usize).map_or(core.fp, |above| above.fp);
        core.sp = start;
        core.leave_above(below);
        self.show_views(core);
        if action == 1 && core.unwind(trap.kind as u64, Some(trap)) {
            return Ok(Done::Jumped);
        }
        core.waiting = Waiting::Ended;
        Ok(Done::Exit(Exit::Trapped(trap)))
    }

    /// EXCEPTION_RET: ends a handler of this frame.
    fn end_handler(&mut self, core: &mut Core, action: u64) -> Result<Done, Fault> {
        let frame = core.frames.len() as u32;
        let Some(caught) = core.caught.pop_if(|caught| caught.frame == frame) else {
            return Err(TrapKind::Invalid.into());
        };
        if action != 0 || caught.finally == Finally::Yes {
            if core.unwind(caught.kind, caught.trap) {
                return Ok(Done::Jumped);
            }
            return match caught.trap {
                Some(trap) => {
                    core.waiting = Waiting::Ended;
                    Ok(Done::Exit(Exit::Trapped(trap)))
                }
                None => Err(Fault { kind: TrapKind::User, value: caught.kind }),
            };
        }
        core.regs[ARGUMENT] = 0;
        let stacked = self.program.stacked_at(core.ip);
        let Some(own) = core.frames.pop_if(|_| frame > 1) else {
            core.waiting = Waiting::Ended;
            return Ok(Done::Exit(Exit::Finished(0)));
        };
        core.sp = core.fp - stacked;
        core.fp = own.fp;
        core.bp = own.bp;
        core.ip = own.back;
        core.records.retain(|record| record.frame < frame);
        core.caught.retain(|caught| caught.frame < frame);
        Ok(Done::Jumped)
    }

    /// The operation at `core.ip`, which the inner loop leaves to others.
    fn slow(&mut self, core: &mut Core, left: &mut u64) -> Result<Done, Fault> {
        match self.operation(core) {
            Some(Op::View { view }) => {
                core.regs[view.at()] = self.view(core, view);
                Ok(Done::Next)
            }
            Some(Op::Slow { slow, imm }) => {
                let info = slow.opcode.info();
                match info.executor {
                    Executor::Host => Ok(self.host_operation(core, slow, imm)),
                    Executor::Machine if info.flags != FlagEffect::None => {
                        flagged(core, slow, imm)?;
                        Ok(Done::Next)
                    }
                    Executor::Machine => self.machine_operation(core, slow, imm, left),
                }
            }
            _ => Err(TrapKind::Invalid.into()),
        }
    }

    /// The value of a view that is computed when it is read.
    fn view(&self, core: &Core, view: R) -> u64 {
        match view.at() {
            1 if core.frames.len() > 1 => {
                core.frames.last().map_or(0, |frame| u64::from(self.program.pc(frame.back).0))
            }
            2 => u64::from(core.sp),
            3 => u64::from(core.bp),
            4 => u64::from(self.program.pc(core.ip).0),
            5 => u64::from(core.flags),
            6 => u64::from(core.fp),
            57 => self.counters.gas,
            59 => self.memory.size(),
            _ => 0,
        }
    }
}

/// The slot `below` the top of the stack.
fn top(core: &Core, below: usize) -> Result<u64, Fault> {
    let slot = (core.sp as usize).checked_sub(below).and_then(|at| core.stack.get(at));
    slot.copied().ok_or(Fault::from(TrapKind::Invalid))
}
