//! Memory accesses that the fast path leaves: constants, the last seven bytes, and what traps.

use flux_abi::trap::TrapKind;

use super::{Cell, Context, Machine, Then, leave_trap};
use crate::op::{Op, R, Width};

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
pub(super) unsafe fn far(
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
        Op::LoadXZ8BrNz(d, a, b, shift, k, _) | Op::LoadXZ8BrZ(d, a, b, shift, k, _) => {
            (Some(d), load(a, b, shift, i64::from(k), 1))
        }
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
        (Err(address), _) => return leave_trap(ip, fuel, cx, TrapKind::BadAccess, address),
        // SAFETY: invariant 2.
        (Ok(value), Some(d)) => unsafe { registers.add(d.at()).write(value) },
        (Ok(_), None) => {}
    }
    Machine { ip, registers, fuel, data, end }.next(cx)
}
