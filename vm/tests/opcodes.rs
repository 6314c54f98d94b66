//! Every opcode of the table against the model: results, flags, memory, and each trap of its row.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "helpers of tests fail the test they are called from; numbers are small"
)]

mod common;

use common::{Coverage, Random, both, settings};
use flux_abi::opcode::{Flow, Opcode, OpcodeInfo, Operand, StackEffect};
use flux_abi::trap::TrapKind;
use flux_vm::checked::Outcome;

/// Cases of each plain opcode.
const CASES: usize = 60;

/// Cases of each branch.
const BRANCH_CASES: usize = 100;

/// What every generated module starts with: all capabilities, constants with two texts (at 16 and
/// 32), state, links, parameters, timers.
const HEAD: &str = r#"
.name "case"
.memory 4194304
.gas 1000000
.capability SPAWN COMMUNICATE COMPILE IO_READ IO_WRITE MEMORY HARDWARE NETWORK FILESYSTEM DEBUG SUPERVISOR
.zero 16
.hex 05000000 05000000 68656c6c6f 000000
.hex 0a000000 0a000000 61c3a9e282acf09f9880 000000000000
.state 48 scratch 32
.parameter "p" "l"
.parameter "q" "l"
.link function "m/f"
.link module "m"
.link function "m/g"
.timer "Loop" 1000
.timer "Loop" 2000
"#;

/// Integers at edges.
const INTEGERS: &[u64] = &[
    0,
    1,
    2,
    3,
    7,
    8,
    63,
    64,
    65,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    65536,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    0x1_0000_0000,
    u64::MAX,
    u64::MAX - 1,
    u64::MAX - 127,
    u64::MAX - 128,
    u64::MAX - 32768,
    u64::MAX - 0x7FFF_FFFF,
    u64::MAX - 0x8000_0000,
    i64::MAX as u64,
    i64::MIN as u64,
    i64::MIN as u64 + 1,
    3_037_000_500,
];

/// Floats at edges: f64 bits and f32 bits.
fn floats() -> Vec<u64> {
    let f64s = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        1.5,
        2.5,
        -2.5,
        1e300,
        -1e300,
        1e-310,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        -f64::NAN,
        9.223372036854775e18,
        9.223372036854776e18,
        -9.223372036854776e18,
        1.8446744073709552e19,
        1.844674407370955e19,
        -0.9,
        f64::MIN_POSITIVE,
        f64::MAX,
        std::f64::consts::PI,
    ];
    let f32s = [0.0f32, -0.0, 1.5, -3.25, f32::NAN, f32::INFINITY, 1e38, 1e-40, 9.3e18, 1.9e19, -1.0];
    let signalling = 0x7FF0_0000_0000_0001;
    f64s.iter()
        .map(|x| x.to_bits())
        .chain(f32s.iter().map(|x| u64::from(x.to_bits())))
        .chain([signalling])
        .collect()
}

/// Offsets at edges. Constants end at 64, state and scratch area at 144, the heap page at 1168.
const OFFSETS: &[u64] = &[
    0,
    8,
    16,
    32,
    56,
    57,
    60,
    63,
    64,
    65,
    72,
    80,
    96,
    112,
    136,
    137,
    143,
    144,
    152,
    200,
    1136,
    1137,
    1160,
    1161,
    1164,
    1165,
    1166,
    1167,
    1168,
    1169,
    1 << 32,
    (1 << 32) + 64,
    1 << 61,
    1 << 62,
    i64::MIN as u64,
    i64::MAX as u64,
    u64::MAX,
    u64::MAX - 7,
    u64::MAX - 63,
    u64::MAX - 64,
];

/// Handles that the test host knows, and some that it does not.
const HANDLES: &[u64] = &[0, 1, 2, 3, 4, 10, 11, 12, 13, 20, 25, 30, 40, 1001, 1002, u64::MAX];

fn value(row: &OpcodeInfo, position: usize, random: &mut Random, floats: &[u64]) -> u64 {
    let byte = row.opcode as u8;
    let memory = (0x50..0x60).contains(&byte) || row.traps.contains(&TrapKind::BadAccess);
    let length = matches!(row.opcode, Opcode::Memset | Opcode::Memcpy) && position == 2
        || row.opcode == Opcode::Memcmp && position == 3;
    let arithmetic = row.traps.iter().any(|trap| matches!(trap, TrapKind::Overflow | TrapKind::DivideByZero));
    match random.below(10) {
        0..=4 if arithmetic => {
            random.pick(&[0, 1, u64::MAX, u64::MAX, i64::MIN as u64, i64::MIN as u64, i64::MAX as u64])
        }
        0..=6 if length => random.pick(&[0, 1, 7, 8, 16, 63, 64, 65, 200]),
        0..=6 if memory && matches!(row.opcode, Opcode::Loadx | Opcode::Storex) && position >= 1 => {
            random.pick(&[0, 1, 2, 3, 10, 16, 64, u64::MAX, 1 << 61])
        }
        0..=7 if memory => random.pick(OFFSETS),
        0..=7 if row.executor == flux_abi::opcode::Executor::Host && random.below(4) == 0 => {
            random.pick(OFFSETS)
        }
        0..=7 if row.executor == flux_abi::opcode::Executor::Host => random.pick(HANDLES),
        0..=2 => random.pick(floats),
        3..=6 => random.pick(INTEGERS),
        7 => random.next() >> random.below(64),
        _ => random.next(),
    }
}

/// The instruction with operands that fit it, and lines that must stand before it.
fn instruction(row: &OpcodeInfo, random: &mut Random, floats: &[u64]) -> (String, String) {
    let (mut before, mut operands) = (String::new(), Vec::new());
    for (position, operand) in row.operands.iter().enumerate() {
        operands.push(match operand {
            Operand::Rd => format!("R{}", random.pick(&[24, 25, 26, 20, 21, 0])),
            Operand::Ra | Operand::Rb | Operand::Rc => {
                let register = match random.below(12) {
                    0 => random.pick(&[0u64, 1, 2, 3, 4, 5, 6, 56, 57, 58, 59, 61, 62, 63]),
                    1 => 20,
                    _ => 20 + position as u64,
                };
                if (20..24).contains(&register) {
                    before +=
                        &format!("MOVI64 R{register}, {}\n", value(row, position, random, floats) as i64);
                }
                format!("R{register}")
            }
            Operand::Vd => String::from("R32"),
            Operand::Va | Operand::Vb => format!("R{}", random.pick(&[32, 36, 40])),
            Operand::Region => random.pick(&["1", "2", "3"]).to_string(),
            Operand::Shift => random.below(4).to_string(),
            Operand::Select(kind) => random.pick(kind.choices()).1.to_string(),
            Operand::Link | Operand::Param | Operand::Timer => {
                let least = if row.opcode == Opcode::ModuleImport { 1 } else { 0 };
                let count = if least == 1 || *operand != Operand::Link { 1 } else { 2 };
                (least + count * random.below(2) * u64::from(least == 0)).to_string()
            }
            Operand::I32 => {
                random.pick(&[0i64, 1, -1, 8, -8, 64, -64, 1024, 2147483647, -2147483648]).to_string()
            }
            Operand::I64 => (random.pick(INTEGERS) as i64).to_string(),
            Operand::U16 => random.pick(&[0, 1, 2, 5, 6, 14, 24, 300]).to_string(),
            Operand::U32 => random.pick(&[1, 2, 100]).to_string(),
            other => panic!("{}: no case for operand {other:?}", row.name),
        });
    }
    (before, format!("{} {}", row.name, operands.join(", ")))
}

/// Whether the opcode fits the straight-line form of cases.
fn is_plain(row: &OpcodeInfo) -> bool {
    let irregular = matches!(row.opcode, Opcode::Syscall | Opcode::Icall | Opcode::CallNative);
    let simple = row.operands.iter().all(|operand| {
        !matches!(
            operand,
            Operand::Handler | Operand::Function | Operand::Slot | Operand::Rm | Operand::Target
        )
    });
    simple
        && !irregular
        && row.stack == StackEffect::None
        && (row.flow == Flow::Next
            || matches!(
                row.opcode,
                Opcode::Trap
                    | Opcode::Invalid
                    | Opcode::Halt
                    | Opcode::Panic
                    | Opcode::Reset
                    | Opcode::Exception
                    | Opcode::Throw
            ))
}

/// A module around one instruction: a heap page, two regions, written groups before it; flags,
/// status and views behind it.
fn straight(row: &OpcodeInfo, random: &mut Random, floats: &[u64]) -> String {
    let mut text = format!("{HEAD}.function main results 1\n");
    text += "MOVI R20, 24\nALLOC R30, R20, state\nREGION_CREATE R31, R20, rw\nREGION_CREATE R31, R20, r\n";
    text += "MOVI64 R20, 0x3ff8000000000000\nVEC_SPLAT R36, R20\nVEC_SPLAT R40, R20\n";
    text +=
        &format!("MOVI64 R41, {}\nMOVI64 R38, {}\n", random.pick(floats) as i64, random.pick(floats) as i64);
    text += "VEC_ADD R32, R36, R40\nMOVI R24, 5\nMOVI R25, 6\nMOVI R26, 7\n";
    text += "MOVI R21, 97\nSTORE8 R30, R21, 3\nCMP R20, R21\n";
    let (before, line) = instruction(row, random, floats);
    text += &before;
    text += &line;
    if row.flow == Flow::Next {
        text += "\nMOV R48, R5\nMOV R49, R61\nMOV R50, R2\nMOV R51, R59\nMOV R52, R56\nMOV R53, R57\nMOV R54, R58\nMOV R55, R63\n";
        text += "MOV R47, R62\nMOV R46, R4\nMOV R45, R1\nMOV R44, R6\nMOV R43, R3\nMOV R16, R24\nRET\n";
    } else {
        text += "\n";
    }
    text
}

/// Traps of rows that no program can see, with the reason.
const UNSEEN: &[(Opcode, TrapKind)] = &[
    // Return addresses lie in the private call stack, so a call takes no slot by itself.
    (Opcode::Call, TrapKind::StackOverflow),
    (Opcode::Calli, TrapKind::StackOverflow),
    (Opcode::CallReg, TrapKind::StackOverflow),
    (Opcode::Tailcall, TrapKind::StackOverflow),
];

fn plain_cases(coverage: &mut Coverage) {
    let floats = floats();
    let mut random = Random(0x5EED);
    for row in flux_abi::opcode::OPCODES.iter().filter(|row| is_plain(row)) {
        for _ in 0..CASES {
            let text = straight(row, &mut random, &floats);
            both(&text, &[], &settings(), || 10_000, coverage);
        }
    }
}

/// Branches: each way of each condition, by flags and by registers.
fn branch_cases(coverage: &mut Coverage) {
    let floats = floats();
    let mut random = Random(0xB4A);
    for row in flux_abi::opcode::OPCODES {
        if !matches!(row.flow, Flow::Branch | Flow::Jump) {
            continue;
        }
        let mut ways = [false; 2];
        for _ in 0..BRANCH_CASES {
            let pool = if random.below(2) == 0 { INTEGERS } else { &floats };
            let (a, b) = (random.pick(pool), random.pick(pool));
            let b = if random.below(4) == 0 { a } else { b };
            // LOOP falls through from 1 alone.
            let a = if random.below(8) == 0 { 1 } else { a };
            let set = random.pick(&[
                "CMP R20, R21",
                "FCMP R20, R21",
                "ISUB R22, R20, R21",
                "IADD R22, R20, R21",
                "TEST R20, R21",
                "IMUL R22, R20, R21",
                "IAND R22, R20, R21",
            ]);
            let operands: Vec<String> = row
                .operands
                .iter()
                .enumerate()
                .map(|(position, operand)| match operand {
                    Operand::Target => String::from("there"),
                    Operand::Select(kind) => random.pick(kind.choices()).1.to_string(),
                    Operand::I32 => (random.pick(INTEGERS) as i32).to_string(),
                    _ => format!("R{}", 20 + position),
                })
                .collect();
            let text = format!(
                "{HEAD}.function main results 1\nMOVI64 R20, {}\nMOVI64 R21, {}\n{set}\nMOVI R16, 1\n{} {}\n{}there:\nMOV R17, R20\nRET\n",
                a as i64,
                b as i64,
                row.name,
                operands.join(", "),
                if row.flow == Flow::Jump { "" } else { "MOVI R16, 2\n" },
            );
            match both(&text, &[], &settings(), || 3, coverage) {
                Outcome::Finished(way @ 1..=2) => ways[way as usize - 1] = true,
                other => panic!("{other:?}"),
            }
        }
        assert!(ways[0], "{} is never taken", row.name);
        assert!(ways[1] || row.flow == Flow::Jump, "{} is always taken", row.name);
    }
}

/// Programs for what does not fit a straight line; `{}` stands for a value.
const PROGRAMS: &[&str] = &[
    // Calls with stacked arguments, saved registers, views of the frame.
    ".function main results 1\nMOVI R8, 11\nPUSH R8\nPUSH_IMM -5\nMOVI R16, 1\nMOVI R17, 2\nMOVI R18, 3\nMOVI R19, 4\nCALL @six\nIADD R16, R16, R8\nRET\n.function six arguments 6 results 1\nPUSHR R8, R9\nSLOT_GET R8, -1\nSLOT_GET R9, -2\nISUB R20, R8, R9\nMOV R21, R1\nMOV R22, R6\nMOV R23, R2\nIADD R16, R20, R19\nSLOT_SET R16, -1\nSLOT_GET R24, 0\nPOPR R8, R9\nRET\n",
    ".function main results 1\nMOVI R16, {}\nCALLI R16, 0\nRET\n.function one results 1\nMOVI R16, 9\nRET\n.function two arguments 1 results 1\nRET\n",
    ".function main results 1\nMOVI R16, {}\nCALL_REG R16, 0\nRET\n.function one results 1\nMOVI R16, 9\nRET\n.function two arguments 1 results 1\nRET\n",
    ".function main results 1\nMOVI R20, 7\nPUSH R20\nMOVI R16, 1\nMOVI R17, 2\nMOVI R18, 3\nMOVI R19, 4\nCALL @five\nRET\n.function five arguments 5 results 1\nMOVI R16, 100\nTAILCALL @other\n.function other arguments 5 results 1\nSLOT_GET R20, -1\nIADD R16, R16, R20\nRET\n",
    // Endless recursion by each call.
    ".function main\nCALL @main\nRET\n",
    ".function main\nMOVI R16, 0\nCALLI R16, 0\nRET\n",
    ".function main\nMOVI R16, 1\nCALL_REG R16, 0\nRET\n",
    // Stack.
    ".function main results 1\nMOVI64 R20, {}\nPUSH R20\nPUSH_IMM -7\nSWAP\nDUP\nPOP R21\nPOP R22\nPOP R16\nMOV R23, R2\nRET\n",
    ".function main results 1\nMOVI R20, 3\nENTER 3\nSLOT_SET R20, 1\nSLOT_GET R21, 1\nSLOT_GET R22, 3\nMOV R23, R3\nPUSH R20\nSLOT_GET R24, 4\nLEAVE\nMOV R25, R3\nMOV R16, R21\nRET\n",
    ".function main results 1\nMOVI R20, 3\nSTACK_CHK 65535\nSTACK_ALLOC 70\nSLOT_SET R20, 69\nSLOT_GET R16, 68\nSLOT_GET R17, 69\nSTACK_FREE 70\nSTACK_ALLOC 70\nSLOT_GET R18, 69\nSTACK_FREE 70\nRET\n",
    ".function main results 1\nMOVI64 R20, {}\nMOVI R21, 1\nCMP R20, R21\nPUSHF\nTEST R20, R21\nMOV R22, R5\nPOPF\nMOV R16, R5\nPUSH R20\nPOPF\nMOV R17, R5\nRET\n",
    // Handlers.
    ".function main results 1\nCATCH caught\nMOVI64 R20, {}\nMOVI R21, 0\nIDIV R22, R20, R21\nCATCH 0\nMOVI R16, 1\nRET\ncaught:\nMOV R20, R16\nMOV R22, R5\nIADD R16, R20, R16\nRET\n",
    ".function main results 1\nCATCH caught\nPUSH_IMM 4\nCALL @deep\nSTACK_FREE 1\nCATCH 0\nMOVI R16, 1\nRET\ncaught:\nMOV R21, R2\nMOVI R20, {}\nEXCEPTION_RET R20\n.function deep\nPUSH_IMM 5\nFINALLY clean\nMOVI R20, 33\nTHROW R20\nclean:\nMOV R33, R16\nMOVI R20, 0\nEXCEPTION_RET R20\n",
    ".function main results 1\nMOVI R20, {}\nEXCEPTION_RET R20\n",
    ".function main results 1\nCATCH caught\nMOVI R20, 65\nTHROW R20\ncaught:\nCATCH again\nTRAP 11\nagain:\nMOVI R20, {}\nEXCEPTION_RET R20\n",
    ".function main results 1\nFINALLY clean\nFINALLY 0\nCATCH caught\nCATCH 0\nMOVI R16, 3\nRET\nclean:\nMOVI R20, 0\nEXCEPTION_RET R20\ncaught:\nRET\n",
    ".function main results 1\nMOVI R20, 5\nPUSH R20\nMOVI R16, 0\nMOVI R17, 0\nMOVI R18, 0\nMOVI R19, 0\nCALL @five\nMOVI R21, 8\nIADD R16, R16, R21\nRET\n.function five arguments 5 results 1\nCATCH caught\nTRAP 12\ncaught:\nMOVI R20, 0\nEXCEPTION_RET R20\n",
    // The trap handler function: stop, unwind, and what happens inside.
    ".function main results 1\nSET_HANDLER @handler\nCATCH caught\nMOVI R8, {}\nMOVI R21, 0\nIMOD R22, R21, R21\nMOVI R16, 1\nCATCH 0\nRET\ncaught:\nMOV R20, R16\nMOV R21, R56\nMOV R16, R8\nRET\n.function handler arguments 2\nMOV R40, R16\nMOV R41, R17\nMOV R42, R56\nMOV R43, R63\nMOV R44, R1\nRETI R8\n",
    ".function main results 1\nSET_HANDLER @handler\nTRAP {}\n.function handler arguments 2\nCALL @deeper\nMOVI R20, 1\nRETI R20\n.function deeper\nCATCH caught\nTRAP 10\ncaught:\nMOV R50, R16\nRET\n",
    ".function main results 1\nSET_HANDLER @handler\nCATCH caught\nTRAP 13\ncaught:\nMOVI R16, 4\nRET\n.function handler arguments 2\nEXPECT R0\nMOVI R20, 1\nRETI R20\n",
    ".function main results 1\nSET_HANDLER @handler\nMOVI R16, 1\nMOVI R17, 1\nCALL @handler\nMOVI R16, 4\nRET\n.function handler arguments 2\nMOVI R20, {}\nRETI R20\n",
    ".function main results 1\nSET_HANDLER @handler\nCATCH caught\nMOVI R20, 99\nCALL @throws\nCATCH 0\nMOVI R16, 0\nRET\ncaught:\nRET\n.function throws\nMOVI R20, {}\nTHROW R20\n.function handler arguments 2\nMOVI R20, 1\nRETI R20\n",
    // Traps that nothing catches.
    ".function main results 1\nCATCH caught\nTRAP {}\ncaught:\nMOVI R16, 4\nRET\n",
    // Host calls of irregular shape.
    ".function main results 1\nMOVI R16, {}\nMOVI R17, 3\nMOVI R18, 4\nMOVI R19, 5\nICALL 2\nMOV R20, R16\nMOVI R17, 3\nMOVI R18, 4\nMOVI R19, 5\nCALL_NATIVE 0\nMOVI R60, 105\nSYSCALL\nMOV R21, R16\nMOV R22, R61\nMOVI R60, 800\nSYSCALL\nMOV R23, R61\nRET\n",
    ".function main results 1\nLINK R20, 0\nTILE_LOAD R21, 0\nTILE_LOAD R22, 2\nTILE_COMPOSE R23, R21, R22\nMOVI R24, {}\nTILE_EXEC R16, R23, R24\nTILE_EXEC R25, R16, R24\nMOV R26, R61\nRET\n",
    ".function main results 1\nMOVI R20, 25\nREGION_MAP R21, R20, rw\nREGION_MAP R22, R20, rs\nMOVI R23, 8\nMOVI64 R24, {}\nSTORE_RM R23, R24, 1, 5\nLOAD_RM R16, R23, 2, 5\nREGION_DESTROY R21\nMOV R25, R61\nREGION_DESTROY R21\nMOV R26, R61\nLOAD_RM R27, R23, 2, 5\nMUNMAP R22\nLOAD_RM R27, R23, 2, 5\nRET\n",
    ".function main\nMOVI R20, 64\nREPLY R20, R20\nREPLY R20, R20\nRET\n",
    // Gas.
    ".function main results 1\nMOVI R20, {}\nGAS_INIT R20\nMOVI R21, 0\nagain:\nINC R21, R21\nMOV R22, R57\nTICKS R23, gas\nJMP again\n",
    // Allocation: state is given back, and only what was given.
    ".function main results 1\nMOVI R20, {}\nALLOC R21, R20, state\nALLOC R22, R20, state\nSTATE_FREE R21\nALLOC R23, R20, state\nALLOC R24, R20, arena\nALLOC R25, R20, arena\nSTATE_FREE R0\nISUB R16, R23, R21\nMOV R26, R59\nSTATE_FREE R25\nRET\n",
    ".function main results 1\nMOVI R20, {}\nagain:\nALLOC R21, R20, arena\nJMP again\n",
    ".function main results 1\nMOVI R20, 16\nTEXT R21, R20, R20, concat\nagain:\nTEXT R21, R21, R21, concat\nTEXT R22, R21, R0, len\nJMP again\n",
    // LOOP, also over R0.
    ".function main results 1\nMOVI R20, {}\nANDI R20, R20, 15\nMOVI R16, 0\nagain:\nINC R16, R16\nMOVI R21, 20\nBR_EQ R16, R21, out\nLOOP R20, again\nout:\nRET\n",
    ".function main results 1\nMOVI R16, 0\nagain:\nINC R16, R16\nMOVI R21, 20\nBR_EQ R16, R21, out\nLOOP R0, again\nMOVI R16, 99\nout:\nRET\n",
    // The least number divided by -1.
    ".function main results 1\nMOVI64 R20, -9223372036854775808\nMOVI R21, -1\nIDIV R16, R20, R21\nRET\n",
    ".function main results 1\nMOVI64 R20, -9223372036854775808\nMOVI R21, -1\nIMOD R16, R20, R21\nRET\n",
    // Fused pairs.
    ".function main results 1\nMOVI R20, 0\nMOVI R16, 0\nMOVI R21, 9\nagain:\nTADD R16, R16, R20, i64\nTADDI R20, R20, 1\nBR_LT R20, R21, again\nmore:\nTADDI R20, R20, -1\nBR_CMPI R20, ge, 3, more\nyet:\nTADDI R20, R20, 2\nBR_NE R20, R21, odd\nRET\nodd:\nTADDI R20, R20, 1\nBR_CMPI R20, lt, 20, yet\nMOVI64 R22, 9223372036854775800\nagain2:\nTADDI R22, R22, 1\nJMP again2\n",
];

fn program_cases(coverage: &mut Coverage) {
    let mut random = Random(0x9406);
    for program in PROGRAMS {
        let values =
            [0, 1, 2, 3, 4, 5, 6, 11, 14, 24, 50, 100, 600, 1000, -1, 2_000_000_000, i64::from(i32::MIN)];
        for value in values {
            if !program.contains("{}") && value != 0 {
                continue;
            }
            // TRAP takes an unsigned half word.
            let value = if program.contains("TRAP {}") { value.clamp(0, 65535) } else { value };
            let text = format!("{HEAD}{}", program.replace("{}", &value.to_string()));
            both(&text, &[], &settings(), || 1 + random.below(60), coverage);
        }
    }
    // The last slot but one is taken, then the last, then the instruction wants another.
    let full = ["PUSH R20", "PUSH_IMM 4", "DUP", "PUSHF", "PUSHR R20, R20", "STACK_ALLOC 1", "STACK_CHK 1"];
    for line in full {
        let free = if line.starts_with("STACK_CHK") { 1 } else { 2 };
        let text = format!(
            "{HEAD}.function main\nSTACK_ALLOC 65535\nCALL @callee\nSTACK_FREE 65535\nRET\n.function callee\nMOVI R20, 1\nPUSH R20\n{line}\nSTACK_FREE {free}\nRET\n"
        );
        both(&text, &[], &settings(), || 100, coverage);
    }
    let every: String = (7..=55).map(|register| format!("MOVI R{register}, {register}\n")).collect();
    let text = format!(
        "{HEAD}.function main results 1\n{every}PUSHA\nMOVI R20, 0\nMOVI R55, 0\nPOPA\nMOV R16, R55\nRET\n"
    );
    assert_eq!(both(&text, &[], &settings(), || 100, coverage), Outcome::Finished(55));
    for line in ["PUSHA", "ENTER 1"] {
        let leave = if line == "PUSHA" { "POPA" } else { "LEAVE" };
        let text = format!(
            "{HEAD}.function main\nSTACK_ALLOC 65535\nCALL @callee\nSTACK_FREE 65535\nRET\n.function callee\n{every}{line}\n{leave}\nRET\n"
        );
        both(&text, &[], &settings(), || 100, coverage);
    }
}

#[test]
fn every_opcode_does_what_the_model_does_and_raises_each_trap_of_its_row() {
    let mut coverage = Coverage::default();
    program_cases(&mut coverage);
    branch_cases(&mut coverage);
    plain_cases(&mut coverage);
    // GAS_CHECK with nothing left.
    let poor = flux_vm::checked::Settings { gas: 3, ..settings() };
    let text = format!("{HEAD}.function main\nagain:\nGAS_CHECK 2\nJMP again\n");
    both(&text, &[], &poor, || 100, &mut coverage);
    let mut missing = Vec::new();
    for row in flux_abi::opcode::OPCODES {
        if !coverage.executed.contains(&row.opcode) {
            missing.push(format!("{} has no case", row.name));
        }
        for trap in row.traps {
            let seen = coverage.trapped.contains(&(row.opcode, *trap));
            if seen == UNSEEN.contains(&(row.opcode, *trap)) {
                missing.push(format!("{} {}: seen {seen}", row.name, trap.name()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
