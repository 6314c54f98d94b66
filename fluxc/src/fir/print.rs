//! The text form of FIR, written.

use super::inst::{BlockCall, Inst, Terminator};
use super::types::TypeFacts;
use super::{Function, InstData, Module, ValueId};
use core::fmt::{self, Display, Formatter, Write};

/// Bytes of data on one line.
const DATA_LINE: usize = 32;

impl Display for Module {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "fir ")?;
        string(f, &self.name)?;
        f.write_char('\n')?;
        for bytes in self.data.chunks(DATA_LINE) {
            f.write_str("data ")?;
            for byte in bytes {
                write!(f, "{byte:02x}")?;
            }
            f.write_char('\n')?;
        }
        for (n, function) in self.functions.iter().enumerate() {
            write!(f, "\nfunc f{n} ")?;
            function.print(f)?;
        }
        Ok(())
    }
}

fn string(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            ' '..='~' => f.write_char(c)?,
            _ => write!(f, "\\u{{{:x}}}", u32::from(c))?,
        }
    }
    f.write_char('"')
}

/// Writes items with commas between them.
fn list<T>(
    f: &mut Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    mut item: impl FnMut(&mut Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (n, one) in items.into_iter().enumerate() {
        if n > 0 {
            f.write_str(", ")?;
        }
        item(f, one)?;
    }
    Ok(())
}

fn line(f: &mut Formatter<'_>, line: u32) -> fmt::Result {
    if line != 0 {
        write!(f, " @{line}")?;
    }
    f.write_char('\n')
}

impl Function {
    fn print(&self, f: &mut Formatter<'_>) -> fmt::Result {
        string(f, &self.name)?;
        f.write_char('(')?;
        list(f, &self.signature.params, |f, ty| f.write_str(ty.name()))?;
        writeln!(f, ") -> {} source {} @{} {{", self.signature.result.name(), self.source, self.line)?;
        for (n, block) in self.blocks.iter().enumerate() {
            write!(f, "b{n}")?;
            if !block.params.is_empty() {
                f.write_char('(')?;
                list(f, &block.params, |f, &param| write!(f, "{param}: {}", self.value_type(param).name()))?;
                f.write_char(')')?;
            }
            f.write_str(":\n")?;
            for &inst in &block.insts {
                if let Some(data) = self.insts.get(inst.index()) {
                    self.print_inst(f, data)?;
                }
            }
            self.print_terminator(f, &block.terminator)?;
            line(f, block.line)?;
        }
        f.write_str("}\n")
    }

    fn values(&self, f: &mut Formatter<'_>, values: &[ValueId]) -> fmt::Result {
        list(f, values, |f, value| write!(f, "{value}"))
    }

    fn print_inst(&self, f: &mut Formatter<'_>, data: &InstData) -> fmt::Result {
        f.write_str("  ")?;
        if let Some(result) = data.result {
            write!(f, "{result}: {} = ", self.value_type(result).name())?;
        }
        match data.inst {
            Inst::Const { ty, bits } if ty.is_int() => write!(f, "const {}", bits.cast_signed()),
            Inst::Const { bits, .. } => write!(f, "const {bits:#x}"),
            Inst::FuncAddr(func) => write!(f, "func {func}"),
            Inst::Int(op, kind, [a, b]) => write!(f, "{}.{} {a}, {b}", op.name(), kind.name()),
            Inst::IntUnary(op, kind, a) => write!(f, "{}.{} {a}", op.name(), kind.name()),
            Inst::Float(op, kind, [a, b]) => write!(f, "{}.{} {a}, {b}", op.name(), kind.name()),
            Inst::FloatUnary(op, kind, a) => write!(f, "{}.{} {a}", op.name(), kind.name()),
            Inst::IntCompare(op, [a, b]) => write!(f, "{} {a}, {b}", op.name()),
            Inst::FloatCompare(op, kind, [a, b]) => write!(f, "{}.{} {a}, {b}", op.name(), kind.name()),
            Inst::BoolNot(a) => write!(f, "bool_not {a}"),
            Inst::Select([a, b, c]) => write!(f, "select {a}, {b}, {c}"),
            Inst::Convert { from, to, arg } => write!(f, "convert.{}.{} {arg}", from.name(), to.name()),
            Inst::IntToFloat { from, to, arg } => write!(f, "to_float.{}.{} {arg}", from.name(), to.name()),
            Inst::FloatToInt { from, to, arg } => write!(f, "to_int.{}.{} {arg}", from.name(), to.name()),
            Inst::FloatToFloat { to, arg } => write!(f, "round_to.{} {arg}", to.name()),
            Inst::Cast { arg, .. } => write!(f, "cast {arg}"),
            Inst::PtrAdd { base, offset } => write!(f, "ptr_add {base}, {offset}"),
            Inst::Load { access, base, offset, .. } => write!(f, "load.{} {base}, {offset}", access.name()),
            Inst::Store { access, value, base, offset } => {
                write!(f, "store.{} {value}, {base}, {offset}", access.name())
            }
            Inst::LoadIndexed { access, base, index, offset, .. } => {
                write!(f, "load_indexed.{} {base}, {index}, {offset}", access.name())
            }
            Inst::StoreIndexed { access, value, base, index, offset } => {
                write!(f, "store_indexed.{} {value}, {base}, {index}, {offset}", access.name())
            }
            Inst::Expect(a) => write!(f, "expect {a}"),
            Inst::Text(op, a, None) => write!(f, "text.{} {a}", op.name()),
            Inst::Text(op, a, Some(b)) => write!(f, "text.{} {a}, {b}", op.name()),
            Inst::IndexCheck { index, length } => write!(f, "index_check {index}, {length}"),
            Inst::Call { func, args } => {
                write!(f, "call {func}(")?;
                self.values(f, self.list(args))?;
                f.write_char(')')
            }
            Inst::CallIndirect { callee, args, .. } => {
                write!(f, "call_indirect {callee}(")?;
                self.values(f, self.list(args))?;
                f.write_char(')')
            }
            Inst::Intrinsic { op, imm, args, .. } => {
                write!(f, "runtime {}[{imm}](", op.name())?;
                self.values(f, self.list(args))?;
                f.write_char(')')
            }
            Inst::Host { op, imm, args, .. } => {
                write!(f, "host {}[{imm}](", op.info().name)?;
                self.values(f, self.list(args))?;
                f.write_char(')')
            }
            Inst::Mark(mark, row, value) => write!(f, "{}[{row}] {value}", mark.name()),
        }?;
        line(f, data.line)
    }

    fn print_call(&self, f: &mut Formatter<'_>, call: BlockCall) -> fmt::Result {
        write!(f, "{}", call.block)?;
        if !call.args.is_empty() {
            f.write_char('(')?;
            self.values(f, self.list(call.args))?;
            f.write_char(')')?;
        }
        Ok(())
    }

    fn print_terminator(&self, f: &mut Formatter<'_>, terminator: &Terminator) -> fmt::Result {
        f.write_str("  ")?;
        match terminator {
            Terminator::Jump(call) => {
                f.write_str("jump ")?;
                self.print_call(f, *call)
            }
            Terminator::Branch { condition, then, otherwise } => {
                write!(f, "branch {condition}, ")?;
                self.print_call(f, *then)?;
                f.write_str(", ")?;
                self.print_call(f, *otherwise)
            }
            Terminator::Switch { value, cases, default } => {
                write!(f, "switch {value}, [")?;
                list(f, cases, |f, case| {
                    write!(f, "{}: ", case.value)?;
                    self.print_call(f, case.target)
                })?;
                f.write_str("], ")?;
                self.print_call(f, *default)
            }
            Terminator::Return(None) => f.write_str("return"),
            Terminator::Return(Some(value)) => write!(f, "return {value}"),
            Terminator::Trap(kind) => write!(f, "trap {}", kind.name()),
            Terminator::Leave(op, None) => write!(f, "leave {}", op.info().name),
            Terminator::Leave(op, Some(value)) => write!(f, "leave {} {value}", op.info().name),
            Terminator::Unreachable => f.write_str("unreachable"),
        }
    }
}
