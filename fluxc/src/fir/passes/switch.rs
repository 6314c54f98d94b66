//! Lowers `switch` to comparisons and branches, which every back end has.

use crate::fir::{
    Block, BlockCall, BlockId, Case, Function, Inst, InstData, InstId, IntCompare, Terminator, Type, Value,
    ValueDef, ValueId, ValueList,
};
use alloc::vec::Vec;

/// Up to this many cases are compared one after the other.
const LINEAR: usize = 4;

/// Replaces each `switch` by a search tree of branches; tells whether there was one.
pub fn lower_switches(function: &mut Function) -> bool {
    let mut any = false;
    for n in 0..function.blocks.len() {
        if !matches!(function.blocks[n].terminator, Terminator::Switch { .. }) {
            continue;
        }
        let terminator = core::mem::take(&mut function.blocks[n].terminator);
        if let Terminator::Switch { value, mut cases, default } = terminator {
            any = true;
            cases.sort_unstable_by_key(|case| case.value);
            lower(function, BlockId::new(n), value, &cases, default);
        }
    }
    any
}

fn lower(function: &mut Function, block: BlockId, value: ValueId, cases: &[Case], default: BlockCall) {
    let line = function.blocks[block.index()].line;
    let mut work: Vec<(BlockId, &[Case])> = Vec::new();
    work.push((block, cases));
    while let Some((mut at, cases)) = work.pop() {
        if cases.len() > LINEAR {
            let (low, high) = cases.split_at(cases.len() / 2);
            let condition = compare(function, at, line, IntCompare::Slt, value, high[0].value);
            let (low_block, high_block) = (add_block(function, line), add_block(function, line));
            function.blocks[at.index()].terminator = Terminator::Branch {
                condition,
                then: BlockCall { block: low_block, args: ValueList::EMPTY },
                otherwise: BlockCall { block: high_block, args: ValueList::EMPTY },
            };
            work.push((low_block, low));
            work.push((high_block, high));
            continue;
        }
        for (n, case) in cases.iter().enumerate() {
            let condition = compare(function, at, line, IntCompare::Eq, value, case.value);
            let otherwise = if n + 1 == cases.len() {
                default
            } else {
                BlockCall { block: add_block(function, line), args: ValueList::EMPTY }
            };
            function.blocks[at.index()].terminator =
                Terminator::Branch { condition, then: case.target, otherwise };
            at = otherwise.block;
        }
        if cases.is_empty() {
            function.blocks[at.index()].terminator = Terminator::Jump(default);
        }
    }
}

fn add_block(function: &mut Function, line: u32) -> BlockId {
    function.blocks.push(Block { line, ..Block::default() });
    BlockId::new(function.blocks.len() - 1)
}

fn compare(
    function: &mut Function,
    block: BlockId,
    line: u32,
    op: IntCompare,
    value: ValueId,
    case: i64,
) -> ValueId {
    // The comparison is of words; a narrow constant need not fit its type.
    let word = add_inst(function, block, line, Inst::Cast { to: Type::I64, arg: value }, Type::I64);
    let bits = case.cast_unsigned();
    let constant = add_inst(function, block, line, Inst::Const { ty: Type::I64, bits }, Type::I64);
    add_inst(function, block, line, Inst::IntCompare(op, [word, constant]), Type::Bool)
}

fn add_inst(function: &mut Function, block: BlockId, line: u32, inst: Inst, ty: Type) -> ValueId {
    let id = InstId::new(function.insts.len());
    let value = ValueId::new(function.values.len());
    function.values.push(Value { ty, def: ValueDef::Inst(id) });
    function.insts.push(InstData { inst, result: Some(value), line });
    function.blocks[block.index()].insts.push(id);
    value
}
