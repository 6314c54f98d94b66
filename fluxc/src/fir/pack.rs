//! A function's body in four pieces of memory, for the time between lowering and optimisation.
//!
//! A [`Function`] is made to be changed: each block has lists of its own. A whole document in
//! that form is hundreds of thousands of small lists. So bodies wait packed, and one
//! `Function` with its lists serves them one after the other.
//!
//! # Invariant
//! Unpacking gives the function that was packed.

use super::{Block, FuncId, Function, Inst, InstData, InstId, Terminator, Type, Value, ValueId};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What a block has beside its lists.
#[derive(Clone, Debug)]
struct BlockHead {
    params: u32,
    insts: u32,
    line: u32,
    terminator: Terminator,
}

/// A packed body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    blocks: Box<[BlockHead]>,
    insts: Box<[InstData]>,
    values: Box<[Value]>,
    /// The pool of value lists, then parameters and instructions of each block.
    words: Box<[u32]>,
    /// Length of the pool.
    pool: usize,
    /// Functions that it calls, as often as it does.
    calls: Box<[FuncId]>,
}

impl Body {
    /// No body: that of a function whose code is given, which calls these.
    pub(crate) fn given(calls: impl Iterator<Item = FuncId>) -> Self {
        Self { calls: calls.collect(), ..Self::default() }
    }

    /// Packs a function; takes its terminators.
    pub(crate) fn pack(function: &mut Function) -> Self {
        let calls = function.insts.iter().filter_map(|data| match data.inst {
            Inst::Call { func, .. } => Some(func),
            _ => None,
        });
        let calls = calls.collect();
        let listed: usize = function.blocks.iter().map(|block| block.params.len() + block.insts.len()).sum();
        let mut words = Vec::with_capacity(function.pool.len() + listed);
        words.extend(function.pool.iter().map(|value| value.0));
        let mut blocks = Vec::with_capacity(function.blocks.len());
        for block in &mut function.blocks {
            words.extend(block.params.iter().map(|value| value.0));
            words.extend(block.insts.iter().map(|inst| inst.0));
            blocks.push(BlockHead {
                params: u32::try_from(block.params.len()).unwrap_or(u32::MAX),
                insts: u32::try_from(block.insts.len()).unwrap_or(u32::MAX),
                line: block.line,
                terminator: core::mem::take(&mut block.terminator),
            });
        }
        Self {
            blocks: blocks.into_boxed_slice(),
            insts: packed(&mut function.insts),
            values: packed(&mut function.values),
            words: words.into_boxed_slice(),
            pool: function.pool.len(),
            calls,
        }
    }

    /// Gives the body to `function` in place of the one that it has. `address` says what becomes of
    /// an address that is a constant.
    pub(crate) fn unpack(
        self,
        function: &mut Function,
        spare: &mut SpareBlocks,
        address: impl Fn(u64) -> u64,
    ) {
        spare.keep_all(&mut function.blocks);
        unpack_list(self.insts, &mut function.insts);
        for data in &mut function.insts {
            if let Inst::Const { ty: Type::Ptr, bits } = &mut data.inst {
                *bits = address(*bits);
            }
        }
        unpack_list(self.values, &mut function.values);
        function.pool.clear();
        let (pool, mut rest) = self.words.split_at_checked(self.pool).unwrap_or((&[], &[]));
        function.pool.extend(pool.iter().map(|&word| ValueId(word)));
        function.blocks.reserve(self.blocks.len());
        for head in self.blocks {
            let mut block = spare.take();
            let (params, behind) = rest.split_at_checked(head.params as usize).unwrap_or((&[], &[]));
            let (insts, behind) = behind.split_at_checked(head.insts as usize).unwrap_or((&[], &[]));
            rest = behind;
            block.params.extend(params.iter().map(|&word| ValueId(word)));
            block.insts.extend(insts.iter().map(|&word| InstId(word)));
            block.line = head.line;
            block.terminator = head.terminator;
            function.blocks.push(block);
        }
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&*self.blocks)
            + size_of_val(&*self.insts)
            + size_of_val(&*self.values)
            + size_of_val(&*self.words)
            + size_of_val(&*self.calls)
    }

    /// Functions that it calls, as often as it does.
    pub(crate) fn calls(&self) -> &[FuncId] {
        &self.calls
    }
}

/// Values of a function that is called large: no copy of its lists is made, and memory that
/// served it is not kept.
pub(crate) const LARGE: usize = 1 << 14;

/// The items of a list; those of a large one are taken from it.
fn packed<T: Copy>(list: &mut Vec<T>) -> Box<[T]> {
    if list.len() > LARGE { core::mem::take(list).into_boxed_slice() } else { list.as_slice().into() }
}

/// Sets a list to `items`.
fn unpack_list<T: Copy>(items: Box<[T]>, list: &mut Vec<T>) {
    if items.len() > LARGE {
        *list = items.into_vec();
    } else {
        list.clear();
        list.extend_from_slice(&items);
    }
}

/// Most blocks that are kept.
const SPARE: usize = 4_096;
/// Longest list that is kept, in entries.
const SPARE_LIST: usize = 1_024;

/// Blocks that are needed no more, with the memory of their lists.
#[derive(Debug, Default)]
pub(crate) struct SpareBlocks {
    blocks: Vec<Block>,
}

impl SpareBlocks {
    /// An empty block.
    pub(crate) fn take(&mut self) -> Block {
        self.blocks.pop().unwrap_or_default()
    }

    /// Keeps the memory of a block.
    pub(crate) fn keep(&mut self, mut block: Block) {
        let (params, insts) = (block.params.capacity(), block.insts.capacity());
        let is_small = params <= SPARE_LIST && insts <= SPARE_LIST && params + insts > 0;
        if self.blocks.len() < SPARE && is_small {
            block.params.clear();
            block.insts.clear();
            block.terminator = Terminator::Unreachable;
            block.line = 0;
            self.blocks.push(block);
        }
    }

    /// Keeps the memory of all blocks of a list.
    pub(crate) fn keep_all(&mut self, blocks: &mut Vec<Block>) {
        for block in blocks.drain(..).rev() {
            self.keep(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fir::parse;

    #[test]
    fn unpacking_gives_the_function_that_was_packed() {
        let text = "fir \"t\"
            func f0 \"a\"(i64, i64) -> i64 source 0 @2 {
            b0(v0: i64, v1: i64):
              v2: i64 = call f0(v1, v0) @3
              jump b1(v2, v0) @3
            b1(v3: i64, v4: i64):
              switch v3, [1: b2, 2: b1(v4, v3)], b2 @4
            b2:
              return v4 @5
            }";
        let module = parse(text).unwrap_or_else(|error| panic!("{error}"));
        let function = module.functions.first().unwrap();
        let mut other = function.clone();
        let body = Body::pack(&mut other);
        let mut spare = SpareBlocks::default();
        for _ in 0..2 {
            body.clone().unpack(&mut other, &mut spare, |bits| bits);
            assert_eq!(&other, function);
        }
    }
}
