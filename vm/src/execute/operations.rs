//! One function for each plain operation, and the choice of the function for every operation.

use flux_abi::limits::CALL_DEPTH;
use flux_abi::select::IntType;
use flux_abi::trap::TrapKind;

use super::pairs::{
    ALU_BR, ALU_IMM, ALU_LOAD, ALU_STORE, CHECK_LOAD_X, CHECK_STORE_X, FEW, IMM_ALU, LOAD_ALU, LOAD_X_ALU,
    POP_FEW, PUSH_FEW, count_br_le, count_br_lt, count_br_ltu, count_br_ne, load_load, two_function,
};
use super::{Cell, Context, FINISHED, Function, GAS, HOOK, Machine, SLOW, Then, flags_say, forget};
use crate::number::{self, Checked};
use crate::op::{Chain, Op, R};
use crate::run::Frame;

/// Defines the functions of operations, and [`function`]. The names in front are those that the bodies
/// use for machine and context.
macro_rules! operations {
    (($m:ident, $cx:ident) [$($fused:pat $(if $guard:expr)? => $function:expr;)*] $($name:ident: $pattern:pat => $body:expr;)*) => {
        /// The function that carries `op` out.
        #[allow(unused_variables, reason = "only the kind of operation counts")]
        pub(super) fn function(op: &Op) -> Function {
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

/// Loads a byte at an address that `$place` finds, then branches by what `$condition` makes of it.
macro_rules! byte_then {
    ($m:ident, $cx:ident, $d:expr, $place:expr, $condition:expr, $ways:expr) => {
        match $place {
            Some(at) => {
                // SAFETY: invariant 3: eight bytes are there.
                let value = u64::from(unsafe { at.read() });
                $m.set($d, value);
                $m.branch($condition(value), $ways, 2, $cx)
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
                $m.branch($condition(value), $ways, 2, $cx)
            }
            None => $m.trap(TrapKind::Overflow, 0, $cx),
        }
    };
}

fn narrow(m: Machine, d: R, a: R, b: R, kind: u8, operation: Checked, cx: &mut Context<'_>) -> Then {
    let kind = IntType::from_byte(kind).unwrap_or(IntType::I64);
    m.tried(d, number::checked(operation, kind, m.get(a), m.get(b)), cx)
}

operations! {
    (m, cx)
    [
        Op::Two(first, second, chain, _) => two_function(first, second, chain);
        Op::LoadAlu(then, chain, ..) => LOAD_ALU[chain as usize][then as usize];
        Op::AluLoad(first, ..) => ALU_LOAD[first as usize];
        Op::AluStore(first, chain, ..) => ALU_STORE[usize::from(chain == Chain::First)][first as usize];
        Op::ImmAlu(then, ..) => IMM_ALU[then as usize];
        Op::AluImm(first, ..) => ALU_IMM[first as usize];
        Op::PushRange(first, last) if last.at() - first.at() < FEW => PUSH_FEW[last.at() - first.at()];
        Op::PopRange(first, last) if last.at() - first.at() < FEW => POP_FEW[last.at() - first.at()];
        Op::LoadLoad(..) => load_load;
        Op::LoadXAlu(width, then, ..) => LOAD_X_ALU[width as usize][then as usize];
        Op::AluBr(first, compare, [d, _, _, x, _], _) =>
            ALU_BR[usize::from(d == x)][compare as usize][first as usize];
        Op::TaddIBrLt(d, _, _, x, ..) if d == x => count_br_lt;
        Op::TaddIBrLe(d, _, _, x, ..) if d == x => count_br_le;
        Op::TaddIBrLtu(d, _, _, x, ..) if d == x => count_br_ltu;
        Op::TaddIBrNe(d, _, _, x, ..) if d == x => count_br_ne;
        Op::CheckLoadX(width, ..) => CHECK_LOAD_X[width as usize];
        Op::CheckStoreX(width, ..) => CHECK_STORE_X[width as usize];
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

    load_xz8_br_nz: Op::LoadXZ8BrNz(d, a, b, shift, k, ways) =>
        byte_then!(m, cx, d, m.indexed(a, b, shift, i64::from(k)), |value| value != 0, ways);
    load_xz8_br_z: Op::LoadXZ8BrZ(d, a, b, shift, k, ways) =>
        byte_then!(m, cx, d, m.indexed(a, b, shift, i64::from(k)), |value| value == 0, ways);
    tadd_i_jump: Op::TaddIJump(d, a, imm, way) => match m.signed(a).checked_add(i64::from(imm)) {
        Some(value) => {
            m.set(d, value as u64);
            m.go(way, cx)
        }
        None => m.trap(TrapKind::Overflow, 0, cx),
    };
    tadd_i_br_lt: Op::TaddIBrLt(d, a, imm, x, y, ways) =>
        add_then!(m, cx, d, a, imm, |_| m.signed(x) < m.signed(y), ways);
    tadd_i_br_le: Op::TaddIBrLe(d, a, imm, x, y, ways) =>
        add_then!(m, cx, d, a, imm, |_| m.signed(x) <= m.signed(y), ways);
    tadd_i_br_ltu: Op::TaddIBrLtu(d, a, imm, x, y, ways) =>
        add_then!(m, cx, d, a, imm, |_| m.get(x) < m.get(y), ways);
    tadd_i_br_ne: Op::TaddIBrNe(d, a, imm, x, y, ways) =>
        add_then!(m, cx, d, a, imm, |_| m.get(x) != m.get(y), ways);
    tadd_i_br_lt_i: Op::TaddIBrLtI(d, imm, limit, ways) =>
        add_then!(m, cx, d, d, imm, |value| value < i64::from(limit), ways);
    tadd_i_br_ge_i: Op::TaddIBrGeI(d, imm, limit, ways) =>
        add_then!(m, cx, d, d, imm, |value| value >= i64::from(limit), ways);
    tadd_i_br_ne_i: Op::TaddIBrNeI(d, imm, limit, ways) =>
        add_then!(m, cx, d, d, imm, |value| value != i64::from(limit), ways);
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
