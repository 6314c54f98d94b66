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

use alloc::vec::Vec;

use flux_abi::limits::CALL_DEPTH;
use flux_abi::opcode::Opcode;
use flux_abi::select::IntType;
use flux_abi::trap::TrapKind;

use crate::memory::Memory;
use crate::number::{self, Checked, flag, float};
use crate::op::{Alu, Chain, Compare, Op, R, SINK, Way, Ways, Width};
use crate::run::{Caught, Core, Frame};

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

/// An access that the fast path does not allow, computed exactly: a + (b << shift) + k, counted from
/// the start of the writable part. Gives the place in the writable part, or in the constants.
enum Exact {
    Data(usize),
    Constants(usize),
}

impl Context<'_> {
    fn exact(&self, a: u64, b: u64, shift: u8, k: i64, width: usize) -> Result<Exact, u64> {
        if (a | b) >> 32 == 0 {
            // The common way here: a constant. Nothing below 2^32 can wrap.
            let relative = a.wrapping_add(b << (shift & 3)).wrapping_add(k as u64);
            let address = relative.wrapping_add(self.constants.len() as u64) as usize;
            if self.constants.len().checked_sub(width).is_some_and(|last| address <= last) {
                return Ok(Exact::Constants(address));
            }
        }
        let base = self.constants.len() as i128;
        let relative = i128::from(a) + (i128::from(b) << (shift & 3)) + i128::from(k);
        let (address, end) = (relative + base, relative + width as i128);
        if relative >= 0 && end <= i128::from(self.length) {
            Ok(Exact::Data(relative as usize))
        } else if address >= 0 && end <= 0 {
            Ok(Exact::Constants(address as usize))
        } else {
            Err(address as u64)
        }
    }

    /// Loads `width` bytes, zero-extended.
    fn load(&self, data: *const u8, a: u64, b: u64, shift: u8, k: i64, width: usize) -> Result<u64, u64> {
        let mut word = [0; 8];
        match self.exact(a, b, shift, k, width)? {
            Exact::Constants(at) => word[..width].copy_from_slice(&self.constants[at..at + width]),
            // SAFETY: `exact` found the bytes inside the writable part (invariant 3).
            Exact::Data(at) => unsafe {
                core::ptr::copy_nonoverlapping(data.add(at), word.as_mut_ptr(), width);
            },
        }
        Ok(u64::from_le_bytes(word))
    }

    /// Stores the low `width` bytes of a word.
    fn store(&self, data: *mut u8, place: (u64, u64, u8, i64), width: usize, value: u64) -> Result<(), u64> {
        let (a, b, shift, k) = place;
        match self.exact(a, b, shift, k, width)? {
            Exact::Constants(at) => Err(at as u64),
            Exact::Data(at) => {
                let word = value.to_le_bytes();
                // SAFETY: `exact` found the bytes inside the writable part (invariant 3).
                unsafe { core::ptr::copy_nonoverlapping(word.as_ptr(), data.add(at), width) };
                Ok(())
            }
        }
    }
}

/// Memory accesses that the fast path leaves: constants, the last seven bytes, and what traps.
///
/// # Safety
/// As for every [`Function`]: the invariants of the module.
#[cold]
#[inline(never)]
unsafe fn far(
    ip: *const Cell,
    registers: *mut u64,
    fuel: u64,
    data: *mut u8,
    end: u64,
    cx: &mut Context<'_>,
) -> Then {
    // SAFETY: invariant 2.
    let register = |r: R| unsafe { registers.add(r.at()).read() };
    let load = |a, b, shift, k, width| cx.load(data, register(a), register(b), shift, k, width);
    let store = |value, a, b, shift, k, width| {
        cx.store(data, (register(a), register(b), shift, k), width, register(value))
    };
    let zero = R::ZERO;
    // SAFETY: invariant 1.
    let (to, done) = match unsafe { (*ip).op } {
        Op::Load64(d, a, k) => (Some(d), load(a, zero, 0, k, 8)),
        Op::Load32(d, a, k) => (Some(d), load(a, zero, 0, k, 4)),
        Op::Load16(d, a, k) => (Some(d), load(a, zero, 0, k, 2)),
        Op::Load8(d, a, k) => (Some(d), load(a, zero, 0, k, 1)),
        Op::LoadX64(d, a, b, shift, k) => (Some(d), load(a, b, shift, k, 8)),
        Op::LoadXZ32(d, a, b, shift, k) => (Some(d), load(a, b, shift, k, 4)),
        Op::LoadXZ16(d, a, b, shift, k) => (Some(d), load(a, b, shift, k, 2)),
        Op::LoadXZ8(d, a, b, shift, k) => (Some(d), load(a, b, shift, k, 1)),
        Op::LoadXS32(d, a, b, shift, k) => (Some(d), load(a, b, shift, k, 4).map(|v| v as i32 as u64)),
        Op::LoadXS16(d, a, b, shift, k) => (Some(d), load(a, b, shift, k, 2).map(|v| v as i16 as u64)),
        Op::LoadXS8(d, a, b, shift, k) => (Some(d), load(a, b, shift, k, 1).map(|v| v as i8 as u64)),
        // What is fused behind the access follows in its plain form.
        Op::LoadAlu(_, _, [d, a, ..], k) => (Some(d), load(a, zero, 0, k, 8)),
        Op::LoadLoad([d, a, ..], k, _) => (Some(d), load(a, zero, 0, i64::from(k), 8)),
        Op::LoadXAlu(Width::W64, _, [d, a, b, ..], shift, k) => (Some(d), load(a, b, shift, i64::from(k), 8)),
        Op::LoadXAlu(Width::Z32, _, [d, a, b, ..], shift, k) => (Some(d), load(a, b, shift, i64::from(k), 4)),
        Op::LoadXAlu(Width::Z8, _, [d, a, b, ..], shift, k) => (Some(d), load(a, b, shift, i64::from(k), 1)),
        Op::Store64(value, a, k) => (None, store(value, a, zero, 0, k, 8).map(|()| 0)),
        Op::Store32(value, a, k) => (None, store(value, a, zero, 0, k, 4).map(|()| 0)),
        Op::Store16(value, a, k) => (None, store(value, a, zero, 0, k, 2).map(|()| 0)),
        Op::Store8(value, a, k) => (None, store(value, a, zero, 0, k, 1).map(|()| 0)),
        Op::StoreX64(value, a, b, shift, k) => (None, store(value, a, b, shift, k, 8).map(|()| 0)),
        Op::StoreX32(value, a, b, shift, k) => (None, store(value, a, b, shift, k, 4).map(|()| 0)),
        Op::StoreX16(value, a, b, shift, k) => (None, store(value, a, b, shift, k, 2).map(|()| 0)),
        Op::StoreX8(value, a, b, shift, k) => (None, store(value, a, b, shift, k, 1).map(|()| 0)),
        _ => (None, Err(0)),
    };
    match (done, to) {
        (Err(address), _) => return leave(ip, fuel, cx, Why::Trap(TrapKind::BadAccess, address)),
        // SAFETY: invariant 2.
        (Ok(value), Some(d)) => unsafe { registers.add(d.at()).write(value) },
        (Ok(_), None) => {}
    }
    Machine { ip, registers, fuel, data, end }.next(cx)
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

/// Defines the functions of operations, and [`function`]. The names in front are those that the bodies
/// use for machine and context.
macro_rules! operations {
    (($m:ident, $cx:ident) [$($fused:pat $(if $guard:expr)? => $function:expr;)*] $($name:ident: $pattern:pat => $body:expr;)*) => {
        /// The function that carries `op` out.
        #[allow(unused_variables, reason = "only the kind of operation counts")]
        fn function(op: &Op) -> Function {
            match *op { $($fused $(if $guard)? => $function,)* $($pattern => $name,)* }
        }

        $(
            /// # Safety
            /// The invariants of the module.
            unsafe fn $name(
                ip: *const Cell,
                registers: *mut u64,
                fuel: u64,
                data: *mut u8,
                end: u64,
                $cx: &mut Context<'_>,
            ) -> Then {
                let $m = Machine { ip, registers, fuel, data, end };
                // SAFETY: invariant 1.
                match unsafe { (*ip).op } {
                    $pattern => $body,
                    // SAFETY: invariant 5: this function stands in cells of that kind alone.
                    _ => unsafe { core::hint::unreachable_unchecked() },
                }
            }
        )*
    };
}

/// Loads at an address that `$place` finds, or the far way.
macro_rules! load {
    ($m:ident, $cx:ident, $d:expr, $place:expr, $type:ty, $extended:ty) => {
        match $place {
            Some(at) => {
                // SAFETY: invariant 3: eight bytes are there.
                let value = unsafe { at.cast::<$type>().read_unaligned() }.to_le();
                $m.value($d, value as $extended as u64, $cx)
            }
            None => $m.far($cx),
        }
    };
}

/// Stores at an address that `$place` finds, or the far way.
macro_rules! store {
    ($m:ident, $cx:ident, $value:expr, $place:expr, $type:ty) => {
        match $place {
            Some(at) => {
                let value = ($m.get($value) as $type).to_le();
                // SAFETY: invariant 3: eight bytes are there.
                unsafe { at.cast::<$type>().write_unaligned(value) };
                $m.next($cx)
            }
            None => $m.far($cx),
        }
    };
}

/// TADDI, then the branch on a condition.
macro_rules! add_then {
    ($m:ident, $cx:ident, $d:expr, $a:expr, $imm:expr, $condition:expr, $ways:expr) => {
        match $m.signed($a).checked_add(i64::from($imm)) {
            Some(value) => {
                $m.set($d, value as u64);
                $m.branch($condition, $ways, 2, $cx)
            }
            None => $m.trap(TrapKind::Overflow, 0, $cx),
        }
    };
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

/// Defines the function of a fused operation, generic over the kinds of its parts.
macro_rules! fused {
    ($name:ident<$(const $kind:ident),*>($m:ident, $cx:ident) $pattern:pat => $body:expr) => {
        /// # Safety
        /// The invariants of the module.
        unsafe fn $name<$(const $kind: u8),*>(
            ip: *const Cell,
            registers: *mut u64,
            fuel: u64,
            data: *mut u8,
            end: u64,
            $cx: &mut Context<'_>,
        ) -> Then {
            let $m = Machine { ip, registers, fuel, data, end };
            // Operands are read where they are used, which keeps few of them in hand at a time.
            // SAFETY: invariant 1.
            match unsafe { &(*ip).op } {
                $pattern => $body,
                // SAFETY: invariant 5: this function stands in cells of that kind alone.
                _ => unsafe { core::hint::unreachable_unchecked() },
            }
        }
    };
}

/// One function for each [`Alu`].
macro_rules! by_alu {
    ($name:ident $(, $kind:literal)*) => {
        each_alu!($name, [$($kind),*], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)
    };
}

macro_rules! each_alu {
    ($name:ident, $kinds:tt, $($alu:literal),*) => { [$(one_alu!($name, $kinds, $alu)),*] };
}

macro_rules! one_alu {
    ($name:ident, [], $alu:literal) => {
        $name::<$alu>
    };
    ($name:ident, [$a:literal], $alu:literal) => {
        $name::<$a, $alu>
    };
    ($name:ident, [$a:literal, $b:literal], $alu:literal) => {
        $name::<$a, $b, $alu>
    };
}

/// Register operations.
const ALUS: usize = 18;
/// Those of them that give integers; the rest gives floats.
const INTEGERS: usize = 13;
const FLOATS: usize = ALUS - INTEGERS;

/// Registers of a range that is pushed or popped without a loop.
const FEW: usize = 8;
static PUSH_FEW: [Function; FEW] = [
    push_few::<1>,
    push_few::<2>,
    push_few::<3>,
    push_few::<4>,
    push_few::<5>,
    push_few::<6>,
    push_few::<7>,
    push_few::<8>,
];
static POP_FEW: [Function; FEW] = [
    pop_few::<1>,
    pop_few::<2>,
    pop_few::<3>,
    pop_few::<4>,
    pop_few::<5>,
    pop_few::<6>,
    pop_few::<7>,
    pop_few::<8>,
];

static TWO: [[Function; ALUS]; ALUS] = [
    by_alu!(two, 0, 0),
    by_alu!(two, 0, 1),
    by_alu!(two, 0, 2),
    by_alu!(two, 0, 3),
    by_alu!(two, 0, 4),
    by_alu!(two, 0, 5),
    by_alu!(two, 0, 6),
    by_alu!(two, 0, 7),
    by_alu!(two, 0, 8),
    by_alu!(two, 0, 9),
    by_alu!(two, 0, 10),
    by_alu!(two, 0, 11),
    by_alu!(two, 0, 12),
    by_alu!(two, 0, 13),
    by_alu!(two, 0, 14),
    by_alu!(two, 0, 15),
    by_alu!(two, 0, 16),
    by_alu!(two, 0, 17),
];
/// Pairs whose second part works on the result of the first: integers.
static TWO_INTEGERS: [[[Function; INTEGERS]; INTEGERS]; 2] = [
    [
        each_alu!(two, [1, 0], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 1], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 2], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 3], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 4], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 5], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 6], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 7], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 8], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 9], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 10], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 11], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [1, 12], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
    ],
    [
        each_alu!(two, [2, 0], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 1], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 2], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 3], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 4], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 5], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 6], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 7], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 8], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 9], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 10], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 11], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
        each_alu!(two, [2, 12], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
    ],
];
/// Pairs whose second part works on the result of the first: floats.
static TWO_FLOATS: [[[Function; FLOATS]; FLOATS]; 2] = [
    [
        each_alu!(two, [1, 13], 13, 14, 15, 16, 17),
        each_alu!(two, [1, 14], 13, 14, 15, 16, 17),
        each_alu!(two, [1, 15], 13, 14, 15, 16, 17),
        each_alu!(two, [1, 16], 13, 14, 15, 16, 17),
        each_alu!(two, [1, 17], 13, 14, 15, 16, 17),
    ],
    [
        each_alu!(two, [2, 13], 13, 14, 15, 16, 17),
        each_alu!(two, [2, 14], 13, 14, 15, 16, 17),
        each_alu!(two, [2, 15], 13, 14, 15, 16, 17),
        each_alu!(two, [2, 16], 13, 14, 15, 16, 17),
        each_alu!(two, [2, 17], 13, 14, 15, 16, 17),
    ],
];
static LOAD_ALU: [[Function; ALUS]; 3] = [by_alu!(load_alu, 0), by_alu!(load_alu, 1), by_alu!(load_alu, 2)];
static ALU_STORE: [[Function; ALUS]; 2] = [by_alu!(alu_store, 0), by_alu!(alu_store, 1)];

/// The function of a pair of register operations.
fn two_function(first: Alu, second: Alu, chain: Chain) -> Function {
    let (f, s) = (first as usize, second as usize);
    let side = match chain {
        Chain::No => return TWO[f][s],
        Chain::First => 0,
        Chain::Second => 1,
    };
    match (f < INTEGERS, s < INTEGERS) {
        (true, true) => TWO_INTEGERS[side][f][s],
        (false, false) => TWO_FLOATS[side][f - INTEGERS][s - INTEGERS],
        _ => TWO[f][s],
    }
}

static LOAD_X_ALU: [[Function; ALUS]; 3] =
    [by_alu!(load_x_alu, 0), by_alu!(load_x_alu, 1), by_alu!(load_x_alu, 2)];
static ALU_BR: [[Function; ALUS]; 4] =
    [by_alu!(alu_br, 0), by_alu!(alu_br, 1), by_alu!(alu_br, 2), by_alu!(alu_br, 3)];

/// The bits of a float result that is a number.
#[inline(always)]
fn number_bits(value: f64) -> Option<u64> {
    if value.is_nan() { None } else { Some(value.to_bits()) }
}

/// Whether a register operation gives a float.
const fn is_float(kind: u8) -> bool {
    kind as usize >= INTEGERS
}

/// The register operation number `K`; `None` if its result does not fit, or is NaN.
#[inline(always)]
fn alu<const K: u8>(a: u64, b: u64) -> Option<u64> {
    const ADD: u8 = Alu::Add as u8;
    const SUB: u8 = Alu::Sub as u8;
    const MUL: u8 = Alu::Mul as u8;
    const AND: u8 = Alu::And as u8;
    const OR: u8 = Alu::Or as u8;
    const XOR: u8 = Alu::Xor as u8;
    const SHL: u8 = Alu::Shl as u8;
    const USHR: u8 = Alu::Ushr as u8;
    const MOV: u8 = Alu::Mov as u8;
    const Z32: u8 = Alu::Z32 as u8;
    const FADD: u8 = Alu::Fadd as u8;
    const FSUB: u8 = Alu::Fsub as u8;
    const FMUL: u8 = Alu::Fmul as u8;
    const FDIV: u8 = Alu::Fdiv as u8;
    const FSQRT: u8 = Alu::Fsqrt as u8;
    const TADD: u8 = Alu::Tadd as u8;
    const TSUB: u8 = Alu::Tsub as u8;
    let (x, y) = (a as i64, b as i64);
    Some(match K {
        ADD => a.wrapping_add(b),
        SUB => a.wrapping_sub(b),
        MUL => a.wrapping_mul(b),
        AND => a & b,
        OR => a | b,
        XOR => a ^ b,
        SHL => number::shl(a, b),
        USHR => number::ushr(a, b),
        MOV => a,
        Z32 => u64::from(a as u32),
        FADD => return number_bits(float(a) + float(b)),
        FSUB => return number_bits(float(a) - float(b)),
        FMUL => return number_bits(float(a) * float(b)),
        FDIV => return number_bits(float(a) / float(b)),
        FSQRT => return number_bits(libm::sqrt(float(a))),
        TADD => return x.checked_add(y).map(|value| value as u64),
        TSUB => return x.checked_sub(y).map(|value| value as u64),
        _ => return x.checked_mul(y).map(|value| value as u64),
    })
}

impl Machine {
    /// The register operation `K` on d, a, b; `false` if it gives no plain result.
    #[inline(always)]
    fn alu<const K: u8>(self, d: R, a: R, b: R) -> bool {
        match alu::<K>(self.get(a), self.get(b)) {
            Some(value) => {
                self.set(d, value);
                true
            }
            None => false,
        }
    }

    /// Carries a first part to its end that gave no plain result: NaN, or a trap. What follows it is in
    /// the next place in its plain form.
    #[inline(always)]
    fn odd<const K: u8>(self, cx: &mut Context<'_>) -> Then {
        if is_float(K) { self.not_a_number(cx) } else { self.trap(TrapKind::Overflow, 0, cx) }
    }

    /// A float result; NaN is made the one NaN on a way of its own, so that numbers do not wait for it.
    #[inline(always)]
    fn float_value(self, d: R, value: f64, cx: &mut Context<'_>) -> Then {
        match number_bits(value) {
            Some(bits) => self.value(d, bits, cx),
            None => self.not_a_number(cx),
        }
    }

    #[inline(always)]
    fn not_a_number(self, cx: &mut Context<'_>) -> Then {
        // SAFETY: the invariants hold here as for every operation.
        unsafe { not_a_number(self.ip, self.registers, self.fuel, self.data, self.end, cx) }
    }

    /// Leaves the second part of a pair to the plain operation in the next place.
    #[inline(always)]
    fn second(self, cx: &mut Context<'_>) -> Then {
        // SAFETY: the invariants hold here as for every operation.
        unsafe { second(self.ip, self.registers, self.fuel, self.data, self.end, cx) }
    }

    /// TADDI; `false` if it traps.
    #[inline(always)]
    fn add_immediate(self, d: R, a: R, imm: i32) -> bool {
        match self.signed(a).checked_add(i64::from(imm)) {
            Some(value) => {
                self.set(d, value as u64);
                true
            }
            None => false,
        }
    }

    /// An indexed load of width `W`; `false` if it needs the far way.
    #[inline(always)]
    fn load_indexed<const W: u8>(self, d: R, a: R, b: R, shift: u8, k: i64) -> bool {
        let Some(at) = self.indexed(a, b, shift, k) else { return false };
        // SAFETY: invariant 3: eight bytes are there.
        let word = u64::from_le(unsafe { at.cast::<u64>().read_unaligned() });
        self.set(
            d,
            if W == W64 {
                word
            } else if W == Z32 {
                u64::from(word as u32)
            } else {
                u64::from(word as u8)
            },
        );
        true
    }

    /// An indexed store of width `W`; `false` if it needs the far way.
    #[inline(always)]
    fn store_indexed<const W: u8>(self, value: R, a: R, b: R, shift: u8, k: i64) -> bool {
        let Some(at) = self.indexed(a, b, shift, k) else { return false };
        let word = self.get(value);
        // SAFETY: invariant 3: eight bytes are there.
        unsafe {
            match W {
                W64 => at.cast::<u64>().write_unaligned(word.to_le()),
                Z32 => at.cast::<u32>().write_unaligned((word as u32).to_le()),
                _ => at.write(word as u8),
            }
        }
        true
    }
}

const W64: u8 = Width::W64 as u8;
const Z32: u8 = Width::Z32 as u8;

/// The operand at `place`, or the result just made if the chain says it is that.
#[inline(always)]
fn operand<const CHAIN: u8>(m: Machine, place: Chain, r: R, result: u64) -> u64 {
    if CHAIN == place as u8 { result } else { m.get(r) }
}

fused! { two<const CHAIN, const F, const S>(m, cx) Op::Two(_, _, _, [d, a, b, d2, a2, b2]) => {
    let Some(result) = alu::<F>(m.get(*a), m.get(*b)) else { return m.odd::<F>(cx) };
    m.set(*d, result);
    let (x, y) = (
        operand::<CHAIN>(m, Chain::First, *a2, result),
        operand::<CHAIN>(m, Chain::Second, *b2, result),
    );
    let Some(result) = alu::<S>(x, y) else { return m.second(cx) };
    m.set(*d2, result);
    m.skip(2, cx)
} }

fused! { load_alu<const CHAIN, const S>(m, cx) Op::LoadAlu(_, _, [d, a, d2, a2, b2], k) => {
    let Some(at) = m.plain(*a, *k) else { return m.far(cx) };
    // SAFETY: invariant 3: eight bytes are there.
    let loaded = u64::from_le(unsafe { at.cast::<u64>().read_unaligned() });
    m.set(*d, loaded);
    let (x, y) = (
        operand::<CHAIN>(m, Chain::First, *a2, loaded),
        operand::<CHAIN>(m, Chain::Second, *b2, loaded),
    );
    let Some(result) = alu::<S>(x, y) else { return m.second(cx) };
    m.set(*d2, result);
    m.skip(2, cx)
} }

fused! { alu_load<const F>(m, cx) Op::AluLoad(_, [d, a, b, d2, a2], k) => {
    if !m.alu::<F>(*d, *a, *b) {
        return m.odd::<F>(cx);
    }
    let Some(at) = m.plain(*a2, *k) else { return m.second(cx) };
    // SAFETY: invariant 3: eight bytes are there.
    m.set(*d2, u64::from_le(unsafe { at.cast::<u64>().read_unaligned() }));
    m.skip(2, cx)
} }

fused! { alu_store<const CHAIN, const F>(m, cx) Op::AluStore(_, _, [d, a, b, value, base], k) => {
    let Some(result) = alu::<F>(m.get(*a), m.get(*b)) else { return m.odd::<F>(cx) };
    m.set(*d, result);
    let Some(at) = m.plain(*base, *k) else { return m.second(cx) };
    let value = operand::<CHAIN>(m, Chain::First, *value, result);
    // SAFETY: invariant 3: eight bytes are there.
    unsafe { at.cast::<u64>().write_unaligned(value.to_le()) };
    m.skip(2, cx)
} }

fused! { imm_alu<const S>(m, cx) Op::ImmAlu(_, [d, a, d2, a2, b2], imm) => {
    if !m.add_immediate(*d, *a, *imm) {
        return m.trap(TrapKind::Overflow, 0, cx);
    }
    if m.alu::<S>(*d2, *a2, *b2) { m.skip(2, cx) } else { m.second(cx) }
} }

fused! { alu_imm<const F>(m, cx) Op::AluImm(_, [d, a, b, d2, a2], imm) => {
    if !m.alu::<F>(*d, *a, *b) {
        return m.odd::<F>(cx);
    }
    if m.add_immediate(*d2, *a2, *imm) { m.skip(2, cx) } else { m.second(cx) }
} }

fused! { push_few<const N>(m, cx) Op::PushRange(first, _) => {
    let end = cx.sp + usize::from(N);
    let Some(slots) = cx.stack.get_mut(cx.sp..end) else { return m.leave_for_stack(end, cx) };
    let first = first.at();
    for (place, slot) in (first..).zip(slots) {
        // Read one by one: words just written are not there yet for a wider read.
        // SAFETY: invariant 2: the range has N registers.
        *slot = unsafe { m.registers.add(place).read_volatile() };
    }
    cx.sp = end;
    m.next(cx)
} }

fused! { pop_few<const N>(m, cx) Op::PopRange(first, _) => {
    let start = cx.sp - usize::from(N);
    let Some(slots) = cx.stack.get(start..cx.sp) else { return m.leave::<SLOW>(cx) };
    let first = first.at();
    for (place, slot) in (first..).zip(slots) {
        // Written one by one: the next reads are of single words.
        // SAFETY: invariant 2: the range has N registers.
        unsafe { m.registers.add(place).write_volatile(*slot) };
    }
    cx.sp = start;
    m.next(cx)
} }

fused! { load_load<>(m, cx) Op::LoadLoad([d, a, d2, a2], k, k2) => {
    let Some(at) = m.plain(*a, i64::from(*k)) else { return m.far(cx) };
    // SAFETY: invariant 3: eight bytes are there.
    m.set(*d, u64::from_le(unsafe { at.cast::<u64>().read_unaligned() }));
    let Some(at) = m.plain(*a2, i64::from(*k2)) else { return m.second(cx) };
    // SAFETY: invariant 3: eight bytes are there.
    m.set(*d2, u64::from_le(unsafe { at.cast::<u64>().read_unaligned() }));
    m.skip(2, cx)
} }

fused! { load_x_alu<const W, const S>(m, cx) Op::LoadXAlu(_, _, [d, a, b, d2, a2, b2], shift, k) => {
    if !m.load_indexed::<W>(*d, *a, *b, *shift, i64::from(*k)) {
        return m.far(cx);
    }
    if m.alu::<S>(*d2, *a2, *b2) { m.skip(2, cx) } else { m.second(cx) }
} }

fused! { alu_br<const C, const F>(m, cx) Op::AluBr(_, _, [d, a, b, x, y], ways) => {
    if !m.alu::<F>(*d, *a, *b) {
        return m.odd::<F>(cx);
    }
    const EQ: u8 = Compare::Eq as u8;
    const NE: u8 = Compare::Ne as u8;
    const LT: u8 = Compare::Lt as u8;
    let taken = match C {
        EQ => m.get(*x) == m.get(*y),
        NE => m.get(*x) != m.get(*y),
        LT => m.signed(*x) < m.signed(*y),
        _ => m.signed(*x) <= m.signed(*y),
    };
    m.branch(taken, *ways, 2, cx)
} }

fused! { check_load_x<const W>(m, cx) Op::CheckLoadX(_, [x, y, d, a, b], shift, k) => {
    if m.get(*x) >= m.get(*y) {
        return m.trap(TrapKind::Index, m.get(*x), cx);
    }
    if m.load_indexed::<W>(*d, *a, *b, *shift, *k) { m.skip(2, cx) } else { m.second(cx) }
} }

fused! { check_store_x<const W>(m, cx) Op::CheckStoreX(_, [x, y, value, a, b], shift, k) => {
    if m.get(*x) >= m.get(*y) {
        return m.trap(TrapKind::Index, m.get(*x), cx);
    }
    if m.store_indexed::<W>(*value, *a, *b, *shift, *k) { m.skip(2, cx) } else { m.second(cx) }
} }

fn narrow(m: Machine, d: R, a: R, b: R, kind: u8, operation: Checked, cx: &mut Context<'_>) -> Then {
    let kind = IntType::from_byte(kind).unwrap_or(IntType::I64);
    m.tried(d, number::checked(operation, kind, m.get(a), m.get(b)), cx)
}

operations! {
    (m, cx)
    [
        Op::Two(first, second, chain, _) => two_function(first, second, chain);
        Op::LoadAlu(then, chain, ..) => LOAD_ALU[chain as usize][then as usize];
        Op::AluLoad(first, ..) => by_alu!(alu_load)[first as usize];
        Op::AluStore(first, chain, ..) => ALU_STORE[usize::from(chain == Chain::First)][first as usize];
        Op::ImmAlu(then, ..) => by_alu!(imm_alu)[then as usize];
        Op::AluImm(first, ..) => by_alu!(alu_imm)[first as usize];
        Op::PushRange(first, last) if last.at() - first.at() < FEW => PUSH_FEW[last.at() - first.at()];
        Op::PopRange(first, last) if last.at() - first.at() < FEW => POP_FEW[last.at() - first.at()];
        Op::LoadLoad(..) => load_load;
        Op::LoadXAlu(width, then, ..) => LOAD_X_ALU[width as usize][then as usize];
        Op::AluBr(first, compare, ..) => ALU_BR[compare as usize][first as usize];
        Op::CheckLoadX(width, ..) => [check_load_x::<0>, check_load_x::<1>, check_load_x::<2>][width as usize];
        Op::CheckStoreX(width, ..) => [check_store_x::<0>, check_store_x::<1>, check_store_x::<2>][width as usize];
    ]
    slow: Op::Slow { .. } => m.leave::<SLOW>(cx);
    view: Op::View { .. } => m.leave::<SLOW>(cx);
    hook: Op::Hook => m.leave::<HOOK>(cx);
    nop: Op::Nop => m.next(cx);
    gas_check: Op::GasCheck { gas } => match m.fuel.checked_sub(u64::from(gas)) {
        Some(left) => Machine { fuel: left, ..m }.next(cx),
        None => m.leave::<GAS>(cx),
    };

    jump: Op::Jump(way) => m.go(way, cx);
    br_nz: Op::BrNz(a, ways) => m.branch(m.get(a) != 0, ways, 1, cx);
    br_z: Op::BrZ(a, ways) => m.branch(m.get(a) == 0, ways, 1, cx);
    br_eq: Op::BrEq(a, b, ways) => m.branch(m.get(a) == m.get(b), ways, 1, cx);
    br_ne: Op::BrNe(a, b, ways) => m.branch(m.get(a) != m.get(b), ways, 1, cx);
    br_lt: Op::BrLt(a, b, ways) => m.branch(m.signed(a) < m.signed(b), ways, 1, cx);
    br_le: Op::BrLe(a, b, ways) => m.branch(m.signed(a) <= m.signed(b), ways, 1, cx);
    br_ltu: Op::BrLtu(a, b, ways) => m.branch(m.get(a) < m.get(b), ways, 1, cx);
    br_leu: Op::BrLeu(a, b, ways) => m.branch(m.get(a) <= m.get(b), ways, 1, cx);
    br_eq_i: Op::BrEqI(a, imm, ways) => m.branch(m.signed(a) == i64::from(imm), ways, 1, cx);
    br_ne_i: Op::BrNeI(a, imm, ways) => m.branch(m.signed(a) != i64::from(imm), ways, 1, cx);
    br_lt_i: Op::BrLtI(a, imm, ways) => m.branch(m.signed(a) < i64::from(imm), ways, 1, cx);
    br_le_i: Op::BrLeI(a, imm, ways) => m.branch(m.signed(a) <= i64::from(imm), ways, 1, cx);
    br_gt_i: Op::BrGtI(a, imm, ways) => m.branch(m.signed(a) > i64::from(imm), ways, 1, cx);
    br_ge_i: Op::BrGeI(a, imm, ways) => m.branch(m.signed(a) >= i64::from(imm), ways, 1, cx);
    br_ltu_i: Op::BrLtuI(a, imm, ways) => m.branch(m.get(a) < i64::from(imm) as u64, ways, 1, cx);
    br_leu_i: Op::BrLeuI(a, imm, ways) => m.branch(m.get(a) <= i64::from(imm) as u64, ways, 1, cx);
    br_gtu_i: Op::BrGtuI(a, imm, ways) => m.branch(m.get(a) > i64::from(imm) as u64, ways, 1, cx);
    br_geu_i: Op::BrGeuI(a, imm, ways) => m.branch(m.get(a) >= i64::from(imm) as u64, ways, 1, cx);
    loop_: Op::Loop(a, ways) => {
        let left = m.get(a).wrapping_sub(1);
        m.set(a, left);
        m.branch(left != 0, ways, 1, cx)
    };
    br_flags: Op::BrFlags(opcode, ways) => m.branch(flags_say(opcode, cx.flags), ways, 1, cx);
    call: Op::Call(way, back) => {
        if cx.frames.len() > CALL_DEPTH {
            return m.trap(TrapKind::CallDepth, 0, cx);
        }
        if cx.frames.len() == cx.frames.capacity() {
            // SAFETY: the invariants hold here as for every operation.
            return unsafe { more_frames(m.ip, m.registers, m.fuel, m.data, m.end, cx) };
        }
        let frame = Frame { back, fp: cx.fp as u32, bp: cx.bp };
        // Pushing without a branch to grow: there is room now.
        let length = cx.frames.len();
        // SAFETY: the place is inside the capacity, and is written before the length says so.
        unsafe {
            cx.frames.as_mut_ptr().add(length).write(frame);
            cx.frames.set_len(length + 1);
        }
        cx.fp = cx.sp;
        m.go(way, cx)
    };
    ret: Op::Ret { stacked } => {
        if cx.frames.len() <= 1 {
            return m.leave::<FINISHED>(cx);
        }
        if !cx.caught.is_empty() {
            // SAFETY: the invariants hold here as for every operation.
            return unsafe { forget_and_return(m.ip, m.registers, m.fuel, m.data, m.end, cx) };
        }
        m.go_back(stacked, cx)
    };
    tailcall: Op::Tailcall(way) => {
        if !cx.caught.is_empty() {
            forget(cx.caught, cx.frames.len() - 1);
        }
        m.go(way, cx)
    };

    mov: Op::Mov(d, a) => m.value(d, m.get(a), cx);
    mov_i: Op::MovI(d, imm) => m.value(d, imm as u64, cx);
    select: Op::Select(d, a, b, c) => m.value(d, if m.get(a) != 0 { m.get(b) } else { m.get(c) }, cx);
    add: Op::Add(d, a, b) => m.value(d, m.get(a).wrapping_add(m.get(b)), cx);
    sub: Op::Sub(d, a, b) => m.value(d, m.get(a).wrapping_sub(m.get(b)), cx);
    mul: Op::Mul(d, a, b) => m.value(d, m.get(a).wrapping_mul(m.get(b)), cx);
    div: Op::Div(d, a, b) => m.tried(d, number::div(m.get(a), m.get(b)), cx);
    rem: Op::Rem(d, a, b) => m.tried(d, number::rem(m.get(a), m.get(b)), cx);
    udiv: Op::Udiv(d, a, b) => m.tried(d, number::udiv(m.get(a), m.get(b)), cx);
    urem: Op::Urem(d, a, b) => m.tried(d, number::urem(m.get(a), m.get(b)), cx);
    and: Op::And(d, a, b) => m.value(d, m.get(a) & m.get(b), cx);
    or: Op::Or(d, a, b) => m.value(d, m.get(a) | m.get(b), cx);
    xor: Op::Xor(d, a, b) => m.value(d, m.get(a) ^ m.get(b), cx);
    not: Op::Not(d, a) => m.value(d, !m.get(a), cx);
    neg: Op::Neg(d, a) => m.value(d, m.get(a).wrapping_neg(), cx);
    shl: Op::Shl(d, a, b) => m.value(d, number::shl(m.get(a), m.get(b)), cx);
    sar: Op::Sar(d, a, b) => m.value(d, number::sar(m.get(a), m.get(b)), cx);
    ushr: Op::Ushr(d, a, b) => m.value(d, number::ushr(m.get(a), m.get(b)), cx);
    rotl: Op::Rotl(d, a, b) => m.value(d, number::rotl(m.get(a), m.get(b)), cx);
    rotr: Op::Rotr(d, a, b) => m.value(d, number::rotr(m.get(a), m.get(b)), cx);
    popcount: Op::Popcount(d, a) => m.value(d, u64::from(m.get(a).count_ones()), cx);
    clz: Op::Clz(d, a) => m.value(d, u64::from(m.get(a).leading_zeros()), cx);
    ctz: Op::Ctz(d, a) => m.value(d, u64::from(m.get(a).trailing_zeros()), cx);
    bswap: Op::Bswap(d, a) => m.value(d, m.get(a).swap_bytes(), cx);
    add_i: Op::AddI(d, a, imm) => m.value(d, m.get(a).wrapping_add(imm as u64), cx);
    and_i: Op::AndI(d, a, imm) => m.value(d, m.get(a) & imm as u64, cx);
    or_i: Op::OrI(d, a, imm) => m.value(d, m.get(a) | imm as u64, cx);
    xor_i: Op::XorI(d, a, imm) => m.value(d, m.get(a) ^ imm as u64, cx);
    cmp_eq: Op::CmpEq(d, a, b) => m.value(d, u64::from(m.get(a) == m.get(b)), cx);
    cmp_ne: Op::CmpNe(d, a, b) => m.value(d, u64::from(m.get(a) != m.get(b)), cx);
    cmp_lt: Op::CmpLt(d, a, b) => m.value(d, u64::from(m.signed(a) < m.signed(b)), cx);
    cmp_le: Op::CmpLe(d, a, b) => m.value(d, u64::from(m.signed(a) <= m.signed(b)), cx);
    cmp_ltu: Op::CmpLtu(d, a, b) => m.value(d, u64::from(m.get(a) < m.get(b)), cx);
    cmp_leu: Op::CmpLeu(d, a, b) => m.value(d, u64::from(m.get(a) <= m.get(b)), cx);
    fcmp_eq: Op::FcmpEq(d, a, b) => m.value(d, u64::from(m.float(a) == m.float(b)), cx);
    fcmp_lt: Op::FcmpLt(d, a, b) => m.value(d, u64::from(m.float(a) < m.float(b)), cx);
    fcmp_le: Op::FcmpLe(d, a, b) => m.value(d, u64::from(m.float(a) <= m.float(b)), cx);
    s8: Op::S8(d, a) => m.value(d, m.get(a) as i8 as u64, cx);
    s16: Op::S16(d, a) => m.value(d, m.get(a) as i16 as u64, cx);
    s32: Op::S32(d, a) => m.value(d, m.get(a) as i32 as u64, cx);
    z8: Op::Z8(d, a) => m.value(d, u64::from(m.get(a) as u8), cx);
    z16: Op::Z16(d, a) => m.value(d, u64::from(m.get(a) as u16), cx);
    z32: Op::Z32(d, a) => m.value(d, u64::from(m.get(a) as u32), cx);
    tadd: Op::Tadd(d, a, b) => m.checked(d, m.signed(a).checked_add(m.signed(b)), cx);
    tsub: Op::Tsub(d, a, b) => m.checked(d, m.signed(a).checked_sub(m.signed(b)), cx);
    tmul: Op::Tmul(d, a, b) => m.checked(d, m.signed(a).checked_mul(m.signed(b)), cx);
    tadd_i: Op::TaddI(d, a, imm) => m.checked(d, m.signed(a).checked_add(i64::from(imm)), cx);
    tadd_n: Op::TaddN(d, a, b, kind) => narrow(m, d, a, b, kind, Checked::Add, cx);
    tsub_n: Op::TsubN(d, a, b, kind) => narrow(m, d, a, b, kind, Checked::Sub, cx);
    tmul_n: Op::TmulN(d, a, b, kind) => narrow(m, d, a, b, kind, Checked::Mul, cx);
    leax: Op::Leax(d, a, b, shift, imm) => {
        let offset = (m.get(b) << (shift & 3)).wrapping_add(i64::from(imm) as u64);
        m.value(d, m.get(a).wrapping_add(offset), cx)
    };
    fadd: Op::Fadd(d, a, b) => m.float_value(d, m.float(a) + m.float(b), cx);
    fsub: Op::Fsub(d, a, b) => m.float_value(d, m.float(a) - m.float(b), cx);
    fmul: Op::Fmul(d, a, b) => m.float_value(d, m.float(a) * m.float(b), cx);
    fdiv: Op::Fdiv(d, a, b) => m.float_value(d, m.float(a) / m.float(b), cx);
    fneg: Op::Fneg(d, a) => m.value(d, number::fneg(m.get(a)), cx);
    i2f: Op::I2f(d, a) => m.value(d, number::i2f(m.get(a)), cx);
    f2i: Op::F2i(d, a) => match number::f2i(m.get(a)) {
        Ok(value) => m.value(d, value, cx),
        Err(kind) => m.trap(kind, m.get(a), cx),
    };
    fsqrt: Op::Fsqrt(d, a) => m.float_value(d, libm::sqrt(m.float(a)), cx);
    fabs: Op::Fabs(d, a) => m.float_value(d, libm::fabs(m.float(a)), cx);

    load64: Op::Load64(d, a, k) => load!(m, cx, d, m.plain(a, k), u64, u64);
    load32: Op::Load32(d, a, k) => load!(m, cx, d, m.plain(a, k), u32, u32);
    load16: Op::Load16(d, a, k) => load!(m, cx, d, m.plain(a, k), u16, u16);
    load8: Op::Load8(d, a, k) => load!(m, cx, d, m.plain(a, k), u8, u8);
    store64: Op::Store64(value, a, k) => store!(m, cx, value, m.plain(a, k), u64);
    store32: Op::Store32(value, a, k) => store!(m, cx, value, m.plain(a, k), u32);
    store16: Op::Store16(value, a, k) => store!(m, cx, value, m.plain(a, k), u16);
    store8: Op::Store8(value, a, k) => store!(m, cx, value, m.plain(a, k), u8);
    load_x64: Op::LoadX64(d, a, b, shift, k) => load!(m, cx, d, m.indexed(a, b, shift, k), u64, u64);
    load_xz8: Op::LoadXZ8(d, a, b, shift, k) => load!(m, cx, d, m.indexed(a, b, shift, k), u8, u8);
    load_xz16: Op::LoadXZ16(d, a, b, shift, k) => load!(m, cx, d, m.indexed(a, b, shift, k), u16, u16);
    load_xz32: Op::LoadXZ32(d, a, b, shift, k) => load!(m, cx, d, m.indexed(a, b, shift, k), u32, u32);
    load_xs8: Op::LoadXS8(d, a, b, shift, k) => load!(m, cx, d, m.indexed(a, b, shift, k), u8, i8);
    load_xs16: Op::LoadXS16(d, a, b, shift, k) => load!(m, cx, d, m.indexed(a, b, shift, k), u16, i16);
    load_xs32: Op::LoadXS32(d, a, b, shift, k) => load!(m, cx, d, m.indexed(a, b, shift, k), u32, i32);
    store_x64: Op::StoreX64(value, a, b, shift, k) => store!(m, cx, value, m.indexed(a, b, shift, k), u64);
    store_x32: Op::StoreX32(value, a, b, shift, k) => store!(m, cx, value, m.indexed(a, b, shift, k), u32);
    store_x16: Op::StoreX16(value, a, b, shift, k) => store!(m, cx, value, m.indexed(a, b, shift, k), u16);
    store_x8: Op::StoreX8(value, a, b, shift, k) => store!(m, cx, value, m.indexed(a, b, shift, k), u8);
    index_check: Op::IndexCheck(a, b) => {
        if m.get(a) >= m.get(b) {
            return m.trap(TrapKind::Index, m.get(a), cx);
        }
        m.next(cx)
    };
    expect: Op::Expect(a) => {
        if m.get(a) == 0 {
            return m.trap(TrapKind::Assertion, 0, cx);
        }
        m.next(cx)
    };

    push: Op::Push(a) => {
        let Some(slot) = cx.stack.get_mut(cx.sp) else { return m.leave_for_stack(cx.sp + 1, cx) };
        *slot = m.get(a);
        cx.sp += 1;
        m.next(cx)
    };
    pop: Op::Pop(d) => {
        cx.sp -= 1;
        m.value(d, cx.stack.get(cx.sp).copied().unwrap_or(0), cx)
    };
    push_range: Op::PushRange(first, last) => {
        let count = last.at() + 1 - first.at();
        let end = cx.sp + count;
        let Some(slots) = cx.stack.get_mut(cx.sp..end) else { return m.leave_for_stack(end, cx) };
        for (slot, register) in slots.iter_mut().zip(first.at()..) {
            // Read one by one: words just written are not there yet for a wider read.
            // SAFETY: invariant 2: the range ends at `last`.
            *slot = unsafe { m.registers.add(register).read_volatile() };
        }
        cx.sp = end;
        m.next(cx)
    };
    pop_range: Op::PopRange(first, last) => {
        let count = last.at() + 1 - first.at();
        let start = cx.sp - count;
        let slots = cx.stack.get(start..cx.sp).unwrap_or(&[]);
        for (slot, register) in slots.iter().zip(first.at()..) {
            // SAFETY: invariant 2: the range ends at `last`.
            unsafe { m.registers.add(register).write(*slot) };
        }
        cx.sp = start;
        m.next(cx)
    };
    stack_alloc: Op::StackAlloc(count) => {
        let end = cx.sp + usize::from(count);
        let Some(slots) = cx.stack.get_mut(cx.sp..end) else { return m.leave_for_stack(end, cx) };
        slots.fill(0);
        cx.sp = end;
        m.next(cx)
    };
    stack_free: Op::StackFree(count) => {
        cx.sp -= usize::from(count);
        m.next(cx)
    };
    enter: Op::Enter(count) => {
        let end = cx.sp + 1 + usize::from(count);
        let Some([saved, slots @ ..]) = cx.stack.get_mut(cx.sp..end) else {
            return m.leave_for_stack(end, cx);
        };
        *saved = u64::from(cx.bp);
        slots.fill(0);
        cx.bp = cx.sp as u32 + 1;
        cx.sp = end;
        m.next(cx)
    };
    leave_frame: Op::Leave => {
        cx.sp = cx.bp as usize - 1;
        cx.bp = cx.stack.get(cx.sp).copied().unwrap_or(0) as u32;
        m.next(cx)
    };
    slot_get: Op::SlotGet(d, slot) => {
        let at = cx.fp.wrapping_add_signed(isize::from(slot));
        m.value(d, cx.stack.get(at).copied().unwrap_or(0), cx)
    };
    slot_set: Op::SlotSet(a, slot) => {
        let at = cx.fp.wrapping_add_signed(isize::from(slot));
        if let Some(place) = cx.stack.get_mut(at) {
            *place = m.get(a);
        }
        m.next(cx)
    };

    tadd_i_jump: Op::TaddIJump(d, a, imm, way) => match m.signed(a).checked_add(i64::from(imm)) {
        Some(value) => {
            m.set(d, value as u64);
            m.go(way, cx)
        }
        None => m.trap(TrapKind::Overflow, 0, cx),
    };
    tadd_i_br_lt: Op::TaddIBrLt(d, a, imm, x, y, ways) =>
        add_then!(m, cx, d, a, imm, m.signed(x) < m.signed(y), ways);
    tadd_i_br_le: Op::TaddIBrLe(d, a, imm, x, y, ways) =>
        add_then!(m, cx, d, a, imm, m.signed(x) <= m.signed(y), ways);
    tadd_i_br_ltu: Op::TaddIBrLtu(d, a, imm, x, y, ways) =>
        add_then!(m, cx, d, a, imm, m.get(x) < m.get(y), ways);
    tadd_i_br_ne: Op::TaddIBrNe(d, a, imm, x, y, ways) =>
        add_then!(m, cx, d, a, imm, m.get(x) != m.get(y), ways);
    tadd_i_br_lt_i: Op::TaddIBrLtI(d, imm, limit, ways) =>
        add_then!(m, cx, d, d, imm, m.signed(d) < i64::from(limit), ways);
    tadd_i_br_ge_i: Op::TaddIBrGeI(d, imm, limit, ways) =>
        add_then!(m, cx, d, d, imm, m.signed(d) >= i64::from(limit), ways);
    tadd_i_br_ne_i: Op::TaddIBrNeI(d, imm, limit, ways) =>
        add_then!(m, cx, d, d, imm, m.signed(d) != i64::from(limit), ways);
}

/// Makes room for more frames and tries the call again.
///
/// # Safety
/// The invariants of the module.
#[cold]
#[inline(never)]
unsafe fn more_frames(
    ip: *const Cell,
    registers: *mut u64,
    fuel: u64,
    data: *mut u8,
    end: u64,
    cx: &mut Context<'_>,
) -> Then {
    cx.frames.reserve(cx.frames.len().max(4));
    Machine { ip, registers, fuel, data, end }.dispatch(cx)
}

/// RET of a frame while something is being handled: what it was handling is over.
///
/// # Safety
/// The invariants of the module.
#[cold]
#[inline(never)]
unsafe fn forget_and_return(
    ip: *const Cell,
    registers: *mut u64,
    fuel: u64,
    data: *mut u8,
    end: u64,
    cx: &mut Context<'_>,
) -> Then {
    let below = cx.frames.len().saturating_sub(1);
    let before = cx.caught.len();
    cx.caught.retain(|caught| caught.frame as usize <= below);
    let m = Machine { ip, registers, fuel, data, end };
    if cx.caught.len() == before {
        // It is about frames further down, which stay.
        // SAFETY: invariant 1.
        return match unsafe { (*ip).op } {
            Op::Ret { stacked } => m.go_back(stacked, cx),
            _ => m.leave::<SLOW>(cx),
        };
    }
    m.dispatch(cx)
}
