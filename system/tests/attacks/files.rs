//! 1 to 11 and 20: module files that must not be loaded.

use flux_abi::status::Status;
use flux_isa::file::{DIGEST_BYTES, seal};

use crate::ground::{Ground, program};

/// The file of a harmless module without its digest.
fn body() -> Vec<u8> {
    let mut file = program("MOVI R20, 1\nNOP\nRET\n").encode();
    file.truncate(file.len() - DIGEST_BYTES);
    file
}

/// Number, offset of the header and length of the content of each section.
fn sections(file: &[u8]) -> Vec<(u16, usize, usize)> {
    let mut found = Vec::new();
    let mut at = 8;
    while at < file.len() {
        let number = u16::from_le_bytes([file[at], file[at + 1]]);
        let length = u32::from_le_bytes(file[at + 2..at + 6].try_into().unwrap()) as usize;
        found.push((number, at, length));
        at += 6 + length;
    }
    found
}

fn changed(file: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

#[test]
fn attack_01_a_module_cut_at_every_byte_is_not_loaded() {
    let mut ground = Ground::new();
    let whole = program("RET\n").encode();
    for cut in 0..whole.len() {
        assert_eq!(ground.load(&whole[..cut]), Err(Status::Invalid), "{cut}");
    }
    // With a digest that fits what is left.
    let body = body();
    for cut in 0..body.len() {
        let loaded = ground.load(&seal(body[..cut].to_vec()));
        let edge = sections(&body).iter().any(|(number, at, _)| *at == cut && *number >= 14);
        assert!(edge || loaded == Err(Status::Invalid), "{cut}: {loaded:?}");
    }
    assert!(ground.load(&whole).is_ok());
    ground.unharmed();
}

#[test]
fn attack_02_section_lengths_beyond_the_file_are_refused() {
    let mut ground = Ground::new();
    let file = body();
    for (_, at, _) in sections(&file) {
        for wrong in [u32::MAX, u32::MAX - 5, 1 << 31, file.len() as u32] {
            let bytes = seal(changed(&file, at + 2, &wrong.to_le_bytes()));
            assert_eq!(ground.load(&bytes), Err(Status::Invalid), "{at} {wrong}");
        }
    }
    ground.unharmed();
}

#[test]
fn attack_03_sections_that_reach_into_the_next_are_refused() {
    let mut ground = Ground::new();
    let file = body();
    for pair in sections(&file).windows(2) {
        let (_, at, length) = pair[0];
        for more in [1, 6, 6 + pair[1].2] {
            let wrong = (length + more) as u32;
            let bytes = seal(changed(&file, at + 2, &wrong.to_le_bytes()));
            assert_eq!(ground.load(&bytes), Err(Status::Invalid), "{at} {more}");
        }
    }
    ground.unharmed();
}

#[test]
fn attack_04_counts_that_the_bytes_cannot_hold_allocate_nothing() {
    let mut ground = Ground::new();
    let file = body();
    for number in [5, 6, 7, 8, 9, 10, 12, 13] {
        let (_, at, length) = sections(&file)[usize::from(number - 1u16)];
        for count in [u32::MAX, 1 << 28, 1000] {
            let mut bytes = file[..at + 2].to_vec();
            bytes.extend(14u32.to_le_bytes());
            bytes.extend(count.to_le_bytes());
            bytes.extend([0; 10]);
            bytes.extend(&file[at + 6 + length..]);
            assert_eq!(ground.load(&seal(bytes)), Err(Status::Invalid), "{number} {count}");
        }
    }
    ground.unharmed();
}

#[test]
fn attack_05_sections_twice_unknown_missing_and_wrong_headers_are_refused() {
    let mut ground = Ground::new();
    let file = body();
    for (number, at, length) in sections(&file) {
        let end = at + 6 + length;
        let twice = [&file[..end], &file[at..end], &file[end..]].concat();
        assert_eq!(ground.load(&seal(twice)), Err(Status::Invalid), "{number} twice");
        if number < 14 {
            let without = [&file[..at], &file[end..]].concat();
            assert_eq!(ground.load(&seal(without)), Err(Status::Invalid), "without {number}");
        }
    }
    let unknown = [&file[..], &0x7FFFu16.to_le_bytes(), &3u32.to_le_bytes(), b"abc"].concat();
    assert_eq!(ground.load(&seal(unknown)), Err(Status::Invalid));
    // Magic, version, mark of the byte order.
    for at in 0..8 {
        let bytes = changed(&file, at, &[file[at] ^ 0x80]);
        assert_eq!(ground.load(&seal(bytes)), Err(Status::Invalid), "byte {at}");
    }
    ground.unharmed();
}

#[test]
fn attack_06_unknown_opcodes_and_reserved_bits_are_refused() {
    let mut ground = Ground::new();
    let good = program("MOVI R20, 1\nNOP\nRET\n");
    let nop = good.code.len() - 2;
    for byte in (0xB8..=0xBF).chain(0xF0..=0xFFu32) {
        let mut module = good.clone();
        module.code[nop] = byte;
        ground.refused(&module);
    }
    for bit in 8..32 {
        let mut module = good.clone();
        module.code[nop] |= 1 << bit;
        ground.refused(&module);
    }
    ground.unharmed();
}

#[test]
fn attack_07_registers_that_do_not_exist_are_refused() {
    let mut ground = Ground::new();
    let good = program("MOV R20, R0\nRET\n");
    let at = good.code.len() - 2;
    for register in 64..=255u32 {
        for byte in [1, 2] {
            let mut module = good.clone();
            module.code[at] = module.code[at] & !(0xFF << (8 * byte)) | register << (8 * byte);
            ground.refused(&module);
        }
    }
    ground.unharmed();
}

#[test]
fn attack_08_jumps_to_where_no_block_starts_are_refused() {
    let mut ground = Ground::new();
    let good = program("MOVI64 R20, 1\nJMP next\nnext:\nRET\n.function other\nRET\n");
    let jump = good.code.iter().rposition(|word| word & 0xFF == 0x40).unwrap();
    let target = good.code[jump] >> 8;
    let far = good.code.len() as u32;
    // The immediate of MOVI64, the start of the other function, past the end, around the end of numbers.
    let place = good.code.iter().rposition(|word| *word == good.entries[1].offset);
    let at = place.unwrap_or(jump);
    for wrong in [1, 2, far - 1, far, far + 1, 1 << 23, u32::MAX >> 8] {
        let mut module = good.clone();
        if at == jump {
            module.code[jump] = 0x40 | wrong << 8;
        } else {
            module.code[at] = wrong;
        }
        assert_ne!(wrong, target);
        ground.refused(&module);
    }
    ground.unharmed();
}

#[test]
fn attack_09_falling_through_the_end_of_code_is_refused() {
    let mut ground = Ground::new();
    let mut module = program("MOVI R20, 1\nNOP\nRET\n");
    module.code.pop();
    module.functions[0].length -= 1;
    ground.refused(&module);
    let mut module = program("MOVI R20, 1\nRET\n");
    let last = module.code.len() - 1;
    module.code[last] = 0;
    ground.refused(&module);
    ground.unharmed();
}

#[test]
fn attack_10_entry_tables_that_are_missing_unsorted_or_lie_are_refused() {
    let mut ground = Ground::new();
    let good = program("JMP a\na:\nMOVI R20, 1\nPUSH R20\nSTACK_FREE 1\nRET\n");
    assert!(ground.load(&good.encode()).is_ok());
    let mut with = |change: &dyn Fn(&mut flux_isa::Module)| {
        let mut module = good.clone();
        change(&mut module);
        ground.refused(&module);
    };
    with(&|module| module.entries.clear());
    with(&|module| module.entries.truncate(1));
    with(&|module| module.entries.swap(0, 1));
    with(&|module| module.entries[1].offset += 1);
    with(&|module| module.entries[1].stack = 1);
    with(&|module| module.entries[1].handlers = 1);
    // R8 to R15 are the caller's: a function may save them.
    for bit in 16..56 {
        with(&|module| module.entries[1].written |= 1 << bit);
    }
    ground.unharmed();
}

#[test]
fn attack_11_registers_that_were_never_written_are_not_read() {
    let mut ground = Ground::new();
    let good = program("MOV R20, R0\nRET\n");
    let at = good.code.len() - 2;
    // R8 to R15 are the caller's: a function may save them.
    for register in (16..=55u32).chain([7, 60]) {
        let mut module = good.clone();
        module.code[at] = module.code[at] & !(0xFF << 16) | register << 16;
        ground.refused(&module);
    }
    ground.unharmed();
}

#[test]
fn attack_20_a_system_call_hidden_in_an_immediate_is_not_reached() {
    let mut ground = Ground::new();
    // The immediate spells SYSCALL, HALT.
    let mut module = program("MOVI64 R20, 0x0000000100000074\nJMP next\nnext:\nRET\n");
    let hidden = module.code.iter().position(|word| *word == 0x74).unwrap() as u32;
    module.entries.insert(1, flux_isa::Entry { offset: hidden, ..module.entries[0] });
    ground.refused(&module);
    ground.unharmed();
}
