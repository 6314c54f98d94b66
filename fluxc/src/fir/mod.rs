//! FIR, the compiler's SSA intermediate form with block parameters.
//!
//! # Invariants (checked by `verify`)
//! 1. Every value is defined once, by a block parameter or an instruction, and its
//!    definition dominates its uses.
//! 2. Block 0 is a function's entry; its parameters are the function's, and
//!    nothing jumps to it.
//! 3. All entities live in dense arenas and are named by `u32` newtypes; nothing
//!    depends on hashing order.
//! 4. Each instruction and terminator carries the document line it came from.
//!
//! # Example
//! ```
//! use flux_fluxc::fir::{self, FuncId, eval};
//!
//! let module = fir::parse(
//!     "fir \"demo\"
//!      func f0 \"twice\"(i64) -> i64 source 0 @2 {
//!      b0(v0: i64):
//!        v1: i64 = add.i64 v0, v0 @3
//!        return v1 @3
//!      }",
//! )?;
//! fir::verify::verify(&module)?;
//! let mut evaluator = eval::Evaluator::new(&module, 0, 1_000);
//! assert_eq!(evaluator.run(FuncId::new(0), &[21]), eval::Outcome::Returned(42));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arith;
mod builder;
mod cfg;
mod compact;
pub mod eval;
mod given;
mod inst;
mod op;
pub(crate) mod pack;
mod parse;
pub mod passes;
mod print;
pub mod random;
mod runtime;
mod types;
pub mod verify;

pub(crate) use builder::BuilderMemory;
pub use builder::{BuildError, FunctionBuilder, Truth, Variable};
pub use cfg::{Cfg, Dominators};
pub use given::Given;
pub use inst::{BlockCall, Case, Effect, Inst, Mark, Terminator};
pub use op::{FloatCompare, FloatOp, FloatUnaryOp, IntCompare, IntOp, IntUnaryOp};
pub use parse::{Fence, ParseError, ParseProblem, TEXT_BYTES, parse, parse_fence};
pub use runtime::{HostShape, Intrinsic, host_shape, leave_takes_word, text_operands, text_result};
pub use types::{Access, AccessFacts, FloatKind, IntKind, Type, TypeFacts};

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// Limits of one module (semantics, rule 31).
pub mod limits {
    pub use flux_abi::limits::{BLOCKS, FIR_INSTRUCTIONS as INSTRUCTIONS, FUNCTIONS, LOCALS as PARAMETERS};
    /// Bytes of a name.
    pub const NAME: usize = 4_096;
    /// Bytes of read-only data.
    pub const DATA: usize = 64 << 20;
}

macro_rules! entity {
    ($(#[$meta:meta])* $name:ident, $prefix:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(u32);

        impl $name {
            /// The entity with this index. The arenas are bounded well below `u32::MAX`.
            #[must_use]
            #[expect(clippy::cast_possible_truncation, reason = "arenas are bounded below 2^32")]
            pub const fn new(index: usize) -> Self {
                Self(index as u32)
            }

            /// The index into its arena.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}
entity!(/** A function of a module. */ FuncId, "f");
entity!(/** A block of a function. */ BlockId, "b");
entity!(/** A value of a function. */ ValueId, "v");
entity!(/** An instruction of a function. */ InstId, "i");

/// A run of values in a function's list pool.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct ValueList {
    start: u32,
    len: u32,
}

impl ValueList {
    /// No values.
    pub const EMPTY: Self = Self { start: 0, len: 0 };

    /// How many values.
    #[must_use]
    pub const fn len(self) -> usize {
        self.len as usize
    }

    /// Tells whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The values; none if `pool` is not the pool that this list was stored in.
    #[must_use]
    pub fn of(self, pool: &[ValueId]) -> &[ValueId] {
        let start = self.start as usize;
        pool.get(start..start.saturating_add(self.len())).unwrap_or(&[])
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ValueDef {
    /// The n-th parameter of a block.
    Param(BlockId, u32),
    /// The result of an instruction.
    Inst(InstId),
    /// Nothing any more: a pass removed its definition.
    None,
}

/// A value: its type and where it comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Value {
    /// Its type, never `void`.
    pub ty: Type,
    /// Where it comes from.
    pub def: ValueDef,
}

/// An instruction in its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InstData {
    /// What it does.
    pub inst: Inst,
    /// Its result.
    pub result: Option<ValueId>,
    /// Line of the document, counted from 1; 0 if there is none.
    pub line: u32,
}

/// A block: parameters, instructions, a terminator.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// Parameters.
    pub params: Vec<ValueId>,
    /// Instructions in order.
    pub insts: Vec<InstId>,
    /// How it ends.
    pub terminator: Terminator,
    /// Line of the terminator.
    pub line: u32,
}

/// The types of a function's parameters and of its result.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signature {
    /// Parameter types, none of them `void`.
    pub params: Vec<Type>,
    /// Result type, may be `void`.
    pub result: Type,
}

impl Default for Signature {
    fn default() -> Self {
        Self { params: Vec::new(), result: Type::Void }
    }
}

/// A function.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Function {
    /// Its name, for people.
    pub name: String,
    /// Its types.
    pub signature: Signature,
    /// Which document it came from, counted from 0.
    pub source: u32,
    /// The line where it begins.
    pub line: u32,
    /// Blocks; the first is the entry. A declared but undefined function has none, nor has one whose
    /// code is given.
    pub blocks: Vec<Block>,
    /// Instructions.
    pub insts: Vec<InstData>,
    /// Values.
    pub values: Vec<Value>,
    /// Storage of the value lists.
    pub pool: Vec<ValueId>,
    /// Machine code in place of blocks.
    pub given: Option<Box<Given>>,
}

impl Function {
    /// Takes name, types and place from `header`.
    pub(crate) fn take_header(&mut self, header: &mut Self) {
        self.name = core::mem::take(&mut header.name);
        self.signature = core::mem::take(&mut header.signature);
        self.source = header.source;
        self.line = header.line;
    }

    /// Bytes that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let insts: usize =
            self.blocks.iter().map(|block| block.insts.capacity() + block.params.capacity()).sum();
        size_of::<Self>()
            + self.name.capacity()
            + self.signature.params.capacity() * size_of::<Type>()
            + self.blocks.capacity() * size_of::<Block>()
            + self.insts.capacity() * size_of::<InstData>()
            + self.values.capacity() * size_of::<Value>()
            + (insts + self.pool.capacity()) * size_of::<ValueId>()
            + self.given.as_ref().map_or(0, |given| given.bytes())
    }
}

/// A module: functions and the data that they share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// Its functions.
    pub functions: Vec<Function>,
    /// Read-only bytes from offset 0 of region 0.
    pub data: Vec<u8>,
}

impl Module {
    /// An empty module.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a function without a body, so that others can call it.
    pub fn declare(&mut self, name: &str, signature: Signature, source: u32, line: u32) -> FuncId {
        let id = FuncId::new(self.functions.len());
        self.functions.push(Function { name: name.into(), signature, source, line, ..Function::default() });
        id
    }

    /// Starts the body of a declared function; give the result to [`Module::define`].
    /// `None` if there is no such function.
    #[must_use]
    pub fn build(&self, func: FuncId) -> Option<FunctionBuilder> {
        self.function(func).map(FunctionBuilder::new)
    }

    /// Gives a declared function its body.
    pub fn define(&mut self, id: FuncId, function: Function) {
        if let Some(slot) = self.functions.get_mut(id.index()) {
            *slot = function;
        }
    }

    /// The function with this number.
    #[must_use]
    pub fn function(&self, id: FuncId) -> Option<&Function> {
        self.functions.get(id.index())
    }

    /// Appends `bytes` to the read-only data at a multiple of `align` (a power of
    /// two, else 1) and returns their offset.
    pub fn add_data(&mut self, bytes: &[u8], align: usize) -> u32 {
        let align = if align.is_power_of_two() { align } else { 1 };
        let offset = self.data.len().next_multiple_of(align);
        self.data.resize(offset, 0);
        self.data.extend_from_slice(bytes);
        u32::try_from(offset).unwrap_or(u32::MAX)
    }
}

impl Function {
    /// The values of a list.
    #[must_use]
    pub fn list(&self, list: ValueList) -> &[ValueId] {
        list.of(&self.pool)
    }

    /// Stores a list of values.
    pub fn make_list(&mut self, values: &[ValueId]) -> ValueList {
        if values.is_empty() {
            return ValueList::EMPTY;
        }
        let start = u32::try_from(self.pool.len()).unwrap_or(u32::MAX);
        self.pool.extend_from_slice(values);
        ValueList { start, len: u32::try_from(values.len()).unwrap_or(u32::MAX) }
    }

    /// The type of a value; `void` if there is no such value.
    #[must_use]
    pub fn value_type(&self, value: ValueId) -> Type {
        self.values.get(value.index()).map_or(Type::Void, |data| data.ty)
    }

    /// Puts a new block without parameters into the `slot`-th edge out of `block`; it
    /// passes the edge's arguments on. `None` if there is no such edge.
    pub fn split_edge(&mut self, block: BlockId, slot: usize) -> Option<BlockId> {
        let new = BlockId::new(self.blocks.len());
        let from = self.blocks.get_mut(block.index())?;
        let line = from.line;
        let call = from.terminator.successor_mut(slot)?;
        let terminator = Terminator::Jump(*call);
        *call = BlockCall { block: new, args: ValueList::EMPTY };
        self.blocks.push(Block { terminator, line, ..Block::default() });
        Some(new)
    }

    /// What a block charges each time it is entered: one for each instruction, and one
    /// for each four values of a list that it passes (arguments of a call or of the jump at
    /// its end, the function's parameters); at least 1. So what a back end makes of a block
    /// is bounded by its gas. Marks give no code and charge nothing.
    #[must_use]
    pub fn gas(&self, id: BlockId) -> u32 {
        let Some(block) = self.blocks.get(id.index()) else { return 1 };
        let mut gas = block.insts.len();
        for &inst in &block.insts {
            let Some(data) = self.insts.get(inst.index()) else { continue };
            gas -= usize::from(matches!(data.inst, Inst::Mark(..)));
            gas += data.inst.operand_list().map_or(0, |list| list.len() / 4);
        }
        if let Terminator::Jump(call) = block.terminator {
            gas += call.args.len() / 4;
        }
        if id.index() == 0 {
            gas += block.params.len() / 4;
        }
        u32::try_from(gas).unwrap_or(u32::MAX).max(1)
    }

    /// How many instructions the blocks hold.
    #[must_use]
    pub fn instruction_count(&self) -> usize {
        self.blocks.iter().map(|block| block.insts.len()).sum()
    }
}
