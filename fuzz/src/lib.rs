//! What must hold for every input, and generators that make valid inputs of bytes.
//!
//! A target in `src/bin/` hands its bytes to one function here; a test hands over every kept seed
//! (`fuzz/seeds/<target>/`), so that no finding comes back. What does not hold panics.

pub mod document;
pub mod fir_text;
pub mod generate;
pub mod grammar;
pub mod link_bytes;
pub mod module_bytes;
pub mod verify_run;

use flux_isa::Module;

/// What must hold for every module that a file can hold, whoever made it.
///
/// # Panics
/// If one module has two encodings, or its text form does not give the module back.
pub fn check_module_forms(module: &Module) {
    let bytes = module.encode();
    let again = Module::decode(&bytes).unwrap_or_else(|error| panic!("a module's own file: {error}"));
    assert!(again == *module, "decoding what was encoded gives another module");
    let text = flux_isa::asm::disassemble(module);
    match flux_isa::asm::assemble(&text) {
        Ok(again) => assert!(again == *module, "assembling the listing gives another module:\n{text}"),
        Err(errors) => panic!("the listing is refused: {}\n{text}", errors[0]),
    }
}
