//! Joins operations that often follow each other.
//!
//! # Invariants
//! 1. A fused operation has the effects of its parts in order; if it can trap, only its first part
//!    can, unless it says otherwise.
//! 2. Fusing reads only operations that are still plain: it goes forward, and a fused operation
//!    covers places after its own.

use crate::op::{OP_BYTES, Op, Way, Ways};

/// Lets branches, jumps and calls charge the GAS_CHECK they lead to.
pub(crate) fn charge_on_edges(ops: &mut [Op]) {
    for place in 0..ops.len() {
        let at = |rel: i32| place.checked_add_signed((rel / OP_BYTES as i32) as isize);
        let gas = |place: Option<usize>| match place.and_then(|place| ops.get(place)) {
            Some(Op::GasCheck { gas }) => u16::try_from(*gas).unwrap_or(0),
            _ => 0,
        };
        let step = OP_BYTES as i32;
        let mut op = ops[place];
        if let Some(ways) = ways_of(&mut op) {
            let taken = gas(at(ways.rel));
            *ways = Ways {
                rel: if taken > 0 { ways.rel + step } else { ways.rel },
                taken,
                fall: gas(Some(place + 1)),
            };
        } else if let Op::Jump(way) | Op::Call(way) | Op::Tailcall(way) = &mut op {
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
    Some(Ways { rel: ways.rel.checked_add(OP_BYTES as i32)?, ..ways })
}

fn pair(first: Op, second: Op) -> Option<Op> {
    match (first, second) {
        (Op::TaddI(d, a, imm), Op::Jump(way)) => {
            let way = Way { rel: way.rel.checked_add(OP_BYTES as i32)?, ..way };
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
        _ => None,
    }
}
