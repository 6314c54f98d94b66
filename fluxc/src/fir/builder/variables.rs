//! Assignable variables in SSA: who reads what was assigned where.
//!
//! A block that several edges lead to gets a parameter for each variable that is read in it or
//! behind it; its values for the edges are found when the block is sealed.

use super::memory::{END, Edge, VariableParam};
use super::{BuildError, FunctionBuilder, Variable};
use crate::fir::inst::{Inst, Mark};
use crate::fir::types::Type;
use crate::fir::{BlockId, ValueId, ValueList};
use alloc::vec::Vec;

impl FunctionBuilder {
    pub(super) fn write_variable(&mut self, variable: Variable, block: BlockId, value: ValueId) {
        let Some(latest) = self.memory.latest.get_mut(variable.0 as usize) else {
            self.fail(BuildError::Unknown);
            return;
        };
        if let Some((old, value)) = latest.replace((block, value))
            && old != block
        {
            self.memory.older.insert((variable, old), value);
        }
    }

    fn defined_in(&self, variable: Variable, block: BlockId) -> Option<ValueId> {
        match self.memory.latest.get(variable.0 as usize) {
            Some(&Some((at, value))) if at == block => Some(value),
            Some(&Some(_)) => self.memory.older.get(&(variable, block)).copied(),
            _ => None,
        }
    }

    /// The variable's value at the end of `block` as far as it is built. New block
    /// parameters are queued in `work`.
    pub(super) fn find_variable(&mut self, variable: Variable, block: BlockId) -> ValueId {
        let mut at = block;
        let value = loop {
            if let Some(value) = self.defined_in(variable, at) {
                if at == block {
                    return value;
                }
                break value;
            }
            let Some(state) = self.memory.states.get(at.index()) else {
                break ValueId::new(0);
            };
            match (state.sealed, state.predecessors.count) {
                (true, 0) => break self.zero(variable),
                (true, 1) => match self.memory.edges.get(state.predecessors.first as usize) {
                    Some(edge) => at = edge.from,
                    None => break ValueId::new(0),
                },
                _ => {
                    let value = self.add_variable_param(variable, at);
                    self.write_variable(variable, at, value);
                    break value;
                }
            }
        };
        if at != block {
            self.write_variable(variable, block, value);
        }
        value
    }

    /// The row of the local that a variable is, if it is one.
    pub(super) fn row_of(&self, variable: Variable) -> Option<u32> {
        let rows = &self.memory.rows;
        let place = rows.binary_search_by_key(&variable, |row| row.0).ok()?;
        rows.get(place).map(|row| row.1)
    }

    /// Marks at the start of each block what comes in there for locals.
    pub(super) fn mark_joins(&mut self) -> Result<(), BuildError> {
        let mut joins = core::mem::take(&mut self.memory.joins);
        joins.sort_unstable_by_key(|(block, row, _)| (*block, *row));
        let mut marks = Vec::new();
        for of_block in joins.chunk_by(|a, b| a.0 == b.0) {
            let Some((block, ..)) = of_block.first() else { continue };
            self.line = self.function.blocks.get(block.index()).map_or(0, |block| {
                let first = block.insts.first().and_then(|inst| self.function.insts.get(inst.index()));
                first.map_or(block.line, |data| data.line)
            });
            for (_, row, value) in of_block {
                marks.extend(self.push_detached(Inst::Mark(Mark::Joins, *row, *value), Type::Void));
            }
            let block = self.function.blocks.get_mut(block.index()).ok_or(BuildError::Unknown)?;
            block.insts.splice(0..0, marks.drain(..));
        }
        self.memory.joins = joins;
        self.error.map_or(Ok(()), Err)
    }

    fn add_variable_param(&mut self, variable: Variable, block: BlockId) -> ValueId {
        let ty = self.memory.variables.get(variable.0 as usize).copied().unwrap_or(Type::I64);
        let value = self.push_param(block, ty);
        if let Some(row) = self.row_of(variable) {
            self.memory.joins.push((block, row, value));
        }
        if let Some(state) = self.memory.states.get_mut(block.index()) {
            let number = u32::try_from(self.memory.params.len()).unwrap_or(END);
            let before = state.params.append(number);
            if let Some(before) = self.memory.params.get_mut(before as usize) {
                before.next = number;
            }
            self.memory.params.push(VariableParam { block, variable, next: END, incoming: END });
            if state.sealed {
                self.memory.work.push(number);
            }
        }
        value
    }

    fn zero(&mut self, variable: Variable) -> ValueId {
        let ty = self.memory.variables.get(variable.0 as usize).copied().unwrap_or(Type::I64);
        let Some(id) = self.push_detached(Inst::Const { ty, bits: 0 }, ty) else {
            return ValueId::new(0);
        };
        self.memory.zeros.push(id);
        let value = self.function.insts.get(id.index()).and_then(|data| data.result);
        value.unwrap_or(ValueId::new(0))
    }

    pub(super) fn fill_params(&mut self) {
        while let Some(number) = self.memory.work.pop() {
            if self.error.is_some() {
                self.memory.work.clear();
                return;
            }
            let Some(param) = self.memory.params.get_mut(number as usize) else { continue };
            let variable = param.variable;
            let Some(state) = self.memory.states.get(param.block.index()) else { continue };
            // The block is sealed: it has all its edges.
            let start = self.memory.incoming.len();
            param.incoming = u32::try_from(start).unwrap_or(END);
            let end = start + state.predecessors.count as usize;
            let mut edge = state.predecessors.first;
            self.memory.incoming.resize(end, ValueId::new(0));
            for place in start..end {
                let Some(&Edge { from, next, .. }) = self.memory.edges.get(edge as usize) else { break };
                let value = self.find_variable(variable, from);
                if let Some(slot) = self.memory.incoming.get_mut(place) {
                    *slot = value;
                }
                edge = next;
            }
        }
    }

    /// Gives jumps the values for the variables of their targets.
    pub(super) fn give_variables(&mut self) -> Result<(), BuildError> {
        let memory = &mut self.memory;
        for state in &memory.states {
            if state.params.count == 0 {
                continue;
            }
            let (mut at, mut place) = (state.predecessors.first, 0);
            while let Some(edge) = memory.edges.get(at as usize) {
                let block = self.function.blocks.get_mut(edge.from.index()).ok_or(BuildError::Unknown)?;
                if let Some(call) = block.terminator.successor_mut(edge.slot as usize) {
                    let pool = &mut self.function.pool;
                    let explicit = call.args;
                    let start = pool.len();
                    let from = explicit.start as usize;
                    pool.extend_from_within(from..from + explicit.len());
                    let mut next = state.params.first;
                    while let Some(param) = memory.params.get(next as usize) {
                        let value = memory.incoming.get(param.incoming as usize + place);
                        pool.push(value.copied().unwrap_or(ValueId::new(0)));
                        next = param.next;
                    }
                    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
                    call.args = ValueList { start: number(start), len: number(pool.len() - start) };
                }
                at = edge.next;
                place += 1;
            }
        }
        if let Some(entry) = self.function.blocks.first_mut() {
            // A debugger that stops at the line of a use must not stop here.
            let mut code = entry.insts.iter().filter_map(|inst| self.function.insts.get(inst.index()));
            let first = code.find(|data| !matches!(data.inst, Inst::Mark(..)));
            let line = first.map_or(entry.line, |data| data.line);
            for zero in &memory.zeros {
                if let Some(data) = self.function.insts.get_mut(zero.index()) {
                    data.line = line;
                }
            }
            entry.insts.splice(0..0, memory.zeros.drain(..));
        }
        Ok(())
    }
}
