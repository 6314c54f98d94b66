//! Hostile modules, by the numbers of the list of attacks; those on bytes are tested in `flux-isa`.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

mod common;

use common::{accepted, body, module, problem, refused};
use flux_isa::flow::{FlowError, OPEN};
use flux_isa::{DecodeError, Entry};
use flux_verify::Problem;

/// Attack 8: jump into the middle of an instruction, before the start, past the end, into another
/// function.
#[test]
fn attack_08_jumps_to_where_no_block_of_the_function_starts() {
    let text = |target: u32| {
        module(&format!(
            ".function f signature 0\nB 0 0\nHALT\n.function g signature 0\nB 0 0\nJMP {target}\n\
             .function h signature 0\nB 0 0\nHALT"
        ))
    };
    accepted(text(3));
    for target in [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 1000, 1 << 31, u32::MAX, u32::MAX - 2] {
        assert_eq!(problem(text(target)), Problem::Target { target });
    }
}

/// Attack 9: falling through the end of code.
#[test]
fn attack_09_falling_through_the_end_of_code() {
    assert_eq!(problem(body("B 0 0\nNOP")), Problem::FallsOff);
    let mut cut = body("B 0 0\nMOVI R20, 1");
    cut.code.pop();
    cut.functions[0].length -= 1;
    assert!(matches!(problem(cut), Problem::Decode(DecodeError::Truncated { .. })));
}

/// Attack 10: entry-state table missing, unsorted, lying about a type.
#[test]
fn attack_10_entry_tables_that_are_missing_unsorted_or_lie() {
    let good = body("B 0 0\nJMP a\na:\nB 0 0\nMOVI R20, 1\nPUSH R20\nSTACK_FREE 1\nRET");
    accepted(good.clone());
    let with = |change: &dyn Fn(&mut Vec<Entry>)| {
        let mut module = good.clone();
        change(&mut module.entries);
        problem(module)
    };
    assert_eq!(with(&|entries| entries.clear()), Problem::EntryMissing);
    assert_eq!(with(&|entries| entries.truncate(1)), Problem::Target { target: 4 });
    assert_eq!(with(&|entries| entries.swap(0, 1)), Problem::Order);
    assert_eq!(with(&|entries| entries[1].offset = 5), Problem::Target { target: 4 });
    for bit in 0..64 {
        let lie = with(&|entries| entries[1].written |= 1 << bit);
        assert!(matches!(lie, Problem::Flow(_) | Problem::EntryMask { .. }), "R{bit}: {lie}");
    }
    assert!(matches!(with(&|entries| entries[1].stack = 1), Problem::Flow(FlowError::EdgeStack { .. })));
    assert!(matches!(
        with(&|entries| entries[1].handlers = 1),
        Problem::Flow(FlowError::EdgeHandlers { .. })
    ));
    assert!(matches!(
        with(&|entries| {
            entries[1].written |= OPEN;
            entries[1].stack = 1;
        }),
        Problem::Flow(FlowError::EdgeStack { .. })
    ));
    // A block that nothing leads to may declare what it likes, as long as it is checked from there.
    let dead = "B 0 0\nHALT\nB 9 9 R20\nMOV R21, R20\nHALT";
    accepted(body(dead));
    let mut far = good.clone();
    far.entries.push(Entry { offset: u32::MAX, ..Entry::default() });
    assert!(matches!(problem(far), Problem::OutsideCode { .. }));
}

/// Attack 11: reading a register never written.
#[test]
fn attack_11_registers_that_were_never_written() {
    for register in (7..=55u32).chain([60]) {
        let error = problem(body(&format!("B 0 0\nMOV R0, R{register}\nHALT")));
        assert_eq!(error, Problem::Flow(FlowError::Unwritten(register)));
    }
    // Written on one of two ways only.
    let text = "B 0 0\nBRZ R0, a\nB 0 0\nMOVI R20, 1\nJMP a\na:\nB 0 0 R20\nHALT";
    assert!(matches!(problem(body(text)), Problem::Flow(FlowError::EdgeRegister { register: 20, .. })));
}

/// Attack 12: stack underflow, overflow, unbalanced at a join.
#[test]
fn attack_12_stacks_that_sink_burst_or_disagree() {
    assert!(matches!(problem(body("B 0 0\nPOP R20\nHALT")), Problem::Flow(FlowError::Underflow { .. })));
    let burst = "B 0 0\nSTACK_ALLOC 65535\nSTACK_ALLOC 65535\nHALT";
    assert!(matches!(problem(body(burst)), Problem::Flow(FlowError::FrameSize(131_070))));
    let join = "B 0 0\nBRZ R0, a\nB 0 0\nPUSH_IMM 1\nJMP a\na:\nB 0 0\nRET";
    assert!(matches!(problem(body(join)), Problem::Flow(FlowError::EdgeStack { depth: 1, .. })));
    let grows = "B 0 0\nPUSH_IMM 1\nJMP 0";
    assert!(matches!(problem(body(grows)), Problem::Flow(FlowError::EdgeStack { depth: 1, .. })));
    // Stacked arguments belong to the caller.
    let taken = module(".function f signature 2\nB 0 0\nPOP R20\nHALT");
    assert!(matches!(problem(taken), Problem::Flow(FlowError::Underflow { .. })));
}

/// Attack 14, as far as loading goes: sizes that wrap to a small sum.
#[test]
fn attack_14_state_and_scratch_sizes_that_wrap() {
    for (size, scratch) in [(u32::MAX, 1), (1, u32::MAX), (u32::MAX, u32::MAX), (1 << 31, 1 << 31)] {
        let mut module = body("B 0 0\nHALT");
        module.state.size = size;
        module.state.scratch = scratch;
        module.meta.memory = u64::MAX;
        assert!(matches!(problem(module), Problem::Quota { .. }), "{size} {scratch}");
    }
}

/// Attack 20: immediate bytes that spell a system-call instruction, reached by a bad branch.
#[test]
fn attack_20_instructions_hidden_in_immediates() {
    // MOVI64 whose immediate is SYSCALL, HALT.
    let hidden = body("B 0 0\nMOVI64 R20, 0x0000000100000074\nJMP 3");
    assert_eq!(hidden.code[3..5], [0x74, 0x01]);
    assert_eq!(problem(hidden.clone()), Problem::Target { target: 3 });
    let mut with_entry = hidden;
    with_entry.entries.push(Entry { offset: 3, ..Entry::default() });
    let error = refused(with_entry);
    assert_eq!(error.problem, Problem::EntryInside { entry: 3 });
    // A handler is a way in as well.
    assert_eq!(
        problem(body("B 0 0\nMOVI64 R20, 0x0000000100000074\nCATCH 3\nHALT")),
        Problem::Target { target: 3 }
    );
}
