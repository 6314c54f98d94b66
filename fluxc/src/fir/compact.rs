//! Renumbers a function so that its text form reads back as the same function.

use super::inst::Terminator;
use super::{Function, InstData, InstId, Module, Value, ValueDef, ValueId, ValueList};
use alloc::vec::Vec;

impl Module {
    /// [`Function::compact`] for every function.
    pub fn compact(&mut self) {
        let mut memory = Renumbered::default();
        self.functions.iter_mut().for_each(|function| function.compact_in(&mut memory));
    }
}

/// Memory for the new lists of a function.
#[derive(Debug, Default)]
pub(super) struct Renumbered {
    numbers: Vec<ValueId>,
    values: Vec<Value>,
    insts: Vec<InstData>,
    pool: Vec<ValueId>,
}

impl Function {
    /// Numbers values, instructions and lists in the order in which the text form shows
    /// them and forgets what no block holds. Operands that are defined nowhere, which
    /// `verify` refuses, become `v0`.
    pub fn compact(&mut self) {
        self.compact_in(&mut Renumbered::default());
    }

    /// As [`Function::compact`]; `memory` may have served for another function.
    pub(super) fn compact_in(&mut self, memory: &mut Renumbered) {
        let Renumbered { numbers, values, insts, pool } = memory;
        numbers.clear();
        numbers.resize(self.values.len(), ValueId::new(0));
        values.clear();
        insts.clear();
        pool.clear();
        for block in &mut self.blocks {
            for param in &mut block.params {
                let new = ValueId::new(values.len());
                values.push(self.values[param.index()]);
                numbers[param.index()] = new;
                *param = new;
            }
            for inst in &mut block.insts {
                let mut data = self.insts[inst.index()];
                let id = InstId::new(insts.len());
                if let Some(result) = &mut data.result {
                    let new = ValueId::new(values.len());
                    values.push(Value { ty: self.values[result.index()].ty, def: ValueDef::Inst(id) });
                    numbers[result.index()] = new;
                    *result = new;
                }
                insts.push(data);
                *inst = id;
            }
        }
        let old_pool = &self.pool;
        let mut move_list = |list: &mut ValueList| {
            if list.is_empty() {
                *list = ValueList::EMPTY;
                return;
            }
            let start = u32::try_from(pool.len()).unwrap_or(u32::MAX);
            pool.extend(list.of(old_pool).iter().map(|value| numbers[value.index()]));
            *list = ValueList { start, len: u32::try_from(pool.len()).unwrap_or(u32::MAX) - start };
        };
        for block in &mut self.blocks {
            for inst in &block.insts {
                let inst = &mut insts[inst.index()].inst;
                inst.map_scalar_operands(|value| *value = numbers[value.index()]);
                if let Some(list) = inst.operand_list_mut() {
                    move_list(list);
                }
            }
            if let Some(value) = block.terminator.own_operand_mut() {
                *value = numbers[value.index()];
            }
            match &mut block.terminator {
                Terminator::Jump(call) => move_list(&mut call.args),
                Terminator::Branch { then, otherwise, .. } => {
                    move_list(&mut then.args);
                    move_list(&mut otherwise.args);
                }
                Terminator::Switch { cases, default, .. } => {
                    for case in cases {
                        move_list(&mut case.target.args);
                    }
                    move_list(&mut default.args);
                }
                _ => {}
            }
        }
        copy_back(&mut self.values, values);
        copy_back(&mut self.insts, insts);
        copy_back(&mut self.pool, pool);
    }
}

/// A list only becomes shorter, or holds what it held in a list of its own: it seldom needs memory.
fn copy_back<T: Copy>(list: &mut Vec<T>, new: &[T]) {
    list.clear();
    list.extend_from_slice(new);
}
