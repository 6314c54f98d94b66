//! Joins operations that often follow each other.
//!
//! # Invariants
//! 1. A fused operation has the effects of its parts in order. Where its second part traps or needs
//!    the far way, it leaves the rest to the plain operation in the next place.
//! 2. Fusing reads only operations that are still plain: it goes forward, and a fused operation
//!    covers places after its own.

use crate::execute::CELL_BYTES;
use crate::op::{Alu, Chain, Compare, Op, R, Way, Ways, Width};

/// Lets branches, jumps and calls charge the GAS_CHECK they lead to.
pub(crate) fn charge_on_edges(ops: &mut [Op]) {
    for place in 0..ops.len() {
        let at = |rel: i32| place.checked_add_signed((rel / CELL_BYTES as i32) as isize);
        let gas = |place: Option<usize>| match place.and_then(|place| ops.get(place)) {
            Some(Op::GasCheck { gas }) => u16::try_from(*gas).unwrap_or(0),
            _ => 0,
        };
        let step = CELL_BYTES as i32;
        let mut op = ops[place];
        if let Some(ways) = ways_of(&mut op) {
            let taken = gas(at(ways.rel));
            *ways = Ways {
                rel: if taken > 0 { ways.rel + step } else { ways.rel },
                taken,
                fall: gas(Some(place + 1)),
            };
        } else if let Op::Jump(way) | Op::Call(way, _) | Op::Tailcall(way) = &mut op {
            let charged = gas(at(way.rel));
            *way = Way { rel: if charged > 0 { way.rel + step } else { way.rel }, gas: charged };
        }
        ops[place] = op;
    }
}

/// The ways out of a conditional branch.
fn ways_of(op: &mut Op) -> Option<&mut Ways> {
    match op {
        Op::BrNz(_, ways) | Op::BrZ(_, ways) | Op::Loop(_, ways) | Op::BrFlags(_, ways) => Some(ways),
        Op::BrEq(_, _, ways)
        | Op::BrNe(_, _, ways)
        | Op::BrLt(_, _, ways)
        | Op::BrLe(_, _, ways)
        | Op::BrLtu(_, _, ways)
        | Op::BrLeu(_, _, ways) => Some(ways),
        Op::BrEqI(_, _, ways)
        | Op::BrNeI(_, _, ways)
        | Op::BrLtI(_, _, ways)
        | Op::BrLeI(_, _, ways)
        | Op::BrGtI(_, _, ways)
        | Op::BrGeI(_, _, ways)
        | Op::BrLtuI(_, _, ways)
        | Op::BrLeuI(_, _, ways)
        | Op::BrGtuI(_, _, ways)
        | Op::BrGeuI(_, _, ways) => Some(ways),
        _ => None,
    }
}

/// Fuses pairs.
pub(crate) fn pairs(ops: &mut [Op]) {
    for place in 1..ops.len() {
        if let Some(op) = pair(ops[place - 1], ops[place]) {
            ops[place - 1] = op;
        }
    }
}

/// The ways of a branch as seen from the place before it.
fn earlier(ways: Ways) -> Option<Ways> {
    Some(Ways { rel: ways.rel.checked_add(CELL_BYTES as i32)?, ..ways })
}

/// A register operation: what it does, and its registers.
fn alu(op: Op) -> Option<(Alu, R, R, R)> {
    Some(match op {
        Op::Add(d, a, b) => (Alu::Add, d, a, b),
        Op::Sub(d, a, b) => (Alu::Sub, d, a, b),
        Op::Mul(d, a, b) => (Alu::Mul, d, a, b),
        Op::And(d, a, b) => (Alu::And, d, a, b),
        Op::Or(d, a, b) => (Alu::Or, d, a, b),
        Op::Xor(d, a, b) => (Alu::Xor, d, a, b),
        Op::Shl(d, a, b) => (Alu::Shl, d, a, b),
        Op::Ushr(d, a, b) => (Alu::Ushr, d, a, b),
        Op::Mov(d, a) => (Alu::Mov, d, a, R::ZERO),
        Op::Z32(d, a) => (Alu::Z32, d, a, R::ZERO),
        Op::Fadd(d, a, b) => (Alu::Fadd, d, a, b),
        Op::Fsub(d, a, b) => (Alu::Fsub, d, a, b),
        Op::Fmul(d, a, b) => (Alu::Fmul, d, a, b),
        Op::Fdiv(d, a, b) => (Alu::Fdiv, d, a, b),
        Op::Fsqrt(d, a) => (Alu::Fsqrt, d, a, R::ZERO),
        Op::Tadd(d, a, b) => (Alu::Tadd, d, a, b),
        Op::Tsub(d, a, b) => (Alu::Tsub, d, a, b),
        Op::Tmul(d, a, b) => (Alu::Tmul, d, a, b),
        _ => return None,
    })
}

/// A branch that compares two registers.
fn compare(op: Op) -> Option<(Compare, R, R, Ways)> {
    Some(match op {
        Op::BrEq(a, b, ways) => (Compare::Eq, a, b, ways),
        Op::BrNe(a, b, ways) => (Compare::Ne, a, b, ways),
        Op::BrLt(a, b, ways) => (Compare::Lt, a, b, ways),
        Op::BrLe(a, b, ways) => (Compare::Le, a, b, ways),
        _ => return None,
    })
}

/// An indexed load: width, result, base, index, shift, displacement.
fn indexed_load(op: Op) -> Option<(Width, R, R, R, u8, i64)> {
    Some(match op {
        Op::LoadX64(d, a, b, shift, k) => (Width::W64, d, a, b, shift, k),
        Op::LoadXZ32(d, a, b, shift, k) => (Width::Z32, d, a, b, shift, k),
        Op::LoadXZ8(d, a, b, shift, k) => (Width::Z8, d, a, b, shift, k),
        _ => return None,
    })
}

/// An indexed store: width, value, base, index, shift, displacement.
fn indexed_store(op: Op) -> Option<(Width, R, R, R, u8, i64)> {
    Some(match op {
        Op::StoreX64(value, a, b, shift, k) => (Width::W64, value, a, b, shift, k),
        Op::StoreX32(value, a, b, shift, k) => (Width::Z32, value, a, b, shift, k),
        Op::StoreX8(value, a, b, shift, k) => (Width::Z8, value, a, b, shift, k),
        _ => return None,
    })
}

/// Which of two operands is the result `d`; where both are, they are read back.
fn chain(d: R, a: R, b: R) -> Chain {
    match (d == a, d == b) {
        (true, false) => Chain::First,
        (false, true) => Chain::Second,
        _ => Chain::No,
    }
}

/// Pairs in which one part is a register operation, or both are memory accesses.
fn general_pair(first: Op, second: Op) -> Option<Op> {
    if let Some((kind, d, a, b)) = alu(first) {
        if let Some((then, d2, a2, b2)) = alu(second) {
            return Some(Op::Two(kind, then, chain(d, a2, b2), [d, a, b, d2, a2, b2]));
        }
        if let Some((how, x, y, ways)) = compare(second) {
            return Some(Op::AluBr(kind, how, [d, a, b, x, y], earlier(ways)?));
        }
        return match second {
            Op::Load64(d2, a2, k) => Some(Op::AluLoad(kind, [d, a, b, d2, a2], k)),
            Op::Store64(value, base, k) => {
                Some(Op::AluStore(kind, chain(d, value, base), [d, a, b, value, base], k))
            }
            Op::TaddI(d2, a2, imm) => Some(Op::AluImm(kind, [d, a, b, d2, a2], imm)),
            _ => None,
        };
    }
    if let Op::IndexCheck(x, y) = first {
        if let Some((width, d, a, b, shift, k)) = indexed_load(second) {
            return Some(Op::CheckLoadX(width, [x, y, d, a, b], shift, k));
        }
        let (width, value, a, b, shift, k) = indexed_store(second)?;
        return Some(Op::CheckStoreX(width, [x, y, value, a, b], shift, k));
    }
    if let (Op::Load64(d, a, k), Op::Load64(d2, a2, k2)) = (first, second) {
        return Some(Op::LoadLoad([d, a, d2, a2], i32::try_from(k).ok()?, i32::try_from(k2).ok()?));
    }
    let (then, d2, a2, b2) = alu(second)?;
    if let Some((width, d, a, b, shift, k)) = indexed_load(first) {
        let k = i32::try_from(k).ok()?;
        return Some(Op::LoadXAlu(width, then, [d, a, b, d2, a2, b2], shift, k));
    }
    match first {
        Op::Load64(d, a, k) => Some(Op::LoadAlu(then, chain(d, a2, b2), [d, a, d2, a2, b2], k)),
        Op::TaddI(d, a, imm) => Some(Op::ImmAlu(then, [d, a, d2, a2, b2], imm)),
        _ => None,
    }
}

fn pair(first: Op, second: Op) -> Option<Op> {
    match (first, second) {
        (Op::TaddI(d, a, imm), Op::Jump(way)) => {
            let way = Way { rel: way.rel.checked_add(CELL_BYTES as i32)?, ..way };
            Some(Op::TaddIJump(d, a, imm, way))
        }
        (Op::TaddI(d, a, imm), Op::BrLt(x, y, ways)) => {
            Some(Op::TaddIBrLt(d, a, i16::try_from(imm).ok()?, x, y, earlier(ways)?))
        }
        (Op::TaddI(d, a, imm), Op::BrLe(x, y, ways)) => {
            Some(Op::TaddIBrLe(d, a, i16::try_from(imm).ok()?, x, y, earlier(ways)?))
        }
        (Op::TaddI(d, a, imm), Op::BrLtu(x, y, ways)) => {
            Some(Op::TaddIBrLtu(d, a, i16::try_from(imm).ok()?, x, y, earlier(ways)?))
        }
        (Op::TaddI(d, a, imm), Op::BrNe(x, y, ways)) => {
            Some(Op::TaddIBrNe(d, a, i16::try_from(imm).ok()?, x, y, earlier(ways)?))
        }
        (Op::TaddI(d, a, imm), Op::BrLtI(x, limit, ways)) if d == a && a == x => {
            Some(Op::TaddIBrLtI(d, i8::try_from(imm).ok()?, limit, earlier(ways)?))
        }
        (Op::TaddI(d, a, imm), Op::BrGeI(x, limit, ways)) if d == a && a == x => {
            Some(Op::TaddIBrGeI(d, i8::try_from(imm).ok()?, limit, earlier(ways)?))
        }
        (Op::TaddI(d, a, imm), Op::BrNeI(x, limit, ways)) if d == a && a == x => {
            Some(Op::TaddIBrNeI(d, i8::try_from(imm).ok()?, limit, earlier(ways)?))
        }
        (Op::LoadXZ8(d, a, b, shift, k), Op::BrNz(x, ways)) if d == x => {
            Some(Op::LoadXZ8BrNz(d, a, b, shift, i16::try_from(k).ok()?, earlier(ways)?))
        }
        (Op::LoadXZ8(d, a, b, shift, k), Op::BrZ(x, ways)) if d == x => {
            Some(Op::LoadXZ8BrZ(d, a, b, shift, i16::try_from(k).ok()?, earlier(ways)?))
        }
        _ => general_pair(first, second),
    }
}
