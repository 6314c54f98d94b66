//! Every row of the opcode table: encode, decode, refuse.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test that panics fails")]

mod common;

use common::{Random, values};
use flux_abi::opcode::{OPCODES, Opcode, Operand, OperandSize};
use flux_isa::{DecodeError, Instruction, OperandError};
use proptest::prelude::*;

fn encoded(opcode: Opcode, values: &[i64]) -> Vec<u32> {
    let mut code = Vec::new();
    Instruction::new(opcode, values).unwrap().encode_into(&mut code);
    code
}

#[test]
fn every_instruction_decodes_to_itself() {
    let mut random = Random(7);
    for row in OPCODES {
        for _ in 0..200 {
            let values = values(&mut random, row.opcode, 60_000);
            let code = encoded(row.opcode, &values);
            let mut appended = Vec::new();
            Instruction::append(row.opcode, &values, &mut appended).unwrap();
            assert_eq!(appended, code, "{}", row.name);
            let (instruction, words) = Instruction::decode(&code, 0).unwrap();
            assert_eq!((words, instruction.opcode()), (code.len(), row.opcode));
            assert_eq!(words, row.words());
            let decoded: Vec<i64> = instruction.operands().map(|(_, value)| value).collect();
            assert_eq!(decoded, values, "{}", row.name);
        }
    }
}

#[test]
fn the_layout_is_the_one_that_the_table_states() {
    assert_eq!(encoded(Opcode::Iadd, &[1 - 1, 62, 63]), [0x3F3E_0010]);
    assert_eq!(encoded(Opcode::PushImm, &[-2]), [0x62, 0xFFFF_FFFE]);
    assert_eq!(encoded(Opcode::SlotGet, &[20, -3]), [0xFFFD_14E3]);
    assert_eq!(encoded(Opcode::Movi64, &[20, 0x0102_0304_0506_0708]), [0x14C2, 0x0506_0708, 0x0102_0304]);
    assert_eq!(encoded(Opcode::Loadx, &[20, 21, 22, 6, 3, -1]), [0x1615_14E0, 0x0306, 0xFFFF_FFFF]);
    assert_eq!(encoded(Opcode::BrCmpi, &[20, 9, 5, 77]), [0x0009_14DB, 5, 77]);
}

/// Attack 6: opcode that does not exist, reserved bits set.
#[test]
fn attack_06_unknown_opcodes_and_reserved_bits() {
    for byte in (0xB8..=0xBF).chain(0xF0..=0xFF) {
        let error = Instruction::decode(&[0x1010_1000 | byte, 0, 0, 0], 0);
        let byte = byte as u8;
        assert_eq!(error, Err(DecodeError::UnknownOpcode { at: 0, byte }));
    }
    let mut random = Random(8);
    for row in OPCODES {
        let code = encoded(row.opcode, &values(&mut random, row.opcode, 1));
        let used: Vec<u32> = {
            // Bits that differ between encodings of the same opcode belong to operands.
            let mut used = vec![0; code.len()];
            for _ in 0..400 {
                let other = encoded(row.opcode, &values(&mut random, row.opcode, 60_000));
                used.iter_mut().zip(code.iter().zip(&other)).for_each(|(used, (a, b))| *used |= a ^ b);
            }
            used
        };
        for (word, used) in used.iter().enumerate() {
            for bit in (0..32).filter(|bit| (word > 0 || *bit >= 8) && used & (1 << bit) == 0) {
                let mut flipped = code.clone();
                flipped[word] ^= 1 << bit;
                // Only numbers with a word of their own have bits that the sample does not reach.
                let wide = row.operands.iter().any(|operand| operand.size() == OperandSize::Word);
                if !(wide && word > 0) {
                    assert!(Instruction::decode(&flipped, 0).is_err(), "{} {word} {bit}", row.name);
                }
            }
        }
    }
    let error = Instruction::decode(&[0x0100_0072], 0);
    assert_eq!(error, Err(DecodeError::UnusedBits { at: 0, opcode: Opcode::Ret }));
    assert!(Instruction::decode(&[0x1615_14E0, 0x0001_0306, 0], 0).is_err());
}

/// Attack 7: register 64…255.
#[test]
fn attack_07_registers_that_do_not_exist() {
    for row in OPCODES {
        let Some(position) = row.operands.iter().position(|operand| {
            matches!(operand, Operand::First | Operand::Last) || operand.reads() || operand.writes()
        }) else {
            continue;
        };
        let code = encoded(row.opcode, &values(&mut Random(3), row.opcode, 1));
        for register in 64..=255u32 {
            let mut changed = code.clone();
            // Register operands come first in every row: they are bytes 1, 2, 3 of the first word.
            changed[0] = changed[0] & !(0xFF << (8 * (position + 1))) | register << (8 * (position + 1));
            assert!(
                matches!(Instruction::decode(&changed, 0), Err(DecodeError::Operand { .. })),
                "{} R{register}",
                row.name
            );
        }
    }
}

#[test]
fn views_are_no_destinations_and_r0_and_r60_are() {
    for register in 0..64 {
        let view = matches!(register, 1..=6 | 56..=59 | 61..=63);
        let result = Instruction::new(Opcode::Mov, &[register, register]);
        assert_eq!(result.is_err(), view, "R{register}");
        assert_eq!(result.err(), view.then_some(OperandError::ReadOnly(register)));
        assert_eq!(Instruction::new(Opcode::Pop, &[register]).is_err(), view);
        assert_eq!(Instruction::new(Opcode::Loop, &[register, 0]).is_err(), view);
    }
}

#[test]
fn operands_out_of_range_are_refused() {
    use OperandError as E;
    let one = |opcode, values: &[i64]| Instruction::new(opcode, values).unwrap_err();
    assert_eq!(one(Opcode::LoadRm, &[20, 21, 0, 0]), E::Region(0));
    assert_eq!(one(Opcode::LoadRm, &[20, 21, 16, 0]), E::Region(16));
    assert_eq!(one(Opcode::Leax, &[20, 21, 22, 4, 0]), E::Shift(4));
    assert_eq!(one(Opcode::VecAdd, &[8, 9, 12]), E::Group(9));
    assert_eq!(one(Opcode::VecAdd, &[4, 8, 12]), E::Group(4));
    assert_eq!(one(Opcode::VecAdd, &[56, 8, 12]), E::Group(56));
    assert_eq!(one(Opcode::Pushr, &[6, 8]), E::RegisterRange { first: 6, last: 6 });
    assert_eq!(one(Opcode::Pushr, &[8, 56]), E::RegisterRange { first: 8, last: 56 });
    assert_eq!(one(Opcode::Pushr, &[9, 8]), E::RegisterRange { first: 9, last: 8 });
    assert!(matches!(one(Opcode::Extend, &[20, 21, 6]), E::Selector { number: 6, .. }));
    assert!(matches!(one(Opcode::RegionCreate, &[20, 21, 0]), E::Selector { .. }));
    assert!(matches!(one(Opcode::Movi, &[20, 1 << 31]), E::Range { .. }));
    assert!(matches!(one(Opcode::SlotGet, &[20, 1 << 15]), E::Range { .. }));
    assert!(matches!(one(Opcode::Enter, &[1 << 16]), E::Range { .. }));
    assert_eq!(one(Opcode::Ret, &[1]), E::Count { given: 1, wanted: 0 });
}

#[test]
fn code_that_ends_inside_an_instruction_is_refused() {
    for row in OPCODES {
        let code = encoded(row.opcode, &values(&mut Random(5), row.opcode, 1));
        for cut in 0..code.len() {
            assert!(matches!(Instruction::decode(&code[..cut], 0), Err(DecodeError::Truncated { .. })));
        }
    }
    assert!(Instruction::decode(&[], usize::MAX).is_err());
}

proptest! {
    #[test]
    fn what_cannot_be_appended_is_what_is_no_instruction(
        values in prop::collection::vec(prop_oneof![-2i64..70, any::<i64>()], 0..7),
        op in 0..232usize,
    ) {
        let opcode = OPCODES[op].opcode;
        let mut code = Vec::new();
        let appended = Instruction::append(opcode, &values, &mut code);
        prop_assert_eq!(appended, Instruction::checked(opcode, &values).map(|_| ()));
        prop_assert_eq!(code.is_empty(), appended.is_err());
    }

    #[test]
    fn words_that_decode_are_the_encoding_of_the_result(mut code in prop::collection::vec(any::<u32>(), 1..5), op in 0..232usize) {
        code[0] = code[0] & !0xFF | u32::from(OPCODES[op].opcode as u8);
        if let Ok((instruction, words)) = Instruction::decode(&code, 0) {
            let mut again = Vec::new();
            instruction.encode_into(&mut again);
            prop_assert_eq!(&again, &code[..words]);
        }
    }
}
