//! Every kept input through its target, without a fuzzer: what was found once stays found.

use std::fs;
use std::path::Path;

use flux_fuzz::{document, fir_text, grammar, link_bytes, module_bytes, verify_run};

fn each(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let mut seen = 0;
    for entry in fs::read_dir(folder).expect("seeds of the target") {
        let path = entry.expect("an entry").path();
        let bytes = fs::read(&path).expect("a readable seed");
        println!("{}", path.display());
        check(&bytes);
        seen += 1;
    }
    assert!(seen > 0, "{target} has no seeds");
}

#[test]
fn every_kept_document_holds() {
    each("document", |data| drop(document::check(data)));
}

#[test]
fn every_kept_fir_text_holds() {
    each("fir_text", fir_text::check);
}

#[test]
fn every_kept_change_of_a_document_holds() {
    each("grammar", grammar::check);
}

#[test]
fn every_kept_word_of_another_kernel_holds() {
    each("link_bytes", link_bytes::check);
}

#[test]
fn every_kept_module_file_holds() {
    each("module_bytes", module_bytes::check);
}

#[test]
fn every_kept_program_runs_as_the_model_says() {
    each("verify_run", verify_run::check);
}

/// Documents with random mistakes; no fuzzer is needed to find the first ones.
#[test]
fn changed_documents_are_refused_or_run_as_the_model_says() {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    for _ in 0..400 {
        let data: Vec<u8> = (0..48).map(|_| (random(&mut state) >> 32) as u8).collect();
        grammar::check(&data);
    }
}

/// Xorshift (Marsaglia 2003).
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Generated programs are all accepted; no fuzzer is needed to find out.
#[test]
fn generated_programs_run_as_the_model_says() {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    for origin in (1..=3u8).cycle().take(3_000) {
        let mut bytes = vec![origin];
        for _ in 0..state % 400 {
            bytes.push((random(&mut state) >> 32) as u8);
        }
        state = state.wrapping_add(0x9E37_79B9);
        verify_run::check(&bytes);
    }
}
