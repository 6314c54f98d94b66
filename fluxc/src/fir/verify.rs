//! Checks that a module is well-formed FIR.
//!
//! Linear in the module's size but for the dominator tree, which is near-linear.
//! What passes can be evaluated, transformed and lowered without further checks.

use super::cfg::{Cfg, Dominators};
use super::inst::{BlockCall, Inst, Terminator};
use super::op::{IntCompare, IntUnaryOp};
use super::runtime::{host_shape, leave_takes_word, text_operands};
use super::types::{AccessFacts, FloatKind, Type, TypeFacts};
use super::{BlockId, FuncId, Function, InstId, Module, ValueDef, ValueId, limits};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use flux_abi::opcode::Opcode;

/// What is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Problem {
    /// More of something than a limit allows.
    Limit(&'static str, usize, usize),
    /// Data at address 0, which names nothing.
    Data,
    /// A function without a block.
    NoBody,
    /// The entry's parameters differ from the signature.
    EntryParameters,
    /// Something jumps to the entry.
    JumpToEntry,
    /// A name for a block that does not exist.
    NoBlock(BlockId),
    /// A name for a value that does not exist.
    NoValue(ValueId),
    /// A name for an instruction that does not exist.
    NoInstruction(InstId),
    /// A name for a function that does not exist.
    NoFunction(FuncId),
    /// A value or instruction stands in two places, or its definition is recorded elsewhere.
    Defined(ValueId),
    /// An instruction stands in two places.
    Placed(InstId),
    /// A use that its definition does not dominate.
    NotDominated(ValueId),
    /// A value has another type than its use needs.
    Type(ValueId, Type, Type),
    /// An operation that does not exist for this type.
    NoSuchOperation(Type),
    /// Another number of operands than needed: found, needed.
    Count(usize, usize),
    /// The instruction's result is missing, superfluous or of another type than this.
    Result(Type),
    /// A constant that no value of the type is.
    Constant(Type, u64),
    /// Two cases of a switch for one value.
    DuplicateCase(i64),
    /// An opcode that FIR cannot use here.
    Opcode(Opcode),
    /// An immediate operand out of range.
    Immediate(u32),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(what, found, limit) => write!(f, "{found} {what}, at most {limit} are allowed"),
            Self::Data => {
                f.write_str("the first 8 bytes of the data must be zero, so that address 0 names nothing")
            }
            Self::NoBody => f.write_str("the function has no block"),
            Self::EntryParameters => f.write_str("the entry block's parameters differ from the signature"),
            Self::JumpToEntry => f.write_str("the entry block is jumped to; add a block after it"),
            Self::NoBlock(block) => write!(f, "there is no block {block}"),
            Self::NoValue(value) => write!(f, "there is no value {value}"),
            Self::NoInstruction(inst) => write!(f, "there is no instruction {inst}"),
            Self::NoFunction(func) => write!(f, "there is no function {func}"),
            Self::Defined(value) => write!(f, "value {value} is not defined exactly once"),
            Self::Placed(inst) => write!(f, "instruction {inst} stands in two places"),
            Self::NotDominated(value) => {
                write!(f, "value {value} is used where it need not be defined yet")
            }
            Self::Type(value, found, needed) => {
                write!(f, "value {value} is of type {}, {} is needed", found.name(), needed.name())
            }
            Self::NoSuchOperation(ty) => write!(f, "no such operation on type {}", ty.name()),
            Self::Count(found, needed) => write!(f, "{found} operands, {needed} are needed"),
            Self::Result(ty) => write!(f, "the result must be of type {}", ty.name()),
            Self::Constant(ty, bits) => write!(f, "{bits:#x} is no constant of type {}", ty.name()),
            Self::DuplicateCase(value) => write!(f, "the switch has two cases for {value}"),
            Self::Opcode(op) => write!(f, "opcode {} cannot be used here", op.info().name),
            Self::Immediate(imm) => write!(f, "immediate operand {imm} is out of range"),
        }
    }
}

/// Why a module is refused, and where.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VerifyError {
    /// Function.
    pub function: Option<FuncId>,
    /// Block.
    pub block: Option<BlockId>,
    /// Document line, 0 if there is none.
    pub line: u32,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fir")?;
        if let Some(function) = self.function {
            write!(f, " function {function}")?;
        }
        if let Some(block) = self.block {
            write!(f, " block {block}")?;
        }
        if self.line != 0 {
            write!(f, " line {}", self.line)?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl core::error::Error for VerifyError {}

/// Checks a whole module.
///
/// # Errors
/// The first problem in the order of the module's text.
pub fn verify(module: &Module) -> Result<(), VerifyError> {
    let whole = |problem| VerifyError { function: None, block: None, line: 0, problem };
    within("functions", module.functions.len(), limits::FUNCTIONS).map_err(whole)?;
    within("bytes of data", module.data.len(), limits::DATA).map_err(whole)?;
    within("bytes of a name", module.name.len(), limits::NAME).map_err(whole)?;
    if module.data.iter().take(8).any(|byte| *byte != 0) {
        return Err(whole(Problem::Data));
    }
    for index in 0..module.functions.len() {
        verify_function(module, FuncId::new(index))?;
    }
    Ok(())
}

/// Checks one function; signatures of others are believed.
///
/// # Errors
/// The first problem in the order of the function's text.
pub fn verify_function(module: &Module, id: FuncId) -> Result<(), VerifyError> {
    let fail = |block, line, problem| VerifyError { function: Some(id), block, line, problem };
    let function = module.function(id).ok_or(fail(None, 0, Problem::NoFunction(id)))?;
    if function.given.is_some() && function.blocks.is_empty() {
        // It was checked as machine code.
        return Ok(());
    }
    let mut checker = Checker { module, function, places: vec![None; function.values.len()] };
    checker.shape().map_err(|problem| fail(None, function.line, problem))?;
    for (index, block) in function.blocks.iter().enumerate() {
        let block_id = BlockId::new(index);
        for &inst in &block.insts {
            let data = &function.insts[inst.index()];
            checker.inst(&data.inst, data.result).map_err(|p| fail(Some(block_id), data.line, p))?;
        }
        checker.terminator(&block.terminator).map_err(|p| fail(Some(block_id), block.line, p))?;
    }
    checker.dominance().map_err(|(block, line, problem)| fail(Some(block), line, problem))
}

fn within(what: &'static str, found: usize, limit: usize) -> Result<(), Problem> {
    if found > limit { Err(Problem::Limit(what, found, limit)) } else { Ok(()) }
}

struct Checker<'a> {
    module: &'a Module,
    function: &'a Function,
    /// Per value the block of its definition and its place there (0: parameter).
    places: Vec<Option<(BlockId, u32)>>,
}

impl Checker<'_> {
    /// Limits, and that everything is defined in one place.
    fn shape(&mut self) -> Result<(), Problem> {
        let function = self.function;
        within("bytes of a name", function.name.len(), limits::NAME)?;
        within("blocks", function.blocks.len(), limits::BLOCKS)?;
        within("instructions", function.insts.len(), limits::INSTRUCTIONS)?;
        within("parameters", function.signature.params.len(), limits::PARAMETERS)?;
        let entry = function.blocks.first().ok_or(Problem::NoBody)?;
        let types = entry.params.iter().map(|&value| function.value_type(value));
        if !types.eq(function.signature.params.iter().copied()) {
            return Err(Problem::EntryParameters);
        }
        let mut placed = vec![false; function.insts.len()];
        for (index, block) in function.blocks.iter().enumerate() {
            let id = BlockId::new(index);
            within("parameters", block.params.len(), limits::PARAMETERS)?;
            for (n, &param) in block.params.iter().enumerate() {
                let n = u32::try_from(n).unwrap_or(u32::MAX);
                self.place(param, ValueDef::Param(id, n), (id, 0))?;
            }
            for (n, &inst) in block.insts.iter().enumerate() {
                let slot = placed.get_mut(inst.index()).ok_or(Problem::NoInstruction(inst))?;
                if core::mem::replace(slot, true) {
                    return Err(Problem::Placed(inst));
                }
                if let Some(result) = function.insts[inst.index()].result {
                    let n = u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1);
                    self.place(result, ValueDef::Inst(inst), (id, n))?;
                }
            }
        }
        Ok(())
    }

    fn place(&mut self, value: ValueId, def: ValueDef, place: (BlockId, u32)) -> Result<(), Problem> {
        let data = self.function.values.get(value.index()).ok_or(Problem::NoValue(value))?;
        if data.ty == Type::Void {
            return Err(Problem::NoSuchOperation(Type::Void));
        }
        if data.def != def || self.places[value.index()].is_some() {
            return Err(Problem::Defined(value));
        }
        self.places[value.index()] = Some(place);
        Ok(())
    }

    fn ty(&self, value: ValueId) -> Result<Type, Problem> {
        match self.places.get(value.index()) {
            Some(Some(_)) => Ok(self.function.value_type(value)),
            Some(None) => Err(Problem::Defined(value)),
            None => Err(Problem::NoValue(value)),
        }
    }

    fn is(&self, value: ValueId, needed: Type) -> Result<(), Problem> {
        let found = self.ty(value)?;
        if found == needed { Ok(()) } else { Err(Problem::Type(value, found, needed)) }
    }

    fn are(&self, values: &[ValueId], needed: &[Type]) -> Result<(), Problem> {
        if values.len() != needed.len() {
            return Err(Problem::Count(values.len(), needed.len()));
        }
        values.iter().zip(needed).try_for_each(|(&value, &ty)| self.is(value, ty))
    }

    fn address(&self, value: ValueId) -> Result<(), Problem> {
        let found = self.ty(value)?;
        if found.is_address() { Ok(()) } else { Err(Problem::Type(value, found, Type::Ptr)) }
    }

    fn integer(&self, value: ValueId) -> Result<(), Problem> {
        let found = self.ty(value)?;
        if found.is_int() { Ok(()) } else { Err(Problem::Type(value, found, Type::I64)) }
    }

    fn inst(&self, inst: &Inst, result: Option<ValueId>) -> Result<(), Problem> {
        self.operands(inst)?;
        let callee = |func: FuncId| self.module.function(func).map_or(Type::Void, |f| f.signature.result);
        let needed = inst.result_type(|value| self.function.value_type(value), callee);
        let found = result.map_or(Type::Void, |value| self.function.value_type(value));
        if found == needed { Ok(()) } else { Err(Problem::Result(needed)) }
    }

    fn operands(&self, inst: &Inst) -> Result<(), Problem> {
        match *inst {
            Inst::Const { ty, bits } => constant(ty, bits),
            Inst::FuncAddr(func) => match self.module.function(func) {
                Some(_) => Ok(()),
                None => Err(Problem::NoFunction(func)),
            },
            Inst::Int(_, kind, args) => self.are(&args, &[kind.ty(); 2]),
            Inst::IntUnary(IntUnaryOp::Wrap, _, arg) => self.integer(arg),
            Inst::IntUnary(_, kind, arg) => self.is(arg, kind.ty()),
            Inst::Float(_, kind, args) | Inst::FloatCompare(_, kind, args) => {
                self.are(&args, &[kind.ty(); 2])
            }
            Inst::FloatUnary(_, kind, arg) => self.is(arg, kind.ty()),
            Inst::IntCompare(op, [a, b]) => {
                let ty = self.ty(a)?;
                self.is(b, ty)?;
                let ordered = !matches!(op, IntCompare::Eq | IntCompare::Ne);
                if ty.is_float() || (ordered && !(ty.is_int() || ty.is_address())) {
                    return Err(Problem::NoSuchOperation(ty));
                }
                Ok(())
            }
            Inst::BoolNot(arg) | Inst::Expect(arg) => self.is(arg, Type::Bool),
            Inst::Mark(_, _, arg) => self.ty(arg).map(|_| ()),
            Inst::Select([condition, then, otherwise]) => {
                self.is(condition, Type::Bool)?;
                self.is(otherwise, self.ty(then)?)
            }
            Inst::Convert { from, arg, .. } | Inst::IntToFloat { from, arg, .. } => self.is(arg, from.ty()),
            Inst::FloatToInt { from, arg, .. } => self.is(arg, from.ty()),
            Inst::FloatToFloat { to, arg } => {
                self.is(arg, if to == FloatKind::F32 { Type::F64 } else { Type::F32 })
            }
            Inst::Cast { to, arg } => {
                self.ty(arg)?;
                if to == Type::Void { Err(Problem::NoSuchOperation(to)) } else { Ok(()) }
            }
            Inst::PtrAdd { base, offset } => {
                self.address(base)?;
                self.is(offset, Type::I64)
            }
            Inst::Load { ty, access, base, .. } => {
                self.address(base)?;
                if access.fits(ty) { Ok(()) } else { Err(Problem::NoSuchOperation(ty)) }
            }
            Inst::Store { access, value, base, .. } => {
                self.address(base)?;
                let ty = self.ty(value)?;
                if access.fits(ty) { Ok(()) } else { Err(Problem::NoSuchOperation(ty)) }
            }
            Inst::LoadIndexed { ty, access, base, index, .. } => {
                self.address(base)?;
                self.is(index, Type::I64)?;
                if access.fits(ty) { Ok(()) } else { Err(Problem::NoSuchOperation(ty)) }
            }
            Inst::StoreIndexed { access, value, base, index, .. } => {
                self.address(base)?;
                self.is(index, Type::I64)?;
                let ty = self.ty(value)?;
                if access.fits(ty) { Ok(()) } else { Err(Problem::NoSuchOperation(ty)) }
            }
            Inst::Text(op, a, b) => {
                let needed = text_operands(op);
                match b {
                    Some(b) => self.are(&[a, b], needed),
                    None => self.are(&[a], needed),
                }
            }
            Inst::IndexCheck { index, length } => self.are(&[index, length], &[Type::I64; 2]),
            Inst::Call { func, args } => {
                let callee = self.module.function(func).ok_or(Problem::NoFunction(func))?;
                self.are(self.function.list(args), &callee.signature.params)
            }
            Inst::CallIndirect { callee, args, .. } => {
                self.is(callee, Type::Func)?;
                within("arguments", args.len(), usize::from(u8::MAX))?;
                self.function.list(args).iter().try_for_each(|&value| self.ty(value).map(drop))
            }
            Inst::Intrinsic { op, imm, args, result } => {
                let (needed, fixed) = op.signature();
                self.are(self.function.list(args), needed)?;
                let result_fits = if fixed == Type::Any { result != Type::Void } else { result == fixed };
                if !result_fits {
                    return Err(Problem::Result(fixed));
                }
                let limit = if op.has_immediate() { u32::from(u16::MAX) } else { 0 };
                if imm > limit { Err(Problem::Immediate(imm)) } else { Ok(()) }
            }
            Inst::Host { op, imm, args, result } => self.host(op, imm, self.function.list(args), result),
        }
    }

    fn host(&self, op: Opcode, imm: u32, args: &[ValueId], result: Type) -> Result<(), Problem> {
        let shape = host_shape(op, imm).ok_or(Problem::Opcode(op))?;
        if args.len() != shape.arguments {
            return Err(Problem::Count(args.len(), shape.arguments));
        }
        args.iter().try_for_each(|&value| self.ty(value).map(drop))?;
        if shape.has_result == (result == Type::Void) && op != Opcode::Syscall {
            return Err(Problem::Result(result));
        }
        if shape.immediate_fits(op, imm) { Ok(()) } else { Err(Problem::Immediate(imm)) }
    }

    fn terminator(&self, terminator: &Terminator) -> Result<(), Problem> {
        match terminator {
            Terminator::Branch { condition, .. } => self.is(*condition, Type::Bool)?,
            Terminator::Switch { value, cases, .. } => {
                self.integer(*value)?;
                let mut values: Vec<i64> = cases.iter().map(|case| case.value).collect();
                values.sort_unstable();
                for pair in values.windows(2) {
                    if let [a, b] = pair
                        && a == b
                    {
                        return Err(Problem::DuplicateCase(*a));
                    }
                }
            }
            Terminator::Return(value) => {
                let needed = self.function.signature.result;
                match value {
                    Some(value) => self.is(*value, needed)?,
                    None if needed == Type::Void => {}
                    None => return Err(Problem::Result(needed)),
                }
            }
            Terminator::Leave(op, word) => match (leave_takes_word(*op), word) {
                (Some(true), Some(value)) => {
                    self.ty(*value)?;
                }
                (Some(false), None) => {}
                _ => return Err(Problem::Opcode(*op)),
            },
            Terminator::Jump(_) | Terminator::Trap(_) | Terminator::Unreachable => {}
        }
        terminator.successors().try_for_each(|call| self.block_call(call))
    }

    fn block_call(&self, call: BlockCall) -> Result<(), Problem> {
        let target = self.function.blocks.get(call.block.index()).ok_or(Problem::NoBlock(call.block))?;
        if call.block.index() == 0 {
            return Err(Problem::JumpToEntry);
        }
        let args = self.function.list(call.args);
        if args.len() != target.params.len() {
            return Err(Problem::Count(args.len(), target.params.len()));
        }
        args.iter()
            .zip(&target.params)
            .try_for_each(|(&value, &param)| self.is(value, self.function.value_type(param)))
    }

    /// Every use in a reachable block is dominated by its definition.
    fn dominance(&self) -> Result<(), (BlockId, u32, Problem)> {
        let cfg = Cfg::new(self.function);
        let dominators = Dominators::new(&cfg);
        for &id in &cfg.order {
            let block = &self.function.blocks[id.index()];
            let check = |value: ValueId, at: u32, line: u32| match self.places[value.index()] {
                Some((home, place)) if home == id && place < at => Ok(()),
                Some((home, _)) if home != id && dominators.dominates(home, id) => Ok(()),
                _ => Err((id, line, Problem::NotDominated(value))),
            };
            for (at, &inst) in block.insts.iter().enumerate() {
                let at = u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1);
                let data = &self.function.insts[inst.index()];
                let mut outcome = Ok(());
                data.inst.for_each_operand(&self.function.pool, |value| {
                    if outcome.is_ok() {
                        outcome = check(value, at, data.line);
                    }
                });
                outcome?;
            }
            let mut outcome = Ok(());
            block.terminator.for_each_operand(&self.function.pool, |value| {
                if outcome.is_ok() {
                    outcome = check(value, u32::MAX, block.line);
                }
            });
            outcome?;
        }
        Ok(())
    }
}

fn constant(ty: Type, bits: u64) -> Result<(), Problem> {
    if is_constant(ty, bits) { Ok(()) } else { Err(Problem::Constant(ty, bits)) }
}

/// Tells whether `bits` is a value of type `ty` in the form that [`super::types`] gives it.
#[must_use]
pub fn is_constant(ty: Type, bits: u64) -> bool {
    let number = i128::from(bits.cast_signed());
    match ty {
        Type::Void => false,
        Type::Bool => bits <= 1,
        Type::I8 => (-0x80..=0xff).contains(&number),
        Type::I16 => (-0x8000..=0xffff).contains(&number),
        Type::I32 => (-0x8000_0000..=0xffff_ffff).contains(&number),
        Type::F32 | Type::Ptr | Type::Struct | Type::Array | Type::Func => bits <= u64::from(u32::MAX),
        _ => true,
    }
}
