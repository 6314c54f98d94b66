//! Each rule of the code: one program that keeps it, one or more that break it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics fails")]

mod common;

use common::{accepted, body, module, offset, problem, refused};
use flux_abi::capability::{CapabilityKind, CapabilitySet};
use flux_abi::limits;
use flux_isa::flow::FlowError;
use flux_isa::{Instruction, LinkKind};
use flux_verify::{Place, Problem};

fn flow(module: flux_isa::Module) -> FlowError {
    match problem(module) {
        Problem::Flow(error) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn an_error_names_function_offset_instruction_and_what_was_expected() {
    let error = refused(body("B 0 0\nNOP\nMOV R20, R21\nHALT"));
    assert_eq!(
        error.to_string(),
        "function 0 `f`, offset 3, MOV: R21 is read but not written on every way here"
    );
    assert!(matches!(error.place, Place::Code { function: 0, .. }));
}

#[test]
fn entries_stand_at_block_starts_and_nowhere_else() {
    accepted(body("B 0 0\nJMP a\na:\nB 0 0\nHALT"));
    assert_eq!(problem(body("GAS_CHECK 9\nHALT")), Problem::EntryMissing);
    assert_eq!(problem(body("B 0 0\nHALT\nNOP\nHALT")), Problem::EntryMissing);
    assert_eq!(problem(body("B 0 0\nMOVI R20, 1\nBRZ R20, 0\nHALT")), Problem::EntryMissing);
    assert_eq!(problem(body("B 0 0\nJMP 4\nNOP\nHALT")), Problem::Target { target: 4 });
    assert_eq!(problem(body("B 0 0\n.entry at 3\nMOVI R20, 1\nHALT")), Problem::EntryInside { entry: 3 });
    assert_eq!(problem(body("B 0 0\nJMP 0\n.entry at 3")), Problem::EntryInside { entry: 3 });
    // Also where a block follows that has its own.
    let followed = "B 0 0\n.entry at 3\nMOVI R20, 1\nJMP a\na:\nB 0 0\nHALT";
    assert_eq!(problem(body(followed)), Problem::EntryInside { entry: 3 });
    // One further on does not stand for the first one.
    assert_eq!(problem(body("GAS_CHECK 9\nJMP a\na:\nB 1 0\nHALT")), Problem::EntryMissing);
}

#[test]
fn blocks_of_a_function_are_limited() {
    let blocks = |count: usize| body(&format!("{}HALT", "B 0 0\nNOP\n".repeat(count)));
    accepted(blocks(limits::BLOCKS));
    let count = limits::BLOCKS as u64 + 1;
    let problem = problem(blocks(limits::BLOCKS + 1));
    assert_eq!(problem, Problem::TooMany { what: "blocks in a function", count, limit: count - 1 });
}

#[test]
fn work_is_counted_by_rows_entries_instructions_and_edges() {
    let straight = accepted(body("B 0 0\nNOP\nHALT"));
    // 1 parameter, 3 links, 1 timer, 4 signatures, 1 function, 1 entry; then 1 entry and 3 instructions.
    assert_eq!(straight.steps(), 11 + 4);
    let jump = accepted(body("B 0 0\nJMP a\na:\nB 0 0\nHALT"));
    assert_eq!(jump.steps(), 12 + 2 + 4 + 1);
}

#[test]
fn a_function_starts_with_its_arguments_and_nothing_else() {
    accepted(module(".function f signature 1\nB 0 0 R8-R16\nRET"));
    let start = |entry: &str| problem(module(&format!(".function f signature 1\nB {entry}\nHALT")));
    assert_eq!(start("1 0"), Problem::FunctionStart);
    assert_eq!(start("0 1"), Problem::FunctionStart);
    assert_eq!(start("0 0 R17"), Problem::FunctionStart);
    assert_eq!(start("0 0 R7"), Problem::FunctionStart);
    assert!(matches!(start("0 0 R3"), Problem::EntryMask { .. }));
    assert!(matches!(start("0 0 R60"), Problem::EntryMask { .. }));
    assert!(matches!(start("0 0 R0"), Problem::EntryMask { .. }));
}

#[test]
fn no_function_falls_off_its_end() {
    assert_eq!(problem(body("B 0 0\nNOP")), Problem::FallsOff);
    assert_eq!(problem(body("B 0 0\nMOVI R20, 1\nBRZ R20, 0")), Problem::FallsOff);
    let off = module(".function f signature 0\nB 0 0\nNOP\n.function g signature 0\nB 0 0\nHALT");
    assert_eq!(problem(off), Problem::FallsOff);
    let mut cut = module(".function f signature 0\nB 0 0\nJMP 0\n.function g signature 0\nB 0 0\nHALT");
    cut.functions[0].length = 3;
    cut.functions[1].offset = 3;
    cut.functions[1].length = 4;
    assert_eq!(problem(cut), Problem::Straddles { end: 3 });
}

#[test]
fn edges_agree_with_the_entry_they_lead_to() {
    accepted(body("B 0 0\nPUSH_IMM 1\nJMP a\na:\nB 1 0\nSTACK_FREE 1\nRET"));
    let edge =
        |before: &str, entry: &str| flow(body(&format!("B 0 0\n{before}\nJMP a\na:\nB {entry}\nHALT")));
    assert!(matches!(edge("NOP", "1 0"), FlowError::EdgeStack { depth: 0, declared: 1, .. }));
    assert!(matches!(edge("PUSH_IMM 1", "0 0"), FlowError::EdgeStack { depth: 1, declared: 0, .. }));
    assert!(matches!(edge("NOP", "0 1"), FlowError::EdgeHandlers { handlers: 0, declared: 1, .. }));
    assert!(matches!(edge("PUSH_IMM 1", "1 0 R3"), FlowError::EdgeFrame { declared: true, .. }));
    assert!(matches!(edge("ENTER 0", "1 0"), FlowError::EdgeFrame { declared: false, .. }));
    assert!(matches!(edge("NOP", "0 0 R20"), FlowError::EdgeRegister { register: 20, .. }));
    // The same where a block is fallen into.
    let falls = body("B 0 0\nNOP\nB 0 0 R20\nHALT");
    assert!(matches!(flow(falls), FlowError::EdgeRegister { register: 20, .. }));
    // And on the way that does not branch.
    let branch = body("B 0 0\nMOVI R20, 1\nBRZ R20, a\nB 0 0 R21\nHALT\na:\nB 0 0\nHALT");
    assert!(matches!(flow(branch), FlowError::EdgeRegister { register: 21, .. }));
}

#[test]
fn a_block_knows_only_what_its_entry_says() {
    let text = "B 0 0\nMOVI R20, 1\nJMP a\na:\nB 0 0\nMOV R21, R20\nHALT";
    assert_eq!(flow(body(text)), FlowError::Unwritten(20));
}

#[test]
fn registers_are_written_before_they_are_read() {
    accepted(body("B 0 0\nMOVI R20, 1\nIADD R21, R20, R0\nMOV R22, R61\nMOV R23, R6\nHALT"));
    assert_eq!(flow(body("B 0 0\nIADD R21, R0, R20\nHALT")), FlowError::Unwritten(20));
    assert_eq!(flow(body("B 0 0\nLOOP R20, 0\nB 0 0\nHALT")), FlowError::Unwritten(20));
    assert_eq!(flow(body("B 0 0\nMOV R20, R60\nHALT")), FlowError::Unwritten(60));
    let group = "B 0 0\nMOVI R20, 1\nVEC_SPLAT R8, R20\nVEC_ADD R12, R8, R8\nMOV R24, R15\nHALT";
    accepted(body(group));
    assert_eq!(flow(body("B 0 0 R8-R11\nVEC_ADD R12, R8, R16\nHALT")), FlowError::Unwritten(16));
    assert_eq!(flow(body("B 0 0 R8-R10\nVEC_ADD R12, R8, R8\nHALT")), FlowError::Unwritten(11));
}

#[test]
fn slots_are_there_before_they_are_taken() {
    accepted(body("B 0 0\nSTACK_ALLOC 3\nDUP\nSWAP\nPOP R20\nSTACK_FREE 3\nRET"));
    for (text, needed, depth) in [
        ("POP R20", 1, 0),
        ("POPF", 1, 0),
        ("DUP", 1, 0),
        ("PUSH_IMM 1\nSWAP", 2, 1),
        ("STACK_ALLOC 2\nSTACK_FREE 3", 3, 2),
        ("STACK_ALLOC 48\nPOPA", 49, 48),
        ("STACK_ALLOC 1\nPOPR R20, R21", 2, 1),
    ] {
        let found = flow(body(&format!("B 0 0\n{text}\nHALT")));
        assert_eq!(found, FlowError::Underflow { needed, depth }, "{text}");
    }
    let large = flow(body("B 0 0\nSTACK_ALLOC 65535\nPUSH_IMM 1\nHALT"));
    assert_eq!(large, FlowError::FrameSize(65_536));
    assert_eq!(accepted(body("B 0 0\nSTACK_ALLOC 65535\nHALT")).frame_slots(0), 65_535);
}

#[test]
fn ranges_and_all_registers_move_as_they_say() {
    let all = "B 0 0 R8-R15\nPUSHR R8, R15\nPOPR R20, R27\nIADD R30, R20, R27\nRET";
    accepted(body(all));
    assert_eq!(flow(body("B 0 0 R8-R15\nPUSHR R8, R16\nHALT")), FlowError::Unwritten(16));
    assert_eq!(flow(body("B 0 0\nPUSHA\nHALT")), FlowError::Unwritten(7));
    let popa = accepted(body("B 0 0\nSTACK_ALLOC 49\nPOPA\nPUSHA\nSTACK_FREE 49\nRET"));
    assert_eq!(popa.frame_slots(0), 49);
}

#[test]
fn slots_are_numbered_within_the_frame_and_its_stacked_arguments() {
    let with = |text: &str| module(&format!(".function f signature 2\nB 0 0 R16-R19\n{text}\nHALT"));
    accepted(with("SLOT_GET R20, -2\nSLOT_SET R20, -1\nPUSH R20\nSLOT_SET R20, 0"));
    for text in ["SLOT_GET R20, -3", "SLOT_GET R20, 0", "PUSH R16\nSLOT_SET R16, 1"] {
        assert!(matches!(flow(with(text)), FlowError::Slot { .. }), "{text}");
    }
}

#[test]
fn enter_and_leave_keep_the_callers_base_pointer() {
    accepted(body("B 0 0\nENTER 2\nSLOT_SET R0, 1\nJMP a\na:\nB 3 0 R3\nPUSH_IMM 1\nLEAVE\nRET"));
    assert_eq!(flow(body("B 0 0\nLEAVE\nRET")), FlowError::Leave);
    assert_eq!(flow(body("B 0 0\nPUSH_IMM 1\nENTER 0\nHALT")), FlowError::Enter(1));
    assert_eq!(flow(body("B 0 0\nENTER 0\nENTER 0\nHALT")), FlowError::Enter(1));
    assert_eq!(flow(body("B 0 0\nENTER 0\nPOP R20\nHALT")), FlowError::Underflow { needed: 1, depth: 0 });
    assert!(matches!(flow(body("B 0 0\nENTER 0\nSLOT_SET R0, 0\nHALT")), FlowError::Slot { own: 1, .. }));
    assert!(matches!(flow(body("B 0 0\nENTER 65535\nHALT")), FlowError::FrameSize(65_536)));
    assert!(matches!(flow(body("B 0 0\nENTER 0\nRET")), FlowError::FrameLeft { open: true, .. }));
}

#[test]
fn a_frame_is_left_as_it_was_found() {
    accepted(module(".function f signature 1\nB 0 0 R16\nRET"));
    assert!(matches!(flow(body("B 0 0\nPUSH_IMM 1\nRET")), FlowError::FrameLeft { depth: 1, .. }));
    let handler = "B 0 0\nCATCH h\nRET\nh:\nB 0 0\nHALT";
    assert!(matches!(flow(body(handler)), FlowError::FrameLeft { handlers: 1, .. }));
    let result = module(".function f signature 1\nB 0 0\nRET");
    assert_eq!(flow(result), FlowError::Unwritten(16));
}

#[test]
fn calls_find_their_arguments_and_leave_what_the_rules_say() {
    let call = |setup: &str, after: &str| {
        module(&format!(
            ".function f signature 0\nB 0 0\n{setup}\nCALL @g\n{after}\nHALT\n.function g signature 2\nB 0 0 R16-R19\nRET"
        ))
    };
    let four = "MOVI R16, 1\nMOVI R17, 1\nMOVI R18, 1\nMOVI R19, 1\nMOVI R8, 1\nMOVI R20, 1\nMOVI R7, 1";
    let six = format!("{four}\nPUSH R16\nPUSH R16");
    accepted(call(&six, "MOV R20, R16\nMOV R20, R8"));
    assert_eq!(flow(call(&six, "MOV R21, R17")), FlowError::Unwritten(17));
    assert_eq!(flow(call(&six, "MOV R21, R20")), FlowError::Unwritten(20));
    assert_eq!(flow(call(&six, "MOV R21, R7")), FlowError::Unwritten(7));
    assert_eq!(flow(call(&six, "POP R20")), FlowError::Underflow { needed: 1, depth: 0 });
    assert_eq!(flow(call(four, "")), FlowError::Underflow { needed: 2, depth: 0 });
    assert_eq!(flow(call("MOVI R16, 1\nPUSH R16\nPUSH R16", "")), FlowError::Unwritten(17));
    let missing = problem(body("B 0 0\nCALL 1\nHALT"));
    assert_eq!(missing, Problem::NoSuch { table: "function", number: 1, count: 1 });
    // A call without result leaves R16 unwritten.
    let none = "B 0 0\nMOVI R16, 1\nCALL 0\nMOV R20, R16\nHALT";
    assert_eq!(flow(body(none)), FlowError::Unwritten(16));
    // Nor does a system call's number outlive a call.
    let number = "B 0 0\nMOVI R60, 105\nCALL 0\nSYSCALL\nHALT";
    assert_eq!(flow(body(number)), FlowError::SyscallNumber);
}

#[test]
fn indirect_calls_follow_their_signature() {
    accepted(body("B 0 0\nMOVI R16, 1\nMOVI R20, 0\nCALLI R20, 1\nMOV R21, R16\nHALT"));
    accepted(body("B 0 0\nMOVI R20, 0\nCALL_REG R20, 0\nHALT"));
    assert_eq!(flow(body("B 0 0\nMOVI R20, 0\nCALLI R20, 1\nHALT")), FlowError::Unwritten(16));
    let missing = problem(body("B 0 0\nMOVI R20, 0\nCALL_REG R20, 4\nHALT"));
    assert_eq!(missing, Problem::NoSuch { table: "signature", number: 4, count: 4 });
}

#[test]
fn tail_calls_keep_the_shape_of_the_frame() {
    let tail = |from: &str, setup: &str, to: &str| {
        module(&format!(
            ".function f signature {from}\nB 0 0 R8-R15\n{setup}\nTAILCALL 1\n.function g signature {to}\nB 0 0\nHALT"
        ))
    };
    accepted(tail("0", "", "0"));
    accepted(tail("1", "MOVI R16, 1\nMOVI R17, 1", "3"));
    assert!(matches!(flow(tail("0", "", "1")), FlowError::TailShape { .. }));
    assert!(matches!(flow(tail("1", "MOVI R16, 1", "2")), FlowError::TailShape { .. }));
    assert_eq!(flow(tail("1", "MOVI R16, 1", "3")), FlowError::Unwritten(17));
    assert!(matches!(flow(tail("0", "PUSH_IMM 1", "0")), FlowError::FrameLeft { .. }));
}

#[test]
fn system_calls_are_constants_of_their_block() {
    accepted(body("B 0 0\nMOVI R60, 105\nSYSCALL\nMOV R20, R16\nHALT"));
    accepted(body("B 0 0\nMOVI64 R60, 105\nSYSCALL\nSYSCALL\nHALT"));
    assert_eq!(flow(body("B 0 0\nSYSCALL\nHALT")), FlowError::SyscallNumber);
    assert_eq!(flow(body("B 0 0\nMOVI R60, 105\nMOV R60, R0\nSYSCALL\nHALT")), FlowError::SyscallNumber);
    assert_eq!(flow(body("B 0 0\nMOVI R60, 105\nJMP a\na:\nB 0 0\nSYSCALL\nHALT")), FlowError::SyscallNumber);
    assert_eq!(flow(body("B 0 0\nMOVI R60, -1\nSYSCALL\nHALT")), FlowError::SyscallNumber);
    assert_eq!(flow(body("B 0 0\nMOVI R60, 106\nSYSCALL\nHALT")), FlowError::Syscall(106));
    // SYS_A2A_SEND takes two arguments.
    assert_eq!(flow(body("B 0 0\nMOVI R16, 1\nMOVI R60, 300\nSYSCALL\nHALT")), FlowError::Unwritten(17));
    let spawn = body("B 0 0\nMOVI R16, 1\nMOVI R17, 1\nMOVI R60, 100\nSYSCALL\nHALT");
    assert_eq!(problem(spawn), Problem::Capability(CapabilityKind::Spawn));
}

#[test]
fn handlers_start_from_the_frame_of_their_catch() {
    let text = |entry: &str| {
        body(&format!(
            "B 0 0\nPUSH_IMM 1\nCATCH h\nPUSH_IMM 2\nSTACK_FREE 1\nCATCH 0\nSTACK_FREE 1\nRET\nh:\nB {entry}\nHALT"
        ))
    };
    accepted(text("1 0 R8-R16"));
    accepted(text("1 0"));
    assert!(matches!(flow(text("0 0")), FlowError::EdgeStack { .. }));
    assert!(matches!(flow(text("1 1")), FlowError::EdgeHandlers { .. }));
    assert!(matches!(flow(text("1 0 R17")), FlowError::EdgeRegister { register: 17, .. }));
    assert!(matches!(flow(text("1 0 R3")), FlowError::EdgeFrame { .. }));
    assert_eq!(flow(body("B 0 0\nCATCH 0\nHALT")), FlowError::NoHandler);
    assert_eq!(flow(body("B 0 0\nFINALLY 0\nHALT")), FlowError::NoHandler);
    assert_eq!(problem(body("B 0 0\nCATCH 2\nHALT")), Problem::Target { target: 2 });
    let many = format!("B 0 0\n{}HALT\nh:\nB 0 0\nHALT", "GAS_CHECK 9\nCATCH h\nCATCH 0\n".repeat(300));
    accepted(body(&many));
    let nested: String = (0..=255).map(|depth| format!("GAS_CHECK 9\nFINALLY h{depth}\n")).collect();
    let ends: String = (0..=255).map(|depth| format!("h{depth}:\nB 0 {depth}\nHALT\n")).collect();
    assert_eq!(flow(body(&format!("B 0 0\n{nested}HALT\n{ends}"))), FlowError::HandlerDepth);
}

#[test]
fn the_stack_does_not_sink_below_an_active_handler() {
    let text = "B 0 0\nPUSH_IMM 1\nCATCH h\nPOP R20\nPUSH_IMM 2\nCATCH 0\nPOP R20\nRET\nh:\nB 1 0\nHALT";
    assert_eq!(problem(body(text)), Problem::HandlerStack { handler: 1, least: 0 });
    // Not even in a block of its own.
    let text = "B 0 0\nPUSH_IMM 1\nCATCH h\nJMP a\na:\nB 1 1\nPOP R20\nHALT\nh:\nB 1 0\nHALT";
    assert_eq!(problem(body(text)), Problem::HandlerStack { handler: 1, least: 0 });
}

#[test]
fn trap_handlers_take_two_arguments_and_end_with_reti() {
    let with = |handler: &str| {
        module(&format!(".function f signature 0\nB 0 0\nSET_HANDLER 1\nRET\n.function h {handler}"))
    };
    accepted(with("signature 3\nB 0 0 R16-R17\nRETI R16"));
    accepted(with("signature 3\nB 0 0 R16-R17\nHALT"));
    assert_eq!(problem(with("signature 1\nB 0 0 R16\nRETI R16")), Problem::HandlerShape(1));
    assert_eq!(problem(with("signature 3\nB 0 0 R16\nRET")), Problem::HandlerReturn);
    // It ended the function as a RET would: the trapped function went on with registers unwritten.
    assert_eq!(problem(with("signature 3\nB 0 0 R16-R17\nEXCEPTION_RET R16")), Problem::HandlerReturn);
    let error = refused(body("B 0 0\nRETI R0"));
    assert_eq!((offset(&error), error.problem), (Some(2), Problem::HandlerReturn));
}

#[test]
fn every_block_is_charged_for_what_it_does() {
    assert_eq!(problem(body(".entry\nHALT")), Problem::GasMissing);
    assert_eq!(problem(body(".entry\nGAS_CHECK 0\nHALT")), Problem::GasMissing);
    let fill =
        |gas: u32, count: usize| body(&format!(".entry\nGAS_CHECK {gas}\n{}HALT", "NOP\n".repeat(count - 1)));
    accepted(fill(1, 32));
    assert_eq!(problem(fill(1, 33)), Problem::GasCover { limit: 32 });
    accepted(fill(3, 64));
    assert_eq!(problem(fill(3, 65)), Problem::GasCover { limit: 64 });
    accepted(fill(u32::MAX, 1000));
    let again = format!(".entry\nGAS_CHECK 1\n{0}GAS_CHECK 1\n{0}HALT", "NOP\n".repeat(31));
    accepted(body(&again));
}

#[test]
fn capabilities_are_declared_before_they_are_used() {
    accepted(body("B 0 0\nIO_READ R20, R0\nTELL R0, R0, R0\nHALT"));
    let write = body("B 0 0\nIO_WRITE R0, R0\nHALT");
    assert_eq!(problem(write.clone()), Problem::Capability(CapabilityKind::IoWrite));
    accepted(flux_isa::Module { capabilities: CapabilitySet::ALL, ..write });
    let mut network = body("B 0 0\nTELL R0, R0, R0\nHALT");
    network.capabilities = CapabilitySet::EMPTY.with(CapabilityKind::Network);
    accepted(network);
}

#[test]
fn numbers_name_rows_of_their_tables() {
    accepted(body(
        "B 0 0\nLINK R20, 2\nPARAM R20, 0\nPACER R20, 0\nTILE_LOAD R20, 1\nMODULE_IMPORT R20, 2\nHALT",
    ));
    for (text, table, number, count) in
        [("LINK R20, 3", "link", 3, 3), ("PARAM R20, 1", "parameter", 1, 1), ("PACER R20, 1", "timer", 1, 1)]
    {
        let found = problem(body(&format!("B 0 0\n{text}\nHALT")));
        assert_eq!(found, Problem::NoSuch { table, number, count }, "{text}");
    }
    let all = "MOVI R16, 1\nMOVI R17, 1\nMOVI R18, 1\nMOVI R19, 1";
    accepted(body(&format!("B 0 0\n{all}\nICALL 1\nCALL_NATIVE 1\nMOV R20, R16\nHALT")));
    assert_eq!(flow(body("B 0 0\nICALL 1\nHALT")), FlowError::Unwritten(16));
    let kind = problem(body(&format!("B 0 0\n{all}\nICALL 0\nHALT")));
    assert_eq!(kind, Problem::LinkKind { number: 0, given: LinkKind::Device, wanted: LinkKind::Function });
    let kind = problem(body("B 0 0\nMODULE_IMPORT R20, 1\nHALT"));
    assert_eq!(kind, Problem::LinkKind { number: 1, given: LinkKind::Function, wanted: LinkKind::Module });
}

#[test]
fn every_opcode_is_judged_by_its_row() {
    use flux_abi::opcode::OPCODES;
    for row in OPCODES {
        // Whatever the operands are, the bare instruction is refused or accepted, never a panic; and
        // one that reads a temporary is refused.
        let values: Vec<i64> = row.operands.iter().map(|o| if o.reads() { 20 } else { 8 }).collect();
        let Ok(instruction) = Instruction::new(row.opcode, &values) else { continue };
        let mut module = body("B 0 0\nHALT");
        module.capabilities = CapabilitySet::ALL;
        module.code.truncate(2);
        instruction.encode_into(&mut module.code);
        module.code.push(1);
        module.functions[0].length = u32::try_from(module.code.len()).unwrap();
        let reads = row.operands.iter().any(|operand| operand.reads());
        assert!(!reads || flux_verify::verify(module).is_err(), "{}", row.name);
    }
}
