//! Random verified programs on the machine and on the model: equal registers, memory, traps and gas,
//! whatever the slices.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "helpers of tests fail the test they are called from; numbers are small"
)]

mod common;

use std::fmt::Write;

use common::{Coverage, Random, both, settings};
use flux_vm::checked::Settings;
use proptest::prelude::*;

const HEAD: &str = "
.memory 65536
.capability MEMORY
.zero 16
.hex 05000000 05000000 68656c6c6f 000000
.state 256 scratch 64
";

/// Registers that programs compute with; R30 to R33 count loops, R40 to R43 are a group.
const WORDS: [u8; 10] = [8, 9, 20, 21, 22, 23, 24, 25, 26, 27];

/// Writes a line whose parts may themselves need the writer.
macro_rules! emit {
    ($writer:expr, $($part:tt)*) => {{
        let line = format!($($part)*);
        $writer.line(line)
    }};
}

/// Writes one function: straight lines, forward branches, bounded loops, calls, memory, handlers.
struct Writer<'a> {
    random: &'a mut Random,
    text: String,
    labels: u32,
    /// Functions that may still be called; each calls only later ones.
    callable: std::ops::Range<u32>,
}

impl Writer<'_> {
    fn register(&mut self) -> u8 {
        self.random.pick(&WORDS)
    }

    fn label(&mut self) -> String {
        self.labels += 1;
        format!("l{}", self.labels)
    }

    fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    fn value(&mut self) -> i64 {
        match self.random.below(5) {
            0 => self.random.below(400) as i64,
            1 => self.random.pick(&[0, 1, -1, i64::MAX, i64::MIN, 63, 64, 1 << 32]),
            2 => self.random.pick(&[0.0, 1.5, -2.25, 1e300, f64::NAN, f64::INFINITY, -0.0]).to_bits() as i64,
            3 => self.random.next() as i64 >> self.random.below(64),
            _ => self.random.next() as i64,
        }
    }

    fn alu(&mut self) {
        let (d, a, b) = (self.register(), self.register(), self.register());
        let op = self.random.pick(&[
            "IADD", "ISUB", "IMUL", "IAND", "IOR", "IXOR", "ISHL", "ISHR", "USHR", "ROTATE_L", "ROTATE_R",
            "FADD", "FSUB", "FMUL", "FDIV", "CMP_EQ", "CMP_LT", "CMP_LTU", "CMP_GE", "FCMP_LT", "FCMP_GE",
            "INEG", "INOT", "IABS", "POPCOUNT", "MOV", "I2F", "BSWAP", "INC", "DEC",
        ]);
        let unary =
            matches!(op, "INEG" | "INOT" | "IABS" | "POPCOUNT" | "MOV" | "I2F" | "BSWAP" | "INC" | "DEC");
        if unary {
            emit!(self, "{op} R{d}, R{a}");
        } else {
            emit!(self, "{op} R{d}, R{a}, R{b}");
        }
    }

    fn trapping(&mut self) {
        let (d, a, b) = (self.register(), self.register(), self.register());
        let kind = self.random.pick(&["i64", "i32", "u8", "u64", "i16"]);
        match self.random.below(12) {
            0 => emit!(self, "TADD R{d}, R{a}, R{b}, i64"),
            1 => emit!(self, "TSUB R{d}, R{a}, R{b}, i64"),
            2 => emit!(self, "TMUL R{d}, R{a}, R{b}, i64"),
            3 => emit!(self, "TADD R{d}, R{a}, R{b}, {kind}"),
            4 => emit!(self, "TADDI R{d}, R{a}, {}", self.random.below(2000) as i64 - 1000),
            5 => emit!(self, "IDIV R{d}, R{a}, R{b}"),
            6 => emit!(self, "UREM R{d}, R{a}, R{b}"),
            7 => emit!(self, "F2I R{d}, R{a}"),
            8 => emit!(self, "INDEX_CHECK R{a}, R{b}"),
            9 => emit!(self, "CONVERT R{d}, R{a}, i64.i32"),
            _ => emit!(self, "TADDI R{d}, R{a}, 1"),
        }
    }

    /// An access that mostly hits: a base in R10 (start of the state), an index below 32 in R11.
    fn memory(&mut self) {
        let (d, a) = (self.register(), self.register());
        let displacement = self.random.below(330) as i64 - 40;
        emit!(self, "ANDI R11, R{a}, 31");
        let access = self.random.pick(&["w64", "z8", "z16", "z32", "s8", "s16", "s32"]);
        match self.random.below(11) {
            0 => emit!(self, "LOAD R{d}, R10, {displacement}"),
            1 => emit!(self, "LOAD32 R{d}, R10, {displacement}"),
            2 => emit!(self, "LOAD8 R{d}, R10, {displacement}"),
            3 | 4 => emit!(self, "STORE R10, R{a}, {displacement}"),
            5 => emit!(self, "STORE16 R10, R{a}, {displacement}"),
            6 => emit!(self, "LOADX R{d}, R10, R11, {access}, 3, {}", self.random.below(40)),
            7 => emit!(self, "STOREX R10, R11, R{a}, {access}, 3, {}", self.random.below(40)),
            8 => emit!(self, "LOADX R{d}, R10, R{a}, {access}, 2, 0"),
            9 => emit!(self, "LOAD R{d}, R0, {}", self.random.below(40)),
            _ => {
                let (e, b) = (self.register(), self.register());
                emit!(self, "LOAD R{d}, R10, {}", self.random.below(250));
                emit!(self, "LOAD R{e}, R10, {}", self.random.below(330));
                emit!(self, "FMUL R{d}, R{e}, R{b}");
                emit!(self, "STORE R10, R{d}, {}", self.random.below(330));
            }
        }
    }

    fn bulk(&mut self) {
        let (d, a) = (self.register(), self.register());
        match self.random.below(6) {
            0 => {
                self.line("MOVI R12, 100");
                emit!(self, "MEMSET R10, R{a}, R12");
            }
            1 => {
                self.line("MOVI R12, 70");
                emit!(self, "LEA R13, R10, {}", self.random.below(300));
                self.line("MEMCPY R10, R13, R12");
            }
            2 => {
                emit!(self, "ANDI R12, R{a}, 2047");
                emit!(self, "ALLOC R{d}, R12, {}", self.random.pick(&["arena", "state"]));
            }
            3 => emit!(
                self,
                "TEXT R{d}, R{a}, R0, {}",
                self.random.pick(&["int", "float", "uint", "bool", "duration"])
            ),
            4 => {
                self.line("MOVI R12, 16");
                emit!(self, "TEXT R{d}, R12, R12, concat");
            }
            _ => emit!(self, "STATE_FREE R{a}"),
        }
    }

    fn branch(&mut self, depth: u32) {
        let (a, b) = (self.register(), self.register());
        let end = self.label();
        match self.random.below(7) {
            0 => emit!(self, "BR_LT R{a}, R{b}, {end}"),
            1 => emit!(self, "BRZ R{a}, {end}"),
            2 => emit!(
                self,
                "BR_CMPI R{a}, {}, {}, {end}",
                self.random.pick(&["eq", "ne", "lt", "ge", "ltu", "gtu"]),
                self.random.below(200) as i64 - 100
            ),
            3 => {
                emit!(self, "CMP R{a}, R{b}");
                emit!(self, "{} {end}", self.random.pick(&["JE", "JL", "JA", "JO", "JBE", "JGE"]));
            }
            4 => emit!(self, "{} {end}", self.random.pick(&["JZ", "JNZ", "JC", "JG"])),
            5 => {
                emit!(self, "TADD R{a}, R{a}, R{b}, i64");
                emit!(self, "BR_LE R{a}, R{b}, {end}");
            }
            _ => {
                emit!(self, "FCMP R{a}, R{b}");
                emit!(self, "{} {end}", self.random.pick(&["JE", "JL", "JO"]));
            }
        }
        self.block(depth + 1);
        emit!(self, "{end}:");
    }

    fn repeat(&mut self, depth: u32) {
        let (counter, again) = (30 + depth, self.label());
        let count = 1 + self.random.below(6);
        let kind = self.random.below(3);
        emit!(self, "MOVI R{counter}, {}", if kind == 0 { count } else { 0 });
        emit!(self, "{again}:");
        // Calls forget temporaries, so loop bodies here make none.
        let calls = std::mem::replace(&mut self.callable, 0..0);
        self.block(depth + 1);
        self.callable = calls;
        match kind {
            0 => emit!(self, "LOOP R{counter}, {again}"),
            1 => {
                emit!(self, "TADDI R{counter}, R{counter}, 1");
                emit!(self, "BR_CMPI R{counter}, lt, {count}, {again}");
            }
            _ => {
                emit!(self, "MOVI R12, {count}");
                emit!(self, "TADDI R{counter}, R{counter}, 1");
                emit!(self, "BR_LT R{counter}, R12, {again}");
            }
        }
    }

    fn call(&mut self) {
        if self.callable.is_empty() {
            return self.alu();
        }
        let callee = self.callable.start
            + self.random.below(u64::from(self.callable.end - self.callable.start)) as u32;
        for register in 16..20 {
            let from = self.register();
            emit!(self, "MOV R{register}, R{from}");
        }
        self.line("PUSH R16\nPUSH R8");
        match self.random.below(3) {
            0 => emit!(self, "MOVI R20, {callee}\nCALLI R20, 0"),
            1 => emit!(self, "MOVI R20, {}\nCALL_REG R20, 0", callee + 1),
            _ => emit!(self, "CALL @f{callee}"),
        }
        for register in 20..28 {
            let value = self.value();
            emit!(self, "MOVI64 R{register}, {value}");
        }
        self.line("IXOR R9, R9, R16");
    }

    fn stack(&mut self) {
        let (d, a) = (self.register(), self.register());
        match self.random.below(3) {
            0 => emit!(self, "PUSH R{a}\nDUP\nSWAP\nPOP R{d}\nPOP R{a}"),
            1 => emit!(self, "PUSHR R20, R23\nPOPR R24, R27\nMOV R{d}, R5"),
            _ => emit!(self, "SLOT_GET R{d}, -1\nSLOT_SET R{a}, -2"),
        }
    }

    fn block(&mut self, depth: u32) {
        for _ in 0..1 + self.random.below(7) {
            match self.random.below(if depth < 3 { 20 } else { 15 }) {
                0..=6 => self.alu(),
                7 if self.random.below(4) == 0 => self.trapping(),
                7..=10 => self.memory(),
                11 => self.bulk(),
                12 => self.stack(),
                13 => {
                    let (d, value) = (self.register(), self.value());
                    emit!(self, "MOVI64 R{d}, {value}");
                }
                14 => {
                    let (d, view) = (self.register(), self.random.pick(&[0, 2, 4, 5, 6, 57, 58, 59]));
                    emit!(self, "MOV R{d}, R{view}");
                }
                15 | 16 => self.branch(depth),
                17 | 18 if depth < 3 => self.repeat(depth),
                _ => self.call(),
            }
        }
    }
}

/// A module of three functions with six arguments each.
fn program(seed: u64) -> String {
    let random = &mut Random(seed | 1);
    let mut text = String::from(HEAD);
    for function in 0..3u32 {
        let mut writer = Writer { random, text: String::new(), labels: 0, callable: function + 1..3 };
        let caught = writer.random.below(3) == 0;
        writer.line(format!(".function f{function} arguments 6 results 1"));
        writer.line(
            "PUSHR R8, R13\nMOV R8, R16\nMOV R9, R19\nMOV R10, R58\nMOVI R11, 0\nMOVI R12, 0\nMOVI R13, 0",
        );
        for register in 20..28 {
            let value = writer.value();
            writer.line(format!("MOVI64 R{register}, {value}"));
        }
        if caught {
            writer.line("CATCH caught");
        }
        writer.block(0);
        if caught {
            writer.line("CATCH 0");
        }
        writer.line("MOV R16, R20\nPOPR R8, R13\nRET");
        if caught {
            writer.line("caught:");
            match writer.random.below(3) {
                0 => writer.line("EXCEPTION_RET R16"),
                1 => writer.line("EXCEPTION_RET R0"),
                _ => writer.line("MOV R17, R5\nPOPR R8, R13\nRET"),
            }
        }
        let _ = write!(text, "{}", writer.text);
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn machine_and_model_agree_on_random_programs_in_slices_of_any_size(
        seed in any::<u64>(),
        arguments in proptest::array::uniform6(any::<u64>()),
        slice in 1u64..200,
        gas in prop_oneof![4 => Just(20_000u64), 1 => 1u64..60],
    ) {
        let text = program(seed);
        let settings = Settings { gas, quota: 65536, ..settings() };
        let mut slices = Random(seed ^ slice | 1);
        both(&text, &arguments, &settings, || 1 + slices.below(slice), &mut Coverage::default());
    }
}

#[test]
fn random_programs_are_worth_running() {
    let (mut finished, mut coverage) = (0, Coverage::default());
    for seed in 1..=200 {
        let outcome = both(
            &program(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed)),
            &[1, 2, 3, 4, 5, 6],
            &Settings { gas: 20_000, quota: 65536, ..settings() },
            || 1000,
            &mut coverage,
        );
        finished += usize::from(matches!(outcome, flux_vm::checked::Outcome::Finished(_)));
    }
    assert!((50..190).contains(&finished), "{finished} of 200 finish");
    assert!(coverage.executed.len() > 80, "{} opcodes", coverage.executed.len());
    assert!(coverage.trapped.len() > 8, "{} traps", coverage.trapped.len());
}

/// A byte is loaded and decides a branch: in the constants, in the writable part, in its last bytes, which
/// the fast path leaves, and behind the end, where it traps.
#[test]
fn a_loaded_byte_decides_a_branch_wherever_it_lies() {
    use flux_abi::trap::TrapKind;
    use flux_vm::checked::Outcome;

    for branch in ["BRNZ", "BRZ"] {
        // Bytes from 0 on: those of the constants, then 16 of state, of which every other one is set.
        let text = format!(
            ".memory 65536\n.hex 0000000000000000 0001000200000000\n.state 16 scratch 0\n\
             .function f arguments 1 results 1\nMOVI R20, 16\nMOVI R21, 1\nMOVI R22, 0\n\
             fill:\nSTOREX R0, R20, R21, z8, 0, 0\nTADDI R20, R20, 2\nBR_CMPI R20, lt, 32, fill\nMOVI R20, 0\n\
             next:\nLOADX R23, R20, R0, z8, 0, 0\n{branch} R23, skip\nTADDI R22, R22, 1\n\
             skip:\nTADDI R20, R20, 1\nBR_LT R20, R16, next\nMOV R16, R22\nRET\n"
        );
        let run = |bytes: u64, slice: u64| {
            let mut coverage = Coverage::default();
            both(&text, &[bytes], &settings(), || slice, &mut coverage)
        };
        for slice in [1, 3, 1000] {
            let (zeros, set) = (22, 10);
            let expected = if branch == "BRNZ" { zeros } else { set };
            assert_eq!(run(32, slice), Outcome::Finished(expected), "{branch} in slices of {slice}");
            let behind = run(100, slice);
            assert!(matches!(behind, Outcome::Trapped(TrapKind::BadAccess, _, 32..)), "{branch}: {behind:?}");
        }
    }
}

/// The end of a loop compares what it has just counted, or something else: pairs of an addition and a
/// branch, taken and not, up to the trap of an addition that does not fit.
#[test]
fn a_loop_that_counts_ends_where_the_model_says() {
    let additions =
        ["TADDI R20, R20, 3", "TADD R20, R20, R21, i64", "ISUB R20, R20, R22", "FADD R20, R20, R23"];
    for addition in additions {
        for branch in ["BR_LT", "BR_LE", "BR_LTU", "BR_NE", "BR_EQ"] {
            for compared in ["R20", "R24"] {
                let text = format!(
                    ".function f arguments 2 results 1\nMOV R20, R16\nMOVI R21, 3\nMOVI R22, -3\n\
                     MOVI64 R23, 0x4008000000000000\nMOV R24, R17\nMOVI R25, 40\nMOVI R26, 0\n\
                     again:\nTADDI R26, R26, 1\nBR_CMPI R26, gt, 30, out\n{addition}\n\
                     {branch} {compared}, R25, again\nout:\nIMUL R26, R26, R21\nIADD R16, R20, R26\nRET\n"
                );
                for start in
                    [0u64, 1, 37, 40, (-50i64).cast_unsigned(), i64::MAX as u64 - 4, u64::MAX, 0x7FF0 << 48]
                {
                    for other in [0, 39, 40, 41] {
                        for slice in [1, 7, 1000] {
                            both(&text, &[start, other], &settings(), || slice, &mut Coverage::default());
                        }
                    }
                }
            }
        }
    }
}
