//! Evaluates FIR directly: the reference for passes and back ends.
//!
//! Made to be obviously right, not fast. It has the memory of one agent (constants, then
//! zeroed bytes), charges gas block by block and stops with the same trap as compiled code.
//! Host instructions end with status NOTFOUND and value 0, as on a host that has none.
//!
//! # Invariants
//! 1. No input panics, recurses or runs longer than its gas.
//! 2. The module passed `verify`; on one that did not the result is any outcome.

use super::arith::{compute, function_word};
use super::inst::{BlockCall, Inst, Terminator};
use super::runtime::Intrinsic;
use super::types::{Access, AccessFacts, IntKind, Type};
use super::{BlockId, FuncId, Function, Module, ValueId};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;
use flux_abi::opcode::Opcode;
use flux_abi::select::TextOp;
use flux_abi::status::Status;
use flux_abi::trap::TrapKind;

/// How an evaluation ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The function returned this word, 0 if it has no result.
    Returned(u64),
    /// The program was stopped.
    Trapped(TrapKind),
    /// The run was left by this opcode with this word.
    Left(Opcode, u64),
    /// The evaluator does not know the operation.
    Unsupported,
}

/// One agent's memory and gas.
#[derive(Clone, Debug)]
pub struct Evaluator<'m> {
    module: &'m Module,
    /// Region 0.
    memory: Vec<u8>,
    /// Bytes at its start that cannot be written.
    read_only: usize,
    /// Gas that is left.
    gas: u64,
    status: i64,
}

struct Frame<'m> {
    function: &'m Function,
    values: Vec<u64>,
    block: BlockId,
    /// The next instruction of the block.
    at: usize,
}

enum Step {
    Value(u64),
    Nothing,
    Call(FuncId, Vec<u64>),
}

impl<'m> Evaluator<'m> {
    /// An agent whose region 0 holds the module's data, padded to 16 bytes, and `writable`
    /// zeroed bytes behind it; allocations come after these, up to the default quota in all.
    #[must_use]
    pub fn new(module: &'m Module, writable: usize, gas: u64) -> Self {
        let mut memory = module.data.clone();
        let read_only = memory.len().next_multiple_of(16);
        memory.resize(read_only.saturating_add(writable), 0);
        Self { module, memory, read_only, gas, status: 0 }
    }

    /// Region 0.
    #[must_use]
    pub fn memory(&self) -> &[u8] {
        &self.memory
    }

    /// Gas that is left.
    #[must_use]
    pub fn gas(&self) -> u64 {
        self.gas
    }

    /// Calls `func` with `args` and runs until it returns or stops.
    pub fn run(&mut self, func: FuncId, args: &[u64]) -> Outcome {
        match self.run_frames(func, args) {
            Ok(word) => Outcome::Returned(word),
            Err(outcome) => outcome,
        }
    }

    fn run_frames(&mut self, func: FuncId, args: &[u64]) -> Result<u64, Outcome> {
        let mut frames = vec![self.enter(func, args)?];
        loop {
            let depth = frames.len();
            let Some(frame) = frames.last_mut() else { return Err(Outcome::Unsupported) };
            let block = frame.function.blocks.get(frame.block.index()).ok_or(Outcome::Unsupported)?;
            if let Some(&inst) = block.insts.get(frame.at) {
                let data = frame.function.insts.get(inst.index()).ok_or(Outcome::Unsupported)?;
                match self.step(frame, &data.inst)? {
                    Step::Value(word) => frame.set(data.result, word),
                    Step::Nothing => {}
                    Step::Call(func, args) => {
                        if depth >= flux_abi::limits::CALL_DEPTH {
                            return Err(Outcome::Trapped(TrapKind::CallDepth));
                        }
                        let callee = self.enter(func, &args)?;
                        frames.push(callee);
                        continue;
                    }
                }
                frame.at += 1;
                continue;
            }
            match &block.terminator {
                Terminator::Jump(call) => self.go(frame, *call)?,
                Terminator::Branch { condition, then, otherwise } => {
                    let call = if frame.get(*condition) != 0 { *then } else { *otherwise };
                    self.go(frame, call)?;
                }
                Terminator::Switch { value, cases, default } => {
                    let word = frame.get(*value).cast_signed();
                    let call =
                        cases.iter().find(|case| case.value == word).map_or(*default, |case| case.target);
                    self.go(frame, call)?;
                }
                Terminator::Return(value) => {
                    let word = value.map_or(0, |value| frame.get(value));
                    frames.pop();
                    let Some(caller) = frames.last_mut() else { return Ok(word) };
                    let result = caller
                        .function
                        .blocks
                        .get(caller.block.index())
                        .and_then(|block| block.insts.get(caller.at))
                        .and_then(|inst| caller.function.insts.get(inst.index()))
                        .and_then(|data| data.result);
                    caller.set(result, word);
                    caller.at += 1;
                }
                Terminator::Trap(kind) => return Err(Outcome::Trapped(*kind)),
                Terminator::Leave(op, value) => {
                    return Err(Outcome::Left(*op, value.map_or(0, |value| frame.get(value))));
                }
                Terminator::Unreachable => return Err(Outcome::Trapped(TrapKind::Invalid)),
            }
        }
    }

    fn enter(&mut self, func: FuncId, args: &[u64]) -> Result<Frame<'m>, Outcome> {
        let function = self.module.function(func).ok_or(Outcome::Unsupported)?;
        let mut frame =
            Frame { function, values: vec![0; function.values.len()], block: BlockId::new(0), at: 0 };
        let entry = function.blocks.first().ok_or(Outcome::Unsupported)?;
        for (&param, &word) in entry.params.iter().zip(args) {
            frame.set(Some(param), word);
        }
        self.charge(u64::from(function.gas(BlockId::new(0))))?;
        Ok(frame)
    }

    fn go(&mut self, frame: &mut Frame<'m>, call: BlockCall) -> Result<(), Outcome> {
        let words: Vec<u64> = frame.function.list(call.args).iter().map(|&value| frame.get(value)).collect();
        let target = frame.function.blocks.get(call.block.index()).ok_or(Outcome::Unsupported)?;
        for (&param, &word) in target.params.iter().zip(&words) {
            frame.set(Some(param), word);
        }
        frame.block = call.block;
        frame.at = 0;
        self.charge(u64::from(frame.function.gas(call.block)))
    }

    fn charge(&mut self, gas: u64) -> Result<(), Outcome> {
        self.gas = self.gas.checked_sub(gas).ok_or(Outcome::Trapped(TrapKind::Gas))?;
        Ok(())
    }

    fn step(&mut self, frame: &Frame<'m>, inst: &Inst) -> Result<Step, Outcome> {
        if let Some(result) = compute(inst, |value| frame.get(value)) {
            return result.map(Step::Value).map_err(Outcome::Trapped);
        }
        let trap = |kind| Err(Outcome::Trapped(kind));
        match *inst {
            Inst::Load { access, base, offset, .. } => {
                let address = i128::from(frame.get(base)) + i128::from(offset);
                self.load(access, address).map(Step::Value)
            }
            Inst::Store { access, value, base, offset } => {
                let address = i128::from(frame.get(base)) + i128::from(offset);
                self.store(access, address, frame.get(value))
            }
            Inst::LoadIndexed { access, base, index, offset, .. } => {
                self.load(access, indexed(frame.get(base), frame.get(index), access, offset)).map(Step::Value)
            }
            Inst::StoreIndexed { access, value, base, index, offset } => {
                let address = indexed(frame.get(base), frame.get(index), access, offset);
                self.store(access, address, frame.get(value))
            }
            Inst::Expect(condition) if frame.get(condition) == 0 => trap(TrapKind::Assertion),
            Inst::IndexCheck { index, length } if frame.get(index) >= frame.get(length) => {
                trap(TrapKind::Index)
            }
            Inst::Expect(_) | Inst::IndexCheck { .. } | Inst::Mark(..) => Ok(Step::Nothing),
            Inst::Call { func, args } => Ok(Step::Call(func, frame.words(args))),
            Inst::CallIndirect { callee, args, result } => {
                let word = frame.get(callee);
                let func = usize::try_from(word.wrapping_sub(1)).ok().map(FuncId::new);
                let target = func.and_then(|func| self.module.function(func).map(|f| (func, f)));
                match target {
                    Some((func, function))
                        if function_word(func) == word
                            && function.signature.params.len() == args.len()
                            && (function.signature.result == Type::Void) == (result == Type::Void) =>
                    {
                        Ok(Step::Call(func, frame.words(args)))
                    }
                    _ => trap(TrapKind::BadCall),
                }
            }
            Inst::Text(TextOp::Length, text, _) => {
                let at = frame.get(text);
                if at == 0 {
                    return Ok(Step::Value(0));
                }
                self.load(Access::Z32, i128::from(at)).map(Step::Value)
            }
            Inst::Text(..) => Err(Outcome::Unsupported),
            Inst::Intrinsic { op, args, .. } => self.intrinsic(op, &frame.words(args)),
            Inst::Host { result, .. } => {
                self.status = Status::NotFound.code();
                Ok(if result == Type::Void { Step::Nothing } else { Step::Value(0) })
            }
            _ => Err(Outcome::Unsupported),
        }
    }

    fn intrinsic(&mut self, op: Intrinsic, args: &[u64]) -> Result<Step, Outcome> {
        match (op, args) {
            (Intrinsic::MemCopy, &[to, from, bytes]) => {
                let (from, to) = (self.range(from, bytes)?, self.writable(to, bytes)?);
                self.memory.copy_within(from, to.start);
                Ok(Step::Nothing)
            }
            (Intrinsic::MemSet, &[to, byte, bytes]) => {
                let range = self.writable(to, bytes)?;
                let byte = byte.to_le_bytes()[0];
                self.memory.get_mut(range).ok_or(Outcome::Trapped(TrapKind::BadAccess))?.fill(byte);
                Ok(Step::Nothing)
            }
            (Intrinsic::MemCompare, &[a, b, bytes]) => {
                let (a, b) = (self.range(a, bytes)?, self.range(b, bytes)?);
                let order = self.memory.get(a).cmp(&self.memory.get(b));
                Ok(Step::Value((order as i64).cast_unsigned()))
            }
            (Intrinsic::ArenaAlloc | Intrinsic::StateAlloc, &[size]) => self.allocate(size).map(Step::Value),
            (Intrinsic::StateFree, _) => Ok(Step::Nothing),
            (Intrinsic::LastStatus, []) => Ok(Step::Value(self.status.cast_unsigned())),
            _ => Err(Outcome::Unsupported),
        }
    }

    fn allocate(&mut self, size: u64) -> Result<u64, Outcome> {
        let start = self.memory.len().next_multiple_of(8);
        let end = usize::try_from(size).ok().and_then(|size| start.checked_add(size));
        match end {
            Some(end) if end as u64 <= flux_abi::limits::DEFAULT_QUOTA => {
                self.memory.resize(end, 0);
                Ok(start as u64)
            }
            _ => Err(Outcome::Trapped(TrapKind::Quota)),
        }
    }

    /// The bytes at `start`: wholly among the constants or wholly behind them.
    fn range(&self, start: u64, bytes: u64) -> Result<Range<usize>, Outcome> {
        if bytes == 0 {
            return Ok(0..0);
        }
        let border = self.read_only as u64;
        let limit = if start < border { border } else { self.memory.len() as u64 };
        let end = start.checked_add(bytes).filter(|&end| end <= limit);
        match (usize::try_from(start), end.and_then(|end| usize::try_from(end).ok())) {
            (Ok(start), Some(end)) => Ok(start..end),
            _ => Err(Outcome::Trapped(TrapKind::BadAccess)),
        }
    }

    fn writable(&self, start: u64, bytes: u64) -> Result<Range<usize>, Outcome> {
        let range = self.range(start, bytes)?;
        if range.start < self.read_only && !range.is_empty() {
            return Err(Outcome::Trapped(TrapKind::BadAccess));
        }
        Ok(range)
    }

    fn load(&self, access: Access, address: i128) -> Result<u64, Outcome> {
        let start = u64::try_from(address).map_err(|_| Outcome::Trapped(TrapKind::BadAccess))?;
        let range = self.range(start, u64::from(access.bytes()))?;
        let mut word = [0u8; 8];
        let bytes = self.memory.get(range).ok_or(Outcome::Trapped(TrapKind::BadAccess))?;
        word.iter_mut().zip(bytes).for_each(|(to, &from)| *to = from);
        let kind = match access {
            Access::S8 => IntKind::I8,
            Access::S16 => IntKind::I16,
            Access::S32 => IntKind::I32,
            _ => IntKind::U64,
        };
        Ok(kind.wrap(u64::from_le_bytes(word)))
    }

    fn store(&mut self, access: Access, address: i128, word: u64) -> Result<Step, Outcome> {
        let start = u64::try_from(address).map_err(|_| Outcome::Trapped(TrapKind::BadAccess))?;
        let range = self.writable(start, u64::from(access.bytes()))?;
        let bytes = self.memory.get_mut(range).ok_or(Outcome::Trapped(TrapKind::BadAccess))?;
        bytes.iter_mut().zip(word.to_le_bytes()).for_each(|(to, from)| *to = from);
        Ok(Step::Nothing)
    }
}

impl Frame<'_> {
    fn get(&self, value: ValueId) -> u64 {
        self.values.get(value.index()).copied().unwrap_or(0)
    }

    fn set(&mut self, value: Option<ValueId>, word: u64) {
        if let Some(slot) = value.and_then(|value| self.values.get_mut(value.index())) {
            *slot = word;
        }
    }

    fn words(&self, list: super::ValueList) -> Vec<u64> {
        self.function.list(list).iter().map(|&value| self.get(value)).collect()
    }
}

/// `base + index * width + offset`, exact, the words read as unsigned.
fn indexed(base: u64, index: u64, access: Access, offset: i32) -> i128 {
    i128::from(base) + i128::from(index) * i128::from(access.bytes()) + i128::from(offset)
}
