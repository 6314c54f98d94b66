//! Modules made from a seed: every instruction that goes on to the next one, in blocks, functions,
//! frames and handlers that the verifier accepts.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test program uses its part; a test that panics fails"
)]

use flux_abi::capability::CapabilitySet;
use flux_abi::opcode::{Flow, OPCODES, Opcode, Operand, StackEffect};
use flux_abi::supervise::{MOST_RESTARTS, Restart, Strategy};
use flux_abi::syscall::SYSCALLS;
use flux_isa::blocks;
use flux_isa::builder::{Argument, CodeBuilder, Label};
use flux_isa::flow::Context;
use flux_isa::instruction::operand_range;
use flux_isa::{
    Child, Export, ExportKind, Function, Line, Link, LinkKind, Local, LocalPlace, LocalRange, Meta, Module,
    NativeSection, Parameter, Signature, StateField, StateLayout, Supervise, Supervised, Timer,
};

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn between(&mut self, least: i64, greatest: i64) -> i64 {
        let width = greatest.wrapping_sub(least).cast_unsigned();
        let step = if width == u64::MAX { self.next() } else { self.next() % (width + 1) };
        least.wrapping_add(step.cast_signed())
    }

    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[usize::try_from(self.below(list.len() as u64)).unwrap()]
    }
}

/// A value that fits the operand, for tables of `rows` rows.
pub(crate) fn value(random: &mut Random, operand: Operand, before: i64, rows: i64) -> i64 {
    match operand {
        Operand::Rd | Operand::Rm if random.below(16) == 0 => 0,
        Operand::Rd | Operand::Ra | Operand::Rb | Operand::Rc | Operand::Rm => random.between(7, 55),
        Operand::Vd | Operand::Va | Operand::Vb => random.between(2, 13) * 4,
        Operand::First => random.between(7, 55),
        Operand::Last => random.between(before, 55),
        Operand::Region => random.between(1, 15),
        Operand::Shift => random.between(0, 3),
        Operand::Select(kind) => i64::from(random.pick(kind.choices()).0),
        Operand::Link | Operand::Param | Operand::Timer | Operand::Function | Operand::Signature => {
            random.between(0, rows - 1)
        }
        Operand::Target | Operand::Handler => random.between(0, 1000),
        _ => {
            let (least, greatest) = operand_range(operand);
            match random.below(4) {
                0 => *random.pick(&[least, greatest, least + 1, greatest - 1, 1]),
                1 if least < 0 => random.between(-100, 100),
                _ => random.between(least, greatest),
            }
        }
    }
}

/// Operand values for a row of the table.
pub(crate) fn values(random: &mut Random, opcode: Opcode, rows: i64) -> Vec<i64> {
    let mut values = Vec::new();
    for operand in opcode.info().operands {
        let before = values.last().copied().unwrap_or(0);
        values.push(value(random, *operand, before, rows));
    }
    values
}

fn text(random: &mut Random) -> String {
    let letters = ['a', 'B', '7', ' ', '"', '\\', '\n', 'ü', '\u{2028}', '\u{1}', ';', '@', '😀'];
    let length = random.between(1, 12);
    (0..length).map(|_| *random.pick(&letters)).collect()
}

const LINKS: [LinkKind; 5] =
    [LinkKind::Device, LinkKind::Agent, LinkKind::Topic, LinkKind::Module, LinkKind::Function];

fn write_all(builder: &mut CodeBuilder) {
    for register in 7..=55 {
        builder.emit(Opcode::Movi, &[Argument::Register(register), Argument::Value(i64::from(register))]);
    }
}

fn plain(random: &mut Random, builder: &mut CodeBuilder) {
    loop {
        let row = random.pick(OPCODES);
        let opcode = row.opcode;
        if row.flow != Flow::Next || row.stack != StackEffect::None {
            continue;
        }
        let values: Vec<i64> = match opcode {
            Opcode::Syscall | Opcode::Catch | Opcode::Finally | Opcode::SetHandler => continue,
            Opcode::SlotGet | Opcode::SlotSet => continue,
            Opcode::GasCheck => vec![random.between(100, 10_000)],
            Opcode::Icall | Opcode::TileLoad => {
                values(random, opcode, 1).into_iter().map(|v| v.max(0)).collect()
            }
            _ => values(random, opcode, 5),
        };
        // Link 4 is a function, link 3 a module.
        let link = match opcode {
            Opcode::Icall | Opcode::TileLoad => Some(4),
            Opcode::ModuleImport => Some(3),
            _ => None,
        };
        let arguments: Vec<Argument> = values
            .iter()
            .zip(row.operands)
            .map(|(value, operand)| {
                let value = if *operand == Operand::Link { link.unwrap_or(*value) } else { *value };
                Argument::Value(value)
            })
            .collect();
        builder.emit(opcode, &arguments);
        return;
    }
}

fn piece(random: &mut Random, builder: &mut CodeBuilder, functions: u64, handlers: &mut Vec<Label>) {
    let register = Argument::Register(u8::try_from(random.between(7, 55)).unwrap());
    match random.below(12) {
        0 => {
            builder.emit(Opcode::Push, &[register]);
            plain(random, builder);
            builder.emit(Opcode::SlotGet, &[register, Argument::Value(0)]);
            builder.emit(Opcode::Pop, &[register]);
        }
        1 => {
            let slots = random.between(1, 9);
            builder.emit(Opcode::Enter, &[Argument::Value(slots)]);
            builder.emit(Opcode::SlotSet, &[register, Argument::Value(random.between(1, slots))]);
            builder.emit(Opcode::Leave, &[]);
        }
        2 => {
            let call = random.pick(SYSCALLS).call.number().cast_signed();
            builder.emit(Opcode::Movi, &[Argument::Register(60), Argument::Value(call)]);
            builder.emit(Opcode::Syscall, &[]);
        }
        3 => {
            let called = random.below(functions).cast_signed();
            builder.emit(Opcode::StackAlloc, &[Argument::Value(2)]);
            builder.emit(Opcode::Call, &[Argument::Value(called)]);
            write_all(builder);
        }
        4 => {
            let handler = builder.label();
            builder.emit(Opcode::Catch, &[Argument::Label(handler)]);
            plain(random, builder);
            builder.emit(Opcode::Catch, &[Argument::Value(0)]);
            handlers.push(handler);
        }
        5 => {
            builder.emit(Opcode::Pushr, &[Argument::Value(8), Argument::Value(15)]);
            builder.emit(Opcode::Pusha, &[]);
            builder.emit(Opcode::Popa, &[]);
            builder.emit(Opcode::Popr, &[Argument::Value(20), Argument::Value(27)]);
        }
        _ => plain(random, builder),
    }
}

/// A valid module: every function takes 6 arguments (2 on the stack) and has 1 result.
pub(crate) fn module(seed: u64) -> Module {
    let mut random = Random(seed);
    let random = &mut random;
    let count = 1 + random.below(3);
    let signature = Signature { arguments: 6, results: 1 };
    let mut builder = CodeBuilder::new();
    let mut functions = Vec::new();
    for number in 0..count {
        let start = builder.offset();
        let mut handlers = Vec::new();
        let charge = |builder: &mut CodeBuilder| {
            builder.emit(Opcode::GasCheck, &[Argument::Value(1000)]);
        };
        charge(&mut builder);
        write_all(&mut builder);
        builder.emit(Opcode::SlotGet, &[Argument::Register(20), Argument::Value(-2)]);
        let blocks: Vec<Label> = (0..random.below(5)).map(|_| builder.label()).collect();
        for block in &blocks {
            builder.bind(*block);
            charge(&mut builder);
            for _ in 0..random.below(8) {
                piece(random, &mut builder, count, &mut handlers);
            }
            write_all(&mut builder);
            let branches: Vec<_> = OPCODES.iter().filter(|row| row.flow == Flow::Branch).collect();
            let branch = random.pick(&branches).opcode;
            let mut arguments: Vec<_> = values(random, branch, 1).into_iter().map(Argument::Value).collect();
            *arguments.last_mut().unwrap() = Argument::Label(*random.pick(&blocks));
            builder.emit(branch, &arguments);
        }
        if !blocks.is_empty() {
            charge(&mut builder);
        }
        builder.emit(Opcode::Ret, &[]);
        for handler in handlers {
            builder.bind(handler);
            charge(&mut builder);
            builder.emit(Opcode::ExceptionRet, &[Argument::Register(16)]);
        }
        let (offset, length) = (start, builder.offset() - start);
        let name = if random.below(2) == 0 { "f".to_string() } else { format!("f{number}") };
        functions.push(Function { name, offset, length, signature: 0 });
    }
    let code = builder.finish().unwrap();
    let context = Context { functions: &functions, signatures: &[signature], own: signature };
    let mut entries = Vec::new();
    for function in &functions {
        let end = function.offset + function.length;
        entries.extend(blocks::entries(&code, function.offset, end, &context).unwrap());
    }
    let starts: Vec<u32> = entries.iter().map(|entry| entry.offset).collect();
    let mut module = Module {
        meta: Meta {
            name: text(random),
            version: text(random),
            title: text(random),
            period_ns: random.between(0, i64::MAX),
            heartbeat_ns: random.between(0, i64::MAX),
            priority: u8::try_from(random.below(256)).unwrap(),
            memory: 1 << 20,
            gas: random.next(),
            subscribe: (0..random.below(3)).map(|_| text(random)).collect(),
        },
        capabilities: CapabilitySet::ALL,
        constants: (0..random.below(100)).map(|at| u8::try_from(at / 8 * 3).unwrap()).collect(),
        state: StateLayout {
            size: 16,
            scratch: 64,
            fields: vec![
                StateField { name: text(random), offset: 0, desc: "l".into() },
                StateField { name: text(random), offset: 8, desc: "{wb}".into() },
            ],
        },
        parameters: (0..5)
            .map(|_| {
                // A struct has a name, and one for each field.
                let types = [("b", 0), ("l", 0), ("d", 0), ("s", 0), ("t", 0), ("{dl}", 3)];
                let (desc, names) = *random.pick(&types);
                Parameter {
                    name: text(random),
                    desc: desc.into(),
                    names: (0..names).map(|_| text(random)).collect(),
                    default: (random.below(2) == 0).then(|| random.next().to_le_bytes().to_vec()),
                    help: text(random),
                }
            })
            .collect(),
        links: LINKS
            .iter()
            .map(|kind| Link {
                kind: *kind,
                name: text(random),
                channel: String::new(),
                rights: u8::try_from(random.between(1, 3)).unwrap(),
            })
            .collect(),
        signatures: vec![signature; 5],
        exports: vec![Export {
            kind: ExportKind::Handler,
            name: text(random),
            function: 0,
            arguments: "lds[ly{bb}".into(),
            result: "?l".into(),
            interval_ns: 0,
        }],
        timers: (0..5u16)
            .map(|ordinal| Timer { section: text(random), interval_ns: random.between(1, i64::MAX), ordinal })
            .collect(),
        lines: starts.into_iter().zip(1..).map(|(offset, line)| Line { offset, line }).collect(),
        functions,
        code,
        entries,
        native: Vec::new(),
        signature: (random.below(2) == 0).then(|| vec![9; 70]),
        documents: (0..random.below(3)).map(|_| text(random)).collect(),
        migrations: Vec::new(),
        children: (0..random.below(3))
            .map(|_| Child { document: text(random), agent: text(random), module: vec![7; 40] })
            .collect(),
        supervise: None,
        locals: Vec::new(),
    };
    module.locals = locals(random, &module.functions);
    module.children.sort_by(|a, b| (&a.document, &a.agent).cmp(&(&b.document, &b.agent)));
    module.children.dedup_by(|a, b| (&a.document, &a.agent) == (&b.document, &b.agent));
    if !module.children.is_empty() && random.below(2) == 0 {
        let wait_ns = random.between(0, i64::MAX);
        module.supervise = Some(Supervise {
            strategy: *random.pick(Strategy::ALL),
            restarts: u32::try_from(random.between(1, i64::from(MOST_RESTARTS))).unwrap(),
            window_ns: random.between(1, i64::MAX),
            wait_ns,
            longest_ns: random.between(wait_ns, i64::MAX),
            children: module
                .children
                .iter()
                .map(|child| Supervised {
                    document: child.document.clone(),
                    agent: child.agent.clone(),
                    restart: *random.pick(Restart::ALL),
                })
                .collect(),
        });
    }
    if random.below(2) == 0 {
        let identity = module.identity();
        module.native.push(NativeSection { architecture: "x86_64".into(), identity, code: vec![0x90; 70] });
    }
    module
}

/// Up to two locals of each function, with ranges in its code.
fn locals(random: &mut Random, functions: &[Function]) -> Vec<Local> {
    let mut locals = Vec::new();
    for (number, function) in (0..).zip(functions) {
        for _ in 0..random.below(3) {
            let place = *random.pick(LocalPlace::ALL);
            let number_of_place = match place {
                LocalPlace::Gone => 0,
                LocalPlace::Register => random.between(7, 55),
                LocalPlace::Slot => random.between(i64::from(i16::MIN), i64::from(i16::MAX)),
                LocalPlace::Constant => random.between(i64::MIN, i64::MAX),
            };
            let (start, end) = (function.offset, function.offset + function.length);
            let range = LocalRange { start, end, place, number: number_of_place };
            let ranges = if random.below(3) == 0 { Vec::new() } else { vec![range] };
            locals.push(Local { function: number, name: "x".into(), desc: "[s".into(), offset: 8, ranges });
        }
    }
    locals
}
