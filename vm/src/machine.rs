//! What happens around the inner loop: gas, slices, traps, and the operations it leaves to others.

use flux_abi::limits::{CALL_DEPTH, STACK_SLOTS};
use flux_abi::opcode::{Executor, FlagEffect, Opcode, Operand};
use flux_abi::select::{
    AllocKind, Clock, Convert, Float32, FloatBinary, FloatUnary, RegionRights, Signedness, TextOp,
};
use flux_abi::status::Status;
use flux_abi::trap::TrapKind;

use crate::debug::{Switch, TraceRecord};
use crate::execute::{Cell, Why, execute};
use crate::exit::{Exit, Stop, Trap};
use crate::host::{HOST_ARGUMENTS, HostCall};
use crate::instance::{ARGUMENT, Instance, memory_trap};
use crate::memory::MemoryError;
use crate::number::{self, float};
use crate::op::{Op, R, SINK, Slow};
use crate::region::{SharedRegion, may_read, may_write};
use crate::run::{Core, Finally, Frame, Handling, Record, Waiting};
use crate::text::{self, Made};

/// Bytes that a bulk operation moves for one unit of gas beyond its block's.
pub const BULK_BYTES_PER_GAS: u64 = 64;
/// Reason of a PANIC whose text lies outside the memory.
const UNREADABLE: &str = "the reason is not readable";
/// Place of the register that holds a system call's number.
const SYSCALL: R = R::new(flux_abi::register::SYSCALL_NUMBER);
/// Lanes of a vector group.
const LANES: usize = 4;

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
                    Ok(Done::Exit(Exit::Finished(self.result(core))))
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

    /// The result word of the run's own function.
    fn result(&self, core: &Core) -> u64 {
        let program = &self.program;
        let function = program.function_at(program.pc(core.ip));
        match program.signature(function) {
            Some(signature) if signature.results > 0 => core.regs[ARGUMENT],
            _ => 0,
        }
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

    /// Raises a trap at `core.ip`. `None`: a handler takes over.
    pub(crate) fn raise(&mut self, core: &mut Core, kind: TrapKind, value: u64) -> Option<Exit> {
        self.counters.traps += 1;
        let pc = self.program.pc(core.ip);
        let (function, line) = (self.program.function_at(pc), self.program.line_at(pc));
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
                    Executor::Host => self.host_operation(core, slow, imm),
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

    fn machine_operation(
        &mut self,
        core: &mut Core,
        slow: Slow,
        imm: i64,
        left: &mut u64,
    ) -> Result<Done, Fault> {
        let Slow { opcode, r, select } = slow;
        let get = |core: &Core, position: usize| core.regs[r[position].at()];
        let (a, b, c) = (get(core, 1), get(core, 2), get(core, 3));
        let first = get(core, 0);
        // What a choice byte outside its list would mean; the decoder lets none through.
        let wrong = || Fault::from(TrapKind::Invalid);
        let result = match opcode {
            Opcode::Trap => {
                let kind = u8::try_from(imm).ok().and_then(TrapKind::from_byte).unwrap_or(TrapKind::User);
                return Err(Fault { kind, value: imm as u64 });
            }
            Opcode::Mulh => number::mulh(a, b, Signedness::from_byte(select).ok_or_else(wrong)?),
            Opcode::Fmath1 => number::float_unary(a, FloatUnary::from_byte(select).ok_or_else(wrong)?),
            Opcode::Fmath2 => number::float_binary(a, b, FloatBinary::from_byte(select).ok_or_else(wrong)?),
            Opcode::F32 => number::f32(a, b, Float32::from_byte(select).ok_or_else(wrong)?),
            Opcode::Convert => {
                let how = Convert::from_byte(select).ok_or_else(wrong)?;
                number::convert(a, how).map_err(|kind| Fault { kind, value: a })?
            }
            Opcode::Cmpxchg => {
                self.memory.bytes_mut(a, 8)?;
                let old = self.memory.read_u64(a)?;
                if old == b {
                    self.memory.write_u64(a, c)?;
                }
                old
            }
            Opcode::AtomicAdd | Opcode::AtomicSub => {
                self.memory.bytes_mut(a, 8)?;
                let old = self.memory.read_u64(a)?;
                let new = if opcode == Opcode::AtomicAdd { old.wrapping_add(b) } else { old.wrapping_sub(b) };
                self.memory.write_u64(a, new)?;
                old
            }
            Opcode::LoadRm => {
                let at = offset(a, imm)?;
                let region = self.memory.region(u64::from(select)).filter(|region| may_read(region.1));
                region.and_then(|region| region.0.read(at)).ok_or(bad_access(at))?
            }
            Opcode::StoreRm => {
                let at = offset(first, imm)?;
                let region = self.memory.region(u64::from(select)).filter(|region| may_write(region.1));
                region.and_then(|region| region.0.write(at, a)).ok_or(bad_access(at))?;
                return Ok(Done::Next);
            }
            Opcode::Memset => {
                self.memory.bytes_mut(first, b)?;
                self.charge_bulk(b, left)?;
                self.memory.bytes_mut(first, b)?.fill(a as u8);
                return Ok(Done::Next);
            }
            Opcode::Memcpy => {
                self.memory.bytes(a, b)?;
                self.memory.bytes_mut(first, b)?;
                self.charge_bulk(b, left)?;
                self.memory.copy(first, a, b)?;
                return Ok(Done::Next);
            }
            Opcode::Memcmp => {
                self.memory.bytes(a, c)?;
                self.memory.bytes(b, c)?;
                self.charge_bulk(c, left)?;
                self.memory.bytes(a, c)?.cmp(self.memory.bytes(b, c)?) as i64 as u64
            }
            Opcode::Alloc => {
                let kind = AllocKind::from_byte(select).ok_or_else(wrong)?;
                if a > self.memory.quota() {
                    return Err(TrapKind::Quota.into());
                }
                self.charge_bulk(a, left)?;
                u64::from(self.memory.alloc(kind, a)?)
            }
            Opcode::StateFree => {
                self.memory.free(first)?;
                return Ok(Done::Next);
            }
            Opcode::Text => {
                let operation = TextOp::from_byte(select).ok_or_else(wrong)?;
                let read = text::bytes_read(operation, a, b, &self.memory)?;
                self.charge_bulk(read, left)?;
                match text::make(operation, a, b, &self.memory)? {
                    Made::Word(word) => word,
                    Made::Text(kind, bytes) => {
                        self.charge_bulk(bytes.len() as u64, left)?;
                        u64::from(self.memory.alloc_str(kind, &bytes)?)
                    }
                }
            }
            Opcode::PushImm | Opcode::Pushf | Opcode::Dup => {
                let value = match opcode {
                    Opcode::PushImm => imm as u64,
                    Opcode::Pushf => u64::from(core.flags),
                    _ => top(core, 1)?,
                };
                if core.sp as usize == core.stack.len() {
                    core.grow(core.sp as usize + 1, &mut self.memory)?;
                }
                if let Some(slot) = core.stack.get_mut(core.sp as usize) {
                    *slot = value;
                }
                core.sp += 1;
                return Ok(Done::Next);
            }
            Opcode::Swap => {
                let (upper, lower) = (core.sp as usize - 1, core.sp as usize - 2);
                core.stack.swap(upper, lower);
                return Ok(Done::Next);
            }
            Opcode::StackChk => {
                if imm > (STACK_SLOTS - core.sp as usize) as i64 {
                    return Err(TrapKind::StackOverflow.into());
                }
                return Ok(Done::Next);
            }
            Opcode::Calli => return self.call_indirect(core, Some(first), first, imm),
            Opcode::CallReg => return self.call_indirect(core, first.checked_sub(1), first, imm),
            Opcode::Throw => {
                if core.unwind(first, None) {
                    return Ok(Done::Jumped);
                }
                return Err(Fault { kind: TrapKind::User, value: first });
            }
            Opcode::Catch | Opcode::Finally => {
                let frame = core.frames.len() as u32;
                match u32::try_from(imm) {
                    Ok(target) => {
                        let finally = if opcode == Opcode::Finally { Finally::Yes } else { Finally::No };
                        core.records.push(Record { frame, target, sp: core.sp, bp: core.bp, finally });
                    }
                    Err(_) => {
                        core.records.pop_if(|record| record.frame == frame);
                    }
                }
                return Ok(Done::Next);
            }
            Opcode::ExceptionRet => return self.end_handler(core, first),
            Opcode::Reti => return self.leave_trap_handler(core, first),
            Opcode::SetHandler => {
                self.trap_handler = imm as u32 + 1;
                self.show_views(core);
                return Ok(Done::Next);
            }
            Opcode::TraceOn | Opcode::TraceOff => {
                if opcode == Opcode::TraceOn {
                    self.start_trace();
                } else {
                    self.stop_trace();
                }
                self.show_views(core);
                return Ok(Done::Next);
            }
            Opcode::ProfStart => {
                self.debugging().profiling = Switch::On;
                self.show_views(core);
                return Ok(Done::Next);
            }
            Opcode::ProfStop => {
                if let Some(debug) = &mut self.debug {
                    debug.profiling = Switch::Off;
                }
                self.show_views(core);
                return Ok(Done::Next);
            }
            Opcode::GasInit => {
                self.gas_left = self.gas_left.min(first);
                return Ok(Done::Next);
            }
            Opcode::VecLoad => {
                let at = offset(a, imm)?;
                for (lane, bytes) in self.memory.bytes(at, 32)?.as_chunks().0.iter().enumerate() {
                    core.regs[r[0].at() + lane] = u64::from_le_bytes(*bytes);
                }
                return Ok(Done::Next);
            }
            Opcode::VecStore => {
                let at = offset(first, imm)?;
                let lanes: [u64; LANES] = core::array::from_fn(|lane| core.regs[r[1].at() + lane]);
                for (to, lane) in self.memory.bytes_mut(at, 32)?.as_chunks_mut().0.iter_mut().zip(lanes) {
                    *to = lane.to_le_bytes();
                }
                return Ok(Done::Next);
            }
            Opcode::VecAdd | Opcode::VecMul | Opcode::VecSplat => {
                let lanes: [u64; LANES] = core::array::from_fn(|lane| {
                    let group = |position: usize| float(core.regs[r[position].at() + lane]);
                    match opcode {
                        Opcode::VecAdd => number::bits(group(1) + group(2)),
                        Opcode::VecMul => number::bits(group(1) * group(2)),
                        _ => a,
                    }
                });
                for (lane, value) in lanes.into_iter().enumerate() {
                    core.regs[r[0].at() + lane] = value;
                }
                return Ok(Done::Next);
            }
            Opcode::VecDot => {
                let product =
                    |lane: usize| float(core.regs[r[1].at() + lane]) * float(core.regs[r[2].at() + lane]);
                number::bits(((product(0) + product(1)) + product(2)) + product(3))
            }
            // INVALID, and what the inner loop does itself.
            _ => return Err(TrapKind::Invalid.into()),
        };
        core.regs[r[0].at()] = result;
        Ok(Done::Next)
    }

    /// CALLI and CALL_REG: `function` if the register names one, `named` what it holds.
    fn call_indirect(
        &mut self,
        core: &mut Core,
        function: Option<u64>,
        named: u64,
        signature: i64,
    ) -> Result<Done, Fault> {
        let bad = Fault { kind: TrapKind::BadCall, value: named };
        let module = self.program.module();
        let function = function.and_then(|function| usize::try_from(function).ok());
        let number = function.and_then(|number| Some((number, module.functions.get(number)?)));
        let Some((number, function)) = number else { return Err(bad) };
        // Equal shapes are the same signature, under whatever number.
        let wanted = usize::try_from(signature).ok().and_then(|number| module.signatures.get(number));
        if wanted.is_none() || module.signatures.get(usize::from(function.signature)) != wanted {
            return Err(bad);
        }
        let Some(start) = self.program.start(number as u32) else { return Err(bad) };
        if core.frames.len() > CALL_DEPTH {
            return Err(TrapKind::CallDepth.into());
        }
        core.frames.push(Frame { back: core.ip + 1, fp: core.fp, bp: core.bp });
        core.fp = core.sp;
        core.ip = start;
        Ok(Done::Jumped)
    }

    /// A host instruction: answered here where the machine knows, else handed out.
    fn host_operation(&mut self, core: &mut Core, slow: Slow, imm: i64) -> Result<Done, Fault> {
        let Slow { opcode, r, select } = slow;
        let info = opcode.info();
        let mut call = HostCall { opcode, immediate: imm as u32, arguments: [0; HOST_ARGUMENTS] };
        let mut places = r.iter();
        let mut arguments = call.arguments.iter_mut();
        core.result = SINK;
        for operand in info.operands {
            match operand {
                Operand::Rd => core.result = places.next().copied().unwrap_or(SINK),
                Operand::Select(_) => call.immediate = u32::from(select),
                _ if operand.reads() => {
                    if let (Some(place), Some(argument)) = (places.next(), arguments.next()) {
                        *argument = core.regs[place.at()];
                    }
                }
                _ => {}
            }
        }
        match opcode {
            Opcode::Syscall => {
                let [number, rest @ ..] = &mut call.arguments;
                *number = core.regs[SYSCALL.at()];
                rest.copy_from_slice(&core.regs[ARGUMENT..ARGUMENT + 4]);
                core.result = R::new(ARGUMENT as u8);
            }
            Opcode::Icall | Opcode::CallNative => {
                call.arguments[..4].copy_from_slice(&core.regs[ARGUMENT..ARGUMENT + 4]);
                core.result = R::new(ARGUMENT as u8);
            }
            _ => {}
        }
        let [a, ..] = call.arguments;
        let stop = match opcode {
            Opcode::Halt => Stop::Halt,
            Opcode::Panic => Stop::Panic(self.reason(a)),
            Opcode::Reset => Stop::Reset,
            Opcode::Exception => Stop::Exception(a as i64),
            _ => return Ok(self.answer(core, call)),
        };
        core.waiting = Waiting::Ended;
        Ok(Done::Exit(Exit::Stopped(stop)))
    }

    /// The text of a PANIC.
    fn reason(&self, ptr: u64) -> alloc::string::String {
        match self.memory.str(ptr) {
            Ok(bytes) => alloc::string::String::from_utf8_lossy(bytes).into_owned(),
            Err(_) => alloc::string::String::from(UNREADABLE),
        }
    }

    /// Answers what the machine knows itself.
    fn answer(&mut self, core: &mut Core, call: HostCall) -> Done {
        let [a, ..] = call.arguments;
        let index = call.immediate as usize;
        let (value, status) = match call.opcode {
            Opcode::Param => (self.parameters.get(index).copied().unwrap_or(0), Status::Ok),
            Opcode::Link => (self.links.get(index).copied().unwrap_or(0), Status::Ok),
            Opcode::Ticks if call.immediate == Clock::Gas as u32 => (self.counters.gas, Status::Ok),
            Opcode::RegionCreate => self.create_region(a, call.immediate),
            Opcode::RegionDestroy | Opcode::Munmap => {
                (0, if self.memory.unmap_region(a) { Status::Ok } else { Status::NotFound })
            }
            Opcode::Yield => {
                core.answer(0, Status::Ok);
                return Done::Exit(Exit::Preempted);
            }
            _ => return Done::Host(call),
        };
        core.answer(value, status);
        Done::Jumped
    }

    fn create_region(&mut self, size: u64, rights: u32) -> (u64, Status) {
        let rights = u8::try_from(rights).ok().and_then(RegionRights::from_byte);
        let Some(rights) = rights else { return (0, Status::Invalid) };
        if size > self.memory.quota().saturating_sub(self.memory.charged()) {
            return (0, Status::NoMemory);
        }
        let Ok(region) = SharedRegion::new(size) else { return (0, Status::NoMemory) };
        match self.memory.map_region(region, rights, size) {
            Ok(number) => (u64::from(number), Status::Ok),
            Err(MemoryError::NoRegion) => (0, Status::Busy),
            Err(_) => (0, Status::NoMemory),
        }
    }
}

/// The slot `below` the top of the stack.
fn top(core: &Core, below: usize) -> Result<u64, Fault> {
    let slot = (core.sp as usize).checked_sub(below).and_then(|at| core.stack.get(at));
    slot.copied().ok_or(Fault::from(TrapKind::Invalid))
}

fn bad_access(offset: u64) -> Fault {
    Fault { kind: TrapKind::BadAccess, value: offset }
}

/// Register and displacement added without wrapping.
fn offset(register: u64, displacement: i64) -> Result<u64, Fault> {
    let wrapped = register.wrapping_add(displacement as u64);
    register.checked_add_signed(displacement).ok_or(bad_access(wrapped))
}

/// An instruction of the pages 0x10 to 0x3F whose flags are read later.
fn flagged(core: &mut Core, slow: Slow, imm: i64) -> Result<(), Fault> {
    let Slow { opcode, r, .. } = slow;
    let at = |position: usize| core.regs[r[position].at()];
    let (first, a, b) = (at(0), at(1), at(2));
    let imm = imm as u64;
    let (signed_a, signed_b) = (a as i64, b as i64);
    let logic = |value: u64| (value, number::sign_flags(value));
    let float_result = |value: u64| (value, number::float_flags(value));
    let keep = first;
    let (value, flags) = match opcode {
        // Comparisons write no register: the first one is rewritten with what it holds.
        Opcode::Cmp => (keep, number::compare_flags(first, a)),
        Opcode::Cmpi => (keep, number::compare_flags(first, imm)),
        Opcode::Fcmp => (keep, number::float_compare_flags(first, a)),
        Opcode::Test => (keep, number::test_flags(first, a)),
        Opcode::Testi => (keep, number::test_flags(first, imm)),
        Opcode::Iadd => add(a, b),
        Opcode::Inc => add(a, 1),
        Opcode::Isub => subtract(a, b),
        Opcode::Dec => subtract(a, 1),
        Opcode::Ineg => subtract(0, a),
        Opcode::Imul => {
            let (value, overflow) = signed_a.overflowing_mul(signed_b);
            (value as u64, number::arithmetic_flags(value as u64, overflow, overflow))
        }
        Opcode::Idiv => logic(number::div(a, b)?),
        Opcode::Imod => logic(number::rem(a, b)?),
        Opcode::Iabs => {
            let value = signed_a.wrapping_abs() as u64;
            (value, number::arithmetic_flags(value, false, signed_a == i64::MIN))
        }
        Opcode::Fadd => float_result(number::bits(float(a) + float(b))),
        Opcode::Fsub => float_result(number::bits(float(a) - float(b))),
        Opcode::Fmul => float_result(number::bits(float(a) * float(b))),
        Opcode::Fdiv => float_result(number::bits(float(a) / float(b))),
        Opcode::Fneg => float_result(number::fneg(a)),
        Opcode::I2f => float_result(number::i2f(a)),
        Opcode::F2i => logic(number::f2i(a).map_err(|kind| Fault { kind, value: a })?),
        Opcode::Iand => logic(a & b),
        Opcode::Ior => logic(a | b),
        Opcode::Ixor => logic(a ^ b),
        Opcode::Inot => logic(!a),
        Opcode::Andi => logic(a & imm),
        Opcode::Ori => logic(a | imm),
        Opcode::Xori => logic(a ^ imm),
        Opcode::RotateL => logic(number::rotl(a, b)),
        Opcode::RotateR => logic(number::rotr(a, b)),
        Opcode::Popcount => logic(u64::from(a.count_ones())),
        Opcode::Clz => logic(u64::from(a.leading_zeros())),
        Opcode::Ctz => logic(u64::from(a.trailing_zeros())),
        Opcode::Bswap => logic(a.swap_bytes()),
        Opcode::Ishl => {
            let value = number::shl(a, b);
            (value, number::shl_flags(a, b, value))
        }
        Opcode::Ishr => {
            let value = number::sar(a, b);
            (value, number::shr_flags(a, b, value))
        }
        Opcode::Ushr => {
            let value = number::ushr(a, b);
            (value, number::shr_flags(a, b, value))
        }
        Opcode::Popf => {
            let value = top(core, 1)?;
            core.sp -= 1;
            core.flags = core.flags & number::flag::TRAP | value as u8 & !number::flag::TRAP;
            return Ok(());
        }
        _ => return Err(TrapKind::Invalid.into()),
    };
    if !matches!(opcode.info().flags, FlagEffect::Compare | FlagEffect::FloatCompare | FlagEffect::Test) {
        core.regs[r[0].at()] = value;
    }
    core.flags = core.flags & number::flag::TRAP | flags;
    Ok(())
}

fn add(a: u64, b: u64) -> (u64, u8) {
    let (value, carry) = a.overflowing_add(b);
    let (_, overflow) = (a as i64).overflowing_add(b as i64);
    (value, number::arithmetic_flags(value, carry, overflow))
}

fn subtract(a: u64, b: u64) -> (u64, u8) {
    let (value, borrow) = a.overflowing_sub(b);
    let (_, overflow) = (a as i64).overflowing_sub(b as i64);
    (value, number::arithmetic_flags(value, borrow, overflow))
}
