//! Reads instructions and terminators.

use super::{Form, Parsed, Parser};
use crate::fir::inst::{BlockCall, Case, Inst, Mark, Terminator};
use crate::fir::op::{FloatCompare, FloatOp, FloatUnaryOp, IntCompare, IntOp, IntUnaryOp};
use crate::fir::runtime::Intrinsic;
use crate::fir::types::{Access, FloatKind, IntKind, Type};
use crate::fir::{Function, ValueId, ValueList, limits};
use alloc::vec::Vec;
use flux_abi::opcode::Opcode;
use flux_abi::select::TextOp;
use flux_abi::trap::TrapKind;

impl Parser<'_> {
    pub(super) fn two(&mut self) -> Parsed<[ValueId; 2]> {
        let a = self.value()?;
        self.comma()?;
        Ok([a, self.value()?])
    }

    /// Values up to the closing parenthesis.
    pub(super) fn values(&mut self, function: &mut Function) -> Parsed<ValueList> {
        self.expect(b'(', "(")?;
        let mut values = Vec::new();
        while !self.accept(b')') {
            if !values.is_empty() {
                self.expect(b',', ", or )")?;
            }
            self.within("arguments", values.len(), limits::PARAMETERS)?;
            values.push(self.value()?);
        }
        Ok(function.make_list(&values))
    }

    pub(super) fn immediate(&mut self) -> Parsed<u32> {
        self.expect(b'[', "[")?;
        let number = self.number32()?;
        self.expect(b']', "]")?;
        Ok(number)
    }

    pub(super) fn inst(&mut self, function: &mut Function, ty: Type) -> Parsed<Inst> {
        let word = self.word();
        let mut parts = word.split('.');
        let name = parts.next().unwrap_or("");
        let (first, second, third) = (parts.next(), parts.next(), parts.next());
        if third.is_some() {
            return self.wrong(word, "an instruction");
        }
        let inst = match (first, second) {
            (None, None) => self.plain(function, name, ty)?,
            (Some(first), second) => self.kinded(name, first, second, ty)?,
            (None, Some(_)) => None,
        };
        match inst {
            Some(inst) => Ok(inst),
            None => {
                // The operands were not read: the position is still behind the word.
                self.wrong(word, "an instruction")
            }
        }
    }

    /// Instructions without a kind.
    pub(super) fn plain(&mut self, function: &mut Function, name: &str, ty: Type) -> Parsed<Option<Inst>> {
        if let Some(op) = IntCompare::from_name(name) {
            return Ok(Some(Inst::IntCompare(op, self.two()?)));
        }
        // What a fence says must not name rows of the module that it becomes a part of.
        let mark = Mark::ALL.into_iter().find(|mark| mark.name() == name && self.form == Form::File);
        if let Some(mark) = mark {
            let row = self.immediate()?;
            return Ok(Some(Inst::Mark(mark, row, self.value()?)));
        }
        Ok(Some(match name {
            "const" => Inst::Const { ty, bits: self.number()? },
            "func" => Inst::FuncAddr(self.func()?),
            "bool_not" => Inst::BoolNot(self.value()?),
            "select" => {
                let [a, b] = self.two()?;
                self.comma()?;
                Inst::Select([a, b, self.value()?])
            }
            "cast" => Inst::Cast { to: ty, arg: self.value()? },
            "ptr_add" => {
                let [base, offset] = self.two()?;
                Inst::PtrAdd { base, offset }
            }
            "expect" => Inst::Expect(self.value()?),
            "index_check" => {
                let [index, length] = self.two()?;
                Inst::IndexCheck { index, length }
            }
            "call" => {
                let func = self.func()?;
                Inst::Call { func, args: self.values(function)? }
            }
            "call_indirect" => {
                let callee = self.value()?;
                Inst::CallIndirect { callee, args: self.values(function)?, result: ty }
            }
            "runtime" => {
                let word = self.word();
                let Some(op) = Intrinsic::from_name(word) else {
                    return self.wrong(word, "an operation of the runtime");
                };
                let imm = self.immediate()?;
                Inst::Intrinsic { op, imm, args: self.values(function)?, result: ty }
            }
            "host" => {
                let op = self.opcode()?;
                let imm = self.immediate()?;
                Inst::Host { op, imm, args: self.values(function)?, result: ty }
            }
            _ => return Ok(None),
        }))
    }

    pub(super) fn opcode(&mut self) -> Parsed<Opcode> {
        let word = self.word();
        match Opcode::from_name(word) {
            Some(op) => Ok(op),
            None => self.wrong(word, "an opcode"),
        }
    }

    /// Instructions with one or two kinds behind dots.
    pub(super) fn kinded(
        &mut self,
        name: &str,
        first: &str,
        second: Option<&str>,
        ty: Type,
    ) -> Parsed<Option<Inst>> {
        if let Some(second) = second {
            let kinds = (int_kind(first), int_kind(second), float_kind(first), float_kind(second));
            return Ok(Some(match (name, kinds) {
                ("convert", (Some(from), Some(to), ..)) => Inst::Convert { from, to, arg: self.value()? },
                ("to_float", (Some(from), _, _, Some(to))) => {
                    Inst::IntToFloat { from, to, arg: self.value()? }
                }
                ("to_int", (_, Some(to), Some(from), _)) => Inst::FloatToInt { from, to, arg: self.value()? },
                _ => return Ok(None),
            }));
        }
        if let Some(kind) = int_kind(first) {
            if let Some(op) = IntOp::from_name(name) {
                return Ok(Some(Inst::Int(op, kind, self.two()?)));
            }
            if let Some(op) = IntUnaryOp::from_name(name) {
                return Ok(Some(Inst::IntUnary(op, kind, self.value()?)));
            }
        }
        if let Some(kind) = float_kind(first) {
            if let Some(op) = FloatOp::from_name(name) {
                return Ok(Some(Inst::Float(op, kind, self.two()?)));
            }
            if let Some(op) = FloatUnaryOp::from_name(name) {
                return Ok(Some(Inst::FloatUnary(op, kind, self.value()?)));
            }
            if let Some(op) = FloatCompare::from_name(name) {
                return Ok(Some(Inst::FloatCompare(op, kind, self.two()?)));
            }
            if name == "round_to" {
                return Ok(Some(Inst::FloatToFloat { to: kind, arg: self.value()? }));
            }
        }
        if name == "text" {
            let Some(&op) = TextOp::ALL.iter().find(|op| op.name() == first) else { return Ok(None) };
            let a = self.value()?;
            let b = if self.accept(b',') { Some(self.value()?) } else { None };
            return Ok(Some(Inst::Text(op, a, b)));
        }
        match Access::ALL.iter().find(|access| access.name() == first) {
            Some(&access) => self.memory(name, access, ty),
            None => Ok(None),
        }
    }

    pub(super) fn memory(&mut self, name: &str, access: Access, ty: Type) -> Parsed<Option<Inst>> {
        Ok(Some(match name {
            "load" => {
                let base = self.value()?;
                self.comma()?;
                Inst::Load { ty, access, base, offset: self.offset()? }
            }
            "store" => {
                let [value, base] = self.two()?;
                self.comma()?;
                Inst::Store { access, value, base, offset: self.offset()? }
            }
            "load_indexed" => {
                let [base, index] = self.two()?;
                self.comma()?;
                Inst::LoadIndexed { ty, access, base, index, offset: self.offset()? }
            }
            "store_indexed" => {
                let [value, base] = self.two()?;
                self.comma()?;
                let index = self.value()?;
                self.comma()?;
                Inst::StoreIndexed { access, value, base, index, offset: self.offset()? }
            }
            _ => return Ok(None),
        }))
    }

    pub(super) fn block_call(&mut self, function: &mut Function) -> Parsed<BlockCall> {
        let block = self.block()?;
        let args = if self.peek() == Some(b'(') { self.values(function)? } else { ValueList::EMPTY };
        Ok(BlockCall { block, args })
    }

    /// A terminator, if one is next.
    pub(super) fn terminator(&mut self, function: &mut Function) -> Parsed<Option<Terminator>> {
        let word = self.peek_word();
        if !matches!(word, "jump" | "branch" | "switch" | "return" | "trap" | "leave" | "unreachable") {
            return Ok(None);
        }
        self.word();
        let line = self.line;
        Ok(Some(match word {
            "jump" => Terminator::Jump(self.block_call(function)?),
            "branch" => {
                let condition = self.value()?;
                self.comma()?;
                let then = self.block_call(function)?;
                self.comma()?;
                Terminator::Branch { condition, then, otherwise: self.block_call(function)? }
            }
            "switch" => {
                let value = self.value()?;
                self.comma()?;
                self.expect(b'[', "[")?;
                let mut cases = Vec::new();
                while !self.accept(b']') {
                    if !cases.is_empty() {
                        self.expect(b',', ", or ]")?;
                    }
                    self.within("cases", cases.len(), limits::BLOCKS)?;
                    let number = self.number()?.cast_signed();
                    self.expect(b':', ": and a block")?;
                    cases.push(Case { value: number, target: self.block_call(function)? });
                }
                self.comma()?;
                Terminator::Switch { value, cases, default: self.block_call(function)? }
            }
            "return" => Terminator::Return(self.value_on(line)?),
            "trap" => {
                let word = self.word();
                match TrapKind::ALL.iter().find(|kind| kind.name() == word) {
                    Some(&kind) => Terminator::Trap(kind),
                    None => return self.wrong(word, "a kind of trap"),
                }
            }
            "leave" => {
                let op = self.opcode()?;
                Terminator::Leave(op, self.value_on(line)?)
            }
            _ => Terminator::Unreachable,
        }))
    }

    /// A value, if one is next on this line.
    pub(super) fn value_on(&mut self, line: u32) -> Parsed<Option<ValueId>> {
        let word = self.peek_word();
        if self.line == line && word.starts_with('v') { self.value().map(Some) } else { Ok(None) }
    }
}

fn int_kind(name: &str) -> Option<IntKind> {
    IntKind::ALL.into_iter().find(|kind| kind.name() == name)
}

fn float_kind(name: &str) -> Option<FloatKind> {
    [FloatKind::F32, FloatKind::F64].into_iter().find(|kind| kind.name() == name)
}
