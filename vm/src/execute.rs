//! The inner loop: one function for each operation.
//!
//! Where the compiler makes a jump of a call in last position (`cfg(flux_threaded)`, chosen by
//! `build.rs`), each operation calls the next one: no loop, no common dispatch, and the machine's
//! registers stay in the processor's. Elsewhere each operation returns the next one's address to a
//! loop. Both forms come from the same definitions.
//!
//! # Invariants
//! 1. `ip` always points at a cell of the code: the verifier proved that no function falls off its
//!    end and that every target is an instruction (its invariants 1 and 5), and a place that is kept
//!    (a return, a handler, a suspended run) was such a pointer before.
//! 2. `registers` points at the 64 places of the run; an [`R`] is below 64 by construction.
//! 3. `data` points at the writable part of region 0, of which the bytes at `n..n + 8` lie inside for
//!    every `n < end`. Nothing here changes its size.
//! 4. An operation that leaves has had no effect; `ip` points at it.
//! 5. A cell's function is the one made for its operation ([`function`]).

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "stack places are kept by the verifier's invariant 3 and checked against the stack's length"
)]

mod far;
mod operations;
mod pairs;

use alloc::vec::Vec;

use flux_abi::opcode::Opcode;
use flux_abi::trap::TrapKind;

use crate::memory::Memory;
use crate::number::{self, flag, float};
use crate::op::{Op, R, SINK, Way, Ways};
use crate::run::{Caught, Core, Frame};

use far::far;
use operations::function;

/// Why the inner loop was left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Why {
    /// The GAS_CHECK at the place wants more than is left.
    Gas,
    /// The operation at the place is carried out elsewhere.
    Slow,
    /// A debugger wants to see the place.
    Hook,
    /// The stack must hold so many slots first.
    Stack(usize),
    /// The operation at the place traps.
    Trap(TrapKind, u64),
    /// The run's function returned.
    Finished,
}

/// How the inner loop was left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    pub(crate) why: Why,
    /// Gas not used.
    pub(crate) fuel: u64,
}

/// An operation and the function that carries it out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    function: Function,
    pub(crate) op: Op,
}

impl Cell {
    /// The cell of an operation.
    pub(crate) fn new(op: Op) -> Self {
        Self { function: function(&op), op }
    }
}

/// Bytes of a cell.
pub(crate) const CELL_BYTES: usize = size_of::<Cell>();

const _: () = assert!(CELL_BYTES == 24, "a cell must stay at 24 bytes");

/// What operations need beside the machine's registers.
struct Context<'a> {
    base: *const Cell,
    /// Bytes behind `data`.
    length: u64,
    constants: &'a [u8],
    stack: &'a mut [u64],
    frames: &'a mut Vec<Frame>,
    caught: &'a mut Vec<Caught>,
    sp: usize,
    fp: usize,
    bp: u32,
    flags: u8,
    why: Why,
    ip: *const Cell,
    fuel: u64,
}

/// What an operation gives back: nothing, or the next one's address.
#[cfg(flux_threaded)]
type Then = ();
#[cfg(not(flux_threaded))]
type Then = *const Cell;

/// Carries the operation at the first argument out, and what follows: ip, registers, fuel, data, end,
/// context.
type Function = unsafe fn(*const Cell, *mut u64, u64, *mut u8, u64, &mut Context<'_>) -> Then;

/// Tells whether the branch by flags is taken.
pub(crate) fn flags_say(opcode: Opcode, flags: u8) -> bool {
    let any = |mask: u8| flags & mask != 0;
    match opcode {
        Opcode::Jz => any(flag::ZERO),
        Opcode::Jnz => !any(flag::ZERO),
        Opcode::Je => any(flag::EQUAL),
        Opcode::Jne => !any(flag::EQUAL),
        Opcode::Jg => any(flag::GREATER),
        Opcode::Jl => any(flag::LESS),
        Opcode::Jge => any(flag::GREATER | flag::EQUAL),
        Opcode::Jle => any(flag::LESS | flag::EQUAL),
        Opcode::Ja => !any(flag::CARRY | flag::ZERO),
        Opcode::Jb | Opcode::Jc => any(flag::CARRY),
        Opcode::Jae => !any(flag::CARRY),
        Opcode::Jbe => any(flag::CARRY | flag::ZERO),
        Opcode::Jo => any(flag::OVERFLOW),
        _ => false,
    }
}

/// Executes from `core.ip` until something else must be done; `fuel` is the gas it may use.
#[inline(never)]
pub(crate) fn execute(code: &[Cell], core: &mut Core, memory: &mut Memory, fuel: u64) -> Left {
    let Some(first) = code.get(core.ip as usize) else {
        return Left { why: Why::Trap(TrapKind::Invalid, 0), fuel };
    };
    let (constants, data) = memory.split();
    let length = data.len() as u64;
    let data = data.as_mut_ptr();
    let Core { regs, stack, frames, caught, sp, fp, bp, flags, .. } = core;
    let mut context = Context {
        base: code.as_ptr(),
        length,
        constants,
        stack,
        frames,
        caught,
        sp: *sp as usize,
        fp: *fp as usize,
        bp: *bp,
        flags: *flags,
        why: Why::Hook,
        ip: first,
        fuel,
    };
    // The address comes from the whole code, so that it may move over all of it.
    // SAFETY: `get` above found the place.
    let ip = unsafe { code.as_ptr().add(core.ip as usize) };
    start(ip, regs.as_mut_ptr(), fuel, data, length.saturating_sub(7), &mut context);
    *sp = context.sp as u32;
    *fp = context.fp as u32;
    *bp = context.bp;
    // SAFETY: both point into the same code.
    core.ip = unsafe { context.ip.offset_from(code.as_ptr()) } as u32;
    Left { why: context.why, fuel: context.fuel }
}

#[cfg(flux_threaded)]
fn start(ip: *const Cell, registers: *mut u64, fuel: u64, data: *mut u8, end: u64, cx: &mut Context<'_>) {
    Machine { ip, registers, fuel, data, end }.dispatch(cx);
}

#[cfg(not(flux_threaded))]
fn start(ip: *const Cell, registers: *mut u64, fuel: u64, data: *mut u8, end: u64, cx: &mut Context<'_>) {
    let mut ip = ip;
    cx.fuel = fuel;
    while !ip.is_null() {
        let fuel = cx.fuel;
        // SAFETY: invariants 1, 2, 3 and 5 hold: `execute` has established them, and an operation
        // returns null or the address of a cell of the code.
        ip = unsafe { ((*ip).function)(ip, registers, fuel, data, end, cx) };
    }
}

/// Leaves the inner loop.
#[cold]
#[inline(never)]
fn leave(ip: *const Cell, fuel: u64, cx: &mut Context<'_>, why: Why) -> Then {
    cx.ip = ip;
    cx.fuel = fuel;
    cx.why = why;
    #[cfg(not(flux_threaded))]
    core::ptr::null()
}

/// Forgets what the frames above `frames` were handling.
#[cold]
#[inline(never)]
fn forget(caught: &mut Vec<Caught>, frames: usize) {
    caught.retain(|caught| caught.frame as usize <= frames);
}

/// The machine's registers: what each operation hands to the next.
#[derive(Clone, Copy)]
struct Machine {
    ip: *const Cell,
    registers: *mut u64,
    fuel: u64,
    data: *mut u8,
    end: u64,
}

impl Machine {
    #[inline(always)]
    fn get(self, r: R) -> u64 {
        // SAFETY: invariant 2.
        unsafe { self.registers.add(r.at()).read() }
    }

    #[inline(always)]
    fn signed(self, r: R) -> i64 {
        self.get(r) as i64
    }

    #[inline(always)]
    fn float(self, r: R) -> f64 {
        float(self.get(r))
    }

    #[inline(always)]
    fn set(self, r: R, value: u64) {
        // SAFETY: invariant 2.
        unsafe { self.registers.add(r.at()).write(value) }
    }

    /// Carries out the operation at `ip`.
    #[inline(always)]
    fn dispatch(self, cx: &mut Context<'_>) -> Then {
        let Self { ip, registers, fuel, data, end } = self;
        #[cfg(flux_threaded)]
        // SAFETY: invariants 1, 2, 3 and 5 hold here as they did for the operation before.
        unsafe {
            ((*ip).function)(ip, registers, fuel, data, end, cx)
        }
        #[cfg(not(flux_threaded))]
        {
            let _ = (registers, data, end);
            cx.fuel = fuel;
            ip
        }
    }

    /// Goes on `places` further.
    #[inline(always)]
    fn skip(mut self, places: usize, cx: &mut Context<'_>) -> Then {
        // SAFETY: invariant 1: only operations that something follows go on, and a fused one covers
        // as many places as it skips.
        self.ip = unsafe { self.ip.add(places) };
        self.dispatch(cx)
    }

    #[inline(always)]
    fn next(self, cx: &mut Context<'_>) -> Then {
        self.skip(1, cx)
    }

    #[inline(always)]
    fn value(self, d: R, value: u64, cx: &mut Context<'_>) -> Then {
        self.set(d, value);
        self.next(cx)
    }

    /// Leaves for a reason without a payload.
    #[inline(always)]
    fn leave<const WHY: u8>(self, cx: &mut Context<'_>) -> Then {
        leave_plainly::<WHY>(self.ip, self.fuel, cx)
    }

    /// Leaves because the stack must hold so many slots first.
    #[inline(always)]
    fn leave_for_stack(self, slots: usize, cx: &mut Context<'_>) -> Then {
        leave_for_stack(self.ip, self.fuel, cx, slots)
    }

    #[inline(always)]
    fn trap(self, kind: TrapKind, value: u64, cx: &mut Context<'_>) -> Then {
        leave_trap(self.ip, self.fuel, cx, kind, value)
    }

    #[inline(always)]
    fn far(self, cx: &mut Context<'_>) -> Then {
        // SAFETY: the invariants hold here as for every operation.
        unsafe { far(self.ip, self.registers, self.fuel, self.data, self.end, cx) }
    }

    /// The result of an addition, subtraction or multiplication that may not fit.
    #[inline(always)]
    fn checked(self, d: R, value: Option<i64>, cx: &mut Context<'_>) -> Then {
        match value {
            Some(value) => self.value(d, value as u64, cx),
            None => self.trap(TrapKind::Overflow, 0, cx),
        }
    }

    #[inline(always)]
    fn tried(self, d: R, value: Result<u64, TrapKind>, cx: &mut Context<'_>) -> Then {
        match value {
            Ok(value) => self.value(d, value, cx),
            Err(kind) => self.trap(kind, 0, cx),
        }
    }

    /// Leaves the present frame, which is not the run's own, and its stacked arguments.
    #[inline(always)]
    fn go_back(mut self, stacked: u8, cx: &mut Context<'_>) -> Then {
        let Some(frame) = cx.frames.pop() else { return self.leave::<FINISHED>(cx) };
        cx.sp = cx.fp - usize::from(stacked);
        cx.fp = frame.fp as usize;
        cx.bp = frame.bp;
        // SAFETY: invariant 1: the place behind a CALL, kept in the private call stack.
        self.ip = unsafe { cx.base.add(frame.back as usize) };
        self.dispatch(cx)
    }

    /// Leaves by an edge `rel` bytes away, paying `gas` for the GAS_CHECK before its end (0: none is
    /// passed).
    #[inline(always)]
    fn go(mut self, way: Way, cx: &mut Context<'_>) -> Then {
        // SAFETY: invariant 1: the decoder computed the distance to a cell of this code.
        self.ip = unsafe { self.ip.byte_offset(way.rel as isize) };
        match self.fuel.checked_sub(u64::from(way.gas)) {
            Some(left) => self.fuel = left,
            // The GAS_CHECK decides itself.
            None => return leave_before(self.ip, self.fuel, cx),
        }
        self.dispatch(cx)
    }

    /// Leaves by one of two edges; the branch covers `places` places.
    #[inline(always)]
    fn branch(mut self, taken: bool, ways: Ways, places: usize, cx: &mut Context<'_>) -> Then {
        if taken {
            return self.go(Way { rel: ways.rel, gas: ways.taken }, cx);
        }
        // SAFETY: invariant 1: a branch is followed by an operation, and by another if that is the
        // GAS_CHECK that is paid for here.
        self.ip = unsafe { self.ip.add(places + usize::from(ways.fall > 0)) };
        match self.fuel.checked_sub(u64::from(ways.fall)) {
            Some(left) => self.fuel = left,
            None => return leave_before(self.ip, self.fuel, cx),
        }
        self.dispatch(cx)
    }

    /// The address `at` bytes into the writable part, if eight bytes are there.
    #[inline(always)]
    fn near(self, at: u64) -> Option<*mut u8> {
        // SAFETY: invariant 3.
        if at < self.end { Some(unsafe { self.data.add(at as usize) }) } else { None }
    }

    /// The address a + k into the writable part; `k` is not above 0, so that the sum can only wrap
    /// downward, to a number that no memory reaches.
    #[inline(always)]
    fn plain(self, a: R, k: i64) -> Option<*mut u8> {
        self.near(self.get(a).wrapping_add(k as u64))
    }

    /// The address a + (b << shift) + k into the writable part.
    #[inline(always)]
    fn indexed(self, a: R, b: R, shift: u8, k: i64) -> Option<*mut u8> {
        let (a, b) = (self.get(a), self.get(b));
        // Operands below 2^32 can't wrap upward; all others lie outside any memory.
        if (a | b) >> 32 != 0 {
            return None;
        }
        self.near(a.wrapping_add(b << (shift & 3)).wrapping_add(k as u64))
    }
}

#[cold]
#[inline(never)]
fn leave_plainly<const WHY: u8>(ip: *const Cell, fuel: u64, cx: &mut Context<'_>) -> Then {
    let why = match WHY {
        GAS => Why::Gas,
        SLOW => Why::Slow,
        HOOK => Why::Hook,
        _ => Why::Finished,
    };
    leave(ip, fuel, cx, why)
}

#[cold]
#[inline(never)]
fn leave_for_stack(ip: *const Cell, fuel: u64, cx: &mut Context<'_>, slots: usize) -> Then {
    leave(ip, fuel, cx, Why::Stack(slots))
}

// Reasons without a payload, as numbers: each way out has a function of its own, so that leaving is a
// jump like everything else and operations need no frame.
const GAS: u8 = 0;
const SLOW: u8 = 1;
const HOOK: u8 = 2;
const FINISHED: u8 = 3;

#[cold]
#[inline(never)]
fn leave_trap(ip: *const Cell, fuel: u64, cx: &mut Context<'_>, kind: TrapKind, value: u64) -> Then {
    leave(ip, fuel, cx, Why::Trap(kind, value))
}

/// Leaves at the GAS_CHECK before `ip`.
#[cold]
#[inline(never)]
fn leave_before(ip: *const Cell, fuel: u64, cx: &mut Context<'_>) -> Then {
    // SAFETY: the edge was to pay more than nothing, so a GAS_CHECK stands before its end.
    leave(unsafe { ip.sub(1) }, fuel, cx, Why::Gas)
}

/// Writes the one NaN and goes on with the next place.
///
/// # Safety
/// The invariants of the module.
#[cold]
#[inline(never)]
unsafe fn not_a_number(
    ip: *const Cell,
    registers: *mut u64,
    fuel: u64,
    data: *mut u8,
    end: u64,
    cx: &mut Context<'_>,
) -> Then {
    // SAFETY: invariant 1.
    let d = match unsafe { (*ip).op } {
        Op::Fadd(d, ..) | Op::Fsub(d, ..) | Op::Fmul(d, ..) | Op::Fdiv(d, ..) => d,
        Op::Fsqrt(d, _) | Op::Fabs(d, _) => d,
        Op::Two(_, _, _, [d, ..]) | Op::AluStore(_, _, [d, ..], _) | Op::AluImm(_, [d, ..], _) => d,
        Op::AluLoad(_, [d, ..], _) => d,
        Op::AluBr(_, _, [d, ..], _) => d,
        _ => SINK,
    };
    Machine { ip, registers, fuel, data, end }.value(d, number::NAN64, cx)
}

/// Goes on with the next place, which holds the second part of a pair.
///
/// # Safety
/// The invariants of the module.
#[cold]
#[inline(never)]
unsafe fn second(
    ip: *const Cell,
    registers: *mut u64,
    fuel: u64,
    data: *mut u8,
    end: u64,
    cx: &mut Context<'_>,
) -> Then {
    Machine { ip, registers, fuel, data, end }.next(cx)
}
