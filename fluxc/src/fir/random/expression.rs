//! Random values and expressions.

use super::{Generator, Kind, int_access};
use crate::fir::inst::Inst;
use crate::fir::op::{FloatCompare, FloatOp, FloatUnaryOp, IntCompare, IntOp, IntUnaryOp};
use crate::fir::types::{Access, FloatKind, IntKind, Type};
use crate::fir::{Truth, ValueId};

impl Generator<'_, '_> {
    pub(super) fn constant(&mut self, kind: Kind) -> ValueId {
        match kind {
            Kind::Int(kind) => {
                let bits = self.source.number(kind);
                self.builder.constant(kind.ty(), bits)
            }
            Kind::Float(FloatKind::F64) => {
                let value = self.float();
                self.builder.f64(value)
            }
            Kind::Float(FloatKind::F32) => {
                let value = self.float();
                let wide = self.builder.f64(value);
                self.builder.float_to_float(FloatKind::F32, wide)
            }
            Kind::Bool => {
                let value = Truth::from(self.source.below(2) == 1);
                self.builder.boolean(value)
            }
            Kind::Ptr => {
                let offset = 32 + self.source.below(200);
                self.builder.address(offset)
            }
        }
    }

    pub(super) fn float(&mut self) -> f64 {
        match self.source.below(6) {
            0 => 0.0,
            1 => -1.5,
            2 => f64::NAN,
            3 => 1e300,
            4 => f64::from(self.source.byte()),
            _ => f64::from_bits(self.source.word()),
        }
    }

    /// A variable of the kind, or a constant.
    pub(super) fn value(&mut self, kind: Kind) -> ValueId {
        let start = usize::from(self.source.byte());
        let count = self.variables.len();
        let fitting = (0..count).map(|n| (start + n) % count).find(|&n| self.variables[n].1 == kind);
        match fitting {
            Some(n) if start % 5 != 0 => self.builder.read(self.variables[n].0),
            _ => self.constant(kind),
        }
    }

    pub(super) fn expression(&mut self, kind: Kind) -> ValueId {
        match self.source.below(10) {
            0 => self.value(kind),
            1 => {
                let (condition, a, b) = (self.value(Kind::Bool), self.value(kind), self.value(kind));
                self.builder.select(condition, a, b)
            }
            2 => self.load(kind),
            _ => match kind {
                Kind::Int(kind) => self.int(kind),
                Kind::Float(kind) => self.float_expression(kind),
                Kind::Bool => self.truth(),
                Kind::Ptr => self.address(),
            },
        }
    }

    pub(super) fn load(&mut self, kind: Kind) -> ValueId {
        let access = match kind {
            Kind::Int(kind) => int_access(kind),
            Kind::Float(FloatKind::F64) => Access::W64,
            Kind::Float(FloatKind::F32) | Kind::Ptr => Access::Z32,
            // A byte in memory need not be 0 or 1.
            Kind::Bool => return self.truth(),
        };
        let base = self.address();
        let offset = i32::from(self.source.byte() % 16);
        if self.source.below(3) == 0 {
            let index = self.index();
            self.builder.load_indexed(kind.ty(), access, base, index, offset)
        } else {
            self.builder.load(kind.ty(), access, base, offset)
        }
    }

    pub(super) fn int(&mut self, kind: IntKind) -> ValueId {
        match self.source.below(8) {
            0 => {
                let op = self.source.one_of(IntUnaryOp::ALL);
                let from = if op == IntUnaryOp::Wrap { self.source.one_of(&IntKind::ALL) } else { kind };
                let a = self.value(Kind::Int(from));
                self.builder.int_unary(op, kind, a)
            }
            1 => {
                let from = self.source.one_of(&IntKind::ALL);
                let arg = self.value(Kind::Int(from));
                self.builder.convert(from, kind, arg)
            }
            2 => {
                let from = self.source.one_of(&[FloatKind::F32, FloatKind::F64]);
                let arg = self.value(Kind::Float(from));
                self.builder.float_to_int(from, kind, arg)
            }
            3 if kind == IntKind::I64 => {
                let truth = self.value(Kind::Bool);
                self.builder.cast(Type::I64, truth)
            }
            _ => {
                let op = self.source.one_of(IntOp::ALL);
                let (a, b) = (self.value(Kind::Int(kind)), self.value(Kind::Int(kind)));
                self.builder.int_op(op, kind, a, b)
            }
        }
    }

    pub(super) fn float_expression(&mut self, kind: FloatKind) -> ValueId {
        match self.source.below(6) {
            0 => {
                let op = self.source.one_of(FloatUnaryOp::ALL);
                let a = self.value(Kind::Float(kind));
                self.builder.float_unary(op, kind, a)
            }
            1 => {
                let from = self.source.one_of(&IntKind::ALL);
                let arg = self.value(Kind::Int(from));
                self.builder.int_to_float(from, kind, arg)
            }
            2 => {
                let from = if kind == FloatKind::F32 { FloatKind::F64 } else { FloatKind::F32 };
                let arg = self.value(Kind::Float(from));
                self.builder.float_to_float(kind, arg)
            }
            _ => {
                let op = self.source.one_of(FloatOp::ALL);
                let (a, b) = (self.value(Kind::Float(kind)), self.value(Kind::Float(kind)));
                self.builder.float_op(op, kind, a, b)
            }
        }
    }

    pub(super) fn truth(&mut self) -> ValueId {
        match self.source.below(6) {
            0 => {
                let a = self.value(Kind::Bool);
                self.builder.bool_not(a)
            }
            1 => {
                let kind = self.source.one_of(&[FloatKind::F32, FloatKind::F64]);
                let op = self.source.one_of(FloatCompare::ALL);
                let (a, b) = (self.value(Kind::Float(kind)), self.value(Kind::Float(kind)));
                self.builder.float_compare(op, kind, a, b)
            }
            2 => {
                let (a, b) = (self.value(Kind::Bool), self.value(Kind::Bool));
                let op = self.source.one_of(&[IntCompare::Eq, IntCompare::Ne]);
                self.builder.compare(op, a, b)
            }
            _ => {
                let kind = self.source.one_of(&IntKind::ALL);
                let op = self.source.one_of(IntCompare::ALL);
                let (a, b) = (self.value(Kind::Int(kind)), self.value(Kind::Int(kind)));
                self.builder.value(Inst::IntCompare(op, [a, b]))
            }
        }
    }

    /// An address with room for a word, and now and then one without.
    pub(super) fn address(&mut self) -> ValueId {
        match self.source.below(8) {
            0 => self.value(Kind::Ptr),
            1 => {
                let (base, offset) = (self.value(Kind::Ptr), self.value(Kind::Int(IntKind::I64)));
                self.builder.ptr_add(base, offset)
            }
            _ => {
                let offset = 32 + self.source.below(200);
                self.builder.address(offset)
            }
        }
    }

    /// An index that is mostly small.
    pub(super) fn index(&mut self) -> ValueId {
        let index = self.value(Kind::Int(IntKind::I64));
        if self.source.below(8) == 0 {
            return index;
        }
        let mask = self.builder.i64(7);
        self.builder.int_op(IntOp::And, IntKind::I64, index, mask)
    }
}
