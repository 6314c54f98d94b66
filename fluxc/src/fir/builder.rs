//! Builds one function: blocks, instructions, and SSA from assignable variables.
//!
//! Variables follow Braun et al., "Simple and Efficient Construction of Static
//! Single Assignment Form" (CC 2013), with a work list in place of recursion.
//!
//! # Invariants
//! 1. A block gets no new predecessor after [`FunctionBuilder::seal_block`].
//! 2. An instruction added after a terminator goes to a fresh block that nothing
//!    reaches, so that code after `return` needs no special case.
//! 3. Over a limit the builder stops growing and [`FunctionBuilder::finish`] fails.

use super::inst::{BlockCall, Case, Inst, Mark, Terminator};
use super::types::Type;
use super::{Block, BlockId, Function, InstData, InstId, Value, ValueDef, ValueId, limits};
use alloc::vec::Vec;
use core::fmt;
use flux_abi::opcode::Opcode;
use flux_abi::trap::TrapKind;
use memory::{BlockState, Chain, END, Edge};

mod memory;
mod ops;
mod variables;

pub(crate) use memory::BuilderMemory;
pub use ops::Truth;

/// An assignable variable of the function being built.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Variable(u32);

/// What an instruction takes with its value, its place in a block and its operands, while the
/// lists that it is in grow: the old and the new list are there at once.
const INSTRUCTION_BYTES: usize = 3 * (size_of::<InstData>() + size_of::<Value>() + 8);
/// What a block parameter takes, with the arguments of two edges.
const PARAMETER_BYTES: usize = 2 * (size_of::<Value>() + 32);
/// What a block takes, with its state and two edges.
const BLOCK_BYTES: usize = 2 * (size_of::<Block>() + size_of::<BlockState>() + 2 * size_of::<Edge>());

/// Why a function cannot be built.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BuildError {
    /// More than [`limits::BLOCKS`] blocks.
    TooManyBlocks,
    /// More than [`limits::INSTRUCTIONS`] instructions or values.
    TooManyInstructions,
    /// The function takes more memory than was allowed.
    Memory,
    /// A jump to a block that was sealed before.
    Sealed(BlockId),
    /// A block's explicit parameter was added after a variable needed one.
    LateParameter(BlockId),
    /// No such block or variable.
    Unknown,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyBlocks => {
                write!(f, "a function has over {} blocks; split it", limits::BLOCKS)
            }
            Self::TooManyInstructions => {
                write!(f, "a function has over {} instructions; split it", limits::INSTRUCTIONS)
            }
            Self::Memory => f.write_str("the function takes more memory than the compiler may use; split it"),
            Self::Sealed(block) => write!(f, "jump to block {block} after it was sealed"),
            Self::LateParameter(block) => {
                write!(f, "parameter added to block {block} after a variable was read in it")
            }
            Self::Unknown => f.write_str("no such block or variable in the function being built"),
        }
    }
}

impl core::error::Error for BuildError {}

/// Builds one function.
pub struct FunctionBuilder {
    pub(super) function: Function,
    current: BlockId,
    line: u32,
    memory: BuilderMemory,
    error: Option<BuildError>,
    /// Bytes that the function may still take.
    memory_left: usize,
}

impl FunctionBuilder {
    /// Starts the body of `declared` (its old body is dropped). The entry block with
    /// the function's parameters is current and sealed.
    #[must_use]
    pub fn new(declared: &Function) -> Self {
        Self::in_memory(declared, BuilderMemory::default())
    }

    /// As [`FunctionBuilder::new`], with memory that served for another function.
    pub(crate) fn in_memory(declared: &Function, mut memory: BuilderMemory) -> Self {
        memory.clear();
        let mut function = core::mem::take(&mut memory.function);
        function.name.clone_from(&declared.name);
        function.signature.params.clone_from(&declared.signature.params);
        function.signature.result = declared.signature.result;
        function.source = declared.source;
        function.line = declared.line;
        let mut builder = Self {
            line: function.line,
            function,
            current: BlockId::new(0),
            memory,
            error: None,
            memory_left: usize::MAX,
        };
        let entry = builder.create_block();
        for index in 0..declared.signature.params.len() {
            if let Some(&ty) = declared.signature.params.get(index) {
                builder.add_param(entry, ty);
            }
        }
        builder.seal_block(entry);
        builder
    }

    /// The n-th parameter of the function. The zeroth value of the function if there is none.
    #[must_use]
    pub fn param(&self, index: usize) -> ValueId {
        let entry = self.function.blocks.first();
        entry.and_then(|block| block.params.get(index)).copied().unwrap_or(ValueId::new(0))
    }

    /// The document line of what follows.
    pub fn set_line(&mut self, line: u32) {
        self.line = line;
    }

    /// The document line of what follows.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }

    /// Adds an empty block.
    pub fn create_block(&mut self) -> BlockId {
        let id = BlockId::new(self.function.blocks.len());
        if id.index() >= limits::BLOCKS {
            self.fail(BuildError::TooManyBlocks);
            return BlockId::new(0);
        }
        if !self.spend(BLOCK_BYTES) {
            return BlockId::new(0);
        }
        self.function.blocks.push(self.memory.spare.take());
        self.memory.states.push(BlockState {
            sealed: false,
            filled: false,
            predecessors: Chain::EMPTY,
            params: Chain::EMPTY,
        });
        id
    }

    /// Adds an explicit parameter to a block; every jump to it must give a value.
    pub fn add_param(&mut self, block: BlockId, ty: Type) -> ValueId {
        match self.memory.states.get(block.index()) {
            Some(state) if state.params.count > 0 => {
                self.fail(BuildError::LateParameter(block));
            }
            Some(_) => {}
            None => self.fail(BuildError::Unknown),
        }
        self.push_param(block, ty)
    }

    /// Makes `block` the one that instructions are added to.
    pub fn switch_to(&mut self, block: BlockId) {
        self.current = block;
    }

    /// The block that instructions are added to.
    #[must_use]
    pub fn current(&self) -> BlockId {
        self.current
    }

    /// Tells whether the current block has its terminator already.
    #[must_use]
    pub fn is_filled(&self) -> bool {
        self.memory.states.get(self.current.index()).is_none_or(|state| state.filled)
    }

    /// Says that all jumps to `block` are there.
    pub fn seal_block(&mut self, block: BlockId) {
        let Some(state) = self.memory.states.get_mut(block.index()) else {
            self.fail(BuildError::Unknown);
            return;
        };
        if state.sealed {
            return;
        }
        state.sealed = true;
        let mut at = state.params.first;
        while let Some(param) = self.memory.params.get(at as usize) {
            self.memory.work.push(at);
            at = param.next;
        }
        self.fill_params();
    }

    /// Adds a variable.
    pub fn declare(&mut self, ty: Type) -> Variable {
        let variable = Variable(u32::try_from(self.memory.variables.len()).unwrap_or(u32::MAX));
        self.memory.variables.push(ty);
        self.memory.latest.push(None);
        variable
    }

    /// Says that the latest variable is the local in this row: what it has is marked from here on.
    pub fn name_latest(&mut self, row: u32) {
        if let Some(latest) = self.memory.variables.len().checked_sub(1) {
            self.memory.rows.push((Variable(u32::try_from(latest).unwrap_or(u32::MAX)), row));
        }
    }

    /// Gives `variable` a value from here on.
    pub fn assign(&mut self, variable: Variable, value: ValueId) {
        let block = self.current_open();
        self.write_variable(variable, block, value);
        if let Some(row) = self.row_of(variable) {
            self.mark(Mark::Begins, row, value);
        }
    }

    /// Marks the local in a row.
    pub fn mark(&mut self, mark: Mark, row: u32, value: ValueId) {
        self.push(Inst::Mark(mark, row, value), Type::Void);
    }

    /// The value that `variable` has here; zero if no path defines it.
    pub fn read(&mut self, variable: Variable) -> ValueId {
        let block = self.current_open();
        let value = self.find_variable(variable, block);
        self.fill_params();
        value
    }

    /// The type of a value.
    #[must_use]
    pub fn value_type(&self, value: ValueId) -> Type {
        self.function.value_type(value)
    }

    /// Adds an instruction whose result type is `result`, which may be `void`.
    pub fn push(&mut self, inst: Inst, result: Type) -> Option<ValueId> {
        let block = self.current_open();
        let id = self.push_detached(inst, result)?;
        if let Some(block) = self.function.blocks.get_mut(block.index()) {
            block.insts.push(id);
        }
        self.function.insts.get(id.index()).and_then(|data| data.result)
    }

    /// Adds an instruction that has a result; its type follows from the operation.
    /// Not for calls.
    pub fn value(&mut self, inst: Inst) -> ValueId {
        let ty = inst.result_type(|value| self.function.value_type(value), |_| Type::Void);
        self.push(inst, ty).unwrap_or(ValueId::new(0))
    }

    /// Ends the block with a jump.
    pub fn jump(&mut self, block: BlockId, args: &[ValueId]) {
        let call = self.block_call(block, args);
        self.terminate(Terminator::Jump(call));
    }

    /// Ends the block with a branch.
    pub fn branch(&mut self, condition: ValueId, then: BlockId, otherwise: BlockId) {
        self.branch_with(condition, then, &[], otherwise, &[]);
    }

    /// Ends the block with a branch that gives values to explicit parameters.
    pub fn branch_with(
        &mut self,
        condition: ValueId,
        then: BlockId,
        then_args: &[ValueId],
        otherwise: BlockId,
        otherwise_args: &[ValueId],
    ) {
        let then = self.block_call(then, then_args);
        let otherwise = self.block_call(otherwise, otherwise_args);
        self.terminate(Terminator::Branch { condition, then, otherwise });
    }

    /// Ends the block with a switch to blocks without explicit parameters.
    pub fn switch(&mut self, value: ValueId, cases: &[(i64, BlockId)], default: BlockId) {
        let mut list = Vec::with_capacity(cases.len());
        for &(value, block) in cases {
            list.push(Case { value, target: self.block_call(block, &[]) });
        }
        let default = self.block_call(default, &[]);
        self.terminate(Terminator::Switch { value, cases: list, default });
    }

    /// Ends the function.
    pub fn ret(&mut self, value: Option<ValueId>) {
        self.terminate(Terminator::Return(value));
    }

    /// Ends the block with a trap.
    pub fn trap(&mut self, kind: TrapKind) {
        self.terminate(Terminator::Trap(kind));
    }

    /// Ends the block by leaving the run: HALT and RESET without a word, PANIC text,
    /// EXCEPTION status and THROW kind with one.
    pub fn leave(&mut self, op: Opcode, word: Option<ValueId>) {
        self.terminate(Terminator::Leave(op, word));
    }

    /// Ends the block with the claim that control does not come here.
    pub fn unreachable(&mut self) {
        self.terminate(Terminator::Unreachable);
    }

    /// The finished function: seals what is open and gives jumps their variables.
    ///
    /// # Errors
    /// The first misuse of the builder or the limit that was passed.
    pub fn finish(self) -> Result<Function, BuildError> {
        let mut function = self.finish_into(&mut BuilderMemory::default())?;
        function.insts.shrink_to_fit();
        function.values.shrink_to_fit();
        function.blocks.shrink_to_fit();
        function.pool.shrink_to_fit();
        Ok(function)
    }

    /// As [`FunctionBuilder::finish`]; gives the memory back.
    pub(crate) fn finish_into(mut self, memory: &mut BuilderMemory) -> Result<Function, BuildError> {
        for index in 0..self.memory.states.len() {
            self.seal_block(BlockId::new(index));
        }
        let result = match self.error {
            Some(error) => Err(error),
            None => self.give_variables().and_then(|()| self.mark_joins()),
        };
        *memory = self.memory;
        result.map(|()| self.function)
    }

    fn fail(&mut self, error: BuildError) {
        self.error.get_or_insert(error);
    }

    /// The current block, or a fresh one if it has its terminator already.
    fn current_open(&mut self) -> BlockId {
        if self.is_filled() && self.error.is_none() {
            self.current = self.create_block();
            self.seal_block(self.current);
        }
        self.current
    }

    /// Bounds what the function may take from now on; the default is no bound.
    pub fn limit_memory(&mut self, bytes: usize) {
        self.memory_left = bytes;
    }

    /// Tells whether a limit was passed, so that what follows is of no use.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    /// Counts memory; `false` if there is not so much left.
    fn spend(&mut self, bytes: usize) -> bool {
        match self.memory_left.checked_sub(bytes) {
            Some(left) => {
                self.memory_left = left;
                true
            }
            None => {
                self.fail(BuildError::Memory);
                false
            }
        }
    }

    fn push_detached(&mut self, inst: Inst, result: Type) -> Option<InstId> {
        if self.function.insts.len() >= limits::INSTRUCTIONS {
            self.fail(BuildError::TooManyInstructions);
            return None;
        }
        if !self.spend(INSTRUCTION_BYTES) {
            return None;
        }
        let id = InstId::new(self.function.insts.len());
        let result = (result != Type::Void).then(|| {
            self.function.values.push(Value { ty: result, def: ValueDef::Inst(id) });
            ValueId::new(self.function.values.len() - 1)
        });
        self.function.insts.push(InstData { inst, result, line: self.line });
        Some(id)
    }

    fn push_param(&mut self, block: BlockId, ty: Type) -> ValueId {
        if self.function.values.len() >= 2 * limits::INSTRUCTIONS {
            self.fail(BuildError::TooManyInstructions);
            return ValueId::new(0);
        }
        if !self.spend(PARAMETER_BYTES) {
            return ValueId::new(0);
        }
        let value = ValueId::new(self.function.values.len());
        if let Some(data) = self.function.blocks.get_mut(block.index()) {
            let index = u32::try_from(data.params.len()).unwrap_or(u32::MAX);
            data.params.push(value);
            self.function.values.push(Value { ty, def: ValueDef::Param(block, index) });
        }
        value
    }

    fn block_call(&mut self, block: BlockId, args: &[ValueId]) -> BlockCall {
        BlockCall { block, args: self.function.make_list(args) }
    }

    fn terminate(&mut self, terminator: Terminator) {
        let from = self.current_open();
        if self.error.is_some() {
            return;
        }
        let mut slot = 0;
        terminator.for_each_successor(|call| {
            let edge = u32::try_from(self.memory.edges.len()).unwrap_or(END);
            match self.memory.states.get_mut(call.block.index()) {
                Some(state) if state.sealed => {
                    self.error.get_or_insert(BuildError::Sealed(call.block));
                }
                Some(state) => {
                    let before = state.predecessors.append(edge);
                    if let Some(before) = self.memory.edges.get_mut(before as usize) {
                        before.next = edge;
                    }
                }
                None => {
                    self.error.get_or_insert(BuildError::Unknown);
                }
            }
            self.memory.edges.push(Edge { from, slot, next: END });
            slot += 1;
        });
        if let Some(block) = self.function.blocks.get_mut(from.index()) {
            block.terminator = terminator;
            block.line = self.line;
        }
        if let Some(state) = self.memory.states.get_mut(from.index()) {
            state.filled = true;
        }
    }
}
