//! Folds constants, propagates copies, numbers values, folds branches: one walk over the
//! blocks in reverse postorder.
//!
//! Value numbering keeps two candidates for each pair of hashes; a candidate counts only if its block
//! dominates the place. A lost candidate costs an optimisation, never correctness.

use super::{Known, Replacements, Workspace};
use crate::fir::arith::compute;
use crate::fir::verify::is_constant;
use crate::fir::{
    Access, AccessFacts, BlockId, Dominators, Effect, FloatCompare, Function, Inst, InstId, IntCompare,
    IntKind, IntOp, Terminator, Type, ValueDef, ValueId,
};
use core::hash::{Hash, Hasher};

/// What becomes of an instruction.
enum Rewrite {
    /// It stays, perhaps in another form.
    Keep(Inst),
    /// Another value is its result.
    Value(ValueId),
    /// It does nothing.
    Remove,
}

/// Whether edges between blocks are what they were.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Edges {
    /// They lead where they led, with the same values.
    Kept,
    /// There may be fewer, or other values go with them.
    Changed,
}

/// See the module.
pub(super) fn simplify(function: &mut Function, work: &mut Workspace) -> Edges {
    work.know_dominators(function);
    let Workspace { known, cfg, dominators, replacements, candidates, .. } = work;
    replacements.reset(function.values.len());
    candidates.clear();
    candidates.resize(function.insts.len().next_power_of_two().max(16), None);
    let mut pass = Simplifier { replacements, candidates, function, dominators, edges_changed: false };
    for &block in &cfg.order {
        pass.block(block);
    }
    // A definition is visited before its uses: only lists, of which those of jumps back come too
    // early, and unreachable blocks have old operands.
    let lists_changed = if cfg.order.len() == pass.function.blocks.len() {
        pass.replacements.apply_to_lists(pass.function)
    } else {
        pass.replacements.apply(pass.function);
        true
    };
    if pass.edges_changed {
        *known = Known::Nothing;
    }
    if lists_changed || pass.edges_changed { Edges::Changed } else { Edges::Kept }
}

struct Simplifier<'a> {
    function: &'a mut Function,
    replacements: &'a mut Replacements,
    dominators: &'a Dominators,
    candidates: &'a mut [Option<(InstId, BlockId)>],
    /// Whether a terminator has other edges than before, or in another order.
    edges_changed: bool,
}

impl Simplifier<'_> {
    fn block(&mut self, id: BlockId) {
        let mut insts = core::mem::take(&mut self.function.blocks[id.index()].insts);
        insts.retain(|&inst| self.inst(inst, id));
        self.function.blocks[id.index()].insts = insts;
        let mut terminator = core::mem::take(&mut self.function.blocks[id.index()].terminator);
        if let Some(value) = terminator.own_operand_mut() {
            *value = self.replacements.find(*value);
        }
        self.edges_changed |= self.fold_terminator(&mut terminator);
        self.function.blocks[id.index()].terminator = terminator;
    }

    /// Tells whether the instruction stays.
    fn inst(&mut self, id: InstId, block: BlockId) -> bool {
        let data = self.function.insts[id.index()];
        let mut inst = data.inst;
        inst.map_scalar_operands(|value| *value = self.replacements.find(*value));
        let rewrite = match self.rewrite(&inst, data.result) {
            Rewrite::Keep(inst) => self.number(id, inst, block),
            other => other,
        };
        match rewrite {
            Rewrite::Keep(inst) => {
                self.function.insts[id.index()].inst = inst;
                return true;
            }
            Rewrite::Value(value) => {
                if let Some(result) = data.result {
                    self.replacements.replace(result, value);
                }
            }
            Rewrite::Remove => {}
        }
        if let Some(result) = data.result {
            self.function.values[result.index()].def = ValueDef::None;
        }
        false
    }

    /// Finds an equal instruction that dominates this one.
    fn number(&mut self, id: InstId, inst: Inst, block: BlockId) -> Rewrite {
        if inst.effect() > Effect::Trap {
            return Rewrite::Keep(inst);
        }
        let mut hasher = Fold(0);
        inst.hash(&mut hasher);
        let mask = self.candidates.len() - 1;
        let first = usize::try_from(hasher.0 >> 32).unwrap_or(0) & mask;
        let mut free = first ^ 1;
        for slot in [first ^ 1, first] {
            let Some((other, home)) = self.candidates[slot] else {
                free = slot;
                continue;
            };
            if home != block && !self.dominators.dominates(home, block) {
                free = slot;
                continue;
            }
            let other = &self.function.insts[other.index()];
            let result = self.function.insts[id.index()].result;
            if other.inst == inst && same_type(self.function, other.result, result) {
                return match other.result {
                    Some(value) => Rewrite::Value(value),
                    None => Rewrite::Remove,
                };
            }
        }
        self.candidates[free] = Some((id, block));
        Rewrite::Keep(inst)
    }

    fn definition(&self, value: ValueId) -> Option<&Inst> {
        match self.function.values[value.index()].def {
            ValueDef::Inst(inst) => Some(&self.function.insts[inst.index()].inst),
            _ => None,
        }
    }

    fn constant(&self, value: ValueId) -> Option<u64> {
        match self.definition(value) {
            Some(Inst::Const { bits, .. }) => Some(*bits),
            _ => None,
        }
    }

    /// Tells whether a `bool` is 0 or 1 for sure.
    fn is_truth(&self, value: ValueId) -> bool {
        matches!(
            self.definition(value),
            Some(Inst::IntCompare(..) | Inst::FloatCompare(..) | Inst::BoolNot(_) | Inst::Const { .. })
        )
    }

    fn rewrite(&self, inst: &Inst, result: Option<ValueId>) -> Rewrite {
        let ty = result.map_or(Type::Void, |value| self.function.value_type(value));
        if !matches!(inst, Inst::Const { .. } | Inst::FuncAddr(_))
            && let Some(inst) = self.fold(inst, ty)
        {
            return Rewrite::Keep(inst);
        }
        match *inst {
            Inst::Int(op, kind, [a, b]) => self.int_op(op, kind, a, b, ty),
            Inst::IntCompare(op, [a, b]) if a == b => {
                let holds = matches!(
                    op,
                    IntCompare::Eq | IntCompare::Sle | IntCompare::Sge | IntCompare::Ule | IntCompare::Uge
                );
                Rewrite::Keep(Inst::Const { ty, bits: u64::from(holds) })
            }
            Inst::IntCompare(op, [a, b]) if self.constant(a).is_some() => {
                Rewrite::Keep(Inst::IntCompare(op.swapped(), [b, a]))
            }
            Inst::IntCompare(IntCompare::Ne, [a, b]) if self.constant(b) == Some(0) && self.is_truth(a) => {
                Rewrite::Value(a)
            }
            Inst::BoolNot(a) => match self.definition(a) {
                Some(&Inst::IntCompare(op, args)) => Rewrite::Keep(Inst::IntCompare(op.negated(), args)),
                Some(&Inst::FloatCompare(FloatCompare::Eq, kind, args)) => {
                    Rewrite::Keep(Inst::FloatCompare(FloatCompare::Ne, kind, args))
                }
                Some(&Inst::FloatCompare(FloatCompare::Ne, kind, args)) => {
                    Rewrite::Keep(Inst::FloatCompare(FloatCompare::Eq, kind, args))
                }
                Some(&Inst::BoolNot(inner)) if self.is_truth(inner) => Rewrite::Value(inner),
                _ => Rewrite::Keep(*inst),
            },
            Inst::Select([condition, then, otherwise]) => match self.constant(condition) {
                Some(0) => Rewrite::Value(otherwise),
                Some(_) => Rewrite::Value(then),
                None if then == otherwise => Rewrite::Value(then),
                None => Rewrite::Keep(*inst),
            },
            Inst::Cast { to, arg } => {
                if self.function.value_type(arg) == to {
                    return Rewrite::Value(arg);
                }
                match self.definition(arg) {
                    Some(&Inst::Cast { arg: inner, .. }) if self.function.value_type(inner) == to => {
                        Rewrite::Value(inner)
                    }
                    Some(&Inst::Cast { arg: inner, .. }) => Rewrite::Keep(Inst::Cast { to, arg: inner }),
                    _ => Rewrite::Keep(*inst),
                }
            }
            Inst::Convert { arg, .. }
                if inst.effect() == Effect::None && self.function.value_type(arg) == ty =>
            {
                Rewrite::Value(arg)
            }
            Inst::PtrAdd { base, offset }
                if self.constant(offset) == Some(0) && self.function.value_type(base) == Type::Ptr =>
            {
                Rewrite::Value(base)
            }
            Inst::LoadIndexed { ty, access, base, index, offset } => {
                match self.element(index, access, offset) {
                    Some(offset) => Rewrite::Keep(Inst::Load { ty, access, base, offset }),
                    None => Rewrite::Keep(*inst),
                }
            }
            Inst::StoreIndexed { access, value, base, index, offset } => {
                match self.element(index, access, offset) {
                    Some(offset) => Rewrite::Keep(Inst::Store { access, value, base, offset }),
                    None => Rewrite::Keep(*inst),
                }
            }
            Inst::Expect(condition) if self.constant(condition).is_some_and(|bits| bits != 0) => {
                Rewrite::Remove
            }
            Inst::IndexCheck { index, length } => match (self.constant(index), self.constant(length)) {
                (Some(index), Some(length)) if index < length => Rewrite::Remove,
                _ => Rewrite::Keep(*inst),
            },
            _ => Rewrite::Keep(*inst),
        }
    }

    /// Offset of the element with a constant index.
    fn element(&self, index: ValueId, access: Access, offset: i32) -> Option<i32> {
        let bytes = self.constant(index)?.checked_mul(u64::from(access.bytes()))?;
        i32::try_from(bytes).ok()?.checked_add(offset)
    }

    /// The instruction's result as a constant, if all operands are.
    fn fold(&self, inst: &Inst, ty: Type) -> Option<Inst> {
        if inst.effect() > Effect::Trap || inst.operand_list().is_some() || ty == Type::Void {
            return None;
        }
        let mut all = true;
        inst.for_each_operand(&self.function.pool, |value| all &= self.constant(value).is_some());
        if !all {
            return None;
        }
        let bits = compute(inst, |value| self.constant(value).unwrap_or(0))?.ok()?;
        is_constant(ty, bits).then_some(Inst::Const { ty, bits })
    }

    fn int_op(&self, op: IntOp, kind: IntKind, a: ValueId, b: ValueId, ty: Type) -> Rewrite {
        let keep = Inst::Int(op, kind, [a, b]);
        let Some(right) = self.constant(b) else {
            if op.is_commutative() && self.constant(a).is_some() {
                // Constants go to the right; the next visit sees them there.
                return self.int_op(op, kind, b, a, ty);
            }
            return Rewrite::Keep(keep);
        };
        // A narrow operand need not be a number of the kind; then the operation changes it.
        let whole = kind.bits() == 64;
        match (op, right) {
            (IntOp::Or | IntOp::Xor, 0) | (IntOp::And, u64::MAX) => Rewrite::Value(a),
            (IntOp::And | IntOp::Mul | IntOp::WrappingMul, 0) => Rewrite::Keep(Inst::Const { ty, bits: 0 }),
            (
                IntOp::Add
                | IntOp::Sub
                | IntOp::WrappingAdd
                | IntOp::WrappingSub
                | IntOp::Shl
                | IntOp::Shr
                | IntOp::RotateLeft
                | IntOp::RotateRight,
                0,
            )
            | (IntOp::Mul | IntOp::WrappingMul | IntOp::Div, 1)
                if whole =>
            {
                Rewrite::Value(a)
            }
            _ => Rewrite::Keep(keep),
        }
    }

    /// Tells whether its edges changed.
    fn fold_terminator(&self, terminator: &mut Terminator) -> bool {
        let mut changed = false;
        match terminator {
            Terminator::Branch { condition, then, otherwise } => {
                while let Some(&Inst::BoolNot(inner)) = self.definition(*condition) {
                    *condition = inner;
                    core::mem::swap(then, otherwise);
                    changed = true;
                }
                if let Some(bits) = self.constant(*condition) {
                    *terminator = Terminator::Jump(if bits == 0 { *otherwise } else { *then });
                    changed = true;
                }
            }
            Terminator::Switch { value, cases, default } => {
                if let Some(bits) = self.constant(*value) {
                    let word = bits.cast_signed();
                    let target =
                        cases.iter().find(|case| case.value == word).map_or(*default, |case| case.target);
                    *terminator = Terminator::Jump(target);
                    changed = true;
                }
            }
            _ => {}
        }
        changed
    }
}

fn same_type(function: &Function, a: Option<ValueId>, b: Option<ValueId>) -> bool {
    let ty = |value: Option<ValueId>| value.map(|value| function.value_type(value));
    ty(a) == ty(b)
}

/// A fixed hash function (the multiplier is that of FxHash).
struct Fold(u64);

impl Hasher for Fold {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.write_u64(word.cast_unsigned() as u64);
    }
}
