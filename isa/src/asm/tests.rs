use super::*;
use crate::flow::SAVED;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;

fn problems(text: &str) -> Vec<(u32, u32, AsmProblem)> {
    let errors = assemble(text).unwrap_err();
    errors.into_iter().map(|error| (error.line, error.column, error.problem)).collect()
}

#[test]
fn gas_and_entries_are_added_where_the_text_has_none() {
    let module = assemble(
        ".function f arguments 1 results 1\nBRZ R16, zero\nMOVI R16, 7\nunused: RET\nzero: MOVI R16, 9\nRET\n",
    )
    .unwrap();
    let gas: Vec<_> = module.entries.iter().map(|entry| module.code[entry.offset as usize + 1]).collect();
    assert_eq!(gas, [1, 2, 2]);
    assert_eq!(module.entries[1].written, SAVED | 1 << 16);
    let mut offsets = module.entries.iter().map(|entry| entry.offset);
    assert!(offsets.all(|at| module.code[at as usize] == 0xAF));
}

#[test]
fn a_written_charge_is_kept() {
    let module = assemble(".function f\ntop: GAS_CHECK 5\nJMP top\n").unwrap();
    assert_eq!(module.code, [0xAF, 5, 0x40, 0]);
}

#[test]
fn nothing_is_added_when_told_so() {
    let options = AssembleOptions { completion: Completion::Nothing, ..AssembleOptions::default() };
    let module = assemble_with(".function f\nHALT\n", options).unwrap();
    assert_eq!((module.code.as_slice(), module.entries.len()), ([1u32].as_slice(), 0));
    assert_eq!(assemble(".exact\n.function f\nHALT\n").unwrap(), module);
    let given = assemble(".function f\n.entry written R8-R15\nHALT\n").unwrap();
    assert_eq!(given.entries, [crate::Entry { written: SAVED, ..Default::default() }]);
    assert_eq!(given.code, [1]);
}

#[test]
fn several_errors_come_with_line_column_and_hint() {
    let text =
        ".function f\n  IAD R1, R2, R3\n  MOVI R16 5\n  MOV R4, R16\n  JMP nowhere\n.nam \"x\"\n  RET\n";
    let errors = assemble(text).unwrap_err();
    let shown: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "line 2, column 3: unknown instruction IAD (did you mean IADD?)",
            "line 3, column 12: a comma wanted, `5` found",
            "line 4, column 7: register R4 is read-only and cannot be a destination",
            "line 5, column 7: label nowhere is bound nowhere in this function",
            "line 6, column 1: unknown directive .nam (did you mean .name?)",
        ]
    );
}

#[test]
fn what_cannot_be_completed_names_the_instruction() {
    let found = problems(".function f results 1\n  NOP\n  RET\n");
    let unwritten = crate::flow::FlowError::Unwritten(16);
    assert_eq!(found, [(3, 3, AsmProblem::Block(BlockProblem::Flow(unwritten)))]);
    let found = problems(".function f\n  HALT\n  NOP\n  HALT\n");
    assert_eq!(found, [(3, 3, AsmProblem::Block(BlockProblem::Unreachable))]);
    let found = problems(".function f\n  NOP\n");
    assert_eq!(found, [(2, 3, AsmProblem::Block(BlockProblem::FallsOff))]);
    assert_eq!(problems(".function f\n"), [(1, 1, AsmProblem::Block(BlockProblem::FallsOff))]);
    assert_eq!(problems(".function f\n JMP 0\n"), [(2, 6, AsmProblem::NumericTarget)]);
    assert_eq!(problems("NOP\n"), [(1, 1, AsmProblem::Outside)]);
}

#[test]
fn numbers_operands_and_names_are_checked() {
    let one = |text: &str| problems(&format!(".function f\n.function f\n{text}\nHALT")).remove(0).2;
    assert!(matches!(one("MOVI R16, 2147483648"), AsmProblem::Number { value: 2_147_483_648, .. }));
    assert!(matches!(one("MOVI R64, 1"), AsmProblem::Choice { .. }));
    assert!(matches!(one("MOVI R16"), AsmProblem::Operands { given: 1, wanted: 2 }));
    assert!(matches!(one("RET 1"), AsmProblem::Operands { given: 1, wanted: 0 }));
    assert!(matches!(one("EXTEND R16, R16, q8"), AsmProblem::Choice { .. }));
    assert!(matches!(one("CALL @f"), AsmProblem::FunctionTwice(_)));
    assert!(matches!(one("CALL @g"), AsmProblem::Function(_)));
    assert!(matches!(one("x: NOP\nx: NOP"), AsmProblem::LabelTwice(_)));
    assert!(matches!(one(".hex 0"), AsmProblem::Hex));
    assert!(matches!(one(".hex +1"), AsmProblem::Hex));
    assert!(matches!(one(".name \"\\xff\""), AsmProblem::Utf8));
    assert!(matches!(one(".name \"\\q\""), AsmProblem::Escape));
    assert!(matches!(one(".name \"x"), AsmProblem::OpenText));
    assert!(matches!(one(".zero 4294967295"), AsmProblem::Limit { .. }));
    assert!(matches!(one("LOADX R16, R17, R18, w64, 4, 0"), AsmProblem::Operand(OperandError::Shift(4))));
}

#[test]
fn errors_stop_at_the_limit() {
    let text = "?\n".repeat(100_000);
    assert_eq!(assemble(&text).unwrap_err().len(), DIAGNOSTICS);
}

#[test]
fn immediates_of_64_bits_may_be_floats_and_unsigned() {
    let module = assemble(
        ".exact\n.function f\nMOVI64 R16, -1.5\nMOVI64 R16, 0xFFFF_FFFF_FFFF_FFFF\nMOVI64 R16, -2\nHALT",
    )
    .unwrap();
    let bits = (-1.5f64).to_bits();
    assert_eq!(module.code[1..3], [0, (bits >> 32) as u32]);
    assert_eq!(module.code[4..6], [u32::MAX, u32::MAX]);
    assert_eq!(module.code[7..9], [u32::MAX - 1, u32::MAX]);
}

#[test]
fn a_directive_for_each_part_of_a_module() {
    let module = assemble(
        r#"
        .name "a\"\\\n\x01ü" ; comment "
        .version "1" .
        "#,
    );
    assert!(module.is_err());
    let module = assemble(
        r#"
        .name "a\"\\\n\x01ü" ; comment "
        .version "1.0.0"
        .title "T; t"
        .period 5
        .heartbeat 6
        .priority 7
        .memory 0x1000
        .gas 99
        .subscribe "news"
        .capability IO_READ COMMUNICATE
        .zero 8
        .text "hello"
        .hex 00ff
        .state 24 scratch 64
        .field "count" 0 "l"
        .parameter "threshold" "d" default "\xff30" help "limit"
        .parameter "room" "s"
        .parameter "spans" "[{dd}" name "Span" name "low" name "high" default "[]"
        .link device "i2c:0x48" channel "temp" rights r
        .link agent "cloud"
        .signature 1 1
        .timer "Loop" 60_000_000_000 ordinal 2
        .export handler "warn" function @"on warn" arguments "l" result "l"
        .export every "" function 1 interval 5
        .function "on warn" signature 0
        .line 3
            RET
        .function tick
        .line 4
            PARAM R16, 1
            LINK R17, 0
            HALT
        .native "x86_64" 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
        .code 90 c3
        .signed 01 02
        .child "w.flux.md" "w"
        .supervise rest-for-one restarts 5 wait 100
        .supervised "w.flux.md" "w" always
        "#,
    )
    .unwrap();
    let supervise = module.supervise.clone().unwrap();
    assert_eq!((supervise.restarts, supervise.window_ns), (5, 60_000_000_000));
    assert_eq!((supervise.wait_ns, supervise.longest_ns, supervise.children.len()), (100, 100, 1));
    assert_eq!(module.meta.name, "a\"\\\n\u{1}ü");
    assert_eq!(module.constants, [0, 0, 0, 0, 0, 0, 0, 0, b'h', b'e', b'l', b'l', b'o', 0, 255]);
    assert_eq!(module.parameters[0].default, Some(vec![255, b'3', b'0']));
    assert_eq!(module.links[1].rights, 3);
    assert_eq!(module.signatures.len(), 2);
    assert_eq!(module.exports[0].function, 0);
    assert_eq!(module.native[0].code, [0x90, 0xC3]);
    let text = disassemble(&module);
    assert_eq!(assemble(&text), Ok(module), "{text}");
}

#[test]
fn every_directive_is_understood() {
    for (name, form, _) in DIRECTIVES {
        let errors = assemble(&format!(".{name} ,")).unwrap_err();
        assert!(!matches!(errors[0].problem, AsmProblem::Directive(_)), "{name}");
        let shows_form = |error: &AsmError| error.hint.as_ref().is_some_and(|hint| hint.contains(form));
        assert!(errors.iter().any(shows_form), "{name}: {errors:?}");
    }
}

#[test]
fn debug_lines_may_number_the_lines_of_the_text() {
    let text =
        ".line 7\n.function f arguments 1 results 1\n\n MOV R20, R16\n ; a remark\nend: MOV R16, R20\n RET\n";
    let options = AssembleOptions { lines: DebugLines::Text, ..AssembleOptions::default() };
    let module = assemble_with(text, options).unwrap();
    let lines: Vec<(u32, u32)> = module.lines.iter().map(|line| (line.offset, line.line)).collect();
    // The charge of the block stands before its first instruction and counts as its line.
    assert_eq!(lines, [(0, 4), (3, 6), (4, 7)]);
}
