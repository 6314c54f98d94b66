//! Which instructions' flags can be read.
//!
//! A module in which nothing reads the flags keeps none. In others a flag write is dropped where
//! every way on writes the flags before it reads them; calls, returns, and with trap handlers every
//! instruction that may trap, count as readers. The search is linear in blocks and edges.

use alloc::vec;
use alloc::vec::Vec;

use flux_abi::opcode::{Executor, FlagEffect, Flow, Opcode};
use flux_isa::{Instruction, Module};

use crate::decode::Flags;

/// Register number of the flags view.
const FLAGS_VIEW: i64 = 5;

/// For each instruction, whether the flags it writes are needed.
pub(crate) struct Liveness {
    needed: Option<Vec<bool>>,
}

/// One straight line of instructions.
struct Block {
    first: usize,
    end: usize,
    /// Flags at its start are read in it, or behind it.
    live: bool,
    writes: bool,
    /// Control may leave to where nothing is known of it.
    leaves: bool,
    ways: [Option<usize>; 2],
}

impl Liveness {
    /// All flags are needed.
    pub(crate) fn all() -> Self {
        Self { needed: None }
    }

    /// Whether the flags that instruction `index` writes are needed.
    pub(crate) fn needed(&self, index: usize) -> Flags {
        match &self.needed {
            Some(needed) if !needed.get(index).copied().unwrap_or(true) => Flags::Dead,
            _ => Flags::Needed,
        }
    }

    /// Looks through the instructions of a module, given with their offsets.
    pub(crate) fn of(module: &Module, instructions: &[(u32, Instruction)]) -> Self {
        let handlers = instructions.iter().any(|(_, instruction)| {
            matches!(instruction.opcode(), Opcode::Catch | Opcode::Finally | Opcode::SetHandler)
        });
        let mut needed = vec![false; instructions.len()];
        if !instructions.iter().any(|(_, instruction)| reads_flags(instruction)) {
            return Self { needed: Some(needed) };
        }
        let may_observe = |instruction: &Instruction| {
            let info = instruction.opcode().info();
            reads_flags(instruction)
                || info.flow == Flow::Call
                || (handlers && (!info.traps.is_empty() || info.executor == Executor::Host))
        };
        let mut blocks = cut(module, instructions, may_observe);
        spread(&mut blocks);
        for block in &blocks {
            let behind = block.ways.iter().flatten().any(|way| blocks[*way].live);
            let mut live = block.leaves || behind;
            for index in (block.first..block.end).rev() {
                let (_, instruction) = &instructions[index];
                needed[index] = live;
                if writes_all_flags(instruction) {
                    live = false;
                }
                if may_observe(instruction) {
                    live = true;
                }
            }
        }
        Self { needed: Some(needed) }
    }
}

fn reads_flags(instruction: &Instruction) -> bool {
    let byte = instruction.opcode() as u8;
    (Opcode::Jz as u8..=Opcode::Jo as u8).contains(&byte)
        || instruction.opcode() == Opcode::Pushf
        || instruction.operands().any(|(operand, value)| operand.reads() && value == FLAGS_VIEW)
}

fn writes_all_flags(instruction: &Instruction) -> bool {
    instruction.opcode().info().flags != FlagEffect::None
}

/// Cuts the code into blocks at its entries.
fn cut(
    module: &Module,
    instructions: &[(u32, Instruction)],
    may_observe: impl Fn(&Instruction) -> bool,
) -> Vec<Block> {
    let block_at = |offset: u32| module.entries.binary_search_by_key(&offset, |entry| entry.offset).ok();
    let mut blocks: Vec<Block> = Vec::with_capacity(module.entries.len());
    for (index, (offset, instruction)) in instructions.iter().enumerate() {
        if blocks.is_empty() || module.entries.get(blocks.len()).is_some_and(|entry| entry.offset == *offset)
        {
            let block = Block {
                first: index,
                end: index,
                live: false,
                writes: false,
                leaves: false,
                ways: [Some(blocks.len() + 1), None],
            };
            blocks.push(block);
        }
        let Some(block) = blocks.last_mut() else { continue };
        block.end = index + 1;
        if may_observe(instruction) && !block.writes {
            block.live = true;
        }
        block.writes |= writes_all_flags(instruction);
        let target = instruction.target().filter(|_| instruction.opcode().info().flow != Flow::Next);
        match instruction.opcode().info().flow {
            Flow::Next | Flow::Call => {}
            Flow::Branch => block.ways[1] = target.and_then(block_at),
            Flow::Jump => block.ways = [target.and_then(block_at), None],
            Flow::Stop => {
                block.ways = [None, None];
                block.leaves = true;
            }
        }
    }
    let count = blocks.len();
    for block in &mut blocks {
        if block.leaves && !block.writes {
            block.live = true;
        }
        for way in &mut block.ways {
            *way = way.filter(|way| *way < count);
        }
    }
    blocks
}

/// Spreads liveness against the flow until nothing changes; each block is marked at most once.
fn spread(blocks: &mut [Block]) {
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); blocks.len()];
    for (index, block) in blocks.iter().enumerate() {
        for way in block.ways.iter().flatten() {
            before[*way].push(index);
        }
    }
    let mut waiting: Vec<usize> =
        blocks.iter().enumerate().filter(|(_, block)| block.live).map(|(index, _)| index).collect();
    while let Some(index) = waiting.pop() {
        for way in &before[index] {
            let block = &mut blocks[*way];
            if !block.live && !block.writes {
                block.live = true;
                waiting.push(*way);
            }
        }
    }
}
