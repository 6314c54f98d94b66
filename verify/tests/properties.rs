//! What holds for every module: no panic, linear work, and generated programs are accepted.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

#[path = "../../isa/tests/common/mod.rs"]
mod generate;

use flux_isa::file::{DIGEST_BYTES, seal};
use flux_isa::{Entry, Function, Module, Signature};
use flux_verify::verify;
use proptest::prelude::*;

/// A module whose code is these words, with an entry at each of the offsets.
fn raw(code: Vec<u32>, mut offsets: Vec<u32>, seed: u64) -> Module {
    let mut random = generate::Random(seed);
    let mut module = generate::module(seed);
    offsets.sort_unstable();
    offsets.dedup();
    offsets.retain(|offset| (*offset as usize) < code.len());
    module.entries = offsets
        .into_iter()
        .map(|offset| Entry {
            offset,
            written: random.next() & (((1 << 56) - 1) & !0x7F),
            ..Entry::default()
        })
        .collect();
    if let Some(first) = module.entries.first_mut() {
        first.written = 0;
    }
    let length = u32::try_from(code.len()).unwrap();
    module.functions = vec![Function { name: "f".into(), offset: 0, length, signature: 0 }];
    module.code = code;
    module.lines.clear();
    module.native.clear();
    module
}

/// A chain of `blocks` blocks, each of which branches to the first and the last.
fn chain(blocks: u32) -> Module {
    let mut text = String::from(".name \"chain\"\n.function f\nfirst:\n");
    for _ in 0..blocks {
        text += "BRZ R0, first\nNOP\nBRZ R0, last\n";
    }
    flux_isa::asm::assemble(&(text + "last: RET\n")).unwrap()
}

#[test]
fn the_work_is_linear_in_the_size_of_the_module() {
    let work = |blocks| {
        let module = chain(blocks);
        let size = (module.code.len() + module.entries.len()) as u64;
        (verify(module).unwrap().steps(), size)
    };
    let (small, small_size) = work(100);
    for blocks in [1_000, 10_000, 30_000] {
        let (large, size) = work(blocks);
        assert!(large <= 2 * size, "{large} steps for {size}");
        assert!(large * small_size <= small * size * 11 / 10, "{large} {size} against {small} {small_size}");
    }
}

#[test]
fn each_of_many_functions_is_judged_by_its_own_entries() {
    let text: String = (0..1000)
        .map(|number| {
            let called = (number + 1) % 1000;
            format!(".function f{number}\nagain: BRZ R0, end\nCALL @f{called}\nJMP again\nend: RET\n")
        })
        .collect();
    let module = flux_isa::asm::assemble(&(".name \"many\"\n".to_string() + &text)).unwrap();
    let size = (module.code.len() + module.entries.len() + 2 * module.functions.len()) as u64;
    let mut other = module.clone();
    assert!(verify(module).unwrap().steps() <= 2 * size);
    let last = other.entries.len() - 1;
    other.entries[last].stack = 1;
    let error = verify(other).unwrap_err();
    assert!(error.to_string().starts_with("function 999 `f999`"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn generated_programs_are_accepted(seed in any::<u64>()) {
        let module = generate::module(seed);
        if let Err(error) = verify(module.clone()) {
            prop_assert!(false, "{error}\n{}", flux_isa::asm::disassemble(&module));
        }
    }

    #[test]
    fn a_changed_word_of_code_is_refused_or_accepted_without_panic(
        seed in 0..50u64, at in any::<usize>(), bit in 0..32u32
    ) {
        let mut module = generate::module(seed);
        module.native.clear();
        let at = at % module.code.len();
        module.code[at] ^= 1u32 << bit;
        // What is accepted is so again: the verifier keeps no state and changes nothing.
        if let Ok(verified) = verify(module.clone()) {
            prop_assert_eq!(verified.module(), &module);
            prop_assert!(verify(verified.into_module()).is_ok());
        }
    }

    #[test]
    fn a_changed_file_is_refused_or_accepted_without_panic(seed in 0..50u64, at in any::<usize>(), byte in any::<u8>()) {
        let mut file = generate::module(seed).encode();
        file.truncate(file.len() - DIGEST_BYTES);
        let at = at % file.len();
        file[at] = byte;
        if let Ok(module) = Module::decode(&seal(file)) {
            let _ = verify(module);
        }
    }

    #[test]
    fn random_words_are_refused_or_accepted_without_panic(
        code in prop::collection::vec(prop_oneof![any::<u32>(), 0..0x100u32, (0..232usize).prop_map(|op| {
            flux_abi::opcode::OPCODES[op].opcode as u32 | 0x1008_1000
        })], 0..60),
        offsets in prop::collection::vec(0..60u32, 0..12),
        seed in any::<u64>()
    ) {
        let _ = verify(raw(code, offsets, seed));
    }

    #[test]
    fn signatures_of_every_number_of_arguments_are_judged(arguments in any::<u8>(), results in any::<u8>()) {
        let mut module = generate::module(1);
        module.native.clear();
        module.signatures = vec![Signature { arguments, results }; 5];
        let _ = verify(module);
    }
}
