//! Entry records for code that has none: blocks, and what holds at the start of each.
//!
//! This is for producers of code. It looks for the strongest records that agree with every edge by
//! going over the blocks until nothing changes; the verifier then checks the records in one pass.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry as Place;
use alloc::vec::Vec;

use flux_abi::opcode::{Flow, Opcode};

use crate::flow::{Context, FlowError, State};
use crate::instruction::{DecodeError, Instruction};
use crate::module::Entry;

/// Why no entry records can be found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BlockError {
    /// Offset of the instruction in words.
    pub at: u32,
    /// What is wrong with it.
    pub problem: BlockProblem,
}

/// What is wrong with an instruction.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BlockProblem {
    /// The words are no instruction.
    #[error("{0}")]
    Decode(DecodeError),
    /// The instruction cannot be here.
    #[error("{0}")]
    Flow(FlowError),
    /// A target outside the function or inside an instruction.
    #[error("target {0} is not an instruction of this function")]
    Target(u32),
    /// Nothing leads here.
    #[error("nothing leads to this block")]
    Unreachable,
    /// The function goes on behind its last instruction.
    #[error("the function falls off its end")]
    FallsOff,
}

/// Entry records of the function in `code[start..end]`, sorted by offset.
///
/// # Errors
/// The code is no sequence of instructions, breaks a rule of [`crate::flow`] on some way through it,
/// or has a block that nothing leads to.
pub fn entries(code: &[u32], start: u32, end: u32, context: &Context<'_>) -> Result<Vec<Entry>, BlockError> {
    let code = usize::try_from(end).ok().and_then(|end| code.get(..end)).unwrap_or(code);
    if start >= end {
        return Err(BlockError { at: start, problem: BlockProblem::FallsOff });
    }
    let mut blocks = leaders(code, start)?;
    let mut waiting = Vec::new();
    reach(&mut blocks, start, State::at_start(context.own), start, &mut waiting)?;
    while let Some(block) = waiting.pop() {
        let Some(&Some(mut state)) = blocks.get(&block) else { continue };
        let mut at = block;
        loop {
            let (instruction, next) = decode(code, at)?;
            if let (Opcode::Catch | Opcode::Finally, Some(target)) =
                (instruction.opcode(), instruction.target())
            {
                reach(&mut blocks, target, state.of_handler(), at, &mut waiting)?;
            }
            let flow = |error| BlockError { at, problem: BlockProblem::Flow(error) };
            state.apply(&instruction, context).map_err(flow)?;
            let kind = instruction.opcode().info().flow;
            if let (Flow::Branch | Flow::Jump, Some(target)) = (kind, instruction.target()) {
                reach(&mut blocks, target, state, at, &mut waiting)?;
            }
            if matches!(kind, Flow::Stop | Flow::Jump) {
                break;
            }
            if next >= end {
                return Err(BlockError { at, problem: BlockProblem::FallsOff });
            }
            if blocks.contains_key(&next) {
                reach(&mut blocks, next, state, at, &mut waiting)?;
                break;
            }
            at = next;
        }
    }
    let found = blocks.into_iter().map(|(at, state)| match state {
        Some(state) => Ok(state.entry(at)),
        None => Err(BlockError { at, problem: BlockProblem::Unreachable }),
    });
    found.collect()
}

fn decode(code: &[u32], at: u32) -> Result<(Instruction, u32), BlockError> {
    let index = usize::try_from(at).unwrap_or(usize::MAX);
    let (instruction, words) = Instruction::decode(code, index)
        .map_err(|error| BlockError { at, problem: BlockProblem::Decode(error) })?;
    Ok((instruction, at.saturating_add(u32::try_from(words).unwrap_or(u32::MAX))))
}

/// Where blocks start: the function, targets, and behind what ends a block.
fn leaders(code: &[u32], start: u32) -> Result<BTreeMap<u32, Option<State>>, BlockError> {
    let mut blocks = BTreeMap::from([(start, None)]);
    let mut starts = Vec::new();
    let mut targets = Vec::new();
    let mut at = start;
    while usize::try_from(at).is_ok_and(|at| at < code.len()) {
        let (instruction, next) = decode(code, at)?;
        starts.push(at);
        if let Some(target) = instruction.target() {
            targets.push((target, at));
        }
        let ends = !matches!(instruction.opcode().info().flow, Flow::Next | Flow::Call);
        if ends && usize::try_from(next).is_ok_and(|next| next < code.len()) {
            blocks.insert(next, None);
        }
        at = next;
    }
    for (target, at) in targets {
        if starts.binary_search(&target).is_err() {
            return Err(BlockError { at, problem: BlockProblem::Target(target) });
        }
        blocks.insert(target, None);
    }
    Ok(blocks)
}

/// Notes that control reaches `block` with `state`; lets the block wait if that is news.
fn reach(
    blocks: &mut BTreeMap<u32, Option<State>>,
    block: u32,
    state: State,
    at: u32,
    waiting: &mut Vec<u32>,
) -> Result<(), BlockError> {
    let Place::Occupied(mut known) = blocks.entry(block) else {
        return Err(BlockError { at, problem: BlockProblem::Target(block) });
    };
    let met = match *known.get() {
        None => state,
        Some(before) => {
            let met = before.meet(state);
            // Registers may be fewer than before; the frame must be the same.
            let flows = state.flows_into(&met.entry(block));
            flows.map_err(|error| BlockError { at, problem: BlockProblem::Flow(error) })?;
            met
        }
    };
    let met = State::of(&met.entry(block));
    if *known.get() != Some(met) {
        known.insert(Some(met));
        waiting.push(block);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::{Argument, CodeBuilder};
    use crate::flow::{RESULT, SAVED, registers};
    use crate::module::Signature;

    const CONTEXT: Context<'_> =
        Context { functions: &[], signatures: &[], own: Signature { arguments: 1, results: 1 } };

    #[test]
    fn a_loop_ends_with_the_registers_that_hold_on_every_way() {
        let mut builder = CodeBuilder::new();
        let top = builder.label();
        builder.emit(Opcode::Movi, &[Argument::Register(20), Argument::Value(9)]);
        builder.bind(top);
        builder.emit(Opcode::Movi, &[Argument::Register(21), Argument::Value(1)]);
        builder.emit(Opcode::Loop, &[Argument::Register(20), Argument::Label(top)]);
        builder.emit(Opcode::Ret, &[]);
        let code = builder.finish().unwrap();
        let end = u32::try_from(code.len()).unwrap();
        let found = entries(&code, 0, end, &CONTEXT).unwrap();
        let masks: Vec<_> = found.iter().map(|entry| entry.written).collect();
        let start = SAVED | RESULT;
        assert_eq!(masks, [start, start | registers(20, 20), start | registers(20, 21)]);
    }

    #[test]
    fn code_that_nothing_leads_to_is_reported() {
        let mut builder = CodeBuilder::new();
        builder.emit(Opcode::Ret, &[]);
        let dead = builder.emit(Opcode::Halt, &[]);
        let code = builder.finish().unwrap();
        let error = entries(&code, 0, 2, &CONTEXT).unwrap_err();
        assert_eq!(error, BlockError { at: dead, problem: BlockProblem::Unreachable });
    }

    #[test]
    fn different_depths_at_a_join_are_reported_where_they_meet() {
        let mut builder = CodeBuilder::new();
        let join = builder.label();
        builder.emit(Opcode::Brz, &[Argument::Register(16), Argument::Label(join)]);
        builder.emit(Opcode::Push, &[Argument::Register(16)]);
        builder.bind(join);
        builder.emit(Opcode::Ret, &[]);
        let code = builder.finish().unwrap();
        let error = entries(&code, 0, 4, &CONTEXT).unwrap_err();
        assert!(matches!(error.problem, BlockProblem::Flow(FlowError::EdgeStack { .. })), "{error:?}");
    }
}
