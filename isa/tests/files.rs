//! The module file: canonical, bounded, refused where it must be.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test that panics fails")]

mod common;

use flux_abi::supervise::{Restart, Strategy};
use flux_isa::asm::{assemble, disassemble};
use flux_isa::file::{DIGEST_BYTES, seal};
use flux_isa::{
    Child, Local, LocalPlace, LocalRange, Migration, MigrationWay, Module, ModuleError, ModuleProblem,
    StateField, Supervise, Supervised,
};
use proptest::prelude::*;

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

/// The file of a module without its digest: what the tests of the sections change.
fn body(module: &Module) -> Vec<u8> {
    let mut file = module.encode();
    file.truncate(file.len() - DIGEST_BYTES);
    file
}

/// Takes away the section that stands behind those of the tests: names in the types of parameters.
fn clear_names(module: &mut Module) {
    module.parameters.iter_mut().for_each(|parameter| parameter.names.clear());
}

/// Reads `body` with the digest that fits it.
fn decode(body: &[u8]) -> Result<Module, ModuleError> {
    Module::decode(&seal(body.to_vec()))
}

fn problem(body: &[u8]) -> ModuleProblem {
    decode(body).unwrap_err().problem
}

/// A file is refused for every bit that flips on its way and every byte at which it ends.
#[test]
fn every_flipped_bit_and_every_cut_is_refused() {
    let file = common::module(1).encode();
    assert!(Module::decode(&file).is_ok());
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut flipped = file.clone();
            flipped[at] ^= 1u8 << bit;
            let error = Module::decode(&flipped).unwrap_err();
            assert!(at < 8 || error.problem == ModuleProblem::Digest, "byte {at}, bit {bit}: {error}");
        }
        assert!(Module::decode(&file[..at]).is_err(), "cut at {at}");
    }
    let longer = [&file[..], &[0]].concat();
    assert_eq!(Module::decode(&longer).unwrap_err().problem, ModuleProblem::Digest);
}

/// Attack 1: header cut at every byte.
#[test]
fn attack_01_a_file_cut_at_every_byte() {
    let file = body(&common::module(1));
    assert!(decode(&file).is_ok());
    let optional = sections(&file).iter().filter(|section| section.0 >= 14).map(|section| section.1).min();
    for cut in 0..file.len() {
        let whole = optional.is_some_and(|optional| cut >= optional)
            && sections(&file).iter().any(|section| section.1 == cut);
        assert_eq!(decode(&file[..cut]).is_ok(), whole, "cut at {cut}");
    }
}

/// Attack 2: section offset + size overflowing.
#[test]
fn attack_02_section_lengths_beyond_the_file() {
    let file = body(&common::module(1));
    for (_, at, length) in sections(&file) {
        for wrong in [u32::MAX, u32::MAX - 5, 1 << 31, u32::try_from(file.len()).unwrap()] {
            let mut changed = file.clone();
            changed[at + 2..at + 6].copy_from_slice(&wrong.to_le_bytes());
            assert!(decode(&changed).is_err(), "{length} as {wrong}");
        }
    }
}

/// Attack 3: overlapping sections. Sections have no offsets; a wrong length is what comes near.
#[test]
fn attack_03_sections_that_reach_into_the_next() {
    let file = body(&common::module(1));
    let sections = sections(&file);
    for pair in sections.windows(2) {
        let (_, at, length) = pair[0];
        for more in [1, 6, 6 + pair[1].2] {
            let mut changed = file.clone();
            let wrong = u32::try_from(length + more).unwrap();
            changed[at + 2..at + 6].copy_from_slice(&wrong.to_le_bytes());
            // A signature is any bytes; one that takes in what follows is not the module's.
            let signature = decode(&changed).map(|module| module.signature);
            assert!(signature.is_err() || signature != Ok(common::module(1).signature));
        }
    }
}

/// Attack 4: a count of 2^32-1 with ten bytes behind it.
#[test]
fn attack_04_counts_that_the_bytes_cannot_hold() {
    let file = body(&common::module(1));
    for number in [5, 6, 7, 8, 9, 10, 12, 13] {
        let (_, at, length) = sections(&file)[usize::from(number - 1u16)];
        for count in [u32::MAX, 1 << 28, 1000] {
            let mut changed = file[..at + 2].to_vec();
            changed.extend(14u32.to_le_bytes());
            changed.extend(count.to_le_bytes());
            changed.extend([0; 10]);
            changed.extend(&file[at + 6 + length..]);
            assert!(matches!(problem(&changed), ModuleProblem::Count { .. }), "section {number}");
        }
    }
}

/// Attack 5: duplicate or unknown section, wrong version, wrong endianness.
#[test]
fn attack_05_sections_twice_unknown_missing_and_wrong_headers() {
    let file = body(&common::module(1));
    let sections = sections(&file);
    for (number, at, length) in &sections {
        let one = &file[*at..at + 6 + length];
        let twice = [&file[..at + 6 + length], one, &file[at + 6 + length..]].concat();
        assert_eq!(problem(&twice), ModuleProblem::SectionOrder { number: *number, before: *number });
        let without = [&file[..*at], &file[at + 6 + length..]].concat();
        if *number < 14 {
            assert!(matches!(problem(&without), ModuleProblem::SectionMissing(_)));
        } else {
            assert!(decode(&without).is_ok());
        }
    }
    let with = |number: u16, at: usize| {
        let section = [&number.to_le_bytes()[..], &3u32.to_le_bytes(), b"abc"].concat();
        [&file[..at], &section, &file[at..]].concat()
    };
    let unknown = u16::try_from(flux_isa::file::SECTIONS.len()).unwrap() + 1;
    assert_eq!(problem(&with(unknown, file.len())), ModuleProblem::UnknownSection(unknown));
    assert_eq!(problem(&with(0x7FFF, file.len())), ModuleProblem::UnknownSection(0x7FFF));
    assert!(matches!(problem(&with(0, 8)), ModuleProblem::SectionOrder { .. }));
    let mut changed = file.clone();
    changed[4] = 2;
    assert_eq!(problem(&changed), ModuleProblem::Version(2));
    changed = file.clone();
    changed.swap(6, 7);
    assert_eq!(problem(&changed), ModuleProblem::Endianness(0xE01F));
    changed = file.clone();
    changed[3] = b'U';
    assert_eq!(problem(&changed), ModuleProblem::Magic);
    assert_eq!(Module::decode(b"\x7fELF\x02\x01").unwrap_err().problem, ModuleProblem::Magic);
}

#[test]
fn foreign_sections_are_skipped_and_are_no_part_of_the_identity() {
    let module = common::module(2);
    let mut file = body(&module);
    file.extend(0x8000u16.to_le_bytes());
    file.extend(3u32.to_le_bytes());
    file.extend(b"abc");
    let decoded = decode(&file).unwrap();
    assert_eq!(decoded, module);
    assert_eq!(decoded.identity(), module.identity());
}

#[test]
fn the_identity_covers_everything_but_native_code_and_signature() {
    let module = common::module(3);
    let identity = module.identity();
    let mut other = module.clone();
    other.native.clear();
    other.signature = Some(vec![1]);
    assert_eq!(other.identity(), identity);
    other.lines[0].line += 1;
    assert_ne!(other.identity(), identity);
    let mut other = module;
    other.meta.priority ^= 1;
    assert_ne!(other.identity(), identity);
}

#[test]
fn texts_counts_and_choices_have_one_form() {
    let file = body(&common::module(1));
    let at = |number: usize| sections(&file)[number - 1].1 + 6;
    let changed = |offset: usize, byte: u8| {
        let mut changed = file.clone();
        changed[offset] = byte;
        problem(&changed)
    };
    assert_eq!(changed(at(1) + 4, 0xFF), ModuleProblem::Utf8);
    assert!(matches!(changed(at(2) + 1, 0x08), ModuleProblem::Choice(..)));
    assert!(matches!(changed(at(6) + 4, 6), ModuleProblem::Choice(6, _)));
    assert!(matches!(changed(at(9) + 4, 8), ModuleProblem::Choice(8, _)));
    let mut long = file.clone();
    long[at(1)..at(1) + 4].copy_from_slice(&(1u32 << 21).to_le_bytes());
    assert_eq!(problem(&long), ModuleProblem::Text(1 << 21));
    let code = sections(&file)[10];
    let mut odd = file.clone();
    odd.insert(code.1 + 6, 0);
    odd[code.1 + 2..code.1 + 6].copy_from_slice(&u32::try_from(code.2 + 1).unwrap().to_le_bytes());
    assert_eq!(problem(&odd), ModuleProblem::CodeBytes(code.2 + 1));
}

fn check_round_trips(module: &Module) -> Result<(), TestCaseError> {
    let file = module.encode();
    let decoded = Module::decode(&file);
    prop_assert_eq!(decoded.as_ref(), Ok(module));
    let text = disassemble(module);
    let assembled = assemble(&text);
    prop_assert_eq!(assembled.as_ref().map(Module::encode), Ok(file), "{}", text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn modules_survive_file_and_text_byte_for_byte(seed in any::<u64>()) {
        check_round_trips(&common::module(seed))?;
    }

    #[test]
    fn a_changed_file_is_refused_or_survives_file_and_text(seed in 0..20u64, at in any::<usize>(), bit in 0..8u8) {
        let mut file = body(&common::module(seed));
        let at = at % file.len();
        file[at] ^= 1u8 << bit;
        if let Ok(module) = decode(&file) {
            let foreign = file.len() != body(&module).len();
            prop_assert!(foreign || body(&module) == file);
            check_round_trips(&module)?;
        }
    }

    #[test]
    fn random_bytes_are_refused_without_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Module::decode(&bytes);
        let head = common::module(0).encode();
        bytes.splice(0..0, head[..8].iter().copied());
        prop_assert!(Module::decode(&bytes).is_err());
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn random_text_is_assembled_or_refused_without_panic(text in "[.a-zA-Z0-9 ,:;@\"\\\\\n_-]{0,200}") {
        let _ = assemble(&text);
    }

    #[test]
    fn a_text_with_a_changed_line_does_not_panic(seed in 0..20u64, line in any::<usize>(), other in ".{0,30}") {
        let text = disassemble(&common::module(seed));
        let mut lines: Vec<&str> = text.lines().collect();
        let line = line % lines.len();
        lines[line] = &other;
        let _ = assemble(&lines.join("\n"));
        lines.remove(line);
        let _ = assemble(&lines.join("\n"));
    }
}

#[test]
fn documents_and_migrations_are_kept_by_file_and_text() {
    let field = |name: &str, offset, desc: &str| StateField { name: name.into(), offset, desc: desc.into() };
    let mut module = common::module(7);
    let before = module.identity();
    module.documents = vec!["lib/units.flux.md".into()];
    module.migrations = vec![
        Migration {
            way: MigrationWay::From,
            version: "1".into(),
            function: 0,
            fields: vec![field("a", 0, "l"), field("b", 8, "s")],
        },
        Migration { way: MigrationWay::BackTo, version: "1".into(), function: 0, fields: Vec::new() },
    ];
    assert_ne!(module.identity(), before);
    module.native.clear();
    assert_eq!(Module::decode(&module.encode()).unwrap(), module);
    assert_eq!(assemble(&disassemble(&module)).unwrap(), module);
    let mut plain = common::module(7);
    plain.children.clear();
    plain.supervise = None;
    plain.locals.clear();
    clear_names(&mut plain);
    let mut empty = body(&plain);
    empty.extend([17, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(problem(&empty), ModuleProblem::SectionEmpty);
}

#[test]
fn modules_that_an_agent_starts_are_part_of_what_it_is() {
    let mut module = common::module(7);
    module.native.clear();
    module.children.clear();
    module.supervise = None;
    let before = module.identity();
    let child =
        |agent: &str| Child { document: "w.flux.md".into(), agent: agent.into(), module: vec![1; 90] };
    module.children = vec![child("a"), child("b")];
    assert_ne!(module.identity(), before);
    assert_eq!(Module::decode(&module.encode()).unwrap(), module);
    assert_eq!(assemble(&disassemble(&module)).unwrap(), module);
    module.children.clear();
    module.supervise = None;
    module.locals.clear();
    clear_names(&mut module);
    let mut empty = body(&module);
    empty.extend([18, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(problem(&empty), ModuleProblem::SectionEmpty);
}

#[test]
fn names_of_locals_are_part_of_what_a_module_is() {
    let mut module = common::module(7);
    module.native.clear();
    module.locals.clear();
    let before = module.identity();
    let range = |start, place, number| LocalRange { start, end: start + 1, place, number };
    let ranges = vec![range(0, LocalPlace::Slot, -2), range(1, LocalPlace::Constant, i64::MIN)];
    module.locals = vec![Local { function: 0, name: "a".into(), desc: "{ls}".into(), offset: 16, ranges }];
    assert_ne!(module.identity(), before);
    assert_eq!(Module::decode(&module.encode()).unwrap(), module);
    assert_eq!(assemble(&disassemble(&module)).unwrap(), module);
    module.locals.clear();
    clear_names(&mut module);
    let mut empty = body(&module);
    empty.extend([20, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(problem(&empty), ModuleProblem::SectionEmpty);
}

#[test]
fn what_a_supervisor_does_is_part_of_what_it_is() {
    let mut module = common::module(7);
    module.native.clear();
    module.locals.clear();
    module.supervise = None;
    let before = module.identity();
    module.supervise = Some(Supervise {
        strategy: Strategy::RestForOne,
        restarts: 3,
        window_ns: 60,
        wait_ns: 1,
        longest_ns: 8,
        children: vec![Supervised {
            document: "w.flux.md".into(),
            agent: "w".into(),
            restart: Restart::Always,
        }],
    });
    assert_ne!(module.identity(), before);
    let bytes = module.encode();
    assert_eq!(Module::decode(&bytes).unwrap(), module);
    assert_eq!(assemble(&disassemble(&module)).unwrap(), module);
    clear_names(&mut module);
    let mut strange = body(&module);
    *strange.last_mut().unwrap() = 3;
    assert_eq!(problem(&strange), ModuleProblem::Choice(3, "kind of restart"));
    strange.pop();
    assert!(matches!(problem(&strange), ModuleProblem::Truncated { .. }));
}
