//! Every kept input through its target, without a fuzzer: what was found once stays found.

use std::fs;
use std::path::Path;

use flux_fuzz::{document, fir_text, module_bytes, verify_run};

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
    each("document", document::check);
}

#[test]
fn every_kept_fir_text_holds() {
    each("fir_text", fir_text::check);
}

#[test]
fn every_kept_module_file_holds() {
    each("module_bytes", module_bytes::check);
}

#[test]
fn every_kept_program_runs_as_the_model_says() {
    each("verify_run", verify_run::check);
}

/// Generated programs are all accepted; no fuzzer is needed to find out.
#[test]
fn generated_programs_run_as_the_model_says() {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    for origin in (1..=3u8).cycle().take(3_000) {
        let mut bytes = vec![origin];
        for _ in 0..state % 400 {
            // Xorshift (Marsaglia 2003).
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.push((state >> 32) as u8);
        }
        state = state.wrapping_add(0x9E37_79B9);
        verify_run::check(&bytes);
    }
}
