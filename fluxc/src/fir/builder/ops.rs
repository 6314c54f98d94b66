//! A method of the builder for each instruction.

use super::FunctionBuilder;
use crate::fir::inst::Inst;
use crate::fir::op::{FloatCompare, FloatOp, FloatUnaryOp, IntCompare, IntOp, IntUnaryOp};
use crate::fir::runtime::Intrinsic;
use crate::fir::types::{Access, FloatKind, IntKind, Type};
use crate::fir::{FuncId, ValueId, ValueList};
use flux_abi::opcode::Opcode;
use flux_abi::select::TextOp;

/// A truth value; keeps `bool` parameters out of the interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Truth {
    /// 0.
    False,
    /// 1.
    True,
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

impl FunctionBuilder {
    /// A constant of any word type; an integer as its sign- or zero-extended number.
    pub fn constant(&mut self, ty: Type, bits: u64) -> ValueId {
        self.value(Inst::Const { ty, bits })
    }

    /// An `i64` constant.
    pub fn i64(&mut self, value: i64) -> ValueId {
        self.constant(Type::I64, value.cast_unsigned())
    }

    /// A constant of `kind`.
    pub fn int(&mut self, kind: IntKind, value: i64) -> ValueId {
        self.constant(kind.ty(), kind.wrap(value.cast_unsigned()))
    }

    /// An `f64` constant; every NaN becomes the canonical one.
    pub fn f64(&mut self, value: f64) -> ValueId {
        let bits = if value.is_nan() { 0x7ff8_0000_0000_0000 } else { value.to_bits() };
        self.constant(Type::F64, bits)
    }

    /// A `bool` constant; 0 or 1.
    pub fn boolean(&mut self, value: Truth) -> ValueId {
        self.constant(Type::Bool, u64::from(value == Truth::True))
    }

    /// An address.
    pub fn address(&mut self, offset: u32) -> ValueId {
        self.constant(Type::Ptr, u64::from(offset))
    }

    /// A function as a value.
    pub fn func_addr(&mut self, func: FuncId) -> ValueId {
        self.value(Inst::FuncAddr(func))
    }

    /// An integer operation of two operands.
    pub fn int_op(&mut self, op: IntOp, kind: IntKind, a: ValueId, b: ValueId) -> ValueId {
        self.value(Inst::Int(op, kind, [a, b]))
    }

    /// An integer operation of one operand.
    pub fn int_unary(&mut self, op: IntUnaryOp, kind: IntKind, a: ValueId) -> ValueId {
        self.value(Inst::IntUnary(op, kind, a))
    }

    /// A float operation of two operands.
    pub fn float_op(&mut self, op: FloatOp, kind: FloatKind, a: ValueId, b: ValueId) -> ValueId {
        self.value(Inst::Float(op, kind, [a, b]))
    }

    /// A float operation of one operand.
    pub fn float_unary(&mut self, op: FloatUnaryOp, kind: FloatKind, a: ValueId) -> ValueId {
        self.value(Inst::FloatUnary(op, kind, a))
    }

    /// Compares two words.
    pub fn compare(&mut self, op: IntCompare, a: ValueId, b: ValueId) -> ValueId {
        self.value(Inst::IntCompare(op, [a, b]))
    }

    /// Compares two floats.
    pub fn float_compare(&mut self, op: FloatCompare, kind: FloatKind, a: ValueId, b: ValueId) -> ValueId {
        self.value(Inst::FloatCompare(op, kind, [a, b]))
    }

    /// The other truth value.
    pub fn bool_not(&mut self, a: ValueId) -> ValueId {
        self.value(Inst::BoolNot(a))
    }

    /// `then` if `condition`, else `otherwise`.
    pub fn select(&mut self, condition: ValueId, then: ValueId, otherwise: ValueId) -> ValueId {
        self.value(Inst::Select([condition, then, otherwise]))
    }

    /// Range-checked conversion between integer kinds.
    pub fn convert(&mut self, from: IntKind, to: IntKind, arg: ValueId) -> ValueId {
        self.value(Inst::Convert { from, to, arg })
    }

    /// Nearest float to an integer.
    pub fn int_to_float(&mut self, from: IntKind, to: FloatKind, arg: ValueId) -> ValueId {
        self.value(Inst::IntToFloat { from, to, arg })
    }

    /// Whole part of a float.
    pub fn float_to_int(&mut self, from: FloatKind, to: IntKind, arg: ValueId) -> ValueId {
        self.value(Inst::FloatToInt { from, to, arg })
    }

    /// `f32` to `f64` or back.
    pub fn float_to_float(&mut self, to: FloatKind, arg: ValueId) -> ValueId {
        self.value(Inst::FloatToFloat { to, arg })
    }

    /// The same word under another type.
    pub fn cast(&mut self, to: Type, arg: ValueId) -> ValueId {
        self.value(Inst::Cast { to, arg })
    }

    /// An address moved by an `i64`.
    pub fn ptr_add(&mut self, base: ValueId, offset: ValueId) -> ValueId {
        self.value(Inst::PtrAdd { base, offset })
    }

    /// Reads memory.
    pub fn load(&mut self, ty: Type, access: Access, base: ValueId, offset: i32) -> ValueId {
        self.value(Inst::Load { ty, access, base, offset })
    }

    /// Writes memory.
    pub fn store(&mut self, access: Access, value: ValueId, base: ValueId, offset: i32) {
        self.push(Inst::Store { access, value, base, offset }, Type::Void);
    }

    /// Reads an element; the scale is the width of `access`.
    pub fn load_indexed(
        &mut self,
        ty: Type,
        access: Access,
        base: ValueId,
        index: ValueId,
        offset: i32,
    ) -> ValueId {
        self.value(Inst::LoadIndexed { ty, access, base, index, offset })
    }

    /// Writes an element; the scale is the width of `access`.
    pub fn store_indexed(
        &mut self,
        access: Access,
        value: ValueId,
        base: ValueId,
        index: ValueId,
        offset: i32,
    ) {
        self.push(Inst::StoreIndexed { access, value, base, index, offset }, Type::Void);
    }

    /// Traps ASSERTION unless `condition`.
    pub fn expect_true(&mut self, condition: ValueId) {
        self.push(Inst::Expect(condition), Type::Void);
    }

    /// An operation on texts that takes one operand.
    pub fn text(&mut self, op: TextOp, a: ValueId) -> ValueId {
        self.value(Inst::Text(op, a, None))
    }

    /// An operation on texts that takes two operands.
    pub fn text2(&mut self, op: TextOp, a: ValueId, b: ValueId) -> ValueId {
        self.value(Inst::Text(op, a, Some(b)))
    }

    /// Traps INDEX unless `index` is below `length`.
    pub fn index_check(&mut self, index: ValueId, length: ValueId) {
        self.push(Inst::IndexCheck { index, length }, Type::Void);
    }

    /// Calls a function of the module; `result` is its result type.
    pub fn call(&mut self, func: FuncId, result: Type, args: &[ValueId]) -> Option<ValueId> {
        let args = self.function.make_list(args);
        self.push(Inst::Call { func, args }, result)
    }

    /// Calls a function value.
    pub fn call_indirect(&mut self, callee: ValueId, result: Type, args: &[ValueId]) -> Option<ValueId> {
        let args = self.function.make_list(args);
        self.push(Inst::CallIndirect { callee, args, result }, result)
    }

    /// An operation of the runtime with a fixed result type.
    pub fn intrinsic(&mut self, op: Intrinsic, imm: u32, args: &[ValueId]) -> Option<ValueId> {
        let args = self.function.make_list(args);
        let result = op.signature().1;
        self.push(Inst::Intrinsic { op, imm, args, result }, result)
    }

    /// The value of the deploy-time parameter `index`, of type `ty`.
    pub fn deploy_param(&mut self, index: u32, ty: Type) -> ValueId {
        let args = ValueList::EMPTY;
        self.value(Inst::Intrinsic { op: Intrinsic::Param, imm: index, args, result: ty })
    }

    /// An instruction of the ISA that the host carries out; see [`super::host_shape`].
    pub fn host(&mut self, op: Opcode, imm: u32, result: Type, args: &[ValueId]) -> Option<ValueId> {
        let args = self.function.make_list(args);
        self.push(Inst::Host { op, imm, args, result }, result)
    }

    /// The status of the last host instruction.
    pub fn last_status(&mut self) -> ValueId {
        self.intrinsic(Intrinsic::LastStatus, 0, &[]).unwrap_or(ValueId::new(0))
    }
}
