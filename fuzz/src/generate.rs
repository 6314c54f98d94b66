//! Programs made of bytes that the verifier accepts: loops, calls, handlers, frames and every
//! plain instruction, with operands that are often small or at a border.

use flux_abi::capability::CapabilitySet;
use flux_abi::opcode::{Flow, OPCODES, Opcode, OpcodeInfo, Operand, StackEffect};
use flux_abi::syscall::SYSCALLS;
use flux_isa::builder::{Argument, CodeBuilder, Label};
use flux_isa::flow::Context;
use flux_isa::instruction::operand_range;
use flux_isa::{
    Function, Line, Link, LinkKind, Meta, Module, Parameter, Signature, StateLayout, Timer, blocks,
};

/// Bytes, one after the other; zeros follow the last.
#[derive(Clone, Debug)]
pub struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    /// All of `data`.
    pub fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((first, rest)) => {
                self.rest = rest;
                *first
            }
            None => 0,
        }
    }

    /// A number below `end`, which is 1 to 256.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    fn word(&mut self) -> u64 {
        match self.byte() {
            choice @ 0..=199 => interesting(choice),
            _ => (0..8).fold(0, |word, _| word << 8 | u64::from(self.byte())),
        }
    }
}

/// A word that a byte stands for: small ones, offsets around the borders of the areas, ends of the
/// integer types, floats.
pub fn interesting(choice: u8) -> u64 {
    let float = |value: f64| value.to_bits();
    match choice {
        0..=99 => u64::from(choice),
        100..=139 => 16 * u64::from(choice - 100),
        140..=155 => 1 << ((choice - 140) * 4),
        156..=171 => (1u64 << ((choice - 156) * 4)).wrapping_sub(1),
        172..=187 => (1u64 << ((choice - 172) * 4)).wrapping_neg(),
        188 => i64::MIN as u64,
        189 => i64::MAX as u64,
        190 => u64::from(u32::MAX),
        191 => float(1.5),
        192 => float(-0.0),
        193 => float(f64::NAN),
        194 => float(f64::INFINITY),
        195 => float(9.223372036854776e18),
        196 => float(-1e-310),
        197 => 0x7FF0_0000_0000_0001,
        198 => u64::from(1.5f32.to_bits()),
        199 => u64::MAX,
        _ => u64::from(choice).wrapping_mul(0x0101_0101_0101_0101),
    }
}

/// Registers that every piece may read and write.
const FIRST: u8 = 20;
const LAST: u8 = 31;
const REGISTERS: [u8; 20] = [20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 8, 9, 10, 11, 12, 13, 14, 15];
/// Rows of each table that operands name.
const ROWS: i64 = 5;
const LINKS: [LinkKind; 5] =
    [LinkKind::Device, LinkKind::Agent, LinkKind::Topic, LinkKind::Module, LinkKind::Function];
/// Gas of a block; it pays for 16 times as many instructions.
const GAS: i64 = 24;

/// A module made of `bytes`; the same bytes make the same module.
pub fn program(bytes: &mut Bytes<'_>) -> Module {
    let signatures: Vec<Signature> = (0..1 + bytes.below(4))
        .map(|_| Signature { arguments: bytes.below(7) as u8, results: bytes.below(2) as u8 })
        .collect();
    // The function that function 0 names as trap handler, which RETI alone leaves.
    let handler = signatures.iter().skip(1).position(|signature| signature.arguments == 2).map(|at| at + 1);
    let builder = CodeBuilder::new();
    let mut maker = Maker { bytes, builder, signatures: &signatures, handler, later: Vec::new() };
    let functions: Vec<Function> = (0..signatures.len())
        .map(|number| {
            let offset = maker.builder.offset();
            maker.function(number);
            let length = maker.builder.offset() - offset;
            Function { name: format!("f{number}"), offset, length, signature: number as u16 }
        })
        .collect();
    let code = maker.builder.finish().expect("labels are bound once");
    let mut entries = Vec::new();
    for function in &functions {
        let own = signatures[usize::from(function.signature)];
        let context = Context { functions: &functions, signatures: &signatures, own };
        let end = function.offset + function.length;
        let found = blocks::entries(&code, function.offset, end, &context);
        entries.extend(found.unwrap_or_else(|error| panic!("{error:?}")));
    }
    Module {
        meta: Meta { name: "fuzz".into(), memory: 1 << 20, gas: 1 << 20, ..Meta::default() },
        capabilities: CapabilitySet::ALL,
        constants: CONSTANTS.to_vec(),
        state: StateLayout { size: 48, scratch: 32, fields: Vec::new() },
        parameters: (0..ROWS)
            .map(|n| Parameter { name: n.to_string(), desc: "l".into(), ..Parameter::default() })
            .collect(),
        links: LINKS
            .iter()
            .map(|kind| Link { kind: *kind, name: "x".into(), channel: String::new(), rights: 3 })
            .collect(),
        timers: (0..ROWS as u16)
            .map(|ordinal| Timer { section: "Loop".into(), interval_ns: 1_000, ordinal })
            .collect(),
        lines: entries.iter().zip(1..).map(|(entry, line)| Line { offset: entry.offset, line }).collect(),
        signatures,
        functions,
        code,
        entries,
        ..Module::default()
    }
}

/// Two texts, at 16 and 32.
const CONSTANTS: [u8; 64] = {
    let mut bytes = [0; 64];
    let (first, second) = (b"hello", "a\u{e9}\u{20ac}".as_bytes());
    bytes[16] = first.len() as u8;
    bytes[20] = first.len() as u8;
    let mut at = 0;
    while at < first.len() {
        bytes[24 + at] = first[at];
        at += 1;
    }
    bytes[32] = second.len() as u8;
    bytes[36] = second.len() as u8;
    at = 0;
    while at < second.len() {
        bytes[40 + at] = second[at];
        at += 1;
    }
    bytes
};

/// Changes a word of the code, an entry record or a signature, as four bytes say.
pub fn damage(module: &mut Module, [kind, high, low, by]: [u8; 4]) {
    let at = usize::from(high) << 8 | usize::from(low);
    let entries = module.entries.len().max(1);
    match kind % 8 {
        0..=3 => {
            let at = at % module.code.len().max(1);
            if let Some(word) = module.code.get_mut(at) {
                let shift = 8 * u32::from(kind % 4);
                *word = *word & !(0xFF << shift) | u32::from(by) << shift;
            }
        }
        4 => {
            if let Some(entry) = module.entries.get_mut(at % entries) {
                entry.stack = u16::from(by) % 8;
            }
        }
        5 => {
            if let Some(entry) = module.entries.get_mut(at % entries) {
                entry.handlers = by % 4;
            }
        }
        6 => {
            if let Some(entry) = module.entries.get_mut(at % entries) {
                entry.written ^= 1 << (by % 64);
            }
        }
        _ => {
            let count = module.signatures.len().max(1);
            if let Some(signature) = module.signatures.get_mut(at % count) {
                signature.arguments = by % 8;
            }
        }
    }
}

struct Maker<'a, 'b> {
    bytes: &'a mut Bytes<'b>,
    builder: CodeBuilder,
    signatures: &'a [Signature],
    handler: Option<usize>,
    /// Handler blocks that are still to be written.
    later: Vec<Label>,
}

/// Conditional branches.
fn branches() -> impl Iterator<Item = &'static OpcodeInfo> {
    OPCODES.iter().filter(|row| row.flow == Flow::Branch)
}

/// Instructions that take any operands of their kinds and go on to the next.
fn plain() -> impl Iterator<Item = &'static OpcodeInfo> {
    OPCODES.iter().filter(|row| {
        let irregular = matches!(
            row.opcode,
            Opcode::Syscall
                | Opcode::Catch
                | Opcode::Finally
                | Opcode::SetHandler
                | Opcode::SlotGet
                | Opcode::SlotSet
                | Opcode::GasCheck
        );
        row.flow == Flow::Next && row.stack == StackEffect::None && !irregular
    })
}

impl Maker<'_, '_> {
    fn emit(&mut self, opcode: Opcode, values: &[i64]) {
        let arguments: Vec<Argument> = values.iter().map(|value| Argument::Value(*value)).collect();
        self.builder.emit(opcode, &arguments);
    }

    fn register(&mut self) -> i64 {
        i64::from(self.bytes.pick(&REGISTERS))
    }

    /// Gives the working registers values: one that the bytes say, the others from their numbers.
    fn write_registers(&mut self) {
        let word = self.bytes.word().cast_signed();
        let place = FIRST + self.bytes.below(usize::from(LAST - FIRST + 1)) as u8;
        for register in FIRST..=LAST {
            if register == place {
                self.emit(Opcode::Movi64, &[i64::from(register), word]);
            } else {
                self.emit(Opcode::Movi, &[i64::from(register), 16 * i64::from(register - FIRST)]);
            }
        }
    }

    fn function(&mut self, number: usize) {
        let signature = self.signatures[number];
        self.emit(Opcode::GasCheck, &[GAS]);
        self.write_registers();
        if let (0, Some(handler)) = (number, self.handler) {
            self.emit(Opcode::SetHandler, &[handler as i64]);
        }
        let own = i64::from(signature.register_arguments());
        if own > 0 {
            let argument = 16 + self.bytes.below(own as usize) as i64;
            self.emit(Opcode::Mov, &[i64::from(FIRST), argument]);
        }
        if signature.arguments > 4 {
            let slot = -(1 + self.bytes.below(usize::from(signature.arguments) - 4) as i64);
            self.emit(Opcode::SlotGet, &[i64::from(FIRST) + 1, slot]);
        }
        let blocks: Vec<Label> = (0..self.bytes.below(6)).map(|_| self.builder.label()).collect();
        for block in &blocks {
            self.builder.bind(*block);
            self.emit(Opcode::GasCheck, &[GAS]);
            for _ in 0..self.bytes.below(8) {
                self.piece();
            }
            let target = self.bytes.pick(&blocks);
            self.branch(target);
        }
        if !blocks.is_empty() {
            self.emit(Opcode::GasCheck, &[GAS]);
        }
        for _ in 0..self.bytes.below(6) {
            self.piece();
        }
        self.end(number);
        for handler in std::mem::take(&mut self.later) {
            self.builder.bind(handler);
            self.emit(Opcode::GasCheck, &[GAS]);
            // EXCEPTION_RET may end its function, and RETI alone ends the trap handler.
            let ways = if self.handler == Some(number) { 2 } else { self.bytes.below(3) };
            match ways {
                0 => self.emit(Opcode::ExceptionRet, &[16]),
                1 => {
                    self.emit(Opcode::Movi, &[20, 0]);
                    self.emit(Opcode::ExceptionRet, &[20]);
                }
                _ => {
                    let ways = self.bytes.byte();
                    self.emit(Opcode::Mov, &[i64::from(FIRST), 16]);
                    match blocks.get(usize::from(ways) % blocks.len().max(1)) {
                        Some(block) => {
                            let keep = self.bytes.pick(&REGISTERS[12..]);
                            self.emit(Opcode::Mov, &[i64::from(keep), 16]);
                            self.write_registers();
                            self.builder.emit(Opcode::Jmp, &[Argument::Label(*block)]);
                        }
                        None => self.end(number),
                    }
                }
            }
        }
    }

    /// The end of a function, by return or otherwise.
    fn end(&mut self, number: usize) {
        if self.handler == Some(number) {
            self.emit(Opcode::Reti, &[i64::from(FIRST)]);
            return;
        }
        if self.bytes.below(16) == 1 {
            let stops =
                [Opcode::Halt, Opcode::Panic, Opcode::Throw, Opcode::Exception, Opcode::Trap, Opcode::Reset];
            let opcode = self.bytes.pick(&stops);
            match opcode.info().operands.first() {
                None => self.emit(opcode, &[]),
                Some(Operand::U16) => {
                    let number = i64::from(self.bytes.byte());
                    self.emit(opcode, &[number]);
                }
                Some(_) => self.emit(opcode, &[i64::from(FIRST)]),
            }
            return;
        }
        if self.signatures[number].results == 1 {
            self.emit(Opcode::Mov, &[16, i64::from(FIRST)]);
        }
        self.emit(Opcode::Ret, &[]);
    }

    fn branch(&mut self, target: Label) {
        let count = branches().count();
        let Some(row) = branches().nth(self.bytes.below(count)) else { return };
        let values = self.values(row);
        let arguments: Vec<Argument> = row
            .operands
            .iter()
            .zip(values)
            .map(|(operand, value)| match operand {
                Operand::Target => Argument::Label(target),
                _ => Argument::Value(value),
            })
            .collect();
        self.builder.emit(row.opcode, &arguments);
    }

    /// Operands for a row, none of which is a place in code.
    fn values(&mut self, row: &OpcodeInfo) -> Vec<i64> {
        let link = match row.opcode {
            Opcode::Icall | Opcode::TileLoad => Some(4),
            Opcode::ModuleImport => Some(3),
            _ => None,
        };
        row.operands
            .iter()
            .map(|operand| match operand {
                Operand::Rd | Operand::Ra | Operand::Rb | Operand::Rc | Operand::Rm => self.register(),
                Operand::Vd | Operand::Va | Operand::Vb => self.bytes.pick(&[20, 24, 28]),
                Operand::Select(kind) => i64::from(self.bytes.pick(kind.choices()).0),
                Operand::Link => link.unwrap_or_else(|| self.bytes.below(3) as i64),
                Operand::Param | Operand::Timer => self.bytes.below(ROWS as usize) as i64,
                Operand::Function | Operand::Signature => self.bytes.below(self.signatures.len()) as i64,
                Operand::I64 => self.bytes.word().cast_signed(),
                Operand::Shift => self.bytes.below(4) as i64,
                Operand::Region => 1 + self.bytes.below(15) as i64,
                operand => {
                    let (least, greatest) = operand_range(*operand);
                    (self.bytes.word().cast_signed() % (greatest - least + 1).max(1)).clamp(least, greatest)
                }
            })
            .collect()
    }

    fn plain(&mut self) {
        let count = plain().count();
        let number = usize::from(self.bytes.byte()) << 8 | usize::from(self.bytes.byte());
        let Some(row) = plain().nth(number % count) else { return };
        let values = self.values(row);
        // These read words that they do not name: give them something.
        if matches!(row.opcode, Opcode::Icall | Opcode::CallNative | Opcode::CallExt) {
            for register in 16..=19 {
                self.emit(Opcode::Mov, &[register, i64::from(FIRST)]);
            }
        }
        self.emit(row.opcode, &values);
    }

    fn piece(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        match self.bytes.below(16) {
            0 => {
                let (pushed, read, popped) = (self.register(), self.register(), self.register());
                self.emit(Opcode::Push, &[pushed]);
                self.plain();
                self.emit(Opcode::SlotGet, &[read, 0]);
                self.emit(Opcode::Pop, &[popped]);
            }
            1 => {
                let slots = 1 + self.bytes.below(9) as i64;
                let (slot, register) = (1 + self.bytes.below(slots as usize) as i64, self.register());
                self.emit(Opcode::Enter, &[slots]);
                self.emit(Opcode::SlotSet, &[register, slot]);
                self.plain();
                self.emit(Opcode::Leave, &[]);
            }
            2 => {
                let call = self.bytes.pick(SYSCALLS).call.number().cast_signed();
                for register in 16..=19 {
                    let from = self.register();
                    self.emit(Opcode::Mov, &[register, from]);
                }
                self.emit(Opcode::Movi, &[60, call]);
                self.emit(Opcode::Syscall, &[]);
            }
            3 | 4 => self.call(),
            5 | 6 => {
                let handler = self.builder.label();
                let opcode = self.bytes.pick(&[Opcode::Catch, Opcode::Finally]);
                self.builder.emit(opcode, &[Argument::Label(handler)]);
                if self.bytes.below(3) == 0 {
                    self.call()
                } else {
                    self.plain()
                }
                self.builder.emit(opcode, &[Argument::Value(0)]);
                self.later.push(handler);
            }
            7 => {
                self.emit(Opcode::Pushr, &[20, 27]);
                self.plain();
                self.emit(Opcode::Popr, &[8, 15]);
            }
            8 => {
                let slots = self.bytes.below(70) as i64;
                self.emit(Opcode::StackAlloc, &[slots]);
                self.emit(Opcode::PushImm, &[-5]);
                self.emit(Opcode::Dup, &[]);
                self.emit(Opcode::Swap, &[]);
                self.emit(Opcode::Pushf, &[]);
                self.plain();
                self.emit(Opcode::Popf, &[]);
                self.emit(Opcode::StackFree, &[slots + 2]);
            }
            9 => match self.handler {
                Some(handler) => self.emit(Opcode::SetHandler, &[handler as i64]),
                None => self.plain(),
            },
            10 => {
                let (register, word) = (self.register(), self.bytes.word().cast_signed());
                self.emit(Opcode::Movi64, &[register, word]);
            }
            _ => self.plain(),
        }
    }

    fn call(&mut self) {
        let called = self.bytes.below(self.signatures.len());
        let signature = self.signatures[called];
        for register in 0..signature.register_arguments() {
            let from = self.register();
            self.emit(Opcode::Mov, &[16 + i64::from(register), from]);
        }
        for _ in 0..signature.stacked_arguments() {
            let from = self.register();
            self.emit(Opcode::Push, &[from]);
        }
        match self.bytes.below(4) {
            0 => {
                let register = self.register();
                self.emit(Opcode::Movi, &[register, called as i64]);
                self.emit(Opcode::Calli, &[register, called as i64]);
            }
            _ => self.emit(Opcode::Call, &[called as i64]),
        }
        self.write_registers();
        if signature.results == 1 {
            self.emit(Opcode::Mov, &[i64::from(LAST), 16]);
        }
    }
}
